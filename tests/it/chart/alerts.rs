//! promtool's word on the queries, and each alert on a recorded bad case and a good one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::observe::{dashboard, found_under};
use super::render::{object, objects, rendered};
use crate::support::apiserver::tool;
use crate::support::reaper;

/// A series and its values, one a minute, in promtool's notation.
type Series = (&'static str, &'static str);

/// What an alert fires on, and what it is silent on, after some minutes.
struct Case {
    alert: &'static str,
    minutes: u32,
    bad: &'static [Series],
    good: &'static [&'static [Series]],
}

const CASES: &[Case] = &[
    Case {
        alert: "JethookDown",
        minutes: 30,
        bad: &[(r#"up{job="jethook-admin"}"#, "0x60")],
        good: &[&[(r#"jethook_build_info{pod="a",version="1"}"#, "1x60")]],
    },
    Case {
        alert: "JethookNatsDisconnected",
        minutes: 10,
        bad: &[(r#"jethook_nats_connected{pod="a"}"#, "0x60"), (r#"jethook_nats_connected{pod="b"}"#, "1x60")],
        good: &[&[(r#"jethook_nats_connected{pod="a"}"#, "1x60")]],
    },
    Case {
        alert: "JethookNotStoring",
        minutes: 30,
        bad: &[
            (r#"jethook_deliveries_total{endpoint="a",outcome="unavailable"}"#, "0+60x60"),
            (r#"jethook_deliveries_total{endpoint="b",outcome="stored"}"#, "0+60x60"),
        ],
        good: &[&[
            (r#"jethook_deliveries_total{endpoint="a",outcome="unavailable"}"#, "0+1x60"),
            (r#"jethook_deliveries_total{endpoint="b",outcome="stored"}"#, "0+600x60"),
        ]],
    },
    Case {
        alert: "JethookNoWriter",
        minutes: 30,
        bad: &[(r#"jethook_leader{pod="a"}"#, "0x60"), (r#"jethook_leader{pod="b"}"#, "0x60")],
        good: &[&[(r#"jethook_leader{pod="a"}"#, "0x60"), (r#"jethook_leader{pod="b"}"#, "1x60")]],
    },
    Case {
        alert: "JethookEndpointNotReady",
        minutes: 30,
        bad: &[(r#"jethook_endpoint_ready{namespace="shop",endpoint="github"}"#, "0x60")],
        good: &[
            &[(r#"jethook_endpoint_ready{namespace="shop",endpoint="github"}"#, "1x60")],
            // A moment is no alert.
            &[(r#"jethook_endpoint_ready{namespace="shop",endpoint="github"}"#, "1x25 0x60")],
        ],
    },
    Case {
        alert: "JethookSignatureFailures",
        minutes: 30,
        bad: &[
            (r#"jethook_deliveries_total{namespace="shop",endpoint="a",outcome="unauthorized"}"#, "0+30x60"),
            (r#"jethook_deliveries_total{namespace="shop",endpoint="a",outcome="stored"}"#, "0+60x60"),
        ],
        good: &[
            // Few among many, and few at all.
            &[
                (r#"jethook_deliveries_total{namespace="shop",endpoint="a",outcome="unauthorized"}"#, "0+30x60"),
                (r#"jethook_deliveries_total{namespace="shop",endpoint="a",outcome="stored"}"#, "0+600x60"),
            ],
            &[(r#"jethook_deliveries_total{namespace="shop",endpoint="a",outcome="unauthorized"}"#, "0+1x60")],
        ],
    },
    Case {
        alert: "JethookSlow",
        minutes: 30,
        bad: &[
            (r#"jethook_delivery_duration_seconds_bucket{le="1"}"#, "0+50x60"),
            (r#"jethook_delivery_duration_seconds_bucket{le="5"}"#, "0+60x60"),
            (r#"jethook_delivery_duration_seconds_bucket{le="+Inf"}"#, "0+60x60"),
        ],
        good: &[&[
            (r#"jethook_delivery_duration_seconds_bucket{le="1"}"#, "0+60x60"),
            (r#"jethook_delivery_duration_seconds_bucket{le="5"}"#, "0+60x60"),
            (r#"jethook_delivery_duration_seconds_bucket{le="+Inf"}"#, "0+60x60"),
        ]],
    },
    Case {
        alert: "JethookOverloaded",
        minutes: 30,
        bad: &[(r#"jethook_deliveries_total{pod="a",outcome="overloaded"}"#, "0+6x60")],
        good: &[&[(r#"jethook_deliveries_total{pod="a",outcome="overloaded"}"#, "7x60")]],
    },
    Case {
        alert: "JethookWatchStale",
        minutes: 30,
        bad: &[(r#"jethook_watch_last_event_timestamp_seconds{pod="a",kind="Secret"}"#, "0x60")],
        good: &[&[(r#"jethook_watch_last_event_timestamp_seconds{pod="a",kind="Secret"}"#, "0+60x60")]],
    },
    Case {
        alert: "JethookNoDeliveries",
        minutes: 1500,
        bad: &[(r#"jethook_last_stored_timestamp_seconds{namespace="shop",endpoint="a"}"#, "0x1600")],
        good: &[&[(r#"jethook_last_stored_timestamp_seconds{namespace="shop",endpoint="a"}"#, "0+60x1600")]],
    },
    Case {
        alert: "JethookSpoolWaits",
        minutes: 30,
        bad: &[
            (r#"jethook_spool_oldest_timestamp_seconds{pod="a"}"#, "60x60"),
            (r#"jethook_nats_connected{pod="a"}"#, "1x60"),
        ],
        good: &[
            &[
                (r#"jethook_spool_oldest_timestamp_seconds{pod="a"}"#, "0x60"),
                (r#"jethook_nats_connected{pod="a"}"#, "1x60"),
            ],
            // What a spool is for.
            &[
                (r#"jethook_spool_oldest_timestamp_seconds{pod="a"}"#, "60x60"),
                (r#"jethook_nats_connected{pod="a"}"#, "0x60"),
            ],
        ],
    },
    Case {
        alert: "JethookSpoolLeftBehind",
        minutes: 50,
        bad: &[
            (r#"jethook_spool_entries{pod="jethook-0"}"#, "0x60"),
            (r#"jethook_spool_entries{pod="jethook-1"}"#, "5x10 stale"),
        ],
        good: &[
            &[
                (r#"jethook_spool_entries{pod="jethook-0"}"#, "0x60"),
                (r#"jethook_spool_entries{pod="jethook-1"}"#, "5x5 0x5 stale"),
            ],
            &[(r#"jethook_spool_entries{pod="jethook-1"}"#, "5x60")],
        ],
    },
];

/// The groups of rules of a render.
fn groups(set: &str) -> Value {
    let all = objects(rendered(set));
    object(&all, "PrometheusRule", "jethook")["spec"]["groups"].clone()
}

#[track_caller]
fn promtool(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(tool("promtool")).args(arguments).current_dir(folder).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

/// How often an alert fires after these series: 0 or 1.
fn test(case: &Case, series: &[Series], firing: u32) -> Value {
    let input: Vec<_> = series
        .iter()
        .map(|(series, values)| {
            let series = if series.contains("job=") {
                (*series).to_owned()
            } else {
                series.replace('{', r#"{job="jethook-admin","#)
            };
            json!({"series": series, "values": values})
        })
        .collect();
    let samples: Vec<_> = (firing > 0).then(|| json!({"labels": "{}", "value": firing})).into_iter().collect();
    json!({
        "interval": "1m",
        "input_series": input,
        "promql_expr_test": [{
            "expr": format!("count(ALERTS{{alertname=\"{}\",alertstate=\"firing\"}})", case.alert),
            "eval_time": format!("{}m", case.minutes),
            "exp_samples": samples,
        }],
    })
}

#[test]
fn each_alert_fires_on_a_bad_case_and_is_silent_on_a_good_one() {
    let folder = reaper::folder("alerts");
    let mut left: BTreeSet<_> = CASES.iter().map(|case| case.alert.to_owned()).collect();
    assert_eq!(left.len(), CASES.len());
    for set in ["observed", "spool"] {
        let groups = groups(set);
        let rules: Vec<_> = groups[0]["rules"].as_array().unwrap().clone();
        fs::write(folder.join("rules.json"), json!({"groups": groups}).to_string()).unwrap();
        let mut tests = Vec::new();
        for rule in rules {
            let name = rule["alert"].as_str().unwrap();
            let case = CASES.iter().find(|case| case.alert == name).unwrap_or_else(|| panic!("{name} has no case"));
            left.remove(name);
            tests.push(test(case, case.bad, 1));
            tests.extend(case.good.iter().map(|series| test(case, series, 0)));
        }
        let file = json!({"rule_files": ["rules.json"], "evaluation_interval": "1m", "tests": tests});
        fs::write(folder.join("test.json"), file.to_string()).unwrap();
        promtool(&folder, &["check", "rules", "rules.json"]);
        promtool(&folder, &["test", "rules", "test.json"]);
    }
    assert!(left.is_empty(), "no such alerts: {left:?}");
}

#[test]
fn prometheus_understands_the_queries_of_the_dashboard() {
    let mut queries = Vec::new();
    found_under(&dashboard()["panels"], "expr", &mut queries);
    assert!(queries.len() > 25, "{}", queries.len());
    let filled = |query: &String| query.replace("$__rate_interval", "5m").replace('$', "");
    let rules: Vec<_> = queries
        .iter()
        .enumerate()
        .map(|(number, query)| json!({"record": format!("query:{number}"), "expr": filled(query)}))
        .collect();
    let folder = reaper::folder("queries");
    let rules = json!({"groups": [{"name": "dashboard", "rules": rules}]});
    fs::write(folder.join("rules.json"), rules.to_string()).unwrap();
    let said = promtool(&folder, &["check", "rules", "--lint=none", "rules.json"]);
    assert!(said.contains(&format!("{} rules found", queries.len())), "{said}");
}
