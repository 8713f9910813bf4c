//! HMAC (RFC 2104) with keys prepared beforehand.

use std::fmt;

use ::hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;

use super::reader::Value;
use super::spec::MacHash;

/// A key, its first block already hashed.
#[derive(Clone)]
pub(super) enum HmacKey {
    Md5(Hmac<Md5>),
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    Sha512(Hmac<Sha512>),
}

impl HmacKey {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    pub(super) fn new(hash: MacHash, key: &[u8]) -> Self {
        const ANY: &str = "HMAC takes a key of any length";
        match hash {
            MacHash::Md5 => Self::Md5(Hmac::new_from_slice(key).expect(ANY)),
            MacHash::Sha1 => Self::Sha1(Hmac::new_from_slice(key).expect(ANY)),
            MacHash::Sha256 => Self::Sha256(Hmac::new_from_slice(key).expect(ANY)),
            MacHash::Sha384 => Self::Sha384(Hmac::new_from_slice(key).expect(ANY)),
            MacHash::Sha512 => Self::Sha512(Hmac::new_from_slice(key).expect(ANY)),
        }
    }

    /// The MAC of the pieces one behind the other.
    pub(super) fn mac(&self, pieces: &[Value<'_>]) -> Vec<u8> {
        fn run<M: Mac + Clone>(key: &M, pieces: &[Value<'_>]) -> Vec<u8> {
            let mut mac = key.clone();
            for piece in pieces {
                mac.update(piece);
            }
            mac.finalize().into_bytes().to_vec()
        }
        match self {
            Self::Md5(key) => run(key, pieces),
            Self::Sha1(key) => run(key, pieces),
            Self::Sha256(key) => run(key, pieces),
            Self::Sha384(key) => run(key, pieces),
            Self::Sha512(key) => run(key, pieces),
        }
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Whether one of the candidates is the MAC; how long it takes does not tell which bytes are right.
pub(super) fn is_among(mac: &[u8], candidates: &[Vec<u8>]) -> bool {
    candidates.iter().fold(false, |found, candidate| found | bool::from(mac.ct_eq(candidate)))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::scheme::Encoding;

    #[test]
    fn macs_are_those_of_rfc_2202_and_4231() {
        let rows = [
            (MacHash::Md5, "750c783e6ab0b503eaa86e310a5db738"),
            (MacHash::Sha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (MacHash::Sha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        ];
        for (hash, expected) in rows {
            let key = HmacKey::new(hash, b"Jefe");
            let mac = key.mac(&[Cow::Borrowed(b"what do ya want "), Cow::Borrowed(b"for nothing?")]);
            assert_eq!(Encoding::Hex.encode(&mac), expected, "{hash:?}");
        }
    }

    #[test]
    fn a_part_of_a_mac_is_not_the_mac() {
        let mac = HmacKey::new(MacHash::Sha256, b"key").mac(&[]);
        assert!(is_among(&mac, &[vec![], mac.clone()]));
        assert!(!is_among(&mac, &[vec![], mac[..31].to_vec(), [mac.as_slice(), b"x"].concat()]));
        assert!(!is_among(&mac, &[]));
    }
}
