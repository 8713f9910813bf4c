//! The operator's replicas as `doctor` and `status` find them: the pods, and what their admin ports say.

use std::collections::BTreeMap;

use serde_json::Value;

use super::page::{self, Page};

/// The labels that the chart gives the operator's pods.
const POD_LABELS: &str = "app.kubernetes.io/part-of=jethook,app.kubernetes.io/component=operator";
/// The admin port of a pod that names none.
const ADMIN_PORT: u64 = 9090;

/// Where the replicas' admin ports are.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Replicas")]
pub(super) struct ReplicaArgs {
    /// URLs of admin ports, separated by commas; absent: those of the operator's pods, through the apiserver
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    pub(super) admin_url: Vec<String>,
    /// Labels of the operator's pods
    #[arg(long, value_name = "LABELS", default_value = POD_LABELS)]
    pub(super) pod_selector: String,
    /// Namespace of the operator's pods; absent: any
    #[arg(long, value_name = "NAMESPACE")]
    pub(super) operator_namespace: Option<String>,
}

/// A replica.
#[derive(Clone)]
pub(super) struct Replica {
    /// `namespace/pod`, or the URL.
    pub(super) name: String,
    /// The pod's namespace and ServiceAccount.
    pub(super) account: Option<(String, String)>,
    way: Way,
}

#[derive(Clone)]
enum Way {
    Url(String),
    /// The path of the pod's proxy at the apiserver.
    Pod(kube::Client, String),
}

impl Replica {
    /// A page of the admin port, such as `/metrics`.
    pub(super) async fn get(&self, path: &str) -> Result<Page, String> {
        match &self.way {
            Way::Url(url) => page::get(&format!("{url}{path}")).await,
            Way::Pod(client, proxy) => page::get_from(client, &format!("{proxy}{path}")).await,
        }
    }

    /// The series of the metrics page.
    pub(super) async fn samples(&self) -> Result<Vec<Sample>, String> {
        let page = self.get("/metrics").await?;
        if page.status == 200 { Ok(samples(&page.body)) } else { Err(format!("/metrics answers {}", page.status)) }
    }
}

/// Finds them: by URL where some are given, else the running pods.
pub(super) async fn find(args: &ReplicaArgs, client: Option<&kube::Client>) -> Result<Vec<Replica>, String> {
    let Some(client) = client.filter(|_| args.admin_url.is_empty()) else {
        let replica = |url: &String| {
            let url = url.trim_end_matches('/').to_owned();
            Replica { name: url.clone(), account: None, way: Way::Url(url) }
        };
        return Ok(args.admin_url.iter().map(replica).collect());
    };
    let place = match &args.operator_namespace {
        Some(namespace) => format!("/api/v1/namespaces/{namespace}/pods"),
        None => "/api/v1/pods".to_owned(),
    };
    let path = format!("{place}?labelSelector={}&fieldSelector=status.phase%3DRunning", escaped(&args.pod_selector));
    let list = page::get_from(client, &path).await?.json()?;
    let pods = list.pointer("/items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    // A pod that is being deleted drains: it is a replica no more.
    let staying = pods.iter().filter(|pod| pod.pointer("/metadata/deletionTimestamp").is_none());
    Ok(staying.map(|pod| replica(client, pod)).collect())
}

fn replica(client: &kube::Client, pod: &Value) -> Replica {
    let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    let account = Some(text("/spec/serviceAccountName")).filter(|account| !account.is_empty());
    let port = admin_port(pod);
    let proxy = format!("/api/v1/namespaces/{namespace}/pods/{name}:{port}/proxy");
    Replica {
        name: format!("{namespace}/{name}"),
        account: account.map(|account| (namespace, account)),
        way: Way::Pod(client.clone(), proxy),
    }
}

fn admin_port(pod: &Value) -> u64 {
    let list = |value: &Value, field: &str| value.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
    let containers = pod.get("spec").map(|spec| list(spec, "containers")).unwrap_or_default();
    let mut ports = containers.iter().flat_map(|container| list(container, "ports"));
    let named = ports.find(|port| port.get("name").and_then(Value::as_str) == Some("admin"));
    named.and_then(|port| port.get("containerPort").and_then(Value::as_u64)).unwrap_or(ADMIN_PORT)
}

/// A value of a query.
pub(super) fn escaped(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A series of a metrics page with its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    /// Its name, with its suffix.
    pub(super) name: String,
    /// Its labels.
    pub(super) labels: BTreeMap<String, String>,
    /// Its value.
    pub(super) value: f64,
}

impl Sample {
    /// The value of a label; empty where it has none of this name.
    pub(super) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// The first series of this name.
pub(super) fn value_of(samples: &[Sample], name: &str) -> Option<f64> {
    samples.iter().find(|sample| sample.name == name).map(|sample| sample.value)
}

/// Reads a page in the Prometheus or OpenMetrics text format; lines that are none are passed over.
pub(super) fn samples(page: &str) -> Vec<Sample> {
    page.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect()
}

fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at_checked(end)?;
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            let (label, after) = rest.trim_start_matches(',').split_once("=\"")?;
            let (value, after) = quoted(after)?;
            labels.insert(label.to_owned(), value);
            rest = after;
        }
    }
    // An exemplar or a time may follow.
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample { name: name.to_owned(), labels, value })
}

/// The text up to the closing quote, and what comes after it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metrics_page_is_read() {
        let page =
            "# HELP a b\na_total{x=\"1\",y=\"q\\\"u\\\\o}te\"} 3\nb 1.5 # {id=\"1\"} 2\n\nbroken{x=\"1\nc{} x\n# EOF\n";
        let found = samples(page);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!((found[0].name.as_str(), found[0].value), ("a_total", 3.0));
        assert_eq!((found[0].label("x"), found[0].label("y"), found[0].label("z")), ("1", "q\"u\\o}te", ""));
        assert_eq!(value_of(&found, "b"), Some(1.5));
        assert_eq!(value_of(&found, "broken"), None);
    }

    #[test]
    fn the_admin_port_is_the_one_of_that_name() {
        let pod = |ports: Value| serde_json::json!({"spec": {"containers": [{"name": "proxy"}, {"ports": ports}]}});
        let ports =
            serde_json::json!([{"name": "http", "containerPort": 8080}, {"name": "admin", "containerPort": 9191}]);
        assert_eq!(admin_port(&pod(ports)), 9191);
        assert_eq!(admin_port(&pod(serde_json::json!([]))), 9090);
    }
}
