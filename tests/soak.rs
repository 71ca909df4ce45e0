//! Random writers opened, appended to, flushed, failed and freed from many threads: every published file is
//! whole, its rows are exact, and the memory is back where it began. `FLOW_SOAK_SECONDS` says how long; 20.
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use arrow_array::Int64Array;
use arrow_schema::{DataType, Field};
use flow::columns::{ColumnSlice, Values};
use flow::error::{ErrorClass, Result};
use flow::format::ParquetOptions;
use flow::pool::{Pool, PoolOptions};
use flow::schema::Schema;
use flow::storage::{IfExists, Part, PartFile, Sync};
use flow::writer::{Writer, WriterOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

const THREADS: u64 = 6;
/// Bytes that the library keeps at most for the pages to come, with no writer open (`flow.h`).
const KEPT: u64 = 6 << 20;

/// A small generator (Steele et al., "Fast splittable pseudorandom number generators", 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % n
    }
}

/// Storage that is slow at times, and full after so many bytes.
struct Disk {
    file: PartFile,
    room: u64,
    random: Random,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.random.below(10) == 0 {
            thread::sleep(Duration::from_millis(self.random.below(20)));
        }
        self.room = self.room.checked_sub(bytes.len() as u64).ok_or(io::ErrorKind::StorageFull)?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Part for Disk {
    fn publish(&mut self) -> Result<()> {
        self.file.publish()
    }
}

#[derive(Default)]
struct Counts {
    published: AtomicU64,
    failed: AtomicU64,
    freed: AtomicU64,
}

fn schema() -> Schema {
    let number = Field::new("number", DataType::Int64, false);
    Schema::new(vec![number, Field::new("text", DataType::Utf8, false)]).unwrap()
}

/// One writer's life, to whatever end.
fn one(pool: &Arc<Pool>, path: &Path, random: &mut Random, counts: &Counts) {
    let options = WriterOptions {
        parquet: ParquetOptions {
            row_group_rows: 1 + random.below(20_000) as usize,
            ..ParquetOptions::default()
        },
        window_rows: 1 + random.below(4000) as usize,
        queue_bytes: Some(1 + random.below(1 << 18) as usize),
        ..WriterOptions::default()
    };
    let room = if random.below(5) == 0 { random.below(200_000) } else { u64::MAX };
    let disk = Random(random.below(u64::MAX));
    let create = || {
        let file = PartFile::create(path, Sync::None, IfExists::Fail)?;
        Ok(Box::new(Disk { file, room, random: disk }) as Box<dyn Part>)
    };
    let mut writer = Writer::open_in(pool, path, &schema(), &options, create).unwrap();
    let mut rows = 0;
    let fill = |writer: &mut Writer, rows: &mut u64, random: &mut Random| -> Result<()> {
        for _ in 0..random.below(30) {
            let count = 1 + random.below(3000);
            let numbers: Vec<u8> = (*rows..*rows + count).flat_map(u64::to_le_bytes).collect();
            let offsets: Vec<u8> = (0..=count as i32).flat_map(|i| (4 * i).to_le_bytes()).collect();
            let bytes: Vec<u8> = (0..4 * count).map(|_| b'a' + random.below(26) as u8).collect();
            let text = Values::Offsets { offsets: &offsets, width: 4, bytes: &bytes };
            let slices = [ColumnSlice::fixed(&numbers, 8), ColumnSlice::new(text, count as usize)];
            match random.below(3) {
                0 if !writer.try_append(&slices)? => continue, // full: nothing of it is in
                0 => {}
                _ => writer.append(&slices)?,
            }
            *rows += count;
            if random.below(8) == 0 {
                writer.flush()?;
            }
        }
        Ok(())
    };
    let filled = fill(&mut writer, &mut rows, random);
    if random.below(4) == 0 {
        if random.below(2) == 0 && writer.close_until(Some(Instant::now())).is_some_and(|r| r.is_ok()) {
            check(path, rows); // it was that quick
        }
        drop(writer);
        counts.freed.fetch_add(1, Ordering::Relaxed);
        if path.exists() {
            check(path, rows); // freed while it was published
        }
        return;
    }
    match filled.and_then(|()| writer.close()) {
        Ok(part) => {
            assert_eq!(part.rows, rows);
            check(path, rows);
            counts.published.fetch_add(1, Ordering::Relaxed);
        }
        Err(error) => {
            assert_eq!(error.class(), ErrorClass::NoSpace, "{error}");
            assert_eq!(writer.close().unwrap_err().class(), ErrorClass::NoSpace);
            assert!(!path.exists());
            counts.failed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Reads a part back: all rows, in order; then removes it.
fn check(path: &Path, rows: u64) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let mut next = 0;
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        let numbers = batch.column(0).as_any().downcast_ref::<Int64Array>().unwrap();
        for number in numbers.values() {
            assert_eq!(*number as u64, next);
            next += 1;
        }
    }
    assert_eq!(next, rows, "{}", path.display());
    std::fs::remove_file(path).unwrap();
}

/// Bytes that are allocated. What the allocator keeps for later depends on how threads met.
fn memory() -> u64 {
    // SAFETY: the call only reads the allocator's own numbers.
    let info = unsafe { libc::mallinfo2() };
    (info.uordblks + info.hblkhd) as u64
}

/// Bytes in RAM, once the allocator has given back what nobody uses.
fn resident() -> u64 {
    // SAFETY: the call frees only what is free.
    unsafe { libc::malloc_trim(0) };
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    // SAFETY: the call only reads.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u64;
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * page
}

/// Random writers for so long, on a pool that ends with them, its threads too.
fn run(directory: &Path, seconds: f64, round: u64, counts: &Counts) {
    let threads = threads();
    let pool = Pool::start(PoolOptions { max_bytes: 1 << 20, ..PoolOptions::default() }).unwrap();
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let pool = &pool;
            scope.spawn(move || {
                let mut random = Random(round << 32 | thread);
                for number in 0u64.. {
                    if Instant::now() >= end {
                        break;
                    }
                    let path: PathBuf = directory.join(format!("{thread}-{number}.parquet"));
                    one(pool, &path, &mut random, counts);
                }
            });
        }
    });
    assert_eq!(std::fs::read_dir(directory).unwrap().count(), 0);
    wait_until(|| pool.writers() == 0 && pool.stats().bytes_in_flight == 0, || format!("{:?}", pool.stats()));
    drop(pool);
    wait_until(|| self::threads() <= threads, || format!("{} threads", self::threads()));
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

fn wait_until(done: impl Fn() -> bool, state: impl Fn() -> String) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "{}", state());
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn random_writers() {
    // Else glibc keeps twice the largest block that was ever freed at the end of each of its arenas, and holes in all.
    let options =
        [(libc::M_MMAP_THRESHOLD, 128 << 10), (libc::M_TRIM_THRESHOLD, 128 << 10), (libc::M_ARENA_MAX, 1)];
    for (option, value) in options {
        // SAFETY: the call sets a number of the allocator's.
        assert_eq!(unsafe { libc::mallopt(option, value) }, 1);
    }
    let seconds = std::env::var("FLOW_SOAK_SECONDS").map_or(20.0, |s| s.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let counts = Counts::default();
    run(directory.path(), 0.1, 0, &counts); // what is made once in a process
    let before = (memory(), resident());
    run(directory.path(), seconds, 1, &counts);
    let after = (memory(), resident());
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let counts = [&counts.published, &counts.failed, &counts.freed].map(count);
    println!("published, failed, freed: {counts:?}");
    println!("bytes allocated and resident: {before:?}, then {after:?}");
    assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
    assert!(after.0 < before.0 + KEPT + (1 << 20), "allocated memory grew: {before:?}, then {after:?} bytes");
    assert!(after.1 < before.1 + (32 << 20), "resident memory grew: {before:?}, then {after:?} bytes");
}
