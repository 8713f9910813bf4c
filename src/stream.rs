//! What the operator knows of NATS and its streams: plain values that the controller judges.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A stream that routes name, and the subjects that they publish to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// By stream: the subject filters (`webhooks.shop.github.>`) of its routes.
    pub streams: BTreeMap<String, BTreeSet<String>>,
}

/// NATS as this replica sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// The connection.
    pub connection: Connection,
    /// `max_payload` in bytes, as the server told at the last connect.
    pub max_payload: Option<u64>,
    /// Servers of the cluster that the last INFO named (1 when it is no cluster).
    pub servers: usize,
    /// By stream name: what the last read told. A stream not in here was not read yet.
    pub streams: BTreeMap<String, StreamState>,
    /// By subject filter that its wanted stream does not capture: the other streams that do.
    pub captured_by: BTreeMap<String, Vec<String>>,
    /// Subjects that the server did not let us publish to.
    pub denied: BTreeSet<String>,
}

/// Whether NATS is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Connection {
    /// It never was.
    #[default]
    Never,
    /// It is.
    Up,
    /// It was, until then.
    Down {
        /// Since when it is away.
        since: Timestamp,
    },
}

/// What a read of a stream told.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamState {
    /// It does not exist.
    Missing,
    /// It can't be read: no answer, or no right to; the message says which.
    Unreadable(String),
    /// It exists.
    Found(StreamFacts),
}

/// What matters of a stream's configuration and state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamFacts {
    /// Its subjects (NATS wildcards).
    pub subjects: Vec<String>,
    /// Retention.
    pub retention: Retention,
    /// Storage.
    pub storage: Storage,
    /// What happens at a limit.
    pub discard: Discard,
    /// `no_ack`.
    pub no_ack: bool,
    /// `persist_mode: async`.
    pub persists_async: bool,
    /// Sealed: takes nothing.
    pub is_sealed: bool,
    /// Mirror: takes nothing of ours.
    pub is_mirror: bool,
    /// Duplicate window.
    pub duplicate_window: Duration,
    /// Maximum age; zero: unlimited.
    pub max_age: Duration,
    /// Largest message in bytes, headers included.
    pub max_message_bytes: Option<u64>,
    /// Replicas.
    pub replicas: usize,
    /// Bytes held.
    pub bytes: u64,
    /// Bytes allowed.
    pub max_bytes: Option<u64>,
    /// Messages held.
    pub messages: u64,
    /// Messages allowed.
    pub max_messages: Option<u64>,
    /// Consumers.
    pub consumers: usize,
    /// Whether the stream's metadata marks it as this operator's own.
    pub is_ours: bool,
}

/// Retention policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Retention {
    /// By limits.
    Limits,
    /// While a consumer is interested.
    Interest,
    /// Until acked once.
    WorkQueue,
}

/// Storage type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Storage {
    /// File.
    File,
    /// Memory.
    Memory,
}

/// Discard policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Discard {
    /// Old messages go at a limit.
    Old,
    /// New messages are refused at a limit.
    New,
}
