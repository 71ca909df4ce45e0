//! The logical columns of a file: Arrow's names, Arrow's types, checked once when the schema is made.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema as ArrowSchema, SchemaRef, TimeUnit};
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
            check_type(field)?;
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

    /// The fields as the caller gave them.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The schema as it is stored: see [`stored_type`].
    pub fn stored(&self) -> &SchemaRef {
        &self.stored
    }
}

fn check_type(field: &Field) -> Result<()> {
    match field.data_type() {
        DataType::FixedSizeBinary(width) if *width <= 0 => Err(Error::invalid(format!(
            "field \"{}\": fixed-size binary width {width}; give a width of 1 or more",
            field.name()
        ))),
        DataType::Timestamp(_, Some(zone)) if zone.is_empty() => Err(Error::invalid(format!(
            "field \"{}\": the timezone is empty; name one (\"UTC\") or leave it out",
            field.name()
        ))),
        DataType::Utf8 | DataType::Binary => Ok(()),
        other if fixed_width(other).is_some() => Ok(()),
        other => Err(Error::new(
            ErrorClass::Unsupported,
            format!("field \"{}\": type {other} is not available", field.name()),
        )),
    }
}

/// The type a file holds. Parquet has no unit of seconds (LogicalTypes.md, TIME and TIMESTAMP), so these
/// become milliseconds; every other type is stored as it is.
pub fn stored_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(TimeUnit::Second, zone) => {
            DataType::Timestamp(TimeUnit::Millisecond, zone.clone())
        }
        DataType::Time32(TimeUnit::Second) => DataType::Time32(TimeUnit::Millisecond),
        other => other.clone(),
    }
}

/// Bytes of one value in a caller's memory; `None` for types of variable length. A bool is one byte.
pub fn fixed_width(data_type: &DataType) -> Option<usize> {
    match data_type {
        DataType::Boolean => Some(1),
        DataType::FixedSizeBinary(width) => usize::try_from(*width).ok(),
        // Arrow's own name for types of a fixed width that are neither bool nor bytes.
        other => other.primitive_width(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(class_of(vec![Field::new("a", DataType::Null, true)]), ErrorClass::Unsupported);
    }

    #[test]
    fn seconds_are_stored_as_milliseconds() {
        let utc: Option<Arc<str>> = Some("UTC".into());
        let field = Field::new("t", DataType::Timestamp(TimeUnit::Second, utc.clone()), true);
        let schema = Schema::new(vec![field]).unwrap();
        let stored = schema.stored().field(0).data_type().clone();
        assert_eq!(stored, DataType::Timestamp(TimeUnit::Millisecond, utc));
        assert_eq!(fixed_width(&DataType::UInt16), Some(2));
    }
}
