//! Side-by-side benchmarks. Ours and the peer's runs alternate; a row is the ratio of their medians.
//!
//! `make bench` prints one table and writes the same rows to `target/bench/summary.json`.
#![allow(clippy::unwrap_used)]

mod columns;
mod pool;
mod record;

use std::fmt::Write;
use std::fs;
use std::path::Path;

/// One line of the table. Lower is better for times, higher for rates.
struct Row {
    name: &'static str,
    peer: &'static str,
    ours: f64,
    theirs: f64,
    unit: &'static str,
    /// What the ratio ours / theirs should be.
    goal: &'static str,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.ours / self.theirs
    }
}

/// Runs both sides in turn, `rounds` times after one that warms up; returns the medians.
fn alternate(rounds: usize, mut ours: impl FnMut() -> f64, mut theirs: impl FnMut() -> f64) -> (f64, f64) {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let pair = (ours(), theirs());
        if round > 0 {
            a.push(pair.0);
            b.push(pair.1);
        }
    }
    (median(&mut a), median(&mut b))
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let mut rows = record::rows();
    rows.extend(columns::rows());
    rows.extend(pool::rows());

    println!(
        "\n  {:<34} {:<13} {:>10} {:>10}  {:<10} {:>6}  goal",
        "name", "peer", "ours", "theirs", "unit", "ratio"
    );
    println!("  {}", "─".repeat(95));
    let mut json = Vec::new();
    for row in &rows {
        let Row { name, peer, ours, theirs, unit, goal } = row;
        println!(
            "  {name:<34} {peer:<13} {ours:>10.2} {theirs:>10.2}  {unit:<10} {:>6.2}  {goal}",
            row.ratio()
        );
        let mut object = String::new();
        write!(
            object,
            r#"{{"name": "{name}", "peer": "{peer}", "ours": {ours:.3}, "theirs": {theirs:.3}, "unit": "{unit}", "ratio": {:.3}, "goal": "{goal}"}}"#,
            row.ratio()
        )
        .unwrap();
        json.push(object);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench/summary.json");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, format!("[\n  {}\n]\n", json.join(",\n  "))).unwrap();
    println!("\n  written to target/bench/summary.json");
}
