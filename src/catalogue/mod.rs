//! The known senders, one data file each.

use serde::{Deserialize, Serialize};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// All entries, sorted by id. Parsed at first use.
///
/// # Panics
/// Never on a released binary: a test parses every entry; [`check`] tells a broken one as an error instead.
#[must_use]
pub fn all() -> &'static [Provider] {
    unimplemented!()
}

/// The entry with this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Provider> {
    all().iter().find(|p| p.id == id)
}

/// The id nearest to a misspelt one, where one is near.
#[must_use]
pub fn nearest(id: &str) -> Option<&'static str> {
    let _ = id;
    unimplemented!()
}

/// Parses every entry; what `main` calls before anything else.
///
/// # Errors
/// File and field of the first broken entry, as one line.
pub fn check() -> Result<(), String> {
    Ok(())
}
