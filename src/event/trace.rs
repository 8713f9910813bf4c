//! Trace context (W3C Trace Context 1, `CloudEvents` distributed tracing extension): out of a request, into a message.

use http::{HeaderMap, HeaderName};

use super::Event;
use super::headers::Headers;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// What the message has the `traceparent` as: a bare one starts a trace in nats-server.
pub(super) const PARENT: &str = "ce-traceparent";
const STATE: &str = "ce-tracestate";
/// What must be passed on by W3C Trace Context 1, section 3.3.1.5; a longer one may be left out.
const STATE_BYTES_MAX: usize = 512;

/// The request's `traceparent`, where it is valid: `00-{32 hex}-{16 hex}-{2 hex}`, lower case, neither id all zero (W3C
/// Trace Context 1).
#[must_use]
pub fn traceparent(headers: &HeaderMap) -> Option<&str> {
    let value = only(headers, &TRACEPARENT)?;
    let mut parts = value.split('-');
    let mut next = |length: usize| {
        let is_hex = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
        parts.next().filter(|part| part.len() == length).filter(is_hex)
    };
    let (version, trace, span, _flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
    let is_zero = |id: &str| id.bytes().all(|byte| byte == b'0');
    (version == "00" && !is_zero(trace) && !is_zero(span) && parts.next().is_none()).then_some(value)
}

/// The request's `tracestate`, all its lines together; `None` where it is longer than what must be passed on.
#[must_use]
pub fn tracestate(headers: &HeaderMap) -> Option<String> {
    let mut state = String::new();
    for line in headers.get_all(TRACESTATE) {
        if !state.is_empty() {
            state.push(',');
        }
        state.push_str(line.to_str().ok()?);
        if state.len() > STATE_BYTES_MAX {
            return None;
        }
    }
    (!state.is_empty()).then_some(state)
}

/// The only value of a header, where it is ASCII text.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if values.next().is_some() { None } else { first.to_str().ok() }
}

impl Event {
    /// Hands a span to whoever consumes the event, in place of the sender's. A state that a header of the message could
    /// not hold as it is, is left out.
    pub fn carry(&mut self, traceparent: &str, tracestate: &str) {
        self.headers.remove(PARENT);
        self.headers.add(PARENT, traceparent);
        if (1..=STATE_BYTES_MAX).contains(&tracestate.len()) && Headers::is_plain(tracestate) {
            self.headers.add_attribute(STATE, tracestate);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const OURS: &str = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";

    fn event(block: &str) -> Event {
        let headers = Headers::from_block(block).unwrap();
        Event { subject: "a.b".to_owned(), headers, payload: Bytes::new(), large: None, id: "1".to_owned() }
    }

    #[test]
    fn a_message_carries_one_span_in_place_of_the_senders() {
        let mut event = event("Nats-Msg-Id: 1\r\nce-traceparent: 00-theirs\r\nhttp-ce-traceparent: x\r\n");
        event.carry(OURS, "vendor=1,other=2");
        let block = format!(
            "Nats-Msg-Id: 1\r\nhttp-ce-traceparent: x\r\nce-traceparent: {OURS}\r\nce-tracestate: vendor=1,other=2\r\n"
        );
        assert_eq!(event.headers.block(), block);
    }

    #[test]
    fn a_state_that_does_not_fit_is_left_out() {
        for state in [String::new(), "a=b c".to_owned(), "a=\"\"".to_owned(), format!("a={}", "x".repeat(511))] {
            let mut event = event("Nats-Msg-Id: 1\r\n");
            event.carry(OURS, &state);
            assert_eq!(event.headers.block(), format!("Nats-Msg-Id: 1\r\nce-traceparent: {OURS}\r\n"), "{state}");
        }
    }

    #[test]
    fn the_lines_of_a_tracestate_are_one() {
        let mut headers = HeaderMap::new();
        assert_eq!(tracestate(&headers), None);
        headers.append(TRACESTATE, "a=1".parse().unwrap());
        headers.append(TRACESTATE, "b=2,c=3".parse().unwrap());
        assert_eq!(tracestate(&headers).as_deref(), Some("a=1,b=2,c=3"));
        headers.append(TRACESTATE, "x".repeat(512).parse().unwrap());
        assert_eq!(tracestate(&headers), None);
    }
}
