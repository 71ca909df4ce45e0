//! The columnar path: what an append costs its caller, through the C ABI, against memcpy, arrow's take
//! kernel and arrow's string builder on the same data. Encoding happens outside the timed part.

use std::ffi::CString;
use std::hint::{black_box, spin_loop};
use std::ptr;
use std::time::{Duration, Instant};

use arrow_array::builder::StringBuilder;
use arrow_array::{Int32Array, Int64Array};
use arrow_buffer::{BooleanBuffer, MutableBuffer, NullBuffer};
use flow::ffi::columns::{PF_LAYOUT_POINTERS, PF_LAYOUT_VALUES, PF_SEL_INT32, pf_column_slice, pf_row_chunk};
use flow::ffi::error::{PF_OK, pf_error};
use flow::ffi::schema::{PF_FIELD_NULLABLE, PF_TYPE_INT64, PF_TYPE_UTF8, pf_field, pf_schema_new};
use flow::ffi::writer::{
    pf_append_row_chunk, pf_flush, pf_writer, pf_writer_free, pf_writer_open, pf_writer_options,
};

use crate::parquet::generate::Random;
use crate::{Row, alternate};

/// Rows of a chunk.
const ROWS: usize = 1 << 16;
/// Chunks of a window: the timed part ends before it is full.
const CHUNKS: usize = 8;
const ROUNDS: usize = 30;

pub fn rows() -> Vec<Row> {
    vec![identity(), gather(), pointers()]
}

/// Four int64 columns, as they are.
fn identity() -> Row {
    let columns: Vec<Vec<i64>> = (0..4).map(|c| (0..ROWS as i64).map(|i| i * 7 + c).collect()).collect();
    let writer = Writer::new(&[PF_TYPE_INT64; 4], 0);
    let slices: Vec<_> = columns.iter().map(|c| fixed(c)).collect();
    // Aligned as ours are: misaligned stores would cross cache lines.
    let mut copies: Vec<_> = (0..4).map(|_| MutableBuffer::from_len_zeroed(8 * ROWS * CHUNKS)).collect();
    let (ours, theirs) = alternate(
        ROUNDS,
        || writer.append(|_| &slices),
        || {
            timed(|chunk| {
                for (copy, column) in copies.iter_mut().zip(&columns) {
                    let copy = &mut copy.typed_data_mut::<i64>()[chunk * ROWS..(chunk + 1) * ROWS];
                    black_box(copy).copy_from_slice(column);
                }
            })
        },
    );
    let gigabytes = |ns: f64| 4.0 * 8.0 / ns;
    Row {
        group: "columns".to_owned(),
        name: "append 4 int64 columns, identity".to_owned(),
        peer: "memcpy".to_owned(),
        ours: gigabytes(ours),
        theirs: gigabytes(theirs),
        unit: "GB/s",
        goal: ">= 0.8",
        limit: None,
        percentiles: None,
    }
}

/// An int64 column of a million elements, a tenth of them null, through random int32 indices; each chunk selects
/// rows of its own.
fn gather() -> Row {
    const SOURCE: usize = 1 << 20;
    let mut random = Random(1);
    let values: Vec<i64> = (0..SOURCE as i64).collect();
    let validity: Vec<u8> = (0..SOURCE / 8)
        .map(|_| (0..8).fold(0, |byte, bit| byte | u8::from(random.below(10) > 0) << bit))
        .collect();
    let indices: Vec<i32> = (0..ROWS * CHUNKS).map(|_| random.below(SOURCE as u64) as i32).collect();

    let writer = Writer::new(&[PF_TYPE_INT64], PF_FIELD_NULLABLE);
    let slice = |chunk: usize| pf_column_slice {
        validity: validity.as_ptr(),
        sel: indices[chunk * ROWS..].as_ptr().cast(),
        sel_length: ROWS as u64,
        sel_kind: PF_SEL_INT32,
        ..fixed(&values)
    };

    let nulls = NullBuffer::new(BooleanBuffer::new(validity.clone().into(), 0, SOURCE));
    let array = Int64Array::new(values.clone().into(), Some(nulls));
    let take =
        |indices: &Int32Array| drop(black_box(arrow_select::take::take(&array, indices, None).unwrap()));
    let selections = Int32Array::from(indices.clone());
    let (ours, theirs) = alternate(
        ROUNDS,
        || writer.append(|chunk| [slice(chunk)]),
        || timed(|chunk| take(&selections.slice(chunk * ROWS, ROWS))),
    );
    Row {
        group: "columns".to_owned(),
        name: "gather int64, nulls, random int32".to_owned(),
        peer: "arrow take".to_owned(),
        ours: 1e3 / ours,
        theirs: 1e3 / theirs,
        unit: "M rows/s",
        goal: ">= 1.5",
        limit: None,
        percentiles: None,
    }
}

/// Short strings of 4 to 16 bytes, as an array of pointers and one of lengths.
fn pointers() -> Row {
    let mut random = Random(1);
    let texts: Vec<String> =
        (0..ROWS).map(|_| "symbol-of-any-length"[..4 + random.below(13) as usize].to_owned()).collect();
    let pointers: Vec<*const u8> = texts.iter().map(|t| t.as_ptr()).collect();
    let lengths: Vec<i64> = texts.iter().map(|t| t.len() as i64).collect();
    let writer = Writer::new(&[PF_TYPE_UTF8], 0);
    let mut slice = fixed(&[]);
    (slice.values, slice.values_size) = (pointers.as_ptr().cast(), 8 * ROWS as u64);
    (slice.offsets, slice.layout, slice.length) = (lengths.as_ptr().cast(), PF_LAYOUT_POINTERS, ROWS as u64);
    let mut builder = StringBuilder::with_capacity(ROWS * CHUNKS, ROWS * CHUNKS * 16);
    let (ours, theirs) = alternate(
        ROUNDS,
        || writer.append(|_| [slice]),
        || {
            let ns = timed(|_| {
                for (&pointer, &length) in pointers.iter().zip(&lengths) {
                    // SAFETY: pointers and lengths are those of live strings.
                    let bytes = unsafe { std::slice::from_raw_parts(pointer, length as usize) };
                    builder.append_value(std::str::from_utf8(bytes).unwrap());
                }
            });
            drop(black_box(builder.finish()));
            builder = StringBuilder::with_capacity(ROWS * CHUNKS, ROWS * CHUNKS * 16);
            ns
        },
    );
    Row {
        group: "columns".to_owned(),
        name: "pointers + lengths, short strings".to_owned(),
        peer: "StringBuilder".to_owned(),
        ours: 1e3 / ours,
        theirs: 1e3 / theirs,
        unit: "M rows/s",
        goal: ">= 1.5",
        limit: None,
        percentiles: None,
    }
}

/// Nanoseconds a row of a window's chunks.
fn timed(mut chunk: impl FnMut(usize)) -> f64 {
    let start = Instant::now();
    (0..CHUNKS).for_each(&mut chunk);
    start.elapsed().as_nanos() as f64 / (ROWS * CHUNKS) as f64
}

fn fixed(values: &[i64]) -> pf_column_slice {
    pf_column_slice {
        values: values.as_ptr().cast(),
        values_size: size_of_val(values) as u64,
        length: values.len() as u64,
        layout: PF_LAYOUT_VALUES,
        ..pf_column_slice::new()
    }
}

struct Writer {
    writer: *mut pf_writer,
    _directory: tempfile::TempDir,
}

impl Writer {
    fn new(types: &[i32], flags: u32) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = CString::new(directory.path().join("bench.parquet").to_str().unwrap()).unwrap();
        let names: Vec<_> = (0..types.len()).map(|i| CString::new(format!("c{i}")).unwrap()).collect();
        let field = |(&r#type, name): (&i32, &CString)| pf_field {
            name: name.as_ptr(),
            r#type,
            flags,
            ..pf_field::new()
        };
        let fields: Vec<_> = types.iter().zip(&names).map(field).collect();
        let options = pf_writer_options {
            window_rows: (ROWS * CHUNKS + 1) as u64,
            window_bytes: 1 << 30,
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
        Writer { writer, _directory: directory }
    }

    /// Appends a window's chunks, timed; then lets it be encoded, so that its memory comes back.
    fn append<S: AsRef<[pf_column_slice]>>(&self, slices: impl Fn(usize) -> S) -> f64 {
        let mut error = pf_error::new();
        let ns = timed(|chunk| {
            let slices = slices(chunk);
            let chunk = pf_row_chunk {
                struct_size: size_of::<pf_row_chunk>() as u32,
                slice_size: size_of::<pf_column_slice>() as u32,
                slices: slices.as_ref().as_ptr(),
                slice_count: slices.as_ref().len() as u64,
            };
            // SAFETY: the writer is open, the chunk's memory is alive.
            let status = unsafe { pf_append_row_chunk(self.writer, &chunk, &mut error) };
            assert_eq!(status, PF_OK, "{}", error.message());
        });
        // SAFETY: as above.
        assert_eq!(unsafe { pf_flush(self.writer, &mut error) }, PF_OK);
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(120) {
            spin_loop();
        }
        ns
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        pf_writer_free(self.writer);
    }
}
