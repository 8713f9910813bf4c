//! Every flag and environment variable of `jethook run`. The only reader of the environment.

mod traces;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use ipnet::IpNet;

pub use traces::{Sampler, TraceConfig};

use crate::secret::Secret;

/// Flags of `jethook run`.
#[derive(Args, Clone, Debug)]
pub struct RunConfig {
    /// The connection to NATS.
    #[command(flatten)]
    pub nats: NatsConfig,
    /// The default stream.
    #[command(flatten)]
    pub stream: StreamConfig,
    /// The receiver.
    #[command(flatten)]
    pub receiver: ReceiverConfig,
    /// The spool.
    #[command(flatten)]
    pub spool: SpoolConfig,
    /// Where endpoints come from.
    #[command(flatten)]
    pub source: SourceConfig,
    /// What namespaces may claim.
    #[command(flatten)]
    pub policy: PolicyConfig,
    /// Logs.
    #[command(flatten)]
    pub log: LogConfig,
    /// Traces.
    #[command(flatten)]
    pub traces: TraceConfig,
    /// PEM file with CAs to trust, beside the system's, where keys are fetched
    #[arg(long, env = "JETHOOK_KEY_CA_FILE", value_name = "FILE", help_heading = "Operation")]
    pub key_ca_file: Option<PathBuf>,
    /// Admin port: /livez, /readyz, /metrics
    #[arg(long, env = "JETHOOK_ADMIN_LISTEN", default_value = ":9090", value_parser = listen_address, help_heading = "Operation")]
    pub admin_listen: SocketAddr,
}

/// How to reach NATS.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "NATS")]
pub struct NatsConfig {
    /// NATS server, several separated by commas
    #[arg(
        long,
        env = "JETHOOK_NATS_URL",
        hide_env_values = true,
        default_value = "nats://127.0.0.1:4222",
        value_delimiter = ','
    )]
    pub nats_url: Vec<async_nats::ServerAddr>,
    /// Credentials file (JWT and seed), read again at each connect
    #[arg(long, env = "JETHOOK_NATS_CREDS", value_name = "FILE")]
    pub nats_creds: Option<PathBuf>,
    /// File with an nkey seed, read again at each connect
    #[arg(long, env = "JETHOOK_NATS_NKEY", value_name = "FILE", conflicts_with = "nats_creds")]
    pub nats_nkey: Option<PathBuf>,
    /// User name; needs --nats-password
    #[arg(long, env = "JETHOOK_NATS_USER", requires = "nats_password")]
    pub nats_user: Option<String>,
    /// Password of --nats-user; better given as the environment variable
    #[arg(long, env = "JETHOOK_NATS_PASSWORD", hide_env_values = true, requires = "nats_user", value_parser = secret)]
    pub nats_password: Option<Secret>,
    /// Token; better given as the environment variable
    #[arg(long, env = "JETHOOK_NATS_TOKEN", hide_env_values = true, conflicts_with = "nats_user", value_parser = secret)]
    pub nats_token: Option<Secret>,
    /// PEM file with the CAs to trust in place of the system's
    #[arg(long, env = "JETHOOK_NATS_CA", value_name = "FILE")]
    pub nats_ca: Option<PathBuf>,
    /// PEM file with the client certificate; needs --nats-key
    #[arg(long, env = "JETHOOK_NATS_CERT", value_name = "FILE", requires = "nats_key")]
    pub nats_cert: Option<PathBuf>,
    /// PEM file with the client certificate's key
    #[arg(long, env = "JETHOOK_NATS_KEY", value_name = "FILE", requires = "nats_cert")]
    pub nats_key: Option<PathBuf>,
    /// Refuse a connection without TLS (also: a tls:// URL)
    #[arg(long, env = "JETHOOK_NATS_REQUIRE_TLS")]
    pub nats_require_tls: bool,
    /// TLS before the server's INFO, for servers with handshake_first
    #[arg(long, env = "JETHOOK_NATS_TLS_FIRST")]
    pub nats_tls_first: bool,
    /// JetStream domain
    #[arg(long, env = "JETHOOK_JETSTREAM_DOMAIN", value_parser = subject_prefix)]
    pub jetstream_domain: Option<String>,
    /// Prefix of the JetStream API in place of $JS.API
    #[arg(long, env = "JETHOOK_JETSTREAM_API_PREFIX", conflicts_with = "jetstream_domain", value_parser = subject_prefix)]
    pub jetstream_api_prefix: Option<String>,
    /// Prefix of inboxes, for users who may not subscribe to _INBOX
    #[arg(long, env = "JETHOOK_INBOX_PREFIX", default_value = "_INBOX", value_parser = subject_prefix)]
    pub inbox_prefix: String,
}

/// The default stream.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Stream")]
pub struct StreamConfig {
    /// The default stream, created when it is missing
    #[arg(long, env = "JETHOOK_STREAM", default_value = "WEBHOOKS", value_parser = stream_name)]
    pub stream: String,
    /// First tokens of the default subjects; the default stream captures PREFIX.>
    #[arg(long, env = "JETHOOK_PREFIX", default_value = "webhooks", value_parser = subject_prefix)]
    pub prefix: String,
    /// Replicas of the default stream
    #[arg(long, env = "JETHOOK_STREAM_REPLICAS", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=5))]
    pub stream_replicas: u8,
    /// Bytes that the default stream may hold (a quantity; 0: no limit)
    #[arg(long, env = "JETHOOK_STREAM_MAX_BYTES", default_value = "0", value_parser = bytes)]
    pub stream_max_bytes: u64,
    /// Age at which the default stream drops events (0s: never)
    #[arg(long, env = "JETHOOK_STREAM_MAX_AGE", default_value = "168h", value_parser = duration)]
    pub stream_max_age: Duration,
    /// For how long the default stream recognises a repeated delivery; costs about 235 bytes of server memory an id
    #[arg(long, env = "JETHOOK_DUPLICATE_WINDOW", default_value = "2h", value_parser = duration)]
    pub duplicate_window: Duration,
    /// Accept streams that are held in memory
    #[arg(long, env = "JETHOOK_ALLOW_MEMORY_STORAGE")]
    pub allow_memory_storage: bool,
}

/// The receiver.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Receiver")]
pub struct ReceiverConfig {
    /// Receiver port
    #[arg(long, env = "JETHOOK_LISTEN", default_value = ":8080", value_parser = listen_address)]
    pub listen: SocketAddr,
    /// URL under which providers reach the receiver, such as `https://hooks.example.com`
    #[arg(long, env = "JETHOOK_PUBLIC_URL", value_parser = public_url)]
    pub public_url: Option<String>,
    /// Worker threads; absent: one for each CPU of the quota
    #[arg(long, env = "JETHOOK_WORKERS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,
    /// Largest body where an endpoint sets no limit (a quantity)
    #[arg(long, env = "JETHOOK_MAX_BODY_SIZE", default_value = "1Mi", value_parser = bytes)]
    pub max_body_size: u64,
    /// Body bytes held in memory at most, over all requests (a quantity)
    #[arg(long, env = "JETHOOK_MAX_BODY_MEMORY", default_value = "64Mi", value_parser = bytes)]
    pub max_body_memory: u64,
    /// Connections at most; at the cap the one that has waited longest for a complete request makes room
    #[arg(long, env = "JETHOOK_MAX_CONNECTIONS", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,
    /// Publishes in flight at most
    #[arg(long, env = "JETHOOK_MAX_INFLIGHT_PUBLISHES", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_inflight_publishes: u32,
    /// For how long a delivery whose sender is patient waits for NATS to come back
    #[arg(long, env = "JETHOOK_RECONNECT_WAIT", default_value = "9s", value_parser = duration)]
    pub reconnect_wait: Duration,
    /// How many deliveries may wait so at a time
    #[arg(long, env = "JETHOOK_RECONNECT_WAITERS", default_value_t = 256)]
    pub reconnect_waiters: u32,
    /// Time for a request's headers
    #[arg(long, env = "JETHOOK_HEADER_TIMEOUT", default_value = "10s", value_parser = duration)]
    pub header_timeout: Duration,
    /// Time for a whole request
    #[arg(long, env = "JETHOOK_REQUEST_TIMEOUT", default_value = "30s", value_parser = duration)]
    pub request_timeout: Duration,
    /// Bytes per second that a body must keep up, measured over 2 s (a quantity; 0: any)
    #[arg(long, env = "JETHOOK_MIN_BODY_RATE", default_value = "16Ki", value_parser = bytes)]
    pub min_body_rate: u64,
    /// For how long an idle connection is kept
    #[arg(long, env = "JETHOOK_IDLE_TIMEOUT", default_value = "75s", value_parser = duration)]
    pub idle_timeout: Duration,
    /// Largest header block (a quantity)
    #[arg(long, env = "JETHOOK_MAX_HEADER_SIZE", default_value = "32Ki", value_parser = bytes)]
    pub max_header_size: u64,
    /// Longest URI in bytes (a quantity)
    #[arg(long, env = "JETHOOK_MAX_URI_SIZE", default_value = "8Ki", value_parser = bytes)]
    pub max_uri_size: u64,
    /// Refusals (401, 404) per second and client address before they become 429; 0: no limit
    #[arg(long, env = "JETHOOK_REFUSALS_PER_SECOND", default_value_t = 0)]
    pub refusals_per_second: u32,
    /// Proxies whose forwarding headers are believed (CIDRs, separated by commas)
    #[arg(long, env = "JETHOOK_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<IpNet>,
    /// Which forwarding header to read behind trusted proxies
    #[arg(long, env = "JETHOOK_FORWARDED_HEADER", value_enum, default_value_t = ForwardedHeader::XForwardedFor)]
    pub forwarded_header: ForwardedHeader,
    /// Require a PROXY protocol header from trusted proxies
    #[arg(long, env = "JETHOOK_PROXY_PROTOCOL", requires = "trusted_proxies")]
    pub proxy_protocol: bool,
    /// Serve HTTP/2 as well
    #[arg(long, env = "JETHOOK_HTTP2")]
    pub http2: bool,
    /// PEM file with the server certificate; serves TLS, reloads when the file changes
    #[arg(long, env = "JETHOOK_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// PEM file with the server certificate's key
    #[arg(long, env = "JETHOOK_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// PEM file with CAs; clients must then show a certificate of one of them
    #[arg(long, env = "JETHOOK_TLS_CLIENT_CA", value_name = "FILE", requires = "tls_cert")]
    pub tls_client_ca: Option<PathBuf>,
    /// After SIGTERM: for how long to keep serving while load balancers take note
    #[arg(long, env = "JETHOOK_DRAIN_DELAY", default_value = "5s", value_parser = duration)]
    pub drain_delay: Duration,
}

/// The spool: where verified deliveries wait on disk while NATS is away.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Spool")]
pub struct SpoolConfig {
    /// Directory of the spool: while NATS is away, verified deliveries are kept there and answered 200. One replica's own,
    /// on a disk that outlives it; absent: no spool, they are answered 503
    #[arg(long, env = "JETHOOK_SPOOL_DIR", value_name = "DIR")]
    pub spool_dir: Option<PathBuf>,
    /// Bytes of events that the spool may hold (a quantity), half of it for one endpoint; the file may take three times as
    /// much
    #[arg(long, env = "JETHOOK_SPOOL_MAX_BYTES", default_value = "1Gi", value_parser = bytes, requires = "spool_dir")]
    pub spool_max_bytes: u64,
}

/// Which forwarding header is read.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`
    XForwardedFor,
    /// `Forwarded` (RFC 7239)
    Forwarded,
}

/// Where endpoints come from.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Kubernetes")]
pub struct SourceConfig {
    /// Take endpoints and Secrets from YAML files in a directory, without Kubernetes
    #[arg(long, env = "JETHOOK_MANIFESTS", value_name = "DIR")]
    pub manifests: Option<PathBuf>,
    /// Kubeconfig file; absent: $KUBECONFIG, ~/.kube/config or the pod's service account
    #[arg(long, env = "JETHOOK_KUBECONFIG", value_name = "FILE", conflicts_with = "manifests")]
    pub kubeconfig: Option<PathBuf>,
    /// Namespaces to serve, separated by commas; absent: all. Only Roles there are then needed
    #[arg(long, env = "JETHOOK_WATCH_NAMESPACES", value_delimiter = ',')]
    pub watch_namespaces: Vec<String>,
    /// Serve only endpoints with matching labels
    #[arg(long, env = "JETHOOK_ENDPOINT_SELECTOR", value_name = "LABELS", value_parser = label_selector)]
    pub endpoint_selector: Option<String>,
    /// Name of the Lease that tells which replica writes; operators in one namespace need different ones
    #[arg(long, env = "JETHOOK_LEASE_NAME", default_value = "jethook")]
    pub lease_name: String,
    /// Namespace of the Lease; absent: the operator's own, outside a cluster the kubeconfig's
    #[arg(long, env = "JETHOOK_LEASE_NAMESPACE")]
    pub lease_namespace: Option<String>,
    /// Name of the cluster: part of ce-source and of message ids, which then outlive a recreated endpoint
    #[arg(long, env = "JETHOOK_CLUSTER_NAME", value_parser = subject_token)]
    pub cluster_name: Option<String>,
    /// Whether the cluster's own providers (ClusterWebhookProvider) are read, which takes a ClusterRole; absent: yes, unless
    /// --watch-namespaces is given
    #[arg(
        long,
        env = "JETHOOK_CLUSTER_PROVIDERS",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub cluster_providers: Option<bool>,
    /// For how long the last known keys serve after a Secret or a key of it is gone
    #[arg(long, env = "JETHOOK_SECRET_GRACE", default_value = "0s", value_parser = duration)]
    pub secret_grace: Duration,
    /// How Secrets are followed: by a watch, or by reading the named ones every 30 s, which needs the right to get alone
    #[arg(long, env = "JETHOOK_SECRET_ACCESS", value_enum, default_value_t = SecretAccess::Watch)]
    pub secret_access: SecretAccess,
}

impl SourceConfig {
    /// Whether the providers that the cluster defines are read.
    #[must_use]
    pub fn reads_cluster_providers(&self) -> bool {
        self.cluster_providers.unwrap_or(self.watch_namespaces.is_empty())
    }
}

/// How Secrets are followed.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretAccess {
    /// A watch of their metadata; a change is live within a second.
    Watch,
    /// Reading the named ones again and again; a change is live within half a minute.
    Get,
}

/// What namespaces may claim beyond their own.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Policy")]
pub struct PolicyConfig {
    /// Subjects that endpoints may publish to, beside {prefix}.{namespace}.>; repeatable
    #[arg(long, env = "JETHOOK_ALLOW_SUBJECT", value_name = "[NAMESPACE=]TEMPLATE", value_delimiter = ' ')]
    pub allow_subject: Vec<String>,
    /// Paths that endpoints may claim, beside /{namespace}/**; repeatable
    #[arg(long, env = "JETHOOK_ALLOW_PATH", value_name = "[NAMESPACE=]TEMPLATE", value_delimiter = ' ')]
    pub allow_path: Vec<String>,
    /// Streams that endpoints may name, beside the operator's; repeatable
    #[arg(long, env = "JETHOOK_ALLOW_STREAM", value_name = "[NAMESPACE=]TEMPLATE", value_delimiter = ' ')]
    pub allow_stream: Vec<String>,
    /// Hosts that namespaces may name for keys to be fetched from; HOST=CIDR lets it have private addresses; repeatable
    #[arg(long, env = "JETHOOK_ALLOW_KEY_HOST", value_name = "HOST[=CIDR]", value_delimiter = ' ')]
    pub allow_key_host: Vec<String>,
    /// Let endpoints say `verification: {none: {}}`
    #[arg(long, env = "JETHOOK_ALLOW_UNVERIFIED")]
    pub allow_unverified: bool,
}

/// Logs.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Operation")]
pub struct LogConfig {
    /// Form of the log; absent: text on a terminal, JSON elsewhere
    #[arg(long, env = "JETHOOK_LOG_FORMAT", value_enum)]
    pub log_format: Option<LogFormat>,
    /// What to log: a level, or directives such as info,jethook::receiver=debug
    #[arg(long, env = "JETHOOK_LOG", default_value = "info")]
    pub log: String,
}

/// Form of the log.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

fn secret(text: &str) -> Result<Secret, String> {
    if text.is_empty() { Err("is empty".to_owned()) } else { Ok(Secret::from(text)) }
}

/// `:8080` means all addresses.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let full = if text.starts_with(':') { format!("[::]{text}") } else { text.to_owned() };
    full.parse().map_err(|_| "expected ADDRESS:PORT or :PORT".to_owned())
}

fn public_url(text: &str) -> Result<String, String> {
    let uri: http::Uri = text.parse().map_err(|error| format!("{error}"))?;
    match uri.scheme_str() {
        Some("http" | "https") if uri.authority().is_some() && uri.query().is_none() => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("expected http://HOST or https://HOST, without a query".to_owned()),
    }
}

/// A Go duration: `90s`, `1h30m`, `500ms`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let parsed: kube::core::Duration =
        text.parse().map_err(|_| "expected a duration such as 90s, 5m or 2h".to_owned())?;
    if text.starts_with('-') { Err("must not be negative".to_owned()) } else { Ok(parsed.into()) }
}

/// A Kubernetes quantity of bytes: `1Mi`, `64M`, `1048576`.
pub fn bytes(text: &str) -> Result<u64, String> {
    crate::api::quantity_bytes(text)
        .ok_or_else(|| "expected a quantity of bytes such as 512Ki, 1Mi or 1048576".to_owned())
}

fn subject_token(text: &str) -> Result<String, String> {
    let is_token = !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if is_token { Ok(text.to_owned()) } else { Err("expected 1 to 64 letters, digits, - or _".to_owned()) }
}

fn subject_prefix(text: &str) -> Result<String, String> {
    let tokens_ok = text.split('.').all(|token| {
        !token.is_empty() && token.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'$'))
    });
    if tokens_ok {
        Ok(text.to_owned())
    } else {
        Err("expected subject tokens of letters, digits, - or _, joined by dots".to_owned())
    }
}

fn stream_name(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty()
        && text.len() <= 255
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if is_name { Ok(text.to_owned()) } else { Err("expected 1 to 255 letters, digits, - or _".to_owned()) }
}

/// The grammar of `kubectl get -l`: an apiserver would refuse anything else again and again.
fn label_selector(text: &str) -> Result<String, String> {
    let mut depth = 0_usize;
    let requirements = text.split(|c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    for requirement in requirements {
        if !is_label_requirement(requirement.trim()) {
            return Err(format!(
                "{:?} is no requirement on labels, such as key=value, key!=value, key, !key or key in (a, b)",
                requirement.trim()
            ));
        }
    }
    Ok(text.to_owned())
}

fn is_label_requirement(text: &str) -> bool {
    let is_name = |name: &str| {
        let is_edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
        name.len() <= 63
            && is_edge(name.bytes().next())
            && is_edge(name.bytes().last())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let is_key = |key: &str| match key.trim().split_once('/') {
        Some((prefix, name)) => {
            let is_domain = !prefix.is_empty()
                && prefix.len() <= 253
                && prefix.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'));
            is_domain && is_name(name)
        }
        None => is_name(key.trim()),
    };
    let is_value = |value: &str| value.trim().is_empty() || is_name(value.trim());
    if let Some(key) = text.strip_prefix('!') {
        return is_key(key);
    }
    if let Some(set) = text.strip_suffix(')') {
        let Some((key, values)) = set.split_once('(') else { return false };
        let Some((key, operator)) = key.trim().rsplit_once(char::is_whitespace) else { return false };
        return matches!(operator, "in" | "notin") && is_key(key) && values.split(',').all(is_value);
    }
    for operator in ["!=", "==", "="] {
        if let Some((key, value)) = text.split_once(operator) {
            return is_key(key) && is_value(value);
        }
    }
    for operator in ['>', '<'] {
        if let Some((key, value)) = text.split_once(operator) {
            return is_key(key) && value.trim().parse::<i64>().is_ok();
        }
    }
    is_key(text)
}

/// The value of `NO_PROXY`, or of `no_proxy`: which hosts are reached without the proxy of the environment.
#[must_use]
pub fn no_proxy() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    let value = std::env::var("NO_PROXY").or_else(|_| std::env::var("no_proxy"));
    value.ok()
}

/// The value of `HTTPS_PROXY`, or of `https_proxy`.
#[must_use]
pub fn https_proxy() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    let value = std::env::var("HTTPS_PROXY").or_else(|_| std::env::var("https_proxy"));
    value.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_selector_is_checked_before_an_apiserver_sees_it() {
        for text in
            ["a=b", "a==b,c!=d", "a, !b", "app.kubernetes.io/name in (x, y),tier notin (),n>3", "a=", "shard in (a,b)"]
        {
            assert_eq!(label_selector(text).as_deref(), Ok(text));
        }
        for text in
            ["", "a=b,", "a in b", "a in (b", "a b", "=b", "a=b c", "-a=b", "a/b/c=d", "UP/a=b", "n>x", "!", "ä=b"]
        {
            let error = label_selector(text).unwrap_err();
            assert!(error.contains("is no requirement on labels"), "{text}: {error}");
        }
    }
}
