//! Producers: the calls of the thread that cannot wait.

use std::ffi::c_void;
use std::ptr;
use std::time::Duration;

use super::boundary::boundary;
use super::error::{PF_ERR_INVALID_ARGUMENT, PF_FULL, PF_OK, PF_OVERSIZED, pf_error, pf_status};
use super::input::{self, CStruct};
use super::sink::{SINKS, pf_sink};
use crate::error::{Error, Result};
use crate::sink::{LaneWriter, Offer, Producer, ProducerOptions};

/// One thread's way into a sink. Unlike the other handles it is the address of the lane itself: only a
/// pointer that `pf_producer_open` gave, whose sink has not been freed, may be passed. In a forked child all calls
/// on it return `PF_ERR_FORKED`.
pub struct pf_producer {
    pub(super) producer: Producer,
}

/// The start of what a `pf_producer` points to: for code that is compiled into the caller, as that of `flow.hpp`
/// is. Written by the producer's thread only.
///
/// A record of `record_size` bytes that a lane with `stride` > 0 has room for (`tail + stride <= limit`) and takes
/// (`*state == 0`) may be copied to `ring + (tail & mask) + head`; then `tail` grows by `stride` and is stored in
/// `*published`, with release. If `head` is not 0, the CPU's time stamp counter goes first, as a uint64_t, if `is_tsc`
/// is 1. Everything else is `pf_try_record`'s.
#[repr(C)]
pub struct pf_lane {
    /// The ring; what begins in it lies in one piece, over its end too.
    pub ring: *mut u8,
    /// Its bytes, less 1.
    pub mask: u64,
    /// Bytes published.
    pub tail: u64,
    /// What `tail` may be without another look.
    pub limit: u64,
    /// Where the drain reads `tail`: an atomic.
    pub published: *mut u64,
    /// 0 while the lane is open: an atomic. Valid if `limit` is not 0.
    pub state: *const i32,
    /// Bytes of a record in the lane; 0: each has its own number.
    pub stride: u64,
    /// Bytes of a record.
    pub record_size: u64,
    /// Bytes before it in the lane.
    pub head: u64,
    /// 1 if they are a time stamp that code outside the library may make.
    pub is_tsc: u64,
}

/// Options of a producer. Start them with `PF_PRODUCER_OPTIONS_INIT`, which gives the defaults.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pf_producer_options {
    /// `sizeof(pf_producer_options)`.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// How long a record may wait for room before it is dropped, in nanoseconds; 0: not at all. The thread spins
    /// at first, then lets others run between two looks, so it may be late by as long as they take. Waits are
    /// counted, and so is their time.
    pub wait_ns: u64,
}

// SAFETY: integers, no padding.
unsafe impl CStruct for pf_producer_options {
    const NAME: &'static str = "pf_producer_options";
    const MIN_SIZE: usize = 16;
}

impl pf_producer_options {
    /// The value of `PF_PRODUCER_OPTIONS_INIT`.
    const INIT: pf_producer_options =
        pf_producer_options { struct_size: size_of::<pf_producer_options>() as u32, reserved: 0, wait_ns: 0 };

    /// # Safety
    /// `pointer` is NULL or a size-prefixed struct of options.
    unsafe fn read(pointer: *const Self) -> Result<ProducerOptions> {
        // SAFETY: the caller's promise.
        let given = unsafe { input::options(pointer, Self::INIT) }?;
        if given.reserved != 0 {
            return Err(Error::invalid(format!("options.reserved is {}; set it to 0", given.reserved)));
        }
        Ok(ProducerOptions { wait: Duration::from_nanos(given.wait_ns) })
    }
}

/// Opens a producer: a lane of its own for one thread. Maps the lane and touches every page of it, so that no
/// record has to; the pages are taken from the memory node of the thread that opens it, so let that be its own.
///
/// `options` may be NULL for the defaults. On success `*producer` is valid until `pf_sink_free`; on failure it is
/// left alone. Any thread; the producer may then be used by another one, but by one at a time. A thread that ends
/// inside a call loses that record and no other.
///
/// Errors: `PF_ERR_CLOSED`, `PF_ERR_STALE_HANDLE`, `PF_ERR_INVALID_ARGUMENT` (NULL), those of creating a file (a
/// lane in one), or the sink's first error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_producer_open(
    sink: *mut pf_sink,
    options: *const pf_producer_options,
    producer: *mut *mut pf_producer,
    error: *mut pf_error,
) -> pf_status {
    // SAFETY: what the header asks of the caller.
    unsafe {
        boundary(error, || {
            let out = input::output(producer, "producer")?;
            let open = SINKS.get(sink, "sink")?;
            let options = pf_producer_options::read(options)?;
            *out = open.keep(open.sink.producer(options)?)?;
            Ok(())
        })
    }
}

/// Offers a record of `size` bytes, the layout's record size. It is copied, or dropped and counted.
///
/// Never blocks, allocates, locks or makes a system call, unless the producer was told to wait. One thread at a
/// time per producer. `record` need not be aligned and stays the caller's.
///
/// Returns `PF_OK` if the record was taken, `PF_FULL` if it was dropped because the lane is full.
/// Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, a wrong size, a layout with a payload; not counted as
/// offered), `PF_ERR_CLOSED` (the producer or its sink was closed), `PF_ERR_FORKED`, or the class of the sink's
/// first error, in which case the record counts as dropped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_try_record(
    producer: *mut pf_producer,
    record: *const c_void,
    size: u64,
) -> pf_status {
    // SAFETY: NULL is ruled out; else the pointer is one of `pf_producer_open`, in use by this thread alone, and the
    // caller says that `size` bytes are readable.
    unsafe {
        if let Some(open) = producer.as_mut()
            && !record.is_null()
            && open.producer.try_quickly(record.cast(), size as usize)
        {
            return PF_OK;
        }
        try_record_slowly(producer, record, size)
    }
}

/// A call of its own, so that the other saves no registers for it.
///
/// # Safety
/// As [`pf_try_record`].
#[cold]
#[inline(never)]
unsafe extern "C" fn try_record_slowly(
    producer: *mut pf_producer,
    record: *const c_void,
    size: u64,
) -> pf_status {
    // SAFETY: the caller's promise, as in `pf_try_record`.
    let Some(producer) = (unsafe { producer.as_mut() }) else { return PF_ERR_INVALID_ARGUMENT };
    if record.is_null() || size > isize::MAX as u64 {
        return PF_ERR_INVALID_ARGUMENT;
    }
    // SAFETY: the caller's promise.
    let record = unsafe { std::slice::from_raw_parts(record.cast(), size as usize) };
    status(producer.producer.try_record(record))
}

/// Offers `count` records of `size` bytes that lie one after the other. As many as fit are taken, the first ones,
/// and handed over together; the others are dropped and counted.
///
/// `taken` may be NULL; else it is set to how many were taken, whatever is returned. Blocking, threads and results
/// are those of `pf_try_record`; `PF_FULL` if one was dropped. With capture times, each record has its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_try_record_n(
    producer: *mut pf_producer,
    records: *const c_void,
    size: u64,
    count: u64,
    taken: *mut u64,
) -> pf_status {
    let (done, offer) = (|| {
        // SAFETY: as in `pf_try_record`.
        let producer = unsafe { producer.as_mut() }?;
        if size != producer.producer.record_size() as u64 {
            return Some((0, producer.producer.wrong_shape()));
        }
        // SAFETY: the caller says that so many bytes are readable.
        let records = unsafe { hot(records, size.checked_mul(count)?) }?;
        Some(producer.producer.try_records(records))
    })()
    .unwrap_or((0, Offer::WrongShape));
    if !taken.is_null() {
        // SAFETY: the caller says that it is writable; a count may lie anywhere.
        unsafe { taken.write_unaligned(done as u64) };
    }
    status(offer)
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
    // SAFETY: the caller says that these many bytes are readable.
    let (Some(record), Some(payload)) = (unsafe { (hot(record, size), hot(payload, payload_size)) }) else {
        return PF_ERR_INVALID_ARGUMENT;
    };
    status(producer.producer.try_record_payload(record, payload))
}

/// Reserves room for one record in the lane, so that it can be written where it stays: no copy. With a payload,
/// for up to `payload_size` bytes of it too, else 0. Then `pf_commit`, or `pf_abort`.
///
/// On `PF_OK`, `*record` is where the layout's record goes, and `*payload` where the payload does, both aligned to
/// 8 bytes; what is there is not defined, and both are the caller's until `pf_commit`, `pf_abort` or the next call
/// that reserves or offers a record, which gives up what was not committed. `payload` may be NULL if the layout
/// has none. Nothing was offered before `pf_commit`; but if there is no room, a record was, and is dropped and
/// counted.
///
/// Blocking, threads and results are those of `pf_try_record_payload`; then the outputs are left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_reserve(
    producer: *mut pf_producer,
    payload_size: u64,
    record: *mut *mut c_void,
    payload: *mut *mut c_void,
) -> pf_status {
    // SAFETY: as in `pf_try_record`.
    let Some(producer) = (unsafe { producer.as_mut() }) else { return PF_ERR_INVALID_ARGUMENT };
    if record.is_null() || !record.is_aligned() || !payload.is_aligned() {
        return PF_ERR_INVALID_ARGUMENT;
    }
    if payload.is_null() && producer.producer.has_payload() {
        return PF_ERR_INVALID_ARGUMENT;
    }
    match producer.producer.reserve(usize::try_from(payload_size).unwrap_or(usize::MAX)) {
        Ok((to_record, to_payload)) => {
            // SAFETY: the caller says that they are writable.
            unsafe {
                *record = to_record.cast();
                if !payload.is_null() {
                    *payload =
                        if producer.producer.has_payload() { to_payload.cast() } else { ptr::null_mut() };
                }
            }
            PF_OK
        }
        Err(offer) => status(offer),
    }
}

/// Hands the record over that was written into what `pf_reserve` gave, with the first `payload_size` bytes of its
/// payload: no more than were reserved.
///
/// Blocking and threads are those of `pf_try_record`. Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, nothing is reserved,
/// more bytes than were; the reservation stays), `PF_ERR_CLOSED`, `PF_ERR_FORKED`, or the class of the sink's first
/// error: then the record counts as dropped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_commit(producer: *mut pf_producer, payload_size: u64) -> pf_status {
    // SAFETY: as in `pf_try_record`.
    let Some(producer) = (unsafe { producer.as_mut() }) else { return PF_ERR_INVALID_ARGUMENT };
    status(producer.producer.commit(usize::try_from(payload_size).unwrap_or(usize::MAX)))
}

/// Gives up what `pf_reserve` gave: the record was not offered, and counts nowhere. Nothing reserved is fine.
///
/// Blocking and threads are those of `pf_try_record`. Errors: `PF_ERR_INVALID_ARGUMENT` (NULL).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_abort(producer: *mut pf_producer) -> pf_status {
    // SAFETY: as in `pf_try_record`.
    let Some(producer) = (unsafe { producer.as_mut() }) else { return PF_ERR_INVALID_ARGUMENT };
    producer.producer.abort();
    PF_OK
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
            input::output(producer, "producer")?.producer.close();
            Ok(())
        })
    }
}

/// The header's `pf_lane` is where the lane itself keeps these. (With a `repr`, it would show what is in a producer.)
const _: () = assert!(size_of::<pf_lane>() == LaneWriter::PUBLIC_BYTES && align_of::<pf_producer>() >= 8);
const _: () = assert!(std::mem::offset_of!(pf_producer, producer) == 0);
