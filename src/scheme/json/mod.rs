//! The values at several pointers of a JSON body, found in one pass that checks the whole text and builds no tree.

mod found;
mod lex;
#[cfg(test)]
mod tests;
mod walk;

use std::borrow::Cow;

use data_encoding::BASE64_NOPAD;

pub(crate) use self::found::{Found, Root};
use super::matched::Match;
use super::pointer::{Pointer, Token};
use super::xml::{self, XmlPath};

/// The node where every pointer begins.
const ROOT: usize = 0;

/// The text is not JSON in UTF-8, or has more values at the pointers than are collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not valid JSON")]
pub(crate) struct NotJson;

/// Pointers, compiled to be looked up together.
#[derive(Clone, Debug)]
pub(crate) struct PointerSet {
    nodes: Vec<Node>,
    pointers: usize,
}

/// A place that one or more pointers lead to, by the same tokens.
#[derive(Clone, Debug, Default)]
struct Node {
    /// The next node by a member's name, which is an element's index as well where it is a number.
    names: Vec<(String, Option<usize>, usize)>,
    element: Option<usize>,
    json: Option<usize>,
    base64: Option<usize>,
    xml: Vec<(XmlPath, usize)>,
    first_members: Vec<(Vec<String>, usize)>,
    /// The pointers that end here.
    leaves: Vec<usize>,
    /// The pointers whose item is what stands here.
    items: Vec<usize>,
    /// The pointers that end here or further on.
    below: Vec<usize>,
}

impl Node {
    /// True when something is taken of the value here itself.
    fn is_leaf(&self) -> bool {
        !self.leaves.is_empty() || self.json.is_some() || self.base64.is_some() || !self.xml.is_empty()
    }

    /// True when pointers go on into an object here.
    fn leads_into_object(&self) -> bool {
        !self.names.is_empty() || !self.first_members.is_empty()
    }

    /// True when pointers go on into a list here.
    fn leads_into_list(&self) -> bool {
        self.element.is_some() || self.names.iter().any(|(_, index, _)| index.is_some())
    }
}

impl PointerSet {
    /// Compiles `pointers`; the results of a scan are asked for by their index here.
    pub(crate) fn new(pointers: &[Pointer]) -> Self {
        let mut set = Self { nodes: vec![Node::default()], pointers: pointers.len() };
        for (index, pointer) in pointers.iter().enumerate() {
            set.insert(index, pointer);
        }
        set
    }

    /// Reads `text` once. Where a member is there twice, a pointer to it finds both values.
    ///
    /// # Errors
    /// When any part of `text` is not JSON, looked at or not.
    pub(crate) fn scan<'a>(&self, text: &'a [u8]) -> Result<Found<'a>, NotJson> {
        let text = std::str::from_utf8(text).map_err(|_| NotJson)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let root = match text.trim_start().as_bytes().first() {
            Some(b'{') => Root::Object,
            Some(b'[') => Root::Array,
            _ => Root::Scalar,
        };
        let mut found = Found::new(self.pointers, root);
        walk::read(self, text, ROOT, &mut found, |text| text).ok_or(NotJson)?;
        found.checked()
    }

    /// Reads a text that is not itself JSON, such as a form field's value, by the pointers that begin with a step into it
    /// ([`Pointer::reads_text`]).
    ///
    /// # Errors
    /// When there are more values than are collected. A text that the steps can't read is [`Match::Composite`].
    pub(crate) fn scan_text<'a>(&self, text: &'a str) -> Result<Found<'a>, NotJson> {
        let mut found = Found::new(self.pointers, Root::Scalar);
        found.enter(self.node(ROOT));
        self.take_text(ROOT, Some(Cow::Borrowed(text)), &mut found, |text| text);
        found.checked()
    }

    fn insert(&mut self, index: usize, pointer: &Pointer) {
        let mut at = ROOT;
        for (depth, token) in pointer.tokens().iter().enumerate() {
            self.pass(at, index, pointer.item() == Some(depth));
            let fresh = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else { return };
            at = match token {
                Token::Name(name) => {
                    let known = node.names.iter().find(|(known, ..)| known == name).map(|(_, _, next)| *next);
                    if known.is_none() {
                        node.names.push((name.clone(), parse_index(name), fresh));
                    }
                    known.unwrap_or(fresh)
                }
                Token::Element => *node.element.get_or_insert(fresh),
                Token::Json => *node.json.get_or_insert(fresh),
                Token::Base64 => *node.base64.get_or_insert(fresh),
                Token::Xml(path) => return node.xml.push((path.clone(), index)),
                Token::FirstMember(except) => return node.first_members.push((except.clone(), index)),
            };
            if at == fresh {
                self.nodes.push(Node::default());
            }
        }
        self.pass(at, index, pointer.item() == Some(pointer.tokens().len()));
        if let Some(node) = self.nodes.get_mut(at) {
            node.leaves.push(index);
        }
    }

    fn pass(&mut self, at: usize, index: usize, is_item: bool) {
        if let Some(node) = self.nodes.get_mut(at) {
            node.below.push(index);
            if is_item {
                node.items.push(index);
            }
        }
    }

    fn node(&self, index: usize) -> Option<&Node> {
        self.nodes.get(index)
    }

    /// Takes a string at the node `at`: keeps it for the pointers that end there, follows the steps into it. One that is no
    /// text (half a surrogate pair) is `None`.
    fn take_text<'t, 'a>(
        &self,
        at: usize,
        text: Option<Cow<'t, str>>,
        found: &mut Found<'a>,
        keep: fn(Cow<'t, str>) -> Cow<'a, str>,
    ) {
        let Some(node) = self.node(at) else { return };
        let Some(text) = text else {
            for next in [node.json, node.base64].into_iter().flatten() {
                found.unreadable(self.node(next));
            }
            let ends = node.xml.iter().map(|(_, pointer)| pointer).chain(&node.leaves);
            return ends.for_each(|pointer| found.push(*pointer, Match::Composite));
        };
        if let Some(next) = node.json {
            self.take_json(next, &text, found);
        }
        if let Some(next) = node.base64 {
            match decode_base64(&text) {
                Some(decoded) => {
                    found.enter(self.node(next));
                    self.take_text(next, Some(Cow::Owned(decoded)), found, own);
                }
                None => found.unreadable(self.node(next)),
            }
        }
        for (path, pointer) in &node.xml {
            match xml::scan(text.as_bytes(), std::slice::from_ref(path)) {
                Ok(values) => values.into_iter().flatten().for_each(|value| found.push(*pointer, value)),
                Err(_) => found.push(*pointer, Match::Composite),
            }
        }
        if let Some((last, others)) = node.leaves.split_last() {
            for pointer in others {
                found.push(*pointer, Match::Scalar(keep(text.clone())));
            }
            found.push(*last, Match::Scalar(keep(text)));
        }
    }

    /// Takes a text at the node `at` that a step says is JSON. It is checked as a whole first: of a broken one nothing is
    /// found.
    fn take_json(&self, at: usize, text: &str, found: &mut Found<'_>) {
        if !lex::is_json(text) || walk::read(self, text, at, found, own).is_none() {
            found.unreadable(self.node(at));
        }
    }
}

fn own<'a>(text: Cow<'_, str>) -> Cow<'a, str> {
    Cow::Owned(text.into_owned())
}

/// RFC 6901, section 4: no leading zeros.
fn parse_index(name: &str) -> Option<usize> {
    let is_index = name == "0" || (!name.starts_with('0') && name.bytes().all(|byte| byte.is_ascii_digit()));
    is_index.then(|| name.parse().ok()).flatten()
}

/// Decodes either alphabet, padded or not, lines broken or not: what the text says is settled by the signature over it.
fn decode_base64(text: &str) -> Option<String> {
    let symbols =
        text.trim_end_matches(['=', ' ', '\t', '\r', '\n']).bytes().filter(|byte| !byte.is_ascii_whitespace());
    let symbols: Vec<u8> = symbols
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            byte => byte,
        })
        .collect();
    String::from_utf8(BASE64_NOPAD.decode(&symbols).ok()?).ok()
}
