//! Random nested schemas and records, taken apart into levels by a naive shredder after the Dremel paper,
//! written as row groups, put together again by the parquet crate's record reader: the same records. And
//! levels that were tampered with: what the writer still takes must come back as it was.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs::File;
use std::path::Path;

use flow::error::{ErrorClass, Result};
use flow::format::LeafSlice;
use flow::schema::Schema;
use flow::storage::Sync;
use flow::writer::{Writer, WriterOptions};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use proptest::prelude::*;

const PHYSICAL: [&str; 8] =
    ["boolean", "int32", "int64", "int96", "float", "double", "binary", "fixed_len_byte_array(3)"];
const WIDTHS: [usize; 8] = [1, 4, 8, 12, 4, 8, 0, 3];
const INT96: usize = 3;
const BINARY: usize = 6;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Required,
    Optional,
    Repeated,
}

/// A field of a schema: a group, or a leaf if it has no fields of its own.
#[derive(Clone, Debug)]
struct Node {
    kind: Kind,
    fields: Vec<Node>,
    physical: usize,
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Null,
    Leaf(Vec<u8>),
    Group(Vec<Value>),
    List(Vec<Value>),
}

/// What a leaf column of a row group is made of.
#[derive(Clone, Debug, Default, PartialEq)]
struct Column {
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
    values: Vec<Vec<u8>>,
}

/// A leaf's physical type and greatest levels.
#[derive(Clone, Copy, Debug)]
struct Leaf {
    physical: usize,
    definition: i16,
    repetition: i16,
}

impl Node {
    fn text(&self, name: &str) -> String {
        let kind = format!("{:?}", self.kind).to_lowercase();
        match self.fields.is_empty() {
            true => format!("{kind} {} {name};", PHYSICAL[self.physical]),
            false => format!("{kind} group {name} {{ {} }}", fields_text(&self.fields)),
        }
    }

    fn leaves(&self, mut definition: i16, mut repetition: i16) -> Vec<Leaf> {
        definition += i16::from(self.kind != Kind::Required);
        repetition += i16::from(self.kind == Kind::Repeated);
        match self.fields.is_empty() {
            true => vec![Leaf { physical: self.physical, definition, repetition }],
            false => self.fields.iter().flat_map(|field| field.leaves(definition, repetition)).collect(),
        }
    }

    fn random(&self, random: &mut Random) -> Value {
        match self.kind {
            Kind::Required => self.random_content(random),
            Kind::Optional if random.below(3) == 0 => Value::Null,
            Kind::Optional => self.random_content(random),
            Kind::Repeated => {
                Value::List((0..random.below(4)).map(|_| self.random_content(random)).collect())
            }
        }
    }

    fn random_content(&self, random: &mut Random) -> Value {
        match self.fields.is_empty() {
            true => Value::Leaf(random.leaf(self.physical)),
            false => Value::Group(self.fields.iter().map(|field| field.random(random)).collect()),
        }
    }

    /// Adds a value to the leaf columns below: `repetition` is the level of its first entry, `definition`
    /// and `depth` count the fields above that are there, and those that are repeated.
    fn shred(&self, value: &Value, repetition: i16, definition: i16, depth: i16, columns: &mut [Column]) {
        match value {
            Value::List(elements) if !elements.is_empty() => {
                for (i, element) in elements.iter().enumerate() {
                    let repetition = if i == 0 { repetition } else { depth + 1 };
                    self.shred_content(element, repetition, definition + 1, depth + 1, columns);
                }
            }
            Value::List(_) | Value::Null => {
                for column in columns {
                    column.definitions.push(definition);
                    column.repetitions.push(repetition);
                }
            }
            there => {
                let definition = definition + i16::from(self.kind == Kind::Optional);
                self.shred_content(there, repetition, definition, depth, columns);
            }
        }
    }

    fn shred_content(
        &self,
        value: &Value,
        repetition: i16,
        definition: i16,
        depth: i16,
        columns: &mut [Column],
    ) {
        match value {
            Value::Group(values) => {
                let mut columns = columns;
                for (field, value) in self.fields.iter().zip(values) {
                    let (own, rest) = columns.split_at_mut(field.leaves(0, 0).len());
                    field.shred(value, repetition, definition, depth, own);
                    columns = rest;
                }
            }
            Value::Leaf(bytes) => {
                columns[0].definitions.push(definition);
                columns[0].repetitions.push(repetition);
                columns[0].values.push(bytes.clone());
            }
            Value::Null | Value::List(_) => unreachable!("content is there, once"),
        }
    }

    /// What the record reader shows, as a value of this field.
    fn read(&self, field: &Field) -> Value {
        match (self.kind, field) {
            (Kind::Repeated, Field::ListInternal(list)) => {
                Value::List(list.elements().iter().map(|element| self.read_content(element)).collect())
            }
            (Kind::Optional, Field::Null) => Value::Null,
            (_, there) => self.read_content(there),
        }
    }

    fn read_content(&self, field: &Field) -> Value {
        let days = |ms: i64| ms.div_euclid(86_400_000);
        Value::Leaf(match field {
            Field::Group(row) => {
                let fields = row.get_column_iter().zip(&self.fields);
                return Value::Group(fields.map(|((_, value), field)| field.read(value)).collect());
            }
            Field::Bool(value) => vec![u8::from(*value)],
            Field::Int(value) => value.to_le_bytes().to_vec(),
            Field::Long(value) => value.to_le_bytes().to_vec(),
            Field::Float(value) => value.to_le_bytes().to_vec(),
            Field::Double(value) => value.to_le_bytes().to_vec(),
            Field::Bytes(value) => value.data().to_vec(),
            Field::TimestampMillis(ms) => int96(days(*ms), ms.rem_euclid(86_400_000)),
            other => panic!("{other} is no value of {self:?}"),
        })
    }
}

/// An INT96 timestamp, from days and milliseconds since 1970-01-01.
fn int96(days: i64, milliseconds: i64) -> Vec<u8> {
    let julian = (days + 2_440_588) as u32;
    [&(milliseconds * 1_000_000).to_le_bytes()[..], &julian.to_le_bytes()].concat()
}

fn fields_text(fields: &[Node]) -> String {
    fields.iter().enumerate().map(|(i, field)| field.text(&format!("f{i}"))).collect()
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn leaf(&mut self, physical: usize) -> Vec<u8> {
        match physical {
            0 => vec![self.below(2) as u8],
            INT96 => int96(self.below(40_000) as i64 - 20_000, self.below(86_400_000) as i64),
            BINARY => (0..self.below(20)).map(|_| self.next() as u8).collect(),
            other => (0..WIDTHS[other]).map(|_| self.next() as u8).collect(),
        }
    }
}

fn node() -> impl Strategy<Value = Node> {
    let kind = prop::sample::select(vec![Kind::Required, Kind::Optional, Kind::Repeated]);
    let leaf = (kind.clone(), 0..PHYSICAL.len()).prop_map(|(kind, physical)| Node {
        kind,
        fields: vec![],
        physical,
    });
    leaf.prop_recursive(4, 12, 3, move |inner| {
        (kind.clone(), prop::collection::vec(inner, 1..4)).prop_map(|(kind, fields)| Node {
            kind,
            fields,
            physical: 0,
        })
    })
}

/// A message of the fields: what a record is a value of.
fn message() -> impl Strategy<Value = Node> {
    prop::collection::vec(node(), 1..4).prop_map(|fields| Node { kind: Kind::Required, fields, physical: 0 })
}

fn open(path: &Path, message: &Node) -> Writer {
    let schema = Schema::from_message(&format!("message m {{ {} }}", fields_text(&message.fields))).unwrap();
    let options = WriterOptions { sync: Sync::None, ..WriterOptions::default() };
    Writer::open(path, &schema, &options).unwrap()
}

fn shred(message: &Node, records: &[Value]) -> Vec<Column> {
    let mut columns = vec![Column::default(); message.leaves(0, 0).len()];
    for record in records {
        message.shred(record, 0, 0, 0, &mut columns);
    }
    columns
}

fn write(writer: &mut Writer, leaves: &[Leaf], rows: usize, columns: &[Column]) -> Result<()> {
    let levels = |levels: &[i16]| levels.iter().flat_map(|level| level.to_le_bytes()).collect::<Vec<u8>>();
    let memory = columns.iter().map(|column| {
        let ends = column.values.iter().scan(0, |end, value| {
            *end += value.len() as i64;
            Some(*end)
        });
        let offsets: Vec<u8> = std::iter::once(0).chain(ends).flat_map(i64::to_le_bytes).collect();
        (column.values.concat(), offsets, levels(&column.definitions), levels(&column.repetitions))
    });
    let memory: Vec<_> = memory.collect();
    let slices = memory.iter().zip(leaves).zip(columns).map(
        |(((values, offsets, definitions, repetitions), leaf), column)| LeafSlice {
            values,
            offsets: (leaf.physical == BINARY).then_some(&offsets[..]),
            value_count: column.values.len(),
            definition_levels: (leaf.definition > 0).then_some(&definitions[..]),
            repetition_levels: (leaf.repetition > 0).then_some(&repetitions[..]),
        },
    );
    writer.write_row_group(rows, &slices.collect::<Vec<_>>())
}

fn read(path: &Path, message: &Node) -> Vec<Value> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| message.read_content(&Field::Group(row.unwrap()))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn records_come_back_as_they_were(message in message(), cuts in prop::collection::vec(0usize..12, 1..4), seed: u64) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("part.parquet");
        let mut random = Random(seed);
        let mut writer = open(&path, &message);
        let mut records = Vec::new();
        for rows in cuts {
            let group: Vec<_> = (0..rows).map(|_| message.random(&mut random)).collect();
            write(&mut writer, &message.leaves(0, 0), rows, &shred(&message, &group)).unwrap();
            records.extend(group);
        }
        prop_assert_eq!(writer.close().unwrap().rows as usize, records.len());
        prop_assert_eq!(read(&path, &message), records);
    }

    #[test]
    fn levels_that_are_taken_come_back_as_they_were(message in message(), rows in 1usize..6, seed: u64) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("part.parquet");
        let mut random = Random(seed);
        let records: Vec<_> = (0..rows).map(|_| message.random(&mut random)).collect();
        let (mut columns, leaves) = (shred(&message, &records), message.leaves(0, 0));
        for _ in 0..=random.below(2) {
            tamper(&mut columns, &leaves, &mut random);
        }
        let mut writer = open(&path, &message);
        match write(&mut writer, &leaves, rows, &columns) {
            Ok(()) => {
                writer.close().unwrap();
                prop_assert_eq!(shred(&message, &read(&path, &message)), columns);
            }
            Err(error) => {
                let expected = [ErrorClass::InvalidArgument, ErrorClass::SchemaMismatch];
                prop_assert!(expected.contains(&error.class()), "{}", error);
                // The writer goes on as if nothing had been.
                write(&mut writer, &leaves, rows, &shred(&message, &records)).unwrap();
                writer.close().unwrap();
                prop_assert_eq!(read(&path, &message), records);
            }
        }
    }
}

/// Changes, adds or removes a level; the values then follow the definition levels again.
fn tamper(columns: &mut [Column], leaves: &[Leaf], random: &mut Random) {
    let i = random.below(columns.len() as u64) as usize;
    let (column, leaf) = (&mut columns[i], leaves[i]);
    if leaf.definition == 0 || column.definitions.is_empty() {
        return;
    }
    let at = random.below(column.definitions.len() as u64) as usize;
    let mut level = |greatest: i16| random.below(greatest as u64 + 1) as i16;
    match level(3) {
        0 => column.definitions[at] = level(leaf.definition),
        1 => column.repetitions[at] = level(leaf.repetition),
        2 => {
            column.definitions.insert(at, level(leaf.definition));
            column.repetitions.insert(at, level(leaf.repetition));
        }
        _ => {
            column.definitions.remove(at);
            column.repetitions.remove(at);
        }
    }
    let values = column.definitions.iter().filter(|&&definition| definition == leaf.definition).count();
    column.values.resize_with(values, || random.leaf(leaf.physical));
}
