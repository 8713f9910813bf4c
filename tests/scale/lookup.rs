//! Whether finding a route takes longer where there are more of them.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use jethook::metrics::Metrics;
use jethook::route::{EndpointRef, Handles, Routes, Table, Usage, closed};

use crate::report::Report;

const SIZES: [usize; 3] = [1, 1_000, 10_000];
const TIMES: u32 = 200_000;
const ROUNDS: usize = 9;
/// The same path again and again: what is left of the table's size is its own doing.
const GROWTH_BAR: f64 = 1.5;

pub fn measure(report: &mut Report) {
    let mut first = None;
    for size in SIZES {
        let (served, path) = (table(size), path(size - 1));
        let once = || {
            let began = Instant::now();
            (0..TIMES).for_each(|_| assert!(served.load().find(black_box(&path)).is_some()));
            began.elapsed().as_nanos() as f64 / f64::from(TIMES)
        };
        let least = (0..ROUNDS).map(|_| once()).fold(f64::INFINITY, f64::min);
        report.figure(&format!("look-up among {size} routes, ns"), least);
        let first = *first.get_or_insert(least);
        if size == SIZES[SIZES.len() - 1] {
            report.bar("growth of the look-up", least / first, GROWTH_BAR);
        }
    }
}

/// Names of one length, so that hashing them costs the same.
fn path(number: usize) -> String {
    format!("/bench/endpoint-{number:05}")
}

fn table(size: usize) -> Routes {
    let metrics = Metrics::default();
    let routes: HashMap<_, _> = (0..size)
        .map(|number| {
            let endpoint = EndpointRef { namespace: "bench".into(), name: format!("endpoint-{number:05}").into() };
            let handles = Handles {
                usage: Arc::<Usage>::default(),
                metrics: metrics.endpoint(&endpoint, "bench"),
                duration: metrics.delivery_duration("bench"),
                rate: None,
            };
            (path(number), Arc::new(closed(&endpoint, "bench", &path(number), &handles)))
        })
        .collect();
    let served = Routes::default();
    served.store(Table { is_complete: true, routes });
    served
}
