//! Signatures that a sender makes with a private key and everyone can check: Ed25519, ECDSA with P-256, RSA.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    VerificationAlgorithm,
};
use rustls_pki_types::pem::{PemObject, SectionKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::der::{self, KeyInfo};

/// A signature algorithm with a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Algorithm {
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA with P-256 and SHA-256, the signature as DER.
    EcdsaP256Sha256,
    /// ECDSA with P-256 and SHA-256, the signature as 64 bytes: r, then s.
    EcdsaP256Sha256Fixed,
    /// RSA PKCS#1 v1.5 with SHA-1.
    RsaSha1,
    /// RSA PKCS#1 v1.5 with SHA-256.
    RsaSha256,
    /// RSA PKCS#1 v1.5 with SHA-384.
    RsaSha384,
    /// RSA PKCS#1 v1.5 with SHA-512.
    RsaSha512,
    /// RSA PSS with SHA-256 and a salt of 32 bytes.
    RsaPssSha256,
    /// RSA PSS with SHA-384 and a salt of 48 bytes.
    RsaPssSha384,
    /// RSA PSS with SHA-512 and a salt of 64 bytes.
    RsaPssSha512,
}

/// What a key is made of; a key of one kind never serves an algorithm of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    Ed25519,
    P256,
    Rsa,
}

impl Algorithm {
    pub(super) const ALL: [Self; 10] = [
        Self::Ed25519,
        Self::EcdsaP256Sha256,
        Self::EcdsaP256Sha256Fixed,
        Self::RsaSha1,
        Self::RsaSha256,
        Self::RsaSha384,
        Self::RsaSha512,
        Self::RsaPssSha256,
        Self::RsaPssSha384,
        Self::RsaPssSha512,
    ];

    /// Whether a key that is for `name` (RFC 7518, RFC 8037) serves it.
    pub(super) fn is_named(self, name: &str) -> bool {
        match name {
            "EdDSA" | "Ed25519" => self == Self::Ed25519,
            "ES256" => matches!(self, Self::EcdsaP256Sha256 | Self::EcdsaP256Sha256Fixed),
            "RS256" => self == Self::RsaSha256,
            "RS384" => self == Self::RsaSha384,
            "RS512" => self == Self::RsaSha512,
            "PS256" => self == Self::RsaPssSha256,
            "PS384" => self == Self::RsaPssSha384,
            "PS512" => self == Self::RsaPssSha512,
            _ => false,
        }
    }

    pub(super) fn kind(self) -> KeyKind {
        match self {
            Self::Ed25519 => KeyKind::Ed25519,
            Self::EcdsaP256Sha256 | Self::EcdsaP256Sha256Fixed => KeyKind::P256,
            Self::RsaSha1
            | Self::RsaSha256
            | Self::RsaSha384
            | Self::RsaSha512
            | Self::RsaPssSha256
            | Self::RsaPssSha384
            | Self::RsaPssSha512 => KeyKind::Rsa,
        }
    }

    fn verification(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::Ed25519 => &ED25519,
            Self::EcdsaP256Sha256 => &ECDSA_P256_SHA256_ASN1,
            Self::EcdsaP256Sha256Fixed => &ECDSA_P256_SHA256_FIXED,
            Self::RsaSha1 => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            Self::RsaSha256 => &RSA_PKCS1_2048_8192_SHA256,
            Self::RsaSha384 => &RSA_PKCS1_2048_8192_SHA384,
            Self::RsaSha512 => &RSA_PKCS1_2048_8192_SHA512,
            Self::RsaPssSha256 => &RSA_PSS_2048_8192_SHA256,
            Self::RsaPssSha384 => &RSA_PSS_2048_8192_SHA384,
            Self::RsaPssSha512 => &RSA_PSS_2048_8192_SHA512,
        }
    }
}

impl KeyKind {
    fn expected(self) -> &'static str {
        match self {
            Self::Ed25519 => "an Ed25519 public key (PEM, DER or its 32 bytes)",
            Self::P256 => "a P-256 public key (PEM or DER)",
            Self::Rsa => "an RSA public key of 2048 to 8192 bits (PEM or DER)",
        }
    }
}

/// A public key, ready for some algorithms.
#[derive(Clone, Debug)]
pub(crate) struct PublicKey {
    keys: Vec<(Algorithm, ParsedPublicKey)>,
}

impl PublicKey {
    /// Reads a key that is to serve any of `algorithms`: PEM (`PUBLIC KEY`, or a `CERTIFICATE`, the first of a chain, of which
    /// only the key counts), DER of a `SubjectPublicKeyInfo`, or the 32 bytes of an Ed25519 key.
    ///
    /// Keys that would let anyone sign are refused: Ed25519 points of small order or not in their one spelling, RSA below 2048
    /// bits or with an exponent that is even or 1.
    ///
    /// # Errors
    /// What form is expected; nothing of the key's value.
    pub(crate) fn parse(algorithms: &[Algorithm], bytes: &[u8]) -> Result<Self, String> {
        let has = |kind| algorithms.iter().any(|algorithm| algorithm.kind() == kind);
        let expected = || expected(algorithms);
        let der = if is_pem(bytes) { read_pem(bytes, &expected)? } else { bytes.to_vec() };
        let info = match der.len() {
            32 if has(KeyKind::Ed25519) && !is_pem(bytes) => KeyInfo::Ed25519(&der),
            _ => der::read_key_info(&der).ok_or_else(expected)?,
        };
        Self::of(algorithms, info)
    }

    /// The key in its parts, for these algorithms.
    ///
    /// # Errors
    /// What form is expected.
    pub(super) fn of(algorithms: &[Algorithm], info: KeyInfo<'_>) -> Result<Self, String> {
        let has = |kind| algorithms.iter().any(|algorithm| algorithm.kind() == kind);
        let (kind, key) = match info {
            KeyInfo::Ed25519(key) => (KeyKind::Ed25519, key),
            KeyInfo::P256(key) => (KeyKind::P256, key),
            KeyInfo::Rsa(key) => (KeyKind::Rsa, key),
        };
        if has(kind) {
            check(info)?;
        }
        let fitting = algorithms.iter().filter(|algorithm| algorithm.kind() == kind);
        let keys = fitting.map(|algorithm| Ok((*algorithm, ParsedPublicKey::new(algorithm.verification(), key)?)));
        match keys.collect::<Result<Vec<_>, aws_lc_rs::error::KeyRejected>>() {
            Ok(keys) if !keys.is_empty() => Ok(Self { keys }),
            Ok(_) | Err(_) => Err(expected(algorithms)),
        }
    }

    /// True when `signature` is that of `message` by this key with `algorithm`, which must be one that the key was read for.
    pub(crate) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let key = self.keys.iter().find(|(known, _)| *known == algorithm);
        key.is_some_and(|(_, key)| key.verify_sig(message, signature).is_ok())
    }
}

/// What form of key is expected for these algorithms.
fn expected(algorithms: &[Algorithm]) -> String {
    let has = |kind: &KeyKind| algorithms.iter().any(|algorithm| algorithm.kind() == *kind);
    let kinds = [KeyKind::Ed25519, KeyKind::P256, KeyKind::Rsa].into_iter().filter(has);
    format!("expected {}", kinds.map(KeyKind::expected).collect::<Vec<_>>().join(" or "))
}

pub(super) fn is_pem(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"-----BEGIN ")
}

/// The `SubjectPublicKeyInfo` in a PEM text.
fn read_pem(pem: &[u8], expected: &dyn Fn() -> String) -> Result<Vec<u8>, String> {
    let sections: Result<Vec<_>, _> = <(SectionKind, Vec<u8>)>::pem_slice_iter(pem).collect();
    match sections.map_err(|_| expected())?.as_slice() {
        [(SectionKind::PublicKey, der)] => Ok(der.clone()),
        [(SectionKind::Certificate, der), rest @ ..]
            if rest.iter().all(|(kind, _)| *kind == SectionKind::Certificate) =>
        {
            der::certificate_key_info(der).map(<[u8]>::to_vec).ok_or_else(expected)
        }
        [(SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey, _)] => {
            Err(format!("{}, this is a private key", expected()))
        }
        _ => Err(format!("{}, exactly one", expected())),
    }
}

/// Refuses what the library takes although it protects nothing.
fn check(info: KeyInfo<'_>) -> Result<(), String> {
    match info {
        KeyInfo::Ed25519(point) => check_ed25519(point),
        KeyInfo::P256(point) => match point {
            [4, ..] if point.len() == 65 => Ok(()),
            _ => Err("expected a P-256 public key with an uncompressed point".to_owned()),
        },
        KeyInfo::Rsa(key) => {
            let (modulus, exponent) = der::read_rsa_key(key).ok_or("expected an RSA public key")?;
            let leading_zeros = modulus.first().map_or(8, |first| first.leading_zeros());
            let bits = (8 * modulus.len()).saturating_sub(usize::try_from(leading_zeros).unwrap_or(8));
            if !(2048..=8192).contains(&bits) {
                return Err("expected an RSA key of 2048 to 8192 bits".to_owned());
            }
            let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
            if !is_odd(modulus) || !is_odd(exponent) || exponent == [1] {
                return Err("expected an RSA key with an odd modulus and an odd exponent above 1".to_owned());
            }
            Ok(())
        }
    }
}

/// The y coordinates of the points of small order, little-endian: 0, 1, −1 and two of order 8. For such a key there are
/// signatures that verify for any message.
const SMALL_ORDER: [[u8; 32]; 5] = {
    let mut one = [0; 32];
    one[0] = 1;
    let mut minus_one = [0xff; 32];
    minus_one[0] = 0xec;
    minus_one[31] = 0x7f;
    [
        [0; 32],
        one,
        minus_one,
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
            0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
            0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ],
    ]
};

fn check_ed25519(point: &[u8]) -> Result<(), String> {
    let Ok(mut y) = <[u8; 32]>::try_from(point) else {
        return Err("expected an Ed25519 public key of 32 bytes".to_owned());
    };
    // The topmost bit is the sign of x.
    y[31] &= 0x7f;
    // p = 2^255 - 19: a y from there on has another, shorter spelling.
    let is_canonical = y[0] < 0xed || y[31] != 0x7f || y[1..31].iter().any(|byte| *byte != 0xff);
    if !is_canonical || SMALL_ORDER.contains(&y) {
        return Err("expected an Ed25519 public key of full order in its canonical form".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};

    use super::*;
    use crate::scheme::private_key::PrivateKey;

    const ED25519_ONLY: [Algorithm; 1] = [Algorithm::Ed25519];
    const P256_BOTH: [Algorithm; 2] = [Algorithm::EcdsaP256Sha256, Algorithm::EcdsaP256Sha256Fixed];
    const RSA_ALL: [Algorithm; 7] = [
        Algorithm::RsaSha1,
        Algorithm::RsaSha256,
        Algorithm::RsaSha384,
        Algorithm::RsaSha512,
        Algorithm::RsaPssSha256,
        Algorithm::RsaPssSha384,
        Algorithm::RsaPssSha512,
    ];
    const RFC_8410_PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
                                -----END PUBLIC KEY-----\n";

    fn all() -> Vec<Algorithm> {
        [&ED25519_ONLY[..], &P256_BOTH, &RSA_ALL].concat()
    }

    fn private_keys() -> [PrivateKey; 3] {
        let rng = SystemRandom::new();
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let rsa: aws_lc_rs::encoding::Pkcs8V1Der<'_> = aws_lc_rs::encoding::AsDer::as_der(&rsa).unwrap();
        [
            PrivateKey::parse(&[7; 32]).unwrap(),
            PrivateKey::parse(EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &rng).unwrap().as_ref())
                .unwrap(),
            PrivateKey::parse(rsa.as_ref()).unwrap(),
        ]
    }

    /// A `SubjectPublicKeyInfo` of an RSA key.
    fn rsa_info(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
        fn element(tag: u8, content: &[u8]) -> Vec<u8> {
            let length = u16::try_from(content.len()).unwrap().to_be_bytes();
            let length = match content.len() {
                0..=0x7f => vec![length[1]],
                0x80..=0xff => vec![0x81, length[1]],
                _ => vec![0x82, length[0], length[1]],
            };
            [vec![tag], length, content.to_vec()].concat()
        }
        fn number(number: &[u8]) -> Vec<u8> {
            let sign: &[u8] = if number[0] >= 0x80 { &[0] } else { &[] };
            element(2, &[sign, number].concat())
        }
        let key = element(0x30, &[number(modulus), number(exponent)].concat());
        let algorithm = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0].to_vec();
        element(0x30, &[algorithm, element(3, &[&[0], &key[..]].concat())].concat())
    }

    #[test]
    fn what_a_private_key_signs_its_public_key_verifies() {
        for key in private_keys() {
            let public = PublicKey::parse(&all(), &key.public().unwrap()).unwrap();
            let mut signed = 0;
            for algorithm in all() {
                let Ok(signature) = key.sign(algorithm, b"message") else { continue };
                signed += 1;
                assert!(public.verify(algorithm, b"message", &signature), "{algorithm:?}");
                assert!(!public.verify(algorithm, b"messagf", &signature), "{algorithm:?}");
                assert!(!public.verify(algorithm, b"", &signature), "{algorithm:?}");
                for other in all().into_iter().filter(|other| *other != algorithm) {
                    assert!(!public.verify(other, b"message", &signature), "{algorithm:?} as {other:?}");
                }
                for at in 0..signature.len() {
                    let mut edited = signature.clone();
                    edited[at] ^= 0x10;
                    assert!(!public.verify(algorithm, b"message", &edited), "{algorithm:?} {at}");
                    assert!(!public.verify(algorithm, b"message", &signature[..at]), "{algorithm:?} {at}");
                }
                for longer in [[&[0], &signature[..]].concat(), [&signature[..], &[0]].concat()] {
                    assert!(!public.verify(algorithm, b"message", &longer), "{algorithm:?}");
                }
            }
            assert!(signed > 0);
        }
    }

    #[test]
    fn a_key_serves_only_the_algorithms_it_was_read_for() {
        let [ed25519, p256, rsa] = private_keys().map(|key| key.public().unwrap());
        for (key, own, others) in [
            (&ed25519, &ED25519_ONLY[..], [&P256_BOTH[..], &RSA_ALL]),
            (&p256, &P256_BOTH, [&ED25519_ONLY[..], &RSA_ALL]),
            (&rsa, &RSA_ALL, [&ED25519_ONLY[..], &P256_BOTH]),
        ] {
            assert!(PublicKey::parse(own, key).is_ok());
            for other in others {
                assert!(PublicKey::parse(other, key).unwrap_err().starts_with("expected "));
            }
            assert!(PublicKey::parse(&[], key).is_err());
        }
        let [_, _, key] = private_keys();
        let public = PublicKey::parse(&[Algorithm::RsaSha512], &key.public().unwrap()).unwrap();
        let signature = key.sign(Algorithm::RsaSha256, b"").unwrap();
        assert!(!public.verify(Algorithm::RsaSha256, b"", &signature));
    }

    #[test]
    fn keys_are_read_in_all_their_forms() {
        let spki =
            data_encoding::BASE64.decode(b"MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=").unwrap();
        let with_text = format!("Subject: x\n{RFC_8410_PEM}");
        for bytes in [RFC_8410_PEM.as_bytes(), format!("\n{RFC_8410_PEM}").as_bytes(), &spki, &spki[12..]] {
            assert!(PublicKey::parse(&ED25519_ONLY, bytes).is_ok());
        }
        let pem_twice = RFC_8410_PEM.repeat(2);
        let cut = RFC_8410_PEM.replace("-----END PUBLIC KEY-----", "");
        let broken = RFC_8410_PEM.replace('G', "!");
        let trailing = [&spki[..], &[0]].concat();
        for bytes in [
            &b""[..],
            b"MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=",
            &spki[11..],
            &spki[13..],
            &spki[..spki.len() - 1],
            &trailing,
            with_text.as_bytes(),
            pem_twice.as_bytes(),
            cut.as_bytes(),
            broken.as_bytes(),
        ] {
            assert!(PublicKey::parse(&ED25519_ONLY, bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_certificate_gives_its_key() {
        for (algorithm, used) in [
            (&rcgen::PKCS_ED25519, Algorithm::Ed25519),
            (&rcgen::PKCS_ECDSA_P256_SHA256, Algorithm::EcdsaP256Sha256),
            (&rcgen::PKCS_RSA_SHA256, Algorithm::RsaSha256),
        ] {
            let pair = rcgen::KeyPair::generate_for(algorithm).unwrap();
            let certificate = rcgen::CertificateParams::new(vec!["hooks.example.com".to_owned()])
                .unwrap()
                .self_signed(&pair)
                .unwrap();
            let key = PrivateKey::parse(pair.serialize_pem().as_bytes()).unwrap();
            let signature = key.sign(used, b"message").unwrap();
            let chain = format!("{}{}", certificate.pem(), certificate.pem());
            for pem in [certificate.pem(), chain, pair.public_key_pem()] {
                assert!(PublicKey::parse(&[used], pem.as_bytes()).unwrap().verify(used, b"message", &signature));
            }
            let mixed = format!("{}{}", certificate.pem(), pair.public_key_pem());
            assert!(PublicKey::parse(&[used], mixed.as_bytes()).is_err());
            let error = PublicKey::parse(&[used], pair.serialize_pem().as_bytes()).unwrap_err();
            assert!(error.contains("this is a private key"), "{error}");
        }
    }

    #[test]
    fn points_that_let_anyone_sign_are_refused() {
        let mut refused = 0;
        for y in SMALL_ORDER {
            for sign in [0, 0x80] {
                let mut point = y;
                point[31] |= sign;
                assert!(PublicKey::parse(&ED25519_ONLY, &point).is_err(), "{point:x?}");
                refused += 1;
            }
        }
        for low in 0xed..=0xff {
            for high in [0x7f, 0xff] {
                let mut point = [0xff; 32];
                point[0] = low;
                point[31] = high;
                assert!(PublicKey::parse(&ED25519_ONLY, &point).is_err(), "{point:x?}");
                refused += 1;
            }
        }
        assert_eq!(refused, 48);
        let genuine = Ed25519KeyPair::from_seed_unchecked(&[1; 32]).unwrap();
        assert!(PublicKey::parse(&ED25519_ONLY, aws_lc_rs::signature::KeyPair::public_key(&genuine).as_ref()).is_ok());
    }

    #[test]
    fn a_signature_of_ed25519_has_one_spelling() {
        const ORDER: [u8; 32] = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        let [key, ..] = private_keys();
        let public = PublicKey::parse(&ED25519_ONLY, &key.public().unwrap()).unwrap();
        let mut signature = key.sign(Algorithm::Ed25519, b"message").unwrap();
        let mut carry = 0;
        for (byte, order) in signature[32..].iter_mut().zip(ORDER) {
            let sum = u16::from(*byte) + u16::from(order) + carry;
            *byte = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        assert!(!public.verify(Algorithm::Ed25519, b"message", &signature));
    }

    #[test]
    fn a_signature_of_ecdsa_is_der_of_two_numbers_in_range() {
        let [_, key, _] = private_keys();
        let public = PublicKey::parse(&P256_BOTH, &key.public().unwrap()).unwrap();
        for signature in [
            &[][..],
            &[0x30, 6, 2, 1, 0, 2, 1, 0],
            &[0x30, 6, 2, 1, 0, 2, 1, 1],
            &[0x30, 6, 2, 1, 1, 2, 1, 0],
            &[0x30, 6, 2, 1, 1, 2, 1, 1],
            &[0x30, 0x80, 2, 1, 1, 2, 1, 1, 0, 0],
        ] {
            assert!(!public.verify(Algorithm::EcdsaP256Sha256, b"message", signature));
        }
        for fixed in [[0; 64], [0xff; 64]] {
            assert!(!public.verify(Algorithm::EcdsaP256Sha256Fixed, b"message", &fixed));
        }
        let signature = key.sign(Algorithm::EcdsaP256Sha256, b"message").unwrap();
        let (tag, rest) = signature.split_first().unwrap();
        let long_length = [&[*tag, 0x81][..], rest].concat();
        assert!(!public.verify(Algorithm::EcdsaP256Sha256, b"message", &long_length));
    }

    #[test]
    fn weak_rsa_keys_are_refused() {
        let modulus = |bytes: usize, first: u8, last: u8| {
            let mut modulus = vec![0x5a; bytes];
            modulus[0] = first;
            modulus[bytes - 1] = last;
            modulus
        };
        assert!(PublicKey::parse(&RSA_ALL, &rsa_info(&modulus(256, 0x80, 1), &[1, 0, 1])).is_ok());
        assert!(PublicKey::parse(&RSA_ALL, &rsa_info(&modulus(256, 0x80, 1), &[3])).is_ok());
        for (modulus, exponent) in [
            (modulus(128, 0x80, 1), &[1, 0, 1][..]),
            (modulus(256, 0x7f, 1), &[1, 0, 1]),
            (modulus(1025, 0x80, 1), &[1, 0, 1]),
            (modulus(256, 0x80, 2), &[1, 0, 1]),
            (modulus(256, 0x80, 1), &[1]),
            (modulus(256, 0x80, 1), &[2]),
            (modulus(256, 0x80, 1), &[1, 0, 0]),
            (modulus(256, 0x80, 1), &[1, 0, 0, 0, 0, 0, 0, 0, 1]),
        ] {
            assert!(
                PublicKey::parse(&RSA_ALL, &rsa_info(&modulus, exponent)).is_err(),
                "{} {exponent:?}",
                modulus.len()
            );
        }
    }

    #[test]
    fn a_point_off_the_curve_is_refused() {
        let [_, key, _] = private_keys();
        let mut info = key.public().unwrap();
        let last = info.len() - 1;
        info[last] ^= 1;
        assert!(PublicKey::parse(&P256_BOTH, &info).is_err());
    }

    #[test]
    fn no_bytes_make_reading_a_key_panic() {
        let [ed25519, p256, rsa] = private_keys().map(|key| key.public().unwrap());
        for key in [ed25519, p256, rsa] {
            for at in 0..key.len().min(60) {
                for byte in [0, 1, 0x7f, 0x80, 0x81, 0x82, 0xff] {
                    let mut edited = key.clone();
                    edited[at] = byte;
                    if let Ok(key) = PublicKey::parse(&all(), &edited) {
                        assert!(!key.verify(Algorithm::Ed25519, b"", &[0; 64]));
                    }
                }
                assert!(PublicKey::parse(&P256_BOTH, &key[..at]).is_err());
            }
        }
    }
}
