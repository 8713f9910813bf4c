//! What talks to an apiserver, against a real one, with no more rights than the operator asks for.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jethook::api::{Condition, WebhookEndpoint, WebhookEndpointStatus};
use jethook::config::SecretAccess;
use jethook::controller::core::{NamedSecrets, Notice, Observed, Report, SecretData, SecretRef, Update};
use jethook::controller::kube::connect;
use jethook::controller::notice::{Announcer, Refused};
use jethook::controller::report::Reporter;
use jethook::controller::secrets::SecretReader;
use jethook::controller::{endpoints, lease};
use jethook::metrics::Metrics;
use jethook::route::EndpointRef;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::support::apiserver::{apiserver, apply, source, unique};

/// Far more than anything here takes.
const SOON: Duration = Duration::from_secs(10);
/// What the operator promises for a change.
const LIVE: Duration = Duration::from_secs(1);

async fn next(updates: &mut mpsc::Receiver<Update>) -> Update {
    tokio::time::timeout(SOON, updates.recv()).await.expect("no update came").unwrap()
}

/// Polls until there is a value.
async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut probe: impl FnMut() -> F) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = probe().await {
            return value;
        }
        assert!(began.elapsed() < SOON, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn endpoint(name: &str, provider: &str) -> serde_json::Value {
    json!({
        "apiVersion": "jethook.dev/v1alpha1",
        "kind": "WebhookEndpoint",
        "metadata": {"name": name, "labels": {"shard": "a"}},
        "spec": {"provider": provider},
    })
}

async fn create_endpoint(client: &kube::Client, namespace: &str, name: &str) -> WebhookEndpoint {
    apply(&Api::namespaced(client.clone(), namespace), name, &endpoint(name, "acme")).await
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
    let client = apiserver().client(user).await.client;
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
    assert_eq!((seen.generation, seen.resource.unwrap().spec.provider.as_str()), (1, "acme"));

    let api: Api<WebhookEndpoint> = Api::namespaced(admin, &namespace);
    apply(&api, "second", &endpoint("second", "other")).await;
    let Update::Endpoint(seen) = next(&mut watch.updates).await else { panic!("an endpoint") };
    assert_eq!((seen.generation, seen.resource.unwrap().spec.provider.as_str()), (2, "other"));

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
    named: watch::Sender<Option<Arc<NamedSecrets>>>,
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
        let client = apiserver().client("operator").await.client;
        let (named, receiver) = watch::channel(None);
        let (sender, updates) = mpsc::channel(64);
        let reader = SecretReader {
            client,
            access,
            namespaces: vec![namespace.to_owned()],
            named: receiver,
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
            (secret, keys.iter().map(|&key| key.to_owned()).collect())
        });
        self.named.send_replace(Some(Arc::new(named.collect())));
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

struct Writer {
    reports: mpsc::Sender<Vec<Report>>,
    leading: watch::Sender<bool>,
    notices: mpsc::Receiver<Notice>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Writer {
    async fn start(lease_name: &str, is_leading: bool) -> Self {
        let client = apiserver().client("operator").await.client;
        let (reports, receiver) = mpsc::channel(8);
        let (leading, leading_receiver) = watch::channel(is_leading);
        let (notice_sender, notices) = mpsc::channel(8);
        let reporter = Reporter {
            client,
            field_manager: format!("jethook-{lease_name}"),
            reports: receiver,
            leading: leading_receiver,
            notices: notice_sender,
        };
        let task = tokio::spawn(reporter.run());
        Self { reports, leading, notices, task }
    }
}

fn condition(message: &str) -> Condition {
    Condition {
        type_: "Ready".to_owned(),
        status: "True".to_owned(),
        reason: "Ready".to_owned(),
        message: message.to_owned(),
        observed_generation: Some(1),
        last_transition_time: Time("2026-01-01T00:00:00Z".parse().unwrap()),
    }
}

fn report(object: &WebhookEndpoint, message: &str) -> Report {
    let namespace = object.metadata.namespace.as_deref().unwrap();
    Report {
        endpoint: EndpointRef { namespace: namespace.into(), name: object.metadata.name.as_deref().unwrap().into() },
        uid: object.metadata.uid.clone().unwrap(),
        generation: 1,
        status: WebhookEndpointStatus {
            observed_generation: Some(1),
            path: Some("/a/b".to_owned()),
            conditions: vec![condition(message)],
            ..WebhookEndpointStatus::default()
        },
    }
}

async fn message(api: &Api<WebhookEndpoint>, name: &str) -> Option<String> {
    api.get_opt(name).await.unwrap()?.status?.conditions.first().map(|condition| condition.message.clone())
}

async fn wait_for_message(api: &Api<WebhookEndpoint>, name: &str, expected: &str) {
    until(expected, || async { (message(api, name).await.as_deref() == Some(expected)).then_some(()) }).await;
}

#[tokio::test]
async fn a_status_is_written_whole_and_only_to_the_object_it_speaks_of() {
    let (namespace, admin) = apiserver().namespace().await;
    let api: Api<WebhookEndpoint> = Api::namespaced(admin.clone(), &namespace);
    let (one, two) =
        (create_endpoint(&admin, &namespace, "one").await, create_endpoint(&admin, &namespace, "two").await);
    let writer = Writer::start("first", true).await;
    writer.reports.send(vec![report(&one, "well")]).await.unwrap();
    wait_for_message(&api, "one", "well").await;
    let before = api.get("one").await.unwrap();
    assert_eq!(before.status.as_ref().unwrap().path.as_deref(), Some("/a/b"));

    // The same again is no change; what is no longer said is no longer there.
    let mut shorter = report(&one, "shorter");
    shorter.status.path = None;
    let mut other_object = report(&one, "not for this one");
    other_object.uid = two.metadata.uid.clone().unwrap();
    let gone =
        Report { endpoint: EndpointRef { name: "gone".into(), ..other_object.endpoint.clone() }, ..report(&two, "x") };
    writer.reports.send(vec![report(&one, "well"), gone]).await.unwrap();
    writer.reports.send(vec![report(&two, "after")]).await.unwrap();
    wait_for_message(&api, "two", "after").await;
    assert_eq!(api.get("one").await.unwrap().metadata.resource_version, before.metadata.resource_version);
    writer.reports.send(vec![shorter]).await.unwrap();
    wait_for_message(&api, "one", "shorter").await;
    assert_eq!(api.get("one").await.unwrap().status.unwrap().path, None);

    writer.reports.send(vec![other_object]).await.unwrap();
    writer.reports.send(vec![report(&two, "later")]).await.unwrap();
    wait_for_message(&api, "two", "later").await;
    assert_eq!(message(&api, "one").await.as_deref(), Some("shorter"));
}

#[tokio::test]
async fn only_the_leader_writes() {
    let (namespace, admin) = apiserver().namespace().await;
    let api: Api<WebhookEndpoint> = Api::namespaced(admin.clone(), &namespace);
    let one = create_endpoint(&admin, &namespace, "one").await;
    let writer = Writer::start("first", true).await;
    writer.reports.send(vec![report(&one, "led")]).await.unwrap();
    wait_for_message(&api, "one", "led").await;
    writer.leading.send_replace(false);
    tokio::task::yield_now().await;
    writer.reports.send(vec![report(&one, "not led")]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1200)).await;
    writer.leading.send_replace(true);
    writer.reports.send(vec![report(&create_endpoint(&admin, &namespace, "two").await, "led again")]).await.unwrap();
    wait_for_message(&api, "two", "led again").await;
    assert_eq!(message(&api, "one").await.as_deref(), Some("led"), "what came without leadership is not written late");
}

#[tokio::test]
async fn another_operators_status_is_told_and_left() {
    let (namespace, admin) = apiserver().namespace().await;
    let api: Api<WebhookEndpoint> = Api::namespaced(admin.clone(), &namespace);
    let one = create_endpoint(&admin, &namespace, "one").await;
    let first = Writer::start("first", true).await;
    first.reports.send(vec![report(&one, "the first's")]).await.unwrap();
    wait_for_message(&api, "one", "the first's").await;
    let mut second = Writer::start("second", true).await;
    second.reports.send(vec![report(&one, "the second's")]).await.unwrap();
    let notice = tokio::time::timeout(SOON, second.notices.recv()).await.unwrap().unwrap();
    assert_eq!((notice.reason, &*notice.endpoint.name), ("ForeignOperator", "one"));
    assert!(notice.note.contains("jethook-first"), "{}", notice.note);
    assert_eq!(message(&api, "one").await.as_deref(), Some("the first's"));
}

#[tokio::test]
async fn at_most_fifty_statuses_are_written_in_a_second() {
    let (namespace, admin) = apiserver().namespace().await;
    let api: Api<WebhookEndpoint> = Api::namespaced(admin.clone(), &namespace);
    let mut objects = Vec::new();
    for number in 0..60 {
        objects.push(create_endpoint(&admin, &namespace, &format!("e{number}")).await);
    }
    let writer = Writer::start("first", true).await;
    let began = Instant::now();
    writer.reports.send(objects.iter().map(|object| report(object, "well")).collect()).await.unwrap();
    wait_for_message(&api, "e59", "well").await;
    let list = api.list(&ListParams::default()).await.unwrap();
    let took = began.elapsed();
    let written = list.items.iter().filter(|object| object.status.is_some()).count();
    assert_eq!(written, 60, "in order: the last one was written last");
    assert!(took >= Duration::from_millis(1200), "{took:?}");
}

struct Candidate {
    leading: watch::Receiver<bool>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Candidate {
    async fn start(kubeconfig: &std::path::Path, namespace: &str, name: &str, identity: &str) -> Self {
        let mut cluster = connect(&source(kubeconfig), None).await.unwrap();
        cluster.lease_namespace = namespace.to_owned();
        let (sender, leading) = watch::channel(false);
        let stop = CancellationToken::new();
        let task = tokio::spawn(lease::run(cluster, name.to_owned(), identity.to_owned(), sender, stop.clone()));
        Self { leading, stop, task }
    }

    async fn leads(&mut self, expected: bool, within: Duration) {
        tokio::time::timeout(within, self.leading.wait_for(|is_leading| *is_leading == expected))
            .await
            .unwrap()
            .unwrap();
    }
}

#[tokio::test]
async fn a_lease_given_back_goes_to_the_next_at_once() {
    let (namespace, admin) = apiserver().namespace().await;
    let (kubeconfig, name) = (apiserver().kubeconfig("operator"), unique("lease"));
    let mut one = Candidate::start(&kubeconfig, &namespace, &name, "one").await;
    one.leads(true, SOON).await;
    let mut two = Candidate::start(&kubeconfig, &namespace, &name, "two").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(*one.leading.borrow() && !*two.leading.borrow(), "one leader at a time, and it renews");
    one.stop.cancel();
    one.task.await.unwrap();
    assert!(!*one.leading.borrow());
    two.leads(true, Duration::from_secs(4)).await;
    let lease: Lease = Api::namespaced(admin, &namespace).get(&name).await.unwrap();
    let spec = lease.spec.unwrap();
    assert_eq!(spec.holder_identity.as_deref(), Some("two"));
    assert_eq!((spec.lease_transitions, spec.lease_duration_seconds), (Some(1), Some(15)));
    two.stop.cancel();
    two.task.await.unwrap();
}

/// Passes connections on to the apiserver, until it is told to hold every byte back.
async fn proxy(is_stopped: Arc<AtomicBool>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let upstream = SocketAddr::from(([127, 0, 0, 1], apiserver().port()));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let is_stopped = is_stopped.clone();
            tokio::spawn(async move {
                let server = TcpStream::connect(upstream).await.unwrap();
                let (client_read, client_write) = client.into_split();
                let (server_read, server_write) = server.into_split();
                tokio::join!(
                    pass(client_read, server_write, is_stopped.clone()),
                    pass(server_read, client_write, is_stopped)
                );
            });
        }
    });
    address
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    is_stopped: Arc<AtomicBool>,
) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        while is_stopped.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn leadership_ends_by_itself_while_the_apiserver_hangs() {
    let (namespace, _) = apiserver().namespace().await;
    let is_stopped = Arc::new(AtomicBool::new(false));
    let port = proxy(is_stopped.clone()).await.port();
    let kubeconfig = apiserver().kubeconfig_through("operator", port);
    let name = unique("lease");
    let mut one = Candidate::start(&kubeconfig, &namespace, &name, "one").await;
    one.leads(true, SOON).await;
    is_stopped.store(true, Ordering::Relaxed);
    let began = Instant::now();
    one.leads(false, Duration::from_secs(11)).await;
    assert!(began.elapsed() > Duration::from_secs(7), "not before the renew deadline: {:?}", began.elapsed());
    is_stopped.store(false, Ordering::Relaxed);
    one.leads(true, SOON).await;
    one.stop.cancel();
    one.task.await.unwrap();
}

async fn events(client: &kube::Client, namespace: &str) -> Vec<Event> {
    Api::namespaced(client.clone(), namespace).list(&ListParams::default()).await.unwrap().items
}

#[tokio::test]
async fn events_tell_of_transitions_by_the_leader_and_of_refusals_by_anyone() {
    let (namespace, admin) = apiserver().namespace().await;
    let one = create_endpoint(&admin, &namespace, "one").await;
    let uid = one.metadata.uid.unwrap();
    let endpoint = EndpointRef { namespace: namespace.as_str().into(), name: "one".into() };
    let (leading, leading_receiver) = watch::channel(false);
    let (notices, notice_receiver) = mpsc::channel(8);
    let (refusals, refusal_receiver) = mpsc::channel(8);
    let announcer = Announcer {
        client: apiserver().client("operator").await.client,
        lease_name: "jethook".to_owned(),
        identity: "pod-1".to_owned(),
        leading: leading_receiver,
        notices: notice_receiver,
        refusals: refusal_receiver,
    };
    let task = tokio::spawn(announcer.run());

    let notice = |note: &str| Notice {
        endpoint: endpoint.clone(),
        uid: uid.clone(),
        is_warning: false,
        reason: "SecretRotated",
        note: note.to_owned(),
    };
    notices.send(notice("not told: this replica does not lead")).await.unwrap();
    let refused = Refused { endpoint: endpoint.clone(), cause: "unauthorized", note: "é".repeat(1000) };
    refusals.send(refused.clone()).await.unwrap();
    refusals.send(refused).await.unwrap();
    until("the refusal is told", || async { (!events(&admin, &namespace).await.is_empty()).then_some(()) }).await;
    leading.send_replace(true);
    notices.send(notice("told")).await.unwrap();
    until("the transition is told", || async { (events(&admin, &namespace).await.len() > 1).then_some(()) }).await;

    let mut told: Vec<_> = events(&admin, &namespace).await;
    told.sort_by_key(|event| event.reason.clone());
    let shown: Vec<_> =
        told.iter().map(|event| (event.reason.as_deref().unwrap(), event.type_.as_deref().unwrap())).collect();
    assert_eq!(shown, [("DeliveriesRefused", "Warning"), ("SecretRotated", "Normal")]);
    assert_eq!(told[0].note.as_ref().unwrap().chars().count(), 512, "cut to what the apiserver takes");
    assert_eq!(told[1].note.as_deref(), Some("told"));
    for event in &told {
        let regarding = event.regarding.as_ref().unwrap();
        assert_eq!((regarding.name.as_deref(), regarding.uid.as_deref()), (Some("one"), Some(uid.as_str())));
        assert_eq!(event.reporting_controller.as_deref(), Some("jethook.dev/jethook"));
    }
    task.abort();
}
