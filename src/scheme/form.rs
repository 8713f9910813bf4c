//! Bodies and queries of the form `a=1&b=2` (`application/x-www-form-urlencoded`).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The most pairs that are read: more make the text no form.
const PAIRS_MAX: usize = 4096;

/// The decoded pairs of a form, in their order; a name may stand in it more than once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Form<'a> {
    pairs: Vec<Pair<'a>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pair<'a> {
    name: Cow<'a, str>,
    value: Cow<'a, str>,
    /// As it stands in the text.
    raw: &'a str,
}

impl<'a> Form<'a> {
    /// Reads `text`, or gives `None` where it is no form: anything but visible ASCII, a `%` without two hexadecimal digits, a
    /// decoded name or value that is not UTF-8, a name with characters that no sender leaves bare (JSON and XML have them).
    pub(crate) fn parse(text: &'a [u8]) -> Option<Self> {
        if !text.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        let text = std::str::from_utf8(text).ok()?;
        let mut pairs = Vec::new();
        for raw in text.split('&').filter(|raw| !raw.is_empty()) {
            let (name, value) = raw.split_once('=').unwrap_or((raw, ""));
            if pairs.len() == PAIRS_MAX || name.contains(['"', '<', '>', '\\', '^', '`', '{', '|', '}']) {
                return None;
            }
            pairs.push(Pair { name: decode(name)?, value: decode(value)?, raw });
        }
        Some(Self { pairs })
    }

    /// A form of pairs that were read elsewhere.
    pub(crate) fn of(pairs: Vec<(String, &'a str)>) -> Self {
        let pair = |(name, value)| Pair { name: Cow::Owned(name), value: Cow::Borrowed(value), raw: "" };
        Self { pairs: pairs.into_iter().map(pair).collect() }
    }

    /// The values of `name`.
    pub(crate) fn get(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs().filter_map(move |(pair_name, value)| (pair_name == name).then_some(value))
    }

    /// All names with their values.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|pair| (&*pair.name, &*pair.value))
    }

    /// Names, each followed by its value, in the order of their bytes and with nothing between them, as Twilio signs a form.
    /// Pairs that are equal in both count once, unless `all` do.
    pub(crate) fn sorted(&self, all: bool) -> String {
        let mut pairs: Vec<_> = self.pairs().collect();
        pairs.sort_unstable();
        if !all {
            pairs.dedup();
        }
        pairs.into_iter().flat_map(|(name, value)| [name, value]).collect()
    }

    /// `name=value` joined by `&`, each pair spelled as it was sent, in the order of the decoded names and values.
    pub(crate) fn sorted_query(&self) -> String {
        let mut pairs: Vec<&Pair<'_>> = self.pairs.iter().collect();
        pairs.sort_by(|a, b| (&a.name, &a.value).cmp(&(&b.name, &b.value)));
        let pairs: Vec<&str> = pairs.into_iter().map(|pair| pair.raw).collect();
        pairs.join("&")
    }
}

fn decode(text: &str) -> Option<Cow<'_, str>> {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        rest = match rest.get(at..)? {
            [_, high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest,
            _ => return None,
        };
    }
    if !text.contains('+') {
        return percent_decode_str(text).decode_utf8().ok();
    }
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().ok().map(|text| Cow::Owned(text.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Option<Vec<(String, String)>> {
        let form = Form::parse(text.as_bytes())?;
        Some(form.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    #[test]
    fn pairs_are_decoded_in_their_order() {
        for (text, expected) in [
            ("", &[][..]),
            ("a=1&b=2&a=3", &[("a", "1"), ("b", "2"), ("a", "3")]),
            ("a+b=c+d%2B%26%3D", &[("a b", "c d+&=")]),
            ("a&=1&&b=", &[("a", ""), ("", "1"), ("b", "")]),
            ("a=b=c", &[("a", "b=c")]),
            ("e=%C3%A9%00", &[("e", "é\0")]),
            ("x[y]=%5b", &[("x[y]", "[")]),
            ("payload={\"a\":1}", &[("payload", "{\"a\":1}")]),
        ] {
            let expected: Vec<_> = expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
            assert_eq!(pairs(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_form_is_none() {
        let crowded = "a&".repeat(PAIRS_MAX + 1);
        for text in [
            "a=%",
            "a=%2",
            "a=%zz",
            "%g0=a",
            "a=%ff",
            "a=%C3",
            "a=b c",
            "a=é",
            "a=\n",
            "{\"a\":1}",
            "<a>b</a>",
            "[{\"a\"}]",
            &crowded,
        ] {
            assert_eq!(pairs(text), None, "{text}");
        }
        assert_eq!(Form::parse(b"a=\xff"), None);
        assert_eq!(pairs(&"a&".repeat(PAIRS_MAX)).map(|pairs| pairs.len()), Some(PAIRS_MAX));
    }

    #[test]
    fn a_name_gives_all_its_values() {
        let form = Form::parse(b"a=1&b=2&a=3").unwrap();
        assert_eq!(form.get("a").collect::<Vec<_>>(), ["1", "3"]);
        assert_eq!(form.get("A").count(), 0);
    }

    #[test]
    fn sorted_text_is_what_senders_sign() {
        let form = Form::parse(b"To=%2B1&From=a+b&To=%2B1&To=%2B0&B=").unwrap();
        assert_eq!(form.sorted(false), "BFroma bTo+0To+1");
        assert_eq!(form.sorted(true), "BFroma bTo+0To+1To+1");
        assert_eq!(form.sorted_query(), "B=&From=a+b&To=%2B0&To=%2B1&To=%2B1");
        assert_eq!(Form::parse(b"").unwrap().sorted(true), "");
        // A name that continues another one sorts behind it whatever the values are.
        assert_eq!(Form::parse(b"ab=0&a=z").unwrap().sorted(false), "azab0");
    }
}
