//! How a sender signs: bytes and keys in, verdict out. Pure: no clock, no network, no global.

mod candidate;
mod compile;
mod coverage;
mod delivery;
pub(crate) mod der;
mod duration;
mod encoding;
mod family;
mod fetched;
pub(crate) mod form;
mod function;
mod handshake;
mod hmac;
mod host;
pub(crate) mod http_signature;
pub(crate) mod json;
pub(crate) mod jwt;
pub(crate) mod key;
mod keyring;
mod label;
pub(crate) mod matched;
mod multipart;
mod outline;
mod pattern;
mod place;
mod plan;
pub(crate) mod pointer;
pub(crate) mod private_key;
pub(crate) mod public_key;
mod reader;
mod rejection;
mod sample;
mod scope;
mod sign;
pub mod spec;
mod standard;
pub(crate) mod structured_field;
mod template;
mod timestamp;
mod verify;
mod x5c;
pub(crate) mod xml;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use jiff::Timestamp;

pub use delivery::Delivery;
pub use encoding::Encoding;
pub use fetched::{FetchedKeys, KeyRequest, UrlOrigin};
pub use http_signature::{Dialect, SignatureAlgorithm};
pub use jwt::JwtAlgorithm;
pub use keyring::Keyring;
pub use outline::{Named, Outline};
pub use public_key::Algorithm;
pub use rejection::Rejection;
pub use spec::{KeyFormat, Verification};

use self::coverage::Coverage;
use self::keyring::Purpose;
use self::plan::Plan;
use crate::secret::Secret;

/// What a scheme needs to know of the endpoint when it is compiled.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// `spec.parameters` of the endpoint.
    pub parameters: &'a BTreeMap<String, String>,
    /// The URL at which the provider reaches the endpoint, without a query, where it is known.
    pub url: Option<&'a str>,
    /// The endpoint's own `timestampTolerance`.
    pub tolerance: Option<Duration>,
}

/// A fault found when a scheme is compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Whose fault it is.
    pub kind: FaultKind,
    /// Where: a path below `verification` (`hmac.signed`), or the parameter's name (`topicArn`), or `timestampTolerance`.
    pub field: String,
    /// What is wrong and how to mend it, lower case, no full stop.
    pub message: String,
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The description of the scheme itself is wrong.
    Verification,
    /// A parameter that the endpoint gives, or should give, is wrong.
    Parameter,
    /// The endpoint's timestamp tolerance can't be used with this scheme.
    Tolerance,
}

/// What one key of a scheme is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUse {
    /// `signing`, `verifyToken`, `basic`, …
    pub name: String,
    /// What the key is and where the provider shows it.
    pub description: String,
    /// Whether a route without one is closed.
    pub required: bool,
}

/// What the provider's signature covers.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Authenticates {
    /// The sender alone: a token or a signature over nothing of the request.
    Sender,
    /// Some fields of the request, not its whole body.
    Fields,
    /// The whole body.
    Body,
}

/// An answer that an entry asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The content type, where there is a body.
    pub content_type: Option<HeaderValue>,
    /// Further headers that the entry names.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Bytes,
    /// A URL that must be visited before this is answered; its host is one that the entry pins.
    pub visit: Option<String>,
}

/// A delivery whose signature is right. Only [`Scheme::verify`] makes one.
#[derive(Clone, Debug)]
pub struct Verified {
    event: Option<String>,
    id: Option<DeliveryId>,
    time: Option<Timestamp>,
    fingerprint: Option<String>,
    keys: Vec<usize>,
}

/// The provider's own id of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryId {
    /// The id as received.
    pub value: String,
    /// Whether the signature covers it.
    pub is_signed: bool,
}

impl Verified {
    /// The event type as the provider names it, before it becomes subject tokens.
    #[must_use]
    pub fn event(&self) -> Option<&str> {
        self.event.as_deref()
    }

    /// The delivery id, where the entry names one and the delivery has it (a batch with several different ids has none).
    #[must_use]
    pub fn id(&self) -> Option<&DeliveryId> {
        self.id.as_ref()
    }

    /// When the event happened by the provider's word, where that is signed.
    #[must_use]
    pub fn time(&self) -> Option<Timestamp> {
        self.time
    }

    /// A digest of the signed parts save the time, at most 64 characters of `[A-Za-z0-9_-]`: there whenever the id is not
    /// itself signed and the scheme signs anything of the request. Equal for two deliveries of the same signed content.
    #[must_use]
    pub fn fingerprint(&self) -> Option<&str> {
        self.fingerprint.as_deref()
    }

    /// Which keys verified it: the `index` values given to [`Scheme::keyring`].
    #[must_use]
    pub fn keys(&self) -> &[usize] {
        &self.keys
    }
}

/// What a delivery that verified turns out to be.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// An event to store.
    Event(Verified),
    /// A handshake: nothing to store, this is the answer.
    Greeting(Reply),
}

/// A key handed to [`Scheme::keyring`].
#[derive(Clone, Debug)]
pub struct Key {
    /// The caller's number for it, given back in [`Verified::keys`] and [`KeyFault`].
    pub index: usize,
    /// The use it serves.
    pub r#use: String,
    /// Its bytes as they stand in the Secret.
    pub secret: Secret,
}

/// A key that can't serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFault {
    /// The caller's number for it.
    pub index: usize,
    /// What form is expected; never says anything of the value.
    pub message: String,
}

/// A compiled scheme: templates parsed, names checked, parameters put in. Holds no key.
#[derive(Clone, Debug)]
pub struct Scheme {
    plan: Arc<Plan>,
}

/// What to sign: the request that [`Scheme::sign`] completes.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The request method.
    pub method: Method,
    /// The full URL; a token may be appended to its path or query.
    pub url: String,
    /// Headers so far.
    pub headers: Vec<(String, String)>,
    /// The body; a scheme that signs in the body may alter it.
    pub body: Bytes,
    /// Event type to announce, where the entry takes it from a header.
    pub event: Option<String>,
    /// Delivery id to announce, where the entry takes it from a header.
    pub id: Option<String>,
}

impl Scheme {
    /// Compiles a description for one endpoint.
    ///
    /// # Errors
    /// Every fault of the description, the parameters and the tolerance, not just the first.
    pub fn compile(spec: &Verification, context: Context<'_>) -> Result<Self, Vec<Fault>> {
        compile::compile(spec, context).map(|plan| Self { plan: Arc::new(plan) })
    }

    /// The uses its keys have.
    #[must_use]
    pub fn uses(&self) -> &[KeyUse] {
        &self.plan.uses
    }

    /// The use of the key that signs, also where deliveries are verified with a key that no Secret holds.
    #[must_use]
    pub fn signing_use(&self) -> Option<&str> {
        let given = self.plan.uses.first().map(|of| of.name.as_str());
        given.or_else(|| self.plan.keys.first().map(|key| key.r#use.as_str()))
    }

    /// Decodes keys; those that can't serve come back as faults, the others are in the ring.
    #[must_use]
    pub fn keyring(&self, keys: Vec<Key>) -> (Keyring, Vec<KeyFault>) {
        Keyring::new(&self.plan, keys, Purpose::Verify)
    }

    /// Decodes keys for [`Self::sign`] alone: where deliveries are verified with a public key, these are the private ones
    /// (PKCS#8 as PEM, the 32 bytes of an Ed25519 seed in the entry's encoding, `whsk_…` for Standard Webhooks).
    #[must_use]
    pub fn signing_keyring(&self, keys: Vec<Key>) -> (Keyring, Vec<KeyFault>) {
        Keyring::new(&self.plan, keys, Purpose::Sign)
    }

    /// What is checked with these keys, for auditors: `hmac-sha256`, `token+hmac-sha256`, `none`, …
    #[must_use]
    pub fn label(&self, keys: &Keyring) -> String {
        label::label(&self.plan, keys)
    }

    /// What the signature covers with these keys.
    #[must_use]
    pub fn authenticates(&self, keys: &Keyring) -> Authenticates {
        keys.coverage.level
    }

    /// What the signature covers where every key is given.
    #[must_use]
    pub fn authenticates_at_most(&self) -> Authenticates {
        Coverage::new(&self.plan, coverage::Armed::all(&self.plan)).level
    }

    /// Whether the route takes one more path segment as its token.
    #[must_use]
    pub fn owns_path_token(&self) -> bool {
        let token = self.plan.token.iter().flat_map(|token| &token.from);
        let jwt = self.plan.jwt.iter().flat_map(|jwt| &jwt.from);
        token.chain(jwt).any(|from| from.place == template::Place::PathToken)
    }

    /// The methods that the route takes, handshakes included, in the order for `Allow`.
    #[must_use]
    pub fn methods(&self) -> &[Method] {
        &self.plan.methods
    }

    /// Whether the entry names a delivery id at all, and whether it says that its bodies are unique.
    #[must_use]
    pub fn identifies(&self) -> Identifies {
        match (&self.plan.event.id, self.plan.event.has_unique_bodies) {
            (Some(_), _) => Identifies::Id,
            (None, true) => Identifies::UniqueBodies,
            (None, false) => Identifies::Nothing,
        }
    }

    /// Whether no two events have the same body, so that its digest identifies a delivery without an id.
    #[must_use]
    pub fn has_unique_bodies(&self) -> bool {
        self.plan.event.has_unique_bodies
    }

    /// The request headers that carry event type, id, time and signature: stored with the event so that it can be verified
    /// again. Never one that carries a bearer secret.
    #[must_use]
    pub fn evidence(&self) -> &[HeaderName] {
        &self.plan.evidence
    }

    /// Query parameters that carry a secret and must be removed before the query is stored.
    #[must_use]
    pub fn secret_query(&self) -> &[String] {
        &self.plan.secret_query
    }

    /// Whether an encoded body (`Content-Encoding`) is what the sender signs.
    #[must_use]
    pub fn signs_encoded(&self) -> bool {
        self.plan.signs_encoded
    }

    /// The sender's own time limit for an answer, where known.
    #[must_use]
    pub fn time_limit(&self) -> Option<Duration> {
        self.plan.time_limit
    }

    /// For how long the sender retries, where known; zero: it never does.
    #[must_use]
    pub fn retry_for(&self) -> Option<Duration> {
        self.plan.retry_for
    }

    /// The answer to an accepted event, where the entry has its own.
    #[must_use]
    pub fn answer(&self) -> Option<&Reply> {
        self.plan.answer.as_ref()
    }

    /// Whether an unsigned handshake could need the body to be recognised or answered.
    #[must_use]
    pub fn greets_by_body(&self) -> bool {
        self.plan.handshakes.iter().any(|handshake| handshake.is_unsigned && handshake.reads_body)
    }

    /// Answers a handshake that comes unsigned; `None` when the request is none. `delivery.body` is empty where the body is
    /// larger than 8 KiB or [`Self::greets_by_body`] is false.
    ///
    /// # Errors
    /// [`Rejection::Handshake`] when it is one and its proof is wrong.
    #[must_use]
    pub fn greet(&self, keys: &Keyring, delivery: &Delivery<'_>) -> Option<Result<Reply, Rejection>> {
        handshake::greet(&self.plan, keys, delivery)
    }

    /// Verifies a delivery: signatures and tokens, then the form of the body, bound parameters, signed handshakes.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify(&self, keys: &Keyring, delivery: &Delivery<'_>, now: Timestamp) -> Result<Verdict, Rejection> {
        self.verify_with(keys, None, delivery, now)
    }

    /// As [`Self::verify`], with the keys that were fetched for what [`Self::key_request`] asks for.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify_with(
        &self,
        keys: &Keyring,
        fetched: Option<&FetchedKeys>,
        delivery: &Delivery<'_>,
        now: Timestamp,
    ) -> Result<Verdict, Rejection> {
        if !keys.is_armed() {
            return Err(Rejection::NoKeyMatched);
        }
        verify::verify(&self.plan, keys, fetched, delivery, now)
    }

    /// Whether deliveries are verified with keys that are fetched.
    #[must_use]
    pub fn fetches(&self) -> bool {
        self.plan.fetch.is_some()
    }

    /// The keys that all deliveries need, where the URL does not depend on the request.
    #[must_use]
    pub fn key_source(&self) -> Option<KeyRequest> {
        let fetch = self.plan.fetch.as_ref()?;
        let url = String::from_utf8(fetch.url.constant()?).ok()?;
        let (format, pointer, origin) = (fetch.format, fetch.pointer.clone(), fetch.origin);
        Some(KeyRequest { url, format, pointer, origin, is_pinned: fetch.is_pinned(), key_id: None })
    }

    /// The keys that this delivery needs; `None` where none are fetched.
    ///
    /// # Errors
    /// Why it is refused before any key is looked at: a URL that is not pinned, a token of no good form.
    pub fn key_request(&self, keys: &Keyring, delivery: &Delivery<'_>) -> Result<Option<KeyRequest>, Rejection> {
        verify::key_request(&self.plan, keys, delivery)
    }

    /// Signs a request as the provider would; what `jethook send` and the tests rest on. Keys that are secrets may come from
    /// either ring, private ones from [`Self::signing_keyring`].
    ///
    /// # Errors
    /// What keeps it from being signed (no private key, say), in words for a person.
    pub fn sign(&self, keys: &Keyring, draft: Draft, now: Timestamp) -> Result<Draft, String> {
        sign::sign(&self.plan, keys, draft, now)
    }
}

/// What an entry offers to tell one delivery from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identifies {
    /// It names a delivery id.
    Id,
    /// It names none, but says that no two events have the same body.
    UniqueBodies,
    /// Neither.
    Nothing,
}
