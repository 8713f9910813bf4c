use http::{HeaderMap, Method};

use super::*;
use crate::scheme::encoding::Encoding;
use crate::scheme::private_key::PrivateKey;
use crate::scheme::public_key::PublicKey;
use crate::secret::Secret;

/// The keys of RFC 9421, appendix B.1.
const SHARED_SECRET: &[u8] =
    b"uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";
const ED25519: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----\n";
const RSA_PSS: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2
+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+
oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHq
gDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5W
Utzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4
aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI
2wIDAQAB
-----END PUBLIC KEY-----
";
const CREATED: i64 = 1_618_884_473;

/// A request that can be altered.
#[derive(Clone)]
struct Sample {
    method: Method,
    path: &'static str,
    query: Option<&'static str>,
    headers: HeaderMap,
    body: Vec<u8>,
    url: Option<&'static str>,
    now: i64,
}

impl Sample {
    /// The test request of RFC 9421, appendix B.2.
    fn rfc9421() -> Self {
        let mut sample = Self {
            method: Method::POST,
            path: "/foo",
            query: Some("param=Value&Pet=dog"),
            headers: HeaderMap::new(),
            body: br#"{"hello": "world"}"#.to_vec(),
            url: None,
            now: CREATED + 10,
        };
        for (name, value) in [
            ("host", "example.com"),
            ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
            ("content-type", "application/json"),
            (
                "content-digest",
                "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
            ),
            ("content-length", "18"),
        ] {
            sample = sample.with(name, value);
        }
        sample
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.parse().unwrap());
        self
    }

    fn and(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(name, value.parse().unwrap());
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    fn replacing(self, name: &'static str, from: &str, to: &str) -> Self {
        let value = self.header(name).replace(from, to);
        assert_ne!(value, self.header(name), "{from}");
        self.with(name, &value)
    }

    fn edited(self, edit: impl FnOnce(&mut Self)) -> Self {
        let mut edited = self;
        edit(&mut edited);
        edited
    }

    fn delivery(&self) -> Delivery<'_> {
        Delivery {
            method: &self.method,
            path: self.path,
            query: self.query,
            path_token: None,
            headers: &self.headers,
            body: &self.body,
        }
    }

    fn verify(&self, keys: &[VerifyingKey], check: &HttpSignatureCheck) -> Result<HttpSigned, Rejection> {
        verify(&self.delivery(), self.url, keys, check, Timestamp::from_second(self.now).unwrap())
    }

    fn signed(self, key: &SigningKey, check: &HttpSignatureCheck) -> Self {
        let added = sign(&self.delivery(), self.url, key, check, Timestamp::from_second(self.now).unwrap()).unwrap();
        let mut signed = self;
        signed.headers.extend(added);
        signed
    }
}

fn shared() -> VerifyingKey {
    VerifyingKey::Secret(Secret::from(Encoding::Base64.decode(SHARED_SECRET).unwrap()))
}

fn public(algorithm: Algorithm, pem: &str) -> VerifyingKey {
    VerifyingKey::Public(PublicKey::parse(&[algorithm], pem.as_bytes()).unwrap())
}

fn check_of(dialect: Dialect, algorithm: SignatureAlgorithm, components: &[&str]) -> HttpSignatureCheck {
    HttpSignatureCheck {
        dialect,
        algorithms: vec![algorithm],
        components: components.iter().map(|component| (*component).to_owned()).collect(),
        tag: None,
        max_age: Some(Duration::from_secs(300)),
    }
}

fn b25() -> (Sample, HttpSignatureCheck) {
    let sample = Sample::rfc9421()
        .with(
            "signature-input",
            r#"sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#,
        )
        .with("signature", "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:");
    (sample, check_of(Dialect::Rfc9421, SignatureAlgorithm::HmacSha256, &["@authority", "date"]))
}

#[test]
fn the_requests_of_rfc_9421_verify() {
    let (sample, check) = b25();
    sample.verify(&[shared()], &check).unwrap();

    let sample = Sample::rfc9421()
        .with(
            "signature-input",
            r#"sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#,
        )
        .with("signature", "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:");
    let check = check_of(Dialect::Rfc9421, SignatureAlgorithm::Ed25519, &["@method", "@path"]);
    sample.verify(&[public(Algorithm::Ed25519, ED25519)], &check).unwrap();
    assert!(
        sample.edited(|sample| sample.path = "/fop").verify(&[public(Algorithm::Ed25519, ED25519)], &check).is_err()
    );

    for (input, signature, components) in [
        (
            r#"sig=();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd""#,
            "sig=:d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsckzXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==:",
            &[][..],
        ),
        (
            r#"sig=("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss";tag="header-example""#,
            "sig=:LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8UCMkSowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==:",
            &["content-digest", "@query-param;name=\"Pet\""],
        ),
        (
            r#"sig=("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss""#,
            "sig=:bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==:",
            &["@query", "content-digest"],
        ),
    ] {
        let sample = Sample::rfc9421().with("signature-input", input).with("signature", signature);
        let check = check_of(Dialect::Rfc9421, SignatureAlgorithm::RsaPssSha512, components);
        let keys = [public(Algorithm::RsaPssSha512, RSA_PSS)];
        sample.verify(&keys, &check).unwrap();
        if !components.is_empty() {
            assert!(
                sample
                    .clone()
                    .edited(|sample| sample.query = Some("param=Value&Pet=cat"))
                    .verify(&keys, &check)
                    .is_err()
            );
            let rejection = sample.edited(|sample| sample.body.push(b' ')).verify(&keys, &check);
            assert_eq!(rejection, Err(Rejection::NotBound { what: "header:content-digest".to_owned() }));
        }
    }
}

#[test]
fn an_altered_request_is_refused() {
    let (sample, check) = b25();
    let edits: Vec<(&str, Sample)> = vec![
        ("no signature", sample.clone().without("signature")),
        ("no input", sample.clone().without("signature-input")),
        ("no date", sample.clone().without("date")),
        ("other date", sample.clone().replacing("date", ":55", ":56")),
        ("two dates", sample.clone().and("date", "x")),
        ("other host", sample.clone().with("host", "example.org")),
        ("other type", sample.clone().with("content-type", "application/xml")),
        ("other label", sample.clone().replacing("signature", "sig-b25", "sig")),
        ("empty", sample.clone().with("signature", "")),
        ("empty input", sample.clone().with("signature-input", "")),
        ("empty signature", sample.clone().with("signature", "sig-b25=::")),
        ("altered signature", sample.clone().replacing("signature", "pxc", "pxd")),
        (
            "shorter signature",
            sample.clone().with("signature", "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtA==:"),
        ),
        ("unpadded", sample.clone().replacing("signature", "=:", ":")),
        ("a text", sample.clone().with("signature", "sig-b25=\"x\"")),
        ("two signatures", sample.clone().and("signature", "sig-b25=:AA==:")),
        ("two inputs", sample.clone().and("signature-input", "sig2=()")),
        ("repeated label", sample.clone().replacing("signature", "sig-b25", "sig-b25=:AA==:, sig-b25")),
        ("altered time", sample.clone().replacing("signature-input", "473", "474")),
        ("no time", sample.clone().replacing("signature-input", ";created=1618884473", "")),
        ("time as text", sample.clone().replacing("signature-input", "1618884473", "\"1618884473\"")),
        ("fraction of a time", sample.clone().replacing("signature-input", "1618884473", "1618884473.5")),
        ("other key id", sample.clone().replacing("signature-input", "shared", "other")),
        ("another algorithm", sample.clone().replacing("signature-input", ";keyid", ";alg=\"ed25519\";keyid")),
        ("algorithm none", sample.clone().replacing("signature-input", ";keyid", ";alg=\"none\";keyid")),
        ("component dropped", sample.clone().replacing("signature-input", " \"content-type\"", "")),
        ("required dropped", sample.clone().replacing("signature-input", " \"@authority\"", "")),
        ("component twice", sample.clone().replacing("signature-input", "(\"date\"", "(\"date\" \"date\"")),
        ("component of a response", sample.clone().replacing("signature-input", "(\"date\"", "(\"@status\" \"date\"")),
        (
            "component with a flag",
            sample.clone().replacing("signature-input", "\"content-type\"", "\"content-type\";sf"),
        ),
        ("upper case", sample.clone().replacing("signature-input", "content-type", "Content-Type")),
        ("no list", sample.clone().with("signature-input", "sig-b25=1")),
        ("too late", sample.clone().edited(|sample| sample.now = CREATED + 301)),
        ("too early", sample.clone().edited(|sample| sample.now = CREATED - 301)),
    ];
    sample.verify(&[shared()], &check).unwrap();
    for (name, edited) in edits {
        assert!(edited.verify(&[shared()], &check).is_err(), "{name}");
    }
    assert!(sample.clone().edited(|sample| sample.now = CREATED + 300).verify(&[shared()], &check).is_ok());
    let other = VerifyingKey::Secret(Secret::from("other"));
    assert_eq!(sample.verify(std::slice::from_ref(&other), &check), Err(Rejection::NoKeyMatched));
    assert_eq!(sample.verify(&[other, shared()], &check).unwrap().key, 1);
    assert_eq!(sample.verify(&[public(Algorithm::Ed25519, ED25519)], &check), Err(Rejection::NoKeyMatched));
    let two = sample.and("signature", "x=:AA==:").verify(&[shared()], &check);
    assert_eq!(two, Err(Rejection::Repeated { what: "header:signature".to_owned() }));
}

#[test]
fn no_edit_of_one_byte_of_a_signature_verifies() {
    let (sample, check) = b25();
    for name in ["signature", "signature-input"] {
        let value = sample.header(name).to_owned();
        for at in 0..value.len() {
            for byte in (0x20..0x7f).filter(|byte| *byte != value.as_bytes()[at]) {
                let mut edited = value.clone().into_bytes();
                edited[at] = byte;
                let edited = sample.clone().with(name, std::str::from_utf8(&edited).unwrap());
                assert!(edited.verify(&[shared()], &check).is_err(), "{}", edited.header(name));
            }
            assert!(sample.clone().with(name, &value[..at]).verify(&[shared()], &check).is_err(), "{}", &value[..at]);
        }
    }
}

/// For each algorithm a key pair.
fn pair(algorithm: SignatureAlgorithm, dialect: Dialect) -> (SigningKey, VerifyingKey) {
    let Some(used) = algorithm.public(dialect) else {
        return (SigningKey::Secret(Secret::from("secret")), VerifyingKey::Secret(Secret::from("secret")));
    };
    let kind = match algorithm {
        SignatureAlgorithm::Ed25519 => &rcgen::PKCS_ED25519,
        SignatureAlgorithm::EcdsaP256Sha256 => &rcgen::PKCS_ECDSA_P256_SHA256,
        _ => &rcgen::PKCS_RSA_SHA256,
    };
    let pair = rcgen::KeyPair::generate_for(kind).unwrap();
    let private = PrivateKey::parse(pair.serialize_pem().as_bytes()).unwrap();
    (SigningKey::Private(private), public(used, &pair.public_key_pem()))
}

#[test]
fn what_is_signed_verifies_in_both_dialects_and_binds_all_it_covers() {
    use SignatureAlgorithm as A;
    let components = |dialect| match dialect {
        Dialect::Rfc9421 => &["@method", "@target-uri", "@path", "@query", "content-digest", "date", "host"][..],
        Dialect::Cavage => &["(request-target)", "host", "date", "digest", "(created)"],
    };
    let base = Sample { url: Some("https://Hooks.example.com:443/foo"), ..Sample::rfc9421() };
    let base = base.without("content-digest").without("date");
    for dialect in [Dialect::Rfc9421, Dialect::Cavage] {
        for algorithm in
            [A::HmacSha256, A::HmacSha512, A::Ed25519, A::EcdsaP256Sha256, A::RsaSha256, A::RsaSha512, A::RsaPssSha512]
        {
            let (signing, verifying) = pair(algorithm, dialect);
            let check = check_of(dialect, algorithm, components(dialect));
            let signed = base.clone().signed(&signing, &check);
            let keys = [verifying];
            let first =
                signed.verify(&keys, &check).unwrap_or_else(|error| panic!("{dialect:?} {algorithm:?}: {error}"));
            let edits: [fn(&mut Sample); 8] = [
                |sample| sample.method = Method::PUT,
                |sample| sample.query = None,
                |sample| sample.query = Some("param=value&Pet=dog"),
                |sample| sample.url = Some("https://hooks.example.org/foo"),
                |sample| sample.url = Some("https://hooks.example.com/bar"),
                |sample| sample.body[0] ^= 1,
                |sample| sample.now += 301,
                |sample| sample.now -= 301,
            ];
            for (index, edit) in edits.into_iter().enumerate() {
                assert!(
                    signed.clone().edited(edit).verify(&keys, &check).is_err(),
                    "{dialect:?} {algorithm:?} {index}"
                );
            }
            let later = base.clone().edited(|sample| sample.now += 60).signed(&signing, &check);
            assert_eq!(later.verify(&keys, &check).unwrap().digest, first.digest);
            let other = base.clone().edited(|sample| sample.body.push(b'\n')).signed(&signing, &check);
            assert_ne!(other.verify(&keys, &check).unwrap().digest, first.digest);
        }
    }
}

#[test]
fn the_public_url_and_not_the_host_says_what_was_addressed() {
    let check = check_of(Dialect::Rfc9421, SignatureAlgorithm::HmacSha256, &["@authority"]);
    let key = SigningKey::Secret(Secret::from("secret"));
    let keys = [VerifyingKey::Secret(Secret::from("secret"))];
    let signed = Sample::rfc9421().signed(&key, &check);
    assert!(signed.verify(&keys, &check).is_ok());
    assert!(signed.clone().edited(|sample| sample.url = Some("https://example.com/foo")).verify(&keys, &check).is_ok());
    assert!(
        signed.clone().edited(|sample| sample.url = Some("https://other.example/foo")).verify(&keys, &check).is_err()
    );
    let rewritten = signed.with("host", "internal:8080").edited(|sample| sample.url = Some("https://example.com/foo"));
    assert!(rewritten.verify(&keys, &check).is_ok());
    let wanting = check_of(Dialect::Rfc9421, SignatureAlgorithm::HmacSha256, &["@target-uri"]);
    let now = Timestamp::from_second(CREATED).unwrap();
    assert!(sign(&Sample::rfc9421().delivery(), None, &key, &wanting, now).unwrap_err().contains("public URL"));
}

#[test]
fn one_of_several_signatures_suffices_and_a_tag_chooses() {
    let (sample, check) = b25();
    let sample = sample.edited(|sample| {
        let input = format!("proxy=(\"@method\");created={CREATED};tag=\"edge\", {}", sample.header("signature-input"));
        let signature = format!("proxy=:AAAA:, {}", sample.header("signature"));
        *sample = sample.clone().with("signature-input", &input).with("signature", &signature);
    });
    assert!(sample.verify(&[shared()], &check).is_ok());
    let tagged = |tag: &str| HttpSignatureCheck { tag: Some(tag.to_owned()), ..check.clone() };
    assert!(sample.verify(&[shared()], &tagged("edge")).is_err());
    assert!(matches!(sample.verify(&[shared()], &tagged("other")), Err(Rejection::Missing { .. })));
    let key = SigningKey::Secret(Secret::from("secret"));
    let signed = Sample::rfc9421().signed(&key, &tagged("mine"));
    let keys = [VerifyingKey::Secret(Secret::from("secret"))];
    assert!(signed.verify(&keys, &tagged("mine")).is_ok());
    assert!(signed.replacing("signature-input", "mine", "yours").verify(&keys, &tagged("yours")).is_err());
    let many = (0..=10).map(|i| format!("s{i}=();created={CREATED}")).collect::<Vec<_>>().join(", ");
    assert!(matches!(
        sample.with("signature-input", &many).verify(&[shared()], &check),
        Err(Rejection::Malformed { .. })
    ));
}

#[test]
fn a_signature_expires() {
    let key = SigningKey::Secret(Secret::from("secret"));
    let keys = [VerifyingKey::Secret(Secret::from("secret"))];
    let check = HttpSignatureCheck { max_age: None, ..check_of(Dialect::Rfc9421, SignatureAlgorithm::HmacSha256, &[]) };
    let text = format!("\"@signature-params\": ();expires={CREATED}");
    let signature = key.sign(SignatureAlgorithm::HmacSha256.signature(Dialect::Rfc9421), text.as_bytes()).unwrap();
    let sample = Sample::rfc9421()
        .with("signature-input", &format!("a=();expires={CREATED}"))
        .with("signature", &format!("a=:{}:", Encoding::Base64.encode(&signature)));
    assert!(sample.clone().edited(|sample| sample.now = CREATED + 60).verify(&keys, &check).is_ok());
    let stale = sample.clone().edited(|sample| sample.now = CREATED + 61).verify(&keys, &check);
    assert_eq!(stale, Err(Rejection::Stale { seconds: 61, tolerance: 60 }));
    let aged = HttpSignatureCheck { max_age: Some(Duration::from_secs(300)), ..check };
    assert!(matches!(sample.verify(&keys, &aged), Err(Rejection::Missing { .. })));
}

#[test]
fn digests_of_both_sorts_are_held_against_the_body() {
    let key = SigningKey::Secret(Secret::from("secret"));
    let keys = [VerifyingKey::Secret(Secret::from("secret"))];
    let body = br#"{"hello": "world"}"#;
    let sha256 = Encoding::Base64.encode(&Sha256::digest(body));
    let sha512 = Encoding::Base64.encode(&Sha512::digest(body));
    let wrong = Encoding::Base64.encode(&Sha256::digest(b""));
    let rows = [
        (Dialect::Rfc9421, "content-digest", format!("sha-256=:{sha256}:"), true),
        (Dialect::Rfc9421, "content-digest", format!("sha-512=:{sha512}:, sha-256=:{sha256}:, md5=:AA==:"), true),
        (Dialect::Rfc9421, "content-digest", format!("sha-512=:{sha512}:, sha-256=:{wrong}:"), false),
        (Dialect::Rfc9421, "content-digest", format!("sha-256=:{sha512}:"), false),
        (Dialect::Rfc9421, "content-digest", "md5=:AA==:".to_owned(), false),
        (Dialect::Rfc9421, "content-digest", format!("SHA-256=:{sha256}:"), false),
        (Dialect::Rfc9421, "content-digest", "sha-256=::".to_owned(), false),
        (Dialect::Rfc9421, "content-digest", String::new(), false),
        (Dialect::Cavage, "digest", format!("SHA-256={sha256}"), true),
        (Dialect::Cavage, "digest", format!("sha-256={sha256}, SHA-512={sha512},MD5=AA=="), true),
        (Dialect::Cavage, "digest", format!("SHA-256={sha256},SHA-512={wrong}"), false),
        (Dialect::Cavage, "digest", format!("SHA-256={}", sha256.trim_end_matches('=')), false),
        (Dialect::Cavage, "digest", "MD5=AA==".to_owned(), false),
        (Dialect::Cavage, "digest", "SHA-256".to_owned(), false),
        (Dialect::Cavage, "digest", "SHA-256=".to_owned(), false),
    ];
    for (dialect, header, value, expected) in rows {
        let mut check = check_of(dialect, SignatureAlgorithm::HmacSha256, &[header]);
        check.max_age = None;
        let signed = Sample::rfc9421().with(header, &value).signed(&key, &check);
        assert_eq!(signed.verify(&keys, &check).is_ok(), expected, "{value}");
    }
}

/// HMAC over date and digest, a secret as text.
fn date_and_digest() -> (Sample, HttpSignatureCheck) {
    let mut sample = Sample::rfc9421().without("content-digest");
    let digest = cavage::write_digest(&sample.body);
    let text = format!("date: {}\ndigest: {digest}", sample.header("date"));
    let key = SigningKey::Secret(Secret::from("secret"));
    let signature = key.sign(SignatureAlgorithm::HmacSha256.signature(Dialect::Cavage), text.as_bytes()).unwrap();
    let signature = Encoding::Base64.encode(&signature);
    sample.now = parse_date(sample.header("date")).unwrap();
    let value = format!(r#"keyId="hmac-key",algorithm="hmac-sha256",headers="date digest",signature="{signature}""#);
    let sample = sample.with("digest", &digest).with("signature", &value);
    (sample, check_of(Dialect::Cavage, SignatureAlgorithm::HmacSha256, &["date", "digest"]))
}

#[test]
fn an_altered_cavage_request_is_refused() {
    let (sample, check) = date_and_digest();
    let keys = [VerifyingKey::Secret(Secret::from("secret"))];
    sample.verify(&keys, &check).unwrap();
    let value = sample.header("signature").to_owned();
    let in_authorization = sample.clone().without("signature").with("authorization", &format!("Signature {value}"));
    in_authorization.verify(&keys, &check).unwrap();
    let loose = sample.clone().with("signature", &value.replace(',', " , "));
    loose.verify(&keys, &check).unwrap();
    for algorithm in ["algorithm=\"hs2019\",", ""] {
        sample.clone().replacing("signature", "algorithm=\"hmac-sha256\",", algorithm).verify(&keys, &check).unwrap();
    }
    let edits: Vec<(&str, Sample)> = vec![
        ("no signature", sample.clone().without("signature")),
        ("another scheme", sample.clone().without("signature").with("authorization", &format!("Bearer {value}"))),
        ("two signatures", sample.clone().and("signature", &value)),
        ("another algorithm", sample.clone().replacing("signature", "hmac-sha256", "hmac-sha512")),
        ("another body", sample.clone().edited(|sample| sample.body.push(b' '))),
        ("another digest", sample.clone().with("digest", &cavage::write_digest(b""))),
        ("another date", sample.clone().replacing("date", ":55", ":56")),
        ("no digest", sample.clone().without("digest")),
        ("digest not covered", sample.clone().replacing("signature", "date digest", "date")),
        ("nothing covered", sample.clone().replacing("signature", "date digest", "")),
        ("no list of headers", sample.clone().replacing("signature", "headers=\"date digest\",", "")),
        ("other order", sample.clone().replacing("signature", "date digest", "digest date")),
        ("two blanks", sample.clone().replacing("signature", "date digest", "date  digest")),
        ("covered twice", sample.clone().replacing("signature", "date digest", "date digest digest")),
        ("upper case", sample.clone().replacing("signature", "date digest", "date digest Date")),
        ("created not said", sample.clone().replacing("signature", "date digest", "date digest (created)")),
        ("parameter twice", sample.clone().replacing("signature", "keyId", "headers=\"date\",keyId")),
        ("unquoted", sample.clone().replacing("signature", "\"date digest\"", "date")),
        ("unclosed", sample.clone().with("signature", value.trim_end_matches('"'))),
        ("trailing comma", sample.clone().with("signature", &format!("{value},"))),
        ("trailing text", sample.clone().with("signature", &format!("{value} x"))),
        ("empty", sample.clone().with("signature", "")),
        ("empty signature", sample.clone().with("signature", r#"headers="date digest",signature="""#)),
        ("too late", sample.clone().edited(|sample| sample.now += 301)),
        ("too early", sample.clone().edited(|sample| sample.now -= 301)),
        ("expired", sample.clone().with("signature", &format!("{value},expires=1"))),
        ("expiry as text", sample.clone().with("signature", &format!("{value},expires=\"1\""))),
        ("endless expiry", sample.clone().with("signature", &format!("{value},expires=99999999999999999999"))),
    ];
    for (name, edited) in edits {
        assert!(edited.verify(&keys, &check).is_err(), "{name}");
    }
    assert_eq!(sample.verify(&[shared()], &check), Err(Rejection::NoKeyMatched));
}

#[test]
fn a_date_is_an_http_date() {
    assert_eq!(parse_date("Tue, 20 Apr 2021 02:07:55 GMT"), Some(1_618_884_475));
    for text in [
        "",
        "GMT",
        "Tue, 20 Apr 2021 02:07:55",
        "Tue, 20 Apr 2021 02:07:55 +0000",
        "Wed, 20 Apr 2021 02:07:55 GMT",
        "1618884475",
    ] {
        assert_eq!(parse_date(text), None, "{text}");
    }
}
