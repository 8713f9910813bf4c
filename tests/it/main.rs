//! The integration tests.

mod crd;
mod generated;
