//! The headers of a message: one text that holds no byte which NATS headers can't carry.

use std::fmt::Write as _;

use async_nats::{HeaderMap, HeaderName, HeaderValue};

/// Names and values in the order of their making, a name as often as it has values. Values are printable ASCII, blanks and
/// tabs. Kept in one text, and made into the client's map for each try to publish: that map can't be sent twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    text: String,
    /// Each name, and where its value ends in the text.
    parts: Vec<(HeaderName, usize)>,
}

impl Headers {
    pub(super) fn with_room() -> Self {
        Self { text: String::with_capacity(1024), parts: Vec::with_capacity(24) }
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.spans().map(|(name, value)| (AsRef::<str>::as_ref(name), value))
    }

    /// The first value of a name, spelt exactly so.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find_map(|(its, value)| (its == name).then_some(value))
    }

    /// The map that async-nats sends.
    #[must_use]
    pub fn to_map(&self) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in self.spans() {
            // Never refused: the text holds neither CR nor LF.
            if let Ok(value) = value.parse::<HeaderValue>() {
                map.append(name.clone(), value);
            }
        }
        map
    }

    fn spans(&self) -> impl Iterator<Item = (&HeaderName, &str)> {
        let mut from = 0;
        self.parts.iter().map(move |(name, end)| {
            let value = self.text.get(from..*end).unwrap_or_default();
            from = *end;
            (name, value)
        })
    }

    /// Adds a header of ours. What its value could hold of other bytes is percent-encoded.
    pub(super) fn add(&mut self, name: &'static str, value: &str) {
        self.push(HeaderName::from_static(name), value.as_bytes(), is_printable);
    }

    /// Adds a header of ours whose value is formatted.
    pub(super) fn add_shown(&mut self, name: &'static str, value: &impl std::fmt::Display) {
        self.add(name, &value.to_string());
    }

    /// Adds a `CloudEvents` attribute: encoded as the NATS binding says, blanks, `"` and `%` as well.
    pub(super) fn add_attribute(&mut self, name: &'static str, value: &str) {
        self.push(HeaderName::from_static(name), value.as_bytes(), is_plain);
    }

    /// Adds a header of the request under a name that was made from its own; a name that NATS can't carry is left out.
    pub(super) fn add_named(&mut self, name: &str, value: &[u8]) {
        if let Ok(name) = name.parse() {
            self.push(name, value, is_printable);
        }
    }

    fn push(&mut self, name: HeaderName, value: &[u8], is_kept: fn(u8) -> bool) {
        for &byte in value {
            if is_kept(byte) {
                self.text.push(char::from(byte));
            } else {
                // Writing to a string can't fail.
                let _ = write!(self.text, "%{byte:02X}");
            }
        }
        self.parts.push((name, self.text.len()));
    }
}

/// How many bytes a value takes in the message.
pub(super) fn bytes_of(value: &[u8]) -> usize {
    value.iter().map(|byte| if is_printable(*byte) { 1 } else { 3 }).sum()
}

/// Printable ASCII, blank and tab.
fn is_printable(byte: u8) -> bool {
    byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t')
}

/// U+0021 to U+007E, save `"` and `%`.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'"' && byte != b'%'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_as_their_header_asks() {
        let mut headers = Headers::default();
        headers.add("a", "x y\t%\"\r\n\u{0}é");
        headers.add_attribute("b", "Euro € 😀 \"%\" ~!");
        headers.add_named("http-x", b"\xff\x7f ok");
        headers.add_named("not a name", b"left out");
        headers.add_named("http-x", b"");
        let all: Vec<_> = headers.iter().collect();
        assert_eq!(
            all,
            [
                ("a", "x y\t%\"%0D%0A%00%C3%A9"),
                // It begins as the example of the NATS binding does.
                ("b", "Euro%20%E2%82%AC%20%F0%9F%98%80%20%22%25%22%20~!"),
                ("http-x", "%FF%7F ok"),
                ("http-x", ""),
            ]
        );
    }

    #[test]
    fn the_map_has_all_values_of_a_name() {
        let mut headers = Headers::default();
        headers.add_named("http-x", b"1");
        headers.add("Nats-Msg-Id", "id");
        headers.add_named("http-x", b"2");
        let map = headers.to_map();
        assert_eq!(map.len(), 2);
        assert_eq!(map.get_all("http-x").map(HeaderValue::as_str).collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(map.get("Nats-Msg-Id").map(HeaderValue::as_str), Some("id"));
        assert_eq!(headers.get("http-x"), Some("1"));
        assert_eq!(headers.get("nats-msg-id"), None);
    }
}
