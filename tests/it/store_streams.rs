//! The reader of streams against a real nats-server: what it sees, what it makes and changes, and how often it asks.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, Info};
use futures_util::StreamExt as _;
use jethook::stream::{Connection, StreamFacts, StreamState};

use crate::support::nats::{Nats, nats};
use crate::support::runtime::block_on;
use crate::support::store::{Corner, Reading, aside, wanted_of};

fn found(state: Option<&StreamState>) -> Option<StreamFacts> {
    match state {
        Some(StreamState::Found(facts)) => Some(facts.clone()),
        _ => None,
    }
}

fn default_flags(corner: &Corner) -> [&str; 4] {
    ["--stream", &corner.stream, "--prefix", &corner.prefix]
}

fn info(corner: &Corner) -> Option<Info> {
    aside(|| nats().stream(&corner.stream))
}

#[test]
fn the_default_stream_is_made_once_and_left_alone_while_the_flags_stay() {
    let corner = Corner::new();
    let subject = format!("{}.>", corner.prefix);
    let wanted = [(corner.stream.as_str(), subject.as_str())];
    block_on(async {
        let client = async_nats::connect(nats().url()).await.unwrap();
        let mut advisories = client.subscribe(format!("$JS.EVENT.ADVISORY.STREAM.*.{}", corner.stream)).await.unwrap();
        client.flush().await.unwrap();
        let mut reading = Reading::start(&nats().url(), &default_flags(&corner), &wanted).await;
        let facts = reading.until("it is made", |view| found(view.streams.get(&corner.stream))).await;
        assert!(facts.is_ours);
        assert_eq!(facts.subjects, [subject.as_str()]);
        drop(reading);
        // The server's own defaults are in what it gives back; they are no reason to change it.
        for _ in 0..3 {
            let mut reading = Reading::start(&nats().url(), &default_flags(&corner), &wanted).await;
            reading.until("it is read", |view| found(view.streams.get(&corner.stream))).await;
        }
        let flags = [&default_flags(&corner)[..], &["--duplicate-window", "10m"]].concat();
        let mut reading = Reading::start(&nats().url(), &flags, &wanted).await;
        let facts = reading.until("it is read", |view| found(view.streams.get(&corner.stream))).await;
        assert_eq!(facts.duplicate_window, Duration::from_secs(600));
        let mut kinds = Vec::new();
        while kinds.last().is_none_or(|kind| kind != "UPDATED") {
            let advisory = tokio::time::timeout(Duration::from_secs(10), advisories.next()).await.unwrap().unwrap();
            kinds.push(advisory.subject.split('.').nth(4).unwrap().to_owned());
        }
        assert_eq!(kinds, ["CREATED", "UPDATED"]);
    });
}

#[test]
fn the_leader_makes_the_default_stream_before_there_is_any_route() {
    let corner = Corner::new();
    block_on(async {
        let mut reading = Reading::start(&nats().url(), &default_flags(&corner), &[]).await;
        let facts = reading.until("it is made", |view| found(view.streams.get(&corner.stream))).await;
        assert!(facts.is_ours);
    });
    assert!(info(&corner).is_some());
}

#[test]
fn only_who_leads_makes_the_stream_and_nobody_changes_a_foreign_one() {
    let corner = Corner::new();
    let subject = format!("{}.>", corner.prefix);
    let wanted = [(corner.stream.as_str(), subject.as_str())];
    block_on(async {
        let mut reading = Reading::start(&nats().url(), &default_flags(&corner), &[]).await;
        reading.leading.send_replace(false);
        reading.wanted.send_replace(wanted_of(&wanted).into());
        let is_missing = |state: Option<&StreamState>| (state == Some(&StreamState::Missing)).then_some(());
        reading.until("it is missing", |view| is_missing(view.streams.get(&corner.stream))).await;
        assert!(info(&corner).is_none());
        reading.leading.send_replace(true);
        reading.until("it is made", |view| found(view.streams.get(&corner.stream))).await;
    });
    let foreign = Corner::new();
    let before = Config {
        name: foreign.stream.clone(),
        subjects: vec![format!("{}.>", foreign.prefix)],
        duplicate_window: Duration::from_secs(30),
        ..Config::default()
    };
    nats().create_stream(before);
    let before = info(&foreign).unwrap().config;
    let subject = format!("{}.>", foreign.prefix);
    block_on(async {
        let mut reading = Reading::start(&nats().url(), &default_flags(&foreign), &[(&foreign.stream, &subject)]).await;
        let facts = reading.until("it is read", |view| found(view.streams.get(&foreign.stream))).await;
        assert!(!facts.is_ours);
    });
    assert_eq!(info(&foreign).unwrap().config, before);
}

#[test]
fn who_else_captures_a_subject_is_told_and_healed_soon() {
    let (own, other) = (Corner::new(), Corner::new());
    for corner in [&own, &other] {
        let subjects = vec![format!("{}.in.>", corner.prefix)];
        nats().create_stream(Config { name: corner.stream.clone(), subjects, ..Config::default() });
    }
    let (captured, foreign, partly) =
        (format!("{}.in.a.>", own.prefix), format!("{}.in.a.>", other.prefix), format!("{}.>", own.prefix));
    block_on(async {
        let mut reading = Reading::start(&nats().url(), &[], &[(&own.stream, &captured)]).await;
        reading.until("it is read", |view| found(view.streams.get(&own.stream))).await;
        assert!(reading.view.borrow().captured_by.is_empty());
        let wanted = wanted_of(&[(&own.stream, &captured), (&own.stream, &foreign), (&own.stream, &partly)]);
        reading.wanted.send_replace(wanted.into());
        let captured_by = reading
            .until("the new subjects are judged", |view| {
                (view.captured_by.len() == 2).then(|| view.captured_by.clone())
            })
            .await;
        assert_eq!(captured_by[&foreign], [other.stream.as_str()]);
        assert_eq!(captured_by[&partly], Vec::<String>::new(), "a stream is not another of itself");
        aside(|| {
            let mut wider = nats().stream(&own.stream).unwrap().config;
            wider.subjects = vec![partly.clone()];
            block_on(nats().jetstream().update_stream(&wider)).unwrap();
        });
        reading.until("it is seen", |view| (!view.captured_by.contains_key(&partly)).then_some(())).await;
        assert!(reading.view.borrow().captured_by.contains_key(&foreign));
        reading.wanted.send_replace(wanted_of(&[(&own.stream, &captured)]).into());
        reading.until("what nobody wants is gone", |view| view.captured_by.is_empty().then_some(())).await;
    });
}

#[test]
fn a_reconnect_brings_what_has_changed_meanwhile() {
    let mut server = Nats::start("max_payload: 64KB");
    let corner = Corner::new();
    let subjects = vec![format!("{}.>", corner.prefix)];
    server.create_stream(Config { name: corner.stream.clone(), subjects, ..Config::default() });
    let subject = format!("{}.>", corner.prefix);
    block_on(async {
        let mut reading = Reading::start(&server.url(), &[], &[(&corner.stream, &subject)]).await;
        let facts = reading.until("it is read", |view| found(view.streams.get(&corner.stream))).await;
        assert_eq!(facts.max_age, Duration::ZERO);
        assert_eq!(reading.view.borrow().max_payload, Some(64 * 1024));
        assert_eq!(reading.view.borrow().servers, 1);
        aside(|| {
            server.kill();
            server.configure("max_payload: 64KB", "max_payload: 32KB");
        });
        let is_down = |connection| matches!(connection, Connection::Down { .. });
        reading.until("it is told", |view| is_down(view.connection).then_some(())).await;
        assert!(found(reading.view.borrow().streams.get(&corner.stream)).is_some(), "what was known stays");
        aside(|| server.run());
        reading.until("it is back", |view| (view.max_payload == Some(32 * 1024)).then_some(())).await;
        aside(|| {
            let config = Config { max_age: Duration::from_secs(3600), ..server.stream(&corner.stream).unwrap().config };
            block_on(server.jetstream().update_stream(&config)).unwrap();
            server.kill();
            server.run();
        });
        let age = Duration::from_secs(3600);
        let is_new = |facts: StreamFacts| (facts.max_age == age).then_some(());
        reading.until("it is read again", |view| found(view.streams.get(&corner.stream)).and_then(is_new)).await;
    });
}

#[test]
fn a_user_who_may_not_read_or_make_streams_is_told_so() {
    let server = Nats::start(
        "authorization { users: [\n\
         { user: jethook, password: pw, permissions: { publish: { deny: [\"$JS.API.STREAM.INFO.CLOSED\", \"$JS.API.STREAM.CREATE.>\"] } } }\n\
         { user: admin, password: pw } ] }",
    );
    let url = server.url().replace("nats://", "nats://jethook:pw@");
    block_on(async {
        let wanted = [("CLOSED", "closed.>"), ("WEBHOOKS", "webhooks.>")];
        let mut reading = Reading::start(&url, &[], &wanted).await;
        let told = |state: Option<&StreamState>| match state {
            Some(StreamState::Unreadable(why)) => Some(why.clone()),
            _ => None,
        };
        let why = reading.until("it can't be read", |view| told(view.streams.get("CLOSED"))).await;
        assert!(why.contains("may not publish to $JS.API.STREAM.INFO.CLOSED"), "{why}");
        assert_eq!(reading.view.borrow().streams.get("WEBHOOKS"), Some(&StreamState::Missing));
        assert!(reading.view.borrow().denied.is_empty(), "these are no subjects of events");
    });
}

#[test]
fn a_stream_that_is_well_is_not_asked_for_again_and_again() {
    let corner = Corner::new();
    let subject = format!("{}.a.>", corner.prefix);
    nats().create_stream(Config { name: corner.stream.clone(), subjects: vec![subject.clone()], ..Config::default() });
    block_on(async {
        let client = async_nats::connect(nats().url()).await.unwrap();
        let mut requests = client.subscribe(format!("$JS.API.STREAM.INFO.{}", corner.stream)).await.unwrap();
        client.flush().await.unwrap();
        let mut reading = Reading::start(&nats().url(), &[], &[(&corner.stream, &subject)]).await;
        reading.until("it is read", |view| found(view.streams.get(&corner.stream))).await;
        // Routes come and go; what they want is known.
        for number in 0..20 {
            let another = format!("{}.a.{number}.>", corner.prefix);
            reading.wanted.send_replace(wanted_of(&[(&corner.stream, &subject), (&corner.stream, &another)]).into());
            tokio::task::yield_now().await;
        }
        let marker = format!("{}-marker", corner.stream);
        reading.wanted.send_replace(wanted_of(&[(&corner.stream, &subject), (&marker, &subject)]).into());
        reading.until("all was heard", |view| view.streams.get(&marker).cloned()).await;
        let mut count = 0;
        while let Ok(Some(_)) = tokio::time::timeout(Duration::from_millis(200), requests.next()).await {
            count += 1;
        }
        assert_eq!(count, 1);
    });
}
