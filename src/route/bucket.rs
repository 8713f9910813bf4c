//! The object store bucket for bodies that are larger than NATS takes: its name, and whether it keeps them long enough.

use std::time::Duration;

use super::target::go_duration;
use super::{Problem, Stream};
use crate::api::{ConditionType, Reason};

/// A bucket keeps bodies this much longer than the stream keeps events: what is sent again late may find its body there.
pub const BODIES_OUTLIVE_BY: Duration = Duration::from_hours(24);

const FIELD: &str = "spec.target.largeBodies";

/// The bucket of a stream.
#[must_use]
pub fn bucket_of(stream: &str) -> String {
    format!("{stream}-bodies")
}

/// The stream behind a bucket.
#[must_use]
pub fn stream_of(bucket: &str) -> String {
    format!("OBJ_{bucket}")
}

/// The subjects of a bucket's bodies.
pub(super) fn filter_of(bucket: &str) -> String {
    format!("$O.{bucket}.C.>")
}

/// What is wrong with a bucket, for events of a stream that is known.
pub(super) fn judge(bucket: &str, its: &Stream, stream: &str, of: &Stream) -> Vec<Problem> {
    let verdict = match its {
        Stream::Known(verdict) => verdict,
        Stream::Missing => {
            let message = format!(
                "object store bucket {bucket} does not exist, and bodies larger than NATS takes are answered 503; create it, \
                 or set {FIELD} to refuse"
            );
            return vec![Problem::passing(Reason::StreamNotFound, FIELD, message)];
        }
        Stream::Unreadable(why) => {
            let message = format!("object store bucket {bucket} can't be checked: {why}");
            return vec![Problem::passing(Reason::NatsUnavailable, FIELD, message)];
        }
        Stream::Unread => {
            let message = format!(
                "object store bucket {bucket} has not been checked yet; deliveries are answered 503 until it is"
            );
            return vec![Problem::pending(ConditionType::TargetReady, FIELD, message)];
        }
    };
    let settings = verdict.unsafe_settings();
    let mut problems: Vec<_> = settings
        .iter()
        .map(|setting| {
            let message = format!("object store bucket {bucket} could lose bodies: {setting}");
            Problem::passing(Reason::StreamUnsafe, FIELD, message)
        })
        .collect();
    if let Some(kept) = short(its, of) {
        let (kept, least) = (go_duration(kept), go_duration(BODIES_OUTLIVE_BY));
        let message = format!(
            "object store bucket {bucket} drops bodies after {kept}, which could be before stream {stream} drops their events; \
             give it the stream's maximum age and {least} more, or none"
        );
        problems.push(Problem::passing(Reason::StreamUnsafe, FIELD, message));
    }
    problems
}

/// Whether a route may be open that puts bodies there: the bucket was checked, and loses none.
pub(super) fn is_open(its: &Stream, of: &Stream) -> bool {
    its.is_open() && short(its, of).is_none()
}

/// For how long the bucket keeps bodies, where that is not long enough.
fn short(its: &Stream, of: &Stream) -> Option<Duration> {
    let (Stream::Known(its), Stream::Known(of)) = (its, of) else { return None };
    let (kept, needed) = (its.max_age(), of.max_age());
    let is_enough = kept.is_zero() || !needed.is_zero() && kept >= needed + BODIES_OUTLIVE_BY;
    (!is_enough).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{Discard, Retention, Storage, StreamFacts, StreamState};

    fn hours(hours: u64) -> Duration {
        Duration::from_hours(hours)
    }

    fn stream(max_age: Duration, storage: Storage) -> Stream {
        let facts = StreamFacts {
            subjects: vec!["$O.S-bodies.C.>".to_owned()],
            retention: Retention::Limits,
            storage,
            discard: Discard::New,
            no_ack: false,
            persists_async: false,
            is_sealed: false,
            is_mirror: false,
            duplicate_window: Duration::from_mins(2),
            max_age,
            max_message_bytes: None,
            replicas: 1,
            bytes: 0,
            max_bytes: None,
            messages: 0,
            max_messages: None,
            consumers: 0,
            is_ours: false,
        };
        Stream::judge(&StreamState::Found(facts), &Stream::Unread, 1, false)
    }

    #[test]
    fn a_bucket_must_be_there_and_outlive_its_stream() {
        let week = stream(hours(168), Storage::File);
        let forever = stream(Duration::ZERO, Storage::File);
        for (its, of, expected, open) in [
            (stream(hours(192), Storage::File), &week, None, true),
            (stream(Duration::ZERO, Storage::File), &week, None, true),
            (stream(Duration::ZERO, Storage::File), &forever, None, true),
            (stream(hours(191), Storage::File), &week, Some(Reason::StreamUnsafe), false),
            (stream(hours(9999), Storage::File), &forever, Some(Reason::StreamUnsafe), false),
            (stream(hours(192), Storage::Memory), &week, Some(Reason::StreamUnsafe), false),
            (Stream::Missing, &week, Some(Reason::StreamNotFound), true),
            (Stream::Unread, &week, Some(Reason::Pending), false),
            (Stream::Unreadable("no right".to_owned()), &week, Some(Reason::NatsUnavailable), false),
        ] {
            let problems = judge("S-bodies", &its, "S", of);
            assert_eq!(problems.iter().map(|problem| problem.reason).next(), expected, "{its:?}");
            assert!(problems.iter().all(|problem| problem.message.contains("S-bodies")), "{problems:?}");
            assert_eq!(is_open(&its, of), open, "{its:?}");
        }
    }
}
