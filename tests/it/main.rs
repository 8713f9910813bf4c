//! The integration tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test fails by a panic, and nothing imports it"
)]

mod cluster;
mod crd;
mod election;
mod generated;
mod receiver;
mod receiver_connection;
mod receiver_tls;
mod status;
mod support;
mod tidy;
mod validate;
