//! The default stream: made by the operator, kept to its flags, and never anyone else's.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use serde_json::json;

use crate::support::eventually::{SOON, eventually};
use crate::support::nats::{Nats, nats};
use crate::support::operator::free_port;
use crate::support::sign;
use crate::support::stage::{KEY, Stage};

#[track_caller]
fn config(stage: &Stage) -> Config {
    let made = || nats().stream(&stage.stream).map(|info| info.config).ok_or_else(|| "no stream".to_owned());
    eventually(SOON, "the default stream is made", made).0
}

#[test]
fn the_default_stream_is_made_to_keep_the_promise() {
    let stage = Stage::of_files();
    let _operator = stage.operator(&[]);
    stage.github("github", json!({}));
    stage.ready("github");
    let config = config(&stage);
    assert_eq!(config.name, stage.stream);
    assert_eq!(config.subjects, [format!("{}.>", stage.prefix)]);
    assert_eq!(
        (config.storage, config.retention, config.discard),
        (StorageType::File, RetentionPolicy::Limits, DiscardPolicy::New)
    );
    assert_eq!(config.max_age, Duration::from_secs(7 * 24 * 3600));
    assert_eq!(config.duplicate_window, Duration::from_secs(2 * 3600));
    assert_eq!((config.max_bytes, config.max_messages, config.num_replicas), (-1, -1, 1));
    assert!(config.metadata.keys().any(|key| key.contains("jethook")), "it is marked: {:?}", config.metadata);
}

#[test]
fn the_flags_of_the_default_stream_are_followed_and_followed_again() {
    let stage = Stage::of_files();
    let operator =
        stage.operator(&["--stream-max-bytes", "64Mi", "--stream-max-age", "48h", "--duplicate-window", "30m"]);
    stage.github("github", json!({}));
    stage.ready("github");
    let first = config(&stage);
    assert_eq!(first.max_bytes, 64 * 1024 * 1024);
    assert_eq!(first.max_age, Duration::from_secs(48 * 3600));
    assert_eq!(first.duplicate_window, Duration::from_secs(30 * 60));
    assert_eq!(stage.status("github")["duplicateWindow"], "30m");
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
    drop(operator);
    let _operator =
        stage.operator(&["--stream-max-bytes", "32Mi", "--stream-max-age", "0s", "--duplicate-window", "10m"]);
    eventually(SOON, "the stream follows", || {
        let now = config(&stage);
        let is_followed = (now.max_bytes, now.max_age, now.duplicate_window)
            == (32 * 1024 * 1024, Duration::ZERO, Duration::from_secs(600));
        if is_followed { Ok(()) } else { Err(format!("{now:?}")) }
    });
    assert_eq!(stage.count(), 1, "what it holds stays");
}

#[test]
fn a_stream_that_someone_else_made_is_used_and_not_changed() {
    let stage = Stage::of_files();
    nats().create_stream(Config {
        name: stage.stream.clone(),
        subjects: vec![format!("{}.>", stage.prefix)],
        max_bytes: 1024 * 1024,
        description: Some("made by hand".to_owned()),
        ..Config::default()
    });
    let before = config(&stage);
    let operator = stage.operator(&["--stream-max-bytes", "64Mi", "--duplicate-window", "1h"]);
    stage.github("github", json!({}));
    stage.ready("github");
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
    assert_eq!(config(&stage), before);
}

#[test]
fn stream_and_prefix_name_the_default_stream_and_its_subjects() {
    let stage = Stage::of_files();
    let (stream, prefix) = (format!("{}-renamed", stage.stream), format!("{}.renamed.v1", stage.prefix));
    let operator = stage.operator(&["--stream", &stream, "--prefix", &prefix]);
    stage.github("github", json!({}));
    stage.ready("github");
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
    let stored = nats().one_stored(&stream);
    assert_eq!(stored.subject, format!("{prefix}.{}.github.push", stage.namespace));
    assert_eq!(stage.status("github")["stream"], stream);
}

#[test]
fn a_full_stream_is_503_and_loses_nothing() {
    let stage = Stage::of_files();
    let operator = stage.operator(&["--stream-max-bytes", "20Ki"]);
    stage.github("github", json!({}));
    stage.ready("github");
    let body = format!("[\"{}\"]", "x".repeat(4000));
    let mut accepted = 0;
    let refused = loop {
        let push = sign::github(&stage.path("github"), KEY, "push", &accepted.to_string(), body.as_str());
        let answer = operator.send(&push);
        if answer.status != 200 {
            break answer;
        }
        accepted += 1;
        assert!(accepted < 10, "20 KiB never hold so much");
    };
    assert_eq!((refused.status, refused.header("retry-after").is_some()), (503, true));
    assert_eq!(stage.count(), accepted, "none of those acknowledged was dropped for room");
}

#[test]
fn stream_replicas_are_made_where_there_are_servers_for_them() {
    let ports: Vec<_> = (0..3).map(|_| free_port()).collect();
    let routes: Vec<_> = ports.iter().map(|port| format!("\"nats://127.0.0.1:{port}\"")).collect();
    let mut servers: Vec<_> = ports
        .iter()
        .enumerate()
        .map(|(number, port)| {
            let cluster = format!(
                "server_name: n{number}\ncluster {{ name: c, listen: 127.0.0.1:{port}, routes: [{}] }}",
                routes.join(", ")
            );
            Nats::new(&cluster)
        })
        .collect();
    servers.iter_mut().for_each(Nats::spawn);
    servers.iter().for_each(Nats::healthy);
    let urls: Vec<_> = servers.iter().map(Nats::url).collect();
    let stage = Stage::of_files_with(&urls.join(","));
    let mut operator = stage.operator(&["--stream-replicas", "3"]);
    stage.github("github", json!({}));
    stage.ready("github");
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
    assert_eq!(servers[0].stream(&stage.stream).unwrap().config.num_replicas, 3);
    let message = stage.condition("github", "TargetReady").unwrap().message;
    assert!(message.contains("3 replicas"), "{message}");
    // One of three may go: whoever it is, deliveries inside GitHub's limit are kept.
    let leader = servers[0].stream(&stage.stream).unwrap().cluster.unwrap().leader.unwrap();
    let number: usize = leader.trim_start_matches('n').parse().unwrap();
    servers[number].kill();
    assert_eq!(operator.send(&stage.push("github", "2")).status, 200, "{}", operator.log());
    let other = &servers[(number + 1) % 3];
    assert_eq!(other.stored(&stage.stream).len(), 2);
    assert_eq!(operator.stop(), Some(0));
}
