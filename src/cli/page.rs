//! Pages that commands read: of an admin port, straight or through the apiserver, and of the public URL.

use std::time::Duration;

use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use crate::cause::chain;

/// How long a page may take.
const PAGE_MAX: Duration = Duration::from_secs(8);
/// Longer ones are not read.
const PAGE_BYTES_MAX: usize = 64 << 20;

/// A page, whatever its status.
#[derive(Clone, Debug)]
pub(super) struct Page {
    /// HTTP status.
    pub(super) status: u16,
    /// The body as text.
    pub(super) body: String,
    /// What the other side's clock says, to the second.
    pub(super) date: Option<Timestamp>,
}

/// Gets a URL; a certificate must be one that the system trusts.
pub(super) async fn get(url: &str) -> Result<Page, String> {
    let connector = HttpsConnectorBuilder::new()
        .with_native_roots()
        .map_err(|error| format!("no trusted CAs: {error}"))?
        .https_or_http()
        .enable_http1()
        .build();
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let request = Request::get(url)
        .header("user-agent", concat!("jethook-doctor/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<bytes::Bytes>::new())
        .map_err(|error| format!("{url}: {error}"))?;
    let exchange = async {
        let response = client.request(request).await.map_err(|error| chain(&error))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, PAGE_BYTES_MAX).collect().await.map_err(|error| error.to_string())?;
        Ok(page(parts.status.as_u16(), &parts.headers, &body.to_bytes()))
    };
    in_time(exchange).await.map_err(|error| format!("{url}: {error}"))
}

/// Gets a path of the apiserver.
pub(super) async fn get_from(client: &kube::Client, path: &str) -> Result<Page, String> {
    let request = Request::get(path).body(kube::client::Body::empty()).map_err(|error| format!("{path}: {error}"))?;
    let exchange = async {
        let response = client.send(request).await.map_err(|error| chain(&error))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, PAGE_BYTES_MAX).collect().await.map_err(|error| error.to_string())?;
        Ok(page(parts.status.as_u16(), &parts.headers, &body.to_bytes()))
    };
    in_time(exchange).await
}

async fn in_time(exchange: impl Future<Output = Result<Page, String>>) -> Result<Page, String> {
    match tokio::time::timeout(PAGE_MAX, exchange).await {
        Ok(done) => done,
        Err(_) => Err(format!("no answer within {PAGE_MAX:?}")),
    }
}

fn page(status: u16, headers: &HeaderMap, body: &[u8]) -> Page {
    let date = headers.get(http::header::DATE).and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| DateTimeParser::new().parse_timestamp(date).ok());
    Page { status, body: String::from_utf8_lossy(body).into_owned(), date }
}

impl Page {
    /// The JSON of a page with status 200; else what the apiserver has against it.
    pub(super) fn json(&self) -> Result<serde_json::Value, String> {
        let value = serde_json::from_str::<serde_json::Value>(&self.body);
        match (self.status, value) {
            (200, Ok(value)) => Ok(value),
            (200, Err(_)) => Err("the answer is no JSON".to_owned()),
            (status, Ok(value)) => {
                let message = value.pointer("/message").and_then(serde_json::Value::as_str).unwrap_or("no message");
                Err(format!("{message} (code {status})"))
            }
            (status, Err(_)) => Err(format!("code {status}")),
        }
    }
}
