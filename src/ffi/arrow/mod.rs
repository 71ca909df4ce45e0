//! Arrow in: schemas, record batches and streams through Arrow's C data and C stream interfaces.

mod array;
mod c_data;
mod schema;

use std::ffi::CStr;
use std::io;

use c_data::{ArrowArray, ArrowArrayStream, ArrowSchema, CData, take};

use super::boundary::boundary;
use super::error::{pf_error, pf_status};
use super::handle::InUse;
use super::input;
use super::schema::{SCHEMAS, pf_schema};
use super::writer::{SharedWriter, WRITERS, pf_writer};
use crate::error::{Error, Result};
use crate::schema::Schema;
/// Makes a schema of an Arrow schema of a record batch: a struct type, whose children are the columns.
///
/// Takes `arrow_schema`: it is moved from, its `release` becomes NULL, and it is released before the
/// call returns, whether it fails or not. Names, nullability and metadata, of the fields too, are kept
/// and stored. On success `*schema` is a handle that the caller frees with `pf_schema_free`; on failure
/// it is left alone. Never blocks; any thread.
///
/// Taken, not borrowed, so that one rule holds for all of Arrow's structs; for a batch, export it again.
///
/// A file holds timestamps and times in seconds as milliseconds, dates in milliseconds as days, and list
/// views as lists.
///
/// Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, misaligned, released before, a format that is not Arrow's, a
/// wrong number of children, no columns, an empty or repeated name), `PF_ERR_UNSUPPORTED` (a type that
/// Parquet cannot hold: unions, run-end encoding, intervals of months, days and nanoseconds, nested
/// dictionaries; more than 64 levels of nesting), `PF_ERR_BAD_UTF8` (a name).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_schema_from_arrow(
    arrow_schema: *mut ArrowSchema,
    schema: *mut *mut pf_schema,
    error: *mut pf_error,
) -> pf_status {
    // SAFETY: what the header asks of the caller.
    unsafe {
        // Taken out here, so that it is released even where the boundary lets nobody in.
        let arrow_schema = take(arrow_schema, "arrow_schema");
        boundary(error, || {
            let arrow_schema = arrow_schema?;
            let out = input::output(schema, "schema")?;
            *out = SCHEMAS.insert(Schema::from_arrow(&schema::read(&arrow_schema)?)?);
            Ok(())
        })
    }
}

/// Appends an Arrow record batch: a struct array, whose children are the columns. They must be those of
/// the writer's schema, in its order, of its names and types; names inside lists and maps, metadata and
/// what the batch's schema says of nulls do not matter, but no null may be where the writer's schema
/// says required.
///
/// Takes `array` and `schema`: they are moved from, their `release` becomes NULL, and each is released
/// once, whether the call fails or not; only a pointer that is NULL or misaligned is left alone. The
/// columns are not copied: the array is released when its last row has been encoded, maybe on a thread
/// of libflow's after this call, and at the latest in `pf_writer_free`. Where nothing is compressed, long columns
/// of rows that fill their row group already go to storage from where they lie: then it is released when these row
/// groups have been written, which waits for no later call.
///
/// Every value is checked before any row is taken: offsets, dictionary keys, UTF-8, the digits of
/// decimals; that costs one pass over the batch. What cannot be checked is that a buffer is as long as
/// the array's length and offsets say. What lies under a null may be anything. A batch that is refused
/// changes nothing, and the writer stays usable. Rows of earlier calls come first. Blocks as
/// `pf_append_row_chunk` does. One thread at a time per writer.
///
/// A release that runs on a thread of libflow's may run while this or a later append waits for it, so it
/// must not need a lock that the caller holds (Python's, say: call through `ctypes.CDLL`, not `PyDLL`).
///
/// Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, misaligned, released before, lengths, offsets, counts,
/// dictionary keys, a value that the stored type cannot hold), `PF_ERR_SCHEMA_MISMATCH` (number or names
/// of columns, a null in a required one), `PF_ERR_TYPE_MISMATCH` (a column of another type),
/// `PF_ERR_UNSUPPORTED` (nesting of more than 64 levels), `PF_ERR_BAD_UTF8`, `PF_ERR_CLOSED`,
/// `PF_ERR_STALE_HANDLE`; or the writer's first error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_append_arrow(
    writer: *mut pf_writer,
    array: *mut ArrowArray,
    schema: *mut ArrowSchema,
    error: *mut pf_error,
) -> pf_status {
    // SAFETY: what the header asks of the caller.
    unsafe {
        let (array, schema) = (take(array, "array"), take(schema, "schema"));
        boundary(error, || {
            let (array, schema) = (array?, schema?);
            let open = WRITERS.get(writer, "writer")?;
            append(&open, array, &read_schema(&open, &schema)?)
        })
    }
}

/// Appends every record batch of an Arrow stream, as `pf_append_arrow` does one.
///
/// Takes `stream`: it is moved from, its `release` becomes NULL, and it is released before the call
/// returns, whether it fails or not. Its callbacks run on the calling thread. A batch that is refused,
/// or a stream that fails, ends the call: batches before it stay appended, and the writer stays usable.
/// Blocks as `pf_append_row_chunk` does, and as the stream does. One thread at a time per writer.
///
/// Errors: those of `pf_append_arrow`; and what the stream reports, with its errno and its own words:
/// the I/O classes, `PF_ERR_OUT_OF_MEMORY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_append_arrow_stream(
    writer: *mut pf_writer,
    stream: *mut ArrowArrayStream,
    error: *mut pf_error,
) -> pf_status {
    // SAFETY: what the header asks of the caller.
    unsafe {
        let stream = take(stream, "stream");
        boundary(error, || {
            let mut stream = stream?;
            let open = WRITERS.get(writer, "writer")?;
            let (Some(get_schema), Some(get_next)) = (stream.get_schema, stream.get_next) else {
                return Err(Error::invalid("stream.get_schema or get_next is NULL; a stream has both"));
            };
            let mut schema = ArrowSchema::RELEASED;
            let code = get_schema(&raw mut stream, &raw mut schema);
            check_stream(&mut stream, code, "get_schema")?;
            if schema.is_released() {
                return Err(Error::invalid("stream.get_schema gave a released schema"));
            }
            let schema = read_schema(&open, &schema)?;
            loop {
                let mut array = ArrowArray::RELEASED;
                let code = get_next(&raw mut stream, &raw mut array);
                check_stream(&mut stream, code, "get_next")?;
                if array.is_released() {
                    return Ok(()); // the end
                }
                append(&open, array, &schema)?;
            }
        })
    }
}

/// Reads a schema whose columns are the writer's.
fn read_schema(open: &InUse<SharedWriter>, schema: &ArrowSchema) -> Result<arrow_schema::Schema> {
    let schema = schema::read(schema)?;
    open.lock().writer.check_fields(schema.fields())?;
    Ok(schema)
}

fn append(open: &InUse<SharedWriter>, array: ArrowArray, schema: &arrow_schema::Schema) -> Result<()> {
    // Read before the lock is taken: releasing on failure runs the producer's code.
    let batch = array::read(array, schema)?;
    open.lock().writer.append_batch(&batch)
}

/// Turns what a callback of a stream returned into an error, with what the stream says of it.
///
/// # Safety
/// `stream` has not been released.
unsafe fn check_stream(stream: &mut ArrowArrayStream, code: i32, callback: &str) -> Result<()> {
    if code == 0 {
        return Ok(());
    }
    // SAFETY: the stream's own function; the text is valid until the next call on the stream.
    let said = unsafe {
        let said = stream.get_last_error.map_or(std::ptr::null(), |last_error| last_error(stream));
        if said.is_null() { "no message".into() } else { CStr::from_ptr(said).to_string_lossy() }
    };
    Err(Error::io(&io::Error::from_raw_os_error(code), format!("stream.{callback} says \"{said}\"")))
}
