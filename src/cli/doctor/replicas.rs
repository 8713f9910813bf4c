//! The operator's pods: whether they are ready, what they see of NATS, who leads, and spools that nobody drains.

use std::collections::BTreeSet;

use serde_json::Value;

use super::report::Section;
use super::text;
use crate::cli::page;
use crate::cli::replicas::{Replica, ReplicaArgs, Sample, escaped, value_of};

/// What the claims of spools are called, before the name of the StatefulSet.
const SPOOL_CLAIM: &str = "spool-";
const PORT_REMEDY: &str = "see its log; the admin port is read through the apiserver, which takes the right to get \
                           pods/proxy, or straight with --admin-url";

/// Asks each replica. Where there is a Lease, one of them must hold it.
pub(super) async fn check(found: Result<Vec<Replica>, String>, has_lease: bool, section: &mut Section<'_>) {
    let replicas = match found {
        Ok(replicas) => replicas,
        Err(error) => {
            let remedy = "ask as a user who may list pods, or name the admin ports with --admin-url";
            section.warn("pods", format!("the operator's pods can't be listed: {error}"), remedy);
            return;
        }
    };
    if replicas.is_empty() {
        let remedy = "install the operator; where its pods have other labels, say so with --pod-selector";
        section.fail("pods", "no pod of the operator runs", remedy);
        return;
    }
    let (mut leaders, mut versions, mut silent) = (0_usize, BTreeSet::new(), 0_usize);
    for replica in &replicas {
        readiness(replica, section).await;
        match replica.samples().await {
            Err(error) => {
                silent += 1;
                section.fail("admin", format!("{} does not show its metrics: {error}", replica.name), PORT_REMEDY);
            }
            Ok(samples) => {
                leaders += usize::from(value_of(&samples, "jethook_leader") == Some(1.0));
                let build = samples.iter().find(|sample| sample.name == "jethook_build_info");
                versions.extend(build.map(|build| build.label("version").to_owned()));
                seen(replica, &samples, section);
            }
        }
    }
    if versions.len() > 1 {
        let versions = versions.into_iter().collect::<Vec<_>>().join(" and ");
        section.warn(
            "versions",
            format!("the replicas are of {versions}"),
            "wait for the rollout, or see why it stands",
        );
    }
    match leaders {
        1 => section.pass("leader", "one replica holds the Lease"),
        0 if has_lease && silent == 0 => section.fail(
            "leader",
            "no replica holds the Lease: no status is written and no stream made",
            "wait 15 s; then see the rights on leases above, and the replicas' logs",
        ),
        0 => {}
        _ => section.warn(
            "leader",
            format!("{leaders} replicas say that they lead"),
            "give operators in one namespace Leases of their own with --lease-name",
        ),
    }
}

/// What a replica's metrics tell of NATS and its spool.
fn seen(replica: &Replica, samples: &[Sample], section: &mut Section<'_>) {
    if value_of(samples, "jethook_nats_connected") == Some(0.0) {
        let remedy = "see its log for why; deliveries to it are answered 503, or spooled, until it is back";
        section.fail("nats", format!("{} is not connected to NATS", replica.name), remedy);
    }
    let spooled = |name: &str| value_of(samples, name).filter(|entries| *entries > 0.0);
    if let Some(refused) = spooled("jethook_spool_refused_entries") {
        let message = format!("{} events in the spool of {} are refused by their stream", refused, replica.name);
        section.fail(
            "spool",
            message,
            "its log says why (a stream that is full or gone, say); they are tried every minute",
        );
    } else if let Some(entries) = spooled("jethook_spool_entries") {
        let message = format!("{entries} events wait in the spool of {}", replica.name);
        section.warn("spool", message, "they go to their streams by themselves once NATS takes them");
    }
}

async fn readiness(replica: &Replica, section: &mut Section<'_>) {
    match replica.get("/readyz").await {
        Ok(page) if page.status == 200 => section.pass("ready", format!("{} is ready", replica.name)),
        Ok(page) if page.status == 503 && page.body.starts_with("not ready") => {
            let message = format!("{} is {}", replica.name, page.body.trim());
            section.fail(
                "ready",
                message,
                "a replica is ready once endpoints and Secrets are read and NATS was reached",
            );
        }
        Ok(page) => section.fail("ready", format!("{}: /readyz answers {}", replica.name, page.status), PORT_REMEDY),
        Err(error) => section.fail("ready", format!("{}: /readyz: {error}", replica.name), PORT_REMEDY),
    }
}

/// Tells volumes of spools whose pod is gone: what could not be sent before its end is sent when that ordinal returns.
pub(super) async fn spools(client: &kube::Client, args: &ReplicaArgs, section: &mut Section<'_>) {
    let place = args.operator_namespace.as_ref().map(|name| format!("namespaces/{name}/")).unwrap_or_default();
    let list = async |kind: &str| {
        let path = format!("/api/v1/{place}{kind}?labelSelector={}", escaped("app.kubernetes.io/component=operator"));
        page::get_from(client, &path).await.and_then(|page| page.json())
    };
    let (Ok(claims), Ok(pods)) = (list("persistentvolumeclaims").await, list("pods").await) else { return };
    for (namespace, claim, pod) in orphans(&claims, &pods) {
        let message = format!("volume claim {namespace}/{claim} is a spool without its pod {pod}; it may hold events");
        let remedy = "scale the StatefulSet up until that pod has drained its spool; then the claim may be deleted";
        section.warn("spool", message, remedy);
    }
}

/// Claims of spools whose pod does not exist: namespace, claim, pod.
fn orphans(claims: &Value, pods: &Value) -> Vec<(String, String, String)> {
    let names = |list: &Value| -> Vec<(String, String)> {
        let items = list.pointer("/items").and_then(Value::as_array);
        let name =
            |item: &Value| (text(item, "/metadata/namespace").to_owned(), text(item, "/metadata/name").to_owned());
        items.into_iter().flatten().map(name).collect()
    };
    let pods = names(pods);
    let orphan = |(namespace, claim): (String, String)| {
        let pod = claim.strip_prefix(SPOOL_CLAIM)?.to_owned();
        let is_gone = !pods.contains(&(namespace.clone(), pod.clone()));
        is_gone.then_some((namespace, claim, pod))
    };
    names(claims).into_iter().filter_map(orphan).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_spool_without_its_pod_is_found() {
        let named = |names: &[&str]| {
            let items = names.iter().map(|name| json!({"metadata": {"namespace": "hooks", "name": name}}));
            json!({"items": items.collect::<Vec<_>>()})
        };
        let claims = named(&["spool-jethook-0", "spool-jethook-1", "data-jethook-2"]);
        assert_eq!(orphans(&claims, &named(&["jethook-0", "jethook-1"])), []);
        let found = orphans(&claims, &named(&["jethook-0"]));
        assert_eq!(found, [("hooks".to_owned(), "spool-jethook-1".to_owned(), "jethook-1".to_owned())]);
    }
}
