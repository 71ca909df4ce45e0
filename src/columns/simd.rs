//! What the compiler's baseline has no instructions for: two loops of a selection with AVX2 where the CPU
//! has it. Elements are not gathered so: vector gathers were no faster than loads (Zen 5).

use std::ops::Range;

/// Work beside a gather, whose loads can wait for memory together with that one's.
pub trait Beside {
    /// Does it for eight rows from `first` on.
    ///
    /// # Safety
    /// That of the gather that calls it.
    unsafe fn eight(&self, first: usize);

    /// Does it for any others.
    ///
    /// # Safety
    /// That of the gather that calls it.
    unsafe fn rest(&self, rows: Range<usize>);
}

/// No work.
impl Beside for () {
    #[inline(always)]
    unsafe fn eight(&self, _: usize) {}

    #[inline(always)]
    unsafe fn rest(&self, _: Range<usize>) {}
}

/// Whether an index less `base` is not below `len`.
pub fn any_outside<const WIDTH: usize>(indices: &[[u8; WIDTH]], base: usize, len: usize) -> bool {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the CPU has AVX2.
        return unsafe { x86::any_outside(indices, base, len) };
    }
    any_outside_portable(indices, base, len)
}

#[inline(always)]
fn any_outside_portable<const WIDTH: usize>(indices: &[[u8; WIDTH]], base: usize, len: usize) -> bool {
    // No branch on the way, and no type wider than an index: vectors hold more of them.
    if WIDTH == 4 {
        // What an int32 can reach; an index below the base, or below 0, wraps to one beyond that.
        let len = len.min((1 << 31) - base) as u32;
        let source = |&le| u32::from_le_bytes(le).wrapping_sub(base as u32);
        // The largest: one instruction each. Of 64 bits, AVX2 has no such.
        indices.as_flattened().as_chunks().0.iter().map(source).max().is_some_and(|largest| largest >= len)
    } else {
        indices.as_flattened().as_chunks().0.iter().fold(false, |outside, &le| {
            outside | (u64::from_le_bytes(le).wrapping_sub(base as u64) >= len as u64)
        })
    }
}

/// Gathers the bits `offset + index - base` of `bitmap` for whole words of the indices of `rows`. Returns how many words those were: none where the CPU has no AVX2. Does work `beside`.
///
/// # Safety
/// Every index less `base` is a bit of `bitmap` from `offset` on, and one that `beside` may be called with.
pub unsafe fn gather_bits<const WIDTH: usize>(
    indices: &[[u8; WIDTH]],
    rows: Range<usize>,
    base: usize,
    (bitmap, offset): (&[u8], usize),
    to: &mut [u64],
    beside: &impl Beside,
) -> usize {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && (4..1 << 29).contains(&bitmap.len()) {
        // SAFETY: the CPU has AVX2, the bitmap's bits are counted in 32 bits; the rest is the caller's promise.
        return unsafe { x86::gather_bits(indices, rows, base, (bitmap, offset), to, beside) };
    }
    let _ = (indices, rows, base, bitmap, offset, to, beside);
    0
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;
    use std::ops::Range;

    use super::Beside;

    #[target_feature(enable = "avx2")]
    pub fn any_outside<const WIDTH: usize>(indices: &[[u8; WIDTH]], base: usize, len: usize) -> bool {
        super::any_outside_portable(indices, base, len)
    }

    /// # Safety
    /// As [`super::gather_bits`], and `bitmap` has 4 bytes to 2^29 - 1.
    #[target_feature(enable = "avx2")]
    pub unsafe fn gather_bits<const WIDTH: usize>(
        indices: &[[u8; WIDTH]],
        rows: Range<usize>,
        base: usize,
        (bitmap, offset): (&[u8], usize),
        to: &mut [u64],
        beside: &impl Beside,
    ) -> usize {
        let first = _mm256_set1_epi32(offset.wrapping_sub(base) as i32);
        // A load of four bytes ends inside the bitmap: the last bits come from higher in an earlier one.
        let last = _mm256_set1_epi32((bitmap.len() - 4) as i32);
        let mut words = 0;
        for (indices, word) in indices[rows.clone()].as_chunks::<64>().0.iter().zip(to) {
            // Not in `to`: what `beside` writes could be there, as far as the compiler knows.
            let mut bits = 0;
            for (i, eight) in indices.as_chunks::<8>().0.iter().enumerate() {
                let bit = _mm256_add_epi32(low_halves(eight), first);
                let byte = _mm256_min_epi32(_mm256_srli_epi32::<3>(bit), last);
                // SAFETY: four bytes from `byte` lie inside the bitmap.
                let loaded = unsafe { _mm256_i32gather_epi32::<1>(bitmap.as_ptr().cast(), byte) };
                // SAFETY: the caller's promise.
                unsafe { beside.eight(rows.start + 64 * words + 8 * i) };
                // Its bit to the top of each, where the mask of a vector is taken from.
                let below = _mm256_sub_epi32(bit, _mm256_slli_epi32::<3>(byte));
                let top = _mm256_sllv_epi32(loaded, _mm256_sub_epi32(_mm256_set1_epi32(31), below));
                let mask = _mm256_movemask_ps(_mm256_castsi256_ps(top)) as u32;
                bits |= u64::from(mask) << (8 * i);
            }
            *word = bits;
            words += 1;
        }
        words
    }

    /// The low 32 bits of eight indices.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn low_halves<const WIDTH: usize>(indices: &[[u8; WIDTH]; 8]) -> __m256i {
        let at: *const __m256i = indices.as_ptr().cast();
        // SAFETY: eight indices of 4 bytes are one vector, of 8 bytes two.
        unsafe {
            let first = _mm256_loadu_si256(at);
            if WIDTH == 4 {
                return first;
            }
            let second = _mm256_loadu_si256(at.add(1));
            let mixed =
                _mm256_shuffle_ps::<0b10_00_10_00>(_mm256_castsi256_ps(first), _mm256_castsi256_ps(second));
            _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_castps_si256(mixed))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use proptest::prelude::*;

    #[derive(Default)]
    struct Calls(RefCell<Vec<usize>>);

    impl Beside for Calls {
        unsafe fn eight(&self, first: usize) {
            self.0.borrow_mut().push(first);
        }

        unsafe fn rest(&self, _: Range<usize>) {}
    }

    /// `any_outside` and `gather_bits` of indices of either width against one look at a time.
    fn matches_naive<const WIDTH: usize>(
        sources: &[usize],
        base: usize,
        bitmap: &[u8],
        offset: usize,
        len: usize,
    ) {
        let le = |i: usize| -> [u8; WIDTH] { (i as u64).to_le_bytes()[..WIDTH].try_into().unwrap() };
        let mut indices: Vec<_> = sources.iter().map(|i| le(i + base)).collect();
        let mut words = vec![!0; sources.len().div_ceil(64)];
        let beside = Calls::default();
        // SAFETY: every source is a bit from `offset` on.
        let done =
            unsafe { gather_bits(&indices, 0..indices.len(), base, (bitmap, offset), &mut words, &beside) };
        assert!(done * 64 <= sources.len());
        assert!(beside.0.into_inner().into_iter().eq((0..done * 64).step_by(8)));
        for (row, i) in sources[..done * 64].iter().enumerate() {
            let bit = offset + i;
            assert_eq!(
                words[row / 64] >> (row % 64) & 1,
                u64::from(bitmap[bit / 8] >> (bit % 8) & 1),
                "{row}"
            );
        }
        assert!(!any_outside(&indices, base, len));
        for bad in [le(base.wrapping_sub(1)), le(base + len), le(1 << (8 * WIDTH - 1)), le(usize::MAX)] {
            let middle = indices.len() / 2;
            let good = std::mem::replace(&mut indices[middle], bad);
            assert!(any_outside(&indices, base, len), "{bad:?}");
            assert!(any_outside_portable(&indices, base, len), "{bad:?}");
            indices[middle] = good;
        }
        // No source of 32 bits is longer than its indices reach.
        assert!(any_outside(&[le(1 << (8 * WIDTH - 1))], base, usize::MAX >> 1));
    }

    proptest! {
        #[test]
        fn vectors_do_what_single_looks_do(
            bitmap in prop::collection::vec(any::<u8>(), 1..80),
            picks in prop::collection::vec(any::<prop::sample::Index>(), 1..300),
            offset in 0..8usize,
            base in 0..2usize,
        ) {
            let len = bitmap.len() * 8 - offset;
            let sources: Vec<_> = picks.iter().map(|pick| pick.index(len)).collect();
            matches_naive::<4>(&sources, base, &bitmap, offset, len);
            matches_naive::<8>(&sources, base, &bitmap, offset, len);
        }
    }
}
