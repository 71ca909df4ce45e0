//! The RLE and bit-packing hybrid (Parquet Encodings.md, "Run Length Encoding / Bit-Packing Hybrid"), for
//! definition levels and dictionary indices.

use arrow_buffer::bit_chunk_iterator::UnalignedBitChunk;

use super::pack::pack_words;

/// Bits that hold every number up to `max`.
pub fn bit_width(max: u32) -> u32 {
    u32::BITS - max.leading_zeros()
}

pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// `count` times the same number of `width` bits.
fn put_run(out: &mut Vec<u8>, value: u32, count: usize, width: u32) {
    put_varint(out, (count as u64) << 1);
    out.extend_from_slice(&value.to_le_bytes()[..width.div_ceil(8) as usize]);
}

/// Numbers of one bit: `len` bits of `bits` from bit `offset` on; without a bitmap all are 1.
pub fn put_bits(out: &mut Vec<u8>, bits: Option<(&[u8], usize)>, len: usize) {
    let Some((bytes, offset)) = bits else { return put_run(out, 1, len, 1) };
    if UnalignedBitChunk::new(bytes, offset, len).count_ones() == len {
        return put_run(out, 1, len, 1);
    }
    let word = |i: usize| {
        let count = (len - i * 64).min(64);
        let start = offset + i * 64;
        let mut raw = [0; 9];
        let end = (start + count).div_ceil(8);
        raw[..end - start / 8].copy_from_slice(&bytes[start / 8..end]);
        let shift = start % 8;
        let low = u64::from_le_bytes([raw[0], raw[1], raw[2], raw[3], raw[4], raw[5], raw[6], raw[7]]);
        let word = if shift == 0 { low } else { low >> shift | u64::from(raw[8]) << (64 - shift) };
        word & u64::MAX >> (64 - count)
    };
    let words = len.div_ceil(64);
    let full = len / 64;
    let mut i = 0;
    while i < words {
        // Words of one kind of bit make a run; the others are the bits themselves.
        let first = word(i);
        let same = match first {
            0 | u64::MAX => (i..full).take_while(|&i| word(i) == first).count(),
            _ => 0,
        };
        if same > 0 {
            put_run(out, (first & 1) as u32, same * 64, 1);
            i += same;
            continue;
        }
        let mixed =
            (i..words).take_while(|&j| j == i || j >= full || !matches!(word(j), 0 | u64::MAX)).count();
        let packed = (len - i * 64).min(mixed * 64).div_ceil(8);
        put_varint(out, (packed as u64) << 1 | 1);
        (i..i + mixed).for_each(|i| out.extend_from_slice(&word(i).to_le_bytes()));
        out.truncate(out.len() - (mixed * 8 - packed));
        i += mixed;
    }
}

/// Numbers of `width` bits.
pub fn put_indices(out: &mut Vec<u8>, indices: &[u32], width: u32) {
    let rest = &indices[put_groups(out, indices, width)..];
    if !rest.is_empty() {
        put_varint(out, 1 << 1 | 1);
        pack_words(out, rest, width);
    }
}

/// Numbers of `width` bits, but for the last ones if they do not fill a group of eight, so that others can follow;
/// returns how many it has put.
pub fn put_groups(out: &mut Vec<u8>, indices: &[u32], width: u32) -> usize {
    let mut i = 0;
    while i < indices.len() {
        let run = run_at(indices, i);
        // Shorter runs cost more than their bits.
        if run >= 16 || i + run == indices.len() {
            put_run(out, indices[i], run, width);
            i += run;
            continue;
        }
        let mut end = i + 8;
        while end + 8 <= indices.len() && run_at(indices, end) < 16 {
            end += 8;
        }
        if end > indices.len() {
            break;
        }
        put_varint(out, ((end - i) as u64 / 8) << 1 | 1);
        pack_words(out, &indices[i..end], width);
        i = end;
    }
    i
}

/// How often the number at `i` comes from there on; 1 if the next sixteen are not the same.
fn run_at(indices: &[u32], i: usize) -> usize {
    let (value, next) = (indices[i], &indices[i..]);
    // No branch for each number: no CPU foretells them.
    let differs = |next: &[u32; 16]| next.iter().fold(0, |any, &index| any | (index ^ value)) != 0;
    match next.first_chunk() {
        Some(next) if differs(next) => 1,
        _ => next.iter().take_while(|&&index| index == value).count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads the hybrid as the format describes it, one number at a time.
    fn read(mut from: &[u8], width: u32, count: usize) -> Vec<u32> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            let (mut header, mut shift) = (0u64, 0);
            loop {
                let byte = from[0];
                from = &from[1..];
                header |= u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
            }
            let of = header >> 1;
            if header & 1 == 0 {
                let bytes = width.div_ceil(8) as usize;
                let value = (0..bytes).fold(0, |value, i| value | u32::from(from[i]) << (8 * i));
                numbers.extend(std::iter::repeat_n(value, of as usize));
                from = &from[bytes..];
            } else {
                let bytes = of as usize * width as usize;
                let bit = |i: usize| u32::from(from[i / 8] >> (i % 8) & 1);
                numbers.extend((0..of as usize * 8).map(|n| {
                    (0..width as usize).fold(0, |number, b| number | bit(n * width as usize + b) << b)
                }));
                from = &from[bytes..];
            }
        }
        assert!(numbers.len() < count + 8 && from.is_empty());
        numbers.truncate(count);
        numbers
    }

    proptest! {
        #[test]
        fn indices_come_back(
            width in 0u32..=32,
            runs in prop::collection::vec((any::<u32>(), prop_oneof![1usize..4, 1usize..60]), 0..40),
        ) {
            let mask = if width == 0 { 0 } else { u32::MAX >> (32 - width) };
            let indices: Vec<u32> =
                runs.iter().flat_map(|&(value, n)| std::iter::repeat_n(value & mask, n)).collect();
            let mut out = Vec::new();
            put_indices(&mut out, &indices, width);
            prop_assert_eq!(read(&out, width, indices.len()), indices);
        }

        #[test]
        fn indices_come_back_from_pieces(
            runs in prop::collection::vec((0u32..32, prop_oneof![1usize..4, 1usize..60]), 0..40),
            piece in 1usize..100,
        ) {
            let indices: Vec<u32> = runs.iter().flat_map(|&(value, n)| std::iter::repeat_n(value, n)).collect();
            let (mut out, mut rest) = (Vec::new(), Vec::new());
            for piece in indices.chunks(piece) {
                rest.extend_from_slice(piece);
                let put = put_groups(&mut out, &rest, 5);
                rest.drain(..put);
                prop_assert!(rest.len() < 8);
            }
            put_indices(&mut out, &rest, 5);
            prop_assert_eq!(read(&out, 5, indices.len()), indices);
        }

        #[test]
        fn bits_come_back(
            runs in prop::collection::vec((any::<bool>(), prop_oneof![1usize..4, 1usize..300]), 1..12),
            offset in 0usize..20,
        ) {
            let bits: Vec<bool> = runs.iter().flat_map(|&(bit, n)| std::iter::repeat_n(bit, n)).collect();
            let mut bytes = vec![0xa5; (offset + bits.len()).div_ceil(8)];
            for (i, &bit) in bits.iter().enumerate() {
                let (byte, mask) = ((offset + i) / 8, 1 << ((offset + i) % 8));
                if bit { bytes[byte] |= mask } else { bytes[byte] &= !mask }
            }
            let mut out = Vec::new();
            put_bits(&mut out, Some((&bytes, offset)), bits.len());
            let expected: Vec<u32> = bits.iter().map(|&bit| bit.into()).collect();
            prop_assert_eq!(read(&out, 1, bits.len()), expected);
        }
    }
}
