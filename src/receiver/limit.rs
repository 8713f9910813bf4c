//! Counting per key and period in a table of fixed size: for what must be bounded whatever is sent.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

const CELLS: usize = 4096;

/// How often something happened to a key in this period. Two keys may share a cell (they are spread at random, anew in each
/// process): good for sampling and for limits on refusals, not for what must be exact.
#[derive(Debug)]
pub(super) struct PerPeriod {
    /// The period's number in the upper half, the count in the lower.
    cells: Box<[AtomicU64]>,
    hasher: RandomState,
    epoch: Instant,
    period_seconds: u64,
}

impl PerPeriod {
    pub(super) fn new(period: Duration) -> Self {
        Self {
            cells: (0..CELLS).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
            epoch: Instant::now(),
            period_seconds: period.as_secs().max(1),
        }
    }

    /// Counts once more for the key; false when that is beyond `limit` in this period.
    pub(super) fn admits(&self, key: impl Hash, limit: u32) -> bool {
        let index = usize::try_from(self.hasher.hash_one(key) % CELLS as u64).unwrap_or(0);
        let Some(cell) = self.cells.get(index) else { return false };
        let period = ((self.epoch.elapsed().as_secs() / self.period_seconds) & u64::from(u32::MAX)) << 32;
        let count = |value: u64| if value & !u64::from(u32::MAX) == period { value & u64::from(u32::MAX) } else { 0 };
        let limit = u64::from(limit);
        cell.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |value| {
            (count(value) < limit).then(|| period | (count(value) + 1))
        })
        .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_key_is_admitted_up_to_the_limit_in_each_period() {
        let limiter = PerPeriod::new(Duration::from_secs(1));
        let admitted = |key: u64| (0..10).filter(|_| limiter.admits(key, 3)).count();
        assert_eq!(admitted(1), 3);
        assert_eq!(admitted(1), 0);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(admitted(1), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn many_keys_do_not_share_one_count() {
        let limiter = PerPeriod::new(Duration::from_secs(1));
        let admitted = (0..100u64).filter(|key| limiter.admits(key, 1)).count();
        assert!(admitted > 90, "{admitted}");
    }
}
