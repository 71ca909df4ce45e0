//! Parquet through the parquet crate.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::basic::Type;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::SchemaDescriptor;

use super::choice::{Chosen, encodings};
use super::encoder::{EncodedColumn, ParquetEncoders};
use super::levels::{LeveledRowGroup, LeveledSchema};
use super::options::ParquetOptions;
use crate::error::{Error, Result};
use crate::schema::Schema;
use crate::storage::Part;

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
    /// Which encodings were chosen and why, as the part's metadata `libflow.encodings` has it; empty if none
    /// were.
    pub encodings: String,
}

/// A part being written: takes what was encoded elsewhere, in the order of the file.
pub struct ParquetPart {
    writer: SerializedFileWriter<LargeWrites>,
    path: PathBuf,
    chosen: Vec<(usize, Type, Arc<Chosen>)>,
    page_crc: bool,
}

/// Bytes that go to storage in one write: each may take a round trip.
const WRITE_BYTES: usize = 4 << 20;

/// Gathers the pages of a row group, so that storage sees few writes. Holds memory only meanwhile.
struct LargeWrites {
    part: Box<dyn Part>,
    gathered: Vec<u8>,
}

impl LargeWrites {
    fn write_out(&mut self) -> io::Result<()> {
        let gathered = std::mem::take(&mut self.gathered);
        self.part.write_all(&gathered)
    }
}

impl Write for LargeWrites {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gathered.len() + bytes.len() > WRITE_BYTES {
            self.write_out()?;
        }
        self.gathered.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_out()?;
        self.part.flush()
    }
}

impl ParquetPart {
    /// Starts a part: `create` is called once the options have proved valid. Returns what makes the encoders
    /// of its columns, too.
    pub fn start(
        schema: &Schema,
        options: &ParquetOptions,
        path: PathBuf,
        create: impl FnOnce() -> Result<Box<dyn Part>>,
    ) -> Result<(Self, ParquetEncoders)> {
        let starting = |e: &ParquetError| Error::parquet(e, format!("starting \"{}\"", path.display()));
        let stored = schema.stored().clone();
        let columns = match schema.message() {
            Some(message) => SchemaDescriptor::new(message.clone()),
            None => ArrowSchemaConverter::new().convert(&stored).map_err(|e| starting(&e))?,
        };
        let chunks = options.of_chunks(&columns, &stored)?;
        let mut properties = options.properties(&columns, &chunks)?;
        if schema.message().is_none() {
            add_encoded_arrow_schema_to_metadata(&schema.described(), &mut properties);
        }
        let writer = SerializedFileWriter::new(
            LargeWrites { part: create()?, gathered: Vec::new() },
            columns.root_schema_ptr(),
            Arc::new(properties),
        );
        let writer = writer.map_err(|e| starting(&e))?;
        let encoders = ParquetEncoders::new(&writer, stored, &chunks, options.row_group_rows, path.clone());
        let (chosen, page_crc) = (encoders.chosen(), options.page_crc);
        let mut part = ParquetPart { writer, path, chosen, page_crc };
        part.put_metadata("libflow.version", env!("CARGO_PKG_VERSION"));
        Ok((part, encoders))
    }

    /// The part's leaf columns.
    pub fn leveled_schema(&self) -> LeveledSchema {
        LeveledSchema::new(self.writer.schema_descr())
    }

    /// Writes a row group: each of its columns, in the schema's order.
    pub fn append_columns(&mut self, columns: Vec<EncodedColumn>) -> Result<()> {
        let append = || {
            let mut row_group = self.writer.next_row_group()?;
            for column in columns {
                column.append_to(&mut row_group)?;
            }
            row_group.close()?;
            Ok(self.writer.flush()?)
        };
        append().map_err(|e| writing(&self.path, &e))
    }

    /// Encodes and writes a row group that came by levels.
    pub fn append_levels(&mut self, group: LeveledRowGroup) -> Result<()> {
        let append = || {
            group.append_to(&mut self.writer, self.page_crc)?;
            Ok(self.writer.flush()?)
        };
        append().map_err(|e| writing(&self.path, &e))
    }

    /// Adds a key and value to the part's metadata.
    pub fn put_metadata(&mut self, key: &str, value: impl Into<String>) {
        self.writer.append_key_value_metadata(KeyValue::new(key.to_owned(), value.into()));
    }

    /// Bytes written so far.
    pub fn bytes_written(&self) -> u64 {
        self.writer.bytes_written() as u64
    }

    /// Writes the footer, and publishes.
    pub fn finish(mut self) -> Result<PartSummary> {
        let encodings = encodings(&self.chosen);
        if let Some(encodings) = &encodings {
            self.put_metadata("libflow.encodings", encodings.as_str());
        }
        let metadata = self.writer.finish().map_err(|e| writing(&self.path, &e))?;
        let summary = PartSummary {
            rows: metadata.file_metadata().num_rows() as u64,
            row_groups: metadata.num_row_groups() as u64,
            bytes: self.writer.bytes_written() as u64,
            path: self.path.clone(),
            encodings: encodings.unwrap_or_default(),
        };
        // `finish` has flushed the crate's buffer, so the file below it is whole.
        self.writer.inner_mut().part.publish()?;
        Ok(summary)
    }
}

#[track_caller]
pub(super) fn writing(path: &Path, error: &ParquetError) -> Error {
    Error::parquet(error, format!("writing \"{}\"", path.display()))
}
