//! A leaf column's values: checked against its physical type and annotation, and copied.

use parquet::basic::{ConvertedType, Type as PhysicalType};
use parquet::data_type::Int96;

use super::{Leaf, LeafSlice, LeafValues};
use crate::error::{Error, ErrorClass, Result};

/// Longest byte array, as a page holds at least one and its size is an int32.
const MAX_VALUE: i64 = 1 << 30;

impl Leaf {
    /// Checks and copies the column's values.
    pub(super) fn values(&self, slice: &LeafSlice<'_>) -> Result<LeafValues> {
        let physical = self.column.physical_type();
        if let PhysicalType::BYTE_ARRAY = physical {
            return self.byte_arrays(slice);
        }
        if slice.offsets.is_some() {
            return Err(Error::new(
                ErrorClass::TypeMismatch,
                format!("column \"{}\": offsets were given, but it is {physical}; pass NULL", self.name),
            ));
        }
        let width = match physical {
            PhysicalType::BOOLEAN => 1,
            PhysicalType::INT32 | PhysicalType::FLOAT => 4,
            PhysicalType::INT64 | PhysicalType::DOUBLE => 8,
            PhysicalType::INT96 => 12,
            PhysicalType::FIXED_LEN_BYTE_ARRAY | PhysicalType::BYTE_ARRAY => {
                self.column.type_length().max(1) as usize
            }
        };
        // Exactly, as a wrong width is how values of another type look.
        if slice.value_count.checked_mul(width) != Some(slice.values.len()) {
            return Err(self.invalid(format!(
                "values_size is {}, but {} values of {physical} have {width} bytes each",
                slice.values.len(),
                slice.value_count
            )));
        }
        let bytes = slice.values;
        Ok(match physical {
            PhysicalType::BOOLEAN => LeafValues::Boolean(bytes.iter().map(|&byte| byte != 0).collect()),
            PhysicalType::INT32 => LeafValues::Int32(self.int32s(bytes)?),
            PhysicalType::INT64 => LeafValues::Int64(numbers(bytes, i64::from_le_bytes)),
            PhysicalType::FLOAT => LeafValues::Float(numbers(bytes, f32::from_le_bytes)),
            PhysicalType::DOUBLE => LeafValues::Double(numbers(bytes, f64::from_le_bytes)),
            PhysicalType::INT96 => LeafValues::Int96(numbers(bytes, int96)),
            PhysicalType::FIXED_LEN_BYTE_ARRAY | PhysicalType::BYTE_ARRAY => {
                LeafValues::FixedLenByteArray(bytes.to_vec().into(), width)
            }
        })
    }

    /// Values in the range of the column's annotation: readers cut others each in its own way.
    fn int32s(&self, bytes: &[u8]) -> Result<Vec<i32>> {
        let values = numbers(bytes, i32::from_le_bytes);
        let range = match self.column.converted_type() {
            ConvertedType::INT_8 => i32::from(i8::MIN)..=i32::from(i8::MAX),
            ConvertedType::INT_16 => i32::from(i16::MIN)..=i32::from(i16::MAX),
            ConvertedType::UINT_8 => 0..=i32::from(u8::MAX),
            ConvertedType::UINT_16 => 0..=i32::from(u16::MAX),
            _ => return Ok(values),
        };
        match values.iter().position(|value| !range.contains(value)) {
            None => Ok(values),
            Some(i) => Err(self.invalid(format!(
                "value {i} is {}, outside of {}; store it in a wider column",
                values[i],
                self.column.converted_type()
            ))),
        }
    }

    fn byte_arrays(&self, slice: &LeafSlice<'_>) -> Result<LeafValues> {
        let offsets = slice.offsets.map(|bytes| numbers(bytes, i64::from_le_bytes)).unwrap_or_default();
        if offsets.len() != slice.value_count + 1 {
            return Err(Error::new(
                ErrorClass::TypeMismatch,
                format!(
                    "column \"{}\" is BYTE_ARRAY and has {} offsets; pass value_count + 1 of them, {}",
                    self.name,
                    offsets.len(),
                    slice.value_count + 1
                ),
            ));
        }
        let mut last = 0;
        for (i, &offset) in offsets.iter().enumerate() {
            if offset < last || offset as usize > slice.values.len() {
                return Err(self.invalid(format!(
                    "offset {i} is {offset}, but must lie between {last} and values_size, {}",
                    slice.values.len()
                )));
            }
            if i > 0 && offset - last > MAX_VALUE {
                return Err(self.invalid(format!(
                    "value {} has {} bytes; the longest that a page takes is {MAX_VALUE}",
                    i - 1,
                    offset - last
                )));
            }
            last = offset;
        }
        let offsets: Vec<usize> = offsets.iter().map(|&offset| offset as usize).collect();
        if let ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON = self.column.converted_type()
            && let Some(i) =
                offsets.windows(2).position(|o| std::str::from_utf8(&slice.values[o[0]..o[1]]).is_err())
        {
            let bytes = &slice.values[offsets[i]..offsets[i + 1]];
            return Err(Error::new(
                ErrorClass::BadUtf8,
                format!(
                    "column \"{}\": value {i} is not UTF-8: \"{}\"; pass UTF-8, or use a BYTE_ARRAY without annotation",
                    self.name,
                    bytes[..bytes.len().min(40)].escape_ascii()
                ),
            ));
        }
        Ok(LeafValues::ByteArray(slice.values.to_vec().into(), offsets))
    }
}

/// Little-endian numbers of `N` bytes; whole ones only, as the callers have checked.
pub(super) fn numbers<T, const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|&bytes| number(bytes)).collect()
}

fn int96(bytes: [u8; 12]) -> Int96 {
    let word = |i: usize| u32::from_le_bytes([bytes[i], bytes[i + 1], bytes[i + 2], bytes[i + 3]]);
    let mut value = Int96::new();
    value.set_data(word(0), word(4), word(8));
    value
}
