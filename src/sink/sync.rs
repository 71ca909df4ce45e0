//! What the lane is built of. The model checker swaps this module for its own (see `model.rs`).

pub use std::sync::Arc;
pub use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use std::marker::PhantomData;

use super::clock;
use super::memory::Mapping;
use crate::copy::{copy_fresh, copy_short};

/// Gaps that a lane notes before the drain has read them.
pub const GAPS: usize = 256;

/// What the clock of gaps says.
pub fn ticks() -> u64 {
    clock::ticks()
}

/// Memory shared by the two ends of a lane: its control block and its ring.
#[derive(Debug)]
pub struct Memory<C> {
    mapping: Mapping,
    control: PhantomData<C>,
}

impl<C> Memory<C> {
    /// # Safety
    /// The mapping begins with zeros or with a `C`, for which zeros are a value, and has room for it.
    pub unsafe fn new(mapping: Mapping) -> Self {
        Memory { mapping, control: PhantomData }
    }

    /// What both ends know of each other.
    pub fn control(&self) -> &C {
        // SAFETY: `new`'s promise; a mapping begins at a page.
        unsafe { &*self.mapping.control().cast::<C>() }
    }

    /// The ring.
    pub fn ring(&self) -> Ring {
        Ring(self.mapping.ring())
    }

    /// Its bytes, a power of two.
    pub fn capacity(&self) -> u64 {
        self.mapping.ring_len() as u64
    }

    /// The mapping itself.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }
}

/// Where a ring begins: a pointer, NULL in a forked child.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Ring(*mut u8);

// SAFETY: an address; who may touch what is the lane's protocol.
unsafe impl Send for Ring {}
// SAFETY: as above.
unsafe impl Sync for Ring {}

impl Ring {
    pub const NONE: Ring = Ring(std::ptr::null_mut());

    /// The byte at `at`.
    ///
    /// # Safety
    /// It lies inside.
    #[inline(always)]
    pub unsafe fn at(self, at: u64) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { self.0.add(at as usize) }
    }

    /// Copies `len` bytes from `from` to `at`.
    ///
    /// # Safety
    /// `from` is readable for `len` bytes, `at + len` lies inside, nobody else touches these bytes.
    #[inline(always)]
    pub unsafe fn write(self, at: u64, from: *const u8, len: usize) {
        // SAFETY: the caller's promise.
        unsafe { copy_short(from, self.at(at), len) }
    }

    /// Writes a word.
    ///
    /// # Safety
    /// `at + 8` lies inside, nobody else touches these bytes.
    #[inline(always)]
    pub unsafe fn write_word(self, at: u64, word: u64) {
        // SAFETY: the caller's promise.
        unsafe { self.at(at).cast::<u64>().write_unaligned(word.to_le()) }
    }

    /// As [`Ring::write`], for a length of [`FRESH`](crate::copy::FRESH). What is `AHEAD` bytes further is written soon.
    ///
    /// # Safety
    /// As [`Ring::write`].
    #[inline(always)]
    pub unsafe fn write_fresh<const AHEAD: usize>(self, at: u64, from: *const u8, len: usize) {
        // SAFETY: the caller's promise.
        unsafe { copy_fresh::<AHEAD>(from, self.at(at), len) }
    }

    /// The `len` bytes at `at`.
    ///
    /// # Safety
    /// `at + len` lies inside, the memory lives for `'a`, and nobody writes these bytes meanwhile.
    pub unsafe fn read<'a>(self, at: u64, len: usize) -> &'a [u8] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(self.at(at), len) }
    }
}
