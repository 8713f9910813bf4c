//! What kubectl shows, says and refuses.

use serde_json::json;

use crate::support::stage::Stage;

fn manifest(name: &str, spec: &str) -> String {
    format!("apiVersion: jethook.dev/v1alpha1\nkind: WebhookEndpoint\nmetadata: {{name: {name}}}\nspec: {spec}\n")
}

#[test]
fn kubectl_apply_refuses_a_broken_spec_with_the_fields_path() {
    let stage = Stage::new();
    for (spec, path) in [
        ("{}", "spec.provider"),
        ("{provider: Git Hub}", "spec.provider"),
        ("{provider: custom}", "spec.verification"),
        ("{provider: github, verification: {none: {}}}", "spec.verification"),
        ("{provider: github, path: shop/github}", "spec.path"),
        ("{provider: github, path: /shop//github}", "spec.path"),
        ("{provider: github, path: '/shop?a=b'}", "spec.path"),
        ("{provider: github, secretRefs: [{key: secret}]}", "spec.secretRefs[0].name"),
        ("{provider: github, timestampTolerance: 2h}", "spec.timestampTolerance"),
        ("{provider: github, target: {subject: 'a..b'}}", "spec.target.subject"),
        ("{provider: github, target: {stream: 'a.b'}}", "spec.target.stream"),
        ("{provider: github, target: {forwardHeaders: [Cookie]}}", "spec.target.forwardHeaders[0]"),
        ("{provider: github, target: {largeBodies: maybe}}", "spec.target.largeBodies"),
        ("{provider: github, events: ['a*b']}", "spec.events[0]"),
        ("{provider: github, deduplication: {key: header}}", "spec.deduplication.header"),
        ("{provider: github, deduplication: {key: delivery, header: X-Id}}", "spec.deduplication.header"),
        ("{provider: github, limits: {maxBodySize: 1MB}}", "spec.limits.maxBodySize"),
        ("{provider: github, limits: {rate: {requestsPerSecond: 0}}}", "spec.limits.rate.requestsPerSecond"),
        ("{provider: github, limits: {rate: {requestsPerSecond: 10, burst: 5}}}", "spec.limits.rate.burst"),
        ("{provider: github, sourceRanges: ['192.0.2.0']}", "spec.sourceRanges[0]"),
        ("{provider: github, suspend: perhaps}", "spec.suspend"),
        ("{provider: github, colour: blue}", "spec.colour"),
    ] {
        let said = stage.kubectl(&["apply", "--dry-run=server", "-f", "-"], &manifest("broken", spec)).refused();
        assert!(said.contains(path), "{spec}: {path} is not in: {said}");
    }
    let said = stage.kubectl(&["apply", "-f", "-"], &manifest("a.dot", "{provider: github}")).refused();
    assert!(said.contains("metadata.name"), "{said}");
    stage.kubectl(&["apply", "--dry-run=server", "-f", "-"], &manifest("good", "{provider: github}")).ok();
}

#[test]
fn kubectl_get_shows_the_columns() {
    let stage = Stage::new();
    let _operator = stage.operator(&[]);
    stage.github("github", json!({}));
    stage.ready("github");
    let lines = |arguments: &[&str]| {
        let text = stage.kubectl(arguments, "").ok();
        text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect::<Vec<Vec<String>>>()
    };
    let shown = lines(&["get", "whe"]);
    assert_eq!(shown[0], ["NAME", "PROVIDER", "PATH", "READY", "REASON", "AGE"]);
    assert_eq!(shown[1][..5], ["github", "github", &stage.path("github"), "True", "Ready"]);
    let wide = lines(&["get", "whe", "-o", "wide"]);
    assert_eq!(
        wide[0],
        ["NAME", "PROVIDER", "PATH", "READY", "REASON", "STREAM", "SUBJECT", "SUSPENDED", "MESSAGE", "AGE"]
    );
    let subject = format!("{}.{}.github.>", stage.prefix, stage.namespace);
    assert_eq!(wide[1][5..8], [stage.stream.as_str(), &subject, "false"]);
}

#[test]
fn endpoints_are_selected_by_provider_suspension_and_stream() {
    let stage = Stage::new();
    let _operator = stage.operator(&[]);
    stage.github("one", json!({}));
    stage.github("two", json!({"provider": "shopify", "suspend": true}));
    stage.ready("one");
    stage.expect("two", "Ready", "True", "Suspended");
    let names = |selector: &str| stage.kubectl(&["get", "whe", "--field-selector", selector, "-o", "name"], "").ok();
    let one = "webhookendpoint.jethook.dev/one\n";
    let two = "webhookendpoint.jethook.dev/two\n";
    assert_eq!(names("spec.provider=github"), one);
    assert_eq!(names("spec.suspend=true"), two);
    assert_eq!(names(&format!("status.stream={}", stage.stream)), format!("{one}{two}"));
    assert_eq!(names("status.stream=ELSEWHERE"), "");
}

#[test]
fn kubectl_explain_is_the_reference_manual() {
    let stage = Stage::new();
    let all = stage.kubectl(&["explain", "whe.spec", "--recursive"], "").ok();
    let crd = jethook::api::crd();
    let schema = serde_json::to_value(&crd.spec.versions[0]).unwrap();
    let fields = schema["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"].as_object().unwrap();
    for field in fields.keys() {
        assert!(all.contains(&format!("  {field}\t")), "{field}: {all}");
    }
    for (field, part) in [
        ("whe.spec.path", "/{namespace}/{name}"),
        ("whe.spec.secretRefs.use", "signing"),
        ("whe.status.url", "--public-url"),
    ] {
        let text = stage.kubectl(&["explain", field], "").ok();
        assert!(text.contains("DESCRIPTION:") && text.contains(part), "{field}: {text}");
    }
}

#[test]
fn kubectl_wait_returns_once_it_is_ready() {
    let stage = Stage::new();
    let _operator = stage.operator(&[]);
    let wait = ["wait", "--for=condition=Ready", "whe/github"];
    stage.endpoint("github", json!({"provider": "github", "secretRefs": [{"name": "github"}]}));
    stage.expect("github", "ResolvedRefs", "False", "SecretNotFound");
    stage.kubectl(&[&wait[..], &["--timeout=1s"]].concat(), "").refused();
    stage.secret("github", &[("secret", "x")]);
    stage.kubectl(&[&wait[..], &["--timeout=10s"]].concat(), "").ok();
}

#[test]
fn kubectl_describe_tells_why_a_webhook_does_not_arrive() {
    let stage = Stage::new();
    let operator = stage.operator(&[]);
    stage.endpoint("github", json!({"provider": "github", "secretRefs": [{"name": "github"}]}));
    let note = stage.event("github", "SecretNotFound");
    assert!(note.contains("github"), "{note}");
    stage.secret("github", &[("secret", "the right one")]);
    stage.ready("github");
    stage.event("github", "Ready");
    let push = crate::support::sign::github(&stage.path("github"), "a wrong one", "push", "1", "a body nobody may see");
    for _ in 0..5 {
        assert_eq!(operator.send(&push).status, 401);
    }
    let note = stage.event("github", "DeliveriesRefused");
    assert!(note.contains("no key matched"), "{note}");
    let refusals = |stage: &Stage| {
        stage.events("github").into_iter().filter(|(_, reason, _)| reason == "DeliveriesRefused").count()
    };
    assert_eq!(refusals(&stage), 1, "one for five of a kind");
    let shown = stage.kubectl(&["describe", "whe", "github"], "").ok();
    for part in ["SecretNotFound", "DeliveriesRefused", "no key matched"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    for secret in ["the right one", "a wrong one", "a body nobody may see"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
