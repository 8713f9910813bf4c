//! Durations as Go writes them: `5m`, `1h30m`, `2.5s`, `500ms`.

use std::time::Duration;

const UNITS: [(&str, u128); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// The duration that `text` stands for; `None` where it is none, is negative, or is longer than 1,000 days.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    const NANOS_MAX: u128 = 1_000 * 86_400 * 1_000_000_000;
    if text == "0" {
        return Some(Duration::ZERO);
    }
    if text.is_empty() || text.len() > 32 {
        return None;
    }
    let mut rest = text;
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let number = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let (value, tail) = rest.split_at_checked(number)?;
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit)?;
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        nanos = nanos.checked_add(scale(value, *factor)?)?;
        rest = tail;
    }
    if nanos > NANOS_MAX {
        return None;
    }
    Some(Duration::from_nanos(u64::try_from(nanos).ok()?))
}

fn scale(value: &str, factor: u128) -> Option<u128> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.len() > 9 || fraction.contains('.') {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let power = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    whole.checked_mul(factor)?.checked_add(fraction.checked_mul(factor)? / power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_go() {
        for (text, millis) in
            [("5m", 300_000), ("1h30m", 5_400_000), ("2.5s", 2_500), ("500ms", 500), ("0s", 0), ("0", 0), (".5s", 500)]
        {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        for text in ["", "5", "m", "-5m", "+5m", "5 m", "5d", "1..5s", "1.2.3s", ".s", "99999999h", "5m ", "5mm"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
