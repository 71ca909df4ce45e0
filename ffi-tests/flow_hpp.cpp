// flow.hpp: handles that free themselves, errors that are exceptions, and try_record, which is compiled into
// the caller, beside pf_try_record: the same rows, drops and stamps.
#include <cstring>
#include <flow.hpp>
#include <string>
#include <utility>

extern "C" {
#include "check.h"
#include "expected.h"
}

namespace {

// No multiple of 8 bytes, so that entries are longer than records.
struct record {
  std::int32_t number;
  char text[15];
};
struct wide {
  record head;
  char rest[100];
};
static_assert(sizeof(record) % 8 != 0, "else it shows less");

std::vector<pf_record_field> fields(bool timed) {
  std::vector<pf_record_field> fields(3);
  fields[0].name = "sequence";
  fields[0].type = PF_STAMP_SEQUENCE;
  fields[1].name = "number";
  fields[1].type = PF_TYPE_INT32;
  fields[1].offset = offsetof(record, number);
  fields[1].width = sizeof(record::number);
  fields[2].name = "text";
  fields[2].type = PF_TYPE_UTF8;
  fields[2].offset = offsetof(record, text);
  fields[2].width = sizeof(record::text);
  if (timed) {
    pf_record_field time{};
    time.name = "time";
    time.type = PF_STAMP_TIME;
    fields.push_back(time);
  }
  return fields;
}

const pf_field columns[] = {
    PF_FIELD("sequence", PF_TYPE_UINT64, PF_FIELD_REQUIRED),
    PF_FIELD("number", PF_TYPE_INT32, PF_FIELD_REQUIRED),
    PF_FIELD("text", PF_TYPE_UTF8, PF_FIELD_REQUIRED),
    PF_FIELD_IN_ZONE("time", PF_TYPE_TIMESTAMP_NS, PF_FIELD_REQUIRED, "UTC"),
};
const pf_field payload_columns[] = {
    PF_FIELD("number", PF_TYPE_INT32, PF_FIELD_REQUIRED),
    PF_FIELD("payload", PF_TYPE_BINARY, PF_FIELD_REQUIRED),
};

record make_record(std::int32_t number) {
  record made{};
  made.number = number;
  std::memcpy(made.text, "abcdefghi", static_cast<std::size_t>(number % 10));
  return made;
}

void expect_row(expected& to, std::uint64_t sequence, std::int32_t number, bool timed) {
  const record row = make_record(number);
  expect_value(&to, &sequence, sizeof sequence);
  expect_value(&to, &row.number, sizeof row.number);
  expect_value(&to, row.text, static_cast<std::size_t>(number % 10));
  if (timed) expect_any(&to);
}

// Offers records, by turns one and three, until some were dropped, and then on while nobody makes room.
pf_sink_result fill_a_lane(const std::string& path, bool timed, bool inlined) {
  const flow::record_layout layout(sizeof(record), fields(timed));
  pf_sink_options options = PF_SINK_OPTIONS_INIT;
  options.lane_bytes = 4096;
  options.order = PF_ORDER_FIELD;  // Records wait for those of a producer that is silent.
  options.order_field = "number";
  options.order_window_us = std::uint64_t{3600} * 1000000;
  flow::sink sink(path, layout, nullptr, &options);
  const flow::producer<record> silent(sink);
  flow::producer<record> producer(sink);
  expected to = expect_begin(path.c_str(), columns, timed ? 4 : 3, 1, false, true);
  std::uint64_t offered = 0, full = 0;
  for (std::int32_t number = 0; full < 10; ++number) {
    const record one = make_record(number);
    const pf_status status =
        inlined ? producer.try_record(one) : pf_try_record(producer.get(), &one, sizeof one);
    CHECK(status == PF_OK || status == PF_FULL);
    if (status == PF_OK) expect_row(to, offered, number, timed);
    full += status == PF_FULL;
    ++offered;
    const record three[] = {make_record(number), make_record(number + 1), make_record(number + 2)};
    std::uint64_t taken = 0;
    if (inlined) {
      taken = producer.try_records(three, 3);
    } else {
      CHECK(pf_try_record_n(producer.get(), three, sizeof(record), 3, &taken) >= 0);
    }
    for (std::uint64_t i = 0; i < taken; ++i) {
      expect_row(to, offered + i, number + static_cast<std::int32_t>(i), timed);
    }
    offered += 3;
  }
  expect_end(&to);
  const pf_capture_stats stats = sink.stats();
  CHECK(stats.offered == offered && stats.dropped > 10 && stats.rows == 0);
  pf_sink_result result = sink.close();
  CHECK(result.accepted + result.dropped == offered && result.rows == result.accepted);
  CHECK(producer.try_record(make_record(0)) == PF_ERR_CLOSED);
  CHECK(producer.try_records(nullptr, 1) == 0);
  result.path = nullptr;  // It goes with the sink.
  return result;
}

template <std::size_t Size>
void copied_whole() {
  unsigned char from[Size + 2], to[Size + 2];
  for (std::size_t i = 0; i < Size + 2; ++i) {
    from[i] = static_cast<unsigned char>(i + 1);
    to[i] = 0;
  }
  flow::fresh<Size>::copy(to + 1, from + 1);
  CHECK(std::memcmp(to + 1, from + 1, Size) == 0 && to[0] == 0 && to[Size + 1] == 0);
}

template <std::size_t... Sizes>
void copied_whole(std::index_sequence<Sizes...>) {
  const int each[] = {(copied_whole<Sizes + 1>(), 0)...};
  (void)each;
}

void inlined_is_as_called() {
  for (const bool timed : {false, true}) {
    const std::string end = timed ? "_timed.parquet" : ".parquet";
    const pf_sink_result called = fill_a_lane(path_of(("called" + end).c_str()), timed, false);
    const pf_sink_result inlined = fill_a_lane(path_of(("inlined" + end).c_str()), timed, true);
    CHECK(called.accepted == inlined.accepted && called.dropped == inlined.dropped);
    CHECK(called.rows == inlined.rows && called.producers == inlined.producers);
  }
}

// Through a lane that is passed round many times.
void nothing_is_lost_on_the_way_round() {
  const char* const path = path_of("round.parquet");
  const flow::record_layout layout(sizeof(record), fields(true));
  pf_sink_options options = PF_SINK_OPTIONS_INIT;
  options.lane_bytes = 4096;
  options.idle = PF_IDLE_YIELD;
  flow::sink sink(path, layout, nullptr, &options);
  pf_producer_options waits = PF_PRODUCER_OPTIONS_INIT;
  waits.wait_ns = std::uint64_t{60} * 1000000000;
  flow::producer<record> producer(sink, &waits);
  expected to = expect_begin(path, columns, 4, 1, false, true);
  const std::int32_t rows = static_cast<std::int32_t>(scaled(20000));
  for (std::int32_t number = 0; number < rows; ++number) {
    CHECK(producer.try_record(make_record(number)) == PF_OK);
    expect_row(to, static_cast<std::uint64_t>(number), number, true);
  }
  expect_end(&to);
  sink.flush();
  const pf_sink_result result = sink.close();
  CHECK(result.rows == static_cast<std::uint64_t>(rows) && result.dropped == 0);
}

void payloads() {
  const char* const path = path_of("payload.parquet");
  const flow::record_layout layout(sizeof(record), {fields(false)[1]}, "payload");
  flow::sink sink(path, layout);
  flow::producer<record> producer(sink);
  expected to = expect_begin(path, payload_columns, 2, 1, false, true);
  CHECK(producer.try_record(make_record(0)) == PF_ERR_INVALID_ARGUMENT);  // It needs a payload.
  for (std::int32_t number = 0; number < 100; ++number) {
    const std::string payload(static_cast<std::size_t>(number), 'x');
    const record row = make_record(number);
    CHECK(producer.try_record(row, payload.data(), payload.size()) == PF_OK);
    expect_value(&to, &row.number, sizeof row.number);
    expect_value(&to, payload.data(), payload.size());
  }
  expect_end(&to);
  CHECK(sink.close().rows == 100);
}

template <class Call>
void throws(pf_status status, const char* says, const Call& call) {
  try {
    call();
  } catch (const flow::error& error) {
    CHECK(error.status() == status);
    CHECK(std::strstr(error.what(), says) != nullptr &&
          std::strstr(error.what(), pf_status_name(status)) != nullptr);
    return;
  }
  CHECK(!"no exception");
}

void errors_are_exceptions() {
  const char* const path = path_of("errors.parquet");
  const flow::record_layout layout(sizeof(record), fields(false));
  throws(PF_ERR_INVALID_ARGUMENT, "pf_record_layout_new: ", [] { flow::record_layout(1, fields(false)); });
  throws(PF_ERR_INVALID_ARGUMENT, "record_size", [] { flow::record_layout(0, fields(false)); });
  throws(PF_ERR_NOT_FOUND, "pf_sink_open: ", [&] { flow::sink(path_of("missing/a.parquet"), layout); });
  flow::sink sink(path, layout);
  throws(PF_ERR_CONFLICT, path, [&] { flow::sink(path, layout); });
  flow::producer<wide> wrong(sink);
  CHECK(wrong.try_record(wide{}) == PF_ERR_INVALID_ARGUMENT);
  const wide two[2] = {};
  CHECK(wrong.try_records(two, 2) == 0 && sink.stats().offered == 0);
  flow::sink moved = std::move(sink);
  write_text(path, "theirs");
  for (int again = 0; again < 2; ++again) {
    throws(PF_ERR_CONFLICT, "pf_sink_close: ", [&] { moved.close(); });
  }
  throws(PF_ERR_CONFLICT, "pf_sink_flush: ", [&] { moved.flush(); });
  throws(PF_ERR_CONFLICT, "pf_producer_open: ", [&] { flow::producer<record> late(moved); });
  throws(PF_ERR_INVALID_ARGUMENT, "pf_sink_stats: ", [&] { sink.stats(); });  // Moved from.
  CHECK(std::remove(path) == 0);
}

void what_is_not_closed_is_not_published() {
  const char* const path = path_of("destroyed.parquet");
  for (int again = 0; again < 3; ++again) {
    const flow::record_layout layout(sizeof(record), fields(true));
    flow::sink sink(path, layout);
    flow::producer<record> producer(sink);
    CHECK(producer.try_record(make_record(1)) == PF_OK);
    CHECK(exists((std::string(path) + ".tmp").c_str()));
  }
  CHECK_NO_FILE(path);
}

// However they are destroyed or assigned.
void a_producer_outlives_its_sink() {
  const flow::record_layout layout(sizeof(record), fields(true));
  flow::sink first(path_of("first.parquet"), layout);
  flow::producer<record> producer(first);
  first = flow::sink(path_of("second.parquet"), layout);
  CHECK(producer.try_record(make_record(1)) == PF_OK);
  producer = flow::producer<record>(first);
  CHECK_NO_FILE(path_of("first.parquet"));
  CHECK(producer.try_record(make_record(1)) == PF_OK);
}

// What a producer has taken is captured though it is gone.
void a_producer_closes_itself() {
  const char* const path = path_of("producers.parquet");
  const flow::record_layout layout(sizeof(record), fields(false));
  flow::sink sink(path, layout);
  for (std::int32_t i = 0; i < 10; ++i) {
    flow::producer<record> producer(sink);
    CHECK(producer.try_record(make_record(i)) == PF_OK);
  }
  const pf_sink_result result = sink.close();
  CHECK(result.producers == 10 && result.rows == 10 && sink.stats().open_producers == 0);
  expected to = expect_begin(path, columns, 3, 1, true, true);
  for (std::int32_t i = 0; i < 10; ++i) expect_row(to, 0, i, false);
  expect_end(&to);
}

}  // namespace

int main(int argc, char** argv) {
  test_begin(argc, argv);
  copied_whole(std::make_index_sequence<140>());
  inlined_is_as_called();
  nothing_is_lost_on_the_way_round();
  payloads();
  errors_are_exceptions();
  what_is_not_closed_is_not_published();
  a_producer_outlives_its_sink();
  a_producer_closes_itself();
  return test_end();
}
