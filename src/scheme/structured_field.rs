//! Dictionaries of structured fields (RFC 9651), read strictly: a key or parameter that is there twice is a fault.

use std::fmt;

use super::encoding::Encoding;

/// The most members of a dictionary, items of a list and parameters of an item.
const MEMBERS_MAX: usize = 64;

/// A value on its own. Decimals, dates and display strings are not read: no field here has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bare {
    /// `42`
    Integer(i64),
    /// `"text"`
    String(String),
    /// `token`
    Token(String),
    /// `:YmFzZTY0:`
    Bytes(Vec<u8>),
    /// `?1`
    Boolean(bool),
}

/// Parameters in their order: `;a=1;b`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters(pub(super) Vec<(String, Bare)>);

/// A value with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) value: Bare,
    pub(super) parameters: Parameters,
}

/// A member of a dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Member {
    /// One value.
    Item(Item),
    /// A list in parentheses.
    List(Vec<Item>, Parameters),
}

impl Parameters {
    pub(super) fn get(&self, name: &str) -> Option<&Bare> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

/// Reads a dictionary, `a=1, b=("x" "y");c`.
pub(super) fn parse_dictionary(text: &str) -> Option<Vec<(String, Member)>> {
    let mut reader = Reader(text.trim_matches(' '));
    let mut members: Vec<(String, Member)> = Vec::new();
    while !reader.0.is_empty() {
        let key = reader.key()?;
        if members.len() == MEMBERS_MAX || members.iter().any(|(known, _)| *known == key) {
            return None;
        }
        let member = if reader.eat('=') {
            reader.member()?
        } else {
            Member::Item(Item { value: Bare::Boolean(true), parameters: reader.parameters()? })
        };
        members.push((key, member));
        reader.skip([' ', '\t']);
        if reader.0.is_empty() {
            break;
        }
        if !reader.eat(',') {
            return None;
        }
        reader.skip([' ', '\t']);
        if reader.0.is_empty() {
            return None;
        }
    }
    Some(members)
}

/// What is left to read.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    fn eat(&mut self, char: char) -> bool {
        self.0.strip_prefix(char).inspect(|rest| self.0 = rest).is_some()
    }

    fn skip<const N: usize>(&mut self, chars: [char; N]) {
        self.0 = self.0.trim_start_matches(chars);
    }

    fn take_while(&mut self, is: impl Fn(char) -> bool) -> &'a str {
        let end = self.0.find(|char| !is(char)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    fn key(&mut self) -> Option<String> {
        if !self.0.starts_with(|char: char| char.is_ascii_lowercase() || char == '*') {
            return None;
        }
        let is_key = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || "_-.*".contains(char);
        Some(self.take_while(is_key).to_owned())
    }

    fn member(&mut self) -> Option<Member> {
        if !self.eat('(') {
            return Some(Member::Item(self.item()?));
        }
        let mut items = Vec::new();
        loop {
            self.skip([' ']);
            if self.eat(')') {
                return Some(Member::List(items, self.parameters()?));
            }
            if items.len() == MEMBERS_MAX {
                return None;
            }
            items.push(self.item()?);
            if !self.0.starts_with([' ', ')']) {
                return None;
            }
        }
    }

    fn item(&mut self) -> Option<Item> {
        Some(Item { value: self.bare()?, parameters: self.parameters()? })
    }

    fn parameters(&mut self) -> Option<Parameters> {
        let mut parameters = Parameters::default();
        while self.eat(';') {
            self.skip([' ']);
            let key = self.key()?;
            if parameters.0.len() == MEMBERS_MAX || parameters.get(&key).is_some() {
                return None;
            }
            let value = if self.eat('=') { self.bare()? } else { Bare::Boolean(true) };
            parameters.0.push((key, value));
        }
        Some(parameters)
    }

    fn bare(&mut self) -> Option<Bare> {
        match self.0.chars().next()? {
            '"' => self.string(),
            ':' => {
                let (bytes, rest) = self.0.strip_prefix(':')?.split_once(':')?;
                self.0 = rest;
                Some(Bare::Bytes(Encoding::Base64.decode(bytes.as_bytes())?))
            }
            '?' => {
                let value = self.eat_boolean()?;
                Some(Bare::Boolean(value))
            }
            '-' | '0'..='9' => {
                let sign = if self.eat('-') { "-" } else { "" };
                let digits = self.take_while(|char| char.is_ascii_digit());
                if digits.is_empty() || digits.len() > 15 || self.0.starts_with('.') {
                    return None;
                }
                Some(Bare::Integer(format!("{sign}{digits}").parse().ok()?))
            }
            'a'..='z' | 'A'..='Z' | '*' => {
                let is_token = |char: char| char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~:/".contains(char);
                Some(Bare::Token(self.take_while(is_token).to_owned()))
            }
            _ => None,
        }
    }

    fn eat_boolean(&mut self) -> Option<bool> {
        let rest = self.0;
        let (value, rest) =
            rest.strip_prefix("?1").map(|rest| (true, rest)).or(rest.strip_prefix("?0").map(|rest| (false, rest)))?;
        self.0 = rest;
        Some(value)
    }

    fn string(&mut self) -> Option<Bare> {
        let mut text = String::new();
        let mut chars = self.0.strip_prefix('"')?.chars();
        loop {
            match chars.next()? {
                '"' => break,
                '\\' => match chars.next()? {
                    char @ ('"' | '\\') => text.push(char),
                    _ => return None,
                },
                char @ ' '..='~' => text.push(char),
                _ => return None,
            }
        }
        self.0 = chars.as_str();
        Some(Bare::String(text))
    }
}

impl fmt::Display for Bare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => write!(f, "{number}"),
            Self::String(text) => write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
            Self::Token(token) => f.write_str(token),
            Self::Bytes(bytes) => write!(f, ":{}:", Encoding::Base64.encode(bytes)),
            Self::Boolean(value) => f.write_str(if *value { "?1" } else { "?0" }),
        }
    }
}

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.0 {
            match value {
                Bare::Boolean(true) => write!(f, ";{name}")?,
                value => write!(f, ";{name}={value}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.value, self.parameters)
    }
}

/// Writes a list in parentheses, without what follows it.
pub(super) fn write_list(items: &[Item]) -> String {
    let items: Vec<String> = items.iter().map(Item::to_string).collect();
    format!("({})", items.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewrite(text: &str) -> Option<String> {
        let members = parse_dictionary(text)?.into_iter().map(|(key, member)| match member {
            Member::Item(item) => format!("{key}={item}"),
            Member::List(items, parameters) => format!("{key}={}{parameters}", write_list(&items)),
        });
        Some(members.collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn a_dictionary_is_written_as_it_is_read() {
        for text in [
            "",
            "a=1",
            "a=-15, b=\"x\\\"y\\\\\", c=tok/en:*, d=:AQI=:, e=?0, *f=?1;g;h=2",
            r#"sig1=("@method" "a";b;c="");created=1618884473;keyid="k""#,
            "sig=()",
        ] {
            assert_eq!(rewrite(text).as_deref(), Some(text));
        }
        assert_eq!(rewrite("  a ,\t b=(  \"x\"   \"y\" ); c ").as_deref(), Some("a=?1, b=(\"x\" \"y\");c"));
    }

    #[test]
    fn what_is_no_dictionary_is_refused() {
        let crowded = (0..=MEMBERS_MAX).map(|i| format!("a{i}")).collect::<Vec<_>>().join(",");
        for text in [
            "a=",
            "=1",
            "A=1",
            "1=a",
            "a=1,",
            ",a=1",
            "a=1;",
            "a=1 b=2",
            "a=(1",
            "a=(1 2",
            "a=(\"x\"\"y\")",
            "a=(\"x\",\"y\")",
            "a=\"x",
            "a=\"\\n\"",
            "a=\"é\"",
            "a=:AQI:",
            "a=:A:",
            "a=:AQI=",
            "a=?2",
            "a=1.5",
            "a=1234567890123456",
            "a=-",
            "a=1, a=2",
            "a=1;b;b",
            "a=@1",
            "a=(1)2",
            "a=((1))",
            "a =1",
            "a= 1",
            "a=1\n",
            "\ta=1",
            &crowded,
        ] {
            assert_eq!(rewrite(text), None, "{text}");
        }
    }
}
