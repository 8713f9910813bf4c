//! The counters of one endpoint.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use jiff::Timestamp;

use super::lock;
use crate::api::KeyName;
use crate::outcome::Outcome;

/// Counters of one endpoint. Workers hold it through the route: no look-up on the hot path.
#[derive(Debug, Default)]
pub struct EndpointMetrics {
    deliveries: [AtomicU64; Outcome::ALL.len()],
    last_stored_seconds: AtomicI64,
    keys: Mutex<HashMap<KeyName, i64>>,
    /// Second and number of the key that was noted last: the lock is taken once a second, not once a delivery.
    last_key: AtomicI64,
}

impl EndpointMetrics {
    /// Counts one delivery.
    pub fn count(&self, outcome: Outcome) {
        if let Some(counter) = self.deliveries.get(outcome.index()) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many ended so.
    #[must_use]
    pub fn counted(&self, outcome: Outcome) -> u64 {
        self.deliveries.get(outcome.index()).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// Notes that an event was stored, or found stored, at this time.
    pub fn stored_at(&self, now: Timestamp) {
        // A plain read is shared by all cores, a write is not, and it is news once a second only.
        if self.last_stored_seconds.load(Ordering::Relaxed) != now.as_second() {
            self.last_stored_seconds.store(now.as_second(), Ordering::Relaxed);
        }
    }

    /// Notes that the endpoint's key of this number verified a delivery at this time.
    pub fn key_used(&self, number: usize, key: &KeyName, now: Timestamp) {
        let mark = (now.as_second() << 8) | i64::try_from(number & 0xff).unwrap_or_default();
        if self.last_key.load(Ordering::Relaxed) == mark {
            return;
        }
        self.last_key.store(mark, Ordering::Relaxed);
        let mut keys = lock(&self.keys);
        match keys.get_mut(key) {
            Some(seconds) => *seconds = now.as_second(),
            None => drop(keys.insert(key.clone(), now.as_second())),
        }
    }

    /// Forgets the keys that are no longer named.
    pub fn retain_keys(&self, named: &[KeyName]) {
        lock(&self.keys).retain(|key, _| named.contains(key));
    }

    pub(super) fn last_stored(&self) -> Option<i64> {
        Some(self.last_stored_seconds.load(Ordering::Relaxed)).filter(|seconds| *seconds != 0)
    }

    pub(super) fn keys(&self) -> Vec<(KeyName, i64)> {
        let mut keys: Vec<_> = lock(&self.keys).iter().map(|(key, seconds)| (key.clone(), *seconds)).collect();
        keys.sort();
        keys
    }
}
