//! The record side: producers hand over records through lanes and never wait; a drain thread turns
//! them into columns.

mod drain;
mod lane;
#[cfg(test)]
mod lane_tests;
mod layout;
#[cfg(test)]
mod model;
mod sync;

use std::path::Path;
use std::thread::JoinHandle;

use drain::Drain;
pub use lane::LaneCounts;
use lane::{ALIGN, LaneWriter, OPEN, lane};
pub use layout::{Nulls, RecordField, RecordLayout};

use crate::error::{Error, ErrorClass, Result};
use crate::format::PartSummary;
use crate::pool::spawn_thread;
use crate::writer::{Writer, WriterOptions};

/// Sizes of a sink's lanes.
#[derive(Clone, Debug)]
pub struct SinkOptions {
    /// Bytes of each producer's lane, rounded up to a power of two; default 4 MiB.
    pub lane_bytes: usize,
    /// Longest payload that is taken; default 64 KiB.
    pub max_payload: usize,
}

impl Default for SinkOptions {
    fn default() -> Self {
        SinkOptions { lane_bytes: 4 << 20, max_payload: 64 << 10 }
    }
}

/// What a closed sink has done: `accepted + dropped` is what was offered.
#[derive(Clone, Debug)]
pub struct SinkSummary {
    /// The published part.
    pub part: PartSummary,
    /// Sums over all producers.
    pub counts: LaneCounts,
    /// Producers opened.
    pub producers: u64,
    /// Values that could not be stored as they were.
    pub replaced: u64,
}

/// Captures records into one part.
pub struct Sink {
    layout: RecordLayout,
    options: SinkOptions,
    drain: drain::Handle,
    thread: Option<JoinHandle<Result<SinkSummary>>>,
    closed: Option<Result<SinkSummary>>,
}

impl Sink {
    /// Creates the part's temporary file and starts the drain thread.
    pub fn open(
        path: &Path,
        layout: &RecordLayout,
        writer: &WriterOptions,
        options: &SinkOptions,
    ) -> Result<Self> {
        for (name, value) in [("lane_bytes", options.lane_bytes), ("max_payload", options.max_payload)] {
            if value == 0 || value > 1 << 30 {
                return Err(Error::invalid(format!("{name} is {value}; give 1 byte to 1 GiB")));
            }
        }
        let writer = Writer::open(path, layout.schema(), writer)?;
        let drain = Drain::new(layout.clone(), writer);
        let handle = drain.handle();
        let thread = spawn_thread("flow-drain", move || drain.run())?;
        Ok(Sink {
            layout: layout.clone(),
            options: options.clone(),
            drain: handle,
            thread: Some(thread),
            closed: None,
        })
    }

    /// Opens a lane for one thread. Allocates and prefaults it.
    pub fn producer(&self) -> Result<Producer> {
        if self.thread.is_none() {
            return Err(Error::new(ErrorClass::Closed, "the sink is closed; open another"));
        }
        let size = self.layout.size().next_multiple_of(ALIGN);
        let payload = self.layout.has_payload().then_some(self.options.max_payload);
        let longest = payload.map_or(size, |max| HEADER + size + max.next_multiple_of(ALIGN));
        let (writer, reader) = lane(self.options.lane_bytes, longest);
        self.drain.add(reader)?;
        Ok(Producer { lane: writer, record_size: self.layout.size(), stride: size, max_payload: payload })
    }

    /// Closes every lane, drains them, publishes the part and waits for it. No producer may be inside
    /// a record call meanwhile; later calls are refused. Again, it returns the same result.
    pub fn close(&mut self) -> Result<SinkSummary> {
        if let Some(thread) = self.thread.take() {
            self.drain.stop();
            let result = thread.join().unwrap_or_else(|panic| Err(Error::panic(&*panic, "draining records")));
            self.closed = Some(result);
        }
        self.closed.clone().unwrap_or_else(|| Err(Error::new(ErrorClass::Closed, "the sink is closed")))
    }
}

impl Drop for Sink {
    /// Abandons what was not closed: nothing is published.
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.drain.abandon();
            let _ = thread.join();
        }
    }
}

/// Bytes before each record that has a payload: the payload's length, then padding.
const HEADER: usize = 8;

/// What became of an offered record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// Copied into the lane.
    Accepted,
    /// The lane is full; counted as dropped.
    Full,
    /// The payload is longer than the sink takes; counted as dropped and oversized.
    Oversized,
    /// The record is not of the layout's size, or lacks or has a payload against it; not counted.
    WrongShape,
    /// The lane is closed or its sink has failed: the error class. Counted as dropped.
    Refused(i32),
}

/// One thread's way into a sink. Nothing here blocks, allocates, locks or makes a system call.
#[derive(Debug)]
#[repr(align(128))]
pub struct Producer {
    lane: LaneWriter,
    record_size: usize,
    stride: usize,
    max_payload: Option<usize>,
}

impl Producer {
    /// Offers a record of a layout without payload.
    #[inline]
    pub fn try_record(&mut self, record: &[u8]) -> Offer {
        if record.len() != self.record_size || self.max_payload.is_some() {
            return Offer::WrongShape;
        }
        let state = self.lane.state();
        if state != OPEN {
            self.lane.count_drop();
            return Offer::Refused(state);
        }
        if !self.lane.reserve(self.stride) {
            return Offer::Full;
        }
        // SAFETY: a slice is readable, and the record is no longer than its reserved stride.
        unsafe { self.lane.write(0, record.as_ptr(), record.len()) };
        self.lane.publish(self.stride);
        Offer::Accepted
    }

    /// Offers a record and its payload.
    #[inline]
    pub fn try_record_payload(&mut self, record: &[u8], payload: &[u8]) -> Offer {
        let Some(max_payload) = self.max_payload else { return Offer::WrongShape };
        if record.len() != self.record_size {
            return Offer::WrongShape;
        }
        let state = self.lane.state();
        if state != OPEN {
            self.lane.count_drop();
            return Offer::Refused(state);
        }
        if payload.len() > max_payload {
            self.lane.count_oversized();
            return Offer::Oversized;
        }
        let entry = HEADER + self.stride + payload.len().next_multiple_of(ALIGN);
        if !self.lane.reserve(entry) {
            return Offer::Full;
        }
        let header = (payload.len() as u64).to_le_bytes();
        // SAFETY: slices are readable, and the three parts lie one after the other in the entry.
        unsafe {
            self.lane.write(0, header.as_ptr(), HEADER);
            self.lane.write(HEADER, record.as_ptr(), record.len());
            self.lane.write(HEADER + self.stride, payload.as_ptr(), payload.len());
        }
        self.lane.publish(entry);
        Offer::Accepted
    }

    /// Refuses further records; those in the lane are still drained. Dropping does the same.
    pub fn close(&mut self) {
        self.lane.close(ErrorClass::Closed as i32);
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.close();
    }
}
