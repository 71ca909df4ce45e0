//! The columnar side: row chunks in, one published part out.

mod batch;
mod options;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::RecordBatch;
use arrow_schema::Fields;

use crate::columns::{BadValues, Checked, ColumnSlice, Window};
use crate::error::{Error, ErrorClass, Result};
use crate::format::{LeafSlice, LeveledRowGroup, LeveledSchema, ParquetEncoders, ParquetPart, PartSummary};
use crate::pool::{EncodeQueue, Meter, Pool, QueueOptions, Stopper, spawn_thread};
use crate::schema::Schema;
use crate::storage::{Notes, Part, PartFile, SyncEvery};
pub use options::WriterOptions;

/// Rows that go to be encoded before the window is full where many writers share the pool's memory: an encoder makes a
/// page of them without waiting for more.
const FEW_ROWS: usize = 1 << 13;

/// Writes one part. Dropped before [`Writer::close`], it publishes nothing.
pub struct Writer {
    schema: Schema,
    leveled: LeveledSchema,
    window: Window,
    queue: EncodeQueue,
    metadata: Vec<(String, String)>,
    /// Of the part's journal, if it has one.
    notes: Option<Arc<Notes>>,
    state: State,
}

enum State {
    Open,
    /// Everything is queued, down to the footer.
    Closing,
    Closed(Result<PartSummary>),
}

impl Writer {
    /// Creates the part's temporary file beside `path`.
    pub fn open(path: &Path, schema: &Schema, options: &WriterOptions) -> Result<Self> {
        let mut notes = None;
        let create = || {
            let mut part = PartFile::create(path, options.sync, options.if_exists)?;
            if options.journal {
                part.keep_journal()?;
            }
            sync_every(&mut part, options.sync_every)?;
            notes = part.notes().cloned();
            Ok(Box::new(part) as Box<dyn Part>)
        };
        let writer = Writer::open_in(&Pool::of_process()?, path, schema, options, create)?;
        Ok(Writer { notes, ..writer })
    }

    /// Opens a writer in a pool of the caller's choice, of a part that `create` creates. `path` names it.
    pub fn open_in(
        pool: &Arc<Pool>,
        path: &Path,
        schema: &Schema,
        options: &WriterOptions,
        create: impl FnOnce() -> Result<Box<dyn Part>>,
    ) -> Result<Self> {
        options.check()?;
        let (part, encoders) = ParquetPart::start(schema, &options.parquet, path.to_owned(), create)?;
        Ok(Writer::of(pool, schema, options, part, encoders))
    }

    /// Goes on with the part `path` that a crash cut short, or a writer that failed or was dropped: with the rows
    /// before the last note, which is returned, too; without any note, with the row groups that were written.
    /// Its journal goes on, whatever the options say of it. Metadata that was put is to be put again.
    ///
    /// None: there is nothing to go on with, as the part has no journal, or was published already, or nothing
    /// was written to it. Errors: another schema ([`ErrorClass::SchemaMismatch`]), a live writer
    /// ([`ErrorClass::Conflict`]), a journal without its temporary file ([`ErrorClass::NotFound`]), a broken one
    /// ([`ErrorClass::Corrupt`]). What was left stays as it is then.
    pub fn resume(
        path: &Path,
        schema: &Schema,
        options: &WriterOptions,
    ) -> Result<Option<(Self, Option<Vec<u8>>)>> {
        options.check()?;
        let Some(unfinished) = PartFile::reopen(path, Some((options.sync, options.if_exists)))? else {
            return Ok(None);
        };
        let mut notes = None;
        let prepare = |part: &mut PartFile| {
            notes = part.notes().cloned();
            sync_every(part, options.sync_every)
        };
        let (part, encoders, note) = ParquetPart::resume(schema, &options.parquet, unfinished, prepare)?;
        let writer = Writer::of(&Pool::of_process()?, schema, options, part, encoders);
        Ok(Some((Writer { notes, ..writer }, note)))
    }

    fn of(
        pool: &Arc<Pool>,
        schema: &Schema,
        options: &WriterOptions,
        part: ParquetPart,
        encoders: ParquetEncoders,
    ) -> Self {
        // A batch is no longer than a row group, so that rows are encoded while they are in the cache.
        let window_rows = options.window_rows.min(options.parquet.row_group_rows);
        let queue = QueueOptions {
            max_bytes: options.queue_bytes,
            row_group_rows: options.parquet.row_group_rows,
            row_group_bytes: options.parquet.row_group_bytes,
        };
        Writer {
            schema: schema.clone(),
            leveled: part.leveled_schema(),
            window: Window::new(schema, window_rows, options.window_bytes),
            queue: EncodeQueue::new(pool, Arc::new(encoders), part, queue),
            metadata: Vec::new(),
            notes: None,
            state: State::Open,
        }
    }

    /// Copies a row chunk, one slice a field. Waits while the queue is full. A chunk that does not fit
    /// the schema is refused whole and the writer stays usable.
    pub fn append(&mut self, slices: &[ColumnSlice<'_>]) -> Result<()> {
        self.append_checked(slices, BadValues::Refuse)
    }

    /// As [`Writer::append`], for records that cannot be handed back: text that is no UTF-8 gets U+FFFD
    /// in its place, seconds out of range become the last in range, and [`Writer::replaced`] counts both.
    pub fn append_captured(&mut self, slices: &[ColumnSlice<'_>]) -> Result<()> {
        self.append_checked(slices, BadValues::Replace)
    }

    /// As [`Writer::append`], but never waits: false, and nothing appended, if the queue has no room for
    /// what is gathered and the chunk. A chunk larger than the queue is taken once the queue is empty.
    pub fn try_append(&mut self, slices: &[ColumnSlice<'_>]) -> Result<bool> {
        let chunk = self.check(slices, BadValues::Refuse)?;
        if let Some(bytes) = self.window.bytes_if_filled_by(&chunk)
            && !self.queue.takes(bytes)
        {
            return Ok(false);
        }
        let queue = &self.queue;
        self.window.append(
            chunk,
            |batch| queue.push_over(batch),
            |schema, rows| queue.spent(schema, rows),
        )?;
        if self.has_share() && queue.takes(self.window.bytes()) {
            queue.push_over(self.window.take()?)?;
        }
        Ok(true)
    }

    fn append_checked(&mut self, slices: &[ColumnSlice<'_>], bad_values: BadValues) -> Result<()> {
        let chunk = self.check(slices, bad_values)?;
        let queue = &self.queue;
        self.window.append(chunk, |batch| queue.push(batch), |schema, rows| queue.spent(schema, rows))?;
        if self.has_share() { self.send_window() } else { Ok(()) }
    }

    /// Whether the window has as much as it may have while the other writers' have as much.
    fn has_share(&self) -> bool {
        self.window.rows() >= FEW_ROWS && self.window.bytes() >= self.queue.window_share()
    }

    fn check<'a>(&self, slices: &'a [ColumnSlice<'a>], bad_values: BadValues) -> Result<Checked<'a>> {
        self.check_open()?;
        self.check_has_fields()?;
        Checked::new(&self.schema, slices, bad_values)
    }

    /// Whether rows can come as columns of the schema's fields.
    pub fn check_has_fields(&self) -> Result<()> {
        match self.schema.message() {
            None => Ok(()),
            Some(_) => Err(Error::new(
                ErrorClass::Unsupported,
                "the schema was made from a message type, which has no fields to append to; write row groups",
            )),
        }
    }

    /// Writes one row group of `rows` rows, one slice a leaf column, after all rows that came before.
    /// Waits while the queue is full. A row group whose levels are inconsistent is refused whole and the
    /// writer stays usable.
    pub fn write_row_group(&mut self, rows: usize, slices: &[LeafSlice<'_>]) -> Result<()> {
        self.check_open()?;
        let group = LeveledRowGroup::new(&self.leveled, rows, slices)?;
        if group.rows() == 0 {
            return self.flush();
        }
        self.send_window()?;
        self.queue.push_row_group(group)
    }

    /// Appends an Arrow batch after what was appended before. Nothing is copied but what Parquet stores
    /// in another form: the batch is cut into slices of the window's size, and its memory goes back to
    /// its owner when the last of them has been encoded, maybe on another thread; or written, if its row group is
    /// full and not compressed. Waits while the queue is full. A batch that does not fit the schema is refused whole.
    pub fn append_batch(&mut self, batch: &RecordBatch) -> Result<()> {
        self.check_fields(batch.schema_ref().fields())?;
        let batch = batch::fit(&self.schema, batch)?;
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.send_window()?;
        let (rows, bytes) = (batch.num_rows(), batch::bytes(&batch));
        let (window_rows, window_bytes) = self.window.limits();
        let row_bytes = bytes as f64 / rows as f64;
        let step = window_rows.min((window_bytes as f64 / row_bytes) as usize).max(1);
        for row in (0..rows).step_by(step) {
            let piece = batch.slice(row, step.min(rows - row));
            let bytes = (piece.num_rows() as f64 * row_bytes) as usize;
            self.queue.push_shared(piece, bytes)?;
        }
        Ok(())
    }

    /// Whether [`Writer::append_batch`] would take columns of these names and types: they must be those
    /// of the schema, in its order. What the fields say of nulls does not matter, the nulls themselves do.
    pub fn check_fields(&self, fields: &Fields) -> Result<()> {
        self.check_open()?;
        batch::check_fields(&self.schema, fields)
    }

    /// Ends the row group. Does not wait for it to be written.
    pub fn flush(&mut self) -> Result<()> {
        self.check_open()?;
        self.send_window()?;
        self.queue.end_row_group()
    }

    /// As [`Writer::flush`], and once all rows appended so far are written, `note` is appended to the journal: a
    /// part that is recovered holds the rows before its last note, which [`Writer::resume`] returns. Rows before
    /// the first note are recovered by row groups, so a writer that needs to know gives one before its first row.
    /// An error if the writer keeps no journal.
    pub fn flush_noted(&mut self, note: Vec<u8>) -> Result<()> {
        self.check_open()?;
        if self.notes.is_none() {
            return Err(Error::invalid("a note needs a journal; open the writer with the option journal"));
        }
        self.send_window()?;
        self.queue.note(note)
    }

    /// How many notes that were given to this writer are in the journal by now: no crash of the process takes
    /// them. With `sync_every`, those that no power cut takes, either: the part and the journal have been forced to
    /// disk since.
    pub fn notes_kept(&self) -> u64 {
        self.notes.as_ref().map_or(0, |notes| notes.kept())
    }

    /// Adds a key and value to the part's metadata, written at close. A key given again gets the new value.
    pub fn put_metadata(&mut self, key: &str, value: String) -> Result<()> {
        self.check_open()?;
        match self.metadata.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => *old = value,
            None => self.metadata.push((key.to_owned(), value)),
        }
        Ok(())
    }

    /// Captured values that could not be stored as they were.
    pub fn replaced(&self) -> u64 {
        self.window.replaced()
    }

    /// Writes what is left and publishes; waits for it. Again, it returns the same result.
    pub fn close(&mut self) -> Result<PartSummary> {
        self.close_until(None).unwrap_or_else(|| Err(closed()))
    }

    /// As [`Writer::close`], but gives up at `deadline`, if there is one: None. The writer takes nothing more
    /// then, and goes on closing; call it again to wait on.
    pub fn close_until(&mut self, deadline: Option<Instant>) -> Option<Result<PartSummary>> {
        if let State::Open = self.state {
            self.state = State::Closing;
            if let Err(error) = self.queue_rest() {
                // Unless it is the writer's error already: the part cannot be whole.
                self.queue.stopper().stop(error);
            }
        }
        if let State::Closing = self.state {
            self.state = State::Closed(self.queue.wait_finished(deadline)?);
        }
        match &self.state {
            State::Closed(result) => Some(result.clone()),
            _ => None,
        }
    }

    /// Never waits for room, as closing may have a deadline.
    fn queue_rest(&mut self) -> Result<()> {
        if !self.window.is_empty() {
            self.queue.push_over(self.window.take()?)?;
        }
        self.queue.finish(std::mem::take(&mut self.metadata))
    }

    /// What the writer has done so far; to be read while it is in use elsewhere.
    pub fn meter(&self) -> Meter {
        self.queue.meter()
    }

    /// Ends the writer while another thread uses it.
    pub fn stopper(&self) -> Stopper {
        self.queue.stopper()
    }

    /// The writer's first error, which may have come since the last call; or that it is closed.
    pub fn check_open(&self) -> Result<()> {
        match &self.state {
            State::Open => self.queue.check(),
            State::Closing => Err(closed()),
            State::Closed(Err(error)) => Err(error.clone()),
            State::Closed(Ok(_)) => Err(closed()),
        }
    }

    fn send_window(&mut self) -> Result<()> {
        self.queue.check()?;
        if self.window.is_empty() {
            return Ok(());
        }
        self.queue.push(self.window.take()?)
    }
}

fn sync_every(part: &mut PartFile, every: SyncEvery) -> Result<()> {
    if every.is_given() {
        spawn_thread("flow-sync", part.sync_every(every)?)?;
    }
    Ok(())
}

#[track_caller]
fn closed() -> Error {
    Error::new(ErrorClass::Closed, "the writer is closed; open another")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::PoolOptions;
    use crate::storage::{IfExists, Sync};
    use arrow_schema::{DataType, Field};
    use std::thread::sleep;
    use std::time::Duration;

    fn open(path: &Path, options: &WriterOptions) -> Result<Writer> {
        let schema = Schema::new(vec![Field::new("a", DataType::UInt8, false)])?;
        Writer::open(path, &schema, options)
    }

    #[test]
    fn a_queue_that_ran_dry_goes_on() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.parquet");
        let options = WriterOptions { window_rows: 2, queue_bytes: Some(1), ..WriterOptions::default() };
        let mut writer = open(&path, &options).unwrap();
        for _ in 0..20 {
            writer.append(&[ColumnSlice::fixed(&[1, 2, 3], 1)]).unwrap();
            sleep(Duration::from_millis(1)); // the task finishes, and must be started again
        }
        let part = writer.close().unwrap();
        assert_eq!((part.rows, part.row_groups), (60, 1));
        assert_eq!(writer.close().unwrap(), part);
        assert_eq!(writer.append(&[]).unwrap_err().class(), ErrorClass::Closed);
    }

    #[test]
    fn a_window_goes_to_be_encoded_with_its_share_of_the_memory_of_all() {
        let directory = tempfile::tempdir().unwrap();
        let pool = Pool::start(PoolOptions { max_bytes: 16 * FEW_ROWS, ..PoolOptions::default() }).unwrap();
        let schema = Schema::new(vec![Field::new("a", DataType::UInt8, false)]).unwrap();
        let open = |name| {
            let path = directory.path().join(name);
            let create =
                || Ok(Box::new(PartFile::create(&path, Sync::None, IfExists::Fail)?) as Box<dyn Part>);
            Writer::open_in(&pool, &path, &schema, &WriterOptions::default(), create).unwrap()
        };
        let append = |writer: &mut Writer, rows| {
            writer.append(&[ColumnSlice::fixed(&vec![1; rows], 1)]).unwrap();
            writer.meter().stats().rows
        };
        let mut one = open("one");
        assert_eq!(append(&mut one, FEW_ROWS), 0, "the share of one is four times as much");
        let [mut other, _third, _fourth] = ["other", "third", "fourth"].map(open);
        assert_eq!(append(&mut other, FEW_ROWS - 1), 0, "too few rows");
        assert_eq!(append(&mut one, 1), FEW_ROWS as u64 + 1);
        assert!(other.try_append(&[ColumnSlice::fixed(&[1], 1)]).unwrap());
        assert_eq!(other.meter().stats().rows, FEW_ROWS as u64);
        assert_eq!(one.close().unwrap().rows, FEW_ROWS as u64 + 1);
        assert_eq!(other.close().unwrap().rows, FEW_ROWS as u64);
    }

    #[test]
    fn a_writer_that_is_dropped_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = open(&directory.path().join("a"), &WriterOptions::default()).unwrap();
        writer.append(&[ColumnSlice::fixed(&[1; 1000], 1)]).unwrap();
        writer.flush().unwrap();
        drop(writer);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn options_out_of_range_are_refused_before_a_file_exists() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let no_window = WriterOptions { window_rows: 0, ..WriterOptions::default() };
        assert_eq!(open(&path, &no_window).map(|_| ()).unwrap_err().class(), ErrorClass::InvalidArgument);
        let mut bad_level = WriterOptions::default();
        bad_level.parquet.codec = crate::format::Codec::Zstd(23);
        assert_eq!(open(&path, &bad_level).map(|_| ()).unwrap_err().class(), ErrorClass::InvalidArgument);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
