//! `jethook validate`: what the apiserver and the operator would say of manifests, without either.

mod finding;
mod judge;
mod source;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use self::finding::{Findings, Level};
use super::output;
use crate::config::PolicyConfig;

/// Check manifests without a cluster: schema, rules, catalogue, policy, and the paths among the files given
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// YAML or JSON files; a directory stands for the *.yaml, *.yml and *.json files in it, - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Treat a Secret that is not among the files as a fault
    #[arg(long)]
    pub require_secrets: bool,
    /// What the operator lets namespaces claim.
    #[command(flatten)]
    pub policy: PolicyConfig,
    /// What else the operator is told.
    #[command(flatten)]
    pub operator: OperatorArgs,
    /// How to print what is found
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// Flags of `jethook run` that bear on the verdict.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "As the operator has them")]
pub struct OperatorArgs {
    /// The operator's --prefix
    #[arg(long, env = "JETHOOK_PREFIX", default_value = "webhooks")]
    pub prefix: String,
    /// The operator's --stream
    #[arg(long, env = "JETHOOK_STREAM", default_value = "WEBHOOKS")]
    pub stream: String,
    /// The operator's --cluster-name
    #[arg(long, env = "JETHOOK_CLUSTER_NAME")]
    pub cluster_name: Option<String>,
    /// The operator's --public-url
    #[arg(long, env = "JETHOOK_PUBLIC_URL")]
    pub public_url: Option<String>,
}

/// How to print what is found.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Lines for people: FILE:LINE:COLUMN: what.
    Text,
    /// One JSON object.
    Json,
}

/// Checks the files. The exit code is 1 when there is a fault, and 2 when a file can't be read.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let files = match source::read(&args.files) {
        Ok(files) => files,
        Err(error) => {
            output::complain(&format!("{error:#}")).context("writing to standard error")?;
            return Ok(ExitCode::from(2));
        }
    };
    let mut findings = Findings::default();
    let objects = source::objects(&files, &mut findings);
    judge::judge(&objects, args, &mut findings);
    let is_faulty = findings.count(Level::Error) > 0;
    let text = match args.output {
        Output::Text => findings.text(files.len(), &objects),
        Output::Json => findings.json(files.len(), &objects)?,
    };
    output::print(&text).context("writing to standard output")?;
    Ok(if is_faulty { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
