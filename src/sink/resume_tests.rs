//! What goes on where another process stopped.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampNanosecondType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::clock::Clock;
use super::{Lanes, Offer, ProducerOptions, RecordLayout, Sink, SinkOptions, Source};
use crate::writer::WriterOptions;

const HOUR: Duration = Duration::from_secs(3600);

fn times(part: &Path) -> Vec<i64> {
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(File::open(part).unwrap()).unwrap().build().unwrap();
    reader
        .flat_map(|batch| batch.unwrap()["time"].as_primitive::<TimestampNanosecondType>().values().to_vec())
        .collect()
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
        }
    }
}

/// What the first process measured of the clocks, the second does not know: it must not stamp a record of the same
/// producer earlier.
#[test]
fn times_do_not_fall_where_a_lane_is_gone_on_with() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("part.parquet");
    let fields = Source::Time.stamp("time").into_iter().collect();
    let layout = RecordLayout::new(8, fields, None).unwrap();
    let options = SinkOptions { lanes: Lanes::Files { directory: None }, ..SinkOptions::default() };
    let writer = WriterOptions::default();
    let sink = Sink::open_at(&path, &layout, &writer, &options, Clock::ahead(HOUR)).unwrap();
    let mut producer = sink.producer(ProducerOptions::default()).unwrap();
    let mut offer = |records: usize| {
        (0..records).for_each(|_| assert_eq!(producer.try_record(&[1; 8]), Offer::Accepted));
    };
    offer(10);
    sink.flush().unwrap();
    // A lane in a file is given back what is in the part's journal.
    while sink.stats().counts.used_bytes > 0 {
        std::thread::yield_now();
    }
    offer(10);
    // What a process leaves that is killed here: the last ten are in the lane, but in no row group.
    let left = tempfile::tempdir().unwrap();
    copy(directory.path(), left.path());
    drop(sink);

    let path = left.path().join("part.parquet");
    let sink = Sink::open(&path, &layout, &writer, &options).unwrap();
    assert_eq!(sink.close().unwrap().counts.accepted, 20);
    let times = times(&path);
    assert_eq!(times.len(), 20);
    assert!(times.is_sorted() && times[0] < times[9], "{times:?}");
    assert_eq!(times[9..], [times[9]; 11], "the clock that is right is an hour behind");
}
