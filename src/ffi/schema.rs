//! Schemas.

use std::collections::HashMap;
use std::ffi::c_char;

use arrow_schema::extension::Uuid;
use arrow_schema::{DataType, Field, TimeUnit};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use super::boundary::{boundary, boundary_free};
use super::error::{pf_error, pf_status};
use super::handle::{Kind, Table};
use super::input::{self, CStruct};
use crate::error::{Error, Result};
use crate::schema::{Schema, is_row_type};

pub(super) static SCHEMAS: Table<Schema> = Table::new(Kind::Schema);

/// A schema: the fields of a file. Immutable once made; may be shared by threads and writers.
pub struct pf_schema;

/// bool: one byte a value in memory, 0 is false.
pub const PF_TYPE_BOOL: i32 = 1;
/// Signed 8-bit integer.
pub const PF_TYPE_INT8: i32 = 2;
/// Signed 16-bit integer.
pub const PF_TYPE_INT16: i32 = 3;
/// Signed 32-bit integer.
pub const PF_TYPE_INT32: i32 = 4;
/// Signed 64-bit integer.
pub const PF_TYPE_INT64: i32 = 5;
/// Unsigned 8-bit integer.
pub const PF_TYPE_UINT8: i32 = 6;
/// Unsigned 16-bit integer.
pub const PF_TYPE_UINT16: i32 = 7;
/// Unsigned 32-bit integer.
pub const PF_TYPE_UINT32: i32 = 8;
/// Unsigned 64-bit integer.
pub const PF_TYPE_UINT64: i32 = 9;
/// IEEE 754 single precision.
pub const PF_TYPE_FLOAT32: i32 = 10;
/// IEEE 754 double precision.
pub const PF_TYPE_FLOAT64: i32 = 11;
/// UTF-8 text of any length.
pub const PF_TYPE_UTF8: i32 = 12;
/// Bytes of any length.
pub const PF_TYPE_BINARY: i32 = 13;
/// Bytes of the length that `width` says.
pub const PF_TYPE_FIXED_SIZE_BINARY: i32 = 14;
/// int32 days since 1970-01-01.
pub const PF_TYPE_DATE32: i32 = 15;
/// int64 seconds since 1970-01-01. Parquet has no such unit: stored as milliseconds.
pub const PF_TYPE_TIMESTAMP_S: i32 = 16;
/// int64 milliseconds since 1970-01-01.
pub const PF_TYPE_TIMESTAMP_MS: i32 = 17;
/// int64 microseconds since 1970-01-01.
pub const PF_TYPE_TIMESTAMP_US: i32 = 18;
/// int64 nanoseconds since 1970-01-01.
pub const PF_TYPE_TIMESTAMP_NS: i32 = 19;

/// IEEE 754 half precision.
pub const PF_TYPE_FLOAT16: i32 = 20;
/// int32 seconds since midnight. Parquet has no such unit: stored as milliseconds.
pub const PF_TYPE_TIME32_S: i32 = 21;
/// int32 milliseconds since midnight.
pub const PF_TYPE_TIME32_MS: i32 = 22;
/// int64 microseconds since midnight.
pub const PF_TYPE_TIME64_US: i32 = 23;
/// int64 nanoseconds since midnight.
pub const PF_TYPE_TIME64_NS: i32 = 24;
/// int64 seconds. Durations are plain int64 to readers that do not know Arrow's schema in the file.
pub const PF_TYPE_DURATION_S: i32 = 25;
/// int64 milliseconds.
pub const PF_TYPE_DURATION_MS: i32 = 26;
/// int64 microseconds.
pub const PF_TYPE_DURATION_US: i32 = 27;
/// int64 nanoseconds.
pub const PF_TYPE_DURATION_NS: i32 = 28;
/// Decimal as an int32 times 10^-`scale`; `width` is its precision, 1 to 9 digits.
pub const PF_TYPE_DECIMAL32: i32 = 29;
/// Decimal as an int64 times 10^-`scale`; `width` is its precision, 1 to 18 digits.
pub const PF_TYPE_DECIMAL64: i32 = 30;
/// Decimal as a 128-bit integer times 10^-`scale`; `width` is its precision, 1 to 38 digits.
pub const PF_TYPE_DECIMAL128: i32 = 31;
/// Decimal as a 256-bit integer times 10^-`scale`; `width` is its precision, 1 to 76 digits.
pub const PF_TYPE_DECIMAL256: i32 = 32;
/// UUID: 16 bytes, in the order in which it is written.
pub const PF_TYPE_UUID: i32 = 33;
/// Lists of any length, of elements of the one field in `children`.
pub const PF_TYPE_LIST: i32 = 34;
/// Structs, of the fields in `children`.
pub const PF_TYPE_STRUCT: i32 = 35;

/// A field that is never null.
pub const PF_FIELD_REQUIRED: u32 = 0;
/// A field that may be null.
pub const PF_FIELD_NULLABLE: u32 = 1;
/// A field that comes as indices into distinct values (`PF_LAYOUT_DICTIONARY`) and is stored so: neither
/// libflow nor a reader looks at the value of each row. For every type of one value but bool.
pub const PF_FIELD_DICTIONARY: u32 = 2;

/// A field of a schema.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pf_field {
    /// Name: UTF-8, NUL-terminated, not empty, unique in its schema or struct. Copied. NULL for the
    /// elements of a list, which the Parquet format names "element".
    pub name: *const c_char,
    /// One of `PF_TYPE_*`.
    pub r#type: i32,
    /// `PF_FIELD_REQUIRED` or `PF_FIELD_NULLABLE`, and `PF_FIELD_DICTIONARY` perhaps.
    pub flags: u32,
    /// Bytes of a value of `PF_TYPE_FIXED_SIZE_BINARY`, digits of a decimal; 0 for every other type.
    pub width: u32,
    /// Decimals: digits after the point, 0 to `width`. 0 for every other type.
    pub scale: u32,
    /// Timestamps: a timezone such as "UTC" (the values are instants, counted in UTC), or NULL (local
    /// time without a zone). NULL for every other type. Copied.
    pub timezone: *const c_char,
    /// Lists: the field of the elements. Structs: the fields. NULL for every other type. Copied.
    pub children: *const pf_field,
    /// How many.
    pub child_count: u64,
    /// The id by which table formats know the field, 1 or more; 0: none.
    pub field_id: i32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: integers and pointers, no padding.
unsafe impl CStruct for pf_field {
    const NAME: &'static str = "pf_field";
    const MIN_SIZE: usize = 32;
}

impl Default for pf_field {
    fn default() -> Self {
        Self::new()
    }
}

/// Deeper than any schema; more is a field that is its own child.
const MAX_DEPTH: usize = 64;

impl pf_field {
    /// An empty field, for Rust callers to set what they need.
    pub const fn new() -> Self {
        pf_field {
            name: std::ptr::null(),
            r#type: 0,
            flags: 0,
            width: 0,
            scale: 0,
            timezone: std::ptr::null(),
            children: std::ptr::null(),
            child_count: 0,
            field_id: 0,
            reserved: 0,
        }
    }

    /// The field `path`, from structs of `size` bytes.
    ///
    /// # Safety
    /// The strings and the children are readable.
    unsafe fn read(&self, path: &str, size: u64, depth: usize) -> Result<Field> {
        // SAFETY: the caller's promise.
        let name = unsafe { input::text(self.name, &format!("{path}.name")) }?;
        // SAFETY: as above.
        unsafe { self.read_as(name, path, size, depth) }
    }

    /// # Safety
    /// As [`Self::read`].
    unsafe fn read_as(&self, name: &str, path: &str, size: u64, depth: usize) -> Result<Field> {
        let refuse = |what: String| Err(Error::invalid(format!("field \"{name}\": {what}")));
        // SAFETY: the caller's promise.
        let timezone = unsafe { timezone(name, self.timezone) }?;
        if self.flags > (PF_FIELD_NULLABLE | PF_FIELD_DICTIONARY) {
            return refuse(format!("flags {} are none of PF_FIELD_*", self.flags));
        }
        let is_nested = matches!(self.r#type, PF_TYPE_LIST | PF_TYPE_STRUCT);
        if !is_nested && (self.child_count != 0 || !self.children.is_null()) {
            return refuse(format!("type {} has no children; pass NULL and 0", self.r#type));
        }
        let data_type = match is_nested {
            // SAFETY: the caller's promise.
            true => unsafe { self.read_children(name, path, size, depth) }?,
            false => data_type(name, self.r#type, self.width, self.scale, timezone)?,
        };
        if is_nested && (timezone.is_some() || self.width != 0 || self.scale != 0) {
            return refuse("width, scale and timezone are only for types of one value; pass 0".to_owned());
        }
        let data_type = match self.flags & PF_FIELD_DICTIONARY {
            0 => data_type,
            _ => DataType::Dictionary(Box::new(DataType::Int32), Box::new(data_type)),
        };
        let is_dictionary = matches!(data_type, DataType::Dictionary(..));
        if !is_row_type(&data_type) || is_dictionary && self.r#type == PF_TYPE_UUID {
            return refuse(format!("no dictionary of type {}; leave out PF_FIELD_DICTIONARY", self.r#type));
        }
        if self.reserved != 0 {
            return refuse(format!("reserved is {}; set it to 0", self.reserved));
        }
        let field = Field::new(name, data_type, self.flags & PF_FIELD_NULLABLE != 0);
        let field = with_id(field, self.field_id)?;
        Ok(if self.r#type == PF_TYPE_UUID { field.with_extension_type(Uuid) } else { field })
    }

    /// # Safety
    /// As [`Self::read`].
    unsafe fn read_children(&self, name: &str, path: &str, size: u64, depth: usize) -> Result<DataType> {
        if depth == MAX_DEPTH {
            return Err(Error::invalid(format!("{path}: more than {MAX_DEPTH} fields in one another")));
        }
        if self.r#type == PF_TYPE_LIST && self.child_count != 1 {
            return Err(Error::invalid(format!(
                "field \"{name}\": a list has 1 child, the field of its elements, but child_count is {}",
                self.child_count
            )));
        }
        // SAFETY: the caller's promise.
        let children = unsafe { input::array(self.children, self.child_count, size, pf_field::new()) }?;
        let children = children.enumerate().map(|(i, child)| {
            let (child, path) = (child?, format!("{path}.children[{i}]"));
            // SAFETY: as above.
            unsafe {
                match self.r#type == PF_TYPE_LIST && child.name.is_null() {
                    true => child.read_as("element", &path, size, depth + 1),
                    false => child.read(&path, size, depth + 1),
                }
            }
        });
        let mut children = children.collect::<Result<Vec<_>>>()?;
        Ok(match (self.r#type, children.pop()) {
            (PF_TYPE_LIST, Some(element)) => DataType::List(element.into()),
            (_, last) => DataType::Struct(children.into_iter().chain(last).collect()),
        })
    }
}

/// The field with its id, unless that is 0.
pub(super) fn with_id(field: Field, id: i32) -> Result<Field> {
    match id {
        0 => Ok(field),
        1.. => {
            Ok(field.with_metadata(HashMap::from([(PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_string())])))
        }
        _ => Err(Error::invalid(format!("field \"{}\": field_id {id}; give 1 or more, or 0", field.name()))),
    }
}

/// # Safety
/// `timezone` is NULL or a readable string.
pub(super) unsafe fn timezone<'a>(name: &str, timezone: *const c_char) -> Result<Option<&'a str>> {
    if timezone.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    unsafe { input::text(timezone, &format!("timezone of field \"{name}\"")) }.map(Some)
}

/// The Arrow type of a type constant and its parameters: bytes or digits, digits after the point, timezone.
pub(super) fn data_type(
    name: &str,
    code: i32,
    width: u32,
    scale: u32,
    timezone: Option<&str>,
) -> Result<DataType> {
    let refuse = |what: String| Err(Error::invalid(format!("field \"{name}\": {what}")));
    const UNITS: [TimeUnit; 4] =
        [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond];
    let unit = |first: i32| UNITS[(code - first) as usize];
    let data_type = match code {
        PF_TYPE_BOOL => DataType::Boolean,
        PF_TYPE_INT8 => DataType::Int8,
        PF_TYPE_INT16 => DataType::Int16,
        PF_TYPE_INT32 => DataType::Int32,
        PF_TYPE_INT64 => DataType::Int64,
        PF_TYPE_UINT8 => DataType::UInt8,
        PF_TYPE_UINT16 => DataType::UInt16,
        PF_TYPE_UINT32 => DataType::UInt32,
        PF_TYPE_UINT64 => DataType::UInt64,
        PF_TYPE_FLOAT16 => DataType::Float16,
        PF_TYPE_FLOAT32 => DataType::Float32,
        PF_TYPE_FLOAT64 => DataType::Float64,
        PF_TYPE_UTF8 => DataType::Utf8,
        PF_TYPE_BINARY => DataType::Binary,
        PF_TYPE_UUID => DataType::FixedSizeBinary(16),
        PF_TYPE_DATE32 => DataType::Date32,
        PF_TYPE_TIMESTAMP_S..=PF_TYPE_TIMESTAMP_NS => {
            DataType::Timestamp(unit(PF_TYPE_TIMESTAMP_S), timezone.map(Into::into))
        }
        PF_TYPE_TIME32_S | PF_TYPE_TIME32_MS => DataType::Time32(unit(PF_TYPE_TIME32_S)),
        PF_TYPE_TIME64_US | PF_TYPE_TIME64_NS => DataType::Time64(unit(PF_TYPE_TIME32_S)),
        PF_TYPE_DURATION_S..=PF_TYPE_DURATION_NS => DataType::Duration(unit(PF_TYPE_DURATION_S)),
        PF_TYPE_FIXED_SIZE_BINARY => match i32::try_from(width) {
            Ok(width) if width > 0 => DataType::FixedSizeBinary(width),
            _ => return refuse(format!("width {width} of a fixed-size binary; give 1 to {}", i32::MAX)),
        },
        PF_TYPE_DECIMAL32..=PF_TYPE_DECIMAL256 => {
            let (make, digits): (fn(u8, i8) -> DataType, u32) = match code {
                PF_TYPE_DECIMAL32 => (DataType::Decimal32, 9),
                PF_TYPE_DECIMAL64 => (DataType::Decimal64, 18),
                PF_TYPE_DECIMAL128 => (DataType::Decimal128, 38),
                _ => (DataType::Decimal256, 76),
            };
            if !(1..=digits).contains(&width) || scale > width {
                return refuse(format!(
                    "width {width} (digits) and scale {scale}; give 1 to {digits} digits, and a scale of 0 to as many"
                ));
            }
            make(width as u8, scale as i8)
        }
        _ => return refuse(format!("type {code} is none of PF_TYPE_*")),
    };
    if timezone.is_some() && !matches!(data_type, DataType::Timestamp(..)) {
        return refuse("only timestamps have a timezone; pass NULL".to_owned());
    }
    if !(PF_TYPE_DECIMAL32..=PF_TYPE_DECIMAL256).contains(&code) {
        if width != 0 && code != PF_TYPE_FIXED_SIZE_BINARY {
            return refuse(format!("width {width} is only for fixed-size binary and decimals; pass 0"));
        }
        if scale != 0 {
            return refuse(format!("scale {scale} is only for decimals; pass 0"));
        }
    }
    Ok(data_type)
}

/// Makes a schema of `field_count` fields, `field_size` (`sizeof(pf_field)`) bytes each.
///
/// On success `*schema` is a handle that the caller frees with `pf_schema_free`; on failure it is left
/// alone. Nothing passed in is kept. Never blocks; any thread.
///
/// Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, no fields, an empty or repeated name, an unknown type or
/// flag, a bad width or timezone, children that do not suit the type), `PF_ERR_BAD_UTF8`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_schema_new(
    fields: *const pf_field,
    field_count: u64,
    field_size: u64,
    schema: *mut *mut pf_schema,
    error: *mut pf_error,
) -> pf_status {
    // SAFETY: what the header asks of the caller.
    unsafe {
        boundary(error, || {
            let out = input::output(schema, "schema")?;
            let fields = input::array(fields, field_count, field_size, pf_field::new())?;
            let fields = fields.enumerate().map(|(i, f)| f?.read(&format!("fields[{i}]"), field_size, 0));
            let fields = fields.collect::<Result<Vec<_>>>()?;
            *out = SCHEMAS.insert(Schema::new(fields)?);
            Ok(())
        })
    }
}

/// Makes a schema from a Parquet message type, for `pf_writer_write_row_group` and its sibling: all
/// physical and annotated types, optional and repeated fields, groups in groups up to 64 deep.
///
/// ```text
/// message trades {
///   required int64 id;
///   required int96 when;
///   optional binary venue (UTF8);
///   required fixed_len_byte_array(16) key (UUID);
///   repeated double fills;
///   optional group legs (LIST) { repeated group list { required int32 element; } }
/// }
/// ```
///
/// A writer with such a schema takes no row chunks.
///
/// On success `*schema` is a handle that the caller frees with `pf_schema_free`; on failure it is left
/// alone. Nothing passed in is kept. Never blocks; any thread.
///
/// Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, text that is no message type, a group without fields or with
/// a name twice), `PF_ERR_BAD_UTF8`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_schema_from_message(
    message: *const c_char,
    schema: *mut *mut pf_schema,
    error: *mut pf_error,
) -> pf_status {
    // SAFETY: what the header asks of the caller.
    unsafe {
        boundary(error, || {
            let out = input::output(schema, "schema")?;
            *out = SCHEMAS.insert(Schema::from_message(input::text(message, "message")?)?);
            Ok(())
        })
    }
}

/// Frees a schema. Writers opened with it keep what they need. NULL and stale handles are ignored.
///
/// Never blocks; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pf_schema_free(schema: *mut pf_schema) {
    boundary_free(|| SCHEMAS.free(schema));
}
