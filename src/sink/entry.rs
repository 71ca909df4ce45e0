//! What lies in a lane: the form of its entries, and records on their way from there to columns.
//!
//! ```text
//!   fixed length    [stamp][record, padded]
//!   with payload    [payload's length: u64][stamp][record, padded][payload, padded]
//! ```
//!
//! The stamp, a u64 of ticks, is there if a column or the order needs the capture time.

use arrow_buffer::ToByteSlice;

use super::clock::{self, Clock};
use super::lane::{ALIGN, Entries};
use super::layout::{Payloads, RecordLayout, Records, Source};
use super::producer::{LENGTH, STAMP};
use crate::columns::{ColumnSlice, is_utf8};
use crate::error::{Error, ErrorClass, Result};

/// Records that are moved at a time.
pub const BURST: usize = 4096;

/// Bytes of payload that are moved at a time, about: the offsets of one burst stay in 32 bits.
const BURST_BYTES: usize = 256 << 20;

/// The form of a sink's entries.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    pub stamped: bool,
    has_payload: bool,
    record: usize,
}

impl Form {
    pub fn new(layout: &RecordLayout, stamped: bool) -> Self {
        Form { stamped, has_payload: layout.has_payload(), record: layout.size() }
    }

    pub fn has_payload(self) -> bool {
        self.has_payload
    }

    pub fn entries(self) -> Entries {
        let head = if self.has_payload { LENGTH } else { 0 } + if self.stamped { STAMP } else { 0 };
        let stride = if self.has_payload { 0 } else { head + self.record.next_multiple_of(ALIGN) };
        Entries { stride, record: self.record, head, is_tsc: self.stamped && clock::is_tsc() }
    }

    /// Bytes of the longest entry.
    pub fn longest(self, max_payload: usize) -> usize {
        let Entries { record, head, .. } = self.entries();
        let payload = if self.has_payload { max_payload.next_multiple_of(ALIGN) } else { 0 };
        head + record.next_multiple_of(ALIGN) + payload
    }

    /// The entry that these bytes begin with. An error if they are none, as in a file that was damaged.
    pub fn first(self, bytes: &[u8]) -> Result<&[u8]> {
        let payload = if self.has_payload { word(bytes) } else { 0 };
        let rest = bytes.len().checked_sub(self.longest(0)).map(|rest| rest as u64);
        match rest {
            Some(rest) if payload <= rest => Ok(&bytes[..self.longest(payload as usize)]),
            _ => Err(Error::new(
                ErrorClass::Corrupt,
                format!(
                    "a lane has {} bytes where a payload of {payload} should be; the lane is damaged",
                    bytes.len()
                ),
            )),
        }
    }

    /// When an entry was taken; 0 without stamps.
    pub fn ticks(self, entry: &[u8]) -> u64 {
        match self.stamped {
            true => word(&entry[if self.has_payload { LENGTH } else { 0 }..]),
            false => 0,
        }
    }

    /// An entry's record.
    pub fn record(self, entry: &[u8]) -> &[u8] {
        &entry[self.entries().head..][..self.record]
    }

    fn payload(self, entry: &[u8]) -> &[u8] {
        match self.has_payload {
            true => &entry[self.longest(0)..][..word(entry) as usize],
            false => &[],
        }
    }
}

/// The u64 at the start of some bytes; 0 if there are fewer.
fn word(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
}

/// Records gathered, and what is made up for them: columns are cut out of it.
pub struct Staging {
    layout: RecordLayout,
    form: Form,
    lengths: Vec<(usize, bool)>,
    /// Bytes of a record here.
    stride: usize,
    records: Vec<u8>,
    payloads: Vec<Payloads>,
    times: Vec<i64>,
    producers: Vec<u32>,
    sequences: Vec<u64>,
    len: usize,
    /// Payloads that were not as long as their record says, and texts that were none.
    replaced: u64,
    wants: Wants,
}

/// Which stamps have a column.
#[derive(Clone, Copy)]
struct Wants {
    time: bool,
    producer: bool,
    sequence: bool,
}

/// Whose records they are, and where they stand.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    pub producer: u32,
    /// Number of the first.
    pub sequence: u64,
    pub clock: &'a Clock,
    /// No stamp is before this, unless the clock was set.
    pub not_before: i64,
}

impl Staging {
    pub fn new(layout: &RecordLayout, form: Form) -> Self {
        let lengths: Vec<_> = layout.lengths().collect();
        let payloads = lengths.len() + usize::from(layout.has_rest());
        Staging {
            lengths,
            stride: layout.size().next_multiple_of(ALIGN),
            form,
            records: Vec::new(),
            payloads: std::iter::repeat_with(Payloads::default).take(payloads).collect(),
            times: Vec::new(),
            producers: Vec::new(),
            sequences: Vec::new(),
            len: 0,
            replaced: 0,
            wants: Wants {
                time: layout.has(Source::Time),
                producer: layout.has(Source::Producer),
                sequence: layout.has(Source::Sequence),
            },
            layout: layout.clone(),
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// Values so far that could not be stored as they were.
    pub fn replaced(&self) -> u64 {
        self.replaced
    }

    pub fn is_full(&self) -> bool {
        self.len >= BURST || self.payloads.iter().any(|of| of.bytes.len() > BURST_BYTES)
    }

    pub fn clear(&mut self) {
        self.records.clear();
        self.times.clear();
        self.producers.clear();
        self.sequences.clear();
        self.len = 0;
        for of in &mut self.payloads {
            of.bytes.clear();
            of.offsets.clear();
            of.offsets.extend_from_slice(&0i32.to_le_bytes());
        }
    }

    /// Copies an entry's record in. Returns its time, if there is a column of it.
    pub fn push(&mut self, entry: &[u8], from: Origin<'_>) -> i64 {
        let record = self.form.record(entry);
        self.records.extend_from_slice(record);
        self.records.resize(self.records.len().next_multiple_of(ALIGN), 0);
        let mut payload = self.form.payload(entry);
        let mut whole = true;
        for (&(length_at, is_text), of) in self.lengths.iter().zip(&mut self.payloads) {
            let mut length = [0; 4];
            length.copy_from_slice(&record[length_at..][..4]);
            let length = u32::from_le_bytes(length) as usize;
            whole &= length <= payload.len();
            let (bytes, rest) = payload.split_at(length.min(payload.len()));
            if is_text && !is_utf8(bytes) {
                of.push(String::from_utf8_lossy(bytes).as_bytes());
                self.replaced += 1;
            } else {
                of.push(bytes);
            }
            payload = rest;
        }
        if self.layout.has_rest() {
            self.payloads.last_mut().into_iter().for_each(|of| of.push(payload));
        } else {
            whole &= payload.is_empty();
        }
        self.replaced += u64::from(!whole);
        self.len += 1;
        self.stamp(&[self.form.ticks(entry)], from)
    }

    /// Makes up what is not in the records. Returns the last time.
    fn stamp(&mut self, ticks: &[u64], from: Origin<'_>) -> i64 {
        if self.wants.producer {
            self.producers.resize(self.producers.len() + ticks.len(), from.producer);
        }
        if self.wants.sequence {
            self.sequences.extend(from.sequence..from.sequence + ticks.len() as u64);
        }
        let mut last = from.not_before;
        if self.wants.time {
            self.times.extend(ticks.iter().map(|&ticks| {
                last = from.clock.utc_ns_after(last, ticks);
                last
            }));
        }
        last
    }

    /// What has been copied in, as columns.
    pub fn slices(&self) -> Vec<ColumnSlice<'_>> {
        self.layout.slices(&self.records_of(&self.records, self.stride, self.len))
    }

    /// Entries of one length, end to end, as columns: their records are not copied. Also the last time.
    pub fn slices_of<'a>(&'a mut self, entries: &'a [u8], from: Origin<'_>) -> (Vec<ColumnSlice<'a>>, i64) {
        let Entries { stride, head, .. } = self.form.entries();
        let len = entries.len() / stride;
        self.clear();
        let mut last = from.not_before;
        if self.wants.time || self.wants.producer || self.wants.sequence {
            let form = self.form;
            // Few enough for the stack.
            let mut ticks = [0; 256];
            let mut sequence = from.sequence;
            for some in entries.chunks(256 * stride) {
                let count = some.len() / stride;
                some.chunks_exact(stride).zip(&mut ticks).for_each(|(entry, to)| *to = form.ticks(entry));
                last = self.stamp(&ticks[..count], Origin { sequence, not_before: last, ..from });
                sequence += count as u64;
            }
        }
        (self.layout.slices(&self.records_of(&entries[head..], stride, len)), last)
    }

    fn records_of<'a>(&'a self, records: &'a [u8], stride: usize, len: usize) -> Records<'a> {
        Records {
            records,
            stride,
            len,
            payloads: &self.payloads,
            times: self.times.to_byte_slice(),
            producers: self.producers.to_byte_slice(),
            sequences: self.sequences.to_byte_slice(),
        }
    }
}

impl Payloads {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.offsets.extend_from_slice(&(self.bytes.len() as i32).to_le_bytes());
    }
}
