//! Requests as the files of `tests/vectors` hold them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jethook::catalogue;
use jethook::scheme::{Context, Delivery, Key, Keyring, Scheme};
use jethook::secret::Secret;
use jiff::Timestamp;
use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vector {
    #[serde(skip)]
    pub file: String,
    #[serde(skip)]
    pub provider: String,
    pub from: From,
    pub now: i64,
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    pub secrets: Vec<Given>,
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
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answer {
    pub status: u16,
    pub content_type: Option<String>,
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

    /// Reads a URL; where the route owns a token, it is what stands behind `/{namespace}/{name}`.
    pub fn set_url(&mut self, url: &str, owns_path_token: bool) {
        let uri: http::Uri = url.parse().unwrap();
        uri.path().clone_into(&mut self.path);
        self.query = uri.query().map(str::to_owned);
        let mut segments = uri.path().split('/').skip(3);
        self.path_token = segments.next().filter(|_| owns_path_token).map(str::to_owned);
    }
}

impl Vector {
    pub fn scheme(&self) -> Scheme {
        scheme(&self.provider, &self.parameters)
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
        assert!(scheme.is_armed(&keys), "{}: no family has a key", self.file);
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
        request.set_url(&self.request.url, self.scheme().owns_path_token());
        request
    }
}

pub fn scheme(provider: &str, parameters: &BTreeMap<String, String>) -> Scheme {
    let provider = catalogue::find(provider).unwrap_or_else(|| panic!("there is no entry {provider}"));
    let context = Context { parameters, url: Some("https://hooks.example.com/shop/endpoint"), tolerance: None };
    Scheme::compile(&provider.verification, context).unwrap_or_else(|faults| panic!("{}: {faults:?}", provider.id))
}

/// All vectors, in the order of their files.
pub fn all() -> Vec<Vector> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut vectors = Vec::new();
    for folder in fs::read_dir(&root).unwrap() {
        let folder = folder.unwrap().path();
        let provider = folder.file_name().unwrap().to_str().unwrap().to_owned();
        for file in fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            let file = path.strip_prefix(&root).unwrap().display().to_string();
            let text = fs::read_to_string(&path).unwrap();
            let vector: Vector = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
            vectors.push(Vector { file, provider: provider.clone(), ..vector });
        }
    }
    vectors.sort_by(|a, b| a.file.cmp(&b.file));
    vectors
}
