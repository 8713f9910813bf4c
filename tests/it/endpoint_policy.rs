//! What a namespace may claim: its own and no more, until a flag says so.

use serde_json::json;

use crate::support::nats::nats;
use crate::support::sign;
use crate::support::stage::{KEY, PUSH, Stage};

#[test]
fn paths_outside_the_namespace_need_allow_path() {
    let stage = Stage::new();
    let foreign = format!("/{}-other/hook", stage.namespace);
    let mut operator = stage.operator(&[]);
    stage.github("github", json!({"path": foreign}));
    let message = stage.expect("github", "Accepted", "False", "PathNotAllowed");
    assert!(message.contains("spec.path") && message.contains("--allow-path"), "{message}");
    assert_eq!(operator.send(&sign::github(&foreign, KEY, "push", "1", PUSH)).status, 404);
    assert_eq!(operator.stop(), Some(0));
    let mut operator = stage.operator(&["--allow-path", &format!("elsewhere={foreign}")]);
    // A change that the new operator must have judged.
    stage.github("github", json!({"path": foreign, "suspend": true}));
    stage.expect("github", "Accepted", "False", "PathNotAllowed");
    assert_eq!(operator.stop(), Some(0));
    let mine = format!("{}={foreign}", stage.namespace);
    let operator = stage.operator(&["--allow-path", "/not/this", "--allow-path", &mine]);
    stage.github("github", json!({"path": foreign}));
    stage.ready("github");
    assert_eq!(operator.send(&sign::github(&foreign, KEY, "push", "1", PUSH)).status, 200);
}

#[test]
fn subjects_outside_the_namespace_need_allow_subject() {
    let stage = Stage::of_files();
    let theirs = format!("{}.somebody.{{event}}", stage.prefix);
    let operator = stage.operator(&[]);
    stage.github("github", json!({"target": {"subject": theirs}}));
    let message = stage.expect("github", "Accepted", "False", "SubjectNotAllowed");
    assert!(message.contains("spec.target.subject") && message.contains("--allow-subject"), "{message}");
    assert_eq!(operator.send(&stage.push("github", "1")).status, 503);
    drop(operator);
    let operator = stage.operator(&["--allow-subject", &format!("{}.*.>", stage.prefix)]);
    stage.ready("github");
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
    assert_eq!(stage.one_stored().subject, format!("{}.somebody.push", stage.prefix));
}

#[test]
fn streams_but_the_operators_need_allow_stream() {
    let stage = Stage::of_files();
    let own = format!("{}-OWN", stage.stream);
    let subject = format!("own-{}", stage.namespace);
    nats().create_stream(async_nats::jetstream::stream::Config {
        name: own.clone(),
        subjects: vec![format!("{subject}.>")],
        ..Default::default()
    });
    let target = json!({"target": {"stream": own, "subject": format!("{subject}.{{name}}.{{event}}")}});
    let operator = stage.operator(&["--allow-subject", &format!("{subject}.>")]);
    stage.github("github", target.clone());
    let message = stage.expect("github", "Accepted", "False", "StreamNotAllowed");
    assert!(message.contains("spec.target.stream") && message.contains("--allow-stream"), "{message}");
    drop(operator);
    let operator = stage.operator(&["--allow-subject", &format!("{subject}.>"), "--allow-stream", &own]);
    stage.ready("github");
    let before = nats().stream(&own).unwrap().config;
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
    let stored = nats().one_stored(&own);
    assert_eq!(stored.subject, format!("{subject}.github.push"));
    assert_eq!(stored.header("Nats-Expected-Stream"), own);
    assert_eq!(nats().stream(&own).unwrap().config, before, "a stream of someone else is never changed");
    assert_eq!(stage.count(), 0);
}

#[test]
fn deliveries_go_unverified_only_where_an_admin_allows_it() {
    let stage = Stage::of_files();
    let open = json!({"provider": "custom", "verification": {"none": {}}});
    let operator = stage.operator(&[]);
    stage.endpoint("open", open);
    let message = stage.expect("open", "Accepted", "False", "Invalid");
    assert!(message.contains("spec.verification.none") && message.contains("--allow-unverified"), "{message}");
    let request = crate::support::http::Request::post(&stage.path("open"), "anything");
    assert_eq!(operator.send(&request).status, 503);
    drop(operator);
    let operator = stage.operator(&["--allow-unverified"]);
    stage.ready("open");
    assert_eq!(stage.status("open")["scheme"], "none");
    assert_eq!(operator.send(&request).status, 200);
    assert_eq!(stage.one_stored().payload, b"anything");
}
