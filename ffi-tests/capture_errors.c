/* What the calls of producers, stamps, orders and lanes in files refuse. Options one by one: sink_errors.c.
 */
#define _XOPEN_SOURCE 700

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "stamped.h"

static void stamps(void) {
  static const struct {
    pf_record_field field;
    pf_status status;
    const char *says;
  } bad[] = {
      {{"s", PF_STAMP_TIME, 8}, PF_ERR_INVALID_ARGUMENT, "field \"s\": a stamp has a name and nothing else"},
      {{"s", PF_STAMP_SEQUENCE, 0, 8}, PF_ERR_INVALID_ARGUMENT, "set the others to 0"},
      {{"s", PF_STAMP_PRODUCER, 0, 0, PF_NULL_BIT}, PF_ERR_INVALID_ARGUMENT, "a stamp"},
      {{"s", PF_STAMP_TIME, 0, 0, 0, 1}, PF_ERR_INVALID_ARGUMENT, "a stamp"},
      {{"s", PF_STAMP_TIME, 0, 0, 0, 0, 1}, PF_ERR_INVALID_ARGUMENT, "a stamp"},
      {{"s", PF_STAMP_TIME, 0, 0, 0, 0, 0, 1}, PF_ERR_INVALID_ARGUMENT, "a stamp"},
      {{"s", PF_STAMP_TIME, 0, 0, 0, 0, 0, 0, "UTC"}, PF_ERR_INVALID_ARGUMENT, "a stamp"},
      {{"s", PF_STAMP_TIME, 0, 0, 0, 0, 0, 0, NULL, 0, 1}, PF_ERR_INVALID_ARGUMENT, "a stamp"},
      {{"number", PF_STAMP_TIME}, PF_ERR_INVALID_ARGUMENT, "\"number\""}, /* twice */
      {{NULL, PF_STAMP_TIME}, PF_ERR_INVALID_ARGUMENT, "fields[1].name"},
      {{"", PF_STAMP_TIME}, PF_ERR_INVALID_ARGUMENT, "fields[1].name"},
      {{"s", PF_STAMP_TIME - 1}, PF_ERR_INVALID_ARGUMENT, "1000"},
      {{"s", PF_STAMP_SEQUENCE + 1}, PF_ERR_INVALID_ARGUMENT, "1004"},
  };
  const pf_record_field number = {"number", PF_TYPE_INT64, 0, 8};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    const pf_record_field two[] = {number, bad[i].field};
    pf_record_layout *layout = NULL;
    CHECK_STATUS(pf_record_layout_new(8, two, 2, sizeof *two, NULL, &layout, &err), bad[i].status);
    CHECK_SAYS(bad[i].says);
    CHECK(layout == NULL);
  }
  const pf_record_field twice[] = {{"time", PF_STAMP_TIME}, {"time", PF_STAMP_SEQUENCE}};
  pf_record_layout *layout = NULL;
  CHECK_INVALID(pf_record_layout_new(8, twice, 2, sizeof *twice, NULL, &layout, &err));
  CHECK_SAYS("\"time\"");
}

static void texts_in_payloads(void) {
  static const struct {
    pf_record_field field;
    pf_status status;
    const char *says;
  } bad[] = {
      {{"t", PF_TYPE_UTF8, 5, 0}, PF_ERR_INVALID_ARGUMENT, "4 bytes at offset 5"},
      {{"t", PF_TYPE_BINARY, UINT32_MAX, 0}, PF_ERR_INVALID_ARGUMENT, "lie outside a record of 8 bytes"},
      {{"t", PF_TYPE_UTF8, 0, 0, PF_NULL_SENTINEL}, PF_ERR_UNSUPPORTED, "null by a bit or never"},
      {{"t", PF_TYPE_BINARY, 0, 0, PF_NULL_SENTINEL}, PF_ERR_UNSUPPORTED, "null by a bit or never"},
      {{"t", PF_TYPE_BINARY, 0, 4}, PF_ERR_INVALID_ARGUMENT, "use fixed-size binary"},
      {{"t", PF_TYPE_INT32, 0, 0}, PF_ERR_TYPE_MISMATCH, "width 0"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    pf_record_layout *layout = NULL;
    CHECK_STATUS(pf_record_layout_new(8, &bad[i].field, 1, sizeof bad->field, NULL, &layout, &err),
                 bad[i].status);
    CHECK_SAYS("field \"t\"");
    CHECK_SAYS(bad[i].says);
    CHECK(layout == NULL);
  }
}

/* Nothing refused here counts as offered. */
static void calls_without_payload(void) {
  const char *path = path_of("calls.parquet");
  pf_sink *sink = open_stamped(path, NULL);
  pf_producer *producer = open_producer(sink, 0);
  stamped records[2] = {make_stamped(0, 0), make_stamped(1, 0)};
  const uint64_t size = sizeof *records;
  void *place = records, *payload = records;
  uint64_t taken;

  CHECK_INVALID(pf_reserve(NULL, 0, &place, NULL));
  CHECK_INVALID(pf_reserve(producer, 0, NULL, &payload));
  CHECK_INVALID(pf_reserve(producer, 1, &place, &payload)); /* the layout has no payload */
  CHECK_INVALID(pf_reserve(producer, UINT64_MAX, &place, &payload));
  unsigned char odd[sizeof(void *) + 8];
  CHECK_INVALID(pf_reserve(producer, 0, (void **)(uintptr_t)((uintptr_t)odd | 1), NULL));
  CHECK_INVALID(pf_reserve(producer, 0, &place, (void **)(uintptr_t)((uintptr_t)odd | 1)));
  CHECK(place == records && payload == records);
  CHECK_INVALID(pf_commit(NULL, 0));
  CHECK_INVALID(pf_commit(producer, 0));
  CHECK_INVALID(pf_abort(NULL));
  CHECK_OK(pf_abort(producer));
  CHECK_OK(pf_reserve(producer, 0, &place, &payload));
  CHECK_INVALID(pf_commit(producer, 1));
  CHECK_INVALID(pf_commit(producer, UINT64_MAX));
  memcpy(place, records, sizeof *records);
  CHECK_OK(pf_commit(producer, 0)); /* the reservation has stayed */

  CHECK_INVALID(pf_try_record(NULL, records, size));
  CHECK_INVALID(pf_try_record(producer, NULL, size));
  const uint64_t other_sizes[] = {0, 1, size - 1, size + 1, INT64_MAX, UINT64_MAX};
  for (size_t i = 0; i < sizeof other_sizes / sizeof *other_sizes; i++) {
    CHECK_INVALID(pf_try_record(producer, records, other_sizes[i]));
  }

#define CHECK_NONE_TAKEN(call) (taken = 99, CHECK_INVALID(call), CHECK(taken == 0))
  CHECK_NONE_TAKEN(pf_try_record_n(NULL, records, size, 2, &taken));
  CHECK_NONE_TAKEN(pf_try_record_n(producer, NULL, size, 2, &taken));
  CHECK_NONE_TAKEN(pf_try_record_n(producer, records, size - 1, 2, &taken));
  CHECK_NONE_TAKEN(pf_try_record_n(producer, records, 0, 2, &taken));
  CHECK_NONE_TAKEN(pf_try_record_n(producer, records, 2 * size, 1, &taken));
  CHECK_NONE_TAKEN(pf_try_record_n(producer, records, size, UINT64_MAX, &taken));
  CHECK_NONE_TAKEN(pf_try_record_n(producer, records, size, UINT64_MAX / size + 2, &taken)); /* wraps to 8 */
  CHECK_NONE_TAKEN(pf_try_record_n(producer, records, size, INT64_MAX / size + 1, &taken));
  CHECK_INVALID(pf_try_record_n(producer, NULL, size, 2, NULL));
  CHECK_OK(pf_try_record_n(producer, NULL, size, 0, &taken));
  CHECK(taken == 0);

  pf_producer_options options = PF_PRODUCER_OPTIONS_INIT;
  pf_producer *none = NULL;
  options.reserved = 1;
  CHECK_INVALID(pf_producer_open(sink, &options, &none, &err));
  CHECK_SAYS("options.reserved is 1");
  options.reserved = 0;
  options.struct_size = 8;
  CHECK_INVALID(pf_producer_open(sink, &options, &none, &err));
  CHECK_SAYS("pf_producer_options");
  CHECK_INVALID(pf_producer_open(sink, NULL, NULL, &err));
  CHECK_INVALID(pf_producer_open(sink, NULL, (pf_producer **)(uintptr_t)((uintptr_t)odd | 1), &err));
  CHECK_SAYS("producer is misaligned");
  CHECK(none == NULL);

  pf_capture_stats stats = PF_CAPTURE_STATS_INIT;
  CHECK_INVALID(pf_sink_stats(NULL, &stats, &err));
  CHECK_INVALID(pf_sink_stats(sink, NULL, &err));
  CHECK_INVALID(pf_sink_flush(NULL, &err));
  stats.struct_size = 0;
  CHECK_INVALID(pf_sink_stats(sink, &stats, &err));
  CHECK_SAYS("pf_capture_stats");
  CHECK(stats.producers == 0 && stats_of(sink).offered == 1);

  CHECK_OK(pf_reserve(producer, 0, &place, NULL));
  CHECK_OK(pf_producer_close(producer, &err));
  CHECK_STATUS(pf_commit(producer, 0), PF_ERR_CLOSED);
  CHECK_STATUS(pf_reserve(producer, 0, &place, NULL), PF_ERR_CLOSED);
  taken = 99;
  CHECK_STATUS(pf_try_record_n(producer, records, size, 2, &taken), PF_ERR_CLOSED);
  CHECK(taken == 0);
  CHECK_OK(pf_abort(producer));
  CHECK(close_sink(sink).rows == 1);
  expected to = expect_stamped_begin(path, 1, false);
  expect_stamped(&to, 0, 0, 0, 0);
  expect_end(&to);
}

static void calls_with_payload(void) {
  enum { MAX = 100 };
  const char *path = path_of("payloads.parquet");
  const pf_field column = PF_FIELD("payload", PF_TYPE_BINARY, PF_FIELD_REQUIRED);
  pf_sink_options options = PF_SINK_OPTIONS_INIT;
  options.max_payload = MAX;
  pf_record_layout *layout = NULL;
  pf_sink *sink = NULL;
  CHECK_OK(pf_record_layout_new(0, NULL, 0, 0, "payload", &layout, &err));
  CHECK_OK(pf_sink_open(path, layout, NULL, &options, &sink, &err));
  pf_record_layout_free(layout);
  pf_producer *producer = open_producer(sink, 0);
  unsigned char bytes[MAX + 1] = "payload";
  void *place = bytes, *payload = bytes;
  uint64_t taken = 99;
  CHECK_INVALID(pf_reserve(producer, 1, &place, NULL)); /* where would it go? */
  CHECK_STATUS(pf_reserve(producer, MAX + 1, &place, &payload), PF_OVERSIZED);
  CHECK_STATUS(pf_reserve(producer, UINT64_MAX, &place, &payload), PF_OVERSIZED);
  CHECK_INVALID(pf_try_record(producer, bytes, 0));
  CHECK_INVALID(pf_try_record(producer, bytes, UINT64_MAX));
  CHECK_INVALID(pf_try_record_n(producer, bytes, 0, 1, &taken));
  CHECK_INVALID(pf_try_record_n(producer, bytes, 1, 1, &taken));
  CHECK(taken == 0 && place == bytes && payload == bytes);
  CHECK_OK(pf_reserve(producer, MAX, &place, &payload));
  CHECK_INVALID(pf_commit(producer, MAX + 1));
  CHECK_STATUS(pf_try_record_payload(producer, NULL, 0, bytes, MAX + 1), PF_OVERSIZED);
  CHECK_INVALID(pf_commit(producer, 1)); /* another was offered meanwhile */
  CHECK_OK(pf_reserve(producer, MAX, &place, &payload));
  memcpy(payload, bytes, 7);
  CHECK_OK(pf_commit(producer, 7));
  const pf_sink_result result = close_sink(sink);
  CHECK(result.rows == 1 && result.dropped == 3 && result.oversized == 3);
  expected to = expect_begin(path, &column, 1, 1, false, true);
  expect_value(&to, bytes, 7);
  expect_end(&to);
}

static void orders(void) {
  static const pf_record_field fields[] = {
      {"number", PF_TYPE_INT64, 0, 8},  {"maybe", PF_TYPE_INT64, 0, 8, PF_NULL_SENTINEL},
      {"price", PF_TYPE_FLOAT64, 0, 8}, {"name", PF_TYPE_UTF8, 0, 8},
      {"sequence", PF_STAMP_SEQUENCE},
  };
  static const struct {
    const char *field;
    pf_status status;
    const char *says;
  } bad[] = {
      {NULL, PF_ERR_INVALID_ARGUMENT, "options.order_field is NULL"},
      {"", PF_ERR_INVALID_ARGUMENT, "options.order_field has 0 bytes"},
      {"\xFF", PF_ERR_BAD_UTF8, "options.order_field"},
      {"none", PF_ERR_INVALID_ARGUMENT, "order_field \"none\" is no field"},
      {"maybe", PF_ERR_INVALID_ARGUMENT,
       "order_field \"maybe\" is no field of the record that is never null"},
      {"sequence", PF_ERR_INVALID_ARGUMENT, "order_field \"sequence\""},
      {"price", PF_ERR_UNSUPPORTED,
       "order_field \"price\" is of type Float64; name a whole number or a time"},
      {"name", PF_ERR_UNSUPPORTED, "order_field \"name\" is of type Utf8"},
  };
  const char *path = path_of("orders.parquet");
  pf_record_layout *layout = NULL;
  pf_sink *sink = NULL;
  CHECK_OK(
      pf_record_layout_new(8, fields, sizeof fields / sizeof *fields, sizeof *fields, NULL, &layout, &err));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    pf_sink_options options = PF_SINK_OPTIONS_INIT;
    options.order = PF_ORDER_FIELD;
    options.order_field = bad[i].field;
    CHECK_STATUS(pf_sink_open(path, layout, NULL, &options, &sink, &err), bad[i].status);
    CHECK_SAYS(bad[i].says);
    CHECK(sink == NULL);
    CHECK_NO_FILE(path);
  }
  pf_record_layout_free(layout);
}

/* What an earlier sink left of a part, and what must be refused to take it for its own. */
static void lanes_that_were_left(void) {
  const char *path = path_of("left.parquet"), *temporary = path_of("left.parquet.tmp");
  const char *journal = path_of("left.parquet.journal"), *lane = path_of("left.parquet.lanes/lane-0");
  const pf_record_field other = {"number", PF_TYPE_INT64, 8, 8};
  const pf_record_field shifted[] = {
      {"sequence", PF_STAMP_SEQUENCE}, {"producer", PF_STAMP_PRODUCER}, {"number", PF_TYPE_INT64, 8, 8},
      {"of", PF_TYPE_UINT32, 0, 4},    {"time", PF_STAMP_TIME},
  };
  pf_sink_options options = PF_SINK_OPTIONS_INIT;
  options.lanes = PF_LANES_FILES;
  options.lane_bytes = 1 << 20;
  pf_sink *sink = open_stamped(path, &options), *second = NULL;
  pf_record_layout *layout = NULL;
  const stamped record = make_stamped(1, 2);
  CHECK_OK(pf_try_record(open_producer(sink, 0), &record, sizeof record));
  pf_record_layout *same = stamped_layout();
  CHECK_STATUS(pf_sink_open(path, same, NULL, &options, &second, &err), PF_ERR_CONFLICT);
  pf_record_layout_free(same);
  pf_sink_free(sink);
  CHECK(exists(temporary) && exists(lane) && !exists(path));

  CHECK_OK(pf_record_layout_new(16, &other, 1, sizeof other, NULL, &layout, &err)); /* other columns */
  CHECK_STATUS(pf_sink_open(path, layout, NULL, &options, &second, &err), PF_ERR_SCHEMA_MISMATCH);
  pf_record_layout_free(layout);
  CHECK_OK(pf_record_layout_new(16, shifted, 5, sizeof *shifted, NULL, &layout, &err)); /* other places */
  CHECK_STATUS(pf_sink_open(path, layout, NULL, &options, &second, &err), PF_ERR_SCHEMA_MISMATCH);
  CHECK_SAYS("left.parquet.lanes\" has records of another layout");
  CHECK_SAYS("flow recover");
  pf_record_layout_free(layout);
  CHECK(second == NULL && exists(lane));

  sink = open_stamped(path, &options); /* the refusals have changed nothing */
  expected to = expect_stamped_begin(path, 1, false);
  expect_stamped(&to, 0, 0, 1, 2);
  expect_end(&to);
  CHECK(close_sink(sink).rows == 1 && !exists(lane));

  /* Its part is gone. */
  path = path_of("gone.parquet"), temporary = path_of("gone.parquet.tmp");
  journal = path_of("gone.parquet.journal"), lane = path_of("gone.parquet.lanes/lane-0");
  sink = open_stamped(path, &options);
  CHECK_OK(pf_try_record(open_producer(sink, 0), &record, sizeof record));
  pf_sink_free(sink);
  CHECK(unlink(temporary) == 0 && unlink(journal) == 0);
  layout = stamped_layout();
  CHECK_STATUS(pf_sink_open(path, layout, NULL, &options, &second, &err), PF_ERR_NOT_FOUND);
  CHECK_SAYS("gone.parquet.lanes\" has records of a part that is not there");
  CHECK(second == NULL && exists(lane));
  CHECK_NO_FILE(path);
  CHECK(unlink(lane) == 0); /* with no lane there is nothing to lose */
  CHECK_OK(pf_sink_open(path, layout, NULL, &options, &second, &err));
  pf_record_layout_free(layout);
  CHECK(close_sink(second).rows == 0);
  to = expect_stamped_begin(path, 0, false);
  expect_end(&to);
}

/* A directory for lanes that cannot be made: nothing stays. */
static void a_lane_directory_that_cannot_be(void) {
  const char *path = path_of("nowhere.parquet"), *file = path_of("file.tmp");
  pf_sink_options options = PF_SINK_OPTIONS_INIT;
  pf_sink *sink = NULL;
  write_text(file, "no directory");
  options.lanes = PF_LANES_FILES;
  options.lane_directory = file;
  pf_record_layout *layout = stamped_layout();
  CHECK_STATUS(pf_sink_open(path, layout, NULL, &options, &sink, &err), PF_ERR_IO);
  CHECK_SAYS("file.tmp/nowhere.parquet.lanes");
  CHECK(sink == NULL && !exists(path_of("nowhere.parquet.journal")));
  CHECK_NO_FILE(path);
  pf_record_layout_free(layout);
  CHECK(unlink(file) == 0);
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  stamps();
  texts_in_payloads();
  calls_without_payload();
  calls_with_payload();
  orders();
  lanes_that_were_left();
  a_lane_directory_that_cannot_be();
  return test_end();
}
