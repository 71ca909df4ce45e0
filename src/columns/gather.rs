//! The gather kernels: checked source elements into a growing buffer.

use std::ops::Range;

use arrow_buffer::{BooleanBufferBuilder, MutableBuffer};

use super::check::MAX_TEXT;
use super::rows::{Nulls, Rows, with_rows};
use super::slice::{ColumnSlice, Selection, Values, dictionary_index};
use crate::copy::copy_short;
use crate::prefetch::prefetch;

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
        Values::Fixed { bytes, stride } => with_rows!(slice.selection, |at| {
            // The widths of the primitive types get loops of their own, so that each copy is one move.
            match (width, stride) {
                (1, 1) => elements::<1>(to, bytes, 1, at, rows),
                (2, 2) => elements::<2>(to, bytes, 2, at, rows),
                (4, 4) => elements::<4>(to, bytes, 4, at, rows),
                (8, 8) => elements::<8>(to, bytes, 8, at, rows),
                (16, 16) => elements::<16>(to, bytes, 16, at, rows),
                (1, _) => elements::<1>(to, bytes, stride, at, rows),
                (2, _) => elements::<2>(to, bytes, stride, at, rows),
                (4, _) => elements::<4>(to, bytes, stride, at, rows),
                (8, _) => elements::<8>(to, bytes, stride, at, rows),
                (16, _) => elements::<16>(to, bytes, stride, at, rows),
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

/// Rows between an element's prefetch and its copy.
const AHEAD: usize = 128;

/// Appends elements of `WIDTH` bytes, `stride` apart; inline, so that a stride known here is none to multiply by.
#[inline(always)]
fn elements<const WIDTH: usize>(
    to: &mut MutableBuffer,
    from: &[u8],
    stride: usize,
    at: impl Rows,
    rows: Range<usize>,
) {
    let (start, count) = (to.len(), rows.len());
    to.reserve(count * WIDTH);
    // SAFETY: the checks have seen every source index below the slice's length and the whole extent of
    // the elements inside `from`; `reserve` made room for `count` elements.
    unsafe {
        let mut out = to.as_mut_ptr().add(start).cast::<[u8; WIDTH]>();
        let at_source = |i: usize| from.as_ptr().add(i * stride).cast::<[u8; WIDTH]>();
        for eight in rows.clone().step_by(8).take(count / 8) {
            // A random element is rarely in the cache: those far ahead are on their way before their turn.
            if eight + AHEAD + 8 <= rows.end {
                at.sources(eight + AHEAD..eight + AHEAD + 8).for_each(|i| prefetch(at_source(i)));
            }
            for i in at.sources(eight..eight + 8) {
                out.write(at_source(i).read());
                out = out.add(1);
            }
        }
        for i in at.sources(rows.end - count % 8..rows.end) {
            out.write(at_source(i).read());
            out = out.add(1);
        }
        to.set_len(start + count * WIDTH);
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
            copy_short(text.as_ptr(), to.as_mut_ptr().add(len), text.len());
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
