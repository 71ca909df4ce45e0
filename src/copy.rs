//! Copies of a few bytes, on the two paths where a call of `memcpy` costs as much as the copy: records
//! into a lane, short texts into a window.

/// Eight bytes of any alignment.
#[derive(Clone, Copy)]
#[repr(C, packed)]
struct Word(u64);

/// Lengths that [`copy_fresh`] copies.
pub const FRESH: std::ops::RangeInclusive<usize> = 8..=512;

/// Copies `len` bytes that were written a moment ago, field by field: in words of eight bytes, inline. A wider load
/// would span several of the fields' stores, which the CPU cannot forward to it, and would wait until they have
/// reached the cache. Volatile, lest the compiler make it wide again.
///
/// # Safety
/// `from` is readable and `to` writable for `len` bytes, they do not overlap, and `len` is one of [`FRESH`].
#[inline(always)]
pub unsafe fn copy_fresh(from: *const u8, to: *mut u8, len: usize) {
    let word = |at: usize| {
        // SAFETY: eight bytes at `at` lie inside `len`.
        unsafe { to.add(at).cast::<Word>().write(from.add(at).cast::<Word>().read_volatile()) }
    };
    let mut at = 0;
    while at + 64 <= len {
        (0..8).for_each(|i| word(at + 8 * i));
        at += 64;
    }
    while at + 8 <= len {
        word(at);
        at += 8;
    }
    if at < len {
        word(len - 8);
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
            1..=3 => (0..len).for_each(|i| *to.add(i) = *from.add(i)),
            4..=7 => ends::<4>(from, to, len),
            8..=16 => ends::<8>(from, to, len),
            17..=32 => ends::<16>(from, to, len),
            33..=64 => ends::<32>(from, to, len),
            65..=128 => ends::<64>(from, to, len),
            _ => copy_long(from, to, len),
        }
    }
}

/// The first `WIDTH` bytes and the last.
///
/// # Safety
/// As [`copy_short`], and `len` is `WIDTH` to twice that.
#[inline(always)]
unsafe fn ends<const WIDTH: usize>(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise. Both are read before either is written, in registers.
    unsafe {
        let first = from.cast::<[u8; WIDTH]>().read_unaligned();
        let last = from.add(len - WIDTH).cast::<[u8; WIDTH]>().read_unaligned();
        to.cast::<[u8; WIDTH]>().write_unaligned(first);
        to.add(len - WIDTH).cast::<[u8; WIDTH]>().write_unaligned(last);
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

    #[test]
    fn every_length_is_copied_and_nothing_else() {
        let from: Vec<u8> = (0..=255).cycle().take(600).collect();
        let both = |len| [Some(copy_short as Copy), FRESH.contains(&len).then_some(copy_fresh as Copy)];
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
