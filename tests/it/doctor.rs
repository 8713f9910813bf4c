//! `jethook doctor` and `jethook status` against a real apiserver and nats-server.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;

use async_nats::jetstream::stream;
use serde_json::{Value, json};

use crate::chart::cluster::Cluster;
use crate::support::apiserver::apiserver;
use crate::support::nats::nats;
use crate::support::operator::{free_address, free_port, jethook};
use crate::support::stage::Stage;

/// What a run printed, and its exit code.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

fn run(command: &str, arguments: &[&str]) -> Ran {
    let output = jethook().arg(command).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// The report of a stage's operator with more flags, which replace the stage's.
fn doctor(stage: &Stage, flags: &[&str]) -> (i32, Value) {
    let arguments = stage.arguments(flags);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).chain(["-o", "json"]).collect();
    let ran = run("doctor", &arguments);
    let report = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}{}", ran.stdout, ran.stderr));
    (ran.code, report)
}

/// The checks of this name with this result.
fn found<'a>(report: &'a Value, check: &str, result: &str) -> Vec<&'a Value> {
    let all = report["checks"].as_array().unwrap().iter();
    all.filter(|one| one["check"] == check && one["result"] == result).collect()
}

/// The only check of this name that failed: what it says, and the remedy.
#[track_caller]
fn failed(report: &Value, check: &str) -> (String, String) {
    let found = found(report, check, "failure");
    assert_eq!(found.len(), 1, "{check}: {report:#}");
    let text = |field: &str| found[0][field].as_str().unwrap_or_default().to_owned();
    assert!(!text("remedy").is_empty(), "{report:#}");
    (text("message"), text("remedy"))
}

#[test]
fn doctor_passes_where_all_is_well() {
    let stage = Stage::new();
    let operator = stage.operator(&[]);
    stage.github("github", json!({}));
    stage.ready("github");
    let (admin, public) = (format!("http://{}", operator.admin), format!("http://{}/", operator.receiver));
    let flags = ["--admin-url", &admin, "--public-url", &public];
    let (code, report) = doctor(&stage, &flags);
    assert_eq!((code, &report["ok"]), (0, &json!(true)), "{report:#}");
    let checks =
        ["apiserver", "clock", "crd", "access", "ready", "leader", "server", "jetstream", "max-payload", "stream"];
    for check in checks.into_iter().chain(["endpoints", "public-url"]) {
        assert_eq!(found(&report, check, "pass").len(), 1, "{check}: {report:#}");
    }
    let warnings = found(&report, "public-url", "warning");
    assert!(warnings[0]["message"].as_str().unwrap().contains("no TLS"), "{report:#}");
    let arguments = stage.arguments(&flags);
    let ran = run("doctor", &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert!(ran.stdout.contains("rights\n------\n√ this user may do all that the operator does\n"), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("no failures, 1 warning in 13 checks\n"), "{}", ran.stdout);
}

#[test]
fn doctor_tells_each_failure_with_its_remedy() {
    let stage = Stage::new();
    let operator = stage.operator(&[]);
    stage.endpoint("github", json!({"provider": "github", "secretRefs": [{"name": "absent"}]}));
    stage.expect("github", "Ready", "False", "SecretNotFound");
    stage.github("paused", json!({"suspend": true}));
    stage.expect("paused", "Ready", "True", "Suspended");
    let memory = format!("{}-MEMORY", stage.stream);
    nats().create_stream(stream::Config {
        name: memory.clone(),
        subjects: vec![format!("memory-{}.>", stage.namespace)],
        storage: stream::StorageType::Memory,
        ..stream::Config::default()
    });
    let (admin, nobody) = (format!("http://{}", operator.admin), format!("http://{}", free_address()));
    let kubeconfig = stage.server().kubeconfig("admin");
    let (code, report) = doctor(
        &stage,
        &[
            "--kubeconfig",
            kubeconfig.to_str().unwrap(),
            "--as",
            "nobody",
            "--admin-url",
            &format!("{admin},{nobody}"),
            // It answers 404 as well, in other words.
            "--public-url",
            &admin,
            "--stream",
            &memory,
        ],
    );
    assert_eq!((code, &report["ok"]), (1, &json!(false)), "{report:#}");
    assert!(found(&report, "crd", "pass")[0]["message"].as_str().unwrap().contains("is that of jethook"), "{report:#}");
    let denied = found(&report, "access", "failure");
    let secrets = denied.iter().find(|one| one["message"].as_str().unwrap().contains("secrets")).unwrap();
    let expected = format!("nobody may not get, list, watch secrets in namespace {}", stage.namespace);
    assert_eq!(secrets["message"], expected);
    let rule = "{apiGroups: [\"\"], resources: [secrets], verbs: [get, list, watch]}";
    assert!(secrets["remedy"].as_str().unwrap().contains(rule), "{report:#}");
    assert!(denied.len() >= 5, "one for each rule: {report:#}");
    assert!(failed(&report, "admin").0.contains(&nobody), "{report:#}");
    let (message, remedy) = failed(&report, "endpoints");
    assert!(message.contains(&format!("{}/github is not Ready, SecretNotFound", stage.namespace)), "{message}");
    assert!(remedy.contains("It heals when the Secret appears"), "{remedy}");
    assert!(found(&report, "endpoints", "warning")[0]["message"].as_str().unwrap().contains("/paused is suspended"));
    assert!(failed(&report, "public-url").0.contains("something else than the receiver"), "{report:#}");
    let faults = found(&report, "stream", "failure");
    let says = |part: &str| faults.iter().any(|one| one["message"].as_str().unwrap().contains(part));
    assert!(says("storage is memory") && says("does not capture"), "{report:#}");
}

#[test]
fn doctor_tells_what_does_not_answer() {
    let stage = Stage::new();
    let address = free_address();
    let (nats_url, public) = (format!("nats://{address}"), format!("https://{}", free_address()));
    let (code, report) = doctor(&stage, &["--nats-url", &nats_url, "--public-url", &public]);
    assert_eq!(code, 1);
    let (message, remedy) = failed(&report, "server");
    assert!(message.contains(&address.to_string()) && remedy.contains("--skip nats"), "{report:#}");
    assert!(failed(&report, "public-url").0.contains("can't be reached"), "{report:#}");
    // Its user may not list pods.
    assert!(found(&report, "pods", "warning")[0]["remedy"].as_str().unwrap().contains("--admin-url"), "{report:#}");

    let kubeconfig = stage.folder.join("gone.kubeconfig");
    let server = format!("https://127.0.0.1:{}", free_port());
    let text = fs::read_to_string(stage.server().kubeconfig("admin")).unwrap();
    let (before, after) = text.split_once("server: '").unwrap();
    fs::write(&kubeconfig, format!("{before}server: '{server}'{}", after.split_once('\'').unwrap().1)).unwrap();
    let gone = ["--kubeconfig", kubeconfig.to_str().unwrap(), "--skip", "nats,public-url"];
    let (code, report) = doctor(&stage, &gone);
    assert_eq!(code, 1);
    failed(&report, "apiserver");
    assert!(report["checks"].as_array().unwrap().len() == 1, "nothing else is asked of it: {report:#}");
}

#[test]
fn doctor_tells_that_the_crd_is_missing_or_old() {
    let cluster = Cluster::take();
    let kubeconfig = cluster.server.kubeconfig("admin");
    let look = || {
        let skip = "nats,public-url,rights,replicas";
        let ran = run("doctor", &["--kubeconfig", kubeconfig.to_str().unwrap(), "--skip", skip, "-o", "json"]);
        (ran.code, serde_json::from_str::<Value>(&ran.stdout).unwrap())
    };
    let (code, report) = look();
    assert_eq!(code, 1);
    let (message, remedy) = failed(&report, "crd");
    assert!(message.contains("is not installed") && remedy.contains("jethook crd |"), "{report:#}");
    assert!(failed(&report, "provider-crd").0.contains("clusterwebhookproviders.jethook.dev is not installed"));
    failed(&report, "endpoints");
    cluster.crds();
    assert_eq!(look().0, 0, "{:#}", look().1);
    let field = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/timestampTolerance";
    let patch = json!([{"op": "remove", "path": field}]).to_string();
    cluster.kubectl(&["patch", "crd", "webhookendpoints.jethook.dev", "--type=json", "--patch", &patch], "").ok();
    let (code, report) = look();
    assert_eq!(code, 1);
    assert!(failed(&report, "crd").0.contains("lacks spec.timestampTolerance"), "{report:#}");
}

/// An address of this machine that an apiserver forwards to: it refuses loopback ones.
fn own_address() -> String {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent: the kernel only chooses the way.
    socket.connect("192.0.2.1:9").unwrap();
    socket.local_addr().unwrap().ip().to_string()
}

/// Makes a running pod that stands for an operator outside the cluster.
fn pod(stage: &Stage, name: &str, admin_port: u16) {
    let labels = json!({"app.kubernetes.io/part-of": "jethook", "app.kubernetes.io/component": "operator"});
    let ports = json!([{"name": "admin", "containerPort": admin_port}]);
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "nodeName": "node",
            "serviceAccountName": "jethook",
            "containers": [{"name": "jethook", "image": "jethook", "ports": ports}],
        },
    });
    let url = format!("/api/v1/namespaces/{}/pods", stage.namespace);
    let post = http::Request::post(&url).header("Content-Type", "application/json");
    stage.api(post.body(pod.to_string().into_bytes()).unwrap()).unwrap();
    let address = own_address();
    let status = json!({"status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}});
    let patch =
        http::Request::patch(format!("{url}/{name}/status")).header("Content-Type", "application/merge-patch+json");
    stage.api(patch.body(status.to_string().into_bytes()).unwrap()).unwrap();
    let claim = json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "spool-jethook-7", "labels": labels},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    });
    let url = format!("/api/v1/namespaces/{}/persistentvolumeclaims", stage.namespace);
    let post = http::Request::post(url).header("Content-Type", "application/json");
    stage.api(post.body(claim.to_string().into_bytes()).unwrap()).unwrap();
}

#[test]
fn replicas_are_asked_through_the_apiserver() {
    let stage = Stage::new();
    let port = free_port();
    let operator = stage.operator(&["--admin-listen", &format!(":{port}")]);
    stage.github("github", json!({}));
    stage.ready("github");
    operator.send_until(200, "a push is stored", &stage.push("github", "1"));
    pod(&stage, "jethook-0", port);
    let kubeconfig = stage.server().kubeconfig("admin");
    let kubeconfig = kubeconfig.to_str().unwrap();
    let place = ["--kubeconfig", kubeconfig, "--operator-namespace", &stage.namespace];
    let (code, report) = doctor(&stage, &[&place[..], &["--skip", "nats,public-url"]].concat());
    assert_eq!(code, 1, "the pods' account has no rights: {report:#}");
    let name = format!("{}/jethook-0", stage.namespace);
    assert_eq!(found(&report, "ready", "pass")[0]["message"], format!("{name} is ready"), "{report:#}");
    assert_eq!(found(&report, "leader", "pass").len(), 1, "{report:#}");
    let account = format!("system:serviceaccount:{}:jethook may not", stage.namespace);
    let denied = found(&report, "access", "failure");
    assert!(denied.iter().all(|one| one["message"].as_str().unwrap().starts_with(&account)), "{report:#}");
    let spool = found(&report, "spool", "warning");
    assert!(spool[0]["message"].as_str().unwrap().contains("without its pod jethook-7"), "{report:#}");

    let ran = run("status", &[&place[..], &["--namespace", &stage.namespace, "-o", "json"]].concat());
    let overview: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(overview["replicas"], json!([name]), "{overview:#}");
    assert_eq!(overview["endpoints"][0]["outcomes"]["stored"], 1, "{overview:#}");
}

fn status(kubeconfig: &Path, stage: &Stage, admin: &str, more: &[&str]) -> Ran {
    let kubeconfig = kubeconfig.to_str().unwrap();
    let flags = ["--kubeconfig", kubeconfig, "--namespace", &stage.namespace, "--admin-url", admin];
    run("status", &[&flags[..], more].concat())
}

#[test]
fn status_shows_url_conditions_outcomes_and_keys() {
    let stage = Stage::new();
    let operator = stage.operator(&["--public-url", "https://hooks.example.com"]);
    stage.secret("next", &[("secret", "not at the provider yet")]);
    stage.github("github", json!({"secretRefs": [{"name": "github"}, {"name": "next"}]}));
    stage.endpoint("broken", json!({"provider": "github", "secretRefs": [{"name": "absent"}]}));
    stage.ready("github");
    stage.expect("broken", "Ready", "False", "SecretNotFound");
    for id in ["1", "2"] {
        operator.send_until(200, "a push is stored", &stage.push("github", id));
    }
    let mut forged = stage.push("github", "3");
    forged.body.push(b' ');
    assert_eq!(operator.send(&forged).status, 401);
    let (kubeconfig, admin) = (apiserver().kubeconfig("admin"), format!("http://{}", operator.admin));
    let ran = status(&kubeconfig, &stage, &admin, &["github", "-o", "json"]);
    let overview: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr));
    let endpoint = &overview["endpoints"][0];
    assert_eq!(overview["endpoints"].as_array().unwrap().len(), 1, "{overview:#}");
    assert_eq!(endpoint["url"], format!("https://hooks.example.com{}", stage.path("github")));
    assert_eq!(endpoint["outcomes"], json!({"stored": 2, "unauthorized": 1}), "{overview:#}");
    assert!(
        endpoint["lastStored"].is_string() && endpoint["conditions"].as_array().unwrap().len() >= 5,
        "{overview:#}"
    );
    let keys = endpoint["keys"].as_array().unwrap();
    let used = |name: &str| keys.iter().find(|key| key["name"] == name).unwrap()["lastUsed"].is_string();
    assert!(used("github") && !used("next"), "{overview:#}");

    let text = status(&kubeconfig, &stage, &admin, &[]).stdout;
    let path = stage.path("github");
    for line in [
        format!("{}/github  github  Ready\n  url        https://hooks.example.com{path}\n", stage.namespace),
        "  outcomes   2 stored, 1 unauthorized\n".to_owned(),
        "  key        next/secret not used\n".to_owned(),
        format!("{}/broken  github  not Ready\n", stage.namespace),
        "  condition  ResolvedRefs=False SecretNotFound: ".to_owned(),
        "  outcomes   none\n".to_owned(),
    ] {
        assert!(text.contains(&line), "{line:?} is not in {text}");
    }
    let ran = status(&kubeconfig, &stage, &admin, &["gihub"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("there is no endpoint \"gihub\""), "{}", ran.stderr);
}

#[test]
fn both_work_without_a_cluster() {
    let stage = Stage::of_files();
    let operator = stage.operator(&[]);
    stage.github("github", json!({}));
    stage.ready("github");
    operator.send_until(200, "a push is stored", &stage.push("github", "1"));
    let admin = format!("http://{}", operator.admin);
    let ran = run("status", &["--admin-url", &admin]);
    assert!(
        ran.stdout.contains(&format!("{}/github  github  Ready\n", stage.namespace)),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    assert!(ran.stdout.contains("  outcomes   1 stored\n"), "{}", ran.stdout);
    let (code, report) = doctor(&stage, &["--admin-url", &admin, "--skip", "public-url"]);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(found(&report, "endpoints", "pass").len(), 1, "{report:#}");
    assert!(found(&report, "access", "pass").is_empty(), "there is nobody to ask: {report:#}");
}
