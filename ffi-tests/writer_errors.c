/* What a writer refuses, and that it works on afterwards: the part holds just the good chunks. */
#include <string.h>

#include "check.h"
#include "expected.h"

static const pf_field fields[] = {
    PF_FIELD("id", PF_TYPE_INT32, PF_FIELD_REQUIRED),
    PF_FIELD("text", PF_TYPE_UTF8, PF_FIELD_NULLABLE),
    PF_FIELD("when", PF_TYPE_TIMESTAMP_S, PF_FIELD_NULLABLE),
};
enum { COLUMNS = 3, ROWS = 4 };

static pf_schema *schema;
static pf_writer *writer;
static const char *path;
static uint64_t good_chunks;

/* A good chunk, for each test to spoil. */
static const int32_t ids[ROWS] = {1, 2, 3, 4};
static const int64_t times[ROWS] = {-1, 0, 1, 1700000000};
static const int32_t offsets[ROWS + 1] = {0, 1, 1, 3, 6};
static const char text[] = "aéxyz";
static pf_column_slice slices[COLUMNS];
static pf_row_chunk chunk;

static void start_again(void) {
  const pf_column_slice good[COLUMNS] = {PF_VALUES(ids, ROWS, NULL), PF_OFFSETS(text, 6, offsets, ROWS, NULL),
                                         PF_VALUES(times, ROWS, NULL)};
  const pf_row_chunk whole = PF_ROW_CHUNK(slices, COLUMNS);
  memcpy(slices, good, sizeof good);
  chunk = whole;
}

static void refused(pf_status status, const char *says) {
  CHECK_STATUS(pf_append_row_chunk(writer, &chunk, &err), status);
  CHECK_SAYS(says);
  start_again();
}

static void accepted(void) {
  CHECK_OK(pf_append_row_chunk(writer, &chunk, &err));
  good_chunks++;
}

static void chunks(void) {
  CHECK_INVALID(pf_append_row_chunk(NULL, &chunk, &err));
  CHECK_SAYS("writer is NULL");
  CHECK_INVALID(pf_append_row_chunk(writer, NULL, &err));
  CHECK_SAYS("chunk is NULL");
  chunk.slices = NULL;
  refused(PF_ERR_INVALID_ARGUMENT, "pf_column_slice");
  uint64_t memory[32];
  chunk.slices = (pf_column_slice *)(void *)((char *)memory + 4);
  refused(PF_ERR_INVALID_ARGUMENT, "aligned");
  void *misaligned = (char *)memory + 4;
  memcpy(misaligned, &chunk, sizeof chunk);
  CHECK_INVALID(pf_append_row_chunk(writer, misaligned, &err));
  CHECK_SAYS("aligned");

  const uint32_t slice_sizes[] = {0, 4, 128, sizeof(pf_column_slice) + 1, UINT32_MAX};
  const uint32_t chunk_sizes[] = {0, 4, sizeof(pf_row_chunk) - 8, sizeof(pf_row_chunk) + 1, UINT32_MAX};
  for (size_t i = 0; i < 5; i++) {
    chunk.slice_size = slice_sizes[i];
    refused(PF_ERR_INVALID_ARGUMENT, "pf_column_slice");
    chunk.struct_size = chunk_sizes[i];
    refused(PF_ERR_INVALID_ARGUMENT, "pf_row_chunk");
  }
  chunk.slice_count = 0;
  refused(PF_ERR_INVALID_ARGUMENT, "0 elements");
  chunk.slice_count = 2;
  refused(PF_ERR_SCHEMA_MISMATCH, "2 columns");
  chunk.slice_count = UINT64_MAX;
  refused(PF_ERR_INVALID_ARGUMENT, "18446744073709551615");
  accepted();
}

/* Structs of a newer header are longer: fine as long as the new part asks for nothing. */
static void longer_structs(void) {
  struct {
    pf_column_slice known;
    uint64_t later;
  } newer[COLUMNS];
  for (int i = 0; i < COLUMNS; i++) newer[i].known = slices[i], newer[i].later = 0;
  struct {
    pf_row_chunk known;
    uint64_t later;
  } newer_chunk = {{sizeof newer_chunk, sizeof *newer, &newer[0].known, COLUMNS}, 0};
  CHECK_OK(pf_append_row_chunk(writer, &newer_chunk.known, &err));
  good_chunks++;
  newer[2].later = 1;
  CHECK_STATUS(pf_append_row_chunk(writer, &newer_chunk.known, &err), PF_ERR_UNSUPPORTED);
  CHECK_SAYS("pf_column_slice");
  newer[2].later = 0;
  newer_chunk.later = 1;
  CHECK_STATUS(pf_append_row_chunk(writer, &newer_chunk.known, &err), PF_ERR_UNSUPPORTED);
  CHECK_SAYS("pf_row_chunk");
}

static void lengths_and_sizes(void) {
  slices[2].length = ROWS - 1;
  refused(PF_ERR_SCHEMA_MISMATCH, "slices[2]");
  slices[0].length = 0;
  refused(PF_ERR_SCHEMA_MISMATCH, "length");
  for (int i = 0; i < COLUMNS; i++) slices[i].length = UINT64_MAX;
  refused(PF_ERR_INVALID_ARGUMENT, "18446744073709551615");
  for (int i = 0; i < COLUMNS; i++) slices[i].length = (uint64_t)1 << 62; /* times 4 is 0 */
  refused(PF_ERR_INVALID_ARGUMENT, "4611686018427387904");
  slices[0].values_size--;
  refused(PF_ERR_INVALID_ARGUMENT, "\"id\"");
  slices[0].values_size = 0;
  refused(PF_ERR_INVALID_ARGUMENT, "\"id\"");
  slices[0].values_size = UINT64_MAX;
  refused(PF_ERR_INVALID_ARGUMENT, "18446744073709551615");
  slices[0].values = NULL;
  refused(PF_ERR_INVALID_ARGUMENT, "values is NULL");
  slices[0].layout = 9;
  refused(PF_ERR_INVALID_ARGUMENT, "layout is 9");
  slices[1].layout = -1;
  refused(PF_ERR_INVALID_ARGUMENT, "layout is -1");
  slices[2].sel_base = 2;
  refused(PF_ERR_INVALID_ARGUMENT, "sel_base is 2");
  accepted();
}

static void layouts(void) {
  slices[0].layout = PF_LAYOUT_OFFSETS;
  slices[0].offsets = offsets;
  refused(PF_ERR_TYPE_MISMATCH, "\"id\"");
  slices[1].layout = PF_LAYOUT_VALUES;
  refused(PF_ERR_INVALID_ARGUMENT, "slices[1].offsets is not NULL");
  slices[1].layout = PF_LAYOUT_VALUES;
  slices[1].offsets = NULL;
  refused(PF_ERR_TYPE_MISMATCH, "\"text\"");
  accepted();
}

static void bad_offsets(const int32_t *bad, const char *says) {
  slices[1].offsets = bad;
  refused(PF_ERR_INVALID_ARGUMENT, says);
}

static void text_offsets(void) {
  static const int32_t falling[] = {0, 3, 1, 3, 6}, past[] = {0, 1, 1, 3, 7}, negative[] = {-1, 0, 1, 3, 6};
  static const int32_t most[] = {0, 1, 3, 6, INT32_MAX}, least[] = {0, 1, 1, INT32_MIN, 6};
  bad_offsets(NULL, "offsets is NULL");
  bad_offsets(falling, "offset 2 is 1");
  bad_offsets(past, "offset 4 is 7");
  bad_offsets(negative, "offset 0 is -1");
  bad_offsets(most, "offset 4 is 2147483647");
  bad_offsets(least, "offset 3 is -2147483648");
  slices[1].values_size = 5;
  refused(PF_ERR_INVALID_ARGUMENT, "offset 4 is 6");
  accepted();
}

static void values(void) {
  static const uint8_t row_2_null = 0x0B;
  slices[0].validity = &row_2_null;
  refused(PF_ERR_SCHEMA_MISMATCH, "\"id\": row 2");

  static const char bad_text[] = "a\xC3zxyz"; /* a lead byte without its second */
  slices[1].values = bad_text;
  refused(PF_ERR_BAD_UTF8, "\"text\": row 2");
  static const int32_t splitting[] = {0, 1, 2, 3, 6}; /* inside the two bytes of é */
  slices[1].offsets = splitting;
  refused(PF_ERR_BAD_UTF8, "\"text\": row 1");

  int64_t too_late[ROWS] = {0, 1, INT64_MAX / 1000 + 1, 3};
  slices[2].values = too_late;
  refused(PF_ERR_INVALID_ARGUMENT, "\"when\": row 2");
  too_late[2] = INT64_MIN;
  slices[2].values = too_late;
  refused(PF_ERR_INVALID_ARGUMENT, "-9223372036854775808");
}

/* Under a null both would be fine. */
static void values_under_a_null(expected *to) {
  static const uint8_t row_2_null = 0x0B;
  static const char bad_text[] = "a\xC3zxyz";
  const int64_t too_late[ROWS] = {-1, 0, INT64_MIN, 1700000000};
  slices[1].values = bad_text;
  slices[1].validity = slices[2].validity = &row_2_null;
  slices[2].values = too_late;
  CHECK_OK(pf_append_row_chunk(writer, &chunk, &err));
  start_again();
  for (int row = 0; row < ROWS; row++) {
    expect_value(to, &ids[row], sizeof ids[row]);
    expect_value(to, row == 2 ? NULL : text + offsets[row], (size_t)(offsets[row + 1] - offsets[row]));
    expect_value(to, row == 2 ? NULL : &times[row], sizeof times[row]);
  }
}

static void handles(void) {
  pf_schema *other = NULL;
  pf_writer *freed = NULL;
  int on_the_stack = 0;
  CHECK_OK(pf_schema_new(fields, COLUMNS, sizeof *fields, &other, &err));
  CHECK_OK(pf_writer_open(path_of("freed.parquet"), other, NULL, &freed, &err));
  pf_writer_free(freed);
  pf_writer *const stale[] = {freed, (pf_writer *)other, (pf_writer *)(void *)&on_the_stack,
                              (pf_writer *)(uintptr_t)1, (pf_writer *)UINTPTR_MAX};
  for (size_t i = 0; i < sizeof stale / sizeof *stale; i++) {
    pf_part part = PF_PART_INIT;
    CHECK_STATUS(pf_append_row_chunk(stale[i], &chunk, &err), PF_ERR_STALE_HANDLE);
    CHECK_SAYS("writer");
    CHECK_STATUS(pf_flush(stale[i], &err), PF_ERR_STALE_HANDLE);
    CHECK_STATUS(pf_close(stale[i], &part, &err), PF_ERR_STALE_HANDLE);
    CHECK(part.rows == 0 && part.path == NULL);
    pf_writer_free(stale[i]);
  }
  CHECK_INVALID(pf_flush(NULL, &err));
  CHECK_INVALID(pf_close(NULL, NULL, &err));
  pf_writer_free(NULL);
  pf_schema_free(other); /* was not freed as a writer */
  CHECK_STATUS(pf_writer_open(path_of("freed.parquet"), other, NULL, &freed, &err), PF_ERR_STALE_HANDLE);
  accepted();
}

static void open_arguments(void) {
  pf_writer *none = NULL;
  const char *here = path_of("refused.parquet");
  static char longest[65538];
  memset(longest, 'x', 65537);
  CHECK_INVALID(pf_writer_open(NULL, schema, NULL, &none, &err));
  CHECK_SAYS("path is NULL");
  CHECK_INVALID(pf_writer_open("", schema, NULL, &none, &err));
  CHECK_INVALID(pf_writer_open("..", schema, NULL, &none, &err));
  CHECK_INVALID(pf_writer_open("/", schema, NULL, &none, &err));
  CHECK_INVALID(pf_writer_open(longest, schema, NULL, &none, &err));
  CHECK_INVALID(pf_writer_open(here, NULL, NULL, &none, &err));
  CHECK_INVALID(pf_writer_open(here, schema, NULL, NULL, &err));
  CHECK_STATUS(pf_writer_open(here, (pf_schema *)writer, NULL, &none, &err), PF_ERR_STALE_HANDLE);
  CHECK(none == NULL);
  CHECK_NO_FILE(here);
}

static void bad_options(pf_writer_options options, pf_status status, const char *says) {
  pf_writer *none = NULL;
  const char *here = path_of("refused.parquet");
  CHECK_STATUS(pf_writer_open(here, schema, &options, &none, &err), status);
  CHECK_SAYS(says);
  CHECK(none == NULL);
  CHECK_NO_FILE(here);
}

static void open_options(void) {
  const pf_writer_options start = PF_WRITER_OPTIONS_INIT;
#define SPOILT(change, says)                       \
  do {                                             \
    pf_writer_options o = start;                   \
    change;                                        \
    bad_options(o, PF_ERR_INVALID_ARGUMENT, says); \
  } while (0)
  SPOILT(o.codec = 3, "codec is 3"); /* LZO, which Parquet has and libflow has not */
  SPOILT(o.codec = -1, "codec is -1");
  SPOILT(o.codec_level = 0, "codec_level 0");
  SPOILT(o.codec_level = 23, "codec_level 23");
  SPOILT(o.codec_level = -131073, "codec_level -131073");
  SPOILT((o.codec = PF_CODEC_GZIP, o.codec_level = 10), "codec_level 10");
  SPOILT((o.codec = PF_CODEC_GZIP, o.codec_level = -1), "codec_level -1");
  SPOILT((o.codec = PF_CODEC_SNAPPY, o.codec_level = 1), "no levels");
  SPOILT((o.codec = PF_CODEC_UNCOMPRESSED, o.codec_level = 0), "no levels");
  SPOILT((o.codec = PF_CODEC_LZ4, o.codec_level = 1), "no levels");
  SPOILT((o.codec = PF_CODEC_LZ4_RAW, o.codec_level = 1), "no levels");
  SPOILT(o.sync = 2, "sync is 2");
  SPOILT(o.sync = -1, "sync is -1");
  SPOILT(o.sync_ms = 86400001, "sync_ms is 86400001");
  SPOILT(o.sync_ms = UINT64_MAX, "more than a day");
  SPOILT(o.journal = 2, "journal is 2");
  SPOILT(o.reserved = 1, "reserved is 1");
  SPOILT(o.if_exists = -1, "if_exists is -1");
  SPOILT(o.page_version = 3, "page_version is 3");
  SPOILT(o.window_bytes = ((uint64_t)1 << 30) + 1, "1073741825");
  SPOILT(o.window_bytes = UINT64_MAX, "window_bytes");
  SPOILT(o.struct_size = 0, "struct_size 0");
  SPOILT(o.struct_size = 48, "struct_size 48"); /* the first release had 56 bytes */
  SPOILT(o.struct_size = UINT32_MAX, "struct_size 4294967295");

  struct {
    pf_writer_options known;
    uint64_t later;
  } newer = {PF_WRITER_OPTIONS_INIT, 1};
  newer.known.struct_size = sizeof newer;
  pf_writer *longer = NULL;
  const char *here = path_of("refused.parquet");
  CHECK_STATUS(pf_writer_open(here, schema, &newer.known, &longer, &err), PF_ERR_UNSUPPORTED);
  newer.later = 0;
  CHECK_OK(pf_writer_open(here, schema, &newer.known, &longer, &err));
  pf_writer_free(longer);
  CHECK_NO_FILE(here);
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  path = path_of("good_chunks_only.parquet");
  start_again();
  CHECK_OK(pf_schema_new(fields, COLUMNS, sizeof *fields, &schema, &err));
  CHECK_OK(pf_writer_open(path, schema, NULL, &writer, &err));
  char kept[1024];
  strcpy(kept, path); /* the ring of paths comes round */
  path = kept;
  expected to = expect_begin(path, fields, COLUMNS, 1, false, false);
  values_under_a_null(&to);
  chunks();
  longer_structs();
  lengths_and_sizes();
  layouts();
  text_offsets();
  values();
  handles();
  open_arguments();
  open_options();

  pf_part part = PF_PART_INIT;
  CHECK_OK(pf_close(writer, &part, &err));
  CHECK(part.rows == (good_chunks + 1) * ROWS);
  for (uint64_t i = 0; i < good_chunks; i++)
    for (int row = 0; row < ROWS; row++) {
      expect_value(&to, &ids[row], sizeof ids[row]);
      expect_value(&to, text + offsets[row], (size_t)(offsets[row + 1] - offsets[row]));
      expect_value(&to, &times[row], sizeof times[row]);
    }
  expect_end(&to);
  pf_writer_free(writer);
  pf_schema_free(schema);
  return test_end();
}
