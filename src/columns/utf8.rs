//! UTF-8 checks: short texts by words, long ones by SIMD.

use crate::copy::four_words;

/// Whether a text is UTF-8.
#[inline]
pub fn is_valid(text: &[u8]) -> bool {
    // Most short texts are ASCII, and a call costs more than looking at a few words, which may overlap.
    let high = match text.len() {
        0 => 0,
        len @ 1..=3 => u32::from(text[0] | text[len / 2] | text[len - 1]),
        len @ 4..=16 => four_words(len).iter().fold(0, |high, &at| {
            // SAFETY: four bytes from there are inside the text.
            high | unsafe { text.as_ptr().add(at).cast::<u32>().read_unaligned() }
        }),
        _ => !0,
    };
    if high & 0x8080_8080 == 0 {
        return true;
    }
    if text.len() < 64 {
        return text.is_ascii() || std::str::from_utf8(text).is_ok();
    }
    simdutf8::basic::from_utf8(text).is_ok()
}

/// Whether all texts between neighbouring `offsets` into `bytes` are UTF-8, in one look. False also if
/// that cannot be said so simply.
pub fn adjacent(bytes: &[u8], mut offsets: impl Iterator<Item = usize> + Clone) -> bool {
    let (Some(first), Some(last)) = (offsets.clone().next(), offsets.clone().last()) else { return true };
    let Some(all) = bytes.get(first..last) else { return false };
    if all.is_ascii() {
        return true;
    }
    // Valid as a whole, and no text starts inside a character.
    simdutf8::basic::from_utf8(all).is_ok()
        && offsets.all(|at| bytes.get(at).is_none_or(|byte| at >= last || byte & 0xc0 != 0x80))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_byte_of_any_length_is_overlooked() {
        for len in 0..100 {
            let mut text = vec![b'a'; len];
            assert!(is_valid(&text), "{len}");
            for at in 0..len {
                text[at] = 0xff;
                assert!(!is_valid(&text), "{at} of {len}");
                text[at] = b'a';
            }
        }
    }

    proptest! {
        #[test]
        fn adjacent_texts_are_valid_if_each_is(
            texts in prop::collection::vec(
                prop_oneof![
                    "\\PC{0,9}".prop_map(String::into_bytes),
                    prop::collection::vec(any::<u8>(), 0..4),
                    Just("é".as_bytes()[..1].to_vec()),
                    Just("é".as_bytes()[1..].to_vec()),
                ],
                0..8,
            )
        ) {
            let bytes = texts.concat();
            let mut offsets = vec![0];
            offsets.extend(texts.iter().scan(0, |end, text| { *end += text.len(); Some(*end) }));
            let each = texts.iter().all(|text| std::str::from_utf8(text).is_ok());
            prop_assert_eq!(adjacent(&bytes, offsets.into_iter()), each);
            prop_assert_eq!(texts.iter().all(|text| is_valid(text)), each);
        }
    }
}
