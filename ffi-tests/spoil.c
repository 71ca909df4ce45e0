#include "spoil.h"

#include <string.h>

#include "check.h"
#include "expected.h"

static const pf_field fields[COLUMNS] = {
    PF_FIELD("id", PF_TYPE_INT32, PF_FIELD_REQUIRED),
    PF_FIELD("text", PF_TYPE_UTF8, PF_FIELD_NULLABLE),
    PF_FIELD("real", PF_TYPE_FLOAT64, PF_FIELD_NULLABLE),
    PF_FIELD("when", PF_TYPE_TIMESTAMP_NS, PF_FIELD_NULLABLE),
    PF_FIELD("flag", PF_TYPE_BOOL, PF_FIELD_NULLABLE),
    PF_FIELD("day", PF_TYPE_DATE32, PF_FIELD_NULLABLE),
    PF_FIELD_OF_WIDTH("money", PF_TYPE_DECIMAL128, PF_FIELD_NULLABLE, 38, 2),
};

static pf_writer *writer;
static expected to;
static char path[1024];
static uint64_t good_chunks;

/* A good chunk, for each test to spoil. */
const int32_t ids[ROWS] = {1, 2, 3, 4};
static const char bytes[] = "onetwothree!";
static const int32_t offsets[ROWS + 1] = {0, 3, 6, 11, 12};
static const double reals[ROWS] = {0.5, -1, 2, 1e300};
static const int64_t times[ROWS] = {-1, 0, 1, 1700000000000000000};
static const uint8_t flags[ROWS] = {0, 1, 1, 0};
static const int32_t days[ROWS] = {-1, 0, 1, 20000};
static const int64_t money[2 * ROWS] = {1, 0, 2, 0, -3, -1, 4, 0};
pf_column_slice slices[COLUMNS];

const int64_t zeros[64];
const pf_column_slice three_ids = PF_VALUES(ids, 3, NULL);
const pf_column_slice three_texts = PF_OFFSETS(bytes, 11, offsets, 3, NULL);

static void start_again(void) {
  const pf_column_slice good[COLUMNS] = {
      PF_VALUES(ids, ROWS, NULL),       PF_OFFSETS(bytes, 12, offsets, ROWS, NULL),
      PF_VALUES(reals, ROWS, NULL),     PF_VALUES(times, ROWS, NULL),
      PF_VALUES(flags, ROWS, NULL),     PF_VALUES(days, ROWS, NULL),
      PF_VALUES(money, 2 * ROWS, NULL),
  };
  memcpy(slices, good, sizeof good);
  slices[MONEY].length = ROWS; /* two int64 each */
}

void accepted_texts(const char *const *texts) {
  const pf_row_chunk chunk = PF_ROW_CHUNK(slices, COLUMNS);
  CHECK_OK(pf_append_row_chunk(writer, &chunk, &err));
  start_again();
  good_chunks++;
  for (size_t row = 0; row < ROWS; row++) {
    expect_value(&to, &ids[row], 4);
    if (texts == NULL)
      expect_value(&to, bytes + offsets[row], (size_t)(offsets[row + 1] - offsets[row]));
    else
      expect_value(&to, texts[row], texts[row] == NULL ? 0 : strlen(texts[row]));
    expect_value(&to, &reals[row], 8);
    expect_value(&to, &times[row], 8);
    expect_value(&to, &flags[row], 1);
    expect_value(&to, &days[row], 4);
    expect_value(&to, &money[2 * row], 16);
  }
}

void refused(pf_status status, const char *says) {
  const pf_row_chunk chunk = PF_ROW_CHUNK(slices, COLUMNS);
  check_refused(writer, &chunk, status, says);
  start_again();
  accepted_texts(NULL);
}

void spoil_begin(void) {
  pf_schema *schema = NULL;
  strcpy(path, path_of("good_chunks_only.parquet"));
  start_again();
  CHECK_OK(pf_schema_new(fields, COLUMNS, sizeof *fields, &schema, &err));
  CHECK_OK(pf_writer_open(path, schema, NULL, &writer, &err));
  pf_schema_free(schema);
  to = expect_begin(path, fields, COLUMNS, 1, false, false);
}

void spoil_end(void) {
  pf_part part = PF_PART_INIT;
  CHECK_OK(pf_close(writer, &part, &err));
  CHECK(part.rows == good_chunks * ROWS);
  expect_end(&to);
  pf_writer_free(writer);
}
