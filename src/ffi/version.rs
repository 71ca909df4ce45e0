//! The version, at run time.

use std::ffi::{CStr, c_char};

const fn number(text: &str) -> u32 {
    let (mut n, mut i) = (0, 0);
    while i < text.len() {
        n = n * 10 + (text.as_bytes()[i] - b'0') as u32;
        i += 1;
    }
    n
}

const MAJOR: u32 = number(env!("CARGO_PKG_VERSION_MAJOR"));
const MINOR: u32 = number(env!("CARGO_PKG_VERSION_MINOR"));
const PATCH: u32 = number(env!("CARGO_PKG_VERSION_PATCH"));

/// The version of the library that is linked, such as "0.1.0". `PF_VERSION` is that of the header.
///
/// The result is static and never NULL. Never blocks; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pf_version() -> *const c_char {
    const VERSION: &CStr =
        match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => c"",
        };
    VERSION.as_ptr()
}

/// The version of the library that is linked, as `major * 1000000 + minor * 1000 + patch`; compare it
/// with `PF_VERSION_NUMBER`, that of the header.
///
/// Never blocks; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pf_version_number() -> u32 {
    MAJOR * 1_000_000 + MINOR * 1_000 + PATCH
}
