//! Bit packing, least significant bit first, thirty-two numbers at a time: as DELTA_BINARY_PACKED's miniblocks
//! and the hybrid's groups have it.

/// Numbers that are packed at once.
pub const GROUP: usize = 32;

/// Appends the low `width` bits of each number: `4 * width` bytes.
pub fn pack(out: &mut Vec<u8>, numbers: &[u64; GROUP], width: u32) {
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

/// A loop that the compiler unrolls, so that every shift is a constant.
#[inline]
fn pack_as<const WIDTH: usize>(numbers: &[u64; GROUP], words: &mut [u64; GROUP]) {
    if WIDTH == 0 {
        return;
    }
    for (i, &number) in numbers.iter().enumerate() {
        let (word, shift) = (i * WIDTH / 64, i * WIDTH % 64);
        words[word] |= number << shift;
        if shift + WIDTH > 64 {
            words[word + 1] |= number >> (64 - shift);
        }
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
}
