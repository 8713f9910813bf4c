//! What tells one event from another: `ce-id` for people and consumers, `Nats-Msg-Id` for the stream.

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::route::{Identity, MessagePlan};
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
    pub(super) fn of(plan: &MessagePlan, verified: &Verified, delivery: &Delivery<'_>) -> Self {
        let found = match &plan.identity {
            Identity::Delivery => verified.id().map(|id| (id.value.clone(), id.is_signed)),
            Identity::Header(name) => {
                let value = delivery.headers.get(name).and_then(|value| value.to_str().ok());
                value.filter(|value| !value.is_empty()).map(|value| (value.to_owned(), false))
            }
            Identity::Content => Some((digest(delivery.body), true)),
            Identity::None => None,
        };
        let Some((id, is_signed)) = found else {
            let random = Uuid::new_v4().to_string();
            return Self { message: message_id(&plan.id_prefix, &random, None), event: random };
        };
        let id = if id.len() > EVENT_ID_BYTES_MAX { digest(id.as_bytes()) } else { id };
        // An id that is not signed could be anyone's: what is signed then tells the event apart.
        let fingerprint = if is_signed { None } else { verified.fingerprint() };
        Self { message: message_id(&plan.id_prefix, &id, fingerprint), event: id }
    }
}

fn message_id(prefix: &str, id: &str, fingerprint: Option<&str>) -> String {
    let mut text = String::with_capacity(prefix.len() + id.len() + fingerprint.map_or(0, str::len) + 2);
    text.push_str(prefix);
    text.push('.');
    // The server compares bytes; blanks and controls can't stand in a header.
    text.extend(id.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }));
    let is_plain = id.bytes().all(|b| b.is_ascii_graphic());
    if let Some(fingerprint) = fingerprint {
        text.push('.');
        text.push_str(fingerprint);
    }
    if is_plain && text.len() <= MESSAGE_ID_BYTES_MAX {
        return text;
    }
    // Two ids that differ only in what was replaced must stay two.
    let mut hash = Sha256::new();
    hash.update(id.as_bytes());
    hash.update([0]);
    hash.update(fingerprint.unwrap_or_default());
    format!("{prefix}.{}", BASE64URL_NOPAD.encode(&hash.finalize()))
}

fn digest(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(&Sha256::digest(bytes))
}
