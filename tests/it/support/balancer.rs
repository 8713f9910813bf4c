//! A TCP load balancer that sends new connections to those replicas only that say they are ready, as a Service does.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::eventually::{SOON, eventually};
use super::runtime::{block_on, runtime};

/// How often a replica is asked.
const PROBE_EVERY: Duration = Duration::from_millis(100);
const PROBE_MAX: Duration = Duration::from_millis(500);

/// The balancer; gone when dropped, its connections with it.
#[derive(Debug)]
pub struct Balancer {
    pub address: SocketAddr,
    replicas: Replicas,
    tasks: Vec<JoinHandle<()>>,
}

/// Receiver, admin port, and whether it was ready when it was last asked.
type Replicas = Arc<Mutex<Vec<(SocketAddr, SocketAddr, bool)>>>;

impl Balancer {
    pub fn start() -> Self {
        let listener = block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let replicas = Replicas::default();
        let tasks = vec![
            runtime().spawn(probe(Arc::clone(&replicas))),
            runtime().spawn(serve(listener, Arc::clone(&replicas))),
        ];
        Self { address, replicas, tasks }
    }

    /// Adds a replica and waits until it gets connections.
    #[track_caller]
    pub fn add(&self, receiver: SocketAddr, admin: SocketAddr) {
        self.replicas.lock().unwrap().push((receiver, admin, false));
        eventually(SOON, "the balancer has seen that it is ready", || {
            let replicas = self.replicas.lock().unwrap();
            let is_in = replicas.iter().any(|(found, _, is_ready)| *found == receiver && *is_ready);
            if is_in { Ok(()) } else { Err(format!("{replicas:?}")) }
        });
    }

    /// Forgets one that has ended.
    pub fn remove(&self, receiver: SocketAddr) {
        self.replicas.lock().unwrap().retain(|(found, ..)| *found != receiver);
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn probe(replicas: Replicas) {
    loop {
        let all: Vec<_> = replicas.lock().unwrap().iter().map(|(receiver, admin, _)| (*receiver, *admin)).collect();
        for (receiver, admin) in all {
            let is_ready = tokio::time::timeout(PROBE_MAX, is_ready(admin)).await.unwrap_or(false);
            let mut replicas = replicas.lock().unwrap();
            if let Some(replica) = replicas.iter_mut().find(|(found, ..)| *found == receiver) {
                replica.2 = is_ready;
            }
        }
        tokio::time::sleep(PROBE_EVERY).await;
    }
}

async fn is_ready(admin: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(admin).await else { return false };
    let request = b"GET /readyz HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n";
    let mut answer = Vec::new();
    stream.write_all(request).await.is_ok()
        && stream.read_to_end(&mut answer).await.is_ok()
        && answer.starts_with(b"HTTP/1.1 200")
}

async fn serve(listener: TcpListener, replicas: Replicas) {
    let mut next = 0_usize;
    while let Ok((mut client, _)) = listener.accept().await {
        let ready: Vec<_> = {
            let replicas = replicas.lock().unwrap();
            replicas.iter().filter(|(.., is_ready)| *is_ready).map(|(receiver, ..)| *receiver).collect()
        };
        next += 1;
        let Some(&replica) = ready.get(next % ready.len().max(1)) else { continue };
        tokio::spawn(async move {
            if let Ok(mut server) = TcpStream::connect(replica).await {
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}
