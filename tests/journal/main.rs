//! The journal: a part that was cut short holds, once it is finished, just the rows that it promised.
#![allow(clippy::unwrap_used)]

mod rows;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_schema::{DataType, Field};
use bytes::Bytes;
use flow::error::ErrorClass;
use flow::format::{LeafSlice, StatisticsLevel};
use flow::recover::{Recovered, recover, unfinished};
use flow::schema::Schema;
use flow::storage::{IfExists, Sync, SyncEvery};
use flow::writer::{Writer, WriterOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataOptions, ParquetMetaDataReader};

use rows::{beside, check, frames, names, note, noted, options, resume, rows, schema};

fn class<T>(result: flow::error::Result<T>) -> ErrorClass {
    result.map(|_| ()).unwrap_err().class()
}

fn wait_kept(writer: &Writer, notes: u64) {
    while writer.notes_kept() < notes {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Two parts hold the same bytes up to their footers, and these say the same. The first, which was read back, lacks
/// what the format calls deprecated: `min` and `max` beside `min_value` and `max_value`.
fn assert_same(a: &Path, b: &Path) {
    let read = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        let options = ParquetMetaDataOptions::new().with_encoding_stats_as_mask(false);
        let metadata = ParquetMetaDataReader::new()
            .with_page_index_policy(PageIndexPolicy::Required)
            .with_metadata_options(Some(options))
            .parse_and_finish(&Bytes::from(bytes.clone()))
            .unwrap();
        let footer = u32::from_le_bytes(bytes[bytes.len() - 8..][..4].try_into().unwrap()) as usize;
        (bytes[..bytes.len() - 8 - footer].to_vec(), format!("{metadata:#?}"))
    };
    let ((a, of_a), (b, of_b)) = (read(a), read(b));
    assert!(a == b);
    assert_eq!(of_a, of_b);
}

/// Leaves a part for tests/readback to read.
fn leave(name: &str, part: &Path) {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("journal");
    fs::create_dir_all(&directory).unwrap();
    fs::copy(part, directory.join(format!("{name}.parquet"))).unwrap();
}

/// Three row groups of 250 rows, noted or not, as a crash leaves them, and what a close makes of them.
fn cut_short(directory: &Path, with_notes: bool) -> (PathBuf, Vec<u8>) {
    let path = directory.join("a");
    let mut writer = Writer::open(&path, &schema(), &options()).unwrap();
    for group in 0..3 {
        writer.append_batch(&rows(group * 250, 250)).unwrap();
        match with_notes {
            true => note(&mut writer, (group + 1) * 250),
            false => writer.flush().unwrap(),
        }
    }
    // Of a header, and entries; each row group's comes at once.
    while frames(&path).len() < if with_notes { 7 } else { 4 } {
        thread::sleep(Duration::from_millis(1));
    }
    let left = ["tmp", "journal"].map(|suffix| (suffix, fs::read(beside(&path, suffix)).unwrap()));
    writer.close().unwrap();
    let closed = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    left.iter().for_each(|(suffix, bytes)| fs::write(beside(&path, suffix), bytes).unwrap());
    (path, closed)
}

#[test]
fn a_recovered_part_is_the_one_that_a_close_would_have_made() {
    for with_notes in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let (path, closed) = cut_short(directory.path(), with_notes);
        assert_eq!(unfinished(directory.path()).unwrap(), std::slice::from_ref(&path));
        let Recovered { part, cut } = recover(&path).unwrap().unwrap();
        assert_eq!((part.rows, part.row_groups, cut), (750, 3, 0));
        assert_eq!(check(&path), 750);
        let whole = directory.path().join("whole");
        fs::write(&whole, closed).unwrap();
        assert_same(&path, &whole);
        leave("recovered", &path);
        fs::remove_file(whole).unwrap();
        assert_eq!(names(directory.path()), ["a"]);
        assert_eq!(recover(&path).unwrap(), None);
    }
}

#[test]
fn a_part_is_the_same_with_and_without_a_journal() {
    let directory = tempfile::tempdir().unwrap();
    let written = |journal| {
        let path = directory.path().join(format!("{journal}"));
        let mut writer = Writer::open(&path, &schema(), &WriterOptions { journal, ..options() }).unwrap();
        writer.append_batch(&rows(0, 1000)).unwrap();
        writer.close().unwrap();
        fs::read(path).unwrap()
    };
    assert!(written(false) == written(true));
    assert_eq!(names(directory.path()), ["false", "true"]);
}

#[test]
fn a_resumed_part_is_the_one_that_was_never_cut_short() {
    for with_notes in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let (path, _) = cut_short(directory.path(), with_notes);
        let (mut writer, last) = resume(&path).unwrap();
        assert_eq!(noted(last), if with_notes { 750 } else { 0 });
        writer.append_batch(&rows(750, 250)).unwrap();
        writer.close().unwrap();
        assert_eq!(names(directory.path()), ["a"]);
        let whole = directory.path().join("whole");
        let mut writer = Writer::open(&whole, &schema(), &options()).unwrap();
        for group in 0..4 {
            writer.append_batch(&rows(group * 250, 250)).unwrap();
            writer.flush().unwrap();
        }
        writer.close().unwrap();
        assert_eq!(check(&path), 1000);
        assert_same(&path, &whole);
        leave("resumed", &path);
    }
}

#[test]
fn a_torn_journal_is_good_up_to_its_last_whole_entry_at_every_length() {
    for with_notes in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let (path, _) = cut_short(directory.path(), with_notes);
        let left = ["tmp", "journal"].map(|suffix| fs::read(beside(&path, suffix)).unwrap());
        let ends = frames(&path);
        let step = if with_notes { 2 } else { 1 };
        for length in 0..left[1].len() {
            fs::write(beside(&path, "tmp"), &left[0]).unwrap();
            fs::write(beside(&path, "journal"), &left[1][..length]).unwrap();
            if length < ends[0] {
                assert_eq!(class(Writer::resume(&path, &schema(), &options())), ErrorClass::Corrupt);
                assert_eq!(class(recover(&path)), ErrorClass::Corrupt);
                continue;
            }
            let entries = ends.iter().filter(|&&end| end <= length).count() - 1;
            // Without a note yet, rows are good as they come.
            let groups = if with_notes && entries == 1 { 1 } else { entries / step };
            let (mut writer, last) = resume(&path).unwrap();
            assert_eq!(
                noted(last),
                if with_notes { (entries / 2 * 250) as u64 } else { 0 },
                "{length} bytes"
            );
            if length % 16 > 0 {
                drop(writer);
                assert_eq!(
                    fs::read(beside(&path, "journal")).unwrap().len(),
                    match groups {
                        0 => ends[0],
                        groups => ends[if with_notes && entries == 1 { 1 } else { groups * step }],
                    }
                );
                continue;
            }
            writer.append_batch(&rows(groups as u64 * 250, 10)).unwrap();
            writer.close().unwrap();
            assert_eq!(check(&path), groups as u64 * 250 + 10, "{length} bytes");
            fs::remove_file(&path).unwrap();
        }
    }
}

#[test]
fn rows_after_the_last_note_are_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    let mut writer = Writer::open(&path, &schema(), &options()).unwrap();
    note(&mut writer, 0);
    writer.append_batch(&rows(0, 100)).unwrap();
    writer.flush().unwrap();
    writer.append_batch(&rows(100, 50)).unwrap();
    note(&mut writer, 150);
    writer.append_batch(&rows(150, 100)).unwrap();
    writer.flush().unwrap();
    // Header, note, two row groups, note, row group.
    while frames(&path).len() < 6 {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(writer.notes_kept(), 2);
    drop(writer);
    let Recovered { part, cut } = recover(&path).unwrap().unwrap();
    assert_eq!((part.rows, part.row_groups), (150, 2));
    assert!(cut > 0);
    assert_eq!(check(&path), 150);
}

#[test]
fn a_note_without_rows_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    let mut writer = Writer::open(&path, &schema(), &options()).unwrap();
    note(&mut writer, 7);
    wait_kept(&writer, 1);
    drop(writer);
    let (mut writer, last) = resume(&path).unwrap();
    assert_eq!(noted(last), 7);
    assert_eq!(writer.notes_kept(), 0);
    writer.append_batch(&rows(0, 3)).unwrap();
    writer.close().unwrap();
    assert_eq!(check(&path), 3);
}

#[test]
fn notes_need_a_journal() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    let without = WriterOptions { journal: false, ..options() };
    let mut writer = Writer::open(&path, &schema(), &without).unwrap();
    assert_eq!(class(writer.flush_noted(Vec::new())), ErrorClass::InvalidArgument);
    writer.append_batch(&rows(0, 1)).unwrap();
    drop(writer);
    assert_eq!(names(directory.path()), [""; 0]);
}

#[test]
fn notes_are_kept_once_they_are_on_disk() {
    for every in [
        SyncEvery { bytes: None, interval: Some(Duration::from_millis(1)) },
        SyncEvery { bytes: Some(1), interval: None },
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let synced = WriterOptions { sync_every: every, ..options() };
        let mut writer = Writer::open(&path, &schema(), &synced).unwrap();
        for n in 1..=20 {
            writer.append_batch(&rows(n - 1, 1)).unwrap();
            note(&mut writer, n);
            // After the last bytes of the part, too, nothing but the note is left to write.
            wait_kept(&writer, n);
        }
        drop(writer);
        let (mut writer, last) = Writer::resume(&path, &schema(), &synced).unwrap().unwrap();
        assert_eq!(noted(last), 20);
        writer.append_batch(&rows(20, 1)).unwrap();
        note(&mut writer, 21);
        wait_kept(&writer, 1);
        writer.close().unwrap();
        assert_eq!(check(&path), 21);
    }
    // So long that none is.
    let directory = tempfile::tempdir().unwrap();
    let never = SyncEvery { bytes: Some(usize::MAX), interval: None };
    let synced = WriterOptions { sync_every: never, sync: Sync::OnClose, ..options() };
    let mut writer = Writer::open(&directory.path().join("a"), &schema(), &synced).unwrap();
    writer.append_batch(&rows(0, 1)).unwrap();
    note(&mut writer, 1);
    assert_eq!(writer.notes_kept(), 0);
    writer.close().unwrap();
    assert_eq!(writer.notes_kept(), 1);
}

#[test]
fn a_part_to_recover_is_in_nobodys_way_unseen() {
    let directory = tempfile::tempdir().unwrap();
    let (path, _) = cut_short(directory.path(), true);
    let before = names(directory.path());
    for if_exists in [IfExists::Fail, IfExists::Replace] {
        for journal in [false, true] {
            let options = WriterOptions { journal, if_exists, ..options() };
            let error = Writer::open(&path, &schema(), &options).map(|_| ()).unwrap_err();
            assert_eq!(error.class(), ErrorClass::Conflict);
            assert!(error.to_string().contains("flow recover"), "{error}");
            assert_eq!(names(directory.path()), before);
        }
    }
    let other = Schema::new(vec![Field::new("id", DataType::Int64, true)]).unwrap();
    let plain = WriterOptions { journal: true, ..WriterOptions::default() };
    assert_eq!(class(Writer::resume(&path, &other, &plain)), ErrorClass::SchemaMismatch);
    // Whoever resumes it has it for itself.
    let (writer, _) = resume(&path).unwrap();
    assert_eq!(class(Writer::resume(&path, &schema(), &options())), ErrorClass::Conflict);
    let error = Writer::open(&path, &schema(), &options()).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("another writer"), "{error}");
    assert_eq!(class(recover(&path)), ErrorClass::Conflict);
    drop(writer);
    // A part that came meanwhile is not replaced.
    fs::write(&path, b"theirs").unwrap();
    assert_eq!(class(recover(&path)), ErrorClass::Conflict);
    assert_eq!(fs::read(&path).unwrap(), b"theirs");
    fs::remove_file(&path).unwrap();
    assert_eq!(names(directory.path()), before);
    assert_eq!(recover(&path).unwrap().unwrap().part.rows, 750);
}

#[test]
fn a_part_that_was_to_replace_another_does_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    fs::write(&path, b"old").unwrap();
    let replace = WriterOptions { if_exists: IfExists::Replace, ..options() };
    let mut writer = Writer::open(&path, &schema(), &replace).unwrap();
    writer.append_batch(&rows(0, 10)).unwrap();
    note(&mut writer, 10);
    wait_kept(&writer, 1);
    drop(writer);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(recover(&path).unwrap().unwrap().part.rows, 10);
    assert_eq!(check(&path), 10);
}

#[test]
fn a_journal_that_outlived_its_part_goes() {
    let directory = tempfile::tempdir().unwrap();
    let (path, closed) = cut_short(directory.path(), true);
    fs::remove_file(beside(&path, "tmp")).unwrap();
    let journal = fs::read(beside(&path, "journal")).unwrap();
    assert_eq!(class(recover(&path)), ErrorClass::NotFound);
    assert_eq!(class(Writer::resume(&path, &schema(), &options())), ErrorClass::NotFound);
    assert_eq!(class(Writer::open(&path, &schema(), &options())), ErrorClass::Conflict);
    assert_eq!(names(directory.path()), ["a.journal"]);
    // The crash came between the rename and the journal's removal.
    fs::write(&path, &closed).unwrap();
    assert_eq!(recover(&path).unwrap(), None);
    assert_eq!(names(directory.path()), ["a"]);
    fs::write(beside(&path, "journal"), journal).unwrap();
    assert!(resume(&path).is_none());
    assert_eq!(names(directory.path()), ["a"]);
    assert!(fs::read(&path).unwrap() == closed);
    // It came before the header was written.
    let path = directory.path().join("b");
    ["tmp", "journal"].iter().for_each(|suffix| fs::write(beside(&path, suffix), b"").unwrap());
    assert!(resume(&path).is_none());
    assert_eq!(names(directory.path()), ["a"]);
}

/// Makes a journal one of before the system was started.
fn change_boot_id(path: &Path) {
    let journal = beside(path, "journal");
    let (mut bytes, header) = (fs::read(&journal).unwrap(), frames(path)[0]);
    bytes[16..52].fill(b'0');
    let mut crc = flate2::Crc::new();
    crc.update(&bytes[8..header]);
    bytes[4..8].copy_from_slice(&crc.sum().to_le_bytes());
    fs::write(journal, bytes).unwrap();
}

#[test]
fn after_a_power_cut_a_part_is_good_up_to_its_first_broken_byte() {
    for with_notes in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let (path, _) = cut_short(directory.path(), with_notes);
        change_boot_id(&path);
        let left = ["tmp", "journal"].map(|suffix| fs::read(beside(&path, suffix)).unwrap());
        // The part's length after each row group.
        let starts = frames(&path);
        let length = |at: usize| u64::from_le_bytes(left[1][at + 8..at + 16].try_into().unwrap()) as usize;
        let step = if with_notes { 2 } else { 1 };
        let groups: Vec<_> = starts[..starts.len() - 1].iter().step_by(step).map(|&at| length(at)).collect();
        assert_eq!(groups[2], left[0].len());
        for (at, groups) in
            [(0, 0), (groups[0] - 1, 0), (groups[0], 1), (groups[1] - 1, 1), (groups[2] - 1, 2)]
        {
            let mut part = left[0].clone();
            part[at] ^= 1;
            fs::write(beside(&path, "tmp"), &part).unwrap();
            fs::write(beside(&path, "journal"), &left[1]).unwrap();
            let recovered = recover(&path).unwrap().unwrap();
            assert_eq!(recovered.part.row_groups, groups, "byte {at}");
            assert_eq!(check(&path), groups * 250);
            fs::remove_file(&path).unwrap();
        }
        for cut in [0, 3, 100, groups[1] - 1] {
            fs::write(beside(&path, "tmp"), &left[0][..cut]).unwrap();
            fs::write(beside(&path, "journal"), &left[1]).unwrap();
            let recovered = recover(&path).unwrap().unwrap();
            assert_eq!(recovered.part.row_groups, if cut > 100 { 1 } else { 0 }, "{cut} bytes");
            check(&path);
            fs::remove_file(&path).unwrap();
        }
        fs::write(beside(&path, "tmp"), &left[0]).unwrap();
        fs::write(beside(&path, "journal"), &left[1]).unwrap();
        assert_eq!(recover(&path).unwrap().unwrap().part.rows, 750);
    }
}

#[test]
fn row_groups_by_levels_are_recovered_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    let message = Schema::from_message("message m { required int64 a; }").unwrap();
    let mut options = WriterOptions { journal: true, ..WriterOptions::default() };
    // Then there is no column index.
    options.parquet.statistics = StatisticsLevel::None;
    let values: Vec<u8> = (0..100i64).flat_map(i64::to_le_bytes).collect();
    let slice = LeafSlice {
        values: &values,
        offsets: None,
        value_count: 100,
        definition_levels: None,
        repetition_levels: None,
    };
    let mut writer = Writer::open(&path, &message, &options).unwrap();
    writer.write_row_group(100, &[slice]).unwrap();
    note(&mut writer, 100);
    wait_kept(&writer, 1);
    drop(writer);
    let (mut writer, last) = Writer::resume(&path, &message, &options).unwrap().unwrap();
    assert_eq!(noted(last), 100);
    writer.write_row_group(100, &[slice]).unwrap();
    let part = writer.close().unwrap();
    assert_eq!((part.rows, part.row_groups), (200, 2));
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(path).unwrap()).unwrap();
    let read = reader.build().unwrap().map(|batch| batch.unwrap());
    let read: Vec<i64> =
        read.flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
    assert!(read.into_iter().eq((0..100).chain(0..100)));
}
