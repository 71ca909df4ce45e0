/* What the file system refuses. A full disk has its own program: no_space.c. */
#define _XOPEN_SOURCE 700

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "expected.h"

static const pf_field field = PF_FIELD("number", PF_TYPE_INT64, PF_FIELD_REQUIRED);

static pf_status open_at(const char *path, const pf_writer_options *options, pf_writer **writer,
                         pf_error *error) {
  pf_schema *schema = NULL;
  CHECK(pf_schema_new(&field, 1, sizeof field, &schema, NULL) == PF_OK);
  pf_status status = pf_writer_open(path, schema, options, writer, error);
  pf_schema_free(schema);
  return status;
}

static pf_status append(pf_writer *writer, int64_t number, pf_error *error) {
  pf_column_slice slice = PF_VALUES(&number, 1, NULL);
  pf_row_chunk chunk = PF_ROW_CHUNK(&slice, 1);
  return pf_append_row_chunk(writer, &chunk, error);
}

/* In a child, as root may write everywhere and must step down first; before libflow is used here. */
static void no_permission(void) {
  const char *locked = path_of("locked");
  CHECK(mkdir(locked, 0555) == 0 || errno == EEXIST);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    pf_writer *writer = NULL;
    if (geteuid() == 0 && setuid(65534) != 0) _exit(2);
    pf_error detail = PF_ERROR_INIT;
    pf_status status = open_at(path_of("locked/a.parquet"), NULL, &writer, &detail);
    bool right = status == PF_ERR_PERMISSION && detail.status == status && detail.os_errno == EACCES &&
                 strstr(detail.message, "locked/a.parquet.tmp") != NULL && writer == NULL;
    _exit(right ? 0 : 1);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK(rmdir(locked) == 0);
}

static void no_such_directory(void) {
  pf_writer *writer = NULL;
  CHECK_STATUS(open_at(path_of("missing/a.parquet"), NULL, &writer, &err), PF_ERR_NOT_FOUND);
  CHECK(err.os_errno == ENOENT);
  CHECK_SAYS("missing/a.parquet");

  const char *file = path_of("file.tmp");
  write_text(file, "a file, not a directory");
  CHECK_STATUS(open_at(path_of("file.tmp/a.parquet"), NULL, &writer, &err), PF_ERR_IO);
  CHECK(err.os_errno == ENOTDIR);
  CHECK(unlink(file) == 0);
  CHECK(writer == NULL);
}

static void a_directory_of_that_name(void) {
  const char *path = path_of("directory.parquet");
  pf_writer *writer = NULL;
  CHECK(mkdir(path, 0755) == 0 || errno == EEXIST);
  CHECK_STATUS(open_at(path, NULL, &writer, &err), PF_ERR_CONFLICT);
  CHECK(writer == NULL);

  /* Asked to replace, it cannot either, and says so at the latest when it publishes. */
  pf_writer_options options = PF_WRITER_OPTIONS_INIT;
  options.if_exists = PF_IF_EXISTS_REPLACE;
  CHECK_OK(open_at(path, &options, &writer, &err));
  CHECK_OK(append(writer, 1, &err));
  CHECK_STATUS(pf_close(writer, NULL, &err), PF_ERR_IO);
  CHECK(err.os_errno == EISDIR);
  CHECK_STATUS(pf_close(writer, NULL, &err), PF_ERR_IO);
  pf_writer_free(writer);
  CHECK(rmdir(path) == 0); /* still an empty directory */
  CHECK_NO_FILE(path);
}

static void two_writers_of_one_name(void) {
  const char *path = path_of("shared.parquet");
  pf_writer *first = NULL, *second = NULL;
  pf_writer_options options = PF_WRITER_OPTIONS_INIT;
  options.if_exists = PF_IF_EXISTS_REPLACE;
  CHECK_OK(open_at(path, NULL, &first, &err));
  CHECK_STATUS(open_at(path, NULL, &second, &err), PF_ERR_CONFLICT);
  CHECK_SAYS("another writer");
  CHECK_STATUS(open_at(path, &options, &second, &err), PF_ERR_CONFLICT);
  CHECK(second == NULL);
  CHECK_OK(append(first, 7, &err));
  CHECK_OK(pf_close(first, NULL, &err));
  CHECK_STATUS(open_at(path, NULL, &second, &err), PF_ERR_CONFLICT);
  pf_writer_free(first);
  int64_t number = 7;
  expected to = expect_begin(path, &field, 1, 1, false, false);
  expect_value(&to, &number, sizeof number);
  expect_end(&to);
}

static void the_name_is_taken_meanwhile(void) {
  const char *path = path_of("taken.parquet");
  pf_writer *writer = NULL;
  pf_part part = PF_PART_INIT;
  CHECK_OK(open_at(path, NULL, &writer, &err));
  CHECK_OK(append(writer, 1, &err));
  write_text(path, "theirs");
  for (int again = 0; again < 2; again++) {
    CHECK_STATUS(pf_close(writer, &part, &err), PF_ERR_CONFLICT);
    CHECK_SAYS(path);
    CHECK(part.rows == 0 && part.path == NULL);
  }
  CHECK_STATUS(append(writer, 2, &err), PF_ERR_CONFLICT);
  CHECK_STATUS(pf_flush(writer, &err), PF_ERR_CONFLICT);
  CHECK(holds_text(path, "theirs"));
  pf_writer_free(writer);
  CHECK(unlink(path) == 0);
  CHECK_NO_FILE(path);
}

/* Left by a process that crashed: nobody holds its lock. */
static void an_orphan_is_replaced(void) {
  const char *path = path_of("orphan.parquet");
  pf_writer *writer = NULL;
  write_text(path_of("orphan.parquet.tmp"),
             "left by a crash, and longer than a part of one row, which is some "
             "hundred bytes: what is not cut off would follow the footer");
  CHECK_OK(open_at(path, NULL, &writer, &err));
  CHECK_OK(append(writer, 8, &err));
  CHECK_OK(pf_close(writer, NULL, &err));
  pf_writer_free(writer);
  int64_t number = 8;
  expected to = expect_begin(path, &field, 1, 1, false, false);
  expect_value(&to, &number, sizeof number);
  expect_end(&to);
}

/* Relative to the working directory, without a slash. */
static void a_bare_name(void) {
  const char *path = path_of("bare.parquet");
  char home[1024];
  pf_writer *writer = NULL;
  pf_part part = PF_PART_INIT;
  CHECK(getcwd(home, sizeof home) != NULL);
  CHECK(chdir(path_of(".")) == 0);
  CHECK_OK(open_at("bare.parquet", NULL, &writer, &err));
  CHECK_OK(append(writer, 9, &err));
  CHECK_OK(pf_close(writer, &part, &err));
  CHECK(strcmp(part.path, "bare.parquet") == 0);
  pf_writer_free(writer);
  CHECK(chdir(home) == 0);
  int64_t number = 9;
  expected to = expect_begin(path, &field, 1, 1, false, false);
  expect_value(&to, &number, sizeof number);
  expect_end(&to);
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  no_permission();
  no_such_directory();
  a_directory_of_that_name();
  two_writers_of_one_name();
  the_name_is_taken_meanwhile();
  an_orphan_is_replaced();
  a_bare_name();
  return test_end();
}
