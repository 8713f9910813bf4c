//! One worker: a thread with its own runtime and its own way to JetStream. An event stays on it from the socket to the ack.

use std::cell::Cell;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use futures_util::future::poll_fn;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use jiff::Timestamp;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval, sleep_until, timeout, timeout_at};
use tokio_util::task::TaskTracker;

use super::cap::Seat;
use super::connection::{Connection, Timeouts, Wire};
use super::handle::handle;
use super::stream::Stream;
use super::{Publish, Shared, proxy};
use crate::config::ReceiverConfig;
use crate::health::{PULSE_EVERY, Pulse};

/// hyper takes no smaller read buffer.
const BUFFER_BYTES_MIN: usize = 8192;
/// How much of bodies HTTP/2 may buffer ahead of us: for a stream, and for a connection.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 128 * 1024;
const STREAMS_MAX: u32 = 100;

/// A socket on its way from the acceptor to its worker.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) socket: std::net::TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) seat: Seat,
}

/// What the connections of a worker share.
#[derive(Debug)]
pub(super) struct Worker<P> {
    pub(super) shared: Arc<Shared>,
    pub(super) publisher: P,
    /// Connections and publishes: a drain waits for them.
    pub(super) tasks: TaskTracker,
    /// The runtime is about to go: nothing can be spawned any more.
    pub(super) has_ended: Cell<bool>,
    http: auto::Builder<LocalExecutor>,
}

/// Serves until the acceptor hands over no more and what is in flight has ended, or the time for it is up.
pub(super) async fn run<P: Publish>(
    shared: Arc<Shared>,
    publisher: P,
    mut sockets: mpsc::Receiver<Accepted>,
    pulse: Pulse,
) {
    let http = http(&shared.config);
    let worker = Rc::new(Worker { shared, publisher, tasks: TaskTracker::new(), has_ended: Cell::new(false), http });
    let mut beat = interval(PULSE_EVERY);
    loop {
        tokio::select! {
            accepted = sockets.recv() => match accepted {
                Some(accepted) => drop(worker.tasks.spawn_local(serve(Rc::clone(&worker), accepted))),
                None => break,
            },
            _ = beat.tick() => pulse.beat(Timestamp::now()),
        }
    }
    worker.tasks.close();
    let stop_by = worker.shared.stop_by();
    let mut ended = pin!(timeout_at(stop_by, worker.tasks.wait()));
    loop {
        tokio::select! {
            _ = &mut ended => break,
            _ = beat.tick() => pulse.beat(Timestamp::now()),
        }
    }
    worker.publisher.drain(stop_by).await;
    worker.has_ended.set(true);
}

fn http(config: &ReceiverConfig) -> auto::Builder<LocalExecutor> {
    let mut http = auto::Builder::new(LocalExecutor);
    // The handler counts to the byte; this bounds what a head may hold until then.
    let head_bytes_max = config.max_header_size.saturating_add(config.max_uri_size);
    let buffer_bytes_max = usize::try_from(head_bytes_max).unwrap_or(usize::MAX).max(BUFFER_BYTES_MIN);
    // Connections keep their own time (`Connection::deadline`).
    http.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(buffer_bytes_max);
    if !config.http2 {
        return http.http1_only();
    }
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(u32::try_from(config.max_header_size).unwrap_or(u32::MAX));
    http
}

/// Serves one connection to its end.
async fn serve<P: Publish>(worker: Rc<Worker<P>>, accepted: Accepted) {
    let Accepted { socket, peer, seat } = accepted;
    let config = &worker.shared.config;
    let opening = timeout(config.header_timeout, open(&worker.shared, socket, peer.ip().to_canonical()));
    let opened = tokio::select! {
        biased;
        () = seat.evicted() => return,
        opened = opening => opened,
    };
    let (stream, client) = match opened {
        Ok(Ok(opened)) => opened,
        Ok(Err(error)) => {
            tracing::debug!(peer = %peer.ip(), error = &*error, "connection refused");
            return;
        }
        Err(_) => return,
    };
    let timeouts = Timeouts { header: config.header_timeout, idle: config.idle_timeout };
    let connection = Connection::new(stream, client, seat, timeouts);
    if drive(&worker, &connection).await == Ended::ByHttp {
        connection.linger().await;
    }
}

/// What comes ahead of HTTP: the PROXY protocol's header, then TLS. The address is that of whom the peer speaks for.
async fn open(
    shared: &Shared,
    socket: std::net::TcpStream,
    peer: IpAddr,
) -> Result<(Stream, IpAddr), Box<dyn std::error::Error>> {
    let mut tcp = TcpStream::from_std(socket)?;
    let mut client = peer;
    if shared.config.proxy_protocol && shared.trust.trusts(peer) {
        client = proxy::read_header(&mut tcp).await?.unwrap_or(peer).to_canonical();
    }
    let stream = match &shared.tls {
        Some(tls) => Stream::Tls(Box::new(tls.acceptor().accept(tcp).await?)),
        None => Stream::Plain(tcp),
    };
    Ok((stream, client))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// One side closed it in the course of HTTP.
    ByHttp,
    /// A time limit passed, it had to make room, or the process ends.
    ByUs,
}

/// Drives HTTP on a connection within its time limits.
async fn drive<P: Publish>(worker: &Rc<Worker<P>>, connection: &Rc<Connection>) -> Ended {
    let service = service_fn(|request| handle(Rc::clone(worker), Rc::clone(connection), request));
    let wire = TokioIo::new(Wire(Rc::clone(connection)));
    let mut http = pin!(worker.http.serve_connection(wire, service));
    let mut timer = pin!(sleep_until(connection.deadline().unwrap_or_else(Instant::now)));
    poll_fn(|ctx| {
        connection.seat.listen(ctx);
        if connection.seat.is_evicted() {
            return Poll::Ready(Ended::ByUs);
        }
        // With HTTP/1.1 the last answer says `Connection: close`; HTTP/2 has a frame for it.
        if connection.seat.is_stopped() && connection.stop() && connection.is_multiplexed() {
            http.as_mut().graceful_shutdown();
        }
        if http.as_mut().poll(ctx).is_ready() {
            return Poll::Ready(Ended::ByHttp);
        }
        let Some(deadline) = connection.deadline() else { return Poll::Pending };
        if deadline < timer.deadline() {
            timer.as_mut().reset(deadline);
        }
        while timer.as_mut().poll(ctx).is_ready() {
            if timer.deadline() >= deadline {
                return Poll::Ready(Ended::ByUs);
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    })
    .await
}

/// Spawns on the worker's own thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct LocalExecutor;

impl<F: Future + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        drop(tokio::task::spawn_local(async move {
            future.await;
        }));
    }
}
