//! The pass over one JSON text.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize as _, Deserializer};
use serde_json::value::RawValue;

use super::found::Found;
use super::{Node, PointerSet};
use crate::scheme::matched::Match;

/// How a text is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    /// In one pass. A number beyond a float's range or half a surrogate pair on the way to a value makes it fail, although both
    /// are JSON.
    Fast,
    /// The text is checked first, then each value on the way before it is gone into.
    Exact,
}

/// Reads one JSON text with the pointers that lead to or through the node `at`.
pub(super) fn read<'t, 'a>(
    set: &PointerSet,
    text: &'t str,
    at: usize,
    care: Care,
    found: &mut Found<'a>,
    keep: fn(Cow<'t, str>) -> Cow<'a, str>,
) -> serde_json::Result<()> {
    let mut scan = Scan { set, stack: vec![at], care, found, keep };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    ValueSeed { scan: &mut scan, active: 0..1 }.deserialize(&mut deserializer)?;
    deserializer.end()
}

/// A pass over one JSON text.
struct Scan<'s, 't, 'a> {
    set: &'s PointerSet,
    /// The nodes that are active for the value at hand, behind those of the values around it.
    stack: Vec<usize>,
    care: Care,
    found: &'s mut Found<'a>,
    keep: fn(Cow<'t, str>) -> Cow<'a, str>,
}

impl<'s, 't> Scan<'s, 't, '_> {
    /// The node at a place of the stack.
    fn node(&self, at: usize) -> Option<&'s Node> {
        self.set.node(*self.stack.get(at)?)
    }

    fn any(&self, active: &Range<usize>, is: fn(&Node) -> bool) -> bool {
        active.clone().any(|at| self.node(at).is_some_and(is))
    }

    /// Puts the nodes that follow from `active` by `next` on the stack, active for the value that comes.
    fn descend(&mut self, active: &Range<usize>, next: impl Fn(&Node) -> [Option<usize>; 2]) -> Range<usize> {
        let start = self.stack.len();
        for at in active.clone() {
            let Some(node) = self.node(at) else { continue };
            for next in next(node).into_iter().flatten() {
                self.stack.push(next);
            }
        }
        start..self.stack.len()
    }

    /// Takes a value that pointers end at, or that steps lead into, or, with [`Care::Exact`], any.
    fn take(&mut self, raw: &'t str, active: &Range<usize>) -> serde_json::Result<()> {
        let value = match raw.as_bytes().first() {
            Some(b'"') => {
                let text = unescape(raw);
                for index in self.stack.get(active.clone()).into_iter().flatten() {
                    self.set.take_text(*index, text.clone(), self.found, self.keep);
                }
                return Ok(());
            }
            Some(b'{' | b'[') => Match::Composite,
            Some(b'n') => Match::Null,
            _ => Match::Scalar((self.keep)(Cow::Borrowed(raw))),
        };
        for at in active.clone() {
            for pointer in self.node(at).into_iter().flat_map(|node| &node.leaves) {
                self.found.push(*pointer, value.clone());
            }
        }
        if raw.starts_with(['{', '[']) && self.any(active, Node::is_branch) {
            let mut deserializer = serde_json::Deserializer::from_str(raw);
            deserializer.deserialize_any(Branch { scan: self, active: active.clone() })?;
        }
        Ok(())
    }
}

/// Reads one value, at which `active` are the active nodes.
struct ValueSeed<'x, 's, 't, 'a> {
    scan: &'x mut Scan<'s, 't, 'a>,
    active: Range<usize>,
}

impl<'t> DeserializeSeed<'t> for ValueSeed<'_, '_, 't, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.active.is_empty() {
            return IgnoredAny::deserialize(deserializer).map(|_| ());
        }
        for at in self.active.clone() {
            self.scan.found.enter(self.scan.node(at));
        }
        if self.scan.care == Care::Exact || self.scan.any(&self.active, Node::is_leaf) {
            let raw = <&RawValue>::deserialize(deserializer)?.get();
            return self.scan.take(raw, &self.active).map_err(serde::de::Error::custom);
        }
        deserializer.deserialize_any(Branch { scan: self.scan, active: self.active })
    }
}

/// Goes into an object or a list; there is nothing for anyone in other values.
struct Branch<'x, 's, 't, 'a> {
    scan: &'x mut Scan<'s, 't, 'a>,
    active: Range<usize>,
}

impl<'t> Visitor<'t> for Branch<'_, '_, 't, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { scan, active } = self;
        let nodes = active.clone().filter_map(|at| scan.node(at));
        let mut wanted: Vec<_> = nodes.flat_map(|node| &node.first_members).collect();
        while let Some(name) = map.next_key_seed(NameSeed { care: scan.care })? {
            wanted.retain(|(except, pointer)| {
                let is_passed_over = except.iter().any(|except| except.as_bytes() == &*name);
                if !is_passed_over {
                    let name = String::from_utf8(name.to_vec());
                    scan.found.push(*pointer, name.map_or(Match::Composite, |name| Match::Scalar(name.into())));
                }
                is_passed_over
            });
            let next = scan.descend(&active, |node| {
                let next = node.names.iter().find(|(known, ..)| known.as_bytes() == &*name).map(|(_, _, next)| *next);
                [next, None]
            });
            let start = next.start;
            map.next_value_seed(ValueSeed { scan: &mut *scan, active: next })?;
            scan.stack.truncate(start);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { scan, active } = self;
        // The pointers over `*`, and what they have found before the element at hand.
        let elements = active.clone().filter_map(|at| scan.set.node(scan.node(at)?.element?));
        let over: Vec<usize> = elements.flat_map(|node| node.below.iter().copied()).collect();
        let mut marks = Vec::with_capacity(over.len());
        for index in 0.. {
            let next = scan.descend(&active, |node| {
                let by_index = node.names.iter().find(|(_, known, _)| *known == Some(index)).map(|(_, _, next)| *next);
                [node.element, by_index]
            });
            marks.clear();
            marks.extend(over.iter().map(|pointer| scan.found.mark(*pointer)));
            let start = next.start;
            let element = seq.next_element_seed(ValueSeed { scan: &mut *scan, active: next })?;
            scan.stack.truncate(start);
            if element.is_none() {
                break;
            }
            for (pointer, mark) in over.iter().zip(&marks) {
                scan.found.expect_more(*pointer, *mark);
            }
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Reads a member's name. With half a surrogate pair, which JSON's grammar lets through, it is not UTF-8 and can be had as
/// bytes only; that way doesn't see bare control characters, so it serves where the text is known to be JSON.
struct NameSeed {
    care: Care,
}

impl<'t> DeserializeSeed<'t> for NameSeed {
    type Value = Cow<'t, [u8]>;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match self.care {
            Care::Fast => deserializer.deserialize_str(self),
            Care::Exact => deserializer.deserialize_bytes(self),
        }
    }
}

impl<'t> Visitor<'t> for NameSeed {
    type Value = Cow<'t, [u8]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, name: &'t str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name.as_bytes()))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.as_bytes().to_owned()))
    }

    fn visit_borrowed_bytes<E>(self, name: &'t [u8]) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_bytes<E>(self, name: &[u8]) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

fn unescape(raw: &str) -> Option<Cow<'_, str>> {
    if raw.contains('\\') {
        return serde_json::from_str(raw).ok().map(Cow::Owned);
    }
    raw.strip_prefix('"')?.strip_suffix('"').map(Cow::Borrowed)
}
