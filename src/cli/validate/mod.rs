//! `jethook validate`: what the apiserver and the operator would say of manifests, without either.

mod finding;
mod judge;
mod source;

use std::path::PathBuf;
use std::process::ExitCode;

use self::finding::{Findings, Level};
use super::{Failure, print};
use crate::config::PolicyConfig;
use crate::route::{Policy, Settings};

/// Arguments of `jethook validate`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// YAML or JSON files; a directory stands for the *.yaml, *.yml and *.json files in it, - for standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Treat a Secret that is not among the files as a fault
    #[arg(long)]
    require_secrets: bool,
    /// What the operator lets namespaces claim.
    #[command(flatten)]
    policy: PolicyConfig,
    /// What else the operator is told.
    #[command(flatten)]
    operator: OperatorArgs,
    /// How to print what is found
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// Flags of `jethook run` that bear on the verdict.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "As the operator has them")]
pub(super) struct OperatorArgs {
    /// The operator's --prefix
    #[arg(long, env = "JETHOOK_PREFIX", default_value = "webhooks")]
    prefix: String,
    /// The operator's --stream
    #[arg(long, env = "JETHOOK_STREAM", default_value = "WEBHOOKS")]
    stream: String,
    /// The operator's --cluster-name
    #[arg(long, env = "JETHOOK_CLUSTER_NAME")]
    cluster_name: Option<String>,
    /// The operator's --public-url
    #[arg(long, env = "JETHOOK_PUBLIC_URL")]
    public_url: Option<String>,
}

/// How to print what is found.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// Lines for people, each with file, line and column
    Text,
    /// One JSON object, for programs
    Json,
}

/// Checks the files. The exit code is 1 when there is a fault, and 2 when a file can't be read.
pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let files = source::read(&args.files)?;
    let (text, is_good) = check(&files, args)?;
    print(&text)?;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the operator's flags say, as far as they bear on the verdict.
fn settings(args: &Args) -> Result<Settings, Failure> {
    let OperatorArgs { prefix, stream, cluster_name, public_url } = &args.operator;
    Ok(Settings {
        prefix: prefix.clone(),
        stream: stream.clone(),
        public_url: public_url.clone(),
        cluster_name: cluster_name.clone(),
        // What holds where an endpoint sets no limit decides nothing here.
        body_bytes_max: u64::MAX,
        policy: Policy::from_config(&args.policy, prefix, stream).map_err(Failure::Usage)?,
    })
}

/// What there is to say of the files, and whether they are good.
fn check(files: &[source::File], args: &Args) -> Result<(String, bool), Failure> {
    let settings = settings(args)?;
    let mut findings = Findings::default();
    let objects = source::objects(files, &mut findings);
    judge::judge(&objects, &settings, args.require_secrets, &mut findings);
    let is_good = findings.count(Level::Error) == 0;
    let text = match args.output {
        Output::Text => findings.text(files.len(), &objects),
        Output::Json => findings.json(files.len(), &objects).map_err(|error| Failure::Failed(error.to_string()))?,
    };
    Ok((text, is_good))
}
