/* libflow: streams into open columnar files, from programs that cannot wait.
 *
 * Generated from src/ffi by cbindgen. Do not edit.
 *
 * Conventions, which hold for every function unless it says otherwise:
 *
 * - Status. Fallible functions return a pf_status: PF_OK (0), a state that is no error (> 0), or an error
 *   class (< 0). Test `< 0` for errors.
 * - Error detail. The last parameter of a cold function is a pf_error of the caller's, or NULL. It is
 *   filled only on failure: class, errno, a message with the argument, its value and the cure, and the
 *   line of libflow's source that classified the error.
 * - Later errors. What fails on libflow's threads is kept by the writer or sink; every later call on it
 *   returns that first error, close included. One that failed never publishes a part.
 * - Handles are opaque. NULL, a freed handle, or one of another kind is an error, never a crash; free
 *   functions ignore them. Only pf_producer is a real address: see there.
 * - Ownership. Nothing passed in is kept after the call, but Arrow's structs, which are moved; what a
 *   function hands out is freed by the function of that noun. Borrowed results say until when they live.
 * - Outputs are written only on success.
 * - Threads. A const handle may be used by several threads at once, a non-const one by one at a time.
 * - Structs start with their size: use the PF_*_INIT macro. Arrays of structs travel with their element
 *   size. So programs built with an older header keep working with a newer library.
 * - Integers stand for enums and are checked; reserved fields must be 0.
 * - Text is UTF-8 and NUL-terminated; names and paths have at most 65,536 bytes.
 * - Panics do not leave the library: PF_ERR_INTERNAL, and the object in use is poisoned.
 * - Fork. A child of a process that uses libflow gets PF_ERR_FORKED from every call but those of the parent's
 *   handles that free, which do nothing.
 * - libflow installs no signal handlers, hooks, allocators or atexit functions. Its threads are named
 *   flow-* and block signals.
 */

#ifndef LIBFLOW_FLOW_H
#define LIBFLOW_FLOW_H



#include <stddef.h>
#include <stdint.h>

/** The version of this header. */
#define PF_VERSION_MAJOR 0
#define PF_VERSION_MINOR 1
#define PF_VERSION_PATCH 0
#define PF_VERSION "0.1.0"
#define PF_VERSION_NUMBER (PF_VERSION_MAJOR * 1000000 + PF_VERSION_MINOR * 1000 + PF_VERSION_PATCH)

/** Start values of the structs that carry their size. */
#define PF_ERROR_INIT {sizeof(pf_error), 0, 0, 0, {0}, {0}}
#define PF_PART_INIT {sizeof(pf_part), 0, 0, 0, 0, NULL, NULL}
#define PF_SINK_RESULT_INIT {sizeof(pf_sink_result), 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, 0}
#define PF_WRITER_OPTIONS_INIT                                                                             \
  {sizeof(pf_writer_options), PF_CODEC_ZSTD, PF_LEVEL_DEFAULT, PF_SYNC_ON_CLOSE, PF_IF_EXISTS_FAIL, 0, 0,  \
   0, 0, 0, 0, 0, 0, 0, 0, PF_STATISTICS_DEFAULT, NULL, 0, 0, NULL, 0, 0, 0, 0, 0}
#define PF_SINK_OPTIONS_INIT {sizeof(pf_sink_options), 0, 0, 0, 0, NULL, 0, 0, 0, NULL, 0, 0, 0}
#define PF_CAPTURE_STATS_INIT {sizeof(pf_capture_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
#define PF_PRODUCER_OPTIONS_INIT {sizeof(pf_producer_options), 0, 0}
#define PF_POOL_OPTIONS_INIT {sizeof(pf_pool_options), 0, 0, NULL, 0, 0}
#define PF_STATS_INIT {sizeof(pf_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

/** A field of a type that its name says all about. */
#define PF_FIELD(name, type, flags) PF_FIELD_OF((name), (type), (flags), 0, 0, NULL, NULL, 0)

/** A field of timestamps in a timezone. */
#define PF_FIELD_IN_ZONE(name, type, flags, timezone)                                                      \
  PF_FIELD_OF((name), (type), (flags), 0, 0, (timezone), NULL, 0)

/** A field of decimals (digits, digits after the point) or of fixed-size binary (bytes, 0). */
#define PF_FIELD_OF_WIDTH(name, type, flags, width, scale)                                                 \
  PF_FIELD_OF((name), (type), (flags), (width), (scale), NULL, NULL, 0)

/** A field of lists (of the one field `children`) or structs (of an array of `count` fields). */
#define PF_FIELD_OF_CHILDREN(name, type, flags, children, count)                                           \
  PF_FIELD_OF((name), (type), (flags), 0, 0, NULL, (children), (count))

/** What these four have in common; every field is given. */
#define PF_FIELD_OF(name, type, flags, width, scale, timezone, children, count)                            \
  {(name), (int32_t)(type), (uint32_t)(flags), (uint32_t)(width), (uint32_t)(scale), (timezone), (children), \
   (uint64_t)(count), 0, 0}

/** A column slice of `count` adjacent values; `validity` is a bitmap or NULL. */
#define PF_VALUES(values, count, validity)                                                                 \
  PF_SLICE((values), (uint64_t)(count) * sizeof(*(values)), (count), PF_LAYOUT_VALUES, NULL, (validity))

/** A column slice of `count` texts or byte strings: `size` bytes and `count + 1` int32 offsets into them. */
#define PF_OFFSETS(bytes, size, offsets, count, validity)                                                  \
  PF_SLICE((bytes), (size), (count), PF_LAYOUT_OFFSETS, (offsets), (validity))

/** A column slice of `count` texts or byte strings: an array of pointers and one of int64 lengths. */
#define PF_POINTERS(pointers, lengths, count, validity)                                                    \
  PF_SLICE((pointers), (uint64_t)(count) * sizeof(*(pointers)), (count), PF_LAYOUT_POINTERS, (lengths),    \
           (validity))

/** A column slice of `count` lists: `count + 1` int32 offsets into the elements of a slice. */
#define PF_LISTS(elements, offsets, count, validity)                                                       \
  PF_NESTED((elements), 1, (count), PF_LAYOUT_OFFSETS, (offsets), (validity))

/** A column slice of `count` structs: an array of `field_count` slices. */
#define PF_STRUCTS(fields, field_count, count, validity)                                                   \
  PF_NESTED((fields), (field_count), (count), PF_LAYOUT_STRUCT, NULL, (validity))

/** What these two have in common. */
#define PF_NESTED(children, child_count, count, layout, offsets, validity)                                 \
  {NULL, 0,    (uint64_t)(count), (layout), PF_VALIDITY_BITMAP, (offsets), (validity), 0, 0,               \
   NULL, 0,    PF_SEL_NONE,       0,        0,                  0,         NULL,       NULL, NULL, 0, 0,   \
   (children), (uint64_t)(child_count)}

/** What PF_VALUES, PF_OFFSETS and PF_POINTERS have in common; every field is given. */
#define PF_SLICE(values, size, count, layout, offsets, validity)                                           \
  {(values), (uint64_t)(size), (uint64_t)(count), (layout), PF_VALIDITY_BITMAP, (offsets), (validity), 0,  \
   0, NULL, 0, PF_SEL_NONE, 0, 0, 0, NULL, NULL, NULL, 0, 0, NULL, 0}

/** A row chunk of `count` column slices. */
#define PF_ROW_CHUNK(slices, count) {sizeof(pf_row_chunk), sizeof(pf_column_slice), (slices), (count)}

/** A required column of a row group: `count` adjacent values; or texts or byte strings, with `count + 1` offsets. */
#define PF_COLUMN_VALUES(values, count) {(values), (uint64_t)(count) * sizeof(*(values)), NULL, (uint64_t)(count)}
#define PF_COLUMN_BYTES(bytes, size, offsets, count) {(bytes), (uint64_t)(size), (offsets), (uint64_t)(count)}

/** The same with levels, `level_count` of both kinds; NULL for a kind that the column has not. */
#define PF_COLUMN_LEVELS(values, count, definition_levels, repetition_levels, level_count)                 \
  {(values), (uint64_t)(count) * sizeof(*(values)), NULL, (uint64_t)(count), (definition_levels),          \
   (repetition_levels), (uint64_t)(level_count)}
#define PF_COLUMN_BYTES_LEVELS(bytes, size, offsets, count, definition_levels, repetition_levels, level_count) \
  {(bytes), (uint64_t)(size), (offsets), (uint64_t)(count), (definition_levels), (repetition_levels),      \
   (uint64_t)(level_count)}

/** The Arrow C data and stream interfaces; include a header of Arrow's, or copy the structs from its page. */
struct ArrowSchema;
struct ArrowArray;
struct ArrowArrayStream;


/** Done. */
#define PF_OK 0

/** State: the lane is full; the record was dropped and counted. */
#define PF_FULL 1

/** State: the payload is longer than the sink's `max_payload`; dropped and counted. */
#define PF_OVERSIZED 2

/** State: the time is up; what was waited for goes on, call again. */
#define PF_TIMEOUT 3

/** An argument is NULL, out of range, misaligned or inconsistent with another. */
#define PF_ERR_INVALID_ARGUMENT -1

/** The columns are not those of the schema, or break a rule of it: count, lengths, a null where required. */
#define PF_ERR_SCHEMA_MISMATCH -2

/** A layout or width cannot carry the field's type. */
#define PF_ERR_TYPE_MISMATCH -3

/** Text is not valid UTF-8. */
#define PF_ERR_BAD_UTF8 -4

/** State error: the writer, sink or producer was closed. */
#define PF_ERR_CLOSED -10

/** State error: a panic was caught while the object was in use; free it. */
#define PF_ERR_POISONED -11

/** State error: the handle was freed, is of another kind, or never was a handle. */
#define PF_ERR_STALE_HANDLE -12

/** State error: this process is a fork of the one that uses libflow. */
#define PF_ERR_FORKED -13

/** I/O: a file or directory does not exist. */
#define PF_ERR_NOT_FOUND -20

/** I/O: the operating system refused access. */
#define PF_ERR_PERMISSION -21

/** I/O: the disk or the quota is full. */
#define PF_ERR_NO_SPACE -22

/** I/O: any other error; see `os_errno`. */
#define PF_ERR_IO -23

/** Data read back is damaged. */
#define PF_ERR_CORRUPT -30

/** Valid, but not available. */
#define PF_ERR_UNSUPPORTED -31

/** Memory could not be had. */
#define PF_ERR_OUT_OF_MEMORY -32

/** Something else is in the way: a published part, another writer of the name, a pool that runs. */
#define PF_ERR_CONFLICT -33

/** A panic was caught: a defect of libflow; please report it. */
#define PF_ERR_INTERNAL -40

/** bool: one byte a value in memory, 0 is false. */
#define PF_TYPE_BOOL 1

/** Signed 8-bit integer. */
#define PF_TYPE_INT8 2

/** Signed 16-bit integer. */
#define PF_TYPE_INT16 3

/** Signed 32-bit integer. */
#define PF_TYPE_INT32 4

/** Signed 64-bit integer. */
#define PF_TYPE_INT64 5

/** Unsigned 8-bit integer. */
#define PF_TYPE_UINT8 6

/** Unsigned 16-bit integer. */
#define PF_TYPE_UINT16 7

/** Unsigned 32-bit integer. */
#define PF_TYPE_UINT32 8

/** Unsigned 64-bit integer. */
#define PF_TYPE_UINT64 9

/** IEEE 754 single precision. */
#define PF_TYPE_FLOAT32 10

/** IEEE 754 double precision. */
#define PF_TYPE_FLOAT64 11

/** UTF-8 text of any length. */
#define PF_TYPE_UTF8 12

/** Bytes of any length. */
#define PF_TYPE_BINARY 13

/** Bytes of the length that `width` says. */
#define PF_TYPE_FIXED_SIZE_BINARY 14

/** int32 days since 1970-01-01. */
#define PF_TYPE_DATE32 15

/** int64 seconds since 1970-01-01. Parquet has no such unit: stored as milliseconds. */
#define PF_TYPE_TIMESTAMP_S 16

/** int64 milliseconds since 1970-01-01. */
#define PF_TYPE_TIMESTAMP_MS 17

/** int64 microseconds since 1970-01-01. */
#define PF_TYPE_TIMESTAMP_US 18

/** int64 nanoseconds since 1970-01-01. */
#define PF_TYPE_TIMESTAMP_NS 19

/** IEEE 754 half precision. */
#define PF_TYPE_FLOAT16 20

/** int32 seconds since midnight. Parquet has no such unit: stored as milliseconds. */
#define PF_TYPE_TIME32_S 21

/** int32 milliseconds since midnight. */
#define PF_TYPE_TIME32_MS 22

/** int64 microseconds since midnight. */
#define PF_TYPE_TIME64_US 23

/** int64 nanoseconds since midnight. */
#define PF_TYPE_TIME64_NS 24

/** int64 seconds. Durations are plain int64 to readers that do not know Arrow's schema in the file. */
#define PF_TYPE_DURATION_S 25

/** int64 milliseconds. */
#define PF_TYPE_DURATION_MS 26

/** int64 microseconds. */
#define PF_TYPE_DURATION_US 27

/** int64 nanoseconds. */
#define PF_TYPE_DURATION_NS 28

/** Decimal as an int32 times 10^-`scale`; `width` is its precision, 1 to 9 digits. */
#define PF_TYPE_DECIMAL32 29

/** Decimal as an int64 times 10^-`scale`; `width` is its precision, 1 to 18 digits. */
#define PF_TYPE_DECIMAL64 30

/** Decimal as a 128-bit integer times 10^-`scale`; `width` is its precision, 1 to 38 digits. */
#define PF_TYPE_DECIMAL128 31

/** Decimal as a 256-bit integer times 10^-`scale`; `width` is its precision, 1 to 76 digits. */
#define PF_TYPE_DECIMAL256 32

/** UUID: 16 bytes, in the order in which it is written. */
#define PF_TYPE_UUID 33

/** Lists of any length, of elements of the one field in `children`. */
#define PF_TYPE_LIST 34

/** Structs, of the fields in `children`. */
#define PF_TYPE_STRUCT 35

/** A field that is never null. */
#define PF_FIELD_REQUIRED 0

/** A field that may be null. */
#define PF_FIELD_NULLABLE 1

/**
 * A field that comes as indices into distinct values (`PF_LAYOUT_DICTIONARY`) and is stored so: neither
 * libflow nor a reader looks at the value of each row. For every type of one value but bool.
 */
#define PF_FIELD_DICTIONARY 2

/** Values of the field's C type (a bool is a byte), little-endian, of any alignment, `stride` bytes apart. */
#define PF_LAYOUT_VALUES 0

/**
 * Variable length: `length + 1` int32 offsets into `values`, as in Arrow's Binary and Utf8; of a list:
 * into the elements of the one slice in `children`, as in Arrow's List.
 */
#define PF_LAYOUT_OFFSETS 1

/** The same with int64 offsets, as in Arrow's LargeBinary, LargeUtf8 and LargeList. */
#define PF_LAYOUT_OFFSETS64 2

/** Variable length: `values` is an array of `length` pointers, `offsets` one of as many int64 lengths. */
#define PF_LAYOUT_POINTERS 3

/** Variable length: `values` are Arrow's 16-byte views, into `buffers`. */
#define PF_LAYOUT_VIEWS 4

/** Bools as bits, least significant first; the first is bit `values_offset`. */
#define PF_LAYOUT_BITS 5

/** `values` are signed indices, `index_width` bytes each, into the elements of `dictionary`. */
#define PF_LAYOUT_DICTIONARY 6

/**
 * Julia's `Date` and `DateTime`: int64 days (for a date) or milliseconds (for a timestamp) since
 * 0000-12-31, `stride` bytes apart. Converted to the field's epoch and unit.
 */
#define PF_LAYOUT_RATA_DIE 7

/** Structs: `children` are slices of the fields, each of `length` elements; no `values`. */
#define PF_LAYOUT_STRUCT 8

/** Bit `validity_offset + i`, least significant first, is 1 if source element i is valid. */
#define PF_VALIDITY_BITMAP 0

/** Byte i is 0 if source element i is null. */
#define PF_VALIDITY_BYTES 1

/** Source elements (of a dictionary: indices) whose bits equal the low bytes of `null_value` are null. */
#define PF_VALIDITY_SENTINEL 2

/** Floats that are NaN are null. */
#define PF_VALIDITY_NAN 3

/** No selection: the rows are the source elements. */
#define PF_SEL_NONE 0

/** `sel` are int32 indices. */
#define PF_SEL_INT32 1

/** `sel` are int64 indices. */
#define PF_SEL_INT64 2

/** What suits the values: the encoding in which a sample of them is smallest once compressed. */
#define PF_ENCODING_AUTO 0

/** As they are. Every type. */
#define PF_ENCODING_PLAIN 1

/**
 * Distinct values, and indices into them; PLAIN once the dictionary is full (131,072 numbers, or 1 MiB of
 * texts). Every type but bool.
 */
#define PF_ENCODING_DICTIONARY 2

/** Differences of neighbours. Parquet's INT32 and INT64: integers, dates, times, short decimals. */
#define PF_ENCODING_DELTA_BINARY_PACKED 3

/** The lengths, then the bytes. Text and binary. */
#define PF_ENCODING_DELTA_LENGTH_BYTE_ARRAY 4

/**
 * All first bytes, all second bytes, and so on. Parquet's INT32, INT64, FLOAT and DOUBLE; not
 * fixed-size binary, which few readers know it for.
 */
#define PF_ENCODING_BYTE_STREAM_SPLIT 5

/** The default: in options of a column what the part's options say, in these `PF_STATISTICS_PAGE`. */
#define PF_STATISTICS_DEFAULT 0

/** Nothing is told of the values. */
#define PF_STATISTICS_NONE 1

/** Least and greatest value, and the number of nulls, of each column in each row group. */
#define PF_STATISTICS_CHUNK 2

/** Of each page, too, so that readers skip pages. */
#define PF_STATISTICS_PAGE 3

/** A column with a bloom filter: readers that look for single values skip row groups that have none of them. */
#define PF_COLUMN_BLOOM_FILTER 1

/** Values fall from row to row. */
#define PF_SORT_DESCENDING 1

/** Nulls come before all values, not after them. */
#define PF_SORT_NULLS_FIRST 2

/** Parquet's own numbers (`CompressionCodec` in parquet.thrift): pages are not compressed. */
#define PF_CODEC_UNCOMPRESSED 0

/** Snappy. */
#define PF_CODEC_SNAPPY 1

/** Gzip, `codec_level` 0 to 9, default 6. */
#define PF_CODEC_GZIP 2

/**
 * Brotli, `codec_level` 0 to 11, default 1. Only in a libflow that was built with cargo's feature `brotli`:
 * another's `pf_writer_open` and `pf_sink_open` return `PF_ERR_UNSUPPORTED`.
 */
#define PF_CODEC_BROTLI 4

/** LZ4 in Hadoop's framing; deprecated by the format, for old readers. */
#define PF_CODEC_LZ4 5

/** Zstandard, `codec_level` 1 to 22, default 1; or -131,072 to -1, which are faster and compress less. */
#define PF_CODEC_ZSTD 6

/** LZ4 blocks. */
#define PF_CODEC_LZ4_RAW 7

/** The codec's default level. Codecs without levels take only this. */
#define PF_LEVEL_DEFAULT -2147483648

/**
 * Nothing is forced to disk at close: a crash of the process loses no published part, a power cut may, for as
 * long as the system keeps it in memory (on Linux half a minute or so).
 */
#define PF_SYNC_NONE 0

/**
 * The part is forced to disk before it is published, its directory after: what a close has returned for, no
 * power cut takes. The default.
 */
#define PF_SYNC_ON_CLOSE 1

/** A final name that is taken is `PF_ERR_CONFLICT`, at open and at close. The default. */
#define PF_IF_EXISTS_FAIL 0

/** The old file is replaced at close, in one step. */
#define PF_IF_EXISTS_REPLACE 1

/** Never null: the column is required. */
#define PF_NULL_NEVER 0

/**
 * Null when the field's bits equal the low `width` bytes of `null_value` (a NaN only if its bits are
 * those). Text is null when blank, and `null_value` is 0.
 */
#define PF_NULL_SENTINEL 1

/** Null when bit `null_bit` of the record is 0. */
#define PF_NULL_BIT 2

/**
 * `type` of a column that libflow makes: when the record was taken, as timestamps in UTC with nanoseconds. The
 * CPU's time stamp counter is read as the record is taken (`pf_reserve`: as it is committed) and turned into UTC
 * by the drain; how far off that may be is in the part's metadata `libflow.clock`, with each step of the wall
 * clock. A producer's times never go back but in such a step. Costs 8 bytes of the lane for each record.
 */
#define PF_STAMP_TIME 1001

/**
 * `type` of a column that libflow makes: the producer that gave the record, as uint32: 0 for the first that was
 * opened.
 */
#define PF_STAMP_PRODUCER 1002

/**
 * `type` of a column that libflow makes: the record's number among those its producer offered, from 0 on, as
 * uint64. Dropped records are counted, so the numbers that are missing are the records that are. Costs nothing
 * when the record is taken.
 */
#define PF_STAMP_SEQUENCE 1003

/** Lanes lie in memory and end with the process. */
#define PF_LANES_MEMORY 0

/** The same in huge pages, if there are some: fewer of the CPU's page look-ups miss. */
#define PF_LANES_HUGE_PAGES 1

/**
 * Lanes lie in files, `<part>.lanes/lane-<producer>`, which a later process drains: `pf_sink_open` of the same
 * path goes on with them, and `flow recover` finishes the part. A crash of the process, SIGKILL too, loses no
 * record that was taken and doubles none. A power cut loses what was not on disk: with `sync_ms` of the writer,
 * lanes and part are forced there so often, else when the kernel likes.
 */
#define PF_LANES_FILES 2

/** The drain sleeps when there is little to do, 100 microseconds each time. */
#define PF_IDLE_SLEEP 0

/** The drain lets other threads run when there is little to do. */
#define PF_IDLE_YIELD 1

/** The drain always looks again at once: a CPU of its own. */
#define PF_IDLE_SPIN 2

/** After an error of storage the sink refuses all further records with its class. */
#define PF_ON_ERROR_STOP 0

/**
 * After an error of storage lanes fill, and records are dropped and counted; the part is gone on with, from its
 * last row group that was written, as soon as that succeeds. Records that were taken and were not in it are read
 * again if lanes lie in files; else they are lost and counted.
 */
#define PF_ON_ERROR_RESUME 1

/** Records of several producers come lane by lane, as they are drained. */
#define PF_ORDER_NONE 0

/** They come by the time they were taken. */
#define PF_ORDER_CAPTURE_TIME 1

/** They come by a field of the record, `order_field`: a whole number or a time, never null. */
#define PF_ORDER_FIELD 2

/**
 * One thread's way into a sink. Unlike the other handles it is the address of the lane itself: only a
 * pointer that `pf_producer_open` gave, whose sink has not been freed, may be passed. In a forked child all calls
 * on it return `PF_ERR_FORKED`.
 */
typedef struct pf_producer pf_producer;

/** A record layout. Immutable once made; may be shared by threads and sinks. */
typedef struct pf_record_layout pf_record_layout;

/** A schema: the fields of a file. Immutable once made; may be shared by threads and writers. */
typedef struct pf_schema pf_schema;

/** A sink: captures records of many threads into one Parquet part. */
typedef struct pf_sink pf_sink;

/** A writer of one Parquet part. */
typedef struct pf_writer pf_writer;

/** What every fallible function returns: `PF_OK`, a state (> 0) or an error class (< 0). */
typedef int32_t pf_status;

/** A field of a schema. */
typedef struct pf_field {
  /**
   * Name: UTF-8, NUL-terminated, not empty, unique in its schema or struct. Copied. NULL for the
   * elements of a list, which the Parquet format names "element".
   */
  const char *name;
  /** One of `PF_TYPE_*`. */
  int32_t type;
  /** `PF_FIELD_REQUIRED` or `PF_FIELD_NULLABLE`, and `PF_FIELD_DICTIONARY` perhaps. */
  uint32_t flags;
  /** Bytes of a value of `PF_TYPE_FIXED_SIZE_BINARY`, digits of a decimal; 0 for every other type. */
  uint32_t width;
  /** Decimals: digits after the point, 0 to `width`. 0 for every other type. */
  uint32_t scale;
  /**
   * Timestamps: a timezone such as "UTC" (the values are instants, counted in UTC), or NULL (local
   * time without a zone). NULL for every other type. Copied.
   */
  const char *timezone;
  /** Lists: the field of the elements. Structs: the fields. NULL for every other type. Copied. */
  const struct pf_field *children;
  /** How many. */
  uint64_t child_count;
  /** The id by which table formats know the field, 1 or more; 0: none. */
  int32_t field_id;
  /** 0. */
  uint32_t reserved;
} pf_field;

/**
 * Error detail, owned by the caller, filled only when a call fails. Start it with `PF_ERROR_INIT`.
 * `message` and `file` are NUL-terminated, valid UTF-8, and cut short where they would not fit.
 */
typedef struct pf_error {
  /** `sizeof(pf_error)`, set by the caller. */
  uint32_t struct_size;
  /** The error class that the call returned. */
  pf_status status;
  /** The operating system's errno; 0 if none was involved. */
  int32_t os_errno;
  /** Line of `file`. */
  uint32_t line;
  /** The file of libflow's source that classified the error. */
  char file[64];
  /** What was wrong, with which value, and the cure. */
  char message[1024];
} pf_error;

/** Options of a column. */
typedef struct pf_column_options {
  /**
   * A field ("price"), a field of a struct ("a.b"), or a column as `flow inspect` names it
   * ("a.list.element"). A field that is nested stands for all columns in it. Of several elements that name a
   * column the last counts. Copied.
   */
  const char *path;
  /** One of `PF_ENCODING_*`; 0 is auto. */
  int32_t encoding;
  /** One of `PF_STATISTICS_*`; 0 is what the part's options say. */
  int32_t statistics;
  /** 0 or `PF_COLUMN_BLOOM_FILTER`. Default none: a filter takes about 10 bits a distinct value. */
  uint32_t flags;
  /** 0. */
  uint32_t reserved;
  /**
   * How often a bloom filter may take a value that is not there for one that could be, above 0 and below 1;
   * 0 = 0.01.
   */
  double bloom_fpp;
  /**
   * Distinct values of a row group at most, which is what a bloom filter starts with room for; it shrinks to
   * what it needs. 0: as many as the rows of a row group, at most 1,048,576.
   */
  uint64_t bloom_ndv;
} pf_column_options;

/** A column that rows are sorted by. */
typedef struct pf_sort_key {
  /** A field, a field of a struct ("a.b"), or a column as `flow inspect` names it. Copied. */
  const char *path;
  /** 0, or of `PF_SORT_*`. */
  uint32_t flags;
  /** 0. */
  uint32_t reserved;
} pf_sort_key;

/** Options of a writer. Start them with `PF_WRITER_OPTIONS_INIT`, which gives the defaults. */
typedef struct pf_writer_options {
  /** `sizeof(pf_writer_options)`. */
  uint32_t struct_size;
  /** One of `PF_CODEC_*`; default zstd: near the fast codecs' speed at a much better ratio. */
  int32_t codec;
  /** The codec's level, or `PF_LEVEL_DEFAULT`. */
  int32_t codec_level;
  /** One of `PF_SYNC_*`; default on close. */
  int32_t sync;
  /** One of `PF_IF_EXISTS_*`; default fail. */
  int32_t if_exists;
  /**
   * The form of data pages, 1 or 2; 0 = 1, which every reader knows. In version 2 nulls are known without
   * decompression, and values that it makes no smaller are stored as they are.
   */
  int32_t page_version;
  /** Rows of a row group, at most; 0 = 1,048,576, the default of most writers. */
  uint64_t row_group_rows;
  /**
   * Rows gathered before a batch goes to be encoded: no more than a row group's; 0 = 65,536. Fewer, but 8,192 at
   * least, if a writer's share of a quarter of the pool's `max_bytes` is less.
   */
  uint64_t window_rows;
  /** Bytes gathered before a batch goes to be encoded, about; 0 = 16 MiB, at most 1 GiB. */
  uint64_t window_bytes;
  /**
   * Bytes of batches waiting to be encoded before an append blocks; one batch always fits. 0: a batch for
   * each of the pool's threads and two more, but 3 MiB at least and 32 MiB at most.
   */
  uint64_t queue_bytes;
  /**
   * Bytes of a row group, as its rows lie in memory, about: it ends where either limit is reached. 0: no
   * limit, as readers work by rows.
   */
  uint64_t row_group_bytes;
  /**
   * Rows of a page, at most; 0 = 1,048,576, as a codec finds again only what the same page has had. Pages of
   * numbers and texts without a dictionary have 65,536 at most: less to decode for a reader that looks for a few.
   */
  uint64_t page_rows;
  /**
   * Bytes of a page before compression, about, at most 1 GiB; 0 = 2 MiB, which fit a reader's cache. One value
   * always fits.
   */
  uint64_t page_bytes;
  /**
   * Bytes after which what has been written is forced to disk, by a thread of its own; 0: only as `sync` says.
   * At most twice as many, and one write of about 4 MiB, are written and not on disk: beyond that, writing
   * waits. So a close has less to wait for, and a power cut takes no more than that of the temporary file. It
   * still takes the part: without a footer, which a close writes, readers do not open it. Rows are written
   * once their row group has ended. An error of the disk is the writer's, told by the next call or by close.
   */
  uint64_t sync_bytes;
  /**
   * 1: pages carry a CRC-32, which a reader may check (pyarrow: `page_checksum_verification`). 0, the
   * default: none does, as few readers look and compressed pages are often broken visibly.
   */
  uint32_t page_crc;
  /**
   * One of `PF_STATISTICS_*`, for columns without an option of their own; 0 = page: they cost little, and
   * readers skip what a filter rules out. Texts and bytes in them are cut to 64 bytes, as the format allows.
   */
  int32_t statistics;
  /**
   * Options of single columns, `column_count` of them, `column_size` (`sizeof(pf_column_options)`) bytes
   * each; NULL: none. Not kept.
   */
  const struct pf_column_options *columns;
  /** How many. */
  uint64_t column_count;
  /** `sizeof(pf_column_options)`. */
  uint64_t column_size;
  /**
   * What the rows of each row group are sorted by, most significant first: `sorting_count` elements of
   * `sorting_size` (`sizeof(pf_sort_key)`) bytes; NULL: not said. It is written into the metadata, where
   * readers may rely on it, and not checked. Not kept.
   */
  const struct pf_sort_key *sorting;
  /** How many. */
  uint64_t sorting_count;
  /** `sizeof(pf_sort_key)`. */
  uint64_t sorting_size;
  /**
   * Milliseconds after which what has been written is forced to disk, as by `sync_bytes`, beside which it may
   * be given; at most a day, 0: never. What was written longer ago, and as long as the disk took since, no power
   * cut takes.
   */
  uint64_t sync_ms;
  /**
   * 1: a journal, `<path>.journal`, grows beside the temporary file. A part that a crash cut short is finished
   * from it by `flow recover`, up to its last row group; without one it is lost. After a power cut, row groups
   * that were not on disk are left out: see `sync_ms`. Both files then stay when the writer fails or is freed,
   * too, and the path is refused with `PF_ERR_CONFLICT` until they are recovered or removed. 0, the default:
   * none, as it costs a write for each row group and a checksum of its bytes, and leaves files to look after.
   */
  uint32_t journal;
  /** 0. */
  uint32_t reserved;
} pf_writer_options;

/**
 * One column's share of a row chunk: data, layout, validity, selection, length. Start it with `PF_VALUES`,
 * `PF_OFFSETS` or `PF_POINTERS` and set what else is needed; every other field is 0 or NULL.
 */
typedef struct pf_column_slice {
  /** The source elements, or what their offsets point into: see the layout. */
  const void *values;
  /** Bytes readable at `values`. */
  uint64_t values_size;
  /** Source elements. */
  uint64_t length;
  /** One of `PF_LAYOUT_*`. */
  int32_t layout;
  /** One of `PF_VALIDITY_*`. */
  int32_t validity_kind;
  /** Offsets or lengths: see the layout. Else NULL. */
  const void *offsets;
  /**
   * Which source elements are null (not which rows: a selection is applied to it as well). NULL: none,
   * for a bitmap or bytes.
   */
  const uint8_t *validity;
  /** `PF_VALIDITY_BITMAP`: bits before the first element's. */
  uint64_t validity_offset;
  /** `PF_VALIDITY_SENTINEL`: the value that stands for null. */
  int64_t null_value;
  /**
   * Which source elements the rows are, of the type that `sel_kind` says: row i is source element
   * `sel[i] - sel_base`.
   */
  const void *sel;
  /** Indices in `sel`: the rows. */
  uint64_t sel_length;
  /** One of `PF_SEL_*`. */
  int32_t sel_kind;
  /** 0, or 1 if `sel` counts from 1. */
  uint32_t sel_base;
  /** Bytes from one element to the next, as for a field inside an array of structs; 0: adjacent. */
  uint64_t stride;
  /** `PF_LAYOUT_BITS`: bits before the first element. */
  uint64_t values_offset;
  /** `PF_LAYOUT_DICTIONARY`: its values, a slice without validity, selection or dictionary of its own. */
  const struct pf_column_slice *dictionary;
  /** `PF_LAYOUT_VIEWS`: the data buffers. */
  const void *const *buffers;
  /** `PF_LAYOUT_VIEWS`: their sizes in bytes. */
  const int64_t *buffer_sizes;
  /** `PF_LAYOUT_VIEWS`: how many. */
  uint32_t buffer_count;
  /** `PF_LAYOUT_DICTIONARY`: bytes of an index, 1, 2, 4 or 8. */
  uint32_t index_width;
  /**
   * Lists: the slice of the elements. Structs: the slices of the fields. They have validity of their
   * own (also under a null struct, where it does not matter), but no selection: that of the whole
   * slice is theirs.
   */
  const struct pf_column_slice *children;
  /** How many. */
  uint64_t child_count;
} pf_column_slice;

/** A row chunk: one slice a field, in the schema's order, all of one number of rows. See `PF_ROW_CHUNK`. */
typedef struct pf_row_chunk {
  /** `sizeof(pf_row_chunk)`. */
  uint32_t struct_size;
  /** `sizeof(pf_column_slice)`. */
  uint32_t slice_size;
  /** The slices. */
  const struct pf_column_slice *slices;
  /** How many. */
  uint64_t slice_count;
} pf_row_chunk;

/** What a published part holds. Start it with `PF_PART_INIT`. */
typedef struct pf_part {
  /** `sizeof(pf_part)`, set by the caller. */
  uint32_t struct_size;
  /** 0. */
  uint32_t reserved;
  /** Rows. */
  uint64_t rows;
  /** Bytes of the file. */
  uint64_t bytes;
  /** Row groups. */
  uint64_t row_groups;
  /** Its final name; valid until the writer is freed. */
  const char *path;
  /**
   * Which encodings were chosen for columns of `PF_ENCODING_AUTO`, and why: JSON, an array of arrays
   * `[column, encoding, values, distinct, bytes, plain, encoded]`, and "" if none were. `column` is the
   * leaf column's number, `encoding` its name in parquet.thrift. It was chosen by a sample of so many
   * `values`, of which `distinct` differ: PLAIN they are `bytes` bytes, compressed `plain`, and in this
   * encoding and compressed `encoded`, a dictionary's share included. The sample may be an earlier part's of the
   * process: where a few values of a column of the same name and type do the same, not all is tried anew. A
   * column for which another encoding was chosen later (after 1,048,576 rows or more, or for row groups of
   * another length) has an array for each.
   * Nested columns have none, nor bools, 16-bit floats, wide decimals and fixed-size binary. Also the part's
   * metadata `libflow.encodings`, which `flow inspect` shows. Valid until the writer is freed.
   */
  const char *encodings;
} pf_part;

/** A required column's values for a row group. See `PF_COLUMN_VALUES` and `PF_COLUMN_BYTES`. */
typedef struct pf_column_values {
  /**
   * Adjacent values of the column's physical type, little-endian, of any alignment: BOOLEAN 1 byte (0
   * is false), INT32 and FLOAT 4, INT64 and DOUBLE 8, INT96 12, FIXED_LEN_BYTE_ARRAY its length.
   * BYTE_ARRAY: the bytes that the offsets point into.
   */
  const void *values;
  /** Bytes at `values`: exactly those of `value_count` values, except for BYTE_ARRAY. */
  uint64_t values_size;
  /** BYTE_ARRAY: `value_count + 1` offsets in bytes, rising from 0 or more. Else NULL. */
  const int64_t *offsets;
  /** Values: one a row. */
  uint64_t value_count;
} pf_column_values;

/**
 * A column's values and levels for a row group. See `PF_COLUMN_LEVELS` and `PF_COLUMN_BYTES_LEVELS`.
 *
 * Levels are Parquet's own. A definition level counts the optional and repeated fields on the way to the
 * value, itself included, that are there: the column's maximum where there is a value, less where there
 * is a null or an empty list. A repetition level counts the repeated fields that go on: 0 starts a row.
 */
typedef struct pf_column_levels {
  /** As in `pf_column_values`: only the values that are there, nothing for nulls and empty lists. */
  const void *values;
  /** As in `pf_column_values`. */
  uint64_t values_size;
  /** As in `pf_column_values`. */
  const int64_t *offsets;
  /** Values that are there: as many as definition levels are the column's maximum. */
  uint64_t value_count;
  /** `level_count` levels. NULL if no field on the way to the column is optional or repeated. */
  const int16_t *definition_levels;
  /** `level_count` levels. NULL if no field on the way to the column is repeated. */
  const int16_t *repetition_levels;
  /** Levels; 0 if both are NULL. */
  uint64_t level_count;
} pf_column_levels;

/**
 * Options of the encode pool, which is one for the process. Start them with `PF_POOL_OPTIONS_INIT`, which
 * gives the defaults.
 *
 * Memory has a ceiling. Batches are in flight until their last column is encoded, and what was encoded of a
 * row group is from when that ends until it is written. Its writer's appends wait for it only once the next row
 * group has ended, so that one is encoded while another is written. A writer holds at most:
 *
 * ```text
 * queue_bytes, or one batch, if that is more
 * + two row groups as encoded, each with a dictionary of about 1 MiB a column at most: the one that
 *   batches go into, and the one that ended last
 * + 3 x window_bytes: what is being gathered, what `pf_close` sends, and pages before they are compressed
 * + 1 MiB for each thread: pages of a wide column that several compress
 * + 8 MiB, while it is being written
 * ```
 *
 * and all writers together the sum of that, in which `max_bytes` and one batch for each writer stand in
 * place of all `queue_bytes`, if that is less; and a quarter of `max_bytes`, or 8,192 rows and the latest chunk of
 * each writer if that is more, in place of all that is being gathered; a sixteenth of `max_bytes` of spent windows,
 * which the next use; and 6 MiB of memory for the pages that come next.
 *
 * What is freed goes to the C library, and glibc keeps some of it in each of its arenas, 8 for each CPU at most:
 * holes, and up to twice the largest block that was ever freed. `mallopt(M_TRIM_THRESHOLD, 128 << 10)` and
 * `mallopt(M_ARENA_MAX, 1)` make that little.
 */
typedef struct pf_pool_options {
  /** `sizeof(pf_pool_options)`. */
  uint32_t struct_size;
  /**
   * Threads that encode, each driving one task, at most 1,024; 0 = one for each CPU they may run on. More
   * would take turns in the middle of columns. They may pay if they wait, as for memory that is a mapped
   * file's. Storage is waited for on others, as many as there are writers waiting, which go when idle.
   */
  uint32_t threads;
  /** Bytes of each thread's stack; 0 = 2 MiB, else 64 KiB to 1 GiB. */
  uint64_t stack_bytes;
  /**
   * `cpu_count` numbers of CPUs that the threads may run on. NULL: those of the thread that opens the
   * first writer.
   */
  const uint32_t *cpus;
  /** Number of CPUs; 0 if there are none. */
  uint64_t cpu_count;
  /**
   * Bytes in flight in all writers before an append blocks; 0 = 1 GiB. Batches that are not encoded may be
   * a quarter of them: more would keep no thread busier. A writer with nothing in flight waits for that
   * only, so never for another's storage.
   */
  uint64_t max_bytes;
} pf_pool_options;

/**
 * What a writer, or the pool, has done so far, and where the time went: `blocked_ns` high says that encoding
 * or storage holds the callers up, then `encode_ns` and `write_ns` say which. Start it with
 * `PF_STATS_INIT`. Each number is exact; together they may be of slightly different moments.
 */
typedef struct pf_stats {
  /** `sizeof(pf_stats)`, set by the caller. */
  uint32_t struct_size;
  /** Threads that encode; 0 if the pool does not run. */
  uint32_t threads;
  /** Of the pool: writers that are open, those of sinks included. Of a writer: 1. */
  uint64_t writers;
  /** Rows handed to the pool; those in a coalesce window are not yet. */
  uint64_t rows;
  /** Their bytes in memory. */
  uint64_t bytes_in;
  /** Batches handed to the pool, row groups by levels included. */
  uint64_t batches;
  /** Of those, not begun. */
  uint64_t batches_queued;
  /** Of those, being encoded. */
  uint64_t batches_in_flight;
  /** Row groups written. */
  uint64_t row_groups;
  /** Rows in them. */
  uint64_t rows_written;
  /** Bytes written. */
  uint64_t bytes_written;
  /** Nanoseconds spent encoding, all threads together. */
  uint64_t encode_ns;
  /** Nanoseconds spent in storage: writing, forcing to disk, publishing; encoding of row groups by levels. */
  uint64_t write_ns;
  /** Nanoseconds that callers waited because a queue was full. */
  uint64_t blocked_ns;
  /** Bytes in flight. */
  uint64_t bytes_in_flight;
  /** The most they have been. */
  uint64_t bytes_high_water;
  /** Bytes in flight at which an append blocks. */
  uint64_t bytes_max;
} pf_stats;

/** A field of a record, or a column that libflow makes for it. */
typedef struct pf_record_field {
  /** Name of the column: UTF-8, NUL-terminated, not empty, unique in the layout. Copied. */
  const char *name;
  /**
   * One of `PF_TYPE_*`, or of `PF_STAMP_*`: then offset, width and all below are 0. Text is a char array,
   * padded with spaces or NULs, which are not stored; bytes in it that are not UTF-8 become U+FFFD, and the
   * sink counts them. Text and binary of any length (`width` 0) come in the record's payload: those of all
   * such fields one after the other, in the order of the fields.
   */
  int32_t type;
  /**
   * `offsetof(record, field)`; for text and binary of any length that of its length, a uint32_t. Also when it
   * is null, so many bytes of the payload are the field's.
   */
  uint32_t offset;
  /** `sizeof` the field; 0 for text and binary of any length. */
  uint32_t width;
  /** One of `PF_NULL_*`. */
  uint32_t null_kind;
  /** `PF_NULL_BIT`: which bit of the record; bit 0 is the least significant of its first byte. Else 0. */
  uint32_t null_bit;
  /** Decimals: digits after the point; they have as many digits as their type can hold. Else 0. */
  uint32_t scale;
  /** `PF_NULL_SENTINEL`: the value that stands for null. Else 0. */
  int64_t null_value;
  /** As in `pf_field`. */
  const char *timezone;
  /** As in `pf_field`. */
  int32_t field_id;
  /** 0. */
  uint32_t reserved;
} pf_record_field;

/** Options of a sink. Start them with `PF_SINK_OPTIONS_INIT`, which gives the defaults. */
typedef struct pf_sink_options {
  /** `sizeof(pf_sink_options)`. */
  uint32_t struct_size;
  /** Longest payload that is taken, in bytes; 0 = 65,536, at most 1 GiB. */
  uint32_t max_payload;
  /**
   * Bytes of each producer's lane, rounded up to a power of two; 0 = 4 MiB, or 64 MiB with lanes in files; at
   * most 1 GiB. Holds what comes while the drain is busy: 4 MiB are 65,536 records of 64 bytes. In a file,
   * records stay until their row group is written, which ends once a quarter of a lane is in it.
   */
  uint64_t lane_bytes;
  /** Where lanes lie: one of `PF_LANES_*`; default `PF_LANES_MEMORY`. */
  uint32_t lanes;
  /** What the drain does when there is little to do: one of `PF_IDLE_*`; default `PF_IDLE_SLEEP`. */
  uint32_t idle;
  /**
   * `PF_LANES_FILES`: the directory in which the lanes' own is made; NULL: beside the part. In a file system
   * in memory (`/dev/shm`) a record costs what it does in memory, and a power cut loses all of them; on a disk,
   * a store may wait now and then while the kernel writes the page.
   */
  const char *lane_directory;
  /**
   * A record is in a row group that has ended at most so many milliseconds after it was taken, but for what
   * the drain is behind; 0: row groups end when they are full. At most a day.
   */
  uint64_t max_delay_ms;
  /** 1 + the number of the CPU that the drain thread runs on; 0: any. */
  uint32_t drain_cpu;
  /**
   * In which order records of several producers come: one of `PF_ORDER_*`; default `PF_ORDER_NONE`. Those of
   * one producer always come as they were offered.
   */
  uint32_t order;
  /** `PF_ORDER_FIELD`: the field's name. Else NULL. */
  const char *order_field;
  /**
   * How long a record waits for earlier ones of other producers, in microseconds. Later ones come where they
   * come, and are counted.
   */
  uint64_t order_window_us;
  /** What follows an error of storage: one of `PF_ON_ERROR_*`; default `PF_ON_ERROR_STOP`. */
  uint32_t on_error;
  /** `PF_ON_ERROR_RESUME`: milliseconds between two tries; 0 = 1,000. */
  uint32_t retry_ms;
} pf_sink_options;

/**
 * What a sink has done so far. Start it with `PF_CAPTURE_STATS_INIT`. Counters of producers that run are read one
 * after the other, so they may be some records apart; `offered` is always `accepted + dropped`.
 */
typedef struct pf_capture_stats {
  /** `sizeof(pf_capture_stats)`, set by the caller. */
  uint32_t struct_size;
  /** The error that the sink has met and not got over, an error class; 0: none. `pf_sink_flush` tells more. */
  int32_t last_error;
  /** Producers opened. */
  uint64_t producers;
  /** Of these, those that are not closed and drained. */
  uint64_t open_producers;
  /** Records offered. */
  uint64_t offered;
  /** Records taken. */
  uint64_t accepted;
  /** Records refused because the lane was full, the payload too long, or the sink had failed. */
  uint64_t dropped;
  /** Of the dropped, those whose payload was too long. */
  uint64_t oversized;
  /** Times that a producer waited for room, and the nanoseconds. */
  uint64_t waits;
  /** The latter. */
  uint64_t waited_ns;
  /** Records taken that the drain has not read: how far it is behind. */
  uint64_t lag;
  /** Bytes in the lanes now. */
  uint64_t lane_bytes_used;
  /** Most bytes that the drain has found in one lane. */
  uint64_t lane_bytes_high_water;
  /** Records that are columns by now. */
  uint64_t rows;
  /** Bytes of the part so far. */
  uint64_t bytes;
  /** Row groups of the part so far. */
  uint64_t row_groups;
  /** Records that were taken, and lost in an error of storage. */
  uint64_t lost;
  /** Records that came later than the order's window. */
  uint64_t late;
  /** Values that could not be stored as they were. */
  uint64_t replaced;
  /** Times that it was tried to go on after an error of storage. */
  uint64_t retries;
} pf_capture_stats;

/** What a closed sink has done. Start it with `PF_SINK_RESULT_INIT`. */
typedef struct pf_sink_result {
  /** `sizeof(pf_sink_result)`, set by the caller. */
  uint32_t struct_size;
  /** 0. */
  uint32_t reserved;
  /** Producers opened. */
  uint64_t producers;
  /** Records taken; as many rows, less `lost`, are in the part. `accepted + dropped` is what was offered. */
  uint64_t accepted;
  /** Records refused: the lane was full, or the payload too long. */
  uint64_t dropped;
  /** Of the dropped, those whose payload was too long. */
  uint64_t oversized;
  /**
   * Values that could not be stored as they were: text that is no UTF-8 (each bad sequence becomes
   * U+FFFD), seconds out of range (they become the last in range).
   */
  uint64_t replaced;
  /** Rows of the part. */
  uint64_t rows;
  /** Bytes of the part. */
  uint64_t bytes;
  /** Row groups of the part. */
  uint64_t row_groups;
  /** The part's final name; valid until the sink is freed. */
  const char *path;
  /** Records that were taken, and lost in an error of storage: only with `PF_ON_ERROR_RESUME`. */
  uint64_t lost;
} pf_sink_result;

/** Options of a producer. Start them with `PF_PRODUCER_OPTIONS_INIT`, which gives the defaults. */
typedef struct pf_producer_options {
  /** `sizeof(pf_producer_options)`. */
  uint32_t struct_size;
  /** 0. */
  uint32_t reserved;
  /**
   * How long a record may wait for room before it is dropped, in nanoseconds; 0: not at all. The thread spins
   * at first, then lets others run between two looks, so it may be late by as long as they take. Waits are
   * counted, and so is their time.
   */
  uint64_t wait_ns;
} pf_producer_options;

/**
 * The start of what a `pf_producer` points to: for code that is compiled into the caller, as that of `flow.hpp`
 * is. Written by the producer's thread only.
 *
 * A record of `record_size` bytes that a lane with `stride` > 0 has room for (`tail + stride <= limit`) and takes
 * (`*state == 0`) may be copied to `ring + (tail & mask) + head`; then `tail` grows by `stride` and is stored in
 * `*published`, with release. If `head` is not 0, the CPU's time stamp counter goes first, as a uint64_t, if `is_tsc`
 * is 1. Everything else is `pf_try_record`'s.
 */
typedef struct pf_lane {
  /** The ring; what begins in it lies in one piece, over its end too. */
  uint8_t *ring;
  /** Its bytes, less 1. */
  uint64_t mask;
  /** Bytes published. */
  uint64_t tail;
  /** What `tail` may be without another look. */
  uint64_t limit;
  /** Where the drain reads `tail`: an atomic. */
  uint64_t *published;
  /** 0 while the lane is open: an atomic. Valid if `limit` is not 0. */
  const int32_t *state;
  /** Bytes of a record in the lane; 0: each has its own number. */
  uint64_t stride;
  /** Bytes of a record. */
  uint64_t record_size;
  /** Bytes before it in the lane. */
  uint64_t head;
  /** 1 if they are a time stamp that code outside the library may make. */
  uint64_t is_tsc;
} pf_lane;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the library that is linked, such as "0.1.0". `PF_VERSION` is that of the header.
 *
 * The result is static and never NULL. Never blocks; any thread.
 */
const char *pf_version(void);

/**
 * The version of the library that is linked, as `major * 1000000 + minor * 1000 + patch`; compare it
 * with `PF_VERSION_NUMBER`, that of the header.
 *
 * Never blocks; any thread.
 */
uint32_t pf_version_number(void);

/**
 * The name of a status, such as "PF_ERR_NO_SPACE"; "unknown status" for any other number.
 *
 * The result is static and never NULL. Never blocks; any thread.
 */
const char *pf_status_name(pf_status status);

/**
 * Makes a schema of `field_count` fields, `field_size` (`sizeof(pf_field)`) bytes each.
 *
 * On success `*schema` is a handle that the caller frees with `pf_schema_free`; on failure it is left
 * alone. Nothing passed in is kept. Never blocks; any thread.
 *
 * Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, no fields, an empty or repeated name, an unknown type or
 * flag, a bad width or timezone, children that do not suit the type), `PF_ERR_BAD_UTF8`.
 */
pf_status pf_schema_new(const struct pf_field *fields,
                        uint64_t field_count,
                        uint64_t field_size,
                        struct pf_schema **schema,
                        struct pf_error *error);

/**
 * Makes a schema from a Parquet message type, for `pf_writer_write_row_group` and its sibling: all
 * physical and annotated types, optional and repeated fields, groups in groups up to 64 deep.
 *
 * ```text
 * message trades {
 *   required int64 id;
 *   required int96 when;
 *   optional binary venue (UTF8);
 *   required fixed_len_byte_array(16) key (UUID);
 *   repeated double fills;
 *   optional group legs (LIST) { repeated group list { required int32 element; } }
 * }
 * ```
 *
 * A writer with such a schema takes no row chunks.
 *
 * On success `*schema` is a handle that the caller frees with `pf_schema_free`; on failure it is left
 * alone. Nothing passed in is kept. Never blocks; any thread.
 *
 * Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, text that is no message type, a group without fields or with
 * a name twice), `PF_ERR_BAD_UTF8`.
 */
pf_status pf_schema_from_message(const char *message,
                                 struct pf_schema **schema,
                                 struct pf_error *error);

/**
 * Frees a schema. Writers opened with it keep what they need. NULL and stale handles are ignored.
 *
 * Never blocks; any thread.
 */
void pf_schema_free(struct pf_schema *schema);

/**
 * Opens a writer of one Parquet part, `path`, and creates its temporary file `<path>.tmp`.
 *
 * `schema` stays the caller's and may be freed at once. `options` may be NULL for the defaults. On
 * success `*writer` is a handle that the caller frees with `pf_writer_free`; on failure it is left
 * alone and no file stays. Creates a file, so may block. Any thread.
 *
 * Errors: `PF_ERR_INVALID_ARGUMENT` (among them options of columns that are not there, or an encoding that
 * cannot carry the type), `PF_ERR_STALE_HANDLE` (schema), `PF_ERR_NOT_FOUND` (the
 * directory), `PF_ERR_PERMISSION`, `PF_ERR_NO_SPACE`, `PF_ERR_IO`, `PF_ERR_CONFLICT` (the part exists,
 * another writer is writing it, or it waits to be recovered from its journal), `PF_ERR_UNSUPPORTED` (a codec that
 * this build has not).
 */
pf_status pf_writer_open(const char *path,
                         const struct pf_schema *schema,
                         const struct pf_writer_options *options,
                         struct pf_writer **writer,
                         struct pf_error *error);

/**
 * Appends a row chunk. Everything is copied before the call returns; rows are encoded later, on
 * libflow's threads, in the order of the calls.
 *
 * The chunk is checked whole first: a refused one changes nothing, and the writer stays usable. Blocks
 * while more than `queue_bytes` wait to be encoded. One thread at a time per writer.
 *
 * Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, sizes, offsets, layout), `PF_ERR_SCHEMA_MISMATCH` (number
 * of columns, their lengths, a null in a required column), `PF_ERR_TYPE_MISMATCH` (a layout that
 * cannot carry the type), `PF_ERR_BAD_UTF8`, `PF_ERR_UNSUPPORTED` (a schema from a message type),
 * `PF_ERR_CLOSED`, `PF_ERR_STALE_HANDLE`; or the first error that encoding or writing met, which every
 * later call repeats.
 */
pf_status pf_append_row_chunk(struct pf_writer *writer,
                              const struct pf_row_chunk *chunk,
                              struct pf_error *error);

/**
 * Appends a row chunk as `pf_append_row_chunk` does, but never blocks: where that would, it returns
 * `PF_FULL` and nothing has been appended. A chunk larger than `queue_bytes` is taken when the queue is
 * empty. One thread at a time per writer.
 *
 * Errors: those of `pf_append_row_chunk`.
 */
pf_status pf_try_append_row_chunk(struct pf_writer *writer,
                                  const struct pf_row_chunk *chunk,
                                  struct pf_error *error);

/**
 * Adds a key and its value to the part's metadata, which is written at close; a key given again gets the new
 * value. Both are UTF-8, NUL-terminated, of 1 to 65,536 bytes, and copied. Keys that start with "libflow."
 * are libflow's own, and "ARROW:schema" is Arrow's. Never blocks, but for another thread's call on this
 * writer. One thread at a time per writer.
 *
 * Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, a reserved key), `PF_ERR_BAD_UTF8`, `PF_ERR_CLOSED`,
 * `PF_ERR_STALE_HANDLE`, or the writer's first error.
 */
pf_status pf_writer_put_metadata(struct pf_writer *writer,
                                 const char *key,
                                 const char *value,
                                 struct pf_error *error);

/**
 * Ends the row group: rows appended so far go into it, later ones into the next. Does not wait for it
 * to be written, and has no effect if no rows came since the last. Blocks as an append does. One
 * thread at a time per writer.
 *
 * Errors: `PF_ERR_CLOSED`, `PF_ERR_STALE_HANDLE`, `PF_ERR_INVALID_ARGUMENT` (NULL), or the writer's
 * first error.
 */
pf_status pf_flush(struct pf_writer *writer,
                   struct pf_error *error);

/**
 * Encodes and writes what is left, forces it to disk as the options say, and publishes the part under
 * its final name. Blocks until done, however long that takes; `pf_writer_stats` tells how far it is. A
 * writer that failed publishes nothing and removes its temporary file, unless it has a journal. Called again, it
 * returns the same result; two threads may call it at once, and an append of another thread comes before it or is refused.
 *
 * `part` may be NULL; it is filled on success.
 *
 * Errors: the writer's first error, `PF_ERR_CONFLICT` (the final name was taken meanwhile),
 * `PF_ERR_STALE_HANDLE`, `PF_ERR_INVALID_ARGUMENT` (NULL, or `part` without its size).
 */
pf_status pf_close(struct pf_writer *writer,
                   struct pf_part *part,
                   struct pf_error *error);

/**
 * Closes as `pf_close` does, but gives up after `timeout_ns` nanoseconds with `PF_TIMEOUT`, if it is not
 * done: the writer takes nothing more then, and goes on closing. Call this or `pf_close` again to wait on, or
 * free the writer, which publishes nothing if it is in time. With 0 it asks whether the part is published.
 *
 * `part` may be NULL; it is filled on success. Two threads may call it at once.
 *
 * Errors: those of `pf_close`.
 */
pf_status pf_close_timeout(struct pf_writer *writer,
                           uint64_t timeout_ns,
                           struct pf_part *part,
                           struct pf_error *error);

/**
 * Frees a writer. One that was not closed publishes nothing, and its temporary file is removed, unless it has a
 * journal. NULL and stale handles are ignored. A call in flight on another thread, which may be blocked, returns
 * `PF_ERR_CLOSED`.
 *
 * Waits for what is being encoded or written at the moment, up to 10 seconds: storage that takes longer ends
 * on its own, and the temporary file goes then. Any thread.
 */
void pf_writer_free(struct pf_writer *writer);

/**
 * Writes one row group of `rows` rows from `column_count` columns, `column_size`
 * (`sizeof(pf_column_values)`) bytes each: one for each leaf column of the part's Parquet schema, in its
 * order, all of them required.
 *
 * Everything is copied before the call returns, and encoded later, on libflow's threads. Rows that came
 * before, by whatever call, come before in the part; the row group they are in ends. This one is written
 * whole, whatever `row_group_rows` says. With 0 rows it is `pf_flush`.
 *
 * The schema may come from `pf_schema_from_message` or from fields. Those have the physical types that
 * Parquet gives them: INT32 for 32 bits and less, dates included, INT64 for 64, timestamps included
 * (seconds as milliseconds).
 *
 * The row group is checked whole first: a refused one changes nothing, and the writer stays usable.
 * Blocks while more than `queue_bytes` wait to be encoded. One thread at a time per writer.
 *
 * Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, sizes, offsets, values outside of an annotation's integers),
 * `PF_ERR_SCHEMA_MISMATCH` (number of columns, of rows, a column that is not required),
 * `PF_ERR_TYPE_MISMATCH` (offsets missing or not wanted), `PF_ERR_BAD_UTF8` (columns annotated as text),
 * `PF_ERR_CLOSED`, `PF_ERR_STALE_HANDLE`; or the writer's first error.
 */
pf_status pf_writer_write_row_group(struct pf_writer *writer,
                                    uint64_t rows,
                                    const struct pf_column_values *columns,
                                    uint64_t column_count,
                                    uint64_t column_size,
                                    struct pf_error *error);

/**
 * As `pf_writer_write_row_group`, for columns of any kind: with definition levels for the optional ones
 * and repetition levels for the repeated ones. `column_size` is `sizeof(pf_column_levels)`.
 *
 * Levels are checked, too, as no reader could tell: each in the column's range, the first of a list
 * before those that go on with it, as many values as are said to be there, as many rows as `rows`, and
 * columns of one group agree on where it is null, empty or repeated.
 *
 * Errors: also `PF_ERR_INVALID_ARGUMENT` (a column's levels), `PF_ERR_SCHEMA_MISMATCH` (levels missing or
 * not wanted, columns that disagree).
 */
pf_status pf_writer_write_row_group_with_levels(struct pf_writer *writer,
                                                uint64_t rows,
                                                const struct pf_column_levels *columns,
                                                uint64_t column_count,
                                                uint64_t column_size,
                                                struct pf_error *error);

/**
 * Sets the encode pool up. It starts with the first writer or sink that is opened; until then, calling again
 * replaces what was set.
 *
 * `options` may be NULL for the defaults; nothing passed in is kept. Never blocks; any thread.
 *
 * Errors: `PF_ERR_INVALID_ARGUMENT` (a value out of range, a CPU that this thread may not use),
 * `PF_ERR_CONFLICT` (the pool runs).
 */
pf_status pf_pool_configure(const struct pf_pool_options *options,
                            struct pf_error *error);

/**
 * What the encode pool is set up with; if it does not run yet, what it would be: no field is 0 for a default.
 *
 * `options` is filled on success; its `cpus` are valid until `pf_pool_configure` changes them. Never blocks;
 * any thread.
 *
 * Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, or `options` without its size).
 */
pf_status pf_pool_options_get(struct pf_pool_options *options,
                              struct pf_error *error);

/**
 * Reads what a writer has done so far. Also while another thread is in a call on it, `pf_close` included,
 * and after that: `rows_written` tells how far a close has come.
 *
 * `stats` is filled on success. Never blocks; any thread.
 *
 * Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, or `stats` without its size), `PF_ERR_STALE_HANDLE`.
 */
pf_status pf_writer_stats(const struct pf_writer *writer,
                          struct pf_stats *stats,
                          struct pf_error *error);

/**
 * Reads what all writers of the process have done so far, the freed ones included; all 0 if none was opened.
 *
 * `stats` is filled on success. Never blocks; any thread.
 *
 * Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, or `stats` without its size).
 */
pf_status pf_pool_stats(struct pf_stats *stats,
                        struct pf_error *error);

/**
 * Makes a schema of an Arrow schema of a record batch: a struct type, whose children are the columns.
 *
 * Takes `arrow_schema`: it is moved from, its `release` becomes NULL, and it is released before the
 * call returns, whether it fails or not. Names, nullability and metadata, of the fields too, are kept
 * and stored. On success `*schema` is a handle that the caller frees with `pf_schema_free`; on failure
 * it is left alone. Never blocks; any thread.
 *
 * Taken, not borrowed, so that one rule holds for all of Arrow's structs; for a batch, export it again.
 *
 * A file holds timestamps and times in seconds as milliseconds, dates in milliseconds as days, and list
 * views as lists.
 *
 * Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, misaligned, released before, a format that is not Arrow's, a
 * wrong number of children, no columns, an empty or repeated name), `PF_ERR_UNSUPPORTED` (a type that
 * Parquet cannot hold: unions, run-end encoding, intervals of months, days and nanoseconds, nested
 * dictionaries; more than 64 levels of nesting), `PF_ERR_BAD_UTF8` (a name).
 */
pf_status pf_schema_from_arrow(struct ArrowSchema *arrow_schema,
                               struct pf_schema **schema,
                               struct pf_error *error);

/**
 * Appends an Arrow record batch: a struct array, whose children are the columns. They must be those of
 * the writer's schema, in its order, of its names and types; names inside lists and maps, metadata and
 * what the batch's schema says of nulls do not matter, but no null may be where the writer's schema
 * says required.
 *
 * Takes `array` and `schema`: they are moved from, their `release` becomes NULL, and each is released
 * once, whether the call fails or not; only a pointer that is NULL or misaligned is left alone. The
 * columns are not copied: the array is released when its last row has been encoded, maybe on a thread
 * of libflow's after this call, and at the latest in `pf_writer_free`. Where nothing is compressed, long columns
 * of rows that fill their row group already go to storage from where they lie: then it is released when these row
 * groups have been written, which waits for no later call.
 *
 * Every value is checked before any row is taken: offsets, dictionary keys, UTF-8, the digits of
 * decimals; that costs one pass over the batch. What cannot be checked is that a buffer is as long as
 * the array's length and offsets say. What lies under a null may be anything. A batch that is refused
 * changes nothing, and the writer stays usable. Rows of earlier calls come first. Blocks as
 * `pf_append_row_chunk` does. One thread at a time per writer.
 *
 * A release that runs on a thread of libflow's may run while this or a later append waits for it, so it
 * must not need a lock that the caller holds (Python's, say: call through `ctypes.CDLL`, not `PyDLL`).
 *
 * Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, misaligned, released before, lengths, offsets, counts,
 * dictionary keys, a value that the stored type cannot hold), `PF_ERR_SCHEMA_MISMATCH` (number or names
 * of columns, a null in a required one), `PF_ERR_TYPE_MISMATCH` (a column of another type),
 * `PF_ERR_UNSUPPORTED` (nesting of more than 64 levels), `PF_ERR_BAD_UTF8`, `PF_ERR_CLOSED`,
 * `PF_ERR_STALE_HANDLE`; or the writer's first error.
 */
pf_status pf_append_arrow(struct pf_writer *writer,
                          struct ArrowArray *array,
                          struct ArrowSchema *schema,
                          struct pf_error *error);

/**
 * Appends every record batch of an Arrow stream, as `pf_append_arrow` does one.
 *
 * Takes `stream`: it is moved from, its `release` becomes NULL, and it is released before the call
 * returns, whether it fails or not. Its callbacks run on the calling thread. A batch that is refused,
 * or a stream that fails, ends the call: batches before it stay appended, and the writer stays usable.
 * Blocks as `pf_append_row_chunk` does, and as the stream does. One thread at a time per writer.
 *
 * Errors: those of `pf_append_arrow`; and what the stream reports, with its errno and its own words:
 * the I/O classes, `PF_ERR_OUT_OF_MEMORY`.
 */
pf_status pf_append_arrow_stream(struct pf_writer *writer,
                                 struct ArrowArrayStream *stream,
                                 struct pf_error *error);

/**
 * Makes a layout of records of `record_size` bytes with `field_count` fields, `field_size`
 * (`sizeof(pf_record_field)`) bytes each.
 *
 * With `payload_name`, each record is followed by bytes of any length, which become a last, required
 * binary column of that name, without those of fields that have theirs there; then `record_size` and
 * `field_count` may be 0 (an opaque payload and nothing else). NULL: no such column. A payload that is not as
 * long as the record says is cut, or what is left over is; the sink counts it as replaced.
 *
 * On success `*layout` is a handle that the caller frees with `pf_record_layout_free`; on failure it
 * is left alone. Nothing passed in is kept. Never blocks; any thread.
 *
 * Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, no fields, a name, a field or bit outside the record, an
 * unknown type or null kind), `PF_ERR_TYPE_MISMATCH` (a width that is not the type's),
 * `PF_ERR_UNSUPPORTED` (a sentinel of more than 8 bytes), `PF_ERR_BAD_UTF8`.
 */
pf_status pf_record_layout_new(uint32_t record_size,
                               const struct pf_record_field *fields,
                               uint64_t field_count,
                               uint64_t field_size,
                               const char *payload_name,
                               struct pf_record_layout **layout,
                               struct pf_error *error);

/**
 * Frees a layout. Sinks opened with it keep what they need. NULL and stale handles are ignored.
 *
 * Never blocks; any thread.
 */
void pf_record_layout_free(struct pf_record_layout *layout);

/**
 * Opens a sink that captures records of `layout` into one Parquet part, `path`, creates its temporary
 * file `<path>.tmp`, and starts a drain thread.
 *
 * `layout` stays the caller's and may be freed at once. Both options may be NULL for the defaults. On
 * success `*sink` is a handle that the caller frees with `pf_sink_free`; on failure it is left alone
 * and no file stays but what was there. Creates files, and takes some milliseconds to measure the clock, so may
 * block. Any thread.
 *
 * With `PF_LANES_FILES`, if an earlier process left lanes of this path, their records go into this part first.
 *
 * Errors: those of `pf_writer_open`; `PF_ERR_INVALID_ARGUMENT` (an option, its value and the cure);
 * `PF_ERR_SCHEMA_MISMATCH` (lanes that were left hold records of another layout), `PF_ERR_NOT_FOUND` (lanes that
 * were left belong to a part that is gone), `PF_ERR_CORRUPT`.
 */
pf_status pf_sink_open(const char *path,
                       const struct pf_record_layout *layout,
                       const struct pf_writer_options *writer_options,
                       const struct pf_sink_options *sink_options,
                       struct pf_sink **sink,
                       struct pf_error *error);

/**
 * What a sink has done so far, its producers with it. Takes nothing from their threads.
 *
 * `stats` is filled on success. Never blocks; any thread, at any time until `pf_sink_free`.
 *
 * Errors: `PF_ERR_STALE_HANDLE`, `PF_ERR_INVALID_ARGUMENT` (NULL, or `stats` without its size).
 */
pf_status pf_sink_stats(const struct pf_sink *sink,
                        struct pf_capture_stats *stats,
                        struct pf_error *error);

/**
 * Ends the row group once everything has been captured that is in the lanes now, and waits for that: not for the
 * row group to be written.
 *
 * May block. Any thread. Errors: the error that the sink has met and not got over, `PF_ERR_CLOSED`,
 * `PF_ERR_STALE_HANDLE`, `PF_ERR_INVALID_ARGUMENT` (NULL).
 */
pf_status pf_sink_flush(struct pf_sink *sink,
                        struct pf_error *error);

/**
 * Closes every producer, captures what lies in their lanes, publishes the part under its final name.
 * Blocks until done. No thread may be inside a record call meanwhile; later ones return
 * `PF_ERR_CLOSED`. A sink that failed publishes nothing. Called again, it returns the same result; two
 * threads may call it at once.
 *
 * `result` may be NULL; it is filled on success.
 *
 * Errors: the first error that capturing met, `PF_ERR_CONFLICT` (the final name was taken meanwhile),
 * `PF_ERR_STALE_HANDLE`, `PF_ERR_INVALID_ARGUMENT` (NULL, or `result` without its size).
 */
pf_status pf_sink_close(struct pf_sink *sink,
                        struct pf_sink_result *result,
                        struct pf_error *error);

/**
 * Frees a sink and all its producers, whose pointers must not be used any more. One that was not closed
 * publishes nothing, and its temporary file is removed; unless it has a journal or lanes in files: then all stays
 * as a crash would leave it. NULL and stale handles are ignored.
 *
 * May wait for a batch being encoded. Any thread.
 */
void pf_sink_free(struct pf_sink *sink);

/**
 * Opens a producer: a lane of its own for one thread. Maps the lane and touches every page of it, so that no
 * record has to; the pages are taken from the memory node of the thread that opens it, so let that be its own.
 *
 * `options` may be NULL for the defaults. On success `*producer` is valid until `pf_sink_free`; on failure it is
 * left alone. Any thread; the producer may then be used by another one, but by one at a time. A thread that ends
 * inside a call loses that record and no other.
 *
 * Errors: `PF_ERR_CLOSED`, `PF_ERR_STALE_HANDLE`, `PF_ERR_INVALID_ARGUMENT` (NULL), those of creating a file (a
 * lane in one), or the sink's first error.
 */
pf_status pf_producer_open(struct pf_sink *sink,
                           const struct pf_producer_options *options,
                           struct pf_producer **producer,
                           struct pf_error *error);

/**
 * Offers a record of `size` bytes, the layout's record size. It is copied, or dropped and counted.
 *
 * Never blocks, allocates, locks or makes a system call, unless the producer was told to wait. One thread at a
 * time per producer. `record` need not be aligned and stays the caller's.
 *
 * Returns `PF_OK` if the record was taken, `PF_FULL` if it was dropped because the lane is full.
 * Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, a wrong size, a layout with a payload; not counted as
 * offered), `PF_ERR_CLOSED` (the producer or its sink was closed), `PF_ERR_FORKED`, or the class of the sink's
 * first error, in which case the record counts as dropped.
 */
pf_status pf_try_record(struct pf_producer *producer,
                        const void *record,
                        uint64_t size);

/**
 * Offers `count` records of `size` bytes that lie one after the other. As many as fit are taken, the first ones,
 * and handed over together; the others are dropped and counted.
 *
 * `taken` may be NULL; else it is set to how many were taken, whatever is returned. Blocking, threads and results
 * are those of `pf_try_record`; `PF_FULL` if one was dropped. With capture times, each record has its own.
 */
pf_status pf_try_record_n(struct pf_producer *producer,
                          const void *records,
                          uint64_t size,
                          uint64_t count,
                          uint64_t *taken);

/**
 * Offers a record and its payload, for layouts with a payload. Both are copied, or dropped and counted.
 *
 * `record` is NULL with `size` 0 if the layout has no fields; `payload` may be NULL with `payload_size`
 * 0. Blocking, threads and results are those of `pf_try_record`, and `PF_OVERSIZED` if the payload is
 * longer than `max_payload`: dropped and counted.
 */
pf_status pf_try_record_payload(struct pf_producer *producer,
                                const void *record,
                                uint64_t size,
                                const void *payload,
                                uint64_t payload_size);

/**
 * Reserves room for one record in the lane, so that it can be written where it stays: no copy. With a payload,
 * for up to `payload_size` bytes of it too, else 0. Then `pf_commit`, or `pf_abort`.
 *
 * On `PF_OK`, `*record` is where the layout's record goes, and `*payload` where the payload does, both aligned to
 * 8 bytes; what is there is not defined, and both are the caller's until `pf_commit`, `pf_abort` or the next call
 * that reserves or offers a record, which gives up what was not committed. `payload` may be NULL if the layout
 * has none. Nothing was offered before `pf_commit`; but if there is no room, a record was, and is dropped and
 * counted.
 *
 * Blocking, threads and results are those of `pf_try_record_payload`; then the outputs are left alone.
 */
pf_status pf_reserve(struct pf_producer *producer,
                     uint64_t payload_size,
                     void **record,
                     void **payload);

/**
 * Hands the record over that was written into what `pf_reserve` gave, with the first `payload_size` bytes of its
 * payload: no more than were reserved.
 *
 * Blocking and threads are those of `pf_try_record`. Errors: `PF_ERR_INVALID_ARGUMENT` (NULL, nothing is reserved,
 * more bytes than were; the reservation stays), `PF_ERR_CLOSED`, `PF_ERR_FORKED`, or the class of the sink's first
 * error: then the record counts as dropped.
 */
pf_status pf_commit(struct pf_producer *producer,
                    uint64_t payload_size);

/**
 * Gives up what `pf_reserve` gave: the record was not offered, and counts nowhere. Nothing reserved is fine.
 *
 * Blocking and threads are those of `pf_try_record`. Errors: `PF_ERR_INVALID_ARGUMENT` (NULL).
 */
pf_status pf_abort(struct pf_producer *producer);

/**
 * Closes a producer: its thread offers no more. What lies in its lane is still captured, then the lane's
 * memory is given back. Closing twice is fine; so is not closing, as `pf_sink_close` does it.
 *
 * Never blocks. The thread that uses the producer, or another while it is not in use.
 * Errors: `PF_ERR_INVALID_ARGUMENT` (NULL).
 */
pf_status pf_producer_close(struct pf_producer *producer,
                            struct pf_error *error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LIBFLOW_FLOW_H */
