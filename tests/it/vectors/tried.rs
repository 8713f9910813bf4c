//! How often the derived tests must have tried something, over the whole catalogue: a test that finds nothing to try fails.

/// What is tried, and the least number of tries.
const LEAST: [(&str, usize); 14] = [
    ("vectors", 400),
    ("bodies with another byte", 10_000),
    ("signed values", 100),
    ("edits of signatures and tokens", 30_000),
    ("places without their value", 500),
    ("other keys", 300),
    ("keys of another use", 300),
    ("windows of signed times", 60),
    ("required values", 20),
    ("parameters", 20),
    ("signed here", 300),
    ("bodies that are not JSON", 500),
    ("ids that are signed", 100),
    ("handshakes", 10),
];

/// Fails where less was tried than the catalogue gives occasion for.
#[track_caller]
pub fn enough(what: &str, tried: usize) {
    let (_, least) = LEAST.iter().find(|(name, _)| *name == what).unwrap();
    assert!(tried >= *least, "{what}: {tried} were tried, expected at least {least}");
}
