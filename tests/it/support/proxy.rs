//! A proxy that passes connections on, and can hold every byte back or cut the line.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What a proxy does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Passes bytes on.
    Open,
    /// Holds them back, as a peer that hangs.
    Held,
    /// Closes every connection at once, as a peer that is not there.
    Cut,
}

/// A proxy on a loopback port, for as long as the runtime lives.
#[derive(Debug)]
pub struct Proxy {
    pub address: SocketAddr,
    line: watch::Sender<Line>,
}

impl Proxy {
    pub async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (line, state) = watch::channel(Line::Open);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *state.borrow() == Line::Cut {
                    continue;
                }
                let state = state.clone();
                tokio::spawn(async move {
                    let (client_read, client_write) = client.into_split();
                    let (server_read, server_write) = TcpStream::connect(upstream).await.unwrap().into_split();
                    tokio::select! {
                        () = pass(client_read, server_write, state.clone()) => {}
                        () = pass(server_read, client_write, state) => {}
                    }
                });
            }
        });
        Self { address, line }
    }

    pub fn set(&self, line: Line) {
        self.line.send_replace(line);
    }
}

/// Ends when either side does, or the line is cut.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: watch::Receiver<Line>) {
    let mut buffer = [0; 4096];
    let (mut cut, mut held) = (state.clone(), state);
    let copy = async {
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            if held.wait_for(|line| *line != Line::Held).await.is_err() || to.write_all(&buffer[..read]).await.is_err()
            {
                return;
            }
        }
    };
    tokio::select! {
        () = copy => {}
        _ = cut.wait_for(|line| *line == Line::Cut) => {}
    }
}
