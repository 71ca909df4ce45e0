//! A capturing process that is killed, again and again: no record that it was told was taken is lost, none is there
//! twice, none is torn. FLOW_KILLS says how often; `make soak` does it 1,000 times.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::env;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt32Type, UInt64Type};
use arrow_schema::{DataType, Field};
use flow::sink::{
    Lanes, Nulls, Offer, ProducerOptions, RecordField, RecordLayout, Sink, SinkOptions, Source, recover,
};
use flow::writer::WriterOptions;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

const CHILD: &str = "FLOW_KILLED_SINK";
const THREADS: usize = 2;

/// Whose record, its number there, and bytes of it in the payload that its number tells.
fn layout() -> RecordLayout {
    let number = |name, offset| RecordField {
        column: Field::new(name, DataType::Int64, false),
        source: Source::Record { offset, width: 8 },
        nulls: Nulls::Never,
    };
    let mut fields = vec![number("of", 0), number("number", 8)];
    fields.extend(Source::Sequence.stamp("sequence"));
    fields.extend(Source::Producer.stamp("producer"));
    fields.extend(Source::Time.stamp("time"));
    RecordLayout::new(16, fields, Some("payload".to_owned())).unwrap()
}

fn payload(of: i64, number: i64) -> Vec<u8> {
    let len = (number * 7919 + of) % 300;
    (0..len).map(|i| (number + i * 31 + of) as u8).collect()
}

fn options() -> (WriterOptions, SinkOptions) {
    let lanes = Lanes::Files { directory: None };
    // Small, so that lanes wrap and row groups end often.
    let options =
        SinkOptions { lane_bytes: Some(64 << 10), max_payload: 300, lanes, ..SinkOptions::default() };
    (WriterOptions::default(), options)
}

/// No test, but what the test after it kills: `path|run|records`. Writes down, for each thread, how many of its
/// records it was told were taken; closes the sink if it lives to.
#[test]
fn child() {
    let Ok(job) = env::var(CHILD) else { return };
    let [path, run, records] = job.split('|').collect::<Vec<_>>()[..] else { panic!("{job}") };
    let (run, records): (i64, i64) = (run.parse().unwrap(), records.parse().unwrap());
    let taken = File::create(format!("{path}.{run}.taken")).unwrap();
    let (writer, options) = options();
    let sink = Sink::open(Path::new(path), &layout(), &writer, &options).unwrap();
    thread::scope(|scope| {
        for of in 0..THREADS as i64 {
            let (taken, sink) = (&taken, &sink);
            scope.spawn(move || {
                let wait = ProducerOptions { wait: Duration::from_secs(60) };
                let mut producer = sink.producer(wait).unwrap();
                let of = run * THREADS as i64 + of;
                for number in 0..records {
                    let record = [of.to_le_bytes(), number.to_le_bytes()].concat();
                    let offer = producer.try_record_payload(&record, &payload(of, number));
                    assert_eq!(offer, Offer::Accepted);
                    let at = of as u64 % THREADS as u64 * 8;
                    taken.write_all_at(&(number + 1).to_le_bytes(), at).unwrap();
                }
            });
        }
    });
    sink.close().unwrap();
}

fn start(path: &Path, run: usize, records: u64) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "child"])
        .env(CHILD, format!("{}|{run}|{records}", path.display()))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// For each thread of a run, how many of its records it wrote down.
fn taken(path: &Path, run: usize) -> [i64; THREADS] {
    let bytes = fs::read(format!("{}.{run}.taken", path.display())).unwrap_or_default();
    let count =
        |of: usize| bytes.get(of * 8..of * 8 + 8).map_or(0, |le| i64::from_le_bytes(le.try_into().unwrap()));
    std::array::from_fn(count)
}

/// The part has the records of these runs, each once, in order, whole.
fn check(path: &Path, runs: std::ops::Range<usize>) -> u64 {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let mut next: HashMap<i64, (i64, u32)> = HashMap::new();
    let mut rows = 0;
    for batch in reader.build().unwrap().map(Result::unwrap) {
        let of = batch["of"].as_primitive::<Int64Type>();
        let number = batch["number"].as_primitive::<Int64Type>();
        let sequence = batch["sequence"].as_primitive::<UInt64Type>();
        let producer = batch["producer"].as_primitive::<UInt32Type>();
        let bytes = batch["payload"].as_binary::<i32>();
        for i in 0..batch.num_rows() {
            let next = next.entry(of.value(i)).or_insert((0, producer.value(i)));
            assert_eq!(number.value(i), next.0, "of {}", of.value(i));
            assert_eq!((sequence.value(i), producer.value(i)), (next.0 as u64, next.1));
            assert_eq!(bytes.value(i), payload(of.value(i), number.value(i)));
            next.0 += 1;
            rows += 1;
        }
    }
    for run in runs {
        for (thread, told) in taken(path, run).into_iter().enumerate() {
            let of = (run * THREADS + thread) as i64;
            let have = next.remove(&of).map_or(0, |(count, _)| count);
            // One may have been taken while it was not yet written down.
            assert!(told == have || told + 1 == have, "of {of}: told {told}, {have} are there");
        }
    }
    assert!(next.is_empty(), "records of other runs: {next:?}");
    rows
}

fn names(directory: &Path) -> Vec<String> {
    let names =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.ends_with(".taken")).collect()
}

#[test]
fn a_process_that_is_killed_loses_no_record_and_doubles_none() {
    let kills: usize = env::var("FLOW_KILLS").map_or(100, |kills| kills.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let mut random = 88172645463325252u64;
    let mut below = move |n: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % n
    };
    let (mut killed, mut parts, mut rows, mut run) = (0, 0, 0, 0);
    while killed < kills {
        let path: PathBuf = directory.path().join(format!("part-{parts}"));
        let first = run;
        // The same part again, until it is whole.
        while !path.exists() {
            let mut child = start(&path, run, below(4000));
            run += 1;
            thread::sleep(Duration::from_micros(below(60_000)));
            child.kill().unwrap();
            let status = child.wait().unwrap();
            assert!(status.code().is_none_or(|code| code == 0), "the child failed");
            killed += usize::from(status.code().is_none());
            if below(4) == 0 && !path.exists() && Path::new(&format!("{}.lanes", path.display())).exists() {
                recover(&PathBuf::from(format!("{}.lanes", path.display()))).unwrap();
                break;
            }
        }
        if path.exists() {
            rows += check(&path, first..run);
            // What a crash after the rename left.
            let lanes = PathBuf::from(format!("{}.lanes", path.display()));
            if lanes.exists() {
                assert!(recover(&lanes).unwrap().is_none());
            }
            let _ = fs::remove_file(format!("{}.journal", path.display()));
            fs::remove_file(&path).unwrap();
        }
        parts += 1;
    }
    assert_eq!(names(directory.path()), Vec::<String>::new());
    println!("{killed} kills, {parts} parts, {rows} rows");
    assert!(rows > 0);
}
