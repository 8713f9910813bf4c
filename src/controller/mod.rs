//! Endpoints in, from one of two sources; routes and statuses out.

pub mod core;
pub mod endpoints;
pub mod kube;
pub mod lease;
mod ledger;
pub mod notice;
pub mod report;
pub mod secrets;
mod watch;
