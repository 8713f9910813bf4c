//! `JetStream`: publishing with acks of our own, and what the operator knows of streams.

mod ack;
mod connect;
mod denials;
mod gate;
mod publish;
mod streams;

pub use connect::{ConfigError, check, jetstream, open_once};
pub use denials::Denials;
pub use publish::{PublishLimits, Publisher, Shared, Stored};
pub use streams::{StreamLines, Streams};
