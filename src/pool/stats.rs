//! Counters of what a writer and the whole pool do, read by anyone at any time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::room::{Room, Rooms};

/// What has been done so far, by one writer or by all of a pool.
#[derive(Debug, Default)]
pub struct Counters {
    rows: AtomicU64,
    bytes_in: AtomicU64,
    batches: AtomicU64,
    batches_started: AtomicU64,
    batches_done: AtomicU64,
    row_groups: AtomicU64,
    rows_written: AtomicU64,
    bytes_written: AtomicU64,
    encode_ns: AtomicU64,
    write_ns: AtomicU64,
    blocked_ns: AtomicU64,
}

/// A snapshot: each number is exact, together they may be of slightly different moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Rows handed to the pool; those in a coalesce window are not yet.
    pub rows: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Batches and row groups by levels handed to the pool.
    pub batches: u64,
    /// Of those, not begun.
    pub batches_queued: u64,
    /// Of those, being encoded.
    pub batches_in_flight: u64,
    /// Row groups in the file.
    pub row_groups: u64,
    /// Rows in them.
    pub rows_written: u64,
    /// Bytes of the file so far.
    pub bytes_written: u64,
    /// Time spent encoding, all threads together.
    pub encode_ns: u64,
    /// Time spent in storage: writing, forcing to disk, renaming.
    pub write_ns: u64,
    /// Time that callers waited for room.
    pub blocked_ns: u64,
    /// Bytes in flight: batches not encoded, row groups not written.
    pub bytes_in_flight: u64,
    /// The most they have been.
    pub bytes_high_water: u64,
    /// The most they should be.
    pub bytes_max: u64,
}

impl Counters {
    pub fn read(&self, room: &Room) -> Stats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // What comes last is read first, so that no difference is negative.
        let done = self.batches_done.load(Ordering::Acquire);
        let started = self.batches_started.load(Ordering::Acquire);
        let batches = get(&self.batches);
        Stats {
            rows: get(&self.rows),
            bytes_in: get(&self.bytes_in),
            batches,
            batches_queued: batches.saturating_sub(started),
            batches_in_flight: started.saturating_sub(done),
            row_groups: get(&self.row_groups),
            rows_written: get(&self.rows_written),
            bytes_written: get(&self.bytes_written),
            encode_ns: get(&self.encode_ns),
            write_ns: get(&self.write_ns),
            blocked_ns: get(&self.blocked_ns),
            bytes_in_flight: room.held() as u64,
            bytes_high_water: room.high_water() as u64,
            bytes_max: room.max() as u64,
        }
    }
}

/// Counts for a writer and for its pool at once. Whoever holds it can read the writer's.
#[derive(Clone, Debug)]
pub struct Meter {
    own: Arc<Counters>,
    pool: Arc<Counters>,
    rooms: Rooms,
}

impl Meter {
    pub(super) fn new(pool: &Arc<Counters>, rooms: Rooms) -> Self {
        Meter { own: Arc::default(), pool: pool.clone(), rooms }
    }

    /// The writer's snapshot. Takes no lock.
    pub fn stats(&self) -> Stats {
        self.own.read(&self.rooms.own)
    }

    fn add(&self, counter: impl Fn(&Counters) -> &AtomicU64, n: u64) {
        for counters in [&self.own, &self.pool] {
            counter(counters).fetch_add(n, Ordering::Release);
        }
    }

    pub(super) fn batch_queued(&self, rows: usize, bytes: usize) {
        self.add(|c| &c.batches, 1);
        self.add(|c| &c.rows, rows as u64);
        self.add(|c| &c.bytes_in, bytes as u64);
    }

    pub(super) fn batch_started(&self) {
        self.add(|c| &c.batches_started, 1);
    }

    pub(super) fn batch_done(&self) {
        self.add(|c| &c.batches_done, 1);
    }

    pub(super) fn row_group_written(&self, rows: usize) {
        self.add(|c| &c.row_groups, 1);
        self.add(|c| &c.rows_written, rows as u64);
    }

    pub(super) fn bytes_written(&self, bytes: u64) {
        self.add(|c| &c.bytes_written, bytes);
    }

    pub(super) fn encoded(&self, since: Instant) {
        self.add(|c| &c.encode_ns, nanoseconds(since.elapsed()));
    }

    pub(super) fn wrote(&self, since: Instant) {
        self.add(|c| &c.write_ns, nanoseconds(since.elapsed()));
    }

    pub(super) fn blocked(&self, since: Instant) {
        self.add(|c| &c.blocked_ns, nanoseconds(since.elapsed()));
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
