//! What of a stream's info matters, and the default stream by its flags.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, PersistenceMode, RetentionPolicy, StorageType};

use crate::config::StreamConfig;
use crate::route::{BODIES_OUTLIVE_BY, bucket_of, stream_of};
use crate::stream::{Discard, Retention, Storage, StreamFacts};

/// The mark of a stream that an operator made, in the stream's metadata.
const OWNER: &str = "jethook.dev/owner";
/// The duplicate window of a bucket: longer than one upload takes with all its tries.
const BUCKET_WINDOW: Duration = Duration::from_secs(120);

/// Whether the stream's metadata says that this owner made it.
pub(super) fn is_owned(config: &Config, owner: &str) -> bool {
    config.metadata.get(OWNER).is_some_and(|its| its == owner)
}

/// The streams that the operator makes and keeps to the flags: the default stream, and the bucket for its large bodies.
/// `None`: the stream is someone else's.
pub(super) fn managed(flags: &StreamConfig, name: &str, owner: &str, existing: Option<&Config>) -> Option<Config> {
    if name == flags.stream {
        return Some(default_stream(flags, owner, existing));
    }
    let bucket = bucket_of(&flags.stream);
    (name == stream_of(&bucket)).then(|| bodies(flags, &bucket, owner, existing))
}

/// An object store bucket, as NATS lays one out.
fn bodies(flags: &StreamConfig, bucket: &str, owner: &str, existing: Option<&Config>) -> Config {
    let mut config = existing.cloned().unwrap_or_else(|| Config {
        max_messages: -1,
        max_bytes: -1,
        duplicate_window: BUCKET_WINDOW,
        ..default_stream(flags, owner, None)
    });
    config.name = stream_of(bucket);
    config.subjects = vec![format!("$O.{bucket}.C.>"), format!("$O.{bucket}.M.>")];
    config.discard = DiscardPolicy::New;
    config.allow_rollup = true;
    config.max_age = match flags.stream_max_age {
        age if age.is_zero() => age,
        age => age + BODIES_OUTLIVE_BY,
    };
    config.num_replicas = usize::from(flags.stream_replicas);
    config.metadata.insert(OWNER.to_owned(), owner.to_owned());
    config
}

/// The default stream by the flags. Of an existing one, what they do not decide stays as it is, so that a stream that
/// follows them is equal to what comes back.
fn default_stream(flags: &StreamConfig, owner: &str, existing: Option<&Config>) -> Config {
    let mut config = existing.cloned().unwrap_or_else(|| Config {
        name: flags.stream.clone(),
        storage: StorageType::File,
        retention: RetentionPolicy::Limits,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_message_size: -1,
        max_consumers: -1,
        allow_direct: true,
        ..Config::default()
    });
    config.subjects = vec![format!("{}.>", flags.prefix)];
    config.discard = DiscardPolicy::New;
    config.max_age = flags.stream_max_age;
    // The server refuses a window that is longer than the age, and would remember nothing beyond it anyway.
    config.duplicate_window = match flags.stream_max_age {
        age if age.is_zero() => flags.duplicate_window,
        age => flags.duplicate_window.min(age),
    };
    config.num_replicas = usize::from(flags.stream_replicas);
    config.max_bytes = match flags.stream_max_bytes {
        0 => -1,
        bytes => i64::try_from(bytes).unwrap_or(i64::MAX),
    };
    config.metadata.insert(OWNER.to_owned(), owner.to_owned());
    config
}

pub(super) fn facts(info: &Info, owner: &str) -> StreamFacts {
    let config = &info.config;
    let limit = |value: i64| u64::try_from(value).ok().filter(|value| *value > 0);
    StreamFacts {
        subjects: config.subjects.clone(),
        retention: match config.retention {
            RetentionPolicy::Limits => Retention::Limits,
            RetentionPolicy::Interest => Retention::Interest,
            RetentionPolicy::WorkQueue => Retention::WorkQueue,
        },
        storage: match config.storage {
            StorageType::File => Storage::File,
            StorageType::Memory => Storage::Memory,
        },
        discard: match config.discard {
            DiscardPolicy::Old => Discard::Old,
            DiscardPolicy::New => Discard::New,
        },
        no_ack: config.no_ack,
        persists_async: matches!(config.persist_mode, Some(PersistenceMode::Async)),
        is_sealed: config.sealed,
        is_mirror: config.mirror.is_some(),
        duplicate_window: config.duplicate_window,
        max_age: config.max_age,
        max_message_bytes: limit(i64::from(config.max_message_size)),
        replicas: config.num_replicas,
        bytes: info.state.bytes,
        max_bytes: limit(config.max_bytes),
        messages: info.state.messages,
        max_messages: limit(config.max_messages),
        consumers: info.state.consumer_count,
        is_ours: is_owned(config, owner),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        stream: StreamConfig,
    }

    fn hours(hours: u64) -> Duration {
        Duration::from_secs(hours * 3600)
    }

    fn flags(flags: &[&str]) -> StreamConfig {
        Flags::parse_from([&["test"], flags].concat()).stream
    }

    #[test]
    fn the_flags_decide_the_default_stream() {
        let config = default_stream(&flags(&[]), "jethook", None);
        assert_eq!((config.name.as_str(), config.subjects.as_slice()), ("WEBHOOKS", &["webhooks.>".to_owned()][..]));
        assert_eq!((config.discard, config.storage), (DiscardPolicy::New, StorageType::File));
        assert_eq!((config.max_age, config.duplicate_window), (hours(168), hours(2)));
        assert_eq!((config.max_bytes, config.num_replicas), (-1, 1));
        assert!(is_owned(&config, "jethook") && !is_owned(&config, "other"));
        let config = default_stream(
            &flags(&["--stream-max-bytes", "1Gi", "--stream-replicas", "3", "--stream-max-age", "1h"]),
            "jethook",
            None,
        );
        assert_eq!((config.max_bytes, config.num_replicas), (1 << 30, 3));
        assert_eq!(config.duplicate_window, hours(1), "no longer than the age");
        let config = default_stream(&flags(&["--stream-max-age", "0s", "--duplicate-window", "3h"]), "jethook", None);
        assert_eq!((config.max_age, config.duplicate_window), (Duration::ZERO, hours(3)));
    }

    #[test]
    fn the_bucket_for_large_bodies_outlives_the_stream() {
        let bucket = |given: &[&str], existing| managed(&flags(given), "OBJ_WEBHOOKS-bodies", "jethook", existing);
        let config = bucket(&["--stream-replicas", "3"], None).unwrap();
        assert_eq!(config.subjects, ["$O.WEBHOOKS-bodies.C.>", "$O.WEBHOOKS-bodies.M.>"]);
        assert_eq!((config.max_age, config.num_replicas, config.max_bytes), (hours(168 + 24), 3, -1));
        assert!(config.allow_rollup && config.allow_direct && is_owned(&config, "jethook"));
        assert_eq!(bucket(&["--stream-replicas", "3"], Some(&config)), Some(config.clone()));
        let longer = bucket(&["--stream-max-age", "200h"], Some(&config)).unwrap();
        assert_eq!((longer.max_age, longer.num_replicas), (hours(224), 1));
        assert_eq!(bucket(&["--stream-max-age", "0s"], None).unwrap().max_age, Duration::ZERO, "as the stream: never");
        for other in ["OBJ_OTHER-bodies", "WEBHOOKS-bodies", "ORDERS"] {
            assert_eq!(managed(&flags(&[]), other, "jethook", None), None, "{other}");
        }
    }

    #[test]
    fn what_the_flags_do_not_decide_stays() {
        let mut existing = default_stream(&flags(&[]), "jethook", None);
        assert_eq!(default_stream(&flags(&[]), "jethook", Some(&existing)), existing);
        existing.metadata.insert("_nats.level".to_owned(), "1".to_owned());
        existing.description = Some("the shop's".to_owned());
        existing.max_message_size = 1000;
        assert_eq!(default_stream(&flags(&[]), "jethook", Some(&existing)), existing);
        assert_ne!(default_stream(&flags(&["--duplicate-window", "1h"]), "jethook", Some(&existing)), existing);
    }
}
