//! The book: its manifests are valid, its commands exist, its links lead somewhere, its tables leave nothing out.

mod health;
mod page;
mod run;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use clap::{CommandFactory as _, Parser as _};
use http::Method;
use jethook::api::Reason;
use jethook::cli::Cli;
use jethook::outcome::{NotStored, Outcome, Refusal};
use jethook::scheme::Rejection;
use serde_json::Value;

use crate::chart::values;
use crate::support::operator::jethook;
use crate::support::reaper;
use page::{Page, book, root, written};

/// Flags of other programs that the book names.
const FOREIGN_FLAGS: [&str; 4] = ["--wait", "--take-ownership", "--recursive", "--peer"];

fn yaml(text: &str) -> Result<Value, String> {
    serde_saphyr::from_str(text).map_err(|error| error.to_string())
}

#[test]
fn the_book_has_its_chapters() {
    let chapters: BTreeSet<_> = book().into_iter().map(|page| page.path).collect();
    for file in fs::read_dir(root().join("docs")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let is_page = name.ends_with(".md") && name != "SUMMARY.md";
        assert!(!is_page || chapters.contains(&format!("docs/{name}")), "docs/SUMMARY.md does not name {name}");
    }
    assert!(chapters.len() >= 15, "{chapters:?}");
    let links = Page::read("README.md").links();
    assert!(links.contains(&"docs/SUMMARY.md".to_owned()), "README.md does not lead to the book");
}

#[test]
fn every_link_leads_somewhere() {
    let mut faults = Vec::new();
    let mut count = 0;
    for page in written() {
        for link in page.links() {
            count += 1;
            if let Err(fault) = page.follow(&link) {
                faults.push(format!("{}: {link}: {fault}", page.path));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(count > 30, "{count} links were found");
}

#[test]
fn links_into_nowhere_are_found() {
    let page = Page::read("docs/README.md");
    for link in ["none.md", "install.md#none", "https://github.com/jethook/jethook/blob/main/none.md"] {
        assert!(page.follow(link).is_err(), "{link}");
    }
    for link in ["install.md", "nats.md#a-stream-of-yours", "https://github.com/jethook/jethook/blob/main/LICENSE"] {
        assert_eq!(page.follow(link), Ok(()));
    }
}

/// The flags that give `jethook validate` the policy of the values that a page shows.
fn policy(page: &Page) -> Vec<String> {
    let flags =
        [("allowPaths", "--allow-path"), ("allowStreams", "--allow-stream"), ("allowSubjects", "--allow-subject")];
    let shown = page.blocks("yaml").into_iter().filter(|text| text.starts_with("# values of jethook"));
    let policies: Vec<Value> = shown.map(|text| yaml(&text).unwrap()["policy"].clone()).collect();
    let given = policies.iter().flat_map(|policy| {
        flags.iter().flat_map(|(key, flag)| {
            let values = policy[*key].as_array().cloned().unwrap_or_default();
            values.into_iter().flat_map(|value| [(*flag).to_owned(), value.as_str().unwrap().to_owned()])
        })
    });
    given.collect()
}

#[test]
fn every_manifest_passes_validate() {
    let folder = reaper::folder("docs");
    let mut count = 0;
    for page in written() {
        for (index, text) in page.blocks("yaml").into_iter().enumerate() {
            if !text.contains("apiVersion: jethook.dev/") {
                continue;
            }
            count += 1;
            let file = folder.join(format!("{}-{index}.yaml", page.path.replace('/', "-")));
            fs::write(&file, &text).unwrap();
            let output = jethook().arg("validate").args(policy(&page)).arg(&file).output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{}: {said}\n{text}", page.path);
            // The same with a field that there is none of.
            fs::write(&file, text.replace("spec:\n", "spec:\n  providre: github\n")).unwrap();
            let output = jethook().arg("validate").args(policy(&page)).arg(&file).output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{}: {text}", page.path);
        }
    }
    assert!(count >= 6, "{count} manifests were found");
}

#[test]
fn every_other_manifest_is_yaml_of_some_kind() {
    for page in written() {
        for text in page.blocks("yaml") {
            for document in text.split("\n---\n") {
                let parsed = yaml(document).unwrap_or_else(|error| panic!("{}: {error}\n{document}", page.path));
                let is_object = parsed["apiVersion"].is_string() && parsed["kind"].is_string();
                assert!(is_object || text.starts_with("# values of "), "{}: what is this?\n{document}", page.path);
            }
        }
    }
}

#[test]
fn every_value_is_one_of_the_charts() {
    let schema: Value = serde_json::from_str(&values::schema()).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let mut count = 0;
    for page in written() {
        for text in page.blocks("yaml").into_iter().filter(|text| text.starts_with("# values of jethook")) {
            count += 1;
            let shown = yaml(&text).unwrap();
            let faults: Vec<_> = schema.iter_errors(&shown).map(|error| error.to_string()).collect();
            assert!(faults.is_empty(), "{}: {}\n{text}", page.path, faults.join("\n"));
        }
        for command in page.commands() {
            let words = words::split(&command);
            for set in words.windows(2).filter(|pair| pair[0] == "--set" && words[0] == "helm") {
                let key = set[1].split('=').next().unwrap();
                assert!(is_value(key), "{}: {command}: the chart has no value {key}", page.path);
            }
        }
    }
    assert!(count >= 8, "{count} sets of values were found");
    assert!(schema.validate(&serde_json::json!({"jetstraem": {}})).is_err());
}

fn is_value(key: &str) -> bool {
    let defaults = values::defaults();
    key.split('.').try_fold(&defaults, |at, name| at.get(name)).is_some()
}

#[test]
fn every_command_of_ours_parses() {
    let mut count = 0;
    for page in written() {
        for command in page.commands() {
            let words = words::split(&command);
            match words[0].as_str() {
                "jethook" => {
                    count += 1;
                    if let Err(error) = Cli::try_parse_from(&words) {
                        panic!("{}: {command}: {error}", page.path);
                    }
                }
                "make" => {
                    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
                    let is_target = makefile.contains(&format!("\n{}:", words[1]));
                    assert!(is_target, "{}: {command}: no such target", page.path);
                }
                _ => {}
            }
        }
    }
    assert!(count >= 10, "{count} commands were found");
    assert!(Cli::try_parse_from(["jethook", "send", "github"]).is_err());
}

/// Every flag of every command.
fn flags() -> BTreeSet<String> {
    let mut flags = BTreeSet::new();
    let mut commands = vec![Cli::command()];
    while let Some(command) = commands.pop() {
        flags.extend(command.get_arguments().filter_map(|argument| Some(format!("--{}", argument.get_long()?))));
        commands.extend(command.get_subcommands().cloned());
    }
    flags
}

#[test]
fn every_flag_value_and_metric_that_is_named_exists() {
    let flags = flags();
    let metrics: BTreeSet<_> = jethook::metrics::ALL.iter().map(|metric| metric.name).collect();
    let groups: BTreeSet<_> = values::defaults().as_object().unwrap().keys().cloned().collect();
    let mut faults = Vec::new();
    for page in book() {
        for code in page.inline_code() {
            let name = code.split([' ', '=', '{']).next().unwrap();
            let is_wrong = if name.starts_with("--") {
                !flags.contains(name) && !FOREIGN_FLAGS.contains(&name)
            } else if name.starts_with("jethook_") {
                !metrics.contains(name)
            } else {
                let is_key = name.split_once('.').is_some_and(|(group, _)| groups.contains(group));
                is_key && !is_value(name.trim_end_matches(':'))
            };
            if is_wrong {
                faults.push(format!("{}: {code}", page.path));
            }
        }
    }
    assert!(faults.is_empty(), "there is no such thing:\n{}", faults.join("\n"));
}

#[test]
fn the_readme_says_how_many_providers_there_are() {
    let rows = Page::read("README.md").rows("How it compares");
    let row = rows.iter().find(|row| row[0] == "providers verified out of the box").expect("the row is there");
    let count = jethook::catalogue::all().len();
    assert!(row[1].starts_with(&format!("[{count}]")), "README.md says {}, the catalogue has {count}", row[1]);
}

#[test]
fn every_test_that_a_promise_names_exists() {
    let mut count = 0;
    for code in Page::read("docs/guarantees.md").inline_code() {
        let Some((module, name)) = code.rsplit_once("::").filter(|_| !code.contains(' ')) else { continue };
        count += 1;
        assert!(page::has_test(module, name.trim_end_matches('…')), "docs/guarantees.md names {code}: no such test");
    }
    assert!(count > 30, "{count} tests were found");
    assert!(page::has_test("route::gate", "what_nobody_listens_to"));
    for (module, name) in [("route::gate", "nothing"), ("faults::gate", "what_nobody_listens_to"), ("spool", "Scene")] {
        assert!(!page::has_test(module, name), "{module}::{name}");
    }
}

#[test]
fn operating_explains_every_category_of_doctor() {
    let rows = Page::read("docs/operate.md").rows("Is all well?");
    let explained: Vec<_> = rows.iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
    let command = Cli::command();
    let doctor = command.find_subcommand("doctor").unwrap();
    let skip = doctor.get_arguments().find(|argument| argument.get_long() == Some("skip")).unwrap();
    let categories: Vec<_> = skip.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    assert_eq!(explained, categories);
}

#[test]
fn troubleshooting_explains_every_reason() {
    let rows = Page::read("docs/troubleshooting.md").rows("By condition");
    let explained: Vec<_> = rows.iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
    let reasons: Vec<_> = Reason::ALL.iter().map(|reason| reason.name().to_owned()).collect();
    assert_eq!(explained, reasons);
}

/// One of each refusal.
fn refusals() -> Vec<Refusal> {
    let what = || "header:X".to_owned();
    let second = std::time::Duration::from_secs(1);
    vec![
        Refusal::UnknownPath,
        Refusal::Method(vec![Method::POST]),
        Refusal::Closed,
        Refusal::Suspended,
        Refusal::Address,
        Refusal::TooLarge { endpoint: 1, nats: None },
        Refusal::UriTooLong,
        Refusal::HeadersTooLarge,
        Refusal::EncodedBody,
        Refusal::SlowBody,
        Refusal::BrokenBody,
        Refusal::TwoHosts,
        Refusal::Rejected(Rejection::Missing { what: what() }),
        Refusal::Rejected(Rejection::Malformed { what: what() }),
        Refusal::Rejected(Rejection::NoKeyMatched),
        Refusal::Rejected(Rejection::Stale { seconds: 900, tolerance: 300 }),
        Refusal::Rejected(Rejection::NotBound { what: what() }),
        Refusal::Rejected(Rejection::Repeated { what: what() }),
        Refusal::Rejected(Rejection::Content { expected: "JSON" }),
        Refusal::KeysAway,
        Refusal::Rate(second),
        Refusal::RefusalRate(second),
        Refusal::NotStored(NotStored::NoAck),
        Refusal::NotStored(NotStored::TooLarge { limit: 1 }),
        Refusal::NotStored(NotStored::Overloaded),
        Refusal::Overloaded,
        Refusal::Internal,
    ]
}

#[test]
fn troubleshooting_explains_every_answer() {
    let rows = Page::read("docs/troubleshooting.md").rows("By status code");
    let mut explained: BTreeMap<String, BTreeSet<u16>> = BTreeMap::new();
    for row in &rows {
        explained.entry(row[1].trim_matches('`').to_owned()).or_default().insert(row[0].parse().unwrap());
    }
    let mut given: BTreeMap<String, BTreeSet<u16>> = BTreeMap::new();
    for refusal in refusals() {
        given.entry(refusal.outcome().label().to_owned()).or_default().insert(refusal.status().as_u16());
    }
    for outcome in [Outcome::Stored, Outcome::Duplicate, Outcome::Spooled, Outcome::Filtered, Outcome::Handshake] {
        given.entry(outcome.label().to_owned()).or_default().insert(200);
    }
    assert_eq!(explained, given);
    assert_eq!(explained.len(), Outcome::ALL.len());
}
