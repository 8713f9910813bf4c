//! How often the derived tests must have tried something, over the whole catalogue: a test that finds nothing to try fails.

/// What is tried, and the least number of tries.
const LEAST: [(&str, usize); 14] = [
    ("vectors", 40),
    ("bodies with another byte", 1_000),
    ("signed values", 10),
    ("edits of signatures and tokens", 4_000),
    ("places without their value", 60),
    ("other keys", 40),
    ("keys of another use", 5),
    ("windows of signed times", 20),
    ("required values", 5),
    ("parameters", 1),
    ("signed here", 30),
    ("bodies that are not JSON", 50),
    ("ids that are signed", 5),
    ("handshakes", 2),
];

/// Fails where less was tried than the catalogue gives occasion for.
#[track_caller]
pub fn enough(what: &str, tried: usize) {
    let (_, least) = LEAST.iter().find(|(name, _)| *name == what).unwrap();
    assert!(tried >= *least, "{what}: {tried} were tried, expected at least {least}");
}
