//! The vectors of Project Wycheproof through the path that deliveries take: a description, a Secret, a request.

use std::collections::BTreeMap;

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use http::{HeaderMap, HeaderValue, Method};
use jethook::scheme::{Context, Delivery, Key, Keyring, Rejection, Scheme, Verdict};
use jethook::secret::Secret;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use wycheproof::TestResult;
use wycheproof::{ecdsa, eddsa, mac, rsa_pkcs1_verify, rsa_pss_verify};

/// A scheme with its key; `None` where the key is refused.
struct Verifier {
    scheme: Scheme,
    keys: Option<Keyring>,
}

impl Verifier {
    fn new(verification: Value, key: &[u8]) -> Self {
        let verification = serde_json::from_value(verification).unwrap();
        let context = Context { parameters: &BTreeMap::new(), url: None, tolerance: None };
        let scheme = Scheme::compile(&verification, context).unwrap_or_else(|faults| panic!("{faults:?}"));
        let key = Key { index: 0, r#use: "signing".to_owned(), secret: Secret::from(key.to_vec()) };
        let (keys, faults) = scheme.keyring(vec![key]);
        Self { scheme, keys: faults.is_empty().then_some(keys) }
    }

    fn verify(&self, header: &str, value: &str, body: &[u8]) -> Result<(), Rejection> {
        let Some(keys) = &self.keys else { return Err(Rejection::NoKeyMatched) };
        let mut headers = HeaderMap::new();
        headers.insert(http::HeaderName::from_bytes(header.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
        let delivery =
            Delivery { method: &Method::POST, path: "/a/b", query: None, path_token: None, headers: &headers, body };
        match self.scheme.verify(keys, &delivery, Timestamp::UNIX_EPOCH)? {
            Verdict::Event(_) => Ok(()),
            Verdict::Greeting(_) => panic!("no handshake was described"),
        }
    }

    fn takes(&self, signature: &[u8], body: &[u8]) -> bool {
        self.verify("x-sig", &HEXLOWER.encode(signature), body).is_ok()
    }
}

/// How the vectors of one file ended.
#[derive(Debug, Default)]
struct Count {
    equal: usize,
    /// Those of which the vectors leave it open.
    open: usize,
    faults: Vec<String>,
}

impl Count {
    fn add(&mut self, what: &str, expected: TestResult, is_taken: bool) {
        match (expected, is_taken) {
            (TestResult::Acceptable, _) => self.open += 1,
            (TestResult::Valid, true) | (TestResult::Invalid, false) => self.equal += 1,
            _ => self.faults.push(format!("{what}: {expected:?}, taken: {is_taken}")),
        }
    }

    #[track_caller]
    fn check(&self, at_least: usize) {
        assert!(self.faults.is_empty(), "{}", self.faults.join("\n"));
        assert!(self.equal >= at_least, "{self:?}");
    }
}

#[test]
fn hmac() {
    use mac::TestName::{HmacSha1, HmacSha256, HmacSha384, HmacSha512};
    let mut count = Count::default();
    for (name, hash, bits) in
        [(HmacSha1, "sha1", 160), (HmacSha256, "sha256", 256), (HmacSha384, "sha384", 384), (HmacSha512, "sha512", 512)]
    {
        for group in mac::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let verification = json!({
                    "keys": {"signing": {"encoding": "hex"}}, "hmac": {"hash": hash, "from": ["header:x-sig"]},
                });
                let verifier = Verifier::new(verification, HEXLOWER.encode(&test.key).as_bytes());
                // A part of a MAC is none here, whatever its length.
                let expected = if group.tag_size == bits { test.result } else { TestResult::Invalid };
                count.add(&format!("{hash} {}", test.tc_id), expected, verifier.takes(&test.tag, &test.msg));
            }
        }
    }
    count.check(650);
}

fn with_algorithm(algorithm: &str) -> Value {
    json!({"publicKey": {"algorithm": algorithm, "from": ["header:x-sig"]}})
}

#[test]
fn ed25519() {
    let mut count = Count::default();
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let verifier = Verifier::new(with_algorithm("ed25519"), group.pem.as_bytes());
        for test in group.tests {
            count.add(&format!("{}", test.tc_id), test.result, verifier.takes(&test.sig, &test.msg));
        }
    }
    count.check(145);
}

#[test]
fn ecdsa_with_p256() {
    use ecdsa::TestName::{EcdsaSecp256r1Sha256, EcdsaSecp256r1Sha256P1363};
    let mut count = Count::default();
    for (name, algorithm) in
        [(EcdsaSecp256r1Sha256, "ecdsaP256Sha256"), (EcdsaSecp256r1Sha256P1363, "ecdsaP256Sha256Fixed")]
    {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            let verifier = Verifier::new(with_algorithm(algorithm), group.pem.as_bytes());
            for test in group.tests {
                count.add(&format!("{algorithm} {}", test.tc_id), test.result, verifier.takes(&test.sig, &test.msg));
            }
        }
    }
    count.check(700);
}

#[test]
fn rsa_pkcs1() {
    use rsa_pkcs1_verify::TestName::*;
    let mut count = Count::default();
    for (name, algorithm) in [
        (Rsa2048Sha256, "rsaSha256"),
        (Rsa2048Sha384, "rsaSha384"),
        (Rsa2048Sha512, "rsaSha512"),
        (Rsa3072Sha256, "rsaSha256"),
        (Rsa3072Sha384, "rsaSha384"),
        (Rsa3072Sha512, "rsaSha512"),
        (Rsa4096Sha256, "rsaSha256"),
        (Rsa4096Sha384, "rsaSha384"),
        (Rsa4096Sha512, "rsaSha512"),
    ] {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let verifier = Verifier::new(with_algorithm(algorithm), group.pem.as_bytes());
            for test in group.tests {
                count.add(&format!("{name:?} {}", test.tc_id), test.result, verifier.takes(&test.sig, &test.msg));
            }
        }
    }
    count.check(2_200);
}

#[test]
fn rsa_pss() {
    use rsa_pss_verify::TestName::*;
    let mut count = Count::default();
    for (name, algorithm, is_salt_ours) in [
        (RsaPss2048Sha256Mgf1SaltLen32, "rsaPssSha256", true),
        (RsaPss2048Sha384Mgf1SaltLen48, "rsaPssSha384", true),
        (RsaPss3072Sha256Mgf1SaltLen32, "rsaPssSha256", true),
        (RsaPss4096Sha256Mgf1SaltLen32, "rsaPssSha256", true),
        (RsaPss4096Sha384Mgf1SaltLen48, "rsaPssSha384", true),
        (RsaPss4096Sha512Mgf1SaltLen64, "rsaPssSha512", true),
        // The salt has one length: that of the digest.
        (RsaPss2048Sha256Mgf1SaltLen0, "rsaPssSha256", false),
        (RsaPss4096Sha512Mgf1SaltLen32, "rsaPssSha512", false),
        (RsaPss2048Sha256Mgf1Sha1_20, "rsaPssSha256", false),
    ] {
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let verifier = Verifier::new(with_algorithm(algorithm), group.pem.as_bytes());
            for test in group.tests {
                let what = format!("{name:?} {}", test.tc_id);
                let is_taken = verifier.takes(&test.sig, &test.msg);
                // What these files call a modified length is, in some of their vectors, ours.
                let is_of_our_length = test.comment.starts_with("s_len changed");
                match is_salt_ours {
                    true => count.add(&what, test.result, is_taken),
                    false if is_of_our_length => count.open += 1,
                    false => count.add(&what, TestResult::Invalid, is_taken),
                }
            }
        }
    }
    count.check(800);
}

#[derive(Deserialize)]
struct Tokens {
    groups: Vec<TokenGroup>,
}

#[derive(Deserialize)]
struct TokenGroup {
    alg: String,
    key: TokenKey,
    /// Number, comment, token, result.
    tests: Vec<(u32, String, String, String)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum TokenKey {
    Secret(String),
    Der(String),
}

/// Vectors that say something else than their tokens show.
const NOT_AS_SAID: [(u32, &str); 4] = [
    (367, "the token is the genuine one: it holds no padding"),
    (370, "the token is the genuine one: it holds no padding"),
    (372, "called valid with a question mark in its header, which base64url has not (RFC 7515, section 2)"),
    (373, "called valid with a question mark in its payload"),
];

#[test]
fn json_web_signatures() {
    let all: Tokens = serde_json::from_str(include_str!("wycheproof/json_web_signature.json")).unwrap();
    let mut count = Count::default();
    for group in all.groups {
        let (encoding, key) = match group.key {
            // The decoder takes one spelling only; some of these keys have bits behind their last byte.
            TokenKey::Secret(text) => {
                let mut lenient = data_encoding::BASE64URL_NOPAD.specification();
                lenient.check_trailing_bits = false;
                ("base64url", BASE64URL_NOPAD.encode(&lenient.encoding().unwrap().decode(text.as_bytes()).unwrap()))
            }
            TokenKey::Der(text) => ("base64", BASE64.encode(&BASE64.decode(text.as_bytes()).unwrap())),
        };
        let verification = json!({
            "keys": {"signing": {"encoding": encoding}}, "jwt": {"from": ["header:x-token"], "algorithms": [group.alg]},
        });
        let verifier = Verifier::new(verification, key.as_bytes());
        for (number, comment, token, result) in group.tests {
            // These tokens carry texts where a JWT carries claims: that is found out behind the signature, but so is
            // what does not decode.
            let parts: Vec<_> = token.split('.').collect();
            let decodes = parts.len() == 3 && BASE64URL_NOPAD.decode(parts[1].as_bytes()).is_ok();
            let is_taken = HeaderValue::from_str(&token).is_ok()
                && decodes
                && match verifier.verify("x-token", &token, b"") {
                    Ok(()) => true,
                    Err(Rejection::Malformed { what }) => what.ends_with("the token's claims"),
                    Err(_) => false,
                };
            let names_another = BASE64URL_NOPAD
                .decode(parts[0].as_bytes())
                .ok()
                .and_then(|header| serde_json::from_slice::<Value>(&header).ok())
                .is_some_and(|header| header["alg"].as_str().is_some_and(|alg| alg != group.alg));
            let expected = match result.as_str() {
                // Their keys do not say all that their tokens use; here the list of algorithms decides.
                "valid" if names_another => TestResult::Invalid,
                "valid" => TestResult::Valid,
                "invalid" => TestResult::Invalid,
                _ => TestResult::Acceptable,
            };
            let expected = match NOT_AS_SAID.iter().any(|(not, _)| *not == number) {
                true => {
                    if token.contains('?') {
                        TestResult::Invalid
                    } else {
                        TestResult::Valid
                    }
                }
                false => expected,
            };
            count.add(&format!("{} {number} {comment}", group.alg), expected, is_taken);
        }
    }
    count.check(350);
}
