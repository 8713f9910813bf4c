//! The order in which a delivery is verified.

use std::borrow::Cow;
use std::cell::Cell;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::family::{self, Proof};
use super::handshake;
use super::host::is_pinned;
use super::keyring::Keyring;
use super::plan::{Accepted, Condition, Plan};
use super::reader::Reader;
use super::scope::{Rendered, Scope};
use super::template::Template;
use super::{
    Delivery, DeliveryId, Encoding, FetchedKeys, KeyRequest, Rejection, UrlOrigin, Verdict, Verified, timestamp,
};

/// Verifies a delivery: families, content, `require`, signed handshakes, event.
pub(super) fn verify(
    plan: &Plan,
    keys: &Keyring,
    fetched: Option<&FetchedKeys>,
    delivery: &Delivery<'_>,
    now: Timestamp,
) -> Result<Verdict, Rejection> {
    let is_delivery = plan.delivered_by.contains(delivery.method);
    let by_method = |handshake: &&_| handshake::is_signed_by(handshake, delivery.method);
    if !is_delivery && !plan.handshakes.iter().any(|handshake| by_method(&handshake)) {
        return Err(handshake::not_one(plan, delivery.method));
    }
    let reader = Reader::new(plan, *delivery);
    let is_signed = Cell::new(true);
    let scope = Scope { fetched, ..Scope::new(&reader, keys, &is_signed) };
    let mut proof = Proof::of(&scope, now)?;
    let proved_by = std::mem::take(&mut proof.keys);
    let claims = match &proof.claims {
        Some(claims) => Some(plan.claims.scan(claims).map_err(|_| Rejection::Malformed { what: "claim:".into() })?),
        None => None,
    };
    let scope = Scope { time: proof.time.clone(), claims: claims.as_ref(), standard: proof.standard, ..scope };
    if is_delivery && let Some(expected) = reader.content_fault() {
        return Err(Rejection::Content { expected });
    }
    for condition in &plan.require {
        if !holds(&scope, condition)? {
            return Err(Rejection::NotBound { what: condition.text.clone() });
        }
    }
    if let Some(reply) = handshake::answer_signed(&scope, plan)? {
        return Ok(Verdict::Greeting(reply));
    }
    if !is_delivery {
        return Err(handshake::not_one(plan, delivery.method));
    }
    read_event(&scope, &proof, proved_by).map(Verdict::Event)
}

/// What keys a delivery needs that are not in the ring; only the place of the key and the token's header are read.
pub(super) fn key_request(
    plan: &Plan,
    keys: &Keyring,
    delivery: &Delivery<'_>,
) -> Result<Option<KeyRequest>, Rejection> {
    let Some(fetch) = &plan.fetch else { return Ok(None) };
    let reader = Reader::new(plan, *delivery);
    let is_signed = Cell::new(true);
    let scope = Scope::new(&reader, keys, &is_signed);
    let url = scope.pieces(&fetch.url)?.concat();
    let malformed = || Rejection::Malformed { what: "the URL of the key".to_owned() };
    let url = String::from_utf8(url).map_err(|_| malformed())?;
    if fetch.origin == UrlOrigin::Request && !is_pinned(&url, &fetch.hosts, fetch.path.as_ref()) {
        return Err(malformed());
    }
    let jwt = plan.jwt.as_ref().filter(|jwt| jwt.key == fetch.key);
    let key_id = match jwt {
        Some(jwt) => family::key_id(&scope, jwt)?,
        None => None,
    };
    let (format, pointer, origin) = (fetch.format, fetch.pointer.clone(), fetch.origin);
    Ok(Some(KeyRequest { url, format, pointer, origin, is_pinned: fetch.is_pinned(), key_id }))
}

/// Whether a condition holds.
pub(super) fn holds(scope: &Scope<'_, '_>, condition: &Condition) -> Result<bool, Rejection> {
    let Some(expr) = &condition.expr else { return Ok(false) };
    let Some(value) = scope.expr(expr)? else { return Ok(false) };
    if condition.values.is_empty() {
        return Ok(!value.is_empty());
    }
    let mut holds = false;
    for accepted in &condition.values {
        holds |= match accepted {
            Accepted::Pattern(pattern) => pattern.matches(&value),
            Accepted::Text(template) => is_equal(scope, template, &value)?,
        };
    }
    Ok(holds)
}

/// Compares digests, so that the time does not tell how much of a secret is right.
fn is_equal(scope: &Scope<'_, '_>, template: &Template, value: &[u8]) -> Result<bool, Rejection> {
    use subtle::ConstantTimeEq;
    let digest = Sha256::digest(value);
    let mut is_equal = false;
    let mut compare = |text: Option<Vec<u8>>| {
        is_equal |= text.is_some_and(|text| bool::from(Sha256::digest(&text).ct_eq(&digest)));
    };
    match template.secret_use() {
        None => compare(scope.text(template)?),
        Some(name) => {
            for held in scope.keys.of(name) {
                let scope = Scope { secret_of: Some((name, held.key.expose())), ..scope.clone() };
                compare(scope.text(template)?);
            }
        }
    }
    Ok(is_equal)
}

fn read_event(scope: &Scope<'_, '_>, proof: &Proof<'_>, keys: Vec<usize>) -> Result<Verified, Rejection> {
    let event = &scope.reader.plan().event;
    let text = |template: &Option<Template>| -> Result<(Option<Vec<u8>>, bool), Rejection> {
        scope.is_signed.set(true);
        let text = match template {
            Some(template) => scope.text(template)?.filter(|text| !text.is_empty()),
            None => None,
        };
        Ok((text, scope.is_signed.get()))
    };
    let (r#type, _) = text(&event.r#type)?;
    let (id, id_is_signed) = text(&event.id)?;
    let time = match text(&event.time) {
        Ok((Some(time), true)) => timestamp::read_event(event.time_unit, &time),
        Ok(_) | Err(_) => None,
    };
    let lossy = |text: Vec<u8>| {
        String::from_utf8(text).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    };
    let id = id.map(|value| DeliveryId { value: lossy(value), is_signed: id_is_signed });
    let fingerprint = if id.as_ref().is_some_and(|id| id.is_signed) { None } else { fingerprint(scope, proof)? };
    Ok(Verified { event: r#type.map(lossy), id, time, fingerprint, keys })
}

/// A digest of what is signed save the time.
fn fingerprint(scope: &Scope<'_, '_>, proof: &Proof<'_>) -> Result<Option<String>, Rejection> {
    let plan = scope.reader.plan();
    let armed = scope.keys.armed();
    let mut hash = Sha256::new();
    let mut has_any = false;
    if let Some(mac) = &proof.mac {
        hash.update(mac);
        has_any = true;
    } else {
        let hmac = plan.hmac.as_ref().filter(|_| armed.hmac).map(|mac| (&mac.signed, mac.is_per_item));
        let digest = plan.hash.as_ref().filter(|_| armed.hash).map(|mac| (&mac.signed, mac.is_per_item));
        let key = plan.public_key.as_ref().filter(|_| armed.public_key).map(|key| (&key.signed, key.is_per_item));
        for (signed, is_per_item) in [hmac, digest, key].into_iter().flatten() {
            let items = if is_per_item { scope.reader.items() } else { 1 };
            for item in 0..items {
                has_any |= feed(&mut hash, scope, signed, is_per_item.then_some(item))?;
            }
        }
    }
    if let Some(digest) = &proof.http_digest {
        hash.update(digest);
        has_any = true;
    }
    if proof.standard.is_some() {
        hash.update(scope.reader.body());
        has_any = true;
    }
    if !has_any {
        return Ok(None);
    }
    let digest = hash.finalize();
    Ok(digest.get(..24).map(|digest| Encoding::Base64url.encode(digest)))
}

fn feed(hash: &mut Sha256, scope: &Scope<'_, '_>, signed: &Template, item: Option<usize>) -> Result<bool, Rejection> {
    let timeless = Scope {
        time: scope.time.as_ref().map(|_| Cow::Borrowed(&b""[..])),
        is_timeless: true,
        secret: Some(b""),
        item,
        ..scope.clone()
    };
    let Rendered::Pieces(pieces) = timeless.render(signed)? else { return Ok(false) };
    for piece in pieces {
        hash.update((piece.len() as u64).to_be_bytes());
        hash.update(piece);
    }
    Ok(signed.has(|place| !matches!(place, super::template::Place::Secret | super::template::Place::Timestamp)))
}
