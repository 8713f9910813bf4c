//! Deliveries at a fixed rate, whatever the answers take, and a ledger of what became of each.
//!
//! A sender does as providers do: the same delivery again, with the same id, until it is answered 200.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::http::Request;
use super::sign;

/// What one thread sends in a second, with room to spare.
const RATE_OF_A_THREAD: u32 = 4000;
/// No answer takes longer, even of a receiver that hangs.
const ANSWER_MAX: Duration = Duration::from_secs(15);
/// A connection that has been idle for longer is not used again: its other end may just have closed it.
const IDLE_MAX: Duration = Duration::from_millis(300);
/// Between two tries of a delivery: at first, and at most.
const PAUSE_FIRST: Duration = Duration::from_millis(40);
const PAUSE_MAX: Duration = Duration::from_millis(600);

/// What is sent, where to, how often.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Replicas; a delivery that is refused by one is tried at the next.
    pub targets: Vec<SocketAddr>,
    /// Deliveries begun each second.
    pub rate: u32,
    /// Deliveries that may be open at a time; beyond that none is begun, and that is told.
    pub open_max: u64,
    /// Whether what is not taken is sent again.
    pub retries: bool,
    /// Of which senders deliveries are, in turn.
    pub senders: Vec<Sender>,
    /// Begins each id.
    pub name: String,
}

/// A sender that signs.
#[derive(Clone, Debug)]
pub enum Sender {
    /// GitHub, which waits 10 s for an answer.
    Github { path: String, key: String },
    /// One by the Standard Webhooks specification, which is taken to wait 5 s.
    Standard { path: String, key: String },
}

impl Sender {
    /// The body of a delivery: each has its own.
    pub fn body(id: &str) -> String {
        format!(r#"{{"type":"push","ref":"refs/heads/main","delivery":"{id}"}}"#)
    }

    /// How long jethook may take to answer it: what the sender waits, less half a second or a tenth.
    pub fn time_limit(&self) -> Duration {
        match self {
            Self::Github { .. } => Duration::from_secs(9),
            Self::Standard { .. } => Duration::from_millis(4500),
        }
    }

    pub fn request(&self, id: &str) -> Request {
        match self {
            Self::Github { path, key } => sign::github(path, key, "push", id, Self::body(id)),
            Self::Standard { path, key } => sign::standard(path, key, id, sign::now(), Self::body(id)),
        }
    }
}

/// What the sender was told.
#[derive(Debug, Default)]
pub struct Ledger {
    begun: AtomicU64,
    open: AtomicU64,
    skipped: AtomicU64,
    /// Answers other than 200, and requests without an answer.
    refused: AtomicU64,
    broken: AtomicU64,
    longest_us: AtomicU64,
    late_us: AtomicU64,
    acknowledged: Mutex<Vec<String>>,
    /// Answers that nothing justifies.
    wrong: Mutex<Vec<String>>,
}

/// The ledger at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub begun: u64,
    pub open: u64,
    pub skipped: u64,
    pub acknowledged: u64,
    pub refused: u64,
    pub broken: u64,
    pub longest: Duration,
    /// By how much the latest answer came after jethook's time limit for its sender.
    pub late: Duration,
}

impl Ledger {
    pub fn counts(&self) -> Counts {
        let load = |value: &AtomicU64| value.load(Ordering::Relaxed);
        Counts {
            begun: load(&self.begun),
            open: load(&self.open),
            skipped: load(&self.skipped),
            acknowledged: self.acknowledged.lock().unwrap().len() as u64,
            refused: load(&self.refused),
            broken: load(&self.broken),
            longest: Duration::from_micros(load(&self.longest_us)),
            late: Duration::from_micros(load(&self.late_us)),
        }
    }

    /// The ids that were answered 200.
    pub fn acknowledged(&self) -> Vec<String> {
        self.acknowledged.lock().unwrap().clone()
    }

    /// Answers that nothing justifies: neither 200 nor 503.
    pub fn wrong(&self) -> Vec<String> {
        self.wrong.lock().unwrap().clone()
    }

    fn answered(&self, id: &str, result: &io::Result<(u16, String)>, took: Duration, limit: Duration) -> bool {
        let is_broken = result.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::TimedOut);
        if !is_broken {
            self.late_us.fetch_max(took.saturating_sub(limit).as_micros() as u64, Ordering::Relaxed);
        }
        let (status, text) = match result {
            Ok(answer) => answer,
            Err(_) => {
                self.broken.fetch_add(1, Ordering::Relaxed);
                return false;
            }
        };
        self.longest_us.fetch_max(took.as_micros() as u64, Ordering::Relaxed);
        if *status == 200 {
            self.acknowledged.lock().unwrap().push(id.to_owned());
            return true;
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        if *status != 503 {
            let mut wrong = self.wrong.lock().unwrap();
            if wrong.len() < 10 {
                wrong.push(format!("{id}: {status} {text}"));
            }
        }
        false
    }
}

/// A load that runs until it is ended.
#[derive(Debug)]
pub struct Load {
    pub ledger: Arc<Ledger>,
    is_over: Arc<AtomicBool>,
    driver: Option<JoinHandle<()>>,
    runtime: Option<Runtime>,
}

impl Load {
    pub fn start(plan: Plan) -> Self {
        let threads = plan.rate.div_ceil(RATE_OF_A_THREAD).clamp(1, 2) as usize;
        let runtime = Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap();
        let (ledger, is_over) = (Arc::<Ledger>::default(), Arc::new(AtomicBool::new(false)));
        let driver = runtime.spawn(drive(Arc::new(plan), Arc::clone(&ledger), Arc::clone(&is_over)));
        Self { ledger, is_over, driver: Some(driver), runtime: Some(runtime) }
    }

    /// Begins no more, and waits until those that were begun have been taken.
    #[track_caller]
    pub fn end(mut self, within: Duration) -> Arc<Ledger> {
        self.is_over.store(true, Ordering::Relaxed);
        let (runtime, driver) = (self.runtime.take().unwrap(), self.driver.take().unwrap());
        let ended = runtime.block_on(async { tokio::time::timeout(within, driver).await });
        runtime.shutdown_background();
        assert!(ended.is_ok(), "still open after {within:?}: {:?}", self.ledger.counts());
        Arc::clone(&self.ledger)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn drive(plan: Arc<Plan>, ledger: Arc<Ledger>, is_over: Arc<AtomicBool>) {
    let (began, tasks, pool) = (Instant::now(), TaskTracker::new(), Arc::<Pool>::default());
    let mut tick = tokio::time::interval(Duration::from_millis(2));
    let mut number = 0;
    while !is_over.load(Ordering::Relaxed) {
        tick.tick().await;
        let due = (began.elapsed().as_secs_f64() * f64::from(plan.rate)) as u64;
        while number < due {
            number += 1;
            if ledger.open.load(Ordering::Relaxed) >= plan.open_max {
                ledger.skipped.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            ledger.begun.fetch_add(1, Ordering::Relaxed);
            ledger.open.fetch_add(1, Ordering::Relaxed);
            tasks.spawn(deliver(number as usize, Arc::clone(&plan), Arc::clone(&ledger), Arc::clone(&pool)));
        }
    }
    tasks.close();
    tasks.wait().await;
}

async fn deliver(number: usize, plan: Arc<Plan>, ledger: Arc<Ledger>, pool: Arc<Pool>) {
    let id = format!("{}-{number}", plan.name);
    let sender = &plan.senders[number % plan.senders.len()];
    let bytes = sender.request(&id).bytes();
    let mut pause = PAUSE_FIRST;
    for attempt in 0.. {
        let target = plan.targets[(number + attempt) % plan.targets.len()];
        let began = Instant::now();
        let result = tokio::time::timeout(ANSWER_MAX, pool.send(target, &bytes)).await;
        let result = result.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        if ledger.answered(&id, &result, began.elapsed(), sender.time_limit()) || !plan.retries {
            break;
        }
        tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
    ledger.open.fetch_sub(1, Ordering::Relaxed);
}

/// Connections that are kept, the last one used first.
#[derive(Debug, Default)]
struct Pool(Mutex<HashMap<SocketAddr, Vec<(TcpStream, Instant)>>>);

impl Pool {
    async fn send(&self, to: SocketAddr, bytes: &[u8]) -> io::Result<(u16, String)> {
        let mut stream = match self.take(to) {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(to).await?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        stream.write_all(bytes).await?;
        let (status, is_kept, text) = read_answer(&mut stream).await?;
        if is_kept {
            self.0.lock().unwrap().entry(to).or_default().push((stream, Instant::now()));
        }
        Ok((status, text))
    }

    fn take(&self, to: SocketAddr) -> Option<TcpStream> {
        let mut all = self.0.lock().unwrap();
        let idle = all.get_mut(&to)?;
        let (stream, since) = idle.pop()?;
        if since.elapsed() < IDLE_MAX {
            return Some(stream);
        }
        idle.clear();
        None
    }
}

/// Status, whether the connection is kept, body.
async fn read_answer(stream: &mut TcpStream) -> io::Result<(u16, bool, String)> {
    let mut bytes = Vec::with_capacity(512);
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).to_ascii_lowercase();
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, head.clone());
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(invalid)?;
    let value = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim));
    let length: usize = value("content-length").and_then(|length| length.parse().ok()).ok_or_else(invalid)?;
    while bytes.len() < head_end + length {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let is_kept = value("connection") != Some("close");
    Ok((status, is_kept, String::from_utf8_lossy(&bytes[head_end..]).into_owned()))
}
