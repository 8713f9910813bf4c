//! Which endpoints name which Secret, and which stream: an update touches those and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::core::{NamedSecrets, SecretRef};
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
    secrets: BTreeMap<SecretRef, BTreeMap<EndpointRef, BTreeSet<String>>>,
    streams: BTreeMap<String, BTreeMap<EndpointRef, String>>,
    are_names_changed: bool,
    are_targets_changed: bool,
    named: Option<Arc<NamedSecrets>>,
    wanted: Option<Arc<Wanted>>,
}

impl Index {
    /// The endpoints that name a Secret.
    pub(super) fn naming(&self, secret: &SecretRef) -> Vec<EndpointRef> {
        self.secrets.get(secret).into_iter().flat_map(BTreeMap::keys).cloned().collect()
    }

    /// Whether any endpoint names a Secret.
    pub(super) fn is_named(&self, secret: &SecretRef) -> bool {
        self.secrets.contains_key(secret)
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
    pub(super) fn rename(&mut self, endpoint: &EndpointRef, before: &BTreeSet<NamedKey>, now: &BTreeSet<NamedKey>) {
        if before == now {
            return;
        }
        self.are_names_changed = true;
        for (secret, _) in before {
            if let Some(by) = self.secrets.get_mut(secret) {
                by.remove(endpoint);
                if by.is_empty() {
                    self.secrets.remove(secret);
                }
            }
        }
        for (secret, key) in now {
            let by = self.secrets.entry(secret.clone()).or_default();
            by.entry(endpoint.clone()).or_default().insert(key.clone());
        }
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

    /// The Secrets to read where they are others than before, and those that nobody names any more.
    pub(super) fn take_named(&mut self) -> Option<(Arc<NamedSecrets>, Vec<SecretRef>)> {
        if self.named.is_some() && !std::mem::take(&mut self.are_names_changed) {
            return None;
        }
        self.are_names_changed = false;
        let keys = |by: &BTreeMap<EndpointRef, BTreeSet<String>>| by.values().flatten().cloned().collect();
        let named: NamedSecrets = self.secrets.iter().map(|(secret, by)| (secret.clone(), keys(by))).collect();
        if self.named.as_deref() == Some(&named) {
            return None;
        }
        let named = Arc::new(named);
        let before = self.named.replace(Arc::clone(&named));
        let gone = before.iter().flat_map(|before| before.keys()).filter(|secret| !named.contains_key(secret)).cloned();
        let gone = gone.collect();
        Some((named, gone))
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
