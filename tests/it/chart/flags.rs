//! Flags and values: the chart can set every flag of `jethook run`, and sets none that it does not know.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Args as _, Command, Parser};
use jethook::config::RunConfig;
use serde_json::Value;

use super::render::{container, objects, rendered, sets, texts};

/// Flags whose default in the chart is another, or stands for what the release knows.
const OWN_DEFAULTS: [&str; 5] = ["nats-url", "workers", "lease-name", "lease-namespace", "log-format"];

#[derive(Parser, Debug)]
struct Run {
    #[command(flatten)]
    _config: RunConfig,
}

/// The flags of `jethook run` with their defaults.
fn flags() -> BTreeMap<String, Option<String>> {
    let command = RunConfig::augment_args(Command::new("run"));
    let default =
        |argument: &clap::Arg| argument.get_default_values().first().map(|value| value.to_str().unwrap().to_owned());
    let flags = command.get_arguments().map(|argument| (argument.get_long().unwrap().to_owned(), default(argument)));
    flags.collect()
}

/// The value sets that this binary has all flags for.
fn known_sets() -> Vec<String> {
    let has_spool = flags().contains_key("spool-dir");
    sets().into_iter().filter(|name| has_spool || name != "spool").collect()
}

/// The arguments after `run`, and the environment variables of flags.
fn given(objects: &[Value]) -> (Vec<String>, Vec<String>) {
    let container = container(objects);
    let arguments = texts(&container["args"]);
    assert_eq!(arguments[0], "run");
    let names = container["env"].as_array().into_iter().flatten().map(|variable| variable["name"].as_str().unwrap());
    let variables = names.filter(|name| name.starts_with("JETHOOK_")).map(str::to_owned).collect();
    (arguments[1..].iter().map(|&argument| argument.to_owned()).collect(), variables)
}

fn name_of(argument: &str) -> &str {
    argument.split('=').next().unwrap().trim_start_matches("--")
}

#[test]
fn every_flag_of_run_can_be_set_from_the_chart() {
    let mut set = BTreeSet::new();
    for name in known_sets() {
        let (arguments, variables) = given(&objects(rendered(&name)));
        set.extend(arguments.iter().map(|argument| name_of(argument).to_owned()));
        set.extend(variables.iter().map(|name| name["JETHOOK_".len()..].to_lowercase().replace('_', "-")));
    }
    let flags: BTreeSet<_> = flags().into_keys().collect();
    let missing: Vec<_> = flags.difference(&set).collect();
    assert!(missing.is_empty(), "no value sets {missing:?}: add them to values.yaml, _flags.tpl and tests/chart");
    let unknown: Vec<_> = set.difference(&flags).collect();
    assert!(unknown.is_empty(), "jethook run knows no {unknown:?}");
}

#[test]
fn jethook_understands_what_the_chart_says() {
    for name in known_sets() {
        let (arguments, variables) = given(&objects(rendered(&name)));
        let variables = variables.iter().map(|name| {
            let flag = name["JETHOOK_".len()..].to_lowercase().replace('_', "-");
            format!("--{flag}=from-a-secret")
        });
        let line = ["jethook".to_owned()].into_iter().chain(arguments).chain(variables);
        Run::try_parse_from(line).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn the_values_have_the_defaults_of_the_flags() {
    let flags = flags();
    let (arguments, _) = given(&objects(rendered("minimal")));
    let mut compared = 0;
    for argument in arguments.iter().filter(|argument| !OWN_DEFAULTS.contains(&name_of(argument))) {
        let value = argument.split_once('=').map(|(_, value)| value.to_owned());
        assert_eq!(value, flags[name_of(argument)], "{argument}");
        compared += 1;
    }
    assert!(compared > 20, "{compared}");
}
