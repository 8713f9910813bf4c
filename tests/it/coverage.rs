//! Nothing that users meet goes untested: each field, flag, answer, reason, outcome and metric is named by a test.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use jethook::api::Reason;
use jethook::outcome::Outcome;
use serde_json::Value;

use crate::support::operator::jethook;

/// The statuses of the answers table.
const STATUSES: [u16; 13] = [200, 400, 401, 403, 404, 405, 408, 413, 414, 415, 429, 431, 503];

/// The text of all integration tests, this file left out.
fn tests() -> String {
    fn read(folder: &Path, into: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(&path, into);
            } else if path.file_name().is_some_and(|name| name != "coverage.rs" && name != "tidy.rs") {
                into.push_str(&fs::read_to_string(&path).unwrap_or_default());
            }
        }
    }
    let mut text = String::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it"), &mut text);
    text
}

/// Whether a text holds a name as a word of its own.
fn names(text: &str, name: &str) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    text.match_indices(name).any(|(at, _)| {
        let rest = &text[at + name.len()..];
        // The series of a histogram.
        let rest = ["_count", "_sum"].iter().find_map(|suffix| rest.strip_prefix(suffix)).unwrap_or(rest);
        !is_word(text[..at].chars().next_back()) && !is_word(rest.chars().next())
    })
}

#[track_caller]
fn all_named<'a>(what: &str, items: impl IntoIterator<Item = &'a str>) {
    let text = tests();
    let items: BTreeSet<_> = items.into_iter().collect();
    assert!(items.len() > 5, "the list of every {what} was found");
    let missing: Vec<_> = items.into_iter().filter(|item| !names(&text, item)).collect();
    assert!(missing.is_empty(), "no test in tests/it names the {what} {}", missing.join(", "));
}

/// The names of all fields of the spec, those of the verification language left out: `language.rs` tests that.
fn fields(schema: &Value, found: &mut BTreeSet<String>) {
    if let Some(properties) = schema["properties"].as_object() {
        for (name, field) in properties {
            found.insert(name.clone());
            if name != "verification" {
                fields(field, found);
            }
        }
    }
    if schema["items"].is_object() {
        fields(&schema["items"], found);
    }
}

#[test]
fn every_field_of_the_spec_has_a_test() {
    let crd = serde_json::to_value(jethook::api::crd()).unwrap();
    let mut found = BTreeSet::new();
    fields(&crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"], &mut found);
    all_named("field", found.iter().map(String::as_str));
}

#[test]
fn every_flag_of_run_has_a_test() {
    let help = jethook().args(["run", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let flags: Vec<_> = help
        .lines()
        .filter_map(|line| {
            line.trim_start().strip_prefix("--").or_else(|| line.split_once(", --").map(|(_, rest)| rest))
        })
        .map(|rest| format!("--{}", rest.split([' ', '=', '\n']).next().unwrap()))
        .filter(|flag| !["--help", "--version"].contains(&flag.as_str()))
        .collect();
    all_named("flag", flags.iter().map(String::as_str));
}

#[test]
fn every_answer_outcome_reason_and_metric_has_a_test() {
    let statuses: Vec<_> = STATUSES.iter().map(u16::to_string).collect();
    all_named("status", statuses.iter().map(String::as_str));
    // A spool comes with an issue of its own.
    all_named("outcome", Outcome::ALL.iter().filter(|o| **o != Outcome::Spooled).map(|outcome| outcome.label()));
    all_named("reason", Reason::ALL.iter().map(|reason| reason.name()));
    all_named("metric", jethook::metrics::ALL.iter().map(|metric| metric.name));
}

#[test]
fn a_name_is_told_from_a_part_of_one() {
    assert!(names("spec.path is", "path"));
    assert!(!names("paths", "path") && !names("--path-x", "--path"));
}
