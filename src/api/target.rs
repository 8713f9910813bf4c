//! Where events go.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where events go.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The JetStream stream; absent: the operator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// The subject template; absent: `{prefix}.{namespace}.{name}.{event}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// More request headers to keep.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forward_headers: Vec<String>,
    /// What to do with a body larger than NATS takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub large_bodies: Option<LargeBodies>,
}

/// What to do with a body larger than NATS takes.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum LargeBodies {
    /// Answer 413.
    #[default]
    Refuse,
    /// Store the body in an object store bucket first.
    ObjectStore,
}
