//! What helm makes of the chart.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use super::values;
use crate::support::apiserver::tool;
use crate::support::kubectl::Said;
use crate::support::reaper;

/// The values whose renders are kept, by name.
pub fn sets() -> Vec<String> {
    let entries = fs::read_dir(root().join("tests/chart")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "yaml"));
    let mut names: Vec<_> = paths.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    assert!(names.len() >= 8, "{names:?}");
    names
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn set_path(name: &str) -> PathBuf {
    root().join(format!("tests/chart/{name}.yaml"))
}

/// Runs helm, with nothing of what this user has configured for it.
#[track_caller]
pub fn helm<I: AsRef<std::ffi::OsStr>>(arguments: &[I]) -> Said {
    static HOME: OnceLock<PathBuf> = OnceLock::new();
    let home = HOME.get_or_init(|| reaper::folder("helm"));
    let mut command = Command::new(tool("helm"));
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "KUBECONFIG"] {
        command.env_remove(name);
    }
    for name in ["HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME"] {
        command.env(name, home);
    }
    let output = command.args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// `helm template` of the chart as release `jethook` in namespace `jethook`.
#[track_caller]
pub fn template(arguments: &[&str]) -> Said {
    let chart = values::folder();
    let fixed = ["template", "jethook", chart.to_str().unwrap(), "--namespace", "jethook", "--kube-version", "1.37.0"];
    helm(&fixed.into_iter().chain(arguments.iter().copied()).collect::<Vec<_>>())
}

/// The render of a value set; made once.
#[track_caller]
pub fn rendered(name: &str) -> &'static str {
    static ALL: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    let render = |name: String| {
        let text = template(&["--values", set_path(&name).to_str().unwrap()]).ok();
        (name, text)
    };
    &ALL.get_or_init(|| sets().into_iter().map(render).collect())[name]
}

/// The objects of a render.
#[track_caller]
pub fn objects(text: &str) -> Vec<Value> {
    let options = serde_saphyr::options! { with_snippet: false, legacy_octal_numbers: true };
    let parse = |document: &str| {
        serde_saphyr::from_str_with_options::<Value>(document, options.clone())
            .unwrap_or_else(|error| panic!("{error}:\n{document}"))
    };
    documents(text).iter().map(|document| parse(document)).filter(|object| !object.is_null()).collect()
}

fn documents(text: &str) -> Vec<&str> {
    text.split("\n---\n").map(|document| document.trim_start_matches("---\n")).collect()
}

/// The only object of a kind and name.
#[track_caller]
pub fn object<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let mut found = objects.iter().filter(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    let first = found.next().unwrap_or_else(|| panic!("no {kind} {name}"));
    assert!(found.next().is_none(), "two of {kind} {name}");
    first
}

/// The container of the operator.
#[track_caller]
pub fn container(objects: &[Value]) -> &Value {
    let mut workloads =
        objects.iter().filter(|object| object["kind"] == "Deployment" || object["kind"] == "StatefulSet");
    let is_ours = |object: &&Value| object["metadata"]["labels"]["app.kubernetes.io/component"] == "operator";
    let workload = workloads.find(is_ours).unwrap();
    let containers = workload["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    containers.iter().find(|container| container["name"] == "jethook").unwrap()
}

/// The texts of a list.
pub fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().map(|item| item.as_str().unwrap()).collect()
}

/// A render as it is kept: without what the CRDs and the dashboard say, which are files of their own, and with the random
/// key of the test masked.
fn kept(text: &str) -> String {
    let mut kept = String::new();
    for document in documents(text).into_iter().filter(|document| !document.trim().is_empty()) {
        let source = document.lines().next().unwrap_or_default();
        let body = match source.rsplit('/').next() {
            Some("crds.yaml") if document.contains("\nkind: CustomResourceDefinition\n") => "\nspec:\n",
            Some("dashboard.yaml") => "\n  jethook.json: ",
            _ => "\0",
        };
        if let Some((head, _)) = document.split_once(body) {
            kept.push_str(&format!("---\n{head}{body}  …\n"));
            continue;
        }
        let key = document.split("stringData:\n  secret: ").nth(1).map(|rest| rest.lines().next().unwrap());
        let document = key.map_or(document.to_owned(), |key| document.replace(key, "RANDOM"));
        kept.push_str(&format!("---\n{}\n", document.trim_end()));
    }
    kept
}

#[test]
fn the_renders_are_the_kept_ones() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut changed = Vec::new();
    for name in sets() {
        let (path, text) = (root().join(format!("tests/chart/golden/{name}.yaml")), kept(rendered(&name)));
        if update {
            fs::write(&path, &text).unwrap();
        } else if let Some(difference) = difference(&path, &text) {
            changed.push(format!("{name}: {difference}"));
        }
    }
    assert!(changed.is_empty(), "{}\n`UPDATE=1 make test-chart` keeps the new renders", changed.join("\n"));
}

/// The first line at which a file differs from a text.
fn difference(path: &Path, text: &str) -> Option<String> {
    let kept = fs::read_to_string(path).unwrap_or_default();
    if kept == text {
        return None;
    }
    let (mut old, mut new) = (kept.lines(), text.lines());
    let mut number = 0;
    loop {
        number += 1;
        let (old, new) = (old.next(), new.next());
        if old != new || old.is_none() {
            return Some(format!("line {number} was {old:?}, is {new:?}"));
        }
    }
}

#[test]
fn helm_finds_nothing_to_complain_of() {
    let chart = values::folder();
    let mut arguments = vec!["lint".to_owned(), "--strict".to_owned(), chart.display().to_string()];
    for name in sets() {
        arguments.push("--values".to_owned());
        arguments.push(set_path(&name).display().to_string());
        helm(&arguments).ok();
        arguments.truncate(3);
    }
}

#[test]
fn what_cannot_work_is_refused_in_a_sentence() {
    let nats = "jetstream.url=nats://nats:4222";
    for (settings, expected) in [
        (&[][..], "--set nats.enabled=true"),
        (&[nats, "nats.enabled=true"], "jetstream.url and nats.enabled exclude each other"),
        (&["nats.enabled=true", "stream.replicas=3"], "the NATS of nats.enabled is one server"),
        (&[nats, "replicaCout=3"], "additional properties 'replicaCout' not allowed"),
        (&[nats, "receiver.tls.secret=x"], "additional properties 'secret' not allowed"),
        (&[nats, "secretAccess=list"], "value must be one of 'watch', 'get'"),
        (&[nats, "terminationGracePeriodSeconds=10"], "minimum: got 10, want 40"),
        (&[nats, "spool.enabled=true", "autoscaling.enabled=true"], "would leave its spool unsent"),
        (
            &[nats, "jetstream.credentials.secretName=a", "jetstream.token.secretName=b"],
            "leave one way to authenticate to NATS",
        ),
        (&[nats, "jetstream.tls.ca.secretName=a", "jetstream.tls.ca.configMapName=b"], "leave one out"),
        (&[nats, "jetstream.domain=a", "jetstream.apiPrefix=b"], "leave one out"),
        (&[nats, "kubeconfig.secretName=a", "manifests.secretName=b"], "from a cluster or from files"),
        (&[nats, "receiver.tls.clientCaSecretName=a"], "needs receiver.tls.secretName"),
        (&[nats, "receiver.proxyProtocol=true"], "needs receiver.trustedProxies"),
        (&[nats, "httpRoute.enabled=true"], "httpRoute.parentRefs is empty"),
        (
            &[nats, "metrics.serviceMonitor.enabled=true", "metrics.podMonitor.enabled=true"],
            "everything would be scraped twice",
        ),
    ] {
        let arguments: Vec<_> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        let said = template(&arguments).refused();
        assert!(said.contains(expected), "{settings:?}: {said}");
    }
}

#[test]
fn with_namespaces_and_without_crds_nothing_is_cluster_scoped() {
    let cluster_scoped = ["ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "PriorityClass"];
    let kinds = |name: &str| -> Vec<_> {
        objects(rendered(name)).iter().map(|object| object["kind"].as_str().unwrap().to_owned()).collect()
    };
    let found = kinds("namespaces");
    assert!(found.contains(&"Role".to_owned()), "{found:?}");
    assert!(found.iter().all(|kind| !cluster_scoped.contains(&kind.as_str())), "{found:?}");
    for object in objects(rendered("namespaces")) {
        assert!(object["metadata"]["namespace"].is_string(), "{object}");
    }
    // The same check does see them where they are.
    assert!(kinds("minimal").iter().any(|kind| cluster_scoped.contains(&kind.as_str())));
}

#[test]
fn pods_leave_their_ids_to_openshift() {
    let set = set_path("nats");
    let arguments = ["--values", set.to_str().unwrap(), "--api-versions", "security.openshift.io/v1"];
    for (arguments, expected) in [(&arguments[..2], true), (&arguments[..], false)] {
        let objects = objects(&template(arguments).ok());
        let workloads = ["jethook", "jethook-nats"].map(|name| {
            let is_it = |object: &&Value| object["metadata"]["name"] == name && object["spec"]["template"].is_object();
            objects.iter().find(is_it).unwrap()["spec"]["template"]["spec"]["securityContext"].clone()
        });
        for context in workloads {
            assert_eq!(context["runAsUser"].is_number() && context["fsGroup"].is_number(), expected, "{context}");
            assert_eq!(context["runAsNonRoot"], true, "{context}");
        }
    }
}

#[test]
fn the_nats_of_the_chart_takes_its_configuration() {
    let all = objects(rendered("nats"));
    let folder = reaper::folder("nats-conf");
    let path = folder.join("nats.conf");
    let text = object(&all, "ConfigMap", "jethook-nats")["data"]["nats.conf"].as_str().unwrap().to_owned();
    let check = |text: &str| {
        fs::write(&path, text).unwrap();
        let mut command = Command::new(tool("nats-server"));
        command.arg("-t").arg("--config").arg(&path).env("POD_NAME", "jethook-nats-0");
        command.output().unwrap().status.success()
    };
    assert!(text.contains("jetstream") && check(&text), "{text}");
    assert!(!check(&text.replace("max_payload", "max_payloads")));
}
