//! A core with endpoints, Secrets and a stream, for its tests.

use serde_json::{Value, json};

use super::*;
use crate::config::PolicyConfig;
use crate::controller::names::Names;
use crate::route::{Policy, State};
use crate::secret::Secret;
use crate::stream::{Connection, Discard, Retention, Storage, StreamFacts, StreamState};

pub(super) const CANARY: &str = "hunter2-canary";

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(super) fn named(name: &str) -> EndpointRef {
    EndpointRef { namespace: "shop".into(), name: name.into() }
}

pub(super) fn secret_ref(name: &str) -> SecretRef {
    SecretRef { namespace: "shop".into(), name: name.into() }
}

pub(super) fn spec(change: Value) -> Arc<WebhookEndpointSpec> {
    let mut spec = json!({
        "provider": "custom",
        "verification": {"hmac": {"hash": "sha256", "from": ["header:X-Signature"], "signed": "{body}"}},
        "secretRefs": [{"name": "hook"}],
    });
    let Value::Object(change) = change else { panic!("no object: {change}") };
    for (field, value) in change {
        spec[field] = value;
    }
    Arc::new(serde_json::from_value(spec).unwrap())
}

pub(super) fn observed(name: &str, created: i64, change: Value) -> Observed {
    Observed {
        endpoint: named(name),
        uid: format!("uid-{name}"),
        generation: 1,
        created: at(created),
        spec: Ok(spec(change)),
        status: None,
    }
}

pub(super) fn data(version: &str, keys: &[(&str, &str)]) -> SecretData {
    SecretData {
        resource_version: version.to_owned(),
        keys: keys.iter().map(|&(key, value)| (key.to_owned(), Secret::from(value))).collect(),
        key_names: keys.iter().map(|&(key, _)| key.to_owned()).collect(),
    }
}

pub(super) fn facts() -> StreamFacts {
    StreamFacts {
        subjects: vec!["webhooks.>".to_owned()],
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
    }
}

pub(super) fn view(streams: &[(&str, StreamState)]) -> View {
    View {
        connection: Connection::Up,
        max_payload: Some(1 << 20),
        servers: 1,
        streams: streams.iter().map(|(name, state)| ((*name).to_owned(), state.clone())).collect(),
        ..View::default()
    }
}

/// A core with its clock, its table, and all that it said.
pub(super) struct Bench {
    pub(super) core: Core,
    pub(super) metrics: Arc<Metrics>,
    pub(super) now: i64,
    pub(super) table: Table,
    pub(super) named: Option<Names>,
    pub(super) wanted: Arc<Wanted>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl Fn(&mut Settings)) -> Self {
        let mut settings = Settings {
            route: route::Settings {
                prefix: "webhooks".to_owned(),
                stream: "WEBHOOKS".to_owned(),
                public_url: None,
                cluster_name: None,
                body_bytes_max: 1 << 20,
                policy: Policy::from_config(&PolicyConfig::default(), "webhooks", "WEBHOOKS").unwrap(),
            },
            secret_grace: Duration::ZERO,
            allows_memory_storage: false,
            reads_cluster_providers: false,
        };
        change(&mut settings);
        let metrics = Arc::<Metrics>::default();
        Self {
            core: Core::new(settings, Arc::clone(&metrics), at(1000)),
            metrics,
            now: 1000,
            table: Table::default(),
            named: None,
            wanted: Arc::default(),
        }
    }

    /// A leading core that knows these endpoints, the Secret `hook` and the stream.
    pub(super) fn running(endpoints: Vec<Observed>) -> Self {
        let mut bench = Self::new();
        bench.start(endpoints);
        bench
    }

    pub(super) fn start(&mut self, endpoints: Vec<Observed>) -> Round {
        self.tell([
            Update::Leading(true),
            Update::View(Arc::new(view(&[("WEBHOOKS", StreamState::Found(facts()))]))),
            Update::Endpoints(endpoints),
        ]);
        self.tell([Update::Secret(secret_ref("hook"), Some(data("1", &[("secret", CANARY)]))), Update::SecretsRead])
    }

    pub(super) fn tell<const N: usize>(&mut self, updates: [Update; N]) -> Round {
        for update in updates {
            self.core.apply(update, at(self.now));
        }
        let round = self.core.settle(at(self.now));
        if let Some(table) = self.core.take_table() {
            self.table = table;
        }
        if let Some(renamed) = &round.named_secrets {
            self.named.get_or_insert_default().change(renamed.clone());
        }
        if let Some(wanted) = &round.wanted {
            self.wanted = Arc::clone(wanted);
        }
        round
    }

    pub(super) fn wait(&mut self, seconds: i64) -> Round {
        self.now += seconds;
        self.tell([])
    }

    /// Whose route a path is, and how it stands.
    pub(super) fn route(&self, path: &str) -> Option<(&str, &'static str)> {
        let route = self.table.routes.get(path)?;
        let state = match route.state {
            State::Open(_) => "open",
            State::Suspended => "suspended",
            State::Closed => "closed",
        };
        Some((&route.endpoint.name, state))
    }
}

pub(super) fn report<'a>(round: &'a Round, name: &str) -> &'a Arc<WebhookEndpointStatus> {
    let found = round.reports.iter().find(|report| *report.endpoint.name == *name);
    &found.unwrap_or_else(|| panic!("no report of {name}: {:#?}", round.reports)).status
}

/// Status and reason of a condition.
pub(super) fn condition(status: &WebhookEndpointStatus, wanted: ConditionType) -> (&str, &str) {
    let found = status::find(status, wanted).unwrap_or_else(|| panic!("no {wanted:?} in {status:#?}"));
    (&found.status, &found.reason)
}

pub(super) fn ready<'a>(round: &'a Round, name: &str) -> (&'a str, &'a str) {
    condition(report(round, name), ConditionType::Ready)
}
