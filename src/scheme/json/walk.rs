//! The pass over one JSON text: what no pointer leads through is passed over, the rest is gone into.

use std::borrow::Cow;
use std::ops::Range;

use super::found::Found;
use super::lex::{self, Container, Step, Text};
use super::{Node, PointerSet};
use crate::scheme::matched::Match;

/// Room for the nodes that are active at a time; more is made where pointers are deeper.
const STACK_USUAL: usize = 16;

/// Reads one JSON text with the pointers that lead to or through the node `at`; `None` when it is not JSON.
pub(super) fn read<'t, 'a>(
    set: &PointerSet,
    text: &'t str,
    at: usize,
    found: &mut Found<'a>,
    keep: fn(Cow<'t, str>) -> Cow<'a, str>,
) -> Option<()> {
    let mut stack = Vec::with_capacity(STACK_USUAL);
    stack.push(at);
    let mut walk = Walk { set, text, stack, found, keep };
    let end = walk.value(lex::space_end(text.as_bytes(), 0), 0..1)?;
    (lex::space_end(text.as_bytes(), end) == text.len()).then_some(())
}

/// A pass over one JSON text. It calls itself for each token of a pointer at most.
struct Walk<'s, 't, 'a> {
    set: &'s PointerSet,
    text: &'t str,
    /// The nodes that are active for the value at hand, behind those of the values around it.
    stack: Vec<usize>,
    found: &'s mut Found<'a>,
    keep: fn(Cow<'t, str>) -> Cow<'a, str>,
}

impl<'s, 't, 'a> Walk<'s, 't, 'a> {
    /// Reads the value that begins at `at`, at which `active` are the active nodes, and gives the place behind it.
    #[inline]
    fn value(&mut self, at: usize, active: Range<usize>) -> Option<usize> {
        if active.is_empty() { lex::value_end(self.text.as_bytes(), at) } else { self.active_value(at, active) }
    }

    fn active_value(&mut self, at: usize, active: Range<usize>) -> Option<usize> {
        let bytes = self.text.as_bytes();
        for node in active.clone() {
            self.found.enter(self.node(node));
        }
        match bytes.get(at)? {
            b'{' => {
                self.take(&active, &Match::Composite);
                if self.any(&active, Node::leads_into_object) {
                    return self.object(at, &active);
                }
                lex::value_end(bytes, at)
            }
            b'[' => {
                self.take(&active, &Match::Composite);
                if self.any(&active, Node::leads_into_list) {
                    return self.list(at, &active);
                }
                lex::value_end(bytes, at)
            }
            b'"' if self.any(&active, Node::is_leaf) => {
                let (text, end) = lex::string(self.text, at)?;
                self.take_text(&active, text);
                Some(end)
            }
            byte => {
                let end = lex::plain_value_end(bytes, at)?;
                if self.any(&active, Node::is_leaf) {
                    let source = self.text.get(at..end)?;
                    let value = if *byte == b'n' { Match::Null } else { Match::Scalar((self.keep)(source.into())) };
                    self.take(&active, &value);
                }
                Some(end)
            }
        }
    }

    fn object(&mut self, at: usize, active: &Range<usize>) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let nodes = active.clone().filter_map(|at| self.node(at));
        let mut wanted: Vec<_> = nodes.flat_map(|node| &node.first_members).collect();
        let mut step = lex::first(bytes, at, Container::Object)?;
        loop {
            let item = match step {
                Step::Item(item) => item,
                Step::End(end) => return Some(end),
            };
            let (name, end) = lex::string(self.text, item)?;
            let name = name.decode();
            if !wanted.is_empty() {
                self.take_name(&mut wanted, name.as_deref());
            }
            let next = self.descend(active, |node| {
                let name = name.as_ref()?;
                node.names.iter().find(|(known, ..)| known == name).map(|(_, _, next)| *next)
            });
            let start = next.start;
            let end = self.value(lex::name_end(bytes, end)?, next)?;
            self.stack.truncate(start);
            step = lex::next(bytes, end, Container::Object)?;
        }
    }

    fn list(&mut self, at: usize, active: &Range<usize>) -> Option<usize> {
        let bytes = self.text.as_bytes();
        // The pointers over `*`, and how much each had found before the element at hand.
        let elements = active.clone().filter_map(|at| self.set.node(self.node(at)?.element?));
        let mut over: Vec<(usize, usize)> =
            elements.flat_map(|node| &node.below).map(|pointer| (*pointer, 0)).collect();
        let mut step = lex::first(bytes, at, Container::List)?;
        let mut index = 0;
        loop {
            let item = match step {
                Step::Item(item) => item,
                Step::End(end) => return Some(end),
            };
            for (pointer, before) in &mut over {
                *before = self.found.values(*pointer).len();
            }
            let next = self.descend(active, |node| {
                let by_index = node.names.iter().find(|(_, known, _)| *known == Some(index)).map(|(_, _, next)| *next);
                node.element.into_iter().chain(by_index)
            });
            let start = next.start;
            let end = self.value(item, next)?;
            self.stack.truncate(start);
            for (pointer, before) in &over {
                self.found.expect_more(*pointer, *before);
            }
            step = lex::next(bytes, end, Container::List)?;
            index += 1;
        }
    }

    /// Puts the nodes that follow from `active` by `next` on the stack, active for the value that comes.
    fn descend<I: IntoIterator<Item = usize>>(
        &mut self,
        active: &Range<usize>,
        next: impl Fn(&'s Node) -> I,
    ) -> Range<usize> {
        let start = self.stack.len();
        for at in active.clone() {
            if let Some(node) = self.node(at) {
                self.stack.extend(next(node));
            }
        }
        start..self.stack.len()
    }

    /// Keeps a value other than a string for the pointers that end at it.
    fn take(&mut self, active: &Range<usize>, value: &Match<'a>) {
        for at in active.clone() {
            for pointer in self.node(at).into_iter().flat_map(|node| &node.leaves) {
                self.found.push(*pointer, value.clone());
            }
        }
    }

    /// Keeps a member's name for the pointers that want the first one but some, which then want no more.
    fn take_name(&mut self, wanted: &mut Vec<&(Vec<String>, usize)>, name: Option<&str>) {
        wanted.retain(|(except, pointer)| {
            let is_passed_over = name.is_some_and(|name| except.iter().any(|except| except == name));
            if !is_passed_over {
                let name = name.map(|name| Match::Scalar(name.to_owned().into()));
                self.found.push(*pointer, name.unwrap_or(Match::Composite));
            }
            is_passed_over
        });
    }

    fn take_text(&mut self, active: &Range<usize>, text: Text<'t>) {
        let text = text.decode();
        for index in self.stack.get(active.clone()).into_iter().flatten() {
            self.set.take_text(*index, text.clone(), self.found, self.keep);
        }
    }

    /// The node at a place of the stack.
    fn node(&self, at: usize) -> Option<&'s Node> {
        self.set.node(*self.stack.get(at)?)
    }

    fn any(&self, active: &Range<usize>, is: fn(&Node) -> bool) -> bool {
        active.clone().any(|at| self.node(at).is_some_and(is))
    }
}
