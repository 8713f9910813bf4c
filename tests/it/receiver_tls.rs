//! What comes ahead of HTTP on the receiver's port: TLS, and the PROXY protocol.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::eventually::eventually;
use crate::support::http::Connection;
use crate::support::receiver::{Bench, config, delivery, serving_mut, token_in_header};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("jethook-it-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn put(&self, name: &str, content: &str) -> String {
        let path = self.0.join(name);
        // As a mounted Secret changes: a new file moved into place.
        fs::write(path.with_extension("new"), content).unwrap();
        fs::rename(path.with_extension("new"), &path).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Certificate and key as PEM.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }
}

/// Sends a delivery over TLS: the whole answer's text.
fn send(address: SocketAddr, trusted: &Authority, client: Option<&(String, String)>) -> Result<String, String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    let config = match client {
        Some((certificate, key)) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            )
            .unwrap(),
        None => builder.with_no_client_auth(),
    };
    let name = ServerName::try_from("localhost").unwrap();
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    let tcp = TcpStream::connect(address).unwrap();
    tcp.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut stream = StreamOwned::new(session, tcp);
    stream.write_all(&delivery("{}").header("Connection", "close").bytes()).map_err(|error| error.to_string())?;
    let mut text = String::new();
    stream.read_to_string(&mut text).map_err(|error| error.to_string())?;
    Ok(text)
}

#[test]
fn tls_serves_and_another_certificate_is_served_when_the_files_change() {
    let folder = Folder::new("tls");
    let (old, new) = (Authority::new(), Authority::new());
    let (certificate, key) = old.issue("localhost");
    let certificate = folder.put("cert.pem", &certificate);
    let key = folder.put("key.pem", &key);
    let bench = Bench::start(&["--tls-cert", &certificate, "--tls-key", &key]);
    assert!(send(bench.address, &old, None).unwrap().starts_with("HTTP/1.1 200 OK"));
    assert!(send(bench.address, &new, None).is_err());
    // A file that is none changes nothing.
    folder.put("cert.pem", "no certificate");
    let (certificate, key) = new.issue("localhost");
    folder.put("key.pem", &key);
    folder.put("cert.pem", &certificate);
    eventually(Duration::from_secs(20), "the new certificate", || send(bench.address, &new, None));
    assert!(send(bench.address, &old, None).is_err());
    // Who speaks no TLS gets no answer, and holds nobody up.
    let mut plain = Connection::open(bench.address).unwrap();
    plain.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert!(plain.read_answer().is_err());
    assert!(send(bench.address, &new, None).is_ok());
}

#[test]
fn with_a_client_ca_only_its_clients_get_in() {
    let folder = Folder::new("client-ca");
    let (authority, other) = (Authority::new(), Authority::new());
    let (certificate, key) = authority.issue("localhost");
    let (certificate, key) = (folder.put("cert.pem", &certificate), folder.put("key.pem", &key));
    let ca = folder.put("ca.pem", &authority.pem());
    let bench = Bench::start(&["--tls-cert", &certificate, "--tls-key", &key, "--tls-client-ca", &ca]);
    assert!(send(bench.address, &authority, Some(&authority.issue("client"))).is_ok());
    assert!(send(bench.address, &authority, Some(&other.issue("client"))).is_err());
    assert!(send(bench.address, &authority, None).is_err());
    assert_eq!(bench.store.events().len(), 1);
}

#[test]
fn a_handshake_that_stalls_is_closed() {
    let folder = Folder::new("stall");
    let (certificate, key) = Authority::new().issue("localhost");
    let (certificate, key) = (folder.put("cert.pem", &certificate), folder.put("key.pem", &key));
    let bench = Bench::start(&["--tls-cert", &certificate, "--tls-key", &key, "--header-timeout", "1s"]);
    let mut connection = Connection::open(bench.address).unwrap();
    connection.write(b"\x16\x03\x01").unwrap();
    let began = std::time::Instant::now();
    assert!(connection.is_closed());
    assert!(began.elapsed() < Duration::from_secs(4));
}

#[test]
fn bad_tls_files_at_start_are_told_by_flag_and_file() {
    let folder = Folder::new("bad");
    let (certificate, key) = Authority::new().issue("localhost");
    let (certificate, key) = (folder.put("cert.pem", &certificate), folder.put("key.pem", &key));
    let missing = folder.0.join("missing.pem").to_str().unwrap().to_owned();
    for (flags, named) in [
        (["--tls-cert", &missing, "--tls-key", &key], &missing),
        (["--tls-cert", &certificate, "--tls-key", &missing], &missing),
        (["--tls-cert", &key, "--tls-key", &key], &key),
    ] {
        let Err(error) = Bench::try_start(&config(&flags)) else { panic!("it started") };
        assert!(error.to_string().contains(named), "{error}");
    }
}

fn behind_proxy(header: &[u8], flags: &[&str]) -> std::io::Result<u16> {
    let bench = Bench::start(flags);
    let mut route = bench.route("hook", &token_in_header());
    serving_mut(&mut route).source_ranges = vec!["203.0.113.0/24".parse().unwrap()];
    bench.serve(vec![route]);
    let mut connection = Connection::open(bench.address)?;
    connection.write(header)?;
    connection.write(&delivery("{}").bytes())?;
    Ok(connection.read_answer()?.status)
}

#[test]
fn the_proxy_protocol_tells_the_client_address() {
    let trusted = ["--proxy-protocol", "--trusted-proxies", "127.0.0.0/8"];
    let text = |address: &str| format!("PROXY TCP4 {address} 10.0.0.1 4711 80\r\n").into_bytes();
    assert_eq!(behind_proxy(&text("203.0.113.9"), &trusted).unwrap(), 200);
    assert_eq!(behind_proxy(&text("198.51.100.9"), &trusted).unwrap(), 403);
    let binary =
        [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".as_slice(), &[203, 0, 113, 9, 10, 0, 0, 1, 9, 9, 0, 80]].concat();
    assert_eq!(behind_proxy(&binary, &trusted).unwrap(), 200);
    // Required from a trusted proxy.
    assert!(behind_proxy(b"", &trusted).is_err());
    // A fault from anyone else, and without the flag.
    let others = ["--proxy-protocol", "--trusted-proxies", "10.0.0.0/8"];
    assert_eq!(behind_proxy(&text("203.0.113.9"), &others).unwrap(), 400);
    assert_eq!(behind_proxy(&text("203.0.113.9"), &[]).unwrap(), 400);
    assert_eq!(behind_proxy(b"", &others).unwrap(), 403);
}

#[test]
fn the_proxy_protocol_comes_before_tls() {
    let folder = Folder::new("proxy-tls");
    let authority = Authority::new();
    let (certificate, key) = authority.issue("localhost");
    let (certificate, key) = (folder.put("cert.pem", &certificate), folder.put("key.pem", &key));
    let trusted = ["--proxy-protocol", "--trusted-proxies", "127.0.0.0/8"];
    let bench = Bench::start(&[&["--tls-cert", &certificate, "--tls-key", &key], &trusted[..]].concat());
    assert!(send(bench.address, &authority, None).is_err());
}

#[test]
fn http_2_serves_where_the_flag_says_so() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let get = |address: SocketAddr| {
        runtime.block_on(async move {
            let tcp = tokio::net::TcpStream::connect(address).await.unwrap();
            let io = hyper_util::rt::TokioIo::new(tcp);
            let executor = hyper_util::rt::TokioExecutor::new();
            let handshake =
                hyper::client::conn::http2::handshake::<_, _, http_body_util::Full<bytes::Bytes>>(executor, io);
            let (mut sender, connection) = handshake.await.map_err(|error| error.to_string())?;
            tokio::spawn(connection);
            let mut statuses = Vec::new();
            for (path, size) in [("/shop/hook", 300_000), ("/shop/unknown", 10), ("/shop/hook", 2_000_000)] {
                let request = http::Request::post(format!("http://localhost{path}"))
                    .header("x-token", "sesame")
                    .body(http_body_util::Full::from(vec![b'x'; size]))
                    .unwrap();
                let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
                statuses.push(answer.status().as_u16());
            }
            Ok::<_, String>(statuses)
        })
    };
    let mut bench = Bench::start(&["--http2"]);
    assert_eq!(get(bench.address).unwrap(), [200, 404, 413]);
    assert_eq!(bench.send(&delivery("{}")).status, 200);
    assert!(bench.shutdown() < Duration::from_secs(6));
    assert!(get(Bench::start(&[]).address).is_err());
}
