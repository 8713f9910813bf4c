//! Which endpoints name which Secret, and which stream: an update touches those and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::core::SecretRef;
use super::names::{NamedSecrets, Renamed};
use crate::event::is_within;
use crate::route::EndpointRef;
use crate::stream::Wanted;

/// A Secret's key, as an endpoint names it.
pub(super) type NamedKey = (SecretRef, String);
/// A stream of an endpoint, and the subject filter there.
pub(super) type Target = (String, String);

/// Who depends on what.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Which endpoint names which key. Flat, because nearly every Secret is one endpoint's.
    secrets: BTreeSet<(SecretRef, EndpointRef, String)>,
    streams: BTreeMap<String, BTreeMap<EndpointRef, String>>,
    /// Secrets of which other keys may be named than were told.
    renamed: BTreeSet<SecretRef>,
    are_targets_changed: bool,
    /// As it was told.
    named: Option<NamedSecrets>,
    wanted: Option<Arc<Wanted>>,
}

impl Index {
    /// The endpoints that name a Secret.
    pub(super) fn naming(&self, secret: &SecretRef) -> Vec<EndpointRef> {
        let mut endpoints: Vec<_> = self.naming_keys(secret).map(|(_, endpoint, _)| endpoint.clone()).collect();
        endpoints.dedup();
        endpoints
    }

    fn naming_keys<'a>(&'a self, secret: &'a SecretRef) -> impl Iterator<Item = &'a (SecretRef, EndpointRef, String)> {
        let first = EndpointRef { namespace: "".into(), name: "".into() };
        self.secrets.range((secret.clone(), first, String::new())..).take_while(move |(of, ..)| of == secret)
    }

    /// Whether any endpoint names a Secret.
    pub(super) fn is_named(&self, secret: &SecretRef) -> bool {
        self.naming_keys(secret).next().is_some()
    }

    /// The endpoints that publish to a stream.
    pub(super) fn publishing(&self, stream: &str) -> Vec<EndpointRef> {
        self.streams.get(stream).into_iter().flat_map(BTreeMap::keys).cloned().collect()
    }

    /// The endpoints whose filter is this one, or holds this subject.
    pub(super) fn covering(&self, subject: &str) -> Vec<EndpointRef> {
        let all = self.streams.values().flatten();
        all.filter(|(_, filter)| is_within(subject, filter)).map(|(endpoint, _)| endpoint.clone()).collect()
    }

    /// The streams that endpoints publish to.
    pub(super) fn streams(&self) -> impl Iterator<Item = &String> {
        self.streams.keys()
    }

    /// An endpoint names other keys now.
    pub(super) fn rename(&mut self, endpoint: &EndpointRef, before: &[NamedKey], now: &[NamedKey]) {
        if before == now {
            return;
        }
        self.renamed.extend(before.iter().chain(now).map(|(secret, _)| secret.clone()));
        for (secret, key) in before {
            self.secrets.remove(&(secret.clone(), endpoint.clone(), key.clone()));
        }
        let now = now.iter().map(|(secret, key)| (secret.clone(), endpoint.clone(), key.clone()));
        self.secrets.extend(now);
    }

    /// An endpoint publishes elsewhere now.
    pub(super) fn retarget(&mut self, endpoint: &EndpointRef, before: &[Target], now: &[Target]) {
        if before == now {
            return;
        }
        self.are_targets_changed = true;
        for (stream, _) in before {
            if let Some(by) = self.streams.get_mut(stream) {
                by.remove(endpoint);
                if by.is_empty() {
                    self.streams.remove(stream);
                }
            }
        }
        for (stream, filter) in now {
            self.streams.entry(stream.clone()).or_default().insert(endpoint.clone(), filter.clone());
        }
    }

    /// The Secrets of which other keys are named than before; the first time also where there are none.
    pub(super) fn take_named(&mut self) -> Option<Vec<Renamed>> {
        let is_first = self.named.is_none();
        let mut named = self.named.take().unwrap_or_default();
        let mut changes = Vec::new();
        for secret in std::mem::take(&mut self.renamed) {
            let all: BTreeSet<_> = self.naming_keys(&secret).map(|(.., key)| key.clone()).collect();
            let keys = (!all.is_empty()).then_some(all);
            if named.get(&secret).map(AsRef::as_ref) == keys.as_ref() {
                continue;
            }
            let keys = keys.map(Arc::new);
            match &keys {
                Some(keys) => drop(named.insert(secret.clone(), Arc::clone(keys))),
                None => drop(named.remove(&secret)),
            }
            changes.push((secret, keys));
        }
        self.named = Some(named);
        (is_first || !changes.is_empty()).then_some(changes)
    }

    /// The streams to read where they are others than before, and those that nobody names any more.
    pub(super) fn take_wanted(&mut self) -> Option<(Arc<Wanted>, Vec<String>)> {
        if self.wanted.is_some() && !std::mem::take(&mut self.are_targets_changed) {
            return None;
        }
        self.are_targets_changed = false;
        let filters = |by: &BTreeMap<EndpointRef, String>| by.values().cloned().collect();
        let wanted = Wanted { streams: self.streams.iter().map(|(name, by)| (name.clone(), filters(by))).collect() };
        if self.wanted.as_deref() == Some(&wanted) {
            return None;
        }
        let wanted = Arc::new(wanted);
        let before = self.wanted.replace(Arc::clone(&wanted));
        let names = before.iter().flat_map(|before| before.streams.keys());
        let gone = names.filter(|name| !wanted.streams.contains_key(*name)).cloned().collect();
        Some((wanted, gone))
    }
}
