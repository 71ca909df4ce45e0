//! Room for bytes in flight: a writer's own, inside the pool's, of which batches may have a part.

use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// A number of bytes, what is held of them, and who waits for some.
#[derive(Debug)]
pub struct Room {
    max: usize,
    /// Bytes held at which those who wait are woken.
    low: usize,
    held: AtomicUsize,
    /// Of these, bytes that nobody waits for.
    spared: AtomicUsize,
    high_water: AtomicUsize,
    waiting: AtomicUsize,
    /// Not parking_lot's: a worker that wakes a caller would wait for one that has been handed the lock and has no CPU.
    gate: Mutex<()>,
    changed: Condvar,
}

impl Room {
    pub fn new(max: usize) -> Self {
        Room::refilled_at(max, max)
    }

    /// Of which those who have come to wait get some once an eighth is free: each would be woken for every few bytes
    /// that one of them gets. Not where what is held may depend on who waits.
    pub fn refilled_by_eighths(max: usize) -> Self {
        Room::refilled_at(max, max - max / 8)
    }

    fn refilled_at(max: usize, low: usize) -> Self {
        Room {
            max,
            low,
            held: AtomicUsize::new(0),
            spared: AtomicUsize::new(0),
            high_water: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            gate: Mutex::new(()),
            changed: Condvar::new(),
        }
    }

    pub fn max(&self) -> usize {
        self.max
    }

    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    pub fn high_water(&self) -> usize {
        self.high_water.load(Ordering::Relaxed)
    }

    /// Bytes that are waited for.
    fn counted(&self) -> usize {
        self.held().saturating_sub(self.spared.load(Ordering::Relaxed))
    }

    fn takes(&self, bytes: usize) -> bool {
        self.counted().saturating_add(bytes) <= self.max
    }

    fn take(&self, bytes: usize) {
        let held = self.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.high_water.fetch_max(held, Ordering::Relaxed);
    }

    fn give_back(&self, bytes: usize) {
        let held = self.held.fetch_sub(bytes, Ordering::Relaxed) - bytes;
        if held <= self.low {
            self.wake();
        }
    }

    /// Has nobody wait for so many of the bytes that are held.
    fn spare(&self, bytes: usize) {
        self.spared.fetch_add(bytes, Ordering::Relaxed);
        self.wake();
    }

    /// The same no more.
    fn count(&self, bytes: usize) {
        self.spared.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether those who wait are woken for so many bytes, or would be.
    fn takes_again(&self, bytes: usize) -> bool {
        self.held() <= self.low && self.takes(bytes)
    }

    fn wake(&self) {
        // With the fence of the waiting thread: it sees the change, or is seen here.
        fence(Ordering::SeqCst);
        if self.waiting.load(Ordering::Relaxed) > 0 {
            drop(self.gate.lock());
            self.changed.notify_all();
        }
    }

    fn wait_until(&self, ready: impl Fn() -> bool) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        while !ready() {
            gate = self.changed.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
        drop(gate);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A writer's room and the pool's around it.
#[derive(Clone, Debug)]
pub struct Rooms {
    pub own: Arc<Room>,
    pub pool: Arc<Room>,
    /// The pool's for batches that are not encoded.
    pub batches: Arc<Room>,
    /// Batches of the size that comes that the writer's own has room for, if nobody said how many bytes.
    pub most_batches: Option<usize>,
}

/// Bytes of a writer's batches if nobody said how many: what a cache holds, and what keeps a pool busy, however
/// small they are.
pub const LONG_QUEUE: usize = 32 << 20;
const SHORT_QUEUE: usize = 3 << 20;

/// The part of the pool's room that batches may have. More of them would keep no worker busier: they would
/// only take memory that no cache holds. What is encoded may have the rest while storage is slow.
pub const BATCHES_OF_ALL: usize = 4;

impl Rooms {
    /// Whether so many bytes may come. A writer that holds nothing waits for the workers only, which wait for
    /// nobody: so none waits for another's storage.
    pub fn takes(&self, bytes: usize) -> bool {
        let fits = self.own.held() == 0 || self.own_takes(bytes) && self.pool.takes(bytes);
        fits && self.batches.takes(1) // any batch in its turn, however large
    }

    /// Whether the writer's own room takes so many bytes.
    fn own_takes(&self, bytes: usize) -> bool {
        let enough = self.most_batches.map_or(usize::MAX, |most| bytes.saturating_mul(most).max(SHORT_QUEUE));
        let counted = self.own.counted();
        counted == 0 || counted.saturating_add(bytes) <= self.own.max.min(enough)
    }

    /// Waits until so many bytes may come, or `stop`.
    pub fn wait(&self, bytes: usize, stop: impl Fn() -> bool) {
        let own_takes = || self.own_takes(bytes);
        while !stop() && !self.takes(bytes) {
            match (own_takes(), self.batches.takes(1)) {
                (false, _) => self.own.wait_until(|| stop() || own_takes()),
                (true, false) => self.batches.wait_until(|| stop() || self.batches.takes_again(1)),
                (true, true) => self.pool.wait_until(|| stop() || self.takes(bytes) || !own_takes()),
            }
        }
    }

    /// Lets whoever waits look again.
    pub fn wake(&self) {
        self.own.wake();
        self.pool.wake();
        self.batches.wake();
    }

    /// Counts bytes as in flight, whether there is room or not.
    pub fn hold(&self, bytes: usize) -> Held {
        self.held(bytes, false)
    }

    /// The same of a batch, until it is encoded.
    pub fn hold_batch(&self, bytes: usize) -> Held {
        self.held(bytes, true)
    }

    fn held(&self, bytes: usize, is_batch: bool) -> Held {
        let mut held = Held { rooms: self.clone(), is_batch, is_spared: false, bytes: 0 };
        held.set(bytes);
        held
    }
}

/// Bytes in flight, until dropped.
#[derive(Debug)]
pub struct Held {
    rooms: Rooms,
    is_batch: bool,
    is_spared: bool,
    bytes: usize,
}

impl Held {
    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether its writer's appends need not wait for it.
    pub fn spare(&mut self, is_spared: bool) {
        if std::mem::replace(&mut self.is_spared, is_spared) != is_spared {
            match is_spared {
                true => self.rooms.own.spare(self.bytes),
                false => self.rooms.own.count(self.bytes),
            }
        }
    }

    /// Holds `bytes` from now on.
    pub fn set(&mut self, bytes: usize) {
        let before = std::mem::replace(&mut self.bytes, bytes);
        let batches = self.is_batch.then_some(&self.rooms.batches);
        if self.is_spared {
            self.rooms.own.count(before);
        }
        for room in [&self.rooms.own, &self.rooms.pool].into_iter().chain(batches) {
            match bytes.checked_sub(before) {
                Some(more) => room.take(more),
                None => room.give_back(before - bytes), // the writer's own first: the pool's may wait for it
            }
        }
        if self.is_spared {
            self.rooms.own.spare(bytes);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::{scope, sleep};
    use std::time::Duration;

    #[test]
    fn an_eighth_is_free_before_any_is_woken() {
        let room = |max| Arc::new(Room::new(max));
        let batches = Arc::new(Room::refilled_by_eighths(80));
        let rooms = Rooms { own: room(1000), pool: room(1000), batches, most_batches: None };
        let mut held = rooms.hold_batch(80);
        scope(|scope| {
            let waiter = scope.spawn(|| rooms.wait(1, || false));
            while rooms.batches.waiting.load(Ordering::Relaxed) == 0 {
                sleep(Duration::from_millis(1));
            }
            held.set(71);
            sleep(Duration::from_millis(20));
            assert!(!waiter.is_finished());
            held.set(70);
        });
        assert!(rooms.takes(1));
    }

    #[test]
    fn what_is_spared_is_held_and_not_waited_for() {
        let room = |max| Arc::new(Room::new(max));
        let rooms = Rooms { own: room(10), pool: room(100), batches: room(100), most_batches: None };
        let mut held = rooms.hold(8);
        assert!(!rooms.takes(3));
        scope(|scope| {
            let waiter = scope.spawn(|| rooms.wait(3, || false));
            while rooms.own.waiting.load(Ordering::Relaxed) == 0 {
                sleep(Duration::from_millis(1));
            }
            held.spare(true);
            waiter.join().unwrap();
        });
        held.set(99);
        assert_eq!((rooms.own.held(), rooms.pool.held()), (99, 99));
        assert!(rooms.takes(1));
        assert!(!rooms.takes(2), "the pool has no room");
        held.set(12);
        held.spare(false);
        assert!(!rooms.takes(1));
        drop(held);
        assert_eq!((rooms.own.held(), rooms.own.counted()), (0, 0));
    }

    #[test]
    fn a_writer_has_so_many_batches_in_flight_unless_it_was_told_how_many_bytes() {
        const MIB: usize = 1 << 20;
        let room = || Arc::new(Room::new(1 << 30));
        let mut rooms = Rooms { own: room(), pool: room(), batches: room(), most_batches: Some(4) };
        let batch = 8 * MIB;
        let mut held = rooms.hold_batch(3 * batch);
        assert!(rooms.takes(batch));
        held.set(4 * batch);
        assert!(!rooms.takes(batch));
        assert!(!rooms.takes(1));
        // Small ones may be more.
        held.set(SHORT_QUEUE - 1);
        assert!(rooms.takes(1));
        held.set(SHORT_QUEUE);
        assert!(!rooms.takes(1));
        rooms.most_batches = None;
        assert!(rooms.takes(1));
    }
}
