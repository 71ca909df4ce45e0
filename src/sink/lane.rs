//! A lane: the byte ring between one producer thread and the drain thread.
//!
//! ```text
//!            head                 tail
//!             v                    v
//!   [.........####################.........]      # published, not yet given back
//!   0                                  capacity
//! ```
//!
//! `head` and `tail` count bytes and never wrap; position `p` lies at `p & (capacity - 1)`, and the ring is
//! mapped twice in a row, so that an entry is in one piece always.
//!
//! Each end keeps its own index and a copy of the other's last seen, so that it reads the shared line
//! only when its copy says full (or empty). `tail` is stored with release after the bytes are written,
//! `head` with release after they are read; the other end loads with acquire. An entry that its thread did
//! not live to publish is none.
//!
//! Records are numbered by the drain: as they come, and over the gaps, which the producer notes with the
//! position they are at. So what has been dropped costs those that were not nothing. A note whose position
//! the tail has passed is final. While there is no room for a note, records are dropped.

use super::sync::{Arc, AtomicI32, AtomicU64, GAPS, Memory, Ordering, Ring, ticks};

/// Entries start at multiples of this.
pub const ALIGN: usize = 8;

/// State of an open lane; anything else is the class of the error that refuses records.
pub const OPEN: i32 = 0;

/// Keeps what one thread writes off the other's cache lines (128: x86 prefetches lines in pairs).
#[derive(Debug, Default)]
#[repr(C, align(128))]
struct Line<T>(T);

/// What both ends know of each other. All zeros: an open lane that nothing has gone through.
#[derive(Debug)]
#[repr(C)]
pub struct Control {
    setup: Line<Setup>,
    /// Written rarely, by either side.
    state: Line<AtomicI32>,
    producer: Line<ProducerLine>,
    reader: Line<ReaderLine>,
    /// The tail that is on the disk, with all before it.
    synced: Line<AtomicU64>,
    gaps: [GapNote; GAPS],
}

impl Default for Control {
    fn default() -> Self {
        Control {
            setup: Line::default(),
            state: Line::default(),
            producer: Line::default(),
            reader: Line::default(),
            synced: Line::default(),
            gaps: std::array::from_fn(|_| GapNote::default()),
        }
    }
}

/// Written once.
#[derive(Debug, Default)]
#[repr(C)]
struct Setup {
    /// Bytes of every entry, if all have the same number; else 0.
    stride: AtomicU64,
}

/// Written by the producer only, so its counters need no read-modify-write.
#[derive(Debug, Default)]
#[repr(C)]
struct ProducerLine {
    tail: AtomicU64,
    /// Only where entries differ in length: else the tail tells.
    accepted: AtomicU64,
    dropped: AtomicU64,
    oversized: AtomicU64,
    waits: AtomicU64,
    waited_ns: AtomicU64,
    gaps: AtomicU64,
}

/// Written by the drain only.
#[derive(Debug, Default)]
#[repr(C)]
struct ReaderLine {
    head: AtomicU64,
    gaps: AtomicU64,
    read: AtomicU64,
    high_water: AtomicU64,
}

#[derive(Debug, Default)]
#[repr(C)]
struct GapNote {
    at: AtomicU64,
    missing: AtomicU64,
    first: AtomicU64,
    last: AtomicU64,
}

/// Records that were dropped between two that were not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gap {
    /// Number of the first of them.
    pub sequence: u64,
    /// How many.
    pub missing: u64,
    /// When the first was dropped, in ticks.
    pub first: u64,
    /// When the last was.
    pub last: u64,
}

/// What became of the records offered to a lane. Exact once its producer is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneCounts {
    /// Copied into the lane.
    pub accepted: u64,
    /// Refused because the lane was full or the sink had failed, the oversized ones included.
    pub dropped: u64,
    /// Of the dropped, those longer than the sink takes.
    pub oversized: u64,
    /// Times that a producer waited for room.
    pub waits: u64,
    /// How long it did, in nanoseconds.
    pub waited_ns: u64,
    /// Of the accepted, those that the drain has taken.
    pub read: u64,
    /// Bytes that the drain has not given back.
    pub used_bytes: u64,
    /// The most that the drain has found to be read.
    pub high_water_bytes: u64,
}

impl LaneCounts {
    /// Both together; of the bytes, the larger high-water mark.
    pub fn and(self, other: LaneCounts) -> LaneCounts {
        LaneCounts {
            accepted: self.accepted + other.accepted,
            dropped: self.dropped + other.dropped,
            oversized: self.oversized + other.oversized,
            waits: self.waits + other.waits,
            waited_ns: self.waited_ns + other.waited_ns,
            read: self.read + other.read,
            used_bytes: self.used_bytes + other.used_bytes,
            high_water_bytes: self.high_water_bytes.max(other.high_water_bytes),
        }
    }
}

/// Why there is no room for an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The lane is full.
    Full,
    /// The error class that refuses records.
    Closed(i32),
    /// The producer was closed.
    Gone,
    /// The memory is another process's.
    Forked,
}

/// What the entries of a lane are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    /// Bytes of each, a multiple of [`ALIGN`]; 0: each has its own length.
    pub stride: usize,
    /// Bytes of the record in it.
    pub record: usize,
    /// Bytes before the record.
    pub head: usize,
    /// Whether they are the CPU's time stamp counter.
    pub is_tsc: bool,
}

/// A lane over fresh memory: its two ends.
pub fn lane(memory: Memory<Control>, entries: Entries) -> (LaneWriter, LaneReader) {
    let shared = Arc::new(memory);
    shared.control().setup.0.stride.store(entries.stride as u64, Ordering::Relaxed);
    (LaneWriter::new(shared.clone(), entries), LaneReader::new(shared, Cursor::default()))
}

/// The producer's end. Its first fields are `pf_lane` of the C ABI. Zeros are a value: what a forked child finds
/// there, where the memory is another process's.
#[derive(Debug)]
#[repr(C)]
pub struct LaneWriter {
    ring: Ring,
    mask: u64,
    tail: u64,
    /// The head last seen, plus the capacity: an entry fits while its end is not past this.
    limit: u64,
    published: *const AtomicU64,
    state: *const AtomicI32,
    /// As in [`Entries`].
    stride: u64,
    record: u64,
    head: u64,
    is_tsc: u64,
    /// Dropped at the tail, and not in a note for want of room.
    unnoted: u64,
    unnoted_since: u64,
    /// None once closed, or in a forked child.
    shared: Option<Arc<Memory<Control>>>,
    closed: bool,
}

// SAFETY: the pointers lead into `shared`, to atomics.
unsafe impl Send for LaneWriter {}

impl LaneWriter {
    /// Bytes of the fields that the C ABI shows.
    pub const PUBLIC_BYTES: usize = std::mem::offset_of!(LaneWriter, unnoted);

    fn new(shared: Arc<Memory<Control>>, entries: Entries) -> Self {
        let (capacity, control) = (shared.capacity(), shared.control());
        LaneWriter {
            ring: shared.ring(),
            mask: capacity - 1,
            tail: 0,
            limit: capacity,
            published: &control.producer.0.tail,
            state: &control.state.0,
            stride: entries.stride as u64,
            record: entries.record as u64,
            head: entries.head as u64,
            is_tsc: u64::from(entries.is_tsc),
            unnoted: 0,
            unnoted_since: 0,
            shared: Some(shared),
            closed: false,
        }
    }

    /// What its entries are.
    #[inline(always)]
    pub fn entries(&self) -> Entries {
        Entries {
            stride: self.stride as usize,
            record: self.record as usize,
            head: self.head as usize,
            is_tsc: self.is_tsc != 0,
        }
    }

    /// Refuses further records with `class`; those in the lane are still drained. Gives the memory back.
    pub fn close(&mut self, class: i32) {
        if let Some(shared) = self.shared.take() {
            shared.control().state.0.store(class, Ordering::Release);
            (self.closed, self.ring, self.mask, self.limit) = (true, Ring::NONE, 0, 0);
        }
    }

    /// Why there is no memory.
    fn gone(&self) -> Refusal {
        if self.closed { Refusal::Gone } else { Refusal::Forked }
    }

    /// Whether an entry of `len` bytes can be written at once: `len` is a multiple of [`ALIGN`], not 0.
    #[inline(always)]
    pub fn fits(&self, len: usize) -> bool {
        // SAFETY: it leads into the control block, which lives as long as `shared`; there is room, so there is one.
        self.tail + len as u64 <= self.limit && unsafe { (*self.state).load(Ordering::Relaxed) } == OPEN
    }

    /// Makes room for an entry of `len` bytes: a multiple of [`ALIGN`], not 0, and no more than the ring's.
    pub fn reserve(&mut self, len: usize) -> Result<(), Refusal> {
        if self.fits(len) { Ok(()) } else { self.look(len) }
    }

    /// Whether records are taken, room or not.
    pub fn check(&self) -> Result<(), Refusal> {
        let Some(shared) = &self.shared else { return Err(self.gone()) };
        match shared.control().state.0.load(Ordering::Relaxed) {
            OPEN => Ok(()),
            class => Err(Refusal::Closed(class)),
        }
    }

    /// Looks how far the reader has come.
    #[cold]
    #[inline(never)]
    fn look(&mut self, len: usize) -> Result<(), Refusal> {
        self.check()?;
        if self.unnoted > 0 && !self.note(self.unnoted, self.unnoted_since) {
            return Err(Refusal::Full);
        }
        self.unnoted = 0;
        let Some(shared) = &self.shared else { return Err(self.gone()) };
        self.limit = shared.control().reader.0.head.load(Ordering::Acquire) + shared.capacity();
        if self.tail + len as u64 <= self.limit { Ok(()) } else { Err(Refusal::Full) }
    }

    /// Bytes that fit without another look.
    pub fn room(&self) -> usize {
        self.limit.saturating_sub(self.tail) as usize
    }

    /// Bytes published.
    #[inline(always)]
    pub fn tail(&self) -> u64 {
        self.tail
    }

    /// Where the entry that is reserved begins.
    #[inline(always)]
    pub fn entry(&self) -> *mut u8 {
        // SAFETY: masked, so inside; without a ring the mask is 0, and so is the address.
        unsafe { self.ring.at(self.tail & self.mask) }
    }

    /// Copies `len` bytes to `at` inside the entry reserved last.
    ///
    /// # Safety
    /// `from` is readable for `len` bytes, and `at + len` lies inside an entry reserved since the last
    /// [`LaneWriter::publish`].
    #[inline(always)]
    pub unsafe fn write(&mut self, at: usize, from: *const u8, len: usize) {
        // SAFETY: the entry lies inside, over the end too, and the reader does not touch it before `publish`.
        unsafe { self.ring.write((self.tail & self.mask) + at as u64, from, len) }
    }

    /// The same for a length of [`FRESH`](crate::copy::FRESH): no call is made.
    ///
    /// # Safety
    /// As [`LaneWriter::write`].
    #[inline(always)]
    pub unsafe fn write_fresh(&mut self, at: usize, from: *const u8, len: usize) {
        // SAFETY: as in `write`.
        unsafe { self.ring.write_fresh((self.tail & self.mask) + at as u64, from, len) }
    }

    /// Writes a word.
    ///
    /// # Safety
    /// As [`LaneWriter::write`].
    #[inline(always)]
    pub unsafe fn write_word(&mut self, at: usize, word: u64) {
        // SAFETY: as in `write`.
        unsafe { self.ring.write_word((self.tail & self.mask) + at as u64, word) }
    }

    /// Hands what is reserved, `len` bytes of it, to the reader.
    #[inline(always)]
    pub fn publish(&mut self, len: usize) {
        self.tail += len as u64;
        // SAFETY: as in `reserve`, which went before.
        unsafe { (*self.published).store(self.tail, Ordering::Release) };
    }

    /// Counts entries about to be published, where the tail does not tell.
    #[inline(always)]
    pub fn count_accepted(&mut self) {
        self.with_counters(|line| add(&line.accepted, 1));
    }

    /// Counts records that were offered and not taken.
    #[cold]
    #[inline(never)]
    pub fn count_dropped(&mut self, records: u64) {
        self.with_counters(|line| add(&line.dropped, records));
        let now = ticks();
        if self.unnoted > 0 || !self.note(records, now) {
            if self.unnoted == 0 {
                self.unnoted_since = now;
            }
            self.unnoted += records;
            // Nothing is taken until there is room for the note.
            self.limit = self.tail;
        }
    }

    /// Counts a record that no lane of this sink could hold.
    #[cold]
    #[inline(never)]
    pub fn count_oversized(&mut self) {
        self.with_counters(|line| add(&line.oversized, 1));
        self.count_dropped(1);
    }

    /// Counts a wait for room.
    #[cold]
    pub fn count_wait(&mut self, ns: u64) {
        self.with_counters(|line| {
            add(&line.waits, 1);
            add(&line.waited_ns, ns);
        });
    }

    fn with_counters(&self, change: impl FnOnce(&ProducerLine)) {
        if let Some(shared) = &self.shared {
            change(&shared.control().producer.0);
        }
    }

    /// Notes that records are missing at the tail. Whether there was room for it.
    fn note(&self, records: u64, since: u64) -> bool {
        let Some(shared) = &self.shared else { return true };
        let control = shared.control();
        let noted = control.producer.0.gaps.load(Ordering::Relaxed);
        if noted > 0 {
            let last = &control.gaps[(noted - 1) as usize % GAPS];
            if last.at.load(Ordering::Relaxed) == self.tail {
                add(&last.missing, records);
                last.last.store(ticks(), Ordering::Relaxed);
                return true;
            }
        }
        if noted - control.reader.0.gaps.load(Ordering::Acquire) == GAPS as u64 {
            return false;
        }
        let note = &control.gaps[noted as usize % GAPS];
        note.at.store(self.tail, Ordering::Relaxed);
        note.missing.store(records, Ordering::Relaxed);
        note.first.store(since, Ordering::Relaxed);
        note.last.store(ticks(), Ordering::Relaxed);
        control.producer.0.gaps.store(noted + 1, Ordering::Release);
        true
    }
}

/// Adds to a counter that this thread alone writes: no locked instruction.
#[inline(always)]
fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Ordering::Relaxed) + more, Ordering::Relaxed);
}

/// How far a lane has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Bytes.
    pub position: u64,
    /// Gap notes.
    pub gaps: u64,
    /// Records.
    pub records: u64,
    /// Records missing before it.
    pub missing: u64,
}

impl Cursor {
    /// The number of the next record.
    pub fn sequence(&self) -> u64 {
        self.records + self.missing
    }
}

/// The drain's end. Reading and giving back are two steps: what has been read stays until it is given back.
#[derive(Debug)]
pub struct LaneReader {
    shared: Arc<Memory<Control>>,
    cursor: Cursor,
    tail: u64,
    /// Where the next gap is that is final; the tail, if none is known.
    until: u64,
}

impl LaneReader {
    fn new(shared: Arc<Memory<Control>>, cursor: Cursor) -> Self {
        LaneReader { shared, cursor, tail: cursor.position, until: cursor.position }
    }

    /// The reader of a lane whose process is gone, from `cursor` on, closed with `class`. If the system was
    /// started anew since, only what was forced to disk is taken for whole.
    pub fn resume(memory: Memory<Control>, cursor: Cursor, class: i32, is_of_another_boot: bool) -> Self {
        let control = memory.control();
        if is_of_another_boot {
            let tail = control.synced.0.load(Ordering::Acquire).max(cursor.position);
            control.producer.0.tail.fetch_min(tail, Ordering::Relaxed);
        }
        let mut reader = LaneReader::new(Arc::new(memory), cursor);
        reader.close(class);
        reader.release(cursor);
        reader
    }

    /// Looks how far the producer has come. Returns the bytes that can be read now, which may be more later,
    /// never fewer. Passes a gap that is next, and tells `passed` of it.
    pub fn look(&mut self, mut passed: impl FnMut(Gap)) -> u64 {
        let control = self.shared.control();
        self.tail = control.producer.0.tail.load(Ordering::Acquire);
        let used = self.tail - control.reader.0.head.load(Ordering::Relaxed);
        if used > control.reader.0.high_water.load(Ordering::Relaxed) {
            control.reader.0.high_water.store(used, Ordering::Relaxed);
        }
        // A note before the tail was made before it, and is final.
        let noted = control.producer.0.gaps.load(Ordering::Acquire);
        self.until = self.tail;
        while self.cursor.gaps < noted {
            let note = &control.gaps[self.cursor.gaps as usize % GAPS];
            let at = note.at.load(Ordering::Relaxed);
            if at > self.cursor.position || at == self.tail {
                self.until = at.min(self.tail);
                break;
            }
            passed(self.cursor.pass(note));
        }
        self.available()
    }

    /// Bytes up to the tail last seen.
    pub fn available(&self) -> u64 {
        self.tail - self.cursor.position
    }

    /// Bytes to be read before the next gap.
    pub fn run_len(&self) -> usize {
        (self.until - self.cursor.position) as usize
    }

    /// The `len` bytes at `at` past the cursor, no more than [`LaneReader::available`].
    pub fn bytes(&self, at: usize, len: usize) -> &[u8] {
        assert!((at + len) as u64 <= self.available(), "read past the lane's tail");
        let start = (self.cursor.position + at as u64) & (self.shared.capacity() - 1);
        // SAFETY: acquired by `look`; the producer does not write here before `release`, which borrows this.
        unsafe { self.shared.ring().read(start, len) }
    }

    /// How far has been read.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Moves the cursor over `records` in `len` bytes.
    pub fn advance(&mut self, len: usize, records: u64) {
        self.cursor.position += len as u64;
        self.cursor.records += records;
        self.shared.control().reader.0.read.store(self.cursor.records, Ordering::Relaxed);
    }

    /// Goes back to where it was.
    pub fn rewind(&mut self, cursor: Cursor) {
        self.cursor = cursor;
        self.shared.control().reader.0.read.store(cursor.records, Ordering::Relaxed);
    }

    /// Gives what lies before `cursor` back to the producer.
    pub fn release(&mut self, cursor: Cursor) {
        let reader = &self.shared.control().reader.0;
        reader.gaps.store(cursor.gaps, Ordering::Release);
        reader.head.store(cursor.position, Ordering::Release);
    }

    /// What is missing at the end of a lane that is closed and empty: what was dropped since the last record.
    pub fn last_gap(&mut self) -> Option<Gap> {
        let control = self.shared.control();
        let dropped = control.producer.0.dropped.load(Ordering::Relaxed);
        let noted = control.producer.0.gaps.load(Ordering::Acquire);
        let mut gap = Gap { sequence: self.cursor.sequence(), missing: 0, first: 0, last: 0 };
        if self.cursor.gaps < noted {
            gap = self.cursor.pass(&control.gaps[self.cursor.gaps as usize % GAPS]);
        }
        // Those that found no room for a note are in no other count.
        gap.missing = dropped.saturating_sub(self.cursor.missing - gap.missing).max(gap.missing);
        self.cursor.missing = self.cursor.missing.max(dropped);
        (gap.missing > 0).then_some(gap)
    }

    /// Refuses further records with `class`.
    pub fn close(&self, class: i32) {
        self.shared.control().state.0.store(class, Ordering::Release);
    }

    /// Whether no record follows those that the next look finds.
    pub fn is_closed(&self) -> bool {
        self.shared.control().state.0.load(Ordering::Acquire) != OPEN
    }

    /// Who else wants to know what has been counted.
    pub fn meter(&self) -> LaneMeter {
        LaneMeter(self.shared.clone())
    }

    /// Bytes of the ring.
    pub fn capacity(&self) -> u64 {
        self.shared.capacity()
    }
}

impl Cursor {
    fn pass(&mut self, note: &GapNote) -> Gap {
        let gap = Gap {
            sequence: self.sequence(),
            missing: note.missing.load(Ordering::Relaxed),
            first: note.first.load(Ordering::Relaxed),
            last: note.last.load(Ordering::Relaxed),
        };
        self.gaps += 1;
        self.missing += gap.missing;
        gap
    }
}

/// Reads a lane's counters, on any thread.
#[derive(Clone, Debug)]
pub struct LaneMeter(Arc<Memory<Control>>);

impl LaneMeter {
    /// What has been counted so far.
    pub fn counts(&self) -> LaneCounts {
        let Control { setup, producer: Line(producer), reader: Line(reader), .. } = self.0.control();
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // What the drain has done first, so that it is never ahead of what the producer has.
        let (head, taken) = (reader.head.load(Ordering::Acquire), read(&reader.read));
        let (dropped, tail) = (read(&producer.dropped), producer.tail.load(Ordering::Acquire));
        let stride = read(&setup.0.stride);
        LaneCounts {
            accepted: tail.checked_div(stride).unwrap_or_else(|| read(&producer.accepted)),
            dropped,
            oversized: read(&producer.oversized),
            waits: read(&producer.waits),
            waited_ns: read(&producer.waited_ns),
            read: taken,
            used_bytes: tail - head,
            high_water_bytes: read(&reader.high_water),
        }
    }

    /// Has what is in the lane forced to disk by `sync`, and then that it is.
    pub fn sync<E>(&self, mut sync: impl FnMut(&Memory<Control>) -> Result<(), E>) -> Result<(), E> {
        let control = self.0.control();
        let tail = control.producer.0.tail.load(Ordering::Acquire);
        if tail == control.synced.0.load(Ordering::Relaxed) {
            return Ok(());
        }
        sync(&self.0)?;
        control.synced.0.store(tail, Ordering::Release);
        sync(&self.0)
    }
}
