/* A fork of a process that uses libflow gets an error, not a hang; the parent goes on. */
#define _XOPEN_SOURCE 700

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arrow_data.h"
#include "check.h"
#include "expected.h"

static const pf_field field = PF_FIELD("number", PF_TYPE_INT64, PF_FIELD_REQUIRED);
static const pf_record_field record_field = {"number", PF_TYPE_INT64, 0, 8, PF_NULL_NEVER, 0, 0, 0, NULL};

static pf_schema *schema;
static pf_writer *writer;
static pf_record_layout *layout;
static pf_sink *sink;
static pf_producer *producer;

static pf_status append(int64_t number, pf_error *error) {
  pf_column_slice slice = PF_VALUES(&number, 1, NULL);
  pf_row_chunk chunk = PF_ROW_CHUNK(&slice, 1);
  return pf_append_row_chunk(writer, &chunk, error);
}

/* Arrow's structs are taken in a child too. */
static void child_is_refused_arrow(void) {
  pf_schema *no_schema = NULL;
  const int64_t number = 1;
  struct ArrowSchema schema = schema_of_numbers();
  struct ArrowArray array = batch_of_numbers(&number, 1);
  struct ArrowArrayStream stream = {NULL, NULL, NULL, release_stream, NULL};
  CHECK_STATUS(pf_append_arrow(writer, &array, &schema, &err), PF_ERR_FORKED);
  CHECK(array.release == NULL && schema.release == NULL);
  schema = schema_of_numbers();
  CHECK_STATUS(pf_schema_from_arrow(&schema, &no_schema, &err), PF_ERR_FORKED);
  CHECK_STATUS(pf_append_arrow_stream(writer, &stream, &err), PF_ERR_FORKED);
  CHECK(no_schema == NULL && schema.release == NULL && stream.release == NULL);
  CHECK(arrays_released == 1 && schemas_released == 2 && streams_released == 1);
}

/* Every cold call; checks end the child with 1. */
static int child(void) {
  pf_schema *no_schema = NULL;
  pf_writer *no_writer = NULL;
  pf_record_layout *no_layout = NULL;
  pf_sink *no_sink = NULL;
  pf_producer *no_producer = NULL;
  const char *path = path_of("child.parquet");
  CHECK_STATUS(pf_schema_new(&field, 1, sizeof field, &no_schema, &err), PF_ERR_FORKED);
  CHECK_SAYS("fork");
  CHECK_STATUS(pf_writer_open(path, schema, NULL, &no_writer, &err), PF_ERR_FORKED);
  CHECK_STATUS(append(1, &err), PF_ERR_FORKED);
  CHECK_STATUS(pf_flush(writer, &err), PF_ERR_FORKED);
  CHECK_STATUS(pf_close(writer, NULL, &err), PF_ERR_FORKED);
  CHECK_STATUS(pf_close_timeout(writer, 0, NULL, &err), PF_ERR_FORKED);
  pf_stats stats = PF_STATS_INIT;
  pf_pool_options options = PF_POOL_OPTIONS_INIT;
  CHECK_STATUS(pf_writer_stats(writer, &stats, &err), PF_ERR_FORKED);
  CHECK_STATUS(pf_pool_stats(&stats, &err), PF_ERR_FORKED);
  CHECK_STATUS(pf_pool_configure(&options, &err), PF_ERR_FORKED);
  CHECK_STATUS(pf_pool_options_get(&options, &err), PF_ERR_FORKED);
  CHECK(stats.rows == 0 && options.threads == 0);
  CHECK_STATUS(pf_record_layout_new(8, &record_field, 1, sizeof record_field, NULL, &no_layout, &err),
               PF_ERR_FORKED);
  CHECK_STATUS(pf_sink_open(path, layout, NULL, NULL, &no_sink, &err), PF_ERR_FORKED);
  CHECK_STATUS(pf_producer_open(sink, NULL, &no_producer, &err), PF_ERR_FORKED);
  /* The lane is the parent's memory: nothing of the child's may get there. */
  int64_t number = 3;
  void *place = NULL;
  CHECK(pf_try_record(producer, &number, sizeof number) == PF_ERR_FORKED);
  CHECK(pf_try_record(producer, &number, 0) == PF_ERR_FORKED);
  CHECK(pf_try_record_n(producer, &number, sizeof number, 1, NULL) == PF_ERR_FORKED);
  CHECK(pf_try_record_payload(producer, &number, sizeof number, NULL, 0) == PF_ERR_FORKED);
  CHECK(pf_reserve(producer, 0, &place, NULL) == PF_ERR_FORKED && pf_commit(producer, 0) == PF_ERR_FORKED);
  pf_capture_stats capture = PF_CAPTURE_STATS_INIT;
  CHECK_STATUS(pf_sink_stats(sink, &capture, &err), PF_ERR_FORKED);
  CHECK_STATUS(pf_sink_flush(sink, &err), PF_ERR_FORKED);
  CHECK_STATUS(pf_sink_close(sink, NULL, &err), PF_ERR_FORKED);
  CHECK(no_schema == NULL && no_writer == NULL && no_layout == NULL && no_sink == NULL &&
        no_producer == NULL);
  CHECK(strcmp(pf_version(), PF_VERSION) == 0);
  child_is_refused_arrow();

  /* These return, and take nothing away from the parent. */
  pf_writer_free(writer);
  pf_sink_free(sink);
  pf_schema_free(schema);
  pf_record_layout_free(layout);
  CHECK(!exists(path));
  return 0;
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  const char *path = path_of("parent.parquet"), *sink_path = path_of("parent_sink.parquet");
  CHECK_OK(pf_schema_new(&field, 1, sizeof field, &schema, &err));
  CHECK_OK(pf_writer_open(path, schema, NULL, &writer, &err));
  CHECK_OK(append(1, &err));
  CHECK_OK(pf_flush(writer, &err)); /* the pool's threads run */
  CHECK_OK(pf_record_layout_new(8, &record_field, 1, sizeof record_field, NULL, &layout, &err));
  CHECK_OK(pf_sink_open(sink_path, layout, NULL, NULL, &sink, &err));
  CHECK_OK(pf_producer_open(sink, NULL, &producer, &err));
  int64_t number = 1;
  CHECK_OK(pf_try_record(producer, &number, sizeof number));

  pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) _exit(child());
  int status = 0;
  CHECK(waitpid(pid, &status, 0) == pid);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);

  pf_part part = PF_PART_INIT;
  pf_sink_result result = PF_SINK_RESULT_INIT;
  CHECK_OK(append(2, &err));
  CHECK_OK(pf_close(writer, &part, &err));
  CHECK(part.rows == 2 && part.row_groups == 2);
  number = 2;
  CHECK_OK(pf_try_record(producer, &number, sizeof number));
  CHECK_OK(pf_sink_close(sink, &result, &err));
  CHECK(result.rows == 2);
  pf_writer_free(writer);
  pf_sink_free(sink);
  pf_schema_free(schema);
  pf_record_layout_free(layout);

  expected to = expect_begin(path, &field, 1, 2, false, false);
  expected to_sink = expect_begin(sink_path, &field, 1, 1, false, true);
  for (number = 1; number <= 2; number++) {
    expect_value(&to, &number, sizeof number);
    expect_value(&to_sink, &number, sizeof number);
  }
  expect_end(&to);
  expect_end(&to_sink);
  return test_end();
}
