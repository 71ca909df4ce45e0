/* Row groups by levels: every physical type, required, optional and repeated, and nested ones; among row
 * chunks, flushes and a full queue. What is refused is in levels_errors.c. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "expected.h"

enum { BOOLEAN, INT32, INT64, INT96, FLOAT, DOUBLE, BYTES, FIXED, TYPES };
enum { ROWS = 300, MOST = 3 * ROWS, WIDTH = 5 };

/* As readers show them; and the names of the physical types. */
static const int32_t shown_as[TYPES] = {
    PF_TYPE_BOOL,    PF_TYPE_INT32,   PF_TYPE_INT64,  PF_TYPE_TIMESTAMP_NS,
    PF_TYPE_FLOAT32, PF_TYPE_FLOAT64, PF_TYPE_BINARY, PF_TYPE_FIXED_SIZE_BINARY};
static const char *const physical[TYPES] = {"boolean", "int32",  "int64",  "int96",
                                            "float",   "double", "binary", "fixed_len_byte_array(5)"};

/* Julian day 2440588 is 1970-01-01; the nanoseconds of the day come first. */
static void put_int96(unsigned char *out, int64_t nanoseconds) {
  const int64_t day = INT64_C(86400000000000);
  int64_t days = nanoseconds / day - (nanoseconds % day < 0), rest = nanoseconds - days * day;
  uint32_t julian = (uint32_t)(days + 2440588);
  memcpy(out, &rest, 8);
  memcpy(out + 8, &julian, 4);
}

/* The nth value of a type as readers show it; returns its bytes. */
static size_t nth(int type, uint64_t n, unsigned char out[16]) {
  const int64_t number = (int64_t)(n * UINT64_C(0x9E3779B97F4A7C15));
  const int32_t half = (int32_t)(number >> 32);
  const int64_t time = number / 1000 * 1000; /* whole microseconds, which is what DuckDB reads */
  const float f32 = n % 10 == 3 ? INFINITY : (float)n / 3 - 20;
  const double f64 = n % 10 == 4 ? -0.0 : (double)half / 7;
  const void *const values[TYPES] = {&number, &half, &number, &time, &f32, &f64, &number, &number};
  const size_t sizes[TYPES] = {1, 4, 8, 8, 4, 8, n % 9, WIDTH};
  memcpy(out, values[type], sizes[type]);
  if (type == BOOLEAN) out[0] = n % 3 == 0 ? (unsigned char)(n % 255 + 1) : 0; /* not 0 is true */
  return sizes[type];
}

/* A column's memory. */
typedef struct memory {
  int type;
  unsigned char values[MOST * 16];
  uint64_t size, count, level_count;
  int64_t offsets[MOST + 1];
  int16_t definitions[MOST], repetitions[MOST];
} memory;

static void add_level(memory *to, int16_t definition, int16_t repetition) {
  to->definitions[to->level_count] = definition;
  to->repetitions[to->level_count++] = repetition;
}

/* Adds the nth value, and tells the expectation. */
static void add_value(memory *to, expected *part, uint64_t n) {
  unsigned char value[16];
  size_t size = nth(to->type, n, value);
  expect_value(part, value, size);
  if (to->type == INT96) {
    int64_t time;
    memcpy(&time, value, sizeof time);
    put_int96(value, time);
    size = 12;
  }
  memcpy(to->values + to->size, value, size);
  to->size += size;
  to->offsets[++to->count] = (int64_t)to->size;
}

static pf_column_values values_of(const memory *from) {
  const pf_column_values column = {from->values, from->size, from->type == BYTES ? from->offsets : NULL,
                                   from->count};
  return column;
}

static pf_column_levels levels_of(const memory *from, uint32_t flags) {
  const pf_column_levels column = {from->values,
                                   from->size,
                                   from->type == BYTES ? from->offsets : NULL,
                                   from->count,
                                   flags == PF_FIELD_REQUIRED ? NULL : from->definitions,
                                   flags == EXPECT_REPEATED ? from->repetitions : NULL,
                                   flags == PF_FIELD_REQUIRED ? 0 : from->level_count};
  return column;
}

static pf_writer *open_message(const char *path, const char *message, const pf_writer_options *options) {
  pf_schema *schema = NULL;
  pf_writer *writer = NULL;
  CHECK_OK(pf_schema_from_message(message, &schema, &err));
  CHECK_OK(pf_writer_open(path, schema, options, &writer, &err));
  pf_schema_free(schema);
  return writer;
}

static void close_part(pf_writer *writer, uint64_t rows, uint64_t row_groups) {
  pf_part part = PF_PART_INIT;
  CHECK_OK(pf_close(writer, &part, &err));
  CHECK(part.rows == rows && part.row_groups == row_groups);
  pf_writer_free(writer);
}

/* All eight types, required, optional and repeated as `kinds` says, in two row groups. */
static void every_type(const char *name, const uint32_t *kinds, size_t kind_count,
                       const pf_writer_options *options) {
  static const char *const words[] = {
      [PF_FIELD_REQUIRED] = "required", [PF_FIELD_NULLABLE] = "optional", [EXPECT_REPEATED] = "repeated"};
  static char message[4096], names[3 * TYPES][32];
  static pf_field fields[3 * TYPES];
  static memory columns[3 * TYPES];
  size_t count = 0;
  size_t end = (size_t)sprintf(message, "message all {");
  for (size_t k = 0; k < kind_count; k++)
    for (int type = 0; type < TYPES; type++, count++) {
      sprintf(names[count], "%s_%d", words[kinds[k]], type);
      end += (size_t)sprintf(message + end, " %s %s %s;", words[kinds[k]], physical[type], names[count]);
      const pf_field field =
          PF_FIELD_OF_WIDTH(names[count], shown_as[type], kinds[k], type == FIXED ? WIDTH : 0, 0);
      fields[count] = field;
    }
  sprintf(message + end, " }");

  const char *path = path_of(name);
  pf_writer *writer = open_message(path, message, options);
  expected part = expect_begin(path, fields, count, 2, false, false);
  for (uint64_t group = 0, n = 0; group < 2; group++) {
    memset(columns, 0, sizeof columns);
    for (uint64_t row = 0; row < ROWS; row++)
      for (size_t i = 0; i < count; i++) {
        memory *column = &columns[i];
        column->type = (int)(i % TYPES);
        const uint32_t flags = fields[i].flags;
        if (flags == EXPECT_REPEATED) {
          const uint64_t elements = (row + i) % 4;
          expect_list_begin(&part);
          if (elements == 0) add_level(column, 0, 0);
          for (uint64_t e = 0; e < elements && column->count < MOST; e++) {
            add_level(column, 1, e > 0);
            add_value(column, &part, n++);
          }
          expect_list_end(&part);
        } else if (flags == PF_FIELD_NULLABLE && (row + i) % 3 == 0) {
          add_level(column, 0, 0);
          expect_value(&part, NULL, 0);
        } else {
          add_level(column, 1, 0);
          add_value(column, &part, n++);
        }
      }
    if (kind_count == 1 && kinds[0] == PF_FIELD_REQUIRED) {
      pf_column_values given[TYPES];
      for (size_t i = 0; i < count; i++) given[i] = values_of(&columns[i]);
      CHECK_OK(pf_writer_write_row_group(writer, ROWS, given, count, sizeof *given, &err));
    } else {
      pf_column_levels given[3 * TYPES];
      for (size_t i = 0; i < count; i++) given[i] = levels_of(&columns[i], fields[i].flags);
      CHECK_OK(pf_writer_write_row_group_with_levels(writer, ROWS, given, count, sizeof *given, &err));
    }
    memset(columns, 0xAA, sizeof columns); /* nothing is kept */
  }

  close_part(writer, 2 * ROWS, 2);
  expect_end(&part);
}

static void write_expectation(const char *path, const char *text) {
  char name[1100];
  snprintf(name, sizeof name, "%s.expected.jsonl", path);
  write_text(name, text);
}

/* Lists of lists, a map, and a group whose columns share its nulls and its list. */
static void nested(void) {
  const char *path = path_of("nested.parquet");
  pf_writer *writer =
      open_message(path,
                   "message nested {\n"
                   "  required int64 id;\n"
                   "  optional group lists (LIST) { repeated group list { optional group element (LIST) {\n"
                   "    repeated group list { optional int32 element; } } } }\n"
                   "  optional group map (MAP) { repeated group key_value {\n"
                   "    required binary key (UTF8); optional int64 value; } }\n"
                   "  optional group trades (LIST) { repeated group list { optional group element {\n"
                   "    required int32 size; optional binary venue (STRING); } } }\n"
                   "}",
                   NULL);
  static const int64_t id[] = {1, 2, 3, 4, 5};

  /* [[1,2],[3,null]], null, [], [[],null,[4]], [null] */
  static const int32_t element[] = {1, 2, 3, 4};
  static const int16_t lists_d[] = {5, 5, 5, 4, 0, 1, 3, 2, 5, 2};
  static const int16_t lists_r[] = {0, 2, 1, 2, 0, 0, 0, 1, 1, 0};

  /* {"a":10,"é":null}, {}, null, {"":30}, {"b":40} */
  static const char keys[] = "aéb";
  static const int64_t key_offsets[] = {0, 1, 3, 3, 4};
  static const int64_t map_values[] = {10, 30, 40};
  static const int16_t key_d[] = {2, 2, 1, 0, 2, 2}, map_r[] = {0, 1, 0, 0, 0, 0};
  static const int16_t value_d[] = {3, 2, 1, 0, 3, 3};

  /* [{7,"X"},null], [], null, [{8,null},{9,"YZ"}], [null] */
  static const int32_t sizes[] = {7, 8, 9};
  static const char venues[] = "XYZ";
  static const int64_t venue_offsets[] = {0, 1, 3};
  static const int16_t size_d[] = {3, 2, 1, 0, 3, 3, 2}, trades_r[] = {0, 1, 0, 0, 0, 1, 0};
  static const int16_t venue_d[] = {4, 2, 1, 0, 3, 4, 2};

  const pf_column_levels columns[] = {
      PF_COLUMN_LEVELS(id, 5, NULL, NULL, 0),
      PF_COLUMN_LEVELS(element, 4, lists_d, lists_r, 10),
      PF_COLUMN_BYTES_LEVELS(keys, 4, key_offsets, 4, key_d, map_r, 6),
      PF_COLUMN_LEVELS(map_values, 3, value_d, map_r, 6),
      PF_COLUMN_LEVELS(sizes, 3, size_d, trades_r, 7),
      PF_COLUMN_BYTES_LEVELS(venues, 3, venue_offsets, 2, venue_d, trades_r, 7),
  };
  CHECK_OK(pf_writer_write_row_group_with_levels(writer, 5, columns, 6, sizeof *columns, &err));
  close_part(writer, 5, 1);
  write_expectation(
      path,
      "{\"row_groups\":1,\"unordered\":false,\"sink\":false,\"columns\":["
      "{\"name\":\"id\",\"type\":\"int64\",\"nullable\":false},"
      "{\"name\":\"lists\",\"type\":\"list<element: list<element: int32>>\",\"nullable\":true,"
      "\"levels\":[[5,2]]},"
      "{\"name\":\"map\",\"type\":\"map<string, int64 ('map')>\",\"nullable\":true,\"levels\":[[2,1],[3,1]]},"
      "{\"name\":\"trades\",\"type\":\"list<element: struct<size: int32 not null, venue: string>>\","
      "\"nullable\":true,\"levels\":[[3,1],[4,1]]}]}\n"
      "[1,[[1,2],[3,null]],[[\"a\",10],[\"é\",null]],[{\"size\":7,\"venue\":\"X\"},null]]\n"
      "[2,null,[],[]]\n"
      "[3,[],null,null]\n"
      "[4,[[],null,[4]],[[\"\",30]],[{\"size\":8,\"venue\":null},{\"size\":9,\"venue\":\"YZ\"}]]\n"
      "[5,[null],[[\"b\",40]],[null]]\n");
}

/* Row chunks and row groups on one writer, whose schema is of fields: the rows come in the order of the
 * calls. */
static void among_row_chunks(void) {
  static const pf_field fields[] = {PF_FIELD("id", PF_TYPE_INT32, PF_FIELD_REQUIRED),
                                    PF_FIELD("when", PF_TYPE_TIMESTAMP_S, PF_FIELD_NULLABLE),
                                    PF_FIELD("small", PF_TYPE_INT8, PF_FIELD_REQUIRED),
                                    PF_FIELD("text", PF_TYPE_UTF8, PF_FIELD_REQUIRED)};
  enum { COLUMNS = 4, EACH = 10, ROUNDS = 12 };
  const char *path = path_of("among_row_chunks.parquet");
  pf_writer_options options = PF_WRITER_OPTIONS_INIT;
  options.row_group_rows = 7;
  options.window_rows = 4;
  options.queue_bytes = 1; /* one at a time */
  pf_schema *schema = NULL;
  pf_writer *writer = NULL;
  CHECK_OK(pf_schema_new(fields, COLUMNS, sizeof *fields, &schema, &err));
  CHECK_OK(pf_writer_open(path, schema, &options, &writer, &err));
  pf_schema_free(schema);
  /* A round is a chunk (row groups of 7 and 3 rows), a row group of 10, and at times a flush of nothing. */
  expected part = expect_begin(path, fields, COLUMNS, 3 * ROUNDS, false, false);
  for (int round = 0; round < ROUNDS; round++) {
    for (int by_levels = 0; by_levels <= 1; by_levels++) {
      int32_t id[EACH], wide[EACH], offsets32[EACH + 1];
      int64_t seconds[EACH], milliseconds[EACH], offsets64[EACH + 1];
      int16_t definitions[EACH];
      int8_t small[EACH];
      uint8_t validity[2] = {0xff, 0xff};
      char text[EACH + 1] = "0123456789";
      uint64_t there = 0;
      for (int row = 0; row < EACH; row++) {
        id[row] = (2 * round + by_levels) * EACH + row;
        small[row] = (int8_t)(row % 2 == 0 ? -128 : 127);
        wide[row] = small[row];
        seconds[row] = INT64_C(1700000000) + id[row];
        offsets32[row] = row, offsets64[row] = row;
        const bool null = (row + round) % 4 == 0;
        definitions[row] = !null;
        if (null) validity[row / 8] &= (uint8_t) ~(1u << row % 8);
        if (!null) milliseconds[there++] = seconds[row] * 1000;
        expect_value(&part, &id[row], 4);
        expect_value(&part, null ? NULL : &seconds[row], 8);
        expect_value(&part, &small[row], 1);
        expect_value(&part, text + row, 1);
      }
      offsets32[EACH] = EACH, offsets64[EACH] = EACH;
      if (by_levels) {
        const pf_column_levels columns[] = {
            PF_COLUMN_LEVELS(id, EACH, NULL, NULL, 0),
            PF_COLUMN_LEVELS(milliseconds, there, definitions, NULL, EACH),
            PF_COLUMN_LEVELS(wide, EACH, NULL, NULL, 0),
            PF_COLUMN_BYTES_LEVELS(text, EACH, offsets64, EACH, NULL, NULL, 0)};
        CHECK_OK(
            pf_writer_write_row_group_with_levels(writer, EACH, columns, COLUMNS, sizeof *columns, &err));
      } else {
        const pf_column_slice slices[] = {PF_VALUES(id, EACH, NULL), PF_VALUES(seconds, EACH, validity),
                                          PF_VALUES(small, EACH, NULL),
                                          PF_OFFSETS(text, EACH, offsets32, EACH, NULL)};
        const pf_row_chunk chunk = PF_ROW_CHUNK(slices, COLUMNS);
        CHECK_OK(pf_append_row_chunk(writer, &chunk, &err));
      }
    }
    if (round % 2 == 0) CHECK_OK(pf_flush(writer, &err));
  }
  close_part(writer, 2 * EACH * ROUNDS, 3 * ROUNDS);
  expect_end(&part);
}

/* A row group of no rows is a flush; one of many is one, whatever row_group_rows says. */
static void few_rows_and_many(void) {
  static const pf_field fields[] = {PF_FIELD("a", PF_TYPE_INT64, PF_FIELD_REQUIRED)};
  static int64_t values[100000];
  const uint64_t rows = scaled(100000);
  const char *path = path_of("few_and_many.parquet");
  pf_writer_options options = PF_WRITER_OPTIONS_INIT;
  options.row_group_rows = 10;
  pf_schema *schema = NULL;
  pf_writer *writer = NULL;
  CHECK_OK(pf_schema_new(fields, 1, sizeof *fields, &schema, &err));
  CHECK_OK(pf_writer_open(path, schema, &options, &writer, &err));
  pf_schema_free(schema);
  expected part = expect_begin(path, fields, 1, 4, false, false);
  const pf_column_values none = PF_COLUMN_VALUES(values, 0), all = PF_COLUMN_VALUES(values, rows);
  const pf_column_values one = PF_COLUMN_VALUES(values, 1);
  const pf_column_slice slice = PF_VALUES(values, 1, NULL);
  const pf_row_chunk chunk = PF_ROW_CHUNK(&slice, 1);
  CHECK_OK(pf_writer_write_row_group(writer, 0, &none, 1, sizeof none, &err));
  CHECK_OK(pf_append_row_chunk(writer, &chunk, &err));
  CHECK_OK(pf_writer_write_row_group(writer, 0, &none, 1, sizeof none, &err));
  CHECK_OK(pf_append_row_chunk(writer, &chunk, &err));
  for (uint64_t i = 0; i < 2; i++) expect_value(&part, &values[0], sizeof *values);
  for (uint64_t i = 0; i < rows; i++) values[i] = (int64_t)(i * i);
  CHECK_OK(pf_writer_write_row_group(writer, rows, &all, 1, sizeof all, &err));
  CHECK_OK(pf_writer_write_row_group(writer, 0, &none, 1, sizeof none, &err));
  CHECK_OK(pf_writer_write_row_group(writer, 1, &one, 1, sizeof one, &err));
  for (uint64_t i = 0; i <= rows; i++) expect_value(&part, &values[i % rows], sizeof *values);
  close_part(writer, rows + 3, 4);
  expect_end(&part);
}

int main(int argc, char **argv) {
  static const uint32_t required[] = {PF_FIELD_REQUIRED}, repeated[] = {EXPECT_REPEATED};
  static const uint32_t flat[] = {PF_FIELD_REQUIRED, PF_FIELD_NULLABLE};
  test_begin(argc, argv);
  every_type("required.parquet", required, 1, NULL);
  every_type("flat.parquet", flat, 2, NULL);
  pf_writer_options options = PF_WRITER_OPTIONS_INIT;
  options.page_crc = 1;
  options.page_rows = 100;
  every_type("repeated.parquet", repeated, 1, &options);
  nested();
  among_row_chunks();
  few_rows_and_many();
  return test_end();
}
