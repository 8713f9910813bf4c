//! Standard Webhooks 1.0.0 (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md).

use std::borrow::Cow;

use http::HeaderName;
use jiff::Timestamp;

use super::candidate::CANDIDATES_MAX;
use super::plan::{StandardHeaders, StandardPlan};
use super::scope::Scope;
use super::spec::Unit;
use super::{Encoding, Rejection, timestamp};

/// Verifies a delivery; gives the headers that count and the number of the key.
pub(super) fn verify<'s>(
    scope: &Scope<'s, '_>,
    plan: &'s StandardPlan,
    now: Timestamp,
) -> Result<(&'s StandardHeaders, Option<usize>), Rejection> {
    let set = complete_set(scope, plan)?;
    let id = required(scope, &set.id)?;
    let time = required(scope, &set.timestamp)?;
    let signatures = required(scope, &set.signature)?;
    // Dots cut the signed text: one in the id would let the parts be cut another way.
    if id.is_empty() || id.contains(&b'.') {
        return Err(malformed(&set.id));
    }
    let nanos = timestamp::read(Unit::S, time).ok_or_else(|| malformed(&set.timestamp))?;
    let (mut v1, mut v1a) = (Vec::new(), Vec::new());
    for item in signatures.split(|byte| *byte == b' ').filter(|item| !item.is_empty()).take(CANDIDATES_MAX) {
        if let Some(text) = item.strip_prefix(b"v1,") {
            v1.extend(Encoding::Base64.decode(text).filter(|signature| signature.len() == 32));
        } else if let Some(text) = item.strip_prefix(b"v1a,") {
            v1a.extend(Encoding::Base64.decode(text).filter(|signature| signature.len() == 64));
        }
    }
    if v1.is_empty() && v1a.is_empty() {
        return Err(malformed(&set.signature));
    }
    let pieces = [id, b".", time, b".", scope.reader.body()].map(Cow::Borrowed);
    let held = scope.keys.standard.iter().find(|held| held.key.matches(&pieces, &v1, &v1a));
    let held = held.ok_or(Rejection::NoKeyMatched)?;
    timestamp::check_window(nanos, plan.tolerance, now)?;
    Ok((set, held.index))
}

/// The first set of headers that is complete; where none is, the first of which anything is there.
fn complete_set<'s>(scope: &Scope<'s, '_>, plan: &'s StandardPlan) -> Result<&'s StandardHeaders, Rejection> {
    let headers = scope.reader.delivery().headers;
    let count = |set: &&StandardHeaders| {
        [&set.id, &set.timestamp, &set.signature].iter().filter(|name| headers.contains_key(**name)).count()
    };
    let complete = plan.headers.iter().find(|set| count(set) == 3);
    let partial = plan.headers.iter().find(|set| count(set) > 0);
    complete.or(partial).or(plan.headers.first()).ok_or_else(|| Rejection::Missing { what: "headers".to_owned() })
}

fn required<'s>(scope: &Scope<'s, '_>, name: &HeaderName) -> Result<&'s [u8], Rejection> {
    scope.reader.header(name)?.ok_or_else(|| Rejection::Missing { what: format!("header:{name}") })
}

fn malformed(name: &HeaderName) -> Rejection {
    Rejection::Malformed { what: format!("header:{name}") }
}
