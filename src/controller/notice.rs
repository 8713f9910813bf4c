//! Kubernetes Events on endpoints: what changed, told by whoever leads, and what is refused, told by any replica.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, PostParams, Resource};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::core::Notice;
use super::kube::{CALL_MAX, CallError, cut, within};
use crate::api::WebhookEndpoint;
use crate::route::EndpointRef;

/// The reason of Events about refused deliveries.
const DELIVERIES_REFUSED: &str = "DeliveriesRefused";
/// Refusals of one endpoint and cause are told so often.
const REFUSAL_EVERY: Duration = Duration::from_secs(300);
/// Refusals in all.
const REFUSALS_EVERY: Duration = Duration::from_secs(1);
/// The same sentence about one endpoint is told so often.
const TRANSITION_EVERY: Duration = Duration::from_secs(60);
/// Time between two Events of transitions: 8 a second.
const TRANSITIONS_EVERY: Duration = Duration::from_millis(125);
/// Sentences that are remembered.
const TOLD_MAX: usize = 10_000;
/// Bytes of a note: the apiserver takes no more.
const NOTE_BYTES_MAX: usize = 1024;
/// Bytes of the reporting instance: the apiserver takes no more.
const INSTANCE_BYTES_MAX: usize = 128;

/// Deliveries of an endpoint are being refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Of which endpoint.
    pub endpoint: EndpointRef,
    /// One of a closed list: an endpoint's refusals are told once in five minutes for each.
    pub cause: &'static str,
    /// One sentence on why; nothing of the request's secrets.
    pub note: String,
}

/// Writes Events.
pub struct Announcer {
    /// The client.
    pub client: kube::Client,
    /// The Lease's name: it tells operators apart.
    pub lease_name: String,
    /// This process, as in the Lease.
    pub identity: String,
    /// Whether this replica leads.
    pub leading: watch::Receiver<bool>,
    /// Transitions and rotated secrets; dropped where this replica does not lead.
    pub notices: mpsc::Receiver<Notice>,
    /// Refusals.
    pub refusals: mpsc::Receiver<Refused>,
}

impl Announcer {
    /// Writes for ever; ends when nobody has anything to tell any more. Events are a courtesy: none is tried twice.
    pub async fn run(mut self) {
        let mut memory = Memory::default();
        let mut is_forbidden = false;
        loop {
            let (notice, action) = tokio::select! {
                Some(notice) = self.notices.recv() => {
                    if !*self.leading.borrow() || !memory.is_new_transition(&notice, Instant::now()) {
                        continue;
                    }
                    sleep_until(memory.next_transition).await;
                    memory.next_transition = Instant::now() + TRANSITIONS_EVERY;
                    (notice, "Reconcile")
                }
                Some(refused) = self.refusals.recv() => {
                    if !memory.is_new_refusal(&refused, Instant::now()) {
                        continue;
                    }
                    let Some(notice) = self.identify(refused).await else { continue };
                    (notice, "Receive")
                }
                else => return,
            };
            match self.create(&notice, action).await {
                Ok(()) => is_forbidden = false,
                Err(error) if error.code() == 403 && !is_forbidden => {
                    is_forbidden = true;
                    tracing::warn!(%error, "Events can't be written; grant the operator create on events of events.k8s.io");
                }
                Err(error) => tracing::debug!(%error, reason = notice.reason, "an Event was not written"),
            }
        }
    }

    /// `kubectl describe` finds Events by the object's uid, which the receiver does not know.
    async fn identify(&self, refused: Refused) -> Option<Notice> {
        let Refused { endpoint, cause: _, note } = refused;
        let api: Api<WebhookEndpoint> = Api::namespaced(self.client.clone(), &endpoint.namespace);
        let found = within(CALL_MAX, api.get_metadata_opt(&endpoint.name)).await.ok()??;
        let uid = found.metadata.uid?;
        Some(Notice { endpoint, uid, is_warning: true, reason: DELIVERIES_REFUSED, note })
    }

    async fn create(&self, notice: &Notice, action: &str) -> Result<(), CallError> {
        let event = self.event(notice, action, Timestamp::now());
        let api: Api<Event> = Api::namespaced(self.client.clone(), &notice.endpoint.namespace);
        within(CALL_MAX, api.create(&PostParams::default(), &event)).await.map(|_| ())
    }

    fn event(&self, notice: &Notice, action: &str, now: Timestamp) -> Event {
        let EndpointRef { namespace, name } = &notice.endpoint;
        Event {
            metadata: ObjectMeta {
                name: Some(format!("{name}.{:016x}", fastrand::u64(..))),
                namespace: Some(namespace.to_string()),
                ..ObjectMeta::default()
            },
            event_time: Some(MicroTime(now)),
            type_: Some(if notice.is_warning { "Warning" } else { "Normal" }.to_owned()),
            reason: Some(notice.reason.to_owned()),
            action: Some(action.to_owned()),
            note: Some(cut(&notice.note, NOTE_BYTES_MAX).to_owned()),
            regarding: Some(ObjectReference {
                api_version: Some(WebhookEndpoint::api_version(&()).into_owned()),
                kind: Some(WebhookEndpoint::kind(&()).into_owned()),
                name: Some(name.to_string()),
                namespace: Some(namespace.to_string()),
                uid: Some(notice.uid.clone()),
                ..ObjectReference::default()
            }),
            reporting_controller: Some(format!("jethook.dev/{}", self.lease_name)),
            reporting_instance: Some(cut(&self.identity, INSTANCE_BYTES_MAX).to_owned()),
            ..Event::default()
        }
    }
}

/// What was told, and when it may be told again.
#[derive(Debug)]
struct Memory {
    told: HashMap<(EndpointRef, String), Instant>,
    next_transition: Instant,
    next_refusal: Instant,
}

impl Default for Memory {
    fn default() -> Self {
        let now = Instant::now();
        Self { told: HashMap::new(), next_transition: now, next_refusal: now }
    }
}

impl Memory {
    fn is_new_transition(&mut self, notice: &Notice, now: Instant) -> bool {
        let sentence = format!("{}: {}", notice.reason, notice.note);
        self.is_new((notice.endpoint.clone(), sentence), TRANSITION_EVERY, now)
    }

    fn is_new_refusal(&mut self, refused: &Refused, now: Instant) -> bool {
        let key = (refused.endpoint.clone(), refused.cause.to_owned());
        if now < self.next_refusal || !self.is_new(key, REFUSAL_EVERY, now) {
            return false;
        }
        self.next_refusal = now + REFUSALS_EVERY;
        true
    }

    fn is_new(&mut self, key: (EndpointRef, String), every: Duration, now: Instant) -> bool {
        if self.told.get(&key).is_some_and(|until| now < *until) {
            return false;
        }
        if self.told.len() >= TOLD_MAX {
            self.told.retain(|_, until| now < *until);
        }
        if self.told.len() < TOLD_MAX {
            self.told.insert(key, now + every);
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(name: &str) -> EndpointRef {
        EndpointRef { namespace: "shop".into(), name: name.into() }
    }

    fn refused(name: &str, cause: &'static str) -> Refused {
        Refused { endpoint: endpoint(name), cause, note: "the signature does not match".to_owned() }
    }

    fn notice(name: &str, note: &str) -> Notice {
        Notice {
            endpoint: endpoint(name),
            uid: "u".to_owned(),
            is_warning: false,
            reason: "Ready",
            note: note.to_owned(),
        }
    }

    #[test]
    fn refusals_are_told_once_in_five_minutes_for_a_cause_and_once_a_second_in_all() {
        let (mut memory, start) = (Memory::default(), Instant::now());
        let mut check = |seconds: f64, refused: &Refused, expected: bool| {
            let now = start + Duration::from_secs_f64(seconds);
            assert_eq!(memory.is_new_refusal(refused, now), expected, "{seconds} {refused:?}");
        };
        check(1.0, &refused("one", "unauthorized"), true);
        check(1.5, &refused("two", "unauthorized"), false);
        check(2.0, &refused("two", "unauthorized"), true);
        check(3.0, &refused("one", "stale"), true);
        check(300.9, &refused("one", "unauthorized"), false);
        check(301.0, &refused("one", "unauthorized"), true);
    }

    #[test]
    fn a_transition_is_told_and_its_repetition_is_not() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        assert!(memory.is_new_transition(&notice("one", "ready"), now));
        assert!(!memory.is_new_transition(&notice("one", "ready"), now));
        assert!(memory.is_new_transition(&notice("one", "not ready"), now));
        assert!(memory.is_new_transition(&notice("two", "ready"), now));
        assert!(memory.is_new_transition(&notice("one", "ready"), now + TRANSITION_EVERY));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        for number in 0..TOLD_MAX {
            assert!(memory.is_new_transition(&notice("one", &number.to_string()), now));
        }
        assert!(!memory.is_new_transition(&notice("one", "one too many"), now));
        assert!(memory.is_new_transition(&notice("one", "later"), now + TRANSITION_EVERY));
        assert_eq!(memory.told.len(), 1);
    }
}
