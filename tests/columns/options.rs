//! Random options of parts.

use arrow_schema::DataType;
use flow::format::{
    BloomFilter, Codec, ColumnOptions, PageVersion, ParquetOptions, SortKey, StatisticsLevel,
};
use flow::schema::Schema;
use parquet::basic::Encoding;

use crate::source::Random;

/// Options of a part that suit its columns.
pub fn any_options(random: &mut Random, schema: &Schema) -> ParquetOptions {
    let codecs = [
        Codec::Uncompressed,
        Codec::Snappy,
        Codec::Gzip(1 + random.below(9) as i32),
        #[cfg(feature = "brotli")]
        Codec::Brotli(random.below(12) as i32),
        Codec::Zstd([-131_072, -7, -1, 1, 9, 22][random.below(6)]),
        Codec::Lz4Raw,
    ];
    let levels = [StatisticsLevel::None, StatisticsLevel::Chunk, StatisticsLevel::Page];
    let mut options = ParquetOptions {
        codec: codecs[random.below(codecs.len())],
        row_group_rows: 1 + random.below(70),
        page_version: [PageVersion::V1, PageVersion::V2][random.below(2)],
        page_crc: random.below(2) == 0,
        statistics: levels[random.below(3)],
        ..ParquetOptions::default()
    };
    if random.below(3) == 0 {
        options.row_group_bytes = 1 + random.below(1000);
    }
    if random.below(2) == 0 {
        options.page_rows = 1 + random.below(30);
        options.page_bytes = 1 + random.below(400);
    }
    for field in schema.fields() {
        let encodings = encodings(field.data_type());
        options.columns.push(ColumnOptions {
            path: field.name().clone(),
            encoding: encodings[random.below(encodings.len())],
            statistics: (random.below(2) == 0).then(|| levels[random.below(3)]),
            bloom_filter: (random.below(3) == 0 && has_no_bools(field.data_type()))
                .then(|| BloomFilter { fpp: 0.1, ndv: 1 + random.below(1000) as u64 }),
        });
    }
    let scalars: Vec<_> = schema.fields().iter().filter(|field| !field.data_type().is_nested()).collect();
    if random.below(4) == 0 && !scalars.is_empty() {
        // Rows that are all in one row group of one are sorted by anything.
        options.row_group_rows = 1;
        let path = scalars[random.below(scalars.len())].name().clone();
        options.sorting.push(SortKey {
            path,
            descending: random.below(2) == 0,
            nulls_first: random.below(2) == 0,
        });
    }
    options
}

fn has_no_bools(data_type: &DataType) -> bool {
    match data_type {
        DataType::Boolean => false,
        DataType::List(item) => has_no_bools(item.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| has_no_bools(field.data_type())),
        _ => true,
    }
}

/// Encodings that can carry the type.
fn encodings(data_type: &DataType) -> Vec<Option<Encoding>> {
    let mut encodings = vec![None];
    if let DataType::Dictionary(..) = data_type {
        encodings.push(Some(Encoding::RLE_DICTIONARY));
        return encodings;
    }
    encodings.push(Some(Encoding::PLAIN));
    if has_no_bools(data_type) {
        encodings.push(Some(Encoding::RLE_DICTIONARY));
    }
    match data_type {
        DataType::Boolean | DataType::List(_) | DataType::Struct(_) => {}
        DataType::Utf8 | DataType::Binary => encodings.push(Some(Encoding::DELTA_LENGTH_BYTE_ARRAY)),
        DataType::Float16
        | DataType::FixedSizeBinary(_)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => {}
        DataType::Float32 | DataType::Float64 => encodings.push(Some(Encoding::BYTE_STREAM_SPLIT)),
        _ => encodings.extend([Some(Encoding::DELTA_BINARY_PACKED), Some(Encoding::BYTE_STREAM_SPLIT)]),
    }
    encodings
}
