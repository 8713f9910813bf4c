//! Templates and references, parsed once when a scheme is compiled.

use std::sync::Arc;

use http::HeaderName;

use super::function::Function;

/// The most bytes of a template.
pub(crate) const TEMPLATE_BYTES_MAX: usize = 4096;

/// A text with references in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Template {
    pub(crate) parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    /// Text as it stands.
    Literal(Vec<u8>),
    /// The value of an expression.
    Expr(Expr),
    /// Parts that fall away together when a value in them is absent.
    Group(Vec<Part>),
}

/// Functions over the first reference that is present.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expr {
    /// The outermost first.
    pub(crate) functions: Vec<Function>,
    /// The alternatives.
    pub(crate) refs: Vec<Reference>,
    /// Empty text where none is present.
    pub(crate) is_optional: bool,
}

/// A reference as the entry writes it, and what it means.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reference {
    pub(crate) text: String,
    pub(crate) place: Place,
}

/// Where a value is. Numbers are indexes into the scheme's [`super::place::Places`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Place {
    Body,
    Form,
    FormSorted { all: bool },
    QuerySorted,
    Timestamp,
    Nested(Arc<Template>),
    StandardId,
    Method,
    Url,
    UrlBase,
    Host,
    Path,
    RawQuery,
    HeaderList,
    HeaderNames,
    Secret,
    SecretOf(String),
    Literal(Vec<u8>),
    Header(HeaderName),
    Numbered(String),
    Query(String),
    FormField(String),
    FormPointer(usize),
    SoleForm(String),
    Json(usize),
    Item(usize),
    Xml(usize),
    Claim(usize),
    Bearer,
    Basic,
    PathToken,
}

impl Place {
    /// Whether its value is part of the body.
    pub(crate) fn is_in_body(&self) -> bool {
        match self {
            Self::Body
            | Self::Form
            | Self::FormSorted { .. }
            | Self::FormField(_)
            | Self::FormPointer(_)
            | Self::SoleForm(_)
            | Self::Json(_)
            | Self::Item(_)
            | Self::Xml(_) => true,
            Self::QuerySorted
            | Self::Timestamp
            | Self::Nested(_)
            | Self::StandardId
            | Self::Method
            | Self::Url
            | Self::UrlBase
            | Self::Host
            | Self::Path
            | Self::RawQuery
            | Self::HeaderList
            | Self::HeaderNames
            | Self::Secret
            | Self::SecretOf(_)
            | Self::Literal(_)
            | Self::Header(_)
            | Self::Numbered(_)
            | Self::Query(_)
            | Self::Claim(_)
            | Self::Bearer
            | Self::Basic
            | Self::PathToken => false,
        }
    }

    /// Whether it encodes its value, so that it takes any text.
    pub(crate) fn encodes(&self) -> bool {
        matches!(
            self,
            Self::Basic | Self::Query(_) | Self::PathToken | Self::FormField(_) | Self::Json(_) | Self::Item(_)
        )
    }

    /// Whether it is there only in a form body.
    pub(crate) fn is_form(&self) -> bool {
        matches!(
            self,
            Self::Form | Self::FormSorted { .. } | Self::FormField(_) | Self::FormPointer(_) | Self::SoleForm(_)
        )
    }
}

impl Expr {
    /// Whether a keyed function is applied.
    pub(crate) fn is_keyed(&self) -> bool {
        self.functions.iter().any(|function| matches!(function, Function::Hmac(_)))
    }
}

impl Template {
    /// The text itself, where no part of it depends on the request.
    pub(crate) fn constant(&self) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.extend_from_slice(literal),
                Part::Expr(_) | Part::Group(_) => return None,
            }
        }
        Some(text)
    }

    /// The other use whose keys it names.
    pub(crate) fn secret_use(&self) -> Option<&str> {
        self.references().find_map(|reference| match &reference.place {
            Place::SecretOf(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Whether it is the body and nothing else.
    pub(crate) fn is_body(&self) -> bool {
        match self.parts.as_slice() {
            [Part::Expr(Expr { functions, refs, is_optional: false })] => {
                functions.is_empty() && matches!(refs.as_slice(), [Reference { place: Place::Body, .. }])
            }
            _ => false,
        }
    }

    /// Every expression with whether it stands in a group, nested templates included.
    pub(crate) fn exprs(&self) -> Vec<(&Expr, bool)> {
        let mut out = Vec::new();
        collect(&self.parts, false, &mut out);
        out
    }

    /// Every reference, nested templates included.
    pub(crate) fn references(&self) -> impl Iterator<Item = &Reference> {
        self.exprs().into_iter().flat_map(|(expr, _)| &expr.refs)
    }

    /// Whether any reference is at a place like this.
    pub(crate) fn has(&self, like: impl Fn(&Place) -> bool) -> bool {
        self.references().any(|reference| like(&reference.place))
    }
}

fn collect<'t>(parts: &'t [Part], in_group: bool, out: &mut Vec<(&'t Expr, bool)>) {
    for part in parts {
        match part {
            Part::Literal(_) => {}
            Part::Expr(expr) => {
                out.push((expr, in_group || expr.is_optional));
                for reference in &expr.refs {
                    if let Place::Nested(nested) = &reference.place {
                        collect(&nested.parts, in_group || expr.refs.len() > 1, out);
                    }
                }
            }
            Part::Group(parts) => collect(parts, true, out),
        }
    }
}

/// A template cut into pieces, before names are looked up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    Literal(String),
    Expr(&'t str),
    Group(Vec<Piece<'t>>),
}

/// Cuts a template into pieces.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn cut(text: &str) -> Result<Vec<Piece<'_>>, String> {
    if text.len() > TEMPLATE_BYTES_MAX {
        return Err(format!("a template has at most {TEMPLATE_BYTES_MAX} bytes"));
    }
    let (pieces, rest) = cut_until(text, false)?;
    if rest.is_empty() { Ok(pieces) } else { Err("`]]` without `[[`".to_owned()) }
}

fn cut_until(text: &str, in_group: bool) -> Result<(Vec<Piece<'_>>, &str), String> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    loop {
        if let Some(tail) = rest.strip_prefix("{{") {
            literal.push('{');
            rest = tail;
        } else if let Some(tail) = rest.strip_prefix("}}") {
            literal.push('}');
            rest = tail;
        } else if let Some(tail) = rest.strip_prefix('{') {
            flush(&mut literal, &mut pieces);
            let (expr, tail) = cut_expr(tail)?;
            pieces.push(Piece::Expr(expr));
            rest = tail;
        } else if rest.starts_with('}') {
            return Err("`}` without `{`: write `}}` for a brace".to_owned());
        } else if let Some(tail) = rest.strip_prefix("[[") {
            if in_group {
                return Err("groups `[[…]]` do not nest".to_owned());
            }
            flush(&mut literal, &mut pieces);
            let (group, tail) = cut_until(tail, true)?;
            let Some(tail) = tail.strip_prefix("]]") else { return Err("`[[` without `]]`".to_owned()) };
            pieces.push(Piece::Group(group));
            rest = tail;
        } else if in_group && rest.starts_with("]]") {
            flush(&mut literal, &mut pieces);
            return Ok((pieces, rest));
        } else if let Some(char) = rest.chars().next() {
            literal.push(char);
            rest = rest.get(char.len_utf8()..).unwrap_or_default();
        } else {
            flush(&mut literal, &mut pieces);
            return Ok((pieces, rest));
        }
    }
}

fn flush(literal: &mut String, pieces: &mut Vec<Piece<'_>>) {
    if !literal.is_empty() {
        pieces.push(Piece::Literal(std::mem::take(literal)));
    }
}

/// The expression up to its own `}`; names in it may hold `{param:…}`.
fn cut_expr(text: &str) -> Result<(&str, &str), String> {
    let mut depth = 0_usize;
    for (at, char) in text.char_indices() {
        match char {
            '{' => depth += 1,
            '}' if depth == 0 => {
                let (expr, rest) = text.split_at(at);
                return Ok((expr, rest.strip_prefix('}').unwrap_or_default()));
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    Err("`{` without `}`: write `{{` for a brace".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_cut_at_braces_and_groups() {
        let literal = |text: &str| Piece::Literal(text.to_owned());
        let rows = [
            ("", vec![]),
            (
                "v0:{timestamp}:{body}",
                vec![literal("v0:"), Piece::Expr("timestamp"), literal(":"), Piece::Expr("body")],
            ),
            ("{{\"type\":1}}", vec![literal("{\"type\":1}")]),
            (
                "a[[.{json:/b}]]]",
                vec![literal("a"), Piece::Group(vec![literal("."), Piece::Expr("json:/b")]), literal("]")],
            ),
            ("{header:{param:h}}", vec![Piece::Expr("header:{param:h}")]),
            ("[accepted]", vec![literal("[accepted]")]),
        ];
        for (text, expected) in rows {
            assert_eq!(cut(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_wrong_template_says_what_is_wrong() {
        for (text, part) in [
            ("{body", "without `}`"),
            ("body}", "without `{`"),
            ("[[a[[b]]]]", "do not nest"),
            ("[[a", "without `]]`"),
            (&"a".repeat(TEMPLATE_BYTES_MAX + 1), "at most 4096"),
        ] {
            let error = cut(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
