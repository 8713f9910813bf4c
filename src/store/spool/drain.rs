//! What brings the spool's events to their streams.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use jiff::Timestamp;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::LocalSet;
use tokio::time::{Instant, Interval, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Spool;
use super::file::Kept;
use super::writer::{Lane, Limits};
use crate::config::NatsConfig;
use crate::health::{PULSE_EVERY, Pulse};
use crate::metrics::Metrics;
use crate::outcome::NotStored;
use crate::store::{Publisher, Shared};

/// Lanes that are served at a time; of each, so many events are under way, or fewer while its stream takes none.
const LANES_AT_ONCE: usize = 8;
const EVENTS_AT_ONCE: usize = 128;
const EVENTS_IN_TROUBLE: usize = 16;
/// So many bytes of a lane are in memory.
const BYTES_AT_ONCE: u64 = 1024 * 1024;
/// A lane whose stream takes nothing for so long is gone on with behind what it does not take.
const PASS_OVER_AFTER: Duration = Duration::from_secs(60);
/// What was passed over is tried again so often.
const AGAIN_EVERY: Duration = Duration::from_secs(60);
/// Troubles of streams are told so often at most.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// Pauses of a lane whose stream takes nothing: doubled up to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(4);

/// Drains a spool.
#[derive(Debug)]
pub(super) struct Drain {
    spool: Spool,
    metrics: Arc<Metrics>,
    pulse: Pulse,
    /// Leave to hold an event that is larger than what a lane may hold: one at a time.
    large: Semaphore,
    /// When it was told last that a stream does not take its events.
    told: Cell<Option<Instant>>,
}

/// How far a lane has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Progress {
    /// All up to this number was taken or passed over.
    after: u64,
    /// How many of these were passed over.
    refused: u64,
    /// Since when its stream takes nothing.
    in_trouble_since: Option<Instant>,
    pause: Duration,
}

/// What becomes of a lane after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// There may be more.
    Go,
    /// Its stream takes nothing for now.
    Pause(Duration),
    /// All was tried; what is left is tried again later.
    Rest,
    /// It is empty.
    Gone,
}

/// How the events of one step ended.
#[derive(Debug, Default)]
struct Tried {
    taken: Vec<u64>,
    /// What the stream refuses, whenever it is asked.
    refused: Vec<u64>,
    /// What may be taken the next time.
    failed: Vec<u64>,
    /// NATS went away, or this process has no room: that says nothing of the stream.
    is_interrupted: bool,
    reason: Option<NotStored>,
    last: u64,
}

/// Starts the draining on a thread of its own.
///
/// # Errors
/// The thread can't be made, or a flag of NATS can't be used.
pub(super) async fn start(drain: Drain, config: NatsConfig, shared: Arc<Shared>) -> Result<(), String> {
    let (started, starting) = oneshot::channel();
    let run = move || {
        let _stopped = drain.spool.stopped.clone().drop_guard();
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(started.send(Err(error.to_string()))),
        };
        LocalSet::new().block_on(&runtime, async move {
            match Publisher::connect(&config, shared).await {
                Ok(publisher) => {
                    let _ = started.send(Ok(()));
                    drain.run(&publisher).await;
                    publisher.drain(Instant::now() + PAUSE_MIN).await;
                }
                Err(error) => drop(started.send(Err(error.to_string()))),
            }
        });
    };
    std::thread::Builder::new().name("drain".to_owned()).spawn(run).map_err(|error| error.to_string())?;
    starting.await.unwrap_or_else(|_| Err("the thread that drains the spool ended".to_owned()))
}

impl Drain {
    pub(super) fn new(spool: Spool, shared: &Shared, pulse: Pulse) -> Self {
        Self { spool, metrics: Arc::clone(&shared.metrics), pulse, large: Semaphore::new(1), told: Cell::new(None) }
    }

    /// Drains until it is told to stop.
    async fn run(self, publisher: &Publisher) {
        let stop = self.spool.stop.clone();
        let mut beat = interval(PULSE_EVERY);
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => return,
                // Whatever was in trouble before the break starts anew.
                () = publisher.up() => {
                    self.serve(publisher, &stop, &mut beat).await;
                    // The state that is waited for may be a moment behind the connection's own.
                    sleep(PAUSE_MIN / 5).await;
                }
                _ = beat.tick() => self.pulse.beat(Timestamp::now()),
            }
        }
    }

    /// Serves the lanes while NATS is there.
    async fn serve(&self, publisher: &Publisher, stop: &CancellationToken, beat: &mut Interval) {
        let mut table = Table::default();
        let mut running = FuturesUnordered::new();
        let mut drained = Drained::default();
        table.wake(self.spool.lanes().await);
        while publisher.is_up() && !stop.is_cancelled() {
            while running.len() < LANES_AT_ONCE
                && let Some((lane, progress)) = table.take(Instant::now())
            {
                drained.began.get_or_insert_with(Instant::now);
                running.push(self.step(publisher, lane, progress));
            }
            let wakes_at = table.wakes_at();
            tokio::select! {
                Some((lane, progress, next, taken)) = running.next(), if !running.is_empty() => {
                    drained.events += taken;
                    table.put_back(lane, progress, next, Instant::now());
                    self.metrics.spool.refused.store(table.refused(), Ordering::Relaxed);
                    if running.is_empty() && table.is_idle() {
                        drained.tell();
                    }
                }
                () = self.spool.stirred.notified() => table.wake(self.spool.lanes().await),
                () = sleep_until(wakes_at) => {}
                () = publisher.changed() => {}
                () = stop.cancelled() => {}
                _ = beat.tick() => self.pulse.beat(Timestamp::now()),
            }
        }
        // They end by themselves, and soon: what they took is still to be deleted.
        while let Some((.., taken)) = running.next().await {
            drained.events += taken;
        }
        drained.tell();
    }

    /// Sends the next events of a lane and deletes what was taken.
    async fn step(
        &self,
        publisher: &Publisher,
        lane: Arc<str>,
        mut progress: Progress,
    ) -> (Arc<str>, Progress, Next, u64) {
        let count = if progress.in_trouble_since.is_some() { EVENTS_IN_TROUBLE } else { EVENTS_AT_ONCE };
        let mut chunk = self.spool.read(&lane, progress.after, Limits { count, bytes: BYTES_AT_ONCE }).await;
        let _alone = if chunk.kept.is_empty() && chunk.is_cut {
            // Never closed.
            let permit = self.large.acquire().await;
            chunk = self.spool.read(&lane, progress.after, Limits { count: 1, bytes: u64::MAX }).await;
            permit.ok()
        } else {
            None
        };
        if chunk.kept.is_empty() {
            let next = if progress.refused > 0 { Next::Rest } else { Next::Gone };
            return (lane, progress, next, 0);
        }
        let tried = try_all(publisher, chunk.kept).await;
        let taken = u64::try_from(tried.taken.len()).unwrap_or(u64::MAX);
        if taken > 0 {
            if self.spool.delete(&lane, tried.taken.clone()).await.is_err() {
                return (lane, progress, Next::Pause(PAUSE_MAX), 0);
            }
            self.metrics.spool.drained.fetch_add(taken, Ordering::Relaxed);
        }
        let was_in_trouble = progress.in_trouble_since.is_some() || progress.refused > 0;
        let next = progress.advance(&tried, Instant::now());
        if let Some(reason) = tried.reason.as_ref().filter(|_| !was_in_trouble && !tried.is_interrupted) {
            self.warn(&lane, reason);
        }
        (lane, progress, next, taken)
    }
}

impl Drain {
    /// At most once in so long: a stream that is gone may have been that of many.
    fn warn(&self, lane: &str, reason: &NotStored) {
        let now = Instant::now();
        if self.told.get().is_none_or(|told| now.duration_since(told) >= TELL_EVERY) {
            self.told.set(Some(now));
            tracing::warn!(
                source = lane, reason = %reason,
                "spooled events are not taken by their stream; they are kept and tried again"
            );
        }
    }
}

async fn try_all(publisher: &Publisher, chunk: Vec<Kept>) -> Tried {
    let mut tried = Tried { last: chunk.last().map_or(0, |kept| kept.number), ..Tried::default() };
    let tries = chunk.into_iter().map(async |Kept { number, event }| match event {
        Some(event) => (number, publisher.resend(event).await.map(drop)),
        // It is damaged, and kept as it is.
        None => (number, Err(NotStored::SpoolFailed)),
    });
    for (number, result) in join_all(tries).await {
        match result {
            Ok(()) => tried.taken.push(number),
            Err(reason) => {
                match reason {
                    NotStored::Disconnected | NotStored::Overloaded => {
                        tried.is_interrupted = true;
                        tried.failed.push(number);
                    }
                    _ if reason.may_pass() || reason == NotStored::StreamFull => tried.failed.push(number),
                    _ => tried.refused.push(number),
                }
                tried.reason = Some(reason);
            }
        }
    }
    tried
}

impl Progress {
    /// Goes on behind what was tried, as far as that can be left behind.
    fn advance(&mut self, tried: &Tried, now: Instant) -> Next {
        if !tried.taken.is_empty() || tried.is_interrupted {
            self.in_trouble_since = None;
        }
        if !tried.taken.is_empty() {
            self.pause = Duration::ZERO;
        }
        let first_failed = tried.failed.iter().min().copied();
        let since = first_failed.map(|_| *self.in_trouble_since.get_or_insert(now));
        let is_passed_over = since.is_some_and(|since| now.saturating_duration_since(since) >= PASS_OVER_AFTER);
        let after = match first_failed {
            Some(first) if !is_passed_over => first.saturating_sub(1),
            _ => tried.last,
        };
        let left_behind = tried.refused.iter().chain(&tried.failed).filter(|number| **number <= after).count();
        self.refused += u64::try_from(left_behind).unwrap_or(u64::MAX);
        self.after = after.max(self.after);
        if first_failed.is_none() {
            return Next::Go;
        }
        self.pause = (self.pause * 2).clamp(PAUSE_MIN, PAUSE_MAX);
        Next::Pause(self.pause)
    }
}

/// All lanes, and which of them may be served.
#[derive(Debug, Default)]
struct Table {
    lanes: HashMap<Arc<str>, State>,
    ready: VecDeque<Arc<str>>,
}

#[derive(Debug)]
struct State {
    progress: Progress,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Ready,
    /// In a step, while which new events may have come.
    Running {
        is_stirred: bool,
    },
    /// Until then.
    Paused(Instant),
    /// Until then, or until something new comes.
    Resting(Instant),
}

impl Table {
    /// Takes in which lanes hold events.
    fn wake(&mut self, lanes: Vec<Lane>) {
        for Lane { name, newest } in lanes {
            let state = self.lanes.entry(Arc::clone(&name)).or_insert_with(|| {
                self.ready.push_back(Arc::clone(&name));
                State { progress: Progress::default(), stage: Stage::Ready }
            });
            match &mut state.stage {
                Stage::Running { is_stirred } => *is_stirred = true,
                stage @ Stage::Resting(_) if newest > state.progress.after => {
                    *stage = Stage::Ready;
                    self.ready.push_back(name);
                }
                Stage::Ready | Stage::Paused(_) | Stage::Resting(_) => {}
            }
        }
    }

    /// The next lane to serve.
    fn take(&mut self, now: Instant) -> Option<(Arc<str>, Progress)> {
        for (name, state) in &mut self.lanes {
            match state.stage {
                Stage::Paused(until) if until <= now => {}
                Stage::Resting(until) if until <= now => {
                    (state.progress.after, state.progress.refused) = (0, 0);
                }
                _ => continue,
            }
            state.stage = Stage::Ready;
            self.ready.push_back(Arc::clone(name));
        }
        let name = self.ready.pop_front()?;
        let state = self.lanes.get_mut(&name)?;
        state.stage = Stage::Running { is_stirred: false };
        Some((name, state.progress))
    }

    fn put_back(&mut self, name: Arc<str>, progress: Progress, next: Next, now: Instant) {
        let Some(state) = self.lanes.get_mut(&name) else { return };
        let is_stirred = state.stage == Stage::Running { is_stirred: true };
        state.progress = progress;
        if next == Next::Gone && !is_stirred {
            self.lanes.remove(&name);
            return;
        }
        state.stage = match next {
            Next::Rest if !is_stirred => Stage::Resting(now + AGAIN_EVERY),
            Next::Pause(pause) => Stage::Paused(now + pause),
            Next::Go | Next::Gone | Next::Rest => {
                self.ready.push_back(name);
                Stage::Ready
            }
        };
    }

    fn wakes_at(&self) -> Instant {
        let times = self.lanes.values().filter_map(|state| match state.stage {
            Stage::Paused(until) | Stage::Resting(until) => Some(until),
            Stage::Ready | Stage::Running { .. } => None,
        });
        times.min().unwrap_or_else(|| Instant::now() + AGAIN_EVERY)
    }

    fn refused(&self) -> u64 {
        self.lanes.values().map(|state| state.progress.refused).sum()
    }

    /// Nothing is to be done now.
    fn is_idle(&self) -> bool {
        self.ready.is_empty()
    }
}

/// What one draining brought away, for the log.
#[derive(Debug, Default)]
struct Drained {
    events: u64,
    began: Option<Instant>,
}

impl Drained {
    fn tell(&mut self) {
        let Self { events, began } = std::mem::take(self);
        if let Some(began) = began.filter(|_| events > 0) {
            tracing::info!(events, seconds = began.elapsed().as_secs_f64(), "spooled events are in their streams");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(taken: &[u64], refused: &[u64], failed: &[u64]) -> Tried {
        let last = taken.iter().chain(refused).chain(failed).max().copied().unwrap();
        let (taken, refused, failed) = (taken.to_vec(), refused.to_vec(), failed.to_vec());
        Tried { taken, refused, failed, is_interrupted: false, reason: None, last }
    }

    #[test]
    fn what_was_taken_or_is_refused_is_left_behind_and_what_failed_is_not() {
        let (mut progress, now) = (Progress::default(), Instant::now());
        assert_eq!(progress.advance(&tried(&[1, 2], &[3], &[]), now), Next::Go);
        assert_eq!((progress.after, progress.refused), (3, 1));
        assert_eq!(progress.advance(&tried(&[4, 7], &[6, 8], &[5]), now), Next::Pause(PAUSE_MIN));
        assert_eq!((progress.after, progress.refused), (4, 1), "from 5 on, again");
    }

    #[test]
    fn a_stream_that_takes_nothing_for_a_minute_is_passed_over() {
        let (mut progress, now) = (Progress::default(), Instant::now());
        let none = tried(&[], &[], &[1, 2]);
        assert_eq!(progress.advance(&none, now), Next::Pause(PAUSE_MIN));
        assert_eq!(progress.advance(&none, now + Duration::from_secs(59)), Next::Pause(PAUSE_MIN * 2));
        assert_eq!((progress.after, progress.refused), (0, 0));
        progress.advance(&none, now + PASS_OVER_AFTER);
        assert_eq!((progress.after, progress.refused), (2, 2));
        progress.advance(&tried(&[], &[], &[3]), now + PASS_OVER_AFTER);
        assert_eq!((progress.after, progress.refused), (3, 3), "the next ones have one try each");
        progress.advance(&tried(&[4], &[], &[5]), now + PASS_OVER_AFTER);
        assert_eq!((progress.after, progress.refused), (4, 3), "it takes again");
    }

    #[test]
    fn a_break_is_no_fault_of_the_stream() {
        let (mut progress, now) = (Progress::default(), Instant::now());
        progress.advance(&tried(&[], &[], &[1]), now);
        let broken = Tried { is_interrupted: true, ..tried(&[], &[], &[1]) };
        progress.advance(&broken, now + PASS_OVER_AFTER);
        assert_eq!(progress.after, 0);
    }

    fn lane(name: &str, newest: u64) -> Lane {
        Lane { name: name.into(), newest }
    }

    #[test]
    fn lanes_take_turns_and_rest_until_something_new_comes() {
        let (mut table, now) = (Table::default(), Instant::now());
        table.wake(vec![lane("a", 5), lane("b", 6)]);
        let (first, progress) = table.take(now).unwrap();
        let (second, _) = table.take(now).unwrap();
        assert!(first != second && table.take(now).is_none());
        table.put_back(first.clone(), Progress { after: 5, refused: 1, ..progress }, Next::Rest, now);
        table.put_back(second.clone(), progress, Next::Gone, now);
        assert_eq!(table.refused(), 1);
        table.wake(vec![lane(&first, 5)]);
        assert!(table.take(now).is_none(), "nothing new");
        table.wake(vec![lane(&first, 9)]);
        assert_eq!(table.take(now).unwrap().1.after, 5, "what is new comes first");
        table.put_back(first.clone(), Progress { after: 9, refused: 1, ..progress }, Next::Rest, now);
        assert!(table.take(now + AGAIN_EVERY - Duration::from_millis(1)).is_none());
        let (again, progress) = table.take(now + AGAIN_EVERY).unwrap();
        assert_eq!((again, progress.after, progress.refused), (first, 0, 0), "then all again");
    }

    #[test]
    fn what_comes_during_a_step_is_not_missed() {
        let (mut table, now) = (Table::default(), Instant::now());
        table.wake(vec![lane("a", 5)]);
        let (name, progress) = table.take(now).unwrap();
        table.wake(vec![lane("a", 6)]);
        table.put_back(name, progress, Next::Gone, now);
        assert!(table.take(now).is_some());
    }

    #[test]
    fn a_pause_is_kept_whatever_comes() {
        let (mut table, now) = (Table::default(), Instant::now());
        table.wake(vec![lane("a", 5)]);
        let (name, progress) = table.take(now).unwrap();
        table.put_back(name, progress, Next::Pause(PAUSE_MIN), now);
        table.wake(vec![lane("a", 6)]);
        assert!(table.take(now).is_none());
        assert_eq!(table.wakes_at(), now + PAUSE_MIN);
        assert!(table.take(now + PAUSE_MIN).is_some());
    }
}
