//! The keys of an endpoint: from references to Secrets to a keyring, with all that is wrong on the way.

use std::collections::BTreeMap;

use super::{KeyName, Problem};
use crate::api::{ConditionType, Reason, SecretInUse, SecretRef, WebhookEndpointSpec};
use crate::event::listed;
use crate::scheme::{Key, KeyUse, Keyring, Scheme};
use crate::secret::{Secret, SecretData};

/// What is known of a Secret.
#[derive(Clone, Copy, Debug)]
pub struct SecretView<'a> {
    /// What the last read told.
    pub state: SecretState<'a>,
    /// Keys that are gone and still serve for a while (`--secret-grace`), by name; with the resourceVersion they came with.
    pub kept: Option<&'a BTreeMap<String, (Secret, String)>>,
}

/// What the last read of a Secret told.
#[derive(Clone, Copy, Debug)]
pub enum SecretState<'a> {
    /// It was not read yet.
    Unread,
    /// It does not exist.
    Missing,
    /// It exists.
    Found(&'a SecretData),
}

/// The keys of an endpoint, as far as they resolve.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    /// The usable keys.
    pub(super) keyring: Keyring,
    /// The same without the white space around them, where any has some.
    pub(super) trimmed_keyring: Option<Keyring>,
    /// All named keys, by their position in `spec.secretRefs`.
    pub(super) names: Vec<KeyName>,
    /// The keys in the ring.
    pub(super) in_use: Vec<SecretInUse>,
    /// What is wrong.
    pub(super) problems: Vec<Problem>,
    /// What is not wrong and yet worth telling.
    pub(super) notes: Vec<String>,
}

/// A reference that led to a value.
struct Found<'a> {
    use_name: &'a str,
    secret: Secret,
    resource_version: &'a str,
}

/// Resolves the references of an endpoint. Without a scheme (the provider is unknown) only their existence is checked.
pub(super) fn resolve<'a>(
    namespace: &str,
    spec: &'a WebhookEndpointSpec,
    scheme: Option<&'a Scheme>,
    secrets: &dyn Fn(&str) -> SecretView<'a>,
) -> Resolved {
    let mut resolved = Resolved::default();
    let mut faults: BTreeMap<usize, Problem> = BTreeMap::new();
    let mut found: BTreeMap<usize, Found<'a>> = BTreeMap::new();
    for (index, reference) in spec.secret_refs.iter().enumerate() {
        resolved.names.push(KeyName { secret: reference.name.clone(), key: reference.key.clone() });
        let use_name = match scheme.map(|scheme| use_of(scheme.uses(), reference, index)).transpose() {
            Ok(use_name) => use_name.unwrap_or_default(),
            Err(problem) => {
                resolved.problems.push(problem);
                continue;
            }
        };
        match look_up(namespace, reference, index, secrets(&reference.name), &mut resolved) {
            Ok((secret, resource_version)) => {
                found.insert(index, Found { use_name, secret, resource_version });
            }
            Err(problem) => {
                faults.insert(index, problem);
            }
        }
    }
    let Some(scheme) = scheme else {
        resolved.problems.extend(faults.into_values());
        if resolved.problems.is_empty() && !spec.secret_refs.is_empty() {
            let message = "the form of the keys can't be checked before the endpoint is accepted";
            resolved.problems.push(Problem::pending(ConditionType::ResolvedRefs, "spec.secretRefs", message));
        }
        return resolved;
    };
    let keys = found.iter().map(|(&index, found)| Key {
        index,
        r#use: found.use_name.to_owned(),
        secret: found.secret.clone(),
    });
    let (keyring, key_faults) = scheme.keyring(keys.collect());
    for fault in key_faults {
        let Some(reference) = spec.secret_refs.get(fault.index) else { continue };
        let message = format!("key \"{}\" of Secret {namespace}/{}: {}", reference.key, reference.name, fault.message);
        faults.insert(fault.index, Problem::passing(Reason::InvalidSecret, field(fault.index), message));
        found.remove(&fault.index);
    }
    resolved.in_use =
        found.iter().filter_map(|(index, found)| Some(in_use(spec.secret_refs.get(*index)?, found))).collect();
    resolved.problems.extend(verdict(spec, scheme, &found, faults));
    if resolved.problems.iter().all(|problem| problem.reason == Reason::DegradedRefs) && !keyring.is_armed() {
        resolved.problems.push(unarmed(scheme));
    }
    resolved.keyring = keyring;
    resolved.trimmed_keyring = trimmed_keyring(scheme, &found);
    resolved
}

fn trimmed_keyring(scheme: &Scheme, found: &BTreeMap<usize, Found<'_>>) -> Option<Keyring> {
    let trimmed: Vec<_> = found.iter().map(|(index, found)| (*index, found, found.secret.trimmed())).collect();
    if trimmed.iter().all(|(_, _, trimmed)| trimmed.is_none()) {
        return None;
    }
    let keys = trimmed.into_iter().map(|(index, found, trimmed)| Key {
        index,
        r#use: found.use_name.to_owned(),
        secret: trimmed.unwrap_or_else(|| found.secret.clone()),
    });
    Some(scheme.keyring(keys.collect()).0)
}

fn in_use(reference: &SecretRef, found: &Found<'_>) -> SecretInUse {
    SecretInUse {
        name: reference.name.clone(),
        key: reference.key.clone(),
        resource_version: found.resource_version.to_owned(),
    }
}

/// Degrades the faults of uses that have another key, and adds the required uses that no reference serves.
fn verdict(
    spec: &WebhookEndpointSpec,
    scheme: &Scheme,
    found: &BTreeMap<usize, Found<'_>>,
    faults: BTreeMap<usize, Problem>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, fault) in faults {
        let use_name = spec.secret_refs.get(index).and_then(|reference| use_of(scheme.uses(), reference, index).ok());
        let is_served = found.values().any(|other| Some(other.use_name) == use_name);
        problems.push(if is_served && fault.reason != Reason::Pending {
            let message = format!("{}; the other keys of its use serve", fault.message);
            Problem { reason: Reason::DegradedRefs, message, ..fault }
        } else {
            fault
        });
    }
    for wanted in scheme.uses().iter().filter(|wanted| wanted.required) {
        let is_named =
            spec.secret_refs.iter().enumerate().any(|(index, reference)| {
                use_of(scheme.uses(), reference, index).is_ok_and(|name| name == wanted.name)
            });
        if !is_named {
            let about =
                if wanted.description.is_empty() { String::new() } else { format!(" ({})", wanted.description) };
            let message = format!(
                "spec.secretRefs names no key for use \"{}\"{about}; provider {} needs one",
                wanted.name, spec.provider
            );
            problems.push(Problem::lasting(Reason::SecretKeyNotFound, "spec.secretRefs", message));
        }
    }
    problems
}

fn unarmed(scheme: &Scheme) -> Problem {
    let uses = listed(scheme.uses().iter().map(|known| known.name.as_str()));
    let message = format!("spec.secretRefs holds no key that the scheme can verify with; its uses are {uses}");
    Problem::lasting(Reason::SecretKeyNotFound, "spec.secretRefs", message)
}

fn field(index: usize) -> String {
    format!("spec.secretRefs[{index}]")
}

/// The use that a reference serves: its own, else `signing`, else the scheme's first.
fn use_of<'a>(uses: &'a [KeyUse], reference: &SecretRef, index: usize) -> Result<&'a str, Problem> {
    let by_name = |name: &str| uses.iter().find(|known| known.name == name);
    let known = match &reference.r#use {
        Some(name) => by_name(name),
        None => by_name("signing").or_else(|| uses.first()),
    };
    known.map(|known| known.name.as_str()).ok_or_else(|| {
        let at = field(index);
        if uses.is_empty() {
            return Problem::lasting(
                Reason::Invalid,
                &at,
                format!("{at}: this provider takes no key; remove the reference"),
            );
        }
        let name = reference.r#use.as_deref().unwrap_or_default();
        let uses = listed(uses.iter().map(|known| known.name.as_str()));
        let message = format!("{at}.use \"{name}\" is no use of this provider; it has {uses}");
        Problem::lasting(Reason::Invalid, format!("{at}.use"), message)
    })
}

/// The value of a reference and the resourceVersion that it came with.
fn look_up<'a>(
    namespace: &str,
    reference: &SecretRef,
    index: usize,
    view: SecretView<'a>,
    resolved: &mut Resolved,
) -> Result<(Secret, &'a str), Problem> {
    let SecretRef { name, key, r#use: _ } = reference;
    let kept = || view.kept.and_then(|kept| kept.get(key));
    let (secret, resource_version) = match view.state {
        SecretState::Unread => {
            let message = format!("Secret {namespace}/{name} has not been read yet ({})", field(index));
            return Err(Problem::pending(ConditionType::ResolvedRefs, field(index), message));
        }
        SecretState::Missing => {
            let Some((secret, version)) = kept() else {
                let message = format!("Secret {namespace}/{name} not found ({}); create it", field(index));
                return Err(Problem::passing(Reason::SecretNotFound, field(index), message));
            };
            let message =
                format!("Secret {namespace}/{name} is gone; its last known key \"{key}\" serves until the grace ends");
            resolved.problems.push(Problem::passing(Reason::DegradedRefs, field(index), message));
            (secret, version.as_str())
        }
        SecretState::Found(data) => match (data.keys.get(key), kept()) {
            (Some(secret), _) => (secret, data.resource_version.as_str()),
            (None, Some((secret, version))) => {
                let message = format!(
                    "key \"{key}\" of Secret {namespace}/{name} is gone; its last known value serves until the grace ends"
                );
                resolved.problems.push(Problem::passing(Reason::DegradedRefs, field(index), message));
                (secret, version.as_str())
            }
            (None, None) if data.key_names.contains(key) => {
                let message =
                    format!("key \"{key}\" of Secret {namespace}/{name} has not been read yet ({})", field(index));
                return Err(Problem::pending(ConditionType::ResolvedRefs, field(index), message));
            }
            (None, None) => {
                return Err(key_missing(namespace, reference, index, data));
            }
        },
    };
    let stripped = secret.without_final_newline();
    let secret = match stripped {
        Some(line) if !line.is_blank() => {
            resolved
                .notes
                .push(format!("one newline at the end of key \"{key}\" of Secret {namespace}/{name} is ignored"));
            line
        }
        _ => secret.clone(),
    };
    if secret.is_blank() {
        let what = if secret.expose().is_empty() { "is empty" } else { "is blank" };
        let message = format!("key \"{key}\" of Secret {namespace}/{name} {what}; put the provider's secret there");
        return Err(Problem::passing(Reason::InvalidSecret, field(index), message));
    }
    Ok((secret, resource_version))
}

fn key_missing(namespace: &str, reference: &SecretRef, index: usize, data: &SecretData) -> Problem {
    let SecretRef { name, key, .. } = reference;
    let at = field(index);
    let has = if data.key_names.is_empty() {
        "it has none".to_owned()
    } else {
        format!("it has {}", listed(&data.key_names))
    };
    let message =
        format!("Secret {namespace}/{name} has no key \"{key}\", {has}; set {at}.key, or add the key to the Secret");
    Problem::passing(Reason::SecretKeyNotFound, at, message)
}
