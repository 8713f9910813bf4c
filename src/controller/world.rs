//! What endpoints depend on beside themselves: Secrets, the cluster's providers, and NATS with its streams.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::core::{ClusterProvider, SecretData, SecretRef, Settings};
use crate::event::is_within;
use crate::route::{ProviderView, SecretState, SecretView, Stream, Surroundings};
use crate::secret::Secret;
use crate::stream::{Connection, View};

/// For how long a Secret that nobody names is kept. The reader may not have noticed that it was not named for a moment, and
/// then reads it no second time.
const FORGET_AFTER: Duration = Duration::from_mins(1);
/// NATS is told to be away once it has been for so long.
const AWAY_AFTER: Duration = Duration::from_secs(30);

/// Secrets, providers and streams as last read.
#[derive(Debug)]
pub(super) struct World {
    secrets: HashMap<SecretRef, SecretEntry>,
    /// Secrets that nobody names, since when.
    unnamed: BTreeMap<SecretRef, Timestamp>,
    providers: Providers,
    streams: HashMap<String, Stream>,
    view: Arc<View>,
    /// When this process began to look.
    began: Timestamp,
    grace: Duration,
    allows_memory: bool,
}

/// The providers that the cluster defines.
#[derive(Debug)]
enum Providers {
    /// This operator reads none.
    Off,
    /// Not listed yet.
    Unread,
    /// These.
    Known(BTreeMap<String, ClusterProvider>),
}

#[derive(Debug)]
struct SecretEntry {
    /// `None`: it does not exist.
    data: Option<SecretData>,
    /// Keys that are gone and serve on, with the resourceVersion that they came with.
    kept: BTreeMap<String, (Secret, String)>,
    /// When each of them ends.
    ends: BTreeMap<String, Timestamp>,
}

/// What a change of the view touches.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shift {
    /// Every endpoint: `max_payload` is another.
    pub(super) is_global: bool,
    /// The streams that are judged otherwise.
    pub(super) streams: Vec<String>,
    /// Subjects and subject filters: endpoints whose filter holds one of them.
    pub(super) subjects: Vec<String>,
}

impl World {
    pub(super) fn new(began: Timestamp, settings: &Settings) -> Self {
        Self {
            secrets: HashMap::new(),
            unnamed: BTreeMap::new(),
            providers: if settings.reads_cluster_providers { Providers::Unread } else { Providers::Off },
            streams: HashMap::new(),
            view: Arc::new(View::default()),
            began,
            grace: settings.secret_grace,
            allows_memory: settings.allows_memory_storage,
        }
    }

    /// Takes in a read of a Secret. True: it differs from what was known; the keys are those whose value is another now.
    pub(super) fn set_secret(
        &mut self,
        secret: &SecretRef,
        data: Option<SecretData>,
        now: Timestamp,
    ) -> (bool, Vec<String>) {
        let Some(entry) = self.secrets.get_mut(secret) else {
            let entry = SecretEntry { data, kept: BTreeMap::new(), ends: BTreeMap::new() };
            self.secrets.insert(secret.clone(), entry);
            return (true, Vec::new());
        };
        if entry.data == data {
            return (false, Vec::new());
        }
        let before = entry.data.take();
        let mut rotated = Vec::new();
        for (key, value) in before.iter().flat_map(|before| &before.keys) {
            let is_gone = data.as_ref().is_none_or(|data| !data.key_names.contains(key));
            if data.as_ref().and_then(|data| data.keys.get(key)).is_some_and(|new| new != value) {
                rotated.push(key.clone());
            }
            // A key that is there and was not read is one that is no longer named.
            if is_gone && !self.grace.is_zero() {
                let version = before.as_ref().map(|before| before.resource_version.clone()).unwrap_or_default();
                entry.ends.insert(key.clone(), now.saturating_add(self.grace).unwrap_or(Timestamp::MAX));
                entry.kept.insert(key.clone(), (value.clone(), version));
            }
        }
        if let Some(data) = &data {
            entry.kept.retain(|key, _| !data.key_names.contains(key));
            entry.ends.retain(|key, _| !data.key_names.contains(key));
        }
        entry.data = data;
        (true, rotated)
    }

    /// Nobody names a Secret any more.
    pub(super) fn unname_secret(&mut self, secret: &SecretRef, now: Timestamp) {
        self.unnamed.entry(secret.clone()).or_insert(now);
    }

    /// Forgets the Secrets that have not been named for a while, and still are not.
    pub(super) fn forget_secrets(&mut self, now: Timestamp, is_named: impl Fn(&SecretRef) -> bool) {
        let secrets = &mut self.secrets;
        self.unnamed.retain(|secret, since| {
            let is_over = now.duration_since(*since).unsigned_abs() >= FORGET_AFTER;
            let is_named = is_named(secret);
            if is_over && !is_named {
                secrets.remove(secret);
            }
            !is_over && !is_named
        });
    }

    /// Ends the grace of keys whose time is over; their Secrets.
    pub(super) fn end_grace(&mut self, now: Timestamp) -> Vec<SecretRef> {
        let mut ended = Vec::new();
        if self.grace.is_zero() {
            return ended;
        }
        for (secret, entry) in &mut self.secrets {
            let before = entry.ends.len();
            entry.ends.retain(|_, end| *end > now);
            if entry.ends.len() < before {
                let SecretEntry { kept, ends, .. } = entry;
                kept.retain(|key, _| ends.contains_key(key));
                ended.push(secret.clone());
            }
        }
        ended
    }

    /// Whether the providers that are to be read have been listed once.
    pub(super) fn has_providers(&self) -> bool {
        !matches!(self.providers, Providers::Unread)
    }

    /// Whether the cluster defines a provider.
    pub(super) fn has_provider(&self, name: &str) -> bool {
        matches!(&self.providers, Providers::Known(known) if known.contains_key(name))
    }

    /// Takes in all providers there are; the names of those that are other than before.
    pub(super) fn set_providers(&mut self, all: BTreeMap<String, ClusterProvider>) -> BTreeSet<String> {
        let before = match std::mem::replace(&mut self.providers, Providers::Off) {
            Providers::Off => return BTreeSet::new(),
            Providers::Unread => BTreeMap::new(),
            Providers::Known(known) => known,
        };
        let names = before.keys().chain(all.keys());
        let changed = names.filter(|name| before.get(*name) != all.get(*name)).cloned().collect();
        self.providers = Providers::Known(all);
        changed
    }

    /// Takes in one provider, or that it is gone; its name where that is news. One that comes before the first list is in
    /// that, too.
    pub(super) fn set_provider(&mut self, name: String, provider: Option<ClusterProvider>) -> BTreeSet<String> {
        let Providers::Known(known) = &mut self.providers else { return BTreeSet::new() };
        if known.get(&name) == provider.as_ref() {
            return BTreeSet::new();
        }
        match provider {
            Some(provider) => known.insert(name.clone(), provider),
            None => known.remove(&name),
        };
        BTreeSet::from([name])
    }

    /// Takes in what is known of NATS.
    pub(super) fn set_view<'a>(&mut self, view: Arc<View>, wanted: impl Iterator<Item = &'a String>) -> Shift {
        let before = std::mem::replace(&mut self.view, view);
        let view = Arc::clone(&self.view);
        let mut streams = Vec::new();
        for name in wanted {
            if self.judge(name) {
                streams.push(name.clone());
            }
        }
        let captured = view.captured_by.iter().filter(|(filter, by)| before.captured_by.get(*filter) != Some(*by));
        let free = before.captured_by.iter().filter(|(filter, _)| !view.captured_by.contains_key(*filter));
        let filters = captured.chain(free).map(|(filter, _)| filter.clone());
        let denied = view.denied.symmetric_difference(&before.denied).cloned();
        Shift { is_global: view.max_payload != before.max_payload, streams, subjects: filters.chain(denied).collect() }
    }

    /// Judges a stream by the view; true when the verdict differs. One that the view does not hold is what it was.
    pub(super) fn judge(&mut self, name: &str) -> bool {
        let Some(state) = self.view.streams.get(name) else { return false };
        let before = self.streams.get(name).unwrap_or(&Stream::Unread);
        let verdict = Stream::judge(state, before, self.view.servers, self.allows_memory);
        if verdict == *before {
            return false;
        }
        self.streams.insert(name.to_owned(), verdict);
        true
    }

    /// Forgets a stream that no endpoint names any more.
    pub(super) fn forget_stream(&mut self, name: &str) {
        self.streams.remove(name);
    }

    /// Since when NATS has been away, if that is long enough to be told.
    pub(super) fn away_since(&self, now: Timestamp) -> Option<Timestamp> {
        self.gone_since().filter(|since| now.duration_since(*since).unsigned_abs() >= AWAY_AFTER && *since <= now)
    }

    /// The next moment at which time alone changes something.
    pub(super) fn wakes_at(&self, now: Timestamp) -> Option<Timestamp> {
        let away = self.gone_since().and_then(|since| since.saturating_add(AWAY_AFTER).ok()).filter(|at| *at > now);
        if self.grace.is_zero() {
            return away;
        }
        let grace = self.secrets.values().flat_map(|entry| entry.ends.values().copied());
        grace.chain(away).min()
    }

    fn gone_since(&self) -> Option<Timestamp> {
        match self.view.connection {
            Connection::Up => None,
            Connection::Never => Some(self.began),
            Connection::Down { since } => Some(since),
        }
    }
}

impl<'a> Surroundings<'a> for &'a World {
    fn secret(&self, namespace: &str, name: &str) -> SecretView<'a> {
        let world: &'a World = self;
        match world.secrets.get(&SecretRef { namespace: namespace.into(), name: name.into() }) {
            None => SecretView { state: SecretState::Unread, kept: None },
            Some(entry) => SecretView {
                state: entry.data.as_ref().map_or(SecretState::Missing, SecretState::Found),
                kept: Some(&entry.kept),
            },
        }
    }

    fn provider(&self, name: &str) -> ProviderView<'a> {
        let world: &'a World = self;
        match &world.providers {
            Providers::Off => ProviderView::Off,
            Providers::Unread => ProviderView::Unread,
            Providers::Known(known) => match known.get(name) {
                Some(Ok(provider)) => ProviderView::Found(provider),
                Some(Err(fault)) => ProviderView::Broken(fault),
                None => ProviderView::missing(name, known.keys().map(String::as_str)),
            },
        }
    }

    fn stream(&self, name: &str) -> &'a Stream {
        let world: &'a World = self;
        world.streams.get(name).unwrap_or(&Stream::Unread)
    }

    fn captured_by(&self, filter: &str) -> &'a [String] {
        let world: &'a World = self;
        world.view.captured_by.get(filter).map(Vec::as_slice).unwrap_or_default()
    }

    fn denied(&self, filter: &str) -> Option<&'a str> {
        let world: &'a World = self;
        world.view.denied.iter().map(String::as_str).find(|subject| is_within(subject, filter))
    }

    fn max_payload(&self) -> Option<u64> {
        self.view.max_payload
    }
}
