//! Only what a provider signed is stored; and it is, as the providers' own SDKs sign it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::http::{Connection, Request};
use crate::support::operator::Operator;
use crate::support::sign;
use crate::support::stage::Stage;

struct Genuine {
    file: String,
    provider: String,
    vector: Value,
}

/// Providers of different families, whose requests go the whole way; `vectors` tries those of all.
const PROVIDERS: [&str; 9] = [
    "github",
    "gitlab",
    "salesforce-data-360",
    "salesforce-marketing-cloud-ens",
    "salesforce-outbound",
    "shopify",
    "slack",
    "standard-webhooks",
    "stripe",
];

/// Their genuine requests, of `tests/vectors`.
fn genuine() -> Vec<Genuine> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut all = Vec::new();
    let list =
        |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<PathBuf>>();
    for provider in PROVIDERS.map(str::to_owned) {
        let folder = root.join(&provider);
        for path in list(&folder) {
            let vector = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            let file = path.file_stem().unwrap().to_str().unwrap().to_owned();
            all.push(Genuine { file, provider: provider.clone(), vector });
        }
    }
    all
}

impl Genuine {
    fn name(&self) -> String {
        format!("{}-{}", self.provider, self.file).chars().take(63).collect::<String>().trim_end_matches('-').to_owned()
    }

    fn body(&self) -> Vec<u8> {
        let request = &self.vector["request"];
        match request["body"].as_str() {
            Some(text) => text.as_bytes().to_vec(),
            None => data_encoding::BASE64.decode(request["bodyBase64"].as_str().unwrap().as_bytes()).unwrap(),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let headers = self.vector["request"]["headers"].as_array().unwrap();
        let found = headers.iter().find(|pair| pair[0].as_str().unwrap().eq_ignore_ascii_case(name))?;
        found[1].as_str()
    }

    fn request(&self) -> Request {
        let request = &self.vector["request"];
        let mut sent = Request::new(request["method"].as_str().unwrap(), request["url"].as_str().unwrap());
        for pair in request["headers"].as_array().unwrap() {
            sent = sent.header(pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
        }
        sent.body = self.body();
        sent
    }

    /// Puts the endpoint and its Secret on the stage, under the path that the request goes to.
    fn put(&self, stage: &Stage) {
        let secrets = self.vector["secrets"].as_array().unwrap();
        let (mut refs, mut keys) = (Vec::new(), Vec::new());
        for (number, secret) in secrets.iter().enumerate() {
            let key = format!("key-{number}");
            let mut reference = json!({"name": self.name(), "key": key});
            if let Some(purpose) = secret["use"].as_str() {
                reference["use"] = json!(purpose);
            }
            refs.push(reference);
            keys.push((key, secret.as_str().or(secret["value"].as_str()).unwrap()));
        }
        let keys: Vec<_> = keys.iter().map(|(key, value)| (key.as_str(), *value)).collect();
        stage.secret(&self.name(), &keys);
        let url = self.vector["request"]["url"].as_str().unwrap();
        let path: Vec<_> = url.split('?').next().unwrap().split('/').take(3).collect();
        let mut spec = json!({"provider": self.provider, "secretRefs": refs, "path": path.join("/")});
        if self.vector["parameters"].is_object() {
            spec["parameters"] = self.vector["parameters"].clone();
        }
        stage.endpoint(&self.name(), spec);
    }
}

#[test]
fn genuine_requests_are_stored_and_stale_ones_refused() {
    let stage = Stage::of_files();
    let operator = stage.operator(&["--allow-path", "/shop/**"]);
    let mut stored = BTreeSet::new();
    for one in genuine() {
        one.put(&stage);
        stage.ready(&one.name());
        let is_timed = ["stripe", "slack", "standard-webhooks"].contains(&one.provider.as_str())
            || one.header("webhook-signature").is_some();
        let (answer, events) = (operator.send(&one.request()), stage.count());
        let expect = &one.vector["expect"];
        let is_handshake = expect["handshake"] == true;
        let status = if is_timed { 401 } else { 200 };
        assert_eq!(answer.status, status, "{}: {}", one.name(), answer.text());
        if !is_timed {
            let body = expect["answer"]["body"].as_str();
            assert!(body.is_none_or(|body| body == answer.text()), "{}: {}", one.name(), answer.text());
        }
        if !is_timed && !is_handshake {
            stored.insert(one.provider.clone());
            let last = stage.stored().pop().unwrap();
            assert_eq!(last.payload, one.body(), "{}", one.name());
            if let Some(event) = expect["event"].as_str() {
                assert!(last.header("ce-type").ends_with(&format!(".{}", event.replace(' ', "%20"))), "{last:?}");
            }
            if let Some(id) = expect["id"].as_str() {
                assert_eq!(last.header("ce-id"), id, "{}", one.name());
            }
            assert_eq!(stage.count(), events);
        }
        stage.delete("WebhookEndpoint", &one.name());
        operator.send_until(
            404,
            "its path is free for the next",
            &Request::get(one.vector["request"]["url"].as_str().unwrap()),
        );
    }
    assert_eq!(stored.len(), 6, "{stored:?}");
    assert!(operator.counted("stale") > 10.0, "an old signature that is right is stale, not wrong");
    assert_eq!(operator.counted("unauthorized"), 0.0);
}

/// The SDKs sign a time, so their requests can't be sent as they are; these sign the same bytes at any time.
#[test]
fn the_tests_own_signers_agree_with_the_sdks() {
    let mut checked = BTreeSet::new();
    for one in genuine() {
        let secret = one.vector["secrets"].as_array().unwrap().last().unwrap();
        let (Some(key), body) = (secret.as_str(), one.body()) else { continue };
        let ours = match one.provider.as_str() {
            "github" => one.header("X-Hub-Signature-256").map(|theirs| (theirs, sign::github_signature(key, &body))),
            "stripe" => one.header("Stripe-Signature").map(|theirs| {
                let at = theirs.split(',').find_map(|part| part.strip_prefix("t=")).unwrap().parse().unwrap();
                (theirs, sign::stripe_signature(key, at, &body))
            }),
            "slack" => one.header("X-Slack-Signature").map(|theirs| {
                let at = one.header("X-Slack-Request-Timestamp").unwrap().parse().unwrap();
                (theirs, sign::slack_signature(key, at, &body))
            }),
            "shopify" => one.header("X-Shopify-Hmac-Sha256").map(|theirs| {
                let ours = sign::shopify("/", key, "", "", body.clone());
                (theirs, ours.headers.last().unwrap().1.clone())
            }),
            "standard-webhooks" if one.file == "sdk-v1" => one.header("webhook-signature").map(|theirs| {
                let at = one.header("webhook-timestamp").unwrap().parse().unwrap();
                let ours = sign::standard("/", key, one.header("webhook-id").unwrap(), at, body.clone());
                (theirs, ours.headers.last().unwrap().1.clone())
            }),
            _ => None,
        };
        let Some((theirs, ours)) = ours else { continue };
        let is_one_of_several = ["sdk-decoy", "sdk-rolled"].contains(&one.file.as_str());
        if is_one_of_several {
            let signature = ours.split("v1=").nth(1).unwrap();
            assert!(theirs.contains(signature), "{}: {theirs} lacks {signature}", one.name());
        } else {
            assert_eq!(theirs, ours, "{}", one.name());
        }
        checked.insert(one.provider.clone());
    }
    assert_eq!(checked.len(), 5, "{checked:?}");
}

/// One provider with the request that its sender makes, by key, time and body.
struct Sender {
    provider: &'static str,
    key: &'static str,
    wrong_key: &'static str,
    request: fn(&str, &str, i64, &[u8]) -> Request,
    /// The headers that hold the signature and, where it is signed, the time.
    signature: &'static str,
    time: Option<&'static str>,
}

const SENDERS: [Sender; 5] = [
    Sender {
        provider: "github",
        key: "key",
        wrong_key: "keY",
        request: |path, key, _, body| sign::github(path, key, "push", "1", body),
        signature: "X-Hub-Signature-256",
        time: None,
    },
    Sender {
        provider: "stripe",
        key: "whsec_key",
        wrong_key: "whsec_keY",
        request: |path, key, at, body| sign::stripe(path, key, at, body),
        signature: "Stripe-Signature",
        time: Some("Stripe-Signature"),
    },
    Sender {
        provider: "slack",
        key: "key",
        wrong_key: "Key",
        request: |path, key, at, body| sign::slack(path, key, at, body),
        signature: "X-Slack-Signature",
        time: Some("X-Slack-Request-Timestamp"),
    },
    Sender {
        provider: "shopify",
        key: "key",
        wrong_key: "kez",
        request: |path, key, _, body| sign::shopify(path, key, "orders/create", "1", body),
        signature: "X-Shopify-Hmac-Sha256",
        time: None,
    },
    Sender {
        provider: "standard-webhooks",
        key: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        wrong_key: "whsec_NfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        request: |path, key, at, body| sign::standard(path, key, "1", at, body),
        signature: "webhook-signature",
        time: Some("webhook-timestamp"),
    },
];

const BODY: &[u8] = br#"{"type":"invoice.paid","id":"evt_1","object_kind":"x"}"#;

fn serve_all() -> (Stage, Operator) {
    let stage = Stage::of_files();
    let operator = stage.operator(&[]);
    for sender in &SENDERS {
        stage.secret(sender.provider, &[("secret", sender.key)]);
        stage
            .endpoint(sender.provider, json!({"provider": sender.provider, "secretRefs": [{"name": sender.provider}]}));
    }
    for sender in &SENDERS {
        stage.ready(sender.provider);
    }
    (stage, operator)
}

/// The request with one byte of a header changed to another of its kind.
fn with_header_flipped(request: &Request, name: &str, at: impl Fn(&str) -> usize) -> Request {
    let mut altered = request.clone();
    let (_, value) = altered.headers.iter_mut().find(|(header, _)| header == name).unwrap();
    let at = at(value);
    let byte = value.as_bytes()[at];
    let other = match byte {
        b'0'..=b'8' | b'a'..=b'e' | b'A'..=b'Y' | b'g'..=b'y' => char::from(byte + 1),
        b'9' => '8',
        _ => 'a',
    };
    value.replace_range(at..=at, &other.to_string());
    altered
}

#[test]
fn one_byte_changed_in_body_signature_time_or_key_is_401_and_stores_nothing() {
    let (stage, operator) = serve_all();
    let mut bodies = BTreeSet::new();
    for sender in &SENDERS {
        let path = stage.path(sender.provider);
        let right = (sender.request)(&path, sender.key, sign::now(), BODY);
        let mut altered = vec![("key", (sender.request)(&path, sender.wrong_key, sign::now(), BODY))];
        for at in [0, BODY.len() / 2, BODY.len() - 1] {
            let mut request = right.clone();
            request.body[at] ^= 1;
            altered.push(("body", request));
        }
        let mut longer = right.clone();
        longer.body.push(b' ');
        let mut shorter = right.clone();
        shorter.body.pop();
        altered.extend([("body", longer), ("body", shorter)]);
        // The middle of the signature, and its last character that carries whole bits.
        altered.push(("signature", with_header_flipped(&right, sender.signature, |value| value.len() - 10)));
        altered.push(("signature", with_header_flipped(&right, sender.signature, |value| value.len() - 3)));
        if let Some(name) = sender.time {
            let last_digit = |value: &str| value.find(',').map_or(value.len(), |comma| comma) - 1;
            altered.push(("time", with_header_flipped(&right, name, last_digit)));
        }
        let mut missing = right.clone();
        missing.headers.retain(|(name, _)| name != sender.signature);
        let mut empty = right.clone();
        empty.headers.iter_mut().find(|(name, _)| name == sender.signature).unwrap().1.clear();
        altered.extend([("no signature", missing), ("empty signature", empty)]);
        for (what, request) in altered {
            let answer = operator.send(&request);
            assert_eq!(answer.status, 401, "{}, {what}: {}", sender.provider, answer.text());
            bodies.insert(answer.text());
        }
        assert_eq!(stage.count(), 0, "{}", sender.provider);
    }
    assert_eq!(bodies.len(), 1, "one body for all: {bodies:?}");
    for (number, sender) in SENDERS.iter().enumerate() {
        let right = (sender.request)(&stage.path(sender.provider), sender.key, sign::now(), BODY);
        assert_eq!(operator.send(&right).status, 200, "{}", sender.provider);
        assert_eq!(stage.count(), number as u64 + 1);
    }
}

#[test]
fn a_signed_time_that_is_too_old_or_too_new_is_stale() {
    let (stage, operator) = serve_all();
    for sender in SENDERS.iter().filter(|sender| sender.time.is_some()) {
        for age in [3600, -3600] {
            let request = (sender.request)(&stage.path(sender.provider), sender.key, sign::now() - age, BODY);
            assert_eq!(operator.send(&request).status, 401, "{} {age}", sender.provider);
        }
    }
    assert_eq!((operator.counted("stale"), operator.counted("unauthorized")), (6.0, 0.0));
    assert_eq!(stage.count(), 0);
}

#[test]
fn a_repeated_signature_time_or_id_header_is_400() {
    let (stage, operator) = serve_all();
    for sender in &SENDERS {
        let right = (sender.request)(&stage.path(sender.provider), sender.key, sign::now(), BODY);
        let names = [
            Some(sender.signature),
            sender.time,
            right
                .headers
                .iter()
                .map(|(name, _)| name.as_str())
                .find(|name| ["X-GitHub-Delivery", "X-Shopify-Webhook-Id", "webhook-id"].contains(name)),
        ];
        for name in names.into_iter().flatten() {
            let value = right.headers.iter().find(|(header, _)| header == name).unwrap().1.clone();
            let answer = operator.send(&right.clone().header(name, &value));
            assert_eq!(answer.status, 400, "{} {name}: {}", sender.provider, answer.text());
        }
    }
    let mut two_hosts = stage.push("github", "1").header("Host", "one.example");
    two_hosts = two_hosts.header("Host", "two.example");
    assert_eq!(operator.send(&two_hosts).status, 400);
    assert_eq!(stage.count(), 0);
    assert!(operator.counted("malformed") > 8.0);
}

#[test]
fn a_verified_body_that_does_not_parse_is_400() {
    let stage = Stage::of_files();
    let operator = stage.operator(&[]);
    let token = "a secret token";
    stage.secret("gitlab", &[("token", token)]);
    stage.endpoint(
        "gitlab",
        json!({"provider": "gitlab", "secretRefs": [{"name": "gitlab", "key": "token", "use": "token"}]}),
    );
    stage.ready("gitlab");
    for broken in ["", "{", "{}}", r#"{"a":1"#, "[1,]", "{}\0", "{'a':1}", "nul"] {
        let answer = operator.send(&sign::gitlab_token(&stage.path("gitlab"), token, "1", broken));
        assert_eq!(answer.status, 400, "{broken:?}: {}", answer.text());
        // Not a word about the body to whoever has no key.
        let forged = operator.send(&sign::gitlab_token(&stage.path("gitlab"), "another", "1", broken));
        assert_eq!(forged.status, 401, "{broken:?}");
    }
    assert_eq!((stage.count(), operator.counted("malformed")), (0, 8.0));
    assert_eq!(operator.send(&sign::gitlab_token(&stage.path("gitlab"), token, "1", "[1]")).status, 200);
}

#[test]
fn handshakes_are_answered_and_store_nothing() {
    let (stage, operator) = serve_all();
    let challenge =
        r#"{"token":"x","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P","type":"url_verification"}"#;
    let answer = operator.send(&sign::slack(&stage.path("slack"), "key", sign::now(), challenge));
    assert_eq!((answer.status, answer.text().as_str()), (200, "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"));
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let forged = operator.send(&sign::slack(&stage.path("slack"), "Key", sign::now(), challenge));
    assert_eq!(forged.status, 401, "Slack signs its challenge");
    assert!(!forged.text().contains("3eZbrw"));
    stage.secret("ens", &[("secret", "c2l4dGVlbiBieXRlcyBvciBzbw==")]);
    stage.endpoint("ens", json!({"provider": "salesforce-marketing-cloud-ens", "secretRefs": [{"name": "ens"}]}));
    stage.ready("ens");
    let hello = Request::post(&stage.path("ens"), r#"{"callbackId":"a","verificationKey":"b"}"#)
        .header("Content-Type", "application/json");
    assert_eq!(operator.send(&hello).status, 200, "it comes unsigned");
    let not_hello =
        Request::post(&stage.path("ens"), r#"{"callbackId":"a"}"#).header("Content-Type", "application/json");
    assert_eq!(operator.send(&not_hello).status, 401);
    assert_eq!((stage.count(), operator.counted("handshake")), (0, 2.0));
}

#[test]
fn no_secret_signature_or_body_reaches_log_metrics_or_status() {
    let stage = Stage::of_files();
    let operator = stage.operator(&["--log", "trace"]);
    stage.secret("github", &[("secret", "the-key-nobody-may-see")]);
    stage.endpoint("github", json!({"provider": "github", "secretRefs": [{"name": "github"}]}));
    stage.secret("salesforce", &[("secret", "the-token-nobody-may-see")]);
    let parameters = json!({"organizationId": "00D000000000001EAA"});
    stage.endpoint(
        "salesforce",
        json!({"provider": "salesforce-outbound", "secretRefs": [{"name": "salesforce"}], "parameters": parameters}),
    );
    stage.ready("github");
    stage.ready("salesforce");
    let body = r#"{"private":"the-body-nobody-may-see"}"#;
    let right = sign::github(&stage.path("github"), "the-key-nobody-may-see", "push", "1", body);
    let wrong = sign::github(&stage.path("github"), "the-key-nobody-may-seE", "push", "1", body);
    let token = Request::post(
        &format!("{}/the-token-nobody-may-see?token=the-token-nobody-may-see", stage.path("salesforce")),
        body,
    );
    assert_eq!(operator.send(&right).status, 200);
    assert_eq!(operator.send(&wrong).status, 401);
    assert_eq!(operator.send(&token).status, 400);
    // Header by header, so that what is half sent is told too.
    let mut connection = Connection::open(operator.receiver).unwrap();
    connection
        .write(b"POST /the-token-nobody-may-see HTTP/1.1\r\nX-Hub-Signature-256: sha256=bad\r\n\x01\r\n\r\n")
        .unwrap();
    let _ = connection.read_answer();
    // It says why all the same.
    operator.told("no key matched");
    let endpoints = Request::get("/endpoints").send(operator.admin).unwrap().text();
    let signatures = [&right, &wrong].map(|request| request.headers.last().unwrap().1.replace("sha256=", ""));
    for (place, text) in [("log", operator.log()), ("metrics", operator.metrics()), ("endpoints", endpoints)] {
        for secret in ["nobody-may-see", &signatures[0], &signatures[1]] {
            // The path of the last request is its sender's own affair, and no endpoint's token.
            assert!(
                !text.contains(secret),
                "{secret} in the {place}: {}",
                text.lines().find(|line| line.contains(secret)).unwrap()
            );
        }
    }
}
