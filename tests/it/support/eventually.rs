//! Waiting for a state: polled with a deadline, never slept for.

use std::future::Future;
use std::thread;
use std::time::{Duration, Instant};

/// Calls `probe` until it gives a value, and returns it with the time it took. Panics with what the last probe said.
#[track_caller]
pub fn eventually<T>(deadline: Duration, what: &str, mut probe: impl FnMut() -> Result<T, String>) -> (T, Duration) {
    let began = Instant::now();
    loop {
        match probe() {
            Ok(value) => return (value, began.elapsed()),
            Err(last) if began.elapsed() > deadline => panic!("{what}: not within {deadline:?}; last: {last}"),
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// Far more than anything in a cluster takes.
pub const SOON: Duration = Duration::from_secs(10);

/// The same inside a runtime: calls `probe` until it gives a value.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut probe: impl FnMut() -> F) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = probe().await {
            return value;
        }
        assert!(began.elapsed() < SOON, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What the contract calls «live within a second».
pub const A_SECOND: Duration = Duration::from_secs(1);

/// Calls `check` again and again for a while: what it asserts must hold all the time.
#[track_caller]
pub fn throughout(span: Duration, mut check: impl FnMut()) {
    let began = Instant::now();
    while began.elapsed() < span {
        check();
        thread::sleep(Duration::from_millis(10));
    }
}
