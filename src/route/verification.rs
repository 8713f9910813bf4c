//! How an endpoint verifies: its entry, or its own description, compiled.

use std::collections::{BTreeMap, HashMap};
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use super::compile::{CUSTOM, Settings, Source, Surroundings};
use super::{EndpointRef, Problem, ProviderView};
use crate::api::{ConditionType, Reason, WebhookEndpointSpec, is_cluster_provider};
use crate::catalogue;
use crate::scheme::{Context, Fault, FaultKind, Scheme, UrlOrigin, Verification};

/// A path whose last segment is the token must be allowed with that segment.
pub(super) fn check_token_path(
    path: &str,
    scheme: &Scheme,
    endpoint: &EndpointRef,
    settings: &Settings,
    problems: &mut Vec<Problem>,
) {
    // No template can hold this segment as a literal, so that only a wildcard allows it.
    let below = format!("{path}/\0");
    if scheme.owns_path_token() && !settings.policy.allows_path(&endpoint.namespace, &below) {
        let allowed = settings.policy.paths_of(&endpoint.namespace);
        let message = format!(
            "spec.path {path} takes one more segment as its token, and {path}/* is outside this operator's policy for namespace \
             {} ({allowed}); --allow-path widens it",
            endpoint.namespace
        );
        problems.push(Problem::lasting(Reason::PathNotAllowed, "spec.path", message));
    }
}

/// The description of the endpoint's scheme: the catalogue's, the cluster's or its own.
pub(super) fn verification<'a>(
    spec: &'a WebhookEndpointSpec,
    surroundings: &dyn Surroundings<'a>,
    settings: &Settings,
    problems: &mut Vec<Problem>,
) -> Option<&'a Verification> {
    const FIELD: &str = "spec.verification";
    let provider = spec.provider.as_str();
    if is_cluster_provider(provider) && spec.verification.is_none() {
        return cluster_verification(provider, surroundings.provider(provider), settings, problems);
    }
    let mut refuse = |reason, field: &str, message: String| problems.push(Problem::lasting(reason, field, message));
    let entry = catalogue::find(provider);
    let verification = match (provider, spec.verification.as_deref(), entry) {
        (CUSTOM, Some(own), _) => own,
        (CUSTOM, None, _) => {
            let message = format!("{FIELD} is missing; provider custom needs one, a known provider brings its own");
            refuse(Reason::Invalid, FIELD, message);
            return None;
        }
        (_, None, Some(entry)) => &entry.verification,
        (_, Some(_), Some(_)) => {
            let message = format!("{FIELD} is for provider custom alone; remove it, or set spec.provider to custom");
            refuse(Reason::Invalid, FIELD, message);
            return None;
        }
        (_, own, None) => {
            let near = catalogue::nearest(provider).map(|id| format!("; did you mean \"{id}\"?")).unwrap_or_default();
            let custom = if own.is_some() { "; a verification of its own needs provider custom" } else { "" };
            let version = env!("CARGO_PKG_VERSION");
            let message = format!(
                "spec.provider {provider:?} is not in the catalogue of jethook {version}{near}{custom} (`jethook providers` lists it)"
            );
            refuse(Reason::UnknownProvider, "spec.provider", message);
            return None;
        }
    };
    if verification.none.is_some() && !settings.policy.allows_unverified {
        let message =
            format!("{FIELD}.none is not allowed by this operator; name a scheme (--allow-unverified allows none)");
        refuse(Reason::Invalid, "spec.verification.none", message);
    }
    Some(verification)
}

/// The description that a `ClusterWebhookProvider` holds. What is wrong with it heals without a change of the endpoint.
fn cluster_verification<'a>(
    provider: &str,
    view: ProviderView<'a>,
    settings: &Settings,
    problems: &mut Vec<Problem>,
) -> Option<&'a Verification> {
    const FIELD: &str = "spec.provider";
    let (reason, fault) = match view {
        ProviderView::Found(entry) => {
            if entry.verification.none.is_some() && !settings.policy.allows_unverified {
                let message = format!(
                    "{FIELD}: spec.verification.none of ClusterWebhookProvider {provider} is not allowed by this operator; name \
                     a scheme there (--allow-unverified allows none)"
                );
                problems.push(Problem::passing(Reason::Invalid, FIELD, message));
            }
            return Some(&entry.verification);
        }
        ProviderView::Unread => {
            let message = format!("{FIELD}: ClusterWebhookProvider {provider} has not been read yet");
            problems.push(Problem::pending(ConditionType::Accepted, FIELD, message));
            return None;
        }
        ProviderView::Off => (
            Reason::UnknownProvider,
            format!(
                "{provider:?} is none of the built-in providers, and this operator reads no others (--cluster-providers)"
            ),
        ),
        ProviderView::Missing { near } => {
            let near = near.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
            (Reason::UnknownProvider, format!("there is no ClusterWebhookProvider {provider:?}{near}"))
        }
        ProviderView::Broken(fault) => {
            (Reason::Invalid, format!("ClusterWebhookProvider {provider} can't be used: {fault}; mend it there"))
        }
    };
    problems.push(Problem::passing(reason, FIELD, format!("{FIELD}: {fault}")));
    None
}

/// Whether a provider is one of the catalogue's: what it says of hosts was read by those who made jethook.
pub(super) fn is_built_in(provider: &str) -> bool {
    provider != CUSTOM && !is_cluster_provider(provider)
}

/// Keys come from hosts that the catalogue names, or that this operator allows.
pub(super) fn check_key_host(
    scheme: &Scheme,
    spec: &WebhookEndpointSpec,
    settings: &Settings,
    problems: &mut Vec<Problem>,
) {
    let Some(source) = scheme.key_source() else { return };
    let is_own = !is_built_in(&spec.provider) || !source.is_pinned;
    if !is_own || settings.policy.key_hosts.allows(source.host()) {
        return;
    }
    let (reason, field) = match source.origin {
        UrlOrigin::Parameter => (Reason::InvalidParameters, "spec.parameters"),
        UrlOrigin::Description | UrlOrigin::Request if is_cluster_provider(&spec.provider) => {
            (Reason::Invalid, "spec.provider")
        }
        UrlOrigin::Description | UrlOrigin::Request => (Reason::Invalid, "spec.verification"),
    };
    let host = source.host();
    let message = format!(
        "{field}: keys would be fetched from {host}, which this operator does not allow; --allow-key-host {host} allows it"
    );
    problems.push(Problem::lasting(reason, field, message));
}

/// The endpoint's scheme, with its parameters and tolerance put in.
pub(super) fn scheme(
    source: Source<'_>,
    verification: &Verification,
    url: Option<&str>,
    problems: &mut Vec<Problem>,
) -> Option<Scheme> {
    let spec = source.spec;
    if let Some(scheme) = shared(spec, url) {
        return Some(scheme);
    }
    let tolerance = tolerance(spec.timestamp_tolerance.as_deref(), problems);
    let context = Context { parameters: &spec.parameters, url, tolerance };
    match Scheme::compile(verification, context) {
        Ok(scheme) => Some(scheme),
        Err(faults) => {
            problems.extend(faults.into_iter().map(|fault| problem_of(fault, &spec.provider)));
            None
        }
    }
}

/// What an entry of the catalogue compiles to where an endpoint adds nothing of its own.
struct Plain {
    scheme: Option<Scheme>,
    /// Whether it may come out otherwise where the public URL is known.
    may_read_url: bool,
}

/// The scheme of an entry where nothing of it depends on the endpoint: one for all of them, however many there are.
fn shared(spec: &WebhookEndpointSpec, url: Option<&str>) -> Option<Scheme> {
    static PLAIN: LazyLock<HashMap<&str, OnceLock<Plain>>> =
        LazyLock::new(|| catalogue::all().iter().map(|entry| (entry.id.as_str(), OnceLock::new())).collect());
    if !spec.parameters.is_empty() || spec.timestamp_tolerance.is_some() || spec.verification.is_some() {
        return None;
    }
    let plain = PLAIN.get(spec.provider.as_str())?.get_or_init(|| plain(&spec.provider));
    plain.scheme.clone().filter(|_| url.is_none() || !plain.may_read_url)
}

fn plain(id: &str) -> Plain {
    let verification = catalogue::find(id).map(|entry| &entry.verification);
    let context = Context { parameters: &BTreeMap::new(), url: None, tolerance: None };
    let scheme = verification.and_then(|verification| Scheme::compile(verification, context).ok());
    // By its text, which holds one of these words wherever something of the URL is read.
    let may_read_url = serde_json::to_string(&verification).map_or(true, |text| {
        let text = text.to_lowercase();
        ["url", "host", "path", "http"].iter().any(|word| text.contains(word))
    });
    Plain { scheme, may_read_url }
}

fn problem_of(Fault { kind, field, message }: Fault, provider: &str) -> Problem {
    let (reason, field) = match kind {
        FaultKind::Parameter => (Reason::InvalidParameters, format!("spec.parameters.{field}")),
        FaultKind::Tolerance => (Reason::Invalid, "spec.timestampTolerance".to_owned()),
        FaultKind::Verification if provider == CUSTOM && field.is_empty() => {
            (Reason::Invalid, "spec.verification".to_owned())
        }
        FaultKind::Verification if provider == CUSTOM => (Reason::Invalid, format!("spec.verification.{field}")),
        FaultKind::Verification if is_cluster_provider(provider) => {
            let field = if field.is_empty() { field } else { format!(".{field}") };
            let message = format!(
                "spec.provider: spec.verification{field} of ClusterWebhookProvider {provider}: {message}; mend it there"
            );
            return Problem::passing(Reason::Invalid, "spec.provider", message);
        }
        FaultKind::Verification => {
            let message = format!("spec.provider {provider}: verification.{field}: {message}");
            return Problem::lasting(Reason::Invalid, "spec.provider", message);
        }
    };
    let message = format!("{field}: {message}");
    Problem::lasting(reason, field, message)
}

fn tolerance(text: Option<&str>, problems: &mut Vec<Problem>) -> Option<Duration> {
    const FIELD: &str = "spec.timestampTolerance";
    let text = text?;
    let tolerance = crate::config::duration(text).ok();
    let tolerance = tolerance.filter(|value| (Duration::from_secs(1)..=Duration::from_hours(1)).contains(value));
    if tolerance.is_none() {
        let message = format!("{FIELD} {text:?} must be a duration from 1s to 1h, such as 90s or 5m");
        problems.push(Problem::lasting(Reason::Invalid, FIELD, message));
    }
    tolerance
}
