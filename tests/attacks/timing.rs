//! Whether the time that a refusal takes tells how much of a secret is right.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use data_encoding::HEXLOWER;
use http::{HeaderMap, HeaderValue, Method};
use jethook::scheme::{Context, Delivery, Key, Scheme};
use jethook::secret::Secret;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::scale;
use crate::support::sign::hmac_sha256;

const BODY: &[u8] = b"{}";
const SECRET: &str = "a token of thirty-two characters";
/// Leaks of a byte-wise comparison show as t values of hundreds; a busy machine alone reaches some units.
const T_MAX: f64 = 10.0;

/// Welch's t of two sets of measurements, the slowest tenth of each left out.
fn t(mut a: Vec<f64>, mut b: Vec<f64>) -> f64 {
    let moments = |all: &mut Vec<f64>| {
        all.sort_by(f64::total_cmp);
        all.truncate(all.len() * 9 / 10);
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let variance = all.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (all.len() - 1) as f64;
        (mean, variance / all.len() as f64)
    };
    let ((mean_a, error_a), (mean_b, error_b)) = (moments(&mut a), moments(&mut b));
    (mean_a - mean_b) / (error_a + error_b).sqrt()
}

/// Refuses two values in random order, many times, and compares how long that took.
fn compare(scheme: &Scheme, values: [&str; 2], samples: usize, seed: u64) -> f64 {
    let key = Key { index: 0, r#use: "signing".to_owned(), secret: Secret::from(SECRET) };
    let (keys, _) = scheme.keyring(vec![key]);
    let headers = values.map(|value| {
        let mut headers = HeaderMap::new();
        headers.insert("x-proof", HeaderValue::from_str(value).unwrap());
        headers
    });
    let mut random = fastrand::Rng::with_seed(seed);
    let mut times = [Vec::with_capacity(samples), Vec::with_capacity(samples)];
    for _ in 0..2 * samples {
        let which = usize::from(random.bool());
        let delivery = Delivery {
            method: &Method::POST,
            path: "/a/b",
            query: None,
            path_token: None,
            headers: &headers[which],
            body: BODY,
        };
        let began = Instant::now();
        let verdict = black_box(scheme.verify(&keys, black_box(&delivery), Timestamp::UNIX_EPOCH));
        times[which].push(began.elapsed().as_nanos() as f64);
        assert!(verdict.is_err());
    }
    let [a, b] = times;
    t(a, b)
}

/// Noise goes either way; a leak goes one way each time.
#[track_caller]
fn shows_no_trend(what: &str, verification: Value, values: [&str; 2]) {
    let verification = serde_json::from_value(verification).unwrap();
    let context = Context { parameters: &BTreeMap::new(), url: None, tolerance: None };
    let scheme = Scheme::compile(&verification, context).unwrap();
    let samples = scale::of(20_000, 500_000);
    let found: Vec<f64> = (0..4).map(|round| compare(&scheme, values, samples, scale::seed() + round)).collect();
    let is_leak = found.iter().all(|t| *t > T_MAX) || found.iter().all(|t| *t < -T_MAX);
    assert!(!is_leak, "{what}: t = {found:?}");
}

#[test]
fn a_wrong_mac_takes_as_long_whatever_of_it_is_right() {
    let right = hmac_sha256(SECRET.as_bytes(), &[BODY]);
    let wrong = |at: usize| {
        let mut wrong = right.clone();
        wrong[at] ^= 1;
        HEXLOWER.encode(&wrong)
    };
    let verification = json!({"hmac": {"hash": "sha256", "from": ["header:x-proof"]}});
    shows_no_trend("the first byte or the last", verification, [&wrong(0), &wrong(31)]);
}

#[test]
fn a_wrong_token_takes_as_long_whatever_of_it_is_right() {
    let verification = || json!({"token": {"from": ["header:x-proof"]}});
    let (first, last) = (format!("b{}", &SECRET[1..]), format!("{}t", &SECRET[..31]));
    shows_no_trend("the first byte or the last", verification(), [&first, &last]);
}

/// The measurement sees what it is to see.
#[test]
fn a_comparison_that_stops_early_is_seen() {
    let sample = |offset: f64| (0..10_000).map(|n| offset + f64::from(n % 7)).collect::<Vec<_>>();
    assert!(t(sample(0.0), sample(0.0)).abs() < 0.001);
    assert!(t(sample(3.0), sample(0.0)) > T_MAX);
}
