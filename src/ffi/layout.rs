//! Record layouts: where the caller's struct keeps its fields.

use std::ffi::c_char;

use arrow_schema::Field;
use arrow_schema::extension::Uuid;

use super::boundary::{boundary, boundary_free};
use super::error::{pf_error, pf_status};
use super::handle::{Kind, Table};
use super::input::{self, CStruct};
use super::schema::{
    PF_TYPE_DECIMAL32, PF_TYPE_DECIMAL64, PF_TYPE_DECIMAL128, PF_TYPE_DECIMAL256, PF_TYPE_FIXED_SIZE_BINARY,
    PF_TYPE_UUID, data_type, timezone, with_id,
};
use crate::error::{Error, Result};
use crate::schema::fixed_width;
use crate::sink::{Nulls, RecordField, RecordLayout};

pub(super) static LAYOUTS: Table<RecordLayout> = Table::new(Kind::RecordLayout);

/// A record layout. Immutable once made; may be shared by threads and sinks.
pub struct pf_record_layout;

/// Never null: the column is required.
pub const PF_NULL_NEVER: u32 = 0;
/// Null when the field's bits equal the low `width` bytes of `null_value` (a NaN only if its bits are
/// those). Text is null when blank, and `null_value` is 0.
pub const PF_NULL_SENTINEL: u32 = 1;
/// Null when bit `null_bit` of the record is 0.
pub const PF_NULL_BIT: u32 = 2;

/// A field of a record.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pf_record_field {
    /// Name of the column: UTF-8, NUL-terminated, not empty, unique in the layout. Copied.
    pub name: *const c_char,
    /// One of `PF_TYPE_*` but binary. Text is a char array, padded with spaces or NULs, which are not
    /// stored; bytes in it that are not UTF-8 become U+FFFD, and the sink counts them.
    pub r#type: i32,
    /// `offsetof(record, field)`.
    pub offset: u32,
    /// `sizeof` the field.
    pub width: u32,
    /// One of `PF_NULL_*`.
    pub null_kind: u32,
    /// `PF_NULL_BIT`: which bit of the record; bit 0 is the least significant of its first byte. Else 0.
    pub null_bit: u32,
    /// Decimals: digits after the point; they have as many digits as their type can hold. Else 0.
    pub scale: u32,
    /// `PF_NULL_SENTINEL`: the value that stands for null. Else 0.
    pub null_value: i64,
    /// As in `pf_field`.
    pub timezone: *const c_char,
    /// As in `pf_field`.
    pub field_id: i32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: integers and pointers, no padding.
unsafe impl CStruct for pf_record_field {
    const NAME: &'static str = "pf_record_field";
    const MIN_SIZE: usize = 48;
}

impl pf_record_field {
    const ZERO: pf_record_field = pf_record_field {
        name: std::ptr::null(),
        r#type: 0,
        offset: 0,
        width: 0,
        null_kind: 0,
        null_bit: 0,
        scale: 0,
        null_value: 0,
        timezone: std::ptr::null(),
        field_id: 0,
        reserved: 0,
    };

    /// # Safety
    /// The strings are readable.
    unsafe fn read(&self, i: usize) -> Result<RecordField> {
        // SAFETY: the caller's promise.
        let name = unsafe { input::text(self.name, &format!("fields[{i}].name")) }?;
        // SAFETY: the caller's promise.
        let timezone = unsafe { timezone(name, self.timezone) }?;
        let width = match self.r#type {
            PF_TYPE_FIXED_SIZE_BINARY => self.width,
            PF_TYPE_DECIMAL32 => 9,
            PF_TYPE_DECIMAL64 => 18,
            PF_TYPE_DECIMAL128 => 38,
            PF_TYPE_DECIMAL256 => 76,
            _ => 0,
        };
        let data_type = data_type(name, self.r#type, width, self.scale, timezone)?;
        let refuse = |what: String| Err(Error::invalid(format!("field \"{name}\": {what}")));
        if data_type == arrow_schema::DataType::Binary {
            return refuse(
                "binary has no fixed place in a record; use fixed-size binary or a payload".to_owned(),
            );
        }
        let nulls = match self.null_kind {
            PF_NULL_NEVER => Nulls::Never,
            PF_NULL_SENTINEL => Nulls::Sentinel(self.null_value as u64),
            PF_NULL_BIT => Nulls::Bit(self.null_bit as usize),
            other => return refuse(format!("null_kind {other} is none of PF_NULL_*")),
        };
        let has_value = matches!(nulls, Nulls::Sentinel(_)) && fixed_width(&data_type).is_some();
        if self.null_value != 0 && !has_value {
            return refuse(format!("null_value {} has no use here; set it to 0", self.null_value));
        }
        if self.null_bit != 0 && !matches!(nulls, Nulls::Bit(_)) {
            return refuse(format!("null_bit {} is only for PF_NULL_BIT; set it to 0", self.null_bit));
        }
        if self.reserved != 0 {
            return refuse(format!("reserved is {}; set it to 0", self.reserved));
        }
        let column = with_id(Field::new(name, data_type, false), self.field_id)?;
        Ok(RecordField {
            column: if self.r#type == PF_TYPE_UUID { column.with_extension_type(Uuid) } else { column },
            offset: self.offset as usize,
            width: self.width as usize,
            nulls,
        })
    }
}

/// Makes a layout of records of `record_size` bytes with `field_count` fields, `field_size`
/// (`sizeof(pf_record_field)`) bytes each.
///
/// With `payload_name`, each record is followed by bytes of any length, which become a last, required
/// binary column of that name; then `record_size` and `field_count` may be 0 (an opaque payload and
/// nothing else). NULL: no payload.
///
/// On success `*layout` is a handle that the caller frees with `pf_record_layout_free`; on failure it
/// is left alone. Nothing passed in is kept. Never blocks; any thread.
///
/// Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, no fields, a name, a field or bit outside the record, an
/// unknown type or null kind), `PF_ERR_TYPE_MISMATCH` (a width that is not the type's),
/// `PF_ERR_UNSUPPORTED` (a sentinel of more than 8 bytes), `PF_ERR_BAD_UTF8`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_record_layout_new(
    record_size: u32,
    fields: *const pf_record_field,
    field_count: u64,
    field_size: u64,
    payload_name: *const c_char,
    layout: *mut *mut pf_record_layout,
    error: *mut pf_error,
) -> pf_status {
    // SAFETY: what the header asks of the caller.
    unsafe {
        boundary(error, || {
            let out = input::output(layout, "layout")?;
            let payload = match payload_name.is_null() {
                true => None,
                false => Some(input::text(payload_name, "payload_name")?.to_owned()),
            };
            let fields = match payload.is_some() && field_count == 0 {
                true => Vec::new(),
                false => input::array(fields, field_count, field_size, pf_record_field::ZERO)?
                    .enumerate()
                    .map(|(i, f)| f?.read(i))
                    .collect::<Result<Vec<_>>>()?,
            };
            *out = LAYOUTS.insert(RecordLayout::new(record_size as usize, fields, payload)?);
            Ok(())
        })
    }
}

/// Frees a layout. Sinks opened with it keep what they need. NULL and stale handles are ignored.
///
/// Never blocks; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pf_record_layout_free(layout: *mut pf_record_layout) {
    boundary_free(|| LAYOUTS.free(layout));
}
