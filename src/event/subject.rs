//! Subject templates, and the matching of NATS subject filters.

use std::fmt::Write as _;

/// The longest template with all but the event put in, in bytes.
const SUBJECT_BYTES_MAX: usize = 512;
/// The most tokens that an event type becomes.
const EVENT_TOKENS_MAX: usize = 8;
/// The longest token of an event type, in bytes.
const EVENT_TOKEN_BYTES_MAX: usize = 64;
/// The token of an event without a type.
const NO_EVENT: &str = "event";

/// What a template's placeholders stand for; all save the event.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// `{prefix}`: the operator's.
    pub prefix: &'a str,
    /// `{namespace}`.
    pub namespace: &'a str,
    /// `{name}`.
    pub name: &'a str,
    /// `{provider}`; its dots become `_`.
    pub provider: &'a str,
    /// `{cluster}`, where the operator knows it.
    pub cluster: Option<&'a str>,
}

/// A subject template, parsed and with all but the event put in. Nothing that a sender chose can leave its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectTemplate {
    tokens: Vec<Token>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A token without the event.
    Fixed(String),
    /// The event as tokens of its own.
    Event,
    /// The event inside a token: its dots become `_`.
    Around(String, String),
}

impl SubjectTemplate {
    /// Parses a template of literals (letters, digits, `-`, `_`, dots between tokens) and the placeholders `{prefix}`,
    /// `{namespace}`, `{name}`, `{provider}`, `{cluster}` and `{event}`. An `{event}` that is a token of its own becomes up
    /// to 8 tokens; inside a token it stays within it. It may be there once, or not at all.
    ///
    /// # Errors
    /// What is wrong, lower case, to be put behind the field's name.
    pub fn parse(template: &str, names: Names<'_>) -> Result<Self, String> {
        if template.is_empty() {
            return Err("is empty".to_owned());
        }
        if template.starts_with('$') {
            return Err("must not begin with $, which NATS keeps for itself".to_owned());
        }
        let tokens =
            split(template)?.into_iter().map(|token| parse_token(token, names)).collect::<Result<Vec<_>, _>>()?;
        let tokens: Vec<_> = tokens.into_iter().flatten().collect();
        if tokens.iter().filter(|token| !matches!(token, Token::Fixed(_))).count() > 1 {
            return Err("holds {event} more than once; the subject would say it twice".to_owned());
        }
        match tokens.first() {
            Some(Token::Fixed(first)) if first.starts_with("_INBOX") => {
                return Err("must not begin with _INBOX, where NATS keeps replies".to_owned());
            }
            Some(Token::Event | Token::Around(..)) => {
                return Err("must not begin with {event}: the sender would choose the first token".to_owned());
            }
            Some(Token::Fixed(_)) | None => {}
        }
        let parsed = Self { tokens };
        if parsed.filter().len() > SUBJECT_BYTES_MAX {
            return Err(format!("is longer than {SUBJECT_BYTES_MAX} bytes with its names put in"));
        }
        Ok(parsed)
    }

    /// The subject for an event type: checked tokens only, joined by dots.
    #[must_use]
    pub fn subject(&self, event: Option<&str>) -> String {
        let event = event.filter(|event| !event.is_empty()).unwrap_or(NO_EVENT);
        let mut subject = String::with_capacity(128);
        for token in &self.tokens {
            if !subject.is_empty() {
                subject.push('.');
            }
            match token {
                Token::Fixed(text) => subject.push_str(text),
                Token::Event => {
                    for (index, part) in event.split('.').take(EVENT_TOKENS_MAX).enumerate() {
                        if index > 0 {
                            subject.push('.');
                        }
                        push_clean(&mut subject, part);
                    }
                }
                Token::Around(before, after) => {
                    subject.push_str(before);
                    push_clean(&mut subject, event);
                    subject.push_str(after);
                }
            }
        }
        subject
    }

    /// What a consumer filters on; every subject of the template matches it. Ends in `>` from the event on where that is a
    /// token of its own, since the number of its tokens varies.
    #[must_use]
    pub fn filter(&self) -> String {
        let mut filter = String::with_capacity(128);
        for token in &self.tokens {
            if !filter.is_empty() {
                filter.push('.');
            }
            match token {
                Token::Fixed(text) => filter.push_str(text),
                Token::Event => {
                    filter.push('>');
                    break;
                }
                Token::Around(..) => filter.push('*'),
            }
        }
        filter
    }
}

/// Cuts a template at the dots outside braces.
fn split(template: &str) -> Result<Vec<&str>, String> {
    let tokens: Vec<_> = template.split('.').collect();
    if tokens.iter().any(|token| token.is_empty()) {
        return Err("has an empty token: no dot at either end, no two dots in a row".to_owned());
    }
    Ok(tokens)
}

fn parse_token(token: &str, names: Names<'_>) -> Result<Vec<Token>, String> {
    let mut before = String::new();
    let mut after: Option<String> = None;
    let mut rest = token;
    while let Some(at) = rest.find('{') {
        let (literal, placeholder) = rest.split_at(at);
        let (name, behind) = placeholder
            .strip_prefix('{')
            .and_then(|inner| inner.split_once('}'))
            .ok_or_else(|| format!("has a brace that is not closed in \"{token}\""))?;
        let text = after.as_mut().unwrap_or(&mut before);
        text.push_str(checked(literal, token)?);
        if name == "event" {
            if after.is_some() {
                return Err("holds {event} more than once; the subject would say it twice".to_owned());
            }
            after = Some(String::new());
        } else {
            write_name(text, name, names)?;
        }
        rest = behind;
    }
    after.as_mut().unwrap_or(&mut before).push_str(checked(rest, token)?);
    Ok(match after {
        Some(after) if before.is_empty() && after.is_empty() => vec![Token::Event],
        Some(after) => vec![Token::Around(before, after)],
        // A prefix of several tokens has dots of its own.
        None => before.split('.').map(|token| Token::Fixed(token.to_owned())).collect(),
    })
}

fn checked<'a>(literal: &'a str, token: &str) -> Result<&'a str, String> {
    if literal.chars().all(is_clean) {
        return Ok(literal);
    }
    Err(format!("holds \"{token}\"; a token may hold letters, digits, -, _ and placeholders, never a wildcard"))
}

fn write_name(text: &mut String, name: &str, names: Names<'_>) -> Result<(), String> {
    match name {
        "prefix" => text.push_str(names.prefix),
        "namespace" => push_clean(text, names.namespace),
        "name" => push_clean(text, names.name),
        "provider" => push_clean(text, names.provider),
        "cluster" => match names.cluster {
            Some(cluster) => push_clean(text, cluster),
            None => {
                return Err(
                    "holds {cluster}, which this operator does not know; it is set by --cluster-name".to_owned()
                );
            }
        },
        _ => {
            return Err(format!(
                "holds {{{name}}}; known are {{prefix}}, {{namespace}}, {{name}}, {{provider}}, {{cluster}} and {{event}}"
            ));
        }
    }
    Ok(())
}

fn is_clean(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// Appends one token's worth of a name: what is no letter, digit, `-` or `_` becomes `_`, an empty name too.
fn push_clean(subject: &mut String, name: &str) {
    if name.is_empty() {
        subject.push('_');
    }
    // Nearly every name is clean.
    if name.len() <= EVENT_TOKEN_BYTES_MAX && name.chars().all(is_clean) {
        return subject.push_str(name);
    }
    subject.extend(name.chars().take(EVENT_TOKEN_BYTES_MAX).map(|c| if is_clean(c) { c } else { '_' }));
}

/// Whether every subject that `filter` matches is matched by `pattern` too (NATS wildcards in both).
#[must_use]
pub fn is_within(filter: &str, pattern: &str) -> bool {
    let mut filter = filter.split('.');
    for wanted in pattern.split('.') {
        match (wanted, filter.next()) {
            (">", Some(_)) => return true,
            ("*", Some(token)) if token != ">" => {}
            (literal, Some(token)) if literal == token => {}
            _ => return false,
        }
    }
    filter.next().is_none()
}

/// A list of names for a message: `a, b and c`.
pub fn listed<I>(items: I) -> String
where
    I: IntoIterator,
    I::Item: std::fmt::Display,
{
    let items: Vec<_> = items.into_iter().collect();
    let mut text = String::new();
    for (index, item) in items.iter().enumerate() {
        let joint = match index {
            0 => "",
            _ if index + 1 == items.len() => " and ",
            _ => ", ",
        };
        // Writing to a String does not fail.
        let _ = write!(text, "{joint}{item}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names<'static> = Names {
        prefix: "webhooks",
        namespace: "shop",
        name: "orders",
        provider: "acme.example.com",
        cluster: Some("eu-1"),
    };

    fn template(text: &str) -> SubjectTemplate {
        SubjectTemplate::parse(text, NAMES).unwrap()
    }

    #[test]
    fn names_are_put_in_and_the_event_closes_the_subject() {
        let default = template("{prefix}.{namespace}.{name}.{event}");
        assert_eq!(default.subject(Some("pull_request.opened")), "webhooks.shop.orders.pull_request.opened");
        assert_eq!(default.filter(), "webhooks.shop.orders.>");
        let all = template("a-{cluster}.{provider}.x{event}y.z");
        assert_eq!(all.subject(Some("b.c")), "a-eu-1.acme_example_com.xb_cy.z");
        assert_eq!(all.filter(), "a-eu-1.acme_example_com.*.z");
        assert_eq!(template("a.{event}.b").filter(), "a.>");
        assert_eq!(template("orders").subject(Some("x")), "orders");
    }

    #[test]
    fn a_prefix_may_have_several_tokens() {
        let names = Names { prefix: "org.hooks", ..NAMES };
        let parsed = SubjectTemplate::parse("{prefix}.{namespace}.{event}", names).unwrap();
        assert_eq!(parsed.subject(None), "org.hooks.shop.event");
        assert!(is_within(&parsed.filter(), "org.hooks.shop.>"));
    }

    #[test]
    fn whatever_the_event_the_subject_is_made_of_clean_tokens() {
        let default = template("webhooks.shop.{event}");
        for (event, expected) in [
            ("push", "push"),
            ("a b", "a_b"),
            ("*", "_"),
            (">", "_"),
            ("..", "_._._"),
            (".a.", "_.a._"),
            ("é", "_"),
            ("\0", "_"),
            ("$JS.API.STREAM.DELETE.X", "_JS.API.STREAM.DELETE.X"),
            ("a.b.c.d.e.f.g.h.i.j", "a.b.c.d.e.f.g.h"),
            ("", "event"),
        ] {
            assert_eq!(default.subject(Some(event)), format!("webhooks.shop.{expected}"), "{event:?}");
        }
        assert_eq!(default.subject(None), "webhooks.shop.event");
        let long = default.subject(Some(&"x".repeat(10_000)));
        assert_eq!(long, format!("webhooks.shop.{}", "x".repeat(64)));
    }

    #[test]
    fn random_events_never_leave_the_templates_filter() {
        let alphabet = ['a', 'Z', '0', '.', '*', '>', '$', ' ', '\n', '\0', 'é', '_', '-', '{', '}'];
        let mut random = fastrand::Rng::with_seed(7);
        for text in ["w.{event}", "w.{event}.tail", "w.x{event}.tail"] {
            let parsed = template(text);
            for _ in 0..2_000 {
                let event: String =
                    (0..random.usize(0..40)).map(|_| alphabet[random.usize(0..alphabet.len())]).collect();
                let subject = parsed.subject(Some(&event));
                assert!(is_within(&subject, &parsed.filter()), "{event:?} became {subject}");
                assert!(
                    subject.split('.').all(|t| !t.is_empty() && t.chars().all(is_clean)),
                    "{event:?} became {subject}"
                );
                assert!(subject.len() < 600);
            }
        }
    }

    #[test]
    fn templates_that_could_go_elsewhere_are_refused() {
        for (text, reason) in [
            ("", "is empty"),
            (".a", "empty token"),
            ("a.", "empty token"),
            ("a..b", "empty token"),
            ("a.*", "wildcard"),
            ("a.>", "wildcard"),
            ("a b", "wildcard"),
            ("a.é", "wildcard"),
            ("a.$x", "wildcard"),
            ("$JS.API.x", "begin with $"),
            ("_INBOX.x", "begin with _INBOX"),
            ("_INBOX_2.x", "begin with _INBOX"),
            ("{event}.a", "begin with {event}"),
            ("x{event}.a", "begin with {event}"),
            ("a.{event}.{event}", "more than once"),
            ("a.{event}{event}", "more than once"),
            ("a.{secret}", "{secret}"),
            ("a.{name", "not closed"),
            ("a.name}", "wildcard"),
            ("a.{na.me}", "not closed"),
        ] {
            let error = SubjectTemplate::parse(text, NAMES).unwrap_err();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
        let unknown = Names { cluster: None, ..NAMES };
        assert!(SubjectTemplate::parse("a.{cluster}", unknown).unwrap_err().contains("--cluster-name"));
        assert!(SubjectTemplate::parse(&format!("a.{}", "b".repeat(600)), NAMES).unwrap_err().contains("512"));
    }

    #[test]
    fn a_filter_is_within_a_pattern_only_when_all_its_subjects_are() {
        for (filter, pattern, expected) in [
            ("a.b", "a.b", true),
            ("a.b", "a.*", true),
            ("a.b", "a.>", true),
            ("a.b.c", "a.>", true),
            ("a.>", "a.>", true),
            ("a.>", ">", true),
            ("a.*", "a.>", true),
            ("a.*", "a.*", true),
            ("a", "a.>", false),
            ("a.>", "a.*", false),
            ("a.*", "a.b", false),
            ("a.b.c", "a.*", false),
            ("a.b", "a.b.c", false),
            ("a.b", "a.c", false),
            ("b.>", "a.>", false),
            (">", "a.>", false),
        ] {
            assert_eq!(is_within(filter, pattern), expected, "{filter} in {pattern}");
        }
    }
}
