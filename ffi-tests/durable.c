/* Durable lanes: in files, so that what was taken is in the part of a later sink, whatever became of the
 * first. */
#define _XOPEN_SOURCE 700

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stamped.h"

static const char *lane_directory; /* NULL: beside the part */

static pf_sink *open_files(const char *path) {
  pf_sink_options options = PF_SINK_OPTIONS_INIT;
  options.lanes = PF_LANES_FILES;
  options.lane_directory = lane_directory;
  options.lane_bytes = 1 << 17; /* small, so that row groups end and lanes wrap */
  return open_stamped(path, &options);
}

/* Whether anything of the part but itself is there. */
static bool leaves_something(const char *name) {
  static const char *const ends[] = {".tmp", ".journal", ".lanes", ".lanes.tmp"};
  const char *directory = path_of("");
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    char beside[1024], apart[1024];
    snprintf(beside, sizeof beside, "%s%s%s", directory, name, ends[i]);
    snprintf(apart, sizeof apart, "%slanes/%s%s", directory, name, ends[i]);
    if (exists(beside) || exists(apart)) return true;
  }
  return false;
}

static void offer(pf_producer *producer, uint64_t from, uint64_t to, uint32_t of) {
  for (uint64_t i = from; i < to; i++) {
    const stamped record = make_stamped((int64_t)i, of);
    CHECK_OK(pf_try_record(producer, &record, sizeof record));
  }
}

enum { RUNS = 4, PRODUCERS = 2 };

static uint64_t records_of(uint32_t of) { return scaled(5000) + of; }

/* One process's life, which ends without a close: by a free, or not even that. */
static pf_sink *run_once(const char *path, uint32_t run) {
  pf_sink *sink = open_files(path);
  pf_producer *producers[PRODUCERS];
  for (uint32_t i = 0; i < PRODUCERS; i++) {
    const uint32_t of = PRODUCERS * run + i;
    producers[i] = open_producer(sink, (uint64_t)60 * 1000000000);
    offer(producers[i], 0, records_of(of) / 2, of);
  }
  if (run % 2 == 0) CHECK_OK(pf_sink_flush(sink, &err));
  for (uint32_t i = 0; i < PRODUCERS; i++) {
    const uint32_t of = PRODUCERS * run + i;
    offer(producers[i], records_of(of) / 2, records_of(of), of);
  }
  if (run == 1) CHECK_OK(pf_producer_close(producers[0], &err));
  return sink;
}

/* Again and again over the same part; the last one closes it. */
static void nothing_is_lost_between_runs(const char *name, bool processes) {
  const char *path = path_of(name);
  for (uint32_t run = 0; run < RUNS; run++) {
    if (processes) {
      fflush(NULL);
      const pid_t child = fork();
      CHECK(child >= 0);
      if (child == 0) {
        run_once(path, run);
        _exit(0);
      }
      int status = -1;
      CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    } else {
      pf_sink_free(run_once(path, run));
    }
    CHECK(leaves_something(name) && !exists(path));
  }
}

static void close_after_runs(const char *name) {
  const char *path = path_of(name);
  pf_sink *sink = run_once(path, RUNS);
  const pf_sink_result result = close_sink(sink);
  CHECK(result.producers == PRODUCERS * (RUNS + 1) && result.dropped == 0 && result.lost == 0);
  expected to = expect_stamped_begin(path, result.row_groups, true);
  for (uint32_t of = 0; of < PRODUCERS * (RUNS + 1); of++)
    for (uint64_t i = 0; i < records_of(of); i++) expect_stamped(&to, i, of, (int64_t)i, of);
  expect_end(&to);
  CHECK(!leaves_something(name));
}

/* What was dropped before the end is still missing in the numbers after it. */
static void gaps_outlive_the_sink(void) {
  enum { FITTING = 4096 / STAMPED_ENTRY, DROPPED = 30 };
  const char *name = "gaps.parquet", *path = path_of(name);
  pf_sink_options options = PF_SINK_OPTIONS_INIT;
  options.lanes = PF_LANES_FILES;
  options.lane_directory = lane_directory;
  options.lane_bytes = 4096;
  options.order = PF_ORDER_CAPTURE_TIME;
  options.order_window_us = (uint64_t)3600 * 1000000; /* nothing leaves the lane while the other is silent */
  pf_sink *sink = open_stamped(path, &options);
  open_producer(sink, 0);
  pf_producer *producer = open_producer(sink, 0);
  offer(producer, 0, FITTING, 1);
  const stamped record = make_stamped(-1, 1);
  for (int i = 0; i < DROPPED; i++) CHECK_STATUS(pf_try_record(producer, &record, sizeof record), PF_FULL);
  CHECK(stats_of(sink).rows == 0);
  pf_sink_free(sink);
  sink = open_stamped(path, &options);
  offer(open_producer(sink, 0), 0, 10, 2);
  const pf_sink_result result = close_sink(sink);
  CHECK(result.accepted == FITTING + 10 && result.dropped == DROPPED && result.producers == 3);
  expected to = expect_stamped_begin(path, result.row_groups, true);
  for (uint64_t i = 0; i < FITTING; i++) expect_stamped(&to, i, 1, (int64_t)i, 1);
  for (uint64_t i = 0; i < 10; i++) expect_stamped(&to, i, 2, (int64_t)i, 2);
  expect_end(&to);
  CHECK(!leaves_something(name));
}

/* Payloads too: entries of any length. */
static void payloads_are_not_lost(void) {
  const char *name = "payloads.parquet", *path = path_of(name);
  const pf_record_field sequence = {"sequence", PF_STAMP_SEQUENCE};
  const pf_field columns[] = {PF_FIELD("sequence", PF_TYPE_UINT64, PF_FIELD_REQUIRED),
                              PF_FIELD("payload", PF_TYPE_BINARY, PF_FIELD_REQUIRED)};
  unsigned char bytes[1024];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 31);
  pf_sink_options options = PF_SINK_OPTIONS_INIT;
  options.lanes = PF_LANES_FILES;
  options.lane_directory = lane_directory;
  pf_record_layout *layout = NULL;
  CHECK_OK(pf_record_layout_new(0, &sequence, 1, sizeof sequence, "payload", &layout, &err));
  pf_sink *sink = NULL;
  CHECK_OK(pf_sink_open(path, layout, NULL, &options, &sink, &err));
  pf_producer *producer = open_producer(sink, 0);
  const uint64_t rows = scaled(2000);
  for (uint64_t i = 0; i < rows; i++)
    CHECK_OK(pf_try_record_payload(producer, NULL, 0, bytes, i * 61 % sizeof bytes));
  void *place, *payload;
  CHECK_OK(pf_reserve(producer, 100, &place, &payload));
  memset(payload, 1, 100); /* never committed: it is in no part */
  pf_sink_free(sink);
  CHECK_OK(pf_sink_open(path, layout, NULL, &options, &sink, &err));
  pf_record_layout_free(layout);
  const pf_sink_result result = close_sink(sink);
  CHECK(result.rows == rows && !leaves_something(name));
  expected to = expect_begin(path, columns, 2, result.row_groups, false, true);
  for (uint64_t i = 0; i < rows; i++) {
    expect_value(&to, &i, sizeof i);
    expect_value(&to, bytes, i * 61 % sizeof bytes);
  }
  expect_end(&to);
}

int main(int argc, char **argv) {
  char apart[1024];
  test_begin(argc, argv);
  /* Processes first: a fork of one that uses libflow cannot. */
  nothing_is_lost_between_runs("processes.parquet", true);
  nothing_is_lost_between_runs("beside.parquet", false);
  close_after_runs("processes.parquet");
  close_after_runs("beside.parquet");
  snprintf(apart, sizeof apart, "%s", path_of("lanes")); /* is made */
  lane_directory = apart;
  nothing_is_lost_between_runs("apart.parquet", false);
  close_after_runs("apart.parquet");
  gaps_outlive_the_sink();
  payloads_are_not_lost();
  return test_end();
}
