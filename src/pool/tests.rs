//! The pool with real encodes, and gates inside the encoders and the storage.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field};
use parking_lot::{Condvar, Mutex};

use super::strand::Strand;
use super::{EncodeQueue, Pool, PoolOptions, QueueOptions};
use crate::error::{ErrorClass, Result};
use crate::format::{
    ColumnEncoder, EncodedColumn, Encoders, ParquetEncoders, ParquetOptions, ParquetPart, PartSummary,
    PendingPage,
};
use crate::schema::Schema;
use crate::storage::{IfExists, Part, PartFile, Sync as SyncMode};

/// Where threads wait until it is opened.
#[derive(Default)]
struct Gate {
    state: Mutex<(bool, usize)>,
    changed: Condvar,
}

impl Gate {
    fn pass(&self) {
        let mut state = self.state.lock();
        state.1 += 1;
        self.changed.notify_all();
        while !state.0 {
            self.changed.wait(&mut state);
        }
    }

    fn open(&self) {
        self.state.lock().0 = true;
        self.changed.notify_all();
    }

    /// Waits until so many have come.
    fn wait_for(&self, count: usize) {
        let mut state = self.state.lock();
        while state.1 < count {
            self.changed.wait(&mut state);
        }
    }
}

/// Called with the column's number and what is about to be encoded.
type Hook = Arc<dyn Fn(usize, &ArrayRef) + Send + Sync>;

struct Hooked(ParquetEncoders, Hook);
struct HookedColumn(Box<dyn ColumnEncoder>, usize, Hook);

impl Encoders for Hooked {
    fn count(&self) -> usize {
        self.0.count()
    }

    fn open(&self) -> Result<Vec<Box<dyn ColumnEncoder>>> {
        let columns = self.0.open()?.into_iter().enumerate();
        let hooked = columns.map(|(i, c)| Box::new(HookedColumn(c, i, self.1.clone())) as Box<_>);
        Ok(hooked.collect())
    }
}

impl ColumnEncoder for HookedColumn {
    fn write(&mut self, array: &ArrayRef, keeps: bool) -> Result<()> {
        (self.2)(self.1, array);
        self.0.write(array, keeps)
    }

    fn take_pages(&mut self) -> Vec<PendingPage> {
        self.0.take_pages()
    }

    fn memory(&self) -> usize {
        self.0.memory()
    }

    fn close(self: Box<Self>) -> Result<EncodedColumn> {
        self.0.close()
    }
}

/// A part whose first write waits at a gate.
struct SlowPart(PartFile, Arc<Gate>);

impl Write for SlowPart {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.pass();
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Part for SlowPart {
    fn publish(&mut self) -> Result<()> {
        self.0.publish()
    }
}

fn pool(threads: usize, max_bytes: usize) -> Arc<Pool> {
    Pool::start(PoolOptions { threads, max_bytes, ..PoolOptions::default() }).unwrap()
}

const OPEN: QueueOptions =
    QueueOptions { max_bytes: Some(1 << 30), row_group_rows: 1 << 20, row_group_bytes: usize::MAX };

struct Setup {
    pool: Arc<Pool>,
    directory: tempfile::TempDir,
    columns: usize,
}

impl Setup {
    fn new(pool: Arc<Pool>, columns: usize) -> Self {
        Setup { pool, directory: tempfile::tempdir().unwrap(), columns }
    }

    fn queue(
        &self,
        name: &str,
        options: QueueOptions,
        hook: impl Fn(usize, &ArrayRef) + Send + Sync + 'static,
    ) -> EncodeQueue {
        self.queue_on(name, options, hook, |file| Box::new(file))
    }

    fn queue_on(
        &self,
        name: &str,
        options: QueueOptions,
        hook: impl Fn(usize, &ArrayRef) + Send + Sync + 'static,
        part: impl FnOnce(PartFile) -> Box<dyn Part>,
    ) -> EncodeQueue {
        let path = self.directory.path().join(name);
        let create = || PartFile::create(&path, SyncMode::None, IfExists::Fail).map(part);
        let schema = Schema::new(self.fields()).unwrap();
        let start = ParquetPart::start(&schema, &ParquetOptions::default(), path.clone(), create);
        let (part, encoders) = start.unwrap();
        EncodeQueue::new(&self.pool, Arc::new(Hooked(encoders, Arc::new(hook))), part, options)
    }

    fn fields(&self) -> Vec<Field> {
        (0..self.columns).map(|i| Field::new(format!("c{i}"), DataType::Int64, false)).collect()
    }

    /// Rows that all hold `value`.
    fn batch(&self, rows: usize, value: i64) -> RecordBatch {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![value; rows]));
        let schema = Arc::new(arrow_schema::Schema::new(self.fields()));
        RecordBatch::try_new(schema, vec![column; self.columns]).unwrap()
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.directory.path()).unwrap().count()
    }
}

/// Publishes, or fails the test rather than hang.
fn finish(queue: &EncodeQueue) -> Result<PartSummary> {
    queue.finish(Vec::new())?;
    settled(queue)
}

fn settled(queue: &EncodeQueue) -> Result<PartSummary> {
    let deadline = Instant::now() + Duration::from_secs(60);
    queue.wait_finished(Some(deadline)).expect("the part is neither published nor gone")
}

fn wait_until(what: &str, ready: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !ready() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(1));
    }
}

fn value(array: &ArrayRef) -> i64 {
    array.as_any().downcast_ref::<Int64Array>().unwrap().value(0)
}

#[test]
fn writers_take_turns_and_each_keeps_its_order() {
    let setup = Setup::new(pool(1, 1 << 30), 1);
    let gate = Arc::new(Gate::default());
    let at_gate = gate.clone();
    let first = setup.queue("first", OPEN, move |_, _| at_gate.pass());
    first.push(setup.batch(1, 0)).unwrap();
    gate.wait_for(1); // the one worker is busy until everything is queued

    let order = Arc::new(Mutex::new(Vec::new()));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let order = order.clone();
            setup.queue(&format!("{writer}"), OPEN, move |_, array| order.lock().push((writer, value(array))))
        })
        .collect();
    for number in 0..8 {
        // More than a turn's bytes each.
        writers.iter().for_each(|queue| queue.push(setup.batch(1 << 16, number)).unwrap());
    }
    gate.open();
    for queue in writers.iter().chain([&first]) {
        finish(queue).unwrap();
    }
    let mut next = [0; 4];
    for &(writer, number) in &*order.lock() {
        assert_eq!(number, next[writer], "FIFO");
        next[writer] += 1;
        let (least, most) = (next.iter().min().unwrap(), next.iter().max().unwrap());
        assert!(most - least <= 1, "a writer came twice before another: {next:?}");
    }
    assert_eq!(next, [8; 4]);
}

#[test]
fn nothing_is_stranded() {
    let setup = Setup::new(pool(4, 1 << 30), 3);
    let options = QueueOptions { row_group_rows: 1000, ..OPEN };
    let queues: Vec<_> = (0..8).map(|i| setup.queue(&format!("{i}"), options, |_, _| ())).collect();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for number in 0..400 {
                    queues[number % 8].push(setup.batch(1 + number % 90, 1)).unwrap();
                }
            });
        }
    });
    wait_until("batches are left", || {
        let stats = setup.pool.stats();
        stats.batches_queued == 0 && stats.batches_in_flight == 0
    });
    let rows: u64 = queues.iter().map(|queue| finish(queue).unwrap().rows).sum();
    let stats = setup.pool.stats();
    assert_eq!((stats.batches, stats.rows, stats.rows_written), (1600, rows, rows));
    wait_until("row groups are held", || setup.pool.stats().bytes_in_flight == 0);
    assert_eq!(setup.pool.writers(), 0);
}

#[test]
fn columns_and_row_groups_of_one_writer_are_encoded_at_once() {
    let setup = Setup::new(pool(2, 1 << 30), 2);
    // Two columns: each waits until the other has begun.
    let gate = Arc::new(Gate::default());
    let at_gate = gate.clone();
    let queue = setup.queue("columns", OPEN, move |_, _| at_gate.pass());
    queue.push(setup.batch(10, 1)).unwrap();
    gate.wait_for(2);
    gate.open();
    assert_eq!(finish(&queue).unwrap().rows, 10);

    // One column is slow: its next row group begins before its last has ended.
    let gate = Arc::new(Gate::default());
    let at_gate = gate.clone();
    let options = QueueOptions { row_group_rows: 10, ..OPEN };
    let queue = setup.queue("groups", options, move |column, _| {
        if column == 0 {
            at_gate.pass();
        }
    });
    queue.push(setup.batch(20, 1)).unwrap();
    gate.wait_for(2);
    gate.open();
    assert_eq!(finish(&queue).unwrap().row_groups, 2);
}

#[test]
fn one_row_group_is_encoded_while_another_is_written() {
    const ROWS: usize = 1 << 20;
    let setup = Setup::new(pool(1, 1 << 30), 1);
    let gate = Arc::new(Gate::default());
    let options = QueueOptions { max_bytes: Some(8 * ROWS), row_group_rows: ROWS, ..OPEN };
    let queue = setup.queue_on("groups", options, |_, _| (), |file| Box::new(SlowPart(file, gate.clone())));
    // Numbers that no encoding makes smaller.
    let mut random = 1i64;
    let noise = (0..ROWS).map(|_| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        random ^ random >> 29
    });
    let schema = Arc::new(arrow_schema::Schema::new(setup.fields()));
    let batch = RecordBatch::try_new(schema, vec![Arc::new(noise.collect::<Int64Array>())]).unwrap();
    queue.push(batch.clone()).unwrap();
    gate.wait_for(1);
    wait_until("the row group that is written is waited for", || queue.takes(8 * ROWS));
    queue.push(batch).unwrap();
    wait_until("two row groups are not held", || {
        let stats = queue.meter().stats();
        stats.batches_queued + stats.batches_in_flight == 0 && stats.bytes_in_flight > 12 * ROWS as u64
    });
    // Of two, one is waited for.
    assert!(!queue.takes(8 * ROWS));
    gate.open();
    assert_eq!(finish(&queue).unwrap().row_groups, 2);
    assert_eq!(setup.pool.stats().bytes_in_flight, 0);
}

#[test]
fn storage_that_waits_holds_nobody_else_up() {
    let setup = Setup::new(pool(1, 1 << 30), 1);
    let gate = Arc::new(Gate::default());
    let slow = setup.queue_on("slow", OPEN, |_, _| (), |file| Box::new(SlowPart(file, gate.clone())));
    slow.push(setup.batch(1000, 1)).unwrap();
    slow.finish(Vec::new()).unwrap();
    gate.wait_for(1);
    for i in 0..3 {
        let queue = setup.queue(&format!("{i}"), OPEN, |_, _| ());
        queue.push(setup.batch(1000, 1)).unwrap();
        assert_eq!(finish(&queue).unwrap().rows, 1000);
    }
    assert!(slow.wait_finished(Some(Instant::now())).is_none());
    assert!(slow.wait_finished(Some(Instant::now())).is_none(), "asking twice is fine");
    gate.open();
    assert_eq!(settled(&slow).unwrap().rows, 1000);
}

#[test]
fn a_panic_is_an_error_of_its_writer_only() {
    let setup = Setup::new(pool(1, 1 << 30), 2);
    let good = setup.queue("good", OPEN, |_, _| ());
    let bad = setup.queue("bad", OPEN, |_, array| assert_ne!(value(array), 13, "unlucky"));
    good.push(setup.batch(10, 13)).unwrap();
    bad.push(setup.batch(10, 1)).unwrap();
    bad.push(setup.batch(10, 13)).unwrap();
    wait_until("the panic is not latched", || bad.check().is_err());
    let error = bad.check().unwrap_err();
    assert_eq!(error.class(), ErrorClass::Internal);
    assert!(error.to_string().contains("unlucky"), "{error}");
    let again = bad.push(setup.batch(10, 1)).map(drop).unwrap_err();
    assert_eq!((again.to_string(), again.location()), (error.to_string(), error.location()));
    assert_eq!(settled(&bad).unwrap_err().class(), ErrorClass::Internal);
    drop(bad);
    good.push(setup.batch(10, 13)).unwrap();
    assert_eq!(finish(&good).unwrap().rows, 20);
    assert_eq!(setup.files(), 1);
    wait_until("bytes are held", || setup.pool.stats().bytes_in_flight == 0);
}

#[test]
fn a_claim_that_panics_releases_and_counts_once() {
    let pending = Arc::new(AtomicUsize::new(0));
    let strand = Strand::new(pending.clone());
    strand.push(1);
    strand.push(2);
    let mut claim = Strand::claim(&strand).unwrap();
    assert!(Strand::claim(&strand).is_none());
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        assert_eq!(claim.next(), Some(1));
        panic!("while working");
    }));
    assert!(panicked.is_err());
    assert_eq!((strand.len(), pending.load(Ordering::Relaxed)), (1, 1));
    let mut claim = Strand::claim(&strand).unwrap();
    assert_eq!(claim.next(), Some(2));
    assert_eq!(claim.next(), None);
    assert!(!claim.release());
    assert_eq!((strand.len(), pending.load(Ordering::Relaxed)), (0, 0));
}

#[test]
fn freeing_drops_what_is_queued_and_waits_for_what_is_not() {
    let setup = Setup::new(pool(1, 1 << 30), 1);
    let (gate, encoded) = (Arc::new(Gate::default()), Arc::new(AtomicUsize::new(0)));
    let (at_gate, count) = (gate.clone(), encoded.clone());
    let queue = setup.queue("freed", OPEN, move |_, _| {
        at_gate.pass();
        count.fetch_add(1, Ordering::Relaxed);
    });
    for _ in 0..5 {
        queue.push(setup.batch(1 << 16, 1)).unwrap();
    }
    gate.wait_for(1);
    let freed = Arc::new(AtomicUsize::new(0));
    let done = freed.clone();
    let stopper = queue.stopper();
    let freeing = thread::spawn(move || {
        drop(queue);
        done.store(1, Ordering::Release);
    });
    // Only the batch in flight is still held.
    wait_until("queued batches are held", || setup.pool.stats().bytes_in_flight < 16 << 16);
    stopper.free(); // again
    gate.open();
    freeing.join().unwrap();
    assert_eq!((freed.load(Ordering::Acquire), encoded.load(Ordering::Relaxed)), (1, 1));
    assert_eq!((setup.files(), setup.pool.writers()), (0, 0));
    assert_eq!(setup.pool.stats().bytes_in_flight, 0);
}

#[test]
fn freeing_does_not_wait_for_ever() {
    let setup = Setup::new(pool(1, 1 << 30), 1);
    let gate = Arc::new(Gate::default());
    let queue = setup.queue_on("hung", OPEN, |_, _| (), |file| Box::new(SlowPart(file, gate.clone())));
    queue.push(setup.batch(10, 1)).unwrap();
    queue.finish(Vec::new()).unwrap();
    gate.wait_for(1);
    drop(queue);
    assert_eq!(setup.pool.writers(), 1, "storage has it still");
    gate.open();
    wait_until("the writer stays", || setup.pool.writers() == 0);
}

#[test]
fn a_full_queue_blocks_until_there_is_room_or_it_is_freed() {
    let bytes = 8 << 10;
    for (of_writer, of_pool) in [(bytes, 1 << 30), (1 << 30, bytes)] {
        let setup = Setup::new(pool(2, of_pool), 1);
        let gate = Arc::new(Gate::default());
        let at_gate = gate.clone();
        let options = QueueOptions { max_bytes: Some(of_writer), ..OPEN };
        let queue = setup.queue("a", options, move |_, _| at_gate.pass());
        assert!(queue.takes(bytes * 100), "one batch always");
        queue.push(setup.batch(1 << 10, 1)).unwrap();
        assert!(!queue.takes(1));
        // A writer with nothing in flight waits for the workers, if much is queued for them.
        let other = setup.queue("b", OPEN, |_, _| ());
        assert_eq!(other.takes(bytes * 100), of_pool > 4 * bytes);
        thread::scope(|scope| {
            let blocked = scope.spawn(|| queue.push(setup.batch(1 << 10, 2)));
            gate.wait_for(1);
            assert!(setup.pool.stats().bytes_in_flight <= bytes as u64 + 1024);
            gate.open();
            blocked.join().unwrap().unwrap();
        });
        wait_until("what is encoded holds up nobody", || other.takes(bytes * 100));
        assert_eq!(finish(&queue).unwrap().rows, 2 << 10);
        // Both batches, and what their column has gathered of them when it ends.
        assert!(queue.meter().stats().bytes_high_water < 8 * bytes as u64);

        let gate = Arc::new(Gate::default());
        let at_gate = gate.clone();
        let queue = setup.queue("c", options, move |_, _| at_gate.pass());
        queue.push(setup.batch(1 << 10, 1)).unwrap();
        gate.wait_for(1);
        let stopper = queue.stopper();
        thread::scope(|scope| {
            let blocked = scope.spawn(|| queue.push(setup.batch(1 << 10, 2)));
            stopper.free();
            assert_eq!(blocked.join().unwrap().unwrap_err().class(), ErrorClass::Closed);
        });
        gate.open();
    }
}

#[test]
fn options_are_checked() {
    let class = |options: PoolOptions| Pool::start(options).map(drop).unwrap_err().class();
    let defaults = PoolOptions::default;
    assert_eq!(class(PoolOptions { threads: 1025, ..defaults() }), ErrorClass::InvalidArgument);
    assert_eq!(class(PoolOptions { stack_bytes: 1, ..defaults() }), ErrorClass::InvalidArgument);
    assert_eq!(class(PoolOptions { max_bytes: 0, ..defaults() }), ErrorClass::InvalidArgument);
    assert_eq!(class(PoolOptions { cpus: vec![1 << 20], ..defaults() }), ErrorClass::InvalidArgument);
}
