//! An OTLP collector of the tests' own: takes spans by HTTP, plain or over TLS, and shows them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use data_encoding::HEXLOWER;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use prost::Message as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::keys::read_head;
use super::runtime::{block_on, runtime};
use super::tls::Pair;

/// The collector; it runs as long as the tests do.
pub struct Collector {
    pub address: SocketAddr,
    scheme: &'static str,
    inside: Arc<Mutex<Inside>>,
}

#[derive(Debug)]
struct Inside {
    status: u16,
    posts: Vec<Post>,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Post {
    /// In lower case.
    pub head: String,
    pub body: Vec<u8>,
}

/// A span as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub name: String,
    pub kind: SpanKind,
    pub trace: String,
    pub id: String,
    /// Empty for a root.
    pub parent: String,
    pub state: String,
    pub attributes: BTreeMap<String, String>,
    /// Of the process that it comes from.
    pub resource: BTreeMap<String, String>,
    /// What it says is wrong, where it is an error.
    pub error: Option<String>,
    /// Nanoseconds since 1970.
    pub began: u64,
    pub ended: u64,
}

impl Collector {
    pub fn start() -> Self {
        Self::serve(None)
    }

    /// One with a certificate.
    pub fn start_tls(pair: &Pair) -> Self {
        let _ = runtime();
        let chain = vec![CertificateDer::from_pem_file(&pair.certificate).unwrap()];
        let key = PrivateKeyDer::from_pem_file(&pair.key).unwrap();
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
        Self::serve(Some(TlsAcceptor::from(Arc::new(config))))
    }

    fn serve(tls: Option<TlsAcceptor>) -> Self {
        let inside = Arc::new(Mutex::new(Inside { status: 200, posts: Vec::new() }));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let listener = block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::clone(&inside);
        runtime().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, shared) = (tls.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    match tls {
                        None => take(stream, &shared).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                take(stream, &shared).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, scheme, inside }
    }

    pub fn url(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.address.port())
    }

    /// Answers so from now on.
    pub fn answer(&self, status: u16) {
        self.inside.lock().unwrap().status = status;
    }

    pub fn posts(&self) -> Vec<Post> {
        self.inside.lock().unwrap().posts.clone()
    }

    /// All spans that came, of every post.
    pub fn spans(&self) -> Vec<Seen> {
        let posts = self.posts();
        let requests = posts.iter().map(|post| ExportTraceServiceRequest::decode(post.body.as_slice()).unwrap());
        let of_resource = requests.flat_map(|request| request.resource_spans);
        of_resource
            .flat_map(|group| {
                let resource = texts(&group.resource.unwrap_or_default().attributes);
                let spans = group.scope_spans.into_iter().flat_map(|scope| scope.spans);
                spans.map(|span| seen(span, &resource)).collect::<Vec<_>>()
            })
            .collect()
    }
}

async fn take(mut stream: impl AsyncRead + AsyncWrite + Unpin, inside: &Mutex<Inside>) {
    while let Some(head) = read_head(&mut stream).await {
        let head = head.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.unwrap().parse().unwrap()];
        stream.read_exact(&mut body).await.unwrap();
        let status = {
            let mut inside = inside.lock().unwrap();
            if inside.status == 200 {
                inside.posts.push(Post { head, body });
            }
            inside.status
        };
        let answer =
            format!("HTTP/1.1 {status} X\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn seen(span: Span, resource: &BTreeMap<String, String>) -> Seen {
    let status = span.status.clone().unwrap_or_default();
    Seen {
        kind: span.kind(),
        trace: HEXLOWER.encode(&span.trace_id),
        id: HEXLOWER.encode(&span.span_id),
        parent: HEXLOWER.encode(&span.parent_span_id),
        state: span.trace_state,
        attributes: texts(&span.attributes),
        resource: resource.clone(),
        error: (status.code() == StatusCode::Error).then_some(status.message),
        began: span.start_time_unix_nano,
        ended: span.end_time_unix_nano,
        name: span.name,
    }
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    attributes.iter().map(|one| (one.key.clone(), text(one.value.as_ref()))).collect()
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}
