//! Options of a Parquet part, checked against the columns they are for.

use arrow_schema::{DataType, SchemaRef};
use parquet::basic::{BrotliLevel, Compression, CompressionCodec, Encoding, GzipLevel, Type, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::{ColumnDescriptor, ColumnPath, SchemaDescriptor};

use crate::error::{Error, ErrorClass, Result};

/// How pages are compressed (Parquet Compression.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Not at all.
    Uncompressed,
    /// Snappy.
    Snappy,
    /// Gzip, level 0 to 9.
    Gzip(i32),
    /// Brotli, level 0 to 11; only with the feature `brotli`.
    Brotli(i32),
    /// LZ4 in Hadoop's framing, deprecated by the format; for old readers.
    Lz4,
    /// Zstandard, level -131,072 to 22 but 0: the lower, the faster and the larger.
    Zstd(i32),
    /// LZ4 blocks without framing.
    Lz4Raw,
}

impl Codec {
    /// Its name in a file.
    pub(super) fn name(self) -> CompressionCodec {
        match self {
            Codec::Uncompressed => CompressionCodec::UNCOMPRESSED,
            Codec::Snappy => CompressionCodec::SNAPPY,
            Codec::Gzip(_) => CompressionCodec::GZIP,
            Codec::Brotli(_) => CompressionCodec::BROTLI,
            Codec::Lz4 => CompressionCodec::LZ4,
            Codec::Zstd(_) => CompressionCodec::ZSTD,
            Codec::Lz4Raw => CompressionCodec::LZ4_RAW,
        }
    }

    fn compression(self) -> Result<Compression> {
        let bad_level = |name: &str, level: i32, range: &str| {
            Error::invalid(format!("codec_level {level} is out of range for {name}; give {range}"))
        };
        Ok(match self {
            Codec::Uncompressed => Compression::UNCOMPRESSED,
            Codec::Snappy => Compression::SNAPPY,
            Codec::Lz4 => Compression::LZ4,
            Codec::Lz4Raw => Compression::LZ4_RAW,
            Codec::Gzip(level) => {
                let valid = u32::try_from(level).ok().and_then(|l| GzipLevel::try_new(l).ok());
                Compression::GZIP(valid.ok_or_else(|| bad_level("gzip", level, "0 to 9"))?)
            }
            Codec::Brotli(_) if cfg!(not(feature = "brotli")) => {
                return Err(Error::new(
                    ErrorClass::Unsupported,
                    "codec brotli is not in this build of libflow; choose another, or build it with `cargo build --features brotli`",
                ));
            }
            Codec::Brotli(level) => {
                let valid = u32::try_from(level).ok().and_then(|l| BrotliLevel::try_new(l).ok());
                Compression::BROTLI(valid.ok_or_else(|| bad_level("brotli", level, "0 to 11"))?)
            }
            Codec::Zstd(level) => {
                let valid = Some(level).filter(|&l| l != 0).and_then(|l| ZstdLevel::try_new(l).ok());
                let range = "-131072 to -1, or 1 to 22";
                Compression::ZSTD(valid.ok_or_else(|| bad_level("zstd", level, range))?)
            }
        })
    }
}

/// The form of data pages (parquet.thrift, `PageType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageVersion {
    /// Levels and values are compressed together. Every reader knows it.
    V1,
    /// Levels are not compressed, nor values that compression would make no smaller.
    V2,
}

/// What is told of the values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatisticsLevel {
    /// Nothing.
    None,
    /// Of each column chunk, in the footer.
    Chunk,
    /// Of each page too, in the column index.
    Page,
}

/// A filter that tells which values are not in a column chunk (Parquet BloomFilter.md).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BloomFilter {
    /// How often it may say of a value that is not there that it could be; above 0, below 1.
    pub fpp: f64,
    /// Distinct values of a row group, at most. Sizes the filter, which shrinks to what the values need.
    pub ndv: u64,
}

/// Options of a column.
#[derive(Clone, Debug, Default)]
pub struct ColumnOptions {
    /// A leaf column in Parquet's own words ("a.list.element"), or a field, which stands for all leaf columns
    /// in it. Of several that name a column, the last counts.
    pub path: String,
    /// PLAIN, RLE_DICTIONARY, DELTA_BINARY_PACKED, DELTA_LENGTH_BYTE_ARRAY or BYTE_STREAM_SPLIT; `None`: what
    /// suits the values. A dictionary that gets too large is given up for PLAIN.
    pub encoding: Option<Encoding>,
    /// `None`: as the part's.
    pub statistics: Option<StatisticsLevel>,
    /// None by default: it takes space, and pays only where single values are looked for.
    pub bloom_filter: Option<BloomFilter>,
}

/// A column that the rows of each row group are sorted by.
#[derive(Clone, Debug)]
pub struct SortKey {
    /// A leaf column.
    pub path: String,
    /// From the greatest value to the least.
    pub descending: bool,
    /// Nulls come before all values.
    pub nulls_first: bool,
}

/// Options of a Parquet part.
#[derive(Clone, Debug)]
pub struct ParquetOptions {
    /// Page compression.
    pub codec: Codec,
    /// Rows of a row group, at most.
    pub row_group_rows: usize,
    /// Bytes of a row group's rows in memory, about.
    pub row_group_bytes: usize,
    /// The form of data pages.
    pub page_version: PageVersion,
    /// Rows of a page, at most; without a dictionary 65,536 at most.
    pub page_rows: usize,
    /// Bytes of a page before compression, about; at most 1 GiB.
    pub page_bytes: usize,
    /// Whether pages carry a checksum.
    pub page_crc: bool,
    /// Of columns without an option of their own.
    pub statistics: StatisticsLevel,
    /// Options of single columns.
    pub columns: Vec<ColumnOptions>,
    /// What rows are sorted by, the most significant first. Told to readers, not checked.
    pub sorting: Vec<SortKey>,
}

impl Default for ParquetOptions {
    /// Zstd at level 1 (near the speed of the fast codecs at a much better ratio); 1,048,576 rows a row group
    /// (the parquet crate's own default), however large; pages of version 1 (which every reader knows), of
    /// 1,048,576 rows or 2 MiB (a codec finds again only what the same page has had), without checksums (few
    /// readers look at them); statistics of pages (so that readers skip what a filter rules out).
    fn default() -> Self {
        ParquetOptions {
            codec: Codec::Zstd(1),
            row_group_rows: 1 << 20,
            row_group_bytes: usize::MAX,
            page_version: PageVersion::V1,
            page_rows: 1 << 20,
            page_bytes: 1 << 21,
            page_crc: false,
            statistics: StatisticsLevel::Page,
            columns: Vec::new(),
            sorting: Vec::new(),
        }
    }
}

/// What the chunks of a leaf column are to be.
#[derive(Clone, Copy, Debug)]
pub struct ChunkOptions {
    pub codec: Codec,
    pub version: PageVersion,
    pub page_rows: usize,
    pub page_bytes: usize,
    pub page_crc: bool,
    pub encoding: Option<Encoding>,
    pub statistics: StatisticsLevel,
    pub bloom_filter: Option<BloomFilter>,
}

impl ParquetOptions {
    /// The options of each leaf column. Refuses what does not suit the columns.
    pub(super) fn of_chunks(
        &self,
        columns: &SchemaDescriptor,
        stored: &SchemaRef,
    ) -> Result<Vec<ChunkOptions>> {
        self.codec.compression()?;
        if self.page_bytes > 1 << 30 {
            return Err(Error::invalid(format!("page_bytes {} is more than 1 GiB", self.page_bytes)));
        }
        let default = ChunkOptions {
            codec: self.codec,
            version: self.page_version,
            page_rows: self.page_rows,
            page_bytes: self.page_bytes,
            page_crc: self.page_crc,
            encoding: None,
            statistics: self.statistics,
            bloom_filter: None,
        };
        let mut chunks = vec![default; columns.num_columns()];
        for (i, given) in self.columns.iter().enumerate() {
            let mut is_known = false;
            for (leaf, chunk) in chunks.iter_mut().enumerate() {
                let column = columns.column(leaf);
                if !is_in(&given.path, &column) {
                    continue;
                }
                is_known = true;
                // A message type has no fields.
                let keeps_dictionary = stored
                    .fields()
                    .get(columns.get_column_root_idx(leaf))
                    .is_some_and(|field| matches!(field.data_type(), DataType::Dictionary(..)));
                given.check(i, &column, keeps_dictionary)?;
                chunk.encoding = given.encoding;
                chunk.statistics = given.statistics.unwrap_or(self.statistics);
                chunk.bloom_filter = given.bloom_filter;
            }
            if !is_known {
                return Err(unknown("columns", i, &given.path, columns));
            }
        }
        Ok(chunks)
    }

    /// The options as the parquet crate takes them.
    pub(super) fn properties(
        &self,
        columns: &SchemaDescriptor,
        chunks: &[ChunkOptions],
    ) -> Result<WriterProperties> {
        let sorting = self.sorting.iter().enumerate().map(|(i, key)| {
            let column = columns.columns().iter().position(|column| column.path().string() == key.path);
            let column = column.ok_or_else(|| unknown("sorting", i, &key.path, columns))?;
            Ok(SortingColumn {
                column_idx: column as i32,
                descending: key.descending,
                nulls_first: key.nulls_first,
            })
        });
        let sorting = sorting.collect::<Result<Vec<_>>>()?;
        let mut properties = WriterProperties::builder()
            .set_compression(self.codec.compression()?)
            .set_created_by(concat!("libflow ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_writer_version(match self.page_version {
                PageVersion::V1 => WriterVersion::PARQUET_1_0,
                PageVersion::V2 => WriterVersion::PARQUET_2_0,
            })
            .set_data_page_row_count_limit(self.page_rows)
            .set_data_page_size_limit(self.page_bytes)
            // The crate looks at the limits once in so many rows.
            .set_write_batch_size(self.page_rows.min(1024))
            .set_sorting_columns(Some(sorting).filter(|keys| !keys.is_empty()));
        for (column, chunk) in columns.columns().iter().zip(chunks) {
            let path = || -> ColumnPath { column.path().clone() };
            properties = properties.set_column_statistics_enabled(
                path(),
                match chunk.statistics {
                    StatisticsLevel::None => EnabledStatistics::None,
                    StatisticsLevel::Chunk => EnabledStatistics::Chunk,
                    StatisticsLevel::Page => EnabledStatistics::Page,
                },
            );
            match chunk.encoding {
                None => {}
                Some(Encoding::RLE_DICTIONARY) => {
                    properties = properties.set_column_dictionary_enabled(path(), true);
                }
                Some(encoding) => {
                    properties = properties
                        .set_column_dictionary_enabled(path(), false)
                        .set_column_encoding(path(), encoding);
                }
            }
            if let Some(filter) = chunk.bloom_filter {
                properties = properties
                    .set_column_bloom_filter_enabled(path(), true)
                    .set_column_bloom_filter_fpp(path(), filter.fpp)
                    .set_column_bloom_filter_max_ndv(path(), filter.ndv);
            }
        }
        Ok(properties.build())
    }
}

impl ColumnOptions {
    /// Whether column options `i` suit the column.
    fn check(&self, i: usize, column: &ColumnDescriptor, keeps_dictionary: bool) -> Result<()> {
        let (path, physical) = (column.path().string(), column.physical_type());
        let refuse = |what: String| Err(Error::invalid(format!("columns[{i}], \"{path}\": {what}")));
        if let Some(encoding) = self.encoding {
            let types: &[Type] = match encoding {
                Encoding::PLAIN => &[physical],
                Encoding::RLE_DICTIONARY if physical == Type::BOOLEAN => &[],
                Encoding::RLE_DICTIONARY => &[physical],
                Encoding::DELTA_BINARY_PACKED => &[Type::INT32, Type::INT64],
                Encoding::DELTA_LENGTH_BYTE_ARRAY => &[Type::BYTE_ARRAY],
                // The format has it for FIXED_LEN_BYTE_ARRAY too, but DuckDB and Polars cannot read that.
                Encoding::BYTE_STREAM_SPLIT => &[Type::INT32, Type::INT64, Type::FLOAT, Type::DOUBLE],
                other => return refuse(format!("encoding {other} is none that libflow writes")),
            };
            if !types.contains(&physical) {
                return refuse(format!("encoding {encoding} cannot carry {physical}; choose another"));
            }
            if keeps_dictionary && encoding != Encoding::RLE_DICTIONARY {
                return refuse(format!("encoding {encoding}, but the field keeps its dictionary"));
            }
        }
        match self.bloom_filter {
            Some(filter) if !(filter.fpp > 0.0 && filter.fpp < 1.0) => {
                refuse(format!("bloom_fpp {} is not between 0 and 1", filter.fpp))
            }
            Some(BloomFilter { ndv: 0, .. }) => refuse("bloom_ndv is 0; give 1 or more".to_owned()),
            Some(_) if physical == Type::BOOLEAN => refuse("BOOLEAN has no bloom filter".to_owned()),
            _ => Ok(()),
        }
    }
}

/// Whether the path names the column or a group around it.
fn is_in(path: &str, column: &ColumnDescriptor) -> bool {
    let column = column.path().string();
    column.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[track_caller]
fn unknown(array: &str, i: usize, path: &str, columns: &SchemaDescriptor) -> Error {
    const SHOWN: usize = 8;
    let names: Vec<_> = columns.columns().iter().take(SHOWN).map(|c| c.path().string()).collect();
    let more = if columns.num_columns() > SHOWN { ", …" } else { "" };
    Error::invalid(format!(
        "{array}[{i}].path \"{path}\" names no column; the part has {}{more}",
        names.join(", ")
    ))
}
