/* Checks that end the program at the first failure, and the test's own directory. */
#ifndef FLOW_CHECK_H
#define FLOW_CHECK_H

#include <flow.h>
#include <stdbool.h>
#include <stddef.h>

/* Starts a program: `argv[1]` is its directory, made if missing, cleared of an earlier run's files. */
void test_begin(int argc, char **argv);

/* Says how many checks passed; the exit code of the program. */
int test_end(void);

/* `n`, or a twentieth of it if FLOW_SMALL is set, as it is under valgrind. */
uint64_t scaled(uint64_t n);

/* The path of `name` in the test's directory; valid for the next seven calls. */
const char *path_of(const char *name);

/* Whether the file is there. */
bool exists(const char *path);

/* Bytes of the file. */
uint64_t file_size(const char *path);

/* Replaces the file by `text`; then tells whether it still holds just that. */
void write_text(const char *path, const char *text);
bool holds_text(const char *path, const char *text);

/* Error detail of the call that was checked last. Only the main thread checks. */
extern pf_error err;

#define CHECK(condition) check_that((condition), #condition, __FILE__, __LINE__)

/* `call` returns `expected`; if it passes `&err`, the detail is filled on failure and only then. */
#define CHECK_STATUS(call, expected) \
  (check_prepare(), check_status((call), (expected), #call, __FILE__, __LINE__))
#define CHECK_OK(call) CHECK_STATUS(call, PF_OK)
#define CHECK_INVALID(call) CHECK_STATUS(call, PF_ERR_INVALID_ARGUMENT)

/* The last error's message says `part`. */
#define CHECK_SAYS(part) check_says((part), __FILE__, __LINE__)

/* Neither the part nor its temporary file is there. */
#define CHECK_NO_FILE(path) check_no_file((path), __FILE__, __LINE__)

/* A writer of one column, open. */
pf_writer *open_column(const char *path, const pf_field *field, const pf_writer_options *options);

/* Both calls that append refuse the chunk, and the error says `says`. */
void check_refused(pf_writer *writer, const pf_row_chunk *chunk, pf_status status, const char *says);

void check_that(bool passed, const char *condition, const char *file, int line);
void check_prepare(void);
void check_status(pf_status status, pf_status expected, const char *call, const char *file, int line);
void check_says(const char *part, const char *file, int line);
void check_no_file(const char *path, const char *file, int line);

#endif
