//! The gather kernels: checked source elements into a growing buffer.

use std::ops::Range;

use arrow_buffer::{BooleanBufferBuilder, MutableBuffer};

use super::rows::{Nulls, Rows, with_rows};
use super::slice::{ColumnSlice, Selection, Values, dictionary_index};

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

/// Appends elements of `WIDTH` bytes, `stride` apart.
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
        let mut out = to.as_mut_ptr().add(start);
        for row in rows {
            let element = from.as_ptr().add(at.source(row) * stride);
            std::ptr::copy_nonoverlapping(element, out, WIDTH);
            out = out.add(WIDTH);
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

/// Appends the bytes of variable-length elements and, for each, their end as an int32 offset. Nulls are
/// empty. `replace` says what to do with a text before it is appended.
pub fn texts<'a>(
    to: &mut MutableBuffer,
    ends: &mut MutableBuffer,
    slice: &'a ColumnSlice<'a>,
    rows: Range<usize>,
    nulls: Option<&Nulls<'_>>,
    mut replace: impl FnMut(&'a [u8]) -> std::borrow::Cow<'a, [u8]>,
) {
    ends.reserve(rows.len() * 4);
    with_rows!(slice.selection, |at| {
        for row in rows {
            let i = at.source(row);
            if nulls.is_none_or(|nulls| nulls.is_valid(i)) {
                to.extend_from_slice(&replace(slice.values.text(i)));
            }
            ends.push(to.len() as i32);
        }
    });
}

/// Upper bound of the bytes that row `row` adds to a window's text. Null rows are the caller's to skip.
pub fn text_len(values: &Values<'_>, i: usize) -> usize {
    match *values {
        Values::Offsets { offsets, width, .. } => {
            (super::slice::offset(offsets, width, i + 1) - super::slice::offset(offsets, width, i)) as usize
        }
        Values::Pointers(pointers) => pointers.length(i).max(0) as usize,
        Values::Views { views, .. } => super::slice::view(views, i).parts().0.max(0) as usize,
        // U+FFFD is three bytes.
        Values::PaddedText { width, .. } => width * 3,
        Values::Dictionary { indices, width, values } => {
            text_len(&values.values, dictionary_index(indices, width, i) as usize)
        }
        Values::Fixed { .. } | Values::RataDie { .. } | Values::Bits { .. } => 0,
    }
}
