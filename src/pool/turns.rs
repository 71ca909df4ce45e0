//! Who writes when: a few at once where storage is fast, as a thread each for a thousand small writes would cost
//! more than the writes; as many as there are where it makes them wait, so that a slow one costs no other its turn.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// A write that takes longer waits for storage, not for a CPU.
pub const PATIENCE: Duration = Duration::from_millis(5);

/// The queue before storage.
pub struct Turns<T> {
    at_once: usize,
    patience: Duration,
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    queued: VecDeque<T>,
    /// When the writes under way began, the oldest first.
    running: Vec<Instant>,
    /// A thread has come, or will, to take what is queued when its turn comes.
    watched: bool,
}

impl<T> Turns<T> {
    /// Lets so many write at once, and two more for each that has been at it for longer than `patience`.
    pub fn new(at_once: usize, patience: Duration) -> Self {
        let state = State { queued: VecDeque::new(), running: Vec::new(), watched: false };
        Turns { at_once, patience, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Queues a write. Whether a thread is to come and [`work`](Self::work).
    #[must_use]
    pub fn push(&self, item: T) -> bool {
        let mut state = self.state.lock();
        state.queued.push_back(item);
        !std::mem::replace(&mut state.watched, true)
    }

    /// Writes what is queued when its turn comes, until nothing is or another thread waits for the next turn;
    /// `call` makes another come and do so.
    pub fn work(&self, write: impl Fn(T), call: impl Fn()) {
        let mut state = self.state.lock();
        let mut watches = true;
        while !state.queued.is_empty() {
            if let Err(next) = self.turn(&state.running) {
                if state.watched && !watches {
                    return;
                }
                (state.watched, watches) = (true, true);
                self.changed.wait_until(&mut state, next);
                continue;
            }
            let item = state.queued.pop_front();
            let start = Instant::now();
            state.running.push(start);
            if std::mem::take(&mut watches) {
                state.watched = !state.queued.is_empty();
                if state.watched {
                    call();
                }
            }
            drop(state);
            item.into_iter().for_each(&write);
            state = self.state.lock();
            let at = state.running.partition_point(|&other| other < start);
            state.running.remove(at);
        }
        if watches {
            state.watched = false;
        }
    }

    /// Whether one more may write; else when the oldest of those that fill the room has lost patience.
    fn turn(&self, running: &[Instant]) -> Result<(), Instant> {
        let now = Instant::now();
        let slow = running.partition_point(|&start| now - start >= self.patience);
        match running.get(slow) {
            Some(&oldest) if running.len() >= self.at_once + 2 * slow => Err(oldest + self.patience),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Barrier};
    use std::thread;

    /// Does a write for each of so many items; each thread that is called for is one of its own.
    fn write(turns: &Arc<Turns<usize>>, items: usize, body: impl Fn(usize) + Clone + Send + Sync + 'static) {
        let left = Arc::new((Mutex::new(items), Condvar::new()));
        fn come(
            turns: Arc<Turns<usize>>,
            left: Arc<(Mutex<usize>, Condvar)>,
            body: impl Fn(usize) + Clone + Send + 'static,
        ) {
            thread::spawn(move || {
                let write = |item| {
                    body(item);
                    *left.0.lock() -= 1;
                    left.1.notify_all();
                };
                turns.work(write, || come(turns.clone(), left.clone(), body.clone()));
            });
        }
        for item in 0..items {
            if turns.push(item) {
                come(turns.clone(), left.clone(), body.clone());
            }
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut count = left.0.lock();
        while *count > 0 {
            assert!(!left.1.wait_until(&mut count, deadline).timed_out(), "{count} writes never came");
        }
    }

    #[test]
    fn few_write_at_once_where_storage_is_fast() {
        let turns = Arc::new(Turns::new(3, Duration::from_secs(3600)));
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let most_at_once = most.clone();
        write(&turns, 2000, move |_| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::yield_now();
            now.fetch_sub(1, Ordering::SeqCst);
        });
        assert!((1..=3).contains(&most_at_once.load(Ordering::SeqCst)), "{most_at_once:?} at once");
    }

    #[test]
    fn storage_that_waits_keeps_no_other_from_its_turn() {
        const ITEMS: usize = 100;
        let turns = Arc::new(Turns::new(3, Duration::from_millis(1)));
        // None ends before all have begun.
        let all = Arc::new(Barrier::new(ITEMS));
        write(&turns, ITEMS, move |_| {
            all.wait();
        });
        // And it is as before.
        write(&turns, ITEMS, |_| {});
    }
}
