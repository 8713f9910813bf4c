//! What may be behind a signature that no key matches: guesses that cost too much to make for every refusal.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::route::Serving;
use crate::scheme::{Authenticates, Delivery};

/// Larger bodies are not guessed at.
pub(super) const BODY_BYTES_MAX: usize = 256 * 1024;

/// Looks for the one change that makes a refused delivery verify: the key without white space around it, or the body as it
/// may have been before something on the way altered it.
pub(super) fn find(serving: &Serving, delivery: &Delivery<'_>, now: Timestamp) -> Option<&'static str> {
    let Serving { scheme, keyring, trimmed_keyring, .. } = serving;
    if trimmed_keyring.as_ref().is_some_and(|trimmed| scheme.verify(trimmed, delivery, now).is_ok()) {
        return Some("a key matches without the white space around it: mend the Secret");
    }
    if delivery.body.is_empty() || scheme.authenticates(keyring) == Authenticates::Sender {
        return None;
    }
    let verifies = |body: &[u8]| scheme.verify(keyring, &Delivery { body, ..*delivery }, now).is_ok();
    GUESSES.iter().find(|guess| (guess.undo)(delivery.body).is_some_and(|body| verifies(&body))).map(|guess| guess.hint)
}

/// Something that may have happened to a body on the way.
struct Guess {
    /// The body as it may have been; `None` where it would be the same.
    undo: fn(&[u8]) -> Option<Cow<'_, [u8]>>,
    hint: &'static str,
}

const GUESSES: [Guess; 6] = [
    Guess { undo: without_final_newline, hint: "the body was altered on the way: a newline was added at its end" },
    Guess { undo: with_final_newline, hint: "the body was altered on the way: the newline at its end is missing" },
    Guess { undo: with_lf, hint: "the body was altered on the way: its line ends became CR LF" },
    Guess { undo: with_crlf, hint: "the body was altered on the way: its line ends became LF" },
    Guess { undo: compact_json, hint: "the body was encoded anew on the way: blanks were added to its JSON" },
    Guess { undo: spaced_json, hint: "the body was encoded anew on the way: the blanks of its JSON are missing" },
];

fn without_final_newline(body: &[u8]) -> Option<Cow<'_, [u8]>> {
    let body = body.strip_suffix(b"\n")?;
    Some(body.strip_suffix(b"\r").unwrap_or(body).into())
}

fn with_final_newline(body: &[u8]) -> Option<Cow<'_, [u8]>> {
    (!body.ends_with(b"\n")).then(|| [body, b"\n"].concat().into())
}

fn with_lf(body: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut lines = Vec::with_capacity(body.len());
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(line) => lines.extend_from_slice(&[line, b"\n"].concat()),
            None => lines.extend_from_slice(line),
        }
    }
    (lines.len() < body.len()).then(|| lines.into())
}

fn with_crlf(body: &[u8]) -> Option<Cow<'_, [u8]>> {
    let is_plain = body.contains(&b'\n') && !body.contains(&b'\r');
    is_plain.then(|| body.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(b"\r\n".as_slice()).into())
}

fn compact_json(body: &[u8]) -> Option<Cow<'_, [u8]>> {
    let compact = respace(body, b",", b":");
    (compact.len() < body.len()).then(|| compact.into())
}

/// As many languages write it: a blank behind each comma and colon.
fn spaced_json(body: &[u8]) -> Option<Cow<'_, [u8]>> {
    let spaced = respace(body, b", ", b": ");
    (spaced != body).then(|| spaced.into())
}

/// JSON with nothing but these between its tokens.
fn respace(body: &[u8], comma: &[u8], colon: &[u8]) -> Vec<u8> {
    let (mut is_text, mut is_escaped) = (false, false);
    let mut respaced = Vec::with_capacity(body.len() + body.len() / 4);
    for byte in body {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' if !is_text => {}
            b',' if !is_text => respaced.extend_from_slice(comma),
            b':' if !is_text => respaced.extend_from_slice(colon),
            other => respaced.push(*other),
        }
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            _ => {}
        }
    }
    respaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(undo: fn(&[u8]) -> Option<Cow<'_, [u8]>>, body: &str, expected: Option<&str>) {
        let undone = undo(body.as_bytes());
        assert_eq!(undone.as_deref(), expected.map(str::as_bytes), "{body:?}");
    }

    #[test]
    fn each_guess_undoes_one_change() {
        check(without_final_newline, "{}\n", Some("{}"));
        check(without_final_newline, "{}\r\n", Some("{}"));
        check(without_final_newline, "{}", None);
        check(with_final_newline, "{}", Some("{}\n"));
        check(with_final_newline, "{}\n", None);
        check(with_lf, "a\r\nb\nc\r", Some("a\nb\nc\r"));
        check(with_lf, "a\nb", None);
        check(with_crlf, "a\nb\n", Some("a\r\nb\r\n"));
        check(with_crlf, "a\r\nb\n", None);
        check(compact_json, "{ \"a, b\" : [1, \"\\\" : \"],\n\t\"c\":2 }", Some(r#"{"a, b":[1,"\" : "],"c":2}"#));
        check(compact_json, r#"{"a":1}"#, None);
        check(spaced_json, r#"{"a":[1,2],"b":":"}"#, Some(r#"{"a": [1, 2], "b": ":"}"#));
        check(spaced_json, r#"{"a": 1}"#, None);
    }
}
