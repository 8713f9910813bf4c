//! A fresh nats-server and one receiver in front of it.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::case::Case;
use crate::drive::exchange;
use crate::process::Program;
use crate::request::{Flaw, Requests, SECRET, public_key};

/// How long a receiver may take until it stores the first event.
const READY_MAX: Duration = Duration::from_secs(60);

/// A receiver that is measured.
#[derive(Clone, Debug)]
pub(crate) enum Receiver {
    /// jethook's binary, in manifests mode.
    Jethook(PathBuf),
    /// The floor's binary.
    Floor(PathBuf),
    /// A name, and a command that reads `PORT`, `NATS_URL`, `SECRET` and `FOLDER`, which it may write into.
    Peer(String, String),
    /// The same of one that stores elsewhere, and tells at `/stored` how many events it has.
    Pattern(String, String),
}

impl Receiver {
    /// Its name in the table.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Jethook(_) => "jethook",
            Self::Floor(_) => "floor",
            Self::Peer(name, _) | Self::Pattern(name, _) => name,
        }
    }

    fn command(&self, address: SocketAddr, nats_url: &str, folder: &Path, routes: usize) -> anyhow::Result<Command> {
        Ok(match self {
            Self::Jethook(binary) => {
                let manifests = folder.join("manifests");
                fs::create_dir(&manifests)?;
                fs::write(manifests.join("bench.yaml"), manifest(routes)?)?;
                let mut command = Command::new(binary);
                command
                    .args(["run", "--nats-url", nats_url, "--listen", &address.to_string(), "--manifests"])
                    .arg(manifests)
                    .args(["--admin-listen", &free_address()?.to_string()]);
                command
            }
            Self::Floor(binary) => {
                let mut command = Command::new(binary);
                command.args([&address.to_string(), nats_url]);
                command
            }
            Self::Peer(_, text) | Self::Pattern(_, text) => {
                let mut command = Command::new("sh");
                command.args(["-c", &format!("exec {text}")]);
                command.env("PORT", address.port().to_string()).env("NATS_URL", nats_url).env("SECRET", SECRET);
                command.env("FOLDER", folder);
                command
            }
        })
    }
}

/// Servers that run; all is gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Stage {
    /// The receiver.
    pub(crate) receiver: Program,
    /// The store.
    pub(crate) store: Program,
    /// Where the receiver listens.
    pub(crate) address: SocketAddr,
    monitor: SocketAddr,
    stores_elsewhere: bool,
    // The last field: the folder goes when nobody writes into it any more.
    folder: Folder,
}

impl Stage {
    /// Starts both and waits until an event of the case's family is stored.
    ///
    /// # Errors
    /// One of them does not start, or stores nothing within a minute; with the end of its log.
    pub(crate) async fn open(nats_server: &Path, receiver: &Receiver, case: &Case) -> anyhow::Result<Self> {
        let folder = Folder::new()?;
        let (client, monitor) = (free_address()?, free_address()?);
        let mut command = Command::new(nats_server);
        command.args(["--addr", "127.0.0.1", "--port", &client.port().to_string(), "--jetstream"]);
        command.args(["--http_port", &monitor.port().to_string(), "--store_dir"]).arg(folder.0.join("store"));
        let store = Program::start(&mut command, &folder.0.join("nats.log"))?;
        await_port(client)?;
        let address = free_address()?;
        let mut command = receiver.command(address, &format!("nats://{client}"), &folder.0, case.routes)?;
        // What a shell holds for other work must not change what is measured.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("JETHOOK_") {
                command.env_remove(name);
            }
        }
        let program = Program::start(&mut command, &folder.0.join("receiver.log"))?;
        let stores_elsewhere = matches!(receiver, Receiver::Pattern(..));
        let mut stage = Self { receiver: program, store, address, monitor, stores_elsewhere, folder };
        stage.await_first_event(receiver, case).await?;
        Ok(stage)
    }

    async fn await_first_event(&mut self, receiver: &Receiver, case: &Case) -> anyhow::Result<()> {
        let mut requests = Requests::new(case.family, Flaw::None, case.body_bytes, process::id())?;
        let (mut request, mut buffer) = (Vec::new(), Vec::new());
        let deadline = Instant::now() + READY_MAX;
        loop {
            requests.next(&mut request)?;
            let answer = exchange(self.address, &mut None, &request, &mut buffer).await;
            if answer.as_ref().is_ok_and(|status| Flaw::None.expects(*status)) {
                return Ok(());
            }
            if self.receiver.has_ended() || Instant::now() > deadline {
                let log = fs::read_to_string(self.folder.0.join("receiver.log")).unwrap_or_default();
                let end: Vec<_> = log.lines().rev().take(10).collect();
                let end: Vec<_> = end.into_iter().rev().collect();
                bail!(
                    "{} stores nothing, its last answer is {answer:?}; its log:\n{}",
                    receiver.name(),
                    end.join("\n")
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How many events are stored.
    ///
    /// # Errors
    /// The store does not tell.
    pub(crate) fn stored(&self) -> anyhow::Result<u64> {
        if self.stores_elsewhere {
            return get(self.address, "/stored")?
                .trim()
                .parse()
                .context("the receiver does not tell how many it stored");
        }
        let state: serde_json::Value = serde_json::from_str(&get(self.monitor, "/jsz")?)?;
        state.get("messages").and_then(serde_json::Value::as_u64).context("nats-server does not tell its messages")
    }
}

/// The body of an answer.
fn get(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").context("an answer has no body")?;
    Ok(body.to_owned())
}

/// A folder of its own for each row.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("jethook-bench-{}-{number}", process::id()));
        fs::create_dir(&path).with_context(|| format!("{} can't be made", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An address on loopback that nobody listens on.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn await_port(address: SocketAddr) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(address).is_err() {
        if Instant::now() > deadline {
            bail!("nats-server does not listen on {address}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Endpoints of each family, their Secret, and as many others as it takes to have that many routes. The first is HMAC's.
fn manifest(routes: usize) -> anyhow::Result<String> {
    let public_key = public_key()?;
    let standard = data_encoding::BASE64.encode(SECRET.as_bytes());
    let mut text = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: bench, namespace: bench}}\nstringData:\n  shared: {SECRET}\n  standard: whsec_{standard}\n  public: {public_key}\n"
    );
    let others = (0..).map(|number| (format!("other-{number}"), "shared", "  provider: github\n"));
    for (name, key, spec) in
        ENDPOINTS.iter().map(|&(name, key, spec)| (name.to_owned(), key, spec)).chain(others).take(routes)
    {
        write!(
            text,
            "---\napiVersion: jethook.dev/v1alpha1\nkind: WebhookEndpoint\nmetadata: {{name: {name}, namespace: bench}}\nspec:\n{spec}  secretRefs: [{{name: bench, key: {key}}}]\n"
        )?;
    }
    Ok(text)
}

/// Name, key and provider of the endpoint of each family.
const ENDPOINTS: [(&str, &str, &str); 4] = [
    ("hmac", "shared", "  provider: github\n"),
    ("standard", "standard", "  provider: standard-webhooks\n"),
    (
        "ed25519",
        "public",
        r#"  provider: custom
  verification:
    keys: {signing: {encoding: hex, description: The public key}}
    publicKey: {algorithm: ed25519, encoding: hex, from: ["header:X-Signature"], signed: "{header:X-Delivery-Id}.{body}"}
    event: {type: "{header:X-GitHub-Event}", id: "{header:X-Delivery-Id}"}
"#,
    ),
    (
        "token",
        "shared",
        r#"  provider: custom
  verification:
    token: {from: ["header:X-Token"]}
    event: {type: "{header:X-GitHub-Event}", id: "{header:X-Delivery-Id}"}
"#,
    ),
];
