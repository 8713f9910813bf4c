//! When an endpoint's stream counts as away: after three publishes in a row without an ack, until any ack.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Publishes in a row without an ack after which the stream is away.
const FAILURES_MAX: u32 = 3;
/// Between the end of one probe and the next.
const PROBE_EVERY: Duration = Duration::from_millis(250);
/// A probe that has not told its end by then was dropped.
const PROBE_MAX: Duration = Duration::from_secs(3);

/// A stream as one endpoint sees it, over all workers. Each endpoint has its own: one whose subject nobody stores must not
/// close the stream to its neighbours. Times are milliseconds since any moment that all callers share.
#[derive(Debug, Default)]
pub struct Gate {
    failures: AtomicU32,
    probe_from: AtomicU64,
}

/// Leave to publish once; [`Gate::answered`], [`Gate::failed`] or [`Gate::unsaid`] tells how that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// The stream is thought to be there.
    Open,
    /// It is away, and this publish finds out whether it still is.
    Probe,
}

impl Gate {
    /// Leave to begin a publish now. While the stream is away one at a time has it, 250 ms after the one before ended.
    #[must_use]
    pub fn pass(&self, now_ms: u64) -> Option<Pass> {
        if !self.is_away() {
            return Some(Pass::Open);
        }
        let from = self.probe_from.load(Ordering::Relaxed);
        let lease = now_ms.saturating_add(millis(PROBE_MAX));
        let is_ours = now_ms >= from
            && self.probe_from.compare_exchange(from, lease, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        is_ours.then_some(Pass::Probe)
    }

    /// Whether the stream counts as away.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.failures.load(Ordering::Relaxed) >= FAILURES_MAX
    }

    /// The stream answered: whatever it said, it is there.
    pub fn answered(&self) {
        // Nearly always it is 0 already, and a plain read is shared by all cores.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// A publish had no ack.
    pub fn failed(&self, pass: Pass, now_ms: u64) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if pass == Pass::Probe || failures == FAILURES_MAX {
            self.probe_from.store(now_ms.saturating_add(millis(PROBE_EVERY)), Ordering::Relaxed);
        }
    }

    /// A publish ended in a way that says nothing of the stream.
    pub fn unsaid(&self, pass: Pass) {
        if pass == Pass::Probe {
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

    fn closed() -> Gate {
        let gate = Gate::default();
        (0..3).for_each(|_| gate.failed(Pass::Open, 1000));
        gate
    }

    #[test]
    fn three_failures_in_a_row_close_it_and_any_answer_opens_it() {
        let gate = Gate::default();
        gate.failed(Pass::Open, 0);
        gate.failed(Pass::Open, 0);
        gate.answered();
        gate.failed(Pass::Open, 0);
        gate.failed(Pass::Open, 0);
        assert_eq!(gate.pass(0), Some(Pass::Open), "an answer in between starts the count anew");
        gate.failed(Pass::Open, 0);
        assert!(gate.is_away());
        assert_eq!(gate.pass(0), None);
        gate.answered();
        assert_eq!(gate.pass(0), Some(Pass::Open));
    }

    #[test]
    fn one_probe_at_a_time_250_ms_after_the_one_before() {
        let gate = closed();
        assert_eq!(gate.pass(1249), None);
        assert_eq!(gate.pass(1250), Some(Pass::Probe));
        assert_eq!(gate.pass(1250), None);
        assert_eq!(gate.pass(2700), None, "the first one has not ended");
        gate.failed(Pass::Probe, 2750);
        assert_eq!(gate.pass(2999), None);
        assert_eq!(gate.pass(3000), Some(Pass::Probe));
    }

    #[test]
    fn what_began_before_it_closed_brings_no_probe_forward() {
        let gate = closed();
        assert_eq!(gate.pass(1250), Some(Pass::Probe));
        gate.failed(Pass::Open, 1300);
        assert_eq!(gate.pass(1600), None);
    }

    #[test]
    fn a_probe_that_says_nothing_makes_room_for_the_next() {
        let gate = closed();
        assert_eq!(gate.pass(1250), Some(Pass::Probe));
        gate.unsaid(Pass::Open);
        assert_eq!(gate.pass(1300), None);
        gate.unsaid(Pass::Probe);
        assert_eq!(gate.pass(1300), Some(Pass::Probe));
    }

    #[test]
    fn a_probe_that_was_dropped_does_not_close_it_for_ever() {
        let gate = closed();
        assert_eq!(gate.pass(1250), Some(Pass::Probe));
        assert_eq!(gate.pass(4250), Some(Pass::Probe));
    }
}
