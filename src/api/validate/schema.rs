//! The definition's plain schema: types, bounds and patterns, unknown fields, and lists whose items must differ.

use std::sync::LazyLock;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, PatternOptions, Validator};
use kube::core::cel::{CompiledSchema, apply_defaults, compile_schema};
use serde_json::{Map, Value, json};

use super::FieldError;
use crate::api::crd;

/// What a definition says of its objects, made ready to be asked.
pub(super) struct Definition {
    schema: &'static Value,
    validator: Validator,
    /// Its CEL rules.
    pub(super) rules: CompiledSchema,
}

/// Of `WebhookEndpoint`.
pub(super) static ENDPOINT: LazyLock<Definition> = LazyLock::new(|| Definition::new(crd::schema()));
/// Of `ClusterWebhookProvider`.
pub(super) static PROVIDER: LazyLock<Definition> = LazyLock::new(|| Definition::new(crd::provider_schema()));

impl Definition {
    fn new(schema: &'static Value) -> Self {
        #[expect(clippy::expect_used, reason = "a constant of the program, made by every test run")]
        let validator = jsonschema::draft7::options()
            .with_pattern_options(PatternOptions::regex())
            .build(&convert(schema))
            .expect("the definition's schema is one");
        Self { schema, validator, rules: compile_schema(schema) }
    }
}

const EMPTY: &str = "must not be empty";

/// The most faults of one object that are told: more help nobody, and each costs.
const FAULTS_MAX: usize = 200;

/// What the plain schema has against an object.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// All of it, up to a bound.
    pub(super) all: Vec<FieldError>,
    /// Whether a list, a map or a text is longer than it may be. Rules are then not evaluated, as in the apiserver: what
    /// they cost is bounded by those lengths.
    pub(super) is_oversized: bool,
}

/// The object as the apiserver looks at it: without status, without explicit nulls, with defaults.
pub(super) fn normalised(object: &Value, definition: &Definition) -> Value {
    let mut object = object.clone();
    if let Value::Object(fields) = &mut object {
        fields.remove("status");
        for map in ["labels", "annotations"] {
            let map = fields.get_mut("metadata").and_then(|metadata| metadata.get_mut(map)?.as_object_mut());
            // To the apiserver these are Go strings, and null is the empty one.
            for value in map.into_iter().flat_map(Map::values_mut).filter(|value| value.is_null()) {
                *value = json!("");
            }
        }
    }
    drop_nulls(&mut object, definition.schema);
    apply_defaults(definition.schema, &object)
}

/// What the plain schema has against a normalised object.
pub(super) fn faults(object: &Value, definition: &Definition) -> Faults {
    let (mut faults, mut is_oversized) = (Vec::new(), false);
    for error in definition.validator.iter_errors(object).take(FAULTS_MAX) {
        is_oversized |= matches!(
            error.kind(),
            ValidationErrorKind::MaxItems { .. }
                | ValidationErrorKind::MaxProperties { .. }
                | ValidationErrorKind::MaxLength { .. }
        );
        let path = path_of(object, error.instance_path().as_str());
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                faults.push(FieldError::new(join(&path, name), "is required"));
            }
            ValidationErrorKind::Pattern { .. } if error.instance().as_str() == Some("") => {
                faults.push(FieldError::new(path, EMPTY));
            }
            kind => faults.push(FieldError::new(path, wording(kind, &error.to_string()))),
        }
    }
    shape(object, definition.schema, "", &mut faults);
    // Behind that many, whatever is not told may be a length.
    is_oversized |= faults.len() >= FAULTS_MAX;
    Faults { all: faults, is_oversized }
}

/// Fields of every object, which a definition does not describe.
const ROOT_FIELDS: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// A copy for the validator, with Kubernetes' own words in JSON Schema's.
fn convert(schema: &Value) -> Value {
    let Value::Object(schema) = schema else { return schema.clone() };
    let mut converted = Map::new();
    for (word, value) in schema {
        match word.as_str() {
            "x-kubernetes-int-or-string" => {
                converted.insert("type".to_owned(), json!(["integer", "string"]));
            }
            "properties" => {
                let properties = value.as_object().into_iter().flatten();
                let properties = properties.map(|(name, below)| (name.clone(), convert(below))).collect();
                converted.insert(word.clone(), Value::Object(properties));
            }
            "items" | "additionalProperties" => {
                converted.insert(word.clone(), convert(value));
            }
            word if word.starts_with("x-") || word == "description" || word == "default" => {}
            _ => {
                converted.insert(word.clone(), value.clone());
            }
        }
    }
    Value::Object(converted)
}

/// The schema of what stands below a name or an index.
fn below<'a>(schema: &'a Value, name: Option<&str>) -> Option<&'a Value> {
    match name {
        Some(name) => schema.get("properties").and_then(|p| p.get(name)).or_else(|| schema.get("additionalProperties")),
        None => schema.get("items"),
    }
}

/// A null for a field that may not be null is no field, says the apiserver.
fn drop_nulls(value: &mut Value, schema: &Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, value| !(value.is_null() && below(schema, Some(name)).is_some()));
            for (name, value) in fields {
                if let Some(schema) = below(schema, Some(name)) {
                    drop_nulls(value, schema);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = below(schema, None) {
                for item in items {
                    drop_nulls(item, schema);
                }
            }
        }
        _ => {}
    }
}

/// What JSON Schema has no good words for: unknown fields, and items that should differ.
fn shape(value: &Value, schema: &Value, path: &str, faults: &mut Vec<FieldError>) {
    if faults.len() >= FAULTS_MAX {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match below(schema, Some(name)) {
                    Some(schema) => shape(value, schema, &join(path, name), faults),
                    None if path.is_empty() && ROOT_FIELDS.contains(&name.as_str()) => {}
                    // Of a value of another type the fields say nothing.
                    None if schema.get("type").is_some_and(|name| name == "object") => {
                        faults.push(FieldError::new(join(path, name), unknown(name, schema)));
                    }
                    None => {}
                }
            }
        }
        Value::Array(items) => {
            duplicates(items, schema, path, faults);
            if let Some(schema) = below(schema, None) {
                for (index, item) in items.iter().enumerate() {
                    shape(item, schema, &format!("{path}[{index}]"), faults);
                }
            }
        }
        _ => {}
    }
}

/// Items that are the same in a set, or have the same keys in a list that is a map.
fn duplicates(items: &[Value], schema: &Value, path: &str, faults: &mut Vec<FieldError>) {
    // Of a list that is too long that is told; comparing all with all would take for ever.
    if schema.get("maxItems").and_then(Value::as_u64).is_some_and(|max| items.len() as u64 > max) {
        return;
    }
    let keys: Vec<&str> = match schema.get("x-kubernetes-list-map-keys") {
        Some(Value::Array(keys)) => keys.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let is_set = schema.get("x-kubernetes-list-type").is_some_and(|name| name == "set");
    let is_same = |a: &Value, b: &Value| {
        if is_set {
            a == b
        } else {
            !keys.is_empty() && keys.iter().all(|key| a.get(key).is_some() && a.get(key) == b.get(key))
        }
    };
    let what = if is_set { "value".to_owned() } else { keys.join(" and ") };
    for (index, item) in items.iter().enumerate() {
        if items.iter().take(index).any(|before| is_same(before, item)) {
            let message = format!("has the same {what} as an item before it");
            faults.push(FieldError::new(format!("{path}[{index}]"), message));
        }
    }
}

/// A JSON pointer in the apiserver's way of writing.
fn path_of(object: &Value, pointer: &str) -> String {
    let mut path = String::new();
    let mut at = Some(object);
    for segment in pointer.split('/').skip(1) {
        let name = segment.replace("~1", "/").replace("~0", "~");
        if let Some(Value::Array(items)) = at {
            path = format!("{path}[{name}]");
            at = name.parse::<usize>().ok().and_then(|index| items.get(index));
        } else {
            at = at.and_then(|value| value.get(&name));
            path = join(&path, &name);
        }
    }
    path
}

pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// An unknown field, with the known one that is nearest to it.
fn unknown(name: &str, schema: &Value) -> String {
    let known = schema.get("properties").and_then(Value::as_object);
    let known = known.into_iter().flatten().map(|(known, _)| known.as_str());
    match nearest(name, known) {
        Some(known) => format!("unknown field; did you mean {known}?"),
        None => "unknown field".to_owned(),
    }
}

/// The word nearest to a misspelt one, where one is near.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const NEAR: f64 = 0.75;
    // Comparing takes as long as the word is.
    const WORD_BYTES_MAX: usize = 256;
    if word.len() > WORD_BYTES_MAX {
        return None;
    }
    let lower = word.to_lowercase();
    known
        .map(|known| (strsim::jaro_winkler(&lower, &known.to_lowercase()), known))
        .filter(|(score, _)| *score >= NEAR)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}

fn wording(kind: &ValidationErrorKind, fallback: &str) -> String {
    match kind {
        ValidationErrorKind::Type { kind } => format!("must be {}", type_name(kind)),
        ValidationErrorKind::Enum { options } => {
            let options: Vec<&str> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            format!("must be one of {}", options.join(", "))
        }
        ValidationErrorKind::Pattern { pattern } => format!("must match {pattern}"),
        ValidationErrorKind::MinLength { limit: 1 } => EMPTY.to_owned(),
        ValidationErrorKind::MinLength { limit } => format!("must have at least {limit} characters"),
        ValidationErrorKind::MaxLength { limit } => format!("must have at most {limit} characters"),
        ValidationErrorKind::MinItems { limit } | ValidationErrorKind::MinProperties { limit } => {
            format!("must have at least {limit} items")
        }
        ValidationErrorKind::MaxItems { limit } | ValidationErrorKind::MaxProperties { limit } => {
            format!("must have at most {limit} items")
        }
        ValidationErrorKind::Minimum { limit } => format!("must be at least {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("must be at most {limit}"),
        _ => fallback.to_owned(),
    }
}

fn type_name(kind: &TypeKind) -> String {
    let name = |json_type| match json_type {
        JsonType::Array => "a list",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Null => "null",
        JsonType::Number => "a number",
        JsonType::Object => "an object",
        JsonType::String => "a string",
    };
    match kind {
        TypeKind::Single(json_type) => name(*json_type).to_owned(),
        TypeKind::Multiple(types) => types.iter().map(name).collect::<Vec<_>>().join(" or "),
    }
}
