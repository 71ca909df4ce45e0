//! The encode pool: one writer on two cores and on one, slow storage, the cost of a submit, many writers.
//! Both sides of a row are ours.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use arrow_array::{RecordBatch, make_array};
use arrow_buffer::ToByteSlice;
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, TimeUnit};
use flow::columns::{ColumnSlice, Values};
use flow::error::Result;
use flow::format::{ParquetOptions, ParquetPart};
use flow::pool::{EncodeQueue, Pool, PoolOptions, QueueOptions};
use flow::schema::Schema;
use flow::storage::Part;
use flow::writer::{Writer, WriterOptions};

use crate::parquet::generate::Random;
use crate::{Row, alternate};

const ROWS: usize = 10_000_000;
/// Rows of a chunk: a window's, so that each append is a submit.
const CHUNK: usize = 1 << 16;

pub fn rows() -> Vec<Row> {
    let market = Market::new(CHUNK * 16);
    let mut rows = vec![cores(&market), skew(), latency(&market), slow(&market), submit(&market)];
    rows.extend(
        [(3, 10), (3, 100), (15, 1000)].map(|(rounds, count)| writers(&market, rounds, count, 8 * ROWS)),
    );
    rows.push(writers(&market, 7, 1000, ROWS));
    rows.push(in_flight(&market));
    rows
}

/// Trades of 500 symbols: what a feed handler would capture.
struct Market {
    rows: usize,
    /// Width of each fixed column, and its values; the symbols lie between the first and the second.
    fixed: Vec<(usize, Vec<u8>)>,
    symbols: Vec<u8>,
    /// Where each of a chunk's symbols begins, and the last one ends.
    offsets: Vec<i32>,
}

const SYMBOL: usize = 4;

impl Market {
    fn new(rows: usize) -> Self {
        let mut random = Random(1);
        let mut next = |n: u64| random.below(n);
        let mut columns = [const { Vec::new() }; 6];
        let (mut symbols, mut time, mut prices) =
            (Vec::new(), 1_767_225_600_000_000_000i64, [10_000i64; 500]);
        for row in 0..rows {
            let symbol = next(500) as usize;
            time += next(20_000) as i64;
            prices[symbol] += next(5) as i64 - 2;
            symbols.extend_from_slice(format!("S{symbol:03}").as_bytes());
            columns[0].extend_from_slice(&time.to_le_bytes());
            columns[1].extend_from_slice(&(prices[symbol] as f64 / 100.0).to_le_bytes());
            columns[2].extend_from_slice(&(100 * (1 + next(20)) as i32).to_le_bytes());
            columns[3].push(next(2) as u8);
            columns[4].extend_from_slice(&(row as i64 * 3 + next(3) as i64).to_le_bytes());
            columns[5].extend_from_slice(&(next(16) as i16).to_le_bytes());
        }
        let fixed = [8, 8, 4, 1, 8, 2].into_iter().zip(columns).collect();
        Market { rows, fixed, symbols, offsets: (0..=CHUNK as i32).map(|i| i * SYMBOL as i32).collect() }
    }

    fn schema() -> Schema {
        let field = |(name, data_type)| Field::new(name, data_type, false);
        let time = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
        let fields = [
            ("time", time),
            ("symbol", DataType::Utf8),
            ("price", DataType::Float64),
            ("quantity", DataType::Int32),
            ("side", DataType::Int8),
            ("order", DataType::Int64),
            ("venue", DataType::Int16),
        ];
        Schema::new(fields.into_iter().map(field).collect()).unwrap()
    }

    /// Appends `rows` rows, a chunk at a time.
    fn append(&self, writer: &mut Writer, rows: usize) {
        for from in (0..rows).step_by(CHUNK) {
            let count = CHUNK.min(rows - from);
            let at = from % self.rows;
            let bytes = &self.symbols[at * SYMBOL..(at + count) * SYMBOL];
            let offsets = self.offsets[..=count].to_byte_slice();
            let text = Values::Offsets { offsets, width: 4, bytes };
            let mut slices: Vec<_> = self
                .fixed
                .iter()
                .map(|(width, values)| ColumnSlice::fixed(&values[at * width..(at + count) * width], *width))
                .collect();
            slices.insert(1, ColumnSlice::new(text, count));
            writer.append(&slices).unwrap();
        }
    }
}

impl Market {
    /// A chunk's rows, as the pool gets them.
    fn batch(&self) -> RecordBatch {
        let text = self.symbols[..CHUNK * SYMBOL].to_vec();
        let schema = Market::schema();
        let mut fixed = self.fixed.iter();
        let columns = schema.fields().iter().map(|field| {
            let data = ArrayData::builder(field.data_type().clone()).len(CHUNK);
            let data = match field.data_type() {
                DataType::Utf8 => {
                    data.add_buffer(self.offsets.clone().into()).add_buffer(text.clone().into())
                }
                _ => {
                    let (width, values) = fixed.next().unwrap();
                    data.add_buffer(values[..CHUNK * width].to_vec().into()).align_buffers(true)
                }
            };
            make_array(data.build().unwrap())
        });
        RecordBatch::try_new(schema.stored().clone(), columns.collect()).unwrap()
    }
}

/// A part that keeps nothing, so that no disk is measured.
struct Nowhere(File, Duration);

impl Nowhere {
    fn new(latency: Duration) -> Self {
        Nowhere(File::options().write(true).open("/dev/null").unwrap(), latency)
    }
}

impl Write for Nowhere {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        thread::sleep(self.1);
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Part for Nowhere {
    fn publish(&mut self) -> Result<()> {
        Ok(())
    }
}

fn open(pool: &Arc<Pool>, options: &WriterOptions, latency: Duration) -> Writer {
    let create = || Ok(Box::new(Nowhere::new(latency)) as Box<dyn Part>);
    Writer::open_in(pool, Path::new("nowhere"), &Market::schema(), options, create).unwrap()
}

fn start(threads: usize) -> Arc<Pool> {
    Pool::start(PoolOptions { threads, ..PoolOptions::default() }).unwrap()
}

/// Millions of rows a second of so many writers, each fed by a thread of its own up to 16.
fn throughput(
    market: &Market,
    pool: &Arc<Pool>,
    (writers, total): (usize, usize),
    options: &WriterOptions,
    latency: Duration,
) -> f64 {
    let rows = total / writers;
    let feeders = writers.min(16);
    let begin = Instant::now();
    thread::scope(|scope| {
        for feeder in 0..feeders {
            scope.spawn(move || {
                let count = writers / feeders + usize::from(feeder < writers % feeders);
                let open = || open(pool, options, latency);
                // All are open at once.
                let mut open: Vec<_> = (0..count).map(|_| open()).collect();
                open.iter_mut().for_each(|writer| market.append(writer, rows));
                open.iter_mut().for_each(|writer| drop(writer.close().unwrap()));
            });
        }
    });
    total as f64 / 1e6 / begin.elapsed().as_secs_f64()
}

/// Runs `body` on the first `count` CPUs; threads that it starts stay on them, too.
fn on_cpus<T: Send>(count: usize, body: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let run = move || {
            // SAFETY: a set of no CPUs is all zeros, and the numbers are few.
            unsafe {
                let mut set = std::mem::zeroed::<libc::cpu_set_t>();
                (0..count).for_each(|cpu| libc::CPU_SET(cpu, &mut set));
                libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set);
            }
            body()
        };
        scope.spawn(run).join().unwrap()
    })
}

/// Each side's pool is started once, as a process has one.
fn cores(market: &Market) -> Row {
    let options = WriterOptions::default();
    let [one, two] = [1, 2].map(|cpus| (cpus, on_cpus(cpus, || start(0))));
    let on = |(cpus, pool): &(usize, _)| {
        on_cpus(*cpus, || throughput(market, pool, (1, ROWS), &options, Duration::ZERO))
    };
    let (ours, theirs) = alternate(15, || on(&two), || on(&one));
    let (name, peer) = ("one writer, zstd-1, 2 cores", "1 core");
    Row::new("pool", name, peer, (ours, theirs), "M rows/s", ">= 1.8")
}

/// A text of 200 bytes beside ten small numbers, of which it is nine tenths of the work.
fn skew() -> Row {
    const TEXT: usize = 200;
    const CHUNKS: usize = 100;
    let words =
        ["order", "cancel", "replace", "execute", "venue", "price", "limit", "market", "hidden", "iceberg"];
    let mut random = Random(1);
    let mut next = |n: usize| random.below(n as u64) as usize;
    let mut texts = String::new();
    while texts.len() < CHUNK * TEXT {
        texts += words[next(words.len())];
        texts += &format!(" {} ", next(10_000));
    }
    let numbers: Vec<u8> = (0..CHUNK).map(|_| next(100) as u8).collect();
    let field = |(name, data_type)| Field::new(name, data_type, false);
    let small = (0..10).map(|i| (format!("small{i}"), DataType::Int8));
    let wide = ("wide".to_owned(), DataType::Utf8);
    let schema = Schema::new(std::iter::once(wide).chain(small).map(field).collect()).unwrap();
    let offsets: Vec<u8> = (0..=CHUNK as i32).flat_map(|i| (i * TEXT as i32).to_le_bytes()).collect();
    let text = Values::Offsets { offsets: &offsets, width: 4, bytes: &texts.as_bytes()[..CHUNK * TEXT] };
    let mut slices = vec![ColumnSlice::new(text, CHUNK)];
    slices.extend([ColumnSlice::fixed(&numbers, 1); 10]);
    let run = || {
        let pool = start(0);
        let create = || Ok(Box::new(Nowhere::new(Duration::ZERO)) as Box<dyn Part>);
        let options = WriterOptions::default();
        let begin = Instant::now();
        let mut writer = Writer::open_in(&pool, Path::new("nowhere"), &schema, &options, create).unwrap();
        (0..CHUNKS).for_each(|_| writer.append(&slices).unwrap());
        writer.close().unwrap();
        (CHUNKS * CHUNK) as f64 / 1e6 / begin.elapsed().as_secs_f64()
    };
    let (ours, theirs) = alternate(3, || on_cpus(2, run), || on_cpus(1, run));
    let (name, peer) = ("one wide column of 11, 2 cores", "1 core");
    Row::new("pool", name, peer, (ours, theirs), "M rows/s", ">= 1.8")
}

/// Of 320 million rows, as the last writes of all writers come after the last encode, whatever was before: a quarter
/// of a second in all, in which nobody waits for another. Of 160 million, that alone is up to 12 % of the time.
fn latency(market: &Market) -> Row {
    let (pool, options) = (start(0), WriterOptions::default());
    let with = |latency| throughput(market, &pool, (16, 32 * ROWS), &options, Duration::from_millis(latency));
    let (ours, theirs) = alternate(7, || with(50), || with(0));
    let (name, peer) = ("16 writers, 50 ms a write", "no latency");
    Row::new("pool", name, peer, (ours, theirs), "M rows/s", ">= 0.9")
}

/// What handing a batch of seven columns to the busy pool costs: the median, as on two cores the mean is what
/// the pool's own threads take from the caller.
fn submit(market: &Market) -> Row {
    const PUSHES: usize = 300;
    let pool = start(0);
    let batch = market.batch();
    let ours = || {
        let part = || Ok(Box::new(Nowhere::new(Duration::ZERO)) as Box<dyn Part>);
        let path = Path::new("nowhere").to_owned();
        let (part, encoders) =
            ParquetPart::start(&Market::schema(), &ParquetOptions::default(), path, part).unwrap();
        let options = QueueOptions {
            max_bytes: Some(usize::MAX),
            row_group_rows: 1 << 20,
            row_group_bytes: usize::MAX,
        };
        let queue = EncodeQueue::new(&pool, Arc::new(encoders), part, options);
        let batches = vec![batch.clone(); PUSHES];
        let push = |batch| {
            let start = Instant::now();
            queue.push_shared(batch, 1).unwrap();
            start.elapsed().as_nanos() as f64 / 1e3
        };
        crate::median(&mut batches.into_iter().map(push).collect::<Vec<_>>())
    };
    let (ours, most) = alternate(9, ours, || 2.0);
    Row::new("pool", "submit of a batch of 7 columns", "the goal", (ours, most), "us", "<= 1")
}

/// What one writer more, whose storage takes 50 ms a write, costs the others. It writes little, so that its
/// own encodes are no part of the answer.
fn slow(market: &Market) -> Row {
    let (pool, options) = (start(0), WriterOptions::default());
    let others = || throughput(market, &pool, (8, 2 * ROWS), &options, Duration::ZERO);
    let beside = || {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut slow = open(&pool, &options, Duration::from_millis(50));
                while !done.load(Ordering::Relaxed) {
                    market.append(&mut slow, 1000);
                    slow.flush().unwrap();
                    thread::sleep(Duration::from_millis(5));
                }
            });
            let rate = others();
            done.store(true, Ordering::Relaxed);
            rate
        })
    };
    let (ours, theirs) = alternate(3, beside, others);
    let (name, peer) = ("8 writers beside a slow one", "without it");
    Row::new("pool", name, peer, (ours, theirs), "M rows/s", ">= 0.9")
}

/// Many parts at once. Of 80 million rows, as a thousand writers then have 80,000 each, more than a batch and a
/// page: whether they get in each other's way is the question. Of 10 million, each of a thousand has a part of
/// 10,000 rows, which shows what a part costs beside them: its writer, pages, dictionaries and footer.
fn writers(market: &Market, rounds: usize, count: usize, total: usize) -> Row {
    let (pool, options) = (start(0), WriterOptions::default());
    let with = |writers| throughput(market, &pool, (writers, total), &options, Duration::ZERO);
    let (ours, theirs) = alternate(rounds, || with(count), || with(1));
    let each = (1.0 / ours - 1.0 / theirs) * total as f64 / count as f64;
    println!("  {count} writers: {each:.0} us a part more than in one");
    let name = format!("{count} writers, {} M rows in all", total / 1_000_000);
    Row::new("pool", &name, "1 writer", (ours, theirs), "M rows/s", ">= 0.85")
}

/// What a thousand writers have in flight at most: batches that wait for the workers, which may be a quarter of
/// the pool's bytes and one more for each thread that appends, and row groups that are being written.
fn in_flight(market: &Market) -> Row {
    let pool = start(0);
    throughput(market, &pool, (1000, 8 * ROWS), &WriterOptions::default(), Duration::ZERO);
    let stats = pool.stats();
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let bytes = (mib(stats.bytes_high_water), mib(stats.bytes_max));
    Row::new("pool", "in flight, 1000 writers", "max_bytes", bytes, "MiB", "<= 1")
}
