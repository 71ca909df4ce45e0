//! The data that every side writes: made once, kept as raw little-endian files in target/bench/corpora, so
//! that ours, the Python peers and the child that measures memory read the same bytes.

use std::fmt::Write;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::types::{ArrowPrimitiveType, Int32Type, Int64Type, TimestampNanosecondType};
use arrow_array::types::{UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch, make_array};
use arrow_buffer::{Buffer, MutableBuffer};
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, Schema, TimeUnit};

use super::generate::{self, Columns, array};

/// Of the generators.
const EDITION: u32 = 1;
/// Rows of all corpora but the payload.
const ROWS: usize = 10_000_000;
const PAYLOADS: usize = 1_000_000;

/// A corpus: all its columns are required.
pub struct Corpus {
    pub name: &'static str,
    /// Of its files: those of another one are made anew.
    pub edition: String,
    pub batch: RecordBatch,
}

impl Corpus {
    /// The corpus of that name; None if its source, said on stderr, is missing.
    pub fn open(name: &'static str) -> Option<Self> {
        let source = match name {
            "orders" => Some(orders_source()?),
            _ => None,
        };
        let edition = match &source {
            Some(file) => format!("{EDITION}-{}", fs::metadata(file).unwrap().len()),
            None => EDITION.to_string(),
        };
        let description = directory().join(format!("{name}.{edition}.columns"));
        if !description.exists() {
            let columns = match name {
                "payload" => generate::payload(PAYLOADS),
                "market" => generate::market(ROWS),
                "numeric" => generate::numeric(ROWS),
                "orders" => orders(&source.unwrap()),
                other => unreachable!("no corpus {other}"),
            };
            fs::create_dir_all(directory()).unwrap();
            let mut text = format!("{}\n", columns[0].1.len());
            for (column, array) in &columns {
                writeln!(text, "{column} {}", type_name(array.data_type())).unwrap();
                for (i, buffer) in array.to_data().buffers().iter().enumerate() {
                    let file = directory().join(format!("{name}.{column}.{i}"));
                    fs::write(&file, buffer.as_slice()).unwrap();
                    // Not while the benchmark runs.
                    File::open(&file).unwrap().sync_all().unwrap();
                }
            }
            fs::write(&description, text).unwrap();
        }
        let text = fs::read_to_string(&description).unwrap();
        let mut lines = text.lines();
        let rows = lines.next().unwrap().parse().unwrap();
        let columns: Vec<_> = lines.map(|line| read(name, line, rows)).collect();
        let fields = columns.iter().map(|(f, a)| Field::new(*f, a.data_type().clone(), false));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let arrays = columns.iter().map(|(_, array)| array.clone()).collect();
        Some(Corpus { name, edition, batch: RecordBatch::try_new(schema, arrays).unwrap() })
    }

    pub fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// The memory that holds it.
    pub fn buffers(&self) -> Vec<Buffer> {
        let columns = self.batch.columns().iter();
        columns.flat_map(|c| c.to_data().buffers().to_vec()).collect()
    }

    /// Bytes of all buffers.
    pub fn bytes(&self) -> usize {
        self.buffers().iter().map(Buffer::len).sum()
    }
}

/// Where the files are: `<corpus>.<edition>.columns` has the rows, then a name and a type a line;
/// `<corpus>.<column>.<i>` is one of Arrow's buffers.
pub fn directory() -> PathBuf {
    crate::output().join("corpora")
}

/// A column from its files, without memory for anything else.
fn read<'a>(corpus: &str, line: &'a str, rows: usize) -> (&'a str, ArrayRef) {
    let (name, type_name) = line.split_once(' ').unwrap();
    let data_type = data_type(type_name);
    let count = if matches!(data_type, DataType::Utf8 | DataType::Binary) { 2 } else { 1 };
    let buffers = (0..count).map(|i| {
        let mut file = File::open(directory().join(format!("{corpus}.{name}.{i}"))).unwrap();
        let mut buffer = MutableBuffer::from_len_zeroed(file.metadata().unwrap().len() as usize);
        file.read_exact(&mut buffer).unwrap();
        buffer.into()
    });
    let data = ArrayData::try_new(data_type, rows, None, 0, buffers.collect(), vec![]).unwrap();
    (name, make_array(data))
}

/// Types by pyarrow's names.
const TYPES: [(&str, DataType); 12] = [
    ("int8", DataType::Int8),
    ("int16", DataType::Int16),
    ("int32", DataType::Int32),
    ("int64", DataType::Int64),
    ("uint8", DataType::UInt8),
    ("uint16", DataType::UInt16),
    ("uint32", DataType::UInt32),
    ("uint64", DataType::UInt64),
    ("float64", DataType::Float64),
    ("timestamp[ns]", DataType::Timestamp(TimeUnit::Nanosecond, None)),
    ("string", DataType::Utf8),
    ("binary", DataType::Binary),
];

fn type_name(data_type: &DataType) -> &'static str {
    TYPES.iter().find(|(_, t)| t == data_type).unwrap().0
}

fn data_type(name: &str) -> DataType {
    TYPES.iter().find(|(n, _)| *n == name).unwrap().1.clone()
}

/// The file that the environment names as ORDERS.
fn orders_source() -> Option<PathBuf> {
    let path = std::env::var_os("ORDERS").filter(|path| !path.is_empty());
    if path.is_none() {
        eprintln!("  parquet/orders: left out; ORDERS=<a .mbo.dbn.zst file> says what to write");
    }
    path.map(PathBuf::from)
}

/// A day of market by order in Databento's encoding (DBN version 1, zstd) over and over, each time a day's
/// length later.
fn orders(path: &Path) -> Columns {
    /// Of a record.
    const BYTES: usize = 56;
    let dbn = zstd::decode_all(File::open(path).unwrap()).unwrap();
    assert_eq!(&dbn[..4], b"DBN\x01");
    let header = 8 + u32::from_le_bytes(dbn[4..8].try_into().unwrap()) as usize;
    let day: Vec<&[u8]> = dbn[header..].chunks_exact(BYTES).filter(|r| r[1] == 0xa0).collect();
    fn at<const N: usize>(record: &[u8], offset: usize) -> [u8; N] {
        record[offset..offset + N].try_into().unwrap()
    }
    let time = |record: &[u8], offset| i64::from_le_bytes(at(record, offset));
    let length = time(day[day.len() - 1], 40) - time(day[0], 40) + 1_000_000;

    fn column<T: ArrowPrimitiveType>(day: &[&[u8]], value: impl Fn(&[u8], i64) -> T::Native) -> ArrayRef {
        array::<T>((0..ROWS).map(|i| value(day[i % day.len()], (i / day.len()) as i64)).collect())
    }
    type Time = TimestampNanosecondType;
    vec![
        ("ts_event", column::<Time>(&day, |r, days| time(r, 8) + days * length)),
        ("ts_recv", column::<Time>(&day, |r, days| time(r, 40) + days * length)),
        ("publisher_id", column::<UInt16Type>(&day, |r, _| u16::from_le_bytes(at(r, 2)))),
        ("instrument_id", column::<UInt32Type>(&day, |r, _| u32::from_le_bytes(at(r, 4)))),
        ("order_id", column::<UInt64Type>(&day, |r, _| u64::from_le_bytes(at(r, 16)))),
        ("price", column::<Int64Type>(&day, |r, _| i64::from_le_bytes(at(r, 24)))),
        ("size", column::<UInt32Type>(&day, |r, _| u32::from_le_bytes(at(r, 32)))),
        ("flags", column::<UInt8Type>(&day, |r, _| r[36])),
        ("channel_id", column::<UInt8Type>(&day, |r, _| r[37])),
        ("action", column::<UInt8Type>(&day, |r, _| r[38])),
        ("side", column::<UInt8Type>(&day, |r, _| r[39])),
        ("ts_in_delta", column::<Int32Type>(&day, |r, _| i32::from_le_bytes(at(r, 48)))),
        ("sequence", column::<UInt32Type>(&day, |r, _| u32::from_le_bytes(at(r, 52)))),
    ]
}
