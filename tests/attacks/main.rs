//! The attack suite: all that was tried on receivers of webhooks before, on the real port of the real program with a real
//! nats-server; millions of forged deliveries; the vectors of Project Wycheproof; fuzz targets; tenants against each other.
//!
//! `make test-attacks` runs the long form, `make test` the short one ([`scale`] says how they differ).
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

mod canary;
mod cluster;
mod entry;
mod field;
mod fuzz;
mod http;
mod mutants;
mod nats;
mod oracle;
mod replay;
mod report;
mod scale;
mod signals;
mod signatures;
mod signatures_public;
mod tenancy;
mod threat_model;
mod timing;
mod wycheproof;

#[allow(dead_code, unused_imports, reason = "the integration tests use the rest")]
#[path = "../it/support/mod.rs"]
mod support;
#[allow(dead_code, reason = "the integration tests use the rest")]
#[path = "../it/vectors/vector.rs"]
mod vector;
