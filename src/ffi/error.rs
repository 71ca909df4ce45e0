//! Status codes and error detail.

use std::ffi::{CStr, c_char};

use super::input::is_aligned;
use crate::error::{Error, ErrorClass};

/// What every fallible function returns: `PF_OK`, a state (> 0) or an error class (< 0).
pub type pf_status = i32;

/// Done.
pub const PF_OK: i32 = 0;
/// State: the lane is full; the record was dropped and counted.
pub const PF_FULL: i32 = 1;
/// State: the payload is longer than the sink's `max_payload`; dropped and counted.
pub const PF_OVERSIZED: i32 = 2;
/// State: the time is up; what was waited for goes on, call again.
pub const PF_TIMEOUT: i32 = 3;

/// An argument is NULL, out of range, misaligned or inconsistent with another.
pub const PF_ERR_INVALID_ARGUMENT: i32 = -1;
/// The columns are not those of the schema, or break a rule of it: count, lengths, a null where required.
pub const PF_ERR_SCHEMA_MISMATCH: i32 = -2;
/// A layout or width cannot carry the field's type.
pub const PF_ERR_TYPE_MISMATCH: i32 = -3;
/// Text is not valid UTF-8.
pub const PF_ERR_BAD_UTF8: i32 = -4;
/// State error: the writer, sink or producer was closed.
pub const PF_ERR_CLOSED: i32 = -10;
/// State error: a panic was caught while the object was in use; free it.
pub const PF_ERR_POISONED: i32 = -11;
/// State error: the handle was freed, is of another kind, or never was a handle.
pub const PF_ERR_STALE_HANDLE: i32 = -12;
/// State error: this process is a fork of the one that uses libflow.
pub const PF_ERR_FORKED: i32 = -13;
/// I/O: a file or directory does not exist.
pub const PF_ERR_NOT_FOUND: i32 = -20;
/// I/O: the operating system refused access.
pub const PF_ERR_PERMISSION: i32 = -21;
/// I/O: the disk or the quota is full.
pub const PF_ERR_NO_SPACE: i32 = -22;
/// I/O: any other error; see `os_errno`.
pub const PF_ERR_IO: i32 = -23;
/// Data read back is damaged.
pub const PF_ERR_CORRUPT: i32 = -30;
/// Valid, but not available.
pub const PF_ERR_UNSUPPORTED: i32 = -31;
/// Memory could not be had.
pub const PF_ERR_OUT_OF_MEMORY: i32 = -32;
/// Something else is in the way: a published part, another writer of the name, a pool that runs.
pub const PF_ERR_CONFLICT: i32 = -33;
/// A panic was caught: a defect of libflow; please report it.
pub const PF_ERR_INTERNAL: i32 = -40;

/// Error detail, owned by the caller, filled only when a call fails. Start it with `PF_ERROR_INIT`.
/// `message` and `file` are NUL-terminated, valid UTF-8, and cut short where they would not fit.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pf_error {
    /// `sizeof(pf_error)`, set by the caller.
    pub struct_size: u32,
    /// The error class that the call returned.
    pub status: pf_status,
    /// The operating system's errno; 0 if none was involved.
    pub os_errno: i32,
    /// Line of `file`.
    pub line: u32,
    /// The file of libflow's source that classified the error.
    pub file: [c_char; 64],
    /// What was wrong, with which value, and the cure.
    pub message: [c_char; 1024],
}

impl pf_error {
    /// The value of `PF_ERROR_INIT`.
    pub const fn new() -> Self {
        let struct_size = size_of::<Self>() as u32;
        pf_error { struct_size, status: PF_OK, os_errno: 0, line: 0, file: [0; 64], message: [0; 1024] }
    }

    pub(super) fn fill(&mut self, error: &Error) {
        self.status = error.class() as pf_status;
        self.os_errno = error.os_errno();
        self.line = error.location().line();
        copy_text(&mut self.file, error.location().file());
        copy_text(&mut self.message, &error.to_string());
    }

    /// The message, for Rust callers.
    pub fn message(&self) -> String {
        let bytes: Vec<u8> = self.message.iter().map(|&c| c as u8).take_while(|&b| b != 0).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Default for pf_error {
    fn default() -> Self {
        Self::new()
    }
}

/// The caller's error struct, if there is one and it can be written to.
///
/// # Safety
/// `error` is NULL or points to a `pf_error` that nobody else touches for `'a`.
pub(super) unsafe fn writable<'a>(error: *mut pf_error) -> Result<Option<&'a mut pf_error>, ()> {
    if error.is_null() {
        return Ok(None);
    }
    // All fields are of the first release, so a smaller struct is not one of ours.
    // SAFETY: `struct_size` is read only once the pointer is known to be aligned.
    if !is_aligned(error) || unsafe { (*error).struct_size as usize } < size_of::<pf_error>() {
        return Err(());
    }
    // SAFETY: the caller's promise, and the size has been checked.
    Ok(Some(unsafe { &mut *error }))
}

fn copy_text(to: &mut [c_char], text: &str) {
    let mut end = text.len().min(to.len() - 1);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    // A NUL inside would end the text early for C.
    for (to, from) in to.iter_mut().zip(text.as_bytes()[..end].iter()) {
        *to = if *from == 0 { b'?' as c_char } else { *from as c_char };
    }
    to[end] = 0;
}

/// The name of a status, such as "PF_ERR_NO_SPACE"; "unknown status" for any other number.
///
/// The result is static and never NULL. Never blocks; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pf_status_name(status: pf_status) -> *const c_char {
    let name: &CStr = match status {
        PF_OK => c"PF_OK",
        PF_FULL => c"PF_FULL",
        PF_OVERSIZED => c"PF_OVERSIZED",
        PF_TIMEOUT => c"PF_TIMEOUT",
        PF_ERR_INVALID_ARGUMENT => c"PF_ERR_INVALID_ARGUMENT",
        PF_ERR_SCHEMA_MISMATCH => c"PF_ERR_SCHEMA_MISMATCH",
        PF_ERR_TYPE_MISMATCH => c"PF_ERR_TYPE_MISMATCH",
        PF_ERR_BAD_UTF8 => c"PF_ERR_BAD_UTF8",
        PF_ERR_CLOSED => c"PF_ERR_CLOSED",
        PF_ERR_POISONED => c"PF_ERR_POISONED",
        PF_ERR_STALE_HANDLE => c"PF_ERR_STALE_HANDLE",
        PF_ERR_FORKED => c"PF_ERR_FORKED",
        PF_ERR_NOT_FOUND => c"PF_ERR_NOT_FOUND",
        PF_ERR_PERMISSION => c"PF_ERR_PERMISSION",
        PF_ERR_NO_SPACE => c"PF_ERR_NO_SPACE",
        PF_ERR_IO => c"PF_ERR_IO",
        PF_ERR_CORRUPT => c"PF_ERR_CORRUPT",
        PF_ERR_UNSUPPORTED => c"PF_ERR_UNSUPPORTED",
        PF_ERR_OUT_OF_MEMORY => c"PF_ERR_OUT_OF_MEMORY",
        PF_ERR_CONFLICT => c"PF_ERR_CONFLICT",
        PF_ERR_INTERNAL => c"PF_ERR_INTERNAL",
        _ => c"unknown status",
    };
    name.as_ptr()
}

// The classes cross the boundary as the constants above.
const _: () = {
    assert!(ErrorClass::InvalidArgument as i32 == PF_ERR_INVALID_ARGUMENT);
    assert!(ErrorClass::SchemaMismatch as i32 == PF_ERR_SCHEMA_MISMATCH);
    assert!(ErrorClass::TypeMismatch as i32 == PF_ERR_TYPE_MISMATCH);
    assert!(ErrorClass::BadUtf8 as i32 == PF_ERR_BAD_UTF8);
    assert!(ErrorClass::Closed as i32 == PF_ERR_CLOSED);
    assert!(ErrorClass::Poisoned as i32 == PF_ERR_POISONED);
    assert!(ErrorClass::StaleHandle as i32 == PF_ERR_STALE_HANDLE);
    assert!(ErrorClass::Forked as i32 == PF_ERR_FORKED);
    assert!(ErrorClass::NotFound as i32 == PF_ERR_NOT_FOUND);
    assert!(ErrorClass::Permission as i32 == PF_ERR_PERMISSION);
    assert!(ErrorClass::NoSpace as i32 == PF_ERR_NO_SPACE);
    assert!(ErrorClass::Io as i32 == PF_ERR_IO);
    assert!(ErrorClass::Corrupt as i32 == PF_ERR_CORRUPT);
    assert!(ErrorClass::Unsupported as i32 == PF_ERR_UNSUPPORTED);
    assert!(ErrorClass::OutOfMemory as i32 == PF_ERR_OUT_OF_MEMORY);
    assert!(ErrorClass::Conflict as i32 == PF_ERR_CONFLICT);
    assert!(ErrorClass::Internal as i32 == PF_ERR_INTERNAL);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_cut_at_a_character() {
        let mut error = pf_error::new();
        error.fill(&Error::invalid("é".repeat(2000)));
        assert_eq!(error.message(), "é".repeat(511));
        assert_eq!(error.message[1023], 0);
    }
}
