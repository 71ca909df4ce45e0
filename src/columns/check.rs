//! A chunk is checked whole before any column moves: what the window then copies cannot fail, and the
//! gather kernels read nothing that was not looked at here.

use std::fmt;
use std::ops::Range;

use arrow_schema::{DataType, Field};

use super::nested::Lists;
use super::rows::{Nulls, Rows, with_rows};
use super::size::variable_bytes;
use super::slice::{ColumnSlice, Selection, Validity, Values};
use crate::error::{Error, ErrorClass, Result};
use crate::schema::{Schema, fixed_width, is_row_type};

mod layout;
mod limit;
mod values;

/// What to do with values that cannot be stored as they are: text that is no UTF-8, times out of range.
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
    /// As [`variable_bytes`] counts them, of all columns.
    pub(super) variable_bytes: usize,
}

impl<'a> Checked<'a> {
    /// Checks `slices` against `schema`: count, lengths, layouts, bounds, selections, nulls, values.
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
        let rows = slices[0].rows();
        for (slice, field) in slices.iter().zip(fields) {
            if slice.rows() != rows {
                return Err(Error::new(
                    ErrorClass::SchemaMismatch,
                    format!(
                        "column \"{}\" has {} rows, column \"{}\" has {rows}; all columns of a chunk need the same length",
                        field.name(),
                        slice.rows(),
                        fields[0].name()
                    ),
                ));
            }
        }
        for (slice, field) in slices.iter().zip(fields) {
            let path = Path { outer: None, name: field.name() };
            let column = Column { path, data_type: field.data_type(), slice, rows: 0..rows };
            check_row_type(field)?;
            column.check_selection()?;
            column.check(field, None, bad_values)?;
        }
        let columns = slices.iter().zip(fields);
        let variable = columns.map(|(slice, field)| variable_bytes(field.data_type(), slice, 0..rows, None));
        let variable_bytes = variable.sum();
        Ok(Checked { slices, rows, variable_bytes })
    }
}

/// Whether column slices can carry the field.
pub(crate) fn check_row_type(field: &Field) -> Result<()> {
    if is_row_type(field.data_type()) {
        return Ok(());
    }
    Err(Error::new(
        ErrorClass::Unsupported,
        format!(
            "column \"{}\": no column slice carries type {}; use pf_append_arrow",
            field.name(),
            field.data_type()
        ),
    ))
}

/// One column under check, or one inside another.
struct Column<'a> {
    path: Path<'a>,
    data_type: &'a DataType,
    slice: &'a ColumnSlice<'a>,
    rows: Range<usize>,
}

/// Where in a chunk a column is.
#[derive(Clone, Copy)]
struct Path<'a> {
    outer: Option<&'a Path<'a>>,
    /// Of a list's elements: empty.
    name: &'a str,
}

impl Path<'_> {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.outer {
            None => f.write_str(self.name),
            Some(outer) => {
                outer.write(f)?;
                if self.name.is_empty() { f.write_str("[]") } else { write!(f, ".{}", self.name) }
            }
        }
    }
}

/// `column "a"`, `column "a[]"` (the elements of lists), `column "a.b"` (a field of structs).
impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("column \"")?;
        self.write(f)?;
        f.write_str("\"")
    }
}

impl Column<'_> {
    /// Checks everything but the selection. `outer` are the nulls of the struct it is in, if any.
    fn check(&self, field: &Field, outer: Option<&Nulls<'_>>, bad_values: BadValues) -> Result<()> {
        self.check_layout(self.data_type, &self.slice.values)?;
        self.check_validity()?;
        let nulls = Nulls::new(self.slice, self.data_type, outer);
        if !field.is_nullable()
            && let Some(row) = nulls.first(self.rows.clone())
        {
            return Err(Error::new(
                ErrorClass::SchemaMismatch,
                format!(
                    "{}: {} is null, but the field is required; make it nullable or fill the value",
                    self.path,
                    self.place(row)
                ),
            ));
        }
        if bad_values == BadValues::Refuse && self.are_good_texts(&nulls) {
            return Ok(());
        }
        self.check_elements(&nulls)?;
        if bad_values == BadValues::Refuse {
            self.check_values(&nulls)?;
        }
        self.check_inside(&nulls, outer, bad_values)
    }

    /// The elements of a list, the fields of a struct.
    fn check_inside(
        &self,
        nulls: &Nulls<'_>,
        outer: Option<&Nulls<'_>>,
        bad_values: BadValues,
    ) -> Result<()> {
        match (self.data_type, self.slice.values) {
            (DataType::List(item), Values::Lists { offsets, width, elements }) => {
                let lists = Lists::new(self.slice, (offsets, width), elements);
                let mut indices = Vec::new();
                let (slice, rows) = lists.elements(self.rows.clone(), nulls, &mut indices);
                let path = Path { outer: Some(&self.path), name: "" };
                Column { path, data_type: item.data_type(), slice: &slice, rows }
                    .check(item, None, bad_values)?;
                self.check_list_sizes(outer)
            }
            (DataType::Struct(fields), Values::Structs(slices)) => {
                let outer = nulls.may_be_any(self.rows.clone()).then_some(nulls);
                for (field, slice) in fields.iter().zip(slices) {
                    let path = Path { outer: Some(&self.path), name: field.name() };
                    let slice = &slice.with_selection(self.slice.selection);
                    Column { path, data_type: field.data_type(), slice, rows: self.rows.clone() }
                        .check(field, outer, bad_values)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// One row must fit a batch, whatever is in it.
    fn check_list_sizes(&self, outer: Option<&Nulls<'_>>) -> Result<()> {
        let bytes = |rows| variable_bytes(self.data_type, self.slice, rows, outer);
        if bytes(self.rows.clone()) <= MAX_TEXT as usize {
            return Ok(());
        }
        match self.rows.clone().find(|&row| bytes(row..row + 1) > MAX_TEXT as usize) {
            None => Ok(()),
            Some(row) => self.invalid(format_args!(
                "{} has {} bytes of elements; 2 GiB is the most that is stored",
                self.place(row),
                bytes(row..row + 1)
            )),
        }
    }

    fn invalid<T>(&self, what: impl fmt::Display) -> Result<T> {
        Err(Error::invalid(format!("{}: {what}", self.path)))
    }

    /// A row, for a message. Inside lists and structs rows are not the caller's, so the source element.
    fn place(&self, row: usize) -> String {
        match self.path.outer {
            None => format!("row {row}"),
            Some(_) => with_rows!(self.slice.selection, |at| format!("element {}", at.source(row))),
        }
    }

    fn check_selection(&self) -> Result<()> {
        match self.slice.selection.out_of_range(self.rows.len(), self.slice.source_len) {
            None => Ok(()),
            Some((position, index)) => self.invalid(format_args!(
                "sel[{position}] is {index}, but the source has {} elements{}",
                self.slice.source_len,
                match self.slice.selection {
                    Selection::Int32 { base: 1, .. } | Selection::Int64 { base: 1, .. } => ", counted from 1",
                    _ => "",
                }
            )),
        }
    }

    fn check_validity(&self) -> Result<()> {
        let n = self.slice.source_len;
        let width = fixed_width(self.data_type);
        match self.slice.validity {
            Validity::AllValid => Ok(()),
            Validity::Bitmap { bits, offset } => match offset.checked_add(n).map(|bits| bits.div_ceil(8)) {
                Some(need) if need <= bits.len() => Ok(()),
                _ => self.invalid(format_args!(
                    "the validity bitmap has {} bytes, {n} rows from bit {offset} need {}",
                    bits.len(),
                    offset.saturating_add(n).div_ceil(8)
                )),
            },
            Validity::Bytes(bytes) => self.check_extent("validity", bytes.len(), n, 1, 1),
            Validity::RowBit { bytes, stride, .. } => {
                self.check_extent("validity", bytes.len(), n, stride, 1)
            }
            Validity::Sentinel(_) => match (self.slice.values, width) {
                (Values::Dictionary { .. } | Values::PaddedText { .. } | Values::RataDie { .. }, _) => Ok(()),
                (Values::Fixed { .. }, Some(..=8)) => Ok(()),
                _ => Err(Error::new(
                    ErrorClass::Unsupported,
                    format!(
                        "{}: a sentinel has 8 bytes at most, and {} has none; use a validity bitmap",
                        self.path, self.data_type
                    ),
                )),
            },
            Validity::Nan
                if self.data_type.is_floating() && matches!(self.slice.values, Values::Fixed { .. }) =>
            {
                Ok(())
            }
            Validity::Nan if self.data_type.is_floating() => Err(Error::new(
                ErrorClass::Unsupported,
                format!("{}: indices are not NaN; use a sentinel for them, or a validity bitmap", self.path),
            )),
            Validity::Nan => Err(Error::new(
                ErrorClass::TypeMismatch,
                format!("{}: type {} has no NaN", self.path, self.data_type),
            )),
        }
    }
}

/// A batch's text offsets have 32 bits: neither one text nor those of a column in one batch are longer.
pub(super) const MAX_TEXT: i64 = i32::MAX as i64;
