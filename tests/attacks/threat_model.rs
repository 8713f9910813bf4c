//! The page of the threat model names a test for each attack, and each test that it names is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::report::ATTACKS;

/// `module::function` of every test of this suite.
fn tests() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks");
    let mut all = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let (module, text) =
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap());
        let mut is_test = false;
        for line in text.lines() {
            if is_test && let Some(rest) = line.strip_prefix("fn ") {
                all.insert(format!("{module}::{}", rest.split('(').next().unwrap()));
            }
            is_test = line == "#[test]";
        }
    }
    all
}

#[test]
fn the_page_names_every_attack_and_no_test_that_is_not_there() {
    let page = include_str!("../../docs/threat-model.md");
    let tests = tests();
    let attacks: Vec<_> = tests.iter().filter(|name| name.contains("::attack_")).collect();
    assert_eq!(attacks.len(), ATTACKS, "{attacks:?}");
    for name in attacks {
        assert!(page.contains(&format!("`{name}`")), "docs/threat-model.md does not name {name}");
    }
    let mut named = page.split('`').filter(|word| word.contains("::") && !word.contains([' ', '/', '\n'])).peekable();
    assert!(named.peek().is_some());
    for name in named {
        assert!(tests.contains(name), "docs/threat-model.md names {name}, which is no test of tests/attacks");
    }
}
