//! Certificates made for a test, and a TLS client.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::runtime::block_on;

/// An authority with its PEM file.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

/// The PEM files of a certificate and its key.
#[derive(Clone, Debug)]
pub struct Pair {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Pair {
    pub fn certificate_path(&self) -> &str {
        self.certificate.to_str().unwrap()
    }

    pub fn key_path(&self) -> &str {
        self.key.to_str().unwrap()
    }
}

impl Authority {
    pub fn new(folder: &Path) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
        let folder = folder.join(format!("ca-{}", uuid::Uuid::new_v4()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("ca.crt"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    /// The PEM file of the authority itself.
    pub fn path(&self) -> String {
        self.folder.join("ca.crt").display().to_string()
    }

    /// Signs a certificate for `localhost` and 127.0.0.1 that serves servers and clients alike.
    pub fn sign(&self, name: &str) -> Pair {
        self.sign_for(name, &["localhost", "127.0.0.1"])
    }

    /// Signs a certificate for these hosts.
    pub fn sign_for(&self, name: &str, hosts: &[&str]) -> Pair {
        let key = KeyPair::generate().unwrap();
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut parameters = CertificateParams::new(hosts).unwrap();
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        let pair =
            Pair { certificate: self.folder.join(format!("{name}.crt")), key: self.folder.join(format!("{name}.key")) };
        fs::write(&pair.certificate, certificate.pem()).unwrap();
        fs::write(&pair.key, key.serialize_pem()).unwrap();
        pair
    }
}

/// Connects to a TLS listener; `protocols` are offered by ALPN.
pub async fn connect(
    to: SocketAddr,
    authority: &Authority,
    client: Option<&Pair>,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.path()).unwrap()).unwrap();
    let builder = ClientConfig::builder().with_root_certificates(roots);
    let mut config = match client {
        None => builder.with_no_client_auth(),
        Some(pair) => {
            let chain = vec![CertificateDer::from_pem_file(&pair.certificate).unwrap()];
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(&pair.key).unwrap()).unwrap()
        }
    };
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(to).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

/// Sends bytes over TLS and reads until the other side closes.
pub fn exchange(to: SocketAddr, authority: &Authority, client: Option<&Pair>, bytes: &[u8]) -> std::io::Result<String> {
    block_on(async {
        let mut stream = connect(to, authority, client, &[]).await?;
        stream.write_all(bytes).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    })
}

/// The certificate that a listener shows.
pub fn shown(to: SocketAddr, authority: &Authority) -> std::io::Result<Vec<u8>> {
    block_on(async {
        let stream = connect(to, authority, None, &[]).await?;
        Ok(stream.get_ref().1.peer_certificates().unwrap()[0].to_vec())
    })
}
