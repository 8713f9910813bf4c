use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::KeyName;
use super::bench::*;
use super::*;
use crate::event::Identity;
use crate::secret::Secret;

#[test]
fn a_sound_endpoint_is_open_and_tells_what_it_does() {
    let all = compiled(json!({}));
    assert_eq!(all.problems, []);
    let serving = serving_of(&all);
    assert_eq!(serving.message.spec.subject.subject(Some("paid")), "webhooks.shop.orders.paid");
    assert_eq!(serving.message.spec.source, "/namespaces/shop/webhookendpoints/orders");
    assert_eq!(serving.message.spec.id_prefix, "uid-1");
    assert_eq!(serving.message.spec.type_prefix, "dev.jethook.custom");
    assert_eq!(serving.message.spec.authenticates, "body");
    assert_eq!(serving.message.spec.identity, Identity::None);
    assert_eq!(serving.keys, [KeyName { secret: "hook".into(), key: "secret".into() }]);
    assert_eq!(serving.time_limit, Duration::from_millis(4500));
    assert_eq!(serving.body_bytes_max, (1 << 20) - 20 * 1024);
    assert_eq!(serving.limits, BodyLimits { endpoint: 1 << 20, nats: Some((1 << 20) - 20 * 1024) });
    let facts = &all.facts;
    assert_eq!(facts.path.as_deref(), Some("/shop/orders"));
    assert_eq!(facts.url.as_deref(), Some("https://hooks.example.com/shop/orders"));
    assert_eq!(facts.filter.as_deref(), Some("webhooks.shop.orders.>"));
    assert_eq!(facts.scheme.as_deref(), Some("hmac-sha256"));
    assert_eq!(facts.authenticates, Some(Authenticates::Body));
    assert_eq!(facts.secrets[0].resource_version, "7");
    assert_eq!(facts.duplicate_window, Some(Duration::from_hours(2)));
    assert!(facts.is_open);
}

#[test]
fn keys_without_the_white_space_around_them_are_kept_for_hints_only_where_there_is_some() {
    assert!(serving_of(&compiled(json!({}))).trimmed_keyring.is_none());
    let padded = Around::new(&[("secret", " padded ")]);
    let compiled = compiled_with(&spec(json!({})), &padded, &settings(|_| {}));
    assert!(serving_of(&compiled).trimmed_keyring.is_some());
}

#[test]
fn an_entry_of_the_catalogue_brings_its_scheme() {
    let change = json!({"provider": "github", "verification": null});
    let known = compiled(change);
    assert_eq!(known.problems, []);
    let serving = serving_of(&known);
    assert_eq!(serving.time_limit, Duration::from_secs(9));
    assert_eq!(serving.message.spec.type_prefix, "com.github");
    assert_eq!(serving.message.spec.identity, Identity::Delivery);
    assert!(serving.message.spec.headers.iter().any(|name| name == "x-github-event"));
    for (provider, limit) in [("slack", 2_500), ("shopify", 4_500)] {
        let known = compiled(json!({"provider": provider, "verification": null}));
        assert_eq!(serving_of(&known).time_limit, Duration::from_millis(limit), "{provider}");
    }
}

#[test]
fn a_cluster_name_makes_ids_outlive_the_object() {
    let settings = Settings { cluster_name: Some("eu".to_owned()), ..settings(|_| {}) };
    let spec = spec(json!({"target": {"subject": "webhooks.{namespace}.{cluster}.{event}"}}));
    let all = compiled_with(&spec, &Around::new(&[("secret", CANARY)]), &settings);
    let message = &serving_of(&all).message;
    assert_eq!(message.spec.id_prefix, "eu.shop.orders");
    assert_eq!(message.spec.source, "/clusters/eu/namespaces/shop/webhookendpoints/orders");
    assert_eq!(message.spec.subject.filter(), "webhooks.shop.eu.>");
}

/// Each row: what is changed, the reason, the field, a part of the message.
#[test]
fn each_fault_of_a_spec_is_told_with_its_field_and_closes_the_route() {
    let hmac = json!({"hash": "sha256", "from": ["header:X-Signature"], "signed": "{body}"});
    for (change, reason, field, part) in [
        (
            json!({"provider": "githbu", "verification": null}),
            Reason::UnknownProvider,
            "spec.provider",
            "did you mean \"github\"?",
        ),
        (json!({"provider": "githbu"}), Reason::UnknownProvider, "spec.provider", "needs provider custom"),
        (json!({"provider": "github"}), Reason::Invalid, "spec.verification", "for provider custom alone"),
        (json!({"verification": null}), Reason::Invalid, "spec.verification", "is missing"),
        (
            json!({"verification": {"hmac": null, "none": {}}, "secretRefs": []}),
            Reason::Invalid,
            "spec.verification.none",
            "--allow-unverified",
        ),
        (
            json!({"verification": {"hmac": {"signed": "{nonsense}"}}}),
            Reason::Invalid,
            "spec.verification.hmac.signed",
            "nonsense",
        ),
        (
            json!({"verification": {"hmac": hmac, "parameters": {"team": {"description": "d", "required": true}}, "require": {"json:/team": ["{param:team}"]}}}),
            Reason::InvalidParameters,
            "spec.parameters.team",
            "team",
        ),
        (json!({"timestampTolerance": "5m"}), Reason::Invalid, "spec.timestampTolerance", "time"),
        (json!({"timestampTolerance": "2h"}), Reason::Invalid, "spec.timestampTolerance", "1s to 1h"),
        (json!({"timestampTolerance": "soon"}), Reason::Invalid, "spec.timestampTolerance", "1s to 1h"),
        (json!({"path": "/other/x"}), Reason::PathNotAllowed, "spec.path", "(/shop/**)"),
        (json!({"path": "/shop//x"}), Reason::Invalid, "spec.path", "empty segment"),
        (json!({"target": {"stream": "ORDERS"}}), Reason::StreamNotAllowed, "spec.target.stream", "(WEBHOOKS)"),
        (json!({"target": {"stream": "A.B"}}), Reason::Invalid, "spec.target.stream", "no stream name"),
        (
            json!({"target": {"subject": "webhooks.other.{event}"}}),
            Reason::SubjectNotAllowed,
            "spec.target.subject",
            "webhooks.shop.>",
        ),
        (
            json!({"target": {"subject": "webhooks.{event}.x"}}),
            Reason::SubjectNotAllowed,
            "spec.target.subject",
            "--allow-subject",
        ),
        (json!({"target": {"subject": "webhooks.shop.*"}}), Reason::Invalid, "spec.target.subject", "wildcard"),
        (
            json!({"target": {"subject": "webhooks.shop.{cluster}"}}),
            Reason::Invalid,
            "spec.target.subject",
            "--cluster-name",
        ),
        (
            json!({"target": {"forwardHeaders": ["a b"]}}),
            Reason::Invalid,
            "spec.target.forwardHeaders[0]",
            "request header",
        ),
        (
            json!({"target": {"forwardHeaders": ["X-Ok", "Authorization"]}}),
            Reason::Invalid,
            "spec.target.forwardHeaders[1]",
            "credentials",
        ),
        (
            json!({"target": {"forwardHeaders": ["cookie"]}}),
            Reason::Invalid,
            "spec.target.forwardHeaders[0]",
            "credentials",
        ),
        (
            json!({"target": {"forwardHeaders": ["Nats-Rollup"]}}),
            Reason::Invalid,
            "spec.target.forwardHeaders[0]",
            "command to NATS",
        ),
        (
            json!({"target": {"forwardHeaders": ["Query"]}}),
            Reason::Invalid,
            "spec.target.forwardHeaders[0]",
            "http-query",
        ),
        (json!({"events": ["a", "b*c"]}), Reason::Invalid, "spec.events[1]", "only at its end"),
        (
            json!({"deduplication": {"key": "delivery"}}),
            Reason::Invalid,
            "spec.deduplication.key",
            "header, content or none",
        ),
        (json!({"deduplication": {"key": "header"}}), Reason::Invalid, "spec.deduplication.header", "is missing"),
        (
            json!({"deduplication": {"key": "content", "header": "X-Id"}}),
            Reason::Invalid,
            "spec.deduplication.header",
            "key header alone",
        ),
        (
            json!({"deduplication": {"key": "header", "header": "Cookie"}}),
            Reason::Invalid,
            "spec.deduplication.header",
            "credentials",
        ),
        (json!({"limits": {"maxBodySize": "0"}}), Reason::Invalid, "spec.limits.maxBodySize", "at least 1"),
        (
            json!({"limits": {"rate": {"requestsPerSecond": 0}}}),
            Reason::Invalid,
            "spec.limits.rate.requestsPerSecond",
            "at least 1",
        ),
        (
            json!({"limits": {"rate": {"requestsPerSecond": 2, "burst": 1}}}),
            Reason::Invalid,
            "spec.limits.rate.burst",
            "at least",
        ),
        (json!({"sourceRanges": ["10.0.0.0/33"]}), Reason::Invalid, "spec.sourceRanges[0]", "no CIDR"),
        (
            json!({"secretRefs": [{"name": "hook", "use": "verifyToken"}]}),
            Reason::Invalid,
            "spec.secretRefs[0].use",
            "it has signing",
        ),
    ] {
        let all = compiled(change.clone());
        let found = all.problems.iter().find(|problem| (problem.reason, problem.field.as_str()) == (reason, field));
        let found = found.unwrap_or_else(|| panic!("{change}: {:#?}", all.problems));
        assert!(found.message.contains(part), "{change}: {}", found.message);
        assert!(found.message.contains(field) || field.starts_with("spec.verification"), "{change}: {}", found.message);
        assert!(found.is_lasting, "{change}");
        assert!(is_closed(&all), "{change}");
        assert!(!all.facts.is_open, "{change}");
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let all = compiled(json!({
        "events": ["*a"], "sourceRanges": ["x"], "limits": {"maxBodySize": "0"}, "target": {"stream": "ORDERS"},
        "secretRefs": [{"name": "gone"}],
    }));
    let told: BTreeSet<_> = all.problems.iter().map(|problem| problem.field.as_str()).collect();
    for field in [
        "spec.events[0]",
        "spec.sourceRanges[0]",
        "spec.limits.maxBodySize",
        "spec.target.stream",
        "spec.secretRefs[0]",
    ] {
        assert!(told.contains(field), "{field}: {told:?}");
    }
}

#[test]
fn a_name_that_is_no_subject_token_is_refused() {
    let endpoint = EndpointRef { namespace: "shop".into(), name: "a.b".into() };
    let spec = spec(json!({}));
    let source = Source { endpoint: &endpoint, uid: "u", spec: &spec };
    let (around, settings) = (Around::new(&[("secret", "x")]), settings(|_| {}));
    let all = compile(source, Claim::Owned("/shop/a.b"), &&around, &settings, &handles());
    assert_eq!(all.problems[0].field, "metadata.name");
    assert!(is_closed(&all));
}

#[test]
fn headers_that_carry_the_schemes_token_are_never_forwarded() {
    let token = |names: Value| {
        json!({
            "verification": {"hmac": null, "token": {"from": ["header:X-Token"]}},
            "target": {"forwardHeaders": names},
        })
    };
    let refused = compiled(token(json!(["x-token"])));
    assert_eq!(refused.problems[0].field, "spec.target.forwardHeaders[0]");
    let allowed = compiled(token(json!(["X-Other"])));
    let headers = &serving_of(&allowed).message.spec.headers;
    assert!(headers.iter().any(|name| name == "x-other"));
    assert!(!headers.iter().any(|name| name == "x-token"));
}

#[test]
fn deliveries_are_told_apart_as_the_endpoint_says() {
    let id = json!({"verification": {"event": {"id": "{json:/id}"}}});
    for (change, dedup, expected) in [
        (json!({}), json!(null), Identity::None),
        (json!({"verification": {"event": {"uniqueBodies": true}}}), json!(null), Identity::Content),
        (id.clone(), json!(null), Identity::Delivery),
        (id.clone(), json!({"key": "delivery"}), Identity::Delivery),
        (id.clone(), json!({"key": "content"}), Identity::Content),
        (id.clone(), json!({"key": "none"}), Identity::None),
        (json!({}), json!({"key": "header", "header": "X-Id"}), Identity::Header("x-id".parse().unwrap())),
    ] {
        let mut change = change;
        merge(&mut change, json!({"deduplication": dedup}));
        assert_eq!(serving_of(&compiled(change.clone())).message.spec.identity, expected, "{change}");
    }
}

#[test]
fn unverified_endpoints_need_the_operators_leave_and_say_so() {
    let spec = spec(json!({"verification": {"hmac": null, "none": {}}, "secretRefs": []}));
    let all = compiled_with(&spec, &Around::new(&[]), &settings(|policy| policy.allow_unverified = true));
    assert_eq!(all.problems, []);
    assert_eq!(all.facts.scheme.as_deref(), Some("none"));
    assert!(all.facts.accepted.contains("not verified"));
    serving_of(&all);
}

#[test]
fn a_token_in_the_path_must_be_allowed_too() {
    let change = json!({
        "verification": {"hmac": null, "token": {"from": ["pathToken"]}},
        "path": "/hooks/orders",
    });
    let narrow = settings(|policy| policy.allow_path = vec!["/hooks/*".to_owned()]);
    let wide = settings(|policy| policy.allow_path = vec!["/hooks/**".to_owned()]);
    let around = Around::new(&[("secret", CANARY)]);
    let refused = compiled_with(&spec(change.clone()), &around, &narrow);
    assert_eq!(refused.problems[0].reason, Reason::PathNotAllowed);
    let taken = compiled_with(&spec(change), &around, &wide);
    assert!(taken.route.as_ref().unwrap().owns_path_token);
    assert_eq!(taken.facts.url.as_deref(), Some("https://hooks.example.com/hooks/orders/<token>"));
    serving_of(&taken);
}

#[test]
fn a_suspended_endpoint_is_suspended_whatever_else_holds() {
    for change in [json!({"suspend": true}), json!({"suspend": true, "events": ["*x"]})] {
        let all = compiled(change);
        assert!(matches!(all.route.unwrap().state, State::Suspended));
    }
}

#[test]
fn a_taken_path_names_the_owner_within_the_namespace_alone() {
    let endpoint = EndpointRef { namespace: "shop".into(), name: "orders".into() };
    let spec = spec(json!({}));
    let source = Source { endpoint: &endpoint, uid: "u", spec: &spec };
    let (around, settings) = (Around::new(&[("secret", "x")]), settings(|_| {}));
    for (namespace, is_named) in [("shop", true), ("other", false)] {
        let by = EndpointRef { namespace: namespace.into(), name: "elder".into() };
        let claim = Claim::Taken { path: "/shop/orders", by: &by };
        let all = compile(source, claim, &&around, &settings, &handles());
        assert!(all.route.is_none());
        assert_eq!(all.problems[0].reason, Reason::PathConflict);
        assert!(!all.problems[0].is_lasting, "it heals when the other one goes");
        let told = &all.problems[0].message;
        assert_eq!((told.contains("elder"), told.contains("other/")), (is_named, false), "{told}");
        assert_eq!((all.facts.path, all.facts.url), (None, None));
    }
}

#[test]
fn a_closed_route_answers_every_method_until_its_scheme_is_known() {
    let all = compiled(json!({"provider": "githbu", "verification": null}));
    let route = all.route.unwrap();
    assert!(route.methods.contains(&Method::GET) && route.methods.contains(&Method::POST));
    assert!(route.owns_path_token);
    let known = compiled(json!({"events": ["*x"]}));
    assert_eq!(known.route.unwrap().methods, [Method::POST]);
}

#[test]
fn the_smallest_of_three_limits_on_a_body_holds() {
    const ROOM: u64 = 20 * 1024;
    for (limit, payload, message, expected) in [
        ("64Ki", Some(1 << 20), None, 1 << 16),
        ("8Mi", Some(1 << 20), None, (1 << 20) - ROOM),
        ("8Mi", Some(1 << 23), Some(1 << 21), (1 << 21) - ROOM),
        ("8Mi", Some(1 << 20), Some(1 << 21), (1 << 20) - ROOM),
        ("8Mi", None, None, 1 << 23),
        ("8Mi", Some(1024), None, 0),
    ] {
        let around = Around {
            max_payload: payload,
            stream: stream(|facts| facts.max_message_bytes = message),
            ..Around::new(&[("secret", CANARY)])
        };
        let all = compiled_with(&spec(json!({"limits": {"maxBodySize": limit}})), &around, &settings(|_| {}));
        assert_eq!(serving_of(&all).body_bytes_max, expected, "{limit} {payload:?} {message:?}");
        assert_eq!(all.facts.knows_nats_limit, payload.is_some() || message.is_some());
    }
}

#[test]
fn with_an_object_store_the_endpoints_own_limit_holds() {
    let more = json!({"limits": {"maxBodySize": "8Mi"}, "target": {"largeBodies": "objectStore"}});
    let all = compiled(more);
    let serving = serving_of(&all);
    assert_eq!((serving.body_bytes_max, serving.limits.nats), (1 << 23, None));
    let large = serving.message.large_bodies.as_ref().unwrap();
    assert_eq!((&*large.bucket, large.above), ("WEBHOOKS-bodies", (1 << 20) - 20 * 1024));
    let bucket = ("OBJ_WEBHOOKS-bodies".to_owned(), "$O.WEBHOOKS-bodies.C.>".to_owned());
    assert_eq!(all.facts.targets()[1..], [bucket]);
    assert_eq!(serving_of(&compiled(json!({}))).message.large_bodies, None);
}

#[test]
fn a_stream_closes_only_while_unchecked_or_unsafe() {
    for (stream, is_open) in [
        (stream(|_| {}), true),
        (Stream::Missing, true),
        (stream(|facts| facts.subjects.clear()), true),
        (stream(|facts| facts.no_ack = true), false),
        (Stream::Unread, false),
        (Stream::Unreadable("no right".to_owned()), false),
    ] {
        let around = Around { stream, ..Around::new(&[("secret", CANARY)]) };
        let all = compiled_with(&spec(json!({})), &around, &settings(|_| {}));
        assert_eq!(!is_closed(&all), is_open, "{:?}", around.stream);
    }
}

fn reasons(all: &Compiled) -> Vec<Reason> {
    all.problems.iter().map(|problem| problem.reason).collect()
}

fn with_refs(refs: Value, around: &Around) -> Compiled {
    let mut spec = spec(json!({}));
    spec.secret_refs = serde_json::from_value(refs).unwrap();
    compiled_with(&spec, around, &settings(|_| {}))
}

#[test]
fn keys_that_do_not_resolve_close_the_route_and_say_why() {
    let hook = || Around::new(&[("secret", CANARY), ("blank", " \n"), ("empty", "")]);
    for (refs, reason, part) in [
        (json!([{"name": "gone"}]), Reason::SecretNotFound, "Secret shop/gone not found (spec.secretRefs[0])"),
        (
            json!([{"name": "hook", "key": "no"}]),
            Reason::SecretKeyNotFound,
            "has no key \"no\", it has secret, blank and empty",
        ),
        (json!([{"name": "hook", "key": "blank"}]), Reason::InvalidSecret, "is blank"),
        (json!([{"name": "hook", "key": "empty"}]), Reason::InvalidSecret, "is empty"),
        (json!([]), Reason::SecretKeyNotFound, "names no key for use \"signing\""),
    ] {
        let all = with_refs(refs.clone(), &hook());
        assert_eq!(reasons(&all), [reason], "{refs}");
        assert!(all.problems[0].message.contains(part), "{}", all.problems[0].message);
        assert!(is_closed(&all), "{refs}");
        assert_eq!(all.facts.secrets, [], "{refs}");
        assert_eq!(all.problems[0].is_lasting, refs == json!([]), "{refs}");
    }
}

#[test]
fn a_key_of_the_wrong_form_is_told_without_its_value() {
    let change = json!({"verification": {"keys": {"signing": {"encoding": "base64", "description": "d"}}}});
    let all = compiled(change);
    assert_eq!(reasons(&all), [Reason::InvalidSecret]);
    assert!(all.problems[0].message.starts_with("key \"secret\" of Secret shop/hook: "));
    assert!(is_closed(&all));
    assert!(!format!("{all:?}").contains(CANARY));
}

#[test]
fn one_key_of_several_may_be_missing() {
    let refs = json!([{"name": "hook"}, {"name": "gone"}, {"name": "hook", "key": "no"}]);
    let all = with_refs(refs, &Around::new(&[("secret", CANARY)]));
    assert_eq!(reasons(&all), [Reason::DegradedRefs, Reason::DegradedRefs]);
    assert!(all.problems[0].message.contains("the other keys of its use serve"));
    assert_eq!(serving_of(&all).keys.len(), 3);
    assert_eq!(all.facts.secrets.len(), 1);
    let none = with_refs(json!([{"name": "gone"}, {"name": "hook", "key": "no"}]), &Around::new(&[("secret", CANARY)]));
    assert_eq!(reasons(&none), [Reason::SecretNotFound, Reason::SecretKeyNotFound]);
    assert!(is_closed(&none));
}

#[test]
fn a_secret_that_was_not_read_yet_is_not_called_missing() {
    let around = Around { is_read: false, ..Around::new(&[]) };
    let all = with_refs(json!([{"name": "hook"}]), &around);
    assert_eq!(reasons(&all), [Reason::Pending]);
    assert_eq!(all.problems[0].condition, ConditionType::ResolvedRefs);
    assert!(is_closed(&all));
    let mut around = Around::new(&[("secret", CANARY)]);
    around.secret.as_mut().unwrap().key_names.push("new".to_owned());
    assert_eq!(reasons(&with_refs(json!([{"name": "hook", "key": "new"}]), &around)), [Reason::Pending]);
}

#[test]
fn a_key_in_its_grace_serves_on_and_is_told() {
    for secret in [None, Around::new(&[("other", "x")]).secret] {
        let mut around = Around { secret, ..Around::new(&[]) };
        around.kept.insert("secret".to_owned(), (Secret::from(CANARY), "6".to_owned()));
        let all = with_refs(json!([{"name": "hook"}]), &around);
        assert_eq!(reasons(&all), [Reason::DegradedRefs]);
        assert!(all.problems[0].message.contains("until the grace ends"));
        assert_eq!(all.facts.secrets[0].resource_version, "6");
        serving_of(&all);
    }
}

#[test]
fn one_newline_at_the_end_is_ignored_and_told() {
    for value in ["hunter2-canary\n", "hunter2-canary\r\n"] {
        let all = with_refs(json!([{"name": "hook"}]), &Around::new(&[("secret", value)]));
        assert_eq!(all.problems, []);
        assert!(all.facts.resolved.contains("one newline at the end of key \"secret\""), "{}", all.facts.resolved);
    }
    let all = with_refs(json!([{"name": "hook"}]), &Around::new(&[("secret", CANARY)]));
    assert!(!all.facts.resolved.contains("newline"));
}

#[test]
fn without_a_scheme_secrets_are_still_looked_for() {
    let all = compiled(json!({"provider": "githbu", "verification": null, "secretRefs": [{"name": "gone"}]}));
    assert_eq!(reasons(&all), [Reason::UnknownProvider, Reason::SecretNotFound]);
}

#[test]
fn nothing_that_prints_holds_a_key() {
    let all = compiled(json!({}));
    let printed = format!("{all:?}");
    assert!(!printed.contains(CANARY) && !printed.contains("hunter2"));
}

#[test]
fn the_rate_limiter_outlives_a_recompile() {
    let spec = spec(json!({"limits": {"rate": {"requestsPerSecond": 5}}}));
    let (around, settings) = (Around::new(&[("secret", CANARY)]), settings(|_| {}));
    let first = compiled_with(&spec, &around, &settings);
    let endpoint = EndpointRef { namespace: "shop".into(), name: "orders".into() };
    let source = Source { endpoint: &endpoint, uid: "uid-1", spec: &spec };
    let handles = Handles { rate: first.rate.clone(), ..handles() };
    let second = compile(source, Claim::Owned("/shop/orders"), &&around, &settings, &handles);
    let limiter = |all: &Compiled| Arc::clone(serving_of(all).rate.as_ref().unwrap());
    assert!(Arc::ptr_eq(&limiter(&first), &limiter(&second)));
}

#[test]
fn no_spec_makes_the_compile_panic_or_leave_what_is_allowed() {
    let words = [
        "",
        "a",
        "custom",
        "github",
        "/",
        "/shop/x",
        "/shop/../x",
        "webhooks.shop.{event}",
        "{event}",
        "{",
        "}",
        "$JS.API.x",
        "*",
        ">",
        ".",
        "..",
        "é",
        "\0",
        "\r\nNats-Rollup: all",
        "Authorization",
        "X-Ok",
        "1Mi",
        "-1",
        "99999999999Ei",
        "10.0.0.0/8",
        "::/0",
        "5m",
        "WEBHOOKS",
        "hook",
        "secret",
        "signing",
        "{json:/a}",
        "{{{{",
        "[[",
        "header:X",
        "~[a-z]{1,9999}",
    ];
    let mut random = fastrand::Rng::with_seed(11);
    let (around, settings) = (Around::new(&[("secret", CANARY)]), settings(|_| {}));
    let mut open = 0;
    for _ in 0..3_000 {
        let mut word = || words[random.usize(0..words.len())];
        let mut change = json!({});
        for field in ["provider", "path", "timestampTolerance"] {
            change[field] = json!(word());
        }
        let values = json!({
            "verification": {"hmac": {"hash": "sha256", "from": [word()], "signed": word()}, "event": {"type": word(), "id": word()}},
            "secretRefs": [{"name": word(), "key": word()}],
            "parameters": {word(): word()},
            "target": {"stream": word(), "subject": word(), "forwardHeaders": [word(), word()]},
            "events": [word()],
            "deduplication": {"key": "header", "header": word()},
            "limits": {"maxBodySize": word(), "rate": {"requestsPerSecond": 1, "burst": 1}},
            "sourceRanges": [word()],
        });
        for (field, value) in values.as_object().unwrap() {
            if random.u8(..) < 40 {
                change[field] = value.clone();
            }
        }
        for field in ["provider", "path", "timestampTolerance"] {
            if random.u8(..) < 200 {
                change.as_object_mut().unwrap().remove(field);
            }
        }
        let all = compiled_with(&spec(change), &around, &settings);
        if let Some(Route { state: State::Open(serving), path, .. }) = &all.route {
            open += 1;
            assert!(path.starts_with("/shop/"));
            assert!(serving.message.spec.subject.filter().starts_with("webhooks.shop."));
            assert_eq!(&*serving.message.spec.stream, "WEBHOOKS");
            assert!(
                serving
                    .message
                    .spec
                    .headers
                    .iter()
                    .all(|name| name != "authorization" && !name.as_str().starts_with("nats-"))
            );
        }
    }
    assert!(open > 100, "only {open} of them were sound");
}
