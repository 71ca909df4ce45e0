/* Payloads: texts and bytes of any length out of them, and what is left over; copied, or written in place. */
#define _XOPEN_SOURCE 700

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "expected.h"

typedef struct record {
  uint32_t symbol_size, note_size, body_size;
  uint32_t valid; /* bit 0: the note, bit 1: the body */
  int64_t id;
} record;

enum { MAX = 200000, WAIT_NS = 1000000000 };

#define SIZE_AT(member) offsetof(record, member), 0
static const pf_record_field fields[] = {
    {"symbol", PF_TYPE_UTF8, SIZE_AT(symbol_size)},
    {"id", PF_TYPE_INT64, offsetof(record, id), 8},
    {"sequence", PF_STAMP_SEQUENCE},
    {"note", PF_TYPE_UTF8, SIZE_AT(note_size), PF_NULL_BIT, 8 * offsetof(record, valid)},
    {"body", PF_TYPE_BINARY, SIZE_AT(body_size), PF_NULL_BIT, 8 * offsetof(record, valid) + 1},
};
static const pf_field columns[] = {
    PF_FIELD("symbol", PF_TYPE_UTF8, PF_FIELD_REQUIRED),
    PF_FIELD("id", PF_TYPE_INT64, PF_FIELD_REQUIRED),
    PF_FIELD("sequence", PF_TYPE_UINT64, PF_FIELD_REQUIRED),
    PF_FIELD("note", PF_TYPE_UTF8, PF_FIELD_NULLABLE),
    PF_FIELD("body", PF_TYPE_BINARY, PF_FIELD_NULLABLE),
    PF_FIELD("rest", PF_TYPE_BINARY, PF_FIELD_REQUIRED),
};
enum { FIELDS = 5, COLUMNS = 6 };

static char text[MAX];
static unsigned char bytes[MAX];

static pf_sink *open_sink(const char *path, const char *rest, pf_producer **producer) {
  pf_sink_options options = PF_SINK_OPTIONS_INIT;
  pf_producer_options waits = PF_PRODUCER_OPTIONS_INIT;
  pf_record_layout *layout = NULL;
  pf_sink *sink = NULL;
  options.max_payload = MAX;
  options.lane_bytes = 1; /* as many as two of the longest need */
  waits.wait_ns = (uint64_t)60 * WAIT_NS;
  CHECK_OK(pf_record_layout_new(sizeof(record), fields, FIELDS, sizeof *fields, rest, &layout, &err));
  CHECK_OK(pf_sink_open(path, layout, NULL, &options, &sink, &err));
  pf_record_layout_free(layout);
  CHECK_OK(pf_producer_open(sink, &waits, producer, &err));
  return sink;
}

/* What a row has: short ones mostly, an empty one, now and then one that fills the payload. */
static record make_record(uint64_t row) {
  record r;
  memset(&r, 0, sizeof r);
  r.symbol_size = (uint32_t)(row * 7 % 12);
  r.note_size = row % 500 == 7 ? MAX / 2 : (uint32_t)(row * 31 % 300);
  r.body_size = row % 500 == 8 ? MAX / 2 : (uint32_t)(row * 61 % 90);
  r.valid = (uint32_t)(row % 5 != 0) | (uint32_t)(row % 3 != 0) << 1;
  r.id = -(int64_t)row;
  return r;
}

/* Texts and bytes end to end, then `rest` bytes. A null's bytes are there, too. */
static uint64_t make_payload(unsigned char *to, const record *r, uint64_t rest) {
  unsigned char *at = to;
  memcpy(at, text, r->symbol_size), at += r->symbol_size;
  memcpy(at, text, r->note_size), at += r->note_size;
  memcpy(at, bytes, r->body_size), at += r->body_size;
  memset(at, 0xAB, rest);
  return (uint64_t)(at - to) + rest;
}

static void expect_row(expected *to, const record *r, uint64_t sequence, const void *rest, uint64_t size) {
  expect_value(to, text, r->symbol_size);
  expect_value(to, &r->id, 8);
  expect_value(to, &sequence, 8);
  expect_value(to, (r->valid & 1) != 0 ? text : NULL, r->note_size);
  expect_value(to, (r->valid & 2) != 0 ? bytes : NULL, r->body_size);
  if (rest != NULL) expect_value(to, rest, size);
}

static void payloads_become_columns(const char *name, bool in_place, bool with_rest) {
  const char *path = path_of(name);
  pf_producer *producer = NULL;
  pf_sink *sink = open_sink(path, with_rest ? "rest" : NULL, &producer);
  expected to = expect_begin(path, columns, COLUMNS - !with_rest, 1, false, true);
  unsigned char *payload = malloc(MAX);
  CHECK(payload != NULL);
  const uint64_t rows = scaled(2000);
  for (uint64_t row = 0; row < rows; row++) {
    const record r = make_record(row);
    const uint64_t rest = with_rest ? row * 13 % 40 : 0, size = make_payload(payload, &r, rest);
    if (in_place) {
      void *head = NULL, *body = NULL;
      CHECK_OK(pf_reserve(producer, row % 2 == 0 ? MAX : size, &head, &body));
      CHECK((uintptr_t)head % 8 == 0 && (uintptr_t)body % 8 == 0);
      memcpy(head, &r, sizeof r);
      CHECK(make_payload(body, &r, rest) == size);
      CHECK_OK(pf_commit(producer, size)); /* less than was reserved, maybe */
    } else {
      CHECK_OK(pf_try_record_payload(producer, &r, sizeof r, payload, size));
    }
    expect_row(&to, &r, row, with_rest ? payload + size - rest : NULL, rest);
  }
  free(payload);
  expect_end(&to);
  pf_sink_result result = PF_SINK_RESULT_INIT;
  CHECK_OK(pf_sink_close(sink, &result, &err));
  CHECK(result.rows == rows && result.dropped == 0 && result.replaced == 0);
  pf_sink_free(sink);
}

/* Sizes that do not fit the payload: it is cut, or what is over is; text that is none is replaced. All
 * counted. */
static void what_does_not_fit_is_counted(void) {
  const char *path = path_of("unfit.parquet");
  pf_producer *producer = NULL;
  pf_sink *sink = open_sink(path, NULL, &producer);
  expected to = expect_begin(path, columns, COLUMNS - 1, 1, false, true);
  static const struct {
    uint32_t symbol, note, body;
    const char *payload, *expected[3];
  } cases[] = {
      {3, 4, 5, "abcdefghijkl", {"abc", "defg", "hijkl"}},
      {3, 4, 5, "abcde", {"abc", "de", ""}},
      {3, 4, 5, "", {"", "", ""}},
      {UINT32_MAX, UINT32_MAX, 1, "abc", {"abc", "", ""}},
      {1, 1, 1, "abcd", {"a", "b", "c"}},
      {2,
       1,
       1,
       "\xFF\xFE"
       "bc",
       {"\xEF\xBF\xBD\xEF\xBF\xBD", "b", "c"}},
  };
  const uint64_t count = sizeof cases / sizeof *cases;
  for (uint64_t i = 0; i < count; i++) {
    const record r = {cases[i].symbol, cases[i].note, cases[i].body, 3, 5};
    CHECK_OK(pf_try_record_payload(producer, &r, sizeof r, cases[i].payload, strlen(cases[i].payload)));
    expect_value(&to, cases[i].expected[0], strlen(cases[i].expected[0]));
    expect_value(&to, &r.id, 8);
    expect_value(&to, &i, 8);
    expect_value(&to, cases[i].expected[1], strlen(cases[i].expected[1]));
    expect_value(&to, cases[i].expected[2], strlen(cases[i].expected[2]));
  }
  expect_end(&to);
  pf_sink_result result = PF_SINK_RESULT_INIT;
  CHECK_OK(pf_sink_close(sink, &result, &err));
  CHECK(result.rows == count && result.replaced == count - 1);
  pf_sink_free(sink);
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  for (size_t i = 0; i < MAX; i++) {
    text[i] = (char)('a' + i % 23);
    bytes[i] = (unsigned char)(i * 7);
  }
  payloads_become_columns("copied.parquet", false, true);
  payloads_become_columns("in_place.parquet", true, true);
  payloads_become_columns("without_rest.parquet", false, false);
  what_does_not_fit_is_counted();
  return test_end();
}
