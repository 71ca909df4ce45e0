//! The record layout: where a caller's C struct keeps its fields.

use arrow_schema::{DataType, Field, TimeUnit};

use crate::columns::{ColumnSlice, Validity, Values};
use crate::error::{Error, ErrorClass, Result};
use crate::schema::{Schema, fixed_width, is_scalar};

/// One column of a sink, and where its values come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordField {
    /// Name and type of the column; it is nullable if `nulls` says so.
    pub column: Field,
    /// Where its values are.
    pub source: Source,
    /// Which values stand for null.
    pub nulls: Nulls,
}

/// Where a column's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// In the record. Text is of a fixed width, padded with spaces or NULs.
    Record {
        /// Where it starts in the record, in bytes.
        offset: usize,
        /// Its bytes in the record.
        width: usize,
    },
    /// Text or bytes of any length in the record's payload: one after the other, in the order of the fields.
    Payload {
        /// Where the record has its length, a u32.
        length_at: usize,
    },
    /// When the record was taken: timestamps in nanoseconds.
    Time,
    /// Which producer gave it: u32, from 0 on in the order they were opened.
    Producer,
    /// Its number among the records that its producer offered, dropped ones included: u64, from 0 on.
    Sequence,
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
    /// Whether the rest of a payload is a column of its own, the last.
    rest: bool,
    schema: Schema,
}

/// A whole number in the record that records are ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    offset: usize,
    width: usize,
    is_signed: bool,
}

impl Key {
    /// Its value in a record.
    pub(super) fn read(self, record: &[u8]) -> i128 {
        let bytes = &record[self.offset..][..self.width];
        let negative = self.is_signed && bytes[self.width - 1] & 0x80 != 0;
        let mut wide = [if negative { 0xff } else { 0 }; 16];
        wide[..self.width].copy_from_slice(bytes);
        i128::from_le_bytes(wide)
    }
}

/// Records on their way to columns: what their fields are read from.
pub(super) struct Records<'a> {
    /// The records, `stride` bytes apart.
    pub records: &'a [u8],
    pub stride: usize,
    pub len: usize,
    /// Of each [`Source::Payload`], then of the rest: `len + 1` i32 offsets, and the bytes.
    pub payloads: &'a [Payloads],
    /// i64, u32 and u64; empty where the layout has no such column.
    pub times: &'a [u8],
    pub producers: &'a [u8],
    pub sequences: &'a [u8],
}

/// A column of texts or bytes, end to end.
#[derive(Default)]
pub(super) struct Payloads {
    pub offsets: Vec<u8>,
    pub bytes: Vec<u8>,
}

impl RecordLayout {
    /// Checks that every field lies inside a record of `size` bytes. With `payload`, what the fields leave of a
    /// record's payload becomes a last, required binary column of that name.
    pub fn new(size: usize, mut fields: Vec<RecordField>, payload: Option<String>) -> Result<Self> {
        if size == 0 && (fields.iter().any(|f| f.source.is_in_record()) || payload.is_none()) {
            return Err(Error::invalid("record_size is 0; give the size of the struct"));
        }
        let mut columns = Vec::with_capacity(fields.len() + 1);
        for field in &mut fields {
            check_field(field, size)?;
            field.column.set_nullable(field.nulls != Nulls::Never);
            columns.push(field.column.clone());
        }
        let rest = payload.is_some();
        columns.extend(payload.map(|name| Field::new(name, DataType::Binary, false)));
        Ok(RecordLayout { size, fields, rest, schema: Schema::new(columns)? })
    }

    /// Bytes of a record, without a payload.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Whether each record carries a payload.
    pub fn has_payload(&self) -> bool {
        self.rest || self.lengths().next().is_some()
    }

    /// Whether the rest of a payload is a column.
    pub fn has_rest(&self) -> bool {
        self.rest
    }

    /// Whether a column is from there.
    pub fn has(&self, source: Source) -> bool {
        self.fields.iter().any(|field| field.source == source)
    }

    /// Whether the entries of both mean the same.
    pub(super) fn is_like(&self, other: &RecordLayout) -> bool {
        (self.size, self.rest, &self.fields) == (other.size, other.rest, &other.fields)
    }

    /// Where a record has the lengths of the fields in its payload, and whether they are texts.
    pub(super) fn lengths(&self) -> impl Iterator<Item = (usize, bool)> {
        self.fields.iter().filter_map(|field| match field.source {
            Source::Payload { length_at } => Some((length_at, *field.column.data_type() == DataType::Utf8)),
            _ => None,
        })
    }

    /// The fields, without the rest of a payload.
    pub fn fields(&self) -> &[RecordField] {
        &self.fields
    }

    /// The field of this name, if records can be ordered by it.
    pub fn key(&self, name: &str) -> Result<Key> {
        let field = self.fields.iter().find(|field| field.column.name() == name);
        let Some(RecordField { column, source: Source::Record { offset, width }, nulls: Nulls::Never }) =
            field
        else {
            return Err(Error::invalid(format!(
                "order_field \"{name}\" is no field of the record that is never null; name one, or the capture time"
            )));
        };
        let data_type = column.data_type();
        if !(data_type.is_integer() || data_type.is_temporal()) {
            return Err(Error::new(
                ErrorClass::Unsupported,
                format!("order_field \"{name}\" is of type {data_type}; name a whole number or a time"),
            ));
        }
        Ok(Key { offset: *offset, width: *width, is_signed: !data_type.is_unsigned_integer() })
    }

    /// The columns.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The columns of some records, as slices.
    pub(super) fn slices<'a>(&self, from: &Records<'a>) -> Vec<ColumnSlice<'a>> {
        let mut payloads = from.payloads.iter();
        let mut next_payload = || match payloads.next() {
            Some(of) => Values::Offsets { offsets: &of.offsets, width: 4, bytes: &of.bytes },
            None => Values::Offsets { offsets: &[], width: 4, bytes: &[] },
        };
        let (stride, len) = (from.stride, from.len);
        let at = |offset: usize| from.records.get(offset..).unwrap_or_default();
        let mut slices: Vec<_> = self
            .fields
            .iter()
            .map(|field| {
                let values = match (field.source, fixed_width(field.column.data_type())) {
                    (Source::Record { offset, .. }, Some(_)) => Values::Fixed { bytes: at(offset), stride },
                    (Source::Record { offset, width }, None) => {
                        Values::PaddedText { bytes: at(offset), stride, width }
                    }
                    (Source::Payload { .. }, _) => next_payload(),
                    (Source::Time, _) => Values::Fixed { bytes: from.times, stride: 8 },
                    (Source::Producer, _) => Values::Fixed { bytes: from.producers, stride: 4 },
                    (Source::Sequence, _) => Values::Fixed { bytes: from.sequences, stride: 8 },
                };
                let validity = match field.nulls {
                    Nulls::Never => Validity::AllValid,
                    Nulls::Sentinel(value) => Validity::Sentinel(value),
                    Nulls::Bit(bit) => Validity::RowBit { bytes: at(bit / 8), stride, mask: 1 << (bit % 8) },
                };
                ColumnSlice::new(values, len).with_validity(validity)
            })
            .collect();
        if self.rest {
            slices.push(ColumnSlice::new(next_payload(), len));
        }
        slices
    }
}

impl Source {
    fn is_in_record(self) -> bool {
        matches!(self, Source::Record { .. } | Source::Payload { .. })
    }

    /// The type that its column must have, if there is one.
    fn data_type(self) -> Option<DataType> {
        match self {
            Source::Time => Some(DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))),
            Source::Producer => Some(DataType::UInt32),
            Source::Sequence => Some(DataType::UInt64),
            Source::Record { .. } | Source::Payload { .. } => None,
        }
    }

    /// The column that its stamps make.
    pub fn stamp(self, name: &str) -> Option<RecordField> {
        let column = Field::new(name, self.data_type()?, false);
        Some(RecordField { column, source: self, nulls: Nulls::Never })
    }
}

fn check_field(field: &RecordField, size: usize) -> Result<()> {
    let RecordField { column, source, nulls } = field;
    let (name, data_type) = (column.name(), column.data_type());
    let outside = |width: usize, offset: usize| {
        Err(Error::invalid(format!(
            "field \"{name}\": {width} bytes at offset {offset} lie outside a record of {size} bytes"
        )))
    };
    let is_inside = |offset: usize, width: usize| offset.checked_add(width).is_some_and(|end| end <= size);
    match nulls {
        Nulls::Bit(bit) if bit / 8 >= size => {
            return Err(Error::invalid(format!(
                "field \"{name}\": null_bit {bit} lies outside a record of {size} bytes"
            )));
        }
        Nulls::Sentinel(_) if fixed_width(data_type).is_some_and(|w| w > 8) => {
            return Err(Error::new(
                ErrorClass::Unsupported,
                format!("field \"{name}\": a sentinel has 8 bytes at most; use a bit of the record"),
            ));
        }
        _ => {}
    }
    let (offset, width) = match source {
        Source::Record { offset, width } => (offset, width),
        Source::Payload { length_at } => {
            if !matches!(data_type, DataType::Utf8 | DataType::Binary) || matches!(nulls, Nulls::Sentinel(_))
            {
                return Err(Error::new(
                    ErrorClass::Unsupported,
                    format!(
                        "field \"{name}\": a payload holds text or binary, null by a bit or never, no {data_type}"
                    ),
                ));
            }
            return if is_inside(*length_at, 4) { Ok(()) } else { outside(4, *length_at) };
        }
        stamp if stamp.data_type().as_ref() != Some(data_type) || *nulls != Nulls::Never => {
            return Err(Error::new(
                ErrorClass::TypeMismatch,
                format!("field \"{name}\": a stamp {stamp:?} is no {data_type}, and never null"),
            ));
        }
        _ => return Ok(()),
    };
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
    if is_inside(*offset, *width) { Ok(()) } else { outside(*width, *offset) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class_of(change: impl FnOnce(&mut RecordField)) -> ErrorClass {
        let mut field = RecordField {
            column: Field::new("a", DataType::Int32, false),
            source: Source::Record { offset: 4, width: 4 },
            nulls: Nulls::Never,
        };
        change(&mut field);
        RecordLayout::new(8, vec![field], None).map_or_else(|e| e.class(), |_| ErrorClass::Internal)
    }

    #[test]
    fn fields_outside_the_record_are_refused() {
        assert_eq!(
            class_of(|f| f.source = Source::Record { offset: 5, width: 4 }),
            ErrorClass::InvalidArgument
        );
        assert_eq!(
            class_of(|f| f.source = Source::Record { offset: usize::MAX, width: 4 }),
            ErrorClass::InvalidArgument
        );
        assert_eq!(class_of(|f| f.nulls = Nulls::Bit(64)), ErrorClass::InvalidArgument);
        assert_eq!(class_of(|f| f.source = Source::Record { offset: 0, width: 8 }), ErrorClass::TypeMismatch);
        assert_eq!(
            class_of(|f| f.column = Field::new("a", DataType::LargeUtf8, false)),
            ErrorClass::Unsupported
        );
        let wide = |f: &mut RecordField| {
            f.column = Field::new("a", DataType::FixedSizeBinary(9), false);
            f.source = Source::Record { offset: 0, width: 9 };
            f.nulls = Nulls::Sentinel(0);
        };
        assert_eq!(class_of(wide), ErrorClass::Unsupported);
        let payload = |length_at| {
            move |f: &mut RecordField| {
                f.column = Field::new("a", DataType::Utf8, false);
                f.source = Source::Payload { length_at };
            }
        };
        assert_eq!(class_of(payload(5)), ErrorClass::InvalidArgument);
        assert_eq!(class_of(|f| f.source = Source::Payload { length_at: 0 }), ErrorClass::Unsupported);
        assert_eq!(class_of(|f| f.source = Source::Sequence), ErrorClass::TypeMismatch);
    }
}
