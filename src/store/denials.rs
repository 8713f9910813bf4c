//! Subjects that the server did not let us publish to.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// More than this many say nothing new.
const DENIALS_MAX: usize = 64;

/// What the server refused since it was last forgotten; shared by all connections of the process.
#[derive(Debug, Default)]
pub struct Denials {
    subjects: Mutex<BTreeSet<String>>,
    changed: Notify,
}

impl Denials {
    /// Notes a subject.
    pub fn add(&self, subject: &str) {
        let mut subjects = self.lock();
        if subjects.len() < DENIALS_MAX && subjects.insert(subject.to_owned()) {
            tracing::warn!(subject, "the NATS user may not publish to the subject");
            self.changed.notify_one();
        }
    }

    /// Whether the server refused this subject.
    pub fn has(&self, subject: &str) -> bool {
        self.lock().contains(subject)
    }

    /// A subject that was acknowledged is no longer refused.
    pub fn forget(&self, subject: &str) {
        let mut subjects = self.lock();
        if !subjects.is_empty() && subjects.remove(subject) {
            self.changed.notify_one();
        }
    }

    /// All of them.
    pub fn all(&self) -> BTreeSet<String> {
        self.lock().clone()
    }

    /// Returns when they have changed since the last call.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.subjects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
