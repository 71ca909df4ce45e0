//! libflow's own threads: named, with the host's signals blocked.

use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::OnceLock;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Runtime};

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
    with_signals_blocked(|| thread::Builder::new().name(name.to_owned()).spawn(body))
        .map_err(|e| Error::io(&e, format!("starting thread {name}")))
}

/// Puts an async task on the pool's runtime, which starts at the first one. There are twice as many
/// threads as cores, so that a task waiting for its disk leaves its core to another.
pub fn spawn_task(task: impl Future<Output = ()> + Send + 'static) -> Result<()> {
    static RUNTIME: OnceLock<io::Result<Runtime>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let cores = thread::available_parallelism().map_or(1, |n| n.get());
        with_signals_blocked(|| {
            Builder::new_multi_thread().worker_threads(2 * cores).thread_name("flow-encode").build()
        })
    });
    match runtime {
        Ok(runtime) => {
            drop(runtime.spawn(task));
            Ok(())
        }
        Err(e) => Err(Error::io(e, "starting the encode pool")),
    }
}
