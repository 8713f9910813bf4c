//! Keys: found, rotated, gone, malformed; and never more of them read than an endpoint names.

use std::time::{Duration, Instant};

use jethook::controller::kube::RIGHTS;
use serde_json::{Value, json};

use crate::support::eventually::{A_SECOND, eventually};
use crate::support::http::Request;
use crate::support::sign;
use crate::support::stage::{KEY, PUSH, Stage};

fn push_with(stage: &Stage, key: &str, id: &str) -> Request {
    sign::github(&stage.path("github"), key, "push", id, PUSH)
}

#[test]
fn a_rotated_secret_is_honoured_within_a_second_and_the_old_key_refused() {
    let stage = Stage::new();
    let operator = stage.operator(&[]);
    stage.github("github", json!({}));
    stage.ready("github");
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
    let before = stage.status("github")["secrets"][0]["resourceVersion"].clone();
    stage.secret("github", &[("secret", "a new one")]);
    operator.send_until_within(A_SECOND, 200, "the new key verifies", &push_with(&stage, "a new one", "2"));
    assert_eq!(operator.send(&push_with(&stage, KEY, "3")).status, 401);
    eventually(Duration::from_secs(5), "the status tells the new one", || {
        let now = stage.status("github")["secrets"][0]["resourceVersion"].clone();
        if now == before { Err(now.to_string()) } else { Ok(()) }
    });
    let note = stage.event("github", "SecretRotated");
    assert!(note.contains("github") && !note.contains("a new one"), "{note}");
    assert_eq!(stage.count(), 2);
}

#[test]
fn of_several_keys_any_verifies_until_it_is_removed() {
    let stage = Stage::new();
    let operator = stage.operator(&[]);
    stage.secret("github", &[("current", "first"), ("next", "second")]);
    let refs = json!([{"name": "github", "key": "current"}, {"name": "github", "key": "next"}]);
    stage.endpoint("github", json!({"provider": "github", "secretRefs": refs}));
    stage.ready("github");
    assert_eq!(operator.send(&push_with(&stage, "first", "1")).status, 200);
    assert_eq!(operator.send(&push_with(&stage, "second", "2")).status, 200);
    assert_eq!(operator.send(&push_with(&stage, "third", "3")).status, 401);
    let used = |key: &str| {
        let labels = format!("namespace=\"{}\",endpoint=\"github\",secret=\"github\",key=\"{key}\"", stage.namespace);
        operator.metric(&format!("jethook_key_last_used_timestamp_seconds{{{labels}}}"))
    };
    let now = sign::now() as f64;
    assert!((used("current").unwrap() - now).abs() < 5.0 && (used("next").unwrap() - now).abs() < 5.0);
    // The key goes from the Secret, then its reference from the spec.
    stage.secret("github", &[("next", "second")]);
    operator.send_until_within(A_SECOND, 401, "the old key is refused", &push_with(&stage, "first", "4"));
    assert_eq!(operator.send(&push_with(&stage, "second", "5")).status, 200);
    let message = stage.expect("github", "ResolvedRefs", "True", "DegradedRefs");
    assert!(message.contains("\"current\""), "{message}");
    stage.endpoint("github", json!({"provider": "github", "secretRefs": [{"name": "github", "key": "next"}]}));
    stage.expect("github", "ResolvedRefs", "True", "ResolvedRefs");
    assert_eq!(operator.send(&push_with(&stage, "second", "6")).status, 200);
}

#[test]
fn a_missing_secret_is_told_and_heals_when_it_appears() {
    let stage = Stage::new();
    let operator = stage.operator(&[]);
    stage.endpoint("github", json!({"provider": "github", "secretRefs": [{"name": "later"}]}));
    let message = stage.expect("github", "ResolvedRefs", "False", "SecretNotFound");
    assert!(message.contains(&format!("{}/later", stage.namespace)), "{message}");
    assert_eq!(stage.condition("github", "Ready").unwrap().reason, "SecretNotFound");
    assert!(stage.condition("github", "Stalled").is_none(), "a Secret that appears heals it");
    assert_eq!(operator.send(&push_with(&stage, KEY, "1")).status, 503, "closed, not open");
    // A key with nothing in it must not verify either.
    assert_eq!(operator.send(&push_with(&stage, "", "1")).status, 503);
    stage.secret("later", &[("other", "x")]);
    let message = stage.expect("github", "ResolvedRefs", "False", "SecretKeyNotFound");
    assert!(message.contains("\"secret\"") && message.contains("other"), "it names the keys there are: {message}");
    stage.secret("later", &[("secret", KEY)]);
    operator.send_until_within(A_SECOND, 200, "it healed", &push_with(&stage, KEY, "1"));
    stage.ready("github");
    stage.delete("Secret", "later");
    operator.send_until_within(A_SECOND, 503, "it is closed again", &push_with(&stage, KEY, "1"));
    stage.expect("github", "ResolvedRefs", "False", "SecretNotFound");
    assert_eq!(stage.count(), 1);
}

#[test]
fn the_last_known_keys_serve_for_the_grace_that_was_given() {
    let stage = Stage::new();
    let operator = stage.operator(&["--secret-grace", "3s"]);
    stage.github("github", json!({}));
    stage.ready("github");
    let began = Instant::now();
    stage.delete("Secret", "github");
    let mut id = 0;
    let (_, elapsed) = eventually(Duration::from_secs(8), "the grace ends", || {
        id += 1;
        match operator.send(&push_with(&stage, KEY, &id.to_string())).status {
            503 => Ok(()),
            status => Err(status.to_string()),
        }
    });
    assert!(elapsed > Duration::from_millis(2500), "served for {elapsed:?} of the 3 s");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn a_provider_that_needs_a_key_is_closed_without_one() {
    let stage = Stage::new();
    let operator = stage.operator(&[]);
    stage.endpoint("github", json!({"provider": "github"}));
    let message = stage.expect("github", "ResolvedRefs", "False", "SecretKeyNotFound");
    assert!(message.contains("spec.secretRefs") && message.contains("signing"), "{message}");
    stage.expect("github", "Stalled", "True", "SecretKeyNotFound");
    assert_eq!(operator.send(&push_with(&stage, "", "1")).status, 503);
}

#[test]
fn a_key_without_the_schemes_form_is_refused_without_telling_it() {
    let stage = Stage::new();
    let operator = stage.operator(&[]);
    for (name, provider, value) in [
        ("empty", "github", ""),
        ("blank", "github", " \n\t "),
        ("no-base64", "standard-webhooks", "whsec_%%surely-no-base64%%"),
    ] {
        stage.secret(name, &[("secret", value)]);
        stage.endpoint(name, json!({"provider": provider, "secretRefs": [{"name": name}]}));
        let message = stage.expect(name, "ResolvedRefs", "False", "InvalidSecret");
        assert!(message.contains("\"secret\"") && message.contains(name), "{message}");
        assert!(!message.contains("surely"), "{message}");
        assert_eq!(operator.send(&sign::github(&stage.path(name), value, "push", "1", PUSH)).status, 503, "{name}");
    }
    assert!(!operator.log().contains("surely"), "{}", operator.log());
}

#[test]
fn one_final_newline_of_a_secret_is_stripped_and_told() {
    let stage = Stage::new();
    let operator = stage.operator(&[]);
    stage.secret("github", &[("secret", &format!("{KEY}\n"))]);
    stage.endpoint("github", json!({"provider": "github", "secretRefs": [{"name": "github"}]}));
    let message = stage.expect("github", "ResolvedRefs", "True", "ResolvedRefs");
    assert!(message.contains("newline"), "{message}");
    assert_eq!(operator.send(&push_with(&stage, KEY, "1")).status, 200);
    stage.secret("github", &[("secret", &format!("{KEY}\n\n"))]);
    operator.send_until_within(A_SECOND, 401, "only one is stripped", &push_with(&stage, KEY, "2"));
}

#[test]
fn a_key_serves_its_own_use_only() {
    let stage = Stage::new();
    let operator = stage.operator(&[]);
    let token = "the-secret-token-of-a-webhook";
    stage.secret("gitlab", &[("token", token)]);
    let path = stage.path("gitlab");
    stage.endpoint(
        "gitlab",
        json!({"provider": "gitlab", "secretRefs": [{"name": "gitlab", "key": "token", "use": "token"}]}),
    );
    stage.ready("gitlab");
    assert_eq!(stage.status("gitlab")["authenticates"], "sender");
    let body = r#"{"object_kind":"push"}"#;
    assert_eq!(operator.send(&sign::gitlab_token(&path, token, "1", body)).status, 200);
    assert_eq!(operator.send(&sign::gitlab_token(&path, "the-secret-token-of-a-webhooK", "2", body)).status, 401);
    // The same key given as the signing key no longer opens the door as a token.
    let key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    stage.secret("gitlab", &[("token", key)]);
    stage.endpoint("gitlab", json!({"provider": "gitlab", "secretRefs": [{"name": "gitlab", "key": "token"}]}));
    let signed = sign::standard(&path, key, "3", sign::now(), body);
    operator.send_until_within(A_SECOND, 200, "signed deliveries verify", &signed);
    assert_eq!(operator.send(&sign::gitlab_token(&path, key, "4", body)).status, 401);
    let unknown = json!([{"name": "gitlab", "key": "token", "use": "verifyToken"}]);
    stage.endpoint("gitlab", json!({"provider": "gitlab", "secretRefs": unknown}));
    let message = stage.expect("gitlab", "Accepted", "False", "Invalid");
    assert!(message.contains("spec.secretRefs[0].use") && message.contains("signing"), "it names the uses: {message}");
}

/// Who did what to the Secrets of a namespace, as the apiserver noted it.
fn reads(stage: &Stage) -> Vec<(String, Option<String>)> {
    let of_operator = |entry: &Value| {
        let object = &entry["objectRef"];
        entry["user"]["username"] == "operator"
            && object["resource"] == "secrets"
            && object["namespace"] == stage.namespace.as_str()
    };
    let all = stage.server().audit();
    let mine = all.iter().filter(|entry| of_operator(entry));
    let text = |value: &Value| value.as_str().map(str::to_owned);
    mine.map(|entry| (text(&entry["verb"]).unwrap(), text(&entry["objectRef"]["name"]))).collect()
}

#[test]
fn a_secret_that_no_endpoint_names_is_never_fetched() {
    let stage = Stage::new();
    stage.secret("unnamed-before", &[("secret", "none of its business")]);
    let operator = stage.operator(&[]);
    stage.secret("unnamed-after", &[("secret", "none of its business")]);
    stage.github("named", json!({}));
    stage.ready("named");
    stage.secret("unnamed-after", &[("secret", "changed")]);
    stage.secret("named", &[("secret", "changed")]);
    let changed = sign::github(&stage.path("named"), "changed", "push", "1", PUSH);
    operator.send_until(200, "the change is seen", &changed);
    let got: Vec<_> = reads(&stage).into_iter().filter(|(verb, _)| verb == "get").collect();
    assert!(got.iter().any(|(_, name)| name.as_deref() == Some("named")), "{got:?}");
    assert!(got.iter().all(|(_, name)| name.as_deref() == Some("named")), "{got:?}");
}

#[test]
fn with_access_get_secrets_are_neither_listed_nor_watched() {
    let stage = Stage::new();
    let operator = stage.operator(&["--secret-access", "get"]);
    stage.github("github", json!({}));
    stage.ready("github");
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
    let verbs: Vec<_> = reads(&stage).into_iter().map(|(verb, _)| verb).collect();
    assert!(!verbs.is_empty() && verbs.iter().all(|verb| verb == "get"), "{verbs:?}");
}

/// Lets `tenant` do in the stage's namespace what the operator may, save listing and watching Secrets.
fn grant_get_alone(stage: &Stage) {
    let subject = json!([{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "tenant"}]);
    let rules: Vec<_> = RIGHTS
        .iter()
        .map(|right| {
            let verbs = if right.resource == "secrets" { &["get"][..] } else { right.verbs };
            json!({"apiGroups": [right.group], "resources": [right.resource], "verbs": verbs})
        })
        .collect();
    let meta = json!({"name": "get-alone"});
    let api = "rbac.authorization.k8s.io/v1";
    let role = json!({"apiVersion": api, "kind": "Role", "metadata": meta, "rules": rules});
    let of = json!({"kind": "Role", "name": "get-alone", "apiGroup": "rbac.authorization.k8s.io"});
    let binding =
        json!({"apiVersion": api, "kind": "RoleBinding", "metadata": meta, "roleRef": of, "subjects": subject});
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [role, binding]});
    stage.kubectl(&["apply", "-f", "-"], &list.to_string()).ok();
}

#[test]
fn without_the_right_to_list_secrets_a_rotated_key_is_fetched_when_a_delivery_does_not_verify() {
    let stage = Stage::new();
    grant_get_alone(&stage);
    let kubeconfig = stage.server().kubeconfig("tenant");
    let operator = stage.operator(&["--secret-access", "get", "--kubeconfig", kubeconfig.to_str().unwrap()]);
    stage.github("github", json!({}));
    stage.ready("github");
    for round in 0..5 {
        let key = format!("key {round}");
        stage.secret("github", &[("secret", &key)]);
        // Refused once, as the key was; a sender tries again.
        let push = push_with(&stage, &key, &round.to_string());
        let (_, took) = operator.send_until_within(A_SECOND, 200, "the new key is fetched", &push);
        assert!(took < A_SECOND, "{took:?}");
    }
    assert_eq!(operator.send(&push_with(&stage, "key 3", "old")).status, 401, "and the old one no longer verifies");
    let verbs: Vec<_> = reads(&stage).into_iter().map(|(verb, _)| verb).collect();
    assert!(verbs.iter().all(|verb| verb == "get"), "{verbs:?}");
}

#[test]
fn however_much_is_forged_five_secrets_a_second_are_fetched_at_most_and_each_has_its_turn() {
    let stage = Stage::new();
    let operator = stage.operator(&["--secret-access", "get"]);
    for name in ["github", "victim"] {
        stage.github(name, json!({}));
        stage.ready(name);
    }
    let before = reads(&stage).len();
    let began = Instant::now();
    stage.secret("victim", &[("secret", "rotated")]);
    let genuine = sign::github(&stage.path("victim"), "rotated", "push", "1", PUSH);
    let mut honoured = None;
    while began.elapsed() < Duration::from_secs(4) {
        for _ in 0..20 {
            assert_eq!(operator.send(&push_with(&stage, "forged", "1")).status, 401);
        }
        if honoured.is_none() && operator.send(&genuine).status == 200 {
            honoured = Some(began.elapsed());
        }
    }
    let fetched = (reads(&stage).len() - before) as f64 / began.elapsed().as_secs_f64();
    assert!(fetched > 1.0 && fetched <= 5.5, "{fetched} a second");
    assert!(honoured.is_some_and(|after| after < Duration::from_secs(2)), "{honoured:?}");
}
