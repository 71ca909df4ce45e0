//! Memory has the ceiling that `pf_pool_options` states: many writers, storage that is slower than their
//! callers, appends that wait and appends that are refused.
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use arrow_schema::{DataType, Field};
use flow::columns::ColumnSlice;
use flow::error::Result;
use flow::format::{Codec, ParquetOptions};
use flow::pool::{Pool, PoolOptions};
use flow::schema::Schema;
use flow::storage::Part;
use flow::writer::{Writer, WriterOptions};

/// The system's allocator, and the most bytes that it had given out.
struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MOST.fetch_max(BYTES.fetch_add(layout.size(), Ordering::Relaxed) + layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are the system's.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Keeps nothing, and takes its time.
struct Slow;

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        thread::sleep(Duration::from_millis(10));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Part for Slow {
    fn publish(&mut self) -> Result<()> {
        Ok(())
    }
}

const WRITERS: usize = 8;
const ROWS: usize = 1 << 15;
const ROUNDS: usize = 32;

/// The most bytes in use while each writer takes 16 MiB, beyond what was in use before.
fn most(queue_bytes: usize, pool_bytes: usize) -> usize {
    let pool = Pool::start(PoolOptions { max_bytes: pool_bytes, ..PoolOptions::default() }).unwrap();
    let fields = ["a", "b"].map(|name| Field::new(name, DataType::Int64, false));
    let schema = Schema::new(fields.to_vec()).unwrap();
    // What cannot be made smaller.
    let mut random = 1u64;
    let mut next = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        random ^ random >> 29
    };
    let bytes: Vec<u8> = (0..ROWS).flat_map(|_| next().to_le_bytes()).collect();
    let options = WriterOptions {
        parquet: ParquetOptions {
            row_group_rows: ROW_GROUP_ROWS,
            codec: Codec::Uncompressed,
            ..ParquetOptions::default()
        },
        window_rows: WINDOW_ROWS,
        queue_bytes: Some(queue_bytes),
        ..WriterOptions::default()
    };
    let before = BYTES.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    thread::scope(|scope| {
        for number in 0..WRITERS {
            let (pool, schema, options, bytes) = (&pool, &schema, &options, &bytes);
            scope.spawn(move || {
                let create = || Ok(Box::new(Slow) as Box<dyn Part>);
                let mut writer = Writer::open_in(pool, Path::new("a"), schema, options, create).unwrap();
                for _ in 0..ROUNDS {
                    for piece in bytes.chunks(8 * WINDOW_ROWS / 2) {
                        let slices = [ColumnSlice::fixed(piece, 8); 2];
                        match number % 2 {
                            0 => writer.append(&slices).unwrap(),
                            _ => {
                                while !writer.try_append(&slices).unwrap() {
                                    thread::sleep(Duration::from_millis(1));
                                }
                            }
                        }
                    }
                }
                assert_eq!(writer.close().unwrap().rows, (ROUNDS * ROWS) as u64);
                let stats = writer.meter().stats();
                assert!(number % 2 == 1 || stats.blocked_ns > 0, "{stats:?}");
                assert!(number % 2 == 0 || stats.blocked_ns == 0, "{stats:?}");
            });
        }
    });
    assert_eq!(pool.stats().bytes_in_flight, 0);
    MOST.load(Ordering::Relaxed) - before
}

const WINDOW_ROWS: usize = 1 << 11;
const ROW_GROUP_ROWS: usize = 1 << 14;

#[test]
fn memory_has_a_ceiling() {
    const MIB: usize = 1 << 20;
    let (row, data) = (16, 16 * ROWS * ROUNDS * WRITERS);
    let (window, row_group) = (row * WINDOW_ROWS, row * ROW_GROUP_ROWS);
    for (queue_bytes, pool_bytes) in [(MIB, 256 * MIB), (1 << 30, 8 * MIB)] {
        let in_flight = (WRITERS * queue_bytes.max(window)).min(pool_bytes + WRITERS * window);
        let ceiling = in_flight + pool_bytes / 16 + WRITERS * (2 * row_group + 3 * window + 4 * MIB);
        let most = most(queue_bytes, pool_bytes);
        println!("{most} bytes at most, {ceiling} allowed, {data} written");
        assert!(ceiling < data / 2, "too little is written to tell");
        assert!(most <= ceiling, "{most} bytes were in use, {ceiling} are allowed");
    }
}
