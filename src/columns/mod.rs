//! Row chunks in: what a caller's column looks like in memory, the checks before anything moves, and
//! the coalesce window that the columns are copied into.

mod buffer;
mod check;
mod slice;
mod window;

pub use slice::{ColumnSlice, Validity, Values};
pub use window::Window;

pub(crate) use check::{BadValues, Checked};
