//! Endpoints in, from one of two sources; routes and statuses out.

pub mod core;
pub mod kube;
pub mod lease;
pub mod watch;
