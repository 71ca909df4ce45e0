/* Arrow streams: whatever they give, and wherever they fail, each struct is released once. */
#define _XOPEN_SOURCE 700

#include <errno.h>

#include "arrow_data.h"
#include "check.h"
#include "expected.h"

static const pf_field field = PF_FIELD("number", PF_TYPE_INT64, PF_FIELD_REQUIRED);
enum { ROWS = 3 };

/* What a callback does. */
typedef enum step { END, GIVES, GIVES_OTHER, FAILS, FAILS_HAVING_GIVEN } step;

typedef struct script {
  step schema, batches[4];
  int asked; /* for batches, so far */
} script;

static int schemas_made, arrays_made;
static int64_t numbers_made, taken[64];
static int taken_count;

static int give_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
  const step step = ((script *)stream->private_data)->schema;
  if (step == FAILS) return ENOMEM;
  if (step == END) return 0;
  *out = schema_of_numbers();
  if (step == GIVES_OTHER) out->children[0]->format = "L";
  schemas_made++;
  return step == FAILS_HAVING_GIVEN ? ENOMEM : 0;
}

static int give_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
  script *script = stream->private_data;
  const step step = script->batches[script->asked++];
  int64_t numbers[ROWS];
  if (step == FAILS) return EIO;
  out->release = NULL;
  if (step == END) return 0;
  for (int i = 0; i < ROWS; i++) {
    numbers[i] = numbers_made++;
    if (step == GIVES) taken[taken_count++] = numbers[i];
  }
  *out = batch_of_numbers(numbers, ROWS);
  if (step == GIVES_OTHER) out->children[0]->n_buffers = 1;
  arrays_made++;
  return step == FAILS_HAVING_GIVEN ? EIO : 0;
}

static const char *last_error(struct ArrowArrayStream *stream) {
  (void)stream;
  return "the line went dead";
}

static pf_writer *writer;

/* The stream ends the call as it should, having been asked for so many batches. */
static void stream_gives(script script, int asked, pf_status status, const char *says) {
  struct ArrowArrayStream stream = {give_schema, give_next, last_error, release_stream, &script};
  const int streams = streams_released;
  CHECK_STATUS(pf_append_arrow_stream(writer, &stream, &err), status);
  if (says != NULL) CHECK_SAYS(says);
  CHECK(stream.release == NULL && streams_released == streams + 1);
  CHECK(script.asked == asked && schemas_released == schemas_made);
}

/* Batches before the one that fails stay; no batch is asked for after it. */
static void streams_end_and_fail(void) {
  const script three = {GIVES, {GIVES, GIVES, GIVES, END}, 0}, none = {GIVES, {END}, 0};
  const script breaks = {GIVES, {GIVES, GIVES, FAILS}, 0};
  const script breaks_late = {GIVES, {GIVES, FAILS_HAVING_GIVEN}, 0};
  const script spoilt = {GIVES, {GIVES, GIVES_OTHER, GIVES, END}, 0};
  stream_gives(three, 4, PF_OK, NULL);
  stream_gives(none, 1, PF_OK, NULL);
  stream_gives(breaks, 3, PF_ERR_IO, "stream.get_next says \"the line went dead\"");
  CHECK(err.os_errno == EIO);
  stream_gives(breaks_late, 2, PF_ERR_IO, "get_next");
  stream_gives(spoilt, 2, PF_ERR_INVALID_ARGUMENT, "children[0].n_buffers is 1");
}

static void schemas_are_checked_first(void) {
  const script no_schema = {FAILS, {GIVES, END}, 0}, broken_schema = {FAILS_HAVING_GIVEN, {GIVES, END}, 0};
  const script released_schema = {END, {GIVES, END}, 0}, other_schema = {GIVES_OTHER, {GIVES, END}, 0};
  stream_gives(no_schema, 0, PF_ERR_OUT_OF_MEMORY, "stream.get_schema says \"the line went dead\"");
  stream_gives(broken_schema, 0, PF_ERR_OUT_OF_MEMORY, "get_schema");
  stream_gives(released_schema, 0, PF_ERR_INVALID_ARGUMENT, "gave a released schema");
  stream_gives(other_schema, 0, PF_ERR_TYPE_MISMATCH, "\"number\" is of type UInt64");
}

static void streams_are_taken_whatever_they_are(void) {
  struct ArrowArrayStream stream = {NULL, give_next, NULL, release_stream, NULL};
  const int before = streams_released;
  CHECK_INVALID(pf_append_arrow_stream(writer, &stream, &err));
  CHECK_SAYS("get_schema");
  CHECK_INVALID(pf_append_arrow_stream(writer, &stream, &err));
  CHECK_SAYS("released or moved before");
  CHECK_INVALID(pf_append_arrow_stream(writer, NULL, &err));
  CHECK_SAYS("stream is NULL");
  stream.release = release_stream;
  CHECK_STATUS(pf_append_arrow_stream((pf_writer *)&stream, &stream, &err), PF_ERR_STALE_HANDLE);
  CHECK(stream.release == NULL && streams_released == before + 2);
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  const char *path = path_of("streams.parquet");
  pf_writer_options options = PF_WRITER_OPTIONS_INIT;
  options.window_rows = 2;
  writer = open_column(path, &field, &options);
  streams_end_and_fail();
  schemas_are_checked_first();
  streams_are_taken_whatever_they_are();
  streams_end_and_fail(); /* the writer goes on */

  pf_part part = PF_PART_INIT;
  CHECK_OK(pf_close(writer, &part, &err));
  CHECK(part.rows == (uint64_t)taken_count);
  CHECK(released(&arrays_released) == arrays_made);
  const script any = {GIVES, {GIVES, END}, 0};
  stream_gives(any, 0, PF_ERR_CLOSED, "closed");
  pf_writer_free(writer);
  stream_gives(any, 0, PF_ERR_STALE_HANDLE, "freed");

  expected to = expect_begin(path, &field, 1, 1, false, false);
  for (int i = 0; i < taken_count; i++) expect_value(&to, &taken[i], sizeof taken[i]);
  expect_end(&to);
  return test_end();
}
