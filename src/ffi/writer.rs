//! Writers: row chunks in, one part out.

use std::ffi::{CString, OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use super::boundary::{boundary, boundary_free, boundary_state};
use super::columns::{Scratch, pf_row_chunk};
use super::error::{PF_FULL, PF_OK, PF_TIMEOUT, pf_error, pf_status};
use super::handle::{Kind, Table};
use super::input::{self, CStruct, DAY_MS};
use super::parquet_options::{
    PF_STATISTICS_DEFAULT, pf_column_options, pf_sort_key, read_columns, read_sorting, statistics,
};
use super::schema::{SCHEMAS, pf_schema};
use crate::columns::ColumnSlice;
use crate::error::{Error, Result};
use crate::format::{Codec, PageVersion, ParquetOptions, PartSummary};
use crate::pool::{Meter, Stopper};
use crate::schema::Schema;
use crate::storage::{IfExists, Sync, SyncEvery};
use crate::writer::{Writer, WriterOptions};

pub(super) static WRITERS: Table<SharedWriter> = Table::new(Kind::Writer);

/// A writer, and what other threads may have of it while one is in a call.
pub(super) struct SharedWriter {
    open: Mutex<OpenWriter>,
    pub(super) meter: Meter,
    stopper: Stopper,
}

impl SharedWriter {
    pub(super) fn lock(&self) -> MutexGuard<'_, OpenWriter> {
        self.open.lock()
    }
}

pub(super) struct OpenWriter {
    pub(super) writer: Writer,
    /// What a chunk's slices are for.
    schema: Schema,
    /// The published path, and what `pf_part` says of encodings; lent to C until the writer is freed.
    path: CString,
    encodings: Option<CString>,
    scratch: Scratch,
}

/// A writer of one Parquet part.
pub struct pf_writer;

/// Parquet's own numbers (`CompressionCodec` in parquet.thrift): pages are not compressed.
pub const PF_CODEC_UNCOMPRESSED: i32 = 0;
/// Snappy.
pub const PF_CODEC_SNAPPY: i32 = 1;
/// Gzip, `codec_level` 0 to 9, default 6.
pub const PF_CODEC_GZIP: i32 = 2;
/// Brotli, `codec_level` 0 to 11, default 1. Only in a libflow that was built with cargo's feature `brotli`:
/// another's `pf_writer_open` and `pf_sink_open` return `PF_ERR_UNSUPPORTED`.
pub const PF_CODEC_BROTLI: i32 = 4;
/// LZ4 in Hadoop's framing; deprecated by the format, for old readers.
pub const PF_CODEC_LZ4: i32 = 5;
/// Zstandard, `codec_level` 1 to 22, default 1; or -131,072 to -1, which are faster and compress less.
pub const PF_CODEC_ZSTD: i32 = 6;
/// LZ4 blocks.
pub const PF_CODEC_LZ4_RAW: i32 = 7;

/// The codec's default level. Codecs without levels take only this.
pub const PF_LEVEL_DEFAULT: i32 = -2147483648;

/// Nothing is forced to disk at close: a crash of the process loses no published part, a power cut may, for as
/// long as the system keeps it in memory (on Linux half a minute or so).
pub const PF_SYNC_NONE: i32 = 0;
/// The part is forced to disk before it is published, its directory after: what a close has returned for, no
/// power cut takes. The default.
pub const PF_SYNC_ON_CLOSE: i32 = 1;

/// A final name that is taken is `PF_ERR_CONFLICT`, at open and at close. The default.
pub const PF_IF_EXISTS_FAIL: i32 = 0;
/// The old file is replaced at close, in one step.
pub const PF_IF_EXISTS_REPLACE: i32 = 1;

/// Options of a writer. Start them with `PF_WRITER_OPTIONS_INIT`, which gives the defaults.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pf_writer_options {
    /// `sizeof(pf_writer_options)`.
    pub struct_size: u32,
    /// One of `PF_CODEC_*`; default zstd: near the fast codecs' speed at a much better ratio.
    pub codec: i32,
    /// The codec's level, or `PF_LEVEL_DEFAULT`.
    pub codec_level: i32,
    /// One of `PF_SYNC_*`; default on close.
    pub sync: i32,
    /// One of `PF_IF_EXISTS_*`; default fail.
    pub if_exists: i32,
    /// The form of data pages, 1 or 2; 0 = 1, which every reader knows. In version 2 nulls are known without
    /// decompression, and values that it makes no smaller are stored as they are.
    pub page_version: i32,
    /// Rows of a row group, at most; 0 = 1,048,576, the default of most writers.
    pub row_group_rows: u64,
    /// Rows gathered before a batch goes to be encoded: no more than a row group's; 0 = 65,536. Fewer, but 8,192 at
    /// least, if a writer's share of a quarter of the pool's `max_bytes` is less.
    pub window_rows: u64,
    /// Bytes gathered before a batch goes to be encoded, about; 0 = 16 MiB, at most 1 GiB.
    pub window_bytes: u64,
    /// Bytes of batches waiting to be encoded before an append blocks; one batch always fits. 0: a batch for
    /// each of the pool's threads and two more, but 3 MiB at least and 32 MiB at most.
    pub queue_bytes: u64,
    /// Bytes of a row group, as its rows lie in memory, about: it ends where either limit is reached. 0: no
    /// limit, as readers work by rows.
    pub row_group_bytes: u64,
    /// Rows of a page, at most; 0 = 1,048,576, as a codec finds again only what the same page has had. Pages of
    /// numbers and texts without a dictionary have 65,536 at most: less to decode for a reader that looks for a few.
    pub page_rows: u64,
    /// Bytes of a page before compression, about, at most 1 GiB; 0 = 2 MiB, which fit a reader's cache. One value
    /// always fits.
    pub page_bytes: u64,
    /// Bytes after which what has been written is forced to disk, by a thread of its own; 0: only as `sync` says.
    /// At most twice as many, and one write of about 4 MiB, are written and not on disk: beyond that, writing
    /// waits. So a close has less to wait for, and a power cut takes no more than that of the temporary file. It
    /// still takes the part: without a footer, which a close writes, readers do not open it. Rows are written
    /// once their row group has ended. An error of the disk is the writer's, told by the next call or by close.
    pub sync_bytes: u64,
    /// 1: pages carry a CRC-32, which a reader may check (pyarrow: `page_checksum_verification`). 0, the
    /// default: none does, as few readers look and compressed pages are often broken visibly.
    pub page_crc: u32,
    /// One of `PF_STATISTICS_*`, for columns without an option of their own; 0 = page: they cost little, and
    /// readers skip what a filter rules out. Texts and bytes in them are cut to 64 bytes, as the format allows.
    pub statistics: i32,
    /// Options of single columns, `column_count` of them, `column_size` (`sizeof(pf_column_options)`) bytes
    /// each; NULL: none. Not kept.
    pub columns: *const pf_column_options,
    /// How many.
    pub column_count: u64,
    /// `sizeof(pf_column_options)`.
    pub column_size: u64,
    /// What the rows of each row group are sorted by, most significant first: `sorting_count` elements of
    /// `sorting_size` (`sizeof(pf_sort_key)`) bytes; NULL: not said. It is written into the metadata, where
    /// readers may rely on it, and not checked. Not kept.
    pub sorting: *const pf_sort_key,
    /// How many.
    pub sorting_count: u64,
    /// `sizeof(pf_sort_key)`.
    pub sorting_size: u64,
    /// Milliseconds after which what has been written is forced to disk, as by `sync_bytes`, beside which it may
    /// be given; at most a day, 0: never. What was written longer ago, and as long as the disk took since, no power
    /// cut takes.
    pub sync_ms: u64,
    /// 1: a journal, `<path>.journal`, grows beside the temporary file. A part that a crash cut short is finished
    /// from it by `flow recover`, up to its last row group; without one it is lost. After a power cut, row groups
    /// that were not on disk are left out: see `sync_ms`. Both files then stay when the writer fails or is freed,
    /// too, and the path is refused with `PF_ERR_CONFLICT` until they are recovered or removed. 0, the default:
    /// none, as it costs a write for each row group and a checksum of its bytes, and leaves files to look after.
    pub journal: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: integers and pointers, no padding.
unsafe impl CStruct for pf_writer_options {
    const NAME: &'static str = "pf_writer_options";
    const MIN_SIZE: usize = 56;
}

impl pf_writer_options {
    /// The value of `PF_WRITER_OPTIONS_INIT`.
    pub const INIT: pf_writer_options = pf_writer_options {
        struct_size: size_of::<pf_writer_options>() as u32,
        codec: PF_CODEC_ZSTD,
        codec_level: PF_LEVEL_DEFAULT,
        sync: PF_SYNC_ON_CLOSE,
        if_exists: PF_IF_EXISTS_FAIL,
        page_version: 0,
        row_group_rows: 0,
        window_rows: 0,
        window_bytes: 0,
        queue_bytes: 0,
        row_group_bytes: 0,
        page_rows: 0,
        page_bytes: 0,
        sync_bytes: 0,
        page_crc: 0,
        statistics: PF_STATISTICS_DEFAULT,
        columns: std::ptr::null(),
        column_count: 0,
        column_size: 0,
        sorting: std::ptr::null(),
        sorting_count: 0,
        sorting_size: 0,
        sync_ms: 0,
        journal: 0,
        reserved: 0,
    };

    /// # Safety
    /// `pointer` is NULL or a size-prefixed struct of options, whose arrays are readable.
    pub(super) unsafe fn read(pointer: *const Self) -> Result<WriterOptions> {
        // SAFETY: the caller's promise.
        let given = unsafe { input::options(pointer, Self::INIT) }?;
        let unknown = |field: &str, value: i32, names: &str| {
            Error::invalid(format!("options.{field} is {value}, none of {names}"))
        };
        let level =
            |default: i32| if given.codec_level == PF_LEVEL_DEFAULT { default } else { given.codec_level };
        let codec = match given.codec {
            PF_CODEC_UNCOMPRESSED => Codec::Uncompressed,
            PF_CODEC_SNAPPY => Codec::Snappy,
            PF_CODEC_GZIP => Codec::Gzip(level(6)),
            PF_CODEC_BROTLI => Codec::Brotli(level(1)),
            PF_CODEC_LZ4 => Codec::Lz4,
            PF_CODEC_ZSTD => Codec::Zstd(level(1)),
            PF_CODEC_LZ4_RAW => Codec::Lz4Raw,
            other => return Err(unknown("codec", other, "PF_CODEC_*")),
        };
        if !matches!(codec, Codec::Gzip(_) | Codec::Brotli(_) | Codec::Zstd(_))
            && given.codec_level != PF_LEVEL_DEFAULT
        {
            return Err(Error::invalid(format!(
                "options.codec_level is {}, but codec {} has no levels; pass PF_LEVEL_DEFAULT",
                given.codec_level, given.codec
            )));
        }
        let sync = match given.sync {
            PF_SYNC_NONE => Sync::None,
            PF_SYNC_ON_CLOSE => Sync::OnClose,
            other => return Err(unknown("sync", other, "PF_SYNC_*")),
        };
        let if_exists = match given.if_exists {
            PF_IF_EXISTS_FAIL => IfExists::Fail,
            PF_IF_EXISTS_REPLACE => IfExists::Replace,
            other => return Err(unknown("if_exists", other, "PF_IF_EXISTS_*")),
        };
        let page_version = match given.page_version {
            0 | 1 => PageVersion::V1,
            2 => PageVersion::V2,
            other => return Err(unknown("page_version", other, "0 (default), 1 and 2")),
        };
        if given.page_crc > 1 {
            return Err(Error::invalid(format!("options.page_crc is {}; give 0 or 1", given.page_crc)));
        }
        if given.journal > 1 {
            return Err(Error::invalid(format!("options.journal is {}; give 0 or 1", given.journal)));
        }
        if given.reserved != 0 {
            return Err(Error::invalid(format!("options.reserved is {}; give 0", given.reserved)));
        }
        if given.sync_ms > DAY_MS {
            return Err(Error::invalid(format!(
                "options.sync_ms is {}, more than a day; give 0 to {DAY_MS} milliseconds",
                given.sync_ms
            )));
        }
        let defaults = WriterOptions::default();
        let or = |value: u64, default: usize| match value {
            0 => default,
            // More than memory can hold means no limit.
            n => usize::try_from(n).unwrap_or(usize::MAX),
        };
        let row_group_rows = or(given.row_group_rows, defaults.parquet.row_group_rows);
        // SAFETY: the caller's promise.
        let columns =
            unsafe { read_columns(given.columns, given.column_count, given.column_size, row_group_rows) }?;
        // SAFETY: as above.
        let sorting = unsafe { read_sorting(given.sorting, given.sorting_count, given.sorting_size) }?;
        Ok(WriterOptions {
            parquet: ParquetOptions {
                codec,
                row_group_rows,
                row_group_bytes: or(given.row_group_bytes, usize::MAX),
                page_version,
                page_rows: or(given.page_rows, defaults.parquet.page_rows),
                page_bytes: or(given.page_bytes, defaults.parquet.page_bytes),
                page_crc: given.page_crc == 1,
                statistics: statistics(given.statistics, "options.statistics")?
                    .unwrap_or(defaults.parquet.statistics),
                columns,
                sorting,
            },
            sync,
            sync_every: SyncEvery {
                bytes: Some(or(given.sync_bytes, 0)).filter(|&bytes| bytes > 0),
                interval: Some(Duration::from_millis(given.sync_ms)).filter(|every| !every.is_zero()),
            },
            if_exists,
            journal: given.journal == 1,
            window_rows: or(given.window_rows, defaults.window_rows),
            window_bytes: or(given.window_bytes, defaults.window_bytes),
            queue_bytes: Some(or(given.queue_bytes, 0)).filter(|&bytes| bytes > 0),
        })
    }
}

/// What a published part holds. Start it with `PF_PART_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pf_part {
    /// `sizeof(pf_part)`, set by the caller.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Rows.
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Row groups.
    pub row_groups: u64,
    /// Its final name; valid until the writer is freed.
    pub path: *const c_char,
    /// Which encodings were chosen for columns of `PF_ENCODING_AUTO`, and why: JSON, an array of arrays
    /// `[column, encoding, values, distinct, bytes, plain, encoded]`, and "" if none were. `column` is the
    /// leaf column's number, `encoding` its name in parquet.thrift. It was chosen by a sample of so many
    /// `values`, of which `distinct` differ: PLAIN they are `bytes` bytes, compressed `plain`, and in this
    /// encoding and compressed `encoded`, a dictionary's share included. The sample may be an earlier part's of the
    /// process: where a few values of a column of the same name and type do the same, not all is tried anew. A
    /// column for which another encoding was chosen later (after 1,048,576 rows or more, or for row groups of
    /// another length) has an array for each.
    /// Nested columns have none, nor bools, 16-bit floats, wide decimals and fixed-size binary. Also the part's
    /// metadata `libflow.encodings`, which `flow inspect` shows. Valid until the writer is freed.
    pub encodings: *const c_char,
}

// SAFETY: integers and pointers, no padding.
unsafe impl CStruct for pf_part {
    const NAME: &'static str = "pf_part";
    const MIN_SIZE: usize = 40;
}

/// # Safety
/// `path` is NULL or a readable string.
pub(super) unsafe fn read_path<'a>(path: *const c_char) -> Result<(&'a Path, CString)> {
    // SAFETY: the caller's promise.
    let bytes = unsafe { input::bytes(path, "path") }?;
    let kept = CString::new(bytes).map_err(|e| Error::invalid(format!("path: {e}")))?;
    Ok((Path::new(OsStr::from_bytes(bytes)), kept))
}

/// Opens a writer of one Parquet part, `path`, and creates its temporary file `<path>.tmp`.
///
/// `schema` stays the caller's and may be freed at once. `options` may be NULL for the defaults. On
/// success `*writer` is a handle that the caller frees with `pf_writer_free`; on failure it is left
/// alone and no file stays. Creates a file, so may block. Any thread.
///
/// Errors: `PF_ERR_INVALID_ARGUMENT` (among them options of columns that are not there, or an encoding that
/// cannot carry the type), `PF_ERR_STALE_HANDLE` (schema), `PF_ERR_NOT_FOUND` (the
/// directory), `PF_ERR_PERMISSION`, `PF_ERR_NO_SPACE`, `PF_ERR_IO`, `PF_ERR_CONFLICT` (the part exists,
/// another writer is writing it, or it waits to be recovered from its journal), `PF_ERR_UNSUPPORTED` (a codec that
/// this build has not).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_writer_open(
    path: *const c_char,
    schema: *const pf_schema,
    options: *const pf_writer_options,
    writer: *mut *mut pf_writer,
    error: *mut pf_error,
) -> pf_status {
    // SAFETY: what the header asks of the caller.
    unsafe {
        boundary(error, || {
            let out = input::output(writer, "writer")?;
            let (path, kept) = read_path(path)?;
            let schema = SCHEMAS.get(schema, "schema")?;
            let options = pf_writer_options::read(options)?;
            let writer = Writer::open(path, &schema, &options)?;
            let (meter, stopper) = (writer.meter(), writer.stopper());
            let open = OpenWriter {
                writer,
                schema: Schema::clone(&schema),
                path: kept,
                encodings: None,
                scratch: Scratch::default(),
            };
            *out = WRITERS.insert(SharedWriter { open: Mutex::new(open), meter, stopper });
            Ok(())
        })
    }
}

/// Appends a row chunk. Everything is copied before the call returns; rows are encoded later, on
/// libflow's threads, in the order of the calls.
///
/// The chunk is checked whole first: a refused one changes nothing, and the writer stays usable. Blocks
/// while more than `queue_bytes` wait to be encoded. One thread at a time per writer.
///
/// Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, sizes, offsets, layout), `PF_ERR_SCHEMA_MISMATCH` (number
/// of columns, their lengths, a null in a required column), `PF_ERR_TYPE_MISMATCH` (a layout that
/// cannot carry the type), `PF_ERR_BAD_UTF8`, `PF_ERR_UNSUPPORTED` (a schema from a message type),
/// `PF_ERR_CLOSED`, `PF_ERR_STALE_HANDLE`; or the first error that encoding or writing met, which every
/// later call repeats.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_append_row_chunk(
    writer: *mut pf_writer,
    chunk: *const pf_row_chunk,
    error: *mut pf_error,
) -> pf_status {
    // SAFETY: what the header asks of the caller.
    unsafe { boundary(error, || with_chunk(writer, chunk, |writer, slices| writer.append(slices))) }
}

/// Appends a row chunk as `pf_append_row_chunk` does, but never blocks: where that would, it returns
/// `PF_FULL` and nothing has been appended. A chunk larger than `queue_bytes` is taken when the queue is
/// empty. One thread at a time per writer.
///
/// Errors: those of `pf_append_row_chunk`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_try_append_row_chunk(
    writer: *mut pf_writer,
    chunk: *const pf_row_chunk,
    error: *mut pf_error,
) -> pf_status {
    // SAFETY: what the header asks of the caller.
    unsafe {
        boundary_state(error, || {
            let taken = with_chunk(writer, chunk, |writer, slices| writer.try_append(slices))?;
            Ok(if taken { PF_OK } else { PF_FULL })
        })
    }
}

/// # Safety
/// What the header asks of the caller of an append.
unsafe fn with_chunk<T>(
    writer: *mut pf_writer,
    chunk: *const pf_row_chunk,
    append: impl FnOnce(&mut Writer, &[ColumnSlice<'_>]) -> Result<T>,
) -> Result<T> {
    let open = WRITERS.get(writer, "writer")?;
    if chunk.is_null() {
        return Err(Error::invalid("chunk is NULL; pass a pf_row_chunk"));
    }
    let open = &mut *open.lock();
    open.writer.check_has_fields()?;
    // SAFETY: the caller's promise.
    unsafe {
        let chunk = input::options(chunk, pf_row_chunk::ZERO)?;
        open.scratch.with_slices(&chunk, open.schema.fields(), |slices| append(&mut open.writer, slices))
    }
}

/// Adds a key and its value to the part's metadata, which is written at close; a key given again gets the new
/// value. Both are UTF-8, NUL-terminated, of 1 to 65,536 bytes, and copied. Keys that start with "libflow."
/// are libflow's own, and "ARROW:schema" is Arrow's. Never blocks, but for another thread's call on this
/// writer. One thread at a time per writer.
///
/// Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, a reserved key), `PF_ERR_BAD_UTF8`, `PF_ERR_CLOSED`,
/// `PF_ERR_STALE_HANDLE`, or the writer's first error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_writer_put_metadata(
    writer: *mut pf_writer,
    key: *const c_char,
    value: *const c_char,
    error: *mut pf_error,
) -> pf_status {
    // SAFETY: what the header asks of the caller.
    unsafe {
        boundary(error, || {
            let open = WRITERS.get(writer, "writer")?;
            let (key, value) = (input::text(key, "key")?, input::text(value, "value")?);
            if key.starts_with("libflow.") || key == "ARROW:schema" {
                return Err(Error::invalid(format!("key \"{key}\" is reserved; choose another")));
            }
            open.lock().writer.put_metadata(key, value.to_owned())
        })
    }
}

/// Ends the row group: rows appended so far go into it, later ones into the next. Does not wait for it
/// to be written, and has no effect if no rows came since the last. Blocks as an append does. One
/// thread at a time per writer.
///
/// Errors: `PF_ERR_CLOSED`, `PF_ERR_STALE_HANDLE`, `PF_ERR_INVALID_ARGUMENT` (NULL), or the writer's
/// first error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_flush(writer: *mut pf_writer, error: *mut pf_error) -> pf_status {
    // SAFETY: what the header asks of the caller.
    unsafe { boundary(error, || WRITERS.get(writer, "writer")?.lock().writer.flush()) }
}

/// Encodes and writes what is left, forces it to disk as the options say, and publishes the part under
/// its final name. Blocks until done, however long that takes; `pf_writer_stats` tells how far it is. A
/// writer that failed publishes nothing and removes its temporary file, unless it has a journal. Called again, it
/// returns the same result; two threads may call it at once, and an append of another thread comes before it or is refused.
///
/// `part` may be NULL; it is filled on success.
///
/// Errors: the writer's first error, `PF_ERR_CONFLICT` (the final name was taken meanwhile),
/// `PF_ERR_STALE_HANDLE`, `PF_ERR_INVALID_ARGUMENT` (NULL, or `part` without its size).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_close(
    writer: *mut pf_writer,
    part: *mut pf_part,
    error: *mut pf_error,
) -> pf_status {
    // SAFETY: what the header asks of the caller.
    unsafe { boundary_state(error, || close(writer, None, part)) }
}

/// Closes as `pf_close` does, but gives up after `timeout_ns` nanoseconds with `PF_TIMEOUT`, if it is not
/// done: the writer takes nothing more then, and goes on closing. Call this or `pf_close` again to wait on, or
/// free the writer, which publishes nothing if it is in time. With 0 it asks whether the part is published.
///
/// `part` may be NULL; it is filled on success. Two threads may call it at once.
///
/// Errors: those of `pf_close`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pf_close_timeout(
    writer: *mut pf_writer,
    timeout_ns: u64,
    part: *mut pf_part,
    error: *mut pf_error,
) -> pf_status {
    // What overflows a clock is no limit.
    let deadline = Instant::now().checked_add(Duration::from_nanos(timeout_ns));
    // SAFETY: what the header asks of the caller.
    unsafe { boundary_state(error, || close(writer, deadline, part)) }
}

/// # Safety
/// What the header asks of the caller of a close.
unsafe fn close(writer: *mut pf_writer, deadline: Option<Instant>, part: *mut pf_part) -> Result<pf_status> {
    let shared = WRITERS.get(writer, "writer")?;
    // SAFETY: the caller's promise.
    unsafe { input::check_result(part) }?;
    // Another thread may be in a call, an unlimited close among them.
    let locked = match deadline {
        None => Some(shared.lock()),
        Some(deadline) => shared.open.try_lock_until(deadline),
    };
    let Some(mut open) = locked else { return Ok(PF_TIMEOUT) };
    let Some(result) = open.writer.close_until(deadline) else { return Ok(PF_TIMEOUT) };
    let PartSummary { rows, bytes, row_groups, encodings, .. } = result?;
    let path = open.path.as_ptr();
    // Another close may have handed it out before, so it is made once. It has no NULs.
    let kept = open.encodings.get_or_insert_with(|| CString::new(encodings).unwrap_or_default());
    let encodings = kept.as_ptr();
    let published =
        |struct_size| pf_part { struct_size, reserved: 0, rows, bytes, row_groups, path, encodings };
    // SAFETY: the caller's promise.
    unsafe { input::result(part, published) }.map(|()| PF_OK)
}

/// Frees a writer. One that was not closed publishes nothing, and its temporary file is removed, unless it has a
/// journal. NULL and stale handles are ignored. A call in flight on another thread, which may be blocked, returns
/// `PF_ERR_CLOSED`.
///
/// Waits for what is being encoded or written at the moment, up to 10 seconds: storage that takes longer ends
/// on its own, and the temporary file goes then. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pf_writer_free(writer: *mut pf_writer) {
    boundary_free(|| {
        if let Ok(shared) = WRITERS.get(writer, "writer") {
            shared.stopper.free();
        }
        WRITERS.free(writer);
    });
}
