//! Public keys that were fetched: what is asked for, and what the answer holds. The fetching itself is not done here.

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;
use serde_json::Value as Json;

use super::der::{self, KeyInfo};
use super::encoding::Encoding;
use super::key::VerifyingKey;
use super::public_key::{Algorithm, PublicKey};
use super::spec::KeyFormat;

/// The most keys of one document.
const KEYS_MAX: usize = 64;
/// The longest id of a key, in bytes.
pub(super) const KEY_ID_BYTES_MAX: usize = 512;

/// Keys that a delivery, or an endpoint, needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRequest {
    /// Where they are: https, without user or fragment.
    pub url: String,
    /// What the document there is.
    pub format: KeyFormat,
    /// Where in it the key stands; empty: it is the document.
    pub pointer: String,
    /// Who chose the URL.
    pub origin: UrlOrigin,
    /// Whether the description writes the host out or pins it.
    pub is_pinned: bool,
    /// The key that the delivery names.
    pub key_id: Option<String>,
}

/// Who chose a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlOrigin {
    /// The description: it is the same for all endpoints.
    Description,
    /// The endpoint, by a parameter.
    Parameter,
    /// The request, within hosts that the description pins.
    Request,
}

impl KeyRequest {
    /// The host of the URL.
    #[must_use]
    pub fn host(&self) -> &str {
        super::host::https_host(&self.url).unwrap_or_default()
    }
}

/// Public keys as they were fetched.
#[derive(Clone, Debug, Default)]
pub struct FetchedKeys {
    keys: Vec<FetchedKey>,
}

#[derive(Clone, Debug)]
struct FetchedKey {
    id: Option<String>,
    key: VerifyingKey,
    /// First and last second at which the certificate that brought it is valid.
    valid: Option<(i64, i64)>,
}

impl FetchedKeys {
    /// Reads a document. Keys in it that no algorithm here can use are left out.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(format: KeyFormat, pointer: &str, document: &[u8]) -> Result<Self, String> {
        let keys = match format {
            KeyFormat::Jwks => read_set(document)?,
            KeyFormat::Pem | KeyFormat::Certificate => {
                let text = pointed(pointer, document)?;
                let valid = validity(text.as_bytes());
                if format == KeyFormat::Certificate && valid.is_none() {
                    return Err("expected a certificate as PEM".to_owned());
                }
                let valid = valid.filter(|_| format == KeyFormat::Certificate);
                let key = PublicKey::parse(&Algorithm::ALL, text.as_bytes()).map(VerifyingKey::Public)?;
                vec![FetchedKey { id: None, key, valid }]
            }
        };
        if keys.is_empty() {
            Err("expected at least one public key for signatures".to_owned())
        } else {
            Ok(Self { keys })
        }
    }

    /// Whether a key of this id is there. Keys without an id, and requests that name none, are settled by trying.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id.as_deref().is_none_or(|own| own == id))
    }

    /// The keys that may have signed what names this id.
    pub(super) fn candidates(&self, id: Option<&str>, now: Timestamp) -> impl Iterator<Item = &VerifyingKey> {
        let now = now.as_second();
        let may_be = move |key: &&FetchedKey| {
            let is_valid = key.valid.is_none_or(|(first, last)| (first..=last).contains(&now));
            is_valid && (id.is_none() || key.id.is_none() || key.id.as_deref() == id)
        };
        self.keys.iter().filter(may_be).map(|key| &key.key)
    }
}

/// The PEM text at a pointer of a JSON document, or the document itself.
fn pointed(pointer: &str, document: &[u8]) -> Result<String, String> {
    if pointer.is_empty() {
        return std::str::from_utf8(document).map(str::to_owned).map_err(|_| "expected PEM".to_owned());
    }
    let json: Json = serde_json::from_slice(document).map_err(|_| "expected JSON".to_owned())?;
    match json.pointer(pointer) {
        Some(Json::String(text)) => Ok(text.clone()),
        _ => Err(format!("expected a text at {pointer}")),
    }
}

/// First and last second of a certificate's validity.
fn validity(pem: &[u8]) -> Option<(i64, i64)> {
    let certificate = CertificateDer::from_pem_slice(pem).ok()?;
    der::certificate_validity(&certificate)
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Json>,
}

/// A JSON Web Key (RFC 7517, RFC 7518 section 6, RFC 8037).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

fn read_set(document: &[u8]) -> Result<Vec<FetchedKey>, String> {
    let set: Set = serde_json::from_slice(document).map_err(|_| "expected a JSON Web Key Set".to_owned())?;
    let keys = set.keys.into_iter().take(KEYS_MAX).filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
    Ok(keys.filter_map(|key| read_key(&key)).collect())
}

/// `None` for a key of another kind, or one that is not for signatures.
fn read_key(jwk: &Jwk) -> Option<FetchedKey> {
    if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
        return None;
    }
    let part = |text: &Option<String>| {
        let text = text.as_deref()?.trim_end_matches('=');
        Encoding::Base64url.decode(text.as_bytes())
    };
    let named = |algorithm: &Algorithm| jwk.alg.as_deref().is_none_or(|name| algorithm.is_named(name));
    let algorithms: Vec<Algorithm> = Algorithm::ALL.into_iter().filter(named).collect();
    let key = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => {
            let der = der::rsa_public_key(&part(&jwk.n)?, &part(&jwk.e)?);
            PublicKey::of(&algorithms, KeyInfo::Rsa(&der))
        }
        ("EC", Some("P-256")) => {
            let (x, y) = (part(&jwk.x)?, part(&jwk.y)?);
            PublicKey::of(&algorithms, KeyInfo::P256(&[&[4], &x[..], &y[..]].concat()))
        }
        ("OKP", Some("Ed25519")) => PublicKey::of(&algorithms, KeyInfo::Ed25519(&part(&jwk.x)?)),
        _ => return None,
    };
    let id = jwk.kid.clone().filter(|id| id.len() <= KEY_ID_BYTES_MAX);
    Some(FetchedKey { id, key: VerifyingKey::Public(key.ok()?), valid: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheme::key::Signature;

    // RFC 8037, appendix A.2; RFC 7517, appendix A.1.
    const ED25519: &str =
        r#"{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    const P256: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"}"#;
    // RFC 8037, appendix A.4.
    const SIGNED: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    const SIGNATURE: &str = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

    fn set(keys: &[&str]) -> Result<FetchedKeys, String> {
        FetchedKeys::parse(KeyFormat::Jwks, "", format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes())
    }

    fn verifies(keys: &FetchedKeys, id: Option<&str>) -> bool {
        let signature = Encoding::Base64url.decode(SIGNATURE.as_bytes()).unwrap();
        let is_by =
            |key: &VerifyingKey| key.verify(Signature::Public(Algorithm::Ed25519), SIGNED.as_bytes(), &signature);
        keys.candidates(id, Timestamp::UNIX_EPOCH).any(is_by)
    }

    #[test]
    fn a_key_of_a_set_verifies_under_its_own_id() {
        let keys = set(&[ED25519, P256]).unwrap();
        assert!(keys.has("ed") && !keys.has("1") && !keys.has("other"));
        assert!(verifies(&keys, Some("ed")) && verifies(&keys, None));
        assert!(!verifies(&keys, Some("1")));
        let nameless = set(&[&ED25519.replace(r#""kid":"ed","#, "")]).unwrap();
        assert!(nameless.has("any") && verifies(&nameless, Some("any")));
        let other_algorithm = ED25519.replace("\"kid\"", "\"alg\":\"ES256\",\"kid\"");
        assert!(set(&[&other_algorithm]).is_err());
    }

    #[test]
    fn what_holds_no_key_for_signatures_is_refused() {
        for keys in
            [&[][..], &[P256], &[r#"{"kty":"oct","k":"AAAA"}"#], &["1"], &[r#"{"kty":"RSA","n":"AQ","e":"AQAB"}"#]]
        {
            assert!(set(keys).is_err(), "{keys:?}");
        }
        for document in ["", "[]", "{}", r#"{"keys":{}}"#, "<html>"] {
            assert!(FetchedKeys::parse(KeyFormat::Jwks, "", document.as_bytes()).is_err(), "{document}");
            assert!(FetchedKeys::parse(KeyFormat::Pem, "", document.as_bytes()).is_err(), "{document}");
        }
    }

    #[test]
    fn a_certificate_serves_while_it_is_valid() {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec!["sns.example.com".to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2026, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2060, 1, 1);
        let pem = parameters.self_signed(&pair).unwrap().pem();
        let keys = FetchedKeys::parse(KeyFormat::Certificate, "", pem.as_bytes()).unwrap();
        let at = |text: &str| keys.candidates(None, text.parse().unwrap()).count();
        assert_eq!(at("2026-01-01T00:00:00Z"), 1);
        assert_eq!(at("2059-12-31T23:59:59Z"), 1);
        assert_eq!(at("2025-12-31T23:59:59Z"), 0);
        assert_eq!(at("2060-01-01T00:00:01Z"), 0);
        assert!(FetchedKeys::parse(KeyFormat::Certificate, "", pair.public_key_pem().as_bytes()).is_err());
        let inside = serde_json::json!({"config": {"key": pair.public_key_pem()}}).to_string();
        let pem = |pointer: &str| FetchedKeys::parse(KeyFormat::Pem, pointer, inside.as_bytes());
        assert!(pem("/config/key").is_ok() && pem("/config").is_err() && pem("").is_err());
    }
}
