//! Bodies larger than NATS takes: into an object store bucket, before the message that speaks of them.

use std::time::Duration;

use async_nats::client::RequestErrorKind;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::outgoing::Outgoing;
use super::publish::{Patient, Publisher};
use crate::event::{LargeBody, Part};
use crate::outcome::NotStored;
use crate::route::{BODIES_OUTLIVE_BY, Gate};

/// The size of a piece, as NATS's own clients have it; less where a server takes less.
const CHUNK_BYTES_MAX: usize = 128 * 1024;
/// Room for the headers of a piece.
const CHUNK_HEADER_BYTES: usize = 4 * 1024;
/// For finding out whether a body is there already.
const LOOK_MAX: Duration = Duration::from_secs(1);

impl Publisher {
    /// Stores a body; one that is there already, and will be for as long as the event may be kept, is not stored again.
    ///
    /// # Errors
    /// Why it is not known to be stored.
    pub(super) async fn store_body(
        &self,
        large: &LargeBody,
        body: &Bytes,
        deadline: Instant,
        patient: Patient,
    ) -> Result<(), NotStored> {
        if self.is_up() && self.has_body(large, deadline).await? {
            return Ok(());
        }
        let upload = Uuid::new_v4().simple().to_string();
        let room = self.payload_bytes_max().saturating_sub(CHUNK_HEADER_BYTES);
        let chunk_bytes = room.clamp(1, CHUNK_BYTES_MAX);
        // The bucket's own: its silence says nothing of the endpoint's stream.
        let gate = Gate::default();
        let mut chunks = 0;
        // One after the other: a reader takes them in the order in which they are stored.
        for begin in (0..body.len()).step_by(chunk_bytes) {
            let chunk = body.slice(begin..body.len().min(begin + chunk_bytes));
            self.store_part(large.chunk(&upload, chunks, chunk), &gate, deadline, patient).await?;
            chunks += 1;
        }
        let description = large.description(&upload, chunks, body.len(), chunk_bytes, Timestamp::now());
        self.store_part(description, &gate, deadline, patient).await
    }

    async fn store_part(&self, part: Part, gate: &Gate, deadline: Instant, patient: Patient) -> Result<(), NotStored> {
        self.send(&mut Outgoing::from(part), gate, (Instant::now(), deadline), patient).await.map(drop)
    }

    /// Whether the bucket has the body, and keeps it long enough. A request that has no answer costs the client a few hundred
    /// bytes for good; of these there are a handful before NATS counts as away.
    async fn has_body(&self, large: &LargeBody, deadline: Instant) -> Result<bool, NotStored> {
        let subject = format!("{}DIRECT.GET.{}.{}", self.api(), large.stream(), large.description_subject());
        let asking = self.client().request(subject, Bytes::new());
        let answer = match timeout_at(deadline.min(Instant::now() + LOOK_MAX), asking).await {
            Ok(Ok(answer)) => answer,
            // The bucket is not there, or does not answer so: storing will tell.
            Ok(Err(error)) if error.kind() == RequestErrorKind::NoResponders => return Ok(false),
            Ok(Err(_)) | Err(_) => return Err(NotStored::NoAck),
        };
        let stored = answer.headers.as_ref().and_then(|headers| headers.get("Nats-Time-Stamp"));
        let stored = stored.and_then(|time| time.as_str().parse::<Timestamp>().ok());
        let is_fresh =
            stored.is_some_and(|stored| Timestamp::now().duration_since(stored).unsigned_abs() < BODIES_OUTLIVE_BY / 2);
        Ok(is_fresh && large.is_described_by(&answer.payload))
    }
}
