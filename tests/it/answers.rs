//! Every row of the table of answers, as a sender meets it.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::http::{Connection, Request};
use crate::support::operator::Operator;
use crate::support::sign;
use crate::support::stage::{KEY, PUSH, Stage};

fn serve(more: Value, flags: &[&str]) -> (Stage, Operator) {
    let stage = Stage::of_files();
    let operator = stage.operator(flags);
    stage.github("github", more);
    stage.ready("github");
    (stage, operator)
}

#[test]
fn a_stored_delivery_is_200_and_says_its_id() {
    let (stage, operator) = serve(json!({}), &[]);
    let answer = operator.send(&stage.push("github", "abc"));
    assert_eq!((answer.status, answer.text().trim_end()), (200, r#"{"status":"stored","id":"abc"}"#));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(operator.counted("stored"), 1.0);
    let stored =
        format!("jethook_last_stored_timestamp_seconds{{namespace=\"{}\",endpoint=\"github\"}}", stage.namespace);
    assert!((operator.metric(&stored).unwrap() - sign::now() as f64).abs() < 10.0);
    let seen = |series: &str| operator.metric(series).unwrap_or_default();
    assert_eq!(seen("jethook_delivery_duration_seconds_count{provider=\"github\"}"), 1.0);
    assert_eq!(seen("jethook_publish_duration_seconds_count"), 1.0);
    assert_eq!(seen("jethook_body_bytes_count"), 1.0);
    assert_eq!(seen("jethook_body_bytes_sum"), PUSH.len() as f64);
}

#[test]
fn invalid_json_with_a_right_signature_is_400() {
    let (stage, operator) = serve(json!({}), &[]);
    let broken = &PUSH[..PUSH.len() - 1];
    let answer = operator.send(&sign::github(&stage.path("github"), KEY, "push", "1", broken));
    assert_eq!(answer.status, 400);
    assert!(answer.json()["error"].as_str().unwrap().contains("JSON"), "{}", answer.text());
    let forged = operator.send(&sign::github(&stage.path("github"), "wrong", "push", "1", broken));
    assert_eq!(forged.status, 401, "the signature comes first");
    assert_eq!((stage.count(), operator.counted("malformed")), (0, 1.0));
}

#[test]
fn a_wrong_signature_is_401_and_says_nothing_of_why() {
    let (stage, operator) = serve(json!({}), &[]);
    let answer = operator.send(&sign::github(&stage.path("github"), "wrong", "push", "1", PUSH));
    assert_eq!(answer.status, 401);
    assert!(!answer.text().contains("key"), "{}", answer.text());
    assert_eq!((stage.count(), operator.counted("unauthorized")), (0, 1.0));
}

#[test]
fn an_address_outside_the_source_ranges_is_403() {
    let (stage, operator) = serve(json!({"sourceRanges": ["192.0.2.0/24", "2001:db8::/32"]}), &[]);
    let answer = operator.send(&stage.push("github", "1"));
    assert_eq!((answer.status, stage.count()), (403, 0));
    assert_eq!(operator.counted("forbidden"), 1.0);
    stage.github("github", json!({"sourceRanges": ["192.0.2.0/24", "127.0.0.0/8"]}));
    operator.send_until(200, "this address is in", &stage.push("github", "1"));
}

#[test]
fn an_unclaimed_path_is_404_whatever_it_is() {
    let (stage, operator) = serve(json!({}), &[]);
    let mut bodies = std::collections::BTreeSet::new();
    for path in
        ["/", "/nowhere", "/shop/github", "/metrics", "/readyz", "/livez", &format!("{}/x", stage.path("github"))]
    {
        for request in [Request::get(path), sign::github(path, KEY, "push", "1", PUSH)] {
            let answer = operator.send(&request);
            assert_eq!(answer.status, 404, "{path}");
            bodies.insert(answer.text());
        }
    }
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(operator.counted("not_found"), 14.0);
    let page = operator.metrics();
    let series = page.lines().filter(|line| line.contains("not_found")).count();
    assert_eq!(series, 1, "unknown paths share one series: {page}");
}

#[test]
fn another_method_is_405_with_allow() {
    let (stage, operator) = serve(json!({}), &[]);
    for method in ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"] {
        let mut request = stage.push("github", "1");
        request.method = method.to_owned();
        if method == "HEAD" {
            let mut connection = Connection::open(operator.receiver).unwrap();
            connection.write(&request.bytes()).unwrap();
            let mut head = [0; 12];
            std::io::Read::read_exact(&mut connection.stream, &mut head).unwrap();
            assert_eq!(&head, b"HTTP/1.1 405");
            continue;
        }
        let answer = operator.send(&request);
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method}");
    }
    assert_eq!(stage.count(), 0);
}

#[test]
fn a_body_that_comes_too_slowly_is_408() {
    let (stage, operator) = serve(json!({}), &[]);
    let began = Instant::now();
    let mut connection = Connection::open(operator.receiver).unwrap();
    let mut request = stage.push("github", "1").header("Content-Length", "100000");
    request.body.truncate(5);
    connection.write(&request.bytes()).unwrap();
    let answer = connection.read_answer().unwrap();
    assert_eq!(answer.status, 408);
    assert!(began.elapsed() > Duration::from_millis(1500), "{:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(connection.is_closed());
    assert_eq!(operator.counted("malformed"), 1.0);
}

#[test]
fn a_body_over_the_limit_is_413_and_names_both_limits() {
    let (stage, operator) = serve(json!({"limits": {"maxBodySize": "1Ki"}}), &[]);
    let exact = format!("[\"{}\"]", "x".repeat(1020));
    assert_eq!(exact.len(), 1024);
    assert_eq!(operator.send(&sign::github(&stage.path("github"), KEY, "push", "1", exact.as_str())).status, 200);
    let answer = operator.send(&sign::github(&stage.path("github"), KEY, "push", "2", exact + " "));
    assert_eq!(answer.status, 413);
    assert!(answer.text().contains("1024") && answer.text().contains("1028096"), "{}", answer.text());
    // The same when nobody says beforehand how much will come.
    let mut chunked = stage.push("github", "3").header("Transfer-Encoding", "chunked");
    chunked.body = [b"401\r\n".as_slice(), &[b'x'; 0x401], b"\r\n0\r\n\r\n"].concat();
    assert_eq!(operator.send(&chunked).status, 413);
    assert_eq!((stage.count(), operator.counted("too_large")), (1, 2.0));
}

#[test]
fn a_body_that_nats_does_not_take_is_413() {
    let server = crate::support::nats::Nats::start("max_payload: 65536");
    let stage = Stage::of_files_with(&server.url());
    let operator = stage.operator(&[]);
    stage.github("github", json!({}));
    stage.ready("github");
    assert_eq!(stage.status("github")["maxBodySize"], 65_536 - 20 * 1024);
    let body = |bytes: usize| format!("[\"{}\"]", "x".repeat(bytes - 4));
    let send = |bytes: usize| operator.send(&sign::github(&stage.path("github"), KEY, "push", "1", body(bytes)));
    assert_eq!(send(45_057).status, 413);
    assert_eq!(send(45_056).status, 200);
    assert_eq!(server.one_stored(&stage.stream).payload.len(), 45_056);
}

#[test]
fn a_uri_that_is_too_long_is_414() {
    let (stage, operator) = serve(json!({}), &[]);
    let long = format!("{}?{}", stage.path("github"), "a".repeat(8 * 1024));
    assert_eq!(operator.send(&sign::github(&long, KEY, "push", "1", PUSH)).status, 414);
    let short = format!("{}?{}", stage.path("github"), "a".repeat(7 * 1024));
    assert_eq!(operator.send(&sign::github(&short, KEY, "push", "1", PUSH)).status, 200);
}

#[test]
fn an_encoded_body_is_415() {
    let (stage, operator) = serve(json!({}), &[]);
    for encoding in ["gzip", "br", "deflate", "x-unknown"] {
        let answer = operator.send(&stage.push("github", "1").header("Content-Encoding", encoding));
        assert_eq!(answer.status, 415, "{encoding}");
    }
    assert_eq!(stage.count(), 0);
    assert_eq!(operator.send(&stage.push("github", "1").header("Content-Encoding", "identity")).status, 200);
}

#[test]
fn verified_deliveries_over_the_rate_are_429_with_retry_after() {
    let (stage, operator) = serve(json!({"limits": {"rate": {"requestsPerSecond": 1, "burst": 3}}}), &[]);
    for _ in 0..20 {
        let forged = sign::github(&stage.path("github"), "wrong", "push", "1", PUSH);
        assert_eq!(operator.send(&forged).status, 401, "failures use nothing of the rate");
    }
    let statuses: Vec<_> = (0..5).map(|id| operator.send(&stage.push("github", &id.to_string())).status).collect();
    assert_eq!(statuses[..3], [200, 200, 200]);
    assert!(statuses[3..].contains(&429), "{statuses:?}");
    let (answer, _) = operator.send_until(429, "it is over the rate", &stage.push("github", "more"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    operator.send_until(200, "the rate allows one again", &stage.push("github", "more"));
    assert!(operator.counted("rate_limited") >= 2.0);
}

#[test]
fn a_rate_without_a_burst_allows_one_seconds_worth_at_once() {
    let (stage, operator) = serve(json!({"limits": {"rate": {"requestsPerSecond": 2}}}), &[]);
    let statuses: Vec<_> = (0..4).map(|id| operator.send(&stage.push("github", &id.to_string())).status).collect();
    assert_eq!(statuses[..2], [200, 200]);
    assert!(statuses[2..].contains(&429), "{statuses:?}");
}

#[test]
fn a_header_block_over_the_limit_is_431() {
    let (stage, operator) = serve(json!({}), &[]);
    let large = stage.push("github", "1").header("X-Large", &"a".repeat(33 * 1024));
    assert_eq!(operator.send(&large).status, 431);
    let fine = stage.push("github", "1").header("X-Large", &"a".repeat(31 * 1024));
    assert_eq!(operator.send(&fine).status, 200);
}

#[test]
fn what_is_no_http_is_400() {
    let (_stage, operator) = serve(json!({}), &[]);
    for bytes in [
        &b"HELLO\r\n\r\n"[..],
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ] {
        let mut connection = Connection::open(operator.receiver).unwrap();
        connection.stream.write_all(bytes).unwrap();
        assert_eq!(connection.read_answer().unwrap().status, 400);
        assert!(connection.is_closed());
    }
}

#[test]
fn a_closed_route_is_503_with_retry_after() {
    let stage = Stage::of_files();
    let operator = stage.operator(&[]);
    stage.endpoint("github", json!({"provider": "github", "secretRefs": [{"name": "missing"}]}));
    stage.expect("github", "ResolvedRefs", "False", "SecretNotFound");
    let answer = operator.send(&stage.push("github", "1"));
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    assert!(operator.counted("unavailable") >= 1.0);
    assert_eq!(operator.send(&Request::get(&stage.path("github"))).status, 405, "the method is looked at first");
}

#[test]
fn before_the_first_full_list_any_path_is_503_and_the_operator_unready() {
    let stage = Stage::new();
    // Nobody listens there yet: the list of endpoints can't be had.
    let kubeconfig = stage.folder.join("kubeconfig");
    let port = crate::support::operator::free_port();
    let text = format!(
        "apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]\n\
         contexts: [{{name: c, context: {{cluster: c}}}}]\ncurrent-context: c\n"
    );
    std::fs::write(&kubeconfig, text).unwrap();
    let operator = stage.start(&["--kubeconfig", kubeconfig.to_str().unwrap()]);
    crate::support::eventually::eventually(Duration::from_secs(10), "it serves", || match operator.readiness() {
        (503, text) if text.contains("endpoints") && !text.contains("nats") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    for path in ["/", &stage.path("github")] {
        let answer = operator.send(&Request::post(path, "x"));
        assert_eq!((answer.status, answer.header("retry-after").is_some()), (503, true), "{path}");
    }
    assert_eq!(Request::get("/livez").send(operator.admin).unwrap().status, 200, "alive all the same");
}

#[test]
fn a_log_that_nobody_reads_holds_up_no_answer() {
    let stage = Stage::of_files();
    let arguments = stage.arguments(&["--log", "debug"]);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    // The operator keeps the pipe's other end, and takes nothing out of it.
    let unread = |command: &mut Command| {
        command.stderr(Stdio::piped());
    };
    let operator = Operator::start_with(&stage.folder, &arguments, unread).ready();
    stage.github("github", json!({}));
    operator.send_until(200, "it is served", &stage.push("github", "0"));
    // A line each, of more than 100 bytes: more than the pipe holds.
    let began = Instant::now();
    for number in 1..1000 {
        assert_eq!(operator.send(&stage.push("github", &number.to_string())).status, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert_eq!(stage.count(), 1000);
}
