//! The spool: on disk while NATS is away, in the stream once it is back.
//!
//! An event is in it before its sender is answered `spooled`, and leaves it once its stream has acknowledged it, under the
//! same id. So a kill at any moment loses nothing, and what is sent again inside the stream's duplicate window is stored
//! once. Each endpoint has a lane of its own: its events leave in the order in which they came, save what has to be tried
//! again, and no endpoint waits for another's stream. Events that come while NATS is there do not wait for the spool.
//!
//! What is in it was verified and allowed when it came: it goes to the stream and the subject of then, also when its
//! endpoint is deleted or changed meanwhile. What its stream does not take (the stream is gone or full, the subject is no
//! longer captured) is kept, told, and tried again every minute behind the others.
//!
//! An event that leaves later than its stream's duplicate window is stored once, unless a try to store it was under way when
//! NATS broke or when this process was killed: then it may be in the stream twice, under one `Nats-Msg-Id`.

mod drain;
mod file;
mod recall;
mod writer;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

pub use recall::{LastCheck, keep_last_check};

use self::drain::Drain;
use self::file::Chunk;
use self::writer::{Command, Lane, Limits, Writer};
use super::Shared;
use crate::config::{NatsConfig, SpoolConfig};
use crate::event::Event;
use crate::health::{Gate, Pulse};
use crate::metrics::Metrics;
use crate::outcome::NotStored;
use crate::stream::{StreamState, View};

/// Requests that may wait for the spool's thread; what comes beyond is shed.
const COMMANDS_MAX: usize = 1024;
/// Pause of one who drains and finds no place among them.
const ROOM_AFTER: Duration = Duration::from_millis(5);
/// What is left of the time for an event to get to disk, whatever its tries took.
const WRITE_MIN: Duration = Duration::from_secs(1);
/// What an end may take.
const END_MAX: Duration = Duration::from_secs(3);

/// A way to the spool, for any thread.
#[derive(Clone, Debug)]
pub struct Spool {
    commands: SyncSender<Command>,
    stirred: Arc<Notify>,
    view: watch::Receiver<Arc<View>>,
    stop: CancellationToken,
    /// The draining has ended.
    stopped: CancellationToken,
}

impl Spool {
    /// Starts the spool in `folder`. `view` tells which streams are there; `opened` opens once the file
    /// is in use.
    ///
    /// # Errors
    /// The directory can't be made or is none, in a sentence that names the flag.
    pub fn start(
        config: &SpoolConfig,
        folder: &Path,
        view: watch::Receiver<Arc<View>>,
        metrics: Arc<Metrics>,
        opened: Gate,
    ) -> Result<Self, String> {
        let fault = |error| format!("--spool-dir {}: {error}; name a directory that can be written", folder.display());
        // Bodies are nobody else's business.
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fault)?;
        let (commands, received) = sync_channel(COMMANDS_MAX);
        let stirred = Arc::<Notify>::default();
        let writer = Writer::new(folder.to_owned(), config.spool_max_bytes, metrics, Arc::clone(&stirred));
        let run = move || writer.run(&received, || opened.open());
        std::thread::Builder::new().name("spool".to_owned()).spawn(run).map_err(fault)?;
        let (stop, stopped) = (CancellationToken::new(), CancellationToken::new());
        Ok(Self { commands, stirred, view, stop, stopped })
    }

    /// Sends what is in the spool to its streams whenever NATS is there, on a thread and a connection of its own.
    ///
    /// # Errors
    /// The thread can't be made, or a flag of NATS can't be used.
    pub async fn drain(&self, config: &NatsConfig, shared: Arc<Shared>, pulse: Pulse) -> Result<(), String> {
        drain::start(Drain::new(self.clone(), &shared, pulse), config.clone(), shared).await
    }

    /// Puts an event on disk, by the deadline. Only where its stream was there when it was last checked: for one that is
    /// missing, waiting would help nobody.
    pub(super) async fn put(&self, event: Event, began: NotStored, deadline: Instant) -> Result<(), NotStored> {
        let is_known = |stream| {
            let view = self.view.borrow();
            matches!(view.streams.get(stream), Some(StreamState::Found(_) | StreamState::Unreadable(_)))
        };
        if !event.stream().is_some_and(is_known) {
            return Err(began);
        }
        let lane = event.source().unwrap_or_default().to_owned();
        let (reply, replied) = oneshot::channel();
        self.commands.try_send(Command::Put { lane, event, reply }).map_err(|error| match error {
            TrySendError::Full(_) => NotStored::Overloaded,
            TrySendError::Disconnected(_) => NotStored::SpoolFailed,
        })?;
        match timeout_at(deadline.max(Instant::now() + WRITE_MIN), replied).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(NotStored::SpoolFailed),
        }
    }

    /// Ends the draining, closes the file, and says how many events are left.
    pub async fn end(self, metrics: &Metrics) {
        self.stop.cancel();
        let (reply, replied) = oneshot::channel();
        let ended = async {
            // What was taken is to be deleted yet.
            self.stopped.cancelled().await;
            self.ask(Command::End(reply)).await;
            // An error is an end as well.
            let _ = replied.await;
        };
        let is_closed = timeout(END_MAX, ended).await.is_ok();
        let entries = metrics.spool.entries.load(Ordering::Relaxed);
        if entries > 0 || !is_closed {
            tracing::warn!(entries, is_closed, "events stay in the spool; the next start sends them");
        }
    }

    async fn lanes(&self) -> Vec<Lane> {
        let (reply, replied) = oneshot::channel();
        self.ask(Command::Lanes(reply)).await;
        replied.await.unwrap_or_default()
    }

    async fn read(&self, lane: &Arc<str>, after: u64, limits: Limits) -> Chunk {
        let (reply, replied) = oneshot::channel();
        self.ask(Command::Read { lane: Arc::clone(lane), after, limits, reply }).await;
        replied.await.unwrap_or_default()
    }

    /// Deletes events; what is not known to be deleted is to be sent again, under its id.
    async fn delete(&self, lane: &Arc<str>, numbers: Vec<u64>) -> Result<(), NotStored> {
        let (reply, replied) = oneshot::channel();
        self.ask(Command::Delete { lane: Arc::clone(lane), numbers, reply }).await;
        replied.await.unwrap_or(Err(NotStored::SpoolFailed))
    }

    /// Hands over a request; waits for room. Nobody answers once the thread has ended.
    async fn ask(&self, mut command: Command) {
        loop {
            match self.commands.try_send(command) {
                Ok(()) | Err(TrySendError::Disconnected(_)) => return,
                Err(TrySendError::Full(back)) => command = back,
            }
            sleep(ROOM_AFTER).await;
        }
    }
}
