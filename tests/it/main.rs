//! The integration tests.

mod cluster;
mod crd;
mod generated;
mod support;
mod tidy;
mod validate;
