//! Flags of the receiver, each by what it changes.

use std::fs;
use std::io::Read as _;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::eventually::{SOON, eventually};
use crate::support::http::{Connection, Request};
use crate::support::nats::Nats;
use crate::support::operator::{Operator, free_port};
use crate::support::sign;
use crate::support::stage::{KEY, PUSH, Stage};

fn serve(flags: &[&str]) -> (Stage, Operator) {
    let stage = Stage::of_files();
    let operator = stage.operator(flags);
    stage.github("github", json!({}));
    stage.ready("github");
    (stage, operator)
}

/// How long a connection lives on which nothing more is sent.
fn life(connection: &mut Connection) -> Duration {
    let began = Instant::now();
    let mut rest = Vec::new();
    let _ = connection.stream.read_to_end(&mut rest);
    began.elapsed()
}

#[track_caller]
fn assert_about(took: Duration, seconds: f64) {
    let took = took.as_secs_f64();
    assert!(took > seconds - 0.5 && took < seconds + 3.0, "{took} s, not about {seconds}");
}

#[test]
fn listen_and_admin_listen_take_an_address_or_a_port_alone() {
    let (receiver, admin) = (format!(":{}", free_port()), format!("127.0.0.1:{}", free_port()));
    let (stage, operator) = serve(&["--listen", &receiver, "--admin-listen", &admin]);
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
    let on_v6 = std::net::SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, operator.receiver.port()));
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        assert_eq!(stage.push("github", "2").send(on_v6).unwrap().status, 200, "a port alone means all addresses");
    }
    assert_eq!(operator.send(&Request::get("/metrics")).status, 404, "the receiver shows no metrics");
    let page = operator.metrics();
    assert!(page.contains(&format!("jethook_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"))), "{page}");
}

#[test]
fn workers_sets_the_number_of_threads() {
    let threads = |operator: &Operator| {
        let tasks = fs::read_dir(format!("/proc/{}/task", operator.pid())).unwrap();
        let names = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("comm")).unwrap_or_default());
        names.filter(|name| name.starts_with("worker")).count()
    };
    let stage = Stage::of_files();
    assert_eq!(threads(&stage.operator(&["--workers", "1"])), 1);
    assert_eq!(threads(&stage.operator(&["--workers", "5"])), 5);
}

#[test]
fn max_body_size_holds_where_the_endpoint_sets_none() {
    let (stage, operator) = serve(&["--max-body-size", "2Ki"]);
    let body = |bytes: usize| format!("[\"{}\"]", "x".repeat(bytes - 4));
    let send = |name: &str, bytes: usize| {
        operator.send(&sign::github(&stage.path(name), KEY, "push", &bytes.to_string(), body(bytes))).status
    };
    assert_eq!((send("github", 2048), send("github", 2049)), (200, 413));
    assert_eq!(stage.status("github")["maxBodySize"], 2048);
    stage.github("larger", json!({"limits": {"maxBodySize": "4Ki"}}));
    stage.ready("larger");
    assert_eq!((send("larger", 4096), send("larger", 4097)), (200, 413));
}

#[test]
fn max_body_memory_is_shared_by_all_and_slow_bodies_make_room() {
    let (stage, operator) = serve(&["--max-body-memory", "1Mi", "--max-body-size", "512Ki", "--min-body-rate", "0"]);
    let mut slow = Vec::new();
    for id in 0..4 {
        let mut connection = Connection::open(operator.receiver).unwrap();
        let mut request = stage.push("github", &id.to_string()).header("Content-Length", "500000");
        request.body = vec![b'x'; 250_000];
        connection.write(&request.bytes()).unwrap();
        slow.push(connection);
    }
    // One endpoint may hold half of it.
    eventually(SOON, "half of the budget is drawn", || {
        let held = operator.metric("jethook_inflight_bytes").unwrap();
        assert!(held <= 1024.0 * 1024.0, "{held}");
        if held > 400_000.0 { Ok(()) } else { Err(held.to_string()) }
    });
    let body = format!("[\"{}\"]", "x".repeat(300_000));
    operator.send_until(200, "a quick body finds room", &sign::github(&stage.path("github"), KEY, "push", "q", body));
    let evicted = slow.iter_mut().filter_map(|connection| {
        connection.stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        connection.read_answer().ok()
    });
    let statuses: Vec<_> = evicted.map(|answer| answer.status).collect();
    assert!(!statuses.is_empty() && statuses.iter().all(|status| [408, 503].contains(status)), "{statuses:?}");
    drop(slow);
    eventually(SOON, "all is given back", || match operator.metric("jethook_inflight_bytes").unwrap() {
        0.0 => Ok(()),
        held => Err(held.to_string()),
    });
}

#[test]
fn at_max_connections_the_longest_waiting_makes_room() {
    let (stage, operator) = serve(&["--max-connections", "4"]);
    let mut silent: Vec<_> = (0..4).map(|_| Connection::open(operator.receiver).unwrap()).collect();
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
    for connection in &silent {
        connection.stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    }
    assert!(matches!(silent[0].stream.read(&mut [0]), Ok(0)), "the first one was closed");
    silent[3].write(&stage.push("github", "2").bytes()).unwrap();
    assert_eq!(silent[3].read_answer().unwrap().status, 200, "the last one was not");
}

#[test]
fn max_inflight_publishes_sheds_what_is_beyond() {
    let server = Nats::start("");
    let stage = Stage::of_files_with(&server.url());
    let operator = stage.operator(&["--max-inflight-publishes", "2"]);
    for name in ["one", "two", "three"] {
        stage.github(name, json!({}));
    }
    ["one", "two", "three"].iter().for_each(|name| stage.ready(name));
    server.signal("STOP");
    let mut waiting = Vec::new();
    for name in ["one", "two"] {
        let mut connection = Connection::open(operator.receiver).unwrap();
        let push = stage.push(name, "1");
        connection.write(&push.bytes()).unwrap();
        waiting.push(connection);
        // Both have their places before a third asks for one.
        let bytes = (waiting.len() * push.body.len()) as f64;
        eventually(Duration::from_secs(1), "its body is held", || {
            let held = operator.metric("jethook_inflight_bytes");
            if held == Some(bytes) { Ok(()) } else { Err(format!("{held:?}")) }
        });
    }
    let answer = eventually(Duration::from_secs(4), "a third is shed", || {
        let answer = operator.send(&stage.push("three", "1"));
        if operator.counted("overloaded") > 0.0 { Ok(answer) } else { Err(answer.text()) }
    });
    assert_eq!((answer.0.status, answer.0.header("retry-after").is_some()), (503, true));
    server.signal("CONT");
    for mut connection in waiting {
        assert_eq!(connection.read_answer().unwrap().status, 200);
    }
}

#[test]
fn header_timeout_closes_a_connection_that_does_not_finish_its_headers() {
    let (_stage, operator) = serve(&["--header-timeout", "1s"]);
    let mut connection = Connection::open(operator.receiver).unwrap();
    connection.write(b"POST / HTTP/1.1\r\nHost: a\r\nX-Unfinished: ").unwrap();
    assert_about(life(&mut connection), 1.0);
}

#[test]
fn idle_timeout_closes_a_connection_without_requests() {
    let (stage, operator) = serve(&["--idle-timeout", "1s"]);
    let mut connection = Connection::open(operator.receiver).unwrap();
    connection.write(&stage.push("github", "1").bytes()).unwrap();
    assert_eq!(connection.read_answer().unwrap().status, 200);
    connection.write(&stage.push("github", "2").bytes()).unwrap();
    assert_eq!(connection.read_answer().unwrap().status, 200, "it is kept between requests");
    assert_about(life(&mut connection), 1.0);
}

#[test]
fn request_timeout_bounds_a_request_whatever_its_pace() {
    let (stage, operator) = serve(&["--request-timeout", "1500ms", "--min-body-rate", "0"]);
    let began = Instant::now();
    let mut connection = Connection::open(operator.receiver).unwrap();
    let mut request = stage.push("github", "1").header("Content-Length", "100000");
    request.body.truncate(5);
    connection.write(&request.bytes()).unwrap();
    assert_eq!(connection.read_answer().unwrap().status, 408);
    assert_about(began.elapsed(), 1.5);
}

#[test]
fn min_body_rate_sets_the_pace_of_a_body() {
    let began = Instant::now();
    let status_at = |flag: &str| {
        let (stage, operator) = serve(&["--min-body-rate", flag]);
        let body = vec![b' '; 3000];
        let mut connection = Connection::open(operator.receiver).unwrap();
        let mut request = sign::github(&stage.path("github"), KEY, "push", "1", [PUSH.as_bytes(), &body].concat());
        let rest = request.body.split_off(10);
        connection.write(&request.header("Content-Length", &(rest.len() + 10).to_string()).bytes()).unwrap();
        // A thousand bytes a second: more than the one flag asks for, less than the other.
        for part in rest.chunks(200) {
            let due = Instant::now() + Duration::from_millis(200);
            if connection.write(part).is_err() {
                break;
            }
            while Instant::now() < due {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        connection.read_answer().unwrap().status
    };
    assert_eq!(status_at("100"), 200);
    assert_eq!(status_at("10Ki"), 408);
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn max_header_size_and_max_uri_size_set_their_limits() {
    let (stage, operator) = serve(&["--max-header-size", "4Ki", "--max-uri-size", "100"]);
    let with_header =
        |bytes: usize| operator.send(&stage.push("github", "1").header("X-Large", &"a".repeat(bytes))).status;
    assert_eq!((with_header(3000), with_header(4100)), (200, 431));
    let with_query = |bytes: usize| {
        let path = format!("{}?{}", stage.path("github"), "a".repeat(bytes));
        operator.send(&sign::github(&path, KEY, "push", "1", PUSH)).status
    };
    assert_eq!((with_query(50), with_query(100)), (200, 414));
}

#[test]
fn refusals_per_second_turn_an_addresss_guesses_into_429_and_nothing_else() {
    let (stage, operator) = serve(&["--refusals-per-second", "3"]);
    let forged = sign::github(&stage.path("github"), "wrong", "push", "1", PUSH);
    let began = Instant::now();
    let statuses: Vec<_> = (0..20).map(|_| operator.send(&forged).status).collect();
    assert_eq!(statuses[..3], [401, 401, 401], "{statuses:?}");
    let limited = statuses.iter().filter(|status| **status == 429).count();
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap() + 2;
    assert!(limited >= 20 - 3 * seconds, "{statuses:?}");
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200, "a right one is never refused for them");
    let (answer, _) = operator.send_until(429, "unknown paths count too", &Request::get("/nowhere"));
    assert!(answer.header("retry-after").is_some());
}

#[test]
fn by_default_refusals_have_no_limit() {
    let (stage, operator) = serve(&[]);
    let forged = sign::github(&stage.path("github"), "wrong", "push", "1", PUSH);
    assert!((0..100).all(|_| operator.send(&forged).status == 401));
}

#[test]
fn drain_delay_keeps_serving_after_sigterm_while_unready() {
    let (stage, mut operator) = serve(&["--drain-delay", "2s"]);
    operator.signal("TERM");
    let began = Instant::now();
    eventually(Duration::from_secs(1), "unready at once", || match operator.readiness() {
        (503, _) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let answer = operator.send(&stage.push("github", "1"));
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    let status = operator.ended(SOON);
    assert_eq!(status.code(), Some(0));
    assert_about(began.elapsed(), 2.0);
}
