//! One writer's work: batches go in on the caller's thread, are encoded in FIFO order by one task.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::RecordBatch;
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::threads::spawn_task;
use crate::error::{Error, Result};
use crate::format::{LeveledRowGroup, ParquetEncoder, PartSummary};

enum Job {
    Batch {
        batch: RecordBatch,
        bytes: usize,
        /// Its memory is a window's, which may have it back.
        ours: bool,
    },
    RowGroup(LeveledRowGroup, usize),
    EndRowGroup,
    Finish(Vec<(String, String)>),
}

impl Job {
    fn bytes(&self) -> usize {
        match self {
            Job::Batch { bytes, .. } | Job::RowGroup(_, bytes) => *bytes,
            Job::EndRowGroup | Job::Finish(_) => 0,
        }
    }
}

/// The queue. Dropping it abandons the part: queued work is discarded, nothing is published.
pub struct EncodeQueue {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Signalled whenever a job is done.
    progress: Condvar,
    max_bytes: usize,
}

struct State {
    jobs: VecDeque<Job>,
    /// Bytes of the batches queued and of the one being encoded.
    bytes: usize,
    /// A task owns the front of the queue, and with it the encoder.
    busy: bool,
    encoder: Option<Box<ParquetEncoder>>,
    /// The first error: every later call returns it.
    latch: Option<Error>,
    summary: Option<PartSummary>,
    /// The batch encoded last, whose memory the next window may have.
    spent: Option<RecordBatch>,
}

impl EncodeQueue {
    /// A queue in front of `encoder` that holds at most `max_bytes` of batches, or one batch.
    pub fn new(encoder: ParquetEncoder, max_bytes: usize) -> Self {
        let state = State {
            jobs: VecDeque::new(),
            bytes: 0,
            busy: false,
            encoder: Some(Box::new(encoder)),
            latch: None,
            summary: None,
            spent: None,
        };
        EncodeQueue {
            shared: Arc::new(Shared { state: Mutex::new(state), progress: Condvar::new(), max_bytes }),
        }
    }

    /// Returns the latched error, if any.
    pub fn check(&self) -> Result<()> {
        self.shared.state.lock().check()
    }

    /// Queues a batch; waits while the queue is full. Returns one that has been encoded, if there is one,
    /// for its memory.
    pub fn push(&self, batch: RecordBatch) -> Result<Option<RecordBatch>> {
        let bytes = batch.get_array_memory_size();
        self.push_job(Job::Batch { batch, bytes, ours: true })
    }

    /// Queues a slice of a batch that is not ours; it counts as `bytes`, its share of the whole. Waits while
    /// the queue is full.
    pub fn push_shared(&self, batch: RecordBatch, bytes: usize) -> Result<()> {
        self.push_job(Job::Batch { batch, bytes, ours: false }).map(drop)
    }

    /// Queues a row group that came by levels; waits while the queue is full.
    pub fn push_row_group(&self, group: LeveledRowGroup) -> Result<()> {
        let bytes = group.bytes();
        self.push_job(Job::RowGroup(group, bytes)).map(drop)
    }

    fn push_job(&self, job: Job) -> Result<Option<RecordBatch>> {
        let bytes = job.bytes();
        let mut state = self.shared.state.lock();
        while state.latch.is_none() && !self.shared.takes(&state, bytes) {
            self.shared.progress.wait(&mut state);
        }
        let spent = state.spent.take();
        self.submit(state, job).map(|()| spent)
    }

    /// Queues a batch whether the queue is full or not: for a caller that has asked before.
    pub fn push_over(&self, batch: RecordBatch) -> Result<Option<RecordBatch>> {
        let bytes = batch.get_array_memory_size();
        let mut state = self.shared.state.lock();
        let spent = state.spent.take();
        self.submit(state, Job::Batch { batch, bytes, ours: true }).map(|()| spent)
    }

    /// Whether a batch of so many bytes would be queued without waiting.
    pub fn takes(&self, bytes: usize) -> bool {
        self.shared.takes(&self.shared.state.lock(), bytes)
    }

    /// Queues the end of the row group.
    pub fn end_row_group(&self) -> Result<()> {
        self.submit(self.shared.state.lock(), Job::EndRowGroup)
    }

    /// Lets the queue run dry, adds the metadata, publishes the part; waits for all of it.
    pub fn finish(&self, metadata: Vec<(String, String)>) -> Result<PartSummary> {
        self.submit(self.shared.state.lock(), Job::Finish(metadata))?;
        let mut state = self.shared.state.lock();
        loop {
            state.check()?;
            if let Some(summary) = &state.summary {
                return Ok(summary.clone());
            }
            self.shared.progress.wait(&mut state);
        }
    }

    fn submit(&self, mut state: MutexGuard<'_, State>, job: Job) -> Result<()> {
        state.check()?;
        state.bytes += job.bytes();
        state.jobs.push_back(job);
        if state.busy {
            return Ok(());
        }
        state.busy = true;
        drop(state);
        let shared = self.shared.clone();
        spawn_task(async move {
            while shared.run_one() {
                // Other writers' tasks get their turn between two batches.
                tokio::task::yield_now().await;
            }
        })
        .inspect_err(|error| {
            let mut state = self.shared.state.lock();
            state.busy = false;
            state.latch = Some(error.clone());
        })
    }
}

impl Drop for EncodeQueue {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        let jobs = std::mem::take(&mut state.jobs);
        // The job in flight ends first, so that no file is left once this returns.
        while state.busy {
            self.shared.progress.wait(&mut state);
        }
        let encoder = state.encoder.take();
        drop(state);
        drop((jobs, encoder)); // runs code of whoever owns the batches' memory, so not under the lock
    }
}

impl State {
    fn check(&self) -> Result<()> {
        self.latch.clone().map_or(Ok(()), Err)
    }
}

impl Shared {
    /// A queue that holds nothing takes anything.
    fn takes(&self, state: &State, bytes: usize) -> bool {
        state.bytes == 0 || state.bytes.saturating_add(bytes) <= self.max_bytes
    }

    /// Does the next job; false when there is none and the queue has been released.
    fn run_one(&self) -> bool {
        let mut state = self.state.lock();
        // The encoder is gone once the part is finished or has failed; then nothing is queued either.
        let job = match state.encoder.is_some() {
            true => state.jobs.pop_front(),
            false => None,
        };
        let Some((job, encoder)) = job.and_then(|job| Some((job, state.encoder.take()?))) else {
            state.busy = false;
            self.progress.notify_all();
            return false;
        };
        drop(state);
        let bytes = job.bytes();
        let outcome = catch_unwind(AssertUnwindSafe(|| work(encoder, job)))
            .unwrap_or_else(|payload| Err(Error::panic(&*payload, "encoding a batch")));

        let mut dropped = VecDeque::new();
        let mut state = self.state.lock();
        state.bytes -= bytes;
        match outcome {
            Ok(Done::Encoded(encoder, spent)) => {
                state.encoder = Some(encoder);
                state.spent = spent.or(state.spent.take());
            }
            Ok(Done::Published(summary)) => state.summary = Some(summary),
            Err(error) => {
                state.latch = Some(error);
                dropped = std::mem::take(&mut state.jobs);
                state.bytes = 0;
            }
        }
        self.progress.notify_all();
        drop(state);
        drop(dropped); // as in `EncodeQueue::drop`, not under the lock
        true
    }
}

enum Done {
    Encoded(Box<ParquetEncoder>, Option<RecordBatch>),
    Published(PartSummary),
}

/// Does one job. On an error the encoder is dropped, and its unpublished file with it.
fn work(mut encoder: Box<ParquetEncoder>, job: Job) -> Result<Done> {
    match job {
        Job::Batch { batch, ours, .. } => {
            encoder.encode(&batch)?;
            return Ok(Done::Encoded(encoder, Some(batch).filter(|_| ours)));
        }
        Job::RowGroup(group, _) => encoder.write_row_group(group)?,
        Job::EndRowGroup => encoder.end_row_group()?,
        Job::Finish(metadata) => {
            for (key, value) in metadata {
                encoder.put_metadata(&key, value);
            }
            return encoder.finish().map(Done::Published);
        }
    }
    Ok(Done::Encoded(encoder, None))
}
