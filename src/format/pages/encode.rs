//! Encodings of numbers (Parquet Encodings.md) that need no memory of what came before.

use super::hybrid::put_varint;
use super::number::Number;
use super::pack::{GROUP, pack};
use super::vectors::with_vectors;

/// BYTE_STREAM_SPLIT: all first bytes, all second bytes, and so on.
pub fn put_split<T: Number>(out: &mut Vec<u8>, numbers: &[T]) {
    let (start, count) = (out.len(), numbers.len());
    out.resize(start + count * T::WIDTH, 0);
    let mut streams: Vec<&mut [u8]> = out[start..].chunks_mut(count.max(1)).collect();
    let (eights, rest) = numbers.as_chunks::<8>();
    for (i, eight) in eights.iter().enumerate() {
        // Eight numbers at a time: what goes to one stream is one store.
        let bits = eight.map(Number::bits);
        for (byte, stream) in streams.iter_mut().enumerate() {
            let mut column = [0; 8];
            for (at, bits) in column.iter_mut().zip(bits) {
                *at = (bits >> (8 * byte)) as u8;
            }
            stream[8 * i..8 * i + 8].copy_from_slice(&column);
        }
    }
    for (i, number) in rest.iter().enumerate() {
        for (byte, stream) in streams.iter_mut().enumerate() {
            stream[8 * eights.len() + i] = (number.bits() >> (8 * byte)) as u8;
        }
    }
}

/// What each number of a block is more than the one before it, less the least of these, which is returned.
fn deltas<T: Number>(before: &[T], block: &[T], more: &mut [u64; BLOCK]) -> T {
    with_vectors!(deltas_portable::<T: Number>(before: &[T], block: &[T], more: &mut [u64; BLOCK]) -> T)
}

#[inline(always)]
fn deltas_portable<T: Number>(before: &[T], block: &[T], more: &mut [u64; BLOCK]) -> T {
    let mut deltas = [T::default(); BLOCK];
    for ((delta, number), before) in deltas.iter_mut().zip(block).zip(before) {
        // Wrapping, as the format says.
        *delta = T::of(number.bits().wrapping_sub(before.bits()));
    }
    // A short block has no others: they repeat its first, which costs no bits.
    let first = deltas[0];
    deltas[block.len()..].fill(first);
    let least = deltas.iter().fold(first.signed(), |least, delta| least.min(delta.signed()));
    let least = T::of_signed(least);
    for (more, delta) in more.iter_mut().zip(&deltas) {
        *more = T::of(delta.bits().wrapping_sub(least.bits())).bits();
    }
    least
}

/// Values of a block of DELTA_BINARY_PACKED, and of each of its miniblocks.
const BLOCK: usize = 128;
const MINIBLOCK: usize = GROUP;

/// DELTA_BINARY_PACKED.
pub fn put_delta<T: Number>(out: &mut Vec<u8>, numbers: &[T]) {
    put_varint(out, BLOCK as u64);
    put_varint(out, (BLOCK / MINIBLOCK) as u64);
    put_varint(out, numbers.len() as u64);
    let extend = |number: T| number.bits() << (64 - 8 * T::WIDTH) as u32;
    let widen = |number: T| extend(number) as i64 >> (64 - 8 * T::WIDTH) as u32;
    let zigzag = |value: i64| (value << 1 ^ value >> 63) as u64;
    let Some((&first, rest)) = numbers.split_first() else { return put_varint(out, 0) };
    put_varint(out, zigzag(widen(first)));
    let mut more = [0; BLOCK];
    for (block, before) in rest.chunks(BLOCK).zip(numbers.chunks(BLOCK)) {
        let least = deltas(before, block, &mut more);
        put_varint(out, zigzag(widen(least)));
        let used = block.len().div_ceil(MINIBLOCK);
        let (minis, _) = more.as_chunks::<MINIBLOCK>();
        let mut widths = [0; BLOCK / MINIBLOCK];
        for (width, mini) in widths.iter_mut().zip(minis) {
            *width = u64::BITS as u8 - mini.iter().fold(0, |any, &bits| any | bits).leading_zeros() as u8;
        }
        out.extend_from_slice(&widths);
        for (mini, &width) in minis[..used].iter().zip(&widths) {
            pack(out, mini, width.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn varint(from: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = from[0];
            *from = &from[1..];
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }

    /// Reads DELTA_BINARY_PACKED as the format describes it, a bit at a time.
    fn read_delta(mut from: &[u8]) -> Vec<u64> {
        let from = &mut from;
        let unzigzag = |z: u64| (z >> 1) as i64 ^ -((z & 1) as i64);
        let (block, minis, count) = (varint(from), varint(from) as usize, varint(from) as usize);
        let mut numbers = vec![unzigzag(varint(from)) as u64];
        while numbers.len() < count {
            let least = unzigzag(varint(from));
            let (widths, rest) = from.split_at(minis);
            *from = rest;
            for &width in widths {
                if numbers.len() >= count {
                    break;
                }
                let size = block as usize / minis;
                let bit = |i: usize| u64::from(from[i / 8] >> (i % 8) & 1);
                for i in 0..size {
                    let width = width as usize;
                    let delta = (0..width).fold(0, |delta, b| delta | bit(i * width + b) << b);
                    let last = numbers[numbers.len() - 1];
                    numbers.push(last.wrapping_add(least as u64).wrapping_add(delta));
                }
                *from = &from[size * width as usize / 8..];
            }
        }
        assert!(from.is_empty());
        numbers.truncate(count);
        numbers
    }

    proptest! {
        #[test]
        fn deltas_come_back(
            numbers in prop::collection::vec(prop_oneof![any::<u64>(), 0u64..100, Just(u64::MAX)], 1..400)
        ) {
            let mut out = Vec::new();
            put_delta(&mut out, &numbers);
            prop_assert_eq!(read_delta(&out), numbers.clone());
            let narrow: Vec<u32> = numbers.iter().map(|&n| n as u32).collect();
            let mut out = Vec::new();
            put_delta(&mut out, &narrow);
            let read: Vec<u32> = read_delta(&out).iter().map(|&n| n as u32).collect();
            prop_assert_eq!(read, narrow);
            for (block, before) in numbers[1..].chunks(BLOCK).zip(numbers.chunks(BLOCK)) {
                let (mut more, mut portably) = ([0; BLOCK], [0; BLOCK]);
                let least = deltas(before, block, &mut more);
                prop_assert_eq!(least, deltas_portable(before, block, &mut portably));
                prop_assert_eq!(more, portably);
            }
        }

        #[test]
        fn split_streams_are_the_bytes(numbers in prop::collection::vec(any::<u64>(), 0..50)) {
            let mut out = vec![7];
            put_split(&mut out, &numbers);
            let expected: Vec<u8> =
                (0..8).flat_map(|byte| numbers.iter().map(move |n| n.to_le_bytes()[byte])).collect();
            prop_assert_eq!(&out[1..], &expected[..]);
        }
    }
}
