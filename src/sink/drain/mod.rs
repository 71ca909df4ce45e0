//! The drain thread: visits the lanes in turn and turns what lies in them into columns.

mod lane;
mod passes;
mod shared;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::clock::Clock;
use super::durable::LaneDir;
use super::entry::{BURST, Form, Staging};
use super::gaps::{self, Progress};
use super::lane::LaneCounts;
use super::merge::Order;
use super::{Idle, OnError, RecordLayout, SinkSummary};
use crate::error::{Error, ErrorClass, Result};
use crate::writer::{Writer, WriterOptions};
pub use lane::{Lane, Left};
pub use shared::Shared;
use shared::{ABANDON, RUN, STOP};

/// A pass that moved fewer records than this is followed by a pause, so that a slow feed does not keep
/// a core busy with handfuls.
const WORTH_A_PASS: usize = 512;

/// What a drain needs to know.
pub struct Setup {
    pub path: std::path::PathBuf,
    pub layout: RecordLayout,
    pub form: Form,
    pub writer: WriterOptions,
    pub order: Option<Order>,
    pub idle: Idle,
    pub cpu: Option<usize>,
    pub max_delay: Option<Duration>,
    pub on_error: OnError,
    pub durable: Option<LaneDir>,
    pub clock: Clock,
}

pub struct Drain {
    shared: Arc<Shared>,
    setup: Setup,
    /// None while storage is in trouble; then until when.
    writer: std::result::Result<Writer, Instant>,
    lanes: Vec<Lane>,
    /// Of producers that are closed and whose lanes are empty.
    finished: Vec<(u32, Progress)>,
    staging: Staging,
    /// Rows appended since the row group began, and when the first of them was.
    rows: usize,
    since: Option<Instant>,
    /// Notes given to the writer that may not be in its journal yet: what each says.
    notes: VecDeque<Vec<(u32, Progress)>>,
    notes_dropped: u64,
    last_key: i128,
    /// A flush that was asked for, and up to where the lanes were filled then.
    flushing: Option<(u64, Vec<(u32, u64)>)>,
    /// Producers that are finished while their lane's file is still there.
    files: Vec<u32>,
}

impl Drain {
    pub fn new(shared: Arc<Shared>, setup: Setup, writer: Writer) -> Self {
        *shared.writer.lock() = Some(writer.meter());
        Drain {
            staging: Staging::new(&setup.layout, setup.form),
            shared,
            setup,
            writer: Ok(writer),
            lanes: Vec::new(),
            finished: Vec::new(),
            rows: 0,
            since: None,
            notes: VecDeque::new(),
            notes_dropped: 0,
            last_key: i128::MIN,
            flushing: None,
            files: Vec::new(),
        }
    }

    /// Takes over what another process left: its lanes, and how far the others had got.
    pub fn take_over(&mut self, left: Vec<Left>, finished: Vec<(u32, Progress)>) {
        for Left { producer, reader, progress, clock } in left {
            self.shared.meters.lock().0.push((producer, reader.meter()));
            self.lanes.push(Lane { clock, ..Lane::new(producer, reader, progress) });
        }
        for (_, Progress { accepted, dropped, oversized, .. }) in &finished {
            let (accepted, dropped, oversized, read) = (*accepted, *dropped, *oversized, *accepted);
            let mut meters = self.shared.meters.lock();
            meters.1 =
                meters.1.and(LaneCounts { accepted, dropped, oversized, read, ..LaneCounts::default() });
        }
        self.finished = finished;
        self.count_again();
    }

    /// Whether the writer keeps a journal.
    fn is_journaled(&self) -> bool {
        self.setup.writer.journal
    }

    /// The thread's body. A failure is passed on to the lanes, whose producers then refuse records.
    pub fn run(mut self) -> Result<SinkSummary> {
        self.setup.cpu.iter().for_each(|&cpu| crate::pool::pin(&[cpu]));
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.drain_all()))
            .unwrap_or_else(|panic| Err(Error::panic(&*panic, "draining records")));
        if let Err(error) = &result {
            *self.shared.failure.lock() = Some(error.clone());
            *self.shared.last_error.lock() = Some(error.clone());
            self.take_opened();
            self.lanes.iter().for_each(|lane| lane.reader.close(error.class() as i32));
        }
        self.shared.wake_flushes(u64::MAX);
        result
    }

    fn drain_all(&mut self) -> Result<SinkSummary> {
        if self.is_journaled() {
            // Rows before the first note would be recovered without it.
            self.end_row_group()?;
        }
        loop {
            let order = self.shared.order.load(Ordering::Acquire);
            let flushes = self.shared.flushes_asked.load(Ordering::Acquire);
            self.take_opened();
            if order != RUN {
                self.lanes.iter().for_each(|lane| lane.reader.close(ErrorClass::Closed as i32));
            }
            if order == ABANDON {
                return Err(Error::new(ErrorClass::Closed, "the sink was freed before it was closed"));
            }
            self.compare_clocks();
            let moved = match self.work(flushes) {
                Ok(moved) => moved,
                Err(error) => self.get_over(error, order == STOP)?,
            };
            if order == STOP && self.lanes.is_empty() && self.writer.is_ok() {
                return self.finish();
            }
            if moved < WORTH_A_PASS {
                self.pause();
            }
        }
    }

    /// One pass; returns the number of records moved.
    fn work(&mut self, flushes: u64) -> Result<usize> {
        self.open_again()?;
        let Ok(writer) = &self.writer else {
            self.shared.wake_flushes(flushes);
            return Ok(0);
        };
        // With nothing to append it would not be seen: a full lane waits for a row group that does not come.
        writer.check_open()?;
        if self.flushing.is_none() && flushes > *self.shared.flushes_done.lock() {
            self.flushing =
                Some((flushes, self.lanes.iter_mut().map(|lane| (lane.producer, lane.tail())).collect()));
        }
        let moved = match self.setup.order {
            None => self.pass()?,
            Some(order) => self.ordered_pass(order)?,
        };
        let is_due =
            self.setup.max_delay.zip(self.since).is_some_and(|(most, since)| since.elapsed() >= most);
        let is_closing = self.shared.order.load(Ordering::Relaxed) != RUN;
        let flushed = self.flushing.take_if(|(_, tails)| {
            let is_behind = |lane: &Lane| {
                tails.iter().any(|&(producer, tail)| {
                    producer == lane.producer && lane.reader.cursor().position < tail
                })
            };
            !self.lanes.iter().any(is_behind)
        });
        if is_due || flushed.is_some() || self.is_noting_due() || (is_closing && moved == 0 && self.rows > 0)
        {
            self.end_row_group()?;
        }
        flushed.into_iter().for_each(|(flush, _)| self.shared.wake_flushes(flush));
        self.give_back();
        self.end_lanes();
        Ok(moved)
    }

    fn pause(&self) {
        match self.setup.idle {
            Idle::Spin => std::hint::spin_loop(),
            Idle::Yield => thread::yield_now(),
            Idle::Sleep(time) => thread::sleep(time),
        }
    }

    fn compare_clocks(&mut self) {
        if self.setup.clock.compare()
            && let Some(lanes) = &self.setup.durable
        {
            // Only needed should the system stop; the last that could be written serves then.
            let _ = lanes.keep_clock(&self.setup.clock);
        }
    }

    fn take_opened(&mut self) {
        for (producer, reader) in self.shared.opened.lock().drain(..) {
            self.lanes.push(Lane::new(producer, reader, Progress::default()));
        }
    }

    /// Whether the row group is to end, so that its records need not stay in the lanes any longer, or are safe.
    fn is_noting_due(&self) -> bool {
        let is_full = |lane: &Lane| {
            lane.progress.cursor.position - lane.noted.cursor.position >= lane.reader.capacity() / 4
        };
        let is_durable = self.setup.durable.is_some();
        let rows = self.setup.writer.parquet.row_group_rows;
        self.is_journaled()
            && self.rows > 0
            && (self.rows + BURST > rows || is_durable && self.lanes.iter().any(is_full))
    }

    /// Ends the row group; with a journal, notes what is in it.
    fn end_row_group(&mut self) -> Result<()> {
        let Ok(writer) = &mut self.writer else { return Ok(()) };
        if self.setup.writer.journal {
            self.lanes.iter_mut().for_each(|lane| lane.noted = lane.progress);
            let lanes = self.lanes.iter().map(|lane| (lane.producer, lane.progress));
            let note: Vec<_> = self.finished.iter().copied().chain(lanes).collect();
            writer.flush_noted(gaps::note(&note))?;
            self.notes.push_back(note);
        } else if self.rows > 0 {
            writer.flush()?;
        }
        (self.rows, self.since) = (0, None);
        Ok(())
    }

    /// Gives the room of records back that are in the journal.
    fn give_back(&mut self) {
        let Ok(writer) = &self.writer else { return };
        let mut kept = None;
        while self.notes_dropped < writer.notes_kept()
            && let Some(note) = self.notes.pop_front()
        {
            self.notes_dropped += 1;
            kept = Some(note);
        }
        let (Some(kept), Some(lanes)) = (kept, &self.setup.durable) else { return };
        for (producer, progress) in kept {
            match self.lanes.iter_mut().find(|lane| lane.producer == producer) {
                Some(lane) => {
                    lane.kept = progress;
                    lane.reader.release(progress.cursor);
                }
                None if progress.is_done => {
                    if let Some(i) = self.files.iter().position(|&other| other == producer) {
                        // If not now, then with the others in the end.
                        let _ = lanes.remove_lane(producer);
                        self.files.swap_remove(i);
                    }
                }
                None => {}
            }
        }
    }

    /// Ends the lanes that are closed and empty: those in files, once all that was in them is in the journal.
    fn end_lanes(&mut self) {
        let (mut i, is_durable) = (0, self.setup.durable.is_some());
        while i < self.lanes.len() {
            let lane = &mut self.lanes[i];
            // In this order: nothing can follow what is available after the lane was seen closed.
            if !lane.reader.is_closed()
                || lane.look() > 0
                || is_durable && lane.kept.cursor.position < lane.progress.cursor.position
            {
                i += 1;
                continue;
            }
            let mut lane = self.lanes.remove(i);
            lane.reader.last_gap().into_iter().for_each(|gap| lane.progress.add(gap));
            lane.progress.cursor = lane.reader.cursor();
            lane.progress.end(lane.reader.meter().counts());
            self.finished.push((lane.producer, lane.progress));
            if is_durable {
                self.files.push(lane.producer);
            }
            self.shared.end_lane(lane.producer);
        }
    }

    /// What an error means: the end, or another try.
    fn get_over(&mut self, error: Error, is_closing: bool) -> Result<usize> {
        let OnError::Resume { retry } = self.setup.on_error else { return Err(error) };
        // A process that the host has just forked holds the part's lock until its exec: a conflict that passes.
        let is_storage = matches!(
            error.class(),
            ErrorClass::NoSpace
                | ErrorClass::Io
                | ErrorClass::Permission
                | ErrorClass::NotFound
                | ErrorClass::Conflict
        );
        if !is_storage || (is_closing && self.writer.is_err()) {
            return Err(error);
        }
        *self.shared.last_error.lock() = Some(error);
        // Dropped before the part is opened again.
        self.writer = Err(Instant::now() + retry);
        Ok(0)
    }

    /// Goes on with the part after an error, if it is time to.
    fn open_again(&mut self) -> Result<()> {
        let Err(due) = self.writer else { return Ok(()) };
        let is_closing = self.shared.order.load(Ordering::Relaxed) != RUN;
        if Instant::now() < due && !is_closing {
            return Ok(());
        }
        self.shared.retries.fetch_add(1, Ordering::Relaxed);
        let Setup { path, layout, writer: options, .. } = &self.setup;
        let (writer, note) = match Writer::resume(path, layout.schema(), options)? {
            Some((writer, note)) => (writer, note.map_or(Ok(Vec::new()), |note| gaps::read_note(&note))?),
            None => (Writer::open(path, layout.schema(), options)?, Vec::new()),
        };
        *self.shared.writer.lock() = Some(writer.meter());
        self.writer = Ok(writer);
        self.go_back(&note);
        *self.shared.last_error.lock() = None;
        self.notes.clear();
        self.notes_dropped = 0;
        self.rows = 0;
        // So that what is lost is known after another error, too.
        self.end_row_group()
    }

    /// Reads what is not in the part once more, or counts it as lost where the lane has it no more.
    fn go_back(&mut self, note: &[(u32, Progress)]) {
        let kept = |producer: u32| {
            note.iter().find(|(other, _)| *other == producer).map_or(Progress::default(), |(_, kept)| *kept)
        };
        let is_durable = self.setup.durable.is_some();
        for lane in &mut self.lanes {
            let kept = kept(lane.producer);
            if is_durable {
                (lane.noted, lane.kept) = (kept, kept);
                lane.go_back(kept);
            } else {
                lane.progress.lose_since(&kept);
            }
        }
        if !is_durable {
            self.finished.iter_mut().for_each(|(producer, progress)| progress.lose_since(&kept(*producer)));
        }
        self.count_again();
    }

    /// Counts the rows and what is lost by how far the lanes have been read.
    fn count_again(&self) {
        let all = || self.lanes.iter().map(|lane| &lane.progress).chain(self.finished.iter().map(|(_, p)| p));
        let (records, lost): (u64, u64) =
            (all().map(|p| p.cursor.records).sum(), all().map(|p| p.lost).sum());
        self.shared.lost.store(lost, Ordering::Relaxed);
        self.shared.rows.store(records - lost, Ordering::Relaxed);
    }

    fn finish(&mut self) -> Result<SinkSummary> {
        self.finished.sort_unstable_by_key(|(producer, _)| *producer);
        let describe =
            |(producer, progress): &(u32, Progress)| progress.describe(*producer, &self.setup.clock);
        let gaps: Vec<_> = self.finished.iter().map(describe).collect();
        let sum = |value: fn(&Progress) -> u64| self.finished.iter().map(|(_, p)| value(p)).sum();
        let counts = self.shared.counts().0;
        let counts = LaneCounts {
            accepted: sum(|p| p.accepted),
            dropped: sum(|p| p.dropped),
            oversized: sum(|p| p.oversized),
            ..counts
        };
        let Ok(writer) = &mut self.writer else {
            return Err(Error::new(ErrorClass::Internal, "no part to publish; this is a defect"));
        };
        writer.put_metadata("libflow.gaps", format!("[{}]", gaps.join(",")))?;
        if self.setup.form.stamped {
            writer.put_metadata("libflow.clock", self.setup.clock.describe())?;
        }
        let part = writer.close()?;
        if let Some(lanes) = self.setup.durable.take() {
            // The part is published, so what stays of them is known to be in it.
            let _ = lanes.remove();
        }
        let replaced = writer.replaced() + self.staging.replaced();
        Ok(SinkSummary {
            part,
            counts,
            producers: self.finished.len() as u64,
            replaced,
            lost: self.shared.lost.load(Ordering::Relaxed),
        })
    }
}
