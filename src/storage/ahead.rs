//! What a file system does sooner for the asking. It need not: nothing depends on these calls but speed.

use std::fs::File;

/// Takes space on the disk for `bytes` from `start` on, which costs less at once than page by page as they are
/// written. Does not change the file's size. Whether there was space.
#[cfg(target_os = "linux")]
pub fn reserve(file: &File, start: u64, bytes: u64) -> bool {
    use std::os::fd::AsRawFd;
    let (fd, flags) = (file.as_raw_fd(), libc::FALLOC_FL_KEEP_SIZE);
    // SAFETY: the descriptor is open.
    unsafe { libc::fallocate(fd, flags, start as libc::off_t, bytes as libc::off_t) == 0 }
}

#[cfg(not(target_os = "linux"))]
pub fn reserve(_: &File, _: u64, _: u64) -> bool {
    false
}

/// Starts to write `bytes` from `start` on to the disk, so that there is less to wait for in the end.
#[cfg(target_os = "linux")]
pub fn write_back(file: &File, start: u64, bytes: u64) {
    use std::os::fd::AsRawFd;
    let (fd, flags) = (file.as_raw_fd(), libc::SYNC_FILE_RANGE_WRITE);
    // SAFETY: the descriptor is open. What goes wrong, the next sync tells.
    unsafe { libc::sync_file_range(fd, start as libc::off64_t, bytes as libc::off64_t, flags) };
}

#[cfg(not(target_os = "linux"))]
pub fn write_back(_: &File, _: u64, _: u64) {}
