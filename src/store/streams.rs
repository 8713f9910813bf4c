//! What the operator knows of NATS and its streams: one connection reads them, and makes the default one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::context::{CreateStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, PersistenceMode, RetentionPolicy, StorageType};
use async_nats::jetstream::{Context, ErrorCode};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::connect::{self, ConfigError, Link};
use super::denials::Denials;
use crate::config::{NatsConfig, StreamConfig};
use crate::metrics::Metrics;
use crate::route::is_within;
use crate::stream::{Connection, Discard, Retention, Storage, StreamFacts, StreamState, View, Wanted};

/// A stream that is well is read so often.
const READ_EVERY: Duration = Duration::from_secs(60);
/// One that is missing is looked for sooner, then more and more rarely.
const LOOK_FIRST: Duration = Duration::from_secs(1);
/// The mark of a stream that this operator made, in the stream's metadata.
const OWNER: &str = "jethook.dev/owner";

/// Reads the streams that routes name.
#[derive(Debug)]
pub struct Streams {
    link: Link,
    context: Context,
    default: StreamConfig,
    owner: String,
    denials: Arc<Denials>,
    metrics: Arc<Metrics>,
    view: View,
    reads: BTreeMap<String, Read>,
}

/// When a stream is read next.
#[derive(Clone, Copy, Debug)]
struct Read {
    due: Instant,
    pause: Duration,
}

/// What [`Streams::run`] listens to and tells.
#[derive(Debug)]
pub struct StreamLines {
    /// The streams to read, and the subjects that are published to them.
    pub wanted: watch::Receiver<Arc<Wanted>>,
    /// Whether this replica may create and change the default stream.
    pub leading: watch::Receiver<bool>,
    /// Where the view goes, whenever it differs.
    pub view: watch::Sender<Arc<View>>,
}

impl Streams {
    /// Opens the connection; returns at once. `owner` marks the stream that this operator makes.
    ///
    /// # Errors
    /// A flag, or the file that it names, that can't be used.
    pub async fn connect(
        config: &NatsConfig,
        default: StreamConfig,
        owner: String,
        denials: Arc<Denials>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, ConfigError> {
        let link = connect::open(config, Arc::clone(&denials)).await?;
        let context = connect::jetstream(link.client.clone(), config);
        Ok(Self { link, context, default, owner, denials, metrics, view: View::default(), reads: BTreeMap::new() })
    }

    /// Reads for ever; ends when nobody listens any more.
    pub async fn run(mut self, mut lines: StreamLines) {
        let mut state = self.link.state.clone();
        loop {
            self.take_state(*state.borrow_and_update());
            let wanted = Arc::clone(&lines.wanted.borrow_and_update());
            let is_leading = *lines.leading.borrow_and_update();
            self.reads.retain(|name, _| wanted.streams.contains_key(name));
            self.view.streams.retain(|name, _| wanted.streams.contains_key(name));
            if self.view.connection == Connection::Up {
                self.read_due(&wanted, is_leading).await;
            }
            self.view.denied = self.denials.all();
            lines.view.send_if_modified(|view| {
                let differs = **view != self.view;
                if differs {
                    *view = Arc::new(self.view.clone());
                }
                differs
            });
            let due = self.reads.values().map(|read| read.due).min().unwrap_or_else(|| Instant::now() + READ_EVERY);
            tokio::select! {
                changed = state.changed() => if changed.is_err() { return },
                changed = lines.wanted.changed() => if changed.is_err() { return },
                changed = lines.leading.changed() => {
                    if changed.is_err() { return }
                    self.look_again();
                }
                () = self.denials.changed() => {}
                () = sleep_until(due), if self.view.connection == Connection::Up => {}
                () = lines.view.closed() => return,
            }
        }
    }

    fn take_state(&mut self, state: connect::LinkState) {
        self.metrics.set_nats_connected(state.is_up);
        let was = self.view.connection;
        self.view.connection = match (was, state.is_up) {
            (_, true) => Connection::Up,
            (Connection::Up, false) => Connection::Down { since: Timestamp::now() },
            (was, false) => was,
        };
        if was == self.view.connection {
            return;
        }
        match self.view.connection {
            Connection::Up => {
                tracing::info!("connected to NATS");
                let info = self.link.client.server_info();
                self.view.max_payload = u64::try_from(info.max_payload).ok();
                self.view.servers = info.connect_urls.len().max(1);
                self.look_again();
            }
            Connection::Down { .. } | Connection::Never => {
                tracing::warn!("NATS is away; deliveries are answered 503 until it is back");
            }
        }
    }

    /// Every stream is due now.
    fn look_again(&mut self) {
        self.reads.clear();
    }

    async fn read_due(&mut self, wanted: &Wanted, is_leading: bool) {
        let now = Instant::now();
        let due: Vec<_> = wanted
            .streams
            .iter()
            .filter(|(name, subjects)| {
                self.reads.get(*name).is_none_or(|read| read.due <= now) || self.has_unjudged(name, subjects)
            })
            .collect();
        for (name, subjects) in due {
            let state = self.read(name, is_leading).await;
            self.find_captors(&state, subjects).await;
            let pause = match (&state, self.reads.get(name)) {
                (StreamState::Found(_), _) => READ_EVERY,
                (_, Some(read)) => (read.pause * 2).min(READ_EVERY),
                (_, None) => LOOK_FIRST,
            };
            self.reads.insert(name.clone(), Read { due: Instant::now() + pause, pause });
            self.view.streams.insert(name.clone(), state);
        }
    }

    /// Whether a subject is new that the stream does not capture, so that its captor is not known yet.
    fn has_unjudged(&self, name: &str, subjects: &BTreeSet<String>) -> bool {
        match self.view.streams.get(name) {
            Some(StreamState::Found(facts)) => {
                subjects.iter().any(|subject| !captures(facts, subject) && !self.view.captured_by.contains_key(subject))
            }
            _ => false,
        }
    }

    async fn read(&self, name: &str, is_leading: bool) -> StreamState {
        let is_default = name == self.default.stream;
        match self.context.get_stream(name).await {
            Ok(mut stream) => {
                let info = stream.cached_info().clone();
                if is_default && is_leading && self.is_ours(&info.config) {
                    let wanted = self.config(Some(&info.config));
                    if wanted != info.config {
                        tracing::info!(stream = name, "the default stream follows the flags");
                        match self.context.update_stream(&wanted).await {
                            Ok(info) => return StreamState::Found(self.facts(&info)),
                            Err(error) => tracing::warn!(stream = name, %error, "the default stream can't be changed"),
                        }
                    }
                    drop(stream.info().await.map(|_| ()));
                }
                StreamState::Found(self.facts(&info))
            }
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(fault) if fault.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                    if is_default && is_leading {
                        self.create().await
                    } else {
                        StreamState::Missing
                    }
                }
                _ => StreamState::Unreadable(error.to_string()),
            },
        }
    }

    async fn create(&self) -> StreamState {
        let name = &self.default.stream;
        match self.context.create_stream(self.config(None)).await {
            Ok(stream) => {
                tracing::info!(stream = name, "made the default stream");
                StreamState::Found(self.facts(stream.cached_info()))
            }
            Err(error) => {
                tracing::warn!(stream = name, %error, "the default stream can't be made");
                match error.kind() {
                    CreateStreamErrorKind::TimedOut => StreamState::Unreadable(error.to_string()),
                    _ => StreamState::Missing,
                }
            }
        }
    }

    /// The default stream by the flags; what they do not decide stays as it is.
    fn config(&self, existing: Option<&Config>) -> Config {
        let flags = &self.default;
        let mut config = existing.cloned().unwrap_or_else(|| Config {
            name: flags.stream.clone(),
            storage: StorageType::File,
            retention: RetentionPolicy::Limits,
            max_messages: -1,
            max_messages_per_subject: -1,
            max_message_size: -1,
            max_consumers: -1,
            allow_direct: true,
            ..Config::default()
        });
        config.subjects = vec![format!("{}.>", flags.prefix)];
        config.discard = DiscardPolicy::New;
        config.max_age = flags.stream_max_age;
        config.duplicate_window = flags.duplicate_window;
        config.num_replicas = usize::from(flags.stream_replicas);
        config.max_bytes = match flags.stream_max_bytes {
            0 => -1,
            bytes => i64::try_from(bytes).unwrap_or(i64::MAX),
        };
        config.metadata.insert(OWNER.to_owned(), self.owner.clone());
        config
    }

    fn is_ours(&self, config: &Config) -> bool {
        config.metadata.get(OWNER) == Some(&self.owner)
    }

    /// For subjects that the stream does not capture: which other streams do.
    async fn find_captors(&mut self, state: &StreamState, subjects: &BTreeSet<String>) {
        for subject in subjects {
            let is_captured = matches!(state, StreamState::Found(facts) if captures(facts, subject));
            if is_captured {
                self.view.captured_by.remove(subject);
            } else if let Ok(names) = self.names(subject).await {
                self.view.captured_by.insert(subject.clone(), names);
            }
        }
    }

    async fn names(&self, subject: &str) -> Result<Vec<String>, async_nats::jetstream::context::RequestError> {
        #[derive(Deserialize)]
        struct Names {
            streams: Option<Vec<String>>,
        }
        let names: Names = self.context.request("STREAM.NAMES", &json!({"subject": subject})).await?;
        Ok(names.streams.unwrap_or_default())
    }

    fn facts(&self, info: &Info) -> StreamFacts {
        let config = &info.config;
        let limit = |value: i64| u64::try_from(value).ok().filter(|value| *value > 0);
        StreamFacts {
            subjects: config.subjects.clone(),
            retention: match config.retention {
                RetentionPolicy::Limits => Retention::Limits,
                RetentionPolicy::Interest => Retention::Interest,
                RetentionPolicy::WorkQueue => Retention::WorkQueue,
            },
            storage: match config.storage {
                StorageType::File => Storage::File,
                StorageType::Memory => Storage::Memory,
            },
            discard: match config.discard {
                DiscardPolicy::Old => Discard::Old,
                DiscardPolicy::New => Discard::New,
            },
            no_ack: config.no_ack,
            persists_async: matches!(config.persist_mode, Some(PersistenceMode::Async)),
            is_sealed: config.sealed,
            is_mirror: config.mirror.is_some(),
            duplicate_window: config.duplicate_window,
            max_age: config.max_age,
            max_message_bytes: limit(i64::from(config.max_message_size)),
            replicas: config.num_replicas,
            bytes: info.state.bytes,
            max_bytes: limit(config.max_bytes),
            messages: info.state.messages,
            max_messages: limit(config.max_messages),
            consumers: info.state.consumer_count,
            is_ours: self.is_ours(config),
        }
    }
}

fn captures(facts: &StreamFacts, filter: &str) -> bool {
    facts.subjects.iter().any(|pattern| is_within(filter, pattern))
}
