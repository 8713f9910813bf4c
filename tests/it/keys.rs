//! Keys by URL: fetched, kept, rotated, and only from where they may come.

use std::time::Duration;

use jethook::fetch::{Limits, Settings};
use jethook::outcome::Outcome;
use jethook::route::KeyHosts;
use serde_json::{Value, json};

use crate::support::eventually::eventually;
use crate::support::http::{Answer, Request};
use crate::support::keys::{KeyServer, Signer, set};
use crate::support::receiver::{Bench, config};
use crate::support::stage::Stage;

fn settings(server: &KeyServer, hosts: &[&str]) -> Settings {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    Settings {
        hosts: KeyHosts::parse(&hosts).unwrap(),
        ca_file: Some(server.ca_file().to_owned()),
        https_proxy: None,
        no_proxy: None,
        limits: Limits { cooldown: Duration::from_millis(200), ..Limits::default() },
    }
}

fn bench(settings: &Settings, url: &str) -> Bench {
    let bench = Bench::try_start_with(&config(&[]), settings).unwrap();
    bench.serve(vec![bench.route("hook", &verification(url))]);
    bench
}

fn verification(url: &str) -> Value {
    json!({
        "keys": {"signing": {"fetch": {"format": "jwks", "url": url}}},
        "jwt": {"from": ["bearer"], "algorithms": ["EdDSA"]},
        // Such a binding is what a key asks for that all customers of a platform share.
        "parameters": {"audience": {"default": "shop"}},
        "require": {"claim:/aud": ["{param:audience}"]},
        "event": {"id": "{claim:/jti}"},
    })
}

fn deliver(bench: &Bench, signer: &Signer) -> Answer {
    let token =
        signer.token(&json!({"aud": "shop", "jti": uuid::Uuid::new_v4().to_string(), "exp": 9_999_999_999_u64}));
    bench.send(&Request::post("/shop/hook", "{}").header("Authorization", &format!("Bearer {token}")))
}

fn until(mut check: impl FnMut() -> bool) {
    eventually(
        Duration::from_secs(5),
        "the answer",
        || if check() { Ok(()) } else { Err("another answer".to_owned()) },
    );
}

const LOCAL: &str = "localhost=127.0.0.0/8";

#[test]
fn keys_are_fetched_once_and_a_rotation_is_live_without_a_401() {
    let server = KeyServer::start(&["localhost"]);
    let (old, new) = (Signer::new(Some("old")), Signer::new(Some("new")));
    server.show("/keys", 200, set(&[&old]));
    let bench = bench(&settings(&server, &[LOCAL, "localhost=::1/128"]), &server.url("/keys"));
    for _ in 0..3 {
        assert_eq!(deliver(&bench, &old).status, 200);
    }
    assert_eq!(deliver(&bench, &Signer::new(Some("old"))).status, 401, "another key of that name");
    assert_eq!(server.asked("/keys"), 1);

    server.show("/keys", 200, set(&[&new]));
    let mut statuses = Vec::new();
    until(|| {
        statuses.push(deliver(&bench, &new).status);
        statuses.last() == Some(&200)
    });
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    assert_eq!(server.asked("/keys"), 2);

    // A key that the newest set does not have is refused, once that set is newer than the delivery.
    let mut statuses = Vec::new();
    until(|| {
        statuses.push(deliver(&bench, &old).status);
        statuses.last() == Some(&401)
    });
    assert!(statuses.iter().all(|status| [401, 503].contains(status)), "{statuses:?}");
    assert_eq!(bench.store.events().len(), 4);
}

#[test]
fn keys_without_names_are_fetched_again_when_none_matches() {
    let server = KeyServer::start(&["localhost"]);
    let (old, new) = (Signer::new(None), Signer::new(None));
    server.show("/keys", 200, set(&[&old]));
    let bench = bench(&settings(&server, &[LOCAL, "localhost=::1/128"]), &server.url("/keys"));
    assert_eq!(deliver(&bench, &old).status, 200);
    server.show("/keys", 200, set(&[&new]));
    let mut statuses = Vec::new();
    until(|| {
        statuses.push(deliver(&bench, &new).status);
        statuses.last() == Some(&200)
    });
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    until(|| deliver(&bench, &old).status == 401);
}

#[test]
fn keys_that_do_not_come_are_503_and_never_401() {
    let server = KeyServer::start(&["localhost"]);
    let signer = Signer::new(Some("a"));
    server.show("/broken", 500, set(&[&signer]));
    server.show("/moved", 302, set(&[&signer]));
    server.show("/keys", 200, set(&[&signer]));
    server.show("/empty", 200, r#"{"keys":[]}"#);
    server.show("/page", 200, "<html>");
    server.show("/large", 200, format!("{}{}", " ".repeat(300 * 1024), set(&[&signer])));
    let hosts = [LOCAL, "localhost=::1/128"];
    for target in ["/broken", "/moved", "/empty", "/page", "/large", "/absent"] {
        let bench = bench(&settings(&server, &hosts), &server.url(target));
        let answer = deliver(&bench, &signer);
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{target}");
        assert_eq!(bench.counted("hook", Outcome::Unavailable), 1, "{target}");
    }
    assert_eq!(server.asked("/keys"), 0, "a redirect is not followed");
    let strangers = KeyServer::start(&["localhost"]);
    let untrusting = Settings { ca_file: Some(strangers.ca_file().to_owned()), ..settings(&server, &hosts) };
    assert_eq!(deliver(&bench(&untrusting, &server.url("/keys")), &signer).status, 503);
    assert_eq!(server.asked("/keys"), 0, "another authority signed the certificate");
    // Nothing is asked for a token that could not verify anyway.
    let bench = bench(&settings(&server, &hosts), &server.url("/keys"));
    let answer = bench.send(&Request::post("/shop/hook", "{}").header("Authorization", "Bearer a.b.c"));
    assert_eq!((answer.status, server.asked("/keys")), (401, 0));
}

#[test]
fn keys_come_from_allowed_hosts_and_public_addresses_only() {
    let server = KeyServer::start(&["localhost"]);
    let signer = Signer::new(Some("a"));
    server.show("/keys", 200, set(&[&signer]));
    for hosts in [&[][..], &["example.com"], &["localhost"], &["localhost=10.0.0.0/8"]] {
        let bench = bench(&settings(&server, hosts), &server.url("/keys"));
        assert_eq!(deliver(&bench, &signer).status, 503, "{hosts:?}");
    }
    assert_eq!(server.asked("/keys"), 0);
}

#[test]
fn a_proxy_of_the_environment_is_used() {
    let server = KeyServer::start(&["keys.example.com"]);
    let signer = Signer::new(Some("a"));
    server.show("/keys", 200, set(&[&signer]));
    let with = |no_proxy: Option<&str>| Settings {
        https_proxy: Some(server.proxy()),
        no_proxy: no_proxy.map(str::to_owned),
        ..settings(&server, &["keys.example.com"])
    };
    let url = "https://keys.example.com/keys";
    assert_eq!(deliver(&bench(&with(None), url), &signer).status, 200);
    assert_eq!(deliver(&bench(&with(Some("example.com")), url), &signer).status, 503, "there is no such host here");
    assert_eq!(server.asked("/keys"), 1);
}

#[test]
fn a_subscription_is_confirmed_by_a_visit_where_the_endpoint_asks_for_it() {
    let host = "sns.eu-central-1.amazonaws.com";
    let server = KeyServer::start(&[host]);
    let vector: Value =
        serde_json::from_str(include_str!("../vectors/aws-sns/sdk-confirmation-answered.json")).unwrap();
    let visit = vector["expect"]["visit"].as_str().unwrap();
    let target = |url: &str| url.strip_prefix(&format!("https://{host}")).unwrap().to_owned();
    for (url, certificate) in vector["fetched"].as_object().unwrap() {
        server.show(&target(url), 200, certificate.as_str().unwrap());
    }
    let entry = jethook::catalogue::find("aws-sns").unwrap();
    let mut verification = serde_json::to_value(&entry.verification).unwrap();
    for (name, value) in vector["parameters"].as_object().unwrap() {
        verification["parameters"][name]["default"] = value.clone();
    }
    let settings = Settings { https_proxy: Some(server.proxy()), ..settings(&server, &[]) };
    let bench = Bench::try_start_with(&config(&[]), &settings).unwrap();
    let mut route = bench.route("hook", &verification);
    route.provider = "aws-sns".into();
    bench.serve(vec![route]);
    let confirmation = Request::post("/shop/hook", vector["request"]["body"].as_str().unwrap());
    assert_eq!(bench.send(&confirmation).status, 503, "the visit is not answered yet");
    server.show(&target(visit), 200, "<ConfirmSubscriptionResponse/>");
    assert_eq!(bench.send(&confirmation).status, 200);
    assert_eq!((server.asked(&target(visit)), bench.store.events().len()), (2, 0));
    let forged = vector["request"]["body"].as_str().unwrap().replace("Token=2336", "Token=2337");
    assert_eq!(bench.send(&Request::post("/shop/hook", forged)).status, 401);
    assert_eq!(server.asked(&target(visit)), 2);

    // A description of a namespace's own visits no host that the operator does not allow.
    let mut route = bench.route("own", &verification);
    route.provider = "custom".into();
    bench.serve(vec![route]);
    assert_eq!(bench.send(&Request::post("/shop/own", vector["request"]["body"].as_str().unwrap())).status, 503);
    assert_eq!(server.asked(&target(visit)), 2);
}

#[test]
fn a_namespace_names_hosts_for_keys_that_the_operator_allows() {
    let server = KeyServer::start(&["localhost"]);
    let signer = Signer::new(Some("a"));
    server.show("/keys", 200, set(&[&signer]));
    let stage = Stage::of_files();
    let spec = json!({"provider": "custom", "verification": verification(&server.url("/keys"))});
    let token = signer.token(&json!({"aud": "shop", "jti": "1", "exp": 9_999_999_999_u64}));
    let delivery =
        |name: &str| Request::post(&stage.path(name), "{}").header("Authorization", &format!("Bearer {token}"));
    let operator = stage.operator(&[]);
    stage.endpoint("hook", spec.clone());
    let message = stage.expect("hook", "Accepted", "False", "Invalid");
    assert!(message.contains("localhost") && message.contains("--allow-key-host"), "{message}");
    assert_eq!((operator.send(&delivery("hook")).status, server.asked("/keys")), (503, 0));
    drop(operator);
    let ca = server.ca_file().to_str().unwrap();
    let flags =
        ["--allow-key-host", "localhost=127.0.0.0/8", "--allow-key-host", "localhost=::1/128", "--key-ca-file", ca];
    let operator = stage.operator(&flags);
    stage.ready("hook");
    assert_eq!(operator.send(&delivery("hook")).status, 200);
    assert_eq!(stage.one_stored().header("ce-id"), "1");
}

#[test]
fn a_wrong_ca_file_is_told_by_its_flag() {
    let settings = Settings { ca_file: Some("/nowhere/ca.pem".into()), ..Settings::default() };
    let error = jethook::fetch::Fetcher::start(&settings).unwrap_err();
    assert!(error.starts_with("--key-ca-file /nowhere/ca.pem: "), "{error}");
}
