//! The corpora that need no source: the same numbers in every run, of as many rows as are asked for.

use std::sync::Arc;

use arrow_array::types::TimestampNanosecondType;
use arrow_array::types::{ArrowPrimitiveType, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use arrow_array::{ArrayRef, BinaryArray, PrimitiveArray, StringArray};
use arrow_buffer::Buffer;
use arrow_data::ArrayData;
use arrow_schema::DataType;

const PAYLOAD_BYTES: usize = 256;
/// 2026-01-05 14:30 UTC, in nanoseconds.
const OPEN: i64 = 1_767_623_400_000_000_000;

/// Columns, none of them null, by name.
pub type Columns = Vec<(&'static str, ArrayRef)>;

/// A column of numbers.
pub fn array<T: ArrowPrimitiveType>(values: Vec<T::Native>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(values.into(), None))
}

/// Splitmix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// In (0, 1].
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }
}

/// Random bytes, 256 a row.
pub fn payload(rows: usize) -> Columns {
    let mut random = Random(1);
    let bytes: Vec<u64> = (0..rows * PAYLOAD_BYTES / 8).map(|_| random.next()).collect();
    let offsets: Vec<i32> = (0..=rows).map(|i| (i * PAYLOAD_BYTES) as i32).collect();
    let (offsets, bytes) = (Buffer::from_vec(offsets), Buffer::from_vec(bytes));
    let data = ArrayData::try_new(DataType::Binary, rows, None, 0, vec![offsets, bytes], vec![]);
    vec![("payload", Arc::new(BinaryArray::from(data.unwrap())))]
}

/// Trades of 500 symbols.
pub fn market(rows: usize) -> Columns {
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

    let (mut ts, mut price) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    let (mut symbol, mut qty) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    let (mut side, mut order_id) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    let mut venue = Vec::with_capacity(rows);
    let (mut clock, mut order) = (OPEN, 1_000_000);
    for _ in 0..rows {
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
pub fn numeric(rows: usize) -> Columns {
    let mut random = Random(3);
    let (mut a, mut b, mut c) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rows {
        a.push(1_000_000 + random.below(9_000_000) as i64);
        let (radius, angle) = ((-2.0 * random.unit().ln()).sqrt(), std::f64::consts::TAU * random.unit());
        b.push((100.0 + 50.0 * radius * angle.cos()).abs());
        c.push(random.below(100) as i32);
    }
    vec![("id", array::<Int64Type>(a)), ("value", array::<Float64Type>(b)), ("count", array::<Int32Type>(c))]
}
