//! With a spool: what comes while NATS is away is on disk before its sender hears so, and in its stream once NATS is back.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use async_nats::jetstream::stream::{Config, StorageType};
use serde_json::{Value, json};

use crate::support::eventually::{SOON, eventually, throughout};
use crate::support::http::Request;
use crate::support::nats::Nats;
use crate::support::operator::{Operator, jethook};
use crate::support::runtime::block_on;
use crate::support::sign;
use crate::support::stage::{KEY, PUSH, Stage};

/// A stage with a NATS of its own and a folder for the spool.
struct Scene {
    stage: Stage,
    server: Nats,
    folder: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let server = Nats::start("");
        let stage = Stage::of_files_with(&server.url());
        stage.github("github", json!({}));
        let folder = stage.folder.join("spool");
        Self { stage, server, folder }
    }

    /// Starts an operator with the spool; waits for nothing.
    fn start(&self, flags: &[&str]) -> Operator {
        let folder = self.folder.to_str().unwrap();
        self.stage.start(&[&["--spool-dir", folder, "--workers", "2"], flags].concat())
    }

    /// Starts one that is ready and serves its endpoints.
    fn operator(&self, flags: &[&str]) -> Operator {
        let operator = self.start(flags).ready();
        self.stage.ready("github");
        operator
    }

    /// NATS goes away, and the operator knows.
    fn outage(&mut self, operator: &Operator) {
        self.server.kill();
        eventually(SOON, "the outage is noticed", || match operator.metric("jethook_nats_connected") {
            Some(0.0) => Ok(()),
            other => Err(format!("{other:?}")),
        });
    }

    fn stored(&self) -> Vec<String> {
        let all = self.server.stored(&self.stage.stream);
        all.iter().map(|stored| stored.header("ce-id").to_owned()).collect()
    }

    fn set_aside(&self) -> Vec<String> {
        let names = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).filter(|name| name.contains("set-aside")).collect()
    }
}

/// What one delivery is told.
#[track_caller]
fn told(operator: &Operator, request: &Request) -> (u16, String) {
    let answer = operator.send(request);
    let status = answer.json()["status"].as_str().unwrap_or_default().to_owned();
    (answer.status, status)
}

#[track_caller]
fn spooled(operator: &Operator, request: &Request) {
    assert_eq!(told(operator, request), (200, "spooled".to_owned()));
}

#[track_caller]
fn holds(operator: &Operator, entries: f64) {
    eventually(Duration::from_secs(20), &format!("the spool holds {entries}"), || {
        match operator.metric("jethook_spool_entries") {
            Some(found) if found == entries => Ok(()),
            other => Err(format!("{other:?}\n{}", operator.log())),
        }
    });
}

#[test]
fn what_is_spooled_outlives_a_kill_and_is_stored_once_and_in_order() {
    let mut scene = Scene::new();
    let operator = scene.operator(&[]);
    assert_eq!(told(&operator, &scene.stage.push("github", "0")), (200, "stored".to_owned()));
    assert_eq!(operator.metric("jethook_spool_entries"), Some(0.0));
    scene.outage(&operator);
    let answer = operator.send(&scene.stage.push("github", "1"));
    assert_eq!(answer.json(), json!({"status": "spooled", "id": "1"}));
    for id in 2..=20 {
        spooled(&operator, &scene.stage.push("github", &id.to_string()));
    }
    assert_eq!(operator.counted("spooled"), 20.0);
    holds(&operator, 20.0);
    let oldest = operator.metric("jethook_spool_oldest_timestamp_seconds").unwrap();
    assert!((sign::now() as f64 - oldest).abs() < 60.0, "{oldest}");
    operator.signal("KILL");
    drop(operator);
    // It is ready without NATS, and goes on where the other was killed.
    let operator = scene.start(&[]).ready();
    operator.send_until(200, "it serves without NATS", &scene.stage.push("github", "21"));
    for id in 22..=25 {
        spooled(&operator, &scene.stage.push("github", &id.to_string()));
    }
    // A provider that tries again is told the same.
    spooled(&operator, &scene.stage.push("github", "3"));
    scene.server.run();
    holds(&operator, 0.0);
    let expected: Vec<_> = (0..=25).map(|id| id.to_string()).collect();
    assert_eq!(scene.stored(), expected);
    assert_eq!(operator.metric("jethook_spool_drained_total"), Some(26.0));
    assert_eq!(operator.metric("jethook_spool_oldest_timestamp_seconds"), Some(0.0));
    let all = scene.server.stored(&scene.stage.stream);
    // Only the time of receipt tells what was spooled from what was not.
    let (direct, drained) = (&all[0], &all[1]);
    assert_eq!(drained.payload, PUSH.as_bytes());
    assert_eq!(drained.subject, direct.subject);
    let names = |headers: &BTreeMap<String, Vec<String>>| headers.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&drained.headers), names(&direct.headers));
    for name in ["ce-source", "ce-type", "ce-specversion", "http-x-hub-signature-256", "Nats-Expected-Stream"] {
        assert_eq!(drained.header(name), direct.header(name), "{name}");
    }
    let id = |id: &str| id.split_once('.').unwrap().0.to_owned();
    assert_eq!(id(drained.header("Nats-Msg-Id")), id(direct.header("Nats-Msg-Id")));
    eventually(SOON, "what was drained is known to the stream", || {
        match told(&operator, &scene.stage.push("github", "7")) {
            (200, status) if status == "duplicate" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}

#[test]
fn under_load_an_outage_with_a_kill_in_the_middle_loses_nothing_and_stores_nothing_twice() {
    let mut scene = Scene::new();
    let first = scene.operator(&[]);
    let (stage, server) = (&scene.stage, &mut scene.server);
    let address = Mutex::new(first.receiver);
    let (is_over, next) = (AtomicBool::new(false), AtomicUsize::new(0));
    let reach = |more: usize| {
        let goal = next.load(Ordering::Relaxed) + more;
        eventually(Duration::from_secs(60), "deliveries go on", || match next.load(Ordering::Relaxed) {
            sent if sent > goal => Ok(()),
            sent => Err(sent.to_string()),
        });
    };
    let folder = scene.folder.to_str().unwrap();
    let (acknowledged, last) = thread::scope(|scope| {
        let senders: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut acknowledged = Vec::new();
                    while !is_over.load(Ordering::Relaxed) {
                        let id = next.fetch_add(1, Ordering::Relaxed).to_string();
                        loop {
                            let to = *address.lock().unwrap();
                            // A receiver that was killed answers nothing; the delivery is tried again.
                            if stage.push("github", &id).send(to).is_ok_and(|answer| answer.status == 200) {
                                break;
                            }
                            thread::sleep(Duration::from_millis(20));
                        }
                        acknowledged.push(id);
                    }
                    acknowledged
                })
            })
            .collect();
        reach(100);
        server.kill();
        reach(200);
        first.signal("KILL");
        let second = stage.start(&["--spool-dir", folder]).ready();
        *address.lock().unwrap() = second.receiver;
        reach(100);
        server.run();
        reach(100);
        is_over.store(true, Ordering::Relaxed);
        (senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect::<Vec<_>>(), second)
    });
    holds(&last, 0.0);
    assert!(acknowledged.len() > 400);
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for id in scene.stored() {
        *times.entry(id).or_default() += 1;
    }
    for id in &acknowledged {
        assert_eq!(times.get(id), Some(&1), "{id}");
    }
    assert_eq!(times.len(), acknowledged.len());
}

#[test]
fn a_frozen_nats_holds_a_delivery_up_for_a_moment_only_and_stores_it_once() {
    let scene = Scene::new();
    let operator = scene.operator(&[]);
    scene.server.signal("STOP");
    let began = std::time::Instant::now();
    spooled(&operator, &scene.stage.push("github", "1"));
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    scene.server.signal("CONT");
    holds(&operator, 0.0);
    assert_eq!(scene.stored(), ["1"], "the try that was under way and the spooled one are one");
}

#[test]
fn a_full_spool_is_503_and_one_endpoint_may_fill_half_of_it() {
    let mut scene = Scene::new();
    scene.stage.github("other", json!({}));
    let operator = scene.operator(&["--spool-max-bytes", "40Ki"]);
    scene.stage.ready("other");
    scene.outage(&operator);
    let fill = |endpoint: &str| {
        let mut taken = 0_usize;
        loop {
            match told(&operator, &scene.stage.push(endpoint, &taken.to_string())) {
                (200, status) if status == "spooled" => taken += 1,
                (503, _) => return taken,
                other => panic!("{other:?}"),
            }
            assert!(taken < 100);
        }
    };
    let (first, second) = (fill("github"), fill("other"));
    assert!(first > 5 && first.abs_diff(second) <= 1, "{first} {second}");
    let bytes = operator.metric("jethook_spool_bytes").unwrap();
    assert!(bytes > 30.0 * 1024.0 && bytes <= 40.0 * 1024.0, "{bytes}");
    let answer = operator.send(&scene.stage.push("github", "one more"));
    assert!(answer.header("retry-after").is_some());
    operator.told("the spool is full");
    assert!(operator.counted("unavailable") >= 3.0);
    scene.server.run();
    holds(&operator, 0.0);
    assert_eq!(operator.metric("jethook_spool_bytes"), Some(0.0));
    assert_eq!(scene.stored().len(), first + second);
}

#[test]
fn a_damaged_spool_is_set_aside_with_one_error_and_another_serves() {
    let mut scene = Scene::new();
    let operator = scene.operator(&[]);
    scene.outage(&operator);
    for id in 1..=5 {
        spooled(&operator, &scene.stage.push("github", &id.to_string()));
    }
    drop(operator);
    let path = scene.folder.join("spool.redb");
    let mut bytes = fs::read(&path).unwrap();
    let body = PUSH.as_bytes();
    let all: Vec<_> = (0..bytes.len() - body.len()).filter(|at| bytes[*at..].starts_with(body)).collect();
    all.into_iter().for_each(|at| bytes[at] ^= 1);
    fs::write(&path, &bytes).unwrap();
    let operator = scene.start(&[]).ready();
    operator.send_until(200, "it serves by a new one", &scene.stage.push("github", "6"));
    let aside = scene.set_aside();
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert!(fs::read(scene.folder.join(&aside[0])).unwrap().windows(8).any(|part| part == &body[body.len() - 8..]));
    let log = operator.log();
    let errors: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains(&aside[0]) && errors[0].contains("set aside"), "{errors:?}");
    assert!(!log.contains("refs/heads"), "no body in the log");
    scene.server.run();
    holds(&operator, 0.0);
    assert_eq!(scene.stored(), ["6"], "nothing that was altered is sent");
}

#[test]
fn a_first_start_without_nats_is_not_ready_for_it_knows_no_stream() {
    let mut scene = Scene::new();
    scene.server.kill();
    let operator = scene.start(&[]);
    eventually(SOON, "it is unready for want of NATS alone", || match operator.readiness() {
        (503, text) if text.contains("nats") && !text.contains("endpoints") && !text.contains("spool") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    throughout(Duration::from_millis(300), || assert_eq!(operator.readiness().0, 503));
    assert_eq!(operator.send(&scene.stage.push("github", "1")).status, 503);
    scene.server.run();
    let operator = operator.ready();
    operator.send_until(200, "it serves", &scene.stage.push("github", "1"));
}

#[test]
fn what_an_endpoint_left_in_the_spool_is_stored_though_it_is_deleted() {
    let mut scene = Scene::new();
    let mut operator = scene.operator(&[]);
    scene.outage(&operator);
    spooled(&operator, &scene.stage.push("github", "1"));
    scene.stage.delete("WebhookEndpoint", "github");
    operator.send_until(404, "it is gone", &scene.stage.push("github", "1"));
    assert_eq!(operator.stop(), Some(0));
    assert!(operator.log().contains("events stay in the spool"), "{}", operator.log());
    scene.server.run();
    let operator = scene.start(&[]).ready();
    holds(&operator, 0.0);
    assert_eq!(scene.stored(), ["1"]);
}

/// An operator with the endpoint `own`, which is Ready and has a stream of its own, and the flags that allow it.
fn own_stream(scene: &mut Scene) -> (Operator, Config, [String; 4]) {
    let stream = format!("{}-own", scene.stage.stream);
    let subject = format!("{}-own.own.{{event}}", scene.stage.prefix);
    scene.stage.github("own", json!({"target": {"stream": stream, "subject": subject}}));
    let subjects = vec![format!("{}-own.own.>", scene.stage.prefix)];
    let config = Config { name: stream, subjects, storage: StorageType::File, ..Config::default() };
    scene.server.create_stream(config.clone());
    let allowed = format!("{}-own.>", scene.stage.prefix);
    let flags = ["--allow-stream", "*", "--allow-subject", &allowed].map(str::to_owned);
    let operator = scene.operator(&each(&flags));
    scene.stage.ready("own");
    (operator, config, flags)
}

/// Flags as a command takes them.
fn each(flags: &[String; 4]) -> [&str; 4] {
    flags.each_ref().map(String::as_str)
}

#[test]
fn a_stream_that_is_gone_holds_nothing_else_up_and_gets_its_events_when_it_is_back() {
    let mut scene = Scene::new();
    let (mut operator, config, flags) = own_stream(&mut scene);
    scene.outage(&operator);
    for id in ["1", "2"] {
        spooled(&operator, &scene.stage.push("own", id));
        spooled(&operator, &scene.stage.push("github", id));
    }
    operator.stop();
    scene.server.run();
    block_on(scene.server.jetstream().delete_stream(&config.name)).unwrap();
    let operator = scene.operator(&each(&flags));
    holds(&operator, 2.0);
    assert_eq!(scene.stored(), ["1", "2"]);
    scene.stage.expect("own", "TargetReady", "False", "StreamNotFound");
    // A stream that is missing while NATS is there is no outage: the sender is told, and nothing piles up.
    assert_eq!(told(&operator, &scene.stage.push("own", "3")).0, 503);
    scene.server.create_stream(config.clone());
    holds(&operator, 0.0);
    let ids: Vec<_> = scene.server.stored(&config.name).iter().map(|one| one.header("ce-id").to_owned()).collect();
    assert_eq!(ids, ["1", "2"]);
}

#[test]
fn what_its_stream_refuses_is_kept_and_holds_nothing_else_up() {
    let mut scene = Scene::new();
    let (mut operator, config, flags) = own_stream(&mut scene);
    scene.outage(&operator);
    let large = format!(r#"{{"pad":"{}"}}"#, "x".repeat(100_000));
    spooled(&operator, &sign::github(&scene.stage.path("own"), KEY, "push", "large", large));
    spooled(&operator, &scene.stage.push("own", "small"));
    operator.stop();
    scene.server.run();
    let narrow = Config { max_message_size: 10_000, ..config.clone() };
    block_on(scene.server.jetstream().update_stream(&narrow)).unwrap();
    let operator = scene.operator(&each(&flags));
    holds(&operator, 1.0);
    let ids: Vec<_> = scene.server.stored(&config.name).iter().map(|one| one.header("ce-id").to_owned()).collect();
    assert_eq!(ids, ["small"], "what is behind it goes on");
    eventually(SOON, "it is told", || match operator.metric("jethook_spool_refused_entries") {
        Some(1.0) if operator.log().contains("not taken by their stream") => Ok(()),
        other => Err(format!("{other:?} {}", operator.log())),
    });
    // A start tries it again, and so does every minute.
    drop(operator);
    block_on(scene.server.jetstream().update_stream(&config)).unwrap();
    let operator = scene.operator(&each(&flags));
    holds(&operator, 0.0);
    assert_eq!(scene.server.stored(&config.name).len(), 2);
}

/// What `jethook doctor` says of spools: result and message of each check, and its exit code.
fn doctor(scene: &Scene, operator: &Operator) -> (Vec<(String, String)>, Option<i32>) {
    let admin = format!("http://{}", operator.admin);
    let flags = scene.stage.arguments(&["--admin-url", &admin, "--skip", "nats,public-url", "-o", "json"]);
    let output = jethook().arg("doctor").args(flags).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let text = |check: &Value, field: &str| check[field].as_str().unwrap_or_default().to_owned();
    let spools = report["checks"].as_array().unwrap().iter().filter(|check| check["check"] == "spool");
    let told = spools.map(|check| {
        assert!(!text(check, "remedy").is_empty(), "{check}");
        (text(check, "result"), text(check, "message"))
    });
    (told.collect(), output.status.code())
}

#[test]
fn doctor_tells_what_waits_in_a_spool_and_what_its_stream_refuses() {
    let mut scene = Scene::new();
    let (mut operator, config, flags) = own_stream(&mut scene);
    assert_eq!(doctor(&scene, &operator), (Vec::new(), Some(0)), "an empty spool is nothing to tell");
    scene.outage(&operator);
    let large = format!(r#"{{"pad":"{}"}}"#, "x".repeat(100_000));
    for id in ["1", "2"] {
        spooled(&operator, &sign::github(&scene.stage.path("own"), KEY, "push", id, large.clone()));
    }
    let message = |what: &str| what.replace("NAME", &format!("http://{}", operator.admin));
    let waits = ("warning".to_owned(), message("2 events wait in the spool of NAME"));
    assert_eq!(doctor(&scene, &operator), (vec![waits], Some(1)), "that NATS is away is the failure");
    operator.stop();
    scene.server.run();
    let narrow = Config { max_message_size: 10_000, ..config.clone() };
    block_on(scene.server.jetstream().update_stream(&narrow)).unwrap();
    let operator = scene.operator(&each(&flags));
    eventually(SOON, "both are refused", || match operator.metric("jethook_spool_refused_entries") {
        Some(2.0) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let refused = format!("2 events in the spool of http://{} are refused by their stream", operator.admin);
    assert_eq!(doctor(&scene, &operator), (vec![("failure".to_owned(), refused)], Some(1)));
}

#[test]
fn a_spool_that_another_process_has_is_waited_for() {
    let scene = Scene::new();
    let first = scene.operator(&[]);
    let second = scene.start(&[]);
    eventually(SOON, "it says why it is not ready", || match second.readiness() {
        (503, text) if text.contains("spool") && second.log().contains("another process") => Ok(()),
        other => Err(format!("{other:?} {}", second.log())),
    });
    drop(first);
    drop(second.ready());
    assert!(scene.set_aside().is_empty());
}

#[test]
fn a_spool_directory_that_is_none_is_a_fault_of_the_flag() {
    let scene = Scene::new();
    fs::write(&scene.folder, "a file").unwrap();
    let mut operator = scene.start(&[]);
    assert_eq!(operator.ended(SOON).code(), Some(2));
    assert!(operator.log().contains("--spool-dir"), "{}", operator.log());
}
