//! A field that keeps its dictionary: the caller's distinct values become the dictionary page, and the
//! indices the data pages. No value of a row is looked at.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use parquet::basic::Type;
use parquet::errors::Result as ParquetResult;
use parquet::schema::types::{ColumnDescPtr, ColumnDescriptor};

use super::encoder::{ColumnEncoder, EncodedColumn};
use super::numbers::is_number;
use super::options::ChunkOptions;
use super::pages::{Bounds, Chunk, DictionaryPage, IndexPage, Order, PendingPage};
use super::parquet::writing;
use crate::error::{Error, ErrorClass, Result};

/// Encodes one field of a row group.
pub struct DictionaryColumn {
    chunk: Chunk,
    index_page: IndexPage,
    values: Values,
    path: Arc<PathBuf>,
}

/// The distinct values of the row group, and where those of the latest dictionary are among them. Readers
/// (pyarrow) take it that a dictionary page has no value twice, while a caller's dictionary may, and two
/// that follow each other do.
struct Values {
    /// In PLAIN form (Parquet Encodings.md).
    plain: Vec<u8>,
    /// Where each value starts, and where the last ends.
    starts: Vec<usize>,
    index: HashMap<Box<[u8]>, u32>,
    /// The latest dictionary, in PLAIN form, and the index of each of its values.
    latest: Vec<u8>,
    indices: Vec<u32>,
    /// The last page that has the value; pages are counted from 1.
    seen: Vec<u32>,
    page: u32,
    /// Bytes before each value that say its length.
    lead: usize,
    order: Option<Order>,
}

impl DictionaryColumn {
    pub fn new(column: ColumnDescPtr, options: ChunkOptions, path: Arc<PathBuf>) -> ParquetResult<Self> {
        let values = Values {
            plain: Vec::new(),
            starts: vec![0],
            index: HashMap::new(),
            latest: Vec::new(),
            indices: Vec::new(),
            seen: Vec::new(),
            page: 0,
            lead: if column.physical_type() == Type::BYTE_ARRAY { 4 } else { 0 },
            order: Order::of(&column),
        };
        let chunk = Chunk::new(column, options)?;
        Ok(DictionaryColumn { chunk, index_page: IndexPage::new(), values, path })
    }

    /// Whether dictionaries of this type can be stored as they are.
    pub fn takes(data_type: &DataType, column: &ColumnDescriptor) -> bool {
        let DataType::Dictionary(key, value) = data_type else { return false };
        let is_stored_so = match (column.physical_type(), value.as_ref()) {
            (Type::BYTE_ARRAY, DataType::Utf8 | DataType::Binary) => true,
            (Type::FIXED_LEN_BYTE_ARRAY, DataType::FixedSizeBinary(_)) => true,
            (_, value) => is_number(value, column),
        };
        **key == DataType::Int32 && is_stored_so
    }
}

impl ColumnEncoder for DictionaryColumn {
    fn write(&mut self, array: &ArrayRef, _: bool) -> Result<()> {
        let array = array.as_dictionary::<Int32Type>();
        self.values.hold(array.values())?;
        let nulls = array.logical_nulls();
        let page_rows = self.chunk.page_rows(size_of::<u32>());
        for start in (0..array.len()).step_by(page_rows) {
            let rows = page_rows.min(array.len() - start);
            let keys = &array.keys().values()[start..start + rows];
            let nulls = nulls.as_ref().map(|nulls| nulls.slice(start, rows));
            let mut bounds = Bounds::new(self.values.order);
            bounds.nulls = nulls.as_ref().map_or(0, |nulls| nulls.null_count() as u64);
            let valid = |i: &usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*i));
            let index = |i| self.values.indices[keys[i] as usize];
            let mut indices: Vec<u32> = (0..rows).filter(valid).map(index).collect();
            self.values.bound(&indices, &mut bounds);
            self.index_page
                .add(&mut self.chunk, &mut indices, nulls.as_ref(), bounds, self.values.count())
                .map_err(|e| writing(&self.path, &e))?;
        }
        Ok(())
    }

    fn take_pages(&mut self) -> Vec<PendingPage> {
        self.chunk.take_pages()
    }

    fn memory(&self) -> usize {
        2 * self.values.plain.capacity() + self.values.starts.capacity() * 48 + self.index_page.memory()
    }

    fn close(mut self: Box<Self>) -> Result<EncodedColumn> {
        self.index_page.end(&mut self.chunk).map_err(|e| writing(&self.path, &e))?;
        let values = &self.values;
        // A caller's dictionary may have values that no row has.
        let used = values.order.map(|_| values.seen.iter().filter(|&&page| page > 0).count());
        let dictionary = Some(DictionaryPage { plain: &values.plain, count: values.count(), used });
        self.chunk.close(dictionary).map(EncodedColumn::ours).map_err(|e| writing(&self.path, &e))
    }
}

impl Values {
    fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// Takes the dictionary of the rows that come next. One that repeats the latest, or extends it, costs
    /// no more than to see that.
    fn hold(&mut self, values: &dyn Array) -> Result<()> {
        let (plain, ends) = to_plain(values);
        // As each value says where it ends, equal bytes are equal values.
        let held = match (plain.starts_with(&self.latest), self.latest.starts_with(&plain)) {
            (_, true) => return Ok(()),
            (true, false) => self.indices.len(),
            (false, false) => 0,
        };
        self.indices.truncate(held);
        let starts = [0].iter().chain(&ends);
        for (&start, &end) in starts.zip(&ends).skip(held) {
            let (value, next) = (&plain[start..end], self.count() as u32);
            let index = *self.index.entry(value.into()).or_insert(next);
            if index == next {
                self.plain.extend_from_slice(value);
                self.starts.push(self.plain.len());
                self.seen.push(0);
            }
            self.indices.push(index);
        }
        self.latest = plain;
        match i32::try_from(self.plain.len()) {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::new(
                ErrorClass::Unsupported,
                "the dictionaries of one row group have more than 2 GiB; end row groups sooner",
            )),
        }
    }

    /// The bounds of a page with these values.
    fn bound(&mut self, indices: &[u32], bounds: &mut Bounds) {
        let Some(order) = self.order else { return };
        self.page += 1;
        for &index in indices {
            let i = index as usize;
            let value = &self.plain[self.starts[i] + self.lead..self.starts[i + 1]];
            bounds.nans += u64::from(order.is_nan(value));
            if self.seen[i] != self.page {
                self.seen[i] = self.page;
                bounds.add(value);
            }
        }
    }
}

/// Values in PLAIN form, and where each ends.
fn to_plain(values: &dyn Array) -> (Vec<u8>, Vec<usize>) {
    let (mut plain, mut ends) = (Vec::new(), Vec::with_capacity(values.len()));
    let mut put = |value: &[u8]| {
        plain.extend_from_slice(value);
        ends.push(plain.len());
    };
    let data = values.to_data();
    let fixed = |width: usize| data.buffers()[0][data.offset() * width..][..data.len() * width].chunks(width);
    let text = |value: &[u8]| [&(value.len() as u32).to_le_bytes(), value].concat();
    match values.data_type() {
        DataType::Utf8 => {
            values.as_string::<i32>().iter().for_each(|v| put(&text(v.unwrap_or_default().as_bytes())));
        }
        DataType::Binary => {
            values.as_binary::<i32>().iter().for_each(|v| put(&text(v.unwrap_or_default())));
        }
        DataType::Int8 => fixed(1).for_each(|v| put(&i32::from(v[0] as i8).to_le_bytes())),
        DataType::UInt8 => fixed(1).for_each(|v| put(&u32::from(v[0]).to_le_bytes())),
        DataType::Int16 => {
            fixed(2).for_each(|v| put(&i32::from(i16::from_le_bytes([v[0], v[1]])).to_le_bytes()));
        }
        DataType::UInt16 => {
            fixed(2).for_each(|v| put(&u32::from(u16::from_le_bytes([v[0], v[1]])).to_le_bytes()));
        }
        DataType::FixedSizeBinary(width) => fixed(*width as usize).for_each(put),
        other => fixed(other.primitive_width().unwrap_or(1)).for_each(put),
    }
    (plain, ends)
}
