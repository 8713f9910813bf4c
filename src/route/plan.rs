//! How an endpoint's messages are built: stream, subject, headers, identity.

use http::{HeaderName, header};
use ipnet::IpNet;

use super::limit::{self, RateLimit};
use super::{Filter, Handles, Problem, Settings, Source};
use crate::api::{Deduplication, DeduplicationKey, LargeBodies, Reason};
use crate::event::{Identity, Names, SubjectTemplate};
use crate::scheme::{Identifies, Scheme, Verification};

/// The default subject template.
const SUBJECT_DEFAULT: &str = "{prefix}.{namespace}.{name}.{event}";

/// The fields of the spec that do not depend on keys or streams, compiled.
pub(super) struct Parts {
    /// The stream, where the namespace may use it.
    pub(super) stream: Option<String>,
    /// The subject template, where the namespace may publish there.
    pub(super) subject: Option<SubjectTemplate>,
    /// Whether bodies that NATS does not take go to an object store bucket.
    pub(super) stores_large_bodies: bool,
    /// Request headers to keep.
    pub(super) headers: Vec<HeaderName>,
    /// How repeated deliveries are told.
    pub(super) identity: Option<Identity>,
    /// Which event types are stored.
    pub(super) filter: Option<Filter>,
    /// The endpoint's own limit on bodies.
    pub(super) body_bytes_max: u64,
    /// Its rate limiter.
    pub(super) rate: Option<RateLimit>,
    /// Client addresses that may deliver.
    pub(super) source_ranges: Vec<IpNet>,
}

impl Parts {
    /// Compiles them, and tells what is wrong.
    pub(super) fn of(
        source: Source<'_>,
        verification: Option<&Verification>,
        scheme: Option<&Scheme>,
        settings: &Settings,
        handles: &Handles,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let spec = source.spec;
        let limits = spec.limits.as_ref();
        let bearers = verification.map(|verification| bearers(source, verification)).unwrap_or_default();
        Self {
            stores_large_bodies: spec.target.as_ref().and_then(|target| target.large_bodies)
                == Some(LargeBodies::ObjectStore),
            stream: stream(source, settings, problems),
            subject: subject(source, settings, problems),
            headers: headers(source, scheme, &bearers, problems),
            identity: identity(source, scheme, &bearers, problems),
            filter: filter(&spec.events, problems),
            body_bytes_max: limit::body_bytes_max(limits, settings.body_bytes_max, problems),
            rate: limit::rate(limits, handles.rate.as_ref(), problems),
            source_ranges: limit::source_ranges(&spec.source_ranges, problems),
        }
    }
}

fn filter(events: &[String], problems: &mut Vec<Problem>) -> Option<Filter> {
    match Filter::parse(events) {
        Ok(filter) => Some(filter),
        Err(faults) => {
            problems.extend(faults.into_iter().map(|(index, fault)| {
                let field = format!("spec.events[{index}]");
                Problem::lasting(Reason::Invalid, &field, format!("{field} {fault}"))
            }));
            None
        }
    }
}

/// The stream that an endpoint names, where its namespace may use it.
fn stream(source: Source<'_>, settings: &Settings, problems: &mut Vec<Problem>) -> Option<String> {
    const FIELD: &str = "spec.target.stream";
    let Some(stream) = source.spec.target.as_ref().and_then(|target| target.stream.as_deref()) else {
        return Some(settings.stream.clone());
    };
    let namespace = &source.endpoint.namespace;
    let is_name = (1..=255).contains(&stream.len())
        && stream.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if !is_name {
        let message = format!("{FIELD} {stream:?} is no stream name: 1 to 255 letters, digits, - and _");
        problems.push(Problem::lasting(Reason::Invalid, FIELD, message));
        return None;
    }
    if !settings.policy.allows_stream(namespace, stream) {
        let allowed = settings.policy.streams_of(namespace);
        let message = format!(
            "{FIELD} {stream:?} is outside this operator's policy for namespace {namespace} ({allowed}); --allow-stream widens it"
        );
        problems.push(Problem::lasting(Reason::StreamNotAllowed, FIELD, message));
        return None;
    }
    Some(stream.to_owned())
}

/// The endpoint's subject template, where its namespace may publish to all that it can become.
fn subject(source: Source<'_>, settings: &Settings, problems: &mut Vec<Problem>) -> Option<SubjectTemplate> {
    const FIELD: &str = "spec.target.subject";
    let template = source.spec.target.as_ref().and_then(|target| target.subject.as_deref());
    let namespace = &source.endpoint.namespace;
    let names = Names {
        prefix: &settings.prefix,
        namespace,
        name: &source.endpoint.name,
        provider: &source.spec.provider,
        cluster: settings.cluster_name.as_deref(),
    };
    let parsed = match SubjectTemplate::parse(template.unwrap_or(SUBJECT_DEFAULT), names) {
        Ok(parsed) => parsed,
        Err(error) => {
            problems.push(Problem::lasting(Reason::Invalid, FIELD, format!("{FIELD} {error}")));
            return None;
        }
    };
    let filter = parsed.filter();
    if !settings.policy.allows_subject(namespace, &filter) {
        let allowed = settings.policy.subjects_of(namespace);
        let message = format!(
            "{FIELD} can become {filter}, outside this operator's policy for namespace {namespace} ({allowed}); \
             --allow-subject widens it"
        );
        problems.push(Problem::lasting(Reason::SubjectNotAllowed, FIELD, message));
        return None;
    }
    Some(parsed)
}

/// The request headers that are stored: the scheme's evidence, user-agent, content-type and those that the endpoint names.
fn headers(
    source: Source<'_>,
    scheme: Option<&Scheme>,
    bearers: &[HeaderName],
    problems: &mut Vec<Problem>,
) -> Vec<HeaderName> {
    let mut headers = vec![header::USER_AGENT, header::CONTENT_TYPE];
    headers.extend(scheme.map(Scheme::evidence).unwrap_or_default().iter().cloned());
    let forwarded = source.spec.target.as_ref().map(|target| target.forward_headers.as_slice()).unwrap_or_default();
    for (index, name) in forwarded.iter().enumerate() {
        let field = format!("spec.target.forwardHeaders[{index}]");
        match header_name(name, bearers) {
            Ok(name) if ["method", "query", "truncated"].contains(&name.as_str()) => {
                let message =
                    format!("{field} {name:?} would hide what jethook itself tells as http-{name}; remove it");
                problems.push(Problem::lasting(Reason::Invalid, field, message));
            }
            Ok(name) => headers.push(name),
            Err(error) => problems.push(Problem::lasting(Reason::Invalid, &field, format!("{field} {name:?} {error}"))),
        }
    }
    headers.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    headers.dedup();
    headers
}

/// How repeated deliveries of an endpoint are told. Without a scheme only the form is checked.
fn identity(
    source: Source<'_>,
    scheme: Option<&Scheme>,
    bearers: &[HeaderName],
    problems: &mut Vec<Problem>,
) -> Option<Identity> {
    let Deduplication { key, header } = source.spec.deduplication.clone().unwrap_or_default();
    let identifies = scheme.map(Scheme::identifies);
    let mut refuse = |field: &str, message: String| {
        let field = format!("spec.deduplication.{field}");
        problems.push(Problem::lasting(Reason::Invalid, &field, format!("{field} {message}")));
        None
    };
    if let (Some(_), key) = (&header, key)
        && key != Some(DeduplicationKey::Header)
    {
        return refuse(
            "header",
            "is for key header alone; set spec.deduplication.key to header, or remove it".to_owned(),
        );
    }
    Some(match (key, header) {
        (None, _) => match identifies? {
            Identifies::Id => Identity::Delivery,
            Identifies::UniqueBodies => Identity::Content,
            Identifies::Nothing => Identity::None,
        },
        (Some(DeduplicationKey::Delivery), _) => match identifies? {
            Identifies::Id => Identity::Delivery,
            Identifies::UniqueBodies | Identifies::Nothing => {
                let provider = &source.spec.provider;
                return refuse(
                    "key",
                    format!(
                        "is delivery, but provider {provider} sends no delivery id; set it to header, content or none"
                    ),
                );
            }
        },
        (Some(DeduplicationKey::Header), Some(name)) => match header_name(&name, bearers) {
            Ok(name) => Identity::Header(name),
            Err(error) => return refuse("header", format!("{name:?} {error}")),
        },
        (Some(DeduplicationKey::Header), None) => {
            return refuse(
                "header",
                "is missing; key header needs the name of the header that holds the id".to_owned(),
            );
        }
        (Some(DeduplicationKey::Content), _) => Identity::Content,
        (Some(DeduplicationKey::None), _) => Identity::None,
    })
}

/// A header that may be stored, or why it may not.
fn header_name(name: &str, bearers: &[HeaderName]) -> Result<HeaderName, &'static str> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "is not the name of a request header")?;
    let is_credential = [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE, header::SET_COOKIE]
        .contains(&name)
        || bearers.contains(&name);
    if is_credential {
        return Err("carries credentials, which are never stored; remove it");
    }
    if name.as_str().starts_with("nats-") {
        return Err("is a command to NATS, which a sender must not give; remove it");
    }
    Ok(name)
}

/// The headers in which the scheme's sender repeats a secret as it is.
fn bearers(source: Source<'_>, verification: &Verification) -> Vec<HeaderName> {
    let tokens = verification.token.iter().flat_map(|token| &token.from);
    let jwts = verification.jwt.iter().flat_map(|jwt| &jwt.from);
    let named = tokens.chain(jwts).filter_map(|reference| reference.strip_prefix("header:"));
    let with_parameters =
        named.map(|name| {
            source.spec.parameters.iter().fold(name.to_owned(), |name, (parameter, value)| {
                name.replace(&format!("{{param:{parameter}}}"), value)
            })
        });
    with_parameters.filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok()).collect()
}

/// `ce-source` of an endpoint.
pub(super) fn source_uri(source: Source<'_>, cluster: Option<&str>) -> String {
    let cluster = cluster.map(|cluster| format!("/clusters/{cluster}")).unwrap_or_default();
    format!("{cluster}/namespaces/{}/webhookendpoints/{}", source.endpoint.namespace, source.endpoint.name)
}

/// The prefix of an endpoint's `Nats-Msg-Id`: with a cluster name it outlives the object.
pub(super) fn id_prefix(source: Source<'_>, cluster: Option<&str>) -> String {
    match cluster {
        Some(cluster) => format!("{cluster}.{}.{}", source.endpoint.namespace, source.endpoint.name),
        None => source.uid.to_owned(),
    }
}

/// `ce-type` without the event, in reverse DNS: an id with dots is a DNS name already, a built-in one stands for its `.com`.
pub(super) fn type_prefix(provider: &str) -> String {
    if provider == super::compile::CUSTOM {
        return "dev.jethook.custom".to_owned();
    }
    if provider.contains('.') {
        return provider.rsplit('.').collect::<Vec<_>>().join(".");
    }
    format!("com.{provider}")
}
