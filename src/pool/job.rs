//! What is done to a part in order, one thing at a time, away from the threads that encode.

use std::sync::Arc;

use super::room::Held;
use super::row_group::RowGroup;
use crate::format::LeveledRowGroup;

pub enum Job {
    /// Write a row group, once it is encoded.
    Columns(Arc<RowGroup>),
    /// Encode and write a row group that came by levels.
    Levels(LeveledRowGroup, Held),
    /// Note in the part's journal that everything before is written.
    Note(Vec<u8>),
    /// Add metadata, write the footer, publish.
    Finish(Vec<(String, String)>),
    /// Drop the part.
    Stop,
}

impl Job {
    /// Whether it can be done now.
    pub fn is_ready(&self) -> bool {
        match self {
            Job::Columns(group) => group.is_encoded(),
            Job::Levels(..) | Job::Note(_) | Job::Finish(_) | Job::Stop => true,
        }
    }
}
