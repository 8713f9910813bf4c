//! Attacks 18 to 24: HTTP itself.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::canary::{CANARY, assert_absent};
use crate::field::{Field, key};
use crate::report::attack;
use crate::scale;
use crate::signatures::BODY;
use crate::support::http::{Connection, Request};
use crate::support::sign::{self, github_signature, hmac_sha256};

/// What a handful of slow senders may cost the others: generous, for a machine that is busy with other tests.
const SLOWEST: Duration = Duration::from_millis(1500);

#[test]
fn attack_18_slow_senders() {
    attack(18, "slow headers, slow bodies, silence, by the hundred", |tried| {
        let field = Field::github(tried, &["--header-timeout", "3s"], json!({}));
        let number = scale::of(300, 2000);
        let head = field.push("slow", vec![b'x'; 100_000]).bytes();
        let starts: [&[u8]; 3] = [b"", b"POST / HTTP/1.1\r\nHost: x\r\nX-", &head[..head.len() - 99_990]];
        let mut slow: Vec<Connection> = (0..number)
            .map(|at| {
                let mut connection = Connection::open(field.operator.receiver).unwrap();
                connection.write(starts[at % 3]).unwrap();
                connection
            })
            .collect();
        let began = Instant::now();
        let mut slowest = Duration::ZERO;
        let mut sent = 0;
        while began.elapsed() < Duration::from_secs(4) {
            let at = Instant::now();
            assert_eq!(field.operator.send(&field.push(&format!("{sent}"), BODY)).status, 200);
            slowest = slowest.max(at.elapsed());
            sent += 1;
            // A byte now and then does not keep a connection.
            let _ = slow[sent % number].stream.write(b"x");
        }
        field.also_stored(sent as u64);
        assert!(sent > 50 && slowest < SLOWEST, "{sent} deliveries, the slowest took {slowest:?}");
        assert!(field.operator.rss() < 128 << 20, "{} bytes", field.operator.rss());
        for connection in &mut slow {
            let left = Duration::from_secs(15).saturating_sub(began.elapsed()).max(Duration::from_millis(1));
            connection.stream.set_read_timeout(Some(left)).unwrap();
            // Either an answer that tells it, or nothing, and then the end.
            let is_answered = connection.read_answer().is_ok_and(|answer| answer.status == 408);
            assert!(is_answered || connection.is_closed(), "a slow connection is still open");
            field.held();
        }
        assert!(began.elapsed() < Duration::from_secs(15));
        field.unharmed();
    });
}

/// Requests that two parsers could read differently. A genuine delivery stands behind each, where a second request would be.
fn ambiguous(path: &str, smuggled: &str) -> Vec<(&'static str, Vec<u8>)> {
    let post = |rest: &str| format!("POST {path} HTTP/1.1\r\nHost: x\r\n{rest}").into_bytes();
    let mut all = vec![
        ("two lengths", post(&format!("Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}{smuggled}"))),
        ("two lengths in one", post(&format!("Content-Length: 2, 3\r\n\r\n{{}}{smuggled}"))),
        ("a length with a sign", post(&format!("Content-Length: +2\r\n\r\n{{}}{smuggled}"))),
        ("a negative length", post(&format!("Content-Length: -2\r\n\r\n{{}}{smuggled}"))),
        ("a length in hex", post(&format!("Content-Length: 0x2\r\n\r\n{{}}{smuggled}"))),
        ("a length that overflows", post(&format!("Content-Length: 99999999999999999999\r\n\r\n{{}}{smuggled}"))),
        ("an unknown coding", post(&format!("Transfer-Encoding: xchunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n{smuggled}"))),
        ("chunked, then another", post(&format!("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{smuggled}"))),
        ("a blank before the colon", post(&format!("Content-Length : 2\r\n\r\n{{}}{smuggled}"))),
        ("a folded line", post(&format!("A: b\r\n Content-Length: 2\r\n\r\n{smuggled}"))),
        ("a chunk that overflows", post(&format!("Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n{smuggled}"))),
        ("a negative chunk", post(&format!("Transfer-Encoding: chunked\r\n\r\n-1\r\n{smuggled}"))),
        ("a chunk that is no number", post(&format!("Transfer-Encoding: chunked\r\n\r\nzz\r\n{smuggled}"))),
        ("no line end behind a chunk", post(&format!("Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}XX{smuggled}"))),
        ("a NUL in a header", post(&format!("A: \0\r\n\r\n{smuggled}"))),
        ("a header without a name", post(&format!(": x\r\n\r\n{smuggled}"))),
        ("a header without a colon", post(&format!("ab\r\n\r\n{smuggled}"))),
        (
            "two hosts",
            format!("POST {path} HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 1\r\n\r\n{smuggled}").into(),
        ),
        ("an unknown version", format!("POST {path} HTTP/3.0\r\nHost: x\r\n\r\n{smuggled}").into()),
        ("no version", format!("POST {path}\r\n\r\n{smuggled}").into()),
        ("a blank in the path", format!("POST {path} x HTTP/1.1\r\nHost: x\r\n\r\n{smuggled}").into()),
        ("HTTP/2 without being asked", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec()),
        ("a PROXY line nobody asked for", format!("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n{smuggled}").into()),
        ("control characters", b"\x01\x02\x03\x04\r\n\r\n".to_vec()),
    ];
    // Both framings: the chunks count, and nothing behind them.
    all.push((
        "length and chunks",
        post(&format!("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}")),
    ));
    all
}

#[test]
fn attack_19_requests_smuggled_behind_others() {
    attack(19, "requests smuggled behind ambiguous or refused ones", |tried| {
        let field = Field::github(tried, &[], json!({}));
        let smuggled = String::from_utf8(field.push("smuggled", BODY).bytes()).unwrap();
        for (what, bytes) in ambiguous(&field.path(), &smuggled) {
            let mut connection = Connection::open(field.operator.receiver).unwrap();
            let _ = connection.write(&bytes);
            let first = connection.read_answer();
            if let Ok(answer) = &first {
                assert!((400..500).contains(&answer.status), "{what}: {}", answer.status);
            }
            let next = connection.read_answer();
            assert!(next.is_err(), "{what}: {next:?} behind {first:?}");
            field.held();
            field.nothing_stored(what);
        }
        // Behind a body that was refused before it was read, which may hold what looks like a request.
        let large = Request::post("/unknown", "x").header("Content-Length", "5000").bytes();
        let mut connection = Connection::open(field.operator.receiver).unwrap();
        connection.write(&[&large[..], smuggled.as_bytes()].concat()).unwrap();
        assert_eq!(connection.read_answer().unwrap().status, 404);
        assert!(connection.read_answer().is_err(), "the body of a refused request was read as another one");
        field.held();
        field.accepts("by itself", &field.push("smuggled", BODY));
        field.unharmed();
    });
}

#[test]
fn attack_20_bodies_around_the_limit_and_lengths_that_lie() {
    attack(20, "bodies around the limit, lengths that lie, no length", |tried| {
        let field = Field::github(tried, &[], json!({"limits": {"maxBodySize": "10000"}}));
        let sized = |bytes: usize| format!("[\"{}\"]", "a".repeat(bytes.saturating_sub(4))).into_bytes();
        field.accepts("one below", &field.push("1", sized(9_999)));
        field.accepts("at the limit", &field.push("2", sized(10_000)));
        field.refuses("one above", &field.push("3", sized(10_001)), &[413]);
        let huge = field.push("4", "").header("Content-Length", "3000000000").header("Expect", "100-continue");
        field.refuses("3 GB announced", &huge, &[413]);
        let chunked = |sizes: &[usize], end: &str| {
            let body = sized(sizes.iter().sum());
            let signed = field.push("5", body.clone()).header("Transfer-Encoding", "chunked");
            let mut bytes = Request { body: Vec::new(), ..signed }.bytes();
            let mut rest = &body[..];
            for size in sizes {
                let (chunk, behind) = rest.split_at(*size);
                bytes.extend_from_slice(format!("{size:x}\r\n").as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
                rest = behind;
            }
            bytes.extend_from_slice(end.as_bytes());
            bytes
        };
        let over: &[(&[usize], &str)] =
            &[(&[10_001], "0\r\n\r\n"), (&[5_000, 5_000, 1], "0\r\n\r\n"), (&[9_000; 100], "")];
        for (sizes, end) in over {
            field.refuses_bytes("chunks above the limit", &chunked(sizes, end), &[413]);
        }
        for extension in [";a=b", ";a=\"\u{1}\"", "; x"] {
            let bytes = String::from_utf8(chunked(&[4], "0\r\n\r\n")).unwrap();
            let bytes = bytes.replace("\r\n4\r\n", &format!("\r\n4{extension}\r\n"));
            // Extensions mean nothing: either they are passed over or the request is refused, and no byte of them is stored.
            let mut connection = Connection::open(field.operator.receiver).unwrap();
            connection.write(bytes.as_bytes()).unwrap();
            let status = connection.read_answer().map_or(0, |answer| answer.status);
            match status {
                200 => {
                    field.also_stored(u64::from(extension == ";a=b"));
                    assert_eq!(field.stage.stored().pop().unwrap().payload, b"[\"\"]");
                }
                status => assert!([0, 400].contains(&status), "{extension}: {status}"),
            }
        }
        let right = field.push("6", BODY);
        let shorter = right.clone().header("Content-Length", &(BODY.len() - 1).to_string());
        field.refuses_bytes("a length that is too small", &shorter.bytes(), &[401, 400]);
        let mut longer = Connection::open(field.operator.receiver).unwrap();
        longer.write(&right.clone().header("Content-Length", &(BODY.len() + 1).to_string()).bytes()).unwrap();
        longer.stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(longer.read_answer().is_err() || longer.is_closed());
        field.held();
        field.refuses("encoded", &right.clone().header("Content-Encoding", "gzip"), &[415]);
        field.accepts("the right length", &right);
        field.unharmed();
    });
}

#[test]
fn attack_21_other_spellings_of_a_path() {
    attack(21, "other spellings of the path", |tried| {
        let field = Field::github(tried, &[], json!({}));
        let path = field.path();
        let (namespace, name) = path[1..].split_once('/').unwrap();
        let mut tricks: Vec<String> = [
            "{p}/",
            "/{p}",
            "//{n}/{e}",
            "/{n}//{e}",
            "/{n}/./{e}",
            "/{n}/x/../{e}",
            "/./{n}/{e}",
            "/{n}/{e}/.",
            "/{n}/{e}/..",
            "/{n}/{e};a=1",
            "/{n}/{e}%20",
            "/{n}/{e}%00",
            "/{n}%2f{e}",
            "/{n}%2F{e}",
            "/{n}/%68ook",
            "/{n}/hoo%6b",
            "/{n}/{e}/x",
            "/{n}/{e}\\",
            "\\{n}\\{e}",
            "/{n}/{e}#",
            "/{n}/hooK",
            "/{n}/{e}.json",
            "/{n}/*",
            "/{n}",
            "/",
            "*",
            "/{n}/{e}%",
            "/{n}/{e}%zz",
            "/%2e/{n}/{e}",
            "/{n}/{e}/%2e%2e/{e}",
            "/{n}/h%C3%B6ok",
            "/{n}/ho\u{2060}ok",
            "/healthz",
            "/readyz",
            "/livez",
            "/metrics",
            "/endpoints",
        ]
        .iter()
        .map(|trick| trick.replace("{p}", &path).replace("{n}", namespace).replace("{e}", name))
        .collect();
        let mut random = fastrand::Rng::with_seed(scale::seed());
        for _ in 0..scale::of(1_500, 20_000) {
            let mut bytes = path.clone().into_bytes();
            for _ in 0..=random.usize(..2) {
                let at = random.usize(1..bytes.len());
                let byte = random.u8(b'!'..=b'~');
                match random.u8(..4) {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    2 => drop(bytes.remove(at)),
                    _ => bytes.extend_from_slice(format!("%{byte:02x}").as_bytes()),
                }
            }
            tricks.push(String::from_utf8(bytes).unwrap());
        }
        // What stands behind ? is a query, and behind # too: it is not part of the path.
        tricks.retain(|trick| trick.split(['?', '#']).next() != Some(&path));
        for trick in tricks {
            let request = sign::github(&trick, &key(), "push", "1", BODY);
            field.refuses_bytes(&trick, &request.bytes(), &[404, 400, 414]);
        }
        field.nothing_stored("another spelling");
        field.accepts("the path itself", &field.push("1", BODY));
        field.unharmed();
    });
}

#[test]
fn attack_22_finding_out_which_endpoints_there_are() {
    attack(22, "what answers tell of endpoints and of keys", |tried| {
        let field = Field::github(tried, &[], json!({}));
        field.provider("other", "stripe", &key(), json!({}));
        // Paths are no secrets: an unknown one is told from a known one. But all unknown ones look alike.
        let mut unknown = BTreeSet::new();
        for path in [
            "/",
            "/x",
            "/kube-system/hook",
            &format!("/{}/nothing", field.stage.namespace),
            &format!("/{}x/hook", field.stage.namespace),
        ] {
            let answer = field.refuses(path, &sign::github(path, &key(), "push", "1", BODY), &[404]);
            unknown.insert((answer.text(), answer.headers.len()));
        }
        assert_eq!(unknown.len(), 1, "{unknown:?}");
        // And whatever is wrong with a signature, the answer is one and the same.
        let mut wrong = BTreeSet::new();
        let path = field.path();
        for request in [
            Request::post(&path, BODY),
            Request::post(&path, BODY).header("X-Hub-Signature-256", ""),
            Request::post(&path, BODY).header("X-Hub-Signature-256", "sha256=zz"),
            Request::post(&path, "no JSON").header("X-Hub-Signature-256", &github_signature("another", b"no JSON")),
            sign::github(&path, "another", "push", "1", BODY),
            sign::stripe(&field.stage.path("other"), "another", sign::now(), BODY),
            sign::stripe(&field.stage.path("other"), &key(), sign::now() - 9999, BODY),
        ] {
            let answer = field.refuses("a wrong signature", &request, &[401]);
            wrong.insert((answer.text(), answer.headers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()));
        }
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        field.accepts("with the key", &field.push("1", BODY));
        field.unharmed();
    });
}

#[test]
fn attack_23_other_methods_and_reflected_challenges() {
    attack(23, "other methods; challenges that are scripts or unproved", |tried| {
        let field = Field::github(tried, &[], json!({}));
        let mut head = Connection::open(field.operator.receiver).unwrap();
        head.write(&Request { method: "HEAD".to_owned(), ..field.push("1", "") }.bytes()).unwrap();
        let mut status = [0; 12];
        std::io::Read::read_exact(&mut head.stream, &mut status).unwrap();
        assert_eq!(&status, b"HTTP/1.1 405");
        for method in ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW", "post", "POSTX"] {
            let request = Request { method: method.to_owned(), ..field.push("1", BODY) };
            field.refuses_bytes(method, &request.bytes(), &[405, 400, 404]);
        }
        let echo = json!({"method": "GET", "unsigned": true, "when": {"query:challenge": []},
            "require": {"query:token": ["{secret:verifyToken}"]}, "refusal": 403, "answer": {"body": "{query:challenge}"}});
        let keyed = json!({"method": "GET", "unsigned": true, "when": {"query:crc": []},
            "answer": {"json": {"response": "sha256={base64:hmacSha256:query:crc}"}}});
        let verification = json!({
            "keys": {"verifyToken": {}}, "content": "json",
            "hmac": {"hash": "sha256", "from": ["header:X-Sig"]}, "handshakes": [echo, keyed],
        });
        field.serve_custom("shake", verification, &[("signing", &key()), ("verifyToken", "a verify token")]);
        let get = |query: &str| Request::get(&format!("{}?{query}", field.stage.path("shake")));
        for query in [
            "challenge=abc",
            "challenge=abc&token=",
            "challenge=abc&token=a%20verify%20toke",
            "challenge=abc&token=a%20verify%20tokenx",
            "challenge=abc&token=a%20verify%20token&token=x",
            &format!("challenge=abc&token={}", key().replace(' ', "%20")),
            "token=a%20verify%20token",
            "challenge=&token=a%20verify%20token",
            "",
        ] {
            let answer = field.refuses(query, &get(query), &[403, 401, 400, 405]);
            assert!(!answer.text().contains("abc"), "{}", answer.text());
        }
        let proved = |challenge: &str| get(&format!("challenge={challenge}&token=a%20verify%20token"));
        for challenge in ["%0d%0aSet-Cookie:%20a=b", "%00", "%C3%A9", "%1b[31m", "%7f", &"a".repeat(1025)] {
            field.refuses(challenge, &proved(challenge), &[403, 401, 400]);
        }
        let script = "%3Cscript%3Ealert(1)%3C/script%3E";
        for challenge in ["abc", script] {
            let answer = field.answers(challenge, &proved(challenge));
            assert_eq!(
                (answer.header("content-type"), answer.header("x-content-type-options")),
                (Some("text/plain"), Some("nosniff"))
            );
        }
        // An answer computed with the key must not sign what could be a body.
        for crc in ["%7B%22type%22:1%7D", "[]", "a%20b", "a.b", &"a".repeat(129), "%22", ""] {
            let answer = field.refuses(crc, &get(&format!("crc={crc}")), &[401, 403, 400, 405]);
            assert!(!answer.text().contains("sha256="));
        }
        let answer = field.answers("a plain challenge", &get("crc=abc123"));
        let mac = data_encoding::BASE64.encode(&hmac_sha256(key().as_bytes(), &[b"abc123"]));
        assert_eq!(answer.json()["response"], format!("sha256={mac}"));
        // The signature so obtained is good for nothing: the text is no JSON object.
        let hex = data_encoding::HEXLOWER.encode(&hmac_sha256(key().as_bytes(), &[b"12345"]));
        let forged = Request::post(&field.stage.path("shake"), "12345").header("X-Sig", &hex);
        field.refuses("a body made of a challenge", &forged, &[400, 401]);
        field.accepts("a delivery", &field.push("1", BODY));
        field.unharmed();
    });
}

#[test]
fn attack_24_input_repeated_in_answers() {
    attack(24, "input repeated in error answers", |tried| {
        let field = Field::github(tried, &["--refusals-per-second", "0"], json!({"limits": {"maxBodySize": "2000"}}));
        let path = field.path();
        let input = format!("{CANARY}<script>");
        let quoted = format!("{CANARY}%3Cscript%3E");
        for request in [
            Request::post(&format!("/{quoted}"), &*input),
            Request::post(&format!("{path}?{quoted}={quoted}"), &*input),
            Request::post(&path, &*input).header("X-Hub-Signature-256", &input),
            Request::post(&path, &*input).header("X-Hub-Signature-256", &input).header("X-Hub-Signature-256", &input),
            Request::post(&path, &*input).header("Content-Encoding", &input),
            Request::post(&path, &*input).header("Host", CANARY).header("Host", CANARY),
            Request::post(&path, input.repeat(100)),
            Request::new(CANARY, &path),
            Request::post(&format!("{path}?{}", input.replace(['<', '>'], "").repeat(1000)), ""),
            Request::post(&path, "").header(CANARY, &input.repeat(2000)),
            sign::github(&path, "another", &input, CANARY, &*input),
            Request::post(&format!("{path}/{quoted}"), &*input),
        ] {
            let bytes = request.bytes();
            if let Some(answer) =
                field.refuses_bytes("repeated input", &bytes, &[400, 401, 404, 405, 413, 414, 415, 431])
            {
                assert_absent("an answer", &format!("{:?}{}", answer.headers, answer.text()), CANARY);
                assert!(!answer.text().contains("script"));
                assert!(answer.text().len() < 300, "{}", answer.text());
            }
        }
        field.accepts("a delivery", &field.push("1", BODY));
        // Paths are no secrets, and the log may tell them.
        field.nothing_stored("at the end");
    });
}
