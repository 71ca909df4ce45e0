//! Columns long enough for pages of their own, for dictionaries that overflow in mid-column and for every
//! encoding: what an Arrow batch holds is what the parquet crate reads, whatever the batches' lengths.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Float32Array, Float64Array, Int16Array, Int32Array, Int64Array, RecordBatch, StringArray,
    UInt64Array,
};
use arrow_schema::{Field, Schema as ArrowSchema};
use flow::format::{Codec, PageVersion, ParquetOptions};
use flow::schema::Schema;
use flow::storage::Sync;
use flow::writer::{Writer, WriterOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Encoding;

const ROWS: usize = 300_000;

/// A number that is the same in every run.
fn random(i: usize) -> u64 {
    (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// One row in `every` is null; none for 0.
fn columns(every: usize) -> Vec<(&'static str, ArrayRef)> {
    let valid = |i: usize| every == 0 || !(random(i + 7) as usize).is_multiple_of(every);
    let rows = || (0..ROWS).map(valid).enumerate();
    fn optional<T>(valid: bool, value: T) -> Option<T> {
        valid.then_some(value)
    }
    vec![
        ("random", Arc::new(rows().map(|(i, v)| optional(v, random(i) as i64)).collect::<Int64Array>())),
        ("rising", Arc::new(rows().map(|(i, v)| optional(v, 3 * i as i64)).collect::<Int64Array>())),
        ("few", Arc::new(rows().map(|(i, v)| optional(v, random(i) as i32 % 5)).collect::<Int32Array>())),
        ("small", Arc::new(rows().map(|(i, v)| optional(v, random(i) as i16)).collect::<Int16Array>())),
        // More different ones in later rows than a dictionary takes.
        (
            "more",
            Arc::new(
                rows().map(|(i, v)| optional(v, random(i) % (1 + i as u64 / 2))).collect::<UInt64Array>(),
            ),
        ),
        (
            "real",
            Arc::new(
                rows()
                    .map(|(i, v)| {
                        optional(v, if i % 1000 == 0 { f64::NAN } else { (random(i) as f64).sqrt() })
                    })
                    .collect::<Float64Array>(),
            ),
        ),
        (
            "tick",
            Arc::new(
                rows().map(|(i, v)| optional(v, (random(i) % 90) as f32 / 4.0)).collect::<Float32Array>(),
            ),
        ),
        (
            "symbol",
            Arc::new(
                rows().map(|(i, v)| optional(v, format!("S{}", random(i) % 300))).collect::<StringArray>(),
            ),
        ),
        (
            "text",
            Arc::new(
                rows()
                    .map(|(i, v)| optional(v, format!("{:x} of many ä", random(i) % (1 + i as u64))))
                    .collect::<StringArray>(),
            ),
        ),
    ]
}

fn written_is_read(every: usize, step: usize, parquet: ParquetOptions) -> BTreeSet<String> {
    let columns = columns(every);
    let fields: Vec<_> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), every > 0)).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let batch = RecordBatch::try_new(Arc::new(ArrowSchema::new(fields.clone())), arrays).unwrap();

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("part.parquet");
    let options = WriterOptions { parquet, sync: Sync::None, ..WriterOptions::default() };
    let mut writer = Writer::open(&path, &Schema::new(fields).unwrap(), &options).unwrap();
    for row in (0..ROWS).step_by(step) {
        writer.append_batch(&batch.slice(row, step.min(ROWS - row))).unwrap();
    }
    assert_eq!(writer.close().unwrap().rows, ROWS as u64);

    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
    let chunks = reader.metadata().row_groups().iter().flat_map(|group| group.columns());
    let named = chunks.flat_map(|chunk| chunk.encodings()).map(|encoding: Encoding| encoding.to_string());
    let encodings = named.collect();
    let mut row = 0;
    for read in reader.build().unwrap().map(Result::unwrap) {
        for (i, column) in read.columns().iter().enumerate() {
            let expected = batch.column(i).slice(row, read.num_rows());
            assert_eq!(column.to_data(), expected.to_data(), "{}, from row {row}", batch.schema().field(i));
        }
        row += read.num_rows();
    }
    assert_eq!(row, ROWS);
    encodings
}

/// `cargo test --release --features cli,brotli --locked --test encoders`
#[cfg(feature = "brotli")]
#[test]
fn long_columns_come_back_from_brotli() {
    for (level, page_version) in [(0, PageVersion::V1), (5, PageVersion::V2)] {
        let codec = Codec::Brotli(level);
        written_is_read(7, 50_000, ParquetOptions { codec, page_version, ..ParquetOptions::default() });
    }
}

#[test]
fn long_columns_come_back() {
    let options = |codec, page_version, row_group_rows| ParquetOptions {
        codec,
        page_version,
        row_group_rows,
        ..ParquetOptions::default()
    };
    let mut encodings = written_is_read(0, ROWS, options(Codec::Uncompressed, PageVersion::V1, 1 << 20));
    encodings.extend(written_is_read(3, 50_000, options(Codec::Zstd(1), PageVersion::V1, 200_000)));
    encodings.extend(written_is_read(40, 777, options(Codec::Snappy, PageVersion::V2, 1 << 20)));
    encodings.extend(written_is_read(0, 20_001, options(Codec::Lz4Raw, PageVersion::V2, 70_000)));
    for used in
        ["PLAIN", "RLE_DICTIONARY", "DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "BYTE_STREAM_SPLIT"]
    {
        assert!(encodings.contains(used), "no column got {used}: {encodings:?}");
    }
}
