//! What replicas know of each other's routes: plain values that one tells and the others compare.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

/// Endpoints are told apart so finely: one that a replica lags behind with holds up no more than a thousandth of the new ones.
const BUCKETS: usize = 1024;
/// Bytes of a bucket.
const BUCKET_BYTES: usize = 8;

/// A digest of all routes that a replica serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    buckets: Vec<u64>,
}

/// One endpoint as it is served, within a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    bucket: usize,
    value: u64,
}

/// The other replicas that are ready, as far as they were heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    /// Whether all who are there have had the time to say so.
    pub is_settled: bool,
    /// What each of them serves.
    pub others: Vec<Arc<Digest>>,
}

impl Default for Roster {
    /// Nobody else is there.
    fn default() -> Self {
        Self { is_settled: true, others: Vec::new() }
    }
}

impl Default for Digest {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS] }
    }
}

impl Mark {
    /// Of an endpoint: its object's uid, the generation and the path at which it is served, and how (open, closed).
    #[must_use]
    pub fn new(uid: &str, generation: i64, path: &str, state: &str) -> Self {
        let number = |bytes: &[u8]| bytes.iter().take(BUCKET_BYTES).fold(0, |all, byte| all << 8 | u64::from(*byte));
        let place = number(&Sha256::digest(uid));
        let value = number(&Sha256::digest(format!("{uid}\n{generation}\n{path}\n{state}")));
        Self { bucket: usize::try_from(place % BUCKETS as u64).unwrap_or_default(), value }
    }
}

impl Digest {
    /// Puts an endpoint in, or takes out one that is in.
    pub fn toggle(&mut self, mark: Mark) {
        if let Some(bucket) = self.buckets.get_mut(mark.bucket) {
            *bucket ^= mark.value;
        }
    }

    /// Whether another replica serves the endpoint as this one does, and all others that share its bucket.
    #[must_use]
    pub fn agrees(&self, other: &Self, mark: Mark) -> bool {
        self.buckets.get(mark.bucket) == other.buckets.get(mark.bucket)
    }

    /// To be sent.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.buckets.iter().flat_map(|bucket| bucket.to_be_bytes()).collect()
    }

    /// As it was sent; `None` where that is no digest.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != BUCKETS * BUCKET_BYTES {
            return None;
        }
        let (chunks, _) = bytes.as_chunks::<BUCKET_BYTES>();
        Some(Self { buckets: chunks.iter().map(|chunk| u64::from_be_bytes(*chunk)).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(marks: &[Mark]) -> Digest {
        let mut digest = Digest::default();
        for mark in marks {
            digest.toggle(*mark);
        }
        digest
    }

    #[test]
    fn two_replicas_agree_on_what_both_serve_alike() {
        let [a, b] = ["a", "b"].map(|uid| Mark::new(uid, 1, "/shop/x", "open"));
        let (both, one) = (of(&[a, b]), of(&[b]));
        assert!(both.agrees(&of(&[b, a]), a), "in whatever order they came");
        assert!(!both.agrees(&one, a) && both.agrees(&one, b));
        for other in [("a", 2, "/shop/x", "open"), ("a", 1, "/shop/y", "open"), ("a", 1, "/shop/x", "closed")] {
            let (uid, generation, path, state) = other;
            let other = of(&[Mark::new(uid, generation, path, state), b]);
            assert!(!both.agrees(&other, a), "{uid} {generation} {path} {state}");
        }
        let mut gone = both.clone();
        gone.toggle(a);
        assert_eq!(gone, one);
    }

    #[test]
    fn a_digest_comes_back_as_it_was_sent() {
        let digest = of(&[Mark::new("a", 1, "/shop/x", "open")]);
        let bytes = digest.to_bytes();
        assert_eq!(Digest::from_bytes(&bytes), Some(digest));
        assert_eq!(Digest::from_bytes(&bytes[1..]), None);
        assert_eq!(Digest::from_bytes(&[]), None);
    }
}
