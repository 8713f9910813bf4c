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

use super::core::{ClusterProvider, Observed, Report, SecretData, SecretRef, Update};
use super::folder::{Folder, Object};
use super::names::{NamedSecrets, Names};
use super::status;
use crate::api::{ConditionStatus, ConditionType, WebhookEndpointSpec};
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
    named: watch::Receiver<Option<Names>>,
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
        named: watch::Receiver<Option<Names>>,
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
    async fn run(mut self, updates: mpsc::Sender<Update>, mut named: watch::Receiver<Option<Names>>) {
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
                    let names = named.borrow_and_update();
                    names.as_ref().map(|names| self.state.name(names.all())).unwrap_or_default()
                }
                _ = poll.tick() => {
                    let Some((folder, is_changed)) = scan(self.folder).await else { return };
                    self.folder = folder;
                    self.hear();
                    if is_changed { self.take_in() } else { Vec::new() }
                }
            };
        }
    }

    /// A directory that can be read has said what it has to say, be it that nothing changed.
    fn hear(&self) {
        if self.folder.is_readable() {
            let now = Timestamp::now();
            for kind in ["WebhookEndpoint", "Secret", "ClusterWebhookProvider"] {
                self.metrics.watch_event(kind, now);
            }
        }
    }

    fn take_in(&mut self) -> Vec<Update> {
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
    endpoints: BTreeMap<EndpointRef, (i64, Result<Arc<WebhookEndpointSpec>, String>)>,
    secrets: BTreeMap<SecretRef, (u64, BTreeMap<String, Secret>)>,
    providers: BTreeMap<String, ClusterProvider>,
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
        let mut providers = BTreeMap::new();
        for (file, object) in objects {
            let (is_first, namespace, name): (_, &str, _) = match object {
                Object::Endpoint(endpoint, spec) => {
                    let is_first = !endpoints.contains_key(endpoint);
                    endpoints.entry(endpoint.clone()).or_insert_with(|| spec.clone());
                    (is_first, &endpoint.namespace, &endpoint.name)
                }
                Object::Provider(name, provider) => {
                    let is_first = !providers.contains_key(&**name);
                    providers.entry(name.to_string()).or_insert_with(|| provider.clone());
                    (is_first, "", name)
                }
                Object::Secret(secret, keys) => {
                    let is_first = !secrets.contains_key(secret);
                    secrets.entry(secret.clone()).or_insert(keys);
                    (is_first, &secret.namespace, &secret.name)
                }
            };
            if !is_first {
                tracing::warn!(file, namespace, %name, "an object is there more than once; the first one counts");
            }
        }
        // The providers first: the endpoints of the same change may use them.
        let mut updates = self.take_providers(providers);
        updates.extend(self.take_endpoints(endpoints));
        updates.extend(self.take_secrets(&secrets));
        updates
    }

    fn take_providers(&mut self, found: BTreeMap<String, ClusterProvider>) -> Vec<Update> {
        let is_changed = !self.has_begun || self.providers != found;
        self.providers = found;
        if is_changed { vec![Update::Providers(self.providers.clone())] } else { Vec::new() }
    }

    fn take_endpoints(
        &mut self,
        found: BTreeMap<EndpointRef, Result<Arc<WebhookEndpointSpec>, String>>,
    ) -> Vec<Update> {
        let gone: Vec<_> = self.endpoints.keys().filter(|known| !found.contains_key(known)).cloned().collect();
        let mut changed = Vec::new();
        for (endpoint, spec) in found {
            let known = self.endpoints.get(&endpoint);
            let generation = match known {
                Some((_, known)) if *known == spec => continue,
                Some((generation, _)) => generation + 1,
                None => 1,
            };
            changed.push(observed(&endpoint, generation, spec.clone()));
            self.endpoints.insert(endpoint, (generation, spec));
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

fn observed(endpoint: &EndpointRef, generation: i64, spec: Result<Arc<WebhookEndpointSpec>, String>) -> Observed {
    Observed {
        endpoint: endpoint.clone(),
        uid: uid(endpoint),
        generation,
        // Files have no age: paths go by namespace and name.
        created: Timestamp::UNIX_EPOCH,
        spec,
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
    let (is_ready, reason, detail) = (&ready.status, &ready.reason, &ready.message);
    let path = status.path.as_deref().unwrap_or_default();
    if *is_ready == ConditionStatus::True.name() {
        tracing::info!(%namespace, %name, generation, ready = is_ready, reason, detail, path, "an endpoint's status changed");
    } else {
        tracing::warn!(%namespace, %name, generation, ready = is_ready, reason, detail, path, "an endpoint's status changed");
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> EndpointRef {
        EndpointRef { namespace: "shop".into(), name: name.into() }
    }

    fn secret_ref() -> SecretRef {
        SecretRef { namespace: "shop".into(), name: "hook".into() }
    }

    fn endpoint(name: &str, provider: &str) -> Object {
        let spec = json!({"provider": provider});
        Object::Endpoint(named(name), Ok(Arc::new(serde_json::from_value(spec).unwrap())))
    }

    fn secret(keys: &[(&str, &str)]) -> Object {
        Object::Secret(secret_ref(), keys.iter().map(|&(key, value)| (key.to_owned(), Secret::from(value))).collect())
    }

    fn take(state: &mut State, objects: &[Object]) -> Vec<String> {
        told(&state.take(objects.iter().map(|object| ("file.yaml", object))))
    }

    fn told(updates: &[Update]) -> Vec<String> {
        let each = updates.iter().map(|update| match update {
            Update::Endpoint(observed) => format!("{} at {}", observed.endpoint.name, observed.generation),
            Update::EndpointGone(endpoint) => format!("{} gone", endpoint.name),
            Update::Endpoints(all) => format!("{} in all", all.len()),
            Update::Providers(all) => format!("{} providers", all.len()),
            Update::Secret(_, None) => "no Secret".to_owned(),
            Update::Secret(_, Some(data)) => {
                let keys: Vec<_> = data.keys.keys().cloned().collect();
                format!("Secret {} with {} of {}", data.resource_version, keys.join("+"), data.key_names.join("+"))
            }
            other => format!("{other:?}"),
        });
        each.collect()
    }

    #[test]
    fn the_first_list_is_whole_and_then_only_changes_are_told() {
        let mut state = State::default();
        assert_eq!(take(&mut state, &[endpoint("a", "x"), endpoint("b", "x")]), ["0 providers", "2 in all"]);
        assert!(take(&mut state, &[endpoint("b", "x"), endpoint("a", "x")]).is_empty());
        assert_eq!(take(&mut state, &[endpoint("a", "y")]), ["b gone", "a at 2"]);
        assert_eq!(take(&mut state, &[endpoint("a", "y"), endpoint("b", "x")]), ["b at 1"]);
        assert_eq!(take(&mut State::default(), &[]), ["0 providers", "0 in all"]);
    }

    #[test]
    fn providers_are_told_before_the_endpoints_that_may_use_them() {
        let provider = |fault: &str| Object::Provider("a.b".into(), Err(fault.to_owned()));
        let mut state = State::default();
        assert_eq!(take(&mut state, &[endpoint("a", "a.b"), provider("x")]), ["1 providers", "1 in all"]);
        assert!(take(&mut state, &[provider("x"), endpoint("a", "a.b")]).is_empty());
        assert_eq!(take(&mut state, &[provider("y"), endpoint("a", "a.b")]), ["1 providers"]);
        assert_eq!(take(&mut state, &[endpoint("a", "a.b")]), ["0 providers"]);
    }

    #[test]
    fn the_first_of_two_counts() {
        let mut state = State::default();
        take(&mut state, &[endpoint("a", "first"), endpoint("a", "second")]);
        let (_, spec) = &state.endpoints[&named("a")];
        assert_eq!(spec.as_ref().unwrap().provider, "first");
    }

    #[test]
    fn only_named_keys_of_named_secrets_are_told() {
        let mut state = State::default();
        let hook = [secret(&[("a", "1"), ("b", "2")])];
        assert_eq!(take(&mut state, &hook), ["0 providers", "0 in all"]);
        let names = |keys: &[&str]| {
            NamedSecrets::from([(secret_ref(), Arc::new(keys.iter().map(|&key| key.to_owned()).collect()))])
        };
        assert_eq!(told(&state.name(&names(&["a"]))), ["Secret 1 with a of a+b", "SecretsRead"]);
        assert_eq!(told(&state.name(&names(&["a", "b"]))), ["Secret 1 with a+b of a+b"]);
        assert!(take(&mut state, &hook).is_empty());
        assert_eq!(take(&mut state, &[secret(&[("a", "3")])]), ["Secret 2 with a of a"]);
        assert_eq!(take(&mut state, &[]), ["no Secret"]);
        assert_eq!(take(&mut state, &hook), ["Secret 3 with a+b of a+b"], "a version never comes twice");
        assert!(told(&state.name(&NamedSecrets::new())).is_empty());
        assert!(take(&mut state, &[]).is_empty());
    }

    #[tokio::test]
    async fn a_directory_is_followed() {
        let folder = std::env::temp_dir().join(format!("jethook-manifests-{}", Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        let write = |name: &str| {
            let text = format!(
                "apiVersion: jethook.dev/v1alpha1\nkind: WebhookEndpoint\nmetadata: {{name: {name}, namespace: shop}}\n\
                 spec: {{provider: github, secretRefs: [{{name: hook}}]}}\n"
            );
            fs::write(folder.join(format!("{name}.yaml")), text).unwrap();
        };
        write("a");
        let (updates, mut updates_in) = mpsc::channel(16);
        let (_named, named_in) = watch::channel(None);
        let (reports, reports_in) = mpsc::channel(1);
        let manifests = Manifests::open(&folder, named_in, updates, Arc::default()).unwrap();
        let running = tokio::spawn(manifests.run(reports_in));
        let mut next = async || {
            let update = tokio::time::timeout(Duration::from_secs(5), updates_in.recv()).await;
            told(&[update.expect("no update").unwrap()]).remove(0)
        };
        assert_eq!(next().await, "Leading(true)");
        assert_eq!(next().await, "0 providers");
        assert_eq!(next().await, "1 in all");
        write("b");
        assert_eq!(next().await, "b at 1");
        fs::rename(folder.join("a.yaml"), folder.join("a.off")).unwrap();
        assert_eq!(next().await, "a gone");
        drop((updates_in, reports));
        write("c");
        tokio::time::timeout(Duration::from_secs(5), running).await.expect("it ends with the controller").unwrap();
        fs::remove_dir_all(&folder).unwrap();
        let gone = Manifests::open(&folder, watch::channel(None).1, mpsc::channel(1).0, Arc::default()).unwrap_err();
        assert!(gone.to_string().starts_with("--manifests /"), "{gone}");
    }

    #[test]
    fn a_uid_is_the_same_everywhere() {
        assert_eq!(uid(&named("orders")), uid(&named("orders")));
        assert_ne!(uid(&named("orders")), uid(&named("order")));
        assert_eq!(Uuid::parse_str(&uid(&named("orders"))).unwrap().get_version_num(), 5);
    }

    #[test]
    fn a_status_that_comes_after_its_endpoint_has_gone_is_not_shown() {
        let shown = Shown::default();
        shown.retain(&[named("a")].into());
        let report = |name: &str| Report {
            endpoint: named(name),
            uid: uid(&named(name)),
            generation: 1,
            status: Arc::default(),
        };
        let (reports, reports_in) = mpsc::channel(2);
        reports.try_send(vec![report("a"), report("gone")]).unwrap();
        drop(reports);
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(shown.run(reports_in));
        let names = |shown: &Shown| {
            let all = shown.endpoints.load();
            all.iter().map(|value| value["metadata"]["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&shown), ["a"]);
        shown.retain(&BTreeSet::new());
        assert!(names(&shown).is_empty());
    }
}
