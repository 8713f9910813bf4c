//! Real installs with helm, and an operator that runs with what they render: its arguments and a token of its service
//! account, under the apiserver's RBAC.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::cluster::{Cluster, kubeconfig};
use super::render::{container, helm, object, objects, texts};
use super::rights::{asked, granted};
use super::values;
use crate::support::apiserver::unique;
use crate::support::eventually::{SOON, eventually};
use crate::support::kubectl::Said;
use crate::support::nats::nats;
use crate::support::operator::{Operator, free_port, jethook};
use crate::support::reaper;
use crate::support::sign;
use crate::support::stage::{KEY, PUSH, endpoint};

/// Renewals of the Lease and Events come by themselves, a little later.
const USED_WITHIN: Duration = Duration::from_secs(40);

/// A release of the chart in a namespace of its own, on a stream of its own.
struct Release<'a> {
    cluster: &'a Cluster,
    namespace: String,
    stream: String,
    prefix: String,
    port: u16,
    admin_port: u16,
    folder: PathBuf,
}

impl<'a> Release<'a> {
    #[track_caller]
    fn new(cluster: &'a Cluster) -> Self {
        let namespace = unique("chart");
        cluster.namespace(&namespace);
        Self {
            cluster,
            stream: namespace.to_uppercase(),
            prefix: format!("events-{namespace}"),
            port: free_port(),
            admin_port: free_port(),
            folder: reaper::folder(&namespace),
            namespace,
        }
    }

    fn helm(&self, arguments: &[&str]) -> Said {
        let kubeconfig = kubeconfig(self.cluster);
        let fixed = ["--namespace", &self.namespace, "--kubeconfig", kubeconfig.to_str().unwrap()];
        helm(&arguments.iter().copied().chain(fixed).collect::<Vec<_>>())
    }

    /// Installs or upgrades it under a name.
    fn apply(&self, command: &str, name: &str, settings: &[&str]) -> Said {
        let chart = values::folder();
        let own = [
            format!("jetstream.url={}", nats().url()),
            format!("stream.name={}", self.stream),
            format!("stream.prefix={}", self.prefix),
            format!("receiver.port={}", self.port),
            format!("receiver.drainDelay={}", "0s"),
            format!("admin.port={}", self.admin_port),
            format!("test.url=http://127.0.0.1:{}", self.port),
        ];
        let mut arguments = vec![command, name, chart.to_str().unwrap()];
        arguments.extend(own.iter().flat_map(|setting| ["--set", setting]));
        // A flag of helm's own begins with two dashes.
        arguments.extend(settings.iter().flat_map(|setting| match setting.starts_with("--") {
            true => vec![*setting],
            false => vec!["--set", setting],
        }));
        self.helm(&arguments)
    }

    /// What the release holds, hooks left out.
    #[track_caller]
    fn manifest(&self) -> Vec<Value> {
        objects(&self.helm(&["get", "manifest", "jethook"]).ok())
    }

    /// The operator as the Deployment in the cluster starts it, with a token of its service account.
    #[track_caller]
    fn operator(&self) -> Operator {
        let arguments = ["get", "deployment", "jethook", "-o", "json", "-n", &self.namespace];
        let deployment: Value = serde_json::from_str(&self.cluster.kubectl(&arguments, "").ok()).unwrap();
        let account = deployment["spec"]["template"]["spec"]["serviceAccountName"].as_str().unwrap().to_owned();
        let token = self.cluster.kubectl(&["create", "token", &account, "-n", &self.namespace], "").ok();
        let kubeconfig = self.cluster.server.kubeconfig_of(&self.namespace, token.trim());
        let deployment = [deployment];
        let container = container(&deployment);
        assert!(container["env"].is_null(), "{container}");
        let arguments = texts(&container["args"]);
        assert_eq!(arguments[0], "run");
        // Split, as `Operator` looks for the addresses among them.
        let arguments: Vec<_> = arguments[1..].iter().flat_map(|argument| argument.splitn(2, '=')).collect();
        Operator::start_with(&self.folder, &arguments, |command| {
            command.env("KUBECONFIG", kubeconfig);
        })
        .ready()
    }

    /// A GitHub endpoint in a namespace.
    #[track_caller]
    fn endpoint(&self, namespace: &str, spec: Value) {
        let mut all = endpoint("github", json!({"provider": "github", "secretRefs": [{"name": "github"}]}));
        all["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        self.cluster.kubectl(&["apply", "--server-side", "-n", namespace, "-f", "-"], &all.to_string()).ok();
    }

    #[track_caller]
    fn secret(&self, namespace: &str, key: &str) {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "github"}, "stringData": {"secret": key},
        });
        self.cluster.kubectl(&["apply", "--server-side", "-n", namespace, "-f", "-"], &secret.to_string()).ok();
    }

    #[track_caller]
    fn ready(&self, namespace: &str) {
        let wait = ["wait", "--for=condition=Ready", "--timeout=20s", "whe/github", "-n", namespace];
        self.cluster.kubectl(&wait, "").ok();
    }

    /// Sends a signed push to the endpoint and finds it in the stream.
    #[track_caller]
    fn delivers(&self, operator: &Operator, namespace: &str, key: &str) {
        let before = nats().stored(&self.stream).len();
        let id = uuid::Uuid::new_v4().to_string();
        let push = sign::github(&format!("/{namespace}/github"), key, "push", &id, PUSH);
        operator.send_until(200, "a delivery is stored", &push);
        let stored = nats().stored(&self.stream);
        assert_eq!(stored.len(), before + 1);
        assert_eq!(stored[before].subject, format!("{}.{namespace}.github.push", self.prefix));
    }

    fn user(&self) -> String {
        format!("system:serviceaccount:{}:jethook", self.namespace)
    }

    /// Waits until every right that the release grants was used, and sees that none was missing.
    #[track_caller]
    fn has_no_right_to_spare(&self) {
        let granted = granted(&self.manifest(), "jethook");
        assert!(granted.len() >= 8, "{granted:?}");
        eventually(USED_WITHIN, "every right is used", || {
            let (used, forbidden) = asked(&self.cluster.server.audit(), &self.user());
            assert!(forbidden.is_empty(), "not allowed to the operator: {forbidden:?}");
            let needless: Vec<_> = granted.difference(&used).collect();
            if needless.is_empty() { Ok(()) } else { Err(format!("granted and not needed: {needless:?}")) }
        });
    }

    #[track_caller]
    fn can(&self, user: &str, verb: &str, namespace: &str) -> bool {
        let said =
            self.cluster.kubectl(&["auth", "can-i", verb, "webhookendpoints", "-n", namespace, "--as", user], "");
        said.stdout.trim() == "yes"
    }
}

/// A command of the test's pod, run here: its arguments with what the kubelet puts in.
#[track_caller]
fn run_container(container: &Value, uid: &str, key: &Path) -> (i32, String) {
    let path = key.to_str().unwrap();
    let arguments = texts(&container["args"]);
    let arguments =
        arguments.iter().map(|argument| argument.replace("$(POD_UID)", uid).replace("/etc/jethook/key/secret", path));
    let log = key.with_extension("log");
    let mut child = jethook().args(arguments).stdout(File::create(&log).unwrap()).spawn().unwrap();
    reaper::adopt(child.id());
    let ended = || child.try_wait().unwrap().ok_or_else(|| reaper::text(&log));
    let (status, _) = eventually(SOON, "the container ends", ended);
    reaper::release(child.id());
    (status.code().unwrap(), reaper::text(&log))
}

#[test]
fn an_installed_operator_serves_all_namespaces_with_no_right_to_spare() {
    let cluster = Cluster::take();
    let release = Release::new(&cluster);
    let notes = release.apply("install", "jethook", &[]).ok();
    for expected in
        ["helm test jethook -n", "kubectl create secret generic github-webhook", "whe/github", "port-forward"]
    {
        assert!(notes.contains(expected), "{notes}");
    }
    cluster.established();
    let selector =
        ["get", "pods", "-n", &release.namespace, "-l", "app.kubernetes.io/component=operator", "-o", "name"];
    eventually(SOON, "two restricted pods are made", || {
        let pods = cluster.kubectl(&selector, "").ok();
        if pods.lines().count() == 2 { Ok(()) } else { Err(format!("{pods:?}")) }
    });

    let operator = release.operator();
    let shop = unique("shop");
    cluster.namespace(&shop);
    release.secret(&shop, KEY);
    release.endpoint(&shop, json!({}));
    release.ready(&shop);
    release.delivers(&operator, &shop, KEY);
    release.secret(&shop, "another key, since the first one leaked");
    release.delivers(&operator, &shop, "another key, since the first one leaked");
    release.has_no_right_to_spare();

    people_may_what_their_role_says(&release, &shop);
    the_test_of_the_release_passes(&release);
}

/// The cluster's own roles have taken in those that come with the CRDs.
#[track_caller]
fn people_may_what_their_role_says(release: &Release, namespace: &str) {
    for (role, verb, is_allowed) in [
        ("view", "list", true),
        ("view", "create", false),
        ("edit", "list", true),
        ("edit", "create", true),
        ("edit", "deletecollection", false),
        ("admin", "deletecollection", true),
    ] {
        let user = format!("{role}-of-{namespace}");
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": user},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        });
        let arguments = ["apply", "--server-side", "-n", namespace, "-f", "-"];
        release.cluster.kubectl(&arguments, &binding.to_string()).ok();
        eventually(SOON, &format!("{role} may {verb}: {is_allowed}"), || {
            if release.can(&user, verb, namespace) == is_allowed { Ok(()) } else { Err(String::new()) }
        });
    }
}

/// What `helm test` would do with a kubelet: its objects, then its containers one after another.
#[track_caller]
fn the_test_of_the_release_passes(release: &Release) {
    let hooks = objects(&release.helm(&["get", "hooks", "jethook"]).ok());
    let pod = object(&hooks, "Pod", "jethook-test");
    let secret = object(&hooks, "Secret", "jethook-test");
    for object in [secret, object(&hooks, "WebhookEndpoint", "jethook-test")] {
        release.cluster.kubectl(&["apply", "--server-side", "-f", "-"], &object.to_string()).ok();
    }
    let wait = ["wait", "--for=condition=Ready", "--timeout=20s", "whe/jethook-test", "-n", &release.namespace];
    release.cluster.kubectl(&wait, "").ok();
    let key = release.folder.join("test-key");
    let (send, find) = (&pod["spec"]["initContainers"][0], &pod["spec"]["containers"][0]);
    fs::write(&key, "not the key").unwrap();
    assert_eq!(run_container(send, "0", &key).0, 1, "a delivery with another key fails the test");
    fs::write(&key, secret["stringData"]["secret"].as_str().unwrap()).unwrap();
    for uid in ["6a8c", "77f1"] {
        let (code, said) = run_container(send, uid, &key);
        assert_eq!(code, 0, "{said}");
        let (code, said) = run_container(find, uid, &key);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains(&format!("{}.jethook-test.test-{uid}", release.namespace)), "{said}");
    }
}

#[test]
fn an_operator_of_some_namespaces_needs_roles_there_and_misses_what_is_taken_away() {
    let cluster = Cluster::take();
    cluster.crds();
    let release = Release::new(&cluster);
    let (shop, other) = (unique("shop"), unique("other"));
    cluster.namespace(&shop);
    cluster.namespace(&other);
    let served = format!("watchNamespaces={{{shop},{}}}", release.namespace);
    release.apply("install", "jethook", &["crds.install=false", &served, "secretAccess=get"]).ok();
    let kinds: Vec<_> = release.manifest().iter().map(|object| object["kind"].clone()).collect();
    assert!(!kinds.iter().any(|kind| kind.as_str().unwrap().starts_with("Cluster")), "{kinds:?}");

    let operator = release.operator();
    release.secret(&shop, KEY);
    release.endpoint(&shop, json!({}));
    release.ready(&shop);
    release.delivers(&operator, &shop, KEY);
    release.has_no_right_to_spare();

    // A right that is missing shows in the same log.
    let role = ["get", "role", "jethook", "-n", &shop, "-o", "json"];
    let mut role: Value = serde_json::from_str(&cluster.kubectl(&role, "").ok()).unwrap();
    let rules = role["rules"].as_array_mut().unwrap();
    rules.retain(|rule| rule["resources"][0] != "webhookendpoints/status");
    let patch = json!({"rules": rules}).to_string();
    cluster.kubectl(&["patch", "role", "jethook", "-n", &shop, "--type=merge", "-p", &patch], "").ok();
    release.endpoint(&shop, json!({"suspend": true}));
    eventually(SOON, "the missing right is found", || {
        let (_, forbidden) = asked(&cluster.server.audit(), &release.user());
        let expected = ("jethook.dev".to_owned(), "webhookendpoints/status".to_owned(), "patch".to_owned());
        if forbidden.contains(&expected) { Ok(()) } else { Err(format!("{forbidden:?}")) }
    });
}

#[test]
fn crds_are_upgraded_outlive_their_release_and_belong_to_one() {
    let cluster = Cluster::take();
    let release = Release::new(&cluster);
    let crd = "webhookendpoints.jethook.dev";
    release.apply("install", "jethook", &[]).ok();
    cluster.established();
    release.secret(&release.namespace, KEY);
    release.endpoint(&release.namespace, json!({}));

    // An older CRD, as an older chart would have left it.
    let mut older = object(&release.manifest(), "CustomResourceDefinition", crd).clone();
    older["spec"]["versions"][0].as_object_mut().unwrap().remove("additionalPrinterColumns");
    let apply = ["apply", "--server-side", "--force-conflicts", "--field-manager=helm", "-f", "-"];
    cluster.kubectl(&apply, &older.to_string()).ok();
    let columns = || {
        let path = "jsonpath={.spec.versions[0].additionalPrinterColumns[*].name}";
        cluster.kubectl(&["get", "crd", crd, "-o", path], "").ok()
    };
    assert_eq!(columns(), "");
    release.apply("upgrade", "jethook", &[]).ok();
    assert!(columns().contains("Provider"), "{}", columns());

    release.helm(&["uninstall", "jethook"]).ok();
    let left = cluster.kubectl(&["get", "whe", "-n", &release.namespace, "-o", "name"], "").ok();
    assert_eq!(left, "webhookendpoint.jethook.dev/github\n");
    let all = cluster.kubectl(&["get", "deployment,service,role", "-n", &release.namespace, "-o", "name"], "").ok();
    assert_eq!(all, "", "nothing else is left");

    // The same name takes it over again; another one has to say how.
    release.apply("install", "jethook", &[]).ok();
    let said = release.apply("install", "second", &[]).refused();
    let documented =
        "invalid ownership metadata; annotation validation error: key \"meta.helm.sh/release-name\" must equal";
    assert!(said.contains(documented), "{said}");
    assert!(values::readme().contains(documented), "the page says so");
    release.apply("install", "third", &["crds.install=false"]).ok();
    release.apply("install", "fourth", &["--take-ownership"]).ok();

    // No finalizer of ours keeps a namespace from going.
    let delete = ["delete", "namespace", &release.namespace, "--timeout=60s"];
    cluster.kubectl(&delete, "").ok();
}
