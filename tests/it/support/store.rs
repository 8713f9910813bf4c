//! The library's own publisher and reader of streams, without an operator around them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jethook::catalogue;
use jethook::config::{NatsConfig, StreamConfig};
use jethook::event::{Event, Identity, MessagePlan, MessageSpec, Names, SubjectTemplate};
use jethook::metrics::Metrics;
use jethook::outcome::NotStored;
use jethook::route::Usage;
use jethook::scheme::{Context, Delivery, Key, Scheme, Verdict};
use jethook::secret::Secret;
use jethook::store::{Denials, Kept, PublishLimits, Publisher, Shared, Stored, StreamLines, Streams};
use jethook::stream::{View, Wanted};
use tokio::sync::watch;
use tokio::task::LocalSet;
use tokio::time::Instant;

use super::apiserver::unique;
use super::runtime::runtime;
use super::sign;

/// A sender that does not wait for a reconnect.
pub const IMPATIENT: Duration = Duration::from_millis(2500);
/// One that does.
pub const PATIENT: Duration = Duration::from_secs(9);

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    nats: NatsConfig,
    #[command(flatten)]
    stream: StreamConfig,
}

/// A stream and a prefix of its own.
pub struct Corner {
    pub stream: String,
    pub prefix: String,
}

impl Corner {
    pub fn new() -> Self {
        let name = unique("store");
        Self { stream: name.to_uppercase(), prefix: name }
    }

    /// An event that a genuine delivery to an endpoint becomes.
    pub fn event(&self, endpoint: &str, id: &str, body: &[u8]) -> Event {
        let provider = catalogue::find("github").unwrap();
        let parameters = BTreeMap::new();
        let context = Context { parameters: &parameters, url: None, tolerance: None };
        let scheme = Scheme::compile(&provider.verification, context).unwrap();
        let key = Key { index: 0, r#use: "signing".to_owned(), secret: Secret::from("key") };
        let (keyring, _) = scheme.keyring(vec![key]);
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-github-event", "push"),
            ("x-github-delivery", id),
            ("x-hub-signature-256", &sign::github_signature("key", body)),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let delivery =
            Delivery { method: &Method::POST, path: "/", query: None, path_token: None, headers: &headers, body };
        let now = jiff::Timestamp::now();
        let Ok(Verdict::Event(verified)) = scheme.verify(&keyring, &delivery, now) else { panic!("it is genuine") };
        let names =
            Names { prefix: &self.prefix, namespace: "shop", name: endpoint, provider: "github", cluster: None };
        let plan = MessagePlan::new(MessageSpec {
            provider: Arc::from("github"),
            stream: Arc::from(self.stream.as_str()),
            subject: SubjectTemplate::parse("{prefix}.{namespace}.{name}.{event}", names).unwrap(),
            source: "/namespaces/shop".to_owned(),
            type_prefix: "com.github".to_owned(),
            id_prefix: endpoint.to_owned(),
            authenticates: "body",
            secret_query: Vec::new(),
            headers: scheme.evidence().to_vec(),
            identity: Identity::Delivery,
        });
        Event::new(&plan, &verified, &delivery, Bytes::copy_from_slice(body), now)
    }
}

/// A publisher on a thread of its own, as a worker has it.
pub struct Line {
    pub publisher: Publisher,
    pub metrics: Arc<Metrics>,
}

pub fn limits() -> PublishLimits {
    PublishLimits { inflight_max: 4096, reconnect_wait: Duration::from_secs(9), reconnect_waiters_max: 256 }
}

/// Runs a test with a publisher to this server.
pub fn with_line<T>(url: &str, limits: PublishLimits, test: impl AsyncFnOnce(Line) -> T) -> T {
    // Installs the crypto provider.
    runtime();
    let config = Flags::parse_from(["test", "--nats-url", url]).nats;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let metrics = Arc::<Metrics>::default();
        let shared = Arc::new(Shared::new(limits, Arc::default(), Arc::clone(&metrics)));
        let publisher = Publisher::connect(&config, shared).await.unwrap();
        test(Line { publisher, metrics }).await
    })
}

impl Line {
    pub async fn publish(&self, event: Event, usage: &Usage, time_limit: Duration) -> Result<Stored, NotStored> {
        match self.publisher.publish(event, usage, Instant::now(), time_limit).await? {
            Kept::InStream(stored) => Ok(stored),
            Kept::Spooled => panic!("there is no spool"),
        }
    }

    /// Publishes for another endpoint, and waits until that succeeds: the connection is up then.
    pub async fn warm(&self, corner: &Corner) {
        let event = corner.event("warm", &unique("warm"), b"{}");
        self.publish(event, &Usage::default(), PATIENT).await.unwrap();
    }
}

/// Runs what blocks, from within a runtime.
pub fn aside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}

/// The reader of streams, running.
pub struct Reading {
    pub wanted: watch::Sender<Arc<Wanted>>,
    pub leading: watch::Sender<bool>,
    pub view: watch::Receiver<Arc<View>>,
    task: tokio::task::JoinHandle<()>,
}

impl Reading {
    /// Starts one that leads; flags beside the URL may follow.
    pub async fn start(url: &str, flags: &[&str], wanted: &[(&str, &str)]) -> Self {
        let flags = Flags::parse_from([&["test", "--nats-url", url], flags].concat());
        let denials = Arc::<Denials>::default();
        let streams =
            Streams::connect(&flags.nats, flags.stream, "it".to_owned(), denials, Arc::default()).await.unwrap();
        let (wanted, wanted_in) = watch::channel(Arc::new(wanted_of(wanted)));
        let (leading, leading_in) = watch::channel(true);
        let (view_out, view) = watch::channel(Arc::default());
        let lines = StreamLines { wanted: wanted_in, leading: leading_in, view: view_out };
        let task = tokio::spawn(streams.run(lines));
        Self { wanted, leading, view, task }
    }

    /// Waits for a view that is so.
    pub async fn until<T>(&mut self, what: &str, mut probe: impl FnMut(&View) -> Option<T>) -> T {
        let waiting = async {
            loop {
                if let Some(found) = probe(&self.view.borrow_and_update()) {
                    return found;
                }
                self.view.changed().await.unwrap();
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(15), waiting).await;
        waited.unwrap_or_else(|_| panic!("not in time: {what}; {:?}", self.view.borrow()))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Streams with a subject each; a stream may be there more than once.
pub fn wanted_of(pairs: &[(&str, &str)]) -> Wanted {
    let mut streams: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (stream, subject) in pairs {
        streams.entry((*stream).to_owned()).or_default().insert((*subject).to_owned());
    }
    Wanted { streams }
}
