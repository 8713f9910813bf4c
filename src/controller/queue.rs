//! Pure: which status is to be written next.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::core::Report;
use super::kube::Backoff;
use crate::route::EndpointRef;

/// A status that belongs to another operator is tried again after so long.
const CONTESTED_RETRY: Duration = Duration::from_secs(300);
const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_LAST: Duration = Duration::from_secs(60);
/// Endpoints whose generation is remembered at least; beyond, those with nothing to write are forgotten.
const REMEMBERED_MAX: usize = 20_000;
/// For so long after its generation changed an endpoint goes before those whose did not: what its Secret and its stream say
/// of it comes later than what its spec says, and somebody waits for all of it.
const FRESH: Duration = Duration::from_secs(60);

/// What a write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Written,
    /// The object is gone, or another of its name.
    Gone,
    /// The status belongs to another manager.
    Contested,
    /// The object changed at that moment.
    Raced,
    /// The apiserver refused this one.
    Refused,
    /// The apiserver is away or overloaded: true of all others, too.
    Away,
}

/// Statuses to write: the latest of each endpoint, changed generations first, the last one that changed before all others.
#[derive(Debug, Default)]
pub(super) struct Queue {
    entries: HashMap<EndpointRef, Entry>,
    /// By when their generation changed.
    fresh: BTreeSet<(Reverse<u64>, EndpointRef)>,
    /// The others.
    order: VecDeque<EndpointRef>,
    changes: u64,
    delayed: BTreeSet<(Instant, EndpointRef)>,
}

#[derive(Debug)]
struct Entry {
    pending: Option<Report>,
    uid: String,
    generation: i64,
    /// The number of the change that brought this generation, and when it came.
    changed: (u64, Instant),
    is_writing: bool,
    due: Option<Instant>,
    backoff: Backoff,
}

impl Queue {
    pub(super) fn put(&mut self, reports: Vec<Report>, now: Instant) {
        if self.entries.len() > REMEMBERED_MAX {
            self.entries.retain(|_, entry| entry.pending.is_some() || entry.is_writing);
        }
        // The first of a list is the first to be written.
        let mut number = self.changes + reports.len() as u64;
        self.changes = number;
        for report in reports {
            let endpoint = report.endpoint.clone();
            let entry = self.entries.entry(endpoint.clone()).or_insert_with(|| Entry {
                pending: None,
                uid: String::new(),
                generation: 0,
                changed: (0, now),
                is_writing: false,
                due: None,
                backoff: Backoff::new(RETRY_FIRST, RETRY_LAST),
            });
            let is_changed = entry.uid != report.uid || entry.generation != report.generation;
            if is_changed {
                entry.uid.clone_from(&report.uid);
                entry.generation = report.generation;
                entry.due = None;
                let (before, _) = std::mem::replace(&mut entry.changed, (number, now));
                self.fresh.remove(&(Reverse(before), endpoint.clone()));
            }
            let is_new = entry.pending.replace(report).is_none() && !entry.is_writing;
            if is_changed || is_new {
                self.line_up(endpoint, now);
            }
            number -= 1;
        }
    }

    fn line_up(&mut self, endpoint: EndpointRef, now: Instant) {
        let Some(entry) = self.entries.get(&endpoint) else { return };
        let (number, since) = entry.changed;
        if now < since + FRESH {
            self.fresh.insert((Reverse(number), endpoint));
        } else {
            self.order.push_back(endpoint);
        }
    }

    pub(super) fn clear(&mut self) {
        self.fresh.clear();
        self.order.clear();
        self.delayed.clear();
        for entry in self.entries.values_mut() {
            entry.pending = None;
            entry.is_writing = false;
            entry.due = None;
        }
    }

    pub(super) fn has_due(&self, now: Instant) -> bool {
        !self.fresh.is_empty() || !self.order.is_empty() || self.delayed.first().is_some_and(|(at, _)| *at <= now)
    }

    /// When a delayed write is due.
    pub(super) fn wakes_at(&self) -> Option<Instant> {
        self.delayed.first().map(|(at, _)| *at)
    }

    /// The next report to write.
    pub(super) fn next(&mut self, now: Instant) -> Option<Report> {
        while let Some((at, _)) = self.delayed.first()
            && *at <= now
        {
            let (_, endpoint) = self.delayed.pop_first()?;
            self.line_up(endpoint, now);
        }
        while let Some(endpoint) = self.first() {
            let Some(entry) = self.entries.get_mut(&endpoint) else { continue };
            // One write of an endpoint at a time, so that an older status never overtakes.
            if entry.is_writing || entry.due.is_some_and(|due| now < due) {
                continue;
            }
            if let Some(report) = entry.pending.take() {
                entry.is_writing = true;
                entry.due = None;
                return Some(report);
            }
        }
        None
    }

    fn first(&mut self) -> Option<EndpointRef> {
        let fresh = self.fresh.pop_first().map(|(_, endpoint)| endpoint);
        fresh.or_else(|| self.order.pop_front())
    }

    pub(super) fn done(&mut self, report: Report, verdict: Verdict, now: Instant) {
        let endpoint = report.endpoint.clone();
        let Some(entry) = self.entries.get_mut(&endpoint) else { return };
        entry.is_writing = false;
        let has_newer = entry.pending.is_some();
        let wait = match verdict {
            Verdict::Written | Verdict::Gone => {
                entry.backoff.reset();
                if has_newer {
                    self.line_up(endpoint, now);
                }
                return;
            }
            Verdict::Contested => CONTESTED_RETRY,
            Verdict::Refused => entry.backoff.wait(),
            Verdict::Raced | Verdict::Away => RETRY_FIRST,
        };
        if has_newer && entry.pending.as_ref().is_some_and(|newer| newer.generation != report.generation) {
            self.line_up(endpoint, now);
            return;
        }
        entry.pending.get_or_insert(report);
        entry.due = Some(now + wait);
        self.delayed.insert((now + wait, endpoint));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::api::WebhookEndpointStatus;

    pub(in super::super) fn report(name: &str, generation: i64, path: &str) -> Report {
        Report {
            endpoint: EndpointRef { namespace: "shop".into(), name: name.into() },
            uid: format!("uid-{name}"),
            generation,
            status: Arc::new(WebhookEndpointStatus { path: Some(path.to_owned()), ..Default::default() }),
        }
    }

    /// Name and path of what is written next, joined by a colon.
    pub(in super::super) fn next(queue: &mut Queue, now: Instant) -> Option<String> {
        let report = queue.next(now)?;
        Some(format!("{}:{}", report.endpoint.name, report.status.path.as_deref().unwrap()))
    }

    #[test]
    fn changed_generations_come_first_and_the_latest_status_wins() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.put(vec![report("one", 1, "a"), report("two", 1, "a"), report("three", 1, "a")], now);
        queue.put(vec![report("three", 1, "b")], now);
        queue.put(vec![report("new", 1, "a"), report("two", 2, "b")], now);
        let order: Vec<_> = std::iter::from_fn(|| next(&mut queue, now)).collect();
        assert_eq!(order, ["new:a", "two:b", "one:a", "three:b"]);
    }

    #[test]
    fn what_follows_a_change_soon_comes_before_what_others_have_waited_for() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let all = ["one", "two", "three"];
        queue.put(all.map(|name| report(name, 1, "a")).into(), now);
        queue.put(vec![report("new", 1, "pending")], now);
        let first = queue.next(now).unwrap();
        assert_eq!(&*first.endpoint.name, "new");
        queue.done(first, Verdict::Written, now);
        queue.put(vec![report("new", 1, "ready")], now);
        assert_eq!(next(&mut queue, now).as_deref(), Some("new:ready"), "before the three that are older");

        let later = now + FRESH;
        let mut queue = Queue::default();
        queue.put(vec![report("old", 1, "a")], now);
        let old = queue.next(now).unwrap();
        queue.done(old, Verdict::Written, now);
        queue.put(all.map(|name| report(name, 1, "a")).into(), later);
        queue.put(vec![report("old", 1, "b")], later);
        let order: Vec<_> = std::iter::from_fn(|| next(&mut queue, later)).collect();
        assert_eq!(order, ["one:a", "two:a", "three:a", "old:b"], "its generation changed long ago");
    }

    #[test]
    fn an_endpoint_is_written_once_at_a_time() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.put(vec![report("one", 1, "a")], now);
        let first = queue.next(now).unwrap();
        queue.put(vec![report("one", 1, "b"), report("one", 2, "c")], now);
        assert_eq!(queue.next(now), None);
        queue.done(first, Verdict::Written, now);
        assert_eq!(next(&mut queue, now).as_deref(), Some("one:c"));
        assert_eq!(queue.next(now), None);
    }

    #[test]
    fn what_failed_is_written_later_unless_something_newer_came() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for verdict in [Verdict::Refused, Verdict::Away, Verdict::Contested] {
            queue.put(vec![report("one", 1, "a")], now);
            let first = queue.next(now).unwrap();
            queue.done(first, verdict, now);
            assert_eq!(queue.next(now), None, "{verdict:?}");
            let due = queue.wakes_at().unwrap();
            assert_eq!(due - now >= CONTESTED_RETRY, verdict == Verdict::Contested);
            queue.put(vec![report("one", 1, "b")], now);
            assert_eq!(queue.next(now), None, "the same generation waits: {verdict:?}");
            assert!(queue.has_due(due));
            let again = queue.next(due).unwrap();
            assert_eq!(again.status.path.as_deref(), Some("b"), "{verdict:?}");
            queue.done(again, Verdict::Written, due);
            assert_eq!(queue.next(due + CONTESTED_RETRY), None, "{verdict:?}");
        }
    }

    #[test]
    fn a_changed_spec_is_not_kept_waiting_by_an_older_refusal() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.put(vec![report("one", 1, "a")], now);
        let first = queue.next(now).unwrap();
        queue.done(first, Verdict::Contested, now);
        queue.put(vec![report("one", 2, "b")], now);
        assert_eq!(next(&mut queue, now).as_deref(), Some("one:b"));
    }

    #[test]
    fn nothing_is_left_to_write_once_leadership_is_lost() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.put(vec![report("one", 1, "a"), report("two", 1, "a")], now);
        let first = queue.next(now).unwrap();
        queue.done(first, Verdict::Away, now);
        queue.clear();
        assert_eq!(queue.next(now + RETRY_LAST), None);
        queue.put(vec![report("one", 1, "b")], now);
        assert_eq!(next(&mut queue, now).as_deref(), Some("one:b"));
    }
}
