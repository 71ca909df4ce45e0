//! A data page of indices into a dictionary, which grows batch by batch.

use arrow_buffer::{NullBuffer, NullBufferBuilder};
use parquet::basic::Encoding;
use parquet::errors::Result as ParquetResult;

use super::bounds::Bounds;
use super::chunk::Chunk;
use super::hybrid::{bit_width, put_groups, put_indices};
use super::page::PageValues;

/// The page at the end of a chunk. Indices take few bytes, so that it may have many rows; and a codec finds
/// again only what the same page has had.
pub struct IndexPage {
    /// Bits of an index.
    width: u32,
    /// The indices as the page has them, but for the last few.
    packed: Vec<u8>,
    rest: Vec<u32>,
    valid: NullBufferBuilder,
    bounds: Option<Bounds>,
}

impl IndexPage {
    pub fn new() -> Self {
        let (packed, rest, valid) = (Vec::new(), Vec::new(), NullBufferBuilder::new(0));
        IndexPage { width: 0, packed, rest, valid, bounds: None }
    }

    /// Bytes of memory in use.
    pub fn memory(&self) -> usize {
        self.packed.capacity() + self.valid.allocated_size()
    }

    /// Adds rows: the indices of those that are valid, into a dictionary of `count` values by now. The page
    /// ends before them if it would get too large, or if they need more bits. What is left in `indices` is of no use.
    pub fn add(
        &mut self,
        chunk: &mut Chunk,
        indices: &mut Vec<u32>,
        nulls: Option<&NullBuffer>,
        bounds: Bounds,
        count: usize,
    ) -> ParquetResult<()> {
        let rows = nulls.map_or(indices.len(), NullBuffer::len);
        let width = bit_width(count.saturating_sub(1) as u32);
        let bytes = self.packed.len() + indices.len() * width as usize / 8;
        let is_full = self.valid.len() + rows > chunk.page_rows(1) || bytes > chunk.page_bytes();
        if is_full || width != self.width {
            self.end(chunk)?;
        }
        self.width = width;
        match nulls {
            Some(nulls) => self.valid.append_buffer(nulls),
            None => self.valid.append_n_non_nulls(rows),
        }
        match &mut self.bounds {
            Some(all) => all.merge(&bounds),
            none => *none = Some(bounds),
        }
        // Before the new ones in their memory, which is the thread's: many columns wait at once.
        indices.splice(..0, self.rest.drain(..));
        self.packed.reserve(indices.len() * width as usize / 8 + 64);
        let put = put_groups(&mut self.packed, indices, width);
        self.rest.extend_from_slice(&indices[put..]);
        Ok(())
    }

    /// Ends the page, if there is one: what comes next in the chunk is another.
    pub fn end(&mut self, chunk: &mut Chunk) -> ParquetResult<()> {
        let Some(bounds) = self.bounds.take() else { return Ok(()) };
        let rows = self.valid.len();
        let nulls = self.valid.finish();
        let validity = nulls.as_ref().map(|nulls| (nulls.validity(), nulls.offset()));
        let bytes = self.packed.len() + (self.rest.len() + 8) * size_of::<u32>();
        chunk.put_page(rows, validity, Some(bytes), |out| {
            out.push(self.width as u8);
            out.extend_from_slice(&self.packed);
            put_indices(out, &self.rest, self.width);
            PageValues { encoding: Encoding::RLE_DICTIONARY, bounds, kept: None }
        })?;
        self.packed.clear();
        self.rest.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::options::ParquetOptions;
    use arrow_schema::{DataType, Field, Schema};
    use parquet::arrow::ArrowSchemaConverter;

    #[test]
    fn an_open_page_keeps_little_more_than_its_packed_indices() {
        let schema = Schema::new(vec![Field::new("a", DataType::Int64, false)]);
        let columns = ArrowSchemaConverter::new().convert(&schema).unwrap();
        let options = ParquetOptions::default().of_chunks(&columns, &schema.into()).unwrap();
        let mut chunk = Chunk::new(columns.column(0), options[0]).unwrap();
        let mut page = IndexPage::new();
        for rows in [1 << 16, 5, (1 << 16) + 3] {
            let mut indices = (0..rows).map(|i| i * i % 8).collect();
            page.add(&mut chunk, &mut indices, None, Bounds::new(None), 8).unwrap();
            assert!(page.rest.capacity() <= 8, "{rows}: {} indices", page.rest.capacity());
        }
        assert!(chunk.take_pages().is_empty());
    }
}
