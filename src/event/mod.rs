//! The message that is stored.

mod headers;
mod id;

use async_nats::HeaderMap;
use bytes::Bytes;
use jiff::Timestamp;

use crate::route::{EndpointRef, MessagePlan};
use crate::scheme::{Delivery, Verified};

/// A verified delivery as the message that `JetStream` stores.
#[derive(Clone, Debug)]
pub struct Event {
    /// The subject: checked tokens.
    pub subject: String,
    /// All headers of the message.
    pub headers: HeaderMap,
    /// The body, byte for byte.
    pub payload: Bytes,
    /// `ce-id`: what the sender is told.
    pub id: String,
}

impl Event {
    /// Builds the message. `received` is when the request's first byte came.
    #[must_use]
    pub fn new(
        endpoint: &EndpointRef,
        provider: &str,
        plan: &MessagePlan,
        verified: &Verified,
        delivery: &Delivery<'_>,
        payload: Bytes,
        received: Timestamp,
    ) -> Self {
        let _ = endpoint;
        let identity = id::Ids::of(plan, verified, delivery);
        let subject = plan.subject.subject(verified.event());
        let headers = headers::build(provider, plan, verified, delivery, &identity, received);
        Self { subject, headers, payload, id: identity.event }
    }
}
