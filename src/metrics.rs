//! Every metric: name, help, labels.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use crate::outcome::Outcome;
use crate::route::{EndpointRef, KeyName};

/// Counters of one endpoint. Workers hold it through the route; no look-up on the hot path.
#[derive(Debug)]
pub struct EndpointMetrics {
    deliveries: [AtomicU64; Outcome::ALL.len()],
    last_stored_seconds: AtomicI64,
    keys: Mutex<HashMap<KeyName, Arc<AtomicI64>>>,
}

impl EndpointMetrics {
    /// Counts one delivery.
    pub fn count(&self, outcome: Outcome) {
        self.deliveries[outcome.index()].fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that an event was stored (or found stored) at this time.
    pub fn stored_at(&self, now: Timestamp) {
        self.last_stored_seconds.store(now.as_second(), Ordering::Relaxed);
    }
}

/// A histogram of fixed buckets, sharded by worker.
#[derive(Debug, Default)]
pub struct Histogram {}

impl Histogram {
    /// Adds one observation.
    pub fn observe(&self, value: f64) {
        let _ = value;
    }

    /// Adds one duration, in seconds.
    pub fn observe_duration(&self, value: Duration) {
        self.observe(value.as_secs_f64());
    }
}

/// All metrics.
#[derive(Debug, Default)]
pub struct Metrics {
    /// `jethook_publish_duration_seconds`.
    pub publish_duration: Histogram,
    /// `jethook_body_bytes`.
    pub body_bytes: Histogram,
    /// `jethook_inflight_bytes`.
    pub inflight_bytes: AtomicU64,
    /// `jethook_nats_reconnects_total`.
    pub nats_reconnects: AtomicU64,
}

impl Metrics {
    /// The counters of an endpoint: the same ones for as long as it is known.
    #[must_use]
    pub fn endpoint(&self, endpoint: &EndpointRef, provider: &str) -> Arc<EndpointMetrics> {
        let _ = (endpoint, provider);
        unimplemented!()
    }

    /// Forgets an endpoint's series 10 minutes after this.
    pub fn endpoint_gone(&self, endpoint: &EndpointRef) {
        let _ = endpoint;
    }

    /// Sets `jethook_endpoint_ready`.
    pub fn set_ready(&self, endpoint: &EndpointRef, is_ready: bool) {
        let _ = (endpoint, is_ready);
    }

    /// The duration histogram of a provider.
    #[must_use]
    pub fn delivery_duration(&self, provider: &str) -> Arc<Histogram> {
        let _ = provider;
        Arc::default()
    }

    /// Counts a request that no endpoint claims, under empty labels.
    pub fn count_unclaimed(&self, outcome: Outcome) {
        let _ = outcome;
    }

    /// Adds one `jethook_route_update_seconds` observation: from the source's change to the live table.
    pub fn observe_route_update(&self, value: Duration) {
        let _ = value;
    }

    /// Sets `jethook_watch_last_event_timestamp_seconds{kind}`.
    pub fn watch_event(&self, kind: &'static str, now: Timestamp) {
        let _ = (kind, now);
    }

    /// Sets `jethook_leader`.
    pub fn set_leader(&self, is_leader: bool) {
        let _ = is_leader;
    }

    /// Sets `jethook_nats_connected`.
    pub fn set_nats_connected(&self, is_connected: bool) {
        let _ = is_connected;
    }
}
