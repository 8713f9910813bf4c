//! What namespaces may claim: subjects, paths and streams. Closed by default to what is their own.

use super::key_host::KeyHosts;
use super::path::check_path;
use crate::config::PolicyConfig;
use crate::event::{is_within, listed};

/// What stands for the endpoint's own namespace in a template.
const NAMESPACE: &str = "{namespace}";

/// The operator's policy, parsed.
#[derive(Clone, Debug)]
pub struct Policy {
    subjects: Vec<Rule>,
    paths: Vec<Rule>,
    streams: Vec<Rule>,
    /// Hosts from which keys may be fetched although no entry names them.
    pub key_hosts: KeyHosts,
    /// Whether endpoints may say `verification: {none: {}}`.
    pub allows_unverified: bool,
}

/// One thing allowed: to a namespace, or to each.
#[derive(Clone, Debug)]
struct Rule {
    namespace: Option<String>,
    template: String,
}

impl Policy {
    /// The policy of these flags beside the defaults: subjects `{prefix}.{namespace}.>`, paths `/{namespace}/**`, the
    /// operator's own stream.
    ///
    /// # Errors
    /// One line that names the flag, its value and what is wrong with it.
    pub fn from_config(config: &PolicyConfig, prefix: &str, stream: &str) -> Result<Self, String> {
        let PolicyConfig { allow_subject, allow_path, allow_stream, allow_key_host, allow_unverified } = config;
        let own = |template: String| Rule { namespace: None, template };
        let with = |first: Rule, flag: &str, values: &[String], check: fn(&str) -> Result<(), String>| {
            let parsed = values.iter().filter(|value| !value.is_empty()).map(|value| {
                let rule = Rule::parse(value);
                check(&rule.template).map_err(|error| format!("{flag} {value}: {error}"))?;
                Ok(rule)
            });
            std::iter::once(Ok(first)).chain(parsed).collect::<Result<Vec<_>, String>>()
        };
        Ok(Self {
            subjects: with(own(format!("{prefix}.{NAMESPACE}.>")), "--allow-subject", allow_subject, check_subject)?,
            paths: with(own(format!("/{NAMESPACE}/**")), "--allow-path", allow_path, check_path_template)?,
            streams: with(own(stream.to_owned()), "--allow-stream", allow_stream, check_stream)?,
            key_hosts: KeyHosts::parse(allow_key_host)?,
            allows_unverified: *allow_unverified,
        })
    }

    /// Whether a namespace may publish to every subject that this filter matches.
    #[must_use]
    pub fn allows_subject(&self, namespace: &str, filter: &str) -> bool {
        of(&self.subjects, namespace).any(|template| is_within(filter, &template))
    }

    /// Whether a namespace may claim this path.
    #[must_use]
    pub fn allows_path(&self, namespace: &str, path: &str) -> bool {
        of(&self.paths, namespace).any(|template| is_path_within(path, &template))
    }

    /// Whether a namespace may use this stream.
    #[must_use]
    pub fn allows_stream(&self, namespace: &str, stream: &str) -> bool {
        of(&self.streams, namespace).any(|template| is_name_within(stream, &template))
    }

    /// The subjects that a namespace may use, for a message.
    #[must_use]
    pub fn subjects_of(&self, namespace: &str) -> String {
        listed(of(&self.subjects, namespace))
    }

    /// The paths that a namespace may claim, for a message.
    #[must_use]
    pub fn paths_of(&self, namespace: &str) -> String {
        listed(of(&self.paths, namespace))
    }

    /// The streams that a namespace may use, for a message.
    #[must_use]
    pub fn streams_of(&self, namespace: &str) -> String {
        listed(of(&self.streams, namespace))
    }
}

impl Rule {
    /// `NAMESPACE=TEMPLATE`, or a template for every namespace.
    fn parse(value: &str) -> Self {
        match value.split_once('=') {
            Some((namespace, template)) if is_label(namespace) => {
                Self { namespace: Some(namespace.to_owned()), template: template.to_owned() }
            }
            _ => Self { namespace: None, template: value.to_owned() },
        }
    }
}

/// The templates that hold for a namespace, with its name put in. A namespace's name is a DNS label, so it can hold neither a
/// wildcard nor a separator.
fn of<'a>(rules: &'a [Rule], namespace: &'a str) -> impl Iterator<Item = String> {
    rules
        .iter()
        .filter(move |rule| rule.namespace.as_deref().is_none_or(|only| only == namespace))
        .map(move |rule| rule.template.replace(NAMESPACE, namespace))
}

fn is_label(text: &str) -> bool {
    let inner = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    inner && (1..=63).contains(&text.len()) && !text.starts_with('-') && !text.ends_with('-')
}

fn check_subject(template: &str) -> Result<(), String> {
    let tokens: Vec<_> = template.split('.').collect();
    for (index, token) in tokens.iter().enumerate() {
        let literal = token.replace(NAMESPACE, "n");
        match literal.as_str() {
            "" => return Err("has an empty token".to_owned()),
            ">" if index + 1 == tokens.len() => {}
            ">" => return Err("may hold > only as its last token".to_owned()),
            "*" => {}
            text if text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) => {}
            _ => {
                return Err(format!(
                    "\"{token}\" is no subject token: letters, digits, -, _ and {NAMESPACE}, or * alone, or > at the end"
                ));
            }
        }
    }
    Ok(())
}

fn check_path_template(template: &str) -> Result<(), String> {
    let segments: Vec<_> = template.split('/').collect();
    for (index, segment) in segments.iter().enumerate() {
        match *segment {
            "*" => {}
            "**" if index + 1 == segments.len() => {}
            "**" => return Err("may hold ** only as its last segment".to_owned()),
            text if text.contains('*') => return Err(format!("\"{text}\": * stands for a whole segment")),
            _ => {}
        }
    }
    check_path(&template.replace(NAMESPACE, "n"))
}

fn check_stream(template: &str) -> Result<(), String> {
    let literal = template.replace(NAMESPACE, "n");
    let is_name =
        !literal.is_empty() && literal.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'*'));
    if is_name { Ok(()) } else { Err(format!("expected a stream's name: letters, digits, -, _, {NAMESPACE} and *")) }
}

/// `*` is one segment, `**` one or more.
fn is_path_within(path: &str, template: &str) -> bool {
    let mut segments = path.split('/');
    for wanted in template.split('/') {
        match (wanted, segments.next()) {
            ("**", Some(_)) => return true,
            ("*", Some(_)) => {}
            (literal, Some(segment)) if literal == segment => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

/// `*` is any run of characters.
fn is_name_within(name: &str, template: &str) -> bool {
    let Some((first, rest)) = template.split_once('*') else {
        return name == template;
    };
    let Some(mut name) = name.strip_prefix(first) else {
        return false;
    };
    let (middle, last) = rest.rsplit_once('*').map_or(("", rest), |(middle, last)| (middle, last));
    for piece in middle.split('*').filter(|piece| !piece.is_empty()) {
        let Some((_, behind)) = name.split_once(piece) else {
            return false;
        };
        name = behind;
    }
    name.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(subjects: &[&str], paths: &[&str], streams: &[&str]) -> Result<Policy, String> {
        let owned = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
        let config = PolicyConfig {
            allow_subject: owned(subjects),
            allow_path: owned(paths),
            allow_stream: owned(streams),
            allow_key_host: Vec::new(),
            allow_unverified: false,
        };
        Policy::from_config(&config, "webhooks", "WEBHOOKS")
    }

    #[test]
    fn by_default_a_namespace_may_claim_its_own_and_no_more() {
        let closed = policy(&[], &[], &[]).unwrap();
        assert!(closed.allows_subject("shop", "webhooks.shop.github.>"));
        assert!(closed.allows_subject("shop", "webhooks.shop.>"));
        for filter in ["webhooks.other.github.>", "webhooks.>", "webhooks.*.x", "webhooks.shop", "orders.x", ">"] {
            assert!(!closed.allows_subject("shop", filter), "{filter}");
        }
        assert!(closed.allows_path("shop", "/shop/a"));
        assert!(closed.allows_path("shop", "/shop/a/b"));
        for path in ["/shop", "/other/a", "/shopping/a", "/a"] {
            assert!(!closed.allows_path("shop", path), "{path}");
        }
        assert!(closed.allows_stream("shop", "WEBHOOKS"));
        assert!(!closed.allows_stream("shop", "ORDERS"));
        assert!(!closed.allows_unverified);
    }

    #[test]
    fn a_rule_with_a_namespace_widens_for_that_one_only() {
        let open = policy(&["shop=orders.*.>"], &["shop=/hooks/*"], &["shop=ORDERS"]).unwrap();
        assert!(open.allows_subject("shop", "orders.eu.>"));
        assert!(!open.allows_subject("other", "orders.eu.>"));
        assert!(!open.allows_subject("shop", "orders.>"));
        assert!(open.allows_path("shop", "/hooks/a"));
        assert!(!open.allows_path("shop", "/hooks/a/b"));
        assert!(!open.allows_path("other", "/hooks/a"));
        assert!(open.allows_stream("shop", "ORDERS"));
        assert!(!open.allows_stream("other", "ORDERS"));
        assert_eq!(open.streams_of("shop"), "WEBHOOKS and ORDERS");
        assert_eq!(open.subjects_of("other"), "webhooks.other.>");
        assert_eq!(open.paths_of("shop"), "/shop/** and /hooks/*");
    }

    #[test]
    fn a_template_may_hold_the_namespace() {
        let open = policy(&["events.{namespace}.>"], &["/hooks/{namespace}/**"], &["TEAM-{namespace}-*"]).unwrap();
        assert!(open.allows_subject("shop", "events.shop.a"));
        assert!(!open.allows_subject("shop", "events.other.a"));
        assert!(open.allows_path("shop", "/hooks/shop/a/b"));
        assert!(!open.allows_path("shop", "/hooks/other/a"));
        assert!(open.allows_stream("shop", "TEAM-shop-X"));
        assert!(!open.allows_stream("shop", "TEAM-other-X"));
        assert!(!open.allows_stream("shop", "TEAM-shop"));
    }

    #[test]
    fn stars_in_a_streams_name_stand_for_any_run() {
        for (name, template, expected) in [
            ("AxByC", "A*B*C", true),
            ("ABC", "A*B*C", true),
            ("AC", "A*B*C", false),
            ("ABB", "A*B", true),
            ("A", "A*A", false),
            ("anything", "*", true),
            ("X", "x", false),
        ] {
            assert_eq!(is_name_within(name, template), expected, "{name} in {template}");
        }
    }

    #[test]
    fn an_equals_sign_in_a_path_is_no_namespace() {
        let open = policy(&[], &["/a/b=c"], &[]).unwrap();
        assert!(open.allows_path("shop", "/a/b=c"));
    }

    #[test]
    fn bad_templates_name_flag_and_value() {
        for (subjects, paths, streams, expected) in [
            (vec!["a..b"], vec![], vec![], "--allow-subject a..b: has an empty token"),
            (vec!["a.>.b"], vec![], vec![], "--allow-subject a.>.b: may hold > only"),
            (vec!["a.b*"], vec![], vec![], "--allow-subject a.b*: \"b*\" is no subject token"),
            (vec!["shop="], vec![], vec![], "--allow-subject shop=: has an empty token"),
            (vec!["$JS.>"], vec![], vec![], "--allow-subject $JS.>: \"$JS\" is no subject token"),
            (vec!["a.{name}"], vec![], vec![], "--allow-subject a.{name}: \"{name}\" is no subject token"),
            (vec![], vec!["a"], vec![], "--allow-path a: must begin with /"),
            (vec![], vec!["/a/"], vec![], "--allow-path /a/: has an empty segment"),
            (vec![], vec!["/**/a"], vec![], "--allow-path /**/a: may hold ** only"),
            (vec![], vec!["/a*"], vec![], "--allow-path /a*: \"a*\": * stands for a whole segment"),
            (vec![], vec!["/{name}"], vec![], "--allow-path /{name}: holds '{'"),
            (vec![], vec![], vec!["A.B"], "--allow-stream A.B: expected a stream's name"),
            (vec![], vec![], vec!["shop="], "--allow-stream shop=: expected a stream's name"),
        ] {
            let error = policy(&subjects, &paths, &streams).unwrap_err();
            assert!(error.starts_with(expected), "{error} does not begin with {expected}");
        }
    }
}
