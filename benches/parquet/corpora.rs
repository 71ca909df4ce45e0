//! The data that every side writes: made once, kept as raw little-endian files in target/bench/corpora, so
//! that ours, the Python peers and the child that measures memory read the same bytes.

use std::fmt::Write;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::types::{ArrowPrimitiveType, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use arrow_array::types::{TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, BinaryArray, PrimitiveArray, RecordBatch, StringArray, make_array};
use arrow_buffer::{Buffer, MutableBuffer};
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, Schema, TimeUnit};

/// Of the generators.
const EDITION: u32 = 1;
/// Rows of all corpora but the payload.
const ROWS: usize = 10_000_000;
const PAYLOADS: usize = 1_000_000;
const PAYLOAD_BYTES: usize = 256;
/// 2026-01-05 14:30 UTC, in nanoseconds.
const OPEN: i64 = 1_767_623_400_000_000_000;

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
                "payload" => payload(),
                "market" => market(),
                "numeric" => numeric(),
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

type Columns = Vec<(&'static str, ArrayRef)>;

fn array<T: ArrowPrimitiveType>(values: Vec<T::Native>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(values.into(), None))
}

/// Splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// In (0, 1].
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }
}

/// Random bytes, 256 a row.
fn payload() -> Columns {
    let mut random = Random(1);
    let bytes: Vec<u64> = (0..PAYLOADS * PAYLOAD_BYTES / 8).map(|_| random.next()).collect();
    let offsets: Vec<i32> = (0..=PAYLOADS).map(|i| (i * PAYLOAD_BYTES) as i32).collect();
    let (offsets, bytes) = (Buffer::from_vec(offsets), Buffer::from_vec(bytes));
    let data = ArrayData::try_new(DataType::Binary, PAYLOADS, None, 0, vec![offsets, bytes], vec![]);
    vec![("payload", Arc::new(BinaryArray::from(data.unwrap())))]
}

/// Trades of 500 symbols.
fn market() -> Columns {
    const SYMBOLS: usize = 500;
    let mut random = Random(2);
    let mut names: Vec<String> = Vec::new();
    while names.len() < SYMBOLS {
        let length = 1 + random.below(5).max(random.below(4));
        let name: String = (0..length).map(|_| char::from(b'A' + random.below(26) as u8)).collect();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    // Zipf's law: the k-th symbol has 1 / k of the first one's share.
    let total: f64 = (1..=SYMBOLS).map(|k| 1.0 / k as f64).sum();
    let mut symbols = Vec::new();
    for k in 0..SYMBOLS {
        let share = f64::from(1 << 16) / ((k + 1) as f64 * total);
        symbols.extend(std::iter::repeat_n(k, share.round().max(1.0) as usize));
    }
    let mut ticks: Vec<i64> = (0..SYMBOLS).map(|_| 500 + random.below(50_000) as i64).collect();

    let (mut ts, mut price) = (Vec::with_capacity(ROWS), Vec::with_capacity(ROWS));
    let (mut symbol, mut qty) = (Vec::with_capacity(ROWS), Vec::with_capacity(ROWS));
    let (mut side, mut order_id) = (Vec::with_capacity(ROWS), Vec::with_capacity(ROWS));
    let mut venue = Vec::with_capacity(ROWS);
    let (mut clock, mut order) = (OPEN, 1_000_000);
    for _ in 0..ROWS {
        // Bursts, and stamps that overtake each other by up to a microsecond.
        clock += if random.below(4) == 0 { random.below(20_000) } else { random.below(500) } as i64;
        ts.push(clock + random.below(1000) as i64);
        let k = symbols[random.below(symbols.len() as u64) as usize];
        symbol.push(names[k].as_str());
        ticks[k] = (ticks[k] + [0, 0, 0, 0, 1, 1, -1, -1, 2, -2][random.below(10) as usize]).max(1);
        price.push(ticks[k] as f64 / 100.0);
        qty.push(match random.below(20) {
            0..10 => 100,
            10..13 => 200,
            13..15 => 50,
            15 => 500,
            16 => 1000,
            _ => 1 + (-300.0 * random.unit().ln()) as i32,
        });
        side.push([b'B', b'S'][random.below(2) as usize] as i8);
        order += 1 + random.below(8) as i64;
        order_id.push(order);
        // Some venues trade more than others.
        venue.push(random.below(16).min(random.below(16)) as i16);
    }
    vec![
        ("ts", array::<TimestampNanosecondType>(ts)),
        ("symbol", Arc::new(StringArray::from_iter_values(symbol))),
        ("price", array::<Float64Type>(price)),
        ("qty", array::<Int32Type>(qty)),
        ("side", array::<Int8Type>(side)),
        ("order_id", array::<Int64Type>(order_id)),
        ("venue", array::<Int16Type>(venue)),
    ]
}

/// Numbers that have nothing to do with each other.
fn numeric() -> Columns {
    let mut random = Random(3);
    let (mut a, mut b, mut c) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROWS {
        a.push(1_000_000 + random.below(9_000_000) as i64);
        let (radius, angle) = ((-2.0 * random.unit().ln()).sqrt(), std::f64::consts::TAU * random.unit());
        b.push((100.0 + 50.0 * radius * angle.cos()).abs());
        c.push(random.below(100) as i32);
    }
    vec![("id", array::<Int64Type>(a)), ("value", array::<Float64Type>(b)), ("count", array::<Int32Type>(c))]
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
