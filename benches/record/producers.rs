//! Whether a call costs the same however many producers a sink has: user instructions a call, each producer on a
//! thread of its own. A time would show what so many threads on few cores cost. Valgrind counts, as a virtual
//! machine rarely has counters.

use std::process::Command;
use std::thread;

use super::sides::{Ours, Record};
use crate::Row;

/// What starts this program as the child that is counted; the number of producers follows.
const CHILD: &str = "--producers";

/// Calls of each producer.
const CALLS: usize = 1000;

pub fn rows() -> Vec<Row> {
    let mut counts = Vec::new();
    for producers in [1, 2, 4, 8] {
        let Some(count) = instructions(producers) else { return Vec::new() };
        println!("  pf_try_record, 64 bytes: {count:.1} instructions a call, {producers} producers");
        counts.push(count);
    }
    let pair = (counts[3], counts[0]);
    vec![Row::new("record/producers", "pf_try_record, 8 producers", "1 producer", pair, "instr.", "<= 1.05")]
}

/// A call's instructions; None, said on stderr, without valgrind.
fn instructions(producers: usize) -> Option<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=pf_try_record"])
        .arg(std::env::current_exe().unwrap())
        .args([CHILD, &producers.to_string()])
        .output();
    let Ok(output) = output else {
        eprintln!("  record/producers: valgrind is missing; tools/setup.sh bench installs it");
        return None;
    };
    let text = String::from_utf8(output.stderr).unwrap();
    let collected = text.lines().find_map(|line| line.split_once("Collected : "));
    let (_, count) = collected.unwrap_or_else(|| panic!("callgrind: {text}"));
    Some(count.trim().parse::<f64>().unwrap() / (CALLS * producers) as f64)
}

/// Runs the child, if the program's arguments say so.
pub fn is_child() -> bool {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(CHILD) {
        return false;
    }
    let producers = arguments.next().unwrap().parse().unwrap();
    let ours = Ours::<8>::new(producers);
    thread::scope(|scope| {
        for producer in 0..producers {
            let sink = ours.sink();
            scope.spawn(move || {
                let mut record = Record::<8>::new();
                (0..CALLS).for_each(|i| assert!(sink.try_record(producer, record.fresh(i))));
            });
        }
    });
    true
}
