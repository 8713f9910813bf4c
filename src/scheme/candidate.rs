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
        for value in values(scope, source, reference)? {
            is_present = true;
            let cut = cut(&source.split, value).into_iter().skip(source.skip);
            items.extend(cut.filter_map(|item| strip(item, &source.prefix)));
            items.truncate(CANDIDATES_MAX);
        }
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
    let items = cut(&source.split, value);
    let most = if source.prefix.is_empty() { 1 } else { CANDIDATES_MAX };
    items.into_iter().filter_map(|item| strip(item, &source.prefix)).take(most).collect()
}

/// What stands behind the prefix.
pub(super) fn strip<'s>(value: Value<'s>, prefix: &[u8]) -> Option<Value<'s>> {
    match value {
        Cow::Borrowed(value) => value.strip_prefix(prefix).map(Cow::Borrowed),
        Cow::Owned(value) => value.strip_prefix(prefix).map(|rest| Cow::Owned(rest.to_vec())),
    }
}

fn values<'s>(scope: &Scope<'s, '_>, source: &Source, reference: &'s Reference) -> Result<Vec<Value<'s>>, Rejection> {
    Ok(match &reference.place {
        Place::Header(name) if source.lines => scope.reader.lines(name).map(Cow::Borrowed).collect(),
        Place::Numbered(prefix) => scope.reader.numbered(prefix)?.into_iter().map(Cow::Borrowed).collect(),
        _ => scope.value(reference)?.into_iter().collect(),
    })
}

fn cut<'s>(split: &[u8], value: Value<'s>) -> Vec<Value<'s>> {
    if split.is_empty() {
        return vec![value];
    }
    let is_cut = |byte: &u8| split.contains(byte);
    match value {
        Cow::Borrowed(value) => value.split(is_cut).map(|item| Cow::Borrowed(item.trim_ascii())).collect(),
        Cow::Owned(value) => value.split(is_cut).map(|item| Cow::Owned(item.trim_ascii().to_vec())).collect(),
    }
}
