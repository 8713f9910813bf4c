//! Schemes under test, and requests to hold against them.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, Method};
use jethook::scheme::{
    Context, Delivery, Draft, Fault, Key, Keyring, Rejection, Scheme, Verdict, Verification, Verified,
};
use jethook::secret::Secret;
use jiff::Timestamp;

/// A scheme with its keys.
pub struct Under {
    pub scheme: Scheme,
    pub keys: Keyring,
}

impl Under {
    pub fn new(text: &str, parameters: &BTreeMap<String, String>, url: Option<&str>, given: &[(&str, &str)]) -> Self {
        let scheme = compile(text, parameters, url).unwrap_or_else(|faults| panic!("{faults:?}\n{text}"));
        let has = |name: &str| scheme.uses().iter().any(|of| of.name == name);
        let given: Vec<_> = given.iter().copied().filter(|(name, _)| has(name)).collect();
        let (keys, faults) = scheme.keyring(keys(&given));
        assert!(faults.is_empty(), "{faults:?}\n{text}");
        Self { scheme, keys }
    }

    pub fn verify(&self, sent: &Sent, now: Timestamp) -> Result<Verified, Rejection> {
        match self.scheme.verify(&self.keys, &sent.delivery(), now)? {
            Verdict::Event(verified) => Ok(verified),
            Verdict::Greeting(reply) => panic!("a handshake: {reply:?}"),
        }
    }

    pub fn sign(&self, draft: Draft, now: Timestamp) -> Result<Sent, String> {
        self.scheme.sign(&self.keys, draft, now).map(|draft| Sent::signed(&self.scheme, draft))
    }
}

/// A sender with keys of its own.
pub struct Signer<'s> {
    scheme: &'s Scheme,
    keys: Keyring,
}

impl<'s> Signer<'s> {
    pub fn new(scheme: &'s Scheme, given: &[(&str, &str)]) -> Self {
        let (keys, faults) = scheme.signing_keyring(keys(given));
        assert!(faults.is_empty(), "{faults:?}");
        Self { scheme, keys }
    }

    pub fn sign(&self, draft: Draft, now: Timestamp) -> Result<Sent, String> {
        self.scheme.sign(&self.keys, draft, now).map(|draft| Sent::signed(self.scheme, draft))
    }
}

pub fn compile(text: &str, parameters: &BTreeMap<String, String>, url: Option<&str>) -> Result<Scheme, Vec<Fault>> {
    let verification: Verification = toml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    Scheme::compile(&verification, Context { parameters, url, tolerance: None })
}

pub fn keys(given: &[(&str, &str)]) -> Vec<Key> {
    let key = |(index, (name, value)): (usize, &(&str, &str))| Key {
        index,
        r#use: (*name).to_owned(),
        secret: Secret::from(*value),
    };
    given.iter().enumerate().map(key).collect()
}

pub fn now() -> Timestamp {
    Timestamp::from_second(1_795_478_400).unwrap()
}

pub fn draft(method: &str, body: &str, event: Option<&str>, id: Option<&str>) -> Draft {
    Draft {
        method: method.parse().unwrap(),
        url: "https://hooks.example.com/ns/name".to_owned(),
        headers: Vec::new(),
        body: body.to_owned().into(),
        event: event.map(str::to_owned),
        id: id.map(str::to_owned),
    }
}

/// A request.
#[derive(Clone, Debug)]
pub struct Sent {
    method: Method,
    path: String,
    pub query: Option<String>,
    path_token: Option<String>,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Sent {
    pub fn new(method: &str, url: &str, headers: &BTreeMap<String, String>, body: &[u8]) -> Self {
        let uri: http::Uri = url.parse().unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        }
        Self {
            method: method.parse().unwrap(),
            path: uri.path().to_owned(),
            query: uri.query().map(str::to_owned),
            path_token: None,
            headers: map,
            body: body.to_vec(),
        }
    }

    fn signed(scheme: &Scheme, draft: Draft) -> Self {
        let headers = draft.headers.into_iter().collect();
        let mut sent = Self::new(draft.method.as_str(), &draft.url, &headers, &draft.body);
        if scheme.owns_path_token() {
            sent.path_token = sent.path.strip_prefix("/ns/name/").map(str::to_owned);
        }
        sent
    }

    pub fn delivery(&self) -> Delivery<'_> {
        Delivery {
            method: &self.method,
            path: &self.path,
            query: self.query.as_deref(),
            path_token: self.path_token.as_deref(),
            headers: &self.headers,
            body: &self.body,
        }
    }

    /// Alters something at random.
    pub fn scramble(&mut self, random: &mut fastrand::Rng) {
        for _ in 0..random.usize(1..4) {
            match random.u8(0..6) {
                0 | 1 if !self.body.is_empty() => {
                    let at = random.usize(0..self.body.len());
                    self.body[at] = random.u8(..);
                }
                2 => self.body.truncate(random.usize(0..=self.body.len())),
                3 | 4 => {
                    let names: Vec<HeaderName> = self.headers.keys().cloned().collect();
                    let Some(name) = random.choice(names) else { continue };
                    let mut value = self.headers[&name].as_bytes().to_vec();
                    let at = random.usize(0..=value.len());
                    value.splice(at..at, (0..random.usize(0..4)).map(|_| random.u8(32..=126)));
                    if random.bool() {
                        value.truncate(at);
                    }
                    self.headers.insert(name, http::HeaderValue::from_bytes(&value).unwrap());
                }
                _ => self.query = Some((0..random.usize(0..20)).map(|_| random.char('!'..'~')).collect()),
            }
        }
    }
}
