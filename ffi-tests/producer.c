/* Producers: many threads into one sink, exact counts, closing and freeing in every order. */
#define _XOPEN_SOURCE 700

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "expected.h"

typedef struct record {
  uint64_t sequence;
  double price;
  uint32_t producer;
  char side;
} record;

#define FIELD(member, type) \
  { #member, (type), offsetof(record, member), sizeof(((record *)0)->member), PF_NULL_NEVER, 0, 0, 0, NULL }
static const pf_record_field fields[] = {FIELD(producer, PF_TYPE_UINT32), FIELD(sequence, PF_TYPE_UINT64),
                                         FIELD(price, PF_TYPE_FLOAT64), FIELD(side, PF_TYPE_UTF8)};
static const pf_field columns[] = {PF_FIELD("producer", PF_TYPE_UINT32, PF_FIELD_REQUIRED),
                                   PF_FIELD("sequence", PF_TYPE_UINT64, PF_FIELD_REQUIRED),
                                   PF_FIELD("price", PF_TYPE_FLOAT64, PF_FIELD_REQUIRED),
                                   PF_FIELD("side", PF_TYPE_UTF8, PF_FIELD_REQUIRED)};
enum { COLUMNS = 4, THREADS = 4 };

static pf_record_layout *layout;

static record make_record(uint32_t producer, uint64_t sequence) {
  record r;
  memset(&r, 0, sizeof r); /* the padding too: all bytes of a record are copied */
  r.producer = producer;
  r.sequence = sequence;
  r.price = (double)producer + (double)sequence / 3;
  r.side = sequence % 2 == 0 ? 'B' : 'S';
  return r;
}

static void expect_record(expected *to, uint32_t producer, uint64_t sequence) {
  record r = make_record(producer, sequence);
  expect_value(to, &r.producer, sizeof r.producer);
  expect_value(to, &r.sequence, sizeof r.sequence);
  expect_value(to, &r.price, sizeof r.price);
  expect_value(to, &r.side, 1);
}

static pf_sink *open_sink(const char *path, uint64_t lane_bytes) {
  pf_sink_options options = PF_SINK_OPTIONS_INIT;
  options.lane_bytes = lane_bytes;
  pf_sink *sink = NULL;
  CHECK_OK(pf_sink_open(path, layout, NULL, &options, &sink, &err));
  return sink;
}

static pf_producer *open_producer(pf_sink *sink) {
  pf_producer *producer = NULL;
  CHECK_OK(pf_producer_open(sink, NULL, &producer, &err));
  CHECK(producer != NULL);
  return producer;
}

/* One thread's part; the checks are the main thread's. */
typedef struct worker {
  pf_sink *sink;
  uint32_t number;
  uint64_t offered;
  unsigned char *taken; /* 1: accepted */
  uint64_t accepted, full, other;
  pf_status opened, closed;
  pf_sink_result result;
} worker;

static void *work(void *argument) {
  worker *w = argument;
  pf_producer *producer = NULL;
  w->opened = pf_producer_open(w->sink, NULL, &producer, NULL);
  for (uint64_t i = 0; i < w->offered && w->opened == PF_OK; i++) {
    record r = make_record(w->number, i);
    pf_status status = pf_try_record(producer, &r, sizeof r);
    w->taken[i] = status == PF_OK;
    if (status == PF_OK)
      w->accepted++;
    else if (status == PF_FULL)
      w->full++;
    else
      w->other++;
  }
  /* One of them leaves it to pf_sink_close. */
  w->closed = w->number == 0 ? PF_OK : pf_producer_close(producer, NULL);
  return NULL;
}

static void many_threads(const char *name, uint64_t lane_bytes, uint64_t offered, bool drops) {
  const char *path = path_of(name);
  pf_sink *sink = open_sink(path, lane_bytes);
  worker workers[THREADS];
  pthread_t threads[THREADS];
  memset(workers, 0, sizeof workers);
  for (uint32_t i = 0; i < THREADS; i++) {
    workers[i].sink = sink;
    workers[i].number = i;
    workers[i].offered = offered;
    workers[i].taken = calloc(offered, 1);
    CHECK(workers[i].taken != NULL);
    CHECK(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
  }
  for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  pf_sink_result result = PF_SINK_RESULT_INIT;
  CHECK_OK(pf_sink_close(sink, &result, &err));

  uint64_t accepted = 0, full = 0;
  expected to = expect_begin(path, columns, COLUMNS, 1, true, true);
  for (uint32_t i = 0; i < THREADS; i++) {
    worker *w = &workers[i];
    CHECK(w->opened == PF_OK && w->closed == PF_OK && w->other == 0);
    CHECK(w->accepted + w->full == offered);
    accepted += w->accepted;
    full += w->full;
    for (uint64_t k = 0; k < offered; k++)
      if (w->taken[k]) expect_record(&to, i, k);
    free(w->taken);
  }
  expect_end(&to);
  CHECK(result.producers == THREADS);
  CHECK(result.accepted == accepted && result.dropped == full && result.oversized == 0);
  CHECK(result.accepted + result.dropped == THREADS * offered);
  CHECK(result.rows == accepted && result.bytes == file_size(path) && result.row_groups == 1);
  CHECK(drops || full == 0); /* capture.c is sure of drops */
  pf_sink_free(sink);
}

static void a_slow_producer(void) {
  const char *path = path_of("slow.parquet");
  pf_sink *sink = open_sink(path, 0);
  pf_producer *producer = open_producer(sink);
  expected to = expect_begin(path, columns, COLUMNS, 1, false, true);
  for (uint64_t i = 0; i < 30; i++) {
    const struct timespec pause = {0, 2000000};
    record r = make_record(1, i);
    CHECK_OK(pf_try_record(producer, &r, sizeof r));
    expect_record(&to, 1, i);
    nanosleep(&pause, NULL);
  }
  expect_end(&to);
  CHECK_OK(pf_sink_close(sink, NULL, &err));
  pf_sink_free(sink);
}

static void many_producers_in_turn(void) {
  const char *path = path_of("in_turn.parquet");
  const uint64_t count = scaled(300);
  pf_sink *sink = open_sink(path, 4096);
  expected to = expect_begin(path, columns, COLUMNS, 1, true, true);
  for (uint32_t producer = 0; producer < count; producer++) {
    pf_producer *p = open_producer(sink);
    for (uint64_t i = 0; i < producer % 4; i++) { /* the first has nothing to say */
      record r = make_record(producer, i);
      CHECK_OK(pf_try_record(p, &r, sizeof r));
      expect_record(&to, producer, i);
    }
    CHECK_OK(pf_producer_close(p, &err));
    record late = make_record(producer, 99);
    CHECK_STATUS(pf_try_record(p, &late, sizeof late), PF_ERR_CLOSED);
    CHECK_STATUS(pf_try_record_payload(p, &late, sizeof late, NULL, 0), PF_ERR_CLOSED);
    CHECK_OK(pf_producer_close(p, &err));
  }
  expect_end(&to);
  pf_sink_result result = PF_SINK_RESULT_INIT;
  CHECK_OK(pf_sink_close(sink, &result, &err));
  CHECK(result.producers == count && result.dropped == 0);
  pf_sink_free(sink);
}

static void a_closed_sink(void) {
  const char *path = path_of("closed.parquet");
  pf_sink *sink = open_sink(path, 0);
  pf_producer *producer = open_producer(sink), *late = NULL;
  record r = make_record(0, 0);
  CHECK_OK(pf_try_record(producer, &r, sizeof r));
  pf_sink_result first = PF_SINK_RESULT_INIT, second = PF_SINK_RESULT_INIT, bad = PF_SINK_RESULT_INIT;
  bad.struct_size = 8;
  CHECK_INVALID(pf_sink_close(sink, &bad, &err));
  CHECK(!exists(path) && bad.rows == 0); /* refused before anything was done */
  CHECK_OK(pf_sink_close(sink, NULL, &err));
  CHECK_OK(pf_sink_close(sink, &first, &err));
  CHECK_STATUS(pf_try_record(producer, &r, sizeof r), PF_ERR_CLOSED);
  CHECK_STATUS(pf_producer_open(sink, NULL, &late, &err), PF_ERR_CLOSED);
  CHECK(late == NULL);
  CHECK_OK(pf_sink_close(sink, &second, &err));
  CHECK(memcmp(&first, &second, sizeof first) == 0);
  CHECK(first.rows == 1 && first.accepted == 1 && first.dropped == 0 && strcmp(first.path, path) == 0);
  CHECK_OK(pf_producer_close(producer, &err));
  CHECK_INVALID(pf_producer_close(NULL, &err));
  pf_sink_free(sink);
  pf_sink_free(sink);
  pf_sink_free(NULL);
  CHECK_STATUS(pf_sink_close(sink, NULL, &err), PF_ERR_STALE_HANDLE);
  CHECK_STATUS(pf_producer_open(sink, NULL, &late, &err), PF_ERR_STALE_HANDLE);
  expected to = expect_begin(path, columns, COLUMNS, 1, false, true);
  expect_record(&to, 0, 0);
  expect_end(&to);
}

static void freeing_publishes_nothing(void) {
  const char *path = path_of("freed.parquet");
  pf_writer_options options = PF_WRITER_OPTIONS_INIT;
  options.window_rows = 10; /* batches are being encoded when it is freed */
  for (uint64_t again = 0; again < scaled(40); again++) {
    pf_sink *sink = NULL;
    CHECK_OK(pf_sink_open(path, layout, &options, NULL, &sink, &err)); /* the name is free again at once */
    pf_producer *producer = open_producer(sink);
    for (uint64_t i = 0; i < again * 100; i++) {
      record r = make_record(0, i);
      CHECK_OK(pf_try_record(producer, &r, sizeof r));
    }
    pf_sink_free(sink);
    CHECK_NO_FILE(path);
  }
}

static void *close_it(void *argument) {
  worker *w = argument;
  w->closed = pf_sink_close(w->sink, &w->result, NULL);
  return NULL;
}

static void two_threads_may_close(void) {
  const char *path = path_of("two_threads.parquet");
  pf_sink *sink = open_sink(path, 0);
  pf_producer *producer = open_producer(sink);
  expected to = expect_begin(path, columns, COLUMNS, 1, false, true);
  for (uint64_t i = 0; i < 1000; i++) {
    record r = make_record(2, i);
    CHECK_OK(pf_try_record(producer, &r, sizeof r));
    expect_record(&to, 2, i);
  }
  expect_end(&to);
  worker closers[2];
  pthread_t threads[2];
  memset(closers, 0, sizeof closers);
  for (int i = 0; i < 2; i++) {
    const pf_sink_result start = PF_SINK_RESULT_INIT;
    closers[i].sink = sink;
    closers[i].result = start;
    CHECK(pthread_create(&threads[i], NULL, close_it, &closers[i]) == 0);
  }
  for (int i = 0; i < 2; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  CHECK(closers[0].closed == PF_OK && closers[1].closed == PF_OK);
  CHECK(memcmp(&closers[0].result, &closers[1].result, sizeof(pf_sink_result)) == 0);
  CHECK(closers[0].result.rows == 1000);
  pf_sink_free(sink);
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  CHECK_OK(pf_record_layout_new(sizeof(record), fields, COLUMNS, sizeof *fields, NULL, &layout, &err));
  many_threads("no_drops.parquet", 0, scaled(8000), false);
  many_threads("drops.parquet", 1024, scaled(20000), true);
  a_slow_producer();
  many_producers_in_turn();
  a_closed_sink();
  freeing_publishes_nothing();
  two_threads_may_close();
  pf_record_layout_free(layout);
  return test_end();
}
