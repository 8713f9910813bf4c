//! The apiserver, its clock and the `CustomResourceDefinition`.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

use super::report::Section;
use super::text;
use crate::api;
use crate::cli::page::{self, Page};
use crate::controller::kube::Cluster;

/// The oldest minor version of Kubernetes 1 that is supported.
const MINOR_MIN: u64 = 33;
/// Clocks further apart are told; senders' signatures bear a few minutes.
const CLOCK_OFF_MAX_SECONDS: u64 = 30;
const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
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

/// Whether the definitions are there and are those of this version: that of endpoints, and where the cluster's own
/// providers are read theirs.
pub(super) async fn definitions(cluster: &Cluster, reads_providers: bool, section: &mut Section<'_>) {
    definition(cluster, "crd", "webhookendpoints", api::crd(), section).await;
    if reads_providers {
        definition(cluster, "provider-crd", "clusterwebhookproviders", api::provider_crd(), section).await;
    }
}

async fn definition(
    cluster: &Cluster,
    check: &'static str,
    plural: &str,
    own: CustomResourceDefinition,
    section: &mut Section<'_>,
) {
    let name = format!("{plural}.jethook.dev");
    let found = match page::get_from(&cluster.client, &format!("{DEFINITIONS}/{name}")).await {
        Ok(page) if page.status == 404 => {
            section.fail(check, format!("the CRD {name} is not installed"), APPLY);
            return;
        }
        // The operator itself has no right to read it.
        Ok(page) if page.status == 403 => return served(cluster, check, plural, section).await,
        other => other.and_then(|page| page.json()),
    };
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            let remedy = "see that the apiserver is well, and try again";
            section.fail(check, format!("the CRD {name} can't be read: {error}"), remedy);
            return;
        }
    };
    if !is_established(&found) {
        let remedy = format!("kubectl describe crd {name} tells why");
        section.fail(check, format!("the CRD {name} is installed and not served"), remedy);
        return;
    }
    let own = serde_json::to_value(own).unwrap_or_default();
    let (own, theirs) = (fields(&own), fields(&found));
    let listed = |names: Vec<&String>| names.into_iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    let (missing, more): (Vec<_>, Vec<_>) = (own.difference(&theirs).collect(), theirs.difference(&own).collect());
    let version = env!("CARGO_PKG_VERSION");
    if !missing.is_empty() {
        let message = format!("the CRD {name} is older than jethook {version}: it lacks {}", listed(missing));
        section.fail(check, message, APPLY);
    } else if !more.is_empty() {
        let message = format!("the CRD {name} is newer than jethook {version}: it has {}", listed(more));
        let remedy = "use the jethook of the operator's version; a newer CRD does an older operator no harm";
        section.warn(check, message, remedy);
    } else {
        section.pass(check, format!("the CRD {name} is that of jethook {version}"));
    }
}

async fn served(cluster: &Cluster, check: &'static str, plural: &str, section: &mut Section<'_>) {
    let listed = page::get_from(&cluster.client, "/apis/jethook.dev/v1alpha1").await.and_then(|page| page.json());
    let name = format!("{plural}.jethook.dev");
    let is_listed = |list: &Value| {
        let resources = list.pointer("/resources").and_then(Value::as_array);
        resources.into_iter().flatten().any(|resource| text(resource, "/name") == plural)
    };
    match listed {
        Ok(list) if is_listed(&list) => {
            let message =
                format!("the CRD {name} is served (its fields can't be compared without the right to read it)");
            section.pass(check, message);
        }
        Ok(_) => section.fail(check, format!("the CRD {name} is not served"), APPLY),
        Err(error) => section.fail(check, format!("the CRD {name} is not served: {error}"), APPLY),
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
        let found = fields(&serde_json::to_value(api::crd()).unwrap());
        for path in
            ["spec.provider", "spec.secretRefs.name", "spec.verification.keys.description", "status.conditions.type"]
        {
            assert!(found.contains(path), "{path} is not in {found:?}");
        }
    }
}
