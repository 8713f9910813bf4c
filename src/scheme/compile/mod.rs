//! From the description of a scheme to its plan; every fault is told with its field, all at once.

mod answer;
mod family;
mod fetch;
mod input;
mod key;
mod rule;

use std::sync::Arc;

use super::duration;
use super::json::PointerSet;
use super::pattern::Pattern;
use super::place::{Names, Parsed};
use super::plan::{Accepted, Condition, EventPlan, Plan, PublicUrl, Source};
use super::pointer::Pointer;
use super::spec::{Content, Method, Unit, Values, Verification};
use super::template::{Place, Reference, Template};
use super::{Context, Fault, FaultKind};

/// Compiles a description for one endpoint.
pub(super) fn compile(spec: &Verification, context: Context<'_>) -> Result<Plan, Vec<Fault>> {
    let mut compiler = Compiler { spec, context, names: Names::default(), faults: Vec::new() };
    let plan = compiler.plan();
    compiler.check_rules(&plan);
    if compiler.faults.is_empty() { Ok(plan) } else { Err(compiler.faults) }
}

struct Compiler<'a> {
    spec: &'a Verification,
    context: Context<'a>,
    names: Names,
    faults: Vec<Fault>,
}

/// Where a text stands, which decides what it may refer to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// The source of a signature, a token or a time.
    From,
    /// A signed text.
    Signed,
    /// Something read after verification.
    After,
    /// A value that is compared after verification.
    Value,
    /// What tells or proves a handshake that comes unsigned.
    Unsigned,
    /// The answer to a signed handshake.
    Answer,
    /// The answer to an unsigned handshake.
    UnsignedAnswer,
    /// The text of a key.
    KeyText,
}

impl Compiler<'_> {
    fn plan(&mut self) -> Plan {
        let spec = self.spec;
        self.read_parameters();
        let each = self.read_each();
        self.read_lets();
        let event = self.event();
        let url = self.public_url();
        let header_list = spec.header_list.as_ref().and_then(|list| self.header_list(list));
        let time = spec.timestamp.as_ref().and_then(|time| self.timestamp(time));
        let hmac = spec.hmac.as_ref().map(|mac| self.mac("hmac", mac));
        let hash = spec.hash.as_ref().map(|mac| self.mac("hash", mac));
        let public_key = spec.public_key.as_ref().and_then(|key| self.public_key(key));
        let standard = spec.standard_webhooks.as_ref().map(|standard| self.standard(standard));
        let token = spec.token.as_ref().map(|token| self.token(token));
        let jwt = spec.jwt.as_ref().map(|jwt| self.jwt(jwt));
        let http = spec.http_signature.as_ref().map(|http| self.http(http));
        let require = spec.require.iter().filter_map(|(text, values)| self.required(text, values)).collect();
        let delivered_by = if spec.methods.is_empty() { vec![Method::Post] } else { spec.methods.clone() };
        let delivered_by: Vec<http::Method> = delivered_by.into_iter().map(Method::to_http).collect();
        let handshakes: Vec<_> = spec
            .handshakes
            .iter()
            .enumerate()
            .filter_map(|(at, item)| self.handshake(at, item, &delivered_by))
            .collect();
        let mut methods = delivered_by.clone();
        for handshake in &handshakes {
            if !methods.contains(&handshake.method) {
                methods.push(handshake.method.clone());
            }
        }
        let answer = self.static_answer();
        let (time_limit, retry_for) = self.sender();
        let fetch = self.fetches();
        let keys = self.keys();
        let uses = Self::uses(&keys);
        let places = std::mem::take(&mut self.names.places);
        let mut plan = Plan {
            content: spec.content,
            signs_encoded: spec.encoded,
            delivered_by,
            methods,
            reads_json: spec.content == Content::Json || !places.json.is_empty(),
            json: PointerSet::new(&places.json),
            claims: PointerSet::new(&places.claims),
            xml: places.xml,
            forms: places.forms,
            each,
            each_text: spec.each.clone(),
            url,
            time,
            header_list,
            hmac,
            hash,
            public_key,
            standard,
            token,
            jwt,
            http,
            is_none: spec.none.is_some(),
            require,
            event,
            handshakes,
            answer,
            time_limit,
            retry_for,
            uses,
            keys,
            fetch,
            evidence: Vec::new(),
            secret_query: Vec::new(),
        };
        if let Some(mut time) = plan.time.take() {
            time.is_in_text = plan.signs_timestamp(&time);
            plan.time = Some(time);
        }
        plan.evidence = plan.evidence();
        plan.secret_query = plan.secret_query();
        if plan.event.id.is_none() && plan.standard.is_some() {
            plan.event.id = Some(standard_id());
        }
        plan
    }

    fn fault(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.faults.push(Fault { kind: FaultKind::Verification, field: field.into(), message: message.into() });
    }

    fn parameter_fault(&mut self, name: &str, message: impl Into<String>) {
        self.faults.push(Fault { kind: FaultKind::Parameter, field: name.to_owned(), message: message.into() });
    }

    /// The value, or a fault at the field.
    fn or_fault<T>(&mut self, field: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.fault(field, message)).ok()
    }

    fn read_each(&mut self) -> Option<usize> {
        let text = self.spec.each.as_ref()?;
        let pointer = self.or_fault("each", Pointer::parse(text))?;
        if text.matches("/*").count() != 1 || text.contains('!') {
            self.fault("each", "`each` has one `*`, for the items, and no steps");
            return None;
        }
        let item = Pointer::parse("").and_then(|root| pointer.below(&root));
        let item = self.or_fault("each", item)?;
        self.names.each = Some(pointer);
        self.names.places.json.push(item);
        Some(self.names.places.json.len() - 1)
    }

    fn read_lets(&mut self) {
        for (name, text) in &self.spec.lets {
            let template = self.template(&format!("let.{name}"), &text.0, At::After);
            self.names.lets.insert(name.clone(), Arc::new(template));
        }
    }

    fn event(&mut self) -> EventPlan {
        let spec = &self.spec.event;
        let id = self.optional_template("event.id", &spec.id);
        self.names.id = id.clone().map(Arc::new);
        let r#type = self.optional_template("event.type", &spec.type_);
        let time = self.optional_template("event.time", &spec.time);
        if time.is_some() && spec.time_unit == Unit::None {
            self.fault("event.timeUnit", "an event's time needs a unit: s, ms, rfc3339 or httpDate");
        }
        if !spec.batch.is_empty() {
            let batch = self.names.reference(&spec.batch);
            self.or_fault("event.batch", batch);
        }
        EventPlan { r#type, id, time, time_unit: spec.time_unit, has_unique_bodies: spec.unique_bodies }
    }

    fn optional_template(&mut self, field: &str, text: &str) -> Option<Template> {
        (!text.is_empty()).then(|| self.template(field, text, At::After))
    }

    fn template(&mut self, field: &str, text: &str, at: At) -> Template {
        self.parsed_template(field, text, at).value
    }

    fn parsed_template(&mut self, field: &str, text: &str, at: At) -> Parsed<Template> {
        match self.names.template(text) {
            Ok(parsed) => {
                self.check_template(field, &parsed.value, at);
                parsed
            }
            Err(message) => {
                self.fault(field, message);
                Parsed { value: Template::default(), fell_away: false }
            }
        }
    }

    /// A text that may hold parameters and nothing of the request.
    fn constant(&mut self, field: &str, text: &str) -> Vec<u8> {
        let parsed = self.names.template(text);
        let Some(parsed) = self.or_fault(field, parsed) else { return Vec::new() };
        parsed.value.constant().unwrap_or_else(|| {
            self.fault(field, "it can hold text and {param:NAME} only");
            Vec::new()
        })
    }

    /// The references of a `from`; those that name a parameter without value fall away.
    fn from(&mut self, field: &str, texts: &[String], allowed: fn(&Place) -> bool) -> Vec<Reference> {
        let mut from = Vec::new();
        for (at, text) in texts.iter().enumerate() {
            let field = format!("{field}[{at}]");
            let reference = self.names.reference(text);
            let Some(Some(reference)) = self.or_fault(&field, reference) else { continue };
            if allowed(&reference.place) {
                self.check_reference(&field, &reference, At::From);
            } else {
                self.fault(
                    &field,
                    format!(
                        "`{text}` is no place for this: name a header, query or form field, or a value of the body"
                    ),
                );
            }
            from.push(reference);
        }
        if from.is_empty() && self.faults.is_empty() {
            self.fault(field, "it names no place: give at least one");
        }
        from
    }

    fn source(&mut self, family: &str, from: &[String], split: &str, prefix: &str) -> Source {
        let from = self.from(&format!("{family}.from"), from, is_signature_place);
        let prefix = self.constant(&format!("{family}.prefix"), prefix);
        Source { from, lines: false, split: split.as_bytes().to_vec(), prefix, skip: 0 }
    }

    fn duration(&mut self, field: &str, text: Option<&String>) -> Option<std::time::Duration> {
        let text = text?;
        let parsed = duration::parse(text);
        if parsed.is_none() {
            self.fault(field, format!("`{text}` is no duration: write it as 500ms, 30s, 5m or 1h30m"));
        }
        parsed
    }

    /// A condition of `require`; `None` where its values all need parameters that have none.
    fn required(&mut self, text: &str, values: &Values) -> Option<Condition> {
        let condition = self.condition(&format!("require[{text}]"), text, values, At::Value);
        condition.filter(|condition| values.0.is_empty() || !condition.values.is_empty())
    }

    fn condition(&mut self, field: &str, text: &str, values: &Values, at: At) -> Option<Condition> {
        let expr = self.names.expr(text);
        let expr = self.or_fault(field, expr)?;
        if let Some(expr) = &expr {
            self.check_expr(field, expr, if at == At::Value { At::After } else { at });
        }
        let mut accepted = Vec::new();
        for (index, value) in values.0.iter().enumerate() {
            let field = format!("{field}[{index}]");
            if let Some(pattern) = value.strip_prefix('~') {
                accepted.extend(self.or_fault(&field, Pattern::parse(pattern)).map(Accepted::Pattern));
            } else {
                let parsed = self.parsed_template(&field, value, at);
                if !parsed.fell_away {
                    accepted.push(Accepted::Text(parsed.value));
                }
            }
        }
        Some(Condition { text: text.to_owned(), expr, values: accepted })
    }
}

/// Places that a signature, a token or a time can come from.
fn is_signature_place(place: &Place) -> bool {
    matches!(
        place,
        Place::Header(_)
            | Place::Numbered(_)
            | Place::Query(_)
            | Place::FormField(_)
            | Place::FormPointer(_)
            | Place::Json(_)
            | Place::Item(_)
            | Place::Xml(_)
            | Place::Bearer
            | Place::Nested(_)
    )
}

fn is_token_place(place: &Place) -> bool {
    is_signature_place(place) && !matches!(place, Place::Numbered(_))
        || matches!(place, Place::Basic | Place::PathToken)
}

fn is_jwt_place(place: &Place) -> bool {
    is_token_place(place) && !matches!(place, Place::Item(_) | Place::Basic) || *place == Place::Body
}

/// The id that Standard Webhooks brings along.
fn standard_id() -> Template {
    use super::template::{Expr, Part};
    let reference = Reference { text: "id".into(), place: Place::StandardId };
    Template { parts: vec![Part::Expr(Expr { functions: Vec::new(), refs: vec![reference], is_optional: false })] }
}

impl Method {
    pub(super) fn to_http(self) -> http::Method {
        match self {
            Self::Get => http::Method::GET,
            Self::Head => http::Method::HEAD,
            Self::Options => http::Method::OPTIONS,
            Self::Post => http::Method::POST,
            Self::Put => http::Method::PUT,
            Self::Patch => http::Method::PATCH,
            Self::Delete => http::Method::DELETE,
        }
    }
}

impl PublicUrl {
    fn parse(text: &str) -> Option<Self> {
        let uri: http::Uri = text.parse().ok()?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        let host = uri.authority().filter(|authority| !authority.as_str().contains('@'))?.as_str().to_owned();
        let is_bare = uri.query().is_none() && !text.contains('#');
        (is_http && is_bare).then(|| Self { base: text.to_owned(), host, path: uri.path().to_owned() })
    }
}
