//! What the headers say: `CloudEvents` 1.0 (NATS binding 1.0.3, binary mode), what is kept of the request, and what tells
//! the stream how to store it.

use std::borrow::Cow;

use http::header;
use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

use super::headers::Headers;
use super::id::Ids;
use super::trace::{PARENT, only, traceparent};
use super::{MessagePlan, MessageSpec};
use crate::scheme::{Delivery, Verified};

/// Bytes of the request's headers and query that are kept; beyond, whole headers are left out.
const KEPT_BYTES_MAX: usize = 16 * 1024;
/// A longer event type or content type is cut, or left out: an attribute is for filtering, and a body is not to choose how
/// large the headers are.
const ATTRIBUTE_BYTES_MAX: usize = 256;
const TIMES: DateTimePrinter = DateTimePrinter::new();

pub(super) fn headers(
    plan: &MessagePlan,
    verified: &Verified,
    delivery: &Delivery<'_>,
    ids: &Ids,
    received: Timestamp,
) -> Headers {
    let mut headers = Headers::of(&ids.message, &plan.common);
    cloud_event(&mut headers, &plan.spec, verified, delivery, ids, received);
    headers.add("http-method", delivery.method.as_str());
    if keep_request(&mut headers, plan, delivery) == Kept::Part {
        headers.add("http-truncated", "true");
    }
    headers
}

fn cloud_event(
    headers: &mut Headers,
    spec: &MessageSpec,
    verified: &Verified,
    delivery: &Delivery<'_>,
    ids: &Ids,
    received: Timestamp,
) {
    headers.add_attribute("ce-id", &ids.event);
    match verified.event().filter(|event| !event.is_empty()) {
        Some(event) => headers.add_attribute_of("ce-type", &[&spec.type_prefix, ".", cut(event)]),
        None => headers.add_attribute("ce-type", &spec.type_prefix),
    }
    let received = TIMES.timestamp_to_string(&received);
    match verified.time() {
        Some(time) => headers.add("ce-time", &TIMES.timestamp_to_string(&time)),
        None => headers.add("ce-time", &received),
    }
    headers.add("ce-receivedtime", &received);
    let content_type = only(delivery.headers, &header::CONTENT_TYPE);
    if let Some(content_type) = content_type.filter(|text| (1..=ATTRIBUTE_BYTES_MAX).contains(&text.len())) {
        headers.add_attribute("ce-datacontenttype", content_type);
    }
    if let Some(parent) = traceparent(delivery.headers) {
        headers.add(PARENT, parent);
    }
}

/// Whether all that was to be kept found room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    All,
    Part,
}

fn keep_request(headers: &mut Headers, plan: &MessagePlan, delivery: &Delivery<'_>) -> Kept {
    let mut room = KEPT_BYTES_MAX;
    let mut kept = Kept::All;
    let mut keep = |name: &str, value: &[u8]| match headers.add_named(name, value, room) {
        Some(bytes) => room -= bytes,
        None => kept = Kept::Part,
    };
    // What a signature needs comes before what the sender can make as long as it likes.
    for (name, stored) in &plan.kept {
        for value in delivery.headers.get_all(name) {
            keep(stored, value.as_bytes());
        }
    }
    if let Some(query) = delivery.query {
        let query = without(query, &plan.spec.secret_query);
        if !query.is_empty() {
            keep("http-query", query.as_bytes());
        }
    }
    kept
}

/// The beginning of a text, whole characters.
fn cut(text: &str) -> &str {
    let end = (0..=ATTRIBUTE_BYTES_MAX.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// The query without the parameters that carry a secret.
fn without<'a>(query: &'a str, secret: &[String]) -> Cow<'a, str> {
    if secret.is_empty() {
        return Cow::Borrowed(query);
    }
    let is_kept = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default().replace('+', " ");
        let name = percent_encoding::percent_decode_str(&name).decode_utf8_lossy();
        !secret.iter().any(|secret| *secret == name)
    };
    Cow::Owned(query.split('&').filter(is_kept).collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_loses_its_secrets_however_they_are_spelt() {
        let secret = ["token".to_owned(), "a b".to_owned()];
        for (query, expected) in [
            ("token=1&x=2", "x=2"),
            ("x=2&token=1&y", "x=2&y"),
            ("%74oken=1", ""),
            ("token", ""),
            ("token=", ""),
            ("a+b=1&a%20b=1&a%2Bb=1", "a%2Bb=1"),
            ("tokens=1&Token=2", "tokens=1&Token=2"),
        ] {
            assert_eq!(without(query, &secret), expected, "{query}");
        }
        assert_eq!(without("token=1", &[]), "token=1");
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("push"), "push");
        let long = "é".repeat(200);
        assert_eq!(cut(&long), "é".repeat(128));
        assert_eq!(cut(&format!("x{long}")), format!("x{}", "é".repeat(127)));
    }
}
