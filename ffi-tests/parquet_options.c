/* Options of a Parquet part: every one over every type. tests/readback looks whether the files have what was
 * asked for, and hold what they should. */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "expected.h"
#include "table.h"

#define ROWS 250

static const pf_writer_options start = PF_WRITER_OPTIONS_INIT;
static table *all_types;

/* Writes the table with these options, in chunks of 90 rows. */
static void part(const char *name, const pf_writer_options *options, uint64_t row_groups) {
  const char *path = path_of(name);
  pf_schema *schema = table_schema(all_types);
  pf_writer *writer = NULL;
  pf_part made = PF_PART_INIT;
  CHECK_OK(pf_writer_open(path, schema, options, &writer, &err));
  for (uint64_t row = 0; row < ROWS; row += 90)
    table_append(writer, all_types, row, ROWS - row < 90 ? ROWS - row : 90);
  CHECK_OK(pf_close(writer, &made, &err));
  CHECK(made.rows == ROWS);
  table_expect(path, all_types, row_groups == 0 ? made.row_groups : row_groups);
  pf_writer_free(writer);
  pf_schema_free(schema);
}

static void pages(void) {
  static const struct {
    const char *name;
    int32_t codec, level, version;
    uint32_t crc;
  } forms[] = {
      {"v1_crc.parquet", PF_CODEC_ZSTD, PF_LEVEL_DEFAULT, 1, 1},
      {"v2.parquet", PF_CODEC_ZSTD, PF_LEVEL_DEFAULT, 2, 0},
      {"v2_crc.parquet", PF_CODEC_ZSTD, PF_LEVEL_DEFAULT, 2, 1},
      {"v2_crc_uncompressed.parquet", PF_CODEC_UNCOMPRESSED, PF_LEVEL_DEFAULT, 2, 1},
      {"v2_snappy.parquet", PF_CODEC_SNAPPY, PF_LEVEL_DEFAULT, 2, 0},
      {"v2_gzip.parquet", PF_CODEC_GZIP, PF_LEVEL_DEFAULT, 2, 0},
      {"v2_lz4_raw.parquet", PF_CODEC_LZ4_RAW, PF_LEVEL_DEFAULT, 2, 0},
      {"zstd_least.parquet", PF_CODEC_ZSTD, -131072, 0, 0},
      {"zstd_minus_7.parquet", PF_CODEC_ZSTD, -7, 0, 0},
      {"zstd_minus_1.parquet", PF_CODEC_ZSTD, -1, 2, 0},
  };
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    pf_writer_options options = start;
    options.codec = forms[i].codec;
    options.codec_level = forms[i].level;
    options.page_version = forms[i].version;
    options.page_crc = forms[i].crc;
    part(forms[i].name, &options, 1);
  }
}

static void limits(void) {
  pf_writer_options options = start;
  options.page_rows = 33;
  part("page_rows.parquet", &options, 1);
  options.page_rows = 1;
  options.page_version = 2;
  part("page_of_a_row.parquet", &options, 1);
  options = start;
  options.page_bytes = 400;
  part("page_bytes.parquet", &options, 1);
  options.page_bytes = 1;
  part("page_of_a_byte.parquet", &options, 1);
  options = start;
  options.row_group_bytes = 100000; /* a row has 1 to 2 thousand */
  part("row_group_bytes.parquet", &options, 0);
  options.row_group_bytes = 1;
  part("row_group_of_a_byte.parquet", &options, ROWS);
  options.row_group_rows = 100;
  options.row_group_bytes = UINT64_MAX;
  part("row_group_rows.parquet", &options, 3);
}

static bool has_width(int32_t type, bool with_floats) {
  switch (type) {
    case PF_TYPE_FLOAT32:
    case PF_TYPE_FLOAT64:
      return with_floats;
    case PF_TYPE_BOOL:
    case PF_TYPE_UTF8:
    case PF_TYPE_BINARY:
    case PF_TYPE_FIXED_SIZE_BINARY:
    case PF_TYPE_UUID:
    case PF_TYPE_FLOAT16:
    case PF_TYPE_DECIMAL128:
    case PF_TYPE_DECIMAL256:
      return false;
    default:
      return true;
  }
}

/* Whether the encoding can carry the type. */
static bool suits(int32_t encoding, int32_t type) {
  switch (encoding) {
    case PF_ENCODING_DICTIONARY:
      return type != PF_TYPE_BOOL;
    case PF_ENCODING_DELTA_BINARY_PACKED:
      return has_width(type, false);
    case PF_ENCODING_DELTA_LENGTH_BYTE_ARRAY:
      return type == PF_TYPE_UTF8 || type == PF_TYPE_BINARY;
    case PF_ENCODING_BYTE_STREAM_SPLIT:
      return has_width(type, true);
    default:
      return true;
  }
}

/* Each encoding for the columns it suits; for the others it is refused. */
static void encodings(void) {
  static const char *const names[] = {"auto",  "plain",         "dictionary",
                                      "delta", "delta_lengths", "byte_stream_split"};
  for (int32_t encoding = PF_ENCODING_AUTO; encoding <= PF_ENCODING_BYTE_STREAM_SPLIT; encoding++) {
    pf_column_options columns[TABLE_COLUMNS];
    memset(columns, 0, sizeof columns);
    pf_writer_options options = start;
    options.columns = columns;
    options.column_size = sizeof *columns;
    pf_schema *schema = table_schema(all_types);
    for (size_t i = 0; i < TABLE_COLUMNS; i++) {
      pf_column_options *column = &columns[options.column_count++];
      column->path = all_types->names[i];
      column->encoding = encoding;
      if (suits(encoding, all_types->fields[i].type)) continue;
      pf_writer *none = NULL;
      const char *path = path_of("refused.parquet");
      CHECK_INVALID(pf_writer_open(path, schema, &options, &none, &err));
      CHECK_SAYS("cannot carry");
      CHECK_SAYS(all_types->names[i]);
      CHECK_NO_FILE(path);
      memset(column, 0, sizeof *column);
      options.column_count--;
    }
    pf_schema_free(schema);
    for (int32_t version = 1; version <= 2; version++) {
      char name[64];
      snprintf(name, sizeof name, "%s_v%d.parquet", names[encoding], (int)version);
      options.page_version = version;
      options.page_rows = version == 1 ? 0 : 40;
      part(name, &options, 1);
    }
  }
}

static void statistics(void) {
  pf_column_options column = {"int32", PF_ENCODING_AUTO, PF_STATISTICS_NONE, 0, 0, 0, 0};
  pf_writer_options options = start;
  options.columns = &column;
  options.column_count = 1;
  options.column_size = sizeof column;
  options.statistics = PF_STATISTICS_CHUNK;
  part("statistics_chunk.parquet", &options, 1);
  options.statistics = PF_STATISTICS_PAGE;
  part("statistics_page.parquet", &options, 1);
  options.statistics = PF_STATISTICS_NONE;
  column.statistics = PF_STATISTICS_CHUNK;
  part("statistics_none.parquet", &options, 1);
}

static void bloom_filters(void) {
  pf_column_options columns[TABLE_COLUMNS];
  memset(columns, 0, sizeof columns);
  pf_writer_options options = start;
  options.columns = columns;
  options.column_size = sizeof *columns;
  options.row_group_rows = 100;
  for (size_t i = 0; i < TABLE_COLUMNS; i++) {
    if (all_types->fields[i].type == PF_TYPE_BOOL) continue;
    pf_column_options *column = &columns[options.column_count++];
    column->path = all_types->names[i];
    column->flags = PF_COLUMN_BLOOM_FILTER;
    column->bloom_fpp = i % 3 == 0 ? 0.001 : 0;
    column->bloom_ndv = i % 2 == 0 ? 1000 : 0;
  }
  part("bloom.parquet", &options, 3);
}

/* Sort keys, field ids and metadata. */
static void metadata(void) {
  const pf_field fields[] = {
      {"id", PF_TYPE_INT64, PF_FIELD_REQUIRED, 0, 0, NULL, NULL, 0, 2147483647, 0},
      {"text", PF_TYPE_UTF8, PF_FIELD_NULLABLE, 0, 0, NULL, NULL, 0, 7, 0},
      {"key", PF_TYPE_UUID, PF_FIELD_REQUIRED, 0, 0, NULL, NULL, 0, 8, 0},
  };
  const pf_sort_key sorting[] = {{"text", PF_SORT_DESCENDING | PF_SORT_NULLS_FIRST, 0}, {"id", 0, 0}};
  const pf_column_options columns[] = {
      {"id", PF_ENCODING_PLAIN, PF_STATISTICS_NONE, 0, 0, 0, 0},
      {"id", PF_ENCODING_DELTA_BINARY_PACKED, PF_STATISTICS_DEFAULT, PF_COLUMN_BLOOM_FILTER, 0, 0,
       0}, /* counts */
  };
  pf_writer_options options = start;
  options.sorting = sorting;
  options.sorting_count = 2;
  options.sorting_size = sizeof *sorting;
  options.columns = columns;
  options.column_count = 2;
  options.column_size = sizeof *columns;
  pf_schema *schema = NULL;
  pf_writer *writer = NULL;
  const char *path = path_of("metadata.parquet");
  CHECK_OK(pf_schema_new(fields, 3, sizeof *fields, &schema, &err));
  CHECK_OK(pf_writer_open(path, schema, &options, &writer, &err));
  pf_schema_free(schema);

  const int64_t ids[] = {9, 4};
  const int32_t text_ends[] = {0, 0, 1};
  const uint8_t valid = 2, keys[32] = {1, 2, 3};
  pf_column_slice slices[] = {PF_VALUES(ids, 2, NULL), PF_OFFSETS("b", 1, text_ends, 2, &valid),
                              PF_VALUES(keys, 32, NULL)};
  slices[2].length = 2;
  const pf_row_chunk chunk = PF_ROW_CHUNK(slices, 3);
  CHECK_OK(pf_append_row_chunk(writer, &chunk, &err));
  CHECK_OK(pf_writer_put_metadata(writer, "owner", "nobody", &err));
  CHECK_OK(pf_writer_put_metadata(writer, "run", "7", &err));
  CHECK_OK(pf_writer_put_metadata(writer, "owner", "Zoë", &err));
  CHECK_OK(pf_close(writer, NULL, &err));
  CHECK_STATUS(pf_writer_put_metadata(writer, "late", "x", &err), PF_ERR_CLOSED);
  pf_writer_free(writer);

  expected to = expect_begin(path, fields, 3, 1, false, false);
  for (int row = 0; row < 2; row++) {
    expect_value(&to, &ids[row], sizeof *ids);
    expect_value(&to, row == 0 ? NULL : "b", 1);
    expect_value(&to, keys + 16 * row, 16);
  }
  expect_end(&to);
}

/* What is chosen is told, and only where there was a choice and a value. */
static void choices(void) {
  enum { rows = 5000 };
  static int64_t few[rows], numbers[rows];
  static double reals[rows];
  static uint8_t nulls[rows];
  const pf_field fields[] = {
      PF_FIELD("few", PF_TYPE_INT64, PF_FIELD_REQUIRED),
      PF_FIELD("rising", PF_TYPE_INT64, PF_FIELD_REQUIRED),
      PF_FIELD("asked", PF_TYPE_INT64, PF_FIELD_REQUIRED),
      PF_FIELD("real", PF_TYPE_FLOAT64, PF_FIELD_REQUIRED),
      PF_FIELD("null", PF_TYPE_INT64, PF_FIELD_NULLABLE),
  };
  const pf_column_options asked = {"asked", PF_ENCODING_PLAIN, 0, 0, 0, 0, 0};
  pf_writer_options options = start;
  options.columns = &asked;
  options.column_count = 1;
  options.column_size = sizeof asked;
  options.window_rows = rows;
  pf_schema *schema = NULL;
  pf_writer *writer = NULL;
  CHECK_OK(pf_schema_new(fields, 5, sizeof *fields, &schema, &err));
  const char *path = path_of("choices.parquet");
  CHECK_OK(pf_writer_open(path, schema, &options, &writer, &err));
  pf_schema_free(schema);
  for (int64_t i = 0; i < rows; i++) {
    few[i] = i * i * 1000003 % 7 * 1000000007;
    numbers[i] = i * 1000 + i % 13;
    reals[i] = 1.0 + (double)(i * 7919 % rows) / rows;
  }
  pf_column_slice slices[] = {PF_VALUES(few, rows, NULL), PF_VALUES(numbers, rows, NULL),
                              PF_VALUES(numbers, rows, NULL), PF_VALUES(reals, rows, NULL),
                              PF_VALUES(numbers, rows, nulls)};
  slices[4].validity_kind = PF_VALIDITY_BYTES;
  const pf_row_chunk chunk = PF_ROW_CHUNK(slices, 5);
  CHECK_OK(pf_append_row_chunk(writer, &chunk, &err));
  pf_part made = PF_PART_INIT, again = PF_PART_INIT;
  CHECK_OK(pf_close(writer, &made, &err));
  CHECK_OK(pf_close(writer, &again, &err));
  CHECK(made.encodings == again.encodings);
  CHECK(strncmp(made.encodings, "[[0,\"RLE_DICTIONARY\",1024,4,8192,", 32) == 0);
  CHECK(strstr(made.encodings, "],[1,\"DELTA_BINARY_PACKED\",1024,1024,8192,") != NULL);
  CHECK(strstr(made.encodings, "],[2,") == NULL);
  CHECK(strstr(made.encodings, "],[3,\"BYTE_STREAM_SPLIT\",1024,1024,8192,") != NULL);
  CHECK(strstr(made.encodings, "],[4,") == NULL);
  expected to = expect_begin(path, fields, 5, 1, false, false);
  for (int row = 0; row < rows; row++) {
    expect_value(&to, &few[row], 8);
    expect_value(&to, &numbers[row], 8);
    expect_value(&to, &numbers[row], 8);
    expect_value(&to, &reals[row], 8);
    expect_value(&to, NULL, 8);
  }
  expect_end(&to);
  pf_writer_free(writer);

  /* A part without rows. */
  writer = open_column(path_of("no_choices.parquet"), fields, NULL);
  CHECK_OK(pf_close(writer, &made, &err));
  CHECK(strcmp(made.encodings, "") == 0);
  to = expect_begin(made.path, fields, 1, 0, false, false);
  expect_end(&to);
  pf_writer_free(writer);
}

/* A sink takes the same options. */
static void of_a_sink(void) {
  const pf_record_field field = {"n", PF_TYPE_INT64, 0, 8, PF_NULL_NEVER, 0, 0, 0, NULL, 3, 0};
  const pf_column_options column = {"n", PF_ENCODING_PLAIN, 0, PF_COLUMN_BLOOM_FILTER, 0, 0, 0};
  const pf_field expected_field = {"n", PF_TYPE_INT64, PF_FIELD_REQUIRED, 0, 0, NULL, NULL, 0, 0, 0};
  pf_writer_options options = start;
  options.columns = &column;
  options.column_count = 1;
  options.column_size = sizeof column;
  options.page_crc = 1;
  pf_record_layout *layout = NULL;
  pf_sink *sink = NULL;
  pf_producer *producer = NULL;
  const char *path = path_of("sink.parquet");
  CHECK_OK(pf_record_layout_new(8, &field, 1, sizeof field, NULL, &layout, &err));
  CHECK_OK(pf_sink_open(path, layout, &options, NULL, &sink, &err));
  CHECK_OK(pf_producer_open(sink, NULL, &producer, &err));
  expected to = expect_begin(path, &expected_field, 1, 1, false, true);
  for (int64_t n = 0; n < 50; n++) {
    CHECK(pf_try_record(producer, &n, sizeof n) == PF_OK);
    expect_value(&to, &n, sizeof n);
  }
  expect_end(&to);
  CHECK_OK(pf_sink_close(sink, NULL, &err));
  pf_sink_free(sink);
  pf_record_layout_free(layout);
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  all_types = table_new(ROWS);
  pages();
  limits();
  encodings();
  statistics();
  bloom_filters();
  metadata();
  choices();
  of_a_sink();
  table_free(all_types);
  return test_end();
}
