//! What a crash left of a part: taken up by another process, to be finished or continued.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use flate2::Crc;

use super::{IfExists, LARGE, PartFile, Sync, lock, taken, temporary_of};
use crate::error::{Error, ErrorClass, Result};
use crate::storage::journal::{Contents, Journal};

impl PartFile {
    /// Takes up what another process left of the part and its journal, to be published as `how` says, or as it
    /// was to be. None: it has no journal, or it was published and only the journal was left, which goes.
    pub fn reopen(path: &Path, how: Option<(Sync, IfExists)>) -> Result<Option<Unfinished>> {
        let (temporary, journal) = (temporary_of(path), Journal::path_of(path));
        let io = |e: io::Error, path: &Path| Error::io(&e, format!("opening \"{}\"", path.display()));
        if journal.symlink_metadata().is_err() {
            return Ok(None);
        }
        let file = match OpenOptions::new().read(true).write(true).open(&temporary) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return match path.symlink_metadata() {
                    Ok(_) => remove(&journal).map(|()| None),
                    Err(_) => Err(Error::new(
                        ErrorClass::NotFound,
                        format!(
                            "\"{}\" is there, but neither \"{}\" nor \"{}\" is; bring one of them back, or \
                             remove the journal",
                            journal.display(),
                            temporary.display(),
                            path.display()
                        ),
                    )),
                };
            }
            opened => opened.map_err(|e| io(e, &temporary))?,
        };
        let bytes = lock(&file, &temporary)?;
        let (read, contents) = Journal::open(path).map_err(|e| io(e, &journal))?;
        let Some(contents) = contents else {
            if bytes > 0 {
                return Err(no_header(&journal));
            }
            // The crash came before anything was written.
            return remove(&journal).and_then(|()| remove(&temporary)).map(|()| None);
        };
        let (sync, if_exists) = how.unwrap_or(match contents.replace {
            true => (Sync::OnClose, IfExists::Replace),
            false => (Sync::OnClose, IfExists::Fail),
        });
        if if_exists == IfExists::Fail && path.symlink_metadata().is_ok() {
            return Err(taken(path));
        }
        let mut part = PartFile::new(file, path, sync, if_exists);
        part.journal = Some(read);
        Ok(Some(Unfinished { part, contents, bytes }))
    }
}

/// What another process left of a part, locked. Dropped, it stays as it is.
pub struct Unfinished {
    part: PartFile,
    contents: Contents,
    bytes: u64,
}

impl Unfinished {
    /// The part's final name.
    pub fn path(&self) -> &Path {
        &self.part.path
    }

    /// What its journal says.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// Bytes of the part, those that no entry tells of included.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The CRC-32 of these bytes of the part.
    pub fn checksum(&self, range: Range<u64>) -> Result<u32> {
        let reading = |e| Error::io(&e, format!("reading \"{}\"", self.part.temporary.display()));
        let (mut crc, mut buffer, mut at) = (Crc::new(), vec![0; LARGE as usize], range.start);
        while at < range.end {
            let step = (range.end - at).min(LARGE) as usize;
            self.part.file.read_exact_at(&mut buffer[..step], at).map_err(reading)?;
            crc.update(&buffer[..step]);
            at += step as u64;
        }
        Ok(crc.sum())
    }

    /// Cuts the part to `bytes` and its journal to `journal_bytes`; both can be continued there.
    pub fn cut(mut self, bytes: u64, journal_bytes: u64) -> Result<PartFile> {
        let part = &mut self.part;
        let seek = |mut file: &File| file.seek(SeekFrom::Start(bytes)).map(drop);
        let cut = part.file.set_len(bytes).and_then(|()| seek(&part.file));
        let cut =
            cut.and_then(|()| part.journal.as_mut().map_or(Ok(()), |journal| journal.cut(journal_bytes)));
        cut.map_err(|e| Error::io(&e, format!("cutting \"{}\"", part.temporary.display())))?;
        (part.written, part.reserved, part.written_back) = (bytes, Some(bytes), bytes);
        Ok(self.part)
    }
}

fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path).map_err(|e| Error::io(&e, format!("removing \"{}\"", path.display())))
}

#[track_caller]
fn no_header(journal: &Path) -> Error {
    Error::new(
        ErrorClass::Corrupt,
        format!(
            "\"{}\" has no whole header, so its part cannot be finished; remove both to give it up",
            journal.display()
        ),
    )
}
