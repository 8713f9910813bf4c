//! Connecting to NATS: credentials that are read again at each connect, quick reconnects, and a state that can be watched.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::client::Statistics;
use async_nats::connection::State;
use async_nats::jetstream::{self, ContextBuilder};
use async_nats::{AuthError, Client, ConnectOptions, Event, ServerAddr, ServerError};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

use super::credential::{self, ConfigError, fault};
use super::denials::Denials;
use crate::config::NatsConfig;

/// A frozen server is told as gone after about three of these.
const PING_EVERY: Duration = Duration::from_secs(1);
/// Longest pause between two tries to reconnect.
const RECONNECT_MAX: Duration = Duration::from_millis(250);
/// Commands that may wait in the client: what is queued while away is sent after the reconnect.
const COMMANDS_MAX: usize = 512;
/// Events of the client may be dropped, so its state is looked at this often as well.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// An event may come a moment before the state that it tells of.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// A connect that goes on failing for the same reason is told this often.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// For a request to the `JetStream` API.
const REQUEST_MAX: Duration = Duration::from_secs(4);

/// A connection with its state.
#[derive(Clone, Debug)]
pub(super) struct Link {
    /// The client.
    pub(super) client: Client,
    /// How often it was connected so far, and whether it is now.
    pub(super) state: watch::Receiver<LinkState>,
    statistics: Arc<Statistics>,
}

/// Whether a link is up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LinkState {
    /// It is.
    pub(super) is_up: bool,
    /// How often it came up.
    pub(super) times_up: u64,
}

impl Link {
    /// Whether the connection is up at this moment; nothing may be sent while it is not, since the client would queue it.
    pub(super) fn is_up(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// The number of the connection now, or of the last one.
    pub(super) fn number(&self) -> u64 {
        self.statistics.connects.load(Ordering::Relaxed)
    }
}

/// Whether a connection tells of its troubles in the log. One of a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    /// It does.
    Aloud,
    /// Another one does.
    Silent,
}

/// Opens a connection; returns at once and goes on trying for ever. `denials` hears of subjects that the server refuses.
///
/// # Errors
/// A flag whose file can't be used, or addresses that can't be.
pub(super) async fn open(config: &NatsConfig, denials: Arc<Denials>, voice: Voice) -> Result<Link, ConfigError> {
    credential::check(config)?;
    let (state, watcher) = watch::channel(LinkState::default());
    let ear = Arc::new(Ear::new(config, denials, voice));
    let hearing = Arc::clone(&ear);
    let options = options(config, Some(Arc::clone(&ear))).retry_on_initial_connect().event_callback(move |event| {
        hearing.hear(event, Instant::now());
        std::future::ready(())
    });
    let client = options
        .connect(config.nats_url.as_slice())
        .await
        .map_err(|error| fault("--nats-url", Path::new(&shown(&config.nats_url)), &error))?;
    let link = Link { statistics: client.statistics(), client, state: watcher };
    tokio::spawn(follow(link.clone(), ear, state));
    Ok(link)
}

/// Connects for a command that is done soon: fails when no server answers.
///
/// # Errors
/// What the flag, or the server, has against it.
pub async fn open_once(config: &NatsConfig) -> Result<Client, String> {
    credential::check(config).map_err(|error| error.to_string())?;
    let connecting = options(config, None).connect(config.nats_url.as_slice()).await;
    connecting.map_err(|error| format!("--nats-url {}: {error}", shown(&config.nats_url)))
}

/// The `JetStream` context of a connection, in its domain or under its API prefix.
#[must_use]
pub fn jetstream(client: Client, config: &NatsConfig) -> jetstream::Context {
    match (&config.jetstream_domain, &config.jetstream_api_prefix) {
        (Some(domain), _) => ContextBuilder::new().domain(domain).timeout(REQUEST_MAX).build(client),
        (None, Some(prefix)) => ContextBuilder::new().api_prefix(prefix).timeout(REQUEST_MAX).build(client),
        (None, None) => ContextBuilder::new().timeout(REQUEST_MAX).build(client),
    }
}

/// What the subjects of the `JetStream` API begin with.
pub(super) fn api_prefix(config: &NatsConfig) -> String {
    match (&config.jetstream_domain, &config.jetstream_api_prefix) {
        (Some(domain), _) => format!("$JS.{domain}.API."),
        (None, Some(prefix)) => format!("{prefix}."),
        (None, None) => "$JS.API.".to_owned(),
    }
}

/// The servers, without what a URL may hold of credentials.
fn shown(servers: &[ServerAddr]) -> String {
    servers.iter().map(|server| format!("{}:{}", server.host(), server.port())).collect::<Vec<_>>().join(",")
}

fn options(config: &NatsConfig, ear: Option<Arc<Ear>>) -> ConnectOptions {
    let config = Arc::new(config.clone());
    let again = Arc::clone(&config);
    let mut options = ConnectOptions::with_auth_callback(move |nonce| {
        let auth = credential::authenticate(&again, &nonce).map_err(|error| {
            if let Some(ear) = &ear {
                ear.tell(&error, Instant::now());
            }
            AuthError::new(error)
        });
        std::future::ready(auth)
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

/// Keeps the state that is watched to what the client knows, and leaves a server that is about to go.
async fn follow(Link { client, statistics, .. }: Link, ear: Arc<Ear>, state: watch::Sender<LinkState>) {
    let mut look_after = LOOK_EVERY;
    while !state.is_closed() {
        tokio::select! {
            stirred = timeout(look_after, ear.stirred.notified()) => {
                look_after = if stirred.is_ok() { LOOK_AGAIN } else { LOOK_EVERY };
            }
            () = ear.leaving.notified() => leave(&client, ear.voice).await,
        }
        let now = LinkState {
            is_up: client.connection_state() == State::Connected,
            times_up: statistics.connects.load(Ordering::Relaxed),
        };
        state.send_if_modified(|state| std::mem::replace(state, now) != now);
    }
}

/// Better to leave a server now than when it closes the connection; where there is no other, it serves to its end.
async fn leave(client: &Client, voice: Voice) {
    let servers = timeout(LOOK_EVERY, client.server_pool()).await.ok().and_then(Result::ok).unwrap_or_default();
    if servers.len() > 1 {
        if voice == Voice::Aloud {
            tracing::info!("the NATS server is going away; connecting to another");
        }
        // An error means that the client is at its end.
        let _ = client.force_reconnect().await;
    }
}

/// Hears the events of a client.
#[derive(Debug)]
struct Ear {
    voice: Voice,
    /// Where it connects to, for the log.
    servers: String,
    is_tls_required: bool,
    denials: Arc<Denials>,
    /// The last trouble that was told, and when.
    told: Mutex<Option<(String, Instant)>>,
    stirred: Notify,
    leaving: Notify,
}

impl Ear {
    fn new(config: &NatsConfig, denials: Arc<Denials>, voice: Voice) -> Self {
        let is_tls_required =
            config.nats_require_tls || config.nats_tls_first || config.nats_url.iter().any(ServerAddr::tls_required);
        Self {
            voice,
            servers: shown(&config.nats_url),
            is_tls_required,
            denials,
            told: Mutex::default(),
            stirred: Notify::new(),
            leaving: Notify::new(),
        }
    }

    fn hear(&self, event: Event, now: Instant) {
        match event {
            Event::Connected => {
                *self.told() = None;
                self.stirred.notify_one();
            }
            Event::Disconnected | Event::Closed => self.stirred.notify_one(),
            Event::LameDuckMode => self.leaving.notify_one(),
            Event::ServerError(ServerError::Other(message)) => match denied_subject(&message) {
                Some(subject) => self.denials.add(subject, now),
                None => self.tell(&message, now),
            },
            Event::ServerError(error) => self.tell(&error.to_string(), now),
            Event::SlowConsumer(_) => tracing::warn!("acks come faster than they are taken"),
            Event::ClientError(error) => self.tell(&error.to_string(), now),
            Event::Draining => {}
        }
    }

    /// Says a trouble once, and again from time to time: a client that can't connect tries several times a second.
    fn tell(&self, trouble: &str, now: Instant) {
        let mut told = self.told();
        let is_old =
            told.as_ref().is_some_and(|(last, at)| last == trouble && now.saturating_duration_since(*at) < TELL_EVERY);
        if !is_old && self.voice == Voice::Aloud {
            // The client does not say what went wrong beyond that.
            let tls = if self.is_tls_required { "required: a server without is refused" } else { "as the server asks" };
            tracing::warn!(
                error = trouble,
                servers = self.servers,
                tls,
                "NATS can't be used; trying again until it can"
            );
            *told = Some((trouble.to_owned(), now));
        }
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Option<(String, Instant)>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The subject of `Permissions Violation for Publish to "subject"`.
fn denied_subject(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("ermissions Violation for Publish to \"")?;
    rest.split('"').next()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        nats: NatsConfig,
    }

    #[test]
    fn pauses_stay_within_250_ms() {
        for attempts in (0..40).chain([usize::MAX]) {
            assert!(pause(attempts) <= RECONNECT_MAX, "{attempts}");
        }
        assert!(pause(20) >= RECONNECT_MAX / 2);
    }

    #[test]
    fn a_denied_subject_is_read_from_the_servers_words() {
        assert_eq!(denied_subject("Permissions Violation for Publish to \"a.b\""), Some("a.b"));
        assert_eq!(denied_subject("permissions Violation for Publish to \"a.b\" using queue"), Some("a.b"));
        assert_eq!(denied_subject("Permissions Violation for Subscription to \"a.b\""), None);
    }

    #[test]
    fn servers_are_shown_without_credentials() {
        let servers = ["nats://user:hunter2@a:4222", "tls://b"].map(|url| url.parse().unwrap());
        assert_eq!(shown(&servers), "a:4222,b:4222");
    }

    #[test]
    fn the_same_trouble_is_told_once_a_minute() {
        let ear = Ear::new(&Flags::parse_from(["test"]).nats, Arc::default(), Voice::Aloud);
        let start = Instant::now();
        let told_at = |trouble: &str, after: u64| {
            ear.tell(trouble, start + Duration::from_secs(after));
            ear.told().clone().map(|(what, at)| (what, at.duration_since(start).as_secs()))
        };
        assert_eq!(told_at("refused", 0), Some(("refused".to_owned(), 0)));
        assert_eq!(told_at("refused", 59), Some(("refused".to_owned(), 0)));
        assert_eq!(told_at("refused", 60), Some(("refused".to_owned(), 60)));
        assert_eq!(told_at("timed out", 61), Some(("timed out".to_owned(), 61)));
        ear.hear(Event::Connected, start);
        assert_eq!(*ear.told(), None);
    }
}
