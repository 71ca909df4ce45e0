//! Where parts lie. A part has a temporary name until it is whole.

mod ahead;
mod background;
mod journal;
mod local;

use std::io::{self, Write};

pub use background::SyncEvery;
pub use journal::{Contents, Notes};
pub use local::{IfExists, PartFile, Sync, Unfinished};

use crate::error::Result;

/// A part being written, from its first byte to its last. Dropped unpublished, it leaves nothing, unless it has
/// a journal.
pub trait Part: Write + Send {
    /// Whether it has a journal, by which it can be finished after a crash.
    fn has_journal(&self) -> bool {
        false
    }

    /// Appends the journal's header, and after that its entries, of which some are notes. What they say of the
    /// part must have been written to it.
    fn log(&mut self, _entry: &[u8], _is_note: bool) -> io::Result<()> {
        Ok(())
    }

    /// Makes the part durable and gives it its final name.
    fn publish(&mut self) -> Result<()>;

    /// Bytes that one write should have: fewer are gathered, as each write may take a round trip. By default 8 MiB,
    /// so that most row groups, compressed, are one.
    fn write_bytes(&self) -> usize {
        8 << 20
    }
}
