//! Row groups by levels, written whole.

use std::ffi::c_void;

use super::boundary::boundary;
use super::error::{pf_error, pf_status};
use super::input::{self, CStruct};
use super::writer::{WRITERS, pf_writer};
use crate::error::{Error, Result};
use crate::format::LeafSlice;

/// A required column's values for a row group. See `PF_COLUMN_VALUES` and `PF_COLUMN_BYTES`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pf_column_values {
    /// Adjacent values of the column's physical type, little-endian, of any alignment: BOOLEAN 1 byte (0
    /// is false), INT32 and FLOAT 4, INT64 and DOUBLE 8, INT96 12, FIXED_LEN_BYTE_ARRAY its length.
    /// BYTE_ARRAY: the bytes that the offsets point into.
    pub values: *const c_void,
    /// Bytes at `values`: exactly those of `value_count` values, except for BYTE_ARRAY.
    pub values_size: u64,
    /// BYTE_ARRAY: `value_count + 1` offsets in bytes, rising from 0 or more. Else NULL.
    pub offsets: *const i64,
    /// Values: one a row.
    pub value_count: u64,
}

// SAFETY: integers and pointers, no padding.
unsafe impl CStruct for pf_column_values {
    const NAME: &'static str = "pf_column_values";
    const MIN_SIZE: usize = 32;
}

impl pf_column_values {
    const ZERO: pf_column_values = pf_column_values {
        values: std::ptr::null(),
        values_size: 0,
        offsets: std::ptr::null(),
        value_count: 0,
    };

    fn without_levels(&self) -> pf_column_levels {
        pf_column_levels {
            values: self.values,
            values_size: self.values_size,
            offsets: self.offsets,
            value_count: self.value_count,
            ..pf_column_levels::ZERO
        }
    }
}

/// A column's values and levels for a row group. See `PF_COLUMN_LEVELS` and `PF_COLUMN_BYTES_LEVELS`.
///
/// Levels are Parquet's own. A definition level counts the optional and repeated fields on the way to the
/// value, itself included, that are there: the column's maximum where there is a value, less where there
/// is a null or an empty list. A repetition level counts the repeated fields that go on: 0 starts a row.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pf_column_levels {
    /// As in `pf_column_values`: only the values that are there, nothing for nulls and empty lists.
    pub values: *const c_void,
    /// As in `pf_column_values`.
    pub values_size: u64,
    /// As in `pf_column_values`.
    pub offsets: *const i64,
    /// Values that are there: as many as definition levels are the column's maximum.
    pub value_count: u64,
    /// `level_count` levels. NULL if no field on the way to the column is optional or repeated.
    pub definition_levels: *const i16,
    /// `level_count` levels. NULL if no field on the way to the column is repeated.
    pub repetition_levels: *const i16,
    /// Levels; 0 if both are NULL.
    pub level_count: u64,
}

// SAFETY: integers and pointers, no padding.
unsafe impl CStruct for pf_column_levels {
    const NAME: &'static str = "pf_column_levels";
    const MIN_SIZE: usize = 56;
}

impl pf_column_levels {
    const ZERO: pf_column_levels = pf_column_levels {
        values: std::ptr::null(),
        values_size: 0,
        offsets: std::ptr::null(),
        value_count: 0,
        definition_levels: std::ptr::null(),
        repetition_levels: std::ptr::null(),
        level_count: 0,
    };

    /// # Safety
    /// The pointers are readable for what the fields say, for `'a`.
    unsafe fn read<'a>(&self, i: usize) -> Result<LeafSlice<'a>> {
        let no_levels = self.definition_levels.is_null() && self.repetition_levels.is_null();
        // 2^48 of anything are more than an address space holds.
        for (name, count) in [("value_count", self.value_count), ("level_count", self.level_count)] {
            if count > 1 << 48 {
                return Err(Error::invalid(format!("columns[{i}].{name} is {count}; give their number")));
            }
        }
        if no_levels && self.level_count > 0 {
            return Err(Error::invalid(format!(
                "columns[{i}].level_count is {}, but there are no levels; pass them, or 0",
                self.level_count
            )));
        }
        // A pointer that is NULL means none, whatever the count.
        let given = |pointer: *const u8, size: u64, name: &str| match pointer.is_null() {
            true => Ok(None),
            // SAFETY: the caller's promise.
            false => unsafe { input::memory(pointer, size, || format!("columns[{i}].{name}")) }.map(Some),
        };
        let levels_size = self.level_count * 2;
        Ok(LeafSlice {
            // SAFETY: the caller's promise.
            values: unsafe {
                input::memory(self.values.cast(), self.values_size, || format!("columns[{i}].values"))
            }?,
            offsets: given(self.offsets.cast(), (self.value_count + 1) * 8, "offsets")?,
            value_count: self.value_count as usize,
            definition_levels: given(self.definition_levels.cast(), levels_size, "definition_levels")?,
            repetition_levels: given(self.repetition_levels.cast(), levels_size, "repetition_levels")?,
        })
    }
}

/// # Safety
/// The columns' pointers are readable for what their fields say.
unsafe fn write(writer: *mut pf_writer, rows: u64, columns: &[pf_column_levels]) -> Result<()> {
    let open = WRITERS.get(writer, "writer")?;
    // SAFETY: the caller's promise.
    let slices = columns.iter().enumerate().map(|(i, column)| unsafe { column.read(i) });
    let slices = slices.collect::<Result<Vec<_>>>()?;
    open.lock().writer.write_row_group(rows as usize, &slices)
}

/// Writes one row group of `rows` rows from `column_count` columns, `column_size`
/// (`sizeof(pf_column_values)`) bytes each: one for each leaf column of the part's Parquet schema, in its
/// order, all of them required.
///
/// Everything is copied before the call returns, and encoded later, on libflow's threads. Rows that came
/// before, by whatever call, come before in the part; the row group they are in ends. This one is written
/// whole, whatever `row_group_rows` says. With 0 rows it is `pf_flush`.
///
/// The schema may come from `pf_schema_from_message` or from fields. Those have the physical types that
/// Parquet gives them: INT32 for 32 bits and less, dates included, INT64 for 64, timestamps included
/// (seconds as milliseconds).
///
/// The row group is checked whole first: a refused one changes nothing, and the writer stays usable.
/// Blocks while more than `queue_bytes` wait to be encoded. One thread at a time per writer.
///
/// Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, sizes, offsets, values outside of an annotation's integers),
/// `PF_ERR_SCHEMA_MISMATCH` (number of columns, of rows, a column that is not required),
/// `PF_ERR_TYPE_MISMATCH` (offsets missing or not wanted), `PF_ERR_BAD_UTF8` (columns annotated as text),
/// `PF_ERR_CLOSED`, `PF_ERR_STALE_HANDLE`; or the writer's first error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_writer_write_row_group(
    writer: *mut pf_writer,
    rows: u64,
    columns: *const pf_column_values,
    column_count: u64,
    column_size: u64,
    error: *mut pf_error,
) -> pf_status {
    // SAFETY: what the header asks of the caller.
    unsafe {
        boundary(error, || {
            let columns = input::array(columns, column_count, column_size, pf_column_values::ZERO)?;
            let columns = columns.map(|c| Ok(c?.without_levels())).collect::<Result<Vec<_>>>()?;
            write(writer, rows, &columns)
        })
    }
}

/// As `pf_writer_write_row_group`, for columns of any kind: with definition levels for the optional ones
/// and repetition levels for the repeated ones. `column_size` is `sizeof(pf_column_levels)`.
///
/// Levels are checked, too, as no reader could tell: each in the column's range, the first of a list
/// before those that go on with it, as many values as are said to be there, as many rows as `rows`, and
/// columns of one group agree on where it is null, empty or repeated.
///
/// Errors: also `PF_ERR_INVALID_ARGUMENT` (a column's levels), `PF_ERR_SCHEMA_MISMATCH` (levels missing or
/// not wanted, columns that disagree).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_writer_write_row_group_with_levels(
    writer: *mut pf_writer,
    rows: u64,
    columns: *const pf_column_levels,
    column_count: u64,
    column_size: u64,
    error: *mut pf_error,
) -> pf_status {
    // SAFETY: what the header asks of the caller.
    unsafe {
        boundary(error, || {
            let columns = input::array(columns, column_count, column_size, pf_column_levels::ZERO)?;
            let columns = columns.collect::<Result<Vec<_>>>()?;
            write(writer, rows, &columns)
        })
    }
}
