//! Places in a request, named as entries name them: read, set, removed and repeated.

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use jethook::scheme::Encoding;
use serde_json::Value as Json;

use super::vector::Request;

/// Where a value of a request is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Header(HeaderName),
    Query(String),
    Form(String),
    /// A JSON pointer; a `*` stands for the first element.
    Json(String),
    Bearer,
    Basic,
    PathToken,
    /// What is not set from here: whole bodies, XML, values inside values.
    Other(String),
}

impl Place {
    /// Reads a reference of an entry, its parameters put in; `each` is the pointer to the items of a batch.
    pub fn parse(text: &str, each: Option<&str>) -> Self {
        let pointer = |pointer: &str| !pointer.contains('!') && !pointer.contains('^');
        match text.split_once(':') {
            None if text == "bearer" => Self::Bearer,
            None if text == "basic" => Self::Basic,
            None if text == "pathToken" => Self::PathToken,
            Some(("header", name)) => Self::Header(name.parse().unwrap()),
            Some(("query", name)) => Self::Query(name.to_owned()),
            Some(("form", name)) if !name.contains('/') => Self::Form(name.to_owned()),
            Some(("json", name)) if pointer(name) => Self::Json(name.to_owned()),
            Some(("item", name)) if pointer(name) => Self::Json(format!("{}{name}", each.unwrap_or_default())),
            _ => Self::Other(text.to_owned()),
        }
    }

    /// Whether it is outside the body.
    pub fn is_outside(&self) -> bool {
        matches!(self, Self::Header(_) | Self::Query(_) | Self::Bearer | Self::Basic | Self::PathToken)
    }

    /// The value, decoded; of several the first.
    pub fn get(&self, request: &Request) -> Option<String> {
        match self {
            Self::Header(name) => Some(request.headers.get(name)?.to_str().ok()?.to_owned()),
            Self::Query(name) => field(request.query.as_deref()?, name),
            Self::Form(name) if is_form(request) => field(std::str::from_utf8(&request.body).ok()?, name),
            Self::Json(pointer) => {
                let body: Json = serde_json::from_slice(&request.body).ok()?;
                match body.pointer(&first(pointer))? {
                    Json::String(text) => Some(text.clone()),
                    value @ (Json::Number(_) | Json::Bool(_)) => Some(value.to_string()),
                    _ => None,
                }
            }
            Self::Bearer => credentials(request, "bearer"),
            Self::Basic => {
                let decoded = Encoding::Base64.decode(credentials(request, "basic")?.as_bytes())?;
                String::from_utf8(decoded).ok()
            }
            Self::PathToken => Some(decode(request.path_token.as_deref()?)),
            Self::Form(_) | Self::Other(_) => None,
        }
    }

    /// Sets the value.
    pub fn set(&self, request: &mut Request, value: &str) {
        match self {
            Self::Header(name) => {
                request.headers.insert(name.clone(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            Self::Query(name) => {
                let query = request.query.take().unwrap_or_default();
                request.query = Some(replaced(&query, name, Some(value)));
            }
            Self::Form(name) => {
                let body = std::str::from_utf8(&request.body).unwrap();
                request.body = replaced(body, name, Some(value)).into_bytes();
            }
            Self::Json(pointer) => set_json(request, pointer, Some(value)),
            Self::Bearer => Self::Header(AUTHORIZATION).set(request, &format!("Bearer {value}")),
            Self::Basic => {
                Self::Header(AUTHORIZATION)
                    .set(request, &format!("Basic {}", Encoding::Base64.encode(value.as_bytes())));
            }
            Self::PathToken => request.path_token = Some(encode(value)),
            Self::Other(text) => panic!("nothing can be set at {text}"),
        }
    }

    /// Removes the value.
    pub fn remove(&self, request: &mut Request) {
        match self {
            Self::Header(name) => drop(request.headers.remove(name)),
            Self::Query(name) => {
                let query = request.query.as_deref().map(|query| replaced(query, name, None));
                request.query = query.filter(|query| !query.is_empty());
            }
            Self::Form(name) if is_form(request) => {
                let body = std::str::from_utf8(&request.body).unwrap();
                request.body = replaced(body, name, None).into_bytes();
            }
            Self::Json(pointer) => set_json(request, pointer, None),
            Self::Bearer | Self::Basic => drop(request.headers.remove(AUTHORIZATION)),
            Self::PathToken => request.path_token = None,
            Self::Form(_) | Self::Other(_) => {}
        }
    }

    /// Sends a second value along, where the place can have one.
    pub fn repeat(&self, request: &mut Request, value: &str) -> bool {
        let pair = |text: &str, name: &str| format!("{text}&{}={}", encode(name), encode(value));
        match self {
            Self::Header(name) => drop(request.headers.append(name.clone(), value.parse().unwrap())),
            Self::Bearer => drop(request.headers.append(AUTHORIZATION, format!("Bearer {value}").parse().unwrap())),
            Self::Basic => drop(request.headers.append(AUTHORIZATION, "Basic YTpi".parse().unwrap())),
            Self::Query(name) => request.query = request.query.as_deref().map(|query| pair(query, name)),
            Self::Form(name) => request.body = pair(std::str::from_utf8(&request.body).unwrap(), name).into_bytes(),
            Self::Json(_) | Self::PathToken | Self::Other(_) => return false,
        }
        true
    }
}

/// A value like `value` that is another one: a letter, a digit or the end differs.
pub fn another(value: &str) -> String {
    let mut out: Vec<char> = value.chars().collect();
    let Some(at) = out.iter().rposition(char::is_ascii_alphanumeric) else { return format!("{value}x") };
    out[at] = match out[at] {
        '9' => '8',
        'z' | 'Z' => 'a',
        'f' => 'e',
        'F' => 'E',
        other => char::from(u8::try_from(other).unwrap() + 1),
    };
    out.into_iter().collect()
}

fn first(pointer: &str) -> String {
    pointer.replace("/*", "/0")
}

fn is_form(request: &Request) -> bool {
    !request.body.trim_ascii_start().starts_with(b"{")
        && !request.body.starts_with(b"--")
        && std::str::from_utf8(&request.body).is_ok()
}

fn credentials(request: &Request, scheme: &str) -> Option<String> {
    let value = request.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (name, rest) = value.split_once(' ')?;
    name.eq_ignore_ascii_case(scheme).then(|| rest.trim().to_owned())
}

fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn field(text: &str, name: &str) -> Option<String> {
    let mut pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(of, _)| decode(of) == name).map(|(_, value)| decode(value))
}

/// The pairs with one value replaced, removed, or added behind the others.
fn replaced(text: &str, name: &str, value: Option<&str>) -> String {
    let mut is_there = false;
    let mut pairs = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (of, _) = pair.split_once('=').unwrap_or((pair, ""));
        if decode(of) != name {
            pairs.push(pair.to_owned());
        } else if let Some(value) = value.filter(|_| !is_there) {
            pairs.push(format!("{of}={}", encode(value)));
            is_there = true;
        }
    }
    if let Some(value) = value.filter(|_| !is_there) {
        pairs.push(format!("{}={}", encode(name), encode(value)));
    }
    pairs.join("&")
}

fn set_json(request: &mut Request, pointer: &str, value: Option<&str>) {
    let Ok(mut body) = serde_json::from_slice::<Json>(&request.body) else { return };
    let pointer = first(pointer);
    let Some((parent, name)) = pointer.rsplit_once('/') else { return };
    let name = name.replace("~1", "/").replace("~0", "~");
    match (body.pointer_mut(parent), value) {
        (Some(Json::Object(members)), None) => drop(members.remove(&name)),
        (Some(Json::Object(members)), Some(value)) => {
            let is_number = members.get(&name).is_some_and(Json::is_number);
            let value = if is_number { serde_json::from_str(value).unwrap_or(value.into()) } else { value.into() };
            members.insert(name, value);
        }
        (Some(Json::Array(items)), Some(value)) => {
            if let Some(item) = name.parse().ok().and_then(|at: usize| items.get_mut(at)) {
                *item = value.into();
            }
        }
        _ => return,
    }
    request.body = body.to_string().into_bytes();
}
