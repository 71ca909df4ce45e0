//! A file's bytes in their order: magic, row groups with their bloom filters, page indexes, footer. Pages that
//! libflow encoded go to storage from where they lie; the parquet crate writes its own, and all metadata.

use std::io::{self, Read, Write};
use std::mem::take;
use std::sync::Arc;

use flate2::Crc;
use parking_lot::Mutex;
use parquet::basic::ColumnOrder;
use parquet::bloom_filter::Sbbf;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::page_index::PageIndexBuilder;
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, KeyValue, ParquetMetaData, ParquetMetaDataBuilder,
    ParquetMetaDataWriter, RowGroupMetaData,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::offset_index::OffsetIndexMetaData;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::{OnCloseRowGroup, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::SchemaDescPtr;

use super::journal::{self, Restored};
use super::pages::spare;
use crate::storage::Part;

/// At either end of a file (parquet-format, README.md, "File format").
const MAGIC: &[u8] = b"PAR1";

/// A file that grows by row groups.
pub struct Assembly {
    out: TrackedWrite<Output>,
    schema: SchemaDescPtr,
    properties: WriterPropertiesPtr,
    row_groups: Vec<RowGroupMetaData>,
    /// Of every column of every row group.
    indexes: Vec<Vec<PageIndexes>>,
    key_values: Vec<KeyValue>,
    has_journal: bool,
}

/// A column chunk that is in the file, what is said of it there, and what follows its row group.
pub struct WrittenColumn {
    pub rows: i64,
    pub metadata: ColumnChunkMetaData,
    pub filter: Option<Sbbf>,
    pub indexes: PageIndexes,
}

/// What is in a column chunk's pages, and where they are.
pub type PageIndexes = (Option<ColumnIndexMetaData>, Option<OffsetIndexMetaData>);

/// A row group while its columns are written.
pub struct Columns<'a> {
    out: &'a mut TrackedWrite<Output>,
    properties: &'a WriterPropertiesPtr,
    written: Vec<WrittenColumn>,
}

impl Assembly {
    /// Starts a part, with the metadata that is known already.
    pub fn start(
        part: Box<dyn Part>,
        schema: SchemaDescPtr,
        properties: WriterPropertiesPtr,
        key_values: Vec<KeyValue>,
    ) -> ParquetResult<Self> {
        let assembly = Assembly::at(0, part, schema, properties, key_values)?;
        if assembly.has_journal {
            let header = journal::footer(&assembly.metadata(Vec::new(), Vec::new()))?;
            assembly.out.inner().0.lock().part.log(&header, false)?;
        }
        Ok(assembly)
    }

    /// Goes on with a part that has been cut to what is known of it.
    pub fn resume(
        part: Box<dyn Part>,
        restored: Restored,
        schema: SchemaDescPtr,
        properties: WriterPropertiesPtr,
        key_values: Vec<KeyValue>,
    ) -> ParquetResult<Self> {
        let assembly = Assembly::at(restored.bytes, part, schema, properties, key_values)?;
        Ok(Assembly { row_groups: restored.row_groups, indexes: restored.indexes, ..assembly })
    }

    fn at(
        bytes: u64,
        part: Box<dyn Part>,
        schema: SchemaDescPtr,
        properties: WriterPropertiesPtr,
        key_values: Vec<KeyValue>,
    ) -> ParquetResult<Self> {
        let (has_journal, most) = (part.has_journal(), part.write_bytes());
        let mut out = TrackedWrite::new(Output(Arc::new(Mutex::new(Gathered {
            part,
            small: Vec::new(),
            most,
            written: bytes,
            present: bytes,
            crc: has_journal.then(Crc::new),
        }))));
        match bytes {
            0 => out.write_all(MAGIC)?,
            // The crate counts from 0 on, so it is made to write what is there.
            _ => drop(io::copy(&mut io::repeat(0).take(bytes), &mut out)?),
        }
        let (row_groups, indexes) = (Vec::new(), Vec::new());
        Ok(Assembly { out, schema, properties, row_groups, indexes, key_values, has_journal })
    }

    pub fn schema(&self) -> &SchemaDescPtr {
        &self.schema
    }

    pub fn properties(&self) -> &WriterPropertiesPtr {
        &self.properties
    }

    /// Bytes of the file so far.
    pub fn bytes_written(&self) -> u64 {
        self.out.bytes_written() as u64
    }

    pub fn put_metadata(&mut self, key_value: KeyValue) {
        self.key_values.push(key_value);
    }

    /// Writes a row group: `write` writes its columns, in the schema's order.
    pub fn append(&mut self, write: impl FnOnce(&mut Columns<'_>) -> ParquetResult<()>) -> ParquetResult<()> {
        let start = self.out.bytes_written() as i64;
        let mut columns = Columns { out: &mut self.out, properties: &self.properties, written: Vec::new() };
        write(&mut columns)?;
        let (mut chunks, mut indexes, mut rows) = (Vec::new(), Vec::new(), 0);
        for WrittenColumn { rows: of_column, mut metadata, filter, indexes: of_pages } in columns.written {
            if let Some(filter) = filter {
                let start = self.out.bytes_written();
                filter.write(&mut self.out)?;
                let length = self.out.bytes_written() - start;
                metadata = metadata
                    .into_builder()
                    .set_bloom_filter_offset(Some(start as i64))
                    .set_bloom_filter_length(Some(length as i32))
                    .build()?;
            }
            rows = of_column;
            chunks.push(metadata);
            indexes.push(of_pages);
        }
        let row_group = RowGroupMetaData::builder(self.schema.clone())
            .set_num_rows(rows)
            .set_total_byte_size(chunks.iter().map(ColumnChunkMetaData::uncompressed_size).sum())
            .set_column_metadata(chunks)
            .set_sorting_columns(self.properties.sorting_columns().cloned())
            .set_ordinal(self.row_groups.len() as i32)
            .set_file_offset(start)
            .build()?;
        self.row_groups.push(row_group);
        self.indexes.push(indexes);
        self.out.flush()?;
        if self.has_journal { self.log_row_group() } else { Ok(()) }
    }

    /// Has the journal tell of the row group that was written last.
    fn log_row_group(&mut self) -> ParquetResult<()> {
        let row_group = self.row_groups.last().cloned().into_iter().collect();
        let indexes = self.indexes.last().cloned().into_iter().collect();
        let footer = journal::footer(&self.metadata(row_group, indexes))?;
        Ok(self.log(&footer, false)?)
    }

    /// Notes in the journal that all of the part so far is good.
    pub fn note(&mut self, note: &[u8]) -> io::Result<()> {
        self.out.flush()?;
        self.log(note, true)
    }

    fn log(&mut self, content: &[u8], is_note: bool) -> io::Result<()> {
        let mut gathered = self.out.inner().0.lock();
        let checksum = gathered.crc.replace(Crc::new()).map_or(0, |crc| crc.sum());
        let entry = journal::entry(self.out.bytes_written() as u64, checksum, is_note, content);
        gathered.part.log(&entry, is_note)
    }

    /// Writes the page indexes and the footer. Returns the part, ready to be published, with what is in it.
    pub fn finish(mut self) -> ParquetResult<(Box<dyn Part>, ParquetMetaData, u64)> {
        let (row_groups, indexes) = (take(&mut self.row_groups), take(&mut self.indexes));
        let metadata = self.metadata(row_groups, indexes);
        let output = self.out.inner().clone();
        // The crate drops the buffer around the output, and with it the error that the last of its bytes may
        // meet. So the footer is gathered first.
        output.0.lock().most = usize::MAX;
        ParquetMetaDataWriter::new_with_tracked(self.out, &metadata).finish()?;
        let shared = || ParquetError::General("the part is still in use".to_owned());
        let mut gathered = Arc::into_inner(output.0).ok_or_else(shared)?.into_inner();
        gathered.write_out()?;
        Ok((gathered.part, metadata, gathered.written))
    }

    /// What a footer says of a file with these row groups.
    fn metadata(&self, row_groups: Vec<RowGroupMetaData>, indexes: Vec<Vec<PageIndexes>>) -> ParquetMetaData {
        let mut pages = PageIndexBuilder::new(row_groups.len(), self.schema.num_columns());
        for (row_group, columns) in indexes.into_iter().enumerate() {
            for (column, (values, offsets)) in columns.into_iter().enumerate() {
                values.into_iter().for_each(|values| pages.put_column_index(values, row_group, column));
                offsets.into_iter().for_each(|offsets| pages.put_offset_index(offsets, row_group, column));
            }
        }
        let key_values = self.properties.key_value_metadata().into_iter().flatten();
        let key_values: Vec<_> = key_values.chain(&self.key_values).cloned().collect();
        let orders = self.schema.columns().iter().map(|column| {
            ColumnOrder::column_order_for_type(
                column.logical_type_ref(),
                column.converted_type(),
                column.physical_type(),
            )
        });
        let file = FileMetaData::new(
            self.properties.writer_version().as_num(),
            row_groups.iter().map(RowGroupMetaData::num_rows).sum(),
            Some(self.properties.created_by().to_owned()),
            Some(key_values).filter(|all| !all.is_empty()),
            self.schema.clone(),
            Some(orders.collect()),
        );
        ParquetMetaDataBuilder::new(file)
            .set_row_groups(row_groups)
            .set_page_index(Some(Arc::new(pages.build())))
            .build()
    }
}

impl Columns<'_> {
    /// Bytes of the file so far.
    pub fn position(&self) -> i64 {
        self.out.bytes_written() as i64
    }

    /// Writes bytes of the next column.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    /// Ends a column whose bytes have been written.
    pub fn push(&mut self, column: WrittenColumn) {
        self.written.push(column);
    }

    /// Has the parquet crate write columns: those of `schema`, which are the next ones of the file's.
    pub fn write_theirs(
        &mut self,
        schema: &SchemaDescPtr,
        write: impl FnOnce(&mut SerializedRowGroupWriter<'_, Output>) -> ParquetResult<()>,
    ) -> ParquetResult<()> {
        let written = &mut self.written;
        let on_close: OnCloseRowGroup<'_, Output> = Box::new(|_, mut row_group, filters, values, offsets| {
            let rows = row_group.num_rows();
            let chunks = row_group.columns_mut().iter().cloned();
            for (((metadata, filter), values), offsets) in chunks.zip(filters).zip(values).zip(offsets) {
                written.push(WrittenColumn { rows, metadata, filter, indexes: (values, offsets) });
            }
            Ok(())
        });
        // The row group's number would matter for encryption only.
        let (schema, properties) = (schema.clone(), self.properties.clone());
        let mut row_group = SerializedRowGroupWriter::new(schema, properties, self.out, 0, Some(on_close));
        write(&mut row_group)?;
        row_group.close().map(drop)
    }
}

/// Storage, shared with the parquet crate's writers while they are in use.
#[derive(Clone)]
pub struct Output(Arc<Mutex<Gathered>>);

/// Small writes are gathered, as each may take a round trip; large ones are not copied.
struct Gathered {
    part: Box<dyn Part>,
    small: Vec<u8>,
    /// Bytes that are gathered at most.
    most: usize,
    written: u64,
    /// Bytes that come first and are in the part already.
    present: u64,
    /// Of what was written since the last entry of the journal, if there is one.
    crc: Option<Crc>,
}

/// The part of the bytes that one write should have from which on a write goes by itself: a copy would cost more.
const LARGE: usize = 8;

impl Gathered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let present = self.present.min(bytes.len() as u64);
        self.present -= present;
        let bytes = &bytes[present as usize..];
        self.written += bytes.len() as u64;
        if let Some(crc) = &mut self.crc {
            crc.update(bytes);
        }
        if self.small.len() + bytes.len() > self.most {
            self.write_out()?;
        }
        if bytes.len() < self.most / LARGE || self.most == usize::MAX {
            if self.small.capacity() == 0 {
                self.small = spare::take();
            }
            self.small.extend_from_slice(bytes);
            return Ok(());
        }
        self.write_out()?;
        self.part.write_all(bytes)
    }

    /// Writes what is gathered. Holds no memory then.
    fn write_out(&mut self) -> io::Result<()> {
        let small = take(&mut self.small);
        let written = self.part.write_all(&small);
        spare::give_back(small);
        written
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().write(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut gathered = self.0.lock();
        gathered.write_out()?;
        gathered.part.flush()
    }
}
