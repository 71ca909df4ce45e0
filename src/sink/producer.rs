//! A producer: one thread's way into a sink. Nothing here blocks, allocates, locks or makes a system call, but
//! for the wait that a producer may ask for.

use std::hint::spin_loop;
use std::thread;
use std::time::{Duration, Instant};

use super::clock;
use super::lane::{ALIGN, Entries, LaneWriter, Refusal};
use crate::copy::FRESH;
use crate::error::ErrorClass;

/// Bytes before an entry whose length is its own: how many its tail has.
pub(super) const LENGTH: usize = 8;
/// Bytes of a stamp, before the record.
pub(super) const STAMP: usize = 8;

/// No tail.
const NOWHERE: u64 = u64::MAX;

/// Looks for room before a waiting producer lets other threads run.
const SPINS: u32 = 1000;

/// What became of an offered record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// Copied into the lane.
    Accepted,
    /// The lane is full; counted as dropped.
    Full,
    /// The payload is longer than the sink takes; counted as dropped and oversized.
    Oversized,
    /// The record is not of the layout's size, or lacks or has a payload against it, or there is nothing to
    /// commit; not counted.
    WrongShape,
    /// The lane is closed or its sink has failed: the error class. Counted as dropped if there is a lane.
    Refused(i32),
}

/// How a producer's lane is used.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProducerOptions {
    /// How long a record may wait for room before it is dropped; 0, the default: not at all. It spins first,
    /// then lets other threads run.
    pub wait: Duration,
}

/// One thread's way into a sink. Zeros are a value: they refuse every record with the forked class.
#[derive(Debug)]
#[repr(C, align(128))]
pub struct Producer {
    lane: LaneWriter,
    /// Bytes of a record that can be put into the lane without any call; 0: none can. A forked child finds that, too.
    quick: usize,
    stamped: bool,
    has_payload: bool,
    max_payload: usize,
    wait_ns: u64,
    /// The tail at which an entry is reserved, with so many bytes of payload. What was offered since has taken it.
    reserved_at: u64,
    reserved: usize,
}

impl Producer {
    pub(super) fn new(
        lane: LaneWriter,
        stamped: bool,
        max_payload: Option<usize>,
        options: ProducerOptions,
    ) -> Self {
        let wait_ns = u64::try_from(options.wait.as_nanos()).unwrap_or(u64::MAX);
        let (has_payload, max_payload) = (max_payload.is_some(), max_payload.unwrap_or(0));
        let Entries { stride, record, is_tsc, .. } = lane.entries();
        let is_quick = stride > 0 && FRESH.contains(&record) && (is_tsc || !stamped);
        let quick = if is_quick { record } else { 0 };
        Producer {
            lane,
            quick,
            stamped,
            has_payload,
            max_payload,
            wait_ns,
            reserved_at: NOWHERE,
            reserved: 0,
        }
    }

    /// Bytes of a record.
    pub fn record_size(&self) -> usize {
        self.lane.entries().record
    }

    /// Whether records have payloads.
    pub fn has_payload(&self) -> bool {
        self.has_payload
    }

    /// Offers a record of a layout without payload.
    #[inline]
    pub fn try_record(&mut self, record: &[u8]) -> Offer {
        // SAFETY: a slice is readable.
        if unsafe { self.try_quickly(record.as_ptr(), record.len()) } {
            return Offer::Accepted;
        }
        let Entries { stride, record: size, head, .. } = self.lane.entries();
        if record.len() != size || stride == 0 {
            return self.wrong_shape();
        }
        if let Some(offer) = self.make_room(stride, 1) {
            return offer;
        }
        self.stamp(0);
        // SAFETY: a slice is readable, and the record is no longer than what there is room for.
        unsafe { self.lane.write(head, record.as_ptr(), size) };
        self.lane.publish(stride);
        Offer::Accepted
    }

    /// Whether the record could be put into the lane without any call, and was. Else it was not offered.
    ///
    /// # Safety
    /// `record` is readable for `len` bytes.
    #[inline(always)]
    pub unsafe fn try_quickly(&mut self, record: *const u8, len: usize) -> bool {
        let Entries { stride, head, .. } = self.lane.entries();
        if len == 0 || len != self.quick || !self.lane.fits(stride) {
            return false;
        }
        if self.stamped {
            self.put_stamp(0, clock::tsc());
        }
        // SAFETY: the caller's promise; a record is no longer than what there is room for.
        unsafe { self.lane.write_fresh(head, record, len) };
        self.lane.publish(stride);
        true
    }

    /// Offers records that lie one after the other, and hands them over at once. Returns how many were taken:
    /// the first ones. The others are dropped and counted.
    pub fn try_records(&mut self, records: &[u8]) -> (usize, Offer) {
        let Entries { stride, record: size, head, .. } = self.lane.entries();
        if stride == 0 || size == 0 || !records.len().is_multiple_of(size) {
            return (0, self.wrong_shape());
        }
        let (count, mut taken) = (records.len() / size, 0);
        while taken < count {
            if let Some(offer) = self.make_room(stride, (count - taken) as u64) {
                return (taken, offer);
            }
            let fitting = (self.lane.room() / stride).min(count - taken);
            let given = &records[taken * size..][..fitting * size];
            if stride == size {
                // SAFETY: so many entries fit, and they are nothing but records.
                unsafe { self.lane.write(0, given.as_ptr(), given.len()) };
            } else {
                for (i, record) in given.chunks_exact(size).enumerate() {
                    self.stamp(i * stride);
                    // SAFETY: so many entries fit.
                    unsafe { self.lane.write(i * stride + head, record.as_ptr(), size) };
                }
            }
            self.lane.publish(fitting * stride);
            taken += fitting;
        }
        (taken, Offer::Accepted)
    }

    /// Offers a record and its payload.
    #[inline]
    pub fn try_record_payload(&mut self, record: &[u8], payload: &[u8]) -> Offer {
        let Entries { record: size, .. } = self.lane.entries();
        if record.len() != size {
            return self.wrong_shape();
        }
        let (head, tail) = match self.make_room_with(payload.len()) {
            Ok(at) => at,
            Err(offer) => return offer,
        };
        // SAFETY: slices are readable, and both lie one after the other in the entry.
        unsafe {
            self.lane.write(head, record.as_ptr(), size);
            self.lane.write(tail, payload.as_ptr(), payload.len());
        }
        self.publish_with_payload(payload.len());
        Offer::Accepted
    }

    /// Reserves room for a record, and for a payload of up to so many bytes if the layout has one. Returns where
    /// both go; what is there is not defined. Then [`Producer::commit`], or [`Producer::abort`]. A reservation
    /// that is not committed is given up by the next, and by a record that is offered otherwise.
    #[inline]
    pub fn reserve(&mut self, payload: usize) -> Result<(*mut u8, *mut u8), Offer> {
        self.abort();
        let Entries { stride, head, .. } = self.lane.entries();
        let (head, tail) = if stride == 0 {
            self.make_room_with(payload)?
        } else if payload > 0 {
            return Err(self.wrong_shape());
        } else {
            if !self.lane.fits(stride)
                && let Some(offer) = self.make_room(stride, 1)
            {
                return Err(offer);
            }
            (head, head)
        };
        (self.reserved_at, self.reserved) = (self.lane.tail(), payload);
        let entry = self.lane.entry();
        Ok((entry.wrapping_add(head), entry.wrapping_add(tail)))
    }

    /// Hands over what was written in place, with the first `payload` bytes of the payload.
    #[inline]
    pub fn commit(&mut self, payload: usize) -> Offer {
        if self.reserved_at != self.lane.tail() || payload > self.reserved {
            return self.wrong_shape();
        }
        self.abort();
        if let Err(refusal) = self.lane.check() {
            return self.refused(refusal, 1);
        }
        match self.lane.entries().stride {
            0 => self.publish_with_payload(payload),
            stride => {
                self.stamp(0);
                self.lane.publish(stride);
            }
        }
        Offer::Accepted
    }

    /// Gives up what was reserved: it was not offered.
    #[inline]
    pub fn abort(&mut self) {
        self.reserved_at = NOWHERE;
    }

    /// Makes room for an entry with a payload; returns where in it the record and the payload go.
    #[inline(always)]
    fn make_room_with(&mut self, payload: usize) -> Result<(usize, usize), Offer> {
        if !self.has_payload {
            return Err(self.wrong_shape());
        }
        if payload > self.max_payload {
            return Err(self.oversized());
        }
        let Entries { record, head, .. } = self.lane.entries();
        let tail = head + record.next_multiple_of(ALIGN);
        let entry = tail + payload.next_multiple_of(ALIGN);
        if !self.lane.fits(entry)
            && let Some(offer) = self.make_room(entry, 1)
        {
            return Err(offer);
        }
        Ok((head, tail))
    }

    #[inline(always)]
    fn publish_with_payload(&mut self, payload: usize) {
        // SAFETY: every entry of such a lane begins with room for its length.
        unsafe { self.lane.write_word(0, payload as u64) };
        self.stamp(LENGTH);
        self.lane.count_accepted();
        let Entries { record, head, .. } = self.lane.entries();
        self.lane.publish(head + record.next_multiple_of(ALIGN) + payload.next_multiple_of(ALIGN));
    }

    #[inline(always)]
    fn stamp(&mut self, at: usize) {
        if self.stamped {
            self.put_stamp(at, if self.lane.entries().is_tsc { clock::tsc() } else { clock::ticks() });
        }
    }

    #[inline(always)]
    fn put_stamp(&mut self, at: usize, ticks: u64) {
        // SAFETY: entries of stamped records have room for it here.
        unsafe { self.lane.write_word(at, ticks) };
    }

    /// Makes room for an entry of `len` bytes, and waits for it if that was asked for; else counts what is dropped.
    /// None: there is room.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self, len: usize, records: u64) -> Option<Offer> {
        let room = match self.lane.reserve(len) {
            Err(Refusal::Full) if self.wait_ns > 0 => self.wait(len),
            room => room,
        };
        room.err().map(|refusal| self.refused(refusal, records))
    }

    /// Counts what is dropped.
    #[cold]
    #[inline(never)]
    fn refused(&mut self, refusal: Refusal, records: u64) -> Offer {
        self.abort();
        self.lane.count_dropped(records);
        match refusal {
            Refusal::Full => Offer::Full,
            Refusal::Closed(class) => Offer::Refused(class),
            Refusal::Gone => Offer::Refused(ErrorClass::Closed as i32),
            Refusal::Forked => Offer::Refused(ErrorClass::Forked as i32),
        }
    }

    fn wait(&mut self, len: usize) -> Result<(), Refusal> {
        let (start, mut spins) = (Instant::now(), 0);
        loop {
            let room = self.lane.reserve(len);
            let waited = start.elapsed().as_nanos() as u64;
            if room != Err(Refusal::Full) || waited >= self.wait_ns {
                self.lane.count_wait(waited);
                return room;
            }
            spins += 1;
            if spins < SPINS { spin_loop() } else { thread::yield_now() }
        }
    }

    #[cold]
    #[inline(never)]
    fn oversized(&mut self) -> Offer {
        self.abort();
        self.lane.count_oversized();
        Offer::Oversized
    }

    /// A closed producer says so first, whatever it is given.
    #[cold]
    #[inline(never)]
    pub fn wrong_shape(&mut self) -> Offer {
        match self.lane.check() {
            Err(Refusal::Gone) => Offer::Refused(ErrorClass::Closed as i32),
            Err(Refusal::Forked) => Offer::Refused(ErrorClass::Forked as i32),
            _ => Offer::WrongShape,
        }
    }

    /// Refuses further records; those in the lane are still drained. Dropping does the same.
    pub fn close(&mut self) {
        self.lane.close(ErrorClass::Closed as i32);
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.close();
    }
}
