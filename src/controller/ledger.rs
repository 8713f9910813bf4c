//! Pure: which Secret is to be read next, and what its answer means.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::core::{SecretData, SecretRef, Update};
use super::kube::Backoff;
use super::names::{NamedSecrets, Names};

/// Reads at a time.
const READS_MAX: usize = 16;
/// After so many failed reads a Secret no longer holds up the first pass.
pub(super) const FIRST_READS_MAX: u32 = 3;
/// Waits between the reads of one Secret that fail.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LAST: Duration = Duration::from_secs(5);
const FORBIDDEN_RETRY: Duration = Duration::from_secs(30);

/// A read to be done. Its ticket tells whether the answer still counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) secret: SecretRef,
    /// The keys to keep.
    pub(super) keys: Arc<BTreeSet<String>>,
    pub(super) ticket: u64,
}

/// What a read found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Present { uid: String, data: SecretData },
    Absent,
    Forbidden,
    Failed,
}

/// What follows from a read.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    pub(super) update: Option<Update>,
    /// When to call [`Ledger::retry`].
    pub(super) retry: Option<Duration>,
    /// Reads of this Secret that failed in a row.
    pub(super) failures: u32,
}

/// The Secrets that endpoints name, and how far each is.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: HashMap<SecretRef, Entry>,
    queue: VecDeque<SecretRef>,
    reading: usize,
    last_ticket: u64,
    first_pass: FirstPass,
    /// Of the names that were taken in.
    version: u64,
}

#[derive(Debug)]
struct Entry {
    keys: Arc<BTreeSet<String>>,
    known: Known,
    state: State,
    ticket: u64,
    backoff: Backoff,
    failures: u32,
}

#[derive(Debug, PartialEq, Eq)]
enum Known {
    Unread,
    Absent,
    Present { uid: String, resource_version: String, keys: Arc<BTreeSet<String>> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Queued,
    Reading,
    /// Something happened after the read was begun: its answer may be old.
    ReadingAgain,
    Waiting,
}

#[derive(Debug, Default)]
enum FirstPass {
    #[default]
    NotBegun,
    Awaits(HashSet<SecretRef>),
    Over,
}

impl Ledger {
    /// Takes in what is named now; the first call begins the first pass.
    pub(super) fn follow(&mut self, names: &Names) {
        let is_first = matches!(self.first_pass, FirstPass::NotBegun);
        match names.since(self.version) {
            Some(changed) if !is_first => changed.for_each(|secret| self.rename(secret, names.all().get(secret))),
            Some(_) | None => self.name(names.all()),
        }
        self.version = names.version();
    }

    /// These Secrets and keys are named now, and no others.
    fn name(&mut self, named: &NamedSecrets) {
        let gone: Vec<_> = self.entries.keys().filter(|secret| !named.contains_key(secret)).cloned().collect();
        for secret in &gone {
            self.rename(secret, None);
        }
        for (secret, keys) in named {
            self.rename(secret, Some(keys));
        }
        if matches!(self.first_pass, FirstPass::NotBegun) {
            self.first_pass = FirstPass::Awaits(named.keys().cloned().collect());
        }
    }

    /// These keys of a Secret are named now; `None`: it is not named.
    fn rename(&mut self, secret: &SecretRef, keys: Option<&Arc<BTreeSet<String>>>) {
        let Some(keys) = keys else {
            self.entries.remove(secret);
            self.settle(secret);
            return;
        };
        match self.entries.get_mut(secret) {
            Some(entry) => {
                let is_more = !keys.is_subset(&entry.keys);
                entry.keys.clone_from(keys);
                if !is_more {
                    return;
                }
            }
            None => {
                let entry = Entry {
                    keys: Arc::clone(keys),
                    known: Known::Unread,
                    state: State::Idle,
                    ticket: 0,
                    backoff: Backoff::new(RETRY_FIRST, RETRY_LAST),
                    failures: 0,
                };
                self.entries.insert(secret.clone(), entry);
            }
        }
        self.touch(secret);
    }

    pub(super) fn is_named(&self, secret: &SecretRef) -> bool {
        self.entries.contains_key(secret)
    }

    /// A watch showed this version of a Secret.
    pub(super) fn seen(&mut self, secret: &SecretRef, version: &str) {
        if let Some(entry) = self.entries.get_mut(secret) {
            let is_known =
                matches!(&entry.known, Known::Present { resource_version, .. } if resource_version == version);
            if !is_known {
                entry.backoff.reset();
                self.touch(secret);
            }
        }
    }

    /// A watch told that the Secret of this uid is gone. A younger one of the same name stays.
    pub(super) fn deleted(&mut self, secret: &SecretRef, gone_uid: &str) -> Option<Update> {
        let entry = self.entries.get_mut(secret)?;
        if matches!(&entry.known, Known::Present { uid, .. } if uid != gone_uid) {
            return None;
        }
        let was_absent = std::mem::replace(&mut entry.known, Known::Absent) == Known::Absent;
        // A read under way was begun before the deletion: its answer no longer counts.
        entry.ticket = 0;
        if entry.state != State::Queued {
            entry.state = State::Idle;
        }
        self.settle(secret);
        (!was_absent).then(|| Update::Secret(secret.clone(), None))
    }

    /// A watch listed all Secrets of a scope. What should be there and was not listed is read, for certainty.
    pub(super) fn listed(&mut self, versions: &HashMap<SecretRef, String>, in_scope: impl Fn(&SecretRef) -> bool) {
        let scope: Vec<_> = self.entries.keys().filter(|secret| in_scope(secret)).cloned().collect();
        for secret in scope {
            match versions.get(&secret) {
                Some(version) => self.seen(&secret, version),
                None if self.entries.get(&secret).is_some_and(|e| matches!(e.known, Known::Present { .. })) => {
                    self.touch(&secret);
                }
                None => {}
            }
        }
    }

    /// Reads all of a scope anew.
    pub(super) fn poll(&mut self, in_scope: impl Fn(&SecretRef) -> bool) {
        let due: Vec<_> = self.entries.keys().filter(|secret| in_scope(secret)).cloned().collect();
        for secret in &due {
            self.touch(secret);
        }
    }

    /// What is known of a Secret may be old. One whose last read failed has its next one soon anyway.
    pub(super) fn recheck(&mut self, secret: &SecretRef) {
        if self.entries.get(secret).is_some_and(|entry| entry.state == State::Idle) {
            self.touch(secret);
        }
    }

    /// The wait after a failed read is over.
    pub(super) fn retry(&mut self, secret: &SecretRef) {
        if self.entries.get(secret).is_some_and(|entry| entry.state == State::Waiting) {
            self.touch(secret);
        }
    }

    /// The next read, if one is due and not too many are under way.
    pub(super) fn next_read(&mut self) -> Option<Read> {
        while self.reading < READS_MAX {
            let secret = self.queue.pop_front()?;
            let Some(entry) = self.entries.get_mut(&secret).filter(|entry| entry.state == State::Queued) else {
                continue;
            };
            self.last_ticket += 1;
            entry.ticket = self.last_ticket;
            entry.state = State::Reading;
            self.reading += 1;
            return Some(Read { keys: Arc::clone(&entry.keys), ticket: entry.ticket, secret });
        }
        None
    }

    /// A read is done.
    pub(super) fn done(&mut self, read: Read, found: Found) -> Outcome {
        self.reading = self.reading.saturating_sub(1);
        let Read { secret, keys, ticket } = read;
        let Some(entry) = self.entries.get_mut(&secret).filter(|entry| entry.ticket == ticket) else {
            return Outcome::default();
        };
        let is_again = std::mem::replace(&mut entry.state, State::Idle) == State::ReadingAgain;
        let mut outcome = Outcome::default();
        match found {
            Found::Present { uid, data } => {
                let known = Known::Present { uid, resource_version: data.resource_version.clone(), keys };
                if entry.known != known {
                    entry.known = known;
                    outcome.update = Some(Update::Secret(secret.clone(), Some(data)));
                }
            }
            Found::Absent => {
                if entry.known != Known::Absent {
                    entry.known = Known::Absent;
                    outcome.update = Some(Update::Secret(secret.clone(), None));
                }
            }
            Found::Forbidden | Found::Failed => {
                entry.failures = entry.failures.saturating_add(1);
                entry.state = State::Waiting;
                let is_forbidden = found == Found::Forbidden;
                outcome.failures = entry.failures;
                outcome.retry = Some(if is_forbidden { FORBIDDEN_RETRY } else { entry.backoff.wait() });
                if is_forbidden || entry.failures >= FIRST_READS_MAX {
                    self.settle(&secret);
                }
                if is_again {
                    self.touch(&secret);
                }
                return outcome;
            }
        }
        entry.failures = 0;
        entry.backoff.reset();
        self.settle(&secret);
        if is_again {
            self.touch(&secret);
        }
        outcome
    }

    /// True once: when all Secrets of the first pass were read, found missing, or given up for now.
    pub(super) fn ends_first_pass(&mut self) -> bool {
        let is_end = matches!(&self.first_pass, FirstPass::Awaits(rest) if rest.is_empty());
        if is_end {
            self.first_pass = FirstPass::Over;
        }
        is_end
    }

    fn touch(&mut self, secret: &SecretRef) {
        let Some(entry) = self.entries.get_mut(secret) else { return };
        match entry.state {
            State::Idle | State::Waiting => {
                entry.state = State::Queued;
                self.queue.push_back(secret.clone());
            }
            State::Reading => entry.state = State::ReadingAgain,
            State::Queued | State::ReadingAgain => {}
        }
    }

    fn settle(&mut self, secret: &SecretRef) {
        if let FirstPass::Awaits(rest) = &mut self.first_pass {
            rest.remove(secret);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(name: &str) -> SecretRef {
        SecretRef { namespace: "shop".into(), name: name.into() }
    }

    fn named(names: &[(&str, &[&str])]) -> NamedSecrets {
        let keys = |keys: &[&str]| Arc::new(keys.iter().map(|&key| key.to_owned()).collect());
        names.iter().map(|(name, of)| (secret(name), keys(of))).collect()
    }

    fn present(uid: &str, version: &str) -> Found {
        let data = SecretData {
            resource_version: version.to_owned(),
            keys: std::collections::BTreeMap::default(),
            key_names: vec![],
        };
        Found::Present { uid: uid.to_owned(), data }
    }

    /// A ledger that has read version 1 of `one`.
    fn reading_one() -> Ledger {
        let mut ledger = Ledger::default();
        ledger.name(&named(&[("one", &["secret"])]));
        let read = ledger.next_read().unwrap();
        assert!(ledger.done(read, present("u1", "1")).update.is_some());
        ledger
    }

    #[test]
    fn only_what_is_named_is_read() {
        let mut ledger = Ledger::default();
        ledger.seen(&secret("other"), "1");
        assert_eq!(ledger.next_read(), None);
        ledger.name(&named(&[("one", &["secret"])]));
        ledger.seen(&secret("other"), "1");
        assert_eq!(ledger.next_read().unwrap().secret, secret("one"));
        assert_eq!(ledger.next_read(), None);
    }

    #[test]
    fn what_is_named_is_followed_by_its_changes() {
        let keys = || Some(Arc::new(BTreeSet::from(["secret".to_owned()])));
        let (mut ledger, mut names) = (Ledger::default(), Names::default());
        ledger.follow(&names);
        assert!(ledger.ends_first_pass(), "nothing was named");
        names.change(vec![(secret("one"), keys()), (secret("two"), keys())]);
        ledger.follow(&names);
        assert!(ledger.is_named(&secret("one")) && ledger.is_named(&secret("two")));
        names.change(vec![(secret("one"), None), (secret("three"), keys())]);
        ledger.follow(&names);
        assert!(!ledger.is_named(&secret("one")) && ledger.is_named(&secret("three")));
        let reads: Vec<_> = std::iter::from_fn(|| ledger.next_read()).map(|read| read.secret).collect();
        assert_eq!(reads, [secret("two"), secret("three")]);
    }

    #[test]
    fn a_version_is_read_once() {
        let mut ledger = reading_one();
        ledger.seen(&secret("one"), "1");
        assert_eq!(ledger.next_read(), None);
        ledger.seen(&secret("one"), "2");
        let read = ledger.next_read().unwrap();
        assert!(ledger.done(read, present("u1", "2")).update.is_some());
        ledger.poll(|_| true);
        let read = ledger.next_read().unwrap();
        assert!(ledger.done(read, present("u1", "2")).update.is_none(), "nothing new");
    }

    #[test]
    fn a_change_during_a_read_is_read_again() {
        let mut ledger = Ledger::default();
        ledger.name(&named(&[("one", &["secret"])]));
        let read = ledger.next_read().unwrap();
        ledger.seen(&secret("one"), "2");
        assert_eq!(ledger.next_read(), None, "one read of a Secret at a time");
        assert!(ledger.done(read, present("u1", "1")).update.is_some());
        let read = ledger.next_read().unwrap();
        assert!(ledger.done(read, present("u1", "2")).update.is_some());
        assert_eq!(ledger.next_read(), None);
    }

    #[test]
    fn one_more_key_is_a_reason_to_read_and_one_less_is_not() {
        let mut ledger = reading_one();
        ledger.name(&named(&[("one", &["old", "secret"])]));
        let read = ledger.next_read().unwrap();
        assert_eq!(read.keys.len(), 2);
        assert!(ledger.done(read, present("u1", "1")).update.is_some(), "the same version with more keys is news");
        ledger.name(&named(&[("one", &["secret"])]));
        assert_eq!(ledger.next_read(), None);
    }

    #[test]
    fn a_deleted_secret_is_gone_at_once_and_an_older_answer_does_not_bring_it_back() {
        let mut ledger = reading_one();
        ledger.seen(&secret("one"), "2");
        let read = ledger.next_read().unwrap();
        assert!(matches!(ledger.deleted(&secret("one"), "u1"), Some(Update::Secret(_, None))));
        assert!(ledger.deleted(&secret("one"), "u1").is_none(), "told once");
        assert!(ledger.done(read, present("u1", "2")).update.is_none());
        assert_eq!(ledger.next_read(), None);
        ledger.seen(&secret("one"), "3");
        let read = ledger.next_read().unwrap();
        assert!(ledger.done(read, present("u2", "3")).update.is_some());
    }

    #[test]
    fn the_end_of_an_older_secret_of_the_name_takes_nothing() {
        let mut ledger = reading_one();
        assert!(ledger.deleted(&secret("one"), "u0").is_none());
    }

    #[test]
    fn what_a_list_lacks_is_read_before_it_is_believed() {
        let mut ledger = reading_one();
        ledger.listed(&HashMap::default(), |secret| &*secret.namespace != "shop");
        assert_eq!(ledger.next_read(), None, "out of scope");
        ledger.listed(&HashMap::from([(secret("one"), "1".to_owned())]), |_| true);
        assert_eq!(ledger.next_read(), None, "known");
        ledger.listed(&HashMap::default(), |_| true);
        let read = ledger.next_read().unwrap();
        assert!(matches!(ledger.done(read, Found::Absent).update, Some(Update::Secret(_, None))));
    }

    #[test]
    fn a_failing_secret_holds_nothing_else_up() {
        let mut ledger = Ledger::default();
        ledger.name(&named(&[("bad", &["secret"]), ("good", &["secret"])]));
        let (bad, good) = (ledger.next_read().unwrap(), ledger.next_read().unwrap());
        assert!(ledger.done(good, present("u", "1")).update.is_some());
        assert!(!ledger.ends_first_pass());
        let mut read = bad;
        for failures in 1..=FIRST_READS_MAX {
            assert!(!ledger.ends_first_pass());
            let outcome = ledger.done(read.clone(), Found::Failed);
            assert_eq!((outcome.update.is_none(), outcome.failures), (true, failures));
            assert!(outcome.retry.is_some());
            assert_eq!(ledger.next_read(), None, "not before the wait is over");
            ledger.retry(&secret("bad"));
            read = ledger.next_read().unwrap();
        }
        assert!(ledger.ends_first_pass());
        assert!(!ledger.ends_first_pass(), "once");
        assert!(ledger.done(read, present("u", "1")).update.is_some(), "it heals");
    }

    #[test]
    fn the_first_pass_waits_for_each_secret_that_is_still_named() {
        let mut ledger = Ledger::default();
        assert!(!ledger.ends_first_pass(), "nothing was named yet");
        ledger.name(&named(&[("one", &["a"]), ("two", &["a"])]));
        let read = ledger.next_read().unwrap();
        ledger.done(read, Found::Absent);
        assert!(!ledger.ends_first_pass());
        ledger.name(&named(&[("one", &["a"])]));
        assert!(ledger.ends_first_pass());

        let mut nothing_named = Ledger::default();
        nothing_named.name(&NamedSecrets::default());
        assert!(nothing_named.ends_first_pass());
    }

    #[test]
    fn at_most_sixteen_are_read_at_a_time() {
        let mut ledger = Ledger::default();
        let names: Vec<_> = (0..40).map(|number| format!("s{number}")).collect();
        ledger.name(&names.iter().map(|name| (secret(name), Arc::default())).collect());
        let reads: Vec<_> = std::iter::from_fn(|| ledger.next_read()).collect();
        assert_eq!(reads.len(), READS_MAX);
        ledger.done(reads[0].clone(), Found::Absent);
        assert!(ledger.next_read().is_some());
        assert_eq!(ledger.next_read(), None);
    }

    #[test]
    fn an_answer_for_a_secret_that_is_no_longer_named_is_dropped() {
        let mut ledger = Ledger::default();
        ledger.name(&named(&[("one", &["secret"])]));
        let read = ledger.next_read().unwrap();
        ledger.name(&NamedSecrets::default());
        assert!(ledger.done(read, present("u1", "1")).update.is_none());
        ledger.name(&named(&[("one", &["secret"])]));
        assert!(ledger.next_read().is_some(), "named again, read again");
    }
}
