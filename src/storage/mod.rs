//! Where parts lie. A part has a temporary name until it is whole.

mod ahead;
mod background;
mod local;

use std::io::Write;

pub use background::SyncEvery;
pub use local::{IfExists, PartFile, Sync};

use crate::error::Result;

/// A part being written, from its first byte to its last. Dropped unpublished, it leaves nothing.
pub trait Part: Write + Send {
    /// Makes the part durable and gives it its final name.
    fn publish(&mut self) -> Result<()>;

    /// Bytes that one write should have: fewer are gathered, as each write may take a round trip. By default 8 MiB,
    /// so that most row groups, compressed, are one.
    fn write_bytes(&self) -> usize {
        8 << 20
    }
}
