//! Handshakes: the proof must be right, and no answer is a signature.

use http::Method;
use jethook::scheme::spec::{Content, Handshake};
use jethook::scheme::{Rejection, Reply};

use crate::vectors::case::Case;
use crate::vectors::place::{Place, another};
use crate::vectors::tried::enough;
use crate::vectors::vector::{Request, all};

/// Every vector that is an unsigned handshake.
fn greetings() -> Vec<Case> {
    let cases = all().into_iter().map(|vector| {
        let scheme = vector.scheme();
        let (keys, request) = (vector.keyring(&scheme), vector.request());
        Case { vector, scheme, keys, request }
    });
    cases.filter(|case| greet(case, &case.request).is_some()).collect()
}

fn greet(case: &Case, request: &Request) -> Option<Result<Reply, Rejection>> {
    case.scheme.greet(&case.keys, &request.delivery())
}

/// The entry's handshakes that this request may be.
fn described(case: &Case) -> impl Iterator<Item = &'static Handshake> {
    let method = case.request.method.clone();
    let is_method = move |handshake: &&Handshake| format!("{:?}", handshake.method).to_uppercase() == method.as_str();
    case.spec().handshakes.iter().filter(|handshake| handshake.unsigned).filter(is_method)
}

#[test]
fn a_handshake_with_a_wrong_proof_is_refused() {
    for case in greetings() {
        assert!(greet(&case, &case.request).is_some_and(|reply| reply.is_ok()), "{}", case.vector.file);
        for handshake in described(&case) {
            for text in handshake.require.keys() {
                for place in case.places(&format!("{{{text}}}")) {
                    let value = place.get(&case.request).unwrap();
                    for wrong in [another(&value), String::new(), format!("{value}x"), value[1..].to_owned()] {
                        let mut request = case.request.clone();
                        place.set(&mut request, &wrong);
                        let refused = greet(&case, &request);
                        let status = handshake.refusal.unwrap_or(401);
                        let is_right =
                            matches!(&refused, Some(Err(Rejection::Handshake { status: s, .. })) if *s == status);
                        assert!(is_right, "{}: {text} is {wrong}: {refused:?}", case.vector.file);
                    }
                    let mut request = case.request.clone();
                    place.remove(&mut request);
                    assert!(!matches!(greet(&case, &request), Some(Ok(_))), "{}: no {text}", case.vector.file);
                }
            }
        }
    }
}

#[test]
fn what_is_no_handshake_needs_a_signature() {
    let mut tried = 0;
    for case in greetings() {
        for handshake in described(&case) {
            for text in handshake.when.keys() {
                for place in case.places(&format!("{{{text}}}")) {
                    let mut request = case.request.clone();
                    place.remove(&mut request);
                    if greet(&case, &request).is_none() {
                        let verdict =
                            case.vector.verify(&case.scheme, &case.keys, &request.delivery(), case.vector.now());
                        assert!(verdict.is_err(), "{}: without {text} it is accepted", case.vector.file);
                    }
                    tried += 1;
                }
            }
        }
    }
    enough("handshakes", tried);
}

#[test]
fn what_is_repeated_is_short_and_printable() {
    for case in greetings() {
        for handshake in described(&case) {
            let answer = &handshake.answer;
            let texts = answer.json.values().chain(answer.headers.values()).map(|text| text.0.as_str());
            for place in std::iter::once(answer.body.as_str()).chain(texts).flat_map(|text| case.places(text)) {
                for wrong in ["x".repeat(1_025), "<b>\u{7f}".to_owned()] {
                    // A header of a request can hold no such character.
                    if matches!(place, Place::Header(_)) && wrong.len() < 10 {
                        continue;
                    }
                    let mut request = case.request.clone();
                    place.set(&mut request, &wrong);
                    let reply = greet(&case, &request);
                    assert!(!matches!(reply, Some(Ok(_))), "{}: {place:?} is repeated", case.vector.file);
                }
            }
        }
    }
}

/// Bodies that a stranger might want signed, and that look like challenges as well.
const FORGED: [&str; 8] = ["12345", "true", "null", "aGVsbG8", "{\"a\":1}", "[1]", "<a/>", "event_created"];

#[test]
fn no_answer_to_a_stranger_is_a_signature() {
    for case in greetings() {
        for handshake in described(&case).filter(|handshake| is_keyed(handshake)) {
            let texts = handshake.answer.json.values().map(|text| text.0.as_str());
            let texts = texts.chain([handshake.answer.body.as_str()]);
            let places: Vec<Place> = texts.flat_map(|text| case.places(text)).collect();
            let own: Vec<String> = places.iter().filter_map(|place| place.get(&case.request)).collect();
            let forged = FORGED.iter().map(|text| (*text).to_owned()).chain(own);
            for body in forged {
                let mut request = case.request.clone();
                places.iter().for_each(|place| place.set(&mut request, &body));
                let Some(Ok(reply)) = greet(&case, &request) else { continue };
                for signature in signatures(&reply) {
                    for delivery in forgeries(&case, &body, &signature) {
                        let verdict =
                            case.vector.verify(&case.scheme, &case.keys, &delivery.delivery(), case.vector.now());
                        assert!(verdict.is_err(), "{}: {body} was signed by an answer", case.vector.file);
                    }
                }
            }
        }
    }
}

fn is_keyed(handshake: &Handshake) -> bool {
    let texts = handshake.answer.json.values().chain(handshake.answer.headers.values()).map(|text| text.0.as_str());
    texts.chain([handshake.answer.body.as_str()]).any(|text| text.contains("hmacSha"))
}

/// Everything in an answer that may be a signature.
fn signatures(reply: &Reply) -> Vec<String> {
    let body = String::from_utf8_lossy(&reply.body).into_owned();
    let headers = reply.headers.iter().filter_map(|(_, value)| value.to_str().ok().map(str::to_owned));
    let texts: Vec<String> = headers.chain([body]).collect();
    let pieces = texts.iter().flat_map(|text| text.split(['"', '|', ' ', ',', '{', '}']).map(str::to_owned));
    let ends = texts
        .iter()
        .flat_map(|text| text.split(['"', '|']).filter_map(|piece| Some(piece.split_once('=')?.1.to_owned())));
    pieces.chain(ends).filter(|piece| piece.len() >= 20).collect()
}

/// Deliveries of `body` under a signature, in every way that the entry reads one.
fn forgeries(case: &Case, body: &str, signature: &str) -> Vec<Request> {
    let spec = case.spec();
    let mut forgeries = Vec::new();
    if let Some(mac) = &spec.hmac {
        for (from, is_prefixed) in mac.from.iter().flat_map(|from| [(from, true), (from, false)]) {
            let prefix = if is_prefixed { case.filled(&mac.prefix) } else { String::new() };
            let mut request = Request { method: Method::POST, query: None, ..case.request.clone() };
            request.body = body.as_bytes().to_vec();
            let content_type = match spec.content {
                Content::Form | Content::Multipart => "application/x-www-form-urlencoded",
                Content::Xml => "text/xml",
                Content::Json | Content::Any => "application/json",
            };
            request.headers.insert(http::header::CONTENT_TYPE, content_type.parse().unwrap());
            if matches!(spec.content, Content::Form | Content::Multipart) {
                request.body.clear();
            }
            for text in case.signed() {
                for expr in crate::vectors::case::exprs(&case.filled(text)) {
                    let place = case.place(expr.split('|').next().unwrap());
                    if matches!(place, Place::Form(_) | Place::Header(_) | Place::Query(_)) {
                        place.set(&mut request, body);
                    }
                }
            }
            if let Some(time) = &spec.timestamp {
                let place = case.place(&time.from[0]);
                if place.is_outside() {
                    place.set(&mut request, &case.vector.now.to_string());
                }
            }
            let place = case.place(from);
            if !matches!(place, Place::Other(_)) {
                place.set(&mut request, &format!("{prefix}{signature}"));
                forgeries.push(request);
            }
        }
    }
    forgeries
}
