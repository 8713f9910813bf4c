//! `jethook doctor`: a checklist of what the operator needs, each failure with its remedy.

mod endpoints;
mod kubernetes;
mod nats;
mod public_url;
mod replicas;
mod report;
mod rights;

use std::process::ExitCode;

use clap::ValueEnum;
use serde_json::Value;

use self::report::Report;
use super::replicas::ReplicaArgs;
use super::{Failure, block_on, print};
use crate::config::{self, RunConfig};
use crate::controller::kube::{Cluster, connect};

/// Arguments of `jethook doctor`. Those of `jethook run` say what is checked: give it the ones that the operator has.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// Form of the result
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// What not to check, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', value_name = "CATEGORY")]
    skip: Vec<Category>,
    /// Whose rights to check, such as system:serviceaccount:jethook:jethook; absent: the pods' own, or without pods one's own
    #[arg(long = "as", value_name = "USER")]
    user: Option<String>,
    #[command(flatten)]
    replicas: ReplicaArgs,
    #[command(flatten)]
    operator: RunConfig,
}

/// How to print what is found.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    /// Lines for people
    Text,
    /// One JSON object, for programs
    Json,
}

/// What is checked.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Category {
    /// The apiserver, its clock, the CustomResourceDefinitions
    Kubernetes,
    /// What the operator may do in the cluster
    Rights,
    /// The operator's pods, and what their admin ports say
    Replicas,
    /// The NATS server and the streams
    Nats,
    /// Which endpoints are not Ready
    Endpoints,
    /// Whether the public URL leads to the receiver
    PublicUrl,
}

/// Checks all that is asked for. The exit code is 1 when something failed.
pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let mut report = block_on(check(args))?;
    let is_good = report.finish();
    match args.output {
        Output::Text => print(&report.text())?,
        Output::Json => {
            let text = serde_json::to_string_pretty(&report).map_err(|error| Failure::Failed(error.to_string()))?;
            print(&(text + "\n"))?;
        }
    }
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn check(args: &Args) -> Result<Report, Failure> {
    let mut report = Report::default();
    let config = &args.operator;
    let wants = |category: Category| !args.skip.contains(&category);
    let cluster = cluster(args).await?;
    let mut answers = false;
    if let Some(cluster) = &cluster {
        let mut section = report.section("kubernetes");
        answers = kubernetes::server(cluster, &mut section).await;
        if answers && wants(Category::Kubernetes) {
            kubernetes::definitions(cluster, config.source.reads_cluster_providers(), &mut section).await;
        }
    }
    // What can't be asked of an apiserver that does not answer is not said again and again.
    let cluster = cluster.filter(|_| answers);
    let client = cluster.as_ref().map(|cluster| &cluster.client);
    let found = super::replicas::find(&args.replicas, client).await;
    let listed = endpoints::list(config, client, found.as_deref().unwrap_or_default()).await;
    if let Some(cluster) = cluster.as_ref().filter(|_| wants(Category::Rights)) {
        let account = found.as_ref().ok().and_then(|found| found.first()).and_then(|first| first.account.clone());
        rights::check(cluster, config, args.user.as_deref(), account, &mut report.section("rights")).await;
    }
    if wants(Category::Replicas) && (cluster.is_some() || !args.replicas.admin_url.is_empty()) {
        let mut section = report.section("replicas");
        replicas::check(found, config.source.manifests.is_none(), &mut section).await;
        if let Some(cluster) = cluster.as_ref().filter(|_| args.replicas.admin_url.is_empty()) {
            replicas::spools(&cluster.client, &args.replicas, &mut section).await;
        }
    }
    if wants(Category::Nats) {
        nats::check(config, listed.as_deref().unwrap_or_default(), &mut report.section("nats")).await;
    }
    if wants(Category::Endpoints) && (listed.is_err() || cluster.is_some() || !args.replicas.admin_url.is_empty()) {
        endpoints::check(&listed, &mut report.section("endpoints"));
    }
    if wants(Category::PublicUrl) {
        let endpoints = listed.as_deref().unwrap_or_default();
        public_url::check(config.receiver.public_url.as_deref(), endpoints, &mut report.section("public-url")).await;
    }
    Ok(report)
}

/// The cluster, unless the operator runs on manifests.
async fn cluster(args: &Args) -> Result<Option<Cluster>, Failure> {
    let source = &args.operator.source;
    if source.manifests.is_some() {
        return Ok(None);
    }
    let no_proxy = config::no_proxy();
    connect(source, no_proxy.as_deref()).await.map(Some).map_err(|error| Failure::Usage(error.to_string()))
}

/// A text of a JSON object; empty where there is none.
fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
