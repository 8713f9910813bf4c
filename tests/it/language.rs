//! The verification language: schemes of many kinds, what they accept and what they refuse.

mod fault;
mod handshake;
mod scheme;

use std::collections::BTreeMap;

use jethook::scheme::{Authenticates, Context, Rejection, Scheme};
use jiff::SignedDuration;
use serde::Deserialize;

use scheme::{Sent, Signer, Under, draft, now};

/// A scheme in `schemes.toml` or `genuine.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    authenticates: Authenticates,
    #[serde(default)]
    secret: Option<String>,
    verification: String,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    #[serde(default)]
    requests: Vec<Genuine>,
    body: Option<String>,
    event: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Genuine {
    now: i64,
    url: String,
    headers: BTreeMap<String, String>,
    body: String,
}

fn rows(text: &str) -> BTreeMap<String, Row> {
    toml::from_str(text).unwrap()
}

#[test]
fn requests_that_others_signed_verify_and_altered_ones_do_not() {
    for (name, row) in rows(include_str!("language/genuine.toml")) {
        assert!(!row.requests.is_empty(), "{name}");
        for genuine in &row.requests {
            let url = genuine.url.split('?').next().unwrap();
            let under = Under::new(
                &row.verification,
                &row.parameters,
                Some(url),
                &[("signing", row.secret.as_deref().unwrap())],
            );
            assert_eq!(under.scheme.authenticates(&under.keys), row.authenticates, "{name}");
            let at = jiff::Timestamp::from_second(genuine.now).unwrap();
            let sent = Sent::new("POST", &genuine.url, &genuine.headers, genuine.body.as_bytes());
            let verified = under.verify(&sent, at).unwrap_or_else(|rejection| panic!("{name}: {rejection}"));
            assert_eq!(verified.keys(), [0], "{name}");
            if row.authenticates == Authenticates::Body {
                for at_byte in 0..sent.body.len() {
                    let mut altered = sent.clone();
                    altered.body[at_byte] ^= 1;
                    assert!(under.verify(&altered, at).is_err(), "{name}: byte {at_byte}");
                }
            }
            for header in genuine.headers.keys().filter(|header| header.to_ascii_lowercase().contains("signature")) {
                let mut altered = sent.clone();
                altered.headers.remove(header.as_str());
                assert!(under.verify(&altered, at).is_err(), "{name} without {header}");
                altered.headers = sent.headers.clone();
                altered.headers.append(http::HeaderName::try_from(header).unwrap(), "x".parse().unwrap());
                assert!(
                    matches!(under.verify(&altered, at), Err(Rejection::Repeated { .. })),
                    "{name}: {header} twice"
                );
            }
            let mut altered = sent.clone();
            altered.body.extend_from_slice(b" ");
            if row.authenticates == Authenticates::Body {
                assert!(under.verify(&altered, at).is_err(), "{name}");
            }
        }
    }
}

#[test]
fn a_signed_item_that_is_altered_is_refused() {
    let rows = rows(include_str!("language/genuine.toml"));
    let row = rows.values().find(|row| row.verification.contains("each =")).unwrap();
    let genuine = &row.requests[0];
    let under = Under::new(&row.verification, &row.parameters, None, &[("signing", row.secret.as_deref().unwrap())]);
    let with = |from: &str, to: &str| {
        let body = genuine.body.replace(from, to);
        assert_ne!(body, genuine.body);
        under.verify(&Sent::new("POST", &genuine.url, &genuine.headers, body.as_bytes()), now())
    };
    assert_eq!(with("TestMerchant", "TestMerchanT").err(), Some(Rejection::NoKeyMatched));
    assert_eq!(with("1130", "1131").err(), Some(Rejection::NoKeyMatched));
    assert_eq!(with("2019-05-06", "2019-05-07").map(|_| ()), Ok(()), "what is not signed may differ");
    // A second item without a signature of its own is not carried along by the first.
    let second = "]}},{\"NotificationRequestItem\":{\"pspReference\":\"1\"}}]}".replace("]}}", "}}");
    assert!(with("}}]}", &second).is_err());
    assert!(matches!(with("notificationItems", "notificationItemz"), Err(Rejection::Missing { .. })));
    let basic = Under::new(
        &row.verification,
        &row.parameters,
        None,
        &[("signing", row.secret.as_deref().unwrap()), ("basic", "user:pass")],
    );
    let mut sent = Sent::new("POST", &genuine.url, &genuine.headers, genuine.body.as_bytes());
    assert!(basic.verify(&sent, now()).is_err(), "both keys must hold");
    sent.headers.insert("authorization", "Basic dXNlcjpwYXNz".parse().unwrap());
    assert_eq!(basic.verify(&sent, now()).unwrap().keys(), [0, 1]);
    sent.headers.insert("authorization", "Basic dXNlcjpwYXNT".parse().unwrap());
    assert_eq!(basic.verify(&sent, now()).err(), Some(Rejection::NoKeyMatched));
}

#[test]
fn what_each_scheme_signs_it_verifies() {
    for (name, row) in rows(include_str!("language/schemes.toml")) {
        let keys = [("signing", "a secret of this test"), ("verifyToken", "verify me"), ("bearer", "a bearer's token")];
        let under = Under::new(&row.verification, &row.parameters, Some("https://hooks.example.com/ns/name"), &keys);
        assert_eq!(under.scheme.authenticates(&under.keys), row.authenticates, "{name}");
        let body = row.body.as_deref().unwrap_or(r#"{"event":"t1","type":"t1","id":"i1"}"#);
        let draft = draft("POST", body, row.event.as_deref().or(Some("t1")), Some("i1"));
        let sent = under.sign(draft.clone(), now()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let verified = under.verify(&sent, now()).unwrap_or_else(|rejection| panic!("{name}: {rejection}: {sent:?}"));
        if let Some(event) = &row.event {
            assert_eq!(verified.event(), Some(event.as_str()), "{name}");
        }
        altered(&name, &row, &under, &sent);

        let other = Under::new(
            &row.verification,
            &row.parameters,
            Some("https://hooks.example.com/ns/name"),
            &[("signing", "another secret"), ("verifyToken", "verify me"), ("bearer", "a bearer's token")],
        );
        assert!(other.verify(&sent, now()).is_err(), "{name} with another key");

        // A retry is signed anew a moment later: the same content, told to be the same.
        let later = now() + SignedDuration::from_secs(20);
        let retried = under.verify(&under.sign(draft, later).unwrap(), later).unwrap();
        assert_eq!(retried.fingerprint(), verified.fingerprint(), "{name}");
        if let Some(fingerprint) = verified.fingerprint() {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            assert!(fingerprint.len() <= 64 && fingerprint.bytes().all(is_plain), "{name}");
            assert!(verified.id().is_none_or(|id| !id.is_signed), "{name}");
        }
    }
}

fn altered(name: &str, row: &Row, under: &Under, sent: &Sent) {
    if row.authenticates == Authenticates::Body {
        for at in 0..sent.body.len() {
            let mut altered = sent.clone();
            altered.body[at] ^= 1;
            assert!(under.verify(&altered, now()).is_err(), "{name}: byte {at} of the body");
        }
    }
    for header in
        sent.headers.keys().filter(|header| !["content-type", "x-event", "x-topic"].contains(&header.as_str()))
    {
        let mut altered = sent.clone();
        altered.headers.remove(header);
        let is_id = header.as_str().ends_with("-key") || name == "message-signature" && header == "x-id";
        assert_eq!(under.verify(&altered, now()).is_ok(), is_id, "{name} without {header}");
        if row.verification.contains("lines = true") || is_id {
            continue;
        }
        altered.headers = sent.headers.clone();
        altered.headers.append(header, sent.headers[header].clone());
        assert!(under.verify(&altered, now()).is_err(), "{name} with {header} twice");
    }
}

#[test]
fn any_of_several_lines_may_match() {
    let verification = r#"hmac = { hash = "sha256", from = ["header:X-Signature"], lines = true, prefix = "sha256=" }"#;
    let under = Under::new(verification, &BTreeMap::new(), None, &[("signing", "k")]);
    let right = under.sign(draft("POST", "body", None, None), now()).unwrap();
    let value = right.headers["x-signature"].clone();
    let with = |lines: Vec<http::HeaderValue>| {
        let mut sent = right.clone();
        sent.headers.remove("x-signature");
        for line in lines {
            sent.headers.append("x-signature", line);
        }
        under.verify(&sent, now()).map(|_| ())
    };
    let wrong = || http::HeaderValue::from_str(&format!("sha256={}", "0".repeat(64))).unwrap();
    assert_eq!(with(vec![wrong(), value.clone()]), Ok(()));
    assert_eq!(with(vec![wrong(), wrong()]), Err(Rejection::NoKeyMatched));
    let mut ten: Vec<_> = (0..9).map(|_| wrong()).collect();
    ten.push(value.clone());
    assert_eq!(with(ten.clone()), Ok(()), "the tenth counts");
    ten.insert(0, wrong());
    assert_eq!(with(ten), Err(Rejection::NoKeyMatched), "the eleventh does not");
}

#[test]
fn numbered_headers_end_at_the_first_gap() {
    let verification = r#"hmac = { hash = "sha256", encoding = "base64", from = ["header:X-Signature-#"] }"#;
    let under = Under::new(verification, &BTreeMap::new(), None, &[("signing", "k")]);
    let mut sent = under.sign(draft("POST", "body", None, None), now()).unwrap();
    let value = sent.headers.remove("x-signature-1").unwrap();
    assert!(matches!(under.verify(&sent, now()), Err(Rejection::Missing { .. })));
    sent.headers.insert("x-signature-2", value.clone());
    assert!(matches!(under.verify(&sent, now()), Err(Rejection::Missing { .. })), "a gap before it");
    sent.headers.insert("x-signature-1", "AAAA".parse().unwrap());
    assert!(under.verify(&sent, now()).is_ok());
}

#[test]
fn the_request_chooses_nothing_about_a_header_list() {
    let rows = rows(include_str!("language/schemes.toml"));
    let row = &rows["headers-named-by-the-request"];
    let under = Under::new(&row.verification, &row.parameters, None, &[("signing", "k")]);
    let sent = under.sign(draft("POST", "{}", None, None), now()).unwrap();
    under.verify(&sent, now()).unwrap();
    for list in ["x-timestamp", "x-signed-headers", "", "x-signed-headers,x-timestamp,x y"] {
        let mut altered = sent.clone();
        altered.headers.insert("x-signed-headers", list.parse().unwrap());
        let rejection = under.verify(&altered, now()).unwrap_err();
        assert!(matches!(rejection, Rejection::Missing { .. } | Rejection::Malformed { .. }), "{list}: {rejection}");
    }
}

#[test]
fn private_keys_sign_what_public_keys_verify() {
    let kinds = [
        (&rcgen::PKCS_ED25519, "ed25519"),
        (&rcgen::PKCS_ECDSA_P256_SHA256, "ecdsaP256Sha256"),
        (&rcgen::PKCS_ECDSA_P256_SHA256, "ecdsaP256Sha256Fixed"),
    ];
    for (kind, algorithm) in kinds {
        let pair = rcgen::KeyPair::generate_for(kind).unwrap();
        let (public, private) = (pair.public_key_pem(), pair.serialize_pem());
        let verification = format!(
            r#"timestamp = {{ from = ["header:X-Time"], tolerance = "5m" }}
            publicKey = {{ algorithm = "{algorithm}", encoding = "base64", from = ["header:X-Signature"], signed = "{{timestamp}}{{body}}" }}"#
        );
        let under = Under::new(&verification, &BTreeMap::new(), None, &[("signing", &public)]);
        assert_eq!(under.scheme.authenticates(&under.keys), Authenticates::Body);
        let signer = Signer::new(&under.scheme, &[("signing", &private)]);
        let sent = signer.sign(draft("POST", "body", None, None), now()).unwrap();
        let verified = under.verify(&sent, now()).unwrap();
        assert!(verified.fingerprint().is_some());
        let mut altered = sent.clone();
        altered.body.push(b'x');
        assert_eq!(under.verify(&altered, now()).err(), Some(Rejection::NoKeyMatched), "{algorithm}");
        let (_, faults) = under.scheme.keyring(scheme::keys(&[("signing", &private)]));
        assert_eq!(faults.len(), 1, "a private key does not verify");
        assert!(!format!("{faults:?}").contains("MIG"), "{faults:?}");
        let unsigned = under.sign(draft("POST", "body", None, None), now());
        assert!(unsigned.is_err(), "a public key does not sign");
    }
}

#[test]
fn standard_webhooks_sign_with_either_sort_of_key() {
    let verification = r#"standardWebhooks = { headers = ["svix", "webhook"] }
        event = { type = "{json:/type}" }"#;
    let seed = [7_u8; 32];
    let pair = aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let public = aws_lc_rs::signature::KeyPair::public_key(&pair).as_ref().to_vec();
    let base64 = |bytes: &[u8]| jethook::scheme::Encoding::Base64.encode(bytes);
    let (public_text, private_text) = (format!("whpk_{}", base64(&public)), format!("whsk_{}", base64(&seed)));
    let whsec = format!("whsec_{}", base64(b"a secret of at least 24 bytes"));
    for (public, private, label) in [(&public_text, &private_text, "v1a"), (&whsec, &whsec, "v1")] {
        let under = Under::new(verification, &BTreeMap::new(), None, &[("signing", public)]);
        assert_eq!(under.scheme.label(&under.keys), format!("standard-webhooks-{label}"));
        let signer = Signer::new(&under.scheme, &[("signing", private)]);
        let sent = signer.sign(draft("POST", r#"{"type":"a"}"#, None, Some("msg_1")), now()).unwrap();
        let verified = under.verify(&sent, now()).unwrap();
        let id = verified.id().unwrap();
        assert!(id.is_signed && id.value == "msg_1" && verified.fingerprint().is_none(), "{label}");
        // The other set of names is not mixed in.
        let mut mixed = sent.clone();
        mixed.headers.insert("webhook-id", "msg_2".parse().unwrap());
        assert_eq!(under.verify(&mixed, now()).unwrap().id().unwrap().value, "msg_1");
        let mut dotted = sent.clone();
        dotted.headers.insert("svix-id", "msg.1".parse().unwrap());
        assert!(matches!(under.verify(&dotted, now()), Err(Rejection::Malformed { .. })));
    }
    let under = Under::new(verification, &BTreeMap::new(), None, &[("signing", &whsec)]);
    for wrong in ["whsec_", "whsec_!", "whpk_AAAA", &private_text, "not base64"] {
        let (_, faults) = under.scheme.keyring(scheme::keys(&[("signing", wrong)]));
        assert_eq!(faults.len(), 1, "{wrong}");
    }
}

#[test]
fn nothing_that_is_sent_makes_it_panic() {
    let mut random = fastrand::Rng::with_seed(20_261_124);
    for (name, row) in rows(include_str!("language/schemes.toml")) {
        let keys = [("signing", "a secret of this test"), ("verifyToken", "verify me"), ("bearer", "a bearer's token")];
        let under = Under::new(&row.verification, &row.parameters, Some("https://hooks.example.com/ns/name"), &keys);
        let body = row.body.as_deref().unwrap_or(r#"{"event":"t1","type":"t1","id":"i1"}"#);
        let sent = under.sign(draft("POST", body, Some("t1"), Some("i1")), now()).unwrap();
        for _ in 0..300 {
            let mut altered = sent.clone();
            altered.scramble(&mut random);
            let delivery = altered.delivery();
            drop(under.scheme.greet(&under.keys, &delivery));
            let same_body = altered.body == sent.body;
            if let Ok(jethook::scheme::Verdict::Event(_)) = under.scheme.verify(&under.keys, &delivery, now()) {
                assert!(same_body || row.authenticates != Authenticates::Body, "{name}: {altered:?}");
            }
        }
    }
}

#[test]
fn nothing_that_is_described_makes_it_panic() {
    let mut random = fastrand::Rng::with_seed(5);
    let mut compiled = 0;
    for row in rows(include_str!("language/schemes.toml")).values() {
        for _ in 0..200 {
            let mut text: Vec<char> = row.verification.chars().collect();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(0..text.len());
                let char = char::from(random.choice(*b"{}[]|:?~/*!#^.-,x1 ").unwrap());
                match random.u8(0..3) {
                    0 => drop(text.drain(at..=at)),
                    1 => text[at] = char,
                    _ => text.insert(at, char),
                }
            }
            let text: String = text.into_iter().collect();
            let Ok(verification) = toml::from_str(&text) else { continue };
            let context = Context { parameters: &row.parameters, url: None, tolerance: None };
            if let Ok(scheme) = Scheme::compile(&verification, context) {
                let (keys, _) = scheme.keyring(scheme::keys(&[("signing", "k")]));
                drop(scheme.sign(&keys, draft("POST", "{}", Some("t"), Some("i")), now()));
                compiled += 1;
            }
        }
    }
    assert!(compiled > 100);
}
