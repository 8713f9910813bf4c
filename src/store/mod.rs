//! `JetStream`: publishing with acks of our own, and what the operator knows of streams.

mod ack;
mod connect;
mod credential;
mod denials;
mod facts;
mod large;
mod look;
mod outgoing;
mod publish;
mod replicas;
mod shared;
mod spool;
mod streams;

pub use connect::{jetstream, open_once};
pub use credential::{ConfigError, check};
pub use denials::Denials;
pub use look::look;
pub use publish::{Kept, Publisher, Stored};
pub use replicas::{ReplicaLines, Replicas};
pub use shared::{PublishLimits, Shared};
pub use spool::{LastCheck, Spool, keep_last_check};
pub use streams::{StreamLines, Streams};
