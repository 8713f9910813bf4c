//! The watches on endpoints and Secrets against a real apiserver, with no more rights than the operator asks for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jethook::api::WebhookEndpoint;
use jethook::config::SecretAccess;
use jethook::controller::core::{Observed, SecretData, SecretRef, Update};
use jethook::controller::endpoints;
use jethook::controller::kube::connect;
use jethook::controller::names::Names;
use jethook::controller::secrets::SecretReader;
use jethook::metrics::Metrics;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use serde_json::json;
use tokio::sync::mpsc;

use super::support::apiserver::{apiserver, apply, create_endpoint, endpoint, source};
use super::support::eventually::{SOON, until};
use super::support::proxy::Line;

/// What the operator promises for a change.
const LIVE: Duration = Duration::from_secs(1);

async fn next(updates: &mut mpsc::Receiver<Update>) -> Update {
    tokio::time::timeout(SOON, updates.recv()).await.expect("no update came").unwrap()
}

fn names(observed: &[Observed]) -> Vec<&str> {
    observed.iter().map(|observed| &*observed.endpoint.name).collect()
}

struct Watch {
    updates: mpsc::Receiver<Update>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn watch_as(user: &str, namespaces: &[&str], selector: Option<&str>) -> Watch {
    watch(apiserver().client(user).await.client, namespaces, selector)
}

fn watch(client: kube::Client, namespaces: &[&str], selector: Option<&str>) -> Watch {
    let (sender, updates) = mpsc::channel(64);
    let namespaces = namespaces.iter().map(|&namespace| namespace.to_owned()).collect();
    let metrics = Arc::new(Metrics::default());
    let task = tokio::spawn(endpoints::run(client, namespaces, selector.map(str::to_owned), sender, metrics));
    Watch { updates, task }
}

#[tokio::test]
async fn endpoints_come_change_and_go() {
    let (namespace, admin) = apiserver().namespace().await;
    create_endpoint(&admin, &namespace, "first").await;
    let mut watch = watch_as("operator", &[&namespace], None).await;
    let Update::Endpoints(all) = next(&mut watch.updates).await else { panic!("a list comes first") };
    assert_eq!(names(&all), ["first"]);

    let began = Instant::now();
    let created = create_endpoint(&admin, &namespace, "second").await;
    let Update::Endpoint(seen) = next(&mut watch.updates).await else { panic!("an endpoint") };
    assert!(began.elapsed() < LIVE);
    assert_eq!((&*seen.endpoint.name, Some(seen.uid)), ("second", created.metadata.uid));
    assert_eq!((seen.generation, seen.spec.unwrap().provider.as_str()), (1, "acme"));

    let api: Api<WebhookEndpoint> = Api::namespaced(admin, &namespace);
    apply(&api, "second", &endpoint("second", "other")).await;
    let Update::Endpoint(seen) = next(&mut watch.updates).await else { panic!("an endpoint") };
    assert_eq!((seen.generation, seen.spec.unwrap().provider.as_str()), (2, "other"));

    api.delete("first", &DeleteParams::default()).await.unwrap();
    assert!(matches!(next(&mut watch.updates).await, Update::EndpointGone(gone) if &*gone.name == "first"));
}

#[tokio::test]
async fn an_endpoint_whose_labels_stop_matching_is_gone() {
    let (namespace, admin) = apiserver().namespace().await;
    create_endpoint(&admin, &namespace, "mine").await;
    let mut watch = watch_as("operator", &[&namespace], Some("shard in (a, b),!paused")).await;
    assert!(matches!(next(&mut watch.updates).await, Update::Endpoints(all) if names(&all) == ["mine"]));
    let api: Api<WebhookEndpoint> = Api::namespaced(admin, &namespace);
    let relabel = json!({"metadata": {"labels": {"shard": "c"}}});
    api.patch("mine", &PatchParams::default(), &Patch::Merge(&relabel)).await.unwrap();
    assert!(matches!(next(&mut watch.updates).await, Update::EndpointGone(gone) if &*gone.name == "mine"));
}

#[tokio::test]
async fn a_forbidden_namespace_holds_nothing_up_and_comes_in_once_it_is_granted() {
    let (open, admin) = apiserver().namespace().await;
    let (closed, _) = apiserver().namespace().await;
    apiserver().grant("tenant", &open).await;
    create_endpoint(&admin, &open, "one").await;
    create_endpoint(&admin, &closed, "two").await;
    let mut watch = watch_as("tenant", &[&open, &closed], None).await;
    assert!(matches!(next(&mut watch.updates).await, Update::Endpoints(all) if names(&all) == ["one"]));
    apiserver().grant("tenant", &closed).await;
    assert!(matches!(next(&mut watch.updates).await, Update::Endpoints(all) if names(&all) == ["one", "two"]));
}

#[tokio::test]
async fn nothing_is_said_where_nothing_may_be_read() {
    let (namespace, _) = apiserver().namespace().await;
    let mut watch = watch_as("nobody", &[&namespace], None).await;
    let silence = tokio::time::timeout(Duration::from_secs(3), watch.updates.recv()).await;
    assert!(silence.is_err(), "{silence:?}");
}

struct Reader {
    named: tokio::sync::watch::Sender<Option<Names>>,
    updates: mpsc::Receiver<Update>,
    task: tokio::task::JoinHandle<()>,
    namespace: String,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Reader {
    async fn start(namespace: &str, access: SecretAccess) -> Self {
        Self::start_with(apiserver().client("operator").await.client, namespace, access)
    }

    fn start_with(client: kube::Client, namespace: &str, access: SecretAccess) -> Self {
        let (named, receiver) = tokio::sync::watch::channel(None);
        let (sender, updates) = mpsc::channel(64);
        let reader = SecretReader {
            client,
            access,
            namespaces: vec![namespace.to_owned()],
            named: receiver,
            suspects: tokio::sync::mpsc::channel(1).1,
            updates: sender,
            metrics: Arc::new(Metrics::default()),
        };
        let task = tokio::spawn(reader.run());
        Self { named, updates, task, namespace: namespace.to_owned() }
    }

    fn name(&self, secrets: &[(&str, &[&str])]) {
        let namespace: Arc<str> = self.namespace.as_str().into();
        let named = secrets.iter().map(|(name, keys)| {
            let secret = SecretRef { namespace: namespace.clone(), name: (*name).into() };
            (secret, Some(Arc::new(keys.iter().map(|&key| key.to_owned()).collect())))
        });
        let named: Vec<_> = named.collect();
        self.named.send_modify(|names| {
            let names = names.get_or_insert_default();
            let gone = names.all().keys().filter(|known| named.iter().all(|(secret, _)| secret != *known));
            let gone: Vec<_> = gone.map(|secret| (secret.clone(), None)).collect();
            names.change(gone.into_iter().chain(named).collect());
        });
    }

    async fn secret(&mut self, expected: &str) -> Option<SecretData> {
        match next(&mut self.updates).await {
            Update::Secret(secret, data) => {
                assert_eq!(&*secret.name, expected);
                data
            }
            other => panic!("{other:?}"),
        }
    }
}

async fn put_secret(client: &kube::Client, namespace: &str, name: &str, data: &[(&str, &str)]) -> Secret {
    // `stringData` would leave keys behind that it no longer has.
    let data: BTreeMap<_, _> =
        data.iter().map(|(key, value)| (*key, data_encoding::BASE64.encode(value.as_bytes()))).collect();
    let object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data});
    apply(&Api::namespaced(client.clone(), namespace), name, &object).await
}

fn value<'a>(data: &'a SecretData, key: &str) -> Option<&'a [u8]> {
    data.keys.get(key).map(jethook::secret::Secret::expose)
}

#[tokio::test]
async fn named_secrets_are_followed_and_no_other_is_fetched() {
    let (namespace, admin) = apiserver().namespace().await;
    put_secret(&admin, &namespace, "used", &[("secret", "one"), ("other", "not for us")]).await;
    put_secret(&admin, &namespace, "unused", &[("secret", "not for us")]).await;
    let mut reader = Reader::start(&namespace, SecretAccess::Watch).await;
    reader.name(&[("later", &["secret"]), ("used", &["secret"])]);

    let mut first = BTreeMap::new();
    while first.len() < 2 {
        let Update::Secret(secret, data) = next(&mut reader.updates).await else { panic!("secrets come first") };
        first.insert(secret.name.to_string(), data);
    }
    assert_eq!(first["later"], None);
    let used = first["used"].as_ref().unwrap();
    assert_eq!(used.key_names, ["other", "secret"]);
    assert_eq!((value(used, "secret"), value(used, "other")), (Some(&b"one"[..]), None));
    assert!(matches!(next(&mut reader.updates).await, Update::SecretsRead));

    let began = Instant::now();
    let rotated = put_secret(&admin, &namespace, "used", &[("secret", "two")]).await;
    let data = reader.secret("used").await.unwrap();
    assert!(began.elapsed() < LIVE);
    assert_eq!(value(&data, "secret"), Some(&b"two"[..]));
    assert_eq!(Some(data.resource_version), rotated.metadata.resource_version);

    let began = Instant::now();
    put_secret(&admin, &namespace, "later", &[("secret", "here")]).await;
    assert_eq!(value(&reader.secret("later").await.unwrap(), "secret"), Some(&b"here"[..]));
    assert!(began.elapsed() < LIVE);

    reader.name(&[("later", &["secret"]), ("used", &["other", "secret"])]);
    assert_eq!(value(&reader.secret("used").await.unwrap(), "other"), None, "the rotation dropped it");

    let began = Instant::now();
    let api: Api<Secret> = Api::namespaced(admin, &namespace);
    api.delete("used", &DeleteParams::default()).await.unwrap();
    assert_eq!(reader.secret("used").await, None);
    assert!(began.elapsed() < LIVE);

    let fetched = |name: &str| {
        apiserver().audit().iter().any(|request| {
            request["verb"] == "get"
                && request["user"]["username"] == "operator"
                && request["objectRef"]["namespace"] == namespace.as_str()
                && request["objectRef"]["name"] == name
        })
    };
    until("the audit log tells of a read", || async { fetched("used").then_some(()) }).await;
    assert!(!fetched("unused"));
}

#[tokio::test]
async fn with_the_right_to_get_alone_secrets_are_read_without_a_watch() {
    let (namespace, admin) = apiserver().namespace().await;
    put_secret(&admin, &namespace, "used", &[("secret", "one")]).await;
    let mut reader = Reader::start(&namespace, SecretAccess::Get).await;
    reader.name(&[("../secrets/used", &["secret"]), ("used", &["secret"])]);
    let mut found = 0;
    for _ in 0..2 {
        let Update::Secret(secret, data) = next(&mut reader.updates).await else { panic!("secrets come first") };
        assert_eq!(data.is_some(), &*secret.name == "used", "{secret:?}");
        found += usize::from(data.is_some());
    }
    assert_eq!(found, 1);
    assert!(matches!(next(&mut reader.updates).await, Update::SecretsRead));
    let is_watching = apiserver()
        .audit()
        .iter()
        .any(|request| request["verb"] == "watch" && request["objectRef"]["namespace"] == namespace.as_str());
    assert!(!is_watching);
}

#[tokio::test]
async fn an_outage_of_the_apiserver_takes_nothing_and_is_made_up_for_within_seconds() {
    let (namespace, admin) = apiserver().namespace().await;
    let (proxy, kubeconfig) = apiserver().proxy("operator").await;
    let client = connect(&source(&kubeconfig), None).await.unwrap().client;
    create_endpoint(&admin, &namespace, "before").await;
    put_secret(&admin, &namespace, "used", &[("secret", "one")]).await;
    let mut endpoints = watch(client.clone(), &[&namespace], None);
    assert!(matches!(next(&mut endpoints.updates).await, Update::Endpoints(all) if names(&all) == ["before"]));
    let mut reader = Reader::start_with(client, &namespace, SecretAccess::Watch);
    reader.name(&[("used", &["secret"])]);
    assert!(reader.secret("used").await.is_some());
    assert!(matches!(next(&mut reader.updates).await, Update::SecretsRead));

    proxy.set(Line::Cut);
    create_endpoint(&admin, &namespace, "during").await;
    put_secret(&admin, &namespace, "used", &[("secret", "two")]).await;
    let silence = tokio::time::timeout(Duration::from_secs(3), async {
        tokio::select! {
            update = endpoints.updates.recv() => update,
            update = reader.updates.recv() => update,
        }
    });
    assert!(silence.await.is_err(), "what is known stays");

    proxy.set(Line::Open);
    let began = Instant::now();
    assert!(matches!(next(&mut endpoints.updates).await, Update::Endpoint(seen) if &*seen.endpoint.name == "during"));
    assert_eq!(value(&reader.secret("used").await.unwrap(), "secret"), Some(&b"two"[..]));
    assert!(began.elapsed() < Duration::from_millis(2500), "{:?}", began.elapsed());
}
