//! Memory that will be used soon.

/// Lets the CPU load the cache line of `at`, if it can.
#[inline(always)]
pub fn prefetch<T>(at: *const T) {
    hint::<false>(at.cast());
}

/// The same of a line that will be written.
#[inline(always)]
pub fn prefetch_write<T>(at: *const T) {
    hint::<true>(at.cast());
}

#[inline(always)]
fn hint<const WRITE: bool>(at: *const i8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing, faults on no address, and is nothing to a CPU that does not know it.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_ET0, _MM_HINT_T0, _mm_prefetch};
        if WRITE { _mm_prefetch::<_MM_HINT_ET0>(at) } else { _mm_prefetch::<_MM_HINT_T0>(at) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}
