//! Handshakes and answers.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use super::super::Reply;
use super::super::pattern::Pattern;
use super::super::plan::{AnswerPlan, HandshakePlan};
use super::super::spec::{Answer, Handshake, Text};
use super::super::template::{Place, Template};
use super::{At, Compiler};

/// What a keyed answer may be asked for, unless the entry says less.
const CHALLENGE: &str = "[A-Za-z0-9_-]{1,128}";
const CHALLENGE_BYTES_MAX: usize = 128;
/// Headers that an answer can't have.
const FORBIDDEN: [&str; 19] = [
    "alt-svc",
    "clear-site-data",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "host",
    "keep-alive",
    "location",
    "proxy-authenticate",
    "proxy-connection",
    "refresh",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-content-type-options",
];

impl Compiler<'_> {
    pub(super) fn handshake(
        &mut self,
        at: usize,
        spec: &Handshake,
        delivered_by: &[http::Method],
    ) -> Option<HandshakePlan> {
        let field = format!("handshakes[{at}]");
        let method = spec.method.to_http();
        if spec.unsigned && spec.when.is_empty() && delivered_by.contains(&method) {
            self.fault(
                format!("{field}.when"),
                "an unsigned handshake by the method of deliveries must be told from them",
            );
        }
        let (told_at, proved_at) = if spec.unsigned { (At::Unsigned, At::Unsigned) } else { (At::After, At::Value) };
        let conditions = |compiler: &mut Self, name: &str, map: &std::collections::BTreeMap<_, _>, at| -> Vec<_> {
            let condition =
                |(text, values): (&String, _)| compiler.condition(&format!("{field}.{name}[{text}]"), text, values, at);
            map.iter().filter_map(condition).collect()
        };
        let when = conditions(self, "when", &spec.when, told_at);
        let require = conditions(self, "require", &spec.require, proved_at);
        let refusal = spec.refusal.unwrap_or(401);
        if ![401, 403, 404].contains(&refusal) {
            self.fault(format!("{field}.refusal"), "a refusal is 401, 403 or 404");
        }
        let challenge = if spec.challenge.is_empty() { CHALLENGE } else { spec.challenge.as_str() };
        let challenge = self.or_fault(&format!("{field}.challenge"), Pattern::parse(challenge))?;
        self.check_challenge(&format!("{field}.challenge"), &challenge);
        let answer_at = if spec.unsigned { At::UnsignedAnswer } else { At::Answer };
        let answer = self.answer(&format!("{field}.answer"), &spec.answer, answer_at)?;
        let confirm = spec.confirm.as_ref().map(|c| self.confirm(&format!("{field}.confirm"), c, spec.unsigned));
        let conditions_read = when.iter().chain(&require).filter_map(|condition| condition.expr.as_ref());
        let mut references = conditions_read.flat_map(|expr| &expr.refs).map(|reference| &reference.place);
        let reads_body =
            references.any(Place::is_in_body) || answer.templates().any(|text| text.has(Place::is_in_body));
        Some(HandshakePlan {
            method,
            is_unsigned: spec.unsigned,
            when,
            require,
            refusal,
            challenge,
            answer,
            confirm,
            reads_body,
        })
    }

    /// The answer to a stored event, where the entry has its own.
    pub(super) fn static_answer(&mut self) -> Option<Reply> {
        let spec = &self.spec.answer;
        if *spec == Answer::default() {
            return None;
        }
        let answer = self.answer("answer", spec, At::UnsignedAnswer)?;
        if answer.templates().any(|template| template.constant().is_none()) {
            self.fault("answer", "the answer to an event holds text and {param:NAME} only, nothing of the request");
            return None;
        }
        let text = |template: &Template| template.constant().and_then(|text| String::from_utf8(text).ok());
        let body = if answer.json.is_empty() {
            text(&answer.body)?
        } else {
            let members = answer.json.iter().map(|(name, template)| Some((name.clone(), text(template)?.into())));
            serde_json::Value::Object(members.collect::<Option<_>>()?).to_string()
        };
        let mut headers = Vec::new();
        for (name, template) in &answer.headers {
            match HeaderValue::from_str(&text(template)?) {
                Ok(value) => headers.push((name.clone(), value)),
                Err(_) => self.fault(format!("answer.headers[{name}]"), "the value can't stand in a header"),
            }
        }
        let content_type = answer.content_type.filter(|_| !body.is_empty() || answer.keeps_type);
        Some(Reply { status: answer.status, content_type, headers, body: Bytes::from(body), visit: None })
    }

    fn answer(&mut self, field: &str, spec: &Answer, at: At) -> Option<AnswerPlan> {
        let status = StatusCode::from_u16(spec.status.unwrap_or(200)).ok().filter(StatusCode::is_success);
        if status.is_none() {
            self.fault(format!("{field}.status"), "the status of an answer is 200 to 299");
        }
        if !spec.body.is_empty() && !spec.json.is_empty() {
            self.fault(format!("{field}.json"), "an answer has either body or json");
        }
        let body = self.template(&format!("{field}.body"), &spec.body, at);
        let default = if spec.json.is_empty() { "text/plain" } else { "application/json" };
        let content_type = if spec.content_type.is_empty() { default } else { spec.content_type.as_str() };
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if body.constant().is_none() && essence != "text/plain" {
            let message = "values of the request are repeated as text/plain only: leave contentType out, or use json";
            self.fault(format!("{field}.contentType"), message);
        }
        if !spec.json.is_empty() && essence != "application/json" {
            self.fault(format!("{field}.contentType"), "a JSON answer is application/json");
        }
        let Ok(content_type) = HeaderValue::from_str(content_type) else {
            self.fault(format!("{field}.contentType"), "it can't stand in a header");
            return None;
        };
        let json = self.texts(&format!("{field}.json"), &spec.json, at);
        let mut headers = Vec::new();
        for (name, template) in self.texts(&format!("{field}.headers"), &spec.headers, at) {
            let lower = name.to_ascii_lowercase();
            let is_forbidden = FORBIDDEN.contains(&lower.as_str()) || lower.starts_with("access-control-");
            match HeaderName::from_bytes(name.as_bytes()) {
                Ok(header) if !is_forbidden => headers.push((header, template)),
                Ok(_) => self.fault(format!("{field}.headers[{name}]"), "an answer can't have this header"),
                Err(_) => self.fault(format!("{field}.headers[{name}]"), format!("`{name}` is no header name")),
            }
        }
        let (content_type, keeps_type) = (Some(content_type), !spec.content_type.is_empty());
        Some(AnswerPlan { status: status?, content_type, keeps_type, body, json, headers })
    }

    fn texts(
        &mut self,
        field: &str,
        texts: &std::collections::BTreeMap<String, Text>,
        at: At,
    ) -> Vec<(String, Template)> {
        let template = |(name, text): (&String, &Text)| {
            let template = self.template(&format!("{field}[{name}]"), &text.0, at);
            (name.clone(), template)
        };
        texts.iter().map(template).collect()
    }

    fn check_challenge(&mut self, field: &str, challenge: &Pattern) {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
        if !challenge.is_within(LETTERS) || challenge.longest() > CHALLENGE_BYTES_MAX {
            self.fault(field, format!("a challenge is at most {CHALLENGE_BYTES_MAX} of letters, digits, `_` and `-`"));
        }
    }
}
