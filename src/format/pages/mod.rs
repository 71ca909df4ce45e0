//! Pages that libflow encodes itself: straight from the arrays, in the encoding that suits the values.

mod bounds;
mod checked;
mod chunk;
mod compress;
mod encode;
mod header;
mod hybrid;
mod indices;
mod number;
mod pack;
mod page;
pub mod spare;
mod tables;
mod vectors;

pub use bounds::{Bounds, Order};
pub use checked::{CheckedPages, CheckedStores};
pub use chunk::{Chunk, DictionaryPage, EncodedChunk};
pub use compress::Compressor;
pub use encode::{put_delta, put_split};
pub use hybrid::{bit_width, put_indices};
pub use indices::IndexPage;
pub use number::{Number, plain, range};
pub use page::{PageValues, PendingPage};
pub use tables::{NumberTable, TextTable, keep_words, spare_words, spread, text_key};
