//! Whole files: the corpora of README's table, each written by us and by every peer in turn, with the same
//! codec, level and row-group size, and statistics per column chunk. Nobody forces anything to disk.

mod cases;
pub mod choice;
pub mod corpora;
pub mod generate;
mod limits;
pub mod load;
mod ours;
mod peers;
mod report;

use std::fs::{self, File};
use std::path::Path;

use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use self::cases::{Against, CASES, Case, Goal};
use self::corpora::Corpus;
use self::limits::Memcpy;
use self::load::Load;
use self::ours::Way;
use self::peers::{Peer, Python};
use crate::{Limit, Row, median};

/// Rounds, and those of a case whose first one takes longer than so many seconds.
const ROUNDS: usize = 5;
const SLOW_ROUNDS: usize = 3;
const SLOW: f64 = 9.0;
/// A peer that takes so many times longer than the fastest in the first round sits out the others, unless
/// a goal is about it.
const CONTENDS: f64 = 2.0;

/// The groups of rows: one a case.
pub fn names() -> impl Iterator<Item = String> {
    CASES.iter().map(Case::name)
}

/// Runs this program as a child of itself, if its arguments say so.
pub fn is_child() -> bool {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(ours::PEAK) {
        return false;
    }
    let (name, way) = (arguments.next().unwrap(), arguments.next().unwrap());
    let case = CASES.iter().find(|case| case.name() == name).unwrap();
    ours::print_peak(case, Way::ALL.into_iter().find(|of| of.name() == way).unwrap());
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
        let python = python.get_or_insert_with(Python::start);
        let measured = Measured::new(case, corpus, python.as_mut());
        report::print(case, corpus, &measured, detail);
        rows.extend(measured.rows(case, corpus));
    }
    rows
}

/// One side's runs, and what it wrote in the last.
#[derive(Default)]
struct Side {
    seconds: Vec<f64>,
    bytes: usize,
    footer: Option<ParquetMetaData>,
}

impl Side {
    /// Notes a run, and removes its file: the kernel should not be busy with writing it back.
    fn note(&mut self, seconds: f64, path: &Path, corpus: &Corpus) {
        let file = File::open(path).unwrap();
        self.bytes = file.metadata().unwrap().len() as usize;
        let footer = ParquetMetaDataReader::new().parse_and_finish(&file).unwrap();
        assert_eq!(footer.file_metadata().num_rows(), corpus.rows() as i64, "{}", path.display());
        self.footer = Some(footer);
        self.seconds.push(seconds);
        fs::remove_file(path).unwrap();
    }

    fn seconds(&self) -> f64 {
        median(&mut self.seconds.clone())
    }

    fn megabytes(&self) -> f64 {
        self.bytes as f64 / 1e6
    }
}

/// What came out of a case; seconds and bytes.
struct Measured {
    ours: Vec<(Way, Side)>,
    /// Those that could be run.
    peers: Vec<(Peer, Side)>,
    /// Our process's growth, each way.
    peaks: Vec<f64>,
    memcpy: f64,
    /// Of the corpus.
    write: f64,
    /// Of as many bytes as our file has.
    write_file: f64,
    compress: f64,
    /// Cores that other processes used meanwhile.
    others: f64,
}

impl Measured {
    fn new(case: &Case, corpus: &Corpus, mut python: Option<&mut Python>) -> Self {
        let mut memcpy = Memcpy::new(corpus);
        let (mut copies, mut writes, mut file_writes) = (Vec::new(), Vec::new(), Vec::new());
        let mut ours: Vec<_> = Way::ALL.into_iter().map(|way| (way, Side::default())).collect();
        let mut peers: Vec<_> = Peer::ALL.into_iter().map(|peer| (peer, Side::default())).collect();
        let mut contenders = Peer::ALL.to_vec();
        let (mut rounds, mut round) = (ROUNDS, 0);
        // The page cache takes memory that nobody has touched yet.
        limits::write(corpus, corpus.bytes());
        let load = Load::new(python.iter().map(|p| p.id()).chain([std::process::id()]).collect());
        while round < rounds {
            copies.push(memcpy.seconds(corpus));
            writes.push(limits::write(corpus, corpus.bytes()));
            for (way, side) in &mut ours {
                let seconds = ours::write(corpus, case, *way);
                if round == 0 {
                    ours::check(corpus);
                }
                side.note(seconds, &ours::path(), corpus);
            }
            file_writes.push(limits::write(corpus, ours[0].1.bytes));
            for (peer, side) in peers.iter_mut().filter(|(peer, _)| contenders.contains(peer)) {
                if let Some(seconds) = peers::write(*peer, corpus, case, python.as_deref_mut()) {
                    side.note(seconds, &peer.path(), corpus);
                }
            }
            if round == 0 {
                peers.retain(|(_, side)| !side.seconds.is_empty());
                contenders = contending(case, &peers);
                let of_peers = peers.iter().map(|(_, side)| side.seconds());
                let spent = of_peers.chain(ours.iter().map(|(_, side)| side.seconds())).sum::<f64>();
                rounds = if spent > SLOW { SLOW_ROUNDS } else { ROUNDS };
            }
            round += 1;
        }
        let others = load.of_others();
        drop(memcpy);
        Measured {
            ours,
            peers,
            peaks: Way::ALL.map(|way| ours::peak_bytes(case, way)).to_vec(),
            memcpy: median(&mut copies),
            write: median(&mut writes),
            write_file: median(&mut file_writes),
            compress: limits::compress(corpus, case.codec, case.level),
            others,
        }
    }

    fn rows(&self, case: &Case, corpus: &Corpus) -> Vec<Row> {
        let codec = case.codec_name();
        let row = |what: &str, peer: &str, ours, theirs, unit, goal| Row {
            group: case.name(),
            name: format!("{} {codec}, {what}", case.corpus),
            peer: peer.to_owned(),
            ours,
            theirs,
            unit,
            goal,
            limit: None,
            percentiles: None,
        };
        let (what, value) = match case.codec {
            "uncompressed" => ("memcpy + write()".to_owned(), self.memcpy + self.write_file),
            _ => (format!("{codec} of the plain bytes, all cores"), self.compress),
        };
        // Our window by default, of 65,536 rows or 16 MiB.
        let row_bytes = corpus.bytes() as f64 / corpus.rows() as f64;
        let window = (row_bytes * f64::from(1 << 16)).min(f64::from(16 << 20));
        let held = window + row_bytes * case.row_group as f64;
        let mut rows = Vec::new();
        for ((way, ours), peak) in self.ours.iter().zip(&self.peaks) {
            let (time, memory) = match way {
                Way::Chunks => ("time", "peak memory"),
                Way::Arrow => ("Arrow, time", "Arrow, peak memory"),
            };
            let seconds = ours.seconds();
            for goal in case.goals {
                match *goal {
                    Goal::Time(Against::Copy, goal) => {
                        let theirs = self.memcpy + self.write;
                        rows.push(row(time, "memcpy + write()", seconds, theirs, "s", goal));
                    }
                    Goal::Time(against, goal) => {
                        let Some((peer, side)) = choose(&self.peers, against) else { continue };
                        let limit = Some(Limit { what: what.clone(), value });
                        let of_time = row(time, peer.name(), seconds, side.seconds(), "s", goal);
                        rows.push(Row { limit, ..of_time });
                    }
                    // The file is the same, however it came to be.
                    Goal::Size(against, goal) if *way == Way::Chunks => {
                        let Some((peer, side)) = choose(&self.peers, against) else { continue };
                        let (ours, theirs) = (ours.megabytes(), side.megabytes());
                        rows.push(row("size", peer.name(), ours, theirs, "MB", goal));
                    }
                    Goal::Size(..) => {}
                }
            }
            rows.push(row(memory, "window + row group", peak / 1e6, held / 1e6, "MB", "<= 1.5"));
        }
        rows
    }
}

/// The peer that a goal is about, if it could be run.
fn choose(peers: &[(Peer, Side)], against: Against) -> Option<&(Peer, Side)> {
    let value = |side: &Side| match against {
        Against::Smallest | Against::SmallerArrow => side.megabytes(),
        _ => side.seconds(),
    };
    let those = peers.iter().filter(|(peer, _)| against.takes(*peer));
    those.min_by(|a, b| value(&a.1).total_cmp(&value(&b.1)))
}

/// The peers of the rounds after the first.
fn contending(case: &Case, peers: &[(Peer, Side)]) -> Vec<Peer> {
    let Some((_, fastest)) = choose(peers, Against::Fastest) else { return Vec::new() };
    let named = case.goals.iter().filter_map(|goal| match *goal {
        Goal::Time(against, _) => choose(peers, against),
        Goal::Size(..) => None, // which is the same in every round
    });
    let named: Vec<Peer> = named.map(|(peer, _)| *peer).collect();
    let near = |side: &Side| side.seconds() < CONTENDS * fastest.seconds();
    peers.iter().filter(|(peer, side)| near(side) || named.contains(peer)).map(|(peer, _)| *peer).collect()
}
