//! Kubernetes quantities as bytes.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

/// The bytes that a quantity such as `1Mi`, `64M`, `1.5Gi` or `1048576` stands for; `None` when it is no quantity, is
/// negative, or is no whole number of bytes.
#[must_use]
pub fn quantity_bytes(text: &str) -> Option<u64> {
    const SUFFIXES: [(&str, u64); 13] = [
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
        ("Ti", 1 << 40),
        ("Pi", 1 << 50),
        ("Ei", 1 << 60),
        ("k", 1_000),
        ("M", 1_000_000),
        ("G", 1_000_000_000),
        ("T", 1_000_000_000_000),
        ("P", 1_000_000_000_000_000),
        ("E", 1_000_000_000_000_000_000),
        ("", 1),
    ];
    let (number, factor) = SUFFIXES.iter().find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)))?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_number = !(whole.is_empty() && fraction.is_empty()) && fraction.len() <= 9;
    if !is_number || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    let fraction: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let scaled = whole.checked_mul(scale)?.checked_add(fraction)?.checked_mul(u128::from(factor))?;
    if scaled % scale != 0 {
        return None;
    }
    u64::try_from(scaled / scale).ok()
}

/// Reads a quantity that is written as text or as a plain number.
pub(super) fn quantity_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Number(i64),
    }
    Ok(Option::<Written>::deserialize(deserializer)?.map(|written| match written {
        Written::Text(text) => text,
        Written::Number(number) => number.to_string(),
    }))
}

/// The schema of a number of bytes from 1 to 1Gi.
pub(super) fn quantity_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "x-kubernetes-int-or-string": true,
        "x-kubernetes-validations": [{
            "rule": "string(self).matches('^[0-9]{1,12}([.][0-9]{1,9})?(k|M|G|Ki|Mi|Gi)?$') \
                     && quantity(string(self)).isInteger() \
                     && quantity(string(self)).compareTo(quantity('1')) >= 0 \
                     && quantity(string(self)).compareTo(quantity('1Gi')) <= 0",
            "message": "must be a quantity of bytes from 1 to 1Gi, such as 512Ki, 1Mi or 1048576",
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_reads_them() {
        for (text, bytes) in
            [("1Mi", 1_048_576), ("64M", 64_000_000), ("1.5Ki", 1536), ("0", 0), ("123", 123), (".5Ki", 512)]
        {
            assert_eq!(quantity_bytes(text), Some(bytes), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "Mi", "1MB", "-1", "1.5", "1 Mi", "+1", "0x10", "1mi", "99999999999Ei", "."] {
            assert_eq!(quantity_bytes(text), None, "{text}");
        }
    }
}
