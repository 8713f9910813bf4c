//! Chains of certificates that a token brings along (RFC 7515, section 4.1.6), held against pinned roots.

use std::time::Duration;

use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, UnixTime};
use sha2::{Digest, Sha256};
use webpki::{EndEntityCert, KeyUsage};

use super::der;
use super::key::VerifyingKey;
use super::public_key::{Algorithm, PublicKey};
use super::spec::X5c;

/// The most certificates of a chain, its root included.
const CHAIN_MAX: usize = 5;

/// What a chain must be.
#[derive(Clone, Debug)]
pub(super) struct ChainPlan {
    roots: Vec<Vec<u8>>,
    leaf: Vec<Vec<u8>>,
    intermediate: Vec<Vec<u8>>,
}

impl ChainPlan {
    /// Reads the description of a chain.
    ///
    /// # Errors
    /// The field and what is wrong with it.
    pub(super) fn new(spec: &X5c) -> Result<Self, (&'static str, String)> {
        let digest = |text: &String| {
            let digest = super::Encoding::Hex.decode(text.to_ascii_lowercase().as_bytes());
            digest
                .filter(|digest| digest.len() == 32)
                .ok_or_else(|| ("roots", format!("`{text}` is no SHA-256 digest in hex")))
        };
        let oid = |field: &'static str, text: &String| {
            der::object_identifier(text).ok_or_else(|| (field, format!("`{text}` is no object identifier")))
        };
        let roots: Vec<_> = spec.roots.iter().map(digest).collect::<Result<_, _>>()?;
        if roots.is_empty() {
            return Err(("roots", "name at least one root".to_owned()));
        }
        Ok(Self {
            roots,
            leaf: spec.leaf_oids.iter().map(|text| oid("leafOids", text)).collect::<Result<_, _>>()?,
            intermediate: spec
                .intermediate_oids
                .iter()
                .map(|text| oid("intermediateOids", text))
                .collect::<Result<_, _>>()?,
        })
    }

    /// The key of the first certificate, where the chain leads from it to a pinned root and is valid now.
    pub(super) fn key(&self, chain: &[Vec<u8>], now: Timestamp) -> Option<VerifyingKey> {
        let ([leaf, rest @ ..], [.., root]) = (chain, chain) else { return None };
        let digest = Sha256::digest(root);
        if chain.len() < 2 || chain.len() > CHAIN_MAX || !self.roots.iter().any(|pinned| pinned[..] == digest[..]) {
            return None;
        }
        let has =
            |certificate: &[u8], wanted: &[Vec<u8>]| wanted.iter().all(|oid| der::has_extension(certificate, oid));
        let intermediate = rest.first().filter(|_| chain.len() > 2);
        let has_intermediate = self.intermediate.is_empty()
            || intermediate.is_some_and(|certificate| has(certificate, &self.intermediate));
        if !has(leaf, &self.leaf) || !has_intermediate {
            return None;
        }
        let certificates: Vec<CertificateDer<'_>> =
            chain.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
        let anchor = webpki::anchor_from_trusted_cert(certificates.last()?).ok()?;
        let seconds = u64::try_from(now.as_second()).ok()?;
        EndEntityCert::try_from(certificates.first()?)
            .ok()?
            .verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                &[anchor],
                certificates.get(1..certificates.len() - 1)?,
                UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
                KeyUsage::client_auth(),
                None,
                None,
            )
            .ok()?;
        let info = der::certificate_key_info(leaf)?;
        PublicKey::parse(&Algorithm::ALL, info).ok().map(VerifyingKey::Public)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, IsCa, KeyPair};

    use super::*;
    use crate::scheme::Encoding;

    const OID: &str = "1.2.840.113635.100.6.11.1";

    fn parameters(name: &str, is_ca: bool) -> CertificateParams {
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2030, 1, 1);
        if is_ca {
            parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        } else {
            let oid = &[1, 2, 840, 113_635, 100, 6, 11, 1];
            parameters.custom_extensions.push(CustomExtension::from_oid_content(oid, vec![5, 0]));
        }
        parameters
    }

    /// Leaf, intermediate and root.
    fn chain() -> Vec<Vec<u8>> {
        let key = || KeyPair::generate().unwrap();
        let root = CertifiedIssuer::self_signed(parameters("root.example", true), key()).unwrap();
        let middle = CertifiedIssuer::signed_by(parameters("middle.example", true), key(), &root).unwrap();
        let leaf = parameters("leaf.example", false).signed_by(&key(), &middle).unwrap();
        vec![leaf.der().to_vec(), middle.der().to_vec(), root.der().to_vec()]
    }

    fn plan(root: &[u8], leaf: &[&str], intermediate: &[&str]) -> ChainPlan {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let roots = vec![Encoding::Hex.encode(&Sha256::digest(root))];
        ChainPlan::new(&X5c { roots, leaf_oids: owned(leaf), intermediate_oids: owned(intermediate) }).unwrap()
    }

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_chain_leads_from_its_leaf_to_a_pinned_root() {
        let (own, other) = (chain(), chain());
        let pinned = plan(&own[2], &[OID], &[]);
        assert!(pinned.key(&own, now()).is_some());
        assert!(pinned.key(&[own[0].clone(), own[1].clone(), own[2].clone(), own[2].clone()], now()).is_some());
        for (what, chain) in [
            ("another root", other.clone()),
            ("a leaf of another chain", vec![other[0].clone(), own[1].clone(), own[2].clone()]),
            ("no intermediate", vec![own[0].clone(), own[2].clone()]),
            ("no root", vec![own[0].clone(), own[1].clone()]),
            ("the root alone", vec![own[2].clone()]),
            ("a chain of authorities", vec![own[1].clone(), own[2].clone()]),
            ("nothing", vec![]),
        ] {
            assert!(pinned.key(&chain, now()).is_none(), "{what}");
        }
        for at in ["2019-12-31T00:00:00Z", "2030-01-02T00:00:00Z"] {
            assert!(pinned.key(&own, at.parse().unwrap()).is_none(), "{at}");
        }
        let mut edited = own.clone();
        *edited[0].last_mut().unwrap() ^= 1;
        assert!(pinned.key(&edited, now()).is_none());
        assert!(plan(&own[2], &["1.2.3.4"], &[]).key(&own, now()).is_none());
        assert!(plan(&own[2], &[], &["1.2.3.4"]).key(&own, now()).is_none());
    }

    #[test]
    fn a_wrong_description_says_where() {
        let x5c = |root: &str, oid: &str| X5c {
            roots: vec![root.to_owned()],
            leaf_oids: vec![oid.to_owned()],
            intermediate_oids: vec![],
        };
        assert_eq!(ChainPlan::new(&x5c("ab", OID)).unwrap_err().0, "roots");
        for oid in ["", "1", "1.x", "9.1.1", "1.2.99999999999"] {
            assert_eq!(ChainPlan::new(&x5c(&"ab".repeat(32), oid)).unwrap_err().0, "leafOids", "{oid}");
        }
    }
}
