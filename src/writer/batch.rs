//! Arrow batches: matched with the schema, and fitted to what Parquet stores.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DecimalType, Time32MillisecondType, Time32SecondType, TimestampMillisecondType, TimestampSecondType,
};
use arrow_array::{
    Array, ArrayRef, FixedSizeListArray, GenericListArray, GenericListViewArray, MapArray, OffsetSizeTrait,
    PrimitiveArray, RecordBatch, RecordBatchOptions, StructArray, make_array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_data::transform::MutableArrayData;
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, TimeUnit};

use crate::error::{Error, ErrorClass, Result};
use crate::schema::Schema;

/// Columns are matched by position; names and types must be the schema's.
pub fn check_fields(schema: &Schema, given: &Fields) -> Result<()> {
    let wanted = schema.fields();
    if given.len() != wanted.len() {
        return Err(Error::new(
            ErrorClass::SchemaMismatch,
            format!("the batch has {} columns, the schema {}", given.len(), wanted.len()),
        ));
    }
    for (i, (given, wanted)) in given.iter().zip(wanted).enumerate() {
        let name = wanted.name();
        if given.name() != name {
            return Err(Error::new(
                ErrorClass::SchemaMismatch,
                format!(
                    "column {i} is \"{}\", but \"{name}\" in the schema; give the columns in its order",
                    given.name()
                ),
            ));
        }
        if !same_type(given.data_type(), wanted.data_type()) {
            return Err(Error::new(
                ErrorClass::TypeMismatch,
                format!(
                    "column \"{name}\" is of type {}, but {} in the schema; convert it",
                    given.data_type(),
                    wanted.data_type()
                ),
            ));
        }
    }
    Ok(())
}

/// Equal but for what does not change the values: nullability, metadata, names inside lists and maps.
fn same_type(given: &DataType, wanted: &DataType) -> bool {
    let same_items = |given: &Field, wanted: &Field| same_type(given.data_type(), wanted.data_type());
    let same_fields = |given: &Fields, wanted: &Fields| {
        given.len() == wanted.len() && given.iter().zip(wanted).all(|(g, w)| same_items(g, w))
    };
    match (given, wanted) {
        (DataType::List(g), DataType::List(w))
        | (DataType::LargeList(g), DataType::LargeList(w))
        | (DataType::ListView(g), DataType::ListView(w))
        | (DataType::LargeListView(g), DataType::LargeListView(w)) => same_items(g, w),
        (DataType::FixedSizeList(g, n), DataType::FixedSizeList(w, m)) => n == m && same_items(g, w),
        (DataType::Map(g, _), DataType::Map(w, _)) => match (g.data_type(), w.data_type()) {
            (DataType::Struct(g), DataType::Struct(w)) => same_fields(g, w),
            _ => false,
        },
        (DataType::Struct(g), DataType::Struct(w)) => {
            same_fields(g, w) && g.iter().zip(w).all(|(g, w)| g.name() == w.name())
        }
        (DataType::Dictionary(g, g_value), DataType::Dictionary(w, w_value)) => {
            g == w && same_type(g_value, w_value)
        }
        _ => given == wanted,
    }
}

/// A batch whose fields have been checked, in the form that is stored. Refuses nulls where the schema
/// has none, and values that the stored type cannot hold.
pub fn fit(schema: &Schema, batch: &RecordBatch) -> Result<RecordBatch> {
    let stored = schema.stored();
    let columns = batch.columns().iter().zip(stored.fields());
    let columns =
        columns.map(|(column, field)| fit_array(column, field, None, field.name())).collect::<Result<_>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(stored.clone(), columns, &options).map_err(assembling)
}

/// Bytes of the batch's rows, about: of buffers that slices share, only their part.
pub fn bytes(batch: &RecordBatch) -> usize {
    let column =
        |c: &ArrayRef| c.to_data().get_slice_memory_size().unwrap_or_else(|_| c.get_array_memory_size());
    batch.columns().iter().map(column).sum()
}

/// `above` says which rows are null because what holds them is; `path` names the array in errors.
fn fit_array(array: &ArrayRef, field: &Field, above: Option<&NullBuffer>, path: &str) -> Result<ArrayRef> {
    if !field.is_nullable() {
        check_no_nulls(array, above, path)?;
    }
    let fitted: ArrayRef = match (array.data_type(), field.data_type()) {
        (DataType::Struct(_), DataType::Struct(fields)) => {
            Arc::new(fit_struct(array.as_struct(), fields, above, path)?)
        }
        (DataType::List(_), DataType::List(item)) => fit_list::<i32>(array.as_list(), item, path)?,
        (DataType::LargeList(_), DataType::LargeList(item)) => fit_list::<i64>(array.as_list(), item, path)?,
        (DataType::ListView(_), DataType::List(item)) => {
            fit_list_view::<i32>(array.as_list_view(), item, path)?
        }
        (DataType::LargeListView(_), DataType::LargeList(item)) => {
            fit_list_view::<i64>(array.as_list_view(), item, path)?
        }
        (DataType::FixedSizeList(_, size), DataType::FixedSizeList(item, _)) => {
            let nulls = NullBuffer::union(above, array.nulls());
            let below = nulls.as_ref().map(|nulls| nulls.expand(*size as usize));
            let values = array.as_fixed_size_list().values();
            let values = fit_array(values, item, below.as_ref(), &format!("{path}[]"))?;
            Arc::new(FixedSizeListArray::try_new(item.clone(), *size, values, nulls).map_err(assembling)?)
        }
        (DataType::Map(..), DataType::Map(entries, sorted)) => {
            let DataType::Struct(fields) = entries.data_type() else { return Ok(array.clone()) };
            let map = array.as_map();
            let (offsets, range) = from_zero(map.offsets());
            let rows = map.entries().slice(range.start, range.len());
            let rows = fit_struct(&rows, fields, None, path)?;
            Arc::new(
                MapArray::try_new(entries.clone(), offsets, rows, array.nulls().cloned(), *sorted)
                    .map_err(assembling)?,
            )
        }
        (DataType::Dictionary(..), DataType::Dictionary(_, value)) => {
            let dictionary = array.as_any_dictionary();
            let field = Field::new("", value.as_ref().clone(), true);
            dictionary.with_values(fit_array(dictionary.values(), &field, None, path)?)
        }
        (DataType::Timestamp(TimeUnit::Second, zone), DataType::Timestamp(..)) => {
            let milliseconds = convert::<TimestampSecondType, TimestampMillisecondType>(array, path, |s| {
                s.checked_mul(1000)
            })?;
            Arc::new(milliseconds.with_timezone_opt(zone.clone()))
        }
        (DataType::Time32(TimeUnit::Second), DataType::Time32(_)) => {
            Arc::new(convert::<Time32SecondType, Time32MillisecondType>(array, path, |s| {
                s.checked_mul(1000)
            })?)
        }
        (DataType::Date64, DataType::Date32) => {
            const DAY: i64 = 86_400_000;
            let days = |ms: i64| if ms % DAY == 0 { i32::try_from(ms / DAY).ok() } else { None };
            Arc::new(convert::<Date64Type, Date32Type>(array, path, days)?)
        }
        (DataType::Decimal32(..), _) => check_digits::<Decimal32Type>(array, path)?,
        (DataType::Decimal64(..), _) => check_digits::<Decimal64Type>(array, path)?,
        (DataType::Decimal128(..), _) => check_digits::<Decimal128Type>(array, path)?,
        (DataType::Decimal256(..), _) => check_digits::<Decimal256Type>(array, path)?,
        _ => array.clone(),
    };
    Ok(fitted)
}

fn check_no_nulls(array: &ArrayRef, above: Option<&NullBuffer>, path: &str) -> Result<()> {
    let Some(nulls) = array.logical_nulls().filter(|nulls| nulls.null_count() > 0) else { return Ok(()) };
    let hidden = |row: usize| above.is_some_and(|above| above.is_null(row));
    match (0..array.len()).find(|&row| nulls.is_null(row) && !hidden(row)) {
        None => Ok(()),
        Some(row) => Err(Error::new(
            ErrorClass::SchemaMismatch,
            format!(
                "column \"{path}\": element {row} is null, but the field is required; make it nullable or fill the value"
            ),
        )),
    }
}

fn fit_struct(
    array: &StructArray,
    fields: &Fields,
    above: Option<&NullBuffer>,
    path: &str,
) -> Result<StructArray> {
    let nulls = NullBuffer::union(above, array.nulls());
    let columns = array.columns().iter().zip(fields);
    let columns = columns
        .map(|(column, field)| fit_array(column, field, nulls.as_ref(), &format!("{path}.{}", field.name())))
        .collect::<Result<_>>()?;
    StructArray::try_new_with_length(fields.clone(), columns, nulls, array.len()).map_err(assembling)
}

fn fit_list<O: OffsetSizeTrait>(list: &GenericListArray<O>, item: &FieldRef, path: &str) -> Result<ArrayRef> {
    let (offsets, range) = from_zero(list.offsets());
    let values = list.values().slice(range.start, range.len());
    let values = fit_array(&values, item, None, &format!("{path}[]"))?;
    let list = GenericListArray::try_new(item.clone(), offsets, values, list.nulls().cloned());
    Ok(Arc::new(list.map_err(assembling)?))
}

/// Views may come in any order and overlap, so their values are copied into those of a list.
fn fit_list_view<O: OffsetSizeTrait>(
    views: &GenericListViewArray<O>,
    item: &FieldRef,
    path: &str,
) -> Result<ArrayRef> {
    let len = |row: usize| if views.is_valid(row) { views.value_size(row).as_usize() } else { 0 };
    let total: usize = (0..views.len()).map(len).sum();
    if O::from_usize(total).is_none() {
        return Err(Error::invalid(format!(
            "column \"{path}\": the views span {total} elements together, more than a list holds; pass fewer rows"
        )));
    }
    let from = views.values().to_data();
    let mut values = MutableArrayData::new(vec![&from], false, total);
    for row in 0..views.len() {
        let start = views.value_offset(row).as_usize();
        values.try_extend(0, start, start + len(row)).map_err(assembling)?;
    }
    let values = fit_array(&make_array(values.freeze()), item, None, &format!("{path}[]"))?;
    let offsets = OffsetBuffer::from_lengths((0..views.len()).map(len));
    let list = GenericListArray::<O>::try_new(item.clone(), offsets, values, views.nulls().cloned());
    Ok(Arc::new(list.map_err(assembling)?))
}

/// The offsets of a list and the range of values that they span, the offsets counted from its start.
fn from_zero<O: OffsetSizeTrait>(offsets: &OffsetBuffer<O>) -> (OffsetBuffer<O>, std::ops::Range<usize>) {
    let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
    let offsets = match first == O::zero() {
        true => offsets.clone(),
        false => OffsetBuffer::new(offsets.iter().map(|&offset| offset - first).collect()),
    };
    (offsets, first.as_usize()..last.as_usize())
}

fn convert<From: ArrowPrimitiveType, To: ArrowPrimitiveType>(
    array: &ArrayRef,
    path: &str,
    to: impl Fn(From::Native) -> Option<To::Native>,
) -> Result<PrimitiveArray<To>> {
    array.as_primitive::<From>().try_unary(|value| {
        to(value).ok_or_else(|| {
            Error::invalid(format!(
                "column \"{path}\": the value {value:?} of type {} is out of range when stored as {}",
                From::DATA_TYPE,
                To::DATA_TYPE
            ))
        })
    })
}

/// Parquet stores a decimal in as many bytes as its precision needs, so more digits would be cut off.
fn check_digits<T: DecimalType + ArrowPrimitiveType>(array: &ArrayRef, path: &str) -> Result<ArrayRef> {
    let decimals = array.as_primitive::<T>();
    decimals
        .validate_decimal_precision(decimals.precision())
        .map_err(|e| Error::invalid(format!("column \"{path}\": {e}")))?;
    Ok(array.clone())
}

#[track_caller]
fn assembling(error: ArrowError) -> Error {
    Error::new(ErrorClass::Internal, format!("assembling a batch: {error}"))
}
