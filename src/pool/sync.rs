//! What strands are built of. The model checker swaps this module for its own (see `model.rs`).

pub use std::sync::Arc;
pub use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

pub use parking_lot::Mutex;
