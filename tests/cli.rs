//! The tool `flow`, run as a user runs it.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;

use arrow_schema::{DataType, Field, TimeUnit};
use flow::columns::{ColumnSlice, Validity, Values};
use flow::format::{BloomFilter, ColumnOptions, SortKey};
use flow::schema::Schema;
use flow::sink::{
    Lanes, Nulls, Offer, ProducerOptions, RecordField, RecordLayout, Sink, SinkOptions, Source,
};
use flow::writer::{Writer, WriterOptions};
use parquet::basic::Encoding;

/// One at a time: between its fork and its exec a process has the locks of the files that others have open.
static ONE: Mutex<()> = Mutex::new(());

fn flow(arguments: &[&str]) -> Output {
    let _one = ONE.lock();
    Command::new(env!("CARGO_BIN_EXE_flow")).args(arguments).output().unwrap()
}

fn stdout(arguments: &[&str]) -> String {
    let output = flow(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Three row groups of two rows, a page each: a timestamp in a named zone, a nullable text, an unsigned number
/// that has a bloom filter. They say that they are sorted.
fn part(directory: &Path) -> String {
    let path = directory.join("part.parquet");
    let zone = Some("America/New_York".into());
    let schema = Schema::new(vec![
        Field::new("time", DataType::Timestamp(TimeUnit::Nanosecond, zone), false),
        Field::new("text", DataType::Utf8, true),
        Field::new("number", DataType::UInt32, false),
    ])
    .unwrap();
    let mut options = WriterOptions::default();
    options.parquet.page_rows = 1;
    options.parquet.columns.push(ColumnOptions {
        path: "number".to_owned(),
        encoding: Some(Encoding::RLE_DICTIONARY),
        bloom_filter: Some(BloomFilter { fpp: 0.01, ndv: 2 }),
        ..ColumnOptions::default()
    });
    let key = "time".to_owned();
    options.parquet.sorting.push(SortKey { path: key, descending: false, nulls_first: true });
    let mut writer = Writer::open(&path, &schema, &options).unwrap();
    for group in 0..3u32 {
        let times: Vec<u8> = [0, 1_500_000_000i64].iter().flat_map(|t| t.to_le_bytes()).collect();
        let numbers: Vec<u8> = [group, u32::MAX].iter().flat_map(|n| n.to_le_bytes()).collect();
        let offsets: Vec<u8> = [0, 2, 4].iter().flat_map(|o: &i32| o.to_le_bytes()).collect();
        let text = Values::Offsets { offsets: &offsets, width: 4, bytes: b"abcd" };
        writer
            .append(&[
                ColumnSlice::fixed(&times, 8),
                ColumnSlice::new(text, 2).with_validity(Validity::Bitmap { bits: &[0b01], offset: 0 }),
                ColumnSlice::fixed(&numbers, 4),
            ])
            .unwrap();
        writer.flush().unwrap();
    }
    writer.close().unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn inspect_shows_schema_row_groups_and_metadata() {
    let directory = tempfile::tempdir().unwrap();
    let path = part(directory.path());
    let shown = stdout(&["inspect", &path]);
    for expected in [
        "6 rows, 3 columns, 3 row groups",
        "created by libflow",
        "timestamp[NANOS] UTC  required",
        "uint32                required",
        "String                nullable",
        "row group 0: 2 rows",
        ", sorted by time nulls first\n",
        "RLE_DICTIONARY       ZSTD       2",
        // Ratio, bloom filter, nulls, distinct values, least and greatest.
        "47 B      0         2  0",
        "… 1 more row group\n",
        "row group 2: 2 rows",
        "ZSTD",
        "4294967295",
        "\"ab\"",
        "libflow.version",
        // What was chosen by a sample: of a page of one value each.
        "encodings chosen by a sample; bytes a value\n",
        "time    DELTA_BINARY_PACKED       1         1   8.00",
    ] {
        assert!(shown.contains(expected), "no {expected:?} in\n{shown}");
    }
    assert!(!shown.contains("row group 1:") && !shown.contains("libflow.encodings"));
    assert!(stdout(&["inspect", &path, "--row-groups", "3"]).contains("row group 1:"));
}

#[test]
fn head_shows_the_first_rows() {
    let directory = tempfile::tempdir().unwrap();
    let path = part(directory.path());
    let shown = stdout(&["head", &path, "-n", "3"]);
    let row = "| 1970-01-01T00:00:01.500Z | ";
    assert!(shown.contains(row) && shown.contains("| ab   |") && shown.ends_with("3 of 6 rows\n"), "{shown}");
    assert!(stdout(&["head", &path, "-n", "0"]).ends_with("0 of 6 rows\n"));
}

#[test]
fn what_is_no_part_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let whole = part(directory.path());
    let cut = directory.path().join("cut.parquet");
    std::fs::write(&cut, &std::fs::read(whole).unwrap()[..100]).unwrap();
    for path in [cut.to_str().unwrap(), directory.path().to_str().unwrap(), "/nowhere"] {
        for command in ["inspect", "head"] {
            let output = flow(&[command, path]);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(1));
            assert!(said.starts_with("flow: ") && said.contains(path), "{said}");
        }
    }
}

#[test]
fn recover_finishes_what_was_cut_short_and_names_what_cannot_be() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    assert_eq!(stdout(&["recover", path]), "nothing to recover\n");
    let schema = Schema::new(vec![Field::new("a", DataType::UInt8, false)]).unwrap();
    let options = WriterOptions { journal: true, ..WriterOptions::default() };
    for name in ["whole.parquet", "taken.parquet"] {
        let mut writer = Writer::open(&directory.path().join(name), &schema, &options).unwrap();
        writer.append(&[ColumnSlice::fixed(&[7; 1234], 1)]).unwrap();
        writer.flush_noted(Vec::new()).unwrap();
        while writer.notes_kept() == 0 {
            std::thread::yield_now();
        }
    }
    let temporary = directory.path().join("whole.parquet.tmp");
    let mut torn = std::fs::read(&temporary).unwrap();
    torn.extend([0; 100]);
    std::fs::write(temporary, torn).unwrap();
    std::fs::write(directory.path().join("taken.parquet"), b"theirs").unwrap();
    let output = flow(&["recover", path]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.starts_with("flow: ") && said.contains("taken.parquet\" exists already"), "{said}");
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("whole.parquet  1,234           1"), "{shown}");
    assert!(shown.contains("  100 B\n") && !shown.contains("taken"), "{shown}");
    assert!(stdout(&["inspect", &format!("{path}/whole.parquet")]).contains("1,234 rows, 1 columns"));
    std::fs::remove_file(directory.path().join("taken.parquet")).unwrap();
    assert!(stdout(&["recover", path]).contains("taken.parquet  1,234"));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2);
}

/// Lanes that a sink left are drained into their part.
#[test]
fn recover_drains_lanes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let field = RecordField {
        column: Field::new("a", DataType::Int64, false),
        source: Source::Record { offset: 0, width: 8 },
        nulls: Nulls::Never,
    };
    let layout = RecordLayout::new(8, vec![field], None).unwrap();
    let options = SinkOptions { lanes: Lanes::Files { directory: None }, ..SinkOptions::default() };
    let part = directory.path().join("left.parquet");
    let sink = Sink::open(&part, &layout, &WriterOptions::default(), &options).unwrap();
    let mut producer = sink.producer(ProducerOptions::default()).unwrap();
    for i in 0..1234i64 {
        assert_eq!(producer.try_record(&i.to_le_bytes()), Offer::Accepted);
    }
    drop((sink, producer));
    assert!(!part.exists());
    assert!(stdout(&["recover", path]).contains("left.parquet  1,234"));
    assert!(stdout(&["head", &format!("{path}/left.parquet"), "-n", "1"]).ends_with("1 of 1,234 rows\n"));
    assert_eq!(stdout(&["recover", path]), "nothing to recover\n");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = part(directory.path());
    let _one = ONE.lock();
    let mut child = Command::new(env!("CARGO_BIN_EXE_flow"))
        .args(["inspect", &path])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}
