//! A look at a stream, for commands.

use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::{Context, ErrorCode};

use super::facts::facts;
use crate::stream::StreamState;

/// Reads a stream once.
pub async fn look(context: &Context, name: &str) -> StreamState {
    match context.get_stream(name).await {
        Ok(stream) => StreamState::Found(facts(stream.cached_info(), "")),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(fault) if fault.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                StreamState::Missing
            }
            _ => StreamState::Unreadable(error.to_string()),
        },
    }
}
