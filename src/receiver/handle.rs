//! The life of a delivery: find the route, check, read, verify, store, answer.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use governor::clock::{Clock, DefaultClock};
use http::request::Parts;
use http::{Method, Request, StatusCode, Version, header};
use http_body::Body;
use hyper::body::Incoming;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::body::{self, BodyError};
use super::connection::{Connection, Exchange};
use super::hint;
use super::reply::{self, Answer};
use super::tally::Tally;
use super::worker::Worker;
use super::{Publish, Shared};
use crate::event::Event;
use crate::fetch::Trust;
use crate::outcome::{Outcome, Refusal};
use crate::route::{Route, Serving, State};
use crate::scheme::{Delivery, FetchedKeys, Rejection, Reply, UrlOrigin, Verdict};
use crate::store::Kept;

/// Bodies above this are verified off the worker, which has others to serve.
const ON_WORKER_BYTES_MAX: usize = 256 * 1024;
/// A handshake that comes unsigned is looked for in bodies up to this only.
const HANDSHAKE_BYTES_MAX: usize = 8 * 1024;

/// How a request ended well.
#[derive(Clone, Debug)]
pub(super) enum Done {
    /// In the stream, now or already, or on its way there from the spool.
    Stored {
        /// Stored, duplicate or spooled.
        outcome: Outcome,
        /// What the sender is told as the event's id.
        id: String,
        /// The entry's own answer.
        reply: Option<Reply>,
    },
    /// An event that nobody asked for.
    Filtered {
        /// The entry's own answer.
        reply: Option<Reply>,
    },
    /// A handshake, with its answer.
    Greeted(Reply),
}

impl Done {
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Stored { outcome, .. } => *outcome,
            Self::Filtered { .. } => Outcome::Filtered,
            Self::Greeted(_) => Outcome::Handshake,
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Stored { reply: Some(reply), .. } | Self::Filtered { reply: Some(reply) } | Self::Greeted(reply) => {
                reply.status
            }
            Self::Stored { reply: None, .. } | Self::Filtered { reply: None } => StatusCode::OK,
        }
    }
}

/// Handles one request from its head to its answer.
pub(super) fn handle<P: Publish>(
    worker: Rc<Worker<P>>,
    connection: &Rc<Connection>,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Answer, Infallible>> + use<P> {
    let version = request.version();
    let exchange = connection.begin(version);
    let (parts, mut body) = request.into_parts();
    let client = worker.shared.trust.client(connection.peer, &parts.headers);
    let mut tally = Some(Tally::begin(&worker.shared, exchange.began, client));
    let mut call = Call { parts, has_path_token: false, began: exchange.began };
    // Begun outside, and awaited where it is made: what a future moves about inside of it, it has room for twice.
    async move {
        let result = AssertUnwindSafe(deliver(&worker, &exchange, &mut call, &mut body, &mut tally, client))
            .catch_unwind()
            .await;
        let shared = &worker.shared;
        let result = result.unwrap_or(Err(Refusal::Internal));
        let result = result.map_err(|refusal| limit_refusals(shared, client, refusal));
        if let Some(tally) = tally {
            tally.finish(&result);
        }
        let is_last = shared.is_draining.load(Ordering::Relaxed) || !body.is_end_stream();
        // HTTP/2 has no such header: it ends streams and connections by frames.
        let is_told = is_last && version != Version::HTTP_2;
        Ok(reply::answer(result, if is_told { reply::Connection::Close } else { reply::Connection::Keep }))
    }
}

/// The pipeline. Nothing but the path and the sizes is looked at before the signature is right; whoever publishes takes
/// the tally along.
async fn deliver<P: Publish>(
    worker: &Rc<Worker<P>>,
    exchange: &Exchange,
    call: &mut Call,
    body: &mut Incoming,
    tally: &mut Option<Tally>,
    client: std::net::IpAddr,
) -> Result<Done, Refusal> {
    let shared = &**worker.shared;
    check_head(&call.parts, &shared.config)?;
    let route = call.find_route(shared)?;
    if let Some(tally) = tally {
        tally.claim(&route, &call.parts);
    }
    let serving = open(&route, &call.parts.method)?;
    check_source(serving, client)?;
    check_body(serving, &call.parts, body)?;
    let greets_by_body = serving.scheme.greets_by_body();
    if !greets_by_body && let Some(greeting) = call.greet(serving, &[])? {
        return Ok(greeting);
    }
    let payload = read_body(shared, &route, serving, exchange, body).await?;
    exchange.complete();
    if let Some(tally) = tally {
        tally.read(payload.len());
        tally.verify();
    }
    let small_body = if payload.len() <= HANDSHAKE_BYTES_MAX { &payload[..] } else { &[] };
    if greets_by_body && let Some(greeting) = call.greet(serving, small_body)? {
        return Ok(greeting);
    }
    // What few deliveries need is boxed: every request makes room for, and moves, all that is not.
    let judged = if serving.scheme.fetches() {
        Box::pin(judge_with_keys(shared, call.take(), &route, serving, exchange.began, payload)).await
    } else if payload.len() > ON_WORKER_BYTES_MAX {
        Box::pin(judge_off_worker(Arc::new(call.take()), &route, None, payload)).await
    } else {
        let judged = judge(call, &route, serving, None, &payload);
        if let (Err(refusal), Some(tally)) = (&judged, tally.as_mut()) {
            tally.suspect(hint(shared, &route, serving, refusal, &call.delivery(&payload)));
        }
        judged
    };
    match judged? {
        Judged::Greeting(reply) => Box::pin(confirm(shared, &route, serving, exchange.began, reply)).await,
        Judged::Filtered => Ok(Done::Filtered { reply: serving.scheme.answer().cloned() }),
        Judged::Event(event) => {
            let time_limit = serving.time_limit;
            publish(Rc::clone(worker), route, (exchange.began, time_limit), event, tally.take()).await
        }
    }
}

/// Judges with keys that are fetched; once more with newer ones where those known do not verify it and none is named.
async fn judge_with_keys(
    shared: &Shared,
    call: Call,
    route: &Arc<Route>,
    serving: &Serving,
    began: Instant,
    payload: Bytes,
) -> Result<Judged, Refusal> {
    let call = Arc::new(call);
    let request = serving.scheme.key_request(&serving.keyring, &call.delivery(&payload)).map_err(Refusal::Rejected)?;
    let Some(request) = request else { return judge(&call, route, serving, None, &payload) };
    let judge_with = async |keys: Arc<FetchedKeys>| {
        if payload.len() > ON_WORKER_BYTES_MAX {
            return judge_off_worker(Arc::clone(&call), route, Some(keys), payload.clone()).await;
        }
        judge(&call, route, serving, Some(&keys), &payload)
    };
    let (trust, deadline) = (trust(route), began + serving.time_limit);
    let fetched = shared.keys.keys(&request, trust, deadline).await.map_err(|_| Refusal::KeysAway)?;
    let judged = judge_with(fetched.keys).await;
    let may_be_newer = request.key_id.is_none() && request.origin != UrlOrigin::Request && fetched.begun < began;
    if !may_be_newer || !matches!(judged, Err(Refusal::Rejected(Rejection::NoKeyMatched))) {
        return judged;
    }
    let fetched = shared.keys.newer(&request, trust, began, deadline).await.map_err(|_| Refusal::KeysAway)?;
    judge_with(fetched.keys).await
}

/// Gives the answer to a handshake, after the visit that it asks for.
async fn confirm(
    shared: &Shared,
    route: &Route,
    serving: &Serving,
    began: Instant,
    reply: Reply,
) -> Result<Done, Refusal> {
    if let Some(url) = &reply.visit {
        let visit = shared.keys.visit(url, trust(route), began + serving.time_limit);
        visit.await.map_err(|_| Refusal::KeysAway)?;
    }
    Ok(Done::Greeted(reply))
}

fn trust(route: &Route) -> Trust {
    if route.is_built_in() { Trust::Catalogue } else { Trust::Namespace }
}

/// The request's head and what is known of it.
#[derive(Debug)]
struct Call {
    parts: Parts,
    has_path_token: bool,
    /// When its first byte came.
    began: Instant,
}

impl Call {
    /// The call itself, for whoever is to own it; an empty one stays.
    fn take(&mut self) -> Self {
        let (empty, ()) = Request::new(()).into_parts();
        let parts = std::mem::replace(&mut self.parts, empty);
        Self { parts, has_path_token: self.has_path_token, began: self.began }
    }

    fn find_route(&mut self, shared: &Shared) -> Result<Arc<Route>, Refusal> {
        let table = shared.routes.load();
        let Some(found) = table.find(self.parts.uri.path()).filter(|_| table.is_complete) else {
            return Err(if table.is_complete { Refusal::UnknownPath } else { Refusal::Closed });
        };
        self.has_path_token = found.path_token.is_some();
        Ok(Arc::clone(found.route))
    }

    fn delivery<'a>(&'a self, body: &'a [u8]) -> Delivery<'a> {
        let path = self.parts.uri.path();
        Delivery {
            method: &self.parts.method,
            path,
            query: self.parts.uri.query(),
            path_token: path.rsplit_once('/').map(|(_, token)| token).filter(|_| self.has_path_token),
            headers: &self.parts.headers,
            body,
        }
    }

    fn greet(&self, serving: &Serving, body: &[u8]) -> Result<Option<Done>, Refusal> {
        match serving.scheme.greet(&serving.keyring, &self.delivery(body)) {
            Some(Ok(reply)) => Ok(Some(Done::Greeted(reply))),
            Some(Err(rejection)) => Err(Refusal::Rejected(rejection)),
            None => Ok(None),
        }
    }
}

fn received(began: Instant, now: Timestamp) -> Timestamp {
    let ago = SignedDuration::try_from(began.elapsed()).unwrap_or_default();
    now.checked_sub(ago).unwrap_or(now)
}

fn check_head(parts: &Parts, config: &crate::config::ReceiverConfig) -> Result<(), Refusal> {
    let uri_bytes = parts.uri.path_and_query().map_or(0, |path| path.as_str().len());
    if uri_bytes as u64 > config.max_uri_size {
        return Err(Refusal::UriTooLong);
    }
    // Each line as it was sent: name, colon, blank, value, line end.
    let header_bytes: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if (uri_bytes + header_bytes) as u64 > config.max_header_size {
        return Err(Refusal::HeadersTooLarge);
    }
    if parts.headers.get_all(header::HOST).iter().nth(1).is_some() {
        return Err(Refusal::TwoHosts);
    }
    Ok(())
}

fn open<'a>(route: &'a Route, method: &Method) -> Result<&'a Serving, Refusal> {
    if !route.methods.contains(method) {
        return Err(Refusal::Method(route.methods.clone()));
    }
    match &route.state {
        State::Open(serving) => Ok(serving),
        State::Suspended => Err(Refusal::Suspended),
        State::Closed => Err(Refusal::Closed),
    }
}

fn check_source(serving: &Serving, client: std::net::IpAddr) -> Result<(), Refusal> {
    let ranges = &serving.source_ranges;
    if ranges.is_empty() || ranges.iter().any(|range| range.contains(&client)) {
        return Ok(());
    }
    Err(Refusal::Address)
}

/// Size and encoding, as the head declares them.
fn check_body(serving: &Serving, parts: &Parts, body: &Incoming) -> Result<(), Refusal> {
    if body.size_hint().exact().is_some_and(|bytes| bytes > serving.body_bytes_max) {
        return Err(too_large(serving));
    }
    let mut encodings = parts.headers.get_all(header::CONTENT_ENCODING).iter();
    let is_encoded = encodings.any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if is_encoded && !serving.scheme.signs_encoded() {
        return Err(Refusal::EncodedBody);
    }
    Ok(())
}

fn too_large(serving: &Serving) -> Refusal {
    Refusal::TooLarge { endpoint: serving.limits.endpoint, nats: serving.limits.nats }
}

async fn read_body(
    shared: &Shared,
    route: &Route,
    serving: &Serving,
    exchange: &Exchange,
    body: &mut Incoming,
) -> Result<Bytes, Refusal> {
    let limits = body::Limits {
        memory: &shared.memory,
        usage: &route.usage,
        bytes_max: serving.body_bytes_max,
        rate_min: shared.config.min_body_rate,
        deadline: exchange.began + shared.config.request_timeout,
    };
    body::read(body, &limits).await.map_err(|error| match error {
        BodyError::TooLarge => too_large(serving),
        BodyError::TooSlow => Refusal::SlowBody,
        BodyError::Broken => Refusal::BrokenBody,
        BodyError::NoMemory => Refusal::Overloaded,
    })
}

/// What a whole request turns out to be.
enum Judged {
    Event(Event),
    Filtered,
    Greeting(Reply),
}

async fn judge_off_worker(
    call: Arc<Call>,
    route: &Arc<Route>,
    keys: Option<Arc<FetchedKeys>>,
    payload: Bytes,
) -> Result<Judged, Refusal> {
    let route = Arc::clone(route);
    let judging = tokio::task::spawn_blocking(move || match &route.state {
        State::Open(serving) => judge(&call, &route, serving, keys.as_deref(), &payload),
        State::Suspended | State::Closed => Err(Refusal::Closed),
    });
    judging.await.unwrap_or(Err(Refusal::Internal))
}

/// Why no key matches, if that can be found out; tried at most once a minute for an endpoint.
fn hint(
    shared: &Shared,
    route: &Route,
    serving: &Serving,
    refusal: &Refusal,
    delivery: &Delivery<'_>,
) -> Option<&'static str> {
    let is_due = *refusal == Refusal::Rejected(Rejection::NoKeyMatched)
        && delivery.body.len() <= hint::BODY_BYTES_MAX
        && shared.hints.admits(&route.endpoint, 1);
    is_due.then(|| hint::find(serving, delivery, Timestamp::now()))?
}

/// Verify, count against the rate, filter, build the event: all that needs no waiting.
fn judge(
    call: &Call,
    route: &Route,
    serving: &Serving,
    fetched: Option<&FetchedKeys>,
    payload: &Bytes,
) -> Result<Judged, Refusal> {
    let now = Timestamp::now();
    let delivery = call.delivery(payload);
    let verified =
        match serving.scheme.verify_with(&serving.keyring, fetched, &delivery, now).map_err(Refusal::Rejected)? {
            Verdict::Event(verified) => verified,
            Verdict::Greeting(reply) => return Ok(Judged::Greeting(reply)),
        };
    for &number in verified.keys() {
        if let Some(key) = serving.keys.get(number) {
            route.metrics.key_used(number, key, now);
        }
    }
    if let Some(rate) = &serving.rate {
        rate.check().map_err(|until| Refusal::Rate(until.wait_time_from(DefaultClock::default().now())))?;
    }
    if !serving.filter.accepts(verified.event()) {
        return Ok(Judged::Filtered);
    }
    let event = Event::new(&serving.message, &verified, &delivery, payload.clone(), received(call.began, now));
    Ok(Judged::Event(event))
}

/// Publishes. A sender that hangs up does not cancel it, and its outcome is counted in any case.
fn publish<P: Publish>(
    worker: Rc<Worker<P>>,
    route: Arc<Route>,
    (began, time_limit): (Instant, Duration),
    mut event: Event,
    mut tally: Option<Tally>,
) -> Unstoppable<P, impl Future<Output = Result<Done, Refusal>>> {
    if let Some(tally) = &mut tally {
        tally.publish(&mut event);
    }
    let publisher = worker.publisher.clone();
    let id = event.id.clone();
    let publishing = async move {
        let result = match publisher.publish(event, &route.usage, began, time_limit).await {
            Ok(kept) => {
                let outcome = match kept {
                    Kept::InStream(stored) if stored.is_duplicate => Outcome::Duplicate,
                    Kept::InStream(_) => Outcome::Stored,
                    Kept::Spooled => Outcome::Spooled,
                };
                let reply = match &route.state {
                    State::Open(serving) => serving.scheme.answer().cloned(),
                    State::Suspended | State::Closed => None,
                };
                Ok(Done::Stored { outcome, id, reply })
            }
            Err(not_stored) => Err(Refusal::NotStored(not_stored)),
        };
        if let Some(tally) = tally {
            tally.finish(&result);
        }
        result
    };
    Unstoppable { work: Some(Box::pin(publishing)), worker }
}

/// Work that goes on in a task of its own when whoever waits for it goes away. Most never do, and are spared the task.
struct Unstoppable<P: Publish, F: Future<Output: 'static> + 'static> {
    work: Option<Pin<Box<F>>>,
    worker: Rc<Worker<P>>,
}

impl<P: Publish, F: Future<Output: 'static>> Future for Unstoppable<P, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<F::Output> {
        // Taken out meanwhile: work that panics is not gone on with.
        let Some(mut work) = self.work.take() else { return Poll::Pending };
        let polled = work.as_mut().poll(ctx);
        if polled.is_pending() {
            self.work = Some(work);
        }
        polled
    }
}

impl<P: Publish, F: Future<Output: 'static> + 'static> Drop for Unstoppable<P, F> {
    fn drop(&mut self) {
        // Once the worker has ended there is no runtime to go on in.
        if let Some(work) = self.work.take().filter(|_| !self.worker.has_ended.get()) {
            drop(self.worker.tasks.spawn_local(work));
        }
    }
}

/// With `--refusals-per-second`, an address that guesses gets 429 in place of 401 and 404. What verifies is never refused.
fn limit_refusals(shared: &Shared, client: std::net::IpAddr, refusal: Refusal) -> Refusal {
    let limit = shared.config.refusals_per_second;
    let is_guess = matches!(refusal.status().as_u16(), 401 | 404);
    if limit == 0 || !is_guess || shared.refusals.admits(network(client), limit) {
        return refusal;
    }
    Refusal::RefusalRate(Duration::from_secs(1))
}

/// An IPv6 host has a /64 of addresses to itself.
fn network(client: std::net::IpAddr) -> std::net::IpAddr {
    match client {
        std::net::IpAddr::V4(_) => client,
        std::net::IpAddr::V6(address) => std::net::Ipv6Addr::from(address.to_bits() >> 64 << 64).into(),
    }
}
