//! Names, labels and annotations.

use serde_json::Value;

use super::FieldError;
use super::schema::nearest;

/// What form a name must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// At most 63 characters, no dot. The definition's own rule says so.
    Label,
    /// At most 253 characters.
    Subdomain,
}

const FIELDS: [&str; 15] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// What is wrong with `metadata`.
pub(super) fn faults(object: &Value, name: Name) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let metadata = match object.get("metadata") {
        Some(Value::Object(metadata)) => metadata,
        None | Some(Value::Null) => return vec![FieldError::new("metadata.name", "is required")],
        Some(_) => return vec![FieldError::new("metadata", "must be an object")],
    };
    for field in metadata.keys().filter(|field| !FIELDS.contains(&field.as_str())) {
        let hint = nearest(field, FIELDS.into_iter()).map(|known| format!("; did you mean {known}?"));
        let message = format!("unknown field{}", hint.unwrap_or_default());
        faults.push(FieldError::new(format!("metadata.{field}"), message));
    }
    match metadata.get("name") {
        None | Some(Value::Null) => faults.push(FieldError::new("metadata.name", "is required")),
        Some(Value::String(text)) if text.is_empty() => faults.push(FieldError::new("metadata.name", "is required")),
        Some(Value::String(text)) if is_subdomain(text) => {}
        Some(Value::String(_)) if name == Name::Label => faults.push(FieldError::new(
            "metadata.name",
            "must be a DNS label: at most 63 lower-case letters, digits and -, no dot",
        )),
        Some(Value::String(_)) => faults.push(FieldError::new(
            "metadata.name",
            "must be a DNS name: at most 253 lower-case letters, digits, - and dots",
        )),
        Some(_) => faults.push(FieldError::new("metadata.name", "must be a string")),
    }
    match metadata.get("namespace") {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) if text.is_empty() || is_label(text) => {}
        Some(Value::String(_)) => faults.push(FieldError::new(
            "metadata.namespace",
            "must be a DNS label: at most 63 lower-case letters, digits and -, no dot",
        )),
        Some(_) => faults.push(FieldError::new("metadata.namespace", "must be a string")),
    }
    for field in ["labels", "annotations"] {
        faults.extend(map_faults(field, metadata.get(field)));
    }
    faults
}

fn map_faults(field: &str, map: Option<&Value>) -> Vec<FieldError> {
    let path = format!("metadata.{field}");
    let map = match map {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Object(map)) => map,
        Some(_) => return vec![FieldError::new(path, "must be an object")],
    };
    let mut faults = Vec::new();
    for (key, value) in map {
        if !is_qualified(key) {
            let message = format!("{key:?} is no name; expected NAME or DOMAIN/NAME of letters, digits, -, _ and dots");
            faults.push(FieldError::new(path.clone(), message));
        }
        match value {
            Value::String(text) if field == "labels" && !is_label_value(text) => faults.push(FieldError::new(
                path.clone(),
                format!("the value of {key} must have at most 63 letters, digits, -, _ and dots"),
            )),
            Value::String(_) | Value::Null => {}
            _ => faults.push(FieldError::new(format!("{path}.{key}"), "must be a string; put it in quotes")),
        }
    }
    faults
}

fn is_label(text: &str) -> bool {
    text.len() <= 63 && text.bytes().all(is_lower) && has_ends(text)
}

pub(super) fn is_subdomain(text: &str) -> bool {
    let is_part = |part: &str| part.bytes().all(is_lower) && has_ends(part);
    text.len() <= 253 && text.split('.').all(is_part)
}

fn is_lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

fn has_ends(part: &str) -> bool {
    let is_end = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    is_end(part.bytes().next()) && is_end(part.bytes().last())
}

fn is_qualified(key: &str) -> bool {
    let (domain, name) = key.split_once('/').map_or((None, key), |(domain, name)| (Some(domain), name));
    domain.is_none_or(is_subdomain) && !name.is_empty() && is_label_value(name)
}

fn is_label_value(text: &str) -> bool {
    let is_middle = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    text.is_empty() || (text.len() <= 63 && text.bytes().all(is_middle) && has_ends(text))
}
