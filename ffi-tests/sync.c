/* What is forced to disk, and when: the calls that libflow makes for it come here first. */
#define _GNU_SOURCE

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "expected.h"

static const pf_field field = PF_FIELD("number", PF_TYPE_INT64, PF_FIELD_REQUIRED);
static const pf_writer_options start = PF_WRITER_OPTIONS_INIT;

/* Calls so far for the parts' data, for parts as wholes, and for directories. */
static int data_calls, part_calls, directory_calls;
static int fails;

static bool is_directory(int file) {
  struct stat status;
  return fstat(file, &status) == 0 && S_ISDIR(status.st_mode);
}

int fdatasync(int file) {
  __atomic_fetch_add(&data_calls, 1, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&fails, __ATOMIC_SEQ_CST) != 0) return errno = EIO, -1;
  return (int)syscall(SYS_fdatasync, file);
}

int fsync(int file) {
  __atomic_fetch_add(is_directory(file) ? &directory_calls : &part_calls, 1, __ATOMIC_SEQ_CST);
  return (int)syscall(SYS_fsync, file);
}

static int calls(int *counter) { return __atomic_load_n(counter, __ATOMIC_SEQ_CST); }

static pf_writer *open_with(const char *path, const pf_writer_options *options) {
  data_calls = part_calls = directory_calls = 0;
  return open_column(path, &field, options);
}

/* A row group of one row. */
static pf_status append(pf_writer *writer, int64_t number, pf_error *error) {
  pf_column_slice slice = PF_VALUES(&number, 1, NULL);
  pf_row_chunk chunk = PF_ROW_CHUNK(&slice, 1);
  pf_status status = pf_append_row_chunk(writer, &chunk, error);
  return status != PF_OK ? status : pf_flush(writer, error);
}

static void wait_for_data_calls(int count) {
  const struct timespec moment = {0, 1000000};
  for (int i = 0; i < 60000 && calls(&data_calls) < count; i++) nanosleep(&moment, NULL);
  CHECK(calls(&data_calls) >= count);
}

/* Appends `rows` rows, each after a call for the data before it if `each` says so; closes. */
static void part(const char *name, const pf_writer_options *options, int64_t rows, bool each) {
  const char *path = path_of(name);
  pf_writer *writer = open_with(path, options);
  expected to = expect_begin(path, &field, 1, (uint64_t)rows, false, false);
  for (int64_t row = 0; row < rows; row++) {
    const int before = calls(&data_calls);
    CHECK_OK(append(writer, row, &err));
    expect_value(&to, &row, sizeof row);
    if (each) wait_for_data_calls(before + 1);
  }
  expect_end(&to);
  CHECK_OK(pf_close(writer, NULL, &err));
  pf_writer_free(writer);
}

static void at_close(void) {
  part("default.parquet", NULL, 3, false);
  CHECK(data_calls == 0 && part_calls == 1 && directory_calls == 1);
  pf_writer_options options = start;
  options.sync = PF_SYNC_NONE;
  part("none.parquet", &options, 3, false);
  CHECK(data_calls == 0 && part_calls == 0 && directory_calls == 0);
}

static void every_so_often(void) {
  pf_writer_options options = start;
  options.sync = PF_SYNC_NONE;
  options.sync_bytes = 1;
  part("bytes.parquet", &options, 5, true);
  CHECK(part_calls == 0 && directory_calls == 0);
  options.sync_bytes = 1 << 30;
  part("many_bytes.parquet", &options, 5, false);
  CHECK(data_calls == 0);
  options.sync_bytes = 0;
  options.sync_ms = 1;
  part("ms.parquet", &options, 5, true);
  options.sync_ms = 86400000;
  part("a_day.parquet", &options, 5, false);
  CHECK(data_calls == 0);
  /* Whichever comes first; and what is left at close. */
  options.sync = PF_SYNC_ON_CLOSE;
  options.sync_bytes = 1;
  part("both.parquet", &options, 5, true);
  CHECK(part_calls == 1 && directory_calls == 1);
}

/* An error stays the writer's, even if the next call for the disk would succeed; or is met by close alone. */
static void an_error_is_kept(void) {
  pf_writer_options options = start;
  options.sync_bytes = 1;
  for (int only_close = 0; only_close <= 1; only_close++) {
    const char *path = path_of("failed.parquet");
    fails = 1;
    pf_writer *writer = open_with(path, &options);
    pf_status status = append(writer, 0, NULL);
    wait_for_data_calls(1);
    __atomic_store_n(&fails, 0, __ATOMIC_SEQ_CST);
    while (!only_close && status == PF_OK) status = append(writer, 1, NULL);
    CHECK(status == (only_close ? PF_OK : PF_ERR_IO));
    for (int again = 0; again < 2; again++) {
      CHECK_STATUS(pf_close(writer, NULL, &err), PF_ERR_IO);
      CHECK(err.os_errno == EIO);
    }
    CHECK(calls(&data_calls) == 1);
    pf_writer_free(writer);
    CHECK_NO_FILE(path);
  }
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  at_close();
  every_so_often();
  an_error_is_kept();
  return test_end();
}
