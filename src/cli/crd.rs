//! `jethook crd`: the `CustomResourceDefinition`s as YAML.

use std::process::ExitCode;

use super::{Failure, print};

/// Arguments of `jethook crd`.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(super) struct Args {}

/// Prints them, in the order of the files in `crds/`.
pub(super) fn run(Args {}: Args) -> Result<ExitCode, Failure> {
    print(&format!("{}---\n{}", crate::api::provider_crd_yaml(), crate::api::crd_yaml()))?;
    Ok(ExitCode::SUCCESS)
}
