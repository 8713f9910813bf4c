//! Waiting for a state: polled with a deadline, never slept for.

use std::thread;
use std::time::{Duration, Instant};

/// Long enough for anything that needs no time-out to pass; nothing waits so long where all is well.
pub const SOON: Duration = Duration::from_secs(20);
/// What the contract calls «live within a second».
pub const A_SECOND: Duration = Duration::from_secs(1);

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

/// Waits until `probe` gives this value.
#[track_caller]
pub fn until<T: PartialEq + std::fmt::Debug>(expected: &T, what: &str, mut probe: impl FnMut() -> T) -> Duration {
    let matched = || {
        let value = probe();
        if value == *expected { Ok(()) } else { Err(format!("{value:?}, not {expected:?}")) }
    };
    eventually(SOON, what, matched).1
}

/// Calls `check` again and again for a while: what it asserts must hold all the time.
#[track_caller]
pub fn throughout(span: Duration, mut check: impl FnMut()) {
    let began = Instant::now();
    while began.elapsed() < span {
        check();
        thread::sleep(Duration::from_millis(10));
    }
}
