//! The apiserver, its clock and the `CustomResourceDefinition`.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::report::Section;
use super::text;
use crate::cli::page::{self, Page};
use crate::controller::kube::Cluster;

/// The oldest minor version of Kubernetes 1 that is supported.
const MINOR_MIN: u64 = 33;
/// Clocks further apart are told; senders' signatures bear a few minutes.
const CLOCK_OFF_MAX_SECONDS: u64 = 30;
const DEFINITION: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/webhookendpoints.jethook.dev";
const APPLY: &str = "apply the CRD of this version: jethook crd | kubectl apply --server-side --filename -";

/// Whether the apiserver answers, how old it is and what its clock says.
pub(super) async fn server(cluster: &Cluster, section: &mut Section<'_>) -> bool {
    let found = page::get_from(&cluster.client, "/version").await;
    let now = Timestamp::now();
    let version = match found.as_ref().map_err(Clone::clone).and_then(Page::json) {
        Ok(version) => version,
        Err(error) => {
            let remedy =
                "see that the kubeconfig names the right cluster and that its credentials hold (kubectl version)";
            section.fail("apiserver", format!("the apiserver can't be asked: {error}"), remedy);
            return false;
        }
    };
    let name = text(&version, "/gitVersion");
    match minor(&version) {
        Some(minor) if minor < MINOR_MIN => {
            let remedy = format!("upgrade the cluster to 1.{MINOR_MIN} or later");
            section.fail("apiserver", format!("the apiserver is {name}, older than 1.{MINOR_MIN}"), remedy);
        }
        _ => section.pass("apiserver", format!("the apiserver answers, {name}")),
    }
    if let Some(date) = found.ok().and_then(|page| page.date) {
        let off = now.duration_since(date).unsigned_abs().as_secs();
        if off > CLOCK_OFF_MAX_SECONDS {
            let remedy = "set the clock by NTP; times that senders sign are compared with the replicas' clocks";
            section.fail("clock", format!("the clock here is {off} s away from the apiserver's"), remedy);
        } else {
            section.pass("clock", "the clock agrees with the apiserver's");
        }
    }
    true
}

/// `None` where the server does not say: it is no reason to fail.
fn minor(version: &Value) -> Option<u64> {
    let digits: String = text(version, "/minor").chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Whether the definition is there and is the one of this version.
pub(super) async fn definition(cluster: &Cluster, section: &mut Section<'_>) {
    let found = match page::get_from(&cluster.client, DEFINITION).await {
        Ok(page) if page.status == 404 => {
            section.fail("crd", "the CRD webhookendpoints.jethook.dev is not installed", APPLY);
            return;
        }
        // The operator itself has no right to read it.
        Ok(page) if page.status == 403 => return served(cluster, section).await,
        other => other.and_then(|page| page.json()),
    };
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            section.fail(
                "crd",
                format!("the CRD can't be read: {error}"),
                "see that the apiserver is well, and try again",
            );
            return;
        }
    };
    if !is_established(&found) {
        let remedy = "kubectl describe crd webhookendpoints.jethook.dev tells why";
        section.fail("crd", "the CRD is installed and not served", remedy);
        return;
    }
    let own = serde_json::to_value(crate::api::crd()).unwrap_or_default();
    let (own, theirs) = (fields(&own), fields(&found));
    let listed = |names: Vec<&String>| names.into_iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    let (missing, more): (Vec<_>, Vec<_>) = (own.difference(&theirs).collect(), theirs.difference(&own).collect());
    if !missing.is_empty() {
        let message =
            format!("the CRD is older than jethook {}: it lacks {}", env!("CARGO_PKG_VERSION"), listed(missing));
        section.fail("crd", message, APPLY);
    } else if !more.is_empty() {
        let message = format!("the CRD is newer than jethook {}: it has {}", env!("CARGO_PKG_VERSION"), listed(more));
        section.warn(
            "crd",
            message,
            "use the jethook of the operator's version; a newer CRD does an older operator no harm",
        );
    } else {
        section.pass("crd", format!("the CRD is that of jethook {}", env!("CARGO_PKG_VERSION")));
    }
}

async fn served(cluster: &Cluster, section: &mut Section<'_>) {
    match page::get_from(&cluster.client, "/apis/jethook.dev/v1alpha1").await.and_then(|page| page.json()) {
        Ok(_) => section.pass("crd", "the CRD is served (its fields can't be compared without the right to read it)"),
        Err(error) => section.fail("crd", format!("the CRD is not served: {error}"), APPLY),
    }
}

fn is_established(definition: &Value) -> bool {
    let conditions = definition.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|one| text(one, "/type") == "Established" && text(one, "/status") == "True")
}

/// The paths of the fields of `v1alpha1`.
fn fields(definition: &Value) -> BTreeSet<String> {
    let versions = definition.pointer("/spec/versions").and_then(Value::as_array);
    let version = versions.into_iter().flatten().find(|version| text(version, "/name") == "v1alpha1");
    let mut found = BTreeSet::new();
    if let Some(schema) = version.and_then(|version| version.pointer("/schema/openAPIV3Schema")) {
        walk(schema, "", &mut found);
    }
    found
}

fn walk(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        walk(field, &path, found);
        found.insert(path);
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(schema) = schema.get(inner) {
            walk(schema, path, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_minor_version_may_have_a_sign_behind_it() {
        assert_eq!(minor(&json!({"minor": "33+"})), Some(33));
        assert_eq!(minor(&json!({"minor": ""})), None);
    }

    #[test]
    fn fields_of_a_definition_are_found_at_any_depth() {
        let found = fields(&serde_json::to_value(crate::api::crd()).unwrap());
        for path in
            ["spec.provider", "spec.secretRefs.name", "spec.verification.keys.description", "status.conditions.type"]
        {
            assert!(found.contains(path), "{path} is not in {found:?}");
        }
    }
}
