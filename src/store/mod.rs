//! JetStream: publishing with acks of our own, and what the operator knows of streams.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub use crate::stream::{Connection, Discard, Retention, Storage, StreamFacts, StreamState, View, Wanted};

use crate::event::Event;
use crate::outcome::NotStored;
use crate::route::Usage;

/// JetStream's word that the message is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its sequence in the stream.
    pub sequence: u64,
    /// Whether the stream had it already.
    pub is_duplicate: bool,
}

/// One worker's way to JetStream: a connection of its own, used from its thread only.
#[derive(Clone, Debug)]
pub struct Publisher {}

/// Limits on publishing shared by all workers.
#[derive(Clone, Copy, Debug)]
pub struct PublishLimits {
    /// `--max-inflight-publishes`.
    pub inflight_max: usize,
    /// `--reconnect-wait`.
    pub reconnect_wait: Duration,
    /// `--reconnect-waiters`.
    pub reconnect_waiters_max: usize,
}

impl Publisher {
    /// Publishes and waits for the ack, trying again with the same id until the deadline. Once begun it is to be driven to
    /// its end: spawn it, do not drop it with the sender's connection.
    ///
    /// # Errors
    /// Why the event is not known to be stored.
    pub async fn publish(
        &self,
        event: Event,
        stream: &Arc<str>,
        usage: &Arc<Usage>,
        began: Instant,
        time_limit: Duration,
    ) -> Result<Stored, NotStored> {
        let _ = (event, stream, usage, began, time_limit);
        unimplemented!()
    }
}
