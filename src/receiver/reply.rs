//! How an answer looks on the wire. The only place that writes one.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;

use super::handle::Done;
use crate::outcome::{Outcome, Refusal};
use crate::scheme::Reply;

/// An answer.
pub(super) type Answer = Response<Full<Bytes>>;

/// What becomes of the connection behind an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connection {
    Keep,
    Close,
}

/// The answer to a request that ended so.
pub(super) fn answer(result: Result<Done, Refusal>, connection: Connection) -> Answer {
    let mut answer = match result {
        Ok(Done::Stored { reply: Some(reply), .. } | Done::Filtered { reply: Some(reply) } | Done::Greeted(reply)) => {
            own(reply)
        }
        Ok(Done::Stored { outcome, id, reply: None }) => stored(outcome, &id),
        Ok(Done::Filtered { reply: None }) => json(StatusCode::OK, r#"{"status":"ignored"}"#.to_owned()),
        Err(refusal) => refused(&refusal),
    };
    if connection == Connection::Close {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

fn stored(outcome: Outcome, id: &str) -> Answer {
    let mut line = String::with_capacity(id.len() + 40);
    line.push_str(r#"{"status":""#);
    line.push_str(outcome.label());
    line.push_str(r#"","id":"#);
    // Nearly every id is a text in which JSON escapes nothing.
    if id.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
        line.push('"');
        line.push_str(id);
        line.push('"');
    } else {
        line.push_str(&serde_json::Value::from(id).to_string());
    }
    line.push('}');
    json(StatusCode::OK, line)
}

fn refused(refusal: &Refusal) -> Answer {
    let message = serde_json::Value::from(refusal.message());
    let mut answer = json(refusal.status(), format!(r#"{{"error":{message}}}"#));
    if let Some(after) = refusal.retry_after() {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds(after)));
    }
    if let Refusal::Method(methods) = refusal
        && let Ok(value) = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ").try_into()
    {
        answer.headers_mut().insert(ALLOW, value);
    }
    answer
}

/// Whole seconds, rounded up: after them it is not too early.
fn seconds(after: Duration) -> u64 {
    (after.as_secs() + u64::from(after.subsec_nanos() > 0)).max(1)
}

fn json(status: StatusCode, mut line: String) -> Answer {
    line.push('\n');
    let mut answer = Response::new(Full::new(Bytes::from(line)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// An entry's own answer, or that to a handshake: it may echo what the sender chose, so no browser may guess its type.
fn own(reply: Reply) -> Answer {
    let Reply { status, content_type, headers, body, visit: _ } = reply;
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    for (name, value) in headers {
        answer.headers_mut().append(name, value);
    }
    if let Some(content_type) = content_type {
        answer.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    answer.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use http_body_util::BodyExt;

    use super::*;
    use crate::outcome::NotStored;
    use crate::scheme::Rejection;

    async fn check(result: Result<Done, Refusal>, status: u16, headers: &[(&str, &str)], body: &str) {
        let answer = answer(result, Connection::Keep);
        assert_eq!(answer.status().as_u16(), status);
        let mut found: Vec<_> =
            answer.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        found.retain(|(name, value)| (*name, *value) != ("content-type", "application/json"));
        assert_eq!(found, headers);
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), body);
    }

    #[tokio::test]
    async fn what_was_taken_is_one_line_of_json() {
        let stored = |outcome, id: &str| Ok(Done::Stored { outcome, id: id.to_owned(), reply: None });
        check(stored(Outcome::Stored, "72d3162e"), 200, &[], "{\"status\":\"stored\",\"id\":\"72d3162e\"}\n").await;
        check(stored(Outcome::Duplicate, "a\"b\n"), 200, &[], "{\"status\":\"duplicate\",\"id\":\"a\\\"b\\n\"}\n")
            .await;
        check(Ok(Done::Filtered { reply: None }), 200, &[], "{\"status\":\"ignored\"}\n").await;
    }

    #[tokio::test]
    async fn refusals_have_their_headers() {
        check(Err(Refusal::UnknownPath), 404, &[], "{\"error\":\"no such path\"}\n").await;
        let method = Refusal::Method(vec![Method::GET, Method::POST]);
        check(Err(method), 405, &[("allow", "GET, POST")], "{\"error\":\"method not allowed\"}\n").await;
        let rate = Refusal::Rate(Duration::from_millis(1200));
        check(Err(rate), 429, &[("retry-after", "2")], "{\"error\":\"too many requests\"}\n").await;
        let soon = Refusal::Rate(Duration::from_millis(3));
        check(Err(soon), 429, &[("retry-after", "1")], "{\"error\":\"too many requests\"}\n").await;
        let away = Refusal::NotStored(NotStored::StreamAway);
        check(Err(away), 503, &[("retry-after", "5")], "{\"error\":\"not stored\"}\n").await;
        let missing = Refusal::Rejected(Rejection::Missing { what: "header:X-Sig".into() });
        check(Err(missing), 401, &[], "{\"error\":\"signature, token or time not valid\"}\n").await;
    }

    #[tokio::test]
    async fn an_entry_answers_in_its_own_words() {
        let reply = Reply {
            status: StatusCode::CREATED,
            content_type: Some(HeaderValue::from_static("text/xml")),
            headers: vec![(HeaderName::from_static("x-own"), HeaderValue::from_static("1"))],
            body: Bytes::from_static(b"<Ack/>"),
            visit: None,
        };
        let headers = [("x-own", "1"), ("content-type", "text/xml"), ("x-content-type-options", "nosniff")];
        check(Ok(Done::Filtered { reply: Some(reply.clone()) }), 201, &headers, "<Ack/>").await;
        let stored = Done::Stored { outcome: Outcome::Stored, id: String::new(), reply: Some(reply.clone()) };
        check(Ok(stored), 201, &headers, "<Ack/>").await;
        check(Ok(Done::Greeted(reply)), 201, &headers, "<Ack/>").await;
    }

    #[test]
    fn a_connection_that_is_to_end_says_so() {
        let answer = answer(Err(Refusal::Closed), Connection::Close);
        assert_eq!(answer.headers()[CONNECTION], "close");
    }
}
