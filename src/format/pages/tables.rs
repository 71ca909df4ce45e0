//! Dictionaries that grow with the values of the rows: open addressing, linear probing.

use super::number::Number;

/// An empty slot; others hold an index.
const EMPTY: u32 = u32::MAX;

/// Spreads bits: the golden ratio of 2^64, and the high bits of the product.
#[inline(always)]
fn spread(bits: u64) -> u64 {
    bits.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Distinct numbers in the order in which they came.
pub struct NumberTable<T> {
    numbers: Vec<T>,
    slots: Vec<u32>,
    limit: usize,
}

impl<T: Number> NumberTable<T> {
    /// For `limit` numbers at most.
    pub fn new(limit: usize) -> Self {
        NumberTable { numbers: Vec::new(), slots: vec![EMPTY; 256], limit }
    }

    pub fn numbers(&self) -> &[T] {
        &self.numbers
    }

    /// Finds or adds each number and appends its index; false once there would be too many.
    pub fn indices(&mut self, numbers: &[T], indices: &mut Vec<u32>) -> bool {
        indices.reserve(numbers.len());
        // Rows often repeat what came just before.
        let mut last = (T::default(), EMPTY);
        for &number in numbers {
            if last.1 == EMPTY || last.0 != number {
                match self.find(number) {
                    Some(index) => last = (number, index),
                    None => return false,
                }
            }
            indices.push(last.1);
        }
        true
    }

    #[inline]
    fn find(&mut self, number: T) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let mut at = (spread(number.bits()) >> 32) as usize & mask;
        loop {
            match self.slots[at] {
                EMPTY => return self.add(number, at),
                index if self.numbers[index as usize] == number => return Some(index),
                _ => at = (at + 1) & mask,
            }
        }
    }

    #[cold]
    fn add(&mut self, number: T, at: usize) -> Option<u32> {
        if self.numbers.len() == self.limit {
            return None;
        }
        let index = self.numbers.len() as u32;
        self.slots[at] = index;
        self.numbers.push(number);
        // Half empty, so that runs of full slots stay short.
        if 2 * self.numbers.len() > self.slots.len() {
            let hashes = self.numbers.iter().map(|number| spread(number.bits()) >> 32);
            self.slots = rebuilt(4 * self.slots.len(), hashes);
        }
        Some(index)
    }
}

/// Slots for these hashes, whose indices they are in order.
fn rebuilt(len: usize, hashes: impl Iterator<Item = u64>) -> Vec<u32> {
    let mut slots = vec![EMPTY; len];
    for (index, hash) in hashes.enumerate() {
        let mut at = hash as usize & (len - 1);
        while slots[at] != EMPTY {
            at = (at + 1) & (len - 1);
        }
        slots[at] = index as u32;
    }
    slots
}

/// Distinct texts in the order in which they came.
pub struct TextTable {
    /// In PLAIN form: each after its length.
    plain: Vec<u8>,
    /// Where each text starts, after its length, and its hash.
    entries: Vec<(u32, u32)>,
    slots: Vec<u32>,
    /// Bytes of `plain` at most.
    limit: usize,
}

impl TextTable {
    /// For texts whose PLAIN form has `limit` bytes at most, less than 2 GiB.
    pub fn new(limit: usize) -> Self {
        TextTable { plain: Vec::new(), entries: Vec::new(), slots: vec![EMPTY; 256], limit }
    }

    pub fn plain(&self) -> &[u8] {
        &self.plain
    }

    pub fn count(&self) -> usize {
        self.entries.len()
    }

    pub fn text(&self, index: u32) -> &[u8] {
        let start = self.entries[index as usize].0 as usize;
        let len = self.plain[start - 4..].first_chunk().map_or(0, |le| u32::from_le_bytes(*le));
        &self.plain[start..start + len as usize]
    }

    /// Finds or adds a text; none once there would be too many.
    #[inline]
    pub fn index(&mut self, text: &[u8]) -> Option<u32> {
        let (hash, mask) = (hash(text), self.slots.len() - 1);
        let mut at = hash as usize & mask;
        loop {
            match self.slots[at] {
                EMPTY => return self.add(text, hash, at),
                index if self.entries[index as usize].1 == hash && self.text(index) == text => {
                    return Some(index);
                }
                _ => at = (at + 1) & mask,
            }
        }
    }

    #[cold]
    fn add(&mut self, text: &[u8], hash: u32, at: usize) -> Option<u32> {
        if self.plain.len() + 4 + text.len() > self.limit {
            return None;
        }
        let index = self.entries.len() as u32;
        self.slots[at] = index;
        self.plain.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.entries.push((self.plain.len() as u32, hash));
        self.plain.extend_from_slice(text);
        if 2 * self.entries.len() > self.slots.len() {
            self.slots = rebuilt(4 * self.slots.len(), self.entries.iter().map(|entry| entry.1.into()));
        }
        Some(index)
    }
}

#[inline]
fn hash(text: &[u8]) -> u32 {
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let mut hash = spread(text.len() as u64 + 1);
    let (words, rest) = text.as_chunks::<8>();
    for eight in words {
        hash = spread((hash ^ word(eight)).rotate_left(23));
    }
    // The last bytes of a long text are looked at twice, those of a short one in two overlapping halves.
    let last = match (text.last_chunk(), text.first_chunk(), text.last_chunk()) {
        _ if rest.is_empty() => return (hash >> 32) as u32,
        (Some(last), _, _) => word(last),
        (None, Some(a), Some(b)) => {
            u64::from(u32::from_le_bytes(*a)) << 32 | u64::from(u32::from_le_bytes(*b))
        }
        _ => rest.iter().fold(0, |bits, &byte| bits << 8 | u64::from(byte)),
    };
    (spread((hash ^ last).rotate_left(23)) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn indices_lead_to_the_values(
            numbers in prop::collection::vec(prop_oneof![any::<u64>(), 0u64..50], 0..2000),
        ) {
            let (mut table, mut indices) = (NumberTable::new(5000), Vec::new());
            prop_assert!(table.indices(&numbers, &mut indices));
            let found: Vec<u64> = indices.iter().map(|&i| table.numbers()[i as usize]).collect();
            prop_assert_eq!(&found, &numbers);
            let distinct: std::collections::HashSet<_> = numbers.iter().collect();
            prop_assert_eq!(table.numbers().len(), distinct.len());
            let mut small = NumberTable::new(distinct.len().saturating_sub(1));
            prop_assert_eq!(small.indices(&numbers, &mut indices), numbers.is_empty());
        }

        #[test]
        fn texts_come_back(texts in prop::collection::vec("[ab]{0,3}|[a-z]{0,30}", 0..1500)) {
            let mut table = TextTable::new(1 << 20);
            let indices: Vec<_> = texts.iter().map(|text| table.index(text.as_bytes()).unwrap()).collect();
            for (text, &index) in texts.iter().zip(&indices) {
                prop_assert_eq!(table.text(index), text.as_bytes());
            }
            let distinct: std::collections::HashSet<_> = texts.iter().collect();
            prop_assert_eq!(table.count(), distinct.len());
        }
    }
}
