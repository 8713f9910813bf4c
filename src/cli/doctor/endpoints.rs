//! Which endpoints are not Ready, and why.

use serde_json::Value;

use super::report::Section;
use super::text;
use crate::api::Reason;
use crate::cli::page;
use crate::cli::replicas::{Replica, escaped};
use crate::config::RunConfig;

/// The endpoints that the operator serves: of the cluster, or as a replica in manifests mode shows them.
pub(super) async fn list(
    config: &RunConfig,
    client: Option<&kube::Client>,
    replicas: &[Replica],
) -> Result<Vec<Value>, String> {
    let Some(client) = client else {
        let Some(replica) = replicas.first() else { return Ok(Vec::new()) };
        let shown = replica.get("/endpoints").await?.json()?;
        return Ok(shown.as_array().cloned().unwrap_or_default());
    };
    let selector = config.source.endpoint_selector.as_deref().unwrap_or_default();
    let places: Vec<String> = match config.source.watch_namespaces.as_slice() {
        [] => vec![String::new()],
        namespaces => namespaces.iter().map(|name| format!("namespaces/{name}/")).collect(),
    };
    let mut all = Vec::new();
    for place in places {
        let path = format!("/apis/jethook.dev/v1alpha1/{place}webhookendpoints?labelSelector={}", escaped(selector));
        let list = page::get_from(client, &path).await?.json()?;
        all.extend(list.pointer("/items").and_then(Value::as_array).cloned().unwrap_or_default());
    }
    Ok(all)
}

/// Tells those that are not Ready.
pub(super) fn check(listed: &Result<Vec<Value>, String>, section: &mut Section<'_>) {
    let endpoints = match listed {
        Ok(endpoints) => endpoints,
        Err(error) => {
            let remedy = "see that the CRD is installed and that you may list webhookendpoints";
            section.fail("endpoints", format!("the endpoints can't be listed: {error}"), remedy);
            return;
        }
    };
    let mut ready = 0_usize;
    for endpoint in endpoints {
        let name = format!("{}/{}", text(endpoint, "/metadata/namespace"), text(endpoint, "/metadata/name"));
        match fault(endpoint) {
            None if reason(endpoint) == Reason::Suspended.name() => {
                let remedy = "set spec.suspend to false to serve it";
                section.warn("endpoints", format!("{name} is suspended: senders get 503"), remedy);
            }
            None => ready += 1,
            Some((message, remedy)) => section.fail("endpoints", format!("{name} {message}"), remedy),
        }
    }
    if ready > 0 || endpoints.is_empty() {
        section.pass("endpoints", format!("{ready} of {} endpoints are Ready and serve", endpoints.len()));
    }
}

/// What is wrong with an endpoint and how to mend it.
fn fault(endpoint: &Value) -> Option<(String, String)> {
    let generation = endpoint.pointer("/metadata/generation");
    let seen = endpoint.pointer("/status/observedGeneration");
    let Some(ready) = condition(endpoint, "Ready").filter(|_| generation.is_none() || seen == generation) else {
        let remedy =
            "see that a replica serves its namespace and labels (--watch-namespaces, --endpoint-selector) and leads";
        return Some(("has no status for its spec: no operator has seen it".to_owned(), remedy.to_owned()));
    };
    if text(ready, "/status") == "True" {
        return None;
    }
    let reason = text(ready, "/reason");
    let known = Reason::ALL.iter().find(|one| one.name() == reason);
    let remedy = known.map_or("kubectl describe tells more", |known| known.doc().trim());
    Some((format!("is not Ready, {reason}: {}", text(ready, "/message")), remedy.to_owned()))
}

fn reason(endpoint: &Value) -> &str {
    condition(endpoint, "Ready").map(|ready| text(ready, "/reason")).unwrap_or_default()
}

fn condition<'a>(endpoint: &'a Value, of: &str) -> Option<&'a Value> {
    let conditions = endpoint.pointer("/status/conditions").and_then(Value::as_array)?;
    conditions.iter().find(|condition| text(condition, "/type") == of)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn endpoint(observed: u64, status: &str, reason: &str) -> Value {
        json!({
            "metadata": {"namespace": "shop", "name": "hook", "generation": 2},
            "status": {
                "observedGeneration": observed,
                "conditions": [{"type": "Ready", "status": status, "reason": reason, "message": "why"}],
            },
        })
    }

    #[test]
    fn an_endpoint_is_at_fault_unless_the_operator_says_of_this_very_spec_that_it_is_ready() {
        assert_eq!(fault(&endpoint(2, "True", "Ready")), None);
        assert_eq!(fault(&endpoint(2, "True", "Suspended")), None);
        let (message, remedy) = fault(&endpoint(2, "False", "SecretNotFound")).unwrap();
        assert_eq!(message, "is not Ready, SecretNotFound: why");
        assert!(remedy.contains("It heals when the Secret appears"), "{remedy}");
        let (message, _) = fault(&endpoint(1, "True", "Ready")).unwrap();
        assert!(message.contains("no operator has seen it"), "{message}");
        assert!(fault(&json!({"metadata": {"generation": 1}})).is_some());
    }
}
