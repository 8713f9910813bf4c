//! The publisher while NATS goes away and comes back.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::jetstream::stream::Config;
use futures_util::future::{join, join_all};
use jethook::outcome::NotStored;
use jethook::route::Usage;
use jethook::store::PublishLimits;
use tokio::time::Instant;

use crate::support::eventually::until;
use crate::support::nats::Nats;
use crate::support::store::{Corner, IMPATIENT, Line, PATIENT, aside, limits, with_line};

fn with_server(limits: PublishLimits, test: impl AsyncFnOnce(&mut Nats, Corner, Line)) {
    let mut server = Nats::start("");
    let corner = Corner::new();
    server.create_stream(Config {
        name: corner.stream.clone(),
        subjects: vec![format!("{}.>", corner.prefix)],
        ..Config::default()
    });
    with_line(&server.url(), limits, async |line| {
        line.warm(&corner).await;
        test(&mut server, corner, line).await;
    });
}

/// Until the publisher has noticed that the server is gone.
async fn gone(line: &Line, corner: &Corner) {
    until("the break is noticed", async || {
        let result = line.publish(corner.event("probe", "1", b"{}"), &Usage::default(), IMPATIENT).await;
        (result == Err(NotStored::Disconnected)).then_some(())
    })
    .await;
}

/// The ids in the stream, apart from those of other endpoints.
fn ids(server: &Nats, corner: &Corner) -> Vec<String> {
    let all = server.stored(&corner.stream);
    let of_hook = all.iter().filter(|stored| stored.subject.contains(".hook."));
    of_hook.map(|stored| stored.header("ce-id").to_owned()).collect()
}

#[test]
fn a_patient_sender_waits_for_the_reconnect_and_the_others_do_not() {
    with_server(limits(), async |server, corner, line| {
        let usage = Usage::default();
        server.kill();
        gone(&line, &corner).await;
        let began = Instant::now();
        let impatient = line.publish(corner.event("hook", "impatient", b"{}"), &usage, IMPATIENT).await;
        assert_eq!(impatient, Err(NotStored::Disconnected));
        assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
        let patient = line.publish(corner.event("hook", "patient", b"{}"), &usage, PATIENT);
        let restart = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            server.spawn();
        };
        let (stored, ()) = join(patient, restart).await;
        assert!(!stored.unwrap().is_duplicate);
        // Without another publisher: the others are taken again as well.
        line.publish(corner.event("hook", "after", b"{}"), &usage, IMPATIENT).await.unwrap();
        assert_eq!(aside(|| ids(server, &corner)), ["patient", "after"]);
        assert_eq!(line.metrics.nats_reconnects.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn what_was_in_flight_at_the_break_is_stored_once() {
    with_server(limits(), async |server, corner, line| {
        let usage = Usage::default();
        server.signal("STOP");
        let events: Vec<_> = (0..200).map(|id| corner.event("hook", &format!("{id:03}"), b"{}")).collect();
        // Half of them would not wait for a reconnect; but they have begun, and may be stored already.
        let publishing = join_all(events.into_iter().enumerate().map(|(number, event)| {
            line.publish(event, &usage, if number % 2 == 0 { PATIENT } else { Duration::from_millis(4500) })
        }));
        let restart = async {
            until("they are under way", async || (usage.publishes.load(Ordering::Relaxed) == 200).then_some(())).await;
            server.kill();
            server.spawn();
        };
        let (results, ()) = join(publishing, restart).await;
        for result in results {
            result.unwrap();
        }
        let mut ids = aside(|| ids(server, &corner));
        ids.sort();
        assert_eq!(ids, (0..200).map(|id| format!("{id:03}")).collect::<Vec<_>>());
    });
}

#[test]
fn while_the_server_is_frozen_no_publish_is_begun_and_none_is_kept_for_later() {
    with_server(limits(), async |server, corner, line| {
        let usage = Usage::default();
        server.signal("STOP");
        let began = Instant::now();
        let first = join_all(
            (0..3).map(|id| line.publish(corner.event("hook", &format!("frozen-{id}"), b"{}"), &usage, IMPATIENT)),
        );
        for result in first.await {
            assert_eq!(result, Err(NotStored::NoAck));
        }
        assert!(began.elapsed() < IMPATIENT + Duration::from_millis(200), "{:?}", began.elapsed());
        assert!(usage.gate.is_away());
        let mut slow = 0;
        for id in 0..200 {
            let event = corner.event("hook", &format!("refused-{id}"), b"{}");
            let began = Instant::now();
            let refused = line.publish(event, &usage, IMPATIENT).await;
            assert!(
                matches!(refused, Err(NotStored::StreamAway | NotStored::Disconnected | NotStored::NoAck)),
                "{refused:?}"
            );
            slow += usize::from(began.elapsed() > Duration::from_millis(100));
        }
        assert!(slow <= 3, "none but the probes take their time: {slow}");
        server.signal("CONT");
        until("it is back", async || line.publish(corner.event("hook", "after", b"{}"), &usage, IMPATIENT).await.ok())
            .await;
        let ids = aside(|| ids(server, &corner));
        let kept = ids.iter().filter(|id| id.starts_with("refused-")).count();
        assert!(kept <= 3, "no more than the probes: {ids:?}");
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len(), "{ids:?}");
    });
}

#[test]
fn only_so_many_wait_and_only_so_long() {
    let few = PublishLimits { reconnect_waiters_max: 2, reconnect_wait: Duration::from_secs(1), ..limits() };
    with_server(few, async |server, corner, line| {
        server.kill();
        gone(&line, &corner).await;
        let usage = Usage::default();
        let timed = async |id: usize| {
            let began = Instant::now();
            let result = line.publish(corner.event("hook", &id.to_string(), b"{}"), &usage, PATIENT).await;
            assert_eq!(result, Err(NotStored::Disconnected));
            began.elapsed()
        };
        let mut took = join_all((0..5).map(timed)).await;
        took.sort();
        assert!(took[2] < Duration::from_millis(100), "{took:?}");
        assert!(took[3] > Duration::from_millis(700) && took[4] < Duration::from_millis(1500), "{took:?}");
        // Their places are free again.
        assert!(timed(9).await > Duration::from_millis(700));
    });
}

#[test]
fn a_server_that_is_about_to_go_is_left_where_there_is_another() {
    let ports = [crate::support::operator::free_port(), crate::support::operator::free_port()];
    let routes = ports.map(|port| format!("\"nats://127.0.0.1:{port}\"")).join(", ");
    let mut servers = ports.map(|port| {
        Nats::new_in(
            "",
            &format!("cluster {{ name: c, listen: 127.0.0.1:{port}, routes: [{routes}] }}"),
            crate::support::operator::free_port(),
        )
    });
    servers.iter_mut().for_each(Nats::run);
    let url = servers[0].url();
    with_line(&url, limits(), async |line| {
        let connections = |server: &Nats| server.monitor("/connz?limit=1")["num_connections"].as_u64().unwrap();
        until("it is connected", async || aside(|| (connections(&servers[0]) == 1).then_some(()))).await;
        // Long before the server would close the connection.
        servers[0].signal("USR2");
        until("it has moved", async || aside(|| (connections(&servers[1]) == 1).then_some(()))).await;
        until("it is counted", async || (line.metrics.nats_reconnects.load(Ordering::Relaxed) == 1).then_some(()))
            .await;
    });
}
