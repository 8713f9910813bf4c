//! Every genuine request of `tests/vectors` verifies; what is derived from it by altering it is refused.

mod altered;
mod case;
mod place;
mod tried;
mod vector;

use std::time::{Duration, Instant};

use jethook::catalogue::{self, Maturity};
use jethook::scheme::{Context, Identifies, Scheme, Verdict};
use vector::{URL, Vector, all, compile, parameters_of};

#[test]
fn every_vector_verifies_as_it_says() {
    let mut faults = Vec::new();
    for vector in all() {
        if let Err(fault) = check(&vector) {
            faults.push(format!("{}: {fault}", vector.file));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn check(vector: &Vector) -> Result<(), String> {
    let scheme = vector.scheme();
    let request = vector.request();
    let expect = &vector.expect;
    let keys = vector.keyring(&scheme);
    let same = |what: &str, got: String, wanted: String| {
        if got == wanted { Ok(()) } else { Err(format!("{what} is {got}, expected {wanted}")) }
    };
    let reply = match scheme.greet(&keys, &request.delivery()) {
        Some(greeted) => Some(greeted.map_err(|error| error.to_string())?),
        None => {
            match vector.verify(&scheme, &keys, &request.delivery(), vector.now()).map_err(|error| error.to_string())? {
                Verdict::Greeting(reply) => Some(reply),
                Verdict::Event(verified) => {
                    same("event", format!("{:?}", verified.event()), format!("{:?}", expect.event.as_deref()))?;
                    let id = verified.id().map(|id| id.value.as_str());
                    same("id", format!("{id:?}"), format!("{:?}", expect.id.as_deref()))?;
                    let time = verified.time().map(|time| time.to_string());
                    same("time", format!("{time:?}"), format!("{:?}", expect.time))?;
                    let has_keys = !verified.keys().is_empty() || vector.secrets.is_empty();
                    same("keys", has_keys.to_string(), "true".to_owned())?;
                    None
                }
            }
        }
    };
    let visit = reply.as_ref().and_then(|reply| reply.visit.as_deref());
    same("visit", format!("{visit:?}"), format!("{:?}", expect.visit.as_deref()))?;
    same("handshake", reply.is_some().to_string(), expect.handshake.to_string())?;
    let answer = reply.as_ref().or(scheme.answer());
    if let Some(wanted) = &expect.answer {
        let answer = answer.ok_or("there is no answer of its own")?;
        let content_type = answer.content_type.as_ref().map(|value| value.to_str().unwrap().to_owned());
        same("status", answer.status.as_u16().to_string(), wanted.status.to_string())?;
        same("content type", format!("{content_type:?}"), format!("{:?}", wanted.content_type))?;
        for (name, value) in &wanted.headers {
            let found = answer.headers.iter().find(|(of, _)| of.as_str().eq_ignore_ascii_case(name));
            let found = found.map(|(_, value)| value.to_str().unwrap());
            same(name, format!("{found:?}"), format!("{:?}", Some(value.as_str())))?;
        }
        same("body", String::from_utf8_lossy(&answer.body).into_owned(), wanted.body.clone())?;
    }
    Ok(())
}

#[test]
fn every_entry_has_the_vectors_that_its_maturity_claims() {
    let vectors = all();
    for provider in catalogue::all() {
        let of_entry = || vectors.iter().filter(|vector| vector.provider == provider.id);
        assert!(of_entry().next().is_some(), "{} has no vector", provider.id);
        let is_genuine = |vector: &Vector| matches!(vector.from.kind.as_str(), "sdk" | "documentation" | "sender");
        assert!(
            provider.maturity != Maturity::Proven || of_entry().any(is_genuine),
            "{} calls itself proven and has no genuine vector",
            provider.id
        );
    }
    for vector in &vectors {
        assert!(catalogue::find(&vector.provider).is_some(), "{}: there is no entry {}", vector.file, vector.provider);
    }
}

#[test]
fn every_handshake_of_an_entry_has_a_vector() {
    let answered: Vec<_> = all().into_iter().filter(|vector| vector.expect.handshake).collect();
    for provider in catalogue::all() {
        for handshake in &provider.verification.handshakes {
            let is_like = |method: &str| method.eq_ignore_ascii_case(&format!("{:?}", handshake.method));
            let is_tried =
                |vector: &&Vector| vector.provider == provider.id && is_like(vector.request().method.as_str());
            let said = provider.verification.handshakes.iter().filter(|other| other.method == handshake.method).count();
            let tried = answered.iter().filter(is_tried).count();
            assert!(tried >= said, "{}: {said} handshakes by {:?}, {tried} vectors", provider.id, handshake.method);
        }
    }
}

#[test]
fn an_id_is_a_dns_label() {
    for provider in catalogue::all() {
        let id = provider.id.as_bytes();
        let is_inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        assert!(id.len() <= 63 && id.iter().all(|byte| is_inner(byte) || *byte == b'-'), "{}", provider.id);
        assert!(id.first().is_some_and(is_inner) && id.last().is_some_and(is_inner), "{}", provider.id);
        assert_ne!(provider.id, "custom");
    }
}

/// What lists say of an entry is what its compiled scheme does.
#[test]
fn an_entry_is_said_to_have_a_delivery_id_where_its_scheme_reads_one() {
    let mut with_standard_id = 0;
    for provider in catalogue::all() {
        let scheme = compile(&provider.id, &parameters_of(provider), URL, None).unwrap();
        let reads_id = scheme.identifies() == Identifies::Id;
        assert_eq!(provider.verification.outline().names_id, reads_id, "{}", provider.id);
        with_standard_id += usize::from(reads_id && provider.verification.event.id.is_empty());
    }
    assert!(with_standard_id > 10, "{with_standard_id}: those of Standard Webhooks");
}

/// What a start costs: reading the entries, and compiling each as the first endpoint of its kind would. A debug build tells
/// only that nothing is out of all proportion.
#[test]
fn the_catalogue_is_read_and_compiled_within_ten_milliseconds() {
    let limit = Duration::from_millis(if cfg!(debug_assertions) { 2_000 } else { 10 });
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/catalogue/entries");
    let files: Vec<_> = catalogue::all()
        .iter()
        .map(|provider| {
            let text = std::fs::read_to_string(format!("{folder}/{}.toml", provider.id)).unwrap();
            (provider.id.as_str(), text, parameters_of(provider))
        })
        .collect();
    // The best of some tries: whatever else the machine does is not the catalogue's.
    let tries = (0..5).map(|_| {
        let began = Instant::now();
        for (id, text, parameters) in &files {
            let provider = catalogue::parse(id, text).unwrap();
            let url = Some(parameters.get("publicUrl").map_or(URL, String::as_str));
            Scheme::compile(&provider.verification, Context { parameters, url, tolerance: None }).unwrap();
        }
        began.elapsed()
    });
    let best = tries.min().unwrap();
    assert!(best < limit, "{best:?}");
}
