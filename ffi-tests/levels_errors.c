/* What row groups by levels are refused for, and that the writer works on afterwards: the part holds just the
 * good ones. Also the message types that are no schema. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const char message[] =
    "message m {\n"
    "  required boolean b; required int32 i; required int96 t; required fixed_len_byte_array(3) f;\n"
    "  required binary raw; optional binary text (UTF8); required int32 small (UINT_8);\n"
    "  repeated int64 r;\n"
    "  optional group list (LIST) { repeated group list { optional group element {\n"
    "    required int32 x; optional group inner (LIST) { repeated group list { optional int64 y; } } } } }\n"
    "}";
enum { B, I, T, F, RAW, TEXT, SMALL, R, X, Y, COLUMNS };
enum { ROWS = 3 };

static pf_writer *writer;
static uint64_t good_groups;
static FILE *expectation;

/* A good row group, for each test to spoil. */
static const uint8_t b[ROWS] = {0, 1, 2};
static const int32_t i32[ROWS] = {1, 2, 3};
static const char f[3 * ROWS] = "abcdefgh";
static const uint32_t t[3 * ROWS] = {0, 0, 2440588, 0, 0, 2440589, 1000, 0, 2440588};
static const char bytes[] = "a\xC3\xA9xyz";
static const int64_t raw_offsets[ROWS + 1] = {0, 2, 2, 6}, text_offsets[3] = {0, 1, 3};
static const int16_t text_d[ROWS] = {1, 0, 1};
static const int32_t small[ROWS] = {0, 255, 7};
static const int64_t r[] = {1, 2, 3};
static const int16_t r_d[] = {1, 1, 0, 1}, r_r[] = {0, 1, 0, 0};
/* [{1,[5,null]},null,{2,[]}], [], [{3,null}] */
static const int32_t x[] = {1, 2, 3};
static const int16_t x_d[] = {3, 2, 3, 1, 3}, x_r[] = {0, 1, 1, 0, 0};
static const int64_t y[] = {5};
static const int16_t y_d[] = {6, 5, 2, 4, 1, 3}, y_r[] = {0, 2, 1, 1, 0, 0};
static pf_column_levels columns[COLUMNS];
static uint64_t rows;
static int16_t spoilt[8]; /* a copy of levels, to change */

static void start_again(void) {
  const pf_column_levels good[COLUMNS] = {
      PF_COLUMN_LEVELS(b, ROWS, NULL, NULL, 0),
      PF_COLUMN_LEVELS(i32, ROWS, NULL, NULL, 0),
      {t, sizeof t, NULL, ROWS, NULL, NULL, 0},
      {f, sizeof f, NULL, ROWS, NULL, NULL, 0},
      PF_COLUMN_BYTES_LEVELS(bytes, 6, raw_offsets, ROWS, NULL, NULL, 0),
      PF_COLUMN_BYTES_LEVELS(bytes, 6, text_offsets, 2, text_d, NULL, ROWS),
      PF_COLUMN_LEVELS(small, ROWS, NULL, NULL, 0),
      PF_COLUMN_LEVELS(r, 3, r_d, r_r, 4),
      PF_COLUMN_LEVELS(x, 3, x_d, x_r, 5),
      PF_COLUMN_LEVELS(y, 1, y_d, y_r, 6),
  };
  memcpy(columns, good, sizeof good);
  rows = ROWS;
}

static pf_status write_group(pf_error *error) {
  return pf_writer_write_row_group_with_levels(writer, rows, columns, COLUMNS, sizeof *columns, error);
}

/* A good row group was written; `inner` is the inner list of its first row. */
static void wrote(const char *inner) {
  fprintf(
      expectation,
      "[false,1,0,{\"hex\":\"616263\"},{\"hex\":\"61c3\"},\"a\",0,[1,2],"
      "[{\"x\":1,\"inner\":%s},null,{\"x\":2,\"inner\":[]}]]\n"
      "[true,2,86400000000000,{\"hex\":\"646566\"},{\"hex\":\"\"},null,255,[],[]]\n"
      "[true,3,1000,{\"hex\":\"676800\"},{\"hex\":\"a978797a\"},\"é\",7,[3],[{\"x\":3,\"inner\":null}]]\n",
      inner);
  good_groups++;
}

static void accepted(void) {
  start_again();
  CHECK_OK(write_group(&err));
  wrote("[5,null]");
}

#define REFUSED(status, says)                \
  do {                                       \
    CHECK_STATUS(write_group(&err), status); \
    CHECK_SAYS(says);                        \
    start_again();                           \
  } while (0)

/* The levels of a column, copied, so that one can be changed. */
static int16_t *spoil(const int16_t **levels, uint64_t count) {
  memcpy(spoilt, *levels, count * sizeof *spoilt);
  *levels = spoilt;
  return spoilt;
}
static int16_t *spoil_definitions(int column) {
  return spoil(&columns[column].definition_levels, columns[column].level_count);
}
static int16_t *spoil_repetitions(int column) {
  return spoil(&columns[column].repetition_levels, columns[column].level_count);
}

static void arguments(void) {
  CHECK_INVALID(pf_writer_write_row_group_with_levels(NULL, ROWS, columns, COLUMNS, sizeof *columns, &err));
  CHECK_SAYS("writer is NULL");
  CHECK_INVALID(pf_writer_write_row_group_with_levels(writer, ROWS, NULL, COLUMNS, sizeof *columns, &err));
  CHECK_SAYS("pf_column_levels");
  CHECK_INVALID(pf_writer_write_row_group_with_levels(writer, ROWS, columns, 0, sizeof *columns, &err));
  CHECK_STATUS(
      pf_writer_write_row_group_with_levels(writer, ROWS, columns, COLUMNS - 1, sizeof *columns, &err),
      PF_ERR_SCHEMA_MISMATCH);
  CHECK_SAYS("9 columns were given, the schema has 10");
  const uint64_t sizes[] = {0, sizeof *columns - 8, sizeof *columns + 1, UINT64_MAX};
  for (size_t i = 0; i < 4; i++) {
    CHECK_INVALID(pf_writer_write_row_group_with_levels(writer, ROWS, columns, COLUMNS, sizes[i], &err));
    CHECK_SAYS("pf_column_levels");
    CHECK_INVALID(pf_writer_write_row_group(writer, ROWS, NULL, COLUMNS, sizes[i], &err));
  }
  pf_column_values values[COLUMNS];
  memset(values, 0, sizeof values);
  values[0].values_size = 1;
  CHECK_INVALID(pf_writer_write_row_group(writer, 0, values, COLUMNS, sizeof *values, &err));
  CHECK_SAYS("columns[0].values is NULL");
  values[0].values_size = 0;
  CHECK_INVALID(pf_writer_write_row_group(NULL, 0, values, COLUMNS, sizeof *values, &err));
  CHECK_SAYS("writer is NULL");
  /* Without levels every column must be required. */
  values[RAW].offsets = raw_offsets;
  CHECK_STATUS(pf_writer_write_row_group(writer, 0, values, COLUMNS, sizeof *values, &err),
               PF_ERR_SCHEMA_MISMATCH);
  CHECK_SAYS("\"text\" is optional");

  /* A struct of a newer header is longer: fine as long as the new part asks for nothing. */
  struct {
    pf_column_levels known;
    uint64_t later;
  } newer[COLUMNS];
  for (int i = 0; i < COLUMNS; i++) newer[i].known = columns[i], newer[i].later = 0;
  CHECK_OK(
      pf_writer_write_row_group_with_levels(writer, ROWS, &newer[0].known, COLUMNS, sizeof *newer, &err));
  wrote("[5,null]");
  newer[3].later = 1;
  CHECK_STATUS(
      pf_writer_write_row_group_with_levels(writer, ROWS, &newer[0].known, COLUMNS, sizeof *newer, &err),
      PF_ERR_UNSUPPORTED);

  pf_column_slice slice = PF_VALUES(i32, ROWS, NULL);
  const pf_row_chunk chunk = PF_ROW_CHUNK(&slice, 1);
  CHECK_STATUS(pf_append_row_chunk(writer, &chunk, &err), PF_ERR_UNSUPPORTED);
  CHECK_SAYS("message type");
}

static void rows_and_counts(void) {
  rows = ROWS + 1;
  REFUSED(PF_ERR_SCHEMA_MISMATCH, "\"b\" has 3 rows, the row group 4");
  rows = 0;
  REFUSED(PF_ERR_SCHEMA_MISMATCH, "\"b\" has 3 rows, the row group 0");
  rows = UINT64_MAX;
  REFUSED(PF_ERR_SCHEMA_MISMATCH, "the row group 18446744073709551615");
  columns[I].value_count = 2;
  REFUSED(PF_ERR_SCHEMA_MISMATCH, "\"i\" has 2 rows");
  columns[TEXT].level_count = 2;
  REFUSED(PF_ERR_SCHEMA_MISMATCH, "\"text\" has 2 rows");
  columns[R].level_count = 3;
  REFUSED(PF_ERR_SCHEMA_MISMATCH, "\"r\" has 2 rows");
  columns[TEXT].value_count = 1;
  REFUSED(PF_ERR_INVALID_ARGUMENT, "\"text\": value_count is 1, but 2 definition levels are 1");
  columns[Y].value_count = 2;
  REFUSED(PF_ERR_INVALID_ARGUMENT, "value_count is 2, but 1 definition levels are 6");
  columns[I].value_count = UINT64_MAX;
  REFUSED(PF_ERR_INVALID_ARGUMENT, "columns[1].value_count is 18446744073709551615");
  columns[R].level_count = UINT64_MAX / 2 + 2;
  REFUSED(PF_ERR_INVALID_ARGUMENT, "columns[7].level_count is");
}

static void sizes(void) {
  static const int wide[] = {B, I, T, F, SMALL, R, X, Y};
  for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
    columns[wide[i]].values_size--;
    REFUSED(PF_ERR_INVALID_ARGUMENT, "values_size is");
    columns[wide[i]].values_size++;
    REFUSED(PF_ERR_INVALID_ARGUMENT, "values_size is"); /* as of a wider type */
  }
  columns[I].values_size = 0;
  REFUSED(PF_ERR_INVALID_ARGUMENT, "\"i\": values_size is 0, but 3 values of INT32 have 4 bytes each");
  columns[T].values_size = 8 * ROWS;
  REFUSED(PF_ERR_INVALID_ARGUMENT, "3 values of INT96 have 12 bytes each");
  columns[F].values_size = 4 * ROWS;
  REFUSED(PF_ERR_INVALID_ARGUMENT, "3 values of FIXED_LEN_BYTE_ARRAY have 3 bytes each");
  columns[I].values = NULL;
  REFUSED(PF_ERR_INVALID_ARGUMENT, "columns[1].values is NULL");
  columns[I].values_size = UINT64_MAX;
  REFUSED(PF_ERR_INVALID_ARGUMENT, "18446744073709551615");
}

static void offsets(void) {
  static const int64_t falling[] = {0, 2, 1, 6}, past[] = {0, 2, 2, 7}, negative[] = {-1, 2, 2, 6};
  static const int64_t most[] = {0, 2, 2, INT64_MAX}, least[] = {0, INT64_MIN, 2, 6};
  static const struct {
    const int64_t *offsets;
    const char *says;
  } bad[] = {{falling, "offset 2 is 1"},
             {past, "offset 3 is 7"},
             {negative, "offset 0 is -1"},
             {most, "offset 3 is 9223372036854775807"},
             {least, "offset 1 is -9223372036854775808"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    columns[RAW].offsets = bad[i].offsets;
    REFUSED(PF_ERR_INVALID_ARGUMENT, bad[i].says);
  }
  columns[RAW].values_size = 5;
  REFUSED(PF_ERR_INVALID_ARGUMENT, "offset 3 is 6, but must lie between 2 and values_size, 5");
  columns[RAW].offsets = NULL;
  REFUSED(PF_ERR_TYPE_MISMATCH, "\"raw\" is BYTE_ARRAY and has 0 offsets");
  columns[F].offsets = raw_offsets;
  REFUSED(PF_ERR_TYPE_MISMATCH, "\"f\": offsets were given");
}

static void values(void) {
  static const int64_t splitting[] = {0, 2, 6};
  static const int32_t too_small[] = {0, -1, 0}, too_great[] = {0, 0, 256};
  columns[TEXT].offsets = splitting;
  REFUSED(PF_ERR_BAD_UTF8, "\"text\": value 0 is not UTF-8: \"a\\xc3\"");
  columns[SMALL].values = too_small;
  REFUSED(PF_ERR_INVALID_ARGUMENT, "\"small\": value 1 is -1, outside of UINT_8");
  columns[SMALL].values = too_great;
  REFUSED(PF_ERR_INVALID_ARGUMENT, "\"small\": value 2 is 256");
}

static void missing_and_unwanted_levels(void) {
  columns[TEXT].definition_levels = NULL;
  columns[TEXT].level_count = 0;
  REFUSED(PF_ERR_SCHEMA_MISMATCH, "\"text\" is optional and has no definition levels");
  columns[TEXT].definition_levels = NULL;
  REFUSED(PF_ERR_INVALID_ARGUMENT, "columns[5].level_count is 3, but there are no levels");
  columns[TEXT].repetition_levels = text_d;
  REFUSED(PF_ERR_SCHEMA_MISMATCH, "\"text\" takes no repetition levels");
  columns[R].definition_levels = NULL;
  REFUSED(PF_ERR_SCHEMA_MISMATCH, "\"r\" is repeated and has no definition levels");
  columns[R].repetition_levels = NULL;
  REFUSED(PF_ERR_SCHEMA_MISMATCH, "\"r\" is repeated and has no repetition levels");
  columns[I].definition_levels = text_d;
  columns[I].level_count = ROWS;
  REFUSED(PF_ERR_SCHEMA_MISMATCH, "\"i\" takes no definition levels");
  columns[I].repetition_levels = text_d;
  columns[I].level_count = ROWS;
  REFUSED(PF_ERR_SCHEMA_MISMATCH, "\"i\" takes no repetition levels");
}

static void levels_out_of_range(void) {
  static const int16_t bad[] = {-1, 2, INT16_MAX, INT16_MIN};
  for (size_t i = 0; i < 4; i++) {
    spoil_definitions(TEXT)[1] = bad[i];
    REFUSED(PF_ERR_INVALID_ARGUMENT, "\"text\": definition level 1 is");
    spoil_repetitions(R)[1] = bad[i];
    REFUSED(PF_ERR_INVALID_ARGUMENT, "\"r\": repetition level 1 is");
  }
  spoil_definitions(Y)[3] = 7;
  REFUSED(PF_ERR_INVALID_ARGUMENT, "definition level 3 is 7; the column's are 0 to 6");
  spoil_repetitions(Y)[3] = 3;
  REFUSED(PF_ERR_INVALID_ARGUMENT, "repetition level 3 is 3; the column's are 0 to 2");
}

static void levels_that_no_row_has(void) {
  spoil_repetitions(R)[0] = 1;
  REFUSED(PF_ERR_INVALID_ARGUMENT, "\"r\": repetition level 0 is 1; the first must be 0");
  /* An empty list that goes on, and a list that goes on with an empty one. */
  spoil_definitions(R)[0] = 0;
  columns[R].value_count = 2;
  columns[R].values_size = 16;
  REFUSED(PF_ERR_INVALID_ARGUMENT, "\"r\": repetition level 1 is 1, which goes on with a list");
  spoil_definitions(R)[1] = 0;
  REFUSED(PF_ERR_INVALID_ARGUMENT, "definition levels 0 and 1 are 1 and 0; elements of that list have 1");
  /* The inner list goes on after an empty one: its elements have 5 or more. */
  spoil_definitions(Y)[0] = 4;
  REFUSED(PF_ERR_INVALID_ARGUMENT, "levels 0 and 1 are 4 and 5; elements of that list have 5");
  spoil_definitions(Y)[1] = 3;
  REFUSED(PF_ERR_INVALID_ARGUMENT, "levels 0 and 1 are 6 and 3; elements of that list have 5");
  /* The outer one goes on after a null one: its elements have 2 or more. */
  spoil_definitions(X)[0] = 1;
  REFUSED(PF_ERR_INVALID_ARGUMENT, "elements of that list have 2");
}

/* x and y are of one element of one list, so their levels up to 3 and 1 are alike. */
static void columns_that_disagree(void) {
  spoil_definitions(Y)[2] = 3; /* an element with a null inner list, which is null in x */
  REFUSED(PF_ERR_SCHEMA_MISMATCH, "\"list.list.element.x\" and \"list.list.element.inner.list.y\" disagree");
  spoil_definitions(Y)[2] = 3;
  REFUSED(PF_ERR_SCHEMA_MISMATCH, "at element 1 of them");
  spoil_definitions(Y)[4] = 0; /* a null list, which is empty in x */
  REFUSED(PF_ERR_SCHEMA_MISMATCH, "at element 3 of them");
  /* Another element, with as many rows. */
  static const int16_t more_d[] = {6, 5, 2, 4, 4, 1, 3}, more_r[] = {0, 2, 1, 1, 1, 0, 0};
  columns[Y].definition_levels = more_d;
  columns[Y].repetition_levels = more_r;
  columns[Y].level_count = 7;
  REFUSED(PF_ERR_SCHEMA_MISMATCH, "disagree");
  /* The same at the very end, where one of the two is over. */
  static const int16_t last_d[] = {6, 5, 2, 4, 1, 3, 3}, last_r[] = {0, 2, 1, 1, 0, 0, 1};
  columns[Y].definition_levels = last_d;
  columns[Y].repetition_levels = last_r;
  columns[Y].level_count = 7;
  REFUSED(PF_ERR_SCHEMA_MISMATCH, "at element 5 of them");
  /* What is in the inner list alone is y's own affair. */
  static const int16_t own_d[] = {6, 5, 5, 2, 4, 1, 3}, own_r[] = {0, 2, 2, 1, 1, 0, 0};
  columns[Y].definition_levels = own_d;
  columns[Y].repetition_levels = own_r;
  columns[Y].level_count = 7;
  CHECK_OK(write_group(&err));
  wrote("[5,null,null]");
  start_again();
}

/* Fields have a Parquet form, too, and it is checked alike. */
static void schema_of_fields(void) {
  static const pf_field fields[] = {PF_FIELD("a", PF_TYPE_INT8, PF_FIELD_REQUIRED),
                                    PF_FIELD("b", PF_TYPE_INT64, PF_FIELD_NULLABLE)};
  const char *path = path_of("fields.parquet");
  pf_schema *schema = NULL;
  pf_writer *other = NULL;
  CHECK_OK(pf_schema_new(fields, 2, sizeof *fields, &schema, &err));
  CHECK_OK(pf_writer_open(path, schema, NULL, &other, &err));
  pf_schema_free(schema);
  static const int32_t a[] = {127, 128};
  static const int64_t both[] = {1, 2};
  static const int16_t definitions[] = {1, 1};
  const pf_column_levels given[] = {PF_COLUMN_LEVELS(a, 2, NULL, NULL, 0),
                                    PF_COLUMN_LEVELS(both, 2, definitions, NULL, 2)};
  CHECK_INVALID(pf_writer_write_row_group_with_levels(other, 2, given, 2, sizeof *given, &err));
  CHECK_SAYS("\"a\": value 1 is 128, outside of INT_8");
  const pf_column_values required[] = {PF_COLUMN_VALUES(a, 1), PF_COLUMN_VALUES(both, 1)};
  CHECK_STATUS(pf_writer_write_row_group(other, 1, required, 2, sizeof *required, &err),
               PF_ERR_SCHEMA_MISMATCH);
  CHECK_SAYS("\"b\" is optional");
  pf_writer_free(other);
  CHECK_NO_FILE(path);
}

static void after_closing(void) {
  pf_part part = PF_PART_INIT;
  CHECK_OK(pf_close(writer, &part, &err));
  CHECK(part.rows == good_groups * ROWS && part.row_groups == good_groups);
  CHECK_STATUS(write_group(&err), PF_ERR_CLOSED);
  pf_writer_free(writer);
  CHECK_STATUS(write_group(&err), PF_ERR_STALE_HANDLE);
  pf_column_values none = PF_COLUMN_VALUES(i32, 0);
  CHECK_STATUS(pf_writer_write_row_group(writer, 0, &none, 1, sizeof none, &err), PF_ERR_STALE_HANDLE);
}

static void no_message(const char *text, const char *says) {
  pf_schema *schema = NULL;
  CHECK_INVALID(pf_schema_from_message(text, &schema, &err));
  CHECK_SAYS(says);
  CHECK(schema == NULL);
}

static void is_message(const char *text) {
  pf_schema *schema = NULL;
  CHECK_OK(pf_schema_from_message(text, &schema, &err));
  CHECK(schema != NULL);
  pf_schema_free(schema);
}

static void message_types(void) {
  is_message(
      "message trades {\n  required int64 id;\n  required int96 when;\n  optional binary venue (UTF8);\n"
      "  required fixed_len_byte_array(16) key (UUID);\n  repeated double fills;\n"
      "  optional group legs (LIST) { repeated group list { required int32 element; } }\n}\n");
  is_message("message m { required int64 t (TIMESTAMP(MICROS,true)); required int32 d (DECIMAL(9,2)) = 7; }");
  is_message("message m{required int32 a;}");
  no_message(NULL, "message is NULL");
  no_message("", "message has 0 bytes");
  no_message("x", "message: ");
  no_message("message m", "message: ");
  no_message("message m { }", "no fields");
  no_message("message m { int32 a; }", "INT32");
  no_message("message m { required int33 a; }", "INT33");
  no_message("message m { required int32 a }", "Expected ';'");
  no_message("message m { required int32 a;", "1 braces are not closed");
  no_message("message m { required int32 a; } }", "after its closing brace");
  no_message("message m { required int32 a; } message n { required int32 a; }", "after its closing brace");
  no_message("message m { required fixed_len_byte_array(0) a; }", "length of 1 or more");
  no_message("message m { required fixed_len_byte_array(-1) a; }", "-1");
  no_message("message m { required fixed_len_byte_array(x) a; }", "length");
  no_message("message m { required int64 a (UTF8); }", "UTF8");
  no_message("message m { required int32 a; required int64 a; }", "repeats the name \"a\"");
  no_message("message m { optional group g { required int32 a; required int64 a; } }", "group \"g\" repeats");
  no_message("message m { optional group g { } }", "group \"g\" has no fields");

  /* Depth is limited before a recursive parser could run out of stack. */
  enum { DEPTH = 3000 };
  char *deep = calloc(DEPTH, 20);
  strcpy(deep, "message m {");
  char *end = deep + strlen(deep);
  for (int i = 0; i < DEPTH; i++) end = strcpy(end, "required group g {") + 18;
  no_message(deep, "more than 64 groups");
  free(deep);

  pf_schema *schema = NULL;
  CHECK_STATUS(pf_schema_from_message("message m { required int32 \xFF; }", &schema, &err), PF_ERR_BAD_UTF8);
  CHECK_INVALID(pf_schema_from_message(message, NULL, &err));
  CHECK_SAYS("schema is NULL");
  CHECK(schema == NULL);
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  message_types();
  pf_schema *schema = NULL;
  CHECK_OK(pf_schema_from_message(message, &schema, &err));
  const char *path = path_of("good_row_groups.parquet");
  CHECK_OK(pf_writer_open(path, schema, NULL, &writer, &err));
  pf_schema_free(schema);
  expectation = fopen(path_of("good_row_groups.parquet.expected.jsonl"), "w");
  CHECK(expectation != NULL);
  fputs(
      "{\"row_groups\":null,\"unordered\":false,\"sink\":false,\"columns\":["
      "{\"name\":\"b\",\"type\":\"bool\",\"nullable\":false},"
      "{\"name\":\"i\",\"type\":\"int32\",\"nullable\":false},"
      "{\"name\":\"t\",\"type\":\"timestamp[ns]\",\"nullable\":false},"
      "{\"name\":\"f\",\"type\":\"fixed_size_binary[3]\",\"nullable\":false},"
      "{\"name\":\"raw\",\"type\":\"binary\",\"nullable\":false},"
      "{\"name\":\"text\",\"type\":\"string\",\"nullable\":true},"
      "{\"name\":\"small\",\"type\":\"uint8\",\"nullable\":false},"
      "{\"name\":\"r\",\"type\":\"list<r: int64 not null>\",\"nullable\":false,\"levels\":[[1,1]]},"
      "{\"name\":\"list\",\"type\":\"list<element: struct<x: int32 not null, inner: list<y: int64>>>\","
      "\"nullable\":true,\"levels\":[[3,1],[6,2]]}]}\n",
      expectation);
  start_again();
  void (*const tests[])(void) = {arguments,
                                 rows_and_counts,
                                 sizes,
                                 offsets,
                                 values,
                                 missing_and_unwanted_levels,
                                 levels_out_of_range,
                                 levels_that_no_row_has,
                                 columns_that_disagree,
                                 schema_of_fields};
  for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
    tests[i]();
    accepted();
  }
  CHECK(fclose(expectation) == 0);
  after_closing();
  return test_end();
}
