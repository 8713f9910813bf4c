//! How endpoints and keys are named, everywhere.

use std::sync::Arc;

/// Namespace and name of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointRef {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

/// A key by its names, never by its value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyName {
    /// The Secret's name.
    pub secret: String,
    /// The key within it.
    pub key: String,
}
