//! The record path: what a call costs its producer, what the drain costs beside memcpy, and how many records a
//! second go through to a file.

mod calls;
mod capture;
mod drain;
mod latency;
mod orders;
mod producers;
mod sides;
mod sink;

use crate::Row;

type Rows = fn() -> Vec<Row>;

const GROUPS: [(&str, Rows); 5] = [
    ("record/calls", calls::rows),
    ("record/latency", latency::rows),
    ("record/producers", producers::rows),
    ("record/drain", drain::rows),
    ("record/capture", capture::rows),
];

/// The groups of rows.
pub fn names() -> impl Iterator<Item = String> {
    GROUPS.iter().map(|(name, _)| (*name).to_owned())
}

/// The rows of the groups of these names.
pub fn rows(names: &[String]) -> Vec<Row> {
    GROUPS.iter().filter(|(name, _)| names.iter().any(|n| n == name)).flat_map(|(_, rows)| rows()).collect()
}

/// Runs this program as a child of itself, if its arguments say so.
pub fn is_child() -> bool {
    producers::is_child()
}
