//! Pages that libflow encodes itself, where the parquet crate would do work that need not be done.

mod bounds;
mod chunk;
mod compress;
mod hybrid;

pub use bounds::{Bounds, Order};
pub use chunk::{Chunk, EncodedChunk, PageValues};
pub use hybrid::{bit_width, put_indices};
