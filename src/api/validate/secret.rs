//! Secrets: their form, never their content.

use data_encoding::BASE64;
use serde_json::{Map, Value};

use super::FieldError;
use super::metadata::{self, Name};
use super::schema::nearest;

const FIELDS: [&str; 7] = ["apiVersion", "kind", "metadata", "data", "stringData", "type", "immutable"];
const BYTES_MAX: usize = 1024 * 1024;

/// What is wrong with a Secret.
pub(super) fn faults(object: &Value) -> Vec<FieldError> {
    let mut faults = metadata::faults(object, Name::Subdomain);
    let Value::Object(fields) = object else { return faults };
    for field in fields.keys().filter(|field| !FIELDS.contains(&field.as_str())) {
        let hint = nearest(field, FIELDS.into_iter()).map(|known| format!("; did you mean {known}?"));
        faults.push(FieldError::new(field.clone(), format!("unknown field{}", hint.unwrap_or_default())));
    }
    let mut bytes = 0;
    for field in ["data", "stringData"] {
        match fields.get(field) {
            None | Some(Value::Null) => {}
            Some(Value::Object(keys)) => faults.extend(key_faults(field, keys, &mut bytes)),
            Some(_) => faults.push(FieldError::new(field, "must be an object")),
        }
    }
    if bytes > BYTES_MAX {
        faults.push(FieldError::new("data", format!("must have at most {BYTES_MAX} bytes in all")));
    }
    if fields.get("type").is_some_and(|value| !value.is_string() && !value.is_null()) {
        faults.push(FieldError::new("type", "must be a string"));
    }
    if fields.get("immutable").is_some_and(|value| !value.is_boolean() && !value.is_null()) {
        faults.push(FieldError::new("immutable", "must be true or false"));
    }
    faults
}

fn key_faults(field: &str, keys: &Map<String, Value>, bytes: &mut usize) -> Vec<FieldError> {
    let mut faults = Vec::new();
    for (key, value) in keys {
        let path = format!("{field}.{key}");
        if !is_key(key) {
            let message = "the key must be 1 to 253 letters, digits, -, _ and dots, and neither . nor begin with ..";
            faults.push(FieldError::new(format!("data[{key}]"), message));
        }
        match value {
            Value::Null => {}
            Value::String(text) if field == "data" => match decoded(text) {
                Some(decoded) => *bytes += decoded,
                None => faults
                    .push(FieldError::new(path, "must be base64 with padding; stringData takes the value as it is")),
            },
            Value::String(text) => *bytes += text.len(),
            _ => faults.push(FieldError::new(path, "must be a string; put it in quotes")),
        }
    }
    faults
}

/// How many bytes it decodes to. Line breaks are skipped, as the apiserver does.
fn decoded(text: &str) -> Option<usize> {
    let text: Vec<u8> = text.bytes().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    BASE64.decode(&text).ok().map(|bytes| bytes.len())
}

fn is_key(key: &str) -> bool {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=253).contains(&key.len()) && key.bytes().all(is_allowed) && key != "." && !key.starts_with("..")
}
