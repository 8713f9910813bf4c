//! The receiver's connections: slow ones, idle ones, too many of them, early answers, the end of the process.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jethook::outcome::Outcome;
use jethook::receiver::StartError;

use crate::support::eventually::eventually;
use crate::support::http::{Connection, Request};
use crate::support::receiver::{Bench, TOKEN, config, delivery, serving_mut, token_in_header};

const SECOND: Duration = Duration::from_secs(1);

/// How long the receiver leaves the connection open.
fn closed_after(connection: &mut Connection) -> Duration {
    let began = Instant::now();
    assert!(connection.is_closed());
    began.elapsed()
}

#[track_caller]
fn assert_about(duration: Duration, expected: Duration) {
    assert!(duration + SECOND / 10 >= expected && duration < expected + 3 * SECOND, "{duration:?}, not {expected:?}");
}

#[test]
fn headers_have_a_time_limit_from_their_first_byte() {
    let bench = Bench::start(&["--header-timeout", "1s", "--idle-timeout", "60s"]);
    // Nothing at all; half of a head; a byte now and then; a second request that stalls.
    let mut silent = Connection::open(bench.address).unwrap();
    assert_about(closed_after(&mut silent), SECOND);
    let mut half = Connection::open(bench.address).unwrap();
    half.write(b"POST /shop/hook HTTP/1.1\r\nHost: x\r\n").unwrap();
    assert_about(closed_after(&mut half), SECOND);
    let mut dripping = Connection::open(bench.address).unwrap();
    let began = Instant::now();
    let drip = dripping.stream.try_clone().unwrap();
    let dripped = thread::spawn(move || {
        (&drip).write_all(b"POST / HTTP/1.1\r\nX: ").unwrap();
        while (&drip).write_all(b"x").is_ok() && began.elapsed() < 10 * SECOND {
            thread::sleep(SECOND / 10);
        }
    });
    assert!(dripping.is_closed());
    assert_about(began.elapsed(), SECOND);
    dripped.join().unwrap();
    let mut second = Connection::open(bench.address).unwrap();
    second.write(&delivery("{}").bytes()).unwrap();
    assert_eq!(second.read_answer().unwrap().status, 200);
    second.write(b"POST").unwrap();
    assert_about(closed_after(&mut second), SECOND);
}

#[test]
fn an_idle_connection_is_kept_for_its_time_and_serves_again() {
    let bench = Bench::start(&["--header-timeout", "500ms", "--idle-timeout", "2s"]);
    let mut connection = Connection::open(bench.address).unwrap();
    for _ in 0..2 {
        connection.write(&delivery("{}").bytes()).unwrap();
        assert_eq!(connection.read_answer().unwrap().status, 200);
        // Longer than headers may take, shorter than idle may last.
        thread::sleep(SECOND);
    }
    connection.write(&delivery("{}").bytes()).unwrap();
    assert_eq!(connection.read_answer().unwrap().status, 200);
    assert_about(closed_after(&mut connection), 2 * SECOND);
}

#[test]
fn a_slow_body_is_408_after_two_seconds() {
    let bench = Bench::start(&[]);
    let began = Instant::now();
    let mut connection = Connection::open(bench.address).unwrap();
    connection.write(&delivery("{").header("Content-Length", "100000").bytes()).unwrap();
    let answer = connection.read_answer().unwrap();
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
    assert_about(began.elapsed(), 2 * SECOND);
    assert_eq!(bench.counted("hook", Outcome::Malformed), 1);
}

#[test]
fn the_slowest_body_allowed_is_a_flag_and_the_whole_request_has_a_deadline() {
    let bench = Bench::start(&["--min-body-rate", "0", "--request-timeout", "3s"]);
    let began = Instant::now();
    let mut connection = Connection::open(bench.address).unwrap();
    connection.write(&delivery("{").header("Content-Length", "100000").bytes()).unwrap();
    assert_eq!(connection.read_answer().unwrap().status, 408);
    assert_about(began.elapsed(), 3 * SECOND);
}

#[test]
fn memory_for_bodies_is_bounded_and_slow_bodies_make_room() {
    let bench = Bench::start(&["--max-body-memory", "2Mi", "--min-body-rate", "0"]);
    bench.serve(["hook", "other"].map(|name| bench.route(name, &token_in_header())).into());
    let held = || bench.metrics.inflight_bytes.load(Ordering::Relaxed);
    let stalled = |name: &str| {
        let request = Request::post(&format!("/shop/{name}"), vec![b'x'; 900_000]).header("X-Token", TOKEN);
        let mut connection = Connection::open(bench.address).unwrap();
        connection.write(&request.header("Content-Length", "1000000").bytes()).unwrap();
        connection
    };
    let mut first = stalled("hook");
    eventually(5 * SECOND, "drawn", || if held() > 500_000 { Ok(()) } else { Err(held().to_string()) });
    // The endpoint holds all it may, and what it holds came fast: the new one has to go.
    let mut fast = stalled("hook");
    let answer = fast.read_answer().unwrap();
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    // Stalled for a moment, the first makes room.
    let stored = || match bench.send(&delivery(vec![b'y'; 500_000])).status {
        200 => Ok(()),
        other => Err(other.to_string()),
    };
    eventually(10 * SECOND, "room is made", stored);
    assert_eq!(first.read_answer().unwrap().status, 503);
    assert_eq!(bench.counted("hook", Outcome::Stored), 1);
    // The publisher lets go of what it stored when the test does.
    let stored: u64 = bench.store.events().iter().map(|event| event.payload.len() as u64).sum();
    eventually(5 * SECOND, "given back", || if held() == stored { Ok(()) } else { Err(held().to_string()) });
}

#[test]
fn body_memory_that_no_body_fits_into_is_a_fault_of_the_flags() {
    let Err(error) = Bench::try_start(&config(&["--max-body-memory", "1Mi"])) else { panic!("it started") };
    assert!(error.to_string().contains("--max-body-memory"), "{error}");
}

#[test]
fn an_address_in_use_is_a_fault_of_the_flags() {
    let bench = Bench::start(&[]);
    let address = bench.address.to_string();
    let Err(error) = Bench::try_start(&config(&["--listen", &address])) else { panic!("it started") };
    assert!(matches!(error, StartError::Bind { .. }));
    assert!(error.to_string().starts_with(&format!("--listen {address}")), "{error}");
}

#[test]
fn at_the_cap_the_longest_waiting_connection_makes_room() {
    let bench = Bench::start(&["--max-connections", "64"]);
    bench.store.hold();
    // One that is being served since before the others came.
    let mut served = Connection::open(bench.address).unwrap();
    served.write(&delivery("{}").bytes()).unwrap();
    eventually(5 * SECOND, "served", || if bench.store.begun() == 1 { Ok(()) } else { Err(String::new()) });
    let mut silent: Vec<_> = (0..63).map(|_| Connection::open(bench.address).unwrap()).collect();
    let mut half = Vec::new();
    for _ in 0..5 {
        let mut connection = Connection::open(bench.address).unwrap();
        connection.write(b"POST /shop/hook HTTP/1.1\r\n").unwrap();
        half.push(connection);
    }
    for mut connection in silent.drain(..5) {
        assert!(connection.is_closed());
    }
    // Those who bring a request get in all the same.
    for _ in 0..200 {
        assert_eq!(bench.send(&Request::get("/")).status, 404);
    }
    bench.store.release();
    assert_eq!(served.read_answer().unwrap().status, 200);
}

#[test]
fn more_silent_connections_than_fit_keep_nobody_out() {
    let bench = Bench::start(&["--max-connections", "500"]);
    let silent: Vec<_> = (0..600).map(|_| TcpStream::connect(bench.address).unwrap()).collect();
    let mut slowest = Duration::ZERO;
    for number in 0..300 {
        let began = Instant::now();
        assert_eq!(bench.send(&delivery("{}").header("X-Id", &number.to_string())).status, 200);
        slowest = slowest.max(began.elapsed());
    }
    assert!(slowest < SECOND, "{slowest:?}");
    drop(silent);
}

/// Sends the whole of a body that nobody wants before it reads, as simple clients do.
fn sends_all_then_reads(address: SocketAddr, request: &Request) -> std::io::Result<u16> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(10 * SECOND))?;
    stream.write_all(&request.bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0))
}

#[test]
fn an_early_answer_reaches_a_sender_that_reads_last() {
    let bench = Bench::start(&[]);
    for (path, size, status) in
        [("/shop/hook", 2 << 20, 413), ("/shop/unknown", 2 << 20, 404), ("/shop/hook", (4 << 20) - 100_000, 413)]
    {
        let request = Request::post(path, vec![b'x'; size]);
        let seen = (0..30).filter(|_| sends_all_then_reads(bench.address, &request).is_ok_and(|seen| seen == status));
        assert_eq!(seen.count(), 30, "{path} {size}");
    }
    let wrong = Request::new("PUT", "/shop/hook").header("Content-Length", "2000000");
    let wrong = Request { body: vec![b'x'; 2_000_000], ..wrong };
    assert!((0..30).all(|_| sends_all_then_reads(bench.address, &wrong).unwrap() == 405));
}

#[test]
fn what_is_read_behind_an_early_answer_is_bounded() {
    let bench = Bench::start(&[]);
    let mut connection = Connection::open(bench.address).unwrap();
    let began = Instant::now();
    connection.write(&Request::post("/shop/unknown", "x").header("Content-Length", "100000000").bytes()).unwrap();
    // Answered at once, and closed 2 s later though the sender neither sends nor hangs up.
    assert_eq!(connection.read_answer().unwrap().status, 404);
    assert!(began.elapsed() < SECOND);
    assert!(connection.is_closed());
    let closed = || match connection.stream.write(b"x") {
        Err(_) => Ok(()),
        Ok(_) => Err("still taken".to_owned()),
    };
    eventually(5 * SECOND, "closed for good", closed);
    assert_about(began.elapsed(), 2 * SECOND);
    // A sender that never ends is cut off after 4 MiB and what fits in buffers.
    let mut flood = Connection::open(bench.address).unwrap();
    flood.write(&Request::post("/shop/unknown", "").header("Content-Length", "1000000000").bytes()).unwrap();
    let (chunk, mut sent) = (vec![b'x'; 100_000], 0);
    while sent < 100_000_000 && flood.write(&chunk).is_ok() {
        sent += 100_000;
    }
    assert!(sent < 50_000_000, "{sent}");
}

#[test]
fn nothing_follows_a_refused_body_on_its_connection() {
    let bench = Bench::start(&[]);
    let mut connection = Connection::open(bench.address).unwrap();
    let smuggled = delivery("{}").bytes();
    let mut bytes = Request::post("/shop/unknown", "x").header("Content-Length", "100000").bytes();
    bytes.extend_from_slice(&smuggled);
    connection.write(&bytes).unwrap();
    assert_eq!(connection.read_answer().unwrap().status, 404);
    assert!(connection.is_closed());
    // Two framings at once: the chunks count, and the connection ends.
    let mut connection = Connection::open(bench.address).unwrap();
    let both = delivery("").header("Content-Length", "5").header("Transfer-Encoding", "chunked").bytes();
    connection.write(&both).unwrap();
    connection.write(b"0\r\n\r\n").unwrap();
    connection.write(&smuggled).unwrap();
    let statuses: Vec<_> = std::iter::from_fn(|| connection.read_answer().ok()).map(|answer| answer.status).collect();
    assert!(statuses.len() == 1, "{statuses:?}");
}

#[test]
fn requests_that_follow_each_other_without_waiting_are_all_answered() {
    let bench = Bench::start(&[]);
    let mut connection = Connection::open(bench.address).unwrap();
    let all: Vec<u8> = (0..50).flat_map(|number| delivery("{}").header("X-Id", &number.to_string()).bytes()).collect();
    connection.write(&all).unwrap();
    for number in 0..50 {
        assert_eq!(connection.read_answer().unwrap().json()["id"], number.to_string());
    }
}

#[test]
fn connections_are_spread_over_the_workers() {
    let bench = Bench::start(&["--workers", "3"]);
    // Held ones keep their worker busy only with waiting: all are answered in the end.
    bench.store.hold();
    let mut connections: Vec<_> = (0..9).map(|_| Connection::open(bench.address).unwrap()).collect();
    for (number, connection) in connections.iter_mut().enumerate() {
        connection.write(&delivery("{}").header("X-Id", &number.to_string()).bytes()).unwrap();
    }
    eventually(5 * SECOND, "all begun", || if bench.store.begun() == 9 { Ok(()) } else { Err(String::new()) });
    bench.store.release();
    assert!(connections.iter_mut().all(|connection| connection.read_answer().unwrap().status == 200));
}

#[test]
fn shutting_down_answers_what_is_in_flight_and_takes_no_more() {
    let mut bench = Bench::start(&[]);
    bench.store.hold();
    let mut idle = Connection::open(bench.address).unwrap();
    idle.write(&Request::get("/").bytes()).unwrap();
    assert_eq!(idle.read_answer().unwrap().status, 404);
    let mut in_flight = Connection::open(bench.address).unwrap();
    in_flight.write(&delivery("{}").bytes()).unwrap();
    eventually(5 * SECOND, "begun", || if bench.store.begun() == 1 { Ok(()) } else { Err(String::new()) });
    let (store, address) = (bench.store.clone(), bench.address);
    let shutting = thread::spawn(move || bench.shutdown());
    let refused = || match TcpStream::connect(address) {
        Err(_) => Ok(()),
        Ok(_) => Err("accepted".to_owned()),
    };
    eventually(5 * SECOND, "no more is accepted", refused);
    assert!(idle.is_closed());
    store.release();
    let answer = in_flight.read_answer().unwrap();
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert!(shutting.join().unwrap() < 5 * SECOND);
}

#[test]
fn a_publish_that_hangs_does_not_hold_the_end_up_for_ever() {
    let mut bench = Bench::start(&[]);
    let mut route = bench.route("hook", &token_in_header());
    serving_mut(&mut route).time_limit = SECOND;
    bench.serve(vec![route]);
    bench.store.hold();
    let mut connection = Connection::open(bench.address).unwrap();
    connection.write(&delivery("{}").bytes()).unwrap();
    eventually(5 * SECOND, "begun", || if bench.store.begun() == 1 { Ok(()) } else { Err(String::new()) });
    let took = bench.shutdown();
    assert!(took > 2 * SECOND && took < 6 * SECOND, "{took:?}");
}

#[test]
fn under_load_every_request_on_an_accepted_connection_is_answered() {
    let mut bench = Bench::start(&["--drain-delay", "500ms"]);
    let address = bench.address;
    let (is_over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..16)
        .map(|client| {
            let (is_over, answered) = (Arc::clone(&is_over), Arc::clone(&answered));
            thread::spawn(move || {
                let mut lost = 0;
                // Every connection that was made is used at once, kept while the answers allow, and must be answered.
                while !is_over.load(Ordering::Relaxed) {
                    let Ok(mut connection) = Connection::open(address) else { break };
                    loop {
                        let id = format!("{client}-{}", answered.load(Ordering::Relaxed));
                        let sent = connection.write(&delivery("{}").header("X-Id", &id).bytes());
                        let Ok(answer) = sent.and_then(|()| connection.read_answer()) else {
                            lost += 1;
                            break;
                        };
                        assert_eq!(answer.status, 200);
                        answered.fetch_add(1, Ordering::Relaxed);
                        if answer.header("connection") == Some("close") {
                            break;
                        }
                    }
                }
                lost
            })
        })
        .collect();
    let some = || if answered.load(Ordering::Relaxed) > 500 { Ok(()) } else { Err(String::new()) };
    eventually(30 * SECOND, "under load", some);
    let took = bench.shutdown();
    is_over.store(true, Ordering::Relaxed);
    let lost: usize = clients.into_iter().map(|client| client.join().unwrap()).sum();
    assert_eq!(lost, 0);
    assert!(took < 5 * SECOND, "{took:?}");
}
