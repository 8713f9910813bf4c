//! Whether this process is alive and ready; handles for those who know.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

/// A part of the process that has not shown life for this long is dead.
const PULSE_MAX: Duration = Duration::from_secs(30);
/// How often a part shows life.
pub const PULSE_EVERY: Duration = Duration::from_secs(2);

/// Gates that must all be open for readiness, and pulses that must all beat for liveness.
#[derive(Clone, Debug, Default)]
pub struct Health {
    gates: Arc<Mutex<BTreeMap<&'static str, Gate>>>,
    pulses: Arc<Mutex<Vec<(String, Pulse)>>>,
}

/// One condition of readiness.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<AtomicBool>);

/// The sign of life of one part.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<AtomicI64>);

impl Gate {
    /// From now on this condition holds.
    pub fn open(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// From now on it does not.
    pub fn close(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Whether it holds.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Pulse {
    /// Shows life.
    pub fn beat(&self, now: Timestamp) {
        self.0.store(now.as_second(), Ordering::Relaxed);
    }
}

impl Health {
    /// The gate of this name, closed at first.
    #[must_use]
    pub fn gate(&self, name: &'static str) -> Gate {
        lock(&self.gates).entry(name).or_default().clone()
    }

    /// A pulse that must beat at least every 30 s from now on.
    #[must_use]
    pub fn pulse(&self, name: impl Into<String>, now: Timestamp) -> Pulse {
        let pulse = Pulse(Arc::new(AtomicI64::new(now.as_second())));
        lock(&self.pulses).push((name.into(), pulse.clone()));
        pulse
    }

    /// The gates that are closed; empty means ready.
    #[must_use]
    pub fn closed(&self) -> Vec<&'static str> {
        lock(&self.gates).iter().filter(|(_, gate)| !gate.is_open()).map(|(name, _)| *name).collect()
    }

    /// The parts that have shown no life for 30 s; empty means alive.
    #[must_use]
    pub fn dead(&self, now: Timestamp) -> Vec<String> {
        let is_dead = |pulse: &Pulse| {
            let silent = now.as_second().saturating_sub(pulse.0.load(Ordering::Relaxed));
            u64::try_from(silent).is_ok_and(|seconds| seconds > PULSE_MAX.as_secs())
        };
        lock(&self.pulses).iter().filter(|(_, pulse)| is_dead(pulse)).map(|(name, _)| name.clone()).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_means_that_every_gate_is_open() {
        let health = Health::default();
        let (routes, nats) = (health.gate("routes"), health.gate("nats"));
        assert_eq!(health.closed(), ["nats", "routes"]);
        routes.open();
        nats.open();
        assert!(health.closed().is_empty());
        health.gate("nats").close();
        assert_eq!(health.closed(), ["nats"]);
    }

    #[test]
    fn a_part_without_a_pulse_for_30_s_is_dead() {
        let health = Health::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        let pulse = health.pulse("worker 0", at(100));
        assert!(health.dead(at(130)).is_empty());
        assert_eq!(health.dead(at(131)), ["worker 0"]);
        pulse.beat(at(131));
        assert!(health.dead(at(140)).is_empty());
    }
}
