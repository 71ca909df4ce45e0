//! Sinks and producers: records in, one part out.

use std::ffi::{CString, c_char, c_void};

use parking_lot::Mutex;

use super::boundary::{boundary, boundary_free};
use super::error::{
    PF_ERR_CLOSED, PF_ERR_INVALID_ARGUMENT, PF_FULL, PF_OK, PF_OVERSIZED, pf_error, pf_status,
};
use super::handle::{Kind, Table};
use super::input::{self, CStruct};
use super::layout::{LAYOUTS, pf_record_layout};
use super::writer::{pf_writer_options, read_path};
use crate::error::Result;
use crate::sink::{Offer, Producer, Sink, SinkOptions};

static SINKS: Table<Mutex<OpenSink>> = Table::new(Kind::Sink);

struct OpenSink {
    sink: Sink,
    /// Their memory stays until the sink is freed, so that a late call meets a closed producer.
    producers: Vec<*mut pf_producer>,
    path: CString,
}

// SAFETY: the pointers are only followed to free what they own.
unsafe impl Send for OpenSink {}

impl Drop for OpenSink {
    fn drop(&mut self) {
        for &producer in &self.producers {
            // SAFETY: made by `Box::into_raw` in `pf_producer_open`, freed only here.
            drop(unsafe { Box::from_raw(producer) });
        }
    }
}

/// A sink: captures records of many threads into one Parquet part.
pub struct pf_sink;

/// One thread's way into a sink. Unlike the other handles it is the address of the lane itself: only a
/// pointer that `pf_producer_open` gave, whose sink has not been freed, may be passed.
pub struct pf_producer {
    open: Option<Producer>,
}

/// Options of a sink. Start them with `PF_SINK_OPTIONS_INIT`, which gives the defaults.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pf_sink_options {
    /// `sizeof(pf_sink_options)`.
    pub struct_size: u32,
    /// Longest payload that is taken, in bytes; 0 = 65,536, at most 1 GiB.
    pub max_payload: u32,
    /// Bytes of each producer's lane, rounded up to a power of two; 0 = 4 MiB, at most 1 GiB. Holds what
    /// comes while the drain is busy: 4 MiB are 65,536 records of 64 bytes.
    pub lane_bytes: u64,
}

// SAFETY: integers, no padding.
unsafe impl CStruct for pf_sink_options {
    const NAME: &'static str = "pf_sink_options";
    const MIN_SIZE: usize = 16;
}

impl pf_sink_options {
    /// The value of `PF_SINK_OPTIONS_INIT`.
    const INIT: pf_sink_options =
        pf_sink_options { struct_size: size_of::<pf_sink_options>() as u32, max_payload: 0, lane_bytes: 0 };

    /// # Safety
    /// `pointer` is NULL or a size-prefixed struct of options.
    unsafe fn read(pointer: *const Self) -> Result<SinkOptions> {
        // SAFETY: the caller's promise.
        let given = unsafe { input::options(pointer, Self::INIT) }?;
        let mut options = SinkOptions::default();
        if given.max_payload != 0 {
            options.max_payload = given.max_payload as usize;
        }
        if given.lane_bytes != 0 {
            options.lane_bytes = usize::try_from(given.lane_bytes).unwrap_or(usize::MAX);
        }
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
    /// Records taken; as many rows are in the part. `accepted + dropped` is what was offered.
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
}

// SAFETY: integers and pointers, no padding.
unsafe impl CStruct for pf_sink_result {
    const NAME: &'static str = "pf_sink_result";
    const MIN_SIZE: usize = 80;
}

/// Opens a sink that captures records of `layout` into one Parquet part, `path`, creates its temporary
/// file `<path>.tmp`, and starts a drain thread.
///
/// `layout` stays the caller's and may be freed at once. Both options may be NULL for the defaults. On
/// success `*sink` is a handle that the caller frees with `pf_sink_free`; on failure it is left alone
/// and no file stays. Creates a file, so may block. Any thread.
///
/// Errors: those of `pf_writer_open`.
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
            *out = SINKS.insert(Mutex::new(OpenSink { sink, producers: Vec::new(), path: kept }));
            Ok(())
        })
    }
}

/// Opens a producer: a lane of its own for one thread. Allocates the lane and touches every page of it,
/// so that no record has to.
///
/// On success `*producer` is valid until `pf_sink_free`; on failure it is left alone. Any thread; the
/// producer may then be used by another one, but by one at a time.
///
/// Errors: `PF_ERR_CLOSED`, `PF_ERR_STALE_HANDLE`, `PF_ERR_INVALID_ARGUMENT` (NULL), or the sink's
/// first error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_producer_open(
    sink: *mut pf_sink,
    producer: *mut *mut pf_producer,
    error: *mut pf_error,
) -> pf_status {
    // SAFETY: what the header asks of the caller.
    unsafe {
        boundary(error, || {
            let out = input::output(producer, "producer")?;
            let open = SINKS.get(sink, "sink")?;
            let mut open = open.lock();
            let producer = open.sink.producer()?;
            let producer = Box::into_raw(Box::new(pf_producer { open: Some(producer) }));
            open.producers.push(producer);
            *out = producer;
            Ok(())
        })
    }
}

/// Offers a record of `size` bytes, the layout's record size. It is copied, or dropped and counted.
///
/// Never blocks, allocates, locks or makes a system call. One thread at a time per producer. `record`
/// need not be aligned and stays the caller's.
///
/// Returns `PF_OK` if the record was taken, `PF_FULL` if it was dropped because the lane is full.
/// Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, a wrong size, a layout with a payload; not counted as
/// offered), `PF_ERR_CLOSED` (the producer or its sink was closed), or the class of the sink's first
/// error, in which case the record counts as dropped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_try_record(
    producer: *mut pf_producer,
    record: *const c_void,
    size: u64,
) -> pf_status {
    // SAFETY: NULL is ruled out by `as_mut`; else the pointer is one of `pf_producer_open`, in use by
    // this thread alone.
    let Some(producer) = (unsafe { producer.as_mut() }) else { return PF_ERR_INVALID_ARGUMENT };
    let Some(open) = &mut producer.open else { return PF_ERR_CLOSED };
    if record.is_null() || size > isize::MAX as u64 {
        return PF_ERR_INVALID_ARGUMENT;
    }
    // SAFETY: the caller says that `size` bytes are readable.
    let record = unsafe { std::slice::from_raw_parts(record.cast(), size as usize) };
    status(open.try_record(record))
}

/// Offers a record and its payload, for layouts with a payload. Both are copied, or dropped and counted.
///
/// `record` is NULL with `size` 0 if the layout has no fields; `payload` may be NULL with `payload_size`
/// 0. Blocking, threads and results are those of `pf_try_record`, and `PF_OVERSIZED` if the payload is
/// longer than `max_payload`: dropped and counted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_try_record_payload(
    producer: *mut pf_producer,
    record: *const c_void,
    size: u64,
    payload: *const c_void,
    payload_size: u64,
) -> pf_status {
    // SAFETY: as in `pf_try_record`.
    let Some(producer) = (unsafe { producer.as_mut() }) else { return PF_ERR_INVALID_ARGUMENT };
    let Some(open) = &mut producer.open else { return PF_ERR_CLOSED };
    // SAFETY: the caller says that these many bytes are readable.
    let (Some(record), Some(payload)) = (unsafe { (hot(record, size), hot(payload, payload_size)) }) else {
        return PF_ERR_INVALID_ARGUMENT;
    };
    status(open.try_record_payload(record, payload))
}

/// # Safety
/// `pointer`, unless NULL or `size` is 0, is readable for `size` bytes.
unsafe fn hot<'a>(pointer: *const c_void, size: u64) -> Option<&'a [u8]> {
    match (pointer.is_null(), size) {
        (_, 0) => Some(&[]),
        (true, _) | (_, 0x8000_0000_0000_0000..) => None,
        // SAFETY: the caller's promise.
        (false, size) => Some(unsafe { std::slice::from_raw_parts(pointer.cast(), size as usize) }),
    }
}

#[inline]
fn status(offer: Offer) -> pf_status {
    match offer {
        Offer::Accepted => PF_OK,
        Offer::Full => PF_FULL,
        Offer::Oversized => PF_OVERSIZED,
        Offer::WrongShape => PF_ERR_INVALID_ARGUMENT,
        Offer::Refused(class) => class,
    }
}

/// Closes a producer: its thread offers no more. What lies in its lane is still captured, then the lane's
/// memory is given back. Closing twice is fine; so is not closing, as `pf_sink_close` does it.
///
/// Never blocks. The thread that uses the producer, or another while it is not in use.
/// Errors: `PF_ERR_INVALID_ARGUMENT` (NULL).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_producer_close(producer: *mut pf_producer, error: *mut pf_error) -> pf_status {
    // SAFETY: what the header asks of the caller.
    unsafe {
        boundary(error, || {
            input::output(producer, "producer")?.open = None;
            Ok(())
        })
    }
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
            let mut open = open.lock();
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
            })
        })
    }
}

/// Frees a sink and all its producers, whose pointers must not be used any more. One that was not closed
/// publishes nothing, and its temporary file is removed. NULL and stale handles are ignored.
///
/// May wait for a batch being encoded. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pf_sink_free(sink: *mut pf_sink) {
    boundary_free(|| SINKS.free(sink));
}
