//! Types that hold fewer values than their bits could say: decimals of so many digits, times of a day.

use arrow_buffer::i256;
use arrow_schema::{DataType, TimeUnit};

/// The least and the greatest value.
pub struct Limit {
    width: usize,
    pub min: i256,
    pub max: i256,
}

impl Limit {
    /// `None` if the type holds whatever its bits say.
    pub fn of(data_type: &DataType) -> Option<Self> {
        let digits = |width, precision: &u8| {
            let max = i256::from_i128(10).wrapping_pow(u32::from(*precision)).wrapping_sub(i256::ONE);
            Some(Limit { width, min: max.wrapping_neg(), max })
        };
        // Parquet's LogicalTypes.md, TIME: a time of day.
        let day = |width, unit: &TimeUnit| {
            let per_second = match unit {
                TimeUnit::Second => 1,
                TimeUnit::Millisecond => 1_000,
                TimeUnit::Microsecond => 1_000_000,
                TimeUnit::Nanosecond => 1_000_000_000,
            };
            Some(Limit { width, min: i256::ZERO, max: i256::from_i128(86_400 * per_second - 1) })
        };
        match data_type {
            DataType::Decimal32(precision, _) => digits(4, precision),
            DataType::Decimal64(precision, _) => digits(8, precision),
            DataType::Decimal128(precision, _) => digits(16, precision),
            DataType::Decimal256(precision, _) => digits(32, precision),
            DataType::Time32(unit) => day(4, unit),
            DataType::Time64(unit) => day(8, unit),
            _ => None,
        }
    }

    /// The value that starts at these bytes.
    #[inline]
    pub fn read(&self, bytes: &[u8]) -> i256 {
        let negative = bytes[self.width - 1] >> 7 == 1;
        let mut le = [if negative { 0xff } else { 0 }; 32];
        le[..self.width].copy_from_slice(&bytes[..self.width]);
        i256::from_le_bytes(le)
    }

    #[inline]
    pub fn holds(&self, value: i256) -> bool {
        self.min <= value && value <= self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_digits_and_days() {
        let of = |data_type| Limit::of(&data_type).unwrap();
        let decimal = of(DataType::Decimal32(3, 1));
        let holds = |value: i32| decimal.holds(decimal.read(&value.to_le_bytes()));
        assert_eq!([-1000, -999, 0, 999, 1000].map(holds), [false, true, true, true, false]);
        let time = of(DataType::Time64(TimeUnit::Nanosecond));
        let holds = |value: i64| time.holds(time.read(&value.to_le_bytes()));
        assert_eq!([-1, 0, 86_399_999_999_999, 86_400_000_000_000].map(holds), [false, true, true, false]);
        assert_eq!(of(DataType::Decimal256(76, 0)).max.to_string(), "9".repeat(76));
        assert!(Limit::of(&DataType::Int32).is_none());
    }
}
