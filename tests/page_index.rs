//! What the column index says of each page is so: readers may skip pages by it, but none of those in tests/readback
//! does, so nothing else would notice.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{
    Array, ArrayRef, FixedSizeBinaryArray, Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow_cast::cast;
use arrow_ord::ord::make_comparator;
use arrow_schema::{DataType, Field, Schema as ArrowSchema, SortOptions, TimeUnit};
use flow::format::{PageVersion, ParquetOptions};
use flow::schema::Schema;
use flow::storage::Sync;
use flow::writer::{Writer, WriterOptions};
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::BoundaryOrder;
use parquet::file::metadata::PageIndexPolicy;

const ROWS: usize = 1200;
const PAGE: usize = 50;

/// Rows that are null: single ones, whole pages, all of a column, none.
const NULLS: [fn(usize) -> bool; 4] =
    [|i| i % 5 == 2, |i| i / PAGE % 3 == 1 || i % 7 == 0, |_| true, |_| false];

/// Numbers from 0 to 120 that rise from page to page, fall, or do neither.
const SHAPES: [fn(usize) -> usize; 3] = [|i| i / 10, |i| (ROWS - i) / 10, |i| i * 7919 % 121];

fn types() -> Vec<DataType> {
    use DataType::*;
    vec![
        Boolean,
        Int8,
        Int16,
        Int32,
        Int64,
        UInt8,
        UInt16,
        UInt32,
        UInt64,
        Utf8,
        Binary,
        Date32,
        Time32(TimeUnit::Millisecond),
        Time64(TimeUnit::Nanosecond),
        Timestamp(TimeUnit::Millisecond, None),
        Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        Decimal128(9, 2),
        Decimal128(18, 4),
        Decimal128(38, 10),
        Decimal256(50, 5),
        Float16,
        Float32,
        Float64,
    ]
}

/// A column of each type: also of signed numbers, of texts longer than statistics are, of fixed-size bytes, and of
/// floats with NaNs and zeros of both signs.
fn columns(shape: fn(usize) -> usize, is_null: fn(usize) -> bool) -> Vec<ArrayRef> {
    let rows = || (0..ROWS).map(move |i| (!is_null(i)).then(|| shape(i)));
    let numbers: Int64Array = rows().map(|n| n.map(|n| n as i64)).collect();
    let signed: Int64Array = rows().map(|n| n.map(|n| n as i64 - 60)).collect();
    let of_32_bits = cast(&numbers, &DataType::Int32).unwrap();
    let mut columns: Vec<ArrayRef> = types()
        .iter()
        .map(|to| match to {
            DataType::Date32 | DataType::Time32(_) => cast(&of_32_bits, to).unwrap(),
            _ => cast(&numbers, to).unwrap(),
        })
        .collect();
    let also =
        [DataType::Int8, DataType::Int64, DataType::Float32, DataType::Float64, DataType::Decimal128(38, 0)];
    columns.extend(also.iter().map(|to| cast(&signed, to).unwrap()));

    let longer = |n: usize| format!("{}{n:03}", "é".repeat(n % 40));
    columns.push(Arc::new(rows().map(|n| n.map(longer)).collect::<StringArray>()));
    columns.push(cast(columns.last().unwrap(), &DataType::Binary).unwrap());
    let bytes = rows().map(|n| n.map(|n| (n as u64 * 0x0101_0101).to_be_bytes()));
    columns.push(Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes, 8).unwrap()));
    let special = |(i, n): (usize, Option<usize>)| {
        n.map(|n| match (i / PAGE, i % 4) {
            (4, _) | (_, 1) => f64::NAN,
            (5, _) => 0.0,
            (6, _) => -0.0,
            (7, 2) => f64::NEG_INFINITY,
            _ => n as f64 - 60.0,
        })
    };
    let special: Float64Array = rows().enumerate().map(special).collect();
    columns.extend(
        [DataType::Float16, DataType::Float32, DataType::Float64].map(|to| cast(&special, &to).unwrap()),
    );
    columns
}

fn order(a: &dyn Array, b: &dyn Array) -> impl Fn(usize, usize) -> std::cmp::Ordering {
    make_comparator(a, b, SortOptions::default()).unwrap()
}

/// The bounds of a page of floats: of all that are numbers, zeros in the order of their signs or as if of both.
fn check_floats(page: &dyn Array, min: &dyn Array, max: &dyn Array, of: &str) {
    let [page, min, max] = [page, min, max].map(|array| cast(array, &DataType::Float64).unwrap());
    let numbers = || page.as_primitive::<Float64Type>().iter().flatten().filter(|number| !number.is_nan());
    let Some((least, greatest)) = numbers().fold(None, |found: Option<(f64, f64)>, n| {
        Some(found.map_or((n, n), |(least, greatest)| (least.min(n), greatest.max(n))))
    }) else {
        return;
    };
    let (min, max) = (min.as_primitive::<Float64Type>(), max.as_primitive::<Float64Type>());
    assert!(min.is_valid(0) && max.is_valid(0), "{of}: no bounds");
    assert_eq!((min.value(0), max.value(0)), (least, greatest), "{of}");
    assert!(numbers().all(|n| min.value(0).total_cmp(&n).is_le()), "{of}: the least is +0");
    assert!(numbers().all(|n| max.value(0).total_cmp(&n).is_ge()), "{of}: the greatest is -0");
}

fn check_page(page: &dyn Array, min: &dyn Array, max: &dyn Array, of: &str) {
    if page.data_type().is_floating() {
        return check_floats(page, min, max, of);
    }
    let (from_min, from_max) = (order(min, page), order(max, page));
    let valid = || (0..page.len()).filter(|&row| page.is_valid(row));
    assert_eq!(min.is_valid(0), valid().count() > 0, "{of}: bounds of no values, or none");
    assert!(
        valid().all(|row| from_min(0, row).is_le() && from_max(0, row).is_ge()),
        "{of}: a value out of bounds"
    );
    let is_cut = matches!(page.data_type(), DataType::Utf8 | DataType::Binary);
    let is_there =
        |from: &dyn Fn(usize, usize) -> std::cmp::Ordering| valid().any(|row| from(0, row).is_eq());
    assert!(
        valid().next().is_none() || is_cut || is_there(&from_min) && is_there(&from_max),
        "{of}: too wide"
    );
}

fn check_order(bounds: &dyn Array, order_of_pages: BoundaryOrder, of: &str) {
    let known: Vec<_> = (0..bounds.len()).filter(|&page| bounds.is_valid(page)).collect();
    let compare = order(bounds, bounds);
    let pairs = || known.windows(2).map(|pair| compare(pair[0], pair[1]));
    match order_of_pages {
        BoundaryOrder::ASCENDING => assert!(pairs().all(|order| order.is_le()), "{of}: not ascending"),
        BoundaryOrder::DESCENDING => assert!(pairs().all(|order| order.is_ge()), "{of}: not descending"),
        BoundaryOrder::UNORDERED => {}
    }
}

fn what_is_said_is_so(columns: Vec<ArrayRef>, page_version: PageVersion, case: &str) {
    let fields: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(i, column)| Field::new(format!("c{i}"), column.data_type().clone(), true))
        .collect();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("part.parquet");
    let parquet = ParquetOptions { page_rows: PAGE, page_version, ..ParquetOptions::default() };
    let options = WriterOptions { parquet, sync: Sync::None, ..WriterOptions::default() };
    let schema = Arc::new(ArrowSchema::new(fields.clone()));
    let mut writer = Writer::open(&path, &Schema::new(fields).unwrap(), &options).unwrap();
    writer.append_batch(&RecordBatch::try_new(schema.clone(), columns.clone()).unwrap()).unwrap();
    writer.close().unwrap();

    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
    let read = ArrowReaderMetadata::load(&File::open(&path).unwrap(), options).unwrap();
    let metadata = read.metadata();
    let (index, group) = (metadata.page_index().unwrap().as_ref(), metadata.page_index_for_row_group(0));
    for (i, column) in columns.iter().enumerate() {
        let of = format!("{case}, column {i}, {}", column.data_type());
        let of_pages = group.column_index(i).unwrap();
        let name = format!("c{i}");
        let converter =
            StatisticsConverter::try_new(&name, &schema, metadata.file_metadata().schema_descr()).unwrap();
        let (mins, maxes) =
            (converter.data_page_mins(index, [&0]).unwrap(), converter.data_page_maxes(index, [&0]).unwrap());
        assert_eq!(of_pages.num_pages() as usize, ROWS / PAGE, "{of}");
        for page in 0..ROWS / PAGE {
            let of = format!("{of}, page {page}");
            let rows = column.slice(page * PAGE, PAGE);
            let nulls = rows.logical_null_count();
            assert_eq!(of_pages.null_count(page), Some(nulls as i64), "{of}");
            assert_eq!(of_pages.is_null_page(page), nulls == PAGE, "{of}");
            check_page(&rows, &mins.slice(page, 1), &maxes.slice(page, 1), &of);
        }
        let order_of_pages = of_pages.get_boundary_order().unwrap();
        check_order(&mins, order_of_pages, &of);
        check_order(&maxes, order_of_pages, &of);
    }
}

#[test]
fn the_column_index_says_what_pages_hold() {
    for (s, shape) in SHAPES.into_iter().enumerate() {
        for (n, is_null) in NULLS.into_iter().enumerate() {
            let version = [PageVersion::V1, PageVersion::V2][(s + n) % 2];
            what_is_said_is_so(columns(shape, is_null), version, &format!("shape {s}, nulls {n}"));
        }
    }
}
