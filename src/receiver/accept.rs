//! The acceptor: one thread that hands each new socket to the worker with the fewest connections.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use rustix::process::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, interval};

use super::cap::Cap;
use super::worker::Accepted;
use crate::health::{PULSE_EVERY, Pulse};

const BACKLOG: i32 = 1024;
/// A peer that is gone without a word is found out after this long, and some probes.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// How often it is told that accepting fails.
const TOLD_EVERY: Duration = Duration::from_secs(10);
/// File descriptors that are no connections: listeners, NATS, watches, files.
const OTHER_DESCRIPTORS: u64 = 64;

/// The way to one worker.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) sockets: mpsc::Sender<Accepted>,
    /// Its connections.
    pub(super) load: Arc<AtomicUsize>,
}

/// Binds a listener; where the host has no IPv6, all addresses means all IPv4 addresses.
pub(super) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    match listen(address) {
        Err(_) if address.is_ipv6() && address.ip().is_unspecified() && !has_ipv6() => {
            listen(SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())))
        }
        result => result,
    }
}

fn has_ipv6() -> bool {
    Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP)).is_ok()
}

fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts until told to stop; then empties the accept queue before the listener closes.
pub(super) async fn run(
    listener: TcpListener,
    cap: Arc<Cap>,
    lanes: Vec<Lane>,
    mut stop: oneshot::Receiver<()>,
    pulse: Pulse,
) {
    let (mut beat, mut told) = (interval(PULSE_EVERY), None);
    loop {
        let accepted = tokio::select! {
            biased;
            // Told, or the receiver was dropped.
            _ = &mut stop => break,
            _ = beat.tick() => {
                pulse.beat(Timestamp::now());
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted.and_then(|(tcp, peer)| Ok((tcp.into_std()?, peer))) {
            Ok((socket, peer)) => hand_over(&cap, &lanes, socket, peer).await,
            Err(error) => recover(&cap, &error, &mut told).await,
        }
    }
    let Ok(listener) = listener.into_std() else { return };
    while let Ok((socket, peer)) = listener.accept() {
        if socket.set_nonblocking(true).is_ok() {
            hand_over(&cap, &lanes, socket, peer).await;
        }
    }
}

async fn hand_over(cap: &Arc<Cap>, lanes: &[Lane], socket: std::net::TcpStream, peer: SocketAddr) {
    let open = lanes.iter().filter(|lane| !lane.sockets.is_closed());
    let Some(lane) = open.min_by_key(|lane| lane.load.load(Ordering::Relaxed)) else { return };
    let options = SockRef::from(&socket);
    // A connection without these is slower to answer, or to be given up, but serves.
    let _ = options.set_tcp_nodelay(true);
    let _ = options.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE));
    let seat = cap.admit(&lane.load).await;
    // A worker that ended since closes the socket.
    let _ = lane.sockets.send(Accepted { socket, peer, seat }).await;
}

/// Errors of a single connection are passed over. With the others (no file descriptors, no memory) the connection that has
/// waited longest makes room.
async fn recover(cap: &Cap, error: &io::Error, told: &mut Option<Instant>) {
    let is_of_connection = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    );
    if is_of_connection {
        return;
    }
    if told.is_none_or(|at| at.elapsed() >= TOLD_EVERY) {
        tracing::warn!(%error, "accepting connections fails: the one that waits longest makes room");
        *told = Some(Instant::now());
    }
    cap.make_room().await;
}

/// How many connections there may be: as many as the flag says, as long as each finds a file descriptor. Lifts the limit to
/// what the system lets this process have first: the usual 1,024 is there for programs that use `select`.
pub(super) fn connections_max(wanted: u32) -> u32 {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where that is not allowed, the limit stays what it was.
    let _ = setrlimit(Resource::Nofile, limit);
    let Some(descriptors) = getrlimit(Resource::Nofile).current else { return wanted };
    let connections = within_descriptors(wanted, descriptors);
    if connections < wanted {
        tracing::warn!(
            descriptors,
            connections,
            "--max-connections {wanted} needs more file descriptors: taking fewer"
        );
    }
    connections
}

fn within_descriptors(wanted: u32, descriptors: u64) -> u32 {
    let room = descriptors.saturating_sub(OTHER_DESCRIPTORS).max(descriptors / 2).max(1);
    wanted.min(u32::try_from(room).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_the_rest() {
        assert_eq!(within_descriptors(4096, 1_048_576), 4096);
        assert_eq!(within_descriptors(4096, 1024), 1024 - 64);
        assert_eq!(within_descriptors(4096, 60), 30);
        assert_eq!(within_descriptors(4096, 0), 1);
        assert_eq!(within_descriptors(4096, u64::MAX), 4096);
    }
}
