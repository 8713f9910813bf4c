//! The way of spans to the collector: batches, posted by hyper. A collector that is away is told once.

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::cause::chain;
use crate::tls;

/// How long one post may take, and all tries of a batch together.
const POST_MAX: Duration = Duration::from_secs(10);
/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Encodes and posts batches; tells when that begins to fail, and when it works again.
pub(super) struct Exporter {
    otlp: opentelemetry_otlp::SpanExporter,
    url: String,
    fault: Arc<Fault>,
    is_away: AtomicBool,
}

impl fmt::Debug for Exporter {
    /// What is below holds the headers for the collector, and with them its credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Exporter {
    /// # Errors
    /// What is wrong with the configuration, naming the flag or the variable.
    pub(super) fn new(url: &str, ca_file: Option<&Path>, runtime: Handle) -> Result<Self, String> {
        let fault = Arc::<Fault>::default();
        let tls = ClientConfig::builder().with_root_certificates(roots(url, ca_file)?).with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let otlp = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(url)
            .with_timeout(POST_MAX)
            .with_http_client(Post { client, runtime, fault: Arc::clone(&fault) })
            .build()
            .map_err(|error| format!("traces can't be sent as the variables OTEL_EXPORTER_OTLP_… say: {error}"))?;
        Ok(Self { otlp, url: url.to_owned(), fault, is_away: AtomicBool::new(false) })
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let result = self.otlp.export(batch).await;
        match &result {
            Ok(()) if self.is_away.swap(false, Ordering::Relaxed) => {
                tracing::info!(url = self.url, "the collector takes traces again");
            }
            Err(error) if !self.is_away.swap(true, Ordering::Relaxed) => {
                let error = self.fault.take().unwrap_or_else(|| error.to_string());
                tracing::warn!(
                    url = self.url,
                    error,
                    "the collector does not take traces; they are dropped until it does, and deliveries go on"
                );
            }
            Ok(()) | Err(_) => {}
        }
        result
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.otlp.set_resource(resource);
    }
}

/// What stood in the way of the last post: the exporter's own word for all of it is «network error».
#[derive(Debug, Default)]
struct Fault(Mutex<Option<String>>);

impl Fault {
    fn set(&self, fault: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Posts in a runtime of its own: whoever exports has none.
#[derive(Debug)]
struct Post {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Handle,
    fault: Arc<Fault>,
}

type Posting<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Post {
    fn send_bytes<'a, 'b>(&'a self, request: Request<Bytes>) -> Posting<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        let client = self.client.clone();
        let exchange = async move {
            let response = client.request(request.map(Full::new)).await.map_err(|error| chain(&error))?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| error.to_string())?;
            Ok(Response::from_parts(parts, body.to_bytes()))
        };
        Box::pin(async move {
            let posted = self.runtime.spawn(async move { timeout(POST_MAX, exchange).await }).await;
            let result = match posted {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err("no answer in time".to_owned()),
                Err(_) => Err("the process ends".to_owned()),
            };
            self.fault.set(result.as_ref().err().cloned());
            result.map_err(HttpError::from)
        })
    }
}

fn roots(url: &str, ca_file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    if url.starts_with("https:") {
        tls::add_system(&mut roots);
    }
    if let Some(path) = ca_file {
        tls::add_file(&mut roots, "--otlp-ca-file", path)?;
    }
    Ok(roots)
}
