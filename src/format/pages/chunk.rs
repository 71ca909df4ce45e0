//! A column chunk that grows page by page.

use std::cmp::Ordering;
use std::io::{self, Cursor, Read, Write};

use bytes::Bytes;
use parquet::basic::{BoundaryOrder, Encoding, LogicalType, PageType};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result as ParquetResult;
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
    pages: TrackedWrite<Vec<u8>>,
    page_list: Vec<PageInfo>,
    /// Bytes before compression, headers included.
    plain_bytes: usize,
    rows: u64,
    /// Memory for a page before compression.
    scratch: Vec<u8>,
}

/// What the indexes say of a page.
struct PageInfo {
    offset: u64,
    bytes: usize,
    rows: usize,
    encoding: Encoding,
    bounds: Bounds,
}

/// The values of a page: how they are encoded, and what is known of them.
pub struct PageValues {
    pub encoding: Encoding,
    pub bounds: Bounds,
}

impl Chunk {
    pub fn new(column: ColumnDescPtr, codec: Codec) -> ParquetResult<Self> {
        Ok(Chunk {
            column,
            codec,
            compressor: Compressor::new(codec),
            pages: TrackedWrite::new(Vec::new()),
            page_list: Vec::new(),
            plain_bytes: 0,
            rows: 0,
            scratch: Vec::new(),
        })
    }

    /// The codec at work, for trials.
    pub fn compressor(&mut self) -> &mut Compressor {
        &mut self.compressor
    }

    /// Bytes of memory in use.
    pub fn memory(&self) -> usize {
        self.pages.inner().len() + self.scratch.capacity()
    }

    /// Adds a data page (version 1) of `rows` rows. `validity` are their bits, from a bit on, if any can be
    /// null; `put` writes the values of those that are not.
    pub fn put_page(
        &mut self,
        rows: usize,
        validity: Option<(&[u8], usize)>,
        put: impl FnOnce(&mut Vec<u8>) -> PageValues,
    ) -> ParquetResult<()> {
        let mut plain = std::mem::take(&mut self.scratch);
        plain.clear();
        if self.column.max_def_level() > 0 {
            plain.extend_from_slice(&[0; 4]);
            put_bits(&mut plain, validity, rows);
            let levels = plain.len() as u32 - 4;
            plain[..4].copy_from_slice(&levels.to_le_bytes());
        }
        let PageValues { encoding, bounds } = put(&mut plain);
        let page = |buf| Page::DataPage {
            buf,
            num_values: rows as u32,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let offset = self.pages.bytes_written() as u64;
        let (bytes, plain_bytes) = write_page(&mut self.pages, self.compressor, &plain, page)?;
        self.plain_bytes += plain_bytes;
        self.rows += rows as u64;
        self.page_list.push(PageInfo { offset, bytes, rows, encoding, bounds });
        self.scratch = plain;
        Ok(())
    }

    /// Ends the chunk. `dictionary` are its values in PLAIN form, and how many, if it has one.
    pub fn close(mut self, dictionary: Option<(&[u8], usize)>) -> ParquetResult<EncodedChunk> {
        let mut first = TrackedWrite::new(Vec::new());
        if let Some((values, count)) = dictionary {
            let page = |buf| Page::DictionaryPage {
                buf,
                num_values: count as u32,
                encoding: Encoding::PLAIN,
                is_sorted: false,
            };
            self.plain_bytes += write_page(&mut first, self.compressor, values, page)?.1;
        }
        let (dictionary_page, pages) = (first.into_inner()?, self.pages.into_inner()?);
        let shift = dictionary_page.len() as i64;
        let is_utf8 = matches!(self.column.logical_type_ref(), Some(LogicalType::String));

        let mut all = Bounds::new(Order::of(&self.column));
        let mut offsets = OffsetIndexBuilder::new();
        let mut index = ColumnIndexBuilder::new(self.column.physical_type());
        let mut encodings: Vec<PageEncodingStats> = Vec::new();
        if dictionary.is_some() {
            encodings.push(PageEncodingStats {
                page_type: PageType::DICTIONARY_PAGE,
                encoding: Encoding::PLAIN,
                count: 1,
            });
        }
        for page in &self.page_list {
            offsets.append_row_count(page.rows as i64);
            offsets.append_offset_and_size(page.offset as i64 + shift, page.bytes as i32);
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
        index.set_boundary_order(boundary_order(&self.page_list));

        let mut named: Vec<Encoding> = encodings.iter().map(|of| of.encoding).collect();
        if self.column.max_def_level() > 0 {
            named.push(Encoding::RLE);
        }
        let bytes = dictionary_page.len() + pages.len();
        let mut metadata = ColumnChunkMetaData::builder(self.column.clone())
            .set_compression_codec(self.codec.name())
            .set_encodings(named)
            .set_page_encoding_stats(encodings)
            .set_total_compressed_size(bytes as i64)
            .set_total_uncompressed_size(self.plain_bytes as i64)
            .set_num_values(self.rows as i64)
            .set_data_page_offset(shift)
            .set_dictionary_page_offset(dictionary.map(|_| 0));
        if let Some(statistics) = all.statistics(&self.column, is_utf8) {
            metadata = metadata.set_statistics(statistics);
        }
        let close = ColumnCloseResult {
            bytes_written: bytes as u64,
            rows_written: self.rows,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index: match Order::of(&self.column) {
                Some(_) => Some(index.build()?),
                None => None,
            },
            offset_index: Some(offsets.build()),
        };
        Ok(EncodedChunk { pages: [dictionary_page.into(), pages.into()], close })
    }
}

/// Compresses and writes a page. Returns its bytes, and what they would be without compression.
fn write_page(
    to: &mut TrackedWrite<Vec<u8>>,
    compressor: Compressor,
    plain: &[u8],
    page: impl FnOnce(Bytes) -> Page,
) -> ParquetResult<(usize, usize)> {
    let mut compressed = Vec::new();
    compressor.compress(plain, &mut compressed)?;
    let page = CompressedPage::new(page(compressed.into()), plain.len());
    let spec = SerializedPageWriter::new(to).write_page(page)?;
    Ok((spec.bytes_written as usize, spec.uncompressed_size))
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

/// A column chunk in memory: its dictionary page and its data pages.
#[derive(Debug)]
pub struct EncodedChunk {
    pages: [Bytes; 2],
    close: ColumnCloseResult,
}

impl EncodedChunk {
    pub fn bytes(&self) -> usize {
        self.pages.iter().map(Bytes::len).sum()
    }

    pub fn append_to<W: Write + Send>(
        self,
        row_group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> ParquetResult<()> {
        row_group.append_column(&Pages(self.pages), self.close)
    }
}

/// The pages, as the crate reads them when it copies them to the file.
struct Pages([Bytes; 2]);

impl Length for Pages {
    fn len(&self) -> u64 {
        self.0.iter().map(|bytes| bytes.len() as u64).sum()
    }
}

impl ChunkReader for Pages {
    type T = io::Chain<Cursor<Bytes>, Cursor<Bytes>>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        let first = self.0[0].len() as u64;
        let cursor = |bytes: &Bytes, at: u64| {
            let mut cursor = Cursor::new(bytes.clone());
            cursor.set_position(at);
            cursor
        };
        Ok(cursor(&self.0[0], start.min(first)).chain(cursor(&self.0[1], start.saturating_sub(first))))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let mut bytes = vec![0; length];
        self.get_read(start)?.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}
