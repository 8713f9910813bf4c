//! Commands of the book that are run as they stand, and its manifests against a real apiserver.

use serde_json::{Value, json};

use super::page::written;
use super::words;
use crate::support::operator::jethook;
use crate::support::stage::{KEY, Stage};

/// What kubectl does without changing anything. The rest changes the cluster, or needs pods.
const READING: [&str; 4] = ["get", "describe", "explain", "wait"];
/// What jethook does without a cluster, NATS or files.
const ALONE: [&str; 3] = ["providers", "crd", "completions"];

#[test]
fn kubectl_shows_what_the_book_shows_with_it() {
    let stage = Stage::new();
    let _operator = stage.operator(&[]);
    stage.github("github", json!({}));
    stage.secret("github-webhook", &[("secret", KEY)]);
    stage.ready("github");
    let mut count = 0;
    for page in written() {
        for command in page.commands() {
            let words = words::split(&command);
            if words[0] != "kubectl" || !READING.contains(&words[1].as_str()) {
                continue;
            }
            count += 1;
            let here = words[1..].iter().map(|word| if word == "shop" { stage.namespace.as_str() } else { word });
            let said = stage.kubectl(&here.collect::<Vec<_>>(), "");
            assert_eq!(said.code, 0, "{}: {command}: {said:?}", page.path);
        }
    }
    assert!(count >= 8, "{count} commands were found");
}

#[test]
fn a_real_apiserver_takes_every_manifest() {
    let stage = Stage::new();
    let mut count = 0;
    for page in written() {
        for text in page.blocks("yaml") {
            for document in text.split("\n---\n").filter(|document| document.contains("apiVersion: jethook.dev/")) {
                count += 1;
                let mut object: Value = serde_saphyr::from_str(document).unwrap();
                if object["kind"] == "WebhookEndpoint" {
                    object["metadata"]["namespace"] = json!(stage.namespace);
                }
                let apply = ["apply", "--dry-run=server", "--validate=strict", "-f", "-"];
                let said = stage.kubectl(&apply, &object.to_string());
                assert_eq!(said.code, 0, "{}: {said:?}\n{document}", page.path);
                object["spec"]["colour"] = json!("blue");
                stage.kubectl(&apply, &object.to_string()).refused();
            }
        }
    }
    assert!(count >= 10, "{count} manifests were found");
}

#[test]
fn what_needs_nothing_else_is_run() {
    let mut count = 0;
    for page in written() {
        for command in page.commands() {
            let words = words::split(&command);
            if words[0] == "jethook" && ALONE.contains(&words[1].as_str()) {
                count += 1;
                let output = jethook().args(&words[1..]).output().unwrap();
                assert!(output.status.success() && !output.stdout.is_empty(), "{}: {command}: {output:?}", page.path);
            }
        }
    }
    assert!(count >= 4, "{count} commands were found");
}
