//! What each fault is tried with: replicas of jethook under load, and the verdict in the end.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use futures_util::StreamExt as _;

use crate::support::eventually::{SOON, eventually};
use crate::support::load::{Counts, Ledger, Load, Plan, Sender};
use crate::support::operator::{Operator, free_address};
use crate::support::runtime::block_on;
use crate::support::stage::{KEY, Stage};

/// A key of the form that Standard Webhooks wants.
const STANDARD_KEY: &str = "whsec_c3RhbmRhcmQgd2ViaG9va3Mga2V5IG9mIDMyIGJ5dGU=";
/// What is open when a fault is over has this long to be taken.
const SETTLED_MAX: Duration = Duration::from_secs(60);
/// How often the progress is told.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// How much of each fault is tried.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Deliveries a second.
    pub rate: u32,
    /// `kill -9` of jethook.
    pub jethook_kills: usize,
    /// `kill -9` of the one nats-server.
    pub nats_kills: usize,
    /// For how long nats-server is frozen, each time.
    pub freezes: &'static [Duration],
    /// `kill -9` of the leader of the stream.
    pub leader_kills: usize,
    /// Rounds of the faults of the wire.
    pub wire_rounds: usize,
    /// How long the apiserver is away.
    pub apiserver_away: Duration,
    /// Replicas that are replaced in a rolling restart.
    pub rolled: usize,
    /// How long NATS is away under heavy load, and how heavy that is.
    pub outage: Duration,
    pub outage_rate: u32,
    /// Slow senders; one in five of them with most of a large body.
    pub slow: usize,
    /// Memory that they may cost with all else, in MiB.
    pub rss_max: u64,
    /// Connections that say nothing.
    pub silent: usize,
    /// A p99 below this is not told from another.
    pub p99_floor: Duration,
    /// How long NATS is away from a replica with a spool.
    pub spool_outage: Duration,
    /// How much later than jethook's time limit for its sender an answer may come: the sender's own is not reached then.
    pub late_max: Duration,
    /// Whether progress is told.
    pub tells: bool,
}

/// Bytes in MiB.
pub fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// What came of one fault.
#[derive(Clone, Debug)]
pub struct Row {
    pub fault: &'static str,
    pub counts: Counts,
    pub stored: usize,
    pub lost: Vec<String>,
    pub duplicated: Vec<String>,
    /// What was measured beside that.
    pub note: String,
    /// What else was not as it must be.
    pub wrong: Vec<String>,
}

impl Row {
    pub fn is_well(&self) -> bool {
        self.lost.is_empty() && self.duplicated.is_empty() && self.wrong.is_empty()
    }

    /// Adds what was measured.
    #[must_use]
    pub fn noting(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// What must hold, or is told as a fault of jethook.
    pub fn must(&mut self, holds: bool, otherwise: impl Into<String>) {
        if !holds {
            self.wrong.push(otherwise.into());
        }
    }
}

/// A replica that comes back at the same addresses.
pub struct Replica<'a> {
    stage: &'a Stage,
    flags: Vec<String>,
    pub receiver: SocketAddr,
    pub admin: SocketAddr,
    operator: Option<Operator>,
}

impl<'a> Replica<'a> {
    /// Starts it, and waits until it is ready.
    #[track_caller]
    pub fn start(stage: &'a Stage, flags: &[&str]) -> Self {
        let mut replica = Self::new(stage, flags);
        replica.spawn();
        replica.ready();
        replica
    }

    /// One that does not run yet.
    pub fn new(stage: &'a Stage, flags: &[&str]) -> Self {
        let (receiver, admin) = (free_address(), free_address());
        let mut flags: Vec<_> = flags.iter().map(|&flag| flag.to_owned()).collect();
        flags.extend(["--listen".to_owned(), receiver.to_string(), "--admin-listen".to_owned(), admin.to_string()]);
        Self { stage, flags, receiver, admin, operator: None }
    }

    #[track_caller]
    pub fn spawn(&mut self) {
        let flags: Vec<_> = self.flags.iter().map(String::as_str).collect();
        self.operator = Some(self.stage.start(&flags));
    }

    #[track_caller]
    pub fn ready(&mut self) {
        let operator = self.operator.take().expect("it runs");
        self.operator = Some(operator.ready());
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        drop(self.operator.take().expect("it runs"));
    }

    #[track_caller]
    pub fn operator(&mut self) -> &mut Operator {
        self.operator.as_mut().expect("it runs")
    }
}

/// A fault under trial: a load on replicas, and a name for what is tried.
pub struct Trial<'a> {
    pub fault: &'static str,
    scale: &'a Scale,
    began: Instant,
    told: Instant,
    load: Load,
}

impl<'a> Trial<'a> {
    /// Endpoints of two senders, ready to serve.
    #[track_caller]
    pub fn prepare(stage: &Stage) {
        stage.github("github", serde_json::json!({}));
        stage.secret("standard", &[("secret", STANDARD_KEY)]);
        stage.endpoint(
            "standard",
            serde_json::json!({"provider": "standard-webhooks", "secretRefs": [{"name": "standard"}]}),
        );
        stage.ready("github");
        stage.ready("standard");
    }

    pub fn plan(stage: &Stage, targets: &[SocketAddr], rate: u32) -> Plan {
        Plan {
            targets: targets.to_vec(),
            rate,
            open_max: 2000,
            retries: true,
            senders: vec![
                Sender::Github { path: stage.path("github"), key: KEY.to_owned() },
                Sender::Standard { path: stage.path("standard"), key: STANDARD_KEY.to_owned() },
            ],
            name: "d".to_owned(),
        }
    }

    /// Puts the load on, and waits until the first deliveries are taken.
    #[track_caller]
    pub fn begin(fault: &'static str, scale: &'a Scale, plan: Plan) -> Self {
        let now = Instant::now();
        let trial = Self { fault, scale, began: now, told: now, load: Load::start(plan) };
        trial.taken(20);
        trial
    }

    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.load.ledger
    }

    /// Waits until so many more deliveries have been acknowledged.
    #[track_caller]
    pub fn taken(&self, more: u64) {
        let before = self.ledger().counts().acknowledged;
        eventually(Duration::from_secs(30), &format!("{}: deliveries are taken", self.fault), || {
            let counts = self.ledger().counts();
            if counts.acknowledged >= before + more { Ok(()) } else { Err(format!("{counts:?}")) }
        });
    }

    /// Lets the load run on for a while.
    pub fn run(&mut self, span: Duration) {
        let until = Instant::now() + span;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            thread::sleep(left.min(Duration::from_millis(200)));
            self.tell("");
        }
    }

    /// A random while, so that faults come at any moment of a delivery.
    pub fn run_up_to(&mut self, span: Duration) {
        self.run(span.mul_f64(fastrand::f64()));
    }

    /// Tells how far it is, from time to time.
    pub fn tell(&mut self, step: &str) {
        if self.scale.tells && self.told.elapsed() > TELL_EVERY {
            self.told = Instant::now();
            let Counts { acknowledged, open, refused, broken, .. } = self.ledger().counts();
            eprintln!(
                "   {:3.0} s  {}{}{step}: {acknowledged} acknowledged, {open} open, {refused} refused, {broken} broken",
                self.began.elapsed().as_secs_f64(),
                self.fault,
                if step.is_empty() { "" } else { ", " },
            );
        }
    }

    /// Ends the load and holds what was acknowledged against what the stream holds.
    #[track_caller]
    pub fn end(self, context: &Context, stream: &str) -> Row {
        let ledger = self.load.end(SETTLED_MAX);
        let mut row = judge(self.fault, &ledger, &read(context, stream));
        let late = row.counts.late;
        row.must(late <= self.scale.late_max, format!("an answer came {late:.1?} after jethook's time limit"));
        row
    }
}

/// How often each delivery is in the stream. Panics where a stored body is not what was sent.
#[track_caller]
fn read(context: &Context, stream: &str) -> HashMap<String, usize> {
    // The server may just have come back.
    let attempt = || block_on(read_once(context, stream));
    eventually(SOON * 2, "the stream is read", attempt).0
}

async fn read_once(context: &Context, name: &str) -> Result<HashMap<String, usize>, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let stream = context.get_stream(name).await.map_err(|error| text(&error))?;
    let expected = stream.cached_info().state.messages;
    let config = OrderedConfig { deliver_policy: DeliverPolicy::All, ..OrderedConfig::default() };
    let consumer = stream.create_consumer(config).await.map_err(|error| text(&error))?;
    let mut messages = consumer.messages().await.map_err(|error| text(&error))?;
    let mut times = HashMap::new();
    for _ in 0..expected {
        let next = tokio::time::timeout(Duration::from_secs(10), messages.next()).await;
        let message = next.map_err(|_| "no more messages")?.ok_or("the end")?.map_err(|error| text(&error))?;
        let headers = message.headers.as_ref().ok_or("a message without headers")?;
        let id = headers.get("ce-id").ok_or("a message without ce-id")?.to_string();
        assert_eq!(message.payload, Sender::body(&id).as_bytes(), "{id}: stored is what was sent");
        *times.entry(id).or_default() += 1;
    }
    Ok(times)
}

fn judge(fault: &'static str, ledger: &Ledger, stored: &HashMap<String, usize>) -> Row {
    let lost = ledger.acknowledged().into_iter().filter(|id| !stored.contains_key(id)).collect();
    let duplicated = stored.iter().filter(|(_, times)| **times > 1).map(|(id, _)| id.clone()).collect();
    Row {
        fault,
        counts: ledger.counts(),
        stored: stored.values().sum(),
        lost,
        duplicated,
        note: String::new(),
        wrong: ledger.wrong(),
    }
}
