//! What is signed can't be altered.

use jethook::scheme::{Rejection, Verdict};

use crate::vectors::case::{Case, cases, exprs};
use crate::vectors::place::{Place, another};
use crate::vectors::tried::enough;

/// The most bytes of one body that are altered.
const BYTES_MAX: usize = 48;

/// At most `most` positions, the first and the last among them.
pub fn spread(length: usize, most: usize) -> Vec<usize> {
    if length <= most {
        return (0..length).collect();
    }
    (0..most).map(|at| at * (length - 1) / (most - 1)).collect()
}

#[test]
fn an_altered_body_is_refused() {
    let mut tried = 0;
    for case in cases().iter().filter(|case| case.covers_body()) {
        for at in spread(case.request.body.len(), BYTES_MAX) {
            let mut request = case.request.clone();
            request.body[at] ^= 1;
            case.refused("a body with another byte", &request);
            tried += 1;
        }
        let mut request = case.request.clone();
        request.body = [case.request.body.as_slice(), b"x"].concat();
        case.refused("a longer body", &request);
        if case.request.body.is_empty() {
            continue;
        }
        request.body.clear();
        case.refused("no body", &request);
        // Blanks at the end don't count where the sender signs a compact text.
        if !case.signed().iter().any(|signed| signed.contains("compact:") || signed.contains("trim:")) {
            request.body = [case.request.body.as_slice(), b"\n"].concat();
            case.refused("a body with another line", &request);
            request.body = case.request.body[..case.request.body.len() - 1].to_vec();
            case.refused("a shorter body", &request);
        }
    }
    enough("bodies with another byte", tried);
}

#[test]
fn an_altered_value_that_is_signed_is_refused() {
    let mut tried = 0;
    for case in cases() {
        let mut places: Vec<Place> = case.signed().into_iter().flat_map(|text| case.places(text)).collect();
        places.extend(case.signed_headers());
        for place in places {
            let Some(value) = place.get(&case.request) else { continue };
            let mut request = case.request.clone();
            place.set(&mut request, &another(&value));
            case.refused(&format!("another value of {place:?}"), &request);
            tried += 1;
        }
    }
    enough("signed values", tried);
}

#[test]
fn an_id_or_a_time_that_counts_as_signed_is_signed() {
    let mut tried = 0;
    for case in cases() {
        let Ok(Verdict::Event(wanted)) = case.verify(&case.request, case.vector.now()) else { continue };
        let event = &case.spec().event;
        let is_signed = wanted.id().is_some_and(|id| id.is_signed);
        for (text, what) in [(&event.id, is_signed), (&event.time, wanted.time().is_some())] {
            for place in case.places(text).into_iter().filter(|_| what) {
                let mut request = case.request.clone();
                let value = place.get(&request).unwrap();
                place.set(&mut request, &another(&value));
                case.refused(&format!("another {place:?}, which counts as signed,"), &request);
                tried += 1;
            }
        }
    }
    enough("ids that are signed", tried);
}

#[test]
fn a_signed_url_can_not_be_another() {
    for case in cases() {
        let signed = case.signed().join("");
        let names = |name: &str| {
            exprs(&signed).iter().any(|expr| expr.split(['|', ':']).any(|part| part.trim_end_matches('?') == name))
        };
        let lets: String = case.spec().lets.values().map(|text| text.0.as_str()).collect();
        let nested = |name: &str| signed.contains("let:") && lets.contains(&format!("{name}}}"));
        let has = |name: &str| names(name) || nested(name);
        if has("url") || has("rawQuery") || has("querySorted") {
            let mut request = case.request.clone();
            request.query = Some(request.query.map_or("x=1".to_owned(), |query| format!("{query}&x=1")));
            case.refused("a longer query", &request);
        }
        if has("url") || has("urlBase") || has("path") {
            let mut parameters = case.vector.parameters.clone();
            let url = format!("{}x", case.vector.url.trim_end_matches('/'));
            parameters.insert("publicUrl".to_owned(), url.clone());
            let scheme = case.vector.compile(&parameters, &url, None).unwrap();
            let keys = case.vector.keyring(&scheme);
            let verdict = case.vector.verify(&scheme, &keys, &case.request.delivery(), case.vector.now());
            assert!(verdict.is_err(), "{}: another URL is accepted", case.vector.file);
        }
    }
}

#[test]
fn what_must_have_a_value_has_no_other() {
    let mut tried = 0;
    for case in cases() {
        for (text, values) in &case.spec().require {
            if values.0.is_empty() || values.0.iter().any(|value| value.starts_with('~')) {
                continue;
            }
            for place in case.places(&format!("{{{text}}}")) {
                let mut request = case.request.clone();
                place.set(&mut request, "another-value");
                case.refused(&format!("another {text}"), &request);
                tried += 1;
            }
        }
    }
    enough("required values", tried);
}

#[test]
fn a_verified_body_that_is_not_what_it_says_is_told_apart() {
    let mut tried = 0;
    for case in cases() {
        let content_type = case.request.headers.get(http::header::CONTENT_TYPE);
        let is_json = content_type.is_some_and(|value| value.to_str().unwrap().starts_with("application/json"));
        let reads_json =
            case.spec().content == jethook::scheme::spec::Content::Json || case.spec().event.type_.contains("json:");
        // Where what proves the delivery is itself in the body, a body of another form has none of it.
        let is_inside = case.sources().iter().any(|source| source.from.iter().any(|place| !place.is_outside()));
        let is_inside = is_inside || case.signed().iter().any(|text| text.contains("json:") || text.contains("form"));
        if !is_json || !reads_json || is_inside {
            continue;
        }
        for body in ["{\"a\":1", "{\"a\":1}x", "", "\u{1}", "{'a':1}", "1"] {
            let Some(rejection) = super::back::refused_here(case, body.as_bytes()) else { continue };
            assert_eq!(rejection, Rejection::Content { expected: "JSON" }, "{}: {body}", case.vector.file);
            tried += 1;
        }
    }
    enough("bodies that are not JSON", tried);
}

impl Case {
    /// Headers that the entry says are always signed; the host is that of the public URL.
    fn signed_headers(&self) -> Vec<Place> {
        let spec = self.spec();
        let listed = spec.header_list.iter().flat_map(|list| &list.required);
        let http = spec.http_signature.iter().filter(|http| self.is_armed(&http.key)).flat_map(|http| &http.components);
        // The host that counts is the public URL's, whatever the header says.
        let http = http.filter(|name| *name != "host");
        let names = listed.chain(http).filter(|name| !name.starts_with(['@', '(']));
        names.map(|name| Place::Header(name.parse().unwrap())).collect()
    }
}
