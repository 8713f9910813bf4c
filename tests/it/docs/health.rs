//! Argo CD's view of an endpoint: `docs/argocd/health.lua`, run as Argo CD runs it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use jethook::api::Reason;
use serde_json::{Value, json};

use super::page::root;
use crate::support::reaper;

/// Runs the script on objects: health and message of each.
fn health(objects: &[Value]) -> Vec<(String, String)> {
    let program = reaper::folder("lua").join("lua");
    let mut build = Command::new("go");
    build.args(["build", "-mod=readonly", "-o"]).arg(&program).arg(".").current_dir(root().join("tests/tools/lua"));
    let built =
        build.env("GOTOOLCHAIN", "local").env("CGO_ENABLED", "0").output().expect("Go, which the tools need too");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    let mut run = Command::new(program);
    run.arg(root().join("docs/argocd/health.lua")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = run.spawn().unwrap();
    let lines: String = objects.iter().map(|object| format!("{object}\n")).collect();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let told: Vec<_> = text.lines().filter_map(|line| line.split_once('\t')).collect();
    assert_eq!(told.len(), objects.len(), "{text}");
    told.into_iter().map(|(health, message)| (health.to_owned(), message.to_owned())).collect()
}

fn condition(r#type: &str, status: &str, reason: &str) -> Value {
    json!({"type": r#type, "status": status, "reason": reason, "message": format!("about {reason}"), "observedGeneration": 2})
}

fn endpoint(conditions: Vec<Value>) -> Value {
    json!({
        "metadata": {"name": "github", "namespace": "shop", "generation": 2},
        "spec": {"provider": "github"},
        "status": {"observedGeneration": 2, "conditions": conditions},
    })
}

/// An endpoint with a condition of this reason as the operator writes it, and its health.
fn with(reason: Reason) -> (Value, &'static str) {
    let (r#type, status, health) = match reason {
        Reason::UnknownProvider
        | Reason::PathConflict
        | Reason::PathNotAllowed
        | Reason::SubjectNotAllowed
        | Reason::StreamNotAllowed
        | Reason::InvalidParameters
        | Reason::Invalid => ("Accepted", "False", "Degraded"),
        Reason::SecretNotFound | Reason::SecretKeyNotFound => ("ResolvedRefs", "False", "Progressing"),
        Reason::InvalidSecret => ("ResolvedRefs", "False", "Degraded"),
        Reason::StreamNotFound
        | Reason::SubjectNotCaptured
        | Reason::SubjectCapturedByOther
        | Reason::StreamUnsafe
        | Reason::PublishNotPermitted => ("TargetReady", "False", "Degraded"),
        Reason::NatsUnavailable => ("TargetReady", "Unknown", "Progressing"),
        Reason::Pending => ("Programmed", "False", "Progressing"),
        Reason::Accepted => ("Accepted", "True", "Healthy"),
        Reason::ResolvedRefs | Reason::DegradedRefs => ("ResolvedRefs", "True", "Healthy"),
        Reason::StreamReady => ("TargetReady", "True", "Healthy"),
        Reason::Programmed => ("Programmed", "True", "Healthy"),
        Reason::Ready => ("Ready", "True", "Healthy"),
        Reason::Suspended => ("Ready", "True", "Suspended"),
    };
    let name = reason.name();
    let of_ready = if status == "True" && r#type != "Ready" { "Ready" } else { name };
    let mut conditions = vec![condition("Ready", status, of_ready)];
    if r#type != "Ready" {
        conditions.insert(0, condition(r#type, status, name));
    }
    (endpoint(conditions), health)
}

#[test]
fn argo_cd_tells_the_health_of_every_reason() {
    let (mut objects, mut expected): (Vec<_>, Vec<_>) = Reason::ALL.iter().map(|reason| with(*reason)).unzip();
    // Nothing but a change of the spec mends these, whatever else is awaited.
    for reason in ["Pending", "NatsUnavailable", "SecretNotFound"] {
        objects.push(endpoint(vec![condition("Ready", "False", reason), condition("Stalled", "True", "Invalid")]));
        expected.push("Degraded");
    }
    // Not looked at yet: no status, one without conditions, one of the generation before.
    let mut outdated = with(Reason::Ready).0;
    outdated["metadata"]["generation"] = json!(3);
    objects.extend([json!({"metadata": {"generation": 1}}), json!({"metadata": {}, "status": {}}), outdated]);
    expected.extend(["Progressing"; 3]);

    let told = health(&objects);
    for ((object, expected), (health, message)) in objects.iter().zip(expected).zip(&told) {
        assert_eq!(health, expected, "{object}");
        assert!(!message.is_empty(), "{object}");
    }
    let refused = Reason::ALL.iter().position(|reason| *reason == Reason::UnknownProvider).unwrap();
    assert_eq!(told[refused].1, "UnknownProvider: about UnknownProvider");
}
