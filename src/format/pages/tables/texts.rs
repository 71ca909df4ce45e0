//! Dictionaries of texts.

use super::{AHEAD, Buckets, Table, spread};

/// Distinct texts in the order in which they came.
pub struct TextTable {
    /// In PLAIN form: each after its length.
    plain: Vec<u8>,
    /// Where each text starts, after its length.
    starts: Vec<u32>,
    buckets: Buckets<u64>,
    /// Bytes of `plain` at most.
    limit: usize,
}

/// Bytes of a text that is its own key, with its length.
const SHORT: usize = 7;
/// The bit of a key that is a hash.
const HASH: u64 = 1 << 63;

/// What a text is found by: its bytes and length if it is short, else a hash, which no short one's key is.
#[inline(always)]
pub fn text_key(bytes: &[u8], start: usize, end: usize) -> u64 {
    let len = end - start;
    if len <= SHORT {
        let word = match bytes[start..].first_chunk() {
            Some(eight) => u64::from_le_bytes(*eight) & !(u64::MAX << (8 * len)),
            None => bytes[start..end].iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
        };
        return word | (len as u64) << 56;
    }
    hash(&bytes[start..end]) | HASH
}

impl TextTable {
    /// For texts whose PLAIN form has `limit` bytes at most, less than 2 GiB.
    pub fn new(limit: usize) -> Self {
        TextTable { plain: Vec::new(), starts: Vec::new(), buckets: Buckets::new(), limit }
    }

    pub fn plain(&self) -> &[u8] {
        &self.plain
    }

    pub fn count(&self) -> usize {
        self.starts.len()
    }

    /// Bytes of memory in use.
    pub fn memory(&self) -> usize {
        self.plain.len() + size_of_val(&self.starts[..]) + self.buckets.memory()
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
        (0..count).step_by(AHEAD).all(|from| {
            let ends = &ends[from..=(from + AHEAD).min(count)];
            let mut keys = [0; AHEAD];
            for (key_of, ends) in keys.iter_mut().zip(ends.windows(2)) {
                *key_of = text_key(bytes, ends[0] as usize, ends[1] as usize);
            }
            let text = |i: usize| &bytes[ends[i] as usize..ends[i + 1] as usize];
            self.find_all(&keys[..ends.len() - 1], text, indices)
        })
    }
}

impl Table for TextTable {
    type Key = u64;
    type Value<'a> = &'a [u8];

    #[inline(always)]
    fn buckets(&self) -> &Buckets<u64> {
        &self.buckets
    }

    #[inline(always)]
    fn is_exact(key: u64) -> bool {
        key & HASH == 0
    }

    fn is(&self, index: u32, text: &[u8]) -> bool {
        self.text(index) == text
    }

    #[cold]
    fn add(&mut self, key: u64, text: &[u8], at: (usize, usize)) -> Option<u32> {
        if self.plain.len() + 4 + text.len() > self.limit {
            return None;
        }
        self.plain.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.starts.push(self.plain.len() as u32);
        self.plain.extend_from_slice(text);
        Some(self.buckets.put(at, key, self.starts.len()))
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
