//! From rows to source elements, and from there to validity: the two looks-up inside every gather loop,
//! as types, so that each loop is compiled for its own.

use std::ops::Range;

use arrow_buffer::bit_chunk_iterator::UnalignedBitChunk;
use arrow_schema::DataType;

use super::simd::{self, Beside};
use super::slice::{ColumnSlice, Selection, Validity, Values};
use crate::schema::fixed_width;

/// Which source element a row is.
pub trait Rows: Copy {
    fn source(self, row: usize) -> usize;

    /// The source elements of a run of rows, without a bounds check for each.
    fn sources(self, rows: Range<usize>) -> impl ExactSizeIterator<Item = usize> + Clone;

    /// What [`Rows::eight`] counts from.
    fn base(self) -> usize;

    /// The source elements of eight rows, counted from the base.
    ///
    /// # Safety
    /// There are eight from `first` on.
    unsafe fn eight(self, first: usize) -> impl Iterator<Item = usize>;

    /// Whether one of the first `rows` is not below `source_len`.
    fn any_outside(self, rows: usize, source_len: usize) -> bool;

    /// The bits of `bitmap`, from an offset on, that belong to `rows`, as many whole words of them as go
    /// faster than one by one. Returns how many those were. Does work `beside` for their rows.
    ///
    /// # Safety
    /// The checks have seen every source index below the length, and a bit for each.
    unsafe fn bits(
        self,
        rows: Range<usize>,
        bitmap: (&[u8], usize),
        to: &mut [u64],
        beside: &impl Beside,
    ) -> usize;
}

#[derive(Clone, Copy)]
pub struct All;

/// Indices of `WIDTH` bytes, counted from `base`.
#[derive(Clone, Copy)]
pub struct Indices<'a, const WIDTH: usize> {
    pub indices: &'a [[u8; WIDTH]],
    pub base: usize,
}

impl Rows for All {
    #[inline(always)]
    fn source(self, row: usize) -> usize {
        row
    }

    #[inline(always)]
    fn sources(self, rows: Range<usize>) -> impl ExactSizeIterator<Item = usize> + Clone {
        rows
    }

    fn base(self) -> usize {
        0
    }

    #[inline(always)]
    unsafe fn eight(self, first: usize) -> impl Iterator<Item = usize> {
        first..first + 8
    }

    fn any_outside(self, rows: usize, source_len: usize) -> bool {
        rows > source_len
    }

    unsafe fn bits(self, _: Range<usize>, _: (&[u8], usize), _: &mut [u64], _: &impl Beside) -> usize {
        0
    }
}

impl<const WIDTH: usize> Rows for Indices<'_, WIDTH> {
    #[inline(always)]
    fn source(self, row: usize) -> usize {
        index(self.indices[row], self.base)
    }

    #[inline(always)]
    fn sources(self, rows: Range<usize>) -> impl ExactSizeIterator<Item = usize> + Clone {
        let base = self.base;
        self.indices[rows].iter().map(move |&le| index(le, base))
    }

    fn base(self) -> usize {
        self.base
    }

    #[inline(always)]
    unsafe fn eight(self, first: usize) -> impl Iterator<Item = usize> {
        // SAFETY: the caller's promise.
        let eight = unsafe { self.indices.get_unchecked(first..first + 8) };
        eight.iter().map(|&le| index(le, 0))
    }

    fn any_outside(self, rows: usize, source_len: usize) -> bool {
        simd::any_outside(&self.indices[..rows], self.base, source_len)
    }

    #[inline(always)]
    unsafe fn bits(
        self,
        rows: Range<usize>,
        bitmap: (&[u8], usize),
        to: &mut [u64],
        beside: &impl Beside,
    ) -> usize {
        // SAFETY: the caller's promise.
        unsafe { simd::gather_bits(self.indices, rows, self.base, bitmap, to, beside) }
    }
}

/// Wrapping: an index below the base becomes one far above every source, which the checks refuse.
#[inline(always)]
fn index<const WIDTH: usize>(le: [u8; WIDTH], base: usize) -> usize {
    let mut wide = [0; 8];
    wide[..WIDTH].copy_from_slice(&le);
    let index =
        if WIDTH == 4 { i64::from(i64::from_le_bytes(wide) as i32) } else { i64::from_le_bytes(wide) };
    (index as usize).wrapping_sub(base)
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
                let $rows = $crate::columns::rows::Indices::<4> { indices: indices.as_chunks().0, base };
                $body
            }
            $crate::columns::Selection::Int64 { indices, base } => {
                let $rows = $crate::columns::rows::Indices::<8> { indices: indices.as_chunks().0, base };
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
            let bad = indices.any_outside(rows, source_len);
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
#[derive(Clone, Copy)]
pub struct Nulls<'a> {
    slice: &'a ColumnSlice<'a>,
    /// Bytes of an element of the field's type; 0 for variable length.
    width: usize,
    /// Those of the struct that the slice is a field of: what is in a null struct is null.
    outer: Option<&'a Nulls<'a>>,
}

impl<'a> Nulls<'a> {
    /// Of a slice for a field of this type, in a struct with nulls of its own perhaps.
    pub fn new(slice: &'a ColumnSlice<'a>, data_type: &DataType, outer: Option<&'a Nulls<'a>>) -> Self {
        Nulls { slice, width: fixed_width(data_type).unwrap_or(0), outer }
    }

    /// Whether source element `i` is valid.
    #[inline(always)]
    pub fn is_valid(&self, i: usize) -> bool {
        self.is_valid_itself(i) && self.outer.is_none_or(|outer| outer.is_valid(i))
    }

    /// Whether source element `i` is valid, if the struct it is in is.
    #[inline(always)]
    fn is_valid_itself(&self, i: usize) -> bool {
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
                    let width = match values {
                        Values::Dictionary { width, .. } => width,
                        Values::RataDie { .. } => 8,
                        _ => self.width,
                    };
                    values.raw(i, width) != sentinel & u64::MAX >> (64 - 8 * width.clamp(1, 8))
                }
            },
            Validity::Nan => !is_nan(self.slice.values.raw(i, self.width), self.width),
        }
    }

    /// Whether there is a null among `rows`, where that is quickly seen; true where it is not.
    pub fn may_be_any(&self, rows: Range<usize>) -> bool {
        self.may_be_any_itself(rows.clone()) || self.outer.is_some_and(|outer| outer.may_be_any(rows))
    }

    fn may_be_any_itself(&self, rows: Range<usize>) -> bool {
        match (self.slice.validity, self.slice.selection) {
            (Validity::AllValid, _) => false,
            (Validity::Bitmap { bits, offset }, Selection::All) => {
                UnalignedBitChunk::new(bits, offset + rows.start, rows.len()).count_ones() < rows.len()
            }
            _ => true,
        }
    }

    /// The bitmap and the bits of it that are the validity of `rows`, if they are adjacent there.
    pub fn bitmap(&self, rows: Range<usize>) -> Option<(&'a [u8], Range<usize>)> {
        match (self.slice.validity, self.slice.selection) {
            _ if self.outer.is_some() => None,
            (Validity::Bitmap { bits, offset }, Selection::All) => {
                Some((bits, offset + rows.start..offset + rows.end))
            }
            _ => None,
        }
    }

    /// The first row that is null where the struct that it is in, if any, is not.
    pub fn first(&self, rows: Range<usize>) -> Option<usize> {
        if !self.may_be_any_itself(rows.clone()) {
            return None;
        }
        let is_missing = |i| !self.is_valid_itself(i) && self.outer.is_none_or(|outer| outer.is_valid(i));
        with_rows!(self.slice.selection, |at| rows.clone().find(|&row| is_missing(at.source(row))))
    }

    /// The validity of `rows`, block by block: calls `block` with words of 64 bits and how many bits count.
    pub fn words(&self, rows: Range<usize>, block: impl FnMut(&[u64], usize)) {
        with_rows!(self.slice.selection, |at| match self.slice.validity {
            _ if self.outer.is_some() => {
                blocks(rows, block, |rows, words| pack(at, rows, words, |i| self.is_valid(i)))
            }
            // SAFETY: the checks have seen every source index below the length, and a bit for each.
            Validity::Bitmap { bits, offset } => unsafe { bit_words(at, rows, (bits, offset), &(), block) },
            Validity::Bytes(bytes) => {
                blocks(rows, block, |rows, words| pack(at, rows, words, |i| bytes[i] != 0))
            }
            Validity::RowBit { bytes, stride, mask } => {
                blocks(rows, block, |rows, words| pack(at, rows, words, |i| bytes[i * stride] & mask != 0))
            }
            _ => blocks(rows, block, |rows, words| pack(at, rows, words, |i| self.is_valid(i))),
        })
    }
}

/// Calls `block` with the bits of a bitmap, from an offset on, that belong to `rows`, as [`Nulls::words`] does;
/// and does work `beside` for all rows.
///
/// # Safety
/// The checks have seen every source index below the length, and a bit for each.
#[inline(always)]
pub unsafe fn bit_words(
    at: impl Rows,
    rows: Range<usize>,
    (bits, offset): (&[u8], usize),
    beside: &impl Beside,
    block: impl FnMut(&[u64], usize),
) {
    blocks(rows, block, |rows, words| {
        // SAFETY: the caller's promise.
        let done = unsafe { at.bits(rows.clone(), (bits, offset), words, beside) };
        // SAFETY: as above.
        let is_valid = |i| unsafe {
            let bit = offset + i;
            *bits.get_unchecked(bit / 8) >> (bit % 8) & 1 == 1
        };
        let rest = rows.start + 64 * done..rows.end;
        pack(at, rest.clone(), &mut words[done..], is_valid);
        // SAFETY: as above.
        unsafe { beside.rest(rest) };
    });
}

/// Words of a block: enough that the next copy of them costs nothing, few enough for the stack.
const BLOCK: usize = 32;

#[inline(always)]
fn blocks(
    rows: Range<usize>,
    mut block: impl FnMut(&[u64], usize),
    mut fill: impl FnMut(Range<usize>, &mut [u64]),
) {
    let mut words = [0; BLOCK];
    for start in rows.clone().step_by(64 * BLOCK) {
        let end = rows.end.min(start + 64 * BLOCK);
        let words = &mut words[..(end - start).div_ceil(64)];
        fill(start..end, words);
        block(words, end - start);
    }
}

/// Packs the validity of `rows` into words; bits past the last row are 0.
#[inline]
fn pack(at: impl Rows, rows: Range<usize>, words: &mut [u64], is_valid: impl Fn(usize) -> bool) {
    for (word, start) in words.iter_mut().zip(rows.clone().step_by(64)) {
        let mut sources = at.sources(start..rows.end.min(start + 64));
        *word = 0;
        for byte in 0..sources.len().div_ceil(8) {
            // Eight at a time, which the compiler unrolls: the shifts do not wait for each other.
            let eight = (0..8).fold(0, |eight, bit| match sources.next() {
                Some(i) => eight | u64::from(is_valid(i)) << bit,
                None => eight,
            });
            *word |= eight << (8 * byte);
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
