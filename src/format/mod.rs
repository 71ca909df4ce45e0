//! File formats: batches in, bytes of a part out.

mod choice;
mod dictionary;
mod encoder;
mod levels;
mod numbers;
mod pages;
mod parquet;
mod texts;

pub use self::encoder::{ColumnEncoder, EncodedColumn, Encoders, ParquetEncoders};
pub use self::levels::{LeafSlice, LeveledRowGroup, LeveledSchema};
pub use self::pages::PendingPage;
pub use self::parquet::{Codec, ParquetOptions, ParquetPart, PartSummary};
