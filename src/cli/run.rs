//! `jethook run`: wires everything. The only place that knows all parts.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Failure, install_crypto};
use crate::admin::{self, Admin};
use crate::cause::chain;
use crate::config::{self, RunConfig};
use crate::controller::core::{Core, Notice, Report, SecretRef, Update};
use crate::controller::kube::Cluster;
use crate::controller::manifests::Manifests;
use crate::controller::names::Names;
use crate::controller::notice::{Announcer, Refused};
use crate::controller::report::Reporter;
use crate::controller::secrets::SecretReader;
use crate::controller::{self, Links, endpoints, kube, lease, providers};
use crate::fetch::{self, Fetcher};
use crate::health::{Gate, Health};
use crate::metrics::Metrics;
use crate::receiver::{Parts, Receiver, RefusalNotice};
use crate::replicas::{Digest, Roster};
use crate::route::{KeyHosts, Routes};
use crate::store::{self, Denials, LastCheck, PublishLimits, Publisher, ReplicaLines, Spool, StreamLines, Streams};
use crate::stream::{Connection, View, Wanted};
use crate::telemetry;
use crate::trace::Traces;

/// Updates that may wait for the controller; a source then waits.
const UPDATES_MAX: usize = 1024;
/// Batches of statuses, and notices, that may wait for their writer.
const REPORTS_MAX: usize = 64;
const NOTICES_MAX: usize = 1024;
/// How long giving back the Lease may take.
const RELEASE_MAX: Duration = Duration::from_secs(3);

/// The stack of the controller's threads: manifests and objects may be nested as deep as their parsers let them, and a
/// stack that ends takes the process with it.
const CONTROLLER_STACK_BYTES: usize = 16 << 20;

pub(super) fn run(config: RunConfig) -> Result<ExitCode, Failure> {
    let _logs = telemetry::init(&config.log).map_err(Failure::Usage)?;
    install_crypto();
    // The controller's own runtime: whatever it does, no delivery waits for it.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("controller")
        .thread_stack_size(CONTROLLER_STACK_BYTES)
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("no runtime: {error}")))?;
    runtime.block_on(operate(config))?;
    runtime.shutdown_timeout(RELEASE_MAX);
    Ok(ExitCode::SUCCESS)
}

/// Starts all parts, serves until SIGTERM or SIGINT, and ends in order: unready, drained, Lease given back.
async fn operate(config: RunConfig) -> Result<(), Failure> {
    let mut stop = Signals::listen()?;
    let wires = Wires::new(&config)?;
    let health = Health::default();
    let serving = health.gate("serving");
    let listener = admin::bind(config.admin_listen).await.map_err(Failure::Usage)?;
    let (notices, refusals) = mpsc::channel(NOTICES_MAX);
    let denials = Arc::<Denials>::default();
    let reached = health.gate("nats");
    let spool = start_spool(&config, &wires, &health, &reached)?;
    let shared =
        Arc::new(publishing(&config, &wires, &denials).with_spool(spool.as_ref().map(|(spool, _)| spool.clone())));
    let identity = lease::identity();
    let traces = Traces::start(&config.traces, identity.clone(), Handle::current()).map_err(Failure::Usage)?;
    let traces = traces.map(Arc::new);
    let receiver = start_receiver(&config, &wires, &health, notices, &shared, traces.clone())?;
    let mut streams = Streams::connect(
        &config.nats,
        config.stream.clone(),
        owner(&config),
        Arc::clone(&denials),
        Arc::clone(&wires.metrics),
    )
    .await
    .map_err(|error| Failure::Usage(error.to_string()))?;
    let spool = match spool {
        Some((spool, last_check)) => {
            streams = streams.with_spool(last_check);
            let pulse = health.pulse("drain", Timestamp::now());
            spool.drain(&config.nats, shared, pulse).await.map_err(Failure::Usage)?;
            Some(spool)
        }
        None => None,
    };

    let leaving = CancellationToken::new();
    let replicas = streams.replicas(identity.clone());
    let source = Source::start(&config, &wires, identity, refusals).await?;
    let endpoints = source.endpoints.clone();
    let core =
        Core::new(controller::settings(&config).map_err(Failure::Usage)?, Arc::clone(&wires.metrics), Timestamp::now());
    let links = Links {
        updates: wires.updates_in,
        routes: wires.routes.clone(),
        reports: source.reports.clone(),
        notices: source.notices.clone(),
        named_secrets: wires.named_secrets,
        wanted: wires.wanted,
        serves: wires.serves,
        complete: health.gate("endpoints"),
        pulse: health.pulse("controller", Timestamp::now()),
    };
    tokio::spawn(controller::run(core, Arc::clone(&wires.metrics), links));
    tokio::spawn(streams.run(StreamLines {
        wanted: wires.wanted_in,
        leading: source.leading.clone(),
        view: wires.view,
    }));
    if let Some(lease) = source.lease_uid.clone() {
        let (roster, roster_in) = watch::channel(Arc::new(Roster { is_settled: false, others: Vec::new() }));
        tokio::spawn(replicas.run(ReplicaLines { lease, serves: wires.serves_in, roster, leaving: leaving.clone() }));
        tokio::spawn(pass_rosters(roster_in, wires.updates.clone()));
    }
    tokio::spawn(pass_views(wires.view_in, wires.updates.clone(), reached));
    tokio::spawn(admin::serve(listener, Admin { health, metrics: Arc::clone(&wires.metrics), endpoints }));
    serving.open();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        receiver = %receiver.local_address(),
        admin = %config.admin_listen,
        "jethook runs"
    );
    stop.wait().await;
    tracing::info!("stopping: unready from now on");
    serving.close();
    leaving.cancel();
    receiver.shutdown().await;
    if let Some(spool) = spool {
        spool.end(&wires.metrics).await;
    }
    source.end().await;
    if let Some(traces) = traces {
        traces.end().await;
    }
    tracing::info!("stopped");
    Ok(())
}

/// What marks the default stream as this operator's own.
fn owner(config: &RunConfig) -> String {
    match &config.source.cluster_name {
        Some(cluster) => format!("{cluster}/{}", config.source.lease_name),
        None => config.source.lease_name.clone(),
    }
}

/// The channels between the parts.
struct Wires {
    metrics: Arc<Metrics>,
    routes: Routes,
    updates: mpsc::Sender<Update>,
    updates_in: mpsc::Receiver<Update>,
    named_secrets: watch::Sender<Option<Names>>,
    named_secrets_in: watch::Receiver<Option<Names>>,
    wanted: watch::Sender<Arc<Wanted>>,
    wanted_in: watch::Receiver<Arc<Wanted>>,
    view: watch::Sender<Arc<View>>,
    view_in: watch::Receiver<Arc<View>>,
    serves: watch::Sender<Option<Arc<Digest>>>,
    serves_in: watch::Receiver<Option<Arc<Digest>>>,
}

impl Wires {
    fn new(config: &RunConfig) -> Result<Self, Failure> {
        store::check(&config.nats).map_err(|error| Failure::Usage(error.to_string()))?;
        let (updates, updates_in) = mpsc::channel(UPDATES_MAX);
        let (named_secrets, named_secrets_in) = watch::channel(None);
        let (wanted, wanted_in) = watch::channel(Arc::default());
        let (view, view_in) = watch::channel(Arc::default());
        let (serves, serves_in) = watch::channel(None);
        Ok(Self {
            metrics: Arc::default(),
            routes: Routes::default(),
            updates,
            updates_in,
            named_secrets,
            named_secrets_in,
            wanted,
            wanted_in,
            view,
            view_in,
            serves,
            serves_in,
        })
    }
}

/// The spool of `--spool-dir`, with what was known of NATS when it was last there. With both, this replica serves without
/// NATS: `reached` is opened.
fn start_spool(
    config: &RunConfig,
    wires: &Wires,
    health: &Health,
    reached: &Gate,
) -> Result<Option<(Spool, LastCheck)>, Failure> {
    let Some(folder) = &config.spool.spool_dir else { return Ok(None) };
    let (view, metrics) = (wires.view_in.clone(), Arc::clone(&wires.metrics));
    let spool = Spool::start(&config.spool, folder, view, metrics, health.gate("spool")).map_err(Failure::Usage)?;
    let last_check = LastCheck::read(folder);
    if last_check.is_some() {
        reached.open();
    }
    tokio::spawn(store::keep_last_check(folder.clone(), wires.view_in.clone()));
    Ok(Some((spool, last_check.unwrap_or_default())))
}

/// What all publishers share.
fn publishing(config: &RunConfig, wires: &Wires, denials: &Arc<Denials>) -> store::Shared {
    let count = |flag: u32| usize::try_from(flag).unwrap_or(usize::MAX);
    let limits = PublishLimits {
        inflight_max: count(config.receiver.max_inflight_publishes),
        reconnect_wait: config.receiver.reconnect_wait,
        reconnect_waiters_max: count(config.receiver.reconnect_waiters),
    };
    store::Shared::new(limits, Arc::clone(denials), Arc::clone(&wires.metrics))
}

fn start_receiver(
    config: &RunConfig,
    wires: &Wires,
    health: &Health,
    notices: mpsc::Sender<RefusalNotice>,
    shared: &Arc<store::Shared>,
    traces: Option<Arc<Traces>>,
) -> Result<Receiver, Failure> {
    let (nats, shared) = (Arc::new(config.nats.clone()), Arc::clone(shared));
    let connect = move || {
        let (nats, shared) = (Arc::clone(&nats), Arc::clone(&shared));
        async move { Publisher::connect(&nats, shared).await }
    };
    let keys = fetch::Settings {
        hosts: KeyHosts::parse(&config.policy.allow_key_host).map_err(Failure::Usage)?,
        ca_file: config.key_ca_file.clone(),
        https_proxy: config::https_proxy(),
        no_proxy: config::no_proxy(),
        limits: fetch::Limits::default(),
    };
    let parts = Parts {
        routes: wires.routes.clone(),
        metrics: Arc::clone(&wires.metrics),
        health: health.clone(),
        notices,
        keys: Fetcher::start(&keys).map_err(Failure::Usage)?,
        traces,
    };
    Receiver::start(&config.receiver, parts, connect).map_err(|error| Failure::Usage(chain(&error)))
}

/// Tells the controller of NATS; ready once NATS was reached.
async fn pass_views(mut views: watch::Receiver<Arc<View>>, updates: mpsc::Sender<Update>, reached: Gate) {
    loop {
        let view = Arc::clone(&views.borrow_and_update());
        if view.connection == Connection::Up {
            reached.open();
        }
        if updates.send(Update::View(view)).await.is_err() || views.changed().await.is_err() {
            return;
        }
    }
}

/// Tells the controller of the other replicas.
async fn pass_rosters(mut rosters: watch::Receiver<Arc<Roster>>, updates: mpsc::Sender<Update>) {
    loop {
        let roster = Arc::clone(&rosters.borrow_and_update());
        if updates.send(Update::Replicas(roster)).await.is_err() || rosters.changed().await.is_err() {
            return;
        }
    }
}

/// Where endpoints come from, and where their statuses go.
struct Source {
    reports: mpsc::Sender<Vec<Report>>,
    notices: mpsc::Sender<Notice>,
    leading: watch::Receiver<bool>,
    /// The uid of the Lease that replicas share; there is none in manifests mode.
    lease_uid: Option<watch::Receiver<Option<Arc<str>>>>,
    endpoints: Option<admin::Endpoints>,
    lease: Option<(CancellationToken, JoinHandle<()>)>,
}

impl Source {
    async fn start(
        config: &RunConfig,
        wires: &Wires,
        identity: String,
        refusals: mpsc::Receiver<RefusalNotice>,
    ) -> Result<Self, Failure> {
        match &config.source.manifests {
            Some(folder) => {
                let manifests = Manifests::open(
                    folder,
                    wires.named_secrets_in.clone(),
                    wires.updates.clone(),
                    Arc::clone(&wires.metrics),
                );
                let manifests = manifests.map_err(|error| Failure::Usage(error.to_string()))?;
                Ok(Self::from_manifests(manifests, refusals))
            }
            None => {
                let cluster = kube::connect(&config.source, config::no_proxy().as_deref()).await;
                let cluster = cluster.map_err(|error| Failure::Usage(error.to_string()))?;
                Ok(Self::from_cluster(config, wires, &cluster, identity, refusals))
            }
        }
    }

    fn from_manifests(manifests: Manifests, mut refusals: mpsc::Receiver<RefusalNotice>) -> Self {
        let (reports, reports_in) = mpsc::channel(REPORTS_MAX);
        let (notices, mut notices_in) = mpsc::channel(NOTICES_MAX);
        // A directory has one reader: it leads for ever.
        let (leading, leading_in) = watch::channel(true);
        let endpoints = manifests.endpoints();
        tokio::spawn(async move {
            manifests.run(reports_in).await;
            drop(leading);
        });
        // The receiver's log tells refusals, the statuses tell transitions; there is nobody else to tell.
        tokio::spawn(async move { while refusals.recv().await.is_some() {} });
        tokio::spawn(async move { while notices_in.recv().await.is_some() {} });
        Self { reports, notices, leading: leading_in, lease_uid: None, endpoints: Some(endpoints), lease: None }
    }

    fn from_cluster(
        config: &RunConfig,
        wires: &Wires,
        cluster: &Cluster,
        identity: String,
        refusals: mpsc::Receiver<RefusalNotice>,
    ) -> Self {
        let source = &config.source;
        let (reports, reports_in) = mpsc::channel(REPORTS_MAX);
        let (notices, notices_in) = mpsc::channel(NOTICES_MAX);
        let (leading, leading_in) = watch::channel(false);
        let (lease_uid, lease_uid_in) = watch::channel(None);
        let (suspects, suspects_in) = mpsc::channel(NOTICES_MAX);
        let stop = CancellationToken::new();
        let client = || cluster.client.clone();
        tokio::spawn(endpoints::run(
            client(),
            source.watch_namespaces.clone(),
            source.endpoint_selector.clone(),
            wires.updates.clone(),
            Arc::clone(&wires.metrics),
        ));
        if source.reads_cluster_providers() {
            tokio::spawn(providers::run(client(), wires.updates.clone(), Arc::clone(&wires.metrics)));
        }
        let secrets = SecretReader {
            client: client(),
            access: source.secret_access,
            namespaces: source.watch_namespaces.clone(),
            named: wires.named_secrets_in.clone(),
            suspects: suspects_in,
            updates: wires.updates.clone(),
            metrics: Arc::clone(&wires.metrics),
        };
        tokio::spawn(secrets.run());
        tokio::spawn(lease::follow(leading_in.clone(), wires.updates.clone(), Arc::clone(&wires.metrics)));
        let reporter = Reporter {
            client: client(),
            field_manager: format!("jethook-{}", source.lease_name),
            reports: reports_in,
            leading: leading_in.clone(),
            notices: notices.clone(),
        };
        tokio::spawn(reporter.run());
        let announcer = Announcer {
            client: client(),
            lease_name: source.lease_name.clone(),
            identity: identity.clone(),
            leading: leading_in.clone(),
            notices: notices_in,
            refusals: as_refused(refusals, suspects),
        };
        tokio::spawn(announcer.run());
        let lease = lease::run(cluster.clone(), source.lease_name.clone(), identity, leading, lease_uid, stop.clone());
        let lease = Some((stop, tokio::spawn(lease)));
        Self { reports, notices, leading: leading_in, lease_uid: Some(lease_uid_in), endpoints: None, lease }
    }

    /// Gives the Lease back, so that another replica takes over at once.
    async fn end(self) {
        if let Some((stop, lease)) = self.lease {
            stop.cancel();
            if tokio::time::timeout(RELEASE_MAX, lease).await.is_err() {
                tracing::warn!("the lease could not be given back in time; another replica takes it when it expires");
            }
        }
    }
}

/// What the receiver tells, in the words of Kubernetes Events; the Secrets whose keys may be old are suspected.
fn as_refused(
    mut refusals: mpsc::Receiver<RefusalNotice>,
    suspects: mpsc::Sender<SecretRef>,
) -> mpsc::Receiver<Refused> {
    let (refused, refused_in) = mpsc::channel(NOTICES_MAX);
    tokio::spawn(async move {
        while let Some(RefusalNotice { endpoint, cause, reason, keys }) = refusals.recv().await {
            for name in keys {
                // One that finds no room is not missed: the next refusal brings it again.
                let _ = suspects.try_send(SecretRef { namespace: Arc::clone(&endpoint.namespace), name });
            }
            if refused.send(Refused { endpoint, cause, note: reason }).await.is_err() {
                return;
            }
        }
    });
    refused_in
}

/// The signals that end the process.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::Failed(format!("no signal handler: {error}")));
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
