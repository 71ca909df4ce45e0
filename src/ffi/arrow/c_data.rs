//! The structs of Arrow's C data and C stream interfaces, as their specification lays them out, and
//! the move that takes them from the caller.

use std::ffi::{c_char, c_int, c_void};

use arrow_schema::ffi::FFI_ArrowSchema;

use crate::error::{Error, Result};
use crate::ffi::input::is_aligned;

#[repr(C)]
pub struct ArrowSchema {
    pub format: *const c_char,
    pub name: *const c_char,
    pub metadata: *const c_char,
    pub flags: i64,
    pub n_children: i64,
    pub children: *mut *mut ArrowSchema,
    pub dictionary: *mut ArrowSchema,
    pub release: Option<unsafe extern "C" fn(*mut ArrowSchema)>,
    pub private_data: *mut c_void,
}

#[repr(C)]
pub struct ArrowArray {
    pub length: i64,
    pub null_count: i64,
    pub offset: i64,
    pub n_buffers: i64,
    pub n_children: i64,
    pub buffers: *mut *const c_void,
    pub children: *mut *mut ArrowArray,
    pub dictionary: *mut ArrowArray,
    pub release: Option<unsafe extern "C" fn(*mut ArrowArray)>,
    pub private_data: *mut c_void,
}

#[repr(C)]
pub struct ArrowArrayStream {
    pub get_schema: Option<unsafe extern "C" fn(*mut ArrowArrayStream, *mut ArrowSchema) -> c_int>,
    pub get_next: Option<unsafe extern "C" fn(*mut ArrowArrayStream, *mut ArrowArray) -> c_int>,
    pub get_last_error: Option<unsafe extern "C" fn(*mut ArrowArrayStream) -> *const c_char>,
    pub release: Option<unsafe extern "C" fn(*mut ArrowArrayStream)>,
    pub private_data: *mut c_void,
}

// A schema that has been checked is read through arrow-schema's struct of the same layout.
const _: () = assert!(size_of::<ArrowSchema>() == size_of::<FFI_ArrowSchema>());

// SAFETY: the specification lets a consumer release from any thread; nothing else is mutable.
unsafe impl Send for ArrowArray {}
// SAFETY: as above.
unsafe impl Sync for ArrowArray {}

/// A struct that owns what it points to until its `release` is called, which sets that to NULL.
pub trait CData: Sized {
    const NAME: &'static str;
    /// A released struct, for a producer to fill.
    const RELEASED: Self;
    fn is_released(&self) -> bool;
    fn forget(&mut self);
}

macro_rules! c_data {
    ($name:ident { $($field:ident: $none:expr),* }) => {
        impl CData for $name {
            const NAME: &'static str = stringify!($name);
            const RELEASED: Self = $name { $($field: $none,)* release: None, private_data: std::ptr::null_mut() };

            fn is_released(&self) -> bool {
                self.release.is_none()
            }

            fn forget(&mut self) {
                self.release = None;
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                if let Some(release) = self.release {
                    // SAFETY: the producer's own function, called once: a moved struct is forgotten.
                    unsafe { release(self) }
                }
            }
        }
    };
}

c_data!(ArrowSchema {
    format: std::ptr::null(),
    name: std::ptr::null(),
    metadata: std::ptr::null(),
    flags: 0,
    n_children: 0,
    children: std::ptr::null_mut(),
    dictionary: std::ptr::null_mut()
});
c_data!(ArrowArray {
    length: 0,
    null_count: 0,
    offset: 0,
    n_buffers: 0,
    n_children: 0,
    buffers: std::ptr::null_mut(),
    children: std::ptr::null_mut(),
    dictionary: std::ptr::null_mut()
});
c_data!(ArrowArrayStream { get_schema: None, get_next: None, get_last_error: None });

/// Moves a struct out of the caller's memory, whose `release` becomes NULL. Dropping it releases it.
///
/// # Safety
/// `pointer`, unless NULL or misaligned, points to a struct that nobody else touches.
pub unsafe fn take<T: CData>(pointer: *mut T, argument: &str) -> Result<T> {
    if pointer.is_null() || !is_aligned(pointer) {
        let what = if pointer.is_null() { "NULL" } else { "misaligned" };
        return Err(Error::invalid(format!("{argument} is {what}; pass the address of an {}", T::NAME)));
    }
    // SAFETY: the caller's promise; the original is forgotten, so it is released once.
    let moved = unsafe {
        let moved = std::ptr::read(pointer);
        (*pointer).forget();
        moved
    };
    if moved.is_released() {
        return Err(Error::invalid(format!(
            "{argument} was released or moved before: its release is NULL; export it again"
        )));
    }
    Ok(moved)
}

/// Child `i` of `count`, or a dictionary: a struct that the parent owns.
///
/// # Safety
/// `pointer`, unless NULL or misaligned, points to a struct that outlives `'a`.
pub unsafe fn part<'a, T: CData>(pointer: *const T, what: &str) -> Result<&'a T> {
    if pointer.is_null() || !is_aligned(pointer) {
        let wrong = if pointer.is_null() { "NULL" } else { "misaligned" };
        return Err(Error::invalid(format!("{what} is {wrong}; it must point to an {}", T::NAME)));
    }
    // SAFETY: the caller's promise.
    let part = unsafe { &*pointer };
    if part.is_released() {
        return Err(Error::invalid(format!("{what} was released or moved out of its parent")));
    }
    Ok(part)
}

/// The elements of a C array of `count` pointers; what `count` says has been checked.
///
/// # Safety
/// `pointers`, unless NULL or misaligned, is readable for `count` pointers for `'a`.
pub unsafe fn pointers<'a, T>(pointers: *const T, count: usize, what: &str) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    if pointers.is_null() || !is_aligned(pointers) {
        let wrong = if pointers.is_null() { "NULL" } else { "misaligned" };
        return Err(Error::invalid(format!("{what} is {wrong}, but {count} are said to be there")));
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(pointers, count) })
}
