//! `flow recover`: finishes the parts that a crash cut short.

use std::path::Path;

use flow::recover::{Recovered, recover, unfinished};
use flow::sink;

use super::table::{bytes, count, table};
use super::{Failure, print};

pub fn run(directory: &Path) -> Result<String, Failure> {
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    for lanes in sink::left(directory)? {
        match sink::recover(&lanes) {
            Ok(Some(summary)) => rows.push(row(&Recovered { part: summary.part, cut: 0 })),
            Ok(None) => {}
            Err(error) => failures.push(format!("{}: {error}", lanes.display())),
        }
    }
    for path in unfinished(directory)? {
        match recover(&path) {
            Ok(Some(recovered)) => rows.push(row(&recovered)),
            // It was whole, or nothing was in it.
            Ok(None) => {}
            Err(error) => failures.push(format!("{}: {error}", path.display())),
        }
    }
    let shown = match rows.is_empty() {
        true => String::new(),
        false => {
            table(&["part", "rows", "row groups", "size", "cut off"], &[false, true, true, true, true], &rows)
        }
    };
    match failures.is_empty() {
        true if shown.is_empty() => Ok("nothing to recover\n".to_owned()),
        true => Ok(shown),
        false => {
            print(&shown)?;
            Err(failures.join("\nflow: ").into())
        }
    }
}

fn row(Recovered { part, cut }: &Recovered) -> Vec<String> {
    let name = part.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    vec![name, count(part.rows), count(part.row_groups), bytes(part.bytes), bytes(*cut)]
}
