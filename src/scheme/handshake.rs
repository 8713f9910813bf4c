//! Requests by which a provider checks that the URL is ours.

use std::cell::Cell;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method};

use super::host::is_pinned;
use super::keyring::Keyring;
use super::plan::{AnswerPlan, HandshakePlan, Plan};
use super::reader::Reader;
use super::scope::Scope;
use super::template::{Expr, Template};
use super::verify::holds;
use super::{Delivery, Rejection, Reply};

/// The most bytes of the request that an answer repeats.
const ECHO_BYTES_MAX: usize = 1024;

/// Whether a request by this method may be this handshake, once it verified.
pub(super) fn is_signed_by(handshake: &HandshakePlan, method: &Method) -> bool {
    !handshake.is_unsigned && handshake.method == *method
}

/// The refusal of a request whose method only handshakes have, and which is none.
pub(super) fn not_one(plan: &Plan, method: &Method) -> Rejection {
    let refusal =
        plan.handshakes.iter().find(|handshake| handshake.method == *method).map(|handshake| handshake.refusal);
    Rejection::Handshake {
        what: format!("{method} brings handshakes only, and this is none"),
        status: refusal.unwrap_or(401),
    }
}

/// Answers a handshake that comes unsigned.
pub(super) fn greet(plan: &Plan, keys: &Keyring, delivery: &Delivery<'_>) -> Option<Result<Reply, Rejection>> {
    let mut handshakes =
        plan.handshakes.iter().filter(|handshake| handshake.is_unsigned && handshake.method == *delivery.method);
    let first = handshakes.next()?;
    let reader = Reader::new(plan, *delivery);
    let is_signed = Cell::new(true);
    let scope = Scope::new(&reader, keys, &is_signed);
    // A value sent twice tells nothing: such a request is no handshake and goes the way of a delivery.
    let fitting =
        std::iter::once(first).chain(handshakes).find(|handshake| all_hold(&scope, handshake).unwrap_or(false))?;
    Some(answer(&scope, fitting))
}

/// The answer to the first signed handshake that fits.
pub(super) fn answer_signed(scope: &Scope<'_, '_>, plan: &Plan) -> Result<Option<Reply>, Rejection> {
    for handshake in plan.handshakes.iter().filter(|handshake| is_signed_by(handshake, scope.reader.method())) {
        if all_hold(scope, handshake)? {
            return answer(scope, handshake).map(Some);
        }
    }
    Ok(None)
}

fn all_hold(scope: &Scope<'_, '_>, handshake: &HandshakePlan) -> Result<bool, Rejection> {
    for condition in &handshake.when {
        if !holds(scope, condition)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn answer(scope: &Scope<'_, '_>, handshake: &HandshakePlan) -> Result<Reply, Rejection> {
    let refused = |what: &str| Rejection::Handshake { what: what.to_owned(), status: handshake.refusal };
    for condition in &handshake.require {
        if !holds(scope, condition).unwrap_or(false) {
            return Err(refused(&condition.text));
        }
    }
    let answer = &handshake.answer;
    check_values(scope, handshake, answer)?;
    let fill = |template: &Template| -> Result<String, Rejection> {
        let text = scope.text(template).ok().flatten().ok_or_else(|| refused("a value of the answer is missing"))?;
        String::from_utf8(text).map_err(|_| refused("a value of the answer is no text"))
    };
    let visit = match &handshake.confirm {
        None => None,
        Some(confirm) => {
            let url = fill(&confirm.url)?;
            Some(url)
                .filter(|url| is_pinned(url, &confirm.hosts, None))
                .ok_or_else(|| refused("the URL to visit"))
                .map(Some)?
        }
    };
    let mut headers = Vec::with_capacity(answer.headers.len() + 1);
    for (name, template) in &answer.headers {
        let value = HeaderValue::from_str(&fill(template)?).map_err(|_| refused("a value can't stand in a header"))?;
        headers.push((name.clone(), value));
    }
    headers.push((X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")));
    let body = if answer.json.is_empty() {
        fill(&answer.body)?
    } else {
        let members = answer.json.iter().map(|(name, template)| Ok((name.clone(), fill(template)?.into())));
        serde_json::Value::Object(members.collect::<Result<_, Rejection>>()?).to_string()
    };
    Ok(Reply {
        status: answer.status,
        content_type: answer.content_type.clone().filter(|_| !body.is_empty() || answer.keeps_type),
        headers: headers.into_iter().filter(|(name, _)| *name != CONTENT_TYPE).collect(),
        body: Bytes::from(body),
        visit,
    })
}

/// What is repeated is short and printable; what a key is applied to has the challenge's pattern.
fn check_values(scope: &Scope<'_, '_>, handshake: &HandshakePlan, answer: &AnswerPlan) -> Result<(), Rejection> {
    let refused = |what: &str| Rejection::Handshake { what: what.to_owned(), status: handshake.refusal };
    let mut bytes = 0;
    for (expr, _) in answer.templates().flat_map(Template::exprs) {
        let Some(value) = raw_value(scope, expr)? else { continue };
        bytes += value.len();
        if bytes > ECHO_BYTES_MAX || !value.iter().all(|byte| (b' '..=b'~').contains(byte)) {
            return Err(refused("the challenge is longer than 1 KiB or not printable ASCII"));
        }
        if expr.is_keyed() && !handshake.challenge.matches(&value) {
            return Err(refused("the challenge does not have the pattern of one"));
        }
    }
    Ok(())
}

/// The value that an expression's functions are applied to.
fn raw_value(scope: &Scope<'_, '_>, expr: &Expr) -> Result<Option<Vec<u8>>, Rejection> {
    for reference in &expr.refs {
        if let Some(value) = scope.value(reference)? {
            return Ok(Some(value.into_owned()));
        }
    }
    Ok(None)
}
