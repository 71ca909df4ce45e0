//! The record side: producers hand over records through lanes and never wait; a drain thread turns
//! them into columns.

mod clock;
mod drain;
mod durable;
mod entry;
mod gaps;
mod lane;
#[cfg(test)]
mod lane_tests;
mod layout;
mod memory;
mod merge;
#[cfg(test)]
mod model;
mod options;
mod producer;
mod recover;
#[cfg(test)]
mod resume_tests;
mod sync;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use clock::Clock;
use drain::{Drain, Left, Setup, Shared};
use durable::LaneDir;
use entry::Form;
use gaps::Progress;
pub use lane::LaneCounts;
pub(crate) use lane::LaneWriter;
use lane::{Control, LaneReader, lane};
pub use layout::{Nulls, RecordField, RecordLayout, Source};
use memory::Mapping;
use merge::Order;
pub use options::{Idle, Lanes, OnError, OrderBy, SinkOptions};
pub use producer::{Offer, Producer, ProducerOptions};
pub use recover::{left, recover};
use sync::Memory;

use crate::error::{Error, ErrorClass, Result};
use crate::format::PartSummary;
use crate::pool::spawn_thread;
use crate::writer::{Writer, WriterOptions};

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
    /// Records that were accepted, and lost in an error of storage.
    pub lost: u64,
}

/// What a sink has done so far.
#[derive(Clone, Debug)]
pub struct SinkStats {
    /// Producers opened, and how many of them are not closed and drained.
    pub producers: u64,
    /// The latter.
    pub open_producers: u64,
    /// Sums over all producers.
    pub counts: LaneCounts,
    /// Records that are columns by now.
    pub rows: u64,
    /// Bytes of the part so far.
    pub bytes: u64,
    /// Row groups of the part so far.
    pub row_groups: u64,
    /// Records accepted and lost in an error of storage.
    pub lost: u64,
    /// Records that came later than the order's window.
    pub late: u64,
    /// Values that could not be stored as they were.
    pub replaced: u64,
    /// Times that a part was gone on with, or that was tried, after an error.
    pub retries: u64,
    /// The error that the sink has met and not got over.
    pub last_error: Option<Error>,
}

/// Captures records into one part.
pub struct Sink {
    layout: RecordLayout,
    form: Form,
    options: SinkOptions,
    shared: Arc<Shared>,
    lane_dir: Option<PathBuf>,
    next_producer: AtomicU32,
    thread: Mutex<Option<JoinHandle<Result<SinkSummary>>>>,
    closed: Mutex<Option<Result<SinkSummary>>>,
    _lane_sync: Option<LaneSync>,
}

impl Sink {
    /// Creates the part's temporary file and starts the drain thread. With lanes in files, what another process
    /// left of this part is gone on with: its lanes are drained into it first.
    pub fn open(
        path: &Path,
        layout: &RecordLayout,
        writer: &WriterOptions,
        options: &SinkOptions,
    ) -> Result<Self> {
        Sink::open_by(path, layout, writer, options, Clock::start)
    }

    fn open_by(
        path: &Path,
        layout: &RecordLayout,
        writer: &WriterOptions,
        options: &SinkOptions,
        start_clock: impl FnOnce() -> Clock,
    ) -> Result<Self> {
        options.check()?;
        let order = options.order.as_ref().map(|by| -> Result<_> {
            let key = by.field.as_deref().map(|name| layout.key(name)).transpose()?;
            Ok(Order { key, window: by.window })
        });
        let order = order.transpose()?;
        let stamped = layout.has(Source::Time) || order.is_some_and(|order| order.key.is_none());
        let form = Form::new(layout, stamped);
        let resumes = options.on_error != OnError::Stop;
        let journal = writer.journal || resumes || options.is_durable();
        let writer_options = WriterOptions { journal, ..writer.clone() };
        let Opened { writer, lanes, left, finished } = match &options.lanes {
            Lanes::Memory { .. } => Opened::new(Writer::open(path, layout.schema(), &writer_options)?),
            Lanes::Files { directory } => {
                open_files(path, directory.as_deref(), layout, stamped, &writer_options)?
            }
        };
        let of_left = left.iter().map(|left| left.producer);
        let next_producer =
            of_left.chain(finished.iter().map(|(of, _)| *of)).max().map_or(0, |last| last + 1);
        let (shared, lane_dir) =
            (Arc::<Shared>::default(), lanes.as_ref().map(|lanes| lanes.path().to_owned()));
        let clock = start_clock();
        lanes.iter().try_for_each(|lanes| lanes.keep_clock(&clock))?;
        let setup = Setup {
            path: path.to_owned(),
            layout: layout.clone(),
            form,
            order,
            idle: options.idle,
            cpu: options.drain_cpu,
            max_delay: options.max_delay,
            on_error: options.on_error,
            durable: lanes,
            clock,
            writer: writer_options,
        };
        let every = writer_every(&setup.writer).filter(|_| options.is_durable());
        let mut drain = Drain::new(shared.clone(), setup, writer);
        drain.take_over(left, finished);
        let thread = spawn_thread("flow-drain", move || drain.run())?;
        Ok(Sink {
            layout: layout.clone(),
            form,
            options: options.clone(),
            _lane_sync: every.map(|every| LaneSync::start(shared.clone(), every)).transpose()?,
            shared,
            lane_dir,
            next_producer: AtomicU32::new(next_producer),
            thread: Mutex::new(Some(thread)),
            closed: Mutex::default(),
        })
    }

    /// Opens a lane for one thread. Allocates and prefaults it.
    pub fn producer(&self, options: ProducerOptions) -> Result<Producer> {
        self.check_open()?;
        let max_payload = self.layout.has_payload().then_some(self.options.max_payload);
        // Two of the longest, so that one can be written while another is read.
        let ring = self.options.lane_bytes().max(2 * self.form.longest(self.options.max_payload));
        let producer = self.next_producer.fetch_add(1, Ordering::Relaxed);
        let mapping = match (&self.lane_dir, &self.options.lanes) {
            (Some(path), _) => LaneDir::open(path)?.create_lane(producer, ring)?,
            (None, lanes) => {
                let huge = *lanes == Lanes::Memory { huge_pages: true };
                Mapping::new(size_of::<Control>(), ring, huge)
                    .map_err(|e| Error::io(&e, format!("mapping a lane of {ring} bytes")))?
            }
        };
        // SAFETY: new, so zeros, with room for the control block.
        let memory = unsafe { Memory::new(mapping) };
        let (writer, reader) = lane(memory, self.form.entries());
        self.shared.add(producer, reader)?;
        Ok(Producer::new(writer, self.form.stamped, max_payload, options))
    }

    /// Ends the row group once everything has been drained that is in the lanes now, and waits for that. Returns
    /// the error that the sink has met and not got over.
    pub fn flush(&self) -> Result<()> {
        self.check_open()?;
        self.shared.flush()
    }

    /// The error that ended the sink; or that it was closed.
    fn check_open(&self) -> Result<()> {
        self.shared.check()?;
        match *self.thread.lock() {
            Some(_) => Ok(()),
            None => Err(Error::new(ErrorClass::Closed, "the sink is closed; open another")),
        }
    }

    /// What has been done so far. Any thread, at any time.
    pub fn stats(&self) -> SinkStats {
        let written = self.shared.writer().map(|meter| meter.stats());
        let read = |counter: &AtomicU64| counter.load(Ordering::Acquire);
        // Before what they are made of, so that they are never more.
        let rows = read(&self.shared.rows);
        let (counts, open) = self.shared.counts();
        SinkStats {
            producers: u64::from(self.next_producer.load(Ordering::Relaxed)),
            open_producers: open as u64,
            counts,
            rows,
            bytes: written.as_ref().map_or(0, |stats| stats.bytes_written),
            row_groups: written.as_ref().map_or(0, |stats| stats.row_groups),
            lost: read(&self.shared.lost),
            late: read(&self.shared.late),
            replaced: read(&self.shared.replaced),
            retries: read(&self.shared.retries),
            last_error: self.shared.last_error(),
        }
    }

    /// Closes every lane, drains them, publishes the part and waits for it. No producer may be inside
    /// a record call meanwhile; later calls are refused. Again, it returns the same result.
    pub fn close(&self) -> Result<SinkSummary> {
        let mut closed = self.closed.lock();
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            self.shared.stop();
            let result = thread.join().unwrap_or_else(|panic| Err(Error::panic(&*panic, "draining records")));
            *closed = Some(result);
        }
        closed.clone().unwrap_or_else(|| Err(Error::new(ErrorClass::Closed, "the sink is closed")))
    }
}

impl Drop for Sink {
    /// Abandons what was not closed: nothing is published. Lanes in files stay, and so does a part with a journal.
    fn drop(&mut self) {
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            self.shared.abandon();
            let _ = thread.join();
        }
    }
}

/// Where a sink begins.
struct Opened {
    writer: Writer,
    lanes: Option<LaneDir>,
    left: Vec<Left>,
    finished: Vec<(u32, Progress)>,
}

impl Opened {
    fn new(writer: Writer) -> Self {
        Opened { writer, lanes: None, left: Vec::new(), finished: Vec::new() }
    }
}

/// Opens a part and its lanes, or goes on with what another process left of them.
fn open_files(
    path: &Path,
    base: Option<&Path>,
    layout: &RecordLayout,
    stamped: bool,
    options: &WriterOptions,
) -> Result<Opened> {
    let directory = LaneDir::path_of(path, base);
    let create = || LaneDir::create(&directory, path, layout, stamped, options.if_exists);
    let resumed = Writer::resume(path, layout.schema(), options)?;
    let Some(manifest) = LaneDir::manifest(&directory)? else {
        let (writer, note) = match resumed {
            Some((writer, note)) => (writer, note.unwrap_or_default()),
            None => (Writer::open(path, layout.schema(), options)?, Vec::new()),
        };
        let finished = gaps::read_note(&note)?;
        return Ok(Opened { lanes: Some(create()?), finished, ..Opened::new(writer) });
    };
    let lanes = LaneDir::open(&directory)?;
    let Some((writer, note)) = resumed else {
        if path.symlink_metadata().is_err() && !lanes.lanes()?.is_empty() {
            return Err(Error::new(
                ErrorClass::NotFound,
                format!(
                    "\"{}\" has records of a part that is not there; if it was published and moved away, remove \
                     the directory",
                    directory.display()
                ),
            ));
        }
        // The part was published, or nothing ever was in the lanes.
        lanes.remove()?;
        let writer = Writer::open(path, layout.schema(), options)?;
        return Ok(Opened { lanes: Some(create()?), ..Opened::new(writer) });
    };
    let of_manifest = manifest.layout(layout.schema())?;
    if !of_manifest.is_like(layout) || manifest.stamped != stamped {
        return Err(Error::new(
            ErrorClass::SchemaMismatch,
            format!(
                "\"{}\" has records of another layout; recover them with \"flow recover\" first",
                directory.display()
            ),
        ));
    }
    let mut finished = gaps::read_note(&note.unwrap_or_default())?;
    let mut left = Vec::new();
    for producer in lanes.lanes()? {
        let noted = finished.iter().position(|(other, _)| *other == producer);
        let is_done = noted.is_some_and(|i| finished[i].1.is_done);
        let mapping = if is_done { None } else { lanes.open_lane(producer)? };
        let Some(mapping) = mapping else {
            if is_done {
                lanes.remove_lane(producer)?;
            }
            continue;
        };
        let progress = noted.map_or(Progress::default(), |i| finished.swap_remove(i).1);
        // SAFETY: `create_lane` made it, with room for the control block, of zeros.
        let memory = unsafe { Memory::new(mapping) };
        let (class, rebooted) = (ErrorClass::Closed as i32, manifest.is_of_another_boot);
        left.push(Left {
            producer,
            reader: LaneReader::resume(memory, progress.cursor, class, rebooted),
            progress,
            clock: lanes.kept_clock().filter(|_| rebooted),
        });
    }
    if manifest.is_of_another_boot {
        lanes.renew(&manifest, layout)?;
    }
    Ok(Opened { writer, lanes: Some(lanes), left, finished })
}

fn writer_every(options: &WriterOptions) -> Option<Duration> {
    options.sync_every.interval
}

/// A thread that forces lanes to disk ever again. Dropped, it ends.
struct LaneSync {
    ending: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl LaneSync {
    fn start(shared: Arc<Shared>, every: Duration) -> Result<Self> {
        let ending = Arc::<(Mutex<bool>, Condvar)>::default();
        let end = ending.clone();
        let thread = spawn_thread("flow-lane-sync", move || {
            let mut is_ending = end.0.lock();
            while !*is_ending {
                end.1.wait_for(&mut is_ending, every);
                for lane in shared.lanes() {
                    // What cannot be forced to disk is not said to be there; the part's own sync tells of it.
                    let _ = lane.sync(|memory| memory.mapping().sync());
                }
            }
        })?;
        Ok(LaneSync { ending, thread: Some(thread) })
    }
}

impl Drop for LaneSync {
    fn drop(&mut self) {
        *self.ending.0.lock() = true;
        self.ending.1.notify_all();
        self.thread.take().map(JoinHandle::join);
    }
}
