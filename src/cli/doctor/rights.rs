//! What the operator may do in the cluster, by access reviews.

use futures_util::StreamExt as _;
use futures_util::stream;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SubjectAccessReview,
    SubjectAccessReviewSpec,
};
use kube::api::{Api, PostParams};

use super::report::Section;
use crate::config::{RunConfig, SecretAccess};
use crate::controller::kube::{CALL_MAX, Cluster, RIGHTS, Right, RightScope, within};

/// So many reviews are asked for at a time.
const REVIEWS_AT_ONCE: usize = 8;
/// The prefix of a ServiceAccount's user name.
const ACCOUNT: &str = "system:serviceaccount:";

/// A right that is needed.
#[derive(Clone, Debug)]
struct Need {
    right: &'static Right,
    verb: &'static str,
    /// `None`: in all of them.
    namespace: Option<String>,
    /// The only object that it is needed for.
    object: Option<String>,
}

/// Asks for each right in each namespace. `account` is the namespace and the ServiceAccount of the operator's pods.
pub(super) async fn check(
    cluster: &Cluster,
    config: &RunConfig,
    user: Option<&str>,
    account: Option<(String, String)>,
    section: &mut Section<'_>,
) {
    let user = user.map(str::to_owned).or_else(|| account.as_ref().map(|(ns, name)| format!("{ACCOUNT}{ns}:{name}")));
    let lease_namespace = match (&config.source.lease_namespace, account) {
        (None, Some((namespace, _))) => namespace,
        _ => cluster.lease_namespace.clone(),
    };
    let needs = needs(config, &lease_namespace);
    let reviews = needs.into_iter().map(|need| {
        let user = user.as_deref();
        async move { (is_allowed(cluster, user, &need).await, need) }
    });
    let reviews: Vec<_> = stream::iter(reviews).buffered(REVIEWS_AT_ONCE).collect().await;
    let who = user.as_deref().unwrap_or("this user");
    if let Some(error) = reviews.iter().find_map(|(review, _)| review.as_ref().err()) {
        let remedy = "ask as a user who may create subjectaccessreviews, or run it in the operator's pod";
        section.warn("access", format!("the rights of {who} can't be asked for: {error}"), remedy);
        return;
    }
    let denied: Vec<_> = reviews.into_iter().filter(|(review, _)| review == &Ok(false)).map(|(_, need)| need).collect();
    if denied.is_empty() {
        section.pass("access", format!("{who} may do all that the operator does"));
    }
    for group in denied.chunk_by(|a, b| a.right == b.right && a.namespace == b.namespace) {
        let Some(need) = group.first() else { continue };
        let verbs = group.iter().map(|need| need.verb).collect::<Vec<_>>().join(", ");
        let place = need.namespace.as_ref().map_or("any namespace".to_owned(), |name| format!("namespace {name}"));
        let Right { group, resource, .. } = need.right;
        let group = if group.is_empty() { "\"\"" } else { group };
        let remedy = format!(
            "bind it to a {} with {{apiGroups: [{group}], resources: [{resource}], verbs: [{verbs}]}}; the chart does with \
             rbac.create",
            if need.namespace.is_some() { "Role in that namespace" } else { "ClusterRole" }
        );
        section.fail("access", format!("{who} may not {verbs} {resource} in {place}"), remedy);
    }
}

fn needs(config: &RunConfig, lease_namespace: &str) -> Vec<Need> {
    let served: Vec<Option<String>> = match config.source.watch_namespaces.as_slice() {
        [] => vec![None],
        namespaces => namespaces.iter().cloned().map(Some).collect(),
    };
    let mut needs = Vec::new();
    for right in RIGHTS {
        let is_of_lease = right.scope == RightScope::Lease;
        let namespaces = match right.scope {
            RightScope::Lease => vec![Some(lease_namespace.to_owned())],
            RightScope::Served => served.clone(),
            // What belongs to no namespace is a matter of a ClusterRole alone.
            RightScope::Cluster if config.source.reads_cluster_providers() => vec![None],
            RightScope::Cluster => Vec::new(),
        };
        for namespace in namespaces {
            for verb in right.verbs {
                let is_spared = right.resource == "secrets" && *verb != "get";
                if is_spared && config.source.secret_access == SecretAccess::Get {
                    continue;
                }
                let is_named = is_of_lease && *verb != "create";
                let object = is_named.then(|| config.source.lease_name.clone());
                needs.push(Need { right, verb, namespace: namespace.clone(), object });
            }
        }
    }
    needs
}

async fn is_allowed(cluster: &Cluster, user: Option<&str>, need: &Need) -> Result<bool, String> {
    let (resource, subresource) = match need.right.resource.split_once('/') {
        Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
        None => (need.right.resource, None),
    };
    let attributes = ResourceAttributes {
        group: Some(need.right.group.to_owned()),
        resource: Some(resource.to_owned()),
        subresource,
        verb: Some(need.verb.to_owned()),
        namespace: need.namespace.clone(),
        name: need.object.clone(),
        ..ResourceAttributes::default()
    };
    let parameters = PostParams::default();
    let status = match user {
        None => {
            let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
            let review = SelfSubjectAccessReview { spec, ..Default::default() };
            let api = Api::all(cluster.client.clone());
            within(CALL_MAX, api.create(&parameters, &review)).await.map(|review| review.status)
        }
        Some(user) => {
            let spec = SubjectAccessReviewSpec {
                resource_attributes: Some(attributes),
                user: Some(user.to_owned()),
                groups: Some(groups(user)),
                ..Default::default()
            };
            let review = SubjectAccessReview { spec, ..Default::default() };
            let api = Api::all(cluster.client.clone());
            within(CALL_MAX, api.create(&parameters, &review)).await.map(|review| review.status)
        }
    };
    status.map(|status| status.is_some_and(|status| status.allowed)).map_err(|error| error.to_string())
}

/// The groups that a user is in by its name alone.
fn groups(user: &str) -> Vec<String> {
    let mut groups = vec!["system:authenticated".to_owned()];
    if let Some((namespace, _)) = user.strip_prefix(ACCOUNT).and_then(|rest| rest.split_once(':')) {
        groups.extend(["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")]);
    }
    groups
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        run: RunConfig,
    }

    #[test]
    fn rights_are_asked_for_where_the_flags_need_them() {
        let asked = |flags: &[&str], resource: &str| -> Vec<String> {
            let flags = Flags::try_parse_from([&["run"], flags].concat()).unwrap();
            let needs = needs(&flags.run, "hooks").into_iter().filter(|need| need.right.resource == resource);
            let place = |need: Need| format!("{} {}", need.verb, need.namespace.as_deref().unwrap_or("*"));
            needs.map(place).collect()
        };
        let providers = "clusterwebhookproviders";
        assert_eq!(asked(&[], providers), ["list *", "watch *"]);
        let shop = ["--watch-namespaces", "shop"];
        assert_eq!(asked(&shop, providers), Vec::<String>::new(), "they are not read then");
        assert_eq!(asked(&[&shop[..], &["--cluster-providers"]].concat(), providers), ["list *", "watch *"]);
        assert_eq!(asked(&shop, "secrets"), ["get shop", "list shop", "watch shop"]);
        assert_eq!(asked(&[&shop[..], &["--secret-access", "get"]].concat(), "secrets"), ["get shop"]);
        assert_eq!(asked(&shop, "leases"), ["get hooks", "create hooks", "update hooks"]);
    }

    #[test]
    fn a_service_account_is_in_its_groups() {
        assert_eq!(groups("nobody"), ["system:authenticated"]);
        let account = groups("system:serviceaccount:shop:jethook");
        assert_eq!(account[1..], ["system:serviceaccounts", "system:serviceaccounts:shop"]);
    }
}
