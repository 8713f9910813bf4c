//! Names looked up: from the text of an expression to the places that it means.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderName;

use super::function::{Function, did_you_mean};
use super::json::PointerSet;
use super::pointer::Pointer;
use super::template::{Expr, Part, Piece, Place, Reference, Template, cut};
use super::xml::XmlPath;

/// The most functions of one expression.
const FUNCTIONS_MAX: usize = 2;

const PLAIN: [(&str, Place); 18] = [
    ("body", Place::Body),
    ("form", Place::Form),
    ("formSorted", Place::FormSorted { all: false }),
    ("formSortedAll", Place::FormSorted { all: true }),
    ("querySorted", Place::QuerySorted),
    ("timestamp", Place::Timestamp),
    ("method", Place::Method),
    ("url", Place::Url),
    ("urlBase", Place::UrlBase),
    ("host", Place::Host),
    ("path", Place::Path),
    ("rawQuery", Place::RawQuery),
    ("headerList", Place::HeaderList),
    ("headerNames", Place::HeaderNames),
    ("secret", Place::Secret),
    ("bearer", Place::Bearer),
    ("basic", Place::Basic),
    ("pathToken", Place::PathToken),
];
const NAMED: [&str; 12] =
    ["header", "query", "form", "soleForm", "json", "item", "xml", "claim", "field", "param", "let", "secret"];

/// All places in bodies and tokens that a scheme's references name, looked up together in one pass each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    pub(crate) json: Vec<Pointer>,
    pub(crate) claims: Vec<Pointer>,
    pub(crate) xml: Vec<XmlPath>,
    /// Form fields that are read further.
    pub(crate) forms: Vec<(String, PointerSet)>,
}

/// What names mean in one scheme.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) places: Places,
    /// Declared parameters with their values.
    pub(crate) parameters: BTreeMap<String, Option<String>>,
    pub(crate) lets: BTreeMap<String, Arc<Template>>,
    /// The delivery id, for `{id}`.
    pub(crate) id: Option<Arc<Template>>,
    /// Pointer to the items of a batch.
    pub(crate) each: Option<Pointer>,
    /// Parameters that some text referred to.
    pub(crate) used_parameters: std::collections::BTreeSet<String>,
}

/// A template, and whether a part of it fell away because a parameter has no value.
#[derive(Debug)]
pub(crate) struct Parsed<T> {
    pub(crate) value: T,
    pub(crate) fell_away: bool,
}

impl Names {
    /// Parses a template.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn template(&mut self, text: &str) -> Result<Parsed<Template>, String> {
        let pieces = cut(text)?;
        let mut fell_away = false;
        let parts = self.parts(&pieces, &mut fell_away)?;
        Ok(Parsed { value: Template { parts }, fell_away })
    }

    /// Parses an expression without braces, as `from`, `require` and `when` name them. `None`: it refers to a parameter
    /// without a value.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn expr(&mut self, text: &str) -> Result<Option<Expr>, String> {
        let mut rest = text;
        let mut functions = Vec::new();
        while let Some((name, tail)) = rest.split_once(':') {
            let Some(function) = Function::named(name) else { break };
            functions.push(function);
            rest = tail;
        }
        if functions.len() > FUNCTIONS_MAX {
            return Err(format!("at most {FUNCTIONS_MAX} functions stand before a reference: use `let` for more"));
        }
        let (rest, is_optional) = rest.strip_suffix('?').map_or((rest, false), |rest| (rest, true));
        let mut refs = Vec::new();
        for alternative in rest.split('|') {
            refs.extend(self.reference(alternative)?);
        }
        Ok((!refs.is_empty() || is_optional).then_some(Expr { functions, refs, is_optional }))
    }

    /// Parses one reference. `None`: it refers to a parameter without a value.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn reference(&mut self, text: &str) -> Result<Option<Reference>, String> {
        let Some(text) = self.put_in(text)? else { return Ok(None) };
        let place = match text.split_once(':') {
            None => self.plain(&text)?,
            Some((kind, name)) => match self.named(kind, name)? {
                Some(place) => place,
                None => return Ok(None),
            },
        };
        Ok(Some(Reference { text, place }))
    }

    fn parts(&mut self, pieces: &[Piece<'_>], fell_away: &mut bool) -> Result<Vec<Part>, String> {
        let mut parts: Vec<Part> = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Literal(text) => push_literal(&mut parts, text.as_bytes()),
                Piece::Expr(text) => match self.expr(text)? {
                    None => *fell_away = true,
                    Some(expr) => match expr.constant() {
                        Some(text) => push_literal(&mut parts, &text),
                        None => parts.push(Part::Expr(expr)),
                    },
                },
                Piece::Group(pieces) => {
                    let mut is_lost = false;
                    let group = self.parts(pieces, &mut is_lost)?;
                    match group.as_slice() {
                        _ if is_lost => {}
                        [] => {}
                        [Part::Literal(text)] => push_literal(&mut parts, text),
                        _ => parts.push(Part::Group(group)),
                    }
                }
            }
        }
        Ok(parts)
    }

    /// Puts parameters into a name. `None`: one has no value.
    fn put_in(&mut self, text: &str) -> Result<Option<String>, String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, tail)) = rest.split_once('{') {
            let wrong = || format!("only `{{param:NAME}}` can stand inside `{text}`");
            let (name, tail) = tail.split_once('}').ok_or_else(wrong)?;
            let name = name.strip_prefix("param:").ok_or_else(wrong)?;
            let Some(value) = self.parameter(name)? else { return Ok(None) };
            if value.is_empty() || !value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
                return Err(format!("parameter `{name}` stands in a name: letters, digits, `-`, `_` and `.` only"));
            }
            out.push_str(before);
            out.push_str(&value);
            rest = tail;
        }
        out.push_str(rest);
        Ok(Some(out))
    }

    fn parameter(&mut self, name: &str) -> Result<Option<String>, String> {
        self.used_parameters.insert(name.to_owned());
        self.parameters.get(name).cloned().ok_or_else(|| {
            let known = did_you_mean(name, self.parameters.keys().map(String::as_str));
            format!("parameter `{name}` is not declared under `parameters`{known}")
        })
    }

    fn plain(&self, text: &str) -> Result<Place, String> {
        if text == "id" {
            return match &self.id {
                Some(id) => Ok(Place::Nested(Arc::clone(id))),
                None => Err("`{id}` is the value of `event.id`, which is not given".to_owned()),
            };
        }
        PLAIN.iter().find(|(name, _)| *name == text).map(|(_, place)| place.clone()).ok_or_else(|| {
            let names = PLAIN.iter().map(|(name, _)| *name).chain(NAMED).chain(["id"]);
            if NAMED.contains(&text) {
                format!("`{text}` needs a name: write `{text}:NAME`")
            } else {
                format!("`{text}` is no reference{}", did_you_mean(text, names))
            }
        })
    }

    fn named(&mut self, kind: &str, name: &str) -> Result<Option<Place>, String> {
        if name.is_empty() && !matches!(kind, "json" | "item" | "field" | "claim") {
            return Err(format!("`{kind}:` needs a name behind it"));
        }
        Ok(Some(match kind {
            "header" => header(name)?,
            "query" => Place::Query(name.to_owned()),
            "form" => self.form(name)?,
            "soleForm" => Place::SoleForm(name.to_owned()),
            "json" => Place::Json(intern(&mut self.places.json, Pointer::parse(name)?)),
            "field" => Place::Json(intern(&mut self.places.json, Pointer::parse_field(name)?)),
            "item" => {
                let each =
                    self.each.as_ref().ok_or("`item:` refers to the items that `each` points at: give `each`")?;
                Place::Item(intern(&mut self.places.json, each.below(&Pointer::parse(name)?)?))
            }
            "xml" => Place::Xml(intern(&mut self.places.xml, XmlPath::parse(name)?)),
            "claim" => Place::Claim(intern(&mut self.places.claims, Pointer::parse(name)?)),
            "param" => match self.parameter(name)? {
                Some(value) => Place::Literal(value.into_bytes()),
                None => return Ok(None),
            },
            "let" => Place::Nested(self.lets.get(name).cloned().ok_or_else(|| {
                let known = did_you_mean(name, self.lets.keys().map(String::as_str));
                format!("`let:{name}` is not defined under `let`{known}")
            })?),
            "secret" => Place::SecretOf(name.to_owned()),
            _ => {
                let names = NAMED.into_iter().chain(Function::names());
                return Err(format!("`{kind}:` is neither a reference nor a function{}", did_you_mean(kind, names)));
            }
        }))
    }

    fn form(&mut self, text: &str) -> Result<Place, String> {
        let Some(at) = text.find('/') else { return Ok(Place::FormField(text.to_owned())) };
        let (name, pointer) = text.split_at(at);
        let pointer = Pointer::parse(pointer)?;
        if !pointer.reads_text() {
            return Err(format!("a form field is a text: `form:{name}` goes on with /!json, /!base64 or /!xml"));
        }
        self.places.forms.push((name.to_owned(), PointerSet::new(&[pointer])));
        Ok(Place::FormPointer(self.places.forms.len() - 1))
    }
}

impl Expr {
    /// Its text, where it does not depend on the request.
    fn constant(&self) -> Option<Vec<u8>> {
        match (self.refs.first(), self.is_optional) {
            (Some(Reference { place: Place::Literal(text), .. }), _) => {
                let value = super::function::apply(&self.functions, text.into(), &|_, _| None)?;
                Some(value.into_owned())
            }
            (None, true) => Some(Vec::new()),
            _ => None,
        }
    }
}

fn header(name: &str) -> Result<Place, String> {
    if let Some(prefix) = name.strip_suffix('#') {
        return match HeaderName::from_bytes(format!("{prefix}1").as_bytes()) {
            Ok(_) => Ok(Place::Numbered(prefix.to_owned())),
            Err(_) => Err(format!("`{name}` is no header name")),
        };
    }
    HeaderName::from_bytes(name.as_bytes()).map(Place::Header).map_err(|_| format!("`{name}` is no header name"))
}

fn intern<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    if let Some(at) = list.iter().position(|known| *known == item) {
        return at;
    }
    list.push(item);
    list.len() - 1
}

fn push_literal(parts: &mut Vec<Part>, text: &[u8]) {
    match parts.last_mut() {
        Some(Part::Literal(last)) => last.extend_from_slice(text),
        _ => parts.push(Part::Literal(text.to_vec())),
    }
}
