//! Signed times: read strictly, held against a window with two sides.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;

use super::Rejection;
use super::spec::Unit;

/// The longest text that is read as a time.
const TEXT_MAX: usize = 64;
const NANOS: i128 = 1_000_000_000;

/// Nanoseconds since 1970 of a signed time; `None` where the text is no time in this unit.
pub(super) fn read(unit: Unit, text: &[u8]) -> Option<i128> {
    let text = std::str::from_utf8(text).ok().filter(|text| !text.is_empty() && text.len() <= TEXT_MAX)?;
    match unit {
        Unit::S => digits(text).map(|seconds| seconds * NANOS),
        Unit::Ms => digits(text).map(|millis| millis * (NANOS / 1_000)),
        Unit::Rfc3339 => text.parse::<Timestamp>().ok().map(Timestamp::as_nanosecond),
        Unit::HttpDate => {
            // An HTTP date always ends in GMT (RFC 9110, section 5.6.7).
            let zoned = text.ends_with(" GMT").then(|| rfc2822::parse(text).ok()).flatten()?;
            Some(zoned.timestamp().as_nanosecond())
        }
        Unit::None => None,
    }
}

/// A time that an event tells; digits may have a fraction.
pub(super) fn read_event(unit: Unit, text: &[u8]) -> Option<Timestamp> {
    let nanos = match unit {
        Unit::S | Unit::Ms => {
            let text = std::str::from_utf8(text).ok()?;
            let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
            let is_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
            is_fraction.then(|| read(unit, whole.as_bytes())).flatten()?
        }
        Unit::Rfc3339 | Unit::HttpDate | Unit::None => read(unit, text)?,
    };
    Timestamp::from_nanosecond(nanos).ok()
}

/// How a time is written, for signing.
pub(super) fn write(unit: Unit, now: Timestamp) -> String {
    match unit {
        Unit::S | Unit::None => now.as_second().to_string(),
        Unit::Ms => now.as_millisecond().to_string(),
        Unit::Rfc3339 => now.to_string(),
        Unit::HttpDate => now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
    }
}

/// Refuses a time that is further from now than `tolerance`, either way.
pub(super) fn check_window(nanos: i128, tolerance: Duration, now: Timestamp) -> Result<(), Rejection> {
    let age = now.as_nanosecond().saturating_sub(nanos);
    if age.unsigned_abs() <= tolerance.as_nanos() {
        return Ok(());
    }
    let seconds = i64::try_from(age / NANOS).unwrap_or(if age < 0 { i64::MIN } else { i64::MAX });
    Err(Rejection::Stale { seconds, tolerance: tolerance.as_secs() })
}

fn digits(text: &str) -> Option<i128> {
    (text.len() <= 19 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_478_400;

    fn now() -> Timestamp {
        Timestamp::from_second(NOW).unwrap()
    }

    #[test]
    fn a_time_is_read_in_its_unit_only() {
        let nanos = Some(i128::from(NOW) * NANOS);
        let rows = [
            (Unit::S, "1795478400"),
            (Unit::Ms, "1795478400000"),
            (Unit::Rfc3339, "2026-11-24T00:00:00Z"),
            (Unit::Rfc3339, "2026-11-24T01:00:00.000+01:00"),
            (Unit::HttpDate, "Tue, 24 Nov 2026 00:00:00 GMT"),
        ];
        for (unit, text) in rows {
            assert_eq!(read(unit, text.as_bytes()), nanos, "{text}");
        }
        for unit in [Unit::S, Unit::Ms, Unit::Rfc3339, Unit::HttpDate] {
            assert_eq!(read(unit, write(unit, now()).as_bytes()), nanos, "{unit:?}");
        }
    }

    #[test]
    fn anything_else_is_no_time() {
        let seconds =
            ["", "-1", "+1", " 1", "1 ", "1e9", "0x1", "1.5", "12345678901234567890", "١", "2026-11-24T00:00:00Z"];
        for text in seconds {
            assert_eq!(read(Unit::S, text.as_bytes()), None, "{text}");
        }
        for text in ["", "1795478400", "2026-11-24", "2026-11-24T00:00:00", "yesterday"] {
            assert_eq!(read(Unit::Rfc3339, text.as_bytes()), None, "{text}");
        }
        for text in ["", "Tue, 24 Nov 2026 00:00:00 +0000", "2026-11-24T00:00:00Z GMT"] {
            assert_eq!(read(Unit::HttpDate, text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_window_has_two_sides() {
        let check = |text: &str| check_window(read(Unit::S, text.as_bytes()).unwrap(), Duration::from_secs(300), now());
        for offset in [-300, 0, 300] {
            assert_eq!(check(&(NOW + offset).to_string()), Ok(()), "{offset}");
        }
        for offset in [-301, 301] {
            let stale = Rejection::Stale { seconds: -offset, tolerance: 300 };
            assert_eq!(check(&(NOW + offset).to_string()), Err(stale), "{offset}");
        }
        for text in ["0", "9223372036854775807", "9999999999999999999"] {
            assert!(matches!(check(text), Err(Rejection::Stale { .. })), "{text}");
        }
    }

    #[test]
    fn an_event_may_tell_a_fraction() {
        assert_eq!(read_event(Unit::S, b"1795478400.123"), Some(now()));
        assert_eq!(read_event(Unit::S, b"1795478400.x"), None);
        assert_eq!(read_event(Unit::Ms, b"9999999999999999999"), None);
    }
}
