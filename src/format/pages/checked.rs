//! Checksums for the pages that the parquet crate encodes, whose headers have none.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use parking_lot::Mutex;
use parquet::arrow::arrow_writer::{
    ArrowColumnWriter, ArrowRowGroupWriterFactory, PageKey, PageStore, PageStoreArgs, PageStoreFactory,
};
use parquet::column::page::{CompressedPage, PageWriteSpec, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite};

use super::header::with_checksum;

/// The pages of a column chunk, in the order in which the crate made them. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct CheckedPages(Arc<Mutex<Vec<CheckedPage>>>);

#[derive(Debug)]
struct CheckedPage {
    header: Bytes,
    page: Bytes,
    is_dictionary: bool,
    /// Bytes that the header has more than the crate's.
    grown: usize,
}

impl CheckedPages {
    /// `header` is the crate's.
    fn push(&self, header: &[u8], page: Bytes) {
        let (checked, is_dictionary) = with_checksum(header, &page);
        let grown = checked.len() - header.len();
        self.0.lock().push(CheckedPage { header: checked.into(), page, is_dictionary, grown });
    }

    /// Appends the chunk; `close` is what the crate says of it without checksums.
    pub fn append_to<W: Write + Send>(
        &self,
        mut close: ColumnCloseResult,
        row_group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> ParquetResult<()> {
        let mut pages = std::mem::take(&mut *self.0.lock());
        pages.sort_by_key(|page| !page.is_dictionary); // it comes first
        let bytes = |page: &CheckedPage| (page.header.len() + page.page.len()) as i64;
        let grown: usize = pages.iter().map(|page| page.grown).sum();
        let dictionary = pages.first().filter(|page| page.is_dictionary).map(bytes);

        let mut offset = dictionary.unwrap_or(0);
        let (compressed, plain) = (close.metadata.compressed_size(), close.metadata.uncompressed_size());
        close.bytes_written += grown as u64;
        close.metadata = close
            .metadata
            .into_builder()
            .set_total_compressed_size(compressed + grown as i64)
            .set_total_uncompressed_size(plain + grown as i64)
            .set_dictionary_page_offset(dictionary.map(|_| 0))
            .set_data_page_offset(offset)
            .build()?;
        let locations = close.offset_index.iter_mut().flat_map(|index| &mut index.page_locations);
        for (location, page) in locations.zip(pages.iter().filter(|page| !page.is_dictionary)) {
            (location.offset, location.compressed_page_size) = (offset, bytes(page) as i32);
            offset += bytes(page);
        }
        let pages = pages.into_iter().flat_map(|page| [page.header, page.page]);
        row_group.append_column(&Pages(pages.filter(|bytes| !bytes.is_empty()).collect()), close)
    }
}

/// For a column that is written page by page.
impl PageWriter for CheckedPages {
    fn write_page(&mut self, page: CompressedPage) -> ParquetResult<PageWriteSpec> {
        let body = page.compressed_page().buffer().clone();
        let mut sink = TrackedWrite::new(Vec::new());
        let spec = SerializedPageWriter::new(&mut sink).write_page(page)?;
        let written = sink.into_inner()?;
        self.push(&written[..written.len() - body.len()], body);
        Ok(spec)
    }

    fn close(&mut self) -> ParquetResult<()> {
        Ok(())
    }
}

/// Where the crate's Arrow writers put their pages, column by column.
#[derive(Debug, Default)]
pub struct CheckedStores {
    made: Mutex<Vec<CheckedPages>>,
    /// Held while the stores of a row group are made.
    opening: Mutex<()>,
}

impl CheckedStores {
    /// The writers of a row group's leaf columns, by a factory that has these stores; and their pages.
    pub fn open(
        &self,
        factory: &ArrowRowGroupWriterFactory,
    ) -> ParquetResult<(Vec<ArrowColumnWriter>, Vec<CheckedPages>)> {
        let _opening = self.opening.lock();
        self.made.lock().clear();
        // The row group's number would matter for encryption only.
        let writers = factory.create_column_writers(0)?;
        Ok((writers, std::mem::take(&mut *self.made.lock())))
    }
}

impl PageStoreFactory for CheckedStores {
    fn create(&self, _: &PageStoreArgs<'_>) -> ParquetResult<Box<dyn PageStore>> {
        let pages = CheckedPages::default();
        self.made.lock().push(pages.clone());
        Ok(Box::new(CheckedStore { pages, header: None, bytes: 0 }))
    }
}

/// Gets the header of each page, then the page.
struct CheckedStore {
    pages: CheckedPages,
    header: Option<Bytes>,
    bytes: usize,
}

impl PageStore for CheckedStore {
    fn put(&mut self, value: Bytes) -> ParquetResult<PageKey> {
        self.bytes += value.len();
        match self.header.take() {
            None => self.header = Some(value),
            Some(header) => self.pages.push(&header, value),
        }
        Ok(PageKey::new(0))
    }

    fn take(&mut self, _: PageKey) -> ParquetResult<Bytes> {
        Err(ParquetError::General("pages with checksums are taken all at once".to_owned()))
    }

    fn memory_size(&self) -> usize {
        self.bytes
    }
}

/// The pages, as the crate reads them when it copies them to the file.
#[derive(Clone)]
struct Pages(VecDeque<Bytes>);

impl Length for Pages {
    fn len(&self) -> u64 {
        self.0.iter().map(|bytes| bytes.len() as u64).sum()
    }
}

impl Read for Pages {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let Some(page) = self.0.front_mut() else { return Ok(0) };
        let count = to.len().min(page.len());
        page.copy_to_slice(&mut to[..count]);
        if page.is_empty() {
            self.0.pop_front();
        }
        Ok(count)
    }
}

impl ChunkReader for Pages {
    type T = Pages;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        let mut pages = self.clone();
        io::copy(&mut pages.by_ref().take(start), &mut io::sink())?;
        Ok(pages)
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let mut bytes = vec![0; length];
        self.get_read(start)?.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}
