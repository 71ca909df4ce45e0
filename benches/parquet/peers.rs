//! The peers: `ArrowWriter` in this process, the Python ones in a process of theirs that answers requests, so
//! that the runs of all sides alternate.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::cases::Case;
use super::corpora::{self, Corpus};
use super::ours::CHUNK;

/// A peer by its name in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// `ArrowWriter` as it comes.
    Arrow,
    /// `ArrowWriter` without dictionaries.
    ArrowPlain,
    Pyarrow,
    Polars,
    DuckDB,
}

impl Peer {
    pub const ALL: [Peer; 5] = [Peer::Arrow, Peer::ArrowPlain, Peer::Pyarrow, Peer::Polars, Peer::DuckDB];

    pub fn name(self) -> &'static str {
        match self {
            Peer::Arrow => "ArrowWriter",
            Peer::ArrowPlain => "ArrowWriter, plain",
            Peer::Pyarrow => "pyarrow",
            Peer::Polars => "Polars",
            Peer::DuckDB => "DuckDB",
        }
    }

    /// The file that it writes.
    pub fn path(self) -> PathBuf {
        crate::output().join(format!("{}.parquet", self.name()))
    }
}

/// Writes the corpus once; returns the seconds, or None if the peer is not to be had.
pub fn write(peer: Peer, corpus: &Corpus, case: &Case, python: Option<&mut Python>) -> Option<f64> {
    let path = peer.path();
    match peer {
        Peer::Arrow | Peer::ArrowPlain => Some(arrow(&path, corpus, case, peer == Peer::Arrow)),
        _ => python.map(|python| python.write(peer, corpus, case)),
    }
}

fn arrow(path: &Path, corpus: &Corpus, case: &Case, dictionary: bool) -> f64 {
    let compression = match (case.codec, case.level) {
        ("uncompressed", _) => Compression::UNCOMPRESSED,
        ("snappy", _) => Compression::SNAPPY,
        ("lz4_raw", _) => Compression::LZ4_RAW,
        ("gzip", Some(level)) => Compression::GZIP(GzipLevel::try_new(level as u32).unwrap()),
        ("zstd", Some(level)) => Compression::ZSTD(ZstdLevel::try_new(level).unwrap()),
        other => unreachable!("{other:?}"),
    };
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_dictionary_enabled(dictionary)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(case.row_group))
        .build();
    let start = Instant::now();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, corpus.batch.schema(), Some(properties)).unwrap();
    for row in (0..corpus.rows()).step_by(CHUNK) {
        writer.write(&corpus.batch.slice(row, CHUNK.min(corpus.rows() - row))).unwrap();
    }
    writer.close().unwrap();
    start.elapsed().as_secs_f64()
}

/// The process with the Python peers.
pub struct Python {
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Python {
    /// None, said on stderr, without the virtual environment that `make test` makes.
    pub fn start() -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join(".venv/bin/python");
        if !python.exists() {
            eprintln!(
                "  parquet: pyarrow, Polars and DuckDB are left out; tools/setup.sh test installs them"
            );
            return None;
        }
        let mut child = Command::new(python)
            .arg(root.join("benches/parquet/peers.py"))
            .args([corpora::directory(), crate::output()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (requests, answers) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Some(Python { child, requests, answers })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn write(&mut self, peer: Peer, corpus: &Corpus, case: &Case) -> f64 {
        let level = case.level.map_or("-".to_owned(), |l| l.to_string());
        let (name, edition) = (corpus.name, &corpus.edition);
        let request = format!("{} {name} {edition} {} {level} {}\n", peer.name(), case.codec, case.row_group);
        self.requests.as_mut().unwrap().write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        answer.trim().parse().unwrap_or_else(|e| panic!("{}: {answer:?}: {e}", peer.name()))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // The end of its requests ends it.
        self.requests = None;
        let _ = self.child.wait();
    }
}
