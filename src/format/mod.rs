//! File formats: batches in, bytes of a part out.

mod parquet;

pub use self::parquet::{Codec, ParquetEncoder, ParquetOptions, PartSummary};
