//! Every metric: name, help, labels.

mod endpoint;
mod expose;
mod histogram;
mod page;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

pub use endpoint::EndpointMetrics;
pub use expose::{ALL, Description, Kind};
pub use histogram::{Histogram, use_shard};
pub use page::{Alert, page};

use crate::api::EndpointRef;
use crate::outcome::Outcome;

/// How long the series of an endpoint outlive it, so that a last scrape sees them.
const FORGET_AFTER: Duration = Duration::from_mins(10);

/// All metrics. Cheap to update from any thread; rendered on a scrape.
#[derive(Debug)]
pub struct Metrics {
    /// `jethook_publish_duration_seconds`.
    pub publish_duration: Histogram,
    /// `jethook_body_bytes`.
    pub body_bytes: Histogram,
    /// `jethook_inflight_bytes`.
    pub inflight_bytes: AtomicU64,
    /// `jethook_nats_reconnects_total`.
    pub nats_reconnects: AtomicU64,
    /// What the spool holds; there are no values without one.
    pub spool: SpoolMetrics,
    route_update: Histogram,
    durations: Mutex<HashMap<String, Arc<Histogram>>>,
    unclaimed: EndpointMetrics,
    endpoints: Mutex<HashMap<EndpointRef, Entry>>,
    watch_events: Mutex<HashMap<&'static str, i64>>,
    is_nats_connected: AtomicBool,
    is_leader: AtomicBool,
}

/// What the spool holds.
#[derive(Debug, Default)]
pub struct SpoolMetrics {
    /// Whether there is one.
    pub is_on: AtomicBool,
    /// `jethook_spool_entries`.
    pub entries: AtomicU64,
    /// `jethook_spool_bytes`.
    pub bytes: AtomicU64,
    /// `jethook_spool_refused_entries`.
    pub refused: AtomicU64,
    /// `jethook_spool_oldest_timestamp_seconds`; 0: it is empty.
    pub oldest: AtomicU64,
    /// `jethook_spool_drained_total`.
    pub drained: AtomicU64,
}

#[derive(Debug)]
struct Entry {
    metrics: Arc<EndpointMetrics>,
    provider: String,
    is_ready: Option<bool>,
    gone_at: Option<Timestamp>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            publish_duration: Histogram::seconds(),
            body_bytes: Histogram::bytes(),
            inflight_bytes: AtomicU64::default(),
            nats_reconnects: AtomicU64::default(),
            spool: SpoolMetrics::default(),
            route_update: Histogram::seconds(),
            durations: Mutex::default(),
            unclaimed: EndpointMetrics::default(),
            endpoints: Mutex::default(),
            watch_events: Mutex::default(),
            is_nats_connected: AtomicBool::default(),
            is_leader: AtomicBool::default(),
        }
    }
}

impl Metrics {
    /// The counters of an endpoint: the same ones for as long as it is known. Under another provider it starts anew.
    #[must_use]
    pub fn endpoint(&self, endpoint: &EndpointRef, provider: &str) -> Arc<EndpointMetrics> {
        let mut endpoints = lock(&self.endpoints);
        if let Some(entry) = endpoints.get_mut(endpoint)
            && entry.provider == provider
        {
            entry.gone_at = None;
            return Arc::clone(&entry.metrics);
        }
        let metrics = Arc::<EndpointMetrics>::default();
        let entry =
            Entry { metrics: Arc::clone(&metrics), provider: provider.to_owned(), is_ready: None, gone_at: None };
        endpoints.insert(endpoint.clone(), entry);
        metrics
    }

    /// Forgets an endpoint's series 10 minutes after `now`.
    pub fn endpoint_gone(&self, endpoint: &EndpointRef, now: Timestamp) {
        if let Some(entry) = lock(&self.endpoints).get_mut(endpoint) {
            entry.gone_at = Some(now);
            entry.is_ready = None;
        }
    }

    /// Sets `jethook_endpoint_ready`.
    pub fn set_ready(&self, endpoint: &EndpointRef, is_ready: bool) {
        if let Some(entry) = lock(&self.endpoints).get_mut(endpoint) {
            entry.is_ready = Some(is_ready);
        }
    }

    /// `jethook_delivery_duration_seconds` of a provider.
    #[must_use]
    pub fn delivery_duration(&self, provider: &str) -> Arc<Histogram> {
        let mut durations = lock(&self.durations);
        Arc::clone(durations.entry(provider.to_owned()).or_insert_with(|| Arc::new(Histogram::seconds())))
    }

    /// Counts a request that no endpoint claims, under empty labels.
    pub fn count_unclaimed(&self, outcome: Outcome) {
        self.unclaimed.count(outcome);
    }

    /// Adds one `jethook_route_update_seconds` observation: from the source's word to the live table.
    pub fn observe_route_update(&self, value: Duration) {
        self.route_update.observe_duration(value);
    }

    /// Sets `jethook_watch_last_event_timestamp_seconds{kind}`.
    pub fn watch_event(&self, kind: &'static str, now: Timestamp) {
        lock(&self.watch_events).insert(kind, now.as_second());
    }

    /// Sets `jethook_leader`.
    pub fn set_leader(&self, is_leader: bool) {
        self.is_leader.store(is_leader, Ordering::Relaxed);
    }

    /// Sets `jethook_nats_connected`.
    pub fn set_nats_connected(&self, is_connected: bool) {
        self.is_nats_connected.store(is_connected, Ordering::Relaxed);
    }

    /// The metrics page in the OpenMetrics text format. `now` decides whose series have had their ten minutes.
    #[must_use]
    pub fn render(self: &Arc<Self>, now: Timestamp) -> String {
        lock(&self.endpoints)
            .retain(|_, entry| entry.gone_at.is_none_or(|gone| now.duration_since(gone).unsigned_abs() < FORGET_AFTER));
        expose::render(self)
    }
}

/// A poisoned lock still holds good numbers.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::KeyName;

    fn endpoint(name: &str) -> EndpointRef {
        EndpointRef { namespace: "shop".into(), name: name.into() }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn every_described_metric_is_rendered_once_it_has_a_value() {
        let metrics = Arc::new(Metrics::default());
        let github = metrics.endpoint(&endpoint("github"), "github");
        github.count(Outcome::Stored);
        github.stored_at(at(7));
        github.key_used(0, &KeyName { secret: "s".into(), key: "k".into() }, at(8));
        metrics.set_ready(&endpoint("github"), true);
        metrics.delivery_duration("github").observe(0.1);
        metrics.watch_event("Secret", at(9));
        metrics.count_unclaimed(Outcome::NotFound);
        let page = metrics.render(at(10));
        for metric in ALL {
            assert!(page.contains(&format!("# TYPE {} ", metric.family())), "{} is missing:\n{page}", metric.name);
        }
        for line in [
            r#"jethook_deliveries_total{namespace="shop",endpoint="github",provider="github",outcome="stored"} 1"#,
            r#"jethook_deliveries_total{namespace="",endpoint="",provider="",outcome="not_found"} 1"#,
            r#"jethook_last_stored_timestamp_seconds{namespace="shop",endpoint="github"} 7"#,
            r#"jethook_key_last_used_timestamp_seconds{namespace="shop",endpoint="github",secret="s",key="k"} 8"#,
            r#"jethook_endpoint_ready{namespace="shop",endpoint="github"} 1"#,
        ] {
            assert!(page.lines().any(|l| l == line), "{line} is missing:\n{page}");
        }
    }

    #[test]
    fn a_series_exists_once_it_was_counted() {
        let metrics = Arc::new(Metrics::default());
        let _ = metrics.endpoint(&endpoint("quiet"), "github");
        assert!(!metrics.render(at(0)).contains("quiet"));
    }

    #[test]
    fn series_go_ten_minutes_after_their_endpoint() {
        let metrics = Arc::new(Metrics::default());
        metrics.endpoint(&endpoint("old"), "github").count(Outcome::Stored);
        metrics.endpoint_gone(&endpoint("old"), at(1000));
        assert!(metrics.render(at(1599)).contains(r#"endpoint="old""#));
        assert!(!metrics.render(at(1600)).contains(r#"endpoint="old""#));
    }
}
