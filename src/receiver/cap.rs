//! The connections of the whole process: how many there may be, and which one makes room.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::poll_fn;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// After this long another connection is told to make room, should the last one not have gone.
const PATIENCE: Duration = Duration::from_millis(100);
const NOT_WAITING: u64 = u64::MAX;

/// All connections, at most so many.
#[derive(Debug)]
pub(super) struct Cap {
    connections_max: usize,
    epoch: Instant,
    next_id: AtomicU64,
    places: Mutex<HashMap<u64, Arc<Place>>>,
    freed: Notify,
}

/// What is known of one connection outside of its worker.
#[derive(Debug)]
struct Place {
    /// Milliseconds since the epoch at which it began to wait for a complete request.
    waiting_since: AtomicU64,
    is_evicted: AtomicBool,
    is_stopped: AtomicBool,
    /// That of the connection's task, which is the same for as long as it lives.
    waker: OnceLock<Waker>,
}

impl Place {
    /// Gives an order: whoever listens sees it, now or when it begins to.
    fn order(&self, order: &AtomicBool) {
        order.store(true, Ordering::Release);
        // Together with that of `Seat::listen`: either the order is seen there, or the waker here.
        fence(Ordering::SeqCst);
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }
}

/// A connection's right to be; given back on drop.
#[derive(Debug)]
pub(super) struct Seat {
    cap: Arc<Cap>,
    id: u64,
    place: Arc<Place>,
    /// Connections of its worker.
    load: Arc<AtomicUsize>,
}

impl Cap {
    pub(super) fn new(connections_max: u32) -> Arc<Self> {
        Arc::new(Self {
            connections_max: usize::try_from(connections_max).unwrap_or(usize::MAX),
            epoch: Instant::now(),
            next_id: AtomicU64::default(),
            places: Mutex::default(),
            freed: Notify::new(),
        })
    }

    /// A seat for one more connection. At the cap the one that has waited longest for a complete request goes; while none
    /// waits, this does.
    pub(super) async fn admit(self: &Arc<Self>, load: &Arc<AtomicUsize>) -> Seat {
        loop {
            let freed = self.freed.notified();
            if let Some(seat) = self.try_admit(load) {
                return seat;
            }
            self.evict_longest_waiting();
            // A time-out leads to the next attempt as well.
            let _ = timeout(PATIENCE, freed).await;
        }
    }

    /// Has the connection that has waited longest go, and waits a moment until one is gone.
    pub(super) async fn make_room(&self) {
        let freed = self.freed.notified();
        self.evict_longest_waiting();
        // Who finds no room afterwards comes again.
        let _ = timeout(PATIENCE, freed).await;
    }

    fn try_admit(self: &Arc<Self>, load: &Arc<AtomicUsize>) -> Option<Seat> {
        let mut places = self.places();
        if places.len() >= self.connections_max {
            return None;
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let place = Arc::new(Place {
            waiting_since: AtomicU64::new(self.millis(Instant::now())),
            is_evicted: AtomicBool::new(false),
            is_stopped: AtomicBool::new(false),
            waker: OnceLock::new(),
        });
        places.insert(id, Arc::clone(&place));
        load.fetch_add(1, Ordering::Relaxed);
        Some(Seat { cap: Arc::clone(self), id, place, load: Arc::clone(load) })
    }

    /// Tells the connection that has waited longest to go, among those that were not told yet.
    fn evict_longest_waiting(&self) {
        let places = self.places();
        let since = |place: &Place| place.waiting_since.load(Ordering::Relaxed);
        let staying = places.iter().filter(|(_, place)| !place.is_evicted.load(Ordering::Relaxed));
        // Of those that came in the same millisecond, the one that was accepted first.
        let longest = staying.min_by_key(|(id, place)| (since(place), **id)).map(|(_, place)| place);
        if let Some(place) = longest.filter(|place| since(place) != NOT_WAITING) {
            place.order(&place.is_evicted);
        }
    }

    /// Tells all connections that the process ends: those that are idle go, the others end with their answer.
    pub(super) fn stop_all(&self) {
        for place in self.places().values() {
            place.order(&place.is_stopped);
        }
    }

    fn places(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Place>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn millis(&self, moment: Instant) -> u64 {
        u64::try_from(moment.saturating_duration_since(self.epoch).as_millis()).unwrap_or(NOT_WAITING - 1)
    }
}

impl Seat {
    /// From now on the connection waits for a complete request.
    pub(super) fn wait(&self, now: Instant) {
        self.place.waiting_since.store(self.cap.millis(now), Ordering::Relaxed);
    }

    /// From now on it has one, and can't be told to make room.
    pub(super) fn serve(&self) {
        self.place.waiting_since.store(NOT_WAITING, Ordering::Relaxed);
    }

    /// Has this task woken by orders from now on; only ever one task does.
    pub(super) fn listen(&self, ctx: &Context<'_>) {
        if self.place.waker.get().is_none() && self.place.waker.set(ctx.waker().clone()).is_ok() {
            fence(Ordering::SeqCst);
        }
    }

    /// Whether it has to make room now. An order that came while a request was being completed is forgotten.
    pub(super) fn is_evicted(&self) -> bool {
        if !self.place.is_evicted.load(Ordering::Acquire) {
            return false;
        }
        let is_waiting = self.place.waiting_since.load(Ordering::Relaxed) != NOT_WAITING;
        self.place.is_evicted.store(is_waiting, Ordering::Release);
        is_waiting
    }

    /// Whether the process ends.
    pub(super) fn is_stopped(&self) -> bool {
        self.place.is_stopped.load(Ordering::Acquire)
    }

    /// Resolves when the connection has to make room.
    pub(super) async fn evicted(&self) {
        poll_fn(|ctx| {
            self.listen(ctx);
            if self.is_evicted() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.cap.places().remove(&self.id);
        self.load.fetch_sub(1, Ordering::Relaxed);
        self.cap.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_longest_waiting_makes_room() {
        let cap = Cap::new(3);
        let load = Arc::<AtomicUsize>::default();
        let mut seats = Vec::new();
        for _ in 0..3 {
            seats.push(cap.admit(&load).await);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        // The first is served, the second waits for its next request: the third has waited longest.
        seats[0].serve();
        seats[1].serve();
        seats[1].wait(Instant::now());
        assert_eq!(load.load(Ordering::Relaxed), 3);
        let third = seats.pop().unwrap();
        let leaving = async move {
            third.evicted().await;
            drop(third);
        };
        let (seat, ()) = tokio::join!(cap.admit(&load), leaving);
        assert!(!seats[0].is_evicted() && !seats[1].is_evicted());
        drop((seats, seat));
        assert_eq!(load.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_served_is_not_cut_by_an_order_that_came_too_late() {
        let cap = Cap::new(1);
        let seat = cap.admit(&Arc::default()).await;
        cap.evict_longest_waiting();
        seat.serve();
        assert!(!seat.is_evicted());
        seat.wait(Instant::now());
        assert!(!seat.is_evicted());
        cap.evict_longest_waiting();
        assert!(seat.is_evicted());
    }

    #[tokio::test(start_paused = true)]
    async fn while_none_waits_a_newcomer_does() {
        let cap = Cap::new(1);
        let load = Arc::default();
        let seat = cap.admit(&load).await;
        seat.serve();
        assert!(timeout(Duration::from_secs(5), cap.admit(&load)).await.is_err());
        assert!(!seat.is_evicted());
        drop(seat);
        assert!(timeout(Duration::from_secs(5), cap.admit(&load)).await.is_ok());
    }
}
