//! Requests as the files of `tests/vectors` hold them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;
use std::{env, fs};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jethook::catalogue::{self, Provider};
use jethook::scheme::{
    Context, Delivery, Fault, FetchedKeys, Key, KeyRequest, Keyring, Rejection, Scheme, Verdict, Verification,
};
use jethook::secret::Secret;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value as Json;

/// The URL of the endpoint where a vector names none.
pub const URL: &str = "https://hooks.example.com/shop/endpoint";

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vector {
    #[serde(skip)]
    pub file: String,
    #[serde(skip)]
    pub provider: String,
    /// The URL at which the provider reaches the endpoint.
    #[serde(skip)]
    pub url: String,
    pub from: From,
    pub now: i64,
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    #[serde(default)]
    pub secrets: Vec<Given>,
    /// Documents by the URL at which keys are fetched.
    #[serde(default)]
    pub fetched: BTreeMap<String, Json>,
    /// Roots in place of the entry's, for chains of certificates that the sender's own root did not sign.
    #[serde(default)]
    roots: Vec<String>,
    request: Sent,
    pub expect: Expect,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "name and date are for people")]
pub struct From {
    pub kind: String,
    name: String,
    date: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Given {
    Signing(String),
    Of { r#use: String, value: String },
}

impl Given {
    pub fn parts(&self) -> (&str, &str) {
        match self {
            Self::Signing(value) => ("signing", value),
            Self::Of { r#use, value } => (r#use, value),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Sent {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    body_base64: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expect {
    pub event: Option<String>,
    pub id: Option<String>,
    pub time: Option<String>,
    #[serde(default)]
    pub handshake: bool,
    pub answer: Option<Answer>,
    /// The URL that must be visited before the answer.
    pub visit: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answer {
    pub status: u16,
    pub content_type: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// A request that can be altered.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    pub path: String,
    pub query: Option<String>,
    pub path_token: Option<String>,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Request {
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

    /// Reads a URL; where the route owns a token, it is what stands behind the endpoint's own path.
    pub fn set_url(&mut self, url: &str, base: &str, owns_path_token: bool) {
        let (uri, base): (http::Uri, http::Uri) = (url.parse().unwrap(), base.parse().unwrap());
        uri.path().clone_into(&mut self.path);
        self.query = uri.query().map(str::to_owned);
        let behind = uri.path().strip_prefix(base.path()).and_then(|rest| rest.strip_prefix('/'));
        let segment = behind.or_else(|| uri.path().split('/').nth(3));
        self.path_token = segment.filter(|_| owns_path_token).map(str::to_owned);
    }
}

impl Vector {
    pub fn scheme(&self) -> Scheme {
        self.scheme_with(None)
    }

    /// The scheme with the endpoint's own tolerance.
    pub fn scheme_with(&self, tolerance: Option<Duration>) -> Scheme {
        self.compile(&self.parameters, &self.url, tolerance)
            .unwrap_or_else(|faults| panic!("{}: {faults:?}", self.file))
    }

    /// The scheme with other parameters.
    pub fn compile(
        &self,
        parameters: &BTreeMap<String, String>,
        url: &str,
        tolerance: Option<Duration>,
    ) -> Result<Scheme, Vec<Fault>> {
        let url = parameters.get("publicUrl").map_or(url, String::as_str);
        Scheme::compile(&self.verification(), Context { parameters, url: Some(url), tolerance })
    }

    /// The entry's description, under the vector's own roots.
    pub fn verification(&self) -> Verification {
        let mut verification = entry(&self.provider).verification.clone();
        for x5c in verification.keys.values_mut().filter_map(|key| key.x5c.as_mut()) {
            if !self.roots.is_empty() {
                x5c.roots.clone_from(&self.roots);
            }
        }
        verification
    }

    /// Verifies with the keys that the vector has at its URLs.
    pub fn verify(
        &self,
        scheme: &Scheme,
        keys: &Keyring,
        delivery: &Delivery<'_>,
        now: Timestamp,
    ) -> Result<Verdict, Rejection> {
        let fetched = match scheme.key_request(keys, delivery)? {
            None => None,
            Some(request) => match self.fetched.get(&request.url) {
                Some(Json::String(text)) => Some(read_keys(&request, text)),
                Some(document) => Some(read_keys(&request, &document.to_string())),
                None => None,
            },
        };
        scheme.verify_with(keys, fetched.as_ref(), delivery, now)
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_second(self.now).unwrap()
    }

    pub fn keys(&self) -> Vec<Key> {
        let key = |(index, given): (usize, &Given)| {
            let (r#use, value) = given.parts();
            Key { index, r#use: r#use.to_owned(), secret: Secret::from(value) }
        };
        self.secrets.iter().enumerate().map(key).collect()
    }

    pub fn keyring(&self, scheme: &Scheme) -> Keyring {
        let (keys, faults) = scheme.keyring(self.keys());
        assert!(faults.is_empty(), "{}: {faults:?}", self.file);
        assert!(keys.is_armed(), "{}: no family has a key", self.file);
        keys
    }

    pub fn request(&self) -> Request {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.request.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let body = match (&self.request.body, &self.request.body_base64) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(text)) => jethook::scheme::Encoding::Base64.decode(text.as_bytes()).unwrap(),
            _ => panic!("{}: give body or bodyBase64", self.file),
        };
        let method = self.request.method.parse().unwrap();
        let mut request = Request { method, path: String::new(), query: None, path_token: None, headers, body };
        request.set_url(&self.request.url, &self.url, self.scheme().owns_path_token());
        request
    }
}

fn read_keys(request: &KeyRequest, document: &str) -> FetchedKeys {
    FetchedKeys::parse(request.format, &request.pointer, document.as_bytes())
        .unwrap_or_else(|error| panic!("{}: {error}", request.url))
}

fn entry(provider: &str) -> &'static Provider {
    catalogue::find(provider).unwrap_or_else(|| panic!("there is no entry {provider}"))
}

/// Compiles an entry.
pub fn compile(
    provider: &str,
    parameters: &BTreeMap<String, String>,
    url: &str,
    tolerance: Option<Duration>,
) -> Result<Scheme, Vec<Fault>> {
    let provider = entry(provider);
    let url = parameters.get("publicUrl").map_or(url, String::as_str);
    Scheme::compile(&provider.verification, Context { parameters, url: Some(url), tolerance })
}

/// Values for the parameters that an entry requires: those of a vector, or any that have their patterns.
pub fn parameters_of(provider: &Provider) -> BTreeMap<String, String> {
    if let Some(vector) = all().iter().find(|vector| vector.provider == provider.id) {
        return vector.parameters.clone();
    }
    let required = provider.verification.parameters.iter().filter(|(_, parameter)| parameter.required);
    required.map(|(name, parameter)| (name.clone(), example(&parameter.pattern))).collect()
}

/// The shortest text that has a pattern of literals, classes and counts.
fn example(pattern: &str) -> String {
    let mut out = String::new();
    let mut rest = pattern.split('|').next().unwrap_or_default();
    while let Some(first) = rest.chars().next() {
        let (char, length) = match first {
            '[' => (rest[1..].chars().find(char::is_ascii_alphanumeric).unwrap_or('-'), rest.find(']').unwrap() + 1),
            '\\' => (rest[1..].chars().next().unwrap(), 2),
            '.' => ('a', 1),
            other => (other, other.len_utf8()),
        };
        rest = &rest[length..];
        let (count, length) = match rest.chars().next() {
            Some('{') => {
                let end = rest.find('}').unwrap();
                let least = rest[1..end].split(',').next().unwrap();
                (least.parse::<usize>().unwrap().max(1), end + 1)
            }
            Some('*' | '+' | '?') => (1, 1),
            _ => (1, 0),
        };
        out.extend(std::iter::repeat_n(char, count));
        rest = &rest[length..];
    }
    if out.is_empty() { "value".to_owned() } else { out }
}

/// All vectors, in the order of their files.
pub fn all() -> Vec<Vector> {
    static VECTORS: LazyLock<Vec<Vector>> = LazyLock::new(|| read_all(&root()));
    VECTORS.clone()
}

/// Where the vectors are: a folder for each entry. `make test-oracles` has its own.
fn root() -> PathBuf {
    env::var_os("JETHOOK_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors"), PathBuf::from)
}

fn read_all(root: &Path) -> Vec<Vector> {
    let mut vectors = Vec::new();
    for folder in fs::read_dir(root).unwrap() {
        let folder = folder.unwrap().path();
        let provider = folder.file_name().unwrap().to_str().unwrap().to_owned();
        for file in fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            let file = path.strip_prefix(root).unwrap().display().to_string();
            let text = fs::read_to_string(&path).unwrap();
            let vector: Vector = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
            let url = vector.parameters.get("publicUrl").cloned().unwrap_or_else(|| URL.to_owned());
            vectors.push(Vector { file, provider: provider.clone(), url, ..vector });
        }
    }
    vectors.sort_by(|a, b| a.file.cmp(&b.file));
    vectors
}
