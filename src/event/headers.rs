//! The headers of a message: CloudEvents 1.0 (NATS binding 1.0.3, binary mode), what is kept of the request, and what
//! tells the stream how to store it.

use std::fmt::Write as _;

use async_nats::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

use super::id::Ids;
use crate::route::MessagePlan;
use crate::scheme::{Delivery, Verified};

/// Bytes of request headers that are kept; beyond, whole headers are left out.
const KEPT_BYTES_MAX: usize = 16 * 1024;

/// Adds headers, without the forms of async-nats that panic.
struct Headers {
    map: HeaderMap,
    kept_bytes: usize,
    is_truncated: bool,
}

pub(super) fn build(
    provider: &str,
    plan: &MessagePlan,
    verified: &Verified,
    delivery: &Delivery<'_>,
    ids: &Ids,
    received: Timestamp,
) -> HeaderMap {
    let mut headers = Headers { map: HeaderMap::new(), kept_bytes: 0, is_truncated: false };
    headers.set("Nats-Msg-Id", &ids.message);
    headers.set("Nats-Expected-Stream", &plan.stream);
    headers.cloud_event(provider, plan, verified, delivery, ids, received);
    headers.request(plan, delivery);
    if headers.is_truncated {
        headers.set("http-truncated", "true");
    }
    headers.map
}

impl Headers {
    fn cloud_event(
        &mut self,
        provider: &str,
        plan: &MessagePlan,
        verified: &Verified,
        delivery: &Delivery<'_>,
        ids: &Ids,
        received: Timestamp,
    ) {
        self.set("ce-specversion", "1.0");
        self.set_encoded("ce-id", &ids.event);
        self.set_encoded("ce-source", &plan.source);
        match verified.event() {
            Some(event) => self.set_encoded("ce-type", &format!("{}.{event}", plan.type_prefix)),
            None => self.set_encoded("ce-type", &plan.type_prefix),
        }
        self.set("ce-time", &verified.time().unwrap_or(received).to_string());
        if let Some(content_type) = text(delivery, "content-type") {
            self.set_encoded("ce-datacontenttype", content_type);
        }
        self.set("ce-provider", provider);
        self.set("ce-receivedtime", &received.to_string());
        self.set("ce-authenticates", plan.authenticates);
        if let Some(parent) = text(delivery, "traceparent").filter(|value| is_traceparent(value)) {
            self.set("ce-traceparent", parent);
        }
    }

    fn request(&mut self, plan: &MessagePlan, delivery: &Delivery<'_>) {
        self.set("http-method", delivery.method.as_str());
        if let Some(query) = delivery.query {
            let kept = without(query, &plan.secret_query);
            if !kept.is_empty() {
                self.keep("http-query", kept.as_bytes());
            }
        }
        for name in &plan.headers {
            let stored = format!("http-{name}");
            for value in delivery.headers.get_all(name) {
                self.keep(&stored, value.as_bytes());
            }
        }
    }

    /// A header of the request, while there is room.
    fn keep(&mut self, name: &str, value: &[u8]) {
        let value = printable(value);
        let bytes = name.len() + value.len() + 4;
        if self.kept_bytes + bytes > KEPT_BYTES_MAX {
            self.is_truncated = true;
            return;
        }
        self.kept_bytes += bytes;
        self.add(name, &value);
    }

    /// A CloudEvents attribute: percent-encoded as the binding says.
    fn set_encoded(&mut self, name: &'static str, value: &str) {
        if value.bytes().all(is_plain) {
            self.set(name, value);
            return;
        }
        let mut encoded = String::with_capacity(value.len() + 16);
        for byte in value.bytes() {
            if is_plain(byte) {
                encoded.push(char::from(byte));
            } else {
                // Writing to a string can't fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
        self.set(name, &encoded);
    }

    #[expect(clippy::disallowed_methods, reason = "typed names and values: nothing is left to panic on")]
    fn set(&mut self, name: &'static str, value: &str) {
        if let Ok(value) = value.parse::<HeaderValue>() {
            self.map.insert(HeaderName::from_static(name), value);
        }
    }

    fn add(&mut self, name: &str, value: &str) {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            self.map.append(name, value);
        }
    }
}

/// U+0021 to U+007E, save `"` and `%`.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'"' && byte != b'%'
}

/// A header value as text: what is no printable ASCII, blank or tab is percent-encoded.
fn printable(value: &[u8]) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value {
        match byte {
            b' ' | b'\t' => text.push(char::from(*byte)),
            byte if byte.is_ascii_graphic() => text.push(char::from(*byte)),
            byte => drop(write!(text, "%{byte:02X}")),
        }
    }
    text
}

fn text<'a>(delivery: &Delivery<'a>, name: &str) -> Option<&'a str> {
    delivery.headers.get(name)?.to_str().ok()
}

/// `00-{32 hex}-{16 hex}-{2 hex}`, lower case (W3C Trace Context).
fn is_traceparent(value: &str) -> bool {
    let parts: Vec<_> = value.split('-').collect();
    let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
    lengths == [2, 32, 16, 2]
        && parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)))
        && parts.first().is_some_and(|version| *version != "ff")
}

/// The query without the parameters that carry a secret.
fn without(query: &str, secret: &[String]) -> String {
    let is_kept = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy().replace('+', " ");
        !secret.contains(&name)
    };
    query.split('&').filter(is_kept).collect::<Vec<_>>().join("&")
}
