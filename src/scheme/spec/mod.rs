//! The declarative language: what a catalogue entry, `spec.verification` and `ClusterWebhookProvider` say.
//!
//! Every value is a reference (`header:X-Signature`), every text a template of references (`{timestamp}.{body}`); the
//! structure is flat, all nesting is in strings.

mod answer;
mod family;
mod fetch;
mod input;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use answer::{Answer, Confirm, Event, Handshake, Sender};
pub use family::{
    Algorithm, Dialect, Empty, HttpSignature, Jwt, JwtAlgorithm, Mac, MacHash, PublicKeySignature, SignatureAlgorithm,
    StandardWebhooks, Token,
};
pub use fetch::{Fetch, KeyFormat, X5c};
pub use input::{Content, HeaderList, KeyEncoding, KeySpec, Method, Parameter, Timestamp, Unit};

/// How a provider's deliveries are verified and read. At least one of hmac, hash, publicKey, standardWebhooks, token, jwt,
/// httpSignature and none must be there; all whose key is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Verification {
    /// The keys by their use. A use that a family names and that is not listed here is a required text key. Example:
    /// signing: {encoding: base64, description: the endpoint's secret}.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 8))]
    pub keys: BTreeMap<String, KeySpec>,
    /// Public values that the endpoint gives in spec.parameters; {param:NAME} puts them into templates and names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub parameters: BTreeMap<String, Parameter>,
    /// Named templates, used as let:NAME, for what would otherwise nest too deep.
    #[serde(default, rename = "let", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 8))]
    pub lets: BTreeMap<String, Text>,
    /// What the body of a delivery must be: any (default), json (an object or a list), form, multipart (of which
    /// plain fields are read, by form:NAME) or xml. A verified body that is
    /// something else is answered 400. With any, a body sent as JSON must parse where the entry reads JSON.
    #[serde(default, skip_serializing_if = "is_default")]
    pub content: Content,
    /// True where the sender compresses bodies and signs the compressed bytes; otherwise an encoded body is answered 415.
    #[serde(default, skip_serializing_if = "is_default")]
    pub encoded: bool,
    /// Methods of deliveries; absent: POST. Those of handshakes come by themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 7))]
    pub methods: Vec<Method>,
    /// A JSON pointer with one * to the items of a batch that are signed one by one; their values are item:POINTER.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub each: Option<String>,
    /// The signed time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// A list of signed headers that the request itself names; {headerList} in the signed text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_list: Option<HeaderList>,
    /// An HMAC over a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hmac: Option<Mac>,
    /// A plain digest of a text that holds the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<Mac>,
    /// An Ed25519, ECDSA or RSA signature over a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<PublicKeySignature>,
    /// Standard Webhooks (standardwebhooks.com): time, id and signed text come with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_webhooks: Option<StandardWebhooks>,
    /// A secret that the sender repeats. It proves the sender and nothing about the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
    /// A JSON Web Token; its claims are claim:POINTER.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt: Option<Jwt>,
    /// HTTP Message Signatures (RFC 9421) or the older draft by Cavage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_signature: Option<HttpSignature>,
    /// No verification: anyone who knows the URL can deliver. Stands alone, and the operator must allow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub none: Option<Empty>,
    /// What must hold after the signature: a reference and the values it may have, each a template, or ~ and a pattern of
    /// character classes with counts (~[0-9]{1,8}). An empty list: present and not empty. Otherwise 401.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub require: BTreeMap<String, Values>,
    /// What a delivery reports.
    #[serde(default, skip_serializing_if = "is_default")]
    pub event: Event,
    /// Requests by which the provider checks that the URL is ours; the first that fits is answered and nothing is stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub handshakes: Vec<Handshake>,
    /// The answer to a stored event, where the provider wants another than 200 and our JSON. No value of the request.
    #[serde(default, skip_serializing_if = "is_default")]
    pub answer: Answer,
    /// What is known of the sender's patience.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sender: Sender,
}

/// A template inside a map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Text(#[schemars(length(max = 4096))] pub String);

/// The values that a reference may have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Values(#[schemars(length(max = 32), inner(length(max = 1024)))] pub Vec<String>);

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field by reference")]
fn is_yes(value: &bool) -> bool {
    *value
}

fn signing() -> String {
    "signing".into()
}

fn is_signing(value: &str) -> bool {
    value == "signing"
}
