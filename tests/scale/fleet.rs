//! The endpoints with their Secrets, in namespaces as a cluster has them.

use std::time::{Duration, Instant};

use data_encoding::BASE64;
use futures_util::stream::{self, StreamExt as _};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ObjectMeta, PostParams};
use serde_json::{Value, json};

use crate::support::apiserver::Apiserver;
use crate::support::http::Request;
use crate::support::runtime::block_on;
use crate::support::sign;

/// Endpoints of one namespace.
const IN_NAMESPACE: usize = 500;
/// Objects that are made at a time.
const AT_A_TIME: usize = 32;
const TELL_EVERY: Duration = Duration::from_secs(10);
/// The namespace of what is applied later.
const LATER: &str = "later";

/// One endpoint; its Secret has the same name.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub namespace: String,
    pub name: String,
    pub provider: &'static str,
}

/// All of them, and the admin who makes them.
pub struct Fleet {
    client: kube::Client,
    endpoints: Vec<Endpoint>,
}

impl Endpoint {
    /// The number spreads the providers: most are GitHub's, one in five each Stripe's and of Standard Webhooks.
    fn new(namespace: String, number: usize) -> Self {
        let provider = match number % 5 {
            3 => "stripe",
            4 => "standard-webhooks",
            _ => "github",
        };
        Self { namespace, name: format!("endpoint-{number:05}"), provider }
    }

    /// One that is applied while the others serve.
    pub fn later(number: usize) -> Self {
        Self { namespace: LATER.to_owned(), name: format!("applied-{number:05}"), provider: "github" }
    }

    pub fn path(&self) -> String {
        format!("/{}/{}", self.namespace, self.name)
    }

    pub fn key(&self) -> String {
        let text = format!("key of {}/{}, long enough to be one", self.namespace, self.name);
        match self.provider {
            "github" => text,
            _ => format!("whsec_{}", BASE64.encode(text.as_bytes())),
        }
    }

    /// A signed delivery; of GitHub's endpoints alone.
    pub fn delivery(&self, id: &str) -> Request {
        sign::github(&self.path(), &self.key(), "push", id, r#"{"ref":"refs/heads/main"}"#)
    }

    pub fn url(&self) -> String {
        format!("{}/{}", self.list(), self.name)
    }

    fn list(&self) -> String {
        format!("/apis/jethook.dev/v1alpha1/namespaces/{}/webhookendpoints", self.namespace)
    }

    fn manifest(&self) -> Value {
        json!({
            "apiVersion": "jethook.dev/v1alpha1", "kind": "WebhookEndpoint", "metadata": {"name": self.name},
            "spec": {"provider": self.provider, "secretRefs": [{"name": self.name}]},
        })
    }

    fn secret(&self) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": self.name},
            "data": {"secret": BASE64.encode(self.key().as_bytes())},
        })
    }
}

impl Fleet {
    pub fn new(server: &Apiserver) -> Self {
        Self { client: block_on(server.client("admin")).client, endpoints: Vec::new() }
    }

    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Makes so many, many at a time.
    pub fn create(&mut self, count: usize) {
        let namespaces = (0..count.div_ceil(IN_NAMESPACE)).map(|number| format!("team-{number:02}"));
        for name in namespaces.chain([LATER.to_owned()]) {
            let metadata = ObjectMeta { name: Some(name), ..ObjectMeta::default() };
            let namespace = Namespace { metadata, ..Namespace::default() };
            let api = Api::all(self.client.clone());
            block_on(api.create(&PostParams::default(), &namespace)).unwrap();
        }
        self.endpoints =
            (0..count).map(|number| Endpoint::new(format!("team-{:02}", number / IN_NAMESPACE), number)).collect();
        let (mut told, mut made) = (Instant::now(), 0);
        block_on(async {
            let mut making = stream::iter(&self.endpoints)
                .map(async |endpoint| {
                    self.create_secret(endpoint).await;
                    self.create_endpoint(endpoint).await;
                })
                .buffer_unordered(AT_A_TIME);
            while making.next().await.is_some() {
                made += 1;
                if told.elapsed() >= TELL_EVERY {
                    told = Instant::now();
                    eprintln!("   {made} of {count} made");
                }
            }
        });
    }

    pub async fn create_secret(&self, endpoint: &Endpoint) {
        self.post(format!("/api/v1/namespaces/{}/secrets", endpoint.namespace), &endpoint.secret()).await;
    }

    pub async fn create_endpoint(&self, endpoint: &Endpoint) {
        self.post(endpoint.list(), &endpoint.manifest()).await;
    }

    /// Another spec, which concerns nothing but this endpoint.
    pub async fn change(&self, endpoint: &Endpoint, number: usize) {
        let patch = json!({"spec": {"limits": {"rate": {"requestsPerSecond": 100 + number % 100, "burst": 1000}}}});
        let request = http::Request::patch(endpoint.url()).header("Content-Type", "application/merge-patch+json");
        self.send(request.body(patch.to_string().into_bytes()).unwrap()).await;
    }

    /// Whether the status says Ready of this generation.
    pub async fn is_told(&self, endpoint: &Endpoint) -> bool {
        let object = self.send(http::Request::get(endpoint.url()).body(Vec::new()).unwrap()).await;
        let object: Value = serde_json::from_str(&object).unwrap();
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let generation = &object["metadata"]["generation"];
        conditions.iter().any(|condition| {
            condition["type"] == "Ready"
                && condition["status"] == "True"
                && condition["observedGeneration"] == *generation
        })
    }

    async fn post(&self, url: String, object: &Value) {
        let request = http::Request::post(url).header("Content-Type", "application/json");
        self.send(request.body(object.to_string().into_bytes()).unwrap()).await;
    }

    async fn send(&self, request: http::Request<Vec<u8>>) -> String {
        let url = request.uri().clone();
        self.client.request_text(request).await.unwrap_or_else(|error| panic!("{url}: {error}"))
    }
}
