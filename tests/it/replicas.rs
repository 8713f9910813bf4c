//! Several replicas, several operators: who serves, who writes, and how one leaves.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::eventually::{A_SECOND, SOON, eventually};
use crate::support::http::Connection;
use crate::support::nats::nats;
use crate::support::operator::Operator;
use crate::support::runtime::block_on;
use crate::support::sign;
use crate::support::stage::{KEY, PUSH, Stage, endpoint};

fn leads(operator: &Operator) -> bool {
    operator.metric("jethook_leader") == Some(1.0)
}

/// Two replicas of one operator, the leader first.
fn two_replicas(stage: &Stage) -> [Operator; 2] {
    let first = stage.operator(&[]);
    eventually(SOON, "the first one leads", || if leads(&first) { Ok(()) } else { Err(first.log()) });
    let second = stage.operator(&[]);
    assert!(!leads(&second));
    [first, second]
}

#[test]
fn every_replica_serves_and_they_know_each_others_deliveries() {
    let stage = Stage::new();
    let [leader, follower] = two_replicas(&stage);
    stage.github("github", json!({}));
    leader.send_until_within(A_SECOND, 200, "the leader serves", &stage.push("github", "1"));
    let (answer, _) = follower.send_until_within(A_SECOND, 200, "the follower serves", &stage.push("github", "1"));
    assert_eq!(answer.json()["status"], "duplicate");
    assert_eq!(follower.send(&stage.push("github", "2")).json()["status"], "stored");
    stage.ready("github");
    stage.secret("github", &[("secret", "another")]);
    let rotated = sign::github(&stage.path("github"), "another", "push", "3", PUSH);
    follower.send_until_within(A_SECOND, 200, "the follower has the new key", &rotated);
    stage.delete("WebhookEndpoint", "github");
    follower.send_until_within(A_SECOND, 404, "the follower forgets it", &rotated);
    for operator in [&leader, &follower] {
        let heard = operator.metric("jethook_watch_last_event_timestamp_seconds{kind=\"WebhookEndpoint\"}").unwrap();
        assert!((heard - sign::now() as f64).abs() < 30.0, "{heard}");
    }
}

#[test]
fn when_the_leader_is_killed_another_writes_status_within_twenty_seconds() {
    let stage = Stage::new();
    let [leader, follower] = two_replicas(&stage);
    stage.github("before", json!({}));
    stage.ready("before");
    leader.signal("KILL");
    let began = Instant::now();
    stage.github("after", json!({}));
    follower.send_until_within(A_SECOND, 200, "serving needs no leader", &stage.push("after", "1"));
    let written = || match stage.condition("after", "Ready") {
        Some(condition) if condition.status == "True" => Ok(()),
        other => Err(format!("{other:?}")),
    };
    eventually(Duration::from_secs(20), "the other writes", written);
    assert!(leads(&follower));
    assert!(began.elapsed() > Duration::from_secs(8), "not before the Lease ran out: {:?}", began.elapsed());
}

#[test]
fn a_leader_that_stops_gives_the_lease_back() {
    let stage = Stage::new();
    let [mut leader, follower] = two_replicas(&stage);
    assert_eq!(leader.stop(), Some(0));
    let (_, took) = eventually(Duration::from_secs(6), "the other leads", || {
        if leads(&follower) { Ok(()) } else { Err(follower.log()) }
    });
    assert!(took < Duration::from_secs(5), "{took:?}");
}

fn labelled(stage: &Stage, name: &str, team: &str) {
    stage.secret(name, &[("secret", KEY)]);
    let mut object = endpoint(name, json!({"provider": "github", "secretRefs": [{"name": name}]}));
    object["metadata"]["labels"] = json!({"team": team});
    stage.put(object);
}

/// Who has ever written to an endpoint.
fn managers(stage: &Stage, name: &str) -> Vec<String> {
    let fields = stage.get(name).unwrap()["metadata"]["managedFields"].clone();
    let mut managers: Vec<_> =
        fields.as_array().unwrap().iter().map(|entry| entry["manager"].as_str().unwrap().to_owned()).collect();
    managers.sort();
    managers
}

#[test]
fn operators_with_different_selectors_leave_each_others_endpoints_alone() {
    let stage = Stage::new();
    let [one, two] = ["a", "b"].map(|team| {
        let (selector, lease) = (format!("team={team}"), format!("lease-{team}"));
        let (stream, prefix) = (format!("{}-{team}", stage.stream), format!("{}-{team}", stage.prefix));
        stage.operator(&[
            "--endpoint-selector",
            &selector,
            "--lease-name",
            &lease,
            "--stream",
            &stream,
            "--prefix",
            &prefix,
        ])
    });
    labelled(&stage, "of-a", "a");
    labelled(&stage, "of-b", "b");
    labelled(&stage, "of-nobody", "c");
    stage.ready("of-a");
    stage.ready("of-b");
    for (operator, own, other) in [(&one, "of-a", "of-b"), (&two, "of-b", "of-a")] {
        assert_eq!(operator.send(&stage.push(own, "1")).status, 200);
        assert_eq!(operator.send(&stage.push(other, "1")).status, 404);
        assert_eq!(operator.send(&stage.push("of-nobody", "1")).status, 404);
    }
    assert_eq!(managers(&stage, "of-a"), ["jethook-lease-a", "test"]);
    assert_eq!(managers(&stage, "of-b"), ["jethook-lease-b", "test"]);
    assert_eq!(managers(&stage, "of-nobody"), ["test"]);
    assert_eq!(stage.status("of-nobody"), Value::Null);
    // An endpoint that changes sides is served by the other one.
    labelled(&stage, "of-a", "b");
    one.send_until_within(A_SECOND, 404, "the first lets go", &stage.push("of-a", "2"));
    two.send_until_within(A_SECOND, 200, "the second takes it", &stage.push("of-a", "2"));
}

#[test]
fn operators_that_both_claim_an_endpoint_tell_and_do_not_fight() {
    let stage = Stage::new();
    let _one = stage.operator(&["--lease-name", "one", "--public-url", "https://one.example.com"]);
    stage.github("github", json!({}));
    stage.ready("github");
    let url = stage.status("github")["url"].clone();
    let _two = stage.operator(&["--lease-name", "two", "--public-url", "https://two.example.com"]);
    let note = stage.event("github", "ForeignOperator");
    assert!(note.contains("jethook-one"), "{note}");
    assert_eq!(stage.status("github")["url"], url);
}

#[test]
fn the_lease_has_the_name_and_the_namespace_that_the_flags_give() {
    let (stage, other) = (Stage::new(), Stage::new());
    let elsewhere = other.namespace.clone();
    let _operator = stage.operator(&["--lease-name", "chosen", "--lease-namespace", &elsewhere]);
    let holder = || {
        let url = format!("/apis/coordination.k8s.io/v1/namespaces/{elsewhere}/leases/chosen");
        let lease = stage.api(http::Request::get(url).body(Vec::new()).unwrap()).map_err(|error| error.to_string())?;
        lease["spec"]["holderIdentity"].as_str().map(str::to_owned).ok_or_else(|| lease.to_string())
    };
    let (holder, _) = eventually(SOON, "the Lease is held", holder);
    assert!(!holder.is_empty());
}

#[test]
fn only_the_watched_namespaces_are_served_and_one_that_is_forbidden_holds_nothing_up() {
    let (stage, forbidden, unwatched) = (Stage::new(), Stage::new(), Stage::new());
    block_on(stage.server().grant("tenant", &stage.namespace));
    let both = format!("{},{}", forbidden.namespace, stage.namespace);
    let kubeconfig = stage.server().kubeconfig("tenant");
    // Without rights on a Lease it never leads, so the stream is someone else's.
    nats().create_stream(async_nats::jetstream::stream::Config {
        name: stage.stream.clone(),
        subjects: vec![format!("{}.>", stage.prefix)],
        ..Default::default()
    });
    let operator = stage.operator(&["--watch-namespaces", &both, "--kubeconfig", kubeconfig.to_str().unwrap()]);
    stage.github("github", json!({}));
    operator.send_until(200, "it is served", &stage.push("github", "1"));
    for other in [&forbidden, &unwatched] {
        other.github("github", json!({}));
        assert_eq!(operator.send(&other.push("github", "1")).status, 404);
    }
    eventually(SOON, "it is told", || {
        let log = operator.log();
        let is_told = log.lines().any(|line| line.contains("WARN") && line.contains(&forbidden.namespace));
        if is_told { Ok(()) } else { Err(log) }
    });
}

#[test]
fn sigterm_under_load_answers_every_request_on_an_accepted_connection() {
    let stage = Stage::of_files();
    let mut operator = stage.operator(&["--drain-delay", "500ms"]);
    stage.github("github", json!({}));
    stage.ready("github");
    let (address, answered) = (operator.receiver, AtomicUsize::new(0));
    let push = stage.push("github", "1");
    let send = |keeps: bool| {
        let mut connection: Option<Connection> = None;
        loop {
            let mut open = match connection.take() {
                Some(open) => open,
                None => match Connection::open(address) {
                    Ok(open) => open,
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Ok(()),
                    Err(error) => return Err(format!("connect: {error}")),
                },
            };
            open.write(&push.bytes()).map_err(|error| format!("write: {error}"))?;
            let answer = open.read_answer().map_err(|error| format!("read: {error}"))?;
            if answer.status != 200 {
                return Err(format!("{} {}", answer.status, answer.text()));
            }
            answered.fetch_add(1, Ordering::Relaxed);
            let closes = answer.header("connection") == Some("close");
            connection = (keeps && !closes).then_some(open);
        }
    };
    let (code, faults) = thread::scope(|scope| {
        let senders: Vec<_> = (0..12).map(|number| scope.spawn(move || (send)(number % 2 == 0))).collect();
        eventually(SOON, "the load is on", || match answered.load(Ordering::Relaxed) {
            number if number > 500 => Ok(()),
            number => Err(number.to_string()),
        });
        operator.signal("TERM");
        let code = operator.ended(Duration::from_secs(15)).code();
        let faults: Vec<_> = senders.into_iter().filter_map(|sender| sender.join().unwrap().err()).collect();
        (code, faults)
    });
    assert_eq!(code, Some(0), "{}", operator.log());
    assert!(faults.is_empty(), "{faults:?} after {} answers", answered.load(Ordering::Relaxed));
}

#[test]
fn an_idle_operator_stops_at_once_with_code_zero() {
    for signal in ["TERM", "INT"] {
        let stage = Stage::of_files();
        let mut operator = stage.operator(&[]);
        let _idle = Connection::open(operator.receiver).unwrap();
        let began = Instant::now();
        operator.signal(signal);
        assert_eq!(operator.ended(SOON).code(), Some(0), "{signal}");
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    }
}
