//! References resolved and templates filled in, for one request.

use std::borrow::Cow;
use std::cell::Cell;

use http::HeaderName;

use super::function::apply;
use super::json::Found;
use super::keyring::Keyring;
use super::plan::{HeaderListPlan, ItemPart, Source, StandardHeaders};
use super::reader::{Reader, Value, pick};
use super::spec::MacHash;
use super::template::{Expr, Part, Place, Reference, Template};
use super::{FetchedKeys, Rejection, candidate, hmac};

/// Room for a text of usual length.
const TEXT_BYTES: usize = 64;
/// The most headers on a list that the request gives.
const HEADER_LIST_MAX: usize = 64;

/// What references can see beyond the request itself.
#[derive(Clone)]
pub(super) struct Scope<'s, 'a> {
    pub(super) reader: &'s Reader<'a>,
    pub(super) keys: &'s Keyring,
    /// The text of the signed time.
    pub(super) time: Option<Cow<'s, [u8]>>,
    /// True to leave times out, for a digest that is equal when a delivery is signed anew.
    pub(super) is_timeless: bool,
    /// The key that is being tried.
    pub(super) secret: Option<&'s [u8]>,
    /// The key of another use that is being tried.
    pub(super) secret_of: Option<(&'s str, &'s [u8])>,
    /// The keys that were fetched for this delivery.
    pub(super) fetched: Option<&'s FetchedKeys>,
    /// The item of a batch.
    pub(super) item: Option<usize>,
    /// The claims of the token that verified.
    pub(super) claims: Option<&'s Found<'s>>,
    /// The Standard Webhooks headers that verified.
    pub(super) standard: Option<&'s StandardHeaders>,
    /// Whether every value so far was covered by the signature.
    pub(super) is_signed: &'s Cell<bool>,
}

/// What a text is gathered as: piece by piece without copying, or as bytes.
trait Gather<'s>: Sized {
    fn put(piece: Value<'s>, out: &mut Vec<Self>);
}

impl<'s> Gather<'s> for Value<'s> {
    fn put(piece: Value<'s>, out: &mut Vec<Self>) {
        out.push(piece);
    }
}

impl<'s> Gather<'s> for u8 {
    fn put(piece: Value<'s>, out: &mut Vec<Self>) {
        out.extend_from_slice(&piece);
    }
}

/// A template filled in.
pub(super) enum Rendered<'s> {
    /// Its pieces, in order.
    Pieces(Vec<Value<'s>>),
    /// The reference that is absent.
    Absent(&'s str),
}

impl<'s, 'a> Scope<'s, 'a> {
    pub(super) fn new(reader: &'s Reader<'a>, keys: &'s Keyring, is_signed: &'s Cell<bool>) -> Self {
        Self {
            reader,
            keys,
            time: None,
            is_timeless: false,
            secret: None,
            secret_of: None,
            fetched: None,
            item: None,
            claims: None,
            standard: None,
            is_signed,
        }
    }

    /// Fills in a template without copying what it refers to.
    pub(super) fn render(&self, template: &'s Template) -> Result<Rendered<'s>, Rejection> {
        let mut pieces = Vec::with_capacity(template.parts.len());
        Ok(match self.parts(&template.parts, &mut pieces)? {
            None => Rendered::Pieces(pieces),
            Some(absent) => Rendered::Absent(absent),
        })
    }

    /// The pieces of a text that must be whole.
    pub(super) fn pieces(&self, template: &'s Template) -> Result<Vec<Value<'s>>, Rejection> {
        match self.render(template)? {
            Rendered::Pieces(pieces) => Ok(pieces),
            Rendered::Absent(what) => Err(Rejection::Missing { what: what.to_owned() }),
        }
    }

    /// The text of a template; `None` where a part is absent.
    pub(super) fn text(&self, template: &'s Template) -> Result<Option<Vec<u8>>, Rejection> {
        let mut text = Vec::with_capacity(TEXT_BYTES);
        Ok(self.parts(&template.parts, &mut text)?.is_none().then_some(text))
    }

    /// The value of an expression.
    pub(super) fn expr(&self, expr: &'s Expr) -> Result<Option<Value<'s>>, Rejection> {
        for (at, reference) in expr.refs.iter().enumerate() {
            if let Some(value) = self.value(reference)? {
                if !self.keys.coverage.signs(expr, at, self.standard) {
                    self.is_signed.set(false);
                }
                let keyed = |hash: MacHash, text: &[u8]| self.keys.answer_with(hash, text);
                return Ok(apply(&expr.functions, value, &keyed));
            }
        }
        Ok(expr.is_optional.then_some(Cow::Borrowed(&[])))
    }

    /// The value of a reference.
    pub(super) fn value(&self, reference: &'s Reference) -> Result<Option<Value<'s>>, Rejection> {
        let reader = self.reader;
        let what = reference.text.as_str();
        Ok(match &reference.place {
            Place::Body => Some(Cow::Borrowed(reader.body())),
            Place::Form => reader.form().map(|_| Cow::Borrowed(reader.body())),
            Place::FormSorted { all } => reader.form().map(|form| Cow::Owned(form.sorted(*all).into_bytes())),
            Place::QuerySorted => reader.query_sorted().map(|text| Cow::Owned(text.into_bytes())),
            Place::Timestamp => self.time.clone(),
            Place::Nested(template) => self.text(template)?.map(Cow::Owned),
            Place::StandardId => match self.standard {
                Some(headers) => reader.header(&headers.id)?.map(Cow::Borrowed),
                None => None,
            },
            Place::Method => Some(Cow::Borrowed(reader.method().as_str().as_bytes())),
            Place::Url => reader.url(),
            Place::UrlBase => reader.url_base(),
            Place::Host => reader.plan().url.as_ref().map(|url| Cow::Borrowed(url.host.as_bytes())),
            Place::Path => Some(reader.path()),
            Place::RawQuery => reader.raw_query().map(|query| Cow::Borrowed(query.as_bytes())),
            Place::HeaderList => self.header_list()?,
            Place::HeaderNames => match &reader.plan().header_list {
                Some(plan) => self.item_of(&plan.source)?,
                None => None,
            },
            Place::Secret => self.secret.map(Cow::Borrowed),
            Place::SecretOf(name) => {
                self.secret_of.filter(|(of, _)| of == name).map(|(_, secret)| Cow::Borrowed(secret))
            }
            Place::Literal(text) => Some(Cow::Borrowed(text)),
            Place::Header(name) if self.is_timeless && self.is_time(name) => Some(Cow::Borrowed(&[])),
            Place::Header(name) => reader.header(name)?.map(Cow::Borrowed),
            Place::Numbered(prefix) => reader.numbered(prefix)?.into_iter().next().map(Cow::Borrowed),
            Place::Query(name) => reader.query(name)?,
            Place::FormField(name) => reader.field(name)?.map(|text| Cow::Borrowed(text.as_bytes())),
            Place::FormPointer(index) => reader.form_pointer(*index)?,
            Place::SoleForm(name) => reader.sole_field(name).map(|text| Cow::Borrowed(text.as_bytes())),
            Place::Json(index) => reader.json(*index, what)?,
            Place::Item(index) => match self.item {
                Some(item) => reader.item(*index, item, what)?,
                None => None,
            },
            Place::Xml(index) => reader.xml(*index),
            Place::Claim(index) => match self.claims {
                Some(claims) => pick(claims, *index, what)?,
                None => None,
            },
            Place::Bearer => reader.credentials("bearer")?.map(Cow::Borrowed),
            Place::Basic => reader.basic()?,
            Place::PathToken => reader.path_token(),
        })
    }

    /// The item of a source that must be one: the first, or all that have the prefix where they agree.
    pub(super) fn item_of(&self, source: &'s Source) -> Result<Option<Value<'s>>, Rejection> {
        let mut found: Option<Value<'s>> = None;
        for reference in &source.from {
            let Some(value) = self.value(reference)? else { continue };
            for item in candidate::single_items(source, value) {
                match &found {
                    Some(first) if *first != item => {
                        return Err(Rejection::Repeated { what: reference.text.clone() });
                    }
                    _ => found = Some(item),
                }
            }
        }
        Ok(found)
    }

    /// Fills in parts; gives the first reference that is absent outside a group.
    fn parts<T: Gather<'s>>(&self, parts: &'s [Part], out: &mut Vec<T>) -> Result<Option<&'s str>, Rejection> {
        for part in parts {
            match part {
                Part::Literal(text) => T::put(Cow::Borrowed(text), out),
                Part::Expr(expr) => match self.expr(expr)? {
                    Some(value) => T::put(value, out),
                    None => return Ok(Some(expr.refs.first().map_or("", |reference| &reference.text))),
                },
                Part::Group(parts) => {
                    let length = out.len();
                    if self.parts(parts, out)?.is_some() {
                        out.truncate(length);
                    }
                }
            }
        }
        Ok(None)
    }

    fn header_list(&self) -> Result<Option<Value<'s>>, Rejection> {
        let Some(plan) = &self.reader.plan().header_list else { return Ok(None) };
        let Some(list) = self.item_of(&plan.source)? else { return Ok(None) };
        let names = read_names(plan, &list)?;
        let mut text = Vec::new();
        for (at, (spelled, name)) in names.iter().enumerate() {
            if self.is_timeless && self.is_time(name) {
                continue;
            }
            let Some(value) = self.reader.header(name)? else {
                return Err(Rejection::Missing { what: format!("header:{name}") });
            };
            if at > 0 {
                text.extend_from_slice(plan.join.as_bytes());
            }
            for part in &plan.item {
                text.extend_from_slice(match part {
                    ItemPart::Text(literal) => literal.as_bytes(),
                    ItemPart::Name => spelled.as_bytes(),
                    ItemPart::Value => value,
                });
            }
        }
        Ok(Some(Cow::Owned(text)))
    }

    fn is_time(&self, name: &HeaderName) -> bool {
        let time = self.reader.plan().time.as_ref();
        time.is_some_and(|time| time.source.from.iter().any(|from| from.place == Place::Header(name.clone())))
    }
}

fn read_names(plan: &HeaderListPlan, list: &[u8]) -> Result<Vec<(String, HeaderName)>, Rejection> {
    let malformed = || Rejection::Malformed { what: "headerNames".to_owned() };
    let list = std::str::from_utf8(list).map_err(|_| malformed())?;
    let mut names = Vec::new();
    for name in list.split(plan.between.as_str()).map(str::trim).filter(|name| !name.is_empty()) {
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| malformed())?;
        names.push((name.to_owned(), header));
        if names.len() > HEADER_LIST_MAX {
            return Err(malformed());
        }
    }
    if let Some(left_out) = plan.required.iter().find(|required| !names.iter().any(|(_, name)| name == *required)) {
        return Err(Rejection::Missing { what: format!("{left_out} among the signed headers") });
    }
    if plan.sort {
        names.sort_by(|(_, a), (_, b)| a.as_str().cmp(b.as_str()));
    }
    Ok(names)
}

impl Keyring {
    /// A keyed digest for the answer to a handshake.
    fn answer_with(&self, hash: MacHash, text: &[u8]) -> Option<Vec<u8>> {
        let key = self.answer_key.as_ref()?;
        Some(hmac::HmacKey::new(hash, key.expose()).mac(&[Cow::Borrowed(text)]))
    }
}
