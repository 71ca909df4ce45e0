//! A dictionary column inside the window: the caller's dictionaries, one after another, and indices into
//! them. A dictionary that a chunk repeats, or extends, is held once.

use std::ops::Range;

use arrow_buffer::{Buffer, MutableBuffer};
use arrow_data::ArrayData;
use arrow_schema::DataType;

use super::buffer::ColumnBuffer;
use super::check::MAX_TEXT;
use super::rows::{Nulls, Rows, with_rows};
use super::size::{row_bytes, variable_bytes};
use super::slice::{ColumnSlice, Values, dictionary_index};

/// Indices and values.
#[derive(Debug)]
pub struct DictionaryBuffer {
    /// int32; 0 under a null.
    keys: MutableBuffer,
    values: Box<ColumnBuffer>,
    value_type: DataType,
    /// Where the latest dictionary starts among the values.
    latest: usize,
    /// Bytes of the keys of the window before: what this one will need, perhaps.
    expected: usize,
}

impl DictionaryBuffer {
    pub fn new(value_type: &DataType) -> Self {
        let values = Box::new(ColumnBuffer::new(value_type));
        DictionaryBuffer {
            keys: MutableBuffer::new(0),
            values,
            value_type: value_type.clone(),
            latest: 0,
            expected: 0,
        }
    }

    /// Bytes held so far.
    pub fn bytes(&self) -> usize {
        self.keys.len() + self.values.bytes()
    }

    /// Whether another dictionary still fits beside those that are held.
    pub fn takes(&self, values: &ColumnSlice<'_>) -> bool {
        let bytes = dictionary_bytes(&self.value_type, values);
        self.values.bytes().max(self.values.len()) + bytes <= MAX_TEXT as usize
    }

    pub fn append(&mut self, slice: &ColumnSlice<'_>, rows: Range<usize>, nulls: &Nulls<'_>) {
        let Values::Dictionary { indices, width, values } = slice.values else { return };
        let base = self.hold(values);
        if self.keys.is_empty() {
            self.keys.reserve(self.expected);
        }
        self.keys.reserve(rows.len() * 4);
        with_rows!(slice.selection, |at| {
            for i in at.sources(rows) {
                let valid = nulls.is_valid(i);
                let key = if valid { base + dictionary_index(indices, width, i) as usize } else { 0 };
                self.keys.push(key as i32);
            }
        });
    }

    /// Appends a dictionary, unless it is the latest once more. Returns where it starts.
    fn hold(&mut self, values: &ColumnSlice<'_>) -> usize {
        let held = self.values.len();
        self.values.append(values, 0..values.source_len, None);
        let shared = values.source_len.min(held - self.latest);
        if shared == 0 || !self.values.repeats(self.latest, held, shared) {
            self.latest = held;
            return held;
        }
        self.values.truncate(held);
        self.values.append(values, shared..values.source_len, None);
        self.latest
    }

    /// Where the memory of keys may be put for the next window.
    pub fn keys_mut(&mut self) -> &mut MutableBuffer {
        &mut self.keys
    }

    /// Keys and values; the buffer is empty afterwards.
    pub fn take(&mut self) -> (Buffer, ArrayData) {
        (self.latest, self.expected) = (0, self.keys.len());
        let keys = std::mem::replace(&mut self.keys, MutableBuffer::new(0));
        (keys.into(), self.values.take_data())
    }
}

/// Upper bound of the bytes, and of the number, of a dictionary's values.
pub fn dictionary_bytes(value_type: &DataType, values: &ColumnSlice<'_>) -> usize {
    values.source_len * row_bytes(value_type) + variable_bytes(value_type, values, 0..values.source_len, None)
}
