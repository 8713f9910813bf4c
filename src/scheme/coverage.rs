//! What a signature covers: computed from the texts that are signed, never claimed.

use http::HeaderName;

use super::Authenticates;
use super::function::Function;
use super::plan::{Accepted, Condition, Plan, StandardHeaders};
use super::spec::Content;
use super::template::{Expr, Part, Place, Template};

/// What the families that have keys cover together.
#[derive(Clone, Debug)]
pub(super) struct Coverage {
    pub(super) level: Authenticates,
    exprs: Vec<Expr>,
    headers: Vec<HeaderName>,
    query: bool,
    path: bool,
    method: bool,
    claims: bool,
}

impl Default for Coverage {
    fn default() -> Self {
        Self {
            level: Authenticates::Sender,
            exprs: Vec::new(),
            headers: Vec::new(),
            query: false,
            path: false,
            method: false,
            claims: false,
        }
    }
}

/// Which families have keys.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Armed {
    pub(super) hmac: bool,
    pub(super) hash: bool,
    pub(super) public_key: bool,
    pub(super) standard: bool,
    pub(super) token: bool,
    pub(super) jwt: bool,
    pub(super) http: bool,
}

impl Armed {
    /// Whether any family has.
    pub(super) fn any(self) -> bool {
        self.hmac || self.hash || self.public_key || self.standard || self.token || self.jwt || self.http
    }

    /// Every family that the scheme has.
    pub(super) fn all(plan: &Plan) -> Self {
        Self {
            hmac: plan.hmac.is_some(),
            hash: plan.hash.is_some(),
            public_key: plan.public_key.is_some(),
            standard: plan.standard.is_some(),
            token: plan.token.is_some(),
            jwt: plan.jwt.is_some(),
            http: plan.http.is_some(),
        }
    }
}

/// Whether the body reads as a form: the two cases in which different parts of a text are there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum World {
    Form,
    Other,
}

impl Coverage {
    pub(super) fn new(plan: &Plan, armed: Armed) -> Self {
        let mut coverage = Self::default();
        let signed: Vec<&Template> = [
            plan.hmac.as_ref().filter(|_| armed.hmac).map(|mac| &mac.signed),
            plan.hash.as_ref().filter(|_| armed.hash).map(|mac| &mac.signed),
            plan.public_key.as_ref().filter(|_| armed.public_key).map(|key| &key.signed),
        ]
        .into_iter()
        .flatten()
        .collect();
        for template in &signed {
            coverage.add_text(&template.parts);
            // All places of the time say the same, or it is refused.
            if let Some(time) = plan.time.as_ref().filter(|_| template.has(|place| *place == Place::Timestamp)) {
                let is_whole = time.source.split.is_empty() && time.source.prefix.is_empty();
                let places = time.source.from.iter().filter(|_| is_whole);
                coverage.exprs.extend(places.map(|from| Expr {
                    functions: Vec::new(),
                    refs: vec![from.clone()],
                    is_optional: false,
                }));
            }
            // A CRC of the body is no protection.
            let is_field = |expr: &Expr| {
                !expr.functions.contains(&Function::Crc32) && expr.refs.iter().any(|r| r.place.is_in_body())
            };
            if template.exprs().into_iter().any(|(expr, _)| is_field(expr)) {
                coverage.raise(Authenticates::Fields);
            }
        }
        if armed.standard {
            coverage.raise(Authenticates::Body);
        }
        if let Some(jwt) = plan.jwt.as_ref().filter(|_| armed.jwt) {
            coverage.claims = true;
            let is_body = jwt.from.iter().all(|from| from.place == Place::Body);
            let is_inside = jwt.from.iter().all(|from| from.place.is_in_body());
            coverage.raise(match (is_body, is_inside) {
                (true, _) => Authenticates::Body,
                (false, true) => Authenticates::Fields,
                (false, false) => Authenticates::Sender,
            });
        }
        if let Some(http) = plan.http.as_ref().filter(|_| armed.http) {
            coverage.add_components(&http.components);
        }
        let worlds: &[World] = match plan.content {
            Content::Any => &[World::Form, World::Other],
            Content::Form => &[World::Form],
            Content::Json | Content::Xml | Content::Multipart => &[World::Other],
        };
        let covers = |world: &World| {
            signed.iter().any(|template| text_covers(&template.parts, *world))
                || plan.require.iter().any(|condition| coverage.binds_body(condition, *world))
        };
        if worlds.iter().all(covers) {
            coverage.raise(Authenticates::Body);
        }
        coverage
    }

    /// Whether the signature covers the value of the alternative `at`, which was the first that is present.
    pub(super) fn signs(&self, expr: &Expr, at: usize, standard: Option<&StandardHeaders>) -> bool {
        let Some(reference) = expr.refs.get(at) else { return false };
        let is_listed = self.exprs.iter().any(|signed| {
            signed.refs.first().is_some_and(|first| first.place == reference.place) || signed.refs == expr.refs
        });
        // What is read inside a signed text is signed with it.
        let is_inside = self.exprs.iter().filter_map(|signed| signed.refs.first()).any(|signed| {
            signed.place.is_in_body()
                && reference.text.strip_prefix(&signed.text).is_some_and(|rest| rest.starts_with("/!"))
        });
        let place = &reference.place;
        if is_listed || is_inside || (self.level == Authenticates::Body && place.is_in_body()) {
            return true;
        }
        match place {
            // The expressions in a nested template speak for themselves.
            Place::Nested(_) | Place::Literal(_) | Place::StandardId => true,
            Place::Header(name) => {
                let is_standard = standard.is_some_and(|set| set.id == *name || set.timestamp == *name);
                is_standard || self.headers.contains(name)
            }
            Place::Query(_) | Place::RawQuery | Place::QuerySorted => self.query,
            Place::Path | Place::PathToken => self.path,
            Place::Method => self.method,
            Place::Claim(_) => self.claims,
            _ => false,
        }
    }

    fn raise(&mut self, level: Authenticates) {
        self.level = self.level.max(level);
    }

    fn add_text(&mut self, parts: &[Part]) {
        for part in parts {
            match part {
                Part::Literal(_) => {}
                Part::Expr(expr) => self.add_expr(expr),
                Part::Group(parts) => {
                    let mut exprs = parts.iter().filter(|part| matches!(part, Part::Expr(_)));
                    // A group of several values falls away when any of them is absent, which leaves the others unsigned.
                    if let (Some(Part::Expr(expr)), None) = (exprs.next(), exprs.next()) {
                        self.add_expr(expr);
                    }
                }
            }
        }
    }

    fn add_expr(&mut self, expr: &Expr) {
        if !expr.functions.iter().all(|function| function.is_injective()) {
            return;
        }
        self.exprs.push(expr.clone());
        let Some(first) = expr.refs.first() else { return };
        match &first.place {
            Place::Url => (self.query, self.path) = (true, true),
            Place::UrlBase | Place::Path => self.path = true,
            Place::RawQuery | Place::QuerySorted => self.query = true,
            Place::Method => self.method = true,
            Place::Nested(template) => self.add_text(&template.parts),
            _ => {}
        }
    }

    fn add_components(&mut self, components: &[String]) {
        for component in components {
            match component.as_str() {
                "@method" => self.method = true,
                "@path" => self.path = true,
                "@query" => self.query = true,
                "@target-uri" | "@request-target" | "(request-target)" => {
                    (self.query, self.path) = (true, true);
                    self.method |= component == "(request-target)";
                }
                "content-digest" | "digest" => self.raise(Authenticates::Body),
                name => self.headers.extend(HeaderName::from_bytes(name.as_bytes())),
            }
        }
    }

    /// Whether a condition holds a digest of the body against something signed.
    fn binds_body(&self, condition: &Condition, world: World) -> bool {
        let Some(expr) = &condition.expr else { return false };
        let mut places =
            expr.refs.iter().enumerate().filter(|(_, reference)| world.may_have(&reference.place)).peekable();
        if places.peek().is_none() || !places.all(|(at, _)| self.signs(expr, at, None)) {
            return false;
        }
        let mut values = condition.values.iter().filter(|value| match value {
            Accepted::Text(template) => template.references().all(|reference| world.may_have(&reference.place)),
            Accepted::Pattern(_) => true,
        });
        let mut is_bound = false;
        values.all(|value| {
            is_bound = matches!(value, Accepted::Text(template) if is_body_digest(template));
            is_bound
        }) && is_bound
    }
}

impl World {
    fn may_have(self, place: &Place) -> bool {
        // Single fields may come in a form of several parts as well.
        self == Self::Form || !place.is_form() || matches!(place, Place::FormField(_) | Place::FormPointer(_))
    }

    fn surely_has(self, place: &Place) -> bool {
        match place {
            Place::Body
            | Place::Method
            | Place::Path
            | Place::Literal(_)
            | Place::Url
            | Place::UrlBase
            | Place::Host => true,
            Place::Form | Place::FormSorted { .. } => self == Self::Form,
            _ => false,
        }
    }
}

fn text_covers(parts: &[Part], world: World) -> bool {
    parts.iter().any(|part| match part {
        Part::Literal(_) => false,
        Part::Expr(expr) => expr_covers(expr, world),
        Part::Group(parts) => {
            let is_there = parts.iter().all(|part| match part {
                Part::Expr(expr) => {
                    expr.is_optional || expr.refs.iter().any(|reference| world.surely_has(&reference.place))
                }
                Part::Literal(_) | Part::Group(_) => true,
            });
            is_there && text_covers(parts, world)
        }
    })
}

fn expr_covers(expr: &Expr, world: World) -> bool {
    let keeps = |function: &Function| {
        function.is_injective() || matches!(function, Function::Rewrite(super::function::Rewrite::Compact))
    };
    if !expr.functions.iter().all(keeps) {
        return false;
    }
    for reference in expr.refs.iter().filter(|reference| world.may_have(&reference.place)) {
        match &reference.place {
            Place::Body | Place::Form | Place::FormSorted { .. } => return true,
            // The one field is all there is; where there are more, the next alternative counts.
            Place::SoleForm(_) => {}
            Place::Nested(template) => return text_covers(&template.parts, world),
            _ => return false,
        }
    }
    false
}

fn is_body_digest(template: &Template) -> bool {
    match template.parts.as_slice() {
        [Part::Expr(Expr { functions, refs, is_optional: false })] => {
            functions.iter().any(|function| matches!(function, Function::Digest(_)))
                && functions.iter().all(|function| function.is_injective())
                && refs.iter().all(|reference| reference.place == Place::Body)
        }
        _ => false,
    }
}
