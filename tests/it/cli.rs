//! The commands: what they print, how they end, and how they say what is wrong.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::nats::nats;
use crate::support::operator::{free_port, jethook};
use crate::support::reaper;
use crate::support::stage::{KEY, Stage};

pub fn run(arguments: &[&str]) -> Output {
    run_with(arguments, &[], "")
}

fn run_with(arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Output {
    let mut command = jethook();
    command
        .args(arguments)
        .envs(variables.iter().copied())
        .env("RUST_BACKTRACE", "1")
        .env("HOME", reaper::folder("home"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that does not read it closes it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let pid = child.id();
    reaper::adopt(pid);
    let (ended, waiting) = mpsc::channel::<()>();
    let guard = thread::spawn(move || {
        if waiting.recv_timeout(Duration::from_secs(30)) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
    });
    let output = child.wait_with_output().unwrap();
    reaper::release(pid);
    drop(ended);
    guard.join().unwrap();
    assert!(output.status.code().is_some(), "{arguments:?} did not end: {}", String::from_utf8_lossy(&output.stderr));
    output
}

#[track_caller]
pub fn printed(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The one line that a failed command says.
#[track_caller]
pub fn complaint(output: &Output, code: i32) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    assert!(!text.contains("panicked") && !text.contains("backtrace"), "{text}");
    assert!(output.stdout.is_empty(), "{output:?}");
    text
}

#[test]
fn what_cannot_be_used_is_one_line_that_names_it_and_exit_code_two() {
    let folder = reaper::folder("cli");
    let missing = folder.join("missing");
    let missing = missing.to_str().unwrap();
    let text = folder.join("text");
    fs::write(&text, "not what it should be").unwrap();
    let text = text.to_str().unwrap();
    let manifests = folder.to_str().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let free = format!("127.0.0.1:{}", free_port());
    let base = ["--manifests", manifests, "--listen", &free, "--admin-listen", "127.0.0.1:0"];
    let mut cases: Vec<(Vec<&str>, Vec<&str>)> = vec![
        (vec!["--listn", "x"], vec!["--listn", "--listen"]),
        (vec!["--duplicate-window", "soon"], vec!["--duplicate-window", "soon"]),
        (vec!["--max-body-size", "1MB"], vec!["--max-body-size", "1MB"]),
        (vec!["--stream-replicas", "6"], vec!["--stream-replicas", "6"]),
        (vec!["--stream", "a.b"], vec!["--stream", "a.b"]),
        (vec!["--prefix", "a..b"], vec!["--prefix", "a..b"]),
        (vec!["--trusted-proxies", "10.0.0.0/33"], vec!["--trusted-proxies"]),
        (vec!["--forwarded-header", "x-real-ip"], vec!["--forwarded-header", "x-real-ip"]),
        (vec!["--proxy-protocol"], vec!["--trusted-proxies"]),
        (vec!["--public-url", "hooks.example.com"], vec!["--public-url"]),
        (vec!["--cluster-name", "eu.1"], vec!["--cluster-name"]),
        (vec!["--nats-user", "a"], vec!["--nats-password"]),
        (vec!["--nats-url", "http://a"], vec!["--nats-url"]),
        (vec!["--nats-creds", missing], vec!["--nats-creds", missing]),
        (vec!["--nats-creds", text], vec!["--nats-creds", text]),
        (vec!["--nats-nkey", missing], vec!["--nats-nkey", missing]),
        (vec!["--nats-nkey", text], vec!["--nats-nkey", text]),
        (vec!["--nats-ca", missing], vec!["--nats-ca", missing]),
        (vec!["--nats-cert", text, "--nats-key", text], vec!["--nats-cert", text]),
        (vec!["--nats-cert", text], vec!["--nats-key"]),
        (vec!["--tls-cert", missing, "--tls-key", missing], vec!["--tls-cert", missing]),
        (vec!["--tls-cert", text, "--tls-key", text], vec!["--tls-cert", text]),
        (vec!["--tls-key", text], vec!["--tls-cert"]),
        (vec!["--allow-path", "no-slash"], vec!["--allow-path", "no-slash"]),
        (vec!["--allow-subject", "a..b"], vec!["--allow-subject", "a..b"]),
        (vec!["--allow-stream", "a.b"], vec!["--allow-stream", "a.b"]),
        (vec!["--log", "jethook=loud"], vec!["--log"]),
        (vec!["--log-format", "xml"], vec!["--log-format", "xml"]),
        (vec!["--workers", "0"], vec!["--workers", "0"]),
        (vec!["--kubeconfig", text], vec!["--kubeconfig", "--manifests"]),
        (vec!["extra"], vec!["extra"]),
    ];
    for (flags, _) in &mut cases {
        let mut all = base.to_vec();
        all.append(flags);
        *flags = all;
    }
    cases.extend([
        (vec!["--manifests", manifests, "--listen", &taken, "--admin-listen", &free], vec!["--listen", taken.as_str()]),
        (vec!["--manifests", manifests, "--listen", &free, "--admin-listen", &taken], vec!["--admin-listen", &taken]),
        (
            vec!["--manifests", missing, "--listen", &free, "--admin-listen", "127.0.0.1:0"],
            vec!["--manifests", missing],
        ),
        (
            vec!["--kubeconfig", missing, "--listen", &free, "--admin-listen", "127.0.0.1:0"],
            vec!["--kubeconfig", missing],
        ),
        (vec!["--kubeconfig", text, "--listen", &free, "--admin-listen", "127.0.0.1:0"], vec!["--kubeconfig", text]),
        (vec!["--endpoint-selector", " ", "--listen", &free], vec!["--endpoint-selector"]),
    ]);
    for (flags, parts) in cases {
        let line = complaint(&run(&[&["run"], &flags[..]].concat()), 2);
        for part in parts {
            assert!(line.contains(part), "{flags:?}: {part} is not in: {line}");
        }
    }
}

#[test]
fn without_any_kubeconfig_it_says_what_to_give() {
    let line = complaint(&run(&["run", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]), 2);
    assert!(line.contains("--kubeconfig") && line.contains("--manifests"), "{line}");
    let variables = [("KUBECONFIG", "/does/not/exist")];
    let line =
        complaint(&run_with(&["run", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"], &variables, ""), 2);
    assert!(line.contains("/does/not/exist"), "{line}");
}

#[test]
fn every_flag_of_run_has_its_environment_variable() {
    let help = printed(&run(&["run", "--help"]));
    let mut flags = 0;
    let entries = help.split("\n      --").skip(1).filter(|entry| !entry.starts_with("help"));
    for entry in entries {
        let name: String = entry.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let own = name.to_uppercase().replace('-', "_");
        // Those of traces are the ones that all programs with OpenTelemetry read.
        let variable = match name.as_str() {
            "otlp-endpoint" | "otlp-traces-endpoint" => format!("OTEL_EXPORTER_{own}"),
            "otlp-ca-file" => "OTEL_EXPORTER_OTLP_CERTIFICATE".to_owned(),
            "traces-sampler" | "traces-sampler-arg" => format!("OTEL_{own}"),
            _ => format!("JETHOOK_{own}"),
        };
        // The value of one that holds a secret is not shown.
        let is_told = ["=", "]"].iter().any(|end| entry.contains(&format!("[env: {variable}{end}")));
        assert!(is_told, "--{name}: {entry}");
        flags += 1;
    }
    assert!(flags > 50, "{flags}");
    // And they are read.
    let line = complaint(&run_with(&["run", "--manifests", "/"], &[("JETHOOK_DUPLICATE_WINDOW", "soon")], ""), 2);
    assert!(line.contains("--duplicate-window") && line.contains("soon"), "{line}");
    let help = printed(&run_with(
        &["run", "--help"],
        &[("JETHOOK_NATS_PASSWORD", "nobody-may-see"), ("JETHOOK_NATS_TOKEN", "nobody-may-see")],
        "",
    ));
    assert!(!help.contains("nobody-may-see"));
}

#[test]
fn help_and_version_are_no_failure_and_no_command_is_one() {
    assert!(printed(&run(&["--help"])).contains("validate"));
    assert_eq!(printed(&run(&["--version"])).trim(), format!("jethook {}", env!("CARGO_PKG_VERSION")));
    for command in ["run", "validate", "crd", "providers", "send", "tail", "dlq", "completions"] {
        assert!(printed(&run(&[command, "--help"])).contains("Usage: jethook"), "{command}");
    }
    assert_eq!(run(&[]).status.code(), Some(2));
    let line = complaint(&run(&["validat"]), 2);
    assert!(line.contains("validat") && line.contains("validate"), "{line}");
}

#[test]
fn completions_are_printed_for_the_usual_shells() {
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&run(&["completions", shell]));
        assert!(script.contains("jethook") && script.contains("providers"), "{shell}");
    }
    complaint(&run(&["completions", "cmd.exe"]), 2);
}

#[test]
fn crd_prints_what_is_in_the_folder() {
    let committed = ["clusterwebhookproviders", "webhookendpoints"].map(|plural| {
        fs::read_to_string(format!("{}/crds/{plural}.jethook.dev.yaml", env!("CARGO_MANIFEST_DIR"))).unwrap()
    });
    assert_eq!(printed(&run(&["crd"])), committed.join("---\n"));
}

#[test]
fn providers_lists_the_catalogue_and_shows_one_with_a_manifest() {
    let table = printed(&run(&["providers"]));
    let list: Value = serde_json::from_str(&printed(&run(&["providers", "-o", "json"]))).unwrap();
    let ids: Vec<_> = list.as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    assert!(ids.len() >= 9, "{ids:?}");
    for id in &ids {
        assert!(table.lines().any(|line| line.split_whitespace().any(|word| word == *id)), "{id}: {table}");
        let shown = printed(&run(&["providers", id]));
        let manifest = &shown[shown.find("apiVersion:").unwrap_or_else(|| panic!("{shown}"))..];
        assert!(manifest.contains(&format!("provider: {id}")), "{manifest}");
    }
    let entry: Value = serde_json::from_str(&printed(&run(&["providers", "github", "-o", "json"]))).unwrap();
    assert_eq!((&entry["id"], &entry["verification"]["hmac"]["hash"]), (&json!("github"), &json!("sha256")), "{entry}");
    let line = complaint(&run(&["providers", "githob"]), 2);
    assert!(line.contains("github"), "{line}");
}

/// Providers of different families; `vectors` signs for all.
const PROVIDERS: [&str; 9] = [
    "github",
    "gitlab",
    "salesforce-data-360",
    "salesforce-marketing-cloud-ens",
    "salesforce-outbound",
    "shopify",
    "slack",
    "standard-webhooks",
    "stripe",
];

/// A stage that serves them with secrets of its own, and the flags of `send` for each.
fn serve_all() -> (Stage, crate::support::operator::Operator, Vec<(String, Vec<String>)>) {
    let stage = Stage::of_files();
    let operator = stage.operator(&[]);
    let mut sends = Vec::new();
    for id in PROVIDERS {
        let secret = match id {
            "standard-webhooks" | "gitlab" => "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "salesforce-marketing-cloud-ens" => "c2l4dGVlbiBieXRlcyBvciBzbw==",
            _ => "whsec_some-secret-of-a-provider",
        };
        stage.secret(id, &[("secret", secret)]);
        let mut spec = json!({"provider": id, "secretRefs": [{"name": id}]});
        let file = stage.folder.join(id);
        fs::write(&file, format!("{secret}\n")).unwrap();
        let mut flags = vec!["--secret-file".to_owned(), file.display().to_string()];
        if id == "salesforce-outbound" {
            spec["parameters"] = json!({"organizationId": "00D000000000001EAA"});
            flags.extend(["--parameter".to_owned(), "organizationId=00D000000000001EAA".to_owned()]);
        }
        stage.endpoint(id, spec);
        sends.push((id.to_owned(), flags));
    }
    sends.iter().for_each(|(id, _)| stage.ready(id));
    (stage, operator, sends)
}

#[test]
fn send_signs_as_each_provider_would_and_shows_the_answer() {
    let (stage, operator, sends) = serve_all();
    for (number, (id, flags)) in sends.iter().enumerate() {
        let url = format!("http://{}{}", operator.receiver, stage.path(id));
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        let text = printed(&run(&[&["send", id, &url], &flags[..]].concat()));
        assert!(text.starts_with("200 OK"), "{id}: {text}");
        assert_eq!(stage.count(), number as u64 + 1, "{id}");
        // The same with another secret of the same form.
        let forged = stage.folder.join("forged");
        let secret = fs::read_to_string(stage.folder.join(id)).unwrap();
        // A letter in the middle, where the forms with a prefix have none.
        let (front, back) = secret.split_at(secret.len() / 2);
        let other = if back.starts_with('t') { "u" } else { "t" };
        fs::write(&forged, format!("{front}{other}{}", &back[1..])).unwrap();
        let mut flags = flags;
        flags[1] = forged.to_str().unwrap();
        let output = run(&[&["send", id, &url], &flags[..]].concat());
        assert_eq!(output.status.code(), Some(1), "{id}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).starts_with("401 "), "{id}: {output:?}");
    }
}

#[test]
fn send_takes_event_id_body_and_headers_and_the_secret_in_three_ways() {
    let stage = Stage::of_files();
    let operator = stage.operator(&[]);
    stage.github("github", json!({}));
    stage.ready("github");
    let url = format!("http://{}{}", operator.receiver, stage.path("github"));
    let body = stage.folder.join("body.json");
    fs::write(&body, r#"{"action":"opened"}"#).unwrap();
    let at_body = format!("@{}", body.display());
    let common = ["send", "github", &url, "--event", "issues", "--header", "X-Not-Kept: 1"];
    let json_of = |output: &Output| -> Value { serde_json::from_str(&printed(output)).unwrap() };
    let by_stdin =
        run_with(&[&common[..], &["--id", "a", "--body", &at_body, "-o", "json"]].concat(), &[], &format!("{KEY}\n"));
    assert_eq!(json_of(&by_stdin)["status"], 200);
    let by_variable =
        run_with(&[&common[..], &["--id", "b", "--body", "{}", "-o", "json"]].concat(), &[("JETHOOK_SECRET", KEY)], "");
    assert_eq!(json_of(&by_variable)["status"], 200);
    let again =
        run_with(&[&common[..], &["--id", "b", "--body", "{}", "-o", "json"]].concat(), &[("JETHOOK_SECRET", KEY)], "");
    assert!(json_of(&again)["body"].as_str().unwrap().contains("duplicate"));
    let stored = stage.stored();
    assert_eq!((stored.len(), stored[0].header("ce-id"), stored[1].header("ce-id")), (2, "a", "b"));
    assert!(stored[0].subject.ends_with(".github.issues.opened"), "{}", stored[0].subject);
    assert_eq!(stored[1].payload, b"{}");
    let line = complaint(&run(&["send", "github", &url, "--secret-file", "/does/not/exist"]), 2);
    assert!(line.contains("--secret-file") && line.contains("/does/not/exist"), "{line}");
    let line = complaint(&run(&["send", "github", &url]), 2);
    assert!(line.contains("--secret-file"), "{line}");
    let nobody = format!("http://127.0.0.1:{}/", free_port());
    let line = complaint(&run_with(&["send", "github", &nobody], &[("JETHOOK_SECRET", KEY)], ""), 1);
    assert!(line.contains(&nobody), "{line}");
}

#[test]
fn send_dry_run_prints_a_curl_command_and_sends_nothing() {
    let stage = Stage::of_files();
    let operator = stage.operator(&[]);
    stage.github("github", json!({}));
    stage.ready("github");
    let url = format!("http://{}{}", operator.receiver, stage.path("github"));
    let body = r#"{"it's":"quoted"}"#;
    let output = run_with(
        &["send", "github", &url, "--event", "push", "--body", body, "--dry-run"],
        &[("JETHOOK_SECRET", KEY)],
        "",
    );
    let command = printed(&output);
    assert!(
        command.starts_with("curl ") && command.contains("X-Hub-Signature-256: sha256=")
            || command.contains("x-hub-signature-256: sha256="),
        "{command}"
    );
    assert!(!command.contains(KEY));
    assert_eq!(stage.count(), 0);
    // What the command says is what curl would send: a shell reads it back, whether curl is there or not.
    let script = format!("curl() {{ for each in \"$@\"; do printf '%s\\0' \"$each\"; done; }}\n{command}");
    let read = Command::new("sh").args(["-c", &script]).output().unwrap();
    let words: Vec<_> =
        read.stdout.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    let after = |flag: &str| words.iter().skip_while(|word| *word != flag).nth(1).cloned().unwrap_or_default();
    assert_eq!(after("--data-binary"), body);
    let mut request = crate::support::http::Request::post(&stage.path("github"), body);
    for (flag, value) in words.iter().zip(words.iter().skip(1)).filter(|(flag, _)| *flag == "-H") {
        let (name, value) = value.split_once(": ").unwrap_or_else(|| panic!("{flag} {value}"));
        request = request.header(name, value);
    }
    assert_eq!(operator.send(&request).status, 200);
}

#[test]
fn tail_shows_events_for_people_and_for_programs() {
    let stage = Stage::of_files();
    let operator = stage.operator(&[]);
    stage.github("github", json!({}));
    stage.github("other", json!({}));
    stage.ready("github");
    stage.ready("other");
    for (name, id) in [("github", "1"), ("other", "2"), ("github", "3")] {
        assert_eq!(operator.send(&stage.push(name, id)).status, 200);
    }
    let url = nats().url();
    let subject = format!("{}.{}.github.>", stage.prefix, stage.namespace);
    let common = ["tail", &subject, "--nats-url", &url, "--stream", &stage.stream, "--all", "--count", "2"];
    let lines = printed(&run(&[&common[..], &["-o", "json"]].concat()));
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: Vec<_> = events.iter().map(|event| event["headers"]["ce-id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["1", "3"]);
    assert_eq!(events[0]["payload"], crate::support::stage::PUSH);
    assert_eq!(events[0]["subject"], subject.replace('>', "push"));
    let text = printed(&run(&common));
    assert!(text.contains("ce-type: com.github.push") && text.contains("refs/heads/main"), "{text}");
    let line = complaint(&run(&["tail", "--nats-url", &url, "--stream", "NOT-THERE"]), 1);
    assert!(line.contains("NOT-THERE"), "{line}");
    let nobody = format!("nats://127.0.0.1:{}", free_port());
    let line = complaint(&run(&["tail", "--nats-url", &nobody]), 1);
    assert!(line.contains("--nats-url"), "{line}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child =
        jethook().args(["providers", "-o", "json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{output:?}");
}

#[test]
fn the_log_is_text_or_json_and_as_loud_as_asked() {
    let serve = |flags: &[&str]| {
        let stage = Stage::of_files();
        let operator = stage.operator(flags);
        stage.github("github", json!({}));
        stage.ready("github");
        assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
        let forged = crate::support::sign::github(&stage.path("github"), "wrong", "push", "2", "{}");
        assert_eq!(operator.send(&forged).status, 401);
        crate::support::eventually::eventually(crate::support::eventually::SOON, "the refusal is told", || {
            let log = operator.log();
            if log.contains("no key matched") || flags.contains(&"off") { Ok(log) } else { Err(log) }
        })
        .0
    };
    let log = serve(&["--log-format", "json"]);
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["level"].is_string() && line["message"].is_string(), "{line}");
    }
    let refusal: Value = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .find(|line: &Value| line["outcome"] == "unauthorized")
        .unwrap();
    assert_eq!(
        (&refusal["level"], &refusal["name"], &refusal["provider"]),
        (&json!("WARN"), &json!("github"), &json!("github"))
    );
    assert!(!log.contains("\"stored\""), "a stored delivery is a line at debug only: {log}");
    let log = serve(&["--log-format", "text", "--log", "debug"]);
    assert!(log.lines().any(|line| line.contains("DEBUG") && line.contains("outcome=\"stored\"")), "{log}");
    let log = serve(&["--log", "warn"]);
    assert!(!log.contains(" INFO "), "{log}");
    assert_eq!(serve(&["--log", "off"]), "");
}
