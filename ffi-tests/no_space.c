/* A full disk, met by writers. Its directory is on a disk of 1 MiB: see small_disk.sh. */
#define _XOPEN_SOURCE 700

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arrow_data.h"
#include "check.h"

enum { ROWS = 1024 };
static const pf_field field = PF_FIELD("number", PF_TYPE_INT64, PF_FIELD_REQUIRED);
static int64_t numbers[ROWS];

/* Different at each call, so that no encoding makes them small. */
static void fill_numbers(void) {
  static uint64_t x = 1;
  for (int i = 0; i < ROWS; i++) {
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    numbers[i] = (int64_t)x;
  }
}

static pf_writer_options small_batches(void) {
  pf_writer_options options = PF_WRITER_OPTIONS_INIT;
  options.codec = PF_CODEC_UNCOMPRESSED;
  options.row_group_rows = options.window_rows = ROWS;
  return options;
}

static pf_status append(pf_writer *writer, pf_error *error) {
  fill_numbers();
  pf_column_slice slice = PF_VALUES(numbers, ROWS, NULL);
  pf_row_chunk chunk = PF_ROW_CHUNK(&slice, 1);
  return pf_append_row_chunk(writer, &chunk, error);
}

static bool is_empty(const char *directory) {
  DIR *open = opendir(directory);
  CHECK(open != NULL);
  int entries = 0;
  while (readdir(open) != NULL) entries++;
  closedir(open);
  return entries == 2; /* . and .. */
}

/* Every call repeats the first error, and nothing is published. */
static void stays_failed(pf_writer *writer, const char *path) {
  pf_error first = PF_ERROR_INIT;
  CHECK(pf_close(writer, NULL, &first) == PF_ERR_NO_SPACE);
  CHECK(first.os_errno == ENOSPC && strstr(first.message, path) != NULL);
  for (int again = 0; again < 2; again++) {
    pf_part part = PF_PART_INIT;
    CHECK_STATUS(append(writer, &err), PF_ERR_NO_SPACE);
    CHECK(memcmp(&err, &first, sizeof err) == 0);
    CHECK_STATUS(pf_flush(writer, &err), PF_ERR_NO_SPACE);
    CHECK(memcmp(&err, &first, sizeof err) == 0);
    CHECK_STATUS(pf_close(writer, &part, &err), PF_ERR_NO_SPACE);
    CHECK(memcmp(&err, &first, sizeof err) == 0);
    CHECK(part.rows == 0 && part.path == NULL);
  }
  pf_writer_free(writer);
  CHECK_NO_FILE(path);
  CHECK(is_empty(path_of("")));
}

static void an_append_meets_it(void) {
  const char *path = path_of("append.parquet");
  pf_writer_options options = small_batches();
  options.queue_bytes = 1; /* a batch waits for the one before */
  pf_writer *writer = open_column(path, &field, &options);
  pf_status status = PF_OK;
  for (int i = 0; i < 10000 && status == PF_OK; i++) {
    check_prepare();
    status = append(writer, &err);
  }
  CHECK(status == PF_ERR_NO_SPACE && err.os_errno == ENOSPC);
  stays_failed(writer, path);
}

static void close_meets_it(void) {
  const char *path = path_of("close.parquet");
  pf_writer *writer = open_column(path, &field, NULL); /* all rows are in one row group, written by close */
  for (int i = 0; i < 300; i++) CHECK_OK(append(writer, &err));
  stays_failed(writer, path);
}

/* Flush does not wait, so the error is seen by it or by what follows. */
static void flush_meets_it(void) {
  const char *path = path_of("flush.parquet");
  pf_writer *writer = open_column(path, &field, NULL);
  for (int i = 0; i < 300; i++) CHECK_OK(append(writer, &err));
  pf_status status = pf_flush(writer, NULL);
  CHECK(status == PF_OK || status == PF_ERR_NO_SPACE);
  stays_failed(writer, path);
}

static int give_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
  (void)stream;
  *out = schema_of_numbers();
  return 0;
}

static int give_nothing(struct ArrowArrayStream *stream, struct ArrowArray *out) {
  (void)stream, (void)out;
  CHECK(!"asked for a batch that cannot be stored");
  return 0;
}

/* What was queued is released when the writer fails, and what it is given later at once. */
static void arrow_meets_it(void) {
  const char *path = path_of("arrow.parquet");
  pf_writer_options options = small_batches();
  options.queue_bytes = 10 * sizeof numbers;
  pf_writer *writer = open_column(path, &field, &options);
  pf_status status = PF_OK;
  int given = 0;
  for (; given < 10000 && status == PF_OK; given++) {
    fill_numbers();
    struct ArrowSchema schema = schema_of_numbers();
    struct ArrowArray array = batch_of_numbers(numbers, ROWS);
    status = pf_append_arrow(writer, &array, &schema, NULL);
    CHECK(array.release == NULL && schema.release == NULL);
  }
  CHECK(status == PF_ERR_NO_SPACE);
  const int before = released(&arrays_released);
  struct ArrowSchema schema = schema_of_numbers();
  struct ArrowArray array = batch_of_numbers(numbers, ROWS);
  CHECK_STATUS(pf_append_arrow(writer, &array, &schema, &err), PF_ERR_NO_SPACE);
  CHECK(array.release == NULL && schema.release == NULL && released(&arrays_released) > before);
  struct ArrowArrayStream stream = {give_schema, give_nothing, NULL, release_stream, NULL};
  CHECK_STATUS(pf_append_arrow_stream(writer, &stream, &err), PF_ERR_NO_SPACE);
  CHECK(stream.release == NULL && streams_released == 1);
  stays_failed(writer, path);
  CHECK(released(&arrays_released) == given + 1 && schemas_released == given + 2);
}

static void space_is_given_back(void) {
  const char *path = path_of("after.parquet");
  pf_writer_options options = small_batches();
  pf_writer *writer = open_column(path, &field, &options);
  pf_part part = PF_PART_INIT;
  for (int i = 0; i < 64; i++) CHECK_OK(append(writer, &err)); /* half the disk */
  CHECK_OK(pf_close(writer, &part, &err));
  CHECK(part.rows == 64 * ROWS && part.bytes > 64 * ROWS * sizeof(int64_t));
  pf_writer_free(writer);
  CHECK(remove(path) == 0);
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  an_append_meets_it();
  close_meets_it();
  flush_meets_it();
  arrow_meets_it();
  space_is_given_back();
  return test_end();
}
