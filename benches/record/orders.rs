//! Records of orders, as a feed handler has them.

use std::collections::HashMap;
use std::mem::offset_of;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampNanosecondType};
use arrow_schema::{DataType, TimeUnit};
use flow::ffi::schema::{
    PF_TYPE_INT8, PF_TYPE_INT16, PF_TYPE_INT32, PF_TYPE_INT64, PF_TYPE_TIMESTAMP_NS, PF_TYPE_UINT8,
    PF_TYPE_UINT32, PF_TYPE_UINT64, PF_TYPE_UTF8,
};

use super::sink::Field;
use crate::parquet::corpora::Corpus;

/// An order; `spdlog_async.cpp` has the same struct.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Order {
    pub ts: i64,
    pub order_id: u64,
    price: i64,
    qty: i32,
    instrument: u32,
    symbol: [u8; 8],
    venue: i16,
    side: i8,
    flags: u8,
    reserved: [u8; 20],
}

pub const FIELDS: [Field<'static>; 9] = [
    (c"ts", PF_TYPE_TIMESTAMP_NS, offset_of!(Order, ts), 8),
    (c"order_id", PF_TYPE_UINT64, offset_of!(Order, order_id), 8),
    (c"price", PF_TYPE_INT64, offset_of!(Order, price), 8),
    (c"qty", PF_TYPE_INT32, offset_of!(Order, qty), 4),
    (c"instrument", PF_TYPE_UINT32, offset_of!(Order, instrument), 4),
    (c"symbol", PF_TYPE_UTF8, offset_of!(Order, symbol), 8),
    (c"venue", PF_TYPE_INT16, offset_of!(Order, venue), 2),
    (c"side", PF_TYPE_INT8, offset_of!(Order, side), 1),
    (c"flags", PF_TYPE_UINT8, offset_of!(Order, flags), 1),
];

/// The same as columns of a writer, with their offsets.
pub fn columns() -> Vec<(arrow_schema::Field, usize)> {
    let data_type = |r#type| match r#type {
        PF_TYPE_TIMESTAMP_NS => DataType::Timestamp(TimeUnit::Nanosecond, None),
        PF_TYPE_UINT64 => DataType::UInt64,
        PF_TYPE_INT64 => DataType::Int64,
        PF_TYPE_INT32 => DataType::Int32,
        PF_TYPE_UINT32 => DataType::UInt32,
        PF_TYPE_UTF8 => DataType::Utf8,
        PF_TYPE_INT16 => DataType::Int16,
        PF_TYPE_INT8 => DataType::Int8,
        PF_TYPE_UINT8 => DataType::UInt8,
        other => unreachable!("no field of type {other}"),
    };
    let field = |&(name, r#type, offset, _): &Field<'_>| {
        (arrow_schema::Field::new(name.to_str().unwrap(), data_type(r#type), false), offset)
    };
    FIELDS.iter().map(field).collect()
}

impl Order {
    pub fn bytes(&self) -> &[u8; size_of::<Order>()] {
        // SAFETY: plain numbers without padding.
        unsafe { &*std::ptr::from_ref(self).cast() }
    }
}

/// Orders of the values of the corpus of trades.
pub fn orders(count: usize) -> Vec<Order> {
    let corpus = Corpus::open("market").unwrap();
    let column = |name| corpus.batch.column_by_name(name).unwrap();
    let ts = column("ts").as_primitive::<TimestampNanosecondType>().values();
    let order_id = column("order_id").as_primitive::<Int64Type>().values();
    let price = column("price").as_primitive::<Float64Type>().values();
    let qty = column("qty").as_primitive::<Int32Type>().values();
    let venue = column("venue").as_primitive::<Int16Type>().values();
    let side = column("side").as_primitive::<Int8Type>().values();
    let symbol = column("symbol").as_string::<i32>();
    let mut instruments = HashMap::new();
    let order = |i: usize| {
        let mut padded = [b' '; 8];
        padded[..symbol.value(i).len()].copy_from_slice(symbol.value(i).as_bytes());
        let listed = instruments.len() as u32;
        Order {
            ts: ts[i],
            order_id: order_id[i] as u64,
            // In units of 1e-9.
            price: (price[i] * 100.0).round() as i64 * 10_000_000,
            qty: qty[i],
            instrument: 1000 + *instruments.entry(padded).or_insert(listed),
            symbol: padded,
            venue: venue[i],
            side: side[i],
            flags: if order_id[i] % 4 == 0 { 128 } else { 0 },
            reserved: [0; 20],
        }
    };
    (0..count).map(order).collect()
}
