//! How a delivery ends: the metric's label, the HTTP status, the JSON line. The only place that chooses a status.

use std::time::Duration;

use http::{Method, StatusCode};

use crate::scheme::Rejection;

macro_rules! outcomes {
    ($($(#[doc = $doc:literal])+ $name:ident = $label:literal,)+) => {
        /// The closed list of `outcome` label values.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Outcome { $($(#[doc = $doc])+ $name,)+ }

        impl Outcome {
            /// All outcomes; an outcome's position here is [`Outcome::index`].
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The label.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)+ }
            }

            /// What it means.
            #[must_use]
            pub const fn doc(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+),)+ }
            }

            /// The position in [`Outcome::ALL`].
            #[must_use]
            pub const fn index(self) -> usize {
                self as usize
            }
        }
    };
}

outcomes! {
    /// Stored; JetStream acknowledged it.
    Stored = "stored",
    /// A repetition of a stored delivery, within the stream's duplicate window.
    Duplicate = "duplicate",
    /// Verified and fsynced to the spool while NATS is away.
    Spooled = "spooled",
    /// Verified, but its event type is not in `spec.events`: answered 2xx, not stored.
    Filtered = "filtered",
    /// A handshake, answered.
    Handshake = "handshake",
    /// Signature or token missing, malformed or wrong.
    Unauthorized = "unauthorized",
    /// The signature is well formed but its time is outside the tolerance.
    Stale = "stale",
    /// The request can't be taken as it is: repeated headers, two hosts, wrong method, encoded body, a body that came too
    /// slowly, a verified body that is not what the entry says.
    Malformed = "malformed",
    /// The client address is not in `spec.sourceRanges`.
    Forbidden = "forbidden",
    /// The body or the URI is too large.
    TooLarge = "too_large",
    /// Over the endpoint's rate, or an address over the refusal rate.
    RateLimited = "rate_limited",
    /// The endpoint is suspended.
    Suspended = "suspended",
    /// Not stored: NATS or the stream is away, no ack came in time, or the route is closed.
    Unavailable = "unavailable",
    /// Shed: too many publishes or body bytes in flight.
    Overloaded = "overloaded",
    /// No endpoint claims the path.
    NotFound = "not_found",
}

/// Why an event was not stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotStored {
    /// Not connected to NATS.
    #[error("not connected to NATS")]
    Disconnected,
    /// No stream answers for the subject: it is missing or has no leader right now.
    #[error("no stream answers for the subject")]
    NoStream,
    /// No publish was begun: the stream did not answer several times in a row.
    #[error("the stream is away")]
    StreamAway,
    /// No ack came inside the sender's time limit.
    #[error("no publish ack came in time")]
    NoAck,
    /// The stream is at a limit that discards new messages.
    #[error("the stream is full")]
    StreamFull,
    /// Another stream captured the subject.
    #[error("another stream captures the subject")]
    OtherStream,
    /// The message is larger than NATS or the stream takes.
    #[error("the message is larger than NATS takes ({limit} bytes with headers)")]
    TooLarge {
        /// NATS's limit in bytes.
        limit: u64,
    },
    /// Too many publishes in flight, in all or for this endpoint.
    #[error("too many publishes in flight")]
    Overloaded,
    /// The operator's NATS user may not publish to the subject.
    #[error("publishing to the subject is not permitted")]
    NotPermitted,
    /// NATS is away and the spool holds all that it may, in all or of this endpoint, or its disk has little room.
    #[error("NATS is away and the spool is full; give it a larger disk, or more of it by --spool-max-bytes")]
    SpoolFull,
    /// NATS is away and the spool did not take it, or not in time.
    #[error("NATS is away and the spool can't be written; the log says why")]
    SpoolFailed,
    /// JetStream refused with another error code.
    #[error("JetStream refused: code {code}")]
    Refused {
        /// The `err_code`.
        code: u64,
    },
}

impl NotStored {
    /// Whether it is NATS, or the stream, that is away: the same event may be taken when they are back.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Disconnected | Self::NoStream | Self::StreamAway | Self::NoAck => true,
            // The id is being stored right now; out of resources; no leader.
            Self::Refused { code } => matches!(code, 10158 | 10023 | 10002 | 10008 | 10047),
            Self::StreamFull
            | Self::OtherStream
            | Self::TooLarge { .. }
            | Self::Overloaded
            | Self::NotPermitted
            | Self::SpoolFull
            | Self::SpoolFailed => false,
        }
    }
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// No endpoint claims the path.
    UnknownPath,
    /// The route does not take the method; these it takes.
    Method(Vec<Method>),
    /// The table is not complete yet, the route is closed, or the process is shutting down.
    Closed,
    /// The endpoint is suspended.
    Suspended,
    /// The client address may not deliver here.
    Address,
    /// The body is larger than the limits (bytes): the endpoint's, and what NATS takes where known.
    TooLarge {
        /// The endpoint's limit.
        endpoint: u64,
        /// NATS's limit.
        nats: Option<u64>,
    },
    /// The URI is longer than the limit.
    UriTooLong,
    /// The header block is larger than the limit.
    HeadersTooLarge,
    /// The body is encoded (`Content-Encoding`).
    EncodedBody,
    /// The body came too slowly, or the whole request took too long.
    SlowBody,
    /// The sender closed the connection or broke the framing in the middle of the body.
    BrokenBody,
    /// More than one `Host`.
    TwoHosts,
    /// The scheme refuses it.
    Rejected(Rejection),
    /// The keys that would verify it can't be fetched now, or what it asks to be visited does not answer.
    KeysAway,
    /// Over the endpoint's rate; try again after.
    Rate(Duration),
    /// An address over the refusal rate.
    RefusalRate(Duration),
    /// Not stored.
    NotStored(NotStored),
    /// Out of body memory or publish slots.
    Overloaded,
    /// A panic while it was handled.
    Internal,
}

impl Refusal {
    /// The label it is counted under.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::UnknownPath => Outcome::NotFound,
            Self::Suspended => Outcome::Suspended,
            Self::Address => Outcome::Forbidden,
            Self::TooLarge { .. }
            | Self::UriTooLong
            | Self::HeadersTooLarge
            | Self::NotStored(NotStored::TooLarge { .. }) => Outcome::TooLarge,
            Self::Method(_) | Self::EncodedBody | Self::SlowBody | Self::BrokenBody | Self::TwoHosts => {
                Outcome::Malformed
            }
            Self::Rejected(rejection) => match rejection {
                Rejection::Stale { .. } => Outcome::Stale,
                Rejection::Repeated { .. } | Rejection::Content { .. } => Outcome::Malformed,
                Rejection::Missing { .. }
                | Rejection::Malformed { .. }
                | Rejection::NoKeyMatched
                | Rejection::NotBound { .. }
                | Rejection::Handshake { .. } => Outcome::Unauthorized,
            },
            Self::Rate(_) | Self::RefusalRate(_) => Outcome::RateLimited,
            Self::Overloaded | Self::NotStored(NotStored::Overloaded) => Outcome::Overloaded,
            Self::Closed | Self::KeysAway | Self::NotStored(_) | Self::Internal => Outcome::Unavailable,
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::UnknownPath => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Address => StatusCode::FORBIDDEN,
            Self::TooLarge { .. } | Self::NotStored(NotStored::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::EncodedBody => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::BrokenBody | Self::TwoHosts => StatusCode::BAD_REQUEST,
            Self::Rejected(rejection) => match rejection {
                Rejection::Repeated { .. } | Rejection::Content { .. } => StatusCode::BAD_REQUEST,
                Rejection::Handshake { status, .. } => {
                    StatusCode::from_u16(*status).unwrap_or(StatusCode::UNAUTHORIZED)
                }
                Rejection::Missing { .. }
                | Rejection::Malformed { .. }
                | Rejection::NoKeyMatched
                | Rejection::Stale { .. }
                | Rejection::NotBound { .. } => StatusCode::UNAUTHORIZED,
            },
            Self::Rate(_) | Self::RefusalRate(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Closed | Self::Suspended | Self::KeysAway | Self::NotStored(_) | Self::Overloaded => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// The one-line error for the sender: terse, and one for all refusals about the signature.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::UnknownPath => "no such path".to_owned(),
            Self::Method(_) => "method not allowed".to_owned(),
            Self::Closed => "not available".to_owned(),
            Self::Suspended => "suspended".to_owned(),
            Self::Address => "address not allowed".to_owned(),
            Self::TooLarge { endpoint, nats: None } => {
                format!("body larger than the endpoint's limit of {endpoint} bytes")
            }
            Self::TooLarge { endpoint, nats: Some(nats) } => {
                format!("body too large: the endpoint takes {endpoint} bytes, NATS takes {nats}")
            }
            Self::NotStored(NotStored::TooLarge { limit }) => {
                format!("message larger than NATS takes: {limit} bytes with headers")
            }
            Self::UriTooLong => "URI too long".to_owned(),
            Self::HeadersTooLarge => "headers too large".to_owned(),
            Self::EncodedBody => "encoded bodies are not accepted".to_owned(),
            Self::SlowBody => "request too slow".to_owned(),
            Self::BrokenBody => "incomplete body".to_owned(),
            Self::TwoHosts => "more than one Host header".to_owned(),
            Self::Rejected(Rejection::Repeated { what }) => format!("{what} sent more than once"),
            Self::Rejected(Rejection::Content { expected }) => format!("body is not valid {expected}"),
            Self::Rejected(_) => "signature, token or time not valid".to_owned(),
            Self::Rate(_) | Self::RefusalRate(_) => "too many requests".to_owned(),
            Self::KeysAway => "not verified yet".to_owned(),
            Self::NotStored(_) => "not stored".to_owned(),
            Self::Overloaded => "overloaded".to_owned(),
            Self::Internal => "internal error".to_owned(),
        }
    }

    /// Why, for an admin's eyes: the log and the Kubernetes Event. Holds nothing of the request.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Rejected(rejection) => rejection.to_string(),
            Self::KeysAway => "the sender's keys can't be fetched now".to_owned(),
            Self::NotStored(not_stored) => not_stored.to_string(),
            other => other.message(),
        }
    }

    /// `Retry-After`, where the status asks for one.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Rate(after) | Self::RefusalRate(after) => Some(*after),
            Self::Suspended => Some(Duration::from_secs(60)),
            Self::NotStored(NotStored::TooLarge { .. }) => None,
            Self::Closed | Self::KeysAway | Self::NotStored(_) => Some(Duration::from_secs(5)),
            Self::Overloaded => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}
