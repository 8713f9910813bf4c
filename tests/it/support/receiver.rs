//! A receiver of its own on a free port, over a publisher that stores in memory and fails at will.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Parser;
use jethook::config::ReceiverConfig;
use jethook::event::{Event, Identity, MessagePlan, MessageSpec, Names, SubjectTemplate};
use jethook::fetch::{self, Fetcher};
use jethook::health::Health;
use jethook::metrics::Metrics;
use jethook::outcome::{NotStored, Outcome};
use jethook::receiver::{Parts, Publish, Receiver, RefusalNotice, StartError};
use jethook::route::{BodyLimits, EndpointRef, Filter, KeyName, Route, Routes, Serving, State, Table, Usage};
use jethook::scheme::{Context, Key, Scheme, Verification};
use jethook::secret::Secret;
use jethook::store::{Kept, Stored};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::http::{Answer, Request};

/// The token of the test routes.
pub const TOKEN: &str = "sesame";

/// A publisher in memory.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    events: Mutex<Vec<Event>>,
    failure: Mutex<Option<NotStored>>,
    is_open: watch::Sender<bool>,
    panics: AtomicBool,
    begun: AtomicU64,
}

impl Default for Store {
    fn default() -> Self {
        Self(Arc::new(Inner {
            events: Mutex::default(),
            failure: Mutex::default(),
            is_open: watch::Sender::new(true),
            panics: AtomicBool::default(),
            begun: AtomicU64::default(),
        }))
    }
}

impl Store {
    /// What was stored.
    pub fn events(&self) -> Vec<Event> {
        self.0.events.lock().unwrap().clone()
    }

    /// From now on publishes fail so.
    pub fn fail(&self, failure: NotStored) {
        *self.0.failure.lock().unwrap() = Some(failure);
    }

    /// From now on publishes wait until `release`.
    pub fn hold(&self) {
        self.0.is_open.send_replace(false);
    }

    pub fn release(&self) {
        self.0.is_open.send_replace(true);
    }

    /// Whether publishes panic from now on.
    pub fn panic(&self, panics: bool) {
        self.0.panics.store(panics, Ordering::SeqCst);
    }

    /// How many publishes were begun.
    pub fn begun(&self) -> u64 {
        self.0.begun.load(Ordering::SeqCst)
    }
}

impl Publish for Store {
    async fn publish(
        &self,
        event: Event,
        _usage: &Usage,
        _began: Instant,
        _time_limit: Duration,
    ) -> Result<Kept, NotStored> {
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        assert!(!self.0.panics.load(Ordering::SeqCst), "a test's own panic");
        let mut is_open = self.0.is_open.subscribe();
        is_open.wait_for(|is_open| *is_open).await.unwrap();
        if let Some(failure) = self.0.failure.lock().unwrap().clone() {
            return Err(failure);
        }
        let mut events = self.0.events.lock().unwrap();
        let is_duplicate = events.iter().any(|stored| stored.id == event.id);
        if !is_duplicate {
            events.push(event);
        }
        Ok(Kept::InStream(Stored { sequence: events.len() as u64, is_duplicate }))
    }

    async fn drain(&self, _deadline: Instant) {}
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    receiver: ReceiverConfig,
}

/// The receiver's configuration with these flags, on a free loopback port and without a drain delay.
pub fn config(flags: &[&str]) -> ReceiverConfig {
    let preset = [("--listen", "127.0.0.1:0"), ("--drain-delay", "0s"), ("--workers", "2")];
    let preset = preset.iter().filter(|(flag, _)| !flags.contains(flag)).flat_map(|(flag, value)| [*flag, *value]);
    Flags::parse_from(["test"].into_iter().chain(preset).chain(flags.iter().copied())).receiver
}

/// A running receiver.
pub struct Bench {
    pub address: SocketAddr,
    pub store: Store,
    pub metrics: Arc<Metrics>,
    pub routes: Routes,
    pub notices: mpsc::Receiver<RefusalNotice>,
    receiver: Option<Receiver>,
}

impl Bench {
    /// Starts one with these flags that serves one open route, `/shop/hook`.
    pub fn start(flags: &[&str]) -> Self {
        let bench = Self::try_start(&config(flags)).unwrap();
        bench.serve(vec![bench.route("hook", &token_in_header())]);
        bench
    }

    pub fn try_start(config: &ReceiverConfig) -> Result<Self, StartError> {
        Self::try_start_with(config, &fetch::Settings::default())
    }

    /// Starts one that fetches keys so.
    pub fn try_start_with(config: &ReceiverConfig, keys: &fetch::Settings) -> Result<Self, StartError> {
        let (metrics, routes, store) = (Arc::new(Metrics::default()), Routes::default(), Store::default());
        let (sender, notices) = mpsc::channel(64);
        let parts = Parts {
            routes: routes.clone(),
            metrics: Arc::clone(&metrics),
            health: Health::default(),
            notices: sender,
            keys: Fetcher::start(keys).unwrap(),
            traces: None,
        };
        let connect = {
            let store = store.clone();
            move || {
                let store = store.clone();
                async { Ok::<_, Infallible>(store) }
            }
        };
        let receiver = Receiver::start(config, parts, connect)?;
        let address = receiver.local_address();
        Ok(Self { address, store, metrics, routes, notices, receiver: Some(receiver) })
    }

    /// An open route `/shop/{name}`.
    pub fn route(&self, name: &str, verification: &Value) -> Route {
        let endpoint = EndpointRef { namespace: "shop".into(), name: name.into() };
        let serving = serving(name, verification);
        let scheme = &serving.scheme;
        Route {
            path: format!("/shop/{name}"),
            methods: scheme.methods().to_vec(),
            owns_path_token: scheme.owns_path_token(),
            usage: Arc::default(),
            metrics: self.metrics.endpoint(&endpoint, "custom"),
            duration: self.metrics.delivery_duration("custom"),
            provider: "custom".into(),
            endpoint,
            state: State::Open(Box::new(serving)),
        }
    }

    /// Puts a complete table in service.
    pub fn serve(&self, routes: Vec<Route>) {
        let routes: HashMap<_, _> = routes.into_iter().map(|route| (route.path.clone(), Arc::new(route))).collect();
        self.routes.store(Table { is_complete: true, routes });
    }

    pub fn send(&self, request: &Request) -> Answer {
        request.send(self.address).unwrap()
    }

    /// How many requests to `/shop/{name}` ended so.
    pub fn counted(&self, name: &str, outcome: Outcome) -> u64 {
        let endpoint = EndpointRef { namespace: "shop".into(), name: name.into() };
        self.metrics.endpoint(&endpoint, "custom").counted(outcome)
    }

    /// Shuts down and returns how long it took.
    pub fn shutdown(&mut self) -> Duration {
        let began = std::time::Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(self.receiver.take().unwrap().shutdown());
        began.elapsed()
    }
}

/// A route that asks for `X-Token: sesame`, with event and id from headers.
pub fn token_in_header() -> Value {
    json!({
        "token": {"from": ["header:X-Token"]},
        "event": {"type": "{header:X-Event}", "id": "{header:X-Id}"},
    })
}

fn serving(name: &str, verification: &Value) -> Serving {
    let verification: Verification = serde_json::from_value(verification.clone()).unwrap();
    let context = Context { parameters: &std::collections::BTreeMap::new(), url: None, tolerance: None };
    let scheme = Scheme::compile(&verification, context).unwrap();
    let key = Key { index: 0, r#use: "signing".to_owned(), secret: Secret::from(TOKEN) };
    let keys = if scheme.uses().is_empty() { Vec::new() } else { vec![key] };
    let (keyring, faults) = scheme.keyring(keys);
    assert!(faults.is_empty(), "{faults:?}");
    let names = Names { prefix: "webhooks", namespace: "shop", name, provider: "custom", cluster: None };
    Serving {
        keyring,
        trimmed_keyring: None,
        keys: vec![KeyName { secret: "hook".to_owned(), key: "secret".to_owned() }],
        source_ranges: Vec::new(),
        body_bytes_max: 1 << 20,
        limits: BodyLimits { endpoint: 1 << 20, nats: None },
        rate: None,
        filter: Filter::default(),
        message: MessagePlan::new(MessageSpec {
            provider: "custom".into(),
            stream: "WEBHOOKS".into(),
            subject: SubjectTemplate::parse("{prefix}.{namespace}.{name}.{event}", names).unwrap(),
            source: format!("/namespaces/shop/webhookendpoints/{name}"),
            type_prefix: "custom".to_owned(),
            id_prefix: "uid".to_owned(),
            authenticates: "sender",
            secret_query: Vec::new(),
            headers: Vec::new(),
            identity: Identity::Delivery,
        }),
        time_limit: Duration::from_millis(4500),
        scheme,
    }
}

/// The open route's state, to be altered before it is served.
pub fn serving_mut(route: &mut Route) -> &mut Serving {
    match &mut route.state {
        State::Open(serving) => serving,
        other => panic!("{other:?}"),
    }
}

/// A delivery with the right token.
pub fn delivery(body: impl Into<Vec<u8>>) -> Request {
    Request::post("/shop/hook", body).header("X-Token", TOKEN)
}
