//! Figures and bars.

use std::time::Duration;

use comfy_table::{Table, presets};
use serde_json::{Map, Value, json};

use crate::asked::Asked;

/// What was measured.
#[derive(Debug)]
pub struct Report {
    figures: Vec<Figure>,
    asked: Map<String, Value>,
    /// Cores in use without changes.
    pub rest: f64,
}

#[derive(Debug)]
struct Figure {
    name: String,
    value: f64,
    /// The most it may be.
    bar: Option<f64>,
}

impl Figure {
    fn is_well(&self) -> bool {
        self.bar.is_none_or(|bar| self.value <= bar)
    }
}

impl Report {
    pub fn new(endpoints: usize) -> Self {
        let mut report = Self { figures: Vec::new(), asked: Map::new(), rest: 0.0 };
        report.figure("endpoints", endpoints as f64);
        report
    }

    pub fn figure(&mut self, name: &str, value: f64) {
        eprintln!("   {name}: {}", shown(value));
        self.figures.push(Figure { name: name.to_owned(), value, bar: None });
    }

    /// A figure that may be so large at most.
    pub fn bar(&mut self, name: &str, value: f64, bar: f64) {
        eprintln!("   {name}: {} (at most {})", shown(value), shown(bar));
        self.figures.push(Figure { name: name.to_owned(), value, bar: Some(bar) });
    }

    /// The kinds of requests.
    pub fn asked(&mut self, name: &str, asked: &Asked) {
        self.asked.insert(name.to_owned(), json!(asked.kinds()));
    }

    pub fn is_well(&self) -> bool {
        self.figures.iter().all(Figure::is_well)
    }

    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        table.set_header(["figure", "measured", "at most", ""]);
        for figure in &self.figures {
            let bar = figure.bar.map(shown).unwrap_or_default();
            let verdict = if figure.is_well() { "" } else { "MISSED" };
            table.add_row([figure.name.clone(), shown(figure.value), bar, verdict.to_owned()]);
        }
        for (name, kinds) in &self.asked {
            for (kind, count) in kinds.as_object().into_iter().flatten() {
                table.add_row([format!("{name}: {kind}"), count.to_string(), String::new(), String::new()]);
            }
        }
        table.to_string()
    }

    pub fn json(&self) -> Value {
        let figures = self.figures.iter().map(|figure| {
            let Figure { name, value, bar } = figure;
            json!({"figure": name, "measured": value, "at_most": bar, "is_well": figure.is_well()})
        });
        json!({"figures": figures.collect::<Vec<_>>(), "requests": self.asked})
    }
}

fn shown(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

pub fn milliseconds(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

/// The value that this share does not exceed.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(at.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(f64::NAN)
}
