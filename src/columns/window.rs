//! The coalesce window: rows gathered, whatever the caller's cadence, until a batch is worth encoding.

use std::ops::RangeInclusive;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::buffer::ColumnBuffer;
use super::check::Checked;
use super::size::{row_bytes, variable_bytes};
use super::strided;
use crate::error::{Error, ErrorClass, Result};
use crate::schema::Schema;

/// Buffers for up to `max_rows` rows or about `max_bytes` bytes.
#[derive(Debug)]
pub struct Window {
    schema: Schema,
    columns: Vec<ColumnBuffer>,
    rows: usize,
    /// Rows of the largest chunk so far, or of a window, if that is less.
    chunk_rows: usize,
    max_rows: usize,
    max_bytes: usize,
}

impl Window {
    /// An empty window; nothing is allocated until rows come.
    pub fn new(schema: &Schema, max_rows: usize, max_bytes: usize) -> Self {
        let columns = schema.fields().iter().map(|f| ColumnBuffer::new(f.data_type())).collect();
        Window { schema: schema.clone(), columns, rows: 0, chunk_rows: 0, max_rows, max_bytes }
    }

    /// Copies a checked chunk in, and hands out each batch that gets full on the way; `spent` may give one
    /// of so many rows whose memory is not needed any more.
    pub fn append(
        &mut self,
        chunk: Checked<'_>,
        mut full: impl FnMut(RecordBatch) -> Result<()>,
        spent: impl Fn(&SchemaRef, RangeInclusive<usize>) -> Option<RecordBatch>,
    ) -> Result<()> {
        self.chunk_rows = self.chunk_rows.max(chunk.rows.min(self.max_rows));
        let mut row = 0;
        while row < chunk.rows {
            if self.rows == 0 {
                self.begin(chunk.rows, &spent);
            }
            let end = self.fitting(&chunk, row);
            if end > row {
                let strides = self.columns.iter().zip(chunk.slices).filter_map(|(c, slice)| c.stride(slice));
                for rows in strided::tiles(strides.max(), row..end) {
                    for (column, slice) in self.columns.iter_mut().zip(chunk.slices) {
                        column.append(slice, rows.clone(), None);
                    }
                }
                self.rows += end - row;
                row = end;
            }
            let is_full = self.rows >= self.max_rows || self.bytes() >= self.max_bytes || end < chunk.rows;
            if is_full {
                full(self.take()?)?;
            }
        }
        Ok(())
    }

    /// Gets memory for a window that begins with a chunk of so many rows. If others were much larger, it may be
    /// the last: it keeps no memory of a whole window from other writers.
    fn begin(
        &mut self,
        rows: usize,
        spent: impl Fn(&SchemaRef, RangeInclusive<usize>) -> Option<RecordBatch>,
    ) {
        let most = if rows < self.chunk_rows / 2 {
            self.columns.iter_mut().for_each(ColumnBuffer::expect_little);
            4 * rows
        } else {
            usize::MAX
        };
        if let Some(batch) = spent(self.schema.stored(), rows.min(self.max_rows)..=most) {
            self.recycle(batch);
        }
    }

    /// The end of the longest run of rows from `row` that the window still has room for. At least one
    /// row, unless its text would not fit beside what is there.
    fn fitting(&self, chunk: &Checked<'_>, row: usize) -> usize {
        let end = chunk.rows.min(row + (self.max_rows - self.rows));
        let room = self.max_bytes.saturating_sub(self.bytes());
        let fields = || self.schema.fields().iter().zip(chunk.slices);
        let variable = |end: usize| -> usize {
            if (row, end) == (0, chunk.rows) {
                return chunk.variable_bytes;
            }
            fields().map(|(field, slice)| variable_bytes(field.data_type(), slice, row..end, None)).sum()
        };
        let takes = |bytes: usize| {
            self.rows == 0
                || self.columns.iter().zip(chunk.slices).all(|(column, slice)| column.takes(slice, bytes))
        };
        let bytes = variable(end);
        if bytes <= room && takes(bytes) {
            return end;
        }
        // Bytes never fall with the end, so the last end that fits can be bisected for.
        let (mut fits, mut over) = (row, end);
        while over - fits > 1 {
            let middle = fits + (over - fits) / 2;
            if variable(middle) <= room { fits = middle } else { over = middle }
        }
        if !takes(variable(fits.max(row + 1))) { row } else { fits.max(row + 1) }
    }

    /// If a chunk may make a batch full: an upper bound of the bytes gathered once it is in.
    pub fn bytes_if_filled_by(&self, chunk: &Checked<'_>) -> Option<usize> {
        let fixed: usize = self.schema.fields().iter().map(|field| row_bytes(field.data_type())).sum();
        let bytes = self.bytes() + chunk.rows * fixed + chunk.variable_bytes;
        (self.rows + chunk.rows >= self.max_rows || bytes >= self.max_bytes).then_some(bytes)
    }

    /// Rows and bytes at which a batch is full.
    pub fn limits(&self) -> (usize, usize) {
        (self.max_rows, self.max_bytes)
    }

    /// Rows gathered so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes gathered so far.
    pub fn bytes(&self) -> usize {
        self.columns.iter().map(ColumnBuffer::bytes).sum()
    }

    /// Whether nothing has been gathered.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Values so far that could not be stored as they were.
    pub fn replaced(&self) -> u64 {
        self.columns.iter().map(ColumnBuffer::replaced).sum()
    }

    /// Takes the memory of a batch that has been encoded back.
    fn recycle(&mut self, batch: RecordBatch) {
        let (_, columns, _) = batch.into_parts();
        for (column, array) in self.columns.iter_mut().zip(columns) {
            column.recycle(array);
        }
    }

    /// What has been gathered, as a batch; the window is empty afterwards.
    pub fn take(&mut self) -> Result<RecordBatch> {
        self.rows = 0;
        let columns = self.columns.iter_mut().map(ColumnBuffer::take).collect();
        RecordBatch::try_new(self.schema.stored().clone(), columns)
            .map_err(|e| Error::new(ErrorClass::Internal, format!("assembling a batch: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::{BadValues, ColumnSlice, Values};
    use arrow_schema::{DataType, Field};
    use std::cell::RefCell;

    /// Appends texts of these lengths in chunks of seven; returns the rows of each batch, the rest last.
    fn cut(lengths: &[usize], max_rows: usize, max_bytes: usize) -> Vec<usize> {
        let schema = Schema::new(vec![Field::new("a", DataType::Utf8, false)]).unwrap();
        let mut window = Window::new(&schema, max_rows, max_bytes);
        let (mut batches, spent) = (Vec::new(), RefCell::new(Vec::new()));
        for lengths in lengths.chunks(7) {
            let bytes = vec![b'x'; lengths.iter().sum()];
            let ends = lengths.iter().scan(0, |end, len| {
                *end += *len as i32;
                Some(*end)
            });
            let offsets: Vec<u8> = std::iter::once(0).chain(ends).flat_map(i32::to_le_bytes).collect();
            let values = Values::Offsets { offsets: &offsets, width: 4, bytes: &bytes };
            let slices = [ColumnSlice::new(values, lengths.len())];
            let full = |batch: RecordBatch| {
                batches.push(batch.num_rows());
                spent.borrow_mut().push(batch);
                Ok(())
            };
            let chunk = Checked::new(&schema, &slices, BadValues::Refuse).unwrap();
            window.append(chunk, full, |_, _| spent.borrow_mut().pop()).unwrap();
        }
        batches.push(window.take().unwrap().num_rows());
        batches
    }

    #[test]
    fn batches_are_cut_at_the_window_whatever_the_chunk() {
        assert_eq!(cut(&[1; 25], 10, 1 << 20), [10, 10, 5]);
        assert_eq!(cut(&[1; 20], 10, 1 << 20), [10, 10, 0]);
        // Each text of 10 bytes costs 4 more for its offset once it is in the window.
        assert_eq!(cut(&[10; 9], 100, 30), [3, 3, 2, 1]);
        // A text longer than the window gets a batch of its own.
        assert_eq!(cut(&[5, 100, 5], 100, 30), [1, 1, 1]);
    }
}
