//! The families: the ways in which a sender proves itself.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{is_default, is_signing, signing};
use crate::scheme::encoding::Encoding;
pub use crate::scheme::http_signature::{Dialect, SignatureAlgorithm};
pub use crate::scheme::jwt::JwtAlgorithm;
pub use crate::scheme::public_key::Algorithm;

fn body() -> String {
    "{body}".into()
}

fn is_body(text: &str) -> bool {
    text == "{body}"
}

/// An HMAC, or a digest, over a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mac {
    /// The use of its key. Absent: signing.
    #[serde(default = "signing", skip_serializing_if = "is_signing")]
    #[schemars(length(min = 1, max = 32))]
    pub key: String,
    /// md5, sha1, sha256, sha384 or sha512.
    pub hash: MacHash,
    /// References that may hold the signature; any may match. header:X-Name-# stands for X-Name-1, X-Name-2, …
    #[schemars(length(min = 1, max = 8), inner(length(min = 1, max = 256)))]
    pub from: Vec<String>,
    /// True: the header may come in several lines, any of which may match. Otherwise that is answered 400.
    #[serde(default, skip_serializing_if = "is_default")]
    pub lines: bool,
    /// Characters that cut the value into items.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 8))]
    pub split: String,
    /// The prefix that an item must have to be a signature, such as sha256= or v1=.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 128))]
    pub prefix: String,
    /// How many items at the front are no signatures.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(range(max = 8))]
    pub skip: u8,
    /// hex (default, lower case), hexUpper, base64 or base64url.
    #[serde(default, skip_serializing_if = "is_default")]
    pub encoding: Encoding,
    /// The signed text. Absent: {body}.
    #[serde(default = "body", skip_serializing_if = "is_body")]
    #[schemars(length(min = 1, max = 4096))]
    pub signed: String,
}

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum MacHash {
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// A signature with a public key over a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PublicKeySignature {
    /// The use of its key. Absent: signing.
    #[serde(default = "signing", skip_serializing_if = "is_signing")]
    #[schemars(length(min = 1, max = 32))]
    pub key: String,
    /// The algorithm: ed25519, ecdsaP256Sha256 (DER), ecdsaP256Sha256Fixed (64 bytes), rsaSha1, rsaSha256, rsaSha384,
    /// rsaSha512, rsaPssSha256, rsaPssSha384 or rsaPssSha512; or algorithmFrom and algorithms, where the request names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Algorithm")]
    pub algorithm: Option<Algorithm>,
    /// The reference that names the algorithm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub algorithm_from: Option<String>,
    /// The names it may have and what they mean.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 8))]
    pub algorithms: BTreeMap<String, Algorithm>,
    /// References that may hold the signature; any may match.
    #[schemars(length(min = 1, max = 8), inner(length(min = 1, max = 256)))]
    pub from: Vec<String>,
    /// True: the header may come in several lines, any of which may match. Otherwise that is answered 400.
    #[serde(default, skip_serializing_if = "is_default")]
    pub lines: bool,
    /// Characters that cut the value into items.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 8))]
    pub split: String,
    /// The prefix that an item must have to be a signature.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 128))]
    pub prefix: String,
    /// How many items at the front are no signatures.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(range(max = 8))]
    pub skip: u8,
    /// hex (default, lower case), hexUpper, base64 or base64url.
    #[serde(default, skip_serializing_if = "is_default")]
    pub encoding: Encoding,
    /// The signed text. Absent: {body}.
    #[serde(default = "body", skip_serializing_if = "is_body")]
    #[schemars(length(min = 1, max = 4096))]
    pub signed: String,
}

/// Standard Webhooks: HMAC-SHA256 (v1) or Ed25519 (v1a) over id, time and body, as the key's prefix says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StandardWebhooks {
    /// The use of its key. Absent: signing.
    #[serde(default = "signing", skip_serializing_if = "is_signing")]
    #[schemars(length(min = 1, max = 32))]
    pub key: String,
    /// Prefixes of the three headers -id, -timestamp and -signature, the first complete set counts. Absent: webhook.
    #[serde(default = "webhook", skip_serializing_if = "is_webhook")]
    #[schemars(length(min = 1, max = 4), inner(length(min = 1, max = 64)))]
    pub headers: Vec<String>,
}

fn webhook() -> Vec<String> {
    vec!["webhook".into()]
}

fn is_webhook(headers: &[String]) -> bool {
    matches!(headers, [only] if only == "webhook")
}

/// A secret that the sender repeats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Token {
    /// The use of its key. Absent: signing.
    #[serde(default = "signing", skip_serializing_if = "is_signing")]
    #[schemars(length(min = 1, max = 32))]
    pub key: String,
    /// References that may hold it: header:NAME, bearer, basic (user:password), query:NAME, pathToken (one more segment
    /// behind the path), json:POINTER, form:NAME, item:POINTER. Any may match.
    #[schemars(length(min = 1, max = 8), inner(length(min = 1, max = 256)))]
    pub from: Vec<String>,
    /// The prefix that the value must have before the token.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 128))]
    pub prefix: String,
}

/// A JSON Web Token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Jwt {
    /// The use of its key. Absent: signing.
    #[serde(default = "signing", skip_serializing_if = "is_signing")]
    #[schemars(length(min = 1, max = 32))]
    pub key: String,
    /// References that may hold the token; the first that is present counts.
    #[schemars(length(min = 1, max = 8), inner(length(min = 1, max = 256)))]
    pub from: Vec<String>,
    /// The prefix that the value must have before the token.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 128))]
    pub prefix: String,
    /// The algorithms that count, never none; not HS256 and its kin beside those with a public key.
    #[schemars(length(min = 1, max = 8))]
    pub algorithms: Vec<JwtAlgorithm>,
    /// True: a token without exp is refused.
    #[serde(default, skip_serializing_if = "is_default")]
    pub require_expiry: bool,
    /// How old a token may be by its iat, which is then required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32))]
    pub max_age: Option<String>,
    /// How far the clocks may differ. Absent: 60s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32))]
    pub leeway: Option<String>,
}

/// HTTP Message Signatures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpSignature {
    /// The use of its key. Absent: signing.
    #[serde(default = "signing", skip_serializing_if = "is_signing")]
    #[schemars(length(min = 1, max = 32))]
    pub key: String,
    /// rfc9421 or cavage.
    pub dialect: Dialect,
    /// The algorithms that count: hmacSha256, hmacSha512, ed25519, ecdsaP256Sha256, rsaSha256, rsaSha512, rsaPssSha512; not
    /// those of a shared secret beside those of a public key.
    #[schemars(length(min = 1, max = 8))]
    pub algorithms: Vec<SignatureAlgorithm>,
    /// Components that the signature must cover, such as @method, @target-uri or content-digest.
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 64)))]
    pub components: Vec<String>,
    /// The tag that the signature must have (rfc9421).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub tag: Option<String>,
    /// How old a signature may be by its created time (or Date), which is then required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32))]
    pub max_age: Option<String>,
}

/// Nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Empty {}
