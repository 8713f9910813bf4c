//! `jethook run --manifests DIR`: files in place of a cluster.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;

use crate::support::eventually::{A_SECOND, SOON, eventually, throughout};
use crate::support::http::Request;
use crate::support::operator::Operator;
use crate::support::sign;
use crate::support::stage::{KEY, PUSH, Stage};

/// Endpoint and Secret in one file, as an admin would write them.
fn manifest(stage: &Stage, name: &str, key: &str) -> String {
    format!(
        "# What GitHub sends us.\napiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {ns}}}\n\
         stringData:\n  secret: {key}\n---\napiVersion: jethook.dev/v1alpha1\nkind: WebhookEndpoint\n\
         metadata:\n  name: {name}\n  namespace: {ns}\nspec:\n  provider: github\n  secretRefs:\n    - name: {name}\n",
        ns = stage.namespace
    )
}

fn push(stage: &Stage, name: &str, key: &str) -> Request {
    sign::github(&stage.path(name), key, "push", &uuid::Uuid::new_v4().to_string(), PUSH)
}

fn write(stage: &Stage, file: &str, text: &str) {
    fs::write(stage.manifests().join(file), text).unwrap();
}

#[track_caller]
fn warned(operator: &Operator, parts: &[&str]) {
    eventually(SOON, "it is told", || {
        let log = operator.log();
        let is_told = log.lines().any(|line| line.contains("WARN") && parts.iter().all(|part| line.contains(part)));
        if is_told { Ok(()) } else { Err(log) }
    });
}

#[test]
fn files_are_served_and_their_changes_within_a_second() {
    let stage = Stage::of_files();
    write(&stage, "a.yaml", &manifest(&stage, "github", "first"));
    let operator = stage.operator(&[]);
    assert_eq!(
        operator.send(&push(&stage, "github", "first")).status,
        200,
        "what is there at the start is served once ready"
    );
    write(&stage, "a.yaml", &manifest(&stage, "github", "second"));
    operator.send_until_within(A_SECOND, 200, "a changed key", &push(&stage, "github", "second"));
    assert_eq!(operator.send(&push(&stage, "github", "first")).status, 401);
    write(&stage, "b.yml", &manifest(&stage, "other", "third"));
    operator.send_until_within(A_SECOND, 200, "a new file", &push(&stage, "other", "third"));
    write(&stage, "notes.txt", &manifest(&stage, "unread", "fourth"));
    fs::remove_file(stage.manifests().join("a.yaml")).unwrap();
    operator.send_until_within(A_SECOND, 404, "a deleted file", &push(&stage, "github", "second"));
    assert_eq!(operator.send(&push(&stage, "other", "third")).status, 200);
    assert_eq!(operator.send(&push(&stage, "unread", "fourth")).status, 404, "only YAML files are read");
    assert_eq!(operator.metric("jethook_leader"), Some(1.0));
}

#[test]
fn a_renamed_file_changes_nothing_and_one_that_is_replaced_by_a_rename_does() {
    let stage = Stage::of_files();
    let operator = stage.operator(&[]);
    write(&stage, "a.yaml", &manifest(&stage, "github", "first"));
    operator.send_until(200, "it is served", &push(&stage, "github", "first"));
    fs::rename(stage.manifests().join("a.yaml"), stage.manifests().join("z.yaml")).unwrap();
    throughout(A_SECOND, || assert_eq!(operator.send(&push(&stage, "github", "first")).status, 200));
    // The same length and, for all a file system may know, the same time.
    write(&stage, "new", &manifest(&stage, "github", "fresh"));
    fs::rename(stage.manifests().join("new"), stage.manifests().join("z.yaml")).unwrap();
    operator.send_until_within(A_SECOND, 200, "the new content", &push(&stage, "github", "fresh"));
}

#[test]
fn a_mounted_config_map_is_followed_when_its_link_is_swapped() {
    let stage = Stage::of_files();
    let folder = stage.manifests();
    for (version, key) in [("..1", "first"), ("..2", "second")] {
        fs::create_dir(folder.join(version)).unwrap();
        fs::write(folder.join(version).join("a.yaml"), manifest(&stage, "github", key)).unwrap();
    }
    symlink("..1", folder.join("..data")).unwrap();
    symlink("..data/a.yaml", folder.join("a.yaml")).unwrap();
    let operator = stage.operator(&[]);
    operator.send_until(200, "the first version", &push(&stage, "github", "first"));
    symlink("..2", folder.join("..tmp")).unwrap();
    fs::rename(folder.join("..tmp"), folder.join("..data")).unwrap();
    operator.send_until_within(A_SECOND, 200, "the second version", &push(&stage, "github", "second"));
    assert_eq!(operator.send(&push(&stage, "github", "first")).status, 401);
}

#[test]
fn a_broken_file_keeps_its_last_good_state_and_is_told_with_file_and_line() {
    let stage = Stage::of_files();
    let operator = stage.operator(&[]);
    write(&stage, "a.yaml", &manifest(&stage, "github", "first"));
    write(&stage, "b.yaml", &manifest(&stage, "other", "other"));
    operator.send_until(200, "it is served", &push(&stage, "github", "first"));
    operator.send_until(200, "so is the other", &push(&stage, "other", "other"));
    let broken = manifest(&stage, "github", "second").replace("  name: github\n", "  name: [github\n");
    write(&stage, "a.yaml", &broken);
    warned(&operator, &["a.yaml", "line=1"]);
    assert_eq!(operator.send(&push(&stage, "github", "first")).status, 200);
    write(&stage, "b.yaml", &manifest(&stage, "other", "changed"));
    operator.send_until_within(A_SECOND, 200, "the other file is read on", &push(&stage, "other", "changed"));
    write(&stage, "a.yaml", &manifest(&stage, "github", "second"));
    operator.send_until_within(A_SECOND, 200, "it is mended", &push(&stage, "github", "second"));
}

#[test]
fn an_endpoint_that_validate_refuses_is_closed_and_disturbs_no_other() {
    let stage = Stage::of_files();
    let operator = stage.operator(&[]);
    stage.github("good", json!({}));
    stage.github("bad", json!({}));
    stage.ready("good");
    stage.ready("bad");
    stage.github("bad", json!({"limits": {"rate": {"requestsPerSecond": 5, "burst": 1}}}));
    let message = stage.expect("bad", "Accepted", "False", "Invalid");
    assert!(message.contains("spec.limits.rate.burst"), "{message}");
    assert_eq!(operator.send(&stage.push("bad", "1")).status, 503, "its path stays its own");
    assert_eq!(operator.send(&stage.push("good", "1")).status, 200);
    stage.github("bad", json!({"unheard": "of"}));
    eventually(SOON, "an unknown field is told", || {
        let told = stage.condition("bad", "Accepted").map(|condition| condition.message).unwrap_or_default();
        if told.contains("spec.unheard") || operator.log().contains("spec.unheard") { Ok(()) } else { Err(told) }
    });
}

#[test]
fn statuses_go_to_the_log_and_to_the_admin_port() {
    let stage = Stage::of_files();
    let operator = stage.operator(&["--public-url", "https://hooks.example.com"]);
    stage.github("github", json!({}));
    stage.ready("github");
    let endpoints = Request::get("/endpoints").send(operator.admin).unwrap().json();
    let shown = &endpoints.as_array().unwrap()[0];
    assert_eq!((&shown["metadata"]["name"], &shown["kind"]), (&json!("github"), &json!("WebhookEndpoint")));
    assert_eq!(shown["status"]["url"], format!("https://hooks.example.com{}", stage.path("github")));
    assert!(!endpoints.to_string().contains(KEY));
    eventually(SOON, "it is logged", || {
        let log = operator.log();
        let is_told = log.lines().any(|line| line.contains("name=github") && line.contains("ready=\"True\""));
        if is_told { Ok(()) } else { Err(log) }
    });
    fs::remove_file(stage.manifests().join("webhookendpoint-github.yaml")).unwrap();
    eventually(SOON, "it is shown no more", || match Request::get("/endpoints").send(operator.admin).unwrap().text() {
        text if text.trim() == "[]" => Ok(()),
        text => Err(text),
    });
}

#[test]
fn in_a_cluster_the_admin_port_shows_no_endpoints() {
    let stage = Stage::new();
    let operator = stage.operator(&[]);
    assert_eq!(Request::get("/endpoints").send(operator.admin).unwrap().status, 404);
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(Request::get(path).send(operator.admin).unwrap().status, 200, "{path}");
    }
}

#[test]
fn ids_outlive_a_restart() {
    let stage = Stage::of_files();
    let operator = stage.operator(&[]);
    stage.github("github", json!({}));
    stage.ready("github");
    assert_eq!(operator.send(&stage.push("github", "1")).json()["status"], "stored");
    drop(operator);
    let operator = stage.operator(&[]);
    let (answer, _) = operator.send_until(200, "it serves", &stage.push("github", "1"));
    assert_eq!(answer.json()["status"], "duplicate");
    let id = stage.one_stored().header("Nats-Msg-Id").to_owned();
    let uid = uuid::Uuid::parse_str(id.split('.').next().unwrap()).unwrap();
    assert_eq!(uid.get_version_num(), 5, "made of namespace and name alone");
}

#[test]
fn the_operator_waits_for_a_directory_that_went_away() {
    let stage = Stage::of_files();
    let operator = stage.operator(&[]);
    stage.github("github", json!({}));
    stage.ready("github");
    let aside = stage.folder.join("aside");
    fs::rename(stage.manifests(), &aside).unwrap();
    warned(&operator, &["manifests can't be read"]);
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200, "the last state stays");
    fs::rename(&aside, stage.manifests()).unwrap();
    stage.secret("github", &[("secret", "changed")]);
    operator.send_until(200, "changes are live again", &push(&stage, "github", "changed"));
}
