/* Writers: every type through every codec and cadence, row groups, closing and freeing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "expected.h"
#include "table.h"

#define ROWS 250

static table *all_types;

static pf_writer *open_table(const char *path, const pf_writer_options *options) {
  pf_schema *schema = table_schema(all_types);
  pf_writer *writer = NULL;
  CHECK_OK(pf_writer_open(path, schema, options, &writer, &err));
  pf_schema_free(schema);
  return writer;
}

/* Closes, checks what the part is said to hold, and that nothing but the part is there. */
static void close_part(pf_writer *writer, const char *path, uint64_t rows, uint64_t row_groups) {
  pf_part part = PF_PART_INIT;
  CHECK(!exists(path));
  CHECK_OK(pf_close(writer, &part, &err));
  CHECK(part.rows == rows && part.row_groups == row_groups);
  CHECK(part.bytes == file_size(path));
  CHECK(strcmp(part.path, path) == 0);
  CHECK(part.struct_size == sizeof part && part.reserved == 0);
  pf_writer_free(writer);
  char temporary[1100];
  snprintf(temporary, sizeof temporary, "%s.tmp", path);
  CHECK(!exists(temporary));
}

static void close_table(pf_writer *writer, const char *path, uint64_t row_groups) {
  close_part(writer, path, ROWS, row_groups);
  table_expect(path, all_types, row_groups);
}

static void every_codec(void) {
  static const struct {
    const char *name;
    int32_t codec, level;
  } codecs[] = {
      {"uncompressed.parquet", PF_CODEC_UNCOMPRESSED, PF_LEVEL_DEFAULT},
      {"snappy.parquet", PF_CODEC_SNAPPY, PF_LEVEL_DEFAULT},
      {"gzip.parquet", PF_CODEC_GZIP, PF_LEVEL_DEFAULT},
      {"gzip_0.parquet", PF_CODEC_GZIP, 0},
      {"gzip_9.parquet", PF_CODEC_GZIP, 9},
      {"lz4.parquet", PF_CODEC_LZ4, PF_LEVEL_DEFAULT},
      {"lz4_raw.parquet", PF_CODEC_LZ4_RAW, PF_LEVEL_DEFAULT},
      {"zstd.parquet", PF_CODEC_ZSTD, PF_LEVEL_DEFAULT},
      {"zstd_1.parquet", PF_CODEC_ZSTD, 1},
      {"zstd_9.parquet", PF_CODEC_ZSTD, 9},
  };
  for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
    pf_writer_options options = PF_WRITER_OPTIONS_INIT;
    options.codec = codecs[i].codec;
    options.codec_level = codecs[i].level;
    const char *path = path_of(codecs[i].name);
    pf_writer *writer = open_table(path, &options);
    table_append(writer, all_types, 0, ROWS);
    close_table(writer, path, 1);
  }
}

static void default_options(void) {
  const char *path = path_of("defaults.parquet");
  pf_writer *writer = open_table(path, NULL);
  table_append(writer, all_types, 0, ROWS);
  close_table(writer, path, 1);
}

static void every_cadence(void) {
  const char *path = path_of("row_by_row.parquet");
  pf_writer *writer = open_table(path, NULL);
  for (uint64_t row = 0; row < ROWS; row++) table_append(writer, all_types, row, 1);
  close_table(writer, path, 1);

  path = path_of("odd_chunks.parquet");
  pf_writer_options options = PF_WRITER_OPTIONS_INIT;
  options.window_rows = 7;
  options.queue_bytes = 1; /* one batch at a time */
  writer = open_table(path, &options);
  for (uint64_t row = 0, count = 1; row < ROWS; row += count, count += 2) {
    if (count > ROWS - row) count = ROWS - row;
    table_append(writer, all_types, row, count);
    table_append(writer, all_types, row, 0);
  }
  close_table(writer, path, 1);

  path = path_of("window_of_one.parquet");
  options.window_rows = 1;
  options.queue_bytes = 0;
  writer = open_table(path, &options);
  table_append(writer, all_types, 0, ROWS);
  close_table(writer, path, 1);

  path = path_of("window_of_a_byte.parquet");
  options.window_rows = 0;
  options.window_bytes = 1;
  writer = open_table(path, &options);
  table_append(writer, all_types, 0, ROWS);
  close_table(writer, path, 1);
}

static void row_groups_end_where_asked(void) {
  const char *path = path_of("row_group_rows.parquet");
  pf_writer_options options = PF_WRITER_OPTIONS_INIT;
  options.row_group_rows = 64;
  options.window_rows = 50;
  pf_writer *writer = open_table(path, &options);
  table_append(writer, all_types, 0, ROWS);
  close_table(writer, path, 4); /* 64 + 64 + 64 + 58 */

  path = path_of("flushes.parquet");
  writer = open_table(path, NULL);
  CHECK_OK(pf_flush(writer, &err)); /* no rows yet, so no row group */
  table_append(writer, all_types, 0, 100);
  CHECK_OK(pf_flush(writer, &err));
  CHECK_OK(pf_flush(writer, &err));
  table_append(writer, all_types, 100, 0);
  CHECK_OK(pf_flush(writer, &err));
  table_append(writer, all_types, 100, 1);
  CHECK_OK(pf_flush(writer, &err));
  table_append(writer, all_types, 101, ROWS - 101);
  close_table(writer, path, 3);
}

static void no_rows(void) {
  const pf_writer_options start = PF_WRITER_OPTIONS_INIT;
  for (int with_chunk = 0; with_chunk <= 1; with_chunk++) {
    const char *path = path_of(with_chunk ? "empty_chunk.parquet" : "empty.parquet");
    pf_writer_options options = start;
    options.codec_level = 22; /* zstd's highest */
    pf_writer *writer = open_table(path, &options);
    if (with_chunk) {
      pf_column_slice slices[TABLE_COLUMNS];
      memset(slices, 0, sizeof slices); /* no values, so no pointers either */
      int32_t zero = 0;
      for (size_t i = 0; i < TABLE_COLUMNS; i++)
        if (all_types->columns[i].offsets != NULL) {
          slices[i].layout = PF_LAYOUT_OFFSETS;
          slices[i].offsets = &zero;
        }
      pf_row_chunk chunk = PF_ROW_CHUNK(slices, TABLE_COLUMNS);
      CHECK_OK(pf_append_row_chunk(writer, &chunk, &err));
    }
    close_part(writer, path, 0, 0);
    expected to = expect_begin(path, all_types->fields, TABLE_COLUMNS, 0, false, false);
    expect_end(&to);
  }
}

/* Values of any alignment, as they lie in a packed message. */
static void unaligned_values(void) {
  enum { rows = 33 };
  static const pf_field fields[] = {
      PF_FIELD("int16", PF_TYPE_INT16, PF_FIELD_REQUIRED),
      PF_FIELD("int32", PF_TYPE_INT32, PF_FIELD_REQUIRED),
      PF_FIELD("float64", PF_TYPE_FLOAT64, PF_FIELD_REQUIRED),
      PF_FIELD("ts_s", PF_TYPE_TIMESTAMP_S, PF_FIELD_REQUIRED),
  };
  enum { columns = sizeof fields / sizeof *fields };
  pf_schema *schema = NULL;
  pf_writer *writer = NULL;
  const char *path = path_of("unaligned.parquet");
  CHECK_OK(pf_schema_new(fields, columns, sizeof *fields, &schema, &err));
  CHECK_OK(pf_writer_open(path, schema, NULL, &writer, &err));
  expected to = expect_begin(path, fields, columns, 1, false, false);
  unsigned char *memory = malloc(columns * (8 * rows + 8));
  CHECK(memory != NULL);
  for (size_t by = 1; by < 8; by++) {
    pf_column_slice slices[columns];
    for (size_t i = 0; i < columns; i++) {
      size_t width = value_size(fields[i].type, 0);
      unsigned char *values = memory + i * (8 * rows + 8) + by;
      for (size_t byte = 0; byte < rows * width; byte++) /* small enough for seconds */
        values[byte] = byte % width >= 4 ? 0 : (unsigned char)(7 * byte + by);
      pf_column_slice slice = PF_VALUES(values, rows * width, NULL);
      slice.length = rows;
      slices[i] = slice;
    }
    pf_row_chunk chunk = PF_ROW_CHUNK(slices, columns);
    CHECK_OK(pf_append_row_chunk(writer, &chunk, &err));
    for (size_t row = 0; row < rows; row++)
      for (size_t i = 0; i < columns; i++) {
        size_t width = value_size(fields[i].type, 0);
        expect_value(&to, (const unsigned char *)slices[i].values + row * width, width);
      }
  }
  free(memory);
  pf_schema_free(schema);
  expect_end(&to);
  close_part(writer, path, 7 * rows, 1);
}

/* The ends of each range, which some readers cannot show: see tests/readback. */
static void limits_of_time(void) {
  static const pf_field fields[] = {
      PF_FIELD("date", PF_TYPE_DATE32, PF_FIELD_REQUIRED),
      PF_FIELD("s", PF_TYPE_TIMESTAMP_S, PF_FIELD_REQUIRED),
      PF_FIELD_IN_ZONE("ms", PF_TYPE_TIMESTAMP_MS, PF_FIELD_REQUIRED, "Europe/Berlin"),
      PF_FIELD_IN_ZONE("us", PF_TYPE_TIMESTAMP_US, PF_FIELD_REQUIRED, "Asia/Kolkata"),
      PF_FIELD("ns", PF_TYPE_TIMESTAMP_NS, PF_FIELD_REQUIRED),
  };
  enum { columns = sizeof fields / sizeof *fields };
  const int32_t dates[] = {INT32_MIN, -1, 0, INT32_MAX};
  const int64_t seconds[] = {-(INT64_MAX / 1000), -1, 0, INT64_MAX / 1000};
  const int64_t others[] = {INT64_MIN, -1, 0, INT64_MAX};
  const pf_column_slice slices[] = {
      PF_VALUES(dates, 4, NULL),  PF_VALUES(seconds, 4, NULL), PF_VALUES(others, 4, NULL),
      PF_VALUES(others, 4, NULL), PF_VALUES(others, 4, NULL),
  };
  const pf_row_chunk chunk = PF_ROW_CHUNK(slices, columns);
  pf_schema *schema = NULL;
  pf_writer *writer = NULL;
  const char *path = path_of("limits_of_time.parquet");
  CHECK_OK(pf_schema_new(fields, columns, sizeof *fields, &schema, &err));
  CHECK_OK(pf_writer_open(path, schema, NULL, &writer, &err));
  CHECK_OK(pf_append_row_chunk(writer, &chunk, &err));
  close_part(writer, path, 4, 1);
  pf_schema_free(schema);
  expected to = expect_begin(path, fields, columns, 1, false, false);
  for (size_t row = 0; row < 4; row++) {
    expect_value(&to, &dates[row], sizeof dates[row]);
    expect_value(&to, &seconds[row], sizeof seconds[row]);
    for (size_t i = 2; i < columns; i++) expect_value(&to, &others[row], sizeof others[row]);
  }
  expect_end(&to);
}

/* One big chunk: more rows than a window and than a row group has. */
static void one_big_chunk(void) {
  static const pf_field fields[] = {
      PF_FIELD("number", PF_TYPE_INT64, PF_FIELD_REQUIRED),
      PF_FIELD("text", PF_TYPE_UTF8, PF_FIELD_REQUIRED),
  };
  uint64_t rows = scaled(100000);
  int64_t *numbers = malloc(rows * sizeof *numbers);
  int32_t *offsets = malloc((rows + 1) * sizeof *offsets);
  char *text = malloc(rows * 8);
  CHECK(numbers != NULL && offsets != NULL && text != NULL);
  offsets[0] = 0;
  for (uint64_t row = 0; row < rows; row++) {
    numbers[row] = (int64_t)(row * row);
    int length = sprintf(text + offsets[row], "%x", (unsigned)row);
    offsets[row + 1] = offsets[row] + length;
  }
  const pf_column_slice slices[] = {PF_VALUES(numbers, rows, NULL),
                                    PF_OFFSETS(text, offsets[rows], offsets, rows, NULL)};
  const pf_row_chunk chunk = PF_ROW_CHUNK(slices, 2);
  pf_writer_options options = PF_WRITER_OPTIONS_INIT;
  options.row_group_rows = rows / 3 + 1;
  options.window_rows = rows / 10;
  pf_schema *schema = NULL;
  pf_writer *writer = NULL;
  const char *path = path_of("big.parquet");
  CHECK_OK(pf_schema_new(fields, 2, sizeof *fields, &schema, &err));
  CHECK_OK(pf_writer_open(path, schema, &options, &writer, &err));
  CHECK_OK(pf_append_row_chunk(writer, &chunk, &err));
  close_part(writer, path, rows, 3);
  pf_schema_free(schema);
  expected to = expect_begin(path, fields, 2, 3, false, false);
  for (uint64_t row = 0; row < rows; row++) {
    expect_value(&to, &numbers[row], sizeof numbers[row]);
    expect_value(&to, text + offsets[row], (size_t)(offsets[row + 1] - offsets[row]));
  }
  expect_end(&to);
  free(numbers);
  free(offsets);
  free(text);
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  all_types = table_new(ROWS);
  every_codec();
  default_options();
  every_cadence();
  row_groups_end_where_asked();
  no_rows();
  unaligned_values();
  limits_of_time();
  one_big_chunk();
  table_free(all_types);
  return test_end();
}
