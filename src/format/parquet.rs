//! Parquet through the parquet crate.

use std::path::PathBuf;

use arrow_array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::error::{Error, Result};
use crate::schema::Schema;
use crate::storage::PartFile;

/// How pages are compressed (Parquet Compression.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Not at all.
    Uncompressed,
    /// Snappy.
    Snappy,
    /// Gzip, level 0 to 9.
    Gzip(i32),
    /// LZ4 in Hadoop's framing, deprecated by the format; for old readers.
    Lz4,
    /// Zstandard, level 1 to 22.
    Zstd(i32),
    /// LZ4 blocks without framing.
    Lz4Raw,
}

impl Codec {
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
            Codec::Zstd(level) => {
                let valid = Some(level).filter(|l| (1..=22).contains(l)).map(ZstdLevel::try_new);
                Compression::ZSTD(
                    valid.and_then(|l| l.ok()).ok_or_else(|| bad_level("zstd", level, "1 to 22"))?,
                )
            }
        })
    }
}

/// Options of a Parquet part.
#[derive(Clone, Debug)]
pub struct ParquetOptions {
    /// Page compression.
    pub codec: Codec,
    /// Rows of a row group.
    pub row_group_rows: usize,
}

impl Default for ParquetOptions {
    /// Zstd at level 1 (near the speed of the fast codecs at a much better ratio), 1,048,576 rows a
    /// row group (the parquet crate's own default).
    fn default() -> Self {
        ParquetOptions { codec: Codec::Zstd(1), row_group_rows: 1 << 20 }
    }
}

/// What a published part holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartSummary {
    /// Its final name.
    pub path: PathBuf,
    /// Rows in all row groups.
    pub rows: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Number of row groups.
    pub row_groups: u64,
}

/// Encodes batches into one part.
pub struct ParquetEncoder {
    writer: ArrowWriter<PartFile>,
    path: PathBuf,
}

impl ParquetEncoder {
    /// Starts a part: `create` is called once the options have proved valid.
    pub fn new(
        schema: &Schema,
        options: &ParquetOptions,
        path: PathBuf,
        create: impl FnOnce() -> Result<PartFile>,
    ) -> Result<Self> {
        let version = concat!("libflow ", env!("CARGO_PKG_VERSION"));
        let properties = WriterProperties::builder()
            .set_compression(options.codec.compression()?)
            .set_max_row_group_row_count(Some(options.row_group_rows))
            .set_created_by(version.to_owned())
            .build();
        let writer = ArrowWriter::try_new(create()?, schema.stored().clone(), Some(properties))
            .map_err(|e| Error::parquet(&e, format!("starting \"{}\"", path.display())))?;
        let mut encoder = ParquetEncoder { writer, path };
        encoder.put_metadata("libflow.version", env!("CARGO_PKG_VERSION"));
        Ok(encoder)
    }

    /// Encodes a batch; row groups that get full are written.
    pub fn encode(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(batch).map_err(|e| self.error(&e))
    }

    /// Ends the row group, if it has rows.
    pub fn end_row_group(&mut self) -> Result<()> {
        self.writer.flush().map_err(|e| self.error(&e))
    }

    /// Adds a key and value to the part's metadata.
    pub fn put_metadata(&mut self, key: &str, value: impl Into<String>) {
        self.writer.append_key_value_metadata(KeyValue::new(key.to_owned(), value.into()));
    }

    /// Writes the rest and the footer, and publishes.
    pub fn finish(mut self) -> Result<PartSummary> {
        let metadata = self.writer.finish().map_err(|e| self.error(&e))?;
        let summary = PartSummary {
            rows: metadata.file_metadata().num_rows() as u64,
            row_groups: metadata.num_row_groups() as u64,
            bytes: self.writer.bytes_written() as u64,
            path: self.path.clone(),
        };
        // `finish` has flushed the crate's buffer, so the file below it is whole.
        self.writer.inner_mut().publish()?;
        Ok(summary)
    }

    #[track_caller]
    fn error(&self, error: &parquet::errors::ParquetError) -> Error {
        Error::parquet(error, format!("writing \"{}\"", self.path.display()))
    }
}
