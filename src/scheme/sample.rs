//! A small body in a provider's form, for a first test delivery.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::spec::{Content, Verification};

impl Verification {
    /// A body that holds the event type, the id and the required values where the description looks for them, as far as
    /// it looks into the body with plain paths. Nothing else is in it.
    #[must_use]
    pub fn sample_body(&self, event: Option<&str>, id: &str, parameters: &BTreeMap<String, String>) -> Bytes {
        let mut values: Vec<(&str, String)> = vec![
            (self.event.type_.as_str(), event.unwrap_or("example").to_owned()),
            (self.event.id.as_str(), id.to_owned()),
        ];
        for (reference, accepted) in &self.require {
            let value = accepted.0.first().map(|value| filled(value, parameters)).unwrap_or_default();
            values.push((reference, value));
        }
        let body = match self.content {
            Content::Any | Content::Json => json(&values),
            Content::Form | Content::Multipart => form(&values),
            Content::Xml => xml(&values),
        };
        Bytes::from(body)
    }
}

/// A value of `require` with the parameters put in.
fn filled(value: &str, parameters: &BTreeMap<String, String>) -> String {
    parameters.iter().fold(value.to_owned(), |text, (name, value)| text.replace(&format!("{{param:{name}}}"), value))
}

/// What follows `kind:` in a text of references, up to the end of the reference.
fn reference<'a>(text: &'a str, kind: &str) -> Option<&'a str> {
    let at = text.find(kind)? + kind.len();
    let rest = text.get(at..)?;
    let path = rest.split(['|', '}', '?']).next()?;
    Some(path).filter(|path| !path.contains(['*', '!', ' ']))
}

fn json(values: &[(&str, String)]) -> String {
    let mut root = Value::Object(Map::new());
    for (text, value) in values {
        let Some(path) = reference(text, "json:/") else { continue };
        let steps: Vec<_> = path.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
        put(&mut root, &steps, value);
    }
    root.to_string()
}

/// The first value at a place stays.
fn put(place: &mut Value, steps: &[String], value: &str) {
    match (steps, place) {
        ([], place) if place.is_null() => *place = Value::from(value),
        ([step, rest @ ..], Value::Object(object)) => put(object.entry(step).or_insert(Value::Null), rest, value),
        ([_, ..], place) if place.is_null() => {
            *place = Value::Object(Map::new());
            put(place, steps, value);
        }
        _ => {}
    }
}

fn form(values: &[(&str, String)]) -> String {
    let pairs = values.iter().filter_map(|(text, value)| Some((reference(text, "form:")?, value)));
    let encoded =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    pairs.map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect::<Vec<_>>().join("&")
}

/// An element on the way to a value.
#[derive(Default)]
struct Element {
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<(String, Element)>,
}

fn xml(values: &[(&str, String)]) -> String {
    let mut root = Element::default();
    for (text, value) in values {
        let Some(path) = reference(text, "xml:/") else { continue };
        let mut place = &mut root;
        for step in path.split('/') {
            if let Some(name) = step.strip_prefix('@') {
                place.attributes.push((name.to_owned(), value.clone()));
                break;
            }
            let at = place.children.iter().position(|(name, _)| name == step).unwrap_or_else(|| {
                place.children.push((step.to_owned(), Element::default()));
                place.children.len() - 1
            });
            let Some((_, child)) = place.children.get_mut(at) else { break };
            place = child;
        }
        if !path.contains('@') {
            place.text.clone_from(value);
        }
    }
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    for (name, child) in &root.children {
        write_element(&mut out, name, child);
    }
    out
}

fn write_element(out: &mut String, name: &str, element: &Element) {
    out.push('<');
    out.push_str(name);
    for (attribute, value) in &element.attributes {
        out.push_str(&format!(" {attribute}=\"{}\"", escaped(value)));
    }
    out.push('>');
    out.push_str(&escaped(&element.text));
    for (child_name, child) in &element.children {
        write_element(out, child_name, child);
    }
    out.push_str(&format!("</{name}>"));
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheme::spec::{Event, Values};

    fn sample(content: Content, event: Event, require: &[(&str, &str)]) -> String {
        let require = require.iter().map(|(r, v)| ((*r).to_owned(), Values(vec![(*v).to_owned()]))).collect();
        let verification = Verification { content, event, require, ..Verification::default() };
        let parameters = BTreeMap::from([("org".to_owned(), "00D1".to_owned())]);
        String::from_utf8(verification.sample_body(Some("paid"), "7", &parameters).to_vec()).unwrap()
    }

    fn event(type_: &str, id: &str) -> Event {
        Event { type_: type_.to_owned(), id: id.to_owned(), ..Event::default() }
    }

    #[test]
    fn the_body_holds_what_the_description_looks_for() {
        let json = sample(Content::Json, event("{json:/data/type|json:/type}", "{header:X-Id}"), &[]);
        assert_eq!(json, r#"{"data":{"type":"paid"}}"#);
        let form = sample(Content::Form, event("{form:type}", "{form:id}"), &[]);
        assert_eq!(form, "type=paid&id=7");
        let require = [("xml:/E/Org", "{param:org}")];
        let xml = sample(Content::Xml, event("{localName:xml:/E/N/@kind}", "{xml:/E/N/Id}"), &require);
        assert_eq!(xml, r#"<?xml version="1.0" encoding="UTF-8"?><E><N kind="paid"><Id>7</Id></N><Org>00D1</Org></E>"#);
    }
}
