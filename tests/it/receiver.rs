//! The receiver's answers, on a real port: which, in which order, and that each request is counted once.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use jethook::outcome::{NotStored, Outcome};
use jethook::route::{BodyLimits, Filter, Routes, State};
use serde_json::json;

use crate::support::eventually::eventually;
use crate::support::http::{Connection, Request};
use crate::support::receiver::{Bench, TOKEN, delivery, serving_mut, token_in_header};
use crate::support::sign::hmac_sha256;

#[track_caller]
fn check(bench: &Bench, request: &Request, status: u16, body: &str) {
    let answer = bench.send(request);
    assert_eq!((answer.status, answer.text().as_str()), (status, body), "{} {}", request.method, request.target);
}

/// One request more is counted under this outcome.
#[track_caller]
fn check_counted(bench: &Bench, request: &Request, status: u16, outcome: Outcome) {
    let before = bench.counted("hook", outcome);
    let answer = bench.send(request);
    assert_eq!(answer.status, status, "{}", answer.text());
    let counted = || match bench.counted("hook", outcome) - before {
        1 => Ok(()),
        other => Err(format!("{other} times {}", outcome.label())),
    };
    eventually(Duration::from_secs(5), "counted once", counted);
}

#[test]
fn a_delivery_with_the_right_token_is_stored_once() {
    let bench = Bench::start(&[]);
    let first = delivery(r#"{"a":1}"#).header("X-Id", "one").header("X-Event", "order.paid");
    check_counted(&bench, &first, 200, Outcome::Stored);
    check(&bench, &first, 200, "{\"status\":\"duplicate\",\"id\":\"one\"}\n");
    check(&bench, &first.clone().header("X-More", "1"), 200, "{\"status\":\"duplicate\",\"id\":\"one\"}\n");
    let events = bench.store.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].subject, "webhooks.shop.hook.order.paid");
    assert_eq!(bench.counted("hook", Outcome::Duplicate), 2);
    let page = bench.metrics.render(jiff::Timestamp::now());
    assert!(page.contains(r#"jethook_key_last_used_timestamp_seconds{namespace="shop",endpoint="hook",secret="hook""#));
    assert!(page.contains(r#"jethook_last_stored_timestamp_seconds{namespace="shop",endpoint="hook"}"#));
    assert!(page.contains(r#"jethook_delivery_duration_seconds_count{provider="custom"} 3"#), "{page}");
    assert!(page.contains("jethook_body_bytes_count 3"), "{page}");
}

#[test]
fn the_payload_is_the_body_byte_for_byte() {
    let bench = Bench::start(&[]);
    let all: Vec<u8> = (0..=255).collect();
    let bodies: Vec<Vec<u8>> = vec![
        Vec::new(),
        vec![0],
        b"\xef\xbb\xbf{}\r\n".to_vec(),
        b"\xff\xfe\xc3\x28".to_vec(),
        all.repeat(40),
        all.repeat(2000),
        vec![7; 1 << 20],
    ];
    for body in &bodies {
        assert_eq!(bench.send(&delivery(body.clone())).status, 200);
    }
    // The same in chunks: of a byte, and of some thousands.
    for (body, size) in [(&bodies[4], 1), (&bodies[5], 4096)] {
        let mut connection = Connection::open(bench.address).unwrap();
        let head =
            format!("POST /shop/hook HTTP/1.1\r\nHost: x\r\nX-Token: {TOKEN}\r\nTransfer-Encoding: chunked\r\n\r\n");
        let mut bytes = head.into_bytes();
        for chunk in body.chunks(size) {
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        connection.write(&bytes).unwrap();
        assert_eq!(connection.read_answer().unwrap().status, 200);
    }
    let events = bench.store.events();
    let expected = bodies.iter().chain([&bodies[4], &bodies[5]]);
    assert_eq!(events.len(), bodies.len() + 2);
    for (event, body) in events.iter().zip(expected) {
        assert_eq!(event.payload, body);
    }
    drop(events);
}

#[test]
fn only_the_exact_raw_path_leads_to_a_route() {
    let bench = Bench::start(&[]);
    for path in [
        "/",
        "/shop",
        "/shop/hook/",
        "//shop/hook",
        "/shop/hook/x",
        "/shop/./hook",
        "/shop/x/../hook",
        "/shop/hoo%6b",
        "/shop/hook%00",
        "/shop/hook;a=1",
        "/SHOP/hook",
        "/shop/hookx",
    ] {
        let request = Request::post(path, "{}").header("X-Token", TOKEN);
        check(&bench, &request, 404, "{\"error\":\"no such path\"}\n");
    }
    assert!(bench.store.events().is_empty());
    let page = bench.metrics.render(jiff::Timestamp::now());
    let unclaimed = r#"jethook_deliveries_total{namespace="",endpoint="",provider="",outcome="not_found"} 12"#;
    assert!(page.contains(unclaimed), "{page}");
    // A query is not part of the path, and an absolute form names it as well.
    for target in ["/shop/hook?a=1", "http://evil.example/shop/hook"] {
        assert_eq!(bench.send(&Request::post(target, "{}").header("X-Token", TOKEN)).status, 200, "{target}");
    }
}

#[test]
fn before_the_first_full_list_any_path_is_503() {
    let bench = Bench::start(&[]);
    bench.routes.store(jethook::route::Table::default());
    for path in ["/shop/hook", "/unknown"] {
        let answer = bench.send(&Request::post(path, "{}"));
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    }
    let _: &Routes = &bench.routes;
}

#[test]
fn a_wrong_token_is_401_with_one_body_for_all() {
    let bench = Bench::start(&[]);
    let refused = "{\"error\":\"signature, token or time not valid\"}\n";
    check_counted(&bench, &Request::post("/shop/hook", "{}"), 401, Outcome::Unauthorized);
    for token in ["", "sesam", "sesamE", "sesame1"] {
        check(&bench, &Request::post("/shop/hook", "{}").header("X-Token", token), 401, refused);
    }
    let twice = delivery("{}").header("X-Token", TOKEN);
    check_counted(&bench, &twice, 400, Outcome::Malformed);
    assert!(bench.store.events().is_empty());
}

#[test]
fn methods_that_the_route_does_not_take_are_405_with_allow() {
    let bench = Bench::start(&[]);
    for method in ["GET", "PUT", "OPTIONS", "BREW"] {
        let answer = bench.send(&Request::new(method, "/shop/hook"));
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method}");
    }
    // Before that comes the path.
    assert_eq!(bench.send(&Request::get("/shop/unknown")).status, 404);
}

#[test]
fn suspended_and_closed_routes_are_503_and_read_nothing_else() {
    let bench = Bench::start(&[]);
    for (state, outcome, seconds) in
        [(State::Suspended, Outcome::Suspended, "60"), (State::Closed, Outcome::Unavailable, "5")]
    {
        let mut route = bench.route("hook", &token_in_header());
        route.state = state;
        bench.serve(vec![route]);
        check_counted(&bench, &delivery("{}"), 503, outcome);
        assert_eq!(bench.send(&delivery("{}")).header("retry-after"), Some(seconds));
        assert_eq!(bench.send(&Request::get("/shop/hook")).status, 405);
    }
}

#[test]
fn addresses_outside_the_source_ranges_are_403_before_anything_is_read() {
    let bench = Bench::start(&[]);
    let mut route = bench.route("hook", &token_in_header());
    serving_mut(&mut route).source_ranges = vec!["192.0.2.0/24".parse().unwrap()];
    bench.serve(vec![route]);
    check_counted(&bench, &delivery("{}"), 403, Outcome::Forbidden);
    // The size is looked at later.
    assert_eq!(bench.send(&delivery("{}").header("Content-Encoding", "gzip")).status, 403);
}

#[test]
fn behind_trusted_proxies_the_forwarded_address_counts() {
    for (header, inside, outside) in [
        ("X-Forwarded-For", "192.0.2.9", "192.0.2.9, 203.0.113.1"),
        ("Forwarded", "for=192.0.2.9", "for=192.0.2.9, for=203.0.113.1"),
    ] {
        let kind = if header == "Forwarded" { "forwarded" } else { "x-forwarded-for" };
        let bench = Bench::start(&["--trusted-proxies", "127.0.0.0/8", "--forwarded-header", kind]);
        let mut route = bench.route("hook", &token_in_header());
        serving_mut(&mut route).source_ranges = vec!["192.0.2.0/24".parse().unwrap()];
        bench.serve(vec![route]);
        for (value, status) in [(inside, 200), (outside, 403)] {
            assert_eq!(bench.send(&delivery("{}").header(header, value)).status, status, "{value}");
        }
        let other = if header == "Forwarded" { "X-Forwarded-For" } else { "Forwarded" };
        assert_eq!(bench.send(&delivery("{}").header(other, "192.0.2.9")).status, 403);
    }
    // Nobody is trusted by default.
    let bench = Bench::start(&[]);
    let mut route = bench.route("hook", &token_in_header());
    serving_mut(&mut route).source_ranges = vec!["192.0.2.0/24".parse().unwrap()];
    bench.serve(vec![route]);
    assert_eq!(bench.send(&delivery("{}").header("X-Forwarded-For", "192.0.2.9")).status, 403);
}

#[test]
fn a_body_over_the_limit_is_413_and_names_both_limits() {
    let bench = Bench::start(&[]);
    let mut route = bench.route("hook", &token_in_header());
    let serving = serving_mut(&mut route);
    serving.body_bytes_max = 1000;
    serving.limits = BodyLimits { endpoint: 2000, nats: Some(1000) };
    bench.serve(vec![route]);
    assert_eq!(bench.send(&delivery(vec![b'x'; 1000])).status, 200);
    check_counted(&bench, &delivery(vec![b'x'; 1001]), 413, Outcome::TooLarge);
    let text = bench.send(&delivery(vec![b'x'; 1001])).text();
    assert!(text.contains("2000") && text.contains("1000"), "{text}");
    // Declared, before a byte of it is there; and without a 100 where one is asked for.
    let mut connection = Connection::open(bench.address).unwrap();
    let head = "POST /shop/hook HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000000\r\nExpect: 100-continue\r\n\r\n";
    connection.write(head.as_bytes()).unwrap();
    let answer = connection.read_answer().unwrap();
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    // Not declared: as soon as it is over.
    let mut connection = Connection::open(bench.address).unwrap();
    let head = format!("POST /shop/hook HTTP/1.1\r\nHost: x\r\nX-Token: {TOKEN}\r\nTransfer-Encoding: chunked\r\n\r\n");
    connection.write(format!("{head}3e9\r\n{}\r\n", "x".repeat(1001)).as_bytes()).unwrap();
    assert_eq!(connection.read_answer().unwrap().status, 413);
    assert_eq!(bench.store.events().len(), 1);
}

#[test]
fn who_asks_for_100_continue_gets_it_once_the_head_is_right() {
    let bench = Bench::start(&[]);
    let mut connection = Connection::open(bench.address).unwrap();
    let head = delivery("").header("Content-Length", "2").header("Expect", "100-continue").bytes();
    connection.write(&head).unwrap();
    assert_eq!(connection.read_answer().unwrap().status, 100);
    connection.write(b"{}").unwrap();
    assert_eq!(connection.read_answer().unwrap().status, 200);
    assert_eq!(bench.store.events()[0].payload, "{}");
}

#[test]
fn encoded_bodies_are_415_unless_the_entry_signs_them() {
    let bench = Bench::start(&[]);
    check_counted(&bench, &delivery("{}").header("Content-Encoding", "gzip"), 415, Outcome::Malformed);
    assert_eq!(bench.send(&delivery("{}").header("Content-Encoding", "Identity")).status, 200);
    let mut verification = token_in_header();
    verification["encoded"] = json!(true);
    bench.serve(vec![bench.route("hook", &verification)]);
    assert_eq!(bench.send(&delivery("\x1f").header("Content-Encoding", "gzip")).status, 200);
}

#[test]
fn two_hosts_are_400_and_the_host_is_not_looked_at_otherwise() {
    let bench = Bench::start(&[]);
    let two = delivery("{}").header("Host", "a").header("Host", "a");
    let answer = bench.send(&two);
    assert_eq!((answer.status, answer.text().as_str()), (400, "{\"error\":\"more than one Host header\"}\n"));
    assert_eq!(bench.send(&delivery("{}").header("Host", "evil.example")).status, 200);
}

#[test]
fn long_uris_are_414_and_large_header_blocks_431() {
    let bench = Bench::start(&[]);
    let target = |bytes: usize| format!("/shop/hook?{}", "a".repeat(bytes - "/shop/hook?".len()));
    let send = |request: &Request| bench.send(&request.clone().header("X-Token", TOKEN)).status;
    assert_eq!(send(&Request::post(&target(8192), "{}")), 200);
    assert_eq!(send(&Request::post(&target(8193), "{}")), 414);
    assert_eq!(send(&Request::post(&target(30_000), "{}")), 414);
    let filler = |bytes: usize| Request::post("/shop/hook", "{}").header("X-Filler", &"a".repeat(bytes));
    assert_eq!(send(&filler(32_000)), 200);
    assert_eq!(send(&filler(33_000)), 431);
    assert_eq!(send(&filler(200_000)), 431);
    let mut many = Request::post("/shop/hook", "{}");
    for number in 0..101 {
        many = many.header(&format!("X-{number}"), "1");
    }
    assert_eq!(send(&many), 431);
    assert_eq!(bench.store.events().len(), 2);
}

#[test]
fn what_is_no_http_is_400_and_closed() {
    let bench = Bench::start(&[]);
    for bad in [
        "POST /shop/hook HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
        "POST /shop/hook HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n{}",
        "POST /shop/hook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n{}",
        "POST /shop/hook HTTP/1.1\r\nHost: x\r\nX-Token : sesame\r\n\r\n",
        "POST /shop/hook HTTP/1.1\r\nHost: x\r\nA: b\r\n c: d\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n",
        "PROXY TCP4 203.0.113.9 10.0.0.1 4711 80\r\nPOST /shop/hook HTTP/1.1\r\n\r\n",
    ] {
        let mut connection = Connection::open(bench.address).unwrap();
        connection.write(bad.as_bytes()).unwrap();
        assert_eq!(connection.read_answer().unwrap().status, 400, "{bad:?}");
        assert!(connection.is_closed());
    }
    assert!(bench.store.events().is_empty());
}

#[test]
fn over_the_rate_verified_deliveries_are_429_and_others_do_not_count() {
    let bench = Bench::start(&[]);
    let mut route = bench.route("hook", &token_in_header());
    let quota = governor::Quota::per_second(NonZeroU32::MIN).allow_burst(NonZeroU32::new(2).unwrap());
    serving_mut(&mut route).rate = Some(Arc::new(governor::RateLimiter::direct(quota)));
    bench.serve(vec![route]);
    for _ in 0..5 {
        assert_eq!(bench.send(&Request::post("/shop/hook", "{}")).status, 401);
    }
    assert_eq!(bench.send(&delivery("{}")).status, 200);
    assert_eq!(bench.send(&delivery("{}")).status, 200);
    let answer = bench.send(&delivery("{}"));
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1")));
    assert_eq!(bench.counted("hook", Outcome::RateLimited), 1);
    assert_eq!(bench.store.events().len(), 2);
}

#[test]
fn events_that_nobody_asked_for_are_answered_and_not_stored() {
    let bench = Bench::start(&[]);
    let mut route = bench.route("hook", &token_in_header());
    serving_mut(&mut route).filter = Filter::parse(&["order.*".to_owned()]).unwrap();
    bench.serve(vec![route]);
    let event = |name: &str| delivery("{}").header("X-Event", name);
    check(&bench, &event("user.created"), 200, "{\"status\":\"ignored\"}\n");
    check_counted(&bench, &event("user.created"), 200, Outcome::Filtered);
    check_counted(&bench, &event("order.paid"), 200, Outcome::Stored);
    assert_eq!(bench.store.events().len(), 1);
}

#[test]
fn an_entry_answers_and_greets_in_its_own_words() {
    let bench = Bench::start(&[]);
    let mut verification = token_in_header();
    verification["answer"] = json!({"contentType": "text/xml", "body": "<Ack/>"});
    verification["handshakes"] = json!([{
        "method": "GET", "unsigned": true, "when": {"query:challenge": []}, "answer": {"body": "{query:challenge}"},
    }]);
    bench.serve(vec![bench.route("hook", &verification)]);
    let answer = bench.send(&delivery("{}"));
    assert_eq!((answer.status, answer.text().as_str()), (200, "<Ack/>"));
    assert_eq!(answer.header("content-type"), Some("text/xml"));
    check_counted(&bench, &Request::get("/shop/hook?challenge=abc"), 200, Outcome::Handshake);
    let answer = bench.send(&Request::get("/shop/hook?challenge=abc"));
    assert_eq!(answer.text(), "abc");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(bench.store.events().len(), 1);
}

#[test]
fn a_handshake_without_a_signature_is_read_from_small_bodies_only() {
    let bench = Bench::start(&[]);
    let mut verification = token_in_header();
    verification["handshakes"] = json!([{
        "method": "POST", "unsigned": true, "when": {"json:/type": ["verify"]}, "answer": {"body": "{json:/challenge}"},
    }]);
    bench.serve(vec![bench.route("hook", &verification)]);
    let greeting = |filler: usize| {
        Request::post("/shop/hook", json!({"type": "verify", "challenge": "abc", "x": "x".repeat(filler)}).to_string())
    };
    check(&bench, &greeting(0), 200, "abc");
    check(&bench, &greeting(8000), 200, "abc");
    assert_eq!(bench.send(&greeting(8192)).status, 401);
    assert_eq!(bench.send(&Request::post("/shop/hook", r#"{"type":"other"}"#)).status, 401);
    assert_eq!(bench.counted("hook", Outcome::Handshake), 2);
    assert!(bench.store.events().is_empty());
}

#[test]
fn what_is_not_stored_is_503_with_retry_after() {
    let bench = Bench::start(&[]);
    for (failure, status, outcome) in [
        (NotStored::Disconnected, 503, Outcome::Unavailable),
        (NotStored::StreamFull, 503, Outcome::Unavailable),
        (NotStored::Overloaded, 503, Outcome::Overloaded),
        (NotStored::TooLarge { limit: 1 << 20 }, 413, Outcome::TooLarge),
    ] {
        bench.store.fail(failure);
        check_counted(&bench, &delivery("{}"), status, outcome);
        assert_eq!(bench.send(&delivery("{}")).header("retry-after").is_some(), status == 503);
    }
    assert!(bench.store.events().is_empty());
}

#[test]
fn a_path_token_is_taken_from_one_more_segment_and_never_told() {
    let mut bench = Bench::start(&[]);
    bench.serve(vec![bench.route("hook", &json!({"token": {"from": ["pathToken"]}}))]);
    assert_eq!(bench.send(&Request::post("/shop/hook/sesame", "{}")).status, 200);
    for path in ["/shop/hook/sesamE", "/shop/hook"] {
        assert_eq!(bench.send(&Request::post(path, "{}")).status, 401);
    }
    assert_eq!(bench.send(&Request::post("/shop/hook/x/sesame", "{}")).status, 404);
    let notice = bench.notices.try_recv().unwrap();
    assert_eq!(&*notice.endpoint.name, "hook");
    assert_eq!(notice.cause, "no_key_matched");
    assert!(!notice.reason.contains("sesam"), "{notice:?}");
}

#[test]
fn guessing_addresses_get_429_where_the_operator_says_so_and_right_tokens_never() {
    let bench = Bench::start(&["--refusals-per-second", "2"]);
    let guess = || bench.send(&Request::post("/shop/unknown", "{}"));
    // A second may begin between two of them.
    let limited = (0..6).map(|_| guess()).filter(|answer| answer.status == 429).collect::<Vec<_>>();
    assert!(!limited.is_empty());
    assert_eq!(limited[0].header("retry-after"), Some("1"));
    assert_eq!(bench.send(&delivery("{}")).status, 200);
    let bench = Bench::start(&[]);
    assert!((0..20).all(|_| bench.send(&Request::post("/shop/unknown", "{}")).status == 404));
}

#[test]
fn a_sender_that_hangs_up_does_not_cancel_its_publish() {
    let bench = Bench::start(&[]);
    bench.store.hold();
    let mut connection = Connection::open(bench.address).unwrap();
    connection.write(&delivery("{}").bytes()).unwrap();
    let begun = || if bench.store.begun() == 1 { Ok(()) } else { Err("not begun".to_owned()) };
    eventually(Duration::from_secs(5), "the publish begins", begun);
    drop(connection);
    // Another request on either worker shows that the hang-up has been seen.
    assert_eq!(bench.send(&Request::get("/")).status, 404);
    bench.store.release();
    let stored = || match bench.counted("hook", Outcome::Stored) {
        1 => Ok(()),
        other => Err(format!("{other} stored")),
    };
    eventually(Duration::from_secs(5), "counted as stored", stored);
    assert_eq!(bench.store.events().len(), 1);
    assert_eq!(bench.counted("hook", Outcome::Malformed), 0);
}

#[test]
fn a_sender_that_hangs_up_in_its_body_is_counted_as_malformed() {
    let bench = Bench::start(&[]);
    let mut connection = Connection::open(bench.address).unwrap();
    connection.write(&delivery("{}").header("Content-Length", "100").bytes()).unwrap();
    drop(connection);
    let counted = || match bench.counted("hook", Outcome::Malformed) {
        1 => Ok(()),
        other => Err(format!("{other} malformed")),
    };
    eventually(Duration::from_secs(5), "counted once", counted);
    assert!(bench.store.events().is_empty());
}

#[test]
fn a_panic_is_500_and_ends_nothing_else() {
    let bench = Bench::start(&["--workers", "1"]);
    bench.store.panic(true);
    for _ in 0..3 {
        let answer = bench.send(&delivery("{}"));
        assert_eq!((answer.status, answer.text().as_str()), (500, "{\"error\":\"internal error\"}\n"));
    }
    assert_eq!(bench.counted("hook", Outcome::Unavailable), 3);
    bench.store.panic(false);
    assert_eq!(bench.send(&delivery("{}")).status, 200);
    let large = delivery(vec![b'x'; 500_000]);
    assert_eq!(bench.send(&large).status, 200);
}

#[test]
fn refusals_are_told_by_cause_and_not_without_end() {
    let mut bench = Bench::start(&[]);
    for _ in 0..200 {
        assert_eq!(bench.send(&Request::post("/shop/hook", "{}")).status, 401);
    }
    assert_eq!(bench.send(&Request::post("/shop/unknown", "{}")).status, 404);
    let mut notices = Vec::new();
    while let Ok(notice) = bench.notices.try_recv() {
        notices.push(notice);
    }
    // Ten a second, and the 200 may have taken some.
    assert!((10..64).contains(&notices.len()), "{}", notices.len());
    assert!(notices.iter().all(|notice| notice.cause == "missing" && notice.reason == "header:X-Token is missing"));
}

/// What the first refusal of a signed delivery is told to come from.
fn reason(key: &str, sent: &str, signed: &str) -> String {
    let mut bench = Bench::start(&[]);
    let verification = json!({"hmac": {"hash": "sha256", "from": ["header:X-Sig"], "signed": "{body}"}});
    let mut route = bench.route("hook", &verification);
    let scheme = &serving_mut(&mut route).scheme;
    let ring = |secret: &str| {
        let key = jethook::scheme::Key { index: 0, r#use: "signing".to_owned(), secret: secret.into() };
        scheme.keyring(vec![key]).0
    };
    let (keyring, trimmed) = (ring(key), ring(key.trim()));
    let serving = serving_mut(&mut route);
    (serving.keyring, serving.trimmed_keyring) = (keyring, Some(trimmed));
    bench.serve(vec![route]);
    let signature = data_encoding::HEXLOWER.encode(&hmac_sha256(b"sesame", &[signed.as_bytes()]));
    let request = Request::post("/shop/hook", sent).header("X-Sig", &signature);
    assert_eq!(bench.send(&request).status, 401);
    let first = bench.notices.try_recv().unwrap().reason;
    // Once a minute is enough.
    assert_eq!(bench.send(&request).status, 401);
    assert_eq!(bench.notices.try_recv().unwrap().reason, "no key matched");
    assert!(bench.store.events().is_empty());
    first
}

#[test]
fn why_no_key_matches_is_found_out_for_the_admin() {
    let json = r#"{"a":[1,2]}"#;
    assert_eq!(reason("sesame", json, "something else"), "no key matched");
    assert!(reason("sesame", r#"{"a": [1, 2]}"#, json).contains("encoded anew on the way"));
    assert!(reason("sesame", json, r#"{"a": [1, 2]}"#).contains("encoded anew on the way"));
    assert!(reason("sesame", "{}\n", "{}").contains("a newline was added"));
    assert!(reason(" sesame ", json, json).contains("without the white space around it"));
}
