//! NATS goes away and comes back: what senders are told meanwhile, and what is stored in the end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::eventually::{A_SECOND, SOON, eventually};
use crate::support::http::{Answer, Request};
use crate::support::nats::Nats;
use crate::support::operator::Operator;
use crate::support::sign;
use crate::support::stage::{KEY, PUSH, Stage};

/// A stage with a NATS of its own, a GitHub and a Slack endpoint.
fn serve(flags: &[&str]) -> (Stage, Operator, Nats) {
    let server = Nats::start("");
    let stage = Stage::of_files_with(&server.url());
    let operator = stage.operator(flags);
    stage.github("github", json!({}));
    stage.secret("slack", &[("secret", KEY)]);
    stage.endpoint("slack", json!({"provider": "slack", "secretRefs": [{"name": "slack"}]}));
    stage.ready("github");
    stage.ready("slack");
    (stage, operator, server)
}

fn to_slack(stage: &Stage, id: &str) -> Request {
    let body = format!(r#"{{"type":"event_callback","event_id":"{id}","event":{{"type":"message"}}}}"#);
    sign::slack(&stage.path("slack"), KEY, sign::now(), body)
}

fn timed(operator: &Operator, request: &Request) -> (Answer, Duration) {
    let began = Instant::now();
    let answer = operator.send(request);
    (answer, began.elapsed())
}

#[track_caller]
fn assert_unavailable(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
}

/// Until the operator knows that NATS is gone; a delivery before that may wait for its ack.
fn noticed(operator: &Operator) {
    eventually(SOON, "the outage is noticed", || match operator.metric("jethook_nats_connected") {
        Some(0.0) => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

#[test]
fn while_nats_is_killed_slack_is_told_at_once_and_github_within_ten_seconds() {
    let (stage, operator, mut server) = serve(&[]);
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
    server.kill();
    noticed(&operator);
    let (answer, took) = timed(&operator, &to_slack(&stage, "Ev1"));
    assert_unavailable(&answer);
    assert!(took < Duration::from_millis(300), "{took:?}");
    let (answer, took) = timed(&operator, &stage.push("github", "2"));
    assert_unavailable(&answer);
    assert!(took > Duration::from_secs(7) && took < Duration::from_secs(10), "{took:?}");
    assert_eq!(
        Request::get("/readyz").send(operator.admin).unwrap().status,
        200,
        "an outage of NATS is no unreadiness"
    );
    // Started again, whenever that is, it serves without a restart of jethook.
    server.run();
    operator.send_until(200, "it serves again", &to_slack(&stage, "Ev1"));
    assert_eq!(operator.send(&stage.push("github", "2")).json()["status"], "stored");
    assert_eq!(
        operator.send(&stage.push("github", "1")).json()["status"],
        "duplicate",
        "what was acknowledged is there"
    );
    let ids: Vec<_> = server.stored(&stage.stream).iter().map(|stored| stored.header("ce-id").to_owned()).collect();
    assert_eq!(ids, ["1", "Ev1", "2"]);
    assert!(operator.metric("jethook_nats_reconnects_total").unwrap() >= 1.0);
}

#[test]
fn a_waiting_github_delivery_gets_its_200_when_nats_is_back_in_time() {
    let (stage, operator, mut server) = serve(&[]);
    server.kill();
    noticed(&operator);
    let began = Instant::now();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| timed(&operator, &stage.push("github", "1")));
        eventually(SOON, "it has waited for a while", || {
            if began.elapsed() > Duration::from_secs(3) { Ok(()) } else { Err(format!("{:?}", began.elapsed())) }
        });
        assert!(!waiting.is_finished());
        server.run();
        let (answer, took) = waiting.join().unwrap();
        assert_eq!(answer.json(), json!({"status": "stored", "id": "1"}));
        assert!(took > Duration::from_secs(3) && took < Duration::from_secs(10), "{took:?}");
    });
    assert_eq!(server.one_stored(&stage.stream).payload, PUSH.as_bytes());
}

#[test]
fn nothing_acknowledged_is_missing_and_nothing_is_there_twice() {
    let (stage, operator, mut server) = serve(&[]);
    let is_over = AtomicBool::new(false);
    let next = AtomicUsize::new(0);
    let acknowledged = thread::scope(|scope| {
        let senders: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut acknowledged = Vec::new();
                    while !is_over.load(Ordering::Relaxed) {
                        let id = next.fetch_add(1, Ordering::Relaxed).to_string();
                        // As a provider does: the same delivery again until it is taken.
                        while operator.send(&to_slack(&stage, &id)).status != 200 {
                            thread::sleep(Duration::from_millis(20));
                        }
                        acknowledged.push(id);
                    }
                    acknowledged
                })
            })
            .collect();
        for round in 1..=3 {
            let reached = round * 150;
            eventually(Duration::from_secs(60), "deliveries go on", || match next.load(Ordering::Relaxed) {
                sent if sent > reached => Ok(()),
                sent => Err(sent.to_string()),
            });
            server.kill();
            noticed(&operator);
            server.run();
        }
        is_over.store(true, Ordering::Relaxed);
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(acknowledged.len() > 450);
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for stored in server.stored(&stage.stream) {
        *times.entry(stored.header("ce-id").to_owned()).or_default() += 1;
    }
    for id in &acknowledged {
        assert_eq!(times.get(id), Some(&1), "{id}");
    }
    assert_eq!(times.len(), acknowledged.len());
}

#[test]
fn what_was_in_flight_at_the_break_is_stored_once() {
    let (stage, operator, mut server) = serve(&[]);
    server.signal("STOP");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| operator.send(&stage.push("github", "1")));
        eventually(SOON, "it is in flight", || match operator.metric("jethook_inflight_bytes") {
            Some(bytes) if bytes > 0.0 => Ok(()),
            other => Err(format!("{other:?}")),
        });
        server.kill();
        server.run();
        assert_eq!(waiting.join().unwrap().status, 200);
    });
    assert_eq!(server.one_stored(&stage.stream).header("ce-id"), "1");
}

#[test]
fn while_nats_is_frozen_memory_does_not_grow_with_refused_deliveries() {
    let (stage, operator, server) = serve(&[]);
    assert_eq!(operator.send(&to_slack(&stage, "before")).status, 200);
    server.signal("STOP");
    let large = |id: &str| {
        let body = format!(r#"{{"type":"event_callback","event_id":"{id}","pad":"{}"}}"#, "x".repeat(100_000));
        sign::slack(&stage.path("slack"), KEY, sign::now(), body)
    };
    // The first few wait for their ack; then the stream counts as away.
    eventually(Duration::from_secs(30), "it counts as away", || match timed(&operator, &large("warm")) {
        (answer, took) if answer.status == 503 && took < Duration::from_millis(200) => Ok(()),
        (answer, took) => Err(format!("{} after {took:?}", answer.status)),
    });
    let refuse = |times: usize| {
        thread::scope(|scope| {
            for part in 0..4 {
                let (large, operator) = (&large, &operator);
                scope.spawn(move || {
                    for number in 0..times / 4 {
                        assert_unavailable(&operator.send(&large(&format!("{part}-{number}"))));
                    }
                });
            }
        });
        operator.rss()
    };
    let before = refuse(200);
    let after = refuse(1200);
    let grown = after.saturating_sub(before) / 1024 / 1024;
    assert!(grown < 20, "{grown} MiB more after 1,200 refused deliveries of 100 KiB");
    server.signal("CONT");
    operator.send_until(200, "it serves again", &to_slack(&stage, "after"));
    // At the break a few were under way and may be stored, each once; those refused since were never sent.
    let ids: Vec<_> = server.stored(&stage.stream).iter().map(|stored| stored.header("ce-id").to_owned()).collect();
    assert!(ids.len() < 20, "{ids:?}");
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "{ids:?}");
}

#[test]
fn reconnect_wait_bounds_how_long_patient_deliveries_wait() {
    let (stage, operator, mut server) = serve(&["--reconnect-wait", "1s"]);
    server.kill();
    noticed(&operator);
    let (answer, took) = timed(&operator, &stage.push("github", "1"));
    assert_unavailable(&answer);
    assert!(took > Duration::from_millis(700) && took < Duration::from_millis(2500), "{took:?}");
}

#[test]
fn reconnect_waiters_bounds_how_many_wait() {
    let (stage, operator, mut server) = serve(&["--reconnect-waiters", "2", "--reconnect-wait", "4s"]);
    server.kill();
    noticed(&operator);
    let mut took: Vec<_> = thread::scope(|scope| {
        let (stage, operator) = (&stage, &operator);
        let senders: Vec<_> =
            (0..6).map(|id| scope.spawn(move || timed(operator, &stage.push("github", &id.to_string())))).collect();
        senders.into_iter().map(|sender| sender.join().unwrap().1).collect()
    });
    took.sort();
    assert!(took[3] < A_SECOND && took[4] > Duration::from_secs(3), "{took:?}");
}

#[test]
fn without_nats_at_the_start_it_warns_once_and_becomes_ready_by_itself() {
    let mut server = Nats::new("");
    let stage = Stage::of_files_with(&server.url());
    let operator = stage.start(&[]);
    stage.github("github", json!({}));
    eventually(SOON, "it is up and unready for want of NATS alone", || match operator.readiness() {
        (503, text) if text.contains("nats") && !text.contains("endpoints") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(operator.send(&stage.push("github", "1")).status, 503);
    let warnings = || operator.log().lines().filter(|line| line.contains("WARN") && line.contains("NATS")).count();
    eventually(SOON, "it warns", || if warnings() > 0 { Ok(()) } else { Err(operator.log()) });
    let began = Instant::now();
    eventually(SOON, "two more seconds pass", || {
        if began.elapsed() > Duration::from_secs(2) { Ok(()) } else { Err(String::new()) }
    });
    assert_eq!(warnings(), 1, "{}", operator.log());
    server.run();
    let operator = operator.ready();
    operator.send_until(200, "it serves", &stage.push("github", "1"));
}

#[test]
fn an_outage_of_thirty_seconds_is_told_in_the_status_and_heals() {
    let (stage, operator, mut server) = serve(&[]);
    server.kill();
    noticed(&operator);
    let began = Instant::now();
    let told = || match stage.condition("github", "TargetReady") {
        Some(condition) if condition.reason == "NatsUnavailable" => Ok(condition),
        other => Err(format!("{other:?}")),
    };
    let (condition, _) = eventually(Duration::from_secs(40), "it is told", told);
    assert_eq!(condition.status, "Unknown");
    assert!(began.elapsed() > Duration::from_secs(25), "a blink is no news: {:?}", began.elapsed());
    assert_eq!(stage.condition("github", "Ready").unwrap().reason, "NatsUnavailable");
    server.run();
    stage.ready("github");
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
}
