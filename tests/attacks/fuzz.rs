//! Fuzz targets: as plain tests for some seconds each, with `make fuzz` for as long as one likes, and under
//! `cargo bolero test` with an engine that follows coverage. What is worth keeping lies in `__fuzz__/*/corpus`.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jethook::api::{EndpointRef, WebhookEndpointSpec, manifest};
use jethook::config::PolicyConfig;
use jethook::event::{Event, Identity, MessagePlan, MessageSpec, Names, SubjectTemplate, is_within};
use jethook::metrics::Histogram;
use jethook::route::{
    Claim, Handles, Policy, ProviderView, SecretState, SecretView, Settings, Source, State, Stream, Surroundings,
    compile, wanted_path,
};
use jethook::scheme::{Context, Delivery, Key, Keyring, Scheme, Verdict};
use jethook::secret::{Secret, SecretData};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::entry::{Entry, deliveries};
use crate::scale;

/// Reads choices and texts off the bytes of the fuzzer.
struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn below(&mut self, count: usize) -> usize {
        (usize::from(self.byte()) * 256 + usize::from(self.byte())) % count.max(1)
    }

    fn bytes(&mut self) -> &'a [u8] {
        let length = self.below(600).min(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn text(&mut self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }

    fn value(&mut self) -> HeaderValue {
        let clean: Vec<u8> =
            self.bytes().iter().copied().filter(|byte| *byte >= 0x20 && *byte != 0x7f || *byte == b'\t').collect();
        HeaderValue::from_bytes(&clean).unwrap()
    }
}

macro_rules! fuzz {
    ($name:literal, $property:expr) => {
        bolero::check!(name = $name)
            .with_iterations(usize::MAX)
            .with_test_time(scale::fuzz_time())
            .for_each(|input: &[u8]| $property(input))
    };
}

fn entries() -> &'static [Entry] {
    static ALL: OnceLock<Vec<Entry>> = OnceLock::new();
    ALL.get_or_init(deliveries)
}

/// Schemes that no entry of the catalogue may use yet, so that each parser is reached.
fn schemes() -> &'static [(Scheme, Keyring, Vec<String>)] {
    static ALL: OnceLock<Vec<(Scheme, Keyring, Vec<String>)>> = OnceLock::new();
    ALL.get_or_init(|| {
        let all = [
            json!({"hmac": {"hash": "sha256", "from": ["header:x-a"], "split": ",;", "prefix": "v1=", "skip": 1, "signed": "{timestamp}.{body}"}, "timestamp": {"from": ["header:x-a"], "split": ",;", "prefix": "t=", "tolerance": "5m"}}),
            json!({"hmac": {"hash": "sha1", "from": ["header:x-a-#", "query:sig", "form:sig", "json:/sig"], "encoding": "base64", "signed": "{method}{url}{formSorted}{querySorted}{json:/a/b|form:c?}[[{header:x-b}]]{body}"}}),
            json!({"token": {"from": ["bearer", "basic", "pathToken", "query:t", "json:/a/0/b", "form:t", "header:x-a"]}, "require": {"json:/x/*/y": ["~[a-z]{1,8}|[0-9]{2}", "{header:x-b}"]}}),
            json!({"jwt": {"from": ["bearer", "header:x-a", "json:/jwt"], "algorithms": ["HS256", "HS512"]}}),
            json!({"httpSignature": {"dialect": "rfc9421", "algorithms": ["hmacSha256"], "components": ["@method", "content-digest"], "maxAge": "5m"}}),
            json!({"httpSignature": {"dialect": "cavage", "algorithms": ["hmacSha256"], "components": ["(request-target)", "digest"]}}),
            json!({"headerList": {"from": "header:x-b", "split": ";", "prefix": "h=", "between": " ", "item": "{name}:{value}", "join": "\n", "required": ["x-b"]}, "hmac": {"hash": "sha512", "from": ["header:x-a"], "signed": "{headerList}{headerNames}{body}"}}),
            json!({"content": "xml", "token": {"from": ["header:x-a"]}, "require": {"xml:/a/b/@c": ["x"]}, "event": {"type": "{localName:xml:/a/b}"}}),
            json!({"content": "json", "each": "/v/*", "hmac": {"hash": "md5", "from": ["item:/s"], "signed": "{item:/a?}:{item:/b/c}"}, "event": {"type": "{json:/v/*/t}", "batch": "json:/v"}}),
            json!({"standardWebhooks": {"headers": ["x", "webhook"]}, "handshakes": [{"method": "GET", "unsigned": true, "when": {"query:challenge": []}, "answer": {"body": "{query:challenge}"}}]}),
            json!({"timestamp": {"from": ["header:x-b"], "unit": "rfc3339", "tolerance": "1h"}, "hash": {"hash": "sha256", "from": ["header:x-a"], "signed": "{secret}{timestamp}{sha256:body}"}}),
        ];
        let build = |verification: Value| {
            let context = Context { parameters: &BTreeMap::new(), url: Some("https://hooks.example.com/a/b"), tolerance: None };
            let scheme = Scheme::compile(&serde_json::from_value(verification.clone()).unwrap(), context)
                .unwrap_or_else(|faults| panic!("{verification}: {faults:?}"));
            let key = Key { index: 0, r#use: "signing".to_owned(), secret: Secret::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") };
            let (keys, faults) = scheme.keyring(vec![key]);
            assert!(faults.is_empty(), "{verification}: {faults:?}");
            (scheme, keys, ["x-a", "x-b", "x-a-1", "authorization", "signature", "signature-input", "digest", "content-digest", "x-id", "x-timestamp", "x-signature", "date"].map(str::to_owned).to_vec())
        };
        all.into_iter().map(build).collect()
    })
}

/// Nothing that was made up verifies, and nothing panics, whatever the scheme.
fn nothing_made_up_verifies(input: &[u8]) {
    let mut choices = Choices(input);
    let number = choices.below(schemes().len() + entries().len());
    let (scheme, keys, names): (&Scheme, &Keyring, Vec<String>) = match schemes().get(number) {
        Some((scheme, keys, names)) => (scheme, keys, names.clone()),
        None => {
            let entry = &entries()[number - schemes().len()];
            (&entry.scheme, &entry.keys, entry.request.headers.keys().map(ToString::to_string).collect())
        }
    };
    let mut headers = HeaderMap::new();
    for name in &names {
        for _ in 0..choices.byte() % 3 {
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), choices.value());
        }
    }
    let kinds = ["application/json", "application/x-www-form-urlencoded", "text/xml"];
    headers.insert("content-type", HeaderValue::from_static(kinds[choices.below(3)]));
    let method = [Method::POST, Method::GET, Method::HEAD, Method::PUT][choices.below(4)].clone();
    let (path, query, token) = (format!("/a/{}", choices.text()), choices.text(), choices.text());
    let body = choices.0;
    let delivery = Delivery {
        method: &method,
        path: &path,
        query: Some(&query),
        path_token: Some(&token),
        headers: &headers,
        body,
    };
    for now in [Timestamp::UNIX_EPOCH, Timestamp::MAX, Timestamp::MIN, Timestamp::from_second(1_795_478_400).unwrap()] {
        if let Some(Ok(reply)) = scheme.greet(keys, &delivery) {
            assert!(reply.body.len() <= 8 * 1024);
        }
        if let Ok(Verdict::Event(verified)) = scheme.verify(keys, &delivery, now) {
            panic!("{number}: verified: {verified:?}");
        }
    }
}

/// Whatever the template and the event, a subject is made of clean tokens and stays within its filter.
fn subjects_stay_within_their_template(input: &[u8]) {
    let mut choices = Choices(input);
    let event = choices.text();
    let fixed =
        ["{prefix}.{namespace}.{name}.{event}", "a.{event}.b", "a.x-{event}", "a.b", "{cluster}.{provider}.{event}"];
    let template = match choices.byte() % 2 {
        0 => fixed[choices.below(fixed.len())].to_owned(),
        _ => choices.text(),
    };
    let names = Names {
        prefix: "webhooks",
        namespace: "shop",
        name: "hook",
        provider: "acme.example.com",
        cluster: Some("eu"),
    };
    let Ok(parsed) = SubjectTemplate::parse(&template, names) else { return };
    let (subject, filter) = (parsed.subject(Some(&event)), parsed.filter());
    assert!(is_within(&subject, &filter), "{subject} is not within {filter}");
    let is_clean = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    assert!(
        subject.split('.').all(|token| !token.is_empty() && token.chars().all(is_clean)),
        "{subject} of {template}"
    );
    assert!(!subject.starts_with('$') && !subject.starts_with("_INBOX"), "{subject}");
    assert!(subject.len() < 2_000);
}

fn open_scheme() -> &'static (Scheme, Keyring) {
    static OPEN: OnceLock<(Scheme, Keyring)> = OnceLock::new();
    OPEN.get_or_init(|| {
        let verification = json!({"none": {}, "event": {"type": "{header:x-type}", "id": "{header:x-id}"}});
        let context = Context { parameters: &BTreeMap::new(), url: None, tolerance: None };
        let scheme = Scheme::compile(&serde_json::from_value(verification).unwrap(), context).unwrap();
        let (keys, _) = scheme.keyring(Vec::new());
        (scheme, keys)
    })
}

/// Whatever a sender writes into headers and query, the message has headers of ours alone and no line end in any.
fn message_headers_are_ours(input: &[u8]) {
    let mut choices = Choices(input);
    let (scheme, keys) = open_scheme();
    let names = [
        "nats-rollup",
        "nats-msg-id",
        "nats-trace-dest",
        "traceparent",
        "ce-id",
        "cookie",
        "authorization",
        "x-kept",
        "user-agent",
        "x-id",
        "x-type",
    ];
    let mut headers = HeaderMap::new();
    for name in names {
        for _ in 0..choices.byte() % 3 {
            headers.append(HeaderName::from_static(name), choices.value());
        }
    }
    let query = choices.text();
    let delivery = Delivery {
        method: &Method::POST,
        path: "/a/b",
        query: Some(&query),
        path_token: None,
        headers: &headers,
        body: choices.0,
    };
    let Ok(Verdict::Event(verified)) = scheme.verify(keys, &delivery, Timestamp::UNIX_EPOCH) else { return };
    let subject = Names { prefix: "webhooks", namespace: "shop", name: "hook", provider: "custom", cluster: None };
    let identity =
        [Identity::Delivery, Identity::Content, Identity::None, Identity::Header(HeaderName::from_static("x-kept"))];
    let plan = MessagePlan::new(MessageSpec {
        provider: "custom".into(),
        stream: "WEBHOOKS".into(),
        subject: SubjectTemplate::parse("{prefix}.{namespace}.{name}.{event}", subject).unwrap(),
        source: "/namespaces/shop/webhookendpoints/hook".to_owned(),
        type_prefix: "custom".to_owned(),
        id_prefix: "uid".to_owned(),
        authenticates: "sender",
        secret_query: vec!["token".to_owned()],
        // More than an endpoint may ask for.
        headers: names.iter().map(|name| HeaderName::from_static(name)).collect(),
        identity: identity[usize::from(query.len() % 4 == 0)].clone(),
    });
    let event = Event::new(&plan, &verified, &delivery, Bytes::copy_from_slice(delivery.body), Timestamp::UNIX_EPOCH);
    for (name, value) in event.headers.iter() {
        let is_ours = name.starts_with("ce-")
            || name.starts_with("http-")
            || ["Nats-Msg-Id", "Nats-Expected-Stream"].contains(&name);
        assert!(is_ours, "{name}");
        let is_printable = |byte: u8| byte.is_ascii_graphic() || byte == b' ' || byte == b'\t';
        assert!(name.bytes().chain(value.bytes()).all(is_printable), "{name}: {value:?}");
    }
    for name in ["Nats-Msg-Id", "ce-id", "ce-source", "ce-type", "ce-specversion", "Nats-Expected-Stream"] {
        assert_eq!(event.headers.iter().filter(|(its, _)| *its == name).count(), 1, "{name}");
    }
    let bytes: usize = event.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    assert!(bytes < 24 * 1024, "{bytes}");
    assert_eq!(event.payload, delivery.body);
    let _ = event.headers.to_map();
}

/// One Secret, and a stream that nothing is known of.
struct Around(SecretData);

impl<'a> Surroundings<'a> for &'a Around {
    fn secret(&self, namespace: &str, name: &str) -> SecretView<'a> {
        assert_eq!(namespace, "shop", "a Secret of another namespace was asked for");
        let around: &'a Around = self;
        SecretView {
            state: if name == "hook" { SecretState::Found(&around.0) } else { SecretState::Missing },
            kept: None,
        }
    }

    fn provider(&self, _: &str) -> ProviderView<'a> {
        ProviderView::Off
    }

    fn stream(&self, _: &str) -> &'a Stream {
        &Stream::Unread
    }

    fn captured_by(&self, _: &str) -> &'a [String] {
        &[]
    }

    fn denied(&self, _: &str) -> Option<&'a str> {
        None
    }

    fn max_payload(&self) -> Option<u64> {
        Some(1 << 20)
    }
}

fn settings() -> Settings {
    Settings {
        prefix: "webhooks".to_owned(),
        stream: "WEBHOOKS".to_owned(),
        public_url: Some("https://hooks.example.com".to_owned()),
        cluster_name: None,
        body_bytes_max: 1 << 20,
        policy: Policy::from_config(&PolicyConfig::default(), "webhooks", "WEBHOOKS").unwrap(),
    }
}

/// Puts made-up values at made-up places of a spec.
fn scramble(value: &mut Value, choices: &mut Choices<'_>) {
    let fills = [
        json!(""),
        json!("{body}"),
        json!("{{"),
        json!("{sha256:hex:body}"),
        json!("[[{header:X-A}]]"),
        json!("header:X-A"),
        json!("json:/a/*/b"),
        json!("~[a-z]{1,9}"),
        json!("{secret:signing}"),
        json!("{let:a}"),
        json!("{param:p}"),
        json!("5m"),
        json!("1Gi"),
        json!("/shop/x"),
        json!(true),
        json!(0),
        json!(255),
        json!([]),
        json!({}),
        json!(["header:X-A", "body"]),
        json!("webhooks.shop.{event}"),
        json!("WEBHOOKS"),
        json!("github"),
        json!("custom"),
    ];
    match choices.byte() % 8 {
        0 => *value = Value::from(choices.text()),
        1 | 2 => *value = fills[choices.below(fills.len())].clone(),
        _ => match value {
            Value::Object(object) => {
                let at = choices.below(object.len().max(1));
                if let Some((_, inner)) = object.iter_mut().nth(at) {
                    scramble(inner, choices);
                }
            }
            Value::Array(list) => {
                let at = choices.below(list.len().max(1));
                match list.get_mut(at) {
                    Some(inner) => scramble(inner, choices),
                    None => list.push(Value::from(choices.text())),
                }
            }
            other => *other = Value::from(choices.text()),
        },
    }
}

fn base_spec(choices: &mut Choices<'_>) -> Value {
    let entry = &entries()[choices.below(entries().len())];
    let verification = if choices.byte().is_multiple_of(4) {
        json!({"hmac": {"hash": "sha256", "from": ["header:X-Signature"], "signed": "{timestamp}.{body}"}, "timestamp": {"from": ["header:X-Time"], "tolerance": "5m"},
            "keys": {"signing": {"encoding": "utf8"}}, "parameters": {"p": {"default": "x"}}, "let": {"a": "{body}"}, "event": {"type": "{json:/type}", "id": "{json:/id}"},
            "handshakes": [{"method": "GET", "unsigned": true, "when": {"query:a": []}, "answer": {"body": "{query:a}"}}], "require": {"json:/a": ["x"]}})
    } else {
        entry.spec.clone()
    };
    json!({
        "provider": "custom", "verification": verification, "secretRefs": [{"name": "hook"}], "path": "/shop/hook",
        "target": {"subject": "{prefix}.{namespace}.{name}.{event}", "stream": "WEBHOOKS", "forwardHeaders": ["X-A"]},
        "events": ["a.*"], "deduplication": {"key": "content"}, "limits": {"maxBodySize": "1Mi", "rate": {"requestsPerSecond": 1, "burst": 1}},
        "sourceRanges": ["192.0.2.0/24"], "timestampTolerance": "5m",
    })
}

/// Whatever a spec says, compiling it ends with a route and problems; what it publishes to and claims is the namespace's own.
fn any_spec_compiles_or_is_refused(input: &[u8]) {
    let mut choices = Choices(input);
    let mut spec = base_spec(&mut choices);
    for _ in 0..=choices.byte() % 4 {
        scramble(&mut spec, &mut choices);
    }
    let Ok(spec) = serde_json::from_value::<WebhookEndpointSpec>(spec) else { return };
    let settings = settings();
    let endpoint = EndpointRef { namespace: "shop".into(), name: "hook".into() };
    let keys = [("secret".to_owned(), Secret::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))];
    let around = Around(SecretData {
        resource_version: "7".to_owned(),
        key_names: vec!["secret".to_owned()],
        keys: keys.into_iter().collect(),
    });
    let handles = Handles {
        usage: Arc::default(),
        metrics: Arc::default(),
        duration: Arc::new(Histogram::seconds()),
        rate: None,
    };
    let path = wanted_path(&endpoint, spec.path.as_deref(), &settings.policy);
    let claim = match &path {
        Ok(path) => Claim::Owned(path),
        Err(problem) => Claim::Refused { problem, kept: None },
    };
    let compiled =
        compile(Source { endpoint: &endpoint, uid: "uid", spec: &spec }, claim, &&around, &settings, &handles);
    let Some(route) = compiled.route else { return };
    assert!(route.path.starts_with("/shop/"), "{}", route.path);
    assert!(compiled.facts.filter.is_none_or(|filter| filter.starts_with("webhooks.shop.")));
    assert!(!matches!(&route.state, State::Open(serving) if serving.scheme.label(&serving.keyring) == "none"));
    assert!(!format!("{:?}", compiled.problems).contains("MfKQ9r8G"), "a key is told");
}

/// Any text is a list of manifests or a fault with its place, and validating them ends.
fn any_text_is_read_as_yaml_or_refused(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Ok(manifests) = manifest::read(&text) {
        for manifest in manifests {
            let _ = jethook::api::validate(&manifest.value());
        }
    }
}

#[test]
fn verifier() {
    fuzz!("verifier", nothing_made_up_verifies);
}

#[test]
fn subject() {
    fuzz!("subject", subjects_stay_within_their_template);
}

#[test]
fn headers() {
    fuzz!("headers", message_headers_are_ours);
}

#[test]
fn spec() {
    fuzz!("spec", any_spec_compiles_or_is_refused);
}

#[test]
fn yaml() {
    fuzz!("yaml", any_text_is_read_as_yaml_or_refused);
}

/// Altered genuine deliveries by the fuzzer's own choice: the mutator of [`crate::mutants`] with its bytes for a seed.
#[test]
fn mutant() {
    let property = |input: &[u8]| {
        let seed = input.iter().take(8).fold(0u64, |seed, byte| seed << 8 | u64::from(*byte));
        crate::mutants::check_one(entries(), seed, input.len() as u64);
    };
    fuzz!("mutant", property);
}
