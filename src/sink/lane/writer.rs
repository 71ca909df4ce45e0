//! The producer's end.

use super::sync::{Arc, AtomicI32, AtomicU64, GAPS, Memory, Ordering, Ring, ticks};
use super::{Control, Entries, OPEN, ProducerLine, Refusal};

/// How far ahead of the tail the ring's lines are fetched, in bytes: the drain's core has had them since.
const AHEAD: usize = 16 << 10;

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

    pub fn new(shared: Arc<Memory<Control>>, entries: Entries) -> Self {
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
        unsafe { self.ring.write_fresh::<AHEAD>((self.tail & self.mask) + at as u64, from, len) }
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
