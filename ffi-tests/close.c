/* Closing, freeing and naming: what is published, when, and in whose way. */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#include "arrow_data.h"
#include "check.h"
#include "expected.h"

static const pf_field field = PF_FIELD("number", PF_TYPE_INT64, PF_FIELD_REQUIRED);

static pf_status append(pf_writer *writer, int64_t number, pf_error *error) {
  pf_column_slice slice = PF_VALUES(&number, 1, NULL);
  pf_row_chunk chunk = PF_ROW_CHUNK(&slice, 1);
  return pf_append_row_chunk(writer, &chunk, error);
}

static void expect_number(const char *path, int64_t number) {
  expected to = expect_begin(path, &field, 1, 1, false, false);
  expect_value(&to, &number, sizeof number);
  expect_end(&to);
}

static void closing_again_gives_the_same(void) {
  const char *path = path_of("twice.parquet");
  pf_writer *writer = open_column(path, &field, NULL);
  CHECK_OK(append(writer, 1, &err));
  pf_part first = PF_PART_INIT, second = PF_PART_INIT;
  CHECK_OK(pf_close(writer, NULL, &err));
  CHECK_OK(pf_close(writer, &first, &err));
  CHECK_OK(pf_close(writer, &second, &err));
  CHECK(memcmp(&first, &second, sizeof first) == 0);
  CHECK(first.rows == 1 && first.row_groups == 1 && first.bytes == file_size(path));
  CHECK(strcmp(first.path, path) == 0);
  CHECK_STATUS(append(writer, 2, &err), PF_ERR_CLOSED);
  CHECK_STATUS(pf_flush(writer, &err), PF_ERR_CLOSED);
  CHECK_OK(pf_close(writer, &second, &err));
  CHECK(second.rows == 1);
  pf_writer_free(writer);
  CHECK_STATUS(pf_close(writer, &second, &err), PF_ERR_STALE_HANDLE);
  pf_writer_free(writer);
  expect_number(path, 1);
}

static void the_part_says_its_size(void) {
  const char *path = path_of("part_size.parquet");
  pf_writer *writer = open_column(path, &field, NULL);
  CHECK_OK(append(writer, 2, &err));
  const uint32_t sizes[] = {0, 8, offsetof(pf_part, path), sizeof(pf_part) + 1, 1 << 20, UINT32_MAX};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    pf_part part = PF_PART_INIT;
    part.struct_size = sizes[i];
    CHECK_INVALID(pf_close(writer, &part, &err));
    CHECK(part.rows == 0 && part.path == NULL);
    CHECK(!exists(path)); /* refused before anything was done */
  }
  uint64_t memory[8];
  const pf_part start = PF_PART_INIT;
  void *misaligned = (char *)memory + 4;
  memcpy(misaligned, &start, sizeof start);
  CHECK_INVALID(pf_close(writer, misaligned, &err));
  CHECK_OK(append(writer, 3, &err)); /* still open */

  struct {
    pf_part known;
    uint64_t later;
  } newer = {PF_PART_INIT, 77};
  newer.known.struct_size = sizeof newer;
  CHECK_OK(pf_close(writer, &newer.known, &err));
  CHECK(newer.known.rows == 2 && newer.later == 77);
  /* One from before there was the last field. */
  pf_part older = PF_PART_INIT;
  older.struct_size = offsetof(pf_part, encodings);
  CHECK_OK(pf_close(writer, &older, &err));
  CHECK(older.rows == 2 && strcmp(older.path, path) == 0 && older.encodings == NULL);
  pf_writer_free(writer);
  expected to = expect_begin(path, &field, 1, 1, false, false);
  for (int64_t number = 2; number <= 3; number++) expect_value(&to, &number, sizeof number);
  expect_end(&to);
}

/* Also while batches are being encoded. */
static void freeing_publishes_nothing(void) {
  const char *path = path_of("freed.parquet");
  pf_writer *writer = open_column(path, &field, NULL);
  CHECK_OK(append(writer, 1, &err));
  CHECK_OK(pf_flush(writer, &err));
  pf_writer_free(writer);
  CHECK_NO_FILE(path);

  static int64_t numbers[20000];
  pf_column_slice slice = PF_VALUES(numbers, 20000, NULL);
  pf_row_chunk chunk = PF_ROW_CHUNK(&slice, 1);
  pf_writer_options options = PF_WRITER_OPTIONS_INIT;
  options.window_rows = 1000;
  for (uint64_t again = 0; again < scaled(200); again++) {
    /* The name is free again at once. */
    writer = open_column(path, &field, &options);
    CHECK_OK(pf_append_row_chunk(writer, &chunk, &err));
    pf_writer_free(writer);
    CHECK_NO_FILE(path);
  }
}

typedef struct closer {
  pf_writer *writer;
  pf_part part;
  pf_status status;
} closer;

static void *close_it(void *argument) {
  closer *c = argument;
  c->status = pf_close(c->writer, &c->part, NULL);
  return NULL;
}

static void two_threads_may_close(void) {
  const char *path = path_of("two_threads.parquet");
  for (uint64_t again = 0; again < scaled(50); again++) {
    pf_writer_options options = PF_WRITER_OPTIONS_INIT;
    options.if_exists = PF_IF_EXISTS_REPLACE;
    pf_writer *writer = open_column(path, &field, &options);
    CHECK_OK(append(writer, 4, &err));
    closer closers[2] = {{writer, PF_PART_INIT, 1}, {writer, PF_PART_INIT, 1}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) CHECK(pthread_create(&threads[i], NULL, close_it, &closers[i]) == 0);
    for (int i = 0; i < 2; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(closers[0].status == PF_OK && closers[1].status == PF_OK);
    CHECK(memcmp(&closers[0].part, &closers[1].part, sizeof(pf_part)) == 0);
    CHECK(closers[0].part.rows == 1);
    pf_writer_free(writer);
  }
  expect_number(path, 4);
}

static void an_existing_part(void) {
  const char *path = path_of("existing.parquet");
  pf_schema *schema = NULL;
  pf_writer *writer = NULL;
  pf_writer_options options = PF_WRITER_OPTIONS_INIT;
  write_text(path, "theirs");
  CHECK_OK(pf_schema_new(&field, 1, sizeof field, &schema, &err));
  CHECK_STATUS(pf_writer_open(path, schema, NULL, &writer, &err), PF_ERR_CONFLICT);
  CHECK_SAYS(path);
  CHECK_STATUS(pf_writer_open(path, schema, &options, &writer, &err), PF_ERR_CONFLICT);
  CHECK(writer == NULL && holds_text(path, "theirs"));

  options.if_exists = PF_IF_EXISTS_REPLACE;
  writer = open_column(path, &field, &options);
  CHECK_OK(append(writer, 5, &err));
  CHECK(holds_text(path, "theirs")); /* until the new one is whole */
  pf_writer_free(writer);
  CHECK(holds_text(path, "theirs"));

  writer = open_column(path, &field, &options);
  CHECK_OK(append(writer, 5, &err));
  CHECK_OK(pf_close(writer, NULL, &err));
  pf_writer_free(writer);
  pf_schema_free(schema);
  expect_number(path, 5);
}

static void both_ways_to_sync(void) {
  for (int32_t sync = PF_SYNC_NONE; sync <= PF_SYNC_ON_CLOSE; sync++) {
    const char *path = path_of(sync == PF_SYNC_NONE ? "sync_none.parquet" : "sync_on_close.parquet");
    pf_writer_options options = PF_WRITER_OPTIONS_INIT;
    options.sync = sync;
    pf_writer *writer = open_column(path, &field, &options);
    CHECK_OK(append(writer, 6, &err));
    CHECK_OK(pf_close(writer, NULL, &err));
    pf_writer_free(writer);
    expect_number(path, 6);
  }
}

static sem_t gate;
static pthread_t caller;
static bool released_by_caller;
static void (*release_numbers)(struct ArrowArray *);

/* An encode cannot end before its batch is released, nor that before the gate is opened. */
static void release_behind_the_gate(struct ArrowArray *array) {
  if (pthread_equal(pthread_self(), caller)) {
    released_by_caller = true;
  } else {
    sem_wait(&gate);
  }
  release_numbers(array);
}

static const int64_t numbers[] = {7, 8, 9};

/* Appends until an encode is held, and says how often: one that ends within the call leaves the release to
 * the caller. */
static int append_behind_the_gate(pf_writer *writer) {
  int appends = 0;
  caller = pthread_self();
  do {
    struct ArrowSchema schema = schema_of_numbers();
    struct ArrowArray array = batch_of_numbers(numbers, 3);
    release_numbers = array.release;
    array.release = release_behind_the_gate;
    released_by_caller = false;
    CHECK_OK(pf_append_arrow(writer, &array, &schema, &err));
    appends++;
  } while (released_by_caller);
  return appends;
}

static void *open_the_gate_once_freed(void *writer) {
  while (pf_close_timeout(writer, 0, NULL, NULL) != PF_ERR_STALE_HANDLE) continue;
  sem_post(&gate);
  return NULL;
}

/* Gives up, goes on, and ends like any close. */
static void a_close_that_times_out(void) {
  CHECK(sem_init(&gate, 0, 0) == 0);
  const char *path = path_of("timeout.parquet");
  pf_writer *writer = open_column(path, &field, NULL);
  const int appends = append_behind_the_gate(writer);
  pf_part part = PF_PART_INIT;
  CHECK_INVALID(pf_close_timeout(NULL, 0, &part, &err));
  CHECK_STATUS(pf_close_timeout(writer, 0, &part, &err), PF_TIMEOUT);
  CHECK_STATUS(pf_close_timeout(writer, 1000000, &part, &err), PF_TIMEOUT);
  CHECK(part.rows == 0 && part.path == NULL);
  CHECK_STATUS(append(writer, 10, &err), PF_ERR_CLOSED);
  CHECK_STATUS(pf_flush(writer, &err), PF_ERR_CLOSED);
  sem_post(&gate);
  pf_status status;
  while ((status = pf_close_timeout(writer, 1000000, &part, &err)) == PF_TIMEOUT) CHECK(part.rows == 0);
  CHECK(status == PF_OK && part.rows == 3 * (uint64_t)appends && strcmp(part.path, path) == 0);
  pf_part again = PF_PART_INIT;
  CHECK_OK(pf_close_timeout(writer, 0, &again, &err));
  CHECK(memcmp(&part, &again, sizeof part) == 0);
  CHECK_OK(pf_close(writer, NULL, &err));
  pf_writer_free(writer);
  CHECK_STATUS(pf_close_timeout(writer, 0, NULL, &err), PF_ERR_STALE_HANDLE);
  expected to = expect_begin(path, &field, 1, 1, false, false);
  for (int i = 0; i < 3 * appends; i++) expect_value(&to, &numbers[i % 3], sizeof *numbers);
  expect_end(&to);

  /* Freed while it closes. */
  path = path_of("timeout_freed.parquet");
  writer = open_column(path, &field, NULL);
  append_behind_the_gate(writer);
  CHECK_STATUS(pf_close_timeout(writer, 0, NULL, &err), PF_TIMEOUT);
  pthread_t opener;
  CHECK(pthread_create(&opener, NULL, open_the_gate_once_freed, writer) == 0);
  pf_writer_free(writer);
  CHECK(pthread_join(opener, NULL) == 0);
  CHECK_NO_FILE(path);

  path = path_of("timeout_none.parquet");
  writer = open_column(path, &field, NULL);
  CHECK_OK(append(writer, 7, &err));
  CHECK_OK(pf_close_timeout(writer, UINT64_MAX, NULL, &err));
  pf_writer_free(writer);
  expect_number(path, 7);
}

static void *append_until_refused(void *argument) {
  closer *c = argument;
  static int64_t numbers[1000];
  pf_column_slice slice = PF_VALUES(numbers, 1000, NULL);
  pf_row_chunk chunk = PF_ROW_CHUNK(&slice, 1);
  while ((c->status = pf_append_row_chunk(c->writer, &chunk, NULL)) == PF_OK) continue;
  return NULL;
}

/* Whole chunks go in before the close, none after; a blocked append returns when its writer is freed. */
static void closing_and_freeing_race_appends(void) {
  const char *path = path_of("race.parquet");
  for (uint64_t again = 0; again < scaled(40); again++) {
    pf_writer_options options = PF_WRITER_OPTIONS_INIT;
    options.window_rows = 3000;
    options.queue_bytes = 1;
    pf_writer *writer = open_column(path, &field, &options);
    closer appender = {writer, PF_PART_INIT, 1};
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, append_until_refused, &appender) == 0);
    const bool close = again % 2 == 0;
    pf_part part = PF_PART_INIT;
    if (close) CHECK_OK(pf_close(writer, &part, &err));
    pf_writer_free(writer);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(appender.status == PF_ERR_CLOSED || appender.status == PF_ERR_STALE_HANDLE);
    if (close) CHECK(part.rows % 1000 == 0 && remove(path) == 0);
    CHECK_NO_FILE(path);
  }
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  closing_again_gives_the_same();
  the_part_says_its_size();
  freeing_publishes_nothing();
  two_threads_may_close();
  an_existing_part();
  both_ways_to_sync();
  a_close_that_times_out();
  closing_and_freeing_race_appends();
  return test_end();
}
