//! Leaves what a test wrote, and what its model says of it, for tests/readback to compare by other readers.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use arrow_schema::{DataType, Field, TimeUnit};

/// A value of a model as JSON: null, the hex digits of a scalar's stored bytes (little-endian, as in Arrow's
/// memory; a bool in one), an array for a list, an object for a struct.
pub trait Json {
    fn put(&self, out: &mut String);
}

/// The hex digits of a scalar.
pub fn put_bytes(bytes: &[u8], out: &mut String) {
    out.push('"');
    bytes.iter().for_each(|byte| write!(out, "{byte:02x}").unwrap());
    out.push('"');
}

/// Where this run's cases are left; those of earlier ones are gone.
static CASES: LazyLock<PathBuf> = LazyLock::new(|| {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("columns");
    if directory.exists() {
        fs::remove_dir_all(&directory).unwrap();
    }
    fs::create_dir_all(&directory).unwrap();
    directory
});

/// Copies a case's part to `<seed>.parquet` and writes `<seed>.json`: its row groups, and for each column
/// the name, the stored type as pyarrow prints it, whether it is nullable, and its values.
pub fn leave<V: Json>(seed: u64, part: &Path, row_groups: u64, fields: &[Field], model: &[Vec<V>]) {
    let mut json = format!(r#"{{"row_groups":{row_groups},"columns":["#);
    for (i, (field, values)) in fields.iter().zip(model).enumerate() {
        let (name, nullable) = (field.name(), field.is_nullable());
        let data_type = match field.data_type() {
            // Readers keep the dictionaries of whole columns of strings.
            DataType::Dictionary(_, value) if matches!(**value, DataType::Utf8 | DataType::Binary) => {
                format!("dictionary<values={}, indices=int32, ordered=0>", type_name(value))
            }
            other => type_name(other),
        };
        let comma = if i == 0 { "" } else { "," };
        write!(json, r#"{comma}{{"name":"{name}","type":"{data_type}","nullable":{nullable},"values":["#)
            .unwrap();
        for (i, value) in values.iter().enumerate() {
            json.push_str(if i == 0 { "" } else { "," });
            value.put(&mut json);
        }
        json.push_str("]}");
    }
    json.push_str("]}\n");
    fs::copy(part, CASES.join(format!("{seed}.parquet"))).unwrap();
    fs::write(CASES.join(format!("{seed}.json")), json).unwrap();
}

/// The type as it is stored: Parquet has no seconds.
fn type_name(data_type: &DataType) -> String {
    let unit = |unit: &TimeUnit| match unit {
        TimeUnit::Second | TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    };
    match data_type {
        DataType::Boolean => "bool".into(),
        DataType::Float16 => "halffloat".into(),
        DataType::Float32 => "float".into(),
        DataType::Float64 => "double".into(),
        DataType::Utf8 => "string".into(),
        DataType::FixedSizeBinary(width) => format!("fixed_size_binary[{width}]"),
        DataType::Date32 => "date32[day]".into(),
        DataType::Time32(u) => format!("time32[{}]", unit(u)),
        DataType::Time64(u) => format!("time64[{}]", unit(u)),
        DataType::Timestamp(u, Some(zone)) => format!("timestamp[{}, tz={zone}]", unit(u)),
        DataType::Timestamp(u, None) => format!("timestamp[{}]", unit(u)),
        DataType::Duration(TimeUnit::Second) => "duration[s]".into(),
        DataType::Duration(u) => format!("duration[{}]", unit(u)),
        DataType::List(item) => format!("list<{}>", field_name(item)),
        DataType::Struct(fields) => {
            let fields: Vec<_> = fields.iter().map(|field| field_name(field)).collect();
            format!("struct<{}>", fields.join(", "))
        }
        DataType::Dictionary(_, value) => type_name(value),
        // Integers, decimals and binary have the same name in both.
        other => other.to_string().to_lowercase(),
    }
}

fn field_name(field: &Field) -> String {
    let required = if field.is_nullable() { "" } else { " not null" };
    format!("{}: {}{required}", field.name(), type_name(field.data_type()))
}
