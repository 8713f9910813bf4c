//! What the operator shows to NATS: read from its files at each connect, checked once at start-up.

use std::fs;
use std::path::{Path, PathBuf};

use async_nats::{Auth, ServerAddr};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, RootCertStore};

use crate::config::NatsConfig;
use crate::secret::Secret;

/// A flag, or a file that it names, can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{flag} {}: {reason}", path.display())]
pub struct ConfigError {
    /// The flag.
    pub flag: &'static str,
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

pub(super) fn fault(flag: &'static str, path: &Path, reason: &impl ToString) -> ConfigError {
    ConfigError { flag, path: path.to_owned(), reason: reason.to_string() }
}

/// Checks the files that the configuration names, so that a typo is told at once and not as an outage.
///
/// # Errors
/// The first flag whose file can't be used.
pub fn check(config: &NatsConfig) -> Result<(), ConfigError> {
    if let Some(path) = &config.nats_creds {
        Credentials::read(path).map_err(|reason| fault("--nats-creds", path, &reason))?;
    }
    if let Some(path) = &config.nats_nkey {
        read_nkey(path).map_err(|reason| fault("--nats-nkey", path, &reason))?;
    }
    if let Some(path) = &config.nats_ca {
        let mut roots = RootCertStore::empty();
        for certificate in certificates("--nats-ca", path)? {
            roots.add(certificate).map_err(|error| fault("--nats-ca", path, &error))?;
        }
    }
    if let (Some(path), Some(key_path)) = (&config.nats_cert, &config.nats_key) {
        let chain = certificates("--nats-cert", path)?;
        let key = PrivateKeyDer::from_pem_file(key_path).map_err(|error| fault("--nats-key", key_path, &error))?;
        // Tells a key of another certificate, too.
        match CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()) {
            Ok(_) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
            Err(error) => return Err(fault("--nats-key", key_path, &error)),
        }
    }
    Ok(())
}

fn certificates(flag: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if certificates.is_empty() => Err(fault(flag, path, &"holds no certificate in PEM form")),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(fault(flag, path, &error)),
    }
}

/// What to show at a connect. Runs each time and reads the files again: rotated credentials need no restart.
///
/// # Errors
/// Which flag's file can't be used.
pub(super) fn authenticate(config: &NatsConfig, nonce: &[u8]) -> Result<Auth, String> {
    let mut auth = Auth::new();
    if let Some(path) = &config.nats_creds {
        let credentials = Credentials::read(path).map_err(|reason| fault("--nats-creds", path, &reason).to_string())?;
        auth.signature = Some(credentials.key.sign(nonce).map_err(|error| error.to_string())?);
        auth.jwt = Some(credentials.jwt);
    } else if let Some(path) = &config.nats_nkey {
        let key = read_nkey(path).map_err(|reason| fault("--nats-nkey", path, &reason).to_string())?;
        auth.signature = Some(key.sign(nonce).map_err(|error| error.to_string())?);
        auth.nkey = Some(key.public_key());
    } else if let Some(user) = &config.nats_user {
        auth.username = Some(user.clone());
        auth.password = config.nats_password.as_ref().map(text);
    } else if let Some(token) = &config.nats_token {
        auth.token = Some(text(token));
    } else {
        from_url(&config.nats_url, &mut auth);
    }
    Ok(auth)
}

/// `nats://user:password@host`, or `nats://token@host`, as every NATS client takes them; the first URL that has some.
fn from_url(servers: &[ServerAddr], auth: &mut Auth) {
    let Some((server, user)) = servers.iter().find_map(|server| Some((server, server.username()?))) else { return };
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    match server.password() {
        Some(password) => {
            auth.username = Some(decoded(user));
            auth.password = Some(decoded(password));
        }
        None => auth.token = Some(decoded(user)),
    }
}

fn text(secret: &Secret) -> String {
    String::from_utf8_lossy(secret.expose()).into_owned()
}

/// What a credentials file holds: a user's JWT and the seed that signs for it.
struct Credentials {
    jwt: String,
    key: nkeys::KeyPair,
}

impl Credentials {
    fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        let jwt = block(&text, "NATS USER JWT").ok_or("holds no NATS USER JWT")?;
        let seed = block(&text, "USER NKEY SEED").ok_or("holds no USER NKEY SEED")?;
        let key = nkeys::KeyPair::from_seed(seed).map_err(|_| "its seed is not one")?;
        Ok(Self { jwt: jwt.to_owned(), key })
    }
}

fn read_nkey(path: &Path) -> Result<nkeys::KeyPair, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    // Comments are as nsc and nk write them.
    let seed = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    nkeys::KeyPair::from_seed(seed.unwrap_or_default()).map_err(|_| "holds no nkey seed (SU…)".to_owned())
}

/// The text between the marks of a credentials file.
fn block<'a>(text: &'a str, title: &str) -> Option<&'a str> {
    let mut lines = text.lines().map(str::trim).skip_while(|line| !(line.contains("BEGIN ") && line.contains(title)));
    lines.next()?;
    lines.find(|line| !line.is_empty()).filter(|line| !line.starts_with("---"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        nats: NatsConfig,
    }

    fn config(flags: &[&str]) -> NatsConfig {
        Flags::parse_from([&["test"], flags].concat()).nats
    }

    /// A folder of its own, deleted when dropped.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("jethook-{}", uuid::Uuid::new_v4()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn file(&self, name: &str, text: &str) -> String {
            let path = self.0.join(name);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn creds(jwt: &str, seed: &str) -> String {
        format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n*** IMPORTANT ***\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        )
    }

    #[test]
    fn credentials_sign_the_nonce_and_are_read_each_time() {
        let folder = Folder::new();
        let user = nkeys::KeyPair::new_user();
        let path = folder.file("user.creds", &creds("a.b.c", &user.seed().unwrap()));
        let config = config(&["--nats-creds", &path]);
        assert_eq!(check(&config), Ok(()));
        let auth = authenticate(&config, b"nonce").unwrap();
        assert_eq!(auth.jwt.as_deref(), Some("a.b.c"));
        user.verify(b"nonce", &auth.signature.unwrap()).unwrap();
        let next = nkeys::KeyPair::new_user();
        folder.file("user.creds", &creds("d.e.f", &next.seed().unwrap()));
        let auth = authenticate(&config, b"nonce").unwrap();
        assert_eq!(auth.jwt.as_deref(), Some("d.e.f"));
        next.verify(b"nonce", &auth.signature.unwrap()).unwrap();
    }

    #[test]
    fn an_nkey_tells_its_public_key() {
        let folder = Folder::new();
        let user = nkeys::KeyPair::new_user();
        let path = folder.file("user.nk", &format!("# of the operator\n{}\n", user.seed().unwrap()));
        let config = config(&["--nats-nkey", &path]);
        assert_eq!(check(&config), Ok(()));
        let auth = authenticate(&config, b"nonce").unwrap();
        assert_eq!(auth.nkey, Some(user.public_key()));
        user.verify(b"nonce", &auth.signature.unwrap()).unwrap();
    }

    #[test]
    fn a_url_may_hold_credentials_where_no_flag_does() {
        let with = |flags: &[&str]| authenticate(&config(flags), b"").unwrap();
        let auth = with(&["--nats-url", "nats://a,nats://us%40er:p%20w@b"]);
        assert_eq!((auth.username.as_deref(), auth.password.as_deref()), (Some("us@er"), Some("p w")));
        assert_eq!(with(&["--nats-url", "nats://t0ken@a"]).token.as_deref(), Some("t0ken"));
        let auth = with(&["--nats-url", "nats://user:pw@a", "--nats-token", "t"]);
        assert_eq!((auth.username, auth.token.as_deref()), (None, Some("t")));
        let auth = with(&["--nats-url", "nats://a"]);
        assert!(auth.username.is_none() && auth.token.is_none());
    }

    #[test]
    fn a_file_that_can_not_be_used_names_its_flag() {
        let folder = Folder::new();
        let seed = nkeys::KeyPair::new_user().seed().unwrap();
        let missing = folder.0.join("missing");
        let missing = missing.to_str().unwrap();
        let text = folder.file("text", "hello");
        let no_seed = folder.file("half", "-----BEGIN NATS USER JWT-----\na.b.c\n------END NATS USER JWT------\n");
        let bad_seed = folder.file("bad", &creds("a.b.c", &seed[1..]));
        let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let cert = folder.file("cert", &pair.cert.pem());
        let key = folder.file("key", &pair.signing_key.serialize_pem());
        let other_key = folder.file("other", &other.signing_key.serialize_pem());
        let check_flags = |flags: &[&str]| check(&config(flags));
        assert_eq!(check_flags(&["--nats-ca", &cert, "--nats-cert", &cert, "--nats-key", &key]), Ok(()));
        for (flag, flags) in [
            ("--nats-creds", vec!["--nats-creds", missing]),
            ("--nats-creds", vec!["--nats-creds", &text]),
            ("--nats-creds", vec!["--nats-creds", &no_seed]),
            ("--nats-creds", vec!["--nats-creds", &bad_seed]),
            ("--nats-nkey", vec!["--nats-nkey", missing]),
            ("--nats-nkey", vec!["--nats-nkey", &text]),
            ("--nats-ca", vec!["--nats-ca", missing]),
            ("--nats-ca", vec!["--nats-ca", &text]),
            ("--nats-ca", vec!["--nats-ca", &key]),
            ("--nats-cert", vec!["--nats-cert", &text, "--nats-key", &key]),
            ("--nats-key", vec!["--nats-cert", &cert, "--nats-key", &cert]),
            ("--nats-key", vec!["--nats-cert", &cert, "--nats-key", &other_key]),
        ] {
            let error = check_flags(&flags).unwrap_err();
            assert_eq!(error.flag, flag, "{flags:?}: {error}");
            assert!(!error.to_string().contains(&seed[1..]), "{error}");
        }
    }
}
