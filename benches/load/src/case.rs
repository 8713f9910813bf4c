//! What is measured: one axis varied at a time around one base case.

use crate::request::{Family, Flaw};

/// How requests are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Each connection sends the next one when it has its answer.
    Closed,
    /// At half of what the floor did in this round; latency counts from when a request was due.
    HalfOfFloor,
}

/// One row of the table.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// Its name.
    pub(crate) name: &'static str,
    pub(crate) family: Family,
    pub(crate) body_bytes: usize,
    pub(crate) connections: usize,
    /// Routes that jethook serves; the floor has one for each family.
    pub(crate) routes: usize,
    pub(crate) flaw: Flaw,
    pub(crate) pace: Pace,
}

/// The case that the others vary.
pub(crate) const BASE: Case = Case {
    name: "base",
    family: Family::Hmac,
    body_bytes: 1536,
    connections: 64,
    routes: 1_000,
    flaw: Flaw::None,
    pace: Pace::Closed,
};

/// All cases of `make bench`; the base comes first, because the pace of others follows from it.
pub(crate) fn all() -> Vec<Case> {
    vec![
        BASE,
        Case { name: "half rate", pace: Pace::HalfOfFloor, ..BASE },
        Case { name: "256 B", body_bytes: 256, ..BASE },
        Case { name: "25 KiB", body_bytes: 25 << 10, ..BASE },
        Case { name: "900 KiB, 8 connections", body_bytes: 900 << 10, connections: 8, ..BASE },
        Case { name: "Standard Webhooks", family: Family::Standard, ..BASE },
        Case { name: "Ed25519", family: Family::Ed25519, ..BASE },
        Case { name: "token", family: Family::Token, ..BASE },
        Case { name: "bad signature", flaw: Flaw::Signature, ..BASE },
        Case { name: "unknown path", flaw: Flaw::Path, ..BASE },
        Case { name: "8 connections", connections: 8, ..BASE },
        Case { name: "1 route", routes: 1, ..BASE },
        Case { name: "10,000 routes", routes: 10_000, ..BASE },
    ]
}

/// The cases in which peers are compared.
pub(crate) fn of_peers() -> Vec<Case> {
    vec![BASE, Case { name: "bad signature", flaw: Flaw::Signature, ..BASE }]
}
