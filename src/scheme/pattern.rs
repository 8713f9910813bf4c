//! Patterns of character classes with counts, matched in time linear in the text.

/// The most atoms of one alternative.
const ATOMS_MAX: usize = 64;
/// The largest count.
const COUNT_MAX: usize = 1 << 24;

/// A parsed pattern; it must match the whole text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    alternatives: Vec<Vec<Atom>>,
}

/// One class and how often it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Atom {
    class: Class,
    min: usize,
    max: usize,
}

/// A set of bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Class([u128; 2]);

impl std::fmt::Debug for Class {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries((0..=u8::MAX).filter(|byte| self.has(*byte)).map(char::from)).finish()
    }
}

impl Class {
    const EMPTY: Self = Self([0; 2]);
    const ALL: Self = Self([u128::MAX; 2]);

    fn has(self, byte: u8) -> bool {
        let [low, high] = self.0;
        let half = if byte < 128 { low } else { high };
        half >> (byte & 127) & 1 == 1
    }

    fn with(self, byte: u8) -> Self {
        let [low, high] = self.0;
        let bit = 1 << (byte & 127);
        if byte < 128 { Self([low | bit, high]) } else { Self([low, high | bit]) }
    }

    fn union(self, other: Self) -> Self {
        let ([a, b], [c, d]) = (self.0, other.0);
        Self([a | c, b | d])
    }

    fn is_disjoint(self, other: Self) -> bool {
        let ([a, b], [c, d]) = (self.0, other.0);
        a & c == 0 && b & d == 0
    }

    fn complement(self) -> Self {
        let [low, high] = self.0;
        Self([!low, !high])
    }
}

impl Pattern {
    /// Parses `text`: literals, `.`, `[a-z]`, `[^a-z]`, `\` before a special character, `\n`, `\r`, `\t`, each with `{n}`, `{n,}`,
    /// `{n,m}`, `*`, `+` or `?`; alternatives of the whole by `|`.
    ///
    /// # Errors
    /// What is wrong with it, in words for its author.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut alternatives = vec![Vec::new()];
        let mut rest = text.as_bytes();
        while let Some((&byte, tail)) = rest.split_first() {
            let Some(atoms) = alternatives.last_mut() else { break };
            if byte == b'|' {
                alternatives.push(Vec::new());
                rest = tail;
                continue;
            }
            let (class, tail) = parse_class(rest)?;
            let (min, max, tail) = parse_count(tail)?;
            atoms.push(Atom { class, min, max });
            if atoms.len() > ATOMS_MAX {
                return Err(format!("a pattern has at most {ATOMS_MAX} characters and classes"));
            }
            rest = tail;
        }
        Ok(Self { alternatives })
    }

    /// Whether it matches the whole of `text`.
    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        self.alternatives.iter().any(|atoms| matches(atoms, text))
    }

    /// Whether no text can match it that has one of `bytes`.
    pub(crate) fn excludes_byte(&self, byte: u8) -> bool {
        !self.bytes().has(byte)
    }

    /// Whether every byte that a match can have is one of these.
    pub(crate) fn is_within(&self, bytes: &[u8]) -> bool {
        let allowed = bytes.iter().fold(Class::EMPTY, |class, byte| class.with(*byte));
        self.bytes().is_disjoint(allowed.complement())
    }

    /// The longest match in bytes.
    pub(crate) fn longest(&self) -> usize {
        let longest = |atoms: &Vec<Atom>| atoms.iter().fold(0_usize, |sum, atom| sum.saturating_add(atom.max));
        self.alternatives.iter().map(longest).max().unwrap_or(0)
    }

    /// True when no text can match both; false where that can't be told cheaply.
    pub(crate) fn is_disjoint(&self, other: &Self) -> bool {
        let first = |atoms: &[Atom]| atoms.first().filter(|atom| atom.min > 0).map(|atom| atom.class);
        let theirs = other.bytes();
        self.alternatives.iter().all(|atoms| {
            atoms.iter().any(|atom| atom.min > 0 && atom.class.is_disjoint(theirs))
                || first(atoms).is_some_and(|mine| {
                    other.alternatives.iter().all(|other| first(other).is_some_and(|class| class.is_disjoint(mine)))
                })
        })
    }

    fn bytes(&self) -> Class {
        self.alternatives.iter().flatten().filter(|atom| atom.max > 0).fold(Class::EMPTY, |a, b| a.union(b.class))
    }
}

fn parse_class(text: &[u8]) -> Result<(Class, &[u8]), String> {
    match text {
        [b'[', rest @ ..] => parse_set(rest),
        [b'.', rest @ ..] => Ok((Class::ALL, rest)),
        [b'\\', rest @ ..] => parse_escape(rest).map(|(byte, rest)| (Class::EMPTY.with(byte), rest)),
        [b'(' | b')' | b'{' | b'}' | b'*' | b'+' | b'?' | b']' | b'^' | b'$', ..] => {
            Err("a pattern has literals, character classes and counts only: write `\\` before a special character"
                .to_owned())
        }
        [byte, rest @ ..] => Ok((Class::EMPTY.with(*byte), rest)),
        [] => Err("a class is missing".to_owned()),
    }
}

fn parse_escape(text: &[u8]) -> Result<(u8, &[u8]), String> {
    match text {
        [b'n', rest @ ..] => Ok((b'\n', rest)),
        [b'r', rest @ ..] => Ok((b'\r', rest)),
        [b't', rest @ ..] => Ok((b'\t', rest)),
        [byte, rest @ ..] if byte.is_ascii_punctuation() => Ok((*byte, rest)),
        _ => Err("behind `\\` stands n, r, t or a special character".to_owned()),
    }
}

fn parse_set(text: &[u8]) -> Result<(Class, &[u8]), String> {
    let (negated, mut rest) = match text {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let mut class = Class::EMPTY;
    loop {
        let (from, tail) = match rest {
            [] => return Err("a class `[` has no `]`".to_owned()),
            [b']', tail @ ..] => {
                let class = if negated { class.complement() } else { class };
                return if class == Class::EMPTY { Err("a class is empty".to_owned()) } else { Ok((class, tail)) };
            }
            [b'\\', tail @ ..] => parse_escape(tail)?,
            [byte, ..] if !byte.is_ascii() => return Err("a class holds ASCII only".to_owned()),
            [byte, tail @ ..] => (*byte, tail),
        };
        let (to, tail) = match tail {
            [b'-', b'\\', tail @ ..] => parse_escape(tail)?,
            [b'-', to, tail @ ..] if *to != b']' => (*to, tail),
            _ => (from, tail),
        };
        if to < from || !to.is_ascii() {
            return Err(format!("the range {}-{} runs backwards", char::from(from), char::from(to)));
        }
        class = (from..=to).fold(class, Class::with);
        rest = tail;
    }
}

fn parse_count(text: &[u8]) -> Result<(usize, usize, &[u8]), String> {
    match text {
        [b'*', rest @ ..] => Ok((0, COUNT_MAX, rest)),
        [b'+', rest @ ..] => Ok((1, COUNT_MAX, rest)),
        [b'?', rest @ ..] => Ok((0, 1, rest)),
        [b'{', rest @ ..] => {
            let wrong = || "a count is {n}, {n,} or {n,m}, at most 16777216".to_owned();
            let end = rest.iter().position(|byte| *byte == b'}').ok_or_else(wrong)?;
            let (count, tail) = rest.split_at_checked(end).ok_or_else(wrong)?;
            let count = std::str::from_utf8(count).map_err(|_| wrong())?;
            let number = |text: &str| text.parse().ok().filter(|n| *n <= COUNT_MAX).ok_or_else(wrong);
            let (min, max) = match count.split_once(',') {
                None => (number(count)?, number(count)?),
                Some((min, "")) => (number(min)?, COUNT_MAX),
                Some((min, max)) => (number(min)?, number(max)?),
            };
            if min > max { Err(wrong()) } else { Ok((min, max, tail.get(1..).unwrap_or_default())) }
        }
        _ => Ok((1, 1, text)),
    }
}

/// Goes through the atoms with the set of places that can be reached; for each next place only the last reachable one that is
/// near enough counts, since it asks the least of the run of bytes between.
fn matches(atoms: &[Atom], text: &[u8]) -> bool {
    if let [only] = atoms {
        return (only.min..=only.max).contains(&text.len()) && text.iter().all(|byte| only.class.has(*byte));
    }
    let mut reachable = vec![false; text.len() + 1];
    if let Some(start) = reachable.first_mut() {
        *start = true;
    }
    for atom in atoms {
        let mut next = vec![false; reachable.len()];
        let mut run_start = 0;
        let mut last = None;
        for (place, slot) in next.iter_mut().enumerate() {
            if place > 0 && !text.get(place - 1).is_some_and(|byte| atom.class.has(*byte)) {
                run_start = place;
            }
            if let Some(candidate) = place.checked_sub(atom.min) {
                if reachable.get(candidate).copied().unwrap_or(false) {
                    last = Some(candidate);
                }
                *slot = last.is_some_and(|last| last >= run_start && place - last <= atom.max);
            }
        }
        reachable = next;
    }
    reachable.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, good: &[&str], bad: &[&str]) {
        let parsed = Pattern::parse(pattern).unwrap();
        for text in good {
            assert!(parsed.matches(text.as_bytes()), "{pattern} should match {text:?}");
        }
        for text in bad {
            assert!(!parsed.matches(text.as_bytes()), "{pattern} should not match {text:?}");
        }
    }

    #[test]
    fn a_pattern_matches_the_whole_text() {
        check("00D[A-Za-z0-9]{15}", &["00D000000000001EAA"], &["", "00D", "00D000000000001EA", "00D000000000001EAAA"]);
        check("true|false", &["true", "false"], &["", "truefalse", "tru", "True"]);
        check(
            "arn:aws[a-z-]{0,16}:sns:.+",
            &["arn:aws:sns:x", "arn:aws-cn:sns:eu:1:t"],
            &["arn:aws:sns:", "arn:AWS:sns:x"],
        );
        check("a{0,3}aa", &["aa", "aaa", "aaaaa"], &["a", "aaaaaa", "aab"]);
        check("[a-z]*[0-9]?x+", &["x", "abx", "ab1xx", "xxx"], &["", "1", "ab12x"]);
        check("[^/]{2,}", &["ab", "é"], &["a", "a/b"]);
        check("P[A-Za-z0-9+/=\\n]{1,1048576}", &["PA==\n"], &["P", "A", "P "]);
        check("a\\.b\\|c", &["a.b|c"], &["aXb|c", "a.b"]);
        check("", &[""], &["a"]);
        check("[a\\]-]", &["a", "]", "-"], &["b", "\\"]);
    }

    #[test]
    fn a_wrong_pattern_says_so() {
        for text in
            ["(a)", "[a", "[]", "a{", "a{2,1}", "a{x}", "a{99999999}", "*", "a**", "\\", "\\q", "[z-a]", "^a$", "[é]"]
        {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
        assert!(Pattern::parse(&"a".repeat(ATOMS_MAX + 1)).is_err());
    }

    #[test]
    fn a_long_text_takes_no_long_time() {
        let pattern = Pattern::parse("a*a*a*a*a*a*a*a*b").unwrap();
        assert!(!pattern.matches(&vec![b'a'; 1 << 16]));
    }

    #[test]
    fn disjoint_patterns_are_told() {
        let parse = |text| Pattern::parse(text).unwrap();
        assert!(parse("P[A-Za-z0-9+/=]+").is_disjoint(&parse("[0-9a-f]{20,32}")));
        assert!(parse("v0:.+").is_disjoint(&parse("[A-Za-z0-9_-]{1,128}")));
        assert!(!parse("[a-z]+").is_disjoint(&parse("[a-f]+")));
        assert!(!parse("P?[a-z]+").is_disjoint(&parse("[a-f]+")));
        assert!(!parse("v0:.+|x").is_disjoint(&parse("[A-Za-z0-9_-]{1,128}")));
    }
}
