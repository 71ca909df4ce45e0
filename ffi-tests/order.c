/* The order of records of several producers: by a field, by the time they were taken, within a window. */
#define _XOPEN_SOURCE 700

#include <time.h>

#include "stamped.h"

static void pause_briefly(void) {
  const struct timespec pause = {0, 100000};
  nanosleep(&pause, NULL);
}

static pf_sink *open_ordered(const char *path, const char *field, uint64_t window_us) {
  pf_sink_options options = PF_SINK_OPTIONS_INIT;
  options.order = field == NULL ? PF_ORDER_CAPTURE_TIME : PF_ORDER_FIELD;
  options.order_field = field;
  options.order_window_us = window_us;
  return open_stamped(path, &options);
}

/* Three producers, by turns, in bursts: the rows come in the order of their numbers, which is that of time.
 */
static void turns_are_kept(const char *name, const char *field) {
  enum { PRODUCERS = 3, TURN = 100 };
  const char *path = path_of(name);
  pf_sink *sink = open_ordered(path, field, (uint64_t)3600 * 1000000);
  pf_producer *producers[PRODUCERS];
  uint64_t sequences[PRODUCERS] = {0};
  for (int i = 0; i < PRODUCERS; i++) producers[i] = open_producer(sink, 0);
  expected to = expect_stamped_begin(path, 1, false);
  for (int64_t i = -100; i < (int64_t)scaled(6000); i++) { /* numbers have a sign */
    const uint32_t of = (uint32_t)(i + 100) / TURN % PRODUCERS;
    const stamped record = make_stamped(i, of);
    CHECK_OK(pf_try_record(producers[of], &record, sizeof record));
    expect_stamped(&to, sequences[of]++, of, i, of);
  }
  expect_end(&to);
  close_sink(sink);
}

/* Each producer's records keep their order, even if their field does not. */
static void one_producer_keeps_its_order(void) {
  const char *path = path_of("own_order.parquet");
  pf_sink *sink = open_ordered(path, "number", 0);
  pf_producer *producer = open_producer(sink, 0);
  expected to = expect_stamped_begin(path, 1, false);
  for (uint64_t i = 0; i < 1000; i++) {
    const stamped record = make_stamped((int64_t)(i * 7919 % 1000), 1);
    CHECK_OK(pf_try_record(producer, &record, sizeof record));
    expect_stamped(&to, i, 0, record.number, 1);
  }
  expect_end(&to);
  close_sink(sink);
}

/* Nobody waits for a silent producer longer than the window; what it gives then is late, and counted. */
static void what_is_late_comes_where_it_comes(void) {
  enum { ROWS = 100 };
  const char *path = path_of("late.parquet");
  pf_sink *sink = open_ordered(path, "number", 1000);
  pf_producer *busy = open_producer(sink, 0), *silent = open_producer(sink, 0);
  expected to = expect_stamped_begin(path, 1, false);
  for (uint64_t i = 0; i < ROWS; i++) {
    const stamped record = make_stamped((int64_t)(2 * i), 0);
    CHECK_OK(pf_try_record(busy, &record, sizeof record));
    expect_stamped(&to, i, 0, record.number, 0);
  }
  while (stats_of(sink).rows < ROWS) pause_briefly();
  CHECK(stats_of(sink).late == 0);
  const stamped record = make_stamped(1, 1);
  CHECK_OK(pf_try_record(silent, &record, sizeof record));
  expect_stamped(&to, 0, 1, 1, 1);
  expect_end(&to);
  while (stats_of(sink).rows < ROWS + 1) pause_briefly();
  CHECK(stats_of(sink).late == 1);
  close_sink(sink);
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  turns_are_kept("by_field.parquet", "number");
  turns_are_kept("by_time.parquet", NULL);
  one_producer_keeps_its_order();
  what_is_late_comes_where_it_comes();
  return test_end();
}
