//! The parts of one request, each read at most once and only when something asks for it.

use std::borrow::Cow;
use std::cell::OnceCell;

use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, Method};
use percent_encoding::percent_decode_str;

use super::encoding::Encoding;
use super::form::Form;
use super::json::{Found, Root};
use super::matched::{Match, agreed};
use super::plan::{Plan, PublicUrl};
use super::spec::Content;
use super::{Delivery, Rejection, multipart, xml};

/// A value of the request.
pub(super) type Value<'s> = Cow<'s, [u8]>;

/// The most numbered headers that are looked at.
const NUMBERED_MAX: usize = 10;

/// What the body says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Json,
    Form,
    Xml,
    Other,
}

/// One request, read on demand.
pub(super) struct Reader<'a> {
    plan: &'a Plan,
    delivery: Delivery<'a>,
    kind: OnceCell<Kind>,
    is_encoded: OnceCell<bool>,
    form: OnceCell<Option<Form<'a>>>,
    fields: OnceCell<Option<Form<'a>>>,
    query: OnceCell<Option<Form<'a>>>,
    json: OnceCell<Option<Found<'a>>>,
    xml: OnceCell<Option<Vec<Vec<Match<'static>>>>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(plan: &'a Plan, delivery: Delivery<'a>) -> Self {
        let (kind, is_encoded) = (OnceCell::new(), OnceCell::new());
        let (form, fields, query) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self { plan, delivery, kind, is_encoded, form, fields, query, json: OnceCell::new(), xml: OnceCell::new() }
    }

    pub(super) fn plan(&self) -> &'a Plan {
        self.plan
    }

    pub(super) fn delivery(&self) -> &Delivery<'a> {
        &self.delivery
    }

    pub(super) fn method(&self) -> &'a Method {
        self.delivery.method
    }

    pub(super) fn body(&self) -> &'a [u8] {
        self.delivery.body
    }

    /// The one value of a header.
    pub(super) fn header(&self, name: &HeaderName) -> Result<Option<&'a [u8]>, Rejection> {
        let mut values = self.delivery.headers.get_all(name).into_iter();
        let first = values.next();
        if values.next().is_some() {
            return Err(Rejection::Repeated { what: format!("header:{name}") });
        }
        Ok(first.map(http::HeaderValue::as_bytes))
    }

    /// All values of a header.
    pub(super) fn lines(&self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.delivery.headers.get_all(name).into_iter().map(http::HeaderValue::as_bytes)
    }

    /// The values of `{prefix}1`, `{prefix}2`, … up to the first gap.
    pub(super) fn numbered(&self, prefix: &str) -> Result<Vec<&'a [u8]>, Rejection> {
        let mut values = Vec::new();
        for number in 1..=NUMBERED_MAX {
            let Ok(name) = HeaderName::from_bytes(format!("{prefix}{number}").as_bytes()) else { break };
            match self.header(&name)? {
                Some(value) => values.push(value),
                None => break,
            }
        }
        Ok(values)
    }

    /// The credentials of an `Authorization` header of this scheme.
    pub(super) fn credentials(&self, scheme: &str) -> Result<Option<&'a [u8]>, Rejection> {
        let Some(value) = self.header(&AUTHORIZATION)? else { return Ok(None) };
        let Some((name, rest)) = value.split_at_checked(scheme.len()) else { return Ok(None) };
        let is_scheme = name.eq_ignore_ascii_case(scheme.as_bytes());
        Ok(rest.strip_prefix(b" ").filter(|_| is_scheme).map(<[u8]>::trim_ascii))
    }

    /// `user:password` of basic credentials.
    pub(super) fn basic(&self) -> Result<Option<Value<'a>>, Rejection> {
        let credentials = self.credentials("basic")?;
        Ok(credentials.and_then(|text| Encoding::Base64.decode(text)).map(Cow::Owned))
    }

    /// The one value of a name in the query.
    pub(super) fn query(&self, name: &str) -> Result<Option<Value<'_>>, Rejection> {
        let Some(form) = self.query_form() else { return Ok(None) };
        one(form.get(name), || format!("query:{name}"))
    }

    pub(super) fn query_sorted(&self) -> Option<String> {
        self.query_form().map(Form::sorted_query)
    }

    fn query_form(&self) -> Option<&Form<'a>> {
        let query = self.delivery.query?;
        self.query.get_or_init(|| Form::parse(query.as_bytes())).as_ref()
    }

    /// The body as a form, where it is one.
    pub(super) fn form(&self) -> Option<&Form<'a>> {
        let is_form = match self.plan.content {
            Content::Form => true,
            Content::Any => self.kind() == Kind::Form,
            Content::Json | Content::Xml | Content::Multipart => false,
        };
        if !is_form || self.is_encoded() {
            return None;
        }
        self.form.get_or_init(|| Form::parse(self.delivery.body)).as_ref()
    }

    /// The body's single fields, where it has any.
    fn fields(&self) -> Option<&Form<'a>> {
        if self.plan.content != Content::Multipart {
            return self.form();
        }
        if self.is_encoded() {
            return None;
        }
        let read = || match self.delivery.headers.get(CONTENT_TYPE) {
            Some(content_type) if self.kind() != Kind::Form => {
                multipart::fields(content_type.as_bytes(), self.delivery.body).map(Form::of)
            }
            _ => Form::parse(self.delivery.body),
        };
        self.fields.get_or_init(read).as_ref()
    }

    /// The one value of a form field.
    pub(super) fn field(&self, name: &str) -> Result<Option<&str>, Rejection> {
        let Some(form) = self.fields() else { return Ok(None) };
        let mut values = form.get(name);
        let first = values.next();
        if values.next().is_some() {
            return Err(Rejection::Repeated { what: format!("form:{name}") });
        }
        Ok(first)
    }

    /// The field that the form consists of.
    pub(super) fn sole_field(&self, name: &str) -> Option<&str> {
        let mut pairs = self.form()?.pairs();
        match (pairs.next(), pairs.next()) {
            (Some((only, value)), None) if only == name => Some(value),
            _ => None,
        }
    }

    /// What stands further inside a form field.
    pub(super) fn form_pointer(&self, index: usize) -> Result<Option<Value<'_>>, Rejection> {
        let Some((name, pointers)) = self.plan.forms.get(index) else { return Ok(None) };
        let Some(text) = self.field(name)? else { return Ok(None) };
        let Ok(found) = pointers.scan_text(text) else { return Ok(None) };
        let is_complete = found.is_complete(0);
        let value = agreed(found.values(0)).filter(|_| is_complete);
        Ok(value.map(|value| Cow::Owned(value.as_bytes().to_vec())))
    }

    /// What the JSON pointer `index` finds.
    pub(super) fn json(&self, index: usize, what: &str) -> Result<Option<Value<'_>>, Rejection> {
        let Some(found) = self.found() else { return Ok(None) };
        pick(found, index, what)
    }

    /// What it finds in one item.
    pub(super) fn item(&self, index: usize, item: usize, what: &str) -> Result<Option<Value<'_>>, Rejection> {
        let Some(found) = self.found() else { return Ok(None) };
        let values: Vec<_> = found.item_values(index, item).collect();
        match agreed(values.iter().copied()) {
            Some(value) => Ok(Some(Cow::Borrowed(value.as_bytes()))),
            None if values.len() > 1 => Err(Rejection::Repeated { what: what.to_owned() }),
            None => Ok(None),
        }
    }

    /// How many items the batch has.
    pub(super) fn items(&self) -> usize {
        let each = self.plan.each;
        each.and_then(|each| self.found().map(|found| found.items(each))).unwrap_or(0)
    }

    pub(super) fn xml(&self, index: usize) -> Option<Value<'_>> {
        let values = self.scanned_xml()?.get(index)?;
        agreed(values).map(|value| Cow::Borrowed(value.as_bytes()))
    }

    /// The public URL with the token's segment, without a query.
    pub(super) fn url_base(&self) -> Option<Value<'a>> {
        let url = self.plan.url.as_ref()?;
        Some(match self.delivery.path_token {
            Some(token) => Cow::Owned(format!("{}/{token}", url.base).into_bytes()),
            None => Cow::Borrowed(url.base.as_bytes()),
        })
    }

    /// The public URL with the raw query.
    pub(super) fn url(&self) -> Option<Value<'a>> {
        let base = self.url_base()?;
        Some(match self.delivery.query {
            Some(query) => Cow::Owned([base.as_ref(), b"?", query.as_bytes()].concat()),
            None => base,
        })
    }

    /// The path of the public URL, or, where that is not known, of the request.
    pub(super) fn path(&self) -> Value<'a> {
        match (&self.plan.url, self.delivery.path_token) {
            (Some(PublicUrl { path, .. }), Some(token)) => Cow::Owned(format!("{path}/{token}").into_bytes()),
            (Some(PublicUrl { path, .. }), None) => Cow::Borrowed(path.as_bytes()),
            (None, _) => Cow::Borrowed(self.delivery.path.as_bytes()),
        }
    }

    pub(super) fn raw_query(&self) -> Option<&'a str> {
        self.delivery.query
    }

    /// The token behind the path, decoded.
    pub(super) fn path_token(&self) -> Option<Value<'a>> {
        self.delivery.path_token.map(|token| percent_decode_str(token).into())
    }

    /// What the body should be and is not.
    pub(super) fn content_fault(&self) -> Option<&'static str> {
        if self.is_encoded() {
            return None;
        }
        let (is_json, is_form, is_xml) = match self.plan.content {
            Content::Json => (true, false, false),
            Content::Form | Content::Multipart => (false, true, false),
            Content::Xml => (false, false, true),
            Content::Any => {
                let kind = self.kind();
                (kind == Kind::Json && self.plan.reads_json, false, kind == Kind::Xml && !self.plan.xml.is_empty())
            }
        };
        if is_json && self.found().is_none() {
            return Some("JSON");
        }
        if is_form && self.fields().is_none() {
            return Some("form");
        }
        (is_xml && self.scanned_xml().is_none()).then_some("XML")
    }

    fn found(&self) -> Option<&Found<'a>> {
        let may_be = match self.plan.content {
            Content::Json => true,
            Content::Any => self.kind() != Kind::Form,
            Content::Form | Content::Multipart | Content::Xml => false,
        };
        if !may_be || self.is_encoded() {
            return None;
        }
        let scan = || {
            let found = self.plan.json.scan(self.delivery.body).ok()?;
            (found.root() != Root::Scalar).then_some(found)
        };
        self.json.get_or_init(scan).as_ref()
    }

    fn scanned_xml(&self) -> Option<&Vec<Vec<Match<'static>>>> {
        let may_be = match self.plan.content {
            Content::Xml => true,
            Content::Any => !matches!(self.kind(), Kind::Form | Kind::Json),
            Content::Form | Content::Multipart | Content::Json => false,
        };
        if !may_be || self.is_encoded() {
            return None;
        }
        self.xml.get_or_init(|| xml::scan(self.delivery.body, &self.plan.xml).ok()).as_ref()
    }

    fn is_encoded(&self) -> bool {
        *self.is_encoded.get_or_init(|| {
            let encoding = self.delivery.headers.get(CONTENT_ENCODING);
            encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
        })
    }

    fn kind(&self) -> Kind {
        *self.kind.get_or_init(|| Kind::of(self.delivery.headers))
    }
}

impl Kind {
    fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(CONTENT_TYPE) else { return Self::Other };
        let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let ends = |suffix: &str| {
            essence
                .len()
                .checked_sub(suffix.len())
                .and_then(|at| essence.get(at..))
                .is_some_and(|end| end.eq_ignore_ascii_case(suffix.as_bytes()))
        };
        if ends("/json") || ends("+json") {
            Self::Json
        } else if ends("/x-www-form-urlencoded") {
            Self::Form
        } else if ends("/xml") || ends("+xml") {
            Self::Xml
        } else {
            Self::Other
        }
    }
}

/// The value that a pointer finds: one for a single place, one that all agree on for a `*`.
pub(super) fn pick<'s>(found: &'s Found<'_>, index: usize, what: &str) -> Result<Option<Value<'s>>, Rejection> {
    let values = found.values(index);
    match agreed(values) {
        Some(_) if !found.is_complete(index) => Ok(None),
        Some(value) => Ok(Some(Cow::Borrowed(value.as_bytes()))),
        None if values.len() > 1 && !what.contains('*') => Err(Rejection::Repeated { what: what.to_owned() }),
        None => Ok(None),
    }
}

fn one<'s>(
    mut values: impl Iterator<Item = &'s str>,
    what: impl FnOnce() -> String,
) -> Result<Option<Value<'s>>, Rejection> {
    let first = values.next();
    if values.next().is_some() {
        return Err(Rejection::Repeated { what: what() });
    }
    Ok(first.map(|value| Cow::Borrowed(value.as_bytes())))
}
