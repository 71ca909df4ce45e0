//! The elements that rows select: offsets, pointers, views, indices; UTF-8; what a stored type can hold.

use arrow_schema::DataType;

use super::super::convert::Conversion;
use super::super::pointers::PointerArray;
use super::super::rows::{Nulls, Rows, with_rows};
use super::super::slice::{Selection, Values, dictionary_index, offset, view};
use super::super::utf8;
use super::limit::Limit;
use super::{Column, MAX_TEXT};
use crate::error::{Error, ErrorClass, Result};

impl Column<'_> {
    /// Whether the column is of texts by pointers, all of which are good: the one look that a hot path needs, where
    /// the others would each load the pointers and lengths again.
    pub(super) fn are_good_texts(&self, nulls: &Nulls<'_>) -> bool {
        let (Values::Pointers(pointers), DataType::Utf8) = (self.slice.values, self.data_type) else {
            return false;
        };
        let is_good = |i| !is_bad_pointer(pointers, i) && utf8::is_valid(pointers.get(i));
        !nulls.may_be_any(self.rows.clone())
            && with_rows!(self.slice.selection, |at| at.sources(self.rows.clone()).all(is_good))
    }

    /// Every valid element that a row selects lies where its offsets, pointers, views or indices say.
    pub(super) fn check_elements(&self, nulls: &Nulls<'_>) -> Result<()> {
        let found = match self.slice.values {
            Values::Offsets { offsets, width, .. } | Values::Lists { offsets, width, .. } => {
                let (have, unit) = match self.slice.values {
                    Values::Lists { elements, .. } => (elements.source_len as i64, "elements"),
                    Values::Offsets { bytes, .. } => (bytes.len() as i64, "bytes"),
                    _ => (0, ""),
                };
                let ends = |i: usize| (offset(offsets, width, i), offset(offsets, width, i + 1));
                let bad = |i| {
                    let (from, to) = ends(i);
                    from < 0 || to < from || to > have || to - from > MAX_TEXT
                };
                self.first_bad(nulls, bad).map(|i| match ends(i) {
                    (from, _) if from < 0 => format!("offset {i} is {from}; offsets start at 0 or more"),
                    (from, to) if to < from => {
                        format!("offset {} is {to}, less than {from} before it; offsets never fall", i + 1)
                    }
                    (_, to) if to > have => {
                        format!("offset {} is {to}, past the {have} {unit} given", i + 1)
                    }
                    (from, to) => too_long(i, to - from),
                })
            }
            Values::Pointers(pointers) => {
                let bad = |i| is_bad_pointer(pointers, i);
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
            _ => None,
        };
        found.map_or(Ok(()), |what| self.invalid(what))
    }

    /// The first valid source element, in the order of the rows, of which `bad` is true.
    fn first_bad(&self, nulls: &Nulls<'_>, bad: impl Fn(usize) -> bool) -> Option<usize> {
        with_rows!(self.slice.selection, |at| {
            let mut sources = at.sources(self.rows.clone());
            if nulls.may_be_any(self.rows.clone()) {
                return sources.find(|&i| nulls.is_valid(i) && bad(i));
            }
            // No branch on the way: one look at the sum of the verdicts at the end.
            let any = sources.clone().fold(false, |any, i| any | bad(i));
            if any { sources.find(|&i| bad(i)) } else { None }
        })
    }

    /// UTF-8, and the range of what is converted.
    pub(super) fn check_values(&self, nulls: &Nulls<'_>) -> Result<()> {
        let values = &self.slice.values;
        if matches!(values, Values::Dictionary { .. }) {
            return Ok(()); // its values have been checked as a column
        }
        if *self.data_type == DataType::Utf8 {
            let bad = match *values {
                // Adjacent texts are one text, if each starts at a character.
                Values::Offsets { offsets, width, bytes }
                    if !nulls.may_be_any(self.rows.clone())
                        && matches!(self.slice.selection, Selection::All)
                        && utf8::adjacent(
                            bytes,
                            (self.rows.start..=self.rows.end).map(|i| offset(offsets, width, i) as usize),
                        ) =>
                {
                    None
                }
                _ => self.first_row(|i| nulls.is_valid(i) && !utf8::is_valid(values.text(i))),
            };
            if let Some(row) = bad {
                return Err(Error::new(
                    ErrorClass::BadUtf8,
                    format!(
                        "{}: {} is not valid UTF-8; make the field binary or repair the text",
                        self.path,
                        self.place(row)
                    ),
                ));
            }
        }
        if let Some(conversion) = Conversion::of(self.data_type, values) {
            let raw = |i| values.raw(i, conversion.source_width());
            if let Some(row) = self.first_row(|i| nulls.is_valid(i) && !conversion.fits(raw(i))) {
                let i = with_rows!(self.slice.selection, |at| at.source(row));
                return self.invalid(format_args!(
                    "{} is {}, out of range: {}",
                    self.place(row),
                    conversion.show(raw(i)),
                    conversion.why()
                ));
            }
        }
        if let (Some(limit), Values::Fixed { bytes, stride }) = (Limit::of(self.data_type), *values) {
            let value = |i: usize| limit.read(&bytes[i * stride..]);
            if let Some(row) = self.first_row(|i| nulls.is_valid(i) && !limit.holds(value(i))) {
                let i = with_rows!(self.slice.selection, |at| at.source(row));
                return self.invalid(format_args!(
                    "{} is {}, out of range: {} holds {} to {}",
                    self.place(row),
                    value(i),
                    self.data_type,
                    limit.min,
                    limit.max
                ));
            }
        }
        Ok(())
    }

    /// The first row whose source element is `bad`. Inline, as is what it calls: a call for each text would cost
    /// as much as a look at it.
    #[inline(always)]
    fn first_row(&self, bad: impl Fn(usize) -> bool) -> Option<usize> {
        with_rows!(self.slice.selection, |at| {
            for (row, i) in self.rows.clone().zip(at.sources(self.rows.clone())) {
                if bad(i) {
                    return Some(row);
                }
            }
        });
        None
    }
}

/// Whether a text by pointer is not there, or too long.
#[inline]
fn is_bad_pointer(pointers: PointerArray<'_>, i: usize) -> bool {
    let len = pointers.length(i);
    !(0..=MAX_TEXT).contains(&len) | (len != 0 && pointers.is_null(i))
}

fn too_long(i: usize, len: i64) -> String {
    format!("element {i} has {len} bytes; 2 GiB is the most that is stored")
}
