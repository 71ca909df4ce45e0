//! From one producer into a file on disk: the highest rate at which nothing is dropped, and what spdlog's async
//! logger writes as text.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use flow::ffi::sink::pf_sink_options;
use flow::ffi::writer::{PF_CODEC_ZSTD, PF_SYNC_NONE, pf_writer_options};

use super::orders::{self, Order};
use super::sink::Sink;
use crate::parquet::load::Load;
use crate::{Row, median};

/// Orders that are offered over and over, their stamps and ids moved on each time.
const ORDERS: usize = 1 << 20;
/// Records of a burst.
const BURST: usize = 256;
/// Of a trial, in seconds: many times what the lane holds.
const LENGTH: f64 = 2.0;
/// Bytes of the lane.
const LANE: usize = 16 << 20;
/// Rates are told apart down to this ratio.
const PRECISION: f64 = 1.04;
const PEER_ROUNDS: usize = 3;

pub fn rows() -> Vec<Row> {
    let orders = orders::orders(ORDERS);
    let cores = thread::available_parallelism().unwrap();
    println!(
        "\n  Orders of 64 bytes and 9 fields in bursts of {BURST}, a lane of {} MiB; {cores} cores, nothing pinned:",
        LANE >> 20
    );
    println!("  the producer, which sleeps between bursts, the drain and the pool share them.");
    let rate = highest_rate(&orders) / 1e6;
    let row = |peer, theirs, goal| {
        Row::new("record/capture", "orders to zstd-1, no drop", peer, (rate, theirs), "M rec/s", goal)
    };
    let mut rows = vec![row("10 M records/s", 10.0, ">= 1.0")];
    if let Some(theirs) = spdlog(&orders) {
        rows.push(row("spdlog async", theirs / 1e6, ">= 3.0"));
    }
    rows
}

/// Records a second, by bisection. A rate holds if it does in one of two trials, as others use the machine, too.
fn highest_rate(orders: &[Order]) -> f64 {
    let holds = |rate: f64| (0..2).any(|_| trial(orders, rate));
    let (mut held, mut lost) = (5e6, 10e6);
    while holds(lost) {
        (held, lost) = (lost, lost * 2.0);
    }
    while lost / held > PRECISION {
        let rate = (held * lost).sqrt();
        if holds(rate) { held = rate } else { lost = rate }
    }
    held
}

/// Whether a sink takes bursts at this rate without a drop, and the producer keeps to it.
fn trial(orders: &[Order], rate: f64) -> bool {
    let path = crate::output().join("capture.parquet");
    let options = pf_writer_options { codec: PF_CODEC_ZSTD, sync: PF_SYNC_NONE, ..pf_writer_options::INIT };
    let lanes = pf_sink_options { lane_bytes: LANE as u64, ..pf_sink_options::INIT };
    let mut sink = Sink::open(&path, size_of::<Order>(), &orders::FIELDS, options, lanes, 1);
    let bursts = (rate * LENGTH) as usize / BURST;
    let mut stream = Stream::new(orders);
    let load = Load::new(vec![std::process::id()]);
    let start = Instant::now();
    for burst in 0..bursts {
        let due = Duration::from_secs_f64((burst * BURST) as f64 / rate);
        if let Some(early) = due.checked_sub(start.elapsed()) {
            thread::sleep(early);
        }
        (0..BURST).for_each(|_| _ = sink.try_record(0, stream.next()));
    }
    let on_time = start.elapsed().as_secs_f64() < LENGTH * 1.02;
    let (accepted, dropped) = sink.close();
    println!(
        "  {:5.1} M records/s for {LENGTH} s: {accepted} taken, {dropped} dropped{}; others used {:.2} cores",
        rate / 1e6,
        if on_time { "" } else { ", producer late" },
        load.of_others()
    );
    fs::remove_file(&path).unwrap();
    dropped == 0 && on_time
}

/// Orders without end.
struct Stream<'a> {
    orders: &'a [Order],
    next: usize,
    order: Order,
    /// What is added to stamps and ids.
    later: (i64, u64),
}

impl<'a> Stream<'a> {
    fn new(orders: &'a [Order]) -> Self {
        Stream { orders, next: 0, order: orders[0], later: (0, 0) }
    }

    #[inline]
    fn next(&mut self) -> &Order {
        if self.next == self.orders.len() {
            let (first, last) = (self.orders[0], self.orders[self.next - 1]);
            self.later.0 += last.ts - first.ts;
            self.later.1 += last.order_id - first.order_id;
            self.next = 0;
        }
        self.order = self.orders[self.next];
        self.order.ts += self.later.0;
        self.order.order_id += self.later.1;
        self.next += 1;
        &self.order
    }
}

/// Records a second that spdlog writes; None, said on stderr, if it is not installed.
fn spdlog(orders: &[Order]) -> Option<f64> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/record/spdlog_async.cpp");
    let at = |name: &str| -> PathBuf { crate::output().join(name) };
    let (program, input, output) = (at("spdlog_async"), at("orders.records"), at("spdlog.txt"));
    if !Path::new("/usr/include/spdlog/async.h").exists() {
        eprintln!("  record/capture: spdlog is missing; tools/setup.sh bench installs libspdlog-dev");
        return None;
    }
    let built = Command::new("c++")
        .args(["-std=c++17", "-O3", "-DNDEBUG", "-DSPDLOG_COMPILED_LIB", "-DSPDLOG_FMT_EXTERNAL"])
        .arg(&source)
        .arg("-o")
        .arg(&program)
        .args(["-lspdlog", "-lfmt", "-pthread"])
        .status()
        .unwrap();
    assert!(built.success());
    fs::write(&input, orders.iter().flat_map(Order::bytes).copied().collect::<Vec<_>>()).unwrap();
    let run = || {
        let out = Command::new(&program).arg(&input).arg(&output).output().unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        text.trim().parse::<f64>().unwrap_or_else(|e| panic!("spdlog_async: {text:?}: {e}"))
    };
    let mut rates: Vec<f64> = (0..PEER_ROUNDS).map(|_| run()).collect();
    fs::remove_file(&input).unwrap();
    fs::remove_file(&output).unwrap();
    Some(median(&mut rates))
}
