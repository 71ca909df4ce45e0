//! libflow writes streams into open columnar files from programs that cannot wait.
//!
//! Data goes down and never back up: `ffi` > `sink` > `writer`, `recover` > `pool` > `format`,
//! `storage` > `columns` > `schema` > `error`. Everything below [`ffi`] is an ordinary Rust crate; the C ABI is
//! documented in `include/flow.h`.

#[cfg(not(all(target_pointer_width = "64", target_endian = "little", unix)))]
compile_error!("libflow needs a 64-bit little-endian Unix");

pub mod columns;
mod copy;
pub mod error;
pub mod ffi;
pub mod format;
pub mod pool;
mod prefetch;
pub mod recover;
pub mod schema;
pub mod sink;
pub mod storage;
pub mod writer;
