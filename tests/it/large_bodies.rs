//! Bodies that are larger than NATS takes: into an object store bucket, where the endpoint says so.

use std::time::Duration;

use async_nats::jetstream::object_store;
use async_nats::jetstream::stream::Config;
use data_encoding::BASE64URL;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;

use crate::support::eventually::{SOON, eventually};
use crate::support::http::Request;
use crate::support::nats::{Nats, Stored, nats};
use crate::support::operator::Operator;
use crate::support::runtime::block_on;
use crate::support::sign;
use crate::support::stage::{KEY, PUSH, Stage};

/// More than NATS takes by default, and no whole number of pieces.
const BYTES: usize = 3 * 1024 * 1024 + 17;

fn large(stage: &Stage, endpoint: &str, id: &str) -> (Request, Vec<u8>) {
    let filling: String = (0..BYTES).map(|number| char::from(b'a' + (number % 26) as u8)).collect();
    let body = format!(r#"{{"id":"{id}","pad":"{filling}"}}"#).into_bytes();
    (sign::github(&stage.path(endpoint), KEY, "push", id, body.clone()), body)
}

fn spec() -> Value {
    json!({"target": {"largeBodies": "objectStore"}, "limits": {"maxBodySize": "4Mi"}})
}

fn bucket(stage: &Stage) -> String {
    format!("{}-bodies", stage.stream)
}

/// The body that a message refers to, read as a consumer reads it.
#[track_caller]
fn referred(server: &Nats, stored: &Stored) -> Vec<u8> {
    let reference = stored.header("ce-dataref").strip_prefix("nats-object://").unwrap();
    let (bucket, name) = reference.split_once('/').unwrap();
    let context = server.jetstream();
    let body = block_on(async {
        let mut object = context.get_object_store(bucket).await.unwrap().get(name).await.unwrap();
        let mut body = Vec::new();
        object.read_to_end(&mut body).await.unwrap();
        assert_eq!(object.info.size, body.len());
        assert_eq!(object.info.digest.as_deref(), Some(stored.header("ce-datadigest")));
        body
    });
    assert_eq!(stored.header("ce-datadigest"), format!("SHA-256={}", BASE64URL.encode(&Sha256::digest(&body))));
    body
}

fn messages_in_bucket(server: &Nats, stage: &Stage) -> u64 {
    server.stream(&format!("OBJ_{}", bucket(stage))).unwrap().state.messages
}

fn serve(stage: &Stage, flags: &[&str]) -> Operator {
    let operator = stage.operator(flags);
    stage.github("github", spec());
    stage.ready("github");
    operator
}

#[test]
fn a_body_larger_than_nats_takes_is_an_object_and_the_message_says_which() {
    let stage = Stage::of_files();
    let operator = serve(&stage, &[]);
    assert_eq!(stage.status("github")["maxBodySize"], 4 * 1024 * 1024);
    let (request, body) = large(&stage, "github", "1");
    assert_eq!(operator.send(&request).json(), json!({"status": "stored", "id": "1"}));
    let stored = stage.one_stored();
    assert!(stored.payload.is_empty());
    assert_eq!(stored.header("http-x-hub-signature-256"), sign::github_signature(KEY, &body));
    assert_eq!(referred(nats(), &stored), body);
    // The same again stores nothing, neither there nor here.
    let before = messages_in_bucket(nats(), &stage);
    assert_eq!(operator.send(&request).json()["status"], "duplicate");
    assert_eq!((messages_in_bucket(nats(), &stage), stage.count()), (before, 1));
    // A small body is in the message as ever.
    assert_eq!(operator.send(&stage.push("github", "2")).json()["status"], "stored");
    let small = stage.stored().remove(1);
    assert_eq!(small.payload, PUSH.as_bytes());
    assert!(!small.has("ce-dataref") && !small.has("ce-datadigest"));
    assert_eq!(messages_in_bucket(nats(), &stage), before);
    // One byte changed is refused, and leaves nothing behind.
    let mut altered = body.clone();
    *altered.last_mut().unwrap() = b' ';
    let forged = sign::github(&stage.path("github"), "another key", "push", "3", altered);
    assert_eq!(operator.send(&forged).status, 401);
    assert_eq!((messages_in_bucket(nats(), &stage), stage.count()), (before, 2));
    // Beyond the endpoint's own limit it is refused.
    let beyond = sign::github(&stage.path("github"), KEY, "push", "4", vec![b' '; 4 * 1024 * 1024 + 1]);
    assert_eq!(operator.send(&beyond).status, 413);
}

#[test]
fn without_it_a_large_body_is_413_and_the_answer_names_both_limits() {
    let stage = Stage::of_files();
    let operator = stage.operator(&[]);
    stage.github("github", json!({"limits": {"maxBodySize": "4Mi"}}));
    stage.ready("github");
    let answer = operator.send(&large(&stage, "github", "1").0);
    assert_eq!(answer.status, 413);
    let error = answer.json()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("4194304") && error.contains("1028096"), "{error}");
    assert_eq!(stage.count(), 0);
}

#[test]
fn when_only_the_body_was_stored_the_retry_stores_the_message_alone() {
    let stage = Stage::of_files();
    let mut operator = serve(&stage, &["--stream-max-bytes", "2Ki"]);
    // The stream is full before the large one comes, the bucket is not.
    for id in 0..20 {
        operator.send(&stage.push("github", &format!("fill-{id}")));
    }
    let (request, body) = large(&stage, "github", "1");
    assert_eq!(operator.send(&request).status, 503);
    let (before, held) = (messages_in_bucket(nats(), &stage), stage.count());
    assert!(before > 24, "the pieces and the description: {before}");
    assert_eq!(operator.stop(), Some(0));
    let operator = serve(&stage, &[]);
    assert_eq!(operator.send(&request).json()["status"], "stored");
    assert_eq!((messages_in_bucket(nats(), &stage), stage.count()), (before, held + 1));
    assert_eq!(referred(nats(), stage.stored().last().unwrap()), body);
}

#[test]
fn in_an_outage_large_bodies_are_spooled_like_any_other() {
    let mut server = Nats::start("");
    let stage = Stage::of_files_with(&server.url());
    let folder = stage.folder.join("spool");
    let flags = ["--spool-dir", folder.to_str().unwrap()];
    let operator = serve(&stage, &flags);
    let (before, before_body) = large(&stage, "github", "0");
    assert_eq!(operator.send(&before).json()["status"], "stored");
    server.kill();
    eventually(SOON, "the outage is noticed", || match operator.metric("jethook_nats_connected") {
        Some(0.0) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let (request, body) = large(&stage, "github", "1");
    assert_eq!(operator.send(&request).json()["status"], "spooled");
    // One whose answer got lost is told the same, and is one.
    assert_eq!(operator.send(&before).json()["status"], "spooled");
    operator.signal("KILL");
    drop(operator);
    let operator = stage.start(&flags).ready();
    server.run();
    eventually(Duration::from_secs(20), "the spool is empty", || match operator.metric("jethook_spool_entries") {
        Some(0.0) => Ok(()),
        other => Err(format!("{other:?} {}", operator.log())),
    });
    let all = server.stored(&stage.stream);
    assert_eq!(all.iter().map(|stored| stored.header("ce-id")).collect::<Vec<_>>(), ["0", "1"]);
    assert_eq!((referred(&server, &all[0]), referred(&server, &all[1])), (before_body, body));
    let pieces = (BYTES / (128 * 1024) + 1) as u64 + 1;
    assert_eq!(messages_in_bucket(&server, &stage), 2 * pieces, "each body once");
}

#[test]
fn the_operators_own_bucket_outlives_its_stream_and_follows_the_flags() {
    let stage = Stage::of_files();
    let age = || nats().stream(&format!("OBJ_{}", bucket(&stage))).unwrap().config.max_age;
    let mut operator = serve(&stage, &["--stream-max-age", "48h"]);
    assert_eq!(age(), Duration::from_hours(72));
    assert_eq!(operator.stop(), Some(0));
    let _operator = serve(&stage, &["--stream-max-age", "96h"]);
    eventually(SOON, "it follows", || {
        if age() == Duration::from_hours(120) { Ok(()) } else { Err(format!("{:?}", age())) }
    });
}

#[test]
fn the_bucket_of_another_stream_must_be_there_and_keep_bodies_long_enough() {
    let stage = Stage::of_files();
    let stream = format!("{}-own", stage.stream);
    let subject = format!("{}-own.{{event}}", stage.prefix);
    nats().create_stream(Config {
        name: stream.clone(),
        subjects: vec![format!("{}-own.>", stage.prefix)],
        max_age: Duration::from_hours(10),
        ..Config::default()
    });
    let operator = stage.operator(&["--allow-stream", "*", "--allow-subject", &format!("{}-own.>", stage.prefix)]);
    let mut own = spec();
    own["target"]["stream"] = json!(stream);
    own["target"]["subject"] = json!(subject);
    stage.github("own", own);
    let message = stage.expect("own", "TargetReady", "False", "StreamNotFound");
    assert!(message.contains(&format!("{stream}-bodies")), "{message}");
    assert_eq!(operator.send(&stage.push("own", "small")).json()["status"], "stored", "small ones need no bucket");
    assert_eq!(operator.send(&large(&stage, "own", "1").0).status, 503);
    let make = |hours| {
        let config = object_store::Config {
            bucket: format!("{stream}-bodies"),
            max_age: Duration::from_hours(hours),
            ..object_store::Config::default()
        };
        block_on(nats().jetstream().create_object_store(config)).unwrap();
    };
    make(10);
    let message = stage.expect("own", "TargetReady", "False", "StreamUnsafe");
    assert!(message.contains("24h"), "{message}");
    assert_eq!(operator.send(&stage.push("own", "2")).status, 503, "what could lose a body is closed");
    block_on(nats().jetstream().delete_object_store(format!("{stream}-bodies"))).unwrap();
    make(34);
    drop(operator);
    let operator = stage.operator(&["--allow-stream", "*", "--allow-subject", &format!("{}-own.>", stage.prefix)]);
    stage.ready("own");
    let (request, body) = large(&stage, "own", "3");
    assert_eq!(operator.send(&request).json()["status"], "stored");
    assert_eq!(referred(nats(), nats().stored(&stream).last().unwrap()), body);
}
