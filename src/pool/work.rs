//! A writer's work: cut into row groups and columns, done by the pool, put in order again.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::Pool;
use super::job::Job;
use super::queue::QueueOptions;
use super::room::Rooms;
use super::row_group::{Batch, RowGroup, Unit};
use super::spent::Spent;
use super::stats::Meter;
use super::strand::{Claim, Strand};
use crate::error::{Error, Result};
use crate::format::{Encoders, ParquetPart, PartSummary};

/// Bytes of batches that a worker encodes before it looks at other writers: one batch, if it is larger.
const TURN_BYTES: usize = 256 << 10;

pub struct Work {
    pool: Arc<Pool>,
    encoders: Arc<dyn Encoders>,
    row_group_rows: usize,
    row_group_bytes: usize,
    sequence: Mutex<Sequence>,
    /// Row groups that are not encoded, in order. Held for moments only: workers look for work here.
    groups: Mutex<VecDeque<Arc<RowGroup>>>,
    /// Jobs that can be done.
    jobs: Arc<Strand<Job>>,
    /// Units and jobs queued or being done.
    pending: Arc<AtomicUsize>,
    part: Mutex<Option<ParquetPart>>,
    rooms: Rooms,
    meter: Meter,
    /// The first error: every later call returns it, work in flight is dropped.
    latch: OnceLock<Error>,
    end: Mutex<End>,
    ended: Condvar,
}

/// The order of the part.
#[derive(Default)]
struct Sequence {
    /// The row group that batches go into.
    open: Option<Arc<RowGroup>>,
    /// Bytes of the batches in it.
    open_bytes: usize,
    /// The row group before it, until it is written.
    last: Weak<RowGroup>,
    /// What comes before it, as far as it cannot be done yet.
    waiting: VecDeque<Job>,
}

#[derive(Default)]
struct End {
    /// The part is published or gone.
    settled: bool,
    summary: Option<PartSummary>,
}

/// What a worker claimed.
pub enum Claimed {
    Column(Arc<Work>, Arc<RowGroup>, usize, Claim<Unit>),
    Jobs(Arc<Work>, Claim<Job>),
}

impl Work {
    pub fn start(
        pool: &Arc<Pool>,
        encoders: Arc<dyn Encoders>,
        part: ParquetPart,
        options: QueueOptions,
    ) -> Arc<Self> {
        let pending = Arc::new(AtomicUsize::new(0));
        let rooms = pool.rooms(options.max_bytes);
        let work = Arc::new(Work {
            pool: pool.clone(),
            encoders,
            row_group_rows: options.row_group_rows,
            row_group_bytes: options.row_group_bytes,
            sequence: Mutex::default(),
            groups: Mutex::default(),
            jobs: Strand::new(pending.clone()),
            pending,
            part: Mutex::new(Some(part)),
            meter: Meter::new(pool.counters(), rooms.clone()),
            rooms,
            latch: OnceLock::new(),
            end: Mutex::default(),
            ended: Condvar::new(),
        });
        work.meter.bytes_written(work.part.lock().as_ref().map_or(0, ParquetPart::bytes_written));
        pool.add(work.clone());
        work
    }

    pub fn check(&self) -> Result<()> {
        self.latch.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    pub fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    pub fn spent(&self) -> &Arc<Spent> {
        self.pool.spent()
    }

    pub fn window_share(&self) -> usize {
        self.pool.window_share()
    }

    /// Queues a batch's columns.
    pub fn push(&self, batch: Arc<Batch>) -> Result<()> {
        let pushed = self.cut(batch);
        self.pool.wake();
        pushed
    }

    /// Queues a batch's columns, cut where a row group gets full.
    fn cut(&self, batch: Arc<Batch>) -> Result<()> {
        let mut sequence = self.sequence()?;
        let mut row = 0;
        while row < batch.rows() {
            let group = match &sequence.open {
                Some(group) => group.clone(),
                None => {
                    let (held, pages) = (self.rooms.hold(0), self.pool.options().threads);
                    let group = RowGroup::new(&self.encoders, &self.pending, held, pages);
                    self.groups.lock().push_back(group.clone());
                    sequence.open_bytes = 0;
                    sequence.open.insert(group).clone()
                }
            };
            let room = self.row_group_bytes.saturating_sub(sequence.open_bytes);
            let fitting = (room as f64 * batch.rows() as f64 / batch.bytes().max(1) as f64) as usize;
            let rows = (batch.rows() - row).min(self.row_group_rows - group.rows()).min(fitting.max(1));
            group.write(&batch, row..row + rows);
            row += rows;
            sequence.open_bytes += (batch.bytes() as f64 * rows as f64 / batch.rows() as f64) as usize;
            if group.rows() == self.row_group_rows || sequence.open_bytes >= self.row_group_bytes {
                self.seal(&mut sequence);
            }
        }
        Ok(())
    }

    /// Ends the row group, if it has rows.
    pub fn end_row_group(&self) -> Result<()> {
        self.seal(&mut *self.sequence()?);
        self.pool.wake();
        Ok(())
    }

    /// Queues a job after the row group that batches went into, which ends.
    pub fn push_job(&self, job: Job) -> Result<()> {
        let mut sequence = self.sequence()?;
        self.seal(&mut sequence);
        sequence.waiting.push_back(job);
        self.advance(&mut sequence);
        drop(sequence);
        self.pool.wake();
        Ok(())
    }

    /// The sequence, unless there was an error: `stop` sets that before it empties the sequence.
    fn sequence(&self) -> Result<MutexGuard<'_, Sequence>> {
        let sequence = self.sequence.lock();
        self.check().map(|()| sequence)
    }

    fn seal(&self, sequence: &mut Sequence) {
        if let Some(group) = sequence.open.take() {
            let before = std::mem::replace(&mut sequence.last, Arc::downgrade(&group));
            sequence.waiting.push_back(Job::Columns(group.clone()));
            group.seal();
            if let Some(before) = before.upgrade() {
                before.followed();
            }
        }
    }

    /// Hands on the jobs whose turn it is.
    fn advance(&self, sequence: &mut Sequence) {
        while sequence.waiting.front().is_some_and(Job::is_ready) {
            sequence.waiting.pop_front().into_iter().for_each(|job| self.jobs.push(job));
        }
    }

    /// Claims something to do: what frees memory first.
    pub fn claim(self: &Arc<Self>) -> Option<Claimed> {
        if self.pending.load(Ordering::Acquire) == 0 {
            return None;
        }
        if let Some(claim) = Strand::claim(&self.jobs) {
            return Some(Claimed::Jobs(self.clone(), claim));
        }
        let groups = self.groups.lock();
        groups.iter().find_map(|group| {
            let (column, claim) = group.claim()?;
            Some(Claimed::Column(self.clone(), group.clone(), column, claim))
        })
    }

    /// Encodes for a turn; whether the column has more to do.
    pub fn encode(&self, group: &Arc<RowGroup>, column: usize, mut claim: Claim<Unit>) -> bool {
        let mut bytes = 0;
        while bytes < TURN_BYTES
            && let Some(unit) = claim.next()
        {
            bytes += unit.bytes();
            let start = Instant::now();
            // Dropping the unit may run code of whoever owns the batch's memory, so that is inside, too.
            let outcome = caught("encoding a batch", || match self.latch.get() {
                None => group.encode(column, unit, || self.pool.wake()),
                Some(_) => Ok(false),
            });
            self.meter.encoded(start);
            match outcome {
                Ok(true) => self.encoded(group),
                Ok(false) => {}
                Err(error) => self.stop(error),
            }
        }
        let more = claim.release();
        self.done();
        more
    }

    /// A row group is encoded: it is written when its turn comes.
    fn encoded(&self, group: &Arc<RowGroup>) {
        self.groups.lock().retain(|other| !Arc::ptr_eq(other, group));
        self.advance(&mut self.sequence.lock());
        self.pool.wake();
    }

    /// Does the jobs that can be done. May wait for storage.
    pub fn write(&self, mut claim: Claim<Job>) {
        while let Some(job) = claim.next() {
            let start = Instant::now();
            if let Err(error) = caught("writing a part", || self.do_job(job)) {
                self.stop(error);
            }
            self.meter.wrote(start);
        }
        if claim.release() {
            self.pool.wake();
        }
        self.done();
    }

    fn do_job(&self, job: Job) -> Result<()> {
        let mut slot = self.part.lock();
        let Some(part) = slot.as_mut().filter(|_| self.latch.get().is_none()) else {
            drop(slot.take());
            self.settle(None);
            return Ok(());
        };
        let before = part.bytes_written();
        match job {
            Job::Columns(group) => {
                part.append_columns(group.take_encoded()?)?;
                self.meter.row_group_written(group.rows());
            }
            Job::Levels(group, _held) => {
                let rows = group.rows();
                self.meter.batch_started();
                let appended = part.append_levels(group);
                self.meter.batch_done();
                appended?;
                self.meter.row_group_written(rows);
            }
            Job::Note(note) => part.note(&note)?,
            Job::Finish(metadata) => {
                metadata.into_iter().for_each(|(key, value)| part.put_metadata(&key, value));
                let Some(part) = slot.take() else { return Ok(()) };
                let summary = part.finish()?;
                self.meter.bytes_written(summary.bytes - before);
                self.settle(Some(summary));
                return Ok(());
            }
            Job::Stop => {}
        }
        self.meter.bytes_written(part.bytes_written() - before);
        Ok(())
    }

    /// Latches the first error, and drops what is queued.
    pub fn stop(&self, error: Error) {
        if self.latch.set(error).is_err() {
            return;
        }
        let mut sequence = self.sequence.lock();
        let (open, waiting) = (sequence.open.take(), std::mem::take(&mut sequence.waiting));
        let groups = std::mem::take(&mut *self.groups.lock());
        let jobs = self.jobs.clear();
        let end = self.end.lock();
        if !end.settled {
            self.jobs.push(Job::Stop);
        }
        drop((end, sequence));
        self.pool.wake();
        self.rooms.wake();
        // Runs code of whoever owns the batches' memory, so not under the lock.
        groups.iter().for_each(|group| group.abandon());
        drop((open, waiting, groups, jobs));
    }

    fn settle(&self, summary: Option<PartSummary>) {
        self.pool.remove(self);
        let mut end = self.end.lock();
        end.settled = true;
        end.summary = end.summary.take().or(summary);
        drop(end);
        self.ended.notify_all();
    }

    /// Tells who waits for a stopped queue to be idle.
    fn done(&self) {
        if self.latch.get().is_some() {
            drop(self.end.lock());
            self.ended.notify_all();
        }
    }

    pub fn wait_settled(&self, deadline: Option<Instant>) -> Option<Result<PartSummary>> {
        let mut end = self.end.lock();
        while !end.settled {
            match deadline {
                None => self.ended.wait(&mut end),
                Some(deadline) if self.ended.wait_until(&mut end, deadline).timed_out() => break,
                Some(_) => {}
            }
        }
        match (&end.summary, self.latch.get()) {
            (Some(summary), _) => Some(Ok(summary.clone())),
            (None, Some(error)) if end.settled => Some(Err(error.clone())),
            _ => None,
        }
    }

    /// Waits until nothing is queued or in flight.
    pub fn wait_idle(&self, deadline: Instant) {
        let mut end = self.end.lock();
        while !end.settled || self.pending.load(Ordering::Acquire) > 0 {
            if self.ended.wait_until(&mut end, deadline).timed_out() {
                return;
            }
        }
    }
}

/// Runs `body`; its panic is an error.
fn caught<T>(doing: &str, body: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| Err(Error::panic(&*payload, doing)))
}
