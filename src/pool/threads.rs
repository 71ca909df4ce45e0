//! libflow's own threads: named, with the host's signals blocked.

use std::mem::MaybeUninit;
use std::ptr;
use std::thread::{self, JoinHandle};

pub use self::cpus::pin;
use self::cpus::{CPUS, affinity, is_set};
use crate::error::{Error, Result};

/// Runs `spawn` with every signal blocked that a handler of the host could want, so that the threads
/// it starts inherit the mask and no handler ever runs on them. Faults stay unblocked.
fn with_signals_blocked<T>(spawn: impl FnOnce() -> T) -> T {
    let mut blocked = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both sets are initialised by these calls before they are read.
    unsafe {
        libc::sigfillset(blocked.as_mut_ptr());
        for fault in [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL] {
            libc::sigdelset(blocked.as_mut_ptr(), fault);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, blocked.as_ptr(), before.as_mut_ptr());
    }
    let result = spawn();
    // SAFETY: `before` was filled by the call above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    result
}

/// Starts a thread of libflow's.
pub fn spawn_thread<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>> {
    spawn(thread::Builder::new().name(name.to_owned()), name, body)
}

/// The same with a stack of so many bytes.
pub fn spawn_thread_with(
    name: &str,
    stack_bytes: usize,
    body: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>> {
    spawn(thread::Builder::new().name(name.to_owned()).stack_size(stack_bytes), name, body)
}

fn spawn<T: Send + 'static>(
    builder: thread::Builder,
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>> {
    with_signals_blocked(|| builder.spawn(body)).map_err(|e| Error::io(&e, format!("starting thread {name}")))
}

/// Whether this process may use the CPUs; none is fine.
pub fn check_cpus(option: &str, cpus: &[usize]) -> Result<()> {
    if cpus.is_empty() {
        return Ok(());
    }
    let allowed = affinity().map_err(|e| Error::io(&e, "reading the CPUs that this thread may use"))?;
    match cpus.iter().find(|&&cpu| !is_set(cpu, &allowed)) {
        None => Ok(()),
        Some(cpu) => {
            let of: Vec<_> = (0..CPUS).filter(|&cpu| is_set(cpu, &allowed)).collect();
            Err(Error::invalid(format!(
                "{option} has {cpu}, but this thread may use {of:?}; choose of those"
            )))
        }
    }
}

#[cfg(target_os = "linux")]
mod cpus {
    use std::io;
    use std::mem::{size_of, zeroed};

    /// CPUs that a set can name.
    pub const CPUS: usize = 8 * size_of::<libc::cpu_set_t>();

    pub fn is_set(cpu: usize, set: &libc::cpu_set_t) -> bool {
        // SAFETY: the number is one that the set has a bit for.
        cpu < CPUS && unsafe { libc::CPU_ISSET(cpu, set) }
    }

    pub fn affinity() -> io::Result<libc::cpu_set_t> {
        // SAFETY: a set of no CPUs is all zeros.
        let mut set = unsafe { zeroed::<libc::cpu_set_t>() };
        // SAFETY: the set is writable for its size.
        match unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set) } {
            0 => Ok(set),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Lets this thread run on these CPUs only; none: where it may already. A CPU that has gone since they
    /// were checked is no reason to fail.
    pub fn pin(cpus: &[usize]) {
        if cpus.is_empty() {
            return;
        }
        // SAFETY: a set of no CPUs is all zeros, and the numbers have been checked.
        unsafe {
            let mut set = zeroed::<libc::cpu_set_t>();
            cpus.iter().for_each(|&cpu| libc::CPU_SET(cpu, &mut set));
            libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod cpus {
    use std::io;

    pub const CPUS: usize = 0;

    pub fn is_set(_: usize, (): &()) -> bool {
        false
    }

    pub fn affinity() -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn pin(_: &[usize]) {}
}
