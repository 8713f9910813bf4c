//! What a reference found in a body.

use std::borrow::Cow;

/// One value that a pointer or path found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Match<'a> {
    /// A string without its quotes and escapes, the source text of a number, `true` or `false`, or the text of an XML
    /// element or attribute.
    Scalar(Cow<'a, str>),
    /// JSON's `null`.
    Null,
    /// Something without a text of its own: an object, a list, an element with children, or a text that the pointer's steps
    /// can't read.
    Composite,
}

impl Match<'_> {
    /// The text, where there is one.
    pub(crate) fn scalar(&self) -> Option<&str> {
        match self {
            Self::Scalar(text) => Some(text),
            Self::Null | Self::Composite => None,
        }
    }
}

/// The one text that all of `matches` agree on: `None` where there is none, or where two differ.
pub(crate) fn agreed<'m>(matches: impl IntoIterator<Item = &'m Match<'m>>) -> Option<&'m str> {
    let mut matches = matches.into_iter();
    let first = matches.next()?;
    matches.all(|other| other == first).then(|| first.scalar()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_texts_that_are_all_the_same_agree() {
        let text = |text: &'static str| Match::Scalar(text.into());
        assert_eq!(agreed(&[text("a"), text("a")]), Some("a"));
        for matches in [
            &[][..],
            &[text("a"), text("b")],
            &[text("a"), Match::Null],
            &[Match::Composite, text("a")],
            &[Match::Null, Match::Null],
            &[Match::Composite],
        ] {
            assert_eq!(agreed(matches), None, "{matches:?}");
        }
    }
}
