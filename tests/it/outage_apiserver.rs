//! The apiserver goes away and comes back, or gives out objects that nobody understands.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::apiserver::spare;
use crate::support::eventually::{A_SECOND, SOON, eventually, throughout};
use crate::support::http::Request;
use crate::support::nats::nats;
use crate::support::operator::Operator;
use crate::support::sign;
use crate::support::stage::{KEY, PUSH, Stage, endpoint};

const CRD: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/webhookendpoints.jethook.dev";

#[test]
fn without_an_apiserver_known_routes_go_on_and_changes_follow_when_it_is_back() {
    let (server, _turn) = spare();
    let stage = Stage::in_cluster(server, &nats().url());
    let operator = stage.operator(&[]);
    stage.github("github", json!({}));
    stage.ready("github");
    server.stop();
    let mut id = 0;
    let mut deliver = |operator: &Operator| {
        id += 1;
        assert_eq!(operator.send(&stage.push("github", &id.to_string())).status, 200);
        assert_eq!(operator.readiness().0, 200, "still ready");
    };
    throughout(Duration::from_secs(3), || deliver(&operator));
    // A replica that starts meanwhile must not answer 404 for what it does not know.
    let late = stage.start(&[]);
    eventually(SOON, "it is up", || match late.readiness() {
        (503, text) if text.contains("endpoints") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(late.send(&stage.push("github", "late")).status, 503);
    // Longer than the leader's renew deadline: it stops leading, not serving.
    eventually(Duration::from_secs(14), "it no longer leads", || {
        deliver(&operator);
        if operator.metric("jethook_leader") == Some(0.0) { Ok(()) } else { Err(operator.log()) }
    });
    server.start_again();
    eventually(Duration::from_secs(20), "the apiserver is back", || stage.get("github").ok_or_else(String::new));
    stage.secret("github", &[("secret", "changed meanwhile")]);
    let changed = sign::github(&stage.path("github"), "changed meanwhile", "push", "c", PUSH);
    let (_, took) = operator.send_until(200, "changes are live again", &changed);
    assert!(took < Duration::from_secs(6), "{took:?}");
    // A key that did not match was read again; the watch of the endpoints may be back a moment later.
    stage.github("first", json!({}));
    operator.send_until(200, "a new endpoint is served again", &stage.push("first", "1"));
    stage.github("new", json!({}));
    operator.send_until_within(A_SECOND, 200, "as quickly as ever", &stage.push("new", "1"));
    late.send_until(200, "the late one serves", &stage.push("new", "2"));
    stage.ready("new");
}

/// Lets the apiserver take any spec, as one with a newer CRD would.
fn loosen(stage: &Stage) -> Value {
    let strict = stage.api(http::Request::get(CRD).body(Vec::new()).unwrap()).unwrap();
    let mut loose = strict.clone();
    let schema = &mut loose["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    *schema = json!({
        "type": "object",
        "properties": {
            "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "status": schema["properties"]["status"].clone(),
        },
    });
    loose["spec"]["versions"][0]["selectableFields"] = json!([]);
    loose["metadata"].as_object_mut().unwrap().remove("managedFields");
    replace(stage, CRD, &loose);
    strict
}

fn replace(stage: &Stage, url: &str, object: &Value) {
    let body = object.to_string().into_bytes();
    let request = http::Request::put(url).header("Content-Type", "application/json").body(body).unwrap();
    stage.api(request).unwrap();
}

fn patch(stage: &Stage, url: &str, kind: &str, body: &Value) -> Result<Value, String> {
    let request = http::Request::patch(url).header("Content-Type", format!("application/{kind}"));
    stage.api(request.body(body.to_string().into_bytes()).unwrap()).map_err(|error| error.to_string())
}

#[test]
fn an_object_that_does_not_parse_keeps_its_path_closed_and_disturbs_no_other() {
    let (server, _turn) = spare();
    let stage = Stage::in_cluster(server, &nats().url());
    let operator = stage.operator(&[]);
    stage.github("good", json!({}));
    stage.github("turning", json!({"path": format!("/{}/own/path", stage.namespace)}));
    stage.ready("good");
    stage.ready("turning");
    let strict = loosen(&stage);
    let own = format!("/{}/own/path", stage.namespace);
    let push = sign::github(&own, KEY, "push", "1", PUSH);
    assert_eq!(operator.send(&push).status, 200);
    let url = |name: &str| format!("/apis/jethook.dev/v1alpha1/namespaces/{}/webhookendpoints/{name}", stage.namespace);
    let broken = |name: &str| {
        let mut object = endpoint(name, json!({"provider": ["github"]}));
        object["metadata"]["namespace"] = json!(stage.namespace);
        // The schema in service changes a moment after the CRD does.
        let applied =
            || patch(&stage, &format!("{}?fieldManager=test&force=true", url(name)), "apply-patch+yaml", &object);
        eventually(SOON, "the apiserver takes it", applied);
    };
    broken("turning");
    operator.send_until(503, "its path is closed", &push);
    let message = stage.expect("turning", "Accepted", "False", "Invalid");
    assert!(message.contains("provider"), "{message}");
    broken("stranger");
    stage.expect("stranger", "Accepted", "False", "Invalid");
    assert_eq!(operator.send(&stage.push("good", "1")).status, 200);
    stage.github("another", json!({}));
    operator.send_until_within(A_SECOND, 200, "others come as ever", &stage.push("another", "1"));
    assert_eq!(operator.send(&push).status, 503, "never 404, never another's");
    let mut back = stage.api(http::Request::get(CRD).body(Vec::new()).unwrap()).unwrap();
    back["spec"] = strict["spec"].clone();
    replace(&stage, CRD, &back);
    let mended = json!({"spec": {"provider": "github", "path": own, "secretRefs": [{"name": "turning"}]}});
    eventually(SOON, "the apiserver takes it", || patch(&stage, &url("turning"), "merge-patch+json", &mended));
    operator.send_until(200, "it is mended", &push);
    assert_eq!(Request::get("/livez").send(operator.admin).unwrap().status, 200);
}
