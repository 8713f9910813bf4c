//! What is applied is served, and how soon; who owns a path.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::eventually::{A_SECOND, eventually, throughout};
use crate::support::sign;
use crate::support::stage::{KEY, PUSH, Stage};

const MANIFEST: &str = r#"
apiVersion: v1
kind: Secret
metadata: {name: github}
stringData: {secret: It's a Secret to Everybody}
---
apiVersion: jethook.dev/v1alpha1
kind: WebhookEndpoint
metadata: {name: github}
spec:
  provider: github
  secretRefs: [{name: github}]
"#;

#[test]
fn an_endpoint_applied_by_kubectl_is_served_within_a_second() {
    let stage = Stage::new();
    let operator = stage.operator(&[]);
    let push = stage.push("github", "1");
    assert_eq!(operator.send(&push).status, 404);
    stage.kubectl(&["apply", "-f", "-"], MANIFEST).ok();
    operator.send_until_within(A_SECOND, 200, "the endpoint is served", &push);
    stage.ready("github");
    assert_eq!(stage.one_stored().payload, PUSH.as_bytes());
    let updates = operator.metric("jethook_route_update_seconds_count").unwrap();
    assert!(updates > 0.0);
    let ready = format!("jethook_endpoint_ready{{namespace=\"{}\",endpoint=\"github\"}}", stage.namespace);
    assert_eq!(operator.metric(&ready), Some(1.0));
}

#[test]
fn a_deleted_endpoint_is_404_within_a_second() {
    let stage = Stage::new();
    let operator = stage.operator(&[]);
    stage.github("gone", json!({}));
    stage.github("stays", json!({}));
    stage.ready("gone");
    stage.ready("stays");
    let unknown = operator.send(&sign::github("/no/such/path", KEY, "push", "1", PUSH));
    assert_eq!(operator.send(&stage.push("gone", "1")).status, 200);
    stage.kubectl(&["delete", "whe", "gone", "--wait=false"], "").ok();
    let (answer, _) = operator.send_until_within(A_SECOND, 404, "the path is free", &stage.push("gone", "2"));
    assert_eq!(answer.body, unknown.body, "a path that was claimed once looks like one that never was");
    assert_eq!(operator.send(&stage.push("stays", "3")).status, 200);
}

#[test]
fn a_changed_path_is_live_within_a_second_and_the_old_one_free() {
    let stage = Stage::new();
    let operator = stage.operator(&[]);
    stage.github("mover", json!({}));
    stage.ready("mover");
    let moved = format!("/{}/new/place", stage.namespace);
    stage.github("mover", json!({"path": moved}));
    operator.send_until_within(A_SECOND, 200, "the new path", &sign::github(&moved, KEY, "push", "1", PUSH));
    assert_eq!(operator.send(&stage.push("mover", "2")).status, 404);
    stage.ready("mover");
    assert_eq!(stage.status("mover")["path"], moved);
    for near in [format!("{moved}/"), moved.to_uppercase(), format!("{moved}/more"), moved.replace("new", "n%65w")] {
        assert_eq!(operator.send(&sign::github(&near, KEY, "push", "3", PUSH)).status, 404, "{near}");
    }
}

/// Two endpoints on one path, the older with the name that sorts last, so that only its age can decide.
fn rivals(stage: &Stage) -> String {
    let path = format!("/{}/shared", stage.namespace);
    stage.secret("older-key", &[("secret", "the older one's")]);
    stage.secret("younger-key", &[("secret", "the younger one's")]);
    stage.endpoint("z-older", json!({"provider": "github", "path": path, "secretRefs": [{"name": "older-key"}]}));
    let created = stage.get("z-older").unwrap()["metadata"]["creationTimestamp"].as_str().unwrap().to_owned();
    let created: jiff::Timestamp = created.parse().unwrap();
    eventually(Duration::from_secs(3), "another second has begun", || {
        let now = jiff::Timestamp::now().as_second();
        if now > created.as_second() { Ok(()) } else { Err(format!("{now}")) }
    });
    stage.endpoint("a-younger", json!({"provider": "github", "path": path, "secretRefs": [{"name": "younger-key"}]}));
    path
}

#[test]
fn of_two_endpoints_on_one_path_the_older_keeps_it() {
    let stage = Stage::new();
    let operator = stage.operator(&[]);
    let path = rivals(&stage);
    stage.ready("z-older");
    let message = stage.expect("a-younger", "Accepted", "False", "PathConflict");
    assert!(message.contains(&path) && message.contains("z-older"), "{message}");
    assert_eq!(stage.condition("a-younger", "Ready").unwrap().reason, "PathConflict");
    assert_eq!(operator.send(&sign::github(&path, "the older one's", "push", "1", PUSH)).status, 200);
    assert_eq!(operator.send(&sign::github(&path, "the younger one's", "push", "2", PUSH)).status, 401);
    stage.delete("WebhookEndpoint", "z-older");
    let promoted = sign::github(&path, "the younger one's", "push", "3", PUSH);
    operator.send_until_within(A_SECOND, 200, "the younger one has the path", &promoted);
    stage.ready("a-younger");
}

#[test]
fn an_older_endpoint_broken_by_an_edit_is_503_never_404_and_never_the_newers() {
    let stage = Stage::new();
    let operator = stage.operator(&[]);
    let path = rivals(&stage);
    stage.ready("z-older");
    stage.expect("a-younger", "Accepted", "False", "PathConflict");
    stage.kubectl(&["patch", "whe", "z-older", "--type=merge", "-p", r#"{"spec":{"provider":"githob"}}"#], "").ok();
    let (older, younger) = (
        sign::github(&path, "the older one's", "push", "1", PUSH),
        sign::github(&path, "the younger one's", "push", "2", PUSH),
    );
    let mut seen = Vec::new();
    let began = Instant::now();
    throughout(A_SECOND, || {
        let (one, two) = (operator.send(&older), operator.send(&younger));
        assert!([200, 503].contains(&one.status), "{}", one.status);
        assert!([401, 503].contains(&two.status), "{}", two.status);
        seen.push((one.status, two.status, began.elapsed()));
    });
    let last = operator.send(&older);
    assert_eq!((last.status, last.header("retry-after").is_some()), (503, true), "{seen:?}");
    assert_eq!(operator.send(&younger).status, 503);
    stage.expect("z-older", "Accepted", "False", "UnknownProvider");
    stage.expect("a-younger", "Accepted", "False", "PathConflict");
    stage.kubectl(&["patch", "whe", "z-older", "--type=merge", "-p", r#"{"spec":{"provider":"github"}}"#], "").ok();
    operator.send_until_within(A_SECOND, 200, "it is mended", &older);
}

#[test]
fn a_path_of_another_namespace_is_refused_without_naming_its_owner() {
    let (one, two) = (Stage::new(), Stage::new());
    let both = format!("{},{}", one.namespace, two.namespace);
    let operator = one.operator(&["--watch-namespaces", &both, "--allow-path", "/common/*"]);
    one.github("first", json!({"path": "/common/hook"}));
    one.ready("first");
    two.github(
        "second",
        json!({"path": "/common/hook", "target": {"subject": format!("{}.{{namespace}}.{{event}}", one.prefix)}}),
    );
    let message = two.expect("second", "Accepted", "False", "PathConflict");
    assert!(!message.contains("first") && !message.contains(&one.namespace), "{message}");
    assert_eq!(operator.send(&sign::github("/common/hook", KEY, "push", "1", PUSH)).status, 200);
    assert!(one.one_stored().header("ce-source").ends_with("/first"));
}

#[test]
fn a_suspended_endpoint_asks_its_senders_to_come_back() {
    let stage = Stage::new();
    let operator = stage.operator(&[]);
    stage.github("github", json!({"suspend": true}));
    stage.expect("github", "Ready", "True", "Suspended");
    let answer = operator.send(&stage.push("github", "1"));
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    assert_eq!(operator.counted("suspended"), 1.0);
    assert_eq!(stage.count(), 0);
    stage.github("github", json!({"suspend": false}));
    operator.send_until_within(A_SECOND, 200, "it serves again", &stage.push("github", "1"));
    stage.ready("github");
    assert_eq!(stage.count(), 1);
}

#[test]
fn the_status_tells_what_is_served() {
    let stage = Stage::new();
    let _operator = stage.operator(&["--public-url", "https://hooks.example.com/in/", "--duplicate-window", "90m"]);
    stage.github("github", json!({"limits": {"maxBodySize": "64Ki"}}));
    stage.ready("github");
    let status = stage.status("github");
    let path = stage.path("github");
    let resource = stage.kubectl(&["get", "secret", "github", "-o", "jsonpath={.metadata.resourceVersion}"], "").ok();
    for (field, expected) in [
        ("observedGeneration", json!(1)),
        ("path", json!(path)),
        ("url", json!(format!("https://hooks.example.com/in{path}"))),
        ("stream", json!(stage.stream)),
        ("subject", json!(format!("{}.{}.github.>", stage.prefix, stage.namespace))),
        ("scheme", json!("hmac-sha256")),
        ("authenticates", json!("body")),
        ("secrets", json!([{"name": "github", "key": "secret", "resourceVersion": resource}])),
        ("maxBodySize", json!(65_536)),
        ("duplicateWindow", json!("1h30m")),
    ] {
        assert_eq!(status[field], expected, "{field}");
    }
    let types: Vec<_> = status["conditions"].as_array().unwrap().iter().map(|c| c["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["Accepted", "ResolvedRefs", "TargetReady", "Programmed", "Ready"]);
    for condition in status["conditions"].as_array().unwrap() {
        assert_eq!((&condition["status"], &condition["observedGeneration"]), (&json!("True"), &json!(1)));
        assert!(!condition["message"].as_str().unwrap().is_empty());
    }
    // GitHub's own limit is larger than what NATS takes with room for headers.
    stage.github("github", json!({"limits": {"maxBodySize": "8Mi"}}));
    eventually(Duration::from_secs(5), "the limit is NATS's", || {
        let size = stage.status("github")["maxBodySize"].clone();
        if size == json!(1_028_096) { Ok(()) } else { Err(size.to_string()) }
    });
}

#[test]
fn an_operator_that_starts_again_writes_no_status_that_is_there() {
    let stage = Stage::new();
    let mut operator = stage.operator(&[]);
    stage.github("github", json!({}));
    stage.ready("github");
    assert_eq!(operator.stop(), Some(0));
    let version = |stage: &Stage| stage.get("github").unwrap()["metadata"]["resourceVersion"].clone();
    let before = version(&stage);
    let operator = stage.operator(&[]);
    eventually(Duration::from_secs(5), "it leads", || {
        if operator.metric("jethook_leader") == Some(1.0) { Ok(()) } else { Err(operator.log()) }
    });
    // A change that it does write shows that it has come to writing.
    stage.github("other", json!({}));
    stage.expect("other", "Ready", "True", "Ready");
    assert_eq!(version(&stage), before);
}
