//! The least and greatest values of pages and column chunks, for statistics and the column index.

use std::cmp::Ordering;

use parquet::basic::{SortOrder, Type};
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::schema::types::ColumnDescriptor;

/// How the values of a column are ordered (parquet.thrift, `ColumnOrder`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Int32,
    Uint32,
    Int64,
    Uint64,
    /// By IEEE 754's total order, like the next.
    Float,
    Double,
    /// Byte by byte.
    Bytes,
}

impl Order {
    /// `None` for columns of which libflow keeps no statistics.
    pub fn of(column: &ColumnDescriptor) -> Option<Self> {
        match (column.physical_type(), column.sort_order()) {
            (Type::INT32, SortOrder::SIGNED) => Some(Order::Int32),
            (Type::INT32, SortOrder::UNSIGNED) => Some(Order::Uint32),
            (Type::INT64, SortOrder::SIGNED) => Some(Order::Int64),
            (Type::INT64, SortOrder::UNSIGNED) => Some(Order::Uint64),
            (Type::FLOAT, _) => Some(Order::Float),
            (Type::DOUBLE, _) => Some(Order::Double),
            (Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY, SortOrder::UNSIGNED) => Some(Order::Bytes),
            _ => None,
        }
    }

    /// Compares two values in PLAIN form, without the length of a byte array.
    pub fn compare(self, a: &[u8], b: &[u8]) -> Ordering {
        match self {
            Order::Int32 => (int32(a) as i32).cmp(&(int32(b) as i32)),
            Order::Uint32 => int32(a).cmp(&int32(b)),
            Order::Int64 => (int64(a) as i64).cmp(&(int64(b) as i64)),
            Order::Uint64 => int64(a).cmp(&int64(b)),
            Order::Float => f32::from_bits(int32(a)).total_cmp(&f32::from_bits(int32(b))),
            Order::Double => f64::from_bits(int64(a)).total_cmp(&f64::from_bits(int64(b))),
            Order::Bytes => a.cmp(b),
        }
    }

    pub fn is_nan(self, value: &[u8]) -> bool {
        match self {
            Order::Float => f32::from_bits(int32(value)).is_nan(),
            Order::Double => f64::from_bits(int64(value)).is_nan(),
            _ => false,
        }
    }

    /// Values of other bits that compare as equal to this one: a zero of the other sign, the NaN that readers
    /// ask for; little-endian.
    pub fn others_equal(self, value: &[u8]) -> Option<[u8; 8]> {
        let number = match self {
            Order::Float => f64::from(f32::from_bits(int32(value))),
            Order::Double => f64::from_bits(int64(value)),
            _ => return None,
        };
        let other = match number {
            0.0 => -number,
            _ if number.is_nan() => f64::NAN,
            _ => return None,
        };
        let bits = if self == Order::Float { u64::from((other as f32).to_bits()) } else { other.to_bits() };
        Some(bits.to_le_bytes())
    }

    fn is_floating(self) -> bool {
        matches!(self, Order::Float | Order::Double)
    }
}

fn int32(plain: &[u8]) -> u32 {
    plain.first_chunk().map_or(0, |le| u32::from_le_bytes(*le))
}

fn int64(plain: &[u8]) -> u64 {
    plain.first_chunk().map_or(0, |le| u64::from_le_bytes(*le))
}

/// A bound, maybe cut, and whether it is exact.
type Cut = (Vec<u8>, bool);

/// What is known of some values.
#[derive(Clone, Debug)]
pub struct Bounds {
    order: Option<Order>,
    least: Option<Vec<u8>>,
    greatest: Option<Vec<u8>>,
    pub nulls: u64,
    pub nans: u64,
}

impl Bounds {
    pub fn new(order: Option<Order>) -> Self {
        Bounds { order, least: None, greatest: None, nulls: 0, nans: 0 }
    }

    /// Takes a value into account. NaNs count only where there is nothing else.
    pub fn add(&mut self, value: &[u8]) {
        let Some(order) = self.order else { return };
        let beats = |held: &Option<Vec<u8>>, wanted: Ordering| match held {
            None => true,
            Some(held) => match (order.is_nan(value), order.is_nan(held)) {
                (false, true) => true,
                (true, false) => false,
                _ => order.compare(value, held) == wanted,
            },
        };
        if beats(&self.least, Ordering::Less) {
            self.least = Some(value.to_vec());
        }
        if beats(&self.greatest, Ordering::Greater) {
            self.greatest = Some(value.to_vec());
        }
    }

    /// Takes a page's bounds into account.
    pub fn merge(&mut self, page: &Bounds) {
        self.nulls += page.nulls;
        self.nans += page.nans;
        page.least.iter().chain(&page.greatest).for_each(|value| self.add(value));
    }

    /// NaNs, where there could be some.
    pub fn nan_count(&self) -> Option<u64> {
        self.order.filter(|order| order.is_floating()).map(|_| self.nans)
    }

    /// The least and the greatest value, cut to 64 bytes as the format allows: less than the least, more
    /// than the greatest, and whether they are exact.
    pub fn cut(&self, is_utf8: bool) -> Option<(Cut, Cut)> {
        let (least, greatest) = (self.least.as_ref()?, self.greatest.as_ref()?);
        let long = |value: &[u8]| self.order == Some(Order::Bytes) && value.len() > LONGEST;
        let least = match long(least) {
            true => (least[..end(least, is_utf8)].to_vec(), false),
            false => (least.clone(), true),
        };
        let greatest = match Some(greatest).filter(|value| long(value)).and_then(|g| above(g, is_utf8)) {
            Some(above) => (above, false),
            None => (greatest.clone(), true),
        };
        Some((least, greatest))
    }

    /// Whether both bounds of `next` are at least (or at most) these.
    pub fn precedes(&self, next: &Bounds, unless: Ordering) -> bool {
        let Some(order) = self.order else { return false };
        let pairs = [(&self.least, &next.least), (&self.greatest, &next.greatest)];
        pairs.iter().all(|pair| match pair {
            (Some(a), Some(b)) => order.compare(a, b) != unless,
            _ => true,
        })
    }

    /// As the footer holds them.
    pub fn statistics(
        &self,
        column: &ColumnDescriptor,
        is_utf8: bool,
        distinct: Option<u64>,
    ) -> Option<Statistics> {
        self.order?;
        let cut = self.cut(is_utf8);
        macro_rules! typed {
            ($variant:ident, $read:expr) => {{
                let exact = cut.as_ref().map_or((false, false), |(least, greatest)| (least.1, greatest.1));
                let (least, greatest) = match cut {
                    Some((least, greatest)) => (Some($read(least.0)), Some($read(greatest.0))),
                    None => (None, None),
                };
                let values = ValueStatistics::new(least, greatest, distinct, Some(self.nulls), false);
                let values = values.with_min_is_exact(exact.0).with_max_is_exact(exact.1);
                Statistics::$variant(
                    // Readers of the first versions may trust what is ordered by sign.
                    values
                        .with_backwards_compatible_min_max(column.sort_order().is_signed())
                        .with_nan_count(self.nan_count()),
                )
            }};
        }
        Some(match column.physical_type() {
            Type::INT32 => typed!(Int32, |v: Vec<u8>| int32(&v) as i32),
            Type::INT64 => typed!(Int64, |v: Vec<u8>| int64(&v) as i64),
            Type::FLOAT => typed!(Float, |v: Vec<u8>| f32::from_bits(int32(&v))),
            Type::DOUBLE => typed!(Double, |v: Vec<u8>| f64::from_bits(int64(&v))),
            Type::BYTE_ARRAY => typed!(ByteArray, ByteArray::from),
            Type::FIXED_LEN_BYTE_ARRAY => {
                typed!(FixedLenByteArray, |v| FixedLenByteArray::from(ByteArray::from(v)))
            }
            _ => return None,
        })
    }
}

/// Longer values are cut.
const LONGEST: usize = 64;

/// Where a long value is cut: at a character, if it is text.
fn end(value: &[u8], is_utf8: bool) -> usize {
    let is_inside = |at: usize| is_utf8 && value[at] & 0xc0 == 0x80;
    (LONGEST - 3..=LONGEST).rev().find(|&at| !is_inside(at)).unwrap_or(LONGEST)
}

/// A short value greater than a long one, if there is any: its start with the last byte, or character, that
/// has a successor raised.
fn above(value: &[u8], is_utf8: bool) -> Option<Vec<u8>> {
    let mut start = value[..end(value, is_utf8)].to_vec();
    if !is_utf8 {
        let last = start.iter().rposition(|&byte| byte < 0xff)?;
        start[last] += 1;
        start.truncate(last + 1);
        return Some(start);
    }
    let text = std::str::from_utf8(&start).ok()?;
    let (at, next) = text.char_indices().rev().find_map(|(at, c)| {
        let next = char::from_u32(c as u32 + 1)?;
        (next.len_utf8() == c.len_utf8()).then_some((at, next))
    })?;
    Some(text[..at].chars().chain([next]).collect::<String>().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn floats_are_in_total_order_and_nans_step_back() {
        let mut bounds = Bounds::new(Some(Order::Double));
        for value in [f64::NAN, 0.0, -0.0, 1.5] {
            bounds.add(&value.to_le_bytes());
        }
        let (least, greatest) = bounds.cut(false).unwrap();
        assert_eq!(least.0, (-0.0f64).to_le_bytes());
        assert_eq!(greatest.0, 1.5f64.to_le_bytes());
    }

    proptest! {
        #[test]
        fn cut_bounds_still_bound(texts in prop::collection::vec("\\PC{0,60}|z{64}\u{10ffff}{2}", 1..4)) {
            for is_utf8 in [true, false] {
                let mut bounds = Bounds::new(Some(Order::Bytes));
                texts.iter().for_each(|text| bounds.add(text.as_bytes()));
                let (least, greatest) = bounds.cut(is_utf8).unwrap();
                for text in &texts {
                    prop_assert!(least.0.as_slice() <= text.as_bytes() && text.as_bytes() <= greatest.0.as_slice());
                }
                prop_assert!(!is_utf8 || std::str::from_utf8(&greatest.0).is_ok());
                prop_assert!(least.0.len() <= LONGEST && (greatest.1 || greatest.0.len() <= LONGEST));
            }
        }
    }
}
