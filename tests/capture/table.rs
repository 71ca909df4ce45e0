//! What a part holds, and sinks to fill it.

use std::fs::File;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampNanosecondType, UInt32Type, UInt64Type};
use arrow_schema::{DataType, Field};
use flow::sink::{Nulls, Producer, RecordField, RecordLayout, Source};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// A record: two numbers.
pub type Record = [u8; 16];

pub fn record(a: i64, b: i64) -> Record {
    let mut record = [0; 16];
    record[..8].copy_from_slice(&a.to_le_bytes());
    record[8..].copy_from_slice(&b.to_le_bytes());
    record
}

/// `a`, `b`, and all stamps.
pub fn layout() -> RecordLayout {
    let number = |name, offset| RecordField {
        column: Field::new(name, DataType::Int64, false),
        source: Source::Record { offset, width: 8 },
        nulls: Nulls::Never,
    };
    let mut fields = vec![number("a", 0), number("b", 8)];
    fields.extend(Source::Sequence.stamp("sequence"));
    fields.extend(Source::Producer.stamp("producer"));
    fields.extend(Source::Time.stamp("time"));
    RecordLayout::new(16, fields, None).unwrap()
}

/// Offers a record until it is taken.
pub fn offer(producer: &mut Producer, a: i64, b: i64) {
    while producer.try_record(&record(a, b)) != flow::sink::Offer::Accepted {
        std::thread::yield_now();
    }
}

/// A row of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub a: i64,
    pub b: i64,
    pub sequence: u64,
    pub producer: u32,
    pub time: i64,
}

pub fn batches(path: &Path) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    reader.build().unwrap().map(Result::unwrap).collect()
}

/// The metadata of this key.
pub fn metadata(path: &Path, key: &str) -> String {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let all = reader.metadata().file_metadata().key_value_metadata().unwrap();
    all.iter().find(|known| known.key == key).unwrap().value.clone().unwrap()
}

pub fn rows(path: &Path) -> Vec<Row> {
    let mut rows = Vec::new();
    for batch in batches(path) {
        let column = |name| batch.column_by_name(name).unwrap();
        let (a, b) = (column("a").as_primitive::<Int64Type>(), column("b").as_primitive::<Int64Type>());
        let (sequence, producer) = (
            column("sequence").as_primitive::<UInt64Type>(),
            column("producer").as_primitive::<UInt32Type>(),
        );
        let time = column("time").as_primitive::<TimestampNanosecondType>();
        rows.extend((0..a.len()).map(|i| Row {
            a: a.value(i),
            b: b.value(i),
            sequence: sequence.value(i),
            producer: producer.value(i),
            time: time.value(i),
        }));
    }
    rows
}
