//! What is a repetition and what is not.

use serde_json::{Value, json};

use crate::support::http::Request;
use crate::support::operator::Operator;
use crate::support::sign;
use crate::support::stage::{KEY, PUSH, Stage};

fn serve(endpoints: &[(&str, Value)]) -> (Stage, Operator) {
    let stage = Stage::of_files();
    let operator = stage.operator(&[]);
    for (name, more) in endpoints {
        stage.github(name, more.clone());
    }
    for (name, _) in endpoints {
        stage.ready(name);
    }
    (stage, operator)
}

#[track_caller]
fn status(operator: &Operator, request: &Request) -> String {
    let answer = operator.send(request);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["status"].as_str().unwrap().to_owned()
}

#[test]
fn a_repeated_delivery_is_answered_as_a_duplicate_and_stored_once() {
    let (stage, operator) = serve(&[("github", json!({}))]);
    let first = operator.send(&stage.push("github", "1")).json();
    assert_eq!(first, json!({"status": "stored", "id": "1"}));
    for _ in 0..3 {
        assert_eq!(operator.send(&stage.push("github", "1")).json(), json!({"status": "duplicate", "id": "1"}));
    }
    assert_eq!(status(&operator, &stage.push("github", "2")), "stored");
    assert_eq!(stage.count(), 2);
    assert_eq!((operator.counted("stored"), operator.counted("duplicate")), (2.0, 3.0));
}

#[test]
fn two_endpoints_with_equal_delivery_ids_store_both() {
    let (stage, operator) = serve(&[("one", json!({})), ("two", json!({}))]);
    assert_eq!(status(&operator, &stage.push("one", "same")), "stored");
    assert_eq!(status(&operator, &stage.push("two", "same")), "stored");
    let sources: Vec<_> = stage.stored().iter().map(|stored| stored.header("ce-source").to_owned()).collect();
    assert!(sources[0].ends_with("/one") && sources[1].ends_with("/two"), "{sources:?}");
}

#[test]
fn a_replayed_body_under_a_foreign_id_hides_no_genuine_event() {
    let (stage, operator) = serve(&[("github", json!({}))]);
    let other = r#"{"ref":"refs/heads/other"}"#;
    // GitHub does not sign its id: whoever saw one delivery could send it again under the id of the next.
    assert_eq!(status(&operator, &sign::github(&stage.path("github"), KEY, "push", "next", PUSH)), "stored");
    assert_eq!(status(&operator, &sign::github(&stage.path("github"), KEY, "push", "next", other)), "stored");
    assert_eq!(status(&operator, &sign::github(&stage.path("github"), KEY, "push", "next", other)), "duplicate");
    assert_eq!(stage.count(), 2);
}

#[test]
fn a_delivery_without_the_id_that_its_entry_names_is_stored_each_time() {
    let (stage, operator) = serve(&[("github", json!({}))]);
    let mut push = stage.push("github", "1");
    push.headers.retain(|(name, _)| name != "X-GitHub-Delivery");
    assert_eq!(status(&operator, &push), "stored");
    assert_eq!(status(&operator, &push), "stored");
    let ids: Vec<_> = stage.stored().iter().map(|stored| stored.header("ce-id").to_owned()).collect();
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn deduplication_by_content_knows_the_body_alone() {
    let (stage, operator) = serve(&[("github", json!({"deduplication": {"key": "content"}}))]);
    assert_eq!(status(&operator, &stage.push("github", "1")), "stored");
    assert_eq!(status(&operator, &stage.push("github", "2")), "duplicate");
    let other = sign::github(&stage.path("github"), KEY, "push", "1", PUSH.replace("main", "mein"));
    assert_eq!(status(&operator, &other), "stored");
    assert_eq!(stage.count(), 2);
}

#[test]
fn deduplication_by_a_header_knows_that_header_and_the_signed_body() {
    let (stage, operator) = serve(&[("github", json!({"deduplication": {"key": "header", "header": "X-Request-Id"}}))]);
    let push = |delivery: &str, request: &str| stage.push("github", delivery).header("x-request-id", request);
    assert_eq!(status(&operator, &push("1", "a")), "stored");
    assert_eq!(status(&operator, &push("2", "a")), "duplicate");
    assert_eq!(status(&operator, &push("1", "b")), "stored");
    let stored = stage.stored();
    assert_eq!((stored.len(), stored[1].header("ce-id")), (2, "b"));
}

#[test]
fn without_deduplication_every_delivery_is_stored() {
    let (stage, operator) = serve(&[
        ("none", json!({"deduplication": {"key": "none"}})),
        ("delivery", json!({"deduplication": {"key": "delivery"}})),
    ]);
    for _ in 0..2 {
        assert_eq!(status(&operator, &stage.push("none", "1")), "stored");
    }
    assert_eq!(status(&operator, &stage.push("delivery", "1")), "stored");
    assert_eq!(status(&operator, &stage.push("delivery", "1")), "duplicate");
    assert_eq!(stage.count(), 3);
}

#[test]
fn an_entry_without_an_id_stores_equal_bodies_twice_and_one_with_unique_bodies_once() {
    let stage = Stage::of_files();
    let operator = stage.operator(&[]);
    let key = "c2l4dGVlbiBieXRlcyBvciBzbw==";
    stage.secret("ens", &[("secret", key)]);
    stage.endpoint("ens", json!({"provider": "salesforce-marketing-cloud-ens", "secretRefs": [{"name": "ens"}]}));
    stage.ready("ens");
    let decoded = data_encoding::BASE64.decode(key.as_bytes()).unwrap();
    let batch =
        sign::base64_hmac(&stage.path("ens"), "x-sfmc-ens-signature", &decoded, r#"[{"eventCategoryType":"A"}]"#);
    assert_eq!(status(&operator, &batch), "stored");
    assert_eq!(status(&operator, &batch), "stored");
    stage.endpoint(
        "ens",
        json!({
            "provider": "salesforce-marketing-cloud-ens",
            "secretRefs": [{"name": "ens"}],
            "deduplication": {"key": "content"},
        }),
    );
    crate::support::eventually::eventually(std::time::Duration::from_secs(5), "content counts", || {
        match status(&operator, &batch).as_str() {
            "duplicate" => Ok(()),
            other => Err(other.to_owned()),
        }
    });
}
