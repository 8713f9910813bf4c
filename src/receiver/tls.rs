//! TLS of the listener: certificates that are read again when their files change.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use sha2::{Digest, Sha256};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};
use zeroize::Zeroizing;

use crate::config::ReceiverConfig;

/// How often the files are looked at. They are read and compared, not watched: a mounted Secret changes by a symlink
/// several folders up.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Why the TLS files can't be used; names the flag and the file.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("{flag} {path}: can't be read")]
    Read {
        /// The flag that names it.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{flag} {path}: expected PEM with {expected}")]
    Content {
        /// The flag that names it.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// Certificate and key are not a pair, or TLS does not take them.
    #[error("--tls-cert {certificate} with --tls-key {key}: not a certificate and its private key")]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What TLS says.
        source: rustls::Error,
    },
}

#[derive(Clone, Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
    protocols: Vec<Vec<u8>>,
}

/// The contents of the files.
struct Material {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
    client_ca: Option<Vec<u8>>,
}

/// The listener's TLS, always of the last good files.
#[derive(Debug)]
pub(super) struct Tls {
    files: Files,
    current: ArcSwap<ServerConfig>,
    first_digest: [u8; 32],
}

impl Tls {
    /// Reads the files that the flags name; `None` without them.
    pub(super) fn load(config: &ReceiverConfig) -> Result<Option<Arc<Self>>, TlsError> {
        let (Some(certificate), Some(key)) = (&config.tls_cert, &config.tls_key) else { return Ok(None) };
        let mut protocols = vec![b"http/1.1".to_vec()];
        if config.http2 {
            protocols.insert(0, b"h2".to_vec());
        }
        let files = Files {
            certificate: certificate.clone(),
            key: key.clone(),
            client_ca: config.tls_client_ca.clone(),
            protocols,
        };
        let material = files.read()?;
        let current = ArcSwap::from(files.server_config(&material)?);
        Ok(Some(Arc::new(Self { files, current, first_digest: material.digest() })))
    }

    /// For one more connection.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load_full())
    }

    /// Looks at the files again and again, for ever.
    pub(super) async fn watch(self: Arc<Self>) {
        // `None` after files that could not be read, so that their return is told.
        let mut known = Some(self.first_digest);
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let files = self.files.clone();
            let looked = tokio::task::spawn_blocking(move || match files.read() {
                Ok(material) if Some(material.digest()) == known => None,
                Ok(material) => Some((Some(material.digest()), files.server_config(&material))),
                Err(error) if known.is_none() => {
                    drop(error);
                    None
                }
                Err(error) => Some((None, Err(error))),
            })
            .await;
            let Ok(Some((digest, result))) = looked else { continue };
            known = digest;
            match result {
                Ok(config) => {
                    self.current.store(config);
                    tracing::info!(file = %self.files.certificate.display(), "serving another TLS certificate");
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "TLS files changed but can't be used: serving the ones before");
                }
            }
        }
    }
}

impl Material {
    fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        for part in [&self.certificate, &*self.key, self.client_ca.as_deref().unwrap_or_default()] {
            let part: &[u8] = part;
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }
}

impl Files {
    fn read(&self) -> Result<Material, TlsError> {
        Ok(Material {
            certificate: read("--tls-cert", &self.certificate)?,
            key: Zeroizing::new(read("--tls-key", &self.key)?),
            client_ca: self.client_ca.as_deref().map(|path| read("--tls-client-ca", path)).transpose()?,
        })
    }

    fn server_config(&self, material: &Material) -> Result<Arc<ServerConfig>, TlsError> {
        let certificates = certificates("--tls-cert", &self.certificate, &material.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&material.key).map_err(|_| TlsError::Content {
            flag: "--tls-key",
            path: self.key.clone(),
            expected: "a private key",
        })?;
        let pair = |source| TlsError::Pair { certificate: self.certificate.clone(), key: self.key.clone(), source };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(pair)?;
        let builder = match (&self.client_ca, &material.client_ca) {
            (Some(path), Some(pem)) => {
                let content = || TlsError::Content {
                    flag: "--tls-client-ca",
                    path: path.clone(),
                    expected: "certificates of CAs",
                };
                let mut roots = RootCertStore::empty();
                for certificate in self::certificates("--tls-client-ca", path, pem)? {
                    roots.add(certificate).map_err(|_| content())?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().map_err(|_| content())?)
            }
            _ => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(certificates, key).map_err(pair)?;
        config.alpn_protocols.clone_from(&self.protocols);
        Ok(Arc::new(config))
    }
}

fn read(flag: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read { flag, path: path.to_owned(), source })
}

fn certificates(flag: &'static str, path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(TlsError::Content { flag, path: path.to_owned(), expected: "certificates" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("jethook-tls-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn put(&self, name: &str, content: &str) -> PathBuf {
            let path = self.0.join(name);
            fs::write(&path, content).unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn files(certificate: PathBuf, key: PathBuf, client_ca: Option<PathBuf>) -> Files {
        Files { certificate, key, client_ca, protocols: Vec::new() }
    }

    fn load(files: &Files) -> Result<Arc<ServerConfig>, TlsError> {
        files.server_config(&files.read()?)
    }

    #[test]
    fn a_pair_loads_and_everything_else_is_told_by_flag_and_file() {
        let folder = Folder::new("load");
        let ((certificate, key), (other, _)) = (pair(), pair());
        let certificate = folder.put("cert.pem", &certificate);
        let key = folder.put("key.pem", &key);
        let other = folder.put("other.pem", &other);
        let empty = folder.put("empty.pem", "");
        load(&files(certificate.clone(), key.clone(), None)).unwrap();
        load(&files(certificate.clone(), key.clone(), Some(other.clone()))).unwrap();
        let check = |files: &Files, flag: &str, path: &Path| {
            let message = load(files).unwrap_err().to_string();
            assert!(message.contains(flag) && message.contains(path.to_str().unwrap()), "{message}");
        };
        let missing = folder.0.join("missing.pem");
        check(&files(missing.clone(), key.clone(), None), "--tls-cert", &missing);
        check(&files(empty.clone(), key.clone(), None), "--tls-cert", &empty);
        check(&files(certificate.clone(), missing.clone(), None), "--tls-key", &missing);
        check(&files(certificate.clone(), certificate.clone(), None), "--tls-key", &certificate);
        check(&files(other.clone(), key.clone(), None), "--tls-cert", &other);
        check(&files(certificate.clone(), key.clone(), Some(empty.clone())), "--tls-client-ca", &empty);
    }

    #[tokio::test(start_paused = true)]
    async fn changed_files_are_served_and_bad_ones_are_not() {
        let folder = Folder::new("watch");
        let (certificate, key) = pair();
        let files = files(folder.put("cert.pem", &certificate), folder.put("key.pem", &key), None);
        let material = files.read().unwrap();
        let config = files.server_config(&material).unwrap();
        let tls = Arc::new(Tls { first_digest: material.digest(), current: ArcSwap::from(Arc::clone(&config)), files });
        let watching = tokio::spawn(Arc::clone(&tls).watch());
        let looked = async || {
            for _ in 0..3 {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        looked().await;
        assert!(Arc::ptr_eq(&config, &tls.current.load()));
        // The certificate alone no longer fits the key.
        let (certificate, key) = pair();
        folder.put("cert.pem", &certificate);
        looked().await;
        assert!(Arc::ptr_eq(&config, &tls.current.load()));
        folder.put("key.pem", &key);
        looked().await;
        assert!(!Arc::ptr_eq(&config, &tls.current.load()));
        assert!(!watching.is_finished());
    }
}
