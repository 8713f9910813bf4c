//! Pure: a snapshot of endpoints, secrets and streams in, routes and statuses out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::api::{WebhookEndpoint, WebhookEndpointStatus};
use crate::route::EndpointRef;
use crate::secret::Secret;
use crate::stream::{View, Wanted};

/// What a source tells the controller.
#[derive(Clone, Debug)]
pub enum Update {
    /// An endpoint is new or changed.
    Endpoint(Observed),
    /// An endpoint is gone.
    EndpointGone(EndpointRef),
    /// These are all endpoints there are (after a list).
    Endpoints(Vec<Observed>),
    /// A named Secret was read: its named keys, or `None` when it does not exist.
    Secret(SecretRef, Option<SecretData>),
    /// The named Secrets of the first list of endpoints have all been read (or found missing) once.
    SecretsRead,
    /// NATS and its streams.
    View(Arc<View>),
    /// Whether this replica holds the Lease.
    Leading(bool),
}

/// An endpoint as a source saw it.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Whose it is.
    pub endpoint: EndpointRef,
    /// The object's uid.
    pub uid: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// `metadata.creationTimestamp`; all the same in manifests mode.
    pub created: Timestamp,
    /// The resource, or why it does not parse.
    pub resource: Result<Arc<WebhookEndpoint>, String>,
    /// The status found on the object; it is there for one that does not parse, too.
    pub status: Option<WebhookEndpointStatus>,
}

/// Namespace and name of a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretRef {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

/// The named keys of a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretData {
    /// Its resourceVersion.
    pub resource_version: String,
    /// The named keys that it has.
    pub keys: BTreeMap<String, Secret>,
    /// The names of all keys that it has, for messages.
    pub key_names: Vec<String>,
}

/// The Secrets that endpoints name, and which of their keys.
pub type NamedSecrets = BTreeMap<SecretRef, BTreeSet<String>>;

/// A status to report.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Whose status.
    pub endpoint: EndpointRef,
    /// The object's uid: a status is never written to another object of the same name.
    pub uid: String,
    /// The generation that it speaks of.
    pub generation: i64,
    /// The whole status.
    pub status: WebhookEndpointStatus,
}

/// What one round of the core brought about.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// Statuses that differ from the last reported ones, times ignored; changed generations first.
    pub reports: Vec<Report>,
    /// Transitions worth a Kubernetes Event.
    pub notices: Vec<Notice>,
    /// The Secrets to read, where that changed.
    pub named_secrets: Option<Arc<NamedSecrets>>,
    /// The streams to read, where that changed.
    pub wanted: Option<Arc<Wanted>>,
}

/// Something to tell by a Kubernetes Event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// On which endpoint.
    pub endpoint: EndpointRef,
    /// Its uid.
    pub uid: String,
    /// Normal or Warning.
    pub is_warning: bool,
    /// CamelCase reason.
    pub reason: &'static str,
    /// One sentence.
    pub note: String,
}
