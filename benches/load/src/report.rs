//! Rows, their medians, and the table.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// More than this share of the CPU taken by the host, in percent, and a row says more about the host than the receiver.
const STEAL_MAX_PERCENT: f64 = 5.0;

/// One receiver in one case in one round.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) case: &'static str,
    pub(crate) receiver: String,
    pub(crate) round: u32,
    /// Answers of the expected kind.
    pub(crate) answered: u64,
    pub(crate) by_status: BTreeMap<u16, u64>,
    pub(crate) per_second: f64,
    /// The receiver's, per 1,000 answers, in milliseconds.
    pub(crate) cpu_ms: f64,
    /// nats-server's.
    pub(crate) store_cpu_ms: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) memory_mb: f64,
    pub(crate) steal_percent: f64,
    /// What is wrong with the row itself: answers of another kind, fewer events stored than acknowledged.
    pub(crate) fault: Option<String>,
}

impl Row {
    fn is_kept(&self) -> bool {
        self.steal_percent <= STEAL_MAX_PERCENT && self.fault.is_none()
    }

    fn json(&self) -> Value {
        json!({
            "case": self.case, "receiver": self.receiver, "round": self.round, "answered": self.answered,
            "by_status": self.by_status.iter().map(|(status, count)| (status.to_string(), *count)).collect::<BTreeMap<_, _>>(),
            "per_second": self.per_second, "cpu_ms_per_1000": self.cpu_ms, "store_cpu_ms_per_1000": self.store_cpu_ms,
            "p50_ms": self.p50_ms, "p99_ms": self.p99_ms, "p999_ms": self.p999_ms, "peak_memory_mb": self.memory_mb,
            "steal_percent": self.steal_percent, "fault": self.fault, "kept": self.is_kept(),
        })
    }
}

/// The medians of one receiver in one case.
#[derive(Clone, Copy, Debug)]
struct Medians {
    rows: usize,
    per_second: f64,
    cpu_ms: f64,
    store_cpu_ms: f64,
    p50_ms: f64,
    p99_ms: f64,
    p999_ms: f64,
    memory_mb: f64,
}

/// All that was measured.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<Row>);

impl Report {
    /// Adds a row.
    pub(crate) fn push(&mut self, row: Row) {
        self.0.push(row);
    }

    /// Every row, also those thrown away.
    pub(crate) fn json(&self) -> Value {
        json!({ "steal_percent_max": STEAL_MAX_PERCENT, "rows": self.0.iter().map(Row::json).collect::<Vec<_>>() })
    }

    /// The table in Markdown: medians, and for each figure the ratio to the first receiver's.
    pub(crate) fn table(&self) -> String {
        let mut text = "| case | receiver | rows | per second | CPU ms per 1,000 | with the store's | p50 ms | p99 ms | p99.9 ms | peak MB |\n|---|---|---|---|---|---|---|---|---|---|\n".to_owned();
        for case in self.distinct(|row| row.case.to_owned()) {
            let mut first = None;
            for receiver in self.distinct(|row| row.receiver.clone()) {
                let rows = || self.0.iter().filter(|row| row.case == case && row.receiver == receiver);
                if rows().next().is_none() {
                    continue;
                }
                let Some(medians) = medians(&rows().filter(|row| row.is_kept()).collect::<Vec<_>>()) else {
                    text += &format!("| {case} | {receiver} | none of {} kept | | | | | | | |\n", rows().count());
                    continue;
                };
                let beside = |figure: fn(&Medians) -> f64| {
                    let own = figure(&medians);
                    let shown = if own >= 1000.0 { format!("{own:.0}") } else { format!("{own:.2}") };
                    match &first {
                        Some(first) => format!("{shown} ({:.2} ×)", own / figure(first)),
                        None => shown,
                    }
                };
                text += &format!(
                    "| {case} | {receiver} | {} of {} | {} | {} | {} | {} | {} | {} | {} |\n",
                    medians.rows,
                    rows().count(),
                    beside(|of| of.per_second),
                    beside(|of| of.cpu_ms),
                    beside(|of| of.cpu_ms + of.store_cpu_ms),
                    beside(|of| of.p50_ms),
                    beside(|of| of.p99_ms),
                    beside(|of| of.p999_ms),
                    beside(|of| of.memory_mb),
                );
                first.get_or_insert(medians);
            }
        }
        let faults = self.0.iter().filter_map(|row| {
            let fault = row.fault.as_ref()?;
            Some(format!("thrown away: {}, {}, round {}: {fault}\n", row.case, row.receiver, row.round))
        });
        let stolen = self.0.iter().filter(|row| row.steal_percent > STEAL_MAX_PERCENT).count();
        let stolen = (stolen > 0).then(|| {
            format!("thrown away: {stolen} rows in which the host took more than {STEAL_MAX_PERCENT} % of the CPU\n")
        });
        text + &faults.chain(stolen).collect::<String>()
    }

    /// Whether no row has a fault.
    pub(crate) fn is_sound(&self) -> bool {
        self.0.iter().all(|row| row.fault.is_none())
    }

    fn distinct(&self, name: impl Fn(&Row) -> String) -> Vec<String> {
        let mut names = Vec::new();
        for row in &self.0 {
            let name = name(row);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

fn medians(rows: &[&Row]) -> Option<Medians> {
    let median = |figure: fn(&Row) -> f64| {
        let mut figures: Vec<f64> = rows.iter().map(|row| figure(row)).collect();
        figures.sort_by(f64::total_cmp);
        let middle = figures.len() / 2;
        let upper = *figures.get(middle)?;
        if figures.len() % 2 == 1 {
            return Some(upper);
        }
        Some(f64::midpoint(upper, *figures.get(middle.checked_sub(1)?)?))
    };
    Some(Medians {
        rows: rows.len(),
        per_second: median(|row| row.per_second)?,
        cpu_ms: median(|row| row.cpu_ms)?,
        store_cpu_ms: median(|row| row.store_cpu_ms)?,
        p50_ms: median(|row| row.p50_ms)?,
        p99_ms: median(|row| row.p99_ms)?,
        p999_ms: median(|row| row.p999_ms)?,
        memory_mb: median(|row| row.memory_mb)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(receiver: &str, cpu_ms: f64, steal_percent: f64) -> Row {
        Row {
            case: "base",
            receiver: receiver.to_owned(),
            round: 1,
            answered: 1,
            by_status: BTreeMap::new(),
            per_second: 2000.0,
            cpu_ms,
            store_cpu_ms: 1.0,
            p50_ms: 1.0,
            p99_ms: 1.0,
            p999_ms: 1.0,
            memory_mb: 1.0,
            steal_percent,
            fault: None,
        }
    }

    #[test]
    fn a_row_counts_unless_the_host_took_the_cpu() {
        let mut report = Report::default();
        for (receiver, cpu_ms, steal) in
            [("floor", 20.0, 0.0), ("floor", 90.0, 5.1), ("jethook", 10.0, 5.0), ("jethook", 14.0, 0.0)]
        {
            report.push(row(receiver, cpu_ms, steal));
        }
        let table = report.table();
        assert!(table.contains("| base | floor | 1 of 2 | 2000 | 20.00 |"), "{table}");
        assert!(
            table.contains("| base | jethook | 2 of 2 | 2000 (1.00 ×) | 12.00 (0.60 ×) | 13.00 (0.62 ×) |"),
            "{table}"
        );
        assert!(table.contains("thrown away: 1 rows"), "{table}");
    }

    #[test]
    fn a_faulty_row_is_told_and_never_counted() {
        let mut report = Report::default();
        report.push(Row { fault: Some("40 answers were 503".to_owned()), ..row("floor", 20.0, 0.0) });
        assert!(!report.is_sound());
        let table = report.table();
        assert!(table.contains("none of 1 kept") && table.contains("40 answers were 503"), "{table}");
    }
}
