//! The spool's file: a redb database that a commit brings to disk whole or not at all.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use jiff::Timestamp;
use redb::{
    Database, Error, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, TableDefinition,
    TableHandle as _,
};

use crate::event::Event;

/// Subject, headers as they stand on the wire, and body of an event, by its number.
const EVENTS: TableDefinition<u64, (&str, &str, &[u8])> = TableDefinition::new("events");
/// The bytes of an event, by its lane and number: what belongs together is found in order without reading bodies.
const LANES: TableDefinition<(&str, u64), u64> = TableDefinition::new("lanes");
/// What tells a spool from any other redb database, and its form from later ones.
const MARK: TableDefinition<&str, u64> = TableDefinition::new("jethook-spool");
const FORM: &str = "form";
const FORM_NOW: u64 = 1;

const NAME: &str = "spool.redb";
/// Pages that redb keeps in memory.
const CACHE_BYTES: usize = 8 * 1024 * 1024;
/// An empty file that is larger is made small again.
const SLACK_BYTES: u64 = 64 * 1024 * 1024;

/// An open spool.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    database: Database,
}

/// An event with its number in the spool: the microsecond in which it came, or a later one. `None`: what was read is none.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) number: u64,
    pub(super) event: Option<Event>,
}

/// Events of a lane, in order.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) kept: Vec<Kept>,
    /// The next one would have been too many bytes.
    pub(super) is_cut: bool,
}

/// An event to be kept.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) lane: &'a str,
    pub(super) number: u64,
    pub(super) subject: &'a str,
    pub(super) headers: &'a str,
    pub(super) payload: &'a [u8],
    pub(super) bytes: u64,
}

/// Why the file can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// Another process has it open.
    #[error("another process has it open")]
    Busy,
    /// It is damaged, or none of ours: what it holds can't be trusted.
    #[error("{0}")]
    Corrupt(String),
    /// The disk did not do what it was asked.
    #[error("{0}")]
    Disk(String),
}

impl<E: Into<Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        match error.into() {
            Error::DatabaseAlreadyOpen | Error::LockProtocolMismatch => Self::Busy,
            Error::Io(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
                Self::Corrupt(error.to_string())
            }
            error @ (Error::Io(_) | Error::PreviousIo | Error::DatabaseClosed) => Self::Disk(error.to_string()),
            error => Self::Corrupt(error.to_string()),
        }
    }
}

impl File {
    /// Opens the spool of a folder, or makes one, and checks it whole. One that is damaged or foreign is renamed, never
    /// deleted, and told in the log once; a new one takes its place.
    pub(super) fn open(folder: &Path) -> Result<Self, Fault> {
        let path = folder.join(NAME);
        match guarded(|| Self::open_at(&path)) {
            Err(Fault::Corrupt(why)) => {
                let aside = set_aside(&path).map_err(|error| Fault::Disk(error.to_string()))?;
                tracing::error!(
                    file = %path.display(), kept_as = %aside.display(), error = why,
                    "the spool is damaged or no spool; it was set aside and a new one begun: what it held is not sent by \
                     itself, keep the file until that is settled"
                );
                guarded(|| Self::open_at(&path))
            }
            opened => opened,
        }
    }

    fn open_at(path: &Path) -> Result<Self, Fault> {
        // Bodies are nobody else's business.
        let made = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        made.map_err(|error| Fault::Disk(error.to_string()))?;
        let mut builder = Database::builder();
        let database = builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true).create(path)?;
        let file = Self { path: path.to_owned(), database };
        file.check_mark()?;
        Ok(file)
    }

    /// Marks a new database; a used one must bear the mark.
    fn check_mark(&self) -> Result<(), Fault> {
        let transaction = self.database.begin_write()?;
        let names: Vec<_> = transaction.list_tables()?.map(|table| table.name().to_owned()).collect();
        if !names.is_empty() && !names.iter().any(|name| name == MARK.name()) {
            return Err(Fault::Corrupt("it is a database of another program".to_owned()));
        }
        {
            let mut mark = transaction.open_table(MARK)?;
            let form = mark.get(FORM)?.map(|form| form.value());
            match form {
                Some(FORM_NOW) => {}
                Some(form) => {
                    return Err(Fault::Corrupt(format!(
                        "its form is {form}, this version of jethook reads {FORM_NOW}"
                    )));
                }
                None => drop(mark.insert(FORM, FORM_NOW)?),
            }
            let (events, lanes) = (transaction.open_table(EVENTS)?, transaction.open_table(LANES)?);
            if events.len()? != lanes.len()? {
                return Err(Fault::Corrupt("its tables do not agree".to_owned()));
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Every event: its lane, number and bytes.
    pub(super) fn census(&self, mut take: impl FnMut(&str, u64, u64)) -> Result<(), Fault> {
        guarded(|| {
            let lanes = self.database.begin_read()?.open_table(LANES)?;
            for row in lanes.iter()? {
                let (key, bytes) = row?;
                let (lane, number) = key.value();
                take(lane, number, bytes.value());
            }
            Ok(())
        })
    }

    /// Keeps and deletes in one commit that is on disk when this returns. The bytes of what was deleted; 0 for what was not
    /// there.
    pub(super) fn commit(&self, entries: &[Entry<'_>], gone: &[(&str, u64)]) -> Result<Vec<u64>, Fault> {
        guarded(|| {
            let mut freed = Vec::with_capacity(gone.len());
            let transaction = self.database.begin_write()?;
            {
                let mut events = transaction.open_table(EVENTS)?;
                let mut lanes = transaction.open_table(LANES)?;
                for entry in entries {
                    events.insert(entry.number, (entry.subject, entry.headers, entry.payload))?;
                    lanes.insert((entry.lane, entry.number), entry.bytes)?;
                }
                for &(lane, number) in gone {
                    events.remove(number)?;
                    freed.push(lanes.remove((lane, number))?.map_or(0, |bytes| bytes.value()));
                }
            }
            transaction.commit()?;
            Ok(freed)
        })
    }

    /// The first events of a lane behind this number: at most so many, and so many bytes.
    pub(super) fn read(&self, lane: &str, after: u64, count: usize, bytes_max: u64) -> Result<Chunk, Fault> {
        guarded(|| {
            let transaction = self.database.begin_read()?;
            let (lanes, events) = (transaction.open_table(LANES)?, transaction.open_table(EVENTS)?);
            let (mut all, mut held) = (Chunk::default(), 0_u64);
            for row in lanes.range((lane, after.saturating_add(1))..=(lane, u64::MAX))?.take(count) {
                let (key, bytes) = row?;
                held = held.saturating_add(bytes.value());
                if held > bytes_max {
                    all.is_cut = true;
                    break;
                }
                let (_, number) = key.value();
                let row = events.get(number)?;
                let event = row.and_then(|row| {
                    let (subject, headers, payload) = row.value();
                    Event::restore(subject, headers, Bytes::copy_from_slice(payload))
                });
                all.kept.push(Kept { number, event });
            }
            Ok(all)
        })
    }

    /// The number of the oldest event of a lane.
    pub(super) fn oldest(&self, lane: &str) -> Result<Option<u64>, Fault> {
        guarded(|| {
            let lanes = self.database.begin_read()?.open_table(LANES)?;
            let first = lanes.range((lane, 0)..=(lane, u64::MAX))?.next().transpose()?;
            Ok(first.map(|(key, _)| key.value().1))
        })
    }

    /// The bytes that the disk has left.
    pub(super) fn room(&self) -> Result<u64, Fault> {
        let disk = rustix::fs::statvfs(&self.path).map_err(|error| Fault::Disk(error.to_string()))?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Gives the disk back what an empty spool does not need.
    pub(super) fn shrink(&mut self) -> Result<(), Fault> {
        if fs::metadata(&self.path).map_or(0, |file| file.len()) > SLACK_BYTES {
            guarded(|| Ok(self.database.compact().map(drop)?))?;
        }
        Ok(())
    }
}

/// A file that was damaged while it was open may make redb panic; what it holds can't be trusted then either.
fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(Fault::Corrupt("reading it failed".to_owned())))
}

/// Renames a file to a name that is free.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    for number in 0..1000_u32 {
        let end = if number == 0 { String::new() } else { format!("-{number}") };
        let aside = path.with_extension(format!("redb.set-aside-{now}{end}"));
        if !aside.try_exists()? {
            fs::rename(path, &aside)?;
            return Ok(aside);
        }
    }
    Err(io::Error::other("no name is free to set the spool aside"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A folder that is gone after the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("jethook-spool-{}", uuid::Uuid::new_v4()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn names(&self) -> Vec<String> {
            let mut names: Vec<_> = fs::read_dir(&self.0)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned())
                .collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const HEADERS: &str = "Nats-Msg-Id: 1\r\nce-id: 1\r\n";

    fn entry(lane: &'static str, number: u64, payload: &'static [u8]) -> Entry<'static> {
        Entry { lane, number, subject: "a.b", headers: HEADERS, payload, bytes: payload.len() as u64 }
    }

    fn numbers(chunk: &Chunk) -> Vec<u64> {
        chunk.kept.iter().map(|kept| kept.number).collect()
    }

    #[test]
    fn what_was_committed_is_there_after_a_reopen_in_order_by_lane() {
        let folder = Folder::new();
        let file = File::open(&folder.0).unwrap();
        file.commit(&[entry("b", 2, b"two"), entry("a", 3, b"three"), entry("a", 1, b"one")], &[]).unwrap();
        assert_eq!(file.commit(&[entry("a", 4, b"four")], &[("b", 2), ("b", 9)]).unwrap(), [3, 0]);
        drop(file);
        let file = File::open(&folder.0).unwrap();
        let mut all = Vec::new();
        file.census(|lane, number, bytes| all.push((lane.to_owned(), number, bytes))).unwrap();
        assert_eq!(all, [("a".to_owned(), 1, 3), ("a".to_owned(), 3, 5), ("a".to_owned(), 4, 4)]);
        let kept = file.read("a", 0, 10, 100).unwrap();
        assert_eq!(numbers(&kept), [1, 3, 4]);
        let event = kept.kept[0].event.as_ref().unwrap();
        assert_eq!((event.subject.as_str(), event.headers.block(), &event.payload[..]), ("a.b", HEADERS, &b"one"[..]));
        assert_eq!(numbers(&file.read("a", 1, 10, 100).unwrap()), [3, 4]);
        assert_eq!(numbers(&file.read("a", 0, 2, 100).unwrap()), [1, 3]);
        let cut = file.read("a", 1, 10, 5).unwrap();
        assert_eq!((numbers(&cut), cut.is_cut), (vec![3], true));
        let cut = file.read("a", 1, 10, 4).unwrap();
        assert_eq!((numbers(&cut), cut.is_cut), (vec![], true), "the first is too large for it");
        assert_eq!(numbers(&file.read("b", 0, 10, 100).unwrap()), [] as [u64; 0]);
        assert_eq!((file.oldest("a").unwrap(), file.oldest("b").unwrap()), (Some(1), None));
        assert_eq!(folder.names(), [NAME]);
        let mode = fs::metadata(folder.0.join(NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "nobody else reads bodies");
    }

    #[test]
    fn only_one_process_has_it() {
        let folder = Folder::new();
        let _file = File::open(&folder.0).unwrap();
        assert!(matches!(File::open(&folder.0), Err(Fault::Busy)));
        assert_eq!(folder.names(), [NAME]);
    }

    /// A spool that was spoilt is renamed as it is, and another serves.
    fn spoil(change: impl FnOnce(&Path)) {
        let folder = Folder::new();
        let file = File::open(&folder.0).unwrap();
        file.commit(&(1..200).map(|number| entry("a", number, &[7; 5000])).collect::<Vec<_>>(), &[]).unwrap();
        drop(file);
        let path = folder.0.join(NAME);
        change(&path);
        let spoilt = fs::read(&path).unwrap();
        let file = File::open(&folder.0).unwrap();
        file.census(|_, _, _| panic!("it is new")).unwrap();
        file.commit(&[entry("a", 1, b"one")], &[]).unwrap();
        let names = folder.names();
        assert_eq!(names.len(), 2, "{names:?}");
        assert!(names[1].starts_with("spool.redb.set-aside-20"), "{names:?}");
        assert_eq!(fs::read(folder.0.join(&names[1])).unwrap().len(), spoilt.len());
    }

    #[test]
    fn a_damaged_one_is_set_aside_and_never_deleted() {
        spoil(|path| {
            let mut bytes = fs::read(path).unwrap();
            let at = bytes.windows(4000).position(|part| part.iter().all(|byte| *byte == 7)).unwrap();
            bytes[at + 2000] ^= 1;
            fs::write(path, bytes).unwrap();
        });
        spoil(|path| {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        });
    }

    #[test]
    fn a_foreign_one_is_set_aside_and_never_deleted() {
        spoil(|path| fs::write(path, b"this is no database\n".repeat(1000)).unwrap());
        spoil(|path| fs::write(path, b"x").unwrap());
        spoil(|path| {
            fs::remove_file(path).unwrap();
            let database = Database::create(path).unwrap();
            let transaction = database.begin_write().unwrap();
            let table: TableDefinition<u64, u64> = TableDefinition::new("others");
            transaction.open_table(table).unwrap().insert(1, 1).unwrap();
            transaction.commit().unwrap();
        });
    }

    #[test]
    fn one_of_a_later_form_is_set_aside() {
        spoil(|path| {
            let database = Database::create(path).unwrap();
            let transaction = database.begin_write().unwrap();
            transaction.open_table(MARK).unwrap().insert(FORM, FORM_NOW + 1).unwrap();
            transaction.commit().unwrap();
        });
    }

    #[test]
    fn what_is_no_event_is_told_apart() {
        let folder = Folder::new();
        let file = File::open(&folder.0).unwrap();
        let bad = Entry { headers: "Nats-Msg-Id: 1\r\nNats-Rollup: all\r\n", ..entry("a", 1, b"x") };
        file.commit(&[bad, entry("a", 2, b"y")], &[]).unwrap();
        let kept = file.read("a", 0, 10, 100).unwrap();
        assert!(kept.kept[0].event.is_none() && kept.kept[1].event.is_some());
    }
}
