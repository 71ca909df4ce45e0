//! Forces a part to disk as it grows, on a thread of its own, so that no encoder waits for the disk.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// When what has been written is forced to disk, before the part ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncEvery {
    /// Once it is so many bytes. Twice as many wait at most: a write beyond that waits for the disk.
    pub bytes: Option<usize>,
    /// Once it was written so long ago.
    pub interval: Option<Duration>,
}

impl SyncEvery {
    /// Whether it ever is.
    pub fn is_given(&self) -> bool {
        self.bytes.is_some() || self.interval.is_some()
    }
}

/// The writer's side of the thread. Dropped, it ends the thread and waits for it.
#[derive(Debug)]
pub struct Background {
    shared: Arc<Shared>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes that are not known to be on disk.
    unsynced: usize,
    /// When the first of them were written that no call under way takes along.
    since: Option<Instant>,
    /// Kept, as the next call would succeed without what this one lost.
    error: Option<io::Error>,
    ending: bool,
    ended: bool,
}

/// The thread has ended, or never began.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.state.lock().ended = true;
        self.0.changed.notify_all();
    }
}

impl Background {
    /// Also returns what the thread has to run; `sync` forces to disk.
    pub fn new(
        every: SyncEvery,
        mut sync: impl FnMut() -> io::Result<()> + Send + 'static,
    ) -> (Self, impl FnOnce() + Send + 'static) {
        let shared = Arc::<Shared>::default();
        let bytes = every.bytes.unwrap_or(usize::MAX);
        let ended = Ended(shared.clone());
        let run = move || {
            while let Some(taken) = ended.0.wait_due(bytes, every.interval) {
                let synced = sync();
                if !ended.0.took(taken, synced) {
                    break;
                }
            }
            drop(sync); // before anybody learns that the thread has ended
            drop(ended);
        };
        (Background { shared, bytes }, run)
    }

    /// So many bytes were written. Fails if what was written before could not be forced to disk.
    pub fn wrote(&self, bytes: usize) -> io::Result<()> {
        let mut state = self.shared.state.lock();
        state.unsynced += bytes;
        state.since.get_or_insert_with(Instant::now);
        self.shared.changed.notify_all();
        while state.unsynced > self.bytes.saturating_mul(2) && !state.ended {
            self.shared.changed.wait(&mut state);
        }
        state.result()
    }

    /// Ends the thread. What is left is the caller's to force to disk.
    pub fn end(self) -> io::Result<()> {
        self.wait_ended();
        self.shared.state.lock().result()
    }

    fn wait_ended(&self) {
        let mut state = self.shared.state.lock();
        state.ending = true;
        self.shared.changed.notify_all();
        while !state.ended {
            self.shared.changed.wait(&mut state);
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.wait_ended();
    }
}

impl Shared {
    /// Waits until it is time; returns the bytes to force to disk. None: no more are to be.
    fn wait_due(&self, bytes: usize, interval: Option<Duration>) -> Option<usize> {
        let mut state = self.state.lock();
        loop {
            // What overflows a clock never comes.
            let due = state.since.zip(interval).and_then(|(since, interval)| since.checked_add(interval));
            match due {
                _ if state.ending => return None,
                _ if state.unsynced >= bytes => break,
                Some(due) if due <= Instant::now() => break,
                Some(due) => drop(self.changed.wait_until(&mut state, due)),
                None => self.changed.wait(&mut state),
            }
        }
        state.since = None;
        Some(state.unsynced)
    }

    /// Whether there may be more.
    fn took(&self, bytes: usize, synced: io::Result<()>) -> bool {
        let mut state = self.state.lock();
        match synced {
            Ok(()) => state.unsynced -= bytes,
            Err(error) => state.error = Some(error),
        }
        self.changed.notify_all();
        state.error.is_none()
    }
}

impl State {
    fn result(&self) -> io::Result<()> {
        match &self.error {
            None => Ok(()),
            Some(error) => {
                Err(error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::thread;

    const NEVER: SyncEvery = SyncEvery { bytes: None, interval: None };

    #[test]
    fn bytes_are_forced_out_and_twice_as_many_wait() {
        let (written, synced) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (seen, taken) = (written.clone(), synced.clone());
        let sync = move || {
            taken.store(seen.load(Ordering::SeqCst), Ordering::SeqCst);
            Ok(())
        };
        let (background, run) = Background::new(SyncEvery { bytes: Some(100), ..NEVER }, sync);
        let thread = thread::spawn(run);
        for _ in 0..1000 {
            written.fetch_add(30, Ordering::SeqCst);
            background.wrote(30).unwrap();
            let unsynced = written.load(Ordering::SeqCst) - synced.load(Ordering::SeqCst);
            assert!(unsynced <= 200, "{unsynced} bytes are not on disk");
        }
        background.end().unwrap();
        thread.join().unwrap();
    }

    #[test]
    fn what_was_written_is_forced_out_after_a_while_and_not_without_need() {
        let (tell, told) = mpsc::channel();
        let sync = move || tell.send(()).map_err(io::Error::other);
        let interval = Some(Duration::from_millis(1));
        let (background, run) = Background::new(SyncEvery { interval, ..NEVER }, sync);
        let thread = thread::spawn(run);
        for _ in 0..3 {
            background.wrote(1).unwrap();
            told.recv().unwrap();
        }
        background.end().unwrap();
        thread.join().unwrap();
        assert_eq!(told.try_iter().count(), 0);
    }

    #[test]
    fn an_error_is_kept() {
        let every = SyncEvery { bytes: Some(1), ..NEVER };
        let (background, run) = Background::new(every, || Err(io::Error::from_raw_os_error(libc::EIO)));
        let thread = thread::spawn(run);
        while background.wrote(1).is_ok() {}
        assert_eq!(background.wrote(1).unwrap_err().raw_os_error(), Some(libc::EIO));
        assert_eq!(background.end().unwrap_err().raw_os_error(), Some(libc::EIO));
        thread.join().unwrap();
    }

    #[test]
    fn a_thread_that_never_began_is_not_waited_for() {
        let (background, run) = Background::new(SyncEvery { bytes: Some(1), ..NEVER }, || Ok(()));
        drop(run);
        background.wrote(10).unwrap();
        background.end().unwrap();
    }
}
