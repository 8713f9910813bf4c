//! A wire between jethook and nats-server that loses acks, holds them up, or breaks in the middle of a message.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::runtime::{block_on, runtime};

/// What the wire does. Each setting is one occasion: a fault that ends connections ends each of them once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Passes everything on.
    None,
    /// Breaks after so many more bytes to the server: in the middle of a message, or between two.
    CutAfter(usize),
    /// The server gets everything and stores it; what it answers is lost, and after so long the wire breaks.
    LoseAcks(Duration),
    /// What the server answers comes so much later.
    DelayAcks(Duration),
}

/// The wire; it carries new connections, too.
#[derive(Debug)]
pub struct Wire {
    pub address: SocketAddr,
    fault: watch::Sender<Fault>,
}

impl Wire {
    pub fn start(server: SocketAddr) -> Self {
        let listener = block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (fault, state) = watch::channel(Fault::None);
        runtime().spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let mut state = state.clone();
                // What was set before this connection is not for it.
                let begins_with = *state.borrow_and_update();
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(server).await else { return };
                    let _ = (client.set_nodelay(true), server.set_nodelay(true));
                    let (client_read, client_write) = client.into_split();
                    let (server_read, server_write) = server.into_split();
                    let (now, _) = watch::channel(match begins_with {
                        Fault::DelayAcks(_) => begins_with,
                        _ => Fault::None,
                    });
                    let (out, back) = (now.subscribe(), now.subscribe());
                    tokio::select! {
                        () = pass_out(client_read, server_write, out) => {}
                        () = pass_back(server_read, client_write, back) => {}
                        () = follow(state, now) => {}
                    }
                });
            }
        });
        Self { address, fault }
    }

    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }
}

/// Ends when the connection is to be broken by time.
async fn follow(mut state: watch::Receiver<Fault>, now: watch::Sender<Fault>) {
    while state.changed().await.is_ok() {
        let fault = *state.borrow_and_update();
        now.send_replace(fault);
        if let Fault::LoseAcks(span) = fault {
            tokio::time::sleep(span).await;
            return;
        }
    }
    std::future::pending().await
}

async fn pass_out(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut fault: watch::Receiver<Fault>) {
    let mut buffer = [0; 4096];
    let mut left = None;
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if fault.has_changed().unwrap_or(false) {
            left = match *fault.borrow_and_update() {
                Fault::CutAfter(bytes) => Some(bytes),
                _ => None,
            };
        }
        let passed = left.map_or(read, |left| read.min(left));
        left = left.map(|left| left - passed);
        if to.write_all(&buffer[..passed]).await.is_err() || left == Some(0) {
            let _ = to.flush().await;
            return;
        }
    }
}

async fn pass_back(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, fault: watch::Receiver<Fault>) {
    let mut buffer = [0; 4096];
    // In order, each at its time: what is under way is held up together.
    let (sender, mut queue) = tokio::sync::mpsc::channel::<(Instant, Vec<u8>)>(4096);
    let read = async {
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            let delay = match *fault.borrow() {
                Fault::LoseAcks(_) => continue,
                Fault::DelayAcks(delay) => delay,
                _ => Duration::ZERO,
            };
            if sender.send((Instant::now() + delay, buffer[..read].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let write = async {
        while let Some((at, bytes)) = queue.recv().await {
            sleep_until(at).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = read => {}
        () = write => {}
    }
}
