//! Side-by-side benchmarks. Ours and the peers' runs alternate; a row is the ratio of their medians.
//!
//! `make bench` prints one table and writes the same rows to `target/bench/summary.json`. An argument runs
//! only the groups whose name contains it, `parquet/market` for one, and keeps the other groups' rows.
#![allow(clippy::unwrap_used, clippy::panic)]

mod columns;
mod parquet;
mod pool;
mod record;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use flow::ffi::writer::{PF_CODEC_UNCOMPRESSED, PF_SYNC_NONE, pf_writer_options};

/// One line of the table. Lower is better for times, higher for rates.
struct Row {
    group: String,
    name: String,
    peer: String,
    ours: f64,
    theirs: f64,
    unit: &'static str,
    /// What the ratio ours / theirs should be.
    goal: &'static str,
    /// What nobody can beat.
    limit: Option<Limit>,
    /// Of single calls, in the row's unit.
    percentiles: Option<Percentiles>,
}

#[derive(Clone, Copy)]
struct Percentiles {
    /// Of calls that no clock was read between.
    mean: f64,
    p50: f64,
    p99: f64,
    p999: f64,
    max: f64,
}

/// A value in the row's unit, and what it is of.
struct Limit {
    what: String,
    value: f64,
}

impl Row {
    fn new(
        group: &str,
        name: &str,
        peer: &str,
        (ours, theirs): (f64, f64),
        unit: &'static str,
        goal: &'static str,
    ) -> Row {
        let (group, name, peer) = (group.to_owned(), name.to_owned(), peer.to_owned());
        Row { group, name, peer, ours, theirs, unit, goal, limit: None, percentiles: None }
    }

    fn ratio(&self) -> f64 {
        self.ours / self.theirs
    }

    fn json(&self) -> String {
        let Row { group, name, peer, ours, theirs, unit, goal, .. } = self;
        let ratio = self.ratio();
        let mut object = format!(r#"{{"group": "{group}", "name": "{name}", "peer": "{peer}", "#);
        write!(object, r#""ours": {ours:.3}, "theirs": {theirs:.3}, "unit": "{unit}", "#).unwrap();
        write!(object, r#""ratio": {ratio:.3}, "goal": "{goal}""#).unwrap();
        if let Some(Limit { what, value }) = &self.limit {
            write!(object, r#", "limit": {{"what": "{what}", "value": {value:.3}}}"#).unwrap();
        }
        if let Some(Percentiles { mean, p50, p99, p999, max }) = self.percentiles {
            write!(object, r#", "percentiles": {{"mean": {mean:.3}, "p50": {p50:.3}, "p99": {p99:.3}, "#)
                .unwrap();
            write!(object, r#""p99.9": {p999:.3}, "max": {max:.3}}}"#).unwrap();
        }
        object + "}"
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

/// The defaults, but nothing compressed and nothing forced to disk.
fn writer_options() -> pf_writer_options {
    pf_writer_options { codec: PF_CODEC_UNCOMPRESSED, sync: PF_SYNC_NONE, ..pf_writer_options::INIT }
}

/// Where everything is written: on the disk of the sources.
fn output() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench")
}

fn main() {
    if parquet::is_child() || record::is_child() {
        return;
    }
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let groups: Vec<String> = record::names()
        .chain(["columns", "pool", "choice"].map(str::to_owned))
        .chain(parquet::names())
        .collect();
    let chosen: Vec<String> = groups.iter().filter(|group| group.contains(&filter)).cloned().collect();
    assert!(!chosen.is_empty(), "no group's name contains {filter:?}; they are {groups:?}");
    fs::create_dir_all(output()).unwrap();

    let mut rows = record::rows(&chosen);
    if chosen.iter().any(|group| group == "columns") {
        rows.extend(columns::rows());
    }
    if chosen.iter().any(|group| group == "pool") {
        rows.extend(pool::rows());
    }
    if chosen.iter().any(|group| group == "choice") {
        rows.extend(parquet::choice::rows());
    }
    rows.extend(parquet::rows(&chosen, filter.starts_with("parquet/")));
    print(&rows);

    let path = output().join("summary.json");
    let before = match filter.as_str() {
        "" => String::new(),
        _ => fs::read_to_string(&path).unwrap_or_default(),
    };
    let before: Vec<&str> = before.lines().map(|line| line.trim().trim_end_matches(',')).collect();
    let mut summary = Vec::new();
    for group in &groups {
        let mut lines: Vec<String> = rows.iter().filter(|row| row.group == *group).map(Row::json).collect();
        if lines.is_empty() {
            let start = format!(r#"{{"group": "{group}","#);
            lines.extend(before.iter().filter(|line| line.starts_with(&start)).map(|&line| line.to_owned()));
        }
        summary.extend(lines);
    }
    fs::write(&path, format!("[\n  {}\n]\n", summary.join(",\n  "))).unwrap();
    println!("\n  written to target/bench/summary.json");
}

fn print(rows: &[Row]) {
    let width = |of: fn(&Row) -> &str| rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0);
    let (names, peers) = (width(|row| &row.name), width(|row| &row.peer));
    println!(
        "\n  {:<names$} {:<peers$} {:>10} {:>10}  {:<10} {:>6}  {:<8} of the limit",
        "name", "peer", "ours", "theirs", "unit", "ratio", "goal"
    );
    println!("  {}", "─".repeat(names + peers + 65));
    for row in rows {
        let Row { name, peer, ours, theirs, unit, goal, limit, .. } = row;
        print!(
            "  {name:<names$} {peer:<peers$} {ours:>10.2} {theirs:>10.2}  {unit:<10} {:>6.2}  {goal:<8}",
            row.ratio()
        );
        match limit {
            Some(Limit { what, value }) => println!(" {:.2} × {what} ({value:.2})", ours / value),
            None => println!(),
        }
    }
}
