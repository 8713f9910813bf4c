//! Fields of `spec.verification` that no provider of the catalogue has used yet, each by what it changes at the port.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::eventually::{SOON, eventually};
use crate::support::http::{Answer, Request};
use crate::support::operator::Operator;
use crate::support::sign::{hmac_sha256, now};
use crate::support::stage::Stage;

const BODY: &str = r#"{"type":"order.paid","id":"o-1"}"#;
const KEY: &str = "a key of the test";

/// One endpoint of its own scheme, served; `keys` are the Secret's keys, each named after its use.
struct Served {
    stage: Stage,
    operator: Operator,
}

impl Served {
    #[track_caller]
    fn new(verification: Value, keys: &[(&str, &str)]) -> Self {
        let stage = Stage::of_files();
        let operator = stage.operator(&[]);
        stage.secret("custom", keys);
        stage.endpoint("custom", spec(&verification, keys));
        stage.ready("custom");
        Self { stage, operator }
    }

    fn post(&self, headers: &[(&str, &str)]) -> Request {
        let request = Request::post(&self.stage.path("custom"), BODY).header("Content-Type", "application/json");
        headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    #[track_caller]
    fn accepts(&self, request: &Request) -> Answer {
        let before = self.stage.count();
        let answer = self.operator.send(request);
        assert!((200..300).contains(&answer.status), "{} {}: {request:?}", answer.status, answer.text());
        assert_eq!(self.stage.count(), before + 1);
        answer
    }

    #[track_caller]
    fn refuses(&self, request: &Request, status: u16) {
        let before = self.stage.count();
        let answer = self.operator.send(request);
        assert_eq!((answer.status, self.stage.count()), (status, before), "{}: {request:?}", answer.text());
    }
}

fn spec(verification: &Value, keys: &[(&str, &str)]) -> Value {
    let refs: Vec<_> = keys.iter().map(|(key, _)| json!({"name": "custom", "key": key, "use": key})).collect();
    json!({"provider": "custom", "verification": verification, "secretRefs": refs, "deduplication": {"key": "none"}})
}

fn mac(key: &str, text: &str) -> String {
    HEXLOWER.encode(&hmac_sha256(key.as_bytes(), &[text.as_bytes()]))
}

fn ed25519(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn public(pair: &Ed25519KeyPair) -> String {
    BASE64.encode(pair.public_key().as_ref())
}

#[test]
fn an_answer_of_its_own_may_be_json() {
    let answer = json!({"status": 202, "json": {"result": "noted", "code": "7"}});
    let hmac = json!({"hash": "sha256", "from": ["header:X-Signature"]});
    let served = Served::new(json!({"hmac": hmac, "answer": answer}), &[("signing", KEY)]);
    let answer = served.accepts(&served.post(&[("X-Signature", &mac(KEY, BODY))]));
    assert_eq!((answer.status, answer.header("content-type")), (202, Some("application/json")));
    assert_eq!(answer.json(), json!({"result": "noted", "code": "7"}));
}

#[test]
fn encoded_bodies_are_stored_as_they_come_where_the_sender_signs_them() {
    let hmac = json!({"hash": "sha256", "from": ["header:X-Signature"]});
    let compressed = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b, 4, 0, 0x43, 0xbe, 0xb7, 0xe8, 1, 0, 0, 0];
    let signature = HEXLOWER.encode(&hmac_sha256(KEY.as_bytes(), &[&compressed]));
    let request = |served: &Served| {
        let mut request = served.post(&[("X-Signature", &signature), ("Content-Encoding", "gzip")]);
        request.body = compressed.to_vec();
        request
    };
    let served = Served::new(json!({"hmac": hmac, "encoded": true}), &[("signing", KEY)]);
    served.accepts(&request(&served));
    assert_eq!(served.stage.one_stored().payload, compressed);
    let served = Served::new(json!({"hmac": hmac}), &[("signing", KEY)]);
    served.refuses(&request(&served), 415);
}

#[test]
fn a_digest_is_found_in_a_list_of_items_on_any_line() {
    let hash = json!({
        "key": "shared", "hash": "sha256", "encoding": "base64", "signed": "{secret}{body}",
        "from": ["header:X-Digest"], "lines": true, "split": ",", "skip": 1, "prefix": "d=",
    });
    let served = Served::new(json!({"keys": {"shared": {}}, "hash": hash}), &[("shared", KEY)]);
    let digest = BASE64.encode(&Sha256::digest(format!("{KEY}{BODY}")));
    served.accepts(&served.post(&[("X-Digest", &format!("v1,d={digest}"))]));
    served.accepts(&served.post(&[("X-Digest", "v1,d=AAAA"), ("X-Digest", &format!("v1,d={digest}"))]));
    served.refuses(&served.post(&[("X-Digest", &format!("d={digest}"))]), 401);
    served.refuses(&served.post(&[("X-Digest", &format!("v1,e={digest}"))]), 401);
    served.refuses(&served.post(&[("X-Digest", &format!("v1;d={digest}"))]), 401);
    let hex = HEXLOWER.encode(&Sha256::digest(format!("{KEY}{BODY}")));
    served.refuses(&served.post(&[("X-Digest", &format!("v1,d={hex}"))]), 401);
}

#[test]
fn a_mac_may_use_a_key_of_another_name_and_a_prefix_is_taken_off_its_secret() {
    let hmac = json!({"key": "webhook", "hash": "sha256", "from": ["header:X-Signature"]});
    let verification = json!({"keys": {"webhook": {"prefix": "sk_"}}, "hmac": hmac});
    let served = Served::new(verification.clone(), &[("webhook", "sk_abc")]);
    served.accepts(&served.post(&[("X-Signature", &mac("abc", BODY))]));
    served.refuses(&served.post(&[("X-Signature", &mac("sk_abc", BODY))]), 401);
    served.stage.secret("custom", &[("webhook", "abc")]);
    let message = served.stage.expect("custom", "ResolvedRefs", "False", "InvalidSecret");
    assert!(message.contains("sk_"), "{message}");
}

#[test]
fn a_list_of_signed_headers_may_be_one_item_of_a_header() {
    let list = json!({
        "from": "header:X-Signature", "split": ";", "prefix": "h=", "between": " ", "item": "{name}:{value}\n", "join": "",
        "required": ["x-date"],
    });
    let hmac = json!({"hash": "sha256", "from": ["header:X-Signature"], "split": ";", "prefix": "s=", "signed": "{headerList}{body}"});
    let served = Served::new(json!({"headerList": list, "hmac": hmac}), &[("signing", KEY)]);
    let request = |names: &str, signed: &str| {
        let signature = mac(KEY, &format!("{signed}{BODY}"));
        served.post(&[("X-Date", "today"), ("X-Other", "1"), ("X-Signature", &format!("v=1;h={names};s={signature}"))])
    };
    served.accepts(&request("x-date x-other", "x-date:today\nx-other:1\n"));
    served.accepts(&request("x-date", "x-date:today\n"));
    served.refuses(&request("x-other", "x-other:1\n"), 401);
    served.refuses(&request("x-date,x-other", "x-date:today\nx-other:1\n"), 401);
}

#[test]
fn a_message_signature_has_the_tag_and_the_key_that_are_asked_for() {
    let signature = json!({
        "key": "shared", "dialect": "rfc9421", "algorithms": ["hmacSha256"], "components": ["@method", "content-digest"],
        "tag": "jethook", "maxAge": "5m",
    });
    let served = Served::new(json!({"keys": {"shared": {}}, "httpSignature": signature}), &[("shared", KEY)]);
    let digest = format!("sha-256=:{}:", BASE64.encode(&Sha256::digest(BODY)));
    let request = |tag: &str, key: &str, created: i64| {
        let parameters = format!("(\"@method\" \"content-digest\");created={created};alg=\"hmac-sha256\"{tag}");
        let base = format!("\"@method\": POST\n\"content-digest\": {digest}\n\"@signature-params\": {parameters}");
        let signature = BASE64.encode(&hmac_sha256(key.as_bytes(), &[base.as_bytes()]));
        served.post(&[
            ("Content-Digest", &digest),
            ("Signature-Input", &format!("sig={parameters}")),
            ("Signature", &format!("sig=:{signature}:")),
        ])
    };
    served.accepts(&request(";tag=\"jethook\"", KEY, now()));
    served.refuses(&request(";tag=\"other\"", KEY, now()), 401);
    served.refuses(&request("", KEY, now()), 401);
    served.refuses(&request(";tag=\"jethook\"", "another key", now()), 401);
    served.refuses(&request(";tag=\"jethook\"", KEY, now() - 600), 401);
}

#[test]
fn a_jwt_has_its_prefix_its_key_and_its_leeway() {
    let jwt = json!({
        "key": "shared", "from": ["header:X-Token"], "prefix": "JWT ", "algorithms": ["HS256"], "requireExpiry": true,
        "leeway": "10s",
    });
    let served = Served::new(json!({"keys": {"shared": {}}, "jwt": jwt}), &[("shared", KEY)]);
    let token = |key: &str, expires: i64| {
        let encode = |value: Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", encode(json!({"alg": "HS256", "typ": "JWT"})), encode(json!({"exp": expires})));
        format!("{signed}.{}", BASE64URL_NOPAD.encode(&hmac_sha256(key.as_bytes(), &[signed.as_bytes()])))
    };
    let request = |value: &str| served.post(&[("X-Token", value)]);
    served.accepts(&request(&format!("JWT {}", token(KEY, now() + 60))));
    served.accepts(&request(&format!("JWT {}", token(KEY, now() - 5))));
    served.refuses(&request(&format!("JWT {}", token(KEY, now() - 30))), 401);
    served.refuses(&request(&token(KEY, now() + 60)), 401);
    served.refuses(&request(&format!("JWT {}", token("another key", now() + 60))), 401);
}

#[test]
fn deliveries_come_by_the_methods_that_are_named() {
    let hmac = json!({"hash": "sha256", "from": ["header:X-Signature"]});
    let served = Served::new(json!({"methods": ["PUT", "PATCH"], "hmac": hmac}), &[("signing", KEY)]);
    let signature = mac(KEY, BODY);
    for method in ["PUT", "PATCH"] {
        let request = Request { method: method.to_owned(), ..served.post(&[("X-Signature", &signature)]) };
        served.accepts(&request);
    }
    let post = served.post(&[("X-Signature", &signature)]);
    let answer = served.operator.send(&post);
    assert_eq!((answer.status, answer.header("allow")), (405, Some("PUT, PATCH")));
    assert_eq!(served.stage.stored()[0].header("http-method"), "PUT");
}

#[test]
fn a_public_key_may_be_a_constant_and_needs_no_secret_then() {
    let (ours, other) = (ed25519(1), ed25519(2));
    let der = [&b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"[..], ours.public_key().as_ref()].concat();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", BASE64.encode(&der));
    let keys = json!({"signing": {"constant": [pem]}});
    let signature = json!({"algorithm": "ed25519", "from": ["header:X-Signature"], "encoding": "base64"});
    // A key that all customers share must be bound to one of them.
    let verification = json!({
        "keys": keys, "publicKey": signature, "parameters": {"account": {"required": true}},
        "require": {"json:/account": ["{param:account}"]},
    });
    let stage = Stage::of_files();
    let operator = stage.operator(&[]);
    let spec = json!({"provider": "custom", "verification": verification, "parameters": {"account": "me"}});
    stage.endpoint("custom", spec);
    stage.ready("custom");
    let served = Served { stage, operator };
    let request = |pair: &Ed25519KeyPair, account: &str| {
        let body = format!(r#"{{"account":"{account}"}}"#);
        let signature = BASE64.encode(pair.sign(body.as_bytes()).as_ref());
        Request { body: body.into_bytes(), ..served.post(&[("X-Signature", &signature)]) }
    };
    served.accepts(&request(&ours, "me"));
    served.refuses(&request(&ours, "another customer"), 401);
    served.refuses(&request(&other, "me"), 401);
}

#[test]
fn a_public_key_signature_is_found_in_a_list_and_its_algorithm_named_by_the_request() {
    let pair = ed25519(3);
    let signature = json!({
        "key": "public", "algorithmFrom": "header:X-Algorithm", "algorithms": {"ed": "ed25519", "rsa": "rsaSha256"},
        "from": ["header:X-Signature"], "lines": true, "split": ",", "skip": 1, "prefix": "s=", "encoding": "base64",
    });
    let keys = json!({"public": {"encoding": "base64"}});
    let served = Served::new(json!({"keys": keys, "publicKey": signature}), &[("public", &public(&pair))]);
    let right = BASE64.encode(pair.sign(BODY.as_bytes()).as_ref());
    let request = |algorithm: &str, lines: &[&str]| {
        let request = served.post(&[("X-Algorithm", algorithm)]);
        lines.iter().fold(request, |request, line| request.header("X-Signature", line))
    };
    served.accepts(&request("ed", &[&format!("v1,s={right}")]));
    served.accepts(&request("ed", &["v1,s=AAAA", &format!("v1,s={right}")]));
    served.refuses(&request("rsa", &[&format!("v1,s={right}")]), 401);
    served.refuses(&request("none", &[&format!("v1,s={right}")]), 401);
    served.refuses(&request("ed", &[&format!("s={right}")]), 401);
    served.refuses(&request("ed", &[&format!("v1,t={right}")]), 401);
    let mut altered = request("ed", &[&format!("v1,s={right}")]);
    altered.body[3] ^= 1;
    served.refuses(&altered, 401);
}

#[test]
fn a_token_may_have_a_prefix() {
    let token = json!({"from": ["header:Authorization"], "prefix": "Token "});
    let served = Served::new(json!({"token": token}), &[("signing", "a-long-secret-token")]);
    served.accepts(&served.post(&[("Authorization", "Token a-long-secret-token")]));
    for wrong in ["a-long-secret-token", "Bearer a-long-secret-token", "Token a-long-secret-tokeN", "Token "] {
        served.refuses(&served.post(&[("Authorization", wrong)]), 401);
    }
}

#[test]
fn what_is_said_of_the_sender_is_checked_and_used() {
    let hmac = json!({"hash": "sha256", "from": ["header:X-Signature"]});
    let served = Served::new(json!({"hmac": hmac, "sender": {"ranges": ["192.0.2.0/24"]}}), &[("signing", KEY)]);
    served.accepts(&served.post(&[("X-Signature", &mac(KEY, BODY))]));
    for (sender, field) in [
        (json!({"ranges": ["192.0.2.0/24", "nowhere"]}), "spec.verification.sender.ranges[1]"),
        (json!({"timeLimit": "soon"}), "spec.verification.sender.timeLimit"),
        (json!({"retryFor": "ever"}), "spec.verification.sender.retryFor"),
    ] {
        served.stage.endpoint("custom", spec(&json!({"hmac": hmac, "sender": sender}), &[("signing", KEY)]));
        eventually(SOON, field, || match served.stage.condition("custom", "Accepted") {
            Some(condition) if condition.reason == "Invalid" && condition.message.contains(field) => Ok(()),
            other => Err(format!("{other:?}")),
        });
    }
    let sender = json!({"retryFor": "72h"});
    served.stage.endpoint("custom", spec(&json!({"hmac": hmac, "sender": sender}), &[("signing", KEY)]));
    served.stage.ready("custom");
    let message = served.stage.expect("custom", "TargetReady", "True", "StreamReady");
    assert!(message.contains("72h"), "it retries for longer than the stream knows ids: {message}");
}
