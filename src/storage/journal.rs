//! The journal beside a growing part, `<path>.journal`: what recovery needs to know of the part that the part
//! itself does not say before it has a footer. This is its form; what is in it is the file format's.
//!
//! All numbers are little-endian. The file is a sequence of frames, each written by one call: the length of its
//! content and the CRC-32 of it (IEEE 802.3, as gzip's), 32 bits each, then the content. What a crash tore has the
//! wrong length or checksum, and ends the journal. The first frame is the header: [`MAGIC`], the boot id of the
//! system (36 bytes, zeros if unknown), 1 if the part is to replace the file of its name or else 0, and the file
//! format's header. The other frames are the file format's entries.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::Crc;

/// Names the form and its version.
const MAGIC: &[u8; 8] = b"PFJRNL01";
/// Of a UUID's text.
const BOOT_ID: usize = 36;
/// Bytes of a frame before its content.
const FRAME: usize = 8;

/// A journal being written.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    replace: bool,
    /// 0 until it has its header.
    bytes: u64,
    notes: Arc<Notes>,
}

/// How many entries are notes.
#[derive(Debug, Default)]
pub struct Notes {
    written: AtomicU64,
    kept: AtomicU64,
}

/// What a journal says.
pub struct Contents {
    /// Whether the system was started anew since: what was written last may be lost, in any order.
    pub is_of_another_boot: bool,
    /// Whether the part is to replace the file of its name.
    pub replace: bool,
    /// The file format's header.
    pub header: Vec<u8>,
    /// The journal's length after it.
    pub header_end: u64,
    /// Its entries, each with the journal's length after it.
    pub entries: Vec<(Vec<u8>, u64)>,
}

impl Notes {
    /// Notes that no crash takes: one of the process, or of the system too if the part is forced to disk as it
    /// grows.
    pub fn kept(&self) -> u64 {
        self.kept.load(Ordering::Acquire)
    }

    /// Notes that are written.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// So many are safe.
    pub fn keep(&self, notes: u64) {
        self.kept.store(notes, Ordering::Release);
    }
}

impl Journal {
    /// The journal's name for a part of this one.
    pub fn path_of(part: &Path) -> PathBuf {
        let mut path = part.as_os_str().to_owned();
        path.push(".journal");
        path.into()
    }

    /// Creates the journal of the part `part`, which must have none.
    pub fn create(part: &Path, replace: bool) -> io::Result<Self> {
        let path = Journal::path_of(part);
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        Ok(Journal { file, path, replace, bytes: 0, notes: Arc::default() })
    }

    /// Reads the journal of the part `part`, which can be continued then. None: it has no whole header.
    pub fn open(part: &Path) -> io::Result<(Self, Option<Contents>)> {
        let path = Journal::path_of(part);
        let mut file = OpenOptions::new().read(true).write(true).open(&path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let contents = Contents::read(&bytes);
        let replace = contents.as_ref().is_some_and(|contents| contents.replace);
        Ok((Journal { file, path, replace, bytes: bytes.len() as u64, notes: Arc::default() }, contents))
    }

    /// Ends it after `bytes`; what is appended comes after these.
    pub fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)?;
        self.bytes = self.file.seek(SeekFrom::Start(bytes))?;
        Ok(())
    }

    /// Appends the header if it has none, or else an entry. Returns the bytes written.
    pub fn append(&mut self, content: &[u8], is_note: bool) -> io::Result<u64> {
        let mut frame = vec![0; FRAME];
        if self.bytes == 0 {
            frame.extend_from_slice(MAGIC);
            frame.extend_from_slice(&boot_id());
            frame.push(u8::from(self.replace));
        }
        frame.extend_from_slice(content);
        let content = &frame[FRAME..];
        let too_long = |_| io::Error::new(io::ErrorKind::InvalidInput, "an entry of 4 GiB or more");
        let length = u32::try_from(content.len()).map_err(too_long)?;
        let checksum = checksum(content);
        frame[..4].copy_from_slice(&length.to_le_bytes());
        frame[4..FRAME].copy_from_slice(&checksum.to_le_bytes());
        self.file.write_all(&frame)?;
        self.bytes += frame.len() as u64;
        self.notes.written.fetch_add(u64::from(is_note), Ordering::AcqRel);
        Ok(frame.len() as u64)
    }

    /// Whether the part can be recovered with it.
    pub fn has_header(&self) -> bool {
        self.bytes > 0
    }

    /// The file, to be forced to disk elsewhere.
    pub fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    pub fn notes(&self) -> &Arc<Notes> {
        &self.notes
    }

    /// Removes it: the part is whole, or nothing was ever written.
    pub fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

impl Contents {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (first, header_end) = frame(bytes, 0)?;
        let (magic, rest) = first.split_at_checked(MAGIC.len())?;
        let (booted, rest) = rest.split_at_checked(BOOT_ID)?;
        let (&replace, header) = rest.split_first()?;
        if magic != MAGIC {
            return None;
        }
        let (mut entries, mut at) = (Vec::new(), header_end);
        while let Some((entry, end)) = frame(bytes, at) {
            entries.push((entry.to_vec(), end as u64));
            at = end;
        }
        let is_of_another_boot = booted != boot_id() || booted == [0; BOOT_ID];
        let (header, header_end) = (header.to_vec(), header_end as u64);
        Some(Contents { is_of_another_boot, replace: replace == 1, header, header_end, entries })
    }
}

/// The content of the frame at `at`, if it is whole, and its end. None is empty, as zeros would be one.
fn frame(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let (length, rest) = bytes.get(at..)?.split_first_chunk()?;
    let (sum, rest) = rest.split_first_chunk()?;
    let content = rest.get(..u32::from_le_bytes(*length) as usize)?;
    let is_whole = !content.is_empty() && checksum(content) == u32::from_le_bytes(*sum);
    is_whole.then(|| (content, at + FRAME + content.len()))
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Another one each time the system starts; zeros where it has none.
fn boot_id() -> [u8; BOOT_ID] {
    let read = fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    read.first_chunk().copied().unwrap_or([0; BOOT_ID])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_tail_is_dropped_at_every_length_and_so_is_what_follows_a_flipped_bit() {
        let directory = tempfile::tempdir().unwrap();
        let part = directory.path().join("a");
        let mut journal = Journal::create(&part, true).unwrap();
        let mut ends = Vec::new();
        for content in [&b"header"[..], b"first", b"second"] {
            journal.append(content, content == b"second").unwrap();
            ends.push(journal.bytes as usize);
        }
        assert_eq!((journal.notes.written(), journal.notes.kept()), (1, 0));
        let bytes = fs::read(&journal.path).unwrap();
        assert_eq!(bytes.len(), ends[2]);
        let entries = |bytes: &[u8]| Contents::read(bytes).map(|contents| contents.entries.len());
        let whole = |length: usize| ends.iter().filter(|&&end| end <= length).count().checked_sub(1);
        for length in 0..=bytes.len() {
            assert_eq!(entries(&bytes[..length]), whole(length), "{length} bytes");
            // A file system may have made it longer before it wrote what is in it.
            let mut zeros = bytes[..length].to_vec();
            zeros.resize(bytes.len() + 100, 0);
            let zeros_are_its_own = entries(&zeros) == entries(&bytes);
            assert!(zeros_are_its_own || entries(&zeros) == whole(length), "{length} bytes and zeros");
        }
        for flipped in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[flipped] ^= 0x10;
            assert_eq!(entries(&bytes), whole(flipped), "byte {flipped}");
        }
        let (mut again, contents) = Journal::open(&part).unwrap();
        let contents = contents.unwrap();
        assert_eq!((contents.header, contents.replace), (b"header".to_vec(), true));
        assert!(!contents.is_of_another_boot || boot_id() == [0; BOOT_ID]);
        again.cut(ends[1] as u64).unwrap();
        again.append(b"third", false).unwrap();
        let (_, contents) = Journal::open(&part).unwrap();
        let entries: Vec<_> = contents.unwrap().entries.into_iter().map(|(entry, _)| entry).collect();
        assert_eq!(entries, [b"first", b"third"]);
    }
}
