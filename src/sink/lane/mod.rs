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

mod reader;
mod writer;

pub use reader::{LaneMeter, LaneReader};
pub use writer::LaneWriter;

use super::sync::{self, Arc, AtomicI32, AtomicU64, GAPS, Memory, Ordering};

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
