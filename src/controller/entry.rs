//! One endpoint in the core: what was observed of it, how it stands, what was made of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::core::{Observed, SecretRef};
use super::index::{NamedKey, Target};
use super::told::Ledger;
use crate::api::{ConditionType, Reason, WebhookEndpointStatus};
use crate::metrics::Metrics;
use crate::replicas::Mark;
use crate::route::{
    self, Claim, Compiled, EndpointRef, Facts, Handles, KeyName, Policy, Problem, Settings, Source, Surroundings,
    Usage, check_path, wanted_path,
};

/// One endpoint.
#[derive(Debug)]
pub(super) struct Entry {
    /// As the source saw it, save its status.
    pub(super) observed: Observed,
    /// The path that it claims.
    pub(super) standing: Standing,
    /// The keys that it names.
    pub(super) named: Vec<NamedKey>,
    /// Where it publishes.
    pub(super) targets: Vec<Target>,
    /// The path at which its route stands in the table.
    pub(super) served: Option<String>,
    /// All that is wrong with it.
    pub(super) problems: Vec<Problem>,
    /// What its status tells.
    pub(super) facts: Facts,
    /// What was told of it.
    pub(super) told: Ledger,
    /// How this replica serves it.
    pub(super) mark: Option<Mark>,
    /// The generation and path that all replicas are known to serve.
    pub(super) spread: Option<(i64, String)>,
    /// Since when that is waited for.
    pub(super) spreading_since: Option<Timestamp>,
    handles: Option<(String, Handles)>,
}

/// Which path an endpoint claims.
#[derive(Clone, Debug)]
pub(super) enum Standing {
    /// The one that it wants.
    Wants(String),
    /// What it wants can't be claimed; the one that it had stays its own.
    Keeps(Option<String>, Problem),
}

impl Standing {
    /// The path that it claims.
    pub(super) fn path(&self) -> Option<&str> {
        match self {
            Self::Wants(path) => Some(path),
            Self::Keeps(path, _) => path.as_deref(),
        }
    }

    /// How an endpoint stands by what was observed of it. `known` is the path that it is known to have had.
    pub(super) fn of(observed: &Observed, policy: &Policy, known: Option<&str>) -> Self {
        let endpoint = &observed.endpoint;
        let problem = match &observed.spec {
            Ok(spec) => match wanted_path(endpoint, spec.path.as_deref(), policy) {
                Ok(path) => return Self::Wants(path),
                Err(problem) => problem,
            },
            Err(error) => Problem::lasting(Reason::Invalid, "", format!("the object can't be read: {error}")),
        };
        // Whoever may write statuses can't claim by one what the policy does not allow.
        let is_allowed = |path: &&str| check_path(path).is_ok() && policy.allows_path(&endpoint.namespace, path);
        Self::Keeps(known.filter(is_allowed).map(str::to_owned), problem)
    }
}

impl Entry {
    /// A new endpoint. The status found on it tells the path that it had before this process began.
    pub(super) fn new(observed: Observed, status: Option<Arc<WebhookEndpointStatus>>, policy: &Policy) -> Self {
        let known = status.as_ref().and_then(|status| status.path.as_deref());
        let standing = Standing::of(&observed, policy, known);
        let mut told = Ledger::default();
        told.see(status);
        Self {
            named: named(&observed),
            observed,
            standing,
            targets: Vec::new(),
            served: None,
            problems: Vec::new(),
            facts: Facts::default(),
            told,
            mark: None,
            spread: None,
            spreading_since: None,
            handles: None,
        }
    }

    /// Takes in another version of the same object.
    pub(super) fn update(&mut self, observed: Observed, policy: &Policy) {
        self.standing = Standing::of(&observed, policy, self.standing.path());
        self.named = named(&observed);
        self.observed = observed;
    }

    /// Whether this is the object as it is known, whatever its status.
    pub(super) fn is_same(&self, other: &Observed) -> bool {
        let Observed { endpoint: _, uid, generation, created, spec, status: _ } = &self.observed;
        let is_same_spec = match (spec, &other.spec) {
            (Ok(known), Ok(other)) => known == other,
            (Err(known), Err(other)) => known == other,
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
        };
        (uid, *generation, *created) == (&other.uid, other.generation, other.created) && is_same_spec
    }

    /// Compiles it. `owner` is whose the path is that it claims. What it depends on is noted, its route is handed out.
    pub(super) fn compile<'a>(
        &'a mut self,
        owner: Option<&'a EndpointRef>,
        world: &dyn Surroundings<'a>,
        settings: &'a Settings,
        metrics: &Metrics,
    ) -> Compiled {
        let Self { observed, standing, handles, .. } = self;
        let provider = match (&observed.spec, &handles) {
            (Ok(spec), _) => spec.provider.clone(),
            (Err(_), Some((provider, _))) => provider.clone(),
            (Err(_), None) => String::new(),
        };
        let (provider, handles) = match handles {
            Some(known) if known.0 == provider => known,
            other => {
                let usage = other.as_ref().map_or_else(Arc::<Usage>::default, |(_, known)| Arc::clone(&known.usage));
                let made = Handles {
                    usage,
                    metrics: metrics.endpoint(&observed.endpoint, &provider),
                    duration: metrics.delivery_duration(&provider),
                    rate: None,
                };
                other.insert((provider, made))
            }
        };
        let is_owner = owner == Some(&observed.endpoint);
        let compiled = match &observed.spec {
            Err(_) => unread(&observed.endpoint, standing, is_owner, provider, handles),
            Ok(spec) => {
                let claim = match (&*standing, owner) {
                    (Standing::Keeps(kept, problem), _) => {
                        Claim::Refused { problem, kept: kept.as_deref().filter(|_| is_owner) }
                    }
                    (Standing::Wants(path), Some(by)) if !is_owner => Claim::Taken { path, by },
                    (Standing::Wants(path), _) => Claim::Owned(path),
                };
                let source = Source { endpoint: &observed.endpoint, uid: &observed.uid, spec };
                route::compile(source, claim, world, settings, handles)
            }
        };
        handles.rate.clone_from(&compiled.rate);
        if let Ok(spec) = &observed.spec {
            let keys = spec.secret_refs.iter();
            let keys: Vec<_> = keys.map(|key| KeyName { secret: key.name.clone(), key: key.key.clone() }).collect();
            handles.metrics.retain_keys(&keys);
        }
        compiled
    }
}

/// What becomes of an object that does not parse: its last known path stays, closed.
fn unread(endpoint: &EndpointRef, standing: &Standing, is_owner: bool, provider: &str, handles: &Handles) -> Compiled {
    let path = standing.path().filter(|_| is_owner);
    let mut problems = Vec::new();
    if let Standing::Keeps(_, problem) = standing {
        let mut problem = problem.clone();
        if let Some(path) = path {
            problem.message = format!("{}; until it is mended {path} stays its path, answered 503", problem.message);
        }
        problems.push(problem);
    }
    for condition in [ConditionType::ResolvedRefs, ConditionType::TargetReady] {
        problems.push(Problem::pending(condition, "", "nothing can be checked before the object can be read"));
    }
    Compiled {
        route: path.map(|path| route::closed(endpoint, provider, path, handles)),
        problems,
        facts: Facts { path: path.map(str::to_owned), ..Facts::default() },
        rate: handles.rate.clone(),
    }
}

/// Sorted, each once.
fn named(observed: &Observed) -> Vec<NamedKey> {
    let Ok(spec) = &observed.spec else { return Vec::new() };
    let namespace = &observed.endpoint.namespace;
    let secret = |name: &str| SecretRef { namespace: Arc::clone(namespace), name: name.into() };
    let named = spec.secret_refs.iter().map(|reference| (secret(&reference.name), reference.key.clone()));
    named.collect::<BTreeSet<_>>().into_iter().collect()
}
