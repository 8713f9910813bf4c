//! The Helm chart: what it renders, what the apiserver says to it, and an operator that runs as it says.

mod alerts;
pub mod cluster;
mod flags;
mod install;
mod observe;
mod release;
mod render;
mod rights;
pub mod values;
