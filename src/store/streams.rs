//! What the operator knows of NATS and its streams: one connection reads them, and makes the default one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::context::{CreateStreamErrorKind, GetStreamErrorKind, RequestError};
use async_nats::jetstream::stream::{Config, Info};
use async_nats::jetstream::{Context, ErrorCode};
use futures_util::StreamExt as _;
use futures_util::stream;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::connect::{self, Link, LinkState, Voice};
use super::credential::ConfigError;
use super::denials::Denials;
use super::facts::{facts, is_owned, managed};
use super::replicas::Replicas;
use super::spool::LastCheck;
use crate::config::{NatsConfig, StreamConfig};
use crate::event::is_within;
use crate::metrics::Metrics;
use crate::stream::{Connection, StreamFacts, StreamState, View, Wanted};

/// A stream that is well is read so often.
const READ_EVERY: Duration = Duration::from_secs(60);
/// One that is missing, can't be read or does not capture what it should is read sooner, then more and more rarely.
const LOOK_FIRST: Duration = Duration::from_secs(1);
/// So many are read at a time.
const READS_AT_ONCE: usize = 8;
/// For the server's INFO to be there after a connect.
const INFO_MAX: Duration = Duration::from_secs(1);

/// Reads the streams that routes name.
#[derive(Debug)]
pub struct Streams {
    link: Link,
    reader: Reader,
    denials: Arc<Denials>,
    metrics: Arc<Metrics>,
    view: View,
    times_up: u64,
    reads: BTreeMap<String, Read>,
    /// With a spool: what was known when NATS was last there.
    last_check: Option<LastCheck>,
}

/// Asks the `JetStream` API.
#[derive(Debug)]
struct Reader {
    context: Context,
    /// What its subjects begin with.
    api: String,
    default: StreamConfig,
    owner: String,
    denials: Arc<Denials>,
}

/// The last read of a stream.
#[derive(Clone, Debug)]
struct Read {
    at: Instant,
    /// Until the next one.
    pause: Duration,
    /// By subject that the stream does not capture: the other streams that do.
    captors: BTreeMap<String, Vec<String>>,
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
        let link = connect::open(config, Arc::clone(&denials), Voice::Aloud).await?;
        let context = connect::jetstream(link.client.clone(), config);
        let api = connect::api_prefix(config);
        let reader = Reader { context, api, default, owner, denials: Arc::clone(&denials) };
        let (view, reads) = (View::default(), BTreeMap::new());
        Ok(Self { link, reader, denials, metrics, view, times_up: 0, reads, last_check: None })
    }

    /// With a spool: until NATS is there for the first time, streams are what they were at the last check.
    #[must_use]
    pub fn with_spool(self, last_check: LastCheck) -> Self {
        let (max_payload, servers) = (last_check.max_payload, last_check.servers);
        Self { view: View { max_payload, servers, ..self.view }, last_check: Some(last_check), ..self }
    }

    /// The way to the other replicas, over the same connection; `identity` is this one.
    #[must_use]
    pub fn replicas(&self, identity: String) -> Replicas {
        Replicas::new(self.link.clone(), identity)
    }

    /// Reads for ever; ends when nobody listens any more.
    pub async fn run(mut self, mut lines: StreamLines) {
        let mut state = self.link.state.clone();
        let mut denied = self.denials.listen();
        loop {
            let now = *state.borrow_and_update();
            self.take_state(now).await;
            let is_leading = *lines.leading.borrow_and_update();
            let wanted = Arc::clone(&lines.wanted.borrow_and_update());
            let wanted = if is_leading { self.reader.with_default(wanted) } else { wanted };
            self.keep_wanted(&wanted);
            if now.is_up {
                let due = self.due(&wanted, Instant::now());
                tokio::select! {
                    biased;
                    // What is read over a connection that broke is worth nothing, and the break is to be told at once.
                    changed = state.changed() => if changed.is_err() { return } else { continue },
                    reads = self.reader.read_all(due, is_leading) => self.take_reads(reads),
                }
            }
            self.tell(&lines.view);
            let next = self.next(&wanted);
            tokio::select! {
                changed = state.changed() => if changed.is_err() { return },
                changed = lines.wanted.changed() => if changed.is_err() { return },
                changed = lines.leading.changed() => {
                    if changed.is_err() { return }
                    self.reads.clear();
                }
                // However many there were: all of them are looked at.
                _ = denied.recv() => {}
                () = sleep_until(next), if now.is_up => {}
                () = lines.view.closed() => return,
            }
        }
    }

    async fn take_state(&mut self, state: LinkState) {
        self.metrics.set_nats_connected(state.is_up);
        if !state.is_up {
            if self.view.connection == Connection::Up {
                let meanwhile = if self.last_check.is_some() { "go to the spool" } else { "are answered 503" };
                tracing::warn!("NATS is away; deliveries {meanwhile} until it is back");
                self.view.connection = Connection::Down { since: Timestamp::now() };
            }
            return;
        }
        if self.view.connection == Connection::Up && state.times_up == self.times_up {
            return;
        }
        self.times_up = state.times_up;
        self.view.connection = Connection::Up;
        // A new connection may be to another server, with other rights.
        self.reads.clear();
        self.denials.forget_all();
        // The client takes commands once it has told the new INFO.
        let _ = timeout(INFO_MAX, self.link.client.flush()).await;
        let info = self.link.client.server_info();
        tracing::info!(server = info.server_name, version = info.version, "connected to NATS");
        self.view.max_payload = u64::try_from(info.max_payload).ok();
        self.view.servers = info.connect_urls.len().max(1);
    }

    fn keep_wanted(&mut self, wanted: &Wanted) {
        self.reads.retain(|name, _| wanted.streams.contains_key(name));
        self.view.streams.retain(|name, _| wanted.streams.contains_key(name));
        for (name, read) in &mut self.reads {
            read.captors.retain(|subject, _| wanted.streams.get(name).is_some_and(|all| all.contains(subject)));
        }
        if let Some(last_check) = self.last_check.as_ref().filter(|_| self.view.connection == Connection::Never) {
            for name in wanted.streams.keys() {
                if let Some(facts) = last_check.streams.get(name) {
                    let state = StreamState::Found(facts.clone());
                    self.view.streams.entry(name.clone()).or_insert(state);
                }
            }
        }
    }

    /// When a stream is to be read next.
    fn due_at(&self, name: &str, subjects: &BTreeSet<String>) -> Option<Instant> {
        let read = self.reads.get(name)?;
        let is_judged = |subject: &String| match self.view.streams.get(name) {
            Some(StreamState::Found(facts)) => captures(facts, subject) || read.captors.contains_key(subject),
            _ => true,
        };
        let pause = if subjects.iter().all(is_judged) { read.pause } else { read.pause.min(LOOK_FIRST) };
        Some(read.at + pause)
    }

    fn due(&self, wanted: &Wanted, now: Instant) -> Vec<Task> {
        let is_due =
            |(name, subjects): &(&String, &BTreeSet<String>)| self.due_at(name, subjects).is_none_or(|due| due <= now);
        let due = wanted.streams.iter().filter(is_due);
        due.map(|(name, subjects)| Task { stream: name.clone(), subjects: subjects.clone() }).collect()
    }

    fn next(&self, wanted: &Wanted) -> Instant {
        let due = wanted.streams.iter().filter_map(|(name, subjects)| self.due_at(name, subjects)).min();
        due.unwrap_or_else(|| Instant::now() + READ_EVERY)
    }

    fn take_reads(&mut self, done: Vec<Done>) {
        for Done { stream, state, captors } in done {
            let is_well = matches!(state, StreamState::Found(_)) && captors.is_empty();
            let pause = match self.reads.get(&stream) {
                _ if is_well => READ_EVERY,
                Some(read) if read.pause < READ_EVERY => (read.pause * 2).min(READ_EVERY),
                _ => LOOK_FIRST,
            };
            self.reads.insert(stream.clone(), Read { at: Instant::now(), pause, captors });
            self.view.streams.insert(stream, state);
        }
    }

    /// Tells the view where it differs from the last one.
    fn tell(&mut self, view: &watch::Sender<Arc<View>>) {
        self.view.captured_by.clear();
        for (subject, captors) in self.reads.values().flat_map(|read| &read.captors) {
            let all = self.view.captured_by.entry(subject.clone()).or_default();
            all.extend(captors.iter().cloned());
            all.sort();
            all.dedup();
        }
        let is_ours = |subject: &String| !subject.starts_with(&self.reader.api);
        self.view.denied = self.denials.all(Instant::now()).into_iter().filter(is_ours).collect();
        view.send_if_modified(|told| {
            let differs = **told != self.view;
            if differs {
                *told = Arc::new(self.view.clone());
            }
            differs
        });
    }
}

/// A stream to read.
#[derive(Debug)]
struct Task {
    stream: String,
    subjects: BTreeSet<String>,
}

/// What a read told.
#[derive(Debug)]
struct Done {
    stream: String,
    state: StreamState,
    captors: BTreeMap<String, Vec<String>>,
}

impl Reader {
    /// What to read for the leader: it looks after the default stream even while no route names it.
    fn with_default(&self, mut wanted: Arc<Wanted>) -> Arc<Wanted> {
        if !wanted.streams.contains_key(&self.default.stream) {
            Arc::make_mut(&mut wanted).streams.insert(self.default.stream.clone(), BTreeSet::new());
        }
        wanted
    }

    async fn read_all(&self, due: Vec<Task>, is_leading: bool) -> Vec<Done> {
        let reads = due.into_iter().map(|task| self.read_task(task, is_leading));
        stream::iter(reads).buffer_unordered(READS_AT_ONCE).collect().await
    }

    async fn read_task(&self, task: Task, is_leading: bool) -> Done {
        let Task { stream, subjects } = task;
        let state = self.read(&stream, is_leading).await;
        let mut captors = BTreeMap::new();
        // Whether a stream that can't be read captures a subject is not known.
        if !matches!(state, StreamState::Unreadable(_)) {
            for subject in subjects {
                if !matches!(&state, StreamState::Found(facts) if captures(facts, &subject)) {
                    let mut names = self.names(&subject).await.unwrap_or_default();
                    names.retain(|name| *name != stream);
                    captors.insert(subject, names);
                }
            }
        }
        Done { stream, state, captors }
    }

    async fn read(&self, name: &str, is_leading: bool) -> StreamState {
        match self.context.get_stream(name).await {
            Ok(stream) => {
                let info = stream.cached_info();
                let changed = if is_leading { self.update(name, info).await } else { None };
                StreamState::Found(facts(changed.as_ref().unwrap_or(info), &self.owner))
            }
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(fault) if fault.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                    match managed(&self.default, name, &self.owner, None).filter(|_| is_leading) {
                        Some(config) => self.create(config).await,
                        None => StreamState::Missing,
                    }
                }
                _ => StreamState::Unreadable(self.why(&format!("STREAM.INFO.{name}"), &error)),
            },
        }
    }

    /// Brings a stream that this operator made to the flags, where they differ.
    async fn update(&self, name: &str, info: &Info) -> Option<Info> {
        let wanted = managed(&self.default, name, &self.owner, Some(&info.config))?;
        if !is_owned(&info.config, &self.owner) || wanted == info.config {
            return None;
        }
        match self.context.update_stream(&wanted).await {
            Ok(info) => {
                tracing::info!(stream = name, "the stream follows the flags");
                Some(info)
            }
            Err(error) => {
                let error = self.why(&format!("STREAM.UPDATE.{name}"), &error);
                tracing::warn!(stream = name, error, "the stream can't be changed");
                None
            }
        }
    }

    async fn create(&self, config: Config) -> StreamState {
        let name = config.name.clone();
        let error = match self.context.create_stream(config).await {
            Ok(stream) => {
                tracing::info!(stream = name, "made the stream");
                return StreamState::Found(facts(stream.cached_info(), &self.owner));
            }
            Err(error) => error,
        };
        let subject = format!("STREAM.CREATE.{name}");
        let may_exist = error.kind() == CreateStreamErrorKind::TimedOut && !self.is_denied(&subject);
        let why = self.why(&subject, &error);
        tracing::warn!(stream = name, error = why, "the stream can't be made");
        if may_exist { StreamState::Unreadable(why) } else { StreamState::Missing }
    }

    async fn names(&self, subject: &str) -> Result<Vec<String>, RequestError> {
        #[derive(Deserialize)]
        struct Names {
            streams: Option<Vec<String>>,
        }
        let names: Names = self.context.request("STREAM.NAMES", &json!({"subject": subject})).await?;
        Ok(names.streams.unwrap_or_default())
    }

    /// Why a request had no answer: a server that denies it says so apart from it.
    fn why(&self, subject: &str, error: &dyn std::error::Error) -> String {
        if self.is_denied(subject) {
            return format!("the operator's NATS user may not publish to {}{subject}", self.api);
        }
        error.to_string()
    }

    fn is_denied(&self, subject: &str) -> bool {
        self.denials.has(&format!("{}{subject}", self.api))
    }
}

fn captures(facts: &StreamFacts, filter: &str) -> bool {
    facts.subjects.iter().any(|pattern| is_within(filter, pattern))
}
