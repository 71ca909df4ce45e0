//! The growing copy of one column inside the coalesce window, in Arrow's layout.

use std::ops::Range;

use arrow_array::{ArrayRef, make_array};
use arrow_buffer::{BooleanBufferBuilder, MutableBuffer};
use arrow_data::ArrayData;
use arrow_schema::{DataType, TimeUnit};

use super::slice::{ColumnSlice, Validity, Values};
use crate::schema::{fixed_width, stored_type};

/// One column of the window. Every append has been checked before.
#[derive(Debug)]
pub struct ColumnBuffer {
    data_type: DataType,
    /// Bytes of a fixed-width element; 0 for variable length.
    width: usize,
    len: usize,
    /// Fixed-width values, or the bytes of variable ones.
    values: MutableBuffer,
    /// End of each variable-length element; the leading 0 is added when the array is made.
    ends: Vec<i32>,
    bools: BooleanBufferBuilder,
    /// Made at the first null, so that columns without one pay nothing.
    validity: Option<BooleanBufferBuilder>,
    /// Values that could not be stored as they were.
    pub replaced: u64,
}

impl ColumnBuffer {
    pub fn new(data_type: &DataType) -> Self {
        ColumnBuffer {
            data_type: data_type.clone(),
            width: fixed_width(data_type).unwrap_or(0),
            len: 0,
            values: MutableBuffer::new(0),
            ends: Vec::new(),
            bools: BooleanBufferBuilder::new(0),
            validity: None,
            replaced: 0,
        }
    }

    /// Bytes held so far.
    pub fn bytes(&self) -> usize {
        self.values.len() + self.ends.len() * 4 + self.bools.len() / 8
    }

    /// Bytes of text held so far; an Arrow array of int32 offsets ends at 2 GiB.
    pub fn text_bytes(&self) -> usize {
        if self.width == 0 { self.values.len() } else { 0 }
    }

    /// Copies `rows` of a checked slice to the end.
    pub fn append(&mut self, slice: &ColumnSlice<'_>, rows: Range<usize>) {
        self.append_validity(slice, rows.clone());
        match slice.values {
            Values::Fixed { bytes, stride } if self.data_type == DataType::Boolean => {
                rows.clone().for_each(|row| self.bools.append(bytes[row * stride] != 0));
            }
            Values::Fixed { bytes, stride } => {
                let start = self.values.len();
                copy_strided(&mut self.values, bytes, stride, self.width, rows.clone());
                if matches!(self.data_type, DataType::Timestamp(TimeUnit::Second, _)) {
                    self.seconds_to_milliseconds(start, slice, rows.start);
                }
            }
            Values::Offsets { .. } | Values::PaddedText { .. } => self.append_text(slice, rows.clone()),
        }
        self.len += rows.len();
    }

    /// Converts the values from byte `start` on, which came from `slice`'s rows from `row` on.
    fn seconds_to_milliseconds(&mut self, start: usize, slice: &ColumnSlice<'_>, row: usize) {
        for (i, le) in self.values.as_slice_mut()[start..].as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let seconds = i64::from_le_bytes(*le);
            *le = seconds.saturating_mul(1000).to_le_bytes();
            if seconds.checked_mul(1000).is_none() && slice.is_valid(row + i, 8) {
                self.replaced += 1;
            }
        }
    }

    fn append_text(&mut self, slice: &ColumnSlice<'_>, rows: Range<usize>) {
        for row in rows {
            if slice.is_valid(row, 0) {
                let text = slice.text(row);
                let lossy = matches!(slice.values, Values::PaddedText { .. })
                    && self.data_type == DataType::Utf8
                    && std::str::from_utf8(text).is_err();
                if lossy {
                    self.values.extend_from_slice(String::from_utf8_lossy(text).as_bytes());
                    self.replaced += 1;
                } else {
                    self.values.extend_from_slice(text);
                }
            }
            self.ends.push(self.values.len() as i32);
        }
    }

    fn append_validity(&mut self, slice: &ColumnSlice<'_>, rows: Range<usize>) {
        let nulls = match slice.validity {
            Validity::AllValid => false,
            _ => rows.clone().any(|row| !slice.is_valid(row, self.width)),
        };
        if nulls && self.validity.is_none() {
            let mut bits = BooleanBufferBuilder::new(self.len + rows.len());
            bits.append_n(self.len, true);
            self.validity = Some(bits);
        }
        let Some(bits) = &mut self.validity else { return };
        match slice.validity {
            _ if !nulls => bits.append_n(rows.len(), true),
            Validity::Bitmap(bitmap) => bits.append_packed_range(rows, bitmap),
            _ => rows.for_each(|row| bits.append(slice.is_valid(row, self.width))),
        }
    }

    /// The column as an Arrow array; the buffer is empty afterwards.
    pub fn take(&mut self) -> ArrayRef {
        let len = std::mem::take(&mut self.len);
        let values = std::mem::replace(&mut self.values, MutableBuffer::new(0));
        let mut data = ArrayData::builder(stored_type(&self.data_type)).len(len);
        data = if self.data_type == DataType::Boolean {
            data.add_buffer(self.bools.finish().into_inner())
        } else if self.width > 0 {
            data.add_buffer(values.into())
        } else {
            let mut offsets = MutableBuffer::with_capacity((len + 1) * 4);
            offsets.push(0i32);
            offsets.extend_from_slice(&self.ends);
            self.ends.clear();
            data.add_buffer(offsets.into()).add_buffer(values.into())
        };
        let validity = self.validity.take().map(|mut bits| bits.finish().into_inner());
        // SAFETY: `append` keeps the lengths of all buffers in step with `len`, text is UTF-8 by the
        // check or by replacement, offsets never fall, and the window keeps text under 2 GiB.
        make_array(unsafe { data.null_bit_buffer(validity).build_unchecked() })
    }
}

/// Appends elements `rows`, `width` bytes each and `stride` apart.
fn copy_strided(to: &mut MutableBuffer, from: &[u8], stride: usize, width: usize, rows: Range<usize>) {
    if rows.is_empty() {
        return;
    }
    if stride == width {
        return to.extend_from_slice(&from[rows.start * width..rows.end * width]);
    }
    let start = to.len();
    to.resize(start + rows.len() * width, 0);
    let to = &mut to.as_slice_mut()[start..];
    let from = &from[rows.start * stride..];
    // The widths of the primitive types get a loop of their own, so that each copy is one move.
    match width {
        1 => copy_elements::<1>(to, from, stride),
        2 => copy_elements::<2>(to, from, stride),
        4 => copy_elements::<4>(to, from, stride),
        8 => copy_elements::<8>(to, from, stride),
        _ => to
            .chunks_exact_mut(width)
            .zip(from.chunks(stride))
            .for_each(|(t, f)| t.copy_from_slice(&f[..width])),
    }
}

fn copy_elements<const WIDTH: usize>(to: &mut [u8], from: &[u8], stride: usize) {
    for (to, from) in to.as_chunks_mut::<WIDTH>().0.iter_mut().zip(from.chunks(stride)) {
        to.copy_from_slice(&from[..WIDTH]);
    }
}
