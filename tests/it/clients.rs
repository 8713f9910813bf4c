//! An answer that is given before the body was read reaches senders of every kind, where a reset would hide it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;

use crate::support::operator::Operator;
use crate::support::reaper;
use crate::support::stage::Stage;

const TIMES: &str = "30";

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

/// A client that this machine can run; `None` where its language is not installed.
fn client(program: &str, arguments: &[&str]) -> Option<Command> {
    let probe = if program == "go" { "version" } else { "--version" };
    Command::new(program).arg(probe).output().ok().filter(|output| output.status.success())?;
    let mut command = Command::new(program);
    command.args(arguments);
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env_remove(name);
    }
    Some(command)
}

fn serve() -> (Stage, Operator, [String; 2]) {
    let stage = Stage::of_files();
    let operator = stage.operator(&[]);
    stage.github("github", json!({"limits": {"maxBodySize": "1Mi"}}));
    stage.github("suspended", json!({"suspend": true}));
    stage.ready("github");
    stage.expect("suspended", "Ready", "True", "Suspended");
    let urls = ["github", "suspended"].map(|name| format!("http://{}{}", operator.receiver, stage.path(name)));
    (stage, operator, urls)
}

#[track_caller]
fn sees_every_answer(program: &str, arguments: &[&str]) {
    let (_stage, _operator, [limited, suspended]) = serve();
    for (url, status, size) in [(limited, "413", "2097152"), (suspended, "503", "2097152")] {
        let Some(mut command) = client(program, arguments) else {
            eprintln!("{program} is not installed: its client was not tried");
            return;
        };
        let output = command.args([&url, size, TIMES]).output().unwrap();
        let expected = BTreeMap::from([(status.to_owned(), 30)]);
        assert_eq!(seen(&output), expected, "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_go_client_sees_every_413() {
    let program = reaper::folder("go").join("send");
    let mut build =
        client("go", &["build", "-o", program.to_str().unwrap(), &source("send.go")]).expect("Go is installed");
    let built = build.env("GOTOOLCHAIN", "local").env("CGO_ENABLED", "0").output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let (_stage, _operator, urls) = serve();
    for (url, status) in urls.iter().zip(["413", "503"]) {
        let mut command = Command::new(&program);
        let output =
            command.env_remove("HTTP_PROXY").env_remove("http_proxy").args([url, "2097152", TIMES]).output().unwrap();
        assert_eq!(seen(&output), BTreeMap::from([(status.to_owned(), 30)]));
    }
}

#[test]
fn a_node_client_sees_every_413() {
    sees_every_answer("node", &[&source("send.mjs")]);
}

#[test]
fn a_python_client_sees_every_413() {
    sees_every_answer("python3", &[&source("send.py")]);
}
