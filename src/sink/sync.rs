//! What the lane is built of. The model checker swaps this module for its own (see `model.rs`).

pub use std::sync::Arc;
pub use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};

use crate::copy::copy_fresh;

/// Memory shared by the two ends of a lane; who may touch what is the lane's protocol.
#[derive(Debug)]
pub struct Storage {
    memory: Box<[Line]>,
}

/// Two cache lines: adjacent-line prefetch pulls in both.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(128))]
struct Line([u8; 128]);

// SAFETY: the bytes are only reached through `write` and `read`, whose callers rule out overlap.
unsafe impl Sync for Storage {}

impl Storage {
    /// `len` bytes, prefaulted: every page is written here, not by the first records.
    pub fn new(len: usize) -> Self {
        Storage { memory: vec![Line([1; 128]); len.div_ceil(128)].into_boxed_slice() }
    }

    fn base(&self) -> *mut u8 {
        self.memory.as_ptr().cast_mut().cast()
    }

    /// Copies `len` bytes from `from` to `at`.
    ///
    /// # Safety
    /// `from` is readable for `len` bytes, `at + len` lies inside, nobody else touches these bytes.
    #[inline]
    pub unsafe fn write(&self, at: usize, from: *const u8, len: usize) {
        // SAFETY: the caller's promise.
        unsafe { copy_fresh(from, self.base().add(at), len) }
    }

    /// The `len` bytes at `at`.
    ///
    /// # Safety
    /// `at + len` lies inside, and nobody writes these bytes while the slice lives.
    pub unsafe fn read(&self, at: usize, len: usize) -> &[u8] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(self.base().add(at), len) }
    }
}
