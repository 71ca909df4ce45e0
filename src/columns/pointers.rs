//! Strings as C and Julia hold them: an array of pointers, an array of lengths.

use std::marker::PhantomData;

/// Pointers and lengths of byte strings. Neither array need be aligned.
#[derive(Clone, Copy, Debug)]
pub struct PointerArray<'a> {
    pointers: &'a [[u8; 8]],
    lengths: &'a [[u8; 8]],
    strings: PhantomData<&'a [u8]>,
}

// SAFETY: what the pointers lead to is borrowed, immutable, for `'a`.
unsafe impl Send for PointerArray<'_> {}
// SAFETY: as above.
unsafe impl Sync for PointerArray<'_> {}

impl<'a> PointerArray<'a> {
    /// An array over `pointers` (8 bytes each) and `lengths` (int64).
    ///
    /// # Safety
    /// Every pointer whose length is more than 0 is NULL or readable for that many bytes for `'a`.
    pub unsafe fn new(pointers: &'a [u8], lengths: &'a [u8]) -> Self {
        let (pointers, lengths) = (pointers.as_chunks().0, lengths.as_chunks().0);
        PointerArray { pointers, lengths, strings: PhantomData }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.pointers.len().min(self.lengths.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Length `i`, as the caller wrote it.
    #[inline]
    pub fn length(&self, i: usize) -> i64 {
        i64::from_le_bytes(self.lengths[i])
    }

    /// Whether pointer `i` is NULL.
    #[inline]
    pub fn is_null(&self, i: usize) -> bool {
        self.pointers[i] == [0; 8]
    }

    /// String `i`; empty if its pointer is NULL or its length not positive.
    #[inline]
    pub fn get(&self, i: usize) -> &'a [u8] {
        let len = self.length(i);
        if len <= 0 || self.is_null(i) {
            return &[];
        }
        let address = usize::from_le_bytes(self.pointers[i]);
        // SAFETY: `new`'s promise.
        unsafe { std::slice::from_raw_parts(std::ptr::with_exposed_provenance(address), len as usize) }
    }
}
