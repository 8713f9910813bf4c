//! The watch on the providers that the cluster defines.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use kube::api::Api;
use kube::runtime::watcher::Event;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::core::{ClusterProvider, Update};
use super::kube::CallError;
use super::received;
use super::watch::{Ear, Trouble, watch_one};
use crate::api::{ClusterWebhookProvider, ClusterWebhookProviderSpec};
use crate::metrics::Metrics;

const KIND: &str = "ClusterWebhookProvider";
/// So many 403 or 404 in a row count as a verdict: an apiserver that has just started gives a few to everyone.
const ABSENT_MIN: u32 = 4;
/// How often it is tried after such a verdict.
const ABSENT_EVERY: Duration = Duration::from_secs(10);
/// The provider as the apiserver gives it.
type Received = received::Received<ClusterWebhookProvider, ClusterWebhookProviderSpec>;

fn observe(received: Received) -> Option<(String, ClusterProvider)> {
    Some((received.metadata.name?, received.spec.map(Arc::new)))
}

/// What the watch has said so far.
#[derive(Debug, Default)]
struct Providers {
    arriving: BTreeMap<String, ClusterProvider>,
    has_begun: bool,
    is_listed: bool,
    /// 403 or 404 in a row.
    absent: u32,
}

impl Providers {
    /// Takes one event. A cluster without the definition, or one where it may not be read, has no providers of its own: that
    /// holds nothing up. What was known before stays.
    fn take(&mut self, event: Result<Event<(String, ClusterProvider)>, &CallError>) -> Option<Update> {
        match event {
            Ok(Event::Init) => {
                self.arriving.clear();
                None
            }
            Ok(Event::InitApply((name, provider))) => {
                self.arriving.insert(name, provider);
                None
            }
            Ok(Event::InitDone) => {
                (self.has_begun, self.is_listed, self.absent) = (true, true, 0);
                Some(Update::Providers(std::mem::take(&mut self.arriving)))
            }
            Ok(Event::Apply((name, provider))) => Some(Update::Provider(name, Some(provider))),
            Ok(Event::Delete((name, _))) => Some(Update::Provider(name, None)),
            Err(error) if matches!(error.code(), 403 | 404) => {
                self.absent = self.absent.saturating_add(1);
                let begins = !self.has_begun && self.is_absent();
                self.has_begun |= begins;
                begins.then(|| Update::Providers(BTreeMap::new()))
            }
            Err(_) => None,
        }
    }

    fn is_absent(&self) -> bool {
        !self.is_listed && self.absent >= ABSENT_MIN
    }
}

/// Watches the cluster's providers for ever, and tells the controller.
pub async fn run(client: kube::Client, updates: mpsc::Sender<Update>, metrics: Arc<Metrics>) {
    let mut events = watch_one(Api::<Received>::all(client), None, Ear::new(&metrics, KIND), observe);
    let mut trouble = Trouble::new(KIND, "");
    let mut providers = Providers::default();
    while let Some(event) = events.next().await {
        match &event {
            Ok(Event::Init) => {}
            Ok(_) => trouble.is_well(),
            Err(error) => trouble.failed(error, Instant::now()),
        }
        let has_failed = event.is_err();
        let update = match event {
            Ok(event) => providers.take(Ok(event)),
            Err(error) => providers.take(Err(&error)),
        };
        if let Some(update) = update
            && updates.send(update).await.is_err()
        {
            return;
        }
        if has_failed && providers.is_absent() {
            sleep(ABSENT_EVERY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn provider(name: &str, verification: &Value) -> (String, ClusterProvider) {
        let received = json!({"metadata": {"name": name}, "spec": {"verification": verification}});
        observe(serde_json::from_value(received).unwrap()).unwrap()
    }

    fn sound(name: &str) -> (String, ClusterProvider) {
        provider(name, &json!({"token": {"from": ["header:X-Token"]}}))
    }

    fn refused(code: u16) -> CallError {
        CallError::Refused { code, reason: String::new(), message: "no".to_owned(), is_contested: false }
    }

    #[test]
    fn one_that_does_not_parse_names_the_field() {
        assert!(sound("acme.example.com").1.is_ok());
        let fault = provider("acme.example.com", &json!({"token": {"form": []}})).1.unwrap_err();
        assert!(fault.starts_with("spec.verification.token.form: unknown field"), "{fault}");
    }

    #[test]
    fn a_list_replaces_and_events_follow() {
        let mut providers = Providers::default();
        assert!(providers.take(Ok(Event::Init)).is_none());
        assert!(providers.take(Ok(Event::InitApply(sound("a.b")))).is_none());
        let Some(Update::Providers(all)) = providers.take(Ok(Event::InitDone)) else { panic!("no list") };
        assert_eq!(all.into_keys().collect::<Vec<_>>(), ["a.b"]);
        let update = providers.take(Ok(Event::Delete(sound("a.b"))));
        assert!(matches!(update, Some(Update::Provider(name, None)) if name == "a.b"));
    }

    #[test]
    fn a_cluster_without_the_definition_holds_nothing_up_and_an_outage_does() {
        for (code, begins) in [(403, true), (404, true), (500, false)] {
            let mut providers = Providers::default();
            let said: Vec<_> = (0..=ABSENT_MIN).map(|_| providers.take(Err(&refused(code))).is_some()).collect();
            assert_eq!(said, [false, false, false, begins, false], "{code}");
        }
    }

    #[test]
    fn a_definition_that_goes_takes_no_provider_away() {
        let mut providers = Providers::default();
        providers.take(Ok(Event::InitApply(sound("a.b"))));
        providers.take(Ok(Event::InitDone));
        assert!((0..2 * ABSENT_MIN).all(|_| providers.take(Err(&refused(404))).is_none()));
        assert!(!providers.is_absent());
    }
}
