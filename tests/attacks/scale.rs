//! How much is tried: little in `make test`, much in `make test-attacks`, for hours in `make fuzz`.

use std::env;
use std::time::Duration;

/// `JETHOOK_ATTACKS=long` is what `make test-attacks` sets.
pub fn is_long() -> bool {
    env::var("JETHOOK_ATTACKS").is_ok_and(|value| value == "long")
}

/// One of two numbers.
pub fn of(short: usize, long: usize) -> usize {
    if is_long() { long } else { short }
}

/// How many mutants are tried: `JETHOOK_ATTACKS_MUTANTS`.
pub fn mutants() -> u64 {
    number("JETHOOK_ATTACKS_MUTANTS").unwrap_or(if is_long() { 10_000_000 } else { 200_000 })
}

/// From which they are made: `JETHOOK_ATTACKS_SEED`. The same seed makes the same mutants.
pub fn seed() -> u64 {
    number("JETHOOK_ATTACKS_SEED").unwrap_or(0x6a65_7468_6f6f_6b21)
}

/// How long each fuzz target runs: `JETHOOK_FUZZ_SECONDS`.
pub fn fuzz_time() -> Duration {
    Duration::from_secs(number("JETHOOK_FUZZ_SECONDS").unwrap_or(if is_long() { 20 } else { 2 }))
}

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}
