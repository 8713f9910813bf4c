//! From an endpoint, its Secrets and its stream to a route and all that is wrong with it. Pure.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod cluster_tests;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use http::Method;

use super::bucket;
use super::keys::{self, Resolved};
use super::limit::{self, RateLimit};
use super::plan::{self, Parts};
use super::target::{Ask, HEADER_ROOM_BYTES, judge_target};
use super::{
    BodyLimits, EndpointRef, KeyName, Policy, Problem, ProviderView, Route, SecretView, Serving, State, Stream, Usage,
    check_path, verification,
};
use crate::api::{ConditionType, Reason, SecretInUse, WebhookEndpointSpec};
use crate::event::{LargeBodyPlan, MessagePlan, MessageSpec, SubjectTemplate};
use crate::metrics::{EndpointMetrics, Histogram};
use crate::scheme::{Authenticates, Keyring, Scheme, Verification};

/// The provider of an endpoint that brings its own verification.
pub const CUSTOM: &str = "custom";

/// What the operator's flags say, as far as routes depend on it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// First tokens of the default subjects.
    pub prefix: String,
    /// The operator's stream.
    pub stream: String,
    /// URL under which providers reach the receiver, without a slash at its end.
    pub public_url: Option<String>,
    /// The cluster's name.
    pub cluster_name: Option<String>,
    /// The largest body where an endpoint sets no limit, in bytes.
    pub body_bytes_max: u64,
    /// What namespaces may claim.
    pub policy: Policy,
}

/// The endpoint to compile.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Whose it is.
    pub endpoint: &'a EndpointRef,
    /// The object's uid.
    pub uid: &'a str,
    /// What its owner wants.
    pub spec: &'a WebhookEndpointSpec,
}

/// How the endpoint stands to the path that it wants.
#[derive(Clone, Copy, Debug)]
pub enum Claim<'a> {
    /// It owns it.
    Owned(&'a str),
    /// An older endpoint claims it.
    Taken {
        /// The path.
        path: &'a str,
        /// Whose it is.
        by: &'a EndpointRef,
    },
    /// The path that it wants can't be claimed.
    Refused {
        /// Why.
        problem: &'a Problem,
        /// The path that it had before and keeps, closed.
        kept: Option<&'a str>,
    },
}

/// What a compile takes from its surroundings.
pub trait Surroundings<'a> {
    /// A Secret of a namespace.
    fn secret(&self, namespace: &str, name: &str) -> SecretView<'a>;
    /// A provider that the cluster defines.
    fn provider(&self, name: &str) -> ProviderView<'a>;
    /// A stream.
    fn stream(&self, name: &str) -> &'a Stream;
    /// The other streams that capture a subject filter which its own stream does not capture.
    fn captured_by(&self, filter: &str) -> &'a [String];
    /// A subject of a filter that the server did not let us publish to.
    fn denied(&self, filter: &str) -> Option<&'a str>;
    /// `max_payload` of NATS in bytes, once connected.
    fn max_payload(&self) -> Option<u64>;
}

/// What outlives a recompile of the same endpoint.
#[derive(Clone, Debug)]
pub struct Handles {
    /// What it uses of the shared limits.
    pub usage: Arc<Usage>,
    /// Its counters.
    pub metrics: Arc<EndpointMetrics>,
    /// The histogram of its provider.
    pub duration: Arc<Histogram>,
    /// Its rate limiter.
    pub rate: Option<RateLimit>,
}

/// What a compile brought about.
#[derive(Debug)]
pub struct Compiled {
    /// The route; `None` where the endpoint owns no path.
    pub route: Option<Route>,
    /// All that is wrong, in the order of the conditions; what only a change of the spec mends comes first within each.
    pub problems: Vec<Problem>,
    /// What the status tells.
    pub facts: Facts,
    /// The rate limiter, to be handed to the next compile.
    pub rate: Option<RateLimit>,
}

/// What the status tells of a compiled endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The path that it owns.
    pub path: Option<String>,
    /// What to paste into the provider.
    pub url: Option<String>,
    /// The stream, where the endpoint may use it.
    pub stream: Option<String>,
    /// What a consumer filters on, where the endpoint may publish there.
    pub filter: Option<String>,
    /// The object store bucket, where large bodies go to one.
    pub bucket: Option<String>,
    /// What is checked, for auditors.
    pub scheme: Option<String>,
    /// What the provider's signature covers.
    pub authenticates: Option<Authenticates>,
    /// The keys in use.
    pub secrets: Vec<SecretInUse>,
    /// The largest body in bytes.
    pub body_bytes_max: u64,
    /// Whether NATS's own limit is known and part of it.
    pub knows_nats_limit: bool,
    /// The stream's duplicate window, once read.
    pub duplicate_window: Option<Duration>,
    /// Whether the owner suspended it.
    pub is_suspended: bool,
    /// Whether its route serves.
    pub is_open: bool,
    /// The message of `Accepted` when it holds.
    pub accepted: String,
    /// The message of `ResolvedRefs` when it holds.
    pub resolved: String,
    /// The message of `TargetReady` when it holds.
    pub target: String,
}

impl Facts {
    /// The streams that the endpoint publishes to, with the subjects there.
    #[must_use]
    pub fn targets(&self) -> Vec<(String, String)> {
        let bodies = self.bucket.iter().map(|bucket| (bucket::stream_of(bucket), bucket::filter_of(bucket)));
        self.stream.clone().zip(self.filter.clone()).into_iter().chain(bodies).collect()
    }
}

/// The path that an endpoint wants, or why it can't have it whatever the others claim.
///
/// # Errors
/// What is wrong with `spec.path`: its form, or the policy.
pub fn wanted_path(endpoint: &EndpointRef, path: Option<&str>, policy: &Policy) -> Result<String, Problem> {
    const FIELD: &str = "spec.path";
    let EndpointRef { namespace, name } = endpoint;
    let path = path.map_or_else(|| format!("/{namespace}/{name}"), str::to_owned);
    check_path(&path).map_err(|error| Problem::lasting(Reason::Invalid, FIELD, format!("{FIELD} {error}")))?;
    if policy.allows_path(namespace, &path) {
        return Ok(path);
    }
    let allowed = policy.paths_of(namespace);
    let message = format!(
        "{FIELD} {path} is outside this operator's policy for namespace {namespace} ({allowed}); --allow-path widens it"
    );
    Err(Problem::lasting(Reason::PathNotAllowed, FIELD, message))
}

/// The closed route of an endpoint of which nothing is known but its path.
#[must_use]
pub fn closed(endpoint: &EndpointRef, provider: &str, path: &str, handles: &Handles) -> Route {
    Route {
        endpoint: endpoint.clone(),
        provider: provider.into(),
        path: path.to_owned(),
        // Whatever the scheme is: every request to it is answered 503.
        methods: vec![
            Method::POST,
            Method::GET,
            Method::HEAD,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
        ],
        owns_path_token: true,
        state: State::Closed,
        usage: Arc::clone(&handles.usage),
        metrics: Arc::clone(&handles.metrics),
        duration: Arc::clone(&handles.duration),
    }
}

/// Compiles an endpoint.
#[must_use]
pub fn compile<'a>(
    source: Source<'a>,
    claim: Claim<'a>,
    surroundings: &dyn Surroundings<'a>,
    settings: &'a Settings,
    handles: &Handles,
) -> Compiled {
    let mut problems = Vec::new();
    check_name(source.endpoint, &mut problems);
    let path = path(claim, source.endpoint, &mut problems);
    let url = path.and_then(|path| Some(format!("{}{path}", settings.public_url.as_deref()?)));
    let verification = verification::verification(source.spec, surroundings, settings, &mut problems);
    let scheme =
        verification.and_then(|verification| verification::scheme(source, verification, url.as_deref(), &mut problems));
    if let (Some(path), Some(scheme)) = (path, &scheme) {
        verification::check_key_host(scheme, source.spec, settings, &mut problems);
        verification::check_token_path(path, scheme, source.endpoint, settings, &mut problems);
    }
    let namespace = &source.endpoint.namespace;
    let look_up = |name: &str| surroundings.secret(namespace, name);
    let mut resolved = keys::resolve(namespace, source.spec, scheme.as_ref(), &look_up);
    let parts = Parts::of(source, verification, scheme.as_ref(), settings, handles, &mut problems);
    problems.append(&mut resolved.problems);
    let target = target(&parts, scheme.as_ref(), surroundings);
    problems.extend(target.problems.iter().cloned());
    problems.sort_by_key(|problem| (problem.condition, !problem.is_lasting));
    finish(source, Work { path, url, verification, scheme, resolved, parts, target, problems }, settings, handles)
}

/// All that the compile of one endpoint gathered.
struct Work<'a> {
    path: Option<&'a str>,
    url: Option<String>,
    verification: Option<&'a Verification>,
    scheme: Option<Scheme>,
    resolved: Resolved,
    parts: Parts,
    target: TargetFacts,
    problems: Vec<Problem>,
}

fn finish(source: Source<'_>, work: Work<'_>, settings: &Settings, handles: &Handles) -> Compiled {
    let Work { path, url, verification, scheme, resolved, parts, target, problems } = work;
    let is_accepted = problems.iter().all(|problem| problem.condition != ConditionType::Accepted);
    let Resolved { keyring, trimmed_keyring, names, in_use, notes, problems: _ } = resolved;
    let armed = scheme.as_ref().filter(|_| keyring.is_armed());
    let owns_path_token = scheme.as_ref().is_none_or(Scheme::owns_path_token);
    let is_unverified = verification.is_some_and(|verification| verification.none.is_some());
    // What NATS takes is no limit where the rest goes elsewhere.
    let nats_limit = if parts.stores_large_bodies { None } else { target.nats_bytes_max };
    let body_bytes_max = parts.body_bytes_max.min(nats_limit.unwrap_or(u64::MAX));
    let mut facts = Facts {
        path: path.map(str::to_owned),
        url: url.map(|url| if scheme.is_some() && owns_path_token { format!("{url}/<token>") } else { url }),
        stream: parts.stream.clone(),
        filter: parts.subject.as_ref().map(SubjectTemplate::filter),
        bucket: target.bucket.clone(),
        scheme: armed.map(|scheme| scheme.label(&keyring)),
        authenticates: armed.map(|scheme| scheme.authenticates(&keyring)),
        secrets: in_use,
        body_bytes_max,
        knows_nats_limit: target.nats_bytes_max.is_some(),
        duplicate_window: target.duplicate_window,
        is_suspended: source.spec.suspend,
        is_open: false,
        accepted: accepted_message(path, is_unverified),
        resolved: resolved_message(&notes, names.is_empty()),
        target: target.message.clone(),
    };
    let is_served = is_accepted && target.is_open && armed.is_some();
    let rate = parts.rate.clone();
    let route = path.map(|path| {
        let mut route = closed(source.endpoint, &source.spec.provider, path, handles);
        if let Some(scheme) = &scheme {
            route.methods = scheme.methods().to_vec();
            route.owns_path_token = owns_path_token;
        }
        let serving = scheme.filter(|_| is_served).and_then(|scheme| {
            let limits = BodyLimits { endpoint: parts.body_bytes_max, nats: nats_limit };
            let large_bodies = target.bucket.as_deref().map(|bucket| LargeBodyPlan {
                bucket: bucket.into(),
                above: target.nats_bytes_max.unwrap_or(u64::MAX),
            });
            let keys = (keyring, trimmed_keyring, names);
            let mut serving = serving(source, scheme, keys, parts, (body_bytes_max, limits), settings)?;
            serving.message.large_bodies = large_bodies;
            Some(serving)
        });
        facts.is_open = serving.is_some();
        route.state = match serving {
            _ if source.spec.suspend => State::Suspended,
            Some(serving) => State::Open(Box::new(serving)),
            None => State::Closed,
        };
        route
    });
    Compiled { route, problems, facts, rate }
}

fn serving(
    source: Source<'_>,
    scheme: Scheme,
    (keyring, trimmed_keyring, keys): (Keyring, Option<Keyring>, Vec<KeyName>),
    parts: Parts,
    (body_bytes_max, limits): (u64, BodyLimits),
    settings: &Settings,
) -> Option<Serving> {
    let cluster = settings.cluster_name.as_deref();
    let message = MessagePlan::new(MessageSpec {
        provider: source.spec.provider.as_str().into(),
        stream: parts.stream?.into(),
        subject: parts.subject?,
        source: plan::source_uri(source, cluster),
        type_prefix: plan::type_prefix(&source.spec.provider),
        id_prefix: plan::id_prefix(source, cluster),
        authenticates: authenticates_name(scheme.authenticates(&keyring)),
        secret_query: scheme.secret_query().to_vec(),
        headers: parts.headers,
        identity: parts.identity?,
    });
    Some(Serving {
        time_limit: limit::time_limit(scheme.time_limit()),
        scheme,
        keyring,
        trimmed_keyring,
        keys,
        source_ranges: parts.source_ranges,
        body_bytes_max,
        limits,
        rate: parts.rate.map(|rate| rate.limiter),
        filter: parts.filter?,
        message,
    })
}

const fn authenticates_name(authenticates: Authenticates) -> &'static str {
    match authenticates {
        Authenticates::Sender => "sender",
        Authenticates::Fields => "fields",
        Authenticates::Body => "body",
    }
}

fn accepted_message(path: Option<&str>, is_unverified: bool) -> String {
    let note =
        if is_unverified { "; note: deliveries are not verified, whoever knows the URL can deliver" } else { "" };
    format!("route {} accepted{note}", path.unwrap_or_default())
}

fn resolved_message(notes: &[String], is_keyless: bool) -> String {
    let first =
        if is_keyless { "no key is needed from a Secret" } else { "all keys are there and have the right form" };
    notes.iter().fold(first.to_owned(), |message, note| message + "; note: " + note)
}

fn check_name(endpoint: &EndpointRef, problems: &mut Vec<Problem>) {
    let name = &endpoint.name;
    let is_label = (1..=63).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !is_label {
        let message = format!(
            "metadata.name {name:?} must be a DNS label (at most 63 lower-case letters, digits and -, no dot): it is a token of \
             the subject; make the endpoint again under another name"
        );
        problems.push(Problem::lasting(Reason::Invalid, "metadata.name", message));
    }
}

fn path<'a>(claim: Claim<'a>, endpoint: &EndpointRef, problems: &mut Vec<Problem>) -> Option<&'a str> {
    match claim {
        Claim::Owned(path) => Some(path),
        Claim::Taken { path, by } => {
            // A namespace learns nothing of another one's endpoints.
            let owner = if by.namespace == endpoint.namespace {
                format!("WebhookEndpoint {}/{}, which is older", by.namespace, by.name)
            } else {
                "an older endpoint of another namespace".to_owned()
            };
            let message = format!("spec.path {path} is taken by {owner}; choose another path");
            problems.push(Problem::passing(Reason::PathConflict, "spec.path", message));
            None
        }
        Claim::Refused { problem, kept } => {
            let mut problem = problem.clone();
            if let Some(kept) = kept {
                problem.message = format!("{}; until then {kept} stays its path, answered 503", problem.message);
            }
            problems.push(problem);
            kept
        }
    }
}

struct TargetFacts {
    problems: Vec<Problem>,
    message: String,
    is_open: bool,
    nats_bytes_max: Option<u64>,
    duplicate_window: Option<Duration>,
    bucket: Option<String>,
}

fn target(parts: &Parts, scheme: Option<&Scheme>, surroundings: &dyn Surroundings<'_>) -> TargetFacts {
    let (Some(name), Some(subject)) = (&parts.stream, &parts.subject) else {
        let message = "the stream can't be checked before the endpoint is accepted";
        let problem = Problem::pending(ConditionType::TargetReady, "spec.target", message);
        return TargetFacts {
            problems: vec![problem],
            message: String::new(),
            is_open: false,
            nats_bytes_max: None,
            duplicate_window: None,
            bucket: None,
        };
    };
    let stream = surroundings.stream(name);
    let filter = subject.filter();
    let ask = Ask {
        stream: name,
        filter: &filter,
        retry_for: scheme.and_then(Scheme::retry_for),
        captured_by: surroundings.captured_by(&filter),
        denied: surroundings.denied(&filter),
    };
    let (mut problems, mut message) = judge_target(stream, ask);
    let bucket = parts.stores_large_bodies.then(|| bucket::bucket_of(name));
    let mut is_open = stream.is_open();
    if let Some(bucket) = &bucket {
        let its = surroundings.stream(&bucket::stream_of(bucket));
        problems.extend(bucket::judge(bucket, its, name, stream));
        is_open &= bucket::is_open(its, stream);
        message.push_str(&format!("; larger bodies go to object store bucket {bucket}"));
    }
    let payload = surroundings.max_payload().map(|bytes| bytes.saturating_sub(HEADER_ROOM_BYTES));
    let nats_bytes_max = payload.into_iter().chain(stream.body_bytes_max()).min();
    TargetFacts { problems, message, is_open, nats_bytes_max, duplicate_window: stream.duplicate_window(), bucket }
}
