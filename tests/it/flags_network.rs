//! How clients reach the receiver, and whom it takes them for.

use std::fs;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::net::TcpStream;

use crate::support::eventually::eventually;
use crate::support::http::{Connection, Request};
use crate::support::operator::Operator;
use crate::support::runtime::block_on;
use crate::support::stage::Stage;
use crate::support::tls::{self, Authority};

fn serve(ranges: &[&str], flags: &[&str]) -> (Stage, Operator) {
    let stage = Stage::of_files();
    let operator = stage.operator(flags);
    stage.github("github", json!({"sourceRanges": ranges}));
    stage.ready("github");
    (stage, operator)
}

#[test]
fn behind_trusted_proxies_x_forwarded_for_tells_the_client() {
    let (stage, operator) = serve(&["203.0.113.0/24"], &["--trusted-proxies", "127.0.0.0/8,10.0.0.0/8"]);
    for (forwarded, status) in [
        (vec!["203.0.113.7"], 200),
        (vec!["203.0.113.7, 10.1.2.3"], 200),
        (vec!["203.0.113.7", "10.1.2.3"], 200),
        (vec!["198.51.100.1, 203.0.113.7"], 200),
        (vec!["203.0.113.7, 198.51.100.1"], 403),
        (vec!["203.0.113.7", "198.51.100.1, 10.0.0.1"], 403),
        (vec!["203.0.113.7, nonsense"], 403),
        (vec![], 403),
    ] {
        let mut push = stage.push("github", "1");
        for line in &forwarded {
            push = push.header("X-Forwarded-For", line);
        }
        push = push.header("Forwarded", "for=203.0.113.9");
        assert_eq!(operator.send(&push).status, status, "{forwarded:?}");
    }
}

#[test]
fn without_trusted_proxies_nobody_can_say_where_he_comes_from() {
    let (stage, operator) = serve(&["203.0.113.0/24"], &[]);
    let push =
        stage.push("github", "1").header("X-Forwarded-For", "203.0.113.7").header("Forwarded", "for=203.0.113.7");
    assert_eq!(operator.send(&push).status, 403);
}

#[test]
fn forwarded_header_chooses_which_one_is_read() {
    let flags = ["--trusted-proxies", "127.0.0.0/8", "--forwarded-header", "forwarded"];
    let (stage, operator) = serve(&["203.0.113.0/24", "2001:db8::/32"], &flags);
    for (forwarded, status) in [
        ("for=203.0.113.7", 200),
        ("for=198.51.100.1, for=203.0.113.7;proto=https", 200),
        ("for=\"[2001:db8::1]:4711\"", 200),
        ("For=203.0.113.7, for=198.51.100.1", 403),
        ("for=unknown", 403),
    ] {
        let push = stage.push("github", "1").header("Forwarded", forwarded).header("X-Forwarded-For", "198.51.100.9");
        assert_eq!(operator.send(&push).status, status, "{forwarded}");
    }
    let other = stage.push("github", "1").header("X-Forwarded-For", "203.0.113.7");
    assert_eq!(operator.send(&other).status, 403, "never both");
}

#[test]
fn the_proxy_protocol_is_required_from_trusted_proxies_and_a_fault_from_others() {
    let flags = ["--proxy-protocol", "--trusted-proxies", "127.0.0.1/32"];
    let (stage, operator) = serve(&["203.0.113.0/24"], &flags);
    let send = |header: &[u8]| {
        let mut connection = Connection::open(operator.receiver).unwrap();
        connection.write(&[header, &stage.push("github", "1").bytes()].concat()).unwrap();
        connection.read_answer().map(|answer| answer.status).ok()
    };
    assert_eq!(send(b"PROXY TCP4 203.0.113.7 127.0.0.1 4711 443\r\n"), Some(200));
    assert_eq!(send(b"PROXY TCP4 198.51.100.1 127.0.0.1 4711 443\r\n"), Some(403));
    let mut second = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    second.extend_from_slice(&[203, 0, 113, 7, 127, 0, 0, 1, 0x12, 0x67, 1, 187]);
    assert_eq!(send(&second), Some(200));
    assert_ne!(send(b""), Some(200), "a trusted proxy must say it");
    let others = ["--proxy-protocol", "--trusted-proxies", "192.0.2.1/32"];
    let (stage, operator) = serve(&["127.0.0.0/8"], &others);
    let mut connection = Connection::open(operator.receiver).unwrap();
    let header = b"PROXY TCP4 203.0.113.7 127.0.0.1 4711 443\r\n";
    connection.write(&[&header[..], &stage.push("github", "1").bytes()].concat()).unwrap();
    assert_ne!(connection.read_answer().map(|answer| answer.status).ok(), Some(200), "a fault from anyone else");
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200, "who is no proxy needs none");
}

#[test]
fn tls_is_served_and_a_renewed_certificate_without_a_restart() {
    let stage = Stage::of_files();
    let authority = Authority::new(&stage.folder);
    let served = authority.sign("served");
    let operator = stage.operator(&["--tls-cert", served.certificate_path(), "--tls-key", served.key_path()]);
    stage.github("github", json!({}));
    stage.ready("github");
    let push = stage.push("github", "1").header("Connection", "close").bytes();
    let answer = tls::exchange(operator.receiver, &authority, None, &push).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_ne!(
        stage.push("github", "2").send(operator.receiver).map(|answer| answer.status).ok(),
        Some(200),
        "no cleartext"
    );
    let before = tls::shown(operator.receiver, &authority).unwrap();
    let renewed = authority.sign("renewed");
    fs::rename(&renewed.key, &served.key).unwrap();
    fs::rename(&renewed.certificate, &served.certificate).unwrap();
    eventually(Duration::from_secs(15), "the renewed one is shown", || {
        let now = tls::shown(operator.receiver, &authority).map_err(|error| error.to_string())?;
        if now == before { Err("the old one".to_owned()) } else { Ok(()) }
    });
    // A broken file must not take down what works.
    fs::write(&served.certificate, "no certificate").unwrap();
    eventually(Duration::from_secs(15), "it is told", || {
        let log = operator.log();
        if log.contains("WARN") && log.contains("--tls-cert") { Ok(()) } else { Err(log) }
    });
    assert!(tls::shown(operator.receiver, &authority).is_ok());
}

#[test]
fn with_a_client_ca_only_its_clients_are_served() {
    let stage = Stage::of_files();
    let (authority, other) = (Authority::new(&stage.folder), Authority::new(&stage.folder));
    let served = authority.sign("served");
    let flags =
        ["--tls-cert", served.certificate_path(), "--tls-key", served.key_path(), "--tls-client-ca", &authority.path()];
    let operator = stage.operator(&flags);
    stage.github("github", json!({}));
    stage.ready("github");
    let push = stage.push("github", "1").header("Connection", "close").bytes();
    let (friend, stranger) = (authority.sign("friend"), other.sign("stranger"));
    let answer = |client| tls::exchange(operator.receiver, &authority, client, &push).unwrap_or_default();
    assert!(answer(Some(&friend)).starts_with("HTTP/1.1 200 "));
    assert_eq!(answer(Some(&stranger)), "");
    assert_eq!(answer(None), "");
    assert_eq!(stage.count(), 1);
}

async fn over_http2(operator: &Operator, request: &Request) -> Result<u16, String> {
    let stream = TcpStream::connect(operator.receiver).await.map_err(|error| error.to_string())?;
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
    let task = tokio::spawn(connection);
    let mut built = http::Request::post(format!("http://localhost{}", request.target));
    for (name, value) in &request.headers {
        built = built.header(name, value);
    }
    let built = built.body(Full::new(bytes::Bytes::from(request.body.clone()))).unwrap();
    let answer = sender.send_request(built).await.map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    let _ = answer.into_body().collect().await;
    task.abort();
    Ok(status)
}

#[test]
fn http2_is_served_with_the_flag_alone() {
    let (stage, operator) = serve(&[], &["--http2"]);
    assert_eq!(block_on(over_http2(&operator, &stage.push("github", "1"))), Ok(200));
    assert_eq!(block_on(over_http2(&operator, &stage.push("nowhere", "1"))), Ok(404));
    assert_eq!(operator.send(&stage.push("github", "2")).status, 200, "HTTP/1.1 as well");
    let (stage, operator) = serve(&[], &[]);
    assert!(block_on(over_http2(&operator, &stage.push("github", "1"))).is_err());
}
