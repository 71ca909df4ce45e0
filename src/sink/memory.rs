//! A lane's memory: a control block, and behind it a ring of bytes that is mapped twice in a row, so that
//! whatever begins in the ring lies in one piece, over its end too.
//!
//! ```text
//!   file      [control][ring      ]
//!   memory    [control][ring      ][ring again]
//! ```
//!
//! All of it is a file of the kernel's: one in memory, or one with a name, which outlives the process.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::ptr;

/// Bytes of a huge page on the machines that have them.
const HUGE: usize = 2 << 20;

/// The mapping. Dropped, it goes; its file stays if it has a name.
#[derive(Debug)]
pub struct Mapping {
    start: *mut u8,
    control: usize,
    ring: usize,
    file: File,
}

// SAFETY: plain memory; who may touch what is the lane's protocol.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Memory without a name: `control` bytes and a ring of at least `ring`, all zero. In huge pages if that is
    /// wanted and there are some.
    pub fn new(control: usize, ring: usize, huge: bool) -> io::Result<Self> {
        if huge && let Ok(mapping) = Mapping::of_memory(control, ring, HUGE) {
            return Ok(mapping);
        }
        Mapping::of_memory(control, ring, page())
    }

    fn of_memory(control: usize, ring: usize, granule: usize) -> io::Result<Self> {
        let (control, ring) = sizes(control, ring, granule);
        let file = memory_file(c"libflow-lane", granule == HUGE)?;
        file.set_len((control + ring) as u64)?;
        Mapping::of(file, control, ring)
    }

    /// A file that is to outlive the process. It gets its space at once, lest a store meet a full disk.
    pub fn create(file: File, control: usize, ring: usize) -> io::Result<Self> {
        let (control, ring) = sizes(control, ring, page());
        // SAFETY: the descriptor is open.
        match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, (control + ring) as libc::off_t) } {
            0 => Mapping::of(file, control, ring),
            errno => Err(io::Error::from_raw_os_error(errno)),
        }
    }

    /// A file that [`Mapping::create`] made, maybe in another process.
    pub fn open(file: File, control: usize) -> io::Result<Self> {
        let (control, _) = sizes(control, 1, page());
        let ring = (file.metadata()?.len() as usize).saturating_sub(control);
        if !ring.is_power_of_two() || ring < page() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a lane: its size is wrong"));
        }
        Mapping::of(file, control, ring)
    }

    fn of(file: File, control: usize, ring: usize) -> io::Result<Self> {
        let all = control + 2 * ring;
        // Somewhere in the address space there is room for all, aligned for huge pages too.
        // SAFETY: a new mapping, that nobody can reach.
        let room = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
            checked(libc::mmap(ptr::null_mut(), all + HUGE, libc::PROT_NONE, flags, -1, 0))?
        };
        let before = room.align_offset(HUGE);
        // SAFETY: both rests are of the mapping above, and of whole pages.
        unsafe {
            let end = room.add(before + all);
            if before > 0 {
                libc::munmap(room.cast(), before);
            }
            if before < HUGE {
                libc::munmap(end.cast(), HUGE - before);
            }
        }
        // From here on, dropping it gives the room back.
        let mapping = Mapping { start: room.wrapping_add(before), control, ring, file };
        mapping.map(0, 0, control + ring)?;
        mapping.map(control + ring, control, ring)?;
        mapping.prefault();
        Ok(mapping)
    }

    /// Maps bytes of the file over what is `at` in the mapping.
    fn map(&self, at: usize, of_file: usize, len: usize) -> io::Result<()> {
        let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_FIXED);
        let fd = self.file.as_raw_fd();
        // SAFETY: inside the room, which is ours.
        unsafe { checked(libc::mmap(self.start.add(at).cast(), len, access, flags, fd, of_file as _)) }
            .map(drop)
    }

    /// Has every page there before the first record, in both places, ready to be written.
    fn prefault(&self) {
        for at in (0..self.control + 2 * self.ring).step_by(page()) {
            // SAFETY: inside the mapping. Adding nothing is a write, and harms nobody who writes here, too.
            unsafe { std::sync::atomic::AtomicU8::from_ptr(self.start.add(at)) }
                .fetch_or(0, std::sync::atomic::Ordering::Relaxed);
        }
    }

    /// Where the control block is.
    pub fn control(&self) -> *mut u8 {
        self.start
    }

    /// Where the ring begins.
    pub fn ring(&self) -> *mut u8 {
        self.start.wrapping_add(self.control)
    }

    /// Bytes of the ring: a power of two.
    pub fn ring_len(&self) -> usize {
        self.ring
    }

    /// Forces all of it to disk, if it has a name.
    pub fn sync(&self) -> io::Result<()> {
        // Stores into a shared mapping are the file's: no other call is needed to hand them over.
        self.file.sync_data()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped above, whole, and nobody has it any more.
        unsafe { libc::munmap(self.start.cast(), self.control + 2 * self.ring) };
    }
}

/// Whole pages for either, and a ring whose positions can be masked.
fn sizes(control: usize, ring: usize, granule: usize) -> (usize, usize) {
    (control.next_multiple_of(granule), ring.max(granule).next_power_of_two())
}

fn page() -> usize {
    // SAFETY: always to be asked.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

fn checked(mapped: *mut libc::c_void) -> io::Result<*mut u8> {
    if mapped == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(mapped.cast()) }
}

#[cfg(target_os = "linux")]
fn memory_file(name: &CStr, huge: bool) -> io::Result<File> {
    let flags = libc::MFD_CLOEXEC | if huge { libc::MFD_HUGETLB } else { 0 };
    // SAFETY: the name is NUL-terminated.
    match unsafe { libc::memfd_create(name.as_ptr(), flags) } {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: just opened, and nobody else's.
        fd => Ok(unsafe { File::from_raw_fd(fd) }),
    }
}

/// A file that has lost its name.
#[cfg(not(target_os = "linux"))]
fn memory_file(name: &CStr, huge: bool) -> io::Result<File> {
    if huge {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let path = std::env::temp_dir().join(format!("{}-{:p}", name.to_string_lossy(), &raw const huge));
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_over_the_end_is_at_the_beginning() {
        for huge in [false, true] {
            let mapping = Mapping::new(100, 5000, huge).unwrap();
            let len = mapping.ring_len();
            assert!(len >= 5000 && len.is_power_of_two());
            // SAFETY: inside both views, and nobody else has them.
            unsafe {
                ptr::copy_nonoverlapping([1u8, 2, 3, 4].as_ptr(), mapping.ring().add(len - 2), 4);
                assert_eq!(std::slice::from_raw_parts(mapping.ring(), 2), [3, 4]);
                assert_eq!(std::slice::from_raw_parts(mapping.ring().add(2 * len - 2), 2), [1, 2]);
                assert_eq!(*mapping.control(), 0);
            }
        }
    }

    #[test]
    fn a_file_outlives_its_mapping() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lane");
        let open =
            || File::options().read(true).write(true).create(true).truncate(false).open(&path).unwrap();
        let mapping = Mapping::create(open(), 100, 5000).unwrap();
        let len = mapping.ring_len();
        // SAFETY: inside, and nobody else has it.
        unsafe { *mapping.ring().add(len + 7) = 5 };
        drop(mapping);
        let mapping = Mapping::open(open(), 100).unwrap();
        assert_eq!(mapping.ring_len(), len);
        // SAFETY: as above.
        assert_eq!(unsafe { *mapping.ring().add(7) }, 5);
        mapping.sync().unwrap();
        std::fs::write(&path, [0; 5000]).unwrap();
        assert_eq!(Mapping::open(open(), 100).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
