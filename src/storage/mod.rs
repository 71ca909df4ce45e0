//! Where parts lie. A part has a temporary name until it is whole.

mod local;

pub use local::{IfExists, PartFile, Sync};
