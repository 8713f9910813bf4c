//! What goes in: keys, parameters, the signed time, the form of the body.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fetch::{Fetch, X5c};
use super::{is_default, is_yes, yes};

/// A key and the form it has in the Secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeySpec {
    /// What the key is and where the provider shows it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 512))]
    pub description: String,
    /// False: families whose key is not given are not checked; those that have one all must hold. Absent: true.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub required: bool,
    /// How the Secret's text becomes the key: utf8 (default, as it stands), nfkd, hex, base64, base64url or pem. Under
    /// standardWebhooks absent means whsec_ or whpk_ and base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "KeyEncoding")]
    pub encoding: Option<KeyEncoding>,
    /// A prefix that the text must have and that is removed before it is decoded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64))]
    pub prefix: String,
    /// A template that composes the key: {secret} is the decoded key, {secret:USE} that of another use, {param:NAME} a
    /// parameter.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub text: String,
    /// The key is the raw digest of what came so far: md5, sha1, sha256, sha384 or sha512.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "super::MacHash")]
    pub digest: Option<super::MacHash>,
    /// Public keys that the provider publishes; no Secret is needed then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4), inner(length(min = 1, max = 4096)))]
    pub constant: Vec<String>,
    /// Public keys at a URL; no Secret is needed then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetch: Option<Fetch>,
    /// The public key of a certificate that the token brings along, under a pinned root; no Secret is needed then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x5c: Option<X5c>,
}

impl KeySpec {
    /// Whether the endpoint's Secrets are asked for it.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.constant.is_empty() && self.fetch.is_none() && self.x5c.is_none()
    }
}

impl Default for KeySpec {
    fn default() -> Self {
        Self {
            description: String::new(),
            required: true,
            encoding: None,
            prefix: String::new(),
            text: String::new(),
            digest: None,
            constant: Vec::new(),
            fetch: None,
            x5c: None,
        }
    }
}

/// How a key is written in the Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum KeyEncoding {
    /// As it stands.
    Utf8,
    /// Text in Unicode normal form KD.
    Nfkd,
    /// Hexadecimal, either case.
    Hex,
    /// Standard base64 with padding.
    Base64,
    /// URL-safe base64.
    Base64url,
    /// PEM.
    Pem,
}

/// A public value that the endpoint gives.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parameter {
    /// What it is and where the provider shows it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 512))]
    pub description: String,
    /// True: the endpoint is not accepted without it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub required: bool,
    /// The pattern that the whole value must have: literals and character classes with counts, alternatives by |.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 256))]
    pub pattern: String,
    /// The value where the endpoint gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub default: Option<String>,
}

/// What the body of a delivery is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Content {
    /// Anything.
    #[default]
    Any,
    /// A JSON object or list.
    Json,
    /// application/x-www-form-urlencoded.
    Form,
    /// multipart/form-data, or application/x-www-form-urlencoded, of which only single fields are read.
    Multipart,
    /// XML.
    Xml,
}

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET.
    Get,
    /// HEAD.
    Head,
    /// OPTIONS.
    Options,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

/// Where the signed time is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Timestamp {
    /// References that may hold it; several that differ are refused.
    #[schemars(length(min = 1, max = 8), inner(length(min = 1, max = 256)))]
    pub from: Vec<String>,
    /// Characters that cut the value into items.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 8))]
    pub split: String,
    /// The prefix by which the item with the time is told, such as t=; absent: the first item.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 128))]
    pub prefix: String,
    /// s (default), ms, rfc3339, httpDate, or none for a text that is signed but is no time.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unit: Unit,
    /// How far it may be from now, either way (5m). Absent: not limited, unless the endpoint's timestampTolerance does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32))]
    pub tolerance: Option<String>,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    /// Seconds since 1970.
    #[default]
    S,
    /// Milliseconds since 1970.
    Ms,
    /// RFC 3339.
    Rfc3339,
    /// The date format of HTTP.
    HttpDate,
    /// Not a time.
    None,
}

/// Signed headers that the request itself names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeaderList {
    /// The reference that holds the list; its text is {headerNames}.
    #[schemars(length(min = 1, max = 256))]
    pub from: String,
    /// Characters that cut the value into items, one of which is the list.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 8))]
    pub split: String,
    /// The prefix by which that item is told.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 128))]
    pub prefix: String,
    /// What stands between two names.
    #[schemars(length(min = 1, max = 8))]
    pub between: String,
    /// True: the names are sorted first.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sort: bool,
    /// The text of each header, from {name} and {value}.
    #[schemars(length(min = 1, max = 128))]
    pub item: String,
    /// What joins them in {headerList}.
    #[schemars(length(max = 8))]
    pub join: String,
    /// Headers that must be on the list: what protects must not be the request's choice.
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 64)))]
    pub required: Vec<String>,
}
