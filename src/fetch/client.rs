//! One GET by HTTPS: public addresses only, no redirect, a bounded answer in a bounded time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::Settings;
use super::address::is_public;
use crate::route::KeyHosts;
use crate::tls;

const DOCUMENT_BYTES_MAX: usize = 256 * 1024;
/// The longest answer of a proxy to CONNECT.
const PROXY_HEAD_BYTES_MAX: usize = 8 * 1024;

/// Why a document was not got.
#[derive(Debug, thiserror::Error)]
pub(super) enum GetError {
    /// The URL is none that is fetched.
    #[error("it is no https URL")]
    Url,
    /// All its addresses are private ones.
    #[error("its host has no public address; --allow-key-host HOST=CIDR allows others")]
    Private,
    /// No connection.
    #[error("connecting")]
    Connect(#[source] std::io::Error),
    /// The proxy refuses.
    #[error("the proxy does not connect")]
    Proxy,
    /// The answer is no HTTP.
    #[error("reading the answer")]
    Exchange(#[source] hyper::Error),
    /// The answer is too large, or broke off.
    #[error("the answer is larger than 256 KiB or broke off")]
    Body,
    /// Another status than 200.
    #[error("the answer is {0}")]
    Status(StatusCode),
    /// Not in time.
    #[error("no answer in time")]
    TimedOut,
}

/// Gets documents.
pub(super) struct Client {
    tls: TlsConnector,
    proxy: Matcher,
    hosts: KeyHosts,
    timeout: Duration,
}

impl Client {
    /// # Errors
    /// What is wrong with the certificates, naming the flag.
    pub(super) fn new(settings: &Settings) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        tls::add_system(&mut roots);
        if let Some(path) = &settings.ca_file {
            tls::add_file(&mut roots, "--key-ca-file", path)?;
        }
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let proxy = Matcher::builder()
            .https(settings.https_proxy.clone().unwrap_or_default())
            .no(settings.no_proxy.clone().unwrap_or_default())
            .build();
        let tls = TlsConnector::from(Arc::new(config));
        Ok(Self { tls, proxy, hosts: settings.hosts.clone(), timeout: settings.limits.timeout })
    }

    /// The document at a URL.
    pub(super) async fn get(&self, url: &str) -> Result<Bytes, GetError> {
        timeout(self.timeout, self.exchange(url)).await.unwrap_or(Err(GetError::TimedOut))
    }

    async fn exchange(&self, url: &str) -> Result<Bytes, GetError> {
        let uri: Uri = url.parse().map_err(|_| GetError::Url)?;
        let (Some("https"), Some(host)) = (uri.scheme_str(), uri.host()) else { return Err(GetError::Url) };
        let port = uri.port_u16().unwrap_or(443);
        let stream = match self.proxy.intercept(&uri) {
            Some(proxy) => tunnel(&proxy, host, port).await?,
            None => self.connect(host, port).await?,
        };
        let name = ServerName::try_from(host.to_owned()).map_err(|_| GetError::Url)?;
        let stream = self.tls.connect(name, stream).await.map_err(GetError::Connect)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(GetError::Exchange)?;
        // Ends when the sender is dropped.
        drop(tokio::spawn(connection));
        let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let request = Request::get(path)
            .header("host", uri.authority().map_or(host, http::uri::Authority::as_str))
            .header("user-agent", concat!("jethook/", env!("CARGO_PKG_VERSION")))
            .header("accept", "*/*")
            .body(Empty::<Bytes>::new())
            .map_err(|_| GetError::Url)?;
        let response = sender.send_request(request).await.map_err(GetError::Exchange)?;
        if response.status() != StatusCode::OK {
            return Err(GetError::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), DOCUMENT_BYTES_MAX).collect().await;
        body.map(http_body_util::Collected::to_bytes).map_err(|_| GetError::Body)
    }

    /// Connects to an address that may be reached; the check is on the very address that is connected to.
    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, GetError> {
        let found: Vec<SocketAddr> = lookup_host((host, port)).await.map_err(GetError::Connect)?.collect();
        let may_be = |address: &&SocketAddr| is_public(address.ip()) || self.hosts.allows_address(host, address.ip());
        let addresses: Vec<SocketAddr> = found.iter().filter(may_be).copied().collect();
        if addresses.is_empty() {
            return Err(GetError::Private);
        }
        TcpStream::connect(addresses.as_slice()).await.map_err(GetError::Connect)
    }
}

/// A connection through a proxy, which resolves the name itself.
async fn tunnel(proxy: &Intercept, host: &str, port: u16) -> Result<TcpStream, GetError> {
    let uri = proxy.uri();
    let (Some("http"), Some(proxy_host)) = (uri.scheme_str(), uri.host()) else { return Err(GetError::Proxy) };
    let mut stream = TcpStream::connect((proxy_host, uri.port_u16().unwrap_or(80))).await.map_err(GetError::Connect)?;
    let credentials = proxy.basic_auth().and_then(|value| value.to_str().ok());
    let credentials = credentials.map(|value| format!("proxy-authorization: {value}\r\n")).unwrap_or_default();
    let head = format!("CONNECT {host}:{port} HTTP/1.1\r\nhost: {host}:{port}\r\n{credentials}\r\n");
    stream.write_all(head.as_bytes()).await.map_err(GetError::Connect)?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        // One byte at a time: what follows the head belongs to the tunnel.
        answer.push(stream.read_u8().await.map_err(GetError::Connect)?);
        if answer.len() > PROXY_HEAD_BYTES_MAX {
            return Err(GetError::Proxy);
        }
    }
    let is_open = answer.starts_with(b"HTTP/1.1 200") || answer.starts_with(b"HTTP/1.0 200");
    if is_open { Ok(stream) } else { Err(GetError::Proxy) }
}
