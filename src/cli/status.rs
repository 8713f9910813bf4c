//! `jethook status`: endpoints with their URLs and conditions, how their deliveries ended, and when keys were last used.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::page;
use super::replicas::{self, Replica, ReplicaArgs, Sample};
use super::{Failure, Output, block_on, print};
use crate::config;
use crate::controller::kube::{Cluster, connect_with};

/// Arguments of `jethook status`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// Names of endpoints; absent: all of the namespace
    names: Vec<String>,
    /// Namespace; absent: that of the kubeconfig's context
    #[arg(short, long)]
    namespace: Option<String>,
    /// The endpoints of all namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,
    /// Kubeconfig file; absent: $KUBECONFIG, ~/.kube/config or the pod's service account
    #[arg(long, env = "JETHOOK_KUBECONFIG", value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Form of the result
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    replicas: ReplicaArgs,
}

/// What is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Overview {
    endpoints: Vec<Endpoint>,
    /// Replicas whose metrics are in it.
    replicas: Vec<String>,
    /// Why those of others are not.
    faults: Vec<String>,
}

/// An endpoint. What is counted is counted since the replicas began, over all of them.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    namespace: String,
    name: String,
    provider: String,
    url: Option<String>,
    path: Option<String>,
    stream: Option<String>,
    subject: Option<String>,
    ready: String,
    reason: String,
    conditions: Vec<Value>,
    outcomes: BTreeMap<String, u64>,
    last_stored: Option<Timestamp>,
    keys: Vec<Key>,
}

/// A key in use.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "as they stand in the JSON")]
struct Key {
    name: String,
    key: String,
    last_used: Option<Timestamp>,
}

/// Shows them. The exit code is 1 where a named endpoint does not exist, or nothing can be read.
pub(super) fn run(args: Args) -> Result<ExitCode, Failure> {
    let output = args.output;
    let overview = block_on(read(args))?;
    match output {
        Output::Table => print(&for_people(&overview, Timestamp::now()))?,
        Output::Json => {
            let text = serde_json::to_string_pretty(&overview).map_err(|error| Failure::Failed(error.to_string()))?;
            print(&(text + "\n"))?;
        }
        Output::Yaml => {
            print(&serde_saphyr::to_string(&overview).map_err(|error| Failure::Failed(error.to_string()))?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn read(args: Args) -> Result<Overview, Failure> {
    let mut objects = served(&args).await;
    let mut found = Ok(Vec::new());
    if objects.is_none() {
        let cluster = cluster(&args).await?;
        objects = Some(listed(&args, &cluster).await?);
        found = replicas::find(&args.replicas, Some(&cluster.client)).await;
    } else if let Ok(given) = replicas::find(&args.replicas, None).await {
        found = Ok(given);
    }
    let mut endpoints: Vec<_> = objects.unwrap_or_default().iter().map(endpoint).collect();
    let is_asked = |endpoint: &Endpoint| {
        (args.names.is_empty() || args.names.contains(&endpoint.name))
            && args.namespace.as_ref().is_none_or(|namespace| *namespace == endpoint.namespace)
    };
    endpoints.retain(is_asked);
    if let Some(name) = args.names.iter().find(|name| endpoints.iter().all(|one| one.name != **name)) {
        return Err(Failure::Failed(format!("there is no endpoint {name:?} here; -n NAMESPACE and -A look elsewhere")));
    }
    let mut overview = Overview { endpoints, replicas: Vec::new(), faults: Vec::new() };
    match found {
        Ok(found) => count(&mut overview, &found).await,
        Err(error) => overview.faults.push(format!("the operator's pods can't be listed: {error}")),
    }
    Ok(overview)
}

/// The endpoints of an operator in manifests mode, which shows them on its admin port.
async fn served(args: &Args) -> Option<Vec<Value>> {
    let url = args.replicas.admin_url.first()?;
    let page = page::get(&format!("{}/endpoints", url.trim_end_matches('/'))).await.ok()?;
    page.json().ok()?.as_array().cloned()
}

async fn cluster(args: &Args) -> Result<Cluster, Failure> {
    let no_proxy = config::no_proxy();
    let connecting = connect_with(args.kubeconfig.as_deref(), no_proxy.as_deref()).await;
    connecting.map_err(|error| Failure::Usage(error.to_string()))
}

async fn listed(args: &Args, cluster: &Cluster) -> Result<Vec<Value>, Failure> {
    let place = match &args.namespace {
        _ if args.all_namespaces => String::new(),
        Some(namespace) => format!("namespaces/{namespace}/"),
        None => format!("namespaces/{}/", cluster.lease_namespace),
    };
    let path = format!("/apis/jethook.dev/v1alpha1/{place}webhookendpoints");
    let page = page::get_from(&cluster.client, &path).await.and_then(|page| page.json());
    let list = page.map_err(|error| Failure::Failed(format!("the endpoints can't be listed: {error}")))?;
    Ok(list.pointer("/items").and_then(Value::as_array).cloned().unwrap_or_default())
}

fn endpoint(object: &Value) -> Endpoint {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let list = |pointer: &str| object.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    let conditions = list("/status/conditions");
    let ready = conditions.iter().find(|condition| field(condition, "type") == "Ready");
    let of_ready = |name: &str| ready.map(|ready| field(ready, name).to_owned()).unwrap_or_default();
    let key = |secret: &Value| Key {
        name: field(secret, "name").to_owned(),
        key: field(secret, "key").to_owned(),
        last_used: None,
    };
    Endpoint {
        namespace: text("/metadata/namespace").unwrap_or_default(),
        name: text("/metadata/name").unwrap_or_default(),
        provider: text("/spec/provider").unwrap_or_default(),
        url: text("/status/url"),
        path: text("/status/path"),
        stream: text("/status/stream"),
        subject: text("/status/subject"),
        ready: of_ready("status"),
        reason: of_ready("reason"),
        keys: list("/status/secrets").iter().map(key).collect(),
        conditions,
        ..Endpoint::default()
    }
}

fn field<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

async fn count(overview: &mut Overview, replicas: &[Replica]) {
    for replica in replicas {
        match replica.samples().await {
            Ok(samples) => {
                overview.replicas.push(replica.name.clone());
                for sample in &samples {
                    take(&mut overview.endpoints, sample);
                }
            }
            Err(error) => overview.faults.push(format!("{} can't be asked: {error}", replica.name)),
        }
    }
    if replicas.is_empty() {
        overview.faults.push("no pod of the operator was found (--pod-selector, --admin-url)".to_owned());
    }
}

/// Adds a series to the endpoint that it is about.
fn take(endpoints: &mut [Endpoint], sample: &Sample) {
    let is_its = |endpoint: &&mut Endpoint| {
        endpoint.namespace == sample.label("namespace") && endpoint.name == sample.label("endpoint")
    };
    let Some(endpoint) = endpoints.iter_mut().find(is_its) else { return };
    match sample.name.as_str() {
        "jethook_deliveries_total" => {
            let counted = endpoint.outcomes.entry(sample.label("outcome").to_owned()).or_default();
            *counted = counted.saturating_add(whole(sample.value).unsigned_abs());
            if endpoint.provider.is_empty() {
                sample.label("provider").clone_into(&mut endpoint.provider);
            }
        }
        "jethook_last_stored_timestamp_seconds" => later(&mut endpoint.last_stored, sample.value),
        "jethook_key_last_used_timestamp_seconds" => {
            let is_it = |key: &&mut Key| key.name == sample.label("secret") && key.key == sample.label("key");
            if let Some(key) = endpoint.keys.iter_mut().find(is_it) {
                later(&mut key.last_used, sample.value);
            }
        }
        _ => {}
    }
}

fn later(known: &mut Option<Timestamp>, seconds: f64) {
    *known = (*known).max(Timestamp::from_second(whole(seconds)).ok());
}

#[expect(clippy::cast_possible_truncation, reason = "counts and seconds are whole, and `as` keeps within the bounds")]
fn whole(value: f64) -> i64 {
    value as i64
}

fn for_people(overview: &Overview, now: Timestamp) -> String {
    let mut text = String::new();
    for endpoint in &overview.endpoints {
        text.push_str(&block(endpoint, now));
        text.push('\n');
    }
    if overview.endpoints.is_empty() {
        text.push_str("no endpoints here; -n NAMESPACE and -A look elsewhere\n\n");
    }
    if !overview.replicas.is_empty() {
        let replicas = overview.replicas.join(", ");
        text.push_str(&format!("outcomes and keys: since the start of {replicas}\n"));
    }
    for fault in &overview.faults {
        text.push_str(&format!("note: {fault}\n"));
    }
    text
}

fn block(endpoint: &Endpoint, now: Timestamp) -> String {
    let Endpoint { namespace, name, provider, ready, reason, .. } = endpoint;
    let verdict = match (ready.as_str(), reason.as_str()) {
        ("", _) => "no status yet",
        ("True", reason) => reason,
        (_, _) => "not Ready",
    };
    let mut text = format!("{namespace}/{name}  {provider}  {verdict}\n");
    let mut line = |what: &str, value: String| text.push_str(&format!("  {what:<11}{value}\n"));
    match (&endpoint.url, &endpoint.path) {
        (Some(url), _) => line("url", url.clone()),
        (None, Some(path)) => line("path", format!("{path} (the operator has no --public-url)")),
        (None, None) => {}
    }
    if let (Some(stream), Some(subject)) = (&endpoint.stream, &endpoint.subject) {
        line("subject", format!("{subject} in stream {stream}"));
    }
    for condition in &endpoint.conditions {
        let (of, status) = (field(condition, "type"), field(condition, "status"));
        // Ready repeats the first that fails, and Stalled is True where something is wrong.
        if of == "Ready" || of == "Stalled" {
            continue;
        }
        let why = if status == "True" {
            String::new()
        } else {
            format!(" {}: {}", field(condition, "reason"), field(condition, "message"))
        };
        line("condition", format!("{of}={status}{why}"));
    }
    let outcomes: Vec<_> = endpoint.outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    line("outcomes", if outcomes.is_empty() { "none".to_owned() } else { outcomes.join(", ") });
    if let Some(at) = endpoint.last_stored {
        line("stored", format!("last {} ago", ago(now, at)));
    }
    for key in &endpoint.keys {
        let used = key.last_used.map_or_else(|| "not used".to_owned(), |at| format!("last used {} ago", ago(now, at)));
        line("key", format!("{}/{} {used}", key.name, key.key));
    }
    text
}

/// As kubectl writes ages: the largest unit alone.
fn ago(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.duration_since(then).max(SignedDuration::ZERO).as_secs();
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::replicas::samples;

    fn object() -> Value {
        json!({
            "metadata": {"namespace": "shop", "name": "hook"},
            "spec": {"provider": "acme"},
            "status": {
                "url": "https://hooks.example.com/shop/hook", "path": "/shop/hook", "stream": "W", "subject": "w.shop.hook.>",
                "secrets": [{"name": "hook", "key": "new"}, {"name": "hook", "key": "old"}],
                "conditions": [
                    {"type": "ResolvedRefs", "status": "False", "reason": "SecretNotFound", "message": "no Secret x"},
                    {"type": "Ready", "status": "False", "reason": "SecretNotFound", "message": "no Secret x"},
                ],
            },
        })
    }

    #[test]
    fn replicas_are_added_up_and_the_latest_time_counts() {
        let mut endpoints = vec![endpoint(&object())];
        let page = |stored: u32, used: u32| {
            format!(
                "jethook_deliveries_total{{namespace=\"shop\",endpoint=\"hook\",provider=\"acme\",outcome=\"stored\"}} {stored}\n\
                 jethook_deliveries_total{{namespace=\"else\",endpoint=\"hook\",provider=\"acme\",outcome=\"stored\"}} 9\n\
                 jethook_last_stored_timestamp_seconds{{namespace=\"shop\",endpoint=\"hook\"}} {used}\n\
                 jethook_key_last_used_timestamp_seconds{{namespace=\"shop\",endpoint=\"hook\",secret=\"hook\",key=\"new\"}} \
                 {used}\n"
            )
        };
        for text in [page(2, 1000), page(3, 900)] {
            for sample in &samples(&text) {
                take(&mut endpoints, sample);
            }
        }
        assert_eq!(endpoints[0].outcomes, BTreeMap::from([("stored".to_owned(), 5)]));
        assert_eq!(endpoints[0].last_stored, Timestamp::from_second(1000).ok());
        let text = block(&endpoints[0], Timestamp::from_second(1000 + 300).unwrap());
        for line in [
            "shop/hook  acme  not Ready\n",
            "  url        https://hooks.example.com/shop/hook\n",
            "  condition  ResolvedRefs=False SecretNotFound: no Secret x\n",
            "  outcomes   5 stored\n",
            "  stored     last 5m ago\n",
            "  key        hook/new last used 5m ago\n",
            "  key        hook/old not used\n",
        ] {
            assert!(text.contains(line), "{line:?} is not in {text}");
        }
    }

    #[test]
    fn ages_are_written_as_kubectl_does() {
        let at = |seconds: i64| {
            ago(Timestamp::from_second(1_000_000 + seconds).unwrap(), Timestamp::from_second(1_000_000).unwrap())
        };
        assert_eq!([-5, 119, 120, 7200, 172_800].map(at), ["0s", "119s", "2m", "2h", "2d"]);
    }
}
