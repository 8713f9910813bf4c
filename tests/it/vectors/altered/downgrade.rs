//! The request never chooses a weaker proof.

use data_encoding::BASE64URL_NOPAD;
use jethook::scheme::spec::JwtAlgorithm;

use crate::vectors::case::cases;
use crate::vectors::place::Place;

#[test]
fn the_name_of_another_algorithm_is_refused() {
    for case in cases() {
        let Some(family) = case.spec().public_key.as_ref().filter(|family| case.is_armed(&family.key)) else {
            continue;
        };
        let Some(from) = &family.algorithm_from else { continue };
        let place = case.place(from);
        let used = place.get(&case.request).unwrap();
        for name in
            family.algorithms.keys().map(String::as_str).chain(["", "none", "SHA1"]).filter(|name| *name != used)
        {
            let mut request = case.request.clone();
            place.set(&mut request, name);
            case.refused(&format!("the algorithm {name}"), &request);
        }
        let mut request = case.request.clone();
        place.remove(&mut request);
        case.refused("no algorithm", &request);
    }
}

#[test]
fn a_token_without_a_signature_is_refused() {
    for case in cases() {
        let Some(jwt) = case.spec().jwt.as_ref().filter(|jwt| case.is_armed(&jwt.key)) else { continue };
        let places: Vec<Place> = jwt.from.iter().map(|text| case.place(text)).collect();
        let Some(place) = places.iter().find(|place| place.get(&case.request).is_some()) else { continue };
        let (prefix, value) = (case.filled(&jwt.prefix), place.get(&case.request).unwrap());
        let parts: Vec<&str> = value[prefix.len()..].split('.').collect();
        let is_public = jwt.algorithms.iter().any(|algorithm| algorithm.public().is_some());
        let forged = |header: &str, signature: &str| {
            format!("{prefix}{}.{}.{signature}", BASE64URL_NOPAD.encode(header.as_bytes()), parts[1])
        };
        let mut tokens = vec![
            forged(r#"{"alg":"none","typ":"JWT"}"#, ""),
            forged(r#"{"alg":"none","typ":"JWT"}"#, parts[2]),
            format!("{prefix}{}.{}.", parts[0], parts[1]),
            format!("{prefix}{}.{}", parts[0], parts[1]),
        ];
        for key in case.vector.secrets.iter().filter(|_| is_public) {
            let header = BASE64URL_NOPAD.encode(br#"{"alg":"HS256"}"#);
            let signed = format!("{header}.{}", parts[1]);
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key.parts().1.as_bytes());
            let tag = aws_lc_rs::hmac::sign(&key, signed.as_bytes());
            tokens.push(format!("{prefix}{signed}.{}", BASE64URL_NOPAD.encode(tag.as_ref())));
        }
        for algorithm in [JwtAlgorithm::Hs256, JwtAlgorithm::Rs256, JwtAlgorithm::Es256, JwtAlgorithm::EdDsa] {
            let header = format!(r#"{{"alg":"{}"}}"#, algorithm.name());
            tokens.push(forged(&header, parts[2]));
        }
        for token in tokens.into_iter().filter(|token| *token != value) {
            let mut request = case.request.clone();
            place.set(&mut request, &token);
            case.refused(&token, &request);
        }
    }
}
