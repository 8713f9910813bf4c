//! A hostile tenant with rights in its own namespace only, through a real apiserver with RBAC.

use std::collections::BTreeMap;

use kube::Client;
use serde_json::{Value, json};

use crate::support::apiserver::{Apiserver, apiserver, spare};
use crate::support::eventually::{SOON, eventually};
use crate::support::http::Request;
use crate::support::nats::nats;
use crate::support::operator::Operator;
use crate::support::runtime::block_on;
use crate::support::sign;
use crate::support::stage::{KEY, PUSH, Stage, endpoint};

const THEIRS: &str = "the tenant's own key";

/// A victim on a stage, and a tenant in a namespace beside it, both served by one operator.
struct Houses {
    stage: Stage,
    operator: Operator,
    /// The tenant's namespace, and its client.
    tenant: String,
    client: Client,
    sent: std::cell::Cell<u32>,
}

fn call(client: &Client, method: &str, url: &str, kind: &str, body: &Value) -> Result<Value, String> {
    let request = http::Request::builder().method(method).uri(url).header("Content-Type", kind);
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    block_on(client.request(request.body(body).unwrap())).map_err(|error| error.to_string())
}

impl Houses {
    fn new(server: &'static Apiserver, flags: &[&str]) -> Self {
        let stage = Stage::in_cluster(server, &nats().url());
        let (tenant, admin) = block_on(server.namespace());
        let client = block_on(server.client("tenant")).client;
        let rbac = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{tenant}");
        let all = ["get", "list", "watch", "create", "update", "patch", "delete"];
        let role = json!({"metadata": {"name": "own"}, "rules": [
            {"apiGroups": ["jethook.dev"], "resources": ["webhookendpoints"], "verbs": all},
            {"apiGroups": [""], "resources": ["secrets"], "verbs": all},
        ]});
        let binding = json!({"metadata": {"name": "own"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "own"},
            "subjects": [{"kind": "User", "name": "tenant", "apiGroup": "rbac.authorization.k8s.io"}]});
        call(&admin, "POST", &format!("{rbac}/roles"), "application/json", &role).unwrap();
        call(&admin, "POST", &format!("{rbac}/rolebindings"), "application/json", &binding).unwrap();
        let both = format!("{},{tenant}", stage.namespace);
        let flags: Vec<&str> = ["--watch-namespaces", &both].iter().chain(flags).copied().collect();
        let operator = stage.operator(&flags);
        stage.github("victim", json!({}));
        stage.ready("victim");
        let houses = Self { stage, operator, tenant, client, sent: std::cell::Cell::new(0) };
        eventually(SOON, "the tenant's rights hold", || houses.secret("own", THEIRS));
        houses
    }

    fn url(&self, plural: &str, name: &str) -> String {
        let group = if plural == "secrets" { "api/v1" } else { "apis/jethook.dev/v1alpha1" };
        format!("/{group}/namespaces/{}/{plural}/{name}", self.tenant)
    }

    fn apply(&self, plural: &str, name: &str, object: &Value) -> Result<Value, String> {
        let url = format!("{}?fieldManager=tenant&force=true&fieldValidation=Strict", self.url(plural, name));
        call(&self.client, "PATCH", &url, "application/apply-patch+yaml", object)
    }

    fn secret(&self, name: &str, value: &str) -> Result<(), String> {
        let secret =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"secret": value}});
        self.apply("secrets", name, &secret).map(drop)
    }

    fn endpoint(&self, name: &str, spec: &Value) -> Result<Value, String> {
        self.apply("webhookendpoints", name, &endpoint(name, spec.clone()))
    }

    /// The conditions that are not well, reason and message.
    fn refusals(&self, name: &str) -> Option<BTreeMap<String, String>> {
        let object =
            call(&self.client, "GET", &self.url("webhookendpoints", name), "application/json", &Value::Null).ok()?;
        let conditions = object["status"]["conditions"].as_array()?;
        let is_current = |one: &&Value| one["observedGeneration"] == object["metadata"]["generation"];
        conditions.iter().find(|one| one["type"] == "Ready").filter(is_current)?;
        let bad = conditions
            .iter()
            .filter(|one| one["status"] == "False" && one["type"] != "Ready" && one["type"] != "Programmed");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Some(bad.map(|one| (text(&one["reason"]), text(&one["message"]))).collect())
    }

    #[track_caller]
    fn refused(&self, name: &str, reason: &str) -> String {
        eventually(SOON, &format!("{name}: {reason}"), || {
            let all = self.refusals(name);
            all.as_ref().and_then(|all| all.get(reason)).cloned().ok_or_else(|| format!("{all:?}"))
        })
        .0
    }

    /// The victim's deliveries arrive under its subject, verified by its key.
    #[track_caller]
    fn victim_is_unharmed(&self, after: &str) {
        self.sent.set(self.sent.get() + 1);
        let id = format!("v{}", self.sent.get());
        let answer = self.operator.send(&self.stage.push("victim", &id));
        assert_eq!(answer.json()["status"], "stored", "after {after}: {}", answer.text());
        let forged = sign::github(&self.stage.path("victim"), THEIRS, "push", &id, PUSH);
        assert_eq!(self.operator.send(&forged).status, 401, "after {after}");
        let stored = self.stage.stored();
        assert_eq!(stored.len(), self.sent.get() as usize, "after {after}");
        let own = format!("{}.{}.victim.push", self.stage.prefix, self.stage.namespace);
        assert!(stored.iter().all(|one| one.subject == own), "after {after}");
    }
}

/// What a spec of the tenant's is met with.
enum Met {
    /// The apiserver refuses it and names this field.
    Admission(&'static str),
    /// The operator refuses it for this reason.
    Reason(&'static str),
}

/// Specs that reach for what is not the tenant's, or for too much.
fn hostile(victim: &str, prefix: &str) -> Vec<(Value, Met)> {
    use Met::{Admission, Reason};
    let github = |more: Value| {
        let mut spec = json!({"provider": "github", "secretRefs": [{"name": "own"}]});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    let subject = |subject: &str| github(json!({"target": {"subject": subject}}));
    let custom = |verification: Value| json!({"provider": "custom", "verification": verification, "secretRefs": [{"name": "own"}]});
    let hmac = json!({"hash": "sha256", "from": ["header:X-Sig"]});
    vec![
        (github(json!({"path": format!("/{victim}/victim")})), Reason("PathNotAllowed")),
        (github(json!({"path": format!("/{victim}/new")})), Reason("PathNotAllowed")),
        (github(json!({"path": "/metrics"})), Reason("PathNotAllowed")),
        (github(json!({"path": "/livez/x"})), Reason("PathNotAllowed")),
        (github(json!({"path": format!("/{victim}")})), Reason("PathNotAllowed")),
        (github(json!({"path": "/"})), Admission("path")),
        (github(json!({"path": format!("/x/../{victim}/victim")})), Admission("path")),
        (github(json!({"path": format!("/x/%2e%2e/{victim}/victim")})), Admission("path")),
        (github(json!({"path": format!("//{victim}/victim")})), Admission("path")),
        (github(json!({"path": format!("/{}", "a".repeat(2000))})), Admission("path")),
        (subject(&format!("{prefix}.{victim}.victim.{{event}}")), Reason("SubjectNotAllowed")),
        (subject(&format!("{prefix}.{victim}.{{event}}")), Reason("SubjectNotAllowed")),
        (subject(&format!("{prefix}.{{event}}")), Reason("SubjectNotAllowed")),
        (subject("other.{event}"), Reason("SubjectNotAllowed")),
        (subject("$JS.API.STREAM.DELETE.X"), Admission("subject")),
        (subject("$SYS.{event}"), Admission("subject")),
        (subject(&format!("{prefix}.>")), Admission("subject")),
        (subject(&format!("{prefix}.*.x")), Admission("subject")),
        (github(json!({"target": {"stream": "OTHER"}})), Reason("StreamNotAllowed")),
        (github(json!({"target": {"stream": "KV_secrets"}})), Reason("StreamNotAllowed")),
        (github(json!({"target": {"stream": "a.b"}})), Admission("stream")),
        (github(json!({"target": {"forwardHeaders": ["Authorization"]}})), Admission("forwardHeaders")),
        (github(json!({"target": {"forwardHeaders": ["Cookie"]}})), Admission("forwardHeaders")),
        (github(json!({"target": {"forwardHeaders": vec!["X-A"; 500]}})), Admission("forwardHeaders")),
        (json!({"provider": "github", "secretRefs": [{"name": "victim"}]}), Reason("SecretNotFound")),
        (json!({"provider": "github", "secretRefs": [{"name": format!("{victim}/victim")}]}), Admission("secretRefs")),
        (
            json!({"provider": "github", "secretRefs": [{"name": "victim", "namespace": victim}]}),
            Admission("secretRefs"),
        ),
        (json!({"provider": "github", "secretRefs": vec![json!({"name": "own"}); 9]}), Admission("secretRefs")),
        (json!({"provider": "github", "secretRefs": [{"name": "own", "key": "../victim"}]}), Admission("secretRefs")),
        (custom(json!({"none": {}})), Reason("Invalid")),
        (custom(json!({"hmac": hmac, "none": {}})), Admission("verification")),
        (
            custom(json!({"hmac": {"hash": "sha256", "from": ["header:X-Sig"], "signed": "constant"}})),
            Reason("Invalid"),
        ),
        (
            custom(json!({"hmac": {"hash": "sha256", "from": ["header:X-Sig"], "signed": "{".repeat(5000)}})),
            Admission("signed"),
        ),
        (custom(json!({"hmac": hmac, "require": {"json:/a": ["x".repeat(5000)]}})), Admission("require")),
        (
            custom(
                json!({"hmac": hmac, "handshakes": [{"method": "GET", "unsigned": true, "answer": {"headers": {"Set-Cookie": "a"}}}]}),
            ),
            Reason("Invalid"),
        ),
        (
            custom(
                json!({"hmac": hmac, "handshakes": [{"method": "GET", "unsigned": true, "when": {"query:c": []}, "challenge": "[ -~]{1,99}",
            "answer": {"body": "{hex:hmacSha256:query:c}"}}]}),
            ),
            Reason("Invalid"),
        ),
        (custom(json!({})), Admission("verification")),
        (json!({"provider": "x".repeat(400)}), Admission("provider")),
        (json!({"provider": "githbu", "secretRefs": [{"name": "own"}]}), Reason("UnknownProvider")),
        (github(json!({"events": vec!["a"; 5000]})), Admission("events")),
        (github(json!({"limits": {"maxBodySize": "900Gi"}})), Admission("maxBodySize")),
        (github(json!({"limits": {"rate": {"requestsPerSecond": 0, "burst": 0}}})), Admission("rate")),
        (github(json!({"sourceRanges": vec!["0.0.0.0/0"; 5000]})), Admission("sourceRanges")),
        (github(json!({"timestampTolerance": "9999h"})), Admission("timestampTolerance")),
    ]
}

#[test]
fn a_hostile_tenant_gets_what_is_its_own_and_harms_nobody() {
    let houses = Houses::new(apiserver(), &[]);
    let specs = hostile(&houses.stage.namespace, &houses.stage.prefix);
    assert!(specs.len() >= 40);
    for (number, (spec, met)) in specs.iter().enumerate() {
        let name = format!("hostile{number}");
        let text = spec.to_string().chars().take(300).collect::<String>();
        let created = houses.endpoint(&name, spec);
        match met {
            // What admission lets by meets the same rule in the compile step, and the other way round.
            Met::Admission(field) => match created {
                Err(refused) => assert!(refused.contains(field), "{text}: {refused}"),
                Ok(_) => assert!(houses.refused(&name, "Invalid").contains(field), "{text}"),
            },
            Met::Reason(reason) => {
                created.unwrap_or_else(|error| panic!("{text}: {error}"));
                let message = houses.refused(&name, reason);
                assert!(!message.contains(KEY) && !message.contains(THEIRS), "{message}");
                for path in [format!("/{}/{name}", houses.tenant), spec["path"].as_str().unwrap_or("/none").to_owned()]
                {
                    let status = houses.operator.send(&sign::github(&path, THEIRS, "push", "1", PUSH)).status;
                    assert!([503, 404, 401].contains(&status), "{text}: {path}: {status}");
                }
            }
        }
        houses.victim_is_unharmed(&text);
    }
    // What is its own, it gets.
    houses.endpoint("own", &json!({"provider": "github", "secretRefs": [{"name": "own"}]})).unwrap();
    let own = sign::github(&format!("/{}/own", houses.tenant), THEIRS, "push", "1", PUSH);
    houses.operator.send_until(200, "its own endpoint serves", &own);
    assert_eq!(
        houses.stage.stored().pop().unwrap().subject,
        format!("{}.{}.own.push", houses.stage.prefix, houses.tenant)
    );
    assert!(!houses.operator.log().contains("panicked"));
}

#[test]
fn a_tenant_learns_nothing_of_others_paths_and_secrets() {
    let houses = Houses::new(apiserver(), &["--allow-path", "/shared/**"]);
    let victim = houses.stage.namespace.clone();
    let spec = |path: &str| json!({"provider": "github", "secretRefs": [{"name": "own"}], "path": path});
    // Whether a path of another namespace is in use makes no difference to what is said.
    let said: Vec<String> = ["victim", "nobody"]
        .map(|name| {
            let path = format!("/{victim}/{name}");
            houses.endpoint(&format!("probe-{name}"), &spec(&path)).unwrap();
            houses.refused(&format!("probe-{name}"), "PathNotAllowed").replace(&path, "PATH")
        })
        .to_vec();
    assert_eq!(said[0], said[1]);
    // Nor whether a Secret of that name is there.
    let said: Vec<String> = ["victim", "nobody"]
        .map(|name| {
            houses
                .endpoint(&format!("key-{name}"), &json!({"provider": "github", "secretRefs": [{"name": name}]}))
                .unwrap();
            houses.refused(&format!("key-{name}"), "SecretNotFound").replace(name, "NAME")
        })
        .to_vec();
    assert_eq!(said[0], said[1]);
    // A conflict tells that the path is taken, but not by whom.
    houses.stage.github("victim", json!({"path": "/shared/hook"}));
    houses.operator.send_until(200, "it moved", &sign::github("/shared/hook", KEY, "push", "moved", PUSH));
    houses.endpoint("thief", &spec("/shared/hook")).unwrap();
    let message = houses.refused("thief", "PathConflict");
    assert!(!message.contains(&victim) && !message.contains("victim"), "{message}");
    assert_eq!(houses.operator.send(&sign::github("/shared/hook", THEIRS, "push", "1", PUSH)).status, 401);
    // The apiserver shows it nothing of the other namespace either.
    for plural in ["webhookendpoints", "secrets"] {
        let url = houses.url(plural, "victim").replace(&houses.tenant, &victim);
        let refused = call(&houses.client, "GET", &url, "application/json", &Value::Null).unwrap_err();
        assert!(refused.contains("forbidden"), "{refused}");
    }
    // A status is the operator's to write, not the tenant's.
    let forged = json!({"status": {"path": format!("/{victim}/victim")}});
    let status = format!("{}/status", houses.url("webhookendpoints", "thief"));
    let refused = call(&houses.client, "PATCH", &status, "application/merge-patch+json", &forged).unwrap_err();
    assert!(refused.contains("forbidden"), "{refused}");
}

const CRD: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/webhookendpoints.jethook.dev";

/// Puts another definition in service, as an operator of another version would; the one before.
fn replace_definition(stage: &Stage, change: impl Fn(&mut Value)) -> Value {
    let put = || {
        let before = stage.api(http::Request::get(CRD).body(Vec::new()).unwrap()).map_err(|error| error.to_string())?;
        let mut crd: Value = before.clone();
        change(&mut crd["spec"]);
        crd["metadata"].as_object_mut().unwrap().remove("managedFields");
        let request =
            http::Request::put(CRD).header("Content-Type", "application/json").body(crd.to_string().into_bytes());
        stage.api(request.unwrap()).map(|_| before).map_err(|error| error.to_string())
    };
    eventually(SOON, "the definition is replaced", put).0
}

/// Any spec at all.
fn loosen(spec: &mut Value) {
    let schema = &mut spec["versions"][0]["schema"]["openAPIV3Schema"];
    *schema = json!({"type": "object", "properties": {
        "spec": {"x-kubernetes-preserve-unknown-fields": true}, "status": schema["properties"]["status"].clone(),
    }});
    spec["versions"][0]["selectableFields"] = json!([]);
}

#[test]
fn objects_that_do_not_parse_stop_and_starve_nobody() {
    let (server, _turn) = spare();
    let houses = Houses::new(server, &[]);
    let strict = replace_definition(&houses.stage, loosen);
    let deep = (0..40).fold(json!(1), |inner, _| json!({"a": inner}));
    let mut specs = vec![
        json!(7),
        json!("text"),
        json!([]),
        json!(null),
        json!({}),
        json!({"provider": 7}),
        json!({"provider": ["github"]}),
        json!({"provider": "github", "secretRefs": "own"}),
        json!({"provider": "github", "secretRefs": [{"name": {}}]}),
        json!({"provider": "github", "limits": {"maxBodySize": -1}}),
        json!({"provider": "github", "events": {}}),
        json!({"provider": "github", "path": "no/slash"}),
        json!({"provider": "github", "path": format!("/{}/victim", houses.stage.namespace)}),
        json!({"provider": "github", "path": "/a/../b"}),
        json!({"provider": "custom", "verification": {"unknown": 1, "none": {}}}),
        json!({"provider": "custom", "verification": deep}),
        json!({"provider": "github", "parameters": deep}),
        json!({"provider": "x".repeat(200_000)}),
        json!({"provider": "github", "events": vec!["a"; 20_000]}),
    ];
    specs.extend((0..40).map(|number| json!({"provider": [number]})));
    for (number, spec) in specs.iter().enumerate() {
        let name = format!("broken{number}");
        let apply = || houses.apply("webhookendpoints", &name, &endpoint(&name, spec.clone()));
        // The new schema is in service a moment after it was stored.
        eventually(SOON, &name, apply);
        if number % 8 == 0 {
            houses.victim_is_unharmed(&name);
        }
    }
    // They keep nobody waiting: a change of the victim's is served as ever, also by an operator that starts among them.
    let changed = || sign::github(&houses.stage.path("victim"), "a new key", "push", "changed", PUSH);
    houses.stage.secret("victim", &[("secret", "a new key")]);
    houses.operator.send_until(200, "the victim's change is live", &changed());
    let both = format!("{},{}", houses.stage.namespace, houses.tenant);
    let second = houses.stage.operator(&["--watch-namespaces", &both]);
    assert_eq!(second.send(&changed()).json()["status"], "duplicate", "a new replica is ready all the same");
    for (number, spec) in specs.iter().enumerate() {
        let path = format!("/{}/broken{number}", houses.tenant);
        let status = second.send(&sign::github(&path, THEIRS, "push", "1", PUSH)).status;
        assert!([503, 404].contains(&status), "{spec}: {status}");
    }
    assert_eq!(Request::get("/livez").send(houses.operator.admin).unwrap().status, 200);
    assert!(!houses.operator.log().contains("panicked") && !second.log().contains("panicked"));
    replace_definition(&houses.stage, |spec| *spec = strict["spec"].clone());
}
