//! One worker: a thread with its own runtime and its own way to JetStream. An event stays on it from the socket to the ack.

use std::cell::Cell;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use futures_util::future::poll_fn;
use hyper::server::conn::http1;
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

/// What all workers share. Each request holds it, and counts that on its own thread alone.
#[derive(Debug)]
pub(super) struct Common(Arc<Shared>);

impl Deref for Common {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// What the connections of a worker share.
#[derive(Debug)]
pub(super) struct Worker<P> {
    pub(super) shared: Rc<Common>,
    pub(super) publisher: P,
    /// Connections and publishes: a drain waits for them.
    pub(super) tasks: TaskTracker,
    /// The runtime is about to go: nothing can be spawned any more.
    pub(super) has_ended: Cell<bool>,
    protocol: Protocol,
}

/// What is spoken on a connection.
#[derive(Debug)]
enum Protocol {
    Http1(http1::Builder),
    /// HTTP/1.1 or HTTP/2, as the first bytes say.
    Any(auto::Builder<LocalExecutor>),
}

/// Serves until the acceptor hands over no more and what is in flight has ended, or the time for it is up.
pub(super) async fn run<P: Publish>(
    shared: Arc<Shared>,
    publisher: P,
    mut sockets: mpsc::Receiver<Accepted>,
    pulse: Pulse,
) {
    let protocol = protocol(&shared.config);
    let worker = Rc::new(Worker {
        shared: Rc::new(Common(shared)),
        publisher,
        tasks: TaskTracker::new(),
        has_ended: Cell::new(false),
        protocol,
    });
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

fn protocol(config: &ReceiverConfig) -> Protocol {
    // The handler counts to the byte; this bounds what a head may hold until then.
    let head_bytes_max = config.max_header_size.saturating_add(config.max_uri_size);
    let buffer_bytes_max = usize::try_from(head_bytes_max).unwrap_or(usize::MAX).max(BUFFER_BYTES_MIN);
    // Connections keep their own time (`Connection::deadline`).
    if !config.http2 {
        let mut http = http1::Builder::new();
        // An answer is short: one piece is cheaper to write than two.
        http.timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(buffer_bytes_max).writev(false);
        return Protocol::Http1(http);
    }
    let mut http = auto::Builder::new(LocalExecutor);
    http.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(buffer_bytes_max);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(u32::try_from(config.max_header_size).unwrap_or(u32::MAX));
    Protocol::Any(http)
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
    // HTTP has buffers, which a connection that says nothing is not worth.
    if keep_time(&connection, pin!(connection.arrival()), |_| {}).await == Ended::ByUs {
        return;
    }
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
    // Boxed, since HTTP sets room for it aside from the start, and most of a connection's time there is no request.
    let service = service_fn(|request| Box::pin(handle(Rc::clone(worker), connection, request)));
    let wire = TokioIo::new(Wire(Rc::clone(connection)));
    match &worker.protocol {
        Protocol::Http1(http) => keep_time(connection, pin!(http.serve_connection(wire, service)), |_| {}).await,
        Protocol::Any(http) => {
            // Apart, so that a connection by HTTP/1 needs no room for it.
            let mut http = Box::pin(http.serve_connection(wire, service));
            keep_time(connection, http.as_mut(), auto::Connection::graceful_shutdown).await
        }
    }
}

/// Drives `http`, or what comes ahead of it, to its end, or until the connection has had its time. With HTTP/1.1 the last answer says `Connection: close`;
/// HTTP/2 has a frame for it, which `say_last` sends.
async fn keep_time<F: Future>(connection: &Connection, mut http: Pin<&mut F>, say_last: impl Fn(Pin<&mut F>)) -> Ended {
    let mut timer = pin!(sleep_until(connection.deadline().unwrap_or_else(Instant::now)));
    poll_fn(|ctx| {
        connection.seat.listen(ctx);
        if connection.seat.is_evicted() {
            return Poll::Ready(Ended::ByUs);
        }
        if connection.seat.is_stopped() && connection.stop() && connection.is_multiplexed() {
            say_last(http.as_mut());
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
