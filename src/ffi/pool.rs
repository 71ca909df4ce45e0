//! The encode pool: how it is set up, and what it does.

use parking_lot::Mutex;

use super::boundary::boundary;
use super::error::{pf_error, pf_status};
use super::input::{self, CStruct};
use super::writer::{WRITERS, pf_writer};
use crate::error::{Error, Result};
use crate::pool::{Pool, PoolOptions, Stats};

/// Options of the encode pool, which is one for the process. Start them with `PF_POOL_OPTIONS_INIT`, which
/// gives the defaults.
///
/// Memory has a ceiling. Batches are in flight until their last column is encoded, and what was encoded of a
/// row group is from when that ends until it is written. Its writer's appends wait for it only once the next row
/// group has ended, so that one is encoded while another is written. A writer holds at most:
///
/// ```text
/// queue_bytes, or one batch, if that is more
/// + two row groups as encoded, each with a dictionary of about 1 MiB a column at most: the one that
///   batches go into, and the one that ended last
/// + 3 x window_bytes: what is being gathered, what `pf_close` sends, and pages before they are compressed
/// + 1 MiB for each thread: pages of a wide column that several compress
/// + 8 MiB, while it is being written
/// ```
///
/// and all writers together the sum of that, in which `max_bytes` and one batch for each writer stand in
/// place of all `queue_bytes`, if that is less; and a quarter of `max_bytes`, or 8,192 rows and the latest chunk of
/// each writer if that is more, in place of all that is being gathered; a sixteenth of `max_bytes` of spent windows,
/// which the next use; and 6 MiB of memory for the pages that come next.
///
/// What is freed goes to the C library, and glibc keeps some of it in each of its arenas, 8 for each CPU at most:
/// holes, and up to twice the largest block that was ever freed. `mallopt(M_TRIM_THRESHOLD, 128 << 10)` and
/// `mallopt(M_ARENA_MAX, 1)` make that little.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pf_pool_options {
    /// `sizeof(pf_pool_options)`.
    pub struct_size: u32,
    /// Threads that encode, each driving one task, at most 1,024; 0 = one for each CPU they may run on. More
    /// would take turns in the middle of columns. They may pay if they wait, as for memory that is a mapped
    /// file's. Storage is waited for on others, as many as there are writers waiting, which go when idle.
    pub threads: u32,
    /// Bytes of each thread's stack; 0 = 2 MiB, else 64 KiB to 1 GiB.
    pub stack_bytes: u64,
    /// `cpu_count` numbers of CPUs that the threads may run on. NULL: those of the thread that opens the
    /// first writer.
    pub cpus: *const u32,
    /// Number of CPUs; 0 if there are none.
    pub cpu_count: u64,
    /// Bytes in flight in all writers before an append blocks; 0 = 1 GiB. Batches that are not encoded may be
    /// a quarter of them: more would keep no thread busier. A writer with nothing in flight waits for that
    /// only, so never for another's storage.
    pub max_bytes: u64,
}

// SAFETY: integers and pointers, no padding.
unsafe impl CStruct for pf_pool_options {
    const NAME: &'static str = "pf_pool_options";
    const MIN_SIZE: usize = 40;
}

/// Most CPUs that a set may name.
const MAX_CPUS: u64 = 1 << 16;

impl pf_pool_options {
    const INIT: pf_pool_options = pf_pool_options {
        struct_size: size_of::<pf_pool_options>() as u32,
        threads: 0,
        stack_bytes: 0,
        cpus: std::ptr::null(),
        cpu_count: 0,
        max_bytes: 0,
    };

    /// # Safety
    /// `cpus` is readable for `cpu_count` numbers.
    unsafe fn read(&self) -> Result<PoolOptions> {
        if self.cpu_count > MAX_CPUS {
            return Err(Error::invalid(format!(
                "options.cpu_count is {}; give 0 to {MAX_CPUS}",
                self.cpu_count
            )));
        }
        let bytes = self.cpu_count * 4;
        // SAFETY: the caller's promise.
        let cpus = unsafe { input::memory(self.cpus.cast(), bytes, || "options.cpus".to_owned()) }?;
        let cpu = |bytes: &[u8]| bytes.iter().rev().fold(0, |cpu, &byte| cpu << 8 | usize::from(byte));
        let defaults = PoolOptions::default();
        let or = |value: u64, default: usize| match value {
            0 => default,
            n => usize::try_from(n).unwrap_or(usize::MAX),
        };
        Ok(PoolOptions {
            threads: self.threads as usize,
            stack_bytes: or(self.stack_bytes, defaults.stack_bytes),
            cpus: cpus.chunks_exact(4).map(cpu).collect(),
            max_bytes: or(self.max_bytes, defaults.max_bytes),
        })
    }
}

/// Sets the encode pool up. It starts with the first writer or sink that is opened; until then, calling again
/// replaces what was set.
///
/// `options` may be NULL for the defaults; nothing passed in is kept. Never blocks; any thread.
///
/// Errors: `PF_ERR_INVALID_ARGUMENT` (a value out of range, a CPU that this thread may not use),
/// `PF_ERR_CONFLICT` (the pool runs).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_pool_configure(
    options: *const pf_pool_options,
    error: *mut pf_error,
) -> pf_status {
    // SAFETY: what the header asks of the caller.
    unsafe { boundary(error, || Pool::configure(input::options(options, pf_pool_options::INIT)?.read()?)) }
}

/// What the encode pool is set up with; if it does not run yet, what it would be: no field is 0 for a default.
///
/// `options` is filled on success; its `cpus` are valid until `pf_pool_configure` changes them. Never blocks;
/// any thread.
///
/// Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, or `options` without its size).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_pool_options_get(
    options: *mut pf_pool_options,
    error: *mut pf_error,
) -> pf_status {
    /// The CPUs, lent to C.
    static LENT: Mutex<Vec<u32>> = Mutex::new(Vec::new());
    // SAFETY: what the header asks of the caller.
    unsafe {
        boundary(error, || {
            input::output(options, "options")?;
            input::check_result(options)?;
            let set = Pool::configured()?;
            let mut lent = LENT.lock();
            let cpus: Vec<u32> = set.cpus.iter().map(|&cpu| cpu as u32).collect();
            if *lent != cpus {
                *lent = cpus;
            }
            input::result(options, |struct_size| pf_pool_options {
                struct_size,
                threads: set.threads as u32,
                stack_bytes: set.stack_bytes as u64,
                cpus: if lent.is_empty() { std::ptr::null() } else { lent.as_ptr() },
                cpu_count: lent.len() as u64,
                max_bytes: set.max_bytes as u64,
            })
        })
    }
}

/// What a writer, or the pool, has done so far, and where the time went: `blocked_ns` high says that encoding
/// or storage holds the callers up, then `encode_ns` and `write_ns` say which. Start it with
/// `PF_STATS_INIT`. Each number is exact; together they may be of slightly different moments.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pf_stats {
    /// `sizeof(pf_stats)`, set by the caller.
    pub struct_size: u32,
    /// Threads that encode; 0 if the pool does not run.
    pub threads: u32,
    /// Of the pool: writers that are open, those of sinks included. Of a writer: 1.
    pub writers: u64,
    /// Rows handed to the pool; those in a coalesce window are not yet.
    pub rows: u64,
    /// Their bytes in memory.
    pub bytes_in: u64,
    /// Batches handed to the pool, row groups by levels included.
    pub batches: u64,
    /// Of those, not begun.
    pub batches_queued: u64,
    /// Of those, being encoded.
    pub batches_in_flight: u64,
    /// Row groups written.
    pub row_groups: u64,
    /// Rows in them.
    pub rows_written: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// Nanoseconds spent encoding, all threads together.
    pub encode_ns: u64,
    /// Nanoseconds spent in storage: writing, forcing to disk, publishing; encoding of row groups by levels.
    pub write_ns: u64,
    /// Nanoseconds that callers waited because a queue was full.
    pub blocked_ns: u64,
    /// Bytes in flight.
    pub bytes_in_flight: u64,
    /// The most they have been.
    pub bytes_high_water: u64,
    /// Bytes in flight at which an append blocks.
    pub bytes_max: u64,
}

// SAFETY: integers, no padding.
unsafe impl CStruct for pf_stats {
    const NAME: &'static str = "pf_stats";
    const MIN_SIZE: usize = 128;
}

/// # Safety
/// `to`, unless NULL, is a size-prefixed struct to write to.
unsafe fn give(to: *mut pf_stats, threads: usize, writers: u64, stats: Stats) -> Result<()> {
    // SAFETY: the caller's promise.
    unsafe {
        input::result(to, |struct_size| pf_stats {
            struct_size,
            threads: threads as u32,
            writers,
            rows: stats.rows,
            bytes_in: stats.bytes_in,
            batches: stats.batches,
            batches_queued: stats.batches_queued,
            batches_in_flight: stats.batches_in_flight,
            row_groups: stats.row_groups,
            rows_written: stats.rows_written,
            bytes_written: stats.bytes_written,
            encode_ns: stats.encode_ns,
            write_ns: stats.write_ns,
            blocked_ns: stats.blocked_ns,
            bytes_in_flight: stats.bytes_in_flight,
            bytes_high_water: stats.bytes_high_water,
            bytes_max: stats.bytes_max,
        })
    }
}

/// Reads what a writer has done so far. Also while another thread is in a call on it, `pf_close` included,
/// and after that: `rows_written` tells how far a close has come.
///
/// `stats` is filled on success. Never blocks; any thread.
///
/// Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, or `stats` without its size), `PF_ERR_STALE_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_writer_stats(
    writer: *const pf_writer,
    stats: *mut pf_stats,
    error: *mut pf_error,
) -> pf_status {
    // SAFETY: what the header asks of the caller.
    unsafe {
        boundary(error, || {
            let writer = WRITERS.get(writer, "writer")?;
            input::output(stats, "stats")?;
            input::check_result(stats)?;
            let threads = Pool::running().map_or(0, |pool| pool.options().threads);
            give(stats, threads, 1, writer.meter.stats())
        })
    }
}

/// Reads what all writers of the process have done so far, the freed ones included; all 0 if none was opened.
///
/// `stats` is filled on success. Never blocks; any thread.
///
/// Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, or `stats` without its size).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_pool_stats(stats: *mut pf_stats, error: *mut pf_error) -> pf_status {
    // SAFETY: what the header asks of the caller.
    unsafe {
        boundary(error, || {
            input::output(stats, "stats")?;
            input::check_result(stats)?;
            match Pool::running() {
                Some(pool) => give(stats, pool.options().threads, pool.writers() as u64, pool.stats()),
                None => give(stats, 0, 0, Stats::default()),
            }
        })
    }
}
