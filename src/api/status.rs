//! The status of a `WebhookEndpoint`.

use kube::KubeSchema;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::Condition;
use crate::scheme::Authenticates;

/// What the operator says of the endpoint.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct WebhookEndpointStatus {
    /// The `metadata.generation` that this status speaks of; the operator has not seen the spec of a later one yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The path that the endpoint claims. Example: `/shop/github`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub path: Option<String>,
    /// What to paste into the provider; known once the operator has a `--public-url`.
    /// Example: `https://hooks.example.com/shop/github`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub url: Option<String>,
    /// The stream that events go to. Example: `WEBHOOKS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub stream: Option<String>,
    /// What a consumer filters on to get this endpoint's events. Example: `webhooks.shop.github.>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub subject: Option<String>,
    /// What is checked of each delivery, for auditors; `none` where nothing is. Example: `hmac-sha256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub scheme: Option<String>,
    /// What the provider's signature covers: `body` (the whole body), `fields` (some fields of the request) or `sender`
    /// (nothing of the request: a token, say).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Authenticates")]
    pub authenticates: Option<Authenticates>,
    /// The keys in use now, by name, so that a rotation can be watched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into(), "key".into()]))]
    pub secrets: Vec<SecretInUse>,
    /// The largest body in bytes that is taken now: the smaller of the endpoint's limit and what NATS and the stream
    /// take, less room for headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_body_size: Option<i64>,
    /// For how long the stream recognises a repeated delivery, as a Go duration. Example: `2h0m0s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub duplicate_window: Option<String>,
    /// `Accepted` (the spec makes sense here), `ResolvedRefs` (every secret and key exists and has the right form),
    /// `TargetReady` (the stream keeps the promise), `Programmed` (the route is live on every replica), `Ready` (all of
    /// them), and `Stalled` while nothing but a change of the spec can mend it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions_schema")]
    pub conditions: Vec<Condition>,
}

/// A key in use.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SecretInUse {
    /// The Secret's name.
    #[schemars(length(max = 253))]
    pub name: String,
    /// The key within the Secret.
    #[schemars(length(max = 253))]
    pub key: String,
    /// The Secret's `metadata.resourceVersion` whose value verifies now.
    #[schemars(length(max = 253))]
    pub resource_version: String,
}

/// The schema of `metav1.Condition` with the bounds that Kubernetes gives it and that the generated one lacks.
fn conditions_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 16,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "lastTransitionTime", "reason", "message"],
            "properties": {
                "type": {
                    "description": "What the condition is about, such as `Ready`.",
                    "type": "string",
                    "maxLength": 316,
                },
                "status": {
                    "description": "Whether it holds: `True`, `False`, or `Unknown` where that can't be told now.",
                    "type": "string",
                    "enum": ["True", "False", "Unknown"],
                },
                "observedGeneration": {
                    "description": "The `metadata.generation` that the condition speaks of.",
                    "type": "integer",
                    "format": "int64",
                    "minimum": 0,
                },
                "lastTransitionTime": {
                    "description": "When the status last changed.",
                    "type": "string",
                    "format": "date-time",
                },
                "reason": {
                    "description": "Why, in one CamelCase word, such as `SecretNotFound`.",
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024,
                    "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                },
                "message": {
                    "description": "Why, for people: names the field and how to mend it.",
                    "type": "string",
                    "maxLength": 32768,
                },
            },
        },
    })
}
