//! What the drain does with records: rows to columns, through the writer's own append, beside a memcpy of the same
//! bytes. Encoding happens outside the timed part.

use std::hint::black_box;
use std::time::{Duration, Instant};

use arrow_schema::{DataType, Field};
use flow::columns::{ColumnSlice, Values};
use flow::format::{Codec, ParquetOptions};
use flow::schema::Schema;
use flow::storage::Sync;
use flow::writer::{Writer, WriterOptions};

use super::orders::{self, Order};
use crate::{Row, alternate};

/// Records of a run, those of a window, which the timed part ends before, and the bytes of a record.
const RUN: usize = 4096;
const RECORDS: usize = 1 << 19;
const BYTES: usize = 64;
const ROUNDS: usize = 20;

pub fn rows() -> Vec<Row> {
    let numbers: Vec<u8> = (0..(RECORDS * BYTES / 8) as u64).flat_map(|i| (i * 7).to_le_bytes()).collect();
    let int64 = |i: usize| (Field::new(format!("f{i}"), DataType::Int64, false), 8 * i);
    let orders: Vec<u8> = orders::orders(RECORDS).iter().flat_map(Order::bytes).copied().collect();
    vec![
        row("rows to columns, 8 int64", &numbers, &(0..8).map(int64).collect::<Vec<_>>()),
        row("rows to columns, orders of 9 fields", &orders, &orders::columns()),
    ]
}

/// Of fields at these offsets; text has 8 bytes.
fn row(name: &str, records: &[u8], fields: &[(Field, usize)]) -> Row {
    let directory = tempfile::tempdir_in(crate::output()).unwrap();
    let schema = Schema::new(fields.iter().map(|(field, _)| field.clone()).collect()).unwrap();
    let options = WriterOptions {
        parquet: ParquetOptions { codec: Codec::Uncompressed, ..ParquetOptions::default() },
        sync: Sync::None,
        window_rows: RECORDS + 1,
        window_bytes: 1 << 30,
        ..WriterOptions::default()
    };
    let mut writer = Writer::open(&directory.path().join("bench.parquet"), &schema, &options).unwrap();
    let mut copy = vec![1u8; records.len()];
    let runs = || records.chunks_exact(RUN * BYTES);
    let gigabytes = |start: Instant| records.len() as f64 / start.elapsed().as_nanos() as f64;
    let (ours, theirs) = alternate(
        ROUNDS,
        || {
            let start = Instant::now();
            for run in runs() {
                let slice = |(field, offset): &(Field, usize)| {
                    let (bytes, stride) = (&run[*offset..], BYTES);
                    let values = match field.data_type() {
                        DataType::Utf8 => Values::PaddedText { bytes, stride, width: 8 },
                        _ => Values::Fixed { bytes, stride },
                    };
                    ColumnSlice::new(values, RUN)
                };
                writer.append_captured(&fields.iter().map(slice).collect::<Vec<_>>()).unwrap();
            }
            let rate = gigabytes(start);
            // Lets it be encoded, so that its memory comes back.
            writer.flush().unwrap();
            std::thread::sleep(Duration::from_millis(150));
            rate
        },
        || {
            let start = Instant::now();
            for (to, run) in copy.chunks_exact_mut(RUN * BYTES).zip(runs()) {
                black_box(to).copy_from_slice(run);
            }
            gigabytes(start)
        },
    );
    Row::new("record/drain", name, "memcpy", (ours, theirs), "GB/s", ">= 0.5")
}
