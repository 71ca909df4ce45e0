//! Who takes records: our sink, a ring of rtrb, ticklog, a buffer. All rings hold 1 MiB, ticklog's size, and
//! are emptied by a thread meanwhile.

use std::hint::{black_box, spin_loop};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flow::ffi::layout::PF_STAMP_TIME;
use flow::ffi::schema::PF_TYPE_INT64;
use flow::ffi::sink::{PF_LANES_FILES, pf_sink_options};

use super::sink::Sink;

// `info!` looks for these two where it is used; those that `configure!` makes are at the crate's root.
macro_rules! __ticklog_max_level {
    () => {
        ticklog::Level::Info
    };
}
macro_rules! __ticklog_backpressure {
    () => {
        ticklog::Backpressure::Drop
    };
}

/// Bytes of a ring.
pub const RING: usize = 1 << 20;
/// Records a burst: few enough for any ring to take them, many enough to drown the clock's cost.
pub const BURST: usize = 1024;
/// Records before a burst that are not timed: code and records have left the caches while the rings were emptied.
pub const WARM_UP: usize = 64;

/// `N` numbers, of which the producer writes the first a moment before the record is offered.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Record<const N: usize> {
    fields: [i64; N],
}

impl<const N: usize> Record<N> {
    /// Every byte is ASCII, as ticklog takes bytes as text only.
    pub fn new() -> Self {
        Record { fields: std::array::from_fn(|i| i as i64) }
    }

    /// A record of which the compiler knows nothing, one field just written.
    #[inline(always)]
    pub fn fresh(&mut self, i: usize) -> &Self {
        self.fields[0] = (i & 0x7f) as i64;
        black_box(self)
    }
}

/// Cache lines with a record somewhere in them. It decides what a copy costs: a wide load of a field just written
/// waits until that is in the cache, unless a border of two lines divides the load.
#[repr(C, align(64))]
struct Lines([i64; 64]);

impl Lines {
    /// A record at the `place`th of the eight places in a line.
    fn record<const N: usize>(&mut self, place: usize) -> &mut Record<N> {
        let fields = &mut self.0[place % 8..][..N];
        // SAFETY: a record is its fields.
        let record = unsafe { &mut *fields.as_mut_ptr().cast::<Record<N>>() };
        *record = Record::new();
        record
    }
}

pub trait Side<const N: usize> {
    /// Whether the record was taken.
    fn push(&mut self, record: &Record<N>) -> bool;

    /// Before a burst.
    fn begin(&mut self) {}

    /// Lets the ring be emptied: the rows compare what a call costs its producer, not full rings. Whether
    /// nothing was lost.
    fn settle(&mut self) -> bool;

    /// What a burst of so many records costs a record, in nanoseconds. One that was not taken whole does not count.
    /// The rounds have their records at all the places of a cache line in turn.
    fn burst(&mut self, records: usize, round: usize) -> f64 {
        let mut lines = Lines([0; 64]);
        let record = lines.record(round);
        loop {
            self.begin();
            let mut taken = (0..WARM_UP).fold(true, |taken, i| taken & self.push(record.fresh(i)));
            let start = Instant::now();
            for i in 0..records {
                taken &= self.push(record.fresh(i));
            }
            let ns = start.elapsed().as_nanos() as f64 / records as f64;
            if self.settle() & taken {
                return ns;
            }
        }
    }
}

/// A pause in which the consumers catch up. The producer does not sleep, as one does not that polls for packets: a
/// core that has slept is slow at first, and so is its way to the memory that others share.
fn pause() {
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(2) {
        spin_loop();
    }
}

/// A sink of int64 columns, drained, encoded and written while the bursts run.
pub struct Ours<const N: usize> {
    sink: Sink,
    _directory: tempfile::TempDir,
}

impl<const N: usize> Ours<N> {
    pub fn new(producers: usize) -> Self {
        Ours::with(producers, false, pf_sink_options::INIT)
    }

    /// Its records have their capture time.
    pub fn stamped() -> Self {
        Ours::with(1, true, pf_sink_options::INIT)
    }

    /// Its lane is a file in memory.
    pub fn in_file() -> Self {
        let options = pf_sink_options {
            lanes: PF_LANES_FILES,
            lane_directory: c"/dev/shm".as_ptr(),
            ..pf_sink_options::INIT
        };
        Ours::with(1, false, options)
    }

    fn with(producers: usize, is_stamped: bool, options: pf_sink_options) -> Self {
        let directory = tempfile::tempdir_in(crate::output()).unwrap();
        let names: Vec<_> = (0..N).map(|i| std::ffi::CString::new(format!("f{i}")).unwrap()).collect();
        let mut fields: Vec<_> =
            names.iter().enumerate().map(|(i, name)| (name.as_c_str(), PF_TYPE_INT64, 8 * i, 8)).collect();
        fields.extend(is_stamped.then_some((c"time", PF_STAMP_TIME, 0, 0)));
        // Its name, as the lane's is made of it in a directory that others use.
        let name = directory.path().file_name().unwrap().to_owned();
        let path = directory.path().join(name);
        let options = pf_sink_options { lane_bytes: RING as u64, ..options };
        let sink = Sink::open(&path, 8 * N, &fields, crate::writer_options(), options, producers);
        Ours { sink, _directory: directory }
    }

    pub fn sink(&self) -> &Sink {
        &self.sink
    }
}

impl<const N: usize> Side<N> for Ours<N> {
    #[inline(always)]
    fn push(&mut self, record: &Record<N>) -> bool {
        black_box(self.sink.try_record(0, record))
    }

    fn settle(&mut self) -> bool {
        pause();
        true
    }
}

impl<const N: usize> Drop for Ours<N> {
    fn drop(&mut self) {
        self.sink.close();
    }
}

/// Emptied by a thread that pauses as our drain does.
pub struct Rtrb<const N: usize> {
    producer: rtrb::Producer<Record<N>>,
    stop: Arc<AtomicBool>,
    seen: Arc<AtomicU64>,
    pushed: u64,
    consumer: Option<thread::JoinHandle<i64>>,
}

impl<const N: usize> Rtrb<N> {
    pub fn new() -> Self {
        let (producer, mut consumer) = rtrb::RingBuffer::<Record<N>>::new(RING / size_of::<Record<N>>());
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, counted) = (stop.clone(), seen.clone());
        let consumer = thread::spawn(move || {
            let mut sum = 0;
            while !stopped.load(Ordering::Relaxed) {
                let records: Vec<Record<N>> = std::iter::from_fn(|| consumer.pop().ok()).collect();
                counted.fetch_add(records.len() as u64, Ordering::Release);
                sum += records.iter().map(|r| r.fields.iter().sum::<i64>()).sum::<i64>();
                thread::sleep(Duration::from_micros(100));
            }
            sum
        });
        Rtrb { producer, stop, seen, pushed: 0, consumer: Some(consumer) }
    }
}

impl<const N: usize> Side<N> for Rtrb<N> {
    #[inline(always)]
    fn push(&mut self, record: &Record<N>) -> bool {
        let taken = black_box(self.producer.push(*record).is_ok());
        self.pushed += u64::from(taken);
        taken
    }

    fn settle(&mut self) -> bool {
        while self.seen.load(Ordering::Acquire) < self.pushed {
            spin_loop();
        }
        pause();
        true
    }
}

impl<const N: usize> Drop for Rtrb<N> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        black_box(self.consumer.take().unwrap().join().unwrap());
    }
}

/// Its one logger of a process. It takes no struct: nearest is one argument of text, the record's bytes. A record
/// of the ring has a time stamp, a format, a source and a thread beside it.
pub struct Ticklog {
    state: Arc<TicklogState>,
    pushed: u64,
    _guard: ticklog::Guard,
}

#[derive(Default)]
struct TicklogState {
    lines: AtomicU64,
    /// Its drain may look for records, and so spin on a core of its own.
    runs: AtomicBool,
}

/// Counts lines. While nothing is timed it holds the drain, which would spin beside the others' bursts.
struct Printed(Arc<TicklogState>);

impl ticklog::LogSink for Printed {
    fn accept(&mut self, line: &[u8], _: ticklog::Level) -> io::Result<()> {
        black_box(line);
        self.0.lines.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Called when the ring has been emptied.
    fn flush(&mut self) -> io::Result<()> {
        while !self.0.runs.load(Ordering::Acquire) {
            thread::sleep(Duration::from_micros(100));
        }
        Ok(())
    }
}

impl Ticklog {
    #[allow(missing_docs)] // of the macros that `configure!` makes
    pub fn new() -> Self {
        let state = Arc::<TicklogState>::default();
        let guard = ticklog::configure! { sink: Printed(state.clone()), format: "{message}" }.unwrap();
        ticklog::warm_up().unwrap();
        Ticklog { state, pushed: 0, _guard: guard }
    }

    /// Waits until everything has been taken out of the ring; a full one drops without a word.
    fn is_whole(&self) -> bool {
        let start = Instant::now();
        while self.state.lines.load(Ordering::Acquire) < self.pushed {
            if start.elapsed() > Duration::from_millis(100) {
                return false;
            }
            spin_loop();
        }
        true
    }
}

impl<const N: usize> Side<N> for Ticklog {
    #[inline(always)]
    fn push(&mut self, record: &Record<N>) -> bool {
        // SAFETY: a record is its fields, and every byte of theirs is ASCII.
        let text = unsafe {
            let bytes = std::slice::from_raw_parts(std::ptr::from_ref(record).cast::<u8>(), 8 * N);
            std::str::from_utf8_unchecked(bytes)
        };
        ticklog::info!("{}", text);
        self.pushed += 1;
        true
    }

    fn begin(&mut self) {
        self.state.runs.store(true, Ordering::Release);
        pause();
    }

    fn settle(&mut self) -> bool {
        let whole = self.is_whole();
        // The drain meets the flush again once it has had a record.
        self.state.runs.store(false, Ordering::Release);
        ticklog::info!("");
        pause();
        self.pushed = self.state.lines.load(Ordering::Acquire);
        whole
    }
}

impl Drop for Ticklog {
    fn drop(&mut self) {
        self.state.runs.store(true, Ordering::Release);
    }
}

/// No ring: each record is copied to the next place of a buffer that stays in the L1 cache.
pub struct Copy<const N: usize> {
    buffer: Vec<Record<N>>,
    next: usize,
}

impl<const N: usize> Copy<N> {
    pub fn new() -> Self {
        Copy { buffer: vec![Record::new(); (1 << 13) / size_of::<Record<N>>()], next: 0 }
    }
}

/// Called like `pf_try_record`.
#[inline(never)]
fn copy<const N: usize>(to: &mut Record<N>, from: &Record<N>) {
    *to = *from;
}

impl<const N: usize> Side<N> for Copy<N> {
    #[inline(always)]
    fn push(&mut self, record: &Record<N>) -> bool {
        self.next = (self.next + 1) & (self.buffer.len() - 1);
        copy(black_box(&mut self.buffer[self.next]), record);
        true
    }

    fn settle(&mut self) -> bool {
        true
    }
}
