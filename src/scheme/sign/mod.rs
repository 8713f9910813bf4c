//! Signing as a sender would: the scheme run backwards.

mod announce;
mod request;

use std::cell::Cell;

use jiff::Timestamp;
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

use self::request::Request;
use super::hmac::HmacKey;
use super::key::SigningKey;
use super::keyring::{Keyring, standard_secret};
use super::plan::{Accepted, AlgorithmPlan, MacPlan, Plan, PublicKeyPlan, Source, StandardPlan};
use super::private_key::PrivateKey;
use super::public_key::Algorithm;
use super::reader::{Reader, Value};
use super::scope::Scope;
use super::spec::{MacHash, Unit};
use super::template::{Part, Place, Reference, Template};
use super::{Draft, Encoding, function, http_signature, jwt, timestamp};
use crate::secret::Secret;

/// How long a token that is made here is valid.
const TOKEN_SECONDS: i64 = 300;

/// Signs a request as the provider would.
pub(super) fn sign(plan: &Plan, keys: &Keyring, draft: Draft, now: Timestamp) -> Result<Draft, String> {
    let (event, id) = (draft.event.clone(), draft.id.clone());
    let mut signer = Signer { plan, keys, now, request: Request::new(plan, draft)?, time: None };
    signer.put_required()?;
    signer.announce(event.as_deref(), id.as_deref())?;
    signer.put_header_list()?;
    signer.put_time()?;
    signer.put_tokens()?;
    signer.put_jwt(event.as_deref(), id.as_deref())?;
    signer.put_made_up()?;
    signer.put_signatures()?;
    if let Some(family) = plan.standard.as_ref().filter(|family| !keys.of(&family.key).is_empty()) {
        signer.put_standard(family, id.as_deref())?;
    }
    signer.put_http()?;
    signer.request.finish(event, id)
}

struct Signer<'p> {
    plan: &'p Plan,
    keys: &'p Keyring,
    now: Timestamp,
    request: Request,
    time: Option<Vec<u8>>,
}

impl Signer<'_> {
    /// Runs `read` over the request as it is so far.
    fn read<T>(&self, read: impl FnOnce(&Scope<'_, '_>) -> Result<T, super::Rejection>) -> Result<T, String> {
        let delivery = self.request.delivery();
        let reader = Reader::new(self.plan, delivery);
        let is_signed = Cell::new(true);
        let time = self.time.as_deref().map(Value::Borrowed);
        let scope = Scope { time, ..Scope::new(&reader, self.keys, &is_signed) };
        read(&scope).map_err(|rejection| format!("the request can't be signed: {rejection}"))
    }

    /// Headers and query values that must have one value.
    fn put_required(&mut self) -> Result<(), String> {
        let plan = self.plan;
        for condition in &plan.require {
            let Some(expr) = condition.expr.as_ref().filter(|expr| expr.functions.is_empty()) else { continue };
            let Some(reference) = expr.refs.first() else { continue };
            let is_settable = matches!(reference.place, Place::Header(_) | Place::Query(_));
            if !is_settable || self.read(|scope| scope.expr(expr).map(|value| value.is_some()))? {
                continue;
            }
            for accepted in &condition.values {
                if let Accepted::Text(template) = accepted
                    && let Some(text) = self.accepted_text(template)?
                {
                    self.request.put(reference, "", &text)?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// What a template of accepted values gives now.
    fn accepted_text(&self, template: &Template) -> Result<Option<String>, String> {
        let text = match template.secret_use() {
            None => self.read(|scope| scope.text(template))?,
            Some(name) => {
                let key = self.first(name)?;
                self.read(|scope| Scope { secret_of: Some((name, key.expose())), ..scope.clone() }.text(template))?
            }
        };
        Ok(text.and_then(|text| String::from_utf8(text).ok()))
    }

    fn put_header_list(&mut self) -> Result<(), String> {
        let Some(list) = &self.plan.header_list else { return Ok(()) };
        let names: Vec<&str> = list.required.iter().map(http::HeaderName::as_str).collect();
        self.put_item(&list.source, &names.join(&list.between))
    }

    fn put_time(&mut self) -> Result<(), String> {
        let Some(time) = &self.plan.time else { return Ok(()) };
        let text = match time.unit {
            Unit::None => self.read(|scope| scope.item_of(&time.source).map(|text| text.map(Value::into_owned)))?,
            _ => None,
        };
        let text = match text {
            Some(text) => String::from_utf8(text).map_err(|_| "the signed time is no text")?,
            None => timestamp::write(time.unit, self.now),
        };
        self.put_item(&time.source, &text)?;
        if let (Unit::S | Unit::Ms, Some(from)) = (time.unit, self.place(&time.source).ok().cloned()) {
            self.request.make_number(&from);
        }
        self.time = Some(text.into_bytes());
        Ok(())
    }

    fn put_tokens(&mut self) -> Result<(), String> {
        let Some(token) = self.plan.token.as_ref().filter(|token| !self.keys.of(&token.key).is_empty()) else {
            return Ok(());
        };
        let key = self.first(&token.key)?;
        let text = [token.prefix.as_slice(), key.expose()].concat();
        let text = String::from_utf8(text).map_err(|_| "the token is no text")?;
        // A bearer token is visible ASCII; a secret that is not goes to a place that takes it.
        let takes = |from: &&Reference| {
            text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') || from.place.encodes()
        };
        let suits = |from: &&Reference| takes(from) && self.request.suits(&from.place);
        let from = token.from.iter().find(suits).or(token.from.first()).ok_or("the token has no place")?;
        self.each_item(token.is_per_item, |signer, item| signer.request.put_at(from, &text, item))
    }

    /// Headers that nothing but the signed text names, such as a nonce: the sender makes them up.
    fn put_made_up(&mut self) -> Result<(), String> {
        let plan = self.plan;
        let signed = [
            plan.hmac.as_ref().map(|family| &family.signed),
            plan.hash.as_ref().map(|family| &family.signed),
            plan.public_key.as_ref().map(|family| &family.signed),
        ];
        for (expr, is_optional) in signed.into_iter().flatten().flat_map(Template::exprs) {
            let Some(Place::Header(name)) = expr.refs.first().map(|reference| &reference.place) else { continue };
            if !is_optional && self.read(|scope| scope.expr(expr).map(|value| value.is_none()))? {
                let value = self.made_up_id();
                self.request.set_header(&name.clone(), &value)?;
            }
        }
        Ok(())
    }

    fn put_signatures(&mut self) -> Result<(), String> {
        let plan = self.plan;
        if let Some(mac) = plan.hash.as_ref().filter(|mac| !self.keys.of(&mac.key).is_empty()) {
            self.put_mac(mac, |hash, _, text| function::digest(hash, &text.concat()))?;
        }
        if let Some(mac) = plan.hmac.as_ref().filter(|mac| !self.keys.of(&mac.key).is_empty()) {
            self.put_mac(mac, |hash, key, text| HmacKey::new(hash, key).mac(text))?;
        }
        match plan.public_key.as_ref().filter(|key| !self.keys.of(&key.key).is_empty()) {
            Some(key) => self.put_public_key(key),
            None => Ok(()),
        }
    }

    fn put_mac(&mut self, plan: &MacPlan, mac: fn(MacHash, &[u8], &[Value<'_>]) -> Vec<u8>) -> Result<(), String> {
        let key = self.first(&plan.key)?;
        self.each_item(plan.is_per_item, |signer, item| {
            let signature = signer.read(|scope| {
                let scope = Scope { secret: Some(key.expose()), item, ..scope.clone() };
                Ok(mac(plan.hash, key.expose(), &scope.pieces(&plan.signed)?))
            })?;
            signer.put_signature(&plan.source, &plan.encoding.encode(&signature), item)
        })
    }

    fn put_public_key(&mut self, plan: &PublicKeyPlan) -> Result<(), String> {
        let algorithm = match &plan.algorithm {
            AlgorithmPlan::Fixed(algorithm) => *algorithm,
            AlgorithmPlan::Named { from, names } => {
                // The strongest comes last where the names are versions.
                let (name, algorithm) = names.last().ok_or("no algorithm is named")?;
                self.request.put(from, "", name)?;
                *algorithm
            }
        };
        let key = PrivateKey::parse(self.first(&plan.key)?.expose())?;
        self.each_item(plan.is_per_item, |signer, item| {
            let text = signer.read(|scope| Scope { item, ..scope.clone() }.pieces(&plan.signed).map(|p| p.concat()))?;
            let signature = key.sign(algorithm, &text)?;
            signer.put_signature(&plan.source, &plan.encoding.encode(&signature), item)
        })
    }

    fn put_standard(&mut self, plan: &StandardPlan, id: Option<&str>) -> Result<(), String> {
        let set = plan.headers.first().ok_or("no headers are named")?;
        let text = |value: Option<&http::HeaderValue>| value.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let id = text(self.request.headers.get(&set.id)).or(id.map(str::to_owned)).unwrap_or_else(|| self.made_up_id());
        let time = timestamp::write(Unit::S, self.now);
        let signed = [id.as_bytes(), b".", time.as_bytes(), b".", &self.request.body].concat();
        let key = self.first(&plan.key)?;
        let key = key.expose();
        let signature = if let Some(seed) = key.strip_prefix(b"whsk_") {
            let seed = Encoding::Base64.decode(seed).ok_or("expected base64 behind whsk_")?;
            let seed = seed.get(..32).ok_or("expected 32 or 64 bytes behind whsk_")?;
            let signature = PrivateKey::parse(seed)?.sign(Algorithm::Ed25519, &signed)?;
            format!("v1a,{}", Encoding::Base64.encode(&signature))
        } else if key.starts_with(b"whpk_") {
            return Err("whpk_ is a public key: signing takes the private one, whsk_ and base64".to_owned());
        } else {
            let is_raw = self.plan.keys.iter().any(|of| of.r#use == plan.key && of.spec.encoding.is_some());
            let secret = if is_raw { Some(zeroize::Zeroizing::new(key.to_vec())) } else { standard_secret(key) };
            let secret = secret.ok_or("expected whsec_ and base64")?;
            let mac = HmacKey::new(MacHash::Sha256, &secret).mac(&[Value::Borrowed(&signed)]);
            format!("v1,{}", Encoding::Base64.encode(&mac))
        };
        self.request.set_header(&set.id, &id)?;
        self.request.set_header(&set.timestamp, &time)?;
        self.request.set_header(&set.signature, &signature)
    }

    fn put_jwt(&mut self, event: Option<&str>, id: Option<&str>) -> Result<(), String> {
        let plan = self.plan;
        let Some(family) = plan.jwt.as_ref().filter(|family| !self.keys.of(&family.key).is_empty()) else {
            return Ok(());
        };
        if family.chain.is_some() {
            return Err("only the provider has the chain of certificates that its tokens bring along".to_owned());
        }
        let from = family.from.first().ok_or("the token has no place")?;
        let mut claims = match (&from.place, serde_json::from_slice(&self.request.body)) {
            (Place::Body, Ok(Json::Object(claims))) => claims,
            _ => Map::new(),
        };
        let issued = self.now.as_second();
        claims.insert("iat".to_owned(), issued.into());
        claims.insert("exp".to_owned(), issued.saturating_add(TOKEN_SECONDS).into());
        let mut claims = Json::Object(claims);
        for (template, text) in [(&plan.event.r#type, event), (&plan.event.id, id)] {
            let [Part::Expr(expr)] = template.as_ref().map_or(&[][..], |template| &template.parts) else { continue };
            if let Some(pointer) = claim_pointer(expr.refs.first()).filter(|pointer| claims.pointer(pointer).is_none())
            {
                let text = text.map_or_else(|| self.made_up_id(), str::to_owned);
                // A value inside a text is left out.
                if let Ok(names) = request::pointer_names(pointer) {
                    request::set_json(&mut claims, &names, text.into())?;
                }
            }
        }
        for condition in &plan.require {
            let Some(pointer) = claim_pointer(condition.expr.as_ref().and_then(|expr| expr.refs.first())) else {
                continue;
            };
            let texts = condition.values.iter().find_map(|accepted| match accepted {
                Accepted::Text(template) => Some(template),
                Accepted::Pattern(_) => None,
            });
            let text = match texts {
                Some(template) => self.accepted_text(template)?.unwrap_or_default(),
                // Where any value will do, one that is there stays.
                None if claims.pointer(pointer).is_some() => continue,
                None => "1".to_owned(),
            };
            request::set_json(&mut claims, &request::pointer_names(pointer)?, text.into())?;
        }
        let key = signing_key(self.first(&family.key)?, family.is_symmetric)?;
        // The first algorithm that the key serves.
        let mut token = Err("no algorithm is named".to_owned());
        for algorithm in &family.check.algorithms {
            token = jwt::sign(*algorithm, &key, &claims.to_string());
            if token.is_ok() {
                break;
            }
        }
        let token = token?;
        let prefix = String::from_utf8_lossy(&family.prefix).into_owned();
        self.request.put(from, "", &format!("{prefix}{token}"))
    }

    fn put_http(&mut self) -> Result<(), String> {
        let Some(family) = self.plan.http.as_ref().filter(|family| !self.keys.of(&family.key).is_empty()) else {
            return Ok(());
        };
        let key = signing_key(self.first(&family.key)?, family.public_algorithms().is_empty())?;
        let delivery = self.request.delivery();
        let reader = Reader::new(self.plan, delivery);
        let base = reader.url_base().map(|base| String::from_utf8_lossy(&base).into_owned());
        let headers = http_signature::sign(&delivery, base.as_deref(), &key, &family.check, self.now)?;
        drop(reader);
        self.request.headers.extend(headers);
        Ok(())
    }

    fn put_item(&mut self, source: &Source, item: &str) -> Result<(), String> {
        let from = self.place(source)?;
        let separator = String::from_utf8_lossy(source.split.get(..1).unwrap_or_default()).into_owned();
        let prefix = String::from_utf8_lossy(&source.prefix);
        self.request.put(from, &separator, &format!("{prefix}{item}"))
    }

    /// The first place of a source that the body has.
    fn place<'s>(&self, source: &'s Source) -> Result<&'s Reference, String> {
        let suits = |from: &&Reference| self.request.suits(&from.place);
        source.from.iter().find(suits).or(source.from.first()).ok_or_else(|| "a value has no place".to_owned())
    }

    fn put_signature(&mut self, source: &Source, signature: &str, item: Option<usize>) -> Result<(), String> {
        let from = self.place(source)?;
        if item.is_some() {
            let prefix = String::from_utf8_lossy(&source.prefix);
            return self.request.put_at(from, &format!("{prefix}{signature}"), item);
        }
        let separator = String::from_utf8_lossy(source.split.get(..1).unwrap_or_default()).into_owned();
        while self.request.items(from) < source.skip {
            self.request.put(from, &separator, "-")?;
        }
        self.put_item(source, signature)
    }

    fn each_item(
        &mut self,
        is_per_item: bool,
        mut put: impl FnMut(&mut Self, Option<usize>) -> Result<(), String>,
    ) -> Result<(), String> {
        if !is_per_item {
            return put(self, None);
        }
        match self.read(|scope| Ok(scope.reader.items()))? {
            0 => Err("the body has no items to sign: give one as the provider sends it".to_owned()),
            items => (0..items).try_for_each(|item| put(self, Some(item))),
        }
    }

    fn first(&self, name: &str) -> Result<Secret, String> {
        self.keys.first(name).cloned().ok_or_else(|| format!("there is no key for the use `{name}`"))
    }

    /// An id that is the same for the same body at the same time.
    fn made_up_id(&self) -> String {
        let digest =
            Sha256::new().chain_update(self.now.as_nanosecond().to_be_bytes()).chain_update(&self.request.body);
        let digest = digest.finalize();
        format!("msg_{}", Encoding::Hex.encode(digest.get(..12).unwrap_or_default()))
    }
}

fn claim_pointer(reference: Option<&Reference>) -> Option<&str> {
    reference?.text.strip_prefix("claim:")
}

fn signing_key(secret: Secret, is_symmetric: bool) -> Result<SigningKey, String> {
    if is_symmetric {
        return Ok(SigningKey::Secret(secret));
    }
    PrivateKey::parse(secret.expose()).map(SigningKey::Private)
}
