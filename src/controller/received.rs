//! An object as the apiserver gives it. Its parts are parsed apart, so that one that does not parse neither disturbs other
//! objects nor hides the rest of its own.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::Resource;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::kube::cut;

/// Bytes of a parser's message that are kept.
const FAULT_BYTES_MAX: usize = 512;

/// An object of kind `K` with a spec and, unless that is `()`, a status.
pub(super) struct Received<K, Spec, Status = ()> {
    pub(super) metadata: ObjectMeta,
    /// Or why it does not parse.
    pub(super) spec: Result<Spec, String>,
    pub(super) status: Option<Status>,
    kind: PhantomData<fn() -> K>,
}

impl<K, Spec: Clone, Status: Clone> Clone for Received<K, Spec, Status> {
    fn clone(&self) -> Self {
        let Self { metadata, spec, status, kind } = self;
        Self { metadata: metadata.clone(), spec: spec.clone(), status: status.clone(), kind: *kind }
    }
}

impl<K, Spec: fmt::Debug, Status: fmt::Debug> fmt::Debug for Received<K, Spec, Status> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { metadata, spec, status, kind: _ } = self;
        f.debug_struct("Received").field("metadata", metadata).field("spec", spec).field("status", status).finish()
    }
}

impl<'de, K, Spec: DeserializeOwned, Status: DeserializeOwned> Deserialize<'de> for Received<K, Spec, Status> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Parts {
            #[serde(default)]
            metadata: ObjectMeta,
            #[serde(default)]
            spec: Value,
            #[serde(default)]
            status: Value,
        }

        let Parts { metadata, spec, status } = Parts::deserialize(deserializer)?;
        let spec = serde_path_to_error::deserialize(spec).map_err(|error| {
            let path = error.path().to_string();
            let field = if path == "." { "spec".to_owned() } else { format!("spec.{path}") };
            cut(&format!("{field}: {}", error.into_inner()), FAULT_BYTES_MAX).to_owned()
        });
        Ok(Self { metadata, spec, status: serde_json::from_value(status).ok(), kind: PhantomData })
    }
}

impl<K: Resource<DynamicType = ()>, Spec, Status> Resource for Received<K, Spec, Status> {
    type DynamicType = ();
    type Scope = K::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        K::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        K::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        K::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        K::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
