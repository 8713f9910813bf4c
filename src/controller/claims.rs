//! Which endpoint owns a path: the oldest that claims it.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use crate::route::EndpointRef;

/// Who claims which path. Nothing here knows whether the rest of a spec is accepted: a typo hands no path over.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// Sorted; nearly always one.
    by_path: HashMap<Box<str>, Vec<(Timestamp, EndpointRef)>>,
}

impl Claims {
    /// The owner of a path: by creation time, then namespace and name.
    pub(super) fn owner(&self, path: &str) -> Option<&EndpointRef> {
        self.by_path.get(path)?.first().map(|(_, endpoint)| endpoint)
    }

    /// Adds a claim. The endpoints whose standing may differ now are added to `touched`.
    pub(super) fn add(
        &mut self,
        path: &str,
        created: Timestamp,
        endpoint: &EndpointRef,
        touched: &mut BTreeSet<EndpointRef>,
    ) {
        let claimants = self.by_path.entry(path.into()).or_insert_with(|| Vec::with_capacity(1));
        let claim = (created, endpoint.clone());
        if claimants.first().is_none_or(|first| claim < *first) {
            touched.extend(claimants.iter().map(|(_, rival)| rival.clone()));
        }
        touched.insert(endpoint.clone());
        if let Err(at) = claimants.binary_search(&claim) {
            claimants.insert(at, claim);
        }
    }

    /// Takes a claim back. The endpoints whose standing may differ now are added to `touched`.
    pub(super) fn remove(
        &mut self,
        path: &str,
        created: Timestamp,
        endpoint: &EndpointRef,
        touched: &mut BTreeSet<EndpointRef>,
    ) {
        let Some(claimants) = self.by_path.get_mut(path) else { return };
        let claim = (created, endpoint.clone());
        let was_owner = claimants.first() == Some(&claim);
        if let Ok(at) = claimants.binary_search(&claim) {
            claimants.remove(at);
        }
        if was_owner {
            touched.extend(claimants.iter().map(|(_, rival)| rival.clone()));
        }
        if claimants.is_empty() {
            self.by_path.remove(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(namespace: &str, name: &str) -> EndpointRef {
        EndpointRef { namespace: namespace.into(), name: name.into() }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_oldest_owns_and_the_next_inherits() {
        let mut claims = Claims::default();
        let (old, young) = (endpoint("z", "old"), endpoint("a", "young"));
        let mut touched = BTreeSet::new();
        claims.add("/p", at(2), &young, &mut touched);
        assert_eq!(claims.owner("/p"), Some(&young));
        touched.clear();
        claims.add("/p", at(1), &old, &mut touched);
        assert_eq!(claims.owner("/p"), Some(&old));
        assert_eq!(touched, [young.clone(), old.clone()].into());
        touched.clear();
        claims.remove("/p", at(1), &old, &mut touched);
        assert_eq!(touched, [young.clone()].into());
        assert_eq!(claims.owner("/p"), Some(&young));
        claims.remove("/p", at(2), &young, &mut touched);
        assert_eq!(claims.owner("/p"), None);
        assert!(claims.by_path.is_empty());
    }

    #[test]
    fn equal_ages_go_by_namespace_and_name() {
        let mut claims = Claims::default();
        for (namespace, name) in [("b", "a"), ("a", "b"), ("a", "c")] {
            claims.add("/p", at(1), &endpoint(namespace, name), &mut BTreeSet::new());
        }
        assert_eq!(claims.owner("/p"), Some(&endpoint("a", "b")));
    }

    #[test]
    fn a_rival_that_loses_touches_nobody_else() {
        let mut claims = Claims::default();
        let mut touched = BTreeSet::new();
        claims.add("/p", at(1), &endpoint("a", "a"), &mut touched);
        touched.clear();
        claims.add("/p", at(2), &endpoint("a", "b"), &mut touched);
        assert_eq!(touched, [endpoint("a", "b")].into());
        touched.clear();
        claims.remove("/p", at(2), &endpoint("a", "b"), &mut touched);
        assert!(touched.is_empty());
    }
}
