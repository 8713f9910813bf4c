//! Where a value stands in a body: RFC 6901 with `*` for every element and steps into texts that hold JSON, base64 or XML.

use super::xml::XmlPath;

/// The most tokens of one pointer.
const TOKENS_MAX: usize = 32;
/// The most steps (`/!json`, `/!base64`, `/!xml`) of one pointer.
const STEPS_MAX: usize = 2;

/// A parsed pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pointer {
    tokens: Vec<Token>,
    /// How many tokens lead to one item, for pointers that give values by item.
    item: Option<usize>,
}

/// One token of a pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A member's name, which is an element's index as well where it is a number.
    Name(String),
    /// `*`: every element of a list.
    Element,
    /// `!json`: the text here is JSON.
    Json,
    /// `!base64`: the text here is base64 of a text.
    Base64,
    /// `!xml`: the text here is XML; the rest of the pointer is a path in it.
    Xml(XmlPath),
    /// The name of the first member that is not one of these.
    FirstMember(Vec<String>),
}

impl Pointer {
    /// Parses `text`: `""` is the whole body, `/a/0/b~1c` one value, `/*/id` one in each element, `/data/!json/id` one inside a
    /// text.
    ///
    /// # Errors
    /// What is wrong with it, in words for its author.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let tokens = parse_tokens(text)?;
        let item = tokens.iter().rposition(|token| *token == Token::Element).map(|at| at + 1);
        Self { tokens, item }.checked()
    }

    /// Parses `PTR^NAME,…`: the name of the first member of the object at `PTR` that is none of the names.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub(crate) fn parse_field(text: &str) -> Result<Self, String> {
        let (pointer, names) = text.rsplit_once('^').unwrap_or((text, ""));
        let mut pointer = Self::parse(pointer)?;
        let names = names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        pointer.tokens.push(Token::FirstMember(names));
        pointer.checked()
    }

    /// `rest` inside each value that `self` finds: its matches tell to which of these, the items, they belong.
    ///
    /// # Errors
    /// When the two together are too long or take too many steps.
    pub(crate) fn below(&self, rest: &Self) -> Result<Self, String> {
        let tokens: Vec<Token> = self.tokens.iter().chain(&rest.tokens).cloned().collect();
        Self { tokens, item: Some(self.tokens.len()) }.checked()
    }

    /// True when it begins inside a text and can be read from one, as a form field's `/!json/…`.
    pub(crate) fn reads_text(&self) -> bool {
        self.tokens.first().is_none_or(Token::is_step)
    }

    /// Its tokens.
    pub(super) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// How many tokens lead to one item.
    pub(super) fn item(&self) -> Option<usize> {
        self.item
    }

    fn checked(self) -> Result<Self, String> {
        if self.tokens.len() > TOKENS_MAX {
            return Err(format!("a pointer has at most {TOKENS_MAX} tokens, this one has {}", self.tokens.len()));
        }
        let steps = self.tokens.iter().filter(|token| token.is_step()).count();
        if steps > STEPS_MAX {
            return Err(format!("a pointer takes at most {STEPS_MAX} of the steps /!json, /!base64, /!xml"));
        }
        for pair in self.tokens.windows(2) {
            match pair {
                [Token::Xml(_), _] => return Err("nothing can stand behind a path in XML".to_owned()),
                [Token::Base64, next] if !next.is_step() => {
                    return Err("/!base64 gives a text: follow it with /!json or /!xml, or end with it".to_owned());
                }
                _ => {}
            }
        }
        Ok(self)
    }
}

impl Token {
    fn is_step(&self) -> bool {
        matches!(self, Self::Json | Self::Base64 | Self::Xml(_))
    }
}

fn parse_tokens(text: &str) -> Result<Vec<Token>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let Some(mut rest) = text.strip_prefix('/') else {
        return Err(format!("a pointer begins with `/`: write `/{text}`"));
    };
    let mut tokens = Vec::new();
    loop {
        let (token, next) = rest.split_once('/').map_or((rest, None), |(token, next)| (token, Some(next)));
        tokens.push(match token {
            "*" => Token::Element,
            "!json" => Token::Json,
            "!base64" => Token::Base64,
            "!xml" => {
                let path = next.map_or_else(String::new, |next| format!("/{next}"));
                tokens.push(Token::Xml(XmlPath::parse(&path)?));
                return Ok(tokens);
            }
            _ if token.starts_with('!') => {
                return Err(format!("`/{token}` is no step: there are /!json, /!base64 and /!xml"));
            }
            _ => Token::Name(unescape(token)?),
        });
        match next {
            Some(next) => rest = next,
            None => return Ok(tokens),
        }
    }
}

/// RFC 6901, section 3: `~1` is `/`, `~0` is `~`.
fn unescape(token: &str) -> Result<String, String> {
    let mut name = String::with_capacity(token.len());
    let mut chars = token.chars();
    while let Some(char) = chars.next() {
        name.push(match char {
            '~' => match chars.next() {
                Some('0') => '~',
                Some('1') => '/',
                _ => return Err(format!("`~` in `{token}` must be written `~0` (and `/` in a name `~1`)")),
            },
            char => char,
        });
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Token {
        Token::Name(text.to_owned())
    }

    #[test]
    fn tokens_are_those_of_rfc_6901_and_the_steps() {
        let rows = [
            ("", vec![]),
            ("/", vec![name("")]),
            ("/a/0", vec![name("a"), name("0")]),
            ("/a~1b/m~0n/~01", vec![name("a/b"), name("m~n"), name("~1")]),
            ("/*/id", vec![Token::Element, name("id")]),
            ("/d/!base64/!json/x", vec![name("d"), Token::Base64, Token::Json, name("x")]),
            ("/d/!xml/a/@b", vec![name("d"), Token::Xml(XmlPath::parse("/a/@b").unwrap())]),
        ];
        for (text, tokens) in rows {
            assert_eq!(Pointer::parse(text).unwrap().tokens(), tokens, "{text}");
        }
    }

    #[test]
    fn a_wrong_pointer_says_what_is_wrong() {
        let long = "/a".repeat(TOKENS_MAX + 1);
        for (text, part) in [
            ("id", "write `/id`"),
            ("/a~", "`~0`"),
            ("/a~2", "`~0`"),
            ("/!yaml", "no step"),
            ("/a/!json/b/!json/c/!json", "at most 2"),
            ("/a/!base64/b", "follow it with"),
            ("/a/!base64/*", "follow it with"),
            ("/a/!xml", "path"),
            (&long, "at most 32"),
        ] {
            let error = Pointer::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(Pointer::parse(&"/a".repeat(TOKENS_MAX)).is_ok());
        assert!(Pointer::parse_field("/a/!xml/b^c").is_err());
    }

    #[test]
    fn a_field_pointer_ends_with_the_names_to_pass_over() {
        let tokens = |text| Pointer::parse_field(text).unwrap().tokens().to_vec();
        assert_eq!(tokens("^a,b"), [Token::FirstMember(vec!["a".to_owned(), "b".to_owned()])]);
        assert_eq!(tokens("/d/!base64/!json^v").last(), Some(&Token::FirstMember(vec!["v".to_owned()])));
        assert_eq!(tokens(""), [Token::FirstMember(vec![])]);
    }

    #[test]
    fn joining_counts_the_steps_of_both() {
        let each = Pointer::parse("/a/!json/*").unwrap();
        let joined = each.below(&Pointer::parse("/b/!json/c").unwrap()).unwrap();
        assert_eq!(joined.item(), Some(3));
        assert!(each.below(&Pointer::parse("/!json/b/!json").unwrap()).is_err());
    }

    #[test]
    fn only_a_step_reads_from_a_text() {
        for (text, expected) in [("/!json/a", true), ("", true), ("/a/!json", false), ("/*", false)] {
            assert_eq!(Pointer::parse(text).unwrap().reads_text(), expected, "{text}");
        }
    }
}
