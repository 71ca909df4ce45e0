//! Columns in columns: which elements of a list's slice its rows hold.

use std::ops::Range;

use arrow_buffer::MutableBuffer;

use super::rows::{Nulls, Rows, with_rows};
use super::slice::{ColumnSlice, Selection, offset};

/// The lists of a slice whose offsets have been checked.
#[derive(Clone, Copy)]
pub struct Lists<'a> {
    list: &'a ColumnSlice<'a>,
    offsets: &'a [u8],
    width: usize,
    elements: &'a ColumnSlice<'a>,
}

impl<'a> Lists<'a> {
    /// `offsets` and so on are those of `list`'s values.
    pub fn new(
        list: &'a ColumnSlice<'a>,
        (offsets, width): (&'a [u8], usize),
        elements: &'a ColumnSlice<'a>,
    ) -> Self {
        Lists { list, offsets, width, elements }
    }

    /// Where the list of source element `i` starts and ends.
    #[inline]
    pub fn ends(&self, i: usize) -> (i64, i64) {
        (offset(self.offsets, self.width, i), offset(self.offsets, self.width, i + 1))
    }

    /// Number of elements that `rows` hold.
    pub fn count(&self, rows: Range<usize>, nulls: &Nulls<'_>) -> usize {
        with_rows!(self.list.selection, |at| {
            let valid = at.sources(rows).filter(|&i| nulls.is_valid(i));
            valid.map(|i| self.ends(i)).map(|(from, to)| (to - from) as usize).sum()
        })
    }

    /// The elements that `rows` hold, as rows of a slice: adjacent ones as they are, others through
    /// indices, which are written to `indices`.
    pub fn elements<'i>(
        &self,
        rows: Range<usize>,
        nulls: &Nulls<'_>,
        indices: &'i mut Vec<u8>,
    ) -> (ColumnSlice<'i>, Range<usize>)
    where
        'a: 'i,
    {
        if let Some(run) = self.adjacent(rows.clone(), nulls) {
            return (*self.elements, run);
        }
        indices.clear();
        with_rows!(self.list.selection, |at| {
            for i in at.sources(rows).filter(|&i| nulls.is_valid(i)) {
                let (from, to) = self.ends(i);
                indices.extend((from..to).flat_map(i64::to_le_bytes));
            }
        });
        let count = indices.len() / 8;
        (self.elements.with_selection(Selection::Int64 { indices, base: 0 }), 0..count)
    }

    /// Appends where the list of each row ends, in a buffer that has `len` elements. A null has none.
    pub fn append_ends(&self, ends: &mut MutableBuffer, len: usize, rows: Range<usize>, nulls: &Nulls<'_>) {
        ends.reserve(rows.len() * 4);
        let mut end = len;
        with_rows!(self.list.selection, |at| {
            for i in at.sources(rows) {
                if nulls.is_valid(i) {
                    let (from, to) = self.ends(i);
                    end += (to - from) as usize;
                }
                ends.push(end as i32);
            }
        });
    }

    /// The elements of `rows`, if they lie one after another.
    fn adjacent(&self, rows: Range<usize>, nulls: &Nulls<'_>) -> Option<Range<usize>> {
        let mut run = 0..0;
        with_rows!(self.list.selection, |at| {
            for i in at.sources(rows).filter(|&i| nulls.is_valid(i)) {
                let (from, to) = self.ends(i);
                match (from as usize, to as usize) {
                    (from, to) if from == to => {}
                    (from, to) if run.is_empty() => run = from..to,
                    (from, to) if from == run.end => run.end = to,
                    _ => return None,
                }
            }
        });
        Some(run)
    }
}
