//! The journal of a process that is killed. In a program of its own: what a process starts has the locks of its files,
//! too, for a moment, and other tests take those again.
#![allow(clippy::unwrap_used)]

#[path = "journal/rows.rs"]
mod rows;

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use flow::recover::recover;
use flow::writer::Writer;

use rows::{beside, check, frames, names, note, noted, options, resume, rows, schema};

const CHILD: &str = "FLOW_JOURNAL_CHILD";

/// No test, but what the test after it kills: opens or resumes the part, and appends until it is killed, by random
/// chunks with random row groups. Notes say how many rows came before.
#[test]
fn child() {
    let Ok(path) = env::var(CHILD) else { return };
    let path = Path::new(&path);
    let with_notes = path.extension().is_some_and(|kind| kind == "noted");
    let mut options = options();
    options.parquet.row_group_rows = 500;
    options.window_rows = 100;
    let (mut writer, mut at) = match Writer::resume(path, &schema(), &options).unwrap() {
        Some((writer, last)) => (writer, noted(last)),
        None => (Writer::open(path, &schema(), &options).unwrap(), 0),
    };
    if with_notes {
        note(&mut writer, at);
    } else {
        // Only the first one, as nothing tells how far it came.
        assert!(at == 0);
    }
    let mut random = at + 1;
    loop {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let count = random >> 33 & 255;
        writer.append_batch(&rows(at, count)).unwrap();
        at += count;
        match random >> 60 {
            0..4 if with_notes => note(&mut writer, at),
            4..6 => writer.flush().unwrap(),
            _ => {}
        }
    }
}

/// Runs the child until the journal has grown by so many bytes, and kills it.
fn run_and_kill(path: &Path, bytes: u64) {
    let length = || fs::metadata(beside(path, "journal")).map_or(0, |journal| journal.len());
    let start = length();
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child"])
        .env(CHILD, path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while length() < start + bytes {
        assert!(child.try_wait().unwrap().is_none(), "the child failed");
        thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_process_that_is_killed_loses_only_what_came_after_its_last_note() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..6 {
        let path = directory.path().join(format!("{round}.noted"));
        // It resumes itself.
        (0..4).for_each(|time| run_and_kill(&path, 1 + 5_001 * time + 997 * round));
        let copy = directory.path().join("copy");
        ["tmp", "journal"].iter().for_each(|kind| {
            fs::copy(beside(&path, kind), beside(&copy, kind)).unwrap();
        });
        let (mut writer, last) = resume(&copy).unwrap();
        let last = noted(last);
        writer.append_batch(&rows(last, 10)).unwrap();
        writer.close().unwrap();
        assert_eq!(check(&copy), last + 10);
        fs::remove_file(&copy).unwrap();

        assert_eq!(recover(&path).unwrap().unwrap().part.rows, last);
        assert_eq!(check(&path), last);
    }
}

#[test]
fn a_process_that_is_killed_loses_only_the_row_group_that_was_not_whole() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..6 {
        let path = directory.path().join(format!("{round}.plain"));
        run_and_kill(&path, 1 + 7_003 * round);
        let entries = frames(&path).len() as u64 - 1;
        let recovered = recover(&path).unwrap().unwrap();
        assert_eq!(recovered.part.row_groups, entries);
        assert_eq!(check(&path), recovered.part.rows);
    }
    assert_eq!(names(directory.path()).len(), 6);
}
