//! When publishing waits: after three publishes in a row without an ack, until any answer.
//!
//! What nothing answers in time closes the stream for all its endpoints. What nobody listens to closes the endpoint alone: one
//! whose subject no stream captures must not close the stream to its neighbours.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;

/// Publishes in a row without an ack after which a way is closed.
const FAILURES_MAX: u32 = 3;
/// Between the end of one probe and the next.
const PROBE_EVERY: Duration = Duration::from_millis(250);
/// A probe that has not told its end by then was dropped.
const PROBE_MAX: Duration = Duration::from_secs(3);

/// The way of one endpoint to its stream, over all workers. Times are milliseconds since any moment that all callers share.
#[derive(Debug, Default)]
pub struct Gate {
    own: Latch,
    /// All endpoints of a stream have the same.
    stream: ArcSwap<Latch>,
}

/// Leave to publish once; [`Gate::answered`], [`Gate::unheard`], [`Gate::unanswered`] or [`Gate::unsaid`] tells how that
/// ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    own: Leave,
    stream: Leave,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leave {
    /// An answer is expected.
    Open,
    /// This publish finds out whether there is one again.
    Probe,
}

/// Something that may stop answering.
#[derive(Debug, Default)]
pub struct Latch {
    failures: AtomicU32,
    probe_from: AtomicU64,
}

impl Gate {
    /// The endpoint publishes to this stream.
    pub fn join(&self, stream: &Arc<Latch>) {
        if !Arc::ptr_eq(&self.stream.load(), stream) {
            self.stream.store(Arc::clone(stream));
        }
    }

    /// Leave to begin a publish now. While the stream is away one at a time has it, 250 ms after the one before ended.
    #[must_use]
    pub fn pass(&self, now_ms: u64) -> Option<Pass> {
        let own = self.own.pass(now_ms)?;
        let Some(stream) = self.stream.load().pass(now_ms) else {
            self.own.unsaid(own);
            return None;
        };
        Some(Pass { own, stream })
    }

    /// Whether the stream counts as away for this endpoint.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.own.is_closed() || self.stream.load().is_closed()
    }

    /// The stream answered: whatever it said, it is there.
    pub fn answered(&self) {
        self.own.answered();
        self.stream.load().answered();
    }

    /// Nobody listens to the subject: the stream has no leader, or does not capture it.
    pub fn unheard(&self, pass: Pass, now_ms: u64) {
        self.own.failed(pass.own, now_ms);
        self.stream.load().unsaid(pass.stream);
    }

    /// No answer came in time.
    pub fn unanswered(&self, pass: Pass, now_ms: u64) {
        self.own.unsaid(pass.own);
        self.stream.load().failed(pass.stream, now_ms);
    }

    /// A publish ended in a way that says nothing of the stream.
    pub fn unsaid(&self, pass: Pass) {
        self.own.unsaid(pass.own);
        self.stream.load().unsaid(pass.stream);
    }
}

impl Latch {
    fn pass(&self, now_ms: u64) -> Option<Leave> {
        if !self.is_closed() {
            return Some(Leave::Open);
        }
        let from = self.probe_from.load(Ordering::Relaxed);
        let lease = now_ms.saturating_add(millis(PROBE_MAX));
        let is_ours = now_ms >= from
            && self.probe_from.compare_exchange(from, lease, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        is_ours.then_some(Leave::Probe)
    }

    fn is_closed(&self) -> bool {
        self.failures.load(Ordering::Relaxed) >= FAILURES_MAX
    }

    fn answered(&self) {
        // Nearly always it is 0 already, and a plain read is shared by all cores.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    fn failed(&self, leave: Leave, now_ms: u64) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if leave == Leave::Probe || failures == FAILURES_MAX {
            self.probe_from.store(now_ms.saturating_add(millis(PROBE_EVERY)), Ordering::Relaxed);
        }
    }

    fn unsaid(&self, leave: Leave) {
        if leave == Leave::Probe {
            self.probe_from.store(0, Ordering::Relaxed);
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed() -> Latch {
        let latch = Latch::default();
        (0..3).for_each(|_| latch.failed(Leave::Open, 1000));
        latch
    }

    #[test]
    fn three_failures_in_a_row_close_it_and_any_answer_opens_it() {
        let latch = Latch::default();
        latch.failed(Leave::Open, 0);
        latch.failed(Leave::Open, 0);
        latch.answered();
        latch.failed(Leave::Open, 0);
        latch.failed(Leave::Open, 0);
        assert_eq!(latch.pass(0), Some(Leave::Open), "an answer in between starts the count anew");
        latch.failed(Leave::Open, 0);
        assert!(latch.is_closed());
        assert_eq!(latch.pass(0), None);
        latch.answered();
        assert_eq!(latch.pass(0), Some(Leave::Open));
    }

    #[test]
    fn one_probe_at_a_time_250_ms_after_the_one_before() {
        let latch = closed();
        assert_eq!(latch.pass(1249), None);
        assert_eq!(latch.pass(1250), Some(Leave::Probe));
        assert_eq!(latch.pass(1250), None);
        assert_eq!(latch.pass(2700), None, "the first one has not ended");
        latch.failed(Leave::Probe, 2750);
        assert_eq!(latch.pass(2999), None);
        assert_eq!(latch.pass(3000), Some(Leave::Probe));
    }

    #[test]
    fn what_began_before_it_closed_brings_no_probe_forward() {
        let latch = closed();
        assert_eq!(latch.pass(1250), Some(Leave::Probe));
        latch.failed(Leave::Open, 1300);
        assert_eq!(latch.pass(1600), None);
    }

    #[test]
    fn a_probe_that_says_nothing_makes_room_for_the_next() {
        let latch = closed();
        assert_eq!(latch.pass(1250), Some(Leave::Probe));
        latch.unsaid(Leave::Open);
        assert_eq!(latch.pass(1300), None);
        latch.unsaid(Leave::Probe);
        assert_eq!(latch.pass(1300), Some(Leave::Probe));
    }

    #[test]
    fn a_probe_that_was_dropped_does_not_close_it_for_ever() {
        let latch = closed();
        assert_eq!(latch.pass(1250), Some(Leave::Probe));
        assert_eq!(latch.pass(4250), Some(Leave::Probe));
    }

    /// Two endpoints of one stream.
    fn neighbours() -> [Gate; 2] {
        let stream = Arc::default();
        let gates = [Gate::default(), Gate::default()];
        for gate in &gates {
            gate.join(&stream);
        }
        gates
    }

    #[test]
    fn what_nothing_answers_closes_the_stream_for_all_and_any_answer_opens_it() {
        let [one, other] = neighbours();
        for gate in [&one, &other, &one] {
            gate.unanswered(gate.pass(0).unwrap(), 0);
        }
        assert!(one.is_away() && other.is_away());
        assert_eq!(other.pass(249), None);
        let probe = other.pass(250);
        assert!(probe.is_some());
        assert_eq!(one.pass(250), None, "one probe at a time for the stream");
        other.answered();
        assert!(!one.is_away() && one.pass(250).is_some());
    }

    #[test]
    fn what_nobody_listens_to_closes_the_endpoint_alone() {
        let [one, other] = neighbours();
        for _ in 0..3 {
            one.unheard(one.pass(0).unwrap(), 0);
        }
        assert!(one.is_away() && !other.is_away());
        assert!(other.pass(0).is_some());
        one.unheard(one.pass(250).unwrap(), 250);
        assert!(one.is_away() && !other.is_away());
    }

    #[test]
    fn a_way_closed_at_its_far_end_gives_its_probe_back() {
        let [one, other] = neighbours();
        (0..3).for_each(|_| one.unheard(one.pass(0).unwrap(), 0));
        (0..3).for_each(|_| other.unanswered(other.pass(0).unwrap(), 0));
        let probe = other.pass(250).unwrap();
        assert_eq!(one.pass(251), None);
        other.unsaid(probe);
        assert!(one.pass(252).is_some());
    }
}
