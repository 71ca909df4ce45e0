/* Column slices that are right: every layout through every selection and validity, against a loop over the
 * rows that reads the source arrays by itself. */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "expected.h"
#include "view.h"

enum { SOURCE = 37, ROWS = 61 }; /* more rows than elements: some come twice */

static uint64_t random_bits(void) {
  static uint64_t x = 88172645463325252;
  x ^= x << 13, x ^= x >> 7, x ^= x << 17;
  return x;
}

/* A source: a slice over all its elements, all valid, and what each of them is. */
typedef struct source {
  const char *name;
  pf_field field;
  pf_column_slice slice;
  const void *element[SOURCE];
  size_t size[SOURCE];
} source;

static source sources[72];
static size_t source_count;

static source *add_source(const char *name, int32_t type, uint32_t width, pf_column_slice slice) {
  CHECK(source_count < sizeof sources / sizeof *sources);
  source *s = &sources[source_count++];
  s->name = name;
  const pf_field field = PF_FIELD_OF_WIDTH(name, type, PF_FIELD_NULLABLE, width, 0);
  s->field = field;
  s->slice = slice;
  return s;
}

/* `length` elements of `size` bytes, `stride` apart, from `values` on. */
static void set_elements(source *s, const void *values, size_t size, size_t stride) {
  for (size_t i = 0; i < SOURCE; i++) {
    s->element[i] = (const char *)values + i * stride;
    s->size[i] = size;
  }
}

static pf_column_slice slice_of(const void *values, uint64_t size, int32_t layout, const void *offsets) {
  pf_column_slice made = PF_SLICE(values, size, SOURCE, layout, offsets, NULL);
  return made;
}

/* Fields inside an array of structs, packed so that none is aligned, and the same types adjacent. */
#define STRIDE 61
static unsigned char structs[SOURCE * STRIDE], adjacent[8][SOURCE * 32 + 1];
static const struct {
  int32_t type;
  uint32_t width, at;
  const char *strided, *plain;
} members[] = {
    {PF_TYPE_BOOL, 0, 0, "bool strided", "bool"},
    {PF_TYPE_FLOAT16, 0, 1, "float16 strided", "float16"},
    {PF_TYPE_INT32, 0, 3, "int32 strided", "int32"},
    {PF_TYPE_FLOAT64, 0, 7, "float64 strided", "float64"},
    {PF_TYPE_UUID, 0, 15, "uuid strided", "uuid"},
    {PF_TYPE_FIXED_SIZE_BINARY, 5, 31, "fixed strided", "fixed"},
    {PF_TYPE_UINT8, 0, 36, "uint8 strided", "uint8"},
    {PF_TYPE_FLOAT32, 0, 37, "float32 strided", "float32"},
};

static void fixed_sources(void) {
  for (size_t i = 0; i < sizeof structs; i++) structs[i] = (unsigned char)random_bits();
  for (size_t m = 0; m < 8; m++) {
    const size_t size = value_size(members[m].type, members[m].width);
    const unsigned char *first = structs + members[m].at;
    pf_column_slice slice = slice_of(first, (SOURCE - 1) * STRIDE + size, PF_LAYOUT_VALUES, NULL);
    slice.stride = STRIDE;
    set_elements(add_source(members[m].strided, members[m].type, members[m].width, slice), first, size,
                 STRIDE);
    unsigned char *values = adjacent[m] + 1;
    for (size_t i = 0; i < SOURCE; i++) memcpy(values + i * size, first + i * STRIDE, size);
    slice = slice_of(values, SOURCE * size, PF_LAYOUT_VALUES, NULL);
    set_elements(add_source(members[m].plain, members[m].type, members[m].width, slice), values, size, size);
  }
}

/* Bools as bits from the sixth on. */
static void bit_source(void) {
  static uint8_t bits[(SOURCE + 12) / 8], bools[SOURCE];
  for (size_t i = 0; i < sizeof bits; i++) bits[i] = (uint8_t)random_bits();
  for (size_t i = 0; i < SOURCE; i++) bools[i] = bits[(i + 5) / 8] >> (i + 5) % 8 & 1;
  pf_column_slice slice = slice_of(bits, sizeof bits, PF_LAYOUT_BITS, NULL);
  slice.values_offset = 5;
  set_elements(add_source("bits", PF_TYPE_BOOL, 0, slice), bools, 1, 1);
}

/* Texts of 0 to 40 bytes in one piece, with what the layouts say of them. */
static char text[SOURCE * 40];
static int32_t offsets32[SOURCE + 1];
static int64_t offsets64[SOURCE + 1], lengths[SOURCE];
static const char *pointers[SOURCE];
static view views[SOURCE];

static void text_sources(void) {
  static const char *const letters[] = {"a", "\xC3\xA9", "\xE6\x97\xA5", "\xF0\x9F\x98\x80"};
  static char second[40 * SOURCE + 7];
  static const void *buffers[] = {text, NULL, second};
  static const int64_t sizes[] = {sizeof text, 0, sizeof second};
  for (size_t i = 0; i < SOURCE; i++) {
    char *end = text + offsets32[i];
    for (size_t letter = 0; letter < i % 11; letter++) {
      const char *from = letters[random_bits() % 4];
      memcpy(end, from, strlen(from));
      end += strlen(from);
    }
    offsets64[i + 1] = offsets32[i + 1] = (int32_t)(end - text);
    lengths[i] = offsets32[i + 1] - offsets32[i];
    pointers[i] = text + offsets32[i];
    views[i].length = (int32_t)lengths[i];
    if (lengths[i] <= 12) {
      memcpy(views[i].is.text, pointers[i], (size_t)lengths[i]);
    } else {
      memcpy(views[i].is.at.prefix, pointers[i], 4);
      views[i].is.at.buffer = i % 2 == 0 ? 0 : 2;
      views[i].is.at.offset = offsets32[i] + (i % 2 == 0 ? 0 : 7);
    }
  }
  memcpy(second + 7, text, sizeof text);
  for (int32_t type = PF_TYPE_UTF8; type <= PF_TYPE_BINARY; type++) {
    const uint64_t size = (uint64_t)offsets32[SOURCE];
    const bool utf8 = type == PF_TYPE_UTF8;
    source *made[] = {
        add_source(utf8 ? "utf8 offsets" : "binary offsets", type, 0,
                   slice_of(text, size, PF_LAYOUT_OFFSETS, offsets32)),
        add_source(utf8 ? "utf8 offsets64" : "binary offsets64", type, 0,
                   slice_of(text, size, PF_LAYOUT_OFFSETS64, offsets64)),
        add_source(utf8 ? "utf8 pointers" : "binary pointers", type, 0,
                   slice_of(pointers, sizeof pointers, PF_LAYOUT_POINTERS, lengths)),
        add_source(utf8 ? "utf8 views" : "binary views", type, 0,
                   slice_of(views, sizeof views, PF_LAYOUT_VIEWS, NULL)),
    };
    made[3]->slice.buffers = buffers;
    made[3]->slice.buffer_sizes = sizes;
    made[3]->slice.buffer_count = 3;
    for (size_t m = 0; m < 4; m++)
      for (size_t i = 0; i < SOURCE; i++) {
        made[m]->element[i] = text + offsets32[i];
        made[m]->size[i] = (size_t)lengths[i];
      }
  }
}

/* Indices of each width into each kind of values that came before. */
static void dictionary_sources(void) {
  static const char *const values[] = {
      "int32",        "float64 strided", "fixed",           "bool", "bits", "utf8 views",
      "utf8 offsets", "utf8 pointers",   "binary offsets64"};
  static char names[36][40];
  static unsigned char indices[36][8 * SOURCE + 1];
  static pf_column_slice dictionaries[36];
  const size_t plain = source_count;
  size_t next = 0;
  for (size_t v = 0; v < 9; v++)
    for (uint32_t width = 1; width <= 8; width *= 2, next++) {
      const source *of = sources;
      while (of < sources + plain && strcmp(of->name, values[v]) != 0) of++;
      CHECK(of < sources + plain);
      snprintf(names[next], sizeof names[next], "dictionary%u of %s", 8 * (unsigned)width, of->name);
      dictionaries[next] = of->slice;
      pf_column_slice slice =
          slice_of(indices[next] + 1, (uint64_t)SOURCE * width, PF_LAYOUT_DICTIONARY, NULL);
      slice.dictionary = &dictionaries[next];
      slice.index_width = width;
      source *made = add_source(names[next], of->field.type, of->field.width, slice);
      for (size_t i = 0; i < SOURCE; i++) {
        const uint64_t index = random_bits() % SOURCE;
        memcpy(indices[next] + 1 + i * width, &index, width); /* little-endian */
        made->element[i] = of->element[index];
        made->size[i] = of->size[index];
      }
    }
}

/* Julia's dates and times, inside structs of two int64; 719163 days lie before 1970-01-01. */
static void rata_die_sources(void) {
  static int64_t days[2 * SOURCE], times[2 * SOURCE], stored[4][SOURCE];
  static int32_t dates[SOURCE];
  static const char *const names[] = {"julia s", "julia ms", "julia us", "julia ns"};
  int64_t from_ms[] = {1, 1, 1000, 1000000};
  for (size_t i = 0; i < SOURCE; i++) {
    dates[i] = (int32_t)(random_bits() % 200000) - 100000;
    days[2 * i] = dates[i] + INT64_C(719163);
    const int64_t seconds = (int64_t)(random_bits() % 12000000000) - 6000000000;
    const int64_t ms = seconds * 1000 + (int64_t)(i % 3);
    times[2 * i] = ms + INT64_C(719163) * 86400000;
    for (size_t unit = 1; unit < 4; unit++) stored[unit][i] = ms * from_ms[unit];
  }
  pf_column_slice slice = slice_of(days, sizeof days - 8, PF_LAYOUT_RATA_DIE, NULL);
  slice.stride = 16;
  set_elements(add_source("julia date", PF_TYPE_DATE32, 0, slice), dates, 4, 4);
  slice.values = times;
  /* Seconds are stored as milliseconds, so none get lost; the column is said to be one of these. */
  for (size_t unit = 0; unit < 4; unit++)
    set_elements(add_source(names[unit], PF_TYPE_TIMESTAMP_S + (int32_t)unit, 0, slice),
                 stored[unit == 0 ? 1 : unit], 8, 8);
}

static void make_sources(void) {
  fixed_sources();
  bit_source();
  text_sources();
  dictionary_sources();
  rata_die_sources();
}

/* Which rows: element numbers, and a slice that says so. */
enum { ALL, INT32, INT32_FROM_1, INT64, INT64_FROM_1, REVERSED, NONE_SELECTED, SELECTIONS };
static size_t selected[ROWS], row_count;
static unsigned char selection_memory[8 * ROWS + 1];

static void select_rows(int kind) {
  row_count = kind == ALL || kind == REVERSED ? SOURCE : kind == NONE_SELECTED ? 0 : ROWS;
  const size_t base = kind == INT32_FROM_1 || kind == INT64_FROM_1,
               width = kind == INT64 || kind == INT64_FROM_1 ? 8 : 4;
  for (size_t row = 0; row < row_count; row++) {
    selected[row] = kind == ALL ? row : kind == REVERSED ? SOURCE - 1 - row : random_bits() % SOURCE;
    const uint64_t index = selected[row] + base;
    memcpy(selection_memory + 1 + row * width, &index, width);
  }
}

static void set_selection(pf_column_slice *slice, int kind) {
  if (kind == ALL) return;
  const bool wide = kind == INT64 || kind == INT64_FROM_1;
  slice->sel = kind == NONE_SELECTED ? NULL : selection_memory + 1;
  slice->sel_length = row_count;
  slice->sel_kind = wide ? PF_SEL_INT64 : PF_SEL_INT32;
  slice->sel_base = kind == INT32_FROM_1 || kind == INT64_FROM_1;
}

/* Which elements are null: what the library is to find out, and the memory that says so. */
enum { VALID, BITMAP, BYTES, SENTINEL, NAN_IS_NULL, VALIDITIES };
#define MAX_COLUMNS 72
static bool valid[MAX_COLUMNS][SOURCE];
static unsigned char null_memory[MAX_COLUMNS][SOURCE], value_memory[MAX_COLUMNS][4096];

static bool is_nan(size_t size, const void *value) {
  uint16_t half;
  float f32;
  double f64;
  if (size == 2) return memcpy(&half, value, 2), (half & 0x7FFF) > 0x7C00;
  if (size == 4) return memcpy(&f32, value, 4), f32 != f32;
  return memcpy(&f64, value, 8), f64 != f64;
}

static bool can_have(const source *s, int kind) {
  const int32_t type = s->field.type;
  const bool fixed = s->slice.layout == PF_LAYOUT_VALUES;
  if (kind == NAN_IS_NULL)
    return fixed && (type == PF_TYPE_FLOAT16 || type == PF_TYPE_FLOAT32 || type == PF_TYPE_FLOAT64);
  if (kind == SENTINEL)
    return (fixed && value_size(type, s->field.width) <= 8) || s->slice.layout >= PF_LAYOUT_DICTIONARY;
  return true;
}

/* Bytes of what `values` has for an element; 0 for what other elements share. */
static size_t raw_size(const source *s) {
  switch (s->slice.layout) {
    case PF_LAYOUT_VALUES:
      return value_size(s->field.type, s->field.width);
    case PF_LAYOUT_POINTERS:
    case PF_LAYOUT_RATA_DIE:
      return 8;
    case PF_LAYOUT_VIEWS:
      return 16;
    case PF_LAYOUT_DICTIONARY:
      return s->slice.index_width;
    default:
      return 0;
  }
}

/* Each third element becomes a null. Under it lies what no valid element may be: NULL, a wild index or view.
 */
static void set_validity(pf_column_slice *slice, size_t column, int kind) {
  const source *s = &sources[column];
  const size_t size = raw_size(s), stride = s->slice.stride != 0 ? s->slice.stride : size;
  const bool wild = s->slice.layout != PF_LAYOUT_POINTERS;
  int64_t sentinel = s->slice.layout == PF_LAYOUT_DICTIONARY ? -1
                     : s->slice.layout == PF_LAYOUT_RATA_DIE ? INT64_MIN
                                                             : INT64_C(0x5A5B5C5D5E5F7E7F);
  uint64_t nan = size == 2 ? 0xFE01 : size == 4 ? 0x7F800001 : UINT64_C(0xFFF8000000000000);
  unsigned char *values = value_memory[column];
  CHECK(s->slice.values_size < sizeof value_memory[column]);
  memcpy(values, s->slice.values, s->slice.values_size);
  memset(null_memory[column], 0, SOURCE);
  if (size > 0) slice->values = values;
  for (size_t i = 0; i < SOURCE; i++) {
    unsigned char *raw = values + i * stride;
    const bool is_null = kind != VALID && random_bits() % 3 == 0;
    if (is_null && kind == SENTINEL) memcpy(raw, &sentinel, size);
    if (is_null && kind == NAN_IS_NULL) memcpy(raw, &nan, size);
    if (is_null && (kind == BITMAP || kind == BYTES)) memset(raw, wild ? 0xFF : 0, size);
    valid[column][i] = kind == SENTINEL      ? memcmp(raw, &sentinel, size) != 0
                       : kind == NAN_IS_NULL ? !is_nan(size, raw)
                                             : !is_null;
    if (kind == BYTES) null_memory[column][i] = valid[column][i] ? (unsigned char)(i + 1) : 0;
    if (kind == BITMAP && valid[column][i])
      null_memory[column][(i + 11) / 8] |= (unsigned char)(1 << (i + 11) % 8);
  }
  static const int32_t kinds[] = {PF_VALIDITY_BITMAP, PF_VALIDITY_BITMAP, PF_VALIDITY_BYTES,
                                  PF_VALIDITY_SENTINEL, PF_VALIDITY_NAN};
  slice->validity_kind = kinds[kind];
  if (kind == BITMAP || kind == BYTES) slice->validity = null_memory[column];
  if (kind == BITMAP) slice->validity_offset = 11;
  if (kind == SENTINEL) slice->null_value = sentinel;
}

/* All sources side by side; a chunk for each selection and validity. */
static void every_combination(const char *path, uint64_t window_rows) {
  pf_field given[MAX_COLUMNS], stored[MAX_COLUMNS];
  for (size_t c = 0; c < source_count; c++) {
    given[c] = stored[c] = sources[c].field;
    if (stored[c].type == PF_TYPE_TIMESTAMP_S) stored[c].type = PF_TYPE_TIMESTAMP_MS;
  }
  pf_writer_options options = PF_WRITER_OPTIONS_INIT;
  options.window_rows = window_rows;
  pf_schema *schema = NULL;
  pf_writer *writer = NULL;
  CHECK_OK(pf_schema_new(given, source_count, sizeof *given, &schema, &err));
  CHECK_OK(pf_writer_open(path, schema, &options, &writer, &err));
  pf_schema_free(schema);
  expected to = expect_begin(path, stored, source_count, 1, false, false);
  uint64_t rows = 0;
  for (int kind = VALID; kind < VALIDITIES; kind++)
    for (int selection = ALL; selection < SELECTIONS; selection++) {
      pf_column_slice slices[MAX_COLUMNS];
      select_rows(selection);
      for (size_t c = 0; c < source_count; c++) {
        slices[c] = sources[c].slice;
        set_validity(&slices[c], c, can_have(&sources[c], kind) ? kind : BITMAP);
        set_selection(&slices[c], selection);
      }
      const pf_row_chunk chunk = PF_ROW_CHUNK(slices, source_count);
      CHECK_OK(pf_append_row_chunk(writer, &chunk, &err));
      for (size_t row = 0; row < row_count; row++)
        for (size_t c = 0; c < source_count; c++) {
          const size_t i = selected[row];
          expect_value(&to, valid[c][i] ? sources[c].element[i] : NULL, sources[c].size[i]);
        }
      rows += row_count;
    }
  expect_end(&to);
  pf_part part = PF_PART_INIT;
  CHECK_OK(pf_close(writer, &part, &err));
  CHECK(part.rows == rows);
  pf_writer_free(writer);
}

int main(int argc, char **argv) {
  test_begin(argc, argv);
  make_sources();
  every_combination(path_of("one_window.parquet"), 0);
  every_combination(path_of("many_windows.parquet"), 23);
  return test_end();
}
