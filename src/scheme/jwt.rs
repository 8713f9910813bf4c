//! JSON web tokens (RFC 7519) as compact JWS (RFC 7515), checked against keys that are known beforehand.

use std::borrow::Cow;
use std::time::Duration;

use aws_lc_rs::hmac;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

use super::encoding::Encoding;
use super::fetched::KEY_ID_BYTES_MAX;
use super::key::{Signature, SigningKey, VerifyingKey};
use super::public_key::Algorithm;
use super::rejection::Rejection;

/// The longest token, in bytes.
const TOKEN_MAX: usize = 16 * 1024;
/// The last second of the year 9999: a time behind it is no time.
const SECONDS_MAX: f64 = 253_402_300_799.0;

/// A signature algorithm of a token (RFC 7518, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256.
    #[serde(rename = "HS256")]
    Hs256,
    /// HMAC with SHA-384.
    #[serde(rename = "HS384")]
    Hs384,
    /// HMAC with SHA-512.
    #[serde(rename = "HS512")]
    Hs512,
    /// RSA PKCS#1 v1.5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSA PKCS#1 v1.5 with SHA-384.
    #[serde(rename = "RS384")]
    Rs384,
    /// RSA PKCS#1 v1.5 with SHA-512.
    #[serde(rename = "RS512")]
    Rs512,
    /// RSA PSS with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// ECDSA with P-256 and SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl JwtAlgorithm {
    const ALL: [Self; 9] = [
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Es256,
        Self::EdDsa,
    ];

    /// Its name in a token's header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The public key algorithm it needs; `None` where it needs a shared secret.
    #[must_use]
    pub fn public(self) -> Option<Algorithm> {
        match self.signature() {
            Signature::Hmac(_) => None,
            Signature::Public(algorithm) => Some(algorithm),
        }
    }

    fn signature(self) -> Signature {
        match self {
            Self::Hs256 => Signature::Hmac(hmac::HMAC_SHA256),
            Self::Hs384 => Signature::Hmac(hmac::HMAC_SHA384),
            Self::Hs512 => Signature::Hmac(hmac::HMAC_SHA512),
            Self::Rs256 => Signature::Public(Algorithm::RsaSha256),
            Self::Rs384 => Signature::Public(Algorithm::RsaSha384),
            Self::Rs512 => Signature::Public(Algorithm::RsaSha512),
            Self::Ps256 => Signature::Public(Algorithm::RsaPssSha256),
            Self::Es256 => Signature::Public(Algorithm::EcdsaP256Sha256Fixed),
            Self::EdDsa => Signature::Public(Algorithm::Ed25519),
        }
    }
}

/// What a token must satisfy besides its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JwtCheck {
    /// The algorithms that its header may name.
    pub(crate) algorithms: Vec<JwtAlgorithm>,
    /// Whether it must say when it expires.
    pub(crate) require_expiry: bool,
    /// How long ago it may have been issued; a token that does not say is refused then.
    pub(crate) max_age: Option<Duration>,
    /// By how much the sender's clock may differ.
    pub(crate) leeway: Duration,
}

impl Default for JwtCheck {
    fn default() -> Self {
        Self { algorithms: Vec::new(), require_expiry: false, max_age: None, leeway: Duration::from_secs(60) }
    }
}

/// Why a token is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JwtFault {
    /// It is not three parts of which each is what it should be.
    #[error("the token's {0} is malformed")]
    Malformed(&'static str),
    /// Its header names an algorithm that is not allowed here, or an extension that must be understood.
    #[error("the token's header asks for an algorithm or extension that is not allowed")]
    NotAllowed,
    /// No key verifies it.
    #[error("no key matched")]
    NoKeyMatched,
    /// A claim that the check needs is not there.
    #[error("the token has no claim {0}")]
    NoClaim(&'static str),
    /// It is expired, not valid yet, or too old.
    #[error("the token's time is {seconds} s off")]
    Stale {
        /// How long ago it expired or was issued; negative where its time is still to come.
        seconds: i64,
        /// What was allowed.
        tolerance: u64,
    },
}

impl JwtFault {
    /// The rejection of a delivery whose token was found at `what`.
    pub(crate) fn rejection(&self, what: &str) -> Rejection {
        match self {
            Self::Malformed(part) => Rejection::Malformed { what: format!("{what}, the token's {part}") },
            Self::NotAllowed => Rejection::Malformed { what: format!("{what}, the token's algorithm") },
            Self::NoKeyMatched => Rejection::NoKeyMatched,
            Self::NoClaim(claim) => Rejection::Missing { what: format!("claim:/{claim}") },
            Self::Stale { seconds, tolerance } => Rejection::Stale { seconds: *seconds, tolerance: *tolerance },
        }
    }
}

/// A token taken apart, not verified yet.
pub(crate) struct Token<'t> {
    signed: &'t str,
    signature: Vec<u8>,
    algorithm: Signature,
    key_id: Option<String>,
    chain: Vec<Vec<u8>>,
    claims: Vec<u8>,
}

/// Takes a token apart; nothing but its header is read. Of what the header says of keys only `kid` and `x5c` are kept, and
/// neither is believed: `jku`, `x5u` and `jwk` are not looked at.
///
/// # Errors
/// Why it is refused: its form, or an algorithm that does not count here.
pub(crate) fn open<'t>(token: &'t str, check: &JwtCheck) -> Result<Token<'t>, JwtFault> {
    if token.len() > TOKEN_MAX {
        return Err(JwtFault::Malformed("length"));
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(JwtFault::Malformed("form"))?;
    let (header, claims) = signed.split_once('.').ok_or(JwtFault::Malformed("form"))?;
    let decode = |part: &str, name| Encoding::Base64url.decode(part.as_bytes()).ok_or(JwtFault::Malformed(name));
    let header = decode(header, "header")?;
    let header: Header<'_> = read_object(&header).ok_or(JwtFault::Malformed("header"))?;
    let algorithm = JwtAlgorithm::ALL.into_iter().find(|algorithm| algorithm.name() == header.alg);
    let algorithm = algorithm.filter(|algorithm| check.algorithms.contains(algorithm) && !header.crit);
    let algorithm = algorithm.ok_or(JwtFault::NotAllowed)?.signature();
    let chain = header.x5c.iter().map(|text| Encoding::Base64.decode(text.as_bytes()));
    let chain: Option<Vec<_>> = chain.collect();
    let signature = decode(signature, "signature")?;
    let claims = decode(claims, "claims")?;
    let key_id = header.kid.filter(|id| id.len() <= KEY_ID_BYTES_MAX).map(Cow::into_owned);
    let chain = chain.ok_or(JwtFault::Malformed("chain"))?;
    Ok(Token { signed, signature, algorithm, key_id, chain, claims })
}

impl Token<'_> {
    /// The id of the key that it names.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The certificates that it brings along, as DER.
    pub(crate) fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// Whether this key signed it.
    pub(crate) fn is_by(&self, key: &VerifyingKey) -> bool {
        key.verify(self.algorithm, self.signed.as_bytes(), &self.signature)
    }

    /// The claims, one JSON object as it was signed, where its times are right. To be asked for after [`Self::is_by`].
    ///
    /// # Errors
    /// Why it is refused.
    pub(crate) fn claims(self, check: &JwtCheck, now: Timestamp) -> Result<Vec<u8>, JwtFault> {
        let times: Times = read_object(&self.claims).ok_or(JwtFault::Malformed("claims"))?;
        times.check(check, now)?;
        Ok(self.claims)
    }
}

/// Makes a token of `claims`, the text of a JSON object.
///
/// # Errors
/// When the key is not one for `algorithm`.
pub(crate) fn sign(algorithm: JwtAlgorithm, key: &SigningKey, claims: &str) -> Result<String, String> {
    let header = format!(r#"{{"alg":"{}","typ":"JWT"}}"#, algorithm.name());
    let encode = |part: &[u8]| Encoding::Base64url.encode(part);
    let signed = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
    let signature = key.sign(algorithm.signature(), signed.as_bytes())?;
    Ok(format!("{signed}.{}", encode(&signature)))
}

/// The part of a header that counts. A field that is there twice is a fault.
#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    /// Extensions that a reader must understand (RFC 7515, section 4.1.11); none is.
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
    #[serde(borrow, default)]
    kid: Option<Cow<'a, str>>,
    #[serde(default)]
    x5c: Vec<String>,
}

/// The times among the claims, in seconds; a field that is there is a number, and there once.
#[derive(Deserialize)]
struct Times {
    #[serde(default, deserialize_with = "read_seconds")]
    exp: Option<f64>,
    #[serde(default, deserialize_with = "read_seconds")]
    nbf: Option<f64>,
    #[serde(default, deserialize_with = "read_seconds")]
    iat: Option<f64>,
}

/// Reads a JSON object; a struct alone would be read from a list as well.
fn read_object<'de, T: Deserialize<'de>>(json: &'de [u8]) -> Option<T> {
    json.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(json).ok()).flatten()
}

fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

fn read_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    if (0.0..=SECONDS_MAX).contains(&seconds) { Ok(Some(seconds)) } else { Err(serde::de::Error::custom("not a time")) }
}

impl Times {
    fn check(&self, check: &JwtCheck, now: Timestamp) -> Result<(), JwtFault> {
        // How long ago a time was, against an allowance.
        let age = |seconds: f64| now.as_duration().as_secs_f64() - seconds;
        let leeway = check.leeway.as_secs_f64();
        let stale = |age: f64, tolerance: Duration| JwtFault::Stale {
            seconds: SignedDuration::try_from_secs_f64(age).map_or(i64::MAX, |age| age.as_secs()),
            tolerance: tolerance.as_secs(),
        };
        match self.exp {
            None if check.require_expiry => return Err(JwtFault::NoClaim("exp")),
            Some(exp) if age(exp) >= leeway => return Err(stale(age(exp), check.leeway)),
            Some(_) | None => {}
        }
        match self.nbf {
            Some(nbf) if age(nbf) < -leeway => return Err(stale(age(nbf), check.leeway)),
            Some(_) | None => {}
        }
        let Some(max_age) = check.max_age else { return Ok(()) };
        let issued = age(self.iat.ok_or(JwtFault::NoClaim("iat"))?);
        if issued < -leeway || issued > max_age.saturating_add(check.leeway).as_secs_f64() {
            return Err(stale(issued, max_age));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken as other;
    use serde_json::{Value, json};

    use super::*;
    use crate::scheme::private_key::PrivateKey;
    use crate::scheme::public_key::PublicKey;
    use crate::secret::Secret;

    const NOW: i64 = 1_700_000_000;

    /// The claims of a token that verifies, and by which key.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Claims {
        json: Vec<u8>,
        key: usize,
    }

    fn verify(token: &str, keys: &[VerifyingKey], check: &JwtCheck, now: Timestamp) -> Result<Claims, JwtFault> {
        let token = open(token, check)?;
        let key = keys.iter().position(|key| token.is_by(key)).ok_or(JwtFault::NoKeyMatched)?;
        Ok(Claims { json: token.claims(check, now)?, key })
    }

    fn now() -> Timestamp {
        Timestamp::from_second(NOW).unwrap()
    }

    fn secret(text: &str) -> VerifyingKey {
        VerifyingKey::Secret(Secret::from(text))
    }

    fn check_of(algorithms: &[JwtAlgorithm]) -> JwtCheck {
        JwtCheck { algorithms: algorithms.to_vec(), ..JwtCheck::default() }
    }

    fn hs256(header: &str, claims: &str) -> String {
        let encode = |part: &str| Encoding::Base64url.encode(part.as_bytes());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let key = SigningKey::Secret(Secret::from("key"));
        let signature = key.sign(JwtAlgorithm::Hs256.signature(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", Encoding::Base64url.encode(&signature))
    }

    fn verify_claims(claims: &str, check: &JwtCheck) -> Result<Claims, JwtFault> {
        verify(&hs256(r#"{"alg":"HS256"}"#, claims), &[secret("key")], check, now())
    }

    /// For each algorithm a key pair, and the same keys for another library.
    fn keys(algorithm: JwtAlgorithm) -> (SigningKey, VerifyingKey, other::EncodingKey, other::DecodingKey) {
        let Some(public) = algorithm.public() else {
            let secret = Secret::from("a shared secret");
            let (encoding, decoding) =
                (other::EncodingKey::from_secret(secret.expose()), other::DecodingKey::from_secret(secret.expose()));
            return (SigningKey::Secret(secret.clone()), VerifyingKey::Secret(secret), encoding, decoding);
        };
        let (kind, encoding): (_, fn(&[u8]) -> other::EncodingKey) = match algorithm {
            JwtAlgorithm::Es256 => {
                (&rcgen::PKCS_ECDSA_P256_SHA256, |pem| other::EncodingKey::from_ec_pem(pem).unwrap())
            }
            JwtAlgorithm::EdDsa => (&rcgen::PKCS_ED25519, |pem| other::EncodingKey::from_ed_pem(pem).unwrap()),
            _ => (&rcgen::PKCS_RSA_SHA256, |pem| other::EncodingKey::from_rsa_pem(pem).unwrap()),
        };
        let pair = rcgen::KeyPair::generate_for(kind).unwrap();
        let (private, public_pem) = (pair.serialize_pem(), pair.public_key_pem());
        let decoding = match algorithm {
            JwtAlgorithm::Es256 => other::DecodingKey::from_ec_pem(public_pem.as_bytes()),
            JwtAlgorithm::EdDsa => other::DecodingKey::from_ed_pem(public_pem.as_bytes()),
            _ => other::DecodingKey::from_rsa_pem(public_pem.as_bytes()),
        };
        (
            SigningKey::Private(PrivateKey::parse(private.as_bytes()).unwrap()),
            VerifyingKey::Public(PublicKey::parse(&[public], public_pem.as_bytes()).unwrap()),
            encoding(private.as_bytes()),
            decoding.unwrap(),
        )
    }

    #[test]
    fn tokens_are_exchanged_with_another_library() {
        for algorithm in JwtAlgorithm::ALL {
            let (signing, verifying, encoding, decoding) = keys(algorithm);
            let their_algorithm: other::Algorithm = algorithm.name().parse().unwrap();
            let claims = json!({"sub": "x", "exp": NOW + 10});
            let theirs = other::encode(&other::Header::new(their_algorithm), &claims, &encoding).unwrap();
            let ours = sign(algorithm, &signing, &claims.to_string()).unwrap();
            let check = check_of(&[algorithm]);
            for token in [&theirs, &ours] {
                let verified = verify(token, std::slice::from_ref(&verifying), &check, now()).unwrap();
                assert_eq!(serde_json::from_slice::<Value>(&verified.json).unwrap(), claims);
            }
            let mut validation = other::Validation::new(their_algorithm);
            validation.validate_exp = false;
            assert_eq!(other::decode::<Value>(&ours, &decoding, &validation).unwrap().claims, claims);
            let not_allowed: Vec<_> = JwtAlgorithm::ALL.into_iter().filter(|other| *other != algorithm).collect();
            assert_eq!(verify(&ours, &[verifying], &check_of(&not_allowed), now()), Err(JwtFault::NotAllowed));
        }
    }

    #[test]
    fn no_altered_token_is_taken() {
        let token = hs256(r#"{"alg":"HS256"}"#, r#"{"sub":"x"}"#);
        let check = check_of(&[JwtAlgorithm::Hs256]);
        assert!(verify(&token, &[secret("key")], &check, now()).is_ok());
        for at in 0..token.len() {
            for byte in 0x20..0x7f {
                let mut edited = token.clone().into_bytes();
                if edited[at] != byte {
                    edited[at] = byte;
                    let edited = String::from_utf8(edited).unwrap();
                    assert!(verify(&edited, &[secret("key")], &check, now()).is_err(), "{edited}");
                }
            }
            assert!(verify(&token[..at], &[secret("key")], &check, now()).is_err());
        }
        for edited in
            [format!("{token}="), format!("{token}."), format!(".{token}"), format!(" {token}"), format!("{token}\n")]
        {
            assert!(verify(&edited, &[secret("key")], &check, now()).is_err(), "{edited}");
        }
        assert_eq!(verify(&token, &[secret("other")], &check, now()), Err(JwtFault::NoKeyMatched));
        assert_eq!(verify(&token, &[], &check, now()), Err(JwtFault::NoKeyMatched));
        assert_eq!(verify(&token, &[secret("other"), secret("key")], &check, now()).unwrap().key, 1);
    }

    #[test]
    fn the_header_chooses_nothing() {
        let all = check_of(&JwtAlgorithm::ALL);
        let claims = r#"{"sub":"x"}"#;
        let taken = |header: &str| verify(&hs256(header, claims), &[secret("key")], &all, now());
        for header in [
            r#"{"alg":"HS256"}"#,
            r#"{"typ":"JWT","alg":"HS256","kid":"../../dev/null"}"#,
            r#"{"alg":"HS256","jku":"https://evil.example/keys","x5u":"https://evil.example/","jwk":{"kty":"oct","k":"AA"}}"#,
        ] {
            assert!(taken(header).is_ok(), "{header}");
        }
        for (header, fault) in [
            (r#"{"alg":"none"}"#, JwtFault::NotAllowed),
            (r#"{"alg":"None"}"#, JwtFault::NotAllowed),
            (r#"{"alg":"hs256"}"#, JwtFault::NotAllowed),
            (r#"{"alg":"HS512"}"#, JwtFault::NoKeyMatched),
            (r#"{"alg":"RS256"}"#, JwtFault::NoKeyMatched),
            (r#"{"alg":"HS256","crit":["exp"]}"#, JwtFault::NotAllowed),
            (r#"{"alg":"HS256","crit":[]}"#, JwtFault::NotAllowed),
            (r#"{"alg":"HS256","crit":null}"#, JwtFault::NotAllowed),
            (r#"{"alg":"HS256","crit":["b64"],"b64":false}"#, JwtFault::NotAllowed),
            (r#"{"alg":"none","alg":"HS256"}"#, JwtFault::Malformed("header")),
            (r#"{"alg":null}"#, JwtFault::Malformed("header")),
            (r#"{"alg":["HS256"]}"#, JwtFault::Malformed("header")),
            (r#"["HS256"]"#, JwtFault::Malformed("header")),
            (r"{}", JwtFault::Malformed("header")),
            (r#"{"alg":"HS256"}x"#, JwtFault::Malformed("header")),
            ("", JwtFault::Malformed("header")),
        ] {
            assert_eq!(taken(header), Err(fault), "{header}");
        }
        let unsigned =
            format!("{}.{}.", Encoding::Base64url.encode(br#"{"alg":"none"}"#), Encoding::Base64url.encode(b"{}"));
        assert_eq!(verify(&unsigned, &[secret("key")], &all, now()), Err(JwtFault::NotAllowed));
    }

    #[test]
    fn a_public_key_is_no_shared_secret() {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let pem = pair.public_key_pem();
        let public = PublicKey::parse(&[Algorithm::RsaSha256], pem.as_bytes()).unwrap();
        let both = check_of(&[JwtAlgorithm::Rs256, JwtAlgorithm::Hs256]);
        for forged_with in [pem.as_bytes(), pem.trim().as_bytes(), pair.public_key_raw()] {
            let key = SigningKey::Secret(Secret::from(forged_with.to_vec()));
            let token = sign(JwtAlgorithm::Hs256, &key, "{}").unwrap();
            assert_eq!(
                verify(&token, &[VerifyingKey::Public(public.clone())], &both, now()),
                Err(JwtFault::NoKeyMatched)
            );
        }
        let private = SigningKey::Private(PrivateKey::parse(pair.serialize_pem().as_bytes()).unwrap());
        assert!(sign(JwtAlgorithm::Hs256, &private, "{}").is_err());
        let token = sign(JwtAlgorithm::Rs256, &private, "{}").unwrap();
        assert!(verify(&token, &[VerifyingKey::Public(public)], &both, now()).is_ok());
        assert_eq!(verify(&token, &[secret(&pem)], &both, now()), Err(JwtFault::NoKeyMatched));
    }

    #[test]
    fn times_are_judged_both_ways() {
        let plain = check_of(&[JwtAlgorithm::Hs256]);
        let expiring = JwtCheck { require_expiry: true, ..plain.clone() };
        let aged = JwtCheck { max_age: Some(Duration::from_secs(300)), ..plain.clone() };
        for (check, claims, expected) in [
            (&plain, r"{}".to_owned(), None),
            (&plain, format!(r#"{{"exp":{}}}"#, NOW - 59), None),
            (&plain, format!(r#"{{"exp":{}.5}}"#, NOW - 59), None),
            (&plain, format!(r#"{{"exp":{}}}"#, NOW - 60), Some((60, 60))),
            (&plain, format!(r#"{{"nbf":{}}}"#, NOW + 60), None),
            (&plain, format!(r#"{{"nbf":{}}}"#, NOW + 61), Some((-61, 60))),
            (&plain, format!(r#"{{"iat":{}}}"#, NOW + 1000), None),
            (&plain, r#"{"exp":0}"#.to_owned(), Some((NOW, 60))),
            (&plain, r#"{"exp":253402300799}"#.to_owned(), None),
            (&expiring, format!(r#"{{"exp":{NOW}}}"#), None),
            (&aged, format!(r#"{{"iat":{}}}"#, NOW - 360), None),
            (&aged, format!(r#"{{"iat":{}}}"#, NOW - 361), Some((361, 300))),
            (&aged, format!(r#"{{"iat":{}}}"#, NOW + 60), None),
            (&aged, format!(r#"{{"iat":{}}}"#, NOW + 61), Some((-61, 300))),
        ] {
            let fault = verify_claims(&claims, check).err();
            let expected = expected.map(|(seconds, tolerance)| JwtFault::Stale { seconds, tolerance });
            assert_eq!(fault, expected, "{claims}");
        }
        assert_eq!(verify_claims("{}", &expiring), Err(JwtFault::NoClaim("exp")));
        assert_eq!(verify_claims("{}", &aged), Err(JwtFault::NoClaim("iat")));
    }

    #[test]
    fn a_time_is_a_number_of_this_age() {
        let check = check_of(&[JwtAlgorithm::Hs256]);
        for claim in ["exp", "nbf", "iat"] {
            for value in [
                "\"1800000000\"",
                "null",
                "true",
                "[]",
                "{}",
                "-1",
                "1e300",
                "1e400",
                "253402300800",
                "99999999999999999999",
                "NaN",
            ] {
                let claims = format!(r#"{{"{claim}":{value}}}"#);
                assert_eq!(verify_claims(&claims, &check), Err(JwtFault::Malformed("claims")), "{claims}");
            }
        }
        for claims in ["[1,2,3]", "\"x\"", "null", "{", "{}{}", "", r#"{"exp":1800000000,"exp":1}"#] {
            assert_eq!(verify_claims(claims, &check), Err(JwtFault::Malformed("claims")), "{claims}");
        }
    }

    #[test]
    fn a_token_has_a_bound() {
        let check = check_of(&[JwtAlgorithm::Hs256]);
        let claims = |length: usize| format!(r#"{{"x":"{}"}}"#, "x".repeat(length));
        assert!(verify_claims(&claims(12_000), &check).is_ok());
        assert_eq!(verify_claims(&claims(13_000), &check), Err(JwtFault::Malformed("length")));
    }

    #[test]
    fn a_rejection_says_nothing_of_the_token() {
        let fault = JwtFault::Malformed("header").rejection("bearer");
        assert_eq!(fault, Rejection::Malformed { what: "bearer, the token's header".to_owned() });
        assert_eq!(JwtFault::NoClaim("exp").rejection("bearer"), Rejection::Missing { what: "claim:/exp".to_owned() });
    }
}
