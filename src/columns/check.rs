//! A chunk is checked whole before any column moves: what the window then copies cannot fail, and the
//! gather kernels read nothing that was not looked at here.

use arrow_schema::{DataType, Field};

use super::convert::Conversion;
use super::rows::{Nulls, Rows, with_rows};
use super::slice::{ColumnSlice, Selection, Validity, Values, dictionary_index, offset, view};
use super::utf8;
use crate::error::{Error, ErrorClass, Result};
use crate::schema::{Schema, fixed_width, is_row_type};

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
            Column { name: field.name(), data_type: field.data_type(), slice, rows }
                .check(field, bad_values)?;
        }
        Ok(Checked { slices, rows })
    }
}

/// One column under check.
struct Column<'a> {
    name: &'a str,
    data_type: &'a DataType,
    slice: &'a ColumnSlice<'a>,
    rows: usize,
}

impl Column<'_> {
    fn check(&self, field: &Field, bad_values: BadValues) -> Result<()> {
        if !is_row_type(self.data_type) {
            return Err(Error::new(
                ErrorClass::Unsupported,
                format!(
                    "column \"{}\": no column slice carries type {}; use pf_append_arrow",
                    self.name, self.data_type
                ),
            ));
        }
        self.check_layout(self.data_type, &self.slice.values)?;
        self.check_selection()?;
        self.check_validity()?;
        let nulls = Nulls::new(self.slice, fixed_width(self.data_type).unwrap_or(0));
        if !field.is_nullable()
            && let Some(row) = nulls.first(0..self.rows)
        {
            return Err(Error::new(
                ErrorClass::SchemaMismatch,
                format!(
                    "column \"{}\": row {row} is null, but the field is required; make it nullable or fill the value",
                    self.name
                ),
            ));
        }
        self.check_elements(&nulls)?;
        if bad_values == BadValues::Refuse { self.check_values(&nulls) } else { Ok(()) }
    }

    fn invalid<T>(&self, what: impl std::fmt::Display) -> Result<T> {
        Err(Error::invalid(format!("column \"{}\": {what}", self.name)))
    }

    /// The layout can carry the type, and the memory holds the elements that it says.
    fn check_layout(&self, data_type: &DataType, values: &Values<'_>) -> Result<()> {
        let n = self.slice.source_len;
        let width = fixed_width(data_type);
        match (*values, width) {
            (Values::Fixed { bytes, stride }, Some(width)) => {
                self.check_extent("values", bytes.len(), n, stride, width)
            }
            (Values::RataDie { bytes, stride }, Some(_))
                if Conversion::from_rata_die(data_type).is_some() =>
            {
                self.check_extent("values", bytes.len(), n, stride, 8)
            }
            (Values::Bits { bytes, offset }, Some(_)) if *data_type == DataType::Boolean => {
                match offset.checked_add(n).map(|bits| bits.div_ceil(8)) {
                    Some(need) if need <= bytes.len() => Ok(()),
                    _ => self.invalid(format_args!(
                        "{n} bits from bit {offset} do not fit the {} bytes given",
                        bytes.len()
                    )),
                }
            }
            (Values::Offsets { offsets, width, .. }, None) => {
                match n.checked_add(1).and_then(|n| n.checked_mul(width)) {
                    Some(need) if need <= offsets.len() => Ok(()),
                    _ => self.invalid(format_args!(
                        "{} bytes of offsets given, {n} rows need {n} + 1 offsets of {width} bytes",
                        offsets.len()
                    )),
                }
            }
            (Values::Pointers(pointers), None) => match pointers.len() >= n {
                true => Ok(()),
                false => self.invalid(format_args!("{} pointers given for {n} elements", pointers.len())),
            },
            (Values::Views { views, .. }, None) => self.check_extent("views", views.len(), n, 16, 16),
            (Values::PaddedText { bytes, stride, width }, None) => {
                self.check_extent("text", bytes.len(), n, stride, width)
            }
            (Values::Dictionary { indices, width, values }, _) => {
                self.check_extent("indices", indices.len(), n, width, width)?;
                let nested = matches!(values.values, Values::Dictionary { .. } | Values::RataDie { .. });
                if nested
                    || !matches!(values.selection, Selection::All)
                    || !matches!(values.validity, Validity::AllValid)
                {
                    return self.invalid("a dictionary's values are plain, all valid, without selection");
                }
                let rows = values.source_len;
                Column { name: self.name, data_type, slice: values, rows }.check_dictionary()
            }
            (values, _) => Err(Error::new(
                ErrorClass::TypeMismatch,
                format!(
                    "column \"{}\": the layout {} cannot carry type {data_type}",
                    self.name,
                    layout_name(&values)
                ),
            )),
        }
    }

    /// The values of a dictionary are checked as a column of their own.
    fn check_dictionary(&self) -> Result<()> {
        self.check_layout(self.data_type, &self.slice.values)?;
        let nulls = Nulls::new(self.slice, 0);
        self.check_elements(&nulls)?;
        self.check_values(&nulls)
    }

    /// `len` elements of `width` bytes, `stride` apart, must lie inside `have` bytes.
    fn check_extent(&self, what: &str, have: usize, len: usize, stride: usize, width: usize) -> Result<()> {
        if stride < width {
            return self
                .invalid(format_args!("the stride {stride} is less than the element's {width} bytes"));
        }
        let need = match len {
            0 => Some(0),
            n => (n - 1).checked_mul(stride).and_then(|b| b.checked_add(width)),
        };
        match need {
            Some(need) if need <= have => Ok(()),
            _ => self.invalid(format_args!(
                "{len} rows of {width} bytes do not fit the {have} bytes of {what} given"
            )),
        }
    }

    fn check_selection(&self) -> Result<()> {
        match self.slice.selection.out_of_range(self.rows, self.slice.source_len) {
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
                        "column \"{}\": a sentinel has 8 bytes at most, and {} has none; use a validity bitmap",
                        self.name, self.data_type
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
                format!(
                    "column \"{}\": indices are not NaN; use a sentinel for them, or a validity bitmap",
                    self.name
                ),
            )),
            Validity::Nan => Err(Error::new(
                ErrorClass::TypeMismatch,
                format!("column \"{}\": type {} has no NaN", self.name, self.data_type),
            )),
        }
    }

    /// Every valid element that a row selects lies where its offsets, pointers, views or indices say.
    fn check_elements(&self, nulls: &Nulls<'_>) -> Result<()> {
        let found = match self.slice.values {
            Values::Offsets { offsets, width, bytes } => {
                let ends = |i: usize| (offset(offsets, width, i), offset(offsets, width, i + 1));
                let bad = |i| {
                    let (from, to) = ends(i);
                    from < 0 || to < from || to > bytes.len() as i64 || to - from > MAX_TEXT
                };
                self.first_bad(nulls, bad).map(|i| match ends(i) {
                    (from, _) if from < 0 => format!("offset {i} is {from}; offsets start at 0 or more"),
                    (from, to) if to < from => {
                        format!("offset {} is {to}, less than {from} before it; offsets never fall", i + 1)
                    }
                    (_, to) if to > bytes.len() as i64 => {
                        format!("offset {} is {to}, past the {} bytes given", i + 1, bytes.len())
                    }
                    (from, to) => too_long(i, to - from),
                })
            }
            Values::Pointers(pointers) => {
                let bad = |i| {
                    let len = pointers.length(i);
                    !(0..=MAX_TEXT).contains(&len) | (len != 0 && pointers.is_null(i))
                };
                self.first_bad(nulls, bad).map(|i| match pointers.length(i) {
                    len if len < 0 => format!("length {i} is {len}; give 0 or more"),
                    len if pointers.is_null(i) => {
                        format!("pointer {i} is NULL, but its length {len}; mark it null")
                    }
                    len => too_long(i, len),
                })
            }
            Values::Views { views, buffers } => {
                let bad = |i| match view(views, i).parts() {
                    (0..=12, _, _) => false,
                    (len, buffer, at) => {
                        let have = usize::try_from(buffer)
                            .ok()
                            .filter(|&b| b < buffers.len())
                            .map(|b| buffers.get(b).len());
                        let end = i64::from(at) + i64::from(len);
                        len < 0 || at < 0 || have.is_none_or(|have| end > have as i64)
                    }
                };
                self.first_bad(nulls, bad).map(|i| {
                    let (len, buffer, at) = view(views, i).parts();
                    format!("view {i} says {len} bytes at {at} of buffer {buffer}, which are not there")
                })
            }
            Values::Dictionary { indices, width, values } => {
                let index = |i| dictionary_index(indices, width, i);
                let bad = |i| index(i) as usize >= values.source_len;
                self.first_bad(nulls, bad).map(|i| {
                    format!(
                        "dictionary index {i} is {}, but there are {} values",
                        index(i),
                        values.source_len
                    )
                })
            }
            Values::Fixed { .. }
            | Values::RataDie { .. }
            | Values::Bits { .. }
            | Values::PaddedText { .. } => None,
        };
        found.map_or(Ok(()), |what| self.invalid(what))
    }

    /// The first valid source element, in the order of the rows, of which `bad` is true.
    fn first_bad(&self, nulls: &Nulls<'_>, bad: impl Fn(usize) -> bool) -> Option<usize> {
        with_rows!(self.slice.selection, |at| {
            let mut sources = at.sources(0..self.rows);
            if nulls.may_be_any(0..self.rows) {
                return sources.find(|&i| nulls.is_valid(i) && bad(i));
            }
            // No branch on the way: one look at the sum of the verdicts at the end.
            let any = sources.clone().fold(false, |any, i| any | bad(i));
            if any { sources.find(|&i| bad(i)) } else { None }
        })
    }

    /// UTF-8, and the range of what is converted.
    fn check_values(&self, nulls: &Nulls<'_>) -> Result<()> {
        let values = &self.slice.values;
        if matches!(values, Values::Dictionary { .. }) {
            return Ok(()); // its values have been checked as a column
        }
        if *self.data_type == DataType::Utf8 {
            let bad = match *values {
                // Adjacent texts are one text, if each starts at a character.
                Values::Offsets { offsets, width, bytes }
                    if !nulls.may_be_any(0..self.rows)
                        && matches!(self.slice.selection, Selection::All)
                        && utf8::adjacent(
                            bytes,
                            (0..=self.rows).map(|i| offset(offsets, width, i) as usize),
                        ) =>
                {
                    None
                }
                Values::Pointers(pointers) if !nulls.may_be_any(0..self.rows) => {
                    with_rows!(self.slice.selection, |at| at
                        .sources(0..self.rows)
                        .position(|i| !utf8::is_valid(pointers.get(i))))
                }
                _ => with_rows!(self.slice.selection, |at| at
                    .sources(0..self.rows)
                    .position(|i| nulls.is_valid(i) && !utf8::is_valid(values.text(i)))),
            };
            if let Some(row) = bad {
                return Err(Error::new(
                    ErrorClass::BadUtf8,
                    format!(
                        "column \"{}\": row {row} is not valid UTF-8; make the field binary or repair the text",
                        self.name
                    ),
                ));
            }
        }
        if let Some(conversion) = Conversion::of(self.data_type, values) {
            let bad = with_rows!(self.slice.selection, |at| (0..self.rows).find(|&row| {
                let i = at.source(row);
                nulls.is_valid(i) && !conversion.fits(values.raw(i, conversion.source_width()))
            }));
            if let Some(row) = bad {
                let i = with_rows!(self.slice.selection, |at| at.source(row));
                return self.invalid(format_args!(
                    "row {row} is {}, out of range: {}",
                    conversion.show(values.raw(i, conversion.source_width())),
                    conversion.why()
                ));
            }
        }
        Ok(())
    }
}

/// A batch's text offsets have 32 bits: neither one text nor those of a column in one batch are longer.
pub(super) const MAX_TEXT: i64 = i32::MAX as i64;

fn too_long(i: usize, len: i64) -> String {
    format!("element {i} has {len} bytes; 2 GiB is the most that is stored")
}

fn layout_name(values: &Values<'_>) -> &'static str {
    match values {
        Values::Fixed { .. } => "plain values",
        Values::RataDie { .. } => "Rata Die",
        Values::Bits { .. } => "bits",
        Values::Offsets { .. } => "offsets",
        Values::Pointers(_) => "pointers",
        Values::Views { .. } => "views",
        Values::PaddedText { .. } => "padded text",
        Values::Dictionary { .. } => "dictionary",
    }
}
