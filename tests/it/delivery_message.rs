//! The message that a consumer gets: payload, subject and headers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::http::Request;
use crate::support::nats::{Stored, nats};
use crate::support::operator::Operator;
use crate::support::sign;
use crate::support::stage::{KEY, PUSH, Stage};

const OPEN_KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A delivery of an entry that takes bodies of any kind, as long as they do not call themselves JSON.
fn open_delivery(stage: &Stage, id: &str, body: &[u8]) -> Request {
    let mut request = sign::standard(&stage.path("any"), OPEN_KEY, id, sign::now(), body);
    request.headers.retain(|(name, _)| name != "Content-Type");
    request
}

fn serve(more: Value, flags: &[&str]) -> (Stage, Operator) {
    let stage = Stage::of_files();
    let operator = stage.operator(flags);
    stage.github("github", more);
    stage.ready("github");
    (stage, operator)
}

#[test]
fn the_payload_is_the_body_byte_for_byte() {
    let stage = Stage::of_files();
    let operator = stage.operator(&[]);
    stage.secret("any", &[("secret", OPEN_KEY)]);
    stage.endpoint("any", json!({"provider": "standard-webhooks", "secretRefs": [{"name": "any"}]}));
    stage.ready("any");
    let every_byte: Vec<u8> = (0..=255).collect();
    let bodies: [&[u8]; 9] = [
        b"",
        b"\0",
        b"a\0b\r\nc\n\n",
        b"\xff\xfe\xfd not UTF-8 \xc3\x28",
        b"\xef\xbb\xbf{\"a\":1}",
        b"{\"a\": 1 , \"a\":\t2}\r\n",
        "{\"ä\":\"\u{1f980} \\u00e4\"}".as_bytes(),
        b"  leading and trailing  \n",
        &every_byte,
    ];
    for (number, body) in bodies.iter().enumerate() {
        let answer = operator.send(&open_delivery(&stage, &format!("msg_{number}"), body));
        assert_eq!(answer.status, 200, "{number}: {}", answer.text());
    }
    let stored = stage.stored();
    assert_eq!(stored.len(), bodies.len());
    for (stored, body) in stored.iter().zip(bodies) {
        assert_eq!(stored.payload, body);
    }
}

#[test]
fn a_body_sent_in_chunks_is_stored_whole() {
    let (stage, operator) = serve(json!({}), &[]);
    let body = format!("[\"{}\"]", "x".repeat(300_000)).into_bytes();
    let mut request = stage.push("github", "1");
    request.headers.retain(|(name, _)| name != "X-Hub-Signature-256");
    request = request
        .header("X-Hub-Signature-256", &sign::github_signature(KEY, &body))
        .header("Transfer-Encoding", "chunked");
    request.body = body
        .chunks(70_001)
        .flat_map(|chunk| [format!("{:x}\r\n", chunk.len()).into_bytes(), chunk.to_vec(), b"\r\n".to_vec()].concat())
        .collect();
    request.body.extend_from_slice(b"0\r\n\r\n");
    let answer = operator.send(&request);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(stage.one_stored().payload, body);
}

/// All headers but those whose value differs from run to run, which are checked for their form.
#[track_caller]
fn steady(stored: &Stored) -> BTreeMap<String, String> {
    let mut headers: BTreeMap<_, _> =
        stored.headers.iter().map(|(name, values)| (name.clone(), values.join(" | "))).collect();
    for name in ["ce-time", "ce-receivedtime"] {
        let time: jiff::Timestamp = headers.remove(name).unwrap().parse().unwrap();
        assert!((time.as_second() - sign::now()).abs() < 30, "{name}: {time}");
    }
    let id = headers.remove("Nats-Msg-Id").unwrap();
    let uid = id.split('.').next().unwrap();
    assert_eq!(uuid::Uuid::parse_str(uid).unwrap().to_string(), uid, "{id}");
    headers
}

#[test]
fn the_headers_are_cloudevents_and_what_is_kept_of_the_request() {
    let (stage, operator) = serve(json!({"target": {"forwardHeaders": ["X-Request-Id", "X-GitHub-Hook-ID"]}}), &[]);
    let push = stage
        .push("github", "72d3162e")
        .header("X-Request-ID", "r-1")
        .header("X-GitHub-Hook-Id", "42")
        .header("X-Not-Asked-For", "no")
        .header("Cookie", "session=1")
        .header("Authorization", "Bearer abc")
        .header("Accept", "*/*");
    assert_eq!(operator.send(&push).json(), json!({"status": "stored", "id": "72d3162e"}));
    let stored = stage.one_stored();
    let signature = sign::github_signature(KEY, PUSH.as_bytes());
    let expected = [
        ("Nats-Expected-Stream", stage.stream.as_str()),
        ("ce-authenticates", "body"),
        ("ce-datacontenttype", "application/json"),
        ("ce-id", "72d3162e"),
        ("ce-provider", "github"),
        ("ce-source", &format!("/namespaces/{}/webhookendpoints/github", stage.namespace)),
        ("ce-specversion", "1.0"),
        ("ce-type", "com.github.push"),
        ("http-content-type", "application/json"),
        ("http-method", "POST"),
        ("http-user-agent", "GitHub-Hookshot/044aadd"),
        ("http-x-github-delivery", "72d3162e"),
        ("http-x-github-event", "push"),
        ("http-x-github-hook-id", "42"),
        ("http-x-hub-signature-256", &signature),
        ("http-x-request-id", "r-1"),
    ];
    let expected: BTreeMap<_, _> = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(steady(&stored), expected);
    assert_eq!(stored.subject, format!("{}.{}.github.push", stage.prefix, stage.namespace));
}

#[test]
fn the_event_can_be_verified_again_from_what_is_stored() {
    let stage = Stage::of_files();
    let operator = stage.operator(&[]);
    stage.secret("stripe", &[("secret", "whsec_x")]);
    stage.endpoint("stripe", json!({"provider": "stripe", "secretRefs": [{"name": "stripe"}]}));
    stage.ready("stripe");
    let at = sign::now() - 7;
    let body = format!(r#"{{"id":"evt_1","object":"event","type":"invoice.payment_failed","created":{}}}"#, at - 3);
    let answer = operator.send(&sign::stripe(&stage.path("stripe"), "whsec_x", at, body));
    assert_eq!(answer.json(), json!({"status": "stored", "id": "evt_1"}));
    let stored = stage.one_stored();
    assert_eq!(stored.header("http-stripe-signature"), sign::stripe_signature("whsec_x", at, &stored.payload));
    assert_eq!(stored.subject, format!("{}.{}.stripe.invoice.payment_failed", stage.prefix, stage.namespace));
    let time: jiff::Timestamp = stored.header("ce-time").parse().unwrap();
    assert_eq!(time.as_second(), at - 3, "the provider's own, since it is signed");
    assert_eq!(stored.header("ce-type"), "com.stripe.invoice.payment_failed");
}

#[test]
fn an_event_type_becomes_clean_subject_tokens() {
    let (stage, operator) = serve(json!({}), &[]);
    let long = "x".repeat(100);
    let cases = [
        ("push it now", "push_it_now"),
        ("*", "_"),
        (">", "_"),
        ("a.*.b", "a._.b"),
        ("a.>", "a._"),
        ("$SYS.REQ", "_SYS.REQ"),
        ("..", "_._._"),
        ("a..b.", "a._.b._"),
        ("push\u{e9}", "push_"),
        ("a/b:c", "a_b_c"),
        ("1.2.3.4.5.6.7.8.9.10", "1.2.3.4.5.6.7.8"),
        (&long, &long[..64]),
        ("ok-_9", "ok-_9"),
    ];
    for (number, (event, _)) in cases.iter().enumerate() {
        let answer = operator.send(&sign::github(&stage.path("github"), KEY, event, &number.to_string(), PUSH));
        assert_eq!(answer.status, 200, "{event}: {}", answer.text());
    }
    let prefix = format!("{}.{}.github.", stage.prefix, stage.namespace);
    let stored = stage.stored();
    assert_eq!(stored.len(), cases.len());
    for (stored, (event, token)) in stored.iter().zip(cases) {
        let event_part = stored.subject.strip_prefix(&prefix).unwrap();
        // Eight tokens at most; which of a longer type's are kept is not promised.
        let is_same = event_part == token || (event.split('.').count() > 8 && event_part.split('.').count() == 8);
        assert!(is_same, "{event}: {event_part}, not {token}");
    }
    let spaced = &stored[0];
    assert_eq!(spaced.header("ce-type"), "com.github.push%20it%20now", "percent-encoded as the binding says");
}

#[test]
fn an_action_in_the_body_is_part_of_the_event_type() {
    let (stage, operator) = serve(json!({}), &[]);
    let body = r#"{"action":"opened","number":1}"#;
    assert_eq!(operator.send(&sign::github(&stage.path("github"), KEY, "pull_request", "1", body)).status, 200);
    let stored = stage.one_stored();
    assert!(stored.subject.ends_with(".github.pull_request.opened"), "{}", stored.subject);
    assert_eq!(stored.header("ce-type"), "com.github.pull_request.opened");
}

#[test]
fn an_event_without_a_type_has_the_token_event() {
    let stage = Stage::of_files();
    let operator = stage.operator(&[]);
    stage.secret("any", &[("secret", OPEN_KEY)]);
    stage.endpoint("any", json!({"provider": "standard-webhooks", "secretRefs": [{"name": "any"}]}));
    stage.ready("any");
    assert_eq!(operator.send(&open_delivery(&stage, "1", b"no type")).status, 200);
    assert!(stage.one_stored().subject.ends_with(".any.event"));
}

#[test]
fn no_header_that_a_sender_chose_is_a_command_to_the_stream() {
    let forward = json!(["Traceparent", "X-Nats-Rollup"]);
    let (stage, operator) = serve(json!({"target": {"forwardHeaders": forward}}), &[]);
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let push = stage
        .push("github", "2")
        .header("Nats-Rollup", "all")
        .header("Nats-Msg-Id", "mine")
        .header("Nats-TTL", "1s")
        .header("Nats-Expected-Stream", "OTHER")
        .header("Nats-Trace-Dest", "spy.here")
        .header("Nats-Trace-Only", "true")
        .header("X-Nats-Rollup", "all")
        .header("traceparent", trace)
        .header("ce-id", "forged")
        .header("http-method", "forged");
    assert_eq!(operator.send(&push).status, 200);
    let stored = stage.stored();
    assert_eq!(stored.len(), 2, "nothing was rolled up");
    let headers = &stored[1].headers;
    let commands: Vec<_> = headers.keys().filter(|name| name.to_lowercase().starts_with("nats-")).collect();
    assert_eq!(commands, ["Nats-Expected-Stream", "Nats-Msg-Id"]);
    assert_eq!(stored[1].header("Nats-Expected-Stream"), stage.stream);
    assert_eq!((stored[1].header("ce-id"), stored[1].header("http-method")), ("2", "POST"));
    assert_eq!(stored[1].header("ce-traceparent"), trace);
    assert!(!stored[1].has("traceparent"), "{headers:?}");
    assert_eq!(stored[1].header("http-x-nats-rollup"), "all");
    for value in ["", "00-xyz", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"] {
        let push = stage.push("github", &format!("t{value}")).header("traceparent", value);
        assert_eq!(operator.send(&push).status, 200);
    }
    assert!(stage.stored()[2..].iter().all(|stored| !stored.has("ce-traceparent")));
}

#[test]
fn kept_headers_are_bounded_and_say_so() {
    let (stage, operator) = serve(json!({"target": {"forwardHeaders": ["X-Large", "X-Small"]}}), &[]);
    let push = stage.push("github", "1").header("X-Large", &"a".repeat(17_000)).header("X-Small", "here");
    assert_eq!(operator.send(&push).status, 200);
    let stored = stage.one_stored();
    assert_eq!(stored.header("http-truncated"), "true");
    assert!(!stored.has("http-x-large"), "left out whole");
    assert_eq!(stored.header("http-x-small"), "here");
    let control = stage.push("github", "2").header("X-Large", &"a".repeat(1000));
    assert_eq!(operator.send(&control).status, 200);
    assert!(!stage.stored()[1].has("http-truncated"));
}

#[test]
fn the_query_is_kept_without_its_tokens() {
    let stage = Stage::of_files();
    let operator = stage.operator(&["--allow-unverified"]);
    stage.endpoint("open", json!({"provider": "custom", "verification": {"none": {}}}));
    stage.secret("guarded", &[("secret", "hush-hush-token")]);
    let token = json!({"token": {"key": "signing", "from": ["query:token"]}});
    stage
        .endpoint("guarded", json!({"provider": "custom", "verification": token, "secretRefs": [{"name": "guarded"}]}));
    stage.ready("open");
    stage.ready("guarded");
    let open = Request::post(&format!("{}?a=1&b=%20x", stage.path("open")), "x");
    assert_eq!(operator.send(&open).status, 200);
    let guarded = |token: &str| Request::post(&format!("{}?a=1&token={token}&b=2", stage.path("guarded")), "x");
    assert_eq!(operator.send(&guarded("hush-hush-tokeN")).status, 401);
    assert_eq!(operator.send(&guarded("hush-hush-token")).status, 200);
    let stored = stage.stored();
    assert_eq!(stored[0].header("http-query"), "a=1&b=%20x");
    assert_eq!(stored[1].header("http-query"), "a=1&b=2");
    assert!(!format!("{:?}", stored[1]).contains("hush"), "{:?}", stored[1]);
}

#[test]
fn the_subject_template_may_use_all_its_placeholders() {
    let flags = |stage: &Stage| format!("{}.>", stage.prefix);
    let stage = Stage::of_files();
    let operator = stage.operator(&["--cluster-name", "eu-1", "--allow-subject", &flags(&stage)]);
    stage.github(
        "github",
        json!({"target": {"subject": "{prefix}.{cluster}.{provider}.v1-{name}.{namespace}.{event}.end"}}),
    );
    stage.ready("github");
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
    let subject = format!("{}.eu-1.github.v1-github.{}.push.end", stage.prefix, stage.namespace);
    assert_eq!(stage.one_stored().subject, subject);
}

#[test]
fn a_cluster_name_is_part_of_source_and_ids_and_ids_outlive_the_object() {
    let stage = Stage::new();
    let operator = stage.operator(&["--cluster-name", "eu-1"]);
    stage.github("github", json!({}));
    stage.ready("github");
    assert_eq!(operator.send(&stage.push("github", "1")).json()["status"], "stored");
    let stored = stage.one_stored();
    let source = format!("/clusters/eu-1/namespaces/{}/webhookendpoints/github", stage.namespace);
    assert_eq!(stored.header("ce-source"), source);
    assert!(stored.header("Nats-Msg-Id").starts_with(&format!("eu-1.{}.github.1", stage.namespace)));
    stage.delete("WebhookEndpoint", "github");
    operator.send_until(404, "it is gone", &stage.push("github", "1"));
    stage.github("github", json!({}));
    let (answer, _) = operator.send_until(200, "it is back", &stage.push("github", "1"));
    assert_eq!(answer.json()["status"], "duplicate");
    assert_eq!(stage.count(), 1);
}

#[test]
fn without_a_cluster_name_an_endpoint_made_again_is_another_one() {
    let stage = Stage::new();
    let operator = stage.operator(&[]);
    stage.github("github", json!({}));
    stage.ready("github");
    let uid = stage.get("github").unwrap()["metadata"]["uid"].as_str().unwrap().to_owned();
    assert_eq!(operator.send(&stage.push("github", "1")).json()["status"], "stored");
    assert!(stage.one_stored().header("Nats-Msg-Id").starts_with(&format!("{uid}.1")));
    stage.delete("WebhookEndpoint", "github");
    operator.send_until(404, "it is gone", &stage.push("github", "1"));
    stage.github("github", json!({}));
    let (answer, _) = operator.send_until(200, "it is back", &stage.push("github", "1"));
    assert_eq!(answer.json()["status"], "stored");
    assert_eq!(nats().stored(&stage.stream).len(), 2);
}
