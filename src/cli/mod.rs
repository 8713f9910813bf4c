//! The commands.

pub mod crd;
mod output;
pub mod validate;
