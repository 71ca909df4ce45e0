//! Sinks and producers: records in, one part out.

use std::ffi::{CString, OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use parking_lot::Mutex;

use super::boundary::{boundary, boundary_free};
use super::error::{PF_OK, pf_error, pf_status};
use super::forgotten::Forgotten;
use super::handle::{Kind, Table};
use super::input::{self, CStruct, DAY_MS};
use super::layout::{LAYOUTS, pf_record_layout};
use super::producer::pf_producer;
use super::writer::{pf_writer_options, read_path};
use crate::error::{Error, Result};
use crate::sink::{Idle, Lanes, OnError, OrderBy, Producer, Sink, SinkOptions};

pub(super) static SINKS: Table<OpenSink> = Table::new(Kind::Sink);

pub(super) struct OpenSink {
    pub(super) sink: Sink,
    /// Their memory stays until the sink is freed, so that a late call meets a closed producer.
    producers: Mutex<Vec<Forgotten<pf_producer>>>,
    path: CString,
}

impl OpenSink {
    /// Keeps a producer, whose address stays.
    pub(super) fn keep(&self, producer: Producer) -> Result<*mut pf_producer> {
        let producer = Forgotten::new(pf_producer { producer })
            .map_err(|e| Error::io(&e, "mapping memory for a producer"))?;
        let address = producer.address();
        self.producers.lock().push(producer);
        Ok(address)
    }
}

/// A sink: captures records of many threads into one Parquet part.
pub struct pf_sink;

/// Lanes lie in memory and end with the process.
pub const PF_LANES_MEMORY: u32 = 0;
/// The same in huge pages, if there are some: fewer of the CPU's page look-ups miss.
pub const PF_LANES_HUGE_PAGES: u32 = 1;
/// Lanes lie in files, `<part>.lanes/lane-<producer>`, which a later process drains: `pf_sink_open` of the same
/// path goes on with them, and `flow recover` finishes the part. A crash of the process, SIGKILL too, loses no
/// record that was taken and doubles none. A power cut loses what was not on disk: with `sync_ms` of the writer,
/// lanes and part are forced there so often, else when the kernel likes.
pub const PF_LANES_FILES: u32 = 2;

/// The drain sleeps when there is little to do, 100 microseconds each time.
pub const PF_IDLE_SLEEP: u32 = 0;
/// The drain lets other threads run when there is little to do.
pub const PF_IDLE_YIELD: u32 = 1;
/// The drain always looks again at once: a CPU of its own.
pub const PF_IDLE_SPIN: u32 = 2;

/// After an error of storage the sink refuses all further records with its class.
pub const PF_ON_ERROR_STOP: u32 = 0;
/// After an error of storage lanes fill, and records are dropped and counted; the part is gone on with, from its
/// last row group that was written, as soon as that succeeds. Records that were taken and were not in it are read
/// again if lanes lie in files; else they are lost and counted.
pub const PF_ON_ERROR_RESUME: u32 = 1;

/// Records of several producers come lane by lane, as they are drained.
pub const PF_ORDER_NONE: u32 = 0;
/// They come by the time they were taken.
pub const PF_ORDER_CAPTURE_TIME: u32 = 1;
/// They come by a field of the record, `order_field`: a whole number or a time, never null.
pub const PF_ORDER_FIELD: u32 = 2;

/// Options of a sink. Start them with `PF_SINK_OPTIONS_INIT`, which gives the defaults.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pf_sink_options {
    /// `sizeof(pf_sink_options)`.
    pub struct_size: u32,
    /// Longest payload that is taken, in bytes; 0 = 65,536, at most 1 GiB.
    pub max_payload: u32,
    /// Bytes of each producer's lane, rounded up to a power of two; 0 = 4 MiB, or 64 MiB with lanes in files; at
    /// most 1 GiB. Holds what comes while the drain is busy: 4 MiB are 65,536 records of 64 bytes. In a file,
    /// records stay until their row group is written, which ends once a quarter of a lane is in it.
    pub lane_bytes: u64,
    /// Where lanes lie: one of `PF_LANES_*`; default `PF_LANES_MEMORY`.
    pub lanes: u32,
    /// What the drain does when there is little to do: one of `PF_IDLE_*`; default `PF_IDLE_SLEEP`.
    pub idle: u32,
    /// `PF_LANES_FILES`: the directory in which the lanes' own is made; NULL: beside the part. In a file system
    /// in memory (`/dev/shm`) a record costs what it does in memory, and a power cut loses all of them; on a disk,
    /// a store may wait now and then while the kernel writes the page.
    pub lane_directory: *const c_char,
    /// A record is in a row group that has ended at most so many milliseconds after it was taken, but for what
    /// the drain is behind; 0: row groups end when they are full. At most a day.
    pub max_delay_ms: u64,
    /// 1 + the number of the CPU that the drain thread runs on; 0: any.
    pub drain_cpu: u32,
    /// In which order records of several producers come: one of `PF_ORDER_*`; default `PF_ORDER_NONE`. Those of
    /// one producer always come as they were offered.
    pub order: u32,
    /// `PF_ORDER_FIELD`: the field's name. Else NULL.
    pub order_field: *const c_char,
    /// How long a record waits for earlier ones of other producers, in microseconds. Later ones come where they
    /// come, and are counted.
    pub order_window_us: u64,
    /// What follows an error of storage: one of `PF_ON_ERROR_*`; default `PF_ON_ERROR_STOP`.
    pub on_error: u32,
    /// `PF_ON_ERROR_RESUME`: milliseconds between two tries; 0 = 1,000.
    pub retry_ms: u32,
}

// SAFETY: integers and pointers, no padding.
unsafe impl CStruct for pf_sink_options {
    const NAME: &'static str = "pf_sink_options";
    const MIN_SIZE: usize = 72;
}

impl pf_sink_options {
    /// The value of `PF_SINK_OPTIONS_INIT`.
    pub const INIT: pf_sink_options = pf_sink_options {
        struct_size: size_of::<pf_sink_options>() as u32,
        max_payload: 0,
        lane_bytes: 0,
        lanes: PF_LANES_MEMORY,
        idle: PF_IDLE_SLEEP,
        lane_directory: std::ptr::null(),
        max_delay_ms: 0,
        drain_cpu: 0,
        order: PF_ORDER_NONE,
        order_field: std::ptr::null(),
        order_window_us: 0,
        on_error: PF_ON_ERROR_STOP,
        retry_ms: 0,
    };

    /// # Safety
    /// `pointer` is NULL or a size-prefixed struct of options.
    unsafe fn read(pointer: *const Self) -> Result<SinkOptions> {
        // SAFETY: the caller's promise.
        let given = unsafe { input::options(pointer, Self::INIT) }?;
        let unknown = |name: &str, value: u32, of: &str| {
            Err(Error::invalid(format!("options.{name} is {value}; give one of {of}")))
        };
        let unused =
            |name: &str, when: &str| Err(Error::invalid(format!("options.{name} is only for {when}")));
        let mut options = SinkOptions::default();
        if given.max_payload != 0 {
            options.max_payload = given.max_payload as usize;
        }
        if given.lane_bytes != 0 {
            options.lane_bytes = Some(usize::try_from(given.lane_bytes).unwrap_or(usize::MAX));
        }
        if !given.lane_directory.is_null() && given.lanes != PF_LANES_FILES {
            return unused("lane_directory", "PF_LANES_FILES; set it to NULL");
        }
        options.lanes = match given.lanes {
            PF_LANES_MEMORY | PF_LANES_HUGE_PAGES => {
                Lanes::Memory { huge_pages: given.lanes == PF_LANES_HUGE_PAGES }
            }
            PF_LANES_FILES if given.lane_directory.is_null() => Lanes::Files { directory: None },
            PF_LANES_FILES => {
                // SAFETY: the caller's promise.
                let bytes = unsafe { input::bytes(given.lane_directory, "options.lane_directory") }?;
                Lanes::Files { directory: Some(OsStr::from_bytes(bytes).into()) }
            }
            other => return unknown("lanes", other, "PF_LANES_*"),
        };
        options.idle = match given.idle {
            PF_IDLE_SLEEP => options.idle,
            PF_IDLE_YIELD => Idle::Yield,
            PF_IDLE_SPIN => Idle::Spin,
            other => return unknown("idle", other, "PF_IDLE_*"),
        };
        for (name, value, day) in [
            ("max_delay_ms", given.max_delay_ms, DAY_MS),
            ("order_window_us", given.order_window_us, 1000 * DAY_MS),
        ] {
            if value > day {
                return Err(Error::invalid(format!("options.{name} is {value}; give at most a day, {day}")));
            }
        }
        options.max_delay = (given.max_delay_ms > 0).then(|| Duration::from_millis(given.max_delay_ms));
        options.drain_cpu = given.drain_cpu.checked_sub(1).map(|cpu| cpu as usize);
        if !given.order_field.is_null() && given.order != PF_ORDER_FIELD {
            return unused("order_field", "PF_ORDER_FIELD; set it to NULL");
        }
        if given.order_window_us != 0 && given.order == PF_ORDER_NONE {
            return unused("order_window_us", "an order; set it to 0");
        }
        let window = Duration::from_micros(given.order_window_us);
        options.order = match given.order {
            PF_ORDER_NONE => None,
            PF_ORDER_CAPTURE_TIME => Some(OrderBy { field: None, window }),
            PF_ORDER_FIELD => {
                // SAFETY: the caller's promise.
                let field = unsafe { input::text(given.order_field, "options.order_field") }?;
                Some(OrderBy { field: Some(field.to_owned()), window })
            }
            other => return unknown("order", other, "PF_ORDER_*"),
        };
        let retry = Duration::from_millis(if given.retry_ms == 0 { 1000 } else { given.retry_ms.into() });
        options.on_error = match given.on_error {
            PF_ON_ERROR_STOP if given.retry_ms != 0 => {
                return unused("retry_ms", "PF_ON_ERROR_RESUME; set it to 0");
            }
            PF_ON_ERROR_STOP => OnError::Stop,
            PF_ON_ERROR_RESUME => OnError::Resume { retry },
            other => return unknown("on_error", other, "PF_ON_ERROR_*"),
        };
        Ok(options)
    }
}

/// What a closed sink has done. Start it with `PF_SINK_RESULT_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pf_sink_result {
    /// `sizeof(pf_sink_result)`, set by the caller.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Producers opened.
    pub producers: u64,
    /// Records taken; as many rows, less `lost`, are in the part. `accepted + dropped` is what was offered.
    pub accepted: u64,
    /// Records refused: the lane was full, or the payload too long.
    pub dropped: u64,
    /// Of the dropped, those whose payload was too long.
    pub oversized: u64,
    /// Values that could not be stored as they were: text that is no UTF-8 (each bad sequence becomes
    /// U+FFFD), seconds out of range (they become the last in range).
    pub replaced: u64,
    /// Rows of the part.
    pub rows: u64,
    /// Bytes of the part.
    pub bytes: u64,
    /// Row groups of the part.
    pub row_groups: u64,
    /// The part's final name; valid until the sink is freed.
    pub path: *const c_char,
    /// Records that were taken, and lost in an error of storage: only with `PF_ON_ERROR_RESUME`.
    pub lost: u64,
}

// SAFETY: integers and pointers, no padding.
unsafe impl CStruct for pf_sink_result {
    const NAME: &'static str = "pf_sink_result";
    const MIN_SIZE: usize = 88;
}

/// What a sink has done so far. Start it with `PF_CAPTURE_STATS_INIT`. Counters of producers that run are read one
/// after the other, so they may be some records apart; `offered` is always `accepted + dropped`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pf_capture_stats {
    /// `sizeof(pf_capture_stats)`, set by the caller.
    pub struct_size: u32,
    /// The error that the sink has met and not got over, an error class; 0: none. `pf_sink_flush` tells more.
    pub last_error: i32,
    /// Producers opened.
    pub producers: u64,
    /// Of these, those that are not closed and drained.
    pub open_producers: u64,
    /// Records offered.
    pub offered: u64,
    /// Records taken.
    pub accepted: u64,
    /// Records refused because the lane was full, the payload too long, or the sink had failed.
    pub dropped: u64,
    /// Of the dropped, those whose payload was too long.
    pub oversized: u64,
    /// Times that a producer waited for room, and the nanoseconds.
    pub waits: u64,
    /// The latter.
    pub waited_ns: u64,
    /// Records taken that the drain has not read: how far it is behind.
    pub lag: u64,
    /// Bytes in the lanes now.
    pub lane_bytes_used: u64,
    /// Most bytes that the drain has found in one lane.
    pub lane_bytes_high_water: u64,
    /// Records that are columns by now.
    pub rows: u64,
    /// Bytes of the part so far.
    pub bytes: u64,
    /// Row groups of the part so far.
    pub row_groups: u64,
    /// Records that were taken, and lost in an error of storage.
    pub lost: u64,
    /// Records that came later than the order's window.
    pub late: u64,
    /// Values that could not be stored as they were.
    pub replaced: u64,
    /// Times that it was tried to go on after an error of storage.
    pub retries: u64,
}

// SAFETY: integers, no padding.
unsafe impl CStruct for pf_capture_stats {
    const NAME: &'static str = "pf_capture_stats";
    const MIN_SIZE: usize = 152;
}

/// Opens a sink that captures records of `layout` into one Parquet part, `path`, creates its temporary
/// file `<path>.tmp`, and starts a drain thread.
///
/// `layout` stays the caller's and may be freed at once. Both options may be NULL for the defaults. On
/// success `*sink` is a handle that the caller frees with `pf_sink_free`; on failure it is left alone
/// and no file stays but what was there. Creates files, and takes some milliseconds to measure the clock, so may
/// block. Any thread.
///
/// With `PF_LANES_FILES`, if an earlier process left lanes of this path, their records go into this part first.
///
/// Errors: those of `pf_writer_open`; `PF_ERR_INVALID_ARGUMENT` (an option, its value and the cure);
/// `PF_ERR_SCHEMA_MISMATCH` (lanes that were left hold records of another layout), `PF_ERR_NOT_FOUND` (lanes that
/// were left belong to a part that is gone), `PF_ERR_CORRUPT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_sink_open(
    path: *const c_char,
    layout: *const pf_record_layout,
    writer_options: *const pf_writer_options,
    sink_options: *const pf_sink_options,
    sink: *mut *mut pf_sink,
    error: *mut pf_error,
) -> pf_status {
    // SAFETY: what the header asks of the caller.
    unsafe {
        boundary(error, || {
            let out = input::output(sink, "sink")?;
            let (path, kept) = read_path(path)?;
            let layout = LAYOUTS.get(layout, "layout")?;
            let writer_options = pf_writer_options::read(writer_options)?;
            let sink_options = pf_sink_options::read(sink_options)?;
            let sink = Sink::open(path, &layout, &writer_options, &sink_options)?;
            *out = SINKS.insert(OpenSink { sink, producers: Mutex::default(), path: kept });
            Ok(())
        })
    }
}

/// What a sink has done so far, its producers with it. Takes nothing from their threads.
///
/// `stats` is filled on success. Never blocks; any thread, at any time until `pf_sink_free`.
///
/// Errors: `PF_ERR_STALE_HANDLE`, `PF_ERR_INVALID_ARGUMENT` (NULL, or `stats` without its size).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_sink_stats(
    sink: *const pf_sink,
    stats: *mut pf_capture_stats,
    error: *mut pf_error,
) -> pf_status {
    // SAFETY: what the header asks of the caller.
    unsafe {
        boundary(error, || {
            input::output(stats, "stats")?;
            input::check_result(stats)?;
            let now = SINKS.get(sink.cast_mut(), "sink")?.sink.stats();
            input::result(stats, |struct_size| pf_capture_stats {
                struct_size,
                last_error: now.last_error.map_or(PF_OK, |error| error.class() as i32),
                producers: now.producers,
                open_producers: now.open_producers,
                offered: now.counts.accepted + now.counts.dropped,
                accepted: now.counts.accepted,
                dropped: now.counts.dropped,
                oversized: now.counts.oversized,
                waits: now.counts.waits,
                waited_ns: now.counts.waited_ns,
                lag: now.counts.accepted.saturating_sub(now.counts.read),
                lane_bytes_used: now.counts.used_bytes,
                lane_bytes_high_water: now.counts.high_water_bytes,
                rows: now.rows,
                bytes: now.bytes,
                row_groups: now.row_groups,
                lost: now.lost,
                late: now.late,
                replaced: now.replaced,
                retries: now.retries,
            })
        })
    }
}

/// Ends the row group once everything has been captured that is in the lanes now, and waits for that: not for the
/// row group to be written.
///
/// May block. Any thread. Errors: the error that the sink has met and not got over, `PF_ERR_CLOSED`,
/// `PF_ERR_STALE_HANDLE`, `PF_ERR_INVALID_ARGUMENT` (NULL).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_sink_flush(sink: *mut pf_sink, error: *mut pf_error) -> pf_status {
    // SAFETY: what the header asks of the caller.
    unsafe { boundary(error, || SINKS.get(sink, "sink")?.sink.flush()) }
}

/// Closes every producer, captures what lies in their lanes, publishes the part under its final name.
/// Blocks until done. No thread may be inside a record call meanwhile; later ones return
/// `PF_ERR_CLOSED`. A sink that failed publishes nothing. Called again, it returns the same result; two
/// threads may call it at once.
///
/// `result` may be NULL; it is filled on success.
///
/// Errors: the first error that capturing met, `PF_ERR_CONFLICT` (the final name was taken meanwhile),
/// `PF_ERR_STALE_HANDLE`, `PF_ERR_INVALID_ARGUMENT` (NULL, or `result` without its size).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_sink_close(
    sink: *mut pf_sink,
    result: *mut pf_sink_result,
    error: *mut pf_error,
) -> pf_status {
    // SAFETY: what the header asks of the caller.
    unsafe {
        boundary(error, || {
            let open = SINKS.get(sink, "sink")?;
            input::check_result(result)?;
            let done = open.sink.close()?;
            let path = open.path.as_ptr();
            input::result(result, |struct_size| pf_sink_result {
                struct_size,
                reserved: 0,
                producers: done.producers,
                accepted: done.counts.accepted,
                dropped: done.counts.dropped,
                oversized: done.counts.oversized,
                replaced: done.replaced,
                rows: done.part.rows,
                bytes: done.part.bytes,
                row_groups: done.part.row_groups,
                path,
                lost: done.lost,
            })
        })
    }
}

/// Frees a sink and all its producers, whose pointers must not be used any more. One that was not closed
/// publishes nothing, and its temporary file is removed; unless it has a journal or lanes in files: then all stays
/// as a crash would leave it. NULL and stale handles are ignored.
///
/// May wait for a batch being encoded. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pf_sink_free(sink: *mut pf_sink) {
    boundary_free(|| SINKS.free(sink));
}
