//! Statuses, written by whoever leads: one server-side apply of the whole status, never by force.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use kube::api::{Api, PartialObjectMeta, Patch, PatchParams, Resource};
use serde::Serialize;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::core::{Notice, Report};
use super::kube::{Backoff, CALL_MAX, CallError, within};
use super::queue::{Queue, Verdict};
use crate::api::{WebhookEndpoint, WebhookEndpointStatus};
use crate::route::EndpointRef;

/// Time between two writes: 35 a second. With the Events some of the 50 in all are left for what arrives bunched.
const WRITE_EVERY: Duration = Duration::from_millis(28);
/// Writes under way.
const WRITES_MAX: usize = 8;
/// Reports that come so shortly before leadership is noticed are still written.
const EARLY_MAX: Duration = Duration::from_secs(1);
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
        let mut desk = Desk::new(self.notices);
        let mut writes = FuturesUnordered::new();
        let mut pace = interval(WRITE_EVERY);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_leading = *self.leading.borrow_and_update();
        loop {
            let now = Instant::now();
            let has_work = is_leading && writes.len() < WRITES_MAX && desk.has_due(now);
            let wake = desk.wakes_at(now).filter(|_| is_leading && !has_work);
            tokio::select! {
                changed = self.leading.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    is_leading = *self.leading.borrow_and_update();
                    if is_leading {
                        desk.lead(Instant::now());
                    } else {
                        // What is under way is broken off: another may write by now.
                        writes.clear();
                        desk.queue.clear();
                    }
                }
                reports = self.reports.recv() => {
                    let Some(reports) = reports else { return };
                    desk.take(reports, is_leading, now);
                }
                Some((report, result)) = writes.next() => desk.judge(report, &result, Instant::now()),
                _ = pace.tick(), if has_work => {
                    if let Some(report) = desk.queue.next(Instant::now()) {
                        writes.push(write(&self.client, &self.field_manager, report));
                    }
                }
                () = sleep_until(wake.unwrap_or(now)), if wake.is_some() => {}
            }
        }
    }
}

/// What is to be written, and when.
struct Desk {
    queue: Queue,
    /// Reports that came before leadership was noticed.
    early: Vec<(Instant, Vec<Report>)>,
    pause: Backoff,
    /// Nothing is written before: the apiserver is away.
    paused_until: Option<Instant>,
    told: Told,
    notices: mpsc::Sender<Notice>,
}

impl Desk {
    fn new(notices: mpsc::Sender<Notice>) -> Self {
        Self {
            queue: Queue::default(),
            early: Vec::new(),
            pause: Backoff::quick(),
            paused_until: None,
            told: Told::default(),
            notices,
        }
    }

    fn has_due(&self, now: Instant) -> bool {
        self.paused_until.is_none_or(|until| until <= now) && self.queue.has_due(now)
    }

    fn wakes_at(&self, now: Instant) -> Option<Instant> {
        self.paused_until.filter(|until| *until > now).or_else(|| self.queue.wakes_at()).filter(|at| *at > now)
    }

    fn take(&mut self, reports: Vec<Report>, is_leading: bool, now: Instant) {
        if is_leading {
            self.queue.put(reports, now);
        } else {
            self.early.retain(|(arrived, _)| now < *arrived + EARLY_MAX);
            self.early.push((now, reports));
        }
    }

    fn lead(&mut self, now: Instant) {
        for (arrived, reports) in self.early.drain(..) {
            if now < arrived + EARLY_MAX {
                self.queue.put(reports, now);
            }
        }
    }

    fn judge(&mut self, report: Report, result: &Result<(), Failure>, now: Instant) {
        let verdict = Verdict::of(result);
        if verdict == Verdict::Away {
            self.paused_until = Some(now + self.pause.wait());
        } else {
            self.pause.reset();
        }
        if let Err(Failure::Call(error)) = result {
            self.told.tell(&report, verdict, error, now);
            if verdict == Verdict::Contested {
                // A full channel only costs an Event.
                let _ = self.notices.try_send(contested(&report, error));
            }
        }
        self.queue.done(report, verdict, now);
    }
}

async fn write(client: &kube::Client, manager: &str, report: Report) -> (Report, Result<(), Failure>) {
    let result = apply(client, manager, &report).await;
    (report, result)
}

/// Why a status was not written.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("another object has the name now")]
    OtherObject,
    #[error(transparent)]
    Call(#[from] CallError),
}

async fn apply(client: &kube::Client, manager: &str, report: &Report) -> Result<(), Failure> {
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Applied<'a> {
        api_version: &'a str,
        kind: &'a str,
        metadata: Metadata<'a>,
        status: &'a WebhookEndpointStatus,
    }
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Metadata<'a> {
        name: &'a str,
        namespace: &'a str,
        resource_version: Option<String>,
    }

    let EndpointRef { namespace, name } = &report.endpoint;
    // Only metadata is read of the answers: the object itself may be one that does not parse.
    let api: Api<PartialObjectMeta<WebhookEndpoint>> = Api::namespaced(client.clone(), namespace);
    // An apply to the status takes no notice of a uid, so it is looked up first; the version holds the two together.
    let found = within(CALL_MAX, api.get_metadata(name)).await?.metadata;
    if found.uid.as_deref() != Some(&report.uid) {
        return Err(Failure::OtherObject);
    }
    let applied = Applied {
        api_version: &WebhookEndpoint::api_version(&()),
        kind: &WebhookEndpoint::kind(&()),
        metadata: Metadata { name, namespace, resource_version: found.resource_version },
        status: &report.status,
    };
    let patch = Patch::Apply(&applied);
    within(CALL_MAX, api.patch_status(name, &PatchParams::apply(manager), &patch)).await?;
    Ok(())
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

impl Verdict {
    fn of(result: &Result<(), Failure>) -> Self {
        let error = match result {
            Ok(()) => return Self::Written,
            Err(Failure::OtherObject) => return Self::Gone,
            Err(Failure::Call(error)) => error,
        };
        match error {
            CallError::Refused { is_contested: true, .. } => Self::Contested,
            CallError::Refused { code: 404, .. } => Self::Gone,
            CallError::Refused { code: 409, .. } => Self::Raced,
            CallError::Refused { code: 429 | 502..=504, .. } | CallError::Deadline(_) | CallError::Unreachable(_) => {
                Self::Away
            }
            CallError::Refused { .. } => Self::Refused,
        }
    }
}

/// Failures that were told, by code.
#[derive(Debug, Default)]
struct Told(HashMap<u16, Instant>);

impl Told {
    fn tell(&mut self, report: &Report, verdict: Verdict, error: &CallError, now: Instant) {
        let (namespace, name) = (&*report.endpoint.namespace, &*report.endpoint.name);
        let last = self.0.get(&error.code());
        if matches!(verdict, Verdict::Gone | Verdict::Raced) || last.is_some_and(|last| now < *last + TELL_EVERY) {
            tracing::debug!(namespace, name, %error, "the status was not written");
        } else {
            self.0.insert(error.code(), now);
            tracing::warn!(namespace, name, %error, "the status was not written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::queue::tests::{next, report};
    use super::*;

    #[test]
    fn what_came_long_before_leadership_is_not_written_late() {
        let (notices, _receiver) = mpsc::channel(1);
        let (mut desk, now) = (Desk::new(notices), Instant::now());
        desk.take(vec![report("old", 1, "a")], false, now);
        desk.take(vec![report("young", 1, "a")], false, now + EARLY_MAX / 2);
        assert!(!desk.has_due(now));
        desk.lead(now + EARLY_MAX);
        assert_eq!(next(&mut desk.queue, now).as_deref(), Some("young:a"));
        assert_eq!(desk.queue.next(now), None);
    }

    #[test]
    fn everything_pauses_while_the_apiserver_is_away() {
        let (notices, _receiver) = mpsc::channel(1);
        let (mut desk, now) = (Desk::new(notices), Instant::now());
        desk.take(vec![report("one", 1, "a"), report("two", 1, "a")], true, now);
        let first = desk.queue.next(now).unwrap();
        desk.judge(first, &Err(CallError::Deadline(CALL_MAX).into()), now);
        assert!(!desk.has_due(now));
        let wakes_at = desk.wakes_at(now).unwrap();
        assert!(wakes_at > now && desk.has_due(wakes_at));
    }

    #[test]
    fn a_failure_is_judged_by_what_it_holds_for() {
        let refused = |code: u16, message: &str| {
            Err(Failure::Call(CallError::Refused {
                code,
                reason: String::new(),
                message: message.to_owned(),
                is_contested: message.starts_with("Apply failed"),
            }))
        };
        let check = |result: Result<(), Failure>, expected| assert_eq!(Verdict::of(&result), expected, "{result:?}");
        check(Ok(()), Verdict::Written);
        check(refused(404, "not found"), Verdict::Gone);
        check(Err(Failure::OtherObject), Verdict::Gone);
        check(refused(409, "Apply failed with 1 conflict"), Verdict::Contested);
        check(refused(409, "the object has been modified"), Verdict::Raced);
        check(refused(403, "forbidden"), Verdict::Refused);
        check(refused(422, "invalid"), Verdict::Refused);
        check(refused(500, "boom"), Verdict::Refused);
        check(refused(429, "slow down"), Verdict::Away);
        check(refused(503, "starting"), Verdict::Away);
        check(Err(CallError::Deadline(CALL_MAX).into()), Verdict::Away);
        check(Err(CallError::Unreachable("connection refused".to_owned()).into()), Verdict::Away);
    }
}
