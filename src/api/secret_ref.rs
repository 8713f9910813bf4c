//! A reference to a key in a Secret.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// A key in a Secret of the endpoint's own namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SecretRef {
    /// The Secret's name.
    pub name: String,
    /// The key within it.
    #[serde(default = "SecretRef::default_key")]
    pub key: String,
    /// What the key is for, one of the uses that the entry declares; absent: the entry's only or first use (`signing`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#use: Option<String>,
}

impl SecretRef {
    fn default_key() -> String {
        "secret".to_owned()
    }
}
