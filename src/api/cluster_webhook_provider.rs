//! The `ClusterWebhookProvider` resource: an entry of the catalogue that a cluster brings itself.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::catalogue::Maturity;
use crate::scheme::Verification;

/// A provider that this cluster knows beside the built-in ones; its fields are those of a catalogue entry.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "jethook.dev",
    version = "v1alpha1",
    kind = "ClusterWebhookProvider",
    plural = "clusterwebhookproviders",
    shortname = "cwp",
    category = "jethook",
    derive = "PartialEq",
    doc = "A provider that this cluster defines, for endpoints of every namespace: they name it in spec.provider. \
           It has no status: one that can't be used is told on the endpoints that use it.",
    printcolumn(name = "Title", type_ = "string", json_path = ".spec.name"),
    printcolumn(name = "Maturity", type_ = "string", json_path = ".spec.maturity"),
    printcolumn(name = "Docs", type_ = "string", json_path = ".spec.docs", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.metadata.name.contains('.')").message(
        "metadata.name must hold a dot, such as acme.example.com: the ids of built-in providers never do"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterWebhookProviderSpec {
    /// Its name for people. Example: `Acme`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub name: Option<String>,
    /// The page that the scheme follows. Example: `https://wiki.example.com/webhooks`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub docs: Option<String>,
    /// When someone last compared the two, as `YYYY-MM-DD`. Example: `2026-11-24`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10))]
    pub checked: Option<String>,
    /// How well the scheme is known. `proven`: genuine deliveries verify, altered ones do not. `documented`: the
    /// sender's own page or source was read. `reported`: neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Maturity")]
    pub maturity: Option<Maturity>,
    /// What the owner of an endpoint must know: where to paste the URL, where to find the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub notes: Option<String>,
    /// How deliveries are verified and read, in the language of the built-in providers (`jethook providers ID -o yaml`
    /// shows theirs). A fault in it is `Accepted=False`, `Invalid`, on the endpoints that use this provider.
    #[x_kube(validation = Rule::new(
        "has(self.none) != (has(self.hmac) || has(self.hash) || has(self.publicKey) || has(self.standardWebhooks) \
         || has(self.token) || has(self.jwt) || has(self.httpSignature))"
    ).message(
        "must have at least one of hmac, hash, publicKey, standardWebhooks, token, jwt and httpSignature, or none alone"
    ))]
    pub verification: Verification,
}

/// Whether a provider's name can be one that a cluster defines: it holds a dot.
#[must_use]
pub fn is_cluster_provider(name: &str) -> bool {
    name.contains('.')
}
