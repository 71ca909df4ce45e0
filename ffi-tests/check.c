#define _XOPEN_SOURCE 700

#include "check.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

pf_error err;

static const char *program;
static const char *directory;
static unsigned long passed_checks;

static void fail(const char *file, int line, const char *format, const char *what) {
  fprintf(stderr, "%s:%d: ", file, line);
  fprintf(stderr, format, what);
  if (err.status != PF_OK)
    fprintf(stderr, "\n  %s, errno %d: %s (%s:%u)", pf_status_name(err.status), (int)err.os_errno,
            err.message, err.file, (unsigned)err.line);
  fprintf(stderr, "\n");
  exit(1);
}

static bool ends_with(const char *name, const char *end) {
  size_t length = strlen(name), tail = strlen(end);
  return length >= tail && strcmp(name + length - tail, end) == 0;
}

/* Only what tests write is removed, in case a person passes a directory of theirs. */
static int clear(const char *path, const struct stat *status, int kind, struct FTW *where) {
  (void)status, (void)kind, (void)where;
  if (strstr(path, ".parquet.lanes") != NULL || ends_with(path, ".parquet") || ends_with(path, ".tmp") ||
      ends_with(path, ".expected.jsonl") || ends_with(path, ".journal"))
    remove(path);
  return 0;
}

static void clear_directory(void) { nftw(directory, clear, 16, FTW_DEPTH | FTW_PHYS); }

/* mkdir -p */
static void make_directory(const char *path) {
  char prefix[1024];
  snprintf(prefix, sizeof prefix, "%s", path);
  for (char *slash = prefix + 1; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
    *slash = '\0';
    mkdir(prefix, 0777);
  }
  mkdir(prefix, 0777);
}

void test_begin(int argc, char **argv) {
  program = argv[0];
  if (argc != 2) {
    fprintf(stderr, "usage: %s DIRECTORY\n", program);
    exit(2);
  }
  directory = argv[1];
  make_directory(directory);
  clear_directory();
}

int test_end(void) {
  printf("%s: %lu checks passed\n", program, passed_checks);
  return 0;
}

uint64_t scaled(uint64_t n) { return getenv("FLOW_SMALL") == NULL ? n : n / 20 + 1; }

const char *path_of(const char *name) {
  static char ring[8][1024];
  static unsigned next;
  char *path = ring[next++ % 8];
  snprintf(path, sizeof ring[0], "%s/%s", directory, name);
  return path;
}

bool exists(const char *path) {
  struct stat status;
  return lstat(path, &status) == 0;
}

uint64_t file_size(const char *path) {
  struct stat status;
  CHECK(stat(path, &status) == 0);
  return (uint64_t)status.st_size;
}

void write_text(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  CHECK(file != NULL && fputs(text, file) >= 0);
  CHECK(fclose(file) == 0);
}

bool holds_text(const char *path, const char *text) {
  char found[256] = "";
  FILE *file = fopen(path, "r");
  if (file == NULL) return false;
  size_t length = fread(found, 1, sizeof found - 1, file);
  fclose(file);
  return length == strlen(text) && strcmp(found, text) == 0;
}

void check_that(bool passed, const char *condition, const char *file, int line) {
  if (!passed) fail(file, line, "failed: %s", condition);
  passed_checks++;
}

void check_prepare(void) { err = (pf_error)PF_ERROR_INIT; }

void check_status(pf_status status, pf_status expected, const char *call, const char *file, int line) {
  if (status != expected) {
    fprintf(stderr, "%s instead of %s\n", pf_status_name(status), pf_status_name(expected));
    fail(file, line, "failed: %s", call);
  }
  bool with_detail = status < 0 && strstr(call, "&err") != NULL;
  bool filled = err.status == status && err.message[0] != '\0' && err.file[0] != '\0' && err.line > 0;
  bool untouched = err.status == PF_OK && err.message[0] == '\0' && err.file[0] == '\0' && err.line == 0 &&
                   err.os_errno == 0;
  if (with_detail ? !filled : !untouched) fail(file, line, "error detail is wrong after: %s", call);
  passed_checks++;
}

void check_says(const char *part, const char *file, int line) {
  if (strstr(err.message, part) == NULL) fail(file, line, "the message does not say: %s", part);
  passed_checks++;
}

void check_no_file(const char *path, const char *file, int line) {
  char temporary[1100];
  snprintf(temporary, sizeof temporary, "%s.tmp", path);
  if (exists(path)) fail(file, line, "is there: %s", path);
  if (exists(temporary)) fail(file, line, "is there: %s", temporary);
  passed_checks++;
}

pf_writer *open_column(const char *path, const pf_field *field, const pf_writer_options *options) {
  pf_schema *schema = NULL;
  pf_writer *writer = NULL;
  CHECK_OK(pf_schema_new(field, 1, sizeof *field, &schema, &err));
  CHECK_OK(pf_writer_open(path, schema, options, &writer, &err));
  pf_schema_free(schema);
  return writer;
}

void check_refused(pf_writer *writer, const pf_row_chunk *chunk, pf_status status, const char *says) {
  CHECK_STATUS(pf_try_append_row_chunk(writer, chunk, &err), status);
  CHECK_SAYS(says);
  CHECK_STATUS(pf_append_row_chunk(writer, chunk, &err), status);
  CHECK_SAYS(says);
}
