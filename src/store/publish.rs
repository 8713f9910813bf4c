//! Publish, and try again with the same id until the sender's time limit.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::ack::{Acks, Reply};
use super::connect::{self, ConfigError, Link};
use super::denials::Denials;
use super::gate::Gate;
use crate::config::NatsConfig;
use crate::event::Event;
use crate::metrics::Metrics;
use crate::outcome::NotStored;
use crate::route::Usage;

/// How long one try waits for its ack: an ordinary one takes a millisecond.
const ACK_MAX: Duration = Duration::from_millis(1500);
/// Pause after an answer that says to try again.
const RETRY_AFTER: Duration = Duration::from_millis(100);
/// A sender that waits this long for its answer may wait for a reconnect.
const PATIENT_FROM: Duration = Duration::from_secs(9);

/// `JetStream`'s word that the message is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its sequence in the stream.
    pub sequence: u64,
    /// Whether the stream had it already.
    pub is_duplicate: bool,
}

/// Limits on publishing.
#[derive(Clone, Copy, Debug)]
pub struct PublishLimits {
    /// `--max-inflight-publishes`.
    pub inflight_max: usize,
    /// `--reconnect-wait`.
    pub reconnect_wait: Duration,
    /// `--reconnect-waiters`.
    pub reconnect_waiters_max: usize,
}

/// What all publishers of the process share.
#[derive(Debug)]
pub struct Shared {
    limits: PublishLimits,
    inflight: AtomicUsize,
    waiters: AtomicUsize,
    gates: Mutex<HashMap<Arc<str>, Arc<Gate>>>,
    denials: Arc<Denials>,
    metrics: Arc<Metrics>,
}

impl Shared {
    /// With these limits.
    #[must_use]
    pub fn new(limits: PublishLimits, denials: Arc<Denials>, metrics: Arc<Metrics>) -> Self {
        Self {
            limits,
            inflight: AtomicUsize::new(0),
            waiters: AtomicUsize::new(0),
            gates: Mutex::default(),
            denials,
            metrics,
        }
    }

    fn gate(&self, stream: &Arc<str>) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(gates.entry(Arc::clone(stream)).or_insert_with(|| Arc::new(Gate::new(Instant::now()))))
    }
}

/// One worker's way to `JetStream`: a connection of its own, used on its thread only.
#[derive(Clone, Debug)]
pub struct Publisher(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    link: Link,
    acks: Acks,
    inbox: String,
    shared: Arc<Shared>,
    gates: RefCell<HashMap<Arc<str>, Arc<Gate>>>,
}

/// How one try ended.
enum Attempt {
    Stored(Stored),
    /// Final.
    Failed(NotStored),
    /// Worth another try; what to say if there is no time for one.
    Again(NotStored),
}

impl Publisher {
    /// Opens the connection; returns at once. Call it within a `LocalSet`.
    ///
    /// # Errors
    /// A flag, or the file that it names, that can't be used.
    pub async fn connect(config: &NatsConfig, shared: Arc<Shared>) -> Result<Self, ConfigError> {
        let link = connect::open(config, Arc::clone(&shared.denials)).await?;
        let inbox = link.client.new_inbox();
        let acks = Acks::default();
        spawn_local(take_acks(link.clone(), inbox.clone(), acks.clone(), Arc::clone(&shared)));
        Ok(Self(Rc::new(Inner { link, acks, inbox, shared, gates: RefCell::default() })))
    }

    /// Publishes and waits for the ack, trying again with the same id until `began + time_limit`. Once begun it is to be
    /// driven to its end: spawn it, do not drop it with the sender's connection.
    ///
    /// # Errors
    /// Why the event is not known to be stored.
    pub async fn publish(
        &self,
        event: Event,
        stream: &Arc<str>,
        usage: &Arc<Usage>,
        began: Instant,
        time_limit: Duration,
    ) -> Result<Stored, NotStored> {
        let _slot = Slot::take(&self.0.shared, usage)?;
        let gate = self.gate(stream);
        let deadline = began + time_limit;
        let start = Instant::now();
        let mut has_begun = false;
        let mut patience = None;
        loop {
            if let Err(reason) = self.may_begin(&gate) {
                // What has begun may be stored already, so it is worth the wait whoever the sender is.
                if !has_begun && time_limit < PATIENT_FROM {
                    return Err(reason);
                }
                self.wait(&gate, deadline, &mut patience).await.map_err(|()| reason)?;
                continue;
            }
            patience = None;
            has_begun = true;
            let left = deadline.saturating_duration_since(Instant::now());
            let last = match self.attempt(&event, &gate, left.min(ACK_MAX)).await {
                Attempt::Stored(stored) => {
                    self.0.shared.metrics.publish_duration.observe_duration(start.elapsed());
                    return Ok(stored);
                }
                Attempt::Failed(reason) => return Err(reason),
                Attempt::Again(reason) => reason,
            };
            if Instant::now() + RETRY_AFTER >= deadline {
                return Err(last);
            }
            if last != NotStored::Disconnected {
                sleep(RETRY_AFTER).await;
            }
        }
    }

    /// Sends what is queued and ends the connection, by the deadline.
    pub async fn drain(&self, deadline: Instant) {
        // Past the deadline the connection just ends: whoever waited for an ack has been answered.
        let _ = timeout_at(deadline, self.0.link.client.flush()).await;
        let _ = timeout_at(deadline, self.0.link.client.drain()).await;
    }

    fn may_begin(&self, gate: &Gate) -> Result<(), NotStored> {
        if !self.0.link.state.borrow().is_up {
            return Err(NotStored::Disconnected);
        }
        if gate.admits(Instant::now()) { Ok(()) } else { Err(NotStored::StreamAway) }
    }

    /// Waits until it is worth looking again.
    async fn wait(&self, gate: &Gate, deadline: Instant, patience: &mut Option<Patience>) -> Result<(), ()> {
        let shared = &self.0.shared;
        let patience = match patience {
            Some(patience) => patience,
            None => patience.insert(Patience::take(shared)?),
        };
        let until = deadline.min(patience.since + shared.limits.reconnect_wait);
        let mut state = self.0.link.state.clone();
        let is_up = state.borrow_and_update().is_up;
        let change = async {
            if is_up {
                gate.changes().await;
            } else {
                // An error means that the client is gone; the deadline then ends it.
                let _ = state.changed().await;
            }
        };
        timeout_at(until, change).await.map_err(|_| ())
    }

    async fn attempt(&self, event: &Event, gate: &Gate, most: Duration) -> Attempt {
        let mut pending = self.0.acks.expect();
        let reply_to = format!("{}.{}", self.0.inbox, pending.number());
        let client = &self.0.link.client;
        let limit = client.max_payload();
        let exchange = async {
            let sent = client
                .publish_with_reply_and_headers(
                    event.subject.clone(),
                    reply_to,
                    event.headers.clone(),
                    event.payload.clone(),
                )
                .await;
            match sent {
                Ok(()) => Ok((&mut pending.reply).await.unwrap_or(Reply::Lost)),
                Err(error) => Err(error),
            }
        };
        match timeout(most, exchange).await {
            Err(_) => {
                gate.failed(Instant::now());
                match self.0.shared.denials.has(&event.subject) {
                    true => Attempt::Failed(NotStored::NotPermitted),
                    false => Attempt::Again(NotStored::NoAck),
                }
            }
            Ok(Err(error)) if error.kind() == async_nats::client::PublishErrorKind::MaxPayloadExceeded => {
                Attempt::Failed(NotStored::TooLarge { limit: u64::try_from(limit).unwrap_or(u64::MAX) })
            }
            Ok(Err(_)) | Ok(Ok(Reply::Lost)) => Attempt::Again(NotStored::Disconnected),
            Ok(Ok(Reply::NoResponders)) => {
                gate.failed(Instant::now());
                Attempt::Again(NotStored::NoStream)
            }
            Ok(Ok(Reply::Ack(ack))) => {
                gate.answered();
                self.0.shared.denials.forget(&event.subject);
                Attempt::Stored(Stored { sequence: ack.sequence, is_duplicate: ack.duplicate })
            }
            Ok(Ok(Reply::Refused(code))) => {
                gate.answered();
                judge(code, limit)
            }
        }
    }

    /// The gate of a stream, looked up without a lock once this worker knows it.
    fn gate(&self, stream: &Arc<str>) -> Arc<Gate> {
        if let Some(gate) = self.0.gates.borrow().get(stream) {
            return Arc::clone(gate);
        }
        let gate = self.0.shared.gate(stream);
        self.0.gates.borrow_mut().insert(Arc::clone(stream), Arc::clone(&gate));
        gate
    }
}

/// What an `err_code` means for the sender.
fn judge(code: u64, limit: usize) -> Attempt {
    match code {
        // The same id is being stored right now: not yet a success.
        10158 => Attempt::Again(NotStored::Refused { code }),
        10077 => Attempt::Failed(NotStored::StreamFull),
        10060 => Attempt::Failed(NotStored::OtherStream),
        10054 | 10097 => Attempt::Failed(NotStored::TooLarge { limit: u64::try_from(limit).unwrap_or(u64::MAX) }),
        // Out of resources, no leader, too many in the stream's queue: may pass.
        10023 | 10002 | 10008 | 10047 | 10167 => Attempt::Again(NotStored::Refused { code }),
        _ => Attempt::Failed(NotStored::Refused { code }),
    }
}

/// Takes acks from the inbox, and wakes all who wait when the connection breaks. Subscribes again should that end.
async fn take_acks(link: Link, inbox: String, acks: Acks, shared: Arc<Shared>) {
    let mut state = link.state.clone();
    let mut times_up = 0;
    loop {
        let mut replies = match link.client.subscribe(format!("{inbox}.*")).await {
            Ok(replies) => replies,
            Err(error) => {
                tracing::warn!(%error, "the inbox for acks can't be subscribed to; trying again");
                sleep(RETRY_AFTER).await;
                continue;
            }
        };
        loop {
            tokio::select! {
                reply = replies.next() => match reply {
                    Some(message) => acks.hand_over(&message),
                    None => break,
                },
                changed = state.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let now = *state.borrow_and_update();
                    if now.times_up > times_up.max(1) {
                        shared.metrics.nats_reconnects.fetch_add(1, Ordering::Relaxed);
                    }
                    if !now.is_up || now.times_up != times_up {
                        acks.lose_all();
                    }
                    times_up = now.times_up;
                }
            }
        }
    }
}

/// A place among the publishes in flight, of all and of one endpoint.
struct Slot<'a> {
    shared: &'a Shared,
    usage: &'a Usage,
}

impl<'a> Slot<'a> {
    /// More than a quarter is refused to one endpoint while more than half is used by all.
    fn take(shared: &'a Shared, usage: &'a Usage) -> Result<Self, NotStored> {
        let most = shared.limits.inflight_max;
        let all = shared.inflight.fetch_add(1, Ordering::Relaxed);
        let own = usage.publishes.fetch_add(1, Ordering::Relaxed);
        let slot = Self { shared, usage };
        if all >= most || (all > most / 2 && own >= (most / 4).max(1)) {
            return Err(NotStored::Overloaded);
        }
        Ok(slot)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.shared.inflight.fetch_sub(1, Ordering::Relaxed);
        self.usage.publishes.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A place among those who wait for NATS to come back.
struct Patience {
    shared: Arc<Shared>,
    since: Instant,
}

impl Patience {
    fn take(shared: &Arc<Shared>) -> Result<Self, ()> {
        let place = Self { shared: Arc::clone(shared), since: Instant::now() };
        if shared.waiters.fetch_add(1, Ordering::Relaxed) >= shared.limits.reconnect_waiters_max {
            return Err(());
        }
        Ok(place)
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        self.shared.waiters.fetch_sub(1, Ordering::Relaxed);
    }
}
