//! Which authorities a client of ours trusts.

use std::path::Path;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio_rustls::rustls::RootCertStore;

/// Trusts the authorities of the system.
pub(crate) fn add_system(roots: &mut RootCertStore) {
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
}

/// Trusts those of a PEM file.
///
/// # Errors
/// What is wrong with the file, naming the flag.
pub(crate) fn add_file(roots: &mut RootCertStore, flag: &str, path: &Path) -> Result<(), String> {
    let wrong = |what: String| format!("{flag} {}: {what}", path.display());
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
    let mut count = 0;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
        count += 1;
    }
    if count == 0 { Err(wrong("it holds no certificate".to_owned())) } else { Ok(()) }
}
