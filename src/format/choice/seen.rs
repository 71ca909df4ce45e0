//! Which values of a sample are the same.

use std::cell::RefCell;

use crate::format::pages::spread;

/// Places of values by their keys, which a thread keeps from one sample to the next: fresh memory for each, or to
/// forget every value of the one before, would cost as much as to look at them.
struct Seen {
    slots: Vec<Slot>,
    /// Parts so far, of all samples.
    parts: u32,
}

#[derive(Clone, Copy)]
struct Slot {
    key: u64,
    index: u32,
    /// The latest part that had the key, if it is one of the sample's.
    part: u32,
}

/// In use for no part: those count from 1.
const EMPTY: Slot = Slot { key: 0, index: 0, part: 0 };

/// What is the same in a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Same {
    /// Values that differ, and the bytes of all these.
    pub distinct: usize,
    pub bytes: usize,
    /// Values that differ from all before them in their part of the sample.
    pub drawn: usize,
}

thread_local! {
    static SEEN: RefCell<Seen> = const { RefCell::new(Seen { slots: Vec::new(), parts: 0 }) };
}

/// Looks at a sample of so many values, each a key, which no other value has, and its bytes; in so many parts that are
/// as long as one another. Appends to `indices` which of those that differ each is.
pub fn find_same(
    values: usize,
    parts: usize,
    keys: impl Iterator<Item = (u64, usize)>,
    indices: &mut Vec<u32>,
) -> Same {
    indices.reserve(values);
    SEEN.with_borrow_mut(|seen| seen.find(values, parts, keys, indices))
}

impl Seen {
    fn find(
        &mut self,
        values: usize,
        parts: usize,
        keys: impl Iterator<Item = (u64, usize)>,
        indices: &mut Vec<u32>,
    ) -> Same {
        let slots = (2 * values).next_power_of_two();
        if self.slots.len() < slots || self.parts > u32::MAX / 2 {
            self.slots = vec![EMPTY; slots];
            self.parts = 0;
        }
        let slots = &mut self.slots[..slots];
        let (before, mut same, mut left) = (self.parts, Same::default(), 0);
        for (key, bytes) in keys {
            if left == 0 {
                (self.parts, left) = (self.parts + 1, values.div_ceil(parts));
            }
            left -= 1;
            let slot = slot_of(slots, key, before);
            if slot.part <= before {
                *slot = Slot { key, index: same.distinct as u32, part: before };
                same.distinct += 1;
                same.bytes += bytes;
            }
            same.drawn += usize::from(slot.part != self.parts);
            slot.part = self.parts;
            indices.push(slot.index);
        }
        same
    }
}

/// The slot of a key, or one that is free: half of them are. Those of earlier samples are.
#[inline(always)]
fn slot_of(slots: &mut [Slot], key: u64, before: u32) -> &mut Slot {
    let mask = slots.len() - 1;
    let mut at = spread(key) as usize & mask;
    while slots[at].part > before && slots[at].key != key {
        at = (at + 1) & mask;
    }
    &mut slots[at]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    proptest! {
        #[test]
        fn those_that_are_the_same_have_one_index(
            samples in prop::collection::vec((1usize..9, prop::collection::vec(0u64..60, 0..200)), 1..5),
        ) {
            for (parts, values) in samples {
                let keys = values.iter().map(|&key| (key, key as usize));
                let mut indices = Vec::new();
                let same = find_same(values.len(), parts, keys, &mut indices);
                let distinct = |values: &[u64]| values.iter().copied().collect::<HashSet<_>>();
                let all = distinct(&values);
                let len = values.len().div_ceil(parts).max(1);
                let drawn = values.chunks(len).map(|part| distinct(part).len()).sum();
                let bytes = all.iter().sum::<u64>() as usize;
                prop_assert_eq!(same, Same { distinct: all.len(), bytes, drawn });
                let mut firsts = Vec::new();
                for (&value, &index) in values.iter().zip(&indices) {
                    if index as usize == firsts.len() {
                        firsts.push(value);
                    }
                    prop_assert_eq!(firsts[index as usize], value);
                }
                prop_assert_eq!(firsts.len(), all.len());
            }
        }
    }
}
