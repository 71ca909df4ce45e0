//! The logical columns of a file: Arrow's names, Arrow's types, checked once when the schema is made.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_schema::{
    DECIMAL32_MAX_PRECISION, DECIMAL64_MAX_PRECISION, DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION,
    DataType, Field, FieldRef, IntervalUnit, Schema as ArrowSchema, SchemaRef, TimeUnit,
};
use parquet::schema::types::TypePtr;

use crate::error::{Error, ErrorClass, Result};

mod message;

/// A checked, immutable list of fields. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Schema {
    fields: Arc<[Field]>,
    stored: SchemaRef,
    message: Option<TypePtr>,
}

impl Schema {
    /// Checks `fields`: at least one, names non-empty and unique, every type one that libflow writes.
    pub fn new(fields: Vec<Field>) -> Result<Self> {
        if fields.is_empty() {
            return Err(Error::invalid("a schema needs at least one field, got 0; add fields"));
        }
        let mut names = HashSet::new();
        for (i, field) in fields.iter().enumerate() {
            if field.name().is_empty() {
                return Err(Error::invalid(format!("field {i} has an empty name; name it")));
            }
            if !names.insert(field.name()) {
                return Err(Error::invalid(format!(
                    "field {i} repeats the name \"{}\"; names must be unique",
                    field.name()
                )));
            }
            check_type(field.name(), field.data_type())?;
        }
        let stored = fields.iter().map(|f| f.clone().with_data_type(stored_type(f.data_type())));
        let stored = Arc::new(ArrowSchema::new(stored.collect::<Vec<_>>()));
        Ok(Schema { fields: fields.into(), stored, message: None })
    }

    /// A schema in Parquet's own terms, from the text of a message type. It has no fields: its rows come
    /// as row groups, by levels.
    pub fn from_message(text: &str) -> Result<Self> {
        let message = Some(message::parse(text)?);
        Ok(Schema { fields: [].into(), stored: Arc::new(ArrowSchema::empty()), message })
    }

    /// The message type that the schema was made from, if it was.
    pub fn message(&self) -> Option<&TypePtr> {
        self.message.as_ref()
    }

    /// As [`Schema::new`], from an Arrow schema, whose metadata is stored too.
    pub fn from_arrow(arrow: &ArrowSchema) -> Result<Self> {
        let mut schema = Schema::new(arrow.fields().iter().map(|field| field.as_ref().clone()).collect())?;
        let stored = schema.stored.as_ref().clone().with_metadata(arrow.metadata().clone());
        schema.stored = Arc::new(stored);
        Ok(schema)
    }

    /// The fields as the caller gave them.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The Arrow schema that a file carries for its readers.
    pub fn described(&self) -> ArrowSchema {
        let fields = self.stored.fields().iter().map(|field| described_field(field, false));
        ArrowSchema::new_with_metadata(fields.collect::<Vec<_>>(), self.stored.metadata().clone())
    }

    /// The schema as it is stored: see [`stored_type`].
    pub fn stored(&self) -> &SchemaRef {
        &self.stored
    }
}

/// Whether Parquet can hold the type; `path` is where in the schema it is.
fn check_type(path: &str, data_type: &DataType) -> Result<()> {
    let invalid = |what: String| Err(Error::invalid(format!("field \"{path}\": {what}")));
    match data_type {
        DataType::FixedSizeBinary(width) if *width <= 0 => {
            invalid(format!("fixed-size binary width {width}; give a width of 1 or more"))
        }
        DataType::Timestamp(_, Some(zone)) if zone.is_empty() => {
            invalid("the timezone is empty; name one (\"UTC\") or leave it out".to_owned())
        }
        DataType::Decimal32(precision, scale) => {
            check_decimal(path, *precision, *scale, DECIMAL32_MAX_PRECISION)
        }
        DataType::Decimal64(precision, scale) => {
            check_decimal(path, *precision, *scale, DECIMAL64_MAX_PRECISION)
        }
        DataType::Decimal128(precision, scale) => {
            check_decimal(path, *precision, *scale, DECIMAL128_MAX_PRECISION)
        }
        DataType::Decimal256(precision, scale) => {
            check_decimal(path, *precision, *scale, DECIMAL256_MAX_PRECISION)
        }
        DataType::FixedSizeList(_, size) if *size <= 0 => {
            invalid(format!("a fixed-size list of {size} elements; give a size of 1 or more"))
        }
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => check_type(&format!("{path}[]"), item.data_type()),
        DataType::Struct(fields) if fields.is_empty() => {
            invalid("a struct without fields has no columns to store; give it a field".to_owned())
        }
        DataType::Struct(fields) => {
            let mut names = HashSet::new();
            fields.iter().try_for_each(|field| {
                if !names.insert(field.name()) {
                    return invalid(format!("its field \"{}\" comes twice; rename one", field.name()));
                }
                check_type(&format!("{path}.{}", field.name()), field.data_type())
            })
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields)
                if fields.len() == 2 && !fields[0].is_nullable() && !entries.is_nullable() =>
            {
                check_type(path, entries.data_type())
            }
            other => {
                invalid(format!("a map of {other}; give it required entries of a required key and a value"))
            }
        },
        DataType::Dictionary(key, value) if key.is_dictionary_key_type() && !value.is_nested() => {
            check_type(path, value)
        }
        DataType::Null
        | DataType::Boolean
        | DataType::Float16
        | DataType::Float32
        | DataType::Float64
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_)
        | DataType::Date32
        | DataType::Date64
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Timestamp(..)
        | DataType::Duration(_)
        | DataType::Interval(IntervalUnit::YearMonth | IntervalUnit::DayTime) => Ok(()),
        other if other.is_integer() => Ok(()),
        other => Err(Error::new(
            ErrorClass::Unsupported,
            format!("field \"{path}\": type {other} cannot be stored in Parquet; convert it first"),
        )),
    }
}

fn check_decimal(path: &str, precision: u8, scale: i8, max_precision: u8) -> Result<()> {
    if (1..=max_precision).contains(&precision) && (0..=precision as i8).contains(&scale) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "field \"{path}\": decimal({precision}, {scale}); give a precision of 1 to {max_precision} and a scale of 0 to the precision"
    )))
}

/// The type a file holds. Parquet has no unit of seconds (LogicalTypes.md, TIMESTAMP and TIME), so these
/// become milliseconds, and dates in milliseconds become dates in days, in whatever they are nested; list
/// views, which few readers know, become lists. Every other type is stored as it is.
pub fn stored_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(TimeUnit::Second, zone) => {
            DataType::Timestamp(TimeUnit::Millisecond, zone.clone())
        }
        DataType::Time32(TimeUnit::Second) => DataType::Time32(TimeUnit::Millisecond),
        DataType::Date64 => DataType::Date32,
        DataType::List(item) => DataType::List(stored_field(item)),
        DataType::LargeList(item) => DataType::LargeList(stored_field(item)),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(stored_field(item), *size),
        DataType::ListView(item) => DataType::List(stored_field(item)),
        DataType::LargeListView(item) => DataType::LargeList(stored_field(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(stored_field).collect()),
        DataType::Map(entries, sorted) => DataType::Map(stored_field(entries), *sorted),
        DataType::Dictionary(key, value) => DataType::Dictionary(key.clone(), Box::new(stored_type(value))),
        other => other.clone(),
    }
}

fn stored_field(field: &FieldRef) -> FieldRef {
    map_field(field, stored_type)
}

/// As what readers should take a field: dictionaries are a matter of encoding, and no reader makes any but
/// those of strings from a file; pyarrow stumbles over those inside lists and structs.
fn described_field(field: &FieldRef, is_nested: bool) -> FieldRef {
    let inside = |data_type: &DataType| match data_type {
        DataType::Dictionary(_, value)
            if is_nested
                || !value.is_string() && !matches!(**value, DataType::Binary | DataType::LargeBinary) =>
        {
            value.as_ref().clone()
        }
        DataType::List(item) => DataType::List(described_field(item, true)),
        DataType::LargeList(item) => DataType::LargeList(described_field(item, true)),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(described_field(item, true), *size),
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| described_field(field, true)).collect())
        }
        DataType::Map(entries, sorted) => DataType::Map(described_field(entries, true), *sorted),
        other => other.clone(),
    };
    map_field(field, inside)
}

fn map_field(field: &FieldRef, to: impl Fn(&DataType) -> DataType) -> FieldRef {
    Arc::new(field.as_ref().clone().with_data_type(to(field.data_type())))
}

/// Whether row chunks can carry the type; Arrow batches carry every type of a schema.
pub fn is_row_type(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(item) => is_row_type(item.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| is_row_type(field.data_type())),
        DataType::Dictionary(key, value) => {
            **key == DataType::Int32 && **value != DataType::Boolean && is_scalar(value)
        }
        other => is_scalar(other),
    }
}

/// Whether the type is one value a row, which a record can carry too.
pub fn is_scalar(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::Binary) || fixed_width(data_type).is_some()
}

/// Bytes of one value in a caller's memory; `None` for types of variable length. A bool is one byte.
pub fn fixed_width(data_type: &DataType) -> Option<usize> {
    match data_type {
        DataType::Boolean => Some(1),
        DataType::FixedSizeBinary(width) => usize::try_from(*width).ok(),
        // Handed over by Arrow only: they are stored as something else.
        DataType::Date64 | DataType::Interval(_) => None,
        // Arrow's own name for types of a fixed width that are neither bool nor bytes.
        other => other.primitive_width(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_schema::Fields;

    fn class_of(fields: Vec<Field>) -> ErrorClass {
        Schema::new(fields).unwrap_err().class()
    }

    #[test]
    fn bad_schemas_are_refused() {
        assert_eq!(class_of(vec![]), ErrorClass::InvalidArgument);
        let twice = Field::new("a", DataType::Int8, false);
        assert_eq!(class_of(vec![twice.clone(), twice]), ErrorClass::InvalidArgument);
        assert_eq!(class_of(vec![Field::new("", DataType::Int8, false)]), ErrorClass::InvalidArgument);
        let empty = Field::new("a", DataType::FixedSizeBinary(0), false);
        assert_eq!(class_of(vec![empty]), ErrorClass::InvalidArgument);
    }

    #[test]
    fn what_parquet_cannot_hold_is_refused_wherever_it_is_nested() {
        let in_list = |data_type| DataType::List(Arc::new(Field::new("item", data_type, true)));
        let class = |data_type| class_of(vec![Field::new("a", in_list(data_type), true)]);
        assert_eq!(class(DataType::Interval(IntervalUnit::MonthDayNano)), ErrorClass::Unsupported);
        assert_eq!(class(DataType::Decimal128(39, 0)), ErrorClass::InvalidArgument);
        assert_eq!(class(DataType::Decimal64(5, 6)), ErrorClass::InvalidArgument);
        assert_eq!(class(DataType::Decimal64(5, -1)), ErrorClass::InvalidArgument);
        assert_eq!(class(DataType::Struct(Fields::empty())), ErrorClass::InvalidArgument);
        let item = Arc::new(Field::new("item", DataType::Int8, true));
        assert_eq!(class(DataType::FixedSizeList(item, 0)), ErrorClass::InvalidArgument);
        let entries = |key_nullable| {
            let key = Field::new("key", DataType::Utf8, key_nullable);
            let value = Field::new("value", DataType::Int8, true);
            DataType::Map(Arc::new(Field::new_struct("entries", vec![key, value], false)), false)
        };
        assert_eq!(class(entries(true)), ErrorClass::InvalidArgument);
        Schema::new(vec![Field::new("a", in_list(entries(false)), true)]).unwrap();
        let nested = DataType::Dictionary(Box::new(DataType::Int8), Box::new(entries(false)));
        assert_eq!(class(nested), ErrorClass::Unsupported);
    }

    #[test]
    fn seconds_are_stored_as_milliseconds() {
        let utc: Option<Arc<str>> = Some("UTC".into());
        let field = Field::new("t", DataType::Timestamp(TimeUnit::Second, utc.clone()), true);
        let schema = Schema::new(vec![field]).unwrap();
        let stored = schema.stored().field(0).data_type().clone();
        assert_eq!(stored, DataType::Timestamp(TimeUnit::Millisecond, utc));
        let list = |data_type| DataType::List(Arc::new(Field::new("item", data_type, false)));
        let time =
            |unit| list(DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Time32(unit))));
        assert_eq!(stored_type(&time(TimeUnit::Second)), time(TimeUnit::Millisecond));
        assert_eq!(stored_type(&list(DataType::Date64)), list(DataType::Date32));
        assert_eq!(fixed_width(&DataType::UInt16), Some(2));
    }
}
