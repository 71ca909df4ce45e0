/* A full disk, met by sinks: they stop, or go on as soon as there is room. Its directory is on a disk of 1
 * MiB: see small_disk.sh. */
#define _XOPEN_SOURCE 700

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "stamped.h"

enum { MIB = 1 << 20, BALLAST = 700 << 10, MORE = 8000 };

static const pf_record_field number = {"number", PF_TYPE_INT64, 0, 8};

static pf_sink *open_numbers(const char *path, const pf_sink_options *options) {
  pf_writer_options writer_options = PF_WRITER_OPTIONS_INIT;
  pf_record_layout *layout = NULL;
  pf_sink *sink = NULL;
  writer_options.codec = PF_CODEC_UNCOMPRESSED;
  writer_options.row_group_rows = 1024;
  CHECK_OK(pf_record_layout_new(8, &number, 1, sizeof number, NULL, &layout, &err));
  CHECK_OK(pf_sink_open(path, layout, &writer_options, options, &sink, &err));
  pf_record_layout_free(layout);
  return sink;
}

/* No encoding makes it small, and its row tells it. */
static int64_t number_of(uint64_t row) {
  uint64_t x = row + 1;
  x ^= x >> 30, x *= 0xBF58476D1CE4E5B9;
  x ^= x >> 27, x *= 0x94D049BB133111EB;
  return (int64_t)(x ^ x >> 31);
}

static void pause_briefly(void) {
  const struct timespec pause = {0, 100000};
  nanosleep(&pause, NULL);
}

/* The producer hears of it too. */
static void a_sink_stops(void) {
  const char *path = path_of("sink.parquet");
  pf_sink *sink = open_numbers(path, NULL);
  pf_producer *producer = open_producer(sink, 0), *late = NULL;
  pf_sink_result result = PF_SINK_RESULT_INIT;
  pf_status status = PF_OK;
  int64_t record = 0;
  for (uint64_t row = 0; status >= 0; row++) { /* one that never ends fails by its timeout */
    record = number_of(row);
    status = pf_try_record(producer, &record, sizeof record);
  }
  CHECK(status == PF_ERR_NO_SPACE && stats_of(sink).last_error == PF_ERR_NO_SPACE);
  CHECK_STATUS(pf_try_record(producer, &record, sizeof record), PF_ERR_NO_SPACE);
  CHECK_STATUS(pf_producer_open(sink, NULL, &late, &err), PF_ERR_NO_SPACE);
  CHECK_STATUS(pf_sink_flush(sink, &err), PF_ERR_NO_SPACE);
  for (int again = 0; again < 2; again++) {
    CHECK_STATUS(pf_sink_close(sink, &result, &err), PF_ERR_NO_SPACE);
    CHECK(err.os_errno == ENOSPC);
    CHECK(result.accepted == 0 && result.path == NULL);
  }
  CHECK(pf_try_record(producer, &record, sizeof record) < 0);
  CHECK_OK(pf_producer_close(producer, &err));
  pf_sink_free(sink);
  CHECK_NO_FILE(path);
}

static void write_ballast(const char *path) {
  static const char zeros[4096];
  FILE *file = fopen(path, "w");
  CHECK(file != NULL);
  for (size_t i = 0; i < BALLAST; i += sizeof zeros) CHECK(fwrite(zeros, sizeof zeros, 1, file) == 1);
  CHECK(fclose(file) == 0);
}

/* The records of a run, each offered once; `taken` is 1 for those that were. */
typedef struct run {
  pf_sink *sink;
  pf_producer *producer;
  uint64_t offered, accepted;
  unsigned char taken[4 * MIB];
} run;

static void offer(run *r) {
  CHECK(r->offered < sizeof r->taken);
  const int64_t record = number_of(r->offered);
  const pf_status status = pf_try_record(r->producer, &record, sizeof record);
  CHECK(status == PF_OK || status == PF_FULL);
  r->taken[r->offered++] = status == PF_OK;
  r->accepted += status == PF_OK;
  if (status == PF_FULL) pause_briefly();
}

/* The disk fills: the sink says so, then the lane fills, and records are dropped. There is room again: the
 * sink goes on, and its part is published. */
static void capture_over_trouble(run *r, const char *path, const pf_sink_options *options) {
  const char *ballast = path_of("ballast.tmp");
  memset(r, 0, sizeof *r);
  write_ballast(ballast);
  r->sink = open_numbers(path, options);
  r->producer = open_producer(r->sink, 0);
  pf_status met;
  while ((met = stats_of(r->sink).last_error) == PF_OK) offer(r);
  CHECK(met == PF_ERR_NO_SPACE);
  met = pf_sink_flush(r->sink, NULL); /* ok between a try and the next row group that does not fit */
  CHECK(met == PF_OK || met == PF_ERR_NO_SPACE);
  const uint64_t dropped = stats_of(r->sink).dropped;
  while (stats_of(r->sink).dropped < dropped + 10) offer(r);
  CHECK(!exists(path) && remove(ballast) == 0);
  while (stats_of(r->sink).last_error != PF_OK) pause_briefly();
  for (int i = 0; i < MORE; i++) offer(r);
}

static pf_sink_result close_run(run *r, const char *path) {
  pf_sink_result result = PF_SINK_RESULT_INIT;
  CHECK_OK(pf_sink_close(r->sink, &result, &err));
  CHECK(result.accepted == r->accepted && result.accepted + result.dropped == r->offered);
  CHECK(result.rows == result.accepted - result.lost && result.bytes == file_size(path));
  const pf_capture_stats stats = stats_of(r->sink);
  CHECK(stats.lost == result.lost && stats.retries > 0 && stats.last_error == PF_OK);
  return result;
}

static void lanes_in_memory_lose_what_is_told(run *r) {
  const char *path = path_of("resumed.parquet");
  pf_sink_options options = PF_SINK_OPTIONS_INIT;
  options.lane_bytes = 16 << 10;
  options.on_error = PF_ON_ERROR_RESUME;
  options.retry_ms = 5;
  capture_over_trouble(r, path, &options);
  const pf_sink_result result = close_run(r, path);
  CHECK(result.rows > 0);
  pf_sink_free(r->sink);
  CHECK(unlink(path) == 0);
}

static void copy_file(const char *from, const char *to) {
  char bytes[4096];
  FILE *in = fopen(from, "r"), *out = fopen(to, "w");
  CHECK(in != NULL && out != NULL);
  for (size_t size; (size = fread(bytes, 1, sizeof bytes, in)) > 0;)
    CHECK(fwrite(bytes, 1, size, out) == size);
  CHECK(fclose(in) == 0 && fclose(out) == 0);
}

/* With the lanes on another disk nothing that was taken is lost, or twice in the part: it is kept on that
 * disk, to be read back. */
static void lanes_in_files_lose_nothing(run *r) {
  const char *path = path_of("resumed.parquet"), *kept = path_of("../no_space_sink.parquet");
  const pf_field column = PF_FIELD("number", PF_TYPE_INT64, PF_FIELD_REQUIRED);
  pf_sink_options options = PF_SINK_OPTIONS_INIT;
  options.lane_bytes = 64 << 10;
  options.lanes = PF_LANES_FILES;
  options.lane_directory = path_of("..");
  options.on_error = PF_ON_ERROR_RESUME;
  options.retry_ms = 5;
  capture_over_trouble(r, path, &options);
  const pf_sink_result result = close_run(r, path);
  CHECK(result.lost == 0 && result.rows == r->accepted);
  CHECK(!exists(path_of("../resumed.parquet.lanes")));
  copy_file(path, kept);
  expected to = expect_begin(kept, &column, 1, result.row_groups, false, true);
  for (uint64_t row = 0; row < r->offered; row++) {
    const int64_t value = number_of(row);
    if (r->taken[row]) expect_value(&to, &value, sizeof value);
  }
  expect_end(&to);
  pf_sink_free(r->sink);
  CHECK(unlink(path) == 0);
}

/* A lane's file has all its bytes before the first record, or there is none. */
static void a_lane_that_does_not_fit(void) {
  const char *path = path_of("lanes.parquet");
  pf_sink_options options = PF_SINK_OPTIONS_INIT;
  options.lanes = PF_LANES_FILES;
  options.lane_bytes = 4 * MIB;
  pf_sink *sink = open_numbers(path, &options);
  pf_producer *none = NULL;
  CHECK_STATUS(pf_producer_open(sink, NULL, &none, &err), PF_ERR_NO_SPACE);
  CHECK_SAYS("lanes.parquet.lanes/lane-0");
  CHECK(err.os_errno == ENOSPC && none == NULL && !exists(path_of("lanes.parquet.lanes/lane-0")));
  CHECK_OK(pf_sink_close(sink, NULL, &err));
  pf_sink_free(sink);
  CHECK(unlink(path) == 0);
}

/* What a run that was ended left on the other disk. */
static void remove_lanes(void) {
  static const char *const names[] = {"lane-0", "clock", "manifest", ""};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", path_of("../resumed.parquet.lanes"), names[i]);
    remove(path);
  }
}

int main(int argc, char **argv) {
  static run r;
  test_begin(argc, argv);
  remove_lanes();
  a_sink_stops();
  lanes_in_memory_lose_what_is_told(&r);
  lanes_in_files_lose_nothing(&r);
  a_lane_that_does_not_fit();
  return test_end();
}
