//! From rows to source elements, and from there to validity: the two looks-up inside every gather loop,
//! as types, so that each loop is compiled for its own.

use std::ops::Range;

use arrow_buffer::BooleanBufferBuilder;
use arrow_buffer::bit_chunk_iterator::UnalignedBitChunk;

use super::slice::{ColumnSlice, Selection, Validity, Values};

/// Which source element a row is.
pub trait Rows: Copy {
    fn source(self, row: usize) -> usize;
}

#[derive(Clone, Copy)]
pub struct All;

#[derive(Clone, Copy)]
pub struct Indices32<'a> {
    pub indices: &'a [[u8; 4]],
    pub base: usize,
}

#[derive(Clone, Copy)]
pub struct Indices64<'a> {
    pub indices: &'a [[u8; 8]],
    pub base: usize,
}

impl Rows for All {
    #[inline(always)]
    fn source(self, row: usize) -> usize {
        row
    }
}

// Wrapping: an index below the base becomes one far above every source, which the checks refuse.
impl Rows for Indices32<'_> {
    #[inline(always)]
    fn source(self, row: usize) -> usize {
        (i32::from_le_bytes(self.indices[row]) as isize as usize).wrapping_sub(self.base)
    }
}

impl Rows for Indices64<'_> {
    #[inline(always)]
    fn source(self, row: usize) -> usize {
        (i64::from_le_bytes(self.indices[row]) as usize).wrapping_sub(self.base)
    }
}

/// Runs `$body` with `$rows` of the selection's own type.
macro_rules! with_rows {
    ($selection:expr, |$rows:ident| $body:expr) => {
        match $selection {
            $crate::columns::Selection::All => {
                let $rows = $crate::columns::rows::All;
                $body
            }
            $crate::columns::Selection::Int32 { indices, base } => {
                let $rows = $crate::columns::rows::Indices32 { indices: indices.as_chunks().0, base };
                $body
            }
            $crate::columns::Selection::Int64 { indices, base } => {
                let $rows = $crate::columns::rows::Indices64 { indices: indices.as_chunks().0, base };
                $body
            }
        }
    };
}
pub(super) use with_rows;

impl Selection<'_> {
    /// The first row whose index is not below `source_len`, and that index as the caller wrote it.
    pub(super) fn out_of_range(self, rows: usize, source_len: usize) -> Option<(usize, i64)> {
        if matches!(self, Selection::All) {
            return None;
        }
        with_rows!(self, |indices| {
            // No branch on the way: one look at the sum of the verdicts at the end.
            let bad = (0..rows).fold(false, |bad, row| bad | (indices.source(row) >= source_len));
            bad.then(|| (0..rows).find(|&row| indices.source(row) >= source_len)).flatten()
        })
        .map(|row| match self {
            Selection::All => (row, 0),
            Selection::Int32 { indices, .. } => {
                (row, i64::from(i32::from_le_bytes(indices.as_chunks().0[row])))
            }
            Selection::Int64 { indices, .. } => (row, i64::from_le_bytes(indices.as_chunks().0[row])),
        })
    }
}

/// The null pattern of a slice, with what is needed to read it.
pub struct Nulls<'a> {
    slice: &'a ColumnSlice<'a>,
    /// Bytes of an element of the field's type; 0 for variable length.
    width: usize,
}

impl<'a> Nulls<'a> {
    pub fn new(slice: &'a ColumnSlice<'a>, width: usize) -> Self {
        Nulls { slice, width }
    }

    /// Whether source element `i` is valid.
    #[inline(always)]
    pub fn is_valid(&self, i: usize) -> bool {
        match self.slice.validity {
            Validity::AllValid => true,
            Validity::Bitmap { bits, offset } => {
                let bit = offset + i;
                bits[bit / 8] >> (bit % 8) & 1 == 1
            }
            Validity::Bytes(bytes) => bytes[i] != 0,
            Validity::RowBit { bytes, stride, mask } => bytes[i * stride] & mask != 0,
            Validity::Sentinel(sentinel) => match self.slice.values {
                Values::PaddedText { .. } => !self.slice.values.text(i).is_empty(),
                values => {
                    let width =
                        if let Values::Dictionary { width, .. } = values { width } else { self.width };
                    values.raw(i, width) != sentinel & u64::MAX >> (64 - 8 * width.clamp(1, 8))
                }
            },
            Validity::Nan => !is_nan(self.slice.values.raw(i, self.width), self.width),
        }
    }

    /// Nulls among `rows`.
    pub fn count(&self, rows: Range<usize>) -> usize {
        match (self.slice.validity, self.slice.selection) {
            (Validity::AllValid, _) => 0,
            (Validity::Bitmap { bits, offset }, Selection::All) => {
                let valid = UnalignedBitChunk::new(bits, offset + rows.start, rows.len()).count_ones();
                rows.len() - valid
            }
            (_, selection) => {
                with_rows!(selection, |at| self.with_kind(CountNulls { rows: at, range: rows }))
            }
        }
    }

    /// The first null row.
    pub fn first(&self, rows: Range<usize>) -> Option<usize> {
        with_rows!(self.slice.selection, |at| rows.clone().find(|&row| !self.is_valid(at.source(row))))
    }

    /// Appends the validity of `rows`.
    pub fn append_to(&self, bits: &mut BooleanBufferBuilder, rows: Range<usize>) {
        match (self.slice.validity, self.slice.selection) {
            (Validity::AllValid, _) => bits.append_n(rows.len(), true),
            (Validity::Bitmap { bits: bitmap, offset }, Selection::All) => {
                bits.append_packed_range(offset + rows.start..offset + rows.end, bitmap);
            }
            (_, selection) => {
                with_rows!(selection, |at| self.with_kind(AppendBits { rows: at, range: rows, bits }));
            }
        }
    }

    /// Runs `visitor` with a predicate compiled for this kind of validity.
    fn with_kind<V: Visitor>(&self, visitor: V) -> V::Output {
        match self.slice.validity {
            Validity::Bitmap { bits, offset } => visitor.visit(move |i| {
                let bit = offset + i;
                bits[bit / 8] >> (bit % 8) & 1 == 1
            }),
            Validity::Bytes(bytes) => visitor.visit(move |i| bytes[i] != 0),
            Validity::RowBit { bytes, stride, mask } => visitor.visit(move |i| bytes[i * stride] & mask != 0),
            _ => visitor.visit(|i| self.is_valid(i)),
        }
    }
}

fn is_nan(bits: u64, width: usize) -> bool {
    match width {
        2 => bits & 0x7fff > 0x7c00,
        4 => f32::from_bits(bits as u32).is_nan(),
        _ => f64::from_bits(bits).is_nan(),
    }
}

/// Work that needs to know, for source elements, whether they are valid.
trait Visitor {
    type Output;
    fn visit(self, is_valid: impl Fn(usize) -> bool) -> Self::Output;
}

struct CountNulls<R> {
    rows: R,
    range: Range<usize>,
}

impl<R: Rows> Visitor for CountNulls<R> {
    type Output = usize;

    #[inline]
    fn visit(self, is_valid: impl Fn(usize) -> bool) -> usize {
        self.range.map(|row| usize::from(!is_valid(self.rows.source(row)))).sum()
    }
}

struct AppendBits<'a, R> {
    rows: R,
    range: Range<usize>,
    bits: &'a mut BooleanBufferBuilder,
}

impl<R: Rows> Visitor for AppendBits<'_, R> {
    type Output = ();

    /// Sixty-four rows at a time: the builder then sees words, not bits.
    #[inline]
    fn visit(self, is_valid: impl Fn(usize) -> bool) {
        let mut row = self.range.start;
        while row < self.range.end {
            let len = (self.range.end - row).min(64);
            let word =
                (0..len).fold(0u64, |word, i| word | u64::from(is_valid(self.rows.source(row + i))) << i);
            self.bits.append_packed_range(0..len, &word.to_le_bytes());
            row += len;
        }
    }
}
