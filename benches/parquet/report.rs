//! What a case's table rows leave out: every side, and what each column takes in its file.

use std::collections::BTreeSet;

use parquet::file::metadata::ParquetMetaData;

use super::cases::Case;
use super::corpora::Corpus;
use super::{Measured, Side};

pub fn print(case: &Case, corpus: &Corpus, measured: &Measured, detail: bool) {
    println!("\n  {}", case.name());
    let peers = measured.peers.iter().map(|(peer, side)| (peer.name(), side));
    let ours = measured.ours.iter().map(|(way, side)| (way.name(), side));
    let sides: Vec<(&str, &Side)> = ours.chain(peers).collect();
    for (name, side) in &sides {
        let row_groups = side.footer.as_ref().map_or(0, |footer| footer.num_row_groups());
        let (seconds, megabytes, runs) = (side.seconds(), side.megabytes(), side.seconds.len());
        println!(
            "    {name:<20} {seconds:>7.3} s, median of {runs} {megabytes:>8.1} MB in {row_groups} row groups"
        );
    }
    let Measured { memcpy, write, write_file, compress, .. } = measured;
    let plain = corpus.bytes() as f64 / 1e6;
    println!("    {:<20} {memcpy:>7.3} s              {plain:>8.1} MB", "memcpy");
    println!("    {:<20} {write:>7.3} s              {plain:>8.1} MB", "write()");
    println!("    {:<20} {write_file:>7.3} s              {:>8.1} MB", "write()", sides[0].1.megabytes());
    if case.codec != "uncompressed" {
        println!("    {:<20} {compress:>7.3} s, once        {plain:>8.1} MB, all cores", case.codec_name());
    }
    if measured.others > 0.1 {
        println!("    Others used {:.1} cores meanwhile: not to be relied on.", measured.others);
    }
    if detail {
        // Both ways make the same file.
        print_columns(&[&sides[..1], &sides[measured.ours.len()..]].concat());
    }
}

/// A line a column: megabytes in every side's file, then the encodings that the first side chose.
fn print_columns(sides: &[(&str, &Side)]) {
    let files: Vec<_> = sides.iter().filter_map(|(_, side)| side.footer.as_ref()).collect();
    print!("\n    {:<14}", "MB a column");
    sides.iter().for_each(|(name, _)| print!(" {name:>11}"));
    println!("  libflow's encodings");
    for (i, column) in files[0].file_metadata().schema_descr().columns().iter().enumerate() {
        print!("    {:<14}", column.name());
        let bytes = |file: &ParquetMetaData| -> i64 {
            file.row_groups().iter().map(|group| group.column(i).compressed_size()).sum()
        };
        files.iter().zip(sides).for_each(|(file, (name, _))| {
            print!(" {:>1$.2}", bytes(file) as f64 / 1e6, name.len().max(11));
        });
        let chunks = files[0].row_groups().iter().map(|group| group.column(i));
        let encodings: BTreeSet<String> =
            chunks.flat_map(|chunk| chunk.encodings().map(|e| format!("{e:?}"))).collect();
        println!("  {}", encodings.into_iter().collect::<Vec<_>>().join(", "));
    }
}
