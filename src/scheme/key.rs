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

#[cfg(test)]
mod tests {
    use super::*;

    const HMAC: Signature = Signature::Hmac(hmac::HMAC_SHA256);
    const ED25519: Signature = Signature::Public(Algorithm::Ed25519);

    #[test]
    fn an_hmac_is_right_in_full_only() {
        // RFC 4231, test case 2.
        let key = VerifyingKey::Secret(Secret::from("Jefe"));
        let message = b"what do ya want for nothing?";
        let tag = SigningKey::Secret(Secret::from("Jefe")).sign(HMAC, message).unwrap();
        assert_eq!(
            data_encoding::HEXLOWER.encode(&tag),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert!(key.verify(HMAC, message, &tag));
        assert!(!VerifyingKey::Secret(Secret::from("jefe")).verify(HMAC, message, &tag));
        assert!(!key.verify(Signature::Hmac(hmac::HMAC_SHA512), message, &tag));
        for length in 0..tag.len() {
            assert!(!key.verify(HMAC, message, &tag[..length]));
        }
        assert!(!key.verify(HMAC, message, &[&tag[..], &[0]].concat()));
    }

    #[test]
    fn neither_sort_of_key_serves_the_other() {
        let private = PrivateKey::parse(&[7; 32]).unwrap();
        let der = private.public().unwrap();
        let public = VerifyingKey::Public(PublicKey::parse(&[Algorithm::Ed25519], &der).unwrap());
        let secret = SigningKey::Secret(Secret::from(der.clone()));
        assert!(!public.verify(HMAC, b"", &secret.sign(HMAC, b"").unwrap()));
        assert!(secret.sign(ED25519, b"").is_err());
        let private = SigningKey::Private(private);
        let signature = private.sign(ED25519, b"").unwrap();
        assert!(public.verify(ED25519, b"", &signature));
        assert!(!VerifyingKey::Secret(Secret::from(der)).verify(ED25519, b"", &signature));
        assert!(private.sign(HMAC, b"").is_err());
    }

    #[test]
    fn keys_do_not_print() {
        let keys = format!(
            "{:?} {:?}",
            VerifyingKey::Secret(Secret::from("hunter2")),
            SigningKey::Secret(Secret::from("hunter2"))
        );
        assert!(!keys.contains("hunter2"), "{keys}");
    }
}
