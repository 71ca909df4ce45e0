//! What a case's table rows leave out: every side, and what each column takes in its file.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::corpora::Corpus;
use super::peers::Peer;
use super::{Case, Measured, ours};

pub fn print(case: &Case, corpus: &Corpus, measured: &Measured, detail: bool) {
    println!("\n  {}", case.name());
    let sides = measured.peers.iter().map(|(peer, side)| (peer.name(), side));
    for (name, side) in [("libflow", &measured.ours)].into_iter().chain(sides) {
        println!("    {name:<27} {:>7.3} s {:>8.1} MB", side.seconds, side.bytes / 1e6);
    }
    let Measured { memcpy, write, compress, .. } = measured;
    let plain = corpus.bytes() as f64 / 1e6;
    print!("    {plain:.0} MB plain: memcpy {memcpy:.3} s, write() {write:.3} s");
    match case.codec {
        "uncompressed" => println!(),
        _ => println!(", {} on all cores {compress:.3} s", case.codec_name()),
    }
    if detail {
        print_columns(measured);
    }
}

/// A line a column: bytes in every side's file, then the encodings that we chose.
fn print_columns(measured: &Measured) {
    let ours = metadata(&ours::path());
    let peers: Vec<_> =
        measured.peers.iter().map(|(peer, _)| (peer.name(), metadata(&Peer::path(*peer)))).collect();
    print!("    {:<16} {:>12}", "MB a column", "libflow");
    peers.iter().for_each(|(name, _)| print!(" {:>12}", name.rsplit(", ").next().unwrap_or(name)));
    println!();
    for column in 0..ours.file_metadata().schema_descr().num_columns() {
        let megabytes = |file: &ParquetMetaData| {
            file.row_groups().iter().map(|g| g.column(column).compressed_size()).sum::<i64>() as f64 / 1e6
        };
        print!(
            "    {:<16} {:>12.2}",
            ours.file_metadata().schema_descr().column(column).name(),
            megabytes(&ours)
        );
        peers.iter().for_each(|(_, file)| print!(" {:>12.2}", megabytes(file)));
        let chunks = ours.row_groups().iter().map(|group| group.column(column));
        let encodings: BTreeSet<String> =
            chunks.flat_map(|chunk| chunk.encodings().map(|e| format!("{e:?}"))).collect();
        println!("  {}", encodings.into_iter().collect::<Vec<_>>().join(", "));
    }
}

fn metadata(path: &Path) -> ParquetMetaData {
    ParquetMetaDataReader::new().parse_and_finish(&File::open(path).unwrap()).unwrap()
}
