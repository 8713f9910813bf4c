//! Alerts and the dashboard: each query names metrics, labels and outcomes that exist.

use std::collections::BTreeSet;
use std::fs;

use jethook::metrics::{ALL, Kind};
use jethook::outcome::Outcome;
use serde_json::Value;

use super::render::{object, objects, rendered};
use super::values;

/// Labels that Prometheus adds to what it scrapes.
const TARGET_LABELS: [&str; 4] = ["job", "namespace", "pod", "instance"];

/// The queries of the alerts and their names.
fn alerts(set: &str, name: &str) -> Vec<(String, String)> {
    let all = objects(rendered(set));
    let rule = object(&all, "PrometheusRule", name);
    let group = &rule["spec"]["groups"][0]["rules"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    group.as_array().unwrap().iter().map(|alert| (text(&alert["alert"]), text(&alert["expr"]))).collect()
}

/// All texts under a key, wherever it stands.
pub fn found_under(value: &Value, key: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == key => found.push(text.clone()),
                    value => found_under(value, key, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| found_under(item, key, found)),
        _ => {}
    }
}

pub fn dashboard() -> Value {
    serde_json::from_str(&fs::read_to_string(values::folder().join("files/dashboard.json")).unwrap()).unwrap()
}

/// The metric that a series belongs to, and its labels; a histogram has three kinds of series.
fn labels_of(series: &str) -> Option<Vec<&'static str>> {
    ALL.iter().find_map(|metric| {
        if metric.kind == Kind::Histogram {
            let suffix = series.strip_prefix(metric.name)?;
            let le: &[&str] = if suffix == "_bucket" { &["le"] } else { &[] };
            return ["_bucket", "_sum", "_count"].contains(&suffix).then(|| [metric.labels, le].concat());
        }
        (series == metric.name).then(|| metric.labels.to_vec())
    })
}

/// What is wrong with a query.
fn faults(query: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (mut names, mut rest, mut selected) = (0, query, BTreeSet::new());
    while let Some(at) = rest.find("jethook_") {
        rest = &rest[at..];
        let series: String = rest.chars().take_while(|&c| is_word(c)).collect();
        rest = &rest[series.len()..];
        names += 1;
        let Some(labels) = labels_of(&series) else {
            faults.push(format!("there is no {series}"));
            continue;
        };
        let selector = rest.strip_prefix('{').map_or("", |rest| rest.split('}').next().unwrap());
        for matcher in selector.split(',').filter(|matcher| !matcher.trim().is_empty()) {
            let label: String = matcher.trim().chars().take_while(|&c| is_word(c)).collect();
            if !labels.contains(&label.as_str()) && !TARGET_LABELS.contains(&label.as_str()) {
                faults.push(format!("{series} has no label {label}"));
            }
            let values = matcher.split('"').nth(1).unwrap_or_default();
            if label == "outcome" {
                let unknown =
                    values.split('|').filter(|value| !Outcome::ALL.iter().any(|outcome| outcome.label() == *value));
                faults.extend(unknown.map(|value| format!("there is no outcome {value}")));
            }
        }
        selected.extend(labels);
    }
    if names == 0 {
        faults.push("no metric".to_owned());
    }
    for by in query.split("by (").skip(1) {
        for label in by.split(')').next().unwrap().split(',').map(str::trim) {
            if !selected.contains(label) && !TARGET_LABELS.contains(&label) {
                faults.push(format!("by ({label}): no metric of the query has it"));
            }
        }
    }
    for (open, close) in [('(', ')'), ('{', '}'), ('[', ']')] {
        if query.matches(open).count() != query.matches(close).count() {
            faults.push(format!("{open} and {close} do not pair"));
        }
    }
    faults.into_iter().map(|fault| format!("{fault}: {query}")).collect()
}

#[test]
fn alerts_and_dashboard_name_what_exists() {
    let mut queries: Vec<_> = alerts("observed", "jethook").into_iter().map(|(_, query)| query).collect();
    queries.extend(alerts("podmonitor", "jethook").into_iter().map(|(_, query)| query));
    queries.extend(alerts("spool", "jethook").into_iter().map(|(_, query)| query));
    assert!(queries.len() > 15, "{queries:?}");
    let before = queries.len();
    found_under(&dashboard()["panels"], "expr", &mut queries);
    assert!(queries.len() - before > 25, "{}", queries.len());
    let wrong: Vec<_> = queries.iter().flat_map(|query| faults(query)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // And every metric is to be seen on the dashboard.
    let all = queries[before..].join("\n");
    for metric in ALL {
        assert!(all.contains(metric.name), "the dashboard does not show {}", metric.name);
    }
}

#[test]
fn a_query_of_something_that_is_not_there_is_found() {
    let good = r#"sum by (namespace) (rate(jethook_deliveries_total{job="x",outcome=~"stored|stale"}[5m]))"#;
    assert_eq!(faults(good), Vec::<String>::new());
    for (from, to) in [
        ("deliveries_total", "delivery_total"),
        ("outcome=", "result="),
        ("stale", "old"),
        ("by (namespace)", "by (stream)"),
        ("[5m]))", "[5m])"),
        ("jethook_", "jethouk_"),
    ] {
        assert_eq!(faults(&good.replace(from, to)).len(), 1, "{to}: {:?}", faults(&good.replace(from, to)));
    }
}

#[test]
fn the_dashboard_is_sound() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "each panel has an id of its own");
    let variables: BTreeSet<_> =
        dashboard["templating"]["list"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    let text = dashboard.to_string();
    for used in text.match_indices('$').map(|(at, _)| text[at + 1..].trim_start_matches('{')) {
        let name: String = used.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        assert!(variables.contains(name.as_str()) || name.starts_with("__"), "${name} is no variable: {variables:?}");
    }
    let all = objects(rendered("observed"));
    let kept = object(&all, "ConfigMap", "jethook-dashboard")["data"]["jethook.json"].as_str().unwrap().to_owned();
    assert_eq!(serde_json::from_str::<Value>(&kept).unwrap(), dashboard);
}

#[test]
fn an_alert_is_there_unless_it_is_left_out_and_says_what_to_do() {
    let all = objects(rendered("observed"));
    let rules = &object(&all, "PrometheusRule", "jethook")["spec"]["groups"][0]["rules"];
    for rule in rules.as_array().unwrap() {
        let text = |path: &str| rule.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        assert!(["critical", "warning"].contains(&text("/labels/severity").as_str()), "{rule}");
        assert!(text("/annotations/summary").len() > 15 && text("/annotations/description").len() > 60, "{rule}");
        assert_eq!(text("/labels/team"), "platform", "{rule}");
        assert_eq!(text("/annotations/runbook_url"), "https://runbooks.example.com", "{rule}");
    }
    let names = |set| alerts(set, "jethook").into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>();
    let (with, without) = (names("observed"), names("podmonitor"));
    let difference: Vec<_> = with.difference(&without).map(String::as_str).collect();
    assert_eq!(difference, ["JethookNoDeliveries", "JethookNoWriter", "JethookSlow"]);
    let (_, query) = &alerts("podmonitor", "jethook")[0];
    assert!(query.contains(r#"job="jethook/jethook""#), "{query}");
    let (_, query) = &alerts("observed", "jethook")[0];
    assert!(query.contains(r#"job="jethook-admin""#), "{query}");
}
