//! The integration tests: real programs, real ports, one process for all.
#![allow(unreachable_pub, reason = "a test program exports nothing")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail by panicking"
)]
#![allow(clippy::missing_panics_doc, clippy::must_use_candidate, reason = "nobody reads the manual of a test program")]

mod endpoint_kubectl;
mod endpoint_policy;
mod endpoint_secrets;
mod endpoint_serving;
mod endpoint_spec;
mod endpoint_target;
mod support;
mod tidy;
