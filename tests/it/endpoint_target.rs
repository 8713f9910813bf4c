//! Streams that would break the promise, and how their endpoints say so.

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use serde_json::{Value, json};

use crate::support::eventually::A_SECOND;
use crate::support::nats::{Nats, nats};
use crate::support::stage::Stage;

/// A stage whose endpoints may use any stream and any subject under `own-{namespace}`.
fn stage_and_flags() -> (Stage, [String; 4]) {
    let stage = Stage::of_files();
    let subjects = format!("own-{}.>", stage.namespace);
    (stage, ["--allow-subject".to_owned(), subjects, "--allow-stream".to_owned(), "*".to_owned()])
}

fn named(stage: &Stage, name: &str) -> Config {
    Config {
        name: format!("{}-{name}", stage.stream),
        subjects: vec![format!("own-{}.{name}.>", stage.namespace)],
        storage: StorageType::File,
        ..Config::default()
    }
}

fn target(stage: &Stage, name: &str) -> Value {
    let stream = format!("{}-{name}", stage.stream);
    json!({"target": {"stream": stream, "subject": format!("own-{}.{name}.{{event}}", stage.namespace)}})
}

#[test]
fn a_stream_that_breaks_the_promise_closes_its_endpoints() {
    let (stage, flags) = stage_and_flags();
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let settings: [(&str, Config, &str); 5] = [
        ("no-ack", Config { no_ack: true, ..Config::default() }, "no_ack"),
        ("memory", Config { storage: StorageType::Memory, ..Config::default() }, "memory"),
        ("interest", Config { retention: RetentionPolicy::Interest, ..Config::default() }, "consumer"),
        (
            "async",
            Config { persist_mode: Some(async_nats::jetstream::stream::PersistenceMode::Async), ..Config::default() },
            "persist_mode",
        ),
        ("sealed", Config::default(), "sealed"),
    ];
    for (name, config, _) in &settings {
        let Config { name: stream, subjects, .. } = named(&stage, name);
        nats().create_stream(Config { name: stream.clone(), subjects, ..config.clone() });
        if *name == "sealed" {
            let sealed = Config { sealed: true, ..nats().stream(&stream).unwrap().config };
            crate::support::runtime::block_on(nats().jetstream().update_stream(sealed)).unwrap();
        }
    }
    let operator = stage.operator(&flags);
    for (name, _, told) in &settings {
        stage.github(name, target(&stage, name));
        let message = stage.expect(name, "TargetReady", "False", "StreamUnsafe");
        assert!(message.contains(told) && message.contains(&stage.stream), "{name}: {message}");
        assert_eq!(operator.send(&stage.push(name, "1")).status, 503, "{name}");
        assert_eq!(nats().stored(&format!("{}-{name}", stage.stream)).len(), 0, "{name}");
    }
    drop(operator);
    let operator = stage.operator(&[&flags[..], &["--allow-memory-storage"]].concat());
    stage.expect("memory", "TargetReady", "True", "StreamReady");
    assert_eq!(operator.send(&stage.push("memory", "1")).status, 200, "an admin may allow memory");
    stage.expect("no-ack", "TargetReady", "False", "StreamUnsafe");
}

#[test]
fn a_stream_that_weakens_the_promise_is_told_and_serves() {
    let (stage, flags) = stage_and_flags();
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let window = std::time::Duration::from_secs(60);
    for (name, config) in [
        ("old", Config { max_messages: 1000, discard: DiscardPolicy::Old, ..named(&stage, "old") }),
        ("queue", Config { retention: RetentionPolicy::WorkQueue, ..named(&stage, "queue") }),
        ("window", Config { duplicate_window: window, ..named(&stage, "window") }),
    ] {
        nats().create_stream(config);
        let mut spec = target(&stage, name);
        spec["provider"] = json!("shopify");
        stage.github(name, spec);
    }
    let _operator = stage.operator(&flags);
    for (name, told) in [("old", "discard"), ("queue", "work-queue"), ("window", "window")] {
        let message = stage.expect(name, "TargetReady", "True", "StreamReady");
        assert!(message.contains(told), "{name}: {message}");
        stage.ready(name);
    }
    assert_eq!(stage.status("window")["duplicateWindow"], "1m");
}

#[test]
fn a_missing_stream_is_told_and_heals() {
    let (stage, flags) = stage_and_flags();
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let operator = stage.operator(&flags);
    stage.github("later", target(&stage, "later"));
    let message = stage.expect("later", "TargetReady", "False", "StreamNotFound");
    assert!(message.contains(&format!("{}-later", stage.stream)), "{message}");
    let answer = operator.send(&stage.push("later", "1"));
    assert_eq!((answer.status, answer.header("retry-after").is_some()), (503, true));
    nats().create_stream(named(&stage, "later"));
    stage.ready("later");
    assert_eq!(operator.send(&stage.push("later", "1")).status, 200);
}

#[test]
fn a_subject_that_the_stream_does_not_capture_is_told() {
    let (stage, flags) = stage_and_flags();
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    nats().create_stream(named(&stage, "narrow"));
    nats().create_stream(named(&stage, "wide"));
    let operator = stage.operator(&flags);
    let mut spec = target(&stage, "narrow");
    spec["target"]["subject"] = json!(format!("own-{}.nobodys.{{event}}", stage.namespace));
    stage.github("lost", spec.clone());
    let message = stage.expect("lost", "TargetReady", "False", "SubjectNotCaptured");
    assert!(message.contains(&format!("own-{}.nobodys.>", stage.namespace)), "{message}");
    assert_eq!(operator.send(&stage.push("lost", "1")).status, 503);
    // Another stream takes the subject: the event must not slip into it.
    spec["target"]["subject"] = json!(format!("own-{}.wide.{{event}}", stage.namespace));
    stage.github("strayed", spec);
    let message = stage.expect("strayed", "TargetReady", "False", "SubjectCapturedByOther");
    assert!(message.contains(&format!("{}-wide", stage.stream)), "it names the stream: {message}");
    assert_eq!(operator.send(&stage.push("strayed", "1")).status, 503);
    assert_eq!(nats().stored(&format!("{}-wide", stage.stream)).len(), 0);
}

#[test]
fn a_subject_that_the_user_may_not_publish_to_is_told() {
    let server = Nats::start(
        "authorization { users: [\n\
         { user: jethook, password: pw, permissions: { publish: { deny: [\"*.*.forbidden.>\"] } } }\n\
         { user: admin, password: pw } ] }",
    );
    let stage = Stage::of_files_with(&server.url());
    let operator = stage.operator(&["--nats-user", "jethook", "--nats-password", "pw"]);
    stage.github("forbidden", json!({}));
    stage.github("allowed", json!({}));
    stage.ready("allowed");
    stage.expect("forbidden", "Accepted", "True", "Accepted");
    assert_eq!(operator.send(&stage.push("forbidden", "1")).status, 503);
    let message = stage.expect("forbidden", "TargetReady", "False", "PublishNotPermitted");
    assert!(message.contains(&format!("{}.{}.forbidden", stage.prefix, stage.namespace)), "{message}");
    operator.send_until_within(A_SECOND, 200, "the other serves on", &stage.push("allowed", "1"));
}
