//! The drain thread: visits the lanes in turn and turns what lies in them into columns.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

use super::lane::{ALIGN, LaneCounts, LaneReader};
use super::{HEADER, RecordLayout, SinkSummary};
use crate::columns::{ColumnSlice, Values};
use crate::error::{Error, ErrorClass, Result};
use crate::writer::Writer;

/// Records taken from a lane at a time; then its room is given back.
const BURST: usize = 4096;

/// A pass that moved fewer records than this is followed by a pause, so that a slow feed does not keep
/// a core busy with handfuls.
const WORTH_A_PASS: usize = 512;

/// The pause. At 10 million records a second it lets 1,000 gather in a lane.
const PAUSE: Duration = Duration::from_micros(100);

const RUN: u8 = 0;
const STOP: u8 = 1;
const ABANDON: u8 = 2;

/// What the sink and its drain thread share.
#[derive(Default)]
struct Shared {
    /// `RUN`, `STOP` or `ABANDON`.
    order: AtomicU8,
    /// Lanes opened since the drain last looked.
    opened: Mutex<Vec<LaneReader>>,
    failure: Mutex<Option<Error>>,
}

/// The sink's hold on its drain.
#[derive(Clone)]
pub struct Handle(Arc<Shared>);

impl Handle {
    /// Gives the drain another lane to visit, or returns the error that ended it early.
    pub fn add(&self, lane: LaneReader) -> Result<()> {
        // The lock is held over the check: a drain that fails after it still finds the lane and closes it.
        let mut opened = self.0.opened.lock();
        if let Some(error) = &*self.0.failure.lock() {
            return Err(error.clone());
        }
        opened.push(lane);
        Ok(())
    }

    /// Asks for the lanes to be closed, drained, and the part published.
    pub fn stop(&self) {
        self.0.order.store(STOP, Ordering::Release);
    }

    /// Asks for everything to be dropped.
    pub fn abandon(&self) {
        self.0.order.store(ABANDON, Ordering::Release);
    }
}

pub struct Drain {
    shared: Arc<Shared>,
    layout: RecordLayout,
    writer: Writer,
    lanes: Vec<Lane>,
    /// Counts of lanes that are closed and empty.
    finished: Vec<(u64, LaneCounts)>,
    staging: Staging,
}

struct Lane {
    producer: u64,
    reader: LaneReader,
}

/// Records with payloads, gathered out of the lane: heads at one stride, payloads end to end.
#[derive(Default)]
struct Staging {
    heads: Vec<u8>,
    payloads: Vec<u8>,
    offsets: Vec<u8>,
}

impl Drain {
    pub fn new(layout: RecordLayout, writer: Writer) -> Self {
        Drain {
            shared: Arc::default(),
            layout,
            writer,
            lanes: Vec::new(),
            finished: Vec::new(),
            staging: Staging::default(),
        }
    }

    pub fn handle(&self) -> Handle {
        Handle(self.shared.clone())
    }

    /// The thread's body. A failure is passed on to the lanes, whose producers then refuse records.
    pub fn run(mut self) -> Result<SinkSummary> {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.drain_all()))
            .unwrap_or_else(|panic| Err(Error::panic(&*panic, "draining records")));
        if let Err(error) = &result {
            *self.shared.failure.lock() = Some(error.clone());
            self.take_opened();
            self.lanes.iter().for_each(|lane| lane.reader.close(error.class() as i32));
        }
        result
    }

    fn drain_all(&mut self) -> Result<SinkSummary> {
        loop {
            let order = self.shared.order.load(Ordering::Acquire);
            self.take_opened();
            if order != RUN {
                self.lanes.iter().for_each(|lane| lane.reader.close(ErrorClass::Closed as i32));
            }
            if order == ABANDON {
                return Err(Error::new(ErrorClass::Closed, "the sink was freed before it was closed"));
            }
            let moved = self.pass()?;
            if order == STOP && self.lanes.is_empty() {
                return self.finish();
            }
            if moved < WORTH_A_PASS {
                thread::sleep(PAUSE);
            }
        }
    }

    fn take_opened(&mut self) {
        for reader in self.shared.opened.lock().drain(..) {
            let producer = (self.lanes.len() + self.finished.len()) as u64;
            self.lanes.push(Lane { producer, reader });
        }
    }

    /// Visits every lane once; returns the number of records moved.
    fn pass(&mut self) -> Result<usize> {
        let (mut moved, mut i) = (0, 0);
        while i < self.lanes.len() {
            let reader = &mut self.lanes[i].reader;
            // In this order: nothing can follow what is available after the lane was seen closed.
            let closed = reader.is_closed();
            if reader.available() > 0 {
                moved += match self.layout.has_payload() {
                    false => drain_records(reader, &self.layout, &mut self.writer)?,
                    true => drain_payloads(reader, &self.layout, &mut self.writer, &mut self.staging)?,
                };
            } else if closed {
                let lane = self.lanes.remove(i);
                self.finished.push((lane.producer, lane.reader.counts()));
                continue;
            }
            i += 1;
        }
        Ok(moved)
    }

    fn finish(&mut self) -> Result<SinkSummary> {
        let mut counts = LaneCounts::default();
        let mut gaps = String::new();
        self.finished.sort_unstable_by_key(|(producer, _)| *producer);
        for (producer, lane) in &self.finished {
            counts.accepted += lane.accepted;
            counts.dropped += lane.dropped;
            counts.oversized += lane.oversized;
            gaps += &format!(
                r#"{}{{"producer":{producer},"accepted":{},"dropped":{},"oversized":{}}}"#,
                if gaps.is_empty() { "" } else { "," },
                lane.accepted,
                lane.dropped,
                lane.oversized
            );
        }
        self.writer.put_metadata("libflow.gaps", format!("[{gaps}]"))?;
        let part = self.writer.close()?;
        let producers = self.finished.len() as u64;
        Ok(SinkSummary { part, counts, producers, replaced: self.writer.replaced() })
    }
}

/// Moves a run of fixed records: the columns are copied straight out of the lane.
fn drain_records(reader: &mut LaneReader, layout: &RecordLayout, writer: &mut Writer) -> Result<usize> {
    let stride = layout.size().next_multiple_of(ALIGN);
    let run = reader.run(stride, BURST);
    let (bytes, records) = (run.len(), run.len() / stride);
    writer.append_captured(&layout.slices(run, stride, records))?;
    reader.release(bytes);
    Ok(records)
}

/// Moves records with payloads, which lie at no fixed distance and so are gathered first.
fn drain_payloads(
    reader: &mut LaneReader,
    layout: &RecordLayout,
    writer: &mut Writer,
    staging: &mut Staging,
) -> Result<usize> {
    let stride = layout.size().next_multiple_of(ALIGN);
    let available = reader.available();
    let (mut at, mut records) = (0, 0);
    staging.heads.clear();
    staging.payloads.clear();
    staging.offsets.clear();
    staging.offsets.extend_from_slice(&0i32.to_le_bytes());
    while at < available && records < BURST {
        let mut header = [0; HEADER];
        header.copy_from_slice(reader.entry(at, HEADER));
        let payload = u64::from_le_bytes(header) as usize;
        let entry = HEADER + stride + payload.next_multiple_of(ALIGN);
        // A payload is at most 1 GiB, so the offsets of one burst stay in 32 bits.
        if records > 0 && staging.payloads.len() + payload > 1 << 30 {
            break;
        }
        let bytes = &reader.entry(at, entry)[HEADER..];
        staging.heads.extend_from_slice(&bytes[..stride]);
        staging.payloads.extend_from_slice(&bytes[stride..][..payload]);
        staging.offsets.extend_from_slice(&(staging.payloads.len() as i32).to_le_bytes());
        at += entry;
        records += 1;
    }
    let mut slices = layout.slices(&staging.heads, stride, records);
    let values = Values::Offsets { offsets: &staging.offsets, width: 4, bytes: &staging.payloads };
    slices.push(ColumnSlice::new(values, records));
    writer.append_captured(&slices)?;
    reader.release(at);
    Ok(records)
}
