//! Signatures over chosen parts of an HTTP request: RFC 9421, and the draft before it (draft-cavage-http-signatures-12).

mod cavage;
mod rfc9421;
#[cfg(test)]
mod tests;

use std::time::Duration;

use aws_lc_rs::hmac;
use http::{HeaderName, HeaderValue, Uri};
use jiff::Timestamp;
use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::delivery::Delivery;
use super::key::{Signature, SigningKey, VerifyingKey};
use super::public_key::Algorithm;
use super::rejection::Rejection;

/// By how much the sender's clock may differ where it says when a signature expires.
const EXPIRY_LEEWAY_SECONDS: i64 = 60;

/// Which of the two specifications a sender follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// RFC 9421: the headers Signature-Input and Signature.
    #[default]
    Rfc9421,
    /// draft-cavage-http-signatures: the header Signature, or Authorization with the scheme Signature.
    Cavage,
}

/// A signature algorithm of HTTP message signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SignatureAlgorithm {
    /// HMAC with SHA-256.
    HmacSha256,
    /// HMAC with SHA-512.
    HmacSha512,
    /// Ed25519.
    Ed25519,
    /// ECDSA with P-256 and SHA-256.
    EcdsaP256Sha256,
    /// RSA PKCS#1 v1.5 with SHA-256.
    RsaSha256,
    /// RSA PKCS#1 v1.5 with SHA-512.
    RsaSha512,
    /// RSA PSS with SHA-512.
    RsaPssSha512,
}

impl SignatureAlgorithm {
    /// The public key algorithm it needs in `dialect`; `None` where it needs a shared secret.
    #[must_use]
    pub fn public(self, dialect: Dialect) -> Option<Algorithm> {
        match self.signature(dialect) {
            Signature::Hmac(_) => None,
            Signature::Public(algorithm) => Some(algorithm),
        }
    }

    fn signature(self, dialect: Dialect) -> Signature {
        match self {
            Self::HmacSha256 => Signature::Hmac(hmac::HMAC_SHA256),
            Self::HmacSha512 => Signature::Hmac(hmac::HMAC_SHA512),
            Self::Ed25519 => Signature::Public(Algorithm::Ed25519),
            Self::EcdsaP256Sha256 => Signature::Public(match dialect {
                Dialect::Rfc9421 => Algorithm::EcdsaP256Sha256Fixed,
                Dialect::Cavage => Algorithm::EcdsaP256Sha256,
            }),
            Self::RsaSha256 => Signature::Public(Algorithm::RsaSha256),
            Self::RsaSha512 => Signature::Public(Algorithm::RsaSha512),
            Self::RsaPssSha512 => Signature::Public(Algorithm::RsaPssSha512),
        }
    }

    /// The name by which a request says that it uses it, where the dialect has one.
    fn name(self, dialect: Dialect) -> Option<&'static str> {
        match (self, dialect) {
            (Self::HmacSha256, _) => Some("hmac-sha256"),
            (Self::HmacSha512, Dialect::Cavage) => Some("hmac-sha512"),
            (Self::Ed25519, _) => Some("ed25519"),
            (Self::EcdsaP256Sha256, Dialect::Rfc9421) => Some("ecdsa-p256-sha256"),
            (Self::EcdsaP256Sha256, Dialect::Cavage) => Some("ecdsa-sha256"),
            (Self::RsaSha256, Dialect::Rfc9421) => Some("rsa-v1_5-sha256"),
            (Self::RsaSha256, Dialect::Cavage) => Some("rsa-sha256"),
            (Self::RsaSha512, Dialect::Cavage) => Some("rsa-sha512"),
            (Self::RsaPssSha512, Dialect::Rfc9421) => Some("rsa-pss-sha512"),
            (Self::HmacSha512 | Self::RsaSha512, Dialect::Rfc9421) | (Self::RsaPssSha512, Dialect::Cavage) => None,
        }
    }
}

/// What a signature must satisfy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpSignatureCheck {
    /// The specification that the sender follows.
    pub(crate) dialect: Dialect,
    /// The algorithms that may be used.
    pub(crate) algorithms: Vec<SignatureAlgorithm>,
    /// The components that must be covered, as the dialect names them: `@method`, `(request-target)`, `content-digest`, …
    pub(crate) components: Vec<String>,
    /// The tag that the signature must carry (RFC 9421).
    pub(crate) tag: Option<String>,
    /// How far from now it may have been made; a signature that does not say when is refused then.
    pub(crate) max_age: Option<Duration>,
}

/// A signature that is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpSigned {
    /// Which of the keys verified it.
    pub(crate) key: usize,
    /// SHA-256 of the signed text without what tells the time: the same for two deliveries of the same signed content.
    pub(crate) digest: [u8; 32],
}

/// Checks the signature of a delivery. `url` is the URL at which the provider reaches the endpoint, without a query: where it
/// is known, it and not the request says what the sender addressed. A digest header that is covered is compared with the body.
///
/// # Errors
/// Why it is refused.
pub(crate) fn verify(
    delivery: &Delivery<'_>,
    url: Option<&str>,
    keys: &[VerifyingKey],
    check: &HttpSignatureCheck,
    now: Timestamp,
) -> Result<HttpSigned, Rejection> {
    let request = Request::new(delivery, url);
    match check.dialect {
        Dialect::Rfc9421 => rfc9421::verify(&request, keys, check, now),
        Dialect::Cavage => cavage::verify(&request, keys, check, now),
    }
}

/// Signs a request as the sender would: gives the headers to add, the digest and the date among them where the check wants
/// them covered and the request has none.
///
/// # Errors
/// When a component is not there, or the key serves none of the algorithms.
pub(crate) fn sign(
    delivery: &Delivery<'_>,
    url: Option<&str>,
    key: &SigningKey,
    check: &HttpSignatureCheck,
    now: Timestamp,
) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let mut headers = delivery.headers.clone();
    let mut added = Vec::new();
    for component in &check.components {
        let value = match component.as_str() {
            "content-digest" => rfc9421::write_digest(delivery.body),
            "digest" => cavage::write_digest(delivery.body),
            "date" => DateTimePrinter::new().timestamp_to_rfc9110_string(&now).map_err(|error| error.to_string())?,
            _ => continue,
        };
        let name = HeaderName::try_from(component).map_err(|error| error.to_string())?;
        if !headers.contains_key(&name) {
            let value = HeaderValue::try_from(value).map_err(|error| error.to_string())?;
            headers.insert(name.clone(), value.clone());
            added.push((name, value));
        }
    }
    let signed = Delivery { headers: &headers, ..*delivery };
    let request = Request::new(&signed, url);
    added.extend(match check.dialect {
        Dialect::Rfc9421 => rfc9421::sign(&request, key, check, now)?,
        Dialect::Cavage => cavage::sign(&request, key, check, now)?,
    });
    Ok(added)
}

/// A request as both dialects see it.
struct Request<'a> {
    delivery: &'a Delivery<'a>,
    url: Option<Uri>,
}

impl<'a> Request<'a> {
    fn new(delivery: &'a Delivery<'a>, url: Option<&str>) -> Self {
        Self { delivery, url: url.and_then(|url| url.parse().ok()) }
    }

    /// The value of a header that may be there once.
    fn single(&self, name: &HeaderName) -> Result<Option<&'a str>, Rejection> {
        let mut values = self.delivery.headers.get_all(name).iter();
        let (value, more) = (values.next(), values.next());
        if more.is_some() {
            return Err(Rejection::Repeated { what: format!("header:{name}") });
        }
        value
            .map(|value| value.to_str().map_err(|_| Rejection::Malformed { what: format!("header:{name}") }))
            .transpose()
    }

    /// The value of a header as it is signed: all its lines, joined.
    fn joined(&self, name: &str) -> Result<String, Rejection> {
        if name == "host" {
            return self.authority();
        }
        let malformed = || Rejection::Malformed { what: format!("header:{name}") };
        let lines = self.delivery.headers.get_all(HeaderName::try_from(name).map_err(|_| malformed())?);
        let lines: Result<Vec<&str>, _> =
            lines.iter().map(|line| line.to_str().map(|line| line.trim_matches([' ', '\t']))).collect();
        let lines = lines.map_err(|_| malformed())?;
        if lines.is_empty() {
            return Err(Rejection::Missing { what: format!("header:{name}") });
        }
        Ok(lines.join(", "))
    }

    fn scheme(&self) -> Result<&str, Rejection> {
        let scheme = self.url.as_ref().and_then(Uri::scheme_str);
        scheme.ok_or_else(|| Rejection::Missing { what: "the public URL".to_owned() })
    }

    /// Host and port in lower case, without the scheme's default port.
    fn authority(&self) -> Result<String, Rejection> {
        let Some(authority) = self.url.as_ref().and_then(Uri::authority) else {
            let host = self.single(&http::header::HOST)?;
            return host
                .map(str::to_ascii_lowercase)
                .ok_or_else(|| Rejection::Missing { what: "header:host".to_owned() });
        };
        let default_port = if self.scheme()? == "http" { ":80" } else { ":443" };
        let authority = authority.as_str().to_ascii_lowercase();
        Ok(authority.strip_suffix(default_port).map_or_else(|| authority.clone(), str::to_owned))
    }

    fn path(&self) -> &str {
        match self.url.as_ref().map_or(self.delivery.path, Uri::path) {
            "" => "/",
            path => path,
        }
    }

    /// Path and query as they stand in the request line.
    fn target(&self) -> String {
        match self.delivery.query {
            Some(query) => format!("{}?{query}", self.path()),
            None => self.path().to_owned(),
        }
    }
}

/// The key that verifies `signature` of `text`: with the algorithm that the request names, which must be allowed, or with any
/// that is.
fn find_key(
    keys: &[VerifyingKey],
    check: &HttpSignatureCheck,
    named: Option<&str>,
    text: &str,
    signature: &[u8],
) -> Result<usize, Rejection> {
    let is_meant =
        |algorithm: &&SignatureAlgorithm| named.is_none_or(|named| algorithm.name(check.dialect) == Some(named));
    let algorithms: Vec<Signature> =
        check.algorithms.iter().filter(is_meant).map(|algorithm| algorithm.signature(check.dialect)).collect();
    if algorithms.is_empty() {
        return Err(Rejection::Malformed { what: "the signature's algorithm".to_owned() });
    }
    let verifies =
        |key: &VerifyingKey| algorithms.iter().any(|algorithm| key.verify(*algorithm, text.as_bytes(), signature));
    keys.iter().position(verifies).ok_or(Rejection::NoKeyMatched)
}

fn sign_text(
    key: &SigningKey,
    check: &HttpSignatureCheck,
    text: &str,
) -> Result<(SignatureAlgorithm, Vec<u8>), String> {
    let mut error = "the scheme names no algorithm".to_owned();
    for algorithm in &check.algorithms {
        match key.sign(algorithm.signature(check.dialect), text.as_bytes()) {
            Ok(signature) => return Ok((*algorithm, signature)),
            Err(failed) => error = failed,
        }
    }
    Err(error)
}

/// When a signature was made and when it expires, in seconds, against the clock. The window is open to both sides.
fn check_times(
    created: Option<i64>,
    expires: Option<i64>,
    check: &HttpSignatureCheck,
    now: Timestamp,
) -> Result<(), Rejection> {
    let now = now.as_second();
    if let Some(max_age) = check.max_age {
        let created = created.ok_or_else(|| Rejection::Missing { what: "the signature's time".to_owned() })?;
        let age = now.saturating_sub(created);
        if age.unsigned_abs() > max_age.as_secs() {
            return Err(Rejection::Stale { seconds: age, tolerance: max_age.as_secs() });
        }
    }
    let age = expires.map(|expires| now.saturating_sub(expires));
    match age {
        Some(age) if age > EXPIRY_LEEWAY_SECONDS => {
            Err(Rejection::Stale { seconds: age, tolerance: EXPIRY_LEEWAY_SECONDS.unsigned_abs() })
        }
        Some(_) | None => Ok(()),
    }
}

/// An HTTP date (RFC 9110, section 5.6.7), in seconds.
fn parse_date(text: &str) -> Option<i64> {
    let date = text.strip_suffix(" GMT").map(|_| DateTimeParser::new().parse_timestamp(text))?;
    date.ok().map(Timestamp::as_second)
}

/// Compares the digests of the body that the request names with the body. One that is known must be there, and all that are
/// known must be right.
fn check_digests<'d>(
    body: &[u8],
    digests: impl Iterator<Item = (&'d str, Vec<u8>)>,
    what: &str,
) -> Result<(), Rejection> {
    let mut is_checked = false;
    for (name, digest) in digests {
        let is_right: bool = match name {
            "sha-256" => Sha256::digest(body).as_slice().ct_eq(&digest).into(),
            "sha-512" => Sha512::digest(body).as_slice().ct_eq(&digest).into(),
            _ => continue,
        };
        if !is_right {
            return Err(Rejection::NotBound { what: what.to_owned() });
        }
        is_checked = true;
    }
    if is_checked { Ok(()) } else { Err(Rejection::Malformed { what: what.to_owned() }) }
}
