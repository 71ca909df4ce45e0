//! The gather kernels: checked source elements into a growing buffer.

use std::ops::Range;

use arrow_buffer::{BooleanBufferBuilder, MutableBuffer};

use super::check::MAX_TEXT;
use super::rows::{Nulls, Rows, bit_words, with_rows};
use super::simd::Beside;
use super::slice::{ColumnSlice, Selection, Validity, Values, dictionary_index};
use super::strided;
use crate::copy::copy_short;
use crate::prefetch::{prefetch, prefetch_write};

/// Appends elements `rows` of a fixed-width layout, `width` bytes each.
pub fn fixed(
    to: &mut MutableBuffer,
    slice: &ColumnSlice<'_>,
    width: usize,
    rows: Range<usize>,
    nulls: &Nulls<'_>,
) {
    match slice.values {
        Values::Fixed { bytes, stride } if stride == width && matches!(slice.selection, Selection::All) => {
            to.extend_from_slice(&bytes[rows.start * width..rows.end * width]);
        }
        Values::Fixed { bytes, stride } if matches!(slice.selection, Selection::All) => {
            strided::fixed(to, bytes, stride, width, rows);
        }
        Values::Fixed { bytes, stride } => with_rows!(slice.selection, |at| {
            // The widths of the primitive types get loops of their own, so that each copy is one move.
            match (width, stride) {
                (1, 1) => elements::<1, true>(to, bytes, 1, at, rows),
                (2, 2) => elements::<2, true>(to, bytes, 2, at, rows),
                (4, 4) => elements::<4, true>(to, bytes, 4, at, rows),
                (8, 8) => elements::<8, true>(to, bytes, 8, at, rows),
                (16, 16) => elements::<16, true>(to, bytes, 16, at, rows),
                (1, _) => elements::<1, false>(to, bytes, stride, at, rows),
                (2, _) => elements::<2, false>(to, bytes, stride, at, rows),
                (4, _) => elements::<4, false>(to, bytes, stride, at, rows),
                (8, _) => elements::<8, false>(to, bytes, stride, at, rows),
                (16, _) => elements::<16, false>(to, bytes, stride, at, rows),
                _ => rows.for_each(|row| to.extend_from_slice(&bytes[at.source(row) * stride..][..width])),
            }
        }),
        // The index under a null may be anything, so each is looked at.
        Values::Dictionary { indices, width: index_width, values } => with_rows!(slice.selection, |at| {
            for row in rows {
                let i = at.source(row);
                match values.values {
                    Values::Fixed { bytes, stride } if nulls.is_valid(i) => {
                        let value = dictionary_index(indices, index_width, i) as usize;
                        to.extend_from_slice(&bytes[value * stride..][..width]);
                    }
                    _ => to.extend_zeros(width),
                }
            }
        }),
        _ => {}
    }
}

/// Appends elements as [`fixed`] does, through indices, and hands out their validity, bits of a bitmap, as
/// [`Nulls::words`] does: in one loop, as loads of the one are done while those of the other wait for memory.
/// Returns whether it was a slice of this kind; nothing was done if not.
pub fn fixed_with_bits(
    to: &mut MutableBuffer,
    slice: &ColumnSlice<'_>,
    width: usize,
    rows: Range<usize>,
    block: impl FnMut(&[u64], usize),
) -> bool {
    let (Values::Fixed { bytes, stride }, Validity::Bitmap { bits, offset }) = (slice.values, slice.validity)
    else {
        return false;
    };
    if stride != width || matches!(slice.selection, Selection::All) {
        return false;
    }
    with_rows!(slice.selection, |at| match width {
        1 => elements_with_bits::<1>(to, bytes, at, rows, (bits, offset), block),
        2 => elements_with_bits::<2>(to, bytes, at, rows, (bits, offset), block),
        4 => elements_with_bits::<4>(to, bytes, at, rows, (bits, offset), block),
        8 => elements_with_bits::<8>(to, bytes, at, rows, (bits, offset), block),
        16 => elements_with_bits::<16>(to, bytes, at, rows, (bits, offset), block),
        _ => return false,
    });
    true
}

fn elements_with_bits<const WIDTH: usize>(
    to: &mut MutableBuffer,
    from: &[u8],
    at: impl Rows,
    rows: Range<usize>,
    bitmap: (&[u8], usize),
    block: impl FnMut(&[u64], usize),
) {
    let elements = Elements::<_, WIDTH, true>::new(to, from, WIDTH, at, rows.clone());
    // SAFETY: the checks have seen every source index below the length, and an element and a bit for each.
    unsafe { bit_words(at, rows, bitmap, &elements, block) };
    elements.end(to);
}

/// Appends elements of `WIDTH` bytes, `stride` apart.
fn elements<const WIDTH: usize, const PACKED: bool>(
    to: &mut MutableBuffer,
    from: &[u8],
    stride: usize,
    at: impl Rows,
    rows: Range<usize>,
) {
    let elements = Elements::<_, WIDTH, PACKED>::new(to, from, stride, at, rows.clone());
    // SAFETY: the checks have seen every source index below the slice's length and the whole extent of
    // the elements inside `from`.
    unsafe { elements.rest(rows) };
    elements.end(to);
}

/// Rows between an element's prefetch and its copy.
const AHEAD: usize = 96;

/// Bytes between the prefetch of where an element goes and its copy.
const WRITE_AHEAD: usize = 4096;

/// A copy of the elements of `rows`, of `WIDTH` bytes and `stride` apart, to the end of a buffer. Packed ones have no
/// bytes between them: a stride known here is none to multiply by.
struct Elements<R, const WIDTH: usize, const PACKED: bool> {
    at: R,
    rows: Range<usize>,
    /// Where an element would be that is no source's: the base of the indices before the first. It need not
    /// be taken off each index so.
    from: *const u8,
    stride: usize,
    /// Room for all of them.
    out: *mut [u8; WIDTH],
}

impl<R: Rows, const WIDTH: usize, const PACKED: bool> Elements<R, WIDTH, PACKED> {
    #[inline(always)]
    fn new(to: &mut MutableBuffer, from: &[u8], stride: usize, at: R, rows: Range<usize>) -> Self {
        to.reserve(rows.len() * WIDTH);
        let from = from.as_ptr().wrapping_sub(at.base() * stride);
        // SAFETY: the end of the buffer is inside or just behind it.
        let out = unsafe { to.as_mut_ptr().add(to.len()).cast() };
        Elements { at, rows, from, stride, out }
    }

    /// # Safety
    /// As that of [`Beside`].
    #[inline(always)]
    unsafe fn copy(&self, row: usize, i: usize) {
        // SAFETY: the caller's promise, and there is room for each row.
        unsafe { self.out.add(row - self.rows.start).write(self.element(i).read()) };
    }

    #[inline(always)]
    fn element(&self, i: usize) -> *const [u8; WIDTH] {
        self.from.wrapping_add(i * if PACKED { WIDTH } else { self.stride }).cast()
    }

    /// Takes in what was copied, which is all.
    #[inline(always)]
    fn end(self, to: &mut MutableBuffer) {
        // SAFETY: `new` made the room, the copies filled it.
        unsafe { to.set_len(to.len() + self.rows.len() * WIDTH) };
    }
}

/// Copies. The rows are some of those given, of at least eight; the source of each is inside `from`; nothing was
/// done to the buffer since `new`.
impl<R: Rows, const WIDTH: usize, const PACKED: bool> Beside for Elements<R, WIDTH, PACKED> {
    #[inline(always)]
    unsafe fn eight(&self, first: usize) {
        // A random element is rarely in the cache: those far ahead are on their way before their turn.
        let ahead = (first + AHEAD).min(self.rows.end - 8);
        // Nor is where it goes, in a window larger than the cache.
        let line = self.out.wrapping_add(first - self.rows.start).cast::<u8>();
        (0..8 * WIDTH).step_by(64).for_each(|byte| prefetch_write::<WRITE_AHEAD>(line.wrapping_add(byte)));
        // SAFETY: the caller's promise.
        unsafe {
            self.at.eight(ahead).for_each(|i| prefetch(self.element(i)));
            self.at.eight(first).enumerate().for_each(|(row, i)| self.copy(first + row, i));
        }
    }

    #[inline(always)]
    unsafe fn rest(&self, rows: Range<usize>) {
        let whole = rows.end - rows.len() % 8;
        // SAFETY: the caller's promise.
        unsafe {
            (rows.start..whole).step_by(8).for_each(|first| self.eight(first));
            let base = self.at.base();
            (whole..rows.end).for_each(|row| self.copy(row, self.at.source(row) + base));
        }
    }
}

/// Appends bools, from bytes or bits.
pub fn bools(to: &mut BooleanBufferBuilder, slice: &ColumnSlice<'_>, rows: Range<usize>, nulls: &Nulls<'_>) {
    match (slice.values, slice.selection) {
        (Values::Bits { bytes, offset }, Selection::All) => {
            to.append_packed_range(offset + rows.start..offset + rows.end, bytes);
        }
        (values, selection) => with_rows!(selection, |at| {
            let is_true = |values: Values<'_>, i: usize| match values {
                Values::Fixed { bytes, stride } => bytes[i * stride] != 0,
                Values::Bits { bytes, offset } => bytes[(offset + i) / 8] >> ((offset + i) % 8) & 1 == 1,
                _ => false,
            };
            let mut row = rows.start;
            while row < rows.end {
                // Words, not bits, for the builder.
                let len = (rows.end - row).min(64);
                let word = (0..len).fold(0u64, |word, bit| {
                    let i = at.source(row + bit);
                    let set = match values {
                        Values::Dictionary { indices, width, values } => {
                            nulls.is_valid(i)
                                && is_true(values.values, dictionary_index(indices, width, i) as usize)
                        }
                        values => is_true(values, i),
                    };
                    word | u64::from(set) << bit
                });
                to.append_packed_range(0..len, &word.to_le_bytes());
                row += len;
            }
        }),
    }
}

/// Appends the bytes of variable-length elements and, for each, their end as an int32 offset. Nulls, if
/// there are any, are empty.
pub fn texts(
    to: &mut MutableBuffer,
    ends: &mut MutableBuffer,
    slice: &ColumnSlice<'_>,
    rows: Range<usize>,
    nulls: Option<&Nulls<'_>>,
) {
    with_rows!(slice.selection, |at| {
        let sources = at.sources(rows.clone());
        // The layouts of a hot path get loops of their own.
        match (slice.values, nulls) {
            (Values::Pointers(pointers), None) => {
                append_texts(to, ends, sources.map(|i| pointers.get(i)));
            }
            (Values::Offsets { offsets, width, bytes }, None)
                if matches!(slice.selection, Selection::All) =>
            {
                append_run(to, ends, |i| super::slice::offset(offsets, width, i), bytes, rows);
            }
            (Values::Offsets { offsets, width: 4, bytes }, None) => {
                let at = |i| super::slice::offset(offsets, 4, i) as usize;
                append_texts(to, ends, sources.map(|i| &bytes[at(i)..at(i + 1)]));
            }
            (values, _) => {
                let valid = |i: usize| nulls.is_none_or(|nulls| nulls.is_valid(i));
                append_texts(to, ends, sources.map(|i| if valid(i) { values.text(i) } else { &[] }));
            }
        }
    });
}

/// Appends texts that lie one after another: one copy, and their ends moved by as much as they were.
#[inline]
fn append_run(
    to: &mut MutableBuffer,
    ends: &mut MutableBuffer,
    offset: impl Fn(usize) -> i64,
    bytes: &[u8],
    rows: Range<usize>,
) {
    let (first, last) = (offset(rows.start), offset(rows.end));
    let moved = to.len() as i64 - first;
    to.extend_from_slice(&bytes[first as usize..last as usize]);
    let start = ends.len() / 4;
    ends.resize((start + rows.len()) * 4, 0);
    let ends = &mut ends.typed_data_mut::<i32>()[start..];
    for (end, row) in ends.iter_mut().zip(rows.start + 1..) {
        // At most the last: the texts are the caller's memory, which may have changed since it was checked.
        *end = (offset(row).clamp(first, last) + moved) as i32;
    }
}

/// Appends texts one by one. Room is looked for at each, as the texts are the caller's memory, and what was
/// counted before could have changed.
#[inline]
fn append_texts<'a>(
    to: &mut MutableBuffer,
    ends: &mut MutableBuffer,
    texts: impl ExactSizeIterator<Item = &'a [u8]>,
) {
    let (mut len, count) = (to.len(), ends.len() / 4 + texts.len());
    ends.reserve(texts.len() * 4);
    let mut room = to.capacity();
    // SAFETY: both buffers have room: `ends` for one offset a text, `to` for every text when it is copied.
    unsafe {
        let mut end = ends.as_mut_ptr().add(ends.len()).cast::<i32>();
        for text in texts {
            if text.len() > room - len {
                assert!(len + text.len() <= MAX_TEXT as usize, "texts grew while they were appended");
                to.set_len(len);
                to.reserve(text.len());
                room = to.capacity();
            }
            let at = to.as_mut_ptr().add(len);
            prefetch_write::<WRITE_AHEAD>(at);
            copy_short(text.as_ptr(), at, text.len());
            len += text.len();
            end.write_unaligned(len as i32);
            end = end.add(1);
        }
        to.set_len(len);
        ends.set_len(count * 4);
    }
}

/// As [`texts`], for text that nobody has checked: what is no UTF-8 becomes U+FFFD. Returns in how many.
pub fn captured_texts(
    to: &mut MutableBuffer,
    ends: &mut MutableBuffer,
    slice: &ColumnSlice<'_>,
    rows: Range<usize>,
    nulls: Option<&Nulls<'_>>,
) -> u64 {
    if let (Values::PaddedText { bytes, stride, width }, Selection::All, None) =
        (slice.values, slice.selection, nulls)
        && strided::ascii_texts(to, ends, (bytes, stride, width), rows.clone())
    {
        return 0;
    }
    let mut replaced = 0;
    with_rows!(slice.selection, |at| {
        for i in at.sources(rows) {
            if nulls.is_none_or(|nulls| nulls.is_valid(i)) {
                let text = String::from_utf8_lossy(slice.values.text(i));
                replaced += u64::from(matches!(text, std::borrow::Cow::Owned(_)));
                to.extend_from_slice(text.as_bytes());
            }
            ends.push(to.len() as i32);
        }
    });
    replaced
}

/// Upper bound of the bytes of some texts; null ones are the caller's to leave out.
pub fn text_len_sum(values: &Values<'_>, sources: impl Iterator<Item = usize>) -> usize {
    match *values {
        Values::Offsets { offsets, width, .. } => {
            let at = |i| super::slice::offset(offsets, width, i) as usize;
            sources.map(|i| at(i + 1) - at(i)).sum()
        }
        Values::Pointers(pointers) => sources.map(|i| pointers.length(i).max(0) as usize).sum(),
        Values::Views { views, .. } => {
            sources.map(|i| super::slice::view(views, i).parts().0.max(0) as usize).sum()
        }
        // U+FFFD is three bytes.
        Values::PaddedText { width, .. } => sources.count() * width * 3,
        Values::Dictionary { indices, width, values } => {
            sources.map(|i| values.values.text(dictionary_index(indices, width, i) as usize).len()).sum()
        }
        _ => 0,
    }
}
