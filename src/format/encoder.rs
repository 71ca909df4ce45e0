//! Encoding without a file: each column of a row group by itself, by whichever thread has time.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::{FieldRef, SchemaRef};
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::basic::Type;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result as ParquetResult;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnDescPtr, SchemaDescPtr, SchemaDescriptor, Type as GroupType};

use super::assembly::Columns;
use super::choice::Chosen;
use super::dictionary::DictionaryColumn;
use super::numbers::{NumberColumn, is_number};
use super::options::ChunkOptions;
use super::pages::{CheckedPages, CheckedStores, EncodedChunk, Order, PendingPage};
use super::parquet::writing;
use super::texts::{TextColumn, is_text};
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
    /// Encodes the rows that come next. Pages may keep the array's memory until they are written, if `keeps`.
    fn write(&mut self, array: &ArrayRef, keeps: bool) -> Result<()>;

    /// The pages since the last call, for whoever has time to compress them; those that are not taken are
    /// compressed when the column ends.
    fn take_pages(&mut self) -> Vec<PendingPage> {
        Vec::new()
    }

    /// Bytes of memory in use, beside the pages that were taken.
    fn memory(&self) -> usize;

    /// Ends the column: what it returns can be written once the pages that were taken are compressed.
    fn close(self: Box<Self>) -> Result<EncodedColumn>;
}

/// The pages of one field of one row group.
pub struct EncodedColumn {
    leaves: Leaves,
    bytes: usize,
}

enum Leaves {
    /// Of the parquet crate's encoders, with the schema of these columns alone.
    Theirs(Vec<ArrowColumnChunk>, SchemaDescPtr),
    /// Theirs, with checksums.
    Checked(Vec<(CheckedPages, ColumnCloseResult)>, SchemaDescPtr),
    /// Of one of libflow's own.
    Ours(Box<EncodedChunk>),
}

impl EncodedColumn {
    /// Bytes of memory in use, beside the pages that were taken.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn ours(chunk: EncodedChunk) -> Self {
        EncodedColumn { bytes: chunk.bytes(), leaves: Leaves::Ours(Box::new(chunk)) }
    }

    pub(super) fn append_to(self, row_group: &mut Columns<'_>) -> ParquetResult<()> {
        match self.leaves {
            Leaves::Theirs(leaves, schema) => row_group.write_theirs(&schema, |row_group| {
                leaves.into_iter().try_for_each(|leaf| leaf.append_to_row_group(row_group))
            }),
            Leaves::Checked(leaves, schema) => row_group.write_theirs(&schema, |row_group| {
                leaves.into_iter().try_for_each(|(pages, close)| pages.append_to(close, row_group))
            }),
            Leaves::Ours(chunk) => chunk.append_to(row_group),
        }
    }
}

/// Encoders of the parquet crate, and libflow's own for what these cannot do.
pub struct ParquetEncoders {
    factory: ArrowRowGroupWriterFactory,
    /// Where its pages get checksums, if they do.
    checked: Option<Arc<CheckedStores>>,
    schema: SchemaRef,
    /// Leaf columns of each field.
    leaves: Vec<Vec<Leaf>>,
    /// Each field as a schema of its own.
    schemas: Vec<SchemaDescPtr>,
    row_group_rows: usize,
    path: Arc<PathBuf>,
}

/// A leaf column, and how it is encoded.
struct Leaf {
    column: ColumnDescPtr,
    options: ChunkOptions,
    chosen: Arc<Chosen>,
}

impl ParquetEncoders {
    pub(super) fn new(
        columns: &SchemaDescPtr,
        properties: &WriterPropertiesPtr,
        schema: SchemaRef,
        chunks: &[ChunkOptions],
        row_group_rows: usize,
        path: PathBuf,
    ) -> ParquetResult<Self> {
        let mut leaves: Vec<_> = schema.fields().iter().map(|_| Vec::new()).collect();
        let mut schemas = Vec::new();
        if !leaves.is_empty() {
            for (leaf, &options) in chunks.iter().enumerate() {
                let column = columns.column(leaf);
                let chosen =
                    Arc::new(Chosen::new(column.path().clone(), column.physical_type(), options.codec));
                leaves[columns.get_column_root_idx(leaf)].push(Leaf { column, options, chosen });
            }
            for field in columns.root_schema().get_fields() {
                let alone = GroupType::group_type_builder(columns.name()).with_fields(vec![field.clone()]);
                schemas.push(Arc::new(SchemaDescriptor::new(Arc::new(alone.build()?))));
            }
        }
        // A file of the crate's is the only way to its encoders.
        let file = SerializedFileWriter::new(io::sink(), columns.root_schema_ptr(), properties.clone())?;
        let mut factory = ArrowRowGroupWriterFactory::new(&file, schema.clone());
        let checked = chunks.iter().any(|chunk| chunk.page_crc).then(Arc::<CheckedStores>::default);
        if let Some(stores) = &checked {
            factory = factory.with_page_store_factory(stores.clone());
        }
        let path = Arc::new(path);
        Ok(ParquetEncoders { factory, checked, schema, leaves, schemas, row_group_rows, path })
    }

    /// What is chosen for the leaf columns of fields that are not nested.
    pub(super) fn chosen(&self) -> Vec<(usize, Type, Arc<Chosen>)> {
        let mut leaf = 0;
        let mut columns = Vec::new();
        for leaves in &self.leaves {
            if let [Leaf { column, chosen, .. }] = &leaves[..] {
                columns.push((leaf, column.physical_type(), chosen.clone()));
            }
            leaf += leaves.len();
        }
        columns
    }
}

impl Encoders for ParquetEncoders {
    fn count(&self) -> usize {
        self.leaves.len()
    }

    fn open(&self) -> Result<Vec<Box<dyn ColumnEncoder>>> {
        let own = (0..self.count()).map(|i| self.own(i)).collect::<ParquetResult<Vec<_>>>();
        let own = own.map_err(|e| writing(&self.path, &e))?;
        // The crate makes the writers of all leaves or none, and they are not cheap.
        let theirs = match own.iter().all(Option::is_some) {
            true => Default::default(),
            false => self.theirs().map_err(|e| writing(&self.path, &e))?,
        };
        let (mut theirs, mut checked) = (theirs.0.into_iter(), theirs.1.into_iter());
        let columns = own.into_iter().enumerate().map(|(i, own)| {
            let count = self.leaves[i].len();
            let leaves = theirs.by_ref().take(count).collect();
            let checked = checked.by_ref().take(count).collect();
            let (field, path) = (self.schema.fields()[i].clone(), self.path.clone());
            let schema = self.schemas[i].clone();
            own.unwrap_or_else(|| Box::new(ParquetColumn { field, leaves, checked, schema, path }))
        });
        Ok(columns.collect())
    }
}

impl ParquetEncoders {
    /// The crate's writers of all leaf columns, and their pages if these get checksums.
    fn theirs(&self) -> ParquetResult<(Vec<ArrowColumnWriter>, Vec<CheckedPages>)> {
        match &self.checked {
            Some(stores) => stores.open(&self.factory),
            // The row group's number would matter for encryption only.
            None => Ok((self.factory.create_column_writers(0)?, Vec::new())),
        }
    }

    /// libflow's own encoder of a field, if it has one.
    fn own(&self, i: usize) -> ParquetResult<Option<Box<dyn ColumnEncoder>>> {
        let [Leaf { column, options, chosen }] = &self.leaves[i][..] else { return Ok(None) };
        let (data_type, path) = (self.schema.field(i).data_type(), self.path.clone());
        let (column, options, chosen) = (column.clone(), *options, chosen.clone());
        let rows = self.row_group_rows;
        Ok(match Order::of(&column) {
            _ if DictionaryColumn::takes(data_type, &column) => {
                Some(Box::new(DictionaryColumn::new(column, options, path)?))
            }
            Some(order) if is_number(data_type, &column) => Some(match column.physical_type() {
                Type::INT32 | Type::FLOAT => {
                    Box::new(NumberColumn::<u32>::new(column, order, options, chosen, rows, path)?)
                }
                _ => Box::new(NumberColumn::<u64>::new(column, order, options, chosen, rows, path)?),
            }),
            Some(Order::Bytes) if is_text(data_type, &column) => {
                Some(Box::new(TextColumn::new(column, options, chosen, rows, path)?))
            }
            _ => None,
        })
    }
}

struct ParquetColumn {
    field: FieldRef,
    leaves: Vec<ArrowColumnWriter>,
    /// Of each leaf the pages, if they get checksums.
    checked: Vec<CheckedPages>,
    schema: SchemaDescPtr,
    path: Arc<PathBuf>,
}

impl ColumnEncoder for ParquetColumn {
    fn write(&mut self, array: &ArrayRef, _: bool) -> Result<()> {
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
        let leaves = match self.checked.is_empty() {
            true => Leaves::Theirs(leaves, self.schema),
            false => {
                let closed = leaves.iter().map(|leaf| leaf.close().clone());
                Leaves::Checked(self.checked.into_iter().zip(closed).collect(), self.schema)
            }
        };
        Ok(EncodedColumn { leaves, bytes })
    }
}
