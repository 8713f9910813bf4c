//! `Ready` means that every replica serves, and statuses are written only when there is something new to say.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::apiserver::apiserver;
use crate::support::eventually::{SOON, eventually, throughout};
use crate::support::http::Request;
use crate::support::load::{Load, Plan, Sender};
use crate::support::nats::Nats;
use crate::support::operator::Operator;
use crate::support::stage::{KEY, Stage, endpoint};

/// Enough that one write too many for each would show.
const MANY: usize = 1000;
/// Enough to write more than fifty a second.
const SOME: usize = 200;

/// Writes of statuses in the stage's namespace, by the second in which they came.
fn writes(stage: &Stage) -> BTreeMap<String, usize> {
    let mut by_second = BTreeMap::new();
    for request in stage.server().audit() {
        let of = &request["objectRef"];
        if of["subresource"] == "status" && of["namespace"] == stage.namespace.as_str() && request["verb"] == "patch" {
            let second = request["requestReceivedTimestamp"].as_str().unwrap().get(..19).unwrap().to_owned();
            *by_second.entry(second).or_default() += 1;
        }
    }
    by_second
}

fn total(stage: &Stage) -> usize {
    writes(stage).values().sum()
}

/// So many endpoints that share a Secret, all of them ready.
fn many(stage: &Stage, count: usize) -> Vec<String> {
    stage.secret("shared", &[("secret", KEY)]);
    let names: Vec<_> = (0..count).map(|number| format!("e{number}")).collect();
    let list: Vec<_> = names
        .iter()
        .map(|name| endpoint(name, json!({"provider": "github", "secretRefs": [{"name": "shared"}]})))
        .collect();
    let said = stage.kubectl(
        &["apply", "--server-side", "-f", "-"],
        &json!({"apiVersion": "v1", "kind": "List", "items": list}).to_string(),
    );
    said.ok();
    eventually(Duration::from_secs(90), "all are ready", || {
        let url = format!("/apis/jethook.dev/v1alpha1/namespaces/{}/webhookendpoints", stage.namespace);
        let list = stage.api(http::Request::get(url).body(Vec::new()).unwrap()).unwrap();
        let is_ready = |item: &&Value| {
            let conditions = item["status"]["conditions"].as_array();
            conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"))
        };
        match list["items"].as_array().unwrap().iter().filter(is_ready).count() {
            ready if ready == count => Ok(()),
            ready => Err(ready.to_string()),
        }
    });
    names
}

/// 10,000 a second to five of them, or as many as this build takes.
fn deliveries(stage: &Stage, target: SocketAddr, names: &[String]) -> Plan {
    let senders = names[..5].iter().map(|name| Sender::Github { path: stage.path(name), key: KEY.to_owned() });
    Plan {
        targets: vec![target],
        rate: 10_000,
        open_max: 64,
        retries: false,
        senders: senders.collect(),
        name: "d".to_owned(),
    }
}

fn three_replicas(stage: &Stage) -> [Operator; 3] {
    [(); 3].map(|()| stage.operator(&[]))
}

#[test]
fn whoever_waits_for_ready_finds_the_route_on_every_replica() {
    let stage = Stage::new();
    let replicas = three_replicas(&stage);
    stage.secret("shared", &[("secret", KEY)]);
    for number in 0..25 {
        let name = format!("e{number}");
        stage.endpoint(&name, json!({"provider": "github", "secretRefs": [{"name": "shared"}]}));
        let said = stage.kubectl(&["wait", "--for=condition=Ready", &format!("whe/{name}"), "--timeout=20s"], "");
        said.ok();
        for replica in &replicas {
            let answer = replica.send(&stage.push(&name, "1"));
            assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        }
    }
}

#[test]
fn a_replica_that_lags_is_waited_for_and_one_that_has_gone_is_not() {
    let stage = Stage::new();
    let [_first, mut second, third] = three_replicas(&stage);
    stage.github("warm", json!({}));
    stage.ready("warm");
    third.signal("STOP");
    stage.github("late", json!({}));
    let message = stage.expect("late", "Programmed", "False", "Pending");
    assert!(message.contains("2 of 3 replicas"), "{message}");
    third.signal("CONT");
    stage.ready("late");
    assert_eq!(third.send(&stage.push("late", "1")).status, 200);
    // One that says good-bye does not count from then on; one that is killed does not after 15 s.
    assert_eq!(second.stop(), Some(0));
    let began = Instant::now();
    stage.github("without-second", json!({}));
    stage.ready("without-second");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    third.signal("KILL");
    stage.github("without-third", json!({}));
    stage.expect("without-third", "Programmed", "False", "Pending");
    eventually(Duration::from_secs(25), "it no longer counts", || match stage.condition("without-third", "Ready") {
        Some(condition) if condition.status == "True" => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(stage.condition("warm", "Ready").unwrap().status, "True");
}

#[test]
fn idle_endpoints_deliveries_scaling_and_two_leaders_cause_no_status_writes() {
    let stage = Stage::new();
    let [first, _second, mut third] = three_replicas(&stage);
    let names = many(&stage, MANY);
    let settled = total(&stage);
    assert!(settled <= MANY + MANY / 10, "about one write for each: {settled}");
    let unchanged = |what: &str| assert_eq!(total(&stage), settled, "{what}");
    throughout(Duration::from_secs(2), || assert_eq!(total(&stage), settled, "idle"));
    let load = Load::start(deliveries(&stage, first.receiver, &names));
    throughout(Duration::from_secs(4), || assert_eq!(total(&stage), settled, "under deliveries"));
    let taken = load.end(SOON).counts().acknowledged;
    assert!(taken > 1000, "{taken} deliveries");
    unchanged("after deliveries");
    let fourth = stage.operator(&[]);
    assert_eq!(third.stop(), Some(0));
    throughout(Duration::from_secs(2), || assert_eq!(fourth.send(&stage.push(&names[0], "1")).status, 200));
    unchanged("scaled up and down");
    // The same manager by another Lease: both lead and write.
    let other = Stage::new();
    let forced = stage.operator(&["--lease-namespace", &other.namespace]);
    eventually(SOON, "the forced one leads, too", || {
        let leading = [&first, &forced].map(|operator| operator.metric("jethook_leader"));
        if leading == [Some(1.0); 2] { Ok(()) } else { Err(format!("{leading:?}")) }
    });
    throughout(Duration::from_secs(4), || assert_eq!(forced.send(&stage.push(&names[1], "2")).status, 200));
    unchanged("two leaders");
}

#[test]
fn an_outage_of_nats_stays_under_fifty_status_writes_a_second() {
    let mut server = Nats::start("");
    let stage = Stage::in_cluster(apiserver(), &server.url());
    let operator = stage.operator(&[]);
    let names = many(&stage, SOME);
    let before = total(&stage);
    // A blink is no news at all.
    server.kill();
    eventually(SOON, "it is noticed", || match operator.metric("jethook_nats_connected") {
        Some(0.0) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    server.run();
    operator.send_until(200, "it serves again", &stage.push(&names[0], "1"));
    throughout(Duration::from_secs(2), || {
        assert_eq!(Request::get("/readyz").send(operator.admin).unwrap().status, 200)
    });
    assert_eq!(total(&stage), before, "a blink");
    server.kill();
    let told = |reason: &str| {
        let name = names.last().unwrap();
        eventually(Duration::from_secs(60), reason, || match stage.condition(name, "Ready") {
            Some(condition) if condition.reason == reason => Ok(()),
            other => Err(format!("{other:?}")),
        });
    };
    told("NatsUnavailable");
    server.run();
    told("Ready");
    let most = writes(&stage).into_values().max().unwrap();
    assert!(most < 50, "{most} in one second");
}
