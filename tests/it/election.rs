//! The Lease and the way to the apiserver, against a real one.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jethook::controller::kube::connect;
use jethook::controller::lease;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::Api;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::support::apiserver::{apiserver, source, unique};
use super::support::eventually::{SOON, until};
use super::support::proxy::Line;

struct Candidate {
    leading: watch::Receiver<bool>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Candidate {
    async fn start(kubeconfig: &Path, namespace: &str, name: &str, identity: &str) -> Self {
        let mut cluster = connect(&source(kubeconfig), None).await.unwrap();
        namespace.clone_into(&mut cluster.lease_namespace);
        let (sender, leading) = watch::channel(false);
        let stop = CancellationToken::new();
        let task = tokio::spawn(lease::run(
            cluster,
            name.to_owned(),
            identity.to_owned(),
            sender,
            watch::Sender::default(),
            stop.clone(),
        ));
        Self { leading, stop, task }
    }

    async fn leads(&mut self, expected: bool, within: Duration) {
        tokio::time::timeout(within, self.leading.wait_for(|is_leading| *is_leading == expected))
            .await
            .unwrap()
            .unwrap();
    }
}

/// Waits for a renewal later than `after`.
async fn renewed(api: &Api<Lease>, name: &str, after: Option<Timestamp>) -> Timestamp {
    until("the lease is renewed", || async {
        let renewed = api.get_opt(name).await.unwrap()?.spec?.renew_time?.0;
        after.is_none_or(|after| renewed > after).then_some(renewed)
    })
    .await
}

#[tokio::test]
async fn a_lease_given_back_goes_to_the_next_at_once() {
    let (namespace, admin) = apiserver().namespace().await;
    let (kubeconfig, name) = (apiserver().kubeconfig("operator"), unique("lease"));
    let mut one = Candidate::start(&kubeconfig, &namespace, &name, "one").await;
    one.leads(true, SOON).await;
    let mut two = Candidate::start(&kubeconfig, &namespace, &name, "two").await;
    let api: Api<Lease> = Api::namespaced(admin, &namespace);
    let first = renewed(&api, &name, None).await;
    let second = renewed(&api, &name, Some(first)).await;
    renewed(&api, &name, Some(second)).await;
    assert!(*one.leading.borrow() && !*two.leading.borrow(), "one leader at a time, and it renews");
    one.stop.cancel();
    one.task.await.unwrap();
    assert!(!*one.leading.borrow());
    two.leads(true, Duration::from_secs(4)).await;
    let spec = api.get(&name).await.unwrap().spec.unwrap();
    assert_eq!(spec.holder_identity.as_deref(), Some("two"));
    assert_eq!((spec.lease_transitions, spec.lease_duration_seconds), (Some(1), Some(15)));
    two.stop.cancel();
    two.task.await.unwrap();
}

#[tokio::test]
async fn leadership_ends_by_itself_while_the_apiserver_hangs() {
    let (namespace, _) = apiserver().namespace().await;
    let (proxy, kubeconfig) = apiserver().proxy("operator").await;
    let name = unique("lease");
    let mut one = Candidate::start(&kubeconfig, &namespace, &name, "one").await;
    one.leads(true, SOON).await;
    proxy.set(Line::Held);
    let began = Instant::now();
    one.leads(false, Duration::from_secs(11)).await;
    assert!(began.elapsed() > Duration::from_secs(7), "not before the renew deadline: {:?}", began.elapsed());
    proxy.set(Line::Open);
    one.leads(true, SOON).await;
    one.stop.cancel();
    one.task.await.unwrap();
}

/// An HTTP proxy that counts the tunnels it digs.
async fn connect_proxy(tunnels: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tunnels.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap();
                let mut server = TcpStream::connect(target).await.unwrap();
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn a_proxy_is_used_unless_the_cluster_is_exempt() {
    let tunnels = Arc::new(AtomicUsize::new(0));
    let proxy = connect_proxy(tunnels.clone()).await;
    let text = std::fs::read_to_string(apiserver().kubeconfig("admin")).unwrap();
    let text = text.replace("cluster: {server", &format!("cluster: {{proxy-url: 'http://{proxy}', server"));
    let kubeconfig = std::env::temp_dir().join(format!("jethook-{}.kubeconfig", uuid::Uuid::new_v4()));
    std::fs::write(&kubeconfig, text).unwrap();
    for (no_proxy, expected) in [(Some("127.0.0.1"), 0), (Some("localhost,.example.com"), 1), (None, 2)] {
        let cluster = connect(&source(&kubeconfig), no_proxy).await.unwrap();
        cluster.client.apiserver_version().await.unwrap();
        assert_eq!(tunnels.load(Ordering::Relaxed), expected, "{no_proxy:?}");
    }
    std::fs::remove_file(&kubeconfig).unwrap();
}
