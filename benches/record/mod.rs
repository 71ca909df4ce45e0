//! The record path: `pf_try_record` through the C ABI against a push of the same struct into rtrb. On both
//! sides the struct lies in memory, one field written a moment ago, and the compiler knows nothing of it.

use std::hint::{black_box, spin_loop};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use flow::ffi::error::{PF_OK, pf_error};
use flow::ffi::layout::{pf_record_field, pf_record_layout_new};
use flow::ffi::schema::PF_TYPE_INT64;
use flow::ffi::sink::{pf_producer_open, pf_sink_close, pf_sink_free, pf_sink_open, pf_try_record};

use crate::{Row, alternate};

/// Records a burst: few enough for the lane to take them, many enough to drown the clock's cost.
const BURST: usize = 4096;
/// Records that either ring holds.
const CAPACITY: usize = 1 << 16;
const ROUNDS: usize = 1000;

#[derive(Clone, Copy)]
#[repr(C)]
struct Record {
    fields: [i64; 8],
}

pub fn rows() -> Vec<Row> {
    let record = Record { fields: [1, 2, 3, 4, 5, 6, 7, 8] };
    let mut ours = Ours::new();
    let mut theirs = Theirs::new();
    let (ours_ns, theirs_ns) = alternate(ROUNDS, || ours.burst(record), || theirs.burst(record));
    ours.close();
    theirs.close();
    vec![Row {
        group: "record".to_owned(),
        name: "pf_try_record, 64 bytes, warm".to_owned(),
        peer: "rtrb".to_owned(),
        ours: ours_ns,
        theirs: theirs_ns,
        unit: "ns/record",
        goal: "<= 1.5",
        limit: None,
    }]
}

/// Nanoseconds a record.
fn timed(mut push: impl FnMut(i64)) -> f64 {
    let start = Instant::now();
    for i in 0..BURST as i64 {
        push(i);
    }
    start.elapsed().as_nanos() as f64 / BURST as f64
}

/// A sink with eight int64 columns, drained, encoded and written while the bursts run.
struct Ours {
    sink: *mut flow::ffi::sink::pf_sink,
    producer: *mut flow::ffi::sink::pf_producer,
    _directory: tempfile::TempDir,
}

impl Ours {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = std::ffi::CString::new(directory.path().join("bench.parquet").to_str().unwrap()).unwrap();
        let names: Vec<_> = (0..8).map(|i| std::ffi::CString::new(format!("f{i}")).unwrap()).collect();
        let fields: Vec<_> = names
            .iter()
            .enumerate()
            .map(|(i, name)| pf_record_field {
                name: name.as_ptr(),
                r#type: PF_TYPE_INT64,
                offset: i as u32 * 8,
                width: 8,
                null_kind: 0,
                null_bit: 0,
                scale: 0,
                null_value: 0,
                timezone: ptr::null(),
                field_id: 0,
                reserved: 0,
            })
            .collect();
        let (mut layout, mut sink, mut producer) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        let mut error = pf_error::new();
        // SAFETY: every pointer is of a live local.
        let status = unsafe {
            pf_record_layout_new(
                64,
                fields.as_ptr(),
                8,
                size_of::<pf_record_field>() as u64,
                ptr::null(),
                &mut layout,
                &mut error,
            ) | pf_sink_open(path.as_ptr(), layout, ptr::null(), ptr::null(), &mut sink, &mut error)
                | pf_producer_open(sink, &mut producer, &mut error)
        };
        assert_eq!(status, PF_OK, "{}", error.message());
        Ours { sink, producer, _directory: directory }
    }

    fn burst(&mut self, mut record: Record) -> f64 {
        let ns = timed(|i| {
            record.fields[0] = i;
            let record: *const Record = black_box(&record);
            // SAFETY: the producer is open and the record is a local.
            let status = unsafe { pf_try_record(self.producer, record.cast(), 64) };
            assert_eq!(black_box(status), PF_OK, "record {i}");
        });
        settle();
        ns
    }

    fn close(&mut self) {
        let mut error = pf_error::new();
        // SAFETY: the sink is open.
        let status = unsafe { pf_sink_close(self.sink, ptr::null_mut(), &mut error) };
        assert_eq!(status, PF_OK, "{}", error.message());
        pf_sink_free(self.sink);
    }
}

/// A ring of the same capacity, emptied by a thread that pauses as our drain does.
struct Theirs {
    producer: rtrb::Producer<Record>,
    stop: Arc<AtomicBool>,
    seen: Arc<AtomicU64>,
    pushed: u64,
    consumer: Option<thread::JoinHandle<i64>>,
}

impl Theirs {
    fn new() -> Self {
        let (producer, mut consumer) = rtrb::RingBuffer::new(CAPACITY);
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, counted) = (stop.clone(), seen.clone());
        let consumer = thread::spawn(move || {
            let mut sum = 0;
            while !stopped.load(Ordering::Relaxed) {
                let records: Vec<Record> = std::iter::from_fn(|| consumer.pop().ok()).collect();
                counted.fetch_add(records.len() as u64, Ordering::Release);
                sum += records.iter().map(|r| r.fields[0]).sum::<i64>();
                thread::sleep(std::time::Duration::from_micros(100));
            }
            sum
        });
        Theirs { producer, stop, seen, pushed: 0, consumer: Some(consumer) }
    }

    fn burst(&mut self, mut record: Record) -> f64 {
        let ns = timed(|i| {
            record.fields[0] = i;
            assert!(black_box(self.producer.push(*black_box(&record)).is_ok()));
        });
        self.pushed += BURST as u64;
        while self.seen.load(Ordering::Acquire) < self.pushed {
            spin_loop();
        }
        settle();
        ns
    }

    fn close(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        black_box(self.consumer.take().unwrap().join().unwrap());
    }
}

/// Lets the consumers catch up: the rows compare the producers' cost, not full rings.
fn settle() {
    thread::sleep(std::time::Duration::from_millis(2));
}
