//! A genuine delivery, ready to be altered, and what its entry says of its parts.

use std::sync::LazyLock;

use jethook::catalogue;
use jethook::scheme::spec::{Mac, PublicKeySignature, Timestamp, Unit, Verification};
use jethook::scheme::{Authenticates, Dialect, Keyring, Rejection, Scheme, Verdict};
use jiff::Timestamp as Instant;

use super::place::Place;
use super::vector::{Request, Vector, all};

/// A vector that comes with a proof: a delivery, or a handshake that is answered after verification.
pub struct Case {
    pub vector: Vector,
    pub scheme: Scheme,
    pub keys: Keyring,
    pub request: Request,
}

/// The references that have a name behind a colon; anything else there is a function.
const KINDS: [&str; 12] =
    ["header", "query", "form", "soleForm", "json", "item", "xml", "claim", "field", "param", "let", "secret"];

/// Where a signature, a token or a time is, and which items of it count.
pub struct Source {
    pub from: Vec<Place>,
    pub split: String,
    pub prefix: String,
    pub skip: usize,
    /// Whether a header may come in several lines.
    pub lines: bool,
    /// Whether one item counts where none has a prefix.
    pub is_single: bool,
}

/// All vectors that come with a proof.
pub fn cases() -> &'static [Case] {
    static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
        let case = |vector: Vector| {
            let scheme = vector.scheme();
            let (keys, request) = (vector.keyring(&scheme), vector.request());
            Case { vector, scheme, keys, request }
        };
        all()
            .into_iter()
            .map(case)
            .filter(|case| case.scheme.greet(&case.keys, &case.request.delivery()).is_none())
            .collect()
    });
    super::tried::enough("vectors", CASES.len());
    &CASES
}

impl Case {
    pub fn verify(&self, request: &Request, now: Instant) -> Result<Verdict, Rejection> {
        self.vector.verify(&self.scheme, &self.keys, &request.delivery(), now)
    }

    pub fn accepts(&self, request: &Request) -> bool {
        self.verify(request, self.vector.now()).is_ok()
    }

    #[track_caller]
    pub fn refused(&self, what: &str, request: &Request) -> Rejection {
        match self.verify(request, self.vector.now()) {
            Ok(_) => panic!("{}: {what} is accepted", self.vector.file),
            Err(rejection) => rejection,
        }
    }

    pub fn spec(&self) -> &'static Verification {
        &catalogue::find(&self.vector.provider).unwrap().verification
    }

    pub fn covers_body(&self) -> bool {
        self.scheme.authenticates(&self.keys) == Authenticates::Body
    }

    /// Whether a family with this use has a key.
    pub fn is_armed(&self, name: &str) -> bool {
        let is_given = self.vector.secrets.iter().any(|given| given.parts().0 == name);
        is_given || self.spec().keys.get(name).is_some_and(|key| !key.is_secret())
    }

    /// The texts that families with keys sign.
    pub fn signed(&self) -> Vec<&'static str> {
        let spec = self.spec();
        let macs = spec.hmac.iter().chain(&spec.hash).filter(|mac| self.is_armed(&mac.key));
        let keys = spec.public_key.iter().filter(|key| self.is_armed(&key.key));
        macs.map(|mac| mac.signed.as_str()).chain(keys.map(|key| key.signed.as_str())).collect()
    }

    /// Whether any family signs the time that the entry names.
    pub fn reads_time(&self) -> bool {
        let spec = self.spec();
        // Where each place of the time is a parameter without a value, there is none.
        let is_named = |text: &String| !self.filled(text).ends_with(":absent");
        if spec.timestamp.as_ref().is_some_and(|time| !time.from.iter().any(is_named)) {
            return false;
        }
        let standard = spec.standard_webhooks.as_ref().is_some_and(|family| self.is_armed(&family.key));
        !self.signed().is_empty() || standard
    }

    /// Everything without which the delivery can't verify.
    pub fn sources(&self) -> Vec<Source> {
        let spec = self.spec();
        let mut sources = Vec::new();
        sources.extend(
            spec.hmac.iter().chain(&spec.hash).filter(|mac| self.is_armed(&mac.key)).map(|mac| self.of_mac(mac)),
        );
        sources.extend(spec.public_key.iter().filter(|key| self.is_armed(&key.key)).map(|key| self.of_key(key)));
        sources.extend(spec.timestamp.iter().filter(|_| self.reads_time()).map(|time| self.of_time(time)));
        if let Some(token) = spec.token.as_ref().filter(|token| self.is_armed(&token.key)) {
            sources.push(self.plain(&token.from, &token.prefix));
        }
        if let Some(jwt) = spec.jwt.as_ref().filter(|jwt| self.is_armed(&jwt.key)) {
            sources.push(self.plain(&jwt.from, &jwt.prefix));
        }
        if let Some(standard) = spec.standard_webhooks.as_ref().filter(|standard| self.is_armed(&standard.key)) {
            for suffix in ["id", "timestamp", "signature"] {
                let from: Vec<_> = standard.headers.iter().map(|prefix| format!("header:{prefix}-{suffix}")).collect();
                let (split, prefix) = if suffix == "signature" { (" ", self.standard_version()) } else { ("", "") };
                sources.push(Source { split: split.to_owned(), ..self.plain(&from, prefix) });
            }
        }
        if let Some(http) = spec.http_signature.as_ref().filter(|http| self.is_armed(&http.key)) {
            let names: &[&str] = match http.dialect {
                Dialect::Rfc9421 => &["header:signature", "header:signature-input"],
                Dialect::Cavage => &["header:signature"],
            };
            // What does not verify for its form alone is told apart by the language's own tests.
            sources.extend(names.iter().map(|name| Source { skip: 9, ..self.plain(&[(*name).to_owned()], "") }));
        }
        sources
    }

    /// A text with its parameters put in.
    pub fn filled(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, parameter) in &self.spec().parameters {
            let value = self.vector.parameters.get(name).or(parameter.default.as_ref());
            text = text.replace(&format!("{{param:{name}}}"), value.map_or("absent", String::as_str));
        }
        text
    }

    pub fn place(&self, text: &str) -> Place {
        Place::parse(&self.filled(text), self.spec().each.as_deref())
    }

    /// For each expression of a text the place of the first alternative that the request has.
    pub fn places(&self, text: &str) -> Vec<Place> {
        let mut found = Vec::new();
        for expr in exprs(&self.filled(text)) {
            let mut refs = expr.trim_end_matches('?');
            while let Some((head, rest)) = refs.split_once(':').filter(|(head, _)| !KINDS.contains(head)) {
                // A function, whatever it is.
                debug_assert!(!head.is_empty());
                refs = rest;
            }
            for alternative in refs.split('|') {
                if let Some(name) = alternative.strip_prefix("let:") {
                    found.extend(self.places(&self.spec().lets[name].0));
                    break;
                }
                let place = self.place(alternative);
                if place.get(&self.request).is_some() {
                    found.push(place);
                    break;
                }
                // What can't be read from here may be what counts.
                if matches!(place, Place::Other(_)) {
                    break;
                }
            }
        }
        found
    }

    /// The tolerance of the one window that the scheme has, in seconds; `None` where it has none or several.
    pub fn window(&self) -> Option<i64> {
        let spec = self.spec();
        let time = spec.timestamp.as_ref().filter(|time| self.reads_time() && time.unit != Unit::None);
        let time = time.map(|time| time.tolerance.clone());
        let standard = spec.standard_webhooks.as_ref().filter(|family| self.is_armed(&family.key));
        let http = spec.http_signature.as_ref().filter(|family| self.is_armed(&family.key));
        let jwt = spec.jwt.as_ref().filter(|family| self.is_armed(&family.key));
        let windows = [time, standard.map(|_| Some("300s".to_owned())), http.map(|http| http.max_age.clone())];
        match windows.into_iter().flatten().collect::<Vec<_>>().as_slice() {
            [Some(only)] if jwt.is_none() => Some(seconds(only)),
            _ => None,
        }
    }

    fn standard_version(&self) -> &'static str {
        let is_public = |given: &super::vector::Given| given.parts().1.starts_with("whpk_");
        if self.vector.secrets.iter().any(is_public) { "v1a," } else { "v1," }
    }

    fn of_mac(&self, mac: &Mac) -> Source {
        let (split, skip, lines) = (mac.split.clone(), usize::from(mac.skip), mac.lines);
        Source { split, skip, lines, is_single: false, ..self.plain(&mac.from, &mac.prefix) }
    }

    fn of_key(&self, key: &PublicKeySignature) -> Source {
        let (split, skip, lines) = (key.split.clone(), usize::from(key.skip), key.lines);
        Source { split, skip, lines, is_single: false, ..self.plain(&key.from, &key.prefix) }
    }

    fn of_time(&self, time: &Timestamp) -> Source {
        Source { split: time.split.clone(), ..self.plain(&time.from, &time.prefix) }
    }

    fn plain(&self, from: &[String], prefix: &str) -> Source {
        // Numbered headers are as many places.
        let numbers = |text: &String| match text.strip_suffix('#') {
            Some(prefix) => (1..10).map(|number| format!("{prefix}{number}")).collect(),
            None => vec![text.clone()],
        };
        let from = from.iter().flat_map(numbers).map(|text| self.place(&text)).collect();
        let prefix = self.filled(prefix);
        Source { from, split: String::new(), prefix, skip: 0, lines: false, is_single: true }
    }
}

impl Source {
    /// The places that the request has.
    pub fn present(&self, request: &Request) -> Vec<&Place> {
        self.from.iter().filter(|place| place.get(request).is_some()).collect()
    }

    /// Where the items of a value are that may be what is looked for.
    pub fn items(&self, value: &str) -> Vec<std::ops::Range<usize>> {
        let mut items = Vec::new();
        let mut start = 0;
        for piece in value.split(|c| self.split.contains(c)) {
            let lead = piece.len() - piece.trim_start().len();
            let length = if self.split.is_empty() { piece.len() } else { piece.trim().len() };
            let lead = if self.split.is_empty() { 0 } else { lead };
            items.push(start + lead..start + lead + length);
            start += piece.len() + 1;
        }
        let counts = |range: &std::ops::Range<usize>| value[range.clone()].starts_with(&self.prefix);
        let most = if self.is_single && self.prefix.is_empty() { 1 } else { usize::MAX };
        items.into_iter().skip(self.skip).filter(counts).take(most).collect()
    }
}

/// The expressions of a text, without their braces.
pub fn exprs(text: &str) -> Vec<String> {
    let text = text.replace("{{", "").replace("}}", "");
    text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())).collect()
}

/// The seconds of a duration as entries write it.
pub fn seconds(text: &str) -> i64 {
    let (mut total, mut number) = (0, String::new());
    let mut rest = text.chars().peekable();
    while let Some(char) = rest.next() {
        match char {
            '0'..='9' => number.push(char),
            'm' if rest.peek() == Some(&'s') => return total,
            unit => {
                let each = match unit {
                    's' => 1,
                    'm' => 60,
                    'h' => 3_600,
                    'd' => 86_400,
                    _ => panic!("{text} is no duration"),
                };
                total += number.parse::<i64>().unwrap() * each;
                number.clear();
            }
        }
    }
    total
}
