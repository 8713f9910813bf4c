//! A histogram whose buckets are atomics, sharded so that workers do not share cache lines.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const SHARDS: usize = 8;
const BUCKETS_MAX: usize = 16;

/// From half a millisecond to the longest that a sender waits.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// From a ping to GitHub's largest.
const BYTES: [f64; 8] = [256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 1_048_576.0, 33_554_432.0];

thread_local! {
    static SHARD: Cell<usize> = const { Cell::new(0) };
}

/// Makes this thread count in a shard of its own; workers call it with their number.
pub fn use_shard(worker: usize) {
    SHARD.set(worker % SHARDS);
}

/// A histogram of fixed buckets.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [f64],
    shards: [Shard; SHARDS],
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    counts: [AtomicU64; BUCKETS_MAX],
    /// In billionths, so that it can be added to atomically.
    sum_nanos: AtomicU64,
}

/// What a histogram has seen, over all shards.
#[derive(Debug, PartialEq)]
pub(super) struct Snapshot {
    pub(super) sum: f64,
    pub(super) count: u64,
    /// Upper bound and count of each bucket, not cumulative.
    pub(super) buckets: Vec<(f64, u64)>,
}

impl Histogram {
    /// For durations in seconds.
    #[must_use]
    pub fn seconds() -> Self {
        Self { bounds: &SECONDS, shards: Default::default() }
    }

    /// For sizes in bytes.
    #[must_use]
    pub fn bytes() -> Self {
        Self { bounds: &BYTES, shards: Default::default() }
    }

    /// Adds one observation; what is negative or no number counts as zero.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates, as it should")]
    pub fn observe(&self, value: f64) {
        let Some(shard) = self.shards.get(SHARD.get()) else { return };
        let bucket = self.bounds.iter().position(|bound| value <= *bound).unwrap_or(self.bounds.len());
        if let Some(count) = shard.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        shard.sum_nanos.fetch_add((value * 1e9) as u64, Ordering::Relaxed);
    }

    /// Adds one duration.
    pub fn observe_duration(&self, value: Duration) {
        self.observe(value.as_secs_f64());
    }

    #[expect(clippy::cast_precision_loss, reason = "a sum in the page may lose its last digits")]
    pub(super) fn snapshot(&self) -> Snapshot {
        let mut counts = [0u64; BUCKETS_MAX];
        let mut nanos = 0u64;
        for shard in &self.shards {
            for (total, count) in counts.iter_mut().zip(&shard.counts) {
                *total += count.load(Ordering::Relaxed);
            }
            nanos = nanos.wrapping_add(shard.sum_nanos.load(Ordering::Relaxed));
        }
        let bounds = self.bounds.iter().copied().chain([f64::MAX]);
        let buckets: Vec<_> = bounds.zip(counts).collect();
        Snapshot { sum: nanos as f64 / 1e9, count: buckets.iter().map(|(_, count)| count).sum(), buckets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observations_fall_into_the_bucket_that_holds_them() {
        let histogram = Histogram::bytes();
        for value in [1.0, 256.0, 257.0, 1e12, -1.0, f64::NAN] {
            histogram.observe(value);
        }
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.count, 6);
        assert_eq!(snapshot.buckets[0], (256.0, 3));
        assert_eq!(snapshot.buckets[1], (1024.0, 1));
        assert_eq!(snapshot.buckets[8], (f64::MAX, 2));
    }

    #[test]
    fn shards_add_up() {
        let histogram = Histogram::seconds();
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let histogram = &histogram;
                scope.spawn(move || {
                    use_shard(worker);
                    (0..1000).for_each(|_| histogram.observe(0.002));
                });
            }
        });
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.count, 4000);
        assert!((snapshot.sum - 8.0).abs() < 1e-6, "{}", snapshot.sum);
    }
}
