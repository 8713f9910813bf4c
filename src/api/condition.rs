//! Conditions and their reasons. The docs of the variants are the user's manual: what it means, how to mend it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;

/// A condition as Kubernetes stores it.
pub type Condition = meta::Condition;

/// The status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It can't be told now.
    Unknown,
}

impl ConditionStatus {
    /// As Kubernetes writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// An enum whose variants are named in a status, and whose docs are the user's manual.
macro_rules! documented {
    ($(#[doc = $about:literal])+ $enum:ident { $($(#[doc = $doc:literal])+ $name:ident,)+ }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $enum { $($(#[doc = $doc])+ $name,)+ }

        impl $enum {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name in the status.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// What it means and how to mend it.
            #[must_use]
            pub const fn doc(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+),)+ }
            }
        }
    };
}

documented! {
    /// The types of condition, in the order in which they are reported.
    ConditionType {
        /// The spec makes sense here.
        Accepted,
        /// Every secret and key exists and has the scheme's form.
        ResolvedRefs,
        /// The stream exists, captures the subject and keeps the promise.
        TargetReady,
        /// The route is live.
        Programmed,
        /// All of them.
        Ready,
        /// Nothing but a change of the spec can mend it; absent otherwise.
        Stalled,
    }
}

documented! {
    /// Why a condition has its status.
    Reason {
        /// The spec makes sense here.
        Accepted,
        /// `spec.provider` is neither in the catalogue (`jethook providers`) nor a `ClusterWebhookProvider` of this cluster;
        /// the message names the nearest.
        UnknownProvider,
        /// Another, older endpoint owns the path. Choose another `spec.path`, or delete the older endpoint.
        PathConflict,
        /// The operator's policy does not let this namespace claim the path; `--allow-path` widens it.
        PathNotAllowed,
        /// The operator's policy does not let this namespace publish to the subject; `--allow-subject` widens it.
        SubjectNotAllowed,
        /// The operator's policy does not let this namespace use the stream; `--allow-stream` widens it.
        StreamNotAllowed,
        /// A parameter that the provider asks for is missing or has the wrong form.
        InvalidParameters,
        /// The spec says something that can't be served; the message names the field.
        Invalid,
        /// Every secret and key exists and has the scheme's form.
        ResolvedRefs,
        /// A Secret that the endpoint names does not exist in its namespace. It heals when the Secret appears.
        SecretNotFound,
        /// A Secret lacks the named key, or no key is given for a use that the provider requires.
        SecretKeyNotFound,
        /// A key does not have the form that the scheme expects; the message says which form.
        InvalidSecret,
        /// One of several keys of the same use is missing or invalid; the others serve.
        DegradedRefs,
        /// The stream exists, captures the subject and keeps the promise.
        StreamReady,
        /// The stream does not exist. Create it, or name another in `spec.target.stream`.
        StreamNotFound,
        /// The stream does not capture the endpoint's subject. Add the subject to the stream.
        SubjectNotCaptured,
        /// Another stream captures the endpoint's subject.
        SubjectCapturedByOther,
        /// The stream's settings would break the promise that an acknowledged event is kept; the message names the setting.
        StreamUnsafe,
        /// The operator's NATS user may not publish to the subject.
        PublishNotPermitted,
        /// NATS has been away for more than 30 s; until it is back deliveries are answered 503, or spooled with a spool.
        NatsUnavailable,
        /// The route is live.
        Programmed,
        /// The route is not live yet.
        Pending,
        /// All is well.
        Ready,
        /// The endpoint is suspended and all else is well: deliveries are answered 503 with Retry-After.
        Suspended,
    }
}
