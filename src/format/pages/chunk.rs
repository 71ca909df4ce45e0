//! A column chunk that grows page by page.

use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::{Arc, OnceLock};

use bytes::{Buf, Bytes};
use parquet::basic::{BoundaryOrder, Encoding, LogicalType, PageType};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::bounds::{Bounds, Order};
use super::compress::Compressor;
use super::hybrid::put_bits;
use crate::format::Codec;

/// Rows of a data page: few headers, and still a cache full of values.
pub const PAGE_ROWS: usize = 1 << 16;

/// A flat column's chunk.
pub struct Chunk {
    column: ColumnDescPtr,
    codec: Codec,
    compressor: Compressor,
    page_list: Vec<PageInfo>,
    /// Pages that nobody has taken to compress them.
    fresh: Vec<PendingPage>,
    rows: u64,
}

/// What the indexes say of a page, and where it will be.
struct PageInfo {
    rows: usize,
    encoding: Encoding,
    bounds: Bounds,
    written: Slot,
}

/// Where a page is put when it has been compressed.
type Slot = Arc<OnceLock<ParquetResult<WrittenPage>>>;

/// A page as the file has it, with its header.
#[derive(Debug)]
struct WrittenPage {
    bytes: Bytes,
    /// Bytes before compression, header included.
    plain_bytes: usize,
}

/// The values of a page: how they are encoded, and what is known of them.
pub struct PageValues {
    pub encoding: Encoding,
    pub bounds: Bounds,
}

/// A page that has yet to be compressed, by any thread.
pub struct PendingPage {
    plain: Vec<u8>,
    rows: usize,
    encoding: Encoding,
    compressor: Compressor,
    written: Slot,
}

thread_local! {
    /// Memory for the next page.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl PendingPage {
    /// Bytes before compression.
    pub fn plain_bytes(&self) -> usize {
        self.plain.len()
    }

    /// Compresses it; returns the bytes that it has then. An error is its chunk's to tell.
    pub fn compress(self) -> usize {
        let page = |buf| Page::DataPage {
            buf,
            num_values: self.rows as u32,
            encoding: self.encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let written = write_page(self.compressor, &self.plain, page);
        let bytes = written.as_ref().map_or(0, |written| written.bytes.len());
        // Nobody else has this page.
        let _ = self.written.set(written);
        SPARE.set(self.plain);
        bytes
    }
}

impl Chunk {
    pub fn new(column: ColumnDescPtr, codec: Codec) -> ParquetResult<Self> {
        let compressor = Compressor::new(codec);
        Ok(Chunk { column, codec, compressor, page_list: Vec::new(), fresh: Vec::new(), rows: 0 })
    }

    /// The codec at work, for trials.
    pub fn compressor(&mut self) -> &mut Compressor {
        &mut self.compressor
    }

    /// The pages since the last call, for whoever has time to compress them.
    pub fn take_pages(&mut self) -> Vec<PendingPage> {
        std::mem::take(&mut self.fresh)
    }

    /// Adds a data page (version 1) of `rows` rows. `validity` are their bits, from a bit on, if any can be
    /// null; `put` writes the values of those that are not.
    pub fn put_page(
        &mut self,
        rows: usize,
        validity: Option<(&[u8], usize)>,
        put: impl FnOnce(&mut Vec<u8>) -> PageValues,
    ) -> ParquetResult<()> {
        let mut plain = SPARE.take();
        plain.clear();
        if self.column.max_def_level() > 0 {
            plain.extend_from_slice(&[0; 4]);
            put_bits(&mut plain, validity, rows);
            let levels = plain.len() as u32 - 4;
            plain[..4].copy_from_slice(&levels.to_le_bytes());
        }
        let PageValues { encoding, bounds } = put(&mut plain);
        let (compressor, written) = (self.compressor, Slot::default());
        self.fresh.push(PendingPage { plain, rows, encoding, compressor, written: written.clone() });
        self.rows += rows as u64;
        self.page_list.push(PageInfo { rows, encoding, bounds, written });
        Ok(())
    }

    /// Ends the chunk: compresses the pages that nobody took, and the dictionary, which has its values in
    /// PLAIN form, and how many.
    pub fn close(mut self, dictionary: Option<(&[u8], usize)>) -> ParquetResult<EncodedChunk> {
        let mut bytes = self.take_pages().into_iter().map(PendingPage::compress).sum();
        let dictionary = dictionary.map(|(values, count)| {
            let num_values = count as u32;
            let page =
                |buf| Page::DictionaryPage { buf, num_values, encoding: Encoding::PLAIN, is_sorted: false };
            write_page(self.compressor, values, page)
        });
        let dictionary = dictionary.transpose()?;
        bytes += dictionary.as_ref().map_or(0, |page| page.bytes.len());
        Ok(EncodedChunk { chunk: self, dictionary, bytes })
    }

    /// The pages in the order of the file, and what it says of them, once all have been compressed.
    fn finish(self, dictionary: Option<WrittenPage>) -> ParquetResult<(Pages, ColumnCloseResult)> {
        let has_dictionary = dictionary.is_some();
        let shift = dictionary.as_ref().map_or(0, |page| page.bytes.len()) as i64;
        let mut page_list = self.page_list;
        let mut plain_bytes = 0;
        let mut pages = VecDeque::new();
        let mut add = |page: WrittenPage| {
            plain_bytes += page.plain_bytes;
            pages.push_back(page.bytes);
        };
        dictionary.into_iter().for_each(&mut add);
        let is_utf8 = matches!(self.column.logical_type_ref(), Some(LogicalType::String));

        let mut all = Bounds::new(Order::of(&self.column));
        let mut offsets = OffsetIndexBuilder::new();
        let mut index = ColumnIndexBuilder::new(self.column.physical_type());
        let mut encodings: Vec<PageEncodingStats> = Vec::new();
        if has_dictionary {
            encodings.push(PageEncodingStats {
                page_type: PageType::DICTIONARY_PAGE,
                encoding: Encoding::PLAIN,
                count: 1,
            });
        }
        let mut offset = shift;
        for page in &mut page_list {
            let written = Arc::into_inner(std::mem::take(&mut page.written)).and_then(OnceLock::into_inner);
            let written = written.ok_or_else(|| ParquetError::General("a page was lost".to_owned()))??;
            offsets.append_row_count(page.rows as i64);
            offsets.append_offset_and_size(offset, written.bytes.len() as i32);
            offset += written.bytes.len() as i64;
            add(written);
            all.merge(&page.bounds);
            let nans = page.bounds.nan_count().map(|nans| nans as i64);
            let (least, greatest) = match page.bounds.cut(is_utf8) {
                Some((least, greatest)) => (least.0, greatest.0),
                None => Default::default(),
            };
            let is_null = page.bounds.nulls == page.rows as u64;
            index.append(is_null, least, greatest, page.bounds.nulls as i64, nans);
            match encodings
                .iter_mut()
                .find(|of| of.page_type == PageType::DATA_PAGE && of.encoding == page.encoding)
            {
                Some(of) => of.count += 1,
                None => encodings.push(PageEncodingStats {
                    page_type: PageType::DATA_PAGE,
                    encoding: page.encoding,
                    count: 1,
                }),
            }
        }
        index.set_boundary_order(boundary_order(&page_list));

        let mut named: Vec<Encoding> = encodings.iter().map(|of| of.encoding).collect();
        if self.column.max_def_level() > 0 {
            named.push(Encoding::RLE);
        }
        let mut metadata = ColumnChunkMetaData::builder(self.column.clone())
            .set_compression_codec(self.codec.name())
            .set_encodings(named)
            .set_page_encoding_stats(encodings)
            .set_total_compressed_size(offset)
            .set_total_uncompressed_size(plain_bytes as i64)
            .set_num_values(self.rows as i64)
            .set_data_page_offset(shift)
            .set_dictionary_page_offset(has_dictionary.then_some(0));
        if let Some(statistics) = all.statistics(&self.column, is_utf8) {
            metadata = metadata.set_statistics(statistics);
        }
        let close = ColumnCloseResult {
            bytes_written: offset as u64,
            rows_written: self.rows,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index: match Order::of(&self.column) {
                Some(_) => Some(index.build()?),
                None => None,
            },
            offset_index: Some(offsets.build()),
        };
        Ok((Pages(pages), close))
    }
}

/// Compresses and writes a page.
fn write_page(
    compressor: Compressor,
    plain: &[u8],
    page: impl FnOnce(Bytes) -> Page,
) -> ParquetResult<WrittenPage> {
    let mut compressed = Vec::new();
    compressor.compress(plain, &mut compressed)?;
    let page = CompressedPage::new(page(compressed.into()), plain.len());
    let mut to = TrackedWrite::new(Vec::new());
    let spec = SerializedPageWriter::new(&mut to).write_page(page)?;
    Ok(WrittenPage { bytes: to.into_inner()?.into(), plain_bytes: spec.uncompressed_size })
}

/// How the pages that are not all null lie (parquet.thrift, `BoundaryOrder`).
fn boundary_order(pages: &[PageInfo]) -> BoundaryOrder {
    let bounds: Vec<_> = pages.iter().filter(|p| p.bounds.nulls < p.rows as u64).map(|p| &p.bounds).collect();
    let in_order = |unless| bounds.windows(2).all(|pair| pair[0].precedes(pair[1], unless));
    match (in_order(Ordering::Greater), in_order(Ordering::Less)) {
        (true, _) => BoundaryOrder::ASCENDING,
        (_, true) => BoundaryOrder::DESCENDING,
        _ => BoundaryOrder::UNORDERED,
    }
}

/// A column chunk in memory, some of whose pages may not be compressed yet.
pub struct EncodedChunk {
    chunk: Chunk,
    dictionary: Option<WrittenPage>,
    bytes: usize,
}

impl EncodedChunk {
    /// Bytes, but for pages that somebody took to compress.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// All its pages must have been compressed.
    pub fn append_to<W: Write + Send>(
        self,
        row_group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> ParquetResult<()> {
        let (pages, close) = self.chunk.finish(self.dictionary)?;
        row_group.append_column(&pages, close)
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
