//! The grammar of RFC 8259: each function takes the place where something begins and gives the place behind it, or `None`
//! where the text is not JSON.
//!
//! Bytes are looked at as they are: that the text is UTF-8 is checked before. No function calls itself, so that no nesting
//! is too deep. What every member goes through is inlined, and what few do is not: both count at this size.

use std::borrow::Cow;

/// A string as it stands in the text.
#[derive(Clone, Copy)]
pub(super) enum Text<'t> {
    /// Without escapes: what is between the quotes.
    Plain(&'t str),
    /// With escapes, and with its quotes.
    Escaped(&'t str),
}

impl<'t> Text<'t> {
    /// The text that is meant; `None` with half a surrogate pair, which JSON's grammar lets through but which is no text.
    #[inline]
    pub(super) fn decode(self) -> Option<Cow<'t, str>> {
        match self {
            Self::Plain(text) => Some(Cow::Borrowed(text)),
            Self::Escaped(quoted) => unescape(quoted).map(Cow::Owned),
        }
    }
}

fn unescape(quoted: &str) -> Option<String> {
    serde_json::from_str(quoted).ok()
}

/// What has members or elements.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    Object,
    List,
}

impl Container {
    /// The one that a byte opens.
    #[inline]
    fn of(byte: u8) -> Option<Self> {
        match byte {
            b'{' => Some(Self::Object),
            b'[' => Some(Self::List),
            _ => None,
        }
    }

    fn close(self) -> u8 {
        match self {
            Self::Object => b'}',
            Self::List => b']',
        }
    }
}

/// What follows inside a container.
pub(super) enum Step {
    /// A member or an element; this is where it must begin.
    Item(usize),
    /// Nothing; this is the place behind the closing bracket.
    End(usize),
}

/// True when the whole text is one value.
pub(super) fn is_json(text: &str) -> bool {
    let text = text.as_bytes();
    value_end(text, space_end(text, 0)).is_some_and(|end| space_end(text, end) == text.len())
}

/// Passes any value.
#[inline]
pub(super) fn value_end(text: &[u8], at: usize) -> Option<usize> {
    match Container::of(*text.get(at)?) {
        Some(container) => container_end(text, at, container),
        None => plain_value_end(text, at),
    }
}

fn container_end(text: &[u8], mut at: usize, mut container: Container) -> Option<usize> {
    let mut around = Around::default();
    let mut step = first(text, at, container)?;
    loop {
        match step {
            Step::Item(item) => {
                at = item_value(text, item, container)?;
                step = match Container::of(*text.get(at)?) {
                    Some(inner) => {
                        around.enter(container);
                        container = inner;
                        first(text, at, container)?
                    }
                    None => next(text, plain_value_end(text, at)?, container)?,
                };
            }
            Step::End(end) => match around.leave() {
                Some(outer) => {
                    container = outer;
                    step = next(text, end, container)?;
                }
                None => return Some(end),
            },
        }
    }
}

/// Passes a value that is no container.
#[inline]
pub(super) fn plain_value_end(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at)? {
        b'"' => string_end(text, at),
        b't' => literal_end(text, at, b"true"),
        b'f' => literal_end(text, at, b"false"),
        b'n' => literal_end(text, at, b"null"),
        _ => number_end(text, at),
    }
}

/// Passes what stands before the value of an item.
#[inline]
fn item_value(text: &[u8], at: usize, container: Container) -> Option<usize> {
    match container {
        Container::Object => name_end(text, string_end(text, at)?),
        Container::List => Some(at),
    }
}

/// Passes the opening bracket.
#[inline]
pub(super) fn first(text: &[u8], at: usize, container: Container) -> Option<Step> {
    let at = space_end(text, at + 1);
    Some(if *text.get(at)? == container.close() { Step::End(at + 1) } else { Step::Item(at) })
}

/// Passes what stands behind a member or an element.
#[inline]
pub(super) fn next(text: &[u8], at: usize, container: Container) -> Option<Step> {
    let at = space_end(text, at);
    match *text.get(at)? {
        b',' => Some(Step::Item(space_end(text, at + 1))),
        byte if byte == container.close() => Some(Step::End(at + 1)),
        _ => None,
    }
}

/// Passes what stands between a member's name and its value.
#[inline]
pub(super) fn name_end(text: &[u8], at: usize) -> Option<usize> {
    let at = space_end(text, at);
    (*text.get(at)? == b':').then(|| space_end(text, at + 1))
}

/// Passes a string and gives it as well.
#[inline]
pub(super) fn string(text: &str, at: usize) -> Option<(Text<'_>, usize)> {
    let bytes = text.as_bytes();
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let stop = run_end(bytes, at + 1);
    if bytes.get(stop) == Some(&b'"') {
        return Some((Text::Plain(text.get(at + 1..stop)?), stop + 1));
    }
    let end = rest_of_string_end(bytes, stop)?;
    Some((Text::Escaped(text.get(at..end)?), end))
}

/// Passes white space, of which there may be none.
#[inline]
pub(super) fn space_end(text: &[u8], at: usize) -> usize {
    if text.get(at).is_some_and(|byte| *byte > b' ') { at } else { long_space_end(text, at) }
}

fn long_space_end(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = text.get(at) {
        at += 1;
    }
    at
}

#[inline]
fn string_end(text: &[u8], at: usize) -> Option<usize> {
    if *text.get(at)? != b'"' {
        return None;
    }
    let stop = run_end(text, at + 1);
    if *text.get(stop)? == b'"' { Some(stop + 1) } else { rest_of_string_end(text, stop) }
}

/// Passes the rest of a string, from where something other than a run begins.
fn rest_of_string_end(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at = run_end(text, escape_end(text, at)?),
            _ => return None,
        }
    }
}

fn escape_end(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at + 1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 2),
        b'u' => text.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit).then_some(at + 6),
        _ => None,
    }
}

/// Passes the bytes of a string that stand for themselves, eight at a time.
#[inline]
fn run_end(text: &[u8], mut at: usize) -> usize {
    let mut rest = text.get(at..).unwrap_or_default();
    while let Some((chunk, tail)) = rest.split_first_chunk() {
        let stops = stops(u64::from_le_bytes(*chunk));
        if stops != 0 {
            return at + usize::try_from(stops.trailing_zeros() / 8).unwrap_or_default();
        }
        at += 8;
        rest = tail;
    }
    short_run_end(text, at)
}

/// The same among the last bytes of the text.
fn short_run_end(text: &[u8], at: usize) -> usize {
    at + text.iter().skip(at).take_while(|byte| !matches!(byte, b'"' | b'\\' | ..b' ')).count()
}

/// The first of eight bytes that is a quote, a backslash or a control character, by the highest bit of its place. Those
/// behind it may be wrong, as a subtraction borrows from them.
#[inline]
fn stops(bytes: u64) -> u64 {
    const EACH: u64 = u64::from_le_bytes([1; 8]);
    // With its second bit turned, a quote is what follows the control characters: one comparison finds both.
    let control_or_quote = (bytes ^ (EACH * 2)).wrapping_sub(EACH * 0x21);
    let backslash = (bytes ^ (EACH * 0x5c)).wrapping_sub(EACH);
    (control_or_quote | backslash) & !bytes & (EACH << 7)
}

fn literal_end(text: &[u8], at: usize, literal: &[u8]) -> Option<usize> {
    text.get(at..)?.starts_with(literal).then_some(at + literal.len())
}

fn number_end(text: &[u8], mut at: usize) -> Option<usize> {
    if text.get(at) == Some(&b'-') {
        at += 1;
    }
    at = if text.get(at) == Some(&b'0') { at + 1 } else { digits_end(text, at)? };
    if text.get(at) == Some(&b'.') {
        at = digits_end(text, at + 1)?;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = text.get(at) {
            at += 1;
        }
        at = digits_end(text, at)?;
    }
    Some(at)
}

/// Passes digits, of which there must be one.
fn digits_end(text: &[u8], at: usize) -> Option<usize> {
    let mut end = at;
    while text.get(end).is_some_and(u8::is_ascii_digit) {
        end += 1;
    }
    (end > at).then_some(end)
}

/// The containers around another: a bit each, so that the usual depth needs no memory of its own.
#[derive(Default)]
struct Around {
    depth: usize,
    /// The innermost up to 64, the last of them lowest; an object's bit is set.
    bits: u64,
    /// The others, 64 at a time.
    outer: Vec<u64>,
}

impl Around {
    #[inline]
    fn enter(&mut self, container: Container) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.bits);
        }
        self.depth += 1;
        self.bits = self.bits << 1 | u64::from(container == Container::Object);
    }

    #[inline]
    fn leave(&mut self) -> Option<Container> {
        self.depth = self.depth.checked_sub(1)?;
        let container = if self.bits & 1 == 1 { Container::Object } else { Container::List };
        self.bits >>= 1;
        if self.depth.is_multiple_of(64) {
            self.bits = self.outer.pop().unwrap_or_default();
        }
        Some(container)
    }
}
