//! The table at the end: each attack, what was tried, and how it ended.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The attacks of the threat model, numbered from 1.
pub const ATTACKS: usize = 37;

/// What one attack tried.
#[derive(Debug, Default)]
pub struct Tried {
    refused: AtomicUsize,
    accepted: AtomicUsize,
}

impl Tried {
    /// One more that was refused and left nothing behind.
    pub fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// One more genuine twin that was accepted.
    pub fn accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }
}

struct Row {
    what: &'static str,
    refused: usize,
    accepted: usize,
    is_well: bool,
}

/// Runs one attack and notes how it ended. The one that completes the list prints the table.
pub fn attack(number: usize, what: &'static str, run: impl FnOnce(&Tried)) {
    static ROWS: Mutex<BTreeMap<usize, Row>> = Mutex::new(BTreeMap::new());
    let tried = Tried::default();
    let result = catch_unwind(AssertUnwindSafe(|| run(&tried)));
    let row = Row {
        what,
        refused: tried.refused.into_inner(),
        accepted: tried.accepted.into_inner(),
        is_well: result.is_ok(),
    };
    let is_empty = row.refused == 0 || row.accepted == 0;
    let mut rows = ROWS.lock().unwrap();
    rows.insert(number, row);
    if rows.len() == ATTACKS {
        print(&rows);
    }
    drop(rows);
    if let Err(panic) = result {
        resume_unwind(panic);
    }
    assert!(!is_empty, "attack {number} tried nothing, or no genuine twin");
}

fn print(rows: &BTreeMap<usize, Row>) {
    let mut text =
        String::from("\n  # attack                                                          refused  twins  verdict\n");
    for (number, row) in rows {
        let verdict = if row.is_well { "held" } else { "FAILED" };
        text.push_str(&format!("{number:>3} {:<62} {:>8} {:>6}  {verdict}\n", row.what, row.refused, row.accepted));
    }
    let held = rows.values().filter(|row| row.is_well).count();
    text.push_str(&format!("{held} of {ATTACKS} attacks held\n\n"));
    // Straight to the terminal: what tests print is kept back where they pass.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
