//! What goes on where another process stopped.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampNanosecondType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::clock::Clock;
use super::drain::Lane;
use super::entry::{Form, Staging};
use super::gaps::Progress;
use super::lane_tests::new_lane;
use super::{Lanes, Offer, ProducerOptions, RecordLayout, Sink, SinkOptions, Source};
use crate::columns::Values;
use crate::writer::WriterOptions;

const HOUR: Duration = Duration::from_secs(3600);

/// Eight bytes, of which nothing but the capture time is kept.
fn layout() -> RecordLayout {
    RecordLayout::new(8, Source::Time.stamp("time").into_iter().collect(), None).unwrap()
}

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

/// The clock of the second process is an hour behind: it was set meanwhile, and is followed.
#[test]
fn a_clock_that_was_set_is_followed_where_a_lane_is_gone_on_with() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("part.parquet");
    let layout = layout();
    let options = SinkOptions { lanes: Lanes::Files { directory: None }, ..SinkOptions::default() };
    let writer = WriterOptions::default();
    let sink = Sink::open_by(&path, &layout, &writer, &options, || Clock::ahead(HOUR)).unwrap();
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
    assert!(times[..10].is_sorted() && times[10..].is_sorted(), "{times:?}");
    let back = times[9] - times[10];
    assert!((HOUR.as_nanos() as i64 - back).abs() < 60_000_000_000, "{times:?}");
}

/// What another process measured of the clocks is not known: what is a little behind what that one stamped is not.
#[test]
fn times_do_not_fall_where_clocks_are_measured_anew() {
    let layout = layout();
    let (form, clock) = (Form::new(&layout, true), Clock::start());
    let ticks = [1_000_000_000_000, 1_000_000_000_001, 2_000_000_000_000];
    let utc_ns = ticks.map(|ticks| clock.utc_ns(ticks));
    let entries: Vec<u8> =
        ticks.iter().flat_map(|ticks: &u64| [ticks.to_le_bytes(), [0; 8]].concat()).collect();
    let stamped = |time: i64| {
        let (_, reader) = new_lane(4096, form.entries().stride);
        let of_lane = Lane::new(0, reader, Progress { time, ..Progress::default() });
        let mut staging = Staging::new(&layout, form);
        let (slices, last) = staging.slices_of(&entries, of_lane.origin(&clock));
        let Values::Fixed { bytes, .. } = slices[0].values else { panic!() };
        let times: Vec<_> = bytes.as_chunks().0.iter().map(|le| i64::from_le_bytes(*le)).collect();
        assert_eq!(last, times[2]);
        times
    };
    assert_eq!(stamped(0), utc_ns);
    let ahead = utc_ns[0] + 500_000;
    assert_eq!(stamped(ahead), [ahead, ahead, utc_ns[2]]);
    assert_eq!(stamped(utc_ns[0] + HOUR.as_nanos() as i64), utc_ns);
}
