//! The integration tests.
#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test fails by a panic, nothing imports it, and it reads top-down for a person"
)]

mod answers;
mod chart;
mod cli;
mod clients;
mod cluster;
mod cluster_providers;
mod coverage;
mod crd;
mod delivery_identity;
mod delivery_message;
mod delivery_signature;
mod dlq;
mod docs;
mod doctor;
mod election;
mod endpoint_kubectl;
mod endpoint_policy;
mod endpoint_secrets;
mod endpoint_serving;
mod endpoint_spec;
mod endpoint_target;
mod examples;
mod faults;
mod flags_nats;
mod flags_network;
mod flags_receiver;
mod flags_stream;
mod generated;
mod histograms;
mod keys;
mod language;
mod large_bodies;
mod manifests;
mod outage_apiserver;
mod outage_nats;
mod receiver;
mod receiver_connection;
mod receiver_tls;
mod replicas;
#[path = "../faults/rig.rs"]
mod rig;
mod spool;
mod spread;
mod status;
mod store_outage;
mod store_publish;
mod store_streams;
mod support;
mod tidy;
mod traces;
mod validate;
mod validate_command;
mod vectors;
mod verification_fields;
