//! What the user writes and reads in Kubernetes: types that do nothing.

mod condition;
mod quantity;
mod secret_ref;
mod status;
mod target;
mod webhook_endpoint;

pub use condition::{Condition, ConditionStatus, ConditionType, Reason};
pub use quantity::quantity_bytes;
pub use secret_ref::SecretRef;
pub use status::{SecretInUse, WebhookEndpointStatus};
pub use target::{LargeBodies, Target};
pub use webhook_endpoint::{Deduplication, DeduplicationKey, Limits, Rate, WebhookEndpoint, WebhookEndpointSpec};
