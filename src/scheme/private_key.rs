//! The other half of a public key, for signing as a sender would.

use std::fmt;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaKeyPair,
};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;

use super::public_key::{Algorithm, KeyKind, is_pem};

const EXPECTED: &str = "expected a private key of Ed25519, P-256 or RSA from 2048 bits on as PKCS#8, PEM (`BEGIN PRIVATE KEY`) or \
                        DER, or the 32 bytes of an Ed25519 seed";

/// A private key. `Debug` shows nothing of it.
pub(crate) enum PrivateKey {
    /// Ed25519.
    Ed25519(Ed25519KeyPair),
    /// P-256, once for signatures as DER and once for those of fixed length.
    P256 {
        /// Signs as DER.
        asn1: EcdsaKeyPair,
        /// Signs as 64 bytes.
        fixed: EcdsaKeyPair,
    },
    /// RSA.
    Rsa(RsaKeyPair),
}

impl PrivateKey {
    /// Reads an unencrypted PKCS#8 key, PEM or DER, or the 32 bytes of an Ed25519 seed.
    ///
    /// # Errors
    /// What form is expected; nothing of the key's value.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        if is_pem(bytes) {
            let key = PrivatePkcs8KeyDer::from_pem_slice(bytes).map_err(|_| EXPECTED)?;
            return Self::parse_pkcs8(key.secret_pkcs8_der());
        }
        if bytes.len() == 32 {
            return Ed25519KeyPair::from_seed_unchecked(bytes).map(Self::Ed25519).map_err(|_| EXPECTED.to_owned());
        }
        Self::parse_pkcs8(bytes)
    }

    fn parse_pkcs8(der: &[u8]) -> Result<Self, String> {
        if let Ok(key) = Ed25519KeyPair::from_pkcs8(der) {
            return Ok(Self::Ed25519(key));
        }
        let ecdsa = |algorithm| EcdsaKeyPair::from_pkcs8(algorithm, der);
        if let (Ok(asn1), Ok(fixed)) = (ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING), ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING))
        {
            return Ok(Self::P256 { asn1, fixed });
        }
        RsaKeyPair::from_pkcs8(der).map(Self::Rsa).map_err(|_| EXPECTED.to_owned())
    }

    /// Signs `message`.
    ///
    /// # Errors
    /// When the key is of another kind than `algorithm`, and for RSA with SHA-1, with which nobody should sign any more.
    pub(crate) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, String> {
        let signature = match (self, algorithm) {
            (Self::Ed25519(key), Algorithm::Ed25519) => {
                key.try_sign(message).map(|signature| signature.as_ref().to_vec())
            }
            (Self::P256 { asn1, .. }, Algorithm::EcdsaP256Sha256) => {
                asn1.sign(&SystemRandom::new(), message).map(|signature| signature.as_ref().to_vec())
            }
            (Self::P256 { fixed, .. }, Algorithm::EcdsaP256Sha256Fixed) => {
                fixed.sign(&SystemRandom::new(), message).map(|signature| signature.as_ref().to_vec())
            }
            (Self::Rsa(_), Algorithm::RsaSha1) => return Err("signing by RSA with SHA-1 is not supported".to_owned()),
            (Self::Rsa(key), algorithm) if algorithm.kind() == KeyKind::Rsa => sign_rsa(key, algorithm, message),
            (_, algorithm) => return Err(format!("this private key can't sign with {algorithm:?}")),
        };
        signature.map_err(|_| "the private key could not sign".to_owned())
    }

    /// The public key as DER of a `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// Only when the library fails.
    #[cfg(test)]
    pub(crate) fn public(&self) -> Result<Vec<u8>, String> {
        use aws_lc_rs::encoding::AsDer;
        use aws_lc_rs::signature::KeyPair;

        let der = match self {
            Self::Ed25519(key) => key.public_key().as_der(),
            Self::P256 { asn1, .. } => asn1.public_key().as_der(),
            Self::Rsa(key) => key.public_key().as_der(),
        };
        der.map(|der| der.as_ref().to_vec()).map_err(|_| "the public key could not be written".to_owned())
    }
}

fn sign_rsa(key: &RsaKeyPair, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
    let encoding = match algorithm {
        Algorithm::RsaSha256 => &RSA_PKCS1_SHA256,
        Algorithm::RsaSha384 => &RSA_PKCS1_SHA384,
        Algorithm::RsaSha512 => &RSA_PKCS1_SHA512,
        Algorithm::RsaPssSha256 => &RSA_PSS_SHA256,
        Algorithm::RsaPssSha384 => &RSA_PSS_SHA384,
        Algorithm::RsaPssSha512 => &RSA_PSS_SHA512,
        Algorithm::RsaSha1 | Algorithm::Ed25519 | Algorithm::EcdsaP256Sha256 | Algorithm::EcdsaP256Sha256Fixed => {
            return Err(Unspecified);
        }
    };
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(encoding, &SystemRandom::new(), message, &mut signature)?;
    Ok(signature)
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_does_not_print() {
        assert_eq!(format!("{:?}", PrivateKey::parse(&[7; 32]).unwrap()), "[redacted]");
    }

    #[test]
    fn only_whole_keys_are_read() {
        let public = PrivateKey::parse(&[7; 32]).unwrap().public().unwrap();
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n\
                   -----END PRIVATE KEY-----\n";
        assert!(PrivateKey::parse(pem.as_bytes()).is_ok());
        for bytes in
            [&b""[..], &[7; 31], &[7; 33], &public, pem.replace("MC4C", "MC4D").as_bytes(), &pem.as_bytes()[..60]]
        {
            assert_eq!(PrivateKey::parse(bytes).unwrap_err(), EXPECTED);
        }
    }

    #[test]
    fn a_key_does_not_sign_for_another_kind() {
        let key = PrivateKey::parse(&[7; 32]).unwrap();
        assert!(key.sign(Algorithm::Ed25519, b"").is_ok());
        assert!(key.sign(Algorithm::EcdsaP256Sha256, b"").is_err());
        assert!(key.sign(Algorithm::RsaSha256, b"").is_err());
    }
}
