//! More than jethook can take: slow senders, silent ones, one endpoint that crowds out another.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::rig::{Replica, Row, Scale, Trial, mib};
use crate::support::load::{Load, Plan, Sender};
use crate::support::nats::{Nats, nats};
use crate::support::runtime::{block_on, runtime};
use crate::support::stage::{KEY, Stage};
use crate::support::wire::{Fault, Wire};

const A_SECOND: Duration = Duration::from_secs(1);
/// How long the store takes to acknowledge while it is what there is too little of.
const ACK_DELAY: Duration = Duration::from_millis(50);
/// A body just below what is taken by default.
const LARGE: usize = 950_000;
/// The slowest kind of request has so long in all, by `--request-timeout`.
const SLOW_MAX: Duration = Duration::from_secs(31);

/// How a slow sender begins.
#[derive(Clone, Copy)]
enum Slow {
    /// Half a head, and a byte a second.
    Head,
    /// A body, a byte a second.
    Body,
    /// Nearly all of a large body, and then nothing.
    Partial,
}

impl Slow {
    /// How long it took until the connection was closed.
    async fn run(self, to: SocketAddr, path: String) -> Duration {
        let mut stream = TcpStream::connect(to).await.unwrap();
        let began = Instant::now();
        let (mut read, mut write) = stream.split();
        let begin = match self {
            Self::Head => format!("POST {path} HTTP/1.1\r\nHost: x\r\nX-Slow: "),
            Self::Body => format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"),
            Self::Partial => {
                let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGE}\r\n\r\n");
                head + &"x".repeat(LARGE * 9 / 10)
            }
        };
        let send = async {
            // What the receiver does not take any more, it says by closing.
            let _ = write.write_all(begin.as_bytes()).await;
            if !matches!(self, Self::Partial) {
                loop {
                    tokio::time::sleep(A_SECOND).await;
                    if write.write_all(b"x").await.is_err() {
                        break;
                    }
                }
            }
            std::future::pending::<()>().await;
        };
        let mut buffer = [0; 512];
        let closed = async { while let Ok(1..) = read.read(&mut buffer).await {} };
        tokio::select! {
            () = send => {}
            () = closed => {}
        }
        began.elapsed()
    }
}

/// Slow connections and partial bodies to one endpoint, deliveries to others beside them.
pub fn slow_senders(scale: &Scale) -> Row {
    let stage = Stage::of_files();
    let mut replica = Replica::start(&stage, &[]);
    Trial::prepare(&stage);
    stage.github("slow", serde_json::json!({}));
    stage.ready("slow");
    let plan = Plan { retries: false, ..Trial::plan(&stage, &[replica.receiver], scale.rate / 5) };
    let mut trial = Trial::begin("2,000 slow connections and 500 partial bodies", scale, plan);
    let mut senders = JoinSet::new();
    for number in 0..scale.slow {
        let kind = [Slow::Head, Slow::Body, Slow::Head, Slow::Body, Slow::Partial][number % 5];
        senders.spawn_on(kind.run(replica.receiver, stage.path("slow")), runtime().handle());
    }
    let mut most = 0;
    let mut longest = Duration::ZERO;
    while !senders.is_empty() {
        trial.run(Duration::from_millis(100));
        most = replica.operator().rss().max(most);
        while let Some(took) = senders.try_join_next() {
            longest = longest.max(took.unwrap());
        }
    }
    trial.taken(10);
    let mut row = trial.end(&nats().jetstream(), &stage.stream);
    row.must(most >> 20 <= scale.rss_max, format!("{:.1} MiB of memory", mib(most)));
    row.must(longest <= SLOW_MAX, format!("one was closed after {longest:.1?}"));
    let failed = row.counts.refused + row.counts.broken;
    row.must(failed == 0, format!("{failed} deliveries to the other endpoints failed"));
    row.noting(format!("{} of them: RSS at most {:.1} MiB, all closed after {longest:.1?}", scale.slow, mib(most)))
}

/// As many silent connections as there may be, and deliveries on new ones.
pub fn silent_connections(scale: &Scale) -> Row {
    let stage = Stage::of_files();
    let replica = Replica::start(&stage, &[]);
    Trial::prepare(&stage);
    let address = replica.receiver;
    let silent = block_on(async {
        let mut silent = Vec::new();
        for _ in 0..scale.silent {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        silent
    });
    let plan = Plan { retries: false, ..Trial::plan(&stage, &[address], scale.rate / 5) };
    let trial = Trial::begin("4,096 silent connections", scale, plan);
    trial.taken(200);
    drop(silent);
    let mut row = trial.end(&nats().jetstream(), &stage.stream);
    let failed = row.counts.refused + row.counts.broken;
    row.must(failed == 0, format!("{failed} requests failed"));
    row.noting(format!("{} of them, {failed} requests failed", scale.silent))
}

/// One endpoint at ten times its load, and how long deliveries to another one take: once while the store is what there is too
/// little of, once while all compete for the CPU.
pub fn fair_shares(scale: &Scale) -> Row {
    let (own, most) = (scale.rate * 2 / 5, scale.rate * 4);
    let server = Nats::start("");
    let wire = Wire::start(server.url().strip_prefix("nats://").unwrap().parse().unwrap());
    let stage = Stage::of_files_with(&wire.url());
    // Ten times its load alone would fill it.
    let inflight = u64::from(most) * ACK_DELAY.as_millis() as u64 / 1000;
    let replica = Replica::start(&stage, &["--max-inflight-publishes", &inflight.to_string()]);
    Trial::prepare(&stage);
    stage.github("victim", serde_json::json!({}));
    stage.ready("victim");
    let plan = |name: &str, rate: u32| Plan {
        targets: vec![replica.receiver],
        rate,
        open_max: 1000,
        retries: false,
        senders: vec![Sender::Github { path: stage.path("github"), key: KEY.to_owned() }],
        name: name.to_owned(),
    };
    let measure = |round: &str, rounds| measure(&stage, replica.receiver, round, rounds);
    let quiet = Load::start(plan("quiet", own));
    let alone = measure("alone", 300);
    wire.set(Fault::DelayAcks(ACK_DELAY));
    let alone_at_store = measure("store-alone", 100);
    quiet.end(A_SECOND * 20);
    let mut trial = Trial::begin("one endpoint at ten times its load", scale, plan("loud", most));
    trial.run(A_SECOND);
    let beside_at_store = measure("store-beside", 100);
    let shed = trial.ledger().counts().refused;
    wire.set(Fault::None);
    trial.run(A_SECOND);
    let beside = measure("beside", 300);
    let mut row = trial.end(&server.jetstream(), &stage.stream);
    row.must(shed > 0, "it never had more than its share, so nothing was shown");
    for (what, alone, beside) in [("store", alone_at_store, beside_at_store), ("CPU", alone, beside)] {
        // A machine with other work has its own idea of a p99 of a few milliseconds.
        let p99_max = (alone.p99 * 2).max(scale.p99_floor);
        row.must(
            beside.p99 < p99_max,
            format!("{what}: p99 of the other endpoint {:.1?}, alone {:.1?}", beside.p99, alone.p99),
        );
        let failed = alone.failed + beside.failed;
        row.must(failed == 0, format!("{what}: {failed} deliveries to the other endpoint failed"));
    }
    row.noting(format!(
        "p99 of the other endpoint, alone and beside it: {:.0?}, {:.0?} with acks after {ACK_DELAY:.0?} and \
         {shed} shed; {:.1?}, {:.1?} without",
        alone_at_store.p99, beside_at_store.p99, alone.p99, beside.p99
    ))
}

/// What a few senders saw that deliver one after another.
#[derive(Clone, Copy)]
struct Seen {
    p99: Duration,
    failed: usize,
}

/// Deliveries to the other endpoint: so many from each of a few senders.
fn measure(stage: &Stage, address: SocketAddr, round: &str, rounds: usize) -> Seen {
    const SENDERS: usize = 3;
    let victim = Sender::Github { path: stage.path("victim"), key: KEY.to_owned() };
    let deliver = |sender: usize, number: usize| {
        let request = victim.request(&format!("{round}-{sender}-{number}"));
        let began = Instant::now();
        let is_taken = request.send(address).is_ok_and(|answer| answer.status == 200);
        (began.elapsed(), is_taken)
    };
    let all: Vec<_> = thread::scope(|scope| {
        let each = |sender| scope.spawn(move || (0..rounds).map(|number| deliver(sender, number)).collect::<Vec<_>>());
        let senders: Vec<_> = (0..SENDERS).map(each).collect();
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
    });
    let failed = all.iter().filter(|(_, is_taken)| !is_taken).count();
    let mut took: Vec<_> = all.into_iter().map(|(took, _)| took).collect();
    took.sort();
    Seen { p99: took[took.len() * 99 / 100], failed }
}
