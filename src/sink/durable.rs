//! Lanes that outlive the process: a directory, `<part>.lanes`, with a file for each lane, and what a later
//! process needs to know to read them.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::clock::Clock;
use super::lane::Control;
use super::layout::{Nulls, RecordField, RecordLayout, Source};
use super::memory::Mapping;
use crate::error::{Error, ErrorClass, Result};
use crate::schema::Schema;
use crate::storage::IfExists;

/// First line of a manifest.
const VERSION: &str = "libflow lanes 2";
const MANIFEST: &str = "manifest";
const CLOCK: &str = "clock";

/// The directory.
#[derive(Debug)]
pub struct LaneDir {
    path: PathBuf,
    clock: File,
}

/// What is said of the lanes in it.
#[derive(Debug)]
pub struct Manifest {
    /// The part's final name.
    pub part: PathBuf,
    /// Whether the system was started anew since: what was written last may be lost.
    pub is_of_another_boot: bool,
    /// Whether entries are stamped.
    pub stamped: bool,
    /// What is to be done where the part's name is taken.
    pub if_exists: IfExists,
    lines: Vec<String>,
}

impl LaneDir {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its name: beside the part, or in `base`.
    pub fn path_of(part: &Path, base: Option<&Path>) -> PathBuf {
        let mut name = match base {
            Some(base) => base.join(part.file_name().unwrap_or_default()).into_os_string(),
            None => part.as_os_str().to_owned(),
        };
        name.push(".lanes");
        name.into()
    }

    /// Creates it, which must not exist.
    pub fn create(
        path: &Path,
        part: &Path,
        layout: &RecordLayout,
        stamped: bool,
        if_exists: IfExists,
    ) -> Result<Self> {
        let failed = |e: io::Error| Error::io(&e, format!("creating lanes \"{}\"", path.display()));
        let part = std::path::absolute(part).map_err(failed)?;
        // Under another name until it is whole.
        let mut growing = path.as_os_str().to_owned();
        growing.push(".tmp");
        let growing = PathBuf::from(growing);
        let _ = fs::remove_dir_all(&growing);
        fs::create_dir_all(&growing).map_err(failed)?;
        fs::write(growing.join(MANIFEST), manifest(&part, layout, stamped, if_exists)).map_err(failed)?;
        File::create_new(growing.join(CLOCK)).map_err(failed)?;
        fs::rename(&growing, path).map_err(failed)?;
        LaneDir::open(path)
    }

    /// Opens what another process left.
    pub fn open(path: &Path) -> Result<Self> {
        let clock =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path.join(CLOCK));
        let clock = clock.map_err(|e| Error::io(&e, format!("opening lanes \"{}\"", path.display())))?;
        Ok(LaneDir { path: path.to_owned(), clock })
    }

    /// What is said of the lanes. None: there are none; what was left of their removal is gone.
    pub fn manifest(path: &Path) -> Result<Option<Manifest>> {
        let failed = |e: io::Error| Error::io(&e, format!("reading lanes \"{}\"", path.display()));
        match fs::read(path.join(MANIFEST)) {
            Ok(bytes) => match Manifest::read(&bytes) {
                Some(manifest) => Ok(Some(manifest)),
                None => Err(corrupt(path, "its manifest is none of this version")),
            },
            // It came with the directory, and is the last to go.
            Err(e) if e.kind() == io::ErrorKind::NotFound && path.exists() => {
                fs::remove_dir(path).map(|()| None).map_err(failed)
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(failed(e)),
        }
    }

    /// Says that what comes now is of this boot.
    pub fn renew(&self, manifest: &Manifest, layout: &RecordLayout) -> Result<()> {
        let (new, named) = (self.path.join("manifest.tmp"), self.path.join(MANIFEST));
        let Manifest { part, stamped, if_exists, .. } = manifest;
        fs::write(&new, self::manifest(part, layout, *stamped, *if_exists))
            .and_then(|()| fs::rename(&new, &named))
            .map_err(|e| Error::io(&e, format!("writing \"{}\"", named.display())))
    }

    /// The lanes in it.
    pub fn lanes(&self) -> Result<Vec<u32>> {
        let failed = |e: io::Error| Error::io(&e, format!("reading lanes \"{}\"", self.path.display()));
        let mut lanes = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            lanes.extend(name.to_str().and_then(|name| name.strip_prefix("lane-")?.parse::<u32>().ok()));
        }
        lanes.sort_unstable();
        Ok(lanes)
    }

    fn lane_path(&self, producer: u32) -> PathBuf {
        self.path.join(format!("lane-{producer}"))
    }

    /// Creates a lane's file.
    pub fn create_lane(&self, producer: u32, ring: usize) -> Result<Mapping> {
        let path = self.lane_path(producer);
        let file = File::options().read(true).write(true).create_new(true).open(&path);
        let mapping = file.and_then(|file| Mapping::create(file, size_of::<Control>(), ring));
        mapping.map_err(|e| {
            let _ = fs::remove_file(&path);
            Error::io(&e, format!("creating lane \"{}\"", path.display()))
        })
    }

    /// Opens a lane's file. None, and the file is gone: it was not whole, so no record ever was in it.
    pub fn open_lane(&self, producer: u32) -> Result<Option<Mapping>> {
        let path = self.lane_path(producer);
        let file = File::options().read(true).write(true).open(&path);
        match file.and_then(|file| Mapping::open(file, size_of::<Control>())) {
            Ok(mapping) => Ok(Some(mapping)),
            Err(e) if e.kind() == io::ErrorKind::InvalidData => self.remove_lane(producer).map(|()| None),
            Err(e) => Err(Error::io(&e, format!("opening lane \"{}\"", path.display()))),
        }
    }

    /// Removes a lane's file: all that was in it is safe elsewhere.
    pub fn remove_lane(&self, producer: u32) -> Result<()> {
        let path = self.lane_path(producer);
        fs::remove_file(&path).map_err(|e| Error::io(&e, format!("removing lane \"{}\"", path.display())))
    }

    /// Keeps what another process needs to read stamps, should the system be started anew.
    pub fn keep_clock(&self, clock: &Clock) -> Result<()> {
        self.clock
            .write_all_at(&clock.to_bytes(), 0)
            .map_err(|e| Error::io(&e, format!("writing the clock of lanes \"{}\"", self.path.display())))
    }

    /// The clock that was kept.
    pub fn kept_clock(&self) -> Option<Clock> {
        let mut bytes = [0; 24];
        self.clock.read_exact_at(&mut bytes, 0).ok()?;
        Some(Clock::from_bytes(bytes))
    }

    /// Removes it all: the part is published.
    pub fn remove(self) -> Result<()> {
        let lanes = self.lanes()?;
        lanes.into_iter().try_for_each(|producer| self.remove_lane(producer))?;
        [CLOCK, MANIFEST]
            .iter()
            .try_for_each(|name| fs::remove_file(self.path.join(name)))
            .and_then(|()| fs::remove_dir(&self.path))
            .map_err(|e| Error::io(&e, format!("removing lanes \"{}\"", self.path.display())))
    }
}

fn corrupt(path: &Path, what: &str) -> Error {
    Error::new(ErrorClass::Corrupt, format!("lanes \"{}\": {what}", path.display()))
}

/// Another one each time the system starts.
fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// The layout in lines of words; names and types of its fields are those of the part's schema.
fn manifest(part: &Path, layout: &RecordLayout, stamped: bool, if_exists: IfExists) -> Vec<u8> {
    let (boot, replace, size) = (boot_id(), if_exists == IfExists::Replace, layout.size());
    let mut text = format!("{VERSION}\nboot {boot}\nstamped {stamped}\nreplace {replace}\nsize {size}\n");
    for field in layout.fields() {
        let source = match field.source {
            Source::Record { offset, width } => format!("record {offset} {width}"),
            Source::Payload { length_at } => format!("payload {length_at} 0"),
            Source::Time => "time 0 0".to_owned(),
            Source::Producer => "producer 0 0".to_owned(),
            Source::Sequence => "sequence 0 0".to_owned(),
        };
        let nulls = match field.nulls {
            Nulls::Never => "never 0".to_owned(),
            Nulls::Sentinel(value) => format!("sentinel {value}"),
            Nulls::Bit(bit) => format!("bit {bit}"),
        };
        let _ = writeln!(text, "field {source} {nulls}");
    }
    let _ = writeln!(text, "rest {}\npart", layout.has_rest());
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(part.as_os_str().as_bytes());
    bytes
}

impl Manifest {
    fn read(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(6).position(|six| six == b"\npart\n")?;
        let part = PathBuf::from(std::ffi::OsString::from_vec(bytes[end + 6..].to_vec()));
        let mut lines = std::str::from_utf8(&bytes[..end]).ok()?.lines().map(str::to_owned);
        if lines.next()? != VERSION {
            return None;
        }
        let booted = lines.next()?.strip_prefix("boot ")?.to_owned();
        let stamped = lines.next()?.strip_prefix("stamped ")?.parse().ok()?;
        let if_exists = match lines.next()?.strip_prefix("replace ")?.parse().ok()? {
            true => IfExists::Replace,
            false => IfExists::Fail,
        };
        let is_of_another_boot = booted != boot_id() || booted.is_empty();
        Some(Manifest { part, is_of_another_boot, stamped, if_exists, lines: lines.collect() })
    }

    /// The layout, of a part with this schema.
    pub fn layout(&self, schema: &Schema) -> Result<RecordLayout> {
        let layout =
            self.parse(schema).ok_or_else(|| corrupt(&self.part, "its manifest does not fit the part"))?;
        let (size, fields, rest) = layout;
        RecordLayout::new(size, fields, rest)
    }

    fn parse(&self, schema: &Schema) -> Option<(usize, Vec<RecordField>, Option<String>)> {
        let (mut size, mut rest) = (0, None);
        let mut columns = schema.fields().iter();
        let mut fields = Vec::new();
        for line in &self.lines {
            let words: Vec<_> = line.split(' ').collect();
            match words[..] {
                ["size", value] => size = value.parse().ok()?,
                ["field", source, a, b, nulls, value] => {
                    let (a, b) = (a.parse().ok()?, b.parse().ok()?);
                    let source = match source {
                        "record" => Source::Record { offset: a, width: b },
                        "payload" => Source::Payload { length_at: a },
                        "time" => Source::Time,
                        "producer" => Source::Producer,
                        "sequence" => Source::Sequence,
                        _ => return None,
                    };
                    let nulls = match nulls {
                        "never" => Nulls::Never,
                        "sentinel" => Nulls::Sentinel(value.parse().ok()?),
                        "bit" => Nulls::Bit(value.parse().ok()?),
                        _ => return None,
                    };
                    fields.push(RecordField { column: columns.next()?.as_ref().clone(), source, nulls });
                }
                ["rest", "true"] => rest = Some(columns.next()?.name().clone()),
                ["rest", "false"] => {}
                _ => return None,
            }
        }
        columns.next().is_none().then_some((size, fields, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_schema::{DataType, Field};

    #[test]
    fn a_layout_goes_through_its_manifest() {
        let directory = tempfile::tempdir().unwrap();
        let field = |name: &str, data_type, source, nulls| RecordField {
            column: Field::new(name, data_type, false),
            source,
            nulls,
        };
        let fields = vec![
            Source::Sequence.stamp("sequence").unwrap(),
            field(
                "a b\n",
                DataType::Int64,
                Source::Record { offset: 8, width: 8 },
                Nulls::Sentinel(u64::MAX),
            ),
            field("c", DataType::Utf8, Source::Payload { length_at: 4 }, Nulls::Bit(3)),
            Source::Time.stamp("time").unwrap(),
            Source::Producer.stamp("producer").unwrap(),
        ];
        let layout = RecordLayout::new(16, fields, Some("rest".to_owned())).unwrap();
        let path = LaneDir::path_of(&directory.path().join("a\nb.parquet"), None);
        let lanes =
            LaneDir::create(&path, &directory.path().join("a\nb.parquet"), &layout, true, IfExists::Replace)
                .unwrap();
        let manifest = LaneDir::manifest(&path).unwrap().unwrap();
        assert_eq!(manifest.part, directory.path().join("a\nb.parquet"));
        assert!(manifest.stamped && manifest.if_exists == IfExists::Replace);
        assert!(manifest.layout(layout.schema()).unwrap().is_like(&layout));
        assert!(lanes.kept_clock().is_none());
        drop(lanes.create_lane(3, 4096).unwrap());
        assert_eq!(lanes.lanes().unwrap(), [3]);
        assert!(lanes.open_lane(3).unwrap().is_some());
        fs::write(path.join("lane-4"), b"torn").unwrap();
        assert!(lanes.open_lane(4).unwrap().is_none());
        assert_eq!(lanes.lanes().unwrap(), [3]);
        lanes.remove().unwrap();
        assert!(!path.exists());
    }
}
