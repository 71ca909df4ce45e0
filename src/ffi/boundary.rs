//! The wall around every export: no panic passes, no call in a forked child gets in.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use super::error::{PF_ERR_INVALID_ARGUMENT, PF_OK, pf_error, pf_status, writable};
use crate::error::{Error, ErrorClass, Result};

/// Runs the body of an export. On an error fills `error`, if it is not NULL, and returns the class.
///
/// # Safety
/// `error` is NULL or points to a `pf_error` that nobody else touches meanwhile.
pub unsafe fn boundary(error: *mut pf_error, body: impl FnOnce() -> Result<()>) -> pf_status {
    // SAFETY: the caller's promise.
    unsafe { boundary_state(error, || body().map(|()| PF_OK)) }
}

/// The same for a body that may end in a state that is no error.
///
/// # Safety
/// As [`boundary`].
pub unsafe fn boundary_state(error: *mut pf_error, body: impl FnOnce() -> Result<pf_status>) -> pf_status {
    // SAFETY: the caller's promise.
    let Ok(out) = (unsafe { writable(error) }) else { return PF_ERR_INVALID_ARGUMENT };
    let result = catch_unwind(AssertUnwindSafe(|| check_not_forked().and_then(|()| body())))
        .unwrap_or_else(|panic| Err(Error::panic(&*panic, "serving a call")));
    match result {
        Ok(state) => state,
        Err(e) => {
            let status = e.class() as pf_status;
            if let Some(out) = out {
                out.fill(&e);
            }
            status
        }
    }
}

/// Runs the body of an export that frees: it has nobody to tell. In a forked child it does nothing, as
/// the threads that would have to finish the work are the parent's.
pub fn boundary_free(body: impl FnOnce()) {
    if check_not_forked().is_ok() {
        // A panic in a destructor has been caught; what it left is leaked.
        drop(catch_unwind(AssertUnwindSafe(body)));
    }
}

/// Neither the pool's threads nor its locks survive a fork, so the child gets an error instead of a hang.
fn check_not_forked() -> Result<()> {
    static HOME: AtomicU32 = AtomicU32::new(0);
    let here = process::id();
    let home =
        HOME.compare_exchange(0, here, Ordering::Relaxed, Ordering::Relaxed).unwrap_or_else(|home| home);
    if home == 0 || home == here {
        return Ok(());
    }
    Err(Error::new(
        ErrorClass::Forked,
        format!(
            "process {here} is a fork of {home}, which uses libflow; use it in one of them, or fork first"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::error::PF_ERR_INTERNAL;

    #[test]
    fn a_panic_becomes_the_internal_class_with_its_message() {
        let mut error = pf_error::new();
        // SAFETY: the error is a local.
        let status = unsafe { boundary(&mut error, || panic!("boom {}", 7)) };
        assert_eq!(status, PF_ERR_INTERNAL);
        assert!(error.message().contains("boom 7"), "{}", error.message());
        boundary_free(|| panic!("in a destructor"));
    }
}
