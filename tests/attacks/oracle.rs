//! What a signature protects, and whether it is right, worked out a second time: from the entry's description, with none
//! of jethook's own reading of requests, templates and signatures.

use std::collections::BTreeSet;

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use http::HeaderName;
use jethook::scheme::Authenticates;
use jiff::Timestamp;
use serde_json::Value;
use sha2::Digest as _;

use crate::entry::Entry;
use crate::signatures::mac_of;
use crate::vector::Request;

/// What a request shows at a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Absent,
    Bytes(Vec<u8>),
    /// This reading does not know the reference.
    Unknown,
}

#[derive(Clone, Debug)]
struct Expr {
    functions: Vec<String>,
    references: Vec<String>,
    is_optional: bool,
}

#[derive(Clone, Debug)]
enum Part {
    Literal(String),
    Expr(Expr),
    Group(Vec<Part>),
}

/// Whether an accepted mutant may be accepted.
#[derive(Debug, PartialEq, Eq)]
pub enum Judged {
    /// All that is protected is as in the genuine one.
    Same,
    /// It differs in something that this reading does not know.
    Unknown(&'static str),
    /// Something protected differs.
    Differs(String),
}

const FUNCTIONS: [&str; 19] = [
    "md5",
    "sha1",
    "sha256",
    "sha384",
    "sha512",
    "crc32",
    "hex",
    "hexUpper",
    "base64",
    "base64url",
    "lower",
    "upper",
    "trim",
    "dots",
    "urlEncode",
    "escape",
    "encodeUri",
    "decodeReserved",
    "compact",
];

fn parse(text: &str) -> Vec<Part> {
    let (mut parts, mut literal, mut rest) = (Vec::new(), String::new(), text);
    while !rest.is_empty() {
        let take = |count: usize| &rest[count..];
        if let Some(behind) = rest.strip_prefix("[[") {
            let (inside, behind) = behind.split_once("]]").unwrap();
            parts.extend([Part::Literal(std::mem::take(&mut literal)), Part::Group(parse(inside))]);
            rest = behind;
        } else if rest.starts_with("{{") || rest.starts_with("}}") {
            literal.push_str(&rest[..1]);
            rest = take(2);
        } else if let Some(behind) = rest.strip_prefix('{') {
            let (inside, behind) = behind.split_once('}').unwrap();
            parts.extend([Part::Literal(std::mem::take(&mut literal)), Part::Expr(expr(inside))]);
            rest = behind;
        } else {
            let first = rest.chars().next().unwrap();
            literal.push(first);
            rest = take(first.len_utf8());
        }
    }
    parts.push(Part::Literal(literal));
    parts
}

fn expr(text: &str) -> Expr {
    let (mut functions, mut rest) = (Vec::new(), text);
    let is_optional = rest.ends_with('?');
    rest = rest.trim_end_matches('?');
    while let Some((name, behind)) = rest.split_once(':').filter(|(name, _)| FUNCTIONS.contains(name)) {
        functions.push(name.to_owned());
        rest = behind;
    }
    Expr { functions, references: rest.split('|').map(str::to_owned).collect(), is_optional }
}

fn pairs(text: &[u8]) -> Vec<(String, String)> {
    let decode =
        |part: &str| percent_encoding::percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    let text = String::from_utf8_lossy(text);
    let parts = text.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

fn json_text(value: Option<&Value>) -> Seen {
    match value {
        None | Some(Value::Null | Value::Array(_) | Value::Object(_)) => Seen::Absent,
        Some(Value::String(text)) => Seen::Bytes(text.clone().into_bytes()),
        Some(other) => Seen::Bytes(other.to_string().into_bytes()),
    }
}

fn header(request: &Request, name: &str) -> Seen {
    let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { return Seen::Unknown };
    request.headers.get(name).map_or(Seen::Absent, |value| Seen::Bytes(value.as_bytes().trim_ascii().to_vec()))
}

/// The value at a reference.
fn see(entry: &Entry, request: &Request, reference: &str) -> Seen {
    let (kind, name) = reference.split_once(':').unwrap_or((reference, ""));
    let known = |value: Option<Vec<u8>>| value.map_or(Seen::Absent, Seen::Bytes);
    let authorization = |scheme: &str| {
        let value = request.headers.get("authorization")?.to_str().ok()?;
        let (its, token) = value.trim().split_once(' ')?;
        its.eq_ignore_ascii_case(scheme).then(|| token.trim().as_bytes().to_vec())
    };
    match kind {
        "body" => Seen::Bytes(request.body.clone()),
        "method" => Seen::Bytes(request.method.as_str().as_bytes().to_vec()),
        "header" => header(request, name),
        "bearer" => known(authorization("bearer")),
        "basic" => known(authorization("basic").and_then(|text| BASE64.decode(&text).ok())),
        "pathToken" => known(request.path_token.clone().map(String::into_bytes)),
        "rawQuery" => known(request.query.clone().map(String::into_bytes)),
        "url" | "urlBase" | "path" | "host" => {
            Seen::Bytes(format!("{}?{:?}", request.path, request.query).into_bytes())
        }
        "query" => {
            let all = pairs(request.query.as_deref().unwrap_or_default().as_bytes());
            known(all.into_iter().find(|(its, _)| its == name).map(|(_, value)| value.into_bytes()))
        }
        "querySorted" => {
            let mut all = pairs(request.query.as_deref().unwrap_or_default().as_bytes());
            all.sort();
            Seen::Bytes(format!("{all:?}").into_bytes())
        }
        "form" if !name.contains('/') => {
            known(pairs(&request.body).into_iter().find(|(its, _)| its == name).map(|(_, value)| value.into_bytes()))
        }
        "formSorted" | "formSortedAll" => {
            let mut all = pairs(&request.body);
            all.sort();
            if kind == "formSorted" {
                all.dedup();
            }
            Seen::Bytes(format!("{all:?}").into_bytes())
        }
        "json" if !name.contains(['*', '!']) => match serde_json::from_slice::<Value>(&request.body) {
            Ok(value) => json_text(value.pointer(name)),
            Err(_) => Seen::Unknown,
        },
        "timestamp" => time(entry, request),
        "param" | "secret" => Seen::Bytes(Vec::new()),
        _ => Seen::Unknown,
    }
}

/// The text of the signed time.
fn time(entry: &Entry, request: &Request) -> Seen {
    let spec = &entry.spec["timestamp"];
    let (split, prefix) =
        (spec["split"].as_str().unwrap_or(""), entry.with_parameters(spec["prefix"].as_str().unwrap_or("")));
    for reference in entry.from(spec) {
        match see(entry, request, &reference) {
            Seen::Absent => {}
            Seen::Unknown => return Seen::Unknown,
            Seen::Bytes(bytes) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let mut items = text.split(|c| split.contains(c)).map(str::trim);
                let found = items.find_map(|item| item.strip_prefix(&*prefix));
                return found.map_or(Seen::Absent, |text| Seen::Bytes(text.as_bytes().to_vec()));
            }
        }
    }
    Seen::Absent
}

/// All values of a list, cut into items; `None` where one of the places is not known.
fn items(entry: &Entry, request: &Request, family: &Value) -> Option<Vec<String>> {
    let (split, prefix) =
        (family["split"].as_str().unwrap_or(""), entry.with_parameters(family["prefix"].as_str().unwrap_or("")));
    let mut all = Vec::new();
    for reference in entry.from(family) {
        let values: Vec<Vec<u8>> = match reference.strip_prefix("header:") {
            Some(name) => {
                let is_one = |held: &str| match name.strip_suffix('#') {
                    Some(prefix) => held.starts_with(&prefix.to_ascii_lowercase()),
                    None => held.eq_ignore_ascii_case(name),
                };
                let held = request.headers.iter().filter(|(held, _)| is_one(held.as_str()));
                held.map(|(_, value)| value.as_bytes().to_vec()).collect()
            }
            None => match see(entry, request, &reference) {
                Seen::Unknown => return None,
                Seen::Absent => Vec::new(),
                Seen::Bytes(bytes) => vec![bytes],
            },
        };
        for value in values {
            let text = String::from_utf8_lossy(&value).into_owned();
            let cut =
                text.split(|c| split.contains(c)).map(str::trim).skip(family["skip"].as_u64().unwrap_or(0) as usize);
            all.extend(cut.filter_map(|item| item.strip_prefix(&*prefix)).map(str::to_owned));
        }
    }
    Some(all)
}

/// The first of the alternatives that is present.
fn first(entry: &Entry, request: &Request, expr: &Expr) -> Seen {
    for reference in &expr.references {
        let seen = match reference.strip_prefix("soleForm:") {
            Some(name) => match pairs(&request.body).as_slice() {
                [(its, value)] if its == name => Seen::Bytes(value.clone().into_bytes()),
                _ => Seen::Absent,
            },
            None => see(entry, request, reference),
        };
        if seen != Seen::Absent {
            return seen;
        }
    }
    Seen::Absent
}

/// All expressions of a text, those of its named templates as well.
fn exprs(entry: &Entry, parts: &[Part], depth: usize) -> Vec<Expr> {
    let mut all = Vec::new();
    for part in parts {
        match part {
            Part::Literal(_) => {}
            Part::Group(parts) => all.extend(exprs(entry, parts, depth)),
            Part::Expr(expr) => {
                let lets: Vec<_> = expr.references.iter().filter_map(|text| text.strip_prefix("let:")).collect();
                for name in &lets {
                    let text = entry.with_parameters(entry.spec["let"][*name].as_str().unwrap_or_default());
                    if depth < 4 {
                        all.extend(exprs(entry, &parse(&text), depth + 1));
                    }
                }
                if lets.is_empty() {
                    all.push(expr.clone());
                }
            }
        }
    }
    all
}

const SIGNING: [&str; 3] = ["hmac", "hash", "publicKey"];

fn signed(entry: &Entry, family: &Value) -> Vec<Part> {
    parse(&entry.with_parameters(family["signed"].as_str().unwrap_or("{body}")))
}

/// Judges a mutant that was accepted, against a delivery that is genuine under the entry's keys.
pub fn judge(entry: &Entry, genuine: &Request, mutant: &Request, now: Timestamp) -> Judged {
    let is_same_body = genuine.body == mutant.body;
    let is_same = is_same_body && format!("{genuine:?}") == format!("{mutant:?}");
    let mut unknown = None;
    let mut covers_body = false;
    let mut is_timed = false;
    for family in SIGNING.iter().filter_map(|name| entry.family(name)) {
        for expr in exprs(entry, &signed(entry, family), 0) {
            covers_body |= expr.references.iter().any(|text| {
                text.starts_with("body")
                    || text.contains("orm")
                    || text.contains("json:")
                    || text.contains("item:")
                    || text.contains("xml:")
            });
            is_timed |= expr.references.iter().any(|text| text == "timestamp");
            match compare(entry, genuine, mutant, &expr) {
                Judged::Same => {}
                Judged::Unknown(_) if is_same => {}
                Judged::Unknown(what) => unknown = unknown.or(Some(what)),
                differs => return differs,
            }
        }
        match (items(entry, genuine, family), items(entry, mutant, family)) {
            (Some(theirs), Some(ours)) if ours.iter().any(|item| theirs.contains(item)) => {}
            (Some(_), Some(_)) => return Judged::Differs("no genuine signature is left".to_owned()),
            _ if is_same => {}
            _ => unknown = unknown.or(Some("the place of the signature")),
        }
    }
    if let Some(family) = entry.family("standardWebhooks") {
        (covers_body, is_timed) = (true, true);
        if let Some(fault) = judge_standard(entry, family, [genuine, mutant], now) {
            return Judged::Differs(fault);
        }
        if !is_same_body {
            return Judged::Differs("the body".to_owned());
        }
    }
    for name in ["token", "jwt"] {
        let Some(family) = entry.family(name) else { continue };
        let of =
            |request: &Request| entry.from(family).iter().map(|text| see(entry, request, text)).collect::<Vec<_>>();
        let (theirs, ours) = (of(genuine), of(mutant));
        let keeps = theirs.iter().zip(&ours).any(|(a, b)| matches!(a, Seen::Bytes(_)) && a == b);
        if !keeps && !is_same {
            match theirs.contains(&Seen::Unknown) || ours.contains(&Seen::Unknown) {
                true => unknown = unknown.or(Some("the place of the token")),
                false => return Judged::Differs(format!("the {name}")),
            }
        }
    }
    if entry.family("httpSignature").is_some() && !is_same {
        let same = |name: &str| genuine.headers.get(name) == mutant.headers.get(name);
        if !["signature", "signature-input", "digest", "content-digest", "date"].iter().all(|name| same(name)) {
            unknown = unknown.or(Some("a message signature"));
        }
    }
    if entry.scheme.authenticates(&entry.keys) == Authenticates::Body && !covers_body && !is_same_body {
        return Judged::Differs("the body".to_owned());
    }
    if is_timed && let Some(fault) = judge_window(entry, mutant, now) {
        return Judged::Differs(fault);
    }
    unknown.map_or(Judged::Same, Judged::Unknown)
}

/// Whether one expression of the signed text is as it was.
fn compare(entry: &Entry, genuine: &Request, mutant: &Request, expr: &Expr) -> Judged {
    if expr.references.iter().any(|text| text.starts_with("item:")) {
        return compare_items(entry, [genuine, mutant], expr);
    }
    let (a, b) = (first(entry, genuine, expr), first(entry, mutant, expr));
    let is_in_body = expr
        .references
        .iter()
        .any(|text| ["json", "xml", "form", "field", "body", "soleForm"].iter().any(|kind| text.starts_with(kind)));
    match (a, b) {
        (a, b) if a == b && a != Seen::Unknown => Judged::Same,
        (Seen::Unknown, _) | (_, Seen::Unknown) => {
            let is_same = if is_in_body { genuine.body == mutant.body } else { genuine.headers == mutant.headers };
            if is_same { Judged::Same } else { Judged::Unknown("a reference") }
        }
        _ if expr.functions.iter().any(|name| name == "crc32") => Judged::Same,
        (Seen::Bytes(a), Seen::Bytes(b)) if is_alike(&expr.functions, &a, &b) => Judged::Same,
        (Seen::Absent, Seen::Bytes(text)) | (Seen::Bytes(text), Seen::Absent)
            if text.is_empty() && expr.is_optional =>
        {
            Judged::Same
        }
        _ => Judged::Differs(expr.references.join("|")),
    }
}

/// Whether what the functions make of two texts is the same.
fn is_alike(functions: &[String], a: &[u8], b: &[u8]) -> bool {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    functions.iter().any(|name| match name.as_str() {
        "lower" | "upper" => a.eq_ignore_ascii_case(b),
        "trim" => a.trim_ascii() == b.trim_ascii(),
        "dots" => text(a).replace('/', ".") == text(b).replace('/', "."),
        "compact" => {
            let blank =
                |text: &[u8]| text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect::<Vec<_>>();
            blank(a) == blank(b)
        }
        "decodeReserved" | "escape" | "encodeUri" => {
            let decode = |bytes: &[u8]| percent_encoding::percent_decode(bytes).collect::<Vec<u8>>();
            decode(a) == decode(b)
        }
        _ => false,
    })
}

/// Of a batch whose items are signed one by one, each that is left is one of the genuine ones.
fn compare_items(entry: &Entry, [genuine, mutant]: [&Request; 2], expr: &Expr) -> Judged {
    let pointer = entry.spec["each"].as_str().unwrap_or_default();
    let Some((before, after)) = pointer.split_once('*') else { return Judged::Unknown("each") };
    let values = |request: &Request| -> Option<BTreeSet<String>> {
        let root: Value = serde_json::from_slice(&request.body).ok()?;
        let list = root.pointer(before.trim_end_matches('/'))?.as_array()?.clone();
        let value = |item: &Value| {
            let item = item.pointer(after)?;
            let found = expr.references.iter().filter_map(|text| item.pointer(text.strip_prefix("item:")?)).next();
            // Without a value is with an empty one.
            Some(match json_text(found) {
                Seen::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Seen::Absent | Seen::Unknown => String::new(),
            })
        };
        list.iter().map(value).collect()
    };
    match (values(genuine), values(mutant)) {
        (Some(theirs), Some(ours)) if !ours.is_empty() && ours.is_subset(&theirs) => Judged::Same,
        (Some(_), Some(_)) => Judged::Differs(expr.references.join("|")),
        _ => Judged::Unknown("items"),
    }
}

fn standard_prefix(entry: &Entry, family: &Value) -> String {
    let default = serde_json::json!(["webhook"]);
    let prefixes = family.get("headers").unwrap_or(&default).as_array().unwrap();
    let is_there = |prefix: &&str| entry.request.headers.contains_key(format!("{prefix}-signature"));
    prefixes.iter().filter_map(Value::as_str).find(is_there).unwrap_or("webhook").to_owned()
}

fn judge_standard(entry: &Entry, family: &Value, [genuine, mutant]: [&Request; 2], now: Timestamp) -> Option<String> {
    let prefix = standard_prefix(entry, family);
    let of = |request: &Request, suffix: &str| header(request, &format!("{prefix}-{suffix}"));
    for suffix in ["id", "timestamp"] {
        if of(genuine, suffix) != of(mutant, suffix) {
            return Some(format!("{prefix}-{suffix}"));
        }
    }
    let list = |request: &Request| match of(request, "signature") {
        Seen::Bytes(bytes) => String::from_utf8_lossy(&bytes).split(' ').map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    let theirs = list(genuine);
    if !list(mutant).iter().any(|item| theirs.contains(item)) {
        return Some("no genuine signature is left".to_owned());
    }
    let Seen::Bytes(time) = of(mutant, "timestamp") else { return Some("no time".to_owned()) };
    let seconds: i64 = String::from_utf8_lossy(&time).parse().ok()?;
    let age = now.as_second() - seconds;
    (age.abs() > 301).then(|| format!("{age} s old"))
}

/// Whether the signed time is further away than the entry allows.
fn judge_window(entry: &Entry, mutant: &Request, now: Timestamp) -> Option<String> {
    let spec = entry.spec.get("timestamp")?;
    let tolerance = spec["tolerance"].as_str()?;
    let (number, unit) = tolerance.split_at(tolerance.len() - 1);
    let seconds = number.parse::<i64>().ok()?
        * match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return None,
        };
    let Seen::Bytes(text) = time(entry, mutant) else { return None };
    let text = String::from_utf8_lossy(&text).into_owned();
    let at = match spec["unit"].as_str().unwrap_or("s") {
        "s" => text.parse::<i64>().ok()?,
        "ms" => text.parse::<i64>().ok()? / 1000,
        _ => return None,
    };
    let age = (now.as_second() - at).abs();
    (age > seconds + 1).then(|| format!("{age} s old"))
}

/// The signed text, where all of it can be read here.
fn render(entry: &Entry, request: &Request, parts: &[Part]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    for part in parts {
        match part {
            Part::Literal(literal) => text.extend_from_slice(literal.as_bytes()),
            Part::Group(_) => return None,
            Part::Expr(expr) => {
                let is_plain = |text: &String| {
                    ["body", "timestamp", "method"].contains(&text.as_str())
                        || text.starts_with("header:")
                        || text.starts_with("json:/")
                };
                if !expr.references.iter().all(is_plain) {
                    return None;
                }
                let mut value = match first(entry, request, expr) {
                    Seen::Bytes(bytes) => bytes,
                    Seen::Absent if expr.is_optional => Vec::new(),
                    Seen::Absent | Seen::Unknown => return None,
                };
                for function in expr.functions.iter().rev() {
                    value = apply(function, &value, expr.functions.len() == 1)?;
                }
                text.extend_from_slice(&value);
            }
        }
    }
    Some(text)
}

fn apply(function: &str, value: &[u8], is_alone: bool) -> Option<Vec<u8>> {
    let digest = match function {
        "sha256" => sha2::Sha256::digest(value).to_vec(),
        "sha512" => sha2::Sha512::digest(value).to_vec(),
        "sha1" => sha1::Sha1::digest(value).to_vec(),
        "hex" => return Some(HEXLOWER.encode(value).into_bytes()),
        "base64" => return Some(BASE64.encode(value).into_bytes()),
        "base64url" => return Some(BASE64URL_NOPAD.encode(value).into_bytes()),
        _ => return None,
    };
    Some(if is_alone { HEXLOWER.encode(&digest).into_bytes() } else { digest })
}

/// The MACs that a request must bring one of, as they are written; `None` where the scheme is beyond this reading.
pub fn macs(entry: &Entry, request: &Request) -> Option<Vec<String>> {
    if let Some(family) = entry.family("standardWebhooks") {
        let prefix = standard_prefix(entry, family);
        if request.headers.keys().filter(|name| name.as_str().ends_with("-signature")).count() != 1 {
            return None;
        }
        let (Seen::Bytes(id), Seen::Bytes(time)) =
            (header(request, &format!("{prefix}-id")), header(request, &format!("{prefix}-timestamp")))
        else {
            return None;
        };
        let text = [&id[..], b".", &time, b".", &request.body].concat();
        let key = |secret: &str| BASE64.decode(secret.trim_end().strip_prefix("whsec_")?.as_bytes()).ok();
        let keys: Option<Vec<_>> = entry.secrets(family["key"].as_str().unwrap_or("signing")).map(key).collect();
        return Some(keys?.iter().map(|key| format!("v1,{}", BASE64.encode(&mac_of("sha256", key, &text)))).collect());
    }
    let family = entry.family("hmac")?;
    if entry.spec.get("each").is_some() || entry.spec.get("headerList").is_some() {
        return None;
    }
    let text = render(entry, request, &signed(entry, family))?;
    let purpose = family["key"].as_str().unwrap_or("signing");
    let spec = &entry.spec["keys"][purpose];
    if !spec["text"].is_null() || !spec["digest"].is_null() || !spec["constant"].is_null() {
        return None;
    }
    let key = |secret: &str| {
        let secret = secret.strip_suffix('\n').unwrap_or(secret);
        let secret = secret.strip_prefix(spec["prefix"].as_str().unwrap_or(""))?;
        match spec["encoding"].as_str().unwrap_or("utf8") {
            "utf8" => Some(secret.as_bytes().to_vec()),
            "base64" => BASE64.decode(secret.as_bytes()).ok(),
            "hex" => HEXLOWER.decode(secret.to_lowercase().as_bytes()).ok(),
            _ => None,
        }
    };
    let keys: Option<Vec<_>> = entry.secrets(purpose).map(key).collect();
    let hash = family["hash"].as_str()?;
    let write = |mac: Vec<u8>| match family["encoding"].as_str().unwrap_or("hex") {
        "hex" => HEXLOWER.encode(&mac),
        "hexUpper" => HEXUPPER.encode(&mac),
        "base64" => BASE64.encode(&mac),
        _ => BASE64URL_NOPAD.encode(&mac),
    };
    Some(keys?.iter().map(|key| write(mac_of(hash, key, &text))).collect())
}

/// Whether the request brings a right MAC; `None` where that is beyond this reading.
pub fn is_right(entry: &Entry, request: &Request) -> Option<bool> {
    let right = macs(entry, request)?;
    let brought = match entry.family("standardWebhooks") {
        Some(family) => match header(request, &format!("{}-signature", standard_prefix(entry, family))) {
            Seen::Bytes(bytes) => String::from_utf8_lossy(&bytes).split(' ').map(str::to_owned).collect(),
            _ => Vec::new(),
        },
        None => items(entry, request, entry.family("hmac")?)?,
    };
    // No more than ten count.
    Some(brought.iter().take(10).any(|item| right.contains(item)))
}
