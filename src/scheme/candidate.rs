//! Signatures and tokens as the request brings them: cut, told by their prefix, counted.

use std::borrow::Cow;

use super::Rejection;
use super::plan::Source;
use super::reader::Value;
use super::scope::Scope;
use super::template::{Place, Reference};

/// The most signatures that are compared.
pub(super) const CANDIDATES_MAX: usize = 10;

/// The items of a source that may be signatures: the first ten.
pub(super) fn signatures<'s>(scope: &Scope<'s, '_>, source: &'s Source) -> Result<Vec<Value<'s>>, Rejection> {
    let mut items = Vec::new();
    let mut is_present = false;
    for reference in &source.from {
        each_value(scope, source, reference, |value| {
            is_present = true;
            let mut skip = source.skip;
            each_item(&source.split, value, |item| {
                if skip > 0 {
                    skip -= 1;
                } else if let Some(item) = strip(item, &source.prefix).filter(|_| items.len() < CANDIDATES_MAX) {
                    items.push(item);
                }
            });
        })?;
    }
    let what = || source.from.first().map_or_else(String::new, |reference| reference.text.clone());
    match (is_present, items.is_empty()) {
        (false, _) => Err(Rejection::Missing { what: what() }),
        (true, true) => Err(Rejection::Malformed { what: what() }),
        (true, false) => Ok(items),
    }
}

/// The items of a value that hold the one value looked for: those with the prefix, or the first.
pub(super) fn single_items<'s>(source: &Source, value: Value<'s>) -> Vec<Value<'s>> {
    let most = if source.prefix.is_empty() { 1 } else { CANDIDATES_MAX };
    let mut items = Vec::new();
    each_item(&source.split, value, |item| {
        items.extend(strip(item, &source.prefix).filter(|_| items.len() < most));
    });
    items
}

/// What stands behind the prefix.
pub(super) fn strip<'s>(value: Value<'s>, prefix: &[u8]) -> Option<Value<'s>> {
    match value {
        Cow::Borrowed(value) => value.strip_prefix(prefix).map(Cow::Borrowed),
        Cow::Owned(value) => value.strip_prefix(prefix).map(|rest| Cow::Owned(rest.to_vec())),
    }
}

fn each_value<'s>(
    scope: &Scope<'s, '_>,
    source: &Source,
    reference: &'s Reference,
    mut take: impl FnMut(Value<'s>),
) -> Result<(), Rejection> {
    match &reference.place {
        Place::Header(name) if source.lines => {
            scope.reader.lines(name).for_each(|line| take(Cow::Borrowed(line)));
        }
        Place::Numbered(prefix) => {
            scope.reader.numbered(prefix)?.into_iter().for_each(|line| take(Cow::Borrowed(line)));
        }
        _ => scope.value(reference)?.into_iter().for_each(take),
    }
    Ok(())
}

fn each_item<'s>(split: &[u8], value: Value<'s>, mut take: impl FnMut(Value<'s>)) {
    if split.is_empty() {
        return take(value);
    }
    let is_cut = |byte: &u8| split.contains(byte);
    match value {
        Cow::Borrowed(value) => value.split(is_cut).for_each(|item| take(Cow::Borrowed(item.trim_ascii()))),
        Cow::Owned(value) => value.split(is_cut).for_each(|item| take(Cow::Owned(item.trim_ascii().to_vec()))),
    }
}
