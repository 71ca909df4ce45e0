/* pf_try_append_row_chunk: PF_FULL instead of waiting, and every row once. */
#include <stdlib.h>

#include "check.h"
#include "expected.h"

/* Appends rows from `*next` on, which it moves on if they were taken. */
static pf_status try_rows(pf_writer *writer, uint64_t *next, uint64_t rows) {
  int64_t *numbers = malloc(rows * sizeof *numbers);
  char *letters = malloc(rows * 8);
  int32_t *ends = malloc((rows + 1) * sizeof *ends);
  CHECK(numbers != NULL && letters != NULL && ends != NULL);
  for (uint64_t row = 0; row < rows; row++) {
    numbers[row] = (int64_t)((*next + row) * UINT64_C(0x9E3779B97F4A7C15));
    ends[row] = (int32_t)(8 * row);
    for (int i = 0; i < 8; i++) letters[8 * row + i] = (char)('a' + (numbers[row] >> 4 * i & 15));
  }
  ends[rows] = (int32_t)(8 * rows);
  const pf_column_slice slices[] = {PF_VALUES(numbers, rows, NULL),
                                    PF_OFFSETS(letters, 8 * rows, ends, rows, NULL)};
  const pf_row_chunk chunk = PF_ROW_CHUNK(slices, 2);
  err = (pf_error)PF_ERROR_INIT;
  const pf_status status = pf_try_append_row_chunk(writer, &chunk, &err);
  CHECK(err.status == PF_OK);
  if (status == PF_OK) *next += rows;
  free(numbers);
  free(letters);
  free(ends);
  return status;
}

/* A queue of a byte is full while anything is in it; what was refused comes again, and nothing twice. */
static void full_queues(const char *path, uint64_t window_rows) {
  static const pf_field fields[] = {PF_FIELD("number", PF_TYPE_INT64, PF_FIELD_REQUIRED),
                                    PF_FIELD("letters", PF_TYPE_UTF8, PF_FIELD_REQUIRED)};
  pf_writer_options options = PF_WRITER_OPTIONS_INIT;
  options.codec_level = 9;
  options.window_rows = window_rows;
  options.queue_bytes = 1;
  pf_schema *schema = NULL;
  pf_writer *writer = NULL;
  CHECK_OK(pf_schema_new(fields, 2, sizeof *fields, &schema, &err));
  CHECK_OK(pf_writer_open(path, schema, &options, &writer, &err));
  pf_schema_free(schema);
  /* Many windows and more than the queue's bytes, but the queue is empty. */
  const uint64_t big = 1000 + scaled(20000);
  uint64_t next = 0, full = 0;
  CHECK(try_rows(writer, &next, big) == PF_OK);
  while (next < 2 * big + 300 || full == 0) {
    CHECK(next < 50 * big);
    const uint64_t rows = next < big + 300 ? 1 + next % 17 : big;
    const pf_status status = try_rows(writer, &next, rows);
    CHECK(status == PF_OK || status == PF_FULL);
    if (status == PF_FULL && full++ == 0) CHECK_OK(pf_flush(writer, &err)); /* waits; the writer is well */
  }
  pf_part part = PF_PART_INIT;
  CHECK_OK(pf_close(writer, &part, &err));
  CHECK(part.rows == next);
  pf_writer_free(writer);
  expected to = expect_begin(path, fields, 2, part.row_groups, false, false);
  for (uint64_t row = 0; row < next; row++) {
    const int64_t number = (int64_t)(row * UINT64_C(0x9E3779B97F4A7C15));
    char letters[8];
    for (int i = 0; i < 8; i++) letters[i] = (char)('a' + (number >> 4 * i & 15));
    expect_value(&to, &number, 8);
    expect_value(&to, letters, 8);
  }
  expect_end(&to);
}

/* Closed, a writer takes nothing more this way either. */
static void not_after_close(void) {
  static const pf_field field = PF_FIELD("a", PF_TYPE_UINT8, PF_FIELD_REQUIRED);
  static const uint8_t values[] = {1};
  const pf_column_slice slice = PF_VALUES(values, 1, NULL);
  const pf_row_chunk chunk = PF_ROW_CHUNK(&slice, 1);
  const char *path = path_of("closed.parquet");
  pf_schema *schema = NULL;
  pf_writer *writer = NULL;
  CHECK_OK(pf_schema_new(&field, 1, sizeof field, &schema, &err));
  CHECK_OK(pf_writer_open(path, schema, NULL, &writer, &err));
  pf_schema_free(schema);
  CHECK_OK(pf_try_append_row_chunk(writer, &chunk, &err));
  CHECK_INVALID(pf_try_append_row_chunk(writer, NULL, &err));
  CHECK_INVALID(pf_try_append_row_chunk(NULL, &chunk, &err));
  CHECK_OK(pf_close(writer, NULL, &err));
  CHECK_STATUS(pf_try_append_row_chunk(writer, &chunk, &err), PF_ERR_CLOSED);
  pf_writer_free(writer);
  CHECK_STATUS(pf_try_append_row_chunk(writer, &chunk, &err), PF_ERR_STALE_HANDLE);
  expected to = expect_begin(path, &field, 1, 1, false, false);
  expect_value(&to, values, 1);
  expect_end(&to);
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  full_queues(path_of("full.parquet"), 64);
  full_queues(path_of("full_wide.parquet"), 900);
  not_after_close();
  return test_end();
}
