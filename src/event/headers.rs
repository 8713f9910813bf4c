//! The headers of a message: one block of lines that holds no byte which NATS headers can't carry.

use std::fmt::Write as _;

use async_nats::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error, StringDeserializer};

/// The header that every message begins with.
const FIRST: &str = "Nats-Msg-Id";
/// The stream that the message is for.
pub(super) const EXPECTED_STREAM: &str = "Nats-Expected-Stream";
const SEPARATOR: &str = ": ";
const LINE_END: &str = "\r\n";
/// Room for the headers of an ordinary message.
const BLOCK_BYTES: usize = 1024;

/// Names and values in the order of their making, a name as often as it has values, as they stand on the wire. Values are
/// printable ASCII, blanks and tabs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    block: String,
}

impl Headers {
    /// Begins with the message id, and goes on with what all messages of an endpoint have in common.
    pub(super) fn of(message_id: &str, common: &Self) -> Self {
        let mut headers = Self { block: String::with_capacity(BLOCK_BYTES) };
        headers.add(FIRST, message_id);
        headers.block.push_str(&common.block);
        headers
    }

    /// As they stand on the wire: to be kept, and read back by [`Self::from_block`].
    #[must_use]
    pub fn block(&self) -> &str {
        &self.block
    }

    /// Reads back a block that was kept; `None` where it is none that this program made: each line whole and printable, the
    /// message id first, and of the headers that are commands to NATS no other than ours.
    pub(super) fn from_block(block: &str) -> Option<Self> {
        let lines = block.strip_suffix(LINE_END)?.split(LINE_END);
        for (number, line) in lines.enumerate() {
            let (name, value) = line.split_once(SEPARATOR)?;
            let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
            let is_command = name.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("nats-"));
            let is_ours = if number == 0 { name == FIRST } else { name == EXPECTED_STREAM || !is_command };
            if !is_name || !is_ours || !value.bytes().all(is_printable) {
                return None;
            }
        }
        Some(Self { block: block.to_owned() })
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.block.split_terminator(LINE_END).filter_map(|line| line.split_once(SEPARATOR))
    }

    /// The first value of a name, spelt exactly so.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find_map(|(its, value)| (its == name).then_some(value))
    }

    /// What async-nats sends: `name: value` and a line end for each header of its map. That hash map of owned strings
    /// costs as much as the rest of a publish, so the whole block goes as the value of its first header. Deserialising
    /// makes a value that may hold line ends; the other ways refuse them, or panic.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "name and value are typed: nothing is left to panic on")]
    pub fn to_map(&self) -> HeaderMap {
        let block = self.block.strip_suffix(LINE_END).unwrap_or_default();
        let (_, value) = block.split_once(SEPARATOR).unwrap_or_default();
        let value: StringDeserializer<Error> = value.to_owned().into_deserializer();
        let mut map = HeaderMap::new();
        // A string always deserialises as one.
        if let Ok(value) = HeaderValue::deserialize(value) {
            map.insert(HeaderName::from_static(FIRST), value);
        }
        map
    }

    /// Takes all lines of a name out.
    pub(super) fn remove(&mut self, name: &str) {
        let is_other = |line: &&str| line.split_once(SEPARATOR).is_none_or(|(its, _)| its != name);
        self.block = self.block.split_inclusive(LINE_END).filter(is_other).collect();
    }

    /// Adds a header of ours. What its value could hold of other bytes is percent-encoded.
    pub(super) fn add(&mut self, name: &'static str, value: &str) {
        self.push(name, &[value], is_printable);
    }

    /// Adds a `CloudEvents` attribute: encoded as the NATS binding says, blanks, `"` and `%` as well.
    pub(super) fn add_attribute(&mut self, name: &'static str, value: &str) {
        self.add_attribute_of(name, &[value]);
    }

    /// Whether an attribute's value stands in a message as it is.
    pub(super) fn is_plain(value: &str) -> bool {
        all(value.as_bytes(), is_plain)
    }

    /// Adds a `CloudEvents` attribute that is put together from parts.
    pub(super) fn add_attribute_of<const N: usize>(&mut self, name: &'static str, parts: &[&str; N]) {
        self.push(name, parts, is_plain);
    }

    /// Adds a header of the request under a name that was made from its own. How many bytes that takes; none where the name
    /// is one that NATS can't carry, or where there is no room for so many: the header is left out then.
    pub(super) fn add_named(&mut self, name: &str, value: &[u8], room: usize) -> Option<usize> {
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        if !is_name || name.len() + value.len() > room {
            return None;
        }
        let start = self.block.len();
        self.block.push_str(name);
        self.block.push_str(SEPARATOR);
        match std::str::from_utf8(value) {
            Ok(text) => self.push_value(text, is_printable),
            Err(_) => self.push_encoded(value, is_printable),
        }
        self.block.push_str(LINE_END);
        let bytes = self.block.len() - start;
        if bytes > room {
            self.block.truncate(start);
            return None;
        }
        Some(bytes)
    }

    fn push(&mut self, name: &str, parts: &[&str], is_kept: impl Fn(u8) -> bool + Copy) {
        self.block.push_str(name);
        self.block.push_str(SEPARATOR);
        for part in parts {
            self.push_value(part, is_kept);
        }
        self.block.push_str(LINE_END);
    }

    fn push_value(&mut self, text: &str, is_kept: impl Fn(u8) -> bool + Copy) {
        if all(text.as_bytes(), is_kept) {
            self.block.push_str(text);
        } else {
            self.push_encoded(text.as_bytes(), is_kept);
        }
    }

    fn push_encoded(&mut self, value: &[u8], is_kept: impl Fn(u8) -> bool) {
        for &byte in value {
            if is_kept(byte) {
                self.block.push(char::from(byte));
            } else {
                // Writing to a string can't fail.
                let _ = write!(self.block, "%{byte:02X}");
            }
        }
    }
}

/// Whether all bytes are so. Looks at every one: without an early end, several are looked at at once.
fn all(value: &[u8], is_so: impl Fn(u8) -> bool) -> bool {
    value.iter().fold(true, |all, byte| all & is_so(*byte))
}

/// Printable ASCII, blank and tab.
const fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t')
}

/// U+0021 to U+007E, save `"` and `%`.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~') && byte != b'"' && byte != b'%'
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 100;

    #[test]
    fn values_are_encoded_as_their_header_asks() {
        let mut headers = Headers::of("id", &Headers::default());
        headers.add("a", "x y\t%\"\r\n\u{0}é");
        headers.add_attribute("b", "Euro € 😀 \"%\" ~!");
        headers.add_named("http-x", b"\xff\x7f ok", ROOM);
        headers.add_named("not a name", b"left out", ROOM);
        headers.add_named("http-x", b"", ROOM);
        let all: Vec<_> = headers.iter().collect();
        assert_eq!(
            all,
            [
                ("Nats-Msg-Id", "id"),
                ("a", "x y\t%\"%0D%0A%00%C3%A9"),
                // It begins as the example of the NATS binding does.
                ("b", "Euro%20%E2%82%AC%20%F0%9F%98%80%20%22%25%22%20~!"),
                ("http-x", "%FF%7F ok"),
                ("http-x", ""),
            ]
        );
    }

    #[test]
    fn the_map_is_the_block() {
        let mut headers = Headers::of("id", &Headers::default());
        headers.add_named("http-x", b"1", ROOM);
        headers.add_named("http-x", b"2", ROOM);
        let map = headers.to_map();
        let sent: String = map
            .iter()
            .flat_map(|(name, values)| {
                values.iter().map(move |value| format!("{}: {}\r\n", AsRef::<str>::as_ref(name), value.as_str()))
            })
            .collect();
        assert_eq!(sent, "Nats-Msg-Id: id\r\nhttp-x: 1\r\nhttp-x: 2\r\n");
        assert_eq!(headers.get("http-x"), Some("1"));
        assert_eq!(headers.get("nats-msg-id"), None);
    }

    #[test]
    fn a_kept_block_is_read_back_and_one_that_was_altered_is_not() {
        let mut headers = Headers::of("id", &Headers::default());
        headers.add(EXPECTED_STREAM, "WEBHOOKS");
        headers.add_named("http-x", b"1", ROOM);
        headers.add_named("http-x", b"", ROOM);
        assert_eq!(Headers::from_block(headers.block()), Some(headers));
        for altered in [
            "",
            "\r\n",
            "Nats-Msg-Id: id",
            "http-x: 1\r\nNats-Msg-Id: id\r\n",
            "Nats-Msg-Id: id\r\nhttp-x\r\n",
            "Nats-Msg-Id: id\r\nhttp-x: \u{1}\r\n",
            "Nats-Msg-Id: id\r\nhttp-x: a\nb\r\n",
            "Nats-Msg-Id: id\r\nNats-Rollup: all\r\n",
            "Nats-Msg-Id: id\r\nnats-ttl: 1s\r\n",
            "Nats-Msg-Id: id\r\nNats-Msg-Id: id2\r\n",
            "Nats-Expected-Stream: S\r\nhttp-x: 1\r\n",
        ] {
            assert_eq!(Headers::from_block(altered), None, "{altered:?}");
        }
    }

    #[test]
    fn no_value_ends_its_line() {
        let mut headers = Headers::of("a\r\nNats-Rollup: all", &Headers::default());
        headers.add_named("http-x", b"1\r\nNats-TTL: 1s\n\r", ROOM);
        headers.add_named("http-x: y\r\nNats-TTL", b"1s", ROOM);
        let names: Vec<_> = headers.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["Nats-Msg-Id", "http-x"]);
    }
}
