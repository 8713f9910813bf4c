//! Which Secrets are to be read: said by the core, followed by those who read, both at the cost of what changed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::core::SecretRef;

/// Changes that are remembered. Who has missed more looks at all.
const REMEMBERED_MAX: usize = 4096;

/// The Secrets that endpoints name, and which of their keys.
pub type NamedSecrets = BTreeMap<SecretRef, Arc<BTreeSet<String>>>;

/// A Secret of which other keys are named now; `None`: it is not named any more.
pub type Renamed = (SecretRef, Option<Arc<BTreeSet<String>>>);

/// All Secrets that are named, and the last changes.
#[derive(Debug, Default)]
pub struct Names {
    all: NamedSecrets,
    /// Changes so far.
    version: u64,
    /// The Secrets of the last ones; the last of all has the number `version`.
    recent: VecDeque<SecretRef>,
}

impl Names {
    /// All that are named.
    #[must_use]
    pub fn all(&self) -> &NamedSecrets {
        &self.all
    }

    /// How many changes there were, for [`Self::since`].
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Takes in changes.
    pub fn change(&mut self, changes: Vec<Renamed>) {
        for (secret, keys) in changes {
            match keys {
                Some(keys) => drop(self.all.insert(secret.clone(), keys)),
                None => drop(self.all.remove(&secret)),
            }
            self.version += 1;
            if self.recent.len() == REMEMBERED_MAX {
                self.recent.pop_front();
            }
            self.recent.push_back(secret);
        }
    }

    /// The Secrets that changed after this version; `None` where that is too long ago.
    #[must_use]
    pub fn since(&self, version: u64) -> Option<impl Iterator<Item = &SecretRef>> {
        let count = usize::try_from(self.version.checked_sub(version)?).ok()?;
        let skipped = self.recent.len().checked_sub(count)?;
        Some(self.recent.iter().skip(skipped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(number: usize) -> SecretRef {
        SecretRef { namespace: "shop".into(), name: format!("s{number:05}").as_str().into() }
    }

    fn named(number: usize) -> Renamed {
        (secret(number), Some(Arc::new(BTreeSet::from(["secret".to_owned()]))))
    }

    fn since(names: &Names, version: u64) -> Option<Vec<SecretRef>> {
        names.since(version).map(|changed| changed.cloned().collect())
    }

    #[test]
    fn who_follows_sees_what_changed_since_then() {
        let mut names = Names::default();
        names.change(vec![named(1), named(2)]);
        assert_eq!(since(&names, 0), Some(vec![secret(1), secret(2)]));
        let version = names.version();
        assert_eq!(since(&names, version), Some(Vec::new()));
        names.change(vec![(secret(1), None)]);
        assert_eq!(since(&names, version), Some(vec![secret(1)]));
        assert_eq!(names.all().keys().collect::<Vec<_>>(), [&secret(2)]);
        assert_eq!(since(&names, names.version() + 1), None, "of another process");
    }

    #[test]
    fn who_missed_too_many_is_told_so() {
        let mut names = Names::default();
        names.change((0..=REMEMBERED_MAX).map(named).collect());
        assert_eq!(since(&names, 0), None);
        assert_eq!(since(&names, 1).unwrap().len(), REMEMBERED_MAX);
        assert_eq!(names.all().len(), REMEMBERED_MAX + 1);
    }
}
