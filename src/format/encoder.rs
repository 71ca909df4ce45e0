//! Encoding without a file: each column of a row group by itself, by whichever thread has time.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::{FieldRef, SchemaRef};
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::errors::Result as ParquetResult;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};

use super::parquet::writing;
use crate::error::Result;

/// Makes the encoders of a row group's columns.
pub trait Encoders: Send + Sync {
    /// Fields of the schema.
    fn count(&self) -> usize;

    /// One for each field of the schema, in its order.
    fn open(&self) -> Result<Vec<Box<dyn ColumnEncoder>>>;
}

/// Encodes one field of one row group, with all its leaf columns: those of a nested field come out of one
/// walk through its arrays.
pub trait ColumnEncoder: Send {
    /// Encodes the rows that come next.
    fn write(&mut self, array: &ArrayRef) -> Result<()>;

    /// Bytes of memory in use.
    fn memory(&self) -> usize;

    /// Ends the column.
    fn close(self: Box<Self>) -> Result<EncodedColumn>;
}

/// The pages of one field of one row group.
#[derive(Debug)]
pub struct EncodedColumn {
    leaves: Vec<ArrowColumnChunk>,
    bytes: usize,
}

impl EncodedColumn {
    /// Bytes of memory in use.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn append_to<W: Write + Send>(
        self,
        row_group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> ParquetResult<()> {
        self.leaves.into_iter().try_for_each(|leaf| leaf.append_to_row_group(row_group))
    }
}

/// Encoders of the parquet crate.
pub struct ParquetEncoders {
    factory: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    /// Leaf columns of each field.
    leaf_counts: Vec<usize>,
    path: Arc<PathBuf>,
}

impl ParquetEncoders {
    pub(super) fn new<W: Write + Send>(
        writer: &SerializedFileWriter<W>,
        schema: SchemaRef,
        path: PathBuf,
    ) -> Self {
        let mut leaf_counts = vec![0; schema.fields().len()];
        if !leaf_counts.is_empty() {
            let leaves = writer.schema_descr();
            (0..leaves.num_columns()).for_each(|leaf| leaf_counts[leaves.get_column_root_idx(leaf)] += 1);
        }
        let factory = ArrowRowGroupWriterFactory::new(writer, schema.clone());
        ParquetEncoders { factory, schema, leaf_counts, path: Arc::new(path) }
    }
}

impl Encoders for ParquetEncoders {
    fn count(&self) -> usize {
        self.leaf_counts.len()
    }

    fn open(&self) -> Result<Vec<Box<dyn ColumnEncoder>>> {
        // The row group's number would matter for encryption only.
        let leaves = self.factory.create_column_writers(0).map_err(|e| writing(&self.path, &e))?;
        let mut leaves = leaves.into_iter();
        let columns = self.schema.fields().iter().zip(&self.leaf_counts).map(|(field, &count)| {
            let leaves = leaves.by_ref().take(count).collect();
            let (field, path) = (field.clone(), self.path.clone());
            Box::new(ParquetColumn { field, leaves, path }) as Box<dyn ColumnEncoder>
        });
        Ok(columns.collect())
    }
}

struct ParquetColumn {
    field: FieldRef,
    leaves: Vec<ArrowColumnWriter>,
    path: Arc<PathBuf>,
}

impl ColumnEncoder for ParquetColumn {
    fn write(&mut self, array: &ArrayRef) -> Result<()> {
        let leaves = compute_leaves(&self.field, array).map_err(|e| writing(&self.path, &e))?;
        let mut pairs = self.leaves.iter_mut().zip(&leaves);
        pairs.try_for_each(|(column, leaf)| column.write(leaf)).map_err(|e| writing(&self.path, &e))
    }

    fn memory(&self) -> usize {
        self.leaves.iter().map(ArrowColumnWriter::memory_size).sum()
    }

    fn close(self: Box<Self>) -> Result<EncodedColumn> {
        let leaves = self.leaves.into_iter().map(ArrowColumnWriter::close).collect::<ParquetResult<Vec<_>>>();
        let leaves = leaves.map_err(|e| writing(&self.path, &e))?;
        let bytes = leaves.iter().map(|leaf| leaf.close().bytes_written as usize).sum();
        Ok(EncodedColumn { leaves, bytes })
    }
}
