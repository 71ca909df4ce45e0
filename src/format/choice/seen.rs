//! Which values of a sample are the same.

use std::cell::RefCell;

use crate::format::pages::spread;

/// Places of values by their keys, which a thread keeps from one sample to the next: fresh memory for each, or to
/// forget every value of the one before, would cost as much as to look at them.
struct Seen {
    slots: Vec<Slot>,
    /// Runs so far, of all samples.
    runs: u32,
}

#[derive(Clone, Copy)]
struct Slot {
    key: u64,
    index: u32,
    /// The latest run that had the key, if it is one of the sample's.
    run: u32,
}

/// In use for no run: those count from 1.
const EMPTY: Slot = Slot { key: 0, index: 0, run: 0 };

/// What is the same in a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Same {
    /// Values that differ, and the bytes of all these.
    pub distinct: usize,
    pub bytes: usize,
    /// Values that differ from all before them in their run.
    pub drawn: usize,
}

thread_local! {
    static SEEN: RefCell<Seen> = const { RefCell::new(Seen { slots: Vec::new(), runs: 0 }) };
}

/// Looks at a sample of so many values, in runs; each is a key, which no other value has, and has so many bytes.
/// Appends to `indices` which of those that differ each is.
pub fn find_same(
    values: usize,
    runs: impl Iterator<Item = impl Iterator<Item = (u64, usize)>>,
    indices: &mut Vec<u32>,
) -> Same {
    indices.reserve(values);
    SEEN.with_borrow_mut(|seen| seen.find(values, runs, indices))
}

impl Seen {
    fn find(
        &mut self,
        values: usize,
        runs: impl Iterator<Item = impl Iterator<Item = (u64, usize)>>,
        indices: &mut Vec<u32>,
    ) -> Same {
        let slots = (2 * values).next_power_of_two();
        if self.slots.len() < slots || self.runs > u32::MAX / 2 {
            self.slots = vec![EMPTY; slots];
            self.runs = 0;
        }
        let slots = &mut self.slots[..slots];
        let (before, mut same) = (self.runs, Same::default());
        for run in runs {
            self.runs += 1;
            for (key, bytes) in run {
                let slot = slot_of(slots, key, before);
                if slot.run <= before {
                    *slot = Slot { key, index: same.distinct as u32, run: before };
                    same.distinct += 1;
                    same.bytes += bytes;
                }
                same.drawn += usize::from(slot.run != self.runs);
                slot.run = self.runs;
                indices.push(slot.index);
            }
        }
        same
    }
}

/// The slot of a key, or one that is free: half of them are. Those of earlier runs are.
#[inline(always)]
fn slot_of(slots: &mut [Slot], key: u64, before: u32) -> &mut Slot {
    let mask = slots.len() - 1;
    let mut at = spread(key) as usize & mask;
    while slots[at].run > before && slots[at].key != key {
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
            samples in prop::collection::vec(prop::collection::vec(prop::collection::vec(0u64..60, 0..40), 0..5), 1..5),
        ) {
            for sample in samples {
                let values: Vec<u64> = sample.concat();
                let runs = sample.iter().map(|run| run.iter().map(|&key| (key, key as usize)));
                let mut indices = Vec::new();
                let same = find_same(values.len(), runs, &mut indices);
                let distinct: HashSet<u64> = values.iter().copied().collect();
                let drawn = sample.iter().map(|run| run.iter().collect::<HashSet<_>>().len()).sum();
                let bytes = distinct.iter().sum::<u64>() as usize;
                prop_assert_eq!(same, Same { distinct: distinct.len(), bytes, drawn });
                let mut firsts = Vec::new();
                for (&value, &index) in values.iter().zip(&indices) {
                    if index as usize == firsts.len() {
                        firsts.push(value);
                    }
                    prop_assert_eq!(firsts[index as usize], value);
                }
                prop_assert_eq!(firsts.len(), distinct.len());
            }
        }
    }
}
