//! One table of good and bad manifests, judged offline and by a real apiserver: verdict and field must agree.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use jethook::api::manifest;
use serde_json::Value;

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
