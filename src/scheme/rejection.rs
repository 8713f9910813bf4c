//! Why a delivery is refused.

/// Why a delivery did not verify. The sender learns none of it (one body for all); the log, the metric's outcome and the
/// Kubernetes Event do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A header, field or query value that the scheme needs is not there.
    #[error("{what} is missing")]
    Missing {
        /// The reference that found nothing, as the entry writes it: `header:X-Hub-Signature-256`.
        what: String,
    },
    /// A value is there but does not have the form that the scheme prescribes.
    #[error("{what} is malformed")]
    Malformed {
        /// The reference whose value is malformed.
        what: String,
    },
    /// No key verifies the signature, or no token is equal.
    #[error("no key matched")]
    NoKeyMatched,
    /// The signed time is further from now than the tolerance allows.
    #[error("the signed time is {seconds} s from now, beyond the tolerance of {tolerance} s")]
    Stale {
        /// Age in seconds; negative when the time lies in the future.
        seconds: i64,
        /// The tolerance in seconds.
        tolerance: u64,
    },
    /// The signature is right, but a value that binds the delivery to this endpoint differs (`require`).
    #[error("{what} is not what this endpoint accepts")]
    NotBound {
        /// The reference whose value differs.
        what: String,
    },
    /// A header, query value or form field that counts once was sent more than once: 400.
    #[error("{what} was sent more than once")]
    Repeated {
        /// The reference that found several values.
        what: String,
    },
    /// The delivery verified, but its body is not what the entry says (JSON that does not parse, say): 400.
    #[error("the verified body is not valid {expected}")]
    Content {
        /// What the entry says the body is: `JSON`, `XML`, `form`.
        expected: &'static str,
    },
    /// A handshake whose proof (verify token, challenge pattern) is wrong; answered with the entry's refusal status.
    #[error("the handshake is refused: {what}")]
    Handshake {
        /// What was wrong with it.
        what: String,
        /// 401, 403 or 404, as the entry says.
        status: u16,
    },
}
