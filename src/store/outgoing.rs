//! A message on its way to a stream.

use async_nats::Subject;
use bytes::Bytes;

use super::ack::{Pending, Reply};
use crate::event::{Event, Headers, LargeBody, Part};

/// A message on its way.
pub(super) struct Outgoing {
    pub(super) subject: Subject,
    pub(super) headers: Headers,
    pub(super) payload: Bytes,
    /// The payload goes there, and the message itself has none.
    pub(super) large: Option<Box<LargeBody>>,
    /// Where the reply to any of its tries comes.
    pub(super) pending: Option<Pending>,
}

impl From<Event> for Outgoing {
    fn from(event: Event) -> Self {
        let Event { subject, headers, payload, large, id: _ } = event;
        Self { subject: Subject::from(subject), headers, payload, large, pending: None }
    }
}

impl From<Part> for Outgoing {
    fn from(Part { subject, headers, payload }: Part) -> Self {
        Self { subject: Subject::from(subject), headers, payload, large: None, pending: None }
    }
}

impl From<Outgoing> for Event {
    /// One that was not taken; whoever has it is done with answering.
    fn from(Outgoing { subject, headers, payload, large, pending: _ }: Outgoing) -> Self {
        Self { subject: subject.to_string(), headers, payload, large, id: String::new() }
    }
}

impl Outgoing {
    /// A reply that came after its try was given up; what broke meanwhile is to be sent again.
    pub(super) fn late_reply(&mut self) -> Option<Reply> {
        match self.pending.as_ref()?.taken()? {
            Reply::Lost => {
                self.pending = None;
                None
            }
            Reply::Late => None,
            reply => Some(reply),
        }
    }
}
