//! The status of a `WebhookEndpoint`.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::Condition;
use crate::scheme::Authenticates;

/// What the operator says of an endpoint.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct WebhookEndpointStatus {
    /// The generation that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The path of the route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What to paste into the provider, once the public URL is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The stream that events go to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// What a consumer filters on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What is checked, for auditors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// What the provider's signature covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authenticates: Option<Authenticates>,
    /// The keys in use now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretInUse>,
    /// The largest body in bytes that is taken now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_body_size: Option<i64>,
    /// The stream's duplicate window (Go duration).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate_window: Option<String>,
    /// `Accepted`, `ResolvedRefs`, `TargetReady`, `Programmed`, `Ready`, and `Stalled` where it applies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// A key in use.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SecretInUse {
    /// The Secret's name.
    pub name: String,
    /// The key within it.
    pub key: String,
    /// The Secret's resourceVersion: a rotation can be watched.
    pub resource_version: String,
}
