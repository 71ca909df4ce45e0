//! A row group on its way: its columns, each a strand of its own, and the batches they encode.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arrow_array::RecordBatch;
use parking_lot::Mutex;

use super::room::Held;
use super::spent::Spent;
use super::stats::Meter;
use super::strand::{Claim, Strand};
use crate::error::{Error, ErrorClass, Result};
use crate::format::{ColumnEncoder, EncodedColumn, Encoders, PendingPage};

/// A batch, in flight until its last column is encoded.
pub struct Batch {
    /// None only while it is dropped.
    batch: Option<RecordBatch>,
    /// Where its memory goes, if it is a window's, which may have it back.
    spent: Option<Arc<Spent>>,
    started: AtomicBool,
    meter: Meter,
    held: Held,
}

impl Batch {
    pub fn new(batch: RecordBatch, spent: Option<Arc<Spent>>, meter: Meter, held: Held) -> Arc<Self> {
        meter.batch_queued(batch.num_rows(), held.bytes());
        Arc::new(Batch { batch: Some(batch), spent, started: AtomicBool::new(false), meter, held })
    }

    pub fn rows(&self) -> usize {
        self.batch.as_ref().map_or(0, RecordBatch::num_rows)
    }

    /// Bytes of its rows in memory.
    pub fn bytes(&self) -> usize {
        self.held.bytes()
    }

    fn start(&self) {
        if !self.started.swap(true, Ordering::Relaxed) {
            self.meter.batch_started();
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // Its memory first, as that is what is waited for.
        let batch = self.batch.take();
        if let (Some(spent), Some(batch)) = (self.spent.take(), batch) {
            spent.put(batch);
        }
        self.start();
        self.meter.batch_done();
    }
}

/// What a column has to do.
pub enum Unit {
    /// Encode these rows of the batch.
    Write(Arc<Batch>, Range<usize>),
    /// End.
    Close,
    /// Compress a page of the batch's.
    Page(PendingPage, Arc<Batch>),
}

impl Unit {
    /// A column's share of the batch's bytes, about.
    pub fn bytes(&self) -> usize {
        match self {
            Unit::Write(batch, rows) => {
                let columns = batch.batch.as_ref().map_or(1, RecordBatch::num_columns);
                batch.held.bytes() / columns * rows.len() / batch.rows().max(1)
            }
            Unit::Close => 0,
            Unit::Page(page, _) => page.plain_bytes(),
        }
    }
}

/// Bytes of a page that is worth handing over.
const LARGE_PAGE: usize = 128 << 10;

/// A row group that batches go into.
pub struct RowGroup {
    columns: Box<[Column]>,
    /// Pages that a column's worker leaves to others to compress: one at a time in each. It does so itself
    /// while there are enough, so that a wide column keeps all workers busy within bounded memory.
    pages: Box<[Arc<Strand<Unit>>]>,
    encoders: Arc<dyn Encoders>,
    /// The columns' encoders until they begin. The first makes all, as that takes too long for a caller.
    opened: Mutex<Vec<Option<Box<dyn ColumnEncoder>>>>,
    /// Columns that have not ended, and pages that were left to others.
    open: AtomicUsize,
    rows: AtomicUsize,
    memory: Mutex<Memory>,
}

struct Column {
    strand: Arc<Strand<Unit>>,
    state: Mutex<State>,
}

enum State {
    New,
    Open(Box<dyn ColumnEncoder>),
    Closed(EncodedColumn),
    /// Written, or lost in an error.
    Gone,
}

/// Bytes of what has been encoded. They count as in flight from when the row group is sealed: before that,
/// waiting would not make them less. Its writer's appends wait for them once the next is sealed, so that one can be
/// encoded while another is written.
struct Memory {
    bytes: usize,
    held: Held,
    sealed: bool,
}

impl RowGroup {
    /// `held` holds nothing yet; `pages` may be left to others at once.
    pub fn new(
        encoders: &Arc<dyn Encoders>,
        pending: &Arc<AtomicUsize>,
        held: Held,
        pages: usize,
    ) -> Arc<Self> {
        let column = |_| Column { strand: Strand::new(pending.clone()), state: Mutex::new(State::New) };
        let columns: Box<[Column]> = (0..encoders.count()).map(column).collect();
        Arc::new(RowGroup {
            open: AtomicUsize::new(columns.len()),
            columns,
            pages: (0..pages).map(|_| Strand::new(pending.clone())).collect(),
            encoders: encoders.clone(),
            opened: Mutex::default(),
            rows: AtomicUsize::new(0),
            memory: Mutex::new(Memory { bytes: 0, held, sealed: false }),
        })
    }

    pub fn rows(&self) -> usize {
        self.rows.load(Ordering::Relaxed)
    }

    /// Queues rows of a batch for every column.
    pub fn write(&self, batch: &Arc<Batch>, rows: Range<usize>) {
        self.rows.fetch_add(rows.len(), Ordering::Relaxed);
        for column in &self.columns {
            column.strand.push(Unit::Write(batch.clone(), rows.clone()));
        }
    }

    /// No more rows come: every column ends after those that are queued.
    pub fn seal(&self) {
        let mut memory = self.memory.lock();
        memory.sealed = true;
        memory.held.spare(true);
        memory.add(0, 0);
        drop(memory);
        for column in &self.columns {
            column.strand.push(Unit::Close);
        }
    }

    /// The next row group is sealed, too.
    pub fn followed(&self) {
        self.memory.lock().held.spare(false);
    }

    /// Whether every column has ended, and every page is compressed.
    pub fn is_encoded(&self) -> bool {
        self.open.load(Ordering::Acquire) == 0
    }

    /// Claims the column that has most to do: it is the one that all will wait for. Or else a page.
    pub fn claim(&self) -> Option<(usize, Claim<Unit>)> {
        loop {
            let strands = self.columns.iter().map(|column| &column.strand).chain(&self.pages);
            let by_work = |(_, strand): &(usize, &Arc<Strand<Unit>>)| strand.claimable();
            let (index, strand) = strands.enumerate().max_by_key(by_work)?;
            if strand.claimable() == 0 {
                return None;
            }
            if let Some(claim) = Strand::claim(strand) {
                return Some((index, claim));
            }
        }
    }

    /// Does a unit of what was claimed; calls `wake` as soon as there is something for others to do meanwhile.
    /// Returns whether the row group is encoded now.
    pub fn encode(&self, index: usize, unit: Unit, wake: impl Fn()) -> Result<bool> {
        let unit = match unit {
            Unit::Page(page, _batch) => {
                self.compress(page);
                return Ok(self.one_less());
            }
            unit => unit,
        };
        let mut state = self.columns[index].state.lock();
        if let State::New = *state {
            *state = State::Open(self.open(index)?);
        }
        match unit {
            Unit::Write(batch, rows) => {
                batch.start();
                let (State::Open(encoder), Some(columns)) = (&mut *state, &batch.batch) else {
                    return Err(lost());
                };
                let before = encoder.memory();
                // Not a window's memory, for which the next one waits; nor before the row group is full, as its
                // writing may need what the batch's owner does next.
                let keeps = batch.spent.is_none() && self.memory.lock().sealed;
                encoder.write(&columns.column(index).slice(rows.start, rows.len()), keeps)?;
                let pages = encoder.take_pages();
                self.memory.lock().add(encoder.memory(), before);
                for page in pages {
                    match self.pages.iter().find(|others| others.len() == 0) {
                        Some(others) if page.plain_bytes() >= LARGE_PAGE => {
                            self.open.fetch_add(1, Ordering::Relaxed);
                            others.push(Unit::Page(page, batch.clone()));
                            wake();
                        }
                        _ => self.compress(page),
                    }
                }
                Ok(false)
            }
            Unit::Page(..) => Err(lost()),
            Unit::Close => {
                let State::Open(encoder) = std::mem::replace(&mut *state, State::Gone) else {
                    return Err(lost());
                };
                let before = encoder.memory();
                let encoded = encoder.close()?;
                self.memory.lock().add(encoded.bytes(), before);
                *state = State::Closed(encoded);
                drop(state);
                Ok(self.one_less())
            }
        }
    }

    fn compress(&self, page: PendingPage) {
        let bytes = page.compress();
        self.memory.lock().add(bytes, 0);
    }

    /// A column has ended, or a page that was left to others is compressed. Returns whether that was the last.
    fn one_less(&self) -> bool {
        self.open.fetch_sub(1, Ordering::AcqRel) == 1
    }

    fn open(&self, index: usize) -> Result<Box<dyn ColumnEncoder>> {
        let mut opened = self.opened.lock();
        if opened.is_empty() {
            *opened = self.encoders.open()?.into_iter().map(Some).collect();
        }
        opened.get_mut(index).and_then(Option::take).ok_or_else(lost)
    }

    /// Takes what was encoded, column by column.
    pub fn take_encoded(&self) -> Result<Vec<EncodedColumn>> {
        let take = |column: &Column| match std::mem::replace(&mut *column.state.lock(), State::Gone) {
            State::Closed(encoded) => Ok(encoded),
            _ => Err(lost()),
        };
        self.columns.iter().map(take).collect()
    }

    /// Drops what is queued, and what was encoded by columns that nobody works at.
    pub fn abandon(&self) {
        self.pages.iter().for_each(|pages| drop(pages.clear()));
        for column in &self.columns {
            drop(column.strand.clear());
            if let Some(mut state) = column.state.try_lock() {
                *state = State::Gone;
            }
        }
    }
}

impl Memory {
    fn add(&mut self, now: usize, before: usize) {
        self.bytes = (self.bytes + now).saturating_sub(before);
        if self.sealed {
            self.held.set(self.bytes);
        }
    }
}

#[track_caller]
fn lost() -> Error {
    Error::new(ErrorClass::Internal, "a column was lost while it was encoded; this is a defect")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Codec, ParquetOptions, ParquetPart};
    use crate::pool::{Pool, PoolOptions};
    use crate::schema::Schema;
    use crate::storage::{IfExists, PartFile, Sync as SyncMode};
    use arrow_array::Int64Array;
    use arrow_buffer::{Buffer, ScalarBuffer};
    use arrow_schema::{DataType, Field};
    use std::ptr::NonNull;

    /// What a row group of one column of int64 needs.
    struct Setup {
        pool: Arc<Pool>,
        schema: Schema,
        encoders: Arc<dyn Encoders>,
        _part: (ParquetPart, tempfile::TempDir),
    }

    impl Setup {
        fn new(codec: Codec) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("a");
            let schema = Schema::new(vec![Field::new("a", DataType::Int64, false)]).unwrap();
            let create =
                || PartFile::create(&path, SyncMode::None, IfExists::Fail).map(|part| Box::new(part) as _);
            let options = ParquetOptions { codec, ..ParquetOptions::default() };
            let (part, encoders) = ParquetPart::start(&schema, &options, path.clone(), create).unwrap();
            let pool = Pool::start(PoolOptions::default()).unwrap();
            Setup { pool, schema, encoders: Arc::new(encoders), _part: (part, directory) }
        }

        fn group(&self) -> Arc<RowGroup> {
            RowGroup::new(&self.encoders, &Arc::default(), self.pool.rooms(Some(1 << 30)).hold(0), 1)
        }

        fn batch(&self, numbers: Int64Array, spent: Option<Arc<Spent>>) -> Arc<Batch> {
            let rooms = self.pool.rooms(Some(1 << 30));
            let meter = Meter::new(self.pool.counters(), rooms.clone());
            let held = rooms.hold_batch(8 * numbers.len());
            let batch = RecordBatch::try_new(self.schema.stored().clone(), vec![Arc::new(numbers)]).unwrap();
            Batch::new(batch, spent, meter, held)
        }
    }

    /// Numbers that no encoding makes smaller: a page has 2^16.
    fn noise(count: i64) -> Vec<i64> {
        (1..=count).map(|i| i.wrapping_mul(i).wrapping_mul(0x1e37_79b9_7f4a_7c15)).collect()
    }

    #[test]
    fn others_are_woken_for_pages_while_there_are_more() {
        let setup = Setup::new(ParquetOptions::default().codec);
        let batch = setup.batch(noise(1 << 18).into(), None);
        let group = setup.group();
        group.write(&batch, 0..1 << 18);
        group.seal();
        let (column, mut claim) = group.claim().unwrap();
        let pages = AtomicUsize::new(0);
        // One that is quick enough gets all pages, though only one may wait.
        let other = || {
            let (index, mut claim) = group.claim().unwrap();
            assert!(!group.encode(index, claim.next().unwrap(), || ()).unwrap());
            pages.fetch_add(1, Ordering::Relaxed);
        };
        assert!(!group.encode(column, claim.next().unwrap(), other).unwrap());
        assert_eq!(pages.into_inner(), 4);
        assert!(group.encode(column, claim.next().unwrap(), || ()).unwrap());
        assert!(group.is_encoded());
    }

    #[test]
    fn an_owners_memory_is_kept_by_pages_of_a_full_row_group_that_nothing_compresses() {
        let is_kept = |codec, is_window: bool, is_full| {
            let setup = Setup::new(codec);
            let owner = Arc::new(noise(1 << 16));
            let start = NonNull::new(owner.as_ptr() as *mut u8).unwrap();
            // SAFETY: the owner has as many bytes, and the buffer keeps it.
            let buffer = unsafe { Buffer::from_custom_allocation(start, 8 << 16, owner.clone()) };
            let numbers = Int64Array::new(ScalarBuffer::new(buffer, 0, 1 << 16), None);
            let batch = setup.batch(numbers, is_window.then(|| setup.pool.spent().clone()));
            let group = setup.group();
            group.write(&batch, 0..1 << 16);
            drop(batch);
            if is_full {
                group.seal();
            }
            // Pages that were left to others, too.
            let encode = || {
                while let Some((column, mut claim)) = group.claim() {
                    group.encode(column, claim.next().unwrap(), || ()).unwrap();
                }
            };
            encode();
            setup.pool.spent().clear();
            let is_kept = Arc::strong_count(&owner) > 1;
            if !is_full {
                group.seal();
                encode();
            }
            drop(group.take_encoded().unwrap());
            assert_eq!(Arc::strong_count(&owner), 1);
            is_kept
        };
        assert!(is_kept(Codec::Uncompressed, false, true));
        assert!(!is_kept(Codec::Uncompressed, false, false), "the next append may need it");
        assert!(!is_kept(Codec::Uncompressed, true, true), "the next window needs it");
        assert!(!is_kept(Codec::Snappy, false, true), "the page has it in another form");
    }
}
