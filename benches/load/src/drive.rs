//! Sends requests over keep-alive connections and takes the time of each answer.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::task::spawn_local;
use tokio::time::timeout;

use crate::request::Requests;

/// No answer by then counts as none.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How long and how fast to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drive {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    /// Requests a second; `None`: as fast as answers come.
    pub(crate) rate: Option<f64>,
    /// Not counted.
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

/// What came back within the measured time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    /// How many of each status; 0: none came.
    pub(crate) by_status: BTreeMap<u16, u64>,
    /// Milliseconds of each, sorted.
    pub(crate) latencies_ms: Vec<f32>,
}

impl Answers {
    /// The latency that this share of the requests does not exceed, in milliseconds.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length is an index")]
        let at = (self.latencies_ms.len() as f64 * share) as usize;
        let last = self.latencies_ms.len().saturating_sub(1);
        self.latencies_ms.get(at.min(last)).copied().map_or(f64::NAN, f64::from)
    }
}

#[derive(Debug)]
struct Shared {
    requests: Requests,
    answers: Answers,
    /// When each was due that nobody sent yet.
    due: VecDeque<Instant>,
}

/// Sends for as long as `drive` says. What `read` returns when the measured time begins and when it ends comes back as well.
///
/// # Errors
/// A request that can't be signed, or what `read` returns.
pub(crate) async fn drive<T>(
    drive: Drive,
    requests: Requests,
    read: impl Fn() -> anyhow::Result<T>,
) -> anyhow::Result<(Answers, T, T)> {
    let shared = Rc::new(RefCell::new(Shared { requests, answers: Answers::default(), due: VecDeque::new() }));
    let wake = Rc::new(Notify::new());
    let from = Instant::now() + drive.warm_up;
    let frame = Frame { from, until: from + drive.measured };
    let connections: Vec<_> = (0..drive.connections)
        .map(|_| spawn_local(connection(drive, frame, Rc::clone(&shared), Rc::clone(&wake))))
        .collect();
    if let Some(rate) = drive.rate {
        spawn_local(schedule(rate, frame, Rc::clone(&shared), Rc::clone(&wake)));
    }
    tokio::time::sleep_until(frame.from.into()).await;
    let before = read()?;
    tokio::time::sleep_until(frame.until.into()).await;
    let after = read()?;
    for connection in connections {
        connection.await??;
    }
    let mut answers = std::mem::take(&mut shared.borrow_mut().answers);
    answers.latencies_ms.sort_by(f32::total_cmp);
    Ok((answers, before, after))
}

/// The measured time.
#[derive(Clone, Copy, Debug)]
struct Frame {
    from: Instant,
    until: Instant,
}

/// Makes requests due at a rate. A thread keeps the time: the runtime's own timer is good to a millisecond only.
async fn schedule(rate: f64, frame: Frame, shared: Rc<RefCell<Shared>>, wake: Rc<Notify>) {
    let start = Instant::now();
    let (sender, mut receiver) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for number in 0_u32.. {
            let due = start + Duration::from_secs_f64(f64::from(number) / rate);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if due >= frame.until || sender.send(due).is_err() {
                return;
            }
        }
    });
    while let Some(due) = receiver.recv().await {
        shared.borrow_mut().due.push_back(due);
        wake.notify_one();
    }
}

async fn connection(drive: Drive, frame: Frame, shared: Rc<RefCell<Shared>>, wake: Rc<Notify>) -> anyhow::Result<()> {
    let (mut request, mut buffer, mut stream) = (Vec::new(), Vec::with_capacity(4096), None);
    while Instant::now() < frame.until {
        let next = shared.borrow_mut().due.pop_front();
        let due = match (next, drive.rate) {
            (Some(due), _) => due,
            (None, None) => Instant::now(),
            (None, Some(_)) => {
                // Looks at the clock again where nothing more is due.
                let _ = timeout(Duration::from_millis(20), wake.notified()).await;
                continue;
            }
        };
        shared.borrow_mut().requests.next(&mut request)?;
        let answer = timeout(ANSWER_MAX, exchange(drive.address, &mut stream, &request, &mut buffer)).await;
        let status = if let Ok(Ok(status)) = answer {
            status
        } else {
            stream = None;
            // Does not spin where nobody listens.
            tokio::time::sleep(Duration::from_millis(5)).await;
            0
        };
        let done = Instant::now();
        if done >= frame.from && done < frame.until {
            let answers = &mut shared.borrow_mut().answers;
            *answers.by_status.entry(status).or_default() += 1;
            answers.latencies_ms.push(done.duration_since(due).as_secs_f32() * 1000.0);
        }
    }
    Ok(())
}

/// One request and the status of its answer.
///
/// # Errors
/// No connection, or an answer that can't be read.
pub(crate) async fn exchange(
    address: SocketAddr,
    kept: &mut Option<TcpStream>,
    request: &[u8],
    buffer: &mut Vec<u8>,
) -> anyhow::Result<u16> {
    let mut stream = if let Some(stream) = kept.take() {
        stream
    } else {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        stream
    };
    stream.write_all(request).await?;
    buffer.clear();
    let head_end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(buffer).await? == 0 {
            bail!("the connection ended within the head of an answer");
        }
    };
    let head = std::str::from_utf8(buffer.get(..head_end).unwrap_or_default())?;
    let status = head.get(9..12).and_then(|status| status.parse().ok()).context("an answer has no status")?;
    let header = |name: &str| {
        head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let is_last = header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let length = header("content-length").map(str::parse::<usize>).transpose()?;
    let is_chunked = header("transfer-encoding").is_some();
    while match length {
        Some(length) => buffer.len() < head_end + length,
        None => is_chunked && !buffer.ends_with(b"0\r\n\r\n"),
    } {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the connection ended within the body of an answer");
        }
    }
    if !is_last {
        *kept = Some(stream);
    }
    Ok(status)
}
