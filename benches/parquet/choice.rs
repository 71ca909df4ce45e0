//! What it costs to leave the encodings to libflow: the time of its trials, and the bytes that the best encoding of
//! each column would save.

use std::fs::{self, File};

use flow::ffi::parquet_options::*;
use parquet::basic::{Encoding, Type};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::cases::{CASES, Case};
use super::corpora::Corpus;
use super::ours::{self, Way};
use crate::{Row, alternate};

/// As many as tell one part in twenty, a run being as short as it is.
const ROUNDS: usize = 15;

const GROUP: &str = "choice";

const ENCODINGS: [(Encoding, i32); 5] = [
    (Encoding::PLAIN, PF_ENCODING_PLAIN),
    (Encoding::RLE_DICTIONARY, PF_ENCODING_DICTIONARY),
    (Encoding::DELTA_BINARY_PACKED, PF_ENCODING_DELTA_BINARY_PACKED),
    (Encoding::DELTA_LENGTH_BYTE_ARRAY, PF_ENCODING_DELTA_LENGTH_BYTE_ARRAY),
    (Encoding::BYTE_STREAM_SPLIT, PF_ENCODING_BYTE_STREAM_SPLIT),
];

pub fn rows() -> Vec<Row> {
    let mut open: Option<Corpus> = None;
    let mut rows = Vec::new();
    // With the default codec and without one, which has the least to hide a trial behind.
    for case in CASES.iter().filter(|case| matches!(case.codec, "uncompressed" | "zstd")) {
        if open.as_ref().is_none_or(|corpus| corpus.name != case.corpus) {
            drop(open.take()); // before the next, as both need memory
            open = Corpus::open(case.corpus);
        }
        if let Some(corpus) = &open {
            rows.extend(of_case(case, corpus));
        }
    }
    rows
}

fn of_case(case: &Case, corpus: &Corpus) -> [Row; 2] {
    let auto = vec![PF_ENCODING_AUTO; corpus.batch.num_columns()];
    let chosen = footer(case, corpus, &auto);
    let columns = chosen.file_metadata().schema_descr().columns();
    let bytes = |file: &ParquetMetaData, column: usize| -> f64 {
        file.row_groups().iter().map(|group| group.column(column).compressed_size() as f64).sum()
    };
    let mut best = vec![f64::INFINITY; columns.len()];
    for (encoding, code) in ENCODINGS {
        let codes: Vec<i32> = columns
            .iter()
            .map(|c| if admits(c.physical_type(), encoding) { code } else { PF_ENCODING_AUTO })
            .collect();
        if codes != auto {
            let file = footer(case, corpus, &codes);
            for (column, best) in best.iter_mut().enumerate().filter(|(column, _)| codes[*column] == code) {
                *best = best.min(bytes(&file, column));
            }
        }
    }
    let sizes: Vec<f64> = (0..columns.len()).map(|column| bytes(&chosen, column)).collect();
    let ratio = |column: usize| sizes[column] / best[column];
    let worst = (0..columns.len()).max_by(|&a, &b| ratio(a).total_cmp(&ratio(b))).unwrap();
    let name = format!("{} {}", case.corpus, case.codec_name());
    println!("  {name}: {} is {:.2} of its best encoding's size", columns[worst].name(), ratio(worst));
    let megabytes = |sizes: &[f64]| sizes.iter().sum::<f64>() / 1e6;
    let size = (megabytes(&sizes), megabytes(&best));
    let size = Row::new(GROUP, &format!("{name}, size"), "each column's best", size, "MB", "<= 1.05");

    let given: Vec<i32> = (0..columns.len()).map(|column| used(&chosen, column)).collect();
    let seconds = |encodings: &[i32]| {
        let seconds = ours::write_encoded(corpus, case, Way::Chunks, encodings);
        fs::remove_file(ours::path()).unwrap();
        seconds
    };
    let times = alternate(ROUNDS, || seconds(&auto), || seconds(&given));
    [Row::new(GROUP, &format!("{name}, time"), "the same, given", times, "s", "<= 1.05"), size]
}

/// What the file says of itself when it is written so.
fn footer(case: &Case, corpus: &Corpus, encodings: &[i32]) -> ParquetMetaData {
    ours::write_encoded(corpus, case, Way::Chunks, encodings);
    let footer = ParquetMetaDataReader::new().parse_and_finish(&File::open(ours::path()).unwrap()).unwrap();
    fs::remove_file(ours::path()).unwrap();
    footer
}

fn admits(physical: Type, encoding: Encoding) -> bool {
    match encoding {
        Encoding::DELTA_BINARY_PACKED => matches!(physical, Type::INT32 | Type::INT64),
        Encoding::DELTA_LENGTH_BYTE_ARRAY => physical == Type::BYTE_ARRAY,
        Encoding::BYTE_STREAM_SPLIT => physical != Type::BYTE_ARRAY,
        _ => true,
    }
}

/// The encoding of a column's pages: a dictionary's own is PLAIN, which therefore comes last.
fn used(file: &ParquetMetaData, column: usize) -> i32 {
    let has = |encoding| file.row_group(0).column(column).encodings().any(|other| other == encoding);
    ENCODINGS.iter().rev().find(|(encoding, _)| has(*encoding)).unwrap().1
}
