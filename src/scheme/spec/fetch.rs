//! Public keys that are not in a Secret: fetched by URL, or brought along under a pinned root.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Public keys at a URL of the provider. They are cached, shared by all endpoints, and fetched again for an unknown key id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fetch {
    /// jwks (RFC 7517), pem (a public key or a certificate) or certificate (PEM, and valid now).
    pub format: KeyFormat,
    /// The URL, https: a text, with {param:NAME} in it, or a value of the request such as {header:X-Cert-Url}, which hosts and
    /// path must then pin.
    #[schemars(length(min = 1, max = 1024))]
    pub url: String,
    /// The hosts that a URL with a parameter in it, or of the request, may have; * stands for one label: *.example.com.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(min = 1, max = 253)))]
    pub hosts: Vec<String>,
    /// The pattern that the path of a URL of the request must have, as a parameter's pattern: /certs/[a-z0-9-]{1,64}\.pem.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 256))]
    pub path: String,
    /// Where the key stands, if the document is JSON with a PEM text in it: a JSON pointer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 256))]
    pub pointer: String,
}

/// The form of fetched keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum KeyFormat {
    /// A JSON Web Key Set.
    Jwks,
    /// A public key or a certificate as PEM.
    Pem,
    /// A certificate as PEM, which must be valid when a delivery comes.
    Certificate,
}

/// A chain of certificates in the token's header (x5c), up to a pinned root.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct X5c {
    /// SHA-256 digests (hex) of the root certificates that may end the chain.
    #[schemars(length(min = 1, max = 8), inner(length(min = 64, max = 64)))]
    pub roots: Vec<String>,
    /// Extensions that the first certificate must have, such as 1.2.840.113635.100.6.11.1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4), inner(length(min = 3, max = 128)))]
    pub leaf_oids: Vec<String>,
    /// Extensions that the second certificate must have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4), inner(length(min = 3, max = 128)))]
    pub intermediate_oids: Vec<String>,
}
