//! The publisher against a real nats-server: what is stored, what is refused and why, and how long that takes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy};
use futures_util::future::join_all;
use jethook::outcome::NotStored;
use jethook::route::Usage;
use jethook::store::PublishLimits;
use tokio::time::Instant;

use crate::support::eventually::until;
use crate::support::nats::{Nats, nats};
use crate::support::runtime::block_on;
use crate::support::store::{Corner, IMPATIENT, Line, PATIENT, aside, limits, with_line};

/// A stream of the corner that captures its prefix.
fn config(corner: &Corner) -> Config {
    Config { name: corner.stream.clone(), subjects: vec![format!("{}.>", corner.prefix)], ..Config::default() }
}

fn with_stream<T>(more: Config, test: impl AsyncFnOnce(Corner, Line) -> T) -> T {
    let corner = Corner::new();
    let Config { name, subjects, .. } = config(&corner);
    nats().create_stream(Config { name, subjects, ..more });
    with_line(&nats().url(), limits(), async |line| test(corner, line).await)
}

#[test]
fn an_event_is_stored_once_however_often_it_comes() {
    let body = b"\x00\xff\r\n{\"a\":1}";
    let stream = with_stream(Config::default(), async |corner, line| {
        let usage = Usage::default();
        let first = line.publish(corner.event("hook", "1", body), &usage, PATIENT).await.unwrap();
        assert_eq!((first.sequence, first.is_duplicate), (1, false));
        let again = line.publish(corner.event("hook", "1", body), &usage, PATIENT).await.unwrap();
        assert_eq!((again.sequence, again.is_duplicate), (1, true));
        let other = line.publish(corner.event("second", "1", body), &usage, PATIENT).await.unwrap();
        assert_eq!((other.sequence, other.is_duplicate), (2, false), "endpoints do not share ids");
        let altered = line.publish(corner.event("hook", "1", b"{}"), &usage, PATIENT).await.unwrap();
        assert!(!altered.is_duplicate, "an unsigned id hides no other content");
        assert_eq!(usage.publishes.load(Ordering::Relaxed), 0);
        corner.stream
    });
    let stored = nats().stored(&stream);
    assert_eq!(stored.len(), 3);
    assert_eq!(stored[0].payload, body);
    assert_eq!(stored[0].header("Nats-Expected-Stream"), stream);
    assert_eq!(stored[0].header("ce-id"), "1");
}

#[test]
fn a_subject_that_nobody_stores_is_refused_inside_the_limit_and_disturbs_no_neighbour() {
    with_stream(Config::default(), async |corner, line| {
        let stray = Corner { stream: corner.stream.clone(), prefix: format!("stray-{}", corner.prefix) };
        line.warm(&corner).await;
        let (lost, neighbour) = (Usage::default(), Usage::default());
        let began = Instant::now();
        let refused = line.publish(stray.event("lost", "1", b"{}"), &lost, IMPATIENT).await;
        assert_eq!(refused, Err(NotStored::NoStream));
        assert!(began.elapsed() < IMPATIENT, "{:?}", began.elapsed());
        // After three tries in a row without an ack no more publishes are begun for it.
        let began = Instant::now();
        let mut reasons = Vec::new();
        for id in 0..20 {
            reasons.push(line.publish(stray.event("lost", &id.to_string(), b"{}"), &lost, Duration::ZERO).await);
        }
        assert!(reasons.iter().filter(|reason| **reason == Err(NotStored::StreamAway)).count() >= 18, "{reasons:?}");
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        line.publish(corner.event("fine", "1", b"{}"), &neighbour, Duration::ZERO).await.unwrap();
        // The stream takes its subject at last: a probe finds out.
        let mut wider = config(&corner);
        wider.subjects.push(format!("{}.>", stray.prefix));
        aside(|| block_on(nats().jetstream().update_stream(&wider))).unwrap();
        until("it is stored", async || line.publish(stray.event("lost", "2", b"{}"), &lost, IMPATIENT).await.ok())
            .await;
    });
}

#[test]
fn an_event_never_slips_into_another_stream() {
    with_stream(Config::default(), async |corner, line| {
        let elsewhere = Corner { stream: "ELSEWHERE".to_owned(), prefix: corner.prefix.clone() };
        let refused = line.publish(elsewhere.event("hook", "1", b"{}"), &Usage::default(), PATIENT).await;
        assert_eq!(refused, Err(NotStored::OtherStream));
        assert_eq!(aside(|| nats().stored(&corner.stream)).len(), 0);
    });
}

#[test]
fn a_full_stream_says_so() {
    with_stream(Config { max_messages: 1, discard: DiscardPolicy::New, ..Config::default() }, async |corner, line| {
        line.warm(&corner).await;
        let refused = line.publish(corner.event("hook", "2", b"{}"), &Usage::default(), PATIENT).await;
        assert_eq!(refused, Err(NotStored::StreamFull));
    });
}

#[test]
fn what_is_too_large_for_the_server_or_the_stream_is_refused_at_once() {
    with_stream(Config { max_message_size: 10_000, ..Config::default() }, async |corner, line| {
        line.warm(&corner).await;
        let usage = Usage::default();
        line.publish(corner.event("hook", "0", &vec![b' '; 5_000]), &usage, PATIENT).await.unwrap();
        for bytes in [10_000, 2 << 20] {
            let began = Instant::now();
            let refused =
                line.publish(corner.event("hook", &bytes.to_string(), &vec![b' '; bytes]), &usage, PATIENT).await;
            assert!(matches!(refused, Err(NotStored::TooLarge { .. })), "{bytes}: {refused:?}");
            assert!(began.elapsed() < Duration::from_secs(1));
        }
        assert!(!usage.gate.is_away());
    });
}

#[test]
fn a_body_that_took_all_its_time_still_has_one_try() {
    with_stream(Config::default(), async |corner, line| {
        line.warm(&corner).await;
        let usage = Usage::default();
        let long_ago = Instant::now().checked_sub(Duration::from_secs(20)).unwrap();
        for id in 0..5 {
            let event = corner.event("slow", &id.to_string(), b"{}");
            line.publisher.publish(event, &usage, long_ago, IMPATIENT).await.unwrap();
        }
    });
}

#[test]
fn one_endpoint_has_at_most_a_quarter_while_more_than_half_is_used() {
    let corner = Corner::new();
    nats().create_stream(config(&corner));
    let few = PublishLimits { inflight_max: 8, ..limits() };
    with_line(&nats().url(), few, async |line| {
        line.warm(&corner).await;
        let (greedy, modest) = (Usage::default(), Usage::default());
        let publish = |usage, id: &str| line.publish(corner.event("hook", id, b"{}"), usage, PATIENT);
        let ids: Vec<_> = (0..8).map(|id| id.to_string()).collect();
        let greedy_ones = join_all(ids.iter().map(|id| publish(&greedy, id)));
        let (greedy_ones, modest_one) = tokio::join!(greedy_ones, publish(&modest, "m"));
        let refused = greedy_ones.iter().filter(|result| **result == Err(NotStored::Overloaded)).count();
        assert_eq!(refused, 3, "five are up to the half, and there it has more than a quarter: {greedy_ones:?}");
        modest_one.unwrap();
        // All is given back, after refusals as well.
        assert_eq!(greedy.publishes.load(Ordering::Relaxed), 0);
        assert!(join_all(ids.iter().take(5).map(|id| publish(&greedy, id))).await.iter().all(Result::is_ok));
    });
}

#[test]
fn a_subject_that_is_not_permitted_is_told_at_once_and_disturbs_no_neighbour() {
    let server = Nats::start(
        "authorization { users: [\n\
         { user: jethook, password: pw, permissions: { publish: { deny: [\"*.shop.secret.>\"] } } }\n\
         { user: admin, password: pw } ] }",
    );
    let corner = Corner::new();
    let admin = async_nats::ConnectOptions::with_user_and_password("admin".to_owned(), "pw".to_owned());
    let context = server.jetstream_as(admin);
    block_on(context.create_stream(config(&corner))).unwrap();
    // The URL may hold the credentials.
    let url = server.url().replace("nats://", "nats://jethook:pw@");
    with_line(&url, limits(), async |line| {
        line.warm(&corner).await;
        let (secret, fine) = (Usage::default(), Usage::default());
        for id in 0..10 {
            let began = Instant::now();
            let refused = line.publish(corner.event("secret", &id.to_string(), b"{}"), &secret, PATIENT).await;
            assert_eq!(refused, Err(NotStored::NotPermitted));
            assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
        }
        line.publish(corner.event("fine", "1", b"{}"), &fine, Duration::ZERO).await.unwrap();
        assert!(!secret.gate.is_away(), "it says nothing of the stream");
    });
}

#[test]
fn many_at_once_are_all_stored_and_leave_nothing_behind() {
    with_stream(Config::default(), async |corner, line| {
        line.warm(&corner).await;
        let usage = Arc::<Usage>::default();
        let events = (0..500).map(|id| corner.event("hook", &id.to_string(), b"{}"));
        let all = join_all(events.map(|event| line.publish(event, &usage, PATIENT))).await;
        let mut sequences: Vec<_> = all.into_iter().map(|stored| stored.unwrap().sequence).collect();
        sequences.sort_unstable();
        sequences.dedup();
        assert_eq!(sequences.len(), 500);
        assert_eq!(usage.publishes.load(Ordering::Relaxed), 0);
        line.publisher.drain(Instant::now() + Duration::from_secs(5)).await;
    });
}
