//! The CustomResourceDefinition as the apiserver and `kubectl explain` see it.

use serde_json::Value;

const BYTES_MAX: usize = 128 * 1024;

fn schema() -> Value {
    let crd = serde_json::to_value(jethook::api::crd()).unwrap();
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
    walk(&schema(), "", true, &mut |schema, path, is_property| {
        if is_fault(schema, is_property) {
            found.push(path.to_owned());
        }
    });
    found
}

#[test]
fn it_stays_small_enough_for_every_tool() {
    let bytes = serde_json::to_vec(&jethook::api::crd()).unwrap().len();
    assert!(bytes <= BYTES_MAX, "{bytes} bytes as JSON, at most {BYTES_MAX} are allowed");
}

#[test]
fn every_field_is_described() {
    let bare = faults(|schema, is_property| {
        is_property && schema.get("description").and_then(Value::as_str).is_none_or(|text| text.len() < 8)
    });
    assert_eq!(bare, Vec::<String>::new(), "`kubectl explain` has nothing to say of these");
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
    walk(&schema(), "", true, &mut |schema, path, _| {
        if let Some(default) = schema.get("default") {
            defaults.push(format!("{path}={default}"));
        }
    });
    defaults.retain(|default| !default.starts_with(".spec.verification."));
    assert_eq!(defaults, [".spec.secretRefs[].key=\"secret\"", ".spec.suspend=false"]);
}

#[test]
fn the_yaml_is_the_definition() {
    let yaml: Value = serde_saphyr::from_str(&jethook::api::crd_yaml()).unwrap();
    assert_eq!(yaml, serde_json::to_value(jethook::api::crd()).unwrap());
}
