//! Dictionaries that grow with the values of the rows: open addressing, linear probing.

use std::cell::RefCell;

use super::number::Number;
use crate::prefetch::prefetch;

/// An empty slot; others hold an index.
const EMPTY: u32 = u32::MAX;

thread_local! {
    /// Memory for what is made of a page's values: columns are many, the threads that encode are few.
    static SCRATCH: RefCell<Vec<Vec<u32>>> = const { RefCell::new(Vec::new()) };
}

/// Empty memory for the indices of a page or its widened numbers, to be given back.
pub fn spare_words() -> Vec<u32> {
    SCRATCH.with_borrow_mut(Vec::pop).unwrap_or_default()
}

pub fn keep_words(mut words: Vec<u32>) {
    words.clear();
    SCRATCH.with_borrow_mut(|kept| kept.push(words));
}

/// Spreads bits: the golden ratio of 2^64, and the high bits of the product.
#[inline(always)]
fn spread(bits: u64) -> u64 {
    bits.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Distinct numbers in the order in which they came.
pub struct NumberTable<T> {
    numbers: Vec<T>,
    slots: Vec<Slot<T>>,
    /// The indices of the numbers from a first one on, where few are possible.
    direct: Option<(T, Box<Places>)>,
    limit: usize,
}

/// A number beside its index, so that one look at memory tells both.
#[derive(Clone, Copy)]
struct Slot<T> {
    number: T,
    index: u32,
}

impl<T: Number> Slot<T> {
    fn empty() -> Self {
        Slot { number: T::default(), index: EMPTY }
    }
}

/// A range of numbers that a look-up by position is worth its memory for.
const DIRECT: u64 = 1 << 12;
/// The index of each number in the range, or [`EMPTY`].
type Places = [u32; DIRECT as usize];
/// Numbers that are looked up by position at once.
const AT_ONCE: usize = 256;
/// Numbers whose slots are on their way from memory at once.
const AHEAD: usize = 32;

impl<T: Number> NumberTable<T> {
    /// For `limit` numbers at most.
    pub fn new(limit: usize) -> Self {
        NumberTable { numbers: Vec::new(), slots: vec![Slot::empty(); 256], direct: None, limit }
    }

    /// Forgets its numbers. It is for `limit` others at most then, and has room for them.
    pub fn begin_anew(&mut self, limit: usize) {
        self.numbers.clear();
        self.slots.clear();
        self.slots.resize((2 * limit).max(NEAR).next_power_of_two(), Slot::empty());
        (self.direct, self.limit) = (None, limit);
    }

    pub fn numbers(&self) -> &[T] {
        &self.numbers
    }

    /// Bytes of memory in use.
    pub fn memory(&self) -> usize {
        size_of_val(&self.numbers[..]) + size_of_val(&self.slots[..])
    }

    /// Finds or adds each number and appends its index; false once there would be too many. `ends` are the
    /// least and the greatest, of whole numbers, which have all others between them.
    pub fn indices(&mut self, numbers: &[T], ends: Option<(T, T)>, indices: &mut Vec<u32>) -> bool {
        indices.reserve(numbers.len());
        if ends.is_some_and(|(least, greatest)| self.make_direct(least, greatest)) {
            return self.indices_direct(numbers, indices);
        }
        for ahead in numbers.chunks(AHEAD) {
            let len = self.slots.len();
            let mut at = [0; AHEAD];
            for (at, &number) in at.iter_mut().zip(ahead) {
                *at = place(number, len);
                prefetch(&self.slots[*at]);
            }
            for (&number, &at) in ahead.iter().zip(&at) {
                // A table that has grown since has other places: then it is looked for once more.
                let slot = self.slots[at];
                let found = match slot.index {
                    index if index != EMPTY && slot.number == number => Some(index),
                    _ => self.find(number),
                };
                match found {
                    Some(index) => indices.push(index),
                    None => return false,
                }
            }
        }
        true
    }

    /// Whether all numbers from the least to the greatest have, or now get, a place of their own.
    fn make_direct(&mut self, least: T, greatest: T) -> bool {
        let distance = |from: T, to: T| T::of(to.bits().wrapping_sub(from.bits())).bits();
        match &self.direct {
            Some((first, _)) => {
                let (from, to) = (distance(*first, least), distance(*first, greatest));
                from <= to && to < DIRECT
            }
            None if self.numbers.is_empty() && distance(least, greatest) < DIRECT / 2 => {
                // Room on both sides, for pages that go a little further.
                let first = T::of(least.bits().wrapping_sub(DIRECT / 4));
                self.direct = Some((first, Box::new([EMPTY; DIRECT as usize])));
                true
            }
            None => false,
        }
    }

    fn indices_direct(&mut self, numbers: &[T], indices: &mut Vec<u32>) -> bool {
        let Some((first, mut places)) = self.direct.take() else { return false };
        let place = |number: T| (T::of(number.bits().wrapping_sub(first.bits())).bits() % DIRECT) as usize;
        let mut fits = true;
        for numbers in numbers.chunks(AT_ONCE) {
            let from = indices.len();
            indices.extend(numbers.iter().map(|&number| places[place(number)]));
            let found = &mut indices[from..];
            if found.iter().fold(false, |any, &index| any | (index == EMPTY)) {
                for (index, &number) in found.iter_mut().zip(numbers).filter(|(index, _)| **index == EMPTY) {
                    // The one before may have been the same.
                    let known = &mut places[place(number)];
                    if *known == EMPTY {
                        match self.find(number) {
                            Some(added) => *known = added,
                            None => fits = false,
                        }
                    }
                    *index = *known;
                }
            }
        }
        self.direct = Some((first, places));
        fits
    }

    fn find(&mut self, number: T) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let mut at = place(number, mask + 1);
        loop {
            match self.slots[at] {
                Slot { index: EMPTY, .. } => return self.add(number, at),
                slot if slot.number == number => return Some(slot.index),
                _ => at = (at + 1) & mask,
            }
        }
    }

    fn add(&mut self, number: T, at: usize) -> Option<u32> {
        if self.numbers.len() == self.limit {
            return None;
        }
        let index = self.numbers.len() as u32;
        self.slots[at] = Slot { number, index };
        self.numbers.push(number);
        make_room(&mut self.slots, self.numbers.len());
        Some(index)
    }
}

/// Where a number's slot is in a table of `len`, a power of two: the high bits, which all bits have a part in.
#[inline(always)]
fn place<T: Number>(number: T, len: usize) -> usize {
    (spread(number.bits()) >> (64 - len.trailing_zeros())) as usize
}

/// Slots that a near cache holds. As long as there are no more, few of them are full, so that the first look finds
/// nearly every value: another costs more than memory that is near.
const NEAR: usize = 1 << 12;

/// Makes the slots more, once half of them are full, or an eighth of few: runs of full ones stay short.
fn make_room<T: Number>(slots: &mut Vec<Slot<T>>, full: usize) {
    let most = if slots.len() < NEAR { slots.len() / 8 } else { slots.len() / 2 };
    if full <= most {
        return;
    }
    let mut more = vec![Slot::empty(); 4 * slots.len()];
    let mask = more.len() - 1;
    for slot in slots.iter().filter(|slot| slot.index != EMPTY) {
        let mut at = place(slot.number, mask + 1);
        while more[at].index != EMPTY {
            at = (at + 1) & mask;
        }
        more[at] = *slot;
    }
    *slots = more;
}

/// Distinct texts in the order in which they came.
pub struct TextTable {
    /// In PLAIN form: each after its length.
    plain: Vec<u8>,
    /// Where each text starts, after its length.
    starts: Vec<u32>,
    slots: Vec<Slot<u64>>,
    /// Bytes of `plain` at most.
    limit: usize,
}

/// Bytes of a text that is its own key, with its length.
const SHORT: usize = 7;

/// What a text is found by: its bytes and length if it is short, else a hash, which no short one's key is.
#[inline(always)]
fn key(bytes: &[u8], start: usize, end: usize) -> u64 {
    let len = end - start;
    if len <= SHORT {
        let word = match bytes[start..].first_chunk() {
            Some(eight) => u64::from_le_bytes(*eight) & !(u64::MAX << (8 * len)),
            None => bytes[start..end].iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
        };
        return word | (len as u64) << 56;
    }
    hash(&bytes[start..end]) | 1 << 63
}

/// Whether a key may be several texts'.
#[inline(always)]
fn is_hash(key: u64) -> bool {
    key >> 63 == 1
}

impl TextTable {
    /// For texts whose PLAIN form has `limit` bytes at most, less than 2 GiB.
    pub fn new(limit: usize) -> Self {
        TextTable { plain: Vec::new(), starts: Vec::new(), slots: vec![Slot::empty(); 256], limit }
    }

    pub fn plain(&self) -> &[u8] {
        &self.plain
    }

    pub fn count(&self) -> usize {
        self.starts.len()
    }

    /// Bytes of memory in use.
    pub fn memory(&self) -> usize {
        self.plain.len() + size_of_val(&self.starts[..]) + size_of_val(&self.slots[..])
    }

    pub fn text(&self, index: u32) -> &[u8] {
        let start = self.starts[index as usize] as usize;
        let len = self.plain[start - 4..].first_chunk().map_or(0, |le| u32::from_le_bytes(*le));
        &self.plain[start..start + len as usize]
    }

    /// Finds or adds each text and appends its index; false once there would be too many. `ends` are where the first
    /// text starts, and where each ends.
    pub fn indices(&mut self, ends: &[i32], bytes: &[u8], indices: &mut Vec<u32>) -> bool {
        let count = ends.len() - 1;
        indices.reserve(count);
        for from in (0..count).step_by(AHEAD) {
            let ends = &ends[from..=(from + AHEAD).min(count)];
            let each = || ends.windows(2).map(|ends| (ends[0] as usize, ends[1] as usize));
            let mut places = [(0, 0); AHEAD];
            for (place_of, (start, end)) in places.iter_mut().zip(each()) {
                let key = key(bytes, start, end);
                *place_of = (key, place(key, self.slots.len()));
                prefetch(&self.slots[place_of.1]);
            }
            for (&(key, at), (start, end)) in places.iter().zip(each()) {
                // A table that has grown since has other places: then it is looked for once more.
                let slot = self.slots[at];
                let found = match slot.index {
                    index if index != EMPTY && slot.number == key && !is_hash(key) => Some(index),
                    _ => self.find(&bytes[start..end], key),
                };
                match found {
                    Some(index) => indices.push(index),
                    None => return false,
                }
            }
        }
        true
    }

    fn find(&mut self, text: &[u8], key: u64) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let mut at = place(key, mask + 1);
        loop {
            match self.slots[at] {
                Slot { index: EMPTY, .. } => return self.add(text, key, at),
                slot if slot.number == key && (!is_hash(key) || self.text(slot.index) == text) => {
                    return Some(slot.index);
                }
                _ => at = (at + 1) & mask,
            }
        }
    }

    #[cold]
    fn add(&mut self, text: &[u8], key: u64, at: usize) -> Option<u32> {
        if self.plain.len() + 4 + text.len() > self.limit {
            return None;
        }
        let index = self.starts.len() as u32;
        self.slots[at] = Slot { number: key, index };
        self.plain.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.starts.push(self.plain.len() as u32);
        self.plain.extend_from_slice(text);
        make_room(&mut self.slots, self.starts.len());
        Some(index)
    }
}

fn hash(text: &[u8]) -> u64 {
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let mut hash = spread(text.len() as u64 + 1);
    for eight in text.as_chunks::<8>().0 {
        hash = spread((hash ^ word(eight)).rotate_left(23));
    }
    // The last bytes are looked at twice, perhaps.
    spread((hash ^ text.last_chunk().map_or(0, word)).rotate_left(23))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::pages::{Order, range};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn indices_lead_to_the_values(
            numbers in prop::collection::vec(prop_oneof![any::<u64>(), 0u64..50], 0..2000),
        ) {
            // Some of few numbers first, so that their places are used, and left again.
            let (mut table, mut indices) = (NumberTable::new(5000), Vec::new());
            let few: Vec<u64> = numbers.iter().map(|n| n % 100).collect();
            prop_assert!(table.indices(&few, Some((0, 99)), &mut indices));
            let found: Vec<u64> = indices.iter().map(|&i| table.numbers()[i as usize]).collect();
            prop_assert_eq!(&found, &few);
            indices.clear();
            let range = |numbers: &[u64]| range(numbers, Order::Uint64).map(|r| (r.0, r.1));
            prop_assert!(table.indices(&numbers, range(&numbers), &mut indices));
            let found: Vec<u64> = indices.iter().map(|&i| table.numbers()[i as usize]).collect();
            prop_assert_eq!(&found, &numbers);
            let distinct: std::collections::HashSet<u64> = numbers.iter().copied().collect();
            let found: std::collections::HashSet<u64> = few.into_iter().chain(numbers.clone()).collect();
            prop_assert_eq!(table.numbers().len(), found.len());
            let mut small = NumberTable::new(distinct.len().saturating_sub(1));
            prop_assert_eq!(small.indices(&numbers, range(&numbers), &mut indices), numbers.is_empty());
        }

        #[test]
        fn texts_come_back(texts in prop::collection::vec("[ab]{0,3}|[a-z]{0,30}", 0..1500)) {
            let mut table = TextTable::new(1 << 20);
            let bytes: Vec<u8> = texts.iter().flat_map(|text| text.bytes()).collect();
            let ends = texts.iter().scan(0, |end, text| { *end += text.len() as i32; Some(*end) });
            let (ends, mut indices): (Vec<_>, _) = (std::iter::once(0).chain(ends).collect(), Vec::new());
            prop_assert!(table.indices(&ends, &bytes, &mut indices));
            prop_assert_eq!(indices.len(), texts.len());
            for (text, &index) in texts.iter().zip(&indices) {
                prop_assert_eq!(table.text(index), text.as_bytes());
            }
            let distinct: std::collections::HashSet<_> = texts.iter().collect();
            prop_assert_eq!(table.count(), distinct.len());
            let full = table.plain().len();
            let mut small = TextTable::new(full.saturating_sub(1));
            prop_assert_eq!(small.indices(&ends, &bytes, &mut indices), texts.is_empty());
        }
    }
}
