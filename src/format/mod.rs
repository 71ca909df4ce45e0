//! File formats: batches in, bytes of a part out.

mod assembly;
mod choice;
mod dictionary;
mod encoder;
mod journal;
mod levels;
mod numbers;
mod options;
mod pages;
mod parquet;
mod texts;

pub use self::encoder::{ColumnEncoder, EncodedColumn, Encoders, ParquetEncoders};
pub use self::levels::{LeafSlice, LeveledRowGroup, LeveledSchema};
pub use self::options::{
    BloomFilter, Codec, ColumnOptions, PageVersion, ParquetOptions, SortKey, StatisticsLevel,
};
pub use self::pages::PendingPage;
pub use self::parquet::{ParquetPart, PartSummary};
