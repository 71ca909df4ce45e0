//! Copies of a few bytes, on the two paths where a call of `memcpy` costs as much as the copy: records
//! into a lane, short texts into a window.

use crate::prefetch::prefetch_write;

/// Eight bytes of any alignment.
#[derive(Clone, Copy)]
#[repr(C, packed)]
struct Word(u64);

/// Lengths that [`copy_fresh`] copies.
pub const FRESH: std::ops::RangeInclusive<usize> = 8..=512;

/// Bytes of a cache line.
const LINE: usize = 64;

/// Bytes that [`copy_fresh`] loads in words at most.
const IN_WORDS: usize = 128;

/// Copies `len` bytes that were written a moment ago, field by field, inline: few of them in loads of eight bytes. A
/// wider one would span several of the fields' stores, which the CPU cannot forward to it, and would wait until they
/// have reached the cache; of many bytes, the loads wait together. Lines that are `AHEAD` bytes further, which later
/// copies fill, are on their way meanwhile.
///
/// # Safety
/// `from` is readable and `to` writable for `len` bytes, they do not overlap, and `len` is one of [`FRESH`].
#[inline(always)]
pub unsafe fn copy_fresh<const AHEAD: usize>(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: every move stays inside `len` bytes: of a line where there is a whole one, of words in what is left.
    unsafe {
        let whole = len - len % LINE;
        let mut at = 0;
        while at < whole {
            prefetch_write::<AHEAD>(to.wrapping_add(at));
            if len > IN_WORDS {
                to.add(at).cast::<[u8; LINE]>().write(from.add(at).cast::<[u8; LINE]>().read());
            } else {
                (at..at + LINE).step_by(16).for_each(|at| copy_pair(from.add(at), to.add(at)));
            }
            at += LINE;
        }
        if at == len {
            return;
        }
        prefetch_write::<AHEAD>(to.wrapping_add(at));
        while at + 8 <= len {
            copy_word(from.add(at), to.add(at));
            at += 8;
        }
        if at < len {
            copy_word(from.add(len - 8), to.add(len - 8));
        }
    }
}

/// A word, by itself: volatile, lest the compiler join it with the next.
///
/// # Safety
/// `from` is readable and `to` writable for eight bytes.
#[inline(always)]
unsafe fn copy_word(from: *const u8, to: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { to.cast::<Word>().write(from.cast::<Word>().read_volatile()) }
}

/// Two words, which are stored at once: the CPU holds a store until its line has come, and only so many of them.
///
/// # Safety
/// `from` is readable and `to` writable for sixteen bytes.
#[inline(always)]
unsafe fn copy_pair(from: *const u8, to: *mut u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the caller's promise, and every x86-64 CPU has SSE2.
    unsafe {
        use std::arch::x86_64::{_mm_set_epi64x, _mm_storeu_si128};
        let [first, second] = [from, from.add(8)].map(|from| from.cast::<Word>().read_volatile().0 as i64);
        _mm_storeu_si128(to.cast(), _mm_set_epi64x(second, first));
    }
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: as above.
    unsafe {
        copy_word(from, to);
        copy_word(from.add(8), to.add(8));
    }
}

/// Copies `len` bytes: up to 128 in moves of fixed sizes that may overlap, inline, else by `memcpy`.
///
/// # Safety
/// `from` is readable and `to` writable for `len` bytes, and they do not overlap.
#[inline(always)]
pub unsafe fn copy_short(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: every move of each arm stays inside `len` bytes.
    unsafe {
        match len {
            0 => {}
            1..=3 => moves::<1, 3>(from, to, [0, len / 2, len - 1]),
            4..=16 => moves::<4, 4>(from, to, four_words(len)),
            17..=32 => moves::<16, 2>(from, to, [0, len - 16]),
            33..=64 => moves::<32, 2>(from, to, [0, len - 32]),
            65..=128 => moves::<64, 2>(from, to, [0, len - 64]),
            _ => copy_long(from, to, len),
        }
    }
}

/// Where four words of four bytes start that cover `len` bytes, which are 4 to 16: one path for all the lengths that
/// short texts mix, as a branch between them would often be predicted wrong.
#[inline(always)]
pub fn four_words(len: usize) -> [usize; 4] {
    let second = len / 8 * 4;
    [0, second, len - 4 - second, len - 4]
}

/// `COUNT` moves of `WIDTH` bytes each.
///
/// # Safety
/// As [`copy_short`], and each of the moves is inside `len` bytes.
#[inline(always)]
unsafe fn moves<const WIDTH: usize, const COUNT: usize>(from: *const u8, to: *mut u8, at: [usize; COUNT]) {
    // SAFETY: the caller's promise. All are read before any is written, in registers.
    unsafe {
        let moved = at.map(|at| from.add(at).cast::<[u8; WIDTH]>().read_unaligned());
        at.iter().zip(moved).for_each(|(&at, moved)| to.add(at).cast::<[u8; WIDTH]>().write_unaligned(moved));
    }
}

/// Out of line, so that the callers' short paths save no registers for it.
///
/// # Safety
/// As [`copy_short`].
#[cold]
#[inline(never)]
unsafe fn copy_long(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { std::ptr::copy_nonoverlapping(from, to, len) }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Copy = unsafe fn(*const u8, *mut u8, usize);

    unsafe fn fresh(from: *const u8, to: *mut u8, len: usize) {
        // SAFETY: the caller's promise.
        unsafe { copy_fresh::<0>(from, to, len) };
    }

    #[test]
    fn every_length_is_copied_and_nothing_else() {
        let from: Vec<u8> = (0..=255).cycle().take(600).collect();
        let both = |len| [Some(copy_short as Copy), FRESH.contains(&len).then_some(fresh as Copy)];
        for (len, copy) in
            (0..=530).flat_map(|len| both(len).into_iter().flatten().map(move |copy| (len, copy)))
        {
            let mut to = [0xee; 600];
            // SAFETY: both are longer.
            unsafe { copy(from.as_ptr().add(3), to.as_mut_ptr().add(5), len) };
            assert_eq!(to[5..5 + len], from[3..3 + len]);
            assert!(to[..5].iter().chain(&to[5 + len..]).all(|&b| b == 0xee), "{len}");
        }
    }
}
