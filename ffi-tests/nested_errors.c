/* Every way to get lists, structs and dictionary fields wrong, in schemas and in row chunks: refused with the
 * place, the value and the cure, by both appends; the same writer then takes a good chunk, and the part holds
 * just the good ones. */
#include <string.h>

#include "check.h"
#include "expected.h"

enum { ROWS = 3 };
enum { ID, TEXTS, INTS, POINT, WORD, LEGS, GRID, WORDS, LIMITED, COLUMNS };

#define REQUIRED PF_FIELD_REQUIRED
#define NULLABLE PF_FIELD_NULLABLE
#define KEPT PF_FIELD_DICTIONARY
#define COUNT(array) (sizeof(array) / sizeof *(array))
#define LIST(name, flags, element) PF_FIELD_OF_CHILDREN(name, PF_TYPE_LIST, flags, &(element), 1)
#define STRUCT(name, flags, fields) PF_FIELD_OF_CHILDREN(name, PF_TYPE_STRUCT, flags, fields, COUNT(fields))

static const pf_field text = PF_FIELD(NULL, PF_TYPE_UTF8, NULLABLE);
static const pf_field int32 = PF_FIELD(NULL, PF_TYPE_INT32, REQUIRED);
static const pf_field nullable_int32 = PF_FIELD(NULL, PF_TYPE_INT32, NULLABLE);
static const pf_field word = PF_FIELD(NULL, PF_TYPE_UTF8, NULLABLE | KEPT);
static const pf_field point[] = {PF_FIELD("x", PF_TYPE_FLOAT64, REQUIRED),
                                 PF_FIELD("name", PF_TYPE_UTF8, REQUIRED)};
static const pf_field trade[] = {PF_FIELD("n", PF_TYPE_INT64, REQUIRED),
                                 PF_FIELD_OF_WIDTH("price", PF_TYPE_DECIMAL64, NULLABLE, 4, 2)};
static const pf_field leg = STRUCT(NULL, NULLABLE, trade);
static const pf_field row = LIST(NULL, REQUIRED, nullable_int32);
static const pf_field limited[] = {
    PF_FIELD_OF_WIDTH("d32", PF_TYPE_DECIMAL32, NULLABLE, 3, 1),
    PF_FIELD_OF_WIDTH("d64", PF_TYPE_DECIMAL64, NULLABLE, 12, 0),
    PF_FIELD_OF_WIDTH("d128", PF_TYPE_DECIMAL128, NULLABLE, 19, 2),
    PF_FIELD_OF_WIDTH("d256", PF_TYPE_DECIMAL256, NULLABLE, 39, 2),
    PF_FIELD("s", PF_TYPE_TIME32_S, NULLABLE),
    PF_FIELD("ms", PF_TYPE_TIME32_MS, NULLABLE),
    PF_FIELD("us", PF_TYPE_TIME64_US, NULLABLE),
    PF_FIELD("ns", PF_TYPE_TIME64_NS, NULLABLE),
};
static const pf_field fields[COLUMNS] = {
    PF_FIELD("id", PF_TYPE_INT32, REQUIRED), /* the scalar among them */
    LIST("texts", NULLABLE, text),
    LIST("ints", REQUIRED, int32),
    STRUCT("point", NULLABLE, point),
    PF_FIELD("word", PF_TYPE_UTF8, NULLABLE | KEPT),
    LIST("legs", NULLABLE, leg),
    LIST("grid", NULLABLE, row),
    LIST("words", NULLABLE, word),
    STRUCT("limited", NULLABLE, limited),
};

static pf_writer *writer;
static expected to;
static uint64_t good_chunks;

/* A good chunk, for each test to spoil: its slices, those inside them, and so on. */
static const int32_t numbers[] = {1, -2, 3, 4};
static const char bytes[] = "onetwothree", bad_bytes[] = "one\xFFwothree";
static const int32_t ends_of_bytes[] = {0, 3, 6, 11}, ends[] = {0, 2, 2, 3}, ones[] = {0, 1, 2, 3};
static const double reals[] = {0.5, -1, 2};
static const int64_t integers[] = {INT64_MIN, 0, INT64_MAX}, prices[] = {-9999, 0, 9999};
static const int8_t indices[] = {2, 0, 1};
static const int32_t decimals32[] = {-999, 0, 999};
static const int64_t decimals64[] = {-999999999999, 0, 999999999999};
/* Minus and plus 10^19 - 1 and 10^39 - 1, the low bits first. */
static const uint64_t decimals128[] = {0x7538DCFB76180001, UINT64_MAX, 0, 0, 0x8AC7230489E7FFFF, 0};
static const uint64_t decimals256[] = {0xA09AA98000000001,
                                       0x0FAF016C76BC533B,
                                       0xFFFFFFFFFFFFFFFD,
                                       UINT64_MAX,
                                       0,
                                       0,
                                       0,
                                       0,
                                       0x5F65567FFFFFFFFF,
                                       0xF050FE938943ACC4,
                                       2,
                                       0};
static const int32_t seconds[] = {0, 1, 86399}, milliseconds[] = {0, 1, 86399999};
static const int64_t microseconds[] = {0, 1, 86399999999}, nanoseconds[] = {0, 1, 86399999999999};
static pf_column_slice slices[COLUMNS], texts, ints, xy[2], dictionary, legs, leg_fields[2], grid, cells,
    words, limits[8];

static const pf_column_slice good_texts = PF_OFFSETS(bytes, 11, ends_of_bytes, ROWS, NULL);

#define COPY(to, ...)                           \
  do {                                          \
    const pf_column_slice from[] = __VA_ARGS__; \
    memcpy((to), from, sizeof from);            \
  } while (0)

static void start_again(void) {
  const pf_column_slice kept = PF_SLICE(indices, sizeof indices, ROWS, PF_LAYOUT_DICTIONARY, NULL, NULL);
  COPY(slices, {PF_VALUES(numbers, ROWS, NULL), PF_LISTS(&texts, ends, ROWS, NULL),
                PF_LISTS(&ints, ends, ROWS, NULL), PF_STRUCTS(xy, 2, ROWS, NULL), kept,
                PF_LISTS(&legs, ones, ROWS, NULL), PF_LISTS(&grid, ends, ROWS, NULL),
                PF_LISTS(&words, ends, ROWS, NULL), PF_STRUCTS(limits, 8, ROWS, NULL)});
  COPY(&texts, {good_texts});
  COPY(&ints, {PF_VALUES(numbers, ROWS, NULL)});
  COPY(xy, {PF_VALUES(reals, ROWS, NULL), good_texts});
  COPY(&dictionary, {good_texts});
  COPY(&legs, {PF_STRUCTS(leg_fields, 2, ROWS, NULL)});
  COPY(leg_fields, {PF_VALUES(integers, ROWS, NULL), PF_VALUES(prices, ROWS, NULL)});
  COPY(&grid, {PF_LISTS(&cells, ones, ROWS, NULL)});
  COPY(&cells, {PF_VALUES(numbers, ROWS, NULL)});
  COPY(&words, {kept});
  COPY(limits, {PF_VALUES(decimals32, ROWS, NULL), PF_VALUES(decimals64, ROWS, NULL),
                PF_VALUES(decimals128, 2 * ROWS, NULL), PF_VALUES(decimals256, 4 * ROWS, NULL),
                PF_VALUES(seconds, ROWS, NULL), PF_VALUES(milliseconds, ROWS, NULL),
                PF_VALUES(microseconds, ROWS, NULL), PF_VALUES(nanoseconds, ROWS, NULL)});
  limits[2].length = limits[3].length = ROWS; /* of several int64 each */
  slices[WORD].dictionary = words.dictionary = &dictionary;
  slices[WORD].index_width = words.index_width = 1;
}

/* What element `i` of a slice says, in the layouts of the good chunk. */
static void expect_element(const pf_field *field, const pf_column_slice *s, int64_t i) {
  const uint8_t *valid = s->validity;
  const int32_t *offsets = s->offsets;
  if (valid != NULL && valid[i] == 0) {
    expect_value(&to, NULL, 0);
  } else if (field->type == PF_TYPE_LIST) {
    expect_list_begin(&to);
    for (int64_t at = offsets[i]; at < offsets[i + 1]; at++) expect_element(field->children, s->children, at);
    expect_list_end(&to);
  } else if (field->type == PF_TYPE_STRUCT) {
    expect_struct_begin(&to);
    for (size_t c = 0; c < field->child_count; c++) expect_element(&field->children[c], &s->children[c], i);
    expect_struct_end(&to);
  } else if (s->dictionary != NULL) {
    expect_element(field, s->dictionary, ((const int8_t *)s->values)[i]);
  } else if (offsets != NULL) {
    expect_value(&to, (const char *)s->values + offsets[i], (size_t)(offsets[i + 1] - offsets[i]));
  } else {
    const size_t size = value_size(field->type, 0);
    expect_value(&to, (const char *)s->values + (size_t)i * size, size);
  }
}

static void accepted(void) {
  const pf_row_chunk chunk = PF_ROW_CHUNK(slices, COLUMNS);
  CHECK_OK(pf_append_row_chunk(writer, &chunk, &err));
  good_chunks++;
  for (int64_t i = 0; i < ROWS; i++)
    for (size_t column = 0; column < COLUMNS; column++) expect_element(&fields[column], &slices[column], i);
  start_again();
}

static void refused(pf_status status, const char *says) {
  const pf_row_chunk chunk = PF_ROW_CHUNK(slices, COLUMNS);
  check_refused(writer, &chunk, status, says);
  start_again();
  accepted();
}

/* Spoils slice `s`, which is then refused; or what does not count in it, and it is taken. */
#define REFUSED_AS(status, slice, change, says) \
  do {                                          \
    pf_column_slice *const s = &(slice);        \
    change;                                     \
    refused((status), (says));                  \
  } while (0)
#define REFUSED(slice, change, says) REFUSED_AS(PF_ERR_INVALID_ARGUMENT, slice, change, says)
#define NO_SUCH_TYPE(slice, change, says) REFUSED_AS(PF_ERR_TYPE_MISMATCH, slice, change, says)
#define NOT_THE_SCHEMA(slice, change, says) REFUSED_AS(PF_ERR_SCHEMA_MISMATCH, slice, change, says)
#define ACCEPTED(slice, change)          \
  do {                                   \
    pf_column_slice *const s = &(slice); \
    change;                              \
    accepted();                          \
  } while (0)
#define NULLS(bytes) s->validity = (bytes), s->validity_kind = PF_VALIDITY_BYTES

static void children(void) {
  const uint64_t no_list[] = {0, 2, UINT64_MAX}, no_point[] = {0, 1, 3, UINT64_MAX};
  for (size_t i = 0; i < COUNT(no_list); i++) {
    NOT_THE_SCHEMA(slices[TEXTS], s->child_count = no_list[i], "slices[1] has ");
    NOT_THE_SCHEMA(grid, s->child_count = no_list[i], "slices[6].children[0] has ");
  }
  for (size_t i = 0; i < COUNT(no_point); i++) {
    NOT_THE_SCHEMA(slices[POINT], s->child_count = no_point[i], "slices[3] has ");
    NOT_THE_SCHEMA(legs, s->child_count = no_point[i], "slices[5].children[0] has ");
  }
  NOT_THE_SCHEMA(slices[TEXTS], s->children = NULL, "slices[1] has 1 children at 0x0");
  NOT_THE_SCHEMA(slices[POINT], s->children = NULL, "slices[3] has 2 children at 0x0");
  NOT_THE_SCHEMA(slices[ID], (s->children = xy, s->child_count = 2), "slices[0] has 2 children");
  NOT_THE_SCHEMA(slices[ID], s->child_count = 1, "type Int32 has 0");
  NOT_THE_SCHEMA(slices[ID], s->children = xy, "slices[0] has 0 children at");
  NOT_THE_SCHEMA(texts, (s->children = xy, s->child_count = 1), "slices[1].children[0] has 1 children");
  NOT_THE_SCHEMA(xy[1], (s->children = xy, s->child_count = 1), "slices[3].children[1] has 1 children");
  NOT_THE_SCHEMA(dictionary, (s->children = xy, s->child_count = 1), "slices[4].dictionary has 1 children");
  NOT_THE_SCHEMA(slices[WORD], (s->children = xy, s->child_count = 1), "slices[4] has 1 children");
  const uint64_t lengths[] = {0, ROWS - 1, ROWS + 1, UINT64_MAX};
  for (size_t i = 0; i < COUNT(lengths); i++) {
    REFUSED(xy[1], s->length = lengths[i], "slices[3].children[1].length is ");
    REFUSED(leg_fields[0], s->length = lengths[i], "slices[5].children[0].children[0].length is ");
  }
  REFUSED(slices[TEXTS], (s->values = lengths, s->values_size = 8), "slices[1].values is 0x");
  REFUSED(slices[POINT], s->values_size = 1, "slices[3].values is 0x0 of 1 bytes");
  REFUSED(texts, s->length = UINT64_MAX, "slices[1].children[0].length is 18446744073709551615");
  REFUSED(ints, s->values = NULL, "slices[2].children[0].values is NULL");
  REFUSED(ints, s->values_size--, "\"ints[]\": 3 rows of 4 bytes do not fit the 11 bytes");
  REFUSED(xy[0], s->stride = 7, "\"point.x\": the stride 7");
}

static void layouts(void) {
  for (int32_t layout = -1; layout <= PF_LAYOUT_STRUCT + 1; layout++) {
    if (layout != PF_LAYOUT_OFFSETS && layout != PF_LAYOUT_OFFSETS64) {
      NO_SUCH_TYPE(slices[TEXTS], s->layout = layout, "use PF_LAYOUT_OFFSETS for lists");
      NO_SUCH_TYPE(grid, s->layout = layout, "slices[6].children[0].layout is ");
    }
    if (layout != PF_LAYOUT_STRUCT) {
      NO_SUCH_TYPE(slices[POINT], s->layout = layout, "PF_LAYOUT_STRUCT for structs");
      NO_SUCH_TYPE(legs, s->layout = layout, "slices[5].children[0].layout is ");
    }
  }
  NO_SUCH_TYPE(slices[ID], s->layout = PF_LAYOUT_STRUCT, "\"id\": the layout structs cannot carry");
  NO_SUCH_TYPE(xy[0], s->layout = PF_LAYOUT_STRUCT, "\"point.x\": the layout structs cannot carry");
  NO_SUCH_TYPE(texts, (s->layout = PF_LAYOUT_VALUES, s->offsets = NULL), "\"texts[]\": the layout plain");
  NO_SUCH_TYPE(ints, (s->layout = PF_LAYOUT_OFFSETS, s->offsets = ends), "\"ints[]\": the layout offsets");
  REFUSED(ints, s->layout = 9, "slices[2].children[0].layout is 9");
  REFUSED(slices[TEXTS], s->dictionary = &dictionary, "slices[1].dictionary is not NULL");
  REFUSED(slices[POINT], s->dictionary = &dictionary, "slices[3].dictionary is not NULL");
  REFUSED(slices[TEXTS], s->offsets = NULL, "slices[1].offsets is NULL");
  REFUSED(grid, s->offsets = NULL, "slices[6].children[0].offsets is NULL");
  REFUSED(slices[POINT], s->offsets = ends, "slices[3].offsets is not NULL");
  REFUSED(slices[TEXTS], s->stride = 4, "slices[1].stride is 4");
  REFUSED(slices[POINT], s->stride = 4, "slices[3].stride is 4");
}

static void offsets(void) {
  static const struct {
    int64_t offsets[ROWS + 1];
    const char *top, *inside;
  } bad[] = {
      {{0, 2, 1, 3}, "\"ints\": offset 2 is 1, less than 2", "\"grid[]\": offset 2 is 1, less than 2"},
      {{0, 2, 2, 4}, "\"ints\": offset 3 is 4, past the 3 ele", "\"grid[]\": offset 3 is 4, past the 3 ele"},
      {{-1, 1, 2, 3}, "\"ints\": offset 0 is -1; offsets start", "\"grid[]\": offset 0 is -1; offsets start"},
      {{0, -1, 2, 3}, "\"ints\": offset 1 is -1, less than 0", "\"grid[]\": offset 1 is -1, less than 0"},
      {{0, 1, 2, INT32_MAX}, "\"ints\": offset 3 is 2147483647", "\"grid[]\": offset 3 is 2147483647"},
      {{INT32_MIN, 1, 2, 3}, "\"ints\": offset 0 is -2147483648", "\"grid[]\": offset 0 is -2147483648"},
      {{0, 1, 2, INT64_MAX}, "offset 3 is 9223372036854775807", "offset 3 is 9223372036854775807"},
      {{INT64_MIN, 1, 2, 3}, "offset 0 is -9223372036854775808", "offset 0 is -9223372036854775808"},
      {{0, 1, 2, 3 + ((int64_t)1 << 32)}, "offset 3 is 4294967299", "offset 3 is 4294967299"}, /* not 3 */
  };
  for (size_t i = 0; i < COUNT(bad); i++) {
    int32_t narrow[ROWS + 1];
    bool fits = true;
    for (int at = 0; at <= ROWS; at++) {
      narrow[at] = (int32_t)bad[i].offsets[at];
      fits = fits && narrow[at] == bad[i].offsets[at];
    }
    REFUSED(slices[INTS], (s->layout = PF_LAYOUT_OFFSETS64, s->offsets = bad[i].offsets), bad[i].top);
    REFUSED(grid, (s->layout = PF_LAYOUT_OFFSETS64, s->offsets = bad[i].offsets), bad[i].inside);
    if (fits) REFUSED(slices[INTS], s->offsets = narrow, bad[i].top);
    if (fits) REFUSED(grid, s->offsets = narrow, bad[i].inside);
  }
  REFUSED(cells, s->length = 2, "\"grid[]\": offset 3 is 3, past the 2 elements");
  REFUSED(cells, s->length = 0, "past the 0 elements");
}

/* Only whole rows are selected. */
static void selections(void) {
  static const int32_t sel[ROWS] = {2, 1, 0};
#define SELECTED s->sel = sel, s->sel_kind = PF_SEL_INT32, s->sel_length = ROWS
  REFUSED(texts, (SELECTED), "\"texts\": the elements have a selection of their own; select whole rows");
  REFUSED(grid, (SELECTED), "\"grid\": the elements have");
  REFUSED(cells, (SELECTED), "\"grid[]\": the elements have");
  REFUSED(xy[1], (SELECTED), "\"point\": the fields of a struct have");
  REFUSED(leg_fields[0], (SELECTED), "\"legs[]\": the fields of a struct have");
  REFUSED(dictionary, (SELECTED), "\"word\": the values of a dictionary have");
  REFUSED(texts, s->sel = sel, "slices[1].children[0].sel is not NULL");
  REFUSED(texts, s->sel_kind = 3, "slices[1].children[0].sel_kind is 3");
  REFUSED(xy[0], s->sel_base = 2, "slices[3].children[0].sel_base is 2");
}

static void nulls(void) {
  static const uint8_t second[] = {1, 0, 1}, last_two[] = {1, 0, 0};
  NOT_THE_SCHEMA(slices[INTS], (NULLS(second)), "\"ints\": row 1 is null, but the field is required");
  NOT_THE_SCHEMA(ints, (NULLS(second)), "\"ints[]\": element 1 is null, but the field is required");
  NOT_THE_SCHEMA(grid, (NULLS(second)), "\"grid[]\": element 1 is null");
  NOT_THE_SCHEMA(xy[0], (NULLS(second)), "\"point.x\": element 1 is null");
  NOT_THE_SCHEMA(xy[1], (NULLS(second)), "\"point.name\": element 1 is null");
  NOT_THE_SCHEMA(leg_fields[0], (NULLS(second)), "\"legs[].n\": element 1 is null");
  /* What is around it is null, or not. */
  ACCEPTED(slices[POINT], (NULLS(second), xy[0].validity = xy[1].validity = second,
                           xy[0].validity_kind = xy[1].validity_kind = PF_VALIDITY_BYTES));
  ACCEPTED(legs,
           (NULLS(second), leg_fields[0].validity = second, leg_fields[0].validity_kind = PF_VALIDITY_BYTES));
  ACCEPTED(slices[LEGS],
           (NULLS(second), leg_fields[0].validity = second, leg_fields[0].validity_kind = PF_VALIDITY_BYTES));
  NOT_THE_SCHEMA(slices[POINT],
                 (NULLS(second), xy[0].validity = last_two, xy[0].validity_kind = PF_VALIDITY_BYTES),
                 "\"point.x\": element 2 is null");
  NOT_THE_SCHEMA(
      legs,
      (NULLS(second), leg_fields[0].validity = last_two, leg_fields[0].validity_kind = PF_VALIDITY_BYTES),
      "\"legs[].n\": element 2 is null");
  REFUSED_AS(PF_ERR_UNSUPPORTED, slices[TEXTS], s->validity_kind = PF_VALIDITY_SENTINEL,
             "\"texts\": a sentinel");
  REFUSED_AS(PF_ERR_UNSUPPORTED, slices[POINT], s->validity_kind = PF_VALIDITY_SENTINEL,
             "\"point\": a sentinel");
  REFUSED_AS(PF_ERR_UNSUPPORTED, texts, s->validity_kind = PF_VALIDITY_SENTINEL, "\"texts[]\": a sentinel");
  NO_SUCH_TYPE(slices[TEXTS], s->validity_kind = PF_VALIDITY_NAN, "\"texts\": type List");
  NO_SUCH_TYPE(slices[POINT], s->validity_kind = PF_VALIDITY_NAN, "\"point\": type Struct");
  NO_SUCH_TYPE(cells, s->validity_kind = PF_VALIDITY_NAN, "\"grid[][]\": type Int32 has no NaN");
  REFUSED(texts, s->validity_kind = 4, "slices[1].children[0].validity_kind is 4");
}

static void utf8(void) {
  REFUSED_AS(PF_ERR_BAD_UTF8, texts, s->values = bad_bytes, "\"texts[]\": element 1 is not valid UTF-8");
  REFUSED_AS(PF_ERR_BAD_UTF8, xy[1], s->values = bad_bytes, "\"point.name\": element 1 is not valid UTF-8");
  REFUSED_AS(PF_ERR_BAD_UTF8, dictionary, s->values = bad_bytes, "\"word\": row 1 is not valid UTF-8");
  static const int32_t far[] = {0, 3, 6, 12};
  REFUSED(texts, s->offsets = far, "\"texts[]\": offset 3 is 12, past the 11 bytes");
  REFUSED(xy[1], s->offsets = far, "\"point.name\": offset 3 is 12");
}

static void dictionaries(void) {
  NO_SUCH_TYPE(slices[WORD], *s = good_texts, "\"word\": the field keeps its dictionary");
  NO_SUCH_TYPE(words, *s = good_texts, "\"words[]\": the field keeps its dictionary");
  static const int64_t bad[] = {-1, ROWS, 127, -128};
  static const char *const says[] = {"1 is -1, but there are 3", "1 is 3, but", "1 is 127, but",
                                     "1 is -128, but"};
  for (size_t i = 0; i < COUNT(bad); i++)
    for (uint32_t width = 1; width <= 8; width *= 2) {
      unsigned char given[8 * ROWS] = {0};
      memcpy(given + width, &bad[i], width);
      REFUSED(slices[WORD], (s->values = given, s->index_width = width, s->values_size = ROWS * width),
              says[i]);
      REFUSED(words, (s->values = given, s->index_width = width, s->values_size = ROWS * width), says[i]);
    }
  static const int64_t wide[ROWS] = {0, (int64_t)1 << 32, 0}; /* not cut to 0 */
  REFUSED(slices[WORD], (s->values = wide, s->index_width = 8, s->values_size = sizeof wide),
          "\"word\": dictionary index 1 is 4294967296, but there are 3 values");
  REFUSED(words, s->values_size--, "\"words[]\": 3 rows of 1 bytes do not fit the 2 bytes of indices");
  REFUSED(words, s->index_width = 3, "slices[7].children[0].index_width is 3");
  REFUSED(slices[WORD], s->dictionary = NULL, "slices[4].dictionary is NULL");
  REFUSED(words, s->dictionary = NULL, "slices[7].children[0].dictionary is NULL");
  REFUSED(words, s->dictionary = &words, "slices[7].children[0].dictionary is a dictionary itself");
  REFUSED(dictionary, s->dictionary = &texts, "slices[4].dictionary is a dictionary itself");
  REFUSED(dictionary, s->length = 2, "\"word\": dictionary index 0 is 2, but there are 2 values");
  REFUSED(dictionary, s->length = 0, "but there are 0 values");
  static const uint8_t all_valid[] = {1, 1, 1};
  REFUSED(dictionary, (NULLS(all_valid)), "\"word\": a dictionary's values are plain and all valid");
}

/* The first value beyond, on either side. */
static void limits_of_types(void) {
  static const uint64_t above128[] = {0x8AC7230489E80000, 0}, below128[] = {0x7538DCFB76180000, UINT64_MAX};
  static const uint64_t above256[] = {0x5F65568000000000, 0xF050FE938943ACC4, 2, 0};
  static const uint64_t below256[] = {0xA09AA98000000000, 0x0FAF016C76BC533B, 0xFFFFFFFFFFFFFFFD, UINT64_MAX};
  static const struct {
    int field;
    int64_t value;
    const char *says;
  } bad[] = {
      {0, 1000, "\"limited.d32\": element 1 is 1000, out of range"},
      {0, -1000, "element 1 is -1000, out of range"},
      {0, INT32_MIN, "element 1 is -2147483648, out of range"},
      {1, 1000000000000, "\"limited.d64\": element 1 is 1000000000000, out of range"},
      {1, -1000000000000, "element 1 is -1000000000000, out of range"},
      {1, INT64_MIN, "element 1 is -9223372036854775808, out of range"},
      {4, 86400, "\"limited.s\": element 1 is 86400, out of range"},
      {4, -1, "\"limited.s\": element 1 is -1, out of range"},
      {5, 86400000, "\"limited.ms\": element 1 is 86400000, out of range"},
      {5, -1, "\"limited.ms\": element 1 is -1, out of range"},
      {6, 86400000000, "\"limited.us\": element 1 is 86400000000, out of range"},
      {6, -1, "\"limited.us\": element 1 is -1, out of range"},
      {7, 86400000000000, "\"limited.ns\": element 1 is 86400000000000, out of range"},
      {7, -1, "\"limited.ns\": element 1 is -1, out of range"},
  };
  unsigned char given[32 * ROWS];
  for (size_t i = 0; i < COUNT(bad); i++) {
    const size_t size = value_size(limited[bad[i].field].type, 0);
    memset(given, 0, sizeof given);
    memcpy(given + size, &bad[i].value, size);
    REFUSED(limits[bad[i].field], s->values = given, bad[i].says);
  }
  memset(given, 0, sizeof given);
  memcpy(given + 16, above128, 16);
  REFUSED(limits[2], s->values = given, "\"limited.d128\": element 1 is 10000000000000000000, out of range");
  memcpy(given + 16, below128, 16);
  REFUSED(limits[2], s->values = given, "element 1 is -10000000000000000000, out of range");
  memset(given, 0, sizeof given);
  memcpy(given + 32, above256, 32);
  REFUSED(limits[3], s->values = given,
          "\"limited.d256\": element 1 is 1000000000000000000000000000000000000000, ");
  memcpy(given + 32, below256, 32);
  REFUSED(limits[3], s->values = given,
          "element 1 is -1000000000000000000000000000000000000000, out of range");
  static const int64_t five_digits[ROWS] = {0, 0, 10000};
  REFUSED(leg_fields[1], s->values = five_digits, "\"legs[].price\": element 2 is 10000, out of range");
}

/* Garbage under nulls, and where no row looks. */
static void garbage(void) {
  static const uint8_t second[] = {1, 0, 1}, last_two[] = {1, 0, 0};
  static const int32_t wild[] = {0, 2, -7, INT32_MAX}, back[] = {0, 2, 1, 3}, short_ends[] = {0, 1, 1, 1};
  static const int8_t wild_indices[] = {2, -1, 1};
  static const int64_t wild_prices[] = {1, INT64_MAX, -1};
  static const int32_t wild_times[] = {0, -1, 1};
  ACCEPTED(slices[TEXTS], (NULLS(last_two), s->offsets = wild));
  ACCEPTED(slices[TEXTS], (NULLS(second), s->offsets = back));
  ACCEPTED(texts, (NULLS(second), s->values = bad_bytes));
  ACCEPTED(texts, (NULLS(last_two), s->offsets = wild));
  ACCEPTED(slices[TEXTS], (s->offsets = short_ends, texts.values = bad_bytes));
  ACCEPTED(slices[POINT], (NULLS(second), xy[1].values = bad_bytes));
  ACCEPTED(slices[POINT], (NULLS(last_two), xy[1].offsets = wild));
  ACCEPTED(slices[WORD], (NULLS(second), s->values = wild_indices));
  ACCEPTED(words, (NULLS(second), s->values = wild_indices));
  ACCEPTED(leg_fields[1], (NULLS(second), s->values = wild_prices));
  ACCEPTED(legs, (NULLS(second), leg_fields[1].values = wild_prices));
  ACCEPTED(slices[LEGS], (NULLS(second), leg_fields[1].values = wild_prices));
  ACCEPTED(slices[LIMITED], (NULLS(second), limits[4].values = wild_times));
  /* The same, where it counts. */
  REFUSED(slices[TEXTS], (NULLS(second), s->offsets = wild), "\"texts\": offset 2 is -7");
  REFUSED_AS(PF_ERR_BAD_UTF8, slices[TEXTS], (s->offsets = ones, texts.values = bad_bytes), "\"texts[]\"");
  REFUSED(words, s->values = wild_indices, "\"words[]\": dictionary index 1 is -1");
}

static void schema_refused(pf_field one, pf_status status, const char *says) {
  pf_schema *schema = NULL;
  CHECK_STATUS(pf_schema_new(&one, 1, sizeof one, &schema, &err), status);
  CHECK_SAYS(says);
  CHECK(schema == NULL);
}

static pf_field with_children(int32_t type, const pf_field *inner, uint64_t count) {
  const pf_field made = PF_FIELD_OF_CHILDREN("a", type, NULLABLE, inner, count);
  return made;
}

#define NO_SCHEMA(type, inner, count, says) \
  schema_refused(with_children((type), (inner), (count)), PF_ERR_INVALID_ARGUMENT, (says))

static void schemas(void) {
  for (uint64_t count = 0; count <= 3; count++)
    if (count != 1) NO_SCHEMA(PF_TYPE_LIST, point, count, "\"a\": a list has 1 child, ");
  NO_SCHEMA(PF_TYPE_LIST, NULL, 0, "but child_count is 0");
  NO_SCHEMA(PF_TYPE_LIST, point, UINT64_MAX, "but child_count is 18446744073709551615");
  NO_SCHEMA(PF_TYPE_LIST, NULL, 1, "1 elements of pf_field at 0x0");
  NO_SCHEMA(PF_TYPE_STRUCT, NULL, 0, "0 elements of pf_field");
  NO_SCHEMA(PF_TYPE_STRUCT, point, 0, "0 elements of pf_field");
  NO_SCHEMA(PF_TYPE_STRUCT, NULL, 2, "2 elements of pf_field at 0x0");
  NO_SCHEMA(PF_TYPE_STRUCT, point, UINT64_MAX, "18446744073709551615 elements");
  NO_SCHEMA(PF_TYPE_STRUCT, (const pf_field *)(const void *)((const char *)point + 1), 1, "aligned");
  for (int32_t type = PF_TYPE_BOOL; type < PF_TYPE_LIST; type++) {
    NO_SCHEMA(type, point, 2, "has no children; pass NULL and 0");
    NO_SCHEMA(type, point, 0, "has no children");
    NO_SCHEMA(type, NULL, 1, "has no children");
  }
  const pf_field twice[] = {point[0], point[1], point[0]};
  NO_SCHEMA(PF_TYPE_STRUCT, twice, 3, "\"a\": its field \"x\" comes twice");
  NO_SCHEMA(PF_TYPE_STRUCT, &text, 1, "fields[0].children[0].name is NULL");

  /* A field inside is wrong as one at the top is. */
  pf_field inside = text;
  inside.flags = 4;
  NO_SCHEMA(PF_TYPE_LIST, &inside, 1, "\"element\": flags 4 are none of PF_FIELD_*");
  inside.flags = UINT32_MAX;
  NO_SCHEMA(PF_TYPE_LIST, &inside, 1, "flags 4294967295");
  inside = text;
  inside.type = PF_TYPE_STRUCT + 1;
  NO_SCHEMA(PF_TYPE_LIST, &inside, 1, "type 36 is none of PF_TYPE_*");
  inside = text;
  inside.name = "";
  NO_SCHEMA(PF_TYPE_STRUCT, &inside, 1, "fields[0].children[0].name has 0 bytes");
  inside.name = "b\xFF";
  schema_refused(with_children(PF_TYPE_STRUCT, &inside, 1), PF_ERR_BAD_UTF8, "fields[0].children[0].name");

  static const int32_t without_dictionary[] = {PF_TYPE_BOOL, PF_TYPE_UUID, PF_TYPE_LIST, PF_TYPE_STRUCT};
  for (size_t i = 0; i < COUNT(without_dictionary); i++) {
    const bool nested = without_dictionary[i] >= PF_TYPE_LIST;
    pf_field one = with_children(without_dictionary[i], nested ? point : NULL, nested);
    one.flags |= PF_FIELD_DICTIONARY;
    schema_refused(one, PF_ERR_INVALID_ARGUMENT, "leave out PF_FIELD_DICTIONARY");
    NO_SCHEMA(PF_TYPE_LIST, &one, 1, "leave out PF_FIELD_DICTIONARY");
  }
  for (int32_t type = PF_TYPE_LIST; type <= PF_TYPE_STRUCT; type++) {
    const pf_field one = with_children(type, point, 1);
    pf_field wrong[] = {one, one, one, one};
    wrong[0].width = 1;
    wrong[1].scale = 1;
    wrong[2].timezone = "UTC";
    for (size_t i = 0; i < 3; i++)
      schema_refused(wrong[i], PF_ERR_INVALID_ARGUMENT, "only for types of one value");
    wrong[3].flags = 4;
    schema_refused(wrong[3], PF_ERR_INVALID_ARGUMENT, "\"a\": flags 4");
  }
}

/* 64 lists in one another are taken, 65 are not, nor is a field that is its own child. */
static void depth(void) {
  enum { MOST = 64 };
  pf_field nested[MOST + 2];
  nested[MOST + 1] = text;
  nested[MOST + 1].name = "a";
  for (int i = MOST; i >= 0; i--) nested[i] = with_children(PF_TYPE_LIST, &nested[i + 1], 1);
  pf_schema *schema = NULL;
  CHECK_OK(pf_schema_new(&nested[1], 1, sizeof *nested, &schema, &err));
  pf_schema_free(schema);
  schema_refused(nested[0], PF_ERR_INVALID_ARGUMENT, "more than 64 fields in one another");
  for (int32_t type = PF_TYPE_LIST; type <= PF_TYPE_STRUCT; type++) {
    pf_field own = with_children(type, NULL, 1);
    own.children = &own;
    pf_schema *none = NULL;
    CHECK_INVALID(pf_schema_new(&own, 1, sizeof own, &none, &err));
    CHECK_SAYS("more than 64 fields in one another");
    CHECK(none == NULL);
  }
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  schemas();
  depth();
  static char path[1024];
  strcpy(path, path_of("good_chunks_only.parquet"));
  pf_schema *schema = NULL;
  pf_part part = PF_PART_INIT;
  CHECK_OK(pf_schema_new(fields, COLUMNS, sizeof *fields, &schema, &err));
  CHECK_OK(pf_writer_open(path, schema, NULL, &writer, &err));
  pf_schema_free(schema);
  to = expect_begin(path, fields, COLUMNS, 1, false, false);
  start_again();
  children();
  layouts();
  offsets();
  selections();
  nulls();
  utf8();
  dictionaries();
  limits_of_types();
  garbage();
  CHECK_OK(pf_close(writer, &part, &err));
  CHECK(part.rows == good_chunks * ROWS);
  expect_end(&to);
  pf_writer_free(writer);
  return test_end();
}
