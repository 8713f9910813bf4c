//! One table of good and bad manifests, judged offline and by a real apiserver: verdict and field must agree.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use http_body_util::BodyExt;
use jethook::api::manifest;
use serde_json::Value;

use crate::support::apiserver::apiserver;

/// A file of the table.
struct Fixture {
    name: String,
    manifest: Value,
    /// The fields that must be found at fault, from its lines `# expect: FIELD`; none in a good one.
    expected: BTreeSet<String>,
}

fn fixtures() -> Vec<Fixture> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/validate");
    let mut files: Vec<PathBuf> = ["good", "bad"]
        .iter()
        .flat_map(|folder| fs::read_dir(root.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.into_iter().map(|file| fixture(&file)).collect()
}

fn fixture(file: &Path) -> Fixture {
    let text = fs::read_to_string(file).unwrap();
    let name = file.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string();
    let expected: BTreeSet<String> =
        text.lines().filter_map(|line| line.strip_prefix("# expect: ")).map(ToOwned::to_owned).collect();
    assert_eq!(
        name.contains("/bad/"),
        !expected.is_empty(),
        "{name}: bad ones say `# expect: FIELD`, good ones do not"
    );
    let mut manifests = manifest::read(&text).unwrap();
    assert_eq!(manifests.len(), 1, "{name}: one object a file");
    Fixture { name, manifest: manifests.remove(0).value(), expected }
}

#[test]
fn each_fixture_is_judged_as_it_says() {
    let mut wrong = Vec::new();
    for fixture in fixtures() {
        let found = jethook::api::validate(&fixture.manifest);
        let fields: BTreeSet<String> = found.iter().map(|fault| fault.field.clone()).collect();
        if fields != fixture.expected {
            wrong.push(format!("{}: expected {:?}, found {found:#?}", fixture.name, fixture.expected));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_good_can_be_read() {
    let mut count = 0;
    for fixture in fixtures().iter().filter(|fixture| fixture.expected.is_empty()) {
        if fixture.manifest["kind"] == "WebhookEndpoint" {
            jethook::api::endpoint(&fixture.manifest).unwrap_or_else(|faults| panic!("{}: {faults:?}", fixture.name));
            count += 1;
        }
    }
    assert!(count > 5);
}

/// What an apiserver's answer says of the fields at fault.
#[derive(Debug)]
enum Told {
    /// These.
    Exactly(BTreeSet<String>),
    /// One at or below this.
    Under(String),
    /// None: it has no words for where.
    Nothing,
}

impl Told {
    fn of(status: &Value) -> Self {
        let message = status["message"].as_str().unwrap_or_default();
        let causes: BTreeSet<String> = status
            .pointer("/details/causes")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(field)
            .collect();
        let unknown: BTreeSet<String> = message
            .split("unknown field \"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .map(ToOwned::to_owned)
            .collect();
        if !causes.is_empty() {
            Self::Exactly(causes)
        } else if !unknown.is_empty() {
            Self::Exactly(unknown)
        } else if let Some((_, rest)) = message.split_once("into Go struct field ") {
            let (kind, field) = rest.split(' ').next().unwrap().split_once('.').unwrap();
            Self::Under(if kind == "ObjectMeta" { format!("metadata.{field}") } else { field.to_owned() })
        } else {
            Self::Nothing
        }
    }

    fn agrees(&self, expected: &BTreeSet<String>) -> bool {
        match self {
            Self::Exactly(fields) => fields == expected,
            Self::Under(parent) => expected.iter().all(|field| field.starts_with(parent.as_str())),
            Self::Nothing => true,
        }
    }
}

/// The field of a cause; none where it only says that there may be more.
fn field(cause: &Value) -> Option<String> {
    let (field, message) = (cause["field"].as_str()?, cause["message"].as_str()?);
    let is_remark =
        message.contains("some validation rules were not checked") || message.contains("Checked value must be");
    match field {
        "<nil>" if is_remark => None,
        // It has no path for a rule about the name.
        "<nil>" => Some("metadata.name".to_owned()),
        field => Some(field.to_owned()),
    }
}

#[tokio::test]
async fn a_real_apiserver_judges_each_fixture_the_same() {
    let (namespace, client) = apiserver().namespace().await;
    let mut wrong = Vec::new();
    for fixture in fixtures() {
        let version = fixture.manifest["apiVersion"].as_str().unwrap();
        let path = match version {
            "v1" => format!("/api/v1/namespaces/{namespace}/secrets"),
            version => format!("/apis/{version}/namespaces/{namespace}/webhookendpoints"),
        };
        let request = http::Request::post(format!("{path}?dryRun=All&fieldValidation=Strict"))
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(serde_json::to_vec(&fixture.manifest).unwrap().into())
            .unwrap();
        let answer = client.send(request).await.unwrap();
        let is_good = answer.status().is_success();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        if is_good != fixture.expected.is_empty() {
            wrong.push(format!("{}: {}", fixture.name, String::from_utf8_lossy(&body)));
        } else if !is_good {
            let status: Value = serde_json::from_slice(&body).unwrap_or_default();
            let told = Told::of(&status);
            if !told.agrees(&fixture.expected) {
                wrong.push(format!("{}: expected {:?}, told {told:?}: {status}", fixture.name, fixture.expected));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A folder with files, gone when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = std::env::temp_dir().join(format!("jethook-validate-{}", uuid::Uuid::new_v4()));
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
        Self(folder)
    }

    /// Runs `jethook validate` there: exit code, standard output, standard error.
    fn validate(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jethook"));
        let output = command.arg("validate").args(args).current_dir(&self.0).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const GOOD: &str = "\
apiVersion: jethook.dev/v1alpha1
kind: WebhookEndpoint
metadata: {name: github, namespace: shop}
spec:
  provider: github
  secretRefs: [{name: github-webhook}]
---
apiVersion: v1
kind: Secret
metadata: {name: github-webhook, namespace: shop}
stringData: {secret: hunter2}
";

#[test]
fn a_fault_has_file_line_column_and_field() {
    let bad = GOOD.replace("  provider: github\n", "  provider: github\n  limits:\n    maxBodySize: 1MB\n");
    let folder = Folder::with(&[("good.yaml", GOOD), ("bad.yaml", &bad.replace("name: github,", "name: other,"))]);
    let (code, out, _) = folder.validate(&["bad.yaml"]);
    assert_eq!(code, Some(1));
    assert!(
        out.starts_with("bad.yaml:7:5: error: WebhookEndpoint shop/other: spec.limits.maxBodySize: must be a quantity"),
        "{out}"
    );
    assert!(out.ends_with("1 file · 1 endpoint · 1 secret · 1 error\n"), "{out}");

    let (code, out, _) = folder.validate(&["bad.yaml", "-o", "json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["valid"]), (Some(1), &Value::Bool(false)));
    let finding = &report["findings"][0];
    assert_eq!((&finding["line"], &finding["field"]), (&7.into(), &"spec.limits.maxBodySize".into()));

    let (code, out, err) = folder.validate(&["good.yaml"]);
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "1 file · 1 endpoint · 1 secret · 0 errors\n", ""));
}

#[test]
fn a_file_that_is_no_yaml_is_told_without_its_content() {
    let folder = Folder::with(&[("bad.yaml", "stringData:\n  secret: 'hunter2\n")]);
    let (code, out, _) = folder.validate(&["bad.yaml"]);
    assert_eq!(code, Some(1));
    assert!(out.starts_with("bad.yaml:"), "{out}");
    assert!(!out.contains("hunter2"), "{out}");
}

#[test]
fn values_of_secrets_are_never_shown() {
    let folder = Folder::with(&[(
        "bad.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: hunter2, b: [hunter2], c: 27182818}\nstringdata: {c: hunter2}\n",
    )]);
    let (code, out, err) = folder.validate(&["bad.yaml"]);
    assert_eq!((code, out.matches("error:").count()), (Some(1), 4), "{out}");
    assert!(!format!("{out}{err}").contains("hunter2") && !out.contains("27182818"), "{out}{err}");
}

#[test]
fn what_can_not_be_read_is_a_fault_of_usage() {
    let folder = Folder::with(&[("notes.txt", "none")]);
    for file in ["missing.yaml", "."] {
        let (code, out, err) = folder.validate(&[file]);
        assert_eq!((code, out.as_str(), err.lines().count()), (Some(2), "", 1), "{file}: {err}");
        assert!(err.contains(file), "{err}");
    }
}

#[test]
fn a_directory_stands_for_its_manifests_and_an_object_stands_once() {
    let folder = Folder::with(&[
        ("a.yaml", GOOD),
        ("b.yml", GOOD),
        ("c.txt", "not: looked at"),
        ("d.json", "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": []}"),
    ]);
    let (code, out, _) = folder.validate(&["."]);
    assert_eq!(code, Some(1));
    assert_eq!(out.matches("the same object is at ./a.yaml:").count(), 2, "{out}");
    assert!(out.contains("3 files"), "{out}");
}

#[test]
fn the_command_crd_prints_the_committed_file() {
    let output = Command::new(env!("CARGO_BIN_EXE_jethook")).arg("crd").output().unwrap();
    let committed =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("crds/webhookendpoints.jethook.dev.yaml"));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), committed.unwrap());
}
