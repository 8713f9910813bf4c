//! What is known of a provider that the cluster defines.

use crate::api::ClusterWebhookProviderSpec;

/// What is known of a provider that the cluster defines.
#[derive(Clone, Copy, Debug)]
pub enum ProviderView<'a> {
    /// They have not been listed yet.
    Unread,
    /// This operator reads none.
    Off,
    /// There is none of this name.
    Missing {
        /// The nearest name, where one is near.
        near: Option<&'a str>,
    },
    /// It is there and can't be read, for this reason.
    Broken(&'a str),
    /// It is there.
    Found(&'a ClusterWebhookProviderSpec),
}

/// The longest name of an object.
const NAME_BYTES_MAX: usize = 253;

impl<'a> ProviderView<'a> {
    /// There is none of this name among those that are known.
    pub fn missing(name: &str, known: impl Iterator<Item = &'a str>) -> Self {
        let distance_max = 1 + name.len() / 4;
        // No name of an object is longer, and to compare a longer text would cost seconds.
        let known = known.filter(|_| name.len() <= NAME_BYTES_MAX);
        let near = known.map(|known| (strsim::damerau_levenshtein(name, known), known));
        let near = near.filter(|(distance, _)| *distance <= distance_max).min().map(|(_, known)| known);
        Self::Missing { near }
    }
}
