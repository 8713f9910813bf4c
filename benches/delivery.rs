//! What the steps of a delivery cost, each alone: `cargo bench`, or `cargo bench verify/hmac` for some of them. `make bench`
//! measures the whole, beside its floor.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a bench fails by a panic, and signs at the edge where the time comes from"
)]

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jethook::api::EndpointRef;
use jethook::catalogue::{self, Provider};
use jethook::event::{Event, Identity, MessagePlan, MessageSpec, Names, SubjectTemplate};
use jethook::metrics::Metrics;
use jethook::route::{Handles, Route, Routes, Table, Usage, closed};
use jethook::scheme::{Context, Delivery, Draft, Key, Keyring, Scheme, Verdict, Verified};
use jethook::secret::Secret;
use jiff::Timestamp;
use sha2::Sha256;

const URL: &str = "https://hooks.example.com/bench/endpoint";
const EVENT: &str = r#"event = { type = "{header:X-Event}", id = "{header:X-Id}" }"#;
/// 32 bytes in hexadecimal; text for the families that take text.
const KEY: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const KEY_STANDARD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SIZES: [usize; 3] = [256, 1536, 25 << 10];

/// One description of each family, and the key that a sender signs with.
const FAMILIES: &[(&str, &str, &str)] = &[
    (
        "hmac",
        r#"hmac = { hash = "sha256", from = ["header:X-Signature"], prefix = "sha256=", signed = "{body}" }"#,
        KEY,
    ),
    ("hash", r#"hash = { hash = "sha256", from = ["header:X-Signature"], signed = "{secret}{body}" }"#, KEY),
    ("standard-webhooks", r#"standardWebhooks = { key = "signing", headers = ["webhook"] }"#, KEY_STANDARD),
    (
        "ed25519",
        r#"publicKey = { algorithm = "ed25519", encoding = "hex", from = ["header:X-Signature"], signed = "{body}" }
keys = { signing = { encoding = "hex", description = "The public key" } }"#,
        KEY,
    ),
    ("token", r#"token = { from = ["header:X-Token"] }"#, KEY),
    (
        "jwt",
        r#"jwt = { from = ["header:X-Signature"], algorithms = ["HS256"] }
require = { "claim:/sha256" = ["{sha256:body}"] }"#,
        KEY,
    ),
    (
        "http-signature",
        r#"httpSignature = { dialect = "rfc9421", algorithms = ["hmacSha256"], components = ["@method", "@target-uri", "content-digest"], maxAge = "5m" }"#,
        KEY,
    ),
];

/// What is signed, from nothing but the body up to most that a template can hold.
const TEMPLATES: &[(&str, &str)] = &[
    ("body", "{body}"),
    ("time and body", "{header:X-Time}.{body}"),
    ("six parts", "{method}\\n{path}\\n{header:X-Time}\\n{header:X-Id}\\n[[{header:X-Event}]]\\n{body}"),
    ("digest of the body", "{method}:{path}:{header:X-Time}:{sha256:body}"),
    ("three fields", "{json:/ref}|{json:/repository/full_name}|{json:/pusher/name}"),
];

/// A JSON object of about this many bytes.
fn body(size: usize) -> Bytes {
    let mut text =
        r#"{"ref":"refs/heads/main","repository":{"full_name":"shop/api","id":7},"pusher":{"name":"ann"}"#.to_owned();
    for number in 0.. {
        if text.len() + 70 > size {
            break;
        }
        text += &format!(r#","field{number:06}":"0123456789abcdef0123456789abcdef0123456789""#);
    }
    text.push('}');
    Bytes::from(text)
}

/// A signed delivery and all that verifying it takes.
struct Sample {
    scheme: Scheme,
    keyring: Keyring,
    headers: HeaderMap,
    body: Bytes,
    now: Timestamp,
}

impl Sample {
    fn new(verification: &str, key: &str, size: usize) -> Self {
        let head = "name = \"Bench\"\ndocs = \"\"\nchecked = \"2026-11-24\"\nmaturity = \"reported\"\n[verification]\n";
        let provider = catalogue::parse("bench", &format!("{head}{verification}\n{EVENT}\n")).unwrap();
        let parameters = BTreeMap::new();
        let context = Context { parameters: &parameters, url: Some(URL), tolerance: None };
        let scheme = Scheme::compile(&provider.verification, context).unwrap();
        let ring = |secret: &str| vec![Key { index: 0, r#use: "signing".to_owned(), secret: Secret::from(secret) }];
        let (signing, faults) = scheme.signing_keyring(ring(key));
        assert_eq!(faults, []);
        let given = if verification.contains("publicKey") { public_key(key) } else { key.to_owned() };
        let (keyring, faults) = scheme.keyring(ring(&given));
        assert_eq!(faults, []);
        let now = Timestamp::now();
        let fixed = [("user-agent", "bench"), ("content-type", "application/json"), ("x-time", "1700000000")];
        let draft = Draft {
            method: Method::POST,
            url: URL.to_owned(),
            headers: fixed.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            body: body(size),
            event: Some("pull_request.opened".to_owned()),
            id: Some("72d3162e-cc78-11e3-81ab-4c9367dc0958".to_owned()),
        };
        let signed = scheme.sign(&signing, draft, now).unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in &signed.headers {
            headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let sample = Self { scheme, keyring, headers, body: signed.body, now };
        sample.verified();
        sample
    }

    fn delivery(&self) -> Delivery<'_> {
        Delivery {
            method: &Method::POST,
            path: "/bench/endpoint",
            query: None,
            path_token: None,
            headers: &self.headers,
            body: &self.body,
        }
    }

    fn verified(&self) -> Verified {
        match self.scheme.verify(&self.keyring, &self.delivery(), self.now) {
            Ok(Verdict::Event(verified)) => verified,
            other => panic!("the sample does not verify: {other:?}"),
        }
    }
}

fn public_key(seed: &str) -> String {
    let seed = HEXLOWER.decode(seed.as_bytes()).unwrap();
    HEXLOWER.encode(Ed25519KeyPair::from_seed_unchecked(&seed).unwrap().public_key().as_ref())
}

fn verify(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("verify");
    for &(family, verification, key) in FAMILIES {
        for size in SIZES {
            let sample = Sample::new(verification, key, size);
            group.throughput(Throughput::Bytes(sample.body.len() as u64));
            group.bench_function(BenchmarkId::new(family, size), |bencher| bencher.iter(|| sample.verified()));
        }
    }
    group.finish();
    let mut group = criterion.benchmark_group("refuse");
    for &(family, verification, key) in FAMILIES {
        let mut sample = Sample::new(verification, key, 1536);
        sample.headers.remove("x-signature");
        sample.headers.remove("x-token");
        sample.headers.remove("webhook-signature");
        sample.headers.remove("signature");
        group.bench_function(BenchmarkId::new("unsigned", family), |bencher| {
            bencher.iter(|| sample.scheme.verify(&sample.keyring, &sample.delivery(), sample.now).unwrap_err());
        });
    }
    group.finish();
}

/// The hash alone, which no verification of an HMAC can do without: what `verify/hmac` is held against.
fn hash(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hash");
    let key = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    for size in SIZES {
        let body = body(size);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(BenchmarkId::new("hmac-sha256", size), |bencher| {
            bencher.iter(|| {
                let mut mac = key.clone();
                mac.update(black_box(&body));
                mac.finalize()
            });
        });
    }
    group.finish();
}

/// All entries, read from their files and compiled: what a start costs, and the routes of an endpoint of each.
fn entries(criterion: &mut Criterion) {
    let files = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/catalogue/entries")).unwrap();
    let paths = files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|is| is == "toml"));
    let texts: Vec<_> = paths
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap()))
        .collect();
    let parse = || texts.iter().map(|(id, text)| catalogue::parse(id, text).unwrap()).collect::<Vec<_>>();
    let parsed = parse();
    let parameters: Vec<_> = parsed.iter().map(parameters_of).collect();
    let mut group = criterion.benchmark_group("catalogue");
    group.bench_function(BenchmarkId::new("parse", parsed.len()), |bencher| bencher.iter(parse));
    group.bench_function(BenchmarkId::new("compile", parsed.len()), |bencher| {
        bencher.iter(|| {
            parsed.iter().zip(&parameters).for_each(|(provider, parameters)| {
                let url = Some(parameters.get("publicUrl").map_or(URL, String::as_str));
                let context = Context { parameters, url, tolerance: None };
                black_box(Scheme::compile(&provider.verification, context)).unwrap();
            });
        });
    });
    group.finish();
}

/// Values that the parameters of an entry take: those of one of its genuine deliveries.
fn parameters_of(provider: &Provider) -> BTreeMap<String, String> {
    let folder = format!("{}/tests/vectors/{}", env!("CARGO_MANIFEST_DIR"), provider.id);
    let vector = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let vector: serde_json::Value = serde_json::from_str(&fs::read_to_string(vector).unwrap()).unwrap();
    serde_json::from_value(vector["parameters"].clone()).unwrap_or_default()
}

fn template(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("template");
    for &(name, signed) in TEMPLATES {
        let verification =
            format!(r#"hmac = {{ hash = "sha256", from = ["header:X-Signature"], signed = "{signed}" }}"#);
        let sample = Sample::new(&verification, KEY, 1536);
        group.bench_function(name, |bencher| bencher.iter(|| sample.verified()));
    }
    group.finish();
}

/// How messages are built for an endpoint whose names are as long as usual.
fn message(sample: &Sample, identity: Identity) -> MessageSpec {
    let names = Names { prefix: "webhooks", namespace: "bench", name: "endpoint", provider: "bench", cluster: None };
    let mut headers = vec![HeaderName::from_static("user-agent"), HeaderName::from_static("content-type")];
    headers.extend(sample.scheme.evidence().iter().cloned());
    MessageSpec {
        provider: Arc::from("bench"),
        stream: Arc::from("WEBHOOKS"),
        subject: SubjectTemplate::parse("{prefix}.{namespace}.{name}.{event}", names).unwrap(),
        source: "/namespaces/bench/webhookendpoints/endpoint".to_owned(),
        type_prefix: "com.bench".to_owned(),
        id_prefix: "0a1b2c3d-0000-4000-8000-000000000000".to_owned(),
        authenticates: "body",
        secret_query: Vec::new(),
        headers,
        identity,
    }
}

fn event(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("event");
    let sample = Sample::new(FAMILIES[0].1, KEY, 1536);
    let verified = sample.verified();
    for (name, identity) in
        [("delivery id", Identity::Delivery), ("content", Identity::Content), ("none", Identity::None)]
    {
        let plan = MessagePlan::new(message(&sample, identity));
        group.bench_function(BenchmarkId::new("subject, headers and id", name), |bencher| {
            bencher.iter(|| Event::new(&plan, &verified, &sample.delivery(), sample.body.clone(), sample.now));
        });
    }
    let plan = MessagePlan::new(message(&sample, Identity::Delivery));
    let built = Event::new(&plan, &verified, &sample.delivery(), sample.body.clone(), sample.now);
    for kind in ["push", "pull_request.opened", "an event with other characters, é"] {
        group.bench_function(BenchmarkId::new("subject", kind), |bencher| {
            bencher.iter(|| plan.spec.subject.subject(Some(black_box(kind))));
        });
    }
    group.bench_function("headers for the client", |bencher| bencher.iter(|| built.headers.to_map()));
    group.finish();
}

/// Closed routes, whose look-up costs what that of open ones costs.
fn routes(count: usize) -> HashMap<String, Arc<Route>> {
    let metrics = Metrics::default();
    let all = (0..count).map(|number| {
        let endpoint = EndpointRef { namespace: Arc::from("bench"), name: Arc::from(format!("endpoint-{number:05}")) };
        let handles = Handles {
            usage: Arc::<Usage>::default(),
            metrics: metrics.endpoint(&endpoint, "bench"),
            duration: metrics.delivery_duration("bench"),
            rate: None,
        };
        let path = format!("/bench/{}", endpoint.name);
        let route = closed(&endpoint, "bench", &path, &handles);
        (path, Arc::new(route))
    });
    all.collect()
}

fn table(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("table");
    for count in [1, 1_000, 10_000] {
        let served = Routes::default();
        let all = routes(count);
        served.store(Table { is_complete: true, routes: all.clone() });
        let last = format!("/bench/endpoint-{:05}", count - 1);
        for (name, path) in [
            ("found", last.clone()),
            ("with a token", format!("{last}/token")),
            ("unknown", "/bench/nobody".to_owned()),
        ] {
            group.bench_function(BenchmarkId::new(name, count), |bencher| {
                bencher.iter(|| served.load().find(black_box(&path)).is_some());
            });
        }
        group.bench_function(BenchmarkId::new("swap", count), |bencher| {
            bencher.iter_batched(
                || all.clone(),
                |routes| served.store(Table { is_complete: true, routes }),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default()
        .without_plots()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(30)
        .configure_from_args();
    hash(&mut criterion);
    verify(&mut criterion);
    entries(&mut criterion);
    template(&mut criterion);
    event(&mut criterion);
    table(&mut criterion);
    criterion.final_summary();
}
