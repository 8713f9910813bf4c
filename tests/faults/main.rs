//! `make test-faults`: every fault under load, with real servers, and a table of what became of the deliveries.
//! `make test-soak`: the same again and again, for as long as `DURATION` says.
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

mod nats_rows;
mod overload;
mod rig;
mod rows;
#[allow(dead_code, reason = "the integration tests use the rest")]
#[path = "../it/support/mod.rs"]
mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use comfy_table::{Table, presets};
use rig::{Row, Scale};

const fn tenths(seconds: u64) -> Duration {
    Duration::from_millis(seconds * 100)
}

/// Everything, in less than ten minutes.
const FULL: Scale = Scale {
    rate: 500,
    jethook_kills: 100,
    nats_kills: 20,
    freezes: &[
        tenths(1),
        tenths(3),
        tenths(5),
        tenths(10),
        tenths(14),
        tenths(16),
        tenths(20),
        tenths(30),
        tenths(45),
        tenths(80),
    ],
    leader_kills: 6,
    wire_rounds: 3,
    apiserver_away: Duration::from_secs(16),
    rolled: 6,
    outage: Duration::from_secs(60),
    outage_rate: 10_000,
    slow: 2500,
    rss_max: 128,
    silent: 4096,
    p99_floor: Duration::from_millis(5),
    spool_outage: Duration::from_secs(60),
    late_max: tenths(5),
    tells: true,
};

type Fault = fn(&Scale) -> Row;

const FAULTS: [(&str, Fault); 13] = [
    ("jethook", rows::jethook_killed),
    ("nats", nats_rows::nats_killed),
    ("freeze", nats_rows::nats_frozen),
    ("leader", nats_rows::leader_killed),
    ("leader-spool", nats_rows::leader_killed_with_a_spool),
    ("wire", nats_rows::wire_faults),
    ("apiserver", rows::apiserver_away),
    ("rolling", rows::rolling_restart),
    ("outage", rows::nats_away_under_load),
    ("spool", nats_rows::away_with_a_spool),
    ("slow", overload::slow_senders),
    ("silent", overload::silent_connections),
    ("fair", overload::fair_shares),
];

fn main() -> ExitCode {
    // Cargo's own words for tests do not concern this one; the others name faults.
    let chosen: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if let Some(unknown) = chosen.iter().find(|name| FAULTS.iter().all(|(known, _)| known != name)) {
        let known: Vec<_> = FAULTS.iter().map(|(name, _)| *name).collect();
        eprintln!("{unknown}: no such fault; there are {}", known.join(", "));
        return ExitCode::from(2);
    }
    let soak = match soak() {
        Ok(soak) => soak,
        Err(error) => {
            eprintln!("DURATION: {error}");
            return ExitCode::from(2);
        }
    };
    let began = Instant::now();
    let mut is_well = true;
    for round in 1.. {
        is_well &= try_all(&chosen);
        let Some(soak) = soak else { break };
        eprintln!("== round {round}, {:.0} of {:.0} s", began.elapsed().as_secs_f64(), soak.as_secs_f64());
        if !is_well || began.elapsed() >= soak {
            break;
        }
    }
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// For how long the faults are to go on; `None`: each once.
fn soak() -> Result<Option<Duration>, String> {
    let Ok(text) = std::env::var("DURATION") else { return Ok(None) };
    jethook::config::duration(&text).map(Some)
}

/// Tries the faults and prints the table. Whether all is well.
fn try_all(chosen: &[String]) -> bool {
    let is_chosen = |name: &str| chosen.is_empty() || chosen.iter().any(|chosen| chosen == name);
    let faults: Vec<_> = FAULTS.iter().filter(|(name, _)| is_chosen(name)).collect();
    let began = Instant::now();
    let mut all = Vec::new();
    let mut broken = Vec::new();
    for (number, (name, fault)) in faults.iter().enumerate() {
        eprintln!("== {}/{} {name}", number + 1, faults.len());
        let start = Instant::now();
        match catch_unwind(AssertUnwindSafe(|| fault(&FULL))) {
            Ok(row) => {
                eprintln!("   {}: {:.0} s, {}", row.fault, start.elapsed().as_secs_f64(), verdict(&row));
                all.push(row);
            }
            Err(_) => broken.push(*name),
        }
    }
    println!("{}", table(&all));
    for row in all.iter().filter(|row| !row.is_well()) {
        println!("{}: {}; lost {:?}; duplicated {:?}", row.fault, row.wrong.join("; "), row.lost, row.duplicated);
    }
    for name in &broken {
        println!("{name}: did not come to its end, see above");
    }
    let is_well = broken.is_empty() && all.iter().all(Row::is_well);
    println!("{} in {:.0} s", if is_well { "all well" } else { "NOT WELL" }, began.elapsed().as_secs_f64());
    is_well
}

fn verdict(row: &Row) -> String {
    format!(
        "{} lost, {} duplicated{}",
        row.lost.len(),
        row.duplicated.len(),
        if row.is_well() { "" } else { ", NOT WELL" }
    )
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "fault",
        "acknowledged",
        "stored",
        "lost",
        "duplicated",
        "longest answer",
        "late by",
        "refused",
        "unanswered",
        "measured",
    ]);
    for row in rows {
        table.add_row([
            row.fault.to_owned(),
            row.counts.acknowledged.to_string(),
            row.stored.to_string(),
            row.lost.len().to_string(),
            row.duplicated.len().to_string(),
            format!("{:.2?}", row.counts.longest),
            format!("{:.2?}", row.counts.late),
            row.counts.refused.to_string(),
            row.counts.broken.to_string(),
            row.note.clone(),
        ]);
    }
    table
}
