//! What a scan found, pointer by pointer.

use super::{Node, NotJson};
use crate::scheme::matched::Match;

/// The most values that one scan collects.
pub(super) const MATCHES_MAX: usize = 1 << 16;

/// What a body is at its outermost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// A string, a number, `true`, `false` or `null`; a text that is not JSON counts as one, too.
    Scalar,
}

/// What a scan found.
#[derive(Clone, Debug)]
pub(crate) struct Found<'a> {
    slots: Vec<Slot<'a>>,
    count: usize,
    root: Root,
}

/// The values that one pointer found: mostly one, which needs no memory of its own.
#[derive(Clone, Debug)]
enum Matches<'a> {
    None,
    One(Match<'a>),
    Many(Vec<Match<'a>>),
}

/// What one pointer found.
#[derive(Clone, Debug)]
struct Slot<'a> {
    matches: Matches<'a>,
    /// The item that each match belongs to; empty for a pointer without items.
    owners: Vec<usize>,
    items: usize,
    is_complete: bool,
}

impl<'a> Found<'a> {
    /// The values that the pointer `index` found, in their order.
    pub(crate) fn values(&self, index: usize) -> &[Match<'a>] {
        self.slots.get(index).map_or(&[], |slot| slot.matches.as_slice())
    }

    /// How many items the pointer `index` came by: what its part up to the last `*` found, or the part before
    /// [`Pointer::below`].
    pub(crate) fn items(&self, index: usize) -> usize {
        self.slots.get(index).map_or(0, |slot| slot.items)
    }

    /// The values that the pointer `index` found in one item, counted from 0.
    pub(crate) fn item_values(&self, index: usize, item: usize) -> impl Iterator<Item = &Match<'a>> {
        let slot = self.slots.get(index);
        let matches = slot.into_iter().flat_map(|slot| slot.owners.iter().zip(slot.matches.as_slice()));
        matches.filter_map(move |(owner, found)| (*owner == item).then_some(found))
    }

    /// True when every element that a `*` of the pointer `index` stands for has a value at it.
    pub(crate) fn is_complete(&self, index: usize) -> bool {
        self.slots.get(index).is_none_or(|slot| slot.is_complete)
    }

    /// What the body is at its outermost.
    pub(crate) fn root(&self) -> Root {
        self.root
    }

    pub(super) fn new(pointers: usize, root: Root) -> Self {
        let slot = Slot { matches: Matches::None, owners: Vec::new(), items: 0, is_complete: true };
        Self { slots: vec![slot; pointers], count: 0, root }
    }

    pub(super) fn checked(self) -> Result<Self, NotJson> {
        if self.count > MATCHES_MAX { Err(NotJson) } else { Ok(self) }
    }

    pub(super) fn push(&mut self, index: usize, found: Match<'a>) {
        self.count += 1;
        let Some(slot) = self.slots.get_mut(index).filter(|_| self.count <= MATCHES_MAX) else { return };
        if let Some(owner) = slot.items.checked_sub(1) {
            slot.owners.push(owner);
        }
        slot.matches.push(found);
    }

    /// A value stands at `node`: where that makes it an item of a pointer, its matches from here on belong to it.
    pub(super) fn enter(&mut self, node: Option<&Node>) {
        for pointer in node.into_iter().flat_map(|node| &node.items) {
            if let Some(slot) = self.slots.get_mut(*pointer) {
                slot.items += 1;
            }
        }
    }

    /// There is a text at `node`, but not one that the step there can read: pointers through it find something unusable.
    pub(super) fn unreadable(&mut self, node: Option<&Node>) {
        self.enter(node);
        for pointer in node.into_iter().flat_map(|node| &node.below) {
            self.push(*pointer, Match::Composite);
        }
    }

    /// An element is read: the pointer `index` over it, which had found `before` values till then, is not complete unless it
    /// found more.
    pub(super) fn expect_more(&mut self, index: usize, before: usize) {
        if let Some(slot) = self.slots.get_mut(index).filter(|slot| slot.matches.as_slice().len() == before) {
            slot.is_complete = false;
        }
    }
}

impl<'a> Matches<'a> {
    fn as_slice(&self) -> &[Match<'a>] {
        match self {
            Self::None => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }

    fn push(&mut self, found: Match<'a>) {
        *self = match std::mem::replace(self, Self::None) {
            Self::None => Self::One(found),
            Self::One(first) => Self::Many(vec![first, found]),
            Self::Many(mut many) => {
                many.push(found);
                Self::Many(many)
            }
        };
    }
}
