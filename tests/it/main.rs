//! The integration tests.

mod crd;
mod generated;
mod tidy;
mod validate;
mod vectors;
