//! Statuses, written by whoever leads: one server-side apply of the whole status, never by force.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use kube::api::{Api, PartialObjectMeta, Patch, PatchParams, Resource};
use serde::Serialize;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::core::{Notice, Report};
use super::kube::{Backoff, CALL_MAX, CallError, within};
use crate::api::{WebhookEndpoint, WebhookEndpointStatus};
use crate::route::EndpointRef;

/// Time between two writes: 40 a second, which leaves 10 of the 50 in all for Events.
const WRITE_EVERY: Duration = Duration::from_millis(25);
/// Writes under way.
const WRITES_MAX: usize = 8;
/// A status that belongs to another operator is tried again after so long.
const CONTESTED_RETRY: Duration = Duration::from_secs(300);
const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_LAST: Duration = Duration::from_secs(60);
/// Reports that come so shortly before leadership is noticed are still written.
const EARLY_MAX: Duration = Duration::from_secs(1);
/// Endpoints whose generation is remembered at least; beyond, those with nothing to write are forgotten.
const REMEMBERED_MAX: usize = 20_000;
/// One kind of failure is told so often.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// The reason of the Event about a status that another operator writes.
const FOREIGN_OPERATOR: &str = "ForeignOperator";

/// Writes statuses.
pub struct Reporter {
    /// The client.
    pub client: kube::Client,
    /// `jethook-{lease name}`.
    pub field_manager: String,
    /// What to write, changed generations first.
    pub reports: mpsc::Receiver<Vec<Report>>,
    /// Whether this replica leads.
    pub leading: watch::Receiver<bool>,
    /// Where conflicts with another operator are told.
    pub notices: mpsc::Sender<Notice>,
}

impl Reporter {
    /// Writes for ever; ends when the controller or the election has ended.
    pub async fn run(mut self) {
        let mut queue = Queue::default();
        let mut early: Vec<(Instant, Vec<Report>)> = Vec::new();
        let mut writes = FuturesUnordered::new();
        let mut pace = interval(WRITE_EVERY);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pause = Backoff::quick();
        let mut paused_until = Instant::now();
        let mut told = Told::default();
        let mut is_leading = *self.leading.borrow_and_update();
        loop {
            let now = Instant::now();
            let has_work = is_leading && writes.len() < WRITES_MAX && now >= paused_until && queue.has_due(now);
            let wake = if now < paused_until { Some(paused_until) } else { queue.wakes_at() };
            tokio::select! {
                changed = self.leading.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    is_leading = *self.leading.borrow_and_update();
                    if is_leading {
                        early.retain(|(arrived, _)| arrived.elapsed() < EARLY_MAX);
                        early.drain(..).for_each(|(_, reports)| queue.put(reports));
                    } else {
                        // What is under way is broken off: another may write by now.
                        writes.clear();
                        queue.clear();
                    }
                }
                reports = self.reports.recv() => {
                    let Some(reports) = reports else { return };
                    if is_leading {
                        queue.put(reports);
                    } else {
                        early.retain(|(arrived, _)| arrived.elapsed() < EARLY_MAX);
                        early.push((now, reports));
                    }
                }
                Some((report, result)) = writes.next() => {
                    let verdict = Verdict::of(&result);
                    match &result {
                        Ok(()) => pause.reset(),
                        Err(error) => told.tell(&report, error, Instant::now()),
                    }
                    if verdict == Verdict::Away {
                        paused_until = Instant::now() + pause.wait();
                    }
                    if let (Verdict::Contested, Err(error)) = (verdict, &result) {
                        // A full channel only costs an Event.
                        let _ = self.notices.try_send(contested(&report, error));
                    }
                    queue.done(report, verdict, Instant::now());
                }
                _ = pace.tick(), if has_work => {
                    if let Some(report) = queue.next(Instant::now()) {
                        writes.push(write(&self.client, &self.field_manager, report));
                    }
                }
                () = sleep_until(wake.unwrap_or(now)), if is_leading && !has_work && wake.is_some_and(|at| at > now) => {}
            }
        }
    }
}

async fn write(client: &kube::Client, manager: &str, report: Report) -> (Report, Result<(), CallError>) {
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Applied<'a> {
        api_version: &'a str,
        kind: &'a str,
        metadata: Metadata<'a>,
        status: &'a WebhookEndpointStatus,
    }
    #[derive(Debug, Serialize)]
    struct Metadata<'a> {
        name: &'a str,
        namespace: &'a str,
        /// Another object of the same name is refused.
        uid: &'a str,
    }

    let EndpointRef { namespace, name } = &report.endpoint;
    // Only metadata is read of the answer: the object itself may be one that does not parse.
    let api: Api<PartialObjectMeta<WebhookEndpoint>> = Api::namespaced(client.clone(), namespace);
    let applied = Applied {
        api_version: &WebhookEndpoint::api_version(&()),
        kind: &WebhookEndpoint::kind(&()),
        metadata: Metadata { name, namespace, uid: &report.uid },
        status: &report.status,
    };
    let patch = Patch::Apply(&applied);
    let result = within(CALL_MAX, api.patch_status(name, &PatchParams::apply(manager), &patch)).await;
    let result = result.map(|_| ());
    (report, result)
}

fn contested(report: &Report, error: &CallError) -> Notice {
    Notice {
        endpoint: report.endpoint.clone(),
        uid: report.uid.clone(),
        is_warning: true,
        reason: FOREIGN_OPERATOR,
        note: format!(
            "another operator writes this status; give each operator its own --endpoint-selector or namespaces: {error}"
        ),
    }
}

/// What a write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Written,
    /// The object is gone, or another of its name.
    Gone,
    /// The status belongs to another manager.
    Contested,
    /// The apiserver refused this one.
    Refused,
    /// The apiserver is away or overloaded: true of all others, too.
    Away,
}

impl Verdict {
    fn of(result: &Result<(), CallError>) -> Self {
        match result {
            Ok(()) => Self::Written,
            Err(CallError::Refused { is_contested: true, .. }) => Self::Contested,
            Err(CallError::Refused { code: 404, .. }) => Self::Gone,
            Err(CallError::Refused { code: 409, message, .. }) if message.to_ascii_lowercase().contains("uid") => {
                Self::Gone
            }
            Err(CallError::Refused { code: 429 | 502..=504, .. }) => Self::Away,
            Err(CallError::Refused { .. }) => Self::Refused,
            Err(CallError::Deadline(_) | CallError::Unreachable(_)) => Self::Away,
        }
    }
}

/// Failures that were told, by code.
#[derive(Debug, Default)]
struct Told(HashMap<u16, Instant>);

impl Told {
    fn tell(&mut self, report: &Report, error: &CallError, now: Instant) {
        let (namespace, name) = (&*report.endpoint.namespace, &*report.endpoint.name);
        let last = self.0.get(&error.code());
        if error.code() == 404 || last.is_some_and(|last| now < *last + TELL_EVERY) {
            tracing::debug!(namespace, name, %error, "the status was not written");
        } else {
            self.0.insert(error.code(), now);
            tracing::warn!(namespace, name, %error, "the status was not written");
        }
    }
}

/// Statuses to write: the latest of each endpoint, changed generations first.
#[derive(Debug, Default)]
struct Queue {
    entries: HashMap<EndpointRef, Entry>,
    order: VecDeque<EndpointRef>,
    delayed: BTreeSet<(Instant, EndpointRef)>,
}

#[derive(Debug)]
struct Entry {
    pending: Option<Report>,
    uid: String,
    generation: i64,
    is_writing: bool,
    due: Option<Instant>,
    backoff: Backoff,
}

impl Queue {
    fn put(&mut self, reports: Vec<Report>) {
        if self.entries.len() > REMEMBERED_MAX {
            self.entries.retain(|_, entry| entry.pending.is_some() || entry.is_writing);
        }
        let mut changed = Vec::new();
        for report in reports {
            let endpoint = report.endpoint.clone();
            let entry = self.entries.entry(endpoint.clone()).or_insert_with(|| Entry {
                pending: None,
                uid: String::new(),
                generation: 0,
                is_writing: false,
                due: None,
                backoff: Backoff::new(RETRY_FIRST, RETRY_LAST),
            });
            let is_changed = entry.uid != report.uid || entry.generation != report.generation;
            if is_changed {
                entry.uid.clone_from(&report.uid);
                entry.generation = report.generation;
                entry.due = None;
                changed.push(endpoint);
            } else if entry.pending.is_none() && !entry.is_writing {
                self.order.push_back(endpoint);
            }
            entry.pending = Some(report);
        }
        changed.into_iter().rev().for_each(|endpoint| self.order.push_front(endpoint));
    }

    fn clear(&mut self) {
        self.order.clear();
        self.delayed.clear();
        for entry in self.entries.values_mut() {
            entry.pending = None;
            entry.is_writing = false;
            entry.due = None;
        }
    }

    fn has_due(&self, now: Instant) -> bool {
        !self.order.is_empty() || self.delayed.first().is_some_and(|(at, _)| *at <= now)
    }

    /// When a delayed write is due.
    fn wakes_at(&self) -> Option<Instant> {
        self.delayed.first().map(|(at, _)| *at)
    }

    /// The next report to write.
    fn next(&mut self, now: Instant) -> Option<Report> {
        while let Some((at, _)) = self.delayed.first()
            && *at <= now
        {
            let (_, endpoint) = self.delayed.pop_first()?;
            self.order.push_back(endpoint);
        }
        while let Some(endpoint) = self.order.pop_front() {
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

    fn done(&mut self, report: Report, verdict: Verdict, now: Instant) {
        let endpoint = report.endpoint.clone();
        let Some(entry) = self.entries.get_mut(&endpoint) else { return };
        entry.is_writing = false;
        let has_newer = entry.pending.is_some();
        let wait = match verdict {
            Verdict::Written | Verdict::Gone => {
                entry.backoff.reset();
                if has_newer {
                    self.order.push_front(endpoint);
                }
                return;
            }
            Verdict::Contested => CONTESTED_RETRY,
            Verdict::Refused => entry.backoff.wait(),
            Verdict::Away => RETRY_FIRST,
        };
        if has_newer && entry.pending.as_ref().is_some_and(|newer| newer.generation != report.generation) {
            self.order.push_front(endpoint);
            return;
        }
        entry.pending.get_or_insert(report);
        entry.due = Some(now + wait);
        self.delayed.insert((now + wait, endpoint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(name: &str, generation: i64, path: &str) -> Report {
        Report {
            endpoint: EndpointRef { namespace: "shop".into(), name: name.into() },
            uid: format!("uid-{name}"),
            generation,
            status: WebhookEndpointStatus { path: Some(path.to_owned()), ..WebhookEndpointStatus::default() },
        }
    }

    fn next(queue: &mut Queue, now: Instant) -> Option<(String, String)> {
        let report = queue.next(now)?;
        Some((report.endpoint.name.to_string(), report.status.path.unwrap()))
    }

    fn pair(name: &str, path: &str) -> Option<(String, String)> {
        Some((name.to_owned(), path.to_owned()))
    }

    #[test]
    fn changed_generations_come_first_and_the_latest_status_wins() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.put(vec![report("one", 1, "a"), report("two", 1, "a"), report("three", 1, "a")]);
        queue.put(vec![report("three", 1, "b")]);
        queue.put(vec![report("new", 1, "a"), report("two", 2, "b")]);
        let order: Vec<_> = std::iter::from_fn(|| next(&mut queue, now)).collect();
        let expected = [("new", "a"), ("two", "b"), ("one", "a"), ("three", "b")];
        assert_eq!(order, expected.map(|(name, path)| (name.to_owned(), path.to_owned())));
    }

    #[test]
    fn an_endpoint_is_written_once_at_a_time() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.put(vec![report("one", 1, "a")]);
        let first = queue.next(now).unwrap();
        queue.put(vec![report("one", 1, "b"), report("one", 2, "c")]);
        assert_eq!(queue.next(now), None);
        queue.done(first, Verdict::Written, now);
        assert_eq!(next(&mut queue, now), pair("one", "c"));
        assert_eq!(queue.next(now), None);
    }

    #[test]
    fn what_failed_is_written_later_unless_something_newer_came() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for verdict in [Verdict::Refused, Verdict::Away, Verdict::Contested] {
            queue.put(vec![report("one", 1, "a")]);
            let first = queue.next(now).unwrap();
            queue.done(first, verdict, now);
            assert_eq!(queue.next(now), None, "{verdict:?}");
            let due = queue.wakes_at().unwrap();
            assert_eq!(due - now >= CONTESTED_RETRY, verdict == Verdict::Contested);
            queue.put(vec![report("one", 1, "b")]);
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
        queue.put(vec![report("one", 1, "a")]);
        let first = queue.next(now).unwrap();
        queue.done(first, Verdict::Contested, now);
        queue.put(vec![report("one", 2, "b")]);
        assert_eq!(next(&mut queue, now), pair("one", "b"));
    }

    #[test]
    fn nothing_is_left_to_write_once_leadership_is_lost() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.put(vec![report("one", 1, "a"), report("two", 1, "a")]);
        let first = queue.next(now).unwrap();
        queue.done(first, Verdict::Away, now);
        queue.clear();
        assert_eq!(queue.next(now + RETRY_LAST), None);
        queue.put(vec![report("one", 1, "b")]);
        assert_eq!(next(&mut queue, now), pair("one", "b"));
    }

    #[test]
    fn a_failure_is_judged_by_what_it_holds_for() {
        let refused = |code: u16, message: &str| {
            Err(CallError::Refused {
                code,
                reason: String::new(),
                message: message.to_owned(),
                is_contested: message.starts_with("Apply failed"),
            })
        };
        let check = |result: Result<(), CallError>, expected| assert_eq!(Verdict::of(&result), expected, "{result:?}");
        check(Ok(()), Verdict::Written);
        check(refused(404, "not found"), Verdict::Gone);
        check(refused(409, "Precondition failed: UID in precondition: a, UID in object meta: b"), Verdict::Gone);
        check(refused(409, "Apply failed with 1 conflict"), Verdict::Contested);
        check(refused(409, "the object has been modified"), Verdict::Refused);
        check(refused(403, "forbidden"), Verdict::Refused);
        check(refused(422, "invalid"), Verdict::Refused);
        check(refused(500, "boom"), Verdict::Refused);
        check(refused(429, "slow down"), Verdict::Away);
        check(refused(503, "starting"), Verdict::Away);
        check(Err(CallError::Deadline(CALL_MAX)), Verdict::Away);
        check(Err(CallError::Unreachable("connection refused".to_owned())), Verdict::Away);
    }
}
