//! The faults of jethook itself, of the apiserver and of a rolling restart.

use std::time::{Duration, Instant};

use crate::rig::{Replica, Row, Scale, Trial, mib};
use crate::support::apiserver::spare;
use crate::support::balancer::Balancer;
use crate::support::eventually::{SOON, eventually};
use crate::support::load::Plan;
use crate::support::nats::{Nats, nats};
use crate::support::stage::Stage;

/// `kill -9` of one of two replicas, over and over.
pub fn jethook_killed(scale: &Scale) -> Row {
    let stage = Stage::new();
    let mut replicas = [Replica::start(&stage, &[]), Replica::start(&stage, &[])];
    Trial::prepare(&stage);
    let targets = replicas.each_ref().map(|replica| replica.receiver);
    let mut trial = Trial::begin("kill -9 of jethook", scale, Trial::plan(&stage, &targets, scale.rate));
    for cycle in 0..scale.jethook_kills {
        let replica = &mut replicas[cycle % 2];
        trial.run_up_to(Duration::from_millis(300));
        replica.kill();
        replica.spawn();
        replica.ready();
        trial.tell(&format!("{} of {} cycles", cycle + 1, scale.jethook_kills));
    }
    let cycles = scale.jethook_kills;
    trial.end(&nats().jetstream(), &stage.stream).noting(format!("{cycles} cycles over two replicas"))
}

/// The apiserver goes away; a replica is killed and starts again meanwhile; another one starts then for the first time.
pub fn apiserver_away(scale: &Scale) -> Row {
    let (server, _turn) = spare();
    let stage = Stage::in_cluster(server, &nats().url());
    let mut first = Replica::start(&stage, &[]);
    let mut second = Replica::start(&stage, &[]);
    Trial::prepare(&stage);
    let plan = Trial::plan(&stage, &[first.receiver, second.receiver], scale.rate);
    let mut trial = Trial::begin("apiserver stopped, away at start-up, back", scale, plan);
    server.stop();
    let before = trial.ledger().counts();
    trial.run(scale.apiserver_away / 2);
    let alone = trial.ledger().counts();
    let refused_alone = alone.refused + alone.broken - before.refused - before.broken;
    second.kill();
    second.spawn();
    eventually(SOON, "a replica without routes is unready", || match second.operator().readiness() {
        (503, text) if text.contains("endpoints") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    trial.run(scale.apiserver_away / 2);
    server.start_again();
    let back = Instant::now();
    eventually(Duration::from_secs(30), "the apiserver is back", || stage.get("github").ok_or_else(String::new));
    second.ready();
    let serves_after = back.elapsed();
    first.kill();
    trial.taken(50);
    first.spawn();
    first.ready();
    trial.taken(50);
    let mut row = trial.end(&nats().jetstream(), &stage.stream);
    row.must(refused_alone == 0, format!("{refused_alone} requests were refused for want of the apiserver"));
    row.noting(format!("0 refused while it was away; the new replica served {serves_after:.1?} after it was started"))
}

/// Each replica is replaced behind a load balancer that honours readiness. No request may fail.
pub fn rolling_restart(scale: &Scale) -> Row {
    let stage = Stage::new();
    let flags = ["--drain-delay", "1500ms"];
    let balancer = Balancer::start();
    let mut replicas: Vec<_> = (0..2).map(|_| Replica::start(&stage, &flags)).collect();
    Trial::prepare(&stage);
    replicas.iter().for_each(|replica| balancer.add(replica.receiver, replica.admin));
    let plan = Plan { retries: false, ..Trial::plan(&stage, &[balancer.address], scale.rate) };
    let mut trial = Trial::begin("rolling restart of two replicas", scale, plan);
    for number in 0..scale.rolled {
        let new = Replica::start(&stage, &flags);
        balancer.add(new.receiver, new.admin);
        let mut old = replicas.remove(0);
        replicas.push(new);
        old.operator().signal("TERM");
        assert_eq!(old.operator().ended(Duration::from_secs(20)).code(), Some(0));
        balancer.remove(old.receiver);
        trial.tell(&format!("{} of {} replaced", number + 1, scale.rolled));
    }
    trial.taken(50);
    let mut row = trial.end(&nats().jetstream(), &stage.stream);
    let failed = row.counts.refused + row.counts.broken;
    row.must(failed == 0, format!("{failed} requests failed"));
    row.noting(format!("{} replaced, {failed} requests failed", scale.rolled))
}

/// NATS is away under heavy load: memory must not grow, and it must serve soon after.
pub fn nats_away_under_load(scale: &Scale) -> Row {
    const GROWTH_MAX: u64 = 20 << 20;
    const RECOVERED_MAX: Duration = Duration::from_secs(2);
    let mut server = Nats::start("");
    let stage = Stage::of_files_with(&server.url());
    let mut replica = Replica::start(&stage, &[]);
    Trial::prepare(&stage);
    let plan = Plan { retries: false, open_max: 4000, ..Trial::plan(&stage, &[replica.receiver], scale.outage_rate) };
    let mut trial = Trial::begin("NATS away under heavy load", scale, plan);
    trial.run(Duration::from_secs(3));
    server.kill();
    // What the outage itself takes: those who wait for a reconnect, a bounded number.
    trial.run(Duration::from_secs(1));
    let began = trial.ledger().counts();
    let before = replica.operator().rss();
    let mut most = before;
    let outage = Instant::now();
    while outage.elapsed() < scale.outage {
        trial.run(Duration::from_millis(500));
        most = most.max(replica.operator().rss());
    }
    let counts = trial.ledger().counts();
    let refused = counts.refused - began.refused;
    let rate = refused as f64 / outage.elapsed().as_secs_f64();
    server.run();
    let back = Instant::now();
    trial.taken(1);
    let recovered = back.elapsed();
    trial.taken(100);
    let mut row = trial.end(&server.jetstream(), &stage.stream);
    let growth = most - before;
    row.must(growth < GROWTH_MAX, format!("memory grew by {:.1} MiB", mib(growth)));
    row.must(recovered < RECOVERED_MAX, format!("served only {recovered:.1?} after NATS was back"));
    row.noting(format!(
        "{:.0} s, {rate:.0} refused/s of {}/s asked, RSS {:.1} MiB + {:.1}, back after {recovered:.2?}",
        scale.outage.as_secs_f64(),
        scale.outage_rate,
        mib(before),
        mib(growth),
    ))
}
