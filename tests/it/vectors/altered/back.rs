//! Signing as the sender would: what is signed here verifies, and altered it does not.

use http::HeaderValue;
use jethook::scheme::spec::KeySpec;
use jethook::scheme::{Authenticates, Context, Draft, Key, Keyring, Rejection, Scheme, SignatureAlgorithm, Verdict};
use jethook::secret::Secret;

use super::key::pairs;
use crate::vectors::case::{Case, cases};
use crate::vectors::place::Place;
use crate::vectors::tried::enough;
use crate::vectors::vector::Request;

/// A scheme with keys of both halves.
struct Pair {
    scheme: Scheme,
    signing: Keyring,
    verifying: Keyring,
}

/// Keys that sign: the vector's own secrets, and generated ones in place of public keys, whose private halves are unknown.
fn pair(case: &Case) -> Pair {
    let is_public_half = |key: &Key| key.secret.expose().starts_with(b"whpk_");
    let (halves, secrets): (Vec<Key>, Vec<Key>) = case.vector.keys().into_iter().partition(is_public_half);
    let secrets = if secrets.is_empty() { halves.clone() } else { secrets };
    let (signing, faults) = case.scheme.signing_keyring(secrets.clone());
    let spec = case.spec();
    let is_shared = |algorithm: &SignatureAlgorithm| {
        matches!(algorithm, SignatureAlgorithm::HmacSha256 | SignatureAlgorithm::HmacSha512)
    };
    let is_constant = spec.keys.values().any(|key| !key.is_secret());
    let is_public = spec.public_key.is_some()
        || spec.jwt.as_ref().is_some_and(|jwt| jwt.algorithms.iter().any(|algorithm| algorithm.public().is_some()))
        || spec.http_signature.as_ref().is_some_and(|family| !family.algorithms.iter().all(is_shared))
        || secrets.iter().any(is_public_half);
    if faults.is_empty() && !is_public && !is_constant {
        let (verifying, _) = case.scheme.keyring(case.vector.keys());
        return Pair { scheme: case.scheme.clone(), signing, verifying };
    }
    for (private, public) in pairs() {
        // Under Standard Webhooks any base64 is a secret; its public keys have a prefix.
        for public in
            public.iter().filter(|public| public.starts_with("whpk_") == case.spec().standard_webhooks.is_some())
        {
            if let Some(pair) = generated(case, private, public) {
                return pair;
            }
        }
    }
    let (verifying, _) = case.scheme.keyring(case.vector.keys());
    Pair { scheme: case.scheme.clone(), signing, verifying }
}

/// The scheme with a key pair of our own, where it takes one of this kind and form.
fn generated(case: &Case, private: &str, public: &str) -> Option<Pair> {
    let mut spec = case.vector.verification();
    // What the provider publishes is replaced by a key from a Secret, whose private half is at hand.
    let published: Vec<String> =
        spec.keys.iter().filter(|(_, key)| !key.is_secret()).map(|(name, _)| name.clone()).collect();
    for name in &published {
        spec.keys.insert(name.clone(), KeySpec::default());
    }
    // A parameter may have stood in the URL of the keys alone.
    let text = serde_json::to_string(&spec).unwrap();
    spec.parameters.retain(|name, _| text.contains(&format!("param:{name}")));
    let mut parameters = case.vector.parameters.clone();
    parameters.retain(|name, _| spec.parameters.contains_key(name) || name == "publicUrl");
    let context = Context { parameters: &parameters, url: Some(&case.vector.url), tolerance: None };
    let scheme = Scheme::compile(&spec, context).ok()?;
    let uses: Vec<&str> = [
        spec.public_key.as_ref().map(|family| family.key.as_str()),
        spec.jwt.as_ref().map(|family| family.key.as_str()),
        spec.http_signature.as_ref().map(|family| family.key.as_str()),
        spec.standard_webhooks.as_ref().map(|family| family.key.as_str()),
    ]
    .into_iter()
    .flatten()
    .collect();
    let (mut signing, mut verifying) = (Vec::new(), Vec::new());
    let mut keys = case.vector.keys();
    keys.extend(published.iter().map(|name| Key { index: 9, r#use: name.clone(), secret: Secret::from("") }));
    for key in keys {
        let is_ours = uses.contains(&key.r#use.as_str());
        let secret = |text: &str| Secret::from(text);
        let half = |text: &str| Key { secret: if is_ours { secret(text) } else { key.secret.clone() }, ..key.clone() };
        verifying.push(half(public));
        // The private half of whpk_ has a form of its own.
        let seed = public.starts_with("whpk_").then(|| seed_of(private));
        signing.push(half(&seed.unwrap_or_else(|| private.to_owned())));
    }
    let (verifying, faults) = scheme.keyring(verifying);
    if !faults.is_empty() || !verifying.is_armed() {
        return None;
    }
    let (signing, faults) = scheme.signing_keyring(signing);
    faults.is_empty().then_some(Pair { scheme, signing, verifying })
}

/// The seed of an Ed25519 key: what stands last in its PKCS #8 before the public half.
fn seed_of(pem: &str) -> String {
    let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = data_encoding::BASE64.decode(text.as_bytes()).unwrap();
    let at = der.windows(4).position(|window| window == [4, 34, 4, 32]).map_or(0, |at| at + 4);
    format!("whsk_{}", data_encoding::BASE64.encode(der.get(at..at + 32).unwrap_or_default()))
}

/// The vector's request without what proves it.
fn stripped(case: &Case) -> Request {
    let mut request = case.request.clone();
    for place in case.sources().into_iter().flat_map(|source| source.from) {
        place.remove(&mut request);
    }
    for name in case.scheme.evidence() {
        request.headers.remove(name);
    }
    // A digest of the body belongs to that body.
    for (text, values) in &case.spec().require {
        if values.0.iter().any(|value| value.contains("body}")) {
            case.places(&format!("{{{text}}}"))
                .iter()
                .filter(|place| place.is_outside())
                .for_each(|place| place.remove(&mut request));
        }
    }
    request
}

fn draft(case: &Case, body: &[u8], event: Option<&str>, id: Option<&str>) -> Draft {
    let request = stripped(case);
    let query = request.query.as_deref().map(|query| format!("?{query}")).unwrap_or_default();
    Draft {
        method: request.method.clone(),
        url: format!("{}{query}", case.vector.url),
        headers: request
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect(),
        body: body.to_vec().into(),
        event: event.map(str::to_owned),
        id: id.map(str::to_owned),
    }
}

fn request_of(case: &Case, signed: &Draft) -> Request {
    let mut request = case.request.clone();
    request.set_url(&signed.url, &case.vector.url, case.scheme.owns_path_token());
    request.body = signed.body.to_vec();
    request.headers.clear();
    for (name, value) in &signed.headers {
        request.headers.append(name.parse::<http::HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap());
    }
    request
}

/// Why the vector's request with another body, rightly signed, is refused; `None` where it can't be signed.
pub fn refused_here(case: &Case, body: &[u8]) -> Option<Rejection> {
    let Pair { scheme, signing, verifying } = pair(case);
    let signed = scheme.sign(&signing, draft(case, body, None, None), case.vector.now()).ok()?;
    let verdict = case.vector.verify(&scheme, &verifying, &request_of(case, &signed).delivery(), case.vector.now());
    Some(verdict.map(|_| ()).expect_err("a body of another form is refused"))
}

#[test]
fn what_is_signed_here_verifies() {
    let mut tried = 0;
    for case in cases() {
        let Ok(Verdict::Event(wanted)) = case.verify(&case.request, case.vector.now()) else { continue };
        // Nothing is put into XML or into values that stand inside others.
        let is_buried = |place: &Place| matches!(place, Place::Other(text) if text != "body");
        let is_multipart = case.request.body.starts_with(b"--");
        if is_multipart || case.sources().iter().any(|source| source.from.first().is_some_and(is_buried)) {
            continue;
        }
        let file = &case.vector.file;
        let Pair { scheme, signing, verifying } = pair(case);
        let id = wanted.id().map(|id| id.value.as_str());
        let draft = draft(case, &stripped(case).body, wanted.event(), id);
        let signed = match scheme.sign(&signing, draft, case.vector.now()) {
            Ok(signed) => signed,
            // An event that is told by a value inside another can't be announced.
            Err(error) if error.to_string().starts_with("nothing can be put at") => continue,
            // Weak signatures are checked where a provider has nothing better, and never made.
            Err(error) if error.contains("SHA-1 is not supported") => continue,
            Err(error) => panic!("{file}: {error}"),
        };
        let mut request = request_of(case, &signed);
        let verdict = case.vector.verify(&scheme, &verifying, &request.delivery(), case.vector.now());
        let verified = match verdict {
            Ok(Verdict::Event(verified)) => verified,
            verdict => panic!("{file}: signed here: {verdict:?}: {signed:?}"),
        };
        let event = &case.spec().event;
        if is_kept(&event.type_) && event.type_.matches("{header:").count() < 2 {
            assert_eq!(verified.event(), wanted.event(), "{file}");
        }
        // An id that is put together can't be announced.
        let is_single = event.id.matches('{').count() == 1 && event.id.starts_with('{') && event.id.ends_with('}');
        if is_kept(&event.id) && is_single {
            assert_eq!(verified.id(), wanted.id(), "{file}");
        }
        request.body.push(b'x');
        if scheme.authenticates(&verifying) == Authenticates::Body {
            let verdict = case.vector.verify(&scheme, &verifying, &request.delivery(), case.vector.now());
            assert!(verdict.is_err(), "{file}: another body under the same signature is accepted");
        }
        tried += 1;
    }
    enough("signed here", tried);
}

/// Whether a value does not depend on what is made anew.
fn is_kept(text: &str) -> bool {
    // A claim of its own is put into the token that is made.
    if let Some(pointer) = text.strip_prefix("{claim:").and_then(|rest| rest.strip_suffix('}')) {
        return pointer.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_'));
    }
    !["claim:", "timestamp", "signature", "body}", "query:"].iter().any(|made| text.to_lowercase().contains(made))
}
