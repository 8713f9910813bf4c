//! Subjects that the server did not let us publish to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::time::Instant;

/// More than this many say nothing new.
const DENIALS_MAX: usize = 64;
/// A subject that was refused is tried again after that long, by one publish.
const TRY_EVERY: Duration = Duration::from_secs(1);
/// A subject that was not refused for so long is forgotten: rights change, and nobody may publish to it any more.
const FORGET_AFTER: Duration = Duration::from_secs(300);

/// What the server refused of late; shared by all connections of the process.
#[derive(Debug)]
pub struct Denials {
    /// When each was refused last.
    subjects: Mutex<BTreeMap<String, Instant>>,
    /// How many there are: nearly always none, which is then known without the lock.
    count: AtomicUsize,
    heard: broadcast::Sender<Arc<str>>,
}

impl Default for Denials {
    fn default() -> Self {
        Self { subjects: Mutex::default(), count: AtomicUsize::new(0), heard: broadcast::channel(DENIALS_MAX).0 }
    }
}

impl Denials {
    /// Notes that the server refused a subject.
    pub(super) fn add(&self, subject: &str, now: Instant) {
        let mut subjects = self.lock();
        if subjects.len() < DENIALS_MAX || subjects.contains_key(subject) {
            if subjects.insert(subject.to_owned(), now).is_none() {
                tracing::warn!(subject, "the NATS user may not publish to the subject");
            }
            self.count.store(subjects.len(), Ordering::Relaxed);
        }
        drop(subjects);
        // Nobody may listen yet.
        let _ = self.heard.send(Arc::from(subject));
    }

    /// Whether a publish to this subject is refused without a try: the last refusal is less than a second old.
    pub(super) fn refuses(&self, subject: &str, now: Instant) -> bool {
        if self.count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        match self.lock().get_mut(subject) {
            Some(at) if now.saturating_duration_since(*at) < TRY_EVERY => true,
            Some(at) => {
                *at = now;
                false
            }
            None => false,
        }
    }

    /// Whether the server refused this subject.
    pub(super) fn has(&self, subject: &str) -> bool {
        self.count.load(Ordering::Relaxed) != 0 && self.lock().contains_key(subject)
    }

    /// A subject that was acknowledged is no longer refused.
    pub(super) fn forget(&self, subject: &str) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut subjects = self.lock();
        if subjects.remove(subject).is_some() {
            self.count.store(subjects.len(), Ordering::Relaxed);
            let _ = self.heard.send(Arc::from(subject));
        }
    }

    /// A new connection may have other rights.
    pub(super) fn forget_all(&self) {
        self.lock().clear();
        self.count.store(0, Ordering::Relaxed);
    }

    /// All of them, without those that are old.
    pub(super) fn all(&self, now: Instant) -> BTreeSet<String> {
        let mut subjects = self.lock();
        subjects.retain(|_, at| now.saturating_duration_since(*at) < FORGET_AFTER);
        self.count.store(subjects.len(), Ordering::Relaxed);
        subjects.keys().cloned().collect()
    }

    /// Hears of each refusal, and of each subject that is refused no longer.
    pub(super) fn listen(&self) -> broadcast::Receiver<Arc<str>> {
        self.heard.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        self.subjects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_subject_is_tried_once_a_second() {
        let (denials, now) = (Denials::default(), Instant::now());
        assert!(!denials.refuses("a", now));
        denials.add("a", now);
        assert!(denials.refuses("a", now + Duration::from_millis(999)));
        assert!(!denials.refuses("b", now));
        let later = now + TRY_EVERY;
        assert!(!denials.refuses("a", later), "one finds out whether it still is");
        assert!(denials.refuses("a", later), "the others wait for what it finds");
    }

    #[test]
    fn what_is_refused_no_longer_is_forgotten() {
        let (denials, now) = (Denials::default(), Instant::now());
        denials.add("a", now);
        denials.add("b", now);
        denials.forget("a");
        assert!(!denials.has("a") && denials.has("b"));
        assert!(denials.all(now + FORGET_AFTER).is_empty());
        assert!(!denials.has("b"));
        denials.add("c", now);
        denials.forget_all();
        assert!(!denials.has("c"));
    }

    #[test]
    fn they_are_bounded_and_each_is_heard() {
        let (denials, now) = (Denials::default(), Instant::now());
        let mut heard = denials.listen();
        (0..100).for_each(|number| denials.add(&number.to_string(), now));
        assert_eq!(denials.all(now).len(), DENIALS_MAX);
        denials.add("last", now);
        let mut last = None;
        loop {
            match heard.try_recv() {
                Ok(subject) => last = Some(subject),
                Err(broadcast::error::TryRecvError::Lagged(_)) => {}
                Err(_) => break,
            }
        }
        assert_eq!(last.as_deref(), Some("last"));
    }
}
