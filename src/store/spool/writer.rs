//! The spool's own thread: it alone touches the file, so that no worker ever waits for a disk.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{Notify, oneshot};

use super::file::{Chunk, Entry, Fault, File};
use crate::event::Event;
use crate::metrics::Metrics;
use crate::outcome::NotStored;

/// What one commit takes at most: what came while the one before was under way.
const BATCH_COUNT: usize = 512;
const BATCH_BYTES: u64 = 16 * 1024 * 1024;
/// What is left of the disk: deleting takes room as well, and the spool is not alone there.
const ROOM_BYTES_MIN: u64 = 64 * 1024 * 1024;
/// A file that can't be used is tried again so often, and told so often.
const OPEN_EVERY: Duration = Duration::from_secs(1);
const TELL_EVERY: Duration = Duration::from_secs(60);

/// What the thread is asked.
#[derive(Debug)]
pub(super) enum Command {
    /// Keep an event; answered once it is on disk.
    Put { lane: String, event: Event, reply: oneshot::Sender<Result<(), NotStored>> },
    /// The lanes that hold events.
    Lanes(oneshot::Sender<Vec<Lane>>),
    /// Events of a lane behind this number, within limits.
    Read { lane: Arc<str>, after: u64, limits: Limits, reply: oneshot::Sender<Chunk> },
    /// Delete; answered once that is on disk, or can't be.
    Delete { lane: Arc<str>, numbers: Vec<u64>, reply: oneshot::Sender<Result<(), NotStored>> },
    /// Close the file and end.
    End(oneshot::Sender<()>),
}

/// What one read takes at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) count: usize,
    pub(super) bytes: u64,
}

/// A lane that holds events: one endpoint's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lane {
    pub(super) name: Arc<str>,
    /// The number of its newest event.
    pub(super) newest: u64,
}

/// What a lane holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    entries: u64,
    bytes: u64,
    oldest: u64,
    newest: u64,
}

/// The thread's state.
#[derive(Debug)]
pub(super) struct Writer {
    folder: PathBuf,
    bytes_max: u64,
    metrics: Arc<Metrics>,
    /// Told whenever there is something new to drain.
    stirred: Arc<Notify>,
    file: Option<File>,
    lanes: HashMap<Arc<str>, Tally>,
    bytes: u64,
    /// The last number that was given.
    last: u64,
    /// When it was told that the file can't be used.
    told: Option<Instant>,
    /// When the file failed: it is not opened again before a moment has passed.
    failed: Option<Instant>,
}

/// A put that was admitted.
struct Admitted {
    lane: Arc<str>,
    number: u64,
    event: Event,
    bytes: u64,
    reply: oneshot::Sender<Result<(), NotStored>>,
}

/// Deletions of one lane.
struct Gone {
    lane: Arc<str>,
    numbers: Vec<u64>,
    reply: oneshot::Sender<Result<(), NotStored>>,
}

impl Writer {
    pub(super) fn new(folder: PathBuf, bytes_max: u64, metrics: Arc<Metrics>, stirred: Arc<Notify>) -> Self {
        metrics.spool.is_on.store(true, Ordering::Relaxed);
        Self {
            folder,
            bytes_max,
            metrics,
            stirred,
            file: None,
            lanes: HashMap::new(),
            bytes: 0,
            last: 0,
            told: None,
            failed: None,
        }
    }

    /// Works until it is told to end or nobody can ask any more. `opened` is called once the file is in use.
    pub(super) fn run(mut self, commands: &Receiver<Command>, opened: impl FnOnce()) {
        let mut opened = Some(opened);
        loop {
            if self.file.is_none() && self.failed.is_none_or(|failed| failed.elapsed() >= OPEN_EVERY) {
                self.open();
            }
            if self.file.is_some()
                && let Some(opened) = opened.take()
            {
                opened();
            }
            let first = if self.file.is_some() {
                commands.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                commands.recv_timeout(OPEN_EVERY)
            };
            let batch = match first {
                Ok(first) => gather(first, commands),
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if let Some(end) = self.work(batch) {
                drop(self);
                // Whoever asked may have gone on without.
                let _ = end.send(());
                return;
            }
        }
    }

    fn open(&mut self) {
        let file = File::open(&self.folder).and_then(|file| {
            self.count(&file)?;
            Ok(file)
        });
        match file {
            Ok(file) => {
                self.file = Some(file);
                self.failed = None;
                let entries: u64 = self.lanes.values().map(|tally| tally.entries).sum();
                if entries > 0 {
                    tracing::info!(entries, bytes = self.bytes, "the spool holds events from before");
                    self.stirred.notify_one();
                }
                self.tell();
            }
            Err(fault) => self.give_up(&fault),
        }
    }

    /// Once a minute: it is tried again every second.
    fn warn(&mut self, fault: &Fault) {
        if self.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            self.told = Some(Instant::now());
            let folder = self.folder.display();
            tracing::error!(%folder, error = %fault, "the spool of --spool-dir can't be used for now; trying again");
        }
    }

    fn count(&mut self, file: &File) -> Result<(), Fault> {
        let lanes = &mut self.lanes;
        lanes.clear();
        self.bytes = 0;
        let (total, last) = (&mut self.bytes, &mut self.last);
        file.census(|lane, number, bytes| {
            if !lanes.contains_key(lane) {
                lanes.insert(Arc::from(lane), Tally { oldest: number, ..Tally::default() });
            }
            if let Some(tally) = lanes.get_mut(lane) {
                tally.add(number, bytes);
            }
            *total += bytes;
            *last = number.max(*last);
        })
    }

    /// Answers a batch; the reply that waits for the end, if it was asked for.
    fn work(&mut self, batch: Vec<Command>) -> Option<oneshot::Sender<()>> {
        let (mut puts, mut gone, mut reads, mut end) = (Vec::new(), Vec::new(), Vec::new(), None);
        let has_room = !batch.iter().any(|command| matches!(command, Command::Put { .. })) || self.has_room();
        for command in batch {
            match command {
                Command::Put { reply, .. } if !has_room => drop(reply.send(Err(NotStored::SpoolFull))),
                Command::Put { lane, event, reply } => match self.admit(&lane, &event) {
                    Ok((lane, number, bytes)) => puts.push(Admitted { lane, number, event, bytes, reply }),
                    // Whoever waited may be gone.
                    Err(reason) => drop(reply.send(Err(reason))),
                },
                Command::Delete { lane, numbers, reply } => gone.push(Gone { lane, numbers, reply }),
                Command::Lanes(reply) => drop(reply.send(self.list())),
                Command::Read { lane, after, limits, reply } => reads.push((lane, after, limits, reply)),
                Command::End(reply) => end = Some(reply),
            }
        }
        if !puts.is_empty() || !gone.is_empty() {
            self.commit(puts, gone);
        }
        for (lane, after, limits, reply) in reads {
            drop(reply.send(self.read(&lane, after, limits)));
        }
        end
    }

    /// Whether the disk has room for more events.
    fn has_room(&mut self) -> bool {
        let Some(file) = &self.file else { return true };
        match file.room() {
            Ok(bytes) if bytes >= ROOM_BYTES_MIN => true,
            Ok(bytes) => {
                let left = format!("its disk has {bytes} bytes left, and {ROOM_BYTES_MIN} are kept free");
                self.warn(&Fault::Disk(left));
                false
            }
            Err(fault) => {
                self.give_up(&fault);
                false
            }
        }
    }

    /// Room for an event, and its number. One endpoint may hold half of the spool.
    fn admit(&mut self, lane: &str, event: &Event) -> Result<(Arc<str>, u64, u64), NotStored> {
        if self.file.is_none() {
            return Err(NotStored::SpoolFailed);
        }
        let bytes = event.subject.len() + event.headers.block().len() + event.payload.len();
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let own = self.lanes.get(lane).map_or(0, |tally| tally.bytes);
        if self.bytes.saturating_add(bytes) > self.bytes_max || own.saturating_add(bytes) > self.bytes_max / 2 {
            return Err(NotStored::SpoolFull);
        }
        let now = u64::try_from(Timestamp::now().as_microsecond()).unwrap_or(0);
        let number = now.max(self.last + 1);
        let name = self.lanes.get_key_value(lane).map_or_else(|| Arc::from(lane), |(name, _)| Arc::clone(name));
        let tally = self.lanes.entry(Arc::clone(&name)).or_insert(Tally { oldest: number, ..Tally::default() });
        tally.add(number, bytes);
        self.bytes += bytes;
        self.last = number;
        Ok((name, number, bytes))
    }

    fn commit(&mut self, puts: Vec<Admitted>, gone: Vec<Gone>) {
        let entries: Vec<_> = puts
            .iter()
            .map(|put| Entry {
                lane: &put.lane,
                number: put.number,
                subject: &put.event.subject,
                headers: put.event.headers.block(),
                payload: &put.event.payload,
                bytes: put.bytes,
            })
            .collect();
        let pairs = gone.iter().flat_map(|gone| gone.numbers.iter().map(|number| (&*gone.lane, *number)));
        let pairs: Vec<_> = pairs.collect();
        let done = match &self.file {
            Some(file) => file.commit(&entries, &pairs),
            None => Err(Fault::Disk("it is closed".to_owned())),
        };
        let kept = match done {
            Ok(freed) => {
                if let Err(fault) = self.discount(&gone, &freed) {
                    self.give_up(&fault);
                }
                Ok(())
            }
            Err(fault) => {
                if self.file.is_some() {
                    self.give_up(&fault);
                }
                Err(NotStored::SpoolFailed)
            }
        };
        if !puts.is_empty() && kept.is_ok() {
            self.stirred.notify_one();
        }
        for put in puts {
            let _ = put.reply.send(kept.clone());
        }
        for gone in gone {
            let _ = gone.reply.send(kept.clone());
        }
        self.tell();
    }

    /// Takes what was deleted off the counts; `freed` holds the bytes of each number, in order.
    fn discount(&mut self, gone: &[Gone], freed: &[u64]) -> Result<(), Fault> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut freed = freed.iter();
        for Gone { lane, numbers, .. } in gone {
            let bytes: Vec<_> = freed.by_ref().take(numbers.len()).copied().filter(|bytes| *bytes > 0).collect();
            let sum: u64 = bytes.iter().sum();
            self.bytes = self.bytes.saturating_sub(sum);
            let Some(tally) = self.lanes.get_mut(lane) else { continue };
            tally.entries = tally.entries.saturating_sub(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            tally.bytes = tally.bytes.saturating_sub(sum);
            match file.oldest(lane)? {
                Some(oldest) => tally.oldest = oldest,
                None => drop(self.lanes.remove(lane)),
            }
        }
        if self.lanes.is_empty() && !gone.is_empty() { file.shrink() } else { Ok(()) }
    }

    /// A file that failed is opened, and checked, anew.
    fn give_up(&mut self, fault: &Fault) {
        self.warn(fault);
        self.file = None;
        self.failed = Some(Instant::now());
    }

    fn read(&mut self, lane: &str, after: u64, limits: Limits) -> Chunk {
        let Some(file) = &self.file else { return Chunk::default() };
        file.read(lane, after, limits.count, limits.bytes).unwrap_or_else(|fault| {
            self.give_up(&fault);
            Chunk::default()
        })
    }

    fn list(&self) -> Vec<Lane> {
        self.lanes.iter().map(|(name, tally)| Lane { name: Arc::clone(name), newest: tally.newest }).collect()
    }

    fn tell(&self) {
        let spool = &self.metrics.spool;
        let entries = self.lanes.values().map(|tally| tally.entries).sum();
        let oldest = self.lanes.values().map(|tally| tally.oldest).min().unwrap_or(0);
        spool.entries.store(entries, Ordering::Relaxed);
        spool.bytes.store(self.bytes, Ordering::Relaxed);
        spool.oldest.store(oldest / 1_000_000, Ordering::Relaxed);
    }
}

impl Tally {
    fn add(&mut self, number: u64, bytes: u64) {
        self.entries += 1;
        self.bytes += bytes;
        self.newest = self.newest.max(number);
    }
}

/// What has come meanwhile goes along in one commit.
fn gather(first: Command, commands: &Receiver<Command>) -> Vec<Command> {
    let size = |command: &Command| match command {
        Command::Put { event, .. } => event.payload.len() as u64,
        _ => 0,
    };
    let mut bytes = size(&first);
    let mut batch = vec![first];
    while batch.len() < BATCH_COUNT && bytes < BATCH_BYTES {
        let Ok(next) = commands.try_recv() else { break };
        bytes += size(&next);
        batch.push(next);
    }
    batch
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use bytes::Bytes;

    use super::*;

    fn event(bytes: usize) -> Event {
        Event::restore("a.b", "Nats-Msg-Id: 1\r\nce-id: 1\r\n", Bytes::from(vec![b'x'; bytes])).unwrap()
    }

    fn put(lane: &str, bytes: usize) -> (Command, oneshot::Receiver<Result<(), NotStored>>) {
        let (reply, replied) = oneshot::channel();
        (Command::Put { lane: lane.to_owned(), event: event(bytes), reply }, replied)
    }

    /// A writer in a folder of its own, which is gone after the test.
    struct Bench {
        folder: PathBuf,
        metrics: Arc<Metrics>,
        stirred: Arc<Notify>,
    }

    impl Bench {
        fn new() -> Self {
            let folder = std::env::temp_dir().join(format!("jethook-writer-{}", uuid::Uuid::new_v4()));
            std::fs::create_dir(&folder).unwrap();
            Self { folder, metrics: Arc::default(), stirred: Arc::default() }
        }

        fn writer(&self, bytes_max: u64) -> Writer {
            let mut writer =
                Writer::new(self.folder.clone(), bytes_max, Arc::clone(&self.metrics), Arc::clone(&self.stirred));
            writer.open();
            writer
        }

        fn held(&self) -> (u64, u64) {
            let spool = &self.metrics.spool;
            (spool.entries.load(Ordering::Relaxed), spool.bytes.load(Ordering::Relaxed))
        }
    }

    impl Drop for Bench {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }

    #[test]
    fn what_came_meanwhile_goes_along_in_one_commit() {
        let (commands, received) = sync_channel(1000);
        for _ in 0..700 {
            commands.send(put("a", 100).0).unwrap();
        }
        assert_eq!(gather(received.recv().unwrap(), &received).len(), BATCH_COUNT);
        assert_eq!(gather(received.recv().unwrap(), &received).len(), 700 - BATCH_COUNT);
        for _ in 0..5 {
            commands.send(put("a", 6 * 1024 * 1024).0).unwrap();
        }
        assert_eq!(gather(received.recv().unwrap(), &received).len(), 3, "and no more bytes than it may");
    }

    #[test]
    fn counts_follow_what_comes_and_goes_and_outlive_a_reopen() {
        let bench = Bench::new();
        let mut writer = bench.writer(1 << 20);
        let (puts, replies): (Vec<_>, Vec<_>) = (0..5).map(|_| put("a", 100)).unzip();
        writer.work(puts);
        for mut replied in replies {
            assert_eq!(replied.try_recv(), Ok(Ok(())));
        }
        let (entries, bytes) = bench.held();
        assert_eq!(entries, 5);
        drop(writer);
        let mut writer = bench.writer(1 << 20);
        assert_eq!(bench.held(), (5, bytes));
        let numbers: Vec<_> =
            writer.read("a", 0, Limits { count: 3, bytes: 1 << 20 }).kept.iter().map(|kept| kept.number).collect();
        let (reply, mut replied) = oneshot::channel();
        writer.work(vec![Command::Delete { lane: "a".into(), numbers: numbers.clone(), reply }]);
        assert_eq!(replied.try_recv(), Ok(Ok(())));
        assert_eq!(bench.held(), (2, bytes / 5 * 2));
        // What is gone already changes nothing.
        let (reply, _) = oneshot::channel();
        writer.work(vec![Command::Delete { lane: "a".into(), numbers, reply }]);
        assert_eq!(bench.held(), (2, bytes / 5 * 2));
        assert_eq!(writer.list().len(), 1);
    }

    #[test]
    fn one_lane_has_half_and_all_have_no_more_than_there_is() {
        let bench = Bench::new();
        let mut writer = bench.writer(10_000);
        let mut taken = |lane: &str| {
            let (command, mut replied) = put(lane, 1000);
            writer.work(vec![command]);
            replied.try_recv().unwrap()
        };
        for _ in 0..4 {
            assert_eq!(taken("a"), Ok(()));
        }
        assert_eq!(taken("a"), Err(NotStored::SpoolFull));
        for _ in 0..4 {
            assert_eq!(taken("b"), Ok(()));
        }
        assert_eq!(taken("c"), Ok(()));
        assert_eq!(taken("c"), Err(NotStored::SpoolFull));
    }
}
