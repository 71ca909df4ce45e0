//! Memory that will be used soon.

/// Lets the CPU load the cache line of `at`, if it can.
#[inline(always)]
pub fn prefetch<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing, and faults on no address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// The same of the line that is `AHEAD` bytes further, and will be written: no other core has it then.
#[inline(always)]
pub fn prefetch_write<const AHEAD: usize>(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: as above; to a CPU that does not know it, it is nothing. (The intrinsic is another instruction, unless
    // the whole program is compiled for CPUs that know this one.)
    unsafe {
        std::arch::asm!("prefetchw [{} + {}]", in(reg) at, const AHEAD, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}
