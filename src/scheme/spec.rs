//! The declarative language: what a catalogue entry, `spec.verification` and `ClusterWebhookProvider` say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a provider's deliveries are verified and read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Verification {}
