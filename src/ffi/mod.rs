//! The C ABI, one file a noun. Everything C hands over is checked here and turned into safe Rust; no
//! panic leaves. The documentation of these items is the header's.
#![allow(non_camel_case_types)]
// The header documents preconditions and ownership of every function in one form, not clippy's.
#![allow(clippy::missing_safety_doc)]

mod boundary;
mod forgotten;
mod handle;
mod input;

pub mod arrow;
pub mod columns;
pub mod error;
pub mod layout;
pub mod parquet_options;
mod pool;
pub mod producer;
pub mod row_group;
pub mod schema;
pub mod sink;
pub mod version;
pub mod writer;
