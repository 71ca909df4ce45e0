/* Every way to get a column slice wrong: refused with the column, the value and the cure, by both appends;
 * the same writer then takes a good chunk, and the part holds just the good ones. */
#include <string.h>

#include "check.h"
#include "expected.h"

enum { ID, TEXT, REAL, WHEN, FLAG, DAY, MONEY, COLUMNS, ROWS = 4 };
static const pf_field fields[COLUMNS] = {
    {"id", PF_TYPE_INT32, PF_FIELD_REQUIRED, 0, 0, NULL},
    {"text", PF_TYPE_UTF8, PF_FIELD_NULLABLE, 0, 0, NULL},
    {"real", PF_TYPE_FLOAT64, PF_FIELD_NULLABLE, 0, 0, NULL},
    {"when", PF_TYPE_TIMESTAMP_NS, PF_FIELD_NULLABLE, 0, 0, NULL},
    {"flag", PF_TYPE_BOOL, PF_FIELD_NULLABLE, 0, 0, NULL},
    {"day", PF_TYPE_DATE32, PF_FIELD_NULLABLE, 0, 0, NULL},
    {"money", PF_TYPE_DECIMAL128, PF_FIELD_NULLABLE, 38, 2, NULL},
};

static pf_writer *writer;
static expected to;
static uint64_t good_chunks;

/* A good chunk, for each test to spoil. */
static const int32_t ids[ROWS] = {1, 2, 3, 4};
static const char bytes[] = "onetwothree!";
static const int32_t offsets[ROWS + 1] = {0, 3, 6, 11, 12};
static const double reals[ROWS] = {0.5, -1, 2, 1e300};
static const int64_t times[ROWS] = {-1, 0, 1, 1700000000000000000};
static const uint8_t flags[ROWS] = {0, 1, 1, 0};
static const int32_t days[ROWS] = {-1, 0, 1, 20000};
static const int64_t money[2 * ROWS] = {1, 0, 2, 0, -3, -1, 4, 0};
static pf_column_slice slices[COLUMNS];

/* What slices point to when they are spoilt; long enough for every length below. */
static const int64_t zeros[64];
static const pf_column_slice three_ids = PF_VALUES(ids, 3, NULL);
static const pf_column_slice three_texts = PF_OFFSETS(bytes, 11, offsets, 3, NULL);

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

/* Appends what is there; the part then holds the good values, but `texts` (NULL: null) in that column. */
static void accepted_texts(const char *const *texts) {
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

static void refused(pf_status status, const char *says) {
  const pf_row_chunk chunk = PF_ROW_CHUNK(slices, COLUMNS);
  CHECK_STATUS(pf_try_append_row_chunk(writer, &chunk, &err), status);
  CHECK_SAYS(says);
  CHECK_STATUS(pf_append_row_chunk(writer, &chunk, &err), status);
  CHECK_SAYS(says);
  start_again();
  accepted_texts(NULL);
}

/* Spoils slice `s` of a column, which is then refused. */
#define REFUSED_AS(status, column, change, says)  \
  do {                                            \
    pf_column_slice *const s = &slices[(column)]; \
    change;                                       \
    refused((status), (says));                    \
  } while (0)
#define REFUSED(column, change, says) REFUSED_AS(PF_ERR_INVALID_ARGUMENT, column, change, says)

static void unknown_numbers(void) {
  for (int column = 0; column < COLUMNS; column++) {
    REFUSED(column, s->layout = 8, "layout is 8");
    REFUSED(column, s->layout = -1, "layout is -1");
    REFUSED(column, s->layout = INT32_MIN, "layout is -2147483648");
    REFUSED(column, s->validity_kind = 4, "validity_kind is 4");
    REFUSED(column, s->validity_kind = -1, "validity_kind is -1");
    REFUSED(column, (s->sel_kind = 3, s->sel = ids, s->sel_length = ROWS), "sel_kind is 3");
    REFUSED(column, (s->sel_kind = -1, s->sel = ids, s->sel_length = ROWS), "sel_kind is -1");
    REFUSED(column, s->sel_base = 2, "sel_base is 2");
    REFUSED(column, s->sel_base = UINT32_MAX, "sel_base is 4294967295");
  }
  const uint32_t widths[] = {0, 3, 5, 16, UINT32_MAX};
  for (size_t i = 0; i < 5; i++)
    REFUSED(ID,
            (s->layout = PF_LAYOUT_DICTIONARY, s->dictionary = &three_ids, s->values = zeros,
             s->index_width = widths[i]),
            "slices[0].index_width is");
}

/* Each index beyond the source, in each kind of column; position and value are named. */
static void selections(void) {
  static const struct {
    int64_t index;
    const char *says;
  } bad[] = {
      {-1, "sel[2] is -1,"},
      {-2, "sel[2] is -2,"},
      {5, "sel[2] is 5,"},
      {INT32_MAX, "sel[2] is 2147483647,"},
      {INT32_MIN, "sel[2] is -2147483648,"},
      {INT64_MAX, "sel[2] is 9223372036854775807,"},
      {INT64_MIN, "sel[2] is -9223372036854775808,"},
      {INT64_MIN + 1, "sel[2] is -9223372036854775807,"},
      {(int64_t)1 << 32, "sel[2] is 4294967296,"}, /* not cut to 0 */
  };
  static const char *const names[] = {"\"id\"",   "\"text\"", "\"real\"", "\"when\"",
                                      "\"flag\"", "\"day\"",  "\"money\""};
  for (int column = 0; column < COLUMNS; column++)
    for (uint32_t base = 0; base <= 1; base++)
      for (size_t i = 0; i < sizeof bad / sizeof *bad + 1; i++) {
        const bool edge = i == sizeof bad / sizeof *bad; /* 4 counted from 0, 0 counted from 1 */
        const int64_t index = edge ? (base == 0 ? ROWS : 0) : bad[i].index;
        const char *says = edge ? (base == 0 ? "sel[2] is 4," : "sel[2] is 0,") : bad[i].says;
        const int64_t sel64[ROWS] = {1, 2, index, 3};
        const int32_t sel32[ROWS] = {1, 2, (int32_t)index, 3};
        pf_column_slice *s = &slices[column];
        s->sel_length = ROWS;
        s->sel_base = base;
        if (index == (int32_t)index) {
          s->sel_kind = PF_SEL_INT32;
          s->sel = sel32;
          const pf_column_slice kept = *s;
          refused(PF_ERR_INVALID_ARGUMENT, says);
          slices[column] = kept;
        }
        s->sel_kind = PF_SEL_INT64;
        s->sel = sel64;
        const pf_column_slice kept = *s;
        refused(PF_ERR_INVALID_ARGUMENT, says);
        slices[column] = kept;
        refused(PF_ERR_INVALID_ARGUMENT, names[column]);
      }
  REFUSED(REAL, (s->length = 0, s->sel_kind = PF_SEL_INT64, s->sel = zeros, s->sel_length = ROWS),
          "sel[0] is 0, but the source has 0");
  REFUSED(REAL, s->sel = zeros, "slices[2].sel is not NULL, but sel_kind is PF_SEL_NONE");
  REFUSED(REAL, (s->sel_kind = PF_SEL_INT32, s->sel_length = ROWS), "slices[2].sel is NULL");
  REFUSED(TEXT, (s->sel_kind = PF_SEL_INT64, s->sel_length = ROWS), "slices[1].sel is NULL");
  REFUSED_AS(PF_ERR_SCHEMA_MISMATCH, TEXT,
             (s->sel_kind = PF_SEL_INT64, s->sel = zeros, s->sel_length = ROWS - 1), "slices[1] has 3 rows");
  const uint64_t huge[] = {((uint64_t)1 << 48) + 1, (uint64_t)1 << 61, UINT64_MAX};
  for (size_t i = 0; i < 3; i++) {
    for (int column = 0; column < COLUMNS; column++) {
      slices[column].sel_kind = PF_SEL_INT64;
      slices[column].sel = zeros;
      slices[column].sel_length = huge[i];
    }
    refused(PF_ERR_INVALID_ARGUMENT, "slices[0].sel_length");
  }
}

static void strides(void) {
  REFUSED(ID, s->stride = 3, "\"id\": the stride 3");
  REFUSED(ID, s->stride = 8, "do not fit the 16 bytes");
  REFUSED(ID, (s->stride = 4, s->values_size = 15), "do not fit the 15 bytes");
  REFUSED(ID, s->stride = UINT64_MAX, "do not fit");
  REFUSED(ID, s->stride = UINT64_MAX / 3 + 1, "do not fit"); /* three strides are 2 */
  REFUSED(ID, s->stride = (uint64_t)1 << 63, "do not fit");
  REFUSED(REAL, s->stride = 7, "\"real\": the stride 7");
  REFUSED(MONEY, s->stride = 15, "\"money\": the stride 15");
  REFUSED(FLAG, s->stride = 2, "do not fit the 4 bytes");
  REFUSED(DAY, (s->layout = PF_LAYOUT_RATA_DIE, s->values = zeros, s->values_size = 32, s->stride = 7),
          "\"day\": the stride 7");
  REFUSED(DAY, (s->layout = PF_LAYOUT_RATA_DIE, s->values = zeros, s->values_size = 31), "do not fit the 31");
  REFUSED(TEXT, s->stride = 4, "slices[1].stride is 4, but layout 1 has none");
  for (int32_t layout = PF_LAYOUT_OFFSETS64; layout <= PF_LAYOUT_DICTIONARY; layout++)
    REFUSED(TEXT,
            (s->layout = layout, s->stride = 16, s->values = zeros,
             s->dictionary = layout == 6 ? &three_texts : NULL, s->index_width = 1,
             s->offsets = layout <= PF_LAYOUT_POINTERS ? (const void *)zeros : NULL),
            "slices[1].stride is 16");
}

static void extents(void) {
  for (int column = 0; column < COLUMNS; column++) {
    REFUSED(column, s->values_size = UINT64_MAX, "18446744073709551615");
    REFUSED(column, s->values = NULL, ".values is NULL");
    if (column != TEXT) REFUSED(column, s->values_size--, "do not fit");
  }
  static const uint8_t bits[2] = {0xFF, 0xFF};
#define BITS s->layout = PF_LAYOUT_BITS, s->values = bits
  REFUSED(FLAG, (BITS, s->values_size = 0), "4 bits from bit 0");
  REFUSED(FLAG, (BITS, s->values_size = 1, s->values_offset = 5), "4 bits from bit 5 do not fit the 1 bytes");
  REFUSED(FLAG, (BITS, s->values_size = 2, s->values_offset = UINT64_MAX), "bits from bit");
  REFUSED(FLAG, (BITS, s->values_size = 2, s->values_offset = UINT64_MAX - 3), "bits from bit");
  REFUSED(FLAG, (BITS, s->values_size = 2, s->values_offset = (uint64_t)1 << 63), "bits from bit");
  for (uint64_t shift = 48; shift < 64; shift++) { /* 2^48 elements are the most that is believed */
    for (int column = 0; column < COLUMNS; column++) slices[column].length = (uint64_t)1 << shift;
    refused(PF_ERR_INVALID_ARGUMENT, shift == 48 ? "do not fit" : "slices[0].length is");
  }
  for (int column = 0; column < COLUMNS; column++) slices[column].length = UINT64_MAX;
  refused(PF_ERR_INVALID_ARGUMENT, "slices[0].length is 18446744073709551615");
}

static void offsets64(void) {
  static const struct {
    int64_t offsets[ROWS + 1];
    const char *says;
  } bad[] = {
      {{0, 3, 6, 11, INT64_MAX}, "\"text\": offset 4 is 9223372036854775807, past the 12 bytes"},
      {{0, 3, 6, 11, 13}, "offset 4 is 13, past the 12 bytes"},
      {{0, 3, 6, 11, 12 + ((int64_t)1 << 32)}, "offset 4 is 4294967308"}, /* not cut to 12 */
      {{0, 3, 2, 11, 12}, "offset 2 is 2, less than 3"},
      {{0, INT64_MIN, 6, 11, 12}, "offset 1 is -9223372036854775808"},
      {{-1, 3, 6, 11, 12}, "offset 0 is -1"},
      {{INT64_MIN, 3, 6, 11, 12}, "offset 0 is -9223372036854775808"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    REFUSED(TEXT, (s->layout = PF_LAYOUT_OFFSETS64, s->offsets = bad[i].offsets), bad[i].says);
  REFUSED(TEXT, (s->layout = PF_LAYOUT_OFFSETS64, s->offsets = NULL), "slices[1].offsets is NULL");
  /* A size that is not true, but refused before a byte is read. */
  static const int64_t long_text[ROWS + 1] = {0, 3, 6, 11, (int64_t)1 << 31 | 11};
  REFUSED(TEXT, (s->layout = PF_LAYOUT_OFFSETS64, s->offsets = long_text, s->values_size = (uint64_t)1 << 32),
          "element 3 has 2147483648 bytes");
}

static void pointers(void) {
  const char *const texts[ROWS] = {"one", NULL, "three", "!"};
  int64_t lengths[ROWS] = {3, 0, 5, 1};
  const char *const read[ROWS] = {"one", "", "three", "!"};
#define POINTERS \
  s->layout = PF_LAYOUT_POINTERS, s->values = texts, s->values_size = sizeof texts, s->offsets = lengths
  pf_column_slice *const s = &slices[TEXT];
  POINTERS;
  accepted_texts(read);
  REFUSED(TEXT, (POINTERS, s->offsets = NULL), "slices[1].offsets is NULL");
  REFUSED(TEXT, (POINTERS, s->values_size--), "3 pointers given for 4");
  REFUSED(TEXT, (POINTERS, s->values = NULL), "slices[1].values is NULL");
  REFUSED(TEXT, (POINTERS, lengths[1] = 1), "pointer 1 is NULL, but its length 1");
  REFUSED(TEXT, (POINTERS, lengths[1] = INT64_MAX), "pointer 1 is NULL");
  lengths[1] = 0;
  REFUSED(TEXT, (POINTERS, lengths[2] = -1), "length 2 is -1");
  REFUSED(TEXT, (POINTERS, lengths[2] = INT64_MIN), "length 2 is -9223372036854775808");
  REFUSED(TEXT, (POINTERS, lengths[2] = INT64_MAX), "element 2 has 9223372036854775807 bytes");
  /* Not selected: nobody looks. */
  const int32_t sel[ROWS] = {3, 1, 0, 1};
  const char *const selected[ROWS] = {"!", "", "one", ""};
  POINTERS;
  s->sel_kind = PF_SEL_INT32;
  s->sel = sel;
  s->sel_length = ROWS;
  accepted_texts(selected);
}

typedef struct view {
  int32_t length;
  union {
    char text[12];
    struct {
      char prefix[4];
      int32_t buffer, offset;
    } at;
  } is;
} view;

static void views(void) {
  static const char text[] = "a text of twenty-one.";
  const void *buffers[2] = {"", text};
  int64_t sizes[2] = {0, 21};
  view good[ROWS];
  memset(good, 0, sizeof good);
  good[0].length = 3;
  memcpy(good[0].is.text, "one", 3);
  good[2].length = 21;
  good[2].is.at.buffer = 1;
  good[3].length = 13;
  good[3].is.at.buffer = 1;
  good[3].is.at.offset = 8;
  const char *const read[ROWS] = {"one", "", text, "f twenty-one."};
  view given[ROWS];
#define VIEWS                                                                                               \
  memcpy(given, good, sizeof good), s->layout = PF_LAYOUT_VIEWS, s->values = given,                         \
                                    s->values_size = sizeof given, s->offsets = NULL, s->buffers = buffers, \
                                    s->buffer_sizes = sizes, s->buffer_count = 2
  pf_column_slice *const s = &slices[TEXT];
  VIEWS;
  accepted_texts(read);
  REFUSED(TEXT, (VIEWS, s->values_size--), "do not fit the 63 bytes of views");
  REFUSED(TEXT, (VIEWS, s->buffers = NULL), "slices[1].buffers is NULL");
  REFUSED(TEXT, (VIEWS, s->buffer_sizes = NULL), "slices[1].buffer_sizes is NULL");
  REFUSED(TEXT, (VIEWS, s->buffer_count = 1), "of buffer 1, which are not there");
  REFUSED(TEXT, (VIEWS, s->buffer_count = 0), "which are not there");
  REFUSED(TEXT, (VIEWS, given[3].is.at.offset = 9), "view 3 says 13 bytes at 9 of buffer 1");
  REFUSED(TEXT, (VIEWS, given[3].is.at.offset = -1), "view 3 says 13 bytes at -1");
  REFUSED(TEXT, (VIEWS, given[3].is.at.offset = INT32_MAX), "view 3 says 13 bytes at 2147483647");
  REFUSED(TEXT, (VIEWS, given[3].is.at.offset = INT32_MIN), "view 3 says 13 bytes at -2147483648");
  REFUSED(TEXT, (VIEWS, given[3].is.at.buffer = 2), "of buffer 2");
  REFUSED(TEXT, (VIEWS, given[3].is.at.buffer = 0), "of buffer 0");
  REFUSED(TEXT, (VIEWS, given[3].is.at.buffer = -1), "of buffer -1");
  REFUSED(TEXT, (VIEWS, given[3].is.at.buffer = INT32_MIN), "of buffer -2147483648");
  REFUSED(TEXT, (VIEWS, given[3].length = INT32_MAX), "view 3 says 2147483647 bytes");
  REFUSED(TEXT, (VIEWS, given[3].length = -1), "view 3 says -1 bytes");
  REFUSED(TEXT, (VIEWS, given[0].length = INT32_MIN), "view 0 says -2147483648 bytes");
  REFUSED(TEXT, (VIEWS, sizes[1] = -1), "which are not there");
  REFUSED(TEXT, (VIEWS, sizes[1] = INT64_MIN), "which are not there");
  sizes[1] = 21;
  REFUSED(TEXT, (VIEWS, buffers[1] = NULL), "view 2 says 21 bytes");
}

static void dictionaries(void) {
  static const int8_t narrow[ROWS] = {0, 1, 2, 0};
  pf_column_slice d = three_texts, nested = three_texts;
  const char *const read[ROWS] = {"one", "two", "three", "one"};
#define DICTIONARY                                                                              \
  d = three_texts, s->layout = PF_LAYOUT_DICTIONARY, s->values = narrow, s->values_size = ROWS, \
  s->offsets = NULL, s->dictionary = &d, s->index_width = 1
  pf_column_slice *const s = &slices[TEXT];
  DICTIONARY;
  accepted_texts(read);
  REFUSED(TEXT, (DICTIONARY, s->dictionary = NULL), "slices[1].dictionary is NULL");
  REFUSED(TEXT, (DICTIONARY, s->layout = PF_LAYOUT_VALUES), "slices[1].dictionary is not NULL");
  REFUSED(ID, s->dictionary = &three_ids, "slices[0].dictionary is not NULL");
  REFUSED(TEXT, (DICTIONARY, s->values_size--), "do not fit the 3 bytes of indices");
  REFUSED(TEXT, (DICTIONARY, s->index_width = 2), "do not fit the 4 bytes of indices");
  REFUSED(TEXT, (DICTIONARY, d.layout = PF_LAYOUT_DICTIONARY, d.dictionary = &nested, d.index_width = 1),
          "slices[1].dictionary is a dictionary itself");
  REFUSED(TEXT, (DICTIONARY, d.sel_kind = PF_SEL_INT64, d.sel = zeros, d.sel_length = 3),
          "without selection");
  REFUSED(TEXT, (DICTIONARY, d.sel = zeros), "sel is not NULL");
  REFUSED(TEXT, (DICTIONARY, d.validity = flags), "all valid");
  REFUSED(TEXT, (DICTIONARY, d.validity = flags, d.validity_kind = PF_VALIDITY_BYTES), "all valid");
  REFUSED(TEXT, (DICTIONARY, d.validity_kind = PF_VALIDITY_SENTINEL), "all valid");
  REFUSED(TEXT, (DICTIONARY, d.validity_kind = PF_VALIDITY_NAN), "all valid");
  REFUSED(TEXT, (DICTIONARY, d.validity_kind = 9), "validity_kind is 9");
  REFUSED(TEXT, (DICTIONARY, d.layout = 9), "layout is 9");
  REFUSED(TEXT, (DICTIONARY, d.offsets = NULL), "offsets is NULL");
  REFUSED(TEXT, (DICTIONARY, d.values_size = 10), "offset 3 is 11, past the 10 bytes");
  REFUSED(TEXT, (DICTIONARY, d.values_size = UINT64_MAX), "18446744073709551615");
  REFUSED(TEXT, (DICTIONARY, d.length = UINT64_MAX), "length is 18446744073709551615");
  REFUSED(TEXT, (DICTIONARY, d.length = 0), "dictionary index 0 is 0, but there are 0 values");
  REFUSED_AS(PF_ERR_BAD_UTF8, TEXT, (DICTIONARY, d.values = "one\xFFwothree!"), "\"text\"");
  REFUSED_AS(PF_ERR_TYPE_MISMATCH, TEXT, (DICTIONARY, d = three_ids), "cannot carry");
  uint64_t memory[32];
  void *misaligned = (char *)memory + 4;
  memcpy(misaligned, &three_texts, sizeof three_texts);
  REFUSED(TEXT, (DICTIONARY, s->dictionary = misaligned), "aligned");
}

/* Every width of index: out of range is named; under a null anything may be. */
static void dictionary_indices(void) {
  static const struct {
    int64_t index;
    const char *says;
  } bad[] = {
      {3, "\"id\": dictionary index 2 is 3, but there are 3 values"},
      {-1, "dictionary index 2 is -1,"},
      {INT8_MIN, "dictionary index 2 is -128,"},
      {INT16_MAX, "dictionary index 2 is 32767,"},
      {256, "dictionary index 2 is 256,"}, /* not cut to 0 */
      {INT32_MIN, "dictionary index 2 is -2147483648,"},
      {65536, "dictionary index 2 is 65536,"},
      {INT64_MAX, "dictionary index 2 is 9223372036854775807,"},
      {(int64_t)1 << 32, "dictionary index 2 is 4294967296,"},
  };
  static const int32_t sel[ROWS] = {0, 1, 2, 3};
  for (uint32_t width = 1; width <= 8; width *= 2)
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
      if (width < 8 && bad[i].index >> (8 * width - 1) != 0 && bad[i].index >> (8 * width - 1) != -1)
        continue;
      unsigned char indices[8 * ROWS] = {0};
      memcpy(indices + 2 * width, &bad[i].index, width); /* little-endian */
#define INDICES                                                                                   \
  s->layout = PF_LAYOUT_DICTIONARY, s->values = indices, s->values_size = (uint64_t)ROWS * width, \
  s->offsets = NULL, s->index_width = width
      REFUSED(ID, (INDICES, s->dictionary = &three_ids), bad[i].says);
      REFUSED(ID,
              (INDICES, s->dictionary = &three_ids, s->sel_kind = PF_SEL_INT32, s->sel = sel,
               s->sel_length = ROWS),
              bad[i].says);
      REFUSED(TEXT, (INDICES, s->dictionary = &three_texts), bad[i].says + (i == 0 ? 6 : 0));
      static const uint8_t third_is_null = 0x0B;
      const char *const read[ROWS] = {"one", "one", NULL, "one"};
      pf_column_slice *const s = &slices[TEXT];
      INDICES;
      s->dictionary = &three_texts;
      s->validity = &third_is_null;
      accepted_texts(read);
    }
}

static void validities(void) {
  static const uint8_t bits = 0x0F, third_is_null = 0x0B, bytes_of_it[ROWS] = {1, 2, 0, 255};
  for (int32_t kind = PF_VALIDITY_SENTINEL; kind <= PF_VALIDITY_NAN; kind++)
    REFUSED(REAL, (s->validity_kind = kind, s->validity = &bits), "slices[2].validity is not NULL");
  REFUSED(REAL, (s->validity = &bits, s->validity_offset = UINT64_MAX), "slices[2].validity_offset");
  REFUSED(REAL, (s->validity = &bits, s->validity_offset = UINT64_MAX - 3), "slices[2].validity_offset");
  REFUSED_AS(PF_ERR_UNSUPPORTED, TEXT, s->validity_kind = PF_VALIDITY_SENTINEL, "\"text\": a sentinel");
  REFUSED_AS(PF_ERR_UNSUPPORTED, MONEY, s->validity_kind = PF_VALIDITY_SENTINEL, "\"money\": a sentinel");
  REFUSED_AS(PF_ERR_UNSUPPORTED, FLAG,
             (s->layout = PF_LAYOUT_BITS, s->values = &bits, s->validity_kind = PF_VALIDITY_SENTINEL),
             "use a validity bitmap");
  static const int without_nan[] = {ID, TEXT, WHEN, FLAG, DAY, MONEY};
  for (size_t i = 0; i < 6; i++)
    REFUSED_AS(PF_ERR_TYPE_MISMATCH, without_nan[i], s->validity_kind = PF_VALIDITY_NAN, "has no NaN");

  /* A required column: the row is named, not the source element. */
  static const int32_t sel[ROWS] = {3, 2, 1, 0};
#define THROUGH s->sel_kind = PF_SEL_INT32, s->sel = sel, s->sel_length = ROWS
#define NULL_AT(change, says) REFUSED_AS(PF_ERR_SCHEMA_MISMATCH, ID, change, says)
  NULL_AT(s->validity = &third_is_null, "\"id\": row 2 is null");
  NULL_AT((s->validity = &third_is_null, THROUGH), "\"id\": row 1 is null");
  NULL_AT((s->validity = bytes_of_it, s->validity_kind = PF_VALIDITY_BYTES), "\"id\": row 2 is null");
  NULL_AT((s->validity = bytes_of_it, s->validity_kind = PF_VALIDITY_BYTES, THROUGH), "row 1 is null");
  NULL_AT((s->validity_kind = PF_VALIDITY_SENTINEL, s->null_value = 4), "row 3 is null");
  NULL_AT((s->validity_kind = PF_VALIDITY_SENTINEL, s->null_value = 4, THROUGH), "row 0 is null");
}

static void rata_die(void) {
  static const int not_dates[] = {ID, TEXT, REAL, FLAG, MONEY};
  for (size_t i = 0; i < 5; i++)
    REFUSED_AS(PF_ERR_TYPE_MISMATCH, not_dates[i],
               (s->layout = PF_LAYOUT_RATA_DIE, s->values = zeros, s->values_size = 64, s->offsets = NULL),
               "layout Rata Die cannot carry");
  int64_t when[ROWS]; /* 1970-01-01 */
  const int32_t sel[ROWS] = {0, 2, 1, 3};
  static const struct {
    int column;
    int64_t epoch, bad;
    const char *says;
  } bad[] = {
      {DAY, 719163, INT64_MAX, "\"day\": row 2 is 9223372036854775807 d, out of range"},
      {DAY, 719163, INT64_MIN, "row 2 is -9223372036854775808 d"},
      {DAY, 719163, 719163 + (int64_t)INT32_MAX + 1, "row 2 is 2148202811 d"},
      {DAY, 719163, 719163 + (int64_t)INT32_MIN - 1, "row 2 is -2146764486 d"},
      {WHEN, 62135683200000, 0, "\"when\": row 2 is 0 ms, out of range"}, /* no nanoseconds so early */
      {WHEN, 62135683200000, INT64_MAX, "row 2 is 9223372036854775807 ms"},
      {WHEN, 62135683200000, INT64_MIN, "row 2 is -9223372036854775808 ms"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    for (int row = 0; row < ROWS; row++) when[row] = row == 2 ? bad[i].bad : bad[i].epoch;
#define RATA_DIE s->layout = PF_LAYOUT_RATA_DIE, s->values = when, s->values_size = sizeof when
    REFUSED(bad[i].column, (RATA_DIE), bad[i].says);
    REFUSED(bad[i].column, (RATA_DIE, s->sel_kind = PF_SEL_INT32, s->sel = sel, s->sel_length = ROWS),
            "row 1 is ");
  }
  const pf_column_slice d = {
      when, sizeof when, ROWS, PF_LAYOUT_RATA_DIE, 0, NULL, NULL, 0, 0, NULL, 0, 0, 0, 0, 0, NULL, NULL,
      NULL, 0,           0};
  REFUSED(DAY,
          (s->layout = PF_LAYOUT_DICTIONARY, s->values = zeros, s->values_size = 4, s->index_width = 1,
           s->dictionary = &d),
          "plain");
}

/* Text that is not UTF-8 in each layout: an error that names the row, but fine where no row shows it. */
static void bad_text(void) {
  static const char text[] = "onetwo\xF0\x9F!three-and-more-letters";
  static const int32_t offsets32[] = {0, 3, 6, 9, 31};
  static const int64_t offsets64[] = {0, 3, 6, 9, 31}, lengths[] = {3, 3, 3, 22};
  const char *const texts[] = {text, text + 3, text + 6, text + 9};
  const void *const buffers[] = {text};
  const int64_t sizes[] = {31};
  view short_views[ROWS], long_views[ROWS];
  memset(short_views, 0, sizeof short_views);
  memset(long_views, 0, sizeof long_views);
  for (int i = 0; i < ROWS; i++) {
    short_views[i].length = (int32_t)lengths[i];
    if (i < 3) memcpy(short_views[i].is.text, texts[i], 3);
    if (i == 3) short_views[i].is.at.offset = 9;
  }
  /* The bad one among those that lie in a buffer. */
  memcpy(long_views, short_views, sizeof long_views);
  long_views[2].length = 25;
  long_views[2].is.at.buffer = 0;
  long_views[2].is.at.offset = 6;
  const pf_column_slice layouts[] = {
      PF_OFFSETS(text, 31, offsets32, ROWS, NULL),
      PF_SLICE(text, 31, ROWS, PF_LAYOUT_OFFSETS64, offsets64, NULL),
      PF_POINTERS(texts, lengths, ROWS, NULL),
      PF_SLICE(short_views, sizeof short_views, ROWS, PF_LAYOUT_VIEWS, NULL, NULL),
      PF_SLICE(long_views, sizeof long_views, ROWS, PF_LAYOUT_VIEWS, NULL, NULL),
  };
  static const uint8_t third_is_null = 0x0B;
  static const int64_t shown[ROWS] = {3, 4, 2, 1}, hidden[ROWS] = {4, 1, 4, 2};
  static const char *const null_third[ROWS] = {"one", "two", NULL, "three-and-more-letters"};
  static const char *const unshown[ROWS] = {"three-and-more-letters", "one", "three-and-more-letters", "two"};
  for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
    pf_column_slice slice = layouts[i];
    slice.buffers = buffers;
    slice.buffer_sizes = sizes;
    slice.buffer_count = 1;
    if (slice.layout != PF_LAYOUT_VIEWS)
      slice.buffers = NULL, slice.buffer_sizes = NULL, slice.buffer_count = 0;
    REFUSED_AS(PF_ERR_BAD_UTF8, TEXT, *s = slice, "\"text\": row 2 is not valid UTF-8");
    slice.sel_kind = PF_SEL_INT64;
    slice.sel_base = 1;
    slice.sel_length = ROWS;
    slice.sel = shown;
    REFUSED_AS(PF_ERR_BAD_UTF8, TEXT, *s = slice, "\"text\": row 0 is not valid UTF-8");
    slice.sel = hidden;
    slices[TEXT] = slice;
    accepted_texts(unshown);
    slice.sel = NULL;
    slice.sel_kind = PF_SEL_NONE;
    slice.sel_base = 0;
    slice.sel_length = 0;
    slice.validity = &third_is_null;
    slices[TEXT] = slice;
    accepted_texts(null_third);
  }
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  char path[1024];
  strcpy(path, path_of("good_chunks_only.parquet"));
  start_again();
  pf_schema *schema = NULL;
  CHECK_OK(pf_schema_new(fields, COLUMNS, sizeof *fields, &schema, &err));
  CHECK_OK(pf_writer_open(path, schema, NULL, &writer, &err));
  pf_schema_free(schema);
  to = expect_begin(path, fields, COLUMNS, 1, false, false);
  unknown_numbers();
  selections();
  strides();
  extents();
  offsets64();
  pointers();
  views();
  dictionaries();
  dictionary_indices();
  validities();
  rata_die();
  bad_text();
  pf_part part = PF_PART_INIT;
  CHECK_OK(pf_close(writer, &part, &err));
  CHECK(part.rows == good_chunks * ROWS);
  expect_end(&to);
  pf_writer_free(writer);
  return test_end();
}
