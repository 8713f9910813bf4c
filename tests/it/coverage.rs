//! Nothing that users meet goes untested: each field, flag, answer, outcome, reason and metric has a test that shows its
//! effect. The lists come from the schema, the help and the enums; `table.rs` says which test it is.

mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use jethook::api::Reason;
use jethook::outcome::Outcome;
use serde_json::Value;

use crate::support::operator::jethook;

/// The statuses of the answers table.
const STATUSES: [&str; 13] =
    ["200", "400", "401", "403", "404", "405", "408", "413", "414", "415", "429", "431", "503"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every item has a row, every row an item, and every test that a row names is there and is a test.
#[track_caller]
fn check(what: &str, items: &BTreeSet<String>, rows: &[(&str, &str)]) {
    assert!(items.len() > 5, "the list of every {what} was found: {items:?}");
    let listed: BTreeMap<_, _> = rows.iter().copied().collect();
    assert_eq!(listed.len(), rows.len(), "no {what} has two rows");
    let mut faults: Vec<_> = items
        .iter()
        .filter(|item| !listed.contains_key(item.as_str()))
        .map(|item| format!("{item} has no test"))
        .collect();
    faults.extend(
        listed.keys().filter(|item| !items.contains(**item)).map(|item| format!("there is no {item} any more")),
    );
    faults.extend(rows.iter().filter_map(|(item, test)| is_test(test).err().map(|fault| format!("{item}: {fault}"))));
    assert!(faults.is_empty(), "{what} (see tests/it/coverage/table.rs):\n{}", faults.join("\n"));
}

/// Whether `module::function` of `tests/it` is a test.
fn is_test(name: &str) -> Result<(), String> {
    let (module, function) = name.split_once("::").ok_or_else(|| format!("{name} is no module::function"))?;
    let path = root().join("tests/it").join(format!("{module}.rs"));
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let lines: Vec<_> = text.lines().collect();
    let signature = format!("fn {function}(");
    let at = lines.iter().position(|line| line.contains(&signature)).ok_or_else(|| format!("{name} is not there"))?;
    let above: Vec<_> = lines[..at].iter().rev().take_while(|line| line.starts_with("#[")).collect();
    let is_marked = above.iter().any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"));
    let is_ignored = above.iter().any(|line| line.starts_with("#[ignore"));
    if is_marked && !is_ignored { Ok(()) } else { Err(format!("{name} is no test that runs")) }
}

fn owned<'a>(items: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    items.into_iter().map(str::to_owned).collect()
}

/// The schema of the spec.
fn schema() -> Value {
    let crd = serde_json::to_value(jethook::api::crd()).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone()
}

/// The paths of all fields below a schema: `limits.rate.burst`, `secretRefs.name`, `keys.*.prefix`.
fn fields(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        fields(field, &path, found);
        found.insert(path);
    }
    if schema["items"].is_object() {
        fields(&schema["items"], path, found);
    }
    if schema["additionalProperties"].is_object() {
        fields(&schema["additionalProperties"], &format!("{path}.*"), found);
    }
}

/// The paths of the fields that a value uses.
fn used(schema: &Value, value: &Value, path: &str, found: &mut BTreeSet<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let field = &schema["properties"][name];
        if field.is_object() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            used(field, value, &path, found);
            found.insert(path);
        } else if schema["additionalProperties"].is_object() {
            used(&schema["additionalProperties"], value, &format!("{path}.*"), found);
        }
    }
    for value in value.as_array().into_iter().flatten() {
        used(&schema["items"], value, path, found);
    }
}

#[test]
fn every_field_of_the_spec_has_a_test() {
    let schema = schema();
    let mut found = BTreeSet::new();
    fields(&schema, "", &mut found);
    found.retain(|path| !path.starts_with("verification."));
    check("field of the spec", &found, table::FIELDS);
}

/// The documents whose every scheme is tested with deliveries that verify and altered ones that do not: the catalogue's by
/// `vectors`, the others by `language`.
fn schemes() -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(root().join("src/catalogue/entries")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.extend(["schemes.toml", "genuine.toml"].map(|name| root().join("tests/it/language").join(name)));
    paths
}

/// The verifications of a document, wherever they stand, as values or as text.
fn verifications(value: &Value, found: &mut Vec<Value>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        match (name.as_str(), value) {
            ("verification", Value::String(text)) => found.push(toml::from_str(text).unwrap()),
            ("verification", value) => found.push(value.clone()),
            (_, value) => verifications(value, found),
        }
    }
}

#[test]
fn every_field_of_the_verification_language_has_a_test() {
    let schema = schema()["properties"]["verification"].clone();
    let (mut all, mut tested) = (BTreeSet::new(), BTreeSet::new());
    fields(&schema, "", &mut all);
    for path in schemes() {
        let document: Value = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let mut found = Vec::new();
        verifications(&document, &mut found);
        assert!(!found.is_empty(), "{}", path.display());
        found.iter().for_each(|verification| used(&schema, verification, "", &mut tested));
    }
    let tested_as_data = ["vectors::every_vector_verifies_as_it_says", "language::what_each_scheme_signs_it_verifies"];
    for test in
        tested_as_data.into_iter().chain(["language::requests_that_others_signed_verify_and_altered_ones_do_not"])
    {
        is_test(test).unwrap();
    }
    let rest: BTreeSet<String> = all.difference(&tested).cloned().collect();
    // A field may have a test of its own and be used by an entry as well.
    let rows = table::VERIFICATION.iter().filter(|(path, _)| rest.contains(*path) || !all.contains(*path));
    check("field of the verification language", &rest, &rows.copied().collect::<Vec<_>>());
}

#[test]
fn every_flag_of_run_has_a_test() {
    let help = jethook().args(["run", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let flags = help
        .lines()
        .filter_map(|line| {
            let line = line.trim_start();
            line.strip_prefix("--").or_else(|| line.strip_prefix('-')?.split_once(", --").map(|(_, rest)| rest))
        })
        .map(|rest| format!("--{}", rest.split([' ', '=', '[']).next().unwrap()))
        .filter(|flag| flag != "--help");
    check("flag of run", &flags.collect(), table::FLAGS);
}

#[test]
fn every_answer_and_outcome_has_a_test() {
    check("row of the answers table", &owned(STATUSES), table::ANSWERS);
    check("outcome", &owned(Outcome::ALL.iter().map(|outcome| outcome.label())), table::OUTCOMES);
}

#[test]
fn every_reason_of_a_condition_has_a_test() {
    check("reason", &owned(Reason::ALL.iter().map(|reason| reason.name())), table::REASONS);
}

#[test]
fn every_metric_has_a_test() {
    check("metric", &owned(jethook::metrics::ALL.iter().map(|metric| metric.name)), table::METRICS);
}

#[test]
fn a_test_is_told_from_what_is_none() {
    is_test("coverage::a_test_is_told_from_what_is_none").unwrap();
    for name in ["coverage::is_test", "coverage::not_there", "nowhere::at_all", "coverage"] {
        assert!(is_test(name).is_err(), "{name}");
    }
}
