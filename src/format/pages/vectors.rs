//! Loops that the compiler makes vectors of, for each kind of CPU.

/// Calls a function that is always inlined, as code of its own for what this CPU has.
macro_rules! with_vectors {
    ($body:ident::<$T:ident: $bound:ident>($($argument:ident: $type:ty),*) -> $out:ty) => {{
        #[cfg(target_arch = "x86_64")]
        {
            // Compares numbers of eight bytes in one instruction, too.
            #[target_feature(enable = "avx512f,avx512vl")]
            fn with_avx512<$T: $bound>($($argument: $type),*) -> $out {
                $body($($argument),*)
            }
            #[target_feature(enable = "avx2")]
            fn with_avx2<$T: $bound>($($argument: $type),*) -> $out {
                $body($($argument),*)
            }
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
                // SAFETY: the CPU has them.
                return unsafe { with_avx512($($argument),*) };
            }
            if is_x86_feature_detected!("avx2") {
                // SAFETY: the CPU has it.
                return unsafe { with_avx2($($argument),*) };
            }
        }
        $body($($argument),*)
    }};
}
pub(super) use with_vectors;
