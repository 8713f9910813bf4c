//! A control plane for the chart: kube-apiserver with kube-controller-manager, and the CRDs of what the chart may render
//! for others.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::render::{objects, rendered, root, sets};
use crate::support::apiserver::{Apiserver, bare, tool};
use crate::support::eventually::{SOON, eventually};
use crate::support::kubectl::{Said, kubectl};
use crate::support::operator::free_port;
use crate::support::reaper;

/// What the chart relies on: aggregated roles, namespaces that go, and workloads that make pods.
const CONTROLLERS: &str = "clusterrole-aggregation-controller,namespace-controller,garbage-collector-controller,\
    deployment-controller,replicaset-controller,statefulset-controller";

/// The cluster, while one test has it to itself: CRDs and some roles are there once for all.
pub struct Cluster {
    pub server: &'static Apiserver,
    _turn: MutexGuard<'static, ()>,
}

impl Cluster {
    /// Waits for its turn, and takes away what an earlier release left.
    #[track_caller]
    pub fn take() -> Self {
        static STARTED: OnceLock<(&'static Apiserver, Child)> = OnceLock::new();
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let (server, _) = STARTED.get_or_init(start);
        let cluster = Self { server, _turn: turn };
        let crds = ["webhookendpoints.jethook.dev", "clusterwebhookproviders.jethook.dev"];
        cluster.kubectl(&[&["delete", "--ignore-not-found", "crd"], &crds[..]].concat(), "").ok();
        let roles = ["jethook-view", "jethook-edit", "jethook-admin"];
        cluster.kubectl(&[&["delete", "--ignore-not-found", "clusterrole"], &roles[..]].concat(), "").ok();
        cluster
    }

    #[track_caller]
    pub fn kubectl(&self, arguments: &[&str], input: &str) -> Said {
        kubectl(self.server, arguments, input)
    }

    /// Creates a namespace that takes restricted pods only, where it is missing.
    #[track_caller]
    pub fn namespace(&self, name: &str) {
        let labels: String =
            ["enforce", "warn"].map(|mode| format!("\"pod-security.kubernetes.io/{mode}\": restricted")).join(", ");
        let namespace =
            format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}, labels: {{{labels}}}}}}}");
        self.kubectl(&["apply", "--server-side", "-f", "-"], &namespace).ok();
    }

    /// Installs the CRDs as an admin does without the chart.
    #[track_caller]
    pub fn crds(&self) {
        let folder = root().join("crds");
        self.kubectl(&["apply", "--server-side", "-f", folder.to_str().unwrap()], "").ok();
        self.established();
    }

    /// Waits until the apiserver serves endpoints.
    #[track_caller]
    pub fn established(&self) {
        eventually(SOON, "endpoints are served", || {
            let said = self.kubectl(&["get", "webhookendpoints", "--all-namespaces"], "");
            if said.code == 0 { Ok(()) } else { Err(said.stderr) }
        });
    }
}

fn start() -> (&'static Apiserver, Child) {
    let server = bare();
    let folder = reaper::folder("controllers");
    let child = Command::new(tool("kube-controller-manager"))
        .arg(format!("--kubeconfig={}", server.kubeconfig("admin").display()))
        .arg(format!("--controllers={CONTROLLERS}"))
        .arg("--leader-elect=false")
        .arg(format!("--secure-port={}", free_port()))
        .arg(format!("--cert-dir={}", folder.display()))
        .arg("--bind-address=127.0.0.1")
        .arg("--kube-api-qps=200")
        .arg("--kube-api-burst=400")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(folder.join("log")).unwrap())
        .spawn()
        .unwrap();
    reaper::adopt(child.id());
    let crds = root().join("tests/chart/crds");
    kubectl(server, &["apply", "--server-side", "-f", crds.to_str().unwrap()], "").ok();
    (server, child)
}

pub fn kubeconfig(cluster: &Cluster) -> PathBuf {
    cluster.server.kubeconfig("admin")
}

#[test]
fn the_apiserver_takes_every_object_of_every_render() {
    let cluster = Cluster::take();
    cluster.crds();
    let mut kinds = BTreeSet::new();
    for name in sets() {
        let all = objects(rendered(&name));
        let namespaces: BTreeSet<_> =
            all.iter().filter_map(|object| object["metadata"]["namespace"].as_str()).collect();
        namespaces.iter().for_each(|namespace| cluster.namespace(namespace));
        let arguments = [
            "apply",
            "--server-side",
            "--force-conflicts",
            "--dry-run=server",
            "--validate=strict",
            "--output=name",
            "-f",
            "-",
        ];
        let said = cluster.kubectl(&arguments, rendered(&name));
        assert!(said.code == 0 && !said.stderr.contains("Warning"), "{name}: {}", said.stderr);
        assert_eq!(said.stdout.lines().count(), all.len(), "{name}: {}", said.stdout);
        kinds.extend(all.iter().map(|object| object["kind"].as_str().unwrap().to_owned()));
    }
    for kind in ["HTTPRoute", "ServiceMonitor", "PodMonitor", "PrometheusRule", "StatefulSet", "NetworkPolicy", "Pod"] {
        assert!(kinds.contains(kind), "no {kind} among {kinds:?}");
    }
    // What the schemas do not know is refused.
    let wrong = rendered("minimal").replace("revisionHistoryLimit:", "revisionHistoryLimits:");
    let arguments = ["apply", "--server-side", "--dry-run=server", "--force-conflicts", "-f", "-"];
    let said = cluster.kubectl(&arguments, &wrong).refused();
    assert!(said.contains("revisionHistoryLimits"), "{said}");
}
