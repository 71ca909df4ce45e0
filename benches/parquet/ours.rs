//! Our side: the C ABI, a corpus in chunks that lie in the caller's memory.

use std::ffi::CString;
use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::ptr;
use std::time::Instant;

use arrow_array::{Array, ArrayRef, StructArray};
use arrow_data::ffi::FFI_ArrowArray;
use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{DataType, TimeUnit};
use flow::ffi::arrow::pf_append_arrow;
use flow::ffi::columns::{PF_LAYOUT_OFFSETS, PF_LAYOUT_VALUES, pf_column_slice, pf_row_chunk};
use flow::ffi::error::{PF_OK, pf_error};
use flow::ffi::parquet_options::{PF_ENCODING_AUTO, PF_STATISTICS_DEFAULT, pf_column_options};
use flow::ffi::schema::*;
use flow::ffi::writer::*;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::cases::Case;
use super::corpora::Corpus;

/// Rows of a chunk.
pub const CHUNK: usize = 1 << 16;

/// The file that it writes.
pub fn path() -> PathBuf {
    crate::output().join("ours.parquet")
}

/// How the data comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In row chunks, which are copied: the caller may do with its memory what it likes at once.
    Chunks,
    /// In Arrow batches, which are not, as to the peers.
    Arrow,
}

impl Way {
    pub const ALL: [Way; 2] = [Way::Chunks, Way::Arrow];

    /// By its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Way::Chunks => "libflow",
            Way::Arrow => "libflow, Arrow",
        }
    }
}

/// Writes the corpus once, each column in what AUTO chooses; returns the seconds from opening the writer to the end
/// of its close.
pub fn write(corpus: &Corpus, case: &Case, way: Way) -> f64 {
    write_encoded(corpus, case, way, &vec![PF_ENCODING_AUTO; corpus.batch.num_columns()])
}

/// The same with an encoding for each column.
pub fn write_encoded(corpus: &Corpus, case: &Case, way: Way, encodings: &[i32]) -> f64 {
    let start = Instant::now();
    let writer = open(corpus, case, encodings);
    match way {
        Way::Chunks => append_chunks(writer, corpus),
        Way::Arrow => append_arrow(writer, corpus),
    }
    let mut error = pf_error::new();
    // SAFETY: the writer is open.
    let status = unsafe { pf_close(writer, ptr::null_mut(), &mut error) };
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(status, PF_OK, "{}", error.message());
    pf_writer_free(writer);
    seconds
}

fn open(corpus: &Corpus, case: &Case, encodings: &[i32]) -> *mut pf_writer {
    let path = CString::new(path().to_str().unwrap()).unwrap();
    let schema = corpus.batch.schema();
    let names: Vec<_> = schema.fields().iter().map(|f| CString::new(f.name().as_str()).unwrap()).collect();
    let fields: Vec<_> = schema
        .fields()
        .iter()
        .zip(&names)
        .map(|(f, name)| pf_field { name: name.as_ptr(), r#type: pf_type(f.data_type()), ..pf_field::new() })
        .collect();
    let column_options: Vec<_> = names
        .iter()
        .zip(encodings)
        .map(|(name, &encoding)| pf_column_options {
            path: name.as_ptr(),
            encoding,
            statistics: PF_STATISTICS_DEFAULT,
            flags: 0,
            reserved: 0,
            bloom_fpp: 0.0,
            bloom_ndv: 0,
        })
        .collect();
    let codec = match case.codec {
        "uncompressed" => PF_CODEC_UNCOMPRESSED,
        "snappy" => PF_CODEC_SNAPPY,
        "gzip" => PF_CODEC_GZIP,
        "lz4_raw" => PF_CODEC_LZ4_RAW,
        "zstd" => PF_CODEC_ZSTD,
        other => unreachable!("no codec {other}"),
    };
    let options = pf_writer_options {
        codec,
        codec_level: case.level.unwrap_or(PF_LEVEL_DEFAULT),
        row_group_rows: case.row_group as u64,
        columns: column_options.as_ptr(),
        column_count: column_options.len() as u64,
        column_size: size_of::<pf_column_options>() as u64,
        ..crate::writer_options()
    };
    let (mut schema, mut writer, mut error) = (ptr::null_mut(), ptr::null_mut(), pf_error::new());
    // SAFETY: every pointer is of a live local.
    let status = unsafe {
        let size = size_of::<pf_field>() as u64;
        pf_schema_new(fields.as_ptr(), fields.len() as u64, size, &mut schema, &mut error)
            | pf_writer_open(path.as_ptr(), schema, &options, &mut writer, &mut error)
    };
    assert_eq!(status, PF_OK, "{}", error.message());
    pf_schema_free(schema);
    writer
}

fn append_chunks(writer: *mut pf_writer, corpus: &Corpus) {
    let columns: Vec<_> = corpus.batch.columns().iter().map(slice).collect();
    let mut slices: Vec<_> = columns.iter().map(|(slice, _)| *slice).collect();
    for row in (0..corpus.rows()).step_by(CHUNK) {
        for (slice, (whole, width)) in slices.iter_mut().zip(&columns) {
            slice.length = CHUNK.min(corpus.rows() - row) as u64;
            let skipped = row * width;
            if slice.layout == PF_LAYOUT_OFFSETS {
                slice.offsets = whole.offsets.wrapping_byte_add(skipped);
            } else {
                slice.values = whole.values.wrapping_byte_add(skipped);
                slice.values_size = whole.values_size - skipped as u64;
            }
        }
        let chunk = pf_row_chunk {
            struct_size: size_of::<pf_row_chunk>() as u32,
            slice_size: size_of::<pf_column_slice>() as u32,
            slices: slices.as_ptr(),
            slice_count: slices.len() as u64,
        };
        let mut error = pf_error::new();
        // SAFETY: the writer is open, and the slices are parts of the corpus.
        let status = unsafe { pf_append_row_chunk(writer, &chunk, &mut error) };
        assert_eq!(status, PF_OK, "{}", error.message());
    }
}

fn append_arrow(writer: *mut pf_writer, corpus: &Corpus) {
    for row in (0..corpus.rows()).step_by(CHUNK) {
        let batch = corpus.batch.slice(row, CHUNK.min(corpus.rows() - row));
        let mut schema = FFI_ArrowSchema::try_from(batch.schema().as_ref()).unwrap();
        let mut array = FFI_ArrowArray::new(&StructArray::from(batch).into_data());
        let mut error = pf_error::new();
        // SAFETY: the writer is open, and Arrow's structs lie in memory as the interface says.
        let status =
            unsafe { pf_append_arrow(writer, (&raw mut array).cast(), (&raw mut schema).cast(), &mut error) };
        assert_eq!(status, PF_OK, "{}", error.message());
    }
}

/// Reads the file back: speed counts only if every value is there.
pub fn check(corpus: &Corpus) {
    let file = File::open(path()).unwrap();
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(file).unwrap().with_batch_size(CHUNK).build().unwrap();
    let mut row = 0;
    for batch in reader {
        let batch = batch.unwrap();
        let whole = corpus.batch.slice(row, batch.num_rows());
        assert!(batch.columns() == whole.columns(), "{}: rows from {row} differ", corpus.name);
        row += batch.num_rows();
    }
    assert_eq!(row, corpus.rows());
}

/// A column as a slice of all its rows, and the bytes from one row's value or offset to the next.
fn slice(array: &ArrayRef) -> (pf_column_slice, usize) {
    let data = array.to_data();
    let (first, last) = (&data.buffers()[0], &data.buffers()[data.buffers().len() - 1]);
    let mut slice = pf_column_slice {
        values: last.as_ptr().cast(),
        values_size: last.len() as u64,
        layout: PF_LAYOUT_VALUES,
        ..pf_column_slice::new()
    };
    match array.data_type().primitive_width() {
        Some(width) => (slice, width),
        None => {
            (slice.layout, slice.offsets) = (PF_LAYOUT_OFFSETS, first.as_ptr().cast());
            (slice, size_of::<i32>())
        }
    }
}

fn pf_type(data_type: &DataType) -> i32 {
    match data_type {
        DataType::Int8 => PF_TYPE_INT8,
        DataType::Int16 => PF_TYPE_INT16,
        DataType::Int32 => PF_TYPE_INT32,
        DataType::Int64 => PF_TYPE_INT64,
        DataType::UInt8 => PF_TYPE_UINT8,
        DataType::UInt16 => PF_TYPE_UINT16,
        DataType::UInt32 => PF_TYPE_UINT32,
        DataType::UInt64 => PF_TYPE_UINT64,
        DataType::Float64 => PF_TYPE_FLOAT64,
        DataType::Timestamp(TimeUnit::Nanosecond, None) => PF_TYPE_TIMESTAMP_NS,
        DataType::Utf8 => PF_TYPE_UTF8,
        DataType::Binary => PF_TYPE_BINARY,
        other => unreachable!("no column of {other}"),
    }
}

/// What starts this program as the child that [`peak_bytes`] runs; the case's name and the way follow.
pub const PEAK: &str = "--peak";

/// Bytes of memory that a process that holds the corpus has at most, beside it, while it writes it. Its program, whose
/// pages come into memory as they are first used, is not counted.
pub fn peak_bytes(case: &Case, way: Way) -> f64 {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).args([PEAK, &case.name(), way.name()]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.trim().parse().unwrap_or_else(|e| panic!("{}: {text:?}: {e}", case.name()))
}

/// The child.
pub fn print_peak(case: &Case, way: Way) {
    let corpus = Corpus::open(case.corpus).unwrap();
    let before = peak();
    write(&corpus, case, way);
    println!("{}", peak() - before);
    std::fs::remove_file(path()).unwrap();
}

/// The most memory that this process has had, in bytes, but for what is a file's.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let kib = |name| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    (kib("VmHWM:") - kib("RssFile:")) * 1024
}
