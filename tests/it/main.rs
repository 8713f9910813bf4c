//! The integration tests.

mod cluster;
mod support;
mod tidy;
