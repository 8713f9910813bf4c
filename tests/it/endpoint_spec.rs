//! Specs that make no sense here, and what is said of them.

use serde_json::{Value, json};

use crate::support::http::Request;
use crate::support::sign;
use crate::support::stage::{PUSH, Stage};

#[test]
fn a_typo_in_provider_names_the_nearest() {
    let stage = Stage::new();
    let operator = stage.operator(&[]);
    stage.github("github", json!({"provider": "githbu"}));
    let message = stage.expect("github", "Accepted", "False", "UnknownProvider");
    assert!(message.contains("spec.provider") && message.contains("githbu"), "{message}");
    assert!(message.contains("did you mean \"github\"?"), "{message}");
    stage.expect("github", "Ready", "False", "UnknownProvider");
    stage.expect("github", "Stalled", "True", "UnknownProvider");
    stage.expect("github", "Programmed", "False", "Pending");
    assert_eq!(operator.send(&stage.push("github", "1")).status, 503);
    stage.github("github", json!({}));
    stage.ready("github");
    stage.expect("github", "Programmed", "True", "Programmed");
    stage.expect("github", "Accepted", "True", "Accepted");
    assert!(stage.condition("github", "Stalled").is_none());
}

#[test]
fn parameters_are_asked_for_by_name() {
    let stage = Stage::new();
    let operator = stage.operator(&[]);
    stage.secret("salesforce", &[("secret", "a-long-random-token")]);
    let spec = |parameters: Value| json!({"provider": "salesforce-outbound", "secretRefs": [{"name": "salesforce"}], "parameters": parameters});
    for (parameters, named) in [
        (json!({}), "organizationId"),
        (json!({"organizationId": "too short"}), "organizationId"),
        (json!({"organizationId": "00D000000000001EAA", "colour": "blue"}), "colour"),
    ] {
        stage.endpoint("salesforce", spec(parameters.clone()));
        let message = stage.expect("salesforce", "Accepted", "False", "InvalidParameters");
        assert!(message.contains(&format!("spec.parameters.{named}")), "{parameters}: {message}");
    }
    stage.endpoint("salesforce", spec(json!({"organizationId": "00D000000000001EAA"})));
    stage.ready("salesforce");
    let message = |organization: &str| {
        let body = format!(
            r#"<?xml version="1.0"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>{organization}</OrganizationId><Notification><Id>04l000000000001AAA</Id><sObject xsi:type="sf:Account" xmlns:sf="urn:sobject.enterprise.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><sf:Id>001</sf:Id></sObject></Notification></notifications></soapenv:Body></soapenv:Envelope>"#
        );
        Request::post(&format!("{}/a-long-random-token", stage.path("salesforce")), body)
            .header("Content-Type", "text/xml")
    };
    let answer = operator.send(&message("00D000000000001EAA"));
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("<Ack>true</Ack>"), "the entry's own answer: {}", answer.text());
    assert_eq!(operator.send(&message("00D000000000002EAA")).status, 401, "another customer's delivery");
    let stored = stage.one_stored();
    assert!(!format!("{stored:?}").contains("a-long-random-token"), "{stored:?}");
    assert!(
        stage.status("salesforce")["path"].as_str().is_some_and(|path| !path.contains("token")),
        "the token is no part"
    );
}

#[test]
fn what_cannot_be_served_is_invalid_and_names_the_field() {
    let stage = Stage::new();
    let operator = stage.operator(&[]);
    stage.secret("key", &[("secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]);
    for (name, provider, more, field) in [
        ("tolerance", "github", json!({"timestampTolerance": "5m"}), "spec.timestampTolerance"),
        (
            "dedup",
            "salesforce-marketing-cloud-ens",
            json!({"deduplication": {"key": "delivery"}}),
            "spec.deduplication.key",
        ),
    ] {
        let mut spec = json!({"provider": provider, "secretRefs": [{"name": "key"}]});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        stage.endpoint(name, spec);
        let message = stage.expect(name, "Accepted", "False", "Invalid");
        assert!(message.contains(field), "{name}: {message}");
        assert_eq!(operator.send(&stage.push(name, "1")).status, 503, "{name}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let stage = Stage::new();
    let _operator = stage.operator(&[]);
    let spec = json!({
        "provider": "github",
        "secretRefs": [{"name": "nowhere"}],
        "path": "/other/place",
        "target": {"subject": "other.{event}", "stream": "OTHER"},
        "timestampTolerance": "5m",
    });
    stage.endpoint("github", spec);
    let accepted = stage.expect("github", "Accepted", "False", "PathNotAllowed");
    for field in ["spec.path", "spec.target.subject", "spec.target.stream", "spec.timestampTolerance"] {
        assert!(accepted.contains(field), "{field}: {accepted}");
    }
    stage.expect("github", "ResolvedRefs", "False", "SecretNotFound");
    let ready = stage.expect("github", "Ready", "False", "PathNotAllowed");
    assert!(ready.contains("nowhere") || ready == accepted, "{ready}");
}

#[test]
fn a_scheme_of_ones_own_is_served_like_a_known_one() {
    let stage = Stage::new();
    let operator = stage.operator(&[]);
    stage.secret("acme", &[("secret", "acme's key")]);
    let verification = json!({
        "hmac": {"hash": "sha256", "from": ["header:X-Acme-Signature"], "prefix": "v1=", "signed": "{header:X-Acme-Time}.{body}"},
        "event": {"type": "{json:/kind}", "id": "{json:/number}"},
    });
    let spec = |verification: &Value| json!({"provider": "custom", "verification": verification, "secretRefs": [{"name": "acme"}]});
    stage.endpoint("acme", spec(&verification));
    stage.ready("acme");
    let body = r#"{"kind":"order.paid","number":7}"#;
    let signature = data_encoding::HEXLOWER.encode(&sign::hmac_sha256(b"acme's key", &[b"now.", body.as_bytes()]));
    let request = |time: &str| {
        Request::post(&stage.path("acme"), body)
            .header("X-Acme-Time", time)
            .header("X-Acme-Signature", &format!("v1={signature}"))
    };
    assert_eq!(operator.send(&request("noW")).status, 401);
    assert_eq!(operator.send(&request("now")).status, 200);
    let stored = stage.one_stored();
    assert!(stored.subject.ends_with(".acme.order.paid"), "{}", stored.subject);
    assert_eq!((stored.header("ce-id"), stored.header("ce-provider")), ("7", "custom"));
    let mut faulty = verification.clone();
    faulty["hmac"]["signed"] = json!("{timestamp}.{bodi}");
    stage.endpoint("acme", spec(&faulty));
    let message = stage.expect("acme", "Accepted", "False", "Invalid");
    assert!(message.contains("spec.verification.hmac.signed"), "{message}");
    assert_eq!(operator.send(&request("now")).status, 503);
}

#[test]
fn the_tolerance_of_a_signed_time_can_be_set() {
    let stage = Stage::of_files();
    let operator = stage.operator(&[]);
    let key = "whsec_a_stripe_secret";
    for (name, tolerance) in [("strict", Some("60s")), ("usual", None), ("patient", Some("1h"))] {
        stage.secret(name, &[("secret", key)]);
        let mut spec = json!({"provider": "stripe", "secretRefs": [{"name": name}]});
        if let Some(tolerance) = tolerance {
            spec["timestampTolerance"] = json!(tolerance);
        }
        stage.endpoint(name, spec);
        stage.ready(name);
    }
    for (age, expected) in
        [(30, [200, 200, 200]), (200, [401, 200, 200]), (2000, [401, 401, 200]), (4000, [401, 401, 401])]
    {
        let statuses = ["strict", "usual", "patient"].map(|name| {
            let body = format!(r#"{{"id":"evt_{age}","type":"invoice.paid","created":{}}}"#, sign::now());
            operator.send(&sign::stripe(&stage.path(name), key, sign::now() - age, body)).status
        });
        assert_eq!(statuses, expected, "{age} s old");
    }
    assert_eq!(operator.counted("stale"), 6.0);
    assert_eq!(operator.counted("unauthorized"), 0.0);
}

#[test]
fn only_the_events_that_are_asked_for_are_stored() {
    let stage = Stage::of_files();
    let operator = stage.operator(&[]);
    stage.github("github", json!({"events": ["push", "pull_request.*"]}));
    stage.ready("github");
    let send = |event: &str, body: &str| {
        let answer =
            operator.send(&sign::github(&stage.path("github"), crate::support::stage::KEY, event, event, body));
        (answer.status, answer.json()["status"].as_str().unwrap_or_default().to_owned())
    };
    let taken = (200, "stored".to_owned());
    let ignored = (200, "ignored".to_owned());
    assert_eq!(send("push", PUSH), taken);
    assert_eq!(send("pull_request", r#"{"action":"opened"}"#), taken);
    assert_eq!(send("issues", r#"{"action":"opened"}"#), ignored);
    assert_eq!(send("pushed", PUSH), ignored);
    assert_eq!(operator.counted("filtered"), 2.0);
    let subjects: Vec<_> = stage.stored().into_iter().map(|stored| stored.subject).collect();
    let prefix = format!("{}.{}.github", stage.prefix, stage.namespace);
    assert_eq!(subjects, [format!("{prefix}.push"), format!("{prefix}.pull_request.opened")]);
    // What is filtered out is verified all the same.
    let forged = sign::github(&stage.path("github"), "another key", "issues", "1", PUSH);
    assert_eq!(operator.send(&forged).status, 401);
}
