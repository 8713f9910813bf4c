//! A request being put together.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value as Json;

use super::super::function::percent_encoded;
use super::super::plan::Plan;
use super::super::spec::Content;
use super::super::template::{Place, Reference};
use super::super::{Delivery, Draft, Encoding};

/// A request being put together.
pub(super) struct Request {
    method: Method,
    origin: String,
    path: String,
    query: Option<String>,
    path_token: Option<String>,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Items by their place, joined there.
    items: BTreeMap<String, Vec<String>>,
    /// The pointer to the items of a batch.
    each: Option<String>,
}

impl Request {
    pub(super) fn new(plan: &Plan, draft: Draft) -> Result<Self, String> {
        let uri: http::Uri = draft.url.parse().map_err(|_| format!("`{}` is no URL", draft.url))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &draft.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is no header name"))?;
            let value =
                HeaderValue::from_str(value).map_err(|_| format!("the value of {name} can't stand in a header"))?;
            headers.append(name, value);
        }
        let origin = match (uri.scheme_str(), uri.authority()) {
            (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
            _ => String::new(),
        };
        let content_type = match (plan.content, draft.body.trim_ascii_start().first()) {
            (Content::Form | Content::Multipart, _) => Some("application/x-www-form-urlencoded"),
            (Content::Xml, _) | (Content::Any, Some(b'<')) => Some("text/xml"),
            (Content::Json, _) | (Content::Any, Some(b'{' | b'[')) => Some("application/json"),
            (Content::Any, _) => None,
        };
        if let Some(content_type) = content_type.filter(|_| !draft.body.is_empty()) {
            headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(content_type));
        }
        Ok(Self {
            method: draft.method,
            origin,
            path: uri.path().to_owned(),
            query: uri.query().map(str::to_owned),
            path_token: None,
            headers,
            body: draft.body.to_vec(),
            items: BTreeMap::new(),
            each: plan.each_text.clone(),
        })
    }

    pub(super) fn delivery(&self) -> Delivery<'_> {
        Delivery {
            method: &self.method,
            path: &self.path,
            query: self.query.as_deref(),
            path_token: self.path_token.as_deref(),
            headers: &self.headers,
            body: &self.body,
        }
    }

    /// The request, signed.
    pub(super) fn finish(self, event: Option<String>, id: Option<String>) -> Result<Draft, String> {
        let query = self.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
        let mut headers = Vec::with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            let value = value.to_str().map_err(|_| format!("the value of {name} is no text"))?;
            headers.push((name.as_str().to_owned(), value.to_owned()));
        }
        let url = format!("{}{}{query}", self.origin, self.path);
        Ok(Draft { method: self.method, url, headers, body: Bytes::from(self.body), event, id })
    }

    /// How many items a place holds.
    pub(super) fn items(&self, reference: &Reference) -> usize {
        self.items.get(&reference.text).map_or(0, Vec::len)
    }

    /// Whether a body of this form has such a place.
    pub(super) fn suits(&self, place: &Place) -> bool {
        let is_json = matches!(self.body.trim_ascii_start().first(), Some(b'{' | b'['));
        match place {
            Place::FormField(_) | Place::FormPointer(_) => !is_json,
            Place::Json(_) | Place::Item(_) => is_json,
            _ => true,
        }
    }

    /// Puts an item behind those that the place has.
    pub(super) fn put(&mut self, reference: &Reference, separator: &str, item: &str) -> Result<(), String> {
        let items = self.items.entry(reference.text.clone()).or_default();
        items.push(item.to_owned());
        let value = items.join(separator);
        self.put_at(reference, &value, None)
    }

    /// Sets the value of a place, of one item of a batch where there are items.
    pub(super) fn put_at(&mut self, reference: &Reference, value: &str, item: Option<usize>) -> Result<(), String> {
        match &reference.place {
            Place::Header(name) => self.set_header(&name.clone(), value),
            Place::Numbered(prefix) => {
                let name = HeaderName::try_from(format!("{prefix}1")).map_err(|error| error.to_string())?;
                self.set_header(&name, value)
            }
            Place::Bearer => self.set_header(&AUTHORIZATION, &format!("Bearer {value}")),
            Place::Basic => {
                self.set_header(&AUTHORIZATION, &format!("Basic {}", Encoding::Base64.encode(value.as_bytes())))
            }
            Place::Query(name) => {
                self.query = Some(with_pair(self.query.as_deref().unwrap_or_default(), name, value));
                Ok(())
            }
            Place::PathToken => {
                let token = percent_encoded(value.as_bytes());
                self.path = format!("{}/{token}", self.path);
                self.path_token = Some(token);
                Ok(())
            }
            Place::FormField(name) => {
                let body = std::str::from_utf8(&self.body).map_err(|_| "the body is no form")?;
                self.body = with_pair(body, name, value).into_bytes();
                let form = HeaderValue::from_static("application/x-www-form-urlencoded");
                self.headers.insert(CONTENT_TYPE, form);
                Ok(())
            }
            Place::Json(_) => self.set_json(reference.text.strip_prefix("json:"), value),
            Place::Item(_) => {
                let (each, item) = self.each.as_ref().zip(item).ok_or("there is no item to sign")?;
                let rest = reference.text.strip_prefix("item:").unwrap_or_default();
                let pointer = format!("{}{rest}", each.replace('*', &item.to_string()));
                self.set_json(Some(&pointer), value)
            }
            Place::Body => {
                value.as_bytes().clone_into(&mut self.body);
                Ok(())
            }
            _ => Err(format!("nothing can be put at `{}`", reference.text)),
        }
    }

    /// Turns the text that was put at a place of a JSON body into a number.
    pub(super) fn make_number(&mut self, reference: &Reference) {
        let Some(pointer) = reference.text.strip_prefix("json:") else { return };
        let Ok(mut body) = serde_json::from_slice::<Json>(&self.body) else { return };
        let Some(place) = body.pointer_mut(pointer) else { return };
        if let Some(number) = place.as_str().and_then(|text| text.parse::<i64>().ok()) {
            *place = number.into();
            self.body = body.to_string().into_bytes();
        }
    }

    pub(super) fn set_header(&mut self, name: &HeaderName, value: &str) -> Result<(), String> {
        let value =
            HeaderValue::from_str(value).map_err(|_| format!("the value for {name} can't stand in a header"))?;
        self.headers.insert(name.clone(), value);
        Ok(())
    }

    fn set_json(&mut self, pointer: Option<&str>, value: &str) -> Result<(), String> {
        let names = pointer_names(pointer.ok_or("a first member's name can't be set")?)?;
        let mut body: Json =
            serde_json::from_slice(&self.body).map_err(|_| "the signature goes into a JSON body: give one")?;
        set_json(&mut body, &names, value.into())?;
        self.body = body.to_string().into_bytes();
        self.headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        Ok(())
    }
}

/// The names on the way of a JSON pointer.
pub(super) fn pointer_names(pointer: &str) -> Result<Vec<String>, String> {
    let names: Vec<String> =
        pointer.split('/').skip(1).map(|name| name.replace("~1", "/").replace("~0", "~")).collect();
    if names.is_empty() || names.iter().any(|name| name == "*" || name.starts_with('!')) {
        return Err(format!("nothing can be put at `{pointer}`"));
    }
    Ok(names)
}

/// Sets a value inside a JSON value; objects on the way are made.
pub(super) fn set_json(at: &mut Json, names: &[String], value: Json) -> Result<(), String> {
    let Some((name, rest)) = names.split_first() else {
        *at = value;
        return Ok(());
    };
    let next = match at {
        Json::Array(items) => name.parse().ok().and_then(|index: usize| items.get_mut(index)),
        Json::Object(members) => {
            Some(members.entry(name.clone()).or_insert_with(|| Json::Object(serde_json::Map::new())))
        }
        _ => None,
    };
    set_json(next.ok_or_else(|| format!("the body has no place for `{name}`"))?, rest, value)
}

fn with_pair(text: &str, name: &str, value: &str) -> String {
    let pair = format!("{}={}", percent_encoded(name.as_bytes()), percent_encoded(value.as_bytes()));
    if text.is_empty() { pair } else { format!("{text}&{pair}") }
}
