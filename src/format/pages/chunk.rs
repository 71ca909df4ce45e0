//! A column chunk that grows page by page.

use std::cmp::Ordering;
use std::sync::{Arc, OnceLock};

use arrow_buffer::Buffer;
use parquet::basic::{BoundaryOrder, Encoding, LogicalType, PageType, Type};
use parquet::bloom_filter::Sbbf;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::schema::types::ColumnDescPtr;

use super::bounds::{Bounds, Order};
use super::compress::Compressor;
use super::header::PageKind;
use super::hybrid::put_bits;
use super::page::{HEADER, PageValues, PendingPage, Slot, WrittenPage, write_page};
use super::spare;
use crate::format::assembly::{Columns, WrittenColumn};
use crate::format::options::{ChunkOptions, Codec, PageVersion, StatisticsLevel};

/// A flat column's chunk.
pub struct Chunk {
    column: ColumnDescPtr,
    order: Option<Order>,
    options: ChunkOptions,
    /// Knows the values, if it was asked for.
    filter: Option<Sbbf>,
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
            filter: filter.transpose()?,
            page_list: Vec::new(),
            fresh: Vec::new(),
            rows: 0,
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

    /// The end of a page where it lies in a buffer, if it may be kept, is stored as it is, and is long enough to be worth
    /// it: storage gathers what is shorter, which is a copy, too.
    pub fn keep(&self, buffer: Option<&Buffer>, end: &[u8]) -> Option<Buffer> {
        const LONG: usize = 64 << 10;
        let buffer = buffer.filter(|_| self.options.codec == Codec::Uncompressed && end.len() >= LONG)?;
        Some(buffer.slice_with_length(end.as_ptr().addr() - buffer.as_ptr().addr(), end.len()))
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
    pub fn compressor(&self) -> Compressor {
        Compressor::new(self.options.codec)
    }

    /// The pages since the last call, for whoever has time to compress them.
    pub fn take_pages(&mut self) -> Vec<PendingPage> {
        std::mem::take(&mut self.fresh)
    }

    /// Adds a data page of `rows` rows. `validity` are their bits, from a bit on, if any can be
    /// null; `put` writes the values of those that are not, about so many `bytes`, if that is foreseen.
    pub fn put_page(
        &mut self,
        rows: usize,
        validity: Option<(&[u8], usize)>,
        bytes: Option<usize>,
        put: impl FnOnce(&mut Vec<u8>) -> PageValues,
    ) -> ParquetResult<()> {
        let mut plain = self.begin_page(bytes.map(|bytes| rows.div_ceil(8) + bytes));
        let is_v2 = self.options.version == PageVersion::V2;
        if self.column.max_def_level() > 0 {
            let lead = if is_v2 { 0 } else { 4 };
            plain.resize(HEADER + lead, 0);
            put_bits(&mut plain, validity, rows);
            if !is_v2 {
                let levels = (plain.len() - HEADER - lead) as u32;
                plain[HEADER..HEADER + lead].copy_from_slice(&levels.to_le_bytes());
            }
        }
        let level_bytes = plain.len() - HEADER;
        let PageValues { encoding, bounds, kept } = put(&mut plain);
        let kind = match is_v2 {
            true => {
                let nulls = bounds.nulls as usize;
                PageKind::V2 { rows, nulls, encoding, level_bytes, is_compressed: true }
            }
            false => PageKind::V1 { rows, encoding },
        };
        let (options, written) = (self.options, Slot::default());
        self.fresh.push(PendingPage { plain, kept, kind, options, written: written.clone() });
        self.rows += rows as u64;
        self.page_list.push(PageInfo { rows, encoding, bounds, written });
        Ok(())
    }

    /// Memory for a page of about so many bytes, if that is foreseen, with the room for its header.
    fn begin_page(&self, bytes: Option<usize>) -> Vec<u8> {
        let mut page = match bytes {
            // What is not compressed stays as it is made.
            Some(bytes) if self.options.codec == Codec::Uncompressed => spare::take_for(HEADER + bytes),
            _ => spare::take(),
        };
        page.resize(HEADER, 0);
        page
    }

    /// Ends the chunk: compresses the pages that nobody took, and the dictionary, if it has one.
    pub fn close(mut self, dictionary: Option<DictionaryPage<'_>>) -> ParquetResult<EncodedChunk> {
        let mut bytes = self.take_pages().into_iter().map(PendingPage::compress).sum();
        let mut used = None;
        let dictionary = dictionary.map(|DictionaryPage { plain, count, used: known }| {
            used = known;
            if let Some(filter) = &mut self.filter {
                let physical = self.column.physical_type();
                each_plain(plain, count, physical, |value| insert(filter, self.order, value));
            }
            let mut page = self.begin_page(Some(plain.len()));
            page.extend_from_slice(plain);
            write_page(&self.options, page, None, PageKind::Dictionary { count })
        });
        let dictionary = dictionary.transpose()?;
        if let (Some(filter), Some(wanted)) = (&mut self.filter, self.options.bloom_filter) {
            filter.fold_to_target_fpp(wanted.fpp);
        }
        bytes += dictionary.as_ref().map_or(0, WrittenPage::bytes);
        Ok(EncodedChunk { chunk: self, dictionary, used, bytes })
    }

    /// The pages in the order of the file, where they are from `start` on, and what it says of them, once all have
    /// been compressed. `used` are the values of the dictionary that data pages have.
    fn finish(
        self,
        dictionary: Option<WrittenPage>,
        used: Option<usize>,
        start: i64,
    ) -> ParquetResult<(Vec<WrittenPage>, WrittenColumn)> {
        let has_dictionary = dictionary.is_some();
        let mut page_list = self.page_list;
        let mut pages = Vec::with_capacity(page_list.len() + 1);
        pages.extend(dictionary);
        let first = start + pages.iter().map(|page| page.bytes() as i64).sum::<i64>();
        let is_utf8 = matches!(self.column.logical_type_ref(), Some(LogicalType::String));

        let mut all = Bounds::new(self.order);
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
        let mut offset = first;
        for page in &mut page_list {
            let written = Arc::into_inner(std::mem::take(&mut page.written)).and_then(OnceLock::into_inner);
            let written = written.ok_or_else(|| ParquetError::General("a page was lost".to_owned()))??;
            offsets.append_row_count(page.rows as i64);
            let bytes = written.bytes();
            offsets.append_offset_and_size(offset, bytes as i32);
            offset += bytes as i64;
            pages.push(written);
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
        // Bits that differ are not always values that do.
        let is_float = matches!(self.order, Some(Order::Float | Order::Double));
        let in_dictionary = |page: &PageInfo| {
            page.encoding == Encoding::RLE_DICTIONARY || page.bounds.nulls == page.rows as u64
        };
        let is_known = has_dictionary && !is_float && page_list.iter().all(in_dictionary);
        let distinct = used.filter(|_| is_known).map(|count| count as u64);
        let mut metadata = ColumnChunkMetaData::builder(self.column.clone())
            .set_compression_codec(self.options.codec.name())
            .set_encodings(named)
            .set_page_encoding_stats(encodings)
            .set_total_compressed_size(offset - start)
            .set_total_uncompressed_size(pages.iter().map(|page| page.plain_bytes as i64).sum())
            .set_num_values(self.rows as i64)
            .set_data_page_offset(first)
            .set_dictionary_page_offset(has_dictionary.then_some(start));
        if self.options.statistics != StatisticsLevel::None
            && let Some(statistics) = all.statistics(&self.column, is_utf8, distinct)
        {
            metadata = metadata.set_statistics(statistics);
        }
        let index = match self.order {
            Some(_) if self.options.statistics == StatisticsLevel::Page => Some(index.build()?),
            _ => None,
        };
        let column = WrittenColumn {
            rows: self.rows as i64,
            metadata: metadata.build()?,
            filter: self.filter,
            indexes: (index, Some(offsets.build())),
        };
        Ok((pages, column))
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

/// A column chunk in memory, some of whose pages may not be compressed yet.
pub struct EncodedChunk {
    chunk: Chunk,
    dictionary: Option<WrittenPage>,
    /// Values of the dictionary that data pages have, if that is known.
    used: Option<usize>,
    bytes: usize,
}

impl EncodedChunk {
    /// Bytes, but for pages that somebody took to compress.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// All its pages must have been compressed.
    pub fn append_to(self, row_group: &mut Columns<'_>) -> ParquetResult<()> {
        let (pages, column) = self.chunk.finish(self.dictionary, self.used, row_group.position())?;
        for page in pages {
            page.write_to(row_group)?;
        }
        row_group.push(column);
        Ok(())
    }
}
