//! Parquet through the parquet crate.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata, parquet_to_arrow_schema};
use parquet::basic::Type;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::schema::types::{SchemaDescPtr, SchemaDescriptor};

use super::assembly::Assembly;
use super::choice::{Chosen, encodings};
use super::encoder::{EncodedColumn, ParquetEncoders};
use super::journal::Restored;
use super::levels::{LeveledRowGroup, LeveledSchema};
use super::options::ParquetOptions;
use crate::error::{Error, ErrorClass, Result};
use crate::schema::Schema;
use crate::storage::{Part, PartFile, Unfinished};

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
    assembly: Assembly,
    path: PathBuf,
    chosen: Vec<(usize, Type, Arc<Chosen>)>,
    page_crc: bool,
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
        let Plan { columns, properties, encoders } = Plan::new(schema, options, &path)?;
        let assembly = Assembly::start(create()?, columns, properties, vec![version()]);
        let assembly = assembly.map_err(|e| starting(&path, &e))?;
        let (chosen, page_crc) = (encoders.chosen(), options.page_crc);
        Ok((ParquetPart { assembly, path, chosen, page_crc }, encoders))
    }

    /// Goes on with a part that was cut short, which has the columns of `schema`; `prepare` prepares its
    /// file. Returns the last note, too.
    pub fn resume(
        schema: &Schema,
        options: &ParquetOptions,
        unfinished: Unfinished,
        prepare: impl FnOnce(&mut PartFile) -> Result<()>,
    ) -> Result<(Self, ParquetEncoders, Option<Vec<u8>>)> {
        let path = unfinished.path().to_owned();
        let Plan { columns, properties, encoders } = Plan::new(schema, options, &path)?;
        let mut restored = Restored::read(&unfinished)?;
        if !restored.is_of(&columns, &properties) {
            return Err(Error::new(
                ErrorClass::SchemaMismatch,
                format!("\"{}\" was begun with another schema; resume it with that one", path.display()),
            ));
        }
        let (mut part, note) = (restored.cut(unfinished)?, restored.note.take());
        prepare(&mut part)?;
        let assembly = Assembly::resume(Box::new(part), restored, columns, properties, vec![version()]);
        let assembly = assembly.map_err(|e| starting(&path, &e))?;
        let (chosen, page_crc) = (encoders.chosen(), options.page_crc);
        Ok((ParquetPart { assembly, path, chosen, page_crc }, encoders, note))
    }

    /// The schema of a part that was cut short.
    pub fn schema_of(unfinished: &Unfinished) -> Result<Schema> {
        let header = Restored::header(unfinished)?;
        let file = header.file_metadata();
        let schema = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata());
        let schema = schema.map_err(|e| starting(unfinished.path(), &e))?;
        Schema::new(schema.fields().iter().map(|field| field.as_ref().clone()).collect())
    }

    /// A part that was cut short, to be finished as it is, with the schema and metadata that its journal has.
    pub fn restore(unfinished: Unfinished) -> Result<Self> {
        let path = unfinished.path().to_owned();
        let restored = Restored::read(&unfinished)?;
        let part = restored.cut(unfinished)?;
        let file = restored.header.file_metadata();
        let (columns, key_values) = (file.schema_descr_ptr(), file.key_value_metadata().cloned());
        let properties = restored.properties();
        let key_values = key_values.unwrap_or_default();
        let assembly = Assembly::resume(Box::new(part), restored, columns, properties, key_values);
        let assembly = assembly.map_err(|e| starting(&path, &e))?;
        Ok(ParquetPart { assembly, path, chosen: Vec::new(), page_crc: false })
    }

    /// The part's leaf columns.
    pub fn leveled_schema(&self) -> LeveledSchema {
        LeveledSchema::new(self.assembly.schema())
    }

    /// Writes a row group: each of its columns, in the schema's order.
    pub fn append_columns(&mut self, columns: Vec<EncodedColumn>) -> Result<()> {
        let written = self
            .assembly
            .append(|row_group| columns.into_iter().try_for_each(|column| column.append_to(row_group)));
        written.map_err(|e| writing(&self.path, &e))
    }

    /// Encodes and writes a row group that came by levels.
    pub fn append_levels(&mut self, group: LeveledRowGroup) -> Result<()> {
        let (schema, properties) = (self.assembly.schema().clone(), self.assembly.properties().clone());
        let crc = self.page_crc;
        let written = self.assembly.append(|row_group| {
            row_group.write_theirs(&schema, |theirs| group.append_to(theirs, &schema, &properties, crc))
        });
        written.map_err(|e| writing(&self.path, &e))
    }

    /// Adds a key and value to the part's metadata.
    pub fn put_metadata(&mut self, key: &str, value: impl Into<String>) {
        self.assembly.put_metadata(KeyValue::new(key.to_owned(), value.into()));
    }

    /// Notes in the journal that what was appended so far is good, up to where recovery goes back.
    pub fn note(&mut self, note: &[u8]) -> Result<()> {
        let noted = self.assembly.note(note);
        noted.map_err(|e| Error::io(&e, format!("writing the journal of \"{}\"", self.path.display())))
    }

    /// Bytes written so far.
    pub fn bytes_written(&self) -> u64 {
        self.assembly.bytes_written()
    }

    /// Writes the footer, and publishes.
    pub fn finish(mut self) -> Result<PartSummary> {
        let encodings = encodings(&self.chosen);
        if let Some(encodings) = &encodings {
            self.put_metadata("libflow.encodings", encodings.as_str());
        }
        let finished = self.assembly.finish().map_err(|e| writing(&self.path, &e))?;
        let (mut part, metadata, bytes) = finished;
        part.publish()?;
        Ok(PartSummary {
            rows: metadata.file_metadata().num_rows() as u64,
            row_groups: metadata.num_row_groups() as u64,
            bytes,
            path: self.path,
            encodings: encodings.unwrap_or_default(),
        })
    }
}

/// What a part's columns are, and what encodes them.
struct Plan {
    columns: SchemaDescPtr,
    properties: WriterPropertiesPtr,
    encoders: ParquetEncoders,
}

impl Plan {
    fn new(schema: &Schema, options: &ParquetOptions, path: &Path) -> Result<Self> {
        let stored = schema.stored().clone();
        let columns = match schema.message() {
            Some(message) => SchemaDescriptor::new(message.clone()),
            None => ArrowSchemaConverter::new().convert(&stored).map_err(|e| starting(path, &e))?,
        };
        let chunks = options.of_chunks(&columns, &stored)?;
        let mut properties = options.properties(&columns, &chunks)?;
        if schema.message().is_none() {
            add_encoded_arrow_schema_to_metadata(&schema.described(), &mut properties);
        }
        let (columns, properties) = (Arc::new(columns), Arc::new(properties));
        let rows = options.row_group_rows;
        let encoders = ParquetEncoders::new(&columns, &properties, stored, &chunks, rows, path.to_owned());
        let encoders = encoders.map_err(|e| starting(path, &e))?;
        Ok(Plan { columns, properties, encoders })
    }
}

fn version() -> KeyValue {
    KeyValue::new("libflow.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned())
}

#[track_caller]
fn starting(path: &Path, error: &ParquetError) -> Error {
    Error::parquet(error, format!("starting \"{}\"", path.display()))
}

#[track_caller]
pub(super) fn writing(path: &Path, error: &ParquetError) -> Error {
    Error::parquet(error, format!("writing \"{}\"", path.display()))
}
