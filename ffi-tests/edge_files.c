/* Files at the edges of what a part can be, for tests/readback to read: a row, nothing but nulls, thousands
 * of columns, a hundred thousand row groups, values and nulls where pages and bit widths end. Parts without
 * rows: writer.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "expected.h"
#include "table.h"

static const pf_writer_options start = PF_WRITER_OPTIONS_INIT;

/* Writes the table's rows at once. */
static void part(const char *name, table *t, const pf_writer_options *options, uint64_t row_groups) {
  const char *path = path_of(name);
  pf_schema *schema = table_schema(t);
  pf_writer *writer = NULL;
  pf_part made = PF_PART_INIT;
  CHECK_OK(pf_writer_open(path, schema, options, &writer, &err));
  table_append(writer, t, 0, t->rows);
  CHECK_OK(pf_close(writer, &made, &err));
  CHECK(made.rows == t->rows && made.row_groups == row_groups);
  table_expect(path, t, row_groups);
  pf_writer_free(writer);
  pf_schema_free(schema);
}

static void one_row(void) {
  table *t = table_new(1);
  part("one_row.parquet", t, &start, 1);
  table_free(t);
}

/* Makes the rows for which `is_null` says so null, and the others valid, in every nullable column. */
static void set_nulls(table *t, bool (*is_null)(uint64_t row)) {
  for (size_t i = 0; i < TABLE_COLUMNS; i++)
    for (uint64_t row = 0; t->columns[i].validity != NULL && row < t->rows; row++) {
      const uint8_t bit = (uint8_t)(1 << row % 8);
      uint8_t *bits = &t->columns[i].validity[row / 8];
      /* Text under a null may be none at all, so a null stays one. */
      const bool stays = t->fields[i].type == PF_TYPE_UTF8 && (*bits & bit) == 0;
      *bits = (uint8_t)(is_null(row) || stays ? *bits & ~bit : *bits | bit);
    }
}

static bool every_row(uint64_t row) { return row < UINT64_MAX; }
static bool every_other_page(uint64_t row) { return row / 64 % 2 == 0; }
static bool ends_of_pages(uint64_t row) { return row % 64 == 0 || row % 64 == 63; }
static bool but_ends_of_pages(uint64_t row) { return !ends_of_pages(row); }

/* Pages of 64 rows, as many as bits of a mask or values of a miniblock; the last ends early, late or just
 * right. */
static void nulls_and_pages(void) {
  static const struct {
    const char *name;
    bool (*is_null)(uint64_t row);
  } patterns[] = {
      {"all_null", every_row},
      {"null_pages", every_other_page},
      {"null_ends", ends_of_pages},
      {"valid_ends", but_ends_of_pages},
  };
  static const uint64_t rows[] = {63, 64, 65, 128, 257};
  pf_writer_options options = start;
  options.page_rows = 64;
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
      char name[64];
      snprintf(name, sizeof name, "%s_%d.parquet", patterns[i].name, (int)rows[r]);
      table *t = table_new(rows[r]);
      set_nulls(t, patterns[i].is_null);
      options.page_version = (int32_t)((i + r) % 2 + 1);
      options.row_group_rows = rows[r] == 257 ? 128 : 0;
      part(name, t, &options, rows[r] == 257 ? 3 : 1);
      table_free(t);
    }
}

/* A part of columns whose values are the caller's to fill in, row by row. */
typedef struct open_part {
  const char *path;
  pf_schema *schema;
  pf_writer *writer;
  expected to;
} open_part;

static open_part begin(const char *name, const pf_field *fields, size_t count,
                       const pf_writer_options *options, uint64_t row_groups) {
  open_part p = {path_of(name), NULL, NULL, {NULL}};
  CHECK_OK(pf_schema_new(fields, count, sizeof *fields, &p.schema, &err));
  CHECK_OK(pf_writer_open(p.path, p.schema, options, &p.writer, &err));
  p.to = expect_begin(p.path, fields, count, row_groups, false, false);
  return p;
}

static void append(const open_part *p, const pf_column_slice *slices, size_t count) {
  pf_row_chunk chunk = PF_ROW_CHUNK(slices, count);
  CHECK_OK(pf_append_row_chunk(p->writer, &chunk, &err));
}

static void end(open_part *p) {
  expect_end(&p->to);
  CHECK_OK(pf_close(p->writer, NULL, &err));
  pf_writer_free(p->writer);
  pf_schema_free(p->schema);
}

/* Of four types by turns; each third value of a nullable column is null. */
static void many_columns(void) {
  enum { rows = 5 };
  static const int32_t types[] = {PF_TYPE_INT32, PF_TYPE_FLOAT64, PF_TYPE_UTF8, PF_TYPE_BOOL};
  const size_t count = (size_t)scaled(10000);
  pf_field *fields = calloc(count, sizeof *fields);
  char(*names)[8] = calloc(count, sizeof *names);
  pf_column_slice *slices = calloc(count, sizeof *slices);
  struct values {
    int32_t numbers[rows], ends[rows + 1];
    double reals[rows];
    uint8_t bools[rows], validity;
  } *all = calloc(count, sizeof *all);
  CHECK(fields != NULL && names != NULL && slices != NULL && all != NULL);
  for (size_t c = 0; c < count; c++) {
    struct values *v = &all[c];
    snprintf(names[c], sizeof names[c], "c%u", (unsigned)c % 100000);
    const pf_field field =
        PF_FIELD(names[c], types[c % 4], c % 3 == 0 ? PF_FIELD_NULLABLE : PF_FIELD_REQUIRED);
    fields[c] = field;
    for (size_t row = 0; row < rows; row++) {
      v->numbers[row] = (int32_t)(c * row) - 7;
      v->reals[row] = (double)c / 8 + (double)row;
      v->bools[row] = (c + row) % 5 < 2;
      v->ends[row + 1] = v->ends[row] + (int32_t)((c + row) % 3);
      if (field.flags == PF_FIELD_REQUIRED || (c / 3 + row) % 3 != 0) v->validity |= (uint8_t)(1 << row);
    }
    const uint8_t *validity = field.flags == PF_FIELD_NULLABLE ? &v->validity : NULL;
    const pf_column_slice by_type[] = {PF_VALUES(v->numbers, rows, validity),
                                       PF_VALUES(v->reals, rows, validity),
                                       PF_OFFSETS("abcabcabcabc", v->ends[rows], v->ends, rows, validity),
                                       PF_VALUES(v->bools, rows, validity)};
    slices[c] = by_type[c % 4];
  }
  open_part p = begin("many_columns.parquet", fields, count, NULL, 1);
  append(&p, slices, count);
  for (size_t row = 0; row < rows; row++)
    for (size_t c = 0; c < count; c++) {
      const struct values *v = &all[c];
      const int32_t from = v->ends[row];
      const void *values[] = {&v->numbers[row], &v->reals[row], "abcabcabcabc" + from, &v->bools[row]};
      const size_t sizes[] = {sizeof *v->numbers, sizeof *v->reals, (size_t)(v->ends[row + 1] - from), 1};
      expect_value(&p.to, (v->validity >> row & 1) == 1 ? values[c % 4] : NULL, sizes[c % 4]);
    }
  end(&p);
  free(fields);
  free(names);
  free(slices);
  free(all);
}

/* A row each, in appends of a thousand. */
static void many_row_groups(void) {
  enum { lot = 1000 };
  const pf_field field = PF_FIELD("n", PF_TYPE_INT64, PF_FIELD_REQUIRED);
  const uint64_t lots = scaled(100);
  pf_writer_options options = start;
  options.row_group_rows = 1;
  open_part p = begin("many_row_groups.parquet", &field, 1, &options, lots * lot);
  for (uint64_t l = 0; l < lots; l++) {
    int64_t numbers[lot];
    for (int64_t i = 0; i < lot; i++) {
      numbers[i] = i * i - (int64_t)l;
      expect_value(&p.to, &numbers[i], sizeof *numbers);
    }
    const pf_column_slice slice = PF_VALUES(numbers, lot, NULL);
    append(&p, &slice, 1);
  }
  end(&p);
}

/* Dictionaries as large as a number of bits just holds, and one larger: an index into one value has no bits.
 */
static void bit_widths(void) {
  static const int64_t sizes[] = {1, 2, 3, 4, 5, 16, 17, 255, 256, 257};
  enum { count = sizeof sizes / sizeof *sizes, rows = 600 };
  static const char *const names[count] = {"1", "2", "3", "4", "5", "16", "17", "255", "256", "257"};
  static int64_t numbers[count][rows];
  pf_field fields[count];
  pf_column_options columns[count];
  pf_column_slice slices[count];
  memset(columns, 0, sizeof columns);
  for (size_t c = 0; c < count; c++) {
    const pf_field field = PF_FIELD(names[c], PF_TYPE_INT64, PF_FIELD_REQUIRED);
    fields[c] = field;
    columns[c].path = names[c];
    columns[c].encoding = PF_ENCODING_DICTIONARY;
    for (int64_t row = 0; row < rows; row++) numbers[c][row] = row * row * 31 % sizes[c] * 1000003;
    const pf_column_slice slice = PF_VALUES(numbers[c], rows, NULL);
    slices[c] = slice;
  }
  pf_writer_options options = start;
  options.page_rows = 300; /* the second page may need more bits than the first */
  options.columns = columns;
  options.column_count = count;
  options.column_size = sizeof *columns;
  open_part p = begin("bit_widths.parquet", fields, count, &options, 1);
  append(&p, slices, count);
  for (size_t row = 0; row < rows; row++)
    for (size_t c = 0; c < count; c++) expect_value(&p.to, &numbers[c][row], sizeof **numbers);
  end(&p);
}

/* Texts of 0, 1 and 3 million bytes by turns: pages of 1 MiB cannot hold them. */
static void values_larger_than_pages(void) {
  enum { large = 3000000, rows = 9 };
  const pf_field field = PF_FIELD("text", PF_TYPE_UTF8, PF_FIELD_NULLABLE);
  char *text = malloc(large);
  CHECK(text != NULL);
  for (size_t i = 0; i < large; i++) text[i] = (char)('a' + i * i % 26);
  open_part p = begin("values_larger_than_pages.parquet", &field, 1, NULL, 1);
  for (int row = 0; row < rows; row++) {
    const int32_t ends[] = {0, row % 3 == 0 ? 0 : row % 3 == 1 ? 1 : large};
    const uint8_t valid = row != 6;
    const pf_column_slice slice = PF_OFFSETS(text, ends[1], ends, 1, &valid);
    append(&p, &slice, 1);
    expect_value(&p.to, valid ? text : NULL, (size_t)ends[1]);
  }
  end(&p);
  free(text);
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  one_row();
  nulls_and_pages();
  many_columns();
  many_row_groups();
  bit_widths();
  values_larger_than_pages();
  return test_end();
}
