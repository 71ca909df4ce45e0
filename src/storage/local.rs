//! Parts on a local disk: written as `<name>.tmp`, made durable, published by an atomic rename.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::background::{Background, SyncEvery};
use super::journal::{Journal, Notes};
use super::{Part, ahead};
use crate::error::{Error, ErrorClass, Result};

mod unfinished;

pub use self::unfinished::Unfinished;

/// What is forced to the disk before a part is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Nothing: a power cut may lose parts already published; a crash of the process may not.
    None,
    /// The part before its rename, and its directory after.
    OnClose,
}

/// What to do where the final name is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfExists {
    /// Refuse, at open and again at publishing.
    Fail,
    /// Replace the old file at publishing, in one step.
    Replace,
}

/// A part being written. Dropped unpublished, it takes its temporary file along, unless it has a journal.
#[derive(Debug)]
pub struct PartFile {
    file: File,
    temporary: PathBuf,
    journal: Option<Journal>,
    path: PathBuf,
    sync: Sync,
    if_exists: IfExists,
    /// Forces it to disk as it grows, if that was asked for.
    background: Option<Background>,
    written: u64,
    /// Bytes of the file that have space on the disk already; None once there was none to have.
    reserved: Option<u64>,
    /// Bytes that are on their way to the disk.
    written_back: u64,
    published: bool,
}

/// Bytes of a file for which space is reserved: those of small ones are not worth it.
const LARGE: u64 = 1 << 20;
/// Bytes that are reserved and written back at a time.
const STEP: u64 = 8 << 20;

impl PartFile {
    /// Creates `<path>.tmp`. What a crashed process left under that name is replaced; what a live one
    /// is writing is not: the file is locked for as long as it is open.
    pub fn create(path: &Path, sync: Sync, if_exists: IfExists) -> Result<Self> {
        if path.file_name().is_none() {
            return Err(Error::invalid(format!("path \"{}\" names no file", path.display())));
        }
        if if_exists == IfExists::Fail && path.symlink_metadata().is_ok() {
            return Err(taken(path));
        }
        let (temporary, journal) = (temporary_of(path), Journal::path_of(path));
        // Where there is a journal, there is a part to recover: of a crash, unless the lock tells of a live writer.
        let has_journal = journal.symlink_metadata().is_ok();
        let mut open = OpenOptions::new();
        open.write(true).create(!has_journal).truncate(false); // only once the lock is held
        let file = match open.open(&temporary) {
            Err(e) if has_journal && e.kind() == io::ErrorKind::NotFound => return Err(unfinished(path)),
            Err(e) => return Err(Error::io(&e, format!("creating \"{}\"", temporary.display()))),
            Ok(file) => file,
        };
        let bytes = lock(&file, &temporary)?;
        if journal.symlink_metadata().is_ok() {
            return Err(unfinished(path));
        }
        if bytes > 0 {
            // Not where nothing is cut off: ext4 forces a file that was cut to nothing to disk when it is closed
            // (`auto_da_alloc`), and that would be ours.
            file.set_len(0).map_err(|e| Error::io(&e, format!("creating \"{}\"", temporary.display())))?;
        }
        Ok(PartFile::new(file, path, sync, if_exists))
    }

    fn new(file: File, path: &Path, sync: Sync, if_exists: IfExists) -> Self {
        PartFile {
            file,
            temporary: temporary_of(path),
            journal: None,
            path: path.to_owned(),
            sync,
            if_exists,
            background: None,
            written: 0,
            reserved: Some(0),
            written_back: 0,
            published: false,
        }
    }

    /// Keeps a journal, `<path>.journal`. From its header on, the temporary file stays if the part is dropped.
    pub fn keep_journal(&mut self) -> Result<()> {
        let journal = Journal::create(&self.path, self.if_exists == IfExists::Replace);
        let creating = || format!("creating \"{}\"", Journal::path_of(&self.path).display());
        self.journal = Some(journal.map_err(|e| Error::io(&e, creating()))?);
        Ok(())
    }

    /// How many notes its journal has, if it has one; to be read while the part is in use elsewhere.
    pub fn notes(&self) -> Option<&Arc<Notes>> {
        self.journal.as_ref().map(Journal::notes)
    }

    /// Forces what has been written to disk ever again, by what this returns: it is to be run on a thread, or
    /// dropped.
    pub fn sync_every(&mut self, every: SyncEvery) -> Result<impl FnOnce() + Send + 'static> {
        let again = |e: io::Error| Error::io(&e, format!("opening \"{}\" again", self.temporary.display()));
        let file = self.file.try_clone().map_err(again)?;
        let journal = match &self.journal {
            Some(journal) => {
                // A name that is not on disk keeps no notes.
                sync_directory(&self.path)?;
                Some((journal.file().map_err(again)?, journal.notes().clone()))
            }
            None => None,
        };
        let sync = move || {
            // The part first: the journal says what is in it.
            let notes = journal.as_ref().map_or(0, |(_, notes)| notes.written());
            file.sync_data()?;
            let Some((journal, of)) = &journal else { return Ok(()) };
            journal.sync_data()?;
            of.keep(notes);
            Ok(())
        };
        let (background, run) = Background::new(every, sync);
        self.background = Some(background);
        Ok(run)
    }

    /// Reserves space for so many bytes more and those after them: no more than the file has already, lest
    /// many small files fill the disk.
    fn reserve(&mut self, more: usize) {
        let end = self.written + more as u64;
        if let Some(reserved) = self.reserved
            && end > reserved.max(LARGE)
        {
            let (start, end) = (reserved.max(self.written), end + self.written.min(STEP));
            self.reserved = ahead::reserve(&self.file, start, end - start).then_some(end);
        }
    }
}

impl Part for PartFile {
    /// A call costs less than a copy of 64 KiB, from which on nothing is gathered.
    fn write_bytes(&self) -> usize {
        512 << 10
    }

    /// Forces it to disk as its options say.
    fn publish(&mut self) -> Result<()> {
        let io =
            |e: io::Error, doing: &str, path: &Path| Error::io(&e, format!("{doing} \"{}\"", path.display()));
        if let Some(background) = self.background.take() {
            background.end().map_err(|e| io(e, "syncing", &self.temporary))?;
        }
        if self.written > LARGE {
            // Gives back the space that was not needed.
            self.file.set_len(self.written).map_err(|e| io(e, "ending", &self.temporary))?;
        }
        if self.sync == Sync::OnClose {
            self.file.sync_all().map_err(|e| io(e, "syncing", &self.temporary))?;
        }
        match self.if_exists {
            IfExists::Replace => fs::rename(&self.temporary, &self.path),
            IfExists::Fail => rename_no_replace(&self.temporary, &self.path),
        }
        .map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => taken(&self.path),
            _ => io(e, "publishing", &self.path),
        })?;
        self.published = true;
        if self.sync == Sync::OnClose {
            sync_directory(&self.path)?;
            self.notes().into_iter().for_each(|notes| notes.keep(notes.written()));
        }
        if let Some(journal) = self.journal.take() {
            // One that stays is known by the part that is there.
            let _ = journal.remove();
        }
        Ok(())
    }

    fn has_journal(&self) -> bool {
        self.journal.is_some()
    }

    fn log(&mut self, entry: &[u8], is_note: bool) -> io::Result<()> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let bytes = journal.append(entry, is_note)?;
        match &self.background {
            // Or else an entry after the last bytes of the part would never be forced to disk.
            Some(background) => background.wrote(bytes as usize),
            None => {
                journal.notes().keep(journal.notes().written());
                Ok(())
            }
        }
    }
}

impl Write for PartFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.reserve(bytes.len());
        let written = self.file.write(bytes)?;
        self.written += written as u64;
        let waiting = self.written - self.written_back;
        if self.sync == Sync::OnClose && waiting >= STEP {
            ahead::write_back(&self.file, self.written_back, waiting);
            self.written_back = self.written;
        }
        if let Some(background) = &self.background {
            background.wrote(written)?;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        let journal = self.journal.take();
        if !self.published && !journal.as_ref().is_some_and(Journal::has_header) {
            // Nobody can be told here; what stays is a temporary name, never a final one.
            let _ = journal.map(Journal::remove);
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

fn temporary_of(path: &Path) -> PathBuf {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    temporary.into()
}

/// Locks a temporary file for as long as it is open; returns its length.
fn lock(file: &File, temporary: &Path) -> Result<u64> {
    let locking = |e: io::Error| Error::io(&e, format!("locking \"{}\"", temporary.display()));
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::Error(e)) => return Err(locking(e)),
        Err(TryLockError::WouldBlock) => return Err(being_written(temporary)),
    }
    // Between the open and the lock, another writer may have published this very file.
    let ours = file.metadata().map_err(locking)?;
    let named = fs::metadata(temporary).map_err(|_| being_written(temporary))?;
    if (ours.dev(), ours.ino()) != (named.dev(), named.ino()) {
        return Err(being_written(temporary));
    }
    Ok(ours.len())
}

/// Forces the name of a file to disk.
fn sync_directory(of: &Path) -> Result<()> {
    let parent = match of.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let synced = File::open(parent).and_then(|directory| directory.sync_all());
    synced.map_err(|e| Error::io(&e, format!("syncing directory \"{}\"", parent.display())))
}

#[track_caller]
fn unfinished(path: &Path) -> Error {
    Error::new(
        ErrorClass::Conflict,
        format!(
            "\"{}\" was cut short by a crash and its journal is there; finish it with `flow recover` or resume \
             it, or choose another path",
            path.display()
        ),
    )
}

#[track_caller]
fn taken(path: &Path) -> Error {
    Error::new(
        ErrorClass::Conflict,
        format!("\"{}\" exists already; choose another path or the option to replace", path.display()),
    )
}

#[track_caller]
fn being_written(temporary: &Path) -> Error {
    Error::new(
        ErrorClass::Conflict,
        format!("\"{}\" is being written by another writer; choose another path", temporary.display()),
    )
}

/// Renames unless `to` exists. File systems without the flag get a check, then a rename.
fn rename_no_replace(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        let c_path = |p: &Path| CString::new(p.as_os_str().as_bytes()).map_err(io::Error::other);
        let (c_from, c_to) = (c_path(from)?, c_path(to)?);
        let (here, flags) = (libc::AT_FDCWD, libc::RENAME_NOREPLACE);
        // SAFETY: both paths are NUL-terminated and outlive the call.
        if unsafe { libc::renameat2(here, c_from.as_ptr(), here, c_to.as_ptr(), flags) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if !matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS)) {
            return Err(error);
        }
    }
    if to.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(from, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(path: &Path) -> Result<PartFile> {
        PartFile::create(path, Sync::OnClose, IfExists::Fail)
    }

    #[test]
    fn a_part_has_its_name_only_when_published() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.parquet");
        let mut part = create(&path).unwrap();
        part.write_all(b"x").unwrap();
        assert!(!path.exists());
        part.publish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"x");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(create(&path).unwrap_err().class(), ErrorClass::Conflict);
    }

    #[test]
    fn space_that_was_reserved_is_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let mut part = create(&path).unwrap();
        let piece = vec![7; LARGE as usize];
        (0..20).for_each(|_| part.write_all(&piece).unwrap());
        part.write_all(b"x").unwrap();
        if let Some(reserved) = part.reserved {
            assert!(reserved > part.written, "some file systems reserve nothing; this one does");
        }
        part.publish().unwrap();
        let file = fs::metadata(&path).unwrap();
        assert_eq!(file.len(), 20 * LARGE + 1);
        assert!(file.blocks() * 512 < file.len() + LARGE, "{} blocks", file.blocks());
        assert!(fs::read(&path).unwrap()[..20 * LARGE as usize].iter().all(|&byte| byte == 7));
    }

    #[test]
    fn dropping_removes_and_two_writers_conflict() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let first = create(&path).unwrap();
        assert_eq!(create(&path).unwrap_err().class(), ErrorClass::Conflict);
        drop(first);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        fs::write(dir.path().join("a.tmp"), b"left by a crash").unwrap();
        create(&path).unwrap().publish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
    }

    #[test]
    fn a_name_taken_while_writing_is_not_replaced_unless_asked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let mut part = create(&path).unwrap();
        fs::write(&path, b"theirs").unwrap();
        assert_eq!(part.publish().unwrap_err().class(), ErrorClass::Conflict);
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        drop(part);
        PartFile::create(&path, Sync::None, IfExists::Replace).unwrap().publish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
    }
}
