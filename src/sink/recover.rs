//! Finishes what sinks with lanes in files left when their process ended.

use std::fs;
use std::path::{Path, PathBuf};

use super::durable::LaneDir;
use super::{Lanes, Sink, SinkOptions, SinkSummary};
use crate::error::{Error, ErrorClass, Result};
use crate::recover::schema;
use crate::writer::WriterOptions;

/// The lanes in a directory that a sink left, or that a live one uses, by name.
pub fn left(directory: &Path) -> Result<Vec<PathBuf>> {
    let reading = |e| Error::io(&e, format!("reading directory \"{}\"", directory.display()));
    let mut lanes = Vec::new();
    for entry in fs::read_dir(directory).map_err(reading)? {
        let path = entry.map_err(reading)?.path();
        if path.extension().is_some_and(|extension| extension == "lanes") && path.is_dir() {
            lanes.push(path);
        }
    }
    lanes.sort();
    Ok(lanes)
}

/// Drains the lanes of the directory `lanes` into their part, forces it to disk and publishes it, and removes the
/// lanes. The part is the one beside the directory, if it is there, else where it was. What is written now is
/// encoded by the default options.
///
/// None: the part was published already, and only the lanes were left, which go. Errors, on which everything stays
/// as it is: [`Conflict`](ErrorClass::Conflict) (a live sink uses them, or the final name is taken),
/// [`NotFound`](ErrorClass::NotFound) (the part is gone), [`Corrupt`](ErrorClass::Corrupt), and those of storage.
pub fn recover(lanes: &Path) -> Result<Option<SinkSummary>> {
    let Some(manifest) = LaneDir::manifest(lanes)? else { return Ok(None) };
    let beside = lanes.with_extension("");
    let part = match schema(&beside)? {
        Some(_) => beside,
        None => manifest.part.clone(),
    };
    let Some(schema) = schema(&part)? else {
        if part.symlink_metadata().is_err() {
            return Err(Error::new(
                ErrorClass::NotFound,
                format!("\"{}\", the part of \"{}\", is not there", part.display(), lanes.display()),
            ));
        }
        LaneDir::open(lanes)?.remove()?;
        return Ok(None);
    };
    let writer = WriterOptions { if_exists: manifest.if_exists, ..WriterOptions::default() };
    let directory = lanes.parent().map(Path::to_owned);
    let options = SinkOptions { lanes: Lanes::Files { directory }, ..SinkOptions::default() };
    Sink::open(&part, &manifest.layout(&schema)?, &writer, &options)?.close().map(Some)
}
