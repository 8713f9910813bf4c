//! The `CustomResourceDefinition` as the apiserver and `kubectl explain` see it.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::apiserver::{apiserver, tool};
use crate::support::eventually::eventually;

const BYTES_MAX: usize = 128 * 1024;

/// The definitions, by what `kubectl explain` calls them.
fn definitions() -> [(&'static str, Value); 2] {
    [("whe", jethook::api::crd()), ("cwp", jethook::api::provider_crd())]
        .map(|(name, crd)| (name, serde_json::to_value(crd).unwrap()))
}

fn schema_of(crd: &Value) -> Value {
    crd.pointer("/spec/versions/0/schema/openAPIV3Schema").cloned().unwrap()
}

/// Calls `check` with each schema below `schema`, its path, and whether it is a named property.
fn walk(schema: &Value, path: &str, is_property: bool, check: &mut impl FnMut(&Value, &str, bool)) {
    check(schema, path, is_property);
    for (name, below) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        walk(below, &format!("{path}.{name}"), true, check);
    }
    if let Some(items) = schema.get("items") {
        walk(items, &format!("{path}[]"), false, check);
    }
    if let Some(values) = schema.get("additionalProperties") {
        walk(values, &format!("{path}{{}}"), false, check);
    }
}

fn faults(mut is_fault: impl FnMut(&Value, bool) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (name, crd) in definitions() {
        walk(&schema_of(&crd), "", true, &mut |schema, path, is_property| {
            if is_fault(schema, is_property) {
                found.push(format!("{name}{path}"));
            }
        });
    }
    found
}

#[test]
fn it_stays_small_enough_for_every_tool() {
    for (name, crd) in definitions() {
        let bytes = serde_json::to_vec(&crd).unwrap().len();
        assert!(bytes <= BYTES_MAX, "{name}: {bytes} bytes as JSON, at most {BYTES_MAX} are allowed");
    }
}

#[test]
fn every_field_is_described() {
    let bare = faults(|schema, is_property| {
        is_property && schema.get("description").and_then(Value::as_str).is_none_or(|text| text.len() < 8)
    });
    assert_eq!(bare, Vec::<String>::new(), "`kubectl explain` has nothing to say of these");
}

/// The docs of an optional enum's field are lost where the field does not say `schemars(with = …)`.
#[test]
fn every_value_of_a_closed_set_is_explained() {
    let silent = faults(|schema, is_property| {
        let description = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        let values = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
        is_property && !values.filter_map(Value::as_str).all(|value| description.contains(value))
    });
    assert_eq!(silent, Vec::<String>::new(), "the description must name each value");
}

#[test]
fn everything_that_can_grow_is_bounded() {
    let unbounded = faults(|schema, _| match schema.get("type").and_then(Value::as_str) {
        Some("array") => schema.get("maxItems").is_none(),
        Some("string") => {
            ["maxLength", "enum"].iter().all(|bound| schema.get(bound).is_none())
                && schema.get("format").and_then(Value::as_str) != Some("date-time")
        }
        Some("object") => schema.get("additionalProperties").is_some() && schema.get("maxProperties").is_none(),
        _ => false,
    });
    assert_eq!(unbounded, Vec::<String>::new());
}

#[test]
fn nothing_is_nullable_and_every_format_is_known() {
    let odd = faults(|schema, _| {
        schema.get("nullable").is_some()
            || schema.get("oneOf").is_some()
            || schema.get("format").and_then(Value::as_str).is_some_and(|f| f.starts_with("uint"))
            || schema.get("enum").and_then(Value::as_array).is_some_and(|values| values.contains(&Value::Null))
    });
    assert_eq!(odd, Vec::<String>::new());
}

#[test]
fn columns_and_selectable_fields_are_those_of_the_contract() {
    let crd = serde_json::to_value(jethook::api::crd()).unwrap();
    let version = crd.pointer("/spec/versions/0").unwrap();
    let columns = |wide: bool| -> Vec<&str> {
        let all = version["additionalPrinterColumns"].as_array().unwrap();
        all.iter()
            .filter(|column| (column["priority"].as_i64() == Some(1)) == wide)
            .map(|column| column["name"].as_str().unwrap())
            .collect()
    };
    assert_eq!(columns(false), ["Provider", "Path", "Ready", "Reason", "Age"]);
    assert_eq!(columns(true), ["Stream", "Subject", "Suspended", "Message"]);
    let selectable: Vec<&str> = version["selectableFields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field["jsonPath"].as_str().unwrap())
        .collect();
    assert_eq!(selectable, [".spec.provider", ".spec.suspend", ".status.stream"]);
    assert_eq!(crd.pointer("/spec/names/shortNames/0").unwrap(), "whe");
    assert_eq!(crd.pointer("/spec/names/categories/0").unwrap(), "jethook");
}

#[test]
fn only_what_the_contract_fixes_has_a_default() {
    let mut defaults = Vec::new();
    walk(&schema_of(&definitions()[0].1), "", true, &mut |schema, path, _| {
        if let Some(default) = schema.get("default") {
            defaults.push(format!("{path}={default}"));
        }
    });
    defaults.retain(|default| !default.starts_with(".spec.verification."));
    assert_eq!(defaults, [".spec.secretRefs[].key=\"secret\"", ".spec.suspend=false"]);
}

#[test]
fn the_yaml_is_the_definition() {
    let texts = [jethook::api::crd_yaml(), jethook::api::provider_crd_yaml()];
    for (text, (name, crd)) in texts.iter().zip(definitions()) {
        assert_eq!(serde_saphyr::from_str::<Value>(text).unwrap(), crd, "{name}");
    }
}

#[tokio::test]
async fn a_real_apiserver_takes_it_and_serves_columns_and_selectors() {
    let (namespace, client) = apiserver().namespace().await;
    let crd: Value =
        get(&client, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/webhookendpoints.jethook.dev", "").await;
    let conditions = crd.pointer("/status/conditions").and_then(Value::as_array).unwrap();
    let bad: Vec<&Value> = conditions.iter().filter(|condition| condition["type"] == "NonStructuralSchema").collect();
    assert_eq!(bad, Vec::<&Value>::new());

    let path = format!("/apis/jethook.dev/v1alpha1/namespaces/{namespace}/webhookendpoints");
    for (name, suspend) in [("one", false), ("two", true)] {
        let endpoint = serde_json::json!({
            "apiVersion": "jethook.dev/v1alpha1", "kind": "WebhookEndpoint", "metadata": {"name": name},
            "spec": {"provider": name, "suspend": suspend, "secretRefs": [{"name": "keys"}]},
        });
        let request = http::Request::post(path.clone()).header("content-type", "application/json");
        let created: Value =
            client.request(request.body(serde_json::to_vec(&endpoint).unwrap()).unwrap()).await.unwrap();
        assert_eq!(created.pointer("/spec/secretRefs/0/key").unwrap(), "secret", "the contract's default");
    }
    for (selector, expected) in [
        ("spec.suspend=true", &["two"][..]),
        ("spec.suspend=false", &["one"]),
        ("spec.provider=one", &["one"]),
        ("status.stream=", &["one", "two"]),
        ("status.stream=OTHER", &[]),
    ] {
        let list = get(&client, &format!("{path}?fieldSelector={}", selector.replace('=', "%3D")), "").await;
        let names: Vec<&str> =
            list["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect();
        assert_eq!(names, expected, "{selector}");
    }
    let table = get(&client, &path, "application/json;as=Table;v=v1;g=meta.k8s.io").await;
    let columns: Vec<&str> =
        table["columnDefinitions"].as_array().unwrap().iter().map(|column| column["name"].as_str().unwrap()).collect();
    assert_eq!(
        columns,
        ["Name", "Provider", "Path", "Ready", "Reason", "Stream", "Subject", "Suspended", "Message", "Age"]
    );
    assert_eq!(table.pointer("/rows/0/cells/1").unwrap(), "one");
}

async fn get(client: &kube::Client, path: &str, accept: &str) -> Value {
    let accept = if accept.is_empty() { "application/json" } else { accept };
    let request = http::Request::get(path).header(http::header::ACCEPT, accept).body(Vec::new()).unwrap();
    client.request(request).await.unwrap()
}

#[test]
fn kubectl_explains_the_fields() {
    let kubeconfig = apiserver().kubeconfig("admin");
    for (field, expected) in [
        ("whe.spec", "timestampTolerance"),
        ("whe.spec.path", "PathConflict"),
        ("whe.spec.secretRefs.key", "Default: `secret`"),
        ("whe.status.conditions.reason", "CamelCase"),
        ("cwp.spec.verification.token", "prove"),
    ] {
        // The apiserver publishes a new definition's schema a moment after it is established.
        let (text, _) = eventually(Duration::from_secs(20), field, || {
            let mut kubectl = Command::new(tool("kubectl"));
            let output = kubectl.arg("--kubeconfig").arg(&kubeconfig).args(["explain", field]).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            if text.is_empty() { Err(String::from_utf8_lossy(&output.stderr).into_owned()) } else { Ok(text) }
        });
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(expected), "{field}: {text}");
    }
}
