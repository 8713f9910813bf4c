//! Statuses and Events against a real apiserver, with no more rights than the operator asks for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jethook::api::{Condition, WebhookEndpoint, WebhookEndpointStatus};
use jethook::controller::core::{Notice, Report};
use jethook::controller::notice::{Announcer, Refused};
use jethook::controller::report::Reporter;
use jethook::route::EndpointRef;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Api, ListParams};
use tokio::sync::{mpsc, watch};

use super::support::apiserver::{apiserver, create_endpoint};
use super::support::eventually::{SOON, until};

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
        status: Arc::new(WebhookEndpointStatus {
            observed_generation: Some(1),
            path: Some("/a/b".to_owned()),
            conditions: vec![condition(message)],
            ..WebhookEndpointStatus::default()
        }),
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
    Arc::make_mut(&mut shorter.status).path = None;
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
    let (one, two) =
        (create_endpoint(&admin, &namespace, "one").await, create_endpoint(&admin, &namespace, "two").await);
    let (follower, leader) = (Writer::start("first", false).await, Writer::start("first", true).await);
    follower.reports.send(vec![report(&one, "not led")]).await.unwrap();
    leader.reports.send(vec![report(&two, "led")]).await.unwrap();
    wait_for_message(&api, "two", "led").await;
    leader.leading.send_replace(false);
    leader.reports.send(vec![report(&two, "not led")]).await.unwrap();
    let third = Writer::start("first", true).await;
    third.reports.send(vec![report(&create_endpoint(&admin, &namespace, "three").await, "led")]).await.unwrap();
    wait_for_message(&api, "three", "led").await;
    assert_eq!(message(&api, "one").await, None);
    assert_eq!(message(&api, "two").await.as_deref(), Some("led"));
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
