//! Connecting to NATS: credentials that are read again at each connect, quick reconnects, and a state that can be watched.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::ContextBuilder;
use async_nats::{Auth, AuthError, Client, ConnectOptions, Event, ServerAddr, ServerError, jetstream};
use tokio::sync::{mpsc, watch};

use super::denials::Denials;
use crate::config::NatsConfig;

/// A frozen server is told as gone after about three of these.
const PING_EVERY: Duration = Duration::from_secs(1);
/// Longest pause between two tries to reconnect.
const RECONNECT_MAX: Duration = Duration::from_millis(250);
/// Commands that may wait in the client: what is queued while away is sent after the reconnect.
const COMMANDS_MAX: usize = 512;

/// A flag, or a file that it names, can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{flag} {}: {reason}", path.display())]
pub struct ConfigError {
    /// The flag.
    pub flag: &'static str,
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// A connection with its state.
#[derive(Clone, Debug)]
pub struct Link {
    /// The client.
    pub client: Client,
    /// How often it was connected so far, and whether it is now.
    pub state: watch::Receiver<LinkState>,
}

/// Whether a link is up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkState {
    /// It is.
    pub is_up: bool,
    /// How often it came up.
    pub times_up: u64,
}

/// Checks the files that the configuration names, so that a typo is told at once and not as an outage.
///
/// # Errors
/// The first flag whose file can't be used.
pub fn check(config: &NatsConfig) -> Result<(), ConfigError> {
    if let Some(path) = &config.nats_creds {
        let text = read("--nats-creds", path)?;
        ConnectOptions::with_credentials(&text).map_err(|error| fault("--nats-creds", path, error))?;
    }
    if let Some(path) = &config.nats_nkey {
        let text = read("--nats-nkey", path)?;
        nkeys::KeyPair::from_seed(text.trim()).map_err(|error| fault("--nats-nkey", path, error))?;
    }
    for (flag, path) in
        [("--nats-ca", &config.nats_ca), ("--nats-cert", &config.nats_cert), ("--nats-key", &config.nats_key)]
    {
        if let Some(path) = path
            && !read(flag, path)?.contains("-----BEGIN ")
        {
            return Err(fault(flag, path, "holds no PEM block"));
        }
    }
    Ok(())
}

fn read(flag: &'static str, path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|error| fault(flag, path, error))
}

fn fault(flag: &'static str, path: &Path, reason: impl ToString) -> ConfigError {
    ConfigError { flag, path: path.to_owned(), reason: reason.to_string() }
}

/// What is heard of a connection.
#[derive(Debug)]
struct Hooks {
    state: watch::Sender<LinkState>,
    lame_duck: mpsc::Sender<()>,
    denials: Arc<Denials>,
}

/// Opens a connection; returns at once and goes on trying for ever. `denials` hears of subjects that the server refuses.
///
/// # Errors
/// A flag whose file can't be used, or addresses that can't be.
pub async fn open(config: &NatsConfig, denials: Arc<Denials>) -> Result<Link, ConfigError> {
    check(config)?;
    let (state, watcher) = watch::channel(LinkState::default());
    let (lame_duck, mut lame_ducks) = mpsc::channel(1);
    let hooks = Hooks { state, lame_duck, denials };
    let options = options(config).retry_on_initial_connect().event_callback(move |event| {
        hooks.hear(event);
        std::future::ready(())
    });
    let client = options
        .connect(config.nats_url.as_slice())
        .await
        .map_err(|error| fault("--nats-url", Path::new(&shown(&config.nats_url)), error))?;
    let moving = client.clone();
    tokio::spawn(async move {
        // A server that is about to go says so: better to leave it now than when it closes the connection.
        while lame_ducks.recv().await.is_some() {
            tracing::info!("the NATS server is going away; connecting to another");
            if moving.force_reconnect().await.is_err() {
                break;
            }
        }
    });
    Ok(Link { client, state: watcher })
}

/// Connects for a command that is done soon: fails when no server answers.
///
/// # Errors
/// What the flag, or the server, has against it.
pub async fn open_once(config: &NatsConfig) -> Result<Client, String> {
    check(config).map_err(|error| error.to_string())?;
    let connecting = options(config).connect(config.nats_url.as_slice()).await;
    connecting.map_err(|error| format!("--nats-url {}: {error}", shown(&config.nats_url)))
}

/// The `JetStream` context of a connection, in its domain or under its API prefix.
#[must_use]
pub fn jetstream(client: Client, config: &NatsConfig) -> jetstream::Context {
    let timeout = Duration::from_secs(4);
    match (&config.jetstream_domain, &config.jetstream_api_prefix) {
        (Some(domain), _) => ContextBuilder::new().domain(domain).timeout(timeout).build(client),
        (None, Some(prefix)) => ContextBuilder::new().api_prefix(prefix).timeout(timeout).build(client),
        (None, None) => ContextBuilder::new().timeout(timeout).build(client),
    }
}

/// The servers, without what a URL may hold of credentials.
fn shown(servers: &[ServerAddr]) -> String {
    servers.iter().map(|server| format!("{}:{}", server.host(), server.port())).collect::<Vec<_>>().join(",")
}

fn options(config: &NatsConfig) -> ConnectOptions {
    let files = Arc::new(config.clone());
    let mut options = ConnectOptions::with_auth_callback(move |nonce| {
        let files = Arc::clone(&files);
        async move { authenticate(&files, &nonce).map_err(AuthError::new) }
    });
    if let Some(ca) = &config.nats_ca {
        options = options.add_root_certificates(ca.clone());
    }
    if let (Some(cert), Some(key)) = (&config.nats_cert, &config.nats_key) {
        options = options.add_client_certificate(cert.clone(), key.clone());
    }
    if config.nats_require_tls {
        options = options.require_tls(true);
    }
    if config.nats_tls_first {
        options = options.tls_first();
    }
    options
        .name(concat!("jethook/", env!("CARGO_PKG_VERSION")))
        .custom_inbox_prefix(&config.inbox_prefix)
        .ping_interval(PING_EVERY)
        .connection_timeout(Duration::from_secs(3))
        .client_capacity(COMMANDS_MAX)
        .max_reconnects(None)
        .reconnect_delay_callback(pause)
}

/// Up to 250 ms, never the same twice, so that replicas do not come back in step.
fn pause(attempts: usize) -> Duration {
    let most = RECONNECT_MAX.min(Duration::from_millis(20) * u32::try_from(attempts.min(20)).unwrap_or(20));
    most.mul_f64(0.5 + fastrand::f64() / 2.0)
}

/// Runs at each connect and reads the files again: rotated credentials need no restart.
fn authenticate(config: &NatsConfig, nonce: &[u8]) -> Result<Auth, String> {
    let mut auth = Auth::new();
    if let Some(path) = &config.nats_creds {
        let text = fs::read_to_string(path).map_err(|error| format!("--nats-creds {}: {error}", path.display()))?;
        let jwt = block(&text, "NATS USER JWT").ok_or("the credentials file holds no user JWT")?;
        let seed = block(&text, "USER NKEY SEED").ok_or("the credentials file holds no seed")?;
        auth.signature = Some(sign(&seed, nonce)?.1);
        auth.jwt = Some(jwt);
    } else if let Some(path) = &config.nats_nkey {
        let text = fs::read_to_string(path).map_err(|error| format!("--nats-nkey {}: {error}", path.display()))?;
        let (public, signature) = sign(text.trim(), nonce)?;
        auth.nkey = Some(public);
        auth.signature = Some(signature);
    }
    let text = |secret: &crate::secret::Secret| String::from_utf8_lossy(secret.expose()).into_owned();
    auth.username.clone_from(&config.nats_user);
    auth.password = config.nats_password.as_ref().map(text);
    auth.token = config.nats_token.as_ref().map(text);
    Ok(auth)
}

fn sign(seed: &str, nonce: &[u8]) -> Result<(String, Vec<u8>), String> {
    let pair = nkeys::KeyPair::from_seed(seed).map_err(|error| error.to_string())?;
    let signature = pair.sign(nonce).map_err(|error| error.to_string())?;
    Ok((pair.public_key(), signature))
}

/// The text between the marks of a credentials file.
fn block(text: &str, title: &str) -> Option<String> {
    let begin = format!("BEGIN {title}");
    let mut lines = text.lines().skip_while(|line| !line.contains(&begin)).skip(1);
    lines.find(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned())
}

impl Hooks {
    fn hear(&self, event: Event) {
        match event {
            Event::Connected => self.state.send_modify(|state| {
                state.is_up = true;
                state.times_up += 1;
            }),
            Event::Disconnected | Event::Closed => self.state.send_modify(|state| state.is_up = false),
            // Full means that it is on its way already.
            Event::LameDuckMode => drop(self.lame_duck.try_send(())),
            Event::ServerError(ServerError::AuthorizationViolation) => {
                tracing::warn!("the NATS server refuses the operator's credentials");
            }
            Event::ServerError(ServerError::Other(message)) => match denied_subject(&message) {
                Some(subject) => self.denials.add(subject),
                None => tracing::warn!(%message, "the NATS server reports a fault"),
            },
            Event::ServerError(ServerError::SlowConsumer(_)) | Event::SlowConsumer(_) => {
                tracing::warn!("acks come faster than they are taken");
            }
            Event::ClientError(error) => tracing::debug!(%error, "NATS"),
            Event::Draining => {}
        }
    }
}

/// The subject of `Permissions Violation for Publish to "subject"`.
fn denied_subject(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("ermissions Violation for Publish to \"")?;
    rest.split('"').next()
}
