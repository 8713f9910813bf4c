//! The genuine deliveries of `tests/vectors` with what their entries say of them, read from the description alone.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};
use jethook::scheme::{Draft, Keyring, Rejection, Scheme, Verdict};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::vector::{Request, Vector, all};

/// A genuine delivery, ready to be altered.
pub struct Entry {
    pub vector: Vector,
    /// `verification` of its entry.
    pub spec: Value,
    pub scheme: Scheme,
    pub keys: Keyring,
    pub request: Request,
}

/// The families that read their proof from places listed in `from`.
const LISTED: [&str; 5] = ["hmac", "hash", "publicKey", "token", "jwt"];

/// Every vector that is a delivery and whose keys are at hand.
pub fn deliveries() -> Vec<Entry> {
    let vectors = all().into_iter().filter(|vector| !vector.expect.handshake);
    let is_delivery = |entry: &Entry| entry.scheme.greet(&entry.keys, &entry.request.delivery()).is_none();
    let entries: Vec<Entry> = vectors.map(Entry::new).filter(is_delivery).collect();
    assert!(entries.len() > 30, "{}", entries.len());
    entries
}

impl Entry {
    fn new(vector: Vector) -> Self {
        let spec = serde_json::to_value(vector.verification()).unwrap();
        let scheme = vector.scheme();
        let (keys, request) = (vector.keyring(&scheme), vector.request());
        Self { vector, spec, scheme, keys, request }
    }

    /// The value of a key with this use, the first that is given.
    pub fn secrets<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.vector.secrets.iter().map(|given| given.parts()).filter(move |(of, _)| *of == name).map(|(_, value)| value)
    }

    /// The description of a family that is checked with the keys of this vector.
    pub fn family(&self, name: &str) -> Option<&Value> {
        let family = self.spec.get(name)?;
        let key = family["key"].as_str().unwrap_or("signing");
        let is_published = self.spec["keys"][key]
            .as_object()
            .is_some_and(|key| ["constant", "fetch", "x5c"].iter().any(|name| key.contains_key(*name)));
        (is_published || self.secrets(key).next().is_some()).then_some(family)
    }

    /// A list of references, with the parameters put in.
    pub fn from(&self, family: &Value) -> Vec<String> {
        let list = family["from"].as_array().into_iter().flatten();
        list.filter_map(Value::as_str).map(|reference| self.with_parameters(reference)).collect()
    }

    /// A text with the parameters put in.
    pub fn with_parameters(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, of) in self.spec["parameters"].as_object().into_iter().flatten() {
            let value = self.vector.parameters.get(name).map(String::as_str).or(of["default"].as_str());
            text = text.replace(&format!("{{param:{name}}}"), value.unwrap_or_default());
        }
        text
    }

    /// The headers of the request that hold a signature, a token or a signed time.
    pub fn proofs(&self) -> Vec<HeaderName> {
        let mut references: Vec<String> =
            LISTED.iter().filter_map(|name| self.family(name)).flat_map(|family| self.from(family)).collect();
        if LISTED[..3].iter().any(|name| self.family(name).is_some()) {
            references.extend(self.from(&self.spec["timestamp"]));
        }
        let mut names: Vec<String> = references.iter().filter_map(|text| header_of(text)).collect();
        if let Some(family) = self.family("standardWebhooks") {
            let default = json!(["webhook"]);
            let prefixes = family.get("headers").unwrap_or(&default).as_array().unwrap();
            for prefix in prefixes.iter().filter_map(Value::as_str) {
                names.extend(["id", "timestamp", "signature"].map(|suffix| format!("{prefix}-{suffix}")));
            }
        }
        if self.family("httpSignature").is_some() {
            names.extend(["signature", "signature-input", "authorization"].map(str::to_owned));
        }
        let held = self.request.headers.keys();
        let is_named = |held: &&HeaderName| {
            names.iter().any(|name| match name.strip_suffix('#') {
                Some(prefix) => held.as_str().starts_with(&prefix.to_ascii_lowercase()),
                None => held.as_str().eq_ignore_ascii_case(name),
            })
        };
        held.filter(is_named).cloned().collect()
    }

    /// What stands before a signature: `sha256=`, `v1,` and the like.
    pub fn prefixes(&self) -> Vec<String> {
        let families = LISTED.iter().filter_map(|name| self.family(name)).chain(self.spec.get("timestamp"));
        let mut prefixes: Vec<String> =
            families.filter_map(|family| family["prefix"].as_str()).map(|text| self.with_parameters(text)).collect();
        prefixes.extend(["v1,", "v1a,", "sha256=", "t=,v1=", "Bearer ", "Basic "].map(str::to_owned));
        prefixes
    }

    /// Verifies with the keys of the vector, fetched ones included.
    pub fn verify(&self, request: &Request, now: Timestamp) -> Result<Verdict, Rejection> {
        self.vector.verify(&self.scheme, &self.keys, &request.delivery(), now)
    }

    /// Whether the signed text, or what is required, holds a part of the URL.
    pub fn reads_url(&self) -> bool {
        let text = self.spec.to_string();
        ["url", "path}", "host", "Query", "querySorted", "@target", "@path", "request-target"]
            .iter()
            .any(|part| text.contains(part))
    }

    /// Whether its keys come by a URL or with the delivery.
    pub fn fetches(&self) -> bool {
        self.scheme.fetches() || self.spec.to_string().contains("\"x5c\"")
    }

    /// The same delivery signed anew for a URL and a time, with none of its keys changed, and what is behind the endpoint's
    /// own URL; `None` where the private half of its key is not at hand.
    pub fn signed_anew(&self, url: &str, now: Timestamp) -> Option<(String, Request)> {
        let url = self.vector.parameters.get("publicUrl").map_or(url, String::as_str);
        let scheme = self.vector.compile(&self.vector.parameters, url, None).unwrap();
        let Ok(Verdict::Event(verified)) = self.verify(&self.request, self.vector.now()) else { return None };
        let (proofs, evidence) = (self.proofs(), scheme.evidence());
        let kept = self.request.headers.iter().filter(|(name, _)| {
            **name == http::header::CONTENT_TYPE || !evidence.contains(name) && !proofs.contains(name)
        });
        let draft = Draft {
            method: self.request.method.clone(),
            url: url.to_owned(),
            headers: kept
                .map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
                .collect::<Option<_>>()?,
            body: self.request.body.clone().into(),
            event: verified.event().map(str::to_owned),
            id: verified.id().map(|id| id.value.clone()),
        };
        let signed = scheme.sign(&self.keys, draft, now).ok()?;
        let mut request = self.request.clone();
        request.body = signed.body.to_vec();
        request.set_url(&signed.url, url, scheme.owns_path_token());
        request.headers.clear();
        for (name, value) in &signed.headers {
            request.headers.append(name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap());
        }
        // The private half of a public key is not in the vectors, and what was signed without it is no twin.
        let verdict = self.vector.verify(&scheme, &self.keys, &request.delivery(), now);
        let behind = signed.url.strip_prefix(url)?.to_owned();
        matches!(verdict, Ok(Verdict::Event(_))).then_some((behind, request))
    }

    /// The endpoint of this vector under a name, with its Secret: spec and keys.
    pub fn endpoint(&self, name: &str) -> (Value, BTreeMap<String, String>) {
        let (mut refs, mut keys) = (Vec::new(), BTreeMap::new());
        for (number, given) in self.vector.secrets.iter().enumerate() {
            let (purpose, value) = given.parts();
            let key = format!("key-{number}");
            refs.push(json!({"name": name, "key": key, "use": purpose}));
            keys.insert(key, value.to_owned());
        }
        let mut spec = json!({"provider": self.vector.provider, "secretRefs": refs});
        if !self.vector.parameters.is_empty() {
            spec["parameters"] = json!(self.vector.parameters);
        }
        (spec, keys)
    }
}

/// The header that a reference reads.
pub fn header_of(reference: &str) -> Option<String> {
    match reference {
        "bearer" | "basic" => Some("authorization".to_owned()),
        text => text.strip_prefix("header:").map(str::to_owned),
    }
}
