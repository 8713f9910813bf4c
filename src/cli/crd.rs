//! `jethook crd`: the CustomResourceDefinitions as YAML.

use std::process::ExitCode;

use anyhow::Context;

use super::output;

/// Print the CustomResourceDefinitions as YAML, for `kubectl apply --server-side -f -`
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Args {}

/// Prints them, in the order of the files in `crds/`.
pub fn run(Args {}: Args) -> anyhow::Result<ExitCode> {
    output::print(&crate::api::crd_yaml()).context("writing to standard output")?;
    Ok(ExitCode::SUCCESS)
}
