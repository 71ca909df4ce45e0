//! Whole files: the corpora of README's table, each written by us and by every peer in turn, with the same
//! codec, level and row-group size, and statistics per column chunk. Nobody forces anything to disk.

mod corpora;
mod limits;
mod ours;
mod peers;
mod report;

use std::collections::HashMap;
use std::fs;

use self::corpora::Corpus;
use self::limits::Memcpy;
use self::peers::{Peer, Python};
use crate::{Limit, Row, median};

/// Rounds, and those of a case whose first one takes longer than so many seconds.
const ROUNDS: usize = 5;
const SLOW_ROUNDS: usize = 3;
const SLOW: f64 = 9.0;
/// A peer so many times slower than the fastest sits out the rounds after the first, unless a goal names it.
const CONTENDS: f64 = 1.5;

/// A corpus with a codec.
pub struct Case {
    corpus: &'static str,
    codec: &'static str,
    level: Option<i32>,
    row_group: usize,
    goals: &'static [Goal],
}

/// What a row compares, with whom, and what the ratio should be.
#[derive(Clone, Copy)]
enum Goal {
    Time(Against, &'static str),
    Size(Against, &'static str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Against {
    /// The faster of `ArrowWriter` with and without dictionaries.
    Arrow,
    Pyarrow,
    Fastest,
    Smallest,
    /// One memcpy and one write() of the corpus.
    Copy,
}

const MARKET: &[Goal] = &[Goal::Time(Against::Fastest, "<= 0.5"), Goal::Size(Against::Fastest, "<= 1.05")];
const NUMERIC: &[Goal] = &[
    Goal::Time(Against::Pyarrow, "<= 0.25"),
    Goal::Time(Against::Fastest, "<= 0.5"),
    Goal::Size(Against::Fastest, "<= 1"),
];

const fn case(
    corpus: &'static str,
    codec: &'static str,
    level: Option<i32>,
    row_group: usize,
    goals: &'static [Goal],
) -> Case {
    Case { corpus, codec, level, row_group, goals }
}

/// The parquet crate's default row group, and ours.
const ROW_GROUP: usize = 1 << 20;

const CASES: [Case; 9] = [
    case(
        "payload",
        "uncompressed",
        None,
        4096,
        &[Goal::Time(Against::Arrow, "<= 0.25"), Goal::Time(Against::Copy, "<= 1.5")],
    ),
    case(
        "payload",
        "gzip",
        Some(6),
        4096,
        &[Goal::Time(Against::Arrow, "<= 0.25"), Goal::Size(Against::Arrow, "<= 1")],
    ),
    case("market", "uncompressed", None, ROW_GROUP, MARKET),
    case("market", "zstd", Some(1), ROW_GROUP, MARKET),
    case("market", "lz4_raw", None, ROW_GROUP, MARKET),
    case("market", "snappy", None, ROW_GROUP, MARKET),
    case("numeric", "uncompressed", None, 100_000, NUMERIC),
    case("numeric", "zstd", Some(1), 100_000, NUMERIC),
    case(
        "orders",
        "zstd",
        Some(1),
        ROW_GROUP,
        &[Goal::Time(Against::Fastest, "<= 0.5"), Goal::Size(Against::Smallest, "<= 0.9")],
    ),
];

impl Case {
    /// As in `parquet/market/zstd-1`: the group of its rows.
    pub fn name(&self) -> String {
        format!("parquet/{}/{}", self.corpus, self.codec_name())
    }

    fn codec_name(&self) -> String {
        match (self.codec, self.level) {
            ("uncompressed", _) => "none".to_owned(),
            ("zstd", Some(level)) => format!("zstd-{level}"),
            (codec, _) => codec.to_owned(),
        }
    }
}

pub fn names() -> impl Iterator<Item = String> {
    CASES.iter().map(Case::name)
}

/// Runs this program as a child of itself, if its arguments say so.
pub fn is_child() -> bool {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(ours::PEAK) {
        return false;
    }
    let name = arguments.next().unwrap();
    ours::print_peak(CASES.iter().find(|case| case.name() == name).unwrap());
    true
}

/// The rows of the cases of these names. With `detail`, what each column takes is printed, too.
pub fn rows(names: &[String], detail: bool) -> Vec<Row> {
    let mut python = None;
    let mut open: Option<Corpus> = None;
    let mut rows = Vec::new();
    for case in CASES.iter().filter(|case| names.contains(&case.name())) {
        if open.as_ref().is_none_or(|corpus| corpus.name != case.corpus) {
            drop(open.take()); // before the next, as both need memory
            open = Corpus::open(case.corpus);
        }
        let Some(corpus) = &open else { continue };
        if python.is_none() {
            python = Some(Python::start());
        }
        let measured = Measured::new(case, corpus, python.as_mut().unwrap());
        report::print(case, corpus, &measured, detail);
        rows.extend(measured.rows(case, corpus));
        for path in Peer::ALL.map(Peer::path).iter().chain([&ours::path()]) {
            let _ = fs::remove_file(path);
        }
    }
    rows
}

/// One side's median seconds and its file's bytes.
#[derive(Clone, Copy)]
struct Side {
    seconds: f64,
    bytes: f64,
}

/// What came out of a case.
struct Measured {
    ours: Side,
    /// Those that could be run.
    peers: Vec<(Peer, Side)>,
    /// Our process's growth.
    peak: f64,
    memcpy: f64,
    /// Of the corpus.
    write: f64,
    /// Of the file that we make.
    write_file: f64,
    compress: f64,
}

impl Measured {
    fn new(case: &Case, corpus: &Corpus, python: &mut Option<Python>) -> Self {
        let mut times: HashMap<&str, Vec<f64>> = HashMap::new();
        let mut note = |name, seconds: f64| {
            times.entry(name).or_default().push(seconds);
            seconds
        };
        let mut memcpy = Memcpy::new(corpus);
        let (mut contenders, mut rounds, mut round) = (Peer::ALL.to_vec(), ROUNDS, 0);
        while round < rounds {
            note("memcpy", memcpy.seconds(corpus));
            note("write", limits::write(corpus, corpus.bytes()));
            let mut spent = note("ours", ours::write(corpus, case));
            let mut firsts = Vec::new();
            for &peer in &contenders {
                if let Some(seconds) = peers::write(peer, corpus, case, python) {
                    spent += note(peer.name(), seconds);
                    firsts.push((peer, seconds));
                }
            }
            if round == 0 {
                let fastest = firsts.iter().map(|(_, seconds)| *seconds).fold(f64::MAX, f64::min);
                firsts.retain(|(peer, seconds)| *seconds < CONTENDS * fastest || case.names(*peer));
                contenders = firsts.iter().map(|(peer, _)| *peer).collect();
                rounds = if spent > SLOW { SLOW_ROUNDS } else { ROUNDS };
            }
            round += 1;
        }
        let bytes = |path| fs::metadata(path).unwrap().len() as f64;
        let mut side =
            |name, path| Side { seconds: median(times.get_mut(name).unwrap()), bytes: bytes(path) };
        let ran = Peer::ALL.iter().filter(|peer| peer.path().exists());
        let peers = ran.map(|&peer| (peer, side(peer.name(), peer.path()))).collect();
        let ours = side("ours", ours::path());
        drop(memcpy);
        Measured {
            ours,
            peers,
            peak: ours::peak_bytes(case),
            memcpy: median(times.get_mut("memcpy").unwrap()),
            write: median(times.get_mut("write").unwrap()),
            write_file: limits::write(corpus, ours.bytes as usize),
            compress: limits::compress(corpus, case.codec, case.level),
        }
    }

    fn rows(&self, case: &Case, corpus: &Corpus) -> Vec<Row> {
        let (group, codec) = (case.name(), case.codec_name());
        let row = |what: &str, peer: &str, ours, theirs, unit, goal| Row {
            group: group.clone(),
            name: format!("{} {codec}, {what}", case.corpus),
            peer: peer.to_owned(),
            ours,
            theirs,
            unit,
            goal,
            limit: None,
        };
        let mut rows = Vec::new();
        for goal in case.goals {
            match *goal {
                Goal::Time(Against::Copy, goal) => {
                    let theirs = self.memcpy + self.write;
                    rows.push(row("time", "memcpy + write()", self.ours.seconds, theirs, "s", goal));
                }
                Goal::Time(against, goal) => {
                    let Some((peer, side)) = self.peer(against) else { continue };
                    let limit = match case.codec {
                        "uncompressed" => ("memcpy + write()".to_owned(), self.memcpy + self.write_file),
                        _ => (format!("{codec} of the plain bytes, all cores"), self.compress),
                    };
                    let time = row("time", peer.name(), self.ours.seconds, side.seconds, "s", goal);
                    rows.push(Row { limit: Some(Limit { what: limit.0, value: limit.1 }), ..time });
                }
                Goal::Size(against, goal) => {
                    let Some((peer, side)) = self.peer(against) else { continue };
                    rows.push(row("size", peer.name(), self.ours.bytes / 1e6, side.bytes / 1e6, "MB", goal));
                }
            }
        }
        // Ours at its default window.
        let row_bytes = corpus.bytes() as f64 / corpus.rows() as f64;
        let window = (row_bytes * (1 << 16) as f64).min((16 << 20) as f64);
        let held = window + row_bytes * case.row_group as f64;
        rows.push(row("peak memory", "window + row group", self.peak / 1e6, held / 1e6, "MB", "<= 1.5"));
        rows
    }

    fn peer(&self, against: Against) -> Option<(Peer, Side)> {
        let least = |value: fn(&Side) -> f64, takes: fn(Peer) -> bool| {
            let peers = self.peers.iter().filter(|(peer, _)| takes(*peer));
            peers.min_by(|a, b| value(&a.1).total_cmp(&value(&b.1))).copied()
        };
        match against {
            Against::Arrow => least(|s| s.seconds, |peer| matches!(peer, Peer::Arrow | Peer::ArrowPlain)),
            Against::Pyarrow => least(|s| s.seconds, |peer| peer == Peer::Pyarrow),
            Against::Fastest => least(|s| s.seconds, |_| true),
            Against::Smallest => least(|s| s.bytes, |_| true),
            Against::Copy => None,
        }
    }
}

impl Case {
    /// Whether a goal is about this peer, be it fast or slow.
    fn names(&self, peer: Peer) -> bool {
        self.goals.iter().any(|goal| match goal {
            Goal::Time(Against::Arrow, _) | Goal::Size(Against::Arrow, _) => peer == Peer::Arrow,
            Goal::Time(Against::Pyarrow, _) => peer == Peer::Pyarrow,
            _ => false,
        })
    }
}
