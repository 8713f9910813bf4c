//! `make bench-scale`: many endpoints with a Secret each in a real control plane, and one replica of jethook on them: how
//! soon it is ready, what memory it takes, how soon an applied endpoint is live while traffic flows, and what all that
//! costs the apiserver. Prints a table, writes JSON, fails where a bar is missed.
//!
//! `ENDPOINTS` (10,000) and `APPLIES` (300) say how many; `SETTLE=0` does not wait until the statuses of all are written,
//! which takes five of the eight minutes.
#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test fails by a panic, nothing imports it, and it reads top-down for a person"
)]

mod asked;
mod fleet;
mod live;
mod lookup;
mod report;
#[allow(dead_code, reason = "the integration tests use the rest")]
#[path = "../it/support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use asked::Asked;
use fleet::Fleet;
use jiff::Timestamp;
use live::Live;
use report::{Report, milliseconds, quantile};
use support::apiserver::{Apiserver, counting};
use support::eventually::eventually;
use support::load::{Load, Plan, Sender};
use support::nats::Nats;
use support::operator::Operator;
use support::reaper;
use support::runtime::block_on;

/// Far above the bar, so that a miss has a figure.
const READY_MAX: Duration = Duration::from_secs(180);
/// Signed deliveries a second while endpoints are applied.
const RATE: u32 = 200;
/// Endpoints that they go to.
const BUSY: usize = 20;
/// How long the replica is watched at rest, and what else it may take to settle.
const REST: Duration = Duration::from_secs(10);
/// At 35 a second ten thousand take nearly five minutes.
const TOLD_MAX: Duration = Duration::from_secs(600);
/// Changes a second while CPU is counted.
const CHANGES_PER_SECOND: f64 = 25.0;

/// What one replica may take.
const READY_BAR: Duration = Duration::from_secs(20);
const MEMORY_BAR_MB: f64 = 200.0;
const LIVE_P99_BAR_MS: f64 = 250.0;
const WRITES_PER_SECOND_BAR: usize = 50;
/// For a changed endpoint: its status is read and written.
const REQUESTS_PER_CHANGE_BAR: f64 = 3.0;

fn main() -> ExitCode {
    let (endpoints, applies) = (number("ENDPOINTS", 10_000), number("APPLIES", 300));
    let server = counting();
    let mut fleet = Fleet::new(server);
    let began = Instant::now();
    fleet.create(endpoints);
    eprintln!("== {endpoints} endpoints and Secrets made in {:.0} s", began.elapsed().as_secs_f64());
    let mut report = Report::new(endpoints);
    let nats = Nats::start("");
    let operator = ready(server, &nats, "", &mut report);
    serve(server, &fleet, &operator, applies, &mut report);
    drop(operator);
    ready(server, &nats, " again", &mut report);
    lookup::measure(&mut report);
    println!("{}", report.table());
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench-scale.json");
    fs::write(&out, serde_json::to_string_pretty(&report.json()).unwrap()).unwrap();
    println!("the figures: {}", out.display());
    if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A number that the environment gives.
fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}: no number")))
}

/// Starts a replica and waits until it is ready. `again` names the figures of a start at which all have a status.
fn ready(server: &'static Apiserver, nats: &Nats, again: &str, report: &mut Report) -> Operator {
    let from = Timestamp::now();
    let (folder, kubeconfig, url) = (reaper::folder("scale"), server.kubeconfig("operator"), nats.url());
    let flags = ["--kubeconfig", kubeconfig.to_str().unwrap(), "--nats-url", &url, "--log", "warn"];
    let operator = Operator::start(&folder, &flags);
    let (_, took) = eventually(READY_MAX, "the operator is ready", || match operator.readiness() {
        (200, _) => Ok(()),
        (_, text) => Err(text),
    });
    let asked = Asked::between(server, from, Timestamp::now());
    eprintln!("== ready{again} after {:.2} s, {:.0} MB", took.as_secs_f64(), memory(&operator, "VmHWM"));
    report.bar(&format!("start to ready{again}, s"), took.as_secs_f64(), READY_BAR.as_secs_f64());
    report.figure(&format!("CPU until ready{again}, s"), cpu(&operator).as_secs_f64());
    report.bar(&format!("peak memory when ready{again}, MB"), memory(&operator, "VmHWM"), MEMORY_BAR_MB);
    report.figure(&format!("requests until ready{again}"), asked.all() as f64);
    report.figure(&format!("lists until ready{again}"), asked.lists() as f64);
    operator
}

/// What applies do while traffic flows and the statuses of all are being written.
fn serve(server: &Apiserver, fleet: &Fleet, operator: &Operator, applies: usize, report: &mut Report) {
    let from = Timestamp::now();
    live::first_event(operator, &fleet.endpoints()[0]);
    let senders = fleet.endpoints().iter().filter(|endpoint| endpoint.provider == "github").take(BUSY);
    let senders = senders.map(|one| Sender::Github { path: one.path(), key: one.key() }).collect();
    let plan = Plan {
        targets: vec![operator.receiver],
        rate: RATE,
        open_max: 2000,
        retries: true,
        senders,
        name: "scale".to_owned(),
    };
    let load = Load::start(plan);
    at_rest(server, operator, report);

    let began = Instant::now();
    let mut all: Vec<Live> = Vec::new();
    for number in 0..applies {
        if number % 50 == 0 {
            eprintln!("   {number} of {applies} applied");
        }
        all.push(live::apply(fleet, operator, number));
    }
    let of =
        |figure: fn(&Live) -> Option<Duration>| all.iter().filter_map(figure).map(milliseconds).collect::<Vec<_>>();
    let (live, stored, told) = (of(|live| Some(live.live)), of(|live| Some(live.stored)), of(|live| live.told));
    eprintln!("== {applies} applied in {:.0} s", began.elapsed().as_secs_f64());
    report.figure("applies", applies as f64);
    report.figure("apply to live, p50 ms", quantile(&live, 0.5));
    report.bar("apply to live, p99 ms", quantile(&live, 0.99), LIVE_P99_BAR_MS);
    report.figure("apply to live, most ms", quantile(&live, 1.0));
    report.figure("apply to the first event stored, p50 ms", quantile(&stored, 0.5));
    report.figure("apply to the first event stored, p99 ms", quantile(&stored, 0.99));
    report.figure("apply to Ready in the status, p50 ms", quantile(&told, 0.5));
    report.figure("apply to Ready in the status, p99 ms", quantile(&told, 0.99));

    change(server, fleet, operator, applies, report);
    if number("SETTLE", 1) != 0 {
        all_told(server, fleet.endpoints().len() + applies);
    }
    let asked = Asked::between(server, from, Timestamp::now());
    report.bar("lists and relists while it served", asked.lists() as f64, 0.0);
    report.bar("writes in any second, most", asked.writes_per_second() as f64, WRITES_PER_SECOND_BAR as f64);
    report.figure("writes a second, mean", asked.writes_mean());
    report.asked("requests while it served", &asked);
    let ledger = load.end(Duration::from_secs(30));
    let counts = ledger.counts();
    report.figure("deliveries acknowledged meanwhile", counts.acknowledged as f64);
    report.bar("deliveries refused or unanswered meanwhile", (counts.refused + counts.broken) as f64, 0.0);
    report.figure("longest answer, ms", milliseconds(counts.longest));
    report.bar("peak memory, MB", memory(operator, "VmHWM"), MEMORY_BAR_MB);
}

/// What the replica costs and asks without any change: traffic, and the statuses that are still to be written.
fn at_rest(server: &Apiserver, operator: &Operator, report: &mut Report) {
    let (from, before) = (Timestamp::now(), cpu(operator));
    std::thread::sleep(REST);
    let rest = (cpu(operator) - before).as_secs_f64() / REST.as_secs_f64();
    report.rest = rest;
    report.figure("CPU without changes, cores", rest);
    let asked = Asked::between(server, from, Timestamp::now());
    report.figure("requests a second without changes", asked.all() as f64 / REST.as_secs_f64());
}

/// Changes specs at a steady pace, and counts CPU and requests for each.
fn change(server: &Apiserver, fleet: &Fleet, operator: &Operator, changes: usize, report: &mut Report) {
    let (from, began, before) = (Timestamp::now(), Instant::now(), cpu(operator));
    let changed = fleet.endpoints().iter().rev().take(changes).collect::<Vec<_>>();
    for (number, endpoint) in changed.iter().enumerate() {
        let due = began + Duration::from_secs_f64(number as f64 / CHANGES_PER_SECOND);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        block_on(fleet.change(endpoint, number));
    }
    // The last ones are compiled and told.
    std::thread::sleep(Duration::from_secs(2));
    let (took, used) = (began.elapsed(), cpu(operator) - before);
    let own = used.as_secs_f64() - report.rest * took.as_secs_f64();
    report.figure("CPU of a changed endpoint, ms", own.max(0.0) * 1000.0 / changed.len() as f64);
    let asked = Asked::between(server, from, Timestamp::now());
    let about = asked.about(&changed);
    report.bar("requests for a changed endpoint", about as f64 / changed.len() as f64, REQUESTS_PER_CHANGE_BAR);
    report.figure("reads of Secrets for changed endpoints", asked.secrets() as f64);
}

/// Waits until the statuses of all have been written.
fn all_told(server: &Apiserver, endpoints: usize) {
    let (_, took) = eventually(TOLD_MAX, "all statuses are written", || {
        std::thread::sleep(Duration::from_secs(5));
        let told = Asked::between(server, Timestamp::UNIX_EPOCH, Timestamp::now()).told();
        eprintln!("   {told} of {endpoints} statuses written");
        if told >= endpoints { Ok(()) } else { Err(told.to_string()) }
    });
    eprintln!("== all statuses are written, {:.0} s later", took.as_secs_f64());
}

/// CPU time of a replica so far, user and system.
fn cpu(operator: &Operator) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{}/stat", operator.pid())).unwrap();
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<u64>().unwrap();
    // Linux shows 100 ticks a second on every machine.
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// A line of `/proc/PID/status`, in MB.
fn memory(operator: &Operator, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", operator.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}
