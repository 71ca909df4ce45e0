//! AUTO is hardly larger than the best of all encodings, column by column, whatever the codec and however many rows.
#![allow(clippy::unwrap_used)]

#[path = "../benches/parquet/generate.rs"]
mod generate;

use std::fs::File;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::types::{Int32Type, Int64Type, TimestampNanosecondType};
use arrow_array::types::{UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_schema::{Field, Schema as ArrowSchema};
use flow::format::{Codec, ColumnOptions, ParquetOptions};
use flow::schema::Schema;
use flow::storage::Sync;
use flow::writer::{Writer, WriterOptions};
use parquet::basic::{Encoding, Type};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use generate::{Columns, Random, array, market, numeric, payload};

/// What a choice by a sample may cost; and bytes of each chunk that it is not judged by, as a page's header and an index
/// that has one bit more or less make up so many.
const MOST: f64 = 1.05;
const SLACK: i64 = 128;

const ENCODINGS: [Encoding; 5] = [
    Encoding::PLAIN,
    Encoding::RLE_DICTIONARY,
    Encoding::DELTA_BINARY_PACKED,
    Encoding::DELTA_LENGTH_BYTE_ARRAY,
    Encoding::BYTE_STREAM_SPLIT,
];

fn admits(physical: Type, encoding: Encoding) -> bool {
    match encoding {
        Encoding::DELTA_BINARY_PACKED => matches!(physical, Type::INT32 | Type::INT64),
        Encoding::DELTA_LENGTH_BYTE_ARRAY => physical == Type::BYTE_ARRAY,
        Encoding::BYTE_STREAM_SPLIT => physical != Type::BYTE_ARRAY,
        _ => true,
    }
}

/// A feed of orders that come, change and go, from when there are many.
fn orders(rows: usize) -> Columns {
    const WARM_UP: usize = 20_000;
    let mut random = Random(4);
    let (mut ts_event, mut ts_recv, mut instrument, mut order_id) = (vec![], vec![], vec![], vec![]);
    let (mut price, mut size, mut flags, mut channel) = (vec![], vec![], vec![], vec![]);
    let (mut action, mut side, mut ts_in_delta, mut sequence) = (vec![], vec![], vec![], vec![]);
    let (mut clock, mut packet, mut middle) = (1_703_548_800_000_000_000, 1_000_000, 4800 * 4);
    let mut next = 6_413_000_000_000;
    let mut live = std::collections::VecDeque::new();
    for row in 0..WARM_UP + rows {
        if random.below(3) > 0 {
            let pause = 1 << random.below(30);
            clock += 1_000 + random.below(pause) as i64;
            packet += 1 + random.below(2) as u32;
            middle += [0, 0, 0, 1, -1][random.below(5) as usize];
        }
        let is_new = live.len() < 2500 || live.len() < 5000 && random.below(2) == 0;
        let order = if is_new {
            next += 1 + random.below(3);
            let is_buy = random.below(2) == 0;
            let away = 1 + random.below(5).min(random.below(40)) as i64;
            let ticks = if is_buy { middle - away } else { middle + away };
            (next, ticks * 250_000_000, 1 + random.below(3).min(random.below(20)) as u32, is_buy)
        } else {
            let back = random.below(live.len() as u64).min(random.below(live.len() as u64)) as usize;
            live.remove(live.len() - 1 - back).unwrap()
        };
        if is_new {
            live.push_back(order);
        }
        if row < WARM_UP {
            continue;
        }
        ts_event.push(clock);
        ts_recv.push(clock + 90_000 + random.below(30_000) as i64);
        instrument.push([294_973_u32, 294_973, 294_973, 294_973, 206_299, 10_252][random.below(6) as usize]);
        order_id.push(order.0);
        price.push(order.1);
        size.push(order.2);
        flags.push([130_u8, 130, 130, 128, 0][random.below(5) as usize]);
        channel.push(0_u8);
        action.push(if is_new { b'A' } else { [b'C', b'C', b'M', b'F'][random.below(4) as usize] });
        side.push(if order.3 { b'B' } else { b'A' });
        ts_in_delta.push(13_000 + random.below(8_000) as i32);
        sequence.push(packet);
    }
    vec![
        ("ts_event", array::<TimestampNanosecondType>(ts_event)),
        ("ts_recv", array::<TimestampNanosecondType>(ts_recv)),
        ("publisher_id", array::<UInt16Type>(vec![1; rows])),
        ("instrument_id", array::<UInt32Type>(instrument)),
        ("order_id", array::<UInt64Type>(order_id)),
        ("price", array::<Int64Type>(price)),
        ("size", array::<UInt32Type>(size)),
        ("flags", array::<UInt8Type>(flags)),
        ("channel_id", array::<UInt8Type>(channel)),
        ("action", array::<UInt8Type>(action)),
        ("side", array::<UInt8Type>(side)),
        ("ts_in_delta", array::<Int32Type>(ts_in_delta)),
        ("sequence", array::<UInt32Type>(sequence)),
    ]
}

/// Writes the batch, a row group every so many rows.
fn write(
    batch: &RecordBatch,
    row_group_rows: usize,
    codec: Codec,
    columns: Vec<ColumnOptions>,
) -> ParquetMetaData {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("part.parquet");
    let parquet = ParquetOptions { codec, row_group_rows, columns, ..ParquetOptions::default() };
    let options = WriterOptions { parquet, sync: Sync::None, ..WriterOptions::default() };
    let fields = batch.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    let mut writer = Writer::open(&path, &Schema::new(fields).unwrap(), &options).unwrap();
    let step = row_group_rows.min(1 << 16);
    for row in (0..batch.num_rows()).step_by(step) {
        writer.append_batch(&batch.slice(row, step.min(batch.num_rows() - row))).unwrap();
    }
    writer.close().unwrap();
    ParquetMetaDataReader::new().parse_and_finish(&File::open(&path).unwrap()).unwrap()
}

/// Asserts it of every column.
fn auto_is_near_the_best(make: fn(usize) -> Columns, rows: usize, row_group_rows: usize, most: f64) {
    let columns = make(rows);
    let fields = columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), false));
    let schema = Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()));
    let batch = RecordBatch::try_new(schema, columns.into_iter().map(|(_, array)| array).collect()).unwrap();
    let mut worse = Vec::new();
    for codec in [Codec::Zstd(1), Codec::Snappy, Codec::Uncompressed] {
        let auto = write(&batch, row_group_rows, codec, Vec::new());
        let single = ENCODINGS.map(|encoding| {
            let columns = auto.file_metadata().schema_descr().columns().iter();
            let columns = columns.filter(|column| admits(column.physical_type(), encoding));
            let options = columns.map(|column| ColumnOptions {
                path: column.name().to_owned(),
                encoding: Some(encoding),
                ..ColumnOptions::default()
            });
            write(&batch, row_group_rows, codec, options.collect())
        });
        for (c, column) in auto.file_metadata().schema_descr().columns().iter().enumerate() {
            let bytes = |file: &ParquetMetaData| -> i64 {
                file.row_groups().iter().map(|group| group.column(c).compressed_size()).sum()
            };
            let tried = ENCODINGS.iter().zip(&single);
            let tried = tried.filter(|(encoding, _)| admits(column.physical_type(), **encoding));
            let (least, best) = tried.map(|(encoding, file)| (bytes(file), encoding)).min().unwrap();
            let size = bytes(&auto);
            if size > (least as f64 * most) as i64 + SLACK * auto.num_row_groups() as i64 {
                let chosen: Vec<_> = auto.row_group(0).column(c).encodings().collect();
                worse.push(format!(
                    "{codec:?}, {}: {size} bytes in {chosen:?}, {least} in {best}, {:.3}",
                    column.name(),
                    size as f64 / least as f64
                ));
            }
        }
    }
    assert!(worse.is_empty(), "{} columns of {rows} rows:\n{}", worse.len(), worse.join("\n"));
}

const FULL: usize = 1 << 20;

#[test]
fn of_payloads() {
    auto_is_near_the_best(payload, 10_000, 4096, MOST);
}

#[test]
fn of_a_market() {
    for (rows, row_group_rows) in [(FULL + FULL / 2, FULL), (200_000, 20_000), (20_000, 1000)] {
        auto_is_near_the_best(market, rows, row_group_rows, MOST);
    }
}

#[test]
fn of_numbers() {
    for (rows, row_group_rows) in [(300_000, 100_000), (200_000, 20_000), (20_000, 1000)] {
        auto_is_near_the_best(numeric, rows, row_group_rows, MOST);
    }
}

#[test]
fn of_orders() {
    for (rows, row_group_rows) in [(FULL + FULL / 2, FULL), (200_000, 20_000), (20_000, 1000)] {
        auto_is_near_the_best(orders, rows, row_group_rows, MOST);
    }
}

/// Files that end long before their row group is full: how long it is has a part in the choice.
#[test]
fn of_short_files() {
    for make in [market, numeric, orders] {
        for rows in [100, 1000, 10_000, 20_000, 50_000] {
            auto_is_near_the_best(make, rows, FULL, MOST);
        }
        // The first page of 65,536 rows is written before it is known that hardly any follow.
        auto_is_near_the_best(make, 70_000, FULL, 1.2);
        auto_is_near_the_best(make, 200_000, FULL, 1.2);
    }
}
