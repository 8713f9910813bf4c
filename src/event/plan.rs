//! How an endpoint's messages are built: everything that does not depend on the request.

use std::sync::Arc;

use http::{HeaderName, header};

use super::SubjectTemplate;
use super::headers::{EXPECTED_STREAM, Headers};

/// What is said of an endpoint's messages.
#[derive(Clone, Debug)]
pub struct MessageSpec {
    /// The entry's id, or `custom`: `ce-provider`.
    pub provider: Arc<str>,
    /// The stream, sent as `Nats-Expected-Stream`.
    pub stream: Arc<str>,
    /// The subject template.
    pub subject: SubjectTemplate,
    /// `ce-source`.
    pub source: String,
    /// `ce-type` without the event: `com.github`.
    pub type_prefix: String,
    /// Prefix of `Nats-Msg-Id`: the object's uid, or `{cluster}.{namespace}.{name}`.
    pub id_prefix: String,
    /// `ce-authenticates`.
    pub authenticates: &'static str,
    /// Query parameters that carry a secret and are removed before the query is stored.
    pub secret_query: Vec<String>,
    /// Request headers to keep as `http-{name}`: evidence, user-agent, content-type, `forwardHeaders`.
    pub headers: Vec<HeaderName>,
    /// How repeated deliveries are told.
    pub identity: Identity,
}

/// How repeated deliveries are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The provider's delivery id.
    Delivery,
    /// A request header, unsigned.
    Header(HeaderName),
    /// The digest of the body.
    Content,
    /// Nothing: each request gets a random id.
    None,
}

/// A [`MessageSpec`] with all that its messages have in common put together.
#[derive(Clone, Debug)]
pub struct MessagePlan {
    /// What it is made from.
    pub spec: MessageSpec,
    /// The header lines that are the same in every message.
    pub(super) common: Headers,
    /// The request headers to keep, and the name of each in the message.
    pub(super) kept: Vec<(HeaderName, String)>,
    /// Where bodies go that NATS does not take; `None`: they are refused.
    pub large_bodies: Option<LargeBodyPlan>,
}

/// Where bodies go that are larger than NATS takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LargeBodyPlan {
    /// The object store bucket.
    pub bucket: Arc<str>,
    /// In bytes: a body that is larger goes there.
    pub above: u64,
}

impl MessagePlan {
    /// Puts it together.
    #[must_use]
    pub fn new(spec: MessageSpec) -> Self {
        let mut common = Headers::default();
        common.add(EXPECTED_STREAM, &spec.stream);
        common.add("ce-specversion", "1.0");
        common.add_attribute("ce-source", &spec.source);
        common.add_attribute("ce-provider", &spec.provider);
        common.add("ce-authenticates", spec.authenticates);
        let kept = spec.headers.iter().filter(|name| may_be_stored(name));
        let kept = kept.map(|name| (name.clone(), format!("http-{name}"))).collect();
        Self { spec, common, kept, large_bodies: None }
    }
}

/// No credential is stored whoever names it, and no header that would pass for one of ours.
fn may_be_stored(name: &HeaderName) -> bool {
    let is_credential =
        [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE, header::SET_COOKIE].contains(name);
    !is_credential && !["method", "query", "truncated"].contains(&name.as_str())
}
