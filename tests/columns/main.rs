//! Random chunks (types x layouts x selections x validities) at random cadences through random windows,
//! against a naive model: for each column, the list of its rows' bytes or null. Read back by the parquet
//! crate here, and by readers that are not ours in tests/readback/test_columns.py. A case is made from a
//! seed, which a failure prints.
#![allow(clippy::unwrap_used)]

mod options;
mod readback;
mod source;

use std::fs::File;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Field};
use flow::columns::{ColumnSlice, Selection, Values};
use flow::error::ErrorClass;
use flow::schema::{Schema, fixed_width};
use flow::storage::Sync;
use flow::writer::{Writer, WriterOptions};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::PageIndexPolicy;
use proptest::prelude::*;

use options::any_options;
use source::{Random, Source, any_type};

/// A value of the model: of a scalar, its stored bytes.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Null,
    Bytes(Vec<u8>),
    List(Vec<Value>),
    /// Names and values.
    Struct(Vec<(String, Value)>),
}

/// A column of the model: each row's value.
type Model = Vec<Value>;

impl readback::Json for Value {
    fn put(&self, out: &mut String) {
        let mut separator = "";
        let mut next = |out: &mut String| out.push_str(std::mem::replace(&mut separator, ","));
        match self {
            Value::Null => out.push_str("null"),
            Value::Bytes(bytes) => readback::put_bytes(bytes, out),
            Value::List(values) => {
                out.push('[');
                values.iter().for_each(|value| {
                    next(out);
                    value.put(out);
                });
                out.push(']');
            }
            Value::Struct(fields) => {
                out.push('{');
                fields.iter().for_each(|(name, value)| {
                    next(out);
                    out.push_str(&format!("\"{name}\":"));
                    value.put(out);
                });
                out.push('}');
            }
        }
    }
}

/// What a file's column holds, in the model's form.
fn read(batches: &[RecordBatch], i: usize) -> Model {
    let columns = batches.iter().map(|batch| batch.column(i));
    columns.flat_map(|column| (0..column.len()).map(|row| value_at(column, row))).collect()
}

fn value_at(array: &dyn Array, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    let bytes = match array.data_type() {
        DataType::Boolean => vec![u8::from(array.as_boolean().value(row))],
        DataType::Utf8 => array.as_string::<i32>().value(row).as_bytes().to_vec(),
        DataType::Binary => array.as_binary::<i32>().value(row).to_vec(),
        DataType::List(_) => {
            let list = array.as_list::<i32>().value(row);
            return Value::List((0..list.len()).map(|i| value_at(&list, i)).collect());
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns().iter();
            let values = columns.zip(fields).map(|(column, f)| (f.name().clone(), value_at(column, row)));
            return Value::Struct(values.collect());
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_dictionary::<Int32Type>();
            return value_at(dictionary.values(), dictionary.key(row).unwrap());
        }
        other => {
            let (width, data) = (fixed_width(other).unwrap(), array.to_data());
            data.buffers()[0].as_slice()[(data.offset() + row) * width..][..width].to_vec()
        }
    };
    Value::Bytes(bytes)
}

/// A chunk in which something is wrong: it is refused, and the writer goes on as if it had not been.
fn refuse_something(random: &mut Random, writer: &mut Writer, slices: &[ColumnSlice<'_>]) {
    let mut bad = slices.to_vec();
    let i = random.below(bad.len());
    let past = (bad[i].source_len as i64).to_le_bytes();
    let indices: Vec<u8> = (0..bad[i].rows()).flat_map(|_| past).collect();
    let class = match random.below(3) {
        0 if !indices.is_empty() => {
            bad[i].selection = Selection::Int64 { indices: &indices, base: 0 };
            ErrorClass::InvalidArgument
        }
        1 => {
            bad[i].values = match bad[i].values {
                Values::Bits { .. } | Values::Fixed { .. } => {
                    Values::Offsets { offsets: &[], width: 4, bytes: &[] }
                }
                _ => Values::Bits { bytes: &[], offset: 0 },
            };
            // A dictionary of bools may take bits, but not as few as none.
            match bad[i].source_len {
                0 => return,
                _ => writer.append(&bad).unwrap_err().class(),
            }
        }
        _ => {
            bad.remove(i);
            ErrorClass::SchemaMismatch
        }
    };
    assert_eq!(writer.append(&bad).unwrap_err().class(), class);
}

fn case(seed: u64) {
    let mut random = Random(seed | 1);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("part.parquet");
    let fields: Vec<_> = (0..1 + random.below(4))
        .map(|i| Field::new(format!("c{i}"), any_type(&mut random, 0), random.below(2) == 0))
        .collect();
    let schema = Schema::new(fields.clone()).unwrap();
    let options = WriterOptions {
        parquet: any_options(&mut random, &schema),
        sync: Sync::None,
        window_rows: 1 + random.below(50),
        window_bytes: 1 + random.below(600),
        queue_bytes: Some(1 + random.below(10_000)),
        ..WriterOptions::default()
    };
    let mut writer = Writer::open(&path, &schema, &options).unwrap();
    let mut model: Vec<Model> = vec![Vec::new(); fields.len()];
    for _ in 0..random.below(5) {
        let rows = random.below(40);
        let sources: Vec<_> =
            fields.iter().map(|f| Source::new(&mut random, f.data_type(), f.is_nullable(), rows)).collect();
        let slices: Vec<_> = sources.iter().map(Source::slice).collect();
        if random.below(4) == 0 {
            refuse_something(&mut random, &mut writer, &slices);
        }
        if random.below(3) > 0 {
            writer.append(&slices).unwrap();
        } else {
            while !writer.try_append(&slices).unwrap() {
                std::thread::yield_now();
            }
        }
        model.iter_mut().zip(sources).for_each(|(model, source)| model.extend(source.rows));
        if random.below(4) == 0 {
            writer.flush().unwrap();
        }
    }
    let part = writer.close().unwrap();
    assert_eq!(part.rows as usize, model[0].len());
    assert_eq!(part.bytes, path.metadata().unwrap().len());

    // All rows page by page, or the last ones, which are found by the page index.
    let (policy, start) = match random.below(2) {
        0 => (PageIndexPolicy::Skip, 0),
        _ => (PageIndexPolicy::Optional, random.below(model[0].len() + 1)),
    };
    let options = ArrowReaderOptions::new().with_page_index_policy(policy);
    let file = File::open(&path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).unwrap();
    assert_eq!(part.row_groups as usize, reader.metadata().num_row_groups());
    let batches: Vec<_> = reader.with_offset(start).build().unwrap().map(Result::unwrap).collect();
    for (i, expected) in model.iter().enumerate() {
        assert_eq!(&read(&batches, i), &expected[start..], "column {i}, {}", fields[i].data_type());
    }
    readback::leave(seed, &path, part.row_groups, &fields, &model);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12_000))]
    #[test]
    fn what_is_appended_is_what_is_stored(seed in any::<u64>()) {
        case(seed);
    }
}
