//! A chunk is checked whole before any column moves: what the window then copies cannot fail.

use arrow_schema::{DataType, Field, TimeUnit};

use super::slice::{ColumnSlice, Validity, Values, signed_offset};
use crate::error::{Error, ErrorClass, Result};
use crate::schema::{Schema, fixed_width, is_row_type};

/// What to do with values that cannot be stored as they are: text that is no UTF-8, seconds out of
/// range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadValues {
    /// Refuse the chunk.
    Refuse,
    /// Store the nearest that can be, and count it: a captured record cannot be handed back.
    Replace,
}

/// A row chunk that fits its schema.
#[derive(Clone, Copy, Debug)]
pub struct Checked<'a> {
    pub(super) slices: &'a [ColumnSlice<'a>],
    pub(super) rows: usize,
}

impl<'a> Checked<'a> {
    /// Checks `slices` against `schema`: count, lengths, layouts, bounds, nulls, values.
    pub fn new(schema: &Schema, slices: &'a [ColumnSlice<'a>], bad_values: BadValues) -> Result<Self> {
        let fields = schema.fields();
        if slices.len() != fields.len() {
            return Err(Error::new(
                ErrorClass::SchemaMismatch,
                format!(
                    "the chunk has {} columns, the schema {}; pass one slice a field",
                    slices.len(),
                    fields.len()
                ),
            ));
        }
        let rows = slices[0].len;
        for (slice, field) in slices.iter().zip(fields) {
            if slice.len != rows {
                return Err(Error::new(
                    ErrorClass::SchemaMismatch,
                    format!(
                        "column \"{}\" has {} rows, column \"{}\" has {rows}; all columns of a chunk need the same length",
                        field.name(),
                        slice.len,
                        fields[0].name()
                    ),
                ));
            }
            check_column(slice, field)?;
            if bad_values == BadValues::Refuse {
                check_values(slice, field)?;
            }
        }
        Ok(Checked { slices, rows })
    }
}

fn check_column(slice: &ColumnSlice<'_>, field: &Field) -> Result<()> {
    let name = field.name();
    let width = fixed_width(field.data_type());
    if !is_row_type(field.data_type()) {
        return Err(Error::new(
            ErrorClass::Unsupported,
            format!(
                "column \"{name}\": no column slice carries type {}; use pf_append_arrow",
                field.data_type()
            ),
        ));
    }
    match (slice.values, width) {
        (Values::Fixed { bytes, stride }, Some(width)) => {
            check_extent(name, "values", bytes.len(), slice.len, stride, width)?;
        }
        (Values::PaddedText { bytes, stride, width }, None) => {
            check_extent(name, "text", bytes.len(), slice.len, stride, width)?;
        }
        (Values::Offsets { offsets, bytes }, None) => check_offsets(name, slice.len, offsets, bytes)?,
        (values, _) => {
            let layout = match values {
                Values::Fixed { .. } => "plain values",
                Values::Offsets { .. } => "offsets",
                Values::PaddedText { .. } => "padded text",
            };
            return Err(Error::new(
                ErrorClass::TypeMismatch,
                format!("column \"{name}\": the layout {layout} cannot carry type {}", field.data_type()),
            ));
        }
    }
    match slice.validity {
        Validity::Bitmap(bits) if bits.len() < slice.len.div_ceil(8) => {
            return Err(Error::invalid(format!(
                "column \"{name}\": the validity bitmap has {} bytes, {} rows need {}",
                bits.len(),
                slice.len,
                slice.len.div_ceil(8)
            )));
        }
        Validity::RowBit { bytes, stride, .. } => {
            check_extent(name, "validity", bytes.len(), slice.len, stride, 1)?;
        }
        Validity::Sentinel(_) if width.is_some_and(|w| w > 8) => {
            return Err(Error::new(
                ErrorClass::Unsupported,
                format!("column \"{name}\": a sentinel has 8 bytes at most; use a validity bit"),
            ));
        }
        _ => {}
    }
    check_nulls(slice, field, width.unwrap_or(0))
}

/// `len` elements of `width` bytes, `stride` apart, must lie inside `have` bytes.
fn check_extent(name: &str, what: &str, have: usize, len: usize, stride: usize, width: usize) -> Result<()> {
    if stride < width {
        return Err(Error::invalid(format!(
            "column \"{name}\": the stride {stride} is less than the element's {width} bytes"
        )));
    }
    let need = match len {
        0 => Some(0),
        n => (n - 1).checked_mul(stride).and_then(|b| b.checked_add(width)),
    };
    match need {
        Some(need) if need <= have => Ok(()),
        _ => Err(Error::invalid(format!(
            "column \"{name}\": {len} rows of {width} bytes do not fit the {have} bytes of {what} given"
        ))),
    }
}

fn check_offsets(name: &str, len: usize, offsets: &[u8], bytes: &[u8]) -> Result<()> {
    let need = len.checked_add(1).and_then(|n| n.checked_mul(4));
    if need.is_none_or(|need| offsets.len() < need) {
        return Err(Error::invalid(format!(
            "column \"{name}\": {} bytes of offsets given, {len} rows need {len} + 1 int32 offsets",
            offsets.len()
        )));
    }
    let mut last = 0;
    for i in 0..=len {
        let next = signed_offset(offsets, i);
        if next < last {
            return Err(Error::invalid(format!(
                "column \"{name}\": offset {i} is {next}, less than {last} before it; offsets start at 0 or more and never fall"
            )));
        }
        last = next;
    }
    if last as usize > bytes.len() {
        return Err(Error::invalid(format!(
            "column \"{name}\": offset {len} is {last}, past the {} bytes given",
            bytes.len()
        )));
    }
    Ok(())
}

fn check_nulls(slice: &ColumnSlice<'_>, field: &Field, width: usize) -> Result<()> {
    let name = field.name();
    if !field.is_nullable()
        && !matches!(slice.validity, Validity::AllValid)
        && let Some(row) = (0..slice.len).find(|&row| !slice.is_valid(row, width))
    {
        return Err(Error::new(
            ErrorClass::SchemaMismatch,
            format!(
                "column \"{name}\": row {row} is null, but the field is required; make it nullable or fill the value"
            ),
        ));
    }
    Ok(())
}

/// UTF-8, and the range of seconds.
fn check_values(slice: &ColumnSlice<'_>, field: &Field) -> Result<()> {
    let name = field.name();
    match (field.data_type(), slice.values) {
        (DataType::Utf8, _) => {
            let bad = (0..slice.len)
                .find(|&row| slice.is_valid(row, 0) && std::str::from_utf8(slice.text(row)).is_err());
            if let Some(row) = bad {
                return Err(Error::new(
                    ErrorClass::BadUtf8,
                    format!(
                        "column \"{name}\": row {row} is not valid UTF-8; make the field binary or repair the text"
                    ),
                ));
            }
        }
        (DataType::Timestamp(TimeUnit::Second, _), Values::Fixed { bytes, stride }) => {
            let seconds = |row: usize| {
                let mut le = [0; 8];
                le.copy_from_slice(&bytes[row * stride..][..8]);
                i64::from_le_bytes(le)
            };
            let bad = (0..slice.len)
                .find(|&row| slice.is_valid(row, 8) && seconds(row).checked_mul(1000).is_none());
            if let Some(row) = bad {
                return Err(Error::invalid(format!(
                    "column \"{name}\": row {row} is {} s, out of range: seconds are stored as milliseconds",
                    seconds(row)
                )));
            }
        }
        _ => {}
    }
    Ok(())
}
