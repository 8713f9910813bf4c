//! Rules that hold across the parts of a scheme.

use std::cell::OnceCell;

use super::super::coverage::{Armed, Coverage};
use super::super::pattern::Pattern;
use super::super::plan::{Accepted, HandshakePlan, KeyPlan, Plan, TimePlan};
use super::super::spec::{Content, Unit};
use super::super::template::{Expr, Part, Place, Reference, Template};
use super::super::{Fault, FaultKind, UrlOrigin};
use super::input::PUBLIC_URL;
use super::{At, Compiler};

impl Compiler<'_> {
    /// Checks every reference of a template for where it stands.
    pub(super) fn check_template(&mut self, field: &str, template: &Template, at: At) {
        for part in &template.parts {
            let parts = match part {
                Part::Group(parts) => parts.as_slice(),
                part => std::slice::from_ref(part),
            };
            for part in parts {
                if let Part::Expr(expr) = part {
                    self.check_expr(field, expr, at);
                }
            }
        }
    }

    pub(super) fn check_expr(&mut self, field: &str, expr: &Expr, at: At) {
        if expr.is_keyed() {
            let keyed = |function: &_| matches!(function, super::super::function::Function::Hmac(_));
            let is_innermost = expr.functions.iter().position(keyed) == Some(expr.functions.len() - 1);
            let is_direct = expr
                .refs
                .iter()
                .all(|r| matches!(r.place, Place::Query(_) | Place::Header(_) | Place::FormField(_) | Place::Json(_)));
            if !matches!(at, At::Answer | At::UnsignedAnswer) {
                self.fault(field, "a keyed function stands in the answer to a handshake only");
            } else if !is_innermost || !is_direct {
                self.fault(field, "a keyed function is applied to a header, query, form or JSON value directly");
            }
        }
        for reference in &expr.refs {
            self.check_reference(field, reference, at);
        }
    }

    pub(super) fn check_reference(&mut self, field: &str, reference: &Reference, at: At) {
        let text = &reference.text;
        let before = matches!(at, At::From | At::Signed | At::Unsigned | At::UnsignedAnswer);
        let message = match &reference.place {
            Place::Secret if !matches!(at, At::Signed | At::KeyText) => {
                "{secret} stands in signed texts and texts of keys only; elsewhere name the use: {secret:USE}"
                    .to_owned()
            }
            Place::SecretOf(name) => match at {
                At::Value | At::Unsigned | At::KeyText => {
                    let is_known =
                        self.spec.keys.contains_key(name) || self.family_uses().iter().any(|(_, known)| known == name);
                    if is_known {
                        return;
                    }
                    let known = super::super::function::did_you_mean(name, self.spec.keys.keys().map(String::as_str));
                    format!("no key has the use `{name}`{known}: declare it under keys")
                }
                _ => format!("`{text}` can only be compared with: it stands among the values of require"),
            },
            Place::Item(_) if !matches!(at, At::From | At::Signed) => {
                format!("`{text}` is there while items are verified only: write json: and a pointer with *")
            }
            Place::Claim(_) if before || self.spec.jwt.is_none() => {
                format!("`{text}` is known only after a token (jwt) verified")
            }
            Place::Timestamp if self.spec.timestamp.is_none() => {
                "{timestamp} needs `timestamp` to say where it is".to_owned()
            }
            Place::Timestamp if matches!(at, At::From | At::Unsigned | At::UnsignedAnswer) => {
                "{timestamp} is known only when signatures are checked".to_owned()
            }
            Place::HeaderList | Place::HeaderNames if self.spec.header_list.is_none() => {
                format!("`{text}` needs `headerList` to say where the list is")
            }
            Place::Numbered(_) if at != At::From => format!("`{text}`: numbered headers can hold signatures only"),
            Place::PathToken if at != At::From => "pathToken is the place of a token only".to_owned(),
            Place::Url | Place::UrlBase | Place::Host if !self.has_url() => return self.missing_url(),
            place if at == At::KeyText && !matches!(place, Place::Secret | Place::SecretOf(_)) => {
                "a key's text holds literals, {secret}, {secret:USE} and {param:NAME}".to_owned()
            }
            _ => return,
        };
        self.fault(field, message);
    }

    pub(super) fn check_rules(&mut self, plan: &Plan) {
        let families = self.family_uses().len();
        if families == 0 && !plan.is_none {
            self.fault(
                "hmac",
                "nothing is verified: give one of hmac, hash, publicKey, standardWebhooks, token, jwt, httpSignature",
            );
        }
        if families != 0 && plan.is_none {
            self.fault("none", "no verification stands alone: remove it, or the other families");
        }
        self.check_times(plan);
        self.check_shared_keys(plan);
        for (at, handshake) in plan.handshakes.iter().enumerate() {
            if handshake.is_unsigned && handshake.answer.is_keyed() && !Self::is_no_oracle(plan, handshake) {
                self.fault(
                    format!("handshakes[{at}].answer"),
                    "the answer to an unsigned request could be a signature: set content, a narrower challenge, or a literal \
                     in the signed text that no challenge has",
                );
            }
        }
        let lines = plan.hmac.iter().chain(&plan.hash).map(|mac| &mac.source);
        let lines = lines.chain(plan.public_key.iter().map(|key| &key.source));
        let misplaced = lines
            .filter(|source| source.lines && !source.from.iter().any(|from| matches!(from.place, Place::Header(_))));
        if misplaced.count() > 0 {
            self.fault("hmac.lines", "only headers come in several lines");
        }
        if plan.signs_encoded && plan.content != Content::Any {
            self.fault("encoded", "compressed bodies are not read: leave content out");
        }
        let unused = |name: &&String| *name != PUBLIC_URL && !self.names.used_parameters.contains(*name);
        for name in self.spec.parameters.keys().filter(unused).cloned().collect::<Vec<_>>() {
            self.fault(format!("parameters.{name}"), "nothing uses this parameter: put {param:NAME} into a text");
        }
        let lets = self.spec.lets.keys().filter(|name| name.is_empty() || name.contains(['{', '}', '|', ':', '?']));
        for name in lets.cloned().collect::<Vec<_>>() {
            self.fault(format!("let.{name}"), "the name of a template consists of letters and digits");
        }
    }

    /// A time that nothing signs protects from nothing; a tolerance without a time is a mistake.
    fn check_times(&mut self, plan: &Plan) {
        if let Some(time) = &plan.time
            && self.faults.is_empty()
            && !time.is_in_text
        {
            let coverage = Coverage::new(plan, Armed::all(plan));
            let is_signed = |from: &Reference| {
                let expr = Expr { functions: Vec::new(), refs: vec![from.clone()], is_optional: false };
                coverage.signs(&expr, 0, None)
            };
            if !time.source.from.iter().all(is_signed) {
                self.fault("timestamp", "no signed text holds the time: put {timestamp} into one");
            }
        }
        let is_timed = plan.time.as_ref().is_some_and(|time| time.unit != Unit::None)
            || plan.standard.is_some()
            || plan.http.is_some()
            || plan.jwt.as_ref().is_some_and(|jwt| jwt.check.max_age.is_some());
        if self.context.tolerance.is_some() && !is_timed {
            self.faults.push(Fault {
                kind: FaultKind::Tolerance,
                field: "timestampTolerance".to_owned(),
                message: "this scheme signs no time: remove timestampTolerance".to_owned(),
            });
        }
    }

    /// Where all customers of a platform share a key, something must bind the delivery to this one.
    fn check_shared_keys(&mut self, plan: &Plan) {
        let is_bound = OnceCell::new();
        let binds = |text: &String| text.contains("{param:");
        let spec = self.spec;
        let is_fetched =
            |key: &KeyPlan| plan.fetch.as_ref().is_some_and(|f| f.key == key.r#use && f.origin != UrlOrigin::Parameter);
        let source = |key: &KeyPlan| match &key.spec {
            spec if !spec.constant.is_empty() => Some("constant"),
            spec if spec.x5c.is_some() => Some("x5c"),
            _ => is_fetched(key).then_some("fetch"),
        };
        let shared: Vec<(String, &str)> =
            plan.keys.iter().filter_map(|key| Some((key.r#use.clone(), source(key)?))).collect();
        for (name, source) in shared {
            let is_bound = *is_bound.get_or_init(|| {
                let required = plan.require.iter().any(|condition| {
                    spec.require.get(&condition.text).is_some_and(|values| values.0.iter().all(binds))
                        && !condition.values.is_empty()
                });
                let signed = spec.public_key.as_ref().is_some_and(|family| binds(&family.signed));
                required || signed || spec.token.is_some()
            });
            if !is_bound {
                let message =
                    "all customers of the provider share this key: compare a value with a parameter in require";
                self.fault(format!("keys.{name}.{source}"), message);
            }
        }
    }

    /// Whether no challenge that is answered can be a signed text.
    fn is_no_oracle(plan: &Plan, handshake: &HandshakePlan) -> bool {
        let Some(hmac) = &plan.hmac else { return true };
        let challenge = &handshake.challenge;
        let has_foreign_literal = hmac.signed.parts.iter().any(|part| match part {
            Part::Literal(text) => text.iter().any(|byte| challenge.excludes_byte(*byte)),
            Part::Expr(_) | Part::Group(_) => false,
        });
        let is_structured = hmac.signed.is_body() && matches!(plan.content, Content::Json | Content::Xml);
        has_foreign_literal || is_structured || Self::has_disjoint_pattern(plan, &hmac.signed, challenge)
    }

    /// Whether the text is one value whose required pattern no challenge has.
    fn has_disjoint_pattern(plan: &Plan, signed: &Template, challenge: &Pattern) -> bool {
        let [Part::Expr(expr)] = signed.parts.as_slice() else { return false };
        if !expr.functions.is_empty() || expr.is_optional {
            return false;
        }
        plan.require.iter().filter(|condition| condition.expr.as_ref() == Some(expr)).any(|condition| {
            let is_disjoint = |value: &Accepted| match value {
                Accepted::Pattern(pattern) => pattern.is_disjoint(challenge),
                Accepted::Text(_) => false,
            };
            !condition.values.is_empty() && condition.values.iter().all(is_disjoint)
        })
    }
}

impl Plan {
    /// Whether a signed text names the time itself.
    pub(super) fn signs_timestamp(&self, time: &TimePlan) -> bool {
        let texts = [
            self.hmac.as_ref().map(|family| &family.signed),
            self.hash.as_ref().map(|family| &family.signed),
            self.public_key.as_ref().map(|family| &family.signed),
        ];
        let is_header = |place: &Place| time.source.from.iter().any(|from| from.place == *place);
        let listed = self.header_list.iter().flat_map(|list| &list.required);
        let mut listed = listed.map(|name| Place::Header(name.clone()));
        texts.into_iter().flatten().any(|text| text.has(|place| *place == Place::Timestamp || is_header(place)))
            || listed.any(|place| is_header(&place))
    }
}
