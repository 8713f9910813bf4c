//! What was told of an endpoint's status, and what its object shows of it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::status::is_same;
use crate::api::WebhookEndpointStatus;

/// Statuses on their way that are remembered.
const SENT_MAX: usize = 8;

/// The status of one endpoint as it was told. An object seen late shows an older status: that is an echo, no change by
/// someone else, and is not answered by another write.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The last status told, or found on the object.
    last: Option<Shared>,
    /// What was there before it, oldest first, as far as the object may still show it.
    sent: VecDeque<Option<Shared>>,
    /// What the object showed last.
    seen: Option<Shared>,
}

/// A status is held by all that know it: there are many endpoints, and most of them show what was told.
type Shared = Arc<WebhookEndpointStatus>;

impl Ledger {
    /// The last status told or found.
    pub(super) fn last(&self) -> Option<&WebhookEndpointStatus> {
        self.last.as_deref()
    }

    /// The object shows this status. True: someone else wrote it, so that what was told is not there any more.
    pub(super) fn see(&mut self, status: Option<Shared>) -> bool {
        if are_same(self.last.as_deref(), status.as_deref()) {
            // The source holds this one as well: one of the two is enough.
            if self.last == status {
                self.last.clone_from(&status);
            }
            self.seen.clone_from(&self.last);
            self.sent = VecDeque::new();
            return false;
        }
        self.seen.clone_from(&status);
        if let Some(at) = self.sent.iter().position(|sent| are_same(sent.as_deref(), status.as_deref())) {
            self.sent.drain(..at);
            return false;
        }
        self.sent.clear();
        self.last = status;
        true
    }

    /// Takes note of a status; true when it says something new and has to be told.
    pub(super) fn tell(&mut self, status: &Shared) -> bool {
        if self.last.as_ref().is_some_and(|last| is_same(last, status)) {
            return false;
        }
        if self.sent.len() == SENT_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back(self.last.replace(Arc::clone(status)));
        true
    }

    /// From now on this replica writes: what counts is what the object shows.
    pub(super) fn take_over(&mut self) {
        self.last.clone_from(&self.seen);
        self.sent.clear();
    }
}

fn are_same(a: Option<&WebhookEndpointStatus>, b: Option<&WebhookEndpointStatus>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => is_same(a, b),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(generation: i64) -> Shared {
        Arc::new(WebhookEndpointStatus { observed_generation: Some(generation), ..WebhookEndpointStatus::default() })
    }

    #[test]
    fn a_status_is_told_once() {
        let mut ledger = Ledger::default();
        assert!(ledger.tell(&status(1)));
        assert!(!ledger.tell(&status(1)));
        assert!(ledger.tell(&status(2)));
    }

    #[test]
    fn a_status_found_at_the_start_is_not_told_again() {
        let mut ledger = Ledger::default();
        ledger.see(Some(status(1)));
        assert!(!ledger.tell(&status(1)));
    }

    #[test]
    fn late_views_of_what_was_told_are_echoes() {
        let mut ledger = Ledger::default();
        ledger.see(None);
        ledger.tell(&status(1));
        ledger.tell(&status(2));
        for late in [None, Some(status(1)), Some(status(2))] {
            assert!(!ledger.see(late));
            assert!(!ledger.tell(&status(2)));
        }
        assert!(ledger.see(Some(status(1))), "after the last one arrived, an older one is someone else's");
        assert!(ledger.tell(&status(2)));
    }

    #[test]
    fn what_someone_else_wrote_is_written_over() {
        let mut ledger = Ledger::default();
        ledger.tell(&status(1));
        assert!(ledger.see(Some(status(9))));
        assert!(ledger.tell(&status(1)));
    }

    #[test]
    fn a_new_writer_starts_from_what_the_object_shows() {
        let mut ledger = Ledger::default();
        ledger.see(Some(status(1)));
        ledger.tell(&status(2));
        ledger.take_over();
        assert!(ledger.tell(&status(2)), "the write was lost with the leadership");
    }
}
