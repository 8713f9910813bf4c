//! A reference to a key in a Secret.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// A key in a Secret of the endpoint's own namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SecretRef {
    /// The Secret's name, in the endpoint's own namespace. Example: `github-webhook`. One that does not exist is
    /// `ResolvedRefs=False`, `SecretNotFound`, and heals when it appears.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$")
    )]
    pub name: String,
    /// The key within the Secret. Default: `secret`. One that the Secret lacks is `ResolvedRefs=False`,
    /// `SecretKeyNotFound`; one whose value does not have the form that the scheme expects is `InvalidSecret`.
    #[serde(default = "SecretRef::default_key")]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[A-Za-z0-9._-]+$"))]
    pub key: String,
    /// What the key is for, one of the uses that the provider has (`jethook providers ID` lists them), such as
    /// `verifyToken` or `basic`. A key serves its own use only. Absent: `signing`, or the provider's first use where it
    /// has no `signing`. An unknown one is `Accepted=False`, `Invalid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z][A-Za-z0-9]*$"))]
    pub r#use: Option<String>,
}

impl SecretRef {
    fn default_key() -> String {
        "secret".to_owned()
    }
}
