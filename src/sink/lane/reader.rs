//! The drain's end, and who looks on.

use super::sync::{Arc, AtomicU64, GAPS, Memory, Ordering};
use super::{Control, Cursor, Gap, GapNote, LaneCounts, Line, OPEN};

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
    pub fn new(shared: Arc<Memory<Control>>, cursor: Cursor) -> Self {
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
        self.tell_read();
    }

    /// Goes back to where it was.
    pub fn rewind(&mut self, cursor: Cursor) {
        self.cursor = cursor;
        self.tell_read();
    }

    fn tell_read(&self) {
        self.shared.control().reader.0.read.store(self.cursor.records, Ordering::Release);
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
        let (head, taken) = (reader.head.load(Ordering::Acquire), reader.read.load(Ordering::Acquire));
        let (dropped, tail) = (read(&producer.dropped), producer.tail.load(Ordering::Acquire));
        let stride = read(&setup.0.stride);
        LaneCounts {
            accepted: tail.checked_div(stride).unwrap_or_else(|| read(&producer.accepted)),
            dropped,
            oversized: read(&producer.oversized),
            waits: read(&producer.waits),
            waited_ns: read(&producer.waited_ns),
            read: taken,
            // The drain may have gone on since the head was read, and the producer with it.
            used_bytes: (tail - head).min(self.0.capacity()),
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
