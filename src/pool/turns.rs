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
        if state.watched && self.turn(&state.running).is_ok() {
            // It may be waiting for the patience with writes that have ended since.
            self.changed.notify_one();
        }
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
    use std::sync::{Arc, Barrier, mpsc};
    use std::thread;

    type Write = Box<dyn FnOnce() + Send>;

    /// A thread of its own comes for each that is called for.
    fn come(turns: Arc<Turns<Write>>) {
        thread::spawn(move || turns.work(|write| write(), || come(turns.clone())));
    }

    /// Does so many writes.
    fn write(turns: &Arc<Turns<Write>>, count: usize, body: impl Fn() + Clone + Send + 'static) {
        let (tell, told) = mpsc::channel();
        for _ in 0..count {
            let (body, tell) = (body.clone(), tell.clone());
            let write = move || {
                body();
                tell.send(()).unwrap();
            };
            if turns.push(Box::new(write)) {
                come(turns.clone());
            }
        }
        for done in 0..count {
            let more = told.recv_timeout(Duration::from_secs(60));
            assert!(more.is_ok(), "{} writes never came", count - done);
        }
    }

    #[test]
    fn few_write_at_once_where_storage_is_fast() {
        let turns = Arc::new(Turns::new(3, Duration::from_secs(3600)));
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let most_at_once = most.clone();
        write(&turns, 2000, move || {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::yield_now();
            now.fetch_sub(1, Ordering::SeqCst);
        });
        assert!((1..=3).contains(&most_at_once.load(Ordering::SeqCst)), "{most_at_once:?} at once");
        // Nobody waits for the patience with what has ended.
        write(&turns, 2000, || {});
    }

    #[test]
    fn storage_that_waits_keeps_no_other_from_its_turn() {
        const ITEMS: usize = 100;
        let turns = Arc::new(Turns::new(3, Duration::from_millis(1)));
        // None ends before all have begun.
        let all = Arc::new(Barrier::new(ITEMS));
        write(&turns, ITEMS, move || {
            all.wait();
        });
        // And it is as before.
        write(&turns, ITEMS, || {});
    }
}
