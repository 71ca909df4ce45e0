//! Schemas.

use std::ffi::c_char;

use arrow_schema::{DataType, Field, TimeUnit};

use super::boundary::{boundary, boundary_free};
use super::error::{pf_error, pf_status};
use super::handle::{Kind, Table};
use super::input::{self, CStruct};
use crate::error::{Error, Result};
use crate::schema::Schema;

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

/// A field that is never null.
pub const PF_FIELD_REQUIRED: u32 = 0;
/// A field that may be null.
pub const PF_FIELD_NULLABLE: u32 = 1;

/// A field of a schema.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pf_field {
    /// Name: UTF-8, NUL-terminated, not empty, unique in the schema. Copied.
    pub name: *const c_char,
    /// One of `PF_TYPE_*`.
    pub r#type: i32,
    /// `PF_FIELD_REQUIRED` or `PF_FIELD_NULLABLE`.
    pub flags: u32,
    /// Bytes of a value of `PF_TYPE_FIXED_SIZE_BINARY`; 0 for every other type.
    pub width: u32,
    /// 0.
    pub reserved: u32,
    /// Timestamps: a timezone such as "UTC" (the values are instants, counted in UTC), or NULL (local
    /// time without a zone). NULL for every other type. Copied.
    pub timezone: *const c_char,
}

// SAFETY: integers and pointers, no padding.
unsafe impl CStruct for pf_field {
    const NAME: &'static str = "pf_field";
    const MIN_SIZE: usize = 32;
}

impl pf_field {
    const ZERO: pf_field = pf_field {
        name: std::ptr::null(),
        r#type: 0,
        flags: 0,
        width: 0,
        reserved: 0,
        timezone: std::ptr::null(),
    };

    /// # Safety
    /// The strings are readable.
    unsafe fn read(&self, i: usize) -> Result<Field> {
        // SAFETY: the caller's promise.
        let name = unsafe { input::text(self.name, &format!("fields[{i}].name")) }?;
        // SAFETY: the caller's promise.
        let data_type = unsafe { data_type(name, self.r#type, self.width, self.timezone) }?;
        if self.flags > PF_FIELD_NULLABLE {
            return Err(Error::invalid(format!(
                "field \"{name}\": flags {} is neither PF_FIELD_REQUIRED nor PF_FIELD_NULLABLE",
                self.flags
            )));
        }
        if self.width != 0 && self.r#type != PF_TYPE_FIXED_SIZE_BINARY {
            return Err(Error::invalid(format!(
                "field \"{name}\": width {} is only for fixed-size binary; pass 0",
                self.width
            )));
        }
        if self.reserved != 0 {
            return Err(Error::invalid(format!(
                "field \"{name}\": reserved is {}; set it to 0",
                self.reserved
            )));
        }
        Ok(Field::new(name, data_type, self.flags == PF_FIELD_NULLABLE))
    }
}

/// The Arrow type of a type constant and its parameters.
///
/// # Safety
/// `timezone` is NULL or a readable string.
pub(super) unsafe fn data_type(
    name: &str,
    code: i32,
    width: u32,
    timezone: *const c_char,
) -> Result<DataType> {
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
        PF_TYPE_FLOAT32 => DataType::Float32,
        PF_TYPE_FLOAT64 => DataType::Float64,
        PF_TYPE_UTF8 => DataType::Utf8,
        PF_TYPE_BINARY => DataType::Binary,
        PF_TYPE_DATE32 => DataType::Date32,
        PF_TYPE_FIXED_SIZE_BINARY => match i32::try_from(width) {
            Ok(width) if width > 0 => DataType::FixedSizeBinary(width),
            _ => {
                return Err(Error::invalid(format!(
                    "field \"{name}\": width {width} of a fixed-size binary; give 1 to {}",
                    i32::MAX
                )));
            }
        },
        PF_TYPE_TIMESTAMP_S..=PF_TYPE_TIMESTAMP_NS => {
            let units =
                [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond];
            let zone = if timezone.is_null() {
                None
            } else {
                // SAFETY: the caller's promise.
                let zone = unsafe { input::text(timezone, &format!("timezone of field \"{name}\"")) }?;
                Some(zone.into())
            };
            return Ok(DataType::Timestamp(units[(code - PF_TYPE_TIMESTAMP_S) as usize], zone));
        }
        _ => {
            return Err(Error::invalid(format!("field \"{name}\": type {code} is none of PF_TYPE_*")));
        }
    };
    if !timezone.is_null() {
        return Err(Error::invalid(format!("field \"{name}\": only timestamps have a timezone; pass NULL")));
    }
    Ok(data_type)
}

/// Makes a schema of `field_count` fields, `field_size` (`sizeof(pf_field)`) bytes each.
///
/// On success `*schema` is a handle that the caller frees with `pf_schema_free`; on failure it is left
/// alone. Nothing passed in is kept. Never blocks; any thread.
///
/// Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, no fields, an empty or repeated name, an unknown type or
/// flag, a bad width or timezone), `PF_ERR_BAD_UTF8`.
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
            let fields = input::array(fields, field_count, field_size, pf_field::ZERO)?;
            let fields = fields.iter().enumerate().map(|(i, f)| f.read(i)).collect::<Result<Vec<_>>>()?;
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
