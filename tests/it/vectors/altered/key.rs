//! A key verifies what it signed, for its own use.

use std::collections::BTreeSet;

use data_encoding::{BASE64, HEXLOWER};
use jethook::scheme::{Context, Key, Rejection, Scheme, Verdict};
use jethook::secret::Secret;
use serde_json::{Value as Json, json};

use crate::vectors::case::{Case, cases};
use crate::vectors::tried::enough;
use crate::vectors::vector::Given;

/// Pairs of keys of each kind: the private half as PEM, the public half in all the forms that a Secret can have.
pub fn pairs() -> &'static [(String, Vec<String>)] {
    static PAIRS: std::sync::LazyLock<Vec<(String, Vec<String>)>> = std::sync::LazyLock::new(|| {
        let kinds = [&rcgen::PKCS_ED25519, &rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_RSA_SHA256];
        let pair = |kind| {
            let pair = rcgen::KeyPair::generate_for(kind).unwrap();
            let (der, raw) = (rcgen::PublicKeyData::subject_public_key_info(&pair), pair.public_key_raw().to_vec());
            let mut public = vec![pair.public_key_pem()];
            for bytes in [&der, &raw] {
                public.extend([BASE64.encode(bytes), HEXLOWER.encode(bytes)]);
            }
            public.push(format!("whpk_{}", BASE64.encode(&raw)));
            (pair.serialize_pem(), public)
        };
        kinds.into_iter().map(pair).collect()
    });
    &PAIRS
}

/// Whether keys are taken without a fault.
fn are_good(scheme: &Scheme, keys: &[Key]) -> bool {
    let (ring, faults) = scheme.keyring(keys.to_vec());
    faults.is_empty() && ring.is_armed()
}

/// Another key of the same form as this one.
fn other_key(case: &Case, at: usize) -> Option<Key> {
    let keys = case.vector.keys();
    let value = case.vector.secrets[at].parts().1;
    let public = pairs().iter().flat_map(|(_, public)| public.clone());
    let altered = [value.len() / 2, value.len() / 2 + 1, value.len().saturating_sub(5)].into_iter();
    let altered = altered.filter(|at| value.is_char_boundary(*at) && value.is_char_boundary(at + 1));
    let altered = altered.flat_map(|at| {
        let (before, rest) = value.split_at(at);
        let mut chars = rest.chars();
        let old = chars.next();
        ['0', '1', 'A', 'B']
            .into_iter()
            .filter(move |new| Some(*new) != old)
            .map(move |new| format!("{before}{new}{}", chars.as_str()))
    });
    // A public key that is altered is no key, or one by chance: those come first where they are taken.
    let candidates = public.chain(altered).filter(|other| other != value);
    candidates.into_iter().find_map(|other| {
        let key = Key { index: 7 + at, secret: Secret::from(other.as_str()), ..keys[at].clone() };
        let mut others = keys.clone();
        others[at] = key.clone();
        (is_like(value, &other) && are_good(&case.scheme, &others)).then_some(key)
    })
}

/// Whether two keys are of one sort: any text is a secret, also a public key.
fn is_like(value: &str, other: &str) -> bool {
    let sort = |text: &str| (text.starts_with("-----BEGIN"), text.starts_with("whpk_"));
    sort(value) == sort(other)
}

#[test]
fn another_key_is_refused_and_the_second_of_two_accepted() {
    let mut tried = 0;
    for case in cases() {
        let others: Vec<Key> = (0..case.vector.secrets.len()).filter_map(|at| other_key(case, at)).collect();
        assert_eq!(others.len(), case.vector.secrets.len(), "{}: there is no other key of that form", case.vector.file);
        if others.is_empty() {
            continue;
        }
        let (ring, _) = case.scheme.keyring(others.clone());
        let delivery = case.request.delivery();
        let refused = case.vector.verify(&case.scheme, &ring, &delivery, case.vector.now()).err();
        let is_right = matches!(refused, Some(Rejection::NoKeyMatched | Rejection::NotBound { .. }));
        assert!(is_right, "{}: with other keys: {refused:?}", case.vector.file);
        tried += 1;

        let (ring, _) = case.scheme.keyring(others.into_iter().chain(case.vector.keys()).collect());
        match case.vector.verify(&case.scheme, &ring, &delivery, case.vector.now()) {
            Ok(Verdict::Event(verified)) => {
                let own = verified.keys();
                assert!(!own.is_empty() && own.iter().all(|key| *key < 7), "{}: {own:?}", case.vector.file);
            }
            Ok(Verdict::Greeting(_)) => {}
            Err(rejection) => panic!("{}: behind another key: {rejection}", case.vector.file),
        }
    }
    enough("other keys", tried);
}

#[test]
fn keys_from_elsewhere_are_refused() {
    for case in cases() {
        for (url, document) in &case.vector.fetched {
            let mut vector = case.vector.clone();
            vector.fetched.insert(url.clone(), other_document(document));
            let verdict = vector.verify(&case.scheme, &case.keys, &case.request.delivery(), vector.now());
            assert_eq!(verdict.err(), Some(Rejection::NoKeyMatched), "{}: other keys at {url}", vector.file);
            vector.fetched.clear();
            let verdict = vector.verify(&case.scheme, &case.keys, &case.request.delivery(), vector.now());
            assert!(verdict.is_err(), "{}: no keys at {url}", vector.file);
        }
        let mut spec = case.vector.verification();
        let mut chains = spec.keys.values_mut().filter_map(|key| key.x5c.as_mut()).peekable();
        if chains.peek().is_none() {
            continue;
        }
        chains.for_each(|x5c| x5c.roots = vec!["0".repeat(64)]);
        let context = Context { parameters: &case.vector.parameters, url: Some(&case.vector.url), tolerance: None };
        let scheme = Scheme::compile(&spec, context).unwrap();
        let verdict = scheme.verify(&case.keys, &case.request.delivery(), case.vector.now());
        assert_eq!(verdict.err(), Some(Rejection::NoKeyMatched), "{}: under another root", case.vector.file);
    }
}

/// A document of the same form with a key that signed nothing; ids stay what they are.
fn other_document(document: &Json) -> Json {
    let (_, rsa) = &pairs()[2];
    match document {
        Json::String(text) if text.contains("BEGIN CERTIFICATE") => {
            let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
            let parameters = rcgen::CertificateParams::new(vec!["keys.example.com".to_owned()]).unwrap();
            parameters.self_signed(&key).unwrap().pem().into()
        }
        Json::String(_) => rsa[0].clone().into(),
        Json::Object(members) if members.contains_key("keys") => {
            let mut set = document.clone();
            for key in set["keys"].as_array_mut().unwrap() {
                *key = json!({"kid": key["kid"], "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
            }
            set
        }
        other => {
            let mut other = other.clone();
            replace_texts(&mut other, &rsa[0]);
            other
        }
    }
}

fn replace_texts(value: &mut Json, pem: &str) {
    match value {
        Json::String(text) if text.contains("-----BEGIN") => pem.clone_into(text),
        Json::Object(members) => members.values_mut().for_each(|value| replace_texts(value, pem)),
        Json::Array(items) => items.iter_mut().for_each(|value| replace_texts(value, pem)),
        _ => {}
    }
}

#[test]
fn a_key_is_asked_for_at_pinned_places_only() {
    for case in cases() {
        for key in case.spec().keys.values().filter_map(|key| key.fetch.as_ref()) {
            for place in case.places(&key.url) {
                let genuine = place.get(&case.request).unwrap();
                let host = genuine.split('/').nth(2).unwrap();
                for url in [
                    genuine.replace("https:", "http:"),
                    genuine.replace(host, "keys.example.com"),
                    genuine.replace(host, &format!("{host}.example.com")),
                    genuine.replace(host, &format!("x{host}")),
                    genuine.replace(host, &format!("{host}:8443")),
                    genuine.replace(host, &format!("{host}@keys.example.com")),
                    genuine.replace(host, "169.254.169.254"),
                    format!("{genuine}?x"),
                    format!("{genuine}#x"),
                    format!("{genuine}/../x"),
                    String::new(),
                ] {
                    let mut request = case.request.clone();
                    place.set(&mut request, &url);
                    let asked = case.scheme.key_request(&case.keys, &request.delivery());
                    assert!(asked.is_err(), "{}: {url}", case.vector.file);
                }
            }
        }
    }
}

#[test]
fn a_key_serves_its_own_use_only() {
    let mut tried = 0;
    for case in cases() {
        let spec = case.spec();
        // A key that the entry itself holds goes on verifying.
        if spec.keys.values().any(|key| !key.is_secret()) {
            continue;
        }
        let own: BTreeSet<&str> = case.vector.secrets.iter().map(|given: &Given| given.parts().0).collect();
        let known = case.scheme.uses().iter().map(|of| of.name.as_str());
        let names: BTreeSet<&str> = known.chain(["signing", "token", "verifyToken"]).collect();
        for name in names.difference(&own) {
            let keys = case.vector.keys().into_iter().map(|key| Key { r#use: (*name).to_owned(), ..key }).collect();
            let (ring, _) = case.scheme.keyring(keys);
            let verdict = case.vector.verify(&case.scheme, &ring, &case.request.delivery(), case.vector.now());
            assert!(verdict.is_err(), "{} with its key as {name}", case.vector.file);
            tried += 1;
        }
    }
    enough("keys of another use", tried);
}
