//! Reads a body: byte for byte, bounded in size, memory and time.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::{Instant, sleep_until};

use super::memory::{Grant, Memory, Ticket};
use crate::route::Usage;

/// How often the pace of a slow body is looked at.
const TICK: Duration = Duration::from_millis(500);
/// The pace is measured over this many ticks: 2 s.
const TICKS: usize = 4;
/// Up to here a declared length is believed before the bytes are there.
const BELIEVED_BYTES: usize = 64 * 1024;

/// The limits on one body.
#[derive(Debug)]
pub(super) struct Limits<'a> {
    pub(super) memory: &'a Arc<Memory>,
    pub(super) usage: &'a Arc<Usage>,
    pub(super) bytes_max: u64,
    /// Bytes per second that it must keep up over 2 s; 0: any.
    pub(super) rate_min: u64,
    /// When the whole request must be there.
    pub(super) deadline: Instant,
}

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    /// It is larger than `bytes_max`.
    TooLarge,
    /// It came below the rate, or not by the deadline.
    TooSlow,
    /// The sender went away or broke the framing.
    Broken,
    /// There was no memory for it.
    NoMemory,
}

/// Reads the whole body. A body that comes in one piece is not copied. Its memory is accounted for until the last clone of
/// the bytes drops.
pub(super) async fn read<B>(mut body: B, limits: &Limits<'_>) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let declared = body.size_hint().exact();
    if declared.is_some_and(|bytes| bytes > limits.bytes_max) {
        return Err(BodyError::TooLarge);
    }
    let mut gathered = Gathered::new(limits, declared);
    // What arrived with the head is here within two polls, before any timer is worth its while.
    loop {
        if body.is_end_stream() {
            return Ok(gathered.finish());
        }
        let chunk = tokio::select! {
            biased;
            frame = next(&mut body) => frame?,
            () = tokio::task::yield_now() => break,
        };
        match chunk {
            Some(chunk) => gathered.push(chunk, None).await?,
            None => return Ok(gathered.finish()),
        }
    }
    // Boxed, so that the many that come whole need no room for it.
    Box::pin(read_on(body, gathered, limits)).await
}

/// The rest of a body that the sender has not sent whole yet.
async fn read_on<B>(mut body: B, mut gathered: Gathered<'_>, limits: &Limits<'_>) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let ticket = limits.memory.enter(limits.usage);
    let mut pace = Pace::begin(Instant::now(), gathered.len());
    let mut tick = pin!(sleep_until(pace.next_tick(limits.deadline)));
    while !body.is_end_stream() {
        let chunk = tokio::select! {
            biased;
            () = ticket.evicted() => return Err(BodyError::NoMemory),
            chunk = next(&mut body) => Some(chunk?),
            () = &mut tick => None,
        };
        match chunk {
            Some(None) => break,
            Some(Some(chunk)) => gathered.push(chunk, Some(&ticket)).await?,
            None => {}
        }
        let now = Instant::now();
        if now >= limits.deadline {
            return Err(BodyError::TooSlow);
        }
        if now >= pace.next_tick {
            let rate = pace.tick(now, gathered.len());
            ticket.set_rate(rate.bytes_per_second);
            if rate.is_whole && rate.bytes_per_second < limits.rate_min {
                return Err(BodyError::TooSlow);
            }
            tick.as_mut().reset(pace.next_tick(limits.deadline));
        }
    }
    Ok(gathered.finish())
}

/// The next data; `None` at the end. Trailers are passed over.
async fn next<B: Body<Data = Bytes> + Unpin>(body: &mut B) -> Result<Option<Bytes>, BodyError> {
    loop {
        match Pin::new(&mut *body).frame().await {
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Some(Err(_)) => return Err(BodyError::Broken),
            None => return Ok(None),
        }
    }
}

/// What has come so far: one piece as it is, several in a buffer that grows as bytes arrive, whatever length was declared.
struct Gathered<'a> {
    limits: &'a Limits<'a>,
    declared: Option<u64>,
    first: Bytes,
    buffer: Vec<u8>,
    grant: Grant,
}

impl<'a> Gathered<'a> {
    fn new(limits: &'a Limits<'a>, declared: Option<u64>) -> Self {
        let grant = limits.memory.grant(limits.usage);
        Self { limits, declared, first: Bytes::new(), buffer: Vec::new(), grant }
    }

    /// Either of the two is empty.
    fn len(&self) -> usize {
        self.first.len() + self.buffer.len()
    }

    async fn push(&mut self, chunk: Bytes, ticket: Option<&Ticket>) -> Result<(), BodyError> {
        let len = self.len() + chunk.len();
        if len as u64 > self.limits.bytes_max {
            return Err(BodyError::TooLarge);
        }
        if self.len() == 0 {
            self.draw(chunk.len(), ticket).await?;
            self.first = chunk;
            return Ok(());
        }
        let capacity = self.buffer.capacity();
        if len > capacity {
            let wanted = self.capacity_for(len);
            self.draw(wanted - capacity, ticket).await?;
            self.buffer.reserve_exact(wanted - self.buffer.len());
        }
        if !self.first.is_empty() {
            let first = std::mem::take(&mut self.first);
            self.buffer.extend_from_slice(&first);
            self.grant.give_back(first.len() as u64);
        }
        self.buffer.extend_from_slice(&chunk);
        Ok(())
    }

    /// Twice as much as is needed now, but no more than the body can be.
    fn capacity_for(&self, len: usize) -> usize {
        let whole = usize::try_from(self.declared.unwrap_or(self.limits.bytes_max)).unwrap_or(usize::MAX);
        len.saturating_mul(2).max(BELIEVED_BYTES).min(whole).max(len)
    }

    async fn draw(&mut self, bytes: usize, ticket: Option<&Ticket>) -> Result<(), BodyError> {
        self.grant.draw_or_evict(bytes as u64, ticket).await.map_err(|_| BodyError::NoMemory)
    }

    fn finish(self) -> Bytes {
        let Self { limits: _, declared: _, first, buffer, grant } = self;
        let bytes = if buffer.is_empty() { first } else { Bytes::from(buffer) };
        if bytes.is_empty() {
            return bytes;
        }
        Bytes::from_owner(Held { bytes, _grant: grant })
    }
}

/// Bytes together with the right to hold them.
struct Held {
    bytes: Bytes,
    _grant: Grant,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// How fast a body came over the last 2 s.
struct Pace {
    /// Time and total at the last ticks, the oldest first.
    samples: [(Instant, usize); TICKS],
    ticks: usize,
    next_tick: Instant,
}

struct Rate {
    bytes_per_second: u64,
    /// Whether it was measured over the whole 2 s.
    is_whole: bool,
}

impl Pace {
    fn begin(now: Instant, received: usize) -> Self {
        Self { samples: [(now, received); TICKS], ticks: 0, next_tick: now + TICK }
    }

    fn next_tick(&self, deadline: Instant) -> Instant {
        self.next_tick.min(deadline)
    }

    fn tick(&mut self, now: Instant, received: usize) -> Rate {
        let [(since, before), ..] = self.samples;
        let millis = u64::try_from(now.duration_since(since).as_millis()).unwrap_or(u64::MAX).max(1);
        let bytes = received.saturating_sub(before) as u64;
        self.samples.rotate_left(1);
        if let Some(last) = self.samples.last_mut() {
            *last = (now, received);
        }
        self.ticks += 1;
        self.next_tick = now + TICK;
        Rate { bytes_per_second: bytes.saturating_mul(1000) / millis, is_whole: self.ticks >= TICKS }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::Ordering;

    use futures_util::StreamExt;
    use http_body::Frame;
    use http_body_util::{Full, StreamBody};
    use tokio::sync::mpsc;
    use tokio::time::sleep;

    use super::*;
    use crate::metrics::Metrics;

    const KIB: usize = 1024;

    struct Bench {
        metrics: Arc<Metrics>,
        memory: Arc<Memory>,
        usage: Arc<Usage>,
    }

    impl Bench {
        fn new(memory_max: usize) -> Self {
            let metrics = Arc::new(Metrics::default());
            let memory = Memory::new(memory_max as u64, Arc::clone(&metrics));
            Self { metrics, memory, usage: Arc::default() }
        }

        fn limits(&self, bytes_max: usize) -> Limits<'_> {
            Limits {
                memory: &self.memory,
                usage: &self.usage,
                bytes_max: bytes_max as u64,
                rate_min: 16 * KIB as u64,
                deadline: Instant::now() + Duration::from_secs(30),
            }
        }

        fn held(&self) -> u64 {
            self.metrics.inflight_bytes.load(Ordering::Relaxed)
        }
    }

    /// A body of `count` chunks, one each `every`, after which it ends only where `ends`.
    fn body(chunk: usize, count: usize, every: Duration, ends: bool) -> impl Body<Data = Bytes> + Unpin {
        let (sender, receiver) = mpsc::channel::<Bytes>(1);
        tokio::spawn(async move {
            for number in 0..count {
                sleep(every).await;
                let filler = u8::try_from(number % 251).unwrap();
                if sender.send(Bytes::from(vec![filler; chunk])).await.is_err() {
                    return;
                }
            }
            if !ends {
                std::future::pending::<()>().await;
            }
        });
        let stream = futures_util::stream::unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|chunk| (Ok::<_, Infallible>(Frame::data(chunk)), receiver))
        });
        StreamBody::new(stream.boxed())
    }

    #[tokio::test]
    async fn one_piece_is_handed_on_without_a_copy_and_accounted_for_until_it_drops() {
        let bench = Bench::new(1000);
        let sent = Bytes::from_static(&[7; 300]);
        let bytes = read(Full::new(sent.clone()), &bench.limits(300)).await.unwrap();
        assert_eq!(bytes.as_ptr(), sent.as_ptr());
        assert_eq!(bytes, sent);
        let clone = bytes.clone();
        drop(bytes);
        assert_eq!(bench.held(), 300);
        drop(clone);
        assert_eq!(bench.held(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn pieces_are_put_together_in_order() {
        let bench = Bench::new(1 << 20);
        let bytes = read(body(700, 300, Duration::from_millis(1), true), &bench.limits(300_000)).await.unwrap();
        let expected: Vec<u8> = (0..300).flat_map(|number| [u8::try_from(number % 251).unwrap(); 700]).collect();
        assert_eq!(bytes, expected);
        assert!(bench.held() >= 210_000, "{}", bench.held());
        drop(bytes);
        assert_eq!(bench.held(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_limit_holds_to_the_byte() {
        let bench = Bench::new(1 << 20);
        for (count, expected) in [(3, Ok(300)), (4, Err(BodyError::TooLarge))] {
            let result = read(body(100, count, Duration::ZERO, true), &bench.limits(300)).await;
            assert_eq!(result.map(|bytes| bytes.len()), expected);
        }
        let declared = Full::new(Bytes::from_static(&[0; 301]));
        assert_eq!(read(declared, &bench.limits(300)).await, Err(BodyError::TooLarge));
        assert_eq!(bench.held(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_must_keep_its_pace_over_two_seconds() {
        let bench = Bench::new(4 << 20);
        let limits = || bench.limits(1 << 20);
        // 20 KiB/s is enough, 10 KiB/s is not, nor is a fast start that stalls.
        let every = Duration::from_millis(100);
        assert_eq!(read(body(2 * KIB, 100, every, true), &limits()).await.map(|b| b.len()), Ok(200 * KIB));
        let began = Instant::now();
        assert_eq!(read(body(KIB, 100, every, true), &limits()).await, Err(BodyError::TooSlow));
        assert!(began.elapsed() <= Duration::from_millis(2500), "{:?}", began.elapsed());
        let began = Instant::now();
        assert_eq!(read(body(300 * KIB, 2, every, false), &limits()).await, Err(BodyError::TooSlow));
        assert!(began.elapsed() <= Duration::from_secs(5), "{:?}", began.elapsed());
        assert_eq!(bench.held(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_whole_request_has_a_deadline() {
        let bench = Bench::new(1 << 22);
        let limits = Limits { rate_min: 0, ..bench.limits(1 << 22) };
        let began = Instant::now();
        let slow = body(1, 1_000_000, Duration::from_millis(100), true);
        assert_eq!(read(slow, &limits).await, Err(BodyError::TooSlow));
        assert_eq!(began.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn no_memory_is_drawn_for_bytes_that_are_only_declared() {
        let bench = Bench::new(8 << 20);
        let limits = bench.limits(4 << 20);
        let mut gathered = Gathered::new(&limits, Some(4 << 20));
        gathered.push(Bytes::from_static(&[0; 100]), None).await.unwrap();
        assert_eq!(bench.held(), 100);
        gathered.push(Bytes::from_static(&[0; 100]), None).await.unwrap();
        assert_eq!(bench.held(), BELIEVED_BYTES as u64);
        drop(gathered);
        assert_eq!(bench.held(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_is_given_up_for_a_new_one() {
        let bench = Bench::new(200 * KIB);
        let slow = async {
            let limits = Limits { rate_min: 0, ..bench.limits(100 * KIB) };
            read(body(99 * KIB, 1, Duration::ZERO, false), &limits).await
        };
        let new = async {
            sleep(Duration::from_millis(600)).await;
            let other = Arc::<Usage>::default();
            let limits = Limits { usage: &other, ..bench.limits(150 * KIB) };
            read(Full::new(Bytes::from(vec![1; 90 * KIB])), &limits).await.map(|bytes| bytes.len())
        };
        // Half is held by one that came fast and stalled, a quarter by one that is verified.
        let mut held = bench.memory.grant(&Arc::default());
        held.draw(50 * KIB as u64).unwrap();
        let (slow, new) = tokio::join!(slow, new);
        drop(held);
        assert_eq!((slow, new), (Err(BodyError::NoMemory), Ok(90 * KIB)));
    }
}
