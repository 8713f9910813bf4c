//! Signed times have a window with two sides, as wide as the entry says.

use std::time::Duration;

use jethook::scheme::spec::Unit;
use jethook::scheme::{Rejection, Scheme};
use jiff::{SignedDuration, Timestamp};

use crate::vectors::case::{Case, cases};
use crate::vectors::place::Place;
use crate::vectors::tried::enough;

/// Further off than any window reaches, in seconds: twenty years.
const FAR: i64 = 20 * 366 * 86_400;

/// The first and the last second at which a delivery is accepted; `None` where that never ends.
fn window(case: &Case, scheme: &Scheme) -> (Option<i64>, Option<i64>) {
    let (keys, _) = scheme.keyring(case.vector.keys());
    let verify = |seconds: i64| {
        let now = case.vector.now() + SignedDuration::from_secs(seconds);
        case.vector.verify(scheme, &keys, &case.request.delivery(), now)
    };
    let accepts = |seconds: i64| verify(seconds).is_ok();
    let edge = |far: i64| {
        if accepts(far) {
            return None;
        }
        let (mut good, mut bad) = (0, far);
        while (bad - good).abs() > 1 {
            let middle = good + (bad - good) / 2;
            if accepts(middle) { good = middle } else { bad = middle }
        }
        let refused = verify(bad);
        assert!(matches!(refused, Err(Rejection::Stale { .. })), "{}: {refused:?}", case.vector.file);
        Some(good)
    };
    (edge(-FAR), edge(FAR))
}

#[test]
fn the_window_of_a_signed_time_has_two_sides() {
    let mut tried = 0;
    for case in cases() {
        let Some(tolerance) = case.window() else { continue };
        for tolerance in [tolerance, 7] {
            let own = Some(Duration::from_secs(tolerance.unsigned_abs()));
            let scheme = case.vector.scheme_with(own);
            let (keys, _) = scheme.keyring(case.vector.keys());
            // A vector's clock may be further from its time than the narrow window.
            if case.vector.verify(&scheme, &keys, &case.request.delivery(), case.vector.now()).is_err() {
                continue;
            }
            let scheme = if tolerance == 7 { scheme } else { case.vector.scheme() };
            let (Some(first), Some(last)) = window(case, &scheme) else {
                panic!("{}: the window has no end", case.vector.file)
            };
            // A time with a fraction of a second has one whole second less around it.
            let width = last - first;
            assert!((2 * tolerance - 1..=2 * tolerance).contains(&width), "{}: {width} s", case.vector.file);
            tried += 1;
        }
    }
    enough("windows of signed times", tried);
}

#[test]
fn without_a_tolerance_a_time_is_not_limited() {
    for case in cases() {
        let spec = case.spec();
        let is_open = spec.timestamp.as_ref().is_none_or(|time| time.unit == Unit::None || time.tolerance.is_none());
        let others = spec.standard_webhooks.is_some() || spec.jwt.is_some() || spec.http_signature.is_some();
        // A certificate has a time of its own.
        let is_certified = spec.keys.values().any(|key| !key.is_secret() && key.constant.is_empty());
        if is_open && !others && !is_certified {
            assert_eq!(window(case, &case.scheme), (None, None), "{}", case.vector.file);
        }
    }
}

#[test]
fn a_token_expires_when_it_says() {
    for case in cases() {
        let spec = case.spec();
        let Some(jwt) = spec.jwt.as_ref().filter(|jwt| case.is_armed(&jwt.key)) else { continue };
        let leeway = jwt.leeway.as_deref().map_or(60, crate::vectors::case::seconds);
        let Some(claims) = claims(case).filter(|_| spec.keys.values().all(|key| key.x5c.is_none())) else { continue };
        let at = |name: &str| Some(claims.get(name)?.as_f64()?.floor() - case.vector.now as f64);
        let expiry = at("exp").map(|exp| exp as i64 + leeway - 1);
        let age =
            jwt.max_age.as_deref().map(|age| at("iat").unwrap() as i64 + crate::vectors::case::seconds(age) + leeway);
        if spec.timestamp.is_some() || case.vector.now() < Timestamp::UNIX_EPOCH {
            continue;
        }
        let wanted = [expiry, age].into_iter().flatten().min();
        assert_eq!(window(case, &case.scheme).1, wanted, "{}", case.vector.file);
    }
}

/// The claims of the token, where it stands in a place that is read from here.
fn claims(case: &Case) -> Option<serde_json::Value> {
    let jwt = case.spec().jwt.as_ref()?;
    let token = jwt.from.iter().find_map(|text| match case.place(text) {
        Place::Other(_) => String::from_utf8(case.request.body.clone()).ok(),
        place => place.get(&case.request),
    })?;
    let token = token.strip_prefix(&case.filled(&jwt.prefix))?.to_owned();
    let claims = jethook::scheme::Encoding::Base64url.decode(token.split('.').nth(1)?.as_bytes())?;
    serde_json::from_slice(&claims).ok()
}
