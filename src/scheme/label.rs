//! What is checked, in a few words for auditors.

use super::keyring::{Keyring, StandardKey};
use super::plan::Plan;
use super::public_key::Algorithm;
use super::spec::MacHash;

/// The families that have keys, joined by `+`.
pub(super) fn label(plan: &Plan, keys: &Keyring) -> String {
    let armed = keys.armed();
    let mut parts = Vec::new();
    if plan.is_none {
        parts.push("none".to_owned());
    }
    if armed.token {
        parts.push("token".to_owned());
    }
    if let Some(hmac) = plan.hmac.as_ref().filter(|_| armed.hmac) {
        parts.push(format!("hmac-{}", hash_name(hmac.hash)));
    }
    if let Some(hash) = plan.hash.as_ref().filter(|_| armed.hash) {
        parts.push(format!("hash-{}", hash_name(hash.hash)));
    }
    if let Some(key) = plan.public_key.as_ref().filter(|_| armed.public_key) {
        let names: Vec<_> = key.algorithm.all().into_iter().map(algorithm_name).collect();
        parts.push(names.join("|"));
    }
    if armed.standard {
        let has = |like: fn(&StandardKey) -> bool| keys.standard.iter().any(|held| like(&held.key));
        let v1 = has(|key| matches!(key, StandardKey::V1(_))).then_some("v1");
        let v1a = has(|key| matches!(key, StandardKey::V1a(_))).then_some("v1a");
        let versions: Vec<_> = [v1, v1a].into_iter().flatten().collect();
        parts.push(format!("standard-webhooks-{}", versions.join("|")));
    }
    if let Some(jwt) = plan.jwt.as_ref().filter(|_| armed.jwt) {
        let names: Vec<_> =
            jwt.check.algorithms.iter().map(|algorithm| algorithm.name().to_ascii_lowercase()).collect();
        parts.push(format!("jwt-{}", names.join("|")));
    }
    if armed.http {
        parts.push("http-signature".to_owned());
    }
    parts.join("+")
}

fn hash_name(hash: MacHash) -> &'static str {
    match hash {
        MacHash::Md5 => "md5",
        MacHash::Sha1 => "sha1",
        MacHash::Sha256 => "sha256",
        MacHash::Sha384 => "sha384",
        MacHash::Sha512 => "sha512",
    }
}

fn algorithm_name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Ed25519 => "ed25519",
        Algorithm::EcdsaP256Sha256 | Algorithm::EcdsaP256Sha256Fixed => "ecdsa-p256-sha256",
        Algorithm::RsaSha1 => "rsa-sha1",
        Algorithm::RsaSha256 => "rsa-sha256",
        Algorithm::RsaSha384 => "rsa-sha384",
        Algorithm::RsaSha512 => "rsa-sha512",
        Algorithm::RsaPssSha256 => "rsa-pss-sha256",
        Algorithm::RsaPssSha384 => "rsa-pss-sha384",
        Algorithm::RsaPssSha512 => "rsa-pss-sha512",
    }
}
