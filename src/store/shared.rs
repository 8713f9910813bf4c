//! What all publishers of the process share: limits, and who has a place within them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::denials::Denials;
use super::spool::Spool;
use crate::metrics::Metrics;
use crate::outcome::NotStored;
use crate::route::Usage;

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
    pub(super) limits: PublishLimits,
    inflight: AtomicUsize,
    waiters: AtomicUsize,
    pub(super) denials: Arc<Denials>,
    pub(super) metrics: Arc<Metrics>,
    /// Where events go that NATS does not take for now.
    pub(super) spool: Option<Spool>,
    /// From when gates count.
    epoch: Instant,
}

impl Shared {
    /// With these limits.
    #[must_use]
    pub fn new(limits: PublishLimits, denials: Arc<Denials>, metrics: Arc<Metrics>) -> Self {
        let (inflight, waiters) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { limits, inflight, waiters, denials, metrics, spool: None, epoch: Instant::now() }
    }

    /// With a spool.
    #[must_use]
    pub fn with_spool(self, spool: Option<Spool>) -> Self {
        Self { spool, ..self }
    }

    /// A moment as gates count it.
    pub(super) fn millis(&self, moment: Instant) -> u64 {
        u64::try_from(moment.saturating_duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX)
    }
}

/// A place among the publishes in flight, of all and of one endpoint.
pub(super) struct Slot<'a> {
    shared: &'a Shared,
    usage: &'a Usage,
}

impl<'a> Slot<'a> {
    /// More than a quarter is refused to one endpoint while more than half is used by all.
    pub(super) fn take(shared: &'a Shared, usage: &'a Usage) -> Result<Self, NotStored> {
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
pub(super) struct Patience {
    shared: Arc<Shared>,
    pub(super) since: Instant,
}

impl Patience {
    pub(super) fn take(shared: &Arc<Shared>) -> Result<Self, ()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back_whether_taken_or_not() {
        let limits = PublishLimits { inflight_max: 2, reconnect_wait: Duration::ZERO, reconnect_waiters_max: 1 };
        let shared = Arc::new(Shared::new(limits, Arc::default(), Arc::default()));
        let (one, other) = (Usage::default(), Usage::default());
        let (first, second) = (Slot::take(&shared, &one), Slot::take(&shared, &other));
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(Slot::take(&shared, &one).err(), Some(NotStored::Overloaded));
        drop((first, second));
        assert_eq!(shared.inflight.load(Ordering::Relaxed), 0);
        assert_eq!(one.publishes.load(Ordering::Relaxed), 0);
        let waiting = Patience::take(&shared);
        assert!(waiting.is_ok() && Patience::take(&shared).is_err());
        drop(waiting);
        assert!(Patience::take(&shared).is_ok());
        assert_eq!(shared.waiters.load(Ordering::Relaxed), 0);
    }
}
