//! From problems and facts to a status. Pure; what is told does not depend on when it is told, save for transition times.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{Condition, ConditionStatus, ConditionType, Reason, WebhookEndpointStatus};
use crate::route::{Facts, Problem, go_duration};

/// The longest message of a condition, in bytes.
const MESSAGE_BYTES_MAX: usize = 8 * 1024;

/// What a status is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    /// The generation that it speaks of.
    pub(super) generation: i64,
    /// All problems, in the order of the conditions.
    pub(super) problems: &'a [Problem],
    /// What was compiled.
    pub(super) facts: &'a Facts,
    /// Since when NATS is away, where that is to be told.
    pub(super) away_since: Option<Timestamp>,
    /// The status that was told before.
    pub(super) before: Option<&'a WebhookEndpointStatus>,
    /// Where the route is in service.
    pub(super) spread: Spread,
}

/// On which replicas a route is in service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spread {
    /// All that are ready.
    All,
    /// So many of so many.
    Some { serving: usize, of: usize },
    /// The others have not been heard.
    Unheard,
}

/// One condition before it has its times.
#[derive(Clone, Debug)]
struct Verdict {
    status: ConditionStatus,
    reason: String,
    message: String,
}

/// The status of an endpoint. Transition times are carried over from the status before, or `now`.
pub(super) fn status(told: Told<'_>, now: Timestamp) -> WebhookEndpointStatus {
    let Told { generation, facts, before, .. } = told;
    let accepted = judged(told, ConditionType::Accepted, &facts.accepted, Reason::Accepted);
    let resolved = judged(told, ConditionType::ResolvedRefs, &facts.resolved, Reason::ResolvedRefs);
    let target = target(told);
    let programmed = programmed(facts, &accepted, told.spread);
    let ready = ready(facts, [&accepted, &resolved, &target, &programmed]);
    let stalled = stalled(told.problems, &ready);
    let verdicts = [
        (ConditionType::Accepted, Some(accepted)),
        (ConditionType::ResolvedRefs, Some(resolved)),
        (ConditionType::TargetReady, Some(target)),
        (ConditionType::Programmed, Some(programmed)),
        (ConditionType::Ready, Some(ready)),
        (ConditionType::Stalled, stalled),
    ];
    let same_target = before.filter(|before| before.stream.is_some() && before.stream == facts.stream);
    let body_bytes_max = i64::try_from(facts.body_bytes_max).unwrap_or(i64::MAX);
    let known_bytes_max = same_target.and_then(|before| before.max_body_size).filter(|_| !facts.knows_nats_limit);
    WebhookEndpointStatus {
        observed_generation: Some(generation),
        path: facts.path.clone(),
        url: facts.url.clone(),
        stream: facts.stream.clone(),
        subject: facts.filter.clone(),
        scheme: facts.scheme.clone(),
        authenticates: facts.authenticates,
        secrets: facts.secrets.clone(),
        max_body_size: (facts.body_bytes_max > 0)
            .then(|| known_bytes_max.map_or(body_bytes_max, |known| known.min(body_bytes_max))),
        duplicate_window: facts
            .duplicate_window
            .map(go_duration)
            .or_else(|| same_target.and_then(|before| before.duplicate_window.clone())),
        conditions: verdicts
            .into_iter()
            .filter_map(|(r#type, verdict)| Some(condition(r#type, verdict?, generation, before, now)))
            .collect(),
    }
}

/// Whether two statuses say the same, whatever their times.
pub(super) fn is_same(a: &WebhookEndpointStatus, b: &WebhookEndpointStatus) -> bool {
    let timeless = |status: &WebhookEndpointStatus| {
        let mut status = status.clone();
        for condition in &mut status.conditions {
            condition.last_transition_time = Time(Timestamp::UNIX_EPOCH);
        }
        status
    };
    a == b || timeless(a) == timeless(b)
}

/// Whether a status says of this generation and path that every replica serves it.
pub(super) fn is_programmed(status: &WebhookEndpointStatus, generation: i64, path: &str) -> bool {
    status.path.as_deref() == Some(path)
        && find(status, ConditionType::Programmed).is_some_and(|programmed| {
            programmed.status == ConditionStatus::True.name() && programmed.observed_generation == Some(generation)
        })
}

/// Whether a status says that all is well.
pub(super) fn is_ready(status: &WebhookEndpointStatus) -> bool {
    find(status, ConditionType::Ready).is_some_and(|ready| ready.status == ConditionStatus::True.name())
}

/// A condition of a status, by its type.
pub(super) fn find(status: &WebhookEndpointStatus, r#type: ConditionType) -> Option<&Condition> {
    status.conditions.iter().find(|condition| condition.type_ == r#type.name())
}

fn condition(
    r#type: ConditionType,
    verdict: Verdict,
    generation: i64,
    before: Option<&WebhookEndpointStatus>,
    now: Timestamp,
) -> Condition {
    let Verdict { status, reason, message } = verdict;
    let since = before
        .and_then(|before| find(before, r#type))
        .filter(|condition| condition.status == status.name())
        .map_or_else(|| Time(whole_seconds(now)), |condition| condition.last_transition_time.clone());
    Condition {
        type_: r#type.name().to_owned(),
        status: status.name().to_owned(),
        reason,
        message: cut(message),
        observed_generation: Some(generation),
        last_transition_time: since,
    }
}

/// The apiserver keeps no fractions.
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn cut(mut message: String) -> String {
    if message.len() > MESSAGE_BYTES_MAX {
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
        message.push('…');
    }
    message
}

impl Verdict {
    fn new(status: ConditionStatus, reason: Reason, message: impl Into<String>) -> Self {
        Self { status, reason: reason.name().to_owned(), message: message.into() }
    }
}

/// False by the first problem that makes it so, else Unknown, else True; all problems are in the message.
fn judged(told: Told<'_>, r#type: ConditionType, fine: &str, reason: Reason) -> Verdict {
    let mut problems: Vec<_> = told.problems.iter().filter(|problem| problem.condition == r#type).collect();
    problems.sort_by_key(|problem| rank(problem.status()));
    let Some(first) = problems.first() else {
        return Verdict::new(ConditionStatus::True, reason, fine);
    };
    let messages: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
    Verdict::new(first.status(), first.reason, together(&messages))
}

const fn rank(status: ConditionStatus) -> u8 {
    match status {
        ConditionStatus::False => 0,
        ConditionStatus::Unknown => 1,
        ConditionStatus::True => 2,
    }
}

fn together(messages: &[&str]) -> String {
    if let [only] = messages {
        return (*only).to_owned();
    }
    let numbered = messages.iter().enumerate().map(|(index, message)| format!("({}) {message}", index + 1));
    numbered.collect::<Vec<_>>().join("; ")
}

fn target(told: Told<'_>) -> Verdict {
    if let Some(since) = told.away_since {
        let since = since.strftime("%Y-%m-%dT%H:%M:%SZ");
        let message = format!(
            "NATS is away since {since}; until it is back deliveries are answered 503, or spooled where there is a spool"
        );
        return Verdict::new(ConditionStatus::Unknown, Reason::NatsUnavailable, message);
    }
    let verdict = judged(told, ConditionType::TargetReady, &told.facts.target, Reason::StreamReady);
    // A stream that this replica has not read is what it was said to be: a restart tells nothing new.
    let is_unread = verdict.status == ConditionStatus::Unknown && verdict.reason == Reason::Pending.name();
    let carried = told
        .before
        .filter(|before| {
            is_unread
                && told.facts.stream.is_some()
                && before.stream == told.facts.stream
                && before.subject == told.facts.filter
        })
        .and_then(|before| find(before, ConditionType::TargetReady))
        .and_then(|condition| {
            let all = [ConditionStatus::True, ConditionStatus::False, ConditionStatus::Unknown];
            let status = all.into_iter().find(|status| status.name() == condition.status)?;
            Some(Verdict { status, reason: condition.reason.clone(), message: condition.message.clone() })
        });
    carried.unwrap_or(verdict)
}

/// Whether the route as the spec wants it is in the table of every replica, be it open or closed.
fn programmed(facts: &Facts, accepted: &Verdict, spread: Spread) -> Verdict {
    match (&facts.path, accepted.status) {
        (Some(path), ConditionStatus::True) => {
            let message = match spread {
                Spread::All => format!("route {path} is in service"),
                Spread::Some { serving, of } => format!("route {path} is in service on {serving} of {of} replicas"),
                Spread::Unheard => format!("route {path} is in service here; the other replicas have yet to be heard"),
            };
            match spread {
                Spread::All => Verdict::new(ConditionStatus::True, Reason::Programmed, message),
                Spread::Some { .. } | Spread::Unheard => Verdict::new(ConditionStatus::False, Reason::Pending, message),
            }
        }
        (Some(path), _) => {
            let message = format!("{path} is answered 503 until the endpoint is accepted");
            Verdict::new(ConditionStatus::False, Reason::Pending, message)
        }
        (None, _) => {
            Verdict::new(ConditionStatus::False, Reason::Pending, "there is no route until the endpoint is accepted")
        }
    }
}

fn ready(facts: &Facts, all: [&Verdict; 4]) -> Verdict {
    let failing = [ConditionStatus::False, ConditionStatus::Unknown]
        .into_iter()
        .find_map(|status| all.into_iter().find(|verdict| verdict.status == status));
    if let Some(first) = failing {
        return first.clone();
    }
    let path = facts.path.as_deref().unwrap_or_default();
    if facts.is_suspended {
        let message =
            format!("{path} is suspended: deliveries are answered 503 with Retry-After, so that the sender retries");
        return Verdict::new(ConditionStatus::True, Reason::Suspended, message);
    }
    let to = facts.stream.as_deref().unwrap_or_default();
    Verdict::new(
        ConditionStatus::True,
        Reason::Ready,
        format!("deliveries at {path} are verified and stored in stream {to}"),
    )
}

/// There only while nothing but a change of the spec can mend the endpoint.
fn stalled(problems: &[Problem], ready: &Verdict) -> Option<Verdict> {
    let lasting = || problems.iter().filter(|problem| problem.is_lasting && problem.status() == ConditionStatus::False);
    let first = lasting().next()?;
    let same = lasting().any(|problem| problem.reason.name() == ready.reason);
    let verdict = Verdict { status: ConditionStatus::True, ..ready.clone() };
    Some(if same { verdict } else { Verdict::new(ConditionStatus::True, first.reason, first.message.clone()) })
}
