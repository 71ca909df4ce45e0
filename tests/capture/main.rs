//! Records from producers to rows: stamps, gaps, order, freshness, what is written in place.
#![allow(clippy::unwrap_used)]

mod table;

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arrow_array::Array as _;
use arrow_array::cast::AsArray;
use arrow_schema::{DataType, Field};
use flow::sink::{
    Idle, Lanes, Nulls, Offer, OrderBy, ProducerOptions, RecordField, RecordLayout, Sink, SinkOptions, Source,
};
use flow::writer::WriterOptions;
use table::{Row, batches, layout, metadata, offer, record, rows};

fn now_ns() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as i64
}

fn open(path: &std::path::Path, options: &SinkOptions) -> Sink {
    Sink::open(path, &layout(), &WriterOptions::default(), options).unwrap()
}

/// Lanes of a page, and bursts that are longer: whatever is missing is missing in the numbers, too.
#[test]
fn missing_numbers_are_the_dropped_records() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    let options = SinkOptions { lane_bytes: Some(4096), ..SinkOptions::default() };
    let sink = open(&path, &options);
    let start = now_ns();
    let threads: Vec<_> = (0..3i64)
        .map(|thread| {
            let mut producer = sink.producer(ProducerOptions::default()).unwrap();
            thread::spawn(move || {
                // More than a lane holds.
                let burst: Vec<u8> = (0..200i64).flat_map(|i| record(thread, i)).collect();
                let (first, offer) = producer.try_records(&burst);
                assert_eq!(offer, Offer::Full);
                let rest = (200..50_000i64).filter(|&i| match producer.try_record(&record(thread, i)) {
                    Offer::Accepted => true,
                    offer => {
                        assert_eq!(offer, Offer::Full);
                        false
                    }
                });
                let taken: Vec<_> = (0..first as i64).chain(rest).collect();
                (thread, taken)
            })
        })
        .collect();
    while threads.iter().any(|thread| !thread.is_finished()) {
        let stats = sink.stats();
        assert!(stats.counts.read <= stats.counts.accepted && stats.rows <= stats.counts.accepted);
        assert!(stats.counts.high_water_bytes <= 4096);
    }
    let taken: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let summary = sink.close().unwrap();
    let end = now_ns();
    assert_eq!((summary.counts.accepted + summary.counts.dropped, summary.producers), (150_000, 3));
    assert_eq!(
        summary.counts.dropped,
        taken.iter().map(|(_, taken)| 50_000 - taken.len() as u64).sum::<u64>()
    );

    let rows = rows(&path);
    for (thread, taken) in taken {
        let of: Vec<_> = rows.iter().filter(|row| row.a == thread).collect();
        assert_eq!(of.iter().map(|row| row.b).collect::<Vec<_>>(), taken);
        assert!(of.iter().all(|row| row.sequence == row.b as u64 && row.producer == of[0].producer));
        assert!(of.windows(2).all(|two| two[0].time <= two[1].time));
        // The clock is known to some microseconds; a machine may be set meanwhile, but not by a minute.
        let slack = 60_000_000_000;
        assert!(of.iter().all(|row| start - slack < row.time && row.time < end + slack));
        let told = format!(r#""accepted":{},"dropped":{}"#, taken.len(), 50_000 - taken.len());
        let gaps = metadata(&path, "libflow.gaps");
        assert!(gaps.contains(&told), "{told} is not in {gaps}");
        let first = taken.iter().zip(0..).position(|(&taken, i)| taken != i).unwrap_or(taken.len());
        assert!(gaps.contains(&format!(r#""first":{first},"#)), "{first} is not in {gaps}");
    }
    let clock = metadata(&path, "libflow.clock");
    assert!(clock.contains(r#""error_ns":"#), "{clock}");
}

/// Records come in the order of a field, though each producer's arrive in bursts.
#[test]
fn records_of_several_producers_are_ordered_within_the_window() {
    for by_field in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let field = by_field.then(|| "b".to_owned());
        let order = Some(OrderBy { field, window: Duration::from_secs(3600) });
        let sink = open(&path, &SinkOptions { order, ..SinkOptions::default() });
        let mut producers: Vec<_> =
            (0..3).map(|_| sink.producer(ProducerOptions::default()).unwrap()).collect();
        for i in 0..30_000i64 {
            let of = (i / 1000 % 3) as usize;
            offer(&mut producers[of], of as i64, i);
        }
        let stats = sink.stats();
        assert!(stats.late == 0 && stats.rows < 30_000, "what may still be preceded waits");
        assert_eq!(sink.close().unwrap().part.rows, 30_000);
        let rows = rows(&path);
        assert!(rows.iter().enumerate().all(|(i, row)| row.b == i as i64 && row.a == i as i64 / 1000 % 3));
        assert!(rows.windows(2).all(|two| two[0].time <= two[1].time));
    }
}

/// With a window that is over, nobody waits for a producer that is silent; what it gives later is late.
#[test]
fn a_silent_producer_holds_nobody_up_for_longer_than_the_window() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    let order = Some(OrderBy { field: Some("b".to_owned()), window: Duration::from_millis(5) });
    let sink = open(&path, &SinkOptions { order, ..SinkOptions::default() });
    let mut busy = sink.producer(ProducerOptions::default()).unwrap();
    let mut silent = sink.producer(ProducerOptions::default()).unwrap();
    (0..1000).for_each(|i| offer(&mut busy, 0, 2 * i));
    while sink.stats().rows < 1000 {
        thread::yield_now();
    }
    offer(&mut silent, 1, 1);
    while sink.stats().rows < 1001 {
        thread::yield_now();
    }
    assert_eq!(sink.stats().late, 1);
    sink.close().unwrap();
    assert_eq!(rows(&path).last().map(|row| (row.a, row.b)), Some((1, 1)));
}

/// However slow the feed, a record does not wait for its row group for longer than was asked for.
#[test]
fn row_groups_end_after_the_delay() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    let options = SinkOptions {
        max_delay: Some(Duration::from_millis(20)),
        idle: Idle::Yield,
        ..SinkOptions::default()
    };
    let sink = open(&path, &options);
    let mut producer = sink.producer(ProducerOptions::default()).unwrap();
    for i in 0..5 {
        offer(&mut producer, 0, i);
        while sink.stats().row_groups <= i as u64 {
            thread::yield_now(); // a test that hangs fails
        }
    }
    assert_eq!(sink.close().unwrap().part.row_groups, 5);
}

#[test]
fn a_flush_ends_the_row_group_of_what_was_offered_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    let sink = open(&path, &SinkOptions::default());
    let mut producer = sink.producer(ProducerOptions::default()).unwrap();
    for i in 0..3 {
        (0..10_000).for_each(|j| offer(&mut producer, i, j));
        sink.flush().unwrap();
        assert_eq!(sink.stats().rows, (i as u64 + 1) * 10_000);
    }
    let part = sink.close().unwrap().part;
    assert_eq!((part.rows, part.row_groups), (30_000, 3));
    assert_eq!(producer.try_record(&record(0, 0)), Offer::Refused(-10));
}

/// A producer may wait for room: with a drain that goes on it loses nothing, and waits are counted.
#[test]
fn a_producer_that_waits_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    let sink = open(&path, &SinkOptions { lane_bytes: Some(4096), ..SinkOptions::default() });
    let mut producer = sink.producer(ProducerOptions { wait: Duration::from_secs(600) }).unwrap();
    for i in 0..20_000 {
        assert_eq!(producer.try_record(&record(0, i)), Offer::Accepted);
    }
    let summary = sink.close().unwrap();
    assert_eq!((summary.counts.dropped, summary.part.rows), (0, 20_000));
    assert!(summary.counts.waits > 0 && summary.counts.waited_ns > 0);
}

#[test]
fn a_producer_whose_deadline_is_over_drops() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    // The order holds everything back, so nobody makes room.
    let order = Some(OrderBy { field: None, window: Duration::from_secs(3600) });
    let sink = open(&path, &SinkOptions { lane_bytes: Some(4096), order, ..SinkOptions::default() });
    let _silent = sink.producer(ProducerOptions::default()).unwrap();
    let mut producer = sink.producer(ProducerOptions { wait: Duration::from_millis(20) }).unwrap();
    let fitting = 4096 / 24;
    (0..fitting).for_each(|i| assert_eq!(producer.try_record(&record(0, i)), Offer::Accepted));
    let start = Instant::now();
    assert_eq!(producer.try_record(&record(0, 0)), Offer::Full);
    assert!(start.elapsed() >= Duration::from_millis(20));
    let summary = sink.close().unwrap();
    assert_eq!((summary.counts.dropped, summary.counts.waits), (1, 1));
    assert!(summary.counts.waited_ns >= 20_000_000);
}

/// In place, in bursts and one by one: all are rows, in their order.
#[test]
fn records_come_in_place_and_in_bursts() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    let sink =
        open(&path, &SinkOptions { lanes: Lanes::Memory { huge_pages: true }, ..SinkOptions::default() });
    let mut producer = sink.producer(ProducerOptions::default()).unwrap();
    let mut expected = Vec::new();
    assert_eq!(producer.commit(0), Offer::WrongShape, "nothing is reserved");
    for i in 0..1000 {
        let (place, _) = producer.reserve(0).unwrap();
        // SAFETY: room for a record.
        unsafe { place.cast::<[u8; 16]>().write_unaligned(record(1, i)) };
        if i % 3 == 0 {
            producer.abort();
            assert_eq!(producer.commit(0), Offer::WrongShape);
        } else {
            assert_eq!(producer.commit(0), Offer::Accepted);
            expected.push((1, i));
        }
        let burst: Vec<u8> = (0..i % 7).flat_map(|j| record(2, j)).collect();
        assert_eq!(producer.try_records(&burst), ((i % 7) as usize, Offer::Accepted));
        expected.extend((0..i % 7).map(|j| (2, j)));
    }
    assert_eq!(producer.reserve(1).unwrap_err(), Offer::WrongShape, "no payload");
    assert_eq!(producer.try_records(&[0; 17]), (0, Offer::WrongShape));
    sink.close().unwrap();
    let rows = rows(&path);
    assert_eq!(rows.iter().map(|row| (row.a, row.b)).collect::<Vec<_>>(), expected);
    assert!(rows.iter().enumerate().all(|(i, row)| row.sequence == i as u64));
}

#[test]
fn of_a_burst_that_does_not_fit_the_first_are_taken() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    let order = Some(OrderBy { field: None, window: Duration::from_secs(3600) });
    let sink = open(&path, &SinkOptions { lane_bytes: Some(4096), order, ..SinkOptions::default() });
    let _silent = sink.producer(ProducerOptions::default()).unwrap();
    let mut producer = sink.producer(ProducerOptions::default()).unwrap();
    let burst: Vec<u8> = (0..300).flat_map(|j| record(0, j)).collect();
    assert_eq!(producer.try_records(&burst), (4096 / 24, Offer::Full));
    let summary = sink.close().unwrap();
    assert_eq!((summary.counts.accepted, summary.counts.dropped), (4096 / 24, 300 - 4096 / 24));
    assert_eq!(rows(&path).iter().map(|row| row.b).collect::<Vec<_>>(), (0..4096 / 24).collect::<Vec<_>>());
}

/// A head, two texts and what is left: each is a column.
#[test]
fn a_payload_is_cut_into_columns() {
    let field = |name: &str, data_type, source, nulls| RecordField {
        column: Field::new(name, data_type, false),
        source,
        nulls,
    };
    let layout = RecordLayout::new(
        12,
        vec![
            field("symbol", DataType::Utf8, Source::Payload { length_at: 0 }, Nulls::Never),
            field("id", DataType::Int32, Source::Record { offset: 8, width: 4 }, Nulls::Never),
            field("note", DataType::Binary, Source::Payload { length_at: 4 }, Nulls::Bit(95)),
        ],
        Some("rest".to_owned()),
    )
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    let options = SinkOptions { max_payload: 1000, ..SinkOptions::default() };
    let sink = Sink::open(&path, &layout, &WriterOptions::default(), &options).unwrap();
    let mut producer = sink.producer(ProducerOptions::default()).unwrap();
    let head = |symbol: usize, note: usize, id: i32| {
        let mut head = [0; 12];
        head[..4].copy_from_slice(&(symbol as u32).to_le_bytes());
        head[4..8].copy_from_slice(&(note as u32).to_le_bytes());
        head[8..].copy_from_slice(&id.to_le_bytes());
        head
    };
    for i in 0..5000usize {
        let (symbol, note, rest) = ("ä".repeat(i % 20), vec![i as u8; i % 31], vec![7; i % 50]);
        let payload = [symbol.as_bytes(), &note, &rest].concat();
        // The sign bit of `id` says that there is a note.
        let id = if i % 2 == 0 { -(i as i32) - 1 } else { i as i32 };
        let head = head(symbol.len(), note.len(), id);
        if i % 3 == 0 {
            let (to_head, to_payload) = producer.reserve(1000).unwrap();
            // SAFETY: room for a head and 1,000 bytes.
            unsafe {
                to_head.copy_from_nonoverlapping(head.as_ptr(), 12);
                to_payload.copy_from_nonoverlapping(payload.as_ptr(), payload.len());
            }
            assert_eq!(producer.commit(1001), Offer::WrongShape, "more than was reserved");
            assert_eq!(producer.commit(payload.len()), Offer::Accepted);
        } else {
            assert_eq!(producer.try_record_payload(&head, &payload), Offer::Accepted);
        }
    }
    // What is not as long as its record says is cut, and counted; so is what is no text.
    assert_eq!(producer.try_record_payload(&head(10, 10, -1), b"abc"), Offer::Accepted);
    assert_eq!(producer.try_record_payload(&head(2, 0, 1), b"\xff\xff"), Offer::Accepted);
    assert_eq!(producer.try_record_payload(&head(0, 0, 1), &[0; 1001]), Offer::Oversized);
    let summary = sink.close().unwrap();
    assert_eq!((summary.replaced, summary.counts.oversized, summary.counts.dropped), (2, 1, 1));

    let mut i = 0usize;
    for batch in batches(&path) {
        let (symbols, notes) = (batch["symbol"].as_string::<i32>(), batch["note"].as_binary::<i32>());
        let rest = batch["rest"].as_binary::<i32>();
        for row in 0..batch.num_rows() {
            match i {
                5000 => assert_eq!((symbols.value(row), notes.value(row)), ("abc", &[][..])),
                5001 => assert_eq!(symbols.value(row), "\u{fffd}\u{fffd}"),
                _ => {
                    assert_eq!(symbols.value(row), "ä".repeat(i % 20));
                    assert_eq!(notes.is_null(row), i % 2 == 1);
                    if i.is_multiple_of(2) {
                        assert_eq!(notes.value(row), vec![i as u8; i % 31]);
                    }
                    assert_eq!(rest.value(row), vec![7; i % 50]);
                }
            }
            i += 1;
        }
    }
    assert_eq!(i, 5002);
}

/// Producers come and go while the sink runs; a thread that ends inside a record loses only that.
#[test]
fn a_thread_that_ends_inside_a_record_loses_only_that() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    let sink = open(&path, &SinkOptions::default());
    for i in 0..20 {
        let mut producer = sink.producer(ProducerOptions::default()).unwrap();
        let thread = thread::spawn(move || {
            (0..100).for_each(|j| offer(&mut producer, i, j));
            let (place, _) = producer.reserve(0).unwrap();
            // SAFETY: room for a record.
            unsafe { place.write(1) };
            panic!("the thread ends inside a record");
        });
        assert!(thread.join().is_err());
    }
    while sink.stats().open_producers > 0 {
        thread::yield_now();
    }
    let summary = sink.close().unwrap();
    assert_eq!((summary.producers, summary.counts.accepted, summary.counts.dropped), (20, 2000, 0));
    let rows: Vec<Row> = rows(&path);
    assert!((0..20).all(|i| rows.iter().filter(|row| row.a == i).map(|row| row.b).eq(0..100)));
}
