//! Key bytes that never print and are wiped when dropped.

use std::collections::BTreeMap;
use std::fmt;

use data_encoding::BASE64;
use serde_json::Value;
use zeroize::Zeroizing;

/// The bytes of a secret. `Debug` shows `[redacted]`; the memory is wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The bytes themselves. Call it where they are used, and keep no copy.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Without the one newline at its end that an editor or `echo` left there, where it is a line of text; `None` where there
    /// is nothing to strip. Several lines (PEM, JSON) and binary keys are left as they are.
    #[must_use]
    pub fn without_final_newline(&self) -> Option<Self> {
        let line = self.0.strip_suffix(b"\n")?;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let is_text = std::str::from_utf8(line).is_ok_and(|text| !text.chars().any(|c| c.is_control() && c != '\t'));
        is_text.then(|| Self::from(line.to_vec()))
    }

    /// Without the white space around it; `None` where there is none.
    #[must_use]
    pub fn trimmed(&self) -> Option<Self> {
        let trimmed = self.0.trim_ascii();
        (trimmed.len() < self.0.len()).then(|| Self::from(trimmed.to_vec()))
    }

    /// True when there is nothing in it but white space: such a secret would let anyone sign.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.0.iter().all(u8::is_ascii_whitespace)
    }
}

/// What was read of a Kubernetes Secret: the keys that endpoints name, and nothing else of its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretData {
    /// Its resourceVersion.
    pub resource_version: String,
    /// The named keys that it has.
    pub keys: BTreeMap<String, Secret>,
    /// The names of all keys that it has, for messages.
    pub key_names: Vec<String>,
}

/// The keys of a Secret's manifest: `data`, with `stringData` laid over it, as the apiserver does. What is not of that form
/// is left out.
#[must_use]
pub fn keys_of(manifest: &Value) -> BTreeMap<String, Secret> {
    let entries = |field: &str| manifest.get(field).and_then(Value::as_object).into_iter().flatten();
    let mut keys = BTreeMap::new();
    for (key, value) in entries("data") {
        let text: String = value.as_str().unwrap_or_default().split(['\r', '\n']).collect();
        if let Ok(bytes) = BASE64.decode(text.as_bytes()) {
            keys.insert(key.clone(), Secret::from(bytes));
        }
    }
    for (key, value) in entries("stringData") {
        keys.insert(key.clone(), Secret::from(value.as_str().unwrap_or_default()));
    }
    keys
}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes().to_vec())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_it() {
        assert_eq!(format!("{:?}", Secret::from("hunter2")), "[redacted]");
    }

    #[test]
    fn one_final_newline_is_stripped_from_a_line_of_text_only() {
        for (value, expected) in [
            ("abc\n", Some("abc")),
            ("abc\r\n", Some("abc")),
            ("a b\tc\n", Some("a b\tc")),
            ("\n", Some("")),
            ("abc", None),
            ("abc\n\n", None),
            ("-----BEGIN\nx\n", None),
            ("a\u{0}b\n", None),
        ] {
            assert_eq!(Secret::from(value).without_final_newline(), expected.map(Secret::from), "{value:?}");
        }
        assert_eq!(Secret::from(vec![0xff, b'\n']).without_final_newline(), None);
    }

    #[test]
    fn string_data_is_laid_over_data() {
        let manifest = serde_json::json!({
            "data": {"a": "b25l", "b": "dHdv\n", "c": "no base64"},
            "stringData": {"b": "three", "d": null},
        });
        let expected = [("a", "one"), ("b", "three"), ("d", "")];
        assert_eq!(keys_of(&manifest), expected.map(|(key, value)| (key.to_owned(), Secret::from(value))).into());
        assert_eq!(keys_of(&serde_json::json!({"data": []})), BTreeMap::new());
    }

    #[test]
    fn white_space_alone_is_blank() {
        assert!(Secret::from(" \n\t").is_blank());
        assert!(Secret::from("").is_blank());
        assert!(!Secret::from(" x ").is_blank());
    }
}
