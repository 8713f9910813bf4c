//! The watch on endpoints.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::StreamExt;
use kube::runtime::watcher::Event;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::core::{Observed, Update};
use super::kube::CallError;
use super::received;
use super::watch::{Ear, Trouble, distinct, watch_each};
use crate::api::{WebhookEndpoint, WebhookEndpointSpec, WebhookEndpointStatus};
use crate::metrics::Metrics;
use crate::route::EndpointRef;

/// So many 403 in a row count as a verdict: an apiserver that has just started gives a few to everyone.
const FORBIDDEN_MIN: u32 = 4;
/// The endpoint as the apiserver gives it.
type Received = received::Received<WebhookEndpoint, WebhookEndpointSpec, WebhookEndpointStatus>;

/// `None` for an object without name, namespace or uid: no apiserver gives one.
fn observe(received: Received) -> Option<Observed> {
    let Received { metadata, spec, status, .. } = received;
    let (name, namespace, uid) = (metadata.name?, metadata.namespace?, metadata.uid?);
    Some(Observed {
        endpoint: EndpointRef { namespace: namespace.into(), name: name.into() },
        uid,
        generation: metadata.generation.unwrap_or_default(),
        created: metadata.creation_timestamp.map(|time| time.0).unwrap_or_default(),
        spec: spec.map(Arc::new),
        status: status.map(Arc::new),
    })
}

/// The endpoints of one watch.
#[derive(Debug, Default)]
struct Known {
    endpoints: BTreeMap<EndpointRef, Observed>,
    arriving: BTreeMap<EndpointRef, Observed>,
    is_listed: bool,
    /// 403 in a row.
    forbidden: u32,
}

/// The endpoints of all watches: what they say together.
#[derive(Debug)]
struct Endpoints {
    watches: Vec<Known>,
    has_begun: bool,
}

impl Endpoints {
    fn new(watches: usize) -> Self {
        Self { watches: (0..watches).map(|_| Known::default()).collect(), has_begun: false }
    }

    /// Takes one event; nothing is said before each watch has its first list or was found forbidden.
    fn take(&mut self, number: usize, event: Result<Event<Observed>, &CallError>) -> Option<Update> {
        let watch = self.watches.get_mut(number)?;
        if event.is_ok() && !matches!(event, Ok(Event::Init)) {
            watch.forbidden = 0;
        }
        match event {
            Ok(Event::Init) => watch.arriving.clear(),
            Ok(Event::InitApply(observed)) => {
                watch.arriving.insert(observed.endpoint.clone(), observed);
            }
            Ok(Event::InitDone) => {
                watch.endpoints = std::mem::take(&mut watch.arriving);
                watch.is_listed = true;
                return self.all();
            }
            Ok(Event::Apply(observed)) => {
                watch.endpoints.insert(observed.endpoint.clone(), observed.clone());
                return self.has_begun.then_some(Update::Endpoint(observed));
            }
            Ok(Event::Delete(observed)) => {
                watch.endpoints.remove(&observed.endpoint);
                return self.has_begun.then_some(Update::EndpointGone(observed.endpoint));
            }
            Err(error) if error.code() == 403 && !watch.is_listed => {
                watch.forbidden = watch.forbidden.saturating_add(1);
                if !self.has_begun && watch.forbidden == FORBIDDEN_MIN {
                    return self.all();
                }
            }
            Err(_) => {}
        }
        None
    }

    /// All endpoints, once there is enough to begin with. A namespace that may not be read holds nothing up; where none
    /// may be read, serving nothing would be a mistake.
    fn all(&mut self) -> Option<Update> {
        let is_settled = |watch: &Known| watch.is_listed || watch.forbidden >= FORBIDDEN_MIN;
        if !self.watches.iter().all(is_settled) || !self.watches.iter().any(|watch| watch.is_listed) {
            return None;
        }
        self.has_begun = true;
        Some(Update::Endpoints(self.watches.iter().flat_map(|watch| watch.endpoints.values().cloned()).collect()))
    }
}

/// Watches endpoints for ever, in `namespaces` or in all where there are none, and tells the controller.
pub async fn run(
    client: kube::Client,
    namespaces: Vec<String>,
    selector: Option<String>,
    updates: mpsc::Sender<Update>,
    metrics: Arc<Metrics>,
) {
    let namespaces = distinct(&namespaces);
    let ear = Ear::new(&metrics, "WebhookEndpoint");
    let mut events = watch_each(&client, &namespaces, selector.as_deref(), &ear, observe);
    let mut troubles = Trouble::each("WebhookEndpoint", &namespaces);
    let mut endpoints = Endpoints::new(troubles.len());
    while let Some((number, event)) = events.next().await {
        if let Some(trouble) = troubles.get_mut(number) {
            match &event {
                Ok(Event::Init) => {}
                Ok(_) => trouble.is_well(),
                Err(error) => trouble.failed(error, Instant::now()),
            }
        }
        let update = match event {
            Ok(event) => endpoints.take(number, Ok(event)),
            Err(error) => endpoints.take(number, Err(&error)),
        };
        if let Some(update) = update
            && updates.send(update).await.is_err()
        {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn received(json: Value) -> Received {
        serde_json::from_value(json).unwrap()
    }

    fn object(namespace: &str, name: &str) -> Observed {
        let metadata = serde_json::json!({
            "name": name, "namespace": namespace, "uid": format!("uid-{name}"), "generation": 2,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "…"},
            "managedFields": [{"manager": "kubectl"}],
        });
        observe(received(serde_json::json!({"metadata": metadata, "spec": {"provider": "acme"}}))).unwrap()
    }

    fn names(update: Option<Update>) -> Vec<String> {
        match update {
            Some(Update::Endpoints(all)) => all.iter().map(|observed| observed.endpoint.name.to_string()).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn refused(code: u16) -> CallError {
        CallError::Refused { code, reason: String::new(), message: "no".to_owned(), is_contested: false }
    }

    #[test]
    fn an_object_is_stripped_of_what_is_not_needed() {
        let observed = object("shop", "one");
        assert!(!format!("{observed:?}").contains("kubectl"));
        assert_eq!(observed.spec.as_ref().unwrap().provider, "acme");
        assert_eq!((observed.generation, observed.uid.as_str()), (2, "uid-one"));
        assert_eq!(observed.created.to_string(), "2026-01-01T00:00:00Z");
    }

    #[test]
    fn an_object_that_does_not_parse_names_the_field_and_keeps_its_status() {
        let observed = observe(received(serde_json::json!({
            "metadata": {"name": "one", "namespace": "shop", "uid": "u", "generation": 3},
            "spec": {"provider": "acme", "limits": {"rate": {"requestsPerSecond": "many"}}},
            "status": {"path": "/shop/one"},
        })))
        .unwrap();
        let fault = observed.spec.unwrap_err();
        assert!(fault.starts_with("spec.limits.rate.requestsPerSecond: invalid type"), "{fault}");
        assert_eq!(observed.status.unwrap().path.as_deref(), Some("/shop/one"));
    }

    #[test]
    fn a_status_that_does_not_parse_disturbs_no_spec() {
        let observed = observe(received(serde_json::json!({
            "metadata": {"name": "one", "namespace": "shop", "uid": "u"},
            "spec": {"provider": "acme"},
            "status": {"authenticates": "something newer"},
        })))
        .unwrap();
        assert!(observed.spec.is_ok());
        assert_eq!(observed.status, None);
    }

    #[test]
    fn an_object_without_a_spec_is_told_and_not_lost() {
        let observed = observe(received(serde_json::json!({"metadata": {"name": "a", "namespace": "b", "uid": "c"}})));
        assert!(observed.unwrap().spec.unwrap_err().starts_with("spec: "));
    }

    #[test]
    fn a_list_replaces_what_was_known() {
        let mut endpoints = Endpoints::new(1);
        assert!(endpoints.take(0, Ok(Event::Init)).is_none());
        for name in ["one", "two"] {
            assert!(endpoints.take(0, Ok(Event::InitApply(object("shop", name)))).is_none());
        }
        assert_eq!(names(endpoints.take(0, Ok(Event::InitDone))), ["one", "two"]);
        let added = endpoints.take(0, Ok(Event::Apply(object("shop", "three"))));
        assert!(matches!(added, Some(Update::Endpoint(observed)) if &*observed.endpoint.name == "three"));
        let gone = endpoints.take(0, Ok(Event::Delete(object("shop", "one"))));
        assert!(matches!(gone, Some(Update::EndpointGone(endpoint)) if &*endpoint.name == "one"));

        // A list that breaks off changes nothing; the next whole one counts.
        endpoints.take(0, Ok(Event::Init));
        endpoints.take(0, Ok(Event::InitApply(object("shop", "four"))));
        assert!(endpoints.take(0, Err(&refused(500))).is_none());
        endpoints.take(0, Ok(Event::Init));
        endpoints.take(0, Ok(Event::InitApply(object("shop", "five"))));
        assert_eq!(names(endpoints.take(0, Ok(Event::InitDone))), ["five"]);
    }

    #[test]
    fn nothing_is_said_before_every_namespace_was_listed() {
        let mut endpoints = Endpoints::new(2);
        endpoints.take(0, Ok(Event::Init));
        endpoints.take(0, Ok(Event::InitApply(object("a", "one"))));
        assert!(endpoints.take(0, Ok(Event::InitDone)).is_none());
        assert!(endpoints.take(0, Ok(Event::Apply(object("a", "two")))).is_none());
        endpoints.take(1, Ok(Event::Init));
        endpoints.take(1, Ok(Event::InitApply(object("b", "three"))));
        assert_eq!(names(endpoints.take(1, Ok(Event::InitDone))), ["one", "two", "three"]);
        endpoints.take(1, Ok(Event::Init));
        assert_eq!(names(endpoints.take(1, Ok(Event::InitDone))), ["one", "two"], "the other watch keeps its own");
    }

    #[test]
    fn a_forbidden_namespace_holds_nothing_up_and_a_missing_crd_does() {
        for (code, begins) in [(403, true), (404, false), (500, false)] {
            let mut endpoints = Endpoints::new(2);
            endpoints.take(0, Ok(Event::Init));
            assert!(endpoints.take(0, Ok(Event::InitDone)).is_none());
            let said: Vec<_> = (0..FORBIDDEN_MIN).map(|_| endpoints.take(1, Err(&refused(code))).is_some()).collect();
            assert_eq!(said, [false, false, false, begins], "{code}");
        }
    }

    #[test]
    fn nothing_is_served_where_no_namespace_may_be_read() {
        let mut endpoints = Endpoints::new(2);
        for _ in 0..2 * FORBIDDEN_MIN {
            assert!(endpoints.take(0, Err(&refused(403))).is_none());
            assert!(endpoints.take(1, Err(&refused(403))).is_none());
        }
    }

    #[test]
    fn rights_that_are_taken_away_take_no_endpoint_away() {
        let mut endpoints = Endpoints::new(1);
        endpoints.take(0, Ok(Event::Init));
        endpoints.take(0, Ok(Event::InitApply(object("a", "one"))));
        endpoints.take(0, Ok(Event::InitDone));
        for _ in 0..2 * FORBIDDEN_MIN {
            assert!(endpoints.take(0, Err(&refused(403))).is_none());
        }
        assert!(endpoints.watches[0].endpoints.len() == 1);
    }
}
