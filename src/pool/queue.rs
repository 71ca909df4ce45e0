//! One writer's way through the pool: batches go in on the caller's thread, are encoded column by column on
//! the pool's, and their row groups are written in FIFO order.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::Pool;
use super::job::Job;
use super::row_group::Batch;
use super::stats::Meter;
use super::work::Work;
use crate::error::{Error, ErrorClass, Result};
use crate::format::{Encoders, LeveledRowGroup, ParquetPart, PartSummary};

/// How long freeing a queue waits for what is in flight. Storage that takes longer ends on its own.
const FREE_WAIT: Duration = Duration::from_millis(if cfg!(test) { 1000 } else { 10_000 });

/// The queue. Dropping it abandons the part: queued work is discarded, nothing is published.
pub struct EncodeQueue {
    work: Arc<Work>,
}

/// How much goes into a queue, and how it is cut.
#[derive(Clone, Copy, Debug)]
pub struct QueueOptions {
    /// Bytes in flight before a push waits, or one batch. None: as many batches as keep the pool busy, up to 32 MiB.
    pub max_bytes: Option<usize>,
    /// Rows of a row group.
    pub row_group_rows: usize,
    /// Bytes of its batches, about.
    pub row_group_bytes: usize,
}

impl EncodeQueue {
    /// A queue in front of `part`, whose columns `encoders` encode.
    pub fn new(
        pool: &Arc<Pool>,
        encoders: Arc<dyn Encoders>,
        part: ParquetPart,
        options: QueueOptions,
    ) -> Self {
        EncodeQueue { work: Work::start(pool, encoders, part, options) }
    }

    /// Returns the latched error, if any.
    pub fn check(&self) -> Result<()> {
        self.work.check()
    }

    /// What has been done so far; to be read while the queue is in use elsewhere.
    pub fn meter(&self) -> Meter {
        self.work.meter().clone()
    }

    /// Queues a batch; waits while the queue is full.
    pub fn push(&self, batch: RecordBatch) -> Result<()> {
        self.wait(batch.get_array_memory_size());
        self.push_over(batch)
    }

    /// Queues a slice of a batch that is not ours; it counts as `bytes`, its share of the whole. Waits while
    /// the queue is full.
    pub fn push_shared(&self, batch: RecordBatch, bytes: usize) -> Result<()> {
        self.wait(bytes);
        self.work.push(Batch::new(batch, None, self.meter(), self.work.rooms().hold_batch(bytes)))
    }

    /// Queues a row group that came by levels; waits while the queue is full.
    pub fn push_row_group(&self, group: LeveledRowGroup) -> Result<()> {
        self.wait(group.bytes());
        let held = self.work.rooms().hold(group.bytes());
        self.work.meter().batch_queued(group.rows(), group.bytes());
        self.work.push_job(Job::Levels(group, held))
    }

    /// Queues a batch whether the queue is full or not: for a caller that has asked before.
    pub fn push_over(&self, batch: RecordBatch) -> Result<()> {
        let held = self.work.rooms().hold_batch(batch.get_array_memory_size());
        self.work.push(Batch::new(batch, Some(self.work.spent().clone()), self.meter(), held))
    }

    /// A batch of such columns and so many rows that has been encoded, if there is one, for its memory.
    pub fn spent(&self, schema: &SchemaRef, rows: RangeInclusive<usize>) -> Option<RecordBatch> {
        self.work.spent().take(schema, rows)
    }

    /// Whether a batch of so many bytes would be queued without waiting.
    pub fn takes(&self, bytes: usize) -> bool {
        self.work.rooms().takes(bytes)
    }

    /// Bytes that a window in front of the queue has if the windows of all writers have the same.
    pub fn window_share(&self) -> usize {
        self.work.window_share()
    }

    /// Queues the end of the row group.
    pub fn end_row_group(&self) -> Result<()> {
        self.work.end_row_group()
    }

    /// Queues the end of the row group, and a note in the part's journal after it.
    pub fn note(&self, note: Vec<u8>) -> Result<()> {
        self.work.push_job(Job::Note(note))
    }

    /// Queues the end of the part: the queue runs dry, the metadata is added, the part published.
    pub fn finish(&self, metadata: Vec<(String, String)>) -> Result<()> {
        self.work.push_job(Job::Finish(metadata))
    }

    /// Waits for the part to be published, or for nothing to be left of it after an error; no longer than
    /// until `deadline`, if there is one: None.
    pub fn wait_finished(&self, deadline: Option<Instant>) -> Option<Result<PartSummary>> {
        self.work.wait_settled(deadline)
    }

    fn wait(&self, bytes: usize) {
        if !self.takes(bytes) {
            let start = Instant::now();
            self.work.rooms().wait(bytes, || self.work.check().is_err());
            self.work.meter().blocked(start);
        }
    }

    /// What a caller on another thread needs to end the queue while this one is in use.
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::downgrade(&self.work))
    }
}

impl Drop for EncodeQueue {
    fn drop(&mut self) {
        self.work.stop(freed());
        // What is in flight ends first, so that no file is left once this returns.
        self.work.wait_idle(Instant::now() + FREE_WAIT);
    }
}

/// Ends a queue from another thread: a call that waits for room there returns.
#[derive(Clone)]
pub struct Stopper(std::sync::Weak<Work>);

impl Stopper {
    /// Every later call on the queue returns `error`, unless it had one before; nothing is published.
    pub fn stop(&self, error: Error) {
        if let Some(work) = self.0.upgrade() {
            work.stop(error);
        }
    }

    /// The same for a writer that is freed.
    pub fn free(&self) {
        self.stop(freed());
    }
}

#[track_caller]
fn freed() -> Error {
    Error::new(ErrorClass::Closed, "the writer was freed while it was in use")
}
