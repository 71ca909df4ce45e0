//! Values that are stored as something else than they are handed over: seconds, which Parquet has not,
//! and Julia's days and milliseconds since 0000-12-31.

use arrow_schema::{DataType, TimeUnit};

use super::slice::Values;

/// Rata Die day of 1970-01-01 (Julia's `Dates.UNIXEPOCH` in days).
const UNIX_EPOCH_DAYS: i64 = 719_163;
/// Milliseconds from Rata Die 0 to 1970-01-01 (Julia's `Dates.UNIXEPOCH`).
const UNIX_EPOCH_MS: i64 = UNIX_EPOCH_DAYS * 86_400_000;

/// `stored = (value - epoch) * factor`, and how many bytes come in and go out.
#[derive(Clone, Copy, Debug)]
pub struct Conversion {
    epoch: i64,
    factor: i64,
    source_width: usize,
    stored_width: usize,
    unit: &'static str,
    why: &'static str,
}

impl Conversion {
    /// What a slice of this layout needs for a field of this type; `None` if it is stored as it is.
    pub fn of(data_type: &DataType, values: &Values<'_>) -> Option<Self> {
        match (data_type, values) {
            (_, Values::Dictionary { values, .. }) => Self::of(data_type, &values.values),
            (_, Values::RataDie { .. }) => Self::from_rata_die(data_type),
            (DataType::Timestamp(TimeUnit::Second, _), Values::Fixed { .. }) => Some(Self::seconds(8)),
            (DataType::Time32(TimeUnit::Second), Values::Fixed { .. }) => Some(Self::seconds(4)),
            _ => None,
        }
    }

    fn seconds(width: usize) -> Self {
        Conversion {
            epoch: 0,
            factor: 1000,
            source_width: width,
            stored_width: width,
            unit: " s",
            why: "seconds are stored as milliseconds",
        }
    }

    /// Julia's days into a date, or its milliseconds into a timestamp.
    pub fn from_rata_die(data_type: &DataType) -> Option<Self> {
        let (epoch, factor, stored_width, unit) = match data_type {
            DataType::Date32 => (UNIX_EPOCH_DAYS, 1, 4, " d"),
            // Stored as milliseconds, like all seconds.
            DataType::Timestamp(TimeUnit::Second | TimeUnit::Millisecond, _) => (UNIX_EPOCH_MS, 1, 8, " ms"),
            DataType::Timestamp(TimeUnit::Microsecond, _) => (UNIX_EPOCH_MS, 1_000, 8, " ms"),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => (UNIX_EPOCH_MS, 1_000_000, 8, " ms"),
            _ => return None,
        };
        let why = "it is counted from 0000-12-31 and stored from 1970-01-01";
        Some(Conversion { epoch, factor, source_width: 8, stored_width, unit, why })
    }

    pub fn source_width(&self) -> usize {
        self.source_width
    }

    pub fn stored_width(&self) -> usize {
        self.stored_width
    }

    fn source(&self, raw: u64) -> i64 {
        if self.source_width == 4 { i64::from(raw as u32 as i32) } else { raw as i64 }
    }

    /// The stored value, exactly; wider than it may be.
    fn exact(&self, raw: u64) -> i128 {
        (i128::from(self.source(raw)) - i128::from(self.epoch)) * i128::from(self.factor)
    }

    fn range(&self) -> (i128, i128) {
        match self.stored_width {
            4 => (i32::MIN.into(), i32::MAX.into()),
            _ => (i64::MIN.into(), i64::MAX.into()),
        }
    }

    /// Whether the stored type can hold the value.
    pub fn fits(&self, raw: u64) -> bool {
        let (min, max) = self.range();
        (min..=max).contains(&self.exact(raw))
    }

    /// The stored value, or the nearest that there is.
    pub fn apply(&self, raw: u64) -> i64 {
        let (min, max) = self.range();
        self.exact(raw).clamp(min, max) as i64
    }

    /// The value as the caller gave it, for a message.
    pub fn show(&self, raw: u64) -> String {
        format!("{}{}", self.source(raw), self.unit)
    }

    /// Why it is converted.
    pub fn why(&self) -> &'static str {
        self.why
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn julia_epochs_are_converted() {
        let date = Conversion::from_rata_die(&DataType::Date32).unwrap();
        assert_eq!([date.apply(719_163), date.apply(1)], [0, -719_162]); // 0001-01-01
        assert!(!date.fits(i64::MAX as u64) && date.fits(0));
        let ns = Conversion::from_rata_die(&DataType::Timestamp(TimeUnit::Nanosecond, None)).unwrap();
        assert_eq!(ns.apply(62_135_683_200_001), 1_000_000); // DateTime(1970, 1, 1, 0, 0, 0, 1)
        assert!(!ns.fits(0));
        assert_eq!(ns.apply(0), i64::MIN);
    }
}
