//! What the operator would say: catalogue, parameters, keys, policy, and who owns a path.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::finding::{Findings, Level};
use super::source::{Content, Object, Objects};
use crate::api::{
    ClusterWebhookProviderSpec, ConditionType, EndpointRef, Reason, WebhookEndpoint, is_cluster_provider,
};
use crate::metrics::Metrics;
use crate::route::{
    Claim, Handles, Problem, ProviderView, SecretState, SecretView, Settings, Source, Stream, Surroundings, Usage,
    compile, wanted_path,
};
use crate::scheme::{Context, FaultKind, Scheme};
use crate::secret::SecretData;

/// An endpoint whose form is right.
struct Candidate<'a> {
    object: &'a Object<'a>,
    resource: &'a WebhookEndpoint,
    endpoint: EndpointRef,
    path: Result<String, Problem>,
}

/// The Secrets of the files, by namespace and name; `None` where the form is wrong.
type Secrets<'a> = BTreeMap<(&'a str, &'a str), Option<&'a SecretData>>;

/// The providers of the files, by name; `None` where the form is wrong.
type Providers<'a> = BTreeMap<&'a str, Option<&'a ClusterWebhookProviderSpec>>;

/// The files as a compile sees them. Of streams nothing is known.
struct World<'a> {
    secrets: &'a Secrets<'a>,
    providers: &'a Providers<'a>,
    stream: &'a Stream,
}

impl<'a> Surroundings<'a> for World<'a> {
    fn secret(&self, namespace: &str, name: &str) -> SecretView<'a> {
        let state = match self.secrets.get(&(namespace, name)) {
            Some(Some(data)) => SecretState::Found(data),
            Some(None) => SecretState::Unread,
            None => SecretState::Missing,
        };
        SecretView { state, kept: None }
    }

    fn provider(&self, name: &str) -> ProviderView<'a> {
        match self.providers.get(name) {
            Some(Some(provider)) => ProviderView::Found(provider),
            Some(None) => ProviderView::Broken("its manifest is not valid"),
            None => ProviderView::missing(name, self.providers.keys().copied()),
        }
    }

    fn stream(&self, _: &str) -> &'a Stream {
        self.stream
    }

    fn captured_by(&self, _: &str) -> &'a [String] {
        &[]
    }

    fn denied(&self, _: &str) -> Option<&'a str> {
        None
    }

    fn max_payload(&self) -> Option<u64> {
        None
    }
}

/// Judges the endpoints whose form is right.
pub(super) fn judge(objects: &Objects<'_>, settings: &Settings, requires_secrets: bool, findings: &mut Findings) {
    let secrets: Secrets<'_> = objects
        .secrets()
        .map(|object| {
            let data = if let Content::Secret(data) = &object.content { Some(data) } else { None };
            ((object.namespace.as_str(), object.name.as_str()), data)
        })
        .collect();
    let providers: Providers<'_> = objects
        .providers()
        .map(|object| {
            let spec = if let Content::Provider(provider) = &object.content { Some(&provider.spec) } else { None };
            (object.name.as_str(), spec)
        })
        .collect();
    for object in objects.providers() {
        judge_provider(object, findings);
    }
    let mut candidates: Vec<Candidate<'_>> =
        objects.endpoints().filter_map(|object| candidate(object, settings)).collect();
    // In files all are of the same age; then the name decides who owns a path.
    candidates.sort_by(|a, b| a.endpoint.cmp(&b.endpoint));
    let world = World { secrets: &secrets, providers: &providers, stream: &Stream::Unread };
    let metrics = Metrics::default();
    for (index, candidate) in candidates.iter().enumerate() {
        let owner = candidates.iter().take(index).find(|other| {
            candidate.path.is_ok() && other.path == candidate.path && other.endpoint != candidate.endpoint
        });
        if let (Some(owner), Ok(path)) = (owner, &candidate.path) {
            tell_conflict(path, candidate, owner, findings);
        }
        for problem in problems(candidate, &world, settings, &metrics) {
            let is_elsewhere = problem.field == "spec.provider"
                && is_cluster_provider(&candidate.resource.spec.provider)
                && !providers.contains_key(candidate.resource.spec.provider.as_str());
            if is_elsewhere {
                tell_provider_elsewhere(&problem, candidate, findings);
                continue;
            }
            tell(&problem, candidate, &secrets, requires_secrets, findings);
        }
    }
}

fn candidate<'a>(object: &'a Object<'a>, settings: &Settings) -> Option<Candidate<'a>> {
    let Content::Endpoint(resource) = &object.content else { return None };
    let endpoint = EndpointRef { namespace: object.namespace.as_str().into(), name: object.name.as_str().into() };
    let path = wanted_path(&endpoint, resource.spec.path.as_deref(), &settings.policy);
    Some(Candidate { object, resource, endpoint, path })
}

/// What is wrong with an endpoint that has its path for itself.
fn problems(candidate: &Candidate<'_>, world: &World<'_>, settings: &Settings, metrics: &Metrics) -> Vec<Problem> {
    let Candidate { object: _, resource, endpoint, path } = candidate;
    let provider = &resource.spec.provider;
    let handles = Handles {
        usage: Arc::new(Usage::default()),
        metrics: metrics.endpoint(endpoint, provider),
        duration: metrics.delivery_duration(provider),
        rate: None,
    };
    let claim = match path {
        Ok(path) => Claim::Owned(path),
        Err(problem) => Claim::Refused { problem, kept: None },
    };
    let source = Source { endpoint, uid: "", spec: &resource.spec };
    compile(source, claim, world, settings, &handles).problems
}

fn tell(
    problem: &Problem,
    candidate: &Candidate<'_>,
    secrets: &Secrets<'_>,
    requires_secrets: bool,
    findings: &mut Findings,
) {
    let Problem { condition, reason, field, message, is_lasting: _ } = problem;
    // Streams, replicas and what is not known yet are a cluster's affair.
    let is_ours = matches!(condition, ConditionType::Accepted | ConditionType::ResolvedRefs);
    if !is_ours || *reason == Reason::Pending {
        return;
    }
    let namespace = candidate.object.namespace.as_str();
    let is_absent = candidate.resource.spec.secret_refs.iter().enumerate().any(|(index, reference)| {
        let is_meant = *field == format!("spec.secretRefs[{index}]");
        is_meant && !secrets.contains_key(&(namespace, reference.name.as_str()))
    });
    let level = if is_absent && !requires_secrets { Level::Note } else { Level::Error };
    findings.add(level, candidate.object, field, Some(reason.name()), message);
}

/// A provider that is not among the files may be in the cluster.
fn tell_provider_elsewhere(problem: &Problem, candidate: &Candidate<'_>, findings: &mut Findings) {
    let message =
        format!("{}; only the files were looked at, so that the scheme and its keys were not judged", problem.message);
    findings.add(Level::Note, candidate.object, &problem.field, Some(problem.reason.name()), &message);
}

/// What is wrong with a provider whoever uses it. What depends on an endpoint's parameters is judged with the endpoint.
fn judge_provider(object: &Object<'_>, findings: &mut Findings) {
    let Content::Provider(provider) = &object.content else { return };
    let context = Context { parameters: &BTreeMap::new(), url: None, tolerance: None };
    let faults = Scheme::compile(&provider.spec.verification, context).err().unwrap_or_default();
    for fault in faults.into_iter().filter(|fault| fault.kind == FaultKind::Verification) {
        let field = match fault.field.as_str() {
            "" => "spec.verification".to_owned(),
            field => format!("spec.verification.{field}"),
        };
        findings.add(Level::Error, object, &field, Some(Reason::Invalid.name()), &fault.message);
    }
}

fn tell_conflict(path: &str, candidate: &Candidate<'_>, owner: &Candidate<'_>, findings: &mut Findings) {
    let Object { file, manifest, namespace, name, .. } = owner.object;
    let message = format!(
        "spec.path {path} is claimed by WebhookEndpoint {namespace}/{name} too ({file}:{}); only the older one gets it",
        manifest.place().line
    );
    findings.add(Level::Error, candidate.object, "spec.path", Some(Reason::PathConflict.name()), &message);
}
