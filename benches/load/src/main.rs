//! Measures receivers side by side: each case in each round with a fresh nats-server, one receiver after the other, so that
//! what the machine does meanwhile meets them alike. Prints a table of medians with ratios to the first receiver, and
//! writes every row as JSON. Linux only: CPU and memory are read from `/proc`.

mod case;
mod drive;
mod process;
mod report;
mod request;
mod stage;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

use crate::case::{Case, Pace};
use crate::drive::Drive;
use crate::process::Stolen;
use crate::report::{Report, Row};
use crate::request::{Flaw, Requests};
use crate::stage::{Receiver, Stage};

/// Measures jethook beside its floor, and peers beside both.
#[derive(Debug, Parser)]
struct Args {
    /// jethook's binary
    #[arg(long)]
    jethook: PathBuf,
    /// The floor's binary
    #[arg(long)]
    floor: PathBuf,
    /// nats-server's binary
    #[arg(long)]
    nats_server: PathBuf,
    /// Another receiver of HMAC deliveries: a name and a command that reads PORT, NATS_URL and SECRET; repeatable. Only the
    /// cases of peers are then measured
    #[arg(long, value_name = "NAME=COMMAND", value_parser = peer)]
    peer: Vec<Receiver>,
    /// The same of one that stores elsewhere than in NATS and tells at /stored how many events it has; all that it runs
    /// counts as the receiver
    #[arg(long, value_name = "NAME=COMMAND", value_parser = pattern)]
    pattern: Vec<Receiver>,
    /// Rounds, each with all cases
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Measured seconds of a row
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Measure only the cases whose name holds this
    #[arg(long, default_value = "")]
    only: String,
    /// Where to write all rows
    #[arg(long)]
    out: PathBuf,
}

fn peer(text: &str) -> Result<Receiver, String> {
    named(text).map(|(name, command)| Receiver::Peer(name, command))
}

fn pattern(text: &str) -> Result<Receiver, String> {
    named(text).map(|(name, command)| Receiver::Pattern(name, command))
}

fn named(text: &str) -> Result<(String, String), String> {
    let (name, command) = text.split_once('=').ok_or("a receiver is NAME=COMMAND")?;
    Ok((name.to_owned(), command.to_owned()))
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // What was started ends with this program also when it is told to stop.
    let report = LocalSet::new().block_on(&runtime, async {
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            report = measure_all(&args) => report,
            _ = tokio::signal::ctrl_c() => bail!("interrupted"),
            _ = terminate.recv() => bail!("told to stop"),
        }
    })?;
    println!("{}", report.table());
    fs::write(&args.out, serde_json::to_string_pretty(&report.json())?)
        .with_context(|| format!("{} can't be written", args.out.display()))?;
    println!("all rows: {}", args.out.display());
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure_all(args: &Args) -> anyhow::Result<Report> {
    let mut receivers = vec![Receiver::Floor(args.floor.clone()), Receiver::Jethook(args.jethook.clone())];
    receivers.extend(args.peer.iter().chain(&args.pattern).cloned());
    let mut cases = if args.peer.is_empty() && args.pattern.is_empty() { case::all() } else { case::of_peers() };
    cases.retain(|case| case.name.contains(&args.only) || case.name == case::BASE.name);
    let mut report = Report::default();
    for round in 1..=args.rounds {
        let mut floor_per_second = None;
        for case in &cases {
            for receiver in &receivers {
                let rate = match case.pace {
                    Pace::Closed => None,
                    Pace::HalfOfFloor => floor_per_second.map(|rate: f64| rate / 2.0),
                };
                let row = measure(args, receiver, case, round, rate)
                    .await
                    .with_context(|| format!("case {}, {}", case.name, receiver.name()))?;
                eprintln!(
                    "round {round}: {}, {}: {:.0}/s, {:.2} ms CPU per 1,000, steal {:.1} %",
                    row.case, row.receiver, row.per_second, row.cpu_ms, row.steal_percent
                );
                if matches!(receiver, Receiver::Floor(_)) && case.name == case::BASE.name {
                    floor_per_second = Some(row.per_second);
                }
                report.push(row);
            }
        }
    }
    Ok(report)
}

/// What is read when the measured time begins and ends: CPU seconds of the receiver and of the store, stolen ticks.
struct Reading {
    receiver: f64,
    store: f64,
    stolen: Stolen,
}

async fn measure(args: &Args, receiver: &Receiver, case: &Case, round: u32, rate: Option<f64>) -> anyhow::Result<Row> {
    let stage = Stage::open(&args.nats_server, receiver, case).await?;
    let requests = Requests::new(case.family, case.flaw, case.body_bytes, round)?;
    let drive = Drive {
        address: stage.address,
        connections: case.connections,
        rate,
        warm_up: Duration::from_secs_f64(args.seconds / 4.0),
        measured: Duration::from_secs_f64(args.seconds),
    };
    let read = || {
        let (receiver, store) = (stage.receiver.cpu_seconds()?, stage.store.cpu_seconds()?);
        anyhow::Ok(Reading { receiver, store, stolen: Stolen::read()? })
    };
    let (answers, before, after) = drive::drive(drive, requests, read).await?;
    let steal_percent = Stolen::percent_between(before.stolen, after.stolen);
    let answered = answers.by_status.iter().filter(|(status, _)| case.flaw.expects(**status)).map(|(_, count)| count);
    let answered: u64 = answered.sum();
    let per_thousand = |seconds: f64| seconds * 1e6 / (answered.max(1) as f64);
    Ok(Row {
        case: case.name,
        receiver: receiver.name().to_owned(),
        round,
        answered,
        fault: fault(case.flaw, answered, &answers.by_status, stage.stored()?),
        per_second: answered as f64 / args.seconds,
        cpu_ms: per_thousand(after.receiver - before.receiver),
        store_cpu_ms: per_thousand(after.store - before.store),
        p50_ms: answers.quantile(0.5),
        p99_ms: answers.quantile(0.99),
        p999_ms: answers.quantile(0.999),
        memory_mb: stage.receiver.peak_memory_mb()?,
        steal_percent,
        by_status: answers.by_status,
    })
}

/// What makes a row worthless: other answers than the expected one, or events acknowledged and not stored.
fn fault(flaw: Flaw, answered: u64, by_status: &BTreeMap<u16, u64>, stored: u64) -> Option<String> {
    let other: Vec<_> = by_status.iter().filter(|(status, _)| !flaw.expects(**status)).collect();
    if !other.is_empty() {
        let told: Vec<_> = other.iter().map(|(status, count)| format!("{count} answers were {status}")).collect();
        return Some(told.join(", "));
    }
    if answered == 0 {
        return Some("nothing was answered".to_owned());
    }
    match flaw {
        Flaw::None if stored < answered => Some(format!("{answered} acknowledged, {stored} stored")),
        // The one with which the receiver was found ready.
        Flaw::Signature | Flaw::Path if stored > 1 => Some(format!("{stored} stored that had to be refused")),
        Flaw::None | Flaw::Signature | Flaw::Path => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_sound_only_when_all_is_stored_that_was_acknowledged() {
        let of = |statuses: &[(u16, u64)]| statuses.iter().copied().collect::<BTreeMap<_, _>>();
        assert_eq!(fault(Flaw::None, 10, &of(&[(200, 10)]), 11), None);
        assert!(fault(Flaw::None, 10, &of(&[(200, 10)]), 9).is_some());
        assert!(fault(Flaw::None, 10, &of(&[(200, 10), (503, 1)]), 11).is_some());
        assert!(fault(Flaw::None, 0, &of(&[]), 1).is_some());
        assert_eq!(fault(Flaw::Signature, 10, &of(&[(401, 10)]), 1), None);
        assert!(fault(Flaw::Signature, 10, &of(&[(401, 10)]), 2).is_some());
        assert!(fault(Flaw::Path, 10, &of(&[(401, 10)]), 1).is_some());
    }
}
