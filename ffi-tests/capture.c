/* Capture: records in place and in bursts, stamps over gaps, counts while producers run, flushes, delays. */
#define _XOPEN_SOURCE 700

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "stamped.h"

enum { PAGE = 4096, FITTING = PAGE / STAMPED_ENTRY };

/* No record leaves the lane before the sink is closed: each waits an hour for those of a silent producer. */
static pf_sink *open_stuck(const char *path, pf_producer **producer, uint64_t wait_ns) {
  pf_sink_options options = PF_SINK_OPTIONS_INIT;
  options.lane_bytes = PAGE;
  options.order = PF_ORDER_CAPTURE_TIME;
  options.order_window_us = (uint64_t)3600 * 1000000;
  pf_sink *sink = open_stamped(path, &options);
  open_producer(sink, 0);
  *producer = open_producer(sink, wait_ns);
  return sink;
}

static void in_place_and_in_bursts(const char *name, uint32_t lanes) {
  const char *path = path_of(name);
  pf_sink_options options = PF_SINK_OPTIONS_INIT;
  options.lanes = lanes;
  pf_sink *sink = open_stamped(path, &options);
  pf_producer *producer = open_producer(sink, 0);
  expected to = expect_stamped_begin(path, 1, false);
  uint64_t sequence = 0;
  for (int64_t i = 0; i < (int64_t)scaled(1000); i++) {
    void *place = NULL, *again = NULL, *payload = &place;
    const stamped record = make_stamped(i, 1);
    CHECK_OK(pf_reserve(producer, 0, &place, &payload));
    CHECK((uintptr_t)place % 8 == 0 && payload == NULL);
    memset(place, 0xFF, sizeof record);
    CHECK_OK(pf_reserve(producer, 0, &again, NULL)); /* gives up the first */
    CHECK(again == place);
    memcpy(again, &record, sizeof record);
    if (i % 3 == 0) {
      CHECK_OK(pf_abort(producer));
      CHECK_OK(pf_abort(producer));
      CHECK_INVALID(pf_commit(producer, 0));
    } else {
      CHECK_OK(pf_commit(producer, 0));
      CHECK_INVALID(pf_commit(producer, 0)); /* nothing is reserved any more */
      expect_stamped(&to, sequence++, 0, i, 1);
    }
    stamped burst[6];
    uint64_t taken = 99;
    const uint64_t count = (uint64_t)i % 7;
    for (uint32_t j = 0; j < count; j++) {
      burst[j] = make_stamped(-i, j);
      expect_stamped(&to, sequence++, 0, -i, j);
    }
    CHECK_OK(pf_try_record_n(producer, burst, sizeof *burst, count, &taken));
    CHECK(taken == count);
  }
  expect_end(&to);
  CHECK(close_sink(sink).rows == sequence);
}

/* What was offered by other calls meanwhile took the place of what was reserved. */
static void a_reservation_ends_with_the_next_record(void) {
  const char *path = path_of("reserved.parquet");
  pf_producer *producer = NULL;
  pf_sink *sink = open_stuck(path, &producer, 0);
  expected to = expect_stamped_begin(path, 1, false);
  for (int64_t i = 0; i < FITTING; i++) {
    void *place = NULL;
    const stamped record = make_stamped(i, 2);
    CHECK_OK(pf_reserve(producer, 0, &place, NULL));
    memset(place, 0xFF, sizeof record);
    CHECK_OK(pf_try_record(producer, &record, sizeof record));
    CHECK_INVALID(pf_commit(producer, 0)); /* of the last, nothing would be left to commit to */
    expect_stamped(&to, (uint64_t)i, 1, i, 2);
  }
  expect_end(&to);
  CHECK(close_sink(sink).dropped == 0);
}

static void of_a_burst_the_first_are_taken(void) {
  enum { BURST = FITTING + 100 };
  const char *path = path_of("burst.parquet");
  pf_producer *producer = NULL;
  pf_sink *sink = open_stuck(path, &producer, 0);
  expected to = expect_stamped_begin(path, 1, false);
  stamped burst[BURST];
  for (int64_t i = 0; i < BURST; i++) {
    burst[i] = make_stamped(i, 3);
    if (i < FITTING) expect_stamped(&to, (uint64_t)i, 1, i, 3);
  }
  expect_end(&to);
  uint64_t taken = 99;
  CHECK_STATUS(pf_try_record_n(producer, burst, sizeof *burst, BURST, &taken), PF_FULL);
  CHECK(taken == FITTING);
  CHECK_STATUS(pf_try_record_n(producer, burst, sizeof *burst, 7, &taken), PF_FULL);
  CHECK(taken == 0);
  CHECK_STATUS(pf_try_record_n(producer, burst, sizeof *burst, 5, NULL), PF_FULL);
  CHECK_STATUS(pf_try_record(producer, burst, sizeof *burst), PF_FULL);
  void *place = burst;
  CHECK_STATUS(pf_reserve(producer, 0, &place, NULL), PF_FULL); /* offered, as there is no room */
  CHECK(place == burst);
  const pf_capture_stats stats = stats_of(sink);
  CHECK(stats.producers == 2 && stats.open_producers == 2 && stats.rows == 0 && stats.row_groups == 0);
  CHECK(stats.accepted == FITTING && stats.lag == FITTING && stats.dropped == 114);
  CHECK(stats.lane_bytes_used == FITTING * STAMPED_ENTRY);
  CHECK(stats.lane_bytes_high_water <= stats.lane_bytes_used);
  const pf_sink_result result = close_sink(sink);
  CHECK(result.accepted == FITTING && result.dropped == 114);
}

/* After the deadline a record is dropped; with one that is far off, none is. */
static void producers_wait(void) {
  const char *path = path_of("deadline.parquet");
  const uint64_t deadline = 20000000;
  pf_producer *producer = NULL;
  pf_sink *sink = open_stuck(path, &producer, deadline);
  expected to = expect_stamped_begin(path, 1, false);
  const stamped record = make_stamped(4, 4);
  for (uint64_t i = 0; i < FITTING; i++) {
    CHECK_OK(pf_try_record(producer, &record, sizeof record));
    expect_stamped(&to, i, 1, 4, 4);
  }
  expect_end(&to);
  for (uint64_t waits = 1; waits <= 2; waits++) {
    CHECK_STATUS(pf_try_record(producer, &record, sizeof record), PF_FULL);
    const pf_capture_stats stats = stats_of(sink);
    CHECK(stats.waits == waits && stats.waited_ns >= waits * deadline && stats.dropped == waits);
  }
  CHECK(close_sink(sink).dropped == 2);

  path = path_of("waits.parquet");
  pf_sink_options options = PF_SINK_OPTIONS_INIT;
  options.lane_bytes = PAGE;
  options.idle = PF_IDLE_YIELD;
  sink = open_stamped(path, &options);
  producer = open_producer(sink, UINT64_MAX);
  to = expect_stamped_begin(path, 1, false);
  for (uint64_t i = 0; i < scaled(20000); i++) {
    const stamped numbered = make_stamped((int64_t)i, 5);
    CHECK_OK(pf_try_record(producer, &numbered, sizeof numbered));
    expect_stamped(&to, i, 0, (int64_t)i, 5);
  }
  expect_end(&to);
  CHECK(close_sink(sink).dropped == 0);
}

enum { THREADS = 3 };

typedef struct worker {
  pf_producer *producer;
  uint32_t number;
  uint64_t offered, dropped, other;
  unsigned char *taken; /* 1: accepted */
} worker;

static void *offer_all(void *argument) {
  worker *w = argument;
  for (uint64_t i = 0; i < w->offered; i++) {
    const stamped record = make_stamped((int64_t)i, w->number);
    const pf_status status = pf_try_record(w->producer, &record, sizeof record);
    w->taken[i] = status == PF_OK;
    w->dropped += status == PF_FULL;
    w->other += status != PF_OK && status != PF_FULL;
  }
  return NULL;
}

/* The numbers that are missing are the records that were dropped, whoever looks at the counters meanwhile. */
static void sequences_count_the_dropped(void) {
  const char *path = path_of("sequences.parquet");
  pf_sink_options options = PF_SINK_OPTIONS_INIT;
  options.lane_bytes = 1;
  pf_sink *sink = open_stamped(path, &options);
  worker workers[THREADS];
  pthread_t threads[THREADS];
  memset(workers, 0, sizeof workers);
  for (uint32_t i = 0; i < THREADS; i++) {
    workers[i].producer = open_producer(sink, 0);
    workers[i].number = i;
    workers[i].offered = scaled(40000);
    workers[i].taken = calloc(workers[i].offered, 1);
    CHECK(workers[i].taken != NULL);
  }
  const uint64_t all = THREADS * workers[0].offered;
  for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, offer_all, &workers[i]) == 0);
  pf_capture_stats before = stats_of(sink);
  while (before.offered < all) {
    const pf_capture_stats now = stats_of(sink);
    CHECK(now.offered >= before.offered && now.offered <= all && now.rows >= before.rows);
    CHECK(now.lane_bytes_used <= THREADS * PAGE && now.lane_bytes_high_water <= PAGE);
    before = now;
  }
  for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  const pf_sink_result result = close_sink(sink);
  expected to = expect_stamped_begin(path, result.row_groups, true);
  uint64_t dropped = 0;
  for (uint32_t i = 0; i < THREADS; i++) {
    CHECK(workers[i].other == 0);
    dropped += workers[i].dropped;
    for (uint64_t k = 0; k < workers[i].offered; k++)
      if (workers[i].taken[k]) expect_stamped(&to, k, i, (int64_t)k, i);
    free(workers[i].taken);
  }
  expect_end(&to);
  CHECK(result.dropped == dropped && result.accepted + dropped == all);
  CHECK(dropped > 0); /* else it shows nothing */
}

static void flushes_end_row_groups(void) {
  enum { FLUSHES = 3 };
  const char *path = path_of("flushes.parquet");
  pf_sink *sink = open_stamped(path, NULL);
  pf_producer *producer = open_producer(sink, 0);
  expected to = expect_stamped_begin(path, FLUSHES, false);
  const uint64_t rows = scaled(10000);
  for (uint64_t flush = 1; flush <= FLUSHES; flush++) {
    for (uint64_t i = (flush - 1) * rows; i < flush * rows; i++) {
      const stamped record = make_stamped((int64_t)i, 6);
      CHECK_OK(pf_try_record(producer, &record, sizeof record));
      expect_stamped(&to, i, 0, (int64_t)i, 6);
    }
    CHECK_OK(pf_sink_flush(sink, &err));
    CHECK(stats_of(sink).rows == flush * rows);
  }
  expect_end(&to);
  CHECK_OK(pf_sink_flush(sink, &err)); /* nothing to end */
  pf_sink_result result = PF_SINK_RESULT_INIT;
  CHECK_OK(pf_sink_close(sink, &result, &err));
  CHECK(result.row_groups == FLUSHES && result.rows == FLUSHES * rows);
  CHECK_STATUS(pf_sink_flush(sink, &err), PF_ERR_CLOSED);
  pf_sink_free(sink);
}

/* However slow the feed, a row group ends after the delay: without one, none would here. */
static void delays_end_row_groups(void) {
  enum { GROUPS = 4 };
  const char *path = path_of("delays.parquet");
  pf_sink_options options = PF_SINK_OPTIONS_INIT;
  options.max_delay_ms = 10;
  pf_sink *sink = open_stamped(path, &options);
  pf_producer *producer = open_producer(sink, 0);
  expected to = expect_stamped_begin(path, GROUPS, false);
  for (uint64_t i = 0; i < GROUPS; i++) {
    const stamped record = make_stamped((int64_t)i, 7);
    CHECK_OK(pf_try_record(producer, &record, sizeof record));
    expect_stamped(&to, i, 0, (int64_t)i, 7);
    while (stats_of(sink).row_groups <= i) { /* one that never ends fails by its timeout */
      const struct timespec pause = {0, 1000000};
      nanosleep(&pause, NULL);
    }
  }
  expect_end(&to);
  CHECK(close_sink(sink).row_groups == GROUPS);
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  in_place_and_in_bursts("in_place.parquet", PF_LANES_MEMORY);
  in_place_and_in_bursts("huge_pages.parquet", PF_LANES_HUGE_PAGES);
  a_reservation_ends_with_the_next_record();
  of_a_burst_the_first_are_taken();
  producers_wait();
  sequences_count_the_dropped();
  flushes_end_row_groups();
  delays_end_row_groups();
  return test_end();
}
