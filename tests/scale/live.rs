//! From the answer of an apply to a live route.

use std::thread;
use std::time::{Duration, Instant};

use crate::fleet::{Endpoint, Fleet};
use crate::support::eventually::eventually;
use crate::support::operator::Operator;
use crate::support::runtime::block_on;

/// Between two tries: far less than what is measured.
const PAUSE: Duration = Duration::from_millis(2);
const LIVE_MAX: Duration = Duration::from_secs(20);
/// Of so many applies one is followed until its status says it, too.
const TOLD_OF: usize = 10;

/// How long one apply took, from its answer.
#[derive(Clone, Copy, Debug)]
pub struct Live {
    /// To the first answer that is not 404.
    pub live: Duration,
    /// To the first event that is stored: its Secret has been read as well.
    pub stored: Duration,
    /// To a status that is Ready.
    pub told: Option<Duration>,
}

/// Waits until an endpoint stores: its stream has been made and read.
pub fn first_event(operator: &Operator, endpoint: &Endpoint) {
    eventually(LIVE_MAX, "the first event is stored", || {
        let answer = endpoint.delivery("first").send(operator.receiver).map_err(|error| error.to_string())?;
        if answer.status == 200 { Ok(()) } else { Err(format!("{} {}", answer.status, answer.text())) }
    });
}

/// Applies one more endpoint with its Secret, and takes the time.
pub fn apply(fleet: &Fleet, operator: &Operator, number: usize) -> Live {
    let endpoint = Endpoint::later(number);
    block_on(fleet.create_secret(&endpoint));
    let request = endpoint.delivery(&format!("applied-{number}"));
    block_on(fleet.create_endpoint(&endpoint));
    let began = Instant::now();
    let mut live = None;
    let stored = loop {
        let answer = request.send(operator.receiver).unwrap();
        if answer.status != 404 {
            live.get_or_insert(began.elapsed());
        }
        if answer.status == 200 {
            break began.elapsed();
        }
        assert!(matches!(answer.status, 404 | 503), "{} {}", answer.status, answer.text());
        assert!(began.elapsed() < LIVE_MAX, "{} is not live: {}", endpoint.path(), answer.text());
        thread::sleep(PAUSE);
    };
    let told = (number % TOLD_OF == 0).then(|| {
        while !block_on(fleet.is_told(&endpoint)) {
            assert!(began.elapsed() < LIVE_MAX, "{}: no status", endpoint.path());
            thread::sleep(PAUSE);
        }
        began.elapsed()
    });
    Live { live: live.unwrap_or(stored), stored, told }
}
