//! An endpoint and what it depends on, for the tests of the compile.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::keys::SecretState;
use super::*;
use crate::api::ClusterWebhookProviderSpec;
use crate::config::PolicyConfig;
use crate::secret::{Secret, SecretData};
use crate::stream::{Discard, Retention, Storage, StreamFacts, StreamState};

pub(super) const CANARY: &str = "hunter2-canary";

/// What a test's endpoint depends on: one Secret `hook`, one stream, NATS.
pub(super) struct Around {
    pub(super) secret: Option<SecretData>,
    pub(super) is_read: bool,
    pub(super) kept: BTreeMap<String, (Secret, String)>,
    /// The cluster's `acme.example.com`, once providers were listed.
    pub(super) provider: Option<Result<ClusterWebhookProviderSpec, String>>,
    pub(super) stream: Stream,
    pub(super) max_payload: Option<u64>,
}

impl Around {
    pub(super) fn new(keys: &[(&str, &str)]) -> Self {
        let secret = SecretData {
            resource_version: "7".to_owned(),
            keys: keys.iter().map(|&(key, value)| (key.to_owned(), Secret::from(value))).collect(),
            key_names: keys.iter().map(|&(key, _)| key.to_owned()).collect(),
        };
        Self {
            secret: Some(secret),
            is_read: true,
            kept: BTreeMap::new(),
            provider: None,
            stream: stream(|_| {}),
            max_payload: Some(1 << 20),
        }
    }
}

impl<'a> Surroundings<'a> for &'a Around {
    fn secret(&self, namespace: &str, name: &str) -> SecretView<'a> {
        assert_eq!(namespace, "shop", "a Secret of another namespace was asked for");
        let around: &'a Around = self;
        let state = match &around.secret {
            _ if !around.is_read => SecretState::Unread,
            Some(data) if name == "hook" => SecretState::Found(data),
            _ => SecretState::Missing,
        };
        SecretView { state, kept: Some(&around.kept) }
    }

    fn provider(&self, name: &str) -> ProviderView<'a> {
        let around: &'a Around = self;
        match &around.provider {
            None => ProviderView::Unread,
            Some(Err(fault)) => ProviderView::Broken(fault),
            Some(Ok(spec)) if name == "acme.example.com" => ProviderView::Found(spec),
            Some(Ok(_)) => ProviderView::missing(name, ["acme.example.com"].into_iter()),
        }
    }

    fn stream(&self, _: &str) -> &'a Stream {
        let around: &'a Around = self;
        &around.stream
    }

    fn captured_by(&self, _: &str) -> &'a [String] {
        &[]
    }

    fn denied(&self, _: &str) -> Option<&'a str> {
        None
    }

    fn max_payload(&self) -> Option<u64> {
        self.max_payload
    }
}

pub(super) fn stream(change: impl Fn(&mut StreamFacts)) -> Stream {
    let mut facts = StreamFacts {
        subjects: vec![">".to_owned()],
        retention: Retention::Limits,
        storage: Storage::File,
        discard: Discard::New,
        no_ack: false,
        persists_async: false,
        is_sealed: false,
        is_mirror: false,
        duplicate_window: Duration::from_hours(2),
        max_age: Duration::ZERO,
        max_message_bytes: None,
        replicas: 1,
        bytes: 0,
        max_bytes: None,
        messages: 0,
        max_messages: None,
        consumers: 0,
        is_ours: true,
    };
    change(&mut facts);
    Stream::judge(&StreamState::Found(facts), &Stream::Unread, 1, false)
}

pub(super) fn settings(change: impl Fn(&mut PolicyConfig)) -> Settings {
    let mut policy = PolicyConfig::default();
    change(&mut policy);
    Settings {
        prefix: "webhooks".to_owned(),
        stream: "WEBHOOKS".to_owned(),
        public_url: Some("https://hooks.example.com".to_owned()),
        cluster_name: None,
        body_bytes_max: 1 << 20,
        policy: Policy::from_config(&policy, "webhooks", "WEBHOOKS").unwrap(),
    }
}

pub(super) fn handles() -> Handles {
    Handles { usage: Arc::default(), metrics: Arc::default(), duration: Arc::new(Histogram::seconds()), rate: None }
}

/// A custom endpoint with an HMAC and one key, changed by a JSON merge.
pub(super) fn spec(change: Value) -> WebhookEndpointSpec {
    let mut spec = json!({
        "provider": "custom",
        "verification": {"hmac": {"hash": "sha256", "from": ["header:X-Signature"], "signed": "{body}"}},
        "secretRefs": [{"name": "hook"}],
    });
    merge(&mut spec, change);
    serde_json::from_value(spec).unwrap()
}

pub(super) fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                match value {
                    Value::Null => drop(into.remove(&key)),
                    value => merge(into.entry(key).or_insert(Value::Null), value),
                }
            }
        }
        (into, from) => *into = from,
    }
}

pub(super) fn compiled_with(spec: &WebhookEndpointSpec, around: &Around, settings: &Settings) -> Compiled {
    let endpoint = EndpointRef { namespace: "shop".into(), name: "orders".into() };
    let source = Source { endpoint: &endpoint, uid: "uid-1", spec };
    let path = wanted_path(&endpoint, spec.path.as_deref(), &settings.policy);
    let claim = match &path {
        Ok(path) => Claim::Owned(path),
        Err(problem) => Claim::Refused { problem, kept: None },
    };
    compile(source, claim, &around, settings, &handles())
}

pub(super) fn compiled(change: Value) -> Compiled {
    compiled_with(&spec(change), &Around::new(&[("secret", CANARY)]), &settings(|_| {}))
}

pub(super) fn serving_of(compiled: &Compiled) -> &Serving {
    match &compiled.route.as_ref().unwrap().state {
        State::Open(serving) => serving,
        other => panic!("{other:?}: {:?}", compiled.problems),
    }
}

pub(super) fn is_closed(compiled: &Compiled) -> bool {
    compiled.route.as_ref().is_none_or(|route| matches!(route.state, State::Closed))
}
