//! Keys decoded and prepared for the families that use them.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::coverage::{Armed, Coverage};
use super::encoding::Encoding;
use super::function::digest;
use super::hmac::HmacKey;
use super::key::VerifyingKey;
use super::plan::{KeyPlan, Plan};
use super::public_key::{Algorithm, PublicKey};
use super::spec::{KeyEncoding, MacHash};
use super::template::{Part, Place, Template};
use super::{Key, KeyFault};
use crate::secret::Secret;

/// The most keys of one use, composed ones included.
const KEYS_MAX: usize = 16;

/// The keys of one endpoint, decoded for its scheme.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    pub(super) hmac: Vec<Held<HmacKey>>,
    pub(super) hash: Vec<Held<Secret>>,
    pub(super) public: Vec<Held<PublicKey>>,
    pub(super) standard: Vec<Held<StandardKey>>,
    pub(super) token: Vec<Held<TokenKey>>,
    pub(super) jwt: KeySet,
    pub(super) http: KeySet,
    /// Families whose keys come with each delivery, from outside the ring.
    pub(super) remote: Armed,
    /// The key with which answers to handshakes are computed.
    pub(super) answer_key: Option<Secret>,
    /// What the families that have keys cover.
    pub(super) coverage: Coverage,
    /// The decoded keys by their use.
    pub(super) secrets: BTreeMap<String, Vec<Held<Secret>>>,
    is_armed: bool,
}

/// A key with the caller's number for it; a published one has none.
#[derive(Clone, Debug)]
pub(super) struct Held<T> {
    pub(super) index: Option<usize>,
    pub(super) key: T,
}

/// A key of Standard Webhooks.
#[derive(Clone, Debug)]
pub(super) enum StandardKey {
    /// `whsec_…`: HMAC-SHA256.
    V1(Box<HmacKey>),
    /// `whpk_…`: Ed25519.
    V1a(PublicKey),
}

/// Keys that are tried together, with the callers' numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct KeySet {
    pub(super) keys: Vec<VerifyingKey>,
    pub(super) indexes: Vec<Option<usize>>,
}

/// A token by its digest, so that comparing takes as long for any length.
#[derive(Clone)]
pub(super) struct TokenKey([u8; 32]);

impl TokenKey {
    fn new(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Whether `token` is it; how long that takes does not tell what is right about it.
    pub(super) fn is(&self, token: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(token).into();
        self.0.ct_eq(&digest).into()
    }
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What the ring is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Verify,
    Sign,
}

impl Keyring {
    pub(super) fn new(plan: &Plan, keys: Vec<Key>, purpose: Purpose) -> (Self, Vec<KeyFault>) {
        let mut faults = Vec::new();
        let decoded = decode_all(plan, keys, purpose, &mut faults);
        let mut ring = Self::default();
        for key_plan in &plan.keys {
            let constants = key_plan.spec.constant.iter().filter(|_| purpose == Purpose::Verify);
            let constants = constants.map(|text| Held { index: None, key: Secret::from(text.as_str()) });
            let given = decoded.get(&key_plan.r#use).into_iter().flatten();
            let composed = given.flat_map(|held| compose(key_plan, held, &decoded)).chain(constants);
            for held in composed.take(KEYS_MAX) {
                let added = match purpose {
                    Purpose::Verify => ring.add(plan, key_plan, &held),
                    Purpose::Sign => Ok(()),
                };
                match (added, held.index) {
                    (Ok(()), _) => ring.secrets.entry(key_plan.r#use.clone()).or_default().push(held),
                    (Err(message), Some(index)) => faults.push(KeyFault { index, message }),
                    (Err(_), None) => {}
                }
            }
        }
        if purpose == Purpose::Verify {
            let is_remote = |key: Option<&String>| key.is_some_and(|key| plan.is_remote(key));
            ring.remote.public_key = is_remote(plan.public_key.as_ref().map(|family| &family.key));
            ring.remote.jwt = is_remote(plan.jwt.as_ref().map(|family| &family.key));
        }
        ring.answer_key = plan.answer_use().and_then(|name| ring.first(name)).cloned();
        let armed = ring.armed();
        ring.coverage = Coverage::new(plan, armed);
        let has_required = plan.uses.iter().all(|of| !of.required || !ring.of(&of.name).is_empty());
        ring.is_armed = has_required && (plan.is_none || armed.any());
        (ring, faults)
    }

    /// Whether it suffices to verify anything: every required use has a key and at least one family is armed.
    #[must_use]
    pub fn is_armed(&self) -> bool {
        self.is_armed
    }

    /// Which families have keys.
    pub(super) fn armed(&self) -> Armed {
        Armed {
            hmac: !self.hmac.is_empty(),
            hash: !self.hash.is_empty(),
            public_key: !self.public.is_empty() || self.remote.public_key,
            standard: !self.standard.is_empty(),
            token: !self.token.is_empty(),
            jwt: !self.jwt.keys.is_empty() || self.remote.jwt,
            http: !self.http.keys.is_empty(),
        }
    }

    /// The first key of a use.
    pub(super) fn first(&self, name: &str) -> Option<&Secret> {
        self.secrets.get(name)?.first().map(|held| &held.key)
    }

    /// All keys of a use.
    pub(super) fn of(&self, name: &str) -> &[Held<Secret>] {
        self.secrets.get(name).map_or(&[], Vec::as_slice)
    }

    /// Prepares a key for every family that has its use.
    fn add(&mut self, plan: &Plan, key_plan: &KeyPlan, held: &Held<Secret>) -> Result<(), String> {
        let (name, index, bytes) = (key_plan.r#use.as_str(), held.index, held.key.expose());
        if let Some(family) = plan.public_key.as_ref().filter(|family| family.key == name) {
            let key = PublicKey::parse(&family.algorithm.all(), bytes)?;
            self.public.push(Held { index, key });
        }
        if plan.standard.as_ref().is_some_and(|family| family.key == name) {
            self.standard.push(Held { index, key: standard_key(key_plan, bytes)? });
        }
        if let Some(family) = plan.jwt.as_ref().filter(|family| family.key == name) {
            let algorithms: Vec<Algorithm> =
                family.check.algorithms.iter().filter_map(|algorithm| algorithm.public()).collect();
            self.jwt.push(index, verifying_key(&algorithms, held)?);
        }
        if let Some(family) = plan.http.as_ref().filter(|family| family.key == name) {
            self.http.push(index, verifying_key(&family.public_algorithms(), held)?);
        }
        if let Some(family) = plan.hmac.as_ref().filter(|family| family.key == name) {
            self.hmac.push(Held { index, key: HmacKey::new(family.hash, bytes) });
        }
        if plan.hash.as_ref().is_some_and(|family| family.key == name) {
            self.hash.push(held.clone());
        }
        if plan.token.as_ref().is_some_and(|family| family.key == name) {
            self.token.push(Held { index, key: TokenKey::new(bytes) });
        }
        Ok(())
    }
}

impl KeySet {
    fn push(&mut self, index: Option<usize>, key: VerifyingKey) {
        self.keys.push(key);
        self.indexes.push(index);
    }
}

/// A shared secret where no algorithm takes a public key, otherwise a public key.
fn verifying_key(algorithms: &[Algorithm], held: &Held<Secret>) -> Result<VerifyingKey, String> {
    if algorithms.is_empty() {
        return Ok(VerifyingKey::Secret(held.key.clone()));
    }
    PublicKey::parse(algorithms, held.key.expose()).map(VerifyingKey::Public)
}

/// `whsec_` or `whpk_` and base64, unless the entry says how its key is written.
fn standard_key(key_plan: &KeyPlan, bytes: &[u8]) -> Result<StandardKey, String> {
    if key_plan.spec.encoding.is_some() {
        return Ok(StandardKey::V1(Box::new(HmacKey::new(MacHash::Sha256, bytes))));
    }
    let expected = || "expected `whsec_` or `whpk_` and base64, as the sender shows it".to_owned();
    if let Some(public) = bytes.strip_prefix(b"whpk_") {
        let key = Encoding::Base64.decode(public).ok_or_else(expected)?;
        return PublicKey::parse(&[Algorithm::Ed25519], &key).map(StandardKey::V1a);
    }
    let secret = standard_secret(bytes).ok_or_else(expected)?;
    Ok(StandardKey::V1(Box::new(HmacKey::new(MacHash::Sha256, &secret))))
}

/// The shared secret behind `whsec_`, which senders may leave out.
pub(super) fn standard_secret(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if bytes.starts_with(b"whsk_") || bytes.starts_with(b"whpk_") {
        return None;
    }
    let text = bytes.strip_prefix(b"whsec_").unwrap_or(bytes);
    let key = Encoding::Base64.decode(&padded(text)).map(Zeroizing::new)?;
    (!key.is_empty()).then_some(key)
}

fn decode_all(
    plan: &Plan,
    keys: Vec<Key>,
    purpose: Purpose,
    faults: &mut Vec<KeyFault>,
) -> BTreeMap<String, Vec<Held<Secret>>> {
    let mut decoded: BTreeMap<String, Vec<Held<Secret>>> = BTreeMap::new();
    for Key { index, r#use, secret } in keys {
        let Some(key_plan) = plan.keys.iter().find(|plan| plan.r#use == r#use) else {
            faults.push(KeyFault { index, message: format!("no key has the use `{use}` here") });
            continue;
        };
        // A private key for signing may come as PEM whatever form the entry's public key has.
        let is_pem = purpose == Purpose::Sign && secret.expose().starts_with(b"-----BEGIN");
        match if is_pem { Ok(secret) } else { decode(key_plan, &secret) } {
            Ok(key) => decoded.entry(r#use).or_default().push(Held { index: Some(index), key }),
            Err(message) => faults.push(KeyFault { index, message }),
        }
    }
    decoded
}

/// The key as its spec says, before it is composed.
fn decode(key_plan: &KeyPlan, secret: &Secret) -> Result<Secret, String> {
    if secret.is_blank() {
        return Err("the secret is empty or blank: anyone could sign with it".to_owned());
    }
    let bytes = secret.expose();
    let bytes = bytes.strip_suffix(b"\n").map_or(bytes, |line| line.strip_suffix(b"\r").unwrap_or(line));
    let spec = &key_plan.spec;
    let text =
        bytes.strip_prefix(spec.prefix.as_bytes()).ok_or_else(|| format!("expected `{}` at its start", spec.prefix))?;
    let expected = |form: &str| format!("expected {form}");
    let key = match spec.encoding {
        None | Some(KeyEncoding::Utf8 | KeyEncoding::Pem) => Some(text.to_vec()),
        Some(KeyEncoding::Nfkd) => {
            std::str::from_utf8(text).ok().map(|text| text.nfkd().collect::<String>().into_bytes())
        }
        Some(KeyEncoding::Hex) => Encoding::Hex.decode(&Zeroizing::new(text.to_ascii_lowercase())),
        Some(KeyEncoding::Base64) => Encoding::Base64.decode(&padded(text)),
        Some(KeyEncoding::Base64url) => Encoding::Base64url.decode(text.trim_ascii_end_matching(b'=')),
    };
    let key = key.ok_or_else(|| {
        expected(match spec.encoding {
            Some(KeyEncoding::Hex) => "a hexadecimal key",
            Some(KeyEncoding::Base64) => "a base64 key",
            Some(KeyEncoding::Base64url) => "a URL-safe base64 key",
            Some(KeyEncoding::Nfkd | KeyEncoding::Utf8 | KeyEncoding::Pem) | None => "a key that is text in UTF-8",
        })
    })?;
    if key.is_empty() {
        return Err("the key is empty: anyone could sign with it".to_owned());
    }
    Ok(Secret::from(key))
}

/// Text with the padding of base64, which some senders leave out of keys.
fn padded(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut padded = Zeroizing::new(text.to_vec());
    while !padded.len().is_multiple_of(4) && padded.len() < text.len() + 2 {
        padded.push(b'=');
    }
    padded
}

trait TrimEnd {
    fn trim_ascii_end_matching(&self, byte: u8) -> &[u8];
}

impl TrimEnd for [u8] {
    fn trim_ascii_end_matching(&self, byte: u8) -> &[u8] {
        let end = self.iter().rposition(|b| *b != byte).map_or(0, |at| at + 1);
        self.get(..end).unwrap_or_default()
    }
}

/// The keys that the spec's text makes of one key and those of other uses, digested where it says so.
fn compose(
    key_plan: &KeyPlan,
    held: &Held<Secret>,
    decoded: &BTreeMap<String, Vec<Held<Secret>>>,
) -> Vec<Held<Secret>> {
    let mut keys = vec![Zeroizing::new(Vec::new())];
    match &key_plan.text {
        None => keys = vec![Zeroizing::new(held.key.expose().to_vec())],
        Some(template) => {
            for part in text_parts(template) {
                let options: Vec<&[u8]> = match part {
                    TextPart::Literal(text) => vec![text],
                    TextPart::Own => vec![held.key.expose()],
                    TextPart::Other(name) => {
                        decoded.get(name).into_iter().flatten().map(|other| other.key.expose()).collect()
                    }
                };
                keys = keys
                    .iter()
                    .flat_map(|key| options.iter().map(|option| Zeroizing::new([key, *option].concat())))
                    .take(KEYS_MAX)
                    .collect();
            }
        }
    }
    let digested = |key: Zeroizing<Vec<u8>>| match key_plan.spec.digest {
        Some(hash) => Secret::from(digest(hash, &key)),
        None => Secret::from(key.to_vec()),
    };
    keys.into_iter().map(|key| Held { index: held.index, key: digested(key) }).collect()
}

enum TextPart<'t> {
    Literal(&'t [u8]),
    Own,
    Other(&'t str),
}

/// The parts of a key's text; anything but literals and secrets was refused when the scheme was compiled.
fn text_parts(template: &Template) -> Vec<TextPart<'_>> {
    fn read(part: &Part) -> Option<TextPart<'_>> {
        match part {
            Part::Literal(text) => Some(TextPart::Literal(text)),
            Part::Expr(expr) => match expr.refs.first().map(|reference| &reference.place) {
                Some(Place::Secret) => Some(TextPart::Own),
                Some(Place::SecretOf(name)) => Some(TextPart::Other(name)),
                _ => None,
            },
            Part::Group(_) => None,
        }
    }
    template.parts.iter().filter_map(read).collect()
}
