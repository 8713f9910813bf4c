//! Every request ends in exactly one outcome: counted, timed, logged, and told as a notice where it is refused.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use http::request::Parts;
use jiff::Timestamp;
use tokio::time::Instant;

use super::RefusalNotice;
use super::handle::Done;
use super::span::Spans;
use super::worker::Common;
use crate::event::Event;
use crate::outcome::{Outcome, Refusal};
use crate::route::{Route, State};
use crate::scheme::Rejection;

/// Refusals logged per second and endpoint.
const LOGGED_PER_SECOND: u32 = 10;

/// One request on its way to its outcome. Dropped before that (the sender hung up, a panic), it still counts.
#[derive(Debug)]
pub(super) struct Tally {
    shared: Rc<Common>,
    route: Option<Arc<Route>>,
    began: Instant,
    client: IpAddr,
    body_bytes: usize,
    hint: Option<&'static str>,
    /// Only with traces on; apart, so that all others need no room for it.
    spans: Option<Box<Spans>>,
    is_finished: bool,
}

impl Tally {
    pub(super) fn begin(shared: &Rc<Common>, began: Instant, client: IpAddr) -> Self {
        Self {
            shared: Rc::clone(shared),
            route: None,
            began,
            client,
            body_bytes: 0,
            hint: None,
            spans: None,
            is_finished: false,
        }
    }

    /// The request belongs to this route.
    pub(super) fn claim(&mut self, route: &Arc<Route>, parts: &Parts) {
        self.route = Some(Arc::clone(route));
        if let Some(traces) = &self.shared.traces {
            let scheme = if self.shared.tls.is_some() { "https" } else { "http" };
            self.spans = Some(Box::new(Spans::begin(traces, route, parts, scheme, self.began)));
        }
    }

    /// The body was read whole.
    #[expect(clippy::cast_precision_loss, reason = "no body has 2^52 bytes")]
    pub(super) fn read(&mut self, body_bytes: usize) {
        self.body_bytes = body_bytes;
        self.shared.metrics.body_bytes.observe(body_bytes as f64);
    }

    /// It is being verified.
    pub(super) fn verify(&mut self) {
        if let (Some(spans), Some(traces)) = (&mut self.spans, &self.shared.traces) {
            spans.verify(traces);
        }
    }

    /// Its event is being published.
    pub(super) fn publish(&mut self, event: &mut Event) {
        if let (Some(spans), Some(traces)) = (&mut self.spans, &self.shared.traces) {
            spans.publish(traces, event);
        }
    }

    /// What may be behind the refusal.
    pub(super) fn suspect(&mut self, hint: Option<&'static str>) {
        self.hint = hint;
    }

    /// The request ends so.
    pub(super) fn finish(mut self, result: &Result<Done, Refusal>) {
        self.end(result);
    }

    fn end(&mut self, result: &Result<Done, Refusal>) {
        if std::mem::replace(&mut self.is_finished, true) {
            return;
        }
        let outcome = match result {
            Ok(done) => done.outcome(),
            Err(refusal) => refusal.outcome(),
        };
        if let Some(spans) = self.spans.take() {
            spans.end(result, outcome, self.body_bytes);
        }
        let Some(route) = &self.route else {
            self.shared.metrics.count_unclaimed(outcome);
            if let Err(refusal) = result {
                self.log_unclaimed(outcome, refusal);
            }
            return;
        };
        let duration = self.began.elapsed();
        route.metrics.count(outcome);
        route.duration.observe_duration(duration);
        if matches!(outcome, Outcome::Stored | Outcome::Duplicate) {
            route.metrics.stored_at(Timestamp::now());
        }
        match result {
            Ok(_) => tracing::debug!(
                namespace = &*route.endpoint.namespace,
                name = &*route.endpoint.name,
                provider = &*route.provider,
                outcome = outcome.label(),
                bytes = self.body_bytes,
                milliseconds = duration.as_secs_f64() * 1000.0,
                "delivery"
            ),
            Err(refusal) => self.refused(route, outcome, refusal),
        }
    }

    fn refused(&self, route: &Route, outcome: Outcome, refusal: &Refusal) {
        let Route { endpoint, provider, .. } = route;
        let (namespace, name, provider) = (&*endpoint.namespace, &*endpoint.name, &**provider);
        let mut reason = refusal.reason();
        if let Some(hint) = self.hint {
            reason = format!("{reason}; {hint}");
        }
        let (client, bytes) = (self.client, self.body_bytes);
        if !self.shared.log_samples.admits(endpoint, LOGGED_PER_SECOND) {
            tracing::debug!(
                namespace, name, provider, outcome = outcome.label(), reason, %client, bytes, "delivery refused"
            );
            return;
        }
        tracing::warn!(
            namespace, name, provider, outcome = outcome.label(), reason, %client, bytes, "delivery refused"
        );
        // Why a route is closed or suspended, its conditions tell.
        if !matches!(refusal, Refusal::Closed | Refusal::Suspended) {
            // One that finds no room is not missed: the next refusal brings another.
            let notice = RefusalNotice {
                endpoint: endpoint.clone(),
                cause: cause(refusal),
                reason,
                keys: suspected(route, refusal),
            };
            let _ = self.shared.notices.try_send(notice);
        }
    }

    /// The path is not shown: it may hold the token of a route that is gone.
    fn log_unclaimed(&self, outcome: Outcome, refusal: &Refusal) {
        if self.shared.log_samples.admits("", LOGGED_PER_SECOND) {
            tracing::warn!(outcome = outcome.label(), reason = refusal.reason(), client = %self.client, "request refused");
        }
    }
}

/// The Secrets whose keys a genuine delivery would not match after a rotation.
fn suspected(route: &Route, refusal: &Refusal) -> Vec<Arc<str>> {
    match (refusal, &route.state) {
        (Refusal::Rejected(Rejection::NoKeyMatched), State::Open(serving)) => {
            let names: BTreeSet<&str> = serving.keys.iter().map(|key| key.secret.as_ref()).collect();
            names.into_iter().map(Arc::from).collect()
        }
        _ => Vec::new(),
    }
}

/// What keeps one kind of refusal from hiding another: a scanner's missing header and a sender's old key are two causes.
fn cause(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Rejected(Rejection::Missing { .. }) => "missing",
        Refusal::Rejected(Rejection::NoKeyMatched) => "no_key_matched",
        Refusal::Rejected(Rejection::NotBound { .. }) => "not_bound",
        Refusal::Rejected(Rejection::Handshake { .. }) => "handshake",
        other => other.outcome().label(),
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let refusal = if std::thread::panicking() { Refusal::Internal } else { Refusal::BrokenBody };
        self.end(&Err(refusal));
    }
}
