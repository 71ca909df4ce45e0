//! Finishes parts that a crash cut short and that kept a journal: see
//! [`WriterOptions::journal`](crate::writer::WriterOptions::journal).

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::format::{ParquetPart, PartSummary};
use crate::schema::Schema;
use crate::storage::PartFile;

/// A part that was finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// What it holds.
    pub part: PartSummary,
    /// Bytes of its temporary file that were cut off: those of a row group that was not whole, or that came after
    /// the last note.
    pub cut: u64,
}

/// The parts of a directory that have a journal, by name. A live writer may be writing them.
pub fn unfinished(directory: &Path) -> Result<Vec<PathBuf>> {
    let reading = |e| Error::io(&e, format!("reading directory \"{}\"", directory.display()));
    let mut parts = Vec::new();
    for entry in fs::read_dir(directory).map_err(reading)? {
        let path = entry.map_err(reading)?.path();
        if path.extension().is_some_and(|extension| extension == "journal") {
            parts.push(path.with_extension(""));
        }
    }
    parts.sort();
    Ok(parts)
}

/// The schema of the part `path`, as its journal has it. None and errors are those of [`recover`].
pub fn schema(path: &Path) -> Result<Option<Schema>> {
    PartFile::reopen(path, None)?.map(|unfinished| ParquetPart::schema_of(&unfinished)).transpose()
}

/// Finishes the part `path` from its journal, forces it to disk, and publishes it as its writer would have: with
/// the rows before the last note, or without notes, with the row groups that were written. Metadata that was put
/// on the writer is not in it, nor is what was said of encodings, nor the statistics `min` and `max`, which the format
/// has deprecated for `min_value` and `max_value`. To append to it instead, see
/// [`Writer::resume`](crate::writer::Writer::resume).
///
/// None: there was nothing to finish, as the part has no journal, or was published already, or nothing was written
/// to it; a journal that was left is removed. Errors, on which everything stays as it is:
/// [`Conflict`](crate::error::ErrorClass::Conflict) (a live writer is writing it, or the final name is taken),
/// [`NotFound`](crate::error::ErrorClass::NotFound) (the temporary file is not there),
/// [`Corrupt`](crate::error::ErrorClass::Corrupt), and those of storage.
pub fn recover(path: &Path) -> Result<Option<Recovered>> {
    let Some(unfinished) = PartFile::reopen(path, None)? else { return Ok(None) };
    let before = unfinished.bytes();
    let restored = ParquetPart::restore(unfinished)?;
    let cut = before.saturating_sub(restored.bytes_written());
    Ok(Some(Recovered { part: restored.finish()?, cut }))
}
