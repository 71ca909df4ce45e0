//! Options of single columns of a Parquet part.

use std::ffi::c_char;

use parquet::basic::Encoding;

use super::input::{self, CStruct};
use crate::error::{Error, Result};
use crate::format::{BloomFilter, ColumnOptions, SortKey, StatisticsLevel};

/// What suits the values: the encoding in which a sample of them is smallest once compressed.
pub const PF_ENCODING_AUTO: i32 = 0;
/// As they are. Every type.
pub const PF_ENCODING_PLAIN: i32 = 1;
/// Distinct values, and indices into them; PLAIN once the dictionary is full (131,072 numbers, or 1 MiB of
/// texts). Every type but bool.
pub const PF_ENCODING_DICTIONARY: i32 = 2;
/// Differences of neighbours. Parquet's INT32 and INT64: integers, dates, times, short decimals.
pub const PF_ENCODING_DELTA_BINARY_PACKED: i32 = 3;
/// The lengths, then the bytes. Text and binary.
pub const PF_ENCODING_DELTA_LENGTH_BYTE_ARRAY: i32 = 4;
/// All first bytes, all second bytes, and so on. Parquet's INT32, INT64, FLOAT and DOUBLE; not
/// fixed-size binary, which few readers know it for.
pub const PF_ENCODING_BYTE_STREAM_SPLIT: i32 = 5;

/// The default: in options of a column what the part's options say, in these `PF_STATISTICS_PAGE`.
pub const PF_STATISTICS_DEFAULT: i32 = 0;
/// Nothing is told of the values.
pub const PF_STATISTICS_NONE: i32 = 1;
/// Least and greatest value, and the number of nulls, of each column in each row group.
pub const PF_STATISTICS_CHUNK: i32 = 2;
/// Of each page, too, so that readers skip pages.
pub const PF_STATISTICS_PAGE: i32 = 3;

/// A column with a bloom filter: readers that look for single values skip row groups that have none of them.
pub const PF_COLUMN_BLOOM_FILTER: u32 = 1;

/// Options of a column.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pf_column_options {
    /// A field ("price"), a field of a struct ("a.b"), or a column as `flow inspect` names it
    /// ("a.list.element"). A field that is nested stands for all columns in it. Of several elements that name a
    /// column the last counts. Copied.
    pub path: *const c_char,
    /// One of `PF_ENCODING_*`; 0 is auto.
    pub encoding: i32,
    /// One of `PF_STATISTICS_*`; 0 is what the part's options say.
    pub statistics: i32,
    /// 0 or `PF_COLUMN_BLOOM_FILTER`. Default none: a filter takes about 10 bits a distinct value.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
    /// How often a bloom filter may take a value that is not there for one that could be, above 0 and below 1;
    /// 0 = 0.01.
    pub bloom_fpp: f64,
    /// Distinct values of a row group at most, which is what a bloom filter starts with room for; it shrinks to
    /// what it needs. 0: as many as the rows of a row group, at most 1,048,576.
    pub bloom_ndv: u64,
}

// SAFETY: numbers and pointers, no padding.
unsafe impl CStruct for pf_column_options {
    const NAME: &'static str = "pf_column_options";
    const MIN_SIZE: usize = 40;
}

/// Most distinct values that a bloom filter has room for unless it is told.
const MOST_DISTINCT: usize = 1 << 20;

impl pf_column_options {
    const ZERO: pf_column_options = pf_column_options {
        path: std::ptr::null(),
        encoding: PF_ENCODING_AUTO,
        statistics: PF_STATISTICS_DEFAULT,
        flags: 0,
        reserved: 0,
        bloom_fpp: 0.0,
        bloom_ndv: 0,
    };

    /// # Safety
    /// The path is readable.
    unsafe fn read(&self, i: usize, row_group_rows: usize) -> Result<ColumnOptions> {
        let field = |name: &str| format!("options.columns[{i}].{name}");
        // SAFETY: the caller's promise.
        let path = unsafe { input::text(self.path, &field("path")) }?;
        let refuse = |what: String| Err(Error::invalid(what));
        let encoding = match self.encoding {
            PF_ENCODING_AUTO => None,
            PF_ENCODING_PLAIN => Some(Encoding::PLAIN),
            PF_ENCODING_DICTIONARY => Some(Encoding::RLE_DICTIONARY),
            PF_ENCODING_DELTA_BINARY_PACKED => Some(Encoding::DELTA_BINARY_PACKED),
            PF_ENCODING_DELTA_LENGTH_BYTE_ARRAY => Some(Encoding::DELTA_LENGTH_BYTE_ARRAY),
            PF_ENCODING_BYTE_STREAM_SPLIT => Some(Encoding::BYTE_STREAM_SPLIT),
            other => return refuse(format!("{} is {other}, none of PF_ENCODING_*", field("encoding"))),
        };
        if self.flags & !PF_COLUMN_BLOOM_FILTER != 0 || self.reserved != 0 {
            return refuse(format!(
                "{} is {} and reserved {}; set them to 0 or PF_COLUMN_BLOOM_FILTER, and 0",
                field("flags"),
                self.flags,
                self.reserved
            ));
        }
        let has_filter = self.flags & PF_COLUMN_BLOOM_FILTER != 0;
        if !has_filter && (self.bloom_fpp != 0.0 || self.bloom_ndv != 0) {
            return refuse(format!(
                "{} is {} and bloom_ndv {}, without PF_COLUMN_BLOOM_FILTER in flags; set it, or both to 0",
                field("bloom_fpp"),
                self.bloom_fpp,
                self.bloom_ndv
            ));
        }
        let fpp = if self.bloom_fpp == 0.0 { 0.01 } else { self.bloom_fpp };
        let ndv = match self.bloom_ndv {
            0 => row_group_rows.min(MOST_DISTINCT) as u64,
            ndv => ndv,
        };
        Ok(ColumnOptions {
            path: path.to_owned(),
            encoding,
            statistics: statistics(self.statistics, &field("statistics"))?,
            bloom_filter: has_filter.then_some(BloomFilter { fpp, ndv }),
        })
    }
}

/// The level of a constant; `None` is the default.
pub(super) fn statistics(code: i32, field: &str) -> Result<Option<StatisticsLevel>> {
    Ok(match code {
        PF_STATISTICS_DEFAULT => None,
        PF_STATISTICS_NONE => Some(StatisticsLevel::None),
        PF_STATISTICS_CHUNK => Some(StatisticsLevel::Chunk),
        PF_STATISTICS_PAGE => Some(StatisticsLevel::Page),
        other => return Err(Error::invalid(format!("{field} is {other}, none of PF_STATISTICS_*"))),
    })
}

/// Values fall from row to row.
pub const PF_SORT_DESCENDING: u32 = 1;
/// Nulls come before all values, not after them.
pub const PF_SORT_NULLS_FIRST: u32 = 2;

/// A column that rows are sorted by.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pf_sort_key {
    /// A field, a field of a struct ("a.b"), or a column as `flow inspect` names it. Copied.
    pub path: *const c_char,
    /// 0, or of `PF_SORT_*`.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: integers and pointers, no padding.
unsafe impl CStruct for pf_sort_key {
    const NAME: &'static str = "pf_sort_key";
    const MIN_SIZE: usize = 16;
}

impl pf_sort_key {
    const ZERO: pf_sort_key = pf_sort_key { path: std::ptr::null(), flags: 0, reserved: 0 };

    /// # Safety
    /// The path is readable.
    unsafe fn read(&self, i: usize) -> Result<SortKey> {
        // SAFETY: the caller's promise.
        let path = unsafe { input::text(self.path, &format!("options.sorting[{i}].path")) }?;
        if self.flags > (PF_SORT_DESCENDING | PF_SORT_NULLS_FIRST) || self.reserved != 0 {
            return Err(Error::invalid(format!(
                "options.sorting[{i}].flags is {} and reserved {}; set them to PF_SORT_* or 0, and 0",
                self.flags, self.reserved
            )));
        }
        Ok(SortKey {
            path: path.to_owned(),
            descending: self.flags & PF_SORT_DESCENDING != 0,
            nulls_first: self.flags & PF_SORT_NULLS_FIRST != 0,
        })
    }
}

/// # Safety
/// `columns`, unless NULL, are `count` readable structs of `size` bytes.
pub(super) unsafe fn read_columns(
    columns: *const pf_column_options,
    count: u64,
    size: u64,
    row_group_rows: usize,
) -> Result<Vec<ColumnOptions>> {
    if columns.is_null() && count == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: the caller's promise.
    let columns = unsafe { input::array(columns, count, size, pf_column_options::ZERO) }?.enumerate();
    // SAFETY: as above.
    columns.map(|(i, column)| unsafe { column?.read(i, row_group_rows) }).collect()
}

/// # Safety
/// `keys`, unless NULL, are `count` readable structs of `size` bytes.
pub(super) unsafe fn read_sorting(keys: *const pf_sort_key, count: u64, size: u64) -> Result<Vec<SortKey>> {
    if keys.is_null() && count == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: the caller's promise.
    let keys = unsafe { input::array(keys, count, size, pf_sort_key::ZERO) }?.enumerate();
    // SAFETY: as above.
    keys.map(|(i, key)| unsafe { key?.read(i) }).collect()
}
