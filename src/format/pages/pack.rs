//! Bit packing, least significant bit first: as DELTA_BINARY_PACKED's miniblocks and the hybrid's groups have it.

/// Numbers that are packed at once.
pub const GROUP: usize = 32;

/// Appends numbers of `width` bits: `4 * width` bytes.
pub fn pack(out: &mut Vec<u8>, numbers: &[u64; GROUP], width: u32) {
    #[cfg(target_arch = "x86_64")]
    if octets::can(width) {
        let words = numbers.map(|number| number as u32);
        // SAFETY: as asked.
        return unsafe { octets::pack(out, words.as_chunks().0, width) };
    }
    pack_group(out, numbers, width);
}

/// Appends numbers of `width` bits, up to 32: `width` bytes for each eight, the last of which are filled up with 0.
pub fn pack_words(out: &mut Vec<u8>, numbers: &[u32], width: u32) {
    let end = out.len() + numbers.len().div_ceil(8) * width as usize;
    #[cfg(target_arch = "x86_64")]
    let numbers = if octets::can(width) {
        let (whole, rest) = numbers.as_chunks();
        // SAFETY: as asked.
        unsafe { octets::pack(out, whole, width) };
        rest
    } else {
        numbers
    };
    for numbers in numbers.chunks(GROUP) {
        let mut group = [0; GROUP];
        group.iter_mut().zip(numbers).for_each(|(to, &number)| *to = number.into());
        pack_group(out, &group, width);
    }
    out.truncate(end);
}

/// Eight numbers at a time.
#[cfg(target_arch = "x86_64")]
mod octets {
    use std::arch::x86_64::{
        _mm_cvtsi32_si128, _mm_cvtsi128_si64, _mm256_and_si256, _mm256_andnot_si256, _mm256_castsi256_si128,
        _mm256_extracti128_si256, _mm256_loadu_si256, _mm256_or_si256, _mm256_set_epi64x, _mm256_set1_epi64x,
        _mm256_sllv_epi64, _mm256_srl_epi64, _mm256_unpackhi_epi64,
    };

    /// Whether [`pack`] can take numbers of so many bits, on this CPU.
    pub fn can(width: u32) -> bool {
        (1..=16).contains(&width) && is_x86_feature_detected!("avx2")
    }

    /// Pairs of numbers become one each in 64 bits, then pairs of those; the two that are left are eight numbers.
    ///
    /// # Safety
    /// [`can`], and no number has more bits.
    #[target_feature(enable = "avx2")]
    pub unsafe fn pack(out: &mut Vec<u8>, octets: &[[u32; 8]], width: u32) {
        const WORD: usize = size_of::<u128>();
        out.reserve(octets.len() * width as usize + WORD);
        let low = _mm256_set1_epi64x(0xffff_ffff);
        let over = _mm_cvtsi32_si128(32 - width as i32);
        let places = _mm256_set_epi64x(2 * i64::from(width), 0, 2 * i64::from(width), 0);
        for octet in octets {
            // SAFETY: eight words are 32 bytes.
            let numbers = unsafe { _mm256_loadu_si256(octet.as_ptr().cast()) };
            let second = _mm256_srl_epi64(_mm256_andnot_si256(low, numbers), over);
            let pairs = _mm256_or_si256(_mm256_and_si256(low, numbers), second);
            let pairs = _mm256_sllv_epi64(pairs, places);
            let fours = _mm256_or_si256(pairs, _mm256_unpackhi_epi64(pairs, pairs));
            let first = _mm_cvtsi128_si64(_mm256_castsi256_si128(fours)) as u64;
            let second = _mm_cvtsi128_si64(_mm256_extracti128_si256::<1>(fours)) as u64;
            let eight = u128::from(first) | u128::from(second) << (4 * width);
            // SAFETY: there is room for all octets and one word, whose last bytes the next octet overwrites.
            unsafe {
                out.as_mut_ptr().add(out.len()).cast::<[u8; WORD]>().write(eight.to_le_bytes());
                out.set_len(out.len() + width as usize);
            }
        }
    }
}

/// Thirty-two numbers of any width.
fn pack_group(out: &mut Vec<u8>, numbers: &[u64; GROUP], width: u32) {
    let mut words = [0; GROUP];
    macro_rules! of_width {
        ($($width:literal)*) => {
            match width {
                $($width => pack_as::<$width>(numbers, &mut words),)*
                _ => pack_as::<64>(numbers, &mut words),
            }
        };
    }
    of_width!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37
        38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63);
    let bytes = 4 * width as usize;
    // SAFETY: `u64` has no padding, and there are 32 * 8 bytes, of which no width takes more.
    let packed = unsafe { std::slice::from_raw_parts(words.as_ptr().cast::<u8>(), size_of_val(&words)) };
    out.extend_from_slice(&packed[..bytes]);
}

/// Written out, as the compiler does not unroll such a loop: each shift is a constant so, and no word goes through
/// memory before it is whole.
fn pack_as<const WIDTH: usize>(numbers: &[u64; GROUP], words: &mut [u64; GROUP]) {
    let mut word = 0;
    macro_rules! each {
        ($($i:literal)*) => {$(
            let shift = $i * WIDTH % 64;
            word |= numbers[$i] << shift;
            if shift + WIDTH >= 64 {
                words[$i * WIDTH / 64] = word;
                word = if shift + WIDTH > 64 { numbers[$i] >> (64 - shift) } else { 0 };
            }
        )*};
    }
    each!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
    if WIDTH % 2 == 1 {
        words[WIDTH / 2] = word; // half of one
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bits_lie_one_after_another(numbers in prop::array::uniform32(any::<u64>()), width in 0u32..=64) {
            let numbers = numbers.map(|n| if width == 0 { 0 } else { n >> (64 - width) });
            for pack in [pack, pack_group] {
                let mut out = vec![1];
                pack(&mut out, &numbers, width);
                prop_assert_eq!(out.len(), 1 + 4 * width as usize);
                let bit = |i: usize| u64::from(out[1 + i / 8] >> (i % 8) & 1);
                for (i, &number) in numbers.iter().enumerate() {
                    let width = width as usize;
                    prop_assert_eq!((0..width).fold(0, |n, b| n | bit(i * width + b) << b), number);
                }
            }
        }

        #[test]
        fn words_are_packed_as_their_groups_are(
            words in prop::collection::vec(any::<u32>(), 0..200),
            width in 0u32..=32,
        ) {
            let words: Vec<u32> = words.iter().map(|w| (u64::from(*w) >> (32 - width)) as u32).collect();
            let (mut out, mut expected) = (vec![1], vec![1]);
            pack_words(&mut out, &words, width);
            let mut padded: Vec<u64> = words.iter().map(|&word| word.into()).collect();
            padded.resize(words.len().next_multiple_of(GROUP), 0);
            padded.as_chunks().0.iter().for_each(|group| pack_group(&mut expected, group, width));
            expected.truncate(1 + words.len().div_ceil(8) * width as usize);
            prop_assert_eq!(out, expected);
        }
    }
}
