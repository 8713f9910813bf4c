//! When a stream counts as away: after three publishes in a row without an ack, until any ack.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Publishes in a row without an ack after which a stream is away.
const FAILURES_MAX: u32 = 3;
/// While it is away one publish at a time probes it, so often.
const PROBE_EVERY: Duration = Duration::from_millis(250);

/// One stream as all workers of the process see it.
#[derive(Debug)]
pub struct Gate {
    failures: AtomicU32,
    /// When the next probe may begin, in milliseconds since `epoch`.
    next_probe_ms: AtomicU64,
    epoch: Instant,
    opened: Notify,
}

impl Gate {
    /// A stream that is thought to be there.
    pub fn new(now: Instant) -> Self {
        Self { failures: AtomicU32::new(0), next_probe_ms: AtomicU64::new(0), epoch: now, opened: Notify::new() }
    }

    /// Whether a publish may begin now. While the stream is away, one caller each 250 ms may: it is the probe.
    pub fn admits(&self, now: Instant) -> bool {
        if !self.is_away() {
            return true;
        }
        let now_ms = self.millis(now);
        let due = self.next_probe_ms.load(Ordering::Relaxed);
        let next = now_ms + u64::try_from(PROBE_EVERY.as_millis()).unwrap_or(u64::MAX / 2);
        now_ms >= due && self.next_probe_ms.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Whether it is away.
    pub fn is_away(&self) -> bool {
        self.failures.load(Ordering::Relaxed) >= FAILURES_MAX
    }

    /// The stream answered: whatever it said, it is there.
    pub fn answered(&self) {
        if self.failures.load(Ordering::Relaxed) != 0 && self.failures.swap(0, Ordering::Relaxed) >= FAILURES_MAX {
            self.opened.notify_waiters();
        }
    }

    /// A publish had no ack.
    pub fn failed(&self, now: Instant) {
        if self.failures.fetch_add(1, Ordering::Relaxed) + 1 == FAILURES_MAX {
            let next = self.millis(now + PROBE_EVERY);
            self.next_probe_ms.store(next, Ordering::Relaxed);
        }
    }

    /// Returns when the stream is back, or when the next probe is due, whichever is first.
    pub async fn changes(&self) {
        let _ = tokio::time::timeout(PROBE_EVERY, self.opened.notified()).await;
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_in_a_row_close_it_and_any_answer_opens_it() {
        let now = Instant::now();
        let gate = Gate::new(now);
        gate.failed(now);
        gate.failed(now);
        gate.answered();
        gate.failed(now);
        gate.failed(now);
        assert!(gate.admits(now));
        gate.failed(now);
        assert!(gate.is_away());
        assert!(!gate.admits(now));
        gate.answered();
        assert!(gate.admits(now));
    }

    #[test]
    fn one_probe_at_a_time_every_250_ms() {
        let now = Instant::now();
        let gate = Gate::new(now);
        (0..3).for_each(|_| gate.failed(now));
        let later = now + Duration::from_millis(251);
        assert!(gate.admits(later));
        assert!(!gate.admits(later));
        assert!(!gate.admits(later + Duration::from_millis(200)));
        assert!(gate.admits(later + Duration::from_millis(300)));
    }
}
