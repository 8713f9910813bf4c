//! Providers that a cluster defines: `ClusterWebhookProvider`.

use std::fs;

use serde_json::{Value, json};

use crate::support::apiserver::{spare, unique};
use crate::support::eventually::{SOON, eventually};
use crate::support::http::Request;
use crate::support::nats::nats;
use crate::support::operator::jethook;
use crate::support::stage::{KEY, Stage, endpoint};

const BODY: &str = r#"{"type":"order.paid","id":"o-1"}"#;
/// A stage has namespaces of its own, where they are not read by default.
const READ: &str = "--cluster-providers=true";

/// A provider that repeats a secret in a header.
fn provider(name: &str, header: &str) -> Value {
    json!({
        "apiVersion": "jethook.dev/v1alpha1",
        "kind": "ClusterWebhookProvider",
        "metadata": {"name": name},
        "spec": {"name": "Acme", "verification": {
            "token": {"from": [format!("header:{header}")]},
            "event": {"type": "{json:/type}", "id": "{json:/id}"},
        }},
    })
}

fn delivery(stage: &Stage, header: &str, token: &str) -> Request {
    Request::post(&stage.path("acme"), BODY).header("Content-Type", "application/json").header(header, token)
}

/// An endpoint `acme` of a provider, with its Secret.
fn uses(stage: &Stage, provider: &str) {
    stage.secret("acme", &[("secret", KEY)]);
    stage.endpoint("acme", json!({"provider": provider, "secretRefs": [{"name": "acme"}]}));
}

/// What must hold wherever the provider comes from.
fn is_followed(stage: &Stage) {
    let name = format!("{}.example.com", unique("acme"));
    let operator = stage.operator(&[READ]);
    uses(stage, &name);
    let message = stage.expect("acme", "Accepted", "False", "UnknownProvider");
    assert!(message.contains(&name) && message.contains("ClusterWebhookProvider"), "{message}");
    assert!(stage.condition("acme", "Stalled").is_none(), "a provider that comes would mend it");
    assert_eq!(operator.send(&delivery(stage, "X-Acme-Token", KEY)).status, 503);

    stage.put(provider(&name, "X-Acme-Token"));
    stage.ready("acme");
    assert_eq!(operator.send(&delivery(stage, "X-Acme-Token", KEY)).status, 200);
    assert_eq!(operator.send(&delivery(stage, "X-Acme-Token", "another")).status, 401);
    assert_eq!(operator.send(&delivery(stage, "X-Other-Token", KEY)).status, 401);
    let stored = stage.one_stored();
    assert_eq!(stored.header("ce-provider"), name);
    assert_eq!(stored.subject, format!("{}.{}.acme.order.paid", stage.prefix, stage.namespace));
    let reversed = name.split('.').rev().collect::<Vec<_>>().join(".");
    assert_eq!(stored.header("ce-type"), format!("{reversed}.order.paid"));

    stage.put(provider(&name, "X-Other-Token"));
    operator.send_until(200, "the change is live", &delivery(stage, "X-Other-Token", KEY));
    assert_eq!(operator.send(&delivery(stage, "X-Acme-Token", KEY)).status, 401, "the header before is none any more");

    let mut bad = provider(&name, "X-Other-Token");
    bad["spec"]["verification"]["event"]["type"] = json!("{nonsense}");
    stage.put(bad);
    let message = stage.expect("acme", "Accepted", "False", "Invalid");
    assert!(message.contains(&name) && message.contains("spec.verification.event.type"), "{message}");
    assert!(stage.condition("acme", "Stalled").is_none(), "a change of the provider would mend it");
    assert_eq!(operator.send(&delivery(stage, "X-Other-Token", KEY)).status, 503, "its routes are closed");

    stage.put(provider(&name, "X-Other-Token"));
    stage.ready("acme");
    stage.delete("ClusterWebhookProvider", &name);
    stage.expect("acme", "Accepted", "False", "UnknownProvider");
    assert_eq!(operator.send(&delivery(stage, "X-Other-Token", KEY)).status, 503);
}

#[test]
fn one_is_served_followed_and_told_on_the_endpoints_that_use_it() {
    is_followed(&Stage::new());
}

#[test]
fn in_files_it_is_the_same() {
    is_followed(&Stage::of_files());
}

#[test]
fn a_built_in_one_as_it_is_printed_is_one_under_another_name() {
    let output = jethook().args(["providers", "github", "-o", "yaml"]).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let stage = Stage::new();
    let name = format!("{}.example.com", unique("github"));
    let file = stage.folder.join("provider.yaml");
    fs::write(&file, &printed).unwrap();
    let ran = jethook().arg("validate").arg(&file).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
    let mut object: Value = serde_saphyr::from_str(&printed).unwrap();
    assert_eq!(object["metadata"]["name"], "github.example.com");
    object["metadata"]["name"] = json!(name);
    stage.put(object);

    let operator = stage.operator(&[READ]);
    stage.github("github", json!({"provider": name}));
    stage.ready("github");
    let push = stage.push("github", "1");
    assert_eq!(operator.send(&push).status, 200);
    let mut forged = stage.push("github", "2");
    forged.body.push(b' ');
    assert_eq!(operator.send(&forged).status, 401);
    assert_eq!(stage.one_stored().header("ce-provider"), name);
}

#[test]
fn one_that_does_not_parse_closes_its_endpoints_and_no_others() {
    let stage = Stage::of_files();
    let operator = stage.operator(&[READ]);
    stage.github("github", json!({}));
    uses(&stage, "acme.example.com");
    let mut bad = provider("acme.example.com", "X-Acme-Token");
    bad["spec"]["verification"]["token"]["form"] = json!("x");
    stage.put(bad);
    let message = stage.expect("acme", "Accepted", "False", "Invalid");
    assert!(message.contains("acme.example.com") && message.contains("spec.verification.token.form"), "{message}");
    assert_eq!(operator.send(&delivery(&stage, "X-Acme-Token", KEY)).status, 503);
    stage.ready("github");
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
}

#[test]
fn no_verification_needs_an_admins_word_there_too() {
    let stage = Stage::of_files();
    let _operator = stage.operator(&[READ]);
    let mut open = provider("open.example.com", "X");
    open["spec"]["verification"] = json!({"none": {}});
    stage.put(open);
    stage.endpoint("acme", json!({"provider": "open.example.com"}));
    let message = stage.expect("acme", "Accepted", "False", "Invalid");
    assert!(message.contains("open.example.com") && message.contains("--allow-unverified"), "{message}");
}

#[test]
fn keys_are_fetched_from_allowed_hosts_only_whatever_it_pins() {
    let stage = Stage::of_files();
    let mut fetching = provider("keys.example.com", "X");
    fetching["spec"]["verification"] = json!({
        "keys": {"signing": {"fetch": {"url": "https://keys.example.com/jwks.json", "format": "jwks"}}},
        "jwt": {"from": ["bearer"], "algorithms": ["RS256"], "requireExpiry": true},
        "parameters": {"audience": {"description": "The token's audience.", "required": true}},
        "require": {"claim:/aud": ["{param:audience}"]},
    });
    stage.put(fetching);
    stage.endpoint("acme", json!({"provider": "keys.example.com", "parameters": {"audience": "acme"}}));
    let operator = stage.operator(&[READ]);
    let message = stage.expect("acme", "Accepted", "False", "Invalid");
    assert!(message.contains("--allow-key-host keys.example.com"), "{message}");
    drop(operator);
    let _operator = stage.operator(&[READ, "--allow-key-host", "keys.example.com"]);
    stage.expect("acme", "Accepted", "True", "Accepted");
}

#[test]
fn the_flag_decides_whether_they_are_read() {
    let stage = Stage::new();
    let name = format!("{}.example.com", unique("acme"));
    stage.put(provider(&name, "X-Acme-Token"));
    uses(&stage, &name);
    for flags in [&[][..], &["--cluster-providers=false"]] {
        let mut operator = stage.operator(flags);
        let message = stage.expect("acme", "Accepted", "False", "UnknownProvider");
        assert!(message.contains("--cluster-providers"), "{message}");
        assert_eq!(operator.send(&delivery(&stage, "X-Acme-Token", KEY)).status, 503);
        assert_eq!(operator.stop(), Some(0));
    }
    let operator = stage.operator(&[READ]);
    assert_eq!(operator.send(&delivery(&stage, "X-Acme-Token", KEY)).status, 200, "read before it is ready");
    stage.ready("acme");
}

#[test]
fn a_cluster_without_the_definition_is_served_and_may_get_it_later() {
    let (server, _turn) = spare();
    let stage = Stage::in_cluster(server, &nats().url());
    let crd = "clusterwebhookproviders.jethook.dev";
    stage.kubectl(&["delete", "crd", crd], "").ok();
    let operator = stage.operator(&[READ]);
    stage.github("github", json!({}));
    stage.ready("github");
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
    operator.told("install the CRDs");
    stage.kubectl(&["apply", "--server-side", "-f", "-"], &jethook::api::provider_crd_yaml()).ok();
    stage.kubectl(&["wait", "--for=condition=Established", "--timeout=20s", &format!("crd/{crd}")], "").ok();
    stage.put(provider("late.example.com", "X-Acme-Token"));
    uses(&stage, "late.example.com");
    eventually(SOON * 2, "the definition is found", || {
        let answer = operator.send(&delivery(&stage, "X-Acme-Token", KEY));
        if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
    });
}

#[test]
fn validate_judges_them_and_the_endpoints_that_use_them() {
    let folder = Stage::of_files().folder;
    let validate = |objects: &[Value]| {
        let path = folder.join("all.json");
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        fs::write(&path, list.to_string()).unwrap();
        let output = jethook().arg("validate").arg(path).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let mut user = endpoint("acme", json!({"provider": "acme.example.com", "secretRefs": [{"name": "acme"}]}));
    user["metadata"]["namespace"] = json!("shop");
    let sound = provider("acme.example.com", "X-Acme-Token");
    let (code, out) = validate(&[sound.clone(), user.clone()]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("1 provider"), "{out}");

    let (code, out) = validate(&[user.clone()]);
    assert_eq!(code, Some(0), "one that is elsewhere is a note: {out}");
    assert!(out.contains("note: WebhookEndpoint shop/acme: spec.provider"), "{out}");

    let mut bad = sound.clone();
    bad["spec"]["verification"]["event"]["type"] = json!("{nonsense}");
    let (code, out) = validate(&[bad, user.clone()]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("ClusterWebhookProvider acme.example.com: spec.verification.event.type"), "{out}");
    assert!(out.contains("error: WebhookEndpoint shop/acme: spec.provider"), "{out}");

    let mut dotless = sound;
    dotless["metadata"]["name"] = json!("acme");
    let (code, out) = validate(&[dotless]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("must hold a dot"), "{out}");
}
