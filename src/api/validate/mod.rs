//! What the apiserver would say of a manifest, without one: schema, unknown fields, rules and names.
//!
//! Verdict and field are the apiserver's (with strict field validation); the words are better where it has poor ones.
//! All faults are told, also those that it would hide behind others.

mod metadata;
mod rules;
mod schema;
mod secret;

use serde_json::Value;

use self::schema::Definition;
use super::{ClusterWebhookProvider, WebhookEndpoint};

/// A fault of one field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct FieldError {
    /// Where, as the apiserver writes it: `spec.secretRefs[0].key`; empty for the object as a whole.
    pub field: String,
    /// What is wrong and how to mend it, lower case, no full stop. Never holds a value of a Secret.
    pub message: String,
}

impl FieldError {
    fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// What a manifest describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A `WebhookEndpoint` of the served version.
    WebhookEndpoint,
    /// A `ClusterWebhookProvider` of the served version.
    ClusterWebhookProvider,
    /// A Secret.
    Secret,
    /// Something that is none of jethook's business.
    Other,
}

impl Kind {
    /// By `apiVersion` and `kind`.
    #[must_use]
    pub fn of(manifest: &Value) -> Self {
        let text = |name| manifest.get(name).and_then(Value::as_str);
        match (text("apiVersion"), text("kind")) {
            (Some("jethook.dev/v1alpha1"), Some("WebhookEndpoint")) => Self::WebhookEndpoint,
            (Some("jethook.dev/v1alpha1"), Some("ClusterWebhookProvider")) => Self::ClusterWebhookProvider,
            (Some("v1"), Some("Secret")) => Self::Secret,
            _ => Self::Other,
        }
    }
}

/// Every fault of a manifest, sorted by field. What is neither jethook's nor a Secret is only asked for its kind.
#[must_use]
pub fn validate(manifest: &Value) -> Vec<FieldError> {
    let mut faults = kind_faults(manifest);
    if faults.is_empty() {
        match Kind::of(manifest) {
            Kind::WebhookEndpoint => {
                faults.extend(definition_faults(manifest, &schema::ENDPOINT, metadata::Name::Label));
            }
            Kind::ClusterWebhookProvider => {
                faults.extend(definition_faults(manifest, &schema::PROVIDER, metadata::Name::Subdomain));
            }
            Kind::Secret => faults.extend(secret::faults(manifest)),
            Kind::Other => {}
        }
    }
    faults.sort();
    faults.dedup();
    faults
}

/// The endpoint that a manifest describes, with defaults applied and explicit nulls taken for absence.
///
/// # Errors
/// All faults that [`validate`] finds.
pub fn endpoint(manifest: &Value) -> Result<WebhookEndpoint, Vec<FieldError>> {
    let faults = validate(manifest);
    if faults.is_empty() {
        serde_json::from_value(schema::normalised(manifest, &schema::ENDPOINT))
            .map_err(|error| vec![FieldError::new("", format!("is no WebhookEndpoint: {error}"))])
    } else {
        Err(faults)
    }
}

/// The provider that a manifest describes, with defaults applied and explicit nulls taken for absence.
///
/// # Errors
/// All faults that [`validate`] finds.
pub fn provider(manifest: &Value) -> Result<ClusterWebhookProvider, Vec<FieldError>> {
    let faults = validate(manifest);
    if faults.is_empty() {
        serde_json::from_value(schema::normalised(manifest, &schema::PROVIDER))
            .map_err(|error| vec![FieldError::new("", format!("is no ClusterWebhookProvider: {error}"))])
    } else {
        Err(faults)
    }
}

fn kind_faults(manifest: &Value) -> Vec<FieldError> {
    if !manifest.is_object() {
        return vec![FieldError::new("", "must be an object with apiVersion, kind and metadata")];
    }
    let mut faults = Vec::new();
    for name in ["apiVersion", "kind"] {
        match manifest.get(name) {
            Some(Value::String(text)) if !text.is_empty() => {}
            None | Some(Value::Null | Value::String(_)) => faults.push(FieldError::new(name, "is required")),
            Some(_) => faults.push(FieldError::new(name, "must be a string")),
        }
    }
    if faults.is_empty() {
        let text = |name| manifest.get(name).and_then(Value::as_str).unwrap_or_default();
        let message = "no such resource; jethook.dev/v1alpha1 has the kinds WebhookEndpoint and ClusterWebhookProvider";
        match (text("apiVersion"), text("kind")) {
            ("jethook.dev/v1alpha1", "WebhookEndpoint" | "ClusterWebhookProvider") => {}
            ("jethook.dev/v1alpha1", _) => faults.push(FieldError::new("kind", message)),
            (version, _) if version.split('/').next() == Some("jethook.dev") => {
                faults.push(FieldError::new("apiVersion", message));
            }
            _ => {}
        }
    }
    faults
}

fn definition_faults(manifest: &Value, definition: &Definition, name: metadata::Name) -> Vec<FieldError> {
    let object = schema::normalised(manifest, definition);
    let mut faults = metadata::faults(&object, name);
    let schema::Faults { all: of_schema, is_oversized } = schema::faults(&object, definition);
    let of_rules = if is_oversized { Vec::new() } else { rules::faults(&object, definition) };
    // A rule about a value of the wrong form tells nothing new.
    faults.extend(
        of_rules
            .into_iter()
            .filter(|fault| {
                !of_schema.iter().chain(&faults).any(|other| fault.field == other.field && !other.field.is_empty())
            })
            .collect::<Vec<_>>(),
    );
    faults.extend(of_schema);
    faults
}
