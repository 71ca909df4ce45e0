//! Rows that are known by their number, and the files of a part.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, Int64Array, ListArray, RecordBatch, StringArray};
use arrow_schema::{DataType, Field};
use flow::format::{BloomFilter, ColumnOptions};
use flow::schema::Schema;
use flow::storage::Sync;
use flow::writer::{Writer, WriterOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Encoding;

/// A number, which libflow encodes, with a bloom filter; a text that may be null, likewise; a list, which the parquet
/// crate encodes.
pub fn schema() -> Schema {
    Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("text", DataType::Utf8, true),
        Field::new("list", DataType::new_list(DataType::Int32, true), true),
    ])
    .unwrap()
}

/// With encodings that are given, so that none is chosen, of which the footer would tell.
pub fn options() -> WriterOptions {
    let mut options = WriterOptions { journal: true, sync: Sync::None, ..WriterOptions::default() };
    let column = |path: &str, bloom_filter| ColumnOptions {
        path: path.to_owned(),
        encoding: Some(Encoding::PLAIN),
        bloom_filter,
        ..ColumnOptions::default()
    };
    let filter = Some(BloomFilter { fpp: 0.01, ndv: 100 });
    options.parquet.columns = vec![column("id", filter), column("text", None)];
    options.parquet.page_rows = 100;
    options
}

/// Rows that are known by their number.
pub fn rows(from: u64, count: u64) -> RecordBatch {
    let ids = from..from + count;
    let text = |id: u64| (!id.is_multiple_of(7)).then(|| format!("text {}", id % 50));
    let list =
        |id: u64| (!id.is_multiple_of(5)).then(move || (0..id % 4).map(move |i| Some((id + i) as i32)));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(ids.clone().map(|id| id as i64).collect::<Int64Array>()),
        Arc::new(ids.clone().map(text).collect::<StringArray>()),
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(ids.map(list))),
    ];
    RecordBatch::try_new(schema().stored().clone(), columns).unwrap()
}

/// The number of rows of a part, which are the first ones.
pub fn check(path: &Path) -> u64 {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let mut at = 0;
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        assert_eq!(batch.columns(), rows(at, batch.num_rows() as u64).columns());
        at += batch.num_rows() as u64;
    }
    at
}

pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}.{suffix}", path.display()))
}

pub fn names(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub fn resume(path: &Path) -> Option<(Writer, Option<Vec<u8>>)> {
    Writer::resume(path, &schema(), &options()).unwrap()
}

pub fn noted(note: Option<Vec<u8>>) -> u64 {
    note.map_or(0, |note| u64::from_le_bytes(note.try_into().unwrap()))
}

pub fn note(writer: &mut Writer, rows: u64) {
    writer.flush_noted(rows.to_le_bytes().to_vec()).unwrap();
}

/// Where the journal's frames end.
pub fn frames(path: &Path) -> Vec<usize> {
    let bytes = fs::read(beside(path, "journal")).unwrap();
    let (mut at, mut ends) = (0, Vec::new());
    while let Some(length) = bytes.get(at..at + 4) {
        at += 8 + u32::from_le_bytes(length.try_into().unwrap()) as usize;
        if at <= bytes.len() {
            ends.push(at);
        }
    }
    ends
}
