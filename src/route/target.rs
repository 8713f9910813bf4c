//! Whether a stream keeps the promise that an acknowledged event is kept: a judgement of what was read of it.

use std::time::Duration;

use super::Problem;
use crate::api::{ConditionType, Reason};
use crate::event::{is_within, listed};
use crate::stream::{Discard, Retention, Storage, StreamFacts, StreamState};

/// Room for the headers of a message, in bytes.
pub const HEADER_ROOM_BYTES: u64 = 20 * 1024;
/// A stream fuller than this, in percent, is told.
const FULL_PERCENT: u64 = 85;
/// Once told, it must fall below this, in percent, so that a stream at the mark does not flap.
const NO_LONGER_FULL_PERCENT: u64 = 80;

/// What is known of a stream. Two reads that are judged alike are equal: counts are not part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stream {
    /// This replica has not read it.
    Unread,
    /// It does not exist.
    Missing,
    /// It can't be read, and never was; why.
    Unreadable(String),
    /// It was read.
    Known(StreamVerdict),
}

/// What a stream's configuration means for those who publish to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamVerdict {
    subjects: Vec<String>,
    unsafe_settings: Vec<&'static str>,
    weaknesses: Vec<String>,
    is_nearly_full: bool,
    duplicate_window: Duration,
    max_age: Duration,
    replicas: usize,
    message_bytes_max: Option<u64>,
    /// Why it can't be read now, where it could before.
    unreadable: Option<String>,
}

impl Stream {
    /// Judges a read. `before` is what was known until now: a stream that can't be read for the moment is still what it was.
    #[must_use]
    pub fn judge(state: &StreamState, before: &Self, servers: usize, allows_memory: bool) -> Self {
        match (state, before) {
            (StreamState::Missing, _) => Self::Missing,
            (StreamState::Unreadable(why), Self::Known(verdict)) => {
                Self::Known(StreamVerdict { unreadable: Some(why.clone()), ..verdict.clone() })
            }
            (StreamState::Unreadable(why), _) => Self::Unreadable(why.clone()),
            (StreamState::Found(facts), before) => {
                let was_nearly_full = matches!(before, Self::Known(verdict) if verdict.is_nearly_full);
                Self::Known(StreamVerdict::of(facts, was_nearly_full, servers, allows_memory))
            }
        }
    }

    /// The largest body that the stream takes, in bytes.
    #[must_use]
    pub fn body_bytes_max(&self) -> Option<u64> {
        match self {
            Self::Known(verdict) => verdict.message_bytes_max.map(|bytes| bytes.saturating_sub(HEADER_ROOM_BYTES)),
            Self::Unread | Self::Missing | Self::Unreadable(_) => None,
        }
    }

    /// The duplicate window, once read.
    #[must_use]
    pub fn duplicate_window(&self) -> Option<Duration> {
        match self {
            Self::Known(verdict) => Some(verdict.duplicate_window),
            Self::Unread | Self::Missing | Self::Unreadable(_) => None,
        }
    }

    /// What weakens the promise, one sentence each; empty while it is not known.
    #[must_use]
    pub fn weaknesses(&self) -> &[String] {
        match self {
            Self::Known(verdict) => &verdict.weaknesses,
            Self::Unread | Self::Missing | Self::Unreadable(_) => &[],
        }
    }

    /// Whether a route to it may be open: it was checked, and is not unsafe.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self {
            Self::Unread | Self::Unreadable(_) => false,
            // Publishing to it is answered 503 by itself; the check is what closes a route.
            Self::Missing => true,
            Self::Known(verdict) => verdict.unsafe_settings.is_empty(),
        }
    }
}

impl StreamVerdict {
    /// Why it could lose what it holds.
    pub(super) fn unsafe_settings(&self) -> &[&'static str] {
        &self.unsafe_settings
    }

    /// For how long it keeps what it holds; zero: for ever.
    pub(super) fn max_age(&self) -> Duration {
        self.max_age
    }

    fn of(facts: &StreamFacts, was_nearly_full: bool, servers: usize, allows_memory: bool) -> Self {
        let is_nearly_full = is_fuller_than(facts, if was_nearly_full { NO_LONGER_FULL_PERCENT } else { FULL_PERCENT });
        Self {
            subjects: facts.subjects.clone(),
            unsafe_settings: unsafe_settings(facts, allows_memory),
            weaknesses: weaknesses(facts, is_nearly_full, servers),
            is_nearly_full,
            duplicate_window: facts.duplicate_window,
            max_age: facts.max_age,
            replicas: facts.replicas,
            message_bytes_max: facts.max_message_bytes,
            unreadable: None,
        }
    }
}

fn unsafe_settings(facts: &StreamFacts, allows_memory: bool) -> Vec<&'static str> {
    let is_idle = facts.retention == Retention::Interest && facts.consumers == 0;
    let is_volatile = facts.storage == Storage::Memory && !allows_memory;
    [
        (facts.no_ack, "no_ack is set: nothing tells that an event is stored; unset it"),
        (facts.persists_async, "persist_mode is async: acks come before the write; set it to default"),
        (
            is_volatile,
            "storage is memory: a restart loses events; use file storage, or allow it by --allow-memory-storage",
        ),
        (is_idle, "retention is interest and there is no consumer: events are dropped at once; create a consumer"),
        (facts.is_sealed, "it is sealed and takes no events; name another stream"),
        (facts.is_mirror, "it is a mirror and takes no events of its own; name another stream"),
    ]
    .into_iter()
    .filter_map(|(holds, text)| holds.then_some(text))
    .collect()
}

fn weaknesses(facts: &StreamFacts, is_nearly_full: bool, servers: usize) -> Vec<String> {
    let has_limit = facts.max_bytes.is_some() || facts.max_messages.is_some();
    let discards_old = facts.discard == Discard::Old && has_limit;
    let mut weaknesses = Vec::new();
    if discards_old {
        weaknesses.push("at its limit it discards old events, read or not (discard: old)".to_owned());
    }
    if is_nearly_full {
        let then = if discards_old { "old events will be discarded" } else { "it will refuse events" };
        weaknesses.push(format!("it is more than {FULL_PERCENT} % full, then {then}"));
    }
    if facts.replicas <= 1 && servers > 1 {
        weaknesses.push(format!("it has one replica on a cluster of {servers} servers"));
    }
    match facts.retention {
        Retention::Limits => {}
        Retention::WorkQueue => {
            weaknesses.push("work-queue retention forgets a delivery's id once it is acked".to_owned());
        }
        Retention::Interest => {
            weaknesses.push("interest retention forgets a delivery's id once all consumers acked it".to_owned());
        }
    }
    if facts.storage == Storage::Memory {
        weaknesses.push("it is held in memory: a restart loses events".to_owned());
    }
    weaknesses
}

fn is_fuller_than(facts: &StreamFacts, percent: u64) -> bool {
    let is_fuller = |held: u64, allowed: Option<u64>| {
        allowed.is_some_and(|allowed| u128::from(held) * 100 > u128::from(allowed) * u128::from(percent))
    };
    is_fuller(facts.bytes, facts.max_bytes) || is_fuller(facts.messages, facts.max_messages)
}

/// What an endpoint asks of its stream.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The stream's name.
    pub stream: &'a str,
    /// The subjects that the endpoint publishes to, as a filter.
    pub filter: &'a str,
    /// For how long its provider retries, where known.
    pub retry_for: Option<Duration>,
    /// Other streams that capture the subject, where its own does not.
    pub captured_by: &'a [String],
    /// A subject of the filter that the server did not let us publish to.
    pub denied: Option<&'a str>,
}

/// What `TargetReady` says of an endpoint's stream while NATS is there: problems, or else the message for True.
#[must_use]
pub fn judge_target(stream: &Stream, ask: Ask<'_>) -> (Vec<Problem>, String) {
    const FIELD: &str = "spec.target.stream";
    let Ask { stream: name, filter, retry_for, captured_by, denied } = ask;
    let mut problems = Vec::new();
    let mut add = |reason, field: &str, message: String| problems.push(Problem::passing(reason, field, message));
    if let Some(subject) = denied {
        let message = format!("the operator's NATS user may not publish to {subject}; allow it to publish to {filter}");
        add(Reason::PublishNotPermitted, "spec.target.subject", message);
    }
    let verdict = match stream {
        Stream::Known(verdict) => verdict,
        Stream::Missing => {
            add(
                Reason::StreamNotFound,
                FIELD,
                format!("stream {name} does not exist; create it, or name another in {FIELD}"),
            );
            return (problems, String::new());
        }
        Stream::Unreadable(why) => {
            add(Reason::NatsUnavailable, FIELD, format!("stream {name} can't be checked: {why}"));
            return (problems, String::new());
        }
        Stream::Unread => {
            let message = format!("stream {name} has not been checked yet; deliveries are answered 503 until it is");
            problems.push(Problem::pending(ConditionType::TargetReady, FIELD, message));
            return (problems, String::new());
        }
    };
    for setting in &verdict.unsafe_settings {
        add(Reason::StreamUnsafe, FIELD, format!("stream {name} could lose events: {setting}"));
    }
    if !verdict.subjects.iter().any(|subject| is_within(filter, subject)) {
        let (reason, message) = if captured_by.is_empty() {
            let message = format!(
                "stream {name} does not capture {filter}; add that subject to the stream, or set spec.target.subject"
            );
            (Reason::SubjectNotCaptured, message)
        } else {
            let message = format!(
                "{filter} is captured by stream {}, not by {name}; set {FIELD} or spec.target.subject",
                listed(captured_by)
            );
            (Reason::SubjectCapturedByOther, message)
        };
        add(reason, "spec.target.subject", message);
    }
    let message = verdict.message(name, filter, retry_for);
    (problems, message)
}

impl StreamVerdict {
    fn message(&self, name: &str, filter: &str, retry_for: Option<Duration>) -> String {
        let window = self.duplicate_window;
        let plural = if self.replicas == 1 { "replica" } else { "replicas" };
        let mut message = format!(
            "stream {name} captures {filter}, duplicate window {}, {} {plural}",
            go_duration(window),
            self.replicas
        );
        let short = retry_for.filter(|retries| *retries > window).map(|retries| {
            let retries = go_duration(retries);
            format!(
                "the provider retries for {retries}, longer than the duplicate window: a later retry is stored again; give \
                 the stream a duplicate window of {retries} (--duplicate-window, where it is the operator's own), or the \
                 endpoint a stream of its own with one"
            )
        });
        let unreadable = self.unreadable.as_ref().map(|why| format!("it can't be read for now: {why}"));
        for note in self.weaknesses.iter().chain(&short).chain(&unreadable) {
            message.push_str("; note: ");
            message.push_str(note);
        }
        message
    }
}

/// A duration as Go writes it, without the zero units that Go leaves at the end: `2h`, `1h30m`, `1.5s`, `250ms`.
#[must_use]
pub fn go_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let nanos = duration.subsec_nanos();
    if seconds == 0 && nanos > 0 {
        return format!("{}ms", trimmed(duration.as_secs_f64() * 1000.0));
    }
    let (hours, minutes, rest) = (seconds / 3600, seconds % 3600 / 60, seconds % 60);
    let hours = (hours > 0).then(|| format!("{hours}h"));
    let minutes = (minutes > 0).then(|| format!("{minutes}m"));
    let rest = (rest > 0 || nanos > 0).then(|| format!("{}s", trimmed(Duration::new(rest, nanos).as_secs_f64())));
    let text: String = hours.into_iter().chain(minutes).chain(rest).collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

fn trimmed(number: f64) -> String {
    format!("{number:.3}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> StreamFacts {
        StreamFacts {
            subjects: vec!["webhooks.>".to_owned()],
            retention: Retention::Limits,
            storage: Storage::File,
            discard: Discard::New,
            no_ack: false,
            persists_async: false,
            is_sealed: false,
            is_mirror: false,
            duplicate_window: Duration::from_hours(2),
            max_age: Duration::from_hours(168),
            max_message_bytes: None,
            replicas: 3,
            bytes: 0,
            max_bytes: None,
            messages: 0,
            max_messages: None,
            consumers: 0,
            is_ours: true,
        }
    }

    type Change = fn(&mut StreamFacts);

    fn ask() -> Ask<'static> {
        Ask { stream: "WEBHOOKS", filter: "webhooks.shop.a.>", retry_for: None, captured_by: &[], denied: None }
    }

    fn judged(facts: StreamFacts) -> Stream {
        Stream::judge(&StreamState::Found(facts), &Stream::Unread, 3, false)
    }

    fn reasons(stream: &Stream, ask: Ask<'_>) -> Vec<Reason> {
        judge_target(stream, ask).0.iter().map(|problem| problem.reason).collect()
    }

    #[test]
    fn a_good_stream_is_ready_and_says_so() {
        let (problems, message) = judge_target(&judged(facts()), ask());
        assert_eq!(problems, []);
        assert_eq!(message, "stream WEBHOOKS captures webhooks.shop.a.>, duplicate window 2h, 3 replicas");
        assert!(judged(facts()).is_open());
    }

    #[test]
    fn each_setting_that_breaks_the_promise_closes_the_route() {
        let table: [(&str, Change); 6] = [
            ("no_ack", |f| f.no_ack = true),
            ("persist_mode", |f| f.persists_async = true),
            ("memory", |f| f.storage = Storage::Memory),
            ("interest", |f| f.retention = Retention::Interest),
            ("sealed", |f| f.is_sealed = true),
            ("mirror", |f| f.is_mirror = true),
        ];
        for (word, change) in table {
            let mut facts = facts();
            change(&mut facts);
            let stream = judged(facts);
            let (problems, _) = judge_target(&stream, ask());
            assert_eq!(problems.len(), 1, "{word}");
            assert_eq!(problems[0].reason, Reason::StreamUnsafe);
            assert!(problems[0].message.contains(word), "{}", problems[0].message);
            assert!(!problems[0].is_lasting);
            assert!(!stream.is_open(), "{word}");
        }
    }

    #[test]
    fn memory_is_taken_where_the_operator_allows_it_and_is_told() {
        let stream = Stream::judge(
            &StreamState::Found(StreamFacts { storage: Storage::Memory, ..facts() }),
            &Stream::Unread,
            1,
            true,
        );
        assert!(stream.is_open());
        assert!(judge_target(&stream, ask()).1.contains("in memory"));
    }

    #[test]
    fn each_weakness_is_told_and_closes_nothing() {
        let table: [(&str, Change); 6] = [
            ("discards old events", |f| (f.discard, f.max_bytes) = (Discard::Old, Some(1000))),
            ("85 % full", |f| (f.bytes, f.max_bytes) = (851, Some(1000))),
            ("85 % full", |f| (f.messages, f.max_messages) = (86, Some(100))),
            ("one replica on a cluster of 3", |f| f.replicas = 1),
            ("work-queue", |f| f.retention = Retention::WorkQueue),
            ("interest retention", |f| (f.retention, f.consumers) = (Retention::Interest, 1)),
        ];
        for (word, change) in table {
            let mut facts = facts();
            change(&mut facts);
            let stream = judged(facts);
            let (problems, message) = judge_target(&stream, ask());
            assert_eq!(problems, [], "{word}");
            assert!(message.contains(word), "{message}");
            assert!(stream.is_open());
        }
        let window = Ask { retry_for: Some(Duration::from_hours(3)), ..ask() };
        let (_, told) = judge_target(&judged(facts()), window);
        assert!(
            told.contains("retries for 3h") && told.contains("a duplicate window of 3h (--duplicate-window"),
            "{told}"
        );
        let covered = Ask { retry_for: Some(Duration::from_hours(2)), ..ask() };
        assert!(!judge_target(&judged(facts()), covered).1.contains("retries"));
        let unlimited = judged(StreamFacts { discard: Discard::Old, ..facts() });
        assert!(!judge_target(&unlimited, ask()).1.contains("note"));
    }

    #[test]
    fn fullness_has_a_band_so_that_it_does_not_flap() {
        let at = |bytes| StreamState::Found(StreamFacts { bytes, max_bytes: Some(1000), ..facts() });
        let low = Stream::judge(&at(830), &Stream::Unread, 3, false);
        let high = Stream::judge(&at(860), &low, 3, false);
        assert_ne!(low, high);
        assert_eq!(Stream::judge(&at(830), &high, 3, false), high);
        assert_eq!(Stream::judge(&at(790), &high, 3, false), low);
    }

    #[test]
    fn counts_do_not_change_the_verdict() {
        let more = StreamFacts { bytes: 10, messages: 3, consumers: 2, ..facts() };
        assert_eq!(judged(facts()), judged(more));
    }

    #[test]
    fn a_stream_that_is_not_there_or_not_checked_is_told_apart() {
        assert_eq!(reasons(&Stream::Missing, ask()), [Reason::StreamNotFound]);
        assert!(Stream::Missing.is_open());
        assert_eq!(reasons(&Stream::Unread, ask()), [Reason::Pending]);
        assert!(!Stream::Unread.is_open());
        let unreadable = Stream::judge(&StreamState::Unreadable("no right".into()), &Stream::Unread, 1, false);
        assert_eq!(reasons(&unreadable, ask()), [Reason::NatsUnavailable]);
        assert!(!unreadable.is_open());
        let before = judged(facts());
        let kept = Stream::judge(&StreamState::Unreadable("no answer".into()), &before, 1, false);
        assert!(kept.is_open());
        assert!(judge_target(&kept, ask()).1.contains("no answer"));
    }

    #[test]
    fn a_subject_must_be_captured_whole() {
        for (subjects, expected) in [
            (vec!["webhooks.>"], None),
            (vec!["other", "webhooks.*.>"], None),
            (vec!["webhooks.shop.a.*"], Some(Reason::SubjectNotCaptured)),
            (vec!["orders.>"], Some(Reason::SubjectNotCaptured)),
            (vec![], Some(Reason::SubjectNotCaptured)),
        ] {
            let subjects: Vec<_> = subjects.into_iter().map(str::to_owned).collect();
            let stream = judged(StreamFacts { subjects, ..facts() });
            assert_eq!(reasons(&stream, ask()), expected.into_iter().collect::<Vec<_>>());
            assert!(stream.is_open());
        }
        let stream = judged(StreamFacts { subjects: vec![], ..facts() });
        let others = ["ALL".to_owned()];
        let (problems, _) = judge_target(&stream, Ask { captured_by: &others, ..ask() });
        assert_eq!(problems[0].reason, Reason::SubjectCapturedByOther);
        assert!(problems[0].message.contains("captured by stream ALL, not by WEBHOOKS"));
    }

    #[test]
    fn a_refused_publish_is_told() {
        let denied = Ask { denied: Some("webhooks.shop.a.push"), ..ask() };
        assert_eq!(reasons(&judged(facts()), denied), [Reason::PublishNotPermitted]);
    }

    #[test]
    fn durations_are_written_as_go_writes_them() {
        for (duration, text) in [
            (Duration::from_hours(2), "2h"),
            (Duration::from_mins(90), "1h30m"),
            (Duration::from_secs(3601), "1h1s"),
            (Duration::from_millis(1500), "1.5s"),
            (Duration::from_millis(250), "250ms"),
            (Duration::ZERO, "0s"),
        ] {
            assert_eq!(go_duration(duration), text);
        }
    }
}
