//! Limits of an endpoint: body size, rate, client addresses, time for an answer.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use ipnet::IpNet;

use super::Problem;
use crate::api::{Limits, Rate, Reason, quantity_bytes};

/// How long an answer may take where the entry does not know its sender's limit.
const TIME_LIMIT_DEFAULT: Duration = Duration::from_millis(4500);
/// The longest that any answer may take.
const TIME_LIMIT_MAX: Duration = Duration::from_secs(9);
/// The least time that is kept for the way to and from the sender.
const MARGIN_MIN: Duration = Duration::from_millis(500);

/// A rate limiter with the numbers that it was made for, so that a recompile can keep it.
#[derive(Clone, Debug)]
pub struct RateLimit {
    per_second: NonZeroU32,
    burst: NonZeroU32,
    /// The limiter.
    pub limiter: Arc<DefaultDirectRateLimiter>,
}

/// How long after its first byte a request must be answered: the sender's own limit less half a second or a tenth, whichever
/// is more, though never less than half of it (a sender may wait 0.5 s only), and never more than 9 s.
pub(super) fn time_limit(sender: Option<Duration>) -> Duration {
    let Some(sender) = sender else {
        return TIME_LIMIT_DEFAULT;
    };
    let margin = (sender / 10).max(MARGIN_MIN);
    sender.saturating_sub(margin).max(sender / 2).min(TIME_LIMIT_MAX)
}

/// The largest body that the endpoint itself allows, in bytes.
pub(super) fn body_bytes_max(limits: Option<&Limits>, default: u64, problems: &mut Vec<Problem>) -> u64 {
    const FIELD: &str = "spec.limits.maxBodySize";
    let Some(text) = limits.and_then(|limits| limits.max_body_size.as_deref()) else {
        return default;
    };
    match quantity_bytes(text) {
        Some(bytes) if bytes > 0 => bytes,
        Some(_) => {
            problems.push(Problem::lasting(Reason::Invalid, FIELD, format!("{FIELD} must be at least 1 byte")));
            default
        }
        None => {
            let message = format!("{FIELD} {text:?} is no quantity of bytes such as 512Ki, 1Mi or 1048576");
            problems.push(Problem::lasting(Reason::Invalid, FIELD, message));
            default
        }
    }
}

/// The endpoint's rate limiter: the one it had, where the numbers are the same.
pub(super) fn rate(
    limits: Option<&Limits>,
    before: Option<&RateLimit>,
    problems: &mut Vec<Problem>,
) -> Option<RateLimit> {
    const FIELD: &str = "spec.limits.rate";
    let Rate { requests_per_second, burst } = limits?.rate.as_ref()?;
    let mut refuse = |field: &str, message: &str| {
        let field = format!("{FIELD}.{field}");
        problems.push(Problem::lasting(Reason::Invalid, &field, format!("{field} {message}")));
    };
    let positive = |number: i32| u32::try_from(number).ok().and_then(NonZeroU32::new);
    let Some(per_second) = positive(*requests_per_second) else {
        refuse("requestsPerSecond", "must be at least 1");
        return None;
    };
    let burst = burst.map_or(Some(per_second), |burst| positive(burst).filter(|burst| *burst >= per_second));
    let Some(burst) = burst else {
        refuse("burst", "must be at least requestsPerSecond");
        return None;
    };
    if let Some(same) = before.filter(|before| (before.per_second, before.burst) == (per_second, burst)) {
        return Some(same.clone());
    }
    let limiter = Arc::new(RateLimiter::direct(Quota::per_second(per_second).allow_burst(burst)));
    Some(RateLimit { per_second, burst, limiter })
}

/// The client addresses that may deliver.
pub(super) fn source_ranges(ranges: &[String], problems: &mut Vec<Problem>) -> Vec<IpNet> {
    let mut parsed = Vec::with_capacity(ranges.len());
    for (index, range) in ranges.iter().enumerate() {
        if let Ok(range) = range.parse::<IpNet>() {
            parsed.push(range.trunc());
        } else {
            let field = format!("spec.sourceRanges[{index}]");
            let message = format!("{field} {range:?} is no CIDR such as 192.0.2.0/24 or 2001:db8::/32");
            problems.push(Problem::lasting(Reason::Invalid, field, message));
        }
    }
    parsed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_comes_before_the_sender_gives_up() {
        for (sender, ours) in
            [(10_000, 9_000), (3_000, 2_500), (5_000, 4_500), (500, 250), (1_250, 750), (30_000, 9_000), (7_000, 6_300)]
        {
            assert_eq!(time_limit(Some(Duration::from_millis(sender))), Duration::from_millis(ours), "{sender}");
        }
        assert_eq!(time_limit(None), Duration::from_millis(4500));
    }

    fn size(text: &str) -> (u64, usize) {
        let limits = Limits { max_body_size: Some(text.to_owned()), rate: None };
        let mut problems = Vec::new();
        (body_bytes_max(Some(&limits), 7, &mut problems), problems.len())
    }

    #[test]
    fn a_body_size_is_a_positive_quantity() {
        assert_eq!(size("64Ki"), (65_536, 0));
        assert_eq!(size("0"), (7, 1));
        assert_eq!(size("many"), (7, 1));
        assert_eq!(body_bytes_max(None, 7, &mut Vec::new()), 7);
    }

    fn limited(requests_per_second: i32, burst: Option<i32>, before: Option<&RateLimit>) -> Result<RateLimit, String> {
        let limits = Limits { max_body_size: None, rate: Some(Rate { requests_per_second, burst }) };
        let mut problems = Vec::new();
        rate(Some(&limits), before, &mut problems).ok_or_else(|| problems[0].field.clone())
    }

    #[test]
    fn a_rate_is_positive_and_its_burst_no_smaller() {
        let made = limited(2, Some(3), None).unwrap();
        assert_eq!((0..9).filter(|_| made.limiter.check().is_ok()).count(), 3);
        assert_eq!(limited(0, None, None).unwrap_err(), "spec.limits.rate.requestsPerSecond");
        assert_eq!(limited(-1, None, None).unwrap_err(), "spec.limits.rate.requestsPerSecond");
        assert_eq!(limited(2, Some(1), None).unwrap_err(), "spec.limits.rate.burst");
        assert_eq!(limited(2, Some(0), None).unwrap_err(), "spec.limits.rate.burst");
    }

    #[test]
    fn a_limiter_is_kept_while_its_numbers_are() {
        let before = limited(2, None, None).unwrap();
        assert!(Arc::ptr_eq(&before.limiter, &limited(2, Some(2), Some(&before)).unwrap().limiter));
        assert!(!Arc::ptr_eq(&before.limiter, &limited(2, Some(3), Some(&before)).unwrap().limiter));
    }

    #[test]
    fn source_ranges_are_cidrs() {
        let mut problems = Vec::new();
        let ranges = ["192.0.2.7/24", "nonsense", "2001:db8::/32", "192.0.2.1"].map(str::to_owned);
        let parsed = source_ranges(&ranges, &mut problems);
        assert_eq!(parsed, ["192.0.2.0/24".parse::<IpNet>().unwrap(), "2001:db8::/32".parse().unwrap()]);
        assert_eq!(
            problems.iter().map(|p| p.field.as_str()).collect::<Vec<_>>(),
            ["spec.sourceRanges[1]", "spec.sourceRanges[3]"]
        );
    }
}
