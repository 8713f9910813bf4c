//! `JetStream`: publishing with acks of our own, and what the operator knows of streams.

mod ack;
mod connect;
mod credential;
mod denials;
mod facts;
mod look;
mod publish;
mod shared;
mod streams;

pub use connect::{jetstream, open_once};
pub use credential::{ConfigError, check};
pub use denials::Denials;
pub use look::look;
pub use publish::{Publisher, Stored};
pub use shared::{PublishLimits, Shared};
pub use streams::{StreamLines, Streams};
