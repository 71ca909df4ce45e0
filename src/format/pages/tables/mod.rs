//! Dictionaries that grow with the values of the rows: open addressing, linear probing.

mod numbers;
mod texts;

pub use numbers::NumberTable;
pub use texts::{TextTable, text_key};

use std::cell::RefCell;

use super::number::Number;
use crate::prefetch::prefetch;

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

/// An empty slot; others hold an index.
const EMPTY: u32 = u32::MAX;
/// Slots of a bucket.
const WAYS: usize = 4;
/// Values whose buckets are on their way from memory at once.
const AHEAD: usize = 32;

/// Keys, and beside each the index of its value; filled from the first on. A line of a cache, or half of one.
#[derive(Clone, Copy)]
#[repr(align(32))]
struct Bucket<K> {
    keys: [K; WAYS],
    indices: [u32; WAYS],
}

impl<K: Number> Bucket<K> {
    fn empty() -> Self {
        Bucket { keys: [K::default(); WAYS], indices: [EMPTY; WAYS] }
    }

    fn put(&mut self, way: usize, key: K, index: u32) {
        (self.keys[way], self.indices[way]) = (key, index);
    }

    /// The index of the first slot with the key, if that is not empty. Without a branch: each would be foretold
    /// wrongly for keys that are not in the first slot.
    #[inline(always)]
    fn index(&self, key: K) -> u32 {
        let mask = (0..WAYS).fold(0, |mask, way| mask | u32::from(self.keys[way] == key) << way);
        self.indices[mask.trailing_zeros() as usize % WAYS] | if mask == 0 { EMPTY } else { 0 }
    }
}

/// Where the indices of values are found by their keys.
struct Buckets<K>(Vec<Bucket<K>>);

impl<K: Number> Buckets<K> {
    fn new() -> Self {
        Buckets(vec![Bucket::empty(); 64])
    }

    fn memory(&self) -> usize {
        size_of_val(&self.0[..])
    }

    /// The bucket of a key, if that is not full.
    #[inline(always)]
    fn place(&self, key: K) -> usize {
        spread(key.bits()) as usize & (self.0.len() - 1)
    }

    /// The indices of at most [`AHEAD`] keys; [`EMPTY`] for one that is not in its own bucket.
    fn look_up(&self, keys: &[K], found: &mut [u32]) {
        // Not `with_vectors`: with AVX-512 it is slower.
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            #[target_feature(enable = "avx2")]
            fn with_avx2<K: Number>(buckets: &Buckets<K>, keys: &[K], found: &mut [u32]) {
                buckets.look_up_portably(keys, found);
            }
            // SAFETY: the CPU has AVX2.
            return unsafe { with_avx2(self, keys, found) };
        }
        self.look_up_portably(keys, found);
    }

    #[inline(always)]
    fn look_up_portably(&self, keys: &[K], found: &mut [u32]) {
        let mut places = [0; AHEAD];
        for (place, &key) in places.iter_mut().zip(keys) {
            *place = self.place(key);
            prefetch(&self.0[*place]);
        }
        for ((found, &key), &place) in found.iter_mut().zip(keys).zip(&places) {
            *found = self.0[place].index(key);
        }
    }

    /// The first index that `is` the key's; or the bucket and way of the slot where it would be.
    fn find(&self, key: K, mut is: impl FnMut(u32) -> bool) -> Result<u32, (usize, usize)> {
        let mut at = self.place(key);
        loop {
            let bucket = &self.0[at];
            for way in 0..WAYS {
                match bucket.indices[way] {
                    EMPTY => return Err((at, way)),
                    index if bucket.keys[way] == key && is(index) => return Ok(index),
                    _ => {}
                }
            }
            at = (at + 1) & (self.0.len() - 1);
        }
    }

    /// Puts a key in an empty slot; `full` slots are so, then.
    fn put(&mut self, (at, way): (usize, usize), key: K, full: usize) -> u32 {
        let index = full as u32 - 1;
        self.0[at].put(way, key, index);
        // Once half of the slots are full: few buckets are.
        if 2 * full > WAYS * self.0.len() {
            self.grow();
        }
        index
    }

    fn grow(&mut self) {
        let more = vec![Bucket::empty(); 4 * self.0.len()];
        for bucket in std::mem::replace(&mut self.0, more) {
            for (&key, &index) in
                bucket.keys.iter().zip(&bucket.indices).filter(|(_, index)| **index != EMPTY)
            {
                if let Err((at, way)) = self.find(key, |_| false) {
                    self.0[at].put(way, key, index);
                }
            }
        }
    }
}

/// Distinct values in the order in which they came.
trait Table {
    type Key: Number;
    type Value<'a>: Copy;

    fn buckets(&self) -> &Buckets<Self::Key>;

    /// Whether no two values have the key.
    fn is_exact(key: Self::Key) -> bool;

    /// Whether the value is that of the index, if it has the same key.
    fn is(&self, index: u32, value: Self::Value<'_>) -> bool;

    /// Adds a value with an empty slot; None if there would be too many.
    fn add(&mut self, key: Self::Key, value: Self::Value<'_>, at: (usize, usize)) -> Option<u32>;

    /// Finds or adds a value.
    fn find(&mut self, key: Self::Key, value: Self::Value<'_>) -> Option<u32> {
        let is = |index| Self::is_exact(key) || self.is(index, value);
        match self.buckets().find(key, is) {
            Ok(index) => Some(index),
            Err(at) => self.add(key, value, at),
        }
    }

    /// Finds or adds at most [`AHEAD`] values and appends their indices; false once there would be too many.
    #[inline(always)]
    fn find_all<'a>(
        &mut self,
        keys: &[Self::Key],
        value: impl Fn(usize) -> Self::Value<'a>,
        indices: &mut Vec<u32>,
    ) -> bool {
        let mut found = [EMPTY; AHEAD];
        let found = &mut found[..keys.len()];
        self.buckets().look_up(keys, found);
        // What has the key may be another value.
        found.iter_mut().zip(keys).filter(|(_, key)| !Self::is_exact(**key)).for_each(|(i, _)| *i = EMPTY);
        if found.contains(&EMPTY) {
            for (i, index) in found.iter_mut().enumerate().filter(|(_, index)| **index == EMPTY) {
                match self.find(keys[i], value(i)) {
                    Some(known) => *index = known,
                    None => return false,
                }
            }
        }
        indices.extend_from_slice(found);
        true
    }
}

/// Spreads bits: the product with the golden ratio of 2^64, both halves of it.
#[inline(always)]
pub fn spread(bits: u64) -> u64 {
    let product = u128::from(bits) * 0x9e37_79b9_7f4a_7c15;
    product as u64 ^ (product >> 64) as u64
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
            for keys in numbers.chunks(AHEAD) {
                let (mut found, mut portably) = ([0; AHEAD], [0; AHEAD]);
                table.buckets().look_up(keys, &mut found);
                table.buckets().look_up_portably(keys, &mut portably);
                prop_assert_eq!(found, portably);
            }
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
