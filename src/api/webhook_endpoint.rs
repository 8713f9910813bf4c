//! The `WebhookEndpoint` resource.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SecretRef, Target, WebhookEndpointStatus};
use crate::scheme::Verification;

/// Receives the webhooks of one provider, verifies them and stores them in NATS JetStream.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "jethook.dev",
    version = "v1alpha1",
    kind = "WebhookEndpoint",
    plural = "webhookendpoints",
    shortname = "whe",
    category = "jethook",
    namespaced,
    status = "WebhookEndpointStatus",
    derive = "PartialEq",
    doc = "Receives the webhooks of one provider, verifies them and stores them in NATS JetStream."
)]
#[serde(rename_all = "camelCase")]
pub struct WebhookEndpointSpec {
    /// Who sends: the id of a catalogue entry, or `custom` together with `verification`.
    pub provider: String,
    /// A scheme of your own, in the catalogue's language; only with provider `custom`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    /// The keys, from Secrets of the same namespace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secret_refs: Vec<SecretRef>,
    /// Public values that an entry asks for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// How far a signed time may be from now (Go duration).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp_tolerance: Option<String>,
    /// The path of the route; absent: `/{namespace}/{name}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Where events go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// Event types to store; absent: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// How repeated deliveries are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deduplication: Option<Deduplication>,
    /// Limits of this endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Client addresses that may deliver (CIDRs); absent: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_ranges: Vec<String>,
    /// True: answer 503 with Retry-After, so that senders retry.
    #[serde(default)]
    pub suspend: bool,
}

/// How repeated deliveries are told.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Deduplication {
    /// What identifies a delivery; absent: `delivery` where the entry has an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<DeduplicationKey>,
    /// The request header that holds the id, with key `header`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
}

/// What identifies a delivery.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum DeduplicationKey {
    /// The provider's delivery id.
    Delivery,
    /// A request header.
    Header,
    /// The digest of the body.
    Content,
    /// Nothing: every request is stored.
    None,
}

/// Limits of one endpoint.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Largest body (Kubernetes quantity); absent: the operator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_body_size: Option<String>,
    /// Rate of verified deliveries, per replica.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
}

/// A rate with a burst.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Rate {
    /// Sustained rate.
    pub requests_per_second: i32,
    /// Largest burst; absent: the rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<i32>,
}
