//! File formats: batches in, bytes of a part out.

mod levels;
mod parquet;

pub use self::levels::{LeafSlice, LeveledRowGroup, LeveledSchema};
pub use self::parquet::{Codec, ParquetEncoder, ParquetOptions, PartSummary};
