//! The `WebhookEndpoint` resource.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quantity::{quantity_schema, quantity_text};
use super::{SecretRef, Target, WebhookEndpointStatus};
use crate::scheme::Verification;

/// What the endpoint receives, how it is verified and where it goes.
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
    doc = "Receives the webhooks of one provider: verifies each delivery, stores it in NATS JetStream, \
           and only then answers 2xx.",
    selectable = ".spec.provider",
    selectable = ".spec.suspend",
    selectable = ".status.stream",
    printcolumn(name = "Provider", type_ = "string", json_path = ".spec.provider"),
    printcolumn(name = "Path", type_ = "string", json_path = ".status.path"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason"
    ),
    printcolumn(name = "Stream", type_ = "string", json_path = ".status.stream", priority = 1),
    printcolumn(name = "Subject", type_ = "string", json_path = ".status.subject", priority = 1),
    printcolumn(name = "Suspended", type_ = "boolean", json_path = ".spec.suspend", priority = 1),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].message",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.metadata.name.matches('^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$')").message(
        "metadata.name must be a DNS label (at most 63 lower-case letters, digits and -, no dot): \
         it is a token of the subject"
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.provider != 'custom' || has(self.verification)")
        .message("provider custom needs a verification; a known provider (`jethook providers`) brings its own")
        .field_path(".verification")
        .reason(Reason::FieldValueRequired),
    validation = Rule::new("self.provider == 'custom' || !has(self.verification)")
        .message("only provider custom takes a verification; remove it, or set provider to custom")
        .field_path(".verification")
        .reason(Reason::FieldValueForbidden)
)]
pub struct WebhookEndpointSpec {
    /// Who sends: the id of a provider that jethook knows (`jethook providers` lists them), the name of a
    /// ClusterWebhookProvider (it holds a dot), or `custom` together with `verification`. Example: `github`. One that is
    /// neither is `Accepted=False`, `UnknownProvider`.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$")
    )]
    pub provider: String,
    /// How deliveries are verified and read, for a sender that jethook does not know; in the language of the built-in
    /// providers (`jethook providers ID -o yaml` shows theirs). Only with provider `custom`, and needed there. A fault
    /// in it is `Accepted=False`, `Invalid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new(
        "has(self.none) != (has(self.hmac) || has(self.hash) || has(self.publicKey) || has(self.standardWebhooks) \
         || has(self.token) || has(self.jwt) || has(self.httpSignature))"
    ).message(
        "must have at least one of hmac, hash, publicKey, standardWebhooks, token, jwt and httpSignature, or none alone"
    ))]
    pub verification: Option<Box<Verification>>,
    /// The keys that deliveries are verified with, from Secrets of the endpoint's own namespace. Of several keys of one
    /// use any may verify, so a key is rotated by adding the new one, changing it at the provider, and removing the old
    /// one. Up to 8. What can't be used is `ResolvedRefs=False` with `SecretNotFound`, `SecretKeyNotFound` or
    /// `InvalidSecret`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into(), "key".into()]))]
    pub secret_refs: Vec<SecretRef>,
    /// Public values that the provider's entry asks for, such as an audience, a topic ARN or an organisation id
    /// (`jethook providers ID` lists them). Up to 16. Example: `{organizationId: 00D000000000001EAA}`. A missing or
    /// malformed one is `Accepted=False`, `InvalidParameters`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend(
        "maxProperties" = 16,
        "additionalProperties" = {"description": "The value.", "type": "string", "maxLength": 1024}
    ))]
    #[x_kube(validation = Rule::new("self.all(k, k.matches('^[A-Za-z][A-Za-z0-9]{0,62}$'))")
        .message("a parameter's name must be 1 to 63 letters and digits, a letter first"))]
    pub parameters: BTreeMap<String, String>,
    /// How far the time that a provider signs may be from now, before and after, as a Go duration from 1s to 1h.
    /// Absent: the provider's own tolerance. Only where a time is signed; elsewhere it is `Accepted=False`, `Invalid`.
    /// Example: `5m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new(
        "self.matches('^([0-9]{1,9}([.][0-9]{1,9})?(ms|s|m|h))+$') \
         && duration(self) >= duration('1s') && duration(self) <= duration('1h')"
    ).message("must be a duration from 1s to 1h, such as 90s or 5m"))]
    pub timestamp_tolerance: Option<String>,
    /// The path at which the provider delivers. Absent: `/{namespace}/{name}`. Matched exactly; letters, digits and
    /// `-._~!$&'()*+,;=:@` in segments that are neither empty nor `.` or `..`. The oldest endpoint that claims a path
    /// owns it: `Accepted=False`, `PathConflict` for the others, `PathNotAllowed` where the operator's policy
    /// (`--allow-path`) does not give the path to this namespace. Example: `/shop/github`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    #[x_kube(
        validation = ("self.startsWith('/')", "must start with /"),
        validation = (
            "!self.contains('//') && !self.endsWith('/') && !self.matches('/[.][.]?(/|$)')",
            "must have no empty segment, no segment . or .. and no / at its end"
        ),
        validation = (
            "self.matches('^[A-Za-z0-9/._~!$&\\'()*+,;=:@-]*$')",
            "must hold only letters, digits and / - . _ ~ ! $ & ' ( ) * + , ; = : @, \
             nothing percent-encoded and no query"
        )
    )]
    pub path: Option<String>,
    /// Where events go. Absent: the operator's stream, under `{prefix}.{namespace}.{name}.{event}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// The event types to store, by the provider's names; a `*` at the end stands for any rest. Absent or empty: all.
    /// Deliveries of other types are answered 2xx and not stored. Up to 64. Example: `["push", "pull_request.*"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        extend("items" = {
            "type": "string",
            "minLength": 1,
            "maxLength": 128,
            "x-kubernetes-validations": [{
                "rule": "self.matches('^[^*]*[*]?$')",
                "message": "a * may stand only at the end",
            }],
        })
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub events: Vec<String>,
    /// How repeated deliveries of one event are told, so that it is stored once within the stream's duplicate window.
    /// Absent: by the provider's delivery id where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deduplication: Option<Deduplication>,
    /// Limits of this endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// The client addresses that may deliver, as CIDRs; others are answered 403. Absent or empty: all. Behind a proxy
    /// the operator must know it (`--trusted-proxies`), else the proxy is the client. Up to 64.
    /// Example: `["192.0.2.0/24", "2001:db8::/32"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        extend("items" = {
            "type": "string",
            "maxLength": 49,
            "x-kubernetes-validations": [{
                "rule": "isCIDR(self) && !self.matches('(^|[.:])0[0-9]+[.]|[.]0[0-9]+/|/0[0-9]')",
                "message": "must be a CIDR, such as 192.0.2.0/24 or 2001:db8::/32",
            }],
        })
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub source_ranges: Vec<String>,
    /// True: deliveries are answered 503 with Retry-After, so that providers keep them and try again. Ready is then
    /// True with reason `Suspended` if all else is well.
    #[serde(default)]
    pub suspend: bool,
}

/// How repeated deliveries of one event are told.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!(has(self.key) && self.key == 'header') || has(self.header)")
        .message("key header needs the name of the header")
        .field_path(".header")
        .reason(Reason::FieldValueRequired),
    validation = Rule::new("(has(self.key) && self.key == 'header') || !has(self.header)")
        .message("only key header takes a header; remove it, or set key to header")
        .field_path(".header")
        .reason(Reason::FieldValueForbidden)
)]
pub struct Deduplication {
    /// What two deliveries of one event have in common. `delivery`: the provider's delivery id. `header`: the request
    /// header that `header` names. `content`: the body's digest. `none`: nothing, every delivery is stored. Absent:
    /// `delivery` where the provider has an id, `content` where its bodies are known to differ, else `none`. `delivery`
    /// where the provider has no id is `Accepted=False`, `Invalid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DeduplicationKey")]
    pub key: Option<DeduplicationKey>,
    /// The request header that holds the id, with key `header` and only there. A delivery without it is stored as one
    /// without an id. Example: `X-Request-Id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(
        validation = ("self.matches('^[A-Za-z0-9!#$%&\\'*+.^_`|~-]+$')", "must be the name of a request header"),
        validation = (
            "!self.matches('^(?i)(authorization|proxy-authorization|cookie|set-cookie)$')",
            "must not be a header that carries credentials"
        )
    )]
    pub header: Option<String>,
}

/// What two deliveries of one event have in common.
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
    /// The largest body that is taken, as a quantity of bytes from 1 to 1Gi; a larger one is answered 413. Absent: the
    /// operator's (`--max-body-size`). What NATS takes is a limit too; `status.maxBodySize` tells what holds.
    /// Example: `256Ki`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "quantity_text")]
    #[schemars(schema_with = "quantity_schema")]
    pub max_body_size: Option<String>,
    /// How many verified deliveries are taken a second, by each replica; those above are answered 429 with Retry-After.
    /// Absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
}

/// A rate with a burst.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.burst) || self.burst >= self.requestsPerSecond")
    .message("must be at least requestsPerSecond")
    .field_path(".burst"))]
pub struct Rate {
    /// Verified deliveries a second that are taken in the long run, at least 1. Example: `100`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests_per_second: i32,
    /// How many are taken at once after a pause, at least `requestsPerSecond`. Absent: `requestsPerSecond`.
    /// Example: `200`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub burst: Option<i32>,
}
