//! Endpoints and Secrets from a directory of YAML files, without Kubernetes. Reloaded within a second of a change.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use super::core::{NamedSecrets, Observed, Report, SecretData, SecretRef, Update};
use super::folder::{Folder, Object};
use super::status;
use crate::api::{ConditionType, WebhookEndpoint};
use crate::metrics::Metrics;
use crate::route::EndpointRef;
use crate::secret::Secret;

/// How often the directory is looked at.
const POLL_EVERY: Duration = Duration::from_millis(250);

/// The source of endpoints in manifests mode.
#[derive(Debug)]
pub struct Manifests {
    watcher: Watcher,
    updates: mpsc::Sender<Update>,
    named: watch::Receiver<Option<Arc<NamedSecrets>>>,
}

/// A directory that can't be read at all.
#[derive(Debug, thiserror::Error)]
#[error("--manifests {}: {source}", folder.display())]
pub struct OpenError {
    folder: PathBuf,
    source: io::Error,
}

impl Manifests {
    /// Takes a directory as the source of endpoints and Secrets. `named` are the Secrets that endpoints name; `None` before
    /// the first list of endpoints was compiled.
    ///
    /// # Errors
    /// The directory can't be read. Later on that heals.
    pub fn open(
        folder: &Path,
        named: watch::Receiver<Option<Arc<NamedSecrets>>>,
        updates: mpsc::Sender<Update>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, OpenError> {
        fs::read_dir(folder).map_err(|source| OpenError { folder: folder.to_owned(), source })?;
        let watcher =
            Watcher { folder: Folder::new(folder.to_owned()), state: State::default(), shown: Arc::default(), metrics };
        Ok(Self { watcher, updates, named })
    }

    /// Endpoints with their statuses, for the admin port.
    #[must_use]
    pub fn endpoints(&self) -> Arc<ArcSwap<Vec<Value>>> {
        Arc::clone(&self.watcher.shown.endpoints)
    }

    /// Reads for ever, and shows the statuses that are reported; ends when the controller has ended.
    pub async fn run(self, reports: mpsc::Receiver<Vec<Report>>) {
        let Self { watcher, updates, named } = self;
        watcher.metrics.set_leader(true);
        let shown = Arc::clone(&watcher.shown);
        // Side by side: the controller may wait for one while the other waits for it.
        tokio::join!(watcher.run(updates, named), shown.run(reports));
    }
}

#[derive(Debug)]
struct Watcher {
    folder: Folder,
    state: State,
    shown: Arc<Shown>,
    metrics: Arc<Metrics>,
}

impl Watcher {
    async fn run(mut self, updates: mpsc::Sender<Update>, mut named: watch::Receiver<Option<Arc<NamedSecrets>>>) {
        let mut poll = interval(POLL_EVERY);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut due = vec![Update::Leading(true)];
        loop {
            for update in due {
                if updates.send(update).await.is_err() {
                    return;
                }
            }
            due = tokio::select! {
                changed = named.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let names = named.borrow_and_update().clone();
                    names.map(|names| self.state.name(&names)).unwrap_or_default()
                }
                _ = poll.tick() => {
                    let Some((folder, is_changed)) = scan(self.folder).await else { return };
                    self.folder = folder;
                    if is_changed { self.take_in() } else { Vec::new() }
                }
            };
        }
    }

    fn take_in(&mut self) -> Vec<Update> {
        let now = Timestamp::now();
        self.metrics.watch_event("WebhookEndpoint", now);
        self.metrics.watch_event("Secret", now);
        let updates = self.state.take(self.folder.objects());
        self.shown.retain(&self.state.endpoints.keys().cloned().collect());
        updates
    }
}

/// `None` when the process is ending.
async fn scan(mut folder: Folder) -> Option<(Folder, bool)> {
    let scanned = spawn_blocking(move || {
        let is_changed = folder.scan(Timestamp::now());
        (folder, is_changed)
    });
    scanned.await.ok()
}

/// The objects as last told to the controller.
#[derive(Debug, Default)]
struct State {
    endpoints: BTreeMap<EndpointRef, (i64, Result<Arc<WebhookEndpoint>, String>)>,
    secrets: BTreeMap<SecretRef, (u64, BTreeMap<String, Secret>)>,
    named: NamedSecrets,
    has_begun: bool,
    has_named: bool,
    /// Versions of Secrets that are gone go on from here.
    last_version: u64,
}

impl State {
    /// Takes in all objects; what differs from before.
    fn take<'a>(&mut self, objects: impl Iterator<Item = (&'a str, &'a Object)>) -> Vec<Update> {
        let mut endpoints = BTreeMap::new();
        let mut secrets = BTreeMap::new();
        for (file, object) in objects {
            let (is_first, namespace, name) = match object {
                Object::Endpoint(endpoint, resource) => {
                    let is_first = !endpoints.contains_key(endpoint);
                    endpoints.entry(endpoint.clone()).or_insert_with(|| resource.clone());
                    (is_first, &endpoint.namespace, &endpoint.name)
                }
                Object::Secret(secret, keys) => {
                    let is_first = !secrets.contains_key(secret);
                    secrets.entry(secret.clone()).or_insert(keys);
                    (is_first, &secret.namespace, &secret.name)
                }
            };
            if !is_first {
                tracing::warn!(file, %namespace, %name, "an object is there more than once; the first one counts");
            }
        }
        let mut updates = self.take_endpoints(endpoints);
        updates.extend(self.take_secrets(&secrets));
        updates
    }

    fn take_endpoints(&mut self, found: BTreeMap<EndpointRef, Result<Arc<WebhookEndpoint>, String>>) -> Vec<Update> {
        let gone: Vec<_> = self.endpoints.keys().filter(|known| !found.contains_key(known)).cloned().collect();
        let mut changed = Vec::new();
        for (endpoint, resource) in found {
            let known = self.endpoints.get(&endpoint);
            let generation = match known {
                Some((_, known)) if is_same(known, &resource) => continue,
                Some((generation, _)) => generation + 1,
                None => 1,
            };
            changed.push(observed(&endpoint, generation, resource.clone()));
            self.endpoints.insert(endpoint, (generation, resource));
        }
        for endpoint in &gone {
            self.endpoints.remove(endpoint);
        }
        if !std::mem::replace(&mut self.has_begun, true) {
            return vec![Update::Endpoints(changed)];
        }
        gone.into_iter().map(Update::EndpointGone).chain(changed.into_iter().map(Update::Endpoint)).collect()
    }

    fn take_secrets(&mut self, found: &BTreeMap<SecretRef, &BTreeMap<String, Secret>>) -> Vec<Update> {
        let mut touched: BTreeSet<_> =
            self.secrets.keys().filter(|known| !found.contains_key(known)).cloned().collect();
        self.secrets.retain(|known, _| found.contains_key(known));
        for (secret, keys) in found {
            if self.secrets.get(secret).is_none_or(|(_, known)| known != *keys) {
                self.last_version += 1;
                self.secrets.insert(secret.clone(), (self.last_version, (*keys).clone()));
                touched.insert(secret.clone());
            }
        }
        touched.iter().filter(|secret| self.named.contains_key(secret)).map(|secret| self.tell(secret)).collect()
    }

    /// Endpoints name these Secrets now; what is to be told of those that they did not name so before.
    fn name(&mut self, named: &NamedSecrets) -> Vec<Update> {
        let before = std::mem::replace(&mut self.named, named.clone());
        let new = named.iter().filter(|(secret, keys)| before.get(secret) != Some(keys)).map(|(secret, _)| secret);
        let mut updates: Vec<_> = new.map(|secret| self.tell(secret)).collect();
        if !std::mem::replace(&mut self.has_named, true) {
            updates.push(Update::SecretsRead);
        }
        updates
    }

    /// What the controller may know of a Secret: the named keys alone.
    fn tell(&self, secret: &SecretRef) -> Update {
        let named = self.named.get(secret);
        let data = self.secrets.get(secret).map(|(version, keys)| SecretData {
            resource_version: version.to_string(),
            key_names: keys.keys().cloned().collect(),
            keys: keys
                .iter()
                .filter(|(key, _)| named.is_some_and(|named| named.contains(*key)))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        });
        Update::Secret(secret.clone(), data)
    }
}

fn is_same(a: &Result<Arc<WebhookEndpoint>, String>, b: &Result<Arc<WebhookEndpoint>, String>) -> bool {
    match (a, b) {
        (Ok(a), Ok(b)) => a.spec == b.spec,
        (Err(a), Err(b)) => a == b,
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
    }
}

fn observed(endpoint: &EndpointRef, generation: i64, resource: Result<Arc<WebhookEndpoint>, String>) -> Observed {
    Observed {
        endpoint: endpoint.clone(),
        uid: uid(endpoint),
        generation,
        // Files have no age: paths go by namespace and name.
        created: Timestamp::UNIX_EPOCH,
        resource,
        status: None,
    }
}

/// The same for the same namespace and name, on every machine.
fn uid(endpoint: &EndpointRef) -> String {
    let space = Uuid::new_v5(&Uuid::NAMESPACE_DNS, b"jethook.dev");
    Uuid::new_v5(&space, format!("{}/{}", endpoint.namespace, endpoint.name).as_bytes()).to_string()
}

/// The statuses for the log and the admin port.
#[derive(Debug, Default)]
struct Shown {
    /// The endpoints that are there; with what is shown of them, once they have a status.
    statuses: Mutex<BTreeMap<EndpointRef, Option<Value>>>,
    endpoints: Arc<ArcSwap<Vec<Value>>>,
}

impl Shown {
    async fn run(&self, mut reports: mpsc::Receiver<Vec<Report>>) {
        while let Some(reports) = reports.recv().await {
            let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
            for report in reports {
                log(&report);
                // A status that comes after its endpoint has gone is shown no more.
                if let Some(shown) = statuses.get_mut(&report.endpoint) {
                    *shown = Some(show(&report));
                }
            }
            self.publish(&statuses);
        }
    }

    fn retain(&self, present: &BTreeSet<EndpointRef>) {
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        statuses.retain(|endpoint, _| present.contains(endpoint));
        for endpoint in present {
            statuses.entry(endpoint.clone()).or_default();
        }
        self.publish(&statuses);
    }

    fn publish(&self, statuses: &BTreeMap<EndpointRef, Option<Value>>) {
        self.endpoints.store(Arc::new(statuses.values().flatten().cloned().collect()));
    }
}

fn log(report: &Report) {
    let Report { endpoint: EndpointRef { namespace, name }, uid: _, generation, status } = report;
    let Some(ready) = status::find(status, ConditionType::Ready) else { return };
    let (is_ready, reason, message) = (&ready.status, &ready.reason, &ready.message);
    tracing::info!(%namespace, %name, generation, ready = is_ready, reason, message, path = status.path, "an endpoint's status changed");
}

fn show(report: &Report) -> Value {
    let Report { endpoint: EndpointRef { namespace, name }, uid, generation, status } = report;
    json!({
        "apiVersion": "jethook.dev/v1alpha1",
        "kind": "WebhookEndpoint",
        "metadata": {"namespace": **namespace, "name": **name, "uid": uid, "generation": generation},
        "status": status,
    })
}
