//! Row chunks in: what a caller's column looks like in memory, the checks before anything moves, and
//! the coalesce window that the columns are copied into.

mod buffer;
mod check;
mod convert;
mod dictionary;
mod gather;
mod nested;
mod pointers;
mod rows;
mod simd;
mod size;
mod slice;
mod strided;
mod utf8;
mod validity;
mod window;

pub use pointers::PointerArray;
pub use slice::{ColumnSlice, Selection, Validity, Values};
pub use window::Window;

pub(crate) use check::{BadValues, Checked, check_row_type};
pub(crate) use utf8::is_valid as is_utf8;
