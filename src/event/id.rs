//! What tells one event from another: `ce-id` for people and consumers, `Nats-Msg-Id` for the stream.

use std::borrow::Cow;

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{Identity, MessageSpec};
use crate::scheme::{Delivery, Verified};

/// A longer message id is hashed: it costs the server memory for as long as the duplicate window.
const MESSAGE_ID_BYTES_MAX: usize = 200;
/// A longer delivery id is told by its digest.
const EVENT_ID_BYTES_MAX: usize = 256;

/// The two ids of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ids {
    /// `ce-id`.
    pub(super) event: String,
    /// `Nats-Msg-Id`.
    pub(super) message: String,
}

impl Ids {
    pub(super) fn of(plan: &MessageSpec, verified: &Verified, delivery: &Delivery<'_>) -> Self {
        let prefix = &plan.id_prefix;
        let (id, guard) = match &plan.identity {
            Identity::Delivery => match verified.id().filter(|id| !id.value.is_empty()) {
                Some(id) if id.is_signed => (shortened(&id.value), None),
                // An id that is not signed could be anyone's: what is signed then tells the event apart.
                Some(id) => (shortened(&id.value), verified.fingerprint().map(Cow::Borrowed)),
                None => return Self::random(prefix, verified),
            },
            Identity::Header(name) => {
                let value = delivery.headers.get(name).and_then(|value| value.to_str().ok());
                match value.filter(|value| !value.is_empty()) {
                    Some(value) => (shortened(value), guard(verified)),
                    None => return Self::random(prefix, verified),
                }
            }
            Identity::Content => (Cow::Owned(digest(delivery.body)), None),
            Identity::None => return Self::random(prefix, verified),
        };
        Self { message: message_id(prefix, &id, guard.as_deref()), event: id.into_owned() }
    }

    /// Nothing tells the delivery from another: our own retries are safe, the sender's are not told. People still see the
    /// provider's own id, where there is one.
    fn random(prefix: &str, verified: &Verified) -> Self {
        let id = Uuid::new_v4().to_string();
        let message = message_id(prefix, &id, None);
        let named = verified.id().filter(|id| !id.value.is_empty());
        Self { message, event: named.map_or(id, |named| shortened(&named.value).into_owned()) }
    }
}

/// What of the signed content stands beside an id that the sender did not sign: the fingerprint, or the signed id, which
/// takes its place where the scheme has one.
fn guard(verified: &Verified) -> Option<Cow<'_, str>> {
    let signed_id = || verified.id().filter(|id| id.is_signed).map(|id| Cow::Owned(digest(id.value.as_bytes())));
    verified.fingerprint().map(Cow::Borrowed).or_else(signed_id)
}

fn shortened(id: &str) -> Cow<'_, str> {
    if id.len() > EVENT_ID_BYTES_MAX { Cow::Owned(digest(id.as_bytes())) } else { Cow::Borrowed(id) }
}

/// `{prefix}.{id}`, `{prefix}.{id}.{guard}`, or, where that is long or can't stand in a header as it is, `{prefix}.~{hash}`.
/// The server compares bytes, so two ids that differ in anything must stay two.
fn message_id(prefix: &str, id: &str, guard: Option<&str>) -> String {
    let length = prefix.len() + id.len() + guard.map_or(0, str::len) + 2;
    let is_plain = id.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_plain || length > MESSAGE_ID_BYTES_MAX || id.starts_with('~') {
        let mut hash = Sha256::new();
        hash.update(id.as_bytes());
        hash.update([0]);
        hash.update(guard.unwrap_or_default());
        return format!("{prefix}.~{}", BASE64URL_NOPAD.encode(&hash.finalize()));
    }
    let mut text = String::with_capacity(length);
    text.push_str(prefix);
    text.push('.');
    text.push_str(id);
    if let Some(guard) = guard {
        text.push('.');
        text.push_str(guard);
    }
    text
}

fn digest(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_is_readable_where_it_can_be() {
        assert_eq!(message_id("uid", "evt_1", None), "uid.evt_1");
        assert_eq!(message_id("uid", "evt_1", Some("fp")), "uid.evt_1.fp");
    }

    #[test]
    fn ids_that_differ_stay_two() {
        let long = "x".repeat(300);
        let ids = ["a b", "a_b", "a\tb", "aéb", &long, &long[1..], "~x", "x"];
        let mut all: Vec<_> = ids.iter().map(|id| message_id("uid", id, None)).collect();
        all.extend(ids.iter().map(|id| message_id("uid", id, Some("fp"))));
        all.extend(ids.iter().map(|id| message_id("other", id, None)));
        // An id can't be chosen so that it passes for the hash of another one.
        let hashed = message_id("uid", "a b", None);
        all.push(message_id("uid", hashed.strip_prefix("uid.").unwrap(), None));
        for message in &all {
            assert!(
                message.len() <= MESSAGE_ID_BYTES_MAX && message.bytes().all(|b| b.is_ascii_graphic()),
                "{message}"
            );
        }
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
