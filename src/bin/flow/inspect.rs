//! `flow inspect`: what a part's footer says.

use std::path::Path;

use parquet::basic::{ConvertedType, LogicalType, PageType};
use parquet::data_type::ByteArray;
use parquet::file::metadata::{
    ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader,
    RowGroupMetaData, SortingColumn,
};
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescriptor;

use super::table::{bytes, count, table};
use super::{Failure, open, unreadable};

/// Values of metadata longer than this are cut: the Arrow schema is a screenful of base64.
const MAX_VALUE: usize = 100;

pub fn show(part: &Path, row_groups: usize) -> Result<String, Failure> {
    let file = open(part)?;
    let size = file.metadata()?.len();
    // The offset index knows the number of pages.
    let options = ParquetMetaDataOptions::new().with_encoding_stats_as_mask(false);
    let reader = ParquetMetaDataReader::new()
        .with_metadata_options(Some(options))
        .with_column_index_policy(PageIndexPolicy::Skip)
        .with_offset_index_policy(PageIndexPolicy::Optional);
    let metadata = reader.parse_and_finish(&file).map_err(unreadable(part))?;
    let about = metadata.file_metadata();
    let mut out = format!(
        "{}\n  {} rows, {} columns, {} row groups, {}, format version {}, created by {}\n",
        part.display(),
        count(about.num_rows()),
        about.schema_descr().num_columns(),
        count(metadata.num_row_groups() as u64),
        bytes(size),
        about.version(),
        about.created_by().unwrap_or("an unknown writer"),
    );
    out += &schema(&metadata);
    out += &groups(&metadata, row_groups);
    out += &chosen(&metadata);
    out += &key_values(&metadata);
    Ok(out)
}

fn schema(metadata: &ParquetMetaData) -> String {
    let columns = metadata.file_metadata().schema_descr();
    let rows: Vec<_> = columns
        .columns()
        .iter()
        .map(|column| {
            let presence = match column.self_type().get_basic_info().repetition() {
                parquet::basic::Repetition::REQUIRED => "required",
                parquet::basic::Repetition::OPTIONAL => "nullable",
                parquet::basic::Repetition::REPEATED => "repeated",
            };
            let logical = match column.logical_type_ref() {
                Some(logical) => logical_type(logical),
                None if column.converted_type() != ConvertedType::NONE => column.converted_type().to_string(),
                None => String::new(),
            };
            vec![column.path().string(), physical_type(column), logical, presence.to_owned()]
        })
        .collect();
    format!("\nschema\n{}", table(&["column", "physical type", "logical type", ""], &[false; 4], &rows))
}

fn physical_type(column: &ColumnDescriptor) -> String {
    match column.type_length() {
        width if width > 0 => format!("{}({width})", column.physical_type()),
        _ => column.physical_type().to_string(),
    }
}

fn logical_type(logical: &LogicalType) -> String {
    match logical {
        LogicalType::Integer(int) => {
            format!("{}int{}", if int.is_signed { "" } else { "u" }, int.bit_width)
        }
        LogicalType::Timestamp(timestamp) => format!(
            "timestamp[{:?}]{}",
            timestamp.unit,
            if timestamp.is_adjusted_to_u_t_c { " UTC" } else { "" }
        ),
        other => format!("{other:?}"),
    }
}

/// The first row groups and the last say most; hundreds in between would hide them.
fn groups(metadata: &ParquetMetaData, most: usize) -> String {
    let groups = metadata.row_groups();
    let last = groups.len().saturating_sub(1);
    let first = most.saturating_sub(1);
    let hidden = last.saturating_sub(first);
    let mut out = String::new();
    for (i, group) in groups.iter().enumerate() {
        if i < first || i == last {
            out += &row_group(i, group, metadata);
        } else if i == first {
            out += &format!(
                "\n… {} more row group{}\n",
                count(hidden as u64),
                if hidden == 1 { "" } else { "s" }
            );
        }
    }
    out
}

fn row_group(i: usize, group: &RowGroupMetaData, metadata: &ParquetMetaData) -> String {
    let index = metadata.page_index_for_row_group(i);
    let pages =
        |column: usize| index.num_data_pages(column).map_or_else(|| "?".to_owned(), |n| count(n as u64));
    let columns = group.columns().iter().enumerate();
    let rows: Vec<_> = columns.map(|(i, column)| chunk(column, pages(i))).collect();
    let header = [
        "column",
        "encodings",
        "codec",
        "pages",
        "stored",
        "raw",
        "ratio",
        "bloom",
        "nulls",
        "distinct",
        "min",
        "max",
    ];
    let right = [false, false, false, true, true, true, true, true, true, true, false, false];
    format!(
        "\nrow group {i}: {} rows, {} stored, {} raw{}\n{}",
        count(group.num_rows()),
        bytes(group.compressed_size()),
        bytes(group.total_byte_size()),
        sorted_by(group),
        table(&header, &right, &rows)
    )
}

/// What the writer said of the order of rows.
fn sorted_by(group: &RowGroupMetaData) -> String {
    let Some(keys) = group.sorting_columns().filter(|keys| !keys.is_empty()) else { return String::new() };
    let key = |key: &SortingColumn| {
        let column = usize::try_from(key.column_idx).ok().and_then(|i| group.columns().get(i));
        format!(
            "{}{}{}",
            column.map_or_else(|| "?".to_owned(), |column| column.column_path().string()),
            if key.descending { " descending" } else { "" },
            if key.nulls_first { " nulls first" } else { "" }
        )
    };
    format!(", sorted by {}", keys.iter().map(key).collect::<Vec<_>>().join(", "))
}

/// The encodings of the data pages, and how many pages of each where it is said.
fn encodings(column: &ColumnChunkMetaData) -> String {
    match column.page_encoding_stats() {
        Some(pages) => {
            let data = pages.iter().filter(|of| of.page_type != PageType::DICTIONARY_PAGE);
            let encodings: Vec<_> = data.map(|of| (of.encoding, of.count)).collect();
            let show = |&(encoding, pages): &(_, i32)| match encodings.len() {
                1 => format!("{encoding}"),
                _ => format!("{encoding} x {}", count(pages)),
            };
            encodings.iter().map(show).collect::<Vec<_>>().join(", ")
        }
        None => column.encodings().map(|e| e.to_string()).collect::<Vec<_>>().join(" "),
    }
}

fn chunk(column: &ColumnChunkMetaData, pages: String) -> Vec<String> {
    let codec = column.compression().to_string();
    let statistics = column.statistics();
    let nulls = statistics.and_then(Statistics::null_count_opt).map_or_else(|| "?".to_owned(), count);
    let (min, max) = statistics.map_or_else(Default::default, |s| bounds(s, column.column_descr()));
    vec![
        column.column_path().string(),
        encodings(column),
        codec.split('(').next().unwrap_or_default().to_owned(),
        pages,
        bytes(column.compressed_size()),
        bytes(column.uncompressed_size()),
        format!("{:.2}", column.uncompressed_size() as f64 / column.compressed_size().max(1) as f64),
        column.bloom_filter_length().map_or_else(String::new, bytes),
        nulls,
        statistics.and_then(Statistics::distinct_count_opt).map_or_else(String::new, count),
        min,
        max,
    ]
}

fn bounds(statistics: &Statistics, column: &ColumnDescriptor) -> (String, String) {
    fn pair<T>(min: Option<&T>, max: Option<&T>, show: impl Fn(&T) -> String) -> (String, String) {
        (min.map(&show).unwrap_or_default(), max.map(&show).unwrap_or_default())
    }
    let unsigned = matches!(column.logical_type_ref(), Some(LogicalType::Integer(int)) if !int.is_signed);
    match statistics {
        Statistics::Boolean(s) => pair(s.min_opt(), s.max_opt(), ToString::to_string),
        Statistics::Int32(s) if unsigned => pair(s.min_opt(), s.max_opt(), |v| (*v as u32).to_string()),
        Statistics::Int32(s) => pair(s.min_opt(), s.max_opt(), ToString::to_string),
        Statistics::Int64(s) if unsigned => pair(s.min_opt(), s.max_opt(), |v| (*v as u64).to_string()),
        Statistics::Int64(s) => pair(s.min_opt(), s.max_opt(), ToString::to_string),
        Statistics::Int96(s) => pair(s.min_opt(), s.max_opt(), ToString::to_string),
        Statistics::Float(s) => pair(s.min_opt(), s.max_opt(), ToString::to_string),
        Statistics::Double(s) => pair(s.min_opt(), s.max_opt(), ToString::to_string),
        Statistics::ByteArray(s) => pair(s.min_opt(), s.max_opt(), |v: &ByteArray| text(v.data())),
        Statistics::FixedLenByteArray(s) => pair(s.min_opt(), s.max_opt(), |v| text(v.data())),
    }
}

/// Text in quotes; bytes that are none as hexadecimal digits; both cut to fit a table.
fn text(bytes: &[u8]) -> String {
    let printable = std::str::from_utf8(bytes).ok().filter(|t| !t.chars().any(char::is_control));
    let (shown, most) = match printable {
        Some(text) => (format!("{text:?}"), 18),
        None => (bytes.iter().map(|b| format!("{b:02x}")).collect(), 18),
    };
    if shown.chars().count() <= most { shown } else { shown.chars().take(most - 1).chain(['…']).collect() }
}

/// The key of what libflow says of the encodings that it chose (`pf_part.encodings` in the header).
const ENCODINGS: &str = "libflow.encodings";

/// Which encodings were chosen by a sample, and what it came to.
fn chosen(metadata: &ParquetMetaData) -> String {
    let about = metadata.file_metadata();
    let pairs = about.key_value_metadata().into_iter().flatten();
    let value = pairs.filter(|pair| pair.key == ENCODINGS).find_map(|pair| pair.value.as_deref());
    let entries = value.and_then(|value| value.strip_prefix("[[")?.strip_suffix("]]"));
    let row = |entry: &str| {
        let (leaf, entry) = entry.split_once(',')?;
        let (encoding, entry) = entry.split_once(',')?;
        let column = about.schema_descr().columns().get(leaf.parse::<usize>().ok()?)?;
        let numbers: Vec<u64> = entry.split(',').map(|n| n.parse().ok()).collect::<Option<_>>()?;
        let &[values, distinct, bytes, plain, encoded] = &numbers[..] else { return None };
        let each = |bytes: u64| format!("{:.2}", bytes as f64 / values.max(1) as f64);
        let encoding = encoding.trim_matches('"').to_owned();
        let (values, distinct) = (count(values), count(distinct));
        Some(vec![
            column.path().string(),
            encoding,
            values,
            distinct,
            each(bytes),
            each(plain),
            each(encoded),
        ])
    };
    let rows: Vec<_> = entries.into_iter().flat_map(|all| all.split("],[")).filter_map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    let header =
        ["column", "encoding", "values", "distinct", "PLAIN", "compressed", "encoded and compressed"];
    let right = [false, false, true, true, true, true, true];
    format!("\nencodings chosen by a sample; bytes a value\n{}", table(&header, &right, &rows))
}

fn key_values(metadata: &ParquetMetaData) -> String {
    let Some(pairs) = metadata.file_metadata().key_value_metadata() else { return String::new() };
    let rows: Vec<_> = pairs
        .iter()
        .filter(|pair| pair.key != ENCODINGS)
        .map(|pair| {
            let value = pair.value.clone().unwrap_or_default();
            let cut = value.chars().count() > MAX_VALUE;
            let shown: String = value.chars().take(MAX_VALUE).collect();
            let end = if cut { format!("… ({} bytes)", count(value.len() as u64)) } else { String::new() };
            vec![pair.key.clone(), shown + &end]
        })
        .collect();
    format!("\nkey-value metadata\n{}", table(&["key", "value"], &[false; 2], &rows))
}
