/* What record layouts and sinks refuse. A full disk has its own program: no_space_sink.c. */
#define _XOPEN_SOURCE 700

#include <unistd.h>

#include "check.h"

enum { RECORD = 16 };
static const pf_record_field good = {"a", PF_TYPE_INT32, 4, 4, PF_NULL_NEVER, 0, 0, 0, NULL};

static void refused(pf_record_field field, pf_status status, const char *says) {
  pf_record_layout *layout = NULL;
  CHECK_STATUS(pf_record_layout_new(RECORD, &field, 1, sizeof field, NULL, &layout, &err), status);
  CHECK_SAYS(says);
  CHECK(layout == NULL);
}

static void accepted(pf_record_field field) {
  pf_record_layout *layout = NULL;
  CHECK_OK(pf_record_layout_new(RECORD, &field, 1, sizeof field, NULL, &layout, &err));
  CHECK(layout != NULL);
  pf_record_layout_free(layout);
}

/* `change` is done to a good field `f` first. */
#define REFUSED(change, status, says) \
  do {                                \
    pf_record_field f = good;         \
    change;                           \
    refused(f, status, says);         \
  } while (0)
#define ACCEPTED(change)      \
  do {                        \
    pf_record_field f = good; \
    change;                   \
    accepted(f);              \
  } while (0)

static void places(void) {
  ACCEPTED(f.offset = 12);
  REFUSED(f.offset = 13, PF_ERR_INVALID_ARGUMENT, "offset 13");
  REFUSED(f.offset = UINT32_MAX, PF_ERR_INVALID_ARGUMENT, "offset 4294967295"); /* + 4 wraps in 32 bits */
  REFUSED(f.offset = UINT32_MAX - 3, PF_ERR_INVALID_ARGUMENT, "lie outside");
  ACCEPTED((f.type = PF_TYPE_UTF8, f.offset = 0, f.width = RECORD));
  REFUSED((f.type = PF_TYPE_UTF8, f.width = UINT32_MAX), PF_ERR_INVALID_ARGUMENT, "lie outside");
  ACCEPTED(
      (f.type = PF_TYPE_UTF8, f.offset = 12, f.width = 0)); /* in the payload, its length in the record */
  REFUSED((f.type = PF_TYPE_UTF8, f.offset = 13, f.width = 0), PF_ERR_INVALID_ARGUMENT, "offset 13");
  REFUSED((f.type = PF_TYPE_FIXED_SIZE_BINARY, f.width = 13), PF_ERR_INVALID_ARGUMENT, "lie outside");
  REFUSED((f.type = PF_TYPE_FIXED_SIZE_BINARY, f.width = 0), PF_ERR_INVALID_ARGUMENT, "width 0");
}

static void widths(void) {
  for (int32_t type = PF_TYPE_BOOL; type <= PF_TYPE_TIMESTAMP_NS; type++) {
    if (type >= PF_TYPE_UTF8 && type <= PF_TYPE_FIXED_SIZE_BINARY) continue;
    int right = 0;
    for (uint32_t width = 0; width <= 9; width++) {
      pf_record_field f = good;
      pf_record_layout *layout = NULL;
      f.type = type;
      f.width = width;
      pf_status status = pf_record_layout_new(RECORD, &f, 1, sizeof f, NULL, &layout, NULL);
      CHECK(status == PF_OK || status == PF_ERR_TYPE_MISMATCH);
      right += status == PF_OK;
      pf_record_layout_free(layout);
    }
    CHECK(right == 1);
  }
  REFUSED(f.width = 8, PF_ERR_TYPE_MISMATCH, "width 8");
  REFUSED(f.width = 0, PF_ERR_TYPE_MISMATCH, "width 0");
}

static void types_and_names(void) {
  REFUSED(f.type = 0, PF_ERR_INVALID_ARGUMENT, "type 0");
  REFUSED(f.type = 34, PF_ERR_INVALID_ARGUMENT, "type 34");
  REFUSED(f.type = PF_TYPE_BINARY, PF_ERR_INVALID_ARGUMENT, "binary");
  REFUSED(f.timezone = "UTC", PF_ERR_INVALID_ARGUMENT, "timezone");
  REFUSED(f.name = NULL, PF_ERR_INVALID_ARGUMENT, "fields[0].name");
  REFUSED(f.name = "", PF_ERR_INVALID_ARGUMENT, "fields[0].name");
  REFUSED(f.name = "\xFF", PF_ERR_BAD_UTF8, "fields[0].name");
  REFUSED(f.scale = 1, PF_ERR_INVALID_ARGUMENT, "scale 1 is only for decimals");
}

static void nulls(void) {
  REFUSED(f.null_kind = 3, PF_ERR_INVALID_ARGUMENT, "null_kind 3");
  REFUSED(f.null_kind = UINT32_MAX, PF_ERR_INVALID_ARGUMENT, "null_kind");
  ACCEPTED((f.null_kind = PF_NULL_BIT, f.null_bit = 8 * RECORD - 1));
  REFUSED((f.null_kind = PF_NULL_BIT, f.null_bit = 8 * RECORD), PF_ERR_INVALID_ARGUMENT, "null_bit 128");
  REFUSED((f.null_kind = PF_NULL_BIT, f.null_bit = UINT32_MAX), PF_ERR_INVALID_ARGUMENT, "null_bit");
  REFUSED(f.null_bit = 1, PF_ERR_INVALID_ARGUMENT, "null_bit 1");
  REFUSED(f.null_value = 1, PF_ERR_INVALID_ARGUMENT, "null_value 1");
  REFUSED((f.null_kind = PF_NULL_BIT, f.null_value = 1), PF_ERR_INVALID_ARGUMENT, "null_value 1");
  ACCEPTED((f.type = PF_TYPE_UTF8, f.null_kind = PF_NULL_SENTINEL));
  REFUSED((f.type = PF_TYPE_UTF8, f.null_kind = PF_NULL_SENTINEL, f.null_value = 1), PF_ERR_INVALID_ARGUMENT,
          "null_value 1");
  ACCEPTED((f.type = PF_TYPE_FIXED_SIZE_BINARY, f.width = 8, f.null_kind = PF_NULL_SENTINEL));
  REFUSED((f.type = PF_TYPE_FIXED_SIZE_BINARY, f.width = 9, f.null_kind = PF_NULL_SENTINEL),
          PF_ERR_UNSUPPORTED, "sentinel");
}

static void whole_layouts(void) {
  pf_record_layout *layout = NULL;
  pf_record_field two[] = {good, good};
  CHECK_INVALID(pf_record_layout_new(RECORD, two, 2, sizeof good, NULL, &layout, &err));
  CHECK_SAYS("\"a\"");
  CHECK_INVALID(pf_record_layout_new(RECORD, &good, 1, sizeof good, "a", &layout, &err));
  CHECK_SAYS("\"a\"");
  CHECK_INVALID(pf_record_layout_new(RECORD, &good, 1, sizeof good, "", &layout, &err));
  CHECK_SAYS("payload_name");
  CHECK_STATUS(pf_record_layout_new(RECORD, &good, 1, sizeof good, "\xFF", &layout, &err), PF_ERR_BAD_UTF8);
  CHECK_INVALID(pf_record_layout_new(0, &good, 1, sizeof good, NULL, &layout, &err));
  CHECK_INVALID(pf_record_layout_new(0, &good, 1, sizeof good, "payload", &layout, &err));
  CHECK_INVALID(pf_record_layout_new(0, NULL, 0, sizeof good, NULL, &layout, &err));
  CHECK_INVALID(pf_record_layout_new(RECORD, NULL, 0, sizeof good, NULL, &layout, &err));
  CHECK_INVALID(pf_record_layout_new(RECORD, NULL, 1, sizeof good, NULL, &layout, &err));
  CHECK_INVALID(pf_record_layout_new(RECORD, NULL, 1, sizeof good, "payload", &layout, &err));
  CHECK_INVALID(pf_record_layout_new(RECORD, &good, UINT64_MAX, sizeof good, NULL, &layout, &err));
  CHECK_INVALID(pf_record_layout_new(RECORD, &good, 1, sizeof good - 16, NULL, &layout, &err));
  CHECK_INVALID(pf_record_layout_new(RECORD, &good, 1, 0, NULL, &layout, &err));
  CHECK_INVALID(pf_record_layout_new(RECORD, &good, 1, sizeof good, NULL, NULL, &err));

  struct {
    pf_record_field known;
    uint64_t later;
  } newer = {good, 1};
  CHECK_STATUS(pf_record_layout_new(RECORD, &newer.known, 1, sizeof newer, NULL, &layout, &err),
               PF_ERR_UNSUPPORTED);
  CHECK(layout == NULL);
  newer.later = 0;
  CHECK_OK(pf_record_layout_new(RECORD, &newer.known, 1, sizeof newer, NULL, &layout, &err));
  pf_record_layout_free(layout);
  pf_record_layout_free(layout);
  pf_record_layout_free(NULL);
}

static pf_record_layout *good_layout(void) {
  pf_record_layout *layout = NULL;
  CHECK_OK(pf_record_layout_new(RECORD, &good, 1, sizeof good, NULL, &layout, &err));
  return layout;
}

static void sink_arguments(void) {
  const char *path = path_of("refused.parquet");
  pf_record_layout *layout = good_layout();
  pf_sink *sink = NULL;
  pf_producer *producer = NULL;
  CHECK_INVALID(pf_sink_open(NULL, layout, NULL, NULL, &sink, &err));
  CHECK_INVALID(pf_sink_open("", layout, NULL, NULL, &sink, &err));
  CHECK_INVALID(pf_sink_open(path, NULL, NULL, NULL, &sink, &err));
  CHECK_INVALID(pf_sink_open(path, layout, NULL, NULL, NULL, &err));
  CHECK_STATUS(pf_sink_open(path_of("missing/a.parquet"), layout, NULL, NULL, &sink, &err), PF_ERR_NOT_FOUND);
  CHECK_STATUS(pf_sink_open(path, (pf_record_layout *)(void *)&sink, NULL, NULL, &sink, &err),
               PF_ERR_STALE_HANDLE);
  CHECK_INVALID(pf_producer_open(NULL, NULL, &producer, &err));
  CHECK_STATUS(pf_producer_open((pf_sink *)layout, NULL, &producer, &err), PF_ERR_STALE_HANDLE);
  CHECK_INVALID(pf_sink_close(NULL, NULL, &err));
  CHECK_STATUS(pf_sink_close((pf_sink *)layout, NULL, &err), PF_ERR_STALE_HANDLE);
  pf_sink_free((pf_sink *)layout);
  pf_record_layout_free(layout);
  CHECK_STATUS(pf_sink_open(path, layout, NULL, NULL, &sink, &err), PF_ERR_STALE_HANDLE);
  CHECK_SAYS("layout");
  CHECK(sink == NULL && producer == NULL);
  CHECK_NO_FILE(path);
}

static void sink_options(void) {
  static const struct {
    pf_sink_options options;
    const char *says;
  } bad[] = {
      {{0, 0, 0}, "pf_sink_options"},
      {{8, 0, 0}, "pf_sink_options"},
      {{UINT32_MAX, 0, 0}, "pf_sink_options"},
      {{sizeof(pf_sink_options), ((uint32_t)1 << 30) + 1, 0}, "max_payload is 1073741825"},
      {{sizeof(pf_sink_options), UINT32_MAX, 0}, "max_payload"},
      {{sizeof(pf_sink_options), 0, ((uint64_t)1 << 30) + 1}, "lane_bytes is 1073741825"},
      {{sizeof(pf_sink_options), 0, UINT64_MAX}, "lane_bytes"},
  };
  const char *path = path_of("options.parquet");
  pf_record_layout *layout = good_layout();
  pf_sink *sink = NULL;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    CHECK_INVALID(pf_sink_open(path, layout, NULL, &bad[i].options, &sink, &err));
    CHECK_SAYS(bad[i].says);
    CHECK(sink == NULL);
    CHECK_NO_FILE(path);
  }
  pf_writer_options writer_options = PF_WRITER_OPTIONS_INIT;
  writer_options.codec = 99;
  CHECK_INVALID(pf_sink_open(path, layout, &writer_options, NULL, &sink, &err));
  CHECK_SAYS("codec is 99");
  CHECK_NO_FILE(path);
  pf_record_layout_free(layout);
}

/* Each option that has a few values, or goes with another. */
static void options_of_capture(void) {
  const char *path = path_of("options.parquet");
  pf_record_layout *layout = good_layout();
#define OPTIONS_REFUSED(change, says)                                 \
  do {                                                                \
    pf_sink_options o = PF_SINK_OPTIONS_INIT;                         \
    pf_sink *sink = NULL;                                             \
    change;                                                           \
    CHECK_INVALID(pf_sink_open(path, layout, NULL, &o, &sink, &err)); \
    CHECK_SAYS(says);                                                 \
    CHECK(sink == NULL);                                              \
    CHECK_NO_FILE(path);                                              \
  } while (0)
  const uint64_t day_ms = (uint64_t)24 * 60 * 60 * 1000;
  OPTIONS_REFUSED(o.lanes = 3, "options.lanes is 3; give one of PF_LANES_*");
  OPTIONS_REFUSED(o.lanes = UINT32_MAX, "options.lanes is 4294967295");
  OPTIONS_REFUSED(o.idle = 3, "options.idle is 3; give one of PF_IDLE_*");
  OPTIONS_REFUSED(o.order = 3, "options.order is 3; give one of PF_ORDER_*");
  OPTIONS_REFUSED(o.on_error = 2, "options.on_error is 2; give one of PF_ON_ERROR_*");
  OPTIONS_REFUSED(o.lane_directory = "/tmp",
                  "options.lane_directory is only for PF_LANES_FILES; set it to NULL");
  OPTIONS_REFUSED((o.lanes = PF_LANES_HUGE_PAGES, o.lane_directory = "/tmp"), "options.lane_directory");
  OPTIONS_REFUSED((o.lanes = PF_LANES_FILES, o.lane_directory = ""), "options.lane_directory has 0 bytes");
  OPTIONS_REFUSED(o.order_field = "a", "options.order_field is only for PF_ORDER_FIELD; set it to NULL");
  OPTIONS_REFUSED((o.order = PF_ORDER_CAPTURE_TIME, o.order_field = "a"), "options.order_field");
  OPTIONS_REFUSED(o.order_window_us = 1, "options.order_window_us is only for an order; set it to 0");
  OPTIONS_REFUSED((o.order = PF_ORDER_CAPTURE_TIME, o.order_window_us = 1000 * day_ms + 1),
                  "options.order_window_us is 86400000001; give at most a day, 86400000000");
  OPTIONS_REFUSED(o.max_delay_ms = day_ms + 1,
                  "options.max_delay_ms is 86400001; give at most a day, 86400000");
  OPTIONS_REFUSED(o.max_delay_ms = UINT64_MAX, "options.max_delay_ms");
  OPTIONS_REFUSED(o.retry_ms = 1, "options.retry_ms is only for PF_ON_ERROR_RESUME; set it to 0");
  OPTIONS_REFUSED(o.drain_cpu = 100000, "drain_cpu has 99999");
  OPTIONS_REFUSED(o.drain_cpu = UINT32_MAX, "choose of those");
  pf_record_layout_free(layout);
}

/* The part's name, taken before it is opened and while it is written. */
static void conflicts(void) {
  const char *path = path_of("taken.parquet");
  pf_record_layout *layout = good_layout();
  pf_sink *sink = NULL, *second = NULL;
  pf_producer *producer = NULL;
  pf_sink_result result = PF_SINK_RESULT_INIT;
  unsigned char record[RECORD] = {0};
  CHECK_OK(pf_sink_open(path, layout, NULL, NULL, &sink, &err));
  CHECK_STATUS(pf_sink_open(path, layout, NULL, NULL, &second, &err), PF_ERR_CONFLICT);
  CHECK_OK(pf_producer_open(sink, NULL, &producer, &err));
  CHECK_OK(pf_try_record(producer, record, sizeof record));
  write_text(path, "theirs");
  for (int again = 0; again < 2; again++) {
    CHECK_STATUS(pf_sink_close(sink, &result, &err), PF_ERR_CONFLICT);
    CHECK(result.accepted == 0 && result.path == NULL);
  }
  CHECK(pf_try_record(producer, record, sizeof record) < 0);
  pf_sink_free(sink);
  CHECK_STATUS(pf_sink_open(path, layout, NULL, NULL, &second, &err), PF_ERR_CONFLICT);
  CHECK(second == NULL && holds_text(path, "theirs"));
  CHECK(unlink(path) == 0);
  CHECK_NO_FILE(path);
  pf_record_layout_free(layout);
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  places();
  widths();
  types_and_names();
  nulls();
  whole_layouts();
  sink_arguments();
  sink_options();
  options_of_capture();
  conflicts();
  return test_end();
}
