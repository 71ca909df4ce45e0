//! What the journal of a Parquet part says, so that a crash costs no row group that was written. The header and each
//! row group are footers as a file would have them, with their page indexes before them: that of a file without row
//! groups, and those of files with this one alone, whose offsets into the part are true.
//!
//! An entry is, little-endian: the length of the part after what it tells of (64 bits), the CRC-32 of the part's
//! bytes since the last entry (32 bits), then 0 and a row group's footer, or 1 and a note.

use std::sync::Arc;

use bytes::Bytes;
use parquet::arrow::ARROW_SCHEMA_META_KEY;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{
    KeyValue, PageIndexPolicy, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader,
    ParquetMetaDataWriter, RowGroupMetaData,
};
use parquet::file::properties::{WriterProperties, WriterPropertiesPtr, WriterVersion};
use parquet::schema::types::SchemaDescriptor;

use super::assembly::PageIndexes;
use crate::error::{Error, ErrorClass, Result};
use crate::storage::{PartFile, Unfinished};

const ROW_GROUP: u8 = 0;
const NOTE: u8 = 1;

/// What is known of a part so far.
pub struct Restored {
    /// A footer without row groups.
    pub header: ParquetMetaData,
    pub row_groups: Vec<RowGroupMetaData>,
    /// Of every column of every row group.
    pub indexes: Vec<Vec<PageIndexes>>,
    /// The last.
    pub note: Option<Vec<u8>>,
    /// Of the part.
    pub bytes: u64,
    journal_bytes: u64,
}

fn corrupt(unfinished: &Unfinished, error: &ParquetError) -> Error {
    let path = unfinished.path().display();
    Error::new(ErrorClass::Corrupt, format!("the journal of \"{path}\": {error}"))
}

/// An entry, as long as its journal is in memory.
struct Entry<'a> {
    bytes: u64,
    checksum: u32,
    is_note: bool,
    content: &'a [u8],
    end: u64,
}

/// An entry's bytes.
pub fn entry(bytes: u64, checksum: u32, is_note: bool, content: &[u8]) -> Vec<u8> {
    let mut entry = bytes.to_le_bytes().to_vec();
    entry.extend_from_slice(&checksum.to_le_bytes());
    entry.push(if is_note { NOTE } else { ROW_GROUP });
    entry.extend_from_slice(content);
    entry
}

/// A footer's bytes, with the page indexes before it.
pub fn footer(metadata: &ParquetMetaData) -> ParquetResult<Vec<u8>> {
    let mut bytes = Vec::new();
    ParquetMetaDataWriter::new(&mut bytes, metadata).finish()?;
    Ok(bytes)
}

/// What the bytes of a footer say.
pub fn parse(footer: &[u8]) -> ParquetResult<ParquetMetaData> {
    let options = ParquetMetaDataOptions::new().with_encoding_stats_as_mask(false);
    ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Optional)
        .with_metadata_options(Some(options))
        .parse_and_finish(&Bytes::copy_from_slice(footer))
}

impl Restored {
    /// Reads what was left. Notes tell up to where a part is good; without any, it is up to its last row group.
    pub fn read(unfinished: &Unfinished) -> Result<Self> {
        let contents = unfinished.contents();
        let mut entries = good(unfinished)?;
        if let Some(last) = entries.iter().rposition(|entry| entry.is_note) {
            entries.truncate(last + 1);
        }
        let mut restored = Restored {
            header: Restored::header(unfinished)?,
            row_groups: Vec::new(),
            indexes: Vec::new(),
            note: None,
            bytes: entries.last().map_or(0, |entry| entry.bytes),
            journal_bytes: entries.last().map_or(contents.header_end, |entry| entry.end),
        };
        for entry in entries {
            match entry.is_note {
                true => restored.note = Some(entry.content.to_vec()),
                false => restored.push(&parse(entry.content).map_err(|e| corrupt(unfinished, &e))?),
            }
        }
        Ok(restored)
    }

    /// The footer without row groups that a journal begins with.
    pub fn header(unfinished: &Unfinished) -> Result<ParquetMetaData> {
        parse(&unfinished.contents().header).map_err(|e| corrupt(unfinished, &e))
    }

    fn push(&mut self, footer: &ParquetMetaData) {
        for (i, row_group) in footer.row_groups().iter().enumerate() {
            let pages = footer.page_index();
            let of_column = |column| {
                let values = pages.and_then(|pages| pages.column_index(i, column)).cloned();
                (values, pages.and_then(|pages| pages.offset_index(i, column)).cloned())
            };
            self.indexes.push((0..row_group.num_columns()).map(of_column).collect());
            self.row_groups.push(row_group.clone());
        }
    }

    /// Whether the part has these columns, for readers that know Arrow's types, too.
    pub fn is_of(&self, columns: &SchemaDescriptor, properties: &WriterProperties) -> bool {
        let arrow = |metadata: Option<&Vec<KeyValue>>| {
            let mut metadata = metadata.into_iter().flatten();
            metadata.find(|known| known.key == ARROW_SCHEMA_META_KEY).and_then(|arrow| arrow.value.clone())
        };
        let file = self.header.file_metadata();
        *file.schema() == *columns.root_schema()
            && arrow(file.key_value_metadata()) == arrow(properties.key_value_metadata())
    }

    /// What the part was begun with, as far as its footer has it.
    pub fn properties(&self) -> WriterPropertiesPtr {
        let file = self.header.file_metadata();
        let properties = WriterProperties::builder().set_writer_version(match file.version() {
            1 => WriterVersion::PARQUET_1_0,
            _ => WriterVersion::PARQUET_2_0,
        });
        Arc::new(properties.set_created_by(file.created_by().unwrap_or_default().to_owned()).build())
    }

    /// Cuts the part and its journal to what is known.
    pub fn cut(&self, unfinished: Unfinished) -> Result<PartFile> {
        unfinished.cut(self.bytes, self.journal_bytes)
    }
}

/// The entries that the part bears out. After a start of the system it is read for that: what was written last,
/// or not yet forced to disk, may be lost in any order.
fn good(unfinished: &Unfinished) -> Result<Vec<Entry<'_>>> {
    let contents = unfinished.contents();
    let (mut entries, mut at) = (Vec::new(), 0);
    for (bytes, end) in &contents.entries {
        let Some(entry) = Entry::read(bytes, *end) else { break };
        let is_there = (at..=unfinished.bytes()).contains(&entry.bytes);
        if !is_there || contents.is_of_another_boot && unfinished.checksum(at..entry.bytes)? != entry.checksum
        {
            break;
        }
        at = entry.bytes;
        entries.push(entry);
    }
    Ok(entries)
}

impl<'a> Entry<'a> {
    fn read(entry: &'a [u8], end: u64) -> Option<Self> {
        let (bytes, rest) = entry.split_first_chunk()?;
        let (checksum, rest) = rest.split_first_chunk()?;
        let (&kind, content) = rest.split_first()?;
        let (bytes, checksum) = (u64::from_le_bytes(*bytes), u32::from_le_bytes(*checksum));
        matches!(kind, ROW_GROUP | NOTE).then_some(Entry {
            bytes,
            checksum,
            is_note: kind == NOTE,
            content,
            end,
        })
    }
}
