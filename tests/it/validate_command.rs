//! `jethook validate` as it is typed.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

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
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: hunter2, b: [hunter2], c: 27182818}\n\
         stringdata: {c: hunter2}\n",
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
        (".e.yaml", "not: looked at"),
        ("d.json", "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": []}"),
    ]);
    let (code, out, _) = folder.validate(&["."]);
    assert_eq!(code, Some(1));
    assert_eq!(out.matches("the same object is at ./a.yaml:").count(), 2, "{out}");
    assert!(out.contains("3 files"), "{out}");
}

/// Checks the endpoint of `GOOD` with `from` replaced by `to`: whether that passes, and what is printed.
fn altered(from: &str, to: &str, flags: &[&str]) -> (bool, String) {
    assert!(GOOD.contains(from), "{from}");
    let folder = Folder::with(&[("x.yaml", &GOOD.replace(from, to))]);
    let (code, out, err) = folder.validate(&[&["x.yaml"], flags].concat());
    assert!(matches!(code, Some(0 | 1)), "{code:?} {out}{err}");
    (code == Some(0), out)
}

#[test]
fn the_meaning_of_an_endpoint_is_judged_too() {
    const PROVIDER: &str = "  provider: github\n";
    for (from, to, line, expected) in [
        ("provider: github", "provider: gihub", "5:3", "UnknownProvider"),
        (PROVIDER, "  provider: github\n  path: /hooks\n", "6:3", "PathNotAllowed"),
        (PROVIDER, "  provider: github\n  target: {subject: orders.x}\n", "6:12", "SubjectNotAllowed"),
        (PROVIDER, "  provider: github\n  target: {stream: ORDERS}\n", "6:12", "StreamNotAllowed"),
        (PROVIDER, "  provider: salesforce-outbound\n", "4:1", "InvalidParameters"),
        ("{secret: hunter2}", "{secret: ' '}", "6:16", "InvalidSecret"),
        ("{secret: hunter2}", "{token: hunter2}", "6:16", "SecretKeyNotFound"),
        ("  secretRefs: [{name: github-webhook}]\n", "", "4:1", "SecretKeyNotFound"),
        ("[{name: github-webhook}]", "[{name: github-webhook, use: verifyToken}]", "6:39", "Invalid"),
        (PROVIDER, "  provider: custom\n  verification: {none: {}}\n", "6:", "Invalid"),
        (PROVIDER, "  provider: custom\n  verification: {hmac: {hash: sha256, from: [haeder:X]}}\n", "6:", "Invalid"),
    ] {
        let (is_good, out) = altered(from, to, &[]);
        let is_told = out
            .lines()
            .any(|told| told.starts_with(&format!("x.yaml:{line}")) && told.ends_with(&format!("({expected})")));
        assert!(!is_good && is_told, "{to}: {out}");
        assert!(!out.contains("hunter2"), "{out}");
    }
    let (_, out) = altered("provider: github", "provider: gihub", &[]);
    assert!(out.contains("\"github\""), "the nearest name is told: {out}");
}

#[test]
fn the_policy_flags_are_those_of_run() {
    const PROVIDER: &str = "  provider: github\n";
    for (to, flags) in [
        ("  provider: github\n  path: /hooks\n", &["--allow-path", "/hooks"][..]),
        ("  provider: github\n  path: /hooks/a\n", &["--allow-path", "shop=/hooks/**"]),
        ("  provider: github\n  target: {subject: orders.x}\n", &["--allow-subject", "orders.>"]),
        ("  provider: github\n  target: {subject: hooks.shop.x}\n", &["--prefix", "hooks"]),
        ("  provider: github\n  target: {stream: ORDERS}\n", &["--allow-stream", "ORDERS"]),
        ("  provider: github\n  target: {stream: ORDERS}\n", &["--stream", "ORDERS"]),
    ] {
        assert!(altered(PROVIDER, to, flags).0, "{to} with {flags:?}");
        assert!(!altered(PROVIDER, to, &[]).0, "{to} without {flags:?}");
    }
    let unverified = "  provider: custom\n  verification: {none: {}}\n";
    let reference = format!("{PROVIDER}  secretRefs: [{{name: github-webhook}}]\n");
    assert!(altered(&reference, unverified, &["--allow-unverified"]).0);
    assert!(!altered(&reference, unverified, &[]).0);
    let foreign = "  provider: github\n  path: /hooks\n";
    assert!(!altered(PROVIDER, foreign, &["--allow-path", "other=/hooks"]).0, "another namespace's");

    let folder = Folder::with(&[("x.yaml", GOOD)]);
    let (code, out, err) = folder.validate(&["x.yaml", "--allow-path", "hooks"]);
    assert_eq!((code, out.as_str(), err.lines().count()), (Some(2), "", 1), "{err}");
    assert!(err.contains("--allow-path"), "{err}");
}

#[test]
fn a_secret_that_is_not_there_is_a_note_unless_secrets_are_required() {
    let (endpoint, _) = GOOD.split_once("---").unwrap();
    let folder = Folder::with(&[("x.yaml", endpoint)]);
    let (code, out, _) = folder.validate(&["x.yaml"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("x.yaml:6:16: note: WebhookEndpoint shop/github:") && out.contains("github-webhook"), "{out}");
    assert!(out.ends_with("· 0 errors · 1 note\n"), "{out}");
    let (code, out, _) = folder.validate(&["x.yaml", "--require-secrets"]);
    assert_eq!((code, out.matches(": error:").count()), (Some(1), 1), "{out}");
}

#[test]
fn a_path_has_one_owner_among_the_files() {
    let second = GOOD.split("---").next().unwrap().replace("name: github,", "name: second,");
    let claim = |text: &str| text.replace("  provider: github\n", "  provider: github\n  path: /shop/hooks\n");
    let folder = Folder::with(&[("a.yaml", &claim(GOOD)), ("b.yaml", &claim(&second)), ("c.yaml", &second)]);
    let (code, out, _) = folder.validate(&["b.yaml", "a.yaml"]);
    assert_eq!(code, Some(1));
    let conflicts: Vec<&str> = out.lines().filter(|line| line.ends_with("(PathConflict)")).collect();
    assert_eq!(conflicts.len(), 1, "{out}");
    assert!(conflicts[0].starts_with("b.yaml:6:3: error: WebhookEndpoint shop/second:"), "{out}");
    assert!(conflicts[0].contains("shop/github") && conflicts[0].contains("a.yaml:1"), "{out}");
    assert_eq!(folder.validate(&["a.yaml", "c.yaml"]).0, Some(0), "another path is no conflict");
}
