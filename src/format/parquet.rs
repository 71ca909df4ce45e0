//! Parquet through the parquet crate.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

use super::levels::{LeveledRowGroup, LeveledSchema};
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

/// Encodes batches and row groups into one part.
pub struct ParquetEncoder {
    writer: SerializedFileWriter<PartFile>,
    /// Makes the encoders of a row group's columns, for batches.
    columns: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    gathering: Option<Gathering>,
    row_group_rows: usize,
    path: PathBuf,
}

/// The row group that batches go into: its pages are kept until it ends.
struct Gathering {
    columns: Vec<ArrowColumnWriter>,
    rows: usize,
}

impl ParquetEncoder {
    /// Starts a part: `create` is called once the options have proved valid.
    pub fn new(
        schema: &Schema,
        options: &ParquetOptions,
        path: PathBuf,
        create: impl FnOnce() -> Result<PartFile>,
    ) -> Result<Self> {
        let starting = |e: &ParquetError| Error::parquet(e, format!("starting \"{}\"", path.display()));
        let version = concat!("libflow ", env!("CARGO_PKG_VERSION"));
        let mut properties = WriterProperties::builder()
            .set_compression(options.codec.compression()?)
            .set_created_by(version.to_owned())
            .build();
        let stored = schema.stored().clone();
        let root = match schema.message() {
            Some(message) => message.clone(),
            None => {
                add_encoded_arrow_schema_to_metadata(&schema.described(), &mut properties);
                let converted = ArrowSchemaConverter::new().convert(&stored);
                converted.map_err(|e| starting(&e))?.root_schema_ptr()
            }
        };
        let writer = SerializedFileWriter::new(create()?, root, Arc::new(properties));
        let writer = writer.map_err(|e| starting(&e))?;
        let columns = ArrowRowGroupWriterFactory::new(&writer, stored.clone());
        let row_group_rows = options.row_group_rows;
        let mut encoder =
            ParquetEncoder { writer, columns, schema: stored, gathering: None, row_group_rows, path };
        encoder.put_metadata("libflow.version", env!("CARGO_PKG_VERSION"));
        Ok(encoder)
    }

    /// The part's leaf columns.
    pub fn leveled_schema(&self) -> LeveledSchema {
        LeveledSchema::new(self.writer.schema_descr())
    }

    /// Encodes a batch; row groups that get full are written.
    pub fn encode(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut row = 0;
        while row < batch.num_rows() {
            let rows = self.gather(batch, row).map_err(|e| self.error(&e))?;
            row += rows;
            if self.gathering.as_ref().is_some_and(|group| group.rows >= self.row_group_rows) {
                self.end_row_group()?;
            }
        }
        Ok(())
    }

    /// Encodes the rows from `row` on that the row group has room for; returns how many.
    fn gather(&mut self, batch: &RecordBatch, row: usize) -> parquet::errors::Result<usize> {
        let group = match &mut self.gathering {
            Some(group) => group,
            none => {
                let columns = self.columns.create_column_writers(self.writer.flushed_row_groups().len())?;
                none.insert(Gathering { columns, rows: 0 })
            }
        };
        let rows = (batch.num_rows() - row).min(self.row_group_rows - group.rows);
        let batch = batch.slice(row, rows);
        let mut columns = group.columns.iter_mut();
        for (field, array) in self.schema.fields().iter().zip(batch.columns()) {
            for (leaf, column) in compute_leaves(field, array)?.iter().zip(&mut columns) {
                column.write(leaf)?;
            }
        }
        group.rows += rows;
        Ok(rows)
    }

    /// Ends the row group, if it has rows.
    pub fn end_row_group(&mut self) -> Result<()> {
        match self.gathering.take() {
            Some(group) => group.append_to(&mut self.writer).map_err(|e| self.error(&e)),
            None => Ok(()),
        }
    }

    /// Writes a row group that came by levels. The one that batches went into ends before it.
    pub fn write_row_group(&mut self, group: LeveledRowGroup) -> Result<()> {
        self.end_row_group()?;
        group.append_to(&mut self.writer).map_err(|e| self.error(&e))
    }

    /// Adds a key and value to the part's metadata.
    pub fn put_metadata(&mut self, key: &str, value: impl Into<String>) {
        self.writer.append_key_value_metadata(KeyValue::new(key.to_owned(), value.into()));
    }

    /// Writes the rest and the footer, and publishes.
    pub fn finish(mut self) -> Result<PartSummary> {
        self.end_row_group()?;
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
    fn error(&self, error: &ParquetError) -> Error {
        Error::parquet(error, format!("writing \"{}\"", self.path.display()))
    }
}

impl Gathering {
    fn append_to(self, writer: &mut SerializedFileWriter<PartFile>) -> parquet::errors::Result<()> {
        let mut row_group = writer.next_row_group()?;
        for column in self.columns {
            column.close()?.append_to_row_group(&mut row_group)?;
        }
        row_group.close().map(drop)
    }
}
