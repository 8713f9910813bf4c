//! Traces: the sender's context through a delivery into the message, and spans at a collector.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::json;

use crate::support::collector::{Collector, Seen};
use crate::support::eventually::{SOON, eventually};
use crate::support::http::Request;
use crate::support::operator::{Operator, free_address};
use crate::support::sign;
use crate::support::stage::{KEY, PUSH, Stage};
use crate::support::tls::Authority;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
/// Far more than an exporter's own tries take.
const LATER: Duration = Duration::from_secs(30);

fn serve_with(flags: &[&str], adjust: impl FnOnce(&mut Command)) -> (Stage, Operator) {
    let stage = Stage::of_files();
    let operator = stage.start_with(flags, adjust).ready();
    stage.github("github", json!({}));
    stage.ready("github");
    (stage, operator)
}

fn serve(flags: &[&str]) -> (Stage, Operator) {
    serve_with(flags, |_| {})
}

/// With spans that are posted soon.
fn serve_hasty(flags: &[&str]) -> (Stage, Operator) {
    serve_with(flags, |command| {
        command.env("OTEL_BSP_SCHEDULE_DELAY", "50");
    })
}

/// What the message carries: trace, span, flags.
fn carried(stage: &Stage) -> Vec<(String, String, String)> {
    let stored = stage.stored();
    let parts = stored.iter().map(|stored| {
        let parts: Vec<_> = stored.header("ce-traceparent").split('-').map(str::to_owned).collect();
        assert_eq!((parts.len(), parts[0].as_str()), (4, "00"), "{parts:?}");
        (parts[1].clone(), parts[2].clone(), parts[3].clone())
    });
    parts.collect()
}

#[track_caller]
fn only(spans: &[Seen], kind: SpanKind) -> &Seen {
    let found: Vec<_> = spans.iter().filter(|span| span.kind == kind).collect();
    assert_eq!(found.len(), 1, "{spans:#?}");
    found[0]
}

fn is_warned(operator: &Operator, of: &str) -> Result<(), String> {
    let log = operator.log();
    if log.lines().any(|line| line.contains("does not take traces") && line.contains(of)) { Ok(()) } else { Err(log) }
}

#[test]
fn a_delivery_continues_the_senders_trace_and_hands_it_on() {
    let collector = Collector::start();
    let (stage, mut operator) = serve(&["--otlp-endpoint", &collector.url()]);
    let push = stage.push("github", "a-delivery").header("traceparent", SAMPLED).header("tracestate", "vendor=1,b=2");
    assert_eq!(operator.send(&push).status, 200);
    assert_eq!(operator.stop(), Some(0), "what is left is sent at the end");

    let spans = collector.spans();
    assert_eq!(spans.len(), 3, "{spans:#?}");
    let (request, verify, publish) =
        (only(&spans, SpanKind::Server), only(&spans, SpanKind::Internal), only(&spans, SpanKind::Producer));
    assert!(spans.iter().all(|span| span.trace == TRACE && span.state == "vendor=1,b=2" && span.error.is_none()));
    assert_eq!(request.parent, "b7ad6b7169203331");
    assert_eq!((&verify.parent, &publish.parent), (&request.id, &request.id));
    assert!(request.began <= verify.began && verify.began < verify.ended && verify.ended <= publish.began);
    assert!(publish.began < publish.ended && publish.ended <= request.ended);

    let path = stage.path("github");
    assert_eq!(request.name, format!("POST {path}"));
    let size = PUSH.len().to_string();
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", &path),
        ("url.path", &path),
        ("url.scheme", "http"),
        ("http.response.status_code", "200"),
        ("http.request.body.size", &size),
        ("jethook.endpoint.namespace", &stage.namespace),
        ("jethook.endpoint.name", "github"),
        ("jethook.provider", "github"),
        ("jethook.outcome", "stored"),
    ] {
        assert_eq!(request.attributes.get(name).map(String::as_str), Some(value), "{name}: {request:#?}");
    }
    assert_eq!(request.attributes.len(), 10, "{request:#?}");
    assert_eq!((verify.name.as_str(), verify.attributes.len()), ("verify", 0));
    assert_eq!(publish.name, format!("publish {}", stage.stream));
    assert_eq!(publish.attributes["messaging.system"], "nats");
    assert_eq!(publish.attributes["messaging.destination.name"], stage.stream);
    assert_eq!(request.resource["service.name"], "jethook");
    assert_eq!(request.resource["service.version"], env!("CARGO_PKG_VERSION"));
    assert!(request.resource.contains_key("service.instance.id"));

    assert_eq!(carried(&stage), [(TRACE.to_owned(), publish.id.clone(), "01".to_owned())]);
    let stored = stage.one_stored();
    assert_eq!(stored.header("ce-tracestate"), "vendor=1,b=2");
    assert!(!stored.has("traceparent") && !stored.has("tracestate"), "a bare one is a command to nats-server");
}

#[test]
fn without_a_collector_the_message_has_the_senders_span() {
    let (stage, operator) = serve(&[]);
    let push = stage.push("github", "1").header("traceparent", SAMPLED).header("tracestate", "vendor=1");
    assert_eq!(operator.send(&push).status, 200);
    assert_eq!(operator.send(&stage.push("github", "2")).status, 200);
    let stored = stage.stored();
    assert_eq!(stored[0].header("ce-traceparent"), SAMPLED);
    assert!(!stored[0].has("ce-tracestate") && !stored[1].has("ce-traceparent"), "{stored:?}");
}

#[test]
fn an_unsampled_sender_exports_nothing_and_the_message_says_so() {
    let collector = Collector::start();
    let (stage, mut operator) = serve(&["--otlp-endpoint", &collector.url()]);
    assert_eq!(operator.send(&stage.push("github", "1").header("traceparent", UNSAMPLED)).status, 200);
    assert_eq!(operator.send(&stage.push("github", "2")).status, 200, "a root of its own, which is sampled");
    assert_eq!(operator.stop(), Some(0));
    let carried = carried(&stage);
    assert_eq!((carried[0].0.as_str(), carried[0].2.as_str()), (TRACE, "00"));
    assert_eq!(carried[1].2, "01");
    let spans = collector.spans();
    assert_eq!(spans.len(), 3, "{spans:#?}");
    assert!(spans.iter().all(|span| span.trace == carried[1].0 && span.trace != TRACE));
    assert_eq!(only(&spans, SpanKind::Server).parent, "");
}

/// Which of three deliveries were traced: with a sampled parent, with an unsampled one, with none.
fn traced(flags: &[&str]) -> [bool; 3] {
    let collector = Collector::start();
    let url = collector.url();
    let (stage, mut operator) = serve(&[&["--otlp-endpoint", url.as_str()], flags].concat());
    let unsampled = UNSAMPLED.replace(TRACE, "1af7651916cd43dd8448eb211c80319c");
    for (id, parent) in [("1", Some(SAMPLED)), ("2", Some(unsampled.as_str())), ("3", None)] {
        let push = stage.push("github", id);
        let push = parent.map_or(push.clone(), |parent| push.header("traceparent", parent));
        assert_eq!(operator.send(&push).status, 200);
    }
    assert_eq!(operator.stop(), Some(0));
    let seen: BTreeSet<_> = collector.spans().into_iter().map(|span| span.trace).collect();
    let carried = carried(&stage);
    let is_traced = |number: usize| {
        let (trace, _, flags) = &carried[number];
        assert_eq!(seen.contains(trace), flags == "01", "{flags}: the message says whether it was traced");
        seen.contains(trace)
    };
    [is_traced(0), is_traced(1), is_traced(2)]
}

#[test]
fn the_sampler_decides_what_is_traced() {
    for (flags, expected) in [
        (&["--traces-sampler", "always_on"][..], [true, true, true]),
        (&["--traces-sampler", "always_off"], [false, false, false]),
        (&["--traces-sampler", "parentbased_always_off"], [true, false, false]),
        (&["--traces-sampler", "parentbased_traceidratio", "--traces-sampler-arg", "0"], [true, false, false]),
        (&["--traces-sampler", "parentbased_traceidratio"], [true, false, true]),
        (&["--traces-sampler", "traceidratio", "--traces-sampler-arg", "0"], [false, false, false]),
    ] {
        assert_eq!(traced(flags), expected, "{flags:?}");
    }
}

#[test]
fn refusals_are_traced_where_an_endpoint_claims_them_and_nothing_secret_is() {
    let collector = Collector::start();
    let (stage, mut operator) = serve(&["--otlp-endpoint", &collector.url()]);
    stage.secret("token", &[("secret", "sesame-in-the-path")]);
    let verification = json!({"token": {"from": ["pathToken"]}});
    let spec = json!({"provider": "custom", "verification": verification, "secretRefs": [{"name": "token"}]});
    stage.endpoint("token", spec);
    stage.github("asleep", json!({"suspend": true}));
    stage.ready("token");
    stage.expect("asleep", "Ready", "True", "Suspended");
    let with = |request: Request| request.header("traceparent", SAMPLED);
    let forged = sign::github(&stage.path("github"), "wrong", "push", "1", PUSH);
    assert_eq!(operator.send(&with(forged)).status, 401);
    assert_eq!(operator.send(&with(stage.push("asleep", "2"))).status, 503);
    let by_token = |token: &str| with(Request::post(&format!("{}/{token}", stage.path("token")), "body-of-a-sender"));
    assert_eq!(operator.send(&by_token("sesame-in-the-path")).status, 200);
    assert_eq!(operator.send(&by_token("sesame-in-the-pathX")).status, 401);
    assert_eq!(operator.send(&with(Request::post("/nobody/at-all", "{}"))).status, 404);
    let odd = Request { method: "PROPFIND".to_owned(), ..with(stage.push("github", "3")) };
    assert_eq!(operator.send(&odd).status, 405);
    assert_eq!(operator.send(&with(stage.push("github", "id-of-a-delivery"))).status, 200);
    assert_eq!(operator.stop(), Some(0));

    let spans = collector.spans();
    let mut ends: Vec<_> = spans
        .iter()
        .filter(|span| span.kind == SpanKind::Server)
        .map(|span| {
            let get = |name: &str| span.attributes.get(name).cloned().unwrap_or_default();
            (get("http.response.status_code"), get("jethook.outcome"), get("error.type"), span.error.is_some())
        })
        .collect();
    ends.sort();
    let end = |status: &str, outcome: &str, error: &str| {
        (status.to_owned(), outcome.to_owned(), error.to_owned(), !error.is_empty())
    };
    let expected = [
        end("200", "stored", ""),
        end("200", "stored", ""),
        end("401", "unauthorized", ""),
        end("401", "unauthorized", ""),
        end("405", "malformed", ""),
        end("503", "suspended", "suspended"),
    ];
    assert_eq!(ends, expected, "the unclaimed path has no span");
    let failed: Vec<_> = spans.iter().filter(|span| span.kind == SpanKind::Internal).map(|span| &span.error).collect();
    assert_eq!(failed.iter().filter(|error| error.is_some()).count(), 2, "{failed:?}");
    assert!(spans.iter().any(|span| span.name == format!("HTTP {}", stage.path("github"))), "{spans:#?}");
    let shown = format!("{spans:?}");
    for secret in [KEY, "sesame", "body-of-a-sender", "refs/heads", "sha256=", "id-of-a-delivery", "PROPFIND", "nobody"]
    {
        assert!(!shown.contains(secret), "{secret}: {spans:#?}");
    }
}

#[test]
fn a_collector_that_is_away_costs_no_delivery_and_is_told_once() {
    let nobody = format!("http://{}", free_address());
    let (stage, mut operator) = serve_hasty(&["--otlp-endpoint", &nobody]);
    let mut sent = 0;
    eventually(LATER, "it is told", || {
        sent += 1;
        assert_eq!(operator.send(&stage.push("github", &sent.to_string())).status, 200);
        is_warned(&operator, "onnection refused")
    });
    assert_eq!(operator.send(&stage.push("github", "last")).status, 200);
    assert_eq!(operator.stop(), Some(0));
    assert_eq!(operator.log().matches("does not take traces").count(), 1, "{}", operator.log());
    assert_eq!(stage.count(), sent + 1);
}

#[test]
fn a_collector_that_refuses_is_told_and_told_again_when_it_takes_traces() {
    let collector = Collector::start();
    collector.answer(401);
    let (stage, operator) = serve_hasty(&["--otlp-endpoint", &collector.url()]);
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
    eventually(LATER, "it is told", || is_warned(&operator, "401"));
    collector.answer(200);
    assert_eq!(operator.send(&stage.push("github", "2")).status, 200);
    eventually(LATER, "it takes them again", || {
        let log = operator.log();
        if log.contains("takes traces again") { Ok(()) } else { Err(log) }
    });
    assert_eq!(collector.spans().len(), 3, "what was refused is gone");
}

#[test]
fn a_collector_that_hangs_costs_no_delivery_and_no_memory() {
    let hangs = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", hangs.local_addr().unwrap());
    let (stage, mut operator) = serve_with(&["--otlp-endpoint", &url], |command| {
        command.envs([("OTEL_BSP_SCHEDULE_DELAY", "50"), ("OTEL_BSP_MAX_QUEUE_SIZE", "8")]);
    });
    for id in 0..40 {
        assert_eq!(operator.send(&stage.push("github", &id.to_string())).status, 200);
    }
    assert_eq!(stage.count(), 40);
    // Shorter than a post may take: the end waits for it, but not for long.
    assert_eq!(operator.stop(), Some(0));
    assert!(operator.log().contains("could not be sent to the collector in time"), "{}", operator.log());
}

#[test]
fn a_collector_at_https_is_trusted_by_its_ca() {
    let authority = Authority::new(&std::env::temp_dir());
    let collector = Collector::start_tls(&authority.sign("collector"));
    let url = collector.url();
    let (stage, mut operator) = serve_hasty(&["--otlp-endpoint", &url, "--otlp-ca-file", &authority.path()]);
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
    assert_eq!(operator.stop(), Some(0));
    assert_eq!(collector.spans().len(), 3);

    let other = Authority::new(&std::env::temp_dir());
    let (stage, operator) = serve_hasty(&["--otlp-endpoint", &url, "--otlp-ca-file", &other.path()]);
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
    eventually(LATER, "the certificate is refused", || is_warned(&operator, "certificate"));
    assert_eq!(collector.spans().len(), 3);

    let mut operator = stage.start(&["--otlp-endpoint", &url, "--otlp-ca-file", "/nowhere"]);
    assert_eq!(operator.ended(SOON).code(), Some(2));
    assert!(operator.log().contains("--otlp-ca-file /nowhere"), "{}", operator.log());
}

#[test]
fn a_whole_url_is_taken_as_it_is() {
    let collector = Collector::start();
    let whole = format!("{}/tenants/1", collector.url());
    let base = format!("http://{}", free_address());
    let (stage, mut operator) = serve(&["--otlp-endpoint", &base, "--otlp-traces-endpoint", &whole]);
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
    assert_eq!(operator.stop(), Some(0));
    let posts = collector.posts();
    assert_eq!(posts.len(), 1);
    assert!(posts[0].head.starts_with("post /tenants/1 "), "{}", posts[0].head);
}

#[test]
fn the_standard_variables_are_read_and_credentials_are_not_told() {
    let collector = Collector::start();
    let url = collector.url();
    let credential = "a-key-of-the-collector";
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a-key-of-the-collector"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_SERVICE_NAME", "hooks"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test"),
    ];
    let (stage, mut operator) = serve_with(&["--log", "trace"], |command| {
        command.envs(variables);
    });
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
    assert_eq!(operator.stop(), Some(0));
    let posts = collector.posts();
    assert_eq!(posts.len(), 1);
    let head = &posts[0].head;
    assert!(head.starts_with("post /v1/traces ") && head.contains(&format!("api-key: {credential}\r\n")), "{head}");
    assert!(head.contains("content-encoding: gzip\r\n") && posts[0].body.starts_with(&[0x1f, 0x8b]), "{head}");
    assert!(!operator.log().contains(credential));

    let collector = Collector::start();
    let rest = |command: &mut Command| {
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url());
        command.envs(variables[3..].iter().copied());
    };
    let (stage, mut operator) = serve_with(&[], rest);
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
    assert_eq!(operator.stop(), Some(0));
    let resource = collector.spans()[0].resource.clone();
    assert_eq!(
        (resource["service.name"].as_str(), resource["deployment.environment.name"].as_str()),
        ("hooks", "test")
    );
}

#[test]
fn what_is_switched_off_or_not_spoken() {
    let collector = Collector::start();
    for (name, value) in [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")] {
        let (stage, mut operator) = serve_with(&["--otlp-endpoint", &collector.url()], |command| {
            command.env(name, value);
        });
        assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
        assert_eq!(operator.stop(), Some(0));
        assert!(collector.posts().is_empty(), "{name}");
        assert!(!stage.one_stored().has("ce-traceparent"));
    }
    let stage = Stage::of_files();
    let grpc = |command: &mut Command| {
        command.env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    };
    let mut operator = stage.start_with(&["--otlp-endpoint", &collector.url()], grpc);
    assert_eq!(operator.ended(SOON).code(), Some(2));
    assert!(operator.log().contains("OTEL_EXPORTER_OTLP_PROTOCOL=grpc"), "{}", operator.log());
}
