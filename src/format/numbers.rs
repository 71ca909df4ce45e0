//! Columns of numbers, encoded from the arrays as they lie in memory.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_buffer::{Buffer, NullBuffer, NullBufferBuilder};
use arrow_schema::DataType;
use parquet::basic::{Encoding, Type};
use parquet::errors::Result as ParquetResult;
use parquet::schema::types::{ColumnDescPtr, ColumnDescriptor};

use super::choice::{Chosen, MOST, Plan, RowGroupChoice, VALUE_ROWS, choose_numbers};
use super::encoder::{ColumnEncoder, EncodedColumn};
use super::options::ChunkOptions;
use super::pages::{
    Bounds, Chunk, DictionaryPage, IndexPage, Number, NumberTable, Order, PageValues, PendingPage,
    keep_words, plain, put_delta, put_split, range, spare_words,
};
use super::parquet::writing;
use crate::error::Result;

/// Whether numbers of this type are stored with the bits that an array has, or with more of them.
pub fn is_number(data_type: &DataType, column: &ColumnDescriptor) -> bool {
    let width = match (column.physical_type(), data_type) {
        (Type::INT32, DataType::Int8 | DataType::Int16 | DataType::UInt8 | DataType::UInt16) => return true,
        (Type::INT32 | Type::FLOAT, _) => 4,
        (Type::INT64 | Type::DOUBLE, _) => 8,
        _ => return false,
    };
    data_type.primitive_width() == Some(width)
}

/// Encodes one field of a row group.
pub struct NumberColumn<T: Number> {
    chunk: Chunk,
    order: Order,
    choice: RowGroupChoice,
    table: NumberTable<T>,
    /// Whether a page has indices into the table.
    has_dictionary: bool,
    /// Rows that do not make a page yet: valid numbers, and which rows they are.
    waiting: Vec<T>,
    waiting_valid: NullBufferBuilder,
    /// The page that has indices into the table.
    index_page: IndexPage,
    path: Arc<PathBuf>,
}

impl<T: Number> NumberColumn<T> {
    pub fn new(
        column: ColumnDescPtr,
        order: Order,
        options: ChunkOptions,
        chosen: Arc<Chosen>,
        row_group_rows: usize,
        path: Arc<PathBuf>,
    ) -> ParquetResult<Self> {
        Ok(NumberColumn {
            chunk: Chunk::new(column, options)?,
            order,
            choice: RowGroupChoice::new(chosen, options.encoding, row_group_rows),
            table: NumberTable::new(MOST),
            has_dictionary: false,
            waiting: Vec::new(),
            waiting_valid: NullBufferBuilder::new(0),
            index_page: IndexPage::new(),
            path,
        })
    }

    /// Encodes pages of numbers, or has them wait for more. `kept` may keep them.
    fn put(&mut self, numbers: &[T], nulls: Option<&NullBuffer>, kept: Option<&Buffer>) -> ParquetResult<()> {
        let rows = nulls.map_or(numbers.len(), NullBuffer::len);
        let page_rows = self.chunk.page_rows(T::WIDTH).min(VALUE_ROWS);
        self.choice.add_rows(rows);
        if rows >= self.choice.enough(page_rows) {
            self.put_waiting()?;
            for start in (0..rows).step_by(page_rows) {
                let len = page_rows.min(rows - start);
                match nulls.map(|nulls| nulls.slice(start, len)) {
                    None => self.put_page(&numbers[start..start + len], None, kept)?,
                    Some(nulls) => {
                        let page = &numbers[start..start + len];
                        let valid = nulls.valid_slices().flat_map(|(from, to)| &page[from..to]);
                        self.put_page(&valid.copied().collect::<Vec<_>>(), Some(&nulls), None)?;
                    }
                }
            }
            return Ok(());
        }
        if self.waiting_valid.len() + rows > page_rows {
            self.put_waiting()?;
        }
        match nulls {
            None => {
                self.waiting.extend_from_slice(numbers);
                self.waiting_valid.append_n_non_nulls(rows);
            }
            Some(nulls) => {
                nulls
                    .valid_slices()
                    .for_each(|(from, to)| self.waiting.extend_from_slice(&numbers[from..to]));
                self.waiting_valid.append_buffer(nulls);
            }
        }
        Ok(())
    }

    fn put_waiting(&mut self) -> ParquetResult<()> {
        if self.waiting_valid.is_empty() {
            return Ok(());
        }
        let numbers = std::mem::take(&mut self.waiting);
        let nulls = self.waiting_valid.finish();
        self.put_page(&numbers, nulls.as_ref(), None)?;
        self.waiting = numbers;
        self.waiting.clear();
        Ok(())
    }

    /// Encodes a page of the valid numbers, which are in `kept` if there is such.
    fn put_page(
        &mut self,
        numbers: &[T],
        nulls: Option<&NullBuffer>,
        kept: Option<&Buffer>,
    ) -> ParquetResult<()> {
        let (order, compressor) = (self.order, self.chunk.compressor());
        let mut plan = match numbers.is_empty() {
            true => Plan::Plain,
            false => {
                self.choice.get(|rows, known| choose_numbers(numbers, rows, order, compressor, known))?
            }
        };
        let found = range(numbers, self.order);
        let mut indices = spare_words();
        let is_float = matches!(self.order, Order::Float | Order::Double);
        let ends = found.filter(|_| !is_float).map(|(least, greatest, _)| (least, greatest));
        if plan == Plan::Dictionary && !self.table.indices(numbers, ends, &mut indices) {
            plan = self.choice.give_up_dictionary();
        }
        self.has_dictionary |= plan == Plan::Dictionary;

        let mut bounds = Bounds::new(Some(self.order));
        if let Some((least, greatest, nans)) = found {
            bounds.add(plain(&[least]));
            bounds.add(plain(&[greatest]));
            bounds.nans = nans;
        }
        bounds.nulls = nulls.map_or(0, |nulls| nulls.null_count() as u64);
        if plan == Plan::Dictionary {
            let count = self.table.numbers().len();
            let added = self.index_page.add(&mut self.chunk, &mut indices, nulls, bounds, count);
            keep_words(indices);
            return added;
        }
        keep_words(indices);
        self.index_page.end(&mut self.chunk)?;
        self.chunk.filter(numbers.iter().map(|number| plain(std::slice::from_ref(number))));
        let rows = numbers.len() + bounds.nulls as usize;
        let validity = nulls.filter(|n| n.null_count() > 0).map(|nulls| (nulls.validity(), nulls.offset()));
        let kept = match plan {
            Plan::Plain => self.chunk.keep(kept, plain(numbers)),
            _ => None,
        };
        let bytes = match plan {
            Plan::Delta => None,
            _ if kept.is_some() => Some(0),
            _ => Some(size_of_val(numbers)),
        };
        self.chunk.put_page(rows, validity, bytes, |out| {
            let encoding = match plan {
                Plan::Split => {
                    put_split(out, numbers);
                    Encoding::BYTE_STREAM_SPLIT
                }
                Plan::Delta => {
                    put_delta(out, numbers);
                    Encoding::DELTA_BINARY_PACKED
                }
                Plan::Plain | Plan::Dictionary => {
                    if kept.is_none() {
                        out.extend_from_slice(plain(numbers));
                    }
                    Encoding::PLAIN
                }
            };
            PageValues { encoding, bounds, kept }
        })
    }
}

impl<T: Number> ColumnEncoder for NumberColumn<T> {
    fn write(&mut self, array: &ArrayRef, keeps: bool) -> Result<()> {
        let (data, len) = (array.to_data(), array.len());
        let bytes = |width: usize| &data.buffers()[0][data.offset() * width..][..len * width];
        let mut wide = spare_words();
        let mut widen = |width: usize, extend: fn(&[u8]) -> i32| {
            wide.extend(bytes(width).chunks_exact(width).map(|le| extend(le) as u32));
        };
        match array.data_type() {
            DataType::Int8 => widen(1, |le| (le[0] as i8).into()),
            DataType::UInt8 => widen(1, |le| le[0].into()),
            DataType::Int16 => widen(2, |le| i16::from_le_bytes([le[0], le[1]]).into()),
            DataType::UInt16 => widen(2, |le| u16::from_le_bytes([le[0], le[1]]).into()),
            _ => {}
        }
        let keeps = keeps && wide.is_empty();
        let bytes = if wide.is_empty() { bytes(T::WIDTH) } else { plain(&wide) };
        let nulls = data.nulls().filter(|nulls| nulls.null_count() > 0);
        // SAFETY: any bits are a number.
        let (before, numbers, _) = unsafe { bytes.align_to::<T>() };
        let written = if before.is_empty() {
            self.put(numbers, nulls, data.buffers().first().filter(|_| keeps))
        } else {
            // An array of a caller's may lie anywhere.
            let read = |le: &[u8]| le.iter().rev().fold(0, |bits, &byte| bits << 8 | u64::from(byte));
            let aligned: Vec<T> = bytes.chunks_exact(T::WIDTH).map(|le| T::of(read(le))).collect();
            self.put(&aligned, nulls, None)
        };
        keep_words(wide);
        written.map_err(|e| writing(&self.path, &e))
    }

    fn take_pages(&mut self) -> Vec<PendingPage> {
        self.chunk.take_pages()
    }

    fn memory(&self) -> usize {
        let waiting = self.waiting.capacity() * T::WIDTH;
        waiting + self.table.memory() + self.index_page.memory()
    }

    fn close(mut self: Box<Self>) -> Result<EncodedColumn> {
        let close = |mut column: Box<Self>| {
            column.choice.end();
            column.put_waiting()?;
            column.index_page.end(&mut column.chunk)?;
            let numbers = column.table.numbers();
            let count = numbers.len();
            let dictionary = column.has_dictionary.then(|| DictionaryPage {
                plain: plain(numbers),
                count,
                used: Some(count),
            });
            column.chunk.close(dictionary)
        };
        let path = std::mem::take(&mut self.path);
        close(self).map(EncodedColumn::ours).map_err(|e| writing(&path, &e))
    }
}
