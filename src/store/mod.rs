//! `JetStream`: publishing with acks of our own, and what the operator knows of streams.

mod ack;
mod connect;
mod credential;
mod denials;
mod facts;
mod publish;
mod streams;

pub use connect::{jetstream, open_once};
pub use credential::{ConfigError, check};
pub use denials::Denials;
pub use publish::{PublishLimits, Publisher, Shared, Stored};
pub use streams::{StreamLines, Streams};
