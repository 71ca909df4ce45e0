/* Sinks: every type in a record, three ways of null, payloads, unaligned records, damaged text. */
#define _XOPEN_SOURCE 700

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "expected.h"

typedef struct record {
  int64_t i64, s, ms, us, ns, time_us, time_ns, dur_s, dur_ms, dur_us, dur_ns, dec64;
  uint64_t u64, valid; /* bit i of `valid`: column i of the fields below */
  double f64;
  float f32;
  int32_t i32, date, time_s, time_ms, dec32;
  uint32_t u32;
  int16_t i16;
  uint16_t u16, f16;
  int8_t i8;
  uint8_t u8, flag;
  char text[9];
  uint8_t fixed[5], uuid[16], dec128[16];
} record;

/* The sentinels are what is often used: NaN, -1, the least, blanks. */
#define NAN64 0x7FF8000000000000
#define FIELD(member, type, sentinel, zone) \
  { #member, (type), offsetof(record, member), sizeof(((record *)0)->member), 0, 0, 0, (sentinel), (zone) }
static const pf_record_field base[] = {
    FIELD(i64, PF_TYPE_INT64, INT64_MIN, NULL),
    FIELD(s, PF_TYPE_TIMESTAMP_S, INT64_MIN, NULL), /* as milliseconds out of range: fine under a null */
    FIELD(ms, PF_TYPE_TIMESTAMP_MS, 0, "UTC"),
    FIELD(us, PF_TYPE_TIMESTAMP_US, -1, NULL),
    FIELD(ns, PF_TYPE_TIMESTAMP_NS, INT64_MAX, "UTC"),
    FIELD(u64, PF_TYPE_UINT64, -1, NULL),
    FIELD(f64, PF_TYPE_FLOAT64, NAN64, NULL),
    FIELD(f32, PF_TYPE_FLOAT32, 0x7FC00000, NULL),
    FIELD(i32, PF_TYPE_INT32, INT32_MIN, NULL),
    FIELD(date, PF_TYPE_DATE32, 0, NULL),
    FIELD(u32, PF_TYPE_UINT32, UINT32_MAX, NULL),
    FIELD(i16, PF_TYPE_INT16, -1, NULL),
    FIELD(u16, PF_TYPE_UINT16, 7, NULL),
    FIELD(i8, PF_TYPE_INT8, -128, NULL),
    FIELD(u8, PF_TYPE_UINT8, 255, NULL),
    FIELD(flag, PF_TYPE_BOOL, 2, NULL),
    FIELD(text, PF_TYPE_UTF8, 0, NULL),
    FIELD(fixed, PF_TYPE_FIXED_SIZE_BINARY, 0x0504030201, NULL),
    FIELD(f16, PF_TYPE_FLOAT16, 0x7E00, NULL),
    FIELD(time_s, PF_TYPE_TIME32_S, INT32_MIN, NULL), /* as milliseconds out of range too */
    FIELD(time_ms, PF_TYPE_TIME32_MS, 86399999, NULL),
    FIELD(time_us, PF_TYPE_TIME64_US, 0, NULL),
    FIELD(time_ns, PF_TYPE_TIME64_NS, 1, NULL),
    FIELD(dur_s, PF_TYPE_DURATION_S, -1, NULL),
    FIELD(dur_ms, PF_TYPE_DURATION_MS, -1, NULL),
    FIELD(dur_us, PF_TYPE_DURATION_US, -1, NULL),
    FIELD(dur_ns, PF_TYPE_DURATION_NS, INT64_MIN, NULL),
    FIELD(dec32, PF_TYPE_DECIMAL32, -1, NULL),
    FIELD(dec64, PF_TYPE_DECIMAL64, 0, NULL),
    FIELD(dec128, PF_TYPE_DECIMAL128, 0, NULL),
    FIELD(uuid, PF_TYPE_UUID, 0, NULL),
};
enum { BASE = sizeof base / sizeof *base, COLUMNS = 3 * BASE };

static char names[COLUMNS][16];
static pf_record_field fields[COLUMNS];
static pf_field columns[COLUMNS];

/* Digits of a decimal in a record: as many as its type can hold. */
static uint32_t digits(int32_t type) {
  return type == PF_TYPE_DECIMAL32 ? 9 : type == PF_TYPE_DECIMAL64 ? 18 : type == PF_TYPE_DECIMAL128 ? 38 : 0;
}

/* Each member three times: required, null by sentinel, null by bit; wider than a sentinel: twice by bit. */
static void make_fields(void) {
  for (size_t i = 0; i < COLUMNS; i++) {
    pf_record_field *field = &fields[i];
    *field = base[i % BASE];
    field->null_kind = (uint32_t)(i / BASE);
    if (field->null_kind == PF_NULL_SENTINEL && field->type != PF_TYPE_UTF8 && field->width > 8)
      field->null_kind = PF_NULL_BIT;
    if (field->null_kind != PF_NULL_SENTINEL) field->null_value = 0;
    if (field->null_kind == PF_NULL_BIT) field->null_bit = 8 * offsetof(record, valid) + (uint32_t)(i % BASE);
    snprintf(names[i], sizeof names[i], "%s_%u", field->name, (unsigned)(i / BASE));
    field->name = names[i];
    const bool fixed = field->type == PF_TYPE_FIXED_SIZE_BINARY;
    field->scale = digits(field->type) / 4;
    pf_field *column = &columns[i];
    column->name = names[i];
    column->type = field->type;
    column->flags = field->null_kind != PF_NULL_NEVER;
    column->width = fixed ? field->width : digits(field->type);
    column->scale = field->scale;
    column->timezone = field->timezone;
  }
}

static uint64_t random_bits(void) {
  static uint64_t x = 88172645463325252;
  x ^= x << 13, x ^= x >> 7, x ^= x << 17;
  return x;
}

/* What lies in a record, and what is to be read. */
static const struct {
  const char *padded; /* nine bytes */
  const char *stored;
} texts[] = {
    {"AAPL     ", "AAPL"},
    {"IBM\0\0\0\0\0\0", "IBM"},
    {"         ", ""},
    {"\0\0\0\0\0\0\0\0\0", ""},
    {"mixed \0 \0", "mixed"},
    {" leading ", " leading"},
    {"ninebytes", "ninebytes"},
    {"Gr\xC3\xBC\xC3\x9F"
     "e\0",
     "Gr\xC3\xBC\xC3\x9F"
     "e"},
    {"bad\xFF"
     "text\0",
     "bad\xEF\xBF\xBD"
     "text"}, /* U+FFFD */
    {"cut off \xC3", "cut off \xEF\xBF\xBD"},
};
enum { TEXTS = sizeof texts / sizeof *texts, DAMAGED_FROM = 8 };

/* Random bits but where a column's range is less; the sentinel now and then. */
static size_t fill_record(record *r) {
  unsigned char *bytes = (unsigned char *)r;
  for (size_t i = 0; i < sizeof *r; i++) bytes[i] = (unsigned char)random_bits();
  r->s = (int64_t)(random_bits() % 7000000000);
  r->ms = r->s * 1000 - 1;
  r->us = r->s * 1000000 + 1;
  r->ns = r->s * 1000000000 / 10;
  r->date = (int32_t)(random_bits() % 80000);
  r->flag = (uint8_t)(random_bits() % 3);
  r->time_s = (int32_t)(random_bits() % 86400);
  r->time_ms = r->time_s * 1000 + 1;
  r->time_us = (int64_t)r->time_ms * 1000 + 1;
  r->time_ns = r->time_us * 1000 + 1;
  r->dur_s = r->s - 3500000000;
  r->dec32 = (int32_t)(random_bits() % 1999999999) - 999999999;
  r->dec64 = (int64_t)(random_bits() % 1999999999999999999) - 999999999999999999;
  r->dec128[15] = (uint8_t)(r->dec128[15] % 128 < 64 ? 0x12 : 0xED); /* a tenth of all bits: 38 digits */
  for (size_t i = 0; i < BASE; i++) /* little-endian: the low bytes come first */
    if (base[i].type != PF_TYPE_UTF8 && base[i].type != PF_TYPE_TIMESTAMP_S &&
        base[i].type != PF_TYPE_TIME32_S && base[i].width <= 8 && random_bits() % 4 == 0)
      memcpy(bytes + base[i].offset, &base[i].null_value, base[i].width);
  size_t text = random_bits() % TEXTS;
  memcpy(r->text, texts[text].padded, sizeof r->text);
  return text;
}

static void expect_record(expected *to, const record *r, size_t text) {
  const unsigned char *bytes = (const unsigned char *)r;
  for (size_t i = 0; i < COLUMNS; i++) {
    const pf_record_field *field = &fields[i];
    const bool is_text = field->type == PF_TYPE_UTF8;
    const void *value = is_text ? (const void *)texts[text].stored : bytes + field->offset;
    size_t size = is_text ? strlen(texts[text].stored) : field->width;
    bool null = false;
    if (field->null_kind == PF_NULL_SENTINEL)
      null = is_text ? size == 0 : memcmp(value, &field->null_value, size) == 0;
    if (field->null_kind == PF_NULL_BIT) null = (r->valid >> i % BASE & 1) == 0;
    expect_value(to, null ? NULL : value, size);
  }
}

static void check_result(const pf_sink_result *result, const char *path, uint64_t accepted,
                         uint64_t dropped) {
  CHECK(result->struct_size == sizeof *result && result->reserved == 0);
  CHECK(result->accepted == accepted && result->rows == accepted);
  CHECK(result->dropped == dropped && result->oversized <= dropped);
  CHECK(result->bytes == file_size(path));
  CHECK(strcmp(result->path, path) == 0);
}

static pf_sink *open_sink(const char *path, const pf_record_layout *layout, uint64_t lane_bytes,
                          uint32_t max_payload) {
  pf_sink_options options = PF_SINK_OPTIONS_INIT;
  options.lane_bytes = lane_bytes;
  options.max_payload = max_payload;
  pf_sink *sink = NULL;
  CHECK_OK(pf_sink_open(path, layout, NULL, &options, &sink, &err));
  return sink;
}

static void every_type(void) {
  const char *path = path_of("every_type.parquet");
  const uint64_t rows = scaled(600);
  pf_record_layout *layout = NULL;
  pf_producer *producer = NULL;
  CHECK_OK(pf_record_layout_new(sizeof(record), fields, COLUMNS, sizeof *fields, NULL, &layout, &err));
  pf_sink *sink = open_sink(path, layout, 0, 0);
  pf_record_layout_free(layout); /* the sink keeps what it needs */
  CHECK_OK(pf_producer_open(sink, NULL, &producer, &err));
  expected to = expect_begin(path, columns, COLUMNS, 1, false, true);
  unsigned char *memory = malloc(sizeof(record) + 8);
  CHECK(memory != NULL);
  uint64_t replaced = 0;
  for (uint64_t row = 0; row < rows; row++) {
    record r;
    size_t text = fill_record(&r);
    void *unaligned = memory + row % 8;
    memcpy(unaligned, &r, sizeof r);
    CHECK_OK(pf_try_record(producer, unaligned, sizeof r));
    memset(unaligned, 0, sizeof r); /* it has been copied */
    expect_record(&to, &r, text);
    /* Three columns hold the text; in the last it may be null. */
    if (text >= DAMAGED_FROM) replaced += 2 + (r.valid >> 16 & 1);
  }
  free(memory);
  expect_end(&to);

  CHECK_INVALID(pf_try_record(NULL, names, sizeof(record)));
  CHECK_INVALID(pf_try_record(producer, NULL, sizeof(record)));
  CHECK_INVALID(pf_try_record(producer, names, sizeof(record) - 1));
  CHECK_INVALID(pf_try_record(producer, names, sizeof(record) + 1));
  CHECK_INVALID(pf_try_record(producer, names, 0));
  CHECK_INVALID(pf_try_record(producer, names, UINT64_MAX));
  CHECK_INVALID(pf_try_record_payload(producer, names, sizeof(record), NULL, 0));

  pf_sink_result result = PF_SINK_RESULT_INIT;
  CHECK_OK(pf_sink_close(sink, &result, &err));
  check_result(&result, path, rows, 0);
  CHECK(result.producers == 1 && result.oversized == 0 && result.replaced == replaced &&
        result.row_groups == 1);
  pf_sink_free(sink);
}

/* Payloads and records of any content; 61 is a prime, so that they lie everywhere in the lane. */
static unsigned char contents[4096];

static void pause_briefly(void) {
  const struct timespec pause = {0, 100000};
  nanosleep(&pause, NULL);
}

/* Payloads through a lane that is passed round many times; what is refused is offered again. */
static void payloads(bool with_record) {
  enum { MAX = 300 };
  const char *path = path_of(with_record ? "record_and_payload.parquet" : "payload_only.parquet");
  const pf_record_field number = {"number", PF_TYPE_INT32, 1, 4, PF_NULL_NEVER, 0, 0, 0, NULL};
  const pf_field both[] = {PF_FIELD("number", PF_TYPE_INT32, PF_FIELD_REQUIRED),
                           PF_FIELD("payload", PF_TYPE_BINARY, PF_FIELD_REQUIRED)};
  const uint32_t size = with_record ? 5 : 0;
  pf_record_layout *layout = NULL;
  pf_producer *producer = NULL;
  CHECK_OK(pf_record_layout_new(size, with_record ? &number : NULL, with_record, sizeof number, "payload",
                                &layout, &err));
  pf_sink *sink = open_sink(path, layout, 1, MAX);
  pf_record_layout_free(layout);
  CHECK_OK(pf_producer_open(sink, NULL, &producer, &err));
  expected to = expect_begin(path, with_record ? both : both + 1, 1 + with_record, 1, false, true);
  uint64_t offered = 0, full = 0, oversized = 0, accepted = 0;
  for (uint64_t row = 0; row < scaled(4000); row++) {
    unsigned char head[5] = {9, (unsigned char)row, (unsigned char)(row >> 8), 0, 0x80};
    const uint64_t length = row < 20 ? row : row == 20 ? MAX : row * 61 % (MAX + 3);
    const void *payload = length == 0 ? NULL : contents + row * 61 % 1024;
    pf_status status;
    do {
      status = pf_try_record_payload(producer, with_record ? head : NULL, size, payload, length);
      offered++;
      if (status == PF_FULL) full++, pause_briefly();
    } while (status == PF_FULL);
    CHECK(status == (length > MAX ? PF_OVERSIZED : PF_OK));
    if (status == PF_OVERSIZED) oversized++;
    if (status != PF_OK) continue;
    accepted++;
    if (with_record) expect_value(&to, head + 1, 4);
    expect_value(&to, length == 0 ? "" : payload, length);
  }
  expect_end(&to);
  CHECK(oversized > 0); /* full: if the drain falls behind; capture.c is sure of it */

  CHECK_INVALID(pf_try_record_payload(NULL, NULL, size, NULL, 0));
  CHECK_INVALID(pf_try_record_payload(producer, contents, size + 1, NULL, 0));
  CHECK_INVALID(pf_try_record_payload(producer, contents, size, NULL, 1));
  CHECK_INVALID(pf_try_record_payload(producer, contents, size, contents, UINT64_MAX));
  CHECK_INVALID(pf_try_record(producer, contents, size));
  if (with_record) CHECK_INVALID(pf_try_record_payload(producer, NULL, size, NULL, 0));

  pf_sink_result result = PF_SINK_RESULT_INIT;
  CHECK_OK(pf_sink_close(sink, &result, &err));
  check_result(&result, path, accepted, full + oversized);
  CHECK(result.oversized == oversized && result.accepted + result.dropped == offered && result.replaced == 0);
  pf_sink_free(sink);
}

static void no_records(void) {
  const pf_field column = PF_FIELD("payload", PF_TYPE_BINARY, PF_FIELD_REQUIRED);
  pf_record_layout *layout = NULL;
  CHECK_OK(pf_record_layout_new(0, NULL, 0, 0, "payload", &layout, &err));
  for (int producers = 0; producers <= 1; producers++) {
    const char *path = path_of(producers == 0 ? "no_producer.parquet" : "no_record.parquet");
    pf_sink *sink = open_sink(path, layout, 0, 0);
    pf_producer *producer = NULL;
    pf_sink_result result = PF_SINK_RESULT_INIT;
    if (producers == 1) CHECK_OK(pf_producer_open(sink, NULL, &producer, &err));
    CHECK_OK(pf_sink_close(sink, &result, &err));
    check_result(&result, path, 0, 0);
    CHECK(result.producers == (uint64_t)producers && result.row_groups == 0);
    pf_sink_free(sink);
    expected to = expect_begin(path, &column, 1, 0, false, true);
    expect_end(&to);
  }
  pf_record_layout_free(layout);
}

/* Seconds out of range become the last that milliseconds can hold, and are counted; nothing else is lost. */
static void seconds_out_of_range(void) {
  typedef struct {
    int64_t time, row;
  } record;
  const char *path = path_of("seconds.parquet");
  const pf_record_field fields[] = {
      {"time", PF_TYPE_TIMESTAMP_S, offsetof(record, time), 8, PF_NULL_SENTINEL, 0, 0, INT64_MIN, NULL},
      {"row", PF_TYPE_INT64, offsetof(record, row), 8, PF_NULL_NEVER, 0, 0, 0, NULL},
  };
  const pf_field columns[] = {PF_FIELD("time", PF_TYPE_TIMESTAMP_MS, PF_FIELD_NULLABLE),
                              PF_FIELD("row", PF_TYPE_INT64, PF_FIELD_REQUIRED)};
  const int64_t offered[] = {1, INT64_MAX, INT64_MIN, INT64_MIN + 1, 2};
  const int64_t stored[] = {1000, INT64_MAX, 0, INT64_MIN, 2000};
  pf_record_layout *layout = NULL;
  pf_producer *producer = NULL;
  CHECK_OK(pf_record_layout_new(sizeof(record), fields, 2, sizeof *fields, NULL, &layout, &err));
  pf_sink *sink = open_sink(path, layout, 0, 0);
  pf_record_layout_free(layout);
  CHECK_OK(pf_producer_open(sink, NULL, &producer, &err));
  expected to = expect_begin(path, columns, 2, 1, false, true);
  for (int64_t row = 0; row < 5; row++) {
    const record r = {offered[row], row};
    CHECK(pf_try_record(producer, &r, sizeof r) == PF_OK);
    expect_value(&to, offered[row] == INT64_MIN ? NULL : &stored[row], 8);
    expect_value(&to, &row, 8);
  }
  expect_end(&to);
  pf_sink_result result = PF_SINK_RESULT_INIT;
  CHECK_OK(pf_sink_close(sink, &result, &err));
  check_result(&result, path, 5, 0);
  CHECK(result.replaced == 2);
  pf_sink_free(sink);
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  for (size_t i = 0; i < sizeof contents; i++) contents[i] = (unsigned char)random_bits();
  make_fields();
  every_type();
  payloads(false);
  payloads(true);
  no_records();
  seconds_out_of_range();
  return test_end();
}
