//! The growing copy of one column inside the coalesce window, in Arrow's layout.

use std::ops::Range;

use arrow_array::{ArrayRef, make_array};
use arrow_buffer::{BooleanBufferBuilder, MutableBuffer, ToByteSlice};
use arrow_data::ArrayData;
use arrow_schema::DataType;

use super::convert::Conversion;
use super::gather;
use super::rows::{Nulls, Rows, with_rows};
use super::slice::{ColumnSlice, Values};
use crate::schema::{fixed_width, stored_type};

/// One column of the window. Every append has been checked before.
#[derive(Debug)]
pub struct ColumnBuffer {
    data_type: DataType,
    stored: DataType,
    /// Bytes of an element in a caller's memory; 0 for variable length.
    width: usize,
    len: usize,
    /// Fixed-width values, or the bytes of variable ones.
    values: MutableBuffer,
    /// Variable length: int32 offsets, with Arrow's leading 0 from the first element on.
    offsets: MutableBuffer,
    bools: BooleanBufferBuilder,
    /// Made at the first null, so that columns without one pay nothing.
    validity: Option<BooleanBufferBuilder>,
    /// Bytes of values and rows of the window before: what this one will need, perhaps.
    expected: (usize, usize),
    /// Values that could not be stored as they were.
    pub replaced: u64,
}

impl ColumnBuffer {
    pub fn new(data_type: &DataType) -> Self {
        ColumnBuffer {
            data_type: data_type.clone(),
            stored: stored_type(data_type),
            width: fixed_width(data_type).unwrap_or(0),
            len: 0,
            values: MutableBuffer::new(0),
            offsets: MutableBuffer::new(0),
            bools: BooleanBufferBuilder::new(0),
            validity: None,
            expected: (0, 0),
            replaced: 0,
        }
    }

    /// Bytes held so far.
    pub fn bytes(&self) -> usize {
        self.values.len() + self.offsets.len() + self.bools.len() / 8
    }

    /// Bytes of text held so far; an Arrow array of int32 offsets ends at 2 GiB.
    pub fn text_bytes(&self) -> usize {
        if self.width == 0 { self.values.len() } else { 0 }
    }

    /// Upper bound of the text bytes that `rows` of a checked slice add.
    pub fn text_bytes_of(&self, slice: &ColumnSlice<'_>, rows: Range<usize>) -> usize {
        if self.width > 0 || rows.is_empty() {
            return 0;
        }
        let nulls = Nulls::new(slice, 0);
        with_rows!(slice.selection, |at| match nulls.may_be_any(rows.clone()) {
            false => gather::text_len_sum(&slice.values, at.sources(rows)),
            true => gather::text_len_sum(&slice.values, at.sources(rows).filter(|&i| nulls.is_valid(i))),
        })
    }

    /// Upper bound of the bytes that all of a checked slice's `rows` add.
    pub fn bytes_of(&self, slice: &ColumnSlice<'_>, rows: usize) -> usize {
        rows * self.width.max(4) + self.text_bytes_of(slice, 0..rows)
    }

    /// Copies `rows` of a checked slice to the end.
    pub fn append(&mut self, slice: &ColumnSlice<'_>, rows: Range<usize>) {
        if self.len == 0 {
            self.prepare();
        }
        let nulls = Nulls::new(slice, self.width);
        let any_null = self.append_validity(&nulls, rows.clone());
        if self.data_type == DataType::Boolean {
            gather::bools(&mut self.bools, slice, rows.clone(), &nulls);
        } else if let Some(conversion) = Conversion::of(&self.data_type, &slice.values) {
            self.append_converted(slice, conversion, &nulls, rows.clone());
        } else if self.width > 0 {
            gather::fixed(&mut self.values, slice, self.width, rows.clone(), &nulls);
        } else {
            self.append_texts(slice, any_null.then_some(&nulls), rows.clone());
        }
        self.len += rows.len();
    }

    /// Makes room for as much as the window before held: one allocation, or none where memory came back.
    fn prepare(&mut self) {
        let (bytes, rows) = self.expected;
        self.values.reserve(bytes);
        match (&self.data_type, self.width) {
            (DataType::Boolean, _) => self.bools.reserve(rows),
            (_, 0) => self.offsets.reserve((rows + 1) * 4),
            _ => {}
        }
    }

    fn append_texts(&mut self, slice: &ColumnSlice<'_>, nulls: Option<&Nulls<'_>>, rows: Range<usize>) {
        if self.offsets.is_empty() {
            self.offsets.push(0i32);
        }
        // Only captured text has not been checked to be UTF-8.
        if matches!(slice.values, Values::PaddedText { .. }) && self.data_type == DataType::Utf8 {
            self.replaced += gather::captured_texts(&mut self.values, &mut self.offsets, slice, rows, nulls);
        } else {
            gather::texts(&mut self.values, &mut self.offsets, slice, rows, nulls);
        }
    }

    fn append_converted(
        &mut self,
        slice: &ColumnSlice<'_>,
        conversion: Conversion,
        nulls: &Nulls<'_>,
        rows: Range<usize>,
    ) {
        self.values.reserve(rows.len() * conversion.stored_width());
        with_rows!(slice.selection, |at| {
            for row in rows {
                let i = at.source(row);
                let valid = nulls.is_valid(i);
                let raw = if valid { slice.values.element(i, conversion.source_width()) } else { 0 };
                let stored = conversion.apply(raw).to_le_bytes();
                self.values.extend_from_slice(&stored[..conversion.stored_width()]);
                self.replaced += u64::from(valid && !conversion.fits(raw));
            }
        });
    }

    /// Appends the validity of `rows`, which has a null perhaps. Returns whether it has.
    fn append_validity(&mut self, nulls: &Nulls<'_>, rows: Range<usize>) -> bool {
        if !nulls.may_be_any(rows.clone()) {
            if let Some(bits) = &mut self.validity {
                bits.append_n(rows.len(), true);
            }
            return false;
        }
        let (mut len, mut any, expected) = (self.len, false, self.expected.1);
        let validity = &mut self.validity;
        let backfilled = |len: usize, more: usize| {
            let mut bits = BooleanBufferBuilder::new(expected.max(len + more));
            bits.append_n(len, true);
            bits
        };
        if let Some((bitmap, bits)) = nulls.bitmap(rows.clone()) {
            validity.get_or_insert_with(|| backfilled(len, rows.len())).append_packed_range(bits, bitmap);
            return true;
        }
        nulls.words(rows, |words, count| {
            let null = words.iter().map(|word| word.count_ones() as usize).sum::<usize>() < count;
            if null && validity.is_none() {
                *validity = Some(backfilled(len, count));
            }
            any |= null;
            if let Some(bits) = validity {
                bits.append_packed_range(0..count, words.to_byte_slice());
            }
            len += count;
        });
        any
    }

    /// The column as an Arrow array; the buffer is empty afterwards.
    pub fn take(&mut self) -> ArrayRef {
        let len = std::mem::take(&mut self.len);
        self.expected = (self.values.len(), len);
        let values = std::mem::replace(&mut self.values, MutableBuffer::new(0));
        let mut data = ArrayData::builder(self.stored.clone()).len(len);
        data = if self.data_type == DataType::Boolean {
            data.add_buffer(self.bools.finish().into_inner())
        } else if self.width > 0 {
            data.add_buffer(values.into())
        } else {
            let mut offsets = std::mem::replace(&mut self.offsets, MutableBuffer::new(0));
            if offsets.is_empty() {
                offsets.push(0i32);
            }
            data.add_buffer(offsets.into()).add_buffer(values.into())
        };
        let validity = self.validity.take().map(|mut bits| bits.finish().into_inner());
        // SAFETY: `append` keeps the lengths of all buffers in step with `len`, text is UTF-8 by the
        // check or by replacement, offsets never fall, and the window keeps text under 2 GiB.
        make_array(unsafe { data.null_bit_buffer(validity).build_unchecked() })
    }

    /// Takes the memory of an array of `take`'s back, if nobody else holds it, for the next window.
    pub fn recycle(&mut self, array: ArrayRef) {
        let mut buffers = array.to_data().buffers().to_vec();
        drop(array);
        let mut spare = |to: &mut MutableBuffer| {
            if let Some(Ok(mut buffer)) = buffers.pop().map(|b| b.into_mutable())
                && to.is_empty()
                && buffer.capacity() > to.capacity()
            {
                buffer.clear();
                *to = buffer;
            }
        };
        if self.data_type != DataType::Boolean {
            spare(&mut self.values);
            if self.width == 0 {
                spare(&mut self.offsets);
            }
        }
    }
}
