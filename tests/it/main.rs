//! The integration tests.

mod crd;
mod generated;
mod support;
mod tidy;
mod validate;
