//! How many bytes rows take in the window, before they are copied.

use std::ops::Range;

use arrow_schema::DataType;

use super::gather;
use super::nested::Lists;
use super::rows::{Nulls, Rows, with_rows};
use super::slice::{ColumnSlice, Values};
use crate::schema::fixed_width;

/// Bytes that a row takes at most, beside those of [`variable_bytes`]. An offset or an index has four.
pub fn row_bytes(data_type: &DataType) -> usize {
    match data_type {
        DataType::Struct(fields) => fields.iter().map(|field| row_bytes(field.data_type())).sum(),
        other => fixed_width(other).unwrap_or(0).max(4),
    }
}

/// Upper bound of the bytes of texts and list elements that `rows` of a slice add. A dictionary's values,
/// which are not the rows', do not count.
pub fn variable_bytes(
    data_type: &DataType,
    slice: &ColumnSlice<'_>,
    rows: Range<usize>,
    outer: Option<&Nulls<'_>>,
) -> usize {
    if rows.is_empty() || !is_variable(data_type) {
        return 0;
    }
    let nulls = Nulls::new(slice, data_type, outer);
    match (data_type, slice.values) {
        (DataType::List(item), Values::Lists { offsets, width, elements }) => {
            let (lists, item) = (Lists::new(slice, (offsets, width), elements), item.data_type());
            let count = lists.count(rows.clone(), &nulls);
            let variable = match is_variable(item) {
                true => {
                    let mut indices = Vec::new();
                    let (elements, rows) = lists.elements(rows, &nulls, &mut indices);
                    variable_bytes(item, &elements, rows, None)
                }
                false => 0,
            };
            count * row_bytes(item) + variable
        }
        (DataType::Struct(fields), Values::Structs(slices)) => {
            let outer = nulls.may_be_any(rows.clone()).then_some(&nulls);
            let slices = slices.iter().map(|field| field.with_selection(slice.selection));
            let fields = fields.iter().zip(slices);
            fields.map(|(field, slice)| variable_bytes(field.data_type(), &slice, rows.clone(), outer)).sum()
        }
        _ => with_rows!(slice.selection, |at| match nulls.may_be_any(rows.clone()) {
            false => gather::text_len_sum(&slice.values, at.sources(rows)),
            true => gather::text_len_sum(&slice.values, at.sources(rows).filter(|&i| nulls.is_valid(i))),
        }),
    }
}

fn is_variable(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(fields) => fields.iter().any(|field| is_variable(field.data_type())),
        DataType::Utf8 | DataType::Binary | DataType::List(_) => true,
        _ => false,
    }
}
