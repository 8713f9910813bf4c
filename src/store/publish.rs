//! Publish, and try again with the same id until the sender's time limit.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::Client;
use async_nats::client::PublishErrorKind;

use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::spawn_local;
use tokio::time::{Instant, interval, sleep, timeout_at};

use super::ack::{Acks, Reply};
use super::connect::{self, Link, Voice};
use super::credential::ConfigError;
use super::outgoing::Outgoing;
use super::shared::{Patience, Shared, Slot};
use crate::config::NatsConfig;
use crate::event::Event;
use crate::outcome::NotStored;
use crate::route::{Gate, Pass, Usage};

/// How long one try waits for its ack: an ordinary one takes a millisecond.
const ACK_MAX: Duration = Duration::from_millis(1500);
/// Less is left to no try: an ack that had no time to come says nothing of the stream.
const ACK_MIN: Duration = Duration::from_millis(250);
/// What the first try has in any case: the sender of a body that took all its time may still be there.
const FIRST_TRY: Duration = Duration::from_millis(500);
/// How often it is looked for tries that have had their time: a timer for each would cost as much as its hash.
const EXPIRE_EVERY: Duration = Duration::from_millis(50);
/// Pause after an answer that says to try again; up to half of it more, so that many do not come back at once.
const RETRY_AFTER: Duration = Duration::from_millis(100);
/// How often those who wait for a stream look whether it is back.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// With a spool: how long NATS is tried before an event goes to disk.
const BEFORE_SPOOL: Duration = Duration::from_millis(1500);
/// How long a large body from the spool may take.
const LARGE_RESEND: Duration = Duration::from_secs(30);
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

/// Where an event is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In its stream.
    InStream(Stored),
    /// On disk in the spool, until NATS is back.
    Spooled,
}

/// One worker's way to `JetStream`: a connection of its own, used on its thread only.
#[derive(Clone, Debug)]
pub struct Publisher(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    link: Link,
    acks: Acks,
    inbox: String,
    /// What the subjects of the `JetStream` API begin with.
    api: String,
    shared: Arc<Shared>,
}

/// How one try ended.
enum Attempt {
    Stored(Stored),
    /// Final.
    Failed(NotStored),
    /// Worth another try; what to say if there is no time for one.
    Again(NotStored),
}

/// Whether a first try waits for a reconnect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patient {
    Yes,
    No,
}

impl Publisher {
    /// Opens the connection; returns at once. Call it within a `LocalSet`.
    ///
    /// # Errors
    /// A flag, or the file that it names, that can't be used.
    pub async fn connect(config: &NatsConfig, shared: Arc<Shared>) -> Result<Self, ConfigError> {
        let link = connect::open(config, Arc::clone(&shared.denials), Voice::Silent).await?;
        let inbox = link.client.new_inbox();
        let acks = Acks::default();
        spawn_local(take_acks(link.clone(), inbox.clone(), acks.clone(), Arc::clone(&shared)));
        spawn_local(take_denials(acks.clone(), Arc::clone(&shared)));
        spawn_local(expire(acks.clone()));
        Ok(Self(Rc::new(Inner { link, acks, inbox, api: connect::api_prefix(config), shared })))
    }

    /// Publishes and waits for the ack, trying again with the same id until `began + time_limit`; with a spool, for a moment
    /// only, and what NATS does not take goes there. Once begun it is to be driven to its end: spawn it, do not drop it with
    /// the sender's connection.
    ///
    /// # Errors
    /// Why the event is not known to be stored.
    pub fn publish(
        &self,
        event: Event,
        usage: &Usage,
        began: Instant,
        time_limit: Duration,
    ) -> impl Future<Output = Result<Kept, NotStored>> {
        self.keep(Outgoing::from(event), usage, began, time_limit)
    }

    async fn keep(
        &self,
        mut outgoing: Outgoing,
        usage: &Usage,
        began: Instant,
        time_limit: Duration,
    ) -> Result<Kept, NotStored> {
        let spool = self.0.shared.spool.as_ref();
        let (limit, patient) = match spool {
            None if time_limit >= PATIENT_FROM => (time_limit, Patient::Yes),
            None => (time_limit, Patient::No),
            // It takes its time, and getting it to disk does as well.
            Some(_) if outgoing.large.is_some() => (time_limit.saturating_sub(BEFORE_SPOOL), Patient::No),
            Some(_) => (time_limit.min(BEFORE_SPOOL), Patient::No),
        };
        match self.publish_within(&mut outgoing, usage, began + limit, patient).await {
            Ok(stored) => Ok(Kept::InStream(stored)),
            Err(reason) => match spool.filter(|_| reason.may_pass()) {
                Some(spool) => {
                    let putting = Box::pin(spool.put(outgoing.into(), reason, began + time_limit));
                    putting.await.map(|()| Kept::Spooled)
                }
                None => Err(reason),
            },
        }
    }

    /// Publishes what comes from the spool.
    pub(super) async fn resend(&self, event: Event) -> Result<Stored, NotStored> {
        let mut outgoing = Outgoing::from(event);
        let limit = if outgoing.large.is_some() { LARGE_RESEND } else { BEFORE_SPOOL };
        self.publish_within(&mut outgoing, &Usage::default(), Instant::now() + limit, Patient::No).await
    }

    async fn publish_within(
        &self,
        outgoing: &mut Outgoing,
        usage: &Usage,
        deadline: Instant,
        patient: Patient,
    ) -> Result<Stored, NotStored> {
        let shared = &self.0.shared;
        let start = Instant::now();
        let _slot = Slot::take(shared, usage)?;
        if shared.denials.refuses(&outgoing.subject, start) {
            return Err(NotStored::NotPermitted);
        }
        let deadline = deadline.max(start + FIRST_TRY);
        let mut now = start;
        if let Some(large) = &outgoing.large {
            // Apart, so that all others need no room for it.
            Box::pin(self.store_body(large, &outgoing.payload, deadline, patient)).await?;
            now = Instant::now();
        }
        let stored = self.send(outgoing, &usage.gate, (now, deadline), patient).await?;
        shared.metrics.publish_duration.observe_duration(start.elapsed());
        Ok(stored)
    }

    /// What the `JetStream` API's subjects begin with.
    pub(super) fn api(&self) -> &str {
        &self.0.api
    }

    pub(super) fn client(&self) -> &Client {
        &self.0.link.client
    }

    /// `max_payload` in bytes.
    pub(super) fn payload_bytes_max(&self) -> usize {
        self.0.link.client.max_payload()
    }

    /// Whether NATS is connected.
    pub(super) fn is_up(&self) -> bool {
        self.0.link.is_up()
    }

    /// Waits until NATS is connected; for ever, once the client has ended.
    pub(super) async fn up(&self) {
        let mut state = self.0.link.state.clone();
        if state.wait_for(|state| state.is_up).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits for a change of the connection.
    pub(super) async fn changed(&self) {
        let mut state = self.0.link.state.clone();
        state.mark_unchanged();
        if state.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Publishes one message, trying again until the deadline.
    pub(super) async fn send(
        &self,
        outgoing: &mut Outgoing,
        gate: &Gate,
        (mut now, deadline): (Instant, Instant),
        patient: Patient,
    ) -> Result<Stored, NotStored> {
        // Why the last try failed. What has begun may be stored already, so it is worth a wait whoever the sender is.
        let mut last = None;
        let mut patience = None;
        loop {
            let pass = match self.pass(gate, now) {
                Ok(pass) => pass,
                Err(reason) if last.is_none() && patient == Patient::No => return Err(reason),
                Err(reason) => {
                    self.wait(deadline, &mut patience).await.map_err(|()| last.clone().unwrap_or(reason))?;
                    now = Instant::now();
                    continue;
                }
            };
            patience = None;
            let reason = match self.attempt(outgoing, gate, pass, (now, deadline)).await {
                Attempt::Stored(stored) => return Ok(stored),
                Attempt::Failed(reason) => return Err(reason),
                Attempt::Again(reason) => reason,
            };
            let pause = match reason {
                // How long that takes, the connection says.
                NotStored::Disconnected => Duration::ZERO,
                _ => RETRY_AFTER.mul_f64(1.0 + fastrand::f64() / 2.0),
            };
            if Instant::now() + pause + ACK_MIN > deadline {
                return Err(reason);
            }
            last = Some(reason);
            sleep(pause).await;
            now = Instant::now();
        }
    }

    /// Sends what is queued and ends the connection, by the deadline.
    pub async fn drain(&self, deadline: Instant) {
        let client = &self.0.link.client;
        // Past the deadline the connection just ends: whoever waited for an ack has been answered.
        if self.0.link.is_up() {
            let _ = timeout_at(deadline, client.flush()).await;
            let _ = timeout_at(deadline, client.drain()).await;
        }
    }

    fn pass(&self, gate: &Gate, now: Instant) -> Result<Pass, NotStored> {
        if !self.0.link.is_up() {
            return Err(NotStored::Disconnected);
        }
        gate.pass(self.0.shared.millis(now)).ok_or(NotStored::StreamAway)
    }

    /// Waits until it is worth looking again.
    async fn wait(&self, deadline: Instant, patience: &mut Option<Patience>) -> Result<(), ()> {
        let Inner { link, shared, .. } = &*self.0;
        let patience = match patience {
            Some(patience) => patience,
            None => patience.insert(Patience::take(shared)?),
        };
        let until = deadline.min(patience.since + shared.limits.reconnect_wait);
        let mut state = link.state.clone();
        state.mark_unchanged();
        let change = async {
            if link.is_up() {
                sleep(LOOK_EVERY).await;
            } else if state.changed().await.is_err() {
                // The client is gone; the deadline ends the wait.
                std::future::pending::<()>().await;
            }
        };
        if Instant::now() + ACK_MIN > until { Err(()) } else { timeout_at(until, change).await.map_err(|_| ()) }
    }

    async fn attempt(
        &self,
        outgoing: &mut Outgoing,
        gate: &Gate,
        pass: Pass,
        (now, deadline): (Instant, Instant),
    ) -> Attempt {
        let Inner { link, acks, inbox, .. } = &*self.0;
        if let Some(reply) = outgoing.late_reply() {
            return self.settle(reply, outgoing, gate, pass);
        }
        let until = deadline.min(now + ACK_MAX);
        let connection = link.number();
        let pending = match &mut outgoing.pending {
            Some(pending) => {
                pending.again(connection, until);
                pending
            }
            none => none.insert(acks.expect(outgoing.subject.clone(), connection, until)),
        };
        let (subject, headers) = (outgoing.subject.clone(), outgoing.headers.to_map());
        let reply_to = format!("{inbox}.{}", pending.number());
        let payload = if outgoing.large.is_none() { outgoing.payload.clone() } else { Bytes::new() };
        let reply = tokio::select! {
            biased;
            sent = link.client.publish_with_reply_and_headers(subject, reply_to, headers, payload) => match sent {
                Ok(()) => pending.reply().await,
                Err(error) => {
                    gate.unsaid(pass);
                    return Attempt::Failed(match error.kind() {
                        PublishErrorKind::MaxPayloadExceeded => too_large(link.client.max_payload()),
                        // The client has ended, or takes the subject for none: neither passes.
                        PublishErrorKind::Send | PublishErrorKind::InvalidSubject => NotStored::Disconnected,
                    });
                }
            },
            // What is queued for a connection that takes no more has its time as well.
            reply = pending.reply() => reply,
        };
        self.settle(reply, outgoing, gate, pass)
    }

    fn settle(&self, reply: Reply, outgoing: &mut Outgoing, gate: &Gate, pass: Pass) -> Attempt {
        let Inner { link, shared, .. } = &*self.0;
        if !matches!(reply, Reply::Late) {
            outgoing.pending = None;
        }
        match reply {
            Reply::Ack { sequence, is_duplicate } => {
                gate.answered();
                shared.denials.forget(&outgoing.subject);
                Attempt::Stored(Stored { sequence, is_duplicate })
            }
            Reply::Refused(code) => {
                gate.answered();
                judge(code, link.client.max_payload())
            }
            Reply::NoResponders => {
                gate.unheard(pass, shared.millis(Instant::now()));
                Attempt::Again(NotStored::NoStream)
            }
            // Neither of these says anything of the stream.
            Reply::Denied => {
                gate.unsaid(pass);
                Attempt::Failed(NotStored::NotPermitted)
            }
            Reply::Lost => {
                gate.unsaid(pass);
                Attempt::Again(NotStored::Disconnected)
            }
            // The ack may still come while the next try is under way: the entry stays.
            Reply::Late => {
                gate.unanswered(pass, shared.millis(Instant::now()));
                Attempt::Again(NotStored::NoAck)
            }
        }
    }
}

/// What an `err_code` means for the sender.
fn judge(code: u64, payload_max: usize) -> Attempt {
    match code {
        10077 => Attempt::Failed(NotStored::StreamFull),
        10060 => Attempt::Failed(NotStored::OtherStream),
        10054 | 10097 => Attempt::Failed(too_large(payload_max)),
        // Too many in the stream's queue.
        10167 => Attempt::Again(NotStored::Overloaded),
        code => {
            let reason = NotStored::Refused { code };
            if reason.may_pass() { Attempt::Again(reason) } else { Attempt::Failed(reason) }
        }
    }
}

fn too_large(payload_max: usize) -> NotStored {
    NotStored::TooLarge { limit: u64::try_from(payload_max).unwrap_or(u64::MAX) }
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
                // An ack that has come counts before a break that came after it.
                biased;
                reply = replies.next() => match reply {
                    Some(message) => acks.hand_over(&message),
                    None => break,
                },
                changed = state.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let now = *state.borrow_and_update();
                    let reconnects = now.times_up.saturating_sub(times_up.max(1));
                    shared.metrics.nats_reconnects.fetch_add(reconnects, Ordering::Relaxed);
                    times_up = now.times_up;
                    acks.lose(if now.is_up { times_up.saturating_sub(1) } else { times_up });
                }
            }
        }
        // Its end is the client's; it is not to be asked again and again.
        sleep(RETRY_AFTER).await;
    }
}

/// Wakes those whose try has had its time.
async fn expire(acks: Acks) {
    let mut tick = interval(EXPIRE_EVERY);
    loop {
        acks.expire(tick.tick().await);
    }
}

/// Wakes those who published to a subject that the server refuses: no ack comes for it.
async fn take_denials(acks: Acks, shared: Arc<Shared>) {
    let mut heard = shared.denials.listen();
    loop {
        match heard.recv().await {
            Ok(subject) if shared.denials.has(&subject) => acks.deny(&subject),
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_says_whether_another_try_is_worth_it() {
        use NotStored::{OtherStream, Overloaded, Refused, StreamFull, TooLarge};
        let limit = 1000;
        for (code, is_final, expected) in [
            (10077, true, StreamFull),
            (10060, true, OtherStream),
            (10054, true, TooLarge { limit }),
            (10097, true, TooLarge { limit }),
            (10109, true, Refused { code: 10109 }),
            (10158, false, Refused { code: 10158 }),
            (10023, false, Refused { code: 10023 }),
            (10002, false, Refused { code: 10002 }),
            (10008, false, Refused { code: 10008 }),
            (10167, false, Overloaded),
        ] {
            match judge(code, 1000) {
                Attempt::Failed(reason) => assert_eq!((is_final, reason), (true, expected), "{code}"),
                Attempt::Again(reason) => assert_eq!((is_final, reason), (false, expected), "{code}"),
                Attempt::Stored(stored) => panic!("{code}: {stored:?}"),
            }
        }
    }
}
