//! The growing validity bitmap of one column inside the coalesce window.

use std::ops::Range;

use arrow_buffer::{BooleanBufferBuilder, Buffer, ToByteSlice};

use super::rows::Nulls;

/// Made at the first null, so that columns without one pay nothing.
#[derive(Debug, Default)]
pub struct ValidityBuffer {
    bits: Option<BooleanBufferBuilder>,
    len: usize,
    /// Elements of the window before: what this one will need, perhaps.
    expected: usize,
}

impl ValidityBuffer {
    /// Elements spoken of so far.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Elements of the window before.
    pub fn expected(&self) -> usize {
        self.expected
    }

    /// Lets the next window begin without room for as much as the one before.
    pub fn expect_little(&mut self) {
        self.expected = 0;
    }

    /// Appends that of `rows`. Returns whether there may be a null among them.
    pub fn append(&mut self, nulls: &Nulls<'_>, rows: Range<usize>) -> bool {
        if !nulls.may_be_any(rows.clone()) {
            if let Some(bits) = &mut self.bits {
                bits.append_n(rows.len(), true);
            }
            self.len += rows.len();
            return false;
        }
        if let Some((bitmap, bits)) = nulls.bitmap(rows.clone()) {
            self.backfilled(rows.len()).append_packed_range(bits, bitmap);
            self.len += rows.len();
            return true;
        }
        let mut any = false;
        nulls.words(rows, |words, count| any |= self.append_words(words, count));
        any
    }

    /// Appends the first `count` bits of `words`. Returns whether there is a null among them.
    pub fn append_words(&mut self, words: &[u64], count: usize) -> bool {
        let any = words.iter().map(|word| word.count_ones() as usize).sum::<usize>() < count;
        if any || self.bits.is_some() {
            self.backfilled(count).append_packed_range(0..count, words.to_byte_slice());
        }
        self.len += count;
        any
    }

    fn backfilled(&mut self, more: usize) -> &mut BooleanBufferBuilder {
        let (len, expected) = (self.len, self.expected);
        self.bits.get_or_insert_with(|| {
            let mut bits = BooleanBufferBuilder::new(expected.max(len + more));
            bits.append_n(len, true);
            bits
        })
    }

    /// The bitmap, if there was a null; empty afterwards.
    pub fn take(&mut self) -> Option<Buffer> {
        self.expected = std::mem::take(&mut self.len);
        self.bits.take().map(|mut bits| bits.finish().into_inner())
    }

    /// Forgets the elements from `len` on, none of which is null.
    pub fn truncate(&mut self, len: usize) {
        self.len = len;
    }
}
