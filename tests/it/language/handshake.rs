//! Handshakes: answered as the entry says, and never an oracle.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit as _, Mac as _};
use jethook::scheme::{Encoding, Rejection, Reply, Verdict};
use sha2::Sha256;

use super::rows;
use super::scheme::{Sent, Under, compile, draft, now};

fn under(name: &str) -> Under {
    let rows = rows(include_str!("schemes.toml"));
    let row = &rows[name];
    let url = Some("https://hooks.example.com/ns/name");
    Under::new(&row.verification, &row.parameters, url, &[("signing", "k"), ("verifyToken", "verify me")])
}

fn get(query: &str) -> Sent {
    Sent::new("GET", &format!("https://hooks.example.com/ns/name{query}"), &BTreeMap::new(), b"")
}

fn greet(under: &Under, sent: &Sent) -> Option<Result<Reply, Rejection>> {
    under.scheme.greet(&under.keys, &sent.delivery())
}

fn hmac(text: &str) -> Vec<u8> {
    Hmac::<Sha256>::new_from_slice(b"k").unwrap().chain_update(text).finalize().into_bytes().to_vec()
}

#[test]
fn a_verify_token_is_compared_and_the_challenge_echoed() {
    let under = under("verify-token");
    let reply = greet(&under, &get("?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=verify+me"));
    let reply = reply.unwrap().unwrap();
    assert_eq!((reply.status.as_u16(), &reply.body[..]), (200, &b"1158201444"[..]));
    assert_eq!(reply.content_type.unwrap(), "text/plain");
    assert!(reply.headers.iter().any(|(name, value)| name == "x-content-type-options" && value == "nosniff"));
    for token in ["&hub.verify_token=verify+m", "&hub.verify_token=", "", "&hub.verify_token=k"] {
        let refused = greet(&under, &get(&format!("?hub.mode=subscribe&hub.challenge=1{token}"))).unwrap();
        assert!(matches!(refused, Err(Rejection::Handshake { status: 403, .. })), "{token}: {refused:?}");
    }
    let twice = "?hub.mode=subscribe&hub.challenge=1&hub.verify_token=verify+me&hub.verify_token=verify+me";
    assert!(greet(&under, &get(twice)).unwrap().is_err());
    assert!(greet(&under, &get("?hub.mode=other")).is_none());
    assert!(greet(&under, &get("")).is_none());
    assert!(matches!(
        under.scheme.verify(&under.keys, &get("").delivery(), now()),
        Err(Rejection::Handshake { status: 403, .. })
    ));
    assert_eq!(under.scheme.methods(), [http::Method::POST, http::Method::GET]);
    assert_eq!(under.scheme.secret_query(), ["hub.verify_token"]);
    assert!(!under.scheme.greets_by_body());
}

#[test]
fn an_echo_is_short_and_printable() {
    let under = under("token-in-each-item");
    let echo = |value: &str| {
        let mut sent = get(&format!("?validationToken={value}"));
        sent = Sent::new(
            "POST",
            &format!("https://h.example/ns/name?{}", sent.query.take().unwrap()),
            &BTreeMap::new(),
            b"",
        );
        greet(&under, &sent).unwrap().map(|reply| String::from_utf8(reply.body.to_vec()).unwrap())
    };
    assert_eq!(echo("Validation%3A+Testing%20client"), Ok("Validation: Testing client".to_owned()));
    assert_eq!(echo("%3Cscript%3E"), Ok("<script>".to_owned()));
    assert_eq!(echo(&"a".repeat(1024)).map(|text| text.len()), Ok(1024));
    for wrong in ["a".repeat(1025).as_str(), "a%0Ab", "a%00", "%C3%A9", "%7F"] {
        assert!(echo(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_keyed_answer_is_no_oracle() {
    let under = under("keyed-challenge-unsigned");
    let ask = |challenge: &str| {
        let reply = greet(&under, &get(&format!("?crc_token={challenge}"))).unwrap().ok()?;
        let answer: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        Some(answer["response_token"].as_str().unwrap().to_owned())
    };
    assert_eq!(ask("abc-_9"), Some(format!("sha256={}", Encoding::Base64.encode(&hmac("abc-_9")))));
    for forged in ["12345", "true", "null", "%7B%22a%22:1%7D", "%5B%5D", "%22a%22", "%7B%7D", "1.5", "a"] {
        let Some(signature) = ask(forged) else { continue };
        let body = percent_encoding::percent_decode_str(forged).collect::<Vec<u8>>();
        for content_type in ["application/json", "text/plain"] {
            let headers = [("x-signature", signature.as_str()), ("content-type", content_type)];
            let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            let sent = Sent::new("POST", "https://h.example/ns/name", &headers, &body);
            let verdict = under.scheme.verify(&under.keys, &sent.delivery(), now());
            assert_eq!(verdict.err(), Some(Rejection::Content { expected: "JSON" }), "{forged}");
        }
    }
    for refused in ["%7B%22a%22:1%7D", "a.b", "", "a+b", &"a".repeat(129)] {
        assert_eq!(ask_raw(&under, refused), None, "{refused}");
    }
}

fn ask_raw(under: &Under, challenge: &str) -> Option<Reply> {
    greet(under, &get(&format!("?crc_token={challenge}")))?.ok()
}

#[test]
fn without_its_guard_a_keyed_answer_does_not_compile() {
    let rows = rows(include_str!("schemes.toml"));
    for (name, guard) in [
        ("keyed-challenge-unsigned", "content = \"json\""),
        ("form-with-a-digested-key", "require = { \"form:bt_payload\" = [\"~P[A-Za-z0-9+/=\\\\n]{1,1048576}\"] }"),
    ] {
        let row = &rows[name];
        let open = row.verification.replace(guard, "");
        assert_ne!(open, row.verification, "{name}");
        let faults = compile(&open, &row.parameters, None).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!(faults[0].field, "handshakes[0].answer");
        assert!(faults[0].message.contains("could be a signature"), "{faults:?}");
    }
    let narrow = rows["form-with-a-digested-key"].verification.replace("[0-9a-f]{20,32}", "[A-Z0-9a-f]{20,32}");
    let faults = compile(&narrow, &rows["form-with-a-digested-key"].parameters, None).unwrap_err();
    assert_eq!(faults[0].field, "handshakes[0].answer");
}

#[test]
fn a_challenge_of_another_pattern_is_refused() {
    let under = under("form-with-a-digested-key");
    assert!(greet(&under, &get("?bt_challenge=0123456789abcdef0123")).unwrap().is_ok());
    for wrong in ["0123456789abcdef012", "0123456789ABCDEF0123", "PG5vdGlmaWNhdGlvbj4=", ""] {
        let greeted = greet(&under, &get(&format!("?bt_challenge={wrong}")));
        assert!(greeted.is_none_or(|reply| reply.is_err()), "{wrong}");
    }
}

#[test]
fn a_signed_handshake_is_answered_after_verification_only() {
    let under = under("keyed-challenge-after-verification");
    let body = r#"{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}"#;
    let mut sent = under.sign(draft("POST", body, None, None), now()).unwrap();
    assert!(greet(&under, &sent).is_none());
    let Ok(Verdict::Greeting(reply)) = under.scheme.verify(&under.keys, &sent.delivery(), now()) else {
        panic!("no handshake");
    };
    let answer: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(answer["plainToken"], "qgg8vlvZRS6UYooatFL8Aw");
    assert_eq!(answer["encryptedToken"], Encoding::Hex.encode(&hmac("qgg8vlvZRS6UYooatFL8Aw")));
    assert_eq!(reply.content_type.unwrap(), "application/json");
    sent.headers.insert("x-zm-signature", "v0=00".parse().unwrap());
    assert!(under.scheme.verify(&under.keys, &sent.delivery(), now()).is_err());
    let odd = body.replace("qgg8", "qg\\\"8");
    let sent = under.sign(draft("POST", &odd, None, None), now()).unwrap();
    let verdict = under.scheme.verify(&under.keys, &sent.delivery(), now());
    assert!(matches!(verdict, Err(Rejection::Handshake { status: 401, .. })), "{verdict:?}");
}

#[test]
fn an_echoed_value_is_escaped_in_json() {
    let verification = r#"
        token = { from = ["query:token"] }
        handshakes = [{ method = "POST", when = { "json:/c" = [] }, answer = { json = { c = "{json:/c}" }, headers = { X-Echo = "{json:/c}" } } }]
    "#;
    let under = Under::new(verification, &BTreeMap::new(), None, &[("signing", "k")]);
    let ask = |body: &str| {
        let sent = Sent::new("POST", "https://h.example/ns/name?token=k", &BTreeMap::new(), body.as_bytes());
        under.scheme.verify(&under.keys, &sent.delivery(), now())
    };
    let Ok(Verdict::Greeting(reply)) = ask(r#"{"c":"a\",\"b\":\"\\"}"#) else { panic!("no handshake") };
    let answer: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(answer, serde_json::json!({ "c": "a\",\"b\":\"\\" }));
    assert!(matches!(ask(r#"{"c":"a\r\nSet-Cookie: x"}"#), Err(Rejection::Handshake { .. })));
    assert!(matches!(ask(r#"{"c":""}"#), Ok(Verdict::Event(_))));
}

#[test]
fn a_status_alone_answers_a_probe() {
    let under = under("url-behind-the-body");
    let sent = Sent::new("HEAD", "https://hooks.example.com/ns/name", &BTreeMap::new(), b"");
    let reply = greet(&under, &sent).unwrap().unwrap();
    assert_eq!((reply.status.as_u16(), reply.content_type, reply.body.len()), (200, None, 0));
}
