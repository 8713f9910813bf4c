//! The connection to an apiserver, shared by all that talk to it.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use http::header::{HeaderValue, USER_AGENT};
use http::uri::Uri;
use ipnet::IpNet;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

use crate::cause::chain;
use crate::config::SourceConfig;

/// How long one call may take.
pub const CALL_MAX: Duration = Duration::from_secs(5);
/// The server ends each watch after so many seconds, so that a connection which died silently is noticed.
pub(super) const WATCH_SECONDS: u32 = 30;
const CONNECT_MAX: Duration = Duration::from_secs(5);
const WRITE_MAX: Duration = Duration::from_secs(10);
/// Longer than a watch without events.
pub(super) const READ_MAX: Duration = Duration::from_secs(WATCH_SECONDS as u64 + 10);

/// A cluster to work in.
#[derive(Clone)]
pub struct Cluster {
    /// The client; each call has a deadline of its own, none is tried again by the client itself.
    pub client: Client,
    /// The namespace of the Lease: the flag's, else the operator's own, else that of the kubeconfig's context.
    pub lease_namespace: String,
}

/// Why there is no way to an apiserver: a fault of configuration, no outage.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A kubeconfig can't be used.
    #[error("{origin}: {reason}")]
    Kubeconfig {
        /// The flag, variable or file.
        origin: String,
        /// Why.
        reason: String,
    },
    /// There is neither a kubeconfig nor a pod's service account.
    #[error(
        "no cluster: there is no kubeconfig, and this is no pod ({reason}); give --kubeconfig FILE, or --manifests DIR to \
         run without Kubernetes"
    )]
    NoCluster {
        /// Why this is no pod.
        reason: String,
    },
    /// A client can't be made of it.
    #[error("the cluster {url} can't be used: {reason}")]
    Client {
        /// The cluster.
        url: String,
        /// Why.
        reason: String,
    },
}

/// Makes a client for `--kubeconfig`, else `$KUBECONFIG`, else `~/.kube/config`, else the pod's service account.
/// `no_proxy` is the variable of that name. Nothing is sent yet.
///
/// # Errors
/// One line that names the flag, variable or file at fault.
pub async fn connect(source: &SourceConfig, no_proxy: Option<&str>) -> Result<Cluster, ConnectError> {
    let mut cluster = connect_with(source.kubeconfig.as_deref(), no_proxy).await?;
    if let Some(namespace) = &source.lease_namespace {
        namespace.clone_into(&mut cluster.lease_namespace);
    }
    Ok(cluster)
}

/// The same by the kubeconfig alone.
///
/// # Errors
/// One line that names the flag, variable or file at fault.
pub async fn connect_with(kubeconfig: Option<&Path>, no_proxy: Option<&str>) -> Result<Cluster, ConnectError> {
    let mut config = read_config(kubeconfig).await?;
    let lease_namespace = config.default_namespace.clone();
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_MAX);
    config.read_timeout = Some(READ_MAX);
    config.reset_reader_on_write = true;
    config.write_timeout = Some(WRITE_MAX);
    config.headers.push((USER_AGENT, HeaderValue::from_static(concat!("jethook/", env!("CARGO_PKG_VERSION")))));
    if no_proxy.is_some_and(|list| is_exempt(list, &config.cluster_url)) {
        config.proxy_url = None;
    }
    let url = config.cluster_url.to_string();
    let client = Client::try_from(config).map_err(|error| ConnectError::Client { url, reason: chain(&error) })?;
    Ok(Cluster { client, lease_namespace })
}

async fn read_config(flag: Option<&Path>) -> Result<Config, ConnectError> {
    let (origin, kubeconfig) = match flag {
        Some(path) => (format!("--kubeconfig {}", path.display()), Some(Kubeconfig::read_from(path))),
        None => match Kubeconfig::from_env() {
            Ok(Some(kubeconfig)) => ("$KUBECONFIG".to_owned(), Some(Ok(kubeconfig))),
            Err(error) => ("$KUBECONFIG".to_owned(), Some(Err(error))),
            Ok(None) => ("~/.kube/config".to_owned(), home_kubeconfig()),
        },
    };
    let Some(kubeconfig) = kubeconfig else {
        return Config::incluster().map_err(|error| ConnectError::NoCluster { reason: chain(&error) });
    };
    let fault = |error: KubeconfigError| {
        let reason = match &error {
            KubeconfigError::ReadConfig(source, path) if flag == Some(path) => format!("can't be read: {source}"),
            KubeconfigError::ReadConfig(source, path) => format!("{} can't be read: {source}", path.display()),
            other => chain(other),
        };
        ConnectError::Kubeconfig { origin: origin.clone(), reason }
    };
    let kubeconfig = kubeconfig.map_err(fault)?;
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.map_err(fault)
}

/// `None` where the file does not exist: this is then a pod.
fn home_kubeconfig() -> Option<Result<Kubeconfig, KubeconfigError>> {
    match Kubeconfig::read() {
        Err(KubeconfigError::FindPath) => None,
        Err(KubeconfigError::ReadConfig(error, _)) if error.kind() == std::io::ErrorKind::NotFound => None,
        other => Some(other),
    }
}

/// Whether `NO_PROXY` exempts the cluster, by the rules that curl and Go share: `*`, an address, a CIDR, a host with its
/// subdomains, `.host` for the subdomains alone, each with an optional port.
fn is_exempt(no_proxy: &str, cluster: &Uri) -> bool {
    let host = cluster.host().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
    let port = cluster.port_u16().unwrap_or(if cluster.scheme_str() == Some("http") { 80 } else { 443 });
    let address: Option<IpAddr> = host.parse().ok();
    no_proxy.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        if entry == "*" {
            return true;
        }
        if let Some(address) = address {
            return entry.parse::<IpNet>().is_ok_and(|net| net.contains(&address))
                || bare(entry, port).is_some_and(|entry| entry.parse() == Ok(address));
        }
        let Some(entry) = bare(entry, port).map(str::to_ascii_lowercase) else { return false };
        let entry = entry.trim_start_matches('*');
        match entry.strip_prefix('.') {
            Some(parent) => host.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.')),
            None => host.strip_suffix(entry).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
        }
    })
}

/// An entry without its port, where it has none or this one.
fn bare(entry: &str, port: u16) -> Option<&str> {
    let inner = entry.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (host, given) = match inner {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None if entry.matches(':').count() == 1 => entry.split_once(':').map_or((entry, None), |(h, p)| (h, Some(p))),
        None => (entry, None),
    };
    given.is_none_or(|given| given.parse() == Ok(port)).then_some(host)
}

/// Why a call brought nothing. Holds words of the apiserver and of the transport, never a body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No answer in time.
    #[error("no answer within {0:?}")]
    Deadline(Duration),
    /// The apiserver said no.
    #[error("{message} (code {code})")]
    Refused {
        /// HTTP status code.
        code: u16,
        /// The apiserver's CamelCase reason.
        reason: String,
        /// The apiserver's sentence.
        message: String,
        /// Whether a field belongs to another manager.
        is_contested: bool,
    },
    /// There was no usable answer.
    #[error("{0}")]
    Unreachable(String),
}

impl CallError {
    /// The HTTP status code; 0 where there was no answer.
    pub(super) fn code(&self) -> u16 {
        match self {
            Self::Refused { code, .. } => *code,
            Self::Deadline(_) | Self::Unreachable(_) => 0,
        }
    }
}

impl From<kube::core::Status> for CallError {
    fn from(status: kube::core::Status) -> Self {
        let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
        let is_contested = causes.iter().any(|cause| cause.reason == "FieldManagerConflict");
        Self::Refused { code: status.code, reason: status.reason, message: status.message, is_contested }
    }
}

impl From<kube::Error> for CallError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::from(*status),
            // The parser quotes what it found, which may be anything.
            kube::Error::SerdeError(_) => Self::Unreachable("the answer does not parse".to_owned()),
            other => Self::Unreachable(chain(&other)),
        }
    }
}

/// A call with a deadline.
pub async fn within<T>(deadline: Duration, call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, CallError> {
    match tokio::time::timeout(deadline, call).await {
        Ok(done) => done.map_err(CallError::from),
        Err(_) => Err(CallError::Deadline(deadline)),
    }
}

/// At most so many bytes, whole characters only.
pub(super) fn cut(text: &str, bytes_max: usize) -> &str {
    let end = (0..=bytes_max.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    text.get(..end).unwrap_or_default()
}

/// Growing waits: doubled from `first` up to `last`, with up to a tenth more so that replicas don't march in step.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    first: Duration,
    last: Duration,
    tries: u32,
}

impl Backoff {
    pub(super) const fn new(first: Duration, last: Duration) -> Self {
        Self { first, last, tries: 0 }
    }

    /// For what must be noticed within a second or two of the apiserver's return.
    pub(super) const fn quick() -> Self {
        Self::new(Duration::from_millis(100), Duration::from_millis(1600))
    }

    pub(super) fn wait(&mut self) -> Duration {
        let wait = self.first.saturating_mul(2_u32.saturating_pow(self.tries)).min(self.last);
        self.tries = self.tries.saturating_add(1);
        wait.mul_f64(1.0 + fastrand::f64() / 10.0)
    }

    pub(super) fn reset(&mut self) {
        self.tries = 0;
    }
}

/// What a rule of [`RIGHTS`] holds for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RightScope {
    /// The namespaces that the operator serves.
    Served,
    /// The namespace of the Lease.
    Lease,
    /// The cluster, where its own providers are read (`--cluster-providers`).
    Cluster,
}

/// One RBAC rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// Where.
    pub scope: RightScope,
    /// API group.
    pub group: &'static str,
    /// Resource, with its subresource.
    pub resource: &'static str,
    /// Verbs.
    pub verbs: &'static [&'static str],
}

/// All that the operator may do in a cluster. With `--secret-access get`, `get` alone does for secrets.
pub const RIGHTS: &[Right] = &[
    Right {
        scope: RightScope::Served,
        group: "jethook.dev",
        resource: "webhookendpoints",
        verbs: &["get", "list", "watch"],
    },
    Right { scope: RightScope::Served, group: "jethook.dev", resource: "webhookendpoints/status", verbs: &["patch"] },
    Right {
        scope: RightScope::Cluster,
        group: "jethook.dev",
        resource: "clusterwebhookproviders",
        verbs: &["list", "watch"],
    },
    Right { scope: RightScope::Served, group: "", resource: "secrets", verbs: &["get", "list", "watch"] },
    Right { scope: RightScope::Served, group: "events.k8s.io", resource: "events", verbs: &["create"] },
    Right {
        scope: RightScope::Lease,
        group: "coordination.k8s.io",
        resource: "leases",
        verbs: &["get", "create", "update"],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_exempts_the_cluster_by_its_own_host() {
        let check = |list: &str, url: &str, expected: bool| {
            assert_eq!(is_exempt(list, &url.parse().unwrap()), expected, "{list} {url}");
        };
        check("*", "https://k8s.example.com:6443", true);
        check("localhost, 127.0.0.1", "https://127.0.0.1:6443", true);
        check("127.0.0.1:6443", "https://127.0.0.1:6443", true);
        check("127.0.0.1:443", "https://127.0.0.1:6443", false);
        check("10.0.0.0/8", "https://10.1.2.3", true);
        check("10.0.0.0/8", "https://11.1.2.3", false);
        check("::1,[::2]:6443", "https://[::1]:6443", true);
        check("::1,[::2]:6443", "https://[::2]:6443", true);
        check("example.com", "https://k8s.example.com", true);
        check("example.com", "https://example.com", true);
        check("example.com", "https://badexample.com", false);
        check(".example.com", "https://example.com", false);
        check("*.Example.com", "https://k8s.example.COM", true);
        check("example.com:443", "https://k8s.example.com", true);
        check("example.com:80", "https://k8s.example.com", false);
        check(" ,, ", "https://k8s.example.com", false);
    }

    #[test]
    fn waits_grow_to_their_cap_and_start_anew() {
        let mut backoff = Backoff::quick();
        let waits: Vec<_> = (0..7).map(|_| backoff.wait().as_millis()).collect();
        for (wait, least) in waits.iter().zip([100, 200, 400, 800, 1600, 1600, 1600]) {
            assert!((least..=least + least / 10).contains(wait), "{waits:?}");
        }
        backoff.reset();
        assert!(backoff.wait().as_millis() <= 110);
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(cut("aäb", 2), "a");
        assert_eq!(cut("aäb", 3), "aä");
        assert_eq!(cut("aäb", 9), "aäb");
    }

    #[tokio::test]
    async fn a_kubeconfig_that_is_not_there_is_one_clear_line() {
        let source = source(&["--kubeconfig", "/nowhere/config"]);
        let error = connect(&source, None).await.map(|_| ()).unwrap_err().to_string();
        assert_eq!(error, "--kubeconfig /nowhere/config: can't be read: No such file or directory (os error 2)");
    }

    #[tokio::test]
    async fn a_kubeconfig_without_a_context_is_refused() {
        let file = std::env::temp_dir().join(format!("jethook-kubeconfig-{}", uuid::Uuid::new_v4()));
        std::fs::write(&file, "apiVersion: v1\nkind: Config\n").unwrap();
        let source = source(&["--kubeconfig", file.to_str().unwrap()]);
        let error = connect(&source, None).await.map(|_| ()).unwrap_err().to_string();
        std::fs::remove_file(&file).unwrap();
        assert!(error.starts_with("--kubeconfig /") && error.contains("context"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }

    fn source(arguments: &[&str]) -> SourceConfig {
        use clap::Parser;

        #[derive(clap::Parser)]
        struct Arguments {
            #[command(flatten)]
            source: SourceConfig,
        }
        Arguments::parse_from(std::iter::once(&"jethook").chain(arguments)).source
    }
}
