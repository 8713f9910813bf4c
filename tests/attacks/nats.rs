//! Attacks 25 to 28: what could reach NATS.

use std::time::Duration;

use async_nats::ConnectOptions;
use futures_util::StreamExt as _;
use serde_json::json;

use crate::field::{Field, key};
use crate::report::attack;
use crate::signatures::BODY;
use crate::support::eventually::eventually;
use crate::support::nats::{Nats, nats};
use crate::support::runtime::block_on;
use crate::support::sign::{self, now};
use crate::support::stage::Stage;

/// Event types that would be something else in a subject.
const EVENTS: &[&str] = &[
    "a b",
    "*",
    ">",
    "..",
    ".",
    ".a",
    "a.",
    "a..b",
    "$JS.API.STREAM.DELETE.X",
    "$SYS.REQ.SERVER.PING",
    "_INBOX.x",
    "é",
    "☃",
    "a\tb",
    "a\rb",
    "a\nb",
    "a\0b",
    "PUB x 0\r\n\r\n",
    "{event}",
    "{namespace}",
    "%2e",
    "a/b",
    "a:b",
    "a\u{202e}b",
    "",
];

#[test]
fn attack_25_event_types_that_are_subjects_of_their_own() {
    attack(25, "event types with *, >, $JS, NUL, dots, 10 KB", |tried| {
        let field = Field::github(tried, &[], json!({}));
        field.provider("stripe", "stripe", &key(), json!({}));
        let own = format!("{}.{}.", field.stage.prefix, field.stage.namespace);
        let stray = block_on(async {
            let client = async_nats::connect(nats().url()).await.unwrap();
            let all = client.subscribe(">").await.unwrap();
            client.flush().await.unwrap();
            (client, all)
        });
        let long = ["x".repeat(10_000), "a.".repeat(5_000), "*.".repeat(100)];
        let events = EVENTS.iter().copied().chain(long.iter().map(String::as_str));
        for (number, event) in events.enumerate() {
            let id = format!("e{number}");
            let body = json!({"id": id, "type": event, "created": now()}).to_string();
            field.accepts(event, &sign::stripe(&field.stage.path("stripe"), &key(), now(), body));
            let stored = field.stage.stored().pop().unwrap();
            let rest = stored.subject.strip_prefix(&own).and_then(|rest| rest.strip_prefix("stripe."));
            let tokens: Vec<_> = rest.unwrap_or_else(|| panic!("{}", stored.subject)).split('.').collect();
            assert!((1..=8).contains(&tokens.len()), "{}", stored.subject);
            let is_clean = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            assert!(
                tokens.iter().all(|token| (1..=64).contains(&token.len()) && token.chars().all(is_clean)),
                "{tokens:?}"
            );
            field.held();
        }
        // Nothing of it was seen outside the endpoint's own subjects.
        let (client, mut all) = stray;
        block_on(async {
            client.publish("end.of.the.attack", "".into()).await.unwrap();
            while let Some(message) = tokio::time::timeout(Duration::from_secs(10), all.next()).await.unwrap() {
                if message.subject.as_str() == "end.of.the.attack" {
                    break;
                }
                let subject = message.subject.as_str();
                // Other tests share the server, each under a prefix of its own.
                let is_known = ["events-", "_INBOX", "$JS.API", "$JS.ACK", "$JS.EVENT"]
                    .iter()
                    .any(|start| subject.starts_with(start));
                assert!(is_known || subject.contains("trace") || subject.contains("end.of"), "{subject}");
            }
        });
        field.unharmed();
    });
}

#[test]
fn attack_26_header_injection_and_headers_that_are_commands() {
    attack(26, "CR, LF and Nats-* in headers", |tried| {
        let more = json!({"target": {"forwardHeaders": ["X-Custom", "Rollup", "Msg-Id"]}});
        let field = Field::github(tried, &[], more);
        field.accepts("what a rollup would purge", &field.push("first", BODY));
        let names = [
            "Nats-Rollup",
            "nats-rollup",
            "NATS-ROLLUP",
            "Nats-Msg-Id",
            "Nats-Expected-Last-Sequence",
            "Nats-Expected-Stream",
            "Nats-Expected-Last-Msg-Id",
            "Nats-Expected-Last-Subject-Sequence",
            "Nats-TTL",
            "Nats-Marker-Reason",
            "Nats-Schedule",
            "Nats-Schedule-Target",
            "Nats-Batch-Id",
            "Nats-Batch-Sequence",
            "Nats-Incr",
            "Nats-Trace-Dest",
            "Status",
            "Description",
            "Rollup",
            "Msg-Id",
            "ce-id",
            "ce-type",
            "ce-source",
            "CE-Subject",
            "Content-Type",
            "http-method",
            "http-truncated",
        ];
        let values =
            ["all", "sub", "1", "x", "evil.subject", "a%0d%0aNats-Rollup: all", "\u{e9}", "\t", "a: b", "999999"];
        let mut number = 0;
        for name in names {
            let mut request = field.push(&format!("n{number}"), BODY);
            for value in &values[number % 3..] {
                request = request.header(name, value);
            }
            request = request.header("X-Custom", values[number % values.len()]);
            number += 1;
            field.accepts(name, &request);
            let stored = field.stage.stored().pop().unwrap();
            for (header, all) in &stored.headers {
                let is_ours = header.starts_with("ce-") || header.starts_with("http-");
                assert!(
                    is_ours || ["Nats-Msg-Id", "Nats-Expected-Stream"].contains(&header.as_str()),
                    "{header} by {name}"
                );
                assert!(all.iter().all(|value| !value.contains(['\r', '\n'])), "{header}: {all:?}");
            }
            assert_eq!(stored.header("Nats-Expected-Stream"), field.stage.stream);
            assert!(stored.header("ce-source").ends_with("/hook"));
            assert!(stored.header("ce-type").starts_with("com.github."));
            field.held();
        }
        // Whatever a parser makes of a bare CR or LF, no header of the message comes of it.
        for sneak in ["push\rNats-Rollup: all", "push\nNats-Rollup: all", "push\r\n Nats-Rollup: all", "push\0x"] {
            let request = sign::github(&field.path(), &key(), sneak, &format!("s{number}"), BODY);
            number += 1;
            let mut connection = crate::support::http::Connection::open(field.operator.receiver).unwrap();
            connection.write(&request.bytes()).unwrap();
            if connection.read_answer().is_ok_and(|answer| answer.status == 200) {
                field.also_stored(1);
                let stored = field.stage.stored().pop().unwrap();
                assert!(!stored.has("Nats-Rollup"), "{:?}", stored.headers);
            } else {
                field.held();
            }
        }
        assert_eq!(field.stage.stored()[0].header("ce-id"), "first", "nothing was purged");
        field.unharmed();
    });
}

#[test]
fn attack_27_trace_headers_that_make_the_server_talk() {
    attack(27, "Nats-Trace-Dest and traceparent of the sender's", |tried| {
        let field = Field::github(tried, &[], json!({"target": {"forwardHeaders": ["traceparent", "tracestate"]}}));
        let dest = format!("trace-of.{}", field.stage.namespace);
        let (client, mut traces) = block_on(async {
            let client = async_nats::connect(nats().url()).await.unwrap();
            let traces = client.subscribe(dest.clone()).await.unwrap();
            client.flush().await.unwrap();
            (client, traces)
        });
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for (number, name) in ["Nats-Trace-Dest", "nats-trace-dest", "NATS-TRACE-DEST"].into_iter().enumerate() {
            let request = field.push(&number.to_string(), BODY);
            let request = request.header(name, &dest).header("Nats-Trace-Only", "true").header("traceparent", parent);
            field.accepts(name, &request);
            let stored = field.stage.stored().pop().unwrap();
            let names: Vec<_> = stored.headers.keys().map(|name| name.to_ascii_lowercase()).collect();
            assert!(
                !names.contains(&"traceparent".to_owned()) && !names.iter().any(|name| name.starts_with("nats-trace")),
                "{names:?}"
            );
            field.held();
        }
        block_on(async {
            client.publish(dest, "end".into()).await.unwrap();
            let first = tokio::time::timeout(Duration::from_secs(10), traces.next()).await.unwrap().unwrap();
            assert_eq!(first.payload, "end", "the server told of a message");
        });
        field.unharmed();
    });
}

#[test]
fn attack_28_an_operator_whose_nats_account_is_stolen() {
    attack(28, "what the documented NATS rights allow a thief", |tried| {
        let rights = include_str!("../../examples/nats-permissions.conf");
        let rights = rights.replace("$JETHOOK_PASSWORD", "\"pw\"");
        let server = Nats::start(&rights.replacen("users: [\n", "users: [\n    { user: admin, password: pw }\n", 1));
        let stage = Stage::of_files_with(&server.url());
        let user = ["--nats-user", "jethook", "--nats-password", "pw", "--stream", "WEBHOOKS", "--prefix", "webhooks"];
        let operator = stage.operator(&user);
        stage.github("hook", json!({}));
        stage.ready("hook");
        assert_eq!(operator.send(&stage.push("hook", "1")).status, 200);
        tried.accepted();
        let client =
            || ConnectOptions::with_user_and_password("jethook".to_owned(), "pw".to_owned()).connect(server.url());
        let client = block_on(client()).unwrap();
        for subject in [
            "$JS.API.STREAM.DELETE.WEBHOOKS",
            "$JS.API.STREAM.PURGE.WEBHOOKS",
            "$JS.API.STREAM.MSG.DELETE.WEBHOOKS",
            "$JS.API.STREAM.MSG.GET.WEBHOOKS",
            "$JS.API.DIRECT.GET.WEBHOOKS",
            "$JS.API.CONSUMER.CREATE.WEBHOOKS",
            "$JS.API.STREAM.SNAPSHOT.WEBHOOKS",
            "$JS.API.STREAM.CREATE.OTHER",
            "$JS.API.META.LEADER.STEPDOWN",
            "$SYS.REQ.SERVER.PING",
            "another.subject",
        ] {
            let answer = block_on(async {
                tokio::time::timeout(Duration::from_millis(300), client.request(subject, "{}".into())).await
            });
            assert!(!matches!(answer, Ok(Ok(_))), "{subject} was answered: {answer:?}");
            let refused = || {
                let log = server.log();
                let is_told = log.contains("Publish Violation") && log.contains(subject);
                if is_told { Ok(()) } else { Err(log) }
            };
            eventually(Duration::from_secs(5), subject, refused);
            tried.refused();
        }
        let mut all = block_on(client.subscribe("webhooks.>")).unwrap();
        assert_eq!(operator.send(&stage.push("hook", "2")).json()["status"], "stored", "it still stores");
        let seen = block_on(async { tokio::time::timeout(Duration::from_millis(300), all.next()).await });
        assert!(!matches!(seen, Ok(Some(_))), "a thief reads events");
        let again = operator.send(&stage.push("hook", "1"));
        assert_eq!(again.json()["status"], "duplicate", "the stream is as it was");
        tried.accepted();
    });
}
