//! Row groups by levels: each leaf column's values, and the definition and repetition levels that say
//! where nulls and lists are (Melnik et al., "Dremel", 2010; Parquet's own encoding of nesting).
//!
//! All of it is checked before anything is written, as a reader cannot tell wrong levels from right ones.

use std::io::Write;

use parquet::basic::Repetition;
use parquet::column::writer::{ColumnWriter, get_column_writer, get_typed_column_writer_mut};
use parquet::data_type::{self as types, ByteArray, Int96};
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::{ColumnDescPtr, SchemaDescriptor, Type};

use self::values::numbers;
use super::pages::CheckedPages;
use crate::error::{Error, ErrorClass, Result};

mod values;

/// One leaf column's share of a row group, borrowed from the caller. Nothing need be aligned.
#[derive(Clone, Copy, Debug)]
pub struct LeafSlice<'a> {
    /// The values that are there, adjacent, in their physical type (a BOOLEAN is one byte, 0 is false);
    /// of a BYTE_ARRAY, what the offsets point into.
    pub values: &'a [u8],
    /// BYTE_ARRAY: `value_count + 1` int64 offsets, as bytes.
    pub offsets: Option<&'a [u8]>,
    /// Values that are there: nulls and empty lists have none.
    pub value_count: usize,
    /// int16 levels, as bytes, if the column or a group around it is optional or repeated.
    pub definition_levels: Option<&'a [u8]>,
    /// int16 levels, as bytes, if the column or a group around it is repeated.
    pub repetition_levels: Option<&'a [u8]>,
}

/// The leaf columns of a schema, and how their levels hang together.
#[derive(Clone, Debug)]
pub struct LeveledSchema(Vec<Leaf>);

#[derive(Clone, Debug)]
struct Leaf {
    column: ColumnDescPtr,
    name: String,
    /// The definition level at each repeated node on the way to the leaf: what an element there has at
    /// least.
    elements: Vec<i16>,
    /// The levels of the innermost group around both this leaf and the one before it.
    shared: Levels,
}

/// A definition and a repetition level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Levels {
    definition: i16,
    repetition: i16,
}

/// A node of the schema's tree on the way to a leaf: its place in the tree, and the levels there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Node {
    place: usize,
    levels: Levels,
}

impl LeveledSchema {
    /// The leaf columns of `schema`.
    pub fn new(schema: &SchemaDescriptor) -> Self {
        let mut paths = Vec::with_capacity(schema.num_columns());
        find_paths(schema.root_schema(), &mut vec![Node::default()], &mut 0, &mut paths);
        let leaf = |(i, column): (usize, &ColumnDescPtr)| {
            let before = if i == 0 { &paths[0] } else { &paths[i - 1] };
            let shared = paths[i].iter().zip(before).take_while(|(a, b)| a == b).last();
            let elements = paths[i].windows(2).filter(|n| n[0].levels.repetition < n[1].levels.repetition);
            Leaf {
                column: column.clone(),
                name: column.path().string(),
                elements: elements.map(|n| n[1].levels.definition).collect(),
                shared: shared.map_or(Levels::default(), |(node, _)| node.levels),
            }
        };
        LeveledSchema(schema.columns().iter().enumerate().map(leaf).collect())
    }
}

/// The nodes from the root to each leaf, in the order of the leaf columns.
fn find_paths(group: &Type, path: &mut Vec<Node>, places: &mut usize, paths: &mut Vec<Vec<Node>>) {
    for field in group.get_fields() {
        let mut levels = path.last().map_or(Levels::default(), |node| node.levels);
        match field.get_basic_info().repetition() {
            Repetition::REQUIRED => {}
            Repetition::OPTIONAL => levels.definition += 1,
            Repetition::REPEATED => {
                levels.definition += 1;
                levels.repetition += 1;
            }
        }
        *places += 1;
        path.push(Node { place: *places, levels });
        match field.is_group() {
            true => find_paths(field, path, places, paths),
            false => paths.push(path.clone()),
        }
        path.pop();
    }
}

/// A checked row group, copied from the caller's memory.
#[derive(Debug)]
pub struct LeveledRowGroup {
    columns: Vec<LeveledColumn>,
    rows: usize,
}

#[derive(Debug)]
struct LeveledColumn {
    definition_levels: Option<Vec<i16>>,
    repetition_levels: Option<Vec<i16>>,
    values: LeafValues,
}

#[derive(Debug)]
enum LeafValues {
    Boolean(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Int96(Vec<Int96>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    ByteArray(ByteArray, Vec<usize>),
    FixedLenByteArray(ByteArray, usize),
}

impl LeveledRowGroup {
    /// Checks and copies `rows` rows, one slice a leaf column in the schema's order.
    pub fn new(schema: &LeveledSchema, rows: usize, slices: &[LeafSlice<'_>]) -> Result<Self> {
        let leaves = &schema.0;
        if slices.len() != leaves.len() {
            return Err(mismatch(format!(
                "{} columns were given, the schema has {} leaf columns; pass one for each, in its order",
                slices.len(),
                leaves.len()
            )));
        }
        let columns = leaves.iter().zip(slices).map(|(leaf, slice)| leaf.read(rows, slice));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        for (pair, leaves) in columns.windows(2).zip(leaves.windows(2)) {
            let shared = leaves[1].shared;
            if !pair[0].shape(shared).eq(pair[1].shape(shared)) {
                let place = pair[0].shape(shared).zip(pair[1].shape(shared)).take_while(|(a, b)| a == b);
                return Err(mismatch(format!(
                    "columns \"{}\" and \"{}\" disagree on the groups around both, at element {} of them; their levels up to definition {} and repetition {} must be alike",
                    leaves[0].name,
                    leaves[1].name,
                    place.count(),
                    shared.definition,
                    shared.repetition
                )));
            }
        }
        Ok(LeveledRowGroup { columns, rows })
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of memory, those that encoding will take for byte arrays included.
    pub fn bytes(&self) -> usize {
        self.columns.iter().map(LeveledColumn::bytes).sum()
    }

    pub(super) fn append_to<W: Write + Send>(
        self,
        row_group: &mut SerializedRowGroupWriter<'_, W>,
        schema: &SchemaDescriptor,
        properties: &WriterPropertiesPtr,
        page_crc: bool,
    ) -> parquet::errors::Result<()> {
        for (column, descriptor) in self.columns.into_iter().zip(schema.columns()) {
            if page_crc {
                let pages = CheckedPages::default();
                let page_writer = Box::new(pages.clone());
                let mut to = get_column_writer(descriptor.clone(), properties.clone(), page_writer);
                column.encode(&mut to)?;
                pages.append_to(to.close()?, row_group)?;
            } else if let Some(mut to) = row_group.next_column()? {
                column.encode(to.untyped())?;
                to.close()?;
            }
        }
        Ok(())
    }
}

impl LeveledColumn {
    /// One entry for each element of a group around the column that has the levels `shared`.
    fn shape(&self, shared: Levels) -> impl Iterator<Item = Levels> {
        let definitions = self.definition_levels.as_deref().unwrap_or_default();
        let levels = definitions.iter().enumerate().map(move |(i, &definition)| Levels {
            definition: definition.min(shared.definition),
            repetition: self.repetition_levels.as_ref().map_or(0, |levels| levels[i]),
        });
        // Where nothing is shared but the row, the numbers of rows are equal already.
        levels.filter(move |l| l.repetition <= shared.repetition && shared != Levels::default())
    }

    fn bytes(&self) -> usize {
        let levels = [&self.definition_levels, &self.repetition_levels];
        let levels =
            levels.iter().filter_map(|levels| levels.as_ref()).map(|levels| size_of_val(&levels[..]));
        let values = match &self.values {
            LeafValues::Boolean(values) => size_of_val(&values[..]),
            LeafValues::Int32(values) => size_of_val(&values[..]),
            LeafValues::Int64(values) => size_of_val(&values[..]),
            LeafValues::Int96(values) => size_of_val(&values[..]),
            LeafValues::Float(values) => size_of_val(&values[..]),
            LeafValues::Double(values) => size_of_val(&values[..]),
            LeafValues::ByteArray(bytes, offsets) => {
                bytes.len() + offsets.len() * (size_of::<usize>() + size_of::<ByteArray>())
            }
            LeafValues::FixedLenByteArray(bytes, width) => {
                bytes.len() + bytes.len() / width * size_of::<ByteArray>()
            }
        };
        levels.sum::<usize>() + values
    }

    fn encode(&self, to: &mut ColumnWriter<'_>) -> parquet::errors::Result<()> {
        match &self.values {
            LeafValues::Boolean(values) => self.encode_as::<types::BoolType>(to, values),
            LeafValues::Int32(values) => self.encode_as::<types::Int32Type>(to, values),
            LeafValues::Int64(values) => self.encode_as::<types::Int64Type>(to, values),
            LeafValues::Int96(values) => self.encode_as::<types::Int96Type>(to, values),
            LeafValues::Float(values) => self.encode_as::<types::FloatType>(to, values),
            LeafValues::Double(values) => self.encode_as::<types::DoubleType>(to, values),
            LeafValues::ByteArray(bytes, offsets) => {
                let values = offsets.windows(2).map(|o| bytes.slice(o[0], o[1] - o[0]));
                self.encode_as::<types::ByteArrayType>(to, &values.collect::<Vec<_>>())
            }
            LeafValues::FixedLenByteArray(bytes, width) => {
                let starts = (0..bytes.len()).step_by(*width);
                let values = starts.map(|start| bytes.slice(start, *width).into());
                self.encode_as::<types::FixedLenByteArrayType>(to, &values.collect::<Vec<_>>())
            }
        }
    }

    fn encode_as<T: types::DataType>(
        &self,
        to: &mut ColumnWriter<'_>,
        values: &[T::T],
    ) -> parquet::errors::Result<()> {
        let (definitions, repetitions) =
            (self.definition_levels.as_deref(), self.repetition_levels.as_deref());
        get_typed_column_writer_mut::<T>(to).write_batch(values, definitions, repetitions).map(drop)
    }
}

impl Leaf {
    /// Checks and copies the column's share of a row group.
    fn read(&self, rows: usize, slice: &LeafSlice<'_>) -> Result<LeveledColumn> {
        let optional = self.column.max_def_level() > 0;
        let repeated = self.column.max_rep_level() > 0;
        let definition_levels = self.levels("definition", slice.definition_levels, optional)?;
        let repetition_levels = self.levels("repetition", slice.repetition_levels, repeated)?;
        let (has_rows, has_values) = match &definition_levels {
            Some(definitions) => self.check_levels(definitions, repetition_levels.as_deref())?,
            None => (slice.value_count, slice.value_count),
        };
        if has_rows != rows {
            return Err(mismatch(format!(
                "column \"{}\" has {has_rows} rows, the row group {rows}; give all columns the rows of the group",
                self.name
            )));
        }
        if has_values != slice.value_count {
            return Err(self.invalid(format!(
                "value_count is {}, but {has_values} definition levels are {}, that of a value",
                slice.value_count,
                self.column.max_def_level()
            )));
        }
        let values = self.values(slice)?;
        Ok(LeveledColumn { definition_levels, repetition_levels, values })
    }

    fn levels(&self, kind: &str, given: Option<&[u8]>, needed: bool) -> Result<Option<Vec<i16>>> {
        match (given, needed) {
            (Some(bytes), true) => Ok(Some(numbers(bytes, i16::from_le_bytes))),
            (None, false) => Ok(None),
            (None, true) => Err(mismatch(format!(
                "column \"{}\" is {} and has no {kind} levels; pass them",
                self.name,
                if self.column.max_rep_level() > 0 { "repeated" } else { "optional" }
            ))),
            (Some(_), false) => Err(mismatch(format!(
                "column \"{}\" takes no {kind} levels, as their maximum is 0; pass NULL",
                self.name
            ))),
        }
    }

    /// Whether levels could have come from rows; returns how many rows and values they tell of.
    fn check_levels(&self, definitions: &[i16], repetitions: Option<&[i16]>) -> Result<(usize, usize)> {
        if repetitions.is_some_and(|levels| levels.len() != definitions.len()) {
            return Err(self.invalid("the definition and repetition levels differ in number".to_owned()));
        }
        let (max_definition, max_repetition) = (self.column.max_def_level(), self.column.max_rep_level());
        let (mut rows, mut values) = (0, 0);
        for (i, &definition) in definitions.iter().enumerate() {
            let repetition = repetitions.map_or(0, |levels| levels[i]);
            if !(0..=max_definition).contains(&definition) {
                return Err(self.invalid(format!(
                    "definition level {i} is {definition}; the column's are 0 to {max_definition}"
                )));
            }
            if !(0..=max_repetition).contains(&repetition) {
                return Err(self.invalid(format!(
                    "repetition level {i} is {repetition}; the column's are 0 to {max_repetition}"
                )));
            }
            values += usize::from(definition == max_definition);
            if repetition == 0 {
                rows += 1;
                continue;
            }
            let Some(before) = i.checked_sub(1).map(|before| definitions[before]) else {
                return Err(self.invalid(format!("repetition level 0 is {repetition}; the first must be 0")));
            };
            // It goes on with a list: there is an element here, and there was one before.
            let element = self.elements[repetition as usize - 1];
            if definition < element || before < element {
                return Err(self.invalid(format!(
                    "repetition level {i} is {repetition}, which goes on with a list, but definition levels {} and {i} are {before} and {definition}; elements of that list have {element} or more",
                    i - 1
                )));
            }
        }
        Ok((rows, values))
    }

    #[track_caller]
    fn invalid(&self, what: String) -> Error {
        Error::invalid(format!("column \"{}\": {what}", self.name))
    }
}

#[track_caller]
fn mismatch(message: String) -> Error {
    Error::new(ErrorClass::SchemaMismatch, message)
}
