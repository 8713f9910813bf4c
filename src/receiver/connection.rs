//! One connection as its worker sees it: what it waits for, by when, and how it ends.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::poll_fn;
use http::Version;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout};

use super::cap::Seat;
use super::stream::Stream;

/// For how long, and for how many bytes, what a sender still sends behind its answer is read and thrown away.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES_MAX: usize = 4 * 1024 * 1024;
const SCRATCH_BYTES: usize = 8 * 1024;
/// When the process ends, a request that is on its way on an idle connection has this long to arrive.
const LAST_CALL: Duration = Duration::from_secs(1);

/// The time limits of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    pub(super) header: Duration,
    pub(super) idle: Duration,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    /// The peer, or whom the PROXY protocol says it speaks for.
    pub(super) peer: IpAddr,
    pub(super) seat: Seat,
    timeouts: Timeouts,
    stream: RefCell<Stream>,
    phase: Cell<Phase>,
    /// Requests whose answer is not given yet; more than one with HTTP/2.
    exchanges: Cell<usize>,
    /// Those of them that are complete.
    complete: Cell<usize>,
    is_multiplexed: Cell<bool>,
    has_ended: Cell<bool>,
    stop_at: Cell<Option<Instant>>,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Its very first byte, since it was accepted.
    Fresh(Instant),
    /// The first byte of another request.
    Idle(Instant),
    /// The rest of a request's head, since its first byte.
    Head(Instant),
    /// An answer of ours.
    Busy,
}

impl Connection {
    pub(super) fn new(stream: Stream, peer: IpAddr, seat: Seat, timeouts: Timeouts) -> Rc<Self> {
        Rc::new(Self {
            peer,
            seat,
            timeouts,
            stream: RefCell::new(stream),
            phase: Cell::new(Phase::Fresh(Instant::now())),
            exchanges: Cell::new(0),
            complete: Cell::new(0),
            is_multiplexed: Cell::new(false),
            has_ended: Cell::new(false),
            stop_at: Cell::new(None),
        })
    }

    /// When it is to be closed if nothing happens; `None` while we owe it an answer.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let until_stop = |deadline: Instant| self.stop_at.get().map_or(deadline, |stop| deadline.min(stop));
        match self.phase.get() {
            Phase::Fresh(since) => Some(until_stop(since + self.timeouts.header)),
            Phase::Idle(since) => Some(until_stop(since + self.timeouts.idle)),
            Phase::Head(since) => Some(since + self.timeouts.header),
            Phase::Busy => None,
        }
    }

    /// Notes that the process ends: true the first time.
    pub(super) fn stop(&self) -> bool {
        let is_first = self.stop_at.get().is_none();
        if is_first {
            self.stop_at.set(Some(Instant::now() + LAST_CALL));
        }
        is_first
    }

    /// Whether it has turned out to speak HTTP/2.
    pub(super) fn is_multiplexed(&self) -> bool {
        self.is_multiplexed.get()
    }

    /// Resolves when its first byte is there, or its end.
    pub(super) async fn arrival(&self) {
        poll_fn(|ctx| self.stream.borrow().poll_arrival(ctx)).await;
    }

    /// Begins a request whose head is complete.
    pub(super) fn begin(self: &Rc<Self>, version: Version) -> Exchange {
        let began = match self.phase.get() {
            Phase::Head(since) => since,
            Phase::Fresh(_) | Phase::Idle(_) | Phase::Busy => Instant::now(),
        };
        self.is_multiplexed.set(version == Version::HTTP_2);
        self.phase.set(Phase::Busy);
        self.exchanges.set(self.exchanges.get() + 1);
        Exchange { connection: Rc::clone(self), began, is_complete: Cell::new(false) }
    }

    /// Reads on for a moment what the sender still sends, so that it finds our answer and not a reset: closing a socket
    /// that has unread bytes resets it, and a reset takes away answers that were not read yet.
    pub(super) async fn linger(&self) {
        if self.has_ended.get() {
            return;
        }
        let mut room = LINGER_BYTES_MAX;
        let discard = poll_fn(|ctx| {
            let mut stream = self.stream.borrow_mut();
            if Pin::new(&mut *stream).poll_shutdown(ctx).is_pending() {
                return Poll::Pending;
            }
            // On the stack: many may linger at a time.
            let mut scratch = [0; SCRATCH_BYTES];
            loop {
                match stream.poll_discard(ctx, &mut scratch) {
                    Poll::Ready(Ok(bytes)) if bytes > 0 && bytes < room => room -= bytes,
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        });
        tokio::select! {
            () = self.seat.evicted() => {}
            // Either way it is closed now.
            _ = timeout(LINGER, discard) => {}
        }
    }
}

/// A request in service; ends with its answer, on drop.
#[derive(Debug)]
pub(super) struct Exchange {
    connection: Rc<Connection>,
    /// When its first byte came.
    pub(super) began: Instant,
    is_complete: Cell<bool>,
}

impl Exchange {
    /// The whole request is here.
    pub(super) fn complete(&self) {
        if !self.is_complete.replace(true) {
            self.connection.complete.set(self.connection.complete.get() + 1);
            self.connection.seat.serve();
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let Connection { exchanges, complete, phase, seat, .. } = &*self.connection;
        exchanges.set(exchanges.get() - 1);
        if self.is_complete.get() {
            complete.set(complete.get() - 1);
        }
        let now = Instant::now();
        if complete.get() == 0 {
            seat.wait(now);
        }
        if exchanges.get() == 0 {
            phase.set(Phase::Idle(now));
        }
    }
}

/// The stream as HTTP reads and writes it; notes when a request begins and when the sender is done.
#[derive(Debug)]
pub(super) struct Wire(pub(super) Rc<Connection>);

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, ctx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let connection = &*self.0;
        let filled = buffer.filled().len();
        let result = Pin::new(&mut *connection.stream.borrow_mut()).poll_read(ctx, buffer);
        match &result {
            Poll::Ready(Ok(())) if buffer.filled().len() > filled => {
                let begins = matches!(connection.phase.get(), Phase::Fresh(_) | Phase::Idle(_));
                // Between the requests of HTTP/2 there are pings and the like.
                if begins && !connection.is_multiplexed.get() {
                    connection.phase.set(Phase::Head(Instant::now()));
                }
            }
            Poll::Ready(_) => connection.has_ended.set(true),
            Poll::Pending => {}
        }
        result
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, ctx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.stream.borrow_mut()).poll_write(ctx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.stream.borrow_mut()).poll_write_vectored(ctx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.stream.borrow().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.stream.borrow_mut()).poll_flush(ctx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.stream.borrow_mut()).poll_shutdown(ctx)
    }
}
