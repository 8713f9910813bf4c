//! Pure: a snapshot of endpoints, secrets and streams in, routes and statuses out.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::claims::Claims;
use super::entry::Entry;
use super::index::{Index, NamedKey};
use super::names::Renamed;
use super::status::{self, Spread, Told};
use super::world::{Shift, World};
use crate::api::{
    ClusterWebhookProviderSpec, ConditionStatus, ConditionType, Reason, WebhookEndpointSpec, WebhookEndpointStatus,
    is_cluster_provider,
};
use crate::metrics::Metrics;
use crate::replicas::{Digest, Mark, Roster};
use crate::route::{self, Compiled, EndpointRef, Latch, Route, Table};
pub use crate::secret::SecretData;
use crate::stream::{View, Wanted};

/// For so long it is not told that some replica does not serve a route yet.
const SPREAD_QUIETLY: SignedDuration = SignedDuration::from_millis(500);

/// What a source tells the controller.
#[derive(Clone, Debug)]
pub enum Update {
    /// An endpoint is new or changed.
    Endpoint(Observed),
    /// An endpoint is gone.
    EndpointGone(EndpointRef),
    /// These are all endpoints there are (after a list).
    Endpoints(Vec<Observed>),
    /// A named Secret was read: its named keys, or `None` when it does not exist.
    Secret(SecretRef, Option<SecretData>),
    /// The named Secrets of the first list of endpoints have all been read (or found missing) once.
    SecretsRead,
    /// A provider that the cluster defines is new, changed, or gone.
    Provider(String, Option<ClusterProvider>),
    /// These are all providers that the cluster defines (after a list).
    Providers(BTreeMap<String, ClusterProvider>),
    /// NATS and its streams.
    View(Arc<View>),
    /// Whether this replica holds the Lease.
    Leading(bool),
    /// The other replicas and what they serve.
    Replicas(Arc<Roster>),
}

/// A provider that the cluster defines, or why it does not parse.
pub type ClusterProvider = Result<Arc<ClusterWebhookProviderSpec>, String>;

/// An endpoint as a source saw it.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Whose it is.
    pub endpoint: EndpointRef,
    /// The object's uid.
    pub uid: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// `metadata.creationTimestamp`; all the same in manifests mode.
    pub created: Timestamp,
    /// The spec, or why it does not parse.
    pub spec: Result<Arc<WebhookEndpointSpec>, String>,
    /// The status found on the object; it is there for one that does not parse, too.
    pub status: Option<Arc<WebhookEndpointStatus>>,
}

/// Namespace and name of a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretRef {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

/// A status to report.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Whose status.
    pub endpoint: EndpointRef,
    /// The object's uid: a status is never written to another object of the same name.
    pub uid: String,
    /// The generation that it speaks of.
    pub generation: i64,
    /// The whole status.
    pub status: Arc<WebhookEndpointStatus>,
}

/// What one round of the core brought about.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// Statuses that differ from the last reported ones, times ignored; changed generations first.
    pub reports: Vec<Report>,
    /// Transitions worth a Kubernetes Event.
    pub notices: Vec<Notice>,
    /// The Secrets to read, as far as that changed; the first time also where there are none.
    pub named_secrets: Option<Vec<Renamed>>,
    /// The streams to read, where that changed.
    pub wanted: Option<Arc<Wanted>>,
}

/// Something to tell by a Kubernetes Event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// On which endpoint.
    pub endpoint: EndpointRef,
    /// Its uid.
    pub uid: String,
    /// Normal or Warning.
    pub is_warning: bool,
    /// CamelCase reason.
    pub reason: &'static str,
    /// One sentence.
    pub note: String,
}

/// What the operator's flags say to the core.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What routes depend on.
    pub route: route::Settings,
    /// For how long keys that are gone serve on.
    pub secret_grace: Duration,
    /// Whether streams may be held in memory.
    pub allows_memory_storage: bool,
    /// Whether the providers that the cluster defines are read.
    pub reads_cluster_providers: bool,
}

/// The snapshot, and what was made of it. An update costs what it touches: the endpoint, the rivals for its path, the
/// endpoints that name its Secret or its stream.
#[derive(Debug)]
pub struct Core {
    settings: Settings,
    metrics: Arc<Metrics>,
    /// Boxed: a table that grows is there twice for a moment, and half empty afterwards.
    entries: HashMap<EndpointRef, Box<Entry>>,
    claims: Claims,
    index: Index,
    world: World,
    routes: HashMap<String, Arc<Route>>,
    /// By stream: whether it answers, as all its endpoints see it.
    latches: HashMap<String, Arc<Latch>>,
    /// Endpoints to compile.
    dirty: BTreeSet<EndpointRef>,
    /// Endpoints whose status may differ.
    stale: BTreeSet<EndpointRef>,
    /// Keys whose value changed.
    rotated: BTreeSet<NamedKey>,
    /// What this replica serves.
    digest: Digest,
    roster: Arc<Roster>,
    /// Endpoints that some replica may not serve yet.
    spreading: BTreeSet<EndpointRef>,
    is_leading: bool,
    has_endpoints: bool,
    has_secrets: bool,
    away_since: Option<Timestamp>,
    is_table_changed: bool,
}

impl Core {
    /// An empty core. `now` is when it begins to look for NATS.
    #[must_use]
    pub fn new(settings: Settings, metrics: Arc<Metrics>, now: Timestamp) -> Self {
        Self {
            world: World::new(now, &settings),
            settings,
            metrics,
            entries: HashMap::new(),
            claims: Claims::default(),
            index: Index::default(),
            routes: HashMap::new(),
            latches: HashMap::new(),
            dirty: BTreeSet::new(),
            stale: BTreeSet::new(),
            rotated: BTreeSet::new(),
            digest: Digest::default(),
            roster: Arc::default(),
            spreading: BTreeSet::new(),
            is_leading: false,
            has_endpoints: false,
            has_secrets: false,
            away_since: None,
            is_table_changed: false,
        }
    }

    /// Whether the first full list of endpoints, their Secrets and the cluster's providers has come in.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.has_endpoints && self.has_secrets && self.world.has_providers()
    }

    /// When time alone changes something: a grace that ends, NATS that has been away for long.
    #[must_use]
    pub fn wakes_at(&self, now: Timestamp) -> Option<Timestamp> {
        let since = self.spreading.iter().filter_map(|endpoint| self.entries.get(endpoint)?.spreading_since);
        let spread = since.filter_map(|since| since.saturating_add(SPREAD_QUIETLY).ok()).filter(|at| *at > now).min();
        self.world.wakes_at(now).into_iter().chain(spread).min()
    }

    /// What this replica serves, once its first full table is made.
    #[must_use]
    pub fn digest(&self) -> Option<Arc<Digest>> {
        self.is_complete().then(|| Arc::new(self.digest.clone()))
    }

    /// Takes in what a source tells. Nothing is compiled before [`Self::settle`].
    pub fn apply(&mut self, update: Update, now: Timestamp) {
        match update {
            Update::Endpoint(observed) => self.observe(observed, now),
            Update::EndpointGone(endpoint) => self.remove(&endpoint, now),
            Update::Endpoints(list) => {
                let names: BTreeSet<_> = list.iter().map(|observed| observed.endpoint.clone()).collect();
                let gone: Vec<_> = self.entries.keys().filter(|name| !names.contains(name)).cloned().collect();
                for endpoint in gone {
                    self.remove(&endpoint, now);
                }
                for observed in list {
                    self.observe(observed, now);
                }
                self.is_table_changed |= !self.has_endpoints;
                self.has_endpoints = true;
            }
            Update::Secret(secret, data) => self.set_secret(&secret, data, now),
            Update::SecretsRead => {
                self.is_table_changed |= !self.has_secrets;
                self.has_secrets = true;
            }
            Update::Provider(name, provider) => {
                let changed = self.world.set_provider(name, provider);
                self.touch_providers(&changed, false);
            }
            Update::Providers(all) => {
                let is_first = !self.world.has_providers();
                self.is_table_changed |= is_first;
                let changed = self.world.set_providers(all);
                self.touch_providers(&changed, is_first);
            }
            Update::View(view) => self.set_view(view),
            Update::Leading(is_leading) => {
                if is_leading && !self.is_leading {
                    self.entries.values_mut().for_each(|entry| entry.told.take_over());
                    self.stale.extend(self.entries.keys().cloned());
                }
                self.is_leading = is_leading;
            }
            Update::Replicas(roster) => {
                self.roster = roster;
                self.stale.extend(self.spreading.iter().cloned());
            }
        }
    }

    /// Compiles what the updates touched, and tells what came of it.
    pub fn settle(&mut self, now: Timestamp) -> Round {
        for secret in self.world.end_grace(now) {
            self.dirty.extend(self.index.naming(&secret));
        }
        let away_since = self.world.away_since(now);
        if away_since != self.away_since {
            self.away_since = away_since;
            self.stale.extend(self.entries.keys().cloned());
        }
        while let Some(endpoint) = self.dirty.pop_first() {
            self.compile(&endpoint);
            self.stale.insert(endpoint);
        }
        let mut round = Round::default();
        if self.has_endpoints
            && let Some(renamed) = self.index.take_named()
        {
            for (secret, _) in renamed.iter().filter(|(_, keys)| keys.is_none()) {
                self.world.unname_secret(secret, now);
            }
            round.named_secrets = Some(renamed);
        }
        self.world.forget_secrets(now, |secret| self.index.is_named(secret));
        if let Some((wanted, gone)) = self.index.take_wanted() {
            round.wanted = Some(wanted);
            for stream in gone {
                self.world.forget_stream(&stream);
                self.latches.remove(&stream);
            }
        }
        if self.is_complete() {
            self.tell(now, &mut round);
        }
        round
    }

    /// The table, where it changed since it was last taken; nothing before the first full list is compiled.
    pub fn take_table(&mut self) -> Option<Table> {
        if !self.is_complete() || !std::mem::take(&mut self.is_table_changed) {
            return None;
        }
        Some(Table { is_complete: true, routes: self.routes.clone() })
    }

    fn observe(&mut self, mut observed: Observed, now: Timestamp) {
        let status = observed.status.take();
        let endpoint = observed.endpoint.clone();
        if self.entries.get(&endpoint).is_some_and(|entry| entry.observed.uid != observed.uid) {
            self.remove(&endpoint, now);
        }
        let policy = &self.settings.route.policy;
        let Some(entry) = self.entries.get_mut(&endpoint) else {
            let entry = Entry::new(observed, status, policy);
            if let Some(path) = entry.standing.path() {
                self.claims.add(path, entry.observed.created, &endpoint, &mut self.dirty);
            }
            self.index.rename(&endpoint, &[], &entry.named);
            self.entries.insert(endpoint.clone(), Box::new(entry));
            self.dirty.insert(endpoint);
            return;
        };
        if entry.told.see(status) && self.is_leading {
            self.stale.insert(endpoint.clone());
        }
        if entry.is_same(&observed) {
            return;
        }
        let before = (entry.standing.clone(), entry.observed.created, entry.named.clone());
        entry.update(observed, policy);
        let (standing, created, named) = before;
        if (standing.path(), created) != (entry.standing.path(), entry.observed.created) {
            if let Some(path) = standing.path() {
                self.claims.remove(path, created, &endpoint, &mut self.dirty);
            }
            if let Some(path) = entry.standing.path() {
                self.claims.add(path, entry.observed.created, &endpoint, &mut self.dirty);
            }
        }
        self.index.rename(&endpoint, &named, &entry.named);
        self.dirty.insert(endpoint);
    }

    fn remove(&mut self, endpoint: &EndpointRef, now: Timestamp) {
        let Some(entry) = self.entries.remove(endpoint) else { return };
        if let Some(path) = entry.standing.path() {
            self.claims.remove(path, entry.observed.created, endpoint, &mut self.dirty);
        }
        self.index.rename(endpoint, &entry.named, &[]);
        self.index.retarget(endpoint, &entry.targets, &[]);
        self.withdraw(endpoint, entry.served.as_deref());
        entry.mark.into_iter().for_each(|mark| self.digest.toggle(mark));
        self.spreading.remove(endpoint);
        self.dirty.remove(endpoint);
        self.stale.remove(endpoint);
        self.metrics.endpoint_gone(endpoint, now);
    }

    fn set_secret(&mut self, secret: &SecretRef, data: Option<SecretData>, now: Timestamp) {
        let naming = self.index.naming(secret);
        if naming.is_empty() {
            self.world.unname_secret(secret, now);
        }
        let (is_changed, rotated) = self.world.set_secret(secret, data, now);
        if is_changed {
            self.dirty.extend(naming);
            self.rotated.extend(rotated.into_iter().map(|key| (secret.clone(), key)));
        }
    }

    fn set_view(&mut self, view: Arc<View>) {
        let Shift { is_global, streams, subjects } = self.world.set_view(view, self.index.streams());
        if is_global {
            self.dirty.extend(self.entries.keys().cloned());
        }
        for stream in streams {
            self.dirty.extend(self.index.publishing(&stream));
        }
        for subject in subjects {
            self.dirty.extend(self.index.covering(&subject));
        }
    }

    /// Has the endpoints that use one of these providers compiled again, and those whose provider is still not there: a
    /// name near to it may be.
    fn touch_providers(&mut self, changed: &BTreeSet<String>, is_first: bool) {
        if changed.is_empty() && !is_first {
            return;
        }
        for (endpoint, entry) in &self.entries {
            let Ok(spec) = &entry.observed.spec else { continue };
            let provider = &spec.provider;
            if changed.contains(provider) || (is_cluster_provider(provider) && !self.world.has_provider(provider)) {
                self.dirty.insert(endpoint.clone());
            }
        }
    }

    fn compile(&mut self, endpoint: &EndpointRef) {
        let Some(entry) = self.entries.get_mut(endpoint) else { return };
        let standing = entry.standing.clone();
        let owner = standing.path().and_then(|path| self.claims.owner(path));
        let compiled = entry.compile(owner, &&self.world, &self.settings.route, &self.metrics);
        let Compiled { route, problems, facts, rate: _ } = compiled;
        let targets = facts.targets();
        (entry.problems, entry.facts) = (problems, facts);
        let is_new_target = entry.targets != targets;
        let before = std::mem::replace(&mut entry.targets, targets.clone());
        let stream = entry.facts.stream.clone();
        let path = route.as_ref().map(|route| route.path.clone());
        let Observed { uid, generation, .. } = &entry.observed;
        let mark = route.as_ref().map(|route| Mark::new(uid, *generation, &route.path, route.state.name()));
        if mark != entry.mark {
            entry.mark.into_iter().chain(mark).for_each(|mark| self.digest.toggle(mark));
            entry.mark = mark;
        }
        let served = std::mem::replace(&mut entry.served, path.clone());
        if served != path {
            self.withdraw(endpoint, served.as_deref());
        }
        if let (Some(path), Some(route)) = (path, route) {
            if let Some(stream) = stream {
                route.usage.gate.join(self.latches.entry(stream).or_default());
            }
            self.routes.insert(path, Arc::new(route));
            self.is_table_changed = true;
        }
        if is_new_target {
            self.index.retarget(endpoint, &before, &targets);
            for (stream, _) in targets {
                // A stream that comes into use again may have been read already.
                if self.world.judge(&stream) {
                    self.dirty.insert(endpoint.clone());
                }
            }
        }
    }

    /// Takes a route out of the table, unless the path is another endpoint's by now.
    fn withdraw(&mut self, endpoint: &EndpointRef, path: Option<&str>) {
        if let Some(path) = path
            && self.routes.get(path).is_some_and(|route| route.endpoint == *endpoint)
        {
            self.routes.remove(path);
            self.is_table_changed = true;
        }
    }

    /// On which replicas an endpoint is served; once all of them do, that holds for its generation and path.
    fn spread(&mut self, endpoint: &EndpointRef, now: Timestamp) -> Spread {
        let Some(entry) = self.entries.get_mut(endpoint) else { return Spread::All };
        let (Some(mark), Some(path)) = (entry.mark, &entry.served) else {
            self.spreading.remove(endpoint);
            return Spread::All;
        };
        let generation = entry.observed.generation;
        let is_known = entry.spread.as_ref().is_some_and(|(known, at)| (*known, at) == (generation, path));
        let is_told = || entry.told.last().is_some_and(|status| status::is_programmed(status, generation, path));
        let others = &self.roster.others;
        let agreeing = others.iter().filter(|other| self.digest.agrees(other, mark)).count();
        if is_known || is_told() || (self.roster.is_settled && agreeing == others.len()) {
            entry.spread = Some((generation, path.clone()));
            entry.spreading_since = None;
            self.spreading.remove(endpoint);
            return Spread::All;
        }
        entry.spreading_since.get_or_insert(now);
        self.spreading.insert(endpoint.clone());
        if agreeing == others.len() {
            return Spread::Unheard;
        }
        Spread::Some { serving: agreeing + 1, of: others.len() + 1 }
    }

    /// Computes the statuses that may differ; whoever leads reports those that do.
    fn tell(&mut self, now: Timestamp, round: &mut Round) {
        let rotated = std::mem::take(&mut self.rotated);
        let mut rest = Vec::new();
        let overdue = self.spreading.iter().filter(|endpoint| {
            let since = self.entries.get(*endpoint).and_then(|entry| entry.spreading_since);
            since.is_some_and(|since| now.duration_since(since) >= SPREAD_QUIETLY)
        });
        self.stale.extend(overdue.cloned().collect::<Vec<_>>());
        for endpoint in std::mem::take(&mut self.stale) {
            let spread = self.spread(&endpoint, now);
            let Some(entry) = self.entries.get_mut(&endpoint) else { continue };
            // The others are nearly always there before a status could be written.
            if spread != Spread::All
                && entry.spreading_since.is_none_or(|since| now.duration_since(since) < SPREAD_QUIETLY)
            {
                continue;
            }
            let before = entry.told.last();
            let told = Told {
                generation: entry.observed.generation,
                problems: &entry.problems,
                facts: &entry.facts,
                away_since: self.away_since,
                before,
                spread,
            };
            let status = Arc::new(status::status(told, now));
            self.metrics.set_ready(&endpoint, status::is_ready(&status));
            if !self.is_leading {
                continue;
            }
            round.notices.extend(notices(entry, &status, &rotated));
            let is_changed = before.and_then(|before| before.observed_generation) != status.observed_generation;
            if entry.told.tell(&status) {
                let Observed { uid, generation, .. } = &entry.observed;
                let report = Report { endpoint, uid: uid.clone(), generation: *generation, status };
                if is_changed { round.reports.push(report) } else { rest.push(report) }
            }
        }
        round.reports.append(&mut rest);
    }
}

/// What of a change of status is worth a Kubernetes Event: another reason of `Ready`, and rotated keys.
fn notices(entry: &Entry, status: &WebhookEndpointStatus, rotated: &BTreeSet<NamedKey>) -> Vec<Notice> {
    let Observed { endpoint, uid, .. } = &entry.observed;
    let notice =
        |is_warning, reason, note| Notice { endpoint: endpoint.clone(), uid: uid.clone(), is_warning, reason, note };
    let mut notices = Vec::new();
    for (secret, key) in entry.named.iter().filter(|named| rotated.contains(named)) {
        let in_use = entry.facts.secrets.iter().find(|used| *used.name == *secret.name && used.key == *key);
        if let Some(used) = in_use {
            let note = format!(
                "key \"{key}\" of Secret {}/{} changed; its new value is in use (resourceVersion {})",
                secret.namespace, secret.name, used.resource_version
            );
            notices.push(notice(false, "SecretRotated", note));
        }
    }
    let reason = |status: &WebhookEndpointStatus| {
        let ready = status::find(status, ConditionType::Ready)?;
        let known = Reason::ALL.iter().copied().find(|reason| reason.name() == ready.reason)?;
        Some((known, ready.status.clone(), ready.message.clone()))
    };
    let before = entry.told.last().and_then(reason);
    let Some((now, ready, message)) = reason(status) else { return notices };
    let is_same = before.as_ref().is_some_and(|(before, was_ready, _)| (*before, was_ready) == (now, &ready));
    if is_same || now == Reason::Pending {
        return notices;
    }
    let was_suspended = before.is_some_and(|(before, ..)| before == Reason::Suspended);
    let name = if now == Reason::Ready && was_suspended { "Resumed" } else { now.name() };
    notices.push(notice(ready != ConditionStatus::True.name(), name, message));
    notices
}
