//! Random schemas, values, nulls, chunk cadences and windows through a writer, against a naive model:
//! a list of optional byte strings a column. Read back by the parquet crate; foreign readers judge the
//! files of the C tests.

#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Field, TimeUnit};
use flow::columns::{ColumnSlice, Validity, Values};
use flow::format::{Codec, ParquetOptions};
use flow::schema::{Schema, fixed_width};
use flow::storage::Sync;
use flow::writer::{Writer, WriterOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

/// A column of the model: a value's bytes, or null.
type Model = Vec<Option<Vec<u8>>>;

#[derive(Clone, Debug)]
struct Column {
    data_type: DataType,
    nullable: bool,
    values: Model,
}

fn data_type() -> impl Strategy<Value = DataType> {
    let utc: Option<Arc<str>> = Some("UTC".into());
    prop::sample::select(vec![
        DataType::Boolean,
        DataType::Int8,
        DataType::Int16,
        DataType::Int32,
        DataType::Int64,
        DataType::UInt8,
        DataType::UInt16,
        DataType::UInt32,
        DataType::UInt64,
        DataType::Float32,
        DataType::Float64,
        DataType::Utf8,
        DataType::Binary,
        DataType::FixedSizeBinary(5),
        DataType::Date32,
        DataType::Timestamp(TimeUnit::Second, utc.clone()),
        DataType::Timestamp(TimeUnit::Millisecond, None),
        DataType::Timestamp(TimeUnit::Microsecond, utc),
        DataType::Timestamp(TimeUnit::Nanosecond, None),
    ])
}

fn value(data_type: &DataType) -> BoxedStrategy<Vec<u8>> {
    match data_type {
        DataType::Boolean => any::<bool>().prop_map(|b| vec![b.into()]).boxed(),
        DataType::Utf8 => "\\PC{0,12}".prop_map(String::into_bytes).boxed(),
        DataType::Binary => prop::collection::vec(any::<u8>(), 0..20).boxed(),
        DataType::Timestamp(TimeUnit::Second, _) => {
            (-1i64 << 40..1 << 40).prop_map(|s| s.to_le_bytes().to_vec()).boxed()
        }
        other => prop::collection::vec(any::<u8>(), fixed_width(other).unwrap()).boxed(),
    }
}

fn column(rows: usize) -> impl Strategy<Value = Column> {
    (data_type(), any::<bool>()).prop_flat_map(move |(data_type, nullable)| {
        let value = value(&data_type);
        let value =
            if nullable { prop::option::weighted(0.8, value).boxed() } else { value.prop_map(Some).boxed() };
        prop::collection::vec(value, rows).prop_map(move |values| Column {
            data_type: data_type.clone(),
            nullable,
            values,
        })
    })
}

/// The caller's memory for rows of a column: values at a stride, or offsets; a bitmap if nullable.
struct Memory {
    bytes: Vec<u8>,
    offsets: Vec<u8>,
    bitmap: Vec<u8>,
    stride: usize,
}

impl Memory {
    fn new(column: &Column, rows: std::ops::Range<usize>, gap: usize) -> Self {
        let width = fixed_width(&column.data_type).unwrap_or(0);
        let mut memory = Memory {
            bytes: Vec::new(),
            offsets: 0i32.to_le_bytes().to_vec(),
            bitmap: vec![0; rows.len().div_ceil(8)],
            stride: width + gap,
        };
        for (i, value) in column.values[rows].iter().enumerate() {
            // What lies under a null is anything: 0xff is no UTF-8 either.
            let bytes = value.clone().unwrap_or_else(|| vec![0xff; if width > 0 { width } else { 3 }]);
            memory.bitmap[i / 8] |= u8::from(value.is_some()) << (i % 8);
            memory.bytes.extend_from_slice(&bytes);
            if width > 0 {
                memory.bytes.resize(memory.bytes.len() + gap, 0xee);
            }
            memory.offsets.extend_from_slice(&(memory.bytes.len() as i32).to_le_bytes());
        }
        memory
    }

    fn slice(&self, column: &Column, len: usize) -> ColumnSlice<'_> {
        let values = match fixed_width(&column.data_type) {
            Some(_) => Values::Fixed { bytes: &self.bytes, stride: self.stride },
            None => Values::Offsets { offsets: &self.offsets, bytes: &self.bytes },
        };
        let validity = if column.nullable { Validity::Bitmap(&self.bitmap) } else { Validity::AllValid };
        ColumnSlice { values, validity, len }
    }
}

/// What a file holds, in the model's form; seconds come back as they are stored, in milliseconds.
fn stored(batches: &[RecordBatch], i: usize) -> Model {
    let mut model = Vec::new();
    for batch in batches {
        let array = batch.column(i);
        for row in 0..array.len() {
            let bytes = || match array.data_type() {
                DataType::Boolean => vec![u8::from(array.as_boolean().value(row))],
                DataType::Utf8 => array.as_string::<i32>().value(row).as_bytes().to_vec(),
                DataType::Binary => array.as_binary::<i32>().value(row).to_vec(),
                other => {
                    let width = fixed_width(other).unwrap();
                    let data = array.to_data();
                    data.buffers()[0].as_slice()[(data.offset() + row) * width..][..width].to_vec()
                }
            };
            model.push(array.is_valid(row).then(bytes));
        }
    }
    model
}

fn expected(column: &Column) -> Model {
    let milliseconds = |bytes: &Vec<u8>| match column.data_type {
        DataType::Timestamp(TimeUnit::Second, _) => {
            (i64::from_le_bytes(bytes[..8].try_into().unwrap()) * 1000).to_le_bytes().to_vec()
        }
        _ => bytes.clone(),
    };
    column.values.iter().map(|value| value.as_ref().map(milliseconds)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn what_is_appended_is_what_is_stored(
        columns in (0usize..80).prop_flat_map(|rows| prop::collection::vec(column(rows), 1..6)),
        cuts in prop::collection::vec(1usize..40, 1..8),
        (window_rows, window_bytes, row_group_rows) in (1usize..50, 1usize..600, 1usize..70),
        (gap, flush_at) in (0usize..4, 0usize..6),
        codec in prop::sample::select(vec![Codec::Uncompressed, Codec::Snappy, Codec::Zstd(1), Codec::Lz4Raw]),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("part.parquet");
        let field = |(i, c): (usize, &Column)| Field::new(format!("c{i}"), c.data_type.clone(), c.nullable);
        let schema = Schema::new(columns.iter().enumerate().map(field).collect()).unwrap();
        let options = WriterOptions {
            parquet: ParquetOptions { codec, row_group_rows },
            sync: Sync::None,
            window_rows,
            window_bytes,
            ..WriterOptions::default()
        };
        let mut writer = Writer::open(&path, &schema, &options).unwrap();
        let rows = columns[0].values.len();
        let (mut row, mut chunks) = (0, cuts.iter().cycle());
        while row < rows {
            let end = rows.min(row + chunks.next().unwrap());
            let memory: Vec<_> = columns.iter().map(|c| Memory::new(c, row..end, gap)).collect();
            let slices: Vec<_> = columns.iter().zip(&memory).map(|(c, m)| m.slice(c, end - row)).collect();
            writer.append(&slices).unwrap();
            if row % 6 == flush_at {
                writer.flush().unwrap();
            }
            row = end;
        }
        let part = writer.close().unwrap();
        prop_assert_eq!(part.rows as usize, rows);
        prop_assert_eq!(part.bytes, path.metadata().unwrap().len());

        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
        prop_assert_eq!(part.row_groups as usize, reader.metadata().num_row_groups());
        let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
        for (i, column) in columns.iter().enumerate() {
            prop_assert_eq!(stored(&batches, i), expected(column), "column {}", i);
        }
    }
}
