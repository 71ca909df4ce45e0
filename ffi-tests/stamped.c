#include "stamped.h"

#include <string.h>

#define FIELD(member, type) \
  { #member, (type), offsetof(stamped, member), sizeof(((stamped *)0)->member) }
static const pf_record_field fields[] = {
    {"sequence", PF_STAMP_SEQUENCE}, {"producer", PF_STAMP_PRODUCER}, FIELD(number, PF_TYPE_INT64),
    FIELD(of, PF_TYPE_UINT32),       {"time", PF_STAMP_TIME},
};
static const pf_field columns[] = {
    PF_FIELD("sequence", PF_TYPE_UINT64, PF_FIELD_REQUIRED),
    PF_FIELD("producer", PF_TYPE_UINT32, PF_FIELD_REQUIRED),
    PF_FIELD("number", PF_TYPE_INT64, PF_FIELD_REQUIRED),
    PF_FIELD("of", PF_TYPE_UINT32, PF_FIELD_REQUIRED),
    PF_FIELD_IN_ZONE("time", PF_TYPE_TIMESTAMP_NS, PF_FIELD_REQUIRED, "UTC"),
};
enum { COLUMNS = sizeof fields / sizeof *fields };

pf_record_layout *stamped_layout(void) {
  pf_record_layout *layout = NULL;
  CHECK_OK(pf_record_layout_new(sizeof(stamped), fields, COLUMNS, sizeof *fields, NULL, &layout, &err));
  return layout;
}

pf_sink *open_stamped(const char *path, const pf_sink_options *options) {
  pf_record_layout *layout = stamped_layout();
  pf_sink *sink = NULL;
  CHECK_OK(pf_sink_open(path, layout, NULL, options, &sink, &err));
  pf_record_layout_free(layout);
  return sink;
}

pf_producer *open_producer(pf_sink *sink, uint64_t wait_ns) {
  pf_producer_options options = PF_PRODUCER_OPTIONS_INIT;
  pf_producer *producer = NULL;
  options.wait_ns = wait_ns;
  CHECK_OK(pf_producer_open(sink, &options, &producer, &err));
  return producer;
}

stamped make_stamped(int64_t number, uint32_t of) {
  stamped record;
  memset(&record, 0, sizeof record);
  record.number = number;
  record.of = of;
  return record;
}

expected expect_stamped_begin(const char *path, uint64_t row_groups, bool unordered) {
  return expect_begin(path, columns, COLUMNS, row_groups, unordered, true);
}

void expect_stamped(expected *to, uint64_t sequence, uint32_t producer, int64_t number, uint32_t of) {
  expect_value(to, &sequence, sizeof sequence);
  expect_value(to, &producer, sizeof producer);
  expect_value(to, &number, sizeof number);
  expect_value(to, &of, sizeof of);
  expect_any(to);
}

pf_capture_stats stats_of(const pf_sink *sink) {
  pf_capture_stats stats = PF_CAPTURE_STATS_INIT;
  CHECK_OK(pf_sink_stats(sink, &stats, &err));
  CHECK(stats.struct_size == sizeof stats && stats.offered == stats.accepted + stats.dropped);
  CHECK(stats.oversized <= stats.dropped && stats.rows <= stats.accepted && stats.lag <= stats.accepted);
  CHECK(stats.open_producers <= stats.producers);
  return stats;
}

pf_sink_result close_sink(pf_sink *sink) {
  pf_sink_result result = PF_SINK_RESULT_INIT;
  CHECK_OK(pf_sink_close(sink, &result, &err));
  CHECK(result.rows == result.accepted && result.lost == 0);
  const pf_capture_stats stats = stats_of(sink);
  CHECK(stats.last_error == PF_OK && stats.open_producers == 0 && stats.lag == 0);
  CHECK(stats.accepted == result.accepted && stats.dropped == result.dropped && stats.rows == result.rows);
  CHECK(stats.row_groups <= result.row_groups && stats.replaced == result.replaced);
  pf_sink_free(sink);
  return result;
}
