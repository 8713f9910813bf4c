//! The metrics page: what each metric is, and its rendering.

use std::fmt::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::histogram::Snapshot;
use super::{Histogram, Metrics, lock};
use crate::outcome::Outcome;

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// The name as it is scraped, `_total` included.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// What is counted, or what a value means.
    pub unit: &'static str,
    /// One line of help, no full stop.
    pub help: &'static str,
    /// What to learn from it, in sentences of Markdown for the book.
    pub tells: &'static str,
    /// Its labels.
    pub labels: &'static [&'static str],
}

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations in buckets.
    Histogram,
}

impl Description {
    /// The name of the family, which a counter's `_total` is no part of.
    #[must_use]
    pub fn family(&self) -> &'static str {
        self.name.strip_suffix("_total").unwrap_or(self.name)
    }
}

macro_rules! metrics {
    ($($constant:ident = $name:literal $kind:ident $unit:literal [$($label:literal),*] $help:literal $tells:literal;)+) => {
        $(const $constant: Description = Description {
            name: $name, kind: Kind::$kind, unit: $unit, help: $help, tells: $tells, labels: &[$($label),*],
        };)+

        /// Every metric, in the order of the page.
        pub const ALL: &[Description] = &[$($constant),+];
    };
}

metrics! {
    DELIVERIES = "jethook_deliveries_total" Counter "requests" ["namespace", "endpoint", "provider", "outcome"]
        "Requests by how they ended; those that no endpoint claims have empty labels"
        "What becomes of deliveries: the share of each outcome. Each request is counted once, by the replica that answered \
         it, also when its sender hung up.";
    DELIVERY_DURATION = "jethook_delivery_duration_seconds" Histogram "seconds" ["provider"]
        "From a request's first byte to its answer"
        "How long senders wait, refused ones included. The 99th percentile belongs below the time after which your most \
         hurried sender gives up.";
    PUBLISH_DURATION = "jethook_publish_duration_seconds" Histogram "seconds" []
        "From the start of a publish to its ack"
        "How much of that wait is NATS's. Where both are slow, look at the stream's leader and its disk; where this one is \
         not, at CPU and at senders whose bodies come slowly.";
    BODY_BYTES = "jethook_body_bytes" Histogram "bytes" [] "Sizes of request bodies that were read whole"
        "How near deliveries come to `receiver.maxBodySize` and to NATS's max_payload.";
    INFLIGHT_BYTES = "jethook_inflight_bytes" Gauge "bytes" [] "Body bytes held in memory"
        "How near a replica is to `receiver.maxBodyMemory`, beyond which it answers 503 (outcome `overloaded`).";
    ENDPOINT_READY = "jethook_endpoint_ready" Gauge "0 or 1" ["namespace", "endpoint"]
        "Whether the endpoint's Ready condition is True as this replica judges it"
        "Which endpoints are closed; their conditions say why. Take the minimum over replicas.";
    LAST_STORED = "jethook_last_stored_timestamp_seconds" Gauge "Unix time in seconds" ["namespace", "endpoint"]
        "When this replica last stored an event of the endpoint, or found it stored"
        "Whether a provider went silent, which may have disabled the webhook. Take the maximum over replicas.";
    KEY_LAST_USED = "jethook_key_last_used_timestamp_seconds" Gauge "Unix time in seconds"
        ["namespace", "endpoint", "secret", "key"]
        "When a key last verified a delivery on this replica: an old one that stays behind may go"
        "When a rotation is over. Take the maximum over replicas.";
    ROUTE_UPDATE = "jethook_route_update_seconds" Histogram "seconds" []
        "From the word of a change to the table that serves it"
        "How soon a change is live once its source has told it.";
    WATCH_LAST_EVENT = "jethook_watch_last_event_timestamp_seconds" Gauge "Unix time in seconds" ["kind"]
        "When the watch of a kind last heard from its source"
        "Whether changes still reach this replica; a watch that is well and quiet counts as heard every two minutes. Kinds are \
         `WebhookEndpoint`, `Secret` and `ClusterWebhookProvider`, those that are watched.";
    NATS_CONNECTED = "jethook_nats_connected" Gauge "0 or 1" [] "Whether NATS is connected"
        "While it is 0, deliveries to this replica are answered 503, or go to its spool.";
    NATS_RECONNECTS = "jethook_nats_reconnects_total" Counter "connections" [] "Times that a connection to NATS came back"
        "Each worker has a connection of its own. What rises again and again is a network, a proxy or a server that is not \
         well.";
    SPOOL_ENTRIES = "jethook_spool_entries" Gauge "events" []
        "Events that wait in the spool; only with a spool, as those below"
        "What this replica answered 2xx while NATS was away and has still to store. Scale down, or turn the spool off, only \
         at 0.";
    SPOOL_BYTES = "jethook_spool_bytes" Gauge "bytes" [] "Bytes of events that wait in the spool"
        "How near it is to `spool.maxBytes`, beyond which deliveries are answered 503; one endpoint may have half of it.";
    SPOOL_REFUSED = "jethook_spool_refused_entries" Gauge "events" []
        "Events in the spool that their stream did not take while NATS was there; they are tried again every minute"
        "Above 0 the log names the stream and its answer: it is full or gone, or takes no message so large.";
    SPOOL_OLDEST = "jethook_spool_oldest_timestamp_seconds" Gauge "Unix time in seconds" []
        "When the oldest event in the spool was put there; 0: it is empty"
        "For how long events have waited. Older than the stream's duplicate window, one may be stored twice.";
    SPOOL_DRAINED = "jethook_spool_drained_total" Counter "events" [] "Events that left the spool for their stream"
        "How quickly the spool empties after an outage.";
    LEADER = "jethook_leader" Gauge "0 or 1" [] "Whether this replica holds the Lease and writes status"
        "Over all replicas the sum is 1. Deliveries do not depend on it; statuses and the default stream do.";
    BUILD_INFO = "jethook_build_info" Gauge "always 1" ["version"] "Always 1; the version is the label"
        "Which versions run, and by its absence that none does.";
}

/// The page in the OpenMetrics text format.
pub(super) fn render(metrics: &Arc<Metrics>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Page(Arc::clone(metrics))));
    let mut page = String::new();
    // Writing to a string can't fail.
    let _ = text::encode(&mut page, &registry);
    page
}

#[derive(Debug)]
struct Page(Arc<Metrics>);

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let metrics = &*self.0;
        encode_endpoints(metrics, &mut encoder)?;
        let mut family = open(&mut encoder, &DELIVERY_DURATION)?;
        for (provider, histogram) in lock(&metrics.durations).iter() {
            histogram_value(&mut family.encode_family(&[("provider", provider.as_str())])?, histogram)?;
        }
        for (description, histogram) in [
            (&PUBLISH_DURATION, &metrics.publish_duration),
            (&BODY_BYTES, &metrics.body_bytes),
            (&ROUTE_UPDATE, &metrics.route_update),
        ] {
            histogram_value(&mut open(&mut encoder, description)?, histogram)?;
        }
        let mut family = open(&mut encoder, &WATCH_LAST_EVENT)?;
        for (kind, seconds) in lock(&metrics.watch_events).iter() {
            family.encode_family(&[("kind", *kind)])?.encode_gauge(seconds)?;
        }
        for (description, value) in [
            (&INFLIGHT_BYTES, metrics.inflight_bytes.load(Ordering::Relaxed)),
            (&NATS_CONNECTED, u64::from(metrics.is_nats_connected.load(Ordering::Relaxed))),
            (&LEADER, u64::from(metrics.is_leader.load(Ordering::Relaxed))),
        ] {
            open(&mut encoder, description)?.encode_gauge(&value)?;
        }
        let reconnects = metrics.nats_reconnects.load(Ordering::Relaxed);
        open(&mut encoder, &NATS_RECONNECTS)?.encode_counter::<NoLabelSet, _, f64>(&reconnects, None)?;
        encode_spool(metrics, &mut encoder)?;
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        open(&mut encoder, &BUILD_INFO)?.encode_family(&version)?.encode_gauge(&1u64)
    }
}

fn encode_spool(metrics: &Metrics, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
    let spool = &metrics.spool;
    let is_on = spool.is_on.load(Ordering::Relaxed);
    for (description, value) in [
        (&SPOOL_ENTRIES, &spool.entries),
        (&SPOOL_BYTES, &spool.bytes),
        (&SPOOL_REFUSED, &spool.refused),
        (&SPOOL_OLDEST, &spool.oldest),
    ] {
        let mut family = open(encoder, description)?;
        if is_on {
            family.encode_gauge(&value.load(Ordering::Relaxed))?;
        }
    }
    let mut family = open(encoder, &SPOOL_DRAINED)?;
    if is_on {
        counter_value(&mut family, spool.drained.load(Ordering::Relaxed))?;
    }
    Ok(())
}

fn encode_endpoints(metrics: &Metrics, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
    let endpoints = lock(&metrics.endpoints);
    let mut sorted: Vec<_> = endpoints.iter().collect();
    sorted.sort_by_key(|(endpoint, _)| *endpoint);
    let mut family = open(encoder, &DELIVERIES)?;
    for outcome in Outcome::ALL {
        let unclaimed = metrics.unclaimed.counted(*outcome);
        count(&mut family, ["", "", ""], *outcome, unclaimed)?;
        for (endpoint, entry) in &sorted {
            let labels = [&*endpoint.namespace, &*endpoint.name, &entry.provider];
            count(&mut family, labels, *outcome, entry.metrics.counted(*outcome))?;
        }
    }
    let mut family = open(encoder, &ENDPOINT_READY)?;
    for (endpoint, entry) in &sorted {
        if let Some(is_ready) = entry.is_ready {
            let labels = [("namespace", &*endpoint.namespace), ("endpoint", &*endpoint.name)];
            family.encode_family(&labels)?.encode_gauge(&u64::from(is_ready))?;
        }
    }
    let mut family = open(encoder, &LAST_STORED)?;
    for (endpoint, entry) in &sorted {
        if let Some(seconds) = entry.metrics.last_stored() {
            let labels = [("namespace", &*endpoint.namespace), ("endpoint", &*endpoint.name)];
            family.encode_family(&labels)?.encode_gauge(&seconds)?;
        }
    }
    let mut family = open(encoder, &KEY_LAST_USED)?;
    for (endpoint, entry) in &sorted {
        for (key, seconds) in entry.metrics.keys() {
            let labels = [
                ("namespace", &*endpoint.namespace),
                ("endpoint", &*endpoint.name),
                ("secret", key.secret.as_str()),
                ("key", key.key.as_str()),
            ];
            family.encode_family(&labels)?.encode_gauge(&seconds)?;
        }
    }
    Ok(())
}

/// A series exists once it was counted.
fn count(
    family: &mut MetricEncoder<'_>,
    [namespace, endpoint, provider]: [&str; 3],
    outcome: Outcome,
    value: u64,
) -> Result<(), Error> {
    if value == 0 {
        return Ok(());
    }
    let labels =
        [("namespace", namespace), ("endpoint", endpoint), ("provider", provider), ("outcome", outcome.label())];
    counter_value(&mut family.encode_family(&labels)?, value)
}

fn counter_value(encoder: &mut MetricEncoder<'_>, value: u64) -> Result<(), Error> {
    encoder.encode_counter::<NoLabelSet, _, f64>(&value, None)
}

fn histogram_value(encoder: &mut MetricEncoder<'_>, histogram: &Histogram) -> Result<(), Error> {
    let Snapshot { sum, count, buckets } = histogram.snapshot();
    encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
}

fn open<'a>(encoder: &'a mut DescriptorEncoder<'_>, description: &'a Description) -> Result<MetricEncoder<'a>, Error> {
    let kind = match description.kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
        Kind::Histogram => MetricType::Histogram,
    };
    encoder.encode_descriptor(description.family(), description.help, None, kind)
}
