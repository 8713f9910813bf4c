//! The faults of NATS and of the way there.

use std::thread;
use std::time::Duration;

use crate::rig::{Replica, Row, Scale, Trial};
use crate::support::eventually::{SOON, eventually};
use crate::support::nats::{Nats, stream_info};
use crate::support::operator::free_port;
use crate::support::stage::Stage;
use crate::support::wire::{Fault, Wire};

/// `kill -9` of the only nats-server.
pub fn nats_killed(scale: &Scale) -> Row {
    let mut server = Nats::start("");
    let stage = Stage::of_files_with(&server.url());
    let replica = Replica::start(&stage, &[]);
    Trial::prepare(&stage);
    let mut trial = Trial::begin("kill -9 of nats-server", scale, Trial::plan(&stage, &[replica.receiver], scale.rate));
    for cycle in 0..scale.nats_kills {
        trial.run_up_to(Duration::from_millis(400));
        server.kill();
        trial.run_up_to(Duration::from_millis(600));
        server.run();
        trial.taken(50);
        trial.tell(&format!("{} of {} cycles", cycle + 1, scale.nats_kills));
    }
    let cycles = scale.nats_kills;
    trial.end(&server.jetstream(), &stage.stream).noting(format!("{cycles} cycles"))
}

/// SIGSTOP of the only nats-server, and SIGCONT.
pub fn nats_frozen(scale: &Scale) -> Row {
    let server = Nats::start("");
    let stage = Stage::of_files_with(&server.url());
    let replica = Replica::start(&stage, &[]);
    Trial::prepare(&stage);
    let mut trial = Trial::begin("SIGSTOP of nats-server", scale, Trial::plan(&stage, &[replica.receiver], scale.rate));
    for (cycle, &span) in scale.freezes.iter().enumerate() {
        trial.run_up_to(Duration::from_millis(200));
        server.signal("STOP");
        trial.run(span);
        server.signal("CONT");
        trial.taken(50);
        trial.tell(&format!("{} of {} freezes", cycle + 1, scale.freezes.len()));
    }
    let longest = scale.freezes.iter().max().copied().unwrap_or_default();
    let note = format!("{} times, {longest:.1?} at most", scale.freezes.len());
    trial.end(&server.jetstream(), &stage.stream).noting(note)
}

/// NATS is away from a replica with a spool, which is killed in the middle of that.
pub fn away_with_a_spool(scale: &Scale) -> Row {
    let mut server = Nats::start("");
    let stage = Stage::of_files_with(&server.url());
    let folder = stage.folder.join("spool");
    let mut replica = Replica::start(&stage, &["--spool-dir", folder.to_str().unwrap()]);
    Trial::prepare(&stage);
    let name = "NATS away, with a spool, jethook killed meanwhile";
    let mut trial = Trial::begin(name, scale, Trial::plan(&stage, &[replica.receiver], scale.rate));
    trial.taken(50);
    server.kill();
    let before = trial.ledger().counts().acknowledged;
    trial.run(scale.spool_outage / 2);
    replica.kill();
    replica.spawn();
    // It reads what the spool holds first.
    let (_, reopened) = eventually(Duration::from_secs(60), "a replica with a spool is ready without NATS", || {
        match replica.operator().readiness() {
            (200, _) => Ok(()),
            (_, text) => Err(text),
        }
    });
    trial.run(scale.spool_outage / 2);
    let spooled = trial.ledger().counts().acknowledged - before;
    server.run();
    trial.taken(50);
    let drained = drained(&mut replica, &mut trial);
    let mut row = trial.end(&server.jetstream(), &stage.stream);
    row.must(spooled > 100, format!("{spooled} deliveries were taken while NATS was away"));
    row.noting(format!(
        "{spooled} taken in {:.0?}, ready again {reopened:.1?} after the kill, drained after {drained:.1?}",
        scale.spool_outage
    ))
}

/// How long it takes until the spool is empty.
#[track_caller]
fn drained(replica: &mut Replica<'_>, trial: &mut Trial<'_>) -> Duration {
    let (_, took) = eventually(Duration::from_secs(120), "the spool is empty", || {
        trial.tell("draining");
        match replica.operator().metric("jethook_spool_entries") {
            Some(0.0) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    took
}

/// Three servers that form a cluster, each by its name.
fn cluster() -> Vec<Nats> {
    let ports: Vec<_> = (0..3).map(|_| free_port()).collect();
    let routes = ports.iter().map(|port| format!("\"nats://127.0.0.1:{port}\"")).collect::<Vec<_>>().join(", ");
    let server = |(number, port): (usize, &u16)| {
        let text = format!(
            "server_name: n{number}\ncluster {{ name: c, listen: 127.0.0.1:{port}, routes: [{routes}], no_advertise: true }}"
        );
        Nats::new(&text)
    };
    let mut servers: Vec<_> = ports.iter().enumerate().map(server).collect();
    servers.iter_mut().for_each(Nats::spawn);
    servers.iter().for_each(Nats::healthy);
    servers
}

/// `kill -9` of the server that leads the stream, one of three.
pub fn leader_killed(scale: &Scale) -> Row {
    let mut servers = cluster();
    let urls = servers.iter().map(Nats::url).collect::<Vec<_>>().join(",");
    let stage = Stage::of_files_with(&urls);
    let replica = Replica::start(&stage, &["--stream-replicas", "3"]);
    Trial::prepare(&stage);
    let plan = Trial::plan(&stage, &[replica.receiver], scale.rate);
    let mut trial = Trial::begin("kill -9 of the stream's leader of three", scale, plan);
    kill_leaders(&mut servers, &stage, &mut trial, scale.leader_kills);
    trial.end(&servers[0].jetstream(), &stage.stream).noting(format!("{} leaders", scale.leader_kills))
}

/// The same before a replica with a spool, which takes what comes until there is another leader.
pub fn leader_killed_with_a_spool(scale: &Scale) -> Row {
    let mut servers = cluster();
    let urls = servers.iter().map(Nats::url).collect::<Vec<_>>().join(",");
    let stage = Stage::of_files_with(&urls);
    let folder = stage.folder.join("spool");
    let mut replica = Replica::start(&stage, &["--stream-replicas", "3", "--spool-dir", folder.to_str().unwrap()]);
    Trial::prepare(&stage);
    let plan = Trial::plan(&stage, &[replica.receiver], scale.rate);
    let mut trial = Trial::begin("kill -9 of the leader, with a spool", scale, plan);
    let cycles = scale.leader_kills.div_ceil(2);
    kill_leaders(&mut servers, &stage, &mut trial, cycles);
    let drained = drained(&mut replica, &mut trial);
    let spooled = replica.operator().counted("spooled");
    let row = trial.end(&servers[0].jetstream(), &stage.stream);
    row.noting(format!("{cycles} leaders, {spooled} spooled, drained after {drained:.1?}"))
}

/// Kills whoever leads the stream, and starts it again, so many times.
#[track_caller]
fn kill_leaders(servers: &mut [Nats], stage: &Stage, trial: &mut Trial<'_>, cycles: usize) {
    for cycle in 0..cycles {
        trial.run_up_to(Duration::from_millis(500));
        let context = servers[cycle % 3].jetstream();
        let (leader, _) = eventually(Duration::from_secs(30), "the stream has a leader", || {
            let info = stream_info(&context, &stage.stream).ok_or("no stream")?;
            let leader = info.cluster.and_then(|cluster| cluster.leader).ok_or("no leader")?;
            leader.strip_prefix('n').and_then(|number| number.parse::<usize>().ok()).ok_or(leader)
        });
        servers[leader].kill();
        trial.taken(50);
        trial.run_up_to(Duration::from_millis(500));
        servers[leader].run();
        trial.tell(&format!("{} of {cycles} leaders", cycle + 1));
    }
}

/// The wire breaks in the middle of a message, loses acks, or holds them up.
pub fn wire_faults(scale: &Scale) -> Row {
    /// Between two messages, within a protocol line, within headers, within a body.
    const CUTS: [usize; 8] = [1, 2, 37, 150, 400, 900, 1500, 4000];
    const DELAYS: [u64; 3] = [50, 700, 2500];
    let server = Nats::start("");
    let wire = Wire::start(server.url().strip_prefix("nats://").unwrap().parse().unwrap());
    let stage = Stage::of_files_with(&wire.url());
    let replica = Replica::start(&stage, &[]);
    Trial::prepare(&stage);
    let name = "the wire to NATS cut, acks lost or late";
    let mut trial = Trial::begin(name, scale, Trial::plan(&stage, &[replica.receiver], scale.rate));
    let mut cuts = 0;
    for round in 0..scale.wire_rounds {
        for bytes in CUTS {
            wire.set(Fault::CutAfter(bytes));
            trial.taken(20);
            cuts += 1;
        }
        for lost in [20, 200, 1800] {
            wire.set(Fault::LoseAcks(Duration::from_millis(lost)));
            thread::sleep(Duration::from_millis(lost));
            trial.taken(20);
            cuts += 1;
        }
        for delay in DELAYS {
            wire.set(Fault::DelayAcks(Duration::from_millis(delay)));
            trial.run(Duration::from_millis(delay + 500));
            wire.set(Fault::None);
            trial.taken(20);
        }
        trial.tell(&format!("{} of {} rounds", round + 1, scale.wire_rounds));
    }
    eventually(SOON, "acks are in time again", || {
        let before = trial.ledger().counts().acknowledged;
        thread::sleep(Duration::from_millis(100));
        if trial.ledger().counts().acknowledged > before { Ok(()) } else { Err(String::new()) }
    });
    trial
        .end(&server.jetstream(), &stage.stream)
        .noting(format!("{cuts} breaks, {} delays", DELAYS.len() * scale.wire_rounds))
}
