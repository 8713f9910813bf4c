//! What the user writes and reads in Kubernetes: types that do nothing, their definition, and what the apiserver would
//! say of a manifest.
#![expect(unreachable_pub, reason = "the KubeSchema derive repeats each struct inside a function")]

mod cluster_webhook_provider;
mod condition;
mod crd;
pub mod manifest;
mod names;
mod quantity;
mod secret_ref;
mod status;
mod target;
mod validate;
mod webhook_endpoint;

pub use cluster_webhook_provider::{ClusterWebhookProvider, ClusterWebhookProviderSpec, is_cluster_provider};
pub use condition::{Condition, ConditionStatus, ConditionType, Reason};
pub use crd::{crd, crd_yaml, provider_crd, provider_crd_yaml};
pub use names::{EndpointRef, KeyName};
pub use quantity::quantity_bytes;
pub use secret_ref::SecretRef;
pub use status::{SecretInUse, WebhookEndpointStatus};
pub use target::{LargeBodies, Target};
pub use validate::{FieldError, Kind, endpoint, provider, validate};
pub use webhook_endpoint::{Deduplication, DeduplicationKey, Limits, Rate, WebhookEndpoint, WebhookEndpointSpec};
