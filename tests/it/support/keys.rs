//! A server of keys by HTTPS, a proxy in front of it, and senders that sign with keys of their own.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use data_encoding::BASE64URL_NOPAD;
use rcgen::{KeyPair, PKCS_ED25519};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::tls::Authority;

/// What the server answers, by the target of the request, and how often it was asked.
#[derive(Debug, Default)]
struct Pages {
    answers: HashMap<String, (u16, String)>,
    asked: HashMap<String, usize>,
}

/// The server; its thread lasts as long as the test.
pub struct KeyServer {
    pub address: SocketAddr,
    pub authority: Authority,
    pages: Arc<Mutex<Pages>>,
}

impl KeyServer {
    /// A server with a certificate for these names.
    pub fn start(names: &[&str]) -> Self {
        let authority = Authority::new(&std::env::temp_dir());
        let pair = authority.sign_for("keys", names);
        let chain = vec![CertificateDer::from_pem_file(&pair.certificate).unwrap()];
        let key = PrivateKeyDer::from_pem_file(&pair.key).unwrap();
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let pages = Arc::new(Mutex::new(Pages::default()));
        let shown = Arc::clone(&pages);
        let address = serve(move |stream| {
            let (acceptor, pages) = (acceptor.clone(), Arc::clone(&shown));
            async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let Some(head) = read_head(&mut stream).await else { return };
                let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
                let (status, body) = {
                    let mut pages = pages.lock().unwrap();
                    *pages.asked.entry(target.clone()).or_default() += 1;
                    pages.answers.get(&target).cloned().unwrap_or((404, String::new()))
                };
                let location = if status == 302 { "location: /keys\r\n" } else { "" };
                let length = body.len();
                let answer = format!("HTTP/1.1 {status} X\r\n{location}content-length: {length}\r\n\r\n{body}");
                drop(stream.write_all(answer.as_bytes()).await);
                drop(stream.shutdown().await);
            }
        });
        Self { address, authority, pages }
    }

    /// Answers a target so from now on.
    pub fn show(&self, target: &str, status: u16, body: impl ToString) {
        self.pages.lock().unwrap().answers.insert(target.to_owned(), (status, body.to_string()));
    }

    /// How often a target was asked for.
    pub fn asked(&self, target: &str) -> usize {
        self.pages.lock().unwrap().asked.get(target).copied().unwrap_or(0)
    }

    /// The URL of a target.
    pub fn url(&self, target: &str) -> String {
        format!("https://localhost:{}{target}", self.address.port())
    }

    pub fn ca_file(&self) -> &Path {
        Path::new(Box::leak(self.authority.path().into_boxed_str()))
    }

    /// A proxy that takes every connection here, whatever it asks for.
    pub fn proxy(&self) -> String {
        let to = self.address;
        let address = serve(move |mut stream| async move {
            let Some(head) = read_head(&mut stream).await else { return };
            if !head.starts_with("CONNECT ") {
                return;
            }
            let Ok(mut target) = TcpStream::connect(to).await else { return };
            drop(stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await);
            drop(copy_bidirectional(&mut stream, &mut target).await);
        });
        format!("http://{address}")
    }
}

/// Takes connections on a thread of its own.
fn serve<F, T>(handle: F) -> SocketAddr
where
    F: Fn(TcpStream) -> T + Send + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(handle(stream));
            }
        });
    });
    address
}

/// The head of a request; `None` where the peer has closed.
pub async fn read_head(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// A sender with a key of its own.
pub struct Signer {
    pair: KeyPair,
    id: Option<String>,
}

impl Signer {
    pub fn new(id: Option<&str>) -> Self {
        Self { pair: KeyPair::generate_for(&PKCS_ED25519).unwrap(), id: id.map(str::to_owned) }
    }

    /// Its public key, as a member of a set.
    pub fn jwk(&self) -> Value {
        let x = BASE64URL_NOPAD.encode(self.pair.public_key_raw());
        let mut jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "use": "sig"});
        if let Some(id) = &self.id {
            jwk["kid"] = id.as_str().into();
        }
        jwk
    }

    /// A token with these claims.
    pub fn token(&self, claims: &Value) -> String {
        let key = jsonwebtoken::EncodingKey::from_ed_pem(self.pair.serialize_pem().as_bytes()).unwrap();
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::EdDSA);
        header.kid.clone_from(&self.id);
        jsonwebtoken::encode(&header, claims, &key).unwrap()
    }
}

/// A set of keys.
pub fn set(signers: &[&Signer]) -> Value {
    json!({"keys": signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>()})
}
