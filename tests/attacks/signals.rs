//! Attacks 34 to 37: what is told, counted and shared.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::canary::{CANARY, assert_absent};
use crate::entry::deliveries;
use crate::field::{Field, key};
use crate::report::attack;
use crate::scale;
use crate::signatures::BODY;
use crate::support::http::{Connection, Request};
use crate::support::sign;
use crate::support::stage::Stage;

/// A way to prove oneself with a secret, by the description and the request that it takes.
fn families() -> Vec<(&'static str, Value, fn(Request, &str) -> Request)> {
    let hmac = |request: Request, secret: &str| {
        let mac = sign::hmac_sha256(secret.as_bytes(), &[&request.body]);
        request.header("X-Sig", &data_encoding::HEXLOWER.encode(&mac))
    };
    vec![
        ("hmac", json!({"hmac": {"hash": "sha256", "from": ["header:X-Sig"]}}), hmac),
        ("header", json!({"token": {"from": ["header:X-Token"]}}), |request, secret| request.header("X-Token", secret)),
        ("bearer", json!({"token": {"from": ["bearer"]}}), |request, secret| {
            request.header("Authorization", &format!("Bearer {secret}"))
        }),
        ("basic", json!({"token": {"from": ["basic"]}}), |request, secret| {
            request.header("Authorization", &format!("Basic {}", BASE64.encode(secret.as_bytes())))
        }),
        ("query", json!({"token": {"from": ["query:token"]}}), |mut request, secret| {
            request.target = format!("{}?a=1&token={secret}", request.target);
            request
        }),
        ("path", json!({"token": {"from": ["pathToken"]}}), |mut request, secret| {
            request.target = format!("{}/{secret}", request.target);
            request
        }),
        ("body", json!({"content": "json", "token": {"from": ["json:/token"]}}), |mut request, secret| {
            request.body = json!({"token": secret}).to_string().into_bytes();
            request
        }),
    ]
}

#[test]
fn attack_34_secrets_in_what_is_printed() {
    attack(34, "secrets in logs, metrics, status, Events, answers", |tried| {
        let field = Field::on(Stage::new(), tried, &["--log", "trace"]);
        // A URL can hold it as it stands.
        let secret = format!("s3cret-{CANARY}");
        let (right, wrong) = (format!("user:{secret}"), format!("user:{secret}x"));
        for (name, verification, prove) in families() {
            field.serve_custom(name, verification, &[("signing", &right)]);
            let post = || Request::post(&field.stage.path(name), format!(r#"{{"note":"{CANARY}"}}"#));
            field.refuses(name, &prove(post(), &wrong), &[401]);
            field.refuses(name, &post().header("X-Any", CANARY).header("Cookie", CANARY), &[401]);
            let accepted = prove(post(), &right).header("Cookie", CANARY);
            field.accepts(name, &accepted);
            let stored = field.stage.stored().pop().unwrap();
            let headers = format!("{} {:?}", stored.subject, stored.headers);
            assert_absent("the stored headers", &headers, &secret);
        }
        // Endpoints that can't serve, and why.
        for (name, provider, value) in
            [("form", "standard-webhooks", format!("whsec_{secret}!")), ("blank", "github", String::new())]
        {
            field.stage.secret(name, &[("secret", &value)]);
            field.stage.endpoint(name, json!({"provider": provider, "secretRefs": [{"name": name}]}));
            field.stage.expect(name, "ResolvedRefs", "False", "InvalidSecret");
            field.refuses(name, &Request::post(&field.stage.path(name), CANARY), &[503]);
        }
        // Half a request, and what is no request at all.
        for bytes in [
            format!("POST /{CANARY} HTTP/1.1\r\nX-Hub-Signature-256: {CANARY}\r\n\x01\r\n\r\n"),
            format!("{CANARY}\r\n\r\n"),
        ] {
            let mut connection = Connection::open(field.operator.receiver).unwrap();
            connection.write(bytes.as_bytes()).unwrap();
            let _ = connection.read_answer();
        }
        field.stage.event("hmac", "DeliveriesRefused");
        field.operator.told("no key matched");
        field.unharmed();
    });
}

#[test]
fn attack_35_metrics_that_grow_with_what_is_sent() {
    attack(35, "series that grow with paths, headers, events", |tried| {
        let field = Field::github(tried, &[], json!({"deduplication": {"key": "none"}}));
        field.accepts("one", &field.push("1", BODY));
        field.refuses("one", &sign::github(&field.path(), "another", "push", "1", BODY), &[401]);
        field.refuses("one", &Request::post("/unknown", BODY), &[404]);
        let series = || {
            let page = field.operator.metrics();
            let mut names: Vec<_> = page
                .lines()
                .filter(|line| !line.starts_with('#'))
                .map(|line| line.rsplit_once(' ').unwrap().0.to_owned())
                .collect();
            names.sort();
            names
        };
        let before = series();
        let mut random = fastrand::Rng::with_seed(scale::seed());
        let mut text = || -> String { std::iter::repeat_with(|| random.alphanumeric()).take(12).collect() };
        let number = scale::of(3_000, 100_000);
        let requests: Vec<Vec<u8>> = (0..number)
            .map(|_| {
                Request::post(&format!("/{}/{}?{}", text(), text(), text()), "")
                    .header(&text(), &text())
                    .header("Host", &text())
                    .bytes()
            })
            .collect();
        field.refuses_all("random paths", &requests, 404);
        let forged: Vec<Vec<u8>> = (0..200)
            .map(|_| {
                sign::github(&field.path(), &text(), &text(), &text(), text())
                    .header("X-Forwarded-For", &text())
                    .bytes()
            })
            .collect();
        field.refuses_all("random events", &forged, 401);
        for _ in 0..50 {
            field.accepts(
                "random events that are genuine",
                &sign::github(&field.path(), &key(), &text(), &text(), BODY),
            );
        }
        assert_eq!(series(), before);
        field.unharmed();
    });
}

#[test]
fn attack_36_a_flood_of_refusals_in_the_log() {
    attack(36, "a flood of refusals in the log", |tried| {
        let field = Field::github(tried, &["--log", "info"], json!({}));
        let number = scale::of(2_000, 20_000);
        let began = Instant::now();
        let forged = sign::github(&field.path(), "another", "push", "1", BODY).bytes();
        field.refuses_all("forged", &vec![forged; number], 401);
        let unknown = Request::post("/unknown", "").bytes();
        field.refuses_all("unknown", &vec![unknown; number], 404);
        let seconds = began.elapsed().as_secs() as usize + 2;
        let lines = field.operator.log().lines().count();
        assert!(lines < 40 + seconds * 25, "{lines} lines in {seconds} s");
        assert_eq!(field.operator.counted("unauthorized"), number as f64, "each is counted");
        assert_eq!(field.operator.counted("not_found"), number as f64);
        field.accepts("a delivery", &field.push("1", BODY));
        field.unharmed();
    });
}

#[test]
fn attack_37_one_noisy_sender_beside_a_quiet_one() {
    attack(37, "one noisy sender beside a quiet one", |tried| {
        let field = Field::new(tried, &[]);
        let limited =
            json!({"limits": {"rate": {"requestsPerSecond": 20, "burst": 20}}, "deduplication": {"key": "none"}});
        field.provider("noisy", "github", &key(), limited);
        field.provider("quiet", "github", &key(), json!({}));
        let is_over = AtomicBool::new(false);
        let (address, noisy) = (field.operator.receiver, field.stage.path("noisy"));
        let (stored, limited, slowest) = thread::scope(|scope| {
            let flood = || {
                let right = sign::github(&noisy, &key(), "push", "1", BODY);
                let (mut stored, mut limited) = (0, 0);
                while !is_over.load(Ordering::Relaxed) {
                    match right.send(address).unwrap().status {
                        200 => stored += 1,
                        429 => limited += 1,
                        other => panic!("{other}"),
                    }
                }
                (stored, limited)
            };
            let floods: Vec<_> = (0..8).map(|_| scope.spawn(flood)).collect();
            let (began, mut slowest, mut number) = (Instant::now(), Duration::ZERO, 0u64);
            while began.elapsed() < Duration::from_secs(3) {
                let at = Instant::now();
                let request = sign::github(&field.stage.path("quiet"), &key(), "push", &number.to_string(), BODY);
                assert_eq!(field.operator.send(&request).status, 200, "the quiet one is never turned away");
                slowest = slowest.max(at.elapsed());
                number += 1;
            }
            is_over.store(true, Ordering::Relaxed);
            field.also_stored(number);
            let all = floods.into_iter().map(|flood| flood.join().unwrap());
            let (stored, limited) = all.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            (stored, limited, slowest)
        });
        assert!(limited > stored && stored <= 20 * 5 + 20, "{stored} stored, {limited} limited");
        assert!(slowest < Duration::from_secs(2), "{slowest:?}");
        field.also_stored(stored);
        (0..limited).for_each(|_| field.held());
        field.unharmed();
    });
}

/// The canary is in every secret that this suite makes; the vectors have secrets of their own.
#[test]
fn secrets_of_the_vectors_are_in_no_rejection() {
    for entry in deliveries() {
        let mut altered = entry.request.clone();
        altered.body.push(b'x');
        altered.headers.append("x-extra", "1".parse().unwrap());
        let verdict = entry.verify(&altered, entry.vector.now());
        let told = format!("{verdict:?} {:?} {:?}", entry.scheme, entry.keys);
        for given in &entry.vector.secrets {
            let (_, secret) = given.parts();
            let is_public =
                entry.family("publicKey").is_some() || secret.starts_with("whpk_") || secret.contains("-----BEGIN");
            // Very short ones are a part of anything.
            if secret.len() >= 12 && !is_public {
                assert_absent(&entry.vector.file, &told, secret.trim());
            }
        }
    }
}
