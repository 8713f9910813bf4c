//! Keys of the families that take both shared secrets and public keys: JWT and HTTP message signatures.

use aws_lc_rs::hmac;

use super::private_key::PrivateKey;
use super::public_key::{Algorithm, PublicKey};
use crate::secret::Secret;

/// A key that checks signatures.
#[derive(Clone, Debug)]
pub(crate) enum VerifyingKey {
    /// A secret shared with the sender.
    Secret(Secret),
    /// The sender's public key.
    Public(PublicKey),
}

/// A key that makes signatures.
#[derive(Debug)]
pub(crate) enum SigningKey {
    /// A secret shared with the sender.
    Secret(Secret),
    /// The sender's private key.
    Private(PrivateKey),
}

/// A signature algorithm of either sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signature {
    /// HMAC with the named hash.
    Hmac(hmac::Algorithm),
    /// One with a public key.
    Public(Algorithm),
}

impl VerifyingKey {
    /// True when `signature` is that of `message`. A public key never serves as a shared secret, nor the other way round. The
    /// time does not tell how much of an HMAC is right.
    pub(super) fn verify(&self, algorithm: Signature, message: &[u8], signature: &[u8]) -> bool {
        match (self, algorithm) {
            (Self::Secret(secret), Signature::Hmac(hash)) => {
                hmac::verify(&hmac::Key::new(hash, secret.expose()), message, signature).is_ok()
            }
            (Self::Public(key), Signature::Public(algorithm)) => key.verify(algorithm, message, signature),
            (Self::Secret(_), Signature::Public(_)) | (Self::Public(_), Signature::Hmac(_)) => false,
        }
    }
}

impl SigningKey {
    pub(super) fn sign(&self, algorithm: Signature, message: &[u8]) -> Result<Vec<u8>, String> {
        match (self, algorithm) {
            (Self::Secret(secret), Signature::Hmac(hash)) => {
                Ok(hmac::sign(&hmac::Key::new(hash, secret.expose()), message).as_ref().to_vec())
            }
            (Self::Private(key), Signature::Public(algorithm)) => key.sign(algorithm, message),
            (Self::Secret(_), Signature::Public(_)) => Err("this algorithm signs with a private key".to_owned()),
            (Self::Private(_), Signature::Hmac(_)) => Err("this algorithm signs with a shared secret".to_owned()),
        }
    }
}
