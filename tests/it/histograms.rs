//! What the histograms of the metrics page count.

use serde_json::json;

use crate::support::eventually::{SOON, eventually};
use crate::support::sign;
use crate::support::stage::{KEY, Stage};

#[test]
fn histograms_count_deliveries_publishes_bodies_and_route_updates() {
    let stage = Stage::of_files();
    let operator = stage.operator(&[]);
    stage.github("github", json!({}));
    stage.ready("github");
    let value = |series: &str| operator.metric(series).unwrap_or_default();
    let updates = value("jethook_route_update_seconds_count");
    assert!(updates >= 1.0, "the route came by an update");
    let body = r#"{"n":1}"#;
    let right = sign::github(&stage.path("github"), KEY, "push", "1", body);
    assert_eq!(operator.send(&right).status, 200);
    let forged = sign::github(&stage.path("github"), "another key", "push", "2", body);
    assert_eq!(operator.send(&forged).status, 401);
    eventually(SOON, "both are counted", || {
        match value(r#"jethook_delivery_duration_seconds_count{provider="github"}"#) {
            2.0 => Ok(()),
            other => Err(other.to_string()),
        }
    });
    assert_eq!(value("jethook_publish_duration_seconds_count"), 1.0, "the forged one was not published");
    assert_eq!(value("jethook_body_bytes_count"), 2.0);
    assert_eq!(value("jethook_body_bytes_sum"), 2.0 * body.len() as f64);
    assert!(value(r#"jethook_delivery_duration_seconds_sum{provider="github"}"#) > 0.0);
    stage.github("github", json!({"events": ["push"]}));
    eventually(SOON, "an edit is an update", || match value("jethook_route_update_seconds_count") {
        now if now > updates => Ok(()),
        now => Err(now.to_string()),
    });
}
