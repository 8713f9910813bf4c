//! HTTP in: accept, verify, store, answer.

mod accept;
mod body;
mod cap;
mod client;
mod connection;
mod handle;
mod hint;
mod limit;
mod memory;
mod proxy;
mod reply;
mod span;
mod stream;
mod tally;
mod thread;
mod tls;
mod worker;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

pub use tls::TlsError;

use crate::api::EndpointRef;
use crate::config::ReceiverConfig;
use crate::event::Event;
use crate::fetch::Fetcher;
use crate::health::Health;
use crate::metrics::{Metrics, use_shard};
use crate::outcome::NotStored;
use crate::route::{Routes, State, Usage};
use crate::store::{Kept, Publisher};
use crate::trace::Traces;

/// Sockets that may wait for one worker.
const LANE: usize = 256;
/// How often it is tried to find out why no key matches, for an endpoint.
const HINT_EVERY: Duration = Duration::from_secs(60);
/// What the last requests may take beyond the longest time limit of their senders.
const STOP_MARGIN: Duration = Duration::from_secs(2);

/// What stores events: a [`Publisher`], or in tests something that fails at will. Used from one thread only.
pub trait Publish: Clone + 'static {
    /// Publishes and waits for the ack; see [`Publisher::publish`].
    fn publish(
        &self,
        event: Event,
        usage: &Usage,
        began: Instant,
        time_limit: Duration,
    ) -> impl Future<Output = Result<Kept, NotStored>>;

    /// Sends what is buffered and closes, by the deadline.
    fn drain(&self, deadline: Instant) -> impl Future<Output = ()>;
}

impl Publish for Publisher {
    fn publish(
        &self,
        event: Event,
        usage: &Usage,
        began: Instant,
        time_limit: Duration,
    ) -> impl Future<Output = Result<Kept, NotStored>> {
        Self::publish(self, event, usage, began, time_limit)
    }

    async fn drain(&self, deadline: Instant) {
        Self::drain(self, deadline).await;
    }
}

/// That deliveries to an endpoint are being refused, and why: for a Kubernetes Event. Sampled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusalNotice {
    /// The endpoint.
    pub endpoint: EndpointRef,
    /// One of a closed list: how the refusal is counted, or for what a scheme refuses, how it does.
    pub cause: &'static str,
    /// Why, for an admin. Holds nothing of the request.
    pub reason: String,
    /// The Secrets whose keys did not match: they may be others by now.
    pub keys: Vec<Arc<str>>,
}

/// What the receiver shares with the rest of the process.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The table in service.
    pub routes: Routes,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Where the threads show life.
    pub health: Health,
    /// Takes notices; full is no harm.
    pub notices: mpsc::Sender<RefusalNotice>,
    /// Brings keys that are fetched.
    pub keys: Fetcher,
    /// Takes spans, with traces on.
    pub traces: Option<Arc<Traces>>,
}

/// Why the receiver can't start: all of it is configuration.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port can't be bound.
    #[error("--listen {address}: can't be bound")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The TLS files can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A body of the default limit would never find room.
    #[error(
        "--max-body-memory {memory}: is less than twice --max-body-size {body}, and one endpoint may hold half of it"
    )]
    BodyMemory {
        /// `--max-body-memory`.
        memory: u64,
        /// `--max-body-size`.
        body: u64,
    },
    /// A thread or its runtime can't be made.
    #[error("starting a worker thread")]
    Thread(#[source] io::Error),
    /// The connection to NATS is misconfigured.
    #[error(transparent)]
    Publisher(Box<dyn std::error::Error + Send + Sync>),
}

/// What all threads of the receiver share.
#[derive(Debug)]
struct Shared {
    config: ReceiverConfig,
    trust: client::Trust,
    tls: Option<Arc<tls::Tls>>,
    routes: Routes,
    metrics: Arc<Metrics>,
    notices: mpsc::Sender<RefusalNotice>,
    keys: Fetcher,
    traces: Option<Arc<Traces>>,
    memory: Arc<memory::Memory>,
    refusals: limit::PerPeriod,
    log_samples: limit::PerPeriod,
    hints: limit::PerPeriod,
    is_draining: AtomicBool,
    stop_by: OnceLock<Instant>,
}

impl Shared {
    /// When the last request has to be answered.
    fn stop_by(&self) -> Instant {
        *self.stop_by.get_or_init(|| {
            let table = self.routes.load();
            let limits = table.routes.values().filter_map(|route| match &route.state {
                State::Open(serving) => Some(serving.time_limit),
                State::Suspended | State::Closed => None,
            });
            Instant::now() + limits.max().unwrap_or_default() + STOP_MARGIN
        })
    }
}

/// The running receiver. Dropped without [`Receiver::shutdown`], it stops accepting and its threads end by themselves.
#[derive(Debug)]
pub struct Receiver {
    local_address: SocketAddr,
    shared: Arc<Shared>,
    cap: Arc<cap::Cap>,
    stop: Option<oneshot::Sender<()>>,
    acceptor: oneshot::Receiver<()>,
    workers: Vec<oneshot::Receiver<()>>,
}

impl Receiver {
    /// Binds the port and starts the acceptor and the workers. `connect` is called once on each worker, in its runtime.
    ///
    /// # Errors
    /// What is wrong with the configuration, naming the flag.
    pub fn start<C, F, P, E>(config: &ReceiverConfig, parts: Parts, connect: C) -> Result<Self, StartError>
    where
        C: Fn() -> F + Clone + Send + 'static,
        F: Future<Output = Result<P, E>>,
        P: Publish,
        E: std::error::Error + Send + Sync + 'static,
    {
        if config.max_body_memory / 2 < config.max_body_size {
            return Err(StartError::BodyMemory { memory: config.max_body_memory, body: config.max_body_size });
        }
        let tls = tls::Tls::load(config)?;
        let bind = |source| StartError::Bind { address: config.listen, source };
        let listener = accept::bind(config.listen).map_err(bind)?;
        let local_address = listener.local_addr().map_err(bind)?;
        let Parts { routes, metrics, health, notices, keys, traces } = parts;
        let shared = Arc::new(Shared {
            config: config.clone(),
            trust: client::Trust::new(&config.trusted_proxies, config.forwarded_header),
            tls,
            routes,
            memory: memory::Memory::new(config.max_body_memory, Arc::clone(&metrics)),
            metrics,
            notices,
            keys,
            traces,
            refusals: limit::PerPeriod::new(Duration::from_secs(1)),
            log_samples: limit::PerPeriod::new(Duration::from_secs(1)),
            hints: limit::PerPeriod::new(HINT_EVERY),
            is_draining: AtomicBool::new(false),
            stop_by: OnceLock::new(),
        });
        let (mut lanes, mut workers) = (Vec::new(), Vec::new());
        for number in 0..worker_count(config) {
            let (lane, ended) = start_worker(number, &shared, &health, connect.clone())?;
            lanes.push(lane);
            workers.push(ended);
        }
        let cap = cap::Cap::new(accept::connections_max(config.max_connections));
        let (stop, acceptor) = start_acceptor(listener, lanes, &shared, &cap, &health)?;
        Ok(Self { local_address, shared, cap, stop: Some(stop), acceptor, workers })
    }

    /// The address that was bound.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.local_address
    }

    /// Ends without refusing anyone: serves for the drain delay with `Connection: close`, while load balancers take note;
    /// then empties the accept queue, closes the listener, answers what is on accepted connections (bounded by the longest
    /// time limit of a sender and a margin) and drains the publishers.
    pub async fn shutdown(mut self) {
        self.shared.is_draining.store(true, Ordering::Relaxed);
        sleep(self.shared.config.drain_delay).await;
        // Sets the time from now on.
        let _ = self.shared.stop_by();
        drop(self.stop.take());
        let _ = (&mut self.acceptor).await;
        self.cap.stop_all();
        for worker in &mut self.workers {
            let _ = worker.await;
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.is_draining.store(true, Ordering::Relaxed);
        drop(self.stop.take());
        self.cap.stop_all();
    }
}

/// One for each CPU of the quota.
fn worker_count(config: &ReceiverConfig) -> usize {
    match config.workers {
        Some(count) => usize::from(count),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    }
}

fn start_worker<C, F, P, E>(
    number: usize,
    shared: &Arc<Shared>,
    health: &Health,
    connect: C,
) -> Result<(accept::Lane, oneshot::Receiver<()>), StartError>
where
    C: Fn() -> F + Send + 'static,
    F: Future<Output = Result<P, E>>,
    P: Publish,
    E: std::error::Error + Send + Sync + 'static,
{
    let name = format!("worker {number}");
    let pulse = health.pulse(name.clone(), Timestamp::now());
    let (sockets, received) = mpsc::channel(LANE);
    let shared = Arc::clone(shared);
    let prepare = async move || {
        use_shard(number);
        connect().await.map_err(|error| StartError::Publisher(Box::new(error)))
    };
    let ended = thread::start(name, prepare, |publisher| worker::run(shared, publisher, received, pulse))?;
    Ok((accept::Lane { sockets, load: Arc::new(AtomicUsize::new(0)) }, ended))
}

fn start_acceptor(
    listener: std::net::TcpListener,
    lanes: Vec<accept::Lane>,
    shared: &Arc<Shared>,
    cap: &Arc<cap::Cap>,
    health: &Health,
) -> Result<(oneshot::Sender<()>, oneshot::Receiver<()>), StartError> {
    let pulse = health.pulse("acceptor", Timestamp::now());
    let (stop, stopping) = oneshot::channel();
    let (tls, cap) = (shared.tls.clone(), Arc::clone(cap));
    let prepare = async move || {
        if let Some(tls) = tls {
            drop(tokio::spawn(tls.watch()));
        }
        TcpListener::from_std(listener).map_err(StartError::Thread)
    };
    let serve = |listener| accept::run(listener, cap, lanes, stopping, pulse);
    Ok((stop, thread::start("acceptor".to_owned(), prepare, serve)?))
}
