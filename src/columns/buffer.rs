//! The growing copy of one column inside the coalesce window, in Arrow's layout.

use std::ops::Range;

use arrow_array::{ArrayRef, make_array};
use arrow_buffer::{BooleanBufferBuilder, MutableBuffer};
use arrow_data::ArrayData;
use arrow_schema::DataType;

use super::check::MAX_TEXT;
use super::convert::Conversion;
use super::dictionary::DictionaryBuffer;
use super::gather;
use super::nested::Lists;
use super::rows::{Nulls, Rows, with_rows};
use super::slice::{ColumnSlice, Selection, Values};
use super::validity::ValidityBuffer;
use crate::schema::{fixed_width, stored_type};

/// One column of the window. Every append has been checked before.
#[derive(Debug)]
pub struct ColumnBuffer {
    data_type: DataType,
    stored: DataType,
    /// Bytes of an element in a caller's memory; 0 for what has no fixed number.
    width: usize,
    storage: Storage,
    validity: ValidityBuffer,
    /// Bytes of values of the window before: what this one will need, perhaps.
    expected: usize,
    /// Values that could not be stored as they were.
    replaced: u64,
}

/// The values. Ends are int32 offsets, with Arrow's leading 0 from the first element on.
#[derive(Debug)]
enum Storage {
    Bools(BooleanBufferBuilder),
    Fixed(MutableBuffer),
    Texts {
        ends: MutableBuffer,
        bytes: MutableBuffer,
    },
    Lists {
        ends: MutableBuffer,
        elements: Box<ColumnBuffer>,
        /// Memory for the indices of elements that are not adjacent.
        indices: Vec<u8>,
    },
    Structs(Vec<ColumnBuffer>),
    Dictionary(DictionaryBuffer),
}

impl Storage {
    fn new(data_type: &DataType) -> Self {
        let empty = || MutableBuffer::new(0);
        match data_type {
            DataType::Boolean => Storage::Bools(BooleanBufferBuilder::new(0)),
            DataType::List(item) => Storage::Lists {
                ends: empty(),
                elements: Box::new(ColumnBuffer::new(item.data_type())),
                indices: Vec::new(),
            },
            DataType::Struct(fields) => {
                Storage::Structs(fields.iter().map(|field| ColumnBuffer::new(field.data_type())).collect())
            }
            DataType::Dictionary(_, value) => Storage::Dictionary(DictionaryBuffer::new(value)),
            other if fixed_width(other).is_some() => Storage::Fixed(empty()),
            _ => Storage::Texts { ends: empty(), bytes: empty() },
        }
    }
}

impl ColumnBuffer {
    pub fn new(data_type: &DataType) -> Self {
        ColumnBuffer {
            data_type: data_type.clone(),
            stored: stored_type(data_type),
            width: fixed_width(data_type).unwrap_or(0),
            storage: Storage::new(data_type),
            validity: ValidityBuffer::default(),
            expected: 0,
            replaced: 0,
        }
    }

    /// Elements held so far.
    pub fn len(&self) -> usize {
        self.validity.len()
    }

    /// Bytes held so far.
    pub fn bytes(&self) -> usize {
        match &self.storage {
            Storage::Bools(bits) => bits.len() / 8,
            Storage::Fixed(values) => values.len(),
            Storage::Texts { ends, bytes } => ends.len() + bytes.len(),
            Storage::Lists { ends, elements, .. } => ends.len() + elements.bytes(),
            Storage::Structs(fields) => fields.iter().map(ColumnBuffer::bytes).sum(),
            Storage::Dictionary(dictionary) => dictionary.bytes(),
        }
    }

    /// Values so far that could not be stored as they were.
    pub fn replaced(&self) -> u64 {
        self.replaced
            + match &self.storage {
                Storage::Lists { elements, .. } => elements.replaced(),
                Storage::Structs(fields) => fields.iter().map(ColumnBuffer::replaced).sum(),
                _ => 0,
            }
    }

    /// Whether int32 offsets and indices still suffice once so many more bytes of texts and elements, and
    /// the dictionaries of the slice, are in.
    pub fn takes(&self, slice: &ColumnSlice<'_>, more: usize) -> bool {
        const MAX: usize = MAX_TEXT as usize;
        match (&self.storage, slice.values) {
            (Storage::Bools(_) | Storage::Fixed(_), _) => true,
            (Storage::Texts { bytes, .. }, _) => bytes.len() + more <= MAX,
            (Storage::Lists { elements, .. }, Values::Lists { elements: slice, .. }) => {
                elements.len().max(elements.bytes()) + more <= MAX && elements.takes(slice, more)
            }
            (Storage::Structs(fields), Values::Structs(slices)) => {
                fields.iter().zip(slices).all(|(field, slice)| field.takes(slice, more))
            }
            (Storage::Dictionary(dictionary), Values::Dictionary { values, .. }) => dictionary.takes(values),
            _ => false,
        }
    }

    /// Bytes from one element to the next, if others lie between them.
    pub fn stride(&self, slice: &ColumnSlice<'_>) -> Option<usize> {
        match (slice.values, slice.selection) {
            (Values::Fixed { stride, .. }, Selection::All) if stride > self.width => Some(stride),
            (Values::PaddedText { stride, width, .. }, Selection::All) if stride > width => Some(stride),
            _ => None,
        }
    }

    /// Copies `rows` of a checked slice to the end. `outer` are the nulls of the struct it is in, if any.
    pub fn append(&mut self, slice: &ColumnSlice<'_>, rows: Range<usize>, outer: Option<&Nulls<'_>>) {
        if self.len() == 0 {
            self.prepare();
        }
        let conversion = Conversion::of(&self.data_type, &slice.values);
        if let (Storage::Fixed(values), None, None) = (&mut self.storage, conversion, outer) {
            let words = |words: &[u64], count| _ = self.validity.append_words(words, count);
            if gather::fixed_with_bits(values, slice, self.width, rows.clone(), words) {
                return;
            }
        }
        let nulls = Nulls::new(slice, &self.data_type, outer);
        let nulls_if_any = self.validity.append(&nulls, rows.clone()).then_some(&nulls);
        match &mut self.storage {
            Storage::Bools(bits) => gather::bools(bits, slice, rows, &nulls),
            Storage::Fixed(values) => match conversion {
                Some(conversion) => {
                    self.replaced += append_converted(values, slice, conversion, &nulls, rows)
                }
                None => gather::fixed(values, slice, self.width, rows, &nulls),
            },
            Storage::Texts { ends, bytes } => {
                start(ends);
                // Only captured text has not been checked to be UTF-8.
                if matches!(slice.values, Values::PaddedText { .. }) && self.data_type == DataType::Utf8 {
                    self.replaced += gather::captured_texts(bytes, ends, slice, rows, nulls_if_any);
                } else {
                    gather::texts(bytes, ends, slice, rows, nulls_if_any);
                }
            }
            Storage::Lists { ends, elements, indices } => {
                let Values::Lists { offsets, width, elements: from } = slice.values else { return };
                let lists = Lists::new(slice, (offsets, width), from);
                start(ends);
                lists.append_ends(ends, elements.len(), rows.clone(), &nulls);
                let (from, rows) = lists.elements(rows, &nulls, indices);
                elements.append(&from, rows, None);
            }
            Storage::Structs(fields) => {
                let Values::Structs(slices) = slice.values else { return };
                for (field, from) in fields.iter_mut().zip(slices) {
                    field.append(&from.with_selection(slice.selection), rows.clone(), nulls_if_any);
                }
            }
            Storage::Dictionary(dictionary) => dictionary.append(slice, rows, &nulls),
        }
    }

    /// Lets the next window begin without room for as much as the one before.
    pub fn expect_little(&mut self) {
        self.expected = 0;
        self.validity.expect_little();
    }

    /// Makes room for as much as the window before held: one allocation, or none where memory came back.
    fn prepare(&mut self) {
        let (bytes, rows) = (self.expected, self.validity.expected());
        match &mut self.storage {
            Storage::Bools(bits) => bits.reserve(rows),
            Storage::Fixed(values) => values.reserve(bytes),
            Storage::Texts { ends, bytes: to } => {
                to.reserve(bytes);
                ends.reserve((rows + 1) * 4);
            }
            Storage::Lists { ends, .. } => ends.reserve((rows + 1) * 4),
            Storage::Structs(_) | Storage::Dictionary(_) => {}
        }
    }

    /// The column as an Arrow array; the buffer is empty afterwards.
    pub fn take(&mut self) -> ArrayRef {
        make_array(self.take_data())
    }

    pub(super) fn take_data(&mut self) -> ArrayData {
        let len = self.len();
        self.expected = self.value_bytes();
        let taken = |buffer: &mut MutableBuffer| std::mem::replace(buffer, MutableBuffer::new(0)).into();
        let mut data = ArrayData::builder(self.stored.clone()).len(len);
        data = match &mut self.storage {
            Storage::Bools(bits) => data.add_buffer(bits.finish().into_inner()),
            Storage::Fixed(values) => data.add_buffer(taken(values)),
            Storage::Texts { ends, bytes } => {
                start(ends);
                data.add_buffer(taken(ends)).add_buffer(taken(bytes))
            }
            Storage::Lists { ends, elements, .. } => {
                start(ends);
                data.add_buffer(taken(ends)).add_child_data(elements.take_data())
            }
            Storage::Structs(fields) => {
                data.child_data(fields.iter_mut().map(ColumnBuffer::take_data).collect())
            }
            Storage::Dictionary(dictionary) => {
                let (keys, values) = dictionary.take();
                data.add_buffer(keys).add_child_data(values)
            }
        };
        let validity = self.validity.take();
        // SAFETY: `append` keeps the lengths of all buffers and children in step with `len`, text is UTF-8
        // by the check or by replacement, ends never fall, dictionary indices have been checked, and the
        // window keeps texts and elements under 2 GiB.
        unsafe { data.null_bit_buffer(validity).build_unchecked() }
    }

    /// Bytes of the values themselves, if they are in one buffer.
    fn value_bytes(&self) -> usize {
        match &self.storage {
            Storage::Fixed(values) => values.len(),
            Storage::Texts { bytes, .. } => bytes.len(),
            _ => 0,
        }
    }

    /// Takes the memory of an array of `take`'s back, if nobody else holds it, for the next window.
    pub fn recycle(&mut self, array: ArrayRef) {
        let data = array.to_data();
        drop(array);
        self.recycle_data(data);
    }

    fn recycle_data(&mut self, data: ArrayData) {
        let (mut buffers, children) = (data.buffers().to_vec(), data.child_data().to_vec());
        drop(data);
        let mut spare = |to: &mut MutableBuffer| {
            if let Some(Ok(mut buffer)) = buffers.pop().map(|b| b.into_mutable())
                && to.is_empty()
                && buffer.capacity() > to.capacity()
            {
                buffer.clear();
                *to = buffer;
            }
        };
        match &mut self.storage {
            Storage::Fixed(values) => spare(values),
            Storage::Texts { ends, bytes } => {
                spare(bytes);
                spare(ends);
            }
            Storage::Lists { ends, elements, .. } => {
                spare(ends);
                children.into_iter().for_each(|child| elements.recycle_data(child));
            }
            Storage::Structs(fields) => {
                fields.iter_mut().zip(children).for_each(|(field, child)| field.recycle_data(child));
            }
            Storage::Dictionary(dictionary) => spare(dictionary.keys_mut()),
            Storage::Bools(_) => {}
        }
    }

    /// Whether the elements from `a` on are those from `b` on, `count` of them; not for nested ones.
    pub(super) fn repeats(&self, a: usize, b: usize, count: usize) -> bool {
        match &self.storage {
            Storage::Fixed(values) => {
                let run = |at: usize| &values[at * self.width..][..count * self.width];
                run(a) == run(b)
            }
            Storage::Texts { ends, bytes } => {
                let ends = ends.typed_data::<i32>();
                let lengths = |at: usize| ends[at..=at + count].windows(2).map(|w| w[1] - w[0]);
                let run = |at: usize| &bytes[ends[at] as usize..ends[at + count] as usize];
                run(a) == run(b) && lengths(a).eq(lengths(b))
            }
            _ => false,
        }
    }

    /// Forgets the elements from `len` on, none of which is null; not for nested ones.
    pub(super) fn truncate(&mut self, len: usize) {
        self.validity.truncate(len);
        match &mut self.storage {
            Storage::Fixed(values) => values.truncate(len * self.width),
            Storage::Texts { ends, bytes } => {
                bytes.truncate(ends.typed_data::<i32>()[len] as usize);
                ends.truncate((len + 1) * 4);
            }
            _ => {}
        }
    }
}

/// Ends start at 0.
fn start(ends: &mut MutableBuffer) {
    if ends.is_empty() {
        ends.push(0i32);
    }
}

/// Appends values that are stored as something else. Returns how many had to be replaced.
fn append_converted(
    to: &mut MutableBuffer,
    slice: &ColumnSlice<'_>,
    conversion: Conversion,
    nulls: &Nulls<'_>,
    rows: Range<usize>,
) -> u64 {
    let mut replaced = 0;
    to.reserve(rows.len() * conversion.stored_width());
    with_rows!(slice.selection, |at| {
        for row in rows {
            let i = at.source(row);
            let valid = nulls.is_valid(i);
            let raw = if valid { slice.values.element(i, conversion.source_width()) } else { 0 };
            let stored = conversion.apply(raw).to_le_bytes();
            to.extend_from_slice(&stored[..conversion.stored_width()]);
            replaced += u64::from(valid && !conversion.fits(raw));
        }
    });
    replaced
}
