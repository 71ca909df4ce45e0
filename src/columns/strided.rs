//! Rows to columns: elements that lie at one distance, as the fields of records do. One load and one store a value:
//! 8 x 8 transposes of AVX-512 registers were no faster (Zen 5), as the memory written to is what is waited for.

use std::ops::Range;

use arrow_buffer::MutableBuffer;

use crate::prefetch::prefetch_write;

/// Bytes of records whose columns are copied one after the other: all but the first find them in the L1 cache.
const TILE: usize = 32 << 10;

/// Bytes between the prefetch of where an element goes and its copy: a column's next tile, which the CPU does not
/// foresee, as the other columns are written before it.
const WRITE_AHEAD: usize = 4096;

/// `rows` in runs, if the columns of some are `stride` bytes apart: of so many that the L1 cache holds them.
pub fn tiles(stride: Option<usize>, rows: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    // Whole words of validity.
    let step = stride.map_or(rows.len(), |stride| (TILE / stride).next_multiple_of(64)).max(64);
    let end = rows.end;
    rows.step_by(step).map(move |row| row..end.min(row + step))
}

/// Appends elements `rows` of `width` bytes.
pub fn fixed(to: &mut MutableBuffer, bytes: &[u8], stride: usize, width: usize, rows: Range<usize>) {
    // The widths of the primitive types get loops of their own, so that each copy is one move.
    match width {
        1 => elements::<1>(to, bytes, stride, rows),
        2 => elements::<2>(to, bytes, stride, rows),
        4 => elements::<4>(to, bytes, stride, rows),
        8 => elements::<8>(to, bytes, stride, rows),
        16 => elements::<16>(to, bytes, stride, rows),
        _ => rows.for_each(|row| to.extend_from_slice(&bytes[row * stride..][..width])),
    }
}

fn elements<const WIDTH: usize>(to: &mut MutableBuffer, bytes: &[u8], stride: usize, rows: Range<usize>) {
    let Some(last) = rows.clone().next_back() else { return };
    let from = bytes[rows.start * stride..last * stride + WIDTH].as_ptr();
    to.reserve(rows.len() * WIDTH);
    // SAFETY: the first element is at `from` and the last ends where the slice did; there is room for all.
    unsafe {
        let out: *mut [u8; WIDTH] = to.as_mut_ptr().add(to.len()).cast();
        let copy = |i: usize| out.add(i).write(from.add(i * stride).cast::<[u8; WIDTH]>().read());
        let whole = rows.len() - rows.len() % 8;
        for first in (0..whole).step_by(8) {
            prefetch_write::<WRITE_AHEAD>(out.wrapping_add(first).cast());
            (first..first + 8).for_each(copy);
        }
        (whole..rows.len()).for_each(copy);
        to.set_len(to.len() + rows.len() * WIDTH);
    }
}

/// Appends texts of `width` bytes without their padding, and their ends, if all are ASCII and of 16 bytes at most;
/// nothing if not. Returns whether they were.
pub fn ascii_texts(
    to: &mut MutableBuffer,
    ends: &mut MutableBuffer,
    (bytes, stride, width): (&[u8], usize, usize),
    rows: Range<usize>,
) -> bool {
    match width {
        0..=8 => ascii_words::<8>(to, ends, (bytes, stride, width), rows),
        9..=16 => ascii_words::<16>(to, ends, (bytes, stride, width), rows),
        _ => false,
    }
}

fn ascii_words<const BYTES: usize>(
    to: &mut MutableBuffer,
    ends: &mut MutableBuffer,
    (bytes, stride, width): (&[u8], usize, usize),
    rows: Range<usize>,
) -> bool {
    let (start, count) = (to.len(), ends.len() / 4);
    to.reserve(rows.len() * BYTES);
    ends.resize((count + rows.len()) * 4, 0);
    // SAFETY: there is room for `BYTES` bytes a text.
    let mut out = unsafe { to.as_mut_ptr().add(start) };
    let (mut len, mut seen) = (start, 0);
    for (row, end) in rows.zip(&mut ends.typed_data_mut::<i32>()[count..]) {
        let word = text_word::<BYTES>(bytes, row * stride, width);
        // SAFETY: as above; `len` grows by `BYTES` at most.
        unsafe { out.copy_from_nonoverlapping(word.to_le_bytes().as_ptr(), BYTES) };
        let text = text_len(word);
        len += text;
        // SAFETY: as above.
        out = unsafe { out.add(text) };
        *end = len as i32;
        seen |= word;
    }
    let is_ascii = seen & u128::from_le_bytes([0x80; 16]) == 0;
    if is_ascii {
        // SAFETY: written above.
        unsafe { to.set_len(len) };
    } else {
        ends.truncate(count * 4);
    }
    is_ascii
}

/// The `width` bytes at `at`, the first lowest; reads `BYTES` where there are.
#[inline(always)]
fn text_word<const BYTES: usize>(bytes: &[u8], at: usize, width: usize) -> u128 {
    let mut le = [0; 16];
    match bytes[at..].first_chunk::<BYTES>() {
        Some(word) => le[..BYTES].copy_from_slice(word),
        None => le[..width].copy_from_slice(&bytes[at..][..width]),
    }
    u128::from_le_bytes(le) & u128::MAX.checked_shr(128 - 8 * width as u32).unwrap_or(0)
}

/// The bytes up to the last that is neither a space nor a NUL, which differ in one bit.
#[inline(always)]
fn text_len(word: u128) -> usize {
    let others = word & !u128::from_le_bytes([b' '; 16]);
    (128 - others.leading_zeros() as usize).div_ceil(8)
}

#[cfg(test)]
mod tests {
    use super::super::slice::Values;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn elements_are_those_at_the_stride(
            bytes in prop::collection::vec(any::<u8>(), 0..2000),
            width in 1..=20usize,
            gap in 0..80usize,
            from in 0..4usize,
        ) {
            let stride = width + gap;
            let rows = (bytes.len() + gap) / stride;
            let rows = from.min(rows)..rows;
            let mut to = MutableBuffer::from(vec![7u8, 7]);
            fixed(&mut to, &bytes, stride, width, rows.clone());
            let expected = rows.flat_map(|row| &bytes[row * stride..][..width]);
            prop_assert!(to.iter().eq([7, 7].iter().chain(expected)));
        }

        #[test]
        fn texts_are_those_of_one_look_at_a_time(
            text in "[ -~\0 ]{0,600}",
            odd in prop::option::of(any::<prop::sample::Index>()),
            width in 1..=17usize,
            gap in 0..20usize,
        ) {
            let mut bytes = text.into_bytes();
            let stride = width + gap;
            let rows = 0..(bytes.len() + gap) / stride;
            if let Some(odd) = odd && !rows.is_empty() {
                bytes[odd.index(rows.len()) * stride] |= 0x80;
            }
            let (mut to, mut ends) = (MutableBuffer::from(vec![7u8]), MutableBuffer::from(vec![1u8, 0, 0, 0]));
            let (mut texts, mut expected) = (vec![7u8], vec![1i32]);
            let appended = ascii_texts(&mut to, &mut ends, (&bytes, stride, width), rows.clone());
            prop_assert_eq!(appended, width <= 16 && (odd.is_none() || rows.is_empty()));
            if appended {
                for row in rows {
                    texts.extend(Values::PaddedText { bytes: &bytes, stride, width }.text(row));
                    expected.push(texts.len() as i32);
                }
            }
            prop_assert_eq!(to.as_slice(), &texts);
            prop_assert_eq!(ends.typed_data::<i32>(), &expected);
        }

        #[test]
        fn tiles_are_all_rows_in_order(start in 0..100usize, len in 0..5000usize, stride in 1..200_000usize) {
            let rows = start..start + len;
            prop_assert!(tiles(Some(stride), rows.clone()).flatten().eq(rows.clone()));
            prop_assert!(tiles(None, rows.clone()).eq((len > 0).then_some(rows)));
        }
    }
}
