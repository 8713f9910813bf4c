//! A real control plane, etcd and kube-apiserver, one for the whole test process.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use clap::Parser;
use jethook::api::WebhookEndpoint;
use jethook::config::SourceConfig;
use jethook::controller::kube::{Cluster, RIGHTS, RightScope, connect};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ObjectMeta, Patch, PatchParams, PostParams};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::operator::free_port;
use super::proxy::Proxy;

/// Users that the apiserver knows by token: `admin` may do all, `operator` what the operator may, the others nothing.
const USERS: [&str; 4] = ["admin", "operator", "tenant", "nobody"];
const READY_MAX: Duration = Duration::from_secs(90);
/// Requests on Secrets and on statuses are written down, and all of service accounts.
const AUDIT_SOME: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  userGroups: [system:serviceaccounts]
- level: Metadata
  resources: [{group: '', resources: [secrets]}, {group: jethook.dev, resources: [webhookendpoints/status]}]
- level: None
";
/// All that the operator asks is written down, and nothing of others.
const AUDIT_OPERATOR: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  users: [operator]
- level: None
";

/// A running control plane. It ends with this process, however that ends.
#[derive(Debug)]
pub struct Apiserver {
    folder: PathBuf,
    port: u16,
    /// The shell that ends the programs when its standard input does.
    keeper: Mutex<Child>,
}

/// The control plane, started by the first test that asks.
pub fn apiserver() -> &'static Apiserver {
    static SHARED: OnceLock<Result<Apiserver, String>> = OnceLock::new();
    SHARED.get_or_init(|| Apiserver::start(AUDIT_SOME)).as_ref().unwrap_or_else(|error| panic!("{error}"))
}

/// A name that no other test has.
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("{prefix}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Another one, for tests that stop it or bend its CRD; they take turns.
pub fn spare() -> (&'static Apiserver, MutexGuard<'static, ()>) {
    static SPARE: OnceLock<Result<Apiserver, String>> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    (SPARE.get_or_init(|| Apiserver::start(AUDIT_SOME)).as_ref().unwrap_or_else(|error| panic!("{error}")), turn)
}

/// One more, on which nothing of jethook is installed. It has addresses of both families, and no streamed lists, as
/// Kubernetes 1.33 has none.
pub fn bare() -> &'static Apiserver {
    static BARE: OnceLock<Result<Apiserver, String>> = OnceLock::new();
    let flags = ["--service-cluster-ip-range=10.96.0.0/24,fd00:96::/112", "--feature-gates=WatchList=false"];
    BARE.get_or_init(|| Apiserver::start_bare(AUDIT_SOME, &flags)).as_ref().unwrap_or_else(|error| panic!("{error}"))
}

/// One that writes down each request of the operator.
#[allow(dead_code, reason = "for the measurement of scale")]
pub fn counting() -> &'static Apiserver {
    static COUNTING: OnceLock<Result<Apiserver, String>> = OnceLock::new();
    COUNTING.get_or_init(|| Apiserver::start(AUDIT_OPERATOR)).as_ref().unwrap_or_else(|error| panic!("{error}"))
}

impl Apiserver {
    /// One with the CRD and the operator's rights.
    fn start(audit: &str) -> Result<Self, String> {
        let server = Self::start_bare(audit, &["--service-cluster-ip-range=10.96.0.0/24"])?;
        // On a thread of its own: the caller may be inside a runtime.
        std::thread::scope(|scope| scope.spawn(|| server.prepare()).join()).unwrap();
        Ok(server)
    }

    fn start_bare(audit: &str, flags: &[&str]) -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("jethook-test-{}-{}", std::process::id(), uuid::Uuid::new_v4()));
        fs::create_dir_all(&folder).unwrap();
        let (port, client_port, peer_port) = (free_port(), free_port(), free_port());
        let keys = rcgen::KeyPair::generate().unwrap();
        fs::write(folder.join("service-account.key"), keys.serialize_pem()).unwrap();
        fs::write(folder.join("service-account.pub"), keys.public_key_pem()).unwrap();
        fs::write(folder.join("audit.yaml"), audit).unwrap();
        let tokens = USERS.map(|user| format!("{},{user},{user}{}", token(user), groups(user)));
        fs::write(folder.join("tokens.csv"), tokens.join("\n")).unwrap();

        let etcd_url = format!("http://127.0.0.1:{client_port}");
        let peer_url = format!("http://127.0.0.1:{peer_port}");
        let etcd = [
            tool("etcd").display().to_string(),
            "--data-dir=etcd".to_owned(),
            "--unsafe-no-fsync".to_owned(),
            "--log-level=warn".to_owned(),
            format!("--listen-client-urls={etcd_url}"),
            format!("--advertise-client-urls={etcd_url}"),
            format!("--listen-peer-urls={peer_url}"),
            format!("--initial-advertise-peer-urls={peer_url}"),
            format!("--initial-cluster=default={peer_url}"),
        ];
        let apiserver = [
            tool("kube-apiserver").display().to_string(),
            format!("--etcd-servers={etcd_url}"),
            "--bind-address=127.0.0.1".to_owned(),
            "--advertise-address=127.0.0.1".to_owned(),
            format!("--secure-port={port}"),
            "--cert-dir=certificates".to_owned(),
            "--endpoint-reconciler-type=none".to_owned(),
            format!("--service-account-issuer=https://127.0.0.1:{port}"),
            "--service-account-key-file=service-account.pub".to_owned(),
            "--service-account-signing-key-file=service-account.key".to_owned(),
            "--disable-admission-plugins=ServiceAccount".to_owned(),
            "--authorization-mode=RBAC".to_owned(),
            "--token-auth-file=tokens.csv".to_owned(),
            "--audit-policy-file=audit.yaml".to_owned(),
            "--audit-log-path=audit.log".to_owned(),
            flags.join(" "),
        ];
        // Each word on its input is one thing to do, and a line on its output says that it is done.
        let script = format!(
            "{} >etcd.log 2>&1 </dev/null & e=$!\n\
             start() {{ {} >>kube-apiserver.log 2>&1 </dev/null & a=$!; }}\n\
             start\n\
             while read -r word; do\n\
             case $word in stop) kill -9 $a; wait $a 2>/dev/null ;; start) start ;; esac\n\
             echo done\n\
             done\n\
             kill -9 $a $e; wait; rm -rf \"$PWD\"",
            etcd.join(" "),
            apiserver.join(" ")
        );
        let keeper = Command::new("sh")
            .args(["-c", &script])
            .current_dir(&folder)
            // A signal to the tests' process group must not end it before it has ended the others.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.join("keeper.log")).unwrap())
            .spawn()
            .unwrap();
        let server = Self { folder, port, keeper: Mutex::new(keeper) };
        for user in USERS {
            fs::write(server.kubeconfig(user), server.kubeconfig_text(user, port)).unwrap();
        }
        std::thread::scope(|scope| scope.spawn(|| server.serving()).join()).unwrap()?;
        Ok(server)
    }

    /// A kubeconfig file for a token.
    pub fn kubeconfig_of(&self, user: &str, token: &str) -> PathBuf {
        let path = self.kubeconfig(user);
        fs::write(&path, self.kubeconfig_text_of(user, token, self.port)).unwrap();
        path
    }

    /// Kills kube-apiserver; etcd stays.
    pub fn stop(&self) {
        self.order("stop");
    }

    /// Starts it again; it serves a few seconds later.
    pub fn start_again(&self) {
        self.order("start");
    }

    fn order(&self, word: &str) {
        let mut keeper = self.keeper.lock().unwrap();
        writeln!(keeper.stdin.as_mut().unwrap(), "{word}").unwrap();
        let mut done = [0; 5];
        keeper.stdout.as_mut().unwrap().read_exact(&mut done).unwrap();
        assert_eq!(&done, b"done\n");
    }

    /// A kubeconfig file of a user.
    pub fn kubeconfig(&self, user: &str) -> PathBuf {
        self.folder.join(format!("{user}.kubeconfig"))
    }

    /// A way to the apiserver that can be cut, and the kubeconfig that takes it.
    pub async fn proxy(&self, user: &str) -> (Proxy, PathBuf) {
        let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], self.port))).await;
        let port = proxy.address.port();
        let path = self.folder.join(format!("{user}-{port}.kubeconfig"));
        fs::write(&path, self.kubeconfig_text(user, port)).unwrap();
        (proxy, path)
    }

    fn kubeconfig_text(&self, user: &str, port: u16) -> String {
        self.kubeconfig_text_of(user, &token(user), port)
    }

    fn kubeconfig_text_of(&self, user: &str, token: &str, port: u16) -> String {
        // The apiserver signs its own certificate; the file holds the authority, too.
        let authority = self.folder.join("certificates/apiserver.crt");
        let authority = authority.display();
        format!(
            "apiVersion: v1\nkind: Config\n\
             clusters: [{{name: test, cluster: {{server: 'https://127.0.0.1:{port}', certificate-authority: '{authority}'}}}}]\n\
             users: [{{name: {user}, user: {{token: {token}}}}}]\n\
             contexts: [{{name: test, context: {{cluster: test, user: {user}}}}}]\n\
             current-context: test\n"
        )
    }

    /// Waits until it serves.
    fn serving(&self) -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let began = Instant::now();
            loop {
                let probe = async {
                    let client =
                        connect(&source(&self.kubeconfig("admin")), None).await.map_err(|error| error.to_string())?;
                    let request = http::Request::get("/readyz").body(Vec::new()).unwrap();
                    client.client.request_text(request).await.map_err(|error| error.to_string())
                };
                match probe.await {
                    Ok(_) => return Ok(()),
                    Err(last) if began.elapsed() > READY_MAX || self.logs().contains("command failed") => {
                        return Err(format!("no apiserver: {last}\n{}", self.logs()));
                    }
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        })
    }

    /// Installs the CRDs and gives the operator its rights.
    fn prepare(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = self.client("admin").await.client;
            install_crd(&client, jethook::api::crd()).await;
            install_crd(&client, jethook::api::provider_crd()).await;
            let rules = RIGHTS.iter().map(rule).collect();
            let role = ClusterRole { metadata: named("operator"), rules: Some(rules), ..ClusterRole::default() };
            Api::all(client.clone()).create(&PostParams::default(), &role).await.unwrap();
            let binding = ClusterRoleBinding {
                metadata: named("operator"),
                role_ref: role_ref("ClusterRole", "operator"),
                subjects: Some(vec![subject("operator")]),
            };
            Api::all(client).create(&PostParams::default(), &binding).await.unwrap();
        });
    }

    /// A client for the runtime of the caller.
    pub async fn client(&self, user: &str) -> Cluster {
        connect(&source(&self.kubeconfig(user)), None).await.unwrap()
    }

    /// A namespace of its own for a test, and the admin's client.
    pub async fn namespace(&self) -> (String, kube::Client) {
        let client = self.client("admin").await.client;
        let name = unique("test");
        let namespace = Namespace { metadata: named(&name), ..Namespace::default() };
        Api::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
        (name, client)
    }

    /// Lets a user do in one namespace what the operator does in those it serves.
    pub async fn grant(&self, user: &str, namespace: &str) {
        let client = self.client("admin").await.client;
        let rules = RIGHTS.iter().filter(|right| right.scope == RightScope::Served).map(rule).collect();
        let role = Role { metadata: named(user), rules: Some(rules) };
        Api::namespaced(client.clone(), namespace).create(&PostParams::default(), &role).await.unwrap();
        let binding = RoleBinding {
            metadata: named(user),
            role_ref: role_ref("Role", user),
            subjects: Some(vec![subject(user)]),
        };
        Api::namespaced(client, namespace).create(&PostParams::default(), &binding).await.unwrap();
    }

    /// The requests that were written down, one JSON object each.
    pub fn audit(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.folder.join("audit.log")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    fn logs(&self) -> String {
        let tail = |name: &str| {
            let text = fs::read_to_string(self.folder.join(name)).unwrap_or_default();
            let lines: Vec<_> = text.lines().collect();
            lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
        };
        format!("etcd:\n{}\nkube-apiserver:\n{}", tail("etcd.log"), tail("kube-apiserver.log"))
    }
}

async fn install_crd(client: &kube::Client, crd: CustomResourceDefinition) {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let name = crd.metadata.name.clone().unwrap();
    apply(&api, &name, &crd).await;
    let began = Instant::now();
    loop {
        let conditions = api.get(&name).await.unwrap().status.and_then(|status| status.conditions).unwrap_or_default();
        if conditions.iter().any(|condition| condition.type_ == "Established" && condition.status == "True") {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "the CRD is not established: {conditions:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A server-side apply, as `kubectl apply --server-side` does it.
pub async fn apply<K, P>(api: &Api<K>, name: &str, object: &P) -> K
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
    P: Serialize + std::fmt::Debug,
{
    let parameters = PatchParams::apply("kubectl").force();
    api.patch(name, &parameters, &Patch::Apply(object)).await.unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The flags of `jethook run` that name a cluster.
pub fn source(kubeconfig: &Path) -> SourceConfig {
    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        source: SourceConfig,
    }
    Arguments::parse_from(["jethook", "--kubeconfig", kubeconfig.to_str().unwrap()]).source
}

/// A program of the tools; `make test` says where they are.
pub fn tool(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        if let Some(folder) = std::env::var_os("JETHOOK_TEST_TOOLS") {
            return PathBuf::from(folder);
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/tools.sh");
        let output = |argument: &str| {
            let output = Command::new(&script).arg(argument).stderr(Stdio::inherit()).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        let missing = output("--plan");
        assert!(missing.is_empty(), "run `make tools` first; it builds {}", missing.replace('\n', ", "));
        PathBuf::from(output("--print"))
    });
    folder.join(name)
}

fn token(user: &str) -> String {
    format!("token-of-{user}")
}

fn groups(user: &str) -> &'static str {
    if user == "admin" { ",system:masters" } else { "" }
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() }
}

fn rule(right: &jethook::controller::kube::Right) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![right.group.to_owned()]),
        resources: Some(vec![right.resource.to_owned()]),
        verbs: right.verbs.iter().map(|&verb| verb.to_owned()).collect(),
        ..PolicyRule::default()
    }
}

fn role_ref(kind: &str, name: &str) -> RoleRef {
    RoleRef { api_group: "rbac.authorization.k8s.io".to_owned(), kind: kind.to_owned(), name: name.to_owned() }
}

fn subject(user: &str) -> Subject {
    let group = Some("rbac.authorization.k8s.io".to_owned());
    Subject { kind: "User".to_owned(), name: user.to_owned(), api_group: group, ..Subject::default() }
}

/// An endpoint with the label `shard=a`, as a manifest.
pub fn endpoint(name: &str, provider: &str) -> serde_json::Value {
    json!({
        "apiVersion": "jethook.dev/v1alpha1",
        "kind": "WebhookEndpoint",
        "metadata": {"name": name, "labels": {"shard": "a"}},
        "spec": {"provider": provider},
    })
}

/// Creates such an endpoint.
pub async fn create_endpoint(client: &kube::Client, namespace: &str, name: &str) -> WebhookEndpoint {
    apply(&Api::namespaced(client.clone(), namespace), name, &endpoint(name, "acme")).await
}
