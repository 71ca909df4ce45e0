//! Memory that a forked child finds empty.

use std::io;
use std::ptr::{self, NonNull};

/// A value in pages of its own, whose address stays. In a forked child the pages are all zeros, if the system can
/// do that: for values of which zeros are one, and say that they are of no use.
pub struct Forgotten<T>(NonNull<T>);

// SAFETY: it owns the value.
unsafe impl<T: Send> Send for Forgotten<T> {}
// SAFETY: it gives no reference away, only the address.
unsafe impl<T> Sync for Forgotten<T> {}

impl<T> Forgotten<T> {
    pub fn new(value: T) -> io::Result<Self> {
        let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping, which begins at a page; the value fits and is moved in.
        unsafe {
            let pages = libc::mmap(ptr::null_mut(), size_of::<T>(), access, flags, -1, 0);
            if pages == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            #[cfg(target_os = "linux")]
            libc::madvise(pages, size_of::<T>(), libc::MADV_WIPEONFORK);
            let place = NonNull::new_unchecked(pages.cast::<T>());
            place.write(value);
            Ok(Forgotten(place))
        }
    }

    pub fn address(&self) -> *mut T {
        self.0.as_ptr()
    }
}

impl<T> Drop for Forgotten<T> {
    fn drop(&mut self) {
        // SAFETY: mapped and written in `new`; nobody has the address any more.
        unsafe {
            self.0.drop_in_place();
            libc::munmap(self.0.as_ptr().cast(), size_of::<T>());
        }
    }
}
