//! A column chunk that grows page by page.

use std::cmp::Ordering;
use std::io::{self, Cursor, Read, Write};

use bytes::Bytes;
use parquet::basic::{BoundaryOrder, Encoding, LogicalType, PageType, Type};
use parquet::bloom_filter::Sbbf;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::ColumnDescPtr;

use super::bounds::{Bounds, Order};
use super::compress::Compressor;
use super::header::{PageHeader, PageKind};
use super::hybrid::put_bits;
use crate::format::options::{ChunkOptions, Codec, PageVersion, StatisticsLevel};

/// A flat column's chunk.
pub struct Chunk {
    column: ColumnDescPtr,
    order: Option<Order>,
    options: ChunkOptions,
    compressor: Compressor,
    /// What of the values has been told, if it has a bloom filter.
    filter: Option<Sbbf>,
    pages: Vec<u8>,
    page_list: Vec<PageInfo>,
    /// Bytes before compression, headers included.
    plain_bytes: usize,
    rows: u64,
    /// Memory for a page before compression, and after.
    scratch: Vec<u8>,
    compressed: Vec<u8>,
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

/// The dictionary of a chunk.
pub struct DictionaryPage<'a> {
    /// Its values, in PLAIN form.
    pub plain: &'a [u8],
    /// How many.
    pub count: usize,
    /// How many of them there are in data pages, if that is known.
    pub used: Option<usize>,
}

impl Chunk {
    pub fn new(column: ColumnDescPtr, options: ChunkOptions) -> ParquetResult<Self> {
        let filter = options.bloom_filter.map(|filter| Sbbf::new_with_ndv_fpp(filter.ndv, filter.fpp));
        Ok(Chunk {
            order: Order::of(&column),
            column,
            options,
            compressor: Compressor::new(options.codec)?,
            filter: filter.transpose()?,
            pages: Vec::new(),
            page_list: Vec::new(),
            plain_bytes: 0,
            rows: 0,
            scratch: Vec::new(),
            compressed: Vec::new(),
        })
    }

    /// Rows of a page at most, if each takes `width` bytes.
    pub fn page_rows(&self, width: usize) -> usize {
        self.options.page_rows.min(self.options.page_bytes / width).max(1)
    }

    /// Bytes of a page before compression, about.
    pub fn page_bytes(&self) -> usize {
        self.options.page_bytes
    }

    /// Whether bounds are of use.
    pub fn has_statistics(&self) -> bool {
        self.options.statistics != StatisticsLevel::None
    }

    /// Tells the bloom filter, if there is one, of values that are not in the dictionary; in PLAIN form, without
    /// the length of a byte array.
    pub fn filter<'a>(&mut self, values: impl Iterator<Item = &'a [u8]>) {
        if let Some(filter) = &mut self.filter {
            values.for_each(|value| insert(filter, self.order, value));
        }
    }

    /// The codec at work, for trials.
    pub fn compressor(&mut self) -> &mut Compressor {
        &mut self.compressor
    }

    /// Bytes of memory in use.
    pub fn memory(&self) -> usize {
        let filter = self.filter.as_ref().map_or(0, |filter| filter.num_blocks() * 32);
        self.pages.len() + self.scratch.capacity() + self.compressed.capacity() + filter
    }

    /// Adds a data page of `rows` rows. `validity` are their bits, from a bit on, if any can be
    /// null; `put` writes the values of those that are not.
    pub fn put_page(
        &mut self,
        rows: usize,
        validity: Option<(&[u8], usize)>,
        put: impl FnOnce(&mut Vec<u8>) -> PageValues,
    ) -> ParquetResult<()> {
        let mut plain = std::mem::take(&mut self.scratch);
        plain.clear();
        let is_v2 = self.options.version == PageVersion::V2;
        if self.column.max_def_level() > 0 {
            let lead = if is_v2 { 0 } else { 4 };
            plain.resize(lead, 0);
            put_bits(&mut plain, validity, rows);
            if !is_v2 {
                let levels = plain.len() as u32 - 4;
                plain[..4].copy_from_slice(&levels.to_le_bytes());
            }
        }
        let level_bytes = plain.len();
        let PageValues { encoding, bounds } = put(&mut plain);
        let kind = match is_v2 {
            true => {
                let nulls = bounds.nulls as usize;
                PageKind::V2 { rows, nulls, encoding, level_bytes, is_compressed: true }
            }
            false => PageKind::V1 { rows, encoding },
        };
        let offset = self.pages.len();
        let mut pages = std::mem::take(&mut self.pages);
        self.write_page(&mut pages, &plain, kind)?;
        self.pages = pages;
        self.rows += rows as u64;
        let bytes = self.pages.len() - offset;
        self.page_list.push(PageInfo { offset: offset as u64, bytes, rows, encoding, bounds });
        self.scratch = plain;
        Ok(())
    }

    /// Compresses a page and appends it to `to`.
    fn write_page(&mut self, to: &mut Vec<u8>, plain: &[u8], mut kind: PageKind) -> ParquetResult<()> {
        let mut page = plain;
        if self.options.codec != Codec::Uncompressed {
            let levels = if let PageKind::V2 { level_bytes, .. } = kind { level_bytes } else { 0 };
            self.compressed.clear();
            self.compressed.extend_from_slice(&plain[..levels]);
            self.compressor.compress(&plain[levels..], &mut self.compressed)?;
            page = &self.compressed;
        }
        if let PageKind::V2 { is_compressed, .. } = &mut kind
            && page.len() >= plain.len()
        {
            *is_compressed = false;
            page = plain;
        }
        let mut crc = flate2::Crc::new();
        if self.options.page_crc {
            crc.update(page);
        }
        let crc = self.options.page_crc.then(|| crc.sum());
        let start = to.len();
        PageHeader { kind, plain_bytes: plain.len(), bytes: page.len(), crc }.put(to)?;
        self.plain_bytes += to.len() - start + plain.len();
        to.extend_from_slice(page);
        Ok(())
    }

    /// Ends the chunk.
    pub fn close(mut self, dictionary: Option<DictionaryPage<'_>>) -> ParquetResult<EncodedChunk> {
        let mut dictionary_page = Vec::new();
        if let Some(DictionaryPage { plain, count, .. }) = dictionary {
            self.write_page(&mut dictionary_page, plain, PageKind::Dictionary { count })?;
            if let Some(filter) = &mut self.filter {
                let physical = self.column.physical_type();
                each_plain(plain, count, physical, |value| insert(filter, self.order, value));
            }
        }
        if let (Some(filter), Some(wanted)) = (&mut self.filter, self.options.bloom_filter) {
            filter.fold_to_target_fpp(wanted.fpp);
        }
        let shift = dictionary_page.len() as i64;
        let pages = self.pages;
        let is_utf8 = matches!(self.column.logical_type_ref(), Some(LogicalType::String));

        let mut all = Bounds::new(self.order);
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
        // Bits that differ are not always values that do.
        let is_float = matches!(self.order, Some(Order::Float | Order::Double));
        let in_dictionary = |page: &PageInfo| {
            page.encoding == Encoding::RLE_DICTIONARY || page.bounds.nulls == page.rows as u64
        };
        let distinct = match &dictionary {
            Some(dictionary) if !is_float && self.page_list.iter().all(in_dictionary) => dictionary.used,
            _ => None,
        };
        let mut metadata = ColumnChunkMetaData::builder(self.column.clone())
            .set_compression_codec(self.options.codec.name())
            .set_encodings(named)
            .set_page_encoding_stats(encodings)
            .set_total_compressed_size(bytes as i64)
            .set_total_uncompressed_size(self.plain_bytes as i64)
            .set_num_values(self.rows as i64)
            .set_data_page_offset(shift)
            .set_dictionary_page_offset(dictionary.map(|_| 0));
        if self.options.statistics != StatisticsLevel::None
            && let Some(statistics) = all.statistics(&self.column, is_utf8, distinct.map(|n| n as u64))
        {
            metadata = metadata.set_statistics(statistics);
        }
        let close = ColumnCloseResult {
            bytes_written: bytes as u64,
            rows_written: self.rows,
            metadata: metadata.build()?,
            bloom_filter: self.filter,
            column_index: match self.order {
                Some(_) if self.options.statistics == StatisticsLevel::Page => Some(index.build()?),
                _ => None,
            },
            offset_index: Some(offsets.build()),
        };
        Ok(EncodedChunk { pages: [dictionary_page.into(), pages.into()], close })
    }
}

/// Tells the filter of a value, in each form that a reader may look for.
fn insert(filter: &mut Sbbf, order: Option<Order>, value: &[u8]) {
    filter.insert(value);
    if let Some(order) = order {
        order.others_equal(value).iter().for_each(|other| filter.insert(&other[..value.len()]));
    }
}

/// Calls `each` for `count` values in PLAIN form, without the length of a byte array.
fn each_plain(mut plain: &[u8], count: usize, physical: Type, mut each: impl FnMut(&[u8])) {
    let width = plain.len() / count.max(1);
    for _ in 0..count {
        let len = match (physical, plain.split_first_chunk()) {
            (Type::BYTE_ARRAY, Some((len, rest))) => {
                plain = rest;
                u32::from_le_bytes(*len) as usize
            }
            _ => width,
        };
        let (value, rest) = plain.split_at(len);
        each(value);
        plain = rest;
    }
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
