//! A real nats-server, one for the whole test process, and ones of their own for tests that stop theirs.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use async_nats::ConnectOptions;
use async_nats::jetstream::{self, Context, stream};

use super::apiserver::tool;
use super::eventually::{SOON, eventually};
use super::http::Request;
use super::operator::{free_address, free_port};
use super::reaper;
use super::runtime::block_on;

/// A nats-server with JetStream; killed when dropped.
#[derive(Debug)]
pub struct Nats {
    folder: PathBuf,
    port: u16,
    monitor: std::net::SocketAddr,
    child: Option<Child>,
    scheme: &'static str,
}

/// A message as the stream holds it.
#[derive(Clone, Debug)]
pub struct Stored {
    pub subject: String,
    pub headers: BTreeMap<String, Vec<String>>,
    pub payload: Vec<u8>,
}

impl Stored {
    /// The only value of a header.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        match self.headers.get(name).map(Vec::as_slice) {
            Some([value]) => value,
            other => panic!("{name}: {other:?} among {:?}", self.headers),
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }
}

/// The server that most tests share, each with a stream of its own.
pub fn nats() -> &'static Nats {
    static SHARED: OnceLock<Nats> = OnceLock::new();
    SHARED.get_or_init(|| Nats::start(""))
}

impl Nats {
    /// Starts one with more lines of configuration and waits until it and its JetStream are there.
    #[track_caller]
    pub fn start(configuration: &str) -> Self {
        let mut server = Self::new(configuration);
        server.run();
        server
    }

    /// One that is not running yet.
    #[track_caller]
    pub fn new(configuration: &str) -> Self {
        Self::new_in("jetstream { store_dir: FOLDER/store }", configuration, free_port())
    }

    /// One with a JetStream section of its own, in which `FOLDER` stands for its folder.
    #[track_caller]
    pub fn new_in(jetstream: &str, configuration: &str, port: u16) -> Self {
        let (folder, monitor) = (reaper::folder("nats"), free_address());
        let text =
            format!("listen: 127.0.0.1:{port}\nhttp: {monitor}\nmax_pending: 256MB\n{jetstream}\n{configuration}\n");
        fs::write(folder.join("nats.conf"), text.replace("FOLDER", &folder.display().to_string())).unwrap();
        Self { folder, port, monitor, child: None, scheme: "nats" }
    }

    /// Says `tls://` in its URL.
    #[must_use]
    pub fn with_tls(mut self) -> Self {
        self.scheme = "tls";
        self
    }

    /// Starts it, again after a kill, and waits until it serves.
    #[track_caller]
    pub fn run(&mut self) {
        self.spawn();
        self.healthy();
    }

    /// Waits until it serves.
    #[track_caller]
    pub fn healthy(&self) {
        let healthy = || match Request::get("/healthz").send(self.monitor) {
            Ok(answer) if answer.status == 200 => Ok(()),
            Ok(answer) => Err(answer.text()),
            Err(error) => Err(format!("{error}\n{}", self.log())),
        };
        eventually(SOON, "nats-server serves", healthy);
    }

    /// Starts it and waits for nothing.
    #[track_caller]
    pub fn spawn(&mut self) {
        assert!(self.child.is_none(), "it runs");
        let log = File::options().create(true).append(true).open(self.folder.join("nats.log")).unwrap();
        let child = Command::new(tool("nats-server"))
            .arg("--config")
            .arg(self.folder.join("nats.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        reaper::adopt(child.id());
        self.child = Some(child);
    }

    /// Writes the configuration anew, for the next start.
    #[track_caller]
    pub fn configure(&self, from: &str, to: &str) {
        let path = self.folder.join("nats.conf");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    /// `kill -9`.
    #[track_caller]
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        reaper::release(child.id());
    }

    /// Sends it a signal, `STOP` and `CONT` for one that freezes.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    pub fn log(&self) -> String {
        reaper::text(&self.folder.join("nats.log"))
    }

    /// A page of the monitoring port.
    pub fn monitor(&self, path: &str) -> serde_json::Value {
        Request::get(path).send(self.monitor).unwrap().json()
    }

    /// JetStream by a client without credentials.
    #[track_caller]
    pub fn jetstream(&self) -> Context {
        self.jetstream_as(ConnectOptions::new())
    }

    #[track_caller]
    pub fn jetstream_as(&self, options: ConnectOptions) -> Context {
        let connect = || block_on(options.clone().connect(self.url())).map_err(|error| error.to_string());
        let client = eventually(SOON, "a client connects", connect).0;
        // A context starts a task.
        block_on(async { jetstream::new(client) })
    }

    /// Creates a stream as a tenant's own tools would.
    #[track_caller]
    pub fn create_stream(&self, config: stream::Config) {
        block_on(self.jetstream().create_stream(config)).unwrap();
    }

    /// The configuration and state of a stream; `None` when there is none.
    #[track_caller]
    pub fn stream(&self, name: &str) -> Option<stream::Info> {
        stream_info(&self.jetstream(), name)
    }

    /// All messages of a stream, the oldest first; none where there is no stream.
    #[track_caller]
    pub fn stored(&self, name: &str) -> Vec<Stored> {
        stored_in(&self.jetstream(), name)
    }

    /// The only message of a stream.
    #[track_caller]
    pub fn one_stored(&self, name: &str) -> Stored {
        let mut all = self.stored(name);
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
            reaper::release(child.id());
        }
    }
}

pub fn stream_info(context: &Context, name: &str) -> Option<stream::Info> {
    block_on(async { context.get_stream(name).await.ok().map(|stream| stream.cached_info().clone()) })
}

#[track_caller]
pub fn stored_in(context: &Context, name: &str) -> Vec<Stored> {
    block_on(async {
        let Ok(stream) = context.get_stream(name).await else { return Vec::new() };
        let state = &stream.cached_info().state;
        let mut all = Vec::new();
        if state.messages == 0 {
            return all;
        }
        for sequence in state.first_sequence..=state.last_sequence {
            let message = stream.get_raw_message(sequence).await.unwrap();
            let header = |(name, values): (&async_nats::HeaderName, &Vec<async_nats::HeaderValue>)| {
                (name.to_string(), values.iter().map(ToString::to_string).collect())
            };
            all.push(Stored {
                subject: message.subject.to_string(),
                headers: message.headers.iter().map(header).collect(),
                payload: message.payload.to_vec(),
            });
        }
        all
    })
}
