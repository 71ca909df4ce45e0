//! The record layout: where a caller's C struct keeps its fields.

use arrow_schema::{DataType, Field};

use crate::columns::{ColumnSlice, Validity, Values};
use crate::error::{Error, ErrorClass, Result};
use crate::schema::{Schema, fixed_width, is_scalar};

/// One field of a record.
#[derive(Clone, Debug)]
pub struct RecordField {
    /// Name and type of the column; it is nullable if `nulls` says so. Text is of a fixed width, padded
    /// with spaces or NULs.
    pub column: Field,
    /// Where it starts in the record, in bytes.
    pub offset: usize,
    /// Its bytes in the record.
    pub width: usize,
    /// Which values stand for null.
    pub nulls: Nulls,
}

/// What makes a field of a record null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    /// Nothing: the column is required.
    Never,
    /// The field's bits equal this value's low bytes; text is null when blank.
    Sentinel(u64),
    /// This bit of the record is 0: bit 0 is the least significant of byte 0.
    Bit(usize),
}

/// A checked layout, and the schema of the columns that come of it.
#[derive(Clone, Debug)]
pub struct RecordLayout {
    size: usize,
    fields: Vec<RecordField>,
    has_payload: bool,
    schema: Schema,
}

impl RecordLayout {
    /// Checks that every field lies inside a record of `size` bytes. With `payload` a record is
    /// followed by bytes of any length, which become a last, required binary column of that name.
    pub fn new(size: usize, fields: Vec<RecordField>, payload: Option<String>) -> Result<Self> {
        if size == 0 && (!fields.is_empty() || payload.is_none()) {
            return Err(Error::invalid("record_size is 0; give the size of the struct"));
        }
        let mut columns = Vec::with_capacity(fields.len() + 1);
        for field in &fields {
            check_field(field, size)?;
            columns.push(field.column.clone().with_nullable(field.nulls != Nulls::Never));
        }
        let has_payload = payload.is_some();
        columns.extend(payload.map(|name| Field::new(name, DataType::Binary, false)));
        Ok(RecordLayout { size, fields, has_payload, schema: Schema::new(columns)? })
    }

    /// Bytes of a record, without a payload.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Whether each record carries a payload.
    pub fn has_payload(&self) -> bool {
        self.has_payload
    }

    /// The columns.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The fields of `len` records, `stride` bytes apart, as column slices.
    pub(super) fn slices<'a>(&self, records: &'a [u8], stride: usize, len: usize) -> Vec<ColumnSlice<'a>> {
        let slice = |field: &RecordField| {
            let bytes = records.get(field.offset..).unwrap_or_default();
            let values = match fixed_width(field.column.data_type()) {
                Some(_) => Values::Fixed { bytes, stride },
                None => Values::PaddedText { bytes, stride, width: field.width },
            };
            let validity = match field.nulls {
                Nulls::Never => Validity::AllValid,
                Nulls::Sentinel(value) => Validity::Sentinel(value),
                Nulls::Bit(bit) => {
                    let bytes = records.get(bit / 8..).unwrap_or_default();
                    Validity::RowBit { bytes, stride, mask: 1 << (bit % 8) }
                }
            };
            ColumnSlice::new(values, len).with_validity(validity)
        };
        self.fields.iter().map(slice).collect()
    }
}

fn check_field(field: &RecordField, size: usize) -> Result<()> {
    let RecordField { column, offset, width, nulls } = field;
    let (name, data_type) = (column.name(), column.data_type());
    match fixed_width(data_type) {
        None if !is_scalar(data_type) => {
            return Err(Error::new(
                ErrorClass::Unsupported,
                format!("field \"{name}\": type {data_type} has no fixed place in a record"),
            ));
        }
        Some(expected) if *width != expected => {
            return Err(Error::new(
                ErrorClass::TypeMismatch,
                format!("field \"{name}\": width {width}, but type {data_type} has {expected} bytes"),
            ));
        }
        None if *width == 0 => {
            return Err(Error::invalid(format!("field \"{name}\": width 0; give the bytes of the text")));
        }
        _ => {}
    }
    if offset.checked_add(*width).is_none_or(|end| end > size) {
        return Err(Error::invalid(format!(
            "field \"{name}\": {width} bytes at offset {offset} lie outside a record of {size} bytes"
        )));
    }
    match nulls {
        Nulls::Bit(bit) if bit / 8 >= size => Err(Error::invalid(format!(
            "field \"{name}\": null_bit {bit} lies outside a record of {size} bytes"
        ))),
        Nulls::Sentinel(_) if fixed_width(data_type).is_some_and(|w| w > 8) => Err(Error::new(
            ErrorClass::Unsupported,
            format!("field \"{name}\": a sentinel has 8 bytes at most; use a bit of the record"),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class_of(change: impl FnOnce(&mut RecordField)) -> ErrorClass {
        let mut field = RecordField {
            column: Field::new("a", DataType::Int32, false),
            offset: 4,
            width: 4,
            nulls: Nulls::Never,
        };
        change(&mut field);
        RecordLayout::new(8, vec![field], None).map_or_else(|e| e.class(), |_| ErrorClass::Internal)
    }

    #[test]
    fn fields_outside_the_record_are_refused() {
        assert_eq!(class_of(|f| f.offset = 5), ErrorClass::InvalidArgument);
        assert_eq!(class_of(|f| f.offset = usize::MAX), ErrorClass::InvalidArgument);
        assert_eq!(class_of(|f| f.nulls = Nulls::Bit(64)), ErrorClass::InvalidArgument);
        assert_eq!(class_of(|f| f.width = 8), ErrorClass::TypeMismatch);
        assert_eq!(
            class_of(|f| f.column = Field::new("a", DataType::LargeUtf8, false)),
            ErrorClass::Unsupported
        );
        let wide = |f: &mut RecordField| {
            (f.column, f.width) = (Field::new("a", DataType::FixedSizeBinary(9), false), 9);
            f.nulls = Nulls::Sentinel(0);
        };
        assert_eq!(class_of(wide), ErrorClass::InvalidArgument); // 9 bytes at 4 of 8
    }
}
