//! What one test has to itself: a namespace or a folder of manifests, a stream with its prefix, and its operators.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::apiserver::{Apiserver, apiserver, unique};
use super::eventually::{SOON, eventually};
use super::http::Request;
use super::kubectl::{Said, kubectl};
use super::nats::{Stored, nats};
use super::operator::{Operator, with_defaults};
use super::reaper;
use super::runtime::block_on;
use super::sign;

/// The key of the endpoints that a stage makes by itself.
pub const KEY: &str = "It's a Secret to Everybody";

/// The body of the pushes that a stage signs.
pub const PUSH: &str = r#"{"ref":"refs/heads/main"}"#;

/// A test's own corner of the shared servers. Names do not collide, so tests run side by side.
pub struct Stage {
    pub namespace: String,
    pub stream: String,
    pub prefix: String,
    pub folder: PathBuf,
    source: Source,
    nats_url: String,
}

enum Source {
    Cluster {
        server: &'static Apiserver,
        client: kube::Client,
    },
    /// A folder of manifests, and the admin port that tells their statuses.
    Files {
        folder: PathBuf,
        admin: Mutex<Option<SocketAddr>>,
    },
}

/// A condition as a status has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub status: String,
    pub reason: String,
    pub message: String,
}

impl Stage {
    /// A namespace in the shared cluster, a stream in the shared nats-server.
    pub fn new() -> Self {
        Self::in_cluster(apiserver(), &nats().url())
    }

    pub fn in_cluster(server: &'static Apiserver, nats_url: &str) -> Self {
        let (namespace, client) = block_on(server.namespace());
        Self::of(namespace, Source::Cluster { server, client }, nats_url)
    }

    /// A folder of manifests, for what has nothing to do with Kubernetes.
    pub fn of_files() -> Self {
        Self::of_files_with(&nats().url())
    }

    pub fn of_files_with(nats_url: &str) -> Self {
        let folder = reaper::folder("manifests");
        Self::of(unique("test"), Source::Files { folder, admin: Mutex::default() }, nats_url)
    }

    fn of(namespace: String, source: Source, nats_url: &str) -> Self {
        let stream = namespace.to_uppercase();
        let prefix = format!("events-{namespace}");
        let folder = reaper::folder(&namespace);
        Self { namespace, stream, prefix, folder, source, nats_url: nats_url.to_owned() }
    }

    /// Starts an operator for this stage alone and waits until it is ready. Flags given here replace the stage's.
    #[track_caller]
    pub fn operator(&self, flags: &[&str]) -> Operator {
        self.start(flags).ready()
    }

    /// Starts one and does not wait.
    #[track_caller]
    pub fn start(&self, flags: &[&str]) -> Operator {
        self.start_with(flags, |_| {})
    }

    /// The same with a last word on the command.
    #[track_caller]
    pub fn start_with(&self, flags: &[&str], adjust: impl FnOnce(&mut Command)) -> Operator {
        let arguments = self.arguments(flags);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let operator = Operator::start_with(&self.folder, &arguments, adjust);
        if let Source::Files { admin, .. } = &self.source {
            *admin.lock().unwrap() = Some(operator.admin);
        }
        operator
    }

    /// The flags of `jethook run` for this stage.
    pub fn arguments(&self, flags: &[&str]) -> Vec<String> {
        let mut defaults =
            vec![("--nats-url", self.nats_url.as_str()), ("--stream", &self.stream), ("--prefix", &self.prefix)];
        let place = match &self.source {
            Source::Cluster { server, .. } => server.kubeconfig("operator"),
            Source::Files { folder, .. } => folder.clone(),
        };
        let place = place.to_str().unwrap();
        match &self.source {
            Source::Cluster { .. } => defaults.extend([
                ("--kubeconfig", place),
                ("--watch-namespaces", self.namespace.as_str()),
                ("--lease-name", &self.namespace),
                ("--lease-namespace", &self.namespace),
            ]),
            Source::Files { .. } => defaults.push(("--manifests", place)),
        }
        with_defaults(flags, &defaults)
    }

    /// Creates or replaces a resource.
    #[track_caller]
    pub fn put(&self, mut resource: Value) {
        let (kind, name) = (resource["kind"].as_str().unwrap().to_owned(), name_of(&resource));
        if kind != "ClusterWebhookProvider" {
            resource["metadata"]["namespace"] = json!(self.namespace);
        }
        match &self.source {
            Source::Files { folder, .. } => {
                // Whole or not at all, as an admin's tools would put it there.
                let path = folder.join(format!("{}-{name}.yaml", kind.to_lowercase()));
                fs::write(path.with_extension("new"), resource.to_string()).unwrap();
                fs::rename(path.with_extension("new"), path).unwrap();
            }
            Source::Cluster { client, .. } => {
                let url = format!("{}?fieldManager=test&force=true", self.url(&kind, &name));
                let request = http::Request::patch(url).header("Content-Type", "application/apply-patch+yaml");
                let request = request.body(resource.to_string().into_bytes()).unwrap();
                block_on(client.request::<Value>(request)).unwrap_or_else(|error| panic!("{error}: {resource}"));
            }
        }
    }

    #[track_caller]
    pub fn delete(&self, kind: &str, name: &str) {
        match &self.source {
            Source::Files { folder, .. } => {
                fs::remove_file(folder.join(format!("{}-{name}.yaml", kind.to_lowercase()))).unwrap();
            }
            Source::Cluster { client, .. } => {
                let request = http::Request::delete(self.url(kind, name)).body(Vec::new()).unwrap();
                block_on(client.request::<Value>(request)).unwrap();
            }
        }
    }

    /// A Secret with these keys.
    #[track_caller]
    pub fn secret(&self, name: &str, keys: &[(&str, &str)]) {
        let data: serde_json::Map<_, _> =
            keys.iter().map(|(key, value)| ((*key).to_owned(), json!(BASE64.encode(value.as_bytes())))).collect();
        self.put(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}));
    }

    /// An endpoint with this spec.
    #[track_caller]
    pub fn endpoint(&self, name: &str, spec: Value) {
        self.put(endpoint(name, spec));
    }

    /// A GitHub endpoint with [`KEY`] and more fields of the spec.
    #[track_caller]
    pub fn github(&self, name: &str, more: Value) {
        self.secret(name, &[("secret", KEY)]);
        let mut spec = json!({"provider": "github", "secretRefs": [{"name": name}]});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.endpoint(name, spec);
    }

    /// A push signed with [`KEY`], to the default path of an endpoint.
    pub fn push(&self, name: &str, id: &str) -> Request {
        sign::github(&self.path(name), KEY, "push", id, PUSH)
    }

    /// The path that an endpoint has by default.
    pub fn path(&self, name: &str) -> String {
        format!("/{}/{name}", self.namespace)
    }

    /// The endpoint as the source has it, its status included.
    pub fn get(&self, name: &str) -> Option<Value> {
        match &self.source {
            Source::Cluster { client, .. } => {
                let request = http::Request::get(self.url("WebhookEndpoint", name)).body(Vec::new()).unwrap();
                block_on(client.request::<Value>(request)).ok()
            }
            Source::Files { admin, .. } => {
                let admin = admin.lock().unwrap().expect("an operator runs");
                let all = Request::get("/endpoints").send(admin).ok()?.json();
                all.as_array()?.iter().find(|one| name_of(one) == name).cloned()
            }
        }
    }

    #[track_caller]
    pub fn status(&self, name: &str) -> Value {
        self.get(name).unwrap()["status"].clone()
    }

    /// A condition of the current generation.
    pub fn condition(&self, name: &str, of: &str) -> Option<Condition> {
        let object = self.get(name)?;
        let found = object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == of)?;
        let generation = &object["metadata"]["generation"];
        let is_current = generation.is_null() || found["observedGeneration"] == *generation;
        let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
        is_current.then(|| Condition { status: text("status"), reason: text("reason"), message: text("message") })
    }

    /// Waits for a condition to be so, and gives its message.
    #[track_caller]
    pub fn expect(&self, name: &str, of: &str, status: &str, reason: &str) -> String {
        let (message, _) =
            eventually(SOON, &format!("{name}: {of}={status}, {reason}"), || match self.condition(name, of) {
                Some(found) if found.status == status && found.reason == reason => Ok(found.message),
                other => Err(format!("{other:?} in {:?}", self.get(name).map(|object| object["status"].clone()))),
            });
        message
    }

    /// Waits until an endpoint serves.
    #[track_caller]
    pub fn ready(&self, name: &str) {
        self.expect(name, "Ready", "True", "Ready");
    }

    /// All that the stage's stream holds.
    #[track_caller]
    pub fn stored(&self) -> Vec<Stored> {
        nats().stored(&self.stream)
    }

    /// The only message of the stage's stream.
    #[track_caller]
    pub fn one_stored(&self) -> Stored {
        nats().one_stored(&self.stream)
    }

    /// How many messages the stage's stream holds.
    pub fn count(&self) -> u64 {
        nats().stream(&self.stream).map_or(0, |info| info.state.messages)
    }

    /// Runs kubectl in the stage's namespace.
    #[track_caller]
    pub fn kubectl(&self, arguments: &[&str], input: &str) -> Said {
        let Source::Cluster { server, .. } = &self.source else { panic!("no cluster") };
        let arguments: Vec<_> = ["--namespace", &self.namespace].into_iter().chain(arguments.iter().copied()).collect();
        kubectl(server, &arguments, input)
    }

    #[track_caller]
    pub fn server(&self) -> &'static Apiserver {
        let Source::Cluster { server, .. } = &self.source else { panic!("no cluster") };
        server
    }

    /// The folder of manifests.
    #[track_caller]
    pub fn manifests(&self) -> &PathBuf {
        let Source::Files { folder, .. } = &self.source else { panic!("a cluster") };
        folder
    }

    /// Sends any request to the apiserver as admin.
    pub fn api(&self, request: http::Request<Vec<u8>>) -> Result<Value, kube::Error> {
        let Source::Cluster { client, .. } = &self.source else { panic!("no cluster") };
        block_on(client.request(request))
    }

    /// The Kubernetes Events about an endpoint: type, reason, note.
    pub fn events(&self, name: &str) -> Vec<(String, String, String)> {
        let url = format!("/apis/events.k8s.io/v1/namespaces/{}/events", self.namespace);
        let list = self.api(http::Request::get(url).body(Vec::new()).unwrap()).unwrap();
        let about = list["items"].as_array().unwrap().iter().filter(|event| event["regarding"]["name"] == name);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        about.map(|event| (text(&event["type"]), text(&event["reason"]), text(&event["note"]))).collect()
    }

    /// All that users are told of the stage's endpoints: statuses, and in a cluster the Events.
    #[allow(dead_code, reason = "for the attack suite")]
    pub fn told(&self) -> String {
        match &self.source {
            Source::Files { admin, .. } => {
                let admin = admin.lock().unwrap().expect("an operator runs");
                Request::get("/endpoints").send(admin).unwrap().text()
            }
            Source::Cluster { .. } => {
                let lists = [
                    "apis/jethook.dev/v1alpha1/namespaces/NS/webhookendpoints",
                    "apis/events.k8s.io/v1/namespaces/NS/events",
                ];
                let get = |list: &str| {
                    let url = format!("/{}", list.replace("NS", &self.namespace));
                    self.api(http::Request::get(url).body(Vec::new()).unwrap()).unwrap().to_string()
                };
                lists.map(get).join("\n")
            }
        }
    }

    /// Waits for an Event with this reason about an endpoint, and gives its note.
    #[track_caller]
    pub fn event(&self, name: &str, reason: &str) -> String {
        let (note, _) = eventually(SOON, &format!("an Event {reason} about {name}"), || {
            let events = self.events(name);
            let found = events.iter().find(|(_, found, _)| found == reason);
            found.map(|(_, _, note)| note.clone()).ok_or_else(|| format!("{events:?}"))
        });
        note
    }

    fn url(&self, kind: &str, name: &str) -> String {
        let (group, plural) = match kind {
            "ClusterWebhookProvider" => return format!("/apis/jethook.dev/v1alpha1/clusterwebhookproviders/{name}"),
            "WebhookEndpoint" => ("apis/jethook.dev/v1alpha1", "webhookendpoints"),
            "Secret" => ("api/v1", "secrets"),
            "Lease" => ("apis/coordination.k8s.io/v1", "leases"),
            other => panic!("{other}"),
        };
        format!("/{group}/namespaces/{}/{plural}/{name}", self.namespace)
    }
}

/// A `WebhookEndpoint` without a namespace.
pub fn endpoint(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "jethook.dev/v1alpha1", "kind": "WebhookEndpoint", "metadata": {"name": name}, "spec": spec})
}

fn name_of(resource: &Value) -> String {
    let name = resource["metadata"]["name"].as_str().or_else(|| resource["name"].as_str());
    name.unwrap_or_default().to_owned()
}
