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
use crate::sink::{Nulls, RecordField, RecordLayout, Source};

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

/// `type` of a column that libflow makes: when the record was taken, as timestamps in UTC with nanoseconds. The
/// CPU's time stamp counter is read as the record is taken (`pf_reserve`: as it is committed) and turned into UTC
/// by the drain; how far off that may be is in the part's metadata `libflow.clock`, with each step of the wall
/// clock. A producer's times never go back but in such a step. Costs 8 bytes of the lane for each record.
pub const PF_STAMP_TIME: i32 = 1001;
/// `type` of a column that libflow makes: the producer that gave the record, as uint32: 0 for the first that was
/// opened.
pub const PF_STAMP_PRODUCER: i32 = 1002;
/// `type` of a column that libflow makes: the record's number among those its producer offered, from 0 on, as
/// uint64. Dropped records are counted, so the numbers that are missing are the records that are. Costs nothing
/// when the record is taken.
pub const PF_STAMP_SEQUENCE: i32 = 1003;

/// A field of a record, or a column that libflow makes for it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pf_record_field {
    /// Name of the column: UTF-8, NUL-terminated, not empty, unique in the layout. Copied.
    pub name: *const c_char,
    /// One of `PF_TYPE_*`, or of `PF_STAMP_*`: then offset, width and all below are 0. Text is a char array,
    /// padded with spaces or NULs, which are not stored; bytes in it that are not UTF-8 become U+FFFD, and the
    /// sink counts them. Text and binary of any length (`width` 0) come in the record's payload: those of all
    /// such fields one after the other, in the order of the fields.
    pub r#type: i32,
    /// `offsetof(record, field)`; for text and binary of any length that of its length, a uint32_t. Also when it
    /// is null, so many bytes of the payload are the field's.
    pub offset: u32,
    /// `sizeof` the field; 0 for text and binary of any length.
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
        let refuse = |what: String| Err(Error::invalid(format!("field \"{name}\": {what}")));
        let stamp = match self.r#type {
            PF_STAMP_TIME => Source::Time.stamp(name),
            PF_STAMP_PRODUCER => Source::Producer.stamp(name),
            PF_STAMP_SEQUENCE => Source::Sequence.stamp(name),
            _ => None,
        };
        if let Some(mut stamp) = stamp {
            if (self.offset, self.width, self.null_kind, self.null_bit, self.scale) != (0, 0, 0, 0, 0)
                || (self.null_value, self.timezone.is_null(), self.reserved) != (0, true, 0)
            {
                return refuse("a stamp has a name and nothing else; set the others to 0".to_owned());
            }
            stamp.column = with_id(stamp.column, self.field_id)?;
            return Ok(stamp);
        }
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
        let is_binary = data_type == arrow_schema::DataType::Binary;
        if is_binary && self.width > 0 {
            return refuse(
                "binary has no fixed place in a record; use fixed-size binary, or width 0 for bytes in the payload"
                    .to_owned(),
            );
        }
        let is_in_payload = self.width == 0 && (is_binary || data_type == arrow_schema::DataType::Utf8);
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
            source: match is_in_payload {
                true => Source::Payload { length_at: self.offset as usize },
                false => Source::Record { offset: self.offset as usize, width: self.width as usize },
            },
            nulls,
        })
    }
}

/// Makes a layout of records of `record_size` bytes with `field_count` fields, `field_size`
/// (`sizeof(pf_record_field)`) bytes each.
///
/// With `payload_name`, each record is followed by bytes of any length, which become a last, required
/// binary column of that name, without those of fields that have theirs there; then `record_size` and
/// `field_count` may be 0 (an opaque payload and nothing else). NULL: no such column. A payload that is not as
/// long as the record says is cut, or what is left over is; the sink counts it as replaced.
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
