//! The families, each held against its keys; all that have keys must hold.

use std::borrow::Cow;

use jiff::Timestamp;

use super::function::digest;
use super::hmac::is_among;
use super::jwt::{JwtFault, Token};
use super::key::Signature;
use super::keyring::{Held, StandardKey};
use super::plan::{AlgorithmPlan, HttpPlan, JwtPlan, MacPlan, PublicKeyPlan, StandardHeaders, TimePlan, TokenPlan};
use super::public_key::Algorithm;
use super::reader::Value;
use super::scope::Scope;
use super::spec::Unit;
use super::{Encoding, Rejection, candidate, http_signature, jwt, standard, timestamp};

/// The most items of a batch that are verified one by one.
const ITEMS_MAX: usize = 1_000;

/// What the families found.
#[derive(Debug, Default)]
pub(super) struct Proof<'s> {
    /// The callers' numbers of the keys that verified it.
    pub(super) keys: Vec<usize>,
    /// The text of the signed time.
    pub(super) time: Option<Cow<'s, [u8]>>,
    /// The MAC that verified, where neither time nor items are in its text.
    pub(super) mac: Option<Vec<u8>>,
    /// The claims of the token.
    pub(super) claims: Option<Vec<u8>>,
    /// The Standard Webhooks headers that verified.
    pub(super) standard: Option<&'s StandardHeaders>,
    /// The digest of what an HTTP signature covers.
    pub(super) http_digest: Option<[u8; 32]>,
}

impl<'s> Proof<'s> {
    /// Holds every family that has keys against the delivery.
    pub(super) fn of(scope: &Scope<'s, '_>, now: Timestamp) -> Result<Self, Rejection> {
        let plan = scope.reader.plan();
        let armed = scope.keys.armed();
        let mut proof = Self::default();
        if let Some(token) = plan.token.as_ref().filter(|_| armed.token) {
            proof.check_token(scope, token)?;
        }
        let is_signing = armed.hmac || armed.hash || armed.public_key || armed.standard;
        let time = plan.time.as_ref().filter(|_| is_signing);
        if let Some(time) = time.filter(|time| time.is_in_text) {
            proof.time = Some(read_time(scope, time)?);
        }
        let scope = &Scope { time: proof.time.clone(), ..scope.clone() };
        if let Some(mac) = plan.hmac.as_ref().filter(|_| armed.hmac) {
            each_item(scope, mac.is_per_item, |scope| proof.check_hmac(scope, mac))?;
        }
        if let Some(mac) = plan.hash.as_ref().filter(|_| armed.hash) {
            each_item(scope, mac.is_per_item, |scope| proof.check_hash(scope, mac))?;
        }
        if let Some(key) = plan.public_key.as_ref().filter(|_| armed.public_key) {
            each_item(scope, key.is_per_item, |scope| proof.check_public_key(scope, key, now))?;
        }
        if armed.standard
            && let Some(family) = &plan.standard
        {
            let (headers, index) = standard::verify(scope, family, now)?;
            proof.standard = Some(headers);
            proof.keys.extend(index);
        }
        if let Some(family) = plan.jwt.as_ref().filter(|_| armed.jwt) {
            proof.check_jwt(scope, family, now)?;
        }
        if let Some(family) = plan.http.as_ref().filter(|_| armed.http) {
            proof.check_http(scope, family, now)?;
        }
        if let Some(time) = time {
            proof.check_time(scope, time, now)?;
        }
        proof.keys.sort_unstable();
        proof.keys.dedup();
        Ok(proof)
    }

    fn check_token(&mut self, scope: &Scope<'_, '_>, plan: &TokenPlan) -> Result<(), Rejection> {
        each_item(scope, plan.is_per_item, |scope| {
            let mut is_present = false;
            let mut is_right = false;
            for reference in &plan.from {
                let Some(value) = scope.value(reference)? else { continue };
                is_present = true;
                let Some(token) = candidate::strip(value, &plan.prefix) else { continue };
                for held in &scope.keys.token {
                    if held.key.is(&token) {
                        is_right = true;
                        self.keys.extend(held.index);
                    }
                }
            }
            match (is_present, is_right) {
                (_, true) => Ok(()),
                (true, false) => Err(Rejection::NoKeyMatched),
                (false, false) => Err(missing(plan.from.first().map(|from| from.text.as_str()))),
            }
        })
    }

    fn check_hmac(&mut self, scope: &Scope<'_, '_>, plan: &MacPlan) -> Result<(), Rejection> {
        let candidates = decoded(scope, &plan.source, plan.encoding)?;
        let pieces = if plan.has_secret { Vec::new() } else { scope.pieces(&plan.signed)? };
        for (at, held) in scope.keys.hmac.iter().enumerate() {
            let mac = if plan.has_secret {
                let secret = scope.keys.of(&plan.key).get(at).map(|held| held.key.expose());
                let scope = Scope { secret, ..scope.clone() };
                held.key.mac(&scope.pieces(&plan.signed)?)
            } else {
                held.key.mac(&pieces)
            };
            if is_among(&mac, &candidates) {
                self.keys.extend(held.index);
                let is_stable = scope.reader.plan().time.is_none() && !plan.is_per_item;
                self.mac = is_stable.then_some(mac);
                return Ok(());
            }
        }
        Err(Rejection::NoKeyMatched)
    }

    fn check_hash(&mut self, scope: &Scope<'_, '_>, plan: &MacPlan) -> Result<(), Rejection> {
        let candidates = decoded(scope, &plan.source, plan.encoding)?;
        for held in &scope.keys.hash {
            let scope = Scope { secret: Some(held.key.expose()), ..scope.clone() };
            let text = scope.pieces(&plan.signed)?.concat();
            if is_among(&digest(plan.hash, &text), &candidates) {
                self.keys.extend(held.index);
                return Ok(());
            }
        }
        Err(Rejection::NoKeyMatched)
    }

    fn check_public_key(
        &mut self,
        scope: &Scope<'_, '_>,
        plan: &PublicKeyPlan,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let algorithm = algorithm(scope, &plan.algorithm)?;
        let candidates = decoded(scope, &plan.source, plan.encoding)?;
        let pieces = scope.pieces(&plan.signed)?;
        let text: Cow<'_, [u8]> = match pieces.as_slice() {
            [only] => Cow::Borrowed(only.as_ref()),
            _ => Cow::Owned(pieces.concat()),
        };
        let fetched = scope.fetched.filter(|_| scope.keys.remote.public_key);
        let fetched = fetched.into_iter().flat_map(|keys| keys.candidates(None, now));
        for key in fetched {
            let is_by = |signature: &Vec<u8>| key.verify(Signature::Public(algorithm), &text, signature);
            if candidates.iter().any(is_by) {
                return Ok(());
            }
        }
        for Held { index, key } in &scope.keys.public {
            if candidates.iter().any(|signature| key.verify(algorithm, &text, signature)) {
                self.keys.extend(*index);
                return Ok(());
            }
        }
        Err(Rejection::NoKeyMatched)
    }

    fn check_jwt(&mut self, scope: &Scope<'_, '_>, plan: &JwtPlan, now: Timestamp) -> Result<(), Rejection> {
        with_token(scope, plan, |token| {
            let index = match &plan.chain {
                Some(chain) => {
                    let key = chain.key(token.chain(), now).ok_or(JwtFault::NoKeyMatched)?;
                    token.is_by(&key).then_some(None)
                }
                None => {
                    let own = scope.keys.jwt.keys.iter().zip(&scope.keys.jwt.indexes);
                    let fetched = scope.fetched.filter(|_| scope.keys.remote.jwt);
                    let fetched = fetched.into_iter().flat_map(|keys| keys.candidates(token.key_id(), now));
                    let mut all = own.map(|(key, index)| (key, *index)).chain(fetched.map(|key| (key, None)));
                    all.find(|(key, _)| token.is_by(key)).map(|(_, index)| index)
                }
            };
            self.keys.extend(index.ok_or(JwtFault::NoKeyMatched)?);
            self.claims = Some(token.claims(&plan.check, now)?);
            Ok(())
        })
    }

    fn check_http(&mut self, scope: &Scope<'_, '_>, plan: &HttpPlan, now: Timestamp) -> Result<(), Rejection> {
        let base = scope.reader.url_base();
        let url = base.as_ref().and_then(|base| std::str::from_utf8(base).ok());
        let signed = http_signature::verify(scope.reader.delivery(), url, &scope.keys.http.keys, &plan.check, now)?;
        self.keys.extend(scope.keys.http.indexes.get(signed.key).copied().flatten());
        self.http_digest = Some(signed.digest);
        Ok(())
    }

    fn check_time(&mut self, scope: &Scope<'s, '_>, plan: &'s TimePlan, now: Timestamp) -> Result<(), Rejection> {
        let text = match self.time.take() {
            Some(text) => text,
            None => read_time(scope, plan)?,
        };
        let malformed = || Rejection::Malformed { what: time_name(plan) };
        if plan.unit != Unit::None {
            let nanos = timestamp::read(plan.unit, &text).ok_or_else(malformed)?;
            if let Some(tolerance) = plan.tolerance {
                timestamp::check_window(nanos, tolerance, now)?;
            }
        }
        self.time = Some(text);
        Ok(())
    }
}

impl StandardKey {
    /// Whether it makes one of these signatures.
    pub(super) fn matches(&self, pieces: &[Value<'_>], v1: &[Vec<u8>], v1a: &[Vec<u8>]) -> bool {
        match self {
            Self::V1(_) if v1.is_empty() => false,
            Self::V1(key) => is_among(&key.mac(pieces), v1),
            Self::V1a(_) if v1a.is_empty() => false,
            Self::V1a(key) => {
                let text = pieces.concat();
                v1a.iter().any(|signature| key.verify(Algorithm::Ed25519, &text, signature))
            }
        }
    }
}

/// The id of the key that the token names. A token that can't verify for its form is refused here already.
pub(super) fn key_id(scope: &Scope<'_, '_>, plan: &JwtPlan) -> Result<Option<String>, Rejection> {
    with_token(scope, plan, |token| Ok(token.key_id().map(str::to_owned)))
}

/// Takes the token apart and hands it on.
fn with_token<T>(
    scope: &Scope<'_, '_>,
    plan: &JwtPlan,
    check: impl FnOnce(Token<'_>) -> Result<T, JwtFault>,
) -> Result<T, Rejection> {
    for reference in &plan.from {
        let Some(value) = scope.value(reference)? else { continue };
        let malformed = || Rejection::Malformed { what: reference.text.clone() };
        let token = candidate::strip(value, &plan.prefix).ok_or_else(malformed)?;
        let token = std::str::from_utf8(&token).map_err(|_| malformed())?;
        let checked = jwt::open(token, &plan.check).and_then(check);
        return checked.map_err(|fault| fault.rejection(&reference.text));
    }
    Err(missing(plan.from.first().map(|from| from.text.as_str())))
}

/// Runs a check once, or for each item of the batch.
fn each_item<'s, 'a>(
    scope: &Scope<'s, 'a>,
    is_per_item: bool,
    mut check: impl FnMut(&Scope<'s, 'a>) -> Result<(), Rejection>,
) -> Result<(), Rejection> {
    if !is_per_item {
        return check(scope);
    }
    match scope.reader.items() {
        0 => Err(missing(Some("each"))),
        items if items > ITEMS_MAX => Err(Rejection::Malformed { what: "each".to_owned() }),
        items => (0..items).try_for_each(|item| check(&Scope { item: Some(item), ..scope.clone() })),
    }
}

/// The signatures that decode.
fn decoded(scope: &Scope<'_, '_>, source: &super::plan::Source, encoding: Encoding) -> Result<Vec<Vec<u8>>, Rejection> {
    let items = candidate::signatures(scope, source)?;
    let decoded: Vec<_> = items.iter().filter_map(|item| encoding.decode(item)).collect();
    if decoded.iter().all(Vec::is_empty) {
        let what = source.from.first().map_or_else(String::new, |from| from.text.clone());
        return Err(Rejection::Malformed { what });
    }
    Ok(decoded)
}

fn algorithm(scope: &Scope<'_, '_>, plan: &AlgorithmPlan) -> Result<Algorithm, Rejection> {
    match plan {
        AlgorithmPlan::Fixed(algorithm) => Ok(*algorithm),
        AlgorithmPlan::Named { from, names } => {
            let value = scope.value(from)?.ok_or_else(|| missing(Some(&from.text)))?;
            let named = names.iter().find(|(name, _)| name.as_bytes() == value.as_ref());
            named.map(|(_, algorithm)| *algorithm).ok_or_else(|| Rejection::Malformed { what: from.text.clone() })
        }
    }
}

fn read_time<'s>(scope: &Scope<'s, '_>, plan: &'s TimePlan) -> Result<Cow<'s, [u8]>, Rejection> {
    let is_there = |reference| scope.value(reference).map(|value| value.is_some());
    match scope.item_of(&plan.source)? {
        Some(text) if !text.is_empty() => Ok(text),
        Some(_) => Err(Rejection::Malformed { what: time_name(plan) }),
        None => {
            for reference in &plan.source.from {
                if is_there(reference)? {
                    return Err(Rejection::Malformed { what: reference.text.clone() });
                }
            }
            Err(Rejection::Missing { what: time_name(plan) })
        }
    }
}

fn time_name(plan: &TimePlan) -> String {
    plan.source.from.first().map_or_else(String::new, |from| from.text.clone())
}

fn missing(what: Option<&str>) -> Rejection {
    Rejection::Missing { what: what.unwrap_or_default().to_owned() }
}
