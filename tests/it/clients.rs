//! An answer that is given before the body was read reaches senders of every kind, where a reset would hide it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;

use crate::support::reaper;
use crate::support::stage::Stage;

/// What a client saw, by how often.
fn seen(output: &Output) -> BTreeMap<String, usize> {
    let mut seen = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        *seen.entry(line.to_owned()).or_default() += 1;
    }
    seen
}

fn source(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name).display().to_string()
}

/// Whether this machine has a language.
fn is_installed(program: &str, probe: &str) -> bool {
    let is_there = Command::new(program).arg(probe).output().is_ok_and(|output| output.status.success());
    if !is_there {
        eprintln!("{program} is not installed: its client was not tried");
    }
    is_there
}

/// Sends 2 MiB thirty times to an endpoint that takes 1 MiB, and to one that is suspended.
#[track_caller]
fn sees_every_answer(program: &str, arguments: &[&str]) {
    let stage = Stage::of_files();
    let operator = stage.operator(&[]);
    stage.github("limited", json!({"limits": {"maxBodySize": "1Mi"}}));
    stage.github("suspended", json!({"suspend": true}));
    stage.ready("limited");
    stage.expect("suspended", "Ready", "True", "Suspended");
    for (name, status) in [("limited", "413"), ("suspended", "503")] {
        let url = format!("http://{}{}", operator.receiver, stage.path(name));
        let mut command = Command::new(program);
        for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
            command.env_remove(name);
        }
        let output = command.args(arguments).args([&url, "2097152", "30"]).output().unwrap();
        let expected = BTreeMap::from([(status.to_owned(), 30)]);
        assert_eq!(seen(&output), expected, "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_go_client_sees_every_413() {
    assert!(is_installed("go", "version"));
    let program = reaper::folder("go").join("send");
    let program = program.to_str().unwrap();
    let mut build = Command::new("go");
    build.args(["build", "-o", program, &source("send.go")]).env("GOTOOLCHAIN", "local").env("CGO_ENABLED", "0");
    let built = build.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    sees_every_answer(program, &[]);
}

#[test]
fn a_node_client_sees_every_413() {
    if is_installed("node", "--version") {
        sees_every_answer("node", &[&source("send.mjs")]);
    }
}

#[test]
fn a_python_client_sees_every_413() {
    if is_installed("python3", "--version") {
        sees_every_answer("python3", &[&source("send.py")]);
    }
}
