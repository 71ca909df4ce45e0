//! Dictionaries of numbers.

use super::{AHEAD, Buckets, EMPTY, Table};
use crate::format::pages::number::Number;

/// Distinct numbers in the order in which they came.
pub struct NumberTable<T> {
    numbers: Vec<T>,
    buckets: Buckets<T>,
    /// The indices of the numbers from a first one on, where few are possible.
    direct: Option<(T, Box<Places>)>,
    limit: usize,
}

/// A range of numbers that a look-up by position is worth its memory for.
const DIRECT: u64 = 1 << 12;
/// The index of each number in the range, or [`EMPTY`].
type Places = [u32; DIRECT as usize];
/// Numbers that are looked up by position at once.
const AT_ONCE: usize = 256;

impl<T: Number> NumberTable<T> {
    /// For `limit` numbers at most.
    pub fn new(limit: usize) -> Self {
        NumberTable { numbers: Vec::new(), buckets: Buckets::new(), direct: None, limit }
    }

    pub fn numbers(&self) -> &[T] {
        &self.numbers
    }

    /// Bytes of memory in use.
    pub fn memory(&self) -> usize {
        size_of_val(&self.numbers[..]) + self.buckets.memory()
    }

    /// Finds or adds each number and appends its index; false once there would be too many. `ends` are the
    /// least and the greatest, of whole numbers, which have all others between them.
    pub fn indices(&mut self, numbers: &[T], ends: Option<(T, T)>, indices: &mut Vec<u32>) -> bool {
        if ends.is_some_and(|(least, greatest)| self.make_direct(least, greatest)) {
            return self.indices_direct(numbers, indices);
        }
        indices.reserve(numbers.len());
        numbers.chunks(AHEAD).all(|keys| self.find_all(keys, |_| (), indices))
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
                        match self.find(number, ()) {
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
}

impl<T: Number> Table for NumberTable<T> {
    type Key = T;
    type Value<'a> = ();

    #[inline(always)]
    fn buckets(&self) -> &Buckets<T> {
        &self.buckets
    }

    #[inline(always)]
    fn is_exact(_: T) -> bool {
        true
    }

    fn is(&self, _: u32, (): ()) -> bool {
        true
    }

    fn add(&mut self, number: T, (): (), at: (usize, usize)) -> Option<u32> {
        if self.numbers.len() == self.limit {
            return None;
        }
        self.numbers.push(number);
        Some(self.buckets.put(at, number, self.numbers.len()))
    }
}
