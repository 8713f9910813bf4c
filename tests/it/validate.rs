//! One table of good and bad manifests, judged offline and by a real apiserver: verdict and field must agree.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use http_body_util::BodyExt;
use jethook::api::manifest;
use serde_json::{Value, json};

use crate::support::apiserver::apiserver;

/// A file of the table.
struct Fixture {
    name: String,
    manifest: Value,
    /// The fields that must be found at fault, from its lines `# expect: FIELD`; none in a good one.
    expected: BTreeSet<String>,
}

fn fixtures() -> Vec<Fixture> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/validate");
    let mut files: Vec<PathBuf> = ["good", "bad"]
        .iter()
        .flat_map(|folder| fs::read_dir(root.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.into_iter().map(|file| fixture(&file)).collect()
}

fn fixture(file: &Path) -> Fixture {
    let text = fs::read_to_string(file).unwrap();
    let name = file.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string();
    let expected: BTreeSet<String> =
        text.lines().filter_map(|line| line.strip_prefix("# expect: ")).map(ToOwned::to_owned).collect();
    assert_eq!(
        name.contains("/bad/"),
        !expected.is_empty(),
        "{name}: bad ones say `# expect: FIELD`, good ones do not"
    );
    let mut manifests = manifest::read(&text).unwrap();
    assert_eq!(manifests.len(), 1, "{name}: one object a file");
    Fixture { name, manifest: manifests.remove(0).value(), expected }
}

#[test]
fn each_fixture_is_judged_as_it_says() {
    let mut wrong = Vec::new();
    for fixture in fixtures() {
        let found = jethook::api::validate(&fixture.manifest);
        let fields: BTreeSet<String> = found.iter().map(|fault| fault.field.clone()).collect();
        if fields != fixture.expected {
            wrong.push(format!("{}: expected {:?}, found {found:#?}", fixture.name, fixture.expected));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_good_can_be_read() {
    let mut count = 0;
    for fixture in fixtures().iter().filter(|fixture| fixture.expected.is_empty()) {
        if fixture.manifest["kind"] == "WebhookEndpoint" {
            jethook::api::endpoint(&fixture.manifest).unwrap_or_else(|faults| panic!("{}: {faults:?}", fixture.name));
            count += 1;
        }
    }
    assert!(count > 5);
}

/// What an apiserver's answer says of the fields at fault.
#[derive(Debug)]
enum Told {
    /// These.
    Exactly(BTreeSet<String>),
    /// One at or below this.
    Under(String),
    /// None: it has no words for where.
    Nothing,
}

impl Told {
    fn of(status: &Value) -> Self {
        let message = status["message"].as_str().unwrap_or_default();
        let causes: BTreeSet<String> = status
            .pointer("/details/causes")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(field)
            .collect();
        let unknown: BTreeSet<String> = message
            .split("unknown field \"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .map(ToOwned::to_owned)
            .collect();
        if !causes.is_empty() {
            Self::Exactly(causes)
        } else if !unknown.is_empty() {
            Self::Exactly(unknown)
        } else if let Some((_, rest)) = message.split_once("into Go struct field ") {
            let (kind, field) = rest.split(' ').next().unwrap().split_once('.').unwrap();
            Self::Under(if kind == "ObjectMeta" { format!("metadata.{field}") } else { field.to_owned() })
        } else {
            Self::Nothing
        }
    }

    fn agrees(&self, expected: &BTreeSet<String>) -> bool {
        match self {
            Self::Exactly(fields) => fields == expected,
            Self::Under(parent) => expected.iter().all(|field| field.starts_with(parent.as_str())),
            Self::Nothing => true,
        }
    }
}

/// The field of a cause; none where it only says that there may be more.
fn field(cause: &Value) -> Option<String> {
    let (field, message) = (cause["field"].as_str()?, cause["message"].as_str()?);
    let is_remark =
        message.contains("some validation rules were not checked") || message.contains("Checked value must be");
    match field {
        "<nil>" if is_remark => None,
        // It has no path for a rule about the name.
        "<nil>" => Some("metadata.name".to_owned()),
        field => Some(field.to_owned()),
    }
}

#[tokio::test]
async fn a_real_apiserver_judges_each_fixture_the_same() {
    let (namespace, client) = apiserver().namespace().await;
    let mut wrong = Vec::new();
    for fixture in fixtures() {
        let version = fixture.manifest["apiVersion"].as_str().unwrap();
        let path = match version {
            "v1" => format!("/api/v1/namespaces/{namespace}/secrets"),
            version if fixture.manifest["kind"] == "ClusterWebhookProvider" => {
                format!("/apis/{version}/clusterwebhookproviders")
            }
            version => format!("/apis/{version}/namespaces/{namespace}/webhookendpoints"),
        };
        let request = http::Request::post(format!("{path}?dryRun=All&fieldValidation=Strict"))
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(serde_json::to_vec(&fixture.manifest).unwrap().into())
            .unwrap();
        let answer = client.send(request).await.unwrap();
        let is_good = answer.status().is_success();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        if is_good != fixture.expected.is_empty() {
            wrong.push(format!("{}: {}", fixture.name, String::from_utf8_lossy(&body)));
        } else if !is_good {
            let status: Value = serde_json::from_slice(&body).unwrap_or_default();
            let told = Told::of(&status);
            if !told.agrees(&fixture.expected) {
                wrong.push(format!("{}: expected {:?}, told {told:?}: {status}", fixture.name, fixture.expected));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_list_of_a_hundred_thousand_costs_no_more_than_reading_it() {
    let began = std::time::Instant::now();
    for (field, list) in [
        ("events", json!(vec!["a"; 100_000])),
        ("secretRefs", json!(vec![json!({"name": "a"}); 50_000])),
        ("sourceRanges", json!(vec!["no range"; 50_000])),
    ] {
        let mut spec = json!({"provider": "github"});
        spec[field] = list;
        let endpoint = json!({
            "apiVersion": "jethook.dev/v1alpha1", "kind": "WebhookEndpoint", "metadata": {"name": "a", "namespace": "b"}, "spec": spec,
        });
        let faults = jethook::api::validate(&endpoint);
        assert!(faults.iter().any(|fault| fault.field == format!("spec.{field}")), "{field}: {:?}", faults.first());
        assert!(faults.len() <= 201, "{field}: {}", faults.len());
    }
    // All with all took minutes.
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
}
