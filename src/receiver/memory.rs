//! How many body bytes the process holds, and which body goes when there is no room for more.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::poll_fn;
use futures_util::task::AtomicWaker;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::metrics::Metrics;
use crate::route::Usage;

/// A body that comes more slowly than this may have to go when memory is spent: what senders really do is 1 MiB/s and more.
const SLOW_BYTES_PER_SECOND: u64 = 64 * 1024;
/// For how long a body waits for a slower one to go.
const WAIT_MAX: Duration = Duration::from_millis(500);

/// The bytes that bodies may hold in memory, over all workers.
#[derive(Debug)]
pub(super) struct Memory {
    bytes_max: u64,
    /// Holds the count as well: it is `jethook_inflight_bytes`.
    metrics: Arc<Metrics>,
    readers: Mutex<HashMap<u64, Arc<Reader>>>,
    next_reader: AtomicU64,
    waiting: AtomicUsize,
    freed: Notify,
}

/// A body on its way in that did not come in one piece.
#[derive(Debug)]
struct Reader {
    usage: Arc<Usage>,
    bytes_per_second: AtomicU64,
    is_evicted: AtomicBool,
    waker: AtomicWaker,
}

/// Bytes drawn for one body; given back on drop.
#[derive(Debug)]
pub(super) struct Grant {
    memory: Arc<Memory>,
    usage: Arc<Usage>,
    bytes: u64,
}

/// A reader's entry in the table of those that may have to go; removed on drop.
#[derive(Debug)]
pub(super) struct Ticket {
    memory: Arc<Memory>,
    id: u64,
    reader: Arc<Reader>,
}

/// There is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spent {
    /// The process holds all it may.
    Process,
    /// The endpoint holds half of it.
    Endpoint,
}

impl Memory {
    pub(super) fn new(bytes_max: u64, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            bytes_max,
            metrics,
            readers: Mutex::default(),
            next_reader: AtomicU64::default(),
            waiting: AtomicUsize::default(),
            freed: Notify::new(),
        })
    }

    /// A grant of nothing yet.
    pub(super) fn grant(self: &Arc<Self>, usage: &Arc<Usage>) -> Grant {
        Grant { memory: Arc::clone(self), usage: Arc::clone(usage), bytes: 0 }
    }

    /// Enters a body that is still coming in.
    pub(super) fn enter(self: &Arc<Self>, usage: &Arc<Usage>) -> Ticket {
        let reader = Arc::new(Reader {
            usage: Arc::clone(usage),
            // Too young to be judged.
            bytes_per_second: AtomicU64::new(u64::MAX),
            is_evicted: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        });
        let id = self.next_reader.fetch_add(1, Ordering::Relaxed);
        self.readers().insert(id, Arc::clone(&reader));
        Ticket { memory: Arc::clone(self), id, reader }
    }

    /// Tells the slowest of the slow bodies to go: of the same endpoint where it is the endpoint that has spent its half.
    /// True also while one that was told earlier has not gone yet.
    fn evict_slowest(&self, spent: Spent, usage: &Arc<Usage>, own: Option<u64>) -> bool {
        let readers = self.readers();
        let concerned = readers
            .iter()
            .filter(|(id, reader)| Some(**id) != own && (spent == Spent::Process || Arc::ptr_eq(&reader.usage, usage)));
        let rate = |reader: &Reader| reader.bytes_per_second.load(Ordering::Relaxed);
        let slowest = concerned.map(|(_, reader)| reader).min_by_key(|reader| rate(reader));
        let Some(slowest) = slowest.filter(|reader| rate(reader) < SLOW_BYTES_PER_SECOND) else { return false };
        slowest.is_evicted.store(true, Ordering::Release);
        slowest.waker.wake();
        true
    }

    fn readers(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Reader>>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Grant {
    /// Draws more, or nothing.
    pub(super) fn draw(&mut self, bytes: u64) -> Result<(), Spent> {
        let in_process = &self.memory.metrics.inflight_bytes;
        let bytes_max = self.memory.bytes_max;
        if in_process.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) > bytes_max {
            in_process.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Spent::Process);
        }
        let of_endpoint = &self.usage.body_bytes;
        if of_endpoint.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) > bytes_max / 2 {
            of_endpoint.fetch_sub(bytes, Ordering::Relaxed);
            in_process.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Spent::Endpoint);
        }
        self.bytes += bytes;
        Ok(())
    }

    /// Draws more; where there is no room, has slow bodies go and waits a moment for what they held.
    pub(super) async fn draw_or_evict(&mut self, bytes: u64, own: Option<&Ticket>) -> Result<(), Spent> {
        if self.draw(bytes).is_ok() {
            return Ok(());
        }
        // Boxed, so that the many that find room need none for the wait.
        Box::pin(self.evict_and_draw(bytes, own)).await
    }

    async fn evict_and_draw(&mut self, bytes: u64, own: Option<&Ticket>) -> Result<(), Spent> {
        let memory = Arc::clone(&self.memory);
        let deadline = Instant::now() + WAIT_MAX;
        let _waiting = Waiting::begin(&memory.waiting);
        loop {
            let freed = memory.freed.notified();
            let Err(spent) = self.draw(bytes) else { return Ok(()) };
            if !memory.evict_slowest(spent, &self.usage, own.map(|ticket| ticket.id))
                || timeout_at(deadline, freed).await.is_err()
            {
                return Err(spent);
            }
        }
    }

    /// Gives a part back.
    pub(super) fn give_back(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.memory.metrics.inflight_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.usage.body_bytes.fetch_sub(bytes, Ordering::Relaxed);
        if self.memory.waiting.load(Ordering::Relaxed) > 0 {
            self.memory.freed.notify_waiters();
        }
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.give_back(self.bytes);
    }
}

/// Counts who waits, so that giving back costs nothing while nobody does.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Ticket {
    /// Notes how fast the body comes in.
    pub(super) fn set_rate(&self, bytes_per_second: u64) {
        self.reader.bytes_per_second.store(bytes_per_second, Ordering::Relaxed);
    }

    /// Resolves when this body has to go.
    pub(super) async fn evicted(&self) {
        poll_fn(|ctx| {
            self.reader.waker.register(ctx.waker());
            if self.reader.is_evicted.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.memory.readers().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(bytes_max: u64) -> (Arc<Memory>, Arc<Metrics>) {
        let metrics = Arc::new(Metrics::default());
        (Memory::new(bytes_max, Arc::clone(&metrics)), metrics)
    }

    #[test]
    fn what_is_drawn_is_given_back_when_the_last_holder_goes() {
        let (memory, metrics) = memory(100);
        let (shop, usage) = (Arc::<Usage>::default(), Arc::<Usage>::default());
        let mut grant = memory.grant(&shop);
        grant.draw(50).unwrap();
        assert_eq!(grant.draw(1), Err(Spent::Endpoint));
        let mut other = memory.grant(&usage);
        other.draw(50).unwrap();
        assert_eq!(memory.grant(&Arc::default()).draw(1), Err(Spent::Process));
        assert_eq!(metrics.inflight_bytes.load(Ordering::Relaxed), 100);
        grant.give_back(20);
        assert_eq!(shop.body_bytes.load(Ordering::Relaxed), 30);
        drop((grant, other));
        assert_eq!(metrics.inflight_bytes.load(Ordering::Relaxed), 0);
        assert_eq!(shop.body_bytes.load(Ordering::Relaxed) + usage.body_bytes.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_slowest_body_makes_room() {
        let (memory, _) = memory(100);
        let holder = |rate: u64| {
            let usage = Arc::<Usage>::default();
            let ticket = memory.enter(&usage);
            ticket.set_rate(rate);
            let mut grant = memory.grant(&usage);
            grant.draw(50).unwrap();
            (ticket, grant)
        };
        let (fast, slow) = (holder(1 << 20), holder(100));
        let mut newcomer = memory.grant(&Arc::default());
        let leaving = async {
            slow.0.evicted().await;
            drop(slow);
        };
        let (drawn, ()) = tokio::join!(newcomer.draw_or_evict(40, None), leaving);
        assert_eq!(drawn, Ok(()));
        assert!(!fast.0.reader.is_evicted.load(Ordering::Relaxed));
        // None is slow now: the new one gets nothing, at once.
        let began = Instant::now();
        assert_eq!(memory.grant(&Arc::default()).draw_or_evict(40, None).await, Err(Spent::Process));
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_spent_its_half_sheds_its_own_bodies_only() {
        let (memory, _) = memory(100);
        let (own, other) = (Arc::<Usage>::default(), Arc::<Usage>::default());
        let slow_of_other = memory.enter(&other);
        slow_of_other.set_rate(0);
        let mut grant = memory.grant(&own);
        grant.draw(50).unwrap();
        assert_eq!(memory.grant(&own).draw_or_evict(1, None).await, Err(Spent::Endpoint));
        assert!(!slow_of_other.reader.is_evicted.load(Ordering::Relaxed));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_does_not_evict_itself() {
        let (memory, _) = memory(10);
        let usage = Arc::<Usage>::default();
        let ticket = memory.enter(&usage);
        ticket.set_rate(0);
        let mut grant = memory.grant(&usage);
        assert_eq!(grant.draw_or_evict(11, Some(&ticket)).await, Err(Spent::Process));
    }
}
