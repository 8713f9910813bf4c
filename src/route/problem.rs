//! What is wrong with an endpoint: condition, reason, field and a message that says how to mend it.

use crate::api::{ConditionStatus, ConditionType, Reason};

/// One thing that is wrong with an endpoint, or that its owner should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The condition that it turns.
    pub condition: ConditionType,
    /// Why.
    pub reason: Reason,
    /// The field at fault: `spec.target.subject`; empty where it is none of the spec's.
    pub field: String,
    /// A sentence for the endpoint's owner that names the field and how to mend it.
    pub message: String,
    /// Whether nothing but a change of the spec can mend it.
    pub is_lasting: bool,
}

impl Problem {
    /// A problem of the spec, which nothing but a change of the spec can mend.
    #[must_use]
    pub fn lasting(reason: Reason, field: impl Into<String>, message: impl Into<String>) -> Self {
        let condition = condition(reason);
        Self { condition, reason, field: field.into(), message: message.into(), is_lasting: true }
    }

    /// A problem that heals when something beside the spec changes.
    #[must_use]
    pub fn passing(reason: Reason, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { is_lasting: false, ..Self::lasting(reason, field, message) }
    }

    /// Something that this replica does not know yet.
    #[must_use]
    pub fn pending(condition: ConditionType, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { condition, ..Self::passing(Reason::Pending, field, message) }
    }

    /// The status that it gives its condition.
    #[must_use]
    pub fn status(&self) -> ConditionStatus {
        match (self.reason, self.condition) {
            (Reason::DegradedRefs, _) => ConditionStatus::True,
            (Reason::NatsUnavailable, _) => ConditionStatus::Unknown,
            (Reason::Pending, condition) if condition != ConditionType::Programmed => ConditionStatus::Unknown,
            _ => ConditionStatus::False,
        }
    }
}

/// The condition that a reason belongs to.
const fn condition(reason: Reason) -> ConditionType {
    match reason {
        Reason::Accepted
        | Reason::UnknownProvider
        | Reason::PathConflict
        | Reason::PathNotAllowed
        | Reason::SubjectNotAllowed
        | Reason::StreamNotAllowed
        | Reason::InvalidParameters
        | Reason::Invalid => ConditionType::Accepted,
        Reason::ResolvedRefs
        | Reason::SecretNotFound
        | Reason::SecretKeyNotFound
        | Reason::InvalidSecret
        | Reason::DegradedRefs => ConditionType::ResolvedRefs,
        Reason::StreamReady
        | Reason::StreamNotFound
        | Reason::SubjectNotCaptured
        | Reason::SubjectCapturedByOther
        | Reason::StreamUnsafe
        | Reason::PublishNotPermitted
        | Reason::NatsUnavailable => ConditionType::TargetReady,
        Reason::Programmed | Reason::Pending => ConditionType::Programmed,
        Reason::Ready | Reason::Suspended => ConditionType::Ready,
    }
}
