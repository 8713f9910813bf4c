//! Endpoints in, from one of two sources; routes and statuses out.

mod claims;
pub mod core;
pub mod endpoints;
mod entry;
mod folder;
mod index;
pub mod kube;
pub mod lease;
mod ledger;
pub mod manifests;
pub mod names;
pub mod notice;
pub mod providers;
mod queue;
mod received;
pub mod report;
pub mod secrets;
mod status;
mod told;
mod watch;
mod world;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, watch as channel};
use tokio::time::{Instant, timeout, timeout_at};

use self::core::{Core, Notice, Report, Round, Settings, Update};
use self::names::Names;
use crate::config::RunConfig;
use crate::health::{Gate, PULSE_EVERY, Pulse};
use crate::metrics::Metrics;
use crate::replicas::Digest;
use crate::route::{self, Policy, Routes};
use crate::stream::Wanted;

/// How long updates are gathered before they are compiled together.
const GATHER: Duration = Duration::from_millis(20);
/// Updates that are compiled together at most.
const BATCH_MAX: usize = 4096;

/// What the controller is connected to.
#[derive(Debug)]
pub struct Links {
    /// What the sources tell.
    pub updates: mpsc::Receiver<Update>,
    /// The table that the receiver reads.
    pub routes: Routes,
    /// Statuses to write; there is something only while this replica leads.
    pub reports: mpsc::Sender<Vec<Report>>,
    /// Transitions to tell by Events; dropped when full.
    pub notices: mpsc::Sender<Notice>,
    /// The Secrets to read; `None` before the first list of endpoints was compiled.
    pub named_secrets: channel::Sender<Option<Names>>,
    /// The streams to read.
    pub wanted: channel::Sender<Arc<Wanted>>,
    /// What this replica serves, for the others to know.
    pub serves: channel::Sender<Option<Arc<Digest>>>,
    /// Opened once the first full list is compiled and in service.
    pub complete: Gate,
    /// The controller's sign of life.
    pub pulse: Pulse,
}

/// What the flags say to the core.
///
/// # Errors
/// One line that names the flag, its value and what is wrong with it.
pub fn settings(config: &RunConfig) -> Result<Settings, String> {
    let RunConfig { stream, receiver, source, policy, .. } = config;
    Ok(Settings {
        route: route::Settings {
            policy: Policy::from_config(policy, &stream.prefix, &stream.stream)?,
            prefix: stream.prefix.clone(),
            stream: stream.stream.clone(),
            public_url: receiver.public_url.clone(),
            cluster_name: source.cluster_name.clone(),
            body_bytes_max: receiver.max_body_size,
        },
        secret_grace: source.secret_grace,
        allows_memory_storage: stream.allow_memory_storage,
        reads_cluster_providers: source.reads_cluster_providers(),
    })
}

/// Compiles what the sources tell and puts it in service, until all sources are gone.
pub async fn run(mut core: Core, metrics: Arc<Metrics>, mut links: Links) {
    loop {
        let now = Timestamp::now();
        links.pulse.beat(now);
        let wait = core.wakes_at(now).map_or(PULSE_EVERY, |at| at.duration_since(now).unsigned_abs().min(PULSE_EVERY));
        let mut began = None;
        match timeout(wait, links.updates.recv()).await {
            Ok(None) => return,
            Ok(Some(update)) => {
                let arrived = Instant::now();
                began = Some(arrived);
                core.apply(update, Timestamp::now());
                gather(&mut core, &mut links.updates, arrived + GATHER).await;
            }
            // Time alone may have changed something.
            Err(_) => {}
        }
        let round = core.settle(Timestamp::now());
        if let Some(table) = core.take_table() {
            links.routes.store(table);
            links.complete.open();
            links.serves.send_replace(core.digest());
            if let Some(began) = began {
                metrics.observe_route_update(began.elapsed());
            }
        }
        hand_out(round, &links).await;
    }
}

/// Applies what else comes in until the deadline, so that a burst is compiled at once.
async fn gather(core: &mut Core, updates: &mut mpsc::Receiver<Update>, deadline: Instant) {
    for _ in 1..BATCH_MAX {
        let update = match updates.try_recv() {
            Ok(update) => update,
            Err(TryRecvError::Disconnected) => return,
            Err(TryRecvError::Empty) => match timeout_at(deadline, updates.recv()).await {
                Ok(Some(update)) => update,
                Ok(None) | Err(_) => return,
            },
        };
        core.apply(update, Timestamp::now());
    }
}

async fn hand_out(round: Round, links: &Links) {
    let Round { reports, notices, named_secrets, wanted } = round;
    if let Some(renamed) = named_secrets {
        links.named_secrets.send_modify(|names| names.get_or_insert_default().change(renamed));
    }
    if let Some(wanted) = wanted {
        links.wanted.send_replace(wanted);
    }
    for notice in notices {
        // A full channel only costs an Event.
        let _ = links.notices.try_send(notice);
    }
    if !reports.is_empty() && links.reports.send(reports).await.is_err() {
        tracing::debug!("nobody writes statuses any more");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::core::{Observed, SecretData};
    use super::*;
    use crate::config::PolicyConfig;
    use crate::health::Health;
    use crate::route::EndpointRef;

    fn observed(name: &str) -> Observed {
        let spec = json!({"provider": "custom", "secretRefs": [{"name": "hook"}]});
        Observed {
            endpoint: EndpointRef { namespace: "shop".into(), name: name.into() },
            uid: name.to_owned(),
            generation: 1,
            created: Timestamp::UNIX_EPOCH,
            spec: Ok(Arc::new(serde_json::from_value(spec).unwrap())),
            status: None,
        }
    }

    fn core(metrics: &Arc<Metrics>) -> Core {
        let settings = Settings {
            route: route::Settings {
                prefix: "webhooks".to_owned(),
                stream: "WEBHOOKS".to_owned(),
                public_url: None,
                cluster_name: None,
                body_bytes_max: 1024,
                policy: Policy::from_config(&PolicyConfig::default(), "webhooks", "WEBHOOKS").unwrap(),
            },
            secret_grace: Duration::ZERO,
            allows_memory_storage: false,
            reads_cluster_providers: false,
        };
        Core::new(settings, Arc::clone(metrics), Timestamp::now())
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_compiled_at_once_and_what_came_of_it_is_handed_out() {
        let (updates, updates_in) = mpsc::channel(64);
        let (reports, mut reports_in) = mpsc::channel(4);
        let (notices, mut notices_in) = mpsc::channel(4);
        let (named_secrets, named_in) = channel::channel(None);
        let (wanted, wanted_in) = channel::channel(Arc::default());
        let (routes, health, metrics) = (Routes::default(), Health::default(), Arc::<Metrics>::default());
        let links = Links {
            updates: updates_in,
            routes: routes.clone(),
            reports,
            notices,
            named_secrets,
            wanted,
            serves: channel::Sender::default(),
            complete: health.gate("endpoints"),
            pulse: health.pulse("controller", Timestamp::now()),
        };
        for update in [
            Update::Leading(true),
            Update::Endpoints(vec![observed("a"), observed("b")]),
            Update::Secret(core::SecretRef { namespace: "shop".into(), name: "hook".into() }, None::<SecretData>),
        ] {
            updates.send(update).await.unwrap();
        }
        let running = tokio::spawn(run(core(&metrics), Arc::clone(&metrics), links));
        let mut named_in = named_in;
        named_in.changed().await.unwrap();
        assert_eq!(named_in.borrow().as_ref().unwrap().all().len(), 1);
        assert_eq!(wanted_in.borrow().streams["WEBHOOKS"].len(), 2);
        assert!(!routes.load().is_complete);
        assert_eq!(health.closed(), ["endpoints"]);
        updates.send(Update::SecretsRead).await.unwrap();
        assert_eq!(reports_in.recv().await.unwrap().len(), 2, "one batch for the whole burst");
        assert!(routes.load().is_complete);
        assert_eq!(routes.load().routes.len(), 2);
        assert!(health.closed().is_empty());
        assert_eq!(notices_in.recv().await.unwrap().reason, "Invalid");
        updates.send(Update::EndpointGone(observed("a").endpoint)).await.unwrap();
        drop(updates);
        running.await.unwrap();
        assert_eq!(routes.load().routes.len(), 1);
    }
}
