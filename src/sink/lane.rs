//! A lane: the byte ring between one producer thread and the drain thread.
//!
//! ```text
//!            head                 tail
//!             v                    v
//!   [.........####################.........]~~~~~~~]      # written, not yet read
//!   0                                 capacity  overflow
//! ```
//!
//! `head` and `tail` count bytes and never wrap; position `p` lies at `p & (capacity - 1)`. An entry is
//! contiguous always: one that starts below `capacity` may run on into the overflow, which is as long
//! as the longest entry, and the bytes at the ring's start that it stands for stay unused.
//!
//! Each end keeps its own index and a copy of the other's last seen, so that it reads the shared line
//! only when its copy says full (or empty). `tail` is stored with release after the bytes are written,
//! `head` with release after they are read; the other end loads with acquire.

use super::sync::{Arc, AtomicI32, AtomicU64, AtomicUsize, Ordering, Storage};

/// Entries start at multiples of this.
pub const ALIGN: usize = 8;

/// State of an open lane; anything else is the class of the error that refuses records.
pub const OPEN: i32 = 0;

/// Keeps what one thread writes off the other's cache lines (128: x86 prefetches lines in pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line<T>(T);

#[derive(Debug)]
struct Shared {
    /// Written rarely, by either side.
    state: Line<AtomicI32>,
    producer: Line<ProducerLine>,
    head: Line<AtomicUsize>,
    storage: Storage,
    capacity: usize,
}

/// Written by the producer only, so its counters need no read-modify-write.
#[derive(Debug, Default)]
struct ProducerLine {
    tail: AtomicUsize,
    accepted: AtomicU64,
    dropped: AtomicU64,
    oversized: AtomicU64,
}

/// Records accepted and dropped by a lane. Exact once its producer is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneCounts {
    /// Copied into the lane.
    pub accepted: u64,
    /// Refused because the lane was full or the sink had failed, the oversized ones included.
    pub dropped: u64,
    /// Of the dropped, those longer than the sink takes.
    pub oversized: u64,
}

/// Makes a lane of at least `min_capacity` bytes for entries of up to `max_entry` bytes.
pub fn lane(min_capacity: usize, max_entry: usize) -> (LaneWriter, LaneReader) {
    let max_entry = max_entry.next_multiple_of(ALIGN);
    let capacity = min_capacity.max(2 * max_entry).next_power_of_two();
    let shared = Arc::new(Shared {
        state: Line(AtomicI32::new(OPEN)),
        producer: Line::default(),
        head: Line::default(),
        storage: Storage::new(capacity + max_entry),
        capacity,
    });
    let writer = LaneWriter { shared: shared.clone(), tail: 0, limit: capacity };
    (writer, LaneReader { shared, head: 0, tail: 0 })
}

/// The producer's end.
#[derive(Debug)]
pub struct LaneWriter {
    shared: Arc<Shared>,
    tail: usize,
    /// The head last seen, plus the capacity: an entry fits while its end is not past this.
    limit: usize,
}

impl LaneWriter {
    /// The error class that refuses records, or [`OPEN`].
    #[inline]
    pub fn state(&self) -> i32 {
        self.shared.state.0.load(Ordering::Relaxed)
    }

    /// Refuses further records with `class`; those in the lane are still drained.
    pub fn close(&self, class: i32) {
        self.shared.state.0.store(class, Ordering::Release);
    }

    /// Makes room for an entry of `len` bytes, a multiple of [`ALIGN`] and at most the lane's longest.
    /// If there is none, counts a drop and returns false.
    #[inline]
    pub fn reserve(&mut self, len: usize) -> bool {
        self.tail + len <= self.limit || self.reserve_after_look(len)
    }

    /// Looks how far the reader has come.
    #[cold]
    #[inline(never)]
    fn reserve_after_look(&mut self, len: usize) -> bool {
        self.limit = self.shared.head.0.load(Ordering::Acquire) + self.shared.capacity;
        let fits = self.tail + len <= self.limit;
        if !fits {
            self.count_drop();
        }
        fits
    }

    /// Copies `len` bytes to `at` inside the entry reserved last.
    ///
    /// # Safety
    /// `from` is readable for `len` bytes, and `at + len` lies inside an entry reserved since the last
    /// [`LaneWriter::publish`].
    #[inline]
    pub unsafe fn write(&mut self, at: usize, from: *const u8, len: usize) {
        let start = self.tail & (self.shared.capacity - 1);
        // SAFETY: the entry starts below `capacity`, ends inside the overflow at the latest, and the
        // reader does not touch it before `publish`.
        unsafe { self.shared.storage.write(start + at, from, len) }
    }

    /// Hands the reserved entry of `len` bytes to the reader.
    #[inline]
    pub fn publish(&mut self, len: usize) {
        self.tail += len;
        let line = &self.shared.producer.0;
        count(&line.accepted);
        line.tail.store(self.tail, Ordering::Release);
    }

    /// Counts a record that was offered and not taken.
    #[cold]
    #[inline(never)]
    pub fn count_drop(&mut self) {
        count(&self.shared.producer.0.dropped);
    }

    /// Counts a record that no lane of this sink could hold.
    #[cold]
    #[inline(never)]
    pub fn count_oversized(&mut self) {
        count(&self.shared.producer.0.oversized);
        self.count_drop();
    }
}

/// Adds one to a counter that this thread alone writes: no locked instruction.
#[inline(always)]
fn count(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// The drain's end.
#[derive(Debug)]
pub struct LaneReader {
    shared: Arc<Shared>,
    head: usize,
    tail: usize,
}

impl LaneReader {
    /// Bytes that can be read now; more may follow, never fewer.
    pub fn available(&mut self) -> usize {
        self.tail = self.shared.producer.0.tail.load(Ordering::Acquire);
        self.tail - self.head
    }

    /// The `len` bytes at `at` past the head, which must lie in one entry and be available.
    pub fn entry(&self, at: usize, len: usize) -> &[u8] {
        assert!(at + len <= self.tail - self.head, "read past the lane's tail");
        let start = (self.head + at) & (self.shared.capacity - 1);
        // SAFETY: acquired by `available`; the producer does not write here before `release`.
        unsafe { self.shared.storage.read(start, len) }
    }

    /// The longest run of adjacent entries of `stride` bytes at the head, at most `max` of them.
    pub fn run(&self, stride: usize, max: usize) -> &[u8] {
        let available = (self.tail - self.head) / stride;
        let start = self.head & (self.shared.capacity - 1);
        // The last of the run may reach into the overflow.
        let adjacent = (self.shared.capacity - start).div_ceil(stride);
        let entries = available.min(adjacent).min(max);
        // SAFETY: as in `entry`.
        unsafe { self.shared.storage.read(start, entries * stride) }
    }

    /// Gives `len` bytes at the head back to the producer.
    pub fn release(&mut self, len: usize) {
        self.head += len;
        self.shared.head.0.store(self.head, Ordering::Release);
    }

    /// Refuses further records with `class`.
    pub fn close(&self, class: i32) {
        self.shared.state.0.store(class, Ordering::Release);
    }

    /// Whether no record follows those available after this call.
    pub fn is_closed(&self) -> bool {
        self.shared.state.0.load(Ordering::Acquire) != OPEN
    }

    /// What the producer counted so far.
    pub fn counts(&self) -> LaneCounts {
        let line = &self.shared.producer.0;
        LaneCounts {
            accepted: line.accepted.load(Ordering::Relaxed),
            dropped: line.dropped.load(Ordering::Relaxed),
            oversized: line.oversized.load(Ordering::Relaxed),
        }
    }
}
