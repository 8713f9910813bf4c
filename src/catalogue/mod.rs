//! The known senders, one data file each.

mod page;

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use page::page;

use crate::scheme::Verification;

/// A provider described as data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Provider {
    /// The id: the file's name, a DNS label.
    #[serde(skip_deserializing)]
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// The page that the scheme follows.
    pub docs: String,
    /// When someone last compared the two, `YYYY-MM-DD`.
    pub checked: String,
    /// How well it is known.
    pub maturity: Maturity,
    /// What an admin must know: where to paste the URL, where to find the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// The scheme.
    pub verification: Verification,
}

/// How well an entry is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Maturity {
    /// Deliveries made by the provider, its SDK or its documentation verify, and altered ones are refused.
    Proven,
    /// The provider's own page or source was read.
    Documented,
    /// An independent receiver agrees; no primary source was at hand.
    Reported,
}

impl Maturity {
    /// As entries write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Documented => "documented",
            Self::Reported => "reported",
        }
    }
}

/// The files of `entries`, by id.
const ENTRIES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/entries.rs"));

static PARSED: LazyLock<(Vec<Provider>, Option<String>)> = LazyLock::new(|| {
    let (mut providers, mut fault) = (Vec::with_capacity(ENTRIES.len()), None);
    for (id, text) in ENTRIES {
        match parse(id, text) {
            Ok(provider) => providers.push(provider),
            Err(message) => {
                fault.get_or_insert(message);
            }
        }
    }
    (providers, fault)
});

/// All entries, sorted by id. Parsed at first use; one that does not parse is left out, and [`check`] tells it.
#[must_use]
pub fn all() -> &'static [Provider] {
    &PARSED.0
}

/// The entry with this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Provider> {
    all().binary_search_by(|provider| provider.id.as_str().cmp(id)).ok().and_then(|at| all().get(at))
}

/// A longer text is no misspelt id: to compare it with all of them would cost seconds.
const MISSPELT_BYTES_MAX: usize = 100;

/// The id nearest to a misspelt one, where one is near.
#[must_use]
pub fn nearest(id: &str) -> Option<&'static str> {
    if id.len() > MISSPELT_BYTES_MAX {
        return None;
    }
    let id = id.to_lowercase();
    let distance_max = 1 + id.len() / 4;
    let near = |known: &'static str| {
        let is_part = id.len() >= 4 && (known.starts_with(&id) || id.starts_with(known));
        let distance = strsim::damerau_levenshtein(&id, known);
        (is_part || distance <= distance_max).then_some((distance, known))
    };
    all().iter().filter_map(|provider| near(&provider.id)).min().map(|(_, known)| known)
}

/// Parses every entry; what `main` calls before anything else.
///
/// # Errors
/// File and field of the first broken entry, as one line.
pub fn check() -> Result<(), String> {
    PARSED.1.clone().map_or(Ok(()), Err)
}

/// Parses one entry.
///
/// # Errors
/// File, line and field of the fault, as one line.
pub fn parse(id: &str, text: &str) -> Result<Provider, String> {
    let file = format!("src/catalogue/entries/{id}.toml");
    let mut provider: Provider = toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = 1 + before.matches('\n').count();
        format!("{file}:{line}: {}", error.message().replace('\n', " "))
    })?;
    id.clone_into(&mut provider.id);
    Ok(provider)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = r#"
name = "Acme"
docs = "https://example.com"
checked = "2026-11-24"
maturity = "reported"
[verification]
token = { from = ["header:X-Token"] }
"#;

    #[test]
    fn an_entry_gets_its_id_from_its_file() {
        let provider = parse("acme", ENTRY).unwrap();
        assert_eq!((provider.id.as_str(), provider.maturity), ("acme", Maturity::Reported));
    }

    #[test]
    fn a_broken_entry_is_told_with_file_and_line() {
        let error = parse("acme", &ENTRY.replace("token =", "tokne =")).unwrap_err();
        assert!(error.starts_with("src/catalogue/entries/acme.toml:7: "), "{error}");
        assert!(error.contains("tokne") && !error.contains('\n'), "{error}");
        for wrong in ["fetch = 1", "keys = { signing = { fetch = {} } }", "none = 1"] {
            assert!(parse("acme", &format!("{ENTRY}{wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_entry_parses_in_order() {
        check().unwrap();
        assert_eq!(all().len(), ENTRIES.len());
        assert!(all().windows(2).all(|pair| pair[0].id < pair[1].id));
        assert!(all().iter().all(|provider| find(&provider.id) == Some(provider)));
    }

    #[test]
    fn a_near_id_is_named_and_a_far_one_not() {
        assert_eq!(nearest("gihtub"), Some("github"));
        assert_eq!(nearest("Stripe"), Some("stripe"));
        assert_eq!(nearest("salesforce-outbund"), Some("salesforce-outbound"));
        assert_eq!(nearest("something-else"), None);
        let began = std::time::Instant::now();
        assert_eq!(nearest(&"github".repeat(50_000)), None);
        assert!(began.elapsed() < std::time::Duration::from_secs(1), "{:?}", began.elapsed());
    }
}
