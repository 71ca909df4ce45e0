//! Reads what C passes in: pointers, sizes, strings, size-prefixed structs. All of it is suspect.

use std::ffi::{CStr, c_char};

use crate::error::{Error, ErrorClass, Result};

/// A struct that starts with its size, `struct_size`, or travels in an array beside its element size.
/// All bytes of it are integers or pointers, so any bits are a value.
///
/// # Safety
/// `repr(C)`, no padding, no field for which some bits are invalid.
pub unsafe trait CStruct: Copy {
    /// Its name in the header.
    const NAME: &'static str;
    /// Its size in the first release: smaller ones never existed.
    const MIN_SIZE: usize;
}

/// Longest time that an option gives.
pub const DAY_MS: u64 = 24 * 60 * 60 * 1000;

pub fn is_aligned<T>(pointer: *const T) -> bool {
    pointer.addr().is_multiple_of(align_of::<T>())
}

/// Longest text accepted from C: a string that lost its NUL should not be searched for ever.
const MAX_TEXT: usize = 1 << 16;

/// # Safety
/// `pointer`, unless NULL, is readable up to a NUL.
pub unsafe fn bytes<'a>(pointer: *const c_char, argument: &str) -> Result<&'a [u8]> {
    if pointer.is_null() {
        return Err(Error::invalid(format!("{argument} is NULL; pass a NUL-terminated string")));
    }
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(pointer) }.to_bytes();
    if text.is_empty() || text.len() > MAX_TEXT {
        return Err(Error::invalid(format!("{argument} has {} bytes; give 1 to {MAX_TEXT}", text.len())));
    }
    Ok(text)
}

/// # Safety
/// As [`bytes`].
pub unsafe fn text<'a>(pointer: *const c_char, argument: &str) -> Result<&'a str> {
    // SAFETY: the caller's promise.
    let bytes = unsafe { bytes(pointer, argument) }?;
    std::str::from_utf8(bytes).map_err(|e| {
        Error::new(
            ErrorClass::BadUtf8,
            format!("{argument} \"{}\" is not UTF-8 from byte {}", bytes.escape_ascii(), e.valid_up_to()),
        )
    })
}

/// # Safety
/// `pointer`, unless NULL or `len` is 0, is readable for `len` bytes for `'a`.
pub unsafe fn memory<'a>(pointer: *const u8, len: u64, argument: impl Fn() -> String) -> Result<&'a [u8]> {
    if len == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(Error::invalid(format!("{} is NULL, but {len} bytes are said to be there", argument())));
    }
    if len > isize::MAX as u64 {
        return Err(Error::invalid(format!("{}: {len} bytes are more than memory can hold", argument())));
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(pointer, len as usize) })
}

/// Where an output goes.
///
/// # Safety
/// `out`, unless NULL, is writable for `'a`.
pub unsafe fn output<'a, T>(out: *mut T, argument: &str) -> Result<&'a mut T> {
    if out.is_null() || !is_aligned(out) {
        let what = if out.is_null() { "NULL" } else { "misaligned" };
        return Err(Error::invalid(format!("{argument} is {what}; pass the address of a variable")));
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { &mut *out })
}

/// A size-prefixed struct of options; NULL means the defaults. Older, shorter ones keep the defaults
/// of the fields they lack; newer, longer ones are refused if they ask for what is not known here.
///
/// # Safety
/// `pointer`, unless NULL, is readable for as many bytes as its first four say.
pub unsafe fn options<T: CStruct>(pointer: *const T, defaults: T) -> Result<T> {
    if pointer.is_null() {
        return Ok(defaults);
    }
    check_aligned(pointer)?;
    // SAFETY: the caller's promise; the struct starts with its size.
    let size = unsafe { *pointer.cast::<u32>() } as usize;
    check_size::<T>(size, "struct_size")?;
    // SAFETY: the size has been checked to be what the header says.
    unsafe { copy_in(pointer.cast(), size, defaults) }
}

/// More fields or columns than any file has; a larger count is a field that was never set.
const MAX_ELEMENTS: u64 = 1 << 16;

/// An array of structs whose element size travels beside its count, element by element.
///
/// # Safety
/// `pointer`, unless NULL, is readable for `count * size` bytes while the iterator is used.
pub unsafe fn array<T: CStruct>(
    pointer: *const T,
    count: u64,
    size: u64,
    zero: T,
) -> Result<impl ExactSizeIterator<Item = Result<T>> + Clone> {
    if pointer.is_null() || count == 0 || count > MAX_ELEMENTS {
        return Err(Error::invalid(format!(
            "{count} elements of {} at {pointer:p}; pass 1 to {MAX_ELEMENTS} of them",
            T::NAME
        )));
    }
    check_aligned(pointer)?;
    check_size::<T>(size as usize, "element size")?;
    // SAFETY: the caller's promise.
    Ok((0..count as usize)
        .map(move |i| unsafe { copy_in(pointer.cast::<u8>().add(i * size as usize), size as usize, zero) }))
}

/// Copies a result into the caller's struct, as much of it as the caller knows.
///
/// # Safety
/// `out` is NULL or writable for as many bytes as its first four say.
pub unsafe fn result<T: CStruct>(out: *mut T, value: impl FnOnce(u32) -> T) -> Result<()> {
    if out.is_null() {
        return Ok(());
    }
    // SAFETY: `check_result` has seen a readable size.
    let size = unsafe { *out.cast::<u32>() };
    let value = value(size);
    let len = size_of::<T>().min(size as usize);
    // SAFETY: the caller's struct has `size` bytes.
    unsafe { std::ptr::copy_nonoverlapping((&raw const value).cast::<u8>(), out.cast::<u8>(), len) };
    Ok(())
}

/// Checks the struct that [`result`] will fill, before the work is done.
///
/// # Safety
/// As [`result`].
pub unsafe fn check_result<T: CStruct>(out: *const T) -> Result<()> {
    if out.is_null() {
        return Ok(());
    }
    check_aligned(out)?;
    // SAFETY: the caller's promise.
    check_size::<T>(unsafe { *out.cast::<u32>() } as usize, "struct_size")
}

/// No struct of this library is as long; a larger size is a field that was never set.
const MAX_STRUCT: usize = 4096;

#[track_caller]
fn check_size<T: CStruct>(size: usize, what: &str) -> Result<()> {
    const { assert!(T::MIN_SIZE <= size_of::<T>()) };
    if size < T::MIN_SIZE || size > MAX_STRUCT || !size.is_multiple_of(align_of::<T>()) {
        return Err(Error::invalid(format!(
            "{what} {size} is not one of {}; set it to sizeof({}), {} here",
            T::NAME,
            T::NAME,
            size_of::<T>()
        )));
    }
    Ok(())
}

#[track_caller]
fn check_aligned<T: CStruct>(pointer: *const T) -> Result<()> {
    if is_aligned(pointer) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "the {} at {pointer:p} is not aligned to {} bytes; do not pack it",
        T::NAME,
        align_of::<T>()
    )))
}

/// # Safety
/// `from` is readable for `size` bytes.
unsafe fn copy_in<T: CStruct>(from: *const u8, size: usize, mut value: T) -> Result<T> {
    let known = size_of::<T>();
    // SAFETY: `from` has `size` bytes, `value` has `known`; any bits are a value of a `CStruct`.
    unsafe {
        std::ptr::copy_nonoverlapping(from, (&raw mut value).cast::<u8>(), size.min(known));
        let tail = std::slice::from_raw_parts(from.add(size.min(known)), size.saturating_sub(known));
        if tail.iter().any(|&byte| byte != 0) {
            return Err(Error::new(
                ErrorClass::Unsupported,
                format!(
                    "a newer {} asks for what this libflow does not know; update it or leave the new fields 0",
                    T::NAME
                ),
            ));
        }
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Two {
        struct_size: u32,
        a: u32,
        added_later: u32,
    }

    // SAFETY: three integers.
    unsafe impl CStruct for Two {
        const NAME: &'static str = "two";
        const MIN_SIZE: usize = 8;
    }

    const DEFAULTS: Two = Two { struct_size: 12, a: 1, added_later: 2 };

    fn read(words: &[u32]) -> Result<Two> {
        // SAFETY: every test passes as many bytes as it says, or a size that is refused.
        unsafe { options(words.as_ptr().cast::<Two>(), DEFAULTS) }
    }

    #[test]
    fn older_and_newer_structs_are_read() {
        assert_eq!(read(&[8, 7]).unwrap(), Two { struct_size: 8, a: 7, added_later: 2 });
        assert_eq!(read(&[12, 7, 9]).unwrap(), Two { struct_size: 12, a: 7, added_later: 9 });
        assert_eq!(read(&[20, 7, 9, 0, 0]).unwrap().added_later, 9);
        assert_eq!(read(&[20, 7, 9, 0, 5]).unwrap_err().class(), ErrorClass::Unsupported);
        for size in [0, 4, 9, u32::MAX] {
            assert_eq!(read(&[size, 0, 0]).unwrap_err().class(), ErrorClass::InvalidArgument);
        }
    }
}
